#include "cli/forgetting.h"

#include <signal.h>
#include <string.h>

#include "core/erasure/erase.h"
#include "core/retention.h"
#include "serve/engine.h"

enum { FORGETTING_GRACE_MS = 10 * 1000 }; /* for a delivery that is under way */

void forgetting_init(struct forgetting *f, struct serving *s)
{
    struct sched *sched = s->env[0].env->world->sched;

    *f = (struct forgetting){ .s = s, .sched = sched, .gate = gate_new(sched) };
}

/* From here on whoever ends it reaches the environment; false: it is to end already. */
static bool show(struct forgetting *f, struct env *env)
{
    gate_lock(f->sched, f->gate);
    f->env = f->ending ? NULL : env;
    bool go_on = f->env != NULL;
    gate_unlock(f->sched, f->gate);
    return go_on;
}

/* False: what went wrong did so because it was to end. */
static bool hide(struct forgetting *f)
{
    gate_lock(f->sched, f->gate);
    f->env = NULL;
    bool whole = !f->ending;
    gate_unlock(f->sched, f->gate);
    return whole;
}

static void tell(struct forgetting *f, const struct error *e)
{
    log_say(&f->s->log, LOG_WARN, LOG_housekeeping_failed, LF_ENV(f->s->env[f->of].env),
            LF("error", str_of(e->text)));
}

/* Of an environment that nobody works for; the others go on. */
static void on_broken(void *ctx, const struct error *e)
{
    tell(ctx, e);
}

static enum status forget_old(struct env *env, bool *more, struct error *e)
{
    struct clock *clock = env->world->clock;
    msec until = clock_mono(clock) + FORGETTING_SHARE_MS;
    enum status st = ST_OK;

    *more = true;
    while (st == ST_OK && *more && !env_stopping(env) && clock_mono(clock) < until)
        st = retention_run(env, more, e);
    return st;
}

static enum status end_each(struct forgetting *f, struct env *env, msec before, struct error *e)
{
    enum status st = ST_OK;

    while (st == ST_OK && !env_stopping(env)) {
        st = erase_resume(env, before, e);
        if (st == ST_OK)
            log_say(&f->s->log, LOG_INFO, LOG_erasure_ended, LF_ENV(f->s->env[f->of].env));
    }
    return st == ST_NONE ? ST_OK : st;
}

/* What a key-value server has of them is removed by who delivers. */
static enum status end_erasures(struct forgetting *f, struct wire *w, struct error *e)
{
    /* where nobody else writes, whoever began one is dead */
    msec before = w->on_pg ? 0 : clock_wall(w->world.clock);
    const struct engine_options o = {
        .env = &w->env,
        .log = &f->s->log,
        .workers = 1,
        .held = true,
        .on_broken = on_broken,
        .broken_ctx = f,
    };
    struct engine *engine = NULL;
    bool waits = false;
    enum status st = erase_waits(&w->env, before, &waits, e);

    if (st != ST_OK || !waits)
        return st;
    st = engine_start(&engine, &o, e);
    if (st != ST_OK)
        return st;
    st = end_each(f, &w->env, before, e);
    env_stop(&w->env);
    engine_stop(engine, FORGETTING_GRACE_MS);
    return st;
}

static msec pause_behind(enum status st, bool more)
{
    if (st == ST_CONFLICT) /* somebody is erased there, or it is being opened */
        return FORGETTING_BUSY_MS;
    if (st == ST_RETRY) /* the key-value server is away */
        return ERASE_STALE_MS;
    return st == ST_OK && more ? 0 : FORGETTING_EVERY_MS;
}

static void *forget(void *arg)
{
    struct forgetting *f = arg;
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error why = { 0 };
    bool more = false;
    enum status st = wire_open(&w, &f->s->cli->config, f->s->wire[f->of].conf, WIRE_FORGET, &why);

    if (st == ST_OK && show(f, &w.env)) {
        st = forget_old(&w.env, &more, &why);
        if (st == ST_OK)
            st = end_erasures(f, &w, &why);
    }
    if (hide(f) && st != ST_OK && st != ST_CONFLICT)
        tell(f, &why);
    f->pause = pause_behind(st, more);
    wire_close(&w); /* whoever sees that it is done finds the store free */
    atomic_store(&f->done, true);
    return NULL;
}

enum status forgetting_begin(struct forgetting *f, size_t of, struct error *e)
{
    sigset_t all, before;

    assert(!f->runs);
    f->of = of;
    atomic_store(&f->done, false);
    sigfillset(&all); /* signals are the daemon's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&f->thread, NULL, forget, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return fail(e, ST_LIMIT, "cannot start a thread: %s", strerror(failed));
    f->runs = true;
    return ST_OK;
}

bool forgetting_look(struct forgetting *f, bool *ended)
{
    *ended = f->runs && atomic_load(&f->done);
    if (*ended) {
        pthread_join(f->thread, NULL);
        f->runs = false;
    }
    return f->runs;
}

void forgetting_end(struct forgetting *f)
{
    gate_lock(f->sched, f->gate);
    f->ending = true;
    if (f->env)
        env_stop(f->env);
    gate_unlock(f->sched, f->gate);
    if (f->runs)
        pthread_join(f->thread, NULL);
    f->runs = false;
    gate_free(f->sched, f->gate);
}
