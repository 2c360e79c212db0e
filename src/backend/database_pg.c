#include "backend/database_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/pg_conn.h"

enum { ARGS_MAX = 64 };

enum {
    TEXTS_BYTES_MAX = 16 << 20,
    /* "brindle": whoever writes leftovers holds this lock of the server's until it ends. */
    WRITER_LOCK = 0x6272696e,
};

struct pg_database {
    struct database base; /* first: a struct database * is a struct pg_database * */
    PGconn *pg;
    char *url;
    bool writable, begun;
};

static enum status judge(const char *sqlstate)
{
    /* insufficient_privilege, read_only_sql_transaction; a statement that has failed for that. */
    if (strcmp(sqlstate, "42501") == 0 || strcmp(sqlstate, "25006") == 0)
        return ST_REFUSED;
    /* object_not_in_prerequisite_state: on conflict with a deferrable key; no retry helps. */
    if (strcmp(sqlstate, "55000") == 0)
        return ST_INVALID;
    switch (pg_judge(sqlstate)) {
    case ST_RETRY: return ST_RETRY;
    case ST_CONFLICT: return ST_CONFLICT;
    case ST_REFUSED: return ST_REFUSED;
    case ST_LIMIT: return ST_LIMIT;
    case ST_OK:
    case ST_NONE:
    case ST_INVALID:
    case ST_BROKEN: break;
    }
    return strncmp(sqlstate, "23", 2) == 0 ? ST_CONFLICT : ST_INVALID;
}

/* The primary message alone: the details quote what is in the rows. */
static enum status fail_result(struct pg_database *d, const PGresult *r, struct error *e)
{
    const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    if (PQstatus(d->pg) != CONNECTION_OK)
        return fail(e, ST_RETRY, "The connection to the application's database broke.");
    /* unique_violation, exclusion_violation */
    d->base.taken = code && (strcmp(code, "23505") == 0 || strcmp(code, "23P01") == 0);
    if (code && strcmp(code, "57014") == 0)
        return fail(e, ST_RETRY,
                    "The application's database took too long for one statement: an index on the "
                    "column makes it quick.");
    if (code && strcmp(code, "55P03") == 0)
        return fail(e, ST_RETRY,
                    "The application's database is locked by somebody for more than %d s: try "
                    "again later.",
                    DATABASE_LOCK_MS_MAX / 1000);
    return fail(e, judge(code ? code : ""), "The application's database says: %s.",
                text ? text : "nothing that can be read");
}

static enum status take(PGresult *got, struct rows *rows, struct arena *a, struct error *e)
{
    struct rows r = { .n_rows = (size_t)PQntuples(got), .n_cols = (size_t)PQnfields(got) };

    if (r.n_rows > DATABASE_ROWS_MAX)
        return fail(e, ST_LIMIT, "The application's database answers more than %d rows.",
                    DATABASE_ROWS_MAX);
    r.n_changed = strtoll(PQcmdTuples(got), NULL, 10);
    r.cell = arena_alloc(a, (r.n_rows * r.n_cols + 1) * sizeof *r.cell);
    for (size_t i = 0; r.cell && i < r.n_rows * r.n_cols; i++) {
        int row = (int)(i / r.n_cols), col = (int)(i % r.n_cols);
        r.cell[i] = V_NULL;
        if (PQgetisnull(got, row, col))
            continue;
        str text = { PQgetvalue(got, row, col), (size_t)PQgetlength(got, row, col) };
        r.cell[i] = V_STR(arena_copy(a, text));
        if (!r.cell[i].s.p)
            r.cell = NULL;
    }
    if (!r.cell)
        return fail(e, ST_LIMIT, "The application's database answers more than fits.");
    *rows = r;
    return ST_OK;
}

/* A statement of ours without arguments or rows. */
static enum status say(struct pg_database *d, const char *sql, struct error *e)
{
    PGresult *got = PQexec(d->pg, sql);
    ExecStatusType as = PQresultStatus(got);
    enum status st =
        as == PGRES_TUPLES_OK || as == PGRES_COMMAND_OK ? ST_OK : fail_result(d, got, e);

    PQclear(got);
    return st;
}

/* What cannot be seen for a policy of its rows is an error, never nothing. Values are written down
 * as texts, and are to be the same again when they are read elsewhere. */
#define SETTINGS                                                                                   \
    "; set local row_security = off; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'" \
    "; set local intervalstyle = 'postgres'; set local extra_float_digits = 1"                     \
    "; set local standard_conforming_strings = on"

static enum status begin_transaction(struct pg_database *d, bool writes, struct error *e)
{
    char sql[512];

    snprintf(sql, sizeof sql,
             "begin isolation level read committed %s; set local lock_timeout = %d; "
             "set local statement_timeout = %d" SETTINGS "%s",
             writes ? "read write" : "read only", DATABASE_LOCK_MS_MAX,
             database_statement_ms(&d->base), writes ? "; set local synchronous_commit = on" : "");
    return say(d, sql, e);
}

static enum status run_begun(struct pg_database *d, str sql, const str *args, size_t n_args,
                             struct rows *rows, struct arena *a, struct error *e)
{
    const char *value[ARGS_MAX];
    ARENA(texts, TEXTS_BYTES_MAX); /* what libpq is given ends in a NUL */

