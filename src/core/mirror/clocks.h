/* clocks.h - lists that are asked for once more for each test clock.
 *
 * What lives on a test clock is in no default list [facts: F-01]: some types are listed with
 * test_clock=, others by each customer on a clock. Such a list ends with its clock: then it is not
 * asked for again, is no hole in the mirror, and holds nothing up. */
#pragma once

#include "core/env.h"
#include "core/resource.h"

/* Is this variant of a type's list bound to a clock? */
bool clocks_bind(str variant);
/* Do objects of the type live on clocks, so that its sweep comes behind the lists on them? */
bool clocks_hold(const struct resource *r);
/* The list leads to others on clocks: while it is walked, nobody knows which. */
bool clocks_lead(const struct resource *r, str variant);

/* Such a list is at its end: those that it leads to are due, and those of clocks that are gone are
 * forgotten. */
enum status clocks_follow(struct env *env, const struct resource *r, str variant,
                          struct error *e) MUST_USE;
/* Are lists on their way that lead to lists on clocks? */
enum status clocks_open(struct tx *tx, const struct env *env, bool *open, struct arena *a,
                        struct error *e) MUST_USE;
