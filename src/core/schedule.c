#include "core/schedule.h"

#include "core/acting.h"
#include "core/catchup.h"
#include "core/drift.h"
#include "core/followup.h"

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
    const struct drift_order o = { .repair = true, .paced = true };
    const struct resource *r;
    enum status st = drift_next(env, &r, e);

    return st == ST_OK && r ? drift_want(env, r, &o, e) : st;
}

static enum status want_events_of(struct env *root, str account, struct error *e)
{
    struct acting act;

    acting_init(&act, root, account);
    return want_events(&act.env, e);
}

/* Of connected accounts: what waited for those that have just become known, and their events. */
static enum status want_connected(struct env *env, bool events, struct error *e)
{
    if (!env->connect)
        return ST_OK;
    enum status st = accounts_release(env, e);
    return st == ST_OK && events ? accounts_each(env, ACCOUNT_ACTIVE, want_events_of, e) : st;
}

enum status schedule_run(struct env *env, struct error *e)
{
    struct schedule_times *t = &env->scheduled;
    msec now = clock_mono(env->world->clock);
    enum status st = ST_OK;
    bool rang = false;

    if (env->set.catch_up_ms && (!t->events || has_passed(t->events, env->set.catch_up_ms, now))) {
        st = want_events(env, e);
        t->events = now;
        rang = true;
    }
    if (st == ST_OK)
        st = want_connected(env, rang, e);
    if (st == ST_OK && has_passed(t->absent, ABSENT_EVERY_MS, now)) {
        st = want_absent(env, e);
        t->absent = now;
        rang = true;
    }
    if (st == ST_OK && (env->set.check_ms || env->set.relist_ms) &&
        has_passed(t->checks, CHECKS_EVERY_MS, now)) {
        st = want_check(env, e);
        t->checks = now;
    }
    if (rang)
        env_ring(env);
    return st;
}
