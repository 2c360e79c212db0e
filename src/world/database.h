/* database.h - a database of the application's own, as a seam: where leftovers of another
 * environment are looked for. SQL goes in, texts come out; nothing of ours lives there but the old
 * values of what was mended. */
#pragma once

#include "world/store.h"

struct database {
    const struct database_ops *ops;
};

struct database_ops {
    const char *dialect; /* "sqlite" or "pg" */
    /* One statement with arguments $1, $2, … in the order of their numbers; {NULL, 0} is null.
     * Every cell that is not null is VAL_TEXT, in the arena. `rows` may be NULL.
     * ST_RETRY: away, or locked for too long. ST_REFUSED: not permitted. ST_CONFLICT: a constraint.
     * ST_LIMIT: more than ROWS_MAX rows, or the arena. ST_INVALID: all else that it refuses. The
     * sentence has the server's own words, but never an argument. */
    enum status (*run)(struct database *, str sql, const str *args, size_t n_args,
                       struct rows *rows, struct arena *, struct error *) MUST_USE;
    void (*close)(struct database *); /* what was begun and not committed is undone */
};

static inline enum status database_run(struct database *d, str sql, const str *args, size_t n_args,
                                       struct rows *rows, struct arena *a, struct error *e)
{
    return d->ops->run(d, sql, args, n_args, rows, a, e);
}
