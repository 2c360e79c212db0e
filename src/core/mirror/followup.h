/* followup.h - what follows the walks: the sweep and the chase.
 *
 * The sweep makes due what the finished lists of a type have not shown: each is fetched, and buried
 * when it is gone. The chase makes due what is referred to and not in the mirror. Both are due work
 * of their own, look in pieces, and may run again at any time. */
#pragma once

#include "core/due.h"

/* A list of `type` has come to its end: in that transaction. */
enum status followup_want_sweep(struct tx *tx, struct env *env, str type, struct arena *a,
                                struct error *e) MUST_USE;
/* Lists were asked for: behind them comes the chase. */
enum status followup_want_chase(struct tx *tx, struct env *env, struct arena *a,
                                struct error *e) MUST_USE;

/* The work itself, for work.c. ST_OK: done, or put off until other lists are at their ends. */
enum status followup_sweep(struct env *env, struct claim *c, struct error *e) MUST_USE;
enum status followup_chase(struct env *env, struct claim *c, struct error *e) MUST_USE;
