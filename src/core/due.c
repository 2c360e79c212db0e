#include "core/due.h"

#include <stdio.h>

#include "base/json.h"
#include "base/plant.h"
#include "core/sequence.h"

#include <stdio.h>
#include <string.h>

enum {
    SMALL_BYTES = 64 << 10,
    DEAD_PAGE = 500,
    GUESTS_TRIED = 8,    /* accounts looked at in one turn */
    DUE_PIECE = 1000,    /* keys that one transaction changes */
    WHY_BYTES_MAX = 400, /* of a sentence that is kept with the key */
    HELD_MAX = 256,      /* leases that one call renews: more than there are workers */
};

static const msec news_age_max_ms = 30ll * 86400 * 1000; /* Stripe keeps events so long */

const char *due_kind_name(enum due_kind k)
{
    switch (k) {
    case DUE_OBJECT: return "object";
    case DUE_WALK: return "walk";
    case DUE_SWEEP: return "sweep";
    case DUE_CHASE: return "chase";
    case DUE_CHECK: return "check";
    case DUE_CATCHUP: return "catchup";
    case DUE_USER: return "user";
    case DUE_CUSTOMER: return "customer";
    case DUE_OP: return "op";
    }
    return "?";
}

static enum due_kind kind_of(str name)
{
    for (int k = DUE_OBJECT; k <= DUE_OP; k++)
        if (str_eqz(name, due_kind_name((enum due_kind)k)))
            return (enum due_kind)k;
    return DUE_OBJECT;
}

static struct value v_kind(const struct due_key *k)
{
    return V_STR(str_of(due_kind_name(k->kind)));
}

/* A connected account's keys take turns with the others' (find_of_guests). */
static struct value v_guest(const struct env *env)
{
    return V_INT(env->root != NULL);
}

/* News is as old as what it tells of, however late it comes: else the mirror would be said to be
 * complete up to a time at which something had happened that it does not show. What Stripe keeps no
 * events of any more, or is of another clock than ours, is of now. */
static msec since_of(const struct due_mark *m, msec now)
{
    bool plausible = m->happened_at > now - news_age_max_ms && m->happened_at < now;

    return plausible ? m->happened_at : now;
}

enum status due_mark(struct tx *tx, const struct env *env, const struct due_mark *m,
                     struct arena *a, struct error *e)
{
    struct clock *c = env->world->clock;

    return tx_run(tx, STMT_DUE_MARK, NULL, a, e, v_kind(&m->key), V_STR(m->key.type),
                  V_STR(m->key.id), v_account(env), V_INT(m->lane),
                  V_INT(since_of(m, clock_wall(c))), V_STR(str_of(m->cause)), V_INT(m->gone),
                  v_guest(env), V_INT(clock_mono(c)), V_INT(env->set.settle_ms));
}

enum status due_generation(struct tx *tx, const struct env *env, const struct due_key *key,
                           int64_t *gen, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_DUE_GET, &r, a, e, v_kind(key), V_STR(key->type),
                            V_STR(key->id), v_account(env));

    if (st == ST_OK && r.n_rows == 0)
        return fail(e, ST_NONE, "%.*s %.*s was never due", STR_ARG(key->type), STR_ARG(key->id));
    if (st == ST_OK)
        *gen = row_int(&r, 0, 0);
    return st;
}

enum status due_mark_once(struct tx *tx, const struct env *env, const struct due_mark *m,
                          struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_DUE_MARK_ONCE, NULL, a, e, v_kind(&m->key), V_STR(m->key.type),
                  V_STR(m->key.id), v_account(env), V_INT(m->lane),
                  V_INT(clock_wall(env->world->clock)), V_STR(str_of(m->cause)), V_INT(m->depth),
                  v_guest(env));
}

/* ---- claims ------------------------------------------------------------------------------- */

/* Looking for the next key, in the order of the lanes. */
struct finding {
    struct tx *tx;
    struct env *env;
    msec now;
    struct rows *found;
    struct arena *a;
};

enum { OWN = 0, GUESTS = 1 };

/* ST_NONE: nothing is ready. `id` says whether to keep others from it until the transaction ends.
 */
static enum status find_in_line(struct finding *f, enum stmt id, int lane, int guests,
                                struct error *e)
{
    enum status st =
        tx_run(f->tx, id, f->found, f->a, e, V_INT(lane), V_INT(guests), V_INT(f->now));

