/* followup.h - what follows the walks: the sweep and the chase.
 *
 * The sweep makes due what the finished lists of a type have not shown, but for what they never
 * show (hidden.h): each is fetched, and buried when it is gone. It counts from the oldest of the
 * type's own lists, and waits for those on test clocks while they are walked; one that fails, or is
 * never walked again, holds it up no longer. What that would have shown is then fetched one by one.
 * The chase makes due what is referred to and not in the mirror. Both are due work of their own,
 * look in pieces, and may run again at any time. */
#pragma once

#include "core/due.h"
#include "core/resource.h"

/* Failures in a row after which nobody expects that a list will soon bring what is missing. */
enum { FOLLOWUP_PATIENCE = 10 };

/* A list has come to its end, or is tried again later: in that transaction. Own lists bring the
 * sweep when they are `complete`; those on test clocks, which it has waited for, in any case. */
enum status followup_want_sweeps(struct tx *tx, struct env *env, const struct resource *r,
                                 str variant, bool complete, struct arena *a,
                                 struct error *e) MUST_USE;
/* Lists were asked for, or came later than the others: behind them comes the chase. */
enum status followup_want_chase(struct tx *tx, struct env *env, struct arena *a,
                                struct error *e) MUST_USE;

/* The work itself, for work.c. ST_OK: done, or put off until other lists are at their ends. */
enum status followup_sweep(struct env *env, struct claim *c, struct error *e) MUST_USE;
enum status followup_chase(struct env *env, struct claim *c, struct error *e) MUST_USE;
