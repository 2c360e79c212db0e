#include "backend/database_sqlite.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STEPS_BETWEEN_LOOKS = 100000 };

struct sqlite_database {
    struct database base; /* first: a struct database * is a struct sqlite_database * */
    sqlite3 *db;
    struct timespec until; /* when the statement under way has taken too long */
    bool writable, begun;
};

static enum status judge(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: return ST_RETRY;
    case SQLITE_CONSTRAINT: return ST_CONFLICT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN: return ST_REFUSED;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM: return ST_LIMIT;
    default: return ST_INVALID;
    }
}

static bool is_taken(int extended)
{
    return extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
           extended == SQLITE_CONSTRAINT_ROWID;
}

static enum status fail_sqlite(sqlite3 *db, int rc, struct error *e)
{
    if (rc == SQLITE_INTERRUPT)
        return fail(e, ST_RETRY,
                    "The application's database took too long for one statement: an index on the "
                    "column makes it quick.");
    return fail(e, judge(rc), "The application's database says: %s.", sqlite3_errmsg(db));
}

static enum status bind(sqlite3_stmt *s, const str *args, size_t n_args, int *rc)
{
    *rc = SQLITE_OK;
    for (size_t i = 0; i < n_args && *rc == SQLITE_OK; i++) {
        char name[24];
        snprintf(name, sizeof name, "$%zu", i + 1);
        int at = sqlite3_bind_parameter_index(s, name);
        if (at && args[i].p && args[i].n <= INT_MAX)
            *rc = sqlite3_bind_text(s, at, args[i].p, (int)args[i].n, SQLITE_TRANSIENT);
    }
    return *rc == SQLITE_OK ? ST_OK : ST_LIMIT;
}

/* Rows of an answer as they come; they move when there are more. */
static enum status keep_row(sqlite3_stmt *s, struct rows *r, size_t *room, struct arena *a,
                            struct error *e)
{
    size_t n = r->n_cols;

    if (r->n_rows == DATABASE_ROWS_MAX)
        return fail(e, ST_LIMIT, "The application's database answers more than %d rows.",
                    DATABASE_ROWS_MAX);
    if (r->n_rows == *room) {
        struct value *more = arena_alloc(a, 2 * *room * n * sizeof *more);
        if (!more)
            return fail(e, ST_LIMIT, "The application's database answers more than fits.");
        memcpy(more, r->cell, r->n_rows * n * sizeof *more);
        r->cell = more;
        *room *= 2;
    }
    for (size_t i = 0; i < n; i++) {
        struct value *v = &r->cell[r->n_rows * n + i];
        *v = V_NULL;
        if (sqlite3_column_type(s, (int)i) == SQLITE_NULL)
            continue;
        const char *text = (const char *)sqlite3_column_text(s, (int)i);
        str copy = arena_copy(a, (str){ text, (size_t)sqlite3_column_bytes(s, (int)i) });
        if (!text || !copy.p)
            return fail(e, ST_LIMIT, "The application's database answers more than fits.");
        *v = V_STR(copy);
    }
    r->n_rows++;
    return ST_OK;
}

static enum status step_all(struct sqlite_database *d, sqlite3_stmt *s, struct rows *rows,
                            struct arena *a, struct error *e)
{
    struct rows r = { .n_cols = (size_t)sqlite3_column_count(s) };
    size_t room = 16;
    int rc;

    if (rows && r.n_cols) {
        r.cell = arena_alloc(a, room * r.n_cols * sizeof *r.cell);
        if (!r.cell)
            return fail(e, ST_LIMIT, "The application's database answers more than fits.");
    }
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        enum status st = rows ? keep_row(s, &r, &room, a, e) : ST_OK;
        if (st != ST_OK)
            return st;
    }
    if (rc != SQLITE_DONE) {
        d->base.taken = is_taken(sqlite3_extended_errcode(d->db));
        return fail_sqlite(d->db, rc, e);
    }
    r.n_changed = sqlite3_changes64(d->db);
    if (rows)
        *rows = r;
    return ST_OK;
}

static int is_too_long(void *ctx)
{
    const struct sqlite_database *d = ctx;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > d->until.tv_sec ||
           (now.tv_sec == d->until.tv_sec && now.tv_nsec >= d->until.tv_nsec);
}

static void may_take(struct sqlite_database *d)
{
    int ms = database_statement_ms(&d->base);

    clock_gettime(CLOCK_MONOTONIC, &d->until);
    d->until.tv_sec += ms / 1000;
    d->until.tv_nsec += ms % 1000 * 1000000L;
    d->until.tv_sec += d->until.tv_nsec / 1000000000L;
    d->until.tv_nsec %= 1000000000L;
}

