#include "net/http_parse.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

static enum http_step bad(struct http_parse *p, int status, const char *reason)
{
    if (!p->status) {
        p->status = status;
        p->reason = reason;
    }
    return HTTP_STEP_BAD;
}

static bool str_eq_nocase(str a, str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

str http_header_get(const struct http_request *q, str name, size_t *count)
{
    str found = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < q->n_headers; i++)
        if (str_eq_nocase(q->header[i].name, name)) {
            found = q->header[i].value;
            n++;
        }
    if (count)
        *count = n;
    return n == 1 ? found : (str){ 0 };
}

void http_parse_begin(struct http_parse *p)
{
    p->state = HTTP_AT_START;
    p->at = p->line = p->head_bytes = p->trailer_bytes = 0;
    p->left = 0;
    p->http_1_0 = p->keep_alive = p->wants_continue = p->is_head = false;
    p->status = 0;
    p->reason = NULL;
    p->q.method = p->q.target = p->q.path = p->q.query = p->q.body = (str){ 0 };
    p->q.n_headers = 0;
}

/* ---- The scan of the head, before llhttp sees it ---- */

/* Bytes at which the scan looks twice: everything below the blank but the tab, and DEL. */
static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

/* A character of a header's name: RFC 9110, tchar. */
static bool is_token(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr(others, c));
}

/* "METHOD target HTTP/1.x", one blank each. */
static enum http_step check_request_line(struct http_parse *p, str line)
{
    str method, target, version = str_cut(str_cut(line, ' ', &method), ' ', &target);

    if (!method.n || !target.n || !version.p || str_find(version, ' ') != version.n)
        return bad(p, 400, "the request line is not \"METHOD target HTTP/1.1\"");
    if (!str_eq(version, S("HTTP/1.1")) && !str_eq(version, S("HTTP/1.0")))
        return bad(p, str_starts(version, S("HTTP/")) ? 505 : 400,
                   "the version is neither HTTP/1.1 nor HTTP/1.0");
    for (size_t i = 0; i < target.n; i++)
        if ((unsigned char)target.p[i] <= ' ' || (unsigned char)target.p[i] > '~' ||
            target.p[i] == '#')
            return bad(p, 400, "the target holds a character that must be escaped");
    p->http_1_0 = version.p[version.n - 1] == '0';
    p->q.method = method;
    p->q.target = target;
    return HTTP_STEP_READY;
}

static enum http_step check_header_line(struct http_parse *p, str line)
{
    size_t n = 0;

    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(p, 400, "a header line is folded");
    while (n < line.n && is_token(line.p[n]))
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':')
        return bad(p, 400, "a header line is not \"Name: value\"");
    return HTTP_STEP_READY;
}

/* Takes the line [p->line, end) of the head, behind which CR LF stand. READY: it was the empty
 * one. */
static enum http_step take_head_line(struct http_parse *p, const char *in, size_t end)
{
    str line = { in + p->line, end - p->line };

    if (line.n == 0)
        return HTTP_STEP_READY;
    enum http_step step = p->line == 0 ? check_request_line(p, line) : check_header_line(p, line);
    p->line = end + 2;
    return step == HTTP_STEP_READY ? HTTP_STEP_MORE : step;
}

/* Reads on to the end of the head. Every byte is looked at once, however slowly they come. */
static enum http_step scan_head(struct http_parse *p, const char *in, size_t n)
{
    size_t i = p->at, end = n < p->header_bytes_max ? n : p->header_bytes_max;
    enum http_step step = HTTP_STEP_MORE;

    while (step == HTTP_STEP_MORE) {
        while (i < end && !is_control(in[i]))
            i++;
        if (i >= end || (in[i] == '\r' && i + 1 == end))
            break;
        if (in[i] != '\r' || in[i + 1] != '\n')
            return bad(p, 400,
                       "the header block holds a bare CR, a bare LF or a control character");
        step = take_head_line(p, in, i);
        i += 2;
    }
    p->at = i;
    if (step == HTTP_STEP_MORE && end == p->header_bytes_max)
        return bad(p, 431, "the header block is too large");
    if (step == HTTP_STEP_READY)
        p->head_bytes = i;
    return step;
}

/* ---- llhttp: the head as a table ---- */

