/* Test clocks, and what time brings about in its order. */
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEW_YEAR = 1767225600 /* 2026-01-01 */ };

static size_t listed(const char *target)
{
    return json_array_size(
        at(ask_for(&stand, 200, format(&stand, "GET %s", target), NULL), "data"));
}

static const char *clock_at(long long time)
{
    return make(&stand, "/v1/test_helpers/test_clocks",
                format(&stand, "frozen_time=%lld&name=c", time));
}

static void clock_to(const char *clock, long long time)
{
    json_t *v =
        ask_for(&stand, 200, format(&stand, "POST /v1/test_helpers/test_clocks/%s/advance", clock),
                format(&stand, "frozen_time=%lld", time));
    assert_string_equal(text_at(v, "status"), "advancing");
    assert_int_equal(int_at(v, "status_details.advancing.target_frozen_time"), time);
    emulator_advance(stand.emulator);
    v = get("/v1/test_helpers/test_clocks", clock);
    assert_string_equal(text_at(v, "status"), "ready");
    assert_int_equal(int_at(v, "frozen_time"), time);
}

static const char *customer_on(const char *clock)
{
    return make(&stand, "/v1/customers",
                format(&stand,
                       "test_clock=%s&payment_method=pm_card_visa&"
                       "invoice_settings[default_payment_method]=pm_card_visa",
                       clock));
}

static void what_is_made_for_a_customer_lives_by_its_clock(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *customer = customer_on(clock);
    json_t *v = get("/v1/customers", customer);
    assert_string_equal(text_at(v, "test_clock"), clock);
    assert_int_equal(int_at(v, "created"), NEW_YEAR);
    const char *sub = subscribe(customer, price_of(1000, "month"), "");
    v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "test_clock"), clock);
    assert_int_equal(int_at(v, "created"), NEW_YEAR);
    assert_int_equal(int_at(v, "items.data.0.current_period_end"), NEW_YEAR + 31 * DAY);
    v = get("/v1/invoices", keep(&stand, text_at(v, "latest_invoice")));
    assert_string_equal(text_at(v, "test_clock"), clock);
    assert_int_equal(int_at(v, "status_transitions.paid_at"), NEW_YEAR);
    /* What is nobody's in particular, and the events, are of the emulator's own time. */
    assert_int_equal(int_at(last_event(&stand, "invoice.paid"), "created"), 1800000000);
    v = get("/v1/products", make(&stand, "/v1/products", "name=other"));
    assert_int_equal(int_at(v, "created"), 1800000000);
}

static void a_year_of_renewals_comes_in_its_order(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *sub = subscribe(customer_on(clock), price_of(1000, "month"), "");
    for (int month = 0; month < 6; month++)
        clock_to(clock, NEW_YEAR + (month + 1) * 59LL * DAY);
    clock_to(clock, NEW_YEAR + 366LL * DAY);
    json_t *v = get("/v1/subscriptions", sub);
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), NEW_YEAR + 365 * DAY);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/invoices?subscription=%s&limit=100", sub),
                NULL);
    assert_int_equal(json_array_size(at(v, "data")), 13);
    for (size_t i = 0; i < 13; i++) {
        const json_t *inv = json_array_get(at(v, "data"), i);
        assert_string_equal(text_at(inv, "status"), "paid");
        if (i + 1 < 13)
            assert_true(int_at(inv, "created") >
                        int_at(json_array_get(at(v, "data"), i + 1), "created"));
    }
    assert_int_equal(count_events(&stand, "test_helpers.test_clock.ready"), 7);
    assert_int_equal(count_events(&stand, "test_helpers.test_clock.advancing"), 7);
}

/* Twenty customers, a year, at the emulator's own clock. */
static void a_year_passes_at_the_admins_word(void **state)
{
    (void)state;
    enum { CUSTOMERS = 20 };
    const char *sub = NULL;
    for (int i = 0; i < CUSTOMERS; i++)
        sub = subscribe(make(&stand, "/v1/customers",
                             "payment_method=pm_card_visa&"
                             "invoice_settings[default_payment_method]=pm_card_visa"),
                        price_of(1000, "month"), "");
    ask_for(&stand, 200, "POST /_emulator/clock",
            format(&stand, "{\"advance_seconds\":%d}", 366 * DAY));
    json_t *v = ask_for(&stand, 200, "GET /_emulator/state/invoice", NULL);
    assert_int_equal(json_array_size(at(v, "data")), CUSTOMERS * 13);
    json_int_t before = 0;
    for (size_t i = 0; i < CUSTOMERS * 13; i++) {
        const json_t *inv = json_array_get(at(v, "data"), i);
        assert_string_equal(text_at(inv, "status"), "paid");
        assert_true(int_at(inv, "created") >= before);
        before = int_at(inv, "created");
    }
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "active");
}

