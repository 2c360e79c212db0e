#include "backend/kv_redis.h"

#include <hiredis/hiredis.h>
#ifdef HAVE_HIREDIS_SSL
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/url.h"

enum {
    PORT_DEFAULT = 6379,
    PORT_MAX = 65535,
    DATABASE_MAX = 1 << 20,
    CONNECT_S_MAX = 2,
    ANSWER_S_MAX = 5,
    SHA_CHARS = 40,
    URL_BYTES_MAX = 4096,
    REVISION_CHARS = 24,
};

/* What was there and says a greater revision stays. A value that says none is somebody else's older
 * one. Revisions are microseconds: below 2^53, so Lua's numbers hold them. */
static const char script[] = "local old = redis.call('GET', KEYS[1]) "
                             "if old then local r = string.match(old, '\"revision\":(%d+)') "
                             "if r and tonumber(r) > tonumber(ARGV[2]) then return 0 end end "
                             "if ARGV[1] == '' then redis.call('DEL', KEYS[1]) "
                             "else redis.call('SET', KEYS[1], ARGV[1]) end return 1";

struct redis {
    struct kv base; /* first: a struct kv * is a struct redis * */
    struct arena a; /* of the address */
    str user, password, host, socket;
    int port;
    int64_t database;
    bool tls;
    redisContext *c; /* NULL: not connected */
    char sha[SHA_CHARS + 1];
};

static struct redis *self(struct kv *k)
{
    return (struct redis *)k;
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void hang_up(struct redis *r)
{
    if (r->c)
        redisFree(r->c);
    r->c = NULL;
}

static void place_of(const struct redis *r, char out[300])
{
    if (r->socket.n)
        snprintf(out, 300, "Redis at %.*s", STR_ARG(r->socket));
    else
        snprintf(out, 300, "Redis at %.*s:%d", STR_ARG(r->host), r->port);
}

static enum status fail_connection(struct redis *r, struct error *e)
{
    char place[300], why[200];

    place_of(r, place);
    snprintf(why, sizeof why, "%s", r->c ? r->c->errstr : "memory has run out");
    hang_up(r);
    return fail(e, ST_RETRY, "%s: %s", place, why);
}

/* The server's own words; what it refuses now it may take once somebody has looked after it. */
static enum status fail_reply(struct redis *r, const char *doing, const redisReply *reply,
                              struct error *e)
{
    char place[300];

    place_of(r, place);
    return fail(e, ST_RETRY, "%s: %s: %.200s", place, doing, reply->str);
}

/* Reads one answer; `out` may be NULL. */
static enum status read_reply(struct redis *r, const char *doing, redisReply **out, struct error *e)
{
    void *got = NULL;

    if (out)
        *out = NULL;
    if (redisGetReply(r->c, &got) != REDIS_OK || !got)
        return fail_connection(r, e);
    redisReply *reply = got;
    enum status st = reply->type == REDIS_REPLY_ERROR ? fail_reply(r, doing, reply, e) : ST_OK;
    if (st == ST_OK && out)
        *out = reply;
    else
        freeReplyObject(reply);
    return st;
}

static enum status command(struct redis *r, const char *doing, const str *arg, size_t n,
                           redisReply **out, struct error *e)
{
    const char *p[8];
    size_t length[8];

    assert(n <= COUNT(p));
    for (size_t i = 0; i < n; i++) {
        p[i] = arg[i].p ? arg[i].p : "";
        length[i] = arg[i].n;
    }
    if (redisAppendCommandArgv(r->c, (int)n, p, length) != REDIS_OK)
        return fail_connection(r, e);
    return read_reply(r, doing, out, e);
}

static enum status introduce(struct redis *r, struct error *e)
{
    char number[REVISION_CHARS];
    redisReply *sha = NULL;
    enum status st = ST_OK;

    if (r->password.n && r->user.n)
        st = command(r, "AUTH", (const str[]){ S("AUTH"), r->user, r->password }, 3, NULL, e);
    else if (r->password.n)
        st = command(r, "AUTH", (const str[]){ S("AUTH"), r->password }, 2, NULL, e);
    snprintf(number, sizeof number, "%lld", (long long)r->database);
    if (st == ST_OK && r->database)
        st = command(r, "SELECT", (const str[]){ S("SELECT"), str_of(number) }, 2, NULL, e);
    if (st == ST_OK)
        st = command(r, "SCRIPT LOAD", (const str[]){ S("SCRIPT"), S("LOAD"), str_of(script) }, 3,
                     &sha, e);
    if (st == ST_OK)
        snprintf(r->sha, sizeof r->sha, "%s", sha->str);
    if (sha)
        freeReplyObject(sha);
    return st;
}

/* The certificate must be the host's, and from somebody whom this machine trusts. */
#ifdef HAVE_HIREDIS_SSL
static SSL *new_session(const struct redis *r)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;

