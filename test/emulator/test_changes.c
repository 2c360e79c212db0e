/* What changes of a subscription cost, what the next invoice would be, and who may use what. */
#include "shop.h"

#include <string.h>

static json_t *change(const char *sub, const char *form)
{
    return ask_for(&stand, 200, format(&stand, "POST /v1/subscriptions/%s", sub), form);
}

static const char *item_of(const char *sub)
{
    return keep(&stand, text_at(get("/v1/subscriptions", sub), "items.data.0.id"));
}

/* The very bytes of an answer. */
static const char *bytes(const char *target)
{
    ask_for(&stand, 200, target, NULL);
    return arena_copy(&stand.arena, stand.answer.body).p;
}

/* Half of a 30-day period is over. */
static const char *half_way(int amount)
{
    const char *sub =
        subscribe(payer(""), price_of(amount, "day&recurring[interval_count]=30"), "");
    pass(15 * DAY);
    return sub;
}

static const char *dearer(int amount)
{
    return price_of(amount, "day&recurring[interval_count]=30");
}

static size_t pending(void)
{
    return json_array_size(
        at(ask_for(&stand, 200, "GET /v1/invoiceitems?pending=true", NULL), "data"));
}

static void a_changed_price_is_prorated_on_the_next_invoice(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    change(sub, format(&stand, "items[0][id]=%s&items[0][price]=%s", item_of(sub), dearer(6000)));
    json_t *v = ask_for(&stand, 200, "GET /v1/invoiceitems?pending=true", NULL);
    assert_int_equal(int_at(v, "data.1.amount"), -1500);
    assert_int_equal(int_at(v, "data.0.amount"), 3000);
    assert_true(json_is_true(at(v, "data.0.proration")));
    assert_string_equal(text_at(v, "data.0.parent.subscription_details.subscription"), sub);
    assert_string_equal(text_at(v, "data.1.description"), "Unused time on Pro after 30 Jan 2027");
    assert_int_equal(count_events(&stand, "invoiceitem.created"), 2);
    v = last_event(&stand, "customer.subscription.updated");
    assert_non_null(at(v, "data.previous_attributes.items"));
    pass(16 * DAY);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 6000 + 1500);
    assert_int_equal(pending(), 0);
}

static void a_change_can_be_billed_at_once(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    change(sub,
           format(&stand, "items[0][id]=%s&items[0][quantity]=3&proration_behavior=always_invoice",
                  item_of(sub)));
    json_t *v = latest_invoice(sub);
    assert_string_equal(text_at(v, "billing_reason"), "subscription_update");
    assert_int_equal(int_at(v, "amount_paid"), 3000);
    assert_true(json_is_true(at(v, "lines.data.0.parent.subscription_item_details.proration")));
    assert_int_equal(pending(), 0);
}

static void a_change_without_proration_costs_nothing_now(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    change(sub, format(&stand, "items[0][id]=%s&items[0][quantity]=3&proration_behavior=none",
                       item_of(sub)));
    assert_int_equal(pending(), 0);
    change(sub, "metadata[a]=1"); /* no change of worth */
    assert_int_equal(pending(), 0);
}

static void less_is_a_credit_that_pays_later_invoices(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    change(sub,
           format(&stand, "items[0][id]=%s&items[0][price]=%s&proration_behavior=always_invoice",
                  item_of(sub), dearer(1000)));
    json_t *v = latest_invoice(sub);
    assert_int_equal(int_at(v, "total"), -1000);
    assert_string_equal(text_at(v, "status"), "paid");
    const char *customer = keep(&stand, text_at(v, "customer"));
    assert_int_equal(int_at(get("/v1/customers", customer), "balance"), -1000);
    pass(16 * DAY);
    v = latest_invoice(sub);
    assert_int_equal(int_at(v, "total"), 1000);
    assert_int_equal(int_at(v, "amount_due"), 0);
    assert_int_equal(int_at(get("/v1/customers", customer), "balance"), 0);
}

