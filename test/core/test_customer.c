/* A customer's full sync: the whole list or nothing, and nothing is deleted for a page that failed.
 */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "core/customer/state.h"
#include "core/due.h"
#include "core/inbox.h"
#include "core/mirror/sync.h"
#include "core/work.h"
#include "small_world.h"

#define CUSTOMER "{\"id\":\"cus_1\",\"object\":\"customer\"}"
#define SUB(id, status)                                                                          \
    "{\"id\":\"" id "\",\"object\":\"subscription\",\"customer\":\"cus_1\",\"status\":\"" status \
    "\",\"created\":5}"
#define LIST(more, has_more)                                             \
    "{\"object\":\"list\",\"url\":\"/v1/subscriptions\",\"data\":[" more \
    "],\"has_more\":" has_more "}"
#define SECOND_PAGE                                                                              \
    "/v1/subscriptions?limit=100&status=all&customer=cus_1&starting_after=sub_1&expand[0]=data." \
    "discounts"
#define GONE                                                                                  \
    "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\",\"param\":" \
    "\"id\",\"message\":\"No such\"}}"

#define ENTITLEMENTS "/v1/entitlements/active_entitlements"
#define ENTITLEMENT(id, key)                                                                    \
    "{\"id\":\"" id "\",\"object\":\"entitlements.active_entitlement\",\"feature\":\"feat_" key \
    "\",\"lookup_key\":\"" key "\",\"livemode\":false}"

/* A Stripe that has the customer, and nothing else of its own. */
static struct small_world *with_customer(void)
{
    struct small_world *w = small_world_new();

    script(w, "/v1/customers/cus_1", 200, CUSTOMER);
    script(w, "/v1/subscriptions", 200, LIST("", "false"));
    script(w, ENTITLEMENTS, 200, LIST("", "false"));
    return w;
}

static void want(struct small_world *w)
{
    struct error e = { 0 };
    struct sync s;
    const str arg = S("cus_1");

    assert_int_equal(sync_start(&w->env, &arg, 1, false, LANE_BACKFILL, &s, &e), ST_OK);
    assert_int_equal(s.object[0].kind, DUE_CUSTOMER);
}

static int64_t pending(struct small_world *w)
{
    return ask_int(w, "select count(*) from _due where kind = 'customer' and done_gen < gen");
}

static const char *current(struct small_world *w)
{
    return ask_text(w, "select json_extract(value, '$.status') from _states");
}

static void one_sync_brings_the_customer_and_every_subscription(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "canceled"), "true"));
    script(w, SECOND_PAGE, 200, LIST(SUB("sub_2", "active"), "false"));
    want(w);
    work_off(w);
    assert_int_equal(pending(w), 0);
    assert_int_equal(ask_int(w, "select count(*) from subscriptions"), 2);
    assert_int_equal(ask_int(w, "select count(*) from customers"), 1);
    assert_string_equal(current(w), "active");
    small_world_free(w);
}

static void a_burst_of_wishes_is_one_sync(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST("", "false"));
    for (int i = 0; i < 10; i++)
        want(w);
    work_off(w);
    assert_int_equal(asked(w, "/v1/subscriptions"), 1);
    assert_string_equal(current(w), "none"); /* known, and not only unseen */
    assert_int_equal(ask_int(w, "select synced_at from _states"), w->wall);
    small_world_free(w);
}

#define METHOD                                                               \
    "{\"id\":\"pm_1\",\"object\":\"payment_method\",\"customer\":\"cus_1\"," \
    "\"type\":\"card\",\"card\":{\"brand\":\"visa\",\"last4\":\"4242\"}}"
#define PAYING                                                              \
    "{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\"," \
    "\"status\":\"active\",\"created\":5,\"default_payment_method\":\"pm_1\"}"

/* A single piece of due work. */
static void one_piece(struct small_world *w)
{
    struct error e = { 0 };
    struct work_report report;

    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
}

static void when_the_sync_is_done_its_card_is_known(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(PAYING, "false"));
    script(w, "/v1/payment_methods/pm_1", 200, METHOD);
    want(w);
    one_piece(w); /* nothing that comes after it is done yet */
    assert_int_equal(pending(w), 0);
    assert_string_equal(
        ask_text(w, "select json_extract(value, '$.paymentMethod.last4') from _states"), "4242");
    want(w);
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_int_equal(asked(w, "/v1/payment_methods/pm_1"), 1); /* its events tell of it */
    small_world_free(w);
}

