/* parents.h - lists that Stripe has only under each object of another type, a request for each of
 * them: a customer's balance transactions, a product's features.
 *
 * `sync` walks them, too, as long as a type's parents are no more than a setting permits
 * (env_settings.parents_max): behind the parents' own lists, a walk for each. Where there are more
 * the type is skipped, with a reason that says so, until it is named. All of them together are a
 * row of `_walks`, whose variant is "parents": complete when all of them are, and all lists of the
 * parents' type. That row's key alone wants the lists, a piece at a time, once through the parents
 * that are there when their own lists are at their ends; whoever comes later has his turn with the
 * next sync, or with the schedule. A list that was given up is asked for again by the next sync,
 * and by the schedule (drift.h), which walks them anew at the pace of a check. */
#pragma once

#include "core/due.h"
#include "core/mirror/walk.h"
#include "core/resource.h"

enum { PARENTS_MAX_LIMIT = 1000 }; /* of the setting: they are wanted in one transaction */

/* Is the type listed under each object of another one, and seen nowhere else? */
bool parents_hide(const struct resource *r);
bool parents_is_variant(str variant);

/* All its lists are wanted; without `again` those that are yet to be walked since they were wanted
 * last, and those that were given up. Somebody who waits (not paced) hurries paced ones. `named`: a
 * limit of parents does not count, until all of them were walked. */
enum status parents_want(struct tx *tx, struct env *env, const struct resource *r,
                         const struct walk_order *o, struct arena *a, struct error *e) MUST_USE;
/* Are its parents few enough that they may be walked unasked? Not where there is none: a type's
 * turn is not to be spent on nothing. */
enum status parents_are_few(struct tx *tx, struct env *env, const struct resource *r, bool *few,
                            struct arena *a, struct error *e) MUST_USE;
/* Wants what is missing, waits for it (puts itself back), and ends. */
enum status parents_run(struct env *env, struct claim *c, struct work_report *report,
                        struct error *e) MUST_USE;
