#include "serve/daemon.h"

#include "serve/routes.h"
#include "serve/service.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BEAT_MS_MAX = 60 * 1000, /* housekeeping that has not come round for so long is stuck */
    LIFE_MS = 1000,          /* how often the life thread looks, when no signal comes */
    GRACE_MS = 10 * 1000,    /* when the options say nothing */
};

/* The daemon and what only its life needs. */
struct life {
    struct daemon d;
    struct broken_at {
        struct life *life;
        size_t env;
    } broken_at[DAEMON_ENVS_MAX];
    pthread_mutex_t lock; /* guards the next two */
    struct error broken;
    bool engines_gone;
    _Atomic(struct http_server *) http; /* once it can be stopped */
    _Atomic msec stop_asked_at;         /* monotonic; 0: not yet */
    sigset_t signals, signals_before;
    pthread_t thread; /* takes the signals and pings the watchdog */
    bool has_thread;
    atomic_bool ending; /* that thread is to end */
};

static msec grace_of(const struct daemon_options *o)
{
    return o->grace_ms > 0 ? o->grace_ms : GRACE_MS;
}

const char *closed_name(enum closed c)
{
    switch (c) {
    case CLOSED_NOT: return "open";
    case CLOSED_SEALED: return "sealed";
    case CLOSED_SWITCH: return "switch_under_way";
    case CLOSED_IDENTITY: return "identity_mismatch";
    case CLOSED_AWAY: return "identity_not_verified";
    case CLOSED_LOCKED: return "store_locked";
    case CLOSED_UNUSABLE: return "unusable";
    }
    return "?";
}

static const struct log *log_of(const struct life *l)
{
    return l->d.o->log;
}

/* Whoever sets the time looks for a server after it, and whoever sets the server looks at the time
 * after that: one of them sees the other. */
static void ask_to_stop(struct life *l)
{
    msec never = 0;

    atomic_compare_exchange_strong(&l->stop_asked_at, &never, clock_mono(l->d.clock));
    struct http_server *http = atomic_load(&l->http);
    if (http)
        http_server_stop(http);
}

static void env_broke(void *ctx, const struct error *e)
{
    struct broken_at *at = ctx;
    struct life *l = at->life;

    log_say(log_of(l), LOG_ERROR, e->restart ? LOG_disk_failed : LOG_damaged,
            LF_ENV(l->d.env[at->env].env), LF("error", str_of(e->text)));
    pthread_mutex_lock(&l->lock);
    if (l->broken.status == ST_OK)
        l->broken = *e;
    l->broken.status = ST_BROKEN;
    pthread_mutex_unlock(&l->lock);
    ask_to_stop(l);
}

/* ---- the life thread ---- */

/* Housekeeping comes round every second and uses the database: a stuck one shows, too. */
static bool engines_alive(struct life *l)
{
    msec now = clock_mono(l->d.clock);
    bool alive = true;

    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->d.n_envs && !l->engines_gone; i++)
        alive = alive && (!l->d.env[i].engine ||
                          now - engine_counters(l->d.env[i].engine).beat_at <= BEAT_MS_MAX);
    pthread_mutex_unlock(&l->lock);
    return alive;
}

/* What is configured now is looked at first: a mistake in it ends nobody's work. It is logged when
 * it is another one than before. */
static bool may_begin_anew(struct life *l)
{
    struct error why = { 0 };
    char *refused = l->d.o->refused; /* the life thread's alone */

    if (l->d.o->may_begin_anew(l->d.o->reopening, &why) == ST_OK) {
        refused[0] = '\0';
        atomic_store(&l->d.refused, false);
        return true;
    }
    atomic_store(&l->d.refused, true);
    if (strcmp(refused, why.text) != 0)
        log_say(log_of(l), LOG_ERROR, LOG_reload_refused, LF("error", str_of(why.text)));
    snprintf(refused, ERROR_TEXT_MAX, "%s", why.text);
    return false;
}

static void begin_anew(struct life *l, enum anew how)
{
    *l->d.o->anew = how;
    service_reloading();
    ask_to_stop(l);
}

/* What kept an environment closed, or stopped it, is over, or a switch asks for one that is open.
 * It does not wait for somebody to mend a configuration that was refused. */
static void look_for_change(struct life *l)
{
    const struct daemon_options *o = l->d.o;

    if (!o->changed || !o->anew || atomic_load(&l->stop_asked_at) || !o->changed(o->reopening))
        return;
    enum anew how = may_begin_anew(l) ? ANEW_CONFIGURED : ANEW_AS_BEFORE;
    log_say(log_of(l), LOG_INFO, LOG_reloading,
            LF("why", how == ANEW_CONFIGURED
                          ? S("what may be worked for has changed")
                          : S("what may be worked for has changed; with the configuration that was "
                              "there before, for the one that is there now was refused")));
    begin_anew(l, how);
}

/* SIGHUP. Whoever waits for the end of a reload hears of that, too, when there is none. */
static void reload(struct life *l)
{
    l->d.o->refused[0] = '\0'; /* told again: somebody has just asked */
    if (may_begin_anew(l)) {
        begin_anew(l, ANEW_CONFIGURED);
        return;
    }
    service_reloading();
    service_ready();
}

