/* The HTTP server over real sockets: what a client sees. */
#include "http_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NEVER_MS = 1000000000 }; /* a deadline that no test lives to see */

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

static void check_answer(struct answer a, int status, const char *body, int line)
{
    if (a.status == status && str_eqz(a.body, body))
        return;
    print_error("got %d \"%.*s\", want %d \"%s\"\n", a.status, STR_ARG(a.body), status, body);
    _fail(__FILE__, line);
}

#define assert_answer(a, status, body) check_answer((a), (status), (body), __LINE__)

static uint64_t timeouts(const struct http_counters *n)
{
    return n->timeouts;
}

static uint64_t refused(const struct http_counters *n)
{
    return n->refused_connections;
}

static uint64_t connections(const struct http_counters *n)
{
    return n->connections;
}

/* ---- Answers ---- */

static void an_answer_has_a_length_and_a_date_and_names_no_server(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    struct answer a =
        client_ask(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    assert_answer(a, 200, "hello");
    assert_strz(answer_header(&a, "Content-Length"), "5");
    assert_strz(answer_header(&a, "Content-Type"), "text/plain");
    str date = answer_header(&a, "Date");
    assert_true(date.n == 29 && str_ends(date, S(" GMT")) && !str_starts(date, S("Thu, 01 Jan")));
    assert_int_equal(answer_header(&a, "Server").n, 0);
    assert_int_equal(answer_header(&a, "Connection").n, 0);
    assert_true(str_starts(a.head, S("HTTP/1.1 200 OK\r\n")));
    client_close(&c);
    rig_close(&r);
}

static void a_connection_serves_one_request_after_another(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    for (int i = 0; i < 3; i++) {
        assert_answer(client_ask(&c, GET("/target?a=b")), 200, "GET /target?a=b");
        assert_answer(client_ask(&c, "POST /echo HTTP/1.1\r\nHost: h\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                      200, "abc");
    }
    assert_int_equal(http_server_counters(r.server).requests, 6);
    assert_int_equal(http_server_counters(r.server).connections, 1);
    client_close(&c);
    rig_close(&r);
}

static void an_answer_to_head_has_the_length_and_no_body(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    rig_reply(&r, (struct http_response){ .status = 200, .body = S("hello") });
    client_open(&c, &r);
    client_send(&c, "HEAD /reply HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer a = client_read(&c, true);
    assert_int_equal(a.status, 200);
    assert_strz(answer_header(&a, "Content-Length"), "5");
    assert_answer(client_ask(&c, GET("/target")), 200, "GET /target?");
    client_close(&c);
    rig_close(&r);
}

static void answers_204_and_304_have_no_body(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    for (int status = 204; status <= 304; status += 100) {
        rig_open(&r, (struct http_options){ 0 });
        rig_reply(&r, (struct http_response){ .status = status, .body = S("hello") });
        client_open(&c, &r);
        client_send(&c, GET("/reply"));
        struct answer a = client_read(&c, true);
        assert_int_equal(a.status, status);
        assert_strz(answer_header(&a, "Content-Length"), status == 204 ? "" : "5");
        assert_answer(client_ask(&c, GET("/target")), 200, "GET /target?");
        client_close(&c);
        rig_close(&r);
    }
}

static void a_header_of_an_answer_cannot_forge_another(void **state)
{
    const struct http_header header[] = { { S("X-Echo"), S("a\r\nSet-Cookie: b") } };
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    rig_reply(&r, (struct http_response){ .status = 200, .header = header, .n_headers = 1 });
    client_open(&c, &r);
    struct answer a = client_ask(&c, GET("/reply"));
    assert_strz(answer_header(&a, "X-Echo"), "a  Set-Cookie: b");
    assert_int_equal(answer_header(&a, "Set-Cookie").n, 0);
    client_close(&c);
    rig_close(&r);
}

static void a_connection_is_kept_or_closed_as_the_request_asks(void **state)
{
    static const struct {
        const char *request;
        const char *connection;
        bool kept;
    } row[] = {
        { "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "", true },
        { "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close", false },
        { "GET /echo HTTP/1.0\r\n\r\n", "close", false },
        { "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", true },
    };
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    for (size_t i = 0; i < COUNT(row); i++) {
        struct client c;
        client_open(&c, &r);
        struct answer a = client_ask(&c, row[i].request);
        assert_for(row[i].request, a.status == 200);
        assert_for(row[i].request, str_eqz(answer_header(&a, "Connection"), row[i].connection));
        if (row[i].kept)
            assert_for(row[i].request, client_ask(&c, GET("/echo")).status == 200);
        else
            assert_for(row[i].request, client_read(&c, false).status == 0);
        client_close(&c);
    }
    rig_close(&r);
}

static void the_handler_can_end_a_connection(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    rig_reply(&r, (struct http_response){ .status = 429, .close = true });
    client_open(&c, &r);
    struct answer a = client_ask(&c, GET("/reply") GET("/echo"));
    assert_int_equal(a.status, 429);
    assert_strz(answer_header(&a, "Connection"), "close");
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    rig_close(&r);
    assert_int_equal(r.handled, 1);
}

static void a_client_that_ends_its_side_still_gets_its_answers(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    client_send(&c, GET("/hold") GET("/target?2"));
    shutdown(c.fd, SHUT_WR);
    rig_wait_held(&r, 1);
    rig_release(&r);
    assert_answer(client_read(&c, false), 200, "/hold");
    assert_answer(client_read(&c, false), 200, "GET /target?2");
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    rig_close(&r);
}

static void the_end_of_a_connection_is_seen_when_it_comes_with_the_request(void **state)
{
    struct client gate, c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .idle_ms_max = NEVER_MS });
    client_open(&c, &r);
    assert_answer(client_ask(&c, GET("/target?1")), 200, "GET /target?1");
    client_open(&gate, &r);
    client_send(&gate, GET("/gate"));
    while (sem_wait(&r.at_gate) != 0)
        continue;
    client_send(&c, GET("/target?2")); /* the loop stands; it will see both at once */
    shutdown(c.fd, SHUT_WR);
    rig_open_gate(&r);
    assert_answer(client_read(&c, false), 200, "GET /target?2");
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    client_close(&gate);
    rig_close(&r);
}

static void expect_100_continue_is_answered_before_the_body(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ .body_bytes_max = 100 });
    client_open(&c, &r);
    client_send(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n");
    assert_int_equal(client_read(&c, true).status, 100);
    assert_answer(client_ask(&c, "hello"), 200, "hello");
    client_send(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                    "Content-Length: 500\r\n\r\n");
    assert_int_equal(client_read(&c, false).status, 413); /* and not first 100 */
    client_close(&c);
    rig_close(&r);
}

/* ---- Pipelines, turns, threads ---- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    enum { N = 300 }; /* more than one turn takes */
    BUF(all, 1 << 20);
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    for (int i = 0; i < N; i++)
        buf_printf(&all, "GET /%s?%d HTTP/1.1\r\nHost: h\r\n\r\n",
                   i % 100 == 99 ? "turn" : "target", i);
    assert_true(client_try_send(&c, buf_str(&all)));
    shutdown(c.fd, SHUT_WR);
    for (int i = 0; i < N; i++) {
        char want[64];
        snprintf(want, sizeof want, "GET /target?%d", i);
        assert_answer(client_read(&c, false), 200, i % 100 == 99 ? "turn" : want);
    }
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    rig_close(&r);
    assert_int_equal(r.handled, N);
}

static void a_long_pipeline_leaves_turns_to_others(void **state)
{
    enum { N = 1000 };
    BUF(all, 1 << 20);
    struct client c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    buf_append(&all, S(GET("/gate")));
    for (int i = 0; i < N; i++)
        buf_append(&all, S(GET("/echo")));
    assert_true(client_try_send(&c, buf_str(&all)));
    while (sem_wait(&r.at_gate) != 0)
        continue;
    rig_open_gate(&r); /* now all of them have come */
    for (int i = 0; i <= N; i++)
        assert_answer(client_read(&c, false), 200, "");
    client_close(&c);
    rig_close(&r);
    assert_true(r.turns >= 5 && r.handled_in_a_turn_max <= N / 4);
}

static void pipelined_requests_wait_for_the_answer_of_another_thread(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    client_send(&c, GET("/target?1") GET("/hold?2") GET("/target?3") GET("/hold?4") GET("/turn"));
    assert_answer(client_read(&c, false), 200, "GET /target?1");
    rig_wait_held(&r, 1);
    rig_release(&r);
    assert_answer(client_read(&c, false), 200, "/hold?2");
    assert_answer(client_read(&c, false), 200, "GET /target?3");
    rig_wait_held(&r, 1);
    rig_release(&r);
    assert_answer(client_read(&c, false), 200, "/hold?4");
    assert_answer(client_read(&c, false), 200, "turn");
    client_close(&c);
    rig_close(&r);
}

static void a_request_may_come_byte_by_byte_behind_another(void **state)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    for (size_t i = 0; i < sizeof text - 1; i++)
        assert_true(client_try_send(&c, (str){ text + i, 1 }));
    assert_answer(client_read(&c, false), 200, "hello");
    assert_answer(client_read(&c, false), 200, "abc");
    client_close(&c);
    rig_close(&r);
}

