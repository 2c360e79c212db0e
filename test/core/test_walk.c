/* Lists walked page by page, resumed where they stood, and what follows them. */
#include "walking.h"

#include "base/buf.h"
#include "core/due.h"
#include "core/work.h"

#include <stdio.h>
#include <string.h>

#define PROD(name) "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"" name "\"}"

static void a_walk_follows_the_pages_to_the_end(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products?limit=100", 200, LIST(PR("prod_3") "," PR("prod_2"), "true"));
    script(w, "/v1/products?limit=100&starting_after=prod_2", 200, LIST(PR("prod_1"), "false"));
    sync_of(w, "products", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), 3);
    assert_string_equal(ask_text(w, "select state from _walks where type = 'product'"), "complete");
    assert_int_equal(ask_int(w, "select pages from _walks where type = 'product'"), 2);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    small_world_free(w);
}

static void what_a_finished_walk_has_not_shown_is_fetched_before_it_is_buried(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2") "," PR("prod_3"), "false"));
    sync_of(w, "products", false);
    work_long(w);
    script(w, "/v1/products", 200, LIST(PR("prod_1"), "false"));
    script(w, "/v1/products/prod_2", 200, PR("prod_2")); /* merely hidden */
    sync_of(w, "products", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'prod_2'"), 0);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'prod_3'"), 1);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 0);
    small_world_free(w);
}

static void a_walk_that_failed_goes_on_where_it_stood(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products?limit=100", 200, LIST(PR("prod_3") "," PR("prod_2"), "true"));
    script(w, "/v1/products?limit=100&starting_after=prod_2", 200, LIST(PR("prod_1"), "false"));
    script(w, "/v1/products?limit=100&starting_after=prod_2", 500, "{}");
    script_last(w)->times = 3;
    sync_of(w, "products", false);
    work_off(w);
    assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "failed");
    work_long(w);
    assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "complete");
    size_t first_pages = 0;
    for (size_t i = 0; i < w->n_asked; i++)
        first_pages += strcmp(w->asked[i], "/v1/products?limit=100") == 0;
    assert_int_equal(first_pages, 1);
    small_world_free(w);
}

static void a_cursor_that_vanished_starts_the_list_again(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products?limit=100", 200, LIST(PR("prod_3") "," PR("prod_1"), "false"));
    script(w, "/v1/products?limit=100", 200, LIST(PR("prod_3") "," PR("prod_2"), "true"));
    script_last(w)->times = 1;
    script(w, "/v1/products?limit=100&starting_after=prod_2", 400,
           "{\"error\":{\"code\":\"resource_missing\",\"param\":\"starting_after\"}}");
    sync_of(w, "products", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from products_all"), 3);
    assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "complete");
    small_world_free(w);
}

static void a_list_that_may_not_be_read_is_skipped_and_says_why(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 403, "{\"error\":{\"message\":\"no right\"}}");
    sync_of(w, "products", false);
    work_long(w);
    assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "skipped");
    assert_non_null(
        strstr(ask_text(w, "select reason from _walks where type='product'"), "no right"));
    small_world_free(w);
}

/* Stripe refuses to page it: "Received unknown parameter: limit". */
static void a_list_that_comes_whole_is_asked_for_without_a_limit(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/accounts", 200,
           "{\"object\":\"list\",\"has_more\":false,\"data\":[{\"id\":\"acct_2\",\"object\":"
           "\"account\"}]}");
    script(w, "/v1/accounts/acct_2/capabilities", 200,
           "{\"object\":\"list\",\"has_more\":false,\"data\":[]}");
    sync_of(w, "accounts", false);
    work_long(w);
    sync_of(w, "capabilities", false);
    work_long(w);
    assert_true(asked(w, "/v1/accounts/acct_2/capabilities") > 0);
    for (size_t i = 0; i < w->n_asked; i++)
        assert_null(strstr(w->asked[i], "capabilities?limit"));
    small_world_free(w);
}

