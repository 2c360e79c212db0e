#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/stripe_http.h"
#include "raw_server.h"
#include "unit.h"

#define KEY "sk_test_51Hidden0Key1Of2This3Test"
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\n"

/* A monotonic clock that stands still: deadlines are compared with it, nothing waits for it. */
static msec frozen(struct clock *c)
{
    (void)c;
    return 1000;
}

static const struct clock_ops frozen_ops = { frozen, frozen, NULL };
static struct clock frozen_clock = { &frozen_ops };

/* A client of a scripted server. */
struct rig {
    struct raw_server *server;
    struct stripe *client;
    struct secret key;
    struct arena arena;
    struct error error;
    struct stripe_response answer;
};

static void rig_open_as(struct rig *r, const char *key, const struct raw_answer *script, size_t n,
                        struct stripe_http_options o)
{
    char url[64];

    *r = (struct rig){ .arena = { .max = 1 << 20 } };
    r->server = raw_server_start(script, n);
    assert_true(secret_set(&r->key, str_of(key)));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", raw_server_port(r->server));
    o.base_url = str_of(url);
    o.key = &r->key;
    o.clock = &frozen_clock;
    assert_int_equal(stripe_http_open(&r->client, &o, &r->error), ST_OK);
}

static void rig_open_with(struct rig *r, const struct raw_answer *script, size_t n,
                          struct stripe_http_options o)
{
    rig_open_as(r, KEY, script, n, o);
}

static void rig_open(struct rig *r, const struct raw_answer *script, size_t n)
{
    rig_open_with(r, script, n, (struct stripe_http_options){ 0 });
}

static void rig_close(struct rig *r)
{
    if (r->client)
        stripe_close(r->client);
    raw_server_free(r->server);
    arena_free(&r->arena);
}

static enum status get(struct rig *r, const char *path)
{
    struct stripe_request q = { .method = STRIPE_GET, .path = str_of(path), .cause = S("test") };
    return stripe_call(r->client, &q, &r->answer, &r->arena, &r->error);
}

static void assert_says(const struct error *e, const char *words)
{
    if (!strstr(e->text, words))
        fail_msg("\"%s\" does not say \"%s\"", e->text, words);
    assert_null(strstr(e->text, "Hidden0"));
}

/* One GET against one answer, with what came of it. */
static enum status one(struct rig *r, struct raw_answer a)
{
    rig_open(r, &a, 1);
    enum status st = get(r, "/v1/balance");
    if (st != ST_OK) {
        assert_int_equal(r->error.status, st);
        assert_null(strstr(r->error.text, "Hidden0"));
        assert_non_null(strstr(r->error.text, "GET /v1/balance"));
        assert_int_equal(r->answer.http_status, 0); /* untouched */
    }
    return st;
}

static void an_answer_comes_whole_with_its_headers(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(one(&r, (struct raw_answer){ .bytes = OK_HEAD
                                                  "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                                  "STRIPE-VERSION: 2020-08-27\r\n"
                                                  "Stripe-should-retry:  true\r\n"
                                                  "idempotent-replayed: true\r\n"
                                                  "Content-Length: 14\r\n\r\n{\"object\":\"x\"}" }),
                     ST_OK);
    assert_int_equal(r.answer.http_status, 200);
    assert_true(str_eqz(r.answer.body, "{\"object\":\"x\"}"));
    assert_true(str_eqz(r.answer.request_id, "req_1"));
    assert_true(str_eqz(r.answer.api_version, "2020-08-27"));
    assert_int_equal(r.answer.should_retry, SHOULD_RETRY_YES);
    assert_true(r.answer.replayed);
    assert_int_equal(r.answer.date, 784111777000);
    assert_int_equal(r.answer.limit_reason.n, 0);
    rig_close(&r);
}

