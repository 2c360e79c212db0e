/* valve.h - lets so many log lines a second through and counts the rest.
 *
 * Anybody can send bad requests, and a dead Stripe fails every piece of work: neither may fill the
 * disk that the mirror needs. */
#pragma once

#include "base/base.h"

#include <pthread.h>

enum { VALVE_LINES_A_SECOND = 10 };

struct valve {
    pthread_mutex_t lock;
    msec since; /* when this second began, monotonic */
    unsigned used;
    uint64_t held;
};

#define VALVE_INIT                        \
    {                                     \
        .lock = PTHREAD_MUTEX_INITIALIZER \
    }

/* True: write the line. `held` gets how many were held back since the last one that was written. */
bool valve_pass(struct valve *v, msec now, uint64_t *held);
