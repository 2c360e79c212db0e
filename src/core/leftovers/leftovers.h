/* leftovers.h - ids of another environment in the application's own database: found, told apart,
 * mended and put back.
 *
 * An id is looked for in this mirror, then in those of the other environments,
 * then at Stripe: as the platform, and where Connect is on as connected accounts, too. A plain 404
 * proves nothing: what lived in another account or sandbox, and what was never there, is answered
 * alike [facts: RULES 4.5]. So it stays unknown, and is mended only when somebody asks for that. */
#pragma once

#include "base/buf.h"
#include "core/env.h"
#include "core/leftovers/app_tables.h"

enum leftover_kind {
    LEFTOVER_HERE,          /* alive in this environment */
    LEFTOVER_DELETED,       /* it was of this environment, and is deleted */
    LEFTOVER_OTHER_MODE,    /* of the same account's other mode */
    LEFTOVER_OTHER_ACCOUNT, /* of another account; a connected one while Connect is off */
    LEFTOVER_UNKNOWN,       /* Stripe does not have it here, and nobody can say where it is from */
    LEFTOVER_UNASKED, /* likewise, but Stripe could not be asked as everybody whose it may be */
    LEFTOVER_NO_ID,   /* no id of Stripe's */
    LEFTOVER_KINDS,
};

const char *leftover_kind_name(enum leftover_kind k); /* "here", "deleted", "other_mode", … */

enum {
    LEFTOVER_COLUMNS_MAX = 256,
    LEFTOVER_ENVS_MAX = 16,
    LEFTOVER_WHY_MAX = 400,
    LEFTOVER_KEPT_MAX = 1 << 20,   /* of a column; the rest is counted alone */
    LEFTOVER_WHYS_MAX = 100,       /* of a kind and column, that keep their sentence */
    LEFTOVER_PATH_MAX = 4,         /* links from a table to one whose rows hang on it */
    LEFTOVER_LINK_IDS_MAX = 20000, /* of a column, that dependent rows are counted for */
    LEFTOVER_ACCOUNTS_MAX = 100,   /* connected accounts that are asked for an id in turn */
};

/* One value that does not belong here (of another mode, another account, or unknown), or of which
 * that could not be told (unasked). */
struct leftover {
    str id;
    int64_t rows;
    enum leftover_kind kind;
    const char *why; /* a sentence; "" when there is nothing to say */
};

struct leftover_column {
    const struct app_table *table;
    const struct app_column *column;
    const struct app_column *account; /* of the same row: names the connected account; NULL: none */
    bool whole_row; /* a row with a leftover goes as a whole: "table.column=delete" */
    const struct app_table *heir_of; /* not declared itself, but for this; NULL: itself */
    bool inside; /* ids stand inside documents or lists: told, and mended by hand */
    int64_t ids[LEFTOVER_KINDS], rows[LEFTOVER_KINDS];
    struct leftover *left;
    size_t n_left;
    bool more; /* than LEFTOVER_KEPT_MAX: what is mended now is not all */
};

struct leftover_scan {
    struct database *db;
    struct app_tables tables;
    struct leftover_column column[LEFTOVER_COLUMNS_MAX];
    size_t n_columns;
    size_t n_unread;                      /* columns that discovery may not read */
    struct env *mirror;                   /* of this environment; its identity is known */
    struct env *stripe;                   /* the same, to ask Stripe with; NULL: nobody is asked */
    struct env *other[LEFTOVER_ENVS_MAX]; /* mirrors of other environments, to read */
    size_t n_others;
    bool connect;    /* connected accounts are at home here */
    bool everywhere; /* what is unknown is asked for as each of them, where its row names none */
    struct {
        bool read;   /* what follows was read */
        bool listed; /* their list was once read to its end */
        bool more;   /* there are more than fit */
        str id[LEFTOVER_ACCOUNTS_MAX];
        size_t n;
        int64_t unreachable; /* that the key has lost: nobody asks as those */
    } accounts;
    int64_t asked;                             /* requests */
    int64_t ids_asked, ids_named, ids_in_turn; /* as the platform, as the row's account, as each */
    size_t n_looked;                           /* columns, looked at to their end */
    /* Between ids and before each piece; false: stop. */
    bool (*goes_on)(void *ctx, const struct leftover_scan *s);
    void *ctx;
    struct arena *a;
};

/* Reads which columns are meant: "accounts.stripe_account_id, stripe_customers.customer_id=delete,
 * orders.payload=inside"; lines separate as commas do. Names with other characters than letters,
 * digits, _, $ and - stand in double quotes, as in SQL. Tables that inherit from one that is named
 * are taken alike, unless they or one between are named, too.
 * ST_INVALID: no such table or column, named with what there is; or it holds no texts.
 * ST_REFUSED: it may not be read. */