static void large_bodies_arrive_whole_with_a_pipelined_request_behind_them(void **state)
{
    BUF(all, 4 << 20);
    BUF(body, 1 << 20);
    struct rig r;
    struct client c;

    (void)state;
    for (int i = 0; body.n < (1 << 20) - 100; i++)
        buf_printf(&body, "%d,", i);
    buf_printf(&all, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", body.n);
    buf_append(&all, buf_str(&body));
    buf_append(&all, S("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (size_t at = 0; at < body.n; at += 1001) {
        size_t n = body.n - at < 1001 ? body.n - at : 1001;
        buf_printf(&all, "%zx\r\n%.*s\r\n", n, (int)n, body.p + at);
    }
    buf_append(&all, S("0\r\n\r\n" GET("/target")));
    assert_false(all.failed || body.failed);
    buf_char(&body, 0);

    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    assert_true(client_try_send(&c, buf_str(&all)));
    struct answer a = client_read(&c, false);
    assert_true(a.status == 200 && str_eqz(a.body, body.p));
    a = client_read(&c, false);
    assert_true(a.status == 200 && str_eqz(a.body, body.p));
    assert_answer(client_read(&c, false), 200, "GET /target?");
    client_close(&c);
    rig_close(&r);
}

static void replies_of_another_thread_reach_every_connection(void **state)
{
    enum { N = 200 };
    struct client c[N];
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < N; i++) {
            char request[64];
            if (round == 0)
                client_open(&c[i], &r);
            snprintf(request, sizeof request, GET("/hold?%zu"), i);
            client_send(&c[i], request);
        }
        rig_wait_held(&r, N);
        rig_release(&r);
        for (size_t i = 0; i < N; i++) {
            char want[64];
            snprintf(want, sizeof want, "/hold?%zu", i);
            assert_answer(client_read(&c[i], false), 200, want);
        }
    }
    for (size_t i = 0; i < N; i++)
        client_close(&c[i]);
    rig_close(&r);
}

