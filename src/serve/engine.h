/* engine.h - the threads of one environment: workers, the ingest thread, housekeeping.
 *
 * The daemon runs one engine an environment; a command that writes while no daemon runs starts one,
 * too, without the ingest thread. Threads meet in the database; what else they share is the
 * environment's bell, the rate budget, the ingest queue and the counters below. */
#pragma once

#include "base/log.h"
#include "core/env.h"
#include "core/event.h"
#include "core/inbox.h"

struct engine;

struct engine_options {
    struct env *env;
    const struct log *log;
    unsigned workers; /* 0: 8 */
    bool ingest;      /* with an ingest thread */
    /* Called every second on the housekeeping thread, e.g. to flush the audit of calls; may be
     * NULL. */
    void (*every_second)(void *ctx);
    void *ctx;
    /* Damage or a bug: called once, on the thread that saw it; the process is to end. */
    void (*on_broken)(void *ctx, const struct error *e);
};

enum status engine_start(struct engine **out, const struct engine_options *o,
                         struct error *e) MUST_USE;
/* No more claims; requests under way are finished or, after `grace`, abandoned to their leases.
 * Then every thread has ended and the engine is freed. NULL is fine. */
void engine_stop(struct engine *g, msec grace);

/* One verified event on its way to the disk. Slices and the answer's place belong to the caller and
 * must live until `done` has been called (on the ingest thread). */
struct ingest_item {
    struct event event;
    struct inbox_result result;
    enum status status; /* ST_OK: it is on the disk; anything else: answer 503 */
    void (*done)(struct ingest_item *item);
    struct ingest_item *next;
};

/* Hands a chain of items to the ingest thread, which stores whatever has gathered in one group
 * commit. False: the queue is full or the engine is stopping; nothing was taken: answer 503. */
bool engine_ingest(struct engine *g, struct ingest_item *first, size_t n);

struct engine_counters {
    uint64_t work_done, work_failed, work_dead, ingested, ingest_commits, ingest_refused;
    uint64_t ingest_waiting; /* in the queue now */
};
struct engine_counters engine_counters(const struct engine *g);
