/* drift.h - the drift check: is the mirror what Stripe has, object by object?
 *
 * A type's lists are walked once more and compared with its rows, without changing any. What
 * differs is confirmed by its own GET when the walk is over, so that a change whose event was on
 * its way is no drift; so is what no list has shown. Differences stand in `_drift` until the next
 * check; with repair each is made due. One page after another under one claim, resumable; a paced
 * check makes a request a second. */
#pragma once

#include "base/buf.h"
#include "core/due.h"
#include "core/resource.h"
#include "core/work.h"

struct drift_order {
    bool repair;
    bool permitted; /* by a person: deletions do not count for the fuse */
    bool paced;
};

/* Can this type be checked: is its list walked by itself? */
bool drift_checks(const struct env *env, const struct resource *r);
/* A type's check is due from its start. */
enum status drift_want(struct env *env, const struct resource *r, const struct drift_order *o,
                       struct error *e) MUST_USE;
/* The work itself, for work.c. */
enum status drift_run(struct env *env, struct claim *c, struct work_report *report,
                      struct error *e) MUST_USE;

struct drift_counts {
    int64_t found, mended, failed; /* failed: given up, or held by the fuse */
    int64_t hidden; /* there, although no list shows them: not asked for at each check (hidden.h) */
};

/* Writes what the latest check of `r` found, one JSON object a line: {"type","id","what","fields",
 * "found_at","state","error"}: state is found, pending, mended or failed. Adds to `counts`. */
enum status drift_report(struct env *env, const struct resource *r, struct buf *out,
                         struct drift_counts *counts, struct error *e) MUST_USE;

/* By the clock: of a type whose last walk or check began so long ago that its time has come, a
 * paced check with repair is wanted, or, where Stripe has its lists only under other objects
 * (parents.h), a paced walk of them all. One at a time. */
enum status drift_schedule(struct env *env, bool *wanted, struct error *e) MUST_USE;
