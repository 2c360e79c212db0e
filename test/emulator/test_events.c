/* Events, their signed deliveries, and the journal that makes all of it last. */
#include "shop.h"

#include "base/hmac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *endpoint_secret;

static const char *endpoint(const char *events)
{
    json_t *v = ask_for(&stand, 200, "POST /v1/webhook_endpoints",
                        format(&stand, "url=http://127.0.0.1:1/hook&%s", events));
    endpoint_secret = keep(&stand, text_at(v, "secret"));
    return keep(&stand, text_at(v, "id"));
}

static size_t drain(int http_status)
{
    struct emulator_delivery d;
    size_t n = 0;

    for (; next(&d); n++)
        emulator_delivered(stand.emulator, d.id, http_status);
    return n;
}

static void a_secret_is_told_once(void **state)
{
    (void)state;
    const char *id = endpoint("enabled_events[]=*");
    assert_int_equal(strncmp(endpoint_secret, "whsec_", 6), 0);
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/webhook_endpoints/%s", id), NULL);
    assert_null(at(v, "secret"));
    v = ask_for(&stand, 200, "GET /v1/webhook_endpoints", NULL);
    assert_null(at(v, "data.0.secret"));
}

static void a_delivery_is_signed_over_time_and_body(void **state)
{
    struct emulator_delivery d;
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX];

    (void)state;
    endpoint("enabled_events[]=product.created&enabled_events[]=product.updated");
    make(&stand, "/v1/customers", NULL);
    assert_false(next(&d));
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    assert_false(next(&(struct emulator_delivery){ 0 }));
    struct hmac *h = hmac_new(str_of(endpoint_secret));
    hmac_sum(h, S("1800000000."), d.body, (str){ 0 }, sum);
    hmac_free(h);
    hmac_hex(sum, hex);
    assert_true(str_eqz(d.signature, format(&stand, "t=1800000000,v1=%.*s", HMAC_HEX, hex)));
    json_t *v = json_loadb(d.body.p, d.body.n, 0, NULL);
    assert_string_equal(text_at(v, "type"), "product.created");
    assert_string_equal(text_at(v, "object"), "event");
    assert_string_equal(text_at(v, "api_version"), "2026-10-28.endive");
    assert_string_equal(text_at(v, "data.object.name"), "a");
    assert_int_equal(int_at(v, "pending_webhooks"), 1);
    json_decref(v);
    assert_true(str_starts(d.body, S("{\n  \"id\": \"evt_")));
}

static void a_rolled_secret_signs_beside_the_new_one_for_a_day(void **state)
{
    struct emulator_delivery d;

    (void)state;
    const char *id = endpoint("enabled_events[]=*");
    json_t *v =
        ask_for(&stand, 200, format(&stand, "POST /_emulator/webhook_endpoints/%s/roll", id), NULL);
    assert_string_not_equal(text_at(v, "secret"), endpoint_secret);
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    assert_int_equal(d.signature.n, strlen("t=1800000000") + 2 * (strlen(",v1=") + HMAC_HEX));
    stand.clock.now += 86400 * 1000;
    make(&stand, "/v1/products", "name=b");
    assert_true(next(&d));
    assert_int_equal(d.signature.n, strlen("t=1800000000,v1=") + HMAC_HEX);
}

static void a_signature_can_be_wrong_or_old_on_demand(void **state)
{
    struct emulator_delivery d, bad;

    (void)state;
    endpoint("enabled_events[]=*");
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"kind\":\"old_signature\",\"late_ms\":9000}");
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    assert_true(str_starts(d.signature, S("t=1799999991,v1=")));
    emulator_delivered(stand.emulator, d.id, 400);
    ask_for(&stand, 200, "DELETE /_emulator/faults", NULL);
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"spec\":\"bad_signature\"}");
    stand.clock.now += 600 * 1000;
    assert_true(next(&bad));
    emulator_delivered(stand.emulator, bad.id, 400);
    ask_for(&stand, 200, "DELETE /_emulator/faults", NULL);
    stand.clock.now += 3600 * 1000;
    assert_true(next(&d));
    assert_false(str_eq(str_sub(d.signature, 12, d.signature.n),
                        str_sub(bad.signature, 12, bad.signature.n)));
}

