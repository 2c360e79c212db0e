/* parents.h - lists that Stripe has only under each object of another type, a request for each of
 * them: a customer's balance transactions, a product's features.
 *
 * `sync` walks them, too, as long as a type's parents are no more than a setting permits
 * (env_settings.parents_max): behind the parents' own lists, a walk for each. Where there are more
 * the type is skipped, with a reason that says so, until it is named. All of them together are a
 * row of `_walks`, whose variant is "parents": complete when all of them are. */
#pragma once

#include "core/due.h"
#include "core/resource.h"
#include "core/work.h"

enum { PARENTS_MAX_LIMIT = 1000 }; /* of the setting: they are wanted in one transaction */

/* Is the type listed under each object of another one, and seen nowhere else? */
bool parents_hide(const struct resource *r);
bool parents_is_variant(str variant);

/* All its lists are wanted. */
enum status parents_want(struct tx *tx, struct env *env, const struct resource *r, bool again,
                         enum stripe_lane lane, struct arena *a, struct error *e) MUST_USE;
/* Wants what is missing, waits for it (puts itself back), and ends. */
enum status parents_run(struct env *env, struct claim *c, struct work_report *report,
                        struct error *e) MUST_USE;
