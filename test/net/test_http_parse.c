/* Which bytes are a request, and which are refused: the tables are the specification. */
#include "net/http_parse.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { HEADER_BYTES = 512, BODY_BYTES = 64 };

/* A reader whose buffer is never larger than what has come and moves whenever more comes, so that
 * a sanitizer sees every slice that was left behind. */
struct reader {
    struct http_parse p;
    char *in;
    size_t n;
};

static void reader_open(struct reader *r)
{
    *r = (struct reader){ .p = { .header_bytes_max = HEADER_BYTES, .body_bytes_max = BODY_BYTES } };
    http_parse_begin(&r->p);
}

static void reader_free(struct reader *r)
{
    free(r->in);
}

static enum http_step reader_feed(struct reader *r, str piece)
{
    char *old = r->in;

    r->in = malloc(r->n + piece.n ? r->n + piece.n : 1);
    assert_non_null(r->in);
    if (r->n)
        memcpy(r->in, old, r->n);
    memcpy(r->in + r->n, piece.p, piece.n);
    r->n += piece.n;
    http_parse_moved(&r->p, (ptrdiff_t)((uintptr_t)r->in - (uintptr_t)old));
    free(old);
    return http_parse_step(&r->p, r->in, &r->n);
}

/* Feeds in pieces until the request is complete or refused; `*used` bytes of the text were given.
 */
static enum http_step reader_feed_all(struct reader *r, str text, size_t piece, size_t *used)
{
    enum http_step step = HTTP_STEP_MORE;

    for (*used = 0; *used < text.n && step == HTTP_STEP_MORE; *used += piece) {
        if (piece > text.n - *used)
            piece = text.n - *used;
        step = reader_feed(r, str_sub(text, *used, *used + piece));
    }
    return step;
}

static void put(char **at, str s)
{
    memcpy(*at, s.p, s.n);
    *at += s.n;
}

static void check_headers(const struct http_request *q, const char *want)
{
    char got[512] = "", *at = got;

    for (size_t i = 0; i < q->n_headers; i++) {
        put(&at, q->header[i].name);
        put(&at, S("="));
        put(&at, q->header[i].value);
        put(&at, S(";"));
    }
    assert_string_equal(got, want);
}

static void each_good_request_is_read_the_same_however_it_is_cut(void **state)
{
    static const struct {
        const char *text, *method, *path, *query, *body;
        const char *headers;
        bool keep_alive;
    } row[] = {
        { "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "", "", "Host=h;", true },
        { "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "", "", "Host=h;", true },
        { "GET /a/b%20c?x=1&y=?/ HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/a/b%20c", "x=1&y=?/", "",
          "Host=h;", true },
        { "GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/a", "b", "", "Host=h;", true },
        { "GET http://h?b/c HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "b/c", "", "Host=h;", true },
        { "GET HTTP://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "", "", "Host=h;", true },
        { "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS", "*", "", "", "Host=h;", true },
        { "DELETE /v1/x HTTP/1.1\r\nhOST:h\r\nA:\r\nB: \t \r\nC: d e \r\n\r\n", "DELETE", "/v1/x",
          "", "", "hOST=h;A=;B=;C=d e;", true },
        { "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", "", false },
        { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", "", "",
          "Connection=keep-alive;", true },
        { "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", "GET", "/", "", "",
          "Host=h;Connection=Close;", false },
        { "GET / HTTP/1.1\r\nHost: h\r\nConnection: te, close , x\r\nA: b\r\n\r\n", "GET", "/", "",
          "", "Host=h;Connection=te, close , x;A=b;", false },
        { "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "GET", "/",
          "", "", "Host=h;Connection=Upgrade;Upgrade=h2c;", true },
        { "POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "POST", "/p", "q",
          "hello", "Host=h;Content-Length=5;", true },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:  005 \r\n\r\nhello", "POST", "/", "",
          "hello", "Host=h;Content-Length=005;", true },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST", "/", "", "",
          "Host=h;Content-Length=0;", true },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n\r\n\r\n", "POST", "/", "",
          "\r\n\r\n", "Host=h;Content-Length=4;", true },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "POST", "/",
          "", "", "Host=h;Transfer-Encoding=Chunked;", true },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
          "chunked\r\n\r\n5\r\nhello\r\n00C;a=\"b\""
          "\r\n, dear world\r\n000;x\r\nTrailer: t\r\nOther: u\r\n\r\n",
          "POST", "/", "", "hello, dear world", "Host=h;Transfer-Encoding=chunked;", true },
        { "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nok",
          "POST", "/", "", "ok", "Host=h;Expect=100-Continue;Content-Length=2;", true },
        { "PUT / HTTP/1.1\r\nHost: h\r\nX: \xc3\xbc\r\nContent-Length: 1\r\n\r\nx", "PUT", "/", "",
          "x", "Host=h;X=\xc3\xbc;Content-Length=1;", true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++)
        for (size_t piece = 1; piece <= strlen(row[i].text); piece++) {
            str text = str_of(row[i].text);
            struct reader r;
            size_t used;
            reader_open(&r);
            assert_for(row[i].text, reader_feed_all(&r, text, piece, &used) == HTTP_STEP_READY);
            assert_for(row[i].text, used == text.n && r.p.at == r.n);
            assert_for(row[i].text, str_eqz(r.p.q.method, row[i].method));
            assert_for(row[i].text, str_eqz(r.p.q.path, row[i].path));
            assert_for(row[i].text, str_eqz(r.p.q.query, row[i].query));
            assert_for(row[i].text, str_eqz(r.p.q.body, row[i].body));
            check_headers(&r.p.q, row[i].headers);
            assert_for(row[i].text, r.p.keep_alive == row[i].keep_alive);
            reader_free(&r);
        }
}

