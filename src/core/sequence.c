#include "core/sequence.h"

enum status sequence_draw(struct tx *tx, int64_t n, int64_t *last, struct arena *a, struct error *e)
{
    struct rows rows;

    assert(n > 0);
    enum status st = tx_run(tx, STMT_SEQUENCE_NEXT, &rows, a, e, V_INT(n));
    if (st != ST_OK)
        return st;
    if (rows.n_rows != 1)
        return fail(e, ST_BROKEN,
                    "the store has no sequence: it was never made an environment's own");
    *last = row_int(&rows, 0, 0);
    return ST_OK;
}

enum status sequence_raise(struct tx *tx, int64_t beyond, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_SEQUENCE_RAISE, NULL, a, e, V_INT(beyond));
}

enum status sequence_take(struct tx *tx, struct sequence_pool *pool, int64_t *out, struct arena *a,
                          struct error *e)
{
    if (!pool)
        return sequence_draw(tx, 1, out, a, e);
    if (pool->next == pool->end) {
        int64_t last;
        enum status st = sequence_draw(tx, SEQUENCE_POOL, &last, a, e);
        if (st != ST_OK)
            return st;
        *pool = (struct sequence_pool){ .next = last - SEQUENCE_POOL + 1, .end = last + 1 };
    }
    *out = pool->next++;
    return ST_OK;
}