static void another_interval_begins_a_period_now(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    int64_t now = stand.clock.now / 1000;
    json_t *v = change(sub, format(&stand, "items[0][id]=%s&items[0][price]=%s", item_of(sub),
                                   price_of(30000, "year")));
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), now);
    assert_int_equal(int_at(v, "billing_cycle_anchor"), now);
    v = latest_invoice(sub);
    assert_int_equal(int_at(v, "amount_paid"), 30000 - 1500);
    assert_string_equal(text_at(v, "status"), "paid");
}

static void an_item_that_comes_or_goes_is_prorated(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    const char *more = make(&stand, "/v1/subscription_items",
                            format(&stand, "subscription=%s&price=%s", sub, dearer(600)));
    json_t *v = ask_for(&stand, 200, "GET /v1/invoiceitems?pending=true", NULL);
    assert_int_equal(int_at(v, "data.0.amount"), 300);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/subscription_items/%s", more), NULL);
    v = ask_for(&stand, 200, "GET /v1/invoiceitems?pending=true", NULL);
    assert_int_equal(int_at(v, "data.0.amount"), -300);
    assert_int_equal(json_array_size(at(get("/v1/subscriptions", sub), "items.data")), 1);
}

static void a_change_that_must_be_paid_and_is_not_changes_nothing(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    const char *customer = keep(&stand, text_at(get("/v1/subscriptions", sub), "customer"));
    json_t *v = ask_for(&stand, 200, "POST /v1/payment_methods/pm_card_chargeCustomerFail/attach",
                        format(&stand, "customer=%s", customer));
    change(sub, format(&stand, "default_payment_method=%s", text_at(v, "id")));
    const char *before = format(&stand, "GET /v1/subscriptions/%s", sub);
    const char *was = bytes(before);
    ask_for(&stand, 402, format(&stand, "POST /v1/subscriptions/%s", sub),
            format(&stand,
                   "items[0][id]=%s&items[0][quantity]=3&proration_behavior=always_invoice&"
                   "payment_behavior=error_if_incomplete",
                   item_of(sub)));
    assert_string_equal(bytes(before), was);
    assert_int_equal(pending(), 0);
}

/* A subscription whose customer has a card that does not pay, half way through its period. */
static const char *unpayable_half_way(const char **card)
{
    const char *sub = half_way(3000);
    const char *customer = keep(&stand, text_at(get("/v1/subscriptions", sub), "customer"));
    json_t *v = ask_for(&stand, 200, "POST /v1/payment_methods/pm_card_chargeCustomerFail/attach",
                        format(&stand, "customer=%s", customer));
    v = ask_for(&stand, 200, format(&stand, "POST /v1/subscriptions/%s", sub),
                format(&stand, "default_payment_method=%s", text_at(v, "id")));
    v = ask_for(&stand, 200, "POST /v1/payment_methods/pm_card_visa/attach",
                format(&stand, "customer=%s", customer));
    *card = keep(&stand, text_at(v, "id"));
    return sub;
}

static void a_change_can_wait_until_it_is_paid(void **state)
{
    const char *card;

    (void)state;
    const char *sub = unpayable_half_way(&card);
    json_t *v = change(sub, format(&stand,
                                   "items[0][id]=%s&items[0][quantity]=3&"
                                   "proration_behavior=always_invoice&"
                                   "payment_behavior=pending_if_incomplete",
                                   item_of(sub)));
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(int_at(v, "items.data.0.quantity"), 1);
    assert_int_equal(int_at(v, "pending_update.subscription_items.0.quantity"), 3);
    const char *invoice = keep(&stand, text_at(v, "latest_invoice"));
    assert_string_equal(text_at(get("/v1/invoices", invoice), "status"), "open");
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/pay", invoice),
            format(&stand, "payment_method=%s", card));
    v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "items.data.0.quantity"), 3);
    assert_true(json_is_null(at(v, "pending_update")));
    assert_int_equal(count_events(&stand, "customer.subscription.pending_update_applied"), 1);
}

