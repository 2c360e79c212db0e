/* moves.h - what an operation does next. Pure; the tables in test_moves.c are its specification. */
#pragma once

#include "catalog/journal.h"
#include "world/stripe.h"

enum verdict {
    VERDICT_DONE,
    VERDICT_GONE,     /* 404: there is no such object */
    VERDICT_AGAIN,    /* nobody knows, or not now: the same request under the same key */
    VERDICT_SETTLED,  /* Stripe keeps a 5xx under this key: look, then perhaps a new one */
    VERDICT_REFUSED,  /* for certain */
    VERDICT_OPERATOR, /* the key was used for another request: a person must look */
};

/* What an answer to a POST or DELETE means. [facts: 4.6, 4.7] */
enum verdict saga_judge(const struct stripe_response *r);

enum {
    /* Stripe keeps a key for at least 24 hours; then the same request would be carried out anew. */
    SAGA_KEY_MS = 23 * 3600 * 1000,
    SAGA_ATTEMPTS_MAX =
        3,               /* new keys for one step, when Stripe keeps failures under the old ones */
    SAGA_ROUNDS_MAX = 3, /* how often steps are taken anew, because others undid them */
};

/* Before a step is taken that has a row in the journal already. */
enum next_try {
    TRY_FIRST,    /* there is no row */
    TRY_SAME_KEY, /* its outcome is unknown and its key lives */
    TRY_NEXT_KEY, /* refused, settled, or too old */
    TRY_NO_MORE,  /* a person must look */
};
enum next_try saga_next_try(const struct step_row *last, msec now);

/* How long a pause before the next look: doubling from half a second, at most half a minute; 429
 * for a lock is over at once. */
msec saga_pause(int64_t waits, bool lock);

/* Can what was done up to here be undone? `rows`: the journal. */
bool saga_can_go_back(const struct op_plan *p, const struct step_row *rows, size_t n);
/* The last row of a step; NULL: it was never begun. */
const struct step_row *saga_row(const struct step_row *rows, size_t n, int64_t step);
/* Was the step carried out, by us or by whomever? */
bool saga_is_done(const struct step_row *rows, size_t n, int64_t step);