static void a_singleton_that_a_server_lacks_is_no_failure(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/balance", 404, "{\"error\":{\"message\":\"No matching path\"}}");
    sync_of(w, "balance", false);
    work_off(w);
    assert_int_equal(asked(w, "/v1/balance"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1 or done_gen < gen"), 0);
    assert_int_equal(ask_int(w, "select count(*) from objects where type = 'balance'"), 0);
    small_world_free(w);
}

/* BEYOND-27: the page was made before the change, and is stored after the change's own fetch. */
static void change_lands_meanwhile(void *ctx)
{
    struct small_world *w = ctx;

    deliver_event(w, "evt_9", "product.updated", "product", "prod_1");
    script(w, "/v1/products/prod_1", 200, PROD("new"));
    work_off(w);
}

static void a_page_in_flight_does_not_undo_a_change(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PROD("old"), "false"));
    script_last(w)->meanwhile = change_lands_meanwhile;
    script_last(w)->ctx = w;
    sync_of(w, "products", false);
    work_long(w);
    assert_string_equal(ask_text(w, "select name from products"), "new");
    small_world_free(w);
}

static void a_truncated_nested_list_is_read_to_its_end(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

#define SI(n) "{\"id\":\"si_" n "\",\"object\":\"subscription_item\",\"subscription\":\"sub_1\"}"
#define SUB                                                                                       \
    "{\"id\":\"sub_1\",\"object\":\"subscription\",\"items\":{\"object\":\"list\",\"data\":[" SI( \
        "1") "],\"has_more\":true,\"url\":\"/v1/subscription_items?subscription=sub_1\"}}"
    script(w, "/v1/subscriptions", 200, LIST(SUB, "false"));
    script(w, "/v1/subscriptions/sub_1", 200, SUB);
    script(w, "/v1/subscription_items?subscription=sub_1&limit=100", 200,
           LIST(SI("1") "," SI("2"), "true"));
    script(w, "/v1/subscription_items?subscription=sub_1&limit=100&starting_after=si_2", 200,
           LIST(SI("3"), "false"));
    sync_of(w, "subscriptions", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from subscription_items"), 3);
    assert_int_equal(ask_int(w, "select open_lists from objects where id = 'sub_1'"), 0);
    small_world_free(w);
}

/* What is made of the members is not made anew behind each page, but tells of all that are here. */
static void half_a_nested_list_is_in_the_customers_state(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    static const char *const page[] = {
        "/v1/subscription_items?subscription=sub_1&limit=100",
        "/v1/subscription_items?subscription=sub_1&limit=100&starting_after=si_1",
        "/v1/subscription_items?subscription=sub_1&limit=100&starting_after=si_2",
        "/v1/subscription_items?subscription=sub_1&limit=100&starting_after=si_3",
    };

    script(w, "/v1/subscriptions/sub_1", 200,
           "{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\",\"status\":"
           "\"active\",\"items\":{\"object\":\"list\",\"data\":[],\"has_more\":true,"
           "\"url\":\"/v1/subscription_items?subscription=sub_1\"}}");
    script(w, page[0], 200, LIST(SI("1"), "true"));
    script(w, page[1], 200, LIST(SI("2"), "true"));
    script(w, page[2], 200, LIST(SI("3"), "true"));
    script(w, page[3], 500, "{}");
    sync_of(w, "sub_1", false);
    work_off(w);
    assert_int_equal(ask_int(w, "select open_lists from objects where id = 'sub_1'"), 1);
    assert_int_equal(ask_int(w, "select value like '%si_3%' from _states"), 1);
    script(w, page[3], 200, LIST(SI("4"), "false"));
    settle(w);
    assert_int_equal(ask_int(w, "select open_lists from objects where id = 'sub_1'"), 0);
    assert_int_equal(ask_int(w, "select value like '%si_4%' from _states"), 1);
    small_world_free(w);
}

static void lease_runs_out_meanwhile(void *ctx)
{
    ARENA(a, 1 << 16);
    struct small_world *w = ctx;
    struct error e = { 0 };
    struct claim c;

    pass(w, w->env.set.lease_ms + 1);
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
}

/* The other one finds the object again, its lists open, and may fail to read them. */
static void who_lost_its_lease_does_not_finish_the_lists(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report;
    struct error e = { 0 };

    script(w, "/v1/subscriptions/sub_1", 200, SUB);
    script(w, "/v1/subscription_items?subscription=sub_1&limit=100", 200,
           LIST(SI("1") "," SI("2"), "false"));
    script_last(w)->meanwhile = lease_runs_out_meanwhile;
    script_last(w)->ctx = w;
    deliver_event(w, "evt_1", "customer.subscription.updated", "subscription", "sub_1");
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
    assert_true(report.failed);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 1);
    assert_int_equal(ask_int(w, "select open_lists from objects where id = 'sub_1'"), 1);
    script_last(w)->meanwhile = NULL;
    pass(w, w->env.set.lease_ms + 1);
    work_off(w);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    assert_int_equal(ask_int(w, "select open_lists from objects where id = 'sub_1'"), 0);
    small_world_free(w);
}

