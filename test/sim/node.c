#include "life_parts.h"

#include "backend/lock_file.h"
#include "backend/store_sqlite.h"
#include "backend/stripe_logged.h"
#include "backend/stripe_paced.h"
#include "catalog/saga.h"
#include "check.h"
#include "core/api.h"
#include "core/customer/outbox.h"
#include "core/due.h"
#include "core/environment/fuse.h"
#include "core/erasure/erase.h"
#include "core/inbox.h"
#include "core/mirror/sync.h"
#include "core/retention.h"
#include "core/verify.h"
#include "core/work.h"
#include "courier.h"
#include "duty.h"
#include "fibre.h"
#include "kv.h"
#include "orders.h"
#include "seed.h"
#include "stripe.h"
#include "switching.h"
#include "trace.h"
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STORE_AWAY_MS = 1000,
    STOP_GRACE_MS = 10000,
    TICK_MS_MAX = 600000,
    RECEIVE_MS_MAX = 60000,
    HANDOVER_WAIT_MS = 30000, /* as cli/cmd_serve.c */
    REOPEN_LOOK_MS = 2000,
    SWITCH_PAUSE_FIRST_MS = 1000, /* as cli/reopening.c */
    LOCK_PATH_MAX = 80,
};

static struct climate *climate;
struct node *nodes[SIDES], *beside;
bool machine_is_on;
static char lock_paths[SIDES][LOCK_PATH_MAX];
static unsigned lives;

void node_open(struct climate *c, const char *path)
{
    climate = c;
    machine_is_on = false;
    snprintf(lock_paths[0], LOCK_PATH_MAX, "%s", path);
    snprintf(lock_paths[1], LOCK_PATH_MAX, "%s.too", path);
}

const char *lock_path(void)
{
    return lock_paths[fibre_side()];
}

struct node *node_here(void)
{
    return nodes[fibre_side()];
}

bool node_is_up(void)
{
    return nodes[0] != NULL;
}

bool node_works(void)
{
    const struct node *n = node_here();

    return n && n->works && !n->stopping;
}

bool node_is_shut(void)
{
    return node_here() && node_here()->shut;
}

/* ---- the end of a life -------------------------------------------------------------------- */

/* Or it is a part of the process beside. */
static bool is_daemon(const struct node *n)
{
    return !beside || n->life != beside->life;
}

static void release_locks(void)
{
    lock_file_release(beside->lock);
    for (unsigned i = 0; i < SIDES; i++)
        if (beside->part[i])
            lock_file_release(beside->part[i]->lock);
}

/* From here on nothing of this life runs. Returns only to others. */
static void bury(struct node *n)
{
    unsigned life = n->life;
    bool daemon = is_daemon(n);

    for (unsigned i = 0; daemon && i < SIDES; i++) {
        if (nodes[i])
            lock_file_release(nodes[i]->lock);
        nodes[i] = NULL;
    }
    if (!daemon) {
        release_locks();
        beside = NULL;
    }
    disk_kill(life);
    sim_stripe_forget(life);
    if (n->role != ROLE_SECOND)
        kv_server_hang_up();
    if (daemon)
        courier_hang_up();
    fibre_end_life(life);
}

static void cut_power(void)
{
    trace("the power is cut");
    mark(MARK_POWER_CUT);
    tally->power_cuts++;
    machine_is_on = false;
    disk_power_cut();
    if (beside)
        bury(beside);
    if (nodes[0])
        bury(nodes[0]);
    check_disk("after a power cut");
}

static void kill_one(struct node *n)
{
    trace("the %s is killed", is_daemon(n) ? "node" : "process beside");
    mark(MARK_KILLED);
    tally->kills++;
    bury(n);
    check_disk("after a kill");
}

void stop(struct node *n)
{
    if (n->is_open)
        env_stop(&n->env);
    gate_lock(&sim_sched, n->queue);
    n->stopping = n->closed = true;
    gate_wake(&sim_sched, n->queue);
    gate_unlock(&sim_sched, n->queue);
    if (n->is_open)
        duty_ring(&n->duty);
}

