/* run_back.c - undoing what an operation has done, the last step first. */
#include <stdio.h>

#include "catalog/run.h"

static enum status partial(struct run *r, str why, enum outcome *out)
{
    r->no.name = REASON_PARTIAL;
    r->no.message = why;
    r->no.next = S("What is left, and the command that mends it, is listed below.");
    *out = OUTCOME_STUCK;
    return ST_OK;
}

/* It need not be undone: the row says why. */
static enum status let_be(struct run *r, int64_t n, const char *why, struct error *e)
{
    if (r->n_rows == RUN_ROWS_MAX)
        return fail(e, ST_LIMIT, "the journal of operation %s is full", r->op.id);
    struct step_row *row = run_row(r, STEP_UNDO + n);
    enum status st = ST_OK;
    if (!row) {
        row = &r->row[r->n_rows];
        *row = (struct step_row){ .step = STEP_UNDO + n,
                                  .attempt = 1,
                                  .method = S("GET"),
                                  .path = S(""),
                                  .form = S(""),
                                  .key = S(""),
                                  .began_at = clock_wall(r->env->world->clock) };
        st = run_row_put(r, row, e);
        if (st == ST_OK)
            r->n_rows++;
    }
    row->state = STEP_FOUND;
    row->error = str_of(why);
    return st == ST_OK ? run_row_end(r, row, e) : st;
}

struct view {
    str forward, target, needs; /* documents; {NULL, 0}: gone, or not asked for */
};

static enum status see(struct run *r, bool price, str id, str *doc, enum outcome *out,
                       struct error *e)
{
    bool gone;

    return run_get(r, price, id, doc, &gone, out, e);
}

static enum status look_at(struct run *r, const struct step *s, int64_t n, struct view *v,
                           enum outcome *out, struct error *e)
{
    bool price = step_on_price(s->kind);
    str made = step_creates(s->kind) ? r->made[n] : run_filled(r, s->target);
    str target = run_filled(r, s->undo_target);

    *v = (struct view){ 0 };
    enum status st = see(r, price, made, &v->forward, out, e);
    v->target = v->forward;
    if (st == ST_OK && *out == OUTCOME_DONE && !str_eq(target, made))
        st = see(r, price, target, &v->target, out, e);
    if (st == ST_OK && *out == OUTCOME_DONE && s->undo_needs.n)
        st = see(r, true, run_filled(r, s->undo_needs), &v->needs, out, e);
    return st;
}

static enum status send_undo(struct run *r, const struct step *s, int64_t n, enum outcome *out,
                             struct error *e)
{
    struct step as = { .kind = step_on_price(s->kind) ? STEP_PRICE_UPDATE : STEP_PRODUCT_UPDATE,
                       .target = s->undo_target };
    struct pairs set = pairs_filled(&s->undo, r->made, r->a);
    struct request q = { .step = STEP_UNDO + n, .form = pairs_form(&set, r->a) };
    struct step_row *row = run_row(r, q.step);
    enum next_try next = saga_next_try(row, clock_wall(r->env->world->clock));
    struct reply got;

    q.path = step_path(&as, r->made, &q.method, r->a);
    if (!q.path.n || !q.form.n)
        return fail(e, ST_LIMIT, "undoing step %lld of operation %s is too large", (long long)n,
                    r->op.id);
    if (next == TRY_NO_MORE)
        return partial(r, S("Stripe keeps failing when a step is to be undone."), out);
    int64_t attempt = (row ? row->attempt : 1) + (next == TRY_NEXT_KEY);
    enum status st = run_send(r, &q, attempt, &row, &got, e);
    if (st != ST_OK)
        return st;
    switch (got.verdict) {
    case VERDICT_AGAIN:
        *out = OUTCOME_WAIT;
        r->no.message = got.why;
        return ST_OK;
    case VERDICT_DONE:
    case VERDICT_SETTLED: /* the next turn looks what became of it */
        r->op.waits = 0;
        return run_row_end(r, row, e);
    case VERDICT_GONE:
    case VERDICT_REFUSED:
    case VERDICT_OPERATOR: break;
    }
    st = run_row_end(r, row, e);
    r->no = refusal_of(&got.http, "POST", row->path, r->a);
    return st == ST_OK ? partial(r, r->no.message, out) : st;
}