static void an_inline_price_that_no_list_shows_is_chased(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(
        w, "/v1/products", 200,
        LIST("{\"id\":\"prod_1\",\"object\":\"product\",\"default_price\":\"price_7\"}", "false"));
    script(w, "/v1/prices/price_7", 200,
           "{\"id\":\"price_7\",\"object\":\"price\",\"product\":\"prod_1\"}");
    sync_of(w, "products", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from prices where id = 'price_7'"), 1);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 0);
    small_world_free(w);
}

#define DAY_MS (24LL * 3600 * 1000)
#define PRICE_7 "{\"id\":\"price_7\",\"object\":\"price\",\"active\":true}"
#define PRICES(active) \
    "/v1/prices?limit=100&active=" active "&expand[0]=data.currency_options&expand[1]=data.tiers"

/* An inline price is here, and the lists of prices are empty. */
static struct small_world *with_an_inline_price(void)
{
    struct small_world *w = small_world_new();

    script(w, PRICES("true"), 200, LIST("", "false"));
    script(w, PRICES("false"), 200, LIST("", "false"));
    script(w, "/v1/prices/price_7", 200, PRICE_7);
    put_object(w, "price", "price_7", PRICE_7, SOURCE_GET);
    return w;
}

static size_t asked_after(struct small_world *w, msec span)
{
    pass(w, span);
    sync_of(w, "prices", true);
    work_long(w);
    return asked(w, "/v1/prices/price_7");
}

static void what_no_list_shows_is_asked_for_once_a_month(void **state)
{
    (void)state;
    struct small_world *w = with_an_inline_price();

    assert_int_equal(asked_after(w, 0), 1);
    assert_int_equal(asked_after(w, DAY_MS), 1);
    assert_int_equal(asked_after(w, 28 * DAY_MS), 1);
    assert_int_equal(asked_after(w, DAY_MS), 2);
    assert_int_equal(asked_after(w, DAY_MS), 2);
    deliver_event(w, "evt_1", "price.updated", "price", "price_7"); /* events are followed */
    assert_int_equal(asked_after(w, 28 * DAY_MS), 3);
    assert_int_equal(asked_after(w, 28 * DAY_MS), 3); /* and it was seen with the latest */
    assert_int_equal(ask_int(w, "select hidden from _coverage where type = 'price'"), 1);
    w->wall -= 400 * DAY_MS; /* a clock that had gone wrong */
    assert_int_equal(asked_after(w, 0), 4);
    script(w, "/v1/prices/price_7", 404, "{\"error\":{\"code\":\"resource_missing\"}}");
    assert_int_equal(asked_after(w, 31 * DAY_MS), 6);
    assert_int_equal(ask_int(w, "select count(*) from prices"), 0);
    assert_int_equal(ask_int(w, "select hidden from _coverage where type = 'price'"), 0);
    small_world_free(w);
}

static void what_a_list_has_shown_is_asked_for_at_once_when_it_is_missing(void **state)
{
    (void)state;
    struct small_world *w = with_an_inline_price();

    assert_int_equal(asked_after(w, 0), 1);
    script(w, PRICES("true"), 200, LIST(PRICE_7, "false"));
    script_last(w)->times = 1;
    assert_int_equal(asked_after(w, DAY_MS), 1);
    assert_int_equal(ask_int(w, "select hidden from _coverage where type = 'price'"), 0);
    script(w, "/v1/prices/price_7", 404, "{\"error\":{\"code\":\"resource_missing\"}}");
    assert_int_equal(asked_after(w, DAY_MS), 3);
    assert_int_equal(ask_int(w, "select count(*) from prices"), 0);
    small_world_free(w);
}

/* The answer of a request that left before it was missed says nothing of what is since. */
static void who_has_not_answered_since_it_was_missed_is_asked_for_again(void **state)
{
    (void)state;
    struct small_world *w = with_an_inline_price();

    script(w, "/v1/prices/price_7", 403, "{\"error\":{\"message\":\"not permitted\"}}");
    assert_int_equal(asked_after(w, 0), 1);
    assert_int_equal(asked_after(w, DAY_MS), 2);
    assert_int_equal(ask_int(w, "select hidden from _coverage where type = 'price'"), 0);
    small_world_free(w);
}

static void what_may_live_on_a_test_clock_is_missed_each_time(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const char *customer = "{\"id\":\"cus_1\",\"object\":\"customer\"}";

    script(w, "/v1/customers", 200, LIST("", "false"));
    script(w, "/v1/customers/cus_1", 200, customer);
    put_object(w, "customer", "cus_1", customer, SOURCE_GET);
    for (size_t i = 1; i <= 2; i++) {
        sync_of(w, "customers", true);
        work_long(w);
        assert_int_equal(asked(w, "/v1/customers/cus_1"), i);
    }
    small_world_free(w);
}

static void an_argument_that_is_no_type_and_no_id_is_named(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct sync s;
    str args[1] = { S("prodcuts") };

    assert_int_equal(sync_start(&w->env, args, 1, false, LANE_USER, &s, &e), ST_INVALID);
    assert_non_null(strstr(e.text, "prodcuts"));
    assert_int_equal(ask_int(w, "select count(*) from _due"), 0);
    small_world_free(w);
}

static const char *page_of(struct small_world *w, int first, int n, bool more)
{
    static char text[3][8192];
    static int turn;
    char *p = text[turn++ % 3];
    size_t at = (size_t)snprintf(p, 8192, "{\"object\":\"list\",\"data\":[");

    (void)w;
    for (int i = first; i < first + n; i++)
        at += (size_t)snprintf(p + at, 8192 - at, "%s{\"id\":\"prod_%04d\",\"object\":\"product\"}",
                               i > first ? "," : "", i);
    snprintf(p + at, 8192 - at, "],\"has_more\":%s}", more ? "true" : "false");
    return p;
}

/* A page's objects share one ticket; the sweep must not stop in their middle. */
static void every_object_that_no_list_shows_any_more_is_looked_after(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.fuse_max = 0;
    script(w, "/v1/products?limit=100", 200, page_of(w, 0, 100, true));
    script(w, "/v1/products?limit=100&starting_after=prod_0099", 200, page_of(w, 100, 100, true));
    script(w, "/v1/products?limit=100&starting_after=prod_0199", 200, page_of(w, 200, 60, false));
    sync_of(w, "products", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), 260);
    w->n_asked = 0;
    script(w, "/v1/products?limit=100", 200, page_of(w, 0, 1, false));
    sync_of(w, "products", false);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    small_world_free(w);
}

