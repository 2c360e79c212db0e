#include "serve/engine.h"

#include "core/customer/outbox.h"
#include "core/due.h"
#include "core/erasure/erase.h"
#include "core/retention.h"
#include "core/schedule.h"
#include "core/work.h"
#include "serve/valve.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    STORE_AWAY_MS = 1000,       /* pause before a worker asks an absent store again */
    RETENTION_FIRST_MS = 60000, /* after the start, so that short lives forget, too */
    RETENTION_EVERY_MS = 3600000,
    RETENTION_SHARE_MS = 200, /* of each second, while there is more to forget */
    SINGLE_FAILURES_MAX = 2,  /* a batch failed: give up trying its items one by one */
    OUTBOX_LOOK_MS = 50,      /* how often it looks when no bell has rung */
    OUTBOX_AWAY_MS = 1000,    /* pause before an absent key-value server is asked again */
    THREADS_MAX = ENGINE_WORKERS_MAX + 5,
};

struct engine {
    struct engine_options o;
    struct env *env;
    struct sched *sched;
    struct clock *clock;

    struct gate *queue; /* guards the next four; the ingest thread waits here */
    struct ingest_item *first, **last;
    uint64_t n_waiting;
    bool closed; /* takes no more items */

    struct gate *watch; /* guards is_watched and held; idle workers wait here */
    bool is_watched;
    bool held;      /* nobody has the watch, and nobody may take it yet */
    uint64_t rings; /* heard; whoever has the watch */

    bool delivers;       /* there is a key-value server; constant once threads run */
    struct gate *outbox; /* guards has_news; the thread that delivers waits here */
    bool has_news;       /* a worker has stored something since */

    struct gate *life; /* guards the next three; housekeeping and engine_stop wait here */
    bool stopping;
    unsigned n_running;
    unsigned n_holding; /* threads among them that may hold what the keeper renews */

    pthread_t thread[THREADS_MAX];
    size_t n_threads;

    /* The batch under way; the ingest thread's own. */
    struct ingest_item *item[INBOX_BATCH_MAX];
    struct event event[INBOX_BATCH_MAX];
    struct inbox_result result[INBOX_BATCH_MAX];

    struct valve valve;
    atomic_bool broken, told_stopped;
    _Atomic uint64_t workers; /* that have not ended */
    _Atomic uint64_t work_done, work_failed, work_dead, ingested, ingest_commits, ingest_refused;
    _Atomic int ingest_last;
    _Atomic msec ingest_last_at, beat_at;
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static msec now_mono(struct engine *g)
{
    return clock_mono(g->clock);
}

/* One line about the engine, unless there were too many this second. */
static void say(struct engine *g, enum log_level level, enum log_event event, const char *key,
                const char *why)
{
    uint64_t held = 0;

    if (!valve_pass(&g->valve, now_mono(g), &held))
        return;
    struct log_field said[6] = { LF_ENV(g->env) };
    size_t n = 3;
    if (key[0])
        said[n++] = LF("key", str_of(key));
    said[n++] = LF("error", str_of(why));
    if (held)
        said[n++] = LF_INT("held", (int64_t)held);
    log_write(g->o.log, level, event, said, n);
}

static void broke(struct engine *g, const struct error *e)
{
    if (atomic_exchange(&g->broken, true))
        return;
    engine_halt(g);
    log_say(g->o.log, LOG_ERROR, LOG_work_stopped, LF_ENV(g->env), LF("error", str_of(e->text)));
    if (g->o.on_broken)
        g->o.on_broken(g->o.broken_ctx, e);
}

/* The last act of each thread. */
static void *ended(struct engine *g)
{
    gate_lock(g->sched, g->life);
    assert(g->n_running > 0);
    g->n_running--;
    gate_wake(g->sched, g->life);
    gate_unlock(g->sched, g->life);
    return NULL;
}

/* The same of one that the keeper lives for. */
static void *ended_holding(struct engine *g)
{
    gate_lock(g->sched, g->life);
    assert(g->n_holding > 0);
    g->n_holding--;
    gate_unlock(g->sched, g->life);
    return ended(g);
}

/* ---- workers ---- */

static void tell_outcome(struct engine *g, const struct work_report *r)
{
    if (r->drift)
        log_say(g->o.log, LOG_WARN, LOG_drift_found, LF_ENV(g->env), LF("key", str_of(r->key)),
                LF_INT("differences", r->drift));
    if (r->dead) {
        count(&g->work_dead, 1);
        say(g, LOG_ERROR, LOG_work_dead, r->key, r->why);
    } else if (r->failed) {
        count(&g->work_failed, 1);
        say(g, LOG_WARN, LOG_work_failed, r->key, r->why);
    } else {
        count(&g->work_done, 1);
    }
}

static void take_watch(struct engine *g)
{
    gate_lock(g->sched, g->watch);
    while (g->is_watched || g->held)
        gate_wait(g->sched, g->watch, NO_DEADLINE);
    g->is_watched = true;
    gate_unlock(g->sched, g->watch);
}

static void give_watch(struct engine *g)
{
    gate_lock(g->sched, g->watch);
    g->is_watched = false;
    gate_wake(g->sched, g->watch);
    gate_unlock(g->sched, g->watch);
}

void engine_release(struct engine *g)
{
    gate_lock(g->sched, g->watch);
    g->held = false;
    gate_wake(g->sched, g->watch);
    gate_unlock(g->sched, g->watch);
}

/* When to look again; 0: now, there is work. */
static enum status next_look(struct engine *g, msec *when)
{
    struct error e = { 0 };
    enum status st = due_next(g->env, when, &e);