    if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_default_verify_paths(ctx) == 1)
        ssl = SSL_new(ctx);
    SSL_CTX_free(ctx); /* the session has its own share of it */
    if (!ssl)
        return NULL;
    X509_VERIFY_PARAM *expect = SSL_get0_param(ssl);
    bool named =
        X509_VERIFY_PARAM_set1_ip_asc(expect, r->host.p) == 1 ||
        (SSL_set1_host(ssl, r->host.p) == 1 && SSL_set_tlsext_host_name(ssl, r->host.p) == 1);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (named)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

static enum status fail_handshake(struct redis *r, const SSL *ssl, struct error *e)
{
    char place[300];
    long verified = SSL_get_verify_result(ssl);

    if (verified == X509_V_OK)
        return fail_connection(r, e);
    place_of(r, place);
    return fail(e, ST_RETRY,
                "%s: its certificate is not accepted (%s): it must be made for the host in "
                "REDIS_URL, by an authority of this system or one in SSL_CERT_FILE",
                place, X509_verify_cert_error_string(verified));
}

static enum status secure(struct redis *r, struct error *e)
{
    char place[300];
    SSL *ssl = new_session(r);

    if (!ssl) {
        place_of(r, place);
        return fail(e, ST_RETRY, "%s: TLS cannot be begun: memory has run out", place);
    }
    if (redisInitiateSSL(r->c, ssl) == REDIS_OK)
        return ST_OK; /* from here on it is the connection's */
    enum status st = fail_handshake(r, ssl, e);
    SSL_free(ssl);
    return st;
}
#else
static enum status secure(struct redis *r, struct error *e)
{
    (void)r, (void)e;
    return ST_OK; /* kv_redis_open has refused it */
}
#endif

static enum status connect_now(struct redis *r, struct error *e)
{
    const struct timeval connecting = { .tv_sec = CONNECT_S_MAX },
                         asking = { .tv_sec = ANSWER_S_MAX };

    if (r->c && !r->c->err)
        return ST_OK;
    hang_up(r);
    r->c = r->socket.n ? redisConnectUnixWithTimeout(r->socket.p, connecting)
                       : redisConnectWithTimeout(r->host.p, r->port, connecting);
    if (!r->c || r->c->err)
        return fail_connection(r, e);
    (void)redisSetTimeout(r->c, asking);
    if (!r->socket.n)
        (void)redisEnableKeepAlive(r->c);
    enum status st = r->tls ? secure(r, e) : ST_OK;
    if (st == ST_OK)
        st = introduce(r, e);
    if (st != ST_OK)
        hang_up(r);
    return st;
}

/* ---- putting and getting ----------------------------------------------------------------------
 */

static enum status send_item(struct redis *r, const struct kv_item *item, struct error *e)
{
    char revision[REVISION_CHARS];

    snprintf(revision, sizeof revision, "%lld", (long long)item->revision);
    const char *p[] = { "EVALSHA", r->sha, "1", item->key.p, item->value.n ? item->value.p : "",
                        revision };
    const size_t length[] = { 7, SHA_CHARS, 1, item->key.n, item->value.n, strlen(revision) };
    if (redisAppendCommandArgv(r->c, COUNT(p), p, length) != REDIS_OK)
        return fail_connection(r, e);
    return ST_OK;
}

/* All answers are read, whatever the first of them is; the connection stays in step. */
static enum status put_all(struct redis *r, const struct kv_item *item, size_t n, struct error *e)
{
    enum status first = ST_OK;

    for (size_t i = 0; i < n && first == ST_OK; i++)
        first = send_item(r, &item[i], e);
    for (size_t i = 0; i < n && r->c; i++) {
        struct error one = { 0 };
        enum status st = read_reply(r, "EVALSHA", NULL, &one);
        if (st != ST_OK && first == ST_OK) {
            first = st;
            *e = one;
        }
    }
    return first;
}

