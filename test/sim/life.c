#include "life.h"

#include "base/buf.h"
#include "check.h"
#include "courier.h"
#include "fibre.h"
#include "forget.h"
#include "kv.h"
#include "merchant.h"
#include "node.h"
#include "orders.h"
#include "seed.h"
#include "side.h"
#include "stripe.h"
#include "switching.h"
#include "trace.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS_MAX = 500000,
    FAULT_STEPS_MAX = 150000,
    FAULT_LIVES_MAX = 60,
    BESIDE_MAX = 12,
    REST_MS_MAX = 4 * 3600000, /* from the last fault to the rest */
    MINUTE_MS = 60000,
    DAY_MS = 86400000,
    FAULTS_MS_MAX = 40 * 60000, /* behind the merchant's last act, unless deliveries are later */
};

static struct climate climate;
static bool calm, sync_is_asked;
static msec calm_since; /* Stripe's time, and now the node's, too */

/* ---- what happens to the node ---------------------------------------------------------------- */

static enum node_end draw_end(void)
{
    if (seed_chance(climate.cuts))
        return END_POWER_CUT;
    return seed_chance(climate.kills) ? END_KILLED : END_STOPPED;
}

static void await_end(void)
{
    while (node_is_up())
        fibre_pause(500);
}

/* For each environment, as one of it. */
static void each_side(void (*act)(void))
{
    for (unsigned i = 0; i < sides(); i++) {
        fibre_go_to(i);
        act();
    }
    fibre_go_to(0);
}

static bool on_each_side(bool (*holds)(void))
{
    bool all = true;

    for (unsigned i = 0; i < sides(); i++) {
        fibre_go_to(i);
        all = holds() && all;
    }
    fibre_go_to(0);
    return all;
}

/* Ends the node now and then, and starts it whenever there is none. */
static void fate(void *arg)
{
    (void)arg;
    for (unsigned violent = 0;;) {
        bool wrong_key = !calm && seed_chance_of(climate.wrong_keys, 1000);
        node_boot(wrong_key);
        msec span = climate.life_ms_max && violent < climate.violent_lives
                        ? seed_between(0, climate.life_ms_max)
                        : INT64_MAX / 4;
        msec end = span == INT64_MAX / 4 ? INT64_MAX : fibre_now() + span;
        while (node_is_up() && fibre_now() < end && (!calm || span != INT64_MAX / 4)) {
            msec step = calm ? 500 : seed_between(100, climate.days ? 600000 : 5000);
            fibre_pause(end - fibre_now() < step ? end - fibre_now() : step);
        }
        if (calm && node_is_up())
            await_end();
        if (node_is_up()) {
            enum node_end how = draw_end();
            violent++;
            node_end(how);
        }
        await_end();
        fibre_pause(seed_between(0, calm ? 1000 : climate.down_ms_max));
        if (!calm && seed_chance(climate.ends_beside))
            node_end_beside(draw_end());
    }
}

static void clockwork(void *arg)
{
    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(MINUTE_MS / 2, 2 * MINUTE_MS));
        if (calm || !seed_chance_of(climate.clock_jumps, 1000))
            continue;
        clock_skew(seed_between(-1, 1) * 3600000);
        trace("the wall clock is wrong by %lld s", (long long)clock_skew_now() / 1000);
        mark(MARK_CLOCK_JUMPED);
    }
}

static void full_disk(void *arg)
{
    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(MINUTE_MS / 10, MINUTE_MS));
        if (calm || !seed_chance_of(climate.full_spells, 1000))
            continue;
        trace("the disk is full");
        climate.disk.full = true;
        disk_set(&climate.disk);
        fibre_pause(seed_between(100, 20000));
        climate.disk.full = false;
        disk_set(&climate.disk);
        trace("the disk has room again");
    }
}

/* By the daemon, or by a process that may do it itself. */
static void want_forgotten(void)
{
    const char *customer = forget_draw();
    bool beside = seed_chance(40) && tally->beside < BESIDE_MAX;

    if (customer)
        beside ? node_erase_command(customer) : (void)node_erase(customer);
}