    return st == ST_OK && !f->found->n_rows ? ST_NONE : st;
}

static void read_turn(struct env *env, int lane, char account[ACCOUNT_ID_MAX + 1])
{
    struct sched *s = env->world->sched;

    gate_lock(s, env->gate);
    memcpy(account, env->turn[lane].account, ACCOUNT_ID_MAX + 1);
    gate_unlock(s, env->gate);
}

static void note_turn(struct env *env, int lane, str account)
{
    struct sched *s = env->world->sched;

    gate_lock(s, env->gate);
    snprintf(env->turn[lane].account, ACCOUNT_ID_MAX + 1, "%.*s", STR_ARG(account));
    gate_unlock(s, env->gate);
}

/* The account behind the one that had its turn last, or the first one again. ST_NONE: none has
 * anything due. */
static enum status next_guest(struct finding *f, int lane, str *account, struct error *e)
{
    struct rows r;
    enum status st = tx_run(f->tx, STMT_DUE_GUEST, &r, f->a, e, V_INT(lane), V_STR(*account));

    if (st == ST_OK && !r.n_rows && account->n)
        st = tx_run(f->tx, STMT_DUE_GUEST, &r, f->a, e, V_INT(lane), V_STR(S("")));
    if (st != ST_OK || !r.n_rows)
        return st == ST_OK ? ST_NONE : st;
    *account = row_str(&r, 0, 0);
    return ST_OK;
}

/* Connected accounts take turns, so that one with a million keys holds no other up. Where the next
 * few have only what must wait, whatever is ready goes. */
static enum status find_of_guests(struct finding *f, int lane, struct error *e)
{
    char last[ACCOUNT_ID_MAX + 1];
    str account = { 0 };
    enum status st = ST_OK;

    read_turn(f->env, lane, last);
    account = str_of(last);
    for (unsigned i = 0; i < GUESTS_TRIED && st == ST_OK; i++) {
        st = next_guest(f, lane, &account, e);
        if (st == ST_OK)
            st = tx_run(f->tx, STMT_DUE_FIND_OF, f->found, f->a, e, V_INT(lane), V_STR(account),
                        V_INT(f->now));
        if (st != ST_OK)
            return st;
        note_turn(f->env, lane, account);
        if (f->found->n_rows)
            return ST_OK;
    }
    return find_in_line(f, STMT_DUE_FIND, lane, GUESTS, e);
}

/* Half of the turns are the environment's own, half its connected accounts': what one of the two
 * does not need, the other has. */
static bool guests_come_first(struct env *env, int lane)
{
    struct sched *s = env->world->sched;

    gate_lock(s, env->gate);
    bool first = env->connect && env->turn[lane].guests;
    env->turn[lane].guests = !env->turn[lane].guests;
    gate_unlock(s, env->gate);
    return first;
}

static enum status find_in_lane(struct finding *f, int lane, struct error *e)
{
    bool guests = guests_come_first(f->env, lane);
    enum status st =
        guests ? find_of_guests(f, lane, e) : find_in_line(f, STMT_DUE_FIND, lane, OWN, e);

    if (st == ST_NONE)
        st = guests ? find_in_line(f, STMT_DUE_FIND, lane, OWN, e) : find_of_guests(f, lane, e);
    return st;
}

/* ST_NONE: nothing is ready. */
static enum status find_next(struct finding *f, enum stripe_lane *lane, struct error *e)
{
    enum status st = ST_NONE;

    for (int l = 0; l < LANE_COUNT && st == ST_NONE; l++) {
        st = find_in_lane(f, l, e);
        *lane = (enum stripe_lane)l;
    }
    return st;
}

/* Looking costs no turn at the writer. */
static enum status anything_ready(struct env *env, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    struct finding f = { &tx, env, clock_mono(env->world->clock), &r, &a };

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st != ST_OK)
        return st;
    st = ST_NONE;
    for (int l = 0; l < LANE_COUNT; l++)
        for (int guests = OWN; guests <= GUESTS && st == ST_NONE; guests++)
            st = find_in_line(&f, STMT_DUE_READY, l, guests, e);
    return st;
}