static void a_card_that_is_not_given_out_fails_no_sync(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(PAYING, "false"));
    script(w, "/v1/payment_methods/pm_1", 404, GONE);
    want(w);
    one_piece(w);
    assert_int_equal(pending(w), 0);
    assert_string_equal(current(w), "active");
    small_world_free(w);
}

static void what_the_whole_list_does_not_show_is_looked_at_and_buried(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "active"), "false"));
    want(w);
    work_off(w);
    assert_string_equal(current(w), "active");
    script(w, "/v1/subscriptions", 200, LIST("", "false"));
    script(w, "/v1/subscriptions/sub_1", 404, GONE);
    want(w);
    pass(w, w->env.set.settle_ms);
    work_off(w);
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_string_equal(current(w), "none");
    small_world_free(w);
}

static void a_page_that_fails_deletes_nothing_and_is_asked_for_again(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200,
           LIST(SUB("sub_1", "canceled") "," SUB("sub_2", "active"), "false"));
    want(w);
    work_off(w);
    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "canceled"), "true"));
    script(w, SECOND_PAGE, 500, "{\"error\":{\"message\":\"down\"}}");
    script_last(w)->times = 3;
    want(w);
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_int_equal(pending(w), 1);
    assert_int_equal(asked(w, "/v1/subscriptions/sub_2"), 0);
    assert_string_equal(current(w), "active");
    script(w, SECOND_PAGE, 200, LIST(SUB("sub_2", "past_due"), "false"));
    pass(w, w->env.set.backoff_ms_max);
    work_off(w);
    assert_int_equal(pending(w), 0);
    assert_string_equal(current(w), "past_due");
    small_world_free(w);
}

static void a_cursor_that_left_the_list_begins_it_anew(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_2", "active"), "false"));
    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "active"), "true"));
    script_last(w)->times = 1;
    script(w, SECOND_PAGE, 400,
           "{\"error\":{\"code\":\"resource_missing\",\"param\":\"starting_after\",\"message\":"
           "\"No such subscription\"}}");
    script(w, "/v1/subscriptions/sub_1", 200, SUB("sub_1", "canceled"));
    want(w);
    work_off(w);
    assert_int_equal(pending(w), 0);
    assert_int_equal(asked(w, "/v1/subscriptions/sub_1"), 1); /* the second list has it no more */
    assert_string_equal(current(w), "active");
    assert_string_equal(ask_text(w, "select status from subscriptions where id = 'sub_1'"),
                        "canceled");
    small_world_free(w);
}

static void a_customer_that_is_not_there_is_asked_for_by_itself(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct customer_state s;
    struct error e = { 0 };

    script(w, "/v1/customers/cus_1", 404, GONE);
    want(w);
    work_off(w);
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_int_equal(pending(w), 0);
    assert_int_equal(asked(w, "/v1/subscriptions"), 0);
    assert_int_equal(state_get(&w->env, S("cus_1"), &s, &a, &e), ST_NONE);
    assert_non_null(strstr(e.text, "Stripe has no customer cus_1"));
    small_world_free(w);
}

static void a_key_that_may_not_list_subscriptions_still_brings_the_customer(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = with_customer();
    struct customer_state s;
    struct error e = { 0 };

    script(w, "/v1/subscriptions", 403, "{\"error\":{\"message\":\"not permitted\"}}");
    want(w);
    work_off(w);
    assert_int_equal(pending(w), 0);
    assert_int_equal(state_get(&w->env, S("cus_1"), &s, &a, &e), ST_OK);
    assert_false(s.complete); /* nobody knows */
    small_world_free(w);
}

static const char *entitlements(struct small_world *w)
{
    return ask_text(w, "select json_extract(value, '$.entitlements') from _states");
}

