/* store.h - the mirror's database, as a seam.
 *
 * SQL is data: each statement is a file in src/sql/, named by `enum stmt` (generated). A WRITE
 * transaction queues for the writer and its commit returns after the fsync that it may share with
 * others. Between begin(WRITE) and commit nothing but tx_run is called: no Stripe, no sleep. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "world/statements.h" /* generated: enum stmt, STMT_COUNT, struct stmt_info stmt_table[] */

enum value_type { VAL_NULL, VAL_INT, VAL_TEXT };

struct value {
    enum value_type type;
    int64_t i;
    str s;
};

#define V_NULL ((struct value){ .type = VAL_NULL })
#define V_INT(x) ((struct value){ .type = VAL_INT, .i = (x) })
#define V_STR(x) ((struct value){ .type = VAL_TEXT, .s = (x) }) /* {NULL, 0} is the empty text */

/* What a statement answered: n_rows * n_cols cells, row by row, texts included, in the caller's
 * arena. A text cell is NUL-terminated behind its last byte. */
struct rows {
    size_t n_rows, n_cols;
    int64_t n_changed; /* rows that an insert, update or delete touched */
    struct value *cell;
};

static inline const struct value *row_cell(const struct rows *r, size_t row, size_t col)
{
    assert(row < r->n_rows && col < r->n_cols);
    return &r->cell[row * r->n_cols + col];
}

static inline int64_t row_int(const struct rows *r, size_t row, size_t col) /* NULL gives 0 */
{
    return row_cell(r, row, col)->i;
}

static inline str row_str(const struct rows *r, size_t row, size_t col) /* NULL gives {NULL, 0} */
{
    return row_cell(r, row, col)->s;
}

enum tx_mode { TX_READ, TX_WRITE };

enum {
    ROWS_MAX = 4096,    /* rows that one run may answer; page with a key beyond */
    TX_ROWS_MAX = 20000, /* rows that one write transaction may change: against a loop gone wild.
                             Who has many objects to write works in pieces of far less */
};

struct store {
    const struct store_ops *ops;
};

/* One transaction. Zero is a valid "none"; `impl` belongs to the backend. */
struct tx {
    struct store *store;
    void *impl;
    enum tx_mode mode;
    unsigned n_runs; /* statements so far, for those who work in pieces */
    int64_t *later; /* tx_run_later: where the next run's n_changed goes; crowded stores alone */
};

struct store_ops {
    const char *name;
    const char *dialect; /* "sqlite" or "pg": which statements and views it takes */
    /* Write transactions run beside each other: then one may meet another (ST_RETRY from run or
     * commit), and is to be tried anew. Such a store also takes `tx.later`, and has `settle`. */
    bool crowded;
    /* ST_RETRY: busy or away; later. ST_REFUSED: this store was opened for reading only, or is
     * closing. ST_LIMIT: the disk is full. ST_BROKEN: damaged; stop the process. */
    enum status (*begin)(struct store *, enum tx_mode, struct tx *, struct error *) MUST_USE;
    /* Leaves `rows` untouched on failure. Keeps nothing but a count of rows when the arena is NULL.
     * `rows` NULL: nobody waits for the answer; in a WRITE transaction a failure may then be told
     * by a later run or by commit.
     * A failure in a WRITE transaction dooms it: what follows, commit too, answers the same.
     * ST_CONFLICT: a constraint. ST_LIMIT: ROWS_MAX, TX_ROWS_MAX, the arena, the disk. */
    enum status (*run)(struct tx *, enum stmt, const struct value *args, size_t n_args,
                       struct rows *, struct arena *, struct error *) MUST_USE;
    /* Waits for the answers to all that was run. NULL unless the store is crowded. */
    enum status (*settle)(struct tx *, struct error *) MUST_USE;
    /* Ends the transaction whatever it answers. ST_RETRY is ambiguous: the transaction may have
     * been kept. Any other failure: it was not kept. */
    enum status (*commit)(struct tx *, struct error *) MUST_USE;
    void (*rollback)(struct tx *); /* harmless on a transaction that has ended */
    /* Runs several statements in one write transaction of its own: migrations and views alone. */
    enum status (*script)(struct store *, str sql, struct error *) MUST_USE;
    /* What was deleted or overwritten before this call cannot be read from the database's files
     * any more, as far as the store can see to that. Takes long, and room for a copy.
     * ST_RETRY: a reader holds on to former pages; nothing else is lost. */
    enum status (*scrub)(struct store *, struct error *) MUST_USE;
    void (*close)(struct store *);
};
