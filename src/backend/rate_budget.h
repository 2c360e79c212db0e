/* rate_budget.h - who may ask Stripe next, and when: pure decisions over times that are given.
 *
 * One budget an environment. Requests join, wait in their lane, are granted a start, and are done.
 * A start is granted while all of these hold: fewer than `in_flight_max` are under way; the budget
 * of the whole and that of the request's endpoint have room; no pause is on. Of those that may
 * start, the smallest lane goes first and within a lane the first that came, except that every
 * tenth start belongs to whoever has waited longest in the other lanes.
 *
 * Two bounds make a rate: in any window of RATE_WINDOW_MS no more starts than the rate allows in a
 * second, exactly; and a pace with a small burst, so that they are spread over the second. The
 * window is longer than a second by what the network may push requests together.
 *
 * Limits learned: a 429 that blames the rate lowers it (once for all requests that were under way),
 * a quiet time raises it again. Live accounts have 100/s, others 25/s, an endpoint 25/s
 * by default. No locks here: the caller has one. */
#pragma once

#include "world/sched.h" /* NO_DEADLINE */
#include "world/stripe.h"

enum {
    RATE_WINDOW_MS = 1030,
    RATE_PER_SECOND_MAX = 10000,
    RATE_ENDPOINTS_MAX = 256,     /* that are told apart; further ones share a bucket */
    RATE_IN_FLIGHT = 20,          /* the default of in_flight_max */
    RATE_FAIR_SHARE = 10,         /* every so manyth start goes to another lane */
    RATE_PAUSE_MS = 500,          /* after a 429 that blames the rate: half of it to all of it */
    RATE_RECOVERY_MS = 20 * 1000, /* from nothing back to the whole rate */
};

struct rate_options {
    unsigned per_second;          /* 0: unlimited; at most RATE_PER_SECOND_MAX */
    unsigned endpoint_per_second; /* for each endpoint; 0: unlimited */
    unsigned in_flight_max;       /* 0: RATE_IN_FLIGHT */
};

/* One request; it belongs to the caller, and lies still from join to leave or done. */
struct rate_request {
    enum stripe_lane lane;
    uint64_t endpoint; /* rate_endpoint() */
    bool granted;      /* set by rate_budget_grant: start now */
    /* The budget's own. */
    msec granted_at;
    struct rate_bucket *bucket;
    struct rate_request *next, *prev;
    uint64_t joined;
};

/* What an answer says about limits. */
enum rate_verdict {
    RATE_FINE,       /* nothing */
    RATE_GLOBAL,     /* too many requests for the whole account */
    RATE_CONCURRENT, /* too many at the same time */
    RATE_ENDPOINT,   /* too many for this endpoint */
    RATE_LOCKED,     /* 429, but another request holds the object: no rate is to blame */
    RATE_OTHER,      /* 429 for a reason that no rate of ours governs */
};

/* From status, Stripe-Rate-Limited-Reason and error.code. Pure. */
enum rate_verdict rate_judge(const struct stripe_response *r);
/* Method and path with the ids taken out, as a hash: the thing that Stripe limits on its own. */
uint64_t rate_endpoint(enum stripe_method method, str path);

struct rate_stats {
    uint64_t requests; /* started */
    uint64_t limited;  /* answered 429, locks apart */
    uint64_t locked;   /* answered 429 because of a lock on the object */
    msec limited_at;   /* monotonic, when `limited` last grew; 0: never */
    unsigned waiting[LANE_COUNT];
    unsigned in_flight, in_flight_now, in_flight_max; /* under way; permitted; at most permitted */
    int64_t rate_milli;       /* requests in 1000 s that are permitted now; 0: unlimited */
    int64_t rate_limit_milli; /* that are permitted at most */
    msec paused_until;        /* monotonic; in the past when no pause is on */
};

struct rate_budget;

/* NULL when memory has run out. Values above the limits are cut. */
struct rate_budget *rate_budget_new(const struct rate_options *o) MUST_USE;
void rate_budget_free(struct rate_budget *b); /* NULL is fine */

void rate_budget_join(struct rate_budget *b, struct rate_request *q, msec now);
/* Stops waiting: q was not granted. */
void rate_budget_leave(struct rate_budget *b, struct rate_request *q);
/* Grants what may start now; how many. They count as under way from here. */
unsigned rate_budget_grant(struct rate_budget *b, msec now);
/* q, which was granted, begins only now: a thread wakes up late, and the windows count when it
 * begins. To be called once, as close to the request's start as can be. */
void rate_budget_begin(struct rate_budget *b, const struct rate_request *q, msec now);
/* After a grant of none: the next time at which a grant can succeed although nothing is done, left
 * or joined until then; NO_DEADLINE when there is no such time. */
msec rate_budget_next(const struct rate_budget *b, msec now);
/* The answer to q is there, or none will come (RATE_FINE). `random` spreads the pause. True when no
 * place was free until now: then what rate_budget_next said to others no longer holds. */
bool rate_budget_done(struct rate_budget *b, struct rate_request *q, enum rate_verdict verdict,
                      uint32_t random, msec now);
struct rate_stats rate_budget_stats(const struct rate_budget *b);