enum status leftovers_declare(struct leftover_scan *s, str columns, struct error *e) MUST_USE;
/* Finds columns whose values look like Stripe's ids, by a sample of each; changes nothing. */
enum status leftovers_discover(struct leftover_scan *s, struct error *e) MUST_USE;
/* A column as leftovers_declare takes it. {NULL, 0}: its name holds a line break, and cannot be
 * written. */
str leftovers_name(const struct leftover_column *c, struct arena *a);

/* Looks at every value of the columns, in pieces, each in a transaction of its own that can write
 * nothing. A declared column of the same table that holds accounts' ids names the connected account
 * of its rows. ST_RETRY: Stripe is away, or goes_on said no. ST_REFUSED: the key is refused; or
 * each connected account should be asked, and nobody knows which there are. */
enum status leftovers_look(struct leftover_scan *s, struct error *e) MUST_USE;
/* Is this kind one that does not belong here? With `unknown`, what nobody knows counts, too. */
bool leftover_is_foreign(enum leftover_kind k, bool unknown);
/* What keeps us from mending this column; "" when nothing does. A part of a sentence. */
const char *leftovers_why_not(const struct leftover_column *c);

/* Rows of other tables that refer to rows with a leftover, or to rows that do: path[0] leads to the
 * column's table, path[i] to the table of path[i - 1]. */
struct leftover_dependent {
    const struct app_link *path[LEFTOVER_PATH_MAX];
    size_t depth;
    int64_t rows;
    bool at_least; /* only LEFTOVER_LINK_IDS_MAX ids were looked at */
};
enum status leftovers_dependents(struct leftover_scan *s, const struct leftover_column *c,
                                 bool unknown, struct leftover_dependent *out, size_t room,
                                 size_t *n, struct error *e) MUST_USE;

/* The SQL that mends it, one statement a line, in one transaction; "" when nothing is to be mended.
 * What can only be mended by hand stands in it as a comment. */
void leftovers_sql(const struct leftover_scan *s, bool unknown, struct buf *out);

struct leftover_mended {
    int64_t run; /* larger than that of any before; usually the time */
    int64_t emptied, removed;
    /* leftovers_undo: not put back, for something else stands there now, or their place is gone;
     * and those that the database refused, the first one in its own words. */
    int64_t changed_since, refused;
    char why[ERROR_TEXT_MAX];
};
/* The same at once, in one transaction; the old values are kept in the application's database, in
 * table brindle_leftovers, under the mirror's environment. `now`: the wall clock. ST_CONFLICT: a
 * constraint is in the way, or somebody writes the same there. ST_LIMIT: a row is too large to be
 * put back. ST_INVALID: that table is of another version. ST_RETRY: it is away or locked. Whatever
 * fails, nothing was changed, unless the sentence says that nobody knows. */
enum status leftovers_apply(struct leftover_scan *s, bool unknown, int64_t now,
                            struct leftover_mended *out, struct error *e) MUST_USE;
/* Puts back what the latest mending for the environment of this name took, where nothing has come
 * in its place since; in one transaction. What cannot come back stays in brindle_leftovers, its
 * outcome 'changed_since'; what the database refuses stays there to be tried again. ST_NONE: there
 * is nothing to put back. ST_CONFLICT: a trigger is in the way, or some was refused and none put
 * back. Otherwise as leftovers_apply. */
enum status leftovers_undo(struct database *db, const char *env, struct leftover_mended *out,
                           struct error *e) MUST_USE;

/* ---- for leftovers_*.c ---- */

struct leftover_value {
    str id;
    str account[2]; /* which the rows name; "": none */
    bool more;      /* they name more than two */
};
struct leftover_verdict {
    enum leftover_kind kind;
    char why[LEFTOVER_WHY_MAX];
};
/* "cus_" and the like, of the table of resources, and enough behind it. */
bool leftovers_is_id(str v);
/* Statuses as leftovers_look. */
enum status leftovers_judge(struct leftover_scan *s, const struct leftover_value *in,
                            struct leftover_verdict *v, struct error *e) MUST_USE;
/* ST_REFUSED: as leftovers_look. */
enum status leftovers_whom_to_ask(struct leftover_scan *s, struct error *e) MUST_USE;

/* '…' with the quotes in it doubled. */
void leftovers_literal(struct buf *out, str v);
/* From `*at` on, up to 500 ids that are foreign as a JSON array; {NULL, 0}: there are no more. */
str leftovers_ids(const struct leftover_column *c, bool unknown, size_t *at, struct arena *a);
/* An SQL expression: a column is one of the ids of argument $`n`, such an array. */
str leftovers_among(bool pg, str column, unsigned n, struct arena *a);
