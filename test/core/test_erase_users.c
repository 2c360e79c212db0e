/* With the customer goes the application's user, wherever the id stands, and the pair on the
 * key-value server. */
#include "erasing.h"

#include "core/customer/outbox.h"
#include "core/customer/user.h"
#include "core/erasure/removal.h"

#include <stdio.h>
#include <string.h>

#define USER(id) ",\"metadata\":{\"userId\":\"" id "\"}"

static void called(struct small_world *w, const char *path)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(tx_run(&tx, STMT_CALL_ADD, NULL, NULL, &e, V_INT(1), V_STR(S("GET")),
                            V_STR(str_of(path)), V_STR(S("acct_1")), V_INT(200), V_NULL, V_NULL,
                            V_INT(1), V_INT(0), V_STR(S("user")), V_NULL, V_NULL),
                     ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

/* Ada was "old name", is an address that is not her customer's, and was searched for. */
static void open_users(struct small_world *w)
{
    put(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL USER("old name")));
    change(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL USER("ada+x@home.example")));
    put(w, "product", "prod_1",
        OF("product", "prod_1",
           ",\"name\":\"tea\",\"url\":\"https://x.y/?for=ada%2bx%40home.example\""));
    change(w, "product", "prod_1", OF("product", "prod_1", ",\"name\":\"tea\""));
    deliver_body(w, "evt_url", "product.updated",
                 OF("product", "prod_1", ",\"url\":\"https://x.y/?for=ada%2Bx%40home.example\""));
    called(w, "/v1/customers/search?limit=100&query=metadata%5B%22userId%22%5D%3A%22ada%2Bx%40home."
              "example%22");
    called(w, "/v1/customers/search?limit=100&query=metadata%5B%22other%22%5D%3A%22old%20name%22");
    called(w, "/v1/customers/search?limit=100&query=metadata%5B%22userId%22%5D%3A%22bob%22");
    called(w, "/v1/coupons/ada%2Bx%40home.example?x=1");
    assert_int_equal(ask_int(w, "select count(*) from _users"), 2);
    assert_true(files_hold(w, "old name") && files_hold(w, "home.example"));
}

static void ask_for_user(struct small_world *w, const char *user)
{
    struct error e = { 0 };
    int64_t gen;

    assert_int_equal(user_want(&w->env, str_of(user), S(""), &gen, &e), ST_OK);
}

static void a_users_id_is_forgotten_with_the_only_customer(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    script(w, "/v1/customers/cus_ada", 200,
           OF("customer", "cus_ada", MAIL USER("ada+x@home.example")));
    open_users(w);
    ask_for_user(w, "ada+x@home.example");
    work_off(w);
    assert_string_equal(ask_text(w, "select state from _users where customer = 'cus_ada'"),
                        "bound");
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _user_links"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _user_history"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where kind = 'user'"), 0);
    assert_string_equal(ask_text(w, "select group_concat(path, ' ') from (select path from _calls "
                                    "where path like '%search%' or path like '%erased%' order by "
                                    "seq)"),
                        "/v1/customers/search /v1/customers/search /v1/customers/search?limit=100&"
                        "query=metadata%5B%22userId%22%5D%3A%22bob%22 (erased)");
    assert_false(files_hold(w, "old name") || files_hold(w, "old%20name"));
    assert_false(files_hold(w, "home.example"));
    assert_true(files_hold(w, "cus_ada")); /* which is what blocks */
    assert_int_equal(put(w, "customer", "cus_ada", OF("customer", "cus_ada", USER("old name"))),
                     MIRROR_ERASED);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    small_world_free(w);
}

static void a_user_with_another_customer_stays(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    put(w, "customer", "cus_ada", OF("customer", "cus_ada", USER("user_1")));
    put(w, "customer", "cus_two", OF("customer", "cus_two", ",\"created\":5" USER("user_1")));
    erase(w, "cus_ada", &x, &a);
    assert_string_equal(ask_text(w, "select customer from _users where user_id = 'user_1'"),
                        "cus_two");
    assert_int_equal(ask_int(w, "select count(*) from _user_links where customer = 'cus_ada'"), 0);
    erase(w, "cus_two", &x, &a);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    small_world_free(w);
}