void stop_all(void)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (nodes[i] && !nodes[i]->stopping)
            stop(nodes[i]);
}

/* Until then nobody listens to signals. */
static bool has_begun(void)
{
    bool all = true;

    for (unsigned i = 0; i < SIDES; i++)
        all &= !nodes[i] || nodes[i]->works || nodes[i]->shut || nodes[i]->ended;
    return all;
}

void node_end(enum node_end how)
{
    if (!nodes[0])
        return;
    if (how == END_STOPPED && !has_begun())
        how = END_KILLED;
    switch (how) {
    case END_STOPPED:
        trace("the node is told to stop");
        stop_all();
        return;
    case END_KILLED: kill_one(nodes[0]); return;
    case END_POWER_CUT: cut_power(); return;
    }
}

void node_end_beside(enum node_end how)
{
    if (beside && how == END_POWER_CUT)
        cut_power();
    else if (beside)
        kill_one(beside);
}

/* On the process' own behalf. */
void exit_because(struct node *n, const char *why)
{
    trace("the %s ends: %s", is_daemon(n) ? "node" : "process", why);
    bury(n);
}

static bool disk_may_fail(const struct node *n)
{
    const struct disk_climate *d = &n->c->disk;

    return d->read_fails || d->write_fails || d->sync_fails || tally->mark[MARK_DISK_FULL] ||
           tally->mark[MARK_DISK_BROKE];
}

void damaged(struct node *n, const struct error *e)
{
    if (!disk_may_fail(n))
        broke(PROMISE_SOUND, "the store is given up although the disk never failed: %s", e->text);
    if (strstr(e->text, "is damaged"))
        broke(PROMISE_SOUND, "a disk that fails has damaged the store: %s", e->text);
    mark(MARK_DAMAGE_ENDED_IT);
    exit_because(n, e->text);
}

/* ---- workers, as serve/engine.c has them --------------------------------------------------- */

static void await_work(struct node *n, uint64_t *rings)
{
    struct error e = { 0 };
    msec when = 0;
    enum status st = due_next(&n->env, &when, &e);

    if (st == ST_BROKEN)
        damaged(n, &e);
    if (st != ST_OK)
        when = clock_mono(&sim_clock) + STORE_AWAY_MS;
    env_wait(&n->env, rings, when);
}

static bool work_once(struct node *n, uint64_t *rings)
{
    struct work_report report = { 0 };
    struct error e = { 0 };

    switch (work_one(&n->env, &report, &e)) {
    case ST_OK: duty_ring(&n->duty); return true;
    case ST_NONE: await_work(n, rings); return true;
    case ST_REFUSED:
        if (env_stopping(&n->env))
            return false;
        __attribute__((fallthrough)); /* the store refuses: its trouble may be mended meanwhile */
    case ST_BROKEN: damaged(n, &e); return false;
    case ST_RETRY:
    case ST_CONFLICT:
    case ST_INVALID:
    case ST_LIMIT:
        trace("work fails: %s", e.text);
        env_wait(&n->env, rings, clock_mono(&sim_clock) + STORE_AWAY_MS);
        return true;
    }
    return false;
}

static void worker(void *arg)
{
    struct node *n = arg;
    uint64_t rings = 0;

    while (!env_stopping(&n->env) && work_once(n, &rings))
        ;
    if (n->env.stopped_why && stripe_key_was_foreign(fibre_side()))
        mark(MARK_WORK_STOPPED);
    else if (n->env.stopped_why)
        broke(PROMISE_APART, "the key has not changed, but: %s", n->env.stopped_why);
    n->n_running--;
}

/* ---- housekeeping --------------------------------------------------------------------------- */

static void housekeeping(void *arg)
{
    struct node *n = arg;

    while (!n->stopping) {
        struct error e = { 0 };
        bool more = true;
        msec until = clock_mono(&sim_clock) + seed_between(100, TICK_MS_MAX);
        while (!n->stopping && clock_mono(&sim_clock) < until) {
            gate_lock(&sim_sched, n->queue);
            gate_wait(&sim_sched, n->queue, until);
            gate_unlock(&sim_sched, n->queue);
        }
        enum status st = stripe_logged_flush(n->logged, n->world.store, &e);
        while (st == ST_OK && more)
            st = retention_run(&n->env, &more, &e);
        if (st == ST_BROKEN)
            damaged(n, &e);
    }
    n->n_running--;
}

