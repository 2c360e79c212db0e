/* The lives of payment intents, invoices and subscriptions, and the CLI's triggers for them. */
#include "shop.h"

#include <string.h>

/* A customer with a card of this fate, as its default. */
static const char *customer_with(const char *card)
{
    const char *id = make(&stand, "/v1/customers", "email=a@example.com");
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/payment_methods/%s/attach", card),
                        format(&stand, "customer=%s", id));
    ask_for(&stand, 200, format(&stand, "POST /v1/customers/%s", id),
            format(&stand, "invoice_settings[default_payment_method]=%s", text_at(v, "id")));
    return id;
}

/* --- the triggers, as the CLI sends them --- */

static void the_trigger_customer_subscription_created_works(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "POST /v1/customers",
                        "description=%28created+by+Stripe+CLI%29&payment_method=pm_card_visa&"
                        "invoice_settings[default_payment_method]=pm_card_visa");
    const char *customer = keep(&stand, text_at(v, "id"));
    assert_int_equal(strncmp(text_at(v, "invoice_settings.default_payment_method"), "pm_", 3), 0);
    const char *price = price_of(1500, "month");
    v = ask_for(&stand, 200, "POST /v1/subscriptions",
                format(&stand, "customer=%s&items[][price]=%s", customer, price));
    assert_string_equal(text_at(v, "status"), "active");
    assert_string_equal(text_at(v, "items.data.0.price.id"), price);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), 1800000000);
    assert_null(at(v, "current_period_end"));
    const char *invoice = keep(&stand, text_at(v, "latest_invoice"));
    const char *sub = keep(&stand, text_at(v, "id"));
    v = get("/v1/invoices", invoice);
    assert_string_equal(text_at(v, "status"), "paid");
    assert_string_equal(text_at(v, "parent.subscription_details.subscription"), sub);
    assert_string_equal(text_at(v, "lines.data.0.pricing.price_details.price"), price);
    assert_int_equal(int_at(v, "amount_paid"), 1500);
    assert_int_equal(count_events(&stand, "customer.subscription.created"), 1);
    assert_int_equal(count_events(&stand, "invoice.paid"), 1);
    assert_int_equal(count_events(&stand, "charge.succeeded"), 1);
}

static void the_trigger_invoice_paid_works(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "description=x");
    const char *pm = make(&stand, "/v1/payment_methods/pm_card_visa/attach",
                          format(&stand, "customer=%s", customer));
    make(&stand, "/v1/invoiceitems",
         format(&stand, "amount=2000&currency=usd&customer=%s&description=d", customer));
    const char *invoice =
        make(&stand, "/v1/invoices",
             format(&stand, "customer=%s&pending_invoice_items_behavior=include", customer));
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/pay", invoice),
                        format(&stand, "payment_method=%s", pm));
    assert_string_equal(text_at(v, "status"), "paid");
    assert_int_equal(int_at(v, "total"), 2000);
    assert_int_equal(count_events(&stand, "invoice.paid"), 1);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/invoices/%s?expand[]=payments", invoice),
                NULL);
    assert_string_equal(text_at(v, "payments.data.0.status"), "paid");
    ask_for(&stand, 400, format(&stand, "POST /v1/invoices/%s/pay", invoice), "");
}

static void the_trigger_payment_intent_payment_failed_works(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 402, "POST /v1/payment_intents",
                        "amount=2000&confirm=true&currency=usd&description=d&"
                        "payment_method=pm_card_chargeDeclined&payment_method_types[]=card");
    assert_string_equal(text_at(v, "error.type"), "card_error");
    assert_string_equal(text_at(v, "error.code"), "card_declined");
    assert_string_equal(text_at(v, "error.decline_code"), "generic_decline");
    assert_string_equal(text_at(v, "error.payment_intent.status"), "requires_payment_method");
    const char *charge = keep(&stand, text_at(v, "error.charge"));
    assert_string_equal(text_at(get("/v1/charges", charge), "status"), "failed");
    assert_int_equal(count_events(&stand, "payment_intent.payment_failed"), 1);
}

/* --- payment intents --- */

