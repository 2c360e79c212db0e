/* Lists walked page by page, resumed where they stood, and what follows them. */
#include "../unit.h"

#include "base/buf.h"
#include "core/due.h"
#include "core/mirror/sync.h"
#include "core/schedule.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

#define PROD(name) "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"" name "\"}"
#define LIST(data, more) \
    "{\"object\":\"list\",\"data\":[" data "],\"has_more\":" more ",\"url\":\"/v1/x\"}"
#define PR(id) "{\"id\":\"" id "\",\"object\":\"product\"}"

static void sync_of(struct small_world *w, const char *arg, bool again)
{
    struct error e = { 0 };
    struct sync s;
    str args[1] = { str_of(arg) };

    enum status st = sync_start(&w->env, args, 1, again, LANE_BACKFILL, &s, &e);
    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
}

static void sync_all(struct small_world *w)
{
    struct error e = { 0 };
    struct sync s;

    assert_int_equal(sync_start(&w->env, NULL, 0, false, LANE_BACKFILL, &s, &e), ST_OK);
}

static void work_long(struct small_world *w)
{
    for (int i = 0; i < 20; i++) {
        work_off(w);
        pass(w, 3000);
    }
}

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

static void lists_under_parents_end_where_the_clock_is_set_back(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 500, "{}");
    script_last(w)->times = 3;
    sync_of(w, "products", false);
    work_long(w);
    sync_all(w);
    w->wall -= 3600000;
    work_long(w);
    assert_string_equal(ask_text(w, "select state from _walks where type = 'product_feature' and "
                                    "variant = 'parents'"),
                        "complete");
    assert_int_equal(asked(w, "/v1/products/prod_1/features"), 1);
    sync_all(w);
    work_long(w);
    assert_int_equal(asked(w, "/v1/products/prod_1/features"), 2);
    small_world_free(w);
}

#define FEATURE(id) "{\"id\":\"" id "\",\"object\":\"product_feature\",\"livemode\":false}"
#define TROUBLE "{\"error\":{\"message\":\"trouble\"}}"

static const char *features(struct small_world *w, const char *what)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "select %s from _walks where type = 'product_feature' and variant = 'parents'", what);
    return ask_text(w, sql);
}

static void work_for(struct small_world *w, int seconds)
{
    struct error e = { 0 };

    for (int i = 0; i < seconds; i++) {
        assert_int_equal(schedule_run(&w->env, &e), ST_OK);
        work_off(w);
        pass(w, 1000);
    }
}

/* Two products; prod_2's features do not come until that was given up. */
static struct small_world *world_with_a_list_given_up(void)
{
    struct small_world *w = small_world_new();

    w->env.set.attempts_max = 2;
    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST(FEATURE("pf_1"), "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST(FEATURE("pf_2"), "false"));
    script(w, "/v1/products/prod_2/features", 500, TROUBLE);
    script_last(w)->times = 2 * 3; /* each attempt asks three times */
    sync_all(w);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1 and id like 'parent=%'"),
                     1);
    return w;
}

static void a_list_under_a_parent_that_was_given_up_is_asked_for_by_the_next_sync(void **state)
{
    (void)state;
    struct small_world *w = world_with_a_list_given_up();

    assert_string_equal(features(w, "state"), "failed");
    assert_string_equal(features(w, "reason"), "1 of the lists were given up");
    assert_int_equal(ask_int(w, "select count(*) from product_features"), 1);
    sync_all(w);
    assert_int_equal(ask_int(w, "select count(*) from _walks where state = 'failed'"), 0);
    work_long(w);
    assert_string_equal(features(w, "state"), "complete");
    assert_int_equal(ask_int(w, "select count(*) from product_features"), 2);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen and kind = 'walk'"),
                     0);
    assert_int_equal(asked(w, "/v1/products/prod_1/features"), 1); /* that one was read already */
    small_world_free(w);
}

