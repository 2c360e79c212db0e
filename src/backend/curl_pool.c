#include "backend/curl_pool.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct curl_pool {
    pthread_mutex_t lock; /* guards idle and n_idle */
    CURL *idle[CURL_POOL_IDLE_MAX];
    size_t n_idle;
    CURLSH *share;
    pthread_mutex_t shared[CURL_LOCK_DATA_LAST]; /* one for each kind of data that is shared */
};

static void global_start(void)
{
    struct sigaction now;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

static void share_lock(CURL *handle, curl_lock_data data, curl_lock_access access, void *ctx)
{
    struct curl_pool *p = ctx;

    (void)handle, (void)access;
    pthread_mutex_lock(&p->shared[data]);
}

static void share_unlock(CURL *handle, curl_lock_data data, void *ctx)
{
    struct curl_pool *p = ctx;

    (void)handle;
    pthread_mutex_unlock(&p->shared[data]);
}

static bool share_set_up(struct curl_pool *p)
{
    p->share = curl_share_init();
    return p->share && curl_share_setopt(p->share, CURLSHOPT_USERDATA, p) == CURLSHE_OK &&
           curl_share_setopt(p->share, CURLSHOPT_LOCKFUNC, share_lock) == CURLSHE_OK &&
           curl_share_setopt(p->share, CURLSHOPT_UNLOCKFUNC, share_unlock) == CURLSHE_OK &&
           curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK &&
           curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

enum status curl_pool_open(struct curl_pool **out, struct error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, global_start);
    struct curl_pool *p = calloc(1, sizeof *p);
    if (!p)
        return fail(e, ST_LIMIT, "out of memory for an HTTP client");
    pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < COUNT(p->shared); i++)
        pthread_mutex_init(&p->shared[i], NULL);
    if (!share_set_up(p)) {
        curl_pool_close(p);
        return fail(e, ST_LIMIT, "libcurl cannot start: out of memory, or built without sharing");
    }
    *out = p;
    return ST_OK;
}

void curl_pool_close(struct curl_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_idle; i++)
        curl_easy_cleanup(p->idle[i]);
    if (p->share)
        curl_share_cleanup(p->share);
    for (size_t i = 0; i < COUNT(p->shared); i++)
        pthread_mutex_destroy(&p->shared[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* What holds for all of our requests. False when libcurl refuses any of it: then none may be made.
 */
static bool set_defaults(struct curl_pool *p, CURL *c)
{
    bool ok = curl_easy_setopt(c, CURLOPT_SHARE, p->share) == CURLE_OK;

    ok &= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
    return ok;
}

CURL *curl_pool_take(struct curl_pool *p)
{
    pthread_mutex_lock(&p->lock);
    CURL *c = p->n_idle ? p->idle[--p->n_idle] : NULL;
    pthread_mutex_unlock(&p->lock);
    if (!c)
        c = curl_easy_init();
    if (c && !set_defaults(p, c)) {
        curl_easy_cleanup(c);
        c = NULL;
    }
    return c;
}

void curl_pool_give(struct curl_pool *p, CURL *handle, bool reusable)
{
    /* Its connections, names and sessions stay; what points to the caller's memory goes, before
     * the handle can write there again. */
    curl_easy_reset(handle);
    if (reusable) {
        pthread_mutex_lock(&p->lock);
        if (p->n_idle < CURL_POOL_IDLE_MAX) {
            p->idle[p->n_idle++] = handle;
            handle = NULL;
        }
        pthread_mutex_unlock(&p->lock);
    }
    curl_easy_cleanup(handle); /* NULL is fine */
}

/* libcurl writes numeric addresses in their plain form ("127.1" as "127.0.0.1"), and resolves
 * "localhost" to loopback itself, whatever the hosts file says. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool url_part(CURLU *u, CURLUPart part, char *out, size_t size)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK && text && strlen(text) < size;

    if (there)
        memcpy(out, text, strlen(text) + 1);
    curl_free(text);
    return there;
}

static bool url_has(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return there;
}

static enum status read_target(CURLU *u, const char *url, struct curl_target *out, struct error *e)
{
    struct curl_target t = { 0 };
    char scheme[16];

    CURLUcode code = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK)
        return fail(e, ST_INVALID, "this is no URL: %s", curl_url_strerror(code));
    if (!url_part(u, CURLUPART_SCHEME, scheme, sizeof scheme) ||
        (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        return fail(e, ST_INVALID, "a URL must begin with https:// or http://");
    if (!url_part(u, CURLUPART_HOST, t.host, sizeof t.host))
        return fail(e, ST_INVALID, "the URL names no host, or one that is too long");
    size_t n = strlen(t.host);
    if (n > 2 && t.host[0] == '[') { /* as libcurl gives an IPv6 address */
        memmove(t.host, t.host + 1, n - 2);
        t.host[n - 2] = '\0';
    }
    t.is_https = strcmp(scheme, "https") == 0;
    t.is_loopback = is_loopback(t.host);
    t.has_user = url_has(u, CURLUPART_USER) || url_has(u, CURLUPART_PASSWORD);
    t.has_query = url_has(u, CURLUPART_QUERY) || url_has(u, CURLUPART_FRAGMENT);
    *out = t;
    return ST_OK;
}

enum status curl_target_parse(const char *url, struct curl_target *out, struct error *e)
{
    CURLU *u = curl_url();
    if (!u)
        return fail(e, ST_LIMIT, "out of memory for a URL");
    enum status st = read_target(u, url, out, e);
    curl_url_cleanup(u);
    return st;
}
