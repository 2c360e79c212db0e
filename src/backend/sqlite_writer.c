#include "backend/sqlite_writer.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/sqlite_watch.h"
#include "backend/store_sqlite.h"
#include "base/plant.h"

enum {
    BATCH_BYTES_MAX = 4 << 20, /* of bound text; a batch that is larger is committed */
    SCRUB_WAIT_MS = 10 * 1000, /* for readers, so that the WAL can be emptied */
    SCRUB_PAUSE_MS = 50,
};

enum member_state { MEMBER_WAITS, MEMBER_TURN, MEMBER_SETTLED };

struct member {
    struct gate *gate; /* guards state and outcome while others may touch them */
    enum member_state state;
    struct error outcome; /* what the batch came to */
    struct member *next;  /* in one of: the free list, the line, the batch */

    /* its own thread's alone */
    bool savepoint;
    struct error doom; /* its first failure */
    int64_t changed;
    size_t bytes;
};

struct writer {
    struct conn *c;
    struct sched *sched;
    size_t batch_max;
    int checkpoint_pages;
    struct member *slots;

    struct gate *gate; /* guards the next five */
    struct member *free;
    struct member *line, **line_end;
    bool taken; /* somebody has the connection */

    /* whoever has the connection */
    bool open; /* a transaction of SQLite's is, and holds the batch's members */
    struct member *batch, **batch_end;
    size_t batch_n, batch_bytes;
    size_t batch_idle; /* turns since it began that came to nothing */
    int64_t batch_changed;
    int wal_pages, wal_checked; /* in the WAL; of those, looked at by a checkpoint */

    struct error failure; /* these two are written once, before `failed` */
    bool disk_full;
    atomic_bool failed;
    struct file_watch file;
};

static int wal_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct writer *w = arg;

    (void)db, (void)name;
    w->wal_pages = pages;
    return SQLITE_OK;
}

struct writer *writer_new(struct conn *c, const struct writer_options *o)
{
    struct writer *w = calloc(1, sizeof *w);
    struct member *slots = calloc(STORE_WRITERS_MAX, sizeof *slots);

    if (!w || !slots)
        abort();
    *w = (struct writer){ .c = c,
                          .sched = o->sched,
                          .batch_max = o->batch_max,
                          .checkpoint_pages = o->checkpoint_pages,
                          .slots = slots };
    file_watch_start(&w->file, o->watched, o->clock);
    w->gate = gate_new(w->sched);
    w->line_end = &w->line;
    w->batch_end = &w->batch;
    for (size_t i = 0; i < STORE_WRITERS_MAX; i++) {
        slots[i].gate = gate_new(w->sched);
        slots[i].next = w->free;
        w->free = &slots[i];
    }
    sqlite3_wal_hook(c->db, wal_grew, w);
    return w;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    assert(!w->taken && !w->line && !w->open);
    sqlite3_wal_hook(w->c->db, NULL, NULL);
    for (size_t i = 0; i < STORE_WRITERS_MAX; i++)
        gate_free(w->sched, w->slots[i].gate);
    gate_free(w->sched, w->gate);
    free(w->slots);
    free(w);
}

/* What a disk keeps from us is no damage: the log is written anew at the next start. */
static enum status say_sick(const struct writer *w, struct error *e)
{
    char copy[PATH_MAX];

    e->restart = w->failure.status != ST_BROKEN;
    snprintf(copy, sizeof copy, "%s", w->c->path);
    if (w->disk_full)
        return fail(e, ST_BROKEN,
                    "The disk of %s is full: free some space, then start again; nothing is damaged",
                    dirname(copy));
    return fail(e, ST_BROKEN, "the store takes no more work, restart brindle; it failed with: %s",
                w->failure.text);
}

static enum status say_gone(const struct writer *w, enum status st, struct error *e)
{
    return fail(e, st,
                "%s was removed or replaced while it was open: put it back, or start again and run "
                "brindle sync",
                w->c->path);
}

