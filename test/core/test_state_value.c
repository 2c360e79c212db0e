/* One JSON value for a customer, whatever the order and the API version of what it is made of. */
#include "../unit.h"

#include <string.h>

#include "base/json.h"
#include "core/customer/state_value.h"

#define SUB(id, status, created, more)                                                             \
    {                                                                                              \
        { (id), sizeof(id) - 1 },                                                                  \
            S("{\"id\":\"" id "\",\"status\":\"" status "\",\"created\":" created more "}"), NULL, \
            0                                                                                      \
    }
#define ITEMS(more) ",\"items\":{\"object\":\"list\",\"data\":[" more "],\"has_more\":false}"
#define ITEM(id, price, start, end)                                                              \
    "{\"id\":\"" id "\",\"price\":{\"id\":\"" price "\",\"product\":\"prod_1\"},\"quantity\":1," \
    "\"current_period_start\":" start ",\"current_period_end\":" end "}"

static char text[1 << 16];

static const char *written(const struct state_parts *p, const char *method)
{
    ARENA(a, 1 << 20);
    BUF(out, sizeof text - 1);

    state_write(p, str_of(method), &out, &a);
    assert_false(out.failed);
    assert_true(json_valid(buf_str(&out)));
    memcpy(text, out.p, out.n);
    text[out.n] = '\0';
    return text;
}

static int current_of(const struct state_subscription *s, size_t n)
{
    ARENA(a, 1 << 20);
    const struct state_parts p = { .customer_id = S("cus_1"),
                                   .subscription = s,
                                   .n_subscriptions = n };

    return state_current(&p, &a);
}

static void the_current_subscription_is_chosen_by_its_status_not_by_its_place(void **state)
{
    (void)state;
    const struct state_subscription s[] = {
        SUB("sub_a", "canceled", "400", ""), SUB("sub_b", "past_due", "300", ""),
        SUB("sub_c", "trialing", "200", ""), SUB("sub_d", "active", "100", ""),
        SUB("sub_e", "paused", "500", ""),
    };
    const struct state_subscription reversed[] = { s[4], s[3], s[2], s[1], s[0] };

    assert_int_equal(current_of(s, 5), 3);
    assert_int_equal(current_of(reversed, 5), 1);
    assert_int_equal(current_of(s, 3), 2);
    assert_int_equal(current_of(s, 2), 1);
    assert_int_equal(current_of(s, 1), 0);
    assert_int_equal(current_of(s, 0), STATE_NO_SUBSCRIPTION);
}

static void of_equal_ones_the_one_created_last_is_current_and_then_the_greater_id(void **state)
{
    (void)state;
    const struct state_subscription s[] = { SUB("sub_a", "active", "100", ""),
                                            SUB("sub_c", "active", "300", ""),
                                            SUB("sub_b", "active", "300", "") };

    assert_int_equal(current_of(s, 3), 1);
}

static void a_status_that_nobody_knows_comes_last(void **state)
{
    (void)state;
    const struct state_subscription s[] = { SUB("sub_a", "hibernating", "900", ""),
                                            SUB("sub_b", "incomplete_expired", "1", "") };

    assert_int_equal(current_of(s, 2), 1);
}

static void t3s_fields_are_there_under_their_names(void **state)
{
    (void)state;
    const struct state_subscription s[] = { SUB(
        "sub_1", "active", "100",
        ",\"cancel_at_period_end\":true" ITEMS(ITEM("si_1", "price_1", "1000", "2000"))) };
    str key[] = { S("seats"), S("api") };
    const struct state_parts p = { .customer_id = S("cus_1"),
                                   .subscription = s,
                                   .n_subscriptions = 1,
                                   .entitlements_known = true,
                                   .entitlement = key,
                                   .n_entitlements = 2 };

    assert_string_equal(
        written(&p, "{\"id\":\"pm_1\",\"type\":\"card\",\"card\":{\"brand\":\"visa\",\"last4\":"
                    "\"4242\"}}"),
        "{\"customerId\":\"cus_1\",\"subscriptionId\":\"sub_1\",\"status\":\"active\","
        "\"priceId\":\"price_1\",\"currentPeriodStart\":1000,\"currentPeriodEnd\":2000,"
        "\"cancelAtPeriodEnd\":true,\"paymentMethod\":{\"brand\":\"visa\",\"last4\":\"4242\","
        "\"type\":\"card\",\"id\":\"pm_1\"},\"entitlements\":[\"api\",\"seats\"],"
        "\"liveSubscriptions\":[\"sub_1\"],\"subscriptions\":[{"
        "\"id\":\"sub_1\",\"status\":\"active\",\"currentPeriodStart\":1000,"
        "\"currentPeriodEnd\":2000,\"cancelAtPeriodEnd\":true,\"created\":100,\"cancelAt\":null,"
        "\"canceledAt\":null,\"endedAt\":null,\"trialEnd\":null,\"items\":[{\"id\":\"si_1\","
        "\"priceId\":\"price_1\",\"productId\":\"prod_1\",\"quantity\":1}]}]}");
}

