/* schedule.h - what comes due by the clock: reading the list of events, looking at what is absent,
 * walking what no event tells of, checking for drift.
 *
 * Nothing is done here: it is made due. The daemon calls it every second; whatever decides stands
 * in the store, so that several processes, and restarts, do not add up. */
#pragma once

#include "core/env.h"

/* ST_OK: what had come due is. Anything else is a matter of the store; the next call tries again.
 */
enum status schedule_run(struct env *env, struct error *e) MUST_USE;
