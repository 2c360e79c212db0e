#include "life_parts.h"

#include "backend/lock_file.h"
#include "backend/store_sqlite.h"
#include "backend/stripe_logged.h"
#include "backend/stripe_paced.h"
#include "catalog/saga.h"
#include "check.h"
#include "core/api.h"
#include "core/due.h"
#include "core/fuse.h"
#include "core/inbox.h"
#include "core/outbox.h"
#include "core/retention.h"
#include "core/sync.h"
#include "core/verify.h"
#include "core/work.h"
#include "courier.h"
#include "duty.h"
#include "fibre.h"
#include "kv.h"
#include "orders.h"
#include "seed.h"
#include "stripe.h"
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
    BODY_BYTES_MAX = 1 << 20,
    HANDOVER_WAIT_MS = 30000, /* as cli/cmd_serve.c */
};

/* A delivery between the HTTP loop and the disk. */
struct item {
    struct event event;
    struct inbox_result result;
    struct arena arena;
    enum status status;
    bool done;
    struct gate *gate;
};

static struct climate *climate;
struct node *node, *beside;
bool machine_is_on;
const char *lock_path;
static char account[ACCOUNT_ID_MAX + 1];
static unsigned lives;

void node_open(struct climate *c, const char *path, const char *acct)
{
    climate = c;
    lock_path = path;
    machine_is_on = false;
    snprintf(account, sizeof account, "%s", acct);
}

bool node_is_up(void)
{
    return node != NULL;
}

bool node_works(void)
{
    return node && node->works && !node->stopping;
}

/* ---- the end of a life -------------------------------------------------------------------- */

/* From here on nothing of this life runs. Returns only to others. */
static void bury(struct node *n)
{
    unsigned life = n->life;
    bool is_daemon = n == node;

    *(is_daemon ? &node : &beside) = NULL;
    disk_kill(life);
    lock_file_release(n->lock);
    sim_stripe_forget(life);
    if (n->role != ROLE_SECOND)
        kv_server_hang_up();
    if (is_daemon)
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
    if (node)
        bury(node);
    check_disk("after a power cut");
}

static void kill_one(struct node *n)
{
    trace("the %s is killed", n == node ? "node" : "process beside");
    mark(MARK_KILLED);
    tally->kills++;
    bury(n);
    check_disk("after a kill");
}

void stop(struct node *n)
{
    env_stop(&n->env);
    gate_lock(&sim_sched, n->queue);
    n->stopping = n->closed = true;
    gate_wake(&sim_sched, n->queue);
    gate_unlock(&sim_sched, n->queue);
    duty_ring(&n->duty);
}