static void two_clocks_do_not_meet(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR), *other = clock_at(NEW_YEAR);
    const char *sub = subscribe(customer_on(clock), price_of(1000, "month"), ""),
               *left = subscribe(customer_on(other), price_of(1000, "month"), "");
    clock_to(clock, NEW_YEAR + 40 * DAY);
    stand.clock.now += 40LL * DAY * 1000 / 2;
    emulator_advance(stand.emulator);
    json_t *v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), NEW_YEAR + 31 * DAY);
    v = get("/v1/subscriptions", left);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), NEW_YEAR);
}

static void lists_hide_what_lives_by_a_clock(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *customer = customer_on(clock);
    const char *plain = make(&stand, "/v1/customers", "name=plain");
    subscribe(customer, price_of(1000, "month"), "");
    assert_int_equal(listed("/v1/customers"), 1);
    json_t *v =
        ask_for(&stand, 200, format(&stand, "GET /v1/customers?test_clock=%s", clock), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.id"), customer);
    assert_int_equal(listed("/v1/subscriptions"), 0);
    assert_int_equal(listed(format(&stand, "/v1/subscriptions?test_clock=%s", clock)), 1);
    assert_int_equal(listed(format(&stand, "/v1/subscriptions?customer=%s", customer)), 1);
    assert_int_equal(listed(format(&stand, "/v1/subscriptions?customer=%s", plain)), 0);
    assert_int_equal(listed(format(&stand, "/v1/customers/%s/subscriptions", customer)), 1);
    assert_int_equal(listed("/v1/invoices"), 1);
    v = ask_for(&stand, 400, "GET /v1/customers?test_clock=clock_nope", NULL);
    assert_string_equal(text_at(v, "error.param"), "test_clock");
}

static void a_clock_goes_forward_and_not_too_far(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *advance = format(&stand, "POST /v1/test_helpers/test_clocks/%s/advance", clock);
    ask_for(&stand, 400, advance, format(&stand, "frozen_time=%d", NEW_YEAR));
    ask_for(&stand, 400, advance, format(&stand, "frozen_time=%d", NEW_YEAR + 731 * DAY));
    clock_to(clock, NEW_YEAR + 730 * DAY);
    subscribe(customer_on(clock), price_of(1000, "month"), "");
    ask_for(&stand, 400, advance, format(&stand, "frozen_time=%d", NEW_YEAR + (730 + 61) * DAY));
    clock_to(clock, NEW_YEAR + (730 + 60) * DAY);
    ask_for(&stand, 400, advance, "");
    stand.key = "sk_live_stand";
    ask_for(&stand, 400, "POST /v1/test_helpers/test_clocks", "frozen_time=1");
}

static void nothing_changes_while_it_advances(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *customer = customer_on(clock);
    ask_for(&stand, 200, format(&stand, "POST /v1/test_helpers/test_clocks/%s/advance", clock),
            format(&stand, "frozen_time=%d", NEW_YEAR + DAY));
    ask_for(&stand, 429, format(&stand, "POST /v1/customers/%s", customer), "name=x");
    ask_for(&stand, 429, "POST /v1/invoiceitems",
            format(&stand, "customer=%s&amount=5&currency=usd", customer));
    ask_for(&stand, 429, format(&stand, "POST /v1/test_helpers/test_clocks/%s/advance", clock),
            format(&stand, "frozen_time=%d", NEW_YEAR + 2 * DAY));
    get("/v1/customers", customer);
    emulator_advance(stand.emulator);
    ask_for(&stand, 200, format(&stand, "POST /v1/customers/%s", customer), "name=x");
}

static void a_deleted_clock_takes_its_customers_along(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *customer = customer_on(clock);
    const char *sub = subscribe(customer, price_of(1000, "month"), "");
    ask_for(&stand, 200, format(&stand, "DELETE /v1/test_helpers/test_clocks/%s", clock), NULL);
    assert_true(json_is_true(at(get("/v1/customers", customer), "deleted")));
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "status"), "canceled");
    ask_for(&stand, 404, format(&stand, "GET /v1/test_helpers/test_clocks/%s", clock), NULL);
    assert_int_equal(count_events(&stand, "test_helpers.test_clock.deleted"), 1);
    assert_int_equal(count_events(&stand, "customer.deleted"), 1);
}

