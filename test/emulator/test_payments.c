/* Disputes, refunds, debits, holds, setups, cash, payouts: money that takes its time. */
#include "shop.h"

#include <string.h>

/* A payment of 2000 cents with this card; its charge. */
static const char *charge_with(const char *card)
{
    json_t *v =
        post(200, "/v1/payment_intents",
             format(&stand, "amount=2000&currency=usd&confirm=true&payment_method=%s", card));

    return keep(&stand, text_at(v, "latest_charge"));
}

static const char *dispute_of(const char *charge)
{
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/disputes?charge=%s", charge), NULL);

    assert_int_equal(json_array_size(at(v, "data")), 1);
    return keep(&stand, text_at(v, "data.0.id"));
}

static json_int_t money(const char *list)
{
    return int_at(ask_for(&stand, 200, "GET /v1/balance", NULL),
                  format(&stand, "%s.0.amount", list));
}

/* --- disputes --- */

static void a_disputed_payment_is_won_with_evidence(void **state)
{
    (void)state;
    const char *charge = charge_with("pm_card_createDispute");
    const char *id = dispute_of(charge);
    json_t *v = get("/v1/disputes", id);
    assert_string_equal(text_at(v, "status"), "needs_response");
    assert_string_equal(text_at(v, "reason"), "fraudulent");
    assert_int_equal(int_at(v, "balance_transactions.0.net"), -3500);
    assert_true(json_is_true(at(get("/v1/charges", charge), "disputed")));
    assert_int_equal(money("available"), -3500);
    assert_int_equal(count_events(&stand, "charge.dispute.created"), 1);
    assert_int_equal(count_events(&stand, "charge.dispute.funds_withdrawn"), 1);

    v = post(200, format(&stand, "/v1/disputes/%s", id),
             "evidence[uncategorized_text]=winning_evidence");
    assert_string_equal(text_at(v, "status"), "under_review");
    assert_int_equal(int_at(v, "evidence_details.submission_count"), 1);
    v = last_event(&stand, "charge.dispute.updated");
    assert_string_equal(text_at(v, "data.previous_attributes.status"), "needs_response");
    pass(0);
    assert_string_equal(text_at(get("/v1/disputes", id), "status"), "won");
    assert_int_equal(money("available"), -1500);
    assert_int_equal(count_events(&stand, "charge.dispute.funds_reinstated"), 1);
    v = last_event(&stand, "charge.dispute.closed");
    assert_string_equal(text_at(v, "data.object.status"), "won");
    post(400, format(&stand, "/v1/disputes/%s/close", id), "");
}

static void a_dispute_that_nobody_answers_is_lost(void **state)
{
    (void)state;
    const char *id = dispute_of(charge_with("pm_card_createDisputeProductNotReceived"));
    assert_string_equal(text_at(get("/v1/disputes", id), "reason"), "product_not_received");
    pass(10 * DAY);
    assert_string_equal(text_at(get("/v1/disputes", id), "status"), "lost");
    assert_int_equal(count_events(&stand, "charge.dispute.closed"), 1);
}

static void an_inquiry_takes_no_money_before_it_escalates(void **state)
{
    (void)state;
    const char *charge = charge_with("pm_card_createDisputeInquiry");
    const char *id = dispute_of(charge);
    json_t *v = get("/v1/disputes", id);
    assert_string_equal(text_at(v, "status"), "warning_needs_response");
    assert_true(json_is_true(at(v, "is_charge_refundable")));
    assert_int_equal(count_events(&stand, "charge.dispute.funds_withdrawn"), 0);
    post(200, format(&stand, "/v1/disputes/%s", id),
         "evidence[uncategorized_text]=escalate_inquiry_evidence");
    pass(0);
    assert_string_equal(text_at(get("/v1/disputes", id), "status"), "needs_response");
    assert_int_equal(count_events(&stand, "charge.dispute.funds_withdrawn"), 1);
    v = post(400, "/v1/refunds", format(&stand, "charge=%s", charge));
    assert_string_equal(text_at(v, "error.code"), "charge_disputed");
    v = post(200, format(&stand, "/v1/disputes/%s/close", id), "");
    assert_string_equal(text_at(v, "status"), "lost");
}