/* Who dies in the middle of an erasure: the daemon, or the command. */
static void end_erasures(void *arg)
{
    (void)arg;
    for (unsigned ended = 0; !calm && ended < climate.violent_lives;) {
        fibre_pause(seed_between(5, 300));
        if (calm || !forget_is_under_way() || !seed_chance(climate.erasure_deaths))
            continue;
        bool both = seed_chance(50);
        enum node_end how = draw_end();
        mark(MARK_ERASURE_CUT);
        ended++;
        node_end(how);
        if (both)
            node_end_beside(how);
    }
}

static void people(void *arg)
{
    unsigned syncs = 0;

    (void)arg;
    while (!calm) {
        bool hurry =
            seed_chance(50) || climate.churn || climate.days || climate.orders || climate.erasures;
        fibre_pause(seed_between(100, hurry ? climate.people_ms_max : MINUTE_MS));
        if (calm)
            return;
        if (climate.burst && merchant_pauses()) /* so do they, for somebody to see what is left */
            continue;
        if (syncs < climate.syncs_max && seed_chance_of(climate.syncs, 1000))
            syncs += seed_chance(climate.full_syncs) ? node_sync(seed_chance(30))
                                                     : node_sync_something();
        if (climate.asks && seed_chance(climate.asks) && merchant_customer())
            node_ask(merchant_customer());
        if (climate.orders && seed_chance(climate.orders))
            node_order();
        if (climate.erasures && seed_chance(climate.erasures))
            want_forgotten();
        if (tally->beside < BESIDE_MAX && seed_chance(climate.seconds))
            node_second_daemon();
        if (tally->beside < BESIDE_MAX && seed_chance(climate.commands))
            node_command();
        if (seed_chance(5))
            node_revive();
    }
}

/* ---- two environments ---- */

/* For a moment, or a while: short against a request, or long against a look at the identity. */
static msec draw_spell(void)
{
    switch (seed_draw() % 3) {
    case 0: return seed_between(1, 100);
    case 1: return seed_between(100, 3000);
    default: return seed_between(3000, 90000);
    }
}

/* What an operator's hand may put there: the other environment's key, a stranger's, one that Stripe
 * does not know; or, all is well, another one of the same account. */
static const char *draw_key(unsigned which)
{
    switch (seed_draw() % 8) {
    case 0: return OTHER_KEY;
    case 1: return "sk_test_invalid";
    case 2: return climate.restricted ? side_at(which)->key : side_at(which)->restricted;
    default: return side_at(SIDES - 1 - which)->key;
    }
}

static void swap_keys(void *arg)
{
    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(1000, 20000));
        if (calm || !seed_chance(climate.swaps))
            continue;
        unsigned which = (unsigned)(seed_draw() % SIDES);
        const char *key = draw_key(which);
        stripe_key_is(which, key);
        bool foreign = !stripe_key_is_own(which);
        trace("where the key of %s stands, stands %s key", side_at(which)->name,
              foreign ? "another" : "another of the same account's");
        mark(MARK_KEY_SWAPPED);
        for (msec end = fibre_now() + draw_spell(); !calm && fibre_now() < end;) {
            msec left = end - fibre_now();
            fibre_pause(left < 500 ? left : 500);
        }
        stripe_key_is(which, NULL);
        trace("the key of %s is back", side_at(which)->name);
    }
}

static void permit(const char *lost)
{
    static const char *const right[] = { "account",      "balance",  "product",
                                         "plan",         "customer", "subscription",
                                         "invoice",      "event",    "payment_method",
                                         "invoice_item", "charge",   "payment_intent" };
    ARENA(a, 1 << 20);
    BUF(b, 4096);
    str body;

    buf_append(&b, S("{\"permissions\":"));
    for (size_t i = 0; lost && i < COUNT(right); i++)
        buf_printf(&b, "%s\"%s\":\"%s\"", i ? "," : "{", right[i],
                   strcmp(right[i], lost) == 0 ? "none" : "read");
    buf_append(&b, lost ? S("}}") : S("null}"));
    if (emu_ask("POST", S("/_emulator/permissions"), S(""), buf_str(&b), &body, &a) != 200)
        broke(PROMISE_SOUND, "the emulator does not change a key's rights: %.*s", STR_ARG(body));
}

