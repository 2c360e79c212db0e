#include "switching.h"

#include "life_parts.h"

#include "backend/lock_file.h"
#include "check.h"
#include "fibre.h"
#include "look.h"
#include "seed.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DRAIN_MS_MAX = 15000,
    ADDRESS_MAX = 80,
    REOPEN_SWITCH_MS_MAX = 15000, /* as cli/reopening.h */
};

/* ---- what stands in the stores ----------------------------------------------------------------
 */

static void copy_text(char *to, size_t size, str s)
{
    snprintf(to, size, "%.*s", STR_ARG(s));
}

static bool read_seal(sqlite3 *db, struct seal *out)
{
    sqlite3_stmt *q = look_ask(db, stmt_table[STMT_SEAL_GET].sqlite);
    bool there = look_next(db, q);

    if (there) {
        copy_text(out->sealed_for, sizeof out->sealed_for, look_text(q, 0));
        copy_text(out->target, sizeof out->target, look_text(q, 1));
        copy_text(out->step, sizeof out->step, look_text(q, 2));
        out->started_at = sqlite3_column_int64(q, 3);
        out->held = sqlite3_column_int(q, 4) != 0;
        out->reseal = sqlite3_column_int(q, 5) != 0;
        copy_text(out->url, sizeof out->url, look_text(q, 6));
    }
    sqlite3_finalize(q);
    return there;
}

static void read_identity(sqlite3 *db, struct identity *out)
{
    sqlite3_stmt *q = look_ask(db, stmt_table[STMT_ENVIRONMENT_GET].sqlite);

    if (look_next(db, q)) {
        copy_text(out->account, sizeof out->account, look_text(q, 1));
        out->livemode = sqlite3_column_int(q, 2) != 0;
    }
    sqlite3_finalize(q);
}

bool side_seal(struct seal *seal, struct identity *id)
{
    sqlite3 *db = look_open();
    bool there = false;

    *seal = (struct seal){ .held = false };
    *id = (struct identity){ .livemode = false };
    if (!db)
        return false;
    if (look_number(db, "select count(*) from sqlite_master where name = '_switch'")) {
        there = read_seal(db, seal);
        read_identity(db, id);
    }
    look_close(db);
    return there;
}

static struct seal seal_here(void)
{
    struct identity ignored;
    struct seal seal;

    (void)side_seal(&seal, &ignored);
    return seal;
}

bool seal_changed(const struct seal *before)
{
    struct identity ignored;
    struct seal now;

    return side_seal(&now, &ignored) &&
           (strcmp(now.target, before->target) != 0 ||
            (!now.target[0] && strcmp(now.sealed_for, before->sealed_for) != 0));
}

bool switch_leads_here(void)
{
    const char *name = side()->name;
    unsigned here = fibre_side();

    if (sides() == 1)
        return false;
    fibre_go_to(other_side());
    bool leads = strcmp(seal_here().target, name) == 0;
    fibre_go_to(here);
    return leads;
}

bool side_is_sealed(void)
{
    return seal_here().sealed_for[0] != '\0';
}

bool side_is_left(void)
{
    struct seal seal = seal_here();

    return seal.sealed_for[0] || seal.target[0];
}

bool switch_is_held(void)
{
    struct seal seal = seal_here();

    return seal.target[0] && seal.held;
}

bool switch_is_anywhere(void)
{
    return seal_here().target[0] || switch_leads_here();
}

/* ---- the process ------------------------------------------------------------------------------
 */

static void begin_process(const char *what, void (*run)(void *))
{
    if (beside)
        return;
    bool machine = !machine_is_on;
    beside = new_life(ROLE_COMMAND);
    machine_is_on = true;
    trace("life %u begins%s: %s %s", beside->life, machine ? " with the machine" : "", what,
          side()->name);
    fibre_spawn(beside->life, "switch", run, beside);
}

static void give_up(struct node *n, enum status st, const struct error *e)
{
    if (st == ST_BROKEN)
        damaged(n, e);
    exit_because(n, st == ST_OK ? "the switch is done, or rests where it was to" : e->text);
}

/* Behind the end of a switch its target is open, and nothing is under way. */
static void check_over(void)
{
    if (side_is_left() || switch_is_anywhere())
        broke(PROMISE_WHOLE, "the switch is over, but %s is not open", side()->name);
}

