/* http_internal.h - what the files of the HTTP server share. Private to net/.
 *
 *   http.c         the server: socket, loop, accept, replies of other threads, drain
 *   http_conn.c    one connection: read, parse, hand over, send, close
 *   http_parse.c   bytes to requests        (pure)
 *   http_answer.c  responses to bytes       (pure)
 *   http_timer.c   which deadline is next   (pure)
 *
 * Everything belongs to the loop's thread, with three exceptions: the list `foreign` of replies
 * (under `lock`), the exchange itself between `handle` and http_reply (it belongs to the handler),
 * and the atomic flags and counters. */
#pragma once

#include "base/buf.h"
#include "net/http.h"
#include "net/http_parse.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    /* Defaults of struct http_options. */
    HTTP_CONNECTIONS_MAX = 1024,
    HTTP_BODY_BYTES_MAX = 1 << 20,
    HTTP_HEADER_BYTES_MAX = 16 << 10,
    HTTP_INPUT_BYTES_MAX = 256 << 20,
    HTTP_REQUEST_MS_MAX = 20000,
    HTTP_IDLE_MS_MAX = 60000,
    HTTP_WRITE_MS_MAX = 30000,
    HTTP_DRAIN_MS_MAX = 10000,

    HTTP_IN_BYTES = 8 << 10,          /* a connection's first read buffer */
    HTTP_IN_BYTES_KEPT = 32 << 10,    /* a larger one is freed behind its request */
    HTTP_IN_ROOM_MIN = 1 << 10,       /* less room than this: the read buffer grows */
    HTTP_OUT_BYTES_KEPT = 16 << 10,   /* a larger send buffer is freed once it is empty */
    HTTP_OUT_BYTES_BATCH = 64 << 10,  /* so much waits to be sent: no further request is taken */
    HTTP_ANSWER_BYTES_MAX = 64 << 20, /* a larger answer becomes a 500 */
    HTTP_REQUESTS_PER_TURN = 64,      /* pipelined requests of one connection in one turn */
    HTTP_ACCEPTS_PER_TURN = 64,       /* new connections in one turn */
    HTTP_EVENTS_PER_TURN = 256,
    HTTP_REFUSED_MAX = 32,           /* connections beyond the limit that hear a 503 at a time */
    HTTP_ACCEPT_PAUSE_MS = 100,      /* out of descriptors: no accept for so long */
    HTTP_LINGER_MS = 1000,           /* so long an ended connection is read and thrown away, */
    HTTP_LINGER_BYTES_MAX = 4 << 20, /* and so much, lest a reset overtake our answer */
    HTTP_TRICKLE_BYTES = 64,
    HTTP_DATE_BYTES = 29, /* "Sun, 06 Nov 1994 08:49:37 GMT" */
};

#define HTTP_NEVER INT64_MAX

struct http_conn;

struct http_exchange {
    struct http_conn *conn;
    struct http_exchange *next; /* in a list of replies */
    void *data;
    struct http_header label; /* without a name: none */
    /* The reply, from http_reply on. */
    struct buf answer;
    size_t head_bytes, date_at; /* within `answer` */
    bool answered;              /* http_reply was called: an assertion */
    bool close, reset;
    msec delay, trickle;
    size_t cut_at_bytes;
    void (*upgrade)(void *ctx, uint64_t id,
                    int fd); /* NULL unless the socket is to be given away */
    void *upgrade_ctx;
    uint64_t upgrade_id;
};

struct http_replies {
    struct http_exchange *first, **last;
};

/* Who has the request. */
enum http_phase {
    HTTP_READS,   /* nobody: the next one is being read */
    HTTP_HANDLED, /* the handler, until http_reply */
    HTTP_DELAYED, /* the answer is there and waits for `resume_at` */
};

struct http_conn {
    struct http_server *server;
    int fd; /* -1: free, or gone while the handler still has the request */
    uint32_t slot, generation;
    enum http_phase phase;

    bool readable;   /* the last read did not come to an end */
    bool ended;      /* the other side will send no more */
    bool hangup_due; /* the end was announced and has not been read yet */
    bool blocked;    /* the other side takes no more at the moment */
    bool close_after_out;
    bool lingers; /* will be read to the end before it is closed */
    bool lingering;
    bool refused;   /* one too many; hears a 503 */
    bool in_handle; /* the handler is being called */
    bool replied_in_handle;
    bool queued; /* in the server's list of those that have more to do */