    if (st == ST_OK && *when <= now_mono(g))
        *when = 0;
    if (st == ST_BROKEN) {
        broke(g, &e);
    } else if (st != ST_OK) {
        say(g, LOG_WARN, LOG_work_failed, "", e.text);
        *when = now_mono(g) + STORE_AWAY_MS;
    }
    return st;
}

/* Sleeps until a key is ready. One idle worker has the watch and looks whenever the bell rings; the
 * others sleep until it has found something, and look then, too. If all of them looked, an event
 * would cost more for the looks than for itself. False: the store is damaged. */
static bool await_work(struct engine *g)
{
    enum status st = ST_OK;
    msec when = 1;

    env_ring(
        g->env); /* what this worker has just put off may be due before the watch looks again */
    take_watch(g);
    while (!env_stopping(g->env)) {
        st = next_look(g, &when);
        if (st == ST_BROKEN || when == 0)
            break;
        env_wait(g->env, &g->rings, when);
    }
    give_watch(g);
    return st != ST_BROKEN;
}

/* The environment stopped itself: why is said once, by whichever worker is first. */
static void tell_stopped(struct engine *g)
{
    gate_lock(g->sched, g->env->gate);
    const char *why = g->env->stopped_why;
    gate_unlock(g->sched, g->env->gate);
    if (why && !atomic_exchange(&g->told_stopped, true))
        say(g, LOG_ERROR, LOG_work_stopped, "", why);
}

/* The store is away: neither the bell nor work is worth a look. */
static void pause_work(struct engine *g)
{
    msec until = now_mono(g) + STORE_AWAY_MS;
    uint64_t heard = 0;

    while (!env_stopping(g->env) && now_mono(g) < until)
        env_wait(g->env, &heard, until);
}

/* Until the store is there again to take back what this worker has claimed. False: it is damaged.
 */
static bool rest_and_let_go(struct engine *g, struct work_left *left)
{
    enum status st = ST_RETRY;

    while (st != ST_OK && !env_stopping(g->env)) {
        struct error e = { 0 };
        pause_work(g);
        st = work_let_go(g->env, left, &e);
        if (st == ST_BROKEN) {
            broke(g, &e);
            return false;
        }
    }
    return true;
}

static void ring_outbox(struct engine *g)
{
    if (!g->delivers)
        return;
    gate_lock(g->sched, g->outbox);
    g->has_news = true;
    gate_wake(g->sched, g->outbox);
    gate_unlock(g->sched, g->outbox);
}

/* One look for work. False: this worker has come to its end. */
static bool work_once(struct engine *g)
{
    struct work_report report = { 0 };
    struct error e = { 0 };

    switch (work_one(g->env, &report, &e)) {
    case ST_OK:
        tell_outcome(g, &report);
        ring_outbox(g);
        return true;
    case ST_NONE: return await_work(g);
    case ST_BROKEN: broke(g, &e); return false;
    case ST_REFUSED:
        if (env_stopping(g->env)) {
            tell_stopped(g);
            return false;
        }
        if (e.sealed && !g->o.ingest) { /* a command; a daemon is begun anew (cli/reopening) */
            broke(g, &e);
            return false;
        }
        __attribute__((fallthrough)); /* the store refuses: its trouble may be mended meanwhile */
    case ST_RETRY:
    case ST_CONFLICT:
    case ST_INVALID: break;
    case ST_LIMIT:
        if (!g->o.ingest) {
            broke(g, &e);
            return false;
        }
        break;
    }
    say(g, LOG_WARN, LOG_work_failed, report.key, e.text);
    return rest_and_let_go(g, &report.left);
}

static void *worker_main(void *arg)
{
    struct engine *g = arg;

    bool goes_on = await_work(g); /* eight that look at once open four connections at the start */
    while (goes_on && !env_stopping(g->env))
        goes_on = work_once(g);
    atomic_fetch_sub(&g->workers, 1);
    return ended_holding(g);
}

/* ---- ingest ---- */

bool engine_ingest(struct engine *g, struct ingest_item *first, size_t n)
{
    struct ingest_item *last = first;

    assert(g->o.ingest && n > 0);
    for (size_t i = 1; i < n; i++)
        last = last->next;
    last->next = NULL;
    gate_lock(g->sched, g->queue);
    bool taken = !g->closed && n <= INGEST_WAITING_MAX - g->n_waiting;
    if (taken) {
        *g->last = first;
        g->last = &last->next;
        g->n_waiting += n;
        gate_wake(g->sched, g->queue);
    }
    gate_unlock(g->sched, g->queue);
    if (!taken)
        count(&g->ingest_refused, n);
    return taken;
}

/* Takes what waits, up to one transaction's worth. 0: closed, and everything is stored. */
static size_t take_batch(struct engine *g)
{
    size_t n = 0, bytes = 0;

    gate_lock(g->sched, g->queue);
    while (!g->first && !g->closed)
        gate_wait(g->sched, g->queue, NO_DEADLINE);
    while (g->first && n < INBOX_BATCH_MAX &&
           (n == 0 || g->first->event.body.n <= INGEST_BATCH_BYTES_MAX - bytes)) {
        struct ingest_item *item = g->first;
        g->first = item->next;
        bytes += item->event.body.n;
        if (bytes > INGEST_BATCH_BYTES_MAX)
            bytes = INGEST_BATCH_BYTES_MAX;
        g->item[n] = item;
        g->event[n] = item->event;
        n++;
    }
    if (!g->first)
        g->last = &g->first;
    g->n_waiting -= n;
    gate_unlock(g->sched, g->queue);
    return n;
}

/* One transaction for the items from `from`; each item's answer is set. */
static enum status put(struct engine *g, size_t from, size_t n, struct error *e)
{
    enum status st = inbox_put_many(g->env, g->event + from, n, g->result + from, e);

