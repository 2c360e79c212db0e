/* What an event makes due: the table is the specification. Reading of event bodies, too. */
#include "../unit.h"

#include "core/plan.h"

static const struct identity me = { .account = "acct_1", .livemode = false };

#define EVENT(type, rest) "{\"id\":\"evt_1\",\"type\":\"" type "\",\"livemode\":false," rest "}"
#define OBJECT(o) "\"data\":{\"object\":" o "}"

static const struct {
    const char *what, *body;
    enum plan_outcome outcome;
    const char *reason;
    const char *keys; /* "[whole ]type id[!]; …", ! says gone; = is told */
} table[] = {
    { "an object of a known type is due by its id",
      EVENT("product.updated", OBJECT("{\"id\":\"prod_1\",\"object\":\"product\"}")), PLAN_DUE,
      NULL, "product prod_1;" },
    { "a deletion is told along",
      EVENT("product.deleted", OBJECT("{\"id\":\"prod_1\",\"object\":\"product\"}")), PLAN_DUE,
      NULL, "product prod_1!;" },
    { "a subscription that is cancelled is still there",
      EVENT("customer.subscription.deleted",
            OBJECT("{\"id\":\"sub_1\",\"object\":\"subscription\"}")),
      PLAN_DUE, NULL, "subscription sub_1;" },
    { "a subscription and its customer as a whole",
      EVENT("customer.subscription.updated",
            OBJECT("{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "subscription sub_1;whole customer cus_1;" },
    { "an expanded customer is one, too",
      EVENT("invoice.paid", OBJECT("{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":{"
                                   "\"id\":\"cus_1\",\"object\":\"customer\"}}")),
      PLAN_DUE, NULL, "invoice in_1;whole customer cus_1;" },
    { "a deleted customer, for its subscriptions are canceled",
      EVENT("customer.deleted", OBJECT("{\"id\":\"cus_1\",\"object\":\"customer\"}")), PLAN_DUE,
      NULL, "customer cus_1!;whole customer cus_1;" },
    { "a customer's other name changes nobody's rights",
      EVENT("customer.updated", OBJECT("{\"id\":\"cus_1\",\"object\":\"customer\"}")), PLAN_DUE,
      NULL, "customer cus_1;" },
    { "a draft changes nobody's rights",
      EVENT("invoice.created",
            OBJECT("{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "invoice in_1;" },
    { "a guest has no customer",
      EVENT("payment_intent.succeeded",
            OBJECT("{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"customer\":null}")),
      PLAN_DUE, NULL, "payment_intent pi_1;" },
    { "a dispute names the charge alone",
      EVENT("charge.dispute.created", OBJECT("{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":"
                                             "\"ch_1\",\"payment_intent\":\"pi_1\"}")),
      PLAN_DUE, NULL, "dispute dp_1;whole charge ch_1;" },
    { "a refund that names its customer needs no way round",
      EVENT("refund.created", OBJECT("{\"id\":\"re_1\",\"object\":\"refund\",\"charge\":"
                                     "\"ch_1\",\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "refund re_1;whole customer cus_1;" },
    { "a refund of a payment without a charge",
      EVENT("refund.failed", OBJECT("{\"id\":\"re_1\",\"object\":\"refund\",\"charge\":null,"
                                    "\"payment_intent\":\"pi_1\"}")),
      PLAN_DUE, NULL, "refund re_1;whole payment_intent pi_1;" },
    { "a thin event does not say whose its object is",
      "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":"
      "\"v1.customer.subscription.updated\",\"livemode\":false,"
      "\"created\":\"2026-01-01T00:00:00.000Z\",\"related_object\":{\"id\":\"sub_1\","
      "\"type\":\"subscription\",\"url\":\"/v1/subscriptions/sub_1\"}}",
      PLAN_DUE, NULL, "subscription sub_1;whole subscription sub_1;" },
    { "a price is a plan, too",
      EVENT("price.updated", OBJECT("{\"id\":\"price_1\",\"object\":\"price\"}")), PLAN_DUE, NULL,
      "price price_1;plan price_1;" },
    { "a price for something that is paid once has no plan",
      EVENT("price.updated",
            OBJECT("{\"id\":\"price_1\",\"object\":\"price\",\"type\":\"one_time\"}")),
      PLAN_DUE, NULL, "price price_1;" },
    { "a plan is a price, too",
      EVENT("plan.deleted", OBJECT("{\"id\":\"gold monthly\",\"object\":\"plan\"}")), PLAN_DUE,
      NULL, "plan gold monthly!;price gold monthly!;" },
    { "a balance has no id and needs none",
      EVENT("balance.available", OBJECT("{\"object\":\"balance\"}")), PLAN_DUE, NULL,
      "balance balance;" },
    { "a card lives in its customer",
      EVENT("customer.source.updated",
            OBJECT("{\"id\":\"card_1\",\"object\":\"card\",\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "customer cus_1;" },
    { "a discount lives in its customer, expanded or not",
      EVENT("customer.discount.created",
            OBJECT("{\"id\":\"di_1\",\"object\":\"discount\",\"customer\":{\"id\":\"cus_1\"}}")),
      PLAN_DUE, NULL, "customer cus_1;whole customer cus_1;" },
    { "an upcoming invoice has no id, but a customer",
      EVENT("invoice.upcoming", OBJECT("{\"object\":\"invoice\",\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "whole customer cus_1;=invoice.upcoming cus_1;" },
    { "an upcoming invoice is one of its subscription's",
      EVENT("invoice.upcoming", OBJECT("{\"object\":\"invoice\",\"customer\":\"cus_1\",\"parent\":"
                                       "{\"subscription_details\":{\"subscription\":\"sub_1\"}}}")),
      PLAN_DUE, NULL, "whole customer cus_1;=invoice.upcoming sub_1;" },
    { "a portal's session has no address, its customer has one",
      EVENT("billing_portal.session.created",
            OBJECT("{\"id\":\"bps_1\",\"object\":\"billing_portal.session\","
                   "\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "customer cus_1;=billing_portal.session bps_1;" },
    { "a customer's entitlements have no address and no id of their own",
      EVENT("entitlements.active_entitlement_summary.updated",
            OBJECT("{\"object\":\"entitlements.active_entitlement_summary\","
                   "\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL,
      "customer cus_1;whole customer cus_1;=entitlements.active_entitlement_summary cus_1;" },
    { "an upcoming invoice of nobody",
      EVENT("invoice.upcoming", OBJECT("{\"object\":\"invoice\"}")), PLAN_UNFETCHABLE,
      "no_object_id", "=invoice.upcoming evt_1;" },
    { "a type that nobody told us about",
      EVENT("sun.risen", OBJECT("{\"id\":\"sun_1\",\"object\":\"sun\"}")), PLAN_UNKNOWN,
      "unknown_object_type", "=sun sun_1;" },
    { "a type that nobody told us about, without an id",
      EVENT("sun.risen", OBJECT("{\"object\":\"sun\"}")), PLAN_UNKNOWN, "unknown_object_type",
      "=sun.risen evt_1;" },
    { "no object at all", EVENT("x.y", "\"data\":{}"), PLAN_UNFETCHABLE, "no_object", "" },
    { "the other mode is kept aside",
      "{\"id\":\"evt_1\",\"type\":\"product.updated\",\"livemode\":true,"
      "\"data\":{\"object\":{\"id\":\"prod_1\",\"object\":\"product\"}}}",
      PLAN_QUARANTINED, "other_mode", "" },
    { "a connected account is kept aside",
      EVENT("product.updated",
            "\"account\":\"acct_2\"," OBJECT("{\"id\":\"prod_1\",\"object\":\"product\"}")),
      PLAN_QUARANTINED, "connected_account", "" },
    { "our own account in a Connect event is kept aside until Connect is there",
      EVENT("product.updated",
            "\"account\":\"acct_1\"," OBJECT("{\"id\":\"prod_1\",\"object\":\"product\"}")),
      PLAN_QUARANTINED, "connected_account", "" },
    { "a thin event names its object",
      "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"v1.customer.updated\","
      "\"livemode\":false,\"created\":\"2026-01-01T00:00:00.000Z\","
      "\"related_object\":{\"id\":\"cus_1\",\"type\":\"customer\",\"url\":\"/v1/customers/"
      "cus_1\"}}",
      PLAN_DUE, NULL, "customer cus_1;" },
    { "an id with escapes is decoded",
      EVENT("product.updated", OBJECT("{\"id\":\"gr\\u00f6\\u00dfe\",\"object\":\"product\"}")),
      PLAN_DUE, NULL,
      "product gr\xc3\xb6\xc3\x9f"
      "e;" },
    { "the last of two members of one name counts",
      EVENT("product.updated", OBJECT("{\"id\":\"a\",\"id\":\"b\",\"object\":\"product\"}")),
      PLAN_DUE, NULL, "product b;" },
};

static void every_event_makes_due_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        ARENA(a, 64 << 10);
        struct error e = { 0 };
        struct event ev;
        str keys = S("");

        print_message("  %s\n", table[i].what);
        assert_int_equal(event_parse(str_of(table[i].body), &ev, &a, &e), ST_OK);
        struct plan p = plan_for_event(&ev, &me, PLAN_NO_CONNECT, &a);
        assert_int_equal(p.outcome, table[i].outcome);
        if (table[i].reason)
            assert_string_equal(p.reason, table[i].reason);
        else
            assert_null(p.reason);
        for (size_t k = 0; k < p.n_keys; k++)
            keys = arena_printf(&a, "%.*s%s%.*s %.*s%s;", STR_ARG(keys),
                                p.key[k].whole ? "whole " : "", STR_ARG(p.key[k].type),
                                STR_ARG(p.key[k].id), p.key[k].gone ? "!" : "");
        if (p.told_type.n)
            keys = arena_printf(&a, "%.*s=%.*s %.*s;", STR_ARG(keys), STR_ARG(p.told_type),
                                STR_ARG(p.told_id));
        assert_true(str_eqz(keys, table[i].keys));
    }
}

/* t3's eighteen, and what else changes somebody's rights. */
static const struct {
    const char *type, *object;
} changing[] = {
    { "checkout.session.completed", "checkout.session" },
    { "customer.subscription.created", "subscription" },
    { "customer.subscription.updated", "subscription" },
    { "customer.subscription.deleted", "subscription" },
    { "customer.subscription.paused", "subscription" },
    { "customer.subscription.resumed", "subscription" },
    { "customer.subscription.pending_update_applied", "subscription" },
    { "customer.subscription.pending_update_expired", "subscription" },
    { "customer.subscription.trial_will_end", "subscription" },
    { "invoice.paid", "invoice" },
    { "invoice.payment_failed", "invoice" },
    { "invoice.payment_action_required", "invoice" },
    { "invoice.upcoming", "invoice" },
    { "invoice.marked_uncollectible", "invoice" },
    { "invoice.payment_succeeded", "invoice" },
    { "payment_intent.succeeded", "payment_intent" },
    { "payment_intent.payment_failed", "payment_intent" },
    { "payment_intent.canceled", "payment_intent" },
    /* STATE-21 */
    { "charge.refunded", "charge" },
    { "charge.refund.updated", "refund" },
    { "refund.created", "refund" },
    { "refund.updated", "refund" },
    { "refund.failed", "refund" },
    { "charge.dispute.created", "dispute" },
    { "charge.dispute.closed", "dispute" },
    { "charge.dispute.funds_withdrawn", "dispute" },
    { "charge.dispute.funds_reinstated", "dispute" },
    { "charge.dispute.updated", "dispute" },
    { "checkout.session.async_payment_succeeded", "checkout.session" },
    { "checkout.session.async_payment_failed", "checkout.session" },
    { "checkout.session.expired", "checkout.session" },
    { "invoice.voided", "invoice" },
    { "invoice.finalization_failed", "invoice" },
    { "customer.discount.created", "discount" },
    { "customer.discount.updated", "discount" },
    { "customer.discount.deleted", "discount" },
    { "subscription_schedule.created", "subscription_schedule" },
    { "subscription_schedule.updated", "subscription_schedule" },
    { "subscription_schedule.released", "subscription_schedule" },
    { "subscription_schedule.canceled", "subscription_schedule" },
    { "subscription_schedule.completed", "subscription_schedule" },
    { "subscription_schedule.aborted", "subscription_schedule" },
    { "subscription_schedule.expiring", "subscription_schedule" },
    { "entitlements.active_entitlement_summary.updated",
      "entitlements.active_entitlement_summary" },
};

static void what_changes_rights_makes_the_customer_due_as_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(changing); i++) {
        ARENA(a, 64 << 10);
        struct error e = { 0 };
        struct event ev;
        str body = arena_printf(&a,
                                "{\"id\":\"evt_1\",\"type\":\"%s\",\"livemode\":false,\"data\":{"
                                "\"object\":{\"id\":\"x_1\",\"object\":\"%s\",\"customer\":"
                                "\"cus_1\"}}}",
                                changing[i].type, changing[i].object);

        print_message("  %s\n", changing[i].type);
        assert_int_equal(event_parse(body, &ev, &a, &e), ST_OK);
        struct plan p = plan_for_event(&ev, &me, PLAN_NO_CONNECT, &a);
        assert_int_equal(p.outcome, PLAN_DUE);
        size_t whole = 0;
        for (size_t k = 0; k < p.n_keys; k++)
            whole += p.key[k].whole && str_eqz(p.key[k].type, "customer") &&
                     str_eqz(p.key[k].id, "cus_1");
        assert_int_equal(whole, 1);
    }
}

static void a_body_without_id_or_type_is_no_event(void **state)
{
    (void)state;
    const char *const bad[] = { "",
                                "null",
                                "[]",
                                "{",
                                "{}",
                                "{\"id\":\"evt_1\"}",
                                "{\"type\":\"a.b\"}",
                                "{\"id\":1,\"type\":\"a.b\"}",
                                "{\"id\":\"\",\"type\":\"a.b\"}",
                                "{\"id\":\"evt_1\",\"type\":\"a.b\"} x",
                                "{\"id\":\"evt_1\",\"type\":\"a.b\",}" };

    for (size_t i = 0; i < COUNT(bad); i++) {
        ARENA(a, 64 << 10);
        struct error e = { 0 };
        struct event ev;
        assert_int_equal(event_parse(str_of(bad[i]), &ev, &a, &e), ST_INVALID);
        assert_true(e.text[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_makes_due_what_the_table_says),
        cmocka_unit_test(what_changes_rights_makes_the_customer_due_as_a_whole),
        cmocka_unit_test(a_body_without_id_or_type_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
