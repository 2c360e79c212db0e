/* The mirror takes what is newer by ticket, and nothing older. */
#include "../unit.h"

#include "core/due.h"
#include "core/mirror/mirror.h"
#include "small_world.h"

/* Tickets 1, 2, … of the store's sequence; what an answer needs besides lies between them. */
static int64_t nth_ticket(int64_t n)
{
    return 1700000000000 * 1000 + n * 1000;
}

/* At least the nth ticket has been drawn. */
static void draw_up_to(struct tx *tx, int64_t n)
{
    ARENA(a, 1 << 16);
    struct error e = { 0 };
    int64_t last;

    assert_int_equal(sequence_draw(tx, 1, &last, &a, &e), ST_OK);
    if (last < nth_ticket(n))
        assert_int_equal(sequence_draw(tx, nth_ticket(n) - last, &last, &a, &e), ST_OK);
}

static size_t open_lists; /* that the last put has reported */

static enum mirror_result put(struct small_world *w, const char *type, const char *id,
                              const char *data, enum source source, int64_t ticket)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result = MIRROR_SAME;
    const struct answer in = { .resource = resource_by_type(str_of(type)),
                               .type = str_of(type),
                               .id = str_of(id),
                               .data = str_of(data),
                               .source = source,
                               .ticket = nth_ticket(ticket),
                               .api_version = S("v"),
                               .cause = "test" };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    draw_up_to(&tx, ticket);
    enum status st = mirror_put(&tx, &w->env, &in, &result, &open_lists, &a, &e);
    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    return result;
}