static void a_payment_intent_goes_from_no_method_to_succeeded(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "POST /v1/payment_intents", "amount=500&currency=eur");
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "requires_payment_method");
    ask_for(&stand, 400, format(&stand, "POST /v1/payment_intents/%s/confirm", id), "");
    v = ask_for(&stand, 200, format(&stand, "POST /v1/payment_intents/%s", id),
                "payment_method=pm_card_visa");
    assert_string_equal(text_at(v, "status"), "requires_confirmation");
    v = ask_for(&stand, 200,
                format(&stand, "POST /v1/payment_intents/%s/confirm?expand[]=latest_charge", id),
                "");
    assert_string_equal(text_at(v, "status"), "succeeded");
    assert_true(json_is_true(at(v, "latest_charge.paid")));
    v = ask_for(&stand, 400, format(&stand, "POST /v1/payment_intents/%s/confirm", id), "");
    assert_string_equal(text_at(v, "error.code"), "payment_intent_unexpected_state");
    v = ask_for(&stand, 200, "GET /v1/balance", NULL);
    assert_int_equal(int_at(v, "available.0.amount"), 0);
    assert_int_equal(int_at(v, "pending.0.amount"), 500 - (14 + 30));
    assert_string_equal(text_at(v, "pending.0.currency"), "eur");
    pass(2 * DAY);
    v = ask_for(&stand, 200, "GET /v1/balance", NULL);
    assert_int_equal(int_at(v, "available.0.amount"), 500 - (14 + 30));
    assert_int_equal(int_at(v, "pending.0.amount"), 0);
    assert_int_equal(count_events(&stand, "balance.available"), 1);
}

static void a_manual_payment_intent_is_captured_in_part_or_cancelled(void **state)
{
    (void)state;
    const char *form = "amount=900&currency=usd&payment_method=pm_card_visa&confirm=true&"
                       "capture_method=manual";
    const char *id = make(&stand, "/v1/payment_intents", form);
    assert_string_equal(text_at(get("/v1/payment_intents", id), "status"), "requires_capture");
    ask_for(&stand, 400, format(&stand, "POST /v1/payment_intents/%s/capture", id),
            "amount_to_capture=901");
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/payment_intents/%s/capture", id),
                        "amount_to_capture=600");
    assert_int_equal(int_at(v, "amount_received"), 600);
    ask_for(&stand, 400, format(&stand, "POST /v1/payment_intents/%s/cancel", id), "");
    id = make(&stand, "/v1/payment_intents", form);
    v = ask_for(&stand, 200, format(&stand, "POST /v1/payment_intents/%s/cancel", id),
                "cancellation_reason=abandoned");
    assert_string_equal(text_at(v, "status"), "canceled");
}

static void a_card_that_wants_authentication_gets_it_by_confirming_again(void **state)
{
    (void)state;
    const char *id =
        make(&stand, "/v1/payment_intents",
             "amount=900&currency=usd&payment_method=pm_card_threeDSecure2Required&confirm=true");
    assert_string_equal(text_at(get("/v1/payment_intents", id), "status"), "requires_action");
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/payment_intents/%s/confirm", id), "");
    assert_string_equal(text_at(v, "status"), "succeeded");
}

static void a_refund_takes_what_is_left_and_not_more(void **state)
{
    (void)state;
    json_t *v =
        ask_for(&stand, 200, "POST /v1/charges", "amount=1000&currency=usd&source=tok_visa");
    const char *charge = keep(&stand, text_at(v, "id"));
    ask_for(&stand, 200, "POST /v1/refunds", format(&stand, "charge=%s&amount=400", charge));
    assert_true(json_is_false(at(get("/v1/charges", charge), "refunded")));
    ask_for(&stand, 400, "POST /v1/refunds", format(&stand, "charge=%s&amount=601", charge));
    ask_for(&stand, 200, "POST /v1/refunds", format(&stand, "charge=%s", charge));
    v = ask_for(&stand, 400, "POST /v1/refunds", format(&stand, "charge=%s", charge));
    assert_string_equal(text_at(v, "error.code"), "charge_already_refunded");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/charges/%s?expand[]=refunds", charge), NULL);
    assert_int_equal(json_array_size(at(v, "refunds.data")), 2);
    assert_int_equal(count_events(&stand, "charge.refunded"), 2);
}