static void take_signal(struct life *l, int signo)
{
    if (atomic_load(&l->ending))
        return;
    if (atomic_load(&l->stop_asked_at)) /* asked twice: recovery is the ordinary path */
        _exit(128 + signo);
    if (signo == SIGHUP && l->d.o->anew) {
        reload(l);
        return;
    }
    log_say(log_of(l), LOG_INFO, LOG_stopping, LF("signal", str_of(strsignal(signo))));
    service_stopping();
    ask_to_stop(l);
}

static void *life_main(void *arg)
{
    struct life *l = arg;
    msec watchdog = service_watchdog_ms() / 2;
    msec pause = watchdog && watchdog < LIFE_MS ? watchdog : LIFE_MS;
    const struct timespec span = { .tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000 };

    while (!atomic_load(&l->ending)) {
        int signo = sigtimedwait(&l->signals, NULL, &span);
        if (signo > 0)
            take_signal(l, signo);
        else
            look_for_change(l);
        if (watchdog && engines_alive(l))
            service_alive();
    }
    return NULL;
}

/* From here on these signals are for the life thread alone. */
static enum status take_signals(struct life *l, struct error *e)
{
    sigemptyset(&l->signals);
    sigaddset(&l->signals, SIGTERM);
    sigaddset(&l->signals, SIGINT);
    sigaddset(&l->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &l->signals, &l->signals_before);
    int failed = pthread_create(&l->thread, NULL, life_main, l);
    if (failed)
        return fail(e, ST_LIMIT, "cannot start a thread: %s", strerror(failed));
    l->has_thread = true;
    return ST_OK;
}

static void release_signals(struct life *l)
{
    atomic_store(&l->ending, true);
    if (l->has_thread) {
        pthread_kill(l->thread, SIGTERM);
        pthread_join(l->thread, NULL);
    }
    /* A signal that came while we ended has been obeyed. */
    while (sigtimedwait(&l->signals, NULL, &(struct timespec){ 0 }) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &l->signals_before, NULL);
}

/* ---- start ---- */

static enum status check_options(const struct daemon_options *o, struct error *e)
{
    if (o->n_envs == 0)
        return fail(e, ST_INVALID,
                    "no environment is configured: set STRIPE_SECRET_KEY, or write "
                    "an [env NAME] into brindle.conf");
    if (o->n_envs > DAEMON_ENVS_MAX)
        return fail(e, ST_INVALID, "%zu environments are configured; one daemon takes %d",
                    o->n_envs, DAEMON_ENVS_MAX);
    if (!o->token || secret_is_empty(o->token))
        return fail(e, ST_INVALID,
                    "the token is empty: set BRINDLE_TOKEN, or token in the "
                    "[brindle] section of brindle.conf");
    for (size_t i = 0; i < o->n_envs; i++)
        if (o->env[i].closed == CLOSED_NOT && o->env[i].n_webhook_secrets == 0 &&
            o->env[i].env->set.catch_up_ms == 0)
            return fail(e, ST_INVALID,
                        "environment %s has no webhook secret and does not read the list of events "
                        "either, so that it would hear of nothing: set webhook_secret in its "
                        "section of brindle.conf, or STRIPE_WEBHOOK_SECRET, or catch_up_seconds",
                        o->env[i].env->name);
    return ST_OK;
}

static enum status listen_for_commands(const struct life *l, struct served *s, struct error *e)
{
    const struct control_host host = {
        .env = s->env, .log = l->d.o->log, .progress = s->o->progress, .ctx = s->o->ctx
    };

    return control_listen(&s->control, s->o->socket_path, &host, e);
}

/* With a closed engine (NULL) it is answered 503. */
static enum status open_door(struct life *l, struct served *s, struct error *e)
{
    struct verify_secrets all[DAEMON_ENVS_MAX];
    const struct daemon_options *o = l->d.o;

    for (size_t i = 0; i < o->n_envs; i++)
        all[i] = (struct verify_secrets){ o->env[i].env->name, o->env[i].webhook_secret,
                                          o->env[i].n_webhook_secrets };
    return webhook_open(&s->door, s->env, all, o->n_envs, s->engine, o->log, e);
}

/* Its door stays, so that Stripe is told to come again. */
static enum status start_closed(struct life *l, struct served *s, struct error *e)
{
    const struct daemon_env *o = s->o;

    log_say(log_of(l), o->closed == CLOSED_SEALED ? LOG_INFO : LOG_ERROR, LOG_environment_closed,
            LF_ENV(s->env), LF("reason", str_of(closed_name(o->closed))),
            LF("error", str_of(o->closed_text)));
    return open_door(l, s, e);
}

static enum status start_env(struct life *l, size_t i, struct error *e)
{
    const struct daemon_env *o = &l->d.o->env[i];
    struct served *s = &l->d.env[i];

