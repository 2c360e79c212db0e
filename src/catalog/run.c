/* run.c - the journal of an operation that is under way, and how a worker lets go of it. */
#include "catalog/run.h"

#include <stdio.h>

#include "base/plant.h"
#include "world/tx.h"

enum { TOUCHED_MAX = 2 * STEPS_MAX, JSON_BYTES_MAX_OWN = 1 << 20, WHY_MAX = 300 };

struct step_row *run_row(struct run *r, int64_t step)
{
    return (struct step_row *)(uintptr_t)saga_row(r->row, r->n_rows, step);
}

str run_filled(struct run *r, str text)
{
    return step_text(text, r->made, r->a);
}

static void touch(struct due_key *key, size_t *n, size_t most, bool price, str id)
{
    struct due_key k = { DUE_OBJECT, price ? S("price") : S("product"), id };

    if (!id.n || id.p[0] == '@' || *n == most)
        return;
    for (size_t i = 0; i < *n; i++)
        if (str_eq(key[i].id, id) && str_eq(key[i].type, k.type))
            return;
    key[(*n)++] = k;
}

size_t run_touched(const struct run *r, struct due_key *key, size_t most)
{
    size_t n = 0;

    /* Prices first: a product that refers to one that is not here would have it fetched again. */
    for (size_t i = 0; i < r->plan.n; i++) {
        const struct step *s = &r->plan.step[i];
        if (s->target.n && str_eq(s->target, r->plan.product))
            continue;
        touch(key, &n, most, step_on_price(s->kind), s->target);
        touch(key, &n, most, step_on_price(s->kind), r->made[i + 1]);
        if (step_on_price(s->kind))
            touch(key, &n, most, true, s->undo_target);
    }
    touch(key, &n, most, false, r->plan.product);
    return n;
}

/* ---- journal -------------------------------------------------------------------------------- */

/* Somebody may have asked to abort it while a request was under way. */
static enum status see_abort(struct run *r, struct tx *tx, struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    struct op now;
    enum status st = op_read(tx, r->env, str_of(r->op.id), &now, &scratch, e);

    if (st == ST_OK)
        r->op.abort_asked = now.abort_asked;
    return st;
}

enum journal { JOURNAL_PUT, JOURNAL_END, JOURNAL_NONE };

static enum status save_once(struct run *r, const struct step_row *row, enum journal what,
                             struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t ticket = r->c->ticket;
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, r->env, r->c, &scratch, e);
    if (st == ST_OK && what == JOURNAL_PUT)
        st = op_step_put(&tx, r->env, str_of(r->op.id), row, e);
    if (st == ST_OK && what == JOURNAL_END)
        st = op_step_end(&tx, r->env, str_of(r->op.id), row, e);
    if (st == ST_OK)
        st = op_move(&tx, r->env, &r->op, e);
    if (st == ST_OK)
        st = see_abort(r, &tx, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        r->c->ticket = ticket;
    return st;
}

static enum status save(struct run *r, const struct step_row *row, enum journal what,
                        struct error *e)
{
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        enum status st = save_once(r, row, what, e);
        if (!tx_again(r->env->world->store, st, attempt))
            return st;
    }
}

enum status run_save(struct run *r, struct error *e)
{
    return save(r, NULL, JOURNAL_NONE, e);
}

enum status run_row_put(struct run *r, struct step_row *row, struct error *e)
{
    return save(r, row, JOURNAL_PUT, e);
}

enum status run_row_end(struct run *r, struct step_row *row, struct error *e)
{
    return save(r, row, JOURNAL_END, e);
}

/* ---- letting go ----------------------------------------------------------------------------- */

/* Until it goes on, the mirror knows that it may be behind. */
static enum status mark_touched(struct run *r, struct tx *tx, struct arena *a, struct error *e)
{
    struct due_key key[TOUCHED_MAX];
    size_t n = run_touched(r, key, TOUCHED_MAX);
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < n; i++) {
        const struct due_mark m = { .key = key[i], .lane = LANE_OPERATION, .cause = "op" };
        st = due_mark(tx, r->env, &m, a, e);
    }
    return st;
}

