#include "cli/reopening.h"

#include "cli/forgetting.h"
#include "cli/switch/continuing.h"
#include "cli/switch/finding.h"
#include "core/environment/seal.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct looked_at {
    bool known; /* the seal could be read at the start */
    struct seal seal;
    msec ask_at, pause; /* monotonic */
    msec forget_at;     /* monotonic; of a sealed one */
};

struct reopening {
    struct serving *s;
    struct sched *sched;
    struct clock *clock;
    struct gate *gate; /* guards ending */
    bool ending;
    atomic_bool due;
    pthread_t thread;
    struct looked_at env[CONFIG_ENVS_MAX];
    struct forgetting forgetting; /* the thread's alone, and so is what follows */
    struct continuing switching;
    msec elsewhere_at;            /* monotonic */
    msec switch_at, switch_pause; /* when the next attempt may begin; monotonic */
};

/* While a switch is under way its steps change nothing for us. */
static bool same_seal(const struct seal *a, const struct seal *b)
{
    return strcmp(a->target, b->target) == 0 &&
           (a->target[0] || strcmp(a->sealed_for, b->sealed_for) == 0);
}

/* Was it sealed, or opened again, or has a switch begun or ended? */
static bool seal_changed(struct reopening *r, size_t i)
{
    struct daemon_env *d = &r->s->env[i];
    struct error ignored = { 0 };
    struct seal now = { 0 };

    if (d->closed == CLOSED_SWITCH && !r->env[i].seal.target[0]) {
        char from[ENV_NAME_MAX + 1]; /* its journal is in a store that may not be ours */
        if (switch_from(&r->s->cli->config, d->env->name, from, &ignored) == ST_OK && !from[0])
            return true;
    }
    if (!r->env[i].known || seal_read(d->env, &now, &ignored) != ST_OK)
        return false;
    return !same_seal(&now, &r->env[i].seal);
}

/* ---- a switch to one of ours, from a store that another daemon has ---- */

static bool has_store(void *ctx, str env)
{
    const struct serving *s = ctx;

    for (size_t i = 0; i < s->n; i++)
        if (str_eqz(env, s->env[i].env->name))
            return true;
    return false;
}

static bool works_for(void *ctx, const char *env)
{
    const struct serving *s = ctx;

    for (size_t i = 0; i < s->n; i++)
        if (s->env[i].closed == CLOSED_NOT && strcmp(env, s->env[i].env->name) == 0)
            return true;
    return false;
}

static bool is_asked_for(struct reopening *r)
{
    const struct switch_elsewhere d = { has_store, works_for, r->s };

    if (clock_mono(r->clock) < r->elsewhere_at)
        return false;
    bool asked = switch_asks(&r->s->cli->config, &d);
    r->elsewhere_at = clock_mono(r->clock) + REOPEN_ELSEWHERE_MS;
    return asked;
}

static bool has_stopped(struct env *env)
{
    struct sched *sched = env->world->sched;

    gate_lock(sched, env->gate);
    bool stopped = env->stopped_why != NULL;
    gate_unlock(sched, env->gate);
    return stopped;
}

/* Does Stripe say now that the key is of the store's account and mode, or of anybody's where there
 * is no store yet? */
static bool is_right_again(struct reopening *r, size_t i)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct daemon_env *d = &r->s->env[i];
    struct error ignored = { 0 };
    struct identity now;

    if (wire_open(&w, &r->s->cli->config, r->s->wire[i].conf, WIRE_ASK, &ignored) != ST_OK ||
        env_identify(&w.world, w.env.declared, &now, &ignored) != ST_OK)
        return false;
    return !d->env->identity.account[0] || identity_same(&now, &d->env->identity);
}

static bool wants_an_answer(const struct daemon_env *d)
{
    switch (d->closed) {
    case CLOSED_NOT: return has_stopped(d->env);
    case CLOSED_AWAY:
    case CLOSED_IDENTITY: return true;
    case CLOSED_SEALED:
    case CLOSED_SWITCH:
    case CLOSED_LOCKED:
    case CLOSED_UNUSABLE: return false;
    }
    return false;
}

