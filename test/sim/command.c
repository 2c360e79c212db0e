/* command.c - commands beside the daemon: sent to it, or processes that work themselves. */
#include "life_parts.h"

#include "backend/lock_file.h"
#include "check.h"
#include "core/due.h"
#include "core/environment/fuse.h"
#include "core/erasure/erase.h"
#include "core/mirror/sync.h"
#include "fibre.h"
#include "forget.h"
#include "orders.h"
#include "seed.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* As cli/local.c. */
    HANDOVER_SHY_MS = 3000,
    COMMAND_GRACE_MS = 5000,
    WATCH_MS = 200,
    PROGRESS_BYTES_MAX = 1 << 20,
};

/* ---- sent to the daemon
 * -------------------------------------------------------------------------- */

static unsigned syncs_accepted[SIDES];

enum command_kind {
    COMMAND_SYNC,
    COMMAND_SYNC_AGAIN,
    COMMAND_SYNC_SOMETHING,
    COMMAND_REVIVE,
    COMMAND_MEND_FUSE,
    COMMAND_ASK,
    COMMAND_ORDER,
    COMMAND_ERASE
};

struct command {
    struct node *n;
    enum command_kind what;
    char customer[ID_BYTES_MAX];
    struct order order;
};

static enum status run_sync(struct node *n, bool again, const char *arg, struct error *e)
{
    struct sync s;
    str name = str_of(arg);

    trace("sync%s %s", again ? " anew" : "", arg ? arg : "everything");
    return sync_start(&n->env, &name, arg ? 1 : 0, again, LANE_BACKFILL, &s, e);
}

/* As serve/control.c. What it says is done, holds. */
static enum status run_erasure(struct node *n, const char *customer, struct error *e)
{
    ARENA(a, ERASE_BYTES_MAX);
    struct erasure x;

    trace("somebody wants %s to be forgotten", customer);
    forget_is_asked(str_of(customer));
    enum status st = erase_run(&n->env, str_of(customer), &x, &a, e);
    if (st == ST_OK)
        forget_is_done(str_of(customer));
    return st;
}

static void run_command(void *arg)
{
    static const char *const something[] = { "products", "products",       "prod_0",
                                             "prod_1",   "product:prod_2", "customers",
                                             "prices",   "invoices",       "subscriptions" };
    enum { PRODUCTS = 5 }; /* the first ones */
    struct command *c = arg;
    struct error e = { 0 };
    enum status st = ST_OK;
    int64_t revived = 0;
    const char *which;

    switch (c->what) {
    case COMMAND_SYNC: st = run_sync(c->n, false, NULL, &e); break;
    case COMMAND_SYNC_AGAIN: /* in this weather there is nothing else that changes */
        st = run_sync(c->n, true, c->n->c->churn ? "products" : NULL, &e);
        break;
    case COMMAND_SYNC_SOMETHING:
        which = something[seed_draw() % (c->n->c->churn ? PRODUCTS : COUNT(something))];
        st = run_sync(c->n, seed_chance(50), which, &e); /* drawn one after the other */
        break;
    case COMMAND_ASK: st = duty_ask(&c->n->duty, c->customer, &e); break;
    case COMMAND_ORDER: st = order_send(&c->n->env, &c->order, &e); break;
    case COMMAND_ERASE: st = run_erasure(c->n, c->customer, &e); break;
    case COMMAND_MEND_FUSE: st = fuse_mend(&c->n->env, &revived, &e); break;
    case COMMAND_REVIVE: st = due_revive(&c->n->env, S(""), &revived, &e); break;
    }
    if (st == ST_BROKEN)
        damaged(c->n, &e);
    if (st != ST_OK)
        trace("the command fails: %s", e.text);
    syncs_accepted[fibre_side()] += st == ST_OK && c->what == COMMAND_SYNC_AGAIN;
    c->n->n_running--;
}

static bool command_about(enum command_kind what, const char *customer)
{
    if (!node_works())
        return false;
    struct command *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->n = node_here();
    c->what = what;
    snprintf(c->customer, sizeof c->customer, "%s", customer);
    if (what == COMMAND_ORDER)
        order_draw(&c->order);
    c->n->n_running++;
    fibre_spawn(c->n->life, "command", run_command, c);
    return true;
}

static bool command(enum command_kind what)
{
    return command_about(what, "");
}

bool node_ask(const char *customer)
{
    return command_about(COMMAND_ASK, customer);
}

bool node_erase(const char *customer)
{
    return command_about(COMMAND_ERASE, customer);
}

bool node_sync(bool again)
{
    return command(again ? COMMAND_SYNC_AGAIN : COMMAND_SYNC);
}

unsigned node_syncs_accepted(void)
{
    return syncs_accepted[fibre_side()];
}

bool node_sync_something(void)
{
    return command(COMMAND_SYNC_SOMETHING);
}

bool node_order(void)
{
    return orders_can_be_drawn() && command(COMMAND_ORDER);
}

bool node_mend_fuse(void)
{
    return command(COMMAND_MEND_FUSE);
}