static void a_change_that_nobody_pays_is_forgotten(void **state)
{
    const char *card;

    (void)state;
    const char *sub = unpayable_half_way(&card);
    json_t *v = change(sub, format(&stand,
                                   "items[0][id]=%s&items[0][price]=%s&"
                                   "payment_behavior=pending_if_incomplete",
                                   item_of(sub), price_of(9000, "year")));
    const char *invoice = keep(&stand, text_at(v, "latest_invoice"));
    assert_true(int_at(v, "pending_update.billing_cycle_anchor") >
                int_at(v, "billing_cycle_anchor"));
    pass(DAY);
    v = get("/v1/subscriptions", sub);
    assert_true(json_is_null(at(v, "pending_update")));
    assert_string_equal(text_at(v, "items.data.0.price.recurring.interval"), "day");
    assert_string_equal(text_at(get("/v1/invoices", invoice), "status"), "void");
    assert_int_equal(count_events(&stand, "customer.subscription.pending_update_expired"), 1);
}

static void a_cancellation_can_give_back_and_bill_the_rest(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    const char *customer = keep(&stand, text_at(get("/v1/subscriptions", sub), "customer"));
    json_t *v = ask_for(
        &stand, 200,
        format(&stand, "DELETE /v1/subscriptions/%s?prorate=true&invoice_now=true", sub), NULL);
    assert_string_equal(text_at(v, "status"), "canceled");
    assert_int_equal(int_at(get("/v1/customers", customer), "balance"), -1500);
}

static void what_is_incomplete_can_hardly_be_changed(void **state)
{
    (void)state;
    const char *sub =
        subscribe(payer(""), price_of(1000, "month"), "&payment_behavior=default_incomplete");
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/subscriptions/%s", sub),
                        format(&stand, "items[0][id]=%s&items[0][quantity]=2", item_of(sub)));
    assert_string_equal(text_at(v, "error.param"), "items");
    change(sub, "metadata[a]=1");
    pass(23 * 3600);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "incomplete_expired");
    assert_string_equal(text_at(latest_invoice(sub), "status"), "void");
}

static void a_trial_can_be_ended_now(void **state)
{
    (void)state;
    const char *sub = subscribe(payer(""), price_of(1000, "month"), "&trial_period_days=14");
    assert_int_equal(int_at(latest_invoice(sub), "total"), 0);
    pass(DAY);
    json_t *v = change(sub, "trial_end=now");
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), stand.clock.now / 1000);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 1000);
}

static void paused_collection_collects_nothing_and_resumes(void **state)
{
    static const char *const row[][2] = { { "void", "void" },
                                          { "keep_as_draft", "draft" },
                                          { "mark_uncollectible", "uncollectible" } };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *sub =
            subscribe(payer(""), price_of(1000, "day&recurring[interval_count]=30"), "");
        int64_t resumes = stand.clock.now / 1000 + 40 * DAY;
        json_t *v = change(sub, format(&stand,
                                       "pause_collection[behavior]=%s&"
                                       "pause_collection[resumes_at]=%lld",
                                       row[i][0], (long long)resumes));
        assert_string_equal(text_at(v, "status"), "active");
        pass(31 * DAY);
        assert_string_equal(text_at(latest_invoice(sub), "status"), row[i][1]);
        pass(31 * DAY);
        assert_true(json_is_null(at(get("/v1/subscriptions", sub), "pause_collection")));
        assert_string_equal(text_at(latest_invoice(sub), "status"), "paid");
    }
}

static void an_invoice_that_was_sent_is_overdue_on_its_day(void **state)
{
    (void)state;
    const char *sub =
        subscribe(make(&stand, "/v1/customers", "email=a@example.com"), price_of(1000, "month"),
                  "&collection_method=send_invoice&days_until_due=5");
    pass(2 * DAY);
    assert_string_equal(text_at(latest_invoice(sub), "status"), "open");
    pass(4 * DAY);
    assert_int_equal(count_events(&stand, "invoice.overdue"), 1);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "past_due");
}

