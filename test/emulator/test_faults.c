/* Faults beyond those of test_api.c, and versions. */
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_body_may_trickle(void **state)
{
    (void)state;
    stand.fault = "trickle;delay_ms=7";
    ask_for(&stand, 200, "POST /v1/products", "name=a");
    assert_int_equal(stand.answer.trickle, 7);
    stand.fault = "trickle";
    ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_int_equal(stand.answer.trickle, 50);
}

static void an_error_may_have_any_status(void **state)
{
    (void)state;
    stand.fault = "error;status=424;should_retry=false";
    json_t *v = ask_for(&stand, 424, "POST /v1/products", "name=a");
    assert_string_equal(text_at(v, "error.type"), "api_error");
    assert_true(str_eqz(answer_header(&stand, "Stripe-Should-Retry"), "false"));
    stand.fault = "error;status=503;effect=after";
    ask_for(&stand, 503, "POST /v1/products", "name=b");
    stand.fault = NULL;
    v = ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
}

static void a_header_that_says_nonsense_is_told_so(void **state)
{
    static const char *const wrong[] = { "explode", "slow;delay", "error;status=200",
                                         "drop;type=product.created", "slow;when=later" };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        stand.fault = wrong[i];
        json_t *v = ask_for(&stand, 400, "POST /v1/products", "name=a");
        assert_memory_equal(text_at(v, "error.message"), "Emulator-Fault: ", 16);
    }
    stand.fault = NULL;
    json_t *v = ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void a_signature_may_be_of_the_future(void **state)
{
    (void)state;
    struct emulator_delivery d;
    struct error e = { 0 };
    make(&stand, "/v1/webhook_endpoints", "url=http://x&enabled_events[]=*");
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"spec\":\"old_signature;late_ms=-60000\"}");
    make(&stand, "/v1/products", "name=a");
    assert_int_equal(emulator_next_delivery(stand.emulator, &stand.arena, &d, NULL, &e), ST_OK);
    assert_true(str_starts(d.signature, S("t=1800000060,")));
}

static void faults_of_requests_end_with_the_process(void **state)
{
    char dir[] = "/tmp/emulator-XXXXXX", journal[64];
    struct stand again;
    struct error e = { 0 };

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(journal, sizeof journal, "%s/journal.jsonl", dir);
    assert_int_equal(emulator_journal(stand.emulator, str_of(dir), &e), ST_OK);
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"kind\":\"lock_timeout\",\"count\":1}");
    ask_for(&stand, 200, "POST /_emulator/faults", "{\"kind\":\"drop\"}");
    ask_for(&stand, 429, "POST /v1/products", "name=a");
    make(&stand, "/v1/products", "name=a");
    stand_open(&again, SEED);
    assert_int_equal(emulator_journal(again.emulator, str_of(dir), &e), ST_OK);
    make(&again, "/v1/products", "name=b");
    json_t *v = ask_for(&again, 200, "GET /_emulator/faults", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.kind"), "drop");
    stand_close(&again);
    unlink(journal);
    rmdir(dir);
}

static json_t *ask_version(const char *version)
{
    struct http_request q = { .method = S("GET"),
                              .target = S("/v1/products"),
                              .path = S("/v1/products"),
                              .header = { { S("Authorization"), S("Bearer sk_test_stand") },
                                          { S("Stripe-Version"), str_of(version) } },
                              .n_headers = 2 };
    struct error e = { 0 };

    assert_int_equal(emulator_handle(stand.emulator, &q, &stand.arena, &stand.answer, &e), ST_OK);
    return json_loadb(stand.answer.body.p, stand.answer.body.n, 0, NULL);
}

static void a_version_is_told_back_and_must_exist(void **state)
{
    (void)state;
    json_decref(ask_version("2024-06-20"));
    assert_int_equal(stand.answer.status, 200);
    assert_true(str_eqz(answer_header(&stand, "Stripe-Version"), "2024-06-20"));
    json_t *v = ask_version("2024-06-21");
    assert_int_equal(stand.answer.status, 400);
    assert_string_equal(text_at(v, "error.message"), "Invalid Stripe API version: 2024-06-21");
    json_decref(v);
    ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_true(str_eqz(answer_header(&stand, "Stripe-Version"), "2026-10-28.endive"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_body_may_trickle),
        CASE(an_error_may_have_any_status),
        CASE(a_header_that_says_nonsense_is_told_so),
        CASE(a_signature_may_be_of_the_future),
        CASE(faults_of_requests_end_with_the_process),
        CASE(a_version_is_told_back_and_must_exist),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