static void what_a_customer_is_entitled_to_comes_along_and_goes(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, ENTITLEMENTS, 200,
           LIST(ENTITLEMENT("ent_2", "api") "," ENTITLEMENT("ent_1", "seats"), "false"));
    want(w);
    work_off(w);
    assert_string_equal(entitlements(w), "[\"api\",\"seats\"]");
    int64_t before = ask_int(w, "select revision from _states");
    script(w, ENTITLEMENTS, 200, LIST(ENTITLEMENT("ent_1", "seats"), "false"));
    want(w);
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_string_equal(entitlements(w), "[\"seats\"]");
    assert_true(ask_int(w, "select revision from _states") > before);
    /* and what its own row says */
    script(w, ENTITLEMENTS "/ent_1", 404, GONE);
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    const struct due_mark m = { .key = { DUE_OBJECT, S("entitlements.active_entitlement"),
                                         S("ent_1") },
                                .lane = LANE_WEBHOOK,
                                .cause = "check",
                                .gone = true };
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(due_mark(&tx, &w->env, &m, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    work_off(w);
    assert_string_equal(entitlements(w), "[]");
    small_world_free(w);
}

static void a_page_of_entitlements_that_fails_takes_none_away(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, ENTITLEMENTS, 200,
           LIST(ENTITLEMENT("ent_1", "seats") "," ENTITLEMENT("ent_2", "api"), "false"));
    want(w);
    work_off(w);
    script(w, ENTITLEMENTS, 200, LIST(ENTITLEMENT("ent_1", "seats"), "true"));
    script(w, ENTITLEMENTS "?limit=100&customer=cus_1&starting_after=ent_1", 500,
           "{\"error\":{\"message\":\"down\"}}");
    want(w);
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_int_equal(pending(w), 1);
    assert_string_equal(entitlements(w), "[\"api\",\"seats\"]");
    small_world_free(w);
}

static void where_there_are_no_features_nobody_asks_for_entitlements(void **state)
{
    (void)state;
    struct small_world *w = with_customer();
    struct error e = { 0 };
    struct sync s;
    const str features = S("entitlements.feature");

    script(w, "/v1/entitlements/features", 200, LIST("", "false"));
    assert_int_equal(sync_start(&w->env, &features, 1, false, LANE_BACKFILL, &s, &e), ST_OK);
    work_off(w);
    want(w);
    work_off(w);
    assert_int_equal(asked(w, ENTITLEMENTS), 0);
    assert_string_equal(entitlements(w), "[]");
    small_world_free(w);
}

static void a_server_without_entitlements_leaves_them_unknown(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, ENTITLEMENTS, 404,
           "{\"error\":{\"message\":\"Unrecognized request URL (GET: /v1/entitlements)\"}}");
    want(w);
    work_off(w);
    assert_int_equal(pending(w), 0);
    assert_string_equal(entitlements(w), "");
    assert_string_equal(current(w), "none");
    small_world_free(w);
}

/* ---- after an event ---- */

#define NEWS(id, type, object)                                                             \
    "{\"id\":\"" id "\",\"type\":\"" type "\",\"livemode\":false,\"created\":1,\"data\":{" \
    "\"object\":" object "}}"

static void put_event(struct small_world *w, const char *body)
{
    ARENA(a, 64 << 10);
    struct error e = { 0 };
    struct inbox_result result;
    struct event ev;

    assert_int_equal(event_parse(str_of(body), &ev, &a, &e), ST_OK);
    assert_int_equal(inbox_put_many(&w->env, &ev, 1, &result, &e), ST_OK);
    assert_int_equal(result.outcome, PLAN_DUE);
}

static void news_of_a_subscription_cost_its_own_fetch_and_one_list(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions/sub_1", 200, SUB("sub_1", "active"));
    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "active"), "false"));
    want(w);
    work_off(w);
    assert_int_equal(asked(w, "/v1/customers/cus_1"), 1);
    pass(w, w->env.set.settle_ms);
    put_event(w, NEWS("evt_1", "customer.subscription.updated", SUB("sub_1", "active")));
    put_event(w, NEWS("evt_2", "customer.subscription.updated", SUB("sub_1", "active")));
    put_event(w,
              NEWS("evt_3", "invoice.upcoming", "{\"object\":\"invoice\",\"customer\":\"cus_1\"}"));
    work_off(w);
    assert_int_equal(asked(w, "/v1/customers/cus_1"), 1); /* it has events of its own */
    assert_int_equal(asked(w, "/v1/subscriptions"), 2);
    assert_int_equal(asked(w, "/v1/subscriptions/sub_1"), 1);
    assert_int_equal(pending(w), 0);
    small_world_free(w);
}

static void news_of_one_subscription_show_another_whose_webhook_was_lost(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions/sub_1", 200, SUB("sub_1", "canceled"));
    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "canceled"), "false"));
    want(w);
    work_off(w);
    assert_string_equal(current(w), "canceled");
    script(w, "/v1/subscriptions", 200,
           LIST(SUB("sub_1", "canceled") "," SUB("sub_2", "active"), "false"));
    pass(w, w->env.set.settle_ms);
    put_event(w, NEWS("evt_1", "customer.subscription.updated", SUB("sub_1", "canceled")));
    work_off(w);
    assert_string_equal(current(w), "active");
    small_world_free(w);
}

