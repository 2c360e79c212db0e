#include "core/outbox.h"

#include "base/buf.h"
#include "base/json.h"
#include "core/state.h"

#include <string.h>

enum {
    OUTBOX_BYTES_MAX = 64 << 20,
    BATCH_BYTES_MAX = 8 << 20, /* of values in one put */
    REBUILD_PIECE = 1000,
};

static struct kv *kv_of(const struct env *env)
{
    return env->world->kv;
}

bool outbox_has_server(const struct env *env)
{
    return strcmp(kv_of(env)->ops->name, "none") != 0;
}

static str key_of(const struct env *env, const char *kind, str id, struct arena *a)
{
    return arena_printf(a, "%s%s%.*s", env->kv_prefix, kind, STR_ARG(id));
}

/* ---- delivery ----------------------------------------------------------------------------------
 */

static enum status read_due(struct env *env, struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? tx_run(&tx, STMT_OUTBOX_NEXT, r, a, e, v_account(env), V_INT(KV_ITEMS_MAX))
                       : st;
}

static enum status make_item(struct env *env, const struct rows *r, size_t i, struct kv_item *item,
                             struct arena *a, struct error *e)
{
    BUF(b, BATCH_BYTES_MAX);

    state_print_stored(row_str(r, i, 1), row_int(r, i, 2), clock_wall(env->world->clock), &b);
    *item = (struct kv_item){ .key = key_of(env, "customer:", row_str(r, i, 0), a),
                              .value = arena_copy(a, buf_str(&b)),
                              .revision = row_int(r, i, 2) };
    if (b.failed || !item->value.p || !item->key.p)
        return fail(e, ST_LIMIT, "the state of customer %.*s is too large to be delivered",
                    STR_ARG(row_str(r, i, 0)));
    return ST_OK;
}

static enum status note_delivered(struct env *env, const struct rows *r, size_t n, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = tx_run(&tx, STMT_OUTBOX_DONE, NULL, &a, e, V_INT(row_int(r, i, 2)),
                    V_STR(row_str(r, i, 0)), v_account(env));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status outbox_deliver(struct env *env, size_t *n, struct error *e)
{
    ARENA(a, OUTBOX_BYTES_MAX);
    struct kv_item item[KV_ITEMS_MAX];
    struct rows r;
    size_t bytes = 0;

    *n = 0;
    if (!outbox_has_server(env))
        return ST_NONE;
    enum status st = read_due(env, &r, &a, e);
    for (size_t i = 0; st == ST_OK && i < r.n_rows && bytes < BATCH_BYTES_MAX; i++) {
        st = make_item(env, &r, i, &item[i], &a, e);
        bytes += item[i].value.n;
        *n = i + 1;
    }
    if (st == ST_OK && *n)
        st = kv_of(env)->ops->put(kv_of(env), item, *n, e);
    return st == ST_OK && *n ? note_delivered(env, &r, *n, e) : st;
}

/* ---- everything again --------------------------------------------------------------------------
 */

static enum status rebuild_piece(struct env *env, char after[256], bool *more, struct error *e)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OUTBOX_PAGE, &r, &a, e, V_STR(str_of(after)), v_account(env),
                    V_INT(REBUILD_PIECE));
    if (st != ST_OK || !r.n_rows) {
        *more = false;
        return st;
    }
    str last = row_str(&r, r.n_rows - 1, 0);
    st = tx_run(&tx, STMT_OUTBOX_AGAIN, NULL, &a, e, V_STR(str_of(after)), V_STR(last),
                v_account(env));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    *more = r.n_rows == REBUILD_PIECE && last.n < 256;
    if (last.n < 256) {
        memcpy(after, last.p, last.n);
        after[last.n] = '\0';
    }
    return st;
}

enum status outbox_rebuild(struct env *env, struct error *e)
{
    char after[256] = "";
    bool more = true;
    enum status st = ST_OK;

    while (st == ST_OK && more)
        st = rebuild_piece(env, after, &more, e);
    return st;
}

/* Our mark: whose values the server holds. */
static enum status make_mark(struct env *env, str *mark, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_ENVIRONMENT_MADE, &r, a, e);
    if (st == ST_OK && !r.n_rows)
        st = fail(e, ST_RETRY, "the store is not adopted yet");
    if (st == ST_OK)
        *mark = arena_printf(a, "{\"account\":\"%s\",\"store\":%lld}", env->identity.account,
                             (long long)row_int(&r, 0, 0));
    return st;
}

enum status outbox_check(struct env *env, struct error *e)
{
    ARENA(a, 1 << 20);
    str mark = { 0 }, found = { 0 };

    if (!outbox_has_server(env))
        return ST_NONE;
    str key = key_of(env, "brindle", S(""), &a);
    enum status st = make_mark(env, &mark, &a, e);
    if (st != ST_OK)
        return st;
    st = kv_of(env)->ops->get(kv_of(env), key, &found, &a, e);
    if (st == ST_OK && str_eq(found, mark))
        return ST_OK;
    if (st == ST_OK || st == ST_NONE)
        st = outbox_rebuild(env, e);
    const struct kv_item item = { key, mark, 0 };
    return st == ST_OK ? kv_of(env)->ops->put(kv_of(env), &item, 1, e) : st;
}