static void turn_is_called_once_for_all_requests_of_a_turn(void **state)
{
    enum { N = 20 };
    struct client gate, c[N];
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&gate, &r);
    for (size_t i = 0; i < N; i++) {
        client_open(&c[i], &r);
        assert_int_equal(client_ask(&c[i], GET("/echo")).status, 200);
    }
    client_send(&gate, GET("/gate"));
    while (sem_wait(&r.at_gate) != 0)
        continue;
    for (size_t i = 0; i < N; i++) /* the loop stands: all of these wait for its next turn */
        client_send(&c[i], GET("/turn"));
    rig_open_gate(&r);
    assert_int_equal(client_read(&gate, false).status, 200);
    for (size_t i = 0; i < N; i++) {
        assert_answer(client_read(&c[i], false), 200, "turn");
        client_close(&c[i]);
    }
    client_close(&gate);
    rig_close(&r);
    assert_int_equal(r.handled_in_a_turn_max, N);
    assert_int_equal(r.handled_since_turn, 0);
}

static void a_client_that_is_gone_before_its_answer_harms_nobody(void **state)
{
    struct linger none = { .l_onoff = 1 };
    struct client c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .connections_max = 1 });
    for (int i = 0; i < 5; i++) {
        client_open(&c, &r);
        client_send(&c, GET("/hold"));
        rig_wait_held(&r, 1);
        uint64_t open_before = http_server_counters(r.server).open_connections;
        if (i % 2) /* a reset; else it just closes */
            setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        client_close(&c);
        while (i % 2 && http_server_counters(r.server).open_connections == open_before)
            usleep(1000); /* the server knows before the handler answers */
        rig_release(&r);
        for (struct answer a = { .status = 503 }; a.status == 503; client_close(&c)) {
            client_open(&c, &r); /* refused until the slot is free again */
            client_try_send(&c, S(GET("/target")));
            a = client_read(&c, false);
            assert_true(a.status == 200 || a.status == 503);
        }
    }
    rig_close(&r);
}

/* ---- What is refused ---- */

