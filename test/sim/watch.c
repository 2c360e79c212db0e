#include "watch.h"

#include "base/json.h"
#include "check.h"
#include "fibre.h"
#include "forget.h"
#include "ledger.h"
#include "seed.h"
#include "side.h"
#include "stripe.h"
#include "switching.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANGES_MAX = 1024,
    STATES_MAX = 64,
    PAUSE_MS_MAX = 3,
    PAUSE_BEGIN = 30, /* in 100 */
    PAUSE_RUN = 4,
    OUTCOME_OF_EVENT = 10, /* among the values of STMT_INBOX_INSERT */
};

struct watch {
    struct store store;
    struct store *inner;
    unsigned side;
    bool crosses; /* who works in it works in another environment's, too: a switch */
    unsigned waiting_for_commit;
};

/* One transaction and what it has changed so far. */
struct watched {
    struct tx inner;
    unsigned came_from;
    uint64_t order; /* among the write transactions: they run one after the other */
    struct mirror_change change[CHANGES_MAX];
    size_t n;
    struct {
        char customer[ID_BYTES_MAX];
        unsigned of; /* which guest's */
        int64_t revision;
    } state[STATES_MAX];
    size_t n_states;
    unsigned n_chased;
    int64_t claim;                                 /* the ticket of a claim; 0: none */
    bool seals;                                    /* nobody may store anything behind it */
    char begins[ID_BYTES_MAX], ends[ID_BYTES_MAX]; /* whose erasure */
    enum mark reached[32];
    size_t n_reached;
    bool looked_again;
};

static uint64_t last_order;

static void maybe_give_way(unsigned percent)
{
    if (fibre_inside() && seed_chance(percent))
        fibre_pause(seed_between(0, PAUSE_MS_MAX));
}

static enum status watch_begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    struct watch *w = (struct watch *)s;
    struct watched *t = malloc(sizeof *t);

    if (!t)
        abort();
    t->came_from = fibre_side();
    if (w->crosses)
        fibre_go_to(w->side);
    t->n = t->n_reached = t->n_states = 0;
    t->n_chased = 0;
    t->claim = 0;
    t->seals = false;
    t->begins[0] = t->ends[0] = '\0';
    t->order = 0;
    t->inner = (struct tx){ 0 };
    if (w->side != fibre_side())
        broke(PROMISE_APART, "%s works in the store of %s", side()->name, side_at(w->side)->name);
    maybe_give_way(PAUSE_BEGIN);
    enum status st = w->inner->ops->begin(w->inner, mode, &t->inner, e);
    if (st != ST_OK) {
        fibre_go_to(t->came_from);
        free(t);
        return st;
    }
    if (mode == TX_WRITE)
        t->order = ++last_order;
    *tx = (struct tx){ .store = s, .impl = t, .mode = mode };
    return ST_OK;
}

/* ---- what a statement means --------------------------------------------------------------- */

static void reach(struct watched *t, enum mark m)
{
    if (t->n_reached < COUNT(t->reached))
        t->reached[t->n_reached++] = m;
}

/* `of`: type, account, id */
static void note_change(struct watched *t, const struct value *of, const struct value *data,
                        bool deleted)
{
    if (t->n == CHANGES_MAX)
        return;
    struct mirror_change *c = &t->change[t->n++];
    *c = (struct mirror_change){ .deleted = deleted,
                                 .version = data ? version_of(data->s) : 0,
                                 .knows = data && forget_knows(data->s) };
    snprintf(c->type, sizeof c->type, "%.*s", STR_ARG(of[0].s));
    snprintf(c->account, sizeof c->account, "%.*s", STR_ARG(of[1].s));
    snprintf(c->id, sizeof c->id, "%.*s", STR_ARG(of[2].s));
}

static void note_state(struct watched *t, const struct value *v)
{
    if (t->n_states == STATES_MAX)
        return;
    t->state[t->n_states].of = guest_of(v[1].s);
    snprintf(t->state[t->n_states].customer, ID_BYTES_MAX, "%.*s", STR_ARG(v[0].s));
    t->state[t->n_states++].revision = v[3].i;
}

