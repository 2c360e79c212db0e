/* sched.h - how activities that run beside each other wait for each other, as a seam.
 *
 * Threads in production, fibres in the simulator. There is one tool: the gate, a lock together
 * with the place where one waits for what it guards to change. */
#pragma once

#include "base/base.h"

struct gate;

struct sched {
    const struct sched_ops *ops;
};

/* A deadline that never comes. */
#define NO_DEADLINE INT64_MAX

struct sched_ops {
    struct gate *(*gate_new)(struct sched *); /* aborts when memory has run out: only at start */
    void (*gate_free)(struct sched *, struct gate *); /* NULL is fine */
    void (*lock)(struct sched *, struct gate *);
    void (*unlock)(struct sched *, struct gate *);
    /* Lets go of the lock, sleeps until woken or until `deadline` on the monotonic clock, takes
     * the lock again. May return for no reason: callers loop over their condition. */
    void (*wait)(struct sched *, struct gate *, msec deadline);
    void (*wake)(struct sched *, struct gate *); /* everybody who waits; with the lock held */
};

static inline struct gate *gate_new(struct sched *s)
{
    return s->ops->gate_new(s);
}

static inline void gate_free(struct sched *s, struct gate *g)
{
    s->ops->gate_free(s, g);
}

static inline void gate_lock(struct sched *s, struct gate *g)
{
    s->ops->lock(s, g);
}

static inline void gate_unlock(struct sched *s, struct gate *g)
{
    s->ops->unlock(s, g);
}

static inline void gate_wait(struct sched *s, struct gate *g, msec deadline)
{
    s->ops->wait(s, g, deadline);
}

static inline void gate_wake(struct sched *s, struct gate *g)
{
    s->ops->wake(s, g);
}