static void a_failed_delivery_is_repeated_with_growing_pauses(void **state)
{
    struct emulator_delivery d;
    msec due;
    struct error e = { 0 };

    (void)state;
    endpoint("enabled_events[]=*");
    make(&stand, "/v1/products", "name=a");
    assert_int_equal(drain(500), 1);
    assert_int_equal(emulator_next_delivery(stand.emulator, &stand.arena, &d, &due, &e), ST_NONE);
    assert_int_equal(due - stand.clock.now, 10 * 60 * 1000);
    stand.clock.now = due;
    assert_int_equal(drain(302), 1);
    stand.clock.now += 3600 * 1000;
    assert_true(next(&d));
    assert_int_equal(d.attempt, 3);
    emulator_delivered(stand.emulator, d.id, 0);
    stand.clock.now += 2 * 3600 * 1000;
    assert_int_equal(drain(200), 1);
    json_t *v = last_event(&stand, "product.created");
    assert_int_equal(int_at(v, "pending_webhooks"), 0);
    v = ask_for(&stand, 200, "GET /v1/events?delivery_success=false", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void after_four_attempts_in_test_mode_it_is_given_up(void **state)
{
    (void)state;
    endpoint("enabled_events[]=*");
    make(&stand, "/v1/products", "name=a");
    size_t n = 0;
    for (int i = 0; i < 10; i++, stand.clock.now += 24 * 3600 * 1000)
        n += drain(500);
    assert_int_equal(n, 4);
    json_t *v = ask_for(&stand, 200, "GET /v1/events?delivery_success=false", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
}

static void a_disabled_endpoint_gets_nothing(void **state)
{
    (void)state;
    const char *id = endpoint("enabled_events[]=*");
    make(&stand, "/v1/products", "name=a");
    ask_for(&stand, 200, format(&stand, "POST /v1/webhook_endpoints/%s", id), "disabled=true");
    make(&stand, "/v1/products", "name=b");
    assert_int_equal(drain(200), 0);
}

static void deliveries_are_dropped_doubled_and_late_on_demand(void **state)
{
    (void)state;
    endpoint("enabled_events[]=*");
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"spec\":\"drop;type=customer.*\"}");
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"kind\":\"double\",\"type\":\"price.*\"}");
    ask_for(&stand, 200, "POST /_emulator/faults",
            "{\"kind\":\"late\",\"type\":\"product.*\",\"late_ms\":5000}");
    make(&stand, "/v1/customers", NULL);
    assert_int_equal(drain(200), 0);
    make(&stand, "/v1/products",
         "name=a&default_price_data[currency]=usd&default_price_data[unit_amount]=1");
    assert_int_equal(drain(200), 2);
    stand.clock.now += 5000;
    assert_int_equal(drain(200), 1);
}

static void shuffled_deliveries_come_in_another_order(void **state)
{
    struct emulator_delivery d;
    char got[64] = "", *p = got;

    (void)state;
    endpoint("enabled_events[]=*");
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"kind\":\"shuffle\",\"late_ms\":1000}");
    for (int i = 0; i < 9; i++)
        make(&stand, "/v1/products", format(&stand, "name=%d", i));
    stand.clock.now += 1000;
    while (next(&d)) {
        json_t *v = json_loadb(d.body.p, d.body.n, 0, NULL);
        *p++ = *text_at(v, "data.object.name");
        json_decref(v);
    }
    assert_int_equal(strlen(got), 9);
    assert_string_not_equal(got, "012345678");
}