static uint64_t key_told_with(const char *key)
{
    const struct raw_answer script = { .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}" };
    struct rig r;

    rig_open_as(&r, key, &script, 1, (struct stripe_http_options){ 0 });
    assert_int_equal(get(&r, "/v1/account"), ST_OK);
    uint64_t told = r.answer.key;
    rig_close(&r);
    return told;
}

static void an_answer_tells_which_key_asked_and_nothing_else_of_it(void **state)
{
    (void)state;
    uint64_t one = key_told_with(KEY), other = key_told_with("sk_test_51Another0Key");

    assert_true(one != 0 && other != 0 && one != other);
    assert_true(key_told_with(KEY) == one);
}

static void a_limit_names_its_reason(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(
        one(&r,
            (struct raw_answer){ .bytes =
                                     "HTTP/1.1 429 Too Many Requests\r\n"
                                     "Stripe-Rate-Limited-Reason: endpoint-rate\r\n"
                                     "Stripe-Should-Retry: false\r\nContent-Length: 2\r\n\r\n{}" }),
        ST_OK);
    assert_int_equal(r.answer.http_status, 429);
    assert_true(str_eqz(r.answer.limit_reason, "endpoint-rate"));
    assert_int_equal(r.answer.should_retry, SHOULD_RETRY_NO);
    assert_false(r.answer.replayed);
    assert_int_equal(r.answer.date, 0);
    rig_close(&r);
}

static void a_request_carries_its_key_version_and_account(void **state)
{
    static const struct raw_answer script[] = { { .bytes =
                                                      OK_HEAD "Content-Length: 2\r\n\r\n{}" } };
    struct rig r;

    (void)state;
    rig_open(&r, script, 1);
    struct stripe_request q = { .method = STRIPE_POST,
                                .path = S("/v1/products/prod_%2E"),
                                .query = S("expand[0]=default_price"),
                                .form = S("name=a+b&active=true"),
                                .idem_key = S("op/7/2/1"),
                                .account = S("acct_9") };
    assert_int_equal(stripe_call(r.client, &q, &r.answer, &r.arena, &r.error), ST_OK);
    raw_server_stop(r.server);
    const char *sent = raw_server_request(r.server, 0);
    assert_int_equal(
        strncmp(sent, "POST /v1/products/prod_%2E?expand[0]=default_price HTTP/1.1\r\n", 59), 0);
    assert_non_null(strstr(sent, "\r\nAuthorization: Bearer " KEY "\r\n"));
    assert_non_null(strstr(sent, "\r\nStripe-Version: " STRIPE_API_VERSION "\r\n"));
    assert_non_null(strstr(sent, "\r\nUser-Agent: Brindle/"));
    assert_non_null(strstr(sent, "\r\nStripe-Account: acct_9\r\n"));
    assert_non_null(strstr(sent, "\r\nIdempotency-Key: op/7/2/1\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_non_null(strstr(sent, "\r\n\r\nname=a+b&active=true"));
    assert_null(strstr(strstr(sent, KEY) + 1, KEY)); /* nowhere else */
    rig_close(&r);
}

static void a_get_and_a_delete_carry_neither_body_nor_idempotency_key(void **state)
{
    static const struct raw_answer script[] = { { .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}" },
                                                { .bytes =
                                                      OK_HEAD "Content-Length: 2\r\n\r\n{}" } };
    static const enum stripe_method method[] = { STRIPE_GET, STRIPE_DELETE };
    struct rig r;

    (void)state;
    rig_open(&r, script, 2);
    for (size_t i = 0; i < 2; i++) {
        struct stripe_request q = { .method = method[i], .path = S("/v1/x"), .idem_key = S("k") };
        assert_int_equal(stripe_call(r.client, &q, &r.answer, &r.arena, &r.error), ST_OK);
    }
    raw_server_stop(r.server);
    assert_int_equal(strncmp(raw_server_request(r.server, 0), "GET /v1/x HTTP/1.1\r\n", 20), 0);
    assert_int_equal(strncmp(raw_server_request(r.server, 1), "DELETE /v1/x HTTP/1.1\r\n", 23), 0);
    for (size_t i = 0; i < 2; i++) {
        const char *sent = raw_server_request(r.server, i);
        assert_null(strstr(sent, "Idempotency-Key"));
        assert_null(strstr(sent, "Content-Length"));
        assert_null(strstr(sent, "Stripe-Account"));
        assert_string_equal(strstr(sent, "\r\n\r\n"), "\r\n\r\n");
    }
    rig_close(&r);
}

static void a_connection_is_used_again(void **state)
{
    static const struct raw_answer script[] = { { .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}" },
                                                { .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}" },
                                                { .bytes =
                                                      OK_HEAD "Content-Length: 2\r\n\r\n{}" } };
    struct rig r;

    (void)state;
    rig_open(&r, script, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(get(&r, "/v1/balance"), ST_OK);
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), 3);
    assert_int_equal(raw_server_connections(r.server), 1);
    rig_close(&r);
}

/* libcurl repeats a request by itself when a used connection dies under it. */
static void a_delete_is_never_sent_twice(void **state)
{
    static const struct raw_answer script[] = { { .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}" },
                                                { "", 0, RAW_CLOSE } };
    struct rig r;

    (void)state;
    rig_open(&r, script, 2);
    assert_int_equal(get(&r, "/v1/balance"), ST_OK);
    struct stripe_request q = { .method = STRIPE_DELETE, .path = S("/v1/products/prod_1") };
    assert_int_equal(stripe_call(r.client, &q, &r.answer, &r.arena, &r.error), ST_RETRY);
    assert_says(&r.error, "DELETE /v1/products/prod_1 got no whole answer");
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), 2);
    rig_close(&r);
}