static void a_first_period_can_be_cut_short_by_its_anchor(void **state)
{
    (void)state;
    int64_t now = 1800000000;
    const char *price = dearer(3000);
    const char *sub =
        subscribe(payer(""), price,
                  format(&stand, "&billing_cycle_anchor=%lld", (long long)(now + 10 * DAY)));
    json_t *v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "items.data.0.current_period_end"), now + 10 * DAY);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 1000);
    sub = subscribe(payer(""), price,
                    format(&stand, "&billing_cycle_anchor=%lld&proration_behavior=none",
                           (long long)(now + 10 * DAY)));
    assert_int_equal(int_at(latest_invoice(sub), "total"), 0);
    pass(11 * DAY);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 3000);
    v = ask_for(&stand, 400, "POST /v1/subscriptions",
                format(&stand, "customer=%s&items[0][price]=%s&billing_cycle_anchor=%lld",
                       payer(""), price, (long long)(now + 50 * DAY)));
    assert_string_equal(text_at(v, "error.param"), "billing_cycle_anchor");
    sub = subscribe(payer(""), price_of(3000, "month"),
                    "&billing_cycle_anchor_config[day_of_month]=31");
    v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "billing_cycle_anchor_config.day_of_month"), 31);
    assert_int_equal(int_at(v, "billing_cycle_anchor"), now + 16 * DAY); /* 31 January */
}

static void a_subscription_can_have_begun_before(void **state)
{
    (void)state;
    int64_t now = 1800000000;
    const char *sub =
        subscribe(payer(""), dearer(3000),
                  format(&stand, "&backdate_start_date=%lld", (long long)(now - 40 * DAY)));
    json_t *v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "start_date"), now - 40 * DAY);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), now - 10 * DAY);
    assert_int_equal(int_at(v, "items.data.0.current_period_end"), now + 20 * DAY);
}

/* --- what would be --- */

static void a_preview_changes_nothing(void **state)
{
    (void)state;
    const char *sub = half_way(3000);
    const char *look = format(&stand, "GET /v1/subscriptions/%s", sub), *was = bytes(look);
    size_t events =
        json_array_size(at(ask_for(&stand, 200, "GET /v1/events?limit=100", NULL), "data"));
    json_t *v = ask_for(&stand, 200, "POST /v1/invoices/create_preview",
                        format(&stand,
                               "subscription=%s&subscription_details[items][0][id]=%s&"
                               "subscription_details[items][0][price]=%s",
                               sub, item_of(sub), dearer(6000)));
    assert_int_equal(int_at(v, "total"), 6000 + 1500);
    assert_int_equal(json_array_size(at(v, "lines.data")), 3);
    assert_int_equal(strncmp(text_at(v, "id"), "upcoming_in_", 12), 0);
    assert_string_equal(bytes(look), was);
    v = ask_for(&stand, 200, "GET /v1/events?limit=100", NULL);
    assert_int_equal(json_array_size(at(v, "data")), events + 3); /* the dearer price's own */
    assert_int_equal(pending(), 0);
}

static void a_preview_shows_what_then_happens(void **state)
{
    (void)state;
    const char *sub = half_way(3000), *item = item_of(sub), *price = dearer(4500);
    json_t *v = ask_for(&stand, 200, "POST /v1/invoices/create_preview",
                        format(&stand,
                               "subscription=%s&subscription_details[items][0][id]=%s&"
                               "subscription_details[items][0][price]=%s&"
                               "subscription_details[proration_behavior]=always_invoice",
                               sub, item, price));
    json_int_t total = int_at(v, "total");
    assert_int_equal(total, 750);
    change(sub,
           format(&stand, "items[0][id]=%s&items[0][price]=%s&proration_behavior=always_invoice",
                  item, price));
    assert_int_equal(int_at(latest_invoice(sub), "total"), total);
}

static void a_preview_needs_no_subscription_and_no_customer(void **state)
{
    (void)state;
    make(&stand, "/v1/coupons", "id=HALF&percent_off=50");
    json_t *v =
        ask_for(&stand, 200, "POST /v1/invoices/create_preview",
                format(&stand, "subscription_details[items][0][price]=%s&discounts[0][coupon]=HALF",
                       price_of(1000, "month")));
    assert_int_equal(int_at(v, "total"), 500);
    assert_true(json_is_null(at(v, "customer")));
    assert_int_equal(int_at(get("/v1/coupons", "HALF"), "times_redeemed"), 0);
    const char *customer = payer("");
    v = ask_for(&stand, 404, "POST /v1/invoices/create_preview",
                format(&stand, "customer=%s", customer));
    assert_string_equal(text_at(v, "error.code"), "invoice_upcoming_none");
    v = ask_for(&stand, 200, "POST /v1/invoices/create_preview",
                format(&stand,
                       "customer=%s&invoice_items[0][amount]=700&invoice_items[0][currency]=usd",
                       customer));
    assert_int_equal(int_at(v, "total"), 700);
    assert_int_equal(pending(), 0);
}

