#include "world/tx.h"

/* One write transaction at a time on a thread, and nothing else meanwhile. */
static _Thread_local unsigned writing;

bool tx_writing(void)
{
    return writing != 0;
}

unsigned tx_writing_swap(unsigned mine)
{
    unsigned theirs = writing;

    writing = mine;
    return theirs;
}

enum status tx_begin(struct tx *tx, struct store *s, enum tx_mode mode, struct error *e)
{
    assert(!tx->store);
    assert(mode == TX_READ || !tx_writing());
    struct tx opened = { 0 };
    enum status st = s->ops->begin(s, mode, &opened, e);
    if (st != ST_OK)
        return st;
    *tx = opened;
    tx->store = s;
    tx->mode = mode;
    if (mode == TX_WRITE)
        writing++;
    return ST_OK;
}

static void ended(struct tx *tx)
{
    if (tx->mode == TX_WRITE) {
        assert(writing);
        writing--;
    }
    *tx = (struct tx){ 0 };
}

enum status tx_commit(struct tx *tx, struct error *e)
{
    assert(tx->store);
    enum status st = tx->store->ops->commit(tx, e);
    ended(tx);
    return st;
}

void tx_end(struct tx *tx)
{
    if (!tx->store)
        return;
    tx->store->ops->rollback(tx);
    ended(tx);
}

enum status tx_run_later(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                         int64_t *changed, struct error *e)
{
    struct rows rows;

    assert(tx->mode == TX_WRITE);
    if (tx->store->ops->crowded) {
        tx->later = changed;
        return tx_run_args(tx, id, args, n_args, NULL, NULL, e);
    }
    enum status st = tx_run_args(tx, id, args, n_args, &rows, NULL, e);
    if (st == ST_OK)
        *changed = rows.n_changed;
    return st;
}

enum status tx_settle(struct tx *tx, struct error *e)
{
    assert(tx->store);
    return tx->store->ops->crowded ? tx->store->ops->settle(tx, e) : ST_OK;
}

enum status tx_run_args(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                        struct rows *rows, struct arena *a, struct error *e)
{
    assert(tx->store);
    tx->n_runs++;
    return tx->store->ops->run(tx, id, args, n_args, rows, a, e);
}