static enum status run(struct database *base, str sql, const str *args, size_t n_args,
                       struct rows *rows, struct arena *a, struct error *e)
{
    struct sqlite_database *d = (struct sqlite_database *)base;
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(d->db, sql.p, (int)sql.n, &s, NULL);

    d->base.taken = false;
    if (rc != SQLITE_OK)
        return fail_sqlite(d->db, rc, e);
    may_take(d);
    enum status st = bind(s, args, n_args, &rc);
    st = st == ST_OK ? step_all(d, s, rows, a, e) : fail_sqlite(d->db, rc, e);
    sqlite3_finalize(s);
    return st;
}

/* ---- transactions that write ------------------------------------------------------------------
 */

static enum status say(struct sqlite_database *d, const char *sql, struct error *e)
{
    ARENA(a, 4096);

    return run(&d->base, str_of(sql), NULL, 0, NULL, &a, e);
}

static void roll_back(struct database *base)
{
    struct sqlite_database *d = (struct sqlite_database *)base;
    struct error ignored = { 0 };

    if (!sqlite3_get_autocommit(d->db))
        (void)!say(d, "rollback", &ignored);
    (void)!say(d, "pragma query_only = on", &ignored);
    d->begun = false;
}

static enum status begin(struct database *base, struct error *e)
{
    struct sqlite_database *d = (struct sqlite_database *)base;

    assert(!d->begun);
    if (!d->writable)
        return fail(e, ST_REFUSED, "The application's database was opened for reading alone.");
    enum status st = say(d, "pragma query_only = off", e);
    if (st == ST_OK)
        st = say(d, "begin immediate", e);
    if (st != ST_OK)
        roll_back(base);
    d->begun = st == ST_OK;
    return st;
}

/* A commit that found no place or no lock has kept nothing, and is undone. */
static enum status commit(struct database *base, struct error *e)
{
    struct sqlite_database *d = (struct sqlite_database *)base;

    assert(d->begun);
    enum status st = say(d, "commit", e);
    roll_back(base); /* nothing, when it was kept */
    return st;
}

static enum status revive(struct database *base, struct error *e)
{
    (void)base, (void)e;
    return ST_OK;
}

static void close_database(struct database *base)
{
    struct sqlite_database *d = (struct sqlite_database *)base;

    sqlite3_close(d->db);
    free(d);
}

static const struct database_ops ops = { "sqlite",  run,    begin,         commit,
                                         roll_back, revive, close_database };

/* The first page is read: a file that is none of SQLite's shows now. */
static int begin_use(struct sqlite_database *d)
{
    sqlite3_busy_timeout(d->db, DATABASE_LOCK_MS_MAX);
    sqlite3_progress_handler(d->db, STEPS_BETWEEN_LOOKS, is_too_long, d);
    may_take(d);
    int rc = sqlite3_exec(d->db, "pragma query_only = on", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, "select count(*) from sqlite_schema", NULL, NULL, NULL);
    if (rc == SQLITE_OK && d->writable)
        rc = sqlite3_exec(d->db, "pragma foreign_keys = on", NULL, NULL, NULL);
    return rc;
}

static int open_file(struct sqlite_database *d, const char *path, bool writable)
{
    sqlite3_close(d->db);
    d->db = NULL;
    int rc = sqlite3_open_v2(path, &d->db, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY,
                             NULL);
    return rc == SQLITE_OK ? begin_use(d) : rc;
}

enum status database_sqlite_open(struct database **out, const char *path, bool writable,
                                 struct error *e)
{
    if (access(path, F_OK) != 0)
        return fail(e, ST_NONE, "The application's database %s: %s. Check application_database.",
                    path, strerror(errno));
    struct sqlite_database *d = calloc(1, sizeof *d);
    if (!d)
        return fail(e, ST_LIMIT, "out of memory");
    d->base.ops = &ops;
    d->writable = writable;
    int rc = open_file(d, path, writable);
    /* What a process that was killed has left half written is undone by whoever opens the file to
     * write; its rows are to be read as they were before. */
    if (!writable && (rc & 0xff) == SQLITE_READONLY)
        rc = open_file(d, path, true);
    if (rc != SQLITE_OK) {
        enum status st = fail_sqlite(d->db, rc, e);
        close_database(&d->base);
        return st;
    }
    *out = &d->base;
    return ST_OK;
}