/* They do not fit into what a claim is read into: no other work is to wait behind them. */
static enum status bury_long_ones(struct env *env, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DUE_BURY_LONG, &r, &a, e,
                    V_STR(S("its id is too long to be asked for")), V_INT(DUE_ID_MAX));
    if (st == ST_OK && !r.n_changed)
        return ST_NONE;
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status claim(struct env *env, struct claim *out, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum stripe_lane lane = LANE_BACKFILL;
    int64_t ticket;
    struct rows r;

    enum status st = anything_ready(env, e);
    if (st != ST_OK)
        return st;
    st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st != ST_OK)
        return st;
    struct finding f = { &tx, env, clock_mono(env->world->clock), &r, a };
    st = find_next(&f, &lane, e);
    if (st != ST_OK)
        return st;
    st = sequence_draw(&tx, 1, &ticket, a, e);
    if (st != ST_OK)
        return st;
    struct claim c = { .key = { kind_of(row_str(&r, 0, 0)), row_str(&r, 0, 1), row_str(&r, 0, 2) },
                       .lane = lane,
                       .gen = row_int(&r, 0, 3),
                       .ticket = ticket,
                       .attempts = (unsigned)row_int(&r, 0, 4),
                       .misses = (unsigned)row_int(&r, 0, 5),
                       .gone = row_int(&r, 0, 6) != 0,
                       .cause = row_str(&r, 0, 7),
                       .depth = (unsigned)row_int(&r, 0, 8),
                       .account = row_str(&r, 0, 9),
                       .claimed_at = clock_mono(env->world->clock) };
    st = tx_run(&tx, STMT_DUE_TAKE, NULL, a, e, V_INT(ticket), V_INT(c.claimed_at),
                V_INT(env->set.lease_ms), v_kind(&c.key), V_STR(c.key.type), V_STR(c.key.id),
                V_STR(c.account));
    if (st == ST_OK && env->owner > 1)
        st = tx_run(&tx, STMT_DUE_OWN, NULL, a, e, V_INT(env->owner), v_kind(&c.key),
                    V_STR(c.key.type), V_STR(c.key.id), V_STR(c.account));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        *out = c;
    return st;
}

enum status due_claim(struct env *env, struct claim *out, struct arena *a, struct error *e)
{
    struct error why = { 0 };
    enum status st = claim(env, out, a, &why);

    if (st == ST_LIMIT && bury_long_ones(env, e) == ST_OK)
        return claim(env, out, a, e);
    if (st != ST_OK && st != ST_NONE)
        *e = why;
    return st;
}

enum status due_next(struct env *env, msec *when, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    msec now = clock_mono(env->world->clock), earliest = INT64_MAX;

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    for (int i = 0; i < 2 * LANE_COUNT && st == ST_OK; i++) {
        struct rows r;
        st = tx_run(&tx, STMT_DUE_EARLIEST, &r, &a, e, V_INT(now), V_INT(i / 2), V_INT(i % 2));
        if (st == ST_OK && r.n_rows && now + row_int(&r, 0, 0) < earliest)
            earliest = now + row_int(&r, 0, 0);
    }
    if (st == ST_OK)
        *when = earliest;
    return st;
}

/* The generation that is finished: the one that was claimed, for news that came meanwhile is not
 * done. */
static enum status finished_gen(struct tx *tx, const struct env *env, const struct claim *c,
                                int64_t *gen, struct arena *a, struct error *e)
{
    struct rows r;

    *gen = c->gen;
    if (!planted(PLANT_EVENT_SWALLOWED))
        return ST_OK;
    enum status st = tx_run(tx, STMT_DUE_GET, &r, a, e, v_kind(&c->key), V_STR(c->key.type),
                            V_STR(c->key.id), v_account(env));
    if (st == ST_OK)
        *gen = row_int(&r, 0, 0);
    return st;
}

static enum status finish(struct tx *tx, const struct env *env, const struct claim *c,
                          struct value why, struct value http_status, struct arena *a,
                          struct error *e)
{
    msec now = clock_mono(env->world->clock);

    int64_t gen;
    enum status st = finished_gen(tx, env, c, &gen, a, e);

