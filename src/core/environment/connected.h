/* connected.h - what comes due by the clock for connected accounts (connect = on).
 *
 * The platform's list of accounts is walked once, and again as often as what no event tells of. An
 * account that has become known has all its lists walked, a limited number of accounts at a time;
 * from then on its own list of events is read and its types are checked for drift, one account
 * after the other: what an account gets does not depend on how large another one is. A lost account
 * gets nothing until Stripe shows it again. */
#pragma once

#include "core/env.h"

enum {
    CONNECTED_WALKING_MAX = 50, /* accounts whose lists are walked at a time */
    CONNECTED_EVENTS_MAX = 5,   /* lists of events that are made due a second */
    CONNECTED_CHECKS_MAX = 2,   /* drift checks of connected accounts at a time */
};

/* For schedule.c, every second; nothing where Connect is off. `events`: the time has come to read
 * lists of events; `absent`: to look at what is absent; `checks`: to begin a check. */
enum status connected_schedule(struct env *root, bool events, bool absent, bool checks,
                               struct error *e) MUST_USE;
