/* Schedules, quotes, credit notes, the portal: what is agreed upon and taken back. */
#include "shop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *thirty(int amount)
{
    return price_of(amount, "day&recurring[interval_count]=30");
}

/* --- schedules --- */

static void a_schedule_goes_from_phase_to_phase_and_lets_go(void **state)
{
    (void)state;
    const char *cheap = thirty(1000), *dear = thirty(3000);
    json_t *v = ask_for(&stand, 200, "POST /v1/subscription_schedules",
                        format(&stand,
                               "customer=%s&start_date=now&phases[0][items][0][price]=%s&"
                               "phases[0][iterations]=1&phases[1][items][0][price]=%s&"
                               "phases[1][items][0][quantity]=2&phases[1][iterations]=1",
                               payer(""), cheap, dear));
    const char *id = keep(&stand, text_at(v, "id")),
               *sub = keep(&stand, text_at(v, "subscription"));
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(int_at(v, "current_phase.end_date"), 1800000000 + 30 * DAY);
    assert_int_equal(int_at(v, "phases.1.end_date"), 1800000000 + 60 * DAY);
    v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "status"), "active");
    assert_string_equal(text_at(v, "schedule"), id);
    pass(3601);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 1000);
    pass(30 * DAY + 3600);
    v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "items.data.0.price.id"), dear);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 6000);
    v = get("/v1/subscription_schedules", id);
    assert_int_equal(int_at(v, "current_phase.start_date"), 1800000000 + 30 * DAY);
    pass(30 * DAY);
    v = get("/v1/subscription_schedules", id);
    assert_string_equal(text_at(v, "status"), "released");
    assert_string_equal(text_at(v, "released_subscription"), sub);
    v = get("/v1/subscriptions", sub);
    assert_true(json_is_null(at(v, "schedule")));
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(count_events(&stand, "subscription_schedule.expiring"), 1);
    assert_int_equal(count_events(&stand, "subscription_schedule.completed"), 1);
    assert_int_equal(count_events(&stand, "subscription_schedule.released"), 1);
}

static void a_schedule_can_end_its_subscription(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "POST /v1/subscription_schedules",
                        format(&stand,
                               "customer=%s&start_date=now&end_behavior=cancel&"
                               "phases[0][items][0][price]=%s&phases[0][duration][interval]=day&"
                               "phases[0][duration][interval_count]=20",
                               payer(""), thirty(1000)));
    const char *id = keep(&stand, text_at(v, "id")),
               *sub = keep(&stand, text_at(v, "subscription"));
    pass(21 * DAY);
    assert_string_equal(text_at(get("/v1/subscription_schedules", id), "status"), "completed");
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "canceled");
}

static void a_schedule_waits_for_its_start(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "POST /v1/subscription_schedules",
                        format(&stand,
                               "customer=%s&start_date=%d&phases[0][items][0][price]=%s&"
                               "phases[0][iterations]=2",
                               payer(""), 1800000000 + 5 * DAY, thirty(1000)));
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "not_started");
    assert_true(json_is_null(at(v, "subscription")));
    v = ask_for(&stand, 200, "GET /v1/subscription_schedules?scheduled=true", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    pass(5 * DAY);
    v = get("/v1/subscription_schedules", id);
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(strncmp(text_at(v, "subscription"), "sub_", 4), 0);
}

static void a_schedule_takes_a_subscription_over_and_changes_its_price_later(void **state)
{
    (void)state;
    const char *cheap = thirty(1000), *dear = thirty(3000);
    const char *sub = subscribe(payer(""), cheap, "");
    const char *id =
        make(&stand, "/v1/subscription_schedules", format(&stand, "from_subscription=%s", sub));
    json_t *v = ask_for(&stand, 400, "POST /v1/subscription_schedules",
                        format(&stand, "from_subscription=%s", sub));
    assert_string_equal(text_at(v, "error.param"), "from_subscription");
    v = ask_for(&stand, 200, format(&stand, "POST /v1/subscription_schedules/%s", id),
                format(&stand,
                       "phases[0][items][0][price]=%s&phases[0][start_date]=1800000000&"
                       "phases[0][end_date]=%d&phases[1][items][0][price]=%s&"
                       "phases[1][iterations]=1",
                       cheap, 1800000000 + 30 * DAY, dear));
    assert_int_equal(json_array_size(at(v, "phases")), 2);
    assert_int_equal(count_events(&stand, "subscription_schedule.updated"), 1);
    pass(30 * DAY + 3601);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "items.data.0.price.id"), dear);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 3000);
    ask_for(&stand, 200, format(&stand, "POST /v1/subscription_schedules/%s/release", id), NULL);
    v = ask_for(&stand, 400, format(&stand, "POST /v1/subscription_schedules/%s/cancel", id), NULL);
    assert_non_null(strstr(text_at(v, "error.message"), "`released`"));
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "active");
}

