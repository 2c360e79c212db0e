/* Where events go: names, versions, secrets, retries, snapshot and thin destinations. */
#include "shop.h"

#include "emulator/event_names.h"
#include "emulator/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *endpoint(const char *form)
{
    return make(&stand, "/v1/webhook_endpoints",
                format(&stand, "url=http://127.0.0.1:1/hook&%s", form));
}

static json_t *body_of(const struct emulator_delivery *d)
{
    json_t *v = json_loadb(d->body.p, d->body.n, 0, NULL);

    assert_non_null(v);
    return v;
}

static void every_type_can_be_named_and_no_other(void **state)
{
    (void)state;
    assert_int_equal(n_event_names, 275);
    for (size_t i = 0; i < n_event_names; i++) {
        endpoint(format(&stand, "enabled_events[]=%s", event_name[i].type));
        ask_for(&stand, 200, format(&stand, "GET /v1/events?type=%s", event_name[i].type), NULL);
    }
    json_t *v = ask_for(&stand, 400, "POST /v1/webhook_endpoints",
                        "url=http://x&enabled_events[]=*&enabled_events[]=product.exploded");
    assert_string_equal(text_at(v, "error.param"), "enabled_events[1]");
    ask_for(&stand, 400, "POST /v1/webhook_endpoints", "url=http://x&enabled_events[]=product.*");
}

static void an_endpoint_gets_its_own_version(void **state)
{
    (void)state;
    struct emulator_delivery d;
    endpoint("enabled_events[]=product.created&api_version=2024-06-20");
    endpoint("enabled_events[]=product.created");
    ask_for(&stand, 400, "POST /v1/webhook_endpoints",
            "url=http://x&enabled_events[]=*&api_version=2024-06-21");
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    json_t *v = body_of(&d);
    assert_string_equal(text_at(v, "api_version"), "2024-06-20");
    json_decref(v);
    assert_true(next(&d));
    v = body_of(&d);
    assert_string_equal(text_at(v, "api_version"), "2026-10-28.endive");
    assert_int_equal(int_at(v, "pending_webhooks"), 2);
    json_decref(v);
}

static void an_endpoint_that_fails_for_days_is_disabled(void **state)
{
    (void)state;
    struct emulator_delivery d;
    stand.key = "sk_live_stand";
    const char *id = endpoint("enabled_events[]=*");
    const char *where = format(&stand, "GET /v1/webhook_endpoints/%s", id);
    unsigned attempts = 0;
    for (int hour = 0; hour < 8 * 24; hour++, stand.clock.now += (msec)HOUR * 1000) {
        if (hour % 24 == 0)
            make(&stand, "/v1/products", "name=a");
        for (; next(&d); attempts++)
            emulator_delivered(stand.emulator, d.id, 302);
    }
    assert_true(attempts > 8 * 8);
    assert_string_equal(text_at(ask_for(&stand, 200, where, NULL), "status"), "enabled");
    stand.clock.now += (msec)DAY * 1000;
    make(&stand, "/v1/products", "name=a");
    while (next(&d))
        emulator_delivered(stand.emulator, d.id, 0);
    assert_string_equal(text_at(ask_for(&stand, 200, where, NULL), "status"), "disabled");
    make(&stand, "/v1/products", "name=a");
    assert_false(next(&d));
    ask_for(&stand, 200, format(&stand, "POST /v1/webhook_endpoints/%s", id), "disabled=false");
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    emulator_delivered(stand.emulator, d.id, 0); /* it has its days again */
    assert_string_equal(text_at(ask_for(&stand, 200, where, NULL), "status"), "enabled");
}

static void retries_go_on_when_an_endpoint_is_enabled_in_time(void **state)
{
    (void)state;
    struct emulator_delivery d;
    const char *id = endpoint("enabled_events[]=*");
    const char *where = format(&stand, "POST /v1/webhook_endpoints/%s", id);
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    emulator_delivered(stand.emulator, d.id, 500);
    ask_for(&stand, 200, where, "disabled=true");
    assert_false(next(&d));
    ask_for(&stand, 200, where, "disabled=false");
    stand.clock.now += (msec)HOUR * 1000;
    assert_true(next(&d));
    assert_int_equal(d.attempt, 2);
    emulator_delivered(stand.emulator, d.id, 500);
    ask_for(&stand, 200, where, "disabled=true");
    stand.clock.now += (msec)2 * HOUR * 1000;
    assert_false(next(&d)); /* its time came while nobody listened */
    ask_for(&stand, 200, where, "disabled=false");
    assert_false(next(&d));
}

