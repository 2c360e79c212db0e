/* world.h - everything outside the program, as six small tables of functions.
 *
 * One environment's whole outside, handed down from main(); nothing reaches round it. The disk is
 * the seventh seam: SQLite's VFS. */
#pragma once

#include "world/clock.h"
#include "world/kv.h"
#include "world/rng.h"
#include "world/sched.h"
#include "world/store.h"
#include "world/stripe.h"
#include "world/tx.h"

struct world {
    struct clock *clock;
    struct rng *rng;
    struct sched *sched;
    struct stripe *stripe;
    struct store *store;
    struct kv *kv;
};