static void lists_under_parents_are_not_complete_while_a_list_of_parents_is_not(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.attempts_max = 2;
    script(w, "/v1/products", 500, TROUBLE);
    sync_all(w);
    work_long(w);
    assert_string_equal(features(w, "state"), "failed");
    assert_string_equal(features(w, "reason"),
                        "not every product is known: 1 of their lists were given up");
    script(w, "/v1/products", 200, LIST(PR("prod_1"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST(FEATURE("pf_1"), "false"));
    sync_all(w);
    work_long(w);
    assert_string_equal(features(w, "state"), "complete");
    small_world_free(w);
}

static void lists_under_parents_are_walked_by_the_clock_a_request_a_second(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST("", "false"));
    sync_all(w);
    work_long(w);
    w->env.set.check_ms = 0;
    w->env.set.relist_ms = 60000;
    w->env.set.catch_up_ms = 0;
    script(w, "/v1/products/prod_1/features?limit=100", 200, LIST(FEATURE("pf_1"), "true"));
    script(w, "/v1/products/prod_1/features?limit=100&starting_after=pf_1", 200,
           LIST(FEATURE("pf_2"), "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST(FEATURE("pf_3"), "false"));
    size_t before = asked(w, "/v1/products/prod_1/features");
    for (int i = 0; i < 400 && ask_int(w, "select count(*) from product_features") < 3; i++) {
        size_t n = w->n_asked;
        work_for(w, 1);
        assert_true(w->n_asked <= n + 1);
    }
    assert_int_equal(ask_int(w, "select count(*) from product_features"), 3);
    assert_int_equal(asked(w, "/v1/products/prod_1/features"), before + 2);
    work_for(w, 3);
    assert_string_equal(features(w, "state"), "complete");
    assert_int_equal(ask_int(w, "select count(*) from _coverage c join _walks w on w.type = c.type "
                                "where c.type = 'product_feature' and c.state = 'complete' and "
                                "c.fresh_at = w.complete_at and w.variant = 'parents'"),
                     1);
    small_world_free(w);
}

static void the_clock_asks_again_for_lists_under_parents_that_were_given_up(void **state)
{
    (void)state;
    struct small_world *w = world_with_a_list_given_up();

    w->env.set.check_ms = 0;
    w->env.set.relist_ms = 60000;
    w->env.set.catch_up_ms = 0;
    for (int i = 0; i < 400 && ask_int(w, "select count(*) from product_features") < 2; i++)
        work_for(w, 1);
    assert_int_equal(ask_int(w, "select count(*) from product_features"), 2);
    work_for(w, 3);
    assert_string_equal(features(w, "state"), "complete");
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1 and kind = 'walk'"), 0);
    small_world_free(w);
}

static void a_list_under_a_parent_that_fails_holds_up_nothing_that_the_clock_brings(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST("", "false"));
    sync_all(w);
    work_long(w);
    w->env.set.check_ms = 0;
    w->env.set.relist_ms = 60000;
    w->env.set.catch_up_ms = 0;
    script(w, "/v1/products/prod_1/features", 500, TROUBLE);
    for (int i = 0; i < 300 && strcmp(features(w, "state"), "failed") != 0; i++)
        work_for(w, 1);
    assert_string_equal(features(w, "reason"), "1 of the lists could not be read");
    assert_int_equal(asked(w, "/v1/products/prod_2/features"), 2); /* all others were */
    script(w, "/v1/products/prod_1/features", 200, LIST(FEATURE("pf_1"), "false"));
    for (int i = 0; i < 300 && strcmp(features(w, "state"), "complete") != 0; i++)
        work_for(w, 1);
    assert_string_equal(features(w, "state"), "complete");
    assert_int_equal(ask_int(w, "select count(*) from product_features"), 1);
    small_world_free(w);
}

static void whoever_syncs_need_not_wait_for_the_pace_of_the_clock(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2") "," PR("prod_3"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_3/features", 200, LIST("", "false"));
    sync_all(w);
    work_long(w);
    w->env.set.check_ms = 0;
    w->env.set.relist_ms = 60000;
    w->env.set.catch_up_ms = 0;
    size_t before = asked(w, "/v1/products/prod_1/features");
    for (int i = 0; i < 400 && asked(w, "/v1/products/prod_1/features") == before; i++)
        work_for(w, 1);
    sync_all(w);
    work_off(w);
    pass(w, 300);
    work_off(w);
    assert_int_equal(ask_int(w, "select count(*) from _due where type = 'product_feature' and "
                                "done_gen < gen and id like 'parent=%'"),
                     0);
    assert_int_equal(asked(w, "/v1/products/prod_3/features"), 2);
    small_world_free(w);
}

static void a_list_under_a_parent_that_may_not_be_read_is_said_to_be_missing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST(FEATURE("pf_1"), "false"));
    script(w, "/v1/products/prod_2/features", 403, "{\"error\":{\"message\":\"no right\"}}");
    sync_all(w);
    work_long(w);
    assert_string_equal(features(w, "state"), "skipped");
    assert_non_null(strstr(features(w, "reason"), "no right"));
    assert_string_equal(ask_text(w, "select state from _coverage where type = 'product_feature'"),
                        "skipped");
    script(w, "/v1/products/prod_2/features", 200, LIST(FEATURE("pf_2"), "false"));
    sync_all(w);
    work_long(w);
    assert_string_equal(ask_text(w, "select state from _coverage where type = 'product_feature'"),
                        "complete");
    small_world_free(w);
}

/* A request for each of so many nobody has permitted. */
static void the_clock_walks_no_lists_under_more_parents_than_permitted(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST("", "false"));
    sync_all(w);
    work_long(w);
    w->env.set.parents_max = 1;
    w->env.set.check_ms = 0;
    w->env.set.relist_ms = 60000;
    size_t before = asked(w, "/v1/products/prod_1/features");
    work_for(w, 200);
    assert_int_equal(asked(w, "/v1/products/prod_1/features"), before);
    assert_string_equal(features(w, "state"), "complete");
    small_world_free(w);
}