static void a_chunked_answer_comes_whole(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(
        one(&r, (struct raw_answer){ .bytes = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
                                                      "4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n"
                                                      "Request-Id: trailer\r\n"
                                                      "Idempotent-Replayed: true\r\n\r\n" }),
        ST_OK);
    assert_true(str_eqz(r.answer.body, "{\"a\":1}"));
    assert_true(str_eqz(r.answer.request_id, "req_1")); /* a trailer is no header */
    assert_false(r.answer.replayed);
    rig_close(&r);
}

static void an_interim_answer_is_passed_over(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(
        one(&r, (struct raw_answer){ .bytes = "HTTP/1.1 103 Early Hints\r\nRequest-Id: no\r\n"
                                              "\r\n" OK_HEAD "Content-Length: 2\r\n\r\n{}" }),
        ST_OK);
    assert_int_equal(r.answer.http_status, 200);
    assert_true(str_eqz(r.answer.request_id, "req_1"));
    rig_close(&r);
}

static void an_answer_that_has_no_body_needs_no_length(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(one(&r, (struct raw_answer){ .bytes = "HTTP/1.1 204 No Content\r\n\r\n" }),
                     ST_OK);
    assert_int_equal(r.answer.http_status, 204);
    rig_close(&r);
}

static void a_redirect_is_an_answer(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(
        one(&r, (struct raw_answer){ .bytes = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n"
                                              "Content-Length: 0\r\n\r\n" }),
        ST_OK);
    assert_int_equal(r.answer.http_status, 302);
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), 1);
    rig_close(&r);
}

static void an_answer_that_is_no_json_is_still_an_answer(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(
        one(&r, (struct raw_answer){ .bytes = OK_HEAD "Content-Length: 13\r\n\r\n<html></html>" }),
        ST_OK);
    assert_true(str_eqz(r.answer.body, "<html></html>"));
    rig_close(&r);
}

