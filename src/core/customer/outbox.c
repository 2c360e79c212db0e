#include "core/customer/outbox.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/plant.h"
#include "core/counters.h"
#include "core/customer/state.h"
#include "core/environment/acting.h"
#include "core/sequence.h"

#include <stdio.h>
#include <string.h>

enum {
    OUTBOX_BYTES_MAX = 64 << 20,
    BATCH_BYTES_MAX = 8 << 20, /* of values in one put */
    CUSTOMER_ID_MAX = 255,
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

static bool is_of_user(const struct rows *r, size_t i)
{
    return row_int(r, i, 3) != 0;
}

/* A user who was forgotten: the pair is removed, then the row (user_forget). */
static bool is_forgotten(const struct rows *r, size_t i)
{
    return row_int(r, i, 3) == 2;
}

/* A connected account's keys carry its id, as its environment's prefix does (acting.c). */
static str key_of_row(struct env *env, const struct rows *r, size_t i, struct arena *a)
{
    const char *kind = is_of_user(r, i) ? "user:" : "customer:";
    str account = row_str(r, i, 4);
    struct acting act;

    if (env->root || str_eqz(account, env->identity.account) || account.n > ACCOUNT_ID_MAX)
        return key_of(env, kind, row_str(r, i, 0), a);
    acting_init(&act, env, account);
    return key_of(&act.env, kind, row_str(r, i, 0), a);
}

static enum status read_due(struct env *env, struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    msec grace = env->world->store->ops->crowded ? OUTBOX_GRACE_MS : 0;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK
               ? tx_run(&tx, STMT_OUTBOX_NEXT, r, a, e, V_INT(KV_ITEMS_MAX - 1), /* and our mark */
                        V_INT(clock_wall(env->world->clock) - grace))
               : st;
}

static void print_user(str customer, int64_t revision, struct buf *out)
{
    struct json_writer w = { .b = out };

    jw_object(&w);
    jw_put_str(&w, "customerId", customer.n ? customer : (str){ 0 });
    jw_put_int(&w, "revision", revision);
    jw_end(&w);
}

static enum status make_item(struct env *env, const struct rows *r, size_t i, struct kv_item *item,
                             struct arena *a, struct error *e)
{
    BUF(b, BATCH_BYTES_MAX);
    bool removed = is_forgotten(r, i);

