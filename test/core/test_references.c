/* References as rows: what is wanted, absent or foreign, how far they are followed, what hangs on
 * an object. */
#include "../unit.h"

#include "core/due.h"
#include "core/inbox.h"
#include "core/mirror/followup.h"
#include "core/mirror/references.h"
#include "core/work.h"
#include "small_world.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { OUT_BYTES_MAX = 1 << 20 };

static struct dangling dangling(struct small_world *w, char text[4096])
{
    BUF(out, OUT_BYTES_MAX);
    struct dangling n = { 0 };
    struct error e = { 0 };

    assert_int_equal(references_dangling(&w->env, &out, NULL, &n, &e), ST_OK);
    snprintf(text, 4096, "%.*s", STR_ARG(buf_str(&out)));
    return n;
}

static void chase(struct small_world *w)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(followup_want_chase(&tx, &w->env, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    settle(w);
}

#define PRICE "{\"id\":\"price_1\",\"object\":\"price\",\"product\":\"prod_1\"}"

static void a_target_that_answers_404_is_absent_with_the_answer_and_its_referrer_complete(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    char text[4096];

    script(w, "/v1/prices/price_1", 200, PRICE);
    deliver_body(w, "", "price.created", PRICE);
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from prices"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1 or done_gen < gen"), 0);
    struct dangling n = dangling(w, text);
    assert_int_equal(n.absent, 1);
    assert_int_equal(n.wanted + n.foreign, 0);
    assert_non_null(strstr(text, "\"state\":\"absent\",\"references\":1"));
    assert_non_null(strstr(text, "No such object"));
    assert_non_null(strstr(text, "\"status\":404"));
    small_world_free(w);
}

static void an_absent_target_is_asked_again_with_growing_pauses_and_not_for_ever(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    size_t before = 0;
    int rounds = 0;

    script(w, "/v1/prices/price_1", 200, PRICE);
    deliver_body(w, "", "price.created", PRICE);
    settle(w);
    before = asked(w, "/v1/products/prod_1");
    for (int hour = 0; hour < 24 * 40; hour++) {
        pass(w, 3600 * 1000);
        chase(w);
        rounds += asked(w, "/v1/products/prod_1") > before;
        before = asked(w, "/v1/products/prod_1");
    }
    assert_int_equal(rounds, ABSENT_LOOKS_MAX - 1);
    assert_int_equal(ask_int(w, "select looks from _absent"), ABSENT_LOOKS_MAX);
    small_world_free(w);
}

static void what_was_absent_and_comes_is_resolved(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    char text[4096];
    struct error e = { 0 };
    int64_t n = 0;

    script(w, "/v1/prices/price_1", 200, PRICE);
    deliver_body(w, "", "price.created", PRICE);
    settle(w);
    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    assert_int_equal(references_repair(&w->env, &n, &e), ST_OK);
    assert_int_equal(n, 1);
    settle(w);
    struct dangling left = dangling(w, text);
    assert_int_equal(left.absent + left.wanted + left.foreign, 0);
    small_world_free(w);
}

static void a_target_of_the_other_mode_is_foreign_and_never_asked_again(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    char text[4096];
    struct error e = { 0 };
    int64_t n = 0;

    script(w, "/v1/products/prod_1", 404,
           "{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such product: 'prod_1'; a "
           "similar object exists in live mode, but a test mode key was used to make this "
           "request.\"}}");
    script(w, "/v1/prices/price_1", 200, PRICE);
    deliver_body(w, "", "price.created", PRICE);
    settle(w);
    assert_int_equal(dangling(w, text).foreign, 1);
    size_t before = asked(w, "/v1/products/prod_1");
    assert_int_equal(references_repair(&w->env, &n, &e), ST_OK);
    pass(w, 365 * 86400 * 1000LL);
    chase(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), before);
    small_world_free(w);
}

/* Quotes that were made from quotes that were made from quotes: a chain without an end in sight. */
static void one_signal_leads_so_many_references_deep_and_the_chase_goes_on(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    static char text[20][160], path[20][32];
    const int n = 20;

    for (int i = 0; i < n; i++) {
        snprintf(path[i], sizeof path[i], "/v1/quotes/qt_%d", i);
        snprintf(text[i], sizeof text[i],
                 "{\"id\":\"qt_%d\",\"object\":\"quote\",\"from_quote\":{\"quote\":%s%d%s}}", i,
                 i + 1 < n ? "\"qt_" : "", i + 1, i + 1 < n ? "\"" : "");
        script(w, path[i], 200, text[i]);
    }
    deliver_body(w, "", "quote.created", text[0]);
    assert_int_equal(ask_int(w, "select count(*) from _due where kind = 'chase'"), 0);
    int deepest = 0;
    for (int i = 0; i < 60 && deepest < n; i++) {
        struct work_report report;
        struct error e = { 0 };
        if (work_one(&w->env, &report, &e) == ST_NONE)
            pass(w, 1000);
        deepest = (int)ask_int(w, "select count(*) from quotes");
        if (ask_int(w, "select count(*) from _due where kind = 'chase'") == 0)
            assert_true(deepest <= REFS_DEPTH_MAX + 1);
        assert_true(ask_int(w, "select max(depth) from _due") <= REFS_DEPTH_MAX);
    }
    assert_int_equal(deepest, n);
    assert_true(ask_int(w, "select count(*) from _due where kind = 'chase'") == 1);
    small_world_free(w);
}

