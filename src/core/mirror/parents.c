#include "core/mirror/parents.h"

#include "core/mirror/followup.h"
#include "core/sequence.h"

#include <stdio.h>
#include <string.h>

enum {
    PARENTS_BYTES_MAX = 4 << 20,
    PAUSE_MS = 200, /* until the lists that it waits for are looked at again */
    PAUSE_MS_MAX = 5000,
    PAUSE_SHARE = 8,   /* of the time that it has waited already */
    LISTS_PIECE = 500, /* are wanted in one transaction */
    PACED_TRIES = 3,   /* a list that fails so often holds up the schedule no longer */
};

#define VARIANT "parents"

/* The row's cursor: the parents, by id, whose lists were wanted. */
#define NAMED "named:"   /* stands before it: however many there are */
#define BEHIND "parent=" /* as far as this one; nothing: none yet */
#define ALL "end"

bool parents_hide(const struct resource *r)
{
    return r->list_path && r->parent && r->flags & RES_ON_DEMAND &&
           (strstr(r->list_path, "{parent}") || r->parent_param);
}

bool parents_is_variant(str variant)
{
    return str_eqz(variant, VARIANT);
}

/* Unless it goes on: lists that are begun behind this moment count. A ticket says which; by the
 * clock they would be asked for again and again where it is set back. */
static enum status begin_anew(struct tx *tx, const struct env *env, const struct resource *r,
                              struct arena *a, struct error *e)
{
    const struct value type = V_STR(str_of(r->type)), account = v_account(env);
    int64_t ticket;
    struct rows row;
    enum status st = tx_run(tx, STMT_WALK_GET, &row, a, e, type, V_STR(S(VARIANT)), account);

    if (st != ST_OK || (row.n_rows && row_int(&row, 0, 2)))
        return st;
    st = sequence_draw(tx, 1, &ticket, a, e);
    if (st != ST_OK)
        return st;
    return tx_run(tx, STMT_WALK_BEGIN, NULL, a, e, V_INT(ticket),
                  V_INT(clock_wall(env->world->clock)), type, V_STR(S(VARIANT)), account);
}

/* What failed or was given up before this moment is tried again, and what took its time has
 * somebody who waits for it now. */
static enum status ask_again(struct tx *tx, const struct env *env, const struct resource *r,
                             struct arena *a, struct error *e)
{
    const struct value type = V_STR(str_of(r->type)), account = v_account(env);
    enum status st = tx_run(tx, STMT_PARENTS_AGAIN, NULL, a, e, type, account);

    return st == ST_OK ? tx_run(tx, STMT_PARENTS_HURRY, NULL, a, e,
                                V_INT(clock_wall(env->world->clock)), type, account)
                       : st;
}

/* The row is ours from here on: was it asked for by name before, and not done since? */
static enum status want_row(struct tx *tx, struct env *env, const struct resource *r,
                            const struct walk_order *o, bool *named, struct arena *a,
                            struct error *e)
{
    struct walk_order first = *o;
    struct rows row;

    first.again = false; /* else the name would be forgotten before it is read */
    enum status st = walk_want(tx, env, r, S(VARIANT), &first, a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_WALK_GET, &row, a, e, V_STR(str_of(r->type)), V_STR(S(VARIANT)),
                    v_account(env));
    if (st == ST_OK)
        *named = o->named || (row.n_rows && str_starts(row_str(&row, 0, 0), S(NAMED)));
    return st == ST_OK && o->again ? walk_want(tx, env, r, S(VARIANT), o, a, e) : st;
}