static void what_is_no_whole_answer_is_never_taken_for_one(void **state)
{
    static const struct {
        const char *what;
        struct raw_answer answer;
    } bad[] = {
        { "a body shorter than promised",
          { OK_HEAD "Content-Length: 20\r\n\r\n{\"object\":\"x\"}", 0, RAW_CLOSE } },
        { "a body that is reset",
          { OK_HEAD "Content-Length: 20\r\n\r\n{\"object\":\"x\"}", 0, RAW_RESET } },
        { "a chunk that is missing",
          { OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n", 0, RAW_CLOSE } },
        { "a chunk whose size is no number",
          { OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 0, RAW_CLOSE } },
        { "a body without a length", { OK_HEAD "\r\n{\"a\":1", 0, RAW_CLOSE } },
        { "a length in an interim answer",
          { "HTTP/1.1 103 Hints\r\nContent-Length: 2\r\n\r\n" OK_HEAD "\r\n{}", 0, RAW_CLOSE } },
        { "nothing", { "", 0, RAW_CLOSE } },
        { "a reset", { "", 0, RAW_RESET } },
        { "half a status line", { "HTTP/1.1 2", 0, RAW_CLOSE } },
        { "half a header", { "HTTP/1.1 200 OK\r\nContent-Le", 0, RAW_CLOSE } },
        { "no end of the headers", { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 0, RAW_CLOSE } },
        { "an interim answer alone", { "HTTP/1.1 100 Continue\r\n\r\n", 0, RAW_CLOSE } },
        { "garbage", { "\x16\x03\x01 this is no HTTP at all\r\n\r\n", 0, RAW_CLOSE } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct rig r;
        if (one(&r, bad[i].answer) != ST_RETRY)
            fail_msg("%s was taken for an answer", bad[i].what);
        assert_says(&r.error, "got no whole answer");
        assert_says(&r.error, "unknown");
        rig_close(&r);
    }
}

/* The time went by before it was sent: what comes afterwards is to be seen another time. */
static bool was_not_sent(const struct rig *r)
{
    return strstr(r->error.text, "was not sent") != NULL;
}

static void a_slow_answer_ends_with_the_time_out(void **state)
{
    static const struct raw_answer script[] = { { OK_HEAD "Content-Length: 20\r\n\r\n{\"obj", 0,
                                                  RAW_HOLD } };
    struct rig r;

    (void)state;
    for (bool again = true; again; rig_close(&r)) {
        rig_open_with(&r, script, 1, (struct stripe_http_options){ .total_ms_max = 500 });
        assert_int_equal(get(&r, "/v1/balance"), ST_RETRY);
        again = was_not_sent(&r);
        if (!again)
            assert_says(&r.error, "unknown");
    }
}

static void a_deadline_shortens_the_time_out(void **state)
{
    static const struct raw_answer script[] = { { "HTTP/1.1 200 OK\r\n", 0, RAW_HOLD } };
    struct rig r;

    (void)state;
    for (bool again = true; again; rig_close(&r)) {
        rig_open(&r, script, 1);
        struct stripe_request q = { .path = S("/v1/balance"), .deadline = 1000 + 500 };
        assert_int_equal(stripe_call(r.client, &q, &r.answer, &r.arena, &r.error), ST_RETRY);
        again = was_not_sent(&r);
        if (!again)
            assert_says(&r.error, "unknown");
    }
}

static void a_request_whose_deadline_has_passed_is_not_sent(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, NULL, 0);
    struct stripe_request q = { .path = S("/v1/balance"), .deadline = 1000 };
    assert_int_equal(stripe_call(r.client, &q, &r.answer, &r.arena, &r.error), ST_RETRY);
    assert_says(&r.error, "was not sent");
    raw_server_stop(r.server);
    assert_int_equal(raw_server_connections(r.server), 0);
    rig_close(&r);
}

static void a_huge_answer_is_refused(void **state)
{
    enum { BODY = 300000 };
    char *bytes = malloc(BODY + 200);
    struct rig r;

    (void)state;
    int head = snprintf(bytes, 200, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
    memset(bytes + head, 'x', BODY);
    struct raw_answer script[] = { { bytes, (size_t)head + BODY, RAW_CLOSE },
                                   { bytes, (size_t)head + BODY, RAW_CLOSE } };
    rig_open_with(&r, script, 2, (struct stripe_http_options){ .body_bytes_max = BODY - 1 });
    assert_int_equal(get(&r, "/v1/balance"), ST_LIMIT);
    assert_says(&r.error, "299999 of body");
    error_clear(&r.error);
    r.arena.max = 100000; /* the caller's own bound */
    assert_int_equal(get(&r, "/v1/balance"), ST_LIMIT);
    rig_close(&r);
    free(bytes);
}

/* However little room its caller has made: all of an answer, or nothing. */
static void a_small_arena_never_holds_half_an_answer(void **state)
{
    enum { TIMES = 60 };
    struct raw_answer script[TIMES];
    unsigned whole = 0;
    struct rig r;

    (void)state;
    for (size_t i = 0; i < TIMES; i++)
        script[i] = (struct raw_answer){ .bytes = OK_HEAD "Content-Length: 0\r\n\r\n" };
    rig_open(&r, script, TIMES);
    for (size_t i = 0; i < TIMES; i++) {
        arena_free(&r.arena);
        r.arena.max = i;
        r.answer = (struct stripe_response){ 0 };
        enum status st = get(&r, "/v1/balance");
        assert_true(st == ST_OK || st == ST_LIMIT);
        assert_true(str_eqz(r.answer.request_id, st == ST_OK ? "req_1" : ""));
        whole += st == ST_OK;
    }
    assert_in_range(whole, 1, TIMES - 1);
    rig_close(&r);
}

static void endless_headers_are_refused(void **state)
{
    enum { HEADER = 1000, TIMES = 100 };
    char *bytes = malloc(HEADER * TIMES + 100);
    struct rig r;

    (void)state;
    size_t n = (size_t)sprintf(bytes, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i < TIMES; i++) {
        memset(bytes + n, 'h', HEADER);
        bytes[n + 10] = ':';
        memcpy(bytes + n + HEADER - 2, "\r\n", 2);
        n += HEADER;
    }
    assert_int_equal(one(&r, (struct raw_answer){ bytes, n, RAW_CLOSE }), ST_LIMIT);
    rig_close(&r);
    free(bytes);
}

static void a_server_that_is_away_is_named(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, NULL, 0);
    raw_server_stop(r.server); /* its port is closed now */
    assert_int_equal(get(&r, "/v1/balance"), ST_RETRY);
    assert_says(&r.error, "was not sent: no connection to http://127.0.0.1:");
    assert_says(&r.error, "check the network");
    rig_close(&r);
}

static void what_no_request_may_hold_is_refused(void **state)
{
    static const struct stripe_request bad[] = {
        { .path = { "v1/balance", 10 } },
        { .path = { "/v1/bal ance", 12 } },
        { .path = { "/v1/x\r\nA: b", 11 } },
        { .path = { "/v1/x?y", 7 } },
        { .path = { "/v1/x#y", 7 } },
        { .path = { "/v1/x", 5 }, .query = { "a=b c", 5 } },
        { .path = { "/v1/x", 5 }, .account = { "acct_1\r\nA: b", 12 } },
        { .method = STRIPE_POST, .path = { "/v1/x", 5 }, .idem_key = { "k\nA: b", 6 } },
    };
    struct rig r;

    (void)state;
    rig_open(&r, NULL, 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        error_clear(&r.error);
        assert_int_equal(stripe_call(r.client, &bad[i], &r.answer, &r.arena, &r.error), ST_INVALID);
    }
    raw_server_stop(r.server);
    assert_int_equal(raw_server_connections(r.server), 0);
    rig_close(&r);
}

static enum status open_at(const char *url, const char *key, struct error *e)
{
    struct stripe *client = NULL;
    struct secret secret = { 0 };

    assert_true(secret_set(&secret, str_of(key)));
    error_clear(e);
    enum status st = stripe_http_open(
        &client,
        &(struct stripe_http_options){ str_of(url), &secret, &frozen_clock, .total_ms_max = 1 }, e);
    if (st == ST_OK)
        stripe_close(client);
    else
        assert_null(client);
    return st;
}

static void plain_http_goes_to_loopback_alone(void **state)
{
    static const char *const good[] = {
        "",
        "https://api.stripe.com",
        "https://stripe.example:8443/base/",
        "http://127.0.0.1:12111",
        "http://127.9.8.7",
        "http://[::1]:12111/",
        "http://localhost:12111",
        "HTTP://LOCALHOST",
    };
    static const char *const bad[] = {
        "http://api.stripe.com", "http://10.0.0.1:80",
        "http://128.0.0.1",      "http://127.0.0.1.evil.com",
        "http://localhost.evil", "http://[::2]",
        "http://0.0.0.0",        "http://127.0.0.1@evil.com",
        "ftp://127.0.0.1",       "file:///etc/passwd",
        "127.0.0.1:80",          "https://",
        "https://user@x",        "https://x/?a=b",
        "https://x/#a",          "https://sk_test_1:@api.stripe.com",
    };
    struct error e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        if (open_at(good[i], KEY, &e) != ST_OK)
            fail_msg("%s: %s", good[i], e.text);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (open_at(bad[i], KEY, &e) != ST_INVALID)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(e.text, "api_base"));
        assert_null(strstr(e.text, "sk_test"));
    }
    assert_int_equal(open_at("", "", &e), ST_INVALID);
    assert_int_equal(open_at("", "   ", &e), ST_INVALID);
    assert_non_null(strstr(e.text, "STRIPE_SECRET_KEY"));
}