static size_t signatures(void)
{
    struct emulator_delivery d;
    size_t n = 0;

    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    for (const char *p = d.signature.p; (p = strstr(p, ",v1=")); p++)
        n++;
    emulator_delivered(stand.emulator, d.id, 200);
    return n;
}

static void an_old_secret_signs_as_long_as_was_said(void **state)
{
    (void)state;
    const char *id = endpoint("enabled_events[]=*");
    const char *roll = format(&stand, "POST /_emulator/webhook_endpoints/%s/roll", id);
    assert_int_equal(signatures(), 1);
    ask_for(&stand, 200, roll, "{\"expires_in_seconds\":3600}");
    assert_int_equal(signatures(), 2);
    stand.clock.now += (msec)HOUR * 1000;
    assert_int_equal(signatures(), 1);
    ask_for(&stand, 200, roll, "{\"expires_in_seconds\":0}");
    assert_int_equal(signatures(), 1);
    ask_for(&stand, 400, roll, "{\"expires_in_seconds\":86401}");
}

static const char *destination(const char *payload, const char *type)
{
    return make(&stand, "/v2/core/event_destinations",
                format(&stand,
                       "{\"name\":\"d\",\"type\":\"webhook_endpoint\",\"event_payload\":\"%s\","
                       "\"enabled_events\":[\"%s\"],\"webhook_endpoint\":{\"url\":"
                       "\"http://127.0.0.1:1/thin\"},\"include\":[\"webhook_endpoint.url\"]}",
                       payload, type));
}

