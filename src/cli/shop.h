/* shop.h - a small shop that lives: what happens at Stripe while the demo runs.
 *
 * Its customers subscribe, pay, fail to pay, change plans, get refunds and cancel. It drives the
 * emulator over HTTP like any other client of Stripe. */
#pragma once

#include "world/world.h"

enum {
    SHOP_KNOWN_MAX = 256, /* subscriptions and payments remembered for what comes later */
    SHOP_PRICES_MAX = 32,
    SHOP_SAMPLES_MAX = 64, /* new customers whose way into the mirror is timed */
    SHOP_ID_MAX = 255,
};

struct shop_subscription {
    char id[SHOP_ID_MAX + 1], item[SHOP_ID_MAX + 1], customer[SHOP_ID_MAX + 1];
};

/* A change and when it was asked for; who measures takes it. */
struct shop_sample {
    char id[SHOP_ID_MAX + 1];
    msec at; /* wall */
};

struct shop_counts {
    uint64_t signups, payments, declined, refunds, changes, cancelled, refused;
};

struct shop {
    struct world *world; /* stripe, clock, rng, sched */
    struct gate *gate;   /* guards counts, samples, stopping */
    struct shop_counts counts;
    struct shop_sample sample[SHOP_SAMPLES_MAX];
    size_t n_samples;
    bool stopping;

    /* The shop's thread's own. */
    char price[SHOP_PRICES_MAX][SHOP_ID_MAX + 1];
    size_t n_prices;
    struct shop_subscription subscription[SHOP_KNOWN_MAX];
    size_t n_subscriptions;
    char payment[SHOP_KNOWN_MAX][SHOP_ID_MAX + 1];
    size_t n_payments;
    uint64_t run, n_keys; /* idempotency keys: the run's random number and a count */
};

void shop_init(struct shop *s, struct world *world);
void shop_free(struct shop *s);
/* Looks at what is there, puts goods on the shelves if there are none, then acts `speed` times a
 * second until shop_stop. ST_RETRY, ST_REFUSED: Stripe does not answer as a Stripe should. */
enum status shop_run(struct shop *s, unsigned speed, struct error *e) MUST_USE;
void shop_stop(struct shop *s); /* from any thread */

struct shop_counts shop_counts(struct shop *s);
/* Takes one sample out; false when there is none. */
bool shop_take_sample(struct shop *s, struct shop_sample *out);
