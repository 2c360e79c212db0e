#include "backend/stripe_http.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/curl_pool.h"
#include "base/buf.h"
#include "base/hmac.h"
#include "world/tx.h"

enum {
    BASE_URL_BYTES_MAX = 512,
    AUTH_BYTES_MAX = SECRET_BYTES_MAX + 32,
    HEADERS_SENT_MAX = 8,
};

struct stripe_http {
    struct stripe stripe;
    struct curl_pool *pool;
    struct clock *clock;
    msec connect_ms_max, total_ms_max;
    size_t body_bytes_max;
    atomic_bool abandoned; /* closing: calls end, and none begins */
    bool is_loopback;
    char base_url[BASE_URL_BYTES_MAX]; /* without a slash at its end */
    char ca_file[BASE_URL_BYTES_MAX];  /* empty: the system's */
    char host[256];
    char authorization[AUTH_BYTES_MAX]; /* the whole header; wiped at close */
    uint64_t key_print;                 /* stripe_response.key: of a hash, never 0 */
};

/* An answer while it comes in. */
struct incoming {
    struct stripe_response answer;
    struct arena *arena;
    struct buf body;
    char detail[CURL_ERROR_SIZE]; /* libcurl's words when it fails; "" otherwise */
    size_t head_bytes;
    bool head_is_whole; /* the empty line behind the headers was there */
    bool has_length;    /* of its body, told before or by chunks */
    bool too_large;     /* for one of our bounds */
    bool arena_is_full;
};

static const char *method_name(enum stripe_method m)
{
    switch (m) {
    case STRIPE_GET: return "GET";
    case STRIPE_POST: return "POST";
    case STRIPE_DELETE: return "DELETE";
    }
    return "?";
}

static bool is_header(str name, const char *wanted)
{
    return name.n == strlen(wanted) && strncasecmp(name.p, wanted, name.n) == 0;
}

static void keep(struct incoming *in, str *where, str value)
{
    if (where->p) /* sent twice: the first stands */
        return;
    *where = arena_copy(in->arena, value);
    in->arena_is_full |= !where->p;
}

static msec read_date(struct arena *a, str value)
{
    str text = arena_copy(a, value); /* for its NUL */
    time_t at = text.p ? curl_getdate(text.p, NULL) : -1;
    return at > 0 ? (msec)at * 1000 : 0;
}

static void read_header(struct incoming *in, str name, str value)
{
    struct stripe_response *r = &in->answer;

    if (is_header(name, "Request-Id"))
        keep(in, &r->request_id, value);
    else if (is_header(name, "Stripe-Rate-Limited-Reason"))
        keep(in, &r->limit_reason, value);
    else if (is_header(name, "Stripe-Version"))
        keep(in, &r->api_version, value);
    else if (is_header(name, "Idempotent-Replayed"))
        r->replayed = str_eq(value, S("true"));
    else if (is_header(name, "Date"))
        r->date = read_date(in->arena, value);
    else if (is_header(name, "Content-Length") || is_header(name, "Transfer-Encoding"))
        in->has_length = true;
    else if (is_header(name, "Stripe-Should-Retry"))
        r->should_retry = str_eq(value, S("true"))    ? SHOULD_RETRY_YES
                          : str_eq(value, S("false")) ? SHOULD_RETRY_NO
                                                      : SHOULD_RETRY_UNSAID;
}

/* libcurl gives one line a call, its end included; also those of "100 Continue" and of trailers. */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct incoming *in = ctx;
    str line = { p, size * n }, name;

    in->head_bytes += line.n;
    if (in->head_bytes > STRIPE_HEAD_BYTES_MAX) {
        in->too_large = true;
        return 0;
    }
    str text = str_trim(line);
    if (str_starts(text, S("HTTP/"))) {
        in->answer = (struct stripe_response){ 0 };
        in->head_is_whole = in->has_length = false;
    } else if (text.n == 0) {
        in->head_is_whole = true;
    } else if (!in->head_is_whole) { /* else it is a trailer */
        str value = str_cut(text, ':', &name);
        read_header(in, name, str_trim(value));
    }
    return in->arena_is_full ? 0 : line.n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct incoming *in = ctx;

    buf_append(&in->body, (str){ p, size * n });
    in->too_large |= in->body.failed;
    return in->too_large ? 0 : size * n;
}

/* A value that ends its header early could add headers of its own. */
static bool is_header_safe(str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
            return false;
    return true;
}

static enum status check_request(const struct stripe_request *q, struct error *e)
{
    const str parts[] = { q->path, q->query };