/* As the engine's keeper; where the machine is slow, it comes too late, and claims are lost. */
static void keep_leases(void *arg)
{
    struct node *n = arg;
    const msec pause = n->env.set.lease_ms / (2 * DUE_KEEP_PART);

    while (!n->stopping) {
        struct error e = { 0 };
        msec until = clock_mono(&sim_clock) + pause;
        while (!n->stopping && clock_mono(&sim_clock) < until) {
            gate_lock(&sim_sched, n->queue);
            gate_wait(&sim_sched, n->queue, until);
            gate_unlock(&sim_sched, n->queue);
        }
        if (n->c->keeper_sleeps && seed_chance(n->c->keeper_sleeps))
            continue;
        if (due_keep(&n->env, &e) == ST_BROKEN ||
            (n->c->erasures && erase_keep(&n->env, &e) == ST_BROKEN))
            damaged(n, &e);
    }
    n->n_running--;
}

static void damaged_duty(void *arg, const struct error *e)
{
    damaged(arg, e);
}

static void outbox(void *arg)
{
    struct node *n = arg;

    duty_deliver(&n->duty);
    n->n_running--;
}

static void clockwork(void *arg)
{
    struct node *n = arg;

    duty_keep_time(&n->duty, n->c->tick_ms);
    n->n_running--;
}

static void eraser(void *arg)
{
    struct node *n = arg;

    duty_end_erasures(&n->duty);
    n->n_running--;
}

/* ---- the beginning of a life ----------------------------------------------------------------- */

struct stripe *open_stripe(struct node *n)
{
    struct error e = { 0 };
    struct stripe *paced;
    const struct rate_options o = { .per_second = n->c->requests_per_second };

    if (stripe_paced_open(&paced, sim_stripe(n->c, n->wrong_key, n->switching), &sim_clock,
                          &sim_sched, &sim_rng, &o, &e) != ST_OK ||
        stripe_logged_open(&n->logged, paced, &sim_clock, &sim_sched, &e) != ST_OK)
        abort();
    return n->logged;
}

enum status open_store(struct node *n, struct error *e)
{
    struct store_sqlite_options o = { .path = side()->path,
                                      .sched = &sim_sched,
                                      .clock = &sim_clock,
                                      .vfs = DISK_VFS,
                                      .in_memory = true,
                                      .batch_max = n->c->batch_max,
                                      .checkpoint_pages = n->c->checkpoint_pages };
    struct store *real;

    enum status st = store_sqlite_open(&real, &o, e);
    if (st == ST_OK)
        n->world.store = watch_open(real, n->switching);
    return st;
}

/* Who has the store and listens on its socket; NULL: nobody does. */
static struct node *who_listens(const struct node *asks)
{
    struct node *here = node_here();
    struct node *n = here && here->works ? here : beside && beside->works ? beside : NULL;

    return n && n != asks && n->lock >= 0 ? n : NULL;
}

/* As cli/cmd_serve.c: a command gives the store up when it is asked, a daemon does not. */
static enum status open_or_take_over(struct node *n, struct error *e)
{
    msec until = clock_mono(&sim_clock) + HANDOVER_WAIT_MS;

    for (;;) {
        struct error why = { 0 };
        enum status st = lock_file_take(lock_path(), &n->lock, &why);
        if (st == ST_OK)
            return ST_OK;
        struct node *holder = who_listens(n);
        bool refused = holder && holder->role != ROLE_COMMAND;
        if (holder && !refused && !holder->handed_over) {
            trace("asks life %u to hand over", holder->life);
            holder->handed_over = true;
            env_stop(&holder->env);
        }
        if (refused || clock_mono(&sim_clock) >= until) {
            *e = why;
            return st;
        }
        clock_sleep(&sim_clock, LOCK_LOOK_MS);
    }
}

