#include "backend/stripe_paced.h"

#include <stdlib.h>

#include "base/plant.h"
#include "world/tx.h"

struct stripe_paced {
    struct stripe stripe;
    struct stripe *inner;
    struct clock *clock;
    struct sched *sched;
    struct rng *rng;
    struct gate *gate; /* guards the next two, and the rate_request of everybody who waits */
    struct rate_budget *budget;
    bool abandoned; /* closing: nobody starts any more */
};

/* Grants what may start now, with the gate locked, and wakes those who wait when some of them were
 * granted, or when what they wait for has `changed`. */
static void grant(struct stripe_paced *p, msec now, bool changed)
{
    if (rate_budget_grant(p->budget, now) || changed)
        gate_wake(p->sched, p->gate);
}

static msec sooner(msec a, msec b)
{
    return a < b ? a : b;
}

enum start { START_NOW, START_TOO_LATE, START_CLOSING };

/* Waits for the request's start, as long as its deadline and a closing client permit. Whoever waits
 * also grants, to whom it may be: so it is enough that one of those who wait is awake at the right
 * time. */
static enum start wait_for_start(struct stripe_paced *p, struct rate_request *turn, msec deadline)
{
    gate_lock(p->sched, p->gate);
    msec now = clock_mono(p->clock);
    rate_budget_join(p->budget, turn, now);
    while (!turn->granted && !p->abandoned && now < deadline) {
        grant(p, now, false);
        if (turn->granted)
            break;
        gate_wait(p->sched, p->gate, sooner(deadline, rate_budget_next(p->budget, now)));
        now = clock_mono(p->clock);
    }
    enum start start = turn->granted ? START_NOW : p->abandoned ? START_CLOSING : START_TOO_LATE;
    if (start == START_NOW)
        rate_budget_begin(p->budget, turn, now);
    else
        rate_budget_leave(p->budget, turn);
    gate_unlock(p->sched, p->gate);
    return start;
}

static void finish(struct stripe_paced *p, struct rate_request *turn, enum rate_verdict verdict)
{
    uint32_t random = 0;

    if (verdict != RATE_FINE)
        rng_fill(p->rng, &random, sizeof random);
    gate_lock(p->sched, p->gate);
    msec now = clock_mono(p->clock);
    grant(p, now, rate_budget_done(p->budget, turn, verdict, random, now));
    gate_unlock(p->sched, p->gate);
}

static enum status paced_call(struct stripe *s, const struct stripe_request *q,
                              struct stripe_response *out, struct arena *a, struct error *e)
{
    struct stripe_paced *p = (struct stripe_paced *)s;
    struct rate_request turn = { .lane = q->lane, .endpoint = rate_endpoint(q->method, q->path) };

    assert(!tx_writing());
    if (planted(PLANT_BUDGET_FORGOTTEN))
        return p->inner->ops->call(p->inner, q, out, a, e);
    switch (wait_for_start(p, &turn, q->deadline ? q->deadline : NO_DEADLINE)) {
    case START_NOW: break;
    case START_TOO_LATE:
        return fail(e, ST_RETRY,
                    "the request for %.*s was not sent: its deadline passed while it waited for "
                    "its turn within the rate limit; ask again later",
                    STR_ARG(q->path));
    case START_CLOSING:
        return fail(e, ST_REFUSED, "the request for %.*s was not sent: Brindle is closing",
                    STR_ARG(q->path));
    }
    enum status st = p->inner->ops->call(p->inner, q, out, a, e);
    finish(p, &turn, st == ST_OK ? rate_judge(out) : RATE_FINE);
    return st;
}

static void paced_close(struct stripe *s)
{
    struct stripe_paced *p = (struct stripe_paced *)s;

    stripe_close(p->inner);
    rate_budget_free(p->budget);
    gate_free(p->sched, p->gate);
    free(p);
}

static const struct stripe_ops paced_ops = { "paced", paced_call, paced_close };

enum status stripe_paced_open(struct stripe **out, struct stripe *inner, struct clock *clock,
                              struct sched *sched, struct rng *rng, const struct rate_options *o,
                              struct error *e)
{
    struct stripe_paced *p = calloc(1, sizeof *p);
    struct rate_budget *budget = rate_budget_new(o);
    if (!p || !budget) {
        rate_budget_free(budget);
        free(p);
        return fail(e, ST_LIMIT, "out of memory for the rate budget");
    }
    *p = (struct stripe_paced){ .stripe.ops = &paced_ops,
                                .inner = inner,
                                .clock = clock,
                                .sched = sched,
                                .rng = rng,
                                .gate = gate_new(sched),
                                .budget = budget };
    *out = &p->stripe;
    return ST_OK;
}

void stripe_paced_abandon(struct stripe *paced)
{
    struct stripe_paced *p = (struct stripe_paced *)paced;

    assert(paced->ops == &paced_ops);
    gate_lock(p->sched, p->gate);
    p->abandoned = true;
    gate_wake(p->sched, p->gate);
    gate_unlock(p->sched, p->gate);
}

void stripe_paced_stats(struct stripe *paced, struct rate_stats *out)
{
    struct stripe_paced *p = (struct stripe_paced *)paced;

    assert(paced->ops == &paced_ops);
    gate_lock(p->sched, p->gate);
    *out = rate_budget_stats(p->budget);
    gate_unlock(p->sched, p->gate);
}