static void a_walk_ends_and_its_sweep_becomes_due_in_one_transaction(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report;
    struct error e = { 0 };

    script(w, "/v1/products", 200, LIST(PR("prod_1"), "false"));
    sync_of(w, "products", false);
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
    assert_string_equal(ask_text(w, "select state from _walks"), "complete");
    assert_int_equal(ask_int(w, "select gen > done_gen from _due where kind = 'sweep'"), 1);
    small_world_free(w);
}

static void a_refusal_in_the_middle_of_a_list_is_a_failure_and_no_end(void **state)
{
    (void)state;
    const struct {
        int http_status;
        const char *body;
    } row[] = { { 404, "<html>not here</html>" },
                { 403, "{\"error\":{\"message\":\"no right\"}}" },
                { 400, "<html>bad</html>" } };

    for (size_t i = 0; i < COUNT(row); i++) {
        struct small_world *w = small_world_new();
        script(w, "/v1/products?limit=100", 200, LIST(PR("prod_3") "," PR("prod_2"), "true"));
        script(w, "/v1/products?limit=100&starting_after=prod_2", row[i].http_status, row[i].body);
        sync_of(w, "products", false);
        work_off(w);
        assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "failed");
        assert_int_equal(ask_int(w, "select dead from _due where kind = 'walk'"), 0);
        small_world_free(w);
    }
}

static struct sync_progress progress_of(struct small_world *w, const struct sync *s)
{
    struct sync_progress p;
    struct error e = { 0 };
    BUF(out, 1 << 20);

    assert_int_equal(sync_progress(&w->env, s, &p, &out, &e), ST_OK);
    return p;
}

static void a_sync_of_one_object_waits_for_that_object_and_no_other(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct sync s;
    str args[1] = { S("prod_1") };

    script(w, "/v1/products/prod_1", 500, "{}");
    script(w, "/v1/products/prod_2", 500, "{}");
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    deliver_event(w, "evt_2", "product.updated", "product", "prod_2");
    assert_int_equal(sync_start(&w->env, args, 1, false, LANE_BACKFILL, &s, &e), ST_OK);
    assert_false(progress_of(w, &s).done);
    work_off(w);
    assert_false(progress_of(w, &s).done); /* it failed: due still */
    script(w, "/v1/products/prod_1", 200, PROD("here"));
    pass(w, 5000);
    work_off(w);
    assert_true(progress_of(w, &s).done); /* though prod_2 fails on */
    assert_string_equal(ask_text(w, "select name from products"), "here");
    small_world_free(w);
}

