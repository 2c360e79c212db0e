/* stripe_logged.h - an audit of every call to Stripe: what, when, why, and how it ended.
 *
 * A decorator. Calls gather in memory, without bodies, queries or secrets, and go to `_calls` when
 * somebody flushes: the daemon every second and at its end. So a crash loses the last second, and
 * a database that is away for long loses the oldest calls, counted. That is an audit's due, not a
 * journal's: what must survive a crash (each POST and DELETE of a saga) is journaled by the saga
 * itself before it is sent. */
#pragma once

#include "world/clock.h"
#include "world/sched.h"
#include "world/store.h"
#include "world/stripe.h"

enum {
    CALLS_KEPT_MAX = 1024,  /* in memory, until they are flushed; the oldest goes first */
    CALLS_FLUSH_ROWS = 500, /* in one write transaction */
};

/* Takes `inner`, which is closed with it. ST_LIMIT: out of memory; `inner` still is the caller's.
 */
enum status stripe_logged_open(struct stripe **out, struct stripe *inner, struct clock *clock,
                               struct sched *sched, struct error *e) MUST_USE;

/* Writes what has gathered, in transactions of at most CALLS_FLUSH_ROWS. Not inside a transaction.
 * Any thread; one at a time, others wait. On failure, with the store's status, the rest is kept
 * for the next time; after an ambiguous commit (ST_RETRY) up to CALLS_FLUSH_ROWS calls may be
 * written twice. */
enum status stripe_logged_flush(struct stripe *logged, struct store *store,
                                struct error *e) MUST_USE;

struct stripe_logged_stats {
    uint64_t calls;    /* that came through */
    uint64_t answered; /* of which an answer arrived */
    uint64_t dropped;  /* that were never written, because the store was away for too long */
    uint64_t waiting;  /* in memory now */
};
/* From any thread. `logged` is what stripe_logged_open gave, not a decorator round it. */
void stripe_logged_stats(struct stripe *logged, struct stripe_logged_stats *out);
