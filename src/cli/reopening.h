/* reopening.h - looks whether what keeps an environment closed, or has stopped it, is over.
 *
 * A thread beside the daemon's. A switch that was broken off it has gone on with (continuing.h).
 * Otherwise it only looks: when something has changed, the daemon ends in good
 * order and begins anew, for a start is the one way in which an environment is opened. It begins
 * with what is configured by then; where that has a mistake, with what it had, so that a switch
 * that asks for an environment gets it.
 */
#pragma once

#include "cli/serving.h"

struct reopening;

enum {
    REOPEN_LOOK_MS = 1000,          /* at seals and switches, in the stores */
    REOPEN_ELSEWHERE_MS = 5 * 1000, /* at those in stores of others; far below SWITCH_STORE_MS */
    REOPEN_ASK_MS = 2 * 1000,       /* at first, whose key it is; doubles up to the next */
    REOPEN_ASK_MS_MAX = 60 * 1000,
    REOPEN_SWITCH_MS_MAX = 15 * 1000, /* between attempts at a switch: nobody is worked for */
};

/* All environments were added. `s` lives until reopening_end. */
enum status reopening_begin(struct reopening **out, struct serving *s, struct error *e) MUST_USE;
void reopening_end(struct reopening *r); /* NULL is fine */
bool reopening_is_due(void *reopening);  /* from any thread */
/* From any thread, and at a time from one: could a start begin with what is configured now, and
 * open what is open now? ST_INVALID, and others of config_load's and wire_open's: not, and why. */
enum status reopening_try(void *reopening, struct error *e) MUST_USE;