static void a_smuggled_request_is_never_served(void **state)
{
    static const struct {
        const char *text;
        int status;
    } row[] = {
        { "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: "
          "chunked\r\n\r\n"
          "0\r\n\r\n" GET("/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: "
          "6\r\n\r\n"
          "0\r\n\r\n" GET("/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" GET(
              "/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" GET(
              "/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n" GET("/hold"), 400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length : 44\r\n\r\n" GET("/hold"), 400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n" GET("/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n" GET(
              "/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nX: y\rContent-Length: 44\r\n\r\n" GET("/hold"), 400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nX: y\nContent-Length: 44\r\n\r\n" GET("/hold"), 400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nX:\r\n Content-Length: 44\r\n\r\n" GET("/hold"), 400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          "0\nX\r\n\r\n" GET("/hold"),
          400 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          "1\r\naa\r\n0\r\n\r\n" GET("/hold"),
          400 },
        { "GET /echo\r\n" GET("/hold"), 400 },
        { "\n" GET("/hold"), 400 },
        { "GET /echo HTTP/1.1\r\n\r\n" GET("/hold"), 400 },
    };
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    for (size_t i = 0; i < COUNT(row); i++) {
        struct client c;
        client_open(&c, &r);
        struct answer a = client_ask(&c, row[i].text);
        if (a.status != row[i].status)
            print_error("%d\n", a.status);
        assert_for(row[i].text, a.status == row[i].status);
        assert_for(row[i].text, str_eqz(answer_header(&a, "Connection"), "close"));
        assert_for(row[i].text, client_read(&c, false).status == 0);
        client_close(&c);
    }
    assert_int_equal(http_server_counters(r.server).malformed, COUNT(row));
    rig_close(&r);
    assert_int_equal(r.handled, 0);
}

static void a_good_request_before_a_bad_one_is_answered_first(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    client_send(&c, GET("/target") "BAD\r\n\r\n" GET("/target"));
    assert_answer(client_read(&c, false), 200, "GET /target?");
    assert_int_equal(client_read(&c, false).status, 400);
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    rig_close(&r);
}

static void what_is_too_large_is_refused_and_the_refusal_is_heard(void **state)
{
    static const struct {
        const char *head, *tail;
        int status;
    } row[] = {
        { "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n", "xxxxxxxx", 413 },
        { "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
          "8\r\nxxxxxxxx\r\n", 413 },
        { "GET /echo HTTP/1.1\r\nHost: h\r\n", "X-Header: y\r\n", 431 },
        { "GET /echo", "xxxxxxx", 431 },
    };
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .body_bytes_max = 1000, .header_bytes_max = 1000 });
    for (size_t i = 0; i < COUNT(row); i++) {
        BUF(text, 1 << 20);
        struct client c;
        client_open(&c, &r);
        buf_append(&text, str_of(row[i].head));
        while (text.n < 200000)
            buf_append(&text, str_of(row[i].tail));
        client_try_send(&c, buf_str(&text)); /* a client that sends all before it reads */
        struct answer a = client_read(&c, false);
        assert_for(row[i].head, a.status == row[i].status);
        assert_for(row[i].head, str_eqz(answer_header(&a, "Connection"), "close"));
        client_close(&c);
    }
    assert_int_equal(http_server_counters(r.server).too_large, COUNT(row));
    rig_close(&r);
}

static void one_connection_too_many_is_answered_503(void **state)
{
    struct client first, second, third;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .connections_max = 1 });
    client_open(&first, &r);
    assert_answer(client_ask(&first, GET("/target")), 200, "GET /target?");
    client_open(&second, &r);
    assert_int_equal(client_read(&second, false).status, 503);
    assert_int_equal(client_read(&second, false).status, 0);
    for (int i = 0; i < 3; i++) /* a request that crosses the refusal provokes no reset */
        assert_true(client_try_send(&second, S(GET("/target"))));
    rig_wait_count(&r, refused, 1);
    assert_answer(client_ask(&first, GET("/target")), 200, "GET /target?");
    client_close(&first);
    client_close(&second);
    for (int status = 503; status == 503; client_close(&third)) {
        client_open(&third, &r);
        client_try_send(&third, S(GET("/target")));
        status = client_read(&third, false).status;
        assert_true(status == 200 || status == 503);
    }
    rig_close(&r);
}

static void more_connections_than_can_be_refused_politely_are_closed(void **state)
{
    enum { N = 100 };
    struct client c[N];
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .connections_max = 1 });
    for (size_t i = 0; i < N; i++)
        client_open(&c[i], &r);
    assert_answer(client_ask(&c[0], GET("/target")), 200, "GET /target?");
    for (size_t i = 1; i < N; i++) {
        int status = client_read(&c[i], false).status;
        assert_true(status == 503 || status == 0 || status == -1);
    }
    assert_answer(client_ask(&c[0], GET("/target")), 200, "GET /target?");
    assert_int_equal(http_server_counters(r.server).refused_connections, N - 1);
    for (size_t i = 0; i < N; i++)
        client_close(&c[i]);
    rig_close(&r);
}

