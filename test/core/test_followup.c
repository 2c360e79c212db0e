/* What follows the walks: the sweep of what no list shows, the chase of what is referred to. Work
 * that fails for ever, or is never done again, keeps neither from its end. */
#include "../unit.h"

#include "core/mirror/walk.h"
#include "walking.h"

#define CUS(id) "{\"id\":\"" id "\",\"object\":\"customer\"}"
#define ON_CLOCK(id) "{\"id\":\"" id "\",\"object\":\"customer\",\"test_clock\":\"clock_1\"}"
#define LISTED(query) \
    "/v1/customers?limit=100" query "&expand[0]=data.sources&expand[1]=data.tax_ids"
#define CLOCK "{\"id\":\"clock_1\",\"object\":\"test_helpers.test_clock\"}"
#define NO_SUCH "{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such thing\"}}"

static void sync_with_a_clock(struct small_world *w)
{
    script(w, "/v1/customers", 400, NO_SUCH);
    script(w, LISTED(""), 200, LIST(CUS("cus_1") "," CUS("cus_2"), "false"));
    script(w, LISTED("&test_clock=clock_1"), 200, LIST(ON_CLOCK("cus_c"), "false"));
    script(w, "/v1/test_helpers/test_clocks", 200, LIST(CLOCK, "false"));
    sync_all(w);
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from customers"), 3);
    assert_int_equal(ask_int(w, "select count(*) from test_clocks"), 1);
}

/* Stripe deletes what lives on a clock along with it. */
static void delete_the_clock(struct small_world *w)
{
    script(w, "/v1/test_helpers/test_clocks", 200, LIST("", "false"));
    script(w, "/v1/test_helpers/test_clocks/clock_1", 404, NO_SUCH);
    script(w, LISTED("&test_clock=clock_1"), 400, NO_SUCH);
    script(w, "/v1/customers/cus_c", 404, NO_SUCH);
}

static void delete_a_customer(struct small_world *w)
{
    script(w, LISTED(""), 200, LIST(CUS("cus_1"), "false"));
    script(w, "/v1/customers/cus_2", 404, NO_SUCH);
}

static void the_lists_of_a_clock_that_is_gone_hold_no_sweep_up(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    sync_with_a_clock(w);
    delete_the_clock(w);
    sync_all(w);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from customers_all where deleted"),
                        "cus_c");
    assert_int_equal(ask_int(w, "select count(*) from test_clocks"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _walks where variant like '%clock_1'"), 0);
    assert_string_equal(ask_text(w, "select walk from _coverage where type = 'customer'"),
                        "complete");
    delete_a_customer(w);
    sync_all(w);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from customers"), "cus_1");
    assert_int_equal(asked(w, "/v1/customers/cus_1"), 0);
    small_world_free(w);
}

static void all_else_is_done(void *ctx)
{
    work_off(ctx);
}

/* An event has told of the clock before anybody walks. */
static void a_clock_that_was_buried_before_the_sync_holds_no_sweep_up(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    sync_with_a_clock(w);
    delete_the_clock(w);
    delete_a_customer(w);
    deliver_event(w, "evt_1", "test_helpers.test_clock.deleted", "test_helpers.test_clock",
                  "clock_1");
    work_long(w);
    assert_int_equal(ask_int(w, "select count(*) from test_clocks"), 0);
    script(w, "/v1/test_helpers/test_clocks", 200, LIST("", "false"));
    script_last(w)->meanwhile = all_else_is_done;
    script_last(w)->ctx = w;
    script_last(w)->times = 1;
    sync_all(w);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from customers"), "cus_1");
    assert_int_equal(ask_int(w, "select count(*) from _walks where variant like '%clock_1'"), 0);
    small_world_free(w);
}

static void a_list_on_a_clock_that_fails_for_ever_holds_no_sweep_up(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    sync_with_a_clock(w);
    delete_a_customer(w);
    script(w, LISTED("&test_clock=clock_1"), 500, "{}");
    script(w, "/v1/customers/cus_c", 200, ON_CLOCK("cus_c"));
    sync_all(w);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from customers"), "cus_1,cus_c");
    assert_int_equal(asked(w, "/v1/customers/cus_c"), 1);
    small_world_free(w);
}

/* The lists on a clock show what lives there: it is not asked for one by one. */
static void a_sweep_waits_for_the_lists_on_clocks(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    sync_with_a_clock(w);
    delete_a_customer(w);
    script(w, "/v1/customers/cus_c", 200, ON_CLOCK("cus_c"));
    script(w, "/v1/test_helpers/test_clocks", 200, LIST(CLOCK, "false"));
    script_last(w)->meanwhile = all_else_is_done;
    script_last(w)->ctx = w;
    script_last(w)->times = 1;
    sync_all(w);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from customers"), "cus_1,cus_c");
    assert_int_equal(asked(w, "/v1/customers/cus_c"), 0);
    assert_int_equal(asked(w, "/v1/customers/cus_1"), 0);
    /* where the clocks are not looked at, they are no hindrance */
    sync_of(w, "customers", false);
    work_long(w);
    sync_of(w, "customers", false);
    script(w, LISTED(""), 200, LIST("", "false"));
    script(w, "/v1/customers/cus_1", 404, NO_SUCH);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from customers"), "cus_c");
    small_world_free(w);
}

/* A list of an earlier version's table. */
static void a_list_that_nobody_asks_for_any_more_holds_no_sweep_up(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };

    script(w, "/v1/products", 200, LIST(PR("prod_1") "," PR("prod_2"), "false"));
    sync_of(w, "products", false);
    {
        ARENA(a, 1 << 16);
        CLEANUP(tx_end) struct tx tx = { 0 };
        const struct walk_order o = { .lane = LANE_BACKFILL };
        assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        assert_int_equal(walk_want(&tx, &w->env, resource_by_type(S("product")),
                                   S("shippable=true"), &o, &a, &e),
                         ST_OK);
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
    }
    work_long(w);
    script(w, "/v1/products", 200, LIST(PR("prod_1"), "false"));
    sync_of(w, "products", false);
    work_long(w);
    assert_string_equal(ask_text(w, "select group_concat(id) from products"), "prod_1");
    small_world_free(w);
}

