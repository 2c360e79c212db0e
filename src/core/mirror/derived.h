/* derived.h - what the mirror makes of its objects, made once more: references, memberships of
 * nested lists, customers' states, whose customer is which user's. Stripe is not asked. A member
 * that no object tells of (the end of a long list whose elements do not name their parent) stays.
 *
 * It is written in the transaction of what it rests on, and so is never wrong; this is the proof,
 * and what a store is rebuilt with whose own tables were lost. (Views are made at start.) */
#pragma once

#include "core/env.h"

struct derived_counts {
    int64_t objects;    /* that were looked at */
    int64_t references; /* objects whose references, or members, were otherwise */
    int64_t states;     /* customers whose state was otherwise */
    int64_t users; /* customers that were noted as another user's, users with another customer */
};

/* Looks at every object, in pieces; with `repair` what is otherwise is written anew, else nothing
 * is. Others may go on with their work meanwhile. ST_RETRY: interrupted. */
enum status derived_check(struct env *env, bool repair, struct derived_counts *out,
                          struct error *e) MUST_USE;