static void the_upcoming_invoice_is_told_of_a_week_before(void **state)
{
    (void)state;
    subscribe(payer(""), price_of(1000, "day&recurring[interval_count]=30"), "");
    pass(22 * DAY);
    assert_int_equal(count_events(&stand, "invoice.upcoming"), 0);
    pass(2 * DAY);
    assert_int_equal(count_events(&stand, "invoice.upcoming"), 1);
    json_t *v = last_event(&stand, "invoice.upcoming");
    assert_null(at(v, "data.object.id"));
    assert_int_equal(int_at(v, "data.object.total"), 1000);
    pass(8 * DAY);
    assert_int_equal(count_events(&stand, "invoice.upcoming"), 1);
}

/* --- entitlements --- */

static void a_customer_is_entitled_to_what_it_is_subscribed_to(void **state)
{
    (void)state;
    const char *feature =
        make(&stand, "/v1/entitlements/features", "lookup_key=export&name=Export");
    ask_for(&stand, 400, "POST /v1/entitlements/features", "lookup_key=export&name=Twice");
    const char *price = price_of(1000, "month");
    const char *product = keep(&stand, text_at(get("/v1/prices", price), "product"));
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/products/%s/features", product),
                        format(&stand, "entitlement_feature=%s", feature));
    assert_string_equal(text_at(v, "entitlement_feature.lookup_key"), "export");
    const char *customer = payer("");
    const char *list = format(&stand,
                              "GET /v1/entitlements/active_entitlements?customer=%s&"
                              "expand[]=data.feature",
                              customer);
    assert_int_equal(json_array_size(at(ask_for(&stand, 200, list, NULL), "data")), 0);
    const char *sub = subscribe(customer, price, "");
    v = ask_for(&stand, 200, list, NULL);
    assert_string_equal(text_at(v, "data.0.lookup_key"), "export");
    assert_string_equal(text_at(v, "data.0.feature.name"), "Export");
    v = last_event(&stand, "entitlements.active_entitlement_summary.updated");
    assert_string_equal(text_at(v, "data.object.customer"), customer);
    assert_string_equal(text_at(v, "data.object.entitlements.data.0.feature"), feature);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/subscriptions/%s", sub), NULL);
    assert_int_equal(json_array_size(at(ask_for(&stand, 200, list, NULL), "data")), 0);
    assert_int_equal(count_events(&stand, "entitlements.active_entitlement_summary.updated"), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_changed_price_is_prorated_on_the_next_invoice),
        CASE(a_change_can_be_billed_at_once),
        CASE(a_change_without_proration_costs_nothing_now),
        CASE(less_is_a_credit_that_pays_later_invoices),
        CASE(another_interval_begins_a_period_now),
        CASE(an_item_that_comes_or_goes_is_prorated),
        CASE(a_change_that_must_be_paid_and_is_not_changes_nothing),
        CASE(a_change_can_wait_until_it_is_paid),
        CASE(a_change_that_nobody_pays_is_forgotten),
        CASE(a_cancellation_can_give_back_and_bill_the_rest),
        CASE(what_is_incomplete_can_hardly_be_changed),
        CASE(a_trial_can_be_ended_now),
        CASE(paused_collection_collects_nothing_and_resumes),
        CASE(an_invoice_that_was_sent_is_overdue_on_its_day),
        CASE(a_first_period_can_be_cut_short_by_its_anchor),
        CASE(a_subscription_can_have_begun_before),
        CASE(a_preview_changes_nothing),
        CASE(a_preview_shows_what_then_happens),
        CASE(a_preview_needs_no_subscription_and_no_customer),
        CASE(the_upcoming_invoice_is_told_of_a_week_before),
        CASE(a_customer_is_entitled_to_what_it_is_subscribed_to),
    };
    return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
