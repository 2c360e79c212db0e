/* leftovers.h - ids of another environment in the application's own database: found, told apart,
 * mended and put back.
 *
 * An id is looked for in this mirror, then in those of the other environments that are configured,
 * then at Stripe. A plain 404 proves nothing: what lived in another account or sandbox, and what
 * was never there, is answered alike [facts: RULES 4.5]. So it stays unknown, and is mended only
 * when somebody asks for that. */
#pragma once

#include "base/buf.h"
#include "core/app_tables.h"
#include "core/env.h"

enum leftover_kind {
    LEFTOVER_HERE,          /* alive in this environment */
    LEFTOVER_DELETED,       /* it was of this environment, and is deleted */
    LEFTOVER_OTHER_MODE,    /* of the same account's other mode */
    LEFTOVER_OTHER_ACCOUNT, /* of another account; a connected one while Connect is off */
    LEFTOVER_UNKNOWN,       /* Stripe does not have it here, and nobody can say where it is from */
    LEFTOVER_NO_ID,         /* no id of Stripe's */
    LEFTOVER_KINDS,
};

const char *leftover_kind_name(enum leftover_kind k); /* "here", "deleted", "other_mode", … */

enum {
    LEFTOVER_COLUMNS_MAX = 64,
    LEFTOVER_ENVS_MAX = 16,
    LEFTOVER_WHY_MAX = 200,
    LEFTOVER_LINK_ROWS_MAX = 1000,
};

/* One value that does not belong here (of another mode, another account, or unknown). */
struct leftover {
    str id;
    int64_t rows;
    enum leftover_kind kind;
    const char *why; /* a sentence; "" when there is nothing to say */
};

struct leftover_column {
    const struct app_table *table;
    const struct app_column *column;
    bool whole_row; /* a row with a leftover goes as a whole: "table.column=delete" */
    int64_t ids[LEFTOVER_KINDS], rows[LEFTOVER_KINDS];
    struct leftover *left;
    size_t n_left;
};

struct leftover_scan {
    struct database *db;
    struct app_tables tables;
    struct leftover_column column[LEFTOVER_COLUMNS_MAX];
    size_t n_columns;
    struct env *mirror;                   /* of this environment; its identity is known */
    struct env *stripe;                   /* the same, to ask Stripe with; NULL: nobody is asked */
    struct env *other[LEFTOVER_ENVS_MAX]; /* mirrors of other environments, to read */
    size_t n_others;
    bool connect; /* connected accounts are at home here */
    int64_t asked;
    bool (*goes_on)(void *ctx, const struct leftover_scan *s); /* between ids; false: stop */
    void *ctx;
    struct arena *a;
};

/* Reads which columns are meant: "accounts.stripe_account_id, stripe_customers.customer_id=delete";
 * lines separate as commas do.
 * ST_INVALID: no such table or column, named with the nearest; or it holds no texts. */
enum status leftovers_declare(struct leftover_scan *s, str columns, struct error *e) MUST_USE;
/* Finds columns whose values look like Stripe's ids, by a sample of each; changes nothing. */
enum status leftovers_discover(struct leftover_scan *s, struct error *e) MUST_USE;

/* Looks at every value of the columns. ST_RETRY: Stripe is away, or goes_on said no.
 * ST_REFUSED: the key is refused. */
enum status leftovers_look(struct leftover_scan *s, struct error *e) MUST_USE;
/* Is this kind one that does not belong here? With `unknown`, what nobody knows counts, too. */
bool leftover_is_foreign(enum leftover_kind k, bool unknown);

/* Rows of other tables that refer to rows with a leftover. */
struct leftover_dependent {
    const struct app_link *link;
    int64_t rows;
};
enum status leftovers_dependents(struct leftover_scan *s, const struct leftover_column *c,
                                 bool unknown, struct leftover_dependent *out, size_t room,
                                 size_t *n, struct error *e) MUST_USE;

/* The SQL that mends it, one statement a line, in one transaction; "" when nothing is to be mended.
 * What can only be mended by hand stands in it as a comment. */
void leftovers_sql(const struct leftover_scan *s, bool unknown, struct buf *out);

struct leftover_mended {
    int64_t run, emptied, removed;
};
/* The same at once, in one transaction; the old values are kept in the application's database, in
 * table brindle_leftovers. `run` names them. ST_CONFLICT: a constraint is in the way; nothing was
 * changed. */
enum status leftovers_apply(struct leftover_scan *s, bool unknown, int64_t run,
                            struct leftover_mended *out, struct error *e) MUST_USE;
/* Puts back what the latest mending took, where nothing has come in its place since; in one
 * transaction. ST_NONE: there is nothing to put back. */
enum status leftovers_undo(struct database *db, struct leftover_mended *out, int64_t *changed_since,
                           struct error *e) MUST_USE;
