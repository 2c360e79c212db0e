#include "backend/http_post.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw_server.h"
#include "unit.h"

struct rig {
    struct raw_server *server;
    struct http_poster *poster;
    char url[128];
    int status;
    struct error error;
};

static void rig_open(struct rig *r, const struct raw_answer *script, size_t n)
{
    *r = (struct rig){ .server = raw_server_start(script, n) };
    snprintf(r->url, sizeof r->url, "http://127.0.0.1:%u/hooks?a=b", raw_server_port(r->server));
    assert_int_equal(http_poster_open(&r->poster, &r->error), ST_OK);
}

static void rig_close(struct rig *r)
{
    http_poster_close(r->poster);
    raw_server_free(r->server);
}

static enum status send_to(struct rig *r, const char *url, msec timeout)
{
    const struct post_header header[] = {
        { S("Content-Type"), S("application/json; charset=utf-8") },
        { S("Stripe-Signature"), S("t=1,v1=ab") },
        { S("X-Empty"), S("") },
    };

    error_clear(&r->error);
    return http_poster_send(r->poster, str_of(url), header, COUNT(header), S("{\"id\": \"evt_1\"}"),
                            timeout, &r->status, &r->error);
}

static void a_body_arrives_with_its_headers(void **state)
{
    static const struct raw_answer script[] = {
        { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" }
    };
    struct rig r;

    (void)state;
    rig_open(&r, script, 1);
    assert_int_equal(send_to(&r, r.url, 0), ST_OK);
    assert_int_equal(r.status, 200);
    raw_server_stop(r.server);
    const char *sent = raw_server_request(r.server, 0);
    assert_int_equal(strncmp(sent, "POST /hooks?a=b HTTP/1.1\r\n", 26), 0);
    assert_non_null(strstr(sent, "\r\nContent-Type: application/json; charset=utf-8\r\n"));
    assert_null(strstr(sent, "x-www-form-urlencoded"));
    assert_non_null(strstr(sent, "\r\nStripe-Signature: t=1,v1=ab\r\n"));
    assert_non_null(strstr(sent, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(sent, "\r\n\r\n{\"id\": \"evt_1\"}"));
    rig_close(&r);
}

static void every_status_is_an_answer_and_none_is_followed(void **state)
{
    static const struct raw_answer script[] = {
        { .bytes = "HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" },
        { .bytes = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" },
        { .bytes = "HTTP/1.1 204 Fine\r\n\r\n" },
    };
    static const int status[] = { 307, 500, 204 };
    struct rig r;

    (void)state;
    rig_open(&r, script, COUNT(script));
    for (size_t i = 0; i < COUNT(status); i++) {
        assert_int_equal(send_to(&r, r.url, 0), ST_OK);
        assert_int_equal(r.status, status[i]);
    }
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), 3);
    assert_int_equal(raw_server_connections(r.server), 1);
    rig_close(&r);
}

static void a_long_answer_is_not_waited_for(void **state)
{
    enum { BODY = POST_ANSWER_BYTES_MAX * 2 };
    char *bytes = malloc(BODY + 100);
    struct rig r;

    (void)state;
    assert_non_null(bytes);
    int head = snprintf(bytes, 100, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    memset(bytes + head, 'x', BODY);
    const struct raw_answer script[] = { { bytes, (size_t)head + BODY, RAW_HOLD } };
    rig_open(&r, script, 1);
    assert_int_equal(send_to(&r, r.url, 0), ST_OK);
    assert_int_equal(r.status, 200);
    rig_close(&r);
    free(bytes);
}

static void what_is_no_whole_answer_is_none(void **state)
{
    static const struct raw_answer bad[] = {
        { "", 0, RAW_CLOSE },
        { "", 0, RAW_RESET },
        { "HTTP/1.1 200 OK\r\nContent-Le", 0, RAW_CLOSE },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 0, RAW_CLOSE },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 0, RAW_HOLD },
        { "HTTP/1.1 100 Continue\r\n\r\n", 0, RAW_CLOSE },
        { "SSH-2.0-OpenSSH_9.2\r\n", 0, RAW_CLOSE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct rig r;
        rig_open(&r, &bad[i], 1);
        if (send_to(&r, r.url, 500) != ST_RETRY)
            fail_msg("answer %zu was taken", i);
        assert_int_equal(r.status, 0);
        assert_non_null(strstr(r.error.text, "127.0.0.1 gave no whole answer"));
        rig_close(&r);
    }
}

static void only_http_is_spoken(void **state)
{
    static const char *const bad[] = { "",       "ftp://127.0.0.1/x",   "file:///etc/passwd",
                                       "/hooks", "gopher://127.0.0.1/", "http://" };
    struct rig r;

    (void)state;
    rig_open(&r, NULL, 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (send_to(&r, bad[i], 0) != ST_INVALID)
            fail_msg("%s was taken", bad[i]);
    raw_server_stop(r.server);
    assert_int_equal(send_to(&r, r.url, 0), ST_RETRY); /* nobody is there any more */
    assert_int_equal(raw_server_connections(r.server), 0);
    rig_close(&r);
}

static void a_header_cannot_forge_another(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, NULL, 0);
    const struct post_header bad[] = { { S("A"), S("b\r\nC: d") },
                                       { S("A: b\nC"), S("d") },
                                       { S(""), S("x") } };
    for (size_t i = 0; i < COUNT(bad); i++) {
        error_clear(&r.error);
        assert_int_equal(
            http_poster_send(r.poster, str_of(r.url), &bad[i], 1, S("{}"), 0, &r.status, &r.error),
            ST_INVALID);
    }
    struct post_header many[POST_HEADERS_MAX + 1];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct post_header){ S("A"), S("b") };
    assert_int_equal(http_poster_send(r.poster, str_of(r.url), many, COUNT(many), S("{}"), 0,
                                      &r.status, &(struct error){ 0 }),
                     ST_LIMIT);
    raw_server_stop(r.server);
    assert_int_equal(raw_server_connections(r.server), 0);
    rig_close(&r);
}

enum { THREADS = 4, SENDS_EACH = 10 };

static void *send_often(void *ctx)
{
    struct rig *shared = ctx;

    for (size_t i = 0; i < SENDS_EACH; i++) {
        struct error e = { 0 };
        int status = 0;
        if (http_poster_send(shared->poster, str_of(shared->url), NULL, 0, S("{}"), 0, &status,
                             &e) != ST_OK ||
            status != 200)
            return ctx;
    }
    return NULL;
}

static void several_threads_send_at_once(void **state)
{
    struct raw_answer script[THREADS * SENDS_EACH];
    pthread_t thread[THREADS];
    struct rig r;

    (void)state;
    for (size_t i = 0; i < COUNT(script); i++)
        script[i] = (struct raw_answer){ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
    rig_open(&r, script, COUNT(script));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, send_often, &r), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    raw_server_stop(r.server);
    assert_int_equal(raw_server_requests(r.server), THREADS * SENDS_EACH);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_arrives_with_its_headers),
        cmocka_unit_test(every_status_is_an_answer_and_none_is_followed),
        cmocka_unit_test(a_long_answer_is_not_waited_for),
        cmocka_unit_test(what_is_no_whole_answer_is_none),
        cmocka_unit_test(only_http_is_spoken),
        cmocka_unit_test(a_header_cannot_forge_another),
        cmocka_unit_test(several_threads_send_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