static void a_changed_refund_of_a_charge_is_told_by_both_names(void **state)
{
    (void)state;
    json_t *v =
        ask_for(&stand, 200, "POST /v1/charges", "amount=1000&currency=usd&source=tok_visa");
    const char *charge = keep(&stand, text_at(v, "id"));
    v = ask_for(&stand, 200, "POST /v1/refunds", format(&stand, "charge=%s", charge));
    const char *refund = keep(&stand, text_at(v, "id"));
    ask_for(&stand, 200, format(&stand, "POST /v1/refunds/%s", refund), "metadata[a]=b");
    assert_int_equal(count_events(&stand, "refund.updated"), 1);
    assert_int_equal(count_events(&stand, "charge.refund.updated"), 1);
}

static void a_magic_card_without_its_magic_is_refused(void **state)
{
    (void)state;
    json_t *v =
        ask_for(&stand, 400, "POST /v1/payment_methods", "type=card&card[token]=tok_avsFail");
    assert_non_null(strstr(text_at(v, "error.message"), "does not implement"));
    v = ask_for(&stand, 400, "POST /v1/payment_intents",
                "amount=1000&currency=usd&payment_method=pm_card_avsFail");
    assert_non_null(strstr(text_at(v, "error.message"), "pm_card_avsFail"));
}

/* --- invoices --- */

static void an_invoice_is_voided_or_given_up_only_when_open(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "name=x");
    make(&stand, "/v1/invoiceitems", format(&stand, "amount=5&currency=usd&customer=%s", customer));
    const char *id =
        make(&stand, "/v1/invoices",
             format(&stand, "customer=%s&pending_invoice_items_behavior=include", customer));
    ask_for(&stand, 400, format(&stand, "POST /v1/invoices/%s/void", id), "");
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/finalize", id), "");
    assert_string_equal(text_at(v, "status"), "open");
    assert_true(strstr(text_at(v, "number"), "-0001") != NULL);
    ask_for(&stand, 400, format(&stand, "DELETE /v1/invoices/%s", id), NULL);
    v = ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/mark_uncollectible", id), "");
    assert_string_equal(text_at(v, "status"), "uncollectible");
    v = ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/void", id), "");
    assert_string_equal(text_at(v, "status"), "void");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/payment_intents?customer=%s", customer), NULL);
    assert_string_equal(text_at(v, "data.0.status"), "canceled");
}

static void a_deleted_draft_sets_its_pending_items_free(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "name=x");
    const char *item = make(&stand, "/v1/invoiceitems",
                            format(&stand, "amount=5&currency=usd&customer=%s", customer));
    const char *id =
        make(&stand, "/v1/invoices",
             format(&stand, "customer=%s&pending_invoice_items_behavior=include", customer));
    assert_string_equal(text_at(get("/v1/invoiceitems", item), "invoice"), id);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/invoices/%s", id), NULL);
    ask_for(&stand, 404, format(&stand, "GET /v1/invoices/%s", id), NULL);
    assert_true(json_is_null(at(get("/v1/invoiceitems", item), "invoice")));
}

static void an_invoice_shows_ten_lines_and_lists_all(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "name=x");
    for (int i = 0; i < 13; i++)
        make(&stand, "/v1/invoiceitems",
             format(&stand, "amount=%d&currency=usd&customer=%s", i + 1, customer));
    const char *id =
        make(&stand, "/v1/invoices",
             format(&stand, "customer=%s&pending_invoice_items_behavior=include", customer));
    json_t *v = get("/v1/invoices", id);
    assert_int_equal(json_array_size(at(v, "lines.data")), 10);
    assert_true(json_is_true(at(v, "lines.has_more")));
    assert_int_equal(int_at(v, "total"), 91);
    const char *url = keep(&stand, text_at(v, "lines.url"));
    const char *last = keep(&stand, text_at(v, "lines.data.9.id"));
    v = ask_for(&stand, 200, format(&stand, "GET %s?starting_after=%s", url, last), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 3);
    assert_true(json_is_false(at(v, "has_more")));
}

