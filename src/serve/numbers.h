/* numbers.h - an environment's status, read at most every few seconds.
 *
 * Counting a large mirror takes time; a scrape, a probe and a dashboard may ask as often as they
 * like. What took long to read is kept longer. */
#pragma once

#include "core/status.h"

#include <pthread.h>

enum {
    NUMBERS_KEPT_MS = 3000,
    NUMBERS_KEPT_FACTOR = 10, /* times what reading them took */
};

struct numbers {
    pthread_mutex_t lock; /* held while they are read: one reads, the others wait for it */
    struct mirror_status last;
    enum status st;
    struct error error;
    msec until; /* monotonic */
    bool known;
};

#define NUMBERS_INIT                      \
    {                                     \
        .lock = PTHREAD_MUTEX_INITIALIZER \
    }

/* The status that status_read gave, now or a few seconds ago. */
enum status numbers_read(struct numbers *n, struct env *env, struct mirror_status *out,
                         struct error *e) MUST_USE;