/* As cli/wire.c: never begins unproven. */
static enum status identify(struct node *n, struct identity *out, struct error *e)
{
    msec until = clock_mono(&sim_clock) + IDENTIFY_MS_MAX;

    for (unsigned attempt = 1;; attempt++) {
        struct error why = { 0 };
        enum status st = env_identify(&n->world, n->env.declared, out, &why);
        msec pause = api_pause(attempt, &sim_rng);
        if (st != ST_RETRY || n->tries_once || clock_mono(&sim_clock) + pause >= until) {
            *e = why;
            return st;
        }
        clock_sleep(&sim_clock, pause);
    }
}

/* As cli/wire.c: who was switched away from is not worked for, nor who is on either end of a switch
 * that is under way. */
static enum status check_seal(struct node *n, struct error *e)
{
    enum status st = seal_read(&n->env, &n->seal, e);

    if (st != ST_OK && st != ST_NONE)
        return st;
    if (n->switching || !(n->seal.sealed_for[0] || n->seal.target[0] || switch_leads_here()))
        return ST_OK;
    return fail(e, ST_LIMIT, "environment %s is sealed, or a switch is under way", n->env.name);
}

/* The right key is taken, and no other. */
static void check_adopted(const struct node *n, const struct identity *id, enum status st,
                          const struct error *e)
{
    bool mine = strcmp(id->account, side()->account) == 0 && id->livemode == side()->livemode;

    if (st == ST_CONFLICT && mine)
        broke(PROMISE_APART, "the right key is refused: %s", e->text);
    if (st == ST_CONFLICT && (n->wrong_key || sides() > 1))
        mark(MARK_WRONG_KEY);
    if (st == ST_OK && !mine)
        broke(PROMISE_APART, "the mirror of %s was taken over with a key for %s", side()->account,
              id->account);
}

void init_env(struct node *n)
{
    env_init(&n->env, side()->name, &n->world);
    n->is_open = true;
    duty_init(&n->duty, &n->env, damaged_duty, n);
    n->env.set = n->c->set;
    n->env.work_op = saga_work; /* as cli/wire.c */
    n->env.connect = n->c->guests > 0;
    n->env.key_restricted = n->c->restricted;
    if (n->c->restricted) /* it may lose the right to read its account */
        snprintf(n->env.declared, sizeof n->env.declared, "%s", side()->account);
}

enum status identify_and_adopt(struct node *n, struct error *e)
{
    struct identity id;
    enum status st = identify(n, &id, e);

    if (st == ST_OK && sides() > 1) /* it took its time */
        st = check_seal(n, e);
    if (st != ST_OK)
        return st;
    st = env_adopt(&n->env, &id, e);
    check_adopted(n, &id, st, e);
    return st == ST_OK ? due_restart(&n->env, e) : st;
}

static enum status open_all(struct node *n, struct error *e)
{
    enum status st = open_store(n, e);

    if (st != ST_OK)
        return st;
    init_env(n);
    if (sides() > 1)
        st = check_seal(n, e);
    return st == ST_OK ? identify_and_adopt(n, e) : st;
}

void close_store(struct node *n)
{
    n->is_open = false;
    env_free(&n->env);
    n->world.store->ops->close(n->world.store);
    n->world.store = NULL;
}

/* Everybody comes to an end, and the store is closed in good order. After the grace, the rest is
 * cut off. */
void close_all(struct node *n, msec grace)
{
    struct error e = { 0 };
    msec until = clock_mono(&sim_clock) + grace;

    n->works = false;
    while (n->n_running && clock_mono(&sim_clock) < until)
        fibre_pause(50);
    if (n->n_running) {
        exit_because(n, "some requests were still under way after the grace");
        return;
    }
    if (n->is_open) {
        (void)!stripe_logged_flush(n->logged, n->world.store, &e);
        close_store(n);
    }
    stripe_close(n->world.stripe);
}

static bool all_ended(void)
{
    bool all = true;

    for (unsigned i = 0; i < SIDES; i++)
        all &= !nodes[i] || nodes[i]->ended;
    return all;
}

