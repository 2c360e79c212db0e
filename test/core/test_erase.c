/* Forgetting a person takes what hangs on it, nothing else, and nothing brings it back. */
#include "erasing.h"

#include "core/inbox.h"
#include "core/trace.h"

#include <stdio.h>
#include <string.h>

static void what_hangs_on_a_customer_is_forgotten_and_nothing_else(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    struct erasure x;

    open_shop(w);
    erase(w, "cus_ada", &x, &a);
    assert_true(x.known);
    assert_string_equal(
        ask_text(w, "select group_concat(id, ' ') from (select id from objects where deleted = 2 "
                    "order by id)"),
        "ch_ada cus_ada il_ada in_ada new_1 pm_left pm_once re_ada txn_ada");
    assert_string_equal(
        ask_text(w, "select group_concat(id, ' ') from (select id from objects where deleted = 0 "
                    "order by id)"),
        "ch_bob cus_bob pm_bob price_1 prod_1");
    assert_int_equal(ask_int(w, "select count(*) from objects where deleted = 2 and data like "
                                "'%example.com%'"),
                     0);
    assert_int_equal(ask_int(w, "select count(*) from _history"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _refs where from_id like '%ada'"), 0);
    assert_int_equal(x.n_mentions, 1); /* Bob's description */
    assert_string_equal(x.mention[0].id.p, "cus_bob");
    small_world_free(w);
}

static void no_answer_brings_an_erased_object_back(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    struct erasure x;

    open_shop(w);
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(put(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL)), MIRROR_ERASED);
    assert_int_equal(
        put_object(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL), SOURCE_GET),
        MIRROR_ERASED);
    assert_int_equal(put(w, "charge", "ch_ada", OF("charge", "ch_ada", MAIL)), MIRROR_ERASED);
    assert_int_equal(ask_int(w, "select count(*) from customers_all where id = 'cus_ada' and email "
                                "is not null"),
                     0);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    small_world_free(w);
}

static void whoever_asks_for_an_erased_object_hears_that_it_was_erased(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    struct error e = { 0 };
    struct erasure x;
    struct object o;
    struct trace t;
    bool erased = false;

    open_shop(w);
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(mirror_get(&w->env, S(""), S("cus_ada"), &o, &a, &e), ST_NONE);
    assert_non_null(strstr(e.text, "cus_ada was erased"));
    assert_null(strstr(e.text, "would fetch it"));
    error_clear(&e);
    assert_int_equal(mirror_is_erased(&w->env, S(""), S("cus_ada"), &erased, &e), ST_OK);
    assert_true(erased);
    assert_int_equal(mirror_is_erased(&w->env, S(""), S("cus_bob"), &erased, &e), ST_OK);
    assert_false(erased);
    assert_int_equal(mirror_is_erased(&w->env, S(""), S("cus_eve"), &erased, &e), ST_OK);
    assert_false(erased);
    assert_int_equal(trace_object(&w->env, S("customer"), S("cus_ada"), &t, &a, &e), ST_OK);
    assert_non_null(strstr(t.step[t.n_steps - 1].text.p, "erased here"));
    small_world_free(w);
}

static void what_is_new_and_refers_to_the_erased_is_erased_as_it_comes(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    struct erasure x;

    open_shop(w);
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(put(w, "charge", "ch_new", OF("charge", "ch_new", CUS("cus_ada") MAIL)),
                     MIRROR_ERASED);
    assert_int_equal(put(w, "refund", "re_new", OF("refund", "re_new", ",\"charge\":\"ch_new\"")),
                     MIRROR_ERASED);
    assert_int_equal(put(w, "charge", "ch_bob2", OF("charge", "ch_bob2", CUS("cus_bob"))),
                     MIRROR_INSERTED);
    put(w, "payment_intent", "pi_guest", OF("payment_intent", "pi_guest", MAIL));
    assert_int_equal(put_object(w, "payment_intent", "pi_guest",
                                OF("payment_intent", "pi_guest", CUS("cus_ada") MAIL), SOURCE_GET),
                     MIRROR_ERASED);
    assert_int_equal(ask_int(w, "select count(*) from objects where deleted = 2 and id in "
                                "('ch_new', 're_new', 'pi_guest')"),
                     3);
    assert_int_equal(ask_int(w, "select count(*) from _history where id = 'pi_guest'"), 0);
    small_world_free(w);
}

