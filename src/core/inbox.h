/* inbox.h - where webhook events wait until the mirror has caught up with them.
 *
 * An event is in the inbox once, however often Stripe sends it. Putting one also marks what it
 * speaks of as due (due.h), in the same transaction: there is no event without work. */
#pragma once

#include "base/buf.h"
#include "core/env.h"
#include "core/event.h"
#include "core/plan.h"

enum inbox_verdict {
    INBOX_NEW,
    INBOX_AGAIN,       /* the same event once more: counted */
    INBOX_CONFLICTING, /* a known id with another type, object, account or mode: kept aside */
};

struct inbox_result {
    enum inbox_verdict verdict;
    enum plan_outcome outcome;
    const char *reason; /* a constant, or NULL */
};

enum { INBOX_BATCH_MAX = 256 };

/* Stores n events (at most INBOX_BATCH_MAX) in one transaction and wakes the workers. ST_OK: all of
 * them would survive a power cut now, so that the caller may answer 200. Anything else: none may be
 * answered 200; ST_RETRY means that they may or may not be kept: answer 503, Stripe sends again. */
enum status inbox_put_many(struct env *env, const struct event *events, size_t n,
                           struct inbox_result *results, struct error *e) MUST_USE;

/* Makes what the event speaks of due once more. ST_NONE: no such event. ST_REFUSED: it is
 * quarantined or unfetchable: there is nothing to do again. */
enum status inbox_replay(struct env *env, str event_id, struct error *e) MUST_USE;

struct inbox_filter {
    str outcome;    /* empty: all */
    str type;       /* event type; empty: all */
    int64_t before; /* _inbox.seq; 0: from the newest */
    size_t limit;   /* 1 to 1000 */
};

/* Writes one JSON object a line, newest first: id, type, object, outcome, reason, received_at,
 * deliveries, state (done, due, waiting, dead), seq. */
enum status inbox_list(struct env *env, const struct inbox_filter *f, struct buf *out,
                       struct error *e) MUST_USE;
/* One JSON object with everything known about an event, its body included. ST_NONE: unknown. */
enum status inbox_show(struct env *env, str event_id, struct buf *out, struct error *e) MUST_USE;