static void a_customers_credit_is_used_first(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "balance=-300");
    make(&stand, "/v1/invoiceitems",
         format(&stand, "amount=1000&currency=usd&customer=%s", customer));
    const char *id =
        make(&stand, "/v1/invoices",
             format(&stand, "customer=%s&pending_invoice_items_behavior=include", customer));
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/finalize", id), "");
    assert_int_equal(int_at(v, "amount_due"), 700);
    assert_int_equal(int_at(get("/v1/customers", customer), "balance"), 0);
}

/* --- subscriptions --- */

static void a_subscription_without_a_payment_method_is_refused_whole(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "name=x");
    const char *price = price_of(1500, "month");
    json_t *v = ask_for(&stand, 400, "POST /v1/subscriptions",
                        format(&stand, "customer=%s&items[0][price]=%s", customer, price));
    assert_string_equal(text_at(v, "error.code"), "resource_missing");
    v = ask_for(&stand, 200, "GET /v1/subscriptions?status=all", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void error_if_incomplete_makes_nothing(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_chargeCustomerFail");
    const char *price = price_of(1500, "month");
    json_t *v = ask_for(
        &stand, 402, "POST /v1/subscriptions",
        format(&stand, "customer=%s&items[0][price]=%s&payment_behavior=error_if_incomplete",
               customer, price));
    assert_string_equal(text_at(v, "error.type"), "card_error");
    v = ask_for(&stand, 200, "GET /v1/subscriptions?status=all", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
    assert_int_equal(count_events(&stand, "customer.subscription.created"), 0);
}

static void a_failed_first_payment_is_incomplete_until_paid(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_chargeCustomerFail");
    const char *sub = subscribe(customer, price_of(1500, "month"), "");
    json_t *v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "status"), "incomplete");
    const char *invoice = keep(&stand, text_at(v, "latest_invoice"));
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/pay", invoice),
            "payment_method=pm_card_visa");
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "active");
}

static void an_incomplete_subscription_expires_after_23_hours(void **state)
{
    (void)state;
    const char *sub = subscribe(customer_with("pm_card_visa"), price_of(1500, "month"),
                                "&payment_behavior=default_incomplete");
    json_t *v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "status"), "incomplete");
    const char *invoice = keep(&stand, text_at(v, "latest_invoice"));
    assert_string_equal(text_at(get("/v1/invoices", invoice), "status"), "open");
    pass(22 * HOUR);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "incomplete");
    pass(HOUR);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "incomplete_expired");
    assert_string_equal(text_at(get("/v1/invoices", invoice), "status"), "void");
}

static void confirming_its_payment_intent_makes_it_active(void **state)
{
    (void)state;
    const char *sub = subscribe(customer_with("pm_card_visa"), price_of(1500, "month"),
                                "&payment_behavior=default_incomplete");
    json_t *v = ask_for(
        &stand, 200,
        format(&stand, "GET /v1/subscriptions/%s?expand[]=latest_invoice.payments", sub), NULL);
    const char *pi =
        keep(&stand, text_at(v, "latest_invoice.payments.data.0.payment.payment_intent"));
    ask_for(&stand, 200, format(&stand, "POST /v1/payment_intents/%s/confirm", pi),
            "payment_method=pm_card_visa");
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "active");
}

static void it_renews_with_a_draft_that_is_charged_an_hour_later(void **state)
{
    (void)state;
    const char *sub = subscribe(customer_with("pm_card_visa"), price_of(1500, "month"), "");
    json_t *v = get("/v1/subscriptions", sub);
    json_int_t end = int_at(v, "items.data.0.current_period_end");
    const char *first = keep(&stand, text_at(v, "latest_invoice"));
    pass(end - 1800000000);
    v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), end);
    const char *second = keep(&stand, text_at(v, "latest_invoice"));
    assert_string_not_equal(first, second);
    v = get("/v1/invoices", second);
    assert_string_equal(text_at(v, "status"), "draft");
    assert_string_equal(text_at(v, "billing_reason"), "subscription_cycle");
    pass(HOUR);
    assert_string_equal(text_at(get("/v1/invoices", second), "status"), "paid");
    v = last_event(&stand, "customer.subscription.updated");
    assert_true(json_is_null(at(v, "request.id")));
}