static void unknown_evidence_is_refused(void **state)
{
    (void)state;
    const char *id = dispute_of(charge_with("tok_createDispute"));
    json_t *v = post(400, format(&stand, "/v1/disputes/%s", id), "evidence[excuse]=none");
    assert_string_equal(text_at(v, "error.message"),
                        "Received unknown parameter: evidence[excuse]");
    assert_string_equal(text_at(get("/v1/disputes", id), "status"), "needs_response");
}

/* --- refunds --- */

static void a_refund_that_fails_gives_the_money_back_to_the_charge(void **state)
{
    (void)state;
    const char *charge = charge_with("pm_card_refundFail");
    json_t *v = post(200, "/v1/refunds", format(&stand, "charge=%s&amount=500", charge));
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "succeeded");
    assert_int_equal(int_at(get("/v1/charges", charge), "amount_refunded"), 500);
    pass(0);
    v = get("/v1/refunds", id);
    assert_string_equal(text_at(v, "status"), "failed");
    assert_true(*text_at(v, "failure_balance_transaction"));
    assert_int_equal(int_at(get("/v1/charges", charge), "amount_refunded"), 0);
    assert_int_equal(count_events(&stand, "refund.failed"), 1);
    assert_int_equal(count_events(&stand, "charge.refund.updated"), 1);
}

static void a_refund_may_take_its_time(void **state)
{
    (void)state;
    const char *charge = charge_with("pm_card_pendingRefund");
    json_t *v = post(200, "/v1/refunds", format(&stand, "charge=%s&reason=duplicate", charge));
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "pending");
    assert_true(json_is_true(at(get("/v1/charges", charge), "refunded")));
    v = post(400, format(&stand, "/v1/refunds/%s/cancel", id), "");
    assert_non_null(strstr(text_at(v, "error.message"), "requires_action"));
    pass(0);
    assert_string_equal(text_at(get("/v1/refunds", id), "status"), "succeeded");
    v = last_event(&stand, "refund.updated");
    assert_string_equal(text_at(v, "data.previous_attributes.status"), "pending");
}

/* --- debits --- */

static const char *debit(const char *iban)
{
    json_t *v =
        post(200, "/v1/payment_intents",
             format(&stand,
                    "amount=900&currency=eur&confirm=true&payment_method_types[]=sepa_debit&"
                    "payment_method_data[type]=sepa_debit&"
                    "payment_method_data[sepa_debit][iban]=%s",
                    iban));

    assert_string_equal(text_at(v, "status"), "processing");
    return keep(&stand, text_at(v, "id"));
}

static void a_debit_is_paid_when_the_bank_has_said_so(void **state)
{
    (void)state;
    const char *id = debit("DE89370400440532013000");
    assert_int_equal(count_events(&stand, "payment_intent.processing"), 1);
    assert_int_equal(count_events(&stand, "charge.pending"), 1);
    assert_int_equal(count_events(&stand, "charge.succeeded"), 0);
    post(400, format(&stand, "/v1/payment_intents/%s/cancel", id), "");
    pass(0);
    json_t *v = get("/v1/payment_intents", id);
    assert_string_equal(text_at(v, "status"), "succeeded");
    assert_int_equal(int_at(v, "amount_received"), 900);
    v = ask_for(&stand, 200,
                format(&stand, "GET /v1/payment_intents/%s?expand[]=latest_charge", id), NULL);
    const char *mandate =
        keep(&stand, text_at(v, "latest_charge.payment_method_details.sepa_debit.mandate"));
    assert_string_equal(text_at(get("/v1/mandates", mandate), "status"), "active");
}