static void what_a_listed_subscription_refers_to_is_fetched(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200,
           LIST("{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\","
                "\"status\":\"active\",\"created\":5,\"latest_invoice\":\"in_1\"}",
                "false"));
    script(w, "/v1/invoices/in_1", 200, "{\"id\":\"in_1\",\"object\":\"invoice\"}");
    want(w);
    work_off(w);
    assert_int_equal(asked(w, "/v1/invoices/in_1"), 1); /* no chase comes behind this list */
    small_world_free(w);
}

static void a_dispute_makes_the_customer_of_its_charge_due(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "active"), "false"));
    script(w, "/v1/disputes/dp_1", 200, "{\"id\":\"dp_1\",\"object\":\"dispute\"}");
    script(w, "/v1/charges/ch_1", 200,
           "{\"id\":\"ch_1\",\"object\":\"charge\",\"customer\":\"cus_1\"}");
    script(w, "/v1/charges/ch_2", 200, "{\"id\":\"ch_2\",\"object\":\"charge\",\"customer\":null}");
    put_event(w, NEWS("evt_1", "charge.dispute.created",
                      "{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":\"ch_1\"}"));
    work_off(w);
    assert_string_equal(current(w), "active");
    assert_int_equal(asked(w, "/v1/charges/ch_1"), 1);
    put_event(w,
              NEWS("evt_2", "charge.dispute.created",
                   "{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":\"ch_2\"}")); /* a guest's */
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_int_equal(asked(w, "/v1/subscriptions"), 1);
    assert_int_equal(pending(w), 0);
    small_world_free(w);
}

static void of_a_customer_that_is_gone_each_subscription_is_asked_for_by_itself(void **state)
{
    (void)state;
    struct small_world *w = with_customer();

    script(w, "/v1/subscriptions", 200, LIST(SUB("sub_1", "active"), "false"));
    want(w);
    work_off(w);
    script(w, "/v1/customers/cus_1", 200,
           "{\"id\":\"cus_1\",\"object\":\"customer\",\"deleted\":true}");
    script(w, "/v1/subscriptions", 400,
           "{\"error\":{\"code\":\"resource_missing\",\"param\":\"customer\",\"message\":"
           "\"No such customer\"}}");
    script(w, "/v1/subscriptions/sub_1", 200, SUB("sub_1", "canceled"));
    pass(w, w->env.set.settle_ms);
    put_event(w, NEWS("evt_1", "invoice.voided",
                      "{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_1\"}"));
    work_off(w);
    assert_string_equal(current(w), "canceled");
    assert_int_equal(ask_int(w, "select count(*) from objects where id = 'cus_1' and deleted = 1"),
                     1);
    assert_int_equal(pending(w), 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sync_brings_the_customer_and_every_subscription),
        cmocka_unit_test(a_burst_of_wishes_is_one_sync),
        cmocka_unit_test(when_the_sync_is_done_its_card_is_known),
        cmocka_unit_test(a_card_that_is_not_given_out_fails_no_sync),
        cmocka_unit_test(what_the_whole_list_does_not_show_is_looked_at_and_buried),
        cmocka_unit_test(a_page_that_fails_deletes_nothing_and_is_asked_for_again),
        cmocka_unit_test(a_cursor_that_left_the_list_begins_it_anew),
        cmocka_unit_test(a_customer_that_is_not_there_is_asked_for_by_itself),
        cmocka_unit_test(news_of_a_subscription_cost_its_own_fetch_and_one_list),
        cmocka_unit_test(news_of_one_subscription_show_another_whose_webhook_was_lost),
        cmocka_unit_test(what_a_listed_subscription_refers_to_is_fetched),
        cmocka_unit_test(a_dispute_makes_the_customer_of_its_charge_due),
        cmocka_unit_test(of_a_customer_that_is_gone_each_subscription_is_asked_for_by_itself),
        cmocka_unit_test(a_key_that_may_not_list_subscriptions_still_brings_the_customer),
        cmocka_unit_test(what_a_customer_is_entitled_to_comes_along_and_goes),
        cmocka_unit_test(a_page_of_entitlements_that_fails_takes_none_away),
        cmocka_unit_test(where_there_are_no_features_nobody_asks_for_entitlements),
        cmocka_unit_test(a_server_without_entitlements_leaves_them_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