enum status parents_want(struct tx *tx, struct env *env, const struct resource *r,
                         const struct walk_order *o, struct arena *a, struct error *e)
{
    struct walk_order mine = *o;
    bool named = false;
    struct rows paced;
    enum status st =
        tx_run(tx, STMT_PARENTS_PACED, &paced, a, e, V_STR(str_of(r->type)), v_account(env));

    /* What the clock has begun it began earlier: nobody has seen that yet, and nobody waited. */
    mine.again |= st == ST_OK && paced.n_rows;
    if (st == ST_OK)
        st = want_row(tx, env, r, &mine, &named, a, e);
    if (st == ST_OK)
        st = begin_anew(tx, env, r, a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_PARENTS_PLACE, NULL, a, e, V_STR(named ? S(NAMED) : S("")),
                    V_STR(str_of(r->type)), v_account(env));
    return st == ST_OK && !o->paced ? ask_again(tx, env, r, a, e) : st;
}

enum status parents_are_few(struct tx *tx, struct env *env, const struct resource *r, bool *few,
                            struct arena *a, struct error *e)
{
    struct rows n;
    enum status st =
        tx_run(tx, STMT_PARENTS_COUNT, &n, a, e, V_STR(str_of(r->parent)), v_account(env));

    if (st == ST_OK)
        *few = row_int(&n, 0, 0) > 0 && row_int(&n, 0, 0) <= env->set.parents_max;
    return st;
}

/* ---- what is yet to be done --------------------------------------------------------------- */

struct parents {
    struct env *env;
    struct claim *c;
    const struct resource *r;
    int64_t run; /* of this row of _walks */
    str state;
    msec since;        /* wall */
    int64_t open;      /* lists of the parents' type, or under them, that are yet to be walked */
    int64_t failing;   /* of these, those that have failed and are tried again */
    int64_t given_up;  /* lists under them */
    int64_t unknown;   /* lists of the parents' type that were given up */
    int64_t n;         /* parents */
    str cursor, after; /* as it stands in the row; the id in it */
    bool named, begun, wanted; /* of the lists: some, or all are */
    struct rows unlisted;
    str refused; /* the answer to one that is not there for this account or key; or empty */
};

static enum status read_pending(struct tx *tx, struct parents *p, const char *type, bool own,
                                struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_PARENTS_PENDING, &r, a, e, V_STR(str_of(type)),
                            v_account(p->env), V_INT(PACED_TRIES));

    if (st != ST_OK)
        return st;
    int64_t failing = walk_is_paced(p->c) ? row_int(&r, 0, 2) : 0;
    p->open += row_int(&r, 0, 0) - failing;
    p->failing += row_int(&r, 0, 3) - failing;
    *(own ? &p->given_up : &p->unknown) = row_int(&r, 0, 1) + failing;
    return ST_OK;
}

static void read_cursor(struct parents *p, str cursor)
{
    str place = cursor;

    p->cursor = cursor;
    p->named = str_starts(cursor, S(NAMED));
    if (p->named)
        place = str_sub(place, strlen(NAMED), place.n);
    p->begun = place.n != 0;
    p->wanted = str_eqz(place, ALL);
    p->after = str_starts(place, S(BEHIND)) ? str_sub(place, strlen(BEHIND), place.n) : S("");
}

static enum status read_row(struct tx *tx, struct parents *p, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_WALK_GET, &r, a, e, V_STR(str_of(p->r->type)),
                            V_STR(S(VARIANT)), v_account(p->env));

    if (st == ST_OK && !r.n_rows)
        return fail(e, ST_BROKEN, "the lists of %s are due but not on record", p->r->view);
    if (st != ST_OK)
        return st;
    p->run = row_int(&r, 0, 1);
    p->state = row_str(&r, 0, 3);
    p->since = row_int(&r, 0, 6);
    read_cursor(p, row_str(&r, 0, 0));
    return ST_OK;
}

static int64_t piece_of(const struct parents *p)
{
    return walk_is_paced(p->c) ? 1 : LISTS_PIECE;
}

static enum status read_unlisted(struct tx *tx, struct parents *p, struct arena *a, struct error *e)
{
    const struct value parent = V_STR(str_of(p->r->parent)), account = v_account(p->env);
    struct rows r;
    enum status st = tx_run(tx, STMT_PARENTS_UNLISTED, &p->unlisted, a, e, parent, account,
                            V_STR(p->after), V_STR(str_of(p->r->type)), V_INT(piece_of(p)));