static void a_user_who_was_forgotten_and_asks_again_gets_another_customer(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    put(w, "customer", "cus_ada", OF("customer", "cus_ada", USER("user_1")));
    erase(w, "cus_ada", &x, &a);
    script(w, "/v1/customers/search", 200,
           "{\"object\":\"search_result\",\"data\":[" OF(
               "customer", "cus_ada",
               USER("user_1")) "],"
                               "\"has_more\":false,\"url\":\"/v1/customers/search\"}");
    script(w, "/v1/customers", 200, OF("customer", "cus_new", USER("user_1")));
    script(w, "/v1/customers/cus_new", 200, OF("customer", "cus_new", USER("user_1")));
    ask_for_user(w, "user_1");
    work_off(w);
    assert_string_equal(ask_text(w, "select customer from _users where user_id = 'user_1'"),
                        "cus_new");
    small_world_free(w);
}

/* ---- and the key-value server ---- */

static struct shelf {
    char key[8][64], value[8][256];
    size_t n;
    bool away;
    struct small_world *w;
} shelf;

static enum status shelf_put(struct kv *k, const struct kv_item *item, size_t n, struct error *e)
{
    (void)k;
    if (shelf.away)
        return fail(e, ST_RETRY, "away");
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at < shelf.n && !str_eqz(item[i].key, shelf.key[at]))
            at++;
        assert_true(at < COUNT(shelf.key));
        shelf.n += at == shelf.n;
        snprintf(shelf.key[at], sizeof shelf.key[at], "%.*s", STR_ARG(item[i].key));
        snprintf(shelf.value[at], sizeof shelf.value[at], "%.*s", STR_ARG(item[i].value));
        if (!item[i].value.n && shelf.w) /* the row is not forgotten before the pair */
            assert_int_equal(ask_int(shelf.w, "select count(*) from _users"), 1);
    }
    return ST_OK;
}

static enum status shelf_get(struct kv *k, str key, str *value, struct arena *a, struct error *e)
{
    (void)k, (void)key, (void)value, (void)a, (void)e;
    return ST_NONE;
}

static void shelf_close(struct kv *k)
{
    (void)k;
}

static const struct kv_ops shelf_ops = { "shelf", shelf_put, shelf_get, shelf_close };
static struct kv the_shelf = { &shelf_ops };

static struct small_world *with_shelf(void)
{
    struct small_world *w = small_world_new();

    shelf = (struct shelf){ 0 };
    w->world.kv = &the_shelf;
    put(w, "customer", "cus_ada", OF("customer", "cus_ada", USER("user_1")));
    return w;
}

static void deliver_all(struct small_world *w)
{
    struct error e = { 0 };
    size_t n = 1;

    while (n)
        assert_int_equal(outbox_deliver(&w->env, &n, &e), ST_OK);
}

static const char *pair_of_user(void)
{
    for (size_t i = 0; i < shelf.n; i++)
        if (strstr(shelf.key[i], "user:user_1"))
            return shelf.value[i];
    return "(none)";
}

static void a_users_pair_is_removed_before_the_row_is_forgotten(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    deliver_all(w);
    assert_non_null(strstr(pair_of_user(), "cus_ada"));
    shelf.away = true;
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "run it again"));
    assert_string_equal(ask_text(w, "select state from _users"), "forgotten");
    shelf.away = false;
    shelf.w = w;
    deliver_all(w);
    assert_string_equal(pair_of_user(), "");
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    erase(w, "cus_ada", &x, &a);
    assert_false(files_hold(w, "user_1"));
    small_world_free(w);
}

static void who_is_stopped_while_he_waits_does_not_blame_the_server(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    deliver_all(w);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "does not answer"));
    error_clear(&e);
    env_stop(&w->env);
    assert_int_equal(removal_await(&w->env, S("cus_ada"), &e), ST_RETRY);
    assert_null(strstr(e.text, "does not answer"));
    assert_non_null(strstr(e.text, "is stopping"));
    small_world_free(w);
}

static void who_asks_again_before_the_pair_is_removed_keeps_it(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    deliver_all(w);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_RETRY);
    ask_for_user(w, "user_1");
    deliver_all(w);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 1);
    assert_non_null(strstr(pair_of_user(), "\"customerId\":null"));
    small_world_free(w);
}

/* As a shell beside the daemon whose configuration names no server. */
static void a_process_without_the_server_forgets_no_pair_that_is_there(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    deliver_all(w);
    w->world.kv = kv_none();
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "--server-gone"));
    assert_string_equal(ask_text(w, "select state from _users"), "forgotten");
    w->world.kv = &the_shelf;
    shelf.w = w;
    deliver_all(w);
    assert_string_equal(pair_of_user(), "");
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    small_world_free(w);
}

