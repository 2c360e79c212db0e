/* Forgetting a person takes what hangs on it, nothing else, and nothing brings it back. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "core/customer/outbox.h"
#include "core/customer/user.h"
#include "core/erasure/erase.h"
#include "core/inbox.h"
#include "small_world.h"

#define OF(type, id, more) "{\"id\":\"" id "\",\"object\":\"" type "\"" more "}"
#define MAIL ",\"email\":\"ada@example.com\""
#define CUS(id) ",\"customer\":\"" id "\""

static enum mirror_result put_from(struct small_world *w, const char *type, const char *id,
                                   const char *data, enum source source)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result = MIRROR_SAME;
    struct answer in = { .resource = resource_by_type(str_of(type)),
                         .type = str_of(type),
                         .id = str_of(id),
                         .data = str_of(data),
                         .source = source,
                         .api_version = S("v"),
                         .cause = "test" };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(sequence_draw(&tx, 1, &in.ticket, &a, &e), ST_OK);
    assert_int_equal(mirror_put(&tx, &w->env, &in, &result, NULL, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    return result;
}

static enum mirror_result put(struct small_world *w, const char *type, const char *id,
                              const char *data)
{
    return put_from(w, type, id, data, SOURCE_LIST);
}

/* Two customers of one shop; what is Ada's holds her address. */
static void open_shop(struct small_world *w)
{
    put(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL));
    put(w, "customer", "cus_bob",
        OF("customer", "cus_bob",
           ",\"email\":\"bob@example.com\",\"description\":\"friend of "
           "ada@example.com\""));
    put(w, "product", "prod_1", OF("product", "prod_1", ",\"default_price\":\"price_1\""));
    put(w, "price", "price_1", OF("price", "price_1", ",\"product\":\"prod_1\""));
    put(w, "charge", "ch_ada",
        OF("charge", "ch_ada",
           CUS("cus_ada") ",\"receipt_email\":\"ada@example.com\","
                          "\"payment_method\":\"pm_once\""));
    put(w, "charge", "ch_bob", OF("charge", "ch_bob", CUS("cus_bob")));
    put(w, "refund", "re_ada", OF("refund", "re_ada", ",\"charge\":\"ch_ada\""));
    put(w, "balance_transaction", "txn_ada",
        OF("balance_transaction", "txn_ada",
           ",\"source\":\"ch_ada\",\"description\":\"for ada@example.com\""));
    put(w, "payment_method", "pm_once",
        OF("payment_method", "pm_once", ",\"billing_details\":{\"email\":\"ada@example.com\"}"));
    put(w, "payment_method", "pm_bob", OF("payment_method", "pm_bob", CUS("cus_bob")));
    put(w, "payment_method", "pm_left",
        OF("payment_method", "pm_left",
           CUS("cus_ada") ",\"billing_details\":{\"email\":"
                          "\"ada@example.com\"}"));
    put_from(w, "payment_method", "pm_left",
             OF("payment_method", "pm_left",
                ",\"customer\":null,\"billing_details\":{\"email\":\"ada@example.com\"}"),
             SOURCE_GET);
    put(w, "invoice", "in_ada",
        OF("invoice", "in_ada",
           CUS("cus_ada") ",\"lines\":{\"object\":\"list\",\"data\":[{\"id\":\"il_ada\",\"object\":"
                          "\"line_item\",\"description\":\"ada@example.com\",\"pricing\":{"
                          "\"price_details\":{\"price\":\"price_1\"}}}],\"has_more\":false}"));
    put(w, "wholly.new", "new_1", OF("wholly.new", "new_1", ",\"of\":\"cus_ada\""));
}

static void erase(struct small_world *w, const char *id, struct erasure *x, struct arena *a)
{
    struct error e = { 0 };
    enum status st = erase_run(&w->env, str_of(id), x, a, &e);

    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
}