static void draw_tickets(struct small_world *w, int64_t n)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    draw_up_to(&tx, n);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void bury(struct small_world *w, const char *type, const char *id, int64_t ticket)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    draw_up_to(&tx, ticket);
    assert_int_equal(mirror_bury(&tx, &w->env, str_of(type), str_of(id), nth_ticket(ticket), "test",
                                 S(""), &a, &e),
                     ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

#define P1 "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"old\"}"
#define P2 "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"new\"}"

static void a_later_request_wins_whatever_arrives_last(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    assert_int_equal(put(w, "product", "prod_1", P2, SOURCE_GET, 20), MIRROR_INSERTED);
    assert_int_equal(put(w, "product", "prod_1", P1, SOURCE_GET, 10), MIRROR_STALE_DUE);
    assert_string_equal(ask_text(w, "select name from products"), "new");
    assert_int_equal(ask_int(w, "select count(*) from _due where type='product' and done_gen<gen"),
                     1);
    small_world_free(w);
}

/* The one that was sent later may have been read earlier, when both were under way together. */
static void an_answer_asked_for_before_the_row_arrived_does_not_change_it(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    draw_tickets(w, 12); /* 10, 11 and 12 are under way */
    assert_int_equal(put(w, "product", "prod_1", P2, SOURCE_GET, 10), MIRROR_INSERTED);
    assert_int_equal(put(w, "product", "prod_1", P1, SOURCE_LIST, 11), MIRROR_STALE_DUE);
    assert_string_equal(ask_text(w, "select name from products"), "new");
    bury(w, "product", "prod_1", 12);
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    assert_int_equal(ask_int(w, "select gen from _due"), 2);
    bury(w, "product", "prod_1", 20);
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    small_world_free(w);
}

static void a_stale_answer_of_the_same_content_is_simply_dropped(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1", P1, SOURCE_GET, 20);
    assert_int_equal(put(w, "product", "prod_1", P1, SOURCE_LIST, 10), MIRROR_STALE);
    assert_int_equal(ask_int(w, "select count(*) from _due"), 0);
    small_world_free(w);
}

static void who_comes_late_is_told_of_lists_that_are_still_read(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const char *sub =
        "{\"id\":\"sub_1\",\"object\":\"subscription\",\"items\":{\"object\":\"list\","
        "\"data\":[],\"has_more\":true,\"url\":\"/v1/subscription_items\"}}";

    put(w, "subscription", "sub_1", sub, SOURCE_GET, 20);
    assert_int_equal(open_lists, 1);
    assert_int_equal(put(w, "subscription", "sub_1", sub, SOURCE_GET, 10), MIRROR_STALE);
    assert_int_equal(open_lists, 1);
    small_world_free(w);
}

static void the_same_content_keeps_its_revision_but_takes_the_ticket(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1", P1, SOURCE_GET, 10);
    int64_t revision = ask_int(w, "select revision from objects");
    assert_int_equal(put(w, "product", "prod_1",
                         "{ \"object\":\"product\", \"id\":\"prod_1\",\n \"name\":\"old\" }",
                         SOURCE_LIST, 20),
                     MIRROR_SAME);
    assert_int_equal(ask_int(w, "select revision from objects"), revision);
    assert_int_equal(ask_int(w, "select ticket from objects"), nth_ticket(20));
    assert_int_equal(ask_int(w, "select count(*) from _history"), 0);
    small_world_free(w);
}

static void a_new_state_keeps_the_former_one_in_the_history(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1", P1, SOURCE_GET, 10);
    assert_int_equal(put(w, "product", "prod_1", P2, SOURCE_GET, 11), MIRROR_UPDATED);
    assert_string_equal(ask_text(w, "select data from _history"), P1);
    assert_string_equal(ask_text(w, "select data from objects"), P2);
    small_world_free(w);
}

static void a_tombstone_yields_to_its_own_get_alone(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1", P1, SOURCE_GET, 10);
    bury(w, "product", "prod_1", 20);
    assert_int_equal(ask_int(w, "select count(*) from products"), 0);
    assert_int_equal(ask_int(w, "select count(*) from products_all"), 1);
    assert_int_equal(put(w, "product", "prod_1", P2, SOURCE_LIST, 30), MIRROR_BURIED);
    assert_int_equal(put(w, "product", "prod_1", P2, SOURCE_GET, 15), MIRROR_BURIED);
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    assert_int_equal(ask_int(w, "select done_gen < gen from _due where id='prod_1'"), 1);
    assert_int_equal(put(w, "product", "prod_1", P2, SOURCE_GET, 31), MIRROR_UPDATED);
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    small_world_free(w);
}

static void a_burial_asked_for_earlier_than_the_row_buries_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1", P1, SOURCE_GET, 20);
    bury(w, "product", "prod_1", 10);
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 1);
    small_world_free(w);
}

static void an_object_of_the_other_mode_is_refused_here_and_by_the_database(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result;
    const struct answer in = { .resource = resource_by_type(S("product")),
                               .type = S("product"),
                               .id = S("prod_1"),
                               .data = S(
                                   "{\"id\":\"prod_1\",\"object\":\"product\",\"livemode\":true}"),
                               .ticket = 1,
                               .api_version = S("v"),
                               .cause = "test" };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(mirror_put(&tx, &w->env, &in, &result, NULL, &a, &e), ST_REFUSED);
    tx_end(&tx);
    error_clear(&e);
    str sql = S("insert into objects (type, account, id, data, revision, ticket, fetched_at, "
                "changed_at, api_version, source, livemode) values ('product', 'acct_1', 'x', "
                "'{}', 1, 1, 1, 1, 'v', 'get', 1)");
    assert_int_equal(w->world.store->ops->script(w->world.store, sql, &e), ST_CONFLICT);
    small_world_free(w);
}

#define SUB(items, more)                                                               \
    "{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\",\"items\":{" \
    "\"object\":\"list\",\"data\":[" items "],\"has_more\":" more                      \
    ",\"url\":\"/v1/subscription_items?subscription=sub_1\"}}"
#define ITEM(n)                                                                         \
    "{\"id\":\"si_" n "\",\"object\":\"subscription_item\",\"subscription\":\"sub_1\"," \
    "\"price\":{\"id\":\"price_" n "\",\"object\":\"price\"}}"