    for (size_t i = from; i < from + n; i++) {
        g->item[i]->status = st;
        g->item[i]->disk_full = st == ST_LIMIT && e->disk_full;
        if (st == ST_OK)
            g->item[i]->result = g->result[i];
    }
    if (st == ST_OK) {
        count(&g->ingest_commits, 1);
        count(&g->ingested, n);
    }
    return st;
}

/* The batch failed by what is in it, or on a full disk: one by one, so that a single bad event
 * does not keep its neighbours out. */
static enum status put_one_by_one(struct engine *g, size_t n, struct error *e)
{
    unsigned failures = 0;

    for (size_t i = 0; i < n && failures < SINGLE_FAILURES_MAX; i++) {
        struct error one = { 0 };
        enum status st = put(g, i, 1, &one);
        failures = st == ST_OK ? 0 : failures + 1;
        if (st == ST_RETRY || st == ST_BROKEN) {
            *e = one;
            return st;
        }
    }
    return failures ? e->status : ST_OK;
}

static enum status put_batch(struct engine *g, size_t n, struct error *e)
{
    if (atomic_load(&g->broken)) { /* nothing more is written into what is damaged */
        for (size_t i = 0; i < n; i++)
            g->item[i]->status = ST_BROKEN;
        return fail(e, ST_BROKEN, "%s has stopped on damage", g->env->name);
    }
    enum status st = put(g, 0, n, e);
    switch (st) {
    case ST_OK:
    case ST_RETRY:
    case ST_BROKEN:
    case ST_REFUSED: return st;
    case ST_NONE:
    case ST_CONFLICT:
    case ST_INVALID:
    case ST_LIMIT: return n > 1 ? put_one_by_one(g, n, e) : st;
    }
    return st;
}

static void *ingest_main(void *arg)
{
    struct engine *g = arg;
    size_t n;

    while ((n = take_batch(g)) > 0) {
        struct error e = { 0 };
        enum status st = put_batch(g, n, &e);
        atomic_store(&g->ingest_last, (int)st);
        atomic_store(&g->ingest_last_at, now_mono(g));
        if (st == ST_BROKEN)
            broke(g, &e); /* before the answers: nobody may take the next ones for good */
        else if (st != ST_OK)
            say(g, LOG_ERROR, LOG_webhook_deferred, "", e.text);
        for (size_t i = 0; i < n; i++)
            g->item[i]->done(g->item[i]);
    }
    return ended(g);
}

/* ---- the key-value server ---- */

/* Sleeps until a worker has stored something, or for `span`. */
static void await_news(struct engine *g, msec span)
{
    msec until = now_mono(g) + span;

    gate_lock(g->sched, g->outbox);
    while (!g->has_news && !env_stopping(g->env) && now_mono(g) < until)
        gate_wait(g->sched, g->outbox, until);
    g->has_news = false;
    gate_unlock(g->sched, g->outbox);
}

/* The server is away: what is due waits. */
static void await_server(struct engine *g)
{
    msec until = now_mono(g) + OUTBOX_AWAY_MS;

    while (!env_stopping(g->env) && now_mono(g) < until)
        await_news(g, until - now_mono(g));
}

static enum status deliver(struct engine *g, msec *check_at, size_t *n, struct error *e)
{
    enum status st = ST_OK;