enum status writer_health(struct writer *w, struct error *e)
{
    if (!atomic_load_explicit(&w->failed, memory_order_acquire))
        return file_is_gone(&w->file, WATCH_BEGIN) ? say_gone(w, ST_BROKEN, e) : ST_OK;
    return say_sick(w, e);
}

static void turn_sick(struct writer *w, const struct error *why)
{
    if (atomic_load_explicit(&w->failed, memory_order_relaxed))
        return;
    w->failure = *why;
    w->disk_full = w->c->disk_full;
    /* Nor is what lies in the log moved into the file: nobody knows how much of it is on the disk.
     */
    sqlite3_db_config(w->c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    atomic_store_explicit(&w->failed, true, memory_order_release);
}

/* Members: free, in line, at turn, settled. */

static void member_set(struct writer *w, struct member *m, enum member_state state,
                       const struct error *outcome)
{
    gate_lock(w->sched, m->gate);
    m->state = state;
    if (outcome)
        m->outcome = *outcome;
    gate_wake(w->sched, m->gate);
    gate_unlock(w->sched, m->gate);
}

static void member_await(struct writer *w, struct member *m, enum member_state state)
{
    gate_lock(w->sched, m->gate);
    while (m->state != state)
        gate_wait(w->sched, m->gate, NO_DEADLINE);
    gate_unlock(w->sched, m->gate);
}

static void member_release(struct writer *w, struct member *m)
{
    gate_lock(w->sched, w->gate);
    m->next = w->free;
    w->free = m;
    gate_wake(w->sched, w->gate);
    gate_unlock(w->sched, w->gate);
}

/* A slot, and the connection at once when it is free; else a place in line. */
static struct member *member_take(struct writer *w)
{
    gate_lock(w->sched, w->gate);
    while (!w->free)
        gate_wait(w->sched, w->gate, NO_DEADLINE);
    struct member *m = w->free;
    w->free = m->next;
    *m = (struct member){ .gate = m->gate, .state = w->taken ? MEMBER_WAITS : MEMBER_TURN };
    if (w->taken) {
        *w->line_end = m;
        w->line_end = &m->next;
    }
    w->taken = true;
    gate_unlock(w->sched, w->gate);
    return m;
}

/* The batch. Only whoever has the connection calls these. */

static void batch_add(struct writer *w, struct member *m)
{
    m->next = NULL;
    *w->batch_end = m;
    w->batch_end = &m->next;
    w->batch_n++;
    w->batch_bytes += m->bytes;
    w->batch_changed += m->changed;
}

/* Turns that came to nothing count, too: while threads queue for nothing but a look, and find no
 * work because this batch hides it, the line is never empty and nobody would ever commit. */
static bool batch_is_full(const struct writer *w)
{
    return w->batch_n + w->batch_idle >= w->batch_max || w->batch_bytes >= BATCH_BYTES_MAX ||
           w->batch_changed >= STORE_BATCH_ROWS;
}

/* The shared transaction has ended. NULL: it is on disk. */
static void batch_settle(struct writer *w, const struct error *outcome)
{
    struct member *m = w->batch;

    w->open = false;
    w->batch = NULL;
    w->batch_end = &w->batch;
    w->batch_n = w->batch_bytes = w->batch_idle = 0;
    w->batch_changed = 0;
    while (m) {
        struct member *next = m->next; /* once settled, m may already be another transaction */
        member_set(w, m, MEMBER_SETTLED, outcome);
        m = next;
    }
}

/* Nothing of the shared transaction is left, whatever SQLite has already undone by itself; or so
 * it seems: after a failure of the disk nobody knows what a restart will find. */
static void batch_lose(struct writer *w, const struct error *why)
{
    struct error outcome = { 0 }, again = { 0 };

    bool is_full = conn_is_full(w->c);
    if (!sqlite3_get_autocommit(w->c->db) && conn_verb(w->c, VERB_ROLLBACK, &again) != ST_OK)
        turn_sick(w, &again);
    bool is_gone = is_full && !atomic_load_explicit(&w->failed, memory_order_relaxed);
    outcome.disk_full = is_gone;
    fail(&outcome, is_gone ? ST_LIMIT : ST_RETRY,
         "the transaction was lost together with others: %s", why->text);
    batch_settle(w, planted(PLANT_FAILED_COMMIT_IS_OK) ? NULL : &outcome);
}

/* Passive: it waits for nobody. Its errors matter as much as a commit's: fsync is part of it. */
static void checkpoint_if_due(struct writer *w)
{
    struct error why = { 0 };

    if (w->wal_pages < w->wal_checked) /* the WAL has begun anew */
        w->wal_checked = 0;
    if (w->wal_pages - w->wal_checked < w->checkpoint_pages)
        return;
    w->wal_checked = w->wal_pages;
    errno = 0;
    int rc = sqlite3_wal_checkpoint_v2(w->c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
        return;
    (void)!conn_fail(w->c, rc, "checkpoint", &why);
    if (!conn_is_full(w->c)) /* else it stays in the log, and a later one moves it */
        turn_sick(w, &why);
}

static void batch_commit(struct writer *w)
{
    struct error why = { 0 };

    if (conn_verb(w->c, VERB_COMMIT, &why) != ST_OK) {
        if (!conn_is_full(w->c))
            turn_sick(w, &why);
        batch_lose(w, &why);
    } else if (file_is_gone(&w->file, WATCH_COMMIT)) { /* whatever was kept, nobody will find it */
        say_gone(w, ST_RETRY, &why);
        batch_lose(w, &why);
    } else {
        batch_settle(w, NULL);
        checkpoint_if_due(w);
    }
}

/* Whoever has the connection gives it away: to the next in line, else to nobody, and in that case
 * or when the batch is full it commits first. */
static void turn_end(struct writer *w)
{
    for (;;) {
        gate_lock(w->sched, w->gate);
        struct member *next = w->line;
        bool commit = w->open && (!next || batch_is_full(w));
        if (!commit && next) {
            w->line = next->next;
            if (!w->line)
                w->line_end = &w->line;
        }
        if (!commit && !next)
            w->taken = false;
        gate_unlock(w->sched, w->gate);
        if (!commit) {
            if (next)
                member_set(w, next, MEMBER_TURN, NULL);
            return;
        }
        batch_commit(w); /* closes the transaction, so that this loop ends in its second turn */
    }
}

/* Transactions. */

static enum status open_member(struct writer *w, struct member *m, struct error *e)
{
    enum status st = writer_health(w, e);
    if (st != ST_OK)
        return st;
    m->savepoint = w->open;
    st = conn_verb(w->c, w->open ? VERB_SAVEPOINT : VERB_BEGIN_IMMEDIATE, e);
    if (st != ST_OK && conn_is_sick(w->c))
        turn_sick(w, e);
    if (st == ST_OK)
        w->open = true;
    else if (w->open)
        batch_lose(w, e);
    return st;
}

enum status writer_begin(struct writer *w, struct member **out, struct error *e)
{
    struct member *m = member_take(w);

    member_await(w, m, MEMBER_TURN);
    enum status st = open_member(w, m, e);
    if (st != ST_OK) {
        turn_end(w);
        member_release(w, m);
        return st;
    }
    *out = m;
    return ST_OK;
}

/* The statement or the whole? When SQLite itself has rolled back, or nothing can be trusted any
 * more, the others must know at once. */
static enum status doom(struct writer *w, struct member *m, enum status st, const struct error *e)
{
    m->doom = *e;
    m->doom.status = st;
    if (conn_is_sick(w->c))
        turn_sick(w, e);
    if (w->open && (conn_is_sick(w->c) || sqlite3_get_autocommit(w->c->db)))
        batch_lose(w, e);
    return st;
}

/* True, and nothing to do, for a transaction that has already failed. */
static bool is_doomed(const struct member *m, struct error *e)
{
    if (m->doom.status == ST_OK)
        return false;
    fail(e, m->doom.status, "%s", m->doom.text);
    return true;
}

enum status writer_run(struct writer *w, struct member *m, enum stmt id, const struct value *args,
                       size_t n_args, struct rows *rows, struct arena *a, struct error *e)
{
    if (is_doomed(m, e))
        return m->doom.status;
    enum status st = conn_run(w->c, id, args, n_args, rows, a, e);
    if (st != ST_OK)
        return doom(w, m, st, e);
    m->changed += rows->n_changed;
    for (size_t i = 0; i < n_args; i++)
        m->bytes += args[i].s.n;
    if (m->changed > TX_ROWS_MAX) {
        st = fail(e, ST_LIMIT,
                  "%s: %s: more than %d rows changed in one transaction; do it in "
                  "pieces",
                  w->c->path, stmt_table[id].name, TX_ROWS_MAX);
        return doom(w, m, st, e);
    }
    return ST_OK;
}

enum status writer_script(struct writer *w, struct member *m, str sql, struct error *e)
{
    if (is_doomed(m, e))
        return m->doom.status;
    enum status st = conn_script(w->c, sql, "script", e);
    return st == ST_OK ? ST_OK : doom(w, m, st, e);
}

/* Undoes what `m` did, if it is still there, and leaves the others' work. */
static void undo(struct writer *w, struct member *m)
{
    struct error why = { 0 };

    if (!w->open)
        return;
    if (!m->savepoint) {
        assert(w->batch_n == 0);
        batch_lose(w, &why);
    } else if (conn_verb(w->c, VERB_ROLLBACK_TO, &why) != ST_OK ||
               conn_verb(w->c, VERB_RELEASE, &why) != ST_OK) {
        turn_sick(w, &why);
        batch_lose(w, &why);
    }
}

void writer_rollback(struct writer *w, struct member *m)
{
    undo(w, m);
    w->batch_idle += w->open;
    turn_end(w);
    member_release(w, m);
}

enum status writer_commit(struct writer *w, struct member *m, struct error *e)
{
    enum status st = m->doom.status;

    if (st == ST_OK && m->savepoint) {
        st = conn_verb(w->c, VERB_RELEASE, e);
        if (st != ST_OK)
            doom(w, m, st, e);
    }
    if (st != ST_OK) {
        fail(e, st, "%s", m->doom.text);
        writer_rollback(w, m);
        return st;
    }
    batch_add(w, m);
    turn_end(w);
    member_await(w, m, MEMBER_SETTLED);
    st = m->outcome.status;
    if (st != ST_OK)
        fail(e, st, "%s", m->outcome.text);
    member_release(w, m);
    return st;
}

/* Readers of this process are soon done; somebody else's may take for ever. */
static enum status empty_wal(struct writer *w, struct error *e)
{
    msec until = clock_mono(w->c->clock) + SCRUB_WAIT_MS;

    for (;;) {
        int rc = sqlite3_wal_checkpoint_v2(w->c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        if (rc == SQLITE_OK)
            return ST_OK;
        if ((rc & 0xff) != SQLITE_BUSY)
            return conn_fail(w->c, rc, "checkpoint", e);
        if (clock_mono(w->c->clock) >= until)
            return fail(e, ST_RETRY,
                        "%s: another program reads it and keeps former pages in its write-ahead "
                        "log; end that program and run this again",
                        w->c->path);
        clock_sleep(w->c->clock, SCRUB_PAUSE_MS);
    }
}

enum status writer_scrub(struct writer *w, struct error *e)
{
    struct member *m = member_take(w);

    member_await(w, m, MEMBER_TURN);
    if (w->open)
        batch_commit(w);
    enum status st = writer_health(w, e);
    if (st == ST_OK)
        st = conn_script(w->c, S("vacuum"), "vacuum", e);
    if (st == ST_OK)
        st = empty_wal(w, e);
    if (st != ST_OK && st != ST_RETRY && conn_is_sick(w->c))
        turn_sick(w, e);
    turn_end(w);
    member_release(w, m);
    return st;
}
