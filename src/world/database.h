/* database.h - a database of the application's own, as a seam: where leftovers of another
 * environment are looked for. SQL goes in, texts come out; nothing of ours lives there but the old
 * values of what was mended. */
#pragma once

#include "world/store.h"

enum {
    DATABASE_ROWS_MAX = 20000,              /* of one answer */
    DATABASE_STATEMENT_MS_MAX = 300 * 1000, /* one statement may take */
    DATABASE_LOCK_MS_MAX = 5 * 1000,        /* and wait for others */
};

struct database {
    const struct database_ops *ops;
    msec statement_ms; /* for whoever has less time than DATABASE_STATEMENT_MS_MAX; 0: nobody */
    bool taken;        /* the last statement failed, for a unique key has that value already */
};

static inline int database_statement_ms(const struct database *d)
{
    bool less = d->statement_ms > 0 && d->statement_ms < DATABASE_STATEMENT_MS_MAX;

    return less ? (int)d->statement_ms : DATABASE_STATEMENT_MS_MAX;
}

struct database_ops {
    const char *dialect; /* "sqlite" or "pg" */
    /* One statement with arguments $1, $2, … in the order of their numbers; {NULL, 0} is null.
     * Every cell that is not null is VAL_TEXT, in the arena. `rows` may be NULL.
     * Outside of begin it is a transaction of its own that can write nothing; what it relies on is
     * set for that transaction alone, so that a pooler may stand between.
     * ST_RETRY: away, locked for too long, or longer than database_statement_ms. ST_REFUSED: not
     * permitted. ST_CONFLICT: a constraint. ST_LIMIT: more than DATABASE_ROWS_MAX rows, the
     * arena, or its disk is full. ST_INVALID: all else that it refuses. The sentence has the
     * server's own words, but never an argument. */
    enum status (*run)(struct database *, str sql, const str *args, size_t n_args,
                       struct rows *rows, struct arena *, struct error *) MUST_USE;
    /* A transaction that writes; others that write wait for it or it for them. ST_REFUSED: it was
     * opened for reading alone. */
    enum status (*begin)(struct database *, struct error *) MUST_USE;
    /* Ends it whatever it answers. ST_RETRY: nobody knows whether it was kept: `revive`, and look.
     * Any other failure: it was not. */
    enum status (*commit)(struct database *, struct error *) MUST_USE;
    void (*rollback)(struct database *);
    /* A connection anew where it was lost. Whatever was committed on the former one is seen then:
     * this waits until the server has let go of it. ST_RETRY: it is away still. */
    enum status (*revive)(struct database *, struct error *) MUST_USE;
    void (*close)(struct database *); /* what was begun and not committed is undone */
};

static inline enum status database_run(struct database *d, str sql, const str *args, size_t n_args,
                                       struct rows *rows, struct arena *a, struct error *e)
{
    return d->ops->run(d, sql, args, n_args, rows, a, e);
}