static void one_answer_makes_so_many_targets_due_and_the_chase_the_rest(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    BUF(body, 64 << 10);
    struct work_report report;
    struct error e = { 0 };

    buf_append(&body, S("{\"id\":\"C\",\"object\":\"coupon\",\"applies_to\":{\"products\":["));
    for (int i = 0; i < REFS_FAN_OUT_MAX + 50; i++)
        buf_printf(&body, "%s\"prod_%d\"", i ? "," : "", i);
    buf_append(&body, S("]}}"));
    buf_char(&body, '\0');
    script(w, "/v1/coupons/C", 200, body.p);
    deliver_body(w, "", "coupon.created", "{\"id\":\"C\",\"object\":\"coupon\"}");
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _due where type = 'product'"),
                     REFS_FAN_OUT_MAX);
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from _due where type = 'product'"),
                     REFS_FAN_OUT_MAX + 50);
    small_world_free(w);
}

static void what_hangs_on_a_price_is_counted_through_its_items(void **s)
{
    (void)s;
    struct small_world *w = small_world_new();
    BUF(out, OUT_BYTES_MAX);
    struct error e = { 0 };

    script(w, "/v1/subscriptions/sub_1", 200,
           "{\"id\":\"sub_1\",\"object\":\"subscription\",\"items\":{\"object\":\"list\",\"data\":["
           "{\"id\":\"si_1\",\"object\":\"subscription_item\",\"subscription\":\"sub_1\","
           "\"price\":{\"id\":\"price_1\",\"object\":\"price\"}}],\"has_more\":false}}");
    script(w, "/v1/prices/price_1", 200, PRICE);
    deliver_body(w, "", "customer.subscription.created",
                 "{\"id\":\"sub_1\",\"object\":\"subscription\"}");
    settle(w);
    assert_int_equal(references_of(&w->env, S(""), S("price_1"), &out, &e), ST_OK);
    buf_char(&out, '\0');
    assert_non_null(strstr(out.p, "{\"type\":\"subscription_item\",\"field\":\"price\",\"count\":1,"
                                  "\"deleted\":0,\"example\":\"si_1\"}"));
    assert_non_null(strstr(out.p, "{\"type\":\"subscription\",\"field\":\"items\",\"through\":"
                                  "\"subscription_item\",\"count\":1"));
    assert_non_null(strstr(out.p, "{\"field\":\"product\",\"type\":\"product\",\"id\":\"prod_1\","
                                  "\"state\":\"absent\"}"));
    assert_int_equal(references_of(&w->env, S(""), S("price_2"), &out, &e), ST_NONE);
    small_world_free(w);
}

static void count_lines(void *ctx, str page)
{
    size_t *lines = ctx;

    for (size_t i = 0; i < page.n; i++)
        *lines += page.p[i] == '\n';
}

static void what_is_more_than_an_answer_holds_comes_page_after_page(void **s)
{
    enum { MANY = 1100, ROOM = 48 << 10 };
    static const char prices[] =
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1100) "
        "insert into _refs (from_type, account, from_id, field, to_type, to_id, certain, ticket) "
        "select 'price', account, 'price_' || i, 'product', 'product', 'prod_' || i, 1, 1 "
        "from n, _environment; insert into objects (type, account, id, data, revision, ticket, "
        "fetched_at, changed_at, api_version, source) select 'price', account, from_id, '{}', 1, "
        "1, "
        "1, 1, '', 'get' from _refs";
    (void)s;
    struct small_world *w = small_world_new();
    BUF(out, ROOM);
    struct error e = { 0 };
    struct dangling n;
    size_t lines = 0;
    const struct pages pages = { count_lines, &lines };
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, prices, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(references_dangling(&w->env, &out, NULL, &n, &e), ST_LIMIT);
    error_clear(&e);
    buf_clear(&out);
    assert_int_equal(references_dangling(&w->env, &out, &pages, &n, &e), ST_OK);
    assert_int_equal(n.wanted, MANY);
    assert_int_equal(lines, MANY);
    assert_int_equal(sqlite3_exec(db, "update _refs set to_id = 'prod_1'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(references_to(&w->env, S(""), S("prod_1"), &out, NULL, &e), ST_LIMIT);
    assert_non_null(strstr(e.text, "brindle refs prod_1 --all"));
    error_clear(&e);
    buf_clear(&out);
    lines = 0;
    assert_int_equal(references_to(&w->env, S(""), S("prod_1"), &out, &pages, &e), ST_OK);
    assert_int_equal(lines, MANY);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_target_that_answers_404_is_absent_with_the_answer_and_its_referrer_complete),
        cmocka_unit_test(an_absent_target_is_asked_again_with_growing_pauses_and_not_for_ever),
        cmocka_unit_test(what_was_absent_and_comes_is_resolved),
        cmocka_unit_test(a_target_of_the_other_mode_is_foreign_and_never_asked_again),
        cmocka_unit_test(one_signal_leads_so_many_references_deep_and_the_chase_goes_on),
        cmocka_unit_test(one_answer_makes_so_many_targets_due_and_the_chase_the_rest),
        cmocka_unit_test(what_hangs_on_a_price_is_counted_through_its_items),
        cmocka_unit_test(what_is_more_than_an_answer_holds_comes_page_after_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
