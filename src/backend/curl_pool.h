/* curl_pool.h - libcurl handles that keep their connections, for the two clients that speak HTTP.
 *
 * One handle serves one transfer at a time; the handles share names that were resolved and TLS
 * sessions. Every handle comes with what holds for all of our requests: certificates are checked,
 * redirects are not followed, only http and https are spoken, HTTP/1.1 with keep-alive. */
#pragma once

#include <curl/curl.h>

#include "base/base.h"

enum { CURL_POOL_IDLE_MAX = 64 }; /* handles kept, with their connections, for the next transfer */

struct curl_pool;

/* ST_LIMIT: out of memory, or libcurl cannot start. Ignores SIGPIPE for the whole process unless it
 * has a handler: a TLS connection that the other side closed must not end the program. */
enum status curl_pool_open(struct curl_pool **out, struct error *e) MUST_USE;
/* A handle for one transfer, from any thread; NULL when memory has run out. */
CURL *curl_pool_take(struct curl_pool *p) MUST_USE;
/* Back again. `reusable` is false when its connection should not be used any more. */
void curl_pool_give(struct curl_pool *p, CURL *handle, bool reusable);
void curl_pool_close(struct curl_pool *p); /* every handle is back; NULL is fine */

/* Where a URL leads, as libcurl reads it. */
struct curl_target {
    char host[256];
    bool is_https;
    bool is_loopback; /* 127.0.0.0/8, ::1 or localhost */
    bool has_user;    /* "user:password@" stands in it */
    bool has_query;   /* or a fragment */
};

/* ST_INVALID: no URL, or neither http nor https. The sentence never quotes what is before an @. */
enum status curl_target_parse(const char *url, struct curl_target *out, struct error *e) MUST_USE;