static bool wrote_anything(const struct run *r)
{
    return r->n_rows > 0;
}

enum status run_wait(struct run *r, str why, bool lock, struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    bool first = r->op.waits++ == 0;

    r->ended = r->report->failed = true;
    r->op.note = str_sub(why, 0, why.n < WHY_MAX ? why.n : WHY_MAX);
    snprintf(r->report->why, sizeof r->report->why, "%.*s", STR_ARG(r->op.note));
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = due_extend(&tx, r->env, r->c, &scratch, e);
    if (st == ST_OK)
        st = op_move(&tx, r->env, &r->op, e);
    if (st == ST_OK && first && wrote_anything(r))
        st = mark_touched(r, &tx, &scratch, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_CONFLICT || st == ST_RETRY) { /* another one goes on with it, or the lease ends */
        error_clear(e);
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    msec pause = saga_pause(r->op.waits, lock);
    pause = pause / 2 + (msec)rng_below(r->env->world->rng, (uint64_t)(pause / 2 + 1));
    st = due_postpone(r->env, r->c, pause, e);
    if (st == ST_OK)
        env_ring(r->env);
    return st;
}

static enum status end_once(struct run *r, bool refetch, struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t ticket = r->c->ticket;
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, r->env, r->c, &scratch, e);
    if (st == ST_OK)
        st = op_end(&tx, r->env, &r->op, &scratch, e);
    if (st == ST_OK && refetch)
        st = mark_touched(r, &tx, &scratch, e);
    if (st == ST_OK)
        st = due_finish(&tx, r->env, r->c, &scratch, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        r->c->ticket = ticket;
    return st;
}

enum status run_end(struct run *r, enum op_state state, bool refetch, struct error *e)
{
    r->op.state = state;
    if (state == OP_STUCK)
        run_set_differences(r);
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        enum status st = end_once(r, refetch, e);
        if (tx_again(r->env->world->store, st, attempt))
            continue;
        r->ended = st == ST_OK;
        if (st == ST_OK)
            env_ring(r->env);
        return st;
    }
}

enum status run_put_back(struct run *r, enum status st, const struct error *why, struct error *e)
{
    bool dead = false;

    r->ended = true;
    switch (st) {
    case ST_BROKEN: *e = *why; return st;
    case ST_CONFLICT: /* somebody else has it, or was first at the product: this lets go of no
                         other's */
    case ST_REFUSED: return due_release(r->env, r->c, e);
    case ST_OK:
    case ST_NONE:
    case ST_RETRY:
    case ST_INVALID:
    case ST_LIMIT: break;
    }
    r->report->failed = true;
    snprintf(r->report->why, sizeof r->report->why, "%s", why->text);
    st = due_fail(r->env, r->c, why->text, 0, &dead, e);
    r->report->dead = dead;
    return st;
}

/* ---- why ------------------------------------------------------------------------------------ */

void run_set_refusal(struct run *r)
{
    BUF(b, JSON_BYTES_MAX_OWN);
    struct json_writer w = { .b = &b };

    refusal_write(&r->no, &w);
    r->op.reason = str_of(refusal_name(r->no.name));
    r->op.note = r->no.message;
    r->op.refusal = b.failed ? S("{}") : arena_copy(r->a, buf_str(&b));
}

void run_set_differences(struct run *r)
{
    BUF(b, JSON_BYTES_MAX_OWN);
    struct json_writer w = { .b = &b };

    jw_array(&w);
    for (size_t i = 0; i < r->plan.n; i++) {
        const struct step *s = &r->plan.step[i];
        int64_t n = (int64_t)i + 1;
        if (step_reads(s->kind) || !saga_is_done(r->row, r->n_rows, n) ||
            saga_is_done(r->row, r->n_rows, STEP_UNDO + n))
            continue;
        jw_object(&w);
        jw_key(&w, S("is"));
        jw_str(&w, run_filled(r, s->is));
        if (s->mend.n) {
            jw_key(&w, S("mend"));
            jw_str(&w, run_filled(r, s->mend));
        }
        jw_end(&w);
    }
    jw_end(&w);
    r->op.differences = b.failed ? S("[]") : arena_copy(r->a, buf_str(&b));
}