    if (is_of_user(r, i) && !removed)
        print_user(row_str(r, i, 1), row_int(r, i, 2), &b);
    else if (!removed)
        state_print_stored(row_str(r, i, 1), row_int(r, i, 2), clock_wall(env->world->clock), &b);
    *item = (struct kv_item){ .key = key_of_row(env, r, i, a),
                              .value = arena_copy(a, buf_str(&b)),
                              .revision = row_int(r, i, 2) };
    if (b.failed || (!item->value.p && !removed) || !item->key.p)
        return fail(e, ST_LIMIT, "the state of %.*s is too large to be delivered",
                    STR_ARG(row_str(r, i, 0)));
    return ST_OK;
}

/* ---- our mark ----------------------------------------------------------------------------------
 *
 * It names the store and the last put that the server carried out: their numbers come from the
 * store's sequence, the mark is the last item of each put. A server that says less than what was
 * confirmed has lost something: it was emptied, exchanged, or set back to an earlier state. One
 * that says more than was ever begun knows a later state of this store, which was set back itself.
 */

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

static enum status note_rows(struct tx *tx, const struct rows *r, size_t n, struct arena *a,
                             struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < n; i++) {
        if (is_forgotten(r, i)) {
            st = tx_run(tx, STMT_USER_GONE, NULL, a, e, V_STR(row_str(r, i, 0)),
                        V_STR(row_str(r, i, 4)), V_INT(row_int(r, i, 2)));
            continue;
        }
        st = tx_run(tx, is_of_user(r, i) ? STMT_OUTBOX_DONE_USER : STMT_OUTBOX_DONE, NULL, a, e,
                    V_INT(row_int(r, i, 2)), V_STR(row_str(r, i, 0)), V_STR(row_str(r, i, 4)));
    }
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
        st = note_rows(&tx, r, n, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* For the planted bug alone. */
static enum status note_early(struct env *env, const struct rows *r, size_t n, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = note_rows(&tx, r, n, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* The number of a put is on the disk before that leaves. */
enum status outbox_ever(struct tx *tx, const struct env *env, bool *ever, struct arena *a,
                        struct error *e)
{
    int64_t begun = 0;
    enum status st = counter_get(tx, COUNTER_OUTBOX_BEGUN, &begun, a, e);

    if (st == ST_OK)
        *ever = outbox_has_server(env) || begun != 0;
    return st;
}

enum status outbox_never(struct env *env, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = counter_set(&tx, COUNTER_OUTBOX_BEGUN, 0, &a, e);
    if (st == ST_OK)
        st = counter_set(&tx, COUNTER_OUTBOX_HELD, 0, &a, e);
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

enum status outbox_count(struct tx *tx, const struct env *env, struct rows *r, struct arena *a,
                         struct error *e)
{
    return tx_run(tx, STMT_OUTBOX_COUNT, r, a, e, env->root ? v_account(env) : V_STR(S("")));
}

enum status outbox_waiting(struct env *env, int64_t *n, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = outbox_count(&tx, env, &r, &a, e);
    if (st == ST_OK)
        *n = row_int(&r, 0, 0);
    return st;
}

/* ---- everything again --------------------------------------------------------------------------
 */

/* One look through the customers, or the users, in the order of their ids. */
struct round {
    struct env *env;
    enum stmt page, renew;
    char after[CUSTOMER_ID_MAX + 1];
    bool more, whole; /* whole: values are made of the objects again */
    int64_t states;
};

static enum status renew_one(struct round *w, struct tx *tx, str customer,
                             struct sequence_pool *pool, struct arena *a, struct error *e)
{
    int64_t revision;

    if (w->whole)
        return state_renew(tx, w->env, customer, pool, e);
    enum status st = sequence_take(tx, pool, &revision, a, e);
    return st == ST_OK ? tx_run(tx, w->renew, NULL, a, e, V_INT(revision), V_STR(customer),
                                v_account(w->env))
                       : st;
}

static enum status renew_piece(struct round *w, struct error *e)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    const size_t piece = w->whole ? OUTBOX_PIECE : OUTBOX_PIECE_NUMBERS;
    struct rows r;
    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, w->page, &r, &a, e, V_STR(str_of(w->after)), v_account(w->env),
                    V_INT((int64_t)piece));
    w->more = st == ST_OK && r.n_rows == piece;
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = renew_one(w, &tx, row_str(&r, i, 0), &pool, &a, e);
    if (st != ST_OK || !r.n_rows)
        return st;
    str last = row_str(&r, r.n_rows - 1, 0);
    if (last.n > CUSTOMER_ID_MAX)
        return fail(e, ST_LIMIT, "an id is longer than %d bytes", CUSTOMER_ID_MAX);
    st = tx_commit(&tx, e);
    if (st == ST_OK) {
        snprintf(w->after, sizeof w->after, "%.*s", STR_ARG(last));
        w->states += (int64_t)r.n_rows;
    }
    return st;
}

/* Somebody else had to do with the same rows: once more. */
static enum status renew_piece_anew(struct round *w, struct error *e)
{
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        enum status st = renew_piece(w, e);
        if (!tx_again(w->env->world->store, st, attempt))
            return st;
    }
}

static enum status renew_users(struct env *env, struct error *e)
{
    struct round w = {
        .env = env, .page = STMT_OUTBOX_PAGE_USERS, .renew = STMT_OUTBOX_RENEW_USER, .more = true
    };
    enum status st = ST_OK;

    while (st == ST_OK && w.more && !env_stopping(env))
        st = renew_piece_anew(&w, e);
    return st == ST_OK && w.more ? fail(e, ST_RETRY, "%s is stopping", env->name) : st;
}

static enum status raise_sequence(struct env *env, int64_t beyond, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t now_us = clock_wall(env->world->clock) * 1000;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = sequence_raise(&tx, beyond > now_us ? beyond : now_us, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Of every account what is there, the platform's first. */
struct rebuild {
    bool (*progress)(void *ctx, int64_t states);
    void *ctx;
    int64_t states;
};

static enum status rebuild_one(struct env *env, void *ctx, struct error *e)
{
    struct rebuild *b = ctx;
    struct round w = { .env = env, .page = STMT_OUTBOX_PAGE, .whole = true, .more = true };
    int64_t before = b->states;
    enum status st = ST_OK;

    while (st == ST_OK && w.more && !env_stopping(env)) {
        st = renew_piece_anew(&w, e);
        b->states = before + w.states;
        if (st == ST_OK && b->progress && !b->progress(b->ctx, b->states))
            return fail(e, ST_RETRY, "nobody listens any more; the rest is as it was");
    }
    if (st == ST_OK && w.more)
        return fail(e, ST_RETRY, "%s is stopping; the rest is as it was", env->name);
    return st == ST_OK ? renew_users(env, e) : st;
}

enum status outbox_rebuild(struct env *env, bool (*progress)(void *ctx, int64_t states), void *ctx,
                           int64_t *states, struct error *e)
{
    struct rebuild b = { progress, ctx, 0 };
    enum status st = raise_sequence(env, 0, e);

    if (st == ST_OK)
        st = rebuild_one(env, &b, e);
    if (st == ST_OK && !env->root)
        st = accounts_all(env, rebuild_one, &b, e);
    *states = b.states;
    return st;
}

/* ---- the check -------------------------------------------------------------------------------
 */

static enum status renew_one_account(struct env *env, void *ctx, struct error *e)
{
    struct round w = {
        .env = env, .page = STMT_OUTBOX_STATES, .renew = STMT_OUTBOX_RENEW, .more = true
    };
    enum status st = ST_OK;

    (void)ctx;
    while (st == ST_OK && w.more && !env_stopping(env))
        st = renew_piece_anew(&w, e);
    if (st == ST_OK && w.more)
        return fail(e, ST_RETRY, "%s is stopping", env->name);
    return st == ST_OK ? renew_users(env, e) : st;
}

/* Every state the store has is new: it goes out again, with a revision beyond all that the server
 * may hold. */
static enum status renew_all(struct env *env, int64_t beyond, struct error *e)
{
    enum status st = raise_sequence(env, beyond, e);

    if (st == ST_OK)
        st = renew_one_account(env, NULL, e);
    return st == ST_OK ? accounts_all(env, renew_one_account, NULL, e) : st;
}

static enum status read_counters(struct env *env, int64_t *made, int64_t *held, int64_t *begun,
                                 struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = read_made(&tx, made, a, e);
    if (st == ST_OK)
        st = counter_get(&tx, COUNTER_OUTBOX_HELD, held, a, e);
    return st == ST_OK ? counter_get(&tx, COUNTER_OUTBOX_BEGUN, begun, a, e) : st;
}

struct mark {
    bool ours;   /* of this account and this very store */
    int64_t put; /* 0: it says none */
};

static enum status read_mark(struct env *env, int64_t made, struct mark *out, struct arena *a,
                             struct error *e)
{
    int64_t store = 0;
    str found = { 0 };
    enum status st =
        kv_of(env)->ops->get(kv_of(env), key_of(env, "brindle", S(""), a), &found, a, e);

    *out = (struct mark){ 0 };
    if (st == ST_NONE)
        return ST_OK;
    if (st != ST_OK || !json_valid(found))
        return st;
    (void)json_int(found, S("store"), &store);
    (void)json_int(found, S("put"), &out->put);
    out->ours = store == made && str_eqz(json_text(found, S("account"), a), env->identity.account);
    return ST_OK;
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

/* Others may put meanwhile: what must be there at least is read before the mark, what can be there
 * at most behind it. */
enum status outbox_check(struct env *env, struct error *e)
{
    ARENA(a, 1 << 20);
    struct mark mark = { 0 };
    int64_t made = 0, held = 0, begun = 0, ignored = 0;

    if (!outbox_has_server(env))
        return ST_NONE;
    enum status st = read_counters(env, &made, &held, &begun, &a, e);
    if (st == ST_OK)
        st = read_mark(env, made, &mark, &a, e);
    if (st == ST_OK)
        st = read_counters(env, &made, &ignored, &begun, &a, e);
    if (st != ST_OK || (mark.ours && mark.put >= held && mark.put <= begun))
        return st;
    st = renew_all(env, mark.put, e);
    return st == ST_OK ? put_mark(env, &a, e) : st;
}
