#include "core/mirror/parents.h"

#include "core/mirror/followup.h"
#include "core/sequence.h"

#include <stdio.h>
#include <string.h>

enum {
    PARENTS_BYTES_MAX = 4 << 20,
    PAUSE_MS = 200, /* until the lists that it waits for are looked at again */
    PAUSE_MS_MAX = 5000,
    PAUSE_SHARE = 8, /* of the time that it has waited already */
    PACED_TRIES = 3, /* a list that fails so often holds up the schedule no longer */
};

#define VARIANT "parents"

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

enum status parents_want(struct tx *tx, struct env *env, const struct resource *r,
                         const struct walk_order *o, struct arena *a, struct error *e)
{
    struct walk_order mine = *o;
    struct rows paced;
    enum status st =
        tx_run(tx, STMT_PARENTS_PACED, &paced, a, e, V_STR(str_of(r->type)), v_account(env));

    /* What the clock has begun it began earlier: nobody has seen that yet, and nobody waited. */
    mine.again |= st == ST_OK && paced.n_rows;
    if (st == ST_OK)
        st = walk_want(tx, env, r, S(VARIANT), &mine, a, e);
    if (st == ST_OK)
        st = begin_anew(tx, env, r, a, e);
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
    msec since;       /* wall */
    int64_t open;     /* lists of the parents' type, or under them, that are yet to be walked */
    int64_t failing;  /* of these, those that have failed and are tried again */
    int64_t given_up; /* lists under them */
    int64_t unknown;  /* lists of the parents' type that were given up */
    int64_t n;        /* parents; counted where there are too many */
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
    return ST_OK;
}

static enum status read_unlisted(struct tx *tx, struct parents *p, struct arena *a, struct error *e)
{
    const struct value parent = V_STR(str_of(p->r->parent)), account = v_account(p->env);
    struct rows r;
    enum status st = tx_run(tx, STMT_PARENTS_UNLISTED, &p->unlisted, a, e, parent, account,
                            V_STR(str_of(p->r->type)), V_INT(p->env->set.parents_max + 1));

    if (st == ST_OK)
        st = tx_run(tx, STMT_PARENTS_COUNT, &r, a, e, parent, account);
    if (st == ST_OK)
        p->n = row_int(&r, 0, 0);
    if (st == ST_OK)
        st = tx_run(tx, STMT_PARENTS_REFUSED, &r, a, e, parent, V_STR(str_of(p->r->type)), account);
    if (st == ST_OK && r.n_rows)
        p->refused = row_str(&r, 0, 0);
    return st;
}

/* Those who are there only when all of the parents are known. */
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
    return st == ST_OK && !p->open ? read_unlisted(&tx, p, a, e) : st;
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
    if (st == ST_OK)
        st = followup_want_sweeps(&tx, p->env, p->r, k->id, strcmp(state, "complete") == 0, a, e);
    if (st == ST_OK)
        st = due_finish(&tx, p->env, p->c, a, e);
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

static enum status want_lists(struct parents *p, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct walk_order o = { .again = true, .lane = p->c->lane, .paced = walk_is_paced(p->c) };
    enum status st = tx_begin(&tx, p->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_WALK_RESUME, NULL, a, e, V_STR(str_of(p->r->type)), V_STR(S(VARIANT)),
                    v_account(p->env));
    for (size_t i = 0; st == ST_OK && i < p->unlisted.n_rows; i++) {
        st = walk_want(&tx, p->env, p->r,
                       arena_concat(a, S("parent="), row_str(&p->unlisted, i, 0)), &o, a, e);
        if (o.paced) /* the next behind it */
            break;
    }
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
    if (p.open)
        return wait_for_lists(&p, &a, e);
    if ((int64_t)p.unlisted.n_rows > env->set.parents_max)
        return skip(&p, &a, e);
    if (p.unlisted.n_rows) {
        st = want_lists(&p, &a, e);
        return st == ST_OK ? wait_for_lists(&p, &a, e) : st;
    }
    return conclude(&p, report, &a, e);
}
