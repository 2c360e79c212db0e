/* Checkout sessions, their pages, and payment links. */
#include "shop.h"

#include <string.h>

static const char *price(const char *more)
{
    const char *product = make(&stand, "/v1/products", "name=thing");

    return make(&stand, "/v1/prices",
                format(&stand, "product=%s&unit_amount=1500&currency=usd%s", product, more));
}

static const char *session(const char *mode, const char *more)
{
    const char *line = "";

    if (strcmp(mode, "setup") != 0)
        line = format(&stand, "&line_items[0][price]=%s&line_items[0][quantity]=2",
                      price(strcmp(mode, "payment") ? "&recurring[interval]=month" : ""));
    return make(&stand, "/v1/checkout/sessions",
                format(&stand, "mode=%s&success_url=https://example.com/ok%s%s", mode, line, more));
}

static json_t *confirm(int status, const char *id, const char *form)
{
    return post(status, format(&stand, "/v1/payment_pages/%s/confirm", id), form);
}

static json_t *session_get(const char *id)
{
    return get("/v1/checkout/sessions", id);
}

static void a_session_is_paid_and_complete(void **state)
{
    (void)state;
    const char *id = session("payment", "&customer_creation=always&client_reference_id=42&"
                                        "payment_intent_data[description]=shoes&metadata[a]=b");
    json_t *v = session_get(id);
    assert_string_equal(text_at(v, "status"), "open");
    assert_int_equal(int_at(v, "amount_total"), 3000);
    assert_non_null(strstr(text_at(v, "url"), id));
    assert_true(json_is_null(at(v, "payment_intent")));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/payment_pages/%s", id), NULL);
    assert_int_equal(int_at(v, "amount_total"), 3000);
    v = confirm(400, id, "payment_method=pm_card_visa&expected_amount=1");
    assert_string_equal(text_at(v, "error.code"), "checkout_amount_mismatch");
    confirm(200, id,
            "expected_amount=3000&payment_method_data[type]=card&"
            "payment_method_data[billing_details][email]=a@example.com&"
            "payment_method_data[billing_details][name]=Ann");
    v = session_get(id);
    assert_string_equal(text_at(v, "status"), "complete");
    assert_string_equal(text_at(v, "payment_status"), "paid");
    assert_true(json_is_null(at(v, "url")));
    assert_string_equal(text_at(v, "customer_details.email"), "a@example.com");
    const char *customer = keep(&stand, text_at(v, "customer"));
    v = get("/v1/payment_intents", keep(&stand, text_at(v, "payment_intent")));
    assert_string_equal(text_at(v, "description"), "shoes");
    assert_string_equal(text_at(v, "customer"), customer);
    assert_string_equal(text_at(get("/v1/customers", customer), "name"), "Ann");
    v = last_event(&stand, "checkout.session.completed");
    assert_string_equal(text_at(v, "data.object.client_reference_id"), "42");
    confirm(400, id, "payment_method=pm_card_visa");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/checkout/sessions/%s/line_items", id), NULL);
    assert_int_equal(int_at(v, "data.0.quantity"), 2);
    assert_string_equal(text_at(v, "data.0.description"), "thing");
    v = ask_for(&stand, 200, "GET /v1/checkout/sessions?status=complete&customer_details[email]=x",
                NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
    v = ask_for(&stand, 200,
                "GET /v1/checkout/sessions?customer_details[email]=a@example.com&"
                "expand[]=data.line_items",
                NULL);
    assert_int_equal(int_at(v, "data.0.line_items.data.0.amount_total"), 3000);
}

static void a_declined_card_leaves_the_session_open(void **state)
{
    (void)state;
    const char *id = session("payment", "");
    confirm(402, id, "payment_method=pm_card_chargeDeclined");
    assert_string_equal(text_at(session_get(id), "status"), "open");
    confirm(200, id, "payment_method=pm_card_visa");
    assert_string_equal(text_at(session_get(id), "status"), "complete");
    assert_int_equal(count_events(&stand, "payment_intent.created"), 1);
    assert_int_equal(count_events(&stand, "payment_intent.payment_failed"), 1);
}

static void the_bank_may_want_to_see_the_customer_first(void **state)
{
    (void)state;
    const char *id = session("payment", "");
    json_t *v = confirm(200, id, "payment_method=pm_card_authenticationRequired");
    assert_string_equal(text_at(v, "intent.status"), "requires_action");
    const char *method = keep(&stand, text_at(v, "intent.payment_method"));
    const char *intent = keep(&stand, text_at(v, "intent.id"));
    assert_string_equal(text_at(session_get(id), "status"), "open");
    post(400, format(&stand, "/v1/payment_intents/%s/cancel", intent), "");
    confirm(200, id, format(&stand, "payment_method=%s", method));
    assert_string_equal(text_at(session_get(id), "payment_status"), "paid");
}

static const char *by_debit(const char *iban)
{
    const char *product = make(&stand, "/v1/products", "name=thing");
    const char *euros = make(&stand, "/v1/prices",
                             format(&stand, "product=%s&unit_amount=10&currency=eur", product));
    const char *id = make(&stand, "/v1/checkout/sessions",
                          format(&stand,
                                 "mode=payment&success_url=x&payment_method_types[]=sepa_debit&"
                                 "line_items[0][price]=%s&line_items[0][quantity]=1",
                                 euros));

    confirm(400, id, "payment_method=pm_card_visa");
    confirm(200, id,
            format(&stand,
                   "payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]=%s",
                   iban));
    json_t *v = session_get(id);
    assert_string_equal(text_at(v, "status"), "complete");
    assert_string_equal(text_at(v, "payment_status"), "unpaid");
    pass(0);
    return id;
}

static void a_debit_is_told_of_when_the_bank_knows(void **state)
{
    (void)state;
    const char *id = by_debit("DE89370400440532013000");
    assert_string_equal(text_at(session_get(id), "payment_status"), "paid");
    assert_int_equal(count_events(&stand, "checkout.session.async_payment_succeeded"), 1);
    id = by_debit("IT60X0542811101000000123456");
    assert_string_equal(text_at(session_get(id), "payment_status"), "unpaid");
    assert_int_equal(count_events(&stand, "checkout.session.async_payment_failed"), 1);
    assert_int_equal(count_events(&stand, "checkout.session.completed"), 2);
}

static void a_subscription_begins_on_the_page(void **state)
{
    (void)state;
    const char *id =
        session("subscription", "&customer_email=s@example.com&subscription_data[metadata][a]=b");
    confirm(402, id, "payment_method=pm_card_chargeDeclined");
    assert_int_equal(count_events(&stand, "customer.created"), 0);
    confirm(200, id, "payment_method=pm_card_visa");
    json_t *v = session_get(id);
    assert_string_equal(text_at(v, "payment_status"), "paid");
    assert_true(*text_at(v, "invoice"));
    v = get("/v1/subscriptions", keep(&stand, text_at(v, "subscription")));
    assert_string_equal(text_at(v, "status"), "active");
    assert_string_equal(text_at(v, "metadata.a"), "b");
    assert_int_equal(int_at(v, "items.data.0.quantity"), 2);
    assert_true(*text_at(v, "default_payment_method"));
    assert_string_equal(
        text_at(get("/v1/customers", keep(&stand, text_at(v, "customer"))), "email"),
        "s@example.com");
    v = last_event(&stand, "checkout.session.completed");
    assert_string_equal(text_at(v, "data.object.mode"), "subscription");
}

static void a_subscription_may_want_the_customer_and_a_trial_costs_nothing(void **state)
{
    (void)state;
    const char *id = session("subscription", "");
    json_t *v =
        ask_for(&stand, 200, "POST /v1/payment_methods", "type=card&card[number]=4000002760003184");
    const char *method = keep(&stand, text_at(v, "id"));
    v = confirm(200, id, format(&stand, "payment_method=%s", method));
    assert_string_equal(text_at(v, "status"), "requires_action");
    assert_string_equal(text_at(session_get(id), "status"), "open");
    confirm(200, id, format(&stand, "payment_method=%s", method));
    assert_string_equal(text_at(session_get(id), "payment_status"), "paid");
    id = session("subscription", "&subscription_data[trial_period_days]=7");
    confirm(200, id, "payment_method=pm_card_visa");
    assert_string_equal(text_at(session_get(id), "payment_status"), "no_payment_required");
}

static void a_setup_session_keeps_the_card(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "email=a@example.com");
    const char *id = session("setup", format(&stand, "&currency=usd&customer=%s", customer));
    confirm(200, id, "payment_method=pm_card_visa");
    json_t *v = session_get(id);
    assert_string_equal(text_at(v, "status"), "complete");
    assert_string_equal(text_at(v, "payment_status"), "no_payment_required");
    v = get("/v1/setup_intents", keep(&stand, text_at(v, "setup_intent")));
    assert_string_equal(text_at(v, "status"), "succeeded");
    assert_string_equal(text_at(v, "customer"), customer);
}

