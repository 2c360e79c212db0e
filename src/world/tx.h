/* tx.h - a transaction that rolls back unless it was committed.
 *
 *     CLEANUP(tx_end) struct tx tx = { 0 };
 *     enum status st = tx_begin(&tx, w->store, TX_WRITE, e);
 *     …
 *     return tx_commit(&tx, e);
 */
#pragma once

#include "world/store.h"

enum status tx_begin(struct tx *tx, struct store *s, enum tx_mode mode, struct error *e) MUST_USE;
enum status tx_commit(struct tx *tx, struct error *e) MUST_USE;
void tx_end(struct tx *tx); /* rolls back what is still open */

/* Runs one statement. `rows` may be NULL when its answer does not matter: then a failure may show
 * as late as in tx_commit. */
enum status tx_run_args(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                        struct rows *rows, struct arena *a, struct error *e) MUST_USE;

/* tx_run(&tx, STMT_DUE_MARK, &rows, &arena, e, V_STR(type), V_STR(id)) */
#define tx_run(tx, id, rows, arena, e, ...)                                                   \
    tx_run_args((tx), (id), (const struct value[]){ __VA_ARGS__ },                            \
                sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value), (rows), \
                (arena), (e))
#define tx_run0(tx, id, rows, arena, e) tx_run_args((tx), (id), NULL, 0, (rows), (arena), (e))

/* Runs one statement of a WRITE transaction; how many rows it changed is in `*changed` after
 * tx_settle, so that many such statements can travel together. `changed` lives until then. */
enum status tx_run_later(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                         int64_t *changed, struct error *e) MUST_USE;
enum status tx_settle(struct tx *tx, struct error *e) MUST_USE;

/* For planted bugs (base/plant.h): `st` was a part of what is one transaction, and becomes one of
 * its own. */
static inline enum status tx_split(struct tx *tx, enum status st, struct error *e)
{
    struct store *s = tx->store;

    if (st == ST_OK)
        st = tx_commit(tx, e);
    return st == ST_OK ? tx_begin(tx, s, TX_WRITE, e) : st;
}

enum { TX_ATTEMPTS = 5 };

/* A transaction ended so; is it worth the same once more, at once? `attempt` counts from 1. */
static inline bool tx_again(const struct store *s, enum status st, unsigned attempt)
{
    return st == ST_RETRY && s->ops->crowded && attempt < TX_ATTEMPTS;
}

/* True between begin(WRITE) and its end, on this thread of activity: what must not happen inside a
 * write transaction asserts that it is false. */
bool tx_writing(void);

/* For whoever runs several activities on one thread by turns: what this one has is given back,
 * and `mine`, which was taken from another one in the same way, holds from now on. */
unsigned tx_writing_swap(unsigned mine);
