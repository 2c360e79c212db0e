/* stripe_paced.h - keeps every request to Stripe inside one budget, the important ones first.
 *
 * A decorator. All threads of an environment share its one budget (rate_budget.h); a call waits for
 * its start, in its lane, then goes through. What Stripe says with 429 lowers the budget; nothing
 * is tried again here: that is for the caller to decide. */
#pragma once

#include "backend/rate_budget.h"
#include "world/clock.h"
#include "world/rng.h"
#include "world/sched.h"
#include "world/stripe.h"

/* Takes `inner`, which is closed with it. ST_LIMIT: out of memory; `inner` still is the caller's.
 *
 * What a call answers beyond what `inner` does: ST_RETRY when the request's deadline passed while
 * it waited; the sentence then says "was not sent". */
enum status stripe_paced_open(struct stripe **out, struct stripe *inner, struct clock *clock,
                              struct sched *sched, struct rng *rng, const struct rate_options *o,
                              struct error *e) MUST_USE;

/* Closing: whoever waits is woken, and answered ST_REFUSED like all later calls; what is under way
 * is for the inner client to end. From any thread, for good. */
void stripe_paced_abandon(struct stripe *paced);

/* From any thread. `paced` is what stripe_paced_open gave, not a decorator round it. */
void stripe_paced_stats(struct stripe *paced, struct rate_stats *out);
