/* fuzz_http.c - bytes into the parser of a connection: whole, and in pieces.
 *
 * The first byte says how large the pieces are; the rest is what a client sends. Both ways must
 * come to the same requests. And where a request is accepted, llhttp, reading the same bytes by
 * itself, must refuse it or see the same body and the same end: a request that two parsers read
 * differently is how another one is smuggled past the first. */
#include <llhttp.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "net/http_parse.h"

enum { HEADER_BYTES = 1024, BODY_BYTES = 512, REQUESTS_MAX = 64 };

/* What came of the input: each request in a canonical form, and how it ended. */
struct outcome {
    struct buf text;
    size_t bytes; /* of the input, by complete requests */
};

struct connection {
    struct http_parse p;
    char *in;
    size_t n;
};

static void connection_open(struct connection *c)
{
    *c = (struct connection){ .p = { .header_bytes_max = HEADER_BYTES,
                                     .body_bytes_max = BODY_BYTES } };
    http_parse_begin(&c->p);
}

/* Moves the bytes to a new block of exactly their size, without the first `drop`, with `more`. */
static void connection_move(struct connection *c, size_t drop, str more)
{
    char *old = c->in;
    size_t kept = c->n - drop;

    c->in = malloc(kept + more.n ? kept + more.n : 1);
    must(c->in != NULL, "memory for the input");
    if (kept)
        memcpy(c->in, old + drop, kept);
    if (more.n)
        memcpy(c->in + kept, more.p, more.n);
    c->n = kept + more.n;
    http_parse_moved(&c->p, (ptrdiff_t)((uintptr_t)c->in - (uintptr_t)old));
    free(old);
}

static void put(struct outcome *o, const char *label, str s)
{
    buf_printf(&o->text, "%s %zu ", label, s.n);
    buf_append(&o->text, s);
    buf_char(&o->text, '\n');
}

static void put_request(struct outcome *o, const struct http_parse *p)
{
    const struct http_request *q = &p->q;

    must(p->head_bytes <= HEADER_BYTES, "the head is within its limit");
    must(q->body.n <= BODY_BYTES, "the body is within its limit");
    must(q->n_headers <= HTTP_HEADERS_MAX, "the headers are within their limit");
    put(o, "method", q->method);
    put(o, "target", q->target);
    put(o, "path", q->path);
    put(o, "query", q->query);
    put(o, "body", q->body);
    for (size_t i = 0; i < q->n_headers; i++) {
        put(o, "name", q->header[i].name);
        put(o, "value", q->header[i].value);
        must(q->header[i].name.n > 0, "a header has a name");
        must(!memchr(q->header[i].value.p, '\n', q->header[i].value.n), "a value is one line");
    }
    buf_printf(&o->text, "keep %d head %d\n", p->keep_alive, p->is_head);
}

/* ---- The second opinion ---- */

struct opinion {
    size_t body_bytes;
    bool complete;
};

static int hear_body(llhttp_t *l, const char *at, size_t n)
{
    struct opinion *o = l->data;

    (void)at;
    o->body_bytes += n;
    return 0;
}

static int hear_end(llhttp_t *l)
{
    struct opinion *o = l->data;

    o->complete = true;
    return HPE_PAUSED;
}

static void compare(str raw, size_t body_bytes)
{
    const llhttp_settings_t settings = { .on_body = hear_body, .on_message_complete = hear_end };
    struct opinion o = { 0 };
    llhttp_t l;

    llhttp_init(&l, HTTP_REQUEST, &settings);
    l.data = &o;
    llhttp_errno_t err = llhttp_execute(&l, raw.p, raw.n);
    if (err != HPE_OK && err != HPE_PAUSED)
        return; /* it refuses what we take, such as a nameless extension of a chunk: no harm */
    must(o.complete, "llhttp sees its end too");
    must(llhttp_get_error_pos(&l) == raw.p + raw.n, "llhttp sees the same end");
    must(o.body_bytes == body_bytes, "llhttp sees a body of the same size");
}

/* ---- Whole and in pieces ---- */

/* Takes the requests that are complete. False: refused. */
static bool take_requests(struct connection *c, struct outcome *o, size_t *requests)
{
    for (;;) {
        size_t before = c->n;
        enum http_step step = http_parse_step(&c->p, c->in, &c->n);
        must(c->n <= before && c->p.at <= c->n, "it does not leave its buffer");
        if (step == HTTP_STEP_MORE)
            return true;
        if (step == HTTP_STEP_BAD) {
            must(c->p.status >= 400 && c->p.status < 600 && c->p.reason, "a refusal has a reason");
            buf_printf(&o->text, "refused %d\n", c->p.status);
            return false;
        }
        put_request(o, &c->p);
        o->bytes += before - c->n + c->p.at; /* empty lines before it, and itself */
        size_t used = c->p.at;
        http_parse_begin(&c->p);
        connection_move(c, used, (str){ 0 });
        if (++*requests == REQUESTS_MAX || c->n == 0)
            return *requests < REQUESTS_MAX;
    }
}

static void feed(struct outcome *o, str text, size_t piece)
{
    struct connection c;
    size_t requests = 0;
    bool more = true;

    connection_open(&c);
    for (size_t at = 0; at < text.n && more; at += piece) {
        size_t n = text.n - at < piece ? text.n - at : piece;
        connection_move(&c, 0, str_sub(text, at, at + n));
        more = take_requests(&c, o, &requests);
        must(!more || c.n <= 2 * HEADER_BYTES + BODY_BYTES + HTTP_CHUNK_LINE_MAX + piece,
             "what it keeps is limited");
    }
    free(c.in);
}

/* The first request alone, from the whole text. */
static void ask_llhttp(str text)
{
    struct connection c;

    connection_open(&c);
    connection_move(&c, 0, text);
    size_t before = c.n;
    if (http_parse_step(&c.p, c.in, &c.n) == HTTP_STEP_READY) {
        size_t lead = before - c.n;
        compare(str_sub(text, lead, lead + c.p.at), c.p.q.body.n);
    }
    free(c.in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = { .text.max = 64 << 20 }, pieces = { .text.max = 64 << 20 };

    if (size < 2)
        return 0;
    size_t piece = (size_t)data[0] % 32 + 1;
    str text = { (const char *)data + 1, size - 1 };

    feed(&whole, text, text.n);
    feed(&pieces, text, piece);
    must(str_eq(buf_str(&whole.text), buf_str(&pieces.text)), "pieces change nothing");
    if (text.n)
        ask_llhttp(text);
    buf_free(&whole.text);
    buf_free(&pieces.text);
    return 0;
}