static void lose_rights(void *arg)
{
    static const char *const some[] = { "product", "customer", "balance", "account", "event" };

    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(1000, 20000));
        if (calm || !seed_chance(climate.losses))
            continue;
        unsigned which = (unsigned)(seed_draw() % SIDES);
        const char *lost = some[seed_draw() % COUNT(some)];
        fibre_go_to(which);
        permit(lost);
        trace("the key of %s loses its right to read a %s", side()->name, lost);
        mark(MARK_RIGHT_LOST);
        for (msec end = fibre_now() + draw_spell(); !calm && fibre_now() < end;)
            fibre_pause(500);
        permit(NULL);
        trace("and gets it back");
    }
}

static void switch_sides(void *arg)
{
    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(500, climate.switch_pause_ms_max));
        if (calm || tally->beside >= BESIDE_MAX || !seed_chance(climate.switches))
            continue;
        fibre_go_to((unsigned)(seed_draw() % SIDES));
        bool by_hand = side_is_sealed() && !switch_is_anywhere() && seed_chance(40);
        by_hand ? node_open_again() : node_switch();
    }
}

static void end_switches(void *arg)
{
    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(20, 5000));
        if (!calm && seed_chance_of(climate.switch_deaths, 400))
            node_end_beside(draw_end());
    }
}

/* Both are worked for again, whatever was begun. A switch that no one has made rest the daemon goes
 * on with. */
static void open_again(void)
{
    bool rests = switch_is_held();

    fibre_go_to(rests ? other_side() : fibre_side());
    if (rests)
        node_switch_through();
    else if (side_is_sealed() && !switch_is_anywhere())
        node_open_again();
}

/* ---- two phases -------------------------------------------------------------------------------
 */

static void limit_steps(void)
{
    if (tally->steps > STEPS_MAX)
        broke(PROMISE_REST, "%d steps and no end: somebody turns in circles", STEPS_MAX);
}

static void run_until(msec when)
{
    while (fibre_step(when))
        limit_steps();
    fibre_pass_to(when);
}

/* A command is sent until its success is heard. */
static bool sync_one_for_certain(msec end)
{
    unsigned before = node_syncs_accepted();

    while (node_syncs_accepted() == before && fibre_now() < end) {
        node_sync(true);
        run_until(fibre_now() + 1000);
    }
    return node_syncs_accepted() > before;
}

static bool sync_for_certain(msec end)
{
    bool all = true;

    for (unsigned i = 0; i < sides() && all; i++) {
        fibre_go_to(i);
        all = sync_one_for_certain(end);
    }
    fibre_go_to(0);
    return all;
}

/* Enough has happened for one seed. */
static bool is_tired(void)
{
    return tally->steps > FAULT_STEPS_MAX || tally->lives > FAULT_LIVES_MAX;
}

/* At most one behind each thing that the merchant did. */
static void look_at_lull(void)
{
    static unsigned seen[SIDES];
    int64_t due, dead;
    unsigned acts = merchant_acts();

    if (seen[fibre_side()] == acts || sim_stripe_calls() || !node_works())
        return;
    emulator_advance(emu());
    courier_collect();
    if (courier_waiting() || !check_idle(&due, &dead) || dead)
        return;
    seen[fibre_side()] = acts;
    check_lull(!climate.deaf && (!climate.last_sync || !climate.dropped));
}

static void with_faults(void)
{
    while (!merchant_is_done()) {
        run_until(fibre_now() + 1000);
        each_side(look_at_lull);
        if (fibre_now() > (climate.days ? 4 : 1) * DAY_MS || is_tired())
            break;
    }
    if (climate.early_sync) { /* what changes behind it is for no sync to find */
        merchant_stop();
        sync_is_asked = sync_for_certain(fibre_now() + 10 * MINUTE_MS);
    }
    msec more = seed_chance(30) ? climate.late_ms_max : seed_between(0, 2 * MINUTE_MS);
    for (msec end = fibre_now() + more; fibre_now() < end && !is_tired();) {
        msec left = end - fibre_now();
        run_until(fibre_now() + (left < MINUTE_MS ? left : MINUTE_MS));
    }
}