bool node_revive(void)
{
    return command(COMMAND_REVIVE);
}

/* ---- a command that is a process --------------------------------------------------------------
 */

/* What the command wants of a daemon, and hears; lives on when either dies. */
struct errand {
    struct node *daemon;
    msec since;         /* 0: it was not asked for yet */
    const char *erases; /* NULL: it is a sync */
    bool ended, done;
};

/* As serve/control.c: asks, or watches what was asked for before. */
static bool sync_to_its_end(struct node *n, msec *since)
{
    struct error e = { 0 };
    struct sync_progress p = { 0 };
    struct sync s;
    enum status st = *since ? sync_recall(&n->env, NULL, 0, *since, &s, &e)
                            : sync_start(&n->env, NULL, 0, true, LANE_BACKFILL, &s, &e);

    while (st == ST_OK && !p.done && !env_stopping(&n->env)) {
        BUF(line, PROGRESS_BYTES_MAX);
        *since = s.since;
        st = sync_progress(&n->env, &s, &p, &line, &e);
        if (st == ST_OK && !p.done)
            clock_sleep(&sim_clock, WATCH_MS);
    }
    if (st == ST_BROKEN)
        damaged(n, &e);
    if (st != ST_OK)
        trace("the sync is not watched any more: %s", e.text);
    return st == ST_OK && p.done;
}

static bool erase_to_its_end(struct node *n, const char *customer)
{
    struct error e = { 0 };
    enum status st = run_erasure(n, customer, &e);

    if (st == ST_BROKEN)
        damaged(n, &e);
    if (st != ST_OK)
        trace("%s is not forgotten: %s", customer, e.text);
    return st == ST_OK;
}

static bool to_its_end(struct node *n, struct errand *errand)
{
    return errand->erases ? erase_to_its_end(n, errand->erases)
                          : sync_to_its_end(n, &errand->since);
}

static void run_errand(void *arg)
{
    struct errand *errand = arg;

    errand->done = to_its_end(errand->daemon, errand);
    errand->ended = true;
    errand->daemon->n_running--;
}

static bool be_client(struct errand *errand)
{
    struct node *daemon = node_here();
    unsigned life = daemon->life;
    bool handed_over = errand->since != 0;

    trace("sends itself to life %u%s", life, handed_over ? ", which goes on" : "");
    errand->daemon = daemon;
    errand->ended = false;
    daemon->n_running++;
    fibre_spawn(life, "command", run_errand, errand);
    while (!errand->ended && node_here() && node_here()->life == life)
        clock_sleep(&sim_clock, WATCH_MS);
    if (handed_over && errand->done)
        mark(MARK_HANDOVER_SEEN);
    return errand->done;
}

/* With an engine of its own. What is still under way when the grace is over ends with the process.
 */
static bool work_here(struct node *n, struct errand *errand)
{
    n->handed_over = n->stopping = n->closed = false;
    n->world.stripe = open_stripe(n);
    open_or_end(n);
    n->works = true;
    trace("the command works itself");
    spawn_workers(n);
    bool done = to_its_end(n, errand);
    stop(n);
    close_all(n, COMMAND_GRACE_MS);
    lock_file_release(n->lock);
    n->lock = -1;
    return done;
}

/* As cli/local.c: there or here, until it is done. */
static void command_life(void *arg)
{
    struct node *n = arg;
    struct errand *errand = calloc(1, sizeof *errand);
    msec ours_from = 0, until = clock_mono(&sim_clock) + LOCK_WAIT_MS;

    if (!errand)
        abort();
    errand->erases = n->erases[0] ? n->erases : NULL;
    while (clock_mono(&sim_clock) < until) {
        struct error e = { 0 };
        if (node_works()) {
            bool done = be_client(errand);
            exit_because(n, done ? "the daemon has done it" : "the daemon has ended before");
        }
        if (clock_mono(&sim_clock) >= ours_from &&
            lock_file_take(lock_path(), &n->lock, &e) == ST_OK) {
            bool done = work_here(n, errand);
            if (!n->handed_over || done)
                exit_because(n, done ? "it is done" : "it cannot go on");
            trace("hands the store over");
            mark(MARK_HANDED_OVER);
            ours_from = clock_mono(&sim_clock) + HANDOVER_SHY_MS;
            until = clock_mono(&sim_clock) + IDENTIFY_MS_MAX + LOCK_WAIT_MS;
        }
        clock_sleep(&sim_clock, LOCK_LOOK_MS);
    }
    exit_because(n, "nobody gives it the store");
}

static void begin_process(const char *what)
{
    bool machine = !machine_is_on;

    beside = new_life(ROLE_COMMAND);
    machine_is_on = true;
    trace("life %u begins%s: %s", beside->life, machine ? " with the machine" : "", what);
    fibre_spawn(beside->life, "sync", command_life, beside);
}

void node_command(void)
{
    if (!beside)
        begin_process("a sync");
}

void node_erase_command(const char *customer)
{
    if (beside)
        return;
    begin_process("an erasure");
    snprintf(beside->erases, sizeof beside->erases, "%s", customer);
}