static void bodies_of_events_are_forgotten_and_no_new_ones_are_kept(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    struct erasure x;

    open_shop(w);
    deliver_body(w, "evt_1", "customer.updated", OF("customer", "cus_ada", MAIL));
    deliver_body(w, "evt_2", "odd.thing", OF("odd", "odd_1", ",\"who\":\"ada@example.com\""));
    deliver_body(w, "evt_3", "customer.updated", OF("customer", "cus_bob", ""));
    deliver_body(w, "evt_1", "customer.deleted", OF("customer", "cus_ada", MAIL)); /* contradicts */
    erase(w, "cus_ada", &x, &a);
    assert_int_equal(x.events, 2);
    assert_string_equal(
        ask_text(w, "select group_concat(event) from _inbox where body is not null"), "evt_3");
    assert_int_equal(ask_int(w, "select count(*) from _inbox_conflicts"), 0);
    deliver_body(w, "evt_4", "customer.updated", OF("customer", "cus_ada", MAIL));
    deliver_body(w, "evt_5", "charge.succeeded", OF("charge", "ch_new", CUS("cus_ada") MAIL));
    deliver_body(w, "evt_6", "charge.succeeded", OF("charge", "ch_bob2", CUS("cus_bob")));
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'erased' and body is "
                                "null"),
                     2);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen and id in "
                                "('cus_ada', 'ch_new')"),
                     0);
    assert_int_equal(ask_int(w, "select count(*) from _due where id = 'ch_bob2'"), 1);
    small_world_free(w);
}

static void a_customer_that_was_never_seen_is_blocked_all_the_same(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    struct erasure x;

    erase(w, "cus_new", &x, &a);
    assert_false(x.known);
    assert_int_equal(put(w, "customer", "cus_new", OF("customer", "cus_new", MAIL)), MIRROR_ERASED);
    small_world_free(w);
}

/* Ada in every corner: an address that she has no more, a version of somebody else's, a purchase
 * as a guest, an event about another's object. */
static void open_corners(struct small_world *w)
{
    put(w, "customer", "cus_ada",
        OF("customer", "cus_ada", ",\"email\":\"byron@example.com\",\"name\":\"Ada Byron\""));
    change(w, "customer", "cus_ada",
           OF("customer", "cus_ada", ",\"email\":\"ada@example.com\",\"name\":\"Ada King\""));
    put(w, "product", "prod_1", OF("product", "prod_1", ",\"name\":\"for byron@example.com\""));
    change(w, "product", "prod_1", OF("product", "prod_1", ",\"name\":\"tea\""));
    put(w, "customer", "cus_bob", OF("customer", "cus_bob", ",\"description\":\"of cus_ada\""));
    change(w, "customer", "cus_bob", OF("customer", "cus_bob", ",\"description\":\"alone\""));
    put(w, "charge", "ch_guest",
        OF("charge", "ch_guest",
           ",\"customer\":null,\"billing_details\":{\"email\":\"byron@example.com\"}"));
    put(w, "charge", "ch_other",
        OF("charge", "ch_other",
           ",\"customer\":null,\"billing_details\":{\"email\":\"not-byron@example.com\"}"));
    deliver_body(w, "evt_bob", "customer.updated",
                 OF("customer", "cus_bob", ",\"description\":\"pays for byron@example.com\""));
    deliver_body(w, "evt_up", "invoice.upcoming",
                 "{\"object\":\"invoice\",\"customer\":\"cus_ada\",\"customer_name\":"
                 "\"Ada King\",\"customer_email\":\"ada@example.com\"}");
}

static void no_byte_of_a_person_is_left_in_the_file(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    open_corners(w);
    assert_true(files_hold(w, "ada@example.com") && files_hold(w, "byron@example.com") &&
                files_hold(w, "Ada King") && files_hold(w, "Ada Byron"));
    erase(w, "cus_ada", &x, &a);
    assert_false(files_hold(w, "ada@example.com"));
    assert_false(files_hold(w, "\"byron@example.com"));
    assert_false(files_hold(w, "for byron@"));
    assert_false(files_hold(w, "Ada King"));
    assert_false(files_hold(w, "Ada Byron"));
    assert_false(files_hold(w, "of cus_ada")); /* the id itself stays, and blocks */
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'ch_guest'"), 2);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'ch_other'"), 0);
    assert_int_equal(ask_int(w, "select count(*) from objects where id in ('prod_1', 'cus_bob') "
                                "and deleted = 0"),
                     2);
    small_world_free(w);
}

