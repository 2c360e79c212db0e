#include "core/erasure/removal.h"

#include "base/plant.h"
#include "core/customer/outbox.h"
#include "core/erasure/erase.h"
#include "core/erasure/turn.h"

enum {
    SMALL_BYTES = 256 << 10,
    REMOVAL_MS = 30 * 1000, /* that a key-value server gets */
    REMOVAL_LOOK_MS = 50,
};

/* `nothing`: no server has ever been put anything; then rows of forgotten users wait for nobody. */
static enum status count_left(struct env *env, str customer, bool *nothing, int64_t *n,
                              struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    bool ever = true;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = outbox_ever(&tx, env, &ever, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ERASE_UNDELIVERED, &r, &a, e, v_account(env), V_STR(customer));
    if (st != ST_OK)
        return st;
    *nothing = !ever;
    *n = row_int(&r, 0, 0) + (ever ? row_int(&r, 0, 1) : 0);
    return ST_OK;
}

static enum status drop_hidden(struct env *env, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_USER_DROP_HIDDEN, NULL, NULL, e, v_account(env));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status erase_server_gone(struct env *env, struct error *e)
{
    if (outbox_has_server(env))
        return fail(e, ST_INVALID,
                    "%s delivers to a key-value server: what that has is removed there. Leave out "
                    "--server-gone, or take the server out of the configuration first",
                    env->name);
    enum status st = outbox_never(env, e);
    return st == ST_OK ? drop_hidden(env, e) : st;
}

/* May anybody deliver while we wait? */
static bool somebody_may(const struct env *env)
{
    return outbox_has_server(env) || env->world->store->ops->crowded;
}

static enum status still_there(struct env *env, str customer, struct error *e)
{
    if (env_stopping(env) && somebody_may(env))
        return fail(e, ST_RETRY,
                    "%s is stopping, and the key-value server may still have the state of %.*s, or "
                    "which user had it: the daemon goes on with it, or run it again",
                    env->name, STR_ARG(customer));
    if (outbox_has_server(env))
        return fail(e, ST_RETRY,
                    "the key-value server does not answer and may still have the state of %.*s, or "
                    "which user had it: run it again when it is back",
                    STR_ARG(customer));
    return fail(e, ST_RETRY,
                "a key-value server was delivered to from here and may still have the state of "
                "%.*s, or which user had it, but this configuration names none. Run it again with "
                "the one that does (redis); or with --server-gone, if that server is no more",
                STR_ARG(customer));
}

enum status removal_await(struct env *env, str customer, struct error *e)
{
    msec until = clock_mono(env->world->clock) + REMOVAL_MS;
    bool nothing = false;
    int64_t n = 0;
    enum status st = count_left(env, customer, &nothing, &n, e);

    if (planted(PLANT_PAIR_KEPT))
        return drop_hidden(env, e);
    env_ring(env);
    while (st == ST_OK && n && !nothing && somebody_may(env) && !env_stopping(env) &&
           clock_mono(env->world->clock) < until) {
        clock_sleep(env->world->clock, REMOVAL_LOOK_MS);
        turn_keep(env);
        st = count_left(env, customer, &nothing, &n, e);
    }
    if (st != ST_OK || !n)
        return st;
    return nothing ? drop_hidden(env, e) : still_there(env, customer, e);
}
