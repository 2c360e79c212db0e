#include "switching.h"

#include "life_parts.h"

#include "backend/lock_file.h"
#include "base/plant.h"
#include "check.h"
#include "fibre.h"
#include "look.h"
#include "seed.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* As cli/switch/env_switch.c. */
    STORE_WAIT_MS = 40000,
    DRAIN_GRACE_MS = 10000,
    LOOK_AGAIN_MS = 100,
    DRAIN_MS_MAX = 15000,
};

/* ---- what stands in the stores ----------------------------------------------------------------
 */

static bool read_seal(struct seal *out)
{
    sqlite3 *db = look_open();

    *out = (struct seal){ 0 };
    if (!db)
        return false;
    bool made = look_number(db, "select count(*) from sqlite_master where name = '_switch'") != 0;
    if (made) {
        sqlite3_stmt *q = look_ask(db, "select v.sealed_for, coalesce(s.target, '') from "
                                       "_environment v left join _switch s on s.one = 1");
        if (look_next(db, q)) {
            snprintf(out->sealed_for, sizeof out->sealed_for, "%s", look_text(q, 0).p);
            snprintf(out->target, sizeof out->target, "%s", look_text(q, 1).p);
        }
        sqlite3_finalize(q);
    }
    look_close(db);
    return made;
}

bool seal_changed(const struct seal *before)
{
    struct seal now;

    return read_seal(&now) && (strcmp(now.target, before->target) != 0 ||
                               (!now.target[0] && strcmp(now.sealed_for, before->sealed_for) != 0));
}

bool switch_leads_here(void)
{
    struct seal theirs;
    const char *name = side()->name;
    unsigned here = fibre_side();

    if (sides() == 1)
        return false;
    fibre_go_to(other_side());
    bool leads = read_seal(&theirs) && strcmp(theirs.target, name) == 0;
    fibre_go_to(here);
    return leads;
}

bool side_is_sealed(void)
{
    struct seal seal;

    return read_seal(&seal) && seal.sealed_for[0];
}

bool side_is_left(void)
{
    struct seal seal;

    return read_seal(&seal) && (seal.sealed_for[0] || seal.target[0]);
}

/* ---- the process ------------------------------------------------------------------------------
 */

static void give_up(struct node *n, enum status st, const struct error *e)
{
    if (st == ST_BROKEN)
        damaged(n, e);
    exit_because(n, e->text);
}

/* The journal is written by whoever has the store. */
struct order_to_daemon {
    struct node *daemon;
    const char *target;
    bool ended;
    enum status st;
};

static void begin_there(void *arg)
{
    struct order_to_daemon *o = arg;
    struct error e = { 0 };

    const struct switch_plan plan = { .target = o->target, .url = "" };
    o->st = switch_begin(&o->daemon->env, &plan, &e);
    if (o->st == ST_BROKEN)
        damaged(o->daemon, &e);
    o->ended = true;
    o->daemon->n_running--;
}

static bool begin_by_daemon(const char *target)
{
    struct order_to_daemon *o = calloc(1, sizeof *o); /* outlives whoever dies first */
    struct node *daemon = node_here();

    if (!o)
        abort();
    *o = (struct order_to_daemon){ .daemon = daemon, .target = target };
    unsigned life = daemon->life;
    daemon->n_running++;
    fibre_spawn(life, "switch", begin_there, o);
    while (!o->ended && node_here() && node_here()->life == life)
        clock_sleep(&sim_clock, LOOK_AGAIN_MS);
    return o->ended && o->st == ST_OK;
}

static bool take_lock(struct node *n)
{
    msec until = clock_mono(&sim_clock) + STORE_WAIT_MS;
    struct error e = { 0 };

    while (lock_file_take(lock_path(), &n->lock, &e) != ST_OK) {
        if (clock_mono(&sim_clock) >= until)
            return false;
        clock_sleep(&sim_clock, LOOK_AGAIN_MS);
        error_clear(&e);
    }
    return true;
}

/* What is due is worked off for a while, by workers who have come to their end before it is sealed:
 * no answer of theirs is on its way any more. */
