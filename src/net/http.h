/* http.h - HTTP/1.1 in: an epoll loop over llhttp, with a limit and a deadline on everything.
 *
 * One thread runs the loop (http_server_run) and calls the handler there, once a request is
 * complete; the handler must not block. It answers at once or later, from any thread, exactly
 * once. All requests that became complete in one turn of the loop are handed over before `turn`
 * is called, so that a handler can collect them for one group commit.
 *
 * A connection has one request at a time with the handler; those pipelined behind it wait.
 * What is not plainly one request (two lengths, bare line feeds, no Host, …) is answered 400 and
 * the connection closed. TLS and HTTP/2 belong to the reverse proxy in front. */
#pragma once

#include "base/base.h"

struct http_server;
struct http_exchange; /* one request on its way to its answer */

enum { HTTP_HEADERS_MAX = 64 };

struct http_header {
    str name, value; /* the name as it was sent; compare without case */
};

/* A complete request. Every slice lives until its answer has been given. */
struct http_request {
    str method; /* "GET" */
    str target; /* as sent: "/v1/products?limit=3" */
    str path;   /* before '?', still escaped */
    str query;  /* after '?', may be empty */
    str body;   /* at most body_bytes_max; transfer coding removed */
    struct http_header header[HTTP_HEADERS_MAX];
    size_t n_headers;
};

/* The header's value, by name without case; {NULL, 0} when it is absent or sent more than once
 * (`count`, unless NULL, says how often it was sent). */
str http_header_get(const struct http_request *q, str name, size_t *count);

/* "Date", "Content-Length" and, where it is needed, "Connection" are added. A control character in
 * a header becomes a blank. Answers to HEAD, and 204 and 304, are sent without their body. */
struct http_response {
    int status;                       /* 200 to 999, or 101 */
    str content_type;                 /* empty: none is sent */
    str body;                         /* copied */
    const struct http_header *header; /* further headers, copied */
    size_t n_headers;
    bool close; /* close the connection after this answer */
    /* What the emulator's faults need. Each is off when zero. */
    msec delay;          /* wait before the answer is sent */
    bool reset;          /* send nothing: reset the connection */
    size_t cut_at_bytes; /* close after so many bytes of the body, whose full length was promised */
    msec trickle;        /* pause between pieces of 64 bytes of the body */
    /* With status 101 alone: when the answer is out, the socket is no longer the server's but given
     * to this (blocking, on the loop's thread), with `upgrade_ctx` and `upgrade_id`. What the other
     * side sent before it saw the answer is lost; it must not. Not called when the other side has
     * gone before. */
    void (*upgrade)(void *ctx, uint64_t id, int fd);
    void *upgrade_ctx;
    uint64_t upgrade_id;
};

struct http_handler {
    void *ctx;
    /* Called on the loop's thread. Answer with http_reply now or later. */
    void (*handle)(void *ctx, struct http_exchange *x, const struct http_request *q);
    /* Called on the loop's thread at the end of each turn in which `handle` was called; may be
     * NULL. */
    void (*turn)(void *ctx);
};

struct http_options {
    str listen;              /* "127.0.0.1:8420", "[::1]:0"; port 0 picks a free one */
    size_t connections_max;  /* 0: 1024, with those that are gone but whose request the handler
                              * still has. One more is answered 503 and closed */
    size_t body_bytes_max;   /* 0: 1 MiB. More is answered 413 and the connection closed */
    size_t header_bytes_max; /* 0: 16 KiB. More is answered 431 and the connection closed */
    msec request_ms_max;     /* 0: 20 s for the WHOLE request from its first byte; then 408 */
    msec idle_ms_max;        /* 0: 60 s between requests; then closed */
    msec write_ms_max;       /* 0: 30 s for the WHOLE answer to be taken; then reset */
    size_t input_bytes_max;  /* 0: 256 MiB for what has come on all connections; more: 503 */
    msec drain_ms_max;       /* 0: 10 s: how long http_server_run goes on after http_server_stop */
    struct http_handler handler;
};

/* Opens the socket and the loop. ST_INVALID: `listen` cannot be read. ST_CONFLICT: the address is
 * in use. ST_REFUSED: not permitted, no such address. ST_LIMIT: out of descriptors or memory. */
enum status http_server_open(struct http_server **out, const struct http_options *o,
                             struct error *e) MUST_USE;
unsigned http_server_port(const struct http_server *s);

/* Runs until http_server_stop; then no new connection is taken, requests that arrive on open ones
 * are answered 503 with "Connection: close", and it returns when all answers are out (ST_OK) or the
 * drain has taken too long (ST_LIMIT). ST_BROKEN: the loop itself failed. */
enum status http_server_run(struct http_server *s, struct error *e) MUST_USE;
void http_server_stop(struct http_server *s); /* from any thread or signal handler */
/* After run has returned, and after the last http_reply: exchanges end with it. NULL is fine. */
void http_server_close(struct http_server *s);

/* Answers and ends the exchange. From any thread; exactly once for each exchange. */
void http_reply(struct http_exchange *x, const struct http_response *r);

/* A place for the handler to keep what it needs until it answers. */
void http_exchange_set(struct http_exchange *x, void *data);
void *http_exchange_get(const struct http_exchange *x);
/* One more header for whatever the answer will be; both constants. The last one counts. */
void http_exchange_label(struct http_exchange *x, str name, str value);
/* The request again, while it has not been answered. */
const struct http_request *http_exchange_request(const struct http_exchange *x);

/* Counters for metrics, readable from any thread. */
struct http_counters {
    uint64_t connections, requests, refused_connections, timeouts, malformed, too_large;
    uint64_t open_connections;
};
struct http_counters http_server_counters(const struct http_server *s);

/* Parses "host:port" and "[v6]:port". ST_INVALID names the mistake. Whether the address is
 * loopback is told apart, because plain HTTP is meant for loopback alone. */
struct http_address {
    char host[64];
    unsigned port;
    bool loopback;
};
enum status http_address_parse(str text, struct http_address *out, struct error *e) MUST_USE;

/* Could a server be opened at `listen`, by one who has let go of `held`, an address with the port
 * that it got (0: its own)? Nobody keeps it until then. Behind an address that is the same in part,
 * as all of this machine's and one of them are, nobody can look: that is ST_OK. Statuses as
 * http_server_open's. */
enum status http_listen_try(str listen, str held, unsigned held_port, struct error *e) MUST_USE;
