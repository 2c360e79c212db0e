#include "core/environment/fuse.h"

#include "base/plant.h"
#include "core/counters.h"

enum {
    FUSE_BYTES_MAX = 64 << 10,
    FUSE_SPAN_MS = 3600 * 1000, /* deletions are counted by the hour */
    FUSE_PIECE = 1000,
};

/* Counts up, from one when the hour is over, or when the clock was set back by one. (Whoever waited
 * for the counters may have looked at the clock a little before the one who had them.) */
static enum status count_up(struct tx *tx, const struct env *env, msec now, int64_t *count,
                            struct arena *a, struct error *e)
{
    int64_t since = 0;
    enum status st = counter_get(tx, counter_of(env, COUNTER_FUSE_SINCE, a), &since, a, e);

    if (st != ST_OK)
        return st;
    if (since && now - since < FUSE_SPAN_MS && since - now < FUSE_SPAN_MS)
        return counter_add(tx, counter_of(env, COUNTER_FUSE_COUNT, a), 1, count, a, e);
    *count = 1;
    st = counter_set(tx, counter_of(env, COUNTER_FUSE_SINCE, a), now, a, e);
    return st == ST_OK ? counter_set(tx, counter_of(env, COUNTER_FUSE_COUNT, a), 1, a, e) : st;
}

enum status fuse_permit(struct tx *tx, const struct env *env, str type, str id, struct arena *a,
                        struct error *e)
{
    return tx_run(tx, STMT_FUSE_PERMIT, NULL, a, e, V_STR(type), V_STR(id), v_account(env));
}

static enum status is_permitted(struct tx *tx, const struct env *env, str type, str id,
                                bool *permitted, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_FUSE_PERMITTED, &r, a, e, V_STR(type), V_STR(id), v_account(env));

    if (st == ST_OK)
        *permitted = r.n_rows != 0;
    return st;
}

enum status fuse_take(struct tx *tx, struct env *env, str type, str id, bool *held, struct arena *a,
                      struct error *e)
{
    msec now = clock_wall(env->world->clock);
    int64_t blown = 0, count = 0;
    bool permitted = false;

    *held = false;
    if (env->set.fuse_max == 0)
        return ST_OK;
    enum status st = is_permitted(tx, env, type, id, &permitted, a, e);
    if (st != ST_OK || permitted)
        return st;
    /* whoever reads the counters waits here for who counts */
    st = counter_add(tx, counter_of(env, COUNTER_FUSE_COUNT, a), 0, NULL, a, e);
    if (st == ST_OK)
        st = counter_get(tx, counter_of(env, COUNTER_FUSE_BLOWN, a), &blown, a, e);
    if (st == ST_OK && !blown)
        st = count_up(tx, env, now, &count, a, e);
    if (st != ST_OK)
        return st;
    *held = (blown || count > env->set.fuse_max) && !planted(PLANT_FUSE_BRIDGED);
    return *held && !blown ? counter_set(tx, counter_of(env, COUNTER_FUSE_BLOWN, a), now, a, e)
                           : ST_OK;
}

enum status fuse_read(struct tx *tx, const struct env *env, struct fuse_state *out, struct arena *a,
                      struct error *e)
{
    struct fuse_state s = { 0 };
    struct rows r;
    enum status st = counter_get(tx, counter_of(env, COUNTER_FUSE_BLOWN, a), &s.blown_at, a, e);

    if (st == ST_OK)
        st = counter_get(tx, counter_of(env, COUNTER_FUSE_COUNT, a), &s.counted, a, e);
    if (st == ST_OK && s.blown_at) {
        st = tx_run(tx, STMT_FUSE_HELD, &r, a, e, V_STR(S(FUSE_REASON "%")), v_account(env));
        if (st == ST_OK)
            s.held = row_int(&r, 0, 0);
    }
    if (st == ST_OK)
        *out = s;
    return st;
}

/* `unless_held`: not while it still holds something. */
static enum status mend_counters(struct env *env, bool unless_held, struct error *e)
{
    ARENA(a, FUSE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows held;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK && unless_held)
        st = tx_run(&tx, STMT_FUSE_HELD, &held, &a, e, V_STR(S(FUSE_REASON "%")), v_account(env));
    if (st == ST_OK && unless_held && row_int(&held, 0, 0))
        return ST_OK;
    if (st == ST_OK)
        st = counter_set(&tx, counter_of(env, COUNTER_FUSE_BLOWN, &a), 0, &a, e);
    if (st == ST_OK)
        st = counter_set(&tx, counter_of(env, COUNTER_FUSE_COUNT, &a), 0, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status revive_piece(struct env *env, str type, int64_t *n, struct error *e)
{
    ARENA(a, FUSE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_FUSE_RELEASE, &r, &a, e, V_STR(S(FUSE_REASON "%")), v_account(env),
                    V_STR(type), V_INT(FUSE_PIECE));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    *n = r.n_changed;
    return st;
}

static enum status revive(struct env *env, str type, int64_t *revived, struct error *e)
{
    int64_t n = FUSE_PIECE;
    enum status st = ST_OK;

    while (st == ST_OK && n == FUSE_PIECE) {
        st = revive_piece(env, type, &n, e);
        *revived += st == ST_OK ? n : 0;
    }
    return st;
}

enum status fuse_mend(struct env *env, int64_t *revived, struct error *e)
{
    enum status st = mend_counters(env, false, e);

    *revived = 0;
    if (st == ST_OK)
        st = revive(env, S(""), revived, e);
    if (st == ST_OK)
        env_ring(env);
    return st;
}

enum status fuse_mend_type(struct env *env, str type, int64_t *revived, struct error *e)
{
    *revived = 0;
    enum status st = revive(env, type, revived, e);
    if (st == ST_OK)
        st = mend_counters(env, true, e);
    if (st == ST_OK)
        env_ring(env);
    return st;
}