static void an_open_session_expires(void **state)
{
    (void)state;
    const char *id = session("payment", "");
    pass(86400 + 1);
    assert_string_equal(text_at(session_get(id), "status"), "expired");
    assert_int_equal(count_events(&stand, "checkout.session.expired"), 1);
    id = session("payment", "");
    post(200, format(&stand, "/v1/checkout/sessions/%s/expire", id), "");
    json_t *v = post(400, format(&stand, "/v1/checkout/sessions/%s/expire", id), "");
    assert_non_null(strstr(text_at(v, "error.message"), "status of expired"));
    confirm(400, id, "payment_method=pm_card_visa");
}

static const char *wanted(const char *mode, const char *of, const char *more)
{
    return format(&stand,
                  "mode=%s&success_url=x&line_items[0][price]=%s&line_items[0][quantity]=1%s", mode,
                  of, more);
}

static void what_does_not_fit_makes_no_session(void **state)
{
    (void)state;
    const char *once = price(""), *again = price("&recurring[interval]=month");
    json_t *v = post(400, "/v1/checkout/sessions", wanted("payment", again, ""));
    assert_non_null(strstr(text_at(v, "error.message"), "`payment` mode but passed a recurring"));
    v = post(400, "/v1/checkout/sessions", wanted("subscription", once, ""));
    assert_non_null(strstr(text_at(v, "error.message"), "at least one recurring price"));
    v = post(400, "/v1/checkout/sessions",
             wanted("payment", once, "&payment_intent_data[capture_method]=x"));
    assert_string_equal(text_at(v, "error.param"), "payment_intent_data[capture_method]");
    v = post(400, "/v1/checkout/sessions", wanted("payment", once, "&colour=red"));
    assert_string_equal(text_at(v, "error.message"), "Received unknown parameter: colour");
    post(400, "/v1/checkout/sessions", wanted("payment", once, "&expires_at=1800000060"));
    v = post(400, "/v1/checkout/sessions", "mode=payment&line_items[0][price]=x");
    assert_string_equal(text_at(v, "error.param"), "success_url");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", once), "active=false");
    v = post(400, "/v1/checkout/sessions", wanted("payment", once, ""));
    assert_string_equal(text_at(v, "error.message"),
                        "The price specified is inactive. This field only accepts active prices.");
    v = ask_for(&stand, 200, "GET /v1/checkout/sessions", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void a_coupon_and_shipping_change_the_total(void **state)
{
    (void)state;
    const char *coupon = make(&stand, "/v1/coupons", "percent_off=10&duration=once");
    const char *id =
        session("payment", format(&stand,
                                  "&discounts[0][coupon]=%s&"
                                  "shipping_options[0][shipping_rate_data][display_name]=Post&"
                                  "shipping_options[0][shipping_rate_data][type]=fixed_amount&"
                                  "shipping_options[0][shipping_rate_data][fixed_amount][amount]"
                                  "=500&shipping_options[0][shipping_rate_data][fixed_amount]"
                                  "[currency]=usd",
                                  coupon));
    json_t *v = session_get(id);
    assert_int_equal(int_at(v, "amount_subtotal"), 3000);
    assert_int_equal(int_at(v, "total_details.amount_discount"), 300);
    assert_int_equal(int_at(v, "total_details.amount_shipping"), 500);
    assert_int_equal(int_at(v, "amount_total"), 3200);
    confirm(200, id, "payment_method=pm_card_visa&expected_amount=3200");
}

static void an_opened_link_is_a_session(void **state)
{
    (void)state;
    const char *link =
        make(&stand, "/v1/payment_links",
             format(&stand, "line_items[0][price]=%s&line_items[0][quantity]=3", price("")));
    json_t *v = post(200, format(&stand, "/_emulator/payment_links/%s/open", link), "");
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "payment_link"), link);
    assert_int_equal(int_at(v, "amount_total"), 4500);
    confirm(200, id, "payment_method=pm_card_visa");
    v = post(200, format(&stand, "/v1/payment_links/%s", link), "active=false");
    v = last_event(&stand, "payment_link.updated");
    assert_true(json_is_true(at(v, "data.previous_attributes.active")));
    post(400, format(&stand, "/_emulator/payment_links/%s/open", link), "");
}