static void a_thin_destination_hears_what_and_not_how(void **state)
{
    (void)state;
    struct emulator_delivery d;
    destination("thin", "v1.product.created");
    const char *product = make(&stand, "/v1/products", "name=a");
    make(&stand, "/v1/customers", "name=a");
    assert_true(next(&d));
    assert_true(str_eqz(d.url, "http://127.0.0.1:1/thin"));
    assert_true(str_starts(d.signature, S("t=1800000000,v1=")));
    json_t *v = body_of(&d);
    assert_string_equal(text_at(v, "object"), "v2.core.event");
    assert_string_equal(text_at(v, "type"), "v1.product.created");
    assert_string_equal(text_at(v, "created"), "2027-01-15T08:00:00.000Z");
    assert_string_equal(text_at(v, "related_object.id"), product);
    assert_string_equal(text_at(v, "related_object.type"), "product");
    assert_string_equal(text_at(v, "related_object.url"),
                        format(&stand, "/v1/products/%s", product));
    assert_null(at(v, "data"));
    const char *id = keep(&stand, text_at(v, "id"));
    const char *snapshot = keep(&stand, text_at(v, "snapshot_event"));
    json_decref(v);
    assert_false(next(&d));
    v = ask_for(&stand, 200, format(&stand, "GET /v2/core/events/%s", id), NULL);
    assert_string_equal(text_at(v, "id"), id);
    assert_string_equal(text_at(v, "reason.type"), "request");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/events/%s", snapshot), NULL);
    assert_string_equal(text_at(v, "type"), "product.created");
    ask_for(&stand, 404, "GET /v2/core/events/evt_test_nope", NULL);
    v = ask_for(&stand, 200, format(&stand, "GET /v2/core/events?object_id=%s", product), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.id"), id);
}

static void a_snapshot_destination_hears_all(void **state)
{
    (void)state;
    struct emulator_delivery d;
    destination("snapshot", "*");
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    json_t *v = body_of(&d);
    assert_string_equal(text_at(v, "object"), "event");
    assert_string_equal(text_at(v, "data.object.name"), "a");
    json_decref(v);
}

static void a_destination_is_pinged_switched_and_deleted(void **state)
{
    (void)state;
    struct emulator_delivery d;
    const char *id = destination("thin", "v1.product.created");
    const char *url = format(&stand, "/v2/core/event_destinations/%s", id);
    json_t *v = ask_for(&stand, 200, format(&stand, "GET %s", url), NULL);
    assert_true(json_is_null(at(v, "webhook_endpoint.signing_secret")));
    v = ask_for(&stand, 200,
                format(&stand, "GET %s?include[0]=webhook_endpoint.signing_secret", url), NULL);
    assert_memory_equal(text_at(v, "webhook_endpoint.signing_secret"), "whsec_", 6);
    ask_for(&stand, 200, format(&stand, "POST %s/ping", url), NULL);
    assert_true(next(&d));
    assert_true(str_eqz(d.type, "v2.core.event_destination.ping"));
    emulator_delivered(stand.emulator, d.id, 200);
    ask_for(&stand, 200, format(&stand, "POST %s/disable", url), NULL);
    make(&stand, "/v1/products", "name=a");
    assert_false(next(&d));
    ask_for(&stand, 200, format(&stand, "POST %s/enable", url), NULL);
    make(&stand, "/v1/products", "name=a");
    assert_true(next(&d));
    v = ask_for(&stand, 200, format(&stand, "POST %s", url),
                "{\"enabled_events\":[\"v1.customer.created\"],\"metadata\":{\"a\":1}}");
    assert_string_equal(text_at(v, "metadata.a"), "1");
    ask_for(&stand, 400, format(&stand, "POST %s", url),
            "{\"enabled_events\":[\"customer.created\"]}");
    ask_for(&stand, 400, format(&stand, "POST %s", url), "[]");
    ask_for(&stand, 200, format(&stand, "DELETE %s", url), NULL);
    ask_for(&stand, 404, format(&stand, "GET %s", url), NULL);
}

static void pages_of_v2_lead_on_by_their_url(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        destination("thin", "*");
    const char *target = "/v2/core/event_destinations?limit=2";
    size_t n = 0, pages = 0;
    while (*target) {
        json_t *v = ask_for(&stand, 200, format(&stand, "GET %s", target), NULL);
        n += json_array_size(at(v, "data"));
        pages++;
        target = keep(&stand, text_at(v, "next_page_url"));
        if (*target)
            target = format(&stand, "%s&limit=2", target);
    }
    assert_int_equal(n, 5);
    assert_int_equal(pages, 3);
    ask_for(&stand, 400, "GET /v2/core/events?page=x", NULL);
}

static enum status heard(uint64_t session, char id[64])
{
    str message;
    enum status st = listener_next(stand.emulator, session, &stand.arena, &message);

    if (st != ST_OK)
        return st;
    json_t *v = json_loadb(message.p, message.n, 0, NULL);
    json_t *event = json_loads(text_at(v, "event_payload"), 0, NULL);
    assert_string_equal(text_at(event, "object"), "event");
    snprintf(id, 64, "%s", text_at(v, "webhook_id"));
    json_decref(event);
    json_decref(v);
    return ST_OK;
}

static void a_listener_hears_again_what_it_did_not_acknowledge(void **state)
{
    (void)state;
    char first[64], second[64], again[64];
    json_t *v = ask_for(&stand, 200, "POST /v1/stripecli/sessions", "device_name=x");
    str websocket = str_of(keep(&stand, text_at(v, "websocket_id")));
    const char *secret = keep(&stand, text_at(v, "secret"));
    make(&stand, "/v1/products", "name=before"); /* it waits for the connection */
    assert_int_equal(listener_connect(stand.emulator, S("cliws_other")), 0);
    uint64_t session = listener_connect(stand.emulator, websocket);
    assert_int_equal(session, 1);
    assert_int_equal(listener_connect(stand.emulator, websocket), 0); /* it is connected */
    make(&stand, "/v1/products", "name=after");
    stand.key = "sk_live_stand";
    make(&stand, "/v1/products", "name=elsewhere");
    assert_int_equal(heard(session, first), ST_OK);
    assert_int_equal(heard(session, second), ST_OK);
    assert_int_equal(heard(session, again), ST_NONE);
    listener_hears(stand.emulator, session, S("nonsense"));
    str ack = str_of(format(&stand, "{\"type\":\"event_ack\",\"webhook_id\":\"%s\"}", first));
    listener_hears(stand.emulator, session, ack);
    listener_hears(stand.emulator, session, ack);
    listener_disconnect(stand.emulator, session);
    assert_int_equal(listener_connect(stand.emulator, websocket), session);
    assert_int_equal(heard(session, again), ST_OK);
    assert_string_equal(again, second);
    assert_int_equal(heard(session, again), ST_NONE);
    stand.key = stand_key;
    v = ask_for(&stand, 200, "POST /v1/stripecli/sessions", "");
    assert_string_equal(text_at(v, "secret"), secret);
    ask_for(&stand, 200, "POST /_emulator/reset", "");
    assert_int_equal(heard(session, again), ST_REFUSED);
}

static void endpoints_come_back_after_a_restart(void **state)
{
    char dir[] = "/tmp/emulator-XXXXXX", journal[64];
    static const char *const type[] = { "webhook_endpoint", "v2.core.event_destination", "event",
                                        "v2.core.event" };
    struct stand again;
    struct emulator_delivery d;
    struct error e = { 0 };

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(journal, sizeof journal, "%s/journal.jsonl", dir);
    assert_int_equal(emulator_journal(stand.emulator, str_of(dir), &e), ST_OK);
    const char *id = endpoint("enabled_events[]=product.created&api_version=2024-06-20");
    const char *thin = destination("thin", "v1.product.created");
    ask_for(&stand, 200, format(&stand, "POST /_emulator/webhook_endpoints/%s/roll", id), "{}");
    ask_for(&stand, 200, format(&stand, "POST /v2/core/event_destinations/%s/ping", thin), NULL);
    make(&stand, "/v1/products", "name=a");
    ask_for(&stand, 200, "POST /_emulator/permissions", "{\"permissions\":{\"event\":\"read\"}}");
    while (next(&d))
        emulator_delivered(stand.emulator, d.id, 500);
    stand_open(&again, SEED);
    again.clock.now = stand.clock.now;
    assert_int_equal(emulator_journal(again.emulator, str_of(dir), &e), ST_OK);
    for (size_t i = 0; i < COUNT(type); i++) {
        const char *target = format(&stand, "GET /_emulator/state/%s", type[i]);
        ask_for(&stand, 200, target, NULL);
        const char *first = keep(&stand, stand.answer.body.p);
        ask_for(&again, 200, target, NULL);
        assert_true(str_eqz(again.answer.body, first));
    }
    again.key = "rk_test_stand";
    ask_for(&again, 403, "POST /v1/products", "name=a");
    struct emulator_delivery one, two;
    again.clock.now = stand.clock.now += (msec)HOUR * 1000;
    for (int i = 0; i < 2; i++) {
        assert_true(next(&one));
        assert_int_equal(emulator_next_delivery(again.emulator, &again.arena, &two, NULL, &e),
                         ST_OK);
        assert_true(str_eq(one.body, two.body) && str_eq(one.signature, two.signature));
        assert_int_equal(one.attempt, two.attempt);
    }
    stand_close(&again);
    unlink(journal);
    rmdir(dir);
}

static void at_most_twenty_types_are_asked_for(void **state)
{
    (void)state;
    const char *target = "GET /v1/events?";
    for (int i = 0; i < 20; i++)
        target = format(&stand, "%s&types[]=product.created", target);
    ask_for(&stand, 200, target, NULL);
    ask_for(&stand, 400, format(&stand, "%s&types[]=product.created", target), NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_type_can_be_named_and_no_other),
        CASE(an_endpoint_gets_its_own_version),
        CASE(an_endpoint_that_fails_for_days_is_disabled),
        CASE(retries_go_on_when_an_endpoint_is_enabled_in_time),
        CASE(an_old_secret_signs_as_long_as_was_said),
        CASE(a_thin_destination_hears_what_and_not_how),
        CASE(a_snapshot_destination_hears_all),
        CASE(a_destination_is_pinged_switched_and_deleted),
        CASE(pages_of_v2_lead_on_by_their_url),
        CASE(a_listener_hears_again_what_it_did_not_acknowledge),
        CASE(endpoints_come_back_after_a_restart),
        CASE(at_most_twenty_types_are_asked_for),
    };
    return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