static void a_customer_without_a_subscription_has_the_status_none(void **state)
{
    (void)state;
    const struct state_parts p = { .customer_id = S("cus_1") };
    const struct state_parts gone = { .customer_id = S("cus_1"), .customer_deleted = true };

    assert_string_equal(written(&p, ""),
                        "{\"customerId\":\"cus_1\",\"status\":\"none\",\"paymentMethod\":null,"
                        "\"entitlements\":null,"
                        "\"liveSubscriptions\":[],\"subscriptions\":[]}");
    assert_non_null(strstr(written(&gone, ""), "\"deleted\":true"));
}

static void periods_are_the_same_whichever_api_version_told_them(void **state)
{
    (void)state;
    const struct state_subscription old[] = { SUB(
        "sub_1", "active", "100",
        ",\"current_period_start\":1000,\"current_period_end\":2000" ITEMS(
            "{\"id\":\"si_1\",\"price\":\"price_1\"}")) };
    const struct state_subscription mixed[] = { SUB(
        "sub_1", "active", "100",
        ITEMS(
            ITEM("si_1", "price_y", "500", "9000") "," ITEM("si_2", "price_m", "1000", "2000"))) };
    const struct state_parts p = { .customer_id = S("cus_1"),
                                   .subscription = old,
                                   .n_subscriptions = 1 };
    const struct state_parts q = { .customer_id = S("cus_1"),
                                   .subscription = mixed,
                                   .n_subscriptions = 1 };

    assert_non_null(
        strstr(written(&p, ""), "\"currentPeriodStart\":1000,\"currentPeriodEnd\":2000,"));
    assert_non_null(strstr(written(&p, ""), "\"priceId\":\"price_1\""));
    /* of several items, what is renewed next */
    assert_non_null(
        strstr(written(&q, ""), "\"currentPeriodStart\":1000,\"currentPeriodEnd\":2000,"));
    assert_non_null(strstr(written(&q, ""), "\"priceId\":\"price_y\""));
}

static void items_beyond_the_first_ten_come_from_their_own_rows(void **state)
{
    (void)state;
    const str rows[] = { S("{\"id\":\"si_1\",\"price\":\"price_1\"}"),
                         S("{\"id\":\"si_2\",\"price\":\"price_2\"}") };
    struct state_subscription s[] = { SUB(
        "sub_1", "active", "100",
        ",\"items\":{\"data\":[{\"id\":\"si_1\",\"price\":\"price_1\"}],\"has_more\":true}") };
    const struct state_parts p = { .customer_id = S("cus_1"),
                                   .subscription = s,
                                   .n_subscriptions = 1 };

    s[0].item = rows;
    s[0].n_items = 2;
    assert_non_null(strstr(written(&p, ""), "\"id\":\"si_2\",\"priceId\":\"price_2\""));
}

static void the_payment_method_is_the_subscriptions_own_or_else_the_customers(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    const struct state_subscription own[] = { SUB("sub_1", "active", "100",
                                                  ",\"default_payment_method\":\"pm_sub\"") };
    const struct state_subscription none[] = { SUB("sub_1", "active", "100",
                                                   ",\"default_payment_method\":null") };
    const str customer = S("{\"invoice_settings\":{\"default_payment_method\":\"pm_cus\"}}");
    const struct state_parts p = { .customer = customer,
                                   .subscription = own,
                                   .n_subscriptions = 1 };
    const struct state_parts q = { .customer = customer,
                                   .subscription = none,
                                   .n_subscriptions = 1 };
    const struct state_parts r = { .subscription = none, .n_subscriptions = 1 };

    assert_true(str_eqz(state_payment_method_id(&p, &a), "pm_sub"));
    assert_true(str_eqz(state_payment_method_id(&q, &a), "pm_cus"));
    assert_int_equal(state_payment_method_id(&r, &a).n, 0);
}

static void every_live_subscription_is_named(void **state)
{
    (void)state;
    const struct state_subscription s[] = { SUB("sub_a", "canceled", "1", ""),
                                            SUB("sub_b", "past_due", "2", ""),
                                            SUB("sub_c", "active", "3", ""),
                                            SUB("sub_d", "incomplete", "4", "") };
    const struct state_parts p = { .customer_id = S("cus_1"),
                                   .subscription = s,
                                   .n_subscriptions = 4 };

    assert_non_null(strstr(written(&p, ""), "\"liveSubscriptions\":[\"sub_b\",\"sub_c\"]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_current_subscription_is_chosen_by_its_status_not_by_its_place),
        cmocka_unit_test(of_equal_ones_the_one_created_last_is_current_and_then_the_greater_id),
        cmocka_unit_test(a_status_that_nobody_knows_comes_last),
        cmocka_unit_test(t3s_fields_are_there_under_their_names),
        cmocka_unit_test(a_customer_without_a_subscription_has_the_status_none),
        cmocka_unit_test(periods_are_the_same_whichever_api_version_told_them),
        cmocka_unit_test(items_beyond_the_first_ten_come_from_their_own_rows),
        cmocka_unit_test(the_payment_method_is_the_subscriptions_own_or_else_the_customers),
        cmocka_unit_test(every_live_subscription_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