    *n = 0;
    if (now_mono(g) >= *check_at) {
        st = outbox_check(g->env, e);
        *check_at = now_mono(g) + OUTBOX_CHECK_MS;
    }
    return st == ST_OK ? outbox_deliver(g->env, n, e) : st;
}

static void *outbox_main(void *arg)
{
    struct engine *g = arg;
    msec check_at = now_mono(g);
    bool was_away = false;

    while (!env_stopping(g->env)) {
        struct error e = { 0 };
        size_t n;
        enum status st = deliver(g, &check_at, &n, &e);
        if (st == ST_BROKEN) {
            broke(g, &e);
            break;
        }
        if (st != ST_OK && !was_away) /* once, until it is back */
            say(g, LOG_WARN, LOG_outbox_waits, "", e.text);
        if (st == ST_OK && was_away)
            say(g, LOG_INFO, LOG_outbox_goes_on, "", "");
        was_away = st != ST_OK;
        if (was_away) {
            check_at = now_mono(g); /* it may come back empty */
            await_server(g);
        } else if (n == 0) {
            await_news(g, OUTBOX_LOOK_MS);
        }
    }
    return ended(g);
}

/* ---- housekeeping ---- */

/* Sleeps until the next second or the end. False: the end. */
static bool await_tick(struct engine *g, msec when)
{
    gate_lock(g->sched, g->life);
    while (!g->stopping && now_mono(g) < when)
        gate_wait(g->sched, g->life, when);
    bool go_on = !g->stopping;
    gate_unlock(g->sched, g->life);
    return go_on;
}

/* Forgets for a while. True: there is more. */
static bool forget_some(struct engine *g, enum status *st, struct error *e)
{
    msec until = now_mono(g) + RETENTION_SHARE_MS;
    bool more = true;

    do {
        more = false;
        *st = retention_run(g->env, &more, e);
    } while (*st == ST_OK && more && now_mono(g) < until && !env_stopping(g->env));
    return *st == ST_OK && more;
}

/* False: the store is damaged. */
static bool run_schedule(struct engine *g)
{
    struct error e = { 0 };
    enum status st = schedule_run(g->env, &e);

    if (st == ST_BROKEN)
        broke(g, &e);
    else if (st != ST_OK)
        say(g, LOG_WARN, LOG_housekeeping_failed, "", e.text);
    return st != ST_BROKEN;
}

/* An idle engine uses its store for hours not at all, and would serve what is no longer there. A
 * transaction that begins asks the store how it is. False: it is damaged. */
static bool store_is_sound(struct engine *g)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    if (tx_begin(&tx, g->env->world->store, TX_READ, &e) != ST_BROKEN)
        return true;
    broke(g, &e);
    return false;
}