#define ADAS "select count(*) from objects where deleted < 2 and data like '%ada@%'"

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
        put_from(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL), SOURCE_GET),
        MIRROR_ERASED);
    assert_int_equal(put(w, "charge", "ch_ada", OF("charge", "ch_ada", MAIL)), MIRROR_ERASED);
    assert_int_equal(ask_int(w, "select count(*) from customers_all where id = 'cus_ada' and email "
                                "is not null"),
                     0);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
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
    assert_int_equal(put_from(w, "payment_intent", "pi_guest",
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

static void an_erasure_that_was_interrupted_is_ended_by_another_one(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    /* as far as the block, and one object */
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(erase_object(&tx, &w->env, S("refund"), S("re_ada"), &a, &e), ST_OK);
    assert_int_equal(erase_object(&tx, &w->env, S("customer"), S("cus_ada"), &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    assert_int_equal(ask_int(w, ADAS), 7);
    arena_free(&a);
    erase(w, "cus_ada", &x, &a);
    assert_false(x.known);
    assert_int_equal(ask_int(w, ADAS), 1); /* Bob's description */
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

/* Every byte of the database and its log. */
static bool files_hold(struct small_world *w, const char *word)
{
    static char bytes[16 << 20];
    bool found = false;

    for (const char *const *end = (const char *const[]){ "", "-wal", NULL }; *end; end++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", w->path, *end);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        size_t n = fread(bytes, 1, sizeof bytes, f);
        assert_true(feof(f));
        found = found || memmem(bytes, n, word, strlen(word));
        fclose(f);
    }
    return found;
}

static void change(struct small_world *w, const char *type, const char *id, const char *data)
{
    assert_int_equal(put_from(w, type, id, data, SOURCE_GET), MIRROR_UPDATED);
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
    static const char *const texts[] = { "ANN@Example.COM",
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
                                         "https://example.org/%61nn%40example.com" };
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

/* A customer that had so many addresses, one after another; each came in an event, too. */
static void had_addresses(struct small_world *w, int n, bool with_events)
{
    for (int i = 0; i < n; i++) {
        char data[256], id[24];
        snprintf(data, sizeof data, OF("customer", "cus_ann", ",\"email\":\"was-%d@example.com\""),
                 i);
        put_from(w, "customer", "cus_ann", data, i ? SOURCE_GET : SOURCE_LIST);
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

/* ---- the application's user ---- */

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

/* ---- killed at any commit ---- */

/* A store that dies with a commit: nothing goes through from there on. */
struct mortal {
    struct store store;
    struct store_ops ops;
    struct store *inner;
    int left; /* commits until then */
};

static struct mortal mortal;

static enum status mortal_begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    (void)s;
    if (mortal.left <= 0)
        return fail(e, ST_REFUSED, "killed");
    return mortal.inner->ops->begin(mortal.inner, mode, tx, e);
}

static enum status mortal_run(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                              struct rows *rows, struct arena *a, struct error *e)
{
    struct tx inner = *tx;

    inner.store = mortal.inner;
    return mortal.inner->ops->run(&inner, id, args, n, rows, a, e);
}

static void mortal_rollback(struct tx *tx)
{
    struct tx inner = *tx;

    inner.store = mortal.inner;
    mortal.inner->ops->rollback(&inner);
    tx->impl = NULL;
}

static enum status mortal_commit(struct tx *tx, struct error *e)
{
    struct tx inner = *tx;

    inner.store = mortal.inner;
    if (tx->mode == TX_WRITE && --mortal.left <= 0) {
        mortal_rollback(tx);
        return fail(e, ST_REFUSED, "killed");
    }
    enum status st = mortal.inner->ops->commit(&inner, e);
    tx->impl = NULL;
    return st;
}

static enum status mortal_scrub(struct store *s, struct error *e)
{
    (void)s;
    if (--mortal.left <= 0)
        return fail(e, ST_REFUSED, "killed");
    return mortal.inner->ops->scrub(mortal.inner, e);
}

/* It dies at the n-th commit, or at the scrubbing that counts as one. */
static void make_mortal(struct small_world *w, int n)
{
    mortal = (struct mortal){ .inner = w->world.store, .ops = *w->world.store->ops, .left = n };
    mortal.ops.begin = mortal_begin;
    mortal.ops.run = mortal_run;
    mortal.ops.commit = mortal_commit;
    mortal.ops.rollback = mortal_rollback;
    mortal.ops.scrub = mortal_scrub;
    mortal.store.ops = &mortal.ops;
    w->world.store = &mortal.store;
}

#define GUEST ",\"customer\":null,\"billing_details\":{\"email\":\"ada@example.com\"}"

/* Returns whether it was killed. */
static bool killed_at(int n, bool by_the_daemon)
{
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    put(w, "charge", "ch_guest", OF("charge", "ch_guest", GUEST));
    make_mortal(w, n);
    bool killed = erase_run(&w->env, S("cus_ada"), &x, &a, &e) != ST_OK;
    w->world.store = mortal.inner;
    bool begun = ask_int(w, "select count(*) from _erasing") == 1;
    arena_free(&a);
    error_clear(&e);
    pass(w, ERASE_STALE_MS + 1);
    w->wall += ERASE_STALE_MS + 1;
    if (by_the_daemon && begun)
        assert_int_equal(erase_resume(&w->env, 0, &e), ST_OK);
    else if (killed)
        erase(w, "cus_ada", &x, &a);
    assert_int_equal(erase_resume(&w->env, 0, &e), ST_NONE);
    assert_int_equal(ask_int(w, ADAS), 1); /* Bob's description */
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'ch_guest'"), 2);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    small_world_free(w);
    return killed;
}

static void an_erasure_that_is_killed_anywhere_is_ended_by_the_daemon_or_the_next_run(void **state)
{
    (void)state;
    int n = 1;

    while (killed_at(n, n % 2 == 0))
        n++;
    assert_in_range(n, 6, 100);
}

static void an_erasure_that_somebody_may_be_at_is_left_to_him(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    make_mortal(w, 5);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_REFUSED);
    w->world.store = mortal.inner;
    error_clear(&e);
    assert_int_equal(erase_resume(&w->env, 0, &e), ST_NONE);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 1);
    /* but where everybody of before is known to be dead */
    assert_int_equal(erase_resume(&w->env, w->wall + 1, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_id_is_forgotten_with_the_only_customer),
        cmocka_unit_test(a_user_with_another_customer_stays),
        cmocka_unit_test(a_user_who_was_forgotten_and_asks_again_gets_another_customer),
        cmocka_unit_test(a_users_pair_is_removed_before_the_row_is_forgotten),
        cmocka_unit_test(who_asks_again_before_the_pair_is_removed_keeps_it),
        cmocka_unit_test(a_longer_address_or_id_is_anothers),
        cmocka_unit_test(an_address_is_found_however_it_is_written),
        cmocka_unit_test(every_address_that_it_ever_had_is_forgotten),
        cmocka_unit_test(with_too_many_addresses_nothing_is_erased_by_halves),
        cmocka_unit_test(no_byte_of_a_person_is_left_in_the_file),
        cmocka_unit_test(what_hangs_on_a_customer_is_forgotten_and_nothing_else),
        cmocka_unit_test(no_answer_brings_an_erased_object_back),
        cmocka_unit_test(what_is_new_and_refers_to_the_erased_is_erased_as_it_comes),
        cmocka_unit_test(bodies_of_events_are_forgotten_and_no_new_ones_are_kept),
        cmocka_unit_test(an_erasure_that_was_interrupted_is_ended_by_another_one),
        cmocka_unit_test(a_customer_that_was_never_seen_is_blocked_all_the_same),
        cmocka_unit_test(an_erasure_that_is_killed_anywhere_is_ended_by_the_daemon_or_the_next_run),
        cmocka_unit_test(an_erasure_that_somebody_may_be_at_is_left_to_him),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