static void what_all_connections_send_together_is_limited(void **state)
{
    enum { N = 40, BYTES = 100000 };
    static char body[BYTES];
    struct client c[N];
    struct rig r;
    size_t n_refused = 0;

    (void)state;
    rig_open(&r, (struct http_options){ .input_bytes_max = 1 << 20 });
    memset(body, 'x', BYTES);
    for (size_t i = 0; i < N; i++) {
        client_open(&c[i], &r);
        client_send(&c[i], "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n");
        client_try_send(&c[i], (str){ body, BYTES });
    }
    for (size_t i = 0; i < N; i++) {
        client_try_send(&c[i], S("x"));
        int status = client_read(&c[i], false).status;
        assert_true(status == 200 || status == 503);
        n_refused += status == 503;
        client_close(&c[i]);
    }
    assert_true(n_refused > 0 && n_refused < N);
    client_open(&c[0], &r); /* and what was received is given back */
    client_send(&c[0], "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    assert_true(client_try_send(&c[0], (str){ body, BYTES }));
    assert_int_equal(client_read(&c[0], false).status, 200);
    client_close(&c[0]);
    rig_close(&r);
}

/* ---- Deadlines ---- */

static void a_request_that_takes_too_long_is_answered_408(void **state)
{
    static const char *const start[] = {
        "G",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "\r",
    };
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .request_ms_max = 20 });
    for (size_t i = 0; i < COUNT(start); i++) {
        struct client c;
        client_open(&c, &r);
        assert_for(start[i], client_ask(&c, start[i]).status == 408);
        assert_for(start[i], client_read(&c, false).status == 0);
        client_close(&c);
    }
    assert_int_equal(http_server_counters(r.server).timeouts, COUNT(start));
    rig_close(&r);
    assert_int_equal(r.handled, 0);
}

static void bytes_that_keep_coming_do_not_move_the_deadline(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ .request_ms_max = 50, .header_bytes_max = 1 << 20 });
    client_open(&c, &r);
    client_send(&c, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    while (http_server_counters(r.server).timeouts == 0 && client_try_send(&c, S("y")))
        usleep(1000);
    assert_int_equal(client_read(&c, false).status, 408);
    client_close(&c);
    rig_close(&r);
}

static void a_second_request_has_a_deadline_of_its_own(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ .request_ms_max = 20 });
    client_open(&c, &r);
    assert_answer(client_ask(&c, GET("/target")), 200, "GET /target?");
    client_send(&c, GET("/target") "GET /ta");
    assert_answer(client_read(&c, false), 200, "GET /target?");
    assert_int_equal(client_read(&c, false).status, 408);
    client_close(&c);
    rig_close(&r);
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ .idle_ms_max = 20 });
    client_open(&c, &r); /* before a request */
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    client_open(&c, &r); /* and behind one; an empty line is none */
    assert_answer(client_ask(&c, GET("/target") "\r\n"), 200, "GET /target?");
    assert_int_equal(client_read(&c, false).status, 0);
    client_close(&c);
    client_open(&c, &r); /* nor are many */
    while (client_try_send(&c, S("\r\n")))
        usleep(1000);
    client_close(&c);
    assert_int_equal(http_server_counters(r.server).timeouts, 0);
    rig_close(&r);
}

static void the_handler_may_take_longer_than_a_request(void **state)
{
    struct rig r;
    struct client c, d;

    (void)state;
    rig_open(&r,
             (struct http_options){ .request_ms_max = 1, .idle_ms_max = 10, .write_ms_max = 1 });
    client_open(&c, &r);
    client_send(&c, GET("/hold"));
    rig_wait_held(&r, 1);
    client_open(&d, &r);
    assert_int_equal(client_read(&d, false).status, 0); /* idle: so long it has been */
    rig_release(&r);
    assert_answer(client_read(&c, false), 200, "/hold");
    client_close(&c);
    client_close(&d);
    rig_close(&r);
}

static void a_client_that_does_not_read_its_answer_is_reset(void **state)
{
    enum { BYTES = 32 << 20 };
    char *body = calloc(1, BYTES);
    struct rig r;
    struct client c;

    (void)state;
    rig_open(&r, (struct http_options){ .write_ms_max = 20 });
    rig_reply(&r, (struct http_response){ .status = 200, .body = { body, BYTES } });
    client_open(&c, &r);
    client_send(&c, GET("/reply"));
    client_wait_hangup(&c);
    rig_wait_count(&r, timeouts, 1);
    client_close(&c);
    rig_close(&r);
    free(body);
}