static void members_of_a_nested_list_are_rows_and_those_that_left_are_tombstones(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "subscription", "sub_1", SUB(ITEM("1") "," ITEM("2"), "false"), SOURCE_GET, 10);
    assert_int_equal(ask_int(w, "select count(*) from subscription_items"), 2);
    assert_string_equal(ask_text(w, "select price from subscription_items where id='si_1'"),
                        "price_1");
    put(w, "subscription", "sub_1", SUB(ITEM("2"), "false"), SOURCE_GET, 20);
    assert_int_equal(ask_int(w, "select count(*) from subscription_items"), 1);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'si_1'"), 1);
    small_world_free(w);
}

static void a_list_that_has_more_is_never_taken_as_complete(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "subscription", "sub_1", SUB(ITEM("1") "," ITEM("2"), "false"), SOURCE_GET, 10);
    put(w, "subscription", "sub_1", SUB(ITEM("3"), "true"), SOURCE_GET, 20);
    assert_int_equal(ask_int(w, "select count(*) from subscription_items"), 3);
    assert_int_equal(ask_int(w, "select open_lists from objects where id = 'sub_1'"), 1);
    small_world_free(w);
}

static void what_lived_in_the_buried_is_buried_with_it_or_asked_for(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "invoice", "in_1",
        "{\"id\":\"in_1\",\"object\":\"invoice\",\"lines\":{\"object\":\"list\",\"data\":["
        "{\"id\":\"il_1\",\"object\":\"line_item\",\"amount\":5}],\"has_more\":false,\"url\":\"/v1/"
        "x\"}}",
        SOURCE_GET, 10);
    put(w, "subscription", "sub_1", SUB(ITEM("1"), "false"), SOURCE_GET, 10);
    assert_int_equal(ask_int(w, "select count(*) from invoice_line_items"), 1);
    bury(w, "invoice", "in_1", 20);
    bury(w, "subscription", "sub_1", 20);
    assert_int_equal(ask_int(w, "select count(*) from invoice_line_items"), 0);
    assert_string_equal(ask_text(w, "select cause from _due where id = 'si_1'"), "parent");
    small_world_free(w);
}

/* A coupon may name thousands of products. */
static void an_object_of_many_references_is_stored(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    BUF(b, 1 << 20);

    buf_append(&b, S("{\"id\":\"c\",\"object\":\"coupon\",\"applies_to\":{\"products\":["));
    for (int i = 0; i < 6000; i++)
        buf_printf(&b, "%s\"prod_%d\"", i ? "," : "", i);
    buf_append(&b, S("]}}"));
    buf_char(&b, '\0');
    put(w, "coupon", "c", b.p, SOURCE_LIST, 10);
    assert_int_equal(ask_int(w, "select count(*) from _refs where to_type = 'product'"), 6000);
    small_world_free(w);
}

static void a_missing_target_is_no_error_and_is_wanted(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1",
        "{\"id\":\"prod_1\",\"object\":\"product\",\"default_price\":\"price_9\"}", SOURCE_GET, 10);
    assert_string_equal(ask_text(w, "select to_type from _refs where to_id = 'price_9'"), "price");
    assert_string_equal(ask_text(w, "select cause from _due where id = 'price_9'"), "reference");
    small_world_free(w);
}

static void a_list_page_asks_for_no_target(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put(w, "product", "prod_1",
        "{\"id\":\"prod_1\",\"object\":\"product\",\"default_price\":\"price_9\"}", SOURCE_LIST,
        10);
    assert_int_equal(ask_int(w, "select count(*) from _due"), 0);
    small_world_free(w);
}

/* BEYOND-05, BEYOND-06: every byte is kept. */
static void bytes_numbers_and_escapes_are_kept_as_they_came(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const char *odd = "{\"id\":\"price_1\",\"object\":\"price\", \"unit_amount\":99999999,"
                      "\"unit_amount_decimal\":\"0.000000000015\",\"big\":9007199254740993,"
                      "\"e\":1.50e-7,\"s\":\"\\u0000\\ud800 \xf0\x9f\x90\x88\"}";

    put(w, "price", "price_1", odd, SOURCE_GET, 10);
    assert_string_equal(ask_text(w, "select data from objects"), odd);
    small_world_free(w);
}