static bool answer_changed(struct reopening *r, size_t i)
{
    struct looked_at *at = &r->env[i];
    msec now = clock_mono(r->clock);

    if (!wants_an_answer(&r->s->env[i]) || now < at->ask_at)
        return false;
    bool right = is_right_again(r, i);
    at->pause = at->pause * 2 < REOPEN_ASK_MS_MAX ? at->pause * 2 : REOPEN_ASK_MS_MAX;
    at->ask_at = clock_mono(r->clock) + at->pause;
    return right;
}

static bool pause_until(struct reopening *r, msec when)
{
    gate_lock(r->sched, r->gate);
    while (!r->ending && clock_mono(r->clock) < when)
        gate_wait(r->sched, r->gate, when);
    bool go_on = !r->ending;
    gate_unlock(r->sched, r->gate);
    return go_on;
}

/* To whom the switch leads that keeps this environment closed. */
static const char *switch_target(const struct reopening *r, size_t i)
{
    if (r->s->env[i].closed != CLOSED_SWITCH)
        return NULL;
    return r->env[i].seal.target[0] ? r->env[i].seal.target : r->s->env[i].env->name;
}

/* A switch that nobody is at, and that nobody wants to rest: its process was killed, or Stripe was
 * away for longer than it waited. */
static void go_on_with_switch(struct reopening *r)
{
    struct error why = { 0 };

    if (clock_mono(r->clock) < r->switch_at)
        return;
    for (size_t i = 0; i < r->s->n && !r->switching.pid; i++) {
        const char *target = switch_target(r, i);
        if (!target || !switch_rests(&r->s->cli->config, target))
            continue;
        if (continuing_begin(&r->switching, r->s, target, &why) != ST_OK)
            log_say(&r->s->log, LOG_WARN, LOG_switch_goes_on, LF("to", str_of(target)),
                    LF("error", str_of(why.text)));
        r->switch_pause =
            r->switch_pause * 2 < REOPEN_SWITCH_MS_MAX ? r->switch_pause * 2 : REOPEN_SWITCH_MS_MAX;
        r->switch_at = clock_mono(r->clock) + r->switch_pause;
        return;
    }
}

/* What is sealed grows old, too: bodies, versions and the audit go when their time has come. */
static void let_forget(struct reopening *r)
{
    struct error why = { 0 };
    bool ended;

    if (forgetting_look(&r->forgetting, &ended))
        return;
    msec now = clock_mono(r->clock);
    if (ended)
        r->env[r->forgetting.of].forget_at = now + r->forgetting.pause;
    size_t last = r->forgetting.of; /* one that has more to forget is the last to have its turn */
    for (size_t k = 1; k <= r->s->n; k++) {
        size_t i = (last + k) % r->s->n;
        if (r->s->env[i].closed != CLOSED_SEALED || now < r->env[i].forget_at)
            continue;
        if (forgetting_begin(&r->forgetting, i, &why) == ST_OK)
            return;
        log_say(&r->s->log, LOG_WARN, LOG_housekeeping_failed, LF_ENV(r->s->env[i].env),
                LF("error", str_of(why.text)));
        r->env[i].forget_at = now + FORGETTING_EVERY_MS;
    }
}

static void *look(void *arg)
{
    struct reopening *r = arg;

    while (pause_until(r, clock_mono(r->clock) + REOPEN_LOOK_MS)) {
        if (continuing_look(&r->switching, r->s))
            continue; /* what it changes is looked at when it has ended */
        for (size_t i = 0; i < r->s->n; i++)
            if (seal_changed(r, i) || answer_changed(r, i))
                atomic_store(&r->due, true);
        if (is_asked_for(r))
            atomic_store(&r->due, true);
        if (!atomic_load(&r->due))
            go_on_with_switch(r);
        if (!atomic_load(&r->due))
            let_forget(r);
    }
    return NULL;
}