/* The last one ends the process. */
static void shut_down(struct node *n)
{
    close_all(n, STOP_GRACE_MS);
    if (switch_is_child_of(n)) /* as cli/switch/continuing.c */
        kill_one(beside);
    n->ended = true;
    if (n == node_here() && !all_ended())
        fibre_exit();
    mark(MARK_STOPPED);
    tally->stops++;
    exit_because(n, "stopped in good order");
}

static void spawn(struct node *n, const char *name, void (*run)(void *))
{
    n->n_running++;
    fibre_spawn(n->life, name, run, n);
}

/* The lock first: whoever has it may write. */
static void take_store(struct node *n)
{
    struct error e = { 0 };
    enum status st = open_or_take_over(n, &e);

    if (st != ST_OK && n->role == ROLE_SECOND)
        mark(MARK_SECOND_REFUSED);
    if (st != ST_OK) /* the sentence names a real file and a real process: no part of the story */
        exit_because(n, st == ST_CONFLICT ? "somebody else has the store" : e.text);
    if (n->role == ROLE_SECOND && !node_here())
        exit_because(n, "the first daemon is gone, and a new one will come");
}

void open_or_end(struct node *n)
{
    struct error e = { 0 };

    check_new_life();
    enum status st = open_all(n, &e);
    if (st == ST_BROKEN && !disk_may_fail(n))
        broke(PROMISE_SOUND, "the store cannot be opened although the disk never failed: %s",
              e.text);
    if (st != ST_OK)
        exit_because(n, e.text);
}

void spawn_workers(struct node *n)
{
    spawn(n, "keeper", housekeeping);
    spawn(n, "leases", keep_leases);
    if (outbox_has_server(&n->env))
        spawn(n, "outbox", outbox);
    if (n->c->tick_ms && !n->switching)
        spawn(n, "clock", clockwork);
    for (unsigned i = 0; i < n->c->workers; i++) {
        char name[24];
        snprintf(name, sizeof name, "worker %u", i + 1);
        spawn(n, name, worker);
    }
}

/* As cli/serving.c: one that cannot be opened stays shut, and the others work. */
static void stay_shut(struct node *n, const struct error *e)
{
    trace("environment %s stays shut: %s", side()->name, e->text);
    mark(MARK_SHUT);
    if (n->is_open)
        close_store(n);
    lock_file_release(n->lock);
    n->lock = -1;
    n->shut = true;
}

/* As cli/cmd_serve.c: then it is not even tried. */
static bool is_kept_shut(struct node *n)
{
    struct identity ignored;
    struct error why = { .status = ST_CONFLICT, .text = "sealed, or a switch is under way" };

    if (sides() == 1 || n->role != ROLE_DAEMON || !(side_is_left() || switch_leads_here()))
        return false;
    (void)side_seal(&n->seal, &ignored);
    stay_shut(n, &why);
    return true;
}

static void open_or_stay_shut(struct node *n)
{
    struct error e = { 0 };

    check_new_life();
    enum status st = open_all(n, &e);
    if (st == ST_BROKEN && !disk_may_fail(n))
        broke(PROMISE_SOUND, "the store cannot be opened although the disk never failed: %s",
              e.text);
    if (st == ST_BROKEN)
        exit_because(n, e.text);
    n->works = st == ST_OK;
    if (st != ST_OK)
        stay_shut(n, &e);
}

/* As cli/reopening.c: has the seal changed, or does Stripe say now that the key is right? */
static bool is_to_begin_anew(struct node *n)
{
    struct identity now;
    struct error ignored = { 0 };
    bool lost = n->is_open && n->env.stopped_why;

    if (seal_changed(&n->seal))
        return true;
    if ((!lost && !n->shut) || n->seal.sealed_for[0] || n->seal.target[0] || switch_leads_here())
        return false;
    return env_identify(&n->world, n->c->restricted ? side()->account : "", &now, &ignored) ==
               ST_OK &&
           strcmp(now.account, side()->account) == 0 && now.livemode == side()->livemode;
}

