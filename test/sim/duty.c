#include "duty.h"

#include "check.h"
#include "core/customer/outbox.h"
#include "core/customer/state.h"
#include "core/erasure/erase.h"
#include "core/mirror/sync.h"
#include "core/schedule.h"
#include "fibre.h"
#include "seed.h"
#include "trace.h"

enum {
    LOOK_MS = 5000, /* rarer than the daemon's: here nobody writes unheard */
    AWAY_MS = 1000,
    STOP_LOOK_MS = 5000, /* less than the grace of a stop */
    ASK_MS_MAX = 30000,
    ASK_LOOK_MS = 200,
    STATE_BYTES_MAX = 64 << 20,
};

void duty_init(struct duty *d, struct env *env, void (*damaged)(void *, const struct error *),
               void *node)
{
    *d =
        (struct duty){ .env = env, .gate = gate_new(&sim_sched), .damaged = damaged, .node = node };
}

void duty_ring(struct duty *d)
{
    gate_lock(&sim_sched, d->gate);
    d->has_news = true;
    gate_wake(&sim_sched, d->gate);
    gate_unlock(&sim_sched, d->gate);
}

static void await_news(struct duty *d, msec span)
{
    msec until = clock_mono(&sim_clock) + span;

    gate_lock(&sim_sched, d->gate);
    while (!d->has_news && !env_stopping(d->env) && clock_mono(&sim_clock) < until)
        gate_wait(&sim_sched, d->gate, until);
    d->has_news = false;
    gate_unlock(&sim_sched, d->gate);
}

static void await_server(struct duty *d)
{
    msec until = clock_mono(&sim_clock) + AWAY_MS;

    while (!env_stopping(d->env) && clock_mono(&sim_clock) < until)
        await_news(d, until - clock_mono(&sim_clock));
}

static enum status deliver(struct duty *d, msec *check_at, size_t *n, struct error *e)
{
    enum status st = ST_OK;

    *n = 0;
    if (clock_mono(&sim_clock) >= *check_at) {
        st = outbox_check(d->env, e);
        *check_at = clock_mono(&sim_clock) + OUTBOX_CHECK_MS;
    }
    return st == ST_OK ? outbox_deliver(d->env, n, e) : st;
}

void duty_deliver(struct duty *d)
{
    msec check_at = clock_mono(&sim_clock);

    while (!env_stopping(d->env)) {
        struct error e = { 0 };
        size_t n;
        enum status st = deliver(d, &check_at, &n, &e);
        if (st == ST_BROKEN)
            d->damaged(d->node, &e);
        if (st != ST_OK) {
            trace("states wait: %s", e.text);
            check_at = clock_mono(&sim_clock); /* it may come back empty */
            await_server(d);
        } else if (n == 0) {
            await_news(d, LOOK_MS);
        }
    }
}

/* ---- the clock ------------------------------------------------------------------------------- */

static void rest(struct duty *d, msec span)
{
    msec until = clock_mono(&sim_clock) + span;

    while (!env_stopping(d->env) && clock_mono(&sim_clock) < until) {
        msec left = until - clock_mono(&sim_clock);
        fibre_pause(left < STOP_LOOK_MS ? left : STOP_LOOK_MS);
    }
}

void duty_keep_time(struct duty *d, msec tick)
{
    while (!env_stopping(d->env)) {
        struct error e = { 0 };
        enum status st = schedule_run(d->env, &e);
        if (st == ST_BROKEN)
            d->damaged(d->node, &e);
        if (st != ST_OK)
            trace("nothing comes due by the clock: %s", e.text);
        rest(d, tick);
    }
}

/* Whoever began one before us is dead. */
void duty_end_erasures(struct duty *d)
{
    const msec before = clock_wall(&sim_clock);

    while (!env_stopping(d->env)) {
        struct error e = { 0 };
        enum status st = erase_resume(d->env, before, &e);
        if (st == ST_BROKEN)
            d->damaged(d->node, &e);
        if (st == ST_OK) {
            mark(MARK_ERASURE_ENDED);
            continue;
        }
        if (st != ST_NONE)
            trace("an erasure rests: %s", e.text);
        rest(d, ERASE_LOOK_MS);
    }
}

/* ---- those who wait -------------------------------------------------------------------------- */

static enum status await(struct duty *d, const struct sync_object *o, bool *done, struct error *e)
{
    const struct due_key key = { o->kind, str_of(o->type), str_of(o->id) };
    msec until = clock_mono(&sim_clock) + ASK_MS_MAX;
    bool dead = false;
    enum status st = ST_OK;

    while (!*done && !dead && !env_stopping(d->env) && clock_mono(&sim_clock) < until) {
        fibre_pause(seed_between(1, ASK_LOOK_MS));
        st = due_is_done(d->env, &key, o->gen, done, &dead, e);
        if (st == ST_BROKEN)
            return st;
    }
    return ST_OK;
}

/* What a list has not shown, or what was overtaken, is asked for once more: that is said with the
 * state, and is no broken promise. */
static bool is_told_stale(struct duty *d, const char *customer)
{
    ARENA(a, STATE_BYTES_MAX);
    struct customer_state state;
    struct error ignored = { 0 };

    if (state_get(d->env, str_of(customer), &state, &a, &ignored) != ST_OK)
        return true;
    if (state.stale_since)
        mark(MARK_TOLD_STALE);
    return state.stale_since != 0;
}

enum status duty_ask(struct duty *d, const char *customer, struct error *e)
{
    struct question q;
    struct sync s;
    str id = str_of(customer);
    bool done = false;

    check_question(customer, &q);
    trace("somebody asks for %s", customer);
    d->n_asking++;
    mark(d->n_asking > 1 ? MARK_ASKED_TOGETHER : MARK_ASKED);
    enum status st = sync_start(d->env, &id, 1, false, LANE_BACKFILL, &s, e);
    if (st == ST_OK)
        st = await(d, &s.object[0], &done, e);
    d->n_asking--;
    if (done && !is_told_stale(d, customer))
        check_answer(&q);
    trace("the wait for %s ends: %s", customer, done ? "it is there" : "in vain");
    return st;
}
