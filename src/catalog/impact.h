/* impact.h - what hangs on a price, as the mirror knows it: who is touched when it goes. */
#pragma once

#include "core/env.h"

struct impact_count {
    int64_t all, live; /* live: it goes on, or can still be bought or accepted */
};

struct impact {
    struct impact_count subscriptions, schedules, quotes, payment_links, sessions;
};

/* Adds what hangs on this price. Statuses as tx_run. */
enum status impact_add(struct env *env, str price, struct impact *sum, struct arena *a,
                       struct error *e) MUST_USE;
/* "3 subscriptions (2 live), 1 payment link (0 live)"; {NULL, 0}: nothing hangs on it. */
str impact_text(const struct impact *i, struct arena *a);