    if (st != ST_OK)
        return st;
    return tx_run(tx, STMT_DUE_FINISH, NULL, a, e, V_INT(gen), V_INT(c->ticket), V_INT(now),
                  V_INT(c->claimed_at + env->set.settle_ms - now), why, http_status,
                  v_kind(&c->key), V_STR(c->key.type), V_STR(c->key.id), v_account(env));
}

enum status due_finish(struct tx *tx, const struct env *env, const struct claim *c, struct arena *a,
                       struct error *e)
{
    return finish(tx, env, c, V_NULL, V_NULL, a, e);
}

static str shortened(const char *why)
{
    str s = str_of(why);
    return s.n > WHY_BYTES_MAX ? str_sub(s, 0, WHY_BYTES_MAX) : s;
}

enum status due_finish_absent(struct tx *tx, const struct env *env, const struct claim *c,
                              const char *why, int http_status, struct arena *a, struct error *e)
{
    return finish(tx, env, c, V_STR(shortened(why)), V_INT(http_status), a, e);
}

enum status due_go_on(struct tx *tx, const struct env *env, const struct claim *c, struct arena *a,
                      struct error *e)
{
    const struct due_mark m = { .key = c->key, .lane = c->lane, .cause = "nested" };
    struct rows r;
    enum status st = tx_run(tx, STMT_DUE_GET, &r, a, e, v_kind(&c->key), V_STR(c->key.type),
                            V_STR(c->key.id), v_account(env));

    if (st != ST_OK || (r.n_rows && row_int(&r, 0, 1) < c->gen))
        return st;
    return due_mark(tx, env, &m, a, e);
}

enum status due_seen(struct tx *tx, const struct env *env, str type, str id, struct arena *a,
                     struct error *e)
{
    if (planted(PLANT_MISSES_ADD_UP))
        return ST_OK;
    return tx_run(tx, STMT_DUE_SEEN, NULL, a, e, V_STR(type), V_STR(id), v_account(env));
}

