#include "core/audit.h"

enum { AUDIT_BYTES_MAX = 4 << 20 };

enum status audit_add(struct tx *tx, const struct env *env, const char *what, const char *detail,
                      struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_AUDIT_ADD, NULL, a, e, V_INT(clock_wall(env->world->clock)),
                  V_STR(str_of(what)), V_STR(str_of(detail)));
}

enum status audit_write(struct env *env, size_t limit, struct json_writer *w, struct error *e)
{
    ARENA(a, AUDIT_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    assert(limit <= AUDIT_SHOWN_MAX);
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_AUDIT_LIST, &r, &a, e, V_INT((int64_t)limit));
    if (st != ST_OK)
        return st;
    jw_array(w);
    for (size_t i = 0; i < r.n_rows; i++) {
        jw_object(w);
        jw_key(w, S("at"));
        jw_int(w, row_int(&r, i, 0));
        jw_key(w, S("what"));
        jw_str(w, row_str(&r, i, 1));
        jw_key(w, S("detail"));
        jw_str(w, row_str(&r, i, 2));
        jw_end(w);
    }
    jw_end(w);
    return ST_OK;
}
