#include "core/outbox.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/plant.h"
#include "core/counters.h"
#include "core/sequence.h"
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

static enum status read_due(struct env *env, struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? tx_run(&tx, STMT_OUTBOX_NEXT, r, a, e, v_account(env),
                                V_INT(KV_ITEMS_MAX - 1)) /* and our mark */
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

/* ---- our mark ----------------------------------------------------------------------------------
 *
 * It names the store and the last put that the server carried out: their numbers come from the
 * store's sequence, the mark is the last item of each put. A server that says less than what was
 * confirmed has lost something: it was emptied, exchanged, or set back to an earlier state. */

static enum status mark_item(struct env *env, int64_t made, int64_t put, struct kv_item *out,
                             struct arena *a, struct error *e)
{
    *out = (struct kv_item){ .key = key_of(env, "brindle", S(""), a),
                             .value = arena_printf(
                                 a, "{\"account\":\"%s\",\"store\":%lld,\"put\":%lld}",
                                 env->identity.account, (long long)made, (long long)put) };
    return out->key.p && out->value.p ? ST_OK : fail(e, ST_LIMIT, "out of memory");
}

/* When the store was made: what tells it from any other. */
static enum status read_made(struct tx *tx, int64_t *made, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run0(tx, STMT_ENVIRONMENT_MADE, &r, a, e);

    if (st == ST_OK && !r.n_rows)
        return fail(e, ST_RETRY, "the store is not adopted yet");
    if (st == ST_OK)
        *made = row_int(&r, 0, 0);
    return st;
}

/* The number of the put that begins, on disk before anything leaves, and the mark with it. */
static enum status begin_put(struct env *env, int64_t *put, struct kv_item *mark, struct arena *a,
                             struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t made = 0;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = read_made(&tx, &made, a, e);
    if (st == ST_OK)
        st = sequence_draw(&tx, 1, put, a, e);
    if (st == ST_OK)
        st = counter_set(&tx, COUNTER_OUTBOX_BEGUN, *put, a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    return st == ST_OK ? mark_item(env, made, *put, mark, a, e) : st;
}

/* The server has carried it out. `*held`: nobody else has begun one since, so that its mark says
 * what this one brought; else whoever began later, or the next round, will tell. */
static enum status end_put(struct env *env, struct tx *tx, int64_t put, bool *held, struct arena *a,
                           struct error *e)
{
    int64_t begun = 0;
    enum status st = tx_begin(tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = counter_add(tx, COUNTER_OUTBOX_BEGUN, 0, &begun, a, e);
    *held = st == ST_OK && begun == put;
    return *held ? counter_set(tx, COUNTER_OUTBOX_HELD, put, a, e) : st;
}

static enum status note_rows(struct env *env, struct tx *tx, const struct rows *r, size_t n,
                             struct arena *a, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = tx_run(tx, STMT_OUTBOX_DONE, NULL, a, e, V_INT(row_int(r, i, 2)),
                    V_STR(row_str(r, i, 0)), v_account(env));
    return st;
}

static enum status note_delivered(struct env *env, const struct rows *r, size_t n, int64_t put,
                                  struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    bool held;
    enum status st = end_put(env, &tx, put, &held, &a, e);

    if (st == ST_OK && held)
        st = note_rows(env, &tx, r, n, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* For the planted bug alone. */
static enum status note_early(struct env *env, const struct rows *r, size_t n, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = note_rows(env, &tx, r, n, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* ---- delivery ----------------------------------------------------------------------------------
 */

static enum status put_states(struct env *env, const struct rows *r, struct kv_item *item, size_t n,
                              struct arena *a, struct error *e)
{
    int64_t put = 0;
    enum status st = begin_put(env, &put, &item[n], a, e);

    if (st == ST_OK && planted(PLANT_OUTBOX_EARLY))
        st = note_early(env, r, n, e);
    if (st == ST_OK)
        st = kv_of(env)->ops->put(kv_of(env), item, n + 1, e);
    return st == ST_OK ? note_delivered(env, r, n, put, e) : st;
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
    return st == ST_OK && *n ? put_states(env, &r, item, *n, &a, e) : st;
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

/* What the server must say at least. */
static enum status read_held(struct env *env, int64_t *made, int64_t *held, struct arena *a,
                             struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = read_made(&tx, made, a, e);
    return st == ST_OK ? counter_get(&tx, COUNTER_OUTBOX_HELD, held, a, e) : st;
}

static bool holds_all(const struct env *env, str mark, int64_t made, int64_t held, struct arena *a)
{
    int64_t store = 0, put = 0;

    return json_valid(mark) && str_eqz(json_text(mark, S("account"), a), env->identity.account) &&
           json_int(mark, S("store"), &store) && store == made && json_int(mark, S("put"), &put) &&
           put >= held;
}

static enum status put_mark(struct env *env, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct kv_item mark;
    int64_t put = 0;
    bool held;
    enum status st = begin_put(env, &put, &mark, a, e);

    if (st == ST_OK)
        st = kv_of(env)->ops->put(kv_of(env), &mark, 1, e);
    if (st == ST_OK)
        st = end_put(env, &tx, put, &held, a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status outbox_check(struct env *env, struct error *e)
{
    ARENA(a, 1 << 20);
    str found = { 0 };
    int64_t made = 0, held = 0;

    if (!outbox_has_server(env))
        return ST_NONE;
    enum status st = read_held(env, &made, &held, &a, e);
    if (st != ST_OK)
        return st;
    st = kv_of(env)->ops->get(kv_of(env), key_of(env, "brindle", S(""), &a), &found, &a, e);
    if (st == ST_OK && holds_all(env, found, made, held, &a))
        return ST_OK;
    if (st == ST_OK || st == ST_NONE)
        st = outbox_rebuild(env, e);
    return st == ST_OK ? put_mark(env, &a, e) : st;
}