static void reopening(void *arg)
{
    struct node *n = arg;

    while (!n->stopping) {
        msec until = clock_mono(&sim_clock) + seed_between(REOPEN_LOOK_MS / 5, REOPEN_LOOK_MS);
        while (!n->stopping && clock_mono(&sim_clock) < until)
            fibre_pause(200);
        if (n->stopping || switch_is_child_of(n)) /* what that changes is looked at behind it */
            continue;
        if (!is_to_begin_anew(n)) {
            switch_go_on(n);
            continue;
        }
        trace("the process begins anew, for %s", side()->name);
        stop_all();
    }
    n->n_running--;
}

/* As serve/daemon.c: those of all environments are known, and each takes its own. */
static void take_secrets(struct node *n)
{
    struct secret secret[SIDES] = { 0 };
    struct verify_secrets all[SIDES];
    struct error e = { 0 };

    for (unsigned i = 0; i < sides(); i++) {
        if (!secret_set(&secret[i], str_of(side_at(i)->secret)))
            abort();
        all[i] = (struct verify_secrets){ side_at(i)->name, &secret[i], 1 };
    }
    if (verifier_new(&n->verifier, side()->name, all, sides(), &e) != ST_OK)
        abort();
}

static void daemon_life(void *arg)
{
    struct node *n = arg;

    take_secrets(n);
    if (!is_kept_shut(n))
        take_store(n);
    if (sides() > 1) {
        if (!n->shut)
            open_or_stay_shut(n);
        n->switch_pause = SWITCH_PAUSE_FIRST_MS;
        n->switch_at = clock_mono(&sim_clock) + REOPEN_LOOK_MS;
        spawn(n, "reopening", reopening);
    } else {
        open_or_end(n);
        n->works = true;
    }
    if (n->works) {
        trace("the node works");
        spawn(n, "ingest", ingest);
        spawn_workers(n);
        if (n->c->erasures)
            spawn(n, "eraser", eraser);
    }
    while (!n->stopping) {
        gate_lock(&sim_sched, n->queue);
        gate_wait(&sim_sched, n->queue, NO_DEADLINE);
        gate_unlock(&sim_sched, n->queue);
    }
    shut_down(n);
}

struct node *new_part(enum role role, unsigned life)
{
    struct node *n = calloc(1, sizeof *n);

    if (!n)
        abort();
    *n = (struct node){ .c = climate, .role = role, .life = life, .lock = -1 };
    n->queue = gate_new(&sim_sched);
    n->world = (struct world){ .clock = &sim_clock,
                               .rng = &sim_rng,
                               .sched = &sim_sched,
                               .kv = n->c->kv ? kv_server_connect() : kv_none() };
    return n;
}

struct node *new_life(enum role role)
{
    assert(lives + 1 < LIVES_MAX);
    lives++;
    *(role == ROLE_DAEMON ? &tally->lives : &tally->beside) += 1;
    if (!machine_is_on)
        clock_boot(seed_chance(50) ? seed_between(0, 100000) : seed_between(0, 30LL * 86400000));
    return new_part(role, lives);
}

void node_boot(bool wrong_key)
{
    assert(!nodes[0]);
    bool machine = !machine_is_on;
    unsigned here = fibre_side();

    for (unsigned i = 0; i < sides(); i++) {
        fibre_go_to(i);
        nodes[i] = i ? new_part(ROLE_DAEMON, nodes[0]->life) : new_life(ROLE_DAEMON);
        nodes[i]->wrong_key = wrong_key;
        nodes[i]->world.stripe = open_stripe(nodes[i]);
    }
    machine_is_on = true;
    trace("life %u begins%s%s", nodes[0]->life, machine ? " with the machine" : "",
          wrong_key ? ", with another account's key" : "");
    for (unsigned i = 0; i < sides(); i++) {
        fibre_go_to(i);
        fibre_spawn(nodes[i]->life, "daemon", daemon_life, nodes[i]);
    }
    fibre_go_to(here);
}

void node_second_daemon(void)
{
    if (!node_works() || beside)
        return;
    beside = new_life(ROLE_SECOND);
    beside->world.stripe = open_stripe(beside);
    trace("life %u begins: a second daemon", beside->life);
    fibre_spawn(beside->life, "second", daemon_life, beside);
}