static void a_forgotten_clock_goes_after_30_days(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    stand.clock.now += 29LL * DAY * 1000;
    emulator_advance(stand.emulator);
    get("/v1/test_helpers/test_clocks", clock);
    stand.clock.now += 1LL * DAY * 1000;
    emulator_advance(stand.emulator);
    ask_for(&stand, 404, format(&stand, "GET /v1/test_helpers/test_clocks/%s", clock), NULL);
}

static void trials_end_and_first_payments_expire_by_the_clock(void **state)
{
    (void)state;
    const char *clock = clock_at(NEW_YEAR);
    const char *customer = customer_on(clock);
    const char *trial = subscribe(customer, price_of(1000, "month"), "&trial_period_days=14");
    const char *waits =
        subscribe(customer, price_of(1000, "month"), "&payment_behavior=default_incomplete");
    clock_to(clock, NEW_YEAR + 22 * HOUR);
    assert_string_equal(text_at(get("/v1/subscriptions", waits), "status"), "incomplete");
    clock_to(clock, NEW_YEAR + 23 * HOUR);
    json_t *v = get("/v1/subscriptions", waits);
    assert_string_equal(text_at(v, "status"), "incomplete_expired");
    assert_int_equal(int_at(v, "ended_at"), NEW_YEAR + 23 * HOUR);
    assert_string_equal(text_at(get("/v1/subscriptions", trial), "status"), "trialing");
    clock_to(clock, NEW_YEAR + 11 * DAY);
    assert_int_equal(count_events(&stand, "customer.subscription.trial_will_end"), 1);
    clock_to(clock, NEW_YEAR + 14 * DAY);
    v = get("/v1/subscriptions", trial);
    assert_string_equal(text_at(v, "status"), "active");
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), NEW_YEAR + 14 * DAY);
}

static void clocks_come_back_after_a_restart(void **state)
{
    char dir[] = "/tmp/emulator-XXXXXX", journal[64];
    struct stand again;
    struct error e = { 0 };

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(journal, sizeof journal, "%s/journal.jsonl", dir);
    assert_int_equal(emulator_journal(stand.emulator, str_of(dir), &e), ST_OK);
    char clock[64], sub[64];
    snprintf(clock, sizeof clock, "%s", clock_at(NEW_YEAR));
    snprintf(sub, sizeof sub, "%s", subscribe(customer_on(clock), price_of(1000, "month"), ""));
    clock_to(clock, NEW_YEAR + 32 * DAY);
    stand_open(&again, SEED);
    again.clock.now = stand.clock.now;
    assert_int_equal(emulator_journal(again.emulator, str_of(dir), &e), ST_OK);
    static const char *const type[] = { "subscription", "invoice", "event",
                                        "test_helpers.test_clock" };
    for (size_t i = 0; i < COUNT(type); i++) {
        const char *target = format(&stand, "GET /_emulator/state/%s", type[i]);
        ask_for(&stand, 200, target, NULL);
        const char *first = keep(&stand, stand.answer.body.p);
        ask_for(&again, 200, target, NULL);
        assert_memory_equal(again.answer.body.p, first, again.answer.body.n);
    }
    stand_close(&stand);
    stand = again; /* what is due goes on being due */
    clock_to(clock, NEW_YEAR + 60 * DAY);
    json_t *v = get("/v1/subscriptions", sub);
    assert_int_equal(int_at(v, "items.data.0.current_period_start"), NEW_YEAR + 59 * DAY);
    unlink(journal);
    rmdir(dir);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_made_for_a_customer_lives_by_its_clock),
        CASE(a_year_of_renewals_comes_in_its_order),
        CASE(a_year_passes_at_the_admins_word),
        CASE(two_clocks_do_not_meet),
        CASE(lists_hide_what_lives_by_a_clock),
        CASE(a_clock_goes_forward_and_not_too_far),
        CASE(nothing_changes_while_it_advances),
        CASE(a_deleted_clock_takes_its_customers_along),
        CASE(a_forgotten_clock_goes_after_30_days),
        CASE(trials_end_and_first_payments_expire_by_the_clock),
        CASE(clocks_come_back_after_a_restart),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
