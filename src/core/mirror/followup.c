#include "core/mirror/followup.h"

#include "base/plant.h"
#include "core/mirror/clocks.h"
#include "core/mirror/hidden.h"
#include "core/mirror/mirror.h"
#include "core/mirror/parents.h"
#include "core/mirror/references.h"

#include <stdio.h>

enum {
    FOLLOWUP_BYTES_MAX = 4 << 20,
    FOLLOWUP_PIECE = 200,
    CHASE_PAUSE_MS = 100,
    ID_MAX = 255,
};

static enum status want(struct tx *tx, struct env *env, enum due_kind kind, str type,
                        struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { kind, type, S("") }, .lane = LANE_BACKFILL, .cause = "sync" };

    return due_mark(tx, env, &m, a, e);
}

static enum status want_sweep(struct tx *tx, struct env *env, const struct resource *r,
                              struct arena *a, struct error *e)
{
    return resource_fetchable(r) ? want(tx, env, DUE_SWEEP, str_of(r->type), a, e) : ST_OK;
}

enum status followup_want_sweeps(struct tx *tx, struct env *env, const struct resource *r,
                                 str variant, bool complete, struct arena *a, struct error *e)
{
    bool swept = clocks_bind(variant) || (complete && !str_starts(variant, S("parent=")));
    enum status st = swept ? want_sweep(tx, env, r, a, e) : ST_OK;

    for (size_t i = 0; clocks_lead(r, variant) && i < resource_count && st == ST_OK; i++)
        if (clocks_hold(&resource_table[i]))
            st = want_sweep(tx, env, &resource_table[i], a, e);
    return st;
}

enum status followup_want_chase(struct tx *tx, struct env *env, struct arena *a, struct error *e)
{
    return want(tx, env, DUE_CHASE, S("references"), a, e);
}