    struct buf in;
    size_t in_at; /* the present request begins here */
    struct http_parse parse;
    struct buf out;
    size_t out_at, out_allowed; /* sent; may be sent (less than all while it trickles) */
    msec trickle;
    size_t lingered_bytes;

    msec idle_since, request_since; /* request_since: 0 before its first byte */
    msec write_until;               /* 0 unless the other side has let us wait */
    msec resume_at;                 /* of a delayed or trickling answer */
    msec linger_until;

    msec deadline; /* HTTP_NEVER: none */
    msec due;      /* its key in the heap, at most `deadline` */
    size_t heap_at;
    bool in_heap;

    struct http_conn *next; /* in the free list, or in the list of those with more to do */
    struct http_exchange x;
};

/* ---- http_timer.c: a heap of connections by their deadline ---- */

struct http_timers {
    struct http_conn **heap; /* room for every connection */
    size_t n;
};

/* A deadline that moves away costs nothing: the heap finds out when the old one comes. */
void http_timer_set(struct http_timers *t, struct http_conn *c, msec deadline);
void http_timer_remove(struct http_timers *t, struct http_conn *c);
/* One whose deadline has come, taken out of the heap; NULL when there is none. */
struct http_conn *http_timer_expired(struct http_timers *t, msec now);
/* Until when nothing expires, or HTTP_NEVER. */
msec http_timer_next(const struct http_timers *t);

/* ---- http_answer.c ---- */

/* Writes an answer into x->answer; what cannot be written becomes a 500. `q` tells whether a body
 * may follow and whether the connection may live on. */
void http_answer_write(struct http_exchange *x, const struct http_response *r,
                       const struct http_parse *q, bool close);
/* Puts the date into the place that http_answer_write left for it. */
void http_answer_date(struct http_exchange *x, const char date[HTTP_DATE_BYTES]);
void http_date(int64_t unix_s, char out[HTTP_DATE_BYTES]);

/* ---- The server, as its connections see it ---- */

struct http_server {
    struct http_options o;
    int listen_fd, epoll_fd, wake_fd;
    unsigned port;
    msec now; /* monotonic, since the beginning of this turn */

    struct http_conn *conn; /* connections_max + HTTP_REFUSED_MAX of them */
    size_t n_conns, n_open, n_refused;
    struct http_conn *free;
    size_t input_bytes; /* memory of all read buffers */

    struct http_timers timers;
    struct http_conn *more_first, **more_last; /* left something to do for the next turn */
    struct http_replies own;                   /* given on the loop's thread */
    bool handled;                              /* `handle` was called: `turn` is due */
    bool draining;
    msec drain_until;
    msec accept_again; /* 0 unless accept pauses */

    pthread_t thread;
    pthread_mutex_t lock;
    struct http_replies foreign; /* given on other threads; under `lock` */
    atomic_bool stop;

    int64_t date_s;
    char date[HTTP_DATE_BYTES];

    struct {
        _Atomic uint64_t connections, requests, refused_connections, timeouts, malformed, too_large;
        _Atomic uint64_t open_connections;
    } count;
};

/* Counters have one writer, the loop. */
static inline void http_count(_Atomic uint64_t *c)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void http_replies_add(struct http_replies *l, struct http_exchange *x);
struct http_conn *http_conn_take_slot(struct http_server *s, bool refused); /* NULL: none free */
void http_conn_more(struct http_conn *c); /* advance it in the next turn */

/* ---- http_conn.c; each of these may close the connection and free its slot ---- */

/* Takes a new socket. */
void http_conn_start(struct http_conn *c, int fd);
/* The answer of c->x is there. */
void http_conn_answer(struct http_conn *c);
/* Does all that can be done now: read, parse, hand over, send. */
void http_conn_advance(struct http_conn *c);
void http_conn_event(struct http_conn *c, uint32_t events);
void http_conn_expire(struct http_conn *c);
void http_conn_close(struct http_conn *c);
bool http_conn_owes_answer(const struct http_conn *c);

/* ---- http_address.c ---- */

/* For who listens there; `port` instead of its own, unless that is 0. freeaddrinfo. ST_INVALID: it
 * cannot be read. ST_REFUSED: there is no such host. */
enum status http_address_resolve(str listen, unsigned port, struct addrinfo **out,
                                 struct error *e) MUST_USE;
/* What a failure of the system means for who wants to listen there. */
enum status http_listen_failure(str listen, int err, struct error *e) MUST_USE;