static void a_renewal_that_fails_is_past_due_and_ends_after_four_attempts(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_visa");
    const char *sub = subscribe(customer, price_of(1500, "month"), "");
    json_t *v = ask_for(&stand, 200, "POST /v1/payment_methods/pm_card_chargeCustomerFail/attach",
                        format(&stand, "customer=%s", customer));
    ask_for(&stand, 200, format(&stand, "POST /v1/customers/%s", customer),
            format(&stand, "invoice_settings[default_payment_method]=%s", text_at(v, "id")));
    pass(31 * DAY + HOUR);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "past_due");
    assert_true(json_is_true(at(get("/v1/customers", customer), "delinquent")));
    assert_int_equal(count_events(&stand, "invoice.payment_failed"), 1);
    pass(20 * DAY);
    assert_int_equal(count_events(&stand, "invoice.payment_failed"), 4);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "canceled");
    v = ask_for(&stand, 200, "GET /v1/subscriptions", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
    v = ask_for(&stand, 200, "GET /v1/subscriptions?status=all", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
}

static void a_trial_ends_in_a_paid_period(void **state)
{
    (void)state;
    const char *sub =
        subscribe(customer_with("pm_card_visa"), price_of(1500, "month"), "&trial_period_days=7");
    json_t *v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "status"), "trialing");
    v = get("/v1/invoices", keep(&stand, text_at(v, "latest_invoice")));
    assert_int_equal(int_at(v, "total"), 0);
    assert_string_equal(text_at(v, "status"), "paid");
    pass(4 * DAY);
    assert_int_equal(count_events(&stand, "customer.subscription.trial_will_end"), 1);
    pass(3 * DAY + HOUR);
    v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "status"), "active");
    v = get("/v1/invoices", keep(&stand, text_at(v, "latest_invoice")));
    assert_int_equal(int_at(v, "amount_paid"), 1500);
}

static void cancel_at_period_end_only_flags_it(void **state)
{
    (void)state;
    const char *sub = subscribe(customer_with("pm_card_visa"), price_of(1500, "month"), "");
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/subscriptions/%s", sub),
                        "cancel_at_period_end=true");
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(int_at(v, "canceled_at"), 1800000000);
    v = last_event(&stand, "customer.subscription.updated");
    assert_true(json_is_false(at(v, "data.previous_attributes.cancel_at_period_end")));
    pass(32 * DAY);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "canceled");
}

static void a_deleted_customers_subscriptions_are_cancelled(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_visa");
    const char *sub = subscribe(customer, price_of(1500, "month"), "");
    ask_for(&stand, 200, format(&stand, "DELETE /v1/customers/%s", customer), NULL);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "canceled");
    assert_int_equal(count_events(&stand, "customer.subscription.deleted"), 1);
    json_t *v =
        ask_for(&stand, 200,
                format(&stand, "GET /v1/subscriptions?status=all&customer=%s", customer), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/subscriptions/%s?expand[]=customer", sub),
                NULL);
    assert_true(json_is_true(at(v, "customer.deleted")));
}

static void the_31st_stays_the_31st(void **state)
{
    (void)state;
    stand.clock.now = 1769860800000; /* 2026-01-31T12:00:00Z */
    const char *sub = subscribe(customer_with("pm_card_visa"), price_of(1500, "month"), "");
    pass(28 * DAY); /* 2026-02-28T12:00:00Z */
    json_t *v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), 1772280000);
    assert_int_equal(int_at(v, "items.data.0.current_period_end"), 1774958400);
}

static void more_than_ten_items_are_listed_by_the_url_in_the_subscription(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_visa");
    const char *sub = subscribe(customer, price_of(1500, "month"), "");
    for (int i = 0; i < 11; i++)
        make(&stand, "/v1/subscription_items",
             format(&stand, "subscription=%s&price=%s", sub, price_of(1500, "month")));
    json_t *v = get("/v1/subscriptions", sub);
    assert_int_equal(json_array_size(at(v, "items.data")), 10);
    assert_true(json_is_true(at(v, "items.has_more")));
    v = ask_for(&stand, 200,
                format(&stand, "GET %s&limit=100", keep(&stand, text_at(v, "items.url"))), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 12);
}