static void a_server_that_is_no_more_is_waited_for_no_longer(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    deliver_all(w);
    assert_int_equal(erase_server_gone(&w->env, &e), ST_INVALID);
    w->world.kv = kv_none();
    error_clear(&e);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_RETRY);
    assert_int_equal(erase_server_gone(&w->env, &e), ST_OK);
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    assert_false(files_hold(w, "user_1"));
    /* and for nobody any more */
    put(w, "customer", "cus_bob", OF("customer", "cus_bob", USER("user_2")));
    erase(w, "cus_bob", &x, &a);
    small_world_free(w);
}

/* It has the last digits of a card in it. */
static void nobody_is_forgotten_whose_state_the_server_still_has(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    put(w, "customer", "cus_bob", OF("customer", "cus_bob", ""));
    put(w, "subscription", "sub_1",
        OF("subscription", "sub_1", CUS("cus_bob") ",\"status\":\"active\""));
    deliver_all(w);
    assert_int_equal(ask_int(w, "select count(*) from _states where value like '%sub_1%'"), 1);
    shelf.away = true;
    assert_int_equal(erase_run(&w->env, S("cus_bob"), &x, &a, &e), ST_RETRY);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 1);
    shelf.away = false;
    deliver_all(w);
    erase(w, "cus_bob", &x, &a);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    small_world_free(w);
}

/* ---- what an erasure costs that waits for the server ---- */

static struct {
    struct store_ops ops;
    const struct store_ops *real;
    unsigned looks, scrubs; /* through all texts; at the disk */
} cost;

static enum status costly_run(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                              struct rows *rows, struct arena *a, struct error *e)
{
    cost.looks += id == STMT_OBJECTS_NAMING || id == STMT_BODIES_NAMING ||
                  id == STMT_HISTORY_NAMING || id == STMT_CALLS_NAMING;
    return cost.real->run(tx, id, args, n, rows, a, e);
}

static enum status costly_scrub(struct store *s, struct error *e)
{
    cost.scrubs++;
    return cost.real->scrub(s, e);
}

static void count_costs(struct small_world *w)
{
    if (!cost.real)
        cost.real = w->world.store->ops;
    cost.ops = *cost.real;
    cost.ops.run = costly_run;
    cost.ops.scrub = costly_scrub;
    cost.looks = cost.scrubs = 0;
    w->world.store->ops = &cost.ops;
}

static void an_erasure_that_waits_for_the_server_reads_nothing_again(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = with_shelf();
    struct error e = { 0 };
    struct erasure x;

    deliver_all(w);
    shelf.away = true;
    count_costs(w);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_RETRY);
    assert_true(cost.looks > 0 && cost.scrubs == 1);
    for (int round = 0; round < 3; round++) {
        pass(w, ERASE_STALE_MS + 1);
        count_costs(w);
        error_clear(&e);
        assert_int_equal(erase_resume(&w->env, 0, &e), ST_RETRY);
        assert_int_equal(cost.looks + cost.scrubs, 0);
        assert_int_equal(erase_resume(&w->env, 0, &e), ST_NONE); /* it rests */
    }
    shelf.away = false;
    deliver_all(w);
    pass(w, ERASE_STALE_MS + 1);
    error_clear(&e);
    assert_int_equal(erase_resume(&w->env, 0, &e), ST_OK);
    assert_true(cost.looks == 0 && cost.scrubs == 1);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    assert_false(files_hold(w, "user_1"));
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_id_is_forgotten_with_the_only_customer),
        cmocka_unit_test(a_user_with_another_customer_stays),
        cmocka_unit_test(a_user_who_was_forgotten_and_asks_again_gets_another_customer),
        cmocka_unit_test(a_users_pair_is_removed_before_the_row_is_forgotten),
        cmocka_unit_test(who_is_stopped_while_he_waits_does_not_blame_the_server),
        cmocka_unit_test(who_asks_again_before_the_pair_is_removed_keeps_it),
        cmocka_unit_test(a_process_without_the_server_forgets_no_pair_that_is_there),
        cmocka_unit_test(a_server_that_is_no_more_is_waited_for_no_longer),
        cmocka_unit_test(nobody_is_forgotten_whose_state_the_server_still_has),
        cmocka_unit_test(an_erasure_that_waits_for_the_server_reads_nothing_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
