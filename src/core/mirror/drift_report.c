/* What the latest check of a type found, for people. */
#include "base/json.h"
#include "core/mirror/drift_check.h"

#include <stdio.h>

enum { PIECE = 200 };

static str state_of(const struct rows *r, size_t i, struct drift_counts *n)
{
    n->found++;
    if (!row_int(r, i, 4) || row_cell(r, i, 5)->type == VAL_NULL)
        return S("found");
    if (row_int(r, i, 6) >= row_int(r, i, 5)) {
        n->mended++;
        return S("mended");
    }
    n->failed += row_int(r, i, 7) != 0;
    return row_int(r, i, 7) ? S("failed") : S("pending");
}

static void write_difference(const struct rows *r, size_t i, const struct resource *res,
                             struct drift_counts *n, struct buf *out)
{
    struct json_writer w = { .b = out };
    str rest = row_str(r, i, 2), field;

    jw_object(&w);
    jw_put_str(&w, "type", str_of(res->type));
    jw_put_str(&w, "id", row_str(r, i, 0));
    jw_put_str(&w, "what", row_str(r, i, 1));
    jw_key(&w, S("fields"));
    jw_array(&w);
    while (rest.n) {
        rest = str_cut(rest, ',', &field);
        jw_str(&w, field);
    }
    jw_end(&w);
    jw_put_int(&w, "found_at", row_int(r, i, 3));
    jw_key(&w, S("state"));
    str state = state_of(r, i, n);
    jw_str(&w, state);
    if (str_eqz(state, "failed")) {
        jw_put_str(&w, "error", row_str(r, i, 8));
    }
    jw_end(&w);
    buf_char(out, '\n');
}

static enum status count_hidden(struct env *env, const struct resource *r,
                                struct drift_counts *counts, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows rows;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECTS_HIDDEN, &rows, &a, e, V_STR(str_of(r->type)),
                    drift_account(env));
    if (st == ST_OK)
        counts->hidden += row_int(&rows, 0, 0);
    return st;
}

enum status drift_report(struct env *env, const struct resource *r, struct buf *out,
                         struct drift_counts *counts, struct error *e)
{
    char after[DRIFT_ID_MAX + 1] = "";
    size_t n = PIECE;

    while (n == PIECE) {
        ARENA(a, DRIFT_SMALL_BYTES);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows rows;
        enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_DRIFT_PAGE, &rows, &a, e, V_STR(str_of(r->type)),
                        drift_account(env), V_STR(str_of(after)), V_INT(PIECE));
        if (st != ST_OK)
            return st;
        n = rows.n_rows;
        for (size_t i = 0; i < n; i++)
            write_difference(&rows, i, r, counts, out);
        if (n)
            snprintf(after, sizeof after, "%.*s", STR_ARG(row_str(&rows, n - 1, 0)));
    }
    if (out->failed)
        return fail(e, ST_LIMIT, "the differences do not fit into one answer: name a type");
    return count_hidden(env, r, counts, e);
}