static bool cause_is(const struct value *v, const char *cause)
{
    return str_eqz(v->s, cause);
}

static void note_cause(struct watched *t, const struct value *v)
{
    if (cause_is(v, "stale"))
        reach(t, MARK_STALE_DROPPED);
    if (cause_is(v, "tombstone"))
        reach(t, MARK_TOMBSTONE_MET);
    if (cause_is(v, "check"))
        reach(t, MARK_SWEPT);
    if (cause_is(v, "reference"))
        reach(t, MARK_CHASED);
    if (cause_is(v, "catch-up"))
        reach(t, MARK_CAUGHT_UP);
}

/* References are followed from where the signal was, so far and so many at once. */
static void note_chase(struct watched *t, const struct value *v)
{
    enum { DEPTH_MAX = 8, FAN_OUT_MAX = 200 }; /* a chase by itself takes 200 at a time */

    if (!cause_is(&v[6], "reference"))
        return;
    if (v[7].i > DEPTH_MAX || ++t->n_chased > FAN_OUT_MAX)
        broke(PROMISE_BOUND,
              "%.*s %.*s is made due as the %lldth in a row of references, the %uth "
              "of one answer",
              STR_ARG(v[1].s), STR_ARG(v[2].s), (long long)v[7].i, t->n_chased);
}

static void note_mark(struct watched *t, const struct value *v)
{
    note_cause(t, &v[6]);
    if (str_eqz(v[0].s, "chase"))
        reach(t, MARK_CHASE_GOES_ON);
}

static void note_failure(struct watched *t, const struct value *v)
{
    if (v[3].i)
        reach(t, MARK_DEAD);
    trace("puts %.*s %.*s back%s: %.*s", STR_ARG(v[7].s), STR_ARG(v[8].s),
          v[3].i ? " for good" : "", STR_ARG(v[4].s));
}

/* Statements whose meaning is worth a word or a mark; the rest pass. */
static void note(struct watched *t, enum stmt id, const struct value *v, const struct rows *r)
{
    bool changed = r->n_changed != 0;

    if (id == STMT_OBJECT_INSERT)
        note_change(t, &v[0], &v[3], false);
    else if (id == STMT_OBJECT_UPDATE)
        note_change(t, &v[9], &v[0], false);
    else if (id == STMT_OBJECT_BURY)
        note_change(t, &v[3], NULL, true);
    else if (id == STMT_STATE_PUT)
        note_state(t, v);
    else if (id == STMT_ENVIRONMENT_SEAL)
        t->seals = v[0].s.n != 0;
    else if (id == STMT_ERASING_PUT)
        snprintf(t->begins, sizeof t->begins, "%.*s", STR_ARG(v[0].s));
    else if (id == STMT_ERASING_DONE)
        snprintf(t->ends, sizeof t->ends, "%.*s", STR_ARG(v[0].s));
    else if (id == STMT_USER_GONE && changed)
        reach(t, MARK_PAIR_REMOVED);
    else if (id == STMT_INBOX_INSERT && cause_is(&v[OUTCOME_OF_EVENT], "erased"))
        reach(t, MARK_ERASED_NEWS);
    else if (id == STMT_DUE_TAKE)
        t->claim = v[0].i;
    else if (id == STMT_DUE_MARK)
        note_mark(t, v);
    else if (id == STMT_DUE_MARK_ONCE) {
        note_chase(t, v);
        if (changed)
            note_cause(t, &v[6]);
    } else if (id == STMT_DRIFT_SETTLE)
        reach(t, MARK_DRIFT_MENDED);
    else if (id == STMT_DUE_FAIL)
        note_failure(t, v);
    else if (id == STMT_DUE_LATER && v[0].i == 1)
        reach(t, MARK_LOOKED_TWICE);
    else if ((id == STMT_DUE_EXTEND || id == STMT_WALK_MOVE || id == STMT_DUE_FAIL ||
              id == STMT_DUE_LATER) &&
             !changed)
        mark(MARK_LEASE_LOST); /* what follows is rolled back */
    else if (id == STMT_INBOX_AGAIN)
        reach(t, MARK_REDELIVERED);
    else if (id == STMT_OBJECT_CLOSE_LISTS)
        reach(t, MARK_NESTED_COMPLETED);
    else if (id == STMT_WALK_RESUME)
        reach(t, MARK_WALK_RESUMED);
    else if (id == STMT_WALK_END && cause_is(&v[0], "complete"))
        reach(t, MARK_WALK_COMPLETED);
    else if ((id == STMT_DUE_REVIVE || id == STMT_DUE_REVIVE_KEY) && changed)
        reach(t, MARK_DEAD_REVIVED);
    else if ((id == STMT_FORGET_BODIES || id == STMT_FORGET_CALLS || id == STMT_FORGET_HISTORY) &&
             changed)
        reach(t, MARK_FORGOTTEN);
    else if (id == STMT_CALL_ADD)
        reach(t, MARK_CALLS_FLUSHED);
    if (id == STMT_DUE_TAKE && changed)
        trace("claims %.*s %.*s %.*s under ticket %lld", STR_ARG(v[3].s), STR_ARG(v[4].s),
              STR_ARG(v[5].s), (long long)v[0].i);
    if (id == STMT_DUE_FINISH)
        trace("finishes %.*s %.*s %.*s up to generation %lld", STR_ARG(v[6].s), STR_ARG(v[7].s),
              STR_ARG(v[8].s), (long long)v[0].i);
    if (id == STMT_DUE_MARK)
        trace("marks %.*s %.*s %.*s due (%.*s%s)", STR_ARG(v[0].s), STR_ARG(v[1].s),
              STR_ARG(v[2].s), STR_ARG(v[6].s), v[7].i ? ", gone" : "");
}

