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
    bool scheduled;   /* makes due what comes due by the clock */
    bool ingest;      /* with an ingest thread */
    bool held;        /* the workers wait for engine_release */
    /* Called every second on the housekeeping thread, e.g. to flush the audit of calls; may be
     * NULL. */
    void (*every_second)(void *ctx);
    /* The grace of a stop is over and threads still run: makes calls to Stripe that are under way
     * give up; may be NULL, then they are waited for. */
    void (*abandon)(void *ctx);
    void *ctx;
    /* Damage or a bug: called once, on the thread that saw it; the process is to end. Claims and
     * ingest have stopped by then. Without ingest, a full disk ends it, too (ST_LIMIT), and a
     * store that was sealed (ST_REFUSED): a daemon waits, a command says so. */
    void (*on_broken)(void *ctx, const struct error *e);
    void *broken_ctx;
};

enum {
    ENGINE_WORKERS_DEFAULT = 8,
    ENGINE_WORKERS_MAX = 64,
    INGEST_WAITING_MAX = 4096,        /* items that wait for the disk; more is answered 503 */
    INGEST_BATCH_BYTES_MAX = 4 << 20, /* bodies in one transaction */
};

enum status engine_start(struct engine **out, const struct engine_options *o,
                         struct error *e) MUST_USE;
/* Lets the workers of an engine that is held begin; for any other, nothing. What is decided before,
 * e.g. that an operation goes back, no worker of ours has had in hand. */
void engine_release(struct engine *g);
/* No more claims; requests under way are finished or, after `grace`, abandoned to their leases.
 * Then every thread has ended and the engine is freed. NULL is fine. */
void engine_stop(struct engine *g, msec grace);
/* From any thread: no more claims and no more ingest from now on; engine_stop waits for the end. */
void engine_halt(struct engine *g);

/* One verified event on its way to the disk. Slices and the answer's place belong to the caller and
 * must live until `done` has been called (on the ingest thread). */
struct ingest_item {
    struct event event;
    struct inbox_result result;
    enum status status; /* ST_OK: it is on the disk; anything else: answer 503 */
    bool disk_full;     /* of ST_LIMIT: that is why */
    void (*done)(struct ingest_item *item);
    struct ingest_item *next;
};

/* Hands a chain of items to the ingest thread, which stores whatever has gathered in one group
 * commit. False: the queue is full or the engine is stopping; nothing was taken: answer 503. */
bool engine_ingest(struct engine *g, struct ingest_item *first, size_t n);

struct engine_counters {
    uint64_t work_done, work_failed, work_dead, ingested, ingest_commits, ingest_refused;
    uint64_t ingest_waiting; /* in the queue now */
    enum status ingest_last; /* how the last batch ended; ST_OK before the first */
    msec ingest_last_at;     /* monotonic, when it ended; 0 before the first */
    msec beat_at;            /* monotonic, when housekeeping last came round */
    uint64_t workers;        /* that run now */
    uint64_t workers_lost;   /* that ended although they were to run; all of them after a stop */
};
struct engine_counters engine_counters(const struct engine *g);