static void a_client_that_reads_slowly_gets_all_of_its_answers(void **state)
{
    enum { BYTES = 8 << 20 };
    char *body = malloc(BYTES);
    struct rig r;
    struct client c;

    (void)state;
    memset(body, 'x', BYTES);
    rig_open(&r, (struct http_options){ 0 });
    rig_reply(&r, (struct http_response){ .status = 200, .body = { body, BYTES } });
    client_open(&c, &r);
    client_send(&c, GET("/reply") GET("/target?2") GET("/reply") GET("/target?4"));
    for (int i = 0; i < 2; i++) {
        struct answer a = client_read(&c, false);
        assert_true(a.status == 200 && str_eq(a.body, (str){ body, BYTES }));
        a = client_read(&c, false);
        assert_answer(a, 200, i ? "GET /target?4" : "GET /target?2");
    }
    client_close(&c);
    rig_close(&r);
    free(body);
}

static void running_out_of_descriptors_delays_new_connections_only(void **state)
{
    struct rlimit before, few;
    struct client c, d;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&c, &r);
    assert_answer(client_ask(&c, GET("/target")), 200, "GET /target?");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    client_open(&d, &r); /* the last one that the server can take */
    rig_wait_count(&r, connections, 2);
    client_close(&d);
    int lowest = dup(0);
    close(lowest);
    few.rlim_cur = (rlim_t)lowest + 1; /* one for the client; the server finds none */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    client_open(&d, &r);
    client_send(&d, GET("/target?d"));
    assert_answer(client_ask(&c, GET("/target")), 200, "GET /target?");
    assert_int_equal(http_server_counters(r.server).connections, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_answer(client_read(&d, false), 200, "GET /target?d");
    client_close(&c);
    client_close(&d);
    rig_close(&r);
}

/* ---- Stopping ---- */

static void stopping_answers_what_is_under_way_and_refuses_what_comes(void **state)
{
    struct client held, open_one, late;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    client_open(&held, &r);
    client_open(&open_one, &r);
    assert_answer(client_ask(&open_one, GET("/target")), 200, "GET /target?");
    client_send(&held, GET("/hold"));
    rig_wait_held(&r, 1);
    http_server_stop(r.server);
    struct answer a = client_ask(&open_one, GET("/target"));
    if (a.status == 200) /* it came before the stop was seen */
        a = client_ask(&open_one, GET("/target"));
    assert_int_equal(a.status, 503);
    assert_strz(answer_header(&a, "Connection"), "close");
    assert_false(client_try_open(&late, &r));
    rig_release(&r);
    a = client_read(&held, false);
    assert_answer(a, 200, "/hold");
    assert_strz(answer_header(&a, "Connection"), "close");
    rig_stop(&r);
    assert_int_equal(r.ran, ST_OK);
    client_close(&held);
    client_close(&open_one);
    rig_close(&r);
}

static void a_drain_that_takes_too_long_is_given_up(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .drain_ms_max = 10, .idle_ms_max = NEVER_MS });
    client_open(&c, &r);
    client_send(&c, GET("/hold"));
    rig_wait_held(&r, 1);
    rig_stop(&r);
    assert_int_equal(r.ran, ST_LIMIT);
    rig_release(&r); /* too late, and harmless before the server is closed */
    client_close(&c);
    rig_close(&r);
}

static void a_server_with_nothing_to_do_stops_at_once(void **state)
{
    struct client idle, half;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .drain_ms_max = NEVER_MS, .idle_ms_max = NEVER_MS });
    client_open(&idle, &r);
    assert_answer(client_ask(&idle, GET("/target")), 200, "GET /target?");
    client_open(&half, &r);
    client_send(&half, "GET / HT");
    rig_stop(&r);
    assert_int_equal(r.ran, ST_OK);
    client_close(&idle);
    client_close(&half);
    rig_close(&r);
}

static void a_stop_before_the_start_counts(void **state)
{
    struct rig r;

    (void)state;
    for (int i = 0; i < 20; i++) {
        rig_open(&r, (struct http_options){ 0 });
        rig_stop(&r);
        assert_int_equal(r.ran, ST_OK);
        rig_close(&r);
    }
}

/* ---- The faults of the emulator ---- */