/* A server that has forgotten the script (SCRIPT FLUSH, another node) is told it anew with the next
 * connection. */
static enum status redis_put(struct kv *k, const struct kv_item *item, size_t n, struct error *e)
{
    struct redis *r = self(k);

    assert(n <= KV_ITEMS_MAX);
    enum status st = connect_now(r, e);
    if (st != ST_OK)
        return st;
    st = put_all(r, item, n, e);
    if (st != ST_OK)
        hang_up(r);
    return st;
}

static enum status redis_get(struct kv *k, str key, str *value, struct arena *a, struct error *e)
{
    struct redis *r = self(k);
    redisReply *reply = NULL;

    enum status st = connect_now(r, e);
    if (st == ST_OK)
        st = command(r, "GET", (const str[]){ S("GET"), key }, 2, &reply, e);
    if (st != ST_OK)
        return st;
    assert(reply);
    if (reply->type == REDIS_REPLY_STRING) {
        *value = arena_copy(a, (str){ reply->str, (size_t)reply->len });
        if (!value->p)
            st = fail(e, ST_LIMIT, "the value of %.*s is too large", STR_ARG(key));
    } else {
        st = ST_NONE;
    }
    freeReplyObject(reply);
    return st;
}

/* ---- what it says of itself -------------------------------------------------------------------
 */

/* "name:value" on a line of its own. */
static str info_value(str info, const char *name)
{
    for (str left = info, line; left.n;) {
        left = str_cut(left, '\n', &line);
        line = str_trim(line);
        size_t n = strlen(name);
        if (str_starts(line, str_of(name)) && line.n > n && line.p[n] == ':')
            return str_sub(line, n + 1, line.n);
    }
    return S("");
}

static void keep(char *out, size_t room, str text)
{
    snprintf(out, room, "%.*s", STR_ARG(text));
}

static void take_info(str info, struct kv_facts *f)
{
    str valkey = info_value(info, "valkey_version");

    keep(f->version, sizeof f->version, valkey.n ? valkey : info_value(info, "redis_version"));
    keep(f->role, sizeof f->role, info_value(info, "role"));
    keep(f->eviction, sizeof f->eviction, info_value(info, "maxmemory_policy"));
    if (!str_to_int(info_value(info, "used_memory"), &f->memory_used))
        f->memory_used = 0;
    if (!str_to_int(info_value(info, "maxmemory"), &f->memory_max))
        f->memory_max = 0;
    f->lasting = str_eqz(info_value(info, "aof_enabled"), "1");
}

/* CONFIG GET save: two texts, the second empty when nothing is ever saved. A server that keeps its
 * configuration to itself is taken for one that is looked after. */
static enum status ask_saves(struct redis *r, bool *saves, struct error *e)
{
    struct error ignored = { 0 };
    redisReply *reply = NULL;

    *saves = true;
    if (command(r, "CONFIG GET save", (const str[]){ S("CONFIG"), S("GET"), S("save") }, 3, &reply,
                &ignored) != ST_OK)
        return r->c ? ST_OK : fail(e, ST_RETRY, "%s", ignored.text);
    assert(reply);
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        *saves = reply->element[1]->len > 0;
    freeReplyObject(reply);
    return ST_OK;
}

/* In the server's own words, whose first one is its name for the mistake. */
static bool is_refusal(const char *text)
{
    static const char *const word[] = { "NOAUTH", "WRONGPASS", "NOPERM", "invalid password",
                                        "without any password configured" };

    for (size_t i = 0; i < COUNT(word); i++)
        if (strstr(text, word[i]))
            return true;
    return false;
}

enum status kv_redis_facts(struct kv *k, struct kv_facts *out, struct error *e)
{
    struct redis *r = self(k);
    redisReply *reply = NULL;
    bool saves = false;

    *out = (struct kv_facts){ .lasting = false };
    enum status st = connect_now(r, e);
    if (st == ST_OK)
        st = command(r, "INFO", (const str[]){ S("INFO") }, 1, &reply, e);
    if (st != ST_OK)
        return is_refusal(e->text) ? (e->status = ST_REFUSED) : st;
    assert(reply);
    if (reply->type == REDIS_REPLY_STRING)
        take_info((str){ reply->str, (size_t)reply->len }, out);
    freeReplyObject(reply);
    st = ask_saves(r, &saves, e);
    out->lasting = out->lasting || saves;
    return st;
}