static int take_name(llhttp_t *l, const char *at, size_t n)
{
    struct http_parse *p = l->data;

    if (p->q.n_headers == HTTP_HEADERS_MAX) {
        bad(p, 431, "there are too many headers");
        return -1;
    }
    /* The head is handed over in one piece, so a name comes in one piece too. */
    p->q.header[p->q.n_headers++] = (struct http_header){ .name = { at, n } };
    return 0;
}

static int take_value(llhttp_t *l, const char *at, size_t n)
{
    struct http_parse *p = l->data;

    if (p->q.n_headers == 0)
        return -1;
    str *value = &p->q.header[p->q.n_headers - 1].value;
    if (!value->p)
        value->p = at;
    value->n = (size_t)(at - value->p) + n; /* a value may come in several pieces */
    return 0;
}

static int stop_behind_head(llhttp_t *l)
{
    struct http_parse *p = l->data;

    p->keep_alive = llhttp_should_keep_alive(l);
    return HPE_PAUSED;
}

static enum http_step read_head(struct http_parse *p, const char *in)
{
    static const llhttp_settings_t settings = {
        .on_header_field = take_name,
        .on_header_value = take_value,
        .on_headers_complete = stop_behind_head,
    };
    llhttp_t l;

    llhttp_init(&l, HTTP_REQUEST, &settings);
    l.data = p;
    llhttp_errno_t err = llhttp_execute(&l, in, p->head_bytes);
    if (err != HPE_PAUSED) {
        const char *why = llhttp_get_error_reason(&l);
        return bad(p, 400, why ? why : "the header block cannot be read");
    }
    /* It and the scan must agree on where the head ends, or one of them is being fooled. */
    if (llhttp_get_error_pos(&l) != in + p->head_bytes)
        return bad(p, 400, "the header block has two ends");
    for (size_t i = 0; i < p->q.n_headers; i++)
        p->q.header[i].value = str_trim(p->q.header[i].value);
    return HTTP_STEP_READY;
}

/* ---- What the head says about target, host and body ---- */

static const char root_path[] = "/";

/* Path and query of "/path?query", "http://host/path?query" and "*". */
static enum http_step split_target(struct http_parse *p)
{
    struct http_request *q = &p->q;
    str rest = q->target;

    if (str_eq_nocase(str_sub(rest, 0, rest.n < 7 ? rest.n : 7), S("http://"))) {
        rest = str_sub(rest, 7, rest.n);
        size_t slash = str_find(rest, '/'), mark = str_find(rest, '?');
        rest = str_sub(rest, slash < mark ? slash : mark, rest.n);
    } else if (rest.p[0] != '/' && !(rest.n == 1 && rest.p[0] == '*')) {
        return bad(p, 400, "the target is no path");
    }
    q->query = str_cut(rest, '?', &q->path);
    if (q->path.n == 0)
        q->path = str_of(root_path);
    return HTTP_STEP_READY;
}

static enum http_step check_host(struct http_parse *p)
{
    size_t n;

    http_header_get(&p->q, S("Host"), &n);
    if (n > 1 || (n == 0 && !p->http_1_0))
        return bad(p, 400, "there must be exactly one Host header");
    return HTTP_STEP_READY;
}

static enum http_step frame_length(struct http_parse *p, str text)
{
    int64_t length;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return bad(p, 400, "Content-Length is no number");
    if (text.n == 0)
        return bad(p, 400, "Content-Length is empty");
    if (!str_to_int(text, &length) || (uint64_t)length > p->body_bytes_max)
        return bad(p, 413, "the body is too large");
    p->left = (uint64_t)length;
    p->state = HTTP_AT_BODY;
    return HTTP_STEP_READY;
}

/* How the body ends. Whatever could be read in two ways is refused. */
static enum http_step frame_body(struct http_parse *p)
{
    size_t n_lengths, n_codings;
    str length = http_header_get(&p->q, S("Content-Length"), &n_lengths);
    str coding = http_header_get(&p->q, S("Transfer-Encoding"), &n_codings);

    if (n_lengths && n_codings)
        return bad(p, 400, "Content-Length stands beside Transfer-Encoding");
    if (n_lengths > 1 || n_codings > 1)
        return bad(p, 400, "Content-Length or Transfer-Encoding was sent twice");
    if (n_lengths)
        return frame_length(p, length);
    if (n_codings && p->http_1_0)
        return bad(p, 400, "HTTP/1.0 knows no Transfer-Encoding");
    if (n_codings && !str_eq_nocase(coding, S("chunked")))
        return bad(p, 501, "the only Transfer-Encoding understood is \"chunked\"");
    p->state = n_codings ? HTTP_AT_CHUNK_SIZE : HTTP_AT_BODY;
    return HTTP_STEP_READY;
}