static void a_debit_that_comes_back_wants_another_method(void **state)
{
    (void)state;
    const char *id = debit("AT051904300235473205");
    pass(100);
    assert_string_equal(text_at(get("/v1/payment_intents", id), "status"), "processing");
    pass(100);
    json_t *v = get("/v1/payment_intents", id);
    assert_string_equal(text_at(v, "status"), "requires_payment_method");
    assert_true(*text_at(v, "last_payment_error.message"));
    assert_int_equal(count_events(&stand, "payment_intent.payment_failed"), 1);
    assert_int_equal(count_events(&stand, "charge.failed"), 1);
}

static void a_method_of_another_type_is_refused(void **state)
{
    (void)state;
    json_t *v = post(400, "/v1/payment_intents",
                     "amount=900&currency=eur&payment_method_data[type]=sepa_debit&"
                     "payment_method_data[sepa_debit][iban]=DE89370400440532013000");
    assert_string_equal(text_at(v, "error.message"),
                        "The PaymentMethod provided (sepa_debit) is not allowed for this "
                        "PaymentIntent. Please attach a PaymentMethod of one of the following "
                        "types: card.");
}

/* --- holds --- */

static const char *hold(const char *more)
{
    json_t *v = post(200, "/v1/payment_intents",
                     format(&stand,
                            "amount=1000&currency=usd&confirm=true&capture_method=manual&"
                            "payment_method=pm_card_visa%s",
                            more));

    assert_string_equal(text_at(v, "status"), "requires_capture");
    return keep(&stand, text_at(v, "id"));
}

static void what_is_held_is_released_after_a_week(void **state)
{
    (void)state;
    const char *id = hold("");
    pass(7 * DAY + 1);
    json_t *v = get("/v1/payment_intents", id);
    assert_string_equal(text_at(v, "status"), "canceled");
    assert_string_equal(text_at(v, "cancellation_reason"), "automatic");
    assert_int_equal(count_events(&stand, "charge.expired"), 1);
}

static void a_hold_grows_only_when_it_was_asked_for(void **state)
{
    (void)state;
    const char *id = hold("");
    const char *url = format(&stand, "/v1/payment_intents/%s/increment_authorization", id);
    post(400, url, "amount=1500");
    id = hold("&payment_method_options[card][request_incremental_authorization]=if_available");
    url = format(&stand, "/v1/payment_intents/%s/increment_authorization", id);
    post(400, url, "amount=900");
    json_t *v = post(200, url, "amount=1500");
    assert_int_equal(int_at(v, "amount_capturable"), 1500);
    v = post(200, format(&stand, "/v1/payment_intents/%s/capture", id), "amount_to_capture=1400");
    assert_int_equal(int_at(v, "amount_received"), 1400);
}

/* --- setups --- */

static void a_setup_keeps_the_method_for_later(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "email=a@example.com");
    json_t *v =
        post(200, "/v1/setup_intents",
             format(&stand, "customer=%s&payment_method=pm_card_visa&confirm=true", customer));
    assert_string_equal(text_at(v, "status"), "succeeded");
    const char *method = keep(&stand, text_at(v, "payment_method"));
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(get("/v1/payment_methods", method), "customer"), customer);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/setup_attempts?setup_intent=%s", id), NULL);
    assert_string_equal(text_at(v, "data.0.status"), "succeeded");
    v = post(400, format(&stand, "/v1/setup_intents/%s/cancel", id), "");
    assert_string_equal(text_at(v, "error.code"), "setup_intent_unexpected_state");
    ask_for(&stand, 400, "GET /v1/setup_attempts", NULL);
}