/* One call on a thread of its own to a server that never answers. */
struct hanging {
    pthread_t thread;
    struct stripe *client;
    enum stripe_method method;
    enum status told;
    struct error error;
};

static void *call_once(void *ctx)
{
    struct hanging *h = ctx;
    ARENA(arena, 1 << 16);
    struct stripe_request q = { .method = h->method, .path = S("/v1/x"), .idem_key = S("key") };
    struct stripe_response answer = { 0 };

    h->told = stripe_call(h->client, &q, &answer, &arena, &h->error);
    return NULL;
}

static void a_closing_client_ends_what_is_under_way(void **state)
{
    static const struct raw_answer script[] = { { "HTTP/1.1 2", 0, RAW_HOLD },
                                                { "HTTP/1.1 2", 0, RAW_HOLD },
                                                { "HTTP/1.1 2", 0, RAW_HOLD } };
    struct hanging call[] = { { .method = STRIPE_GET },
                              { .method = STRIPE_POST },
                              { .method = STRIPE_DELETE } };
    struct rig r;

    (void)state;
    rig_open(&r, script, COUNT(script));
    for (size_t i = 0; i < COUNT(call); i++) {
        call[i].client = r.client;
        assert_int_equal(pthread_create(&call[i].thread, NULL, call_once, &call[i]), 0);
    }
    raw_server_await(r.server, COUNT(script));
    stripe_http_abandon(r.client);
    for (size_t i = 0; i < COUNT(call); i++) {
        pthread_join(call[i].thread, NULL);
        assert_says(&call[i].error, "Brindle is closing");
    }
    assert_int_equal(call[0].told, ST_REFUSED);
    for (size_t i = 1; i < COUNT(call); i++) { /* they may have changed something */
        assert_int_equal(call[i].told, ST_RETRY);
        assert_says(&call[i].error, "unknown");
    }
    assert_int_equal(get(&r, "/v1/balance"), ST_REFUSED);
    assert_says(&r.error, "was not sent: Brindle is closing");
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), COUNT(script));
    rig_close(&r);
}