static enum http_step check_expect(struct http_parse *p)
{
    size_t n;
    str expect = http_header_get(&p->q, S("Expect"), &n);

    if (n == 0 || p->http_1_0)
        return HTTP_STEP_READY;
    if (!str_eq_nocase(expect, S("100-continue")))
        return bad(p, 417, "the only Expect understood is \"100-continue\"");
    p->wants_continue = true;
    return HTTP_STEP_READY;
}

static enum http_step finish_head(struct http_parse *p, const char *in)
{
    enum http_step step = read_head(p, in);

    p->is_head = str_eq(p->q.method, S("HEAD"));
    if (step == HTTP_STEP_READY && str_eq(p->q.method, S("CONNECT")))
        step = bad(p, 501, "this server is no proxy");
    if (step == HTTP_STEP_READY)
        step = split_target(p);
    if (step == HTTP_STEP_READY)
        step = check_host(p);
    if (step == HTTP_STEP_READY)
        step = frame_body(p);
    if (step == HTTP_STEP_READY)
        step = check_expect(p);
    return step == HTTP_STEP_READY ? HTTP_STEP_MORE : step;
}

/* ---- Bodies ---- */

/* Takes one line from p->at, at most `max` bytes with its CR LF, and steps over it. */
static enum http_step take_line(struct http_parse *p, const char *in, size_t n, size_t max,
                                str *line)
{
    size_t have = n - p->at, look = have < max ? have : max;
    const char *from = in + p->at, *lf = look ? memchr(from, '\n', look) : NULL;

    if (!lf)
        return look == max ? bad(p, p->state == HTTP_AT_TRAILER ? 431 : 400,
                                 "a line of the chunked body is too long")
                           : HTTP_STEP_MORE;
    *line = (str){ from, (size_t)(lf - from) };
    if (line->n == 0 || line->p[line->n - 1] != '\r')
        return bad(p, 400, "a line of the chunked body ends in a bare LF");
    line->n--;
    for (size_t i = 0; i < line->n; i++)
        if (is_control(line->p[i]))
            return bad(p, 400, "a line of the chunked body holds a control character");
    p->at += line->n + 2;
    return HTTP_STEP_READY;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum http_step take_chunk_size(struct http_parse *p, const char *in, size_t n)
{
    uint64_t room = p->body_bytes_max - p->q.body.n, size = 0;
    str line;
    size_t i = 0;

    enum http_step step = take_line(p, in, n, HTTP_CHUNK_LINE_MAX, &line);
    if (step != HTTP_STEP_READY)
        return step;
    for (; i < line.n && hex_digit(line.p[i]) >= 0; i++) {
        size = size * 16 + (uint64_t)hex_digit(line.p[i]);
        if (size > room)
            return bad(p, 413, "the body is too large");
    }
    if (i == 0 || (i < line.n && line.p[i] != ';')) /* what follows ';' is ignored, as it must be */
        return bad(p, 400, "a chunk's size is no hexadecimal number");
    p->left = size;
    p->state = size ? HTTP_AT_CHUNK_DATA : HTTP_AT_TRAILER;
    return HTTP_STEP_READY;
}

/* Moves what has come of the chunk up to the end of the body. */
static enum http_step take_chunk_data(struct http_parse *p, char *in, size_t n)
{
    size_t have = n - p->at, take = have < p->left ? have : (size_t)p->left;

    memmove(in + p->head_bytes + p->q.body.n, in + p->at, take);
    p->q.body.n += take;
    p->at += take;
    p->left -= take;
    if (p->left)
        return HTTP_STEP_MORE;
    p->state = HTTP_AT_CHUNK_END;
    return HTTP_STEP_READY;
}

static enum http_step take_chunk_end(struct http_parse *p, const char *in, size_t n)
{
    size_t have = n - p->at;

    if ((have >= 1 && in[p->at] != '\r') || (have >= 2 && in[p->at + 1] != '\n'))
        return bad(p, 400, "a chunk is longer than its size");
    if (have < 2)
        return HTTP_STEP_MORE;
    p->at += 2;
    p->state = HTTP_AT_CHUNK_SIZE;
    return HTTP_STEP_READY;
}

/* Trailers are checked and dropped. */
static enum http_step take_trailer(struct http_parse *p, const char *in, size_t n)
{
    size_t before = p->at;
    str line;

    enum http_step step = take_line(p, in, n, p->header_bytes_max - p->trailer_bytes, &line);
    if (step != HTTP_STEP_READY)
        return step;
    p->trailer_bytes += p->at - before;
    if (line.n == 0) {
        p->state = HTTP_AT_END;
        return HTTP_STEP_READY;
    }
    return check_header_line(p, line);
}

static enum http_step take_body(struct http_parse *p, size_t n)
{
    if (n - p->head_bytes < p->left) {
        p->at = n;
        return HTTP_STEP_MORE;
    }
    p->q.body.n = (size_t)p->left;
    p->at = p->head_bytes + p->q.body.n;
    p->state = HTTP_AT_END;
    return HTTP_STEP_READY;
}

/* ---- The whole ---- */

static void drop(char *in, size_t *n, size_t from, size_t bytes)
{
    memmove(in + from, in + from + bytes, *n - from - bytes);
    *n -= bytes;
}

/* Empty lines before a request are permitted (old browsers send one behind a body). */
static enum http_step take_start(struct http_parse *p, char *in, size_t *n)
{
    size_t empty = 0;

    while (*n - empty >= 2 && in[empty] == '\r' && in[empty + 1] == '\n')
        empty += 2;
    if (empty)
        drop(in, n, 0, empty);
    if (*n == 0 || (*n == 1 && in[0] == '\r'))
        return HTTP_STEP_MORE;
    p->state = HTTP_AT_HEAD;
    return HTTP_STEP_READY;
}

static enum http_step take_head(struct http_parse *p, const char *in, size_t n)
{
    enum http_step step = scan_head(p, in, n);

    if (step != HTTP_STEP_READY)
        return step;
    step = finish_head(p, in);
    if (step != HTTP_STEP_BAD && n > p->head_bytes)
        p->wants_continue = false;
    return step == HTTP_STEP_BAD ? step : HTTP_STEP_READY;
}

static enum http_step step_once(struct http_parse *p, char *in, size_t *n)
{
    switch (p->state) {
    case HTTP_AT_START: return take_start(p, in, n);
    case HTTP_AT_HEAD: return take_head(p, in, *n);
    case HTTP_AT_BODY: return take_body(p, *n);
    case HTTP_AT_CHUNK_SIZE: return take_chunk_size(p, in, *n);
    case HTTP_AT_CHUNK_DATA: return take_chunk_data(p, in, *n);
    case HTTP_AT_CHUNK_END: return take_chunk_end(p, in, *n);
    case HTTP_AT_TRAILER: return take_trailer(p, in, *n);
    case HTTP_AT_END: break;
    }
    return HTTP_STEP_MORE;
}

enum http_step http_parse_step(struct http_parse *p, char *in, size_t *n)
{
    enum http_step step = HTTP_STEP_READY;

    assert(p->state != HTTP_AT_END && p->at <= *n);
    while (step == HTTP_STEP_READY && p->state != HTTP_AT_END)
        step = step_once(p, in, n); /* each turn takes bytes or moves on to a later state */
    if (step == HTTP_STEP_READY)
        p->q.body.p = in + p->head_bytes;
    if (step == HTTP_STEP_MORE && p->state > HTTP_AT_BODY) {
        size_t decoded = p->head_bytes + p->q.body.n;
        drop(in, n, decoded, p->at - decoded);
        p->at = decoded;
    }
    return step;
}

static void move(str *s, ptrdiff_t delta)
{
    if (s->p)
        s->p = (const char *)((uintptr_t)s->p + (uintptr_t)delta);
}

void http_parse_moved(struct http_parse *p, ptrdiff_t delta)
{
    struct http_request *q = &p->q;

    move(&q->method, delta);
    move(&q->target, delta);
    if (q->path.p != root_path)
        move(&q->path, delta);
    move(&q->query, delta);
    move(&q->body, delta);
    for (size_t i = 0; i < q->n_headers; i++) {
        move(&q->header[i].name, delta);
        move(&q->header[i].value, delta);
    }
}

size_t http_parse_total(const struct http_parse *p)
{
    return p->state == HTTP_AT_BODY ? p->head_bytes + (size_t)p->left : 0;
}
