#include "core/schedule.h"

#include "core/environment/connected.h"
#include "core/mirror/catchup.h"
#include "core/mirror/drift.h"
#include "core/mirror/followup.h"

enum {
    SCHEDULE_BYTES_MAX = 1 << 20,
    CHECKS_EVERY_MS = 5000, /* one type after another */
    ABSENT_EVERY_MS = 10 * 60 * 1000,
};

/* The clock went back: then the interval begins anew. */
static bool has_passed(msec since, msec span, msec now)
{
    return now - since >= span || since > now + span;
}

static enum status want_events(struct env *env, struct error *e)
{
    ARENA(a, SCHEDULE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = catchup_want(&tx, env, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Only when something's time has come: a chase looks through all references. */
static enum status want_absent(struct env *env, struct error *e)
{
    ARENA(a, SCHEDULE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_ABSENT_NEXT, &r, &a, e, V_INT(clock_wall(env->world->clock)),
                    v_account(env), V_INT(1));
    if (st != ST_OK || !r.n_rows)
        return st;
    tx_end(&tx);
    st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = followup_want_chase(&tx, env, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* The type that was not looked at for the longest time. */
static enum status want_check(struct env *env, struct error *e)
{
    bool wanted;

    return drift_schedule(env, &wanted, e);
}

enum status schedule_run(struct env *env, struct error *e)
{
    struct schedule_times *t = &env->scheduled;
    msec now = clock_mono(env->world->clock);
    bool events =
        env->set.catch_up_ms && (!t->events || has_passed(t->events, env->set.catch_up_ms, now));
    bool absent = has_passed(t->absent, ABSENT_EVERY_MS, now);
    bool checks =
        (env->set.check_ms || env->set.relist_ms) && has_passed(t->checks, CHECKS_EVERY_MS, now);
    enum status st = ST_OK;

    if (events) {
        st = want_events(env, e);
        t->events = now;
    }
    if (st == ST_OK && absent) {
        st = want_absent(env, e);
        t->absent = now;
    }
    if (st == ST_OK && checks) {
        st = want_check(env, e);
        t->checks = now;
    }
    if (events || absent)
        env_ring(env);
    return st == ST_OK ? connected_schedule(env, events, absent, checks, e) : st;
}
