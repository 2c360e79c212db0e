/* Lists under parents and on test clocks: asked for once each, at the clock's pace, and given up
 * without being called complete. */
#include "walking.h"

#include "base/buf.h"
#include "core/schedule.h"
#include "core/work.h"

#include <stdio.h>
#include <string.h>

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

/* The clock brings these lists, and nothing else. */
static void by_the_clock(struct small_world *w)
{
    w->env.set.check_ms = 0;
    w->env.set.relist_ms = 60000;
    w->env.set.catch_up_ms = 0;
}

/* Two products, and no feature yet. */
static void sync_two_products(struct small_world *w)
{
    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    script(w, "/v1/products/prod_2/features", 200, LIST("", "false"));
    sync_all(w);
    work_long(w);
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

    sync_two_products(w);
    by_the_clock(w);
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

    by_the_clock(w);
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

    sync_two_products(w);
    by_the_clock(w);
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
    by_the_clock(w);
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

    sync_two_products(w);
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

enum { MANY_LISTS = 4200 };

static void the_progress_of_lists_under_any_number_of_parents_is_told(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const struct sync s = { .since = w->wall, .n_walks = 1 };
    struct sync_progress p = { 0 };
    struct error e = { 0 };
    char sql[512];
    BUF(line, 64 << 10);

    snprintf(sql, sizeof sql,
             "with recursive n(i) as (select 1 union all select i + 1 from n where i < %d) "
             "insert into _walks (type, variant, account, state, objects, pages) select "
             "'product_feature', 'parent=prod_' || i, 'acct_1', 'walking', 2, 1 from n",
             MANY_LISTS);
    sync_of(w, "products", false);
    assert_int_equal(w->world.store->ops->script(w->world.store, str_of(sql), &e), ST_OK);
    assert_int_equal(sync_progress(&w->env, &s, &p, &line, &e), ST_OK);
    assert_int_equal(p.walks, MANY_LISTS + 1); /* and that of products */
    assert_true(p.objects == 2 * MANY_LISTS && p.pages == MANY_LISTS && !p.done);
    buf_char(&line, '\0');
    assert_non_null(strstr(buf_str(&line).p,
                           "\"type\":\"product_feature\",\"view\":\"product_features\","
                           "\"core\":false,\"state\":\"walking\",\"objects\":8400"));
    small_world_free(w);
}

/* Products 10001 to 10000 + n. */
static void put_products(struct small_world *w, int n)
{
    struct error e = { 0 };
    char sql[512];

    snprintf(sql, sizeof sql,
             "with recursive n(i) as (select 10001 union all select i + 1 from n where i < %d) "
             "insert into objects (type, account, id, data, revision, ticket, fetched_at, "
             "changed_at, api_version, source) select 'product', 'acct_1', 'prod_' || i, "
             "'{\"id\":\"prod_' || i || '\",\"object\":\"product\"}', i, 1, 1, 1, '', 'get' "
             "from n",
             10000 + n);
    assert_int_equal(w->world.store->ops->script(w->world.store, str_of(sql), &e), ST_OK);
}

static void work_once(struct small_world *w)
{
    struct work_report report = { 0 };
    struct error e = { 0 };

    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
}

enum { SEVERAL_PIECES = 1100 };

/* Wherever the process ends: whoever was named is asked for at all, and the rest is no "too many".
 */
static void what_was_named_is_listed_under_every_parent_whoever_dies_in_between(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };

    w->env.set.parents_max = 1;
    put_products(w, SEVERAL_PIECES);
    sync_of(w, "product_features", false);
    work_once(w); /* a piece of them is wanted */
    int64_t n = ask_int(
        w,
        "select count(*) from _walks where type = 'product_feature' and variant like 'parent=%'");
    assert_true(n > 1 && n < SEVERAL_PIECES);
    assert_int_equal(due_restart(&w->env, &e), ST_OK);
    sync_all(w); /* which names nobody, and takes no name away */
    for (int i = 0; i < 10 && n < SEVERAL_PIECES; i++) {
        work_once(w);
        n = ask_int(w, "select count(*) from _walks where type = 'product_feature' and variant "
                       "like 'parent=%'");
    }
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from _walks where type = 'product_feature' and "
                                "variant like 'parent=%' and "
                                "state = 'skipped'"), /* a 404 of each */
                     SEVERAL_PIECES);
    assert_null(strstr(features(w, "reason"), "brindle sync"));
    assert_string_equal(features(w, "cursor"), "named:end");
    sync_all(w); /* all are done: what was named once is not for ever */
    work_long(w);
    assert_non_null(strstr(features(w, "reason"), "each of 1100 products has a list of its own"));
    small_world_free(w);
}

/* A product comes while the features of another are on their way. */
static void another_comes(void *ctx)
{
    struct small_world *w = ctx;
    static int n;
    char id[32], data[64];

    snprintf(id, sizeof id, "prod_%d", 20000 + n++);
    snprintf(data, sizeof data, "{\"id\":\"%s\",\"object\":\"product\"}", id);
    put_object(w, "product", id, data, SOURCE_GET);
}

static void lists_under_parents_end_while_parents_keep_coming(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put_products(w, 3);
    for (int i = 0; i < 3; i++) {
        static const char *const path[] = { "/v1/products/prod_10001/features",
                                            "/v1/products/prod_10002/features",
                                            "/v1/products/prod_10003/features" };
        script(w, path[i], 200, LIST("", "false"));
        script_last(w)->meanwhile = another_comes;
        script_last(w)->ctx = w;
    }
    sync_of(w, "product_features", false);
    work_long(w);
    assert_string_equal(features(w, "state"), "complete");
    assert_int_equal(
        ask_int(w, "select count(*) from _walks where type = 'product_feature' and variant like "
                   "'parent=%'"),
        3);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    small_world_free(w);
}

static void so_many_parents_are_too_many_whoever_of_them_was_listed(void **state)
{
    (void)state;
    struct small_world *w = world_with_a_list_given_up();

    w->env.set.parents_max = 1; /* one of the two is listed already */
    sync_all(w);
    work_long(w);
    assert_non_null(strstr(features(w, "reason"), "each of 2 products has a list of its own"));
    small_world_free(w);
}

/* What comes with other objects is never said to be unlisted, or complete by such lists. */
static void lists_of_what_comes_with_its_parent_leave_no_row_for_them_all(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    put_object(w, "invoice", "in_1", "{\"id\":\"in_1\",\"object\":\"invoice\"}", SOURCE_GET);
    script(w, "/v1/invoices/in_1/lines", 200, LIST("", "false"));
    sync_of(w, "invoice_line_items", false);
    work_long(w);
    assert_int_equal(asked(w, "/v1/invoices/in_1/lines"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _walks where variant = 'parents'"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(the_progress_of_lists_under_any_number_of_parents_is_told),
        cmocka_unit_test(what_was_named_is_listed_under_every_parent_whoever_dies_in_between),
        cmocka_unit_test(lists_under_parents_end_while_parents_keep_coming),
        cmocka_unit_test(so_many_parents_are_too_many_whoever_of_them_was_listed),
        cmocka_unit_test(lists_of_what_comes_with_its_parent_leave_no_row_for_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