/* Ann, and others whose address or id holds hers. */
static void open_neighbours(struct small_world *w)
{
    put(w, "customer", "cus_ann", OF("customer", "cus_ann", ",\"email\":\"ann@example.com\""));
    put(w, "customer", "cus_ann2",
        OF("customer", "cus_ann2", ",\"email\":\"joann@example.com\",\"name\":\"Jo\""));
    change(w, "customer", "cus_ann2",
           OF("customer", "cus_ann2", ",\"email\":\"joann@example.com\",\"name\":\"Joan\""));
    change(w, "customer", "cus_ann2",
           OF("customer", "cus_ann2", ",\"email\":\"jo@example.net\",\"name\":\"Joan\""));
    put(w, "product", "prod_1", OF("product", "prod_1", ",\"name\":\"for x_cus_ann\""));
    change(w, "product", "prod_1", OF("product", "prod_1", ",\"name\":\"tea\""));
    put(w, "wholly.new", "new_jo",
        OF("wholly.new", "new_jo", ",\"who\":\"ann@example.com.au, mary-ann@example.com\""));
    put(w, "wholly.new", "new_url",
        OF("wholly.new", "new_url",
           ",\"url\":\"https://x.y/?e=joann%40example.com&f=jo%2Dann%40example.com"
           "&g=ann%40example.com%2Eau&h=%C3%B6ann%40example.com\""));
    deliver_body(w, "evt_jo", "customer.updated",
                 OF("customer", "cus_ann2", ",\"email\":\"joann@example.com\""));
    deliver_body(w, "evt_au", "odd.thing", OF("odd", "odd_1", ",\"of\":\"ann@example.com.au\""));
    deliver_body(w, "evt_jo", "customer.deleted",
                 OF("customer", "cus_ann2", ",\"email\":\"joann@example.com\"")); /* contradicts */
}

static void a_longer_address_or_id_is_anothers(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    open_neighbours(w);
    int64_t versions = ask_int(w, "select count(*) from _history");
    assert_true(versions >= 3);
    erase(w, "cus_ann", &x, &a);
    assert_int_equal(ask_int(w, "select count(*) from _history"), versions);
    assert_string_equal(ask_text(w, "select group_concat(event, ' ') from (select event from "
                                    "_inbox where body is not null order by event)"),
                        "evt_au evt_jo");
    assert_int_equal(ask_int(w, "select count(*) from _inbox_conflicts"), 1);
    assert_string_equal(ask_text(w, "select group_concat(id) from objects where deleted = 2"),
                        "cus_ann");
    assert_int_equal(x.n_mentions, 0);
    small_world_free(w);
}

/* As people write it, and as JSON may. */
static void an_address_is_found_however_it_is_written(void **state)
{
    static const char *const texts[] = {
        "ANN@Example.COM",
        "ann\\u0040example.com",
        "<ann@example.com>",
        "mailto:ann@example.com?subject=x",
        "Ask ann@example.com.",
        "'ann@example.com'",
        "a\\nann@example.com\\n",
        "\\u201cann@example.com\\u201d",
        "not joann@example.com but ann@example.com",
        "https://example.org/?e=ann%40example.com&x=1",
        "https://example.org/?e=%20ANN%40Example%2ecom",
        "https://example.org/?to=%3Fe%3Dann%40example.com%26x",
        "https://example.org/%61nn%40example.com",
        "{\\\"email\\\":\\\"ann\\\\u0040example.com\\\"}",
        "{\\\"to\\\":\\\"Ann \\\\u003cANN@example.com\\\\u003e\\\"}",
        "{\\\"to\\\":\\\"her\\\\nann@example.com\\\"}"
    };
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    put(w, "customer", "cus_ann", OF("customer", "cus_ann", ",\"email\":\"Ann@example.com\""));
    put(w, "charge", "ch_guest",
        OF("charge", "ch_guest", ",\"customer\":null,\"receipt_email\":\"ANN\\u0040example.com\""));
    for (size_t i = 0; i < COUNT(texts); i++) {
        char id[24], body[256];
        snprintf(id, sizeof id, "evt_%zu", i);
        snprintf(body, sizeof body, "{\"object\":\"odd\",\"id\":\"odd_%zu\",\"text\":\"%s\"}", i,
                 texts[i]);
        deliver_body(w, id, "odd.thing", body);
    }
    erase(w, "cus_ann", &x, &a);
    assert_string_equal(
        ask_text(w, "select group_concat(event) from _inbox where body is not null"), "");
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'ch_guest'"), 2);
    small_world_free(w);
}