/* One step back, if there is something to undo that is still ours. */
static enum status undo(struct run *r, const struct step *s, int64_t n, enum outcome *out,
                        struct error *e)
{
    struct view v;
    enum status st = look_at(r, s, n, &v, out, e);

    if (st != ST_OK || *out == OUTCOME_WAIT)
        return st;
    if (*out != OUTCOME_DONE)
        return partial(r, r->no.message, out);
    struct pairs set = pairs_filled(&s->set, r->made, r->a);
    struct pairs back = pairs_filled(&s->undo, r->made, r->a);
    if (!v.forward.n || !v.target.n)
        return let_be(r, n, "it is not there any more", e);
    if (pairs_hold(&back, v.target, r->a))
        return let_be(r, n, "it is so already", e);
    if (!step_creates(s->kind) && !pairs_hold(&set, v.forward, r->a))
        return let_be(r, n, "somebody else has changed it since", e);
    if (s->undo_needs.n && (!v.needs.n || !doc_active(v.needs)))
        return partial(r,
                       arena_printf(r->a,
                                    "%.*s is not on sale any more: what was done cannot be "
                                    "given back to it.",
                                    STR_ARG(run_filled(r, s->undo_needs))),
                       out);
    return send_undo(r, s, n, out, e);
}

/* The latest step that was done and is not undone; 0: none is left. */
static int64_t to_undo(const struct run *r)
{
    for (size_t i = r->plan.n; i > 0; i--) {
        int64_t n = (int64_t)i;
        if (r->plan.step[i - 1].undo_target.n && saga_is_done(r->row, r->n_rows, n) &&
            !saga_is_done(r->row, r->n_rows, STEP_UNDO + n))
            return n;
    }
    return 0;
}

/* Who took a stuck operation up again has taken its reason with it. */
static void give_reason(struct run *r)
{
    if (r->op.reason.n)
        return;
    r->no =
        r->op.abort_asked
            ? (struct refusal){ .name = REASON_ABORTED, .message = S("It was aborted by hand.") }
            : (struct refusal){ .name = REASON_PARTIAL,
                                .message = S("What was left of it is undone since it was "
                                             "resumed.") };
    run_set_refusal(r);
}

static enum status finish(struct run *r, struct error *e)
{
    bool by_others = str_eqz(r->op.reason, refusal_name(REASON_MOVED)) ||
                     str_eqz(r->op.reason, refusal_name(REASON_PRICE_IS_DEFAULT));

    if (!by_others) {
        give_reason(r);
        return run_end(r, OP_UNDONE, true, e);
    }
    r->op.reason = str_of(refusal_name(REASON_MOVED));
    return run_end(r, OP_STUCK, true, e);
}

static enum status stop(struct run *r, struct error *e)
{
    run_set_refusal(r);
    return run_end(r, OP_STUCK, true, e);
}

enum status run_back(struct run *r, struct error *e)
{
    enum status st = ST_OK;

    while (st == ST_OK && !r->ended) {
        enum outcome out = OUTCOME_DONE;
        int64_t n = to_undo(r);
        if (env_stopping(r->env))
            return fail(e, ST_REFUSED, "%s is stopping", r->env->name);
        if (!n)
            return finish(r, e);
        st = undo(r, &r->plan.step[n - 1], n, &out, e);
        if (st != ST_OK)
            return st;
        if (out == OUTCOME_WAIT)
            st = run_wait(r, r->no.message, false, e);
        else if (out != OUTCOME_DONE)
            st = stop(r, e);
    }
    return st;
}