/* By the clock alone it learns what nobody tells it. */
static bool is_up_to_date(void)
{
    if (climate.deaf && !check_caught_up(calm_since + climate.list_lag_ms + 1000))
        return false;
    return !climate.rot || check_compared(calm_since);
}

/* What the fuse holds waits for a person's word. */
static void look_after_the_dead(void)
{
    if (!check_fuse_blown()) {
        node_revive();
        return;
    }
    if (climate.cull_told)
        broke(PROMISE_FUSE, "the fuse has blown although every deletion was announced");
    mark(MARK_FUSE_BLOWN);
    check_fuse_mended();
    node_mend_fuse();
}

static bool side_is_at_rest(void)
{
    int64_t due, dead;

    if (climate.erasures && !forget_is_at_rest())
        return false;
    if (!node_works() || !check_guests_are_walked() || !check_idle(&due, &dead) ||
        (climate.kv && !kv_server_is_known()))
        return false;
    if (dead) {
        look_after_the_dead();
        return false;
    }
    return is_up_to_date();
}

static bool is_at_rest(void)
{
    return !courier_waiting() && !sim_stripe_calls() && on_each_side(side_is_at_rest);
}

static void come_to_rest(void)
{
    msec end = fibre_now() + REST_MS_MAX;
    bool synced = !climate.last_sync || sync_is_asked;
    char why[900];

    for (msec pause = 500; fibre_now() < end; pause = pause < 20000 ? pause * 2 : pause) {
        run_until(fibre_now() + pause);
        if (climate.pair)
            each_side(open_again);
        if (!is_at_rest())
            continue;
        if (synced)
            return;
        synced = sync_for_certain(end);
        pause = 250;
    }
    for (unsigned i = 0; i < sides(); i++) { /* the one that does not rest */
        fibre_go_to(i);
        check_why_not(why, sizeof why);
        if (why[0] || !node_works())
            break;
    }
    broke(PROMISE_REST, "it did not come to rest: %zu deliveries wait, %s, due: %s",
          courier_waiting(), node_works() ? "the node works" : "the node does not work", why);
}

static void begin(uint64_t seed)
{
    seed_set(seed);
    climate_draw(&climate);
    fibre_preempt(climate.preempt);
    calm = false;
    clock_skew(0);
}

/* Every connection reads the whole schema: without the views (but for one that the mirror reads),
 * seeds are twice as fast. Those that begin from nothing have them. */
static void strip_views(void)
{
    char drop[120];
    sqlite3 *db;
    sqlite3_stmt *q;

    disk_hold(true);
    if (sqlite3_open_v2(side()->path, &db, SQLITE_OPEN_READWRITE, DISK_VFS) != SQLITE_OK)
        abort();
    for (;;) {
        const char *one =
            "select name from sqlite_master where type = 'view' and name <> '_coverage' limit 1";
        if (sqlite3_prepare_v2(db, one, -1, &q, NULL) != SQLITE_OK)
            abort();
        bool more = sqlite3_step(q) == SQLITE_ROW;
        if (more)
            snprintf(drop, sizeof drop, "drop view \"%s\"", sqlite3_column_text(q, 0));
        sqlite3_finalize(q);
        if (!more)
            break;
        if (sqlite3_exec(db, drop, NULL, NULL, NULL) != SQLITE_OK)
            abort();
    }
    sqlite3_close(db);
    disk_hold(false);
}