static void a_link_that_sells_an_archived_product_is_not_active(void **state)
{
    (void)state;
    const char *of = price("");
    const char *product = keep(&stand, text_at(get("/v1/prices", of), "product"));
    const char *link =
        make(&stand, "/v1/payment_links",
             format(&stand, "line_items[0][price]=%s&line_items[0][quantity]=1", of));
    const char *other =
        make(&stand, "/v1/payment_links",
             format(&stand, "line_items[0][price]=%s&line_items[0][quantity]=1", price("")));
    post(200, format(&stand, "/v1/products/%s", product), "active=false");
    assert_true(json_is_false(at(get("/v1/payment_links", link), "active")));
    assert_true(json_is_true(at(get("/v1/payment_links", other), "active")));
    assert_int_equal(count_events(&stand, "payment_link.updated"), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_session_is_paid_and_complete),
        T(a_declined_card_leaves_the_session_open),
        T(the_bank_may_want_to_see_the_customer_first),
        T(a_debit_is_told_of_when_the_bank_knows),
        T(a_subscription_begins_on_the_page),
        T(a_subscription_may_want_the_customer_and_a_trial_costs_nothing),
        T(a_setup_session_keeps_the_card),
        T(an_open_session_expires),
        T(what_does_not_fit_makes_no_session),
        T(a_coupon_and_shipping_change_the_total),
        T(an_opened_link_is_a_session),
        T(a_link_that_sells_an_archived_product_is_not_active),
    };
    return cmocka_run_group_tests_name("checkout", tests, NULL, NULL);
}