/* A statement of its own on a claim: $1 … are `args`, behind them the key and the token. */
static enum status update_claim(struct env *env, enum stmt id, const struct claim *c,
                                const struct value *args, size_t n, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct value all[11];

    assert(n + 5 <= COUNT(all));
    for (size_t i = 0; i < n; i++)
        all[i] = args[i];
    all[n] = v_kind(&c->key);
    all[n + 1] = V_STR(c->key.type);
    all[n + 2] = V_STR(c->key.id);
    all[n + 3] = v_account(env);
    all[n + 4] = V_INT(c->ticket);
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = tx_run_args(&tx, id, all, n + 5, NULL, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Twice as long after each failure, with jitter, so that what failed together does not return
 * together. */
static msec backoff(struct env *env, unsigned attempts)
{
    msec pause = env->set.backoff_ms;

    for (unsigned i = 1; i < attempts && pause < env->set.backoff_ms_max; i++)
        pause *= 2;
    if (pause > env->set.backoff_ms_max)
        pause = env->set.backoff_ms_max;
    return pause / 2 + (msec)rng_below(env->world->rng, (uint64_t)(pause / 2 + 1));
}

static enum status put_back(struct env *env, const struct claim *c, unsigned attempts, bool dead,
                            const char *why, int http_status, struct error *e)
{
    const struct value args[] = { V_INT(attempts),
                                  V_INT(clock_mono(env->world->clock)),
                                  V_INT(backoff(env, attempts)),
                                  V_INT(dead),
                                  V_STR(shortened(why)),
                                  V_INT(http_status) };

    return update_claim(env, STMT_DUE_FAIL, c, args, COUNT(args), e);
}

enum status due_fail(struct env *env, const struct claim *c, const char *why, int http_status,
                     bool *dead, struct error *e)
{
    unsigned attempts = c->attempts + 1;

    *dead = attempts >= env->set.attempts_max;
    return put_back(env, c, attempts, *dead, why, http_status, e);
}

enum status due_refuse(struct env *env, const struct claim *c, const char *why, int http_status,
                       struct error *e)
{
    return put_back(env, c, c->attempts + 1, true, why, http_status, e);
}

static enum status later(struct env *env, const struct claim *c, unsigned misses, msec pause,
                         struct error *e)
{
    const struct value args[] = { V_INT(misses), V_INT(clock_mono(env->world->clock)),
                                  V_INT(pause) };

    return update_claim(env, STMT_DUE_LATER, c, args, COUNT(args), e);
}

enum status due_confirm(struct env *env, const struct claim *c, struct error *e)
{
    return later(env, c, c->misses + 1, env->set.confirm_ms, e);
}

enum status due_postpone(struct env *env, const struct claim *c, msec pause, struct error *e)
{
    return later(env, c, c->misses, pause, e);
}

enum status due_release(struct env *env, const struct claim *c, struct error *e)
{
    return later(env, c, c->misses, 0, e);
}

enum status due_extend(struct tx *tx, const struct env *env, struct claim *c, struct arena *a,
                       struct error *e)
{
    struct rows r;
    int64_t ticket;
    enum status st = sequence_draw(tx, 1, &ticket, a, e);

    if (st != ST_OK)
        return st;
    st = tx_run(tx, STMT_DUE_EXTEND, &r, a, e, V_INT(ticket), V_INT(clock_mono(env->world->clock)),
                V_INT(env->set.lease_ms), v_kind(&c->key), V_STR(c->key.type), V_STR(c->key.id),
                v_account(env), V_INT(c->ticket));
    if (st != ST_OK)
        return st;
    if (r.n_changed == 0)
        return fail(e, ST_CONFLICT, "%s %.*s %.*s: its lease ran out and somebody else has it now",
                    due_kind_name(c->key.kind), STR_ARG(c->key.type), STR_ARG(c->key.id));
    c->ticket = ticket;
    return ST_OK;
}

/* ---- claims that are worked on ---- */

void due_hold(struct env *env, struct held *h, const struct claim *c)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    gate_lock(s, env->gate);
    *h = (struct held){ c->key, c->account, c->claimed_at, env->held };
    env->held = h;
    gate_unlock(s, env->gate);
}

void due_unhold(struct env *env, struct held *h)
{
    struct sched *s = env->world->sched;
    struct held **at = &env_root(env)->held;

    env = env_root(env);
    gate_lock(s, env->gate);
    while (*at && *at != h)
        at = &(*at)->next;
    assert(*at == h);
    *at = h->next;
    gate_unlock(s, env->gate);
}

/* Copies one whose lease is to be renewed, for its holder may let go of it at any moment. */
static bool next_to_keep(struct env *env, msec now, struct held *out, struct arena *a)
{
    struct sched *s = env->world->sched;
    bool found = false;

    gate_lock(s, env->gate);
    for (struct held *h = env->held; h && !found; h = h->next) {
        if (now - h->kept_at < env->set.lease_ms / DUE_KEEP_PART)
            continue;
        h->kept_at = now;
        *out = (struct held){ { h->key.kind, arena_copy(a, h->key.type), arena_copy(a, h->key.id) },
                              arena_copy(a, h->account),
                              now,
                              NULL };
        found = out->key.type.p && out->key.id.p && out->account.p;
    }
    gate_unlock(s, env->gate);
    return found;
}

static enum status keep(struct env *env, const struct held *h, msec now, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DUE_KEEP, NULL, &a, e, V_INT(now), V_INT(env->set.lease_ms),
                    v_kind(&h->key), V_STR(h->key.type), V_STR(h->key.id), V_STR(h->account),
                    V_INT(env->owner > 1 ? env->owner : 1));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* A transaction each: whoever holds several rows may wait for somebody who waits for him. */
enum status due_keep(struct env *env, struct error *e)
{
    struct error why = { 0 };
    enum status st = ST_OK;

    for (unsigned i = 0; i < HELD_MAX; i++) {
        ARENA(a, SMALL_BYTES);
        struct held h;
        msec now = clock_mono(env->world->clock);
        if (!next_to_keep(env, now, &h, &a))
            break;
        enum status one = keep(env, &h, now, &why);
        if (one != ST_OK && st == ST_OK) {
            st = one;
            *e = why;
        }
    }
    return st;
}

/* An update of any number of keys, in transactions of DUE_PIECE rows. */
static enum status in_pieces(struct env *env, enum stmt id, const struct value *what, size_t n_what,
                             int64_t *n, struct error *e)
{
    struct value args[3];

    assert(n_what < COUNT(args));
    memcpy(args, what, n_what * sizeof *what);
    args[n_what] = V_INT(DUE_PIECE);
    *n = 0;
    for (;;) {
        ARENA(a, SMALL_BYTES);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r;
        enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
        if (st == ST_OK)
            st = tx_run_args(&tx, id, args, n_what + 1, &r, &a, e);
        if (st == ST_OK)
            st = tx_commit(&tx, e);
        if (st != ST_OK)
            return st;
        *n += r.n_changed;
        if (r.n_changed < DUE_PIECE)
            return ST_OK;
    }
}

enum status due_restart(struct env *env, struct error *e)
{
    const struct value owner = V_INT(env->owner);
    int64_t ignored;

    if (planted(PLANT_CLAIMS_SURVIVE))
        return ST_OK;
    return in_pieces(env, STMT_DUE_RESTART, &owner, 1, &ignored, e);
}

/* ---- for people --------------------------------------------------------------------------- */

/* An environment that acts for a connected account sees that one alone. */
static struct value one_account(const struct env *env)
{
    return env->root ? v_account(env) : V_STR(S(""));
}

static void write_dead(const struct rows *r, size_t i, struct buf *out)
{
    static const char *const name[] = { "kind",      "type",       "id",
                                        "attempts",  "last_error", "last_status",
                                        "due_since", "cause",      "account" };
    struct json_writer w = { .b = out };

    jw_object(&w);
    for (size_t c = 0; c < COUNT(name); c++) {
        const struct value *v = row_cell(r, i, c);
        jw_key(&w, str_of(name[c]));
        if (v->type == VAL_INT)
            jw_int(&w, v->i);
        else
            jw_str(&w, v->s);
    }
    jw_end(&w);
    buf_char(out, '\n');
}

enum status due_list_dead(struct env *env, struct buf *out, const struct pages *pages,
                          struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(last, SMALL_BYTES * 16);
    str kind = S(""), type = S(""), id = S(""), account = S("");

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    while (st == ST_OK) {
        ARENA(a, 4 << 20);
        struct rows r;
        st = tx_run(&tx, STMT_DUE_DEAD, &r, &a, e, V_STR(kind), V_STR(type), V_STR(id),
                    V_STR(account), one_account(env), V_INT(DEAD_PAGE));
        if (st != ST_OK)
            return st;
        for (size_t i = 0; i < r.n_rows; i++)
            write_dead(&r, i, out);
        if (out->failed)
            return fail(e, ST_LIMIT,
                        "there is more dead work than fits into one answer: `brindle inbox dead` "
                        "lists it page after page");
        pages_turn(pages, out);
        if (r.n_rows < DEAD_PAGE)
            return ST_OK;
        arena_free(&last);
        kind = arena_copy(&last, row_str(&r, r.n_rows - 1, 0));
        type = arena_copy(&last, row_str(&r, r.n_rows - 1, 1));
        id = arena_copy(&last, row_str(&r, r.n_rows - 1, 2));
        account = arena_copy(&last, row_str(&r, r.n_rows - 1, 8));
    }
    return st;
}

enum status due_trouble(struct env *env, char out[DUE_TROUBLE_BYTES], struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, SMALL_BYTES * 16);
    struct rows r;

    out[0] = '\0';
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_DUE_TROUBLE, &r, &a, e, V_INT(DUE_TROUBLE_LOOKED));
    if (st == ST_OK && r.n_rows)
        snprintf(out, DUE_TROUBLE_BYTES, "%.*s %.*s: %.*s", STR_ARG(row_str(&r, 0, 0)),
                 STR_ARG(row_str(&r, 0, 1)), STR_ARG(row_str(&r, 0, 2)));
    return st;
}

enum status due_revive(struct env *env, str id, int64_t *n, struct error *e)
{
    const struct value which[] = { V_STR(id), one_account(env) };
    enum status st = in_pieces(env, STMT_DUE_REVIVE, which, COUNT(which), n, e);

    if (st == ST_OK)
        env_ring(env);
    return st;
}

enum status due_is_done(struct env *env, const struct due_key *key, int64_t gen, bool *done,
                        bool *dead, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_DUE_GET, &r, &a, e, v_kind(key), V_STR(key->type), V_STR(key->id),
                    v_account(env));
    if (st != ST_OK)
        return st;
    *done = r.n_rows && row_int(&r, 0, 1) >= gen;
    *dead = r.n_rows && !*done && row_int(&r, 0, 2);
    return ST_OK;
}