static void *housekeeping_main(void *arg)
{
    struct engine *g = arg;
    msec tick = now_mono(g), retention_at = tick + RETENTION_FIRST_MS, look_at = tick;

    while (await_tick(g, tick += TICK_MS)) {
        if (g->o.every_second)
            g->o.every_second(g->o.ctx);
        if (!store_is_sound(g))
            break;
        if (g->o.scheduled && !run_schedule(g))
            break;
        if (now_mono(g) >= look_at) {
            struct error ignored = { 0 };
            (void)!erase_look(g->env, &ignored); /* another process may have erased somebody */
            look_at = now_mono(g) + ERASE_LOOK_MS;
        }
        if (now_mono(g) >= retention_at) {
            enum status st = ST_OK;
            struct error e = { 0 };
            bool more = forget_some(g, &st, &e);
            if (st == ST_BROKEN) {
                broke(g, &e);
                break;
            }
            if (st != ST_OK)
                say(g, LOG_WARN, LOG_housekeeping_failed, "", e.text);
            if (!more)
                retention_at = now_mono(g) + RETENTION_EVERY_MS;
        }
        msec now = now_mono(g);
        atomic_store(&g->beat_at, now);
        if (tick < now - TICK_MS)
            tick = now; /* what was slept over is not made up for */
    }
    return ended(g);
}

/* ---- leases ---- */

/* Sleeps until then, or the last one has ended who may hold anything. False: he has, and nobody
 * begins any more. */
static bool await_keeping(struct engine *g, msec when)
{
    gate_lock(g->sched, g->life);
    while ((!g->stopping || g->n_holding) && now_mono(g) < when)
        gate_wait(g->sched, g->life, when);
    bool go_on = !g->stopping || g->n_holding;
    gate_unlock(g->sched, g->life);
    return go_on;
}

/* What a claim, or an erasure, has of time. */
static enum status keep_all(struct engine *g, struct error *e)
{
    struct error other = { 0 };
    enum status st = due_keep(g->env, e), erasure = erase_keep(g->env, &other);

    if (st != ST_OK && erasure != ST_BROKEN)
        return st;
    if (erasure != ST_OK)
        *e = other;
    return erasure;
}

/* A thread of its own: nothing that takes its time may come before it. It outlives the halt, for
 * the last answers may take longer than a lease has left. */
static void *keeper_main(void *arg)
{
    struct engine *g = arg;
    const msec pause = g->env->set.lease_ms / (2 * DUE_KEEP_PART);

    while (await_keeping(g, now_mono(g) + pause)) {
        struct error e = { 0 };
        enum status st = keep_all(g, &e);
        if (st == ST_BROKEN) {
            broke(g, &e);
            break;
        }
        if (st != ST_OK)
            say(g, LOG_WARN, LOG_housekeeping_failed, "", e.text);
    }
    return ended(g);
}

/* ---- erasures that were interrupted ---- */

/* Until none is left, or one fails: that one rests. */
static enum status end_erasures(struct engine *g, msec before, struct error *e)
{
    enum status st = ST_OK;

    while (st == ST_OK && !env_stopping(g->env)) {
        st = erase_resume(g->env, before, e);
        if (st == ST_OK)
            say(g, LOG_INFO, LOG_erasure_ended, "", "");
    }
    return st == ST_NONE ? ST_OK : st;
}

/* A thread of its own, for it reads all texts that the store has. */
static void *eraser_main(void *arg)
{
    struct engine *g = arg;
    /* where no other process writes, whoever began one before us is dead */
    msec before = g->env->world->store->ops->crowded ? 0 : clock_wall(g->clock);
    msec pause = 0;

    while (await_tick(g, now_mono(g) + pause)) {
        struct error e = { 0 };
        enum status st = end_erasures(g, before, &e);
        if (st == ST_BROKEN) {
            broke(g, &e);
            break;
        }
        if (st != ST_OK && !env_stopping(g->env))
            say(g, LOG_WARN, LOG_housekeeping_failed, "", e.text);
        pause = ERASE_LOOK_MS;
    }
    return ended_holding(g);
}

/* ---- life ---- */

static enum status start_thread(struct engine *g, void *(*run)(void *), struct error *e)
{
    const bool holds = run == worker_main || run == eraser_main;

    gate_lock(g->sched, g->life);
    g->n_running++;
    g->n_holding += holds;
    gate_unlock(g->sched, g->life);
    int failed = pthread_create(&g->thread[g->n_threads], NULL, run, g);
    if (failed) {
        (void)(holds ? ended_holding(g) : ended(g));
        return fail(e, ST_LIMIT, "%s: cannot start a thread: %s; are too many running already?",
                    g->env->name, strerror(failed));
    }
    g->n_threads++;
    return ST_OK;
}