static enum status watch_run(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                             struct rows *rows, struct arena *a, struct error *e)
{
    struct watched *t = tx->impl;
    struct rows got;

    maybe_give_way(PAUSE_RUN);
    enum status st = t->inner.store->ops->run(&t->inner, id, args, n_args, &got, a, e);
    if (st != ST_OK)
        return st;
    if (tx->mode == TX_WRITE)
        note(t, id, args, &got);
    if (rows)
        *rows = got;
    return ST_OK;
}

/* What is sealed is read from then on, never written: no answer comes late. */
static void check_seal(const struct watched *t)
{
    static uint64_t sealed[SIDES]; /* by which transaction */

    if (t->seals && t->order > sealed[fibre_side()])
        sealed[fibre_side()] = t->order;
    if (!t->n || !sealed[fibre_side()] || t->order < sealed[fibre_side()] || !side_is_sealed())
        return;
    broke(PROMISE_APART, "%s %s was stored in %s, which is sealed", t->change[0].type,
          t->change[0].id, side()->name);
}

/* ---- what became of it -------------------------------------------------------------------- */

/* For whom it stands in the store. */
static void apply(const struct mirror_change *c, uint64_t order)
{
    unsigned of = guest_of(str_of(c->account));

    if (!of && guests() && strcmp(c->account, side()->account) != 0)
        broke(PROMISE_APART, "%s %s is stored for %s, whom nobody knows", c->type, c->id,
              c->account);
    guest_is(of);
    forget_check_change(c->type, c->id, c->knows);
    check_applied(c, order);
    guest_is(0);
}

static void applied(const struct watched *t)
{
    check_seal(t);
    for (size_t i = 0; i < t->n; i++)
        apply(&t->change[i], t->order);
    for (size_t i = 0; i < t->n_states; i++) {
        guest_is(t->state[i].of);
        ledger_put(str_of(t->state[i].customer), t->state[i].revision, t->order);
        guest_is(0);
    }
    for (size_t i = 0; i < t->n_reached; i++)
        mark(t->reached[i]);
    if (t->claim) {
        check_claim(t->claim, t->order);
        sim_stripe_claimed();
    }
}

/* What a state rests on was committed: so was the state. Not every time: it takes a while. */
static void look_at_states(const struct watched *t)
{
    enum { EACH = 4 };
    bool rests = false;

    for (size_t i = 0; i < t->n; i++)
        rests |= strcmp(t->change[i].type, "subscription") == 0 ||
                 strcmp(t->change[i].type, "customer") == 0;
    if (rests && t->order % EACH == 0)
        check_states();
    if (t->begins[0])
        forget_has_begun(str_of(t->begins));
    if (t->ends[0])
        forget_is_done(str_of(t->ends));
}

