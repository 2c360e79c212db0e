/* rng.h - randomness, as a seam. */
#pragma once

#include "base/base.h"

struct rng {
    const struct rng_ops *ops;
};

struct rng_ops {
    void (*fill)(struct rng *, void *dst, size_t n); /* never fails; aborts where the OS refuses */
};

static inline void rng_fill(struct rng *r, void *dst, size_t n)
{
    r->ops->fill(r, dst, n);
}

/* Uniform in [0, below); below > 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t below)
{
    uint64_t x = 0;
    rng_fill(r, &x, sizeof x);
    return x % below;
}