static void a_delayed_answer_holds_up_nobody_else(void **state)
{
    struct client slow, fast;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    rig_reply(&r, (struct http_response){ .status = 200, .body = S("late"), .delay = 100 });
    client_open(&slow, &r);
    client_open(&fast, &r);
    client_send(&slow, GET("/target?1") GET("/reply") GET("/target?3"));
    assert_answer(client_read(&slow, false), 200, "GET /target?1");
    assert_answer(client_ask(&fast, GET("/target")), 200, "GET /target?");
    assert_answer(client_read(&slow, false), 200, "late");
    assert_answer(client_read(&slow, false), 200, "GET /target?3");
    client_close(&slow);
    client_close(&fast);
    rig_close(&r);
}

static void a_delayed_answer_to_a_client_that_is_gone_is_dropped(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ .connections_max = 1 });
    rig_reply(&r, (struct http_response){ .status = 200, .delay = 30 });
    client_open(&c, &r);
    client_send(&c, GET("/reply"));
    client_close(&c);
    for (int status = 503; status == 503; client_close(&c)) {
        client_open(&c, &r);
        client_try_send(&c, S(GET("/target")));
        status = client_read(&c, false).status;
    }
    rig_close(&r);
}

static void a_fault_can_reset_the_connection(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    for (msec delay = 0; delay <= 10; delay += 10) {
        rig_reply(&r, (struct http_response){ .status = 200, .reset = true, .delay = delay });
        client_open(&c, &r);
        assert_answer(client_ask(&c, GET("/target") GET("/reply")), 200, "GET /target?");
        assert_int_equal(client_read(&c, false).status, -1);
        client_close(&c);
    }
    rig_close(&r);
}

static void a_fault_can_cut_the_body_short(void **state)
{
    struct client c;
    struct rig r;

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    rig_reply(&r,
              (struct http_response){ .status = 200, .body = S("0123456789"), .cut_at_bytes = 4 });
    client_open(&c, &r);
    struct answer a = client_ask(&c, GET("/reply"));
    assert_answer(a, -2, "0123");
    assert_strz(answer_header(&a, "Content-Length"), "10");
    client_close(&c);
    rig_close(&r);
}

static void a_fault_can_let_the_body_trickle(void **state)
{
    static char body[1000];
    struct client c;
    struct rig r;

    (void)state;
    memset(body, 'x', sizeof body);
    rig_open(&r, (struct http_options){ .write_ms_max = 1 });
    rig_reply(&r,
              (struct http_response){ .status = 200, .body = { body, sizeof body }, .trickle = 2 });
    client_open(&c, &r);
    client_send(&c, GET("/reply") GET("/target?2"));
    struct answer a = client_read(&c, false);
    assert_true(a.status == 200 && str_eq(a.body, (str){ body, sizeof body }));
    assert_answer(client_read(&c, false), 200, "GET /target?2");
    client_close(&c);
    rig_close(&r);
}

/* ---- Opening ---- */

static enum status try_open(const char *listen, struct error *e)
{
    struct http_options o = { .listen = str_of(listen) };
    struct http_server *s = NULL;

    *e = (struct error){ 0 };
    enum status st = http_server_open(&s, &o, e);
    assert_true((st == ST_OK) == (s != NULL));
    http_server_close(s);
    return st;
}

static void an_address_in_use_is_a_conflict(void **state)
{
    struct error e;
    struct rig r;
    char listen[32];

    (void)state;
    rig_open(&r, (struct http_options){ 0 });
    snprintf(listen, sizeof listen, "127.0.0.1:%u", http_server_port(r.server));
    assert_int_equal(try_open(listen, &e), ST_CONFLICT);
    assert_non_null(strstr(e.text, listen));
    rig_close(&r);
    assert_int_equal(try_open(listen, &e), ST_OK);
}

static void an_address_that_is_not_ours_is_refused(void **state)
{
    struct error e;

    (void)state;
    assert_int_equal(try_open("192.0.2.1:0", &e), ST_REFUSED);
    assert_int_equal(try_open("192.0.2.1", &e), ST_INVALID);
}

