/* sqlite_writer.h - the one connection that writes, and the threads that take turns on it.
 *
 * Group commit without a timer: whoever ends its transaction hands the connection to the next one
 * in line and waits; whoever finds nobody in line, or the batch full, commits for all. While the
 * disk works, the next batch gathers. Each learns the outcome after the fsync.
 *
 * In a batch, every transaction but the first is a savepoint: one that fails takes nobody along.
 * When the shared transaction itself is lost, all of its members are told ST_RETRY; ST_LIMIT when
 * that was for want of space on the disk: then nothing was kept, and the next transaction finds the
 * store as it was. After any other failure to commit, or damage, or when the file is no longer where it was (sqlite_watch.h),
 * nothing may be trusted: every later call answers ST_BROKEN. */
#pragma once

#include "backend/sqlite_conn.h"
#include "world/sched.h"

struct writer;
struct member; /* one transaction, from begin to its end */

struct writer_options {
    struct sched *sched;
    struct clock *clock;
    const char *watched; /* the file behind `c`, looked at now and then; NULL: it has none */
    size_t batch_max;
    int checkpoint_pages;
};

/* Aborts when memory has run out: only at start. `c` is open, lent for the writer's life, and its
 * WAL hook is the writer's. */
struct writer *writer_new(struct conn *c, const struct writer_options *o);
void writer_free(struct writer *w); /* nobody is in it; NULL is fine */

/* Waits for its turn; first come, first served. ST_RETRY: a foreign program holds the file. */
enum status writer_begin(struct writer *w, struct member **out, struct error *e) MUST_USE;
/* A failure dooms the transaction: nothing but writer_rollback is left to do. */
enum status writer_run(struct writer *w, struct member *m, enum stmt id, const struct value *args,
                       size_t n_args, struct rows *rows, struct arena *a, struct error *e) MUST_USE;
enum status writer_script(struct writer *w, struct member *m, str sql, struct error *e) MUST_USE;
/* Both end `m`. ST_OK: on disk. ST_RETRY: unknown. ST_LIMIT: not kept, the disk is full. Else: not kept (what doomed it). */
enum status writer_commit(struct writer *w, struct member *m, struct error *e) MUST_USE;
void writer_rollback(struct writer *w, struct member *m);

/* Alone on the connection, once what is under way is committed: the file is made anew, and the WAL
 * emptied. ST_RETRY: a reader keeps the WAL from being emptied. ST_LIMIT: the disk is full. */
enum status writer_scrub(struct writer *w, struct error *e) MUST_USE;

/* ST_OK, or ST_BROKEN with what happened. From any thread. */
enum status writer_health(struct writer *w, struct error *e) MUST_USE;