/* The store of one environment, as a first daemon leaves it. */
static void make_store(enum shops shop, const char *lock_path)
{
    begin(0);
    sqlite3_randomness(0, NULL); /* which is drawn anew */
    climate_calm(&climate);
    climate.preempt = 0;
    climate.churn = true; /* a sync is one of products, which there are none of */
    climate.set.catch_up_ms = climate.tick_ms = MINUTE_MS; /* from here on events are followed */
    disk_set(&climate.disk);
    emu_open(0);
    sides_open(shop);
    check_begin(&climate);
    courier_open(&climate);
    node_open(&climate, lock_path);
    node_boot(false);
    for (int i = 0; i < 100 && !(node_works() && check_caught_up(1)); i++)
        run_until(fibre_now() + 100);
    bool synced = check_caught_up(1) && sync_for_certain(fibre_now() + MINUTE_MS);
    int64_t due = -1, dead;
    for (int i = 0; i < 600 && synced && !check_idle(&due, &dead); i++)
        run_until(fibre_now() + 1000);
    if (due)
        broke(PROMISE_SOUND, "the first node has not listed the products");
    node_end(END_STOPPED);
    run_until(fibre_now() + 60000);
    if (node_is_up())
        broke(PROMISE_SOUND, "the first node did not stop");
    fibre_end_life(OUTSIDE);
    strip_views();
}

/* The first environment's comes last, and begins at the beginning of time. */
void life_prepare(const char *lock_path)
{
    climate_force(WEATHER_CULL); /* whatever: that it stays the same */
    fibre_begin_at(-2 * DAY_MS);
    make_store(SHOP_LIVE, lock_path);
    fibre_begin_at(-DAY_MS);
    make_store(SHOP_OTHER, lock_path);
    fibre_begin_at(0);
    make_store(SHOP_ALONE, lock_path);
    climate_force(WEATHER_ANY);
    disk_freeze();
}

static void open_side(void)
{
    check_begin(&climate);
    merchant_open(&climate);
}

static void bring_people(void)
{
    fibre_spawn(OUTSIDE, "people", people, NULL);
}

static void open_pair(void)
{
    if (climate.swaps)
        fibre_spawn(OUTSIDE, "keys", swap_keys, NULL);
    if (climate.losses)
        fibre_spawn(OUTSIDE, "rights", lose_rights, NULL);
    if (climate.switches)
        fibre_spawn(OUTSIDE, "switches", switch_sides, NULL);
    if (climate.switch_deaths)
        fibre_spawn(OUTSIDE, "misfortune", end_switches, NULL);
}

/* Stripe's side of the calm. */
static void calm_down(void)
{
    if (climate.restricted)
        permit(NULL);
}

void life_run(uint64_t seed, const char *lock_path)
{
    begin(seed);
    climate_tell(&climate);
    if (climate.from_nothing)
        disk_wipe();
    disk_set(&climate.disk);
    emu_open(seed);
    sides_open(!climate.pair ? SHOP_ALONE : climate.modes ? SHOP_MODES : SHOP_ACCOUNTS);
    if (climate.guests)
        guests_arrive(climate.guests);
    courier_open(&climate);
    orders_open(&climate);
    forget_open(&climate);
    node_open(&climate, lock_path);
    each_side(open_side);
    kv_server_open(&climate);
    fibre_spawn(OUTSIDE, "fate", fate, NULL);
    fibre_spawn(OUTSIDE, "clocks", clockwork, NULL);
    fibre_spawn(OUTSIDE, "disk", full_disk, NULL);
    each_side(bring_people);
    if (climate.erasure_deaths)
        fibre_spawn(OUTSIDE, "misfortune", end_erasures, NULL);
    if (climate.pair)
        open_pair();
    with_faults();
    trace("---- from here on nothing goes wrong");
    calm = true;
    calm_since = clock_wall(&stripe_clock);
    merchant_stop();
    kv_server_calm();
    climate_calm(&climate);
    disk_set(&climate.disk);
    clock_skew(0);
    for (unsigned i = 0; i < sides(); i++)
        stripe_key_is(i, NULL);
    each_side(calm_down);
    courier_collect();
    courier_calm();
    come_to_rest();
    each_side(check_rest);
    if (climate.cull_told && check_fuse_blown())
        broke(PROMISE_FUSE, "the fuse has blown although every deletion was announced");
    if (climate.cull_told)
        mark(MARK_CULL_TOLD);
    trace("at rest");
    tally->virtual_ms = (uint64_t)fibre_now();
}