static void addresses_are_read_and_loopback_is_told_apart(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
        bool loopback;
        enum status want;
    } row[] = {
        { "127.0.0.1:8420", "127.0.0.1", 8420, true, ST_OK },
        { "127.9.9.9:1", "127.9.9.9", 1, true, ST_OK },
        { "localhost:0", "localhost", 0, true, ST_OK },
        { "[::1]:65535", "::1", 65535, true, ST_OK },
        { "[::]:80", "::", 80, false, ST_OK },
        { "0.0.0.0:80", "0.0.0.0", 80, false, ST_OK },
        { "example.com:80", "example.com", 80, false, ST_OK },
        { "127.0.0.1.example.com:80", "127.0.0.1.example.com", 80, false, ST_OK },
        { "", "", 0, false, ST_INVALID },
        { "127.0.0.1", "", 0, false, ST_INVALID },
        { ":80", "", 0, false, ST_INVALID },
        { "h:", "", 0, false, ST_INVALID },
        { "h:65536", "", 0, false, ST_INVALID },
        { "h:-1", "", 0, false, ST_INVALID },
        { "h:8x", "", 0, false, ST_INVALID },
        { "::1:80", "", 0, false, ST_INVALID },
        { "[::1:80", "", 0, false, ST_INVALID },
        { "[::1]80", "", 0, false, ST_INVALID },
        { "[]:80", "", 0, false, ST_INVALID },
        { "[h]:80", "", 0, false, ST_INVALID },
        { "0123456789012345678901234567890123456789012345678901234567890123:1", "", 0, false,
          ST_INVALID },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct http_address a = { .port = 77 };
        struct error e = { 0 };
        assert_for(row[i].text, http_address_parse(str_of(row[i].text), &a, &e) == row[i].want);
        if (row[i].want == ST_OK)
            assert_for(row[i].text, strcmp(a.host, row[i].host) == 0 && a.port == row[i].port &&
                                        a.loopback == row[i].loopback);
        else
            assert_for(row[i].text, a.port == 77 && e.text[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_a_length_and_a_date_and_names_no_server),
        cmocka_unit_test(a_connection_serves_one_request_after_another),
        cmocka_unit_test(an_answer_to_head_has_the_length_and_no_body),
        cmocka_unit_test(answers_204_and_304_have_no_body),
        cmocka_unit_test(a_header_of_an_answer_cannot_forge_another),
        cmocka_unit_test(a_connection_is_kept_or_closed_as_the_request_asks),
        cmocka_unit_test(the_handler_can_end_a_connection),
        cmocka_unit_test(a_client_that_ends_its_side_still_gets_its_answers),
        cmocka_unit_test(the_end_of_a_connection_is_seen_when_it_comes_with_the_request),
        cmocka_unit_test(expect_100_continue_is_answered_before_the_body),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_long_pipeline_leaves_turns_to_others),
        cmocka_unit_test(pipelined_requests_wait_for_the_answer_of_another_thread),
        cmocka_unit_test(a_request_may_come_byte_by_byte_behind_another),
        cmocka_unit_test(large_bodies_arrive_whole_with_a_pipelined_request_behind_them),
        cmocka_unit_test(replies_of_another_thread_reach_every_connection),
        cmocka_unit_test(turn_is_called_once_for_all_requests_of_a_turn),
        cmocka_unit_test(a_client_that_is_gone_before_its_answer_harms_nobody),
        cmocka_unit_test(a_smuggled_request_is_never_served),
        cmocka_unit_test(a_good_request_before_a_bad_one_is_answered_first),
        cmocka_unit_test(what_is_too_large_is_refused_and_the_refusal_is_heard),
        cmocka_unit_test(one_connection_too_many_is_answered_503),
        cmocka_unit_test(more_connections_than_can_be_refused_politely_are_closed),
        cmocka_unit_test(what_all_connections_send_together_is_limited),
        cmocka_unit_test(a_request_that_takes_too_long_is_answered_408),
        cmocka_unit_test(bytes_that_keep_coming_do_not_move_the_deadline),
        cmocka_unit_test(a_second_request_has_a_deadline_of_its_own),
        cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(the_handler_may_take_longer_than_a_request),
        cmocka_unit_test(a_client_that_does_not_read_its_answer_is_reset),
        cmocka_unit_test(a_client_that_reads_slowly_gets_all_of_its_answers),
        cmocka_unit_test(running_out_of_descriptors_delays_new_connections_only),
        cmocka_unit_test(stopping_answers_what_is_under_way_and_refuses_what_comes),
        cmocka_unit_test(a_drain_that_takes_too_long_is_given_up),
        cmocka_unit_test(a_server_with_nothing_to_do_stops_at_once),
        cmocka_unit_test(a_stop_before_the_start_counts),
        cmocka_unit_test(a_delayed_answer_holds_up_nobody_else),
        cmocka_unit_test(a_delayed_answer_to_a_client_that_is_gone_is_dropped),
        cmocka_unit_test(a_fault_can_reset_the_connection),
        cmocka_unit_test(a_fault_can_cut_the_body_short),
        cmocka_unit_test(a_fault_can_let_the_body_trickle),
        cmocka_unit_test(an_address_in_use_is_a_conflict),
        cmocka_unit_test(an_address_that_is_not_ours_is_refused),
        cmocka_unit_test(addresses_are_read_and_loopback_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