bool reopening_is_due(void *reopening)
{
    struct reopening *r = reopening;
    return atomic_load(&r->due);
}

/* Closed already: what is wrong with it is told, and no reason to keep from the others what is new.
 */
static bool is_closed_now(const struct reopening *r, const char *name)
{
    for (size_t i = 0; i < r->s->n; i++)
        if (strcmp(r->s->env[i].env->name, name) == 0)
            return r->s->env[i].closed != CLOSED_NOT;
    return false;
}

/* All that can be known of it without asking anybody. */
static enum status try_env(const struct config *c, const struct env_config *conf, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    enum status st = config_refuse_demo(c, conf, e);

    if (st == ST_OK)
        st = serving_hears(conf, e);
    return st == ST_OK ? wire_open(&w, c, conf, WIRE_ASK, e) : st;
}

/* What is listened at now is let go of before. */
static enum status try_to_listen(const struct reopening *r, const struct config *c, struct error *e)
{
    str wanted = config_text(&c->values, SET_LISTEN);

    if (str_eq(wanted, r->s->listen))
        return ST_OK;
    return http_listen_try(wanted, r->s->listen, atomic_load(&r->s->port), e);
}

static enum status try_all(const struct reopening *r, struct config *c, struct error *e)
{
    size_t n = 0;
    enum status st = config_load(c, &r->s->cli->flags, e);

    if (st == ST_OK)
        st = try_to_listen(r, c, e);
    for (size_t i = 0; i < c->n_envs && st == ST_OK; i++) {
        if (!serving_is_chosen(r->s->cli, &c->env[i]))
            continue;
        n++;
        if (!is_closed_now(r, c->env[i].name))
            st = try_env(c, &c->env[i], e);
    }
    return st == ST_OK && !n ? fail(e, ST_INVALID, "No environment is configured any more.") : st;
}

enum status reopening_try(void *reopening, struct error *e)
{
    struct config *c = calloc(1, sizeof *c);

    if (!c)
        return fail(e, ST_LIMIT, "out of memory");
    enum status st = try_all(reopening, c, e);
    config_free(c);
    free(c);
    return st;
}

enum status reopening_begin(struct reopening **out, struct serving *s, struct error *e)
{
    struct reopening *r = calloc(1, sizeof *r);
    struct error ignored = { 0 };
    sigset_t all, before;

    if (!r)
        return fail(e, ST_LIMIT, "out of memory");
    r->s = s;
    r->clock = s->env[0].env->world->clock;
    r->sched = s->env[0].env->world->sched;
    r->gate = gate_new(r->sched);
    forgetting_init(&r->forgetting, s);
    r->switch_pause = REOPEN_ASK_MS / 2;
    r->switch_at = clock_mono(r->clock) + REOPEN_ASK_MS;
    for (size_t i = 0; i < s->n; i++) {
        bool readable = s->env[i].closed == CLOSED_NOT || s->env[i].readable;
        r->env[i].known = readable && seal_read(s->env[i].env, &r->env[i].seal, &ignored) == ST_OK;
        r->env[i].pause = REOPEN_ASK_MS;
        r->env[i].ask_at = clock_mono(r->clock) + REOPEN_ASK_MS;
    }
    sigfillset(&all); /* signals are the daemon's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&r->thread, NULL, look, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        forgetting_end(&r->forgetting);
        gate_free(r->sched, r->gate);
        free(r);
        return fail(e, ST_LIMIT, "cannot start a thread: %s", strerror(failed));
    }
    *out = r;
    return ST_OK;
}

void reopening_end(struct reopening *r)
{
    if (!r)
        return;
    gate_lock(r->sched, r->gate);
    r->ending = true;
    gate_wake(r->sched, r->gate);
    gate_unlock(r->sched, r->gate);
    pthread_join(r->thread, NULL);
    forgetting_end(&r->forgetting);
    continuing_end(&r->switching);
    gate_free(r->sched, r->gate);
    free(r);
}
