#include <semaphore.h>
/* The HTTP server over real sockets: what a well-behaved client sees. */
#include "http_rig.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* ---- Opening ---- */

static enum status could_listen(unsigned port, const char *host, const char *held,
                                unsigned held_port)
{
    struct error e = { 0 };
    char listen[64];

    snprintf(listen, sizeof listen, "%s:%u", host, port);
    enum status st = http_listen_try(str_of(listen), str_of(held), held_port, &e);
    if (st != ST_OK)
        assert_non_null(strstr(e.text, "cannot listen on"));
    return st;
}

static void an_address_is_free_for_who_lets_go_of_it(void **state)
{
    struct rig r;
    (void)state;

    rig_open(&r, (struct http_options){ 0 });
    unsigned port = http_server_port(r.server);
    assert_int_equal(could_listen(port, "127.0.0.1", "127.0.0.1:1", 0), ST_CONFLICT);
    assert_int_equal(could_listen(port, "127.0.0.1", "127.0.0.1:0", port), ST_OK);
    assert_int_equal(could_listen(port, "127.1", "127.0.0.1:0", port), ST_OK);
    assert_int_equal(could_listen(port, "127.0.0.1", "0.0.0.0:0", port), ST_OK);
    assert_int_equal(could_listen(port, "127.0.0.1", "127.0.0.2:0", port), ST_CONFLICT);
    assert_int_equal(could_listen(0, "127.0.0.1", "127.0.0.2:0", port), ST_OK);
    rig_close(&r);
}

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

static void give_and_close(void *ctx, uint64_t id, int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "mine %llu", (unsigned long long)id);

    assert_true(write(fd, text, (size_t)n) == n);
    close(fd);
    sem_post(ctx);
}

static void an_upgraded_connection_is_given_away(void **state)
{
    struct rig r;
    struct client c;
    sem_t given;

    (void)state;
    sem_init(&given, 0, 0);
    rig_open(&r, (struct http_options){ 0 });
    const struct http_header header = { S("Upgrade"), S("something") };
    rig_reply(&r, (struct http_response){ .status = 101,
                                          .header = &header,
                                          .n_headers = 1,
                                          .upgrade = give_and_close,
                                          .upgrade_ctx = &given,
                                          .upgrade_id = 7 });
    client_open(&c, &r);
    client_send(&c, "GET /reply HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                    "Upgrade: something\r\n\r\n");
    struct answer a = client_read(&c, true);
    assert_int_equal(a.status, 101);
    assert_true(str_eqz(answer_header(&a, "Upgrade"), "something"));
    sem_wait(&given);
    char text[32] = "";
    size_t n = c.in.n - c.used; /* it may have come with the answer */
    memcpy(text, c.in.p + c.used, n);
    while (n < strlen("mine 7")) {
        ssize_t k = recv(c.fd, text + n, sizeof text - n - 1, 0);
        assert_true(k > 0);
        n += (size_t)k;
    }
    assert_string_equal(text, "mine 7");
    assert_int_equal(http_server_counters(r.server).open_connections, 0);
    client_close(&c);
    rig_close(&r);
    sem_destroy(&given);
}

/* ---- An accept that fails ---- */

static atomic_int accepts_left = -1; /* until one fails; -1: none will */
static atomic_int accept_error;

/* Comes before libc's. */
int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict n, int flags)
{
    if (atomic_load(&accepts_left) >= 0 && atomic_fetch_sub(&accepts_left, 1) == 0) {
        errno = atomic_load(&accept_error);
        return -1;
    }
    return (int)syscall(SYS_accept4, fd, address.__sockaddr__, n, flags);
}

static void an_accept_that_fails_costs_nobody_an_answer(void **state)
{
    enum { CLIENTS = 3 };
    static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPERM, EINTR };

    (void)state;
    for (size_t i = 0; i < COUNT(errors) * CLIENTS; i++) {
        struct client c[CLIENTS];
        struct rig r;

        rig_open(&r, (struct http_options){ 0 });
        atomic_store(&accept_error, errors[i / CLIENTS]);
        atomic_store(&accepts_left, (int)(i % CLIENTS));
        for (size_t k = 0; k < CLIENTS; k++)
            client_open(&c[k], &r);
        for (size_t k = 0; k < CLIENTS; k++)
            assert_answer(client_ask(&c[k], GET("/target?a")), 200, "GET /target?a");
        assert_true(atomic_load(&accepts_left) < 0);
        for (size_t k = 0; k < CLIENTS; k++)
            client_close(&c[k]);
        rig_close(&r);
        atomic_store(&accepts_left, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accept_that_fails_costs_nobody_an_answer),
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
        cmocka_unit_test(an_upgraded_connection_is_given_away),
        cmocka_unit_test(stopping_answers_what_is_under_way_and_refuses_what_comes),
        cmocka_unit_test(a_drain_that_takes_too_long_is_given_up),
        cmocka_unit_test(a_server_with_nothing_to_do_stops_at_once),
        cmocka_unit_test(a_stop_before_the_start_counts),
        cmocka_unit_test(an_address_in_use_is_a_conflict),
        cmocka_unit_test(an_address_is_free_for_who_lets_go_of_it),
        cmocka_unit_test(an_address_that_is_not_ours_is_refused),
        cmocka_unit_test(addresses_are_read_and_loopback_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