enum { THREADS = 6, CALLS_EACH = 8 };

static void *call_often(void *ctx)
{
    struct rig *shared = ctx;

    for (size_t i = 0; i < CALLS_EACH; i++) {
        ARENA(arena, 1 << 16);
        struct stripe_request q = { .path = S("/v1/balance") };
        struct stripe_response answer = { 0 };
        struct error e = { 0 };
        if (stripe_call(shared->client, &q, &answer, &arena, &e) != ST_OK ||
            answer.http_status != 200 || !str_eqz(answer.body, "{}"))
            return ctx;
    }
    return NULL;
}

static void many_threads_share_one_client(void **state)
{
    struct raw_answer script[THREADS * CALLS_EACH];
    pthread_t thread[THREADS];
    struct rig r;

    (void)state;
    for (size_t i = 0; i < COUNT(script); i++)
        script[i] =
            (struct raw_answer){ .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}", 0, RAW_KEEP };
    rig_open(&r, script, COUNT(script));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, call_often, &r), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), THREADS * CALLS_EACH);
    assert_in_range(raw_server_connections(r.server), 1, THREADS);
    rig_close(&r);
}

static atomic_int sockets_left = -1; /* until one fails; -1: none will */

/* libcurl's, too: the program's own names come before libc's. */
int socket(int domain, int type, int protocol)
{
    if (atomic_load(&sockets_left) >= 0 && atomic_fetch_sub(&sockets_left, 1) == 0) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_socket, domain, type, protocol);
}