static void events_are_found_by_type_and_forgotten_after_30_days(void **state)
{
    (void)state;
    make(&stand, "/v1/products",
         "name=a&default_price_data[currency]=usd&default_price_data[unit_amount]=1");
    make(&stand, "/v1/customers", NULL);
    json_t *v = ask_for(&stand, 200, "GET /v1/events?type=p*", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    v = ask_for(&stand, 200, "GET /v1/events?types[]=customer.created&types[]=product.created",
                NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    const char *id = keep(&stand, text_at(v, "data.0.id"));
    ask_for(&stand, 400, "GET /v1/events?types[]=a&type=b", NULL);
    stand.clock.now += (msec)31 * 86400 * 1000;
    v = ask_for(&stand, 404, format(&stand, "GET /v1/events/%s", id), NULL);
    assert_string_equal(text_at(v, "error.message"),
                        format(&stand, "No such notification: '%s'", id));
    v = ask_for(&stand, 200, "GET /v1/events", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void an_event_tells_which_request_made_it(void **state)
{
    (void)state;
    stand.idem_key = "k1";
    make(&stand, "/v1/products", "name=a");
    const char *id = format(&stand, "%.*s", STR_ARG(answer_header(&stand, "Request-Id")));
    stand.idem_key = NULL;
    json_t *v = last_event(&stand, "product.created");
    assert_string_equal(text_at(v, "request.id"), id);
    assert_string_equal(text_at(v, "request.idempotency_key"), "k1");
}

static void a_resent_event_goes_out_again(void **state)
{
    (void)state;
    const char *we = endpoint("enabled_events[]=*");
    make(&stand, "/v1/products", "name=a");
    assert_int_equal(drain(200), 1);
    const char *id = keep(&stand, text_at(last_event(&stand, "product.created"), "id"));
    ask_for(&stand, 200, format(&stand, "POST /v1/events/%s/retry", id),
            format(&stand, "webhook_endpoint=%s", we));
    assert_int_equal(drain(200), 1);
}

/* --- determinism and the journal --- */

/* A bit of everything, as one answer. */
static const char *story(struct stand *s)
{
    ask(s, "POST /v1/webhook_endpoints", "url=http://127.0.0.1:1/&enabled_events[]=*");
    ask(s, "GET /v1/products", NULL);
    const char *price = format(s, "%s",
                               text_at(ask_for(s, 200, "POST /v1/products",
                                               "name=a&default_price_data[currency]=usd&"
                                               "default_price_data[unit_amount]=100&"
                                               "default_price_data[recurring][interval]=month"),
                                       "default_price"));
    s->clock.now += 1500;
    s->idem_key = "once";
    const char *customer = make(s, "/v1/customers",
                                "payment_method=pm_card_visa&"
                                "invoice_settings[default_payment_method]=pm_card_visa");
    s->idem_key = NULL;
    make(s, "/v1/subscriptions", format(s, "customer=%s&items[0][price]=%s", customer, price));
    ask_for(s, 400, format(s, "POST /v1/prices/%s", price), "active=false");
    s->clock.now += (msec)33 * 86400 * 1000;
    emulator_advance(s->emulator);
    ask_for(s, 200, "POST /_emulator/clock", "{\"advance_seconds\":100}");
    ask(s, "POST /v1/payment_intents",
        "amount=5&currency=usd&confirm=true&payment_method=pm_card_chargeDeclined");
    return price;
}

static const char *whole_state(struct stand *s)
{
    static const char *const type[] = { "product",      "price",   "customer",         "event",
                                        "subscription", "invoice", "payment_intent",   "charge",
                                        "line_item",    "balance", "webhook_endpoint", "account" };
    str all = S("");

    for (size_t i = 0; i < COUNT(type); i++) {
        ask_for(s, 200, format(s, "GET /_emulator/state/%s", type[i]), NULL);
        all = arena_concat(&s->arena, all, s->answer.body);
    }
    return all.p;
}

static void the_same_seed_and_requests_give_the_same_bytes(void **state)
{
    struct stand other;

    (void)state;
    stand_open(&other, SEED);
    story(&stand);
    story(&other);
    assert_string_equal(whole_state(&stand), whole_state(&other));
    stand_close(&other);
    stand_open(&other, SEED + 1);
    story(&other);
    assert_string_not_equal(whole_state(&stand), whole_state(&other));
    stand_close(&other);
}

static char dir[64], journal[96];

static void journal_dir(void)
{
    strcpy(dir, "/tmp/emulator-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(journal, sizeof journal, "%s/journal.jsonl", dir);
}

static void journal_gone(void)
{
    unlink(journal);
    rmdir(dir);
}

static enum status open_journal(struct stand *s, struct error *e)
{
    return emulator_journal(s->emulator, str_of(dir), e);
}

static void a_restart_gives_the_same_bytes(void **state)
{
    struct stand again;
    struct error e = { 0 };
    struct emulator_delivery d;

    (void)state;
    journal_dir();
    assert_int_equal(open_journal(&stand, &e), ST_OK);
    story(&stand);
    assert_true(next(&d));
    emulator_delivered(stand.emulator, d.id, 200);
    assert_true(next(&d));
    emulator_delivered(stand.emulator, d.id, 500);
    stand_open(&again, 999); /* the seed of the journal wins */
    again.clock.now = stand.clock.now;
    assert_int_equal(open_journal(&again, &e), ST_OK);
    assert_string_equal(whole_state(&stand), whole_state(&again));
    ask_for(&stand, 200, "GET /_emulator/clock", NULL);
    json_int_t now = int_at(ask_for(&again, 200, "GET /_emulator/clock", NULL), "now");
    assert_int_equal(int_at(ask_for(&stand, 200, "GET /_emulator/clock", NULL), "now"), now);
    /* What follows is the same, too. */
    assert_string_equal(make(&stand, "/v1/products", "name=next"),
                        make(&again, "/v1/products", "name=next"));
    again.idem_key = "once";
    ask(&again, "POST /v1/customers", "name=other");
    assert_int_equal(again.answer.status, 200); /* the key is older than a day */
    stand_close(&again);
    journal_gone();
}

static void the_journal_holds_no_keys(void **state)
{
    struct error e = { 0 };
    static char text[65536];

    (void)state;
    journal_dir();
    assert_int_equal(open_journal(&stand, &e), ST_OK);
    make(&stand, "/v1/products", "name=a");
    ask_for(&stand, 200, "POST /_emulator/bulk", "{\"type\":\"product\",\"count\":2}");
    FILE *f = fopen(journal, "r");
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_non_null(strstr(text, "name=a"));
    assert_non_null(strstr(text, "bulk"));
    assert_null(strstr(text, "sk_test"));
    journal_gone();
}

static void a_torn_last_line_is_cut_off(void **state)
{
    struct stand again;
    struct error e = { 0 };

    (void)state;
    journal_dir();
    assert_int_equal(open_journal(&stand, &e), ST_OK);
    const char *id = make(&stand, "/v1/products", "name=a");
    make(&stand, "/v1/products", "name=torn");
    FILE *f = fopen(journal, "r+");
    fseek(f, -10, SEEK_END);
    assert_int_equal(ftruncate(fileno(f), ftell(f)), 0);
    fclose(f);
    stand_open(&again, SEED);
    assert_int_equal(open_journal(&again, &e), ST_OK);
    json_t *v = ask_for(&again, 200, "GET /v1/products", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.id"), id);
    make(&again, "/v1/products", "name=b");
    stand_close(&again);
    stand_open(&again, SEED);
    assert_int_equal(open_journal(&again, &e), ST_OK);
    v = ask_for(&again, 200, "GET /v1/products", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    stand_close(&again);
    journal_gone();
}

static void a_damaged_line_in_the_middle_stops_it(void **state)
{
    struct stand again;
    struct error e = { 0 };

    (void)state;
    journal_dir();
    assert_int_equal(open_journal(&stand, &e), ST_OK);
    make(&stand, "/v1/products", "name=a");
    FILE *f = fopen(journal, "r+");
    fputc('x', f);
    fclose(f);
    stand_open(&again, SEED);
    assert_int_equal(open_journal(&again, &e), ST_BROKEN);
    stand_close(&again);
    journal_gone();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_secret_is_told_once),
        CASE(a_delivery_is_signed_over_time_and_body),
        CASE(a_rolled_secret_signs_beside_the_new_one_for_a_day),
        CASE(a_signature_can_be_wrong_or_old_on_demand),
        CASE(a_failed_delivery_is_repeated_with_growing_pauses),
        CASE(after_four_attempts_in_test_mode_it_is_given_up),
        CASE(a_disabled_endpoint_gets_nothing),
        CASE(deliveries_are_dropped_doubled_and_late_on_demand),
        CASE(shuffled_deliveries_come_in_another_order),
        CASE(events_are_found_by_type_and_forgotten_after_30_days),
        CASE(an_event_tells_which_request_made_it),
        CASE(a_resent_event_goes_out_again),
        CASE(the_same_seed_and_requests_give_the_same_bytes),
        CASE(a_restart_gives_the_same_bytes),
        CASE(the_journal_holds_no_keys),
        CASE(a_torn_last_line_is_cut_off),
        CASE(a_damaged_line_in_the_middle_stops_it),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