static void asked_for_anew(void *ctx)
{
    sync_of(ctx, "products", true);
}

static void a_walk_that_is_wanted_anew_begins_anew_although_it_is_under_way(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    size_t first_pages = 0;

    script(w, "/v1/products?limit=100", 200, LIST(PR("prod_3") "," PR("prod_2"), "true"));
    script(w, "/v1/products?limit=100&starting_after=prod_2", 200, LIST(PR("prod_1"), "false"));
    script(w, "/v1/products?limit=100&starting_after=prod_2", 200, LIST(PR("prod_1"), "false"));
    script_last(w)->times = 1;
    script_last(w)->meanwhile = asked_for_anew;
    script_last(w)->ctx = w;
    sync_of(w, "products", false);
    work_long(w);
    for (size_t i = 0; i < w->n_asked; i++)
        first_pages += strcmp(w->asked[i], "/v1/products?limit=100") == 0;
    assert_int_equal(first_pages, 2);
    assert_int_equal(ask_int(w, "select objects from _walks where type='product'"), 3);
    assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "complete");
    small_world_free(w);
}

static void the_lease_runs_out(void *ctx)
{
    struct small_world *w = ctx;
    ARENA(a, 1 << 16);
    struct error e = { 0 };
    struct claim c;

    pass(w, w->env.set.lease_ms);
    do
        assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
    while (c.key.kind != DUE_WALK);
}

static void who_lost_a_walk_says_nothing_of_it(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report;
    struct error e = { 0 };

    script(w, "/v1/products", 403, "{\"error\":{\"message\":\"no right\"}}");
    script_last(w)->meanwhile = the_lease_runs_out;
    script_last(w)->ctx = w;
    sync_of(w, "products", false);
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
    assert_string_equal(ask_text(w, "select state from _walks where type='product'"), "walking");
    assert_int_equal(ask_int(w, "select claimed from _due where kind = 'walk'"), 1);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_follows_the_pages_to_the_end),
        cmocka_unit_test(what_a_finished_walk_has_not_shown_is_fetched_before_it_is_buried),
        cmocka_unit_test(a_walk_that_failed_goes_on_where_it_stood),
        cmocka_unit_test(a_cursor_that_vanished_starts_the_list_again),
        cmocka_unit_test(a_list_that_may_not_be_read_is_skipped_and_says_why),
        cmocka_unit_test(a_list_that_comes_whole_is_asked_for_without_a_limit),
        cmocka_unit_test(a_singleton_that_a_server_lacks_is_no_failure),
        cmocka_unit_test(a_page_in_flight_does_not_undo_a_change),
        cmocka_unit_test(a_truncated_nested_list_is_read_to_its_end),
        cmocka_unit_test(half_a_nested_list_is_in_the_customers_state),
        cmocka_unit_test(who_lost_its_lease_does_not_finish_the_lists),
        cmocka_unit_test(an_inline_price_that_no_list_shows_is_chased),
        cmocka_unit_test(what_no_list_shows_is_asked_for_once_a_month),
        cmocka_unit_test(what_a_list_has_shown_is_asked_for_at_once_when_it_is_missing),
        cmocka_unit_test(who_has_not_answered_since_it_was_missed_is_asked_for_again),
        cmocka_unit_test(what_may_live_on_a_test_clock_is_missed_each_time),
        cmocka_unit_test(an_argument_that_is_no_type_and_no_id_is_named),
        cmocka_unit_test(every_object_that_no_list_shows_any_more_is_looked_after),
        cmocka_unit_test(a_walk_ends_and_its_sweep_becomes_due_in_one_transaction),
        cmocka_unit_test(a_refusal_in_the_middle_of_a_list_is_a_failure_and_no_end),
        cmocka_unit_test(a_sync_of_one_object_waits_for_that_object_and_no_other),
        cmocka_unit_test(a_walk_that_is_wanted_anew_begins_anew_although_it_is_under_way),
        cmocka_unit_test(who_lost_a_walk_says_nothing_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
