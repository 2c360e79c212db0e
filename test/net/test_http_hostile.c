/* The HTTP server and those who mean it harm, are slow, too many or gone; and the faults that it
 * plays to others. */
#include "http_rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t timeouts(const struct http_counters *n)
{
    return n->timeouts;
}

static bool client_gone(int status)
{
    return status == 0 || status == -1;
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
    client_close(&second);
    assert_answer(client_ask(&first, GET("/target")), 200, "GET /target?");
    assert_int_equal(http_server_counters(r.server).refused_connections, 1);
    client_close(&first);
    for (int status = 503; status == 503; client_close(&third)) {
        client_open(&third, &r);
        client_try_send(&third, S(GET("/target")));
        status = client_read(&third, false).status;
        assert_true(status == 200 || status == 503);
    }
    rig_close(&r);
}

static void a_request_that_crosses_its_refusal_provokes_no_reset(void **state)
{
    struct client first, second;
    struct rig r;
    bool heard = false;

    (void)state;
    rig_open(&r, (struct http_options){ .connections_max = 1 });
    client_open(&first, &r);
    assert_answer(client_ask(&first, GET("/target")), 200, "GET /target?");
    for (int i = 0; i < 20 && !heard; i++) { /* again, should we be slower than the server waits */
        client_open(&second, &r);
        assert_int_equal(client_read(&second, false).status, 503);
        heard = client_try_send(&second, S(GET("/target"))) &&
                client_try_send(&second, S(GET("/target"))); /* a reset would break this one */
        client_close(&second);
    }
    assert_true(heard);
    client_close(&first);
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
    for (int status = -1; status == -1; client_close(&c)) {
        uint64_t before = http_server_counters(r.server).timeouts;
        client_open(&c, &r);
        client_send(&c, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
        while (http_server_counters(r.server).timeouts == before && client_try_send(&c, S("y")))
            usleep(1000);
        status = client_read(&c, false).status; /* reset, should we be slower than it lingers */
        assert_true(status == 408 || status == -1);
    }
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
    for (int status = 0; status != 200; client_close(&c)) {
        client_open(&c, &r); /* and behind one; an empty line is none */
        client_try_send(&c, S(GET("/target") "\r\n"));
        status = client_read(&c, false).status; /* unless we were too slow */
        assert_true(status == 200 || client_gone(status));
        if (status == 200)
            assert_int_equal(client_read(&c, false).status, 0);
    }
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
    rig_open(&r, (struct http_options){ .request_ms_max = 1, .write_ms_max = 1 });
    client_open(&c, &r);
    client_send(&c, GET("/hold"));
    rig_wait_held(&r, 1);
    for (int i = 0; i < 2; i++) { /* so long it has been */
        client_open(&d, &r);
        assert_int_equal(client_ask(&d, "G").status, 408);
        client_close(&d);
    }
    rig_release(&r);
    assert_answer(client_read(&c, false), 200, "/hold");
    client_close(&c);
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
    int lowest = dup(0);
    close(lowest);
    few.rlim_cur = (rlim_t)lowest + 1; /* one for the client; the server finds none */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    client_open(&d, &r);
    client_send(&d, GET("/target?d"));
    assert_answer(client_ask(&c, GET("/target")), 200, "GET /target?");
    assert_int_equal(http_server_counters(r.server).connections, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_answer(client_read(&d, false), 200, "GET /target?d");
    client_close(&c);
    client_close(&d);
    rig_close(&r);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_smuggled_request_is_never_served),
        cmocka_unit_test(a_good_request_before_a_bad_one_is_answered_first),
        cmocka_unit_test(what_is_too_large_is_refused_and_the_refusal_is_heard),
        cmocka_unit_test(one_connection_too_many_is_answered_503),
        cmocka_unit_test(a_request_that_crosses_its_refusal_provokes_no_reset),
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
        cmocka_unit_test(a_delayed_answer_holds_up_nobody_else),
        cmocka_unit_test(a_delayed_answer_to_a_client_that_is_gone_is_dropped),
        cmocka_unit_test(a_fault_can_reset_the_connection),
        cmocka_unit_test(a_fault_can_cut_the_body_short),
        cmocka_unit_test(a_fault_can_let_the_body_trickle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