static void redis_close(struct kv *k)
{
    struct redis *r = self(k);

    hang_up(r);
    if (r->password.n)
        explicit_bzero((char *)(uintptr_t)r->password.p, r->password.n);
    arena_free(&r->a);
    free(r);
}

static const struct kv_ops redis_ops = { "redis", redis_put, redis_get, redis_close };

/* ---- the address ------------------------------------------------------------------------------
 */

static bool read_number(str text, int64_t most, int64_t *out)
{
    return str_to_int(text, out) && *out >= 0 && *out <= most;
}

static bool read_socket(struct redis *r, str rest)
{
    str query = str_cut(rest, '?', &rest);

    r->socket = arena_copy(&r->a, rest);
    if (str_starts(query, S("db=")))
        return read_number(str_sub(query, 3, query.n), DATABASE_MAX, &r->database);
    return rest.n > 1 && rest.p[0] == '/' && !query.n;
}

/* "user:password@"; the part behind the last @ is the host. */
static bool read_login(struct redis *r, str *rest)
{
    size_t at = rest->n;
    str user, password;

    while (at > 0 && rest->p[at - 1] != '@')
        at--;
    if (at == 0)
        return true;
    str login = str_sub(*rest, 0, at - 1);
    *rest = str_sub(*rest, at, rest->n);
    password = str_cut(login, ':', &user);
    return password.n && url_unescape(&r->a, user, false, &r->user) &&
           url_unescape(&r->a, password, false, &r->password);
}

/* "[::1]:6379": an IPv6 address stands in brackets. What is left begins with the port's colon. */
static bool read_brackets(str *rest, str *host)
{
    str behind = str_cut(str_sub(*rest, 1, rest->n), ']', host);

    if (!behind.p || !host->n || (behind.n && behind.p[0] != ':'))
        return false;
    *rest = behind;
    return true;
}

static bool read_host(struct redis *r, str rest)
{
    int64_t port = PORT_DEFAULT;
    str host = { 0 }, before = { 0 }, database = str_cut(rest, '/', &rest);

    if (database.n && !read_number(database, DATABASE_MAX, &r->database))
        return false;
    bool bracketed = rest.n && rest.p[0] == '[';
    if (bracketed && !read_brackets(&rest, &host))
        return false;
    str number = str_cut(rest, ':', &before);
    if (!bracketed)
        host = before;
    if (number.p && !read_number(number, PORT_MAX, &port))
        return false;
    r->host = arena_copy(&r->a, host.n ? host : S("127.0.0.1"));
    r->port = (int)port;
    return true;
}

static bool read_url(struct redis *r, str url)
{
    static const struct {
        const char *scheme;
        bool tls;
    } known[] = {
        { "redis://", false }, { "valkey://", false }, { "rediss://", true }, { "valkeys://", true }
    };

    if (str_starts(url, S("unix://")))
        return read_socket(r, str_sub(url, 7, url.n));
    for (size_t i = 0; i < COUNT(known); i++) {
        str scheme = str_of(known[i].scheme);
        if (!str_starts(url, scheme))
            continue;
        str rest = str_sub(url, scheme.n, url.n);
        r->tls = known[i].tls;
        return read_login(r, &rest) && read_host(r, rest);
    }
    return false;
}

static bool can_tls(void)
{
#ifdef HAVE_HIREDIS_SSL
    return true;
#else
    return false;
#endif
}

enum status kv_redis_open(struct kv **out, str url, struct error *e)
{
    if (url.n > URL_BYTES_MAX)
        return fail(e, ST_INVALID, "REDIS_URL is longer than %d bytes", URL_BYTES_MAX);
    struct redis *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->base.ops = &redis_ops;
    r->a.max = 4 * URL_BYTES_MAX;
    if (!read_url(r, url)) {
        redis_close(&r->base);
        return fail(
            e, ST_INVALID,
            "REDIS_URL cannot be read: write redis://[user:password@]host[:port][/database] "
            "(rediss: with TLS) or unix:///path");
    }
    if (r->tls && !can_tls()) {
        redis_close(&r->base);
        return fail(e, ST_INVALID,
                    "REDIS_URL: this brindle was built with a hiredis without TLS (it has it since "
                    "1.0, Debian 13). Build it there, or put stunnel beside it and use redis:// to "
                    "loopback");
    }
    *out = &r->base;
    return ST_OK;
}