static enum status start_threads(struct engine *g, struct error *e)
{
    enum status st = start_thread(g, housekeeping_main, e);

    if (st == ST_OK)
        st = start_thread(g, keeper_main, e);
    if (st == ST_OK && g->o.ingest)
        st = start_thread(g, eraser_main, e);
    if (st == ST_OK && g->o.ingest)
        st = start_thread(g, ingest_main, e);
    if (st == ST_OK && g->delivers)
        st = start_thread(g, outbox_main, e);
    atomic_store(&g->workers, g->o.workers);
    for (unsigned i = 0; st == ST_OK && i < g->o.workers; i++)
        st = start_thread(g, worker_main, e);
    return st;
}

enum status engine_start(struct engine **out, const struct engine_options *o, struct error *e)
{
    sigset_t all, before;

    if (o->workers > ENGINE_WORKERS_MAX)
        return fail(e, ST_INVALID, "%s: %u workers; set workers to between 1 and %d", o->env->name,
                    o->workers, ENGINE_WORKERS_MAX);
    struct engine *g = calloc(1, sizeof *g);
    if (!g)
        return fail(e, ST_LIMIT, "%s: out of memory", o->env->name);
    g->o = *o;
    if (!g->o.workers)
        g->o.workers = ENGINE_WORKERS_DEFAULT;
    g->env = o->env;
    g->sched = o->env->world->sched;
    g->clock = o->env->world->clock;
    g->queue = gate_new(g->sched);
    g->watch = gate_new(g->sched);
    g->outbox = gate_new(g->sched);
    g->life = gate_new(g->sched);
    g->last = &g->first;
    g->valve = (struct valve)VALVE_INIT;
    g->closed = !o->ingest;
    g->held = o->held;
    g->delivers = outbox_has_server(g->env);
    atomic_store(&g->beat_at, now_mono(g));
    /* Signals are for the thread that asked for the engine. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    enum status st = start_threads(g, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (st != ST_OK) {
        engine_stop(g, TICK_MS);
        return st;
    }
    *out = g;
    return ST_OK;
}

void engine_halt(struct engine *g)
{
    env_stop(g->env);
    engine_release(g);
    gate_lock(g->sched, g->queue);
    g->closed = true;
    gate_wake(g->sched, g->queue);
    gate_unlock(g->sched, g->queue);
    ring_outbox(g);
    gate_lock(g->sched, g->life);
    g->stopping = true;
    gate_wake(g->sched, g->life);
    gate_unlock(g->sched, g->life);
}

void engine_stop(struct engine *g, msec grace)
{
    if (!g)
        return;
    msec until = now_mono(g) + grace;
    engine_halt(g);
    gate_lock(g->sched, g->life);
    while (g->n_running && now_mono(g) < until)
        gate_wait(g->sched, g->life, until);
    bool late = g->n_running != 0;
    gate_unlock(g->sched, g->life);
    if (late && g->o.abandon)
        g->o.abandon(g->o.ctx);
    for (size_t i = 0; i < g->n_threads; i++)
        pthread_join(g->thread[i], NULL);
    assert(!g->first);
    gate_free(g->sched, g->queue);
    gate_free(g->sched, g->watch);
    gate_free(g->sched, g->outbox);
    gate_free(g->sched, g->life);
    free(g);
}

static uint64_t read_count(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct engine_counters engine_counters(const struct engine *g)
{
    gate_lock(g->sched, g->queue);
    uint64_t waiting = g->n_waiting;
    gate_unlock(g->sched, g->queue);
    uint64_t workers = read_count(&g->workers);
    return (struct engine_counters){
        .work_done = read_count(&g->work_done),
        .work_failed = read_count(&g->work_failed),
        .work_dead = read_count(&g->work_dead),
        .ingested = read_count(&g->ingested),
        .ingest_commits = read_count(&g->ingest_commits),
        .ingest_refused = read_count(&g->ingest_refused),
        .ingest_waiting = waiting,
        .ingest_last = (enum status)atomic_load(&g->ingest_last),
        .ingest_last_at = atomic_load(&g->ingest_last_at),
        .beat_at = atomic_load(&g->beat_at),
        .workers = workers,
        .workers_lost = g->o.workers - workers,
    };
}