    if (!str_starts(q->path, S("/")))
        return fail(e, ST_INVALID, "a request's path must begin with a slash");
    for (size_t p = 0; p < COUNT(parts); p++)
        for (size_t i = 0; i < parts[p].n; i++)
            if ((unsigned char)parts[p].p[i] <= ' ' || (unsigned char)parts[p].p[i] >= 0x7f ||
                parts[p].p[i] == '#' || (p == 0 && parts[p].p[i] == '?'))
                return fail(e, ST_INVALID, "a request's path or query is not escaped");
    if (!is_header_safe(q->account) || !is_header_safe(q->idem_key))
        return fail(e, ST_INVALID, "the account or the idempotency key holds a control character");
    return ST_OK;
}

/* The headers of a request, linked in `node`; texts are in `a`. NULL when it is full. */
static struct curl_slist *build_headers(struct stripe_http *h, const struct stripe_request *q,
                                        struct curl_slist node[HEADERS_SENT_MAX], struct arena *a)
{
    str account = { 0 }, idem_key = { 0 };
    size_t n = 0;

    if (q->account.n)
        account = arena_printf(a, "Stripe-Account: %.*s", STR_ARG(q->account));
    if (q->idem_key.n && q->method == STRIPE_POST)
        idem_key = arena_printf(a, "Idempotency-Key: %.*s", STR_ARG(q->idem_key));
    if ((q->account.n && !account.p) || (q->idem_key.n && q->method == STRIPE_POST && !idem_key.p))
        return NULL;
    node[n++].data = h->authorization;
    node[n++].data = (char *)"Stripe-Version: " STRIPE_API_VERSION;
    node[n++].data = (char *)"User-Agent: Brindle/" BRINDLE_VERSION;
    node[n++].data = (char *)"Accept: application/json";
    node[n++].data = (char *)"Expect:"; /* never wait for "100 Continue" */
    if (account.p)
        node[n++].data = (char *)account.p;
    if (idem_key.p)
        node[n++].data = (char *)idem_key.p;
    assert(n <= HEADERS_SENT_MAX);
    for (size_t i = 0; i < n; i++)
        node[i].next = i + 1 < n ? &node[i + 1] : NULL;
    return node;
}

static bool set_method(CURL *c, const struct stripe_request *q)
{
    bool ok = true;

    switch (q->method) {
    case STRIPE_GET: break;
    case STRIPE_POST:
        ok &= curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK;
        ok &= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->form.n) == CURLE_OK;
        ok &= curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->form.n ? q->form.p : "") == CURLE_OK;
        break;
    case STRIPE_DELETE:
        ok &= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "DELETE") == CURLE_OK;
        /* On a connection that is used again libcurl may send a request twice, when the other side
         * closes it at that moment. No idempotency key protects a DELETE. */
        ok &= curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        break;
    }
    return ok;
}

static bool set_place(struct stripe_http *h, CURL *c, msec budget)
{
    bool ok = true;

    if (!h->is_loopback)
        ok &= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
    else
        ok &= curl_easy_setopt(c, CURLOPT_NOPROXY, "*") == CURLE_OK;
    if (h->ca_file[0])
        ok &= curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file) == CURLE_OK;
    msec connect = h->connect_ms_max < budget ? h->connect_ms_max : budget;
    ok &= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)connect) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)budget) == CURLE_OK;
    return ok;
}

/* libcurl asks at least once a second. */
static int on_progress(void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    struct stripe_http *h = ctx;

    (void)down_all, (void)down, (void)up_all, (void)up;
    return atomic_load(&h->abandoned);
}

static bool set_callbacks(struct stripe_http *h, CURL *c, struct incoming *in)
{
    bool ok = curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;

    ok &= curl_easy_setopt(c, CURLOPT_HEADERDATA, in) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_WRITEDATA, in) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, in->detail) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_XFERINFODATA, h) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
    return ok;
}

/* What only asked may be asked again by whoever comes after us; what may have changed something is
 * in doubt once it has left. */
static enum status explain_abandoned(struct stripe_http *h, const struct stripe_request *q,
                                     bool has_left, struct error *e)
{
    const char *method = method_name(q->method);

    if (!has_left)
        return fail(e, ST_REFUSED, "%s %.*s was not sent: Brindle is closing", method,
                    STR_ARG(q->path));
    if (q->method == STRIPE_GET)
        return fail(e, ST_REFUSED,
                    "%s %.*s was given up: Brindle is closing, and %s had not answered", method,
                    STR_ARG(q->path), h->host);
    return fail(e, ST_RETRY,
                "%s %.*s was given up: Brindle is closing, and %s had not answered; whether it was "
                "carried out is unknown: the same request may be sent again",
                method, STR_ARG(q->path), h->host);
}