    s->o = o;
    s->env = o->env;
    s->numbers = (struct numbers)NUMBERS_INIT;
    l->broken_at[i] = (struct broken_at){ l, i };
    if (o->closed != CLOSED_NOT)
        return start_closed(l, s, e);
    const struct engine_options engine = { .env = o->env,
                                           .log = l->d.o->log,
                                           .workers = o->workers,
                                           .ingest = true,
                                           .scheduled = true,
                                           .every_second = o->every_second,
                                           .abandon = o->abandon,
                                           .ctx = o->ctx,
                                           .on_broken = env_broke,
                                           .broken_ctx = &l->broken_at[i] };
    enum status st = engine_start(&s->engine, &engine, e);
    if (st == ST_OK)
        st = open_door(l, s, e);
    if (st == ST_OK && o->socket_path)
        st = listen_for_commands(l, s, e);
    if (st != ST_OK) {
        error_prefix(e, "environment %s: ", o->env->name);
        return st;
    }
    log_say(log_of(l), LOG_INFO, LOG_environment_ready, LF_ENV(o->env));
    return ST_OK;
}

static enum status start_envs(struct life *l, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < l->d.o->n_envs && st == ST_OK; i++) {
        st = start_env(l, i, e);
        pthread_mutex_lock(&l->lock); /* the life thread looks at the engines, too */
        l->d.n_envs = i + (l->d.env[i].engine || l->d.env[i].door);
        pthread_mutex_unlock(&l->lock);
    }
    return st;
}

static enum status open_http(struct life *l, struct error *e)
{
    const struct http_options o = {
        .listen = l->d.o->listen,
        .drain_ms_max = grace_of(l->d.o),
        .handler = { .ctx = &l->d, .handle = routes_handle, .turn = routes_turn },
    };
    enum status st = http_server_open(&l->d.http, &o, e);

    if (st == ST_OK)
        atomic_store(&l->http, l->d.http);
    return st;
}

static enum status start(struct life *l, struct error *e)
{
    enum status st = take_signals(l, e);

    if (st == ST_OK)
        st = start_envs(l, e);
    if (st == ST_OK)
        st = desk_open(&l->d.desk, e);
    if (st == ST_OK)
        st = waiting_open(&l->d.waiting, l->d.clock, &l->stop_asked_at, e);
    if (st == ST_OK)
        st = open_http(l, e);
    return st;
}

/* ---- the whole life ---- */

static enum status run(struct life *l, struct error *e)
{
    unsigned port = http_server_port(l->d.http);

    if (atomic_load(&l->stop_asked_at)) { /* before there was anything to stop */
        http_server_stop(l->d.http);
    } else {
        log_say(log_of(l), LOG_INFO, LOG_started, LF("listen", l->d.o->listen),
                LF_INT("port", (int64_t)port), LF_INT("environments", (int64_t)l->d.n_envs));
        service_ready();
        if (l->d.o->ready)
            l->d.o->ready(l->d.o->ctx, port);
    }
    return http_server_run(l->d.http, e);
}

/* What is left of the grace, for all that must end after HTTP has drained. */
static msec grace_left(struct life *l)
{
    msec asked_at = atomic_load(&l->stop_asked_at), grace = grace_of(l->d.o);

    if (!asked_at)
        return grace;
    msec left = asked_at + grace - clock_mono(l->d.clock);
    return left > 0 ? left : 0;
}

/* HTTP has drained: requests that were taken have had their commit and their answer. */
static void end(struct life *l)
{
    desk_close(l->d.desk);
    waiting_close(l->d.waiting);
    pthread_mutex_lock(&l->lock);
    l->engines_gone = true;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->d.n_envs; i++) /* all at once, then one after another */
        if (l->d.env[i].engine)
            engine_halt(l->d.env[i].engine);
    for (size_t i = 0; i < l->d.n_envs; i++) {
        engine_stop(l->d.env[i].engine, grace_left(l));
        control_close(l->d.env[i].control);
        webhook_close(l->d.env[i].door);
    }
    http_server_close(l->d.http); /* last: late deliveries were answered into it */
    release_signals(l);
}

enum status daemon_run(const struct daemon_options *o, struct error *e)
{
    enum status st = check_options(o, e);

    if (st != ST_OK)
        return st;
    service_harden();
    struct life *l = calloc(1, sizeof *l);
    if (!l)
        return fail(e, ST_LIMIT, "out of memory");
    pthread_mutex_init(&l->lock, NULL);
    l->d.o = o;
    l->d.clock = o->env[0].env->world->clock;
    atomic_init(&l->d.refused, o->anew && o->refused[0]);
    l->d.started_at = clock_mono(l->d.clock);
    st = start(l, e);
    if (st == ST_OK)
        st = run(l, e);
    end(l);
    if (l->broken.status != ST_OK) {
        *e = l->broken;
        st = ST_BROKEN;
    }
    log_say(log_of(l), st == ST_OK ? LOG_INFO : LOG_ERROR, LOG_stopped,
            LF("status", str_of(status_name(st))));
    pthread_mutex_destroy(&l->lock);
    free(l);
    return st;
}
