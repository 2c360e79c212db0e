#include "backend/database_pg.h"

#include <stdlib.h>
#include <string.h>

#include "backend/pg_conn.h"

enum { ARGS_MAX = 64 };

struct pg_database {
    struct database base; /* first: a struct database * is a struct pg_database * */
    PGconn *pg;
};

static enum status judge(const char *sqlstate)
{
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
    if (strcmp(sqlstate, "42501") == 0 || strcmp(sqlstate, "25006") == 0)
        return ST_REFUSED; /* insufficient_privilege, read_only_sql_transaction */
    return strncmp(sqlstate, "23", 2) == 0 ? ST_CONFLICT : ST_INVALID;
}

/* The primary message alone: the details quote what is in the rows. */
static enum status fail_result(struct pg_database *d, const PGresult *r, struct error *e)
{
    const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    if (PQstatus(d->pg) != CONNECTION_OK)
        return fail(e, ST_RETRY, "The connection to the application's database broke.");
    return fail(e, judge(code ? code : ""), "The application's database says: %s.",
                text ? text : "nothing that can be read");
}

static enum status take(PGresult *got, struct rows *rows, struct arena *a, struct error *e)
{
    struct rows r = { .n_rows = (size_t)PQntuples(got), .n_cols = (size_t)PQnfields(got) };

    if (r.n_rows > ROWS_MAX)
        return fail(e, ST_LIMIT, "The application's database answers more than %d rows.", ROWS_MAX);
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

static enum status run(struct database *base, str sql, const str *args, size_t n_args,
                       struct rows *rows, struct arena *a, struct error *e)
{
    struct pg_database *d = (struct pg_database *)base;
    const char *value[ARGS_MAX];
    ARENA(texts, 16 << 20); /* what libpq is given ends in a NUL */

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

static void close_database(struct database *base)
{
    struct pg_database *d = (struct pg_database *)base;

    PQfinish(d->pg);
    free(d);
}

static const struct database_ops ops = { "pg", run, close_database };

static void ignore_notice(void *ctx, const char *text)
{
    (void)ctx, (void)text;
}

static enum status begin_use(struct pg_database *d, bool writable, struct error *e)
{
    ARENA(a, 4096);
    enum status st = run(&d->base, S("set lock_timeout = '5s'"), NULL, 0, NULL, &a, e);

    if (st == ST_OK && !writable)
        st = run(&d->base, S("set default_transaction_read_only = on"), NULL, 0, NULL, &a, e);
    return st;
}

enum status database_pg_open(struct database **out, const char *url, bool writable, struct error *e)
{
    const char *const name[] = { "dbname", "connect_timeout", "client_encoding", "application_name",
                                 NULL };
    const char *const value[] = { url, "5", "UTF8", "brindle", NULL };
    struct pg_database *d = calloc(1, sizeof *d);

    if (!d)
        return fail(e, ST_LIMIT, "out of memory");
    d->base.ops = &ops;
    d->pg = PQconnectdbParams(name, value, 1);
    if (PQstatus(d->pg) != CONNECTION_OK) {
        bool refused = d->pg && PQconnectionNeedsPassword(d->pg);
        close_database(&d->base);
        return fail(e, refused ? ST_REFUSED : ST_RETRY,
                    refused ? "The application's database wants a password: name it in "
                              "application_database."
                            : "The application's database cannot be reached, or does not let us "
                              "in. Check application_database, and that the server runs.");
    }
    PQsetNoticeProcessor(d->pg, ignore_notice, NULL);
    enum status st = begin_use(d, writable, e);
    if (st != ST_OK) {
        close_database(&d->base);
        return st;
    }
    *out = &d->base;
    return ST_OK;
}