/* Why no answer came, in words that say what to check. */
static enum status explain_failure(struct stripe_http *h, const struct stripe_request *q,
                                   CURLcode code, const char *detail, bool has_left,
                                   struct error *e)
{
    const char *method = method_name(q->method);
    const char *why = detail[0] ? detail : curl_easy_strerror(code);

    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
        return fail(e, ST_RETRY,
                    "%s %.*s was not sent: the name %s cannot be resolved; check the network, its "
                    "DNS and api_base",
                    method, STR_ARG(q->path), h->host);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return fail(e, ST_RETRY,
                    "%s %.*s was not sent: the certificate of %s is not to be trusted (%s); check "
                    "this machine's clock, its CA certificates and api_base",
                    method, STR_ARG(q->path), h->host, why);
    if (!has_left)
        return fail(e, ST_RETRY,
                    "%s %.*s was not sent: no connection to %s (%s); check the network, the "
                    "firewall and api_base",
                    method, STR_ARG(q->path), h->base_url, why);
    return fail(e, ST_RETRY,
                "%s %.*s got no whole answer from %s (%s); whether it was carried out is unknown: "
                "the same request may be sent again",
                method, STR_ARG(q->path), h->host, why);
}

static enum status check_answer(struct stripe_http *h, const struct stripe_request *q, CURL *c,
                                CURLcode code, struct incoming *in, struct error *e)
{
    const char *method = method_name(q->method);
    long status = 0, sent_bytes = 0;

    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &sent_bytes);
    if (in->too_large)
        return fail(e, ST_LIMIT,
                    "the answer to %s %.*s is larger than its bounds (%d bytes of headers, %zu of "
                    "body); ask for less at a time",
                    method, STR_ARG(q->path), STRIPE_HEAD_BYTES_MAX, h->body_bytes_max);
    if (in->arena_is_full || code == CURLE_OUT_OF_MEMORY)
        return fail(e, ST_LIMIT, "no memory for the answer to %s %.*s", method, STR_ARG(q->path));
    if (code == CURLE_URL_MALFORMAT)
        return fail(e, ST_INVALID, "%s %.*s makes no URL", method, STR_ARG(q->path));
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return explain_abandoned(h, q, sent_bytes > 0, e);
    if (code != CURLE_OK)
        return explain_failure(h, q, code, in->detail, sent_bytes > 0, e);
    if (!in->head_is_whole || status < 200 || status > 999)
        return explain_failure(h, q, CURLE_PARTIAL_FILE, "it ended within its headers", true, e);
    /* A body that goes on until the connection ends could have been cut anywhere: libcurl takes
     * even a TLS connection that ends without a goodbye for its end. */
    if (!in->has_length && status != 204 && status != 304)
        return explain_failure(h, q, CURLE_PARTIAL_FILE, "its length is not told", true, e);
    in->answer.http_status = (int)status;
    in->answer.key = h->key_print;
    return ST_OK;
}

static enum status perform(struct stripe_http *h, const struct stripe_request *q, CURL *c,
                           msec budget, struct incoming *in, struct error *e)
{
    struct curl_slist node[HEADERS_SENT_MAX];

    str url = arena_printf(in->arena, "%s%.*s%s%.*s", h->base_url, STR_ARG(q->path),
                           q->query.n ? "?" : "", STR_ARG(q->query));
    struct curl_slist *headers = build_headers(h, q, node, in->arena);
    if (!url.p || !headers || !set_method(c, q) || !set_place(h, c, budget) ||
        !set_callbacks(h, c, in) || curl_easy_setopt(c, CURLOPT_URL, url.p) != CURLE_OK ||
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) != CURLE_OK)
        return fail(e, ST_LIMIT, "no memory for %s %.*s", method_name(q->method), STR_ARG(q->path));
    CURLcode code = curl_easy_perform(c);
    return check_answer(h, q, c, code, in, e);
}

/* How long this request may take in all; 0 or less when its deadline has passed. */
static msec time_left(const struct stripe_http *h, const struct stripe_request *q)
{
    if (!q->deadline)
        return h->total_ms_max;
    msec left = q->deadline - clock_mono(h->clock);
    return left < h->total_ms_max ? left : h->total_ms_max;
}

static enum status http_call(struct stripe *s, const struct stripe_request *q,
                             struct stripe_response *out, struct arena *a, struct error *e)
{
    struct stripe_http *h = (struct stripe_http *)s;
    struct incoming in = { .arena = a, .body = { .max = h->body_bytes_max } };