static void letters_beyond_ascii_are_alike_large_and_small(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    put(w, "customer", "cus_ann",
        OF("customer", "cus_ann", ",\"email\":\"J\u00f6rg.\u0416\u0151@example.com\""));
    deliver_body(
        w, "evt_1", "odd.thing",
        "{\"object\":\"odd\",\"id\":\"odd_1\",\"text\":\"J\u00d6RG.\u0436\u0150@EXAMPLE.com\"}");
    deliver_body(
        w, "evt_2", "odd.thing",
        "{\"object\":\"odd\",\"id\":\"odd_2\",\"text\":\"Jorg.\u0436\u0151@example.com\"}");
    erase(w, "cus_ann", &x, &a);
    assert_string_equal(
        ask_text(w, "select group_concat(event) from _inbox where body is not null"), "evt_2");
    small_world_free(w);
}

/* A customer that had so many addresses, one after another; each came in an event, too. */
static void had_addresses(struct small_world *w, int n, bool with_events)
{
    for (int i = 0; i < n; i++) {
        char data[256], id[24];
        snprintf(data, sizeof data, OF("customer", "cus_ann", ",\"email\":\"was-%d@example.com\""),
                 i);
        put_object(w, "customer", "cus_ann", data, i ? SOURCE_GET : SOURCE_LIST);
        snprintf(id, sizeof id, "evt_%d", i);
        snprintf(data, sizeof data, OF("product", "prod_1", ",\"name\":\"for was-%d@example.com\""),
                 i);
        if (with_events)
            deliver_body(w, id, "product.updated", data);
    }
}

static void every_address_that_it_ever_had_is_forgotten(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct erasure x;

    had_addresses(w, 60, true);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where body is not null"), 60);
    assert_int_equal(ask_int(w, "select count(*) from _history where type = 'customer'"), 59);
    erase(w, "cus_ann", &x, &a);
    assert_string_equal(
        ask_text(w, "select group_concat(event) from _inbox where body is not null"), "");
    small_world_free(w);
}

static void with_too_many_addresses_nothing_is_erased_by_halves(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    had_addresses(w, 1000, false);
    assert_int_equal(erase_run(&w->env, S("cus_ann"), &x, &a, &e), ST_LIMIT);
    assert_non_null(strstr(e.text, "more than 999 e-mail addresses"));
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'cus_ann'"), 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hangs_on_a_customer_is_forgotten_and_nothing_else),
        cmocka_unit_test(no_answer_brings_an_erased_object_back),
        cmocka_unit_test(whoever_asks_for_an_erased_object_hears_that_it_was_erased),
        cmocka_unit_test(what_is_new_and_refers_to_the_erased_is_erased_as_it_comes),
        cmocka_unit_test(bodies_of_events_are_forgotten_and_no_new_ones_are_kept),
        cmocka_unit_test(a_customer_that_was_never_seen_is_blocked_all_the_same),
        cmocka_unit_test(no_byte_of_a_person_is_left_in_the_file),
        cmocka_unit_test(a_longer_address_or_id_is_anothers),
        cmocka_unit_test(an_address_is_found_however_it_is_written),
        cmocka_unit_test(letters_beyond_ascii_are_alike_large_and_small),
        cmocka_unit_test(every_address_that_it_ever_had_is_forgotten),
        cmocka_unit_test(with_too_many_addresses_nothing_is_erased_by_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
