#include "backend/http_post.h"

#include <stdlib.h>
#include <string.h>

#include "backend/curl_pool.h"
#include "base/arena.h"

enum {
    SEND_ARENA_BYTES_MAX = 64 << 10, /* URL and headers of one request */
    SEND_MS = 30 * 1000,
};

struct http_poster {
    struct curl_pool *pool;
};

/* What came back, as far as it matters. */
struct reply {
    size_t body_bytes;
    bool head_is_whole;
    bool is_enough; /* more than POST_ANSWER_BYTES_MAX: we stop reading */
};

enum status http_poster_open(struct http_poster **out, struct error *e)
{
    struct http_poster *p = calloc(1, sizeof *p);
    if (!p)
        return fail(e, ST_LIMIT, "out of memory for an HTTP client");
    enum status st = curl_pool_open(&p->pool, e);
    if (st != ST_OK) {
        free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

void http_poster_close(struct http_poster *p)
{
    if (!p)
        return;
    curl_pool_close(p->pool);
    free(p);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct reply *r = ctx;
    str line = str_trim((str){ bytes, size * n });

    if (str_starts(line, S("HTTP/")))
        r->head_is_whole = false;
    else if (line.n == 0)
        r->head_is_whole = true;
    return size * n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct reply *r = ctx;

    (void)bytes;
    r->body_bytes += size * n;
    r->is_enough = r->body_bytes > POST_ANSWER_BYTES_MAX;
    return r->is_enough ? 0 : size * n;
}

static bool is_header_safe(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* The headers, linked in `node`; texts are in `a`. */
static enum status build_headers(const struct post_header *header, size_t n,
                                 struct curl_slist node[POST_HEADERS_MAX + 1], struct arena *a,
                                 struct error *e)
{
    if (n > POST_HEADERS_MAX)
        return fail(e, ST_LIMIT, "more than %d headers in one request", POST_HEADERS_MAX);
    node[0] = (struct curl_slist){ (char *)"Expect:", NULL }; /* never wait for "100 Continue" */
    for (size_t i = 0; i < n; i++) {
        if (!header[i].name.n || !is_header_safe(header[i].name) ||
            !is_header_safe(header[i].value))
            return fail(e, ST_INVALID, "a header of this request holds a control character");
        /* "Name;" is how libcurl is told of a header without a value. */
        str line = arena_printf(a, header[i].value.n ? "%.*s: %.*s" : "%.*s;%.*s",
                                STR_ARG(header[i].name), STR_ARG(header[i].value));
        if (!line.p)
            return fail(e, ST_LIMIT, "the headers of this request are too large");
        node[i].next = &node[i + 1];
        node[i + 1] = (struct curl_slist){ (char *)line.p, NULL };
    }
    return ST_OK;
}

static bool set_up(CURL *c, const char *url, const struct curl_target *target,
                   struct curl_slist *headers, str body, msec timeout, struct reply *r)
{
    bool ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;

    ok &= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.n ? body.p : "") == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_HEADERDATA, r) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_WRITEDATA, r) == CURLE_OK;
    if (target->is_loopback)
        ok &= curl_easy_setopt(c, CURLOPT_NOPROXY, "*") == CURLE_OK;
    return ok;
}

static enum status perform(CURL *c, const char *host, const struct reply *r,
                           char detail[CURL_ERROR_SIZE], int *http_status, struct error *e)
{
    long status = 0;

    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(c);
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OUT_OF_MEMORY)
        return fail(e, ST_LIMIT, "no memory for a request to %s", host);
    bool is_answer = r->head_is_whole && status >= 200 && status <= 999;
    if ((code != CURLE_OK && !r->is_enough) || !is_answer)
        return fail(e, ST_RETRY, "%s gave no whole answer: %s", host,
                    detail[0]          ? detail
                    : code != CURLE_OK ? curl_easy_strerror(code)
                                       : "it ended within its headers");
    *http_status = (int)status;
    return ST_OK;
}

enum status http_poster_send(struct http_poster *p, str url, const struct post_header *header,
                             size_t n_headers, str body, msec timeout, int *http_status,
                             struct error *e)
{
    ARENA(arena, SEND_ARENA_BYTES_MAX);
    struct curl_slist node[POST_HEADERS_MAX + 1];
    struct curl_target target;
    struct reply reply = { 0 };
    char detail[CURL_ERROR_SIZE] = "";

    if (url.n > POST_URL_BYTES_MAX)
        return fail(e, ST_LIMIT, "a URL of %zu bytes; at most %d", url.n, POST_URL_BYTES_MAX);
    str z = arena_copy(&arena, url);
    if (!z.p || memchr(z.p, '\0', z.n))
        return fail(e, ST_INVALID, "the URL is empty or holds a NUL");
    enum status st = curl_target_parse(z.p, &target, e);
    if (st == ST_OK)
        st = build_headers(header, n_headers, node, &arena, e);
    if (st != ST_OK)
        return st;
    CURL *c = curl_pool_take(p->pool);
    if (!c)
        return fail(e, ST_LIMIT, "no memory for a connection to %s", target.host);
    if (set_up(c, z.p, &target, node, body, timeout ? timeout : SEND_MS, &reply))
        st = perform(c, target.host, &reply, detail, http_status, e);
    else
        st = fail(e, ST_LIMIT, "no memory for a request to %s", target.host);
    curl_pool_give(p->pool, c, st == ST_OK && !reply.is_enough);
    return st;
}