static void tell(const struct watched *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct mirror_change *c = &t->change[i];
        const char *of = guest_of(str_of(c->account)) ? " of " : "";
        const char *whose = *of ? c->account : "";
        if (c->deleted)
            trace("commits %s %s%s%s: buried", c->type, c->id, of, whose);
        else
            trace("commits %s %s%s%s: version %lld", c->type, c->id, of, whose,
                  (long long)c->version);
    }
}

static enum status watch_commit(struct tx *tx, struct error *e)
{
    struct watch *w = (struct watch *)tx->store;
    struct watched *t = tx->impl;
    bool writing = tx->mode == TX_WRITE;

    maybe_give_way(PAUSE_RUN);
    w->waiting_for_commit += writing;
    bool shared = w->waiting_for_commit > 1;
    enum status st = t->inner.store->ops->commit(&t->inner, e);
    shared |= w->waiting_for_commit > 1;
    w->waiting_for_commit -= writing && w->waiting_for_commit;
    if (writing && shared)
        mark(st == ST_OK ? MARK_SHARED_COMMIT : MARK_COMMIT_LOST);
    if (writing && st != ST_OK)
        trace("a commit fails: %s", e->text);
    if (writing && st == ST_OK) {
        tell(t);
        applied(t);
        look_at_states(t);
    }
    tx->impl = NULL;
    fibre_go_to(t->came_from);
    free(t);
    return st;
}

static void watch_rollback(struct tx *tx)
{
    struct watched *t = tx->impl;

    tx->impl = NULL;
    if (!t)
        return;
    t->inner.store->ops->rollback(&t->inner);
    fibre_go_to(t->came_from);
    free(t);
}

static enum status watch_script(struct store *s, str sql, struct error *e)
{
    struct watch *w = (struct watch *)s;

    return w->inner->ops->script(w->inner, sql, e);
}

static enum status watch_scrub(struct store *s, struct error *e)
{
    struct watch *w = (struct watch *)s;

    return w->inner->ops->scrub(w->inner, e);
}

static void watch_close(struct store *s)
{
    struct watch *w = (struct watch *)s;

    w->inner->ops->close(w->inner);
    free(w);
}

static const struct store_ops ops = {
    .name = "watched",
    .dialect = "sqlite",
    .begin = watch_begin,
    .run = watch_run,
    .commit = watch_commit,
    .rollback = watch_rollback,
    .script = watch_script,
    .scrub = watch_scrub,
    .close = watch_close,
};

/* note() knows the places of their arguments. */
static void know_statements(void)
{
    static const struct {
        enum stmt id;
        unsigned n_args;
    } known[] = {
        { STMT_OBJECT_INSERT, 12 }, { STMT_OBJECT_UPDATE, 12 },   { STMT_OBJECT_BURY, 6 },
        { STMT_DUE_TAKE, 7 },       { STMT_DUE_MARK, 11 },        { STMT_DUE_MARK_ONCE, 9 },
        { STMT_STATE_PUT, 6 },      { STMT_DUE_FAIL, 11 },        { STMT_DUE_LATER, 8 },
        { STMT_DUE_FINISH, 10 },    { STMT_ENVIRONMENT_SEAL, 1 }, { STMT_ERASING_PUT, 4 },
        { STMT_ERASING_DONE, 2 },   { STMT_INBOX_INSERT, 14 },
    };

    for (size_t i = 0; i < COUNT(known); i++)
        if (stmt_table[known[i].id].n_args != known[i].n_args)
            broke(PROMISE_SOUND, "the statement %s has changed: watch.c must learn what it means",
                  stmt_table[known[i].id].name);
}

struct store *watch_open(struct store *inner, bool crosses)
{
    struct watch *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    know_statements();
    *w = (struct watch){
        .store = { &ops }, .inner = inner, .side = fibre_side(), .crosses = crosses
    };
    return &w->store;
}
