/* erase_plan.h - for erase.c alone: the plan together with the words that bodies are searched for.
 */
#pragma once

#include "core/erase.h"

/* As erase_plan; `email` is the customer's address as it stands in its JSON, or empty. */
enum status erase_plan_named(struct env *env, str customer, struct erasure *out, str *email,
                             struct arena *a, struct error *e) MUST_USE;