static void a_cancelled_schedule_cancels_its_subscription_and_the_other_way_round(void **state)
{
    (void)state;
    const char *sub = subscribe(payer(""), thirty(1000), "");
    const char *id =
        make(&stand, "/v1/subscription_schedules", format(&stand, "from_subscription=%s", sub));
    ask_for(&stand, 200, format(&stand, "POST /v1/subscription_schedules/%s/cancel", id), NULL);
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "canceled");
    sub = subscribe(payer(""), thirty(1000), "");
    id = make(&stand, "/v1/subscription_schedules", format(&stand, "from_subscription=%s", sub));
    ask_for(&stand, 200, format(&stand, "DELETE /v1/subscriptions/%s", sub), NULL);
    assert_string_equal(text_at(get("/v1/subscription_schedules", id), "status"), "canceled");
    assert_int_equal(count_events(&stand, "subscription_schedule.canceled"), 2);
}

/* --- quotes --- */

static void an_accepted_quote_is_a_subscription(void **state)
{
    (void)state;
    make(&stand, "/v1/coupons", "id=TEN&percent_off=10&duration=forever");
    const char *rate =
        make(&stand, "/v1/tax_rates", "display_name=VAT&percentage=20&inclusive=false");
    const char *once = price_of(500, "");
    json_t *v = ask_for(&stand, 200, "POST /v1/quotes",
                        format(&stand,
                               "customer=%s&line_items[0][price]=%s&line_items[0][quantity]=10&"
                               "line_items[1][price]=%s&discounts[0][coupon]=TEN&"
                               "default_tax_rates[0]=%s",
                               payer(""), thirty(1500), once, rate));
    const char *id = keep(&stand, text_at(v, "id"));
    assert_string_equal(text_at(v, "status"), "draft");
    assert_int_equal(int_at(v, "amount_subtotal"), 15500);
    assert_int_equal(int_at(v, "total_details.amount_discount"), 1550);
    assert_int_equal(int_at(v, "amount_total"), 13950 + 2790);
    assert_int_equal(int_at(v, "computed.recurring.amount_subtotal"), 15000);
    assert_string_equal(text_at(v, "computed.recurring.interval"), "day");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/quotes/%s/line_items", id), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    assert_int_equal(int_at(v, "data.0.amount_total"), 13500 + 2700);
    ask_for(&stand, 400, format(&stand, "POST /v1/quotes/%s/accept", id), NULL);
    v = ask_for(&stand, 200, format(&stand, "POST /v1/quotes/%s/finalize", id), NULL);
    assert_string_equal(text_at(v, "status"), "open");
    assert_int_equal(strncmp(text_at(v, "number"), "QT-", 3), 0);
    ask_for(&stand, 400, format(&stand, "POST /v1/quotes/%s", id), "description=x");
    v = ask_for(&stand, 200, format(&stand, "POST /v1/quotes/%s/accept", id), NULL);
    assert_string_equal(text_at(v, "status"), "accepted");
    const char *sub = keep(&stand, text_at(v, "subscription"));
    pass(3601);
    v = latest_invoice(sub);
    assert_int_equal(int_at(v, "amount_paid"), 13950 + 2790);
    assert_int_equal(count_events(&stand, "quote.created"), 1);
    assert_int_equal(count_events(&stand, "quote.finalized"), 1);
    assert_int_equal(count_events(&stand, "quote.accepted"), 1);
}

static void an_accepted_quote_of_one_time_prices_is_an_invoice(void **state)
{
    (void)state;
    const char *id =
        make(&stand, "/v1/quotes",
             format(&stand, "customer=%s&line_items[0][price]=%s", payer(""), price_of(500, "")));
    ask_for(&stand, 200, format(&stand, "POST /v1/quotes/%s/finalize", id), NULL);
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/quotes/%s/accept", id), NULL);
    assert_true(json_is_null(at(v, "subscription")));
    v = get("/v1/invoices", keep(&stand, text_at(v, "invoice")));
    assert_int_equal(int_at(v, "total"), 500);
    assert_string_equal(text_at(v, "parent.quote_details.quote"), id);
}