static void unknown_types_are_kept_and_can_be_read(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 1 << 20);
    struct error e = { 0 };
    struct object o;

    put(w, "sun", "sun_1", "{\"id\":\"sun_1\",\"object\":\"sun\",\"hot\":true}", SOURCE_LIST, 10);
    assert_int_equal(mirror_get(&w->env, S(""), S("sun_1"), &o, &a, &e), ST_OK);
    assert_true(str_eqz(o.type, "sun"));
    assert_int_equal(mirror_get(&w->env, S(""), S("moon_1"), &o, &a, &e), ST_NONE);
    small_world_free(w);
}

static void a_list_is_filtered_by_members_as_people_write_them(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const struct {
        const char *path, *value;
        size_t n;
    } row[] = { { "status", "active", 2 },    { "n", "7", 1 },      { "flag", "true", 1 },
                { "nothing", "null", 3 },     { "a.b", "deep", 1 }, { "customer", "cus_1", 2 },
                { "status", "unheard of", 0 } };

    put(w, "subscription", "sub_1",
        "{\"id\":\"sub_1\",\"status\":\"active\",\"n\":7,\"customer\":\"cus_1\"}", SOURCE_LIST, 1);
    put(w, "subscription", "sub_2",
        "{\"id\":\"sub_2\",\"status\":\"active\",\"flag\":true,\"customer\":{\"id\":\"cus_1\"}}",
        SOURCE_LIST, 2);
    put(w, "subscription", "sub_3", "{\"id\":\"sub_3\",\"status\":\"x\",\"a\":{\"b\":\"deep\"}}",
        SOURCE_LIST, 3);
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, 1 << 20);
        struct mirror_query q = { .type = S("subscription"), .limit = 10, .n_filters = 1 };
        struct object *found;
        struct error e = { 0 };
        size_t n;
        q.filter[0] = (struct mirror_filter){ str_of(row[i].path), str_of(row[i].value) };
        assert_int_equal(mirror_list(&w->env, &q, &found, &n, &a, &e), ST_OK);
        print_message("  %s=%s\n", row[i].path, row[i].value);
        assert_int_equal(n, row[i].n);
    }
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_request_wins_whatever_arrives_last),
        cmocka_unit_test(an_answer_asked_for_before_the_row_arrived_does_not_change_it),
        cmocka_unit_test(a_stale_answer_of_the_same_content_is_simply_dropped),
        cmocka_unit_test(who_comes_late_is_told_of_lists_that_are_still_read),
        cmocka_unit_test(the_same_content_keeps_its_revision_but_takes_the_ticket),
        cmocka_unit_test(a_new_state_keeps_the_former_one_in_the_history),
        cmocka_unit_test(a_tombstone_yields_to_its_own_get_alone),
        cmocka_unit_test(a_burial_asked_for_earlier_than_the_row_buries_nothing),
        cmocka_unit_test(an_object_of_the_other_mode_is_refused_here_and_by_the_database),
        cmocka_unit_test(members_of_a_nested_list_are_rows_and_those_that_left_are_tombstones),
        cmocka_unit_test(a_list_that_has_more_is_never_taken_as_complete),
        cmocka_unit_test(what_lived_in_the_buried_is_buried_with_it_or_asked_for),
        cmocka_unit_test(an_object_of_many_references_is_stored),
        cmocka_unit_test(a_missing_target_is_no_error_and_is_wanted),
        cmocka_unit_test(a_list_page_asks_for_no_target),
        cmocka_unit_test(bytes_numbers_and_escapes_are_kept_as_they_came),
        cmocka_unit_test(unknown_types_are_kept_and_can_be_read),
        cmocka_unit_test(a_list_is_filtered_by_members_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