static enum status finish(struct env *env, struct claim *c, struct error *e)
{
    ARENA(a, FOLLOWUP_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_finish(&tx, env, c, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(env);
    return st;
}

/* ---- the sweep ---- */

/* Where the sweep stands: objects are looked through by ticket and id. A page's objects share one
 * ticket. */
struct sweep {
    struct env *env;
    struct claim *c;
    const struct resource *r;
    int64_t seen; /* since this ticket every list of the type was walked to its end */
    int64_t ticket;
    char id[ID_MAX + 1];
};

/* One of the lists that the type itself has, now; or all that are under its parents. */
static bool is_own(const struct resource *r, str variant)
{
    if (parents_is_variant(variant))
        return true;
    for (str rest = str_of(r->list_query ? r->list_query : ""), own; rest.p;) {
        rest = str_cut(rest, '|', &own);
        if (str_eq(own, variant))
            return true;
    }
    return false;
}

/* Own lists must have come to their ends. The others are waited for while they are walked: one that
 * fails may do so for days, and one of a former clock is never walked again. */
static void count_list(struct sweep *s, const struct rows *r, size_t i, bool *open)
{
    str state = row_str(r, i, 1);
    int64_t since = row_int(r, i, 2);
    bool due = row_int(r, i, 3) != 0;

    if (!is_own(s->r, row_str(r, i, 0))) {
        *open |= due && (str_eqz(state, "waiting") || str_eqz(state, "walking"));
        return;
    }
    *open |= !str_eqz(state, "complete") && !str_eqz(state, "skipped");
    if (!s->seen || since < s->seen)
        s->seen = since;
}

/* 0 in `seen`: a list of the type is still under way; its own end brings the sweep back. */
static enum status find_seen(struct sweep *s, struct error *e)
{
    ARENA(a, FOLLOWUP_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    bool open = false;
    enum status st = tx_begin(&tx, s->env->world->store, TX_READ, e);

    if (st == ST_OK && clocks_hold(s->r))
        st = clocks_open(&tx, s->env, &open, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_WALKS_OF_TYPE, &r, &a, e, V_STR(s->c->key.type), v_account(s->env));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        count_list(s, &r, i, &open);
    if (open)
        s->seen = 0;
    return st;
}

static enum status sweep_one(struct sweep *s, struct tx *tx, str id, int64_t *missed,
                             struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_OBJECT, s->c->key.type, id },
                          .lane = LANE_BACKFILL,
                          .cause = "check" };

    if (planted(PLANT_SWEEP_BURIES))
        return mirror_bury(tx, s->env, m.key.type, id, s->c->ticket, m.cause, (str){ 0 }, a, e);
    enum status st = hidden_missed(tx, s->env, s->r, id, missed, a, e);
    return st == ST_OK ? due_mark(tx, s->env, &m, a, e) : st;
}

static enum status sweep_piece(struct sweep *s, bool *more, struct error *e)
{
    ARENA(a, FOLLOWUP_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    int64_t missed = 0;
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_UNSEEN, &r, &a, e, V_STR(s->c->key.type), v_account(s->env),
                    V_INT(s->seen), V_INT(s->ticket), V_STR(str_of(s->id)), V_INT(FOLLOWUP_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        if (!hidden_rests(s->env, &r, i))
            st = sweep_one(s, &tx, row_str(&r, i, 0), &missed, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    *more = r.n_rows == FOLLOWUP_PIECE;
    if (*more) {
        s->ticket = row_int(&r, r.n_rows - 1, 1);
        snprintf(s->id, sizeof s->id, "%.*s", STR_ARG(row_str(&r, r.n_rows - 1, 0)));
    }
    return ST_OK;
}

enum status followup_sweep(struct env *env, struct claim *c, struct error *e)
{
    struct sweep s = { .env = env, .c = c, .r = resource_by_type(c->key.type) };
    bool more = true;

    if (!s.r) /* a type of another version's table */
        return finish(env, c, e);
    enum status st = find_seen(&s, e);

    while (st == ST_OK && s.seen && more) {
        if (env_stopping(env))
            return due_release(env, c, e);
        st = sweep_piece(&s, &more, e);
    }
    return st == ST_OK ? finish(env, c, e) : st;
}

/* ---- the chase ---- */

static enum status is_waiting(struct env *env, enum due_kind kind, bool *waiting, struct error *e)
{
    ARENA(a, FOLLOWUP_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DUE_WAITING, &r, &a, e, V_STR(str_of(due_kind_name(kind))),
                    v_account(env));
    if (st == ST_OK)
        *waiting = row_int(&r, 0, 0) != 0;
    return st;
}

/* Looking takes long where there are many references: that is done by a reader. */
static enum status find_missing(struct env *env, const struct resource *r, const char *after,
                                struct rows *out, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? tx_run(&tx, STMT_REFS_MISSING, out, a, e, v_account(env),
                                V_STR(str_of(r->type)), V_STR(str_of(after)), V_INT(FOLLOWUP_PIECE))
                       : st;
}

static enum status chase_piece(struct env *env, const struct resource *r, char after[ID_MAX + 1],
                               size_t *n, struct error *e)
{
    ARENA(a, FOLLOWUP_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows found = { 0 };
    enum status st = find_missing(env, r, after, &found, &a, e);

    *n = found.n_rows;
    if (st != ST_OK || !found.n_rows)
        return st;
    st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    for (size_t i = 0; st == ST_OK && i < found.n_rows; i++) {
        struct due_mark m = { .key = { DUE_OBJECT, str_of(r->type), row_str(&found, i, 1) },
                              .lane = LANE_BACKFILL,
                              .cause = "reference" };
        st = due_mark_once(&tx, env, &m, &a, e);
    }
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        snprintf(after, ID_MAX + 1, "%.*s", STR_ARG(row_str(&found, found.n_rows - 1, 1)));
    return st;
}

static enum status chase_type(struct env *env, const struct resource *r, struct error *e)
{
    char after[ID_MAX + 1] = "";
    size_t n = FOLLOWUP_PIECE;
    enum status st = ST_OK;

    while (st == ST_OK && n == FOLLOWUP_PIECE && !env_stopping(env))
        st = chase_piece(env, r, after, &n, e);
    return st;
}

/* Lists that have failed, but may soon bring objects of the type: themselves, or in others. */
static bool is_expected(const struct rows *lists, const struct resource *r)
{
    for (size_t i = 0; i < lists->n_rows; i++) {
        str type = row_str(lists, i, 0);
        if (str_eqz(type, r->type) || (r->parent && str_eqz(type, r->parent)))
            return true;
    }
    return false;
}

static enum status find_expected(struct env *env, struct rows *lists, struct arena *a,
                                 struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? tx_run(&tx, STMT_WALKS_EXPECTED, lists, a, e, v_account(env),
                                V_INT(FOLLOWUP_PATIENCE))
                       : st;
}

static enum status chase_all(struct env *env, struct error *e)
{
    ARENA(a, FOLLOWUP_BYTES_MAX);
    struct rows lists = { 0 };
    enum status st = find_expected(env, &lists, &a, e);

    if (st == ST_OK)
        st = references_look_again(env, e);
    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        const struct resource *r = &resource_table[i];
        if (resource_fetchable(r) && !is_expected(&lists, r))
            st = chase_type(env, r, e);
    }
    return st;
}

/* It comes behind the walks and sweeps: most of what is missing now they will bring. */
enum status followup_chase(struct env *env, struct claim *c, struct error *e)
{
    bool walks = false, sweeps = false;
    enum status st = is_waiting(env, DUE_WALK, &walks, e);

    if (st == ST_OK)
        st = is_waiting(env, DUE_SWEEP, &sweeps, e);
    if (st != ST_OK)
        return st;
    if (walks || sweeps)
        return due_postpone(env, c, CHASE_PAUSE_MS, e);
    st = chase_all(env, e);
    if (st == ST_OK && env_stopping(env))
        return due_release(env, c, e);
    return st == ST_OK ? finish(env, c, e) : st;
}