static void a_socket_that_cannot_be_opened_is_tried_again_later(void **state)
{
    static const struct raw_answer script[] = { { .bytes = OK_HEAD "Content-Length: 2\r\n\r\n{}" },
                                                { .bytes =
                                                      OK_HEAD "Content-Length: 2\r\n\r\n{}" } };
    unsigned failed = 0;

    (void)state;
    for (int n = 0; n < 4; n++) {
        struct rig r;
        rig_open(&r, script, COUNT(script));
        atomic_store(&sockets_left, n);
        enum status st = get(&r, "/v1/balance");
        atomic_store(&sockets_left, -1);
        assert_true(st == ST_OK || st == ST_RETRY);
        if (st == ST_RETRY) {
            assert_says(&r.error, "was not sent");
            failed++;
        }
        error_clear(&r.error);
        assert_int_equal(get(&r, "/v1/balance"), ST_OK);
        rig_close(&r);
    }
    assert_true(failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_that_cannot_be_opened_is_tried_again_later),
        cmocka_unit_test(an_answer_comes_whole_with_its_headers),
        cmocka_unit_test(an_answer_tells_which_key_asked_and_nothing_else_of_it),
        cmocka_unit_test(a_limit_names_its_reason),
        cmocka_unit_test(a_request_carries_its_key_version_and_account),
        cmocka_unit_test(a_get_and_a_delete_carry_neither_body_nor_idempotency_key),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_delete_is_never_sent_twice),
        cmocka_unit_test(a_chunked_answer_comes_whole),
        cmocka_unit_test(an_interim_answer_is_passed_over),
        cmocka_unit_test(an_answer_that_has_no_body_needs_no_length),
        cmocka_unit_test(a_redirect_is_an_answer),
        cmocka_unit_test(an_answer_that_is_no_json_is_still_an_answer),
        cmocka_unit_test(what_is_no_whole_answer_is_never_taken_for_one),
        cmocka_unit_test(a_slow_answer_ends_with_the_time_out),
        cmocka_unit_test(a_deadline_shortens_the_time_out),
        cmocka_unit_test(a_request_whose_deadline_has_passed_is_not_sent),
        cmocka_unit_test(a_huge_answer_is_refused),
        cmocka_unit_test(a_small_arena_never_holds_half_an_answer),
        cmocka_unit_test(endless_headers_are_refused),
        cmocka_unit_test(a_server_that_is_away_is_named),
        cmocka_unit_test(what_no_request_may_hold_is_refused),
        cmocka_unit_test(plain_http_goes_to_loopback_alone),
        cmocka_unit_test(a_closing_client_ends_what_is_under_way),
        cmocka_unit_test(many_threads_share_one_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