static void a_setup_may_fail_or_want_the_customer(void **state)
{
    (void)state;
    json_t *v =
        post(402, "/v1/setup_intents", "payment_method=pm_card_chargeDeclined&confirm=true");
    assert_string_equal(text_at(v, "error.code"), "card_declined");
    assert_string_equal(text_at(v, "error.setup_intent.status"), "requires_payment_method");
    assert_int_equal(count_events(&stand, "setup_intent.setup_failed"), 1);
    v = post(200, "/v1/setup_intents",
             "payment_method=pm_card_authenticationRequiredOnSetup&confirm=true&"
             "return_url=https://example.com/back");
    assert_string_equal(text_at(v, "status"), "requires_action");
    assert_string_equal(text_at(v, "next_action.redirect_to_url.return_url"),
                        "https://example.com/back");
    const char *id = keep(&stand, text_at(v, "id"));
    const char *method = keep(&stand, text_at(v, "payment_method"));
    v = post(200, format(&stand, "/v1/setup_intents/%s/confirm", id), "");
    assert_string_equal(text_at(v, "status"), "succeeded");
    /* Once it is set up, it pays without the customer. */
    v = post(200, "/v1/payment_intents",
             format(&stand,
                    "amount=100&currency=usd&confirm=true&off_session=true&payment_method=%s",
                    method));
    assert_string_equal(text_at(v, "status"), "succeeded");
}

/* --- cash --- */

static void a_bank_transfer_pays_in_parts(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "email=a@example.com");
    json_t *v = post(200, "/v1/payment_intents",
                     format(&stand,
                            "amount=2000&currency=usd&confirm=true&customer=%s&"
                            "payment_method_types[]=customer_balance&"
                            "payment_method_data[type]=customer_balance",
                            customer));
    const char *id = keep(&stand, text_at(v, "id"));
    assert_int_equal(int_at(v, "next_action.display_bank_transfer_instructions.amount_remaining"),
                     2000);
    const char *fund = format(&stand, "/v1/test_helpers/customers/%s/fund_cash_balance", customer);
    post(200, fund, "amount=500&currency=usd");
    v = last_event(&stand, "payment_intent.partially_funded");
    assert_int_equal(
        int_at(v, "data.object.next_action.display_bank_transfer_instructions.amount_remaining"),
        1500);
    assert_int_equal(count_events(&stand, "cash_balance.funds_available"), 1);
    post(200, fund, "amount=1600&currency=usd");
    assert_string_equal(text_at(get("/v1/payment_intents", id), "status"), "succeeded");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s/cash_balance", customer), NULL);
    assert_int_equal(int_at(v, "available.usd"), 100);
    v = ask_for(&stand, 200,
                format(&stand, "GET /v1/customers/%s/cash_balance_transactions", customer), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 4);
    assert_string_equal(text_at(v, "data.0.type"), "applied_to_payment");
}

static void cash_waits_when_the_customer_wants_it_by_hand(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "email=a@example.com");
    post(200, format(&stand, "/v1/customers/%s/cash_balance", customer),
         "settings[reconciliation_mode]=manual");
    json_t *v = post(200, "/v1/payment_intents",
                     format(&stand,
                            "amount=700&currency=usd&confirm=true&customer=%s&"
                            "payment_method_types[]=customer_balance&"
                            "payment_method_data[type]=customer_balance",
                            customer));
    const char *id = keep(&stand, text_at(v, "id"));
    post(200, format(&stand, "/v1/test_helpers/customers/%s/fund_cash_balance", customer),
         "amount=700&currency=usd");
    assert_string_equal(text_at(get("/v1/payment_intents", id), "status"), "requires_action");
    v = post(200, format(&stand, "/v1/payment_intents/%s/apply_customer_balance", id), "");
    assert_string_equal(text_at(v, "status"), "succeeded");
}

/* --- payouts and top-ups --- */

static void a_payout_takes_only_what_is_available(void **state)
{
    (void)state;
    charge_with("pm_card_visa");
    json_t *v = post(400, "/v1/payouts", "amount=1000&currency=usd");
    assert_string_equal(text_at(v, "error.code"), "balance_insufficient");
    charge_with("pm_card_bypassPending");
    v = post(200, "/v1/payouts", "amount=1000&currency=usd&description=d");
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "pending");
    pass(DAY + 1);
    assert_string_equal(text_at(get("/v1/payouts", id), "status"), "in_transit");
    post(400, format(&stand, "/v1/payouts/%s/cancel", id), "");
    pass(DAY);
    assert_string_equal(text_at(get("/v1/payouts", id), "status"), "paid");
    assert_int_equal(count_events(&stand, "payout.paid"), 1);
    v = post(200, format(&stand, "/v1/payouts/%s/reverse", id), "");
    assert_int_equal(int_at(v, "amount"), -1000);
    assert_string_equal(text_at(v, "original_payout"), id);
}