static void run_switch(struct node *n, const struct switch_order *order)
{
    struct error e = { 0 };
    struct sim_switch *s = switch_world_new(n);
    enum status st = switch_run(switch_world_of(s), order, &e);

    if (st == ST_OK && !order->until)
        check_over();
    give_up(n, st, &e);
}

static msec draw_drain(const struct node *n)
{
    return seed_chance(15) ? 0 : seed_between(1, n->c->drain_ms_max);
}

static const char *draw_step(void)
{
    static const char *const step[] = { "preflight", "begun",    "drained", "sealed",
                                        "opened",    "endpoint", "ping",    "leftovers" };

    return seed_chance(15) ? step[seed_draw() % COUNT(step)] : NULL;
}

static void switch_life(void *arg)
{
    struct node *n = arg;
    char address[ADDRESS_MAX];
    struct switch_order order = { .to = side()->name, .start_ms = IDENTIFY_MS_MAX };

    snprintf(address, sizeof address, "https://shop.example/webhooks/%s", side()->name);
    order.drain_ms = draw_drain(n);
    order.url = seed_chance(80) ? address : NULL;
    order.until = draw_step();
    if (order.until)
        mark(MARK_SWITCH_RESTED);
    run_switch(n, &order);
}

static void through_life(void *arg)
{
    const struct switch_order order = { .to = side()->name,
                                        .start_ms = IDENTIFY_MS_MAX,
                                        .drain_ms = DRAIN_MS_MAX };

    run_switch(arg, &order);
}

static void child_life(void *arg)
{
    const struct switch_order order = {
        .to = side()->name, .start_ms = IDENTIFY_MS_MAX, .drain_ms = DRAIN_MS_MAX, .resume = true
    };

    run_switch(arg, &order);
}

void node_switch(void)
{
    begin_process("somebody switches to", switch_life);
}

void node_switch_through(void)
{
    begin_process("somebody switches, to its end, to", through_life);
}

/* ---- a daemon goes on -------------------------------------------------------------------------
 */

bool switch_is_child_of(const struct node *n)
{
    return beside && beside->parent && beside->parent == n->life;
}

/* Where it leads to, whoever's it is; SIDES: none is under way, or it rests. */
static unsigned waiting_target(void)
{
    unsigned here = fibre_side();
    struct seal own = seal_here();

    if (own.target[0])
        return own.held ? SIDES : other_side();
    fibre_go_to(other_side());
    struct seal theirs = seal_here();
    fibre_go_to(here);
    return theirs.target[0] && !theirs.held ? here : SIDES;
}

void switch_go_on(struct node *n)
{
    unsigned here = fibre_side(), target = waiting_target();

    if (beside || !n->shut || target == SIDES || clock_mono(&sim_clock) < n->switch_at)
        return;
    fibre_go_to(target);
    begin_process("the daemon goes on with the switch to", child_life);
    beside->parent = n->life;
    mark(MARK_SWITCH_WENT_ON);
    fibre_go_to(here);
    n->switch_pause =
        n->switch_pause * 2 < REOPEN_SWITCH_MS_MAX ? n->switch_pause * 2 : REOPEN_SWITCH_MS_MAX;
    n->switch_at = clock_mono(&sim_clock) + n->switch_pause;
}

/* ---- both -------------------------------------------------------------------------------------
 */

static bool take_lock(struct node *n)
{
    msec until = clock_mono(&sim_clock) + SWITCH_STORE_MS;
    struct error e = { 0 };

    while (lock_file_take(lock_path(), &n->lock, &e) != ST_OK) {
        if (clock_mono(&sim_clock) >= until)
            return false;
        clock_sleep(&sim_clock, SWITCH_LOOK_MS);
        error_clear(&e);
    }
    return true;
}

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
    if (st == ST_OK && switch_is_anywhere())
        exit_because(n, "a switch is under way");
    if (st == ST_OK)
        st = seal_break(&n->env, &e);
    if (st != ST_OK)
        give_up(n, st, &e);
    exit_because(n, "it is open again");
}

void node_open_again(void)
{
    begin_process("somebody wants both, too", open_again_life);
}