    if (st == ST_OK)
        st = tx_run(tx, STMT_PARENTS_COUNT, &r, a, e, parent, account);
    if (st == ST_OK)
        p->n = row_int(&r, 0, 0);
    return st;
}

static enum status read_refused(struct tx *tx, struct parents *p, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_PARENTS_REFUSED, &r, a, e, V_STR(str_of(p->r->parent)),
                            V_STR(str_of(p->r->type)), v_account(p->env));

    if (st == ST_OK && r.n_rows)
        p->refused = row_str(&r, 0, 0);
    return st;
}

/* All of the parents are known before it begins; once it has, only the clock's lists wait for each
 * other. */
static bool must_wait(const struct parents *p)
{
    return p->open && (p->wanted || !p->begun || walk_is_paced(p->c));
}

static enum status look(struct parents *p, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, p->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = read_row(&tx, p, a, e);
    if (st == ST_OK)
        st = read_pending(&tx, p, p->r->parent, false, a, e);
    if (st == ST_OK)
        st = read_pending(&tx, p, p->r->type, true, a, e);
    if (st != ST_OK || must_wait(p))
        return st;
    return p->wanted ? read_refused(&tx, p, a, e) : read_unlisted(&tx, p, a, e);
}

/* ---- ends --------------------------------------------------------------------------------- */

static enum status end(struct parents *p, const char *state, const char *reason, struct arena *a,
                       struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_key *k = &p->c->key;
    enum status st = tx_begin(&tx, p->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_WALK_END, NULL, a, e, V_STR(str_of(state)),
                    reason ? V_STR(str_of(reason)) : V_NULL,
                    V_INT(clock_wall(p->env->world->clock)), V_STR(k->type), V_STR(k->id),
                    v_account(p->env), V_INT(p->run), V_INT(p->c->ticket));
    if (st == ST_OK && parents_hide(p->r))
        st = followup_want_sweeps(&tx, p->env, p->r, k->id, strcmp(state, "complete") == 0, a, e);
    if (st == ST_OK)
        st = due_finish(&tx, p->env, p->c, a, e);
    if (st == ST_OK && !parents_hide(p->r)) /* its objects come with others: it is never unlisted */
        st = tx_run(&tx, STMT_PARENTS_FORGET, NULL, a, e, V_STR(k->type), v_account(p->env));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(p->env);
    return st;
}

/* So many requests nobody has asked for. */
static enum status skip(struct parents *p, struct arena *a, struct error *e)
{
    str why =
        arena_printf(a, "each of %lld %ss has a list of its own: brindle sync %s asks for all",
                     (long long)p->n, p->r->parent, p->r->view);

    return end(p, "skipped", why.p ? why.p : "too many lists", a, e);
}

static str next_cursor(const struct parents *p, struct arena *a)
{
    size_t n = p->unlisted.n_rows;
    str named = p->named ? S(NAMED) : S("");

    return (int64_t)n < piece_of(p) ? arena_concat(a, named, S(ALL))
                                    : arena_printf(a, "%.*s" BEHIND "%.*s", STR_ARG(named),
                                                   STR_ARG(row_str(&p->unlisted, n - 1, 0)));
}