static void a_quote_that_nobody_accepts_is_cancelled(void **state)
{
    (void)state;
    const char *id = make(&stand, "/v1/quotes", "");
    ask_for(&stand, 400, format(&stand, "POST /v1/quotes/%s/finalize", id), NULL);
    pass(31 * DAY);
    assert_string_equal(text_at(get("/v1/quotes", id), "status"), "canceled");
    ask_for(&stand, 400, format(&stand, "POST /v1/quotes/%s/cancel", id), NULL);
}

/* --- credit notes --- */

static const char *invoice_of(const char *customer, int amount, bool paid)
{
    make(&stand, "/v1/invoiceitems",
         format(&stand, "customer=%s&amount=%d&currency=usd", customer, amount));
    const char *id =
        make(&stand, "/v1/invoices",
             format(&stand, "customer=%s&pending_invoice_items_behavior=include", customer));
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/%s", id, paid ? "pay" : "finalize"),
            NULL);
    return id;
}

static void a_credit_note_makes_an_open_invoice_owe_less(void **state)
{
    (void)state;
    const char *customer = payer(""), *invoice = invoice_of(customer, 2000, false);
    const char *form = format(&stand,
                              "invoice=%s&lines[0][type]=custom_line_item&"
                              "lines[0][unit_amount]=500&lines[0][quantity]=1&"
                              "lines[0][description]=d",
                              invoice);
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/credit_notes/preview?%s", form), NULL);
    assert_int_equal(int_at(v, "total"), 500);
    assert_int_equal(int_at(get("/v1/invoices", invoice), "amount_remaining"), 2000);
    const char *note = make(&stand, "/v1/credit_notes", form);
    v = get("/v1/invoices", invoice);
    assert_int_equal(int_at(v, "amount_remaining"), 1500);
    assert_int_equal(int_at(v, "pre_payment_credit_notes_amount"), 500);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/credit_notes/%s/lines", note), NULL);
    assert_int_equal(int_at(v, "data.0.amount"), 500);
    ask_for(&stand, 400, "POST /v1/credit_notes",
            format(&stand, "invoice=%s&amount=1501", invoice));
    v = ask_for(&stand, 200, format(&stand, "POST /v1/credit_notes/%s/void", note), NULL);
    assert_string_equal(text_at(v, "status"), "void");
    assert_int_equal(int_at(get("/v1/invoices", invoice), "amount_remaining"), 2000);
    make(&stand, "/v1/credit_notes", format(&stand, "invoice=%s&amount=2000", invoice));
    assert_string_equal(text_at(get("/v1/invoices", invoice), "status"), "paid");
    assert_int_equal(count_events(&stand, "credit_note.created"), 2);
    assert_int_equal(count_events(&stand, "credit_note.voided"), 1);
}

static void of_a_paid_invoice_money_goes_back(void **state)
{
    (void)state;
    const char *customer = payer(""), *invoice = invoice_of(customer, 2000, true);
    json_t *v = ask_for(&stand, 400, "POST /v1/credit_notes",
                        format(&stand, "invoice=%s&amount=600&credit_amount=100", invoice));
    assert_non_null(strstr(text_at(v, "error.message"), "(100) must equal"));
    v = ask_for(&stand, 200, "POST /v1/credit_notes",
                format(&stand,
                       "invoice=%s&amount=600&credit_amount=100&refund_amount=400&"
                       "out_of_band_amount=100&reason=duplicate",
                       invoice));
    assert_string_equal(text_at(v, "type"), "post_payment");
    const char *refund = keep(&stand, text_at(v, "refunds.0.refund"));
    const char *moved = keep(&stand, text_at(v, "customer_balance_transaction"));
    assert_int_equal(int_at(get("/v1/refunds", refund), "amount"), 400);
    assert_int_equal(int_at(get("/v1/customers", customer), "balance"), -100);
    v = ask_for(&stand, 200,
                format(&stand, "GET /v1/customers/%s/balance_transactions/%s", customer, moved),
                NULL);
    assert_string_equal(text_at(v, "type"), "credit_note");
    assert_int_equal(int_at(v, "ending_balance"), -100);
    assert_int_equal(int_at(get("/v1/invoices", invoice), "post_payment_credit_notes_amount"), 600);
    ask_for(&stand, 400, "POST /v1/credit_notes",
            format(&stand, "invoice=%s&amount=1500&credit_amount=1500", invoice));
    invoice = invoice_of(customer, 500, false);
    assert_int_equal(int_at(get("/v1/invoices", invoice), "amount_due"), 400);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s/balance_transactions", customer),
                NULL);
    assert_string_equal(text_at(v, "data.0.type"), "applied_to_invoice");
    assert_string_equal(text_at(v, "data.0.invoice"), invoice);
}

