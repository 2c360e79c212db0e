#include "core/counters.h"

const char *counter_of(const struct env *env, const char *name, struct arena *a)
{
    return env->root ? arena_printf(a, "%s:%s", name, env->identity.account).p : name;
}

enum status counter_get(struct tx *tx, const char *name, int64_t *out, struct arena *a,
                        struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_COUNTER_GET, &r, a, e, V_STR(str_of(name)));

    if (st == ST_OK)
        *out = r.n_rows ? row_int(&r, 0, 0) : 0;
    return st;
}

enum status counter_set(struct tx *tx, const char *name, int64_t value, struct arena *a,
                        struct error *e)
{
    return tx_run(tx, STMT_COUNTER_SET, NULL, a, e, V_STR(str_of(name)), V_INT(value));
}

enum status counter_add(struct tx *tx, const char *name, int64_t value, int64_t *out,
                        struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_COUNTER_ADD, &r, a, e, V_STR(str_of(name)), V_INT(value));

    if (st == ST_OK && out)
        *out = row_int(&r, 0, 0);
    return st;
}
