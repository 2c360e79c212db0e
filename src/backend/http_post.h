/* http_post.h - POSTs a body to any URL: how the emulator delivers its webhooks.
 *
 * Any number of threads may send at once; connections are kept and used again. Redirects are not
 * followed: a 3xx is the answer. Certificates are checked. The answer's body is read and thrown
 * away. */
#pragma once

#include "base/base.h"

enum {
    POST_ANSWER_BYTES_MAX = 64 << 10, /* read of an answer's body; the rest is not waited for */
    POST_HEADERS_MAX = 16,
    POST_URL_BYTES_MAX = 2048,
};

struct http_poster;

struct post_header {
    str name, value;
};

/* ST_LIMIT: out of memory. */
enum status http_poster_open(struct http_poster **out, struct error *e) MUST_USE;
void http_poster_close(struct http_poster *p); /* no send may be under way; NULL is fine */

/* Sends and waits for the answer, at most `timeout` in all (0: 30 s). Without a Content-Type among
 * the headers the body is called a form. ST_OK: it was answered,
 * `*http_status` says how. ST_RETRY: no whole answer came; it may have been received. ST_INVALID:
 * the URL is none or neither http nor https, or a header holds what no header may. ST_LIMIT: out
 * of memory, more than POST_HEADERS_MAX headers, too long a URL. */
enum status http_poster_send(struct http_poster *p, str url, const struct post_header *header,
                             size_t n_headers, str body, msec timeout, int *http_status,
                             struct error *e) MUST_USE;
