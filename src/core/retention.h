/* retention.h - forgetting what need not be kept: inbox bodies, old calls, old history. */
#pragma once

#include "core/env.h"

/* Deletes one piece of what is past its time; `*more`: call again. Safe at any time. Events whose
 * work is not done are kept, whatever their age. */
enum status retention_run(struct env *env, bool *more, struct error *e) MUST_USE;