static void a_cancelled_payout_brings_the_money_back(void **state)
{
    (void)state;
    charge_with("pm_card_bypassPending");
    json_int_t before = money("available");
    json_t *v = post(200, "/v1/payouts", "amount=300&currency=usd");
    const char *id = keep(&stand, text_at(v, "id"));
    assert_int_equal(money("available"), before - 300);
    v = post(200, format(&stand, "/v1/payouts/%s/cancel", id), "");
    assert_string_equal(text_at(v, "status"), "canceled");
    assert_int_equal(money("available"), before);
    assert_int_equal(count_events(&stand, "payout.canceled"), 1);
}

static void a_top_up_arrives_after_a_day(void **state)
{
    (void)state;
    json_t *v = post(200, "/v1/topups", "amount=2500&currency=usd");
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "pending");
    assert_int_equal(money("available"), 0);
    pass(DAY + 1);
    assert_string_equal(text_at(get("/v1/topups", id), "status"), "succeeded");
    assert_int_equal(money("available"), 2500);
    post(400, format(&stand, "/v1/topups/%s/cancel", id), "");
}

/* --- sources --- */

static void the_first_card_of_a_customer_is_its_default(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "email=a@example.com");
    const char *url = format(&stand, "/v1/customers/%s/sources", customer);
    const char *card = make(&stand, url, "source=tok_mastercard");
    json_t *v = get("/v1/customers", customer);
    assert_string_equal(text_at(v, "default_source"), card);
    v = last_event(&stand, "customer.source.created");
    assert_string_equal(text_at(v, "data.object.brand"), "MasterCard");
    v = post(200, "/v1/payment_intents",
             format(&stand, "amount=100&currency=usd&confirm=true&customer=%s&payment_method=%s",
                    customer, card));
    assert_string_equal(text_at(v, "status"), "succeeded");
    v = ask_for(&stand, 200, format(&stand, "DELETE %s/%s", url, card), NULL);
    assert_true(json_is_true(at(v, "deleted")));
    assert_true(json_is_null(at(get("/v1/customers", customer), "default_source")));
}

static void a_token_is_used_once(void **state)
{
    (void)state;
    const char *token =
        make(&stand, "/v1/tokens", "card[number]=4000000000000002&card[exp_month]=1");
    const char *form = format(&stand, "amount=100&currency=usd&source=%s", token);
    post(402, "/v1/charges", form);
    json_t *v = post(400, "/v1/charges", form);
    assert_string_equal(text_at(v, "error.code"), "token_already_used");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_disputed_payment_is_won_with_evidence),
        T(a_dispute_that_nobody_answers_is_lost),
        T(an_inquiry_takes_no_money_before_it_escalates),
        T(unknown_evidence_is_refused),
        T(a_refund_that_fails_gives_the_money_back_to_the_charge),
        T(a_refund_may_take_its_time),
        T(a_debit_is_paid_when_the_bank_has_said_so),
        T(a_debit_that_comes_back_wants_another_method),
        T(a_method_of_another_type_is_refused),
        T(what_is_held_is_released_after_a_week),
        T(a_hold_grows_only_when_it_was_asked_for),
        T(a_setup_keeps_the_method_for_later),
        T(a_setup_may_fail_or_want_the_customer),
        T(a_bank_transfer_pays_in_parts),
        T(cash_waits_when_the_customer_wants_it_by_hand),
        T(a_payout_takes_only_what_is_available),
        T(a_cancelled_payout_brings_the_money_back),
        T(a_top_up_arrives_after_a_day),
        T(the_first_card_of_a_customer_is_its_default),
        T(a_token_is_used_once),
    };
    return cmocka_run_group_tests_name("payments", tests, NULL, NULL);
}