    d->base.taken = false;
    if (n_args > ARGS_MAX)
        return fail(e, ST_LIMIT, "more than %d arguments", ARGS_MAX);
    for (size_t i = 0; i < n_args; i++) {
        value[i] = args[i].p ? arena_copy(&texts, args[i]).p : NULL;
        if (args[i].p && !value[i])
            return fail(e, ST_LIMIT, "the arguments do not fit");
    }
    const char *text = arena_copy(&texts, sql).p;
    if (!text)
        return fail(e, ST_LIMIT, "the statement does not fit");
    PGresult *got = PQexecParams(d->pg, text, (int)n_args, NULL, value, NULL, NULL, 0);
    ExecStatusType as = PQresultStatus(got);
    enum status st =
        as == PGRES_TUPLES_OK || as == PGRES_COMMAND_OK ? ST_OK : fail_result(d, got, e);
    if (st == ST_OK && rows)
        st = take(got, rows, a, e);
    PQclear(got);
    return st;
}

static enum status run(struct database *base, str sql, const str *args, size_t n_args,
                       struct rows *rows, struct arena *a, struct error *e)
{
    struct pg_database *d = (struct pg_database *)base;
    struct error ignored = { 0 };

    if (d->begun)
        return run_begun(d, sql, args, n_args, rows, a, e);
    enum status st = begin_transaction(d, false, e);
    if (st == ST_OK)
        st = run_begun(d, sql, args, n_args, rows, a, e);
    (void)!say(d, "rollback", &ignored); /* it has read, that is all */
    return st;
}

/* ---- transactions that write ------------------------------------------------------------------
 */

static enum status take_lock(struct pg_database *d, struct error *e)
{
    char sql[64];

    snprintf(sql, sizeof sql, "select pg_advisory_xact_lock(%d)", WRITER_LOCK);
    return say(d, sql, e);
}

static void roll_back(struct database *base)
{
    struct pg_database *d = (struct pg_database *)base;
    struct error ignored = { 0 };

    d->begun = false;
    (void)!say(d, "rollback", &ignored);
}

static enum status begin(struct database *base, struct error *e)
{
    struct pg_database *d = (struct pg_database *)base;

    assert(!d->begun);
    if (!d->writable)
        return fail(e, ST_REFUSED, "The application's database was opened for reading alone.");
    enum status st = begin_transaction(d, true, e);
    if (st == ST_OK)
        st = take_lock(d, e);
    if (st != ST_OK)
        roll_back(base);
    d->begun = st == ST_OK;
    return st;
}

/* A failed transaction answers "rollback" to a commit. */
static enum status commit(struct database *base, struct error *e)
{
    struct pg_database *d = (struct pg_database *)base;

    assert(d->begun);
    d->begun = false;
    PGresult *got = PQexec(d->pg, "commit");
    bool done = PQresultStatus(got) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(got), "COMMIT") == 0;
    enum status st = ST_OK;
    if (!done && PQresultStatus(got) == PGRES_COMMAND_OK)
        st = fail(e, ST_CONFLICT, "The application's database has rolled it back.");
    else if (!done)
        st = fail_result(d, got, e);
    PQclear(got);
    return st;
}

static void close_database(struct database *base)
{
    struct pg_database *d = (struct pg_database *)base;

    PQfinish(d->pg);
    free(d->url);
    free(d);
}

static void ignore_notice(void *ctx, const char *text)
{
    (void)ctx, (void)text;
}

/* libpq's own words may quote the address with its password: never repeated. */
static enum status connect_to(struct pg_database *d, struct error *e)
{
    const char *const name[] = { "dbname", "connect_timeout", "client_encoding", "application_name",
                                 NULL };
    const char *const value[] = { d->url, "5", "UTF8", "brindle", NULL };

    PQfinish(d->pg);
    d->pg = PQconnectdbParams(name, value, 1);
    if (PQstatus(d->pg) != CONNECTION_OK) {
        bool refused = d->pg && PQconnectionNeedsPassword(d->pg);
        return fail(e, refused ? ST_REFUSED : ST_RETRY,
                    refused ? "The application's database wants a password: name it in "
                              "application_database."
                            : "The application's database cannot be reached, or does not let us "
                              "in. Check application_database, and that the server runs.");
    }
    PQsetNoticeProcessor(d->pg, ignore_notice, NULL);
    return ST_OK;
}

/* The lock is free as soon as the server has ended the former transaction, either way. */
static enum status revive(struct database *base, struct error *e)
{
    struct pg_database *d = (struct pg_database *)base;
    enum status st = PQstatus(d->pg) == CONNECTION_OK ? ST_OK : connect_to(d, e);

    d->begun = false;
    if (st == ST_OK)
        st = begin_transaction(d, false, e);
    if (st == ST_OK)
        st = take_lock(d, e);
    if (st == ST_OK)
        roll_back(base);
    return st;
}

static const struct database_ops ops = {
    "pg", run, begin, commit, roll_back, revive, close_database
};

enum status database_pg_open(struct database **out, const char *url, bool writable, struct error *e)
{
    struct pg_database *d = calloc(1, sizeof *d);

    if (!d)
        return fail(e, ST_LIMIT, "out of memory");
    d->base.ops = &ops;
    d->writable = writable;
    d->url = strdup(url);
    enum status st = d->url ? connect_to(d, e) : fail(e, ST_LIMIT, "out of memory");
    if (st != ST_OK) {
        close_database(&d->base);
        return st;
    }
    *out = &d->base;
    return ST_OK;
}