#define SUBSCRIPTION_OF(customer) \
    "{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"" customer "\"}"
#define PRODUCT_OF(price) \
    "{\"id\":\"prod_1\",\"object\":\"product\",\"default_price\":\"" price "\"}"
#define PAYS_WITH(method)                                                        \
    "{\"id\":\"cus_1\",\"object\":\"customer\",\"invoice_settings\":{\"default_" \
    "payment_method\":\"" method "\"}}"

/* A product whose price no list shows, a subscription whose customer is in a list that fails. */
static void sync_with_a_list_that_fails(struct small_world *w, int64_t times)
{
    script(w, "/v1/products", 200, LIST(PRODUCT_OF("price_1"), "false"));
    script(w, "/v1/prices/price_1", 200, "{\"id\":\"price_1\",\"object\":\"price\"}");
    script(w, "/v1/subscriptions", 200, LIST(SUBSCRIPTION_OF("cus_1"), "false"));
    script(w, LISTED(""), 200, LIST(PAYS_WITH("pm_1"), "false"));
    script(w, LISTED(""), 500, "{}");
    script_last(w)->times = times;
    sync_all(w);
}

static void the_chase_does_not_wait_for_a_list_that_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    sync_with_a_list_that_fails(w, 12);
    for (int i = 0; i < 5; i++) {
        work_off(w);
        pass(w, 200);
    }
    assert_int_equal(asked(w, "/v1/prices/price_1"), 1);
    assert_int_equal(asked(w, "/v1/customers/cus_1"), 0); /* its list may yet bring it */
    work_long(w);
    assert_string_equal(ask_text(w, "select state from _walks where type = 'customer'"),
                        "complete");
    assert_int_equal(asked(w, "/v1/customers/cus_1"), 0);
    assert_true(asked(w, "/v1/payment_methods/pm_1") > 0); /* behind what came late */
    assert_int_equal(asked(w, "/v1/prices/price_1"), 1);
    small_world_free(w);
}

static void what_a_list_fails_to_bring_for_long_is_fetched_one_by_one(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/customers/cus_1", 200, PAYS_WITH("pm_1"));
    sync_with_a_list_that_fails(w, 0);
    for (int i = 0; i < 40; i++) {
        work_off(w);
        pass(w, 60 * 1000);
    }
    assert_string_equal(ask_text(w, "select state from _walks where type = 'customer'"), "failed");
    assert_string_equal(ask_text(w, "select id from customers"), "cus_1");
    small_world_free(w);
}

static void the_chase_does_not_wait_for_lists_under_parents_that_fail(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products", 200, LIST(PRODUCT_OF("price_1"), "false"));
    script(w, "/v1/prices/price_1", 200, "{\"id\":\"price_1\",\"object\":\"price\"}");
    script(w, "/v1/products/prod_1/features", 500, "{}");
    sync_all(w);
    for (int i = 0; i < 20; i++) {
        work_off(w);
        pass(w, 200);
    }
    assert_int_equal(asked(w, "/v1/prices/price_1"), 1);
    assert_string_equal(ask_text(w, "select state from _walks where type = 'product_feature' and "
                                    "variant = 'parents'"),
                        "failed");
    script(w, "/v1/products/prod_1/features", 200, LIST("", "false"));
    for (int i = 0; i < 20; i++) {
        work_off(w);
        pass(w, 60 * 1000);
    }
    assert_string_equal(ask_text(w, "select state from _walks where type = 'product_feature' and "
                                    "variant = 'parents'"),
                        "complete");
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lists_of_a_clock_that_is_gone_hold_no_sweep_up),
        cmocka_unit_test(a_clock_that_was_buried_before_the_sync_holds_no_sweep_up),
        cmocka_unit_test(a_list_on_a_clock_that_fails_for_ever_holds_no_sweep_up),
        cmocka_unit_test(a_sweep_waits_for_the_lists_on_clocks),
        cmocka_unit_test(a_list_that_nobody_asks_for_any_more_holds_no_sweep_up),
        cmocka_unit_test(the_chase_does_not_wait_for_a_list_that_fails),
        cmocka_unit_test(what_a_list_fails_to_bring_for_long_is_fetched_one_by_one),
        cmocka_unit_test(the_chase_does_not_wait_for_lists_under_parents_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
