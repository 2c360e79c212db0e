/* clock.h - time, as a seam. */
#pragma once

#include "base/base.h"

struct clock {
    const struct clock_ops *ops;
};

struct clock_ops {
    msec (*wall)(struct clock *); /* may jump: what is stored and shown; decides no order */
    msec (*mono)(struct clock *); /* never jumps: time-outs, back-off, leases */
    void (*sleep)(struct clock *, msec span); /* may return early */
};

static inline msec clock_wall(struct clock *c)
{
    return c->ops->wall(c);
}

static inline msec clock_mono(struct clock *c)
{
    return c->ops->mono(c);
}

static inline void clock_sleep(struct clock *c, msec span)
{
    c->ops->sleep(c, span);
}
