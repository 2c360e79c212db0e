/* waiting.h - requests that are answered when a piece of due work is done.
 *
 * One thread looks at them every few milliseconds while there are any; nobody else is held up. */
#pragma once

#include <stdatomic.h>

#include "core/due.h"
#include "net/http.h"

struct waiting;

enum {
    WAITING_MAX = 256, /* requests; one more is refused */
    WAITING_LOOK_MS = 3,
    WAITING_ID_MAX = 255,
};

enum waiting_end {
    WAITING_DONE, /* a fetch that began after the request is committed */
    WAITING_DEAD, /* it was given up */
    WAITING_LATE, /* not within the time */
    WAITING_STOP, /* the daemon is stopping */
};

struct waiter {
    struct http_exchange *x;
    struct env *env;                  /* the environment's own, */
    char account[ACCOUNT_ID_MAX + 1]; /* "", or a connected one; `answer` gets what acts for it */
    enum due_kind kind;
    const char *type; /* the resource table's */
    char id[WAITING_ID_MAX + 1];
    int64_t gen;
    msec deadline; /* monotonic */
    void (*answer)(const struct waiter *w, enum waiting_end end);
};

/* `env` may act for a connected account, and need not outlive the call. */
void waiter_of(struct waiter *w, struct env *env);

/* `stop_asked_at` other than 0 ends all waiting. ST_LIMIT: no memory, no thread. */
enum status waiting_open(struct waiting **out, struct clock *clock,
                         const _Atomic msec *stop_asked_at, struct error *e) MUST_USE;
/* False: too many wait; nothing was taken. */
bool waiting_add(struct waiting *w, const struct waiter *one) MUST_USE;
/* Answers all with WAITING_STOP. NULL is fine. */
void waiting_close(struct waiting *w);