static void what_no_list_under_a_parent_shows_any_more_is_fetched_before_it_is_buried(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

#define TOKEN(id) "{\"id\":\"" id "\",\"object\":\"issuing.token\",\"livemode\":false}"
    script(w, "/v1/issuing/cards", 200,
           LIST("{\"id\":\"ic_1\",\"object\":\"issuing.card\",\"livemode\":false}", "false"));
    script(w, "/v1/issuing/tokens", 200, LIST(TOKEN("intok_1") "," TOKEN("intok_2"), "false"));
    sync_all(w);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from issuing_tokens"), 2);
    script(w, "/v1/issuing/tokens", 200, LIST("", "false"));
    script(w, "/v1/issuing/tokens/intok_1", 200, TOKEN("intok_1")); /* merely hidden */
    sync_all(w);
    work_long(w);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'intok_1'"), 0);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'intok_2'"), 1);
    small_world_free(w);
}

#define CLOCK(id) "{\"id\":\"" id "\",\"object\":\"test_helpers.test_clock\"}"
#define ON_CLOCK(id, clock) \
    "{\"id\":\"" id "\",\"object\":\"customer\",\"test_clock\":\"" clock "\"}"

#define EXPANDED "&expand[0]=data.sources&expand[1]=data.tax_ids"

enum { MANY_CLOCKS = 5000 };

static void the_lists_on_any_number_of_clocks_are_walked(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report = { 0 };
    struct error e = { 0 };
    BUF(body, 1 << 20);

    buf_append(&body, S("{\"object\":\"list\",\"has_more\":false,\"data\":["));
    for (int i = 0; i < MANY_CLOCKS; i++)
        buf_printf(&body, "%s" CLOCK("clock_%d"), i ? "," : "", i);
    buf_append(&body, S("]}"));
    buf_char(&body, '\0');
    script(w, "/v1/test_helpers/test_clocks", 200, buf_str(&body).p);
    sync_of(w, "test_clocks", false);
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK); /* the list alone, not what follows */
    assert_string_equal(
        ask_text(w, "select state from _walks where type = 'test_helpers.test_clock'"), "complete");
    assert_int_equal(
        ask_int(w, "select count(*) from _walks where type = 'customer' and state = 'waiting'"),
        MANY_CLOCKS);
    small_world_free(w);
}

static void what_is_listed_by_the_customers_on_a_clock_is_walked_once(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/test_helpers/test_clocks", 200,
           LIST(CLOCK("clock_1") "," CLOCK("clock_2"), "false"));
    script(w, "/v1/customers?limit=100&test_clock=clock_1" EXPANDED, 200,
           LIST(ON_CLOCK("cus_1", "clock_1"), "false"));
    script(w, "/v1/customers?limit=100&test_clock=clock_2" EXPANDED, 200,
           LIST(ON_CLOCK("cus_2", "clock_2"), "false"));
    script(w, "/v1/subscription_schedules", 200, LIST("", "false"));
    sync_of(w, "test_clocks", false);
    work_long(w);
    for (int i = 1; i <= 2; i++) {
        char path[96];
        size_t n = 0;
        snprintf(path, sizeof path, "/v1/subscription_schedules?limit=100&customer=cus_%d", i);
        for (size_t k = 0; k < w->n_asked; k++)
            n += strstr(w->asked[k], path) != NULL;
        assert_int_equal(n, 1);
    }
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
        cmocka_unit_test(lists_under_parents_end_where_the_clock_is_set_back),
        cmocka_unit_test(a_list_under_a_parent_that_was_given_up_is_asked_for_by_the_next_sync),
        cmocka_unit_test(lists_under_parents_are_not_complete_while_a_list_of_parents_is_not),
        cmocka_unit_test(lists_under_parents_are_walked_by_the_clock_a_request_a_second),
        cmocka_unit_test(the_clock_asks_again_for_lists_under_parents_that_were_given_up),
        cmocka_unit_test(a_list_under_a_parent_that_fails_holds_up_nothing_that_the_clock_brings),
        cmocka_unit_test(whoever_syncs_need_not_wait_for_the_pace_of_the_clock),
        cmocka_unit_test(a_list_under_a_parent_that_may_not_be_read_is_said_to_be_missing),
        cmocka_unit_test(the_clock_walks_no_lists_under_more_parents_than_permitted),
        cmocka_unit_test(what_no_list_under_a_parent_shows_any_more_is_fetched_before_it_is_buried),
        cmocka_unit_test(the_lists_on_any_number_of_clocks_are_walked),
        cmocka_unit_test(what_is_listed_by_the_customers_on_a_clock_is_walked_once),
        cmocka_unit_test(a_singleton_that_a_server_lacks_is_no_failure),
        cmocka_unit_test(a_page_in_flight_does_not_undo_a_change),
        cmocka_unit_test(a_truncated_nested_list_is_read_to_its_end),
        cmocka_unit_test(half_a_nested_list_is_in_the_customers_state),
        cmocka_unit_test(who_lost_its_lease_does_not_finish_the_lists),
        cmocka_unit_test(an_inline_price_that_no_list_shows_is_chased),
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
