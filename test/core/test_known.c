/* What is looked up ahead is used once, and only where nobody else writes it meanwhile. */
#include "../unit.h"

#include "core/mirror/known.h"
#include "core/mirror/mirror.h"
#include "small_world.h"

#define ONE "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"here\"}"
#define TWO "{\"id\":\"prod_2\",\"object\":\"product\"}"
#define PAGE(objects) "{\"object\":\"list\",\"data\":[" objects "],\"has_more\":false}"

/* As on a store that is far away. */
static void find(struct small_world *w, const char *body, struct known *k, struct arena *a)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct store_ops *near = w->world.store->ops;
    struct store_ops far = *near;
    struct error e = { 0 };
    struct page page;

    far.crowded = true;
    assert_int_equal(page_open(str_of(body), &page, &e), ST_OK);
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    w->world.store->ops = &far;
    enum status st = known_find(&tx, &w->env, &page, 1 << 20, k, a, &e);
    w->world.store->ops = near;
    assert_int_equal(st, ST_OK);
}

static void a_row_is_known_once_and_so_is_that_there_is_none(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct known k;
    int row = 7;

    put_product(w, ONE, 0, "test");
    find(w, PAGE(ONE "," TWO), &k, &a);
    assert_true(known_take(&k, S("product"), S("prod_1"), &row));
    assert_int_equal(row, 0);
    assert_true(str_eqz(row_str(&k.rows, 0, KNOWN_ROW_AT + 3), ONE));
    assert_false(known_take(&k, S("product"), S("prod_1"), &row));
    assert_true(known_take(&k, S("product"), S("prod_2"), &row));
    assert_int_equal(row, -1);
    assert_false(known_take(&k, S("product"), S("prod_3"), &row));
    assert_false(known_take(&k, S("price"), S("prod_2"), &row));
    assert_false(known_take(NULL, S("product"), S("prod_1"), &row));
    small_world_free(w);
}

static void an_id_that_stands_twice_is_known_once(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct known k;
    int row;

    find(w, PAGE(TWO "," TWO), &k, &a);
    assert_true(known_take(&k, S("product"), S("prod_2"), &row));
    assert_false(known_take(&k, S("product"), S("prod_2"), &row));
    small_world_free(w);
}

static void members_of_lists_are_known_too(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct known k;
    int row;

    find(w,
         PAGE("{\"id\":\"sub_1\",\"object\":\"subscription\",\"items\":{\"object\":\"list\","
              "\"data\":["
              "{\"id\":\"si_1\",\"object\":\"subscription_item\"}],\"has_more\":false}}"),
         &k, &a);
    assert_true(known_take(&k, S("subscription_item"), S("si_1"), &row));
    assert_int_equal(row, -1);
    assert_false(known_take(&k, S("subscription_item"), S("si_1"), &row));
    assert_true(known_take(&k, S("subscription"), S("sub_1"), &row));
    small_world_free(w);
}

static void a_store_of_our_own_process_is_asked_one_by_one(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct known k;
    struct page page;
    int row;

    assert_int_equal(page_open(S(PAGE(ONE)), &page, &e), ST_OK);
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(known_find(&tx, &w->env, &page, 1 << 20, &k, &a, &e), ST_OK);
    assert_int_equal(tx.n_runs, 0);
    assert_false(known_take(&k, S("product"), S("prod_1"), &row));
    tx_end(&tx);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_known_once_and_so_is_that_there_is_none),
        cmocka_unit_test(an_id_that_stands_twice_is_known_once),
        cmocka_unit_test(members_of_lists_are_known_too),
        cmocka_unit_test(a_store_of_our_own_process_is_asked_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
