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
    const char *keys; /* "type id[!]; …", ! says gone; = is told */
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
    { "a price is a plan, too",
      EVENT("price.updated", OBJECT("{\"id\":\"price_1\",\"object\":\"price\"}")), PLAN_DUE, NULL,
      "price price_1;plan price_1;" },
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
      PLAN_DUE, NULL, "customer cus_1;" },
    { "an upcoming invoice has no id",
      EVENT("invoice.upcoming", OBJECT("{\"object\":\"invoice\",\"customer\":\"cus_1\"}")),
      PLAN_UNFETCHABLE, "no_object_id", "=invoice.upcoming cus_1;" },
    { "an upcoming invoice is one of its subscription's",
      EVENT("invoice.upcoming", OBJECT("{\"object\":\"invoice\",\"customer\":\"cus_1\",\"parent\":"
                                       "{\"subscription_details\":{\"subscription\":\"sub_1\"}}}")),
      PLAN_UNFETCHABLE, "no_object_id", "=invoice.upcoming sub_1;" },
    { "a portal's session has no address, its customer has one",
      EVENT("billing_portal.session.created",
            OBJECT("{\"id\":\"bps_1\",\"object\":\"billing_portal.session\","
                   "\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "customer cus_1;=billing_portal.session bps_1;" },
    { "a customer's entitlements have no address and no id of their own",
      EVENT("entitlements.active_entitlement_summary.updated",
            OBJECT("{\"object\":\"entitlements.active_entitlement_summary\","
                   "\"customer\":\"cus_1\"}")),
      PLAN_DUE, NULL, "customer cus_1;=entitlements.active_entitlement_summary cus_1;" },
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
      PLAN_QUARANTINED, "other_account", "" },
    { "our own account in a Connect event is kept aside until Connect is there",
      EVENT("product.updated",
            "\"account\":\"acct_1\"," OBJECT("{\"id\":\"prod_1\",\"object\":\"product\"}")),
      PLAN_QUARANTINED, "connect", "" },
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
        struct plan p = plan_for_event(&ev, &me, &a);
        assert_int_equal(p.outcome, table[i].outcome);
        if (table[i].reason)
            assert_string_equal(p.reason, table[i].reason);
        else
            assert_null(p.reason);
        for (size_t k = 0; k < p.n_keys; k++)
            keys = arena_printf(&a, "%.*s%.*s %.*s%s;", STR_ARG(keys), STR_ARG(p.key[k].type),
                                STR_ARG(p.key[k].id), p.key[k].gone ? "!" : "");
        if (p.told_type.n)
            keys = arena_printf(&a, "%.*s=%.*s %.*s;", STR_ARG(keys), STR_ARG(p.told_type),
                                STR_ARG(p.told_id));
        assert_true(str_eqz(keys, table[i].keys));
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
        cmocka_unit_test(a_body_without_id_or_type_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