static void drain(struct node *n)
{
    msec until = clock_mono(&sim_clock) + seed_between(0, DRAIN_MS_MAX);
    int64_t due = 1, dead;

    spawn_workers(n);
    if (planted(PLANT_SWITCH_UNDRAINED)) {
        clock_sleep(&sim_clock, seed_between(0, 500));
        return;
    }
    while (due > 0 && clock_mono(&sim_clock) < until && !env_stopping(&n->env)) {
        clock_sleep(&sim_clock, LOOK_AGAIN_MS);
        (void)check_idle(&due, &dead);
    }
    stop(n);
    until = clock_mono(&sim_clock) + DRAIN_GRACE_MS;
    while (n->n_running && clock_mono(&sim_clock) < until)
        clock_sleep(&sim_clock, LOOK_AGAIN_MS);
    if (n->n_running)
        exit_because(n, "some requests were still under way after the grace");
}

/* Its store, with its own key if that is there and right, else to write the journal alone. */
static bool open_source(struct node *n)
{
    struct error e = { 0 };
    bool drains = seed_chance(80) || planted(PLANT_SWITCH_UNDRAINED);

    n->switching = true;
    enum status st = open_store(n, &e);
    if (st != ST_OK)
        give_up(n, st, &e);
    init_env(n);
    st = drains ? identify_and_adopt(n, &e) : ST_REFUSED;
    drains = st == ST_OK;
    if (st != ST_OK && st != ST_BROKEN) {
        trace("nothing is drained: %s", e.text);
        error_clear(&e);
        st = env_recall(&n->env, &e);
    }
    if (st != ST_OK)
        give_up(n, st, &e);
    return drains;
}

/* The target's identity is proven, and its store is its own. */
static void arrive(struct node *n)
{
    struct node *to;
    unsigned from = fibre_side();
    struct error e = { 0 };

    fibre_go_to(other_side());
    to = new_part(ROLE_COMMAND, n->life);
    to->world.stripe = open_stripe(to);
    to->switching = true;
    n->target = to;
    if (!take_lock(to))
        exit_because(n, "nobody gives it the target's store");
    enum status st = open_store(to, &e);
    if (st == ST_OK) {
        init_env(to);
        st = identify_and_adopt(to, &e);
    }
    fibre_go_to(from);
    if (st == ST_OK)
        st = switch_step(&n->env, "opened", S("[]"), &e);
    fibre_go_to(other_side());
    if (st == ST_OK)
        st = seal_break(&to->env, &e);
    if (st == ST_OK) {
        close_store(to);
        lock_file_release(to->lock);
        to->lock = -1;
    }
    fibre_go_to(from);
    if (st == ST_OK)
        st = switch_end(&n->env, false, &e);
    if (st != ST_OK)
        give_up(n, st, &e);
}

static void switch_life(void *arg)
{
    struct node *n = arg;
    struct error e = { 0 };
    const char *target = side_at(other_side())->name;

    n->world.stripe = open_stripe(n);
    if (node_works() && !begin_by_daemon(target))
        exit_because(n, "the daemon does not begin the switch");
    if (!take_lock(n))
        exit_because(n, "nobody gives it the source's store");
    bool drains = open_source(n);
    const struct switch_plan plan = { .target = target, .url = "" };
    enum status st = switch_begin(&n->env, &plan, &e);
    if (st != ST_OK)
        give_up(n, st, &e);
    if (drains)
        drain(n);
    st = switch_step(&n->env, "sealed", S("[]"), &e);
    if (st != ST_OK)
        give_up(n, st, &e);
    trace("environment %s is sealed", n->env.name);
    arrive(n);
    mark(MARK_SWITCHED);
    exit_because(n, "the switch is done");
}

static void begin_process(const char *what, void (*run)(void *))
{
    if (beside)
        return;
    bool machine = !machine_is_on;
    beside = new_life(ROLE_COMMAND);
    machine_is_on = true;
    trace("life %u begins%s: %s", beside->life, machine ? " with the machine" : "", what);
    fibre_spawn(beside->life, "switch", run, beside);
}

void node_switch(void)
{
    begin_process("a switch", switch_life);
}

/* ---- back -------------------------------------------------------------------------------------
 */

static void open_again_life(void *arg)
{
    struct node *n = arg;
    struct error e = { 0 };

    n->world.stripe = open_stripe(n);
    if (!take_lock(n))
        exit_because(n, "nobody gives it the store");
    enum status st = open_store(n, &e);
    if (st != ST_OK)
        give_up(n, st, &e);
    init_env(n);
    st = env_recall(&n->env, &e);
    if (st == ST_OK)
        st = switch_end(&n->env, true, &e);
    if (st == ST_OK)
        st = seal_break(&n->env, &e);
    if (st != ST_OK)
        give_up(n, st, &e);
    exit_because(n, "it is open again");
}

void node_open_again(void)
{
    begin_process("somebody wants this environment, too", open_again_life);
}
