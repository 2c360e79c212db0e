#include "backend/database_sqlite.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_MS_MAX = 5000 };

struct sqlite_database {
    struct database base; /* first: a struct database * is a struct sqlite_database * */
    sqlite3 *db;
};

static enum status judge(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ST_RETRY;
    case SQLITE_CONSTRAINT: return ST_CONFLICT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN: return ST_REFUSED;
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM: return ST_LIMIT;
    default: return ST_INVALID;
    }
}

static enum status fail_sqlite(sqlite3 *db, int rc, struct error *e)
{
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

    if (r->n_rows == ROWS_MAX)
        return fail(e, ST_LIMIT, "The application's database answers more than %d rows.", ROWS_MAX);
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
    if (rc != SQLITE_DONE)
        return fail_sqlite(d->db, rc, e);
    r.n_changed = sqlite3_changes64(d->db);
    if (rows)
        *rows = r;
    return ST_OK;
}

static enum status run(struct database *base, str sql, const str *args, size_t n_args,
                       struct rows *rows, struct arena *a, struct error *e)
{
    struct sqlite_database *d = (struct sqlite_database *)base;
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(d->db, sql.p, (int)sql.n, &s, NULL);

    if (rc != SQLITE_OK)
        return fail_sqlite(d->db, rc, e);
    enum status st = bind(s, args, n_args, &rc);
    st = st == ST_OK ? step_all(d, s, rows, a, e) : fail_sqlite(d->db, rc, e);
    sqlite3_finalize(s);
    return st;
}

static void close_database(struct database *base)
{
    struct sqlite_database *d = (struct sqlite_database *)base;

    sqlite3_close(d->db);
    free(d);
}

static const struct database_ops ops = { "sqlite", run, close_database };

/* The first page is read: a file that is none of SQLite's shows now. */
static enum status begin_use(struct sqlite_database *d, bool writable, struct error *e)
{
    sqlite3_busy_timeout(d->db, BUSY_MS_MAX);
    int rc = sqlite3_exec(d->db, "select count(*) from sqlite_schema", NULL, NULL, NULL);
    if (rc == SQLITE_OK && writable)
        rc = sqlite3_exec(d->db, "pragma foreign_keys = on", NULL, NULL, NULL);
    return rc == SQLITE_OK ? ST_OK : fail_sqlite(d->db, rc, e);
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
    int rc = sqlite3_open_v2(path, &d->db, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY,
                             NULL);
    enum status st = rc == SQLITE_OK ? begin_use(d, writable, e) : fail_sqlite(d->db, rc, e);
    if (st != ST_OK) {
        close_database(&d->base);
        return st;
    }
    *out = &d->base;
    return ST_OK;
}
