/* desk.h - two threads for the requests that ask the database, so that the HTTP loop never waits.
 *
 * Webhooks do not come here: they have the ingest thread. */
#pragma once

#include "base/base.h"

struct desk;

enum {
    DESK_THREADS = 2,
    DESK_WAITING_MAX = 256, /* jobs in the queue; one more is refused */
};

enum { DESK_JOB_BYTES = 128 };

/* Called on one of the desk's threads with a copy of what was handed in. */
typedef void desk_work(const void *job);

/* ST_LIMIT: no memory, no thread. */
enum status desk_open(struct desk **out, struct error *e) MUST_USE;
/* False: the queue is full; nothing was taken. `bytes` at most DESK_JOB_BYTES. */
bool desk_hand(struct desk *d, desk_work *work, const void *job, size_t bytes) MUST_USE;
/* Does what was handed in, then ends. NULL is fine. */
void desk_close(struct desk *d);