#define HOST "\r\nHost: h\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

/* What two servers in a row could read differently, and what is no HTTP at all. */
static void each_doubtful_request_is_refused_however_it_is_cut(void **state)
{
    const struct {
        str text;
        int status;
    } row[] = {
        /* The request line. */
        { S("get / HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET  / HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET / HTTP/1.1 " HOST "\r\n"), 400 },
        { S("GET /a b HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET /\tHTTP/1.1" HOST "\r\n"), 400 },
        { S(" GET / HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET /\r\n\r\n"), 400 },
        { S("GET / HTTP/2.0" HOST "\r\n"), 505 },
        { S("GET / HTTP/1.2" HOST "\r\n"), 505 },
        { S("GET / http/1.1" HOST "\r\n"), 400 },
        { S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505 },
        { S("GET a HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET /a#b HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET /\xc3\xbc HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET https://h/ HTTP/1.1" HOST "\r\n"), 400 },
        { S("CONNECT h:443 HTTP/1.1" HOST "\r\n"), 501 },
        { S("\x16\x03\x01\x02\x00\x01"), 400 }, /* TLS */
        /* Line ends, control characters, folds. */
        { S("GET / HTTP/1.1\nHost: h\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\r\n\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\r\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1\r\nHost: h\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n"), 400 },
        { S("\nGET / HTTP/1.1" HOST "\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\0\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHo\0st: h\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\x7f\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\x0b\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n"), 400 },
        /* Names. */
        { S("GET / HTTP/1.1\r\nHost : h\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1\r\nHost\t: h\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1" HOST ": x\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1" HOST "X\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1" HOST "X(y): z\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1" HOST "X\xe9: z\r\n\r\n"), 400 },
        /* Host. */
        { S("GET / HTTP/1.1\r\n\r\n"), 400 },
        { S("GET / HTTP/1.1" HOST "Host: h\r\n\r\n"), 400 },
        { S("GET / HTTP/1.0" HOST "host: i\r\n\r\n"), 400 },
        /* Content-Length. */
        { S("POST / HTTP/1.1" HOST "Content-Length: +7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: -7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 0x7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 7 7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 7,7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length:\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 18446744073709551616\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length : 7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 7\r\ncontent-length: 7\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 7\r\nContent-Length: 8\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 65\r\n\r\n"), 413 },
        { S("POST / HTTP/1.1" HOST "Content-Length: 9223372036854775808\r\n\r\n"), 413 },
        /* Transfer-Encoding. */
        { S("POST / HTTP/1.1" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
          400 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
          400 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
          400 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
          400 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: gzip\r\n\r\n"), 501 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: xchunked\r\n\r\n"), 501 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 501 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding: \x0b"
            "chunked\r\n\r\n"),
          400 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding : chunked\r\n\r\n"), 400 },
        { S("POST / HTTP/1.1" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n"), 400 },
        { S("POST / HTTP/1.0" HOST "Transfer-Encoding: chunked\r\n\r\n"), 400 },
        /* Chunks. */
        { S(CHUNKED "5\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "5\rXhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "5\r\nhello\n0\r\n\r\n"), 400 },
        { S(CHUNKED "5\r\nhelloX\n0\r\n\r\n"), 400 },
        { S(CHUNKED "5\r\nhello\rX0\r\n\r\n"), 400 },
        { S(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "g\r\n"), 400 },
        { S(CHUNKED "\r\n"), 400 },
        { S(CHUNKED ";a=b\r\n"), 400 },
        { S(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "5;a\0b\r\nhello\r\n0\r\n\r\n"), 400 },
        { S(CHUNKED "41\r\n"), 413 },
        { S(CHUNKED
            "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n1\r\n"),
          413 },
        { S(CHUNKED "10000000000000005\r\n"), 413 },
        { S(CHUNKED "0\r\nTrailer\r\n\r\n"), 400 },
        { S(CHUNKED "0\r\nTrailer : x\r\n\r\n"), 400 },
        { S(CHUNKED "0\r\n x\r\n\r\n"), 400 },
        { S(CHUNKED "0\r\nX: y\n\r\n"), 400 },
        /* Expect. */
        { S("POST / HTTP/1.1" HOST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n"), 417 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++)
        for (size_t piece = 1; piece <= row[i].text.n; piece++) {
            struct reader r;
            size_t used;
            reader_open(&r);
            enum http_step step = reader_feed_all(&r, row[i].text, piece, &used);
            assert_for(row[i].text.p, step == HTTP_STEP_BAD);
            assert_for(row[i].text.p, r.p.status == row[i].status);
            assert_for(row[i].text.p, r.p.reason && r.p.reason[0]);
            reader_free(&r);
        }
}

static void a_head_of_exactly_the_limit_passes_and_one_more_does_not(void **state)
{
    static const char start[] = "GET / HTTP/1.1\r\nHost: h\r\nX: ";

    (void)state;
    for (size_t over = 0; over < 2; over++)
        for (size_t piece = 1; piece <= HEADER_BYTES; piece += 101) {
            char text[HEADER_BYTES + 1];
            struct reader r;
            size_t used, n = HEADER_BYTES + over;
            memset(text, 'x', n);
            memcpy(text, start, sizeof start - 1);
            memcpy(text + n - 4, "\r\n\r\n", 4);
            reader_open(&r);
            enum http_step step = reader_feed_all(&r, (str){ text, n }, piece, &used);
            assert_int_equal(step, over ? HTTP_STEP_BAD : HTTP_STEP_READY);
            assert_int_equal(r.p.status, over ? 431 : 0);
            reader_free(&r);
        }
}

static void a_header_too_many_is_refused(void **state)
{
    (void)state;
    for (size_t n = HTTP_HEADERS_MAX; n <= HTTP_HEADERS_MAX + 1; n++) {
        char text[HEADER_BYTES] = "GET / HTTP/1.1\r\nHost: h\r\n";
        struct reader r;
        size_t used;
        for (size_t i = 1; i < n; i++)
            strcat(text, "a:\r\n");
        strcat(text, "\r\n");
        reader_open(&r);
        enum http_step step = reader_feed_all(&r, str_of(text), 512, &used);
        assert_int_equal(step, n > HTTP_HEADERS_MAX ? HTTP_STEP_BAD : HTTP_STEP_READY);
        assert_int_equal(r.p.status, n > HTTP_HEADERS_MAX ? 431 : 0);
        reader_free(&r);
    }
}

static enum http_step feed_tail_for_ever(struct reader *r, str head, str tail)
{
    enum http_step step = reader_feed(r, head);

    for (int i = 0; i < 4096 && step == HTTP_STEP_MORE; i++) {
        assert_true(r->n <= 2 * HEADER_BYTES + BODY_BYTES + HTTP_CHUNK_LINE_MAX);
        step = reader_feed(r, tail);
    }
    return step;
}

static void nothing_that_never_ends_is_read_for_ever(void **state)
{
    const struct {
        str head, tail;
        int status;
    } row[] = {
        { S("GET /"), S("aaaaaaaa"), 431 },    { S("GET / HTTP/1.1\r\n"), S("X: y\r\n"), 431 },
        { S(CHUNKED), S("0"), 400 },           { S(CHUNKED "5;"), S("e"), 400 },
        { S(CHUNKED), S("1\r\nx\r\n"), 413 },  { S(CHUNKED "0\r\n"), S("X: y\r\n"), 431 },
        { S(CHUNKED "0\r\nX:"), S("y"), 431 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct reader r;
        reader_open(&r);
        assert_for(row[i].head.p,
                   feed_tail_for_ever(&r, row[i].head, row[i].tail) == HTTP_STEP_BAD);
        assert_for(row[i].head.p, r.p.status == row[i].status);
        reader_free(&r);
    }
}

static void empty_lines_before_a_request_take_no_memory(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    assert_int_equal(feed_tail_for_ever(&r, S("\r"), S("\n\r")), HTTP_STEP_MORE);
    assert_int_equal(r.n, 1);
    reader_free(&r);
}

static void what_follows_a_request_is_left_alone(void **state)
{
    static const char *const request[] = {
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED "5\r\nhello\r\n0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(request); i++) {
        struct reader r;
        reader_open(&r);
        char both[256];
        str next = S("GET /next HTTP/1.1\r\n");
        size_t n = strlen(request[i]);
        memcpy(both, request[i], n);
        memcpy(both + n, next.p, next.n);
        assert_int_equal(reader_feed(&r, (str){ both, n + next.n }), HTTP_STEP_READY);
        assert_true(str_eq((str){ r.in + r.p.at, r.n - r.p.at }, next));
        reader_free(&r);
    }
}

static void the_body_lies_in_the_buffer_behind_the_head(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    assert_int_equal(
        reader_feed(&r, S("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")),
        HTTP_STEP_MORE);
    assert_int_equal(http_parse_total(&r.p), r.n + 3);
    assert_int_equal(reader_feed(&r, S("llo")), HTTP_STEP_READY);
    assert_ptr_equal(r.p.q.body.p, r.in + r.p.head_bytes);
    reader_free(&r);
}

static void continue_is_wanted_only_while_nothing_of_the_body_has_come(void **state)
{
    static const struct {
        const char *text;
        bool wanted;
    } row[] = {
        { "POST / HTTP/1.1" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", true },
        { "POST / HTTP/1.1" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nx", false },
        { "POST / HTTP/1.0" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", false },
        { "POST / HTTP/1.1" HOST "Content-Length: 2\r\n\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct reader r;
        reader_open(&r);
        assert_for(row[i].text, reader_feed(&r, str_of(row[i].text)) == HTTP_STEP_MORE);
        assert_for(row[i].text, r.p.wants_continue == row[i].wanted);
        reader_free(&r);
    }
}

static void a_header_is_found_without_case_and_only_when_it_is_the_only_one(void **state)
{
    struct reader r;
    size_t n;

    (void)state;
    reader_open(&r);
    assert_int_equal(reader_feed(&r, S("GET / HTTP/1.1\r\nHost: h\r\nOne: 1\r\nTwo: a\r\ntwo: b\r\n"
                                       "Empty:\r\n\r\n")),
                     HTTP_STEP_READY);
    assert_strz(http_header_get(&r.p.q, S("oNE"), &n), "1");
    assert_int_equal(n, 1);
    assert_null(http_header_get(&r.p.q, S("Two"), &n).p);
    assert_int_equal(n, 2);
    assert_null(http_header_get(&r.p.q, S("Three"), &n).p);
    assert_int_equal(n, 0);
    assert_int_equal(http_header_get(&r.p.q, S("Empty"), &n).n, 0);
    assert_int_equal(n, 1);
    assert_int_equal(http_header_get(&r.p.q, S("On"), NULL).n, 0);
    reader_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_good_request_is_read_the_same_however_it_is_cut),
        cmocka_unit_test(each_doubtful_request_is_refused_however_it_is_cut),
        cmocka_unit_test(a_head_of_exactly_the_limit_passes_and_one_more_does_not),
        cmocka_unit_test(a_header_too_many_is_refused),
        cmocka_unit_test(nothing_that_never_ends_is_read_for_ever),
        cmocka_unit_test(empty_lines_before_a_request_take_no_memory),
        cmocka_unit_test(what_follows_a_request_is_left_alone),
        cmocka_unit_test(the_body_lies_in_the_buffer_behind_the_head),
        cmocka_unit_test(continue_is_wanted_only_while_nothing_of_the_body_has_come),
        cmocka_unit_test(a_header_is_found_without_case_and_only_when_it_is_the_only_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