    assert(!tx_writing());
    enum status st = check_request(q, e);
    if (st != ST_OK)
        return st;
    if (atomic_load(&h->abandoned))
        return explain_abandoned(h, q, false, e);
    msec budget = time_left(h, q);
    if (budget <= 0)
        return fail(e, ST_RETRY, "%s %.*s was not sent: its deadline had passed",
                    method_name(q->method), STR_ARG(q->path));
    CURL *c = curl_pool_take(h->pool);
    if (!c)
        return fail(e, ST_LIMIT, "no memory for a connection to %s", h->host);
    st = perform(h, q, c, budget, &in, e);
    curl_pool_give(h->pool, c, st == ST_OK);
    if (st == ST_OK && in.body.n) {
        in.answer.body = arena_copy(a, buf_str(&in.body));
        if (!in.answer.body.p)
            st = fail(e, ST_LIMIT,
                      "the answer to %s %.*s (%zu bytes) is larger than its caller "
                      "made room for",
                      method_name(q->method), STR_ARG(q->path), in.body.n);
    }
    if (st == ST_OK)
        *out = in.answer;
    buf_free(&in.body);
    return st;
}

static void http_close(struct stripe *s)
{
    struct stripe_http *h = (struct stripe_http *)s;

    curl_pool_close(h->pool);
    OPENSSL_cleanse(h, sizeof *h);
    free(h);
}

static const struct stripe_ops http_ops = { "http", http_call, http_close };

static enum status set_base_url(struct stripe_http *h, str url, struct error *e)
{
    struct curl_target target;

    if (!url.n)
        url = S("https://api.stripe.com");
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (url.n >= sizeof h->base_url || memchr(url.p, '\0', url.n))
        return fail(e, ST_INVALID, "api_base is longer than %d bytes or holds a NUL",
                    BASE_URL_BYTES_MAX - 1);
    memcpy(h->base_url, url.p, url.n);
    enum status st = curl_target_parse(h->base_url, &target, e);
    if (st != ST_OK) {
        error_prefix(e, "api_base: ");
        return st;
    }
    if (target.has_user || target.has_query)
        return fail(e, ST_INVALID,
                    "api_base: a URL for %s must have no user, query or fragment; the key is a "
                    "setting of its own",
                    target.host);
    if (!target.is_https && !target.is_loopback)
        return fail(e, ST_INVALID,
                    "api_base: plain http would show the key to everybody on the way to %s; use "
                    "https, or http to loopback alone",
                    target.host);
    h->is_loopback = target.is_loopback;
    memcpy(h->host, target.host, sizeof h->host);
    return ST_OK;
}

static uint64_t print_key(str key)
{
    unsigned char sum[HMAC_BYTES];
    struct hmac *h = hmac_new(S("brindle key of an answer"));
    uint64_t print;

    hmac_sum(h, key, S(""), S(""), sum);
    hmac_free(h);
    memcpy(&print, sum, sizeof print);
    return print ? print : 1;
}

static enum status set_key(struct stripe_http *h, const struct secret *key, struct error *e)
{
    if (!key || secret_is_empty(key))
        return fail(e, ST_INVALID, "there is no Stripe key; set secret_key or STRIPE_SECRET_KEY");
    str text = str_trim(secret_reveal(key));
    snprintf(h->authorization, sizeof h->authorization, "Authorization: Bearer %.*s",
             STR_ARG(text));
    h->key_print = print_key(text);
    return ST_OK;
}

static enum status set_up(struct stripe_http *h, const struct stripe_http_options *o,
                          struct error *e)
{
    h->stripe.ops = &http_ops;
    h->clock = o->clock;
    h->connect_ms_max = o->connect_ms_max ? o->connect_ms_max : STRIPE_CONNECT_MS;
    h->total_ms_max = o->total_ms_max ? o->total_ms_max : STRIPE_TOTAL_MS;
    h->body_bytes_max = o->body_bytes_max ? o->body_bytes_max : STRIPE_BODY_BYTES_MAX;
    if (o->ca_file.n >= sizeof h->ca_file)
        return fail(e, ST_INVALID, "the path of the CA file is too long");
    if (o->ca_file.n)
        memcpy(h->ca_file, o->ca_file.p, o->ca_file.n);
    enum status st = set_base_url(h, o->base_url, e);
    if (st == ST_OK)
        st = set_key(h, o->key, e);
    if (st == ST_OK)
        st = curl_pool_open(&h->pool, e);
    return st;
}

enum status stripe_http_open(struct stripe **out, const struct stripe_http_options *o,
                             struct error *e)
{
    assert(o->clock);
    struct stripe_http *h = calloc(1, sizeof *h);
    if (!h)
        return fail(e, ST_LIMIT, "out of memory for a Stripe client");
    enum status st = set_up(h, o, e);
    if (st != ST_OK) {
        http_close(&h->stripe);
        return st;
    }
    *out = &h->stripe;
    return ST_OK;
}

void stripe_http_abandon(struct stripe *http)
{
    struct stripe_http *h = (struct stripe_http *)http;

    assert(http->ops == &http_ops);
    atomic_store(&h->abandoned, true);
}