static void an_inline_price_is_reached_by_its_id_alone(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_visa");
    const char *product = make(&stand, "/v1/products", "name=P");
    json_t *v = ask_for(&stand, 200, "POST /v1/subscriptions",
                        format(&stand,
                               "customer=%s&items[0][price_data][product]=%s&"
                               "items[0][price_data][currency]=usd&"
                               "items[0][price_data][unit_amount]=70&"
                               "items[0][price_data][recurring][interval]=week",
                               customer, product));
    const char *price = keep(&stand, text_at(v, "items.data.0.price.id"));
    assert_int_equal(int_at(v, "items.data.0.price.unit_amount"), 70);
    get("/v1/prices", price);
    v = ask_for(&stand, 200, "GET /v1/prices", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void R_12_a_customer_has_one_currency(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_visa");
    subscribe(customer, price_of(1500, "month"), "");
    const char *product = make(&stand, "/v1/products", "name=P");
    const char *price = make(
        &stand, "/v1/prices",
        format(&stand, "product=%s&currency=cad&unit_amount=5&recurring[interval]=month", product));
    ask_for(&stand, 400, "POST /v1/subscriptions",
            format(&stand, "customer=%s&items[0][price]=%s", customer, price));
}

static void R_31_R_33_a_subscription_takes_active_recurring_prices(void **state)
{
    (void)state;
    const char *customer = customer_with("pm_card_visa");
    const char *product = make(&stand, "/v1/products", "name=P");
    const char *once = make(&stand, "/v1/prices",
                            format(&stand, "product=%s&currency=usd&unit_amount=5", product));
    json_t *v = ask_for(&stand, 400, "POST /v1/subscriptions",
                        format(&stand, "customer=%s&items[0][price]=%s", customer, once));
    assert_non_null(strstr(text_at(v, "error.message"), "type=one_time"));
    const char *old = price_of(1500, "month");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", old), "active=false");
    v = ask_for(&stand, 400, "POST /v1/subscriptions",
                format(&stand, "customer=%s&items[0][price]=%s", customer, old));
    assert_string_equal(text_at(v, "error.param"), "items[0][price]");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_trigger_customer_subscription_created_works),
        CASE(the_trigger_invoice_paid_works),
        CASE(the_trigger_payment_intent_payment_failed_works),
        CASE(a_payment_intent_goes_from_no_method_to_succeeded),
        CASE(a_manual_payment_intent_is_captured_in_part_or_cancelled),
        CASE(a_card_that_wants_authentication_gets_it_by_confirming_again),
        CASE(a_refund_takes_what_is_left_and_not_more),
        CASE(a_changed_refund_of_a_charge_is_told_by_both_names),
        CASE(a_magic_card_without_its_magic_is_refused),
        CASE(an_invoice_is_voided_or_given_up_only_when_open),
        CASE(a_deleted_draft_sets_its_pending_items_free),
        CASE(an_invoice_shows_ten_lines_and_lists_all),
        CASE(a_customers_credit_is_used_first),
        CASE(a_subscription_without_a_payment_method_is_refused_whole),
        CASE(error_if_incomplete_makes_nothing),
        CASE(a_failed_first_payment_is_incomplete_until_paid),
        CASE(an_incomplete_subscription_expires_after_23_hours),
        CASE(confirming_its_payment_intent_makes_it_active),
        CASE(it_renews_with_a_draft_that_is_charged_an_hour_later),
        CASE(a_renewal_that_fails_is_past_due_and_ends_after_four_attempts),
        CASE(a_trial_ends_in_a_paid_period),
        CASE(cancel_at_period_end_only_flags_it),
        CASE(a_deleted_customers_subscriptions_are_cancelled),
        CASE(the_31st_stays_the_31st),
        CASE(more_than_ten_items_are_listed_by_the_url_in_the_subscription),
        CASE(an_inline_price_is_reached_by_its_id_alone),
        CASE(R_12_a_customer_has_one_currency),
        CASE(R_31_R_33_a_subscription_takes_active_recurring_prices),
    };
    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