void node_end(enum node_end how)
{
    struct node *n = node;

    if (!n)
        return;
    if (how == END_STOPPED && !n->works) /* nobody listens to signals yet */
        how = END_KILLED;
    switch (how) {
    case END_STOPPED:
        trace("the node is told to stop");
        stop(n);
        return;
    case END_KILLED: kill_one(n); return;
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
    trace("the %s ends: %s", n == node ? "node" : "process", why);
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
    case ST_REFUSED: return false;
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
    if (n->env.stopped_why)
        broke(PROMISE_APART, "the key has not changed, but: %s", n->env.stopped_why);
    n->n_running--;
}

/* ---- ingest -------------------------------------------------------------------------------- */

static size_t take_batch(struct node *n, struct item *batch[QUEUE_MAX])
{
    gate_lock(&sim_sched, n->queue);
    while (!n->n_items && !n->closed)
        gate_wait(&sim_sched, n->queue, NO_DEADLINE);
    size_t k = n->n_items;
    memcpy(batch, n->item, k * sizeof *batch);
    n->n_items = 0;
    gate_unlock(&sim_sched, n->queue);
    return k;
}

static enum status put(struct node *n, struct item *batch[QUEUE_MAX], size_t from, size_t k,
                       struct error *e)
{
    struct event event[QUEUE_MAX] = { 0 };
    struct inbox_result result[QUEUE_MAX];

    for (size_t i = 0; i < k; i++)
        event[i] = batch[from + i]->event;
    enum status st = inbox_put_many(&n->env, event, k, result, e);
    for (size_t i = 0; i < k; i++)
        batch[from + i]->status = st;
    return st;
}

static enum status put_batch(struct node *n, struct item *batch[QUEUE_MAX], size_t k,
                             struct error *e)
{
    enum status st = put(n, batch, 0, k, e);
    bool single = st != ST_OK && st != ST_RETRY && st != ST_BROKEN && st != ST_REFUSED && k > 1;

    for (size_t i = 0; single && i < k; i++) {
        struct error one = { 0 };
        st = put(n, batch, i, 1, &one);
        if (st == ST_RETRY || st == ST_BROKEN) {
            *e = one;
            return st;
        }
    }
    return st;
}

/* Once it is done, the item belongs to whoever waits for it. */
static void answer(struct item *item)
{
    struct gate *gate = item->gate;

    gate_lock(&sim_sched, gate);
    if (item->status == ST_OK)
        check_acknowledged(item->event.id);
    item->done = true;
    gate_wake(&sim_sched, gate);
    gate_unlock(&sim_sched, gate);
}

static void ingest(void *arg)
{
    struct node *n = arg;
    struct item *batch[QUEUE_MAX];
    size_t k;

    while ((k = take_batch(n, batch)) > 0) {
        struct error e = { 0 };
        enum status st = put_batch(n, batch, k, &e);
        if (st != ST_OK)
            trace("%zu events are not stored: %s", k, e.text);
        if (st == ST_BROKEN)
            damaged(n, &e);
        for (size_t i = 0; i < k; i++)
            answer(batch[i]);
    }
    n->n_running--;
}

static enum status enqueue(struct node *n, struct item *item)
{
    gate_lock(&sim_sched, n->queue);
    bool taken = !n->closed && n->n_items < QUEUE_MAX;
    if (taken) {
        n->item[n->n_items++] = item;
        gate_wake(&sim_sched, n->queue);
    }
    gate_unlock(&sim_sched, n->queue);
    return taken ? ST_OK : ST_RETRY;
}

/* What serve/webhook.c does: verify, parse, queue, answer behind the disk. */
int node_receive(str body, str signature, struct gate *gate)
{
    struct node *n = node;
    struct error e = { 0 };
    size_t which = 0;

    if (!node_works())
        return 0;
    unsigned life = n->life;
    msec now = clock_wall(&sim_clock);
    if (verify_signature(n->verifier, signature, body, now, &which) != VERIFY_OK)
        return 400;
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->arena.max = BODY_BYTES_MAX;
    item->gate = gate;
    if (event_parse(body, &item->event, &item->arena, &e) != ST_OK)
        broke(PROMISE_SOUND, "an event of Stripe's cannot be read: %s", e.text);
    item->event.received_at = now;
    item->event.secret = which;
    if (enqueue(n, item) != ST_OK)
        return 503;
    gate_lock(&sim_sched, gate);
    while (!item->done && node && node->life == life)
        gate_wait(&sim_sched, gate, NO_DEADLINE);
    gate_unlock(&sim_sched, gate);
    if (!item->done) {
        mark(MARK_DELIVERY_CUT);
        return 0;
    }
    int status = item->status == ST_OK ? 200 : 503;
    arena_free(&item->arena);
    free(item);
    return status;
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

/* ---- the beginning of a life ----------------------------------------------------------------- */

struct stripe *open_stripe(struct node *n)
{
    struct error e = { 0 };
    struct stripe *paced;
    const struct rate_options o = { .per_second = n->c->requests_per_second };

    if (stripe_paced_open(&paced, sim_stripe(n->c, n->wrong_key), &sim_clock, &sim_sched, &sim_rng,
                          &o, &e) != ST_OK ||
        stripe_logged_open(&n->logged, paced, &sim_clock, &sim_sched, &e) != ST_OK)
        abort();
    return n->logged;
}

static enum status open_store(struct node *n, struct error *e)
{
    struct store_sqlite_options o = { .path = NODE_PATH,
                                      .sched = &sim_sched,
                                      .clock = &sim_clock,
                                      .vfs = DISK_VFS,
                                      .in_memory = true,
                                      .batch_max = n->c->batch_max,
                                      .checkpoint_pages = n->c->checkpoint_pages };
    struct store *real;

    enum status st = store_sqlite_open(&real, &o, e);
    if (st == ST_OK)
        n->world.store = watch_open(real);
    return st;
}

/* Who has the store and listens on its socket; NULL: nobody does. */
static struct node *who_listens(const struct node *asks)
{
    struct node *n = node && node->works ? node : beside && beside->works ? beside : NULL;

    return n && n != asks && n->lock >= 0 ? n : NULL;
}

/* As cli/cmd_serve.c: a command gives the store up when it is asked, a daemon does not. */
static enum status open_or_take_over(struct node *n, struct error *e)
{
    msec until = clock_mono(&sim_clock) + HANDOVER_WAIT_MS;

    for (;;) {
        struct error why = { 0 };
        enum status st = lock_file_take(lock_path, &n->lock, &why);
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
        enum status st = env_identify(&n->world, "", out, &why);
        msec pause = api_pause(attempt, &sim_rng);
        if (st != ST_RETRY || clock_mono(&sim_clock) + pause >= until) {
            *e = why;
            return st;
        }
        clock_sleep(&sim_clock, pause);
    }
}

static enum status open_all(struct node *n, struct error *e)
{
    struct identity id;

    enum status st = open_store(n, e);
    if (st != ST_OK)
        return st;
    env_init(&n->env, "sim", &n->world);
    duty_init(&n->duty, &n->env, damaged_duty, n);
    n->env.set = n->c->set;
    n->env.work_op = saga_work; /* as cli/wire.c */
    st = identify(n, &id, e);
    if (st == ST_OK)
        st = env_adopt(&n->env, &id, e);
    if (st == ST_CONFLICT && n->wrong_key)
        mark(MARK_WRONG_KEY);
    else if (st == ST_CONFLICT)
        broke(PROMISE_APART, "the right key is refused: %s", e->text);
    else if (st == ST_OK && strcmp(id.account, account) != 0)
        broke(PROMISE_APART, "the mirror of %s was taken over with a key for %s", account,
              id.account);
    return st == ST_OK ? due_restart(&n->env, e) : st;
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
    (void)!stripe_logged_flush(n->logged, n->world.store, &e);
    env_free(&n->env);
    stripe_close(n->world.stripe);
    n->world.store->ops->close(n->world.store);
}

static void shut_down(struct node *n)
{
    close_all(n, STOP_GRACE_MS);
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
    if (n->role == ROLE_SECOND && !node)
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
    if (outbox_has_server(&n->env))
        spawn(n, "outbox", outbox);
    if (n->c->tick_ms)
        spawn(n, "clock", clockwork);
    for (unsigned i = 0; i < n->c->workers; i++) {
        char name[24];
        snprintf(name, sizeof name, "worker %u", i + 1);
        spawn(n, name, worker);
    }
}

static void daemon_life(void *arg)
{
    struct node *n = arg;
    struct error e = { 0 };
    struct secret secret = { 0 };

    if (!secret_set(&secret, S(SIM_SECRET)) || verifier_new(&n->verifier, &secret, 1, &e) != ST_OK)
        abort();
    take_store(n);
    open_or_end(n);
    n->works = true;
    trace("the node works");
    spawn(n, "ingest", ingest);
    spawn_workers(n);
    while (!n->stopping) {
        gate_lock(&sim_sched, n->queue);
        gate_wait(&sim_sched, n->queue, NO_DEADLINE);
        gate_unlock(&sim_sched, n->queue);
    }
    shut_down(n);
}

struct node *new_life(enum role role)
{
    struct node *n = calloc(1, sizeof *n);

    if (!n)
        abort();
    assert(lives + 1 < LIVES_MAX);
    *n = (struct node){ .c = climate, .role = role, .life = ++lives, .lock = -1 };
    *(role == ROLE_DAEMON ? &tally->lives : &tally->beside) += 1;
    if (!machine_is_on)
        clock_boot(seed_chance(50) ? seed_between(0, 100000) : seed_between(0, 30LL * 86400000));
    n->queue = gate_new(&sim_sched);
    n->world = (struct world){ .clock = &sim_clock,
                               .rng = &sim_rng,
                               .sched = &sim_sched,
                               .kv = n->c->kv ? kv_server_connect() : kv_none() };
    return n;
}

void node_boot(bool wrong_key)
{
    assert(!node);
    bool machine = !machine_is_on;
    node = new_life(ROLE_DAEMON);
    machine_is_on = true;
    node->wrong_key = wrong_key;
    node->world.stripe = open_stripe(node);
    trace("life %u begins%s%s", node->life, machine ? " with the machine" : "",
          wrong_key ? ", with another account's key" : "");
    fibre_spawn(node->life, "daemon", daemon_life, node);
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
