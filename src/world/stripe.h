/* stripe.h - the Stripe API, as a seam.
 *
 * Decorators wrap an instance in another one: stripe_logged(stripe_paced(stripe_http(…))). */
#pragma once

#include "base/arena.h"
#include "base/base.h"

/* The version that every request names, so that every answer has one shape. */
#define STRIPE_API_VERSION "2026-10-28.endive"

enum stripe_method { STRIPE_GET, STRIPE_POST, STRIPE_DELETE };

/* Who waits for the answer; a smaller number goes first when the rate is short. */
enum stripe_lane { LANE_USER, LANE_WEBHOOK, LANE_OPERATION, LANE_BACKFILL, LANE_COUNT };

struct stripe_request {
    enum stripe_method method;
    str path;     /* "/v1/products/prod_1", escaped, without its query */
    str query;    /* "limit=100&expand[0]=data.tiers", escaped; may be empty */
    str form;     /* urlencoded body; empty but on POST */
    str idem_key; /* required on POST: a retry must be the same request */
    str account;  /* acct_… to act on a connected account, else empty */
    enum stripe_lane lane;
    str cause;     /* what made us ask, for the audit: "webhook", "sync", "identity", … */
    msec deadline; /* on the monotonic clock; 0: the client's own time-out alone */
};

enum stripe_should_retry { SHOULD_RETRY_UNSAID, SHOULD_RETRY_YES, SHOULD_RETRY_NO };

struct stripe_response {
    int http_status;
    str body;                              /* in the caller's arena */
    str request_id;                        /* header Request-Id */
    enum stripe_should_retry should_retry; /* header Stripe-Should-Retry */
    str limit_reason;                      /* header Stripe-Rate-Limited-Reason */
    bool replayed;                         /* header Idempotent-Replayed: true */
    msec date;                             /* header Date, wall; 0 when absent or unreadable */
    str api_version; /* header Stripe-Version: what the answer is written in */
    uint64_t key;    /* which key asked: a number of the client's that is the same for the same key
                      * and tells nothing else of it; 0: the client does not say */
};

struct stripe {
    const struct stripe_ops *ops;
};

struct stripe_ops {
    const char *name;
    /* ST_OK: a whole answer arrived, whatever its http_status. ST_RETRY: none did, and nobody
     * knows whether the request was carried out. ST_LIMIT: the answer did not fit into the arena
     * or the client's own bound. ST_REFUSED: a closing client did not send it, or gave a GET up. */
    enum status (*call)(struct stripe *, const struct stripe_request *, struct stripe_response *,
                        struct arena *, struct error *) MUST_USE;
    /* Closes what it wraps, too. No call may be under way. */
    void (*close)(struct stripe *);
};

static inline MUST_USE enum status stripe_call(struct stripe *s, const struct stripe_request *q,
                                               struct stripe_response *p, struct arena *a,
                                               struct error *e)
{
    assert(q->method != STRIPE_POST || q->idem_key.n);
    return s->ops->call(s, q, p, a, e);
}

static inline void stripe_close(struct stripe *s)
{
    s->ops->close(s);
}