/* The next ones. Where somebody has asked anew meanwhile nothing is kept: it begins anew. */
static enum status want_lists(struct parents *p, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct walk_order o = { .again = true, .lane = p->c->lane, .paced = walk_is_paced(p->c) };
    const struct value type = V_STR(str_of(p->r->type)), account = v_account(p->env);
    struct rows moved = { 0 };
    enum status st = tx_begin(&tx, p->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_PARENTS_MOVE, &moved, a, e, V_STR(next_cursor(p, a)), type, account,
                    V_INT(p->run), V_STR(p->cursor));
    if (st != ST_OK || !moved.n_changed)
        return st;
    if (p->unlisted.n_rows)
        st = tx_run(&tx, STMT_WALK_RESUME, NULL, a, e, type, V_STR(S(VARIANT)), account);
    for (size_t i = 0; st == ST_OK && i < p->unlisted.n_rows; i++)
        st = walk_want(&tx, p->env, p->r, arena_concat(a, S(BEHIND), row_str(&p->unlisted, i, 0)),
                       &o, a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(p->env);
    return st;
}

/* The row says how it stands, for whoever waits for lists that are under way. */
static enum status say(struct parents *p, const char *state, const char *reason, struct arena *a,
                       struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_key *k = &p->c->key;

    if (str_eqz(p->state, state))
        return ST_OK;
    enum status st = tx_begin(&tx, p->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_WALK_END, NULL, a, e, V_STR(str_of(state)),
                    reason ? V_STR(str_of(reason)) : V_NULL, V_INT(0), V_STR(k->type), V_STR(k->id),
                    v_account(p->env), V_INT(p->run), V_INT(p->c->ticket));
    if (st == ST_OK &&
        str_eqz(p->state, "failed")) /* the chase has not waited for what comes now */
        st = followup_want_chase(&tx, p->env, a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Where nothing but failures is left to wait for, that may last for days. */
static enum status say_how_it_stands(struct parents *p, struct arena *a, struct error *e)
{
    return !walk_is_paced(p->c) && p->open && p->failing == p->open
               ? say(p, "failed", "lists that it waits for fail, and are tried again", a, e)
               : say(p, "walking", NULL, a, e);
}

/* Long lists are looked at less and less often. */
static enum status wait_for_lists(struct parents *p, struct arena *a, struct error *e)
{
    msec pause = (clock_wall(p->env->world->clock) - p->since) / PAUSE_SHARE;
    enum status st = say_how_it_stands(p, a, e);

    if (st != ST_OK)
        return st;
    if (walk_is_paced(p->c))
        return due_postpone(p->env, p->c, WALK_PACE_MS, e);
    pause = pause < PAUSE_MS ? PAUSE_MS : pause;
    return due_postpone(p->env, p->c, pause > PAUSE_MS_MAX ? PAUSE_MS_MAX : pause, e);
}

static enum status conclude(struct parents *p, struct work_report *report, struct arena *a,
                            struct error *e)
{
    char *why = report->why;
    size_t room = sizeof report->why;
    const char *how = walk_is_paced(p->c) ? "could not be read" : "were given up";

    if (!p->given_up && !p->unknown && !p->refused.n)
        return end(p, "complete", NULL, a, e);
    if (!p->given_up && !p->unknown) {
        char refused[ERROR_TEXT_MAX];
        snprintf(refused, sizeof refused, "%.*s", STR_ARG(p->refused));
        return end(p, "skipped", refused, a, e);
    }
    report->failed = true;
    if (p->unknown)
        snprintf(why, room, "not every %s is known: %lld of their lists %s", p->r->parent,
                 (long long)p->unknown, how);
    else
        snprintf(why, room, "%lld of the lists %s", (long long)p->given_up, how);
    return end(p, "failed", why, a, e);
}

enum status parents_run(struct env *env, struct claim *c, struct work_report *report,
                        struct error *e)
{
    ARENA(a, PARENTS_BYTES_MAX);
    struct parents p = { .env = env, .c = c, .r = resource_by_type(c->key.type) };
    enum status st = look(&p, &a, e);

    if (st != ST_OK)
        return st;
    if (must_wait(&p))
        return wait_for_lists(&p, &a, e);
    if (p.wanted)
        return conclude(&p, report, &a, e);
    if (p.n > env->set.parents_max && !p.named && (!p.begun || walk_is_paced(c)))
        return skip(&p, &a, e);
    st = want_lists(&p, &a, e);
    if (st != ST_OK)
        return st;
    return walk_is_paced(c) && p.unlisted.n_rows ? wait_for_lists(&p, &a, e)
                                                 : due_postpone(env, c, 0, e);
}