/* --- the portal, restarts --- */

static void the_portal_has_a_default_configuration_and_sessions(void **state)
{
    (void)state;
    const char *customer = payer("");
    json_t *v = ask_for(&stand, 200, "POST /v1/billing_portal/sessions",
                        format(&stand, "customer=%s&return_url=https://x.example", customer));
    assert_int_equal(strncmp(text_at(v, "url"), "https://billing.stripe.com/p/session/test_", 42),
                     0);
    const char *standard = keep(&stand, text_at(v, "configuration"));
    v = get("/v1/billing_portal/configurations", standard);
    assert_true(json_is_true(at(v, "is_default")));
    v = ask_for(&stand, 200, "POST /v1/billing_portal/configurations",
                "features[invoice_history][enabled]=true&business_profile[headline]=H");
    assert_true(json_is_false(at(v, "is_default")));
    assert_true(json_is_true(at(v, "features.invoice_history.enabled")));
    assert_true(json_is_false(at(v, "features.customer_update.enabled")));
    assert_int_equal(count_events(&stand, "billing_portal.session.created"), 1);
    ask_for(&stand, 400, format(&stand, "POST /v1/billing_portal/configurations/%s", standard),
            "active=false");
}

/* The bytes of everything of these types. */
static const char *state_of(struct stand *s)
{
    static const char *const types[] = { "subscription", "subscription_schedule",
                                         "invoice",      "invoiceitem",
                                         "quote",        "credit_note",
                                         "discount",     "coupon",
                                         "plan",         "customer_balance_transaction",
                                         "event",        "customer" };
    const char *all = "";

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ask_for(s, 200, format(s, "GET /_emulator/state/%s", types[i]), NULL);
        str more = s->answer.body;
        char *both = arena_alloc(&s->arena, strlen(all) + more.n + 1);
        memcpy(both, all, strlen(all));
        memcpy(both + strlen(all), more.p, more.n);
        both[strlen(all) + more.n] = 0;
        all = both;
    }
    return all;
}

static void all_of_it_is_the_same_after_a_restart(void **state)
{
    char dir[] = "/tmp/contracts-XXXXXX";
    struct stand again;
    struct error e = { 0 };

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(emulator_journal(stand.emulator, str_of(dir), &e), ST_OK);
    a_schedule_goes_from_phase_to_phase_and_lets_go(NULL);
    assert_int_equal(emulator_assume(stand.emulator, S("P-2=yes"), &e), ST_OK);
    make(&stand, "/v1/prices", "currency=usd&unit_amount=1&product_data[name]=P");
    an_accepted_quote_is_a_subscription(NULL);
    a_credit_note_makes_an_open_invoice_owe_less(NULL);
    stand_open(&again, 999);
    again.clock.now = stand.clock.now;
    assert_int_equal(emulator_journal(again.emulator, str_of(dir), &e), ST_OK);
    assert_string_equal(state_of(&stand), state_of(&again));
    assert_string_equal(make(&stand, "/v1/coupons", "percent_off=1"),
                        make(&again, "/v1/coupons", "percent_off=1"));
    json_t *v = ask_for(&again, 200, "GET /_emulator/points", NULL);
    assert_string_equal(text_at(v, "P-2"), "yes");
    stand_close(&again);
    unlink(format(&stand, "%s/journal.jsonl", dir));
    rmdir(dir);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_schedule_goes_from_phase_to_phase_and_lets_go),
        CASE(a_schedule_can_end_its_subscription),
        CASE(a_schedule_waits_for_its_start),
        CASE(a_schedule_takes_a_subscription_over_and_changes_its_price_later),
        CASE(a_cancelled_schedule_cancels_its_subscription_and_the_other_way_round),
        CASE(an_accepted_quote_is_a_subscription),
        CASE(an_accepted_quote_of_one_time_prices_is_an_invoice),
        CASE(a_quote_that_nobody_accepts_is_cancelled),
        CASE(a_credit_note_makes_an_open_invoice_owe_less),
        CASE(of_a_paid_invoice_money_goes_back),
        CASE(all_of_it_is_the_same_after_a_restart),
        CASE(the_portal_has_a_default_configuration_and_sessions),
    };
    return cmocka_run_group_tests_name("contracts", tests, NULL, NULL);
}
