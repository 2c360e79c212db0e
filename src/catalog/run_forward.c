/* run_forward.c - the steps of an operation, one after the other. */
#include <stdio.h>

#include "catalog/run.h"
#include "core/mirror/mirror.h"
#include "world/tx.h"

/* ---- one step that writes ------------------------------------------------------------------- */

/* Has it been carried out? By looking: a request without an answer may have been. */
static enum status look(struct run *r, const struct step *s, int64_t n, bool *found, str *object,
                        enum outcome *out, struct error *e)
{
    str doc, id = run_filled(r, s->target);
    bool gone;
    enum status st;

    *found = false;
    if (step_creates(s->kind)) {
        st = run_find_marked(r, n, object, out, e);
        *found = st == ST_OK && object->n;
        return st;
    }
    st = run_get(r, step_on_price(s->kind), id, &doc, &gone, out, e);
    if (st != ST_OK || *out != OUTCOME_DONE)
        return st;
    struct pairs set = pairs_filled(&s->set, r->made, r->a);
    *found = gone ? s->gone_is_done : s->kind != STEP_PRODUCT_DELETE && pairs_hold(&set, doc, r->a);
    return ST_OK;
}

static enum status step_done(struct run *r, struct step_row *row, int64_t n, str object,
                             struct error *e)
{
    if (object.n)
        r->made[n] = object;
    r->op.step = n + 1;
    r->op.waits = 0;
    r->op.note = (str){ 0 };
    return run_row_end(r, row, e);
}

static enum status found_done(struct run *r, struct step_row *row, int64_t n, str object,
                              enum outcome *out, struct error *e)
{
    row->state = STEP_FOUND;
    row->object = object;
    *out = OUTCOME_DONE;
    return step_done(r, row, n, object, e);
}

static enum status request_of(struct run *r, const struct step *s, int64_t n, struct request *q,
                              struct error *e)
{
    struct pairs set = pairs_filled(&s->set, r->made, r->a);

    *q = (struct request){ .step = n };
    q->path = step_path(s, r->made, &q->method, r->a);
    q->form = pairs_form(&set, r->a);
    if (!q->path.n || (s->set.n && !q->form.n))
        return fail(e, ST_LIMIT, "step %lld of operation %s is too large", (long long)n, r->op.id);
    return ST_OK;
}

static enum status stuck(struct run *r, const char *what, enum outcome *out)
{
    r->no = (struct refusal){
        .name = REASON_OPERATOR,
        .message = arena_copy(r->a, str_of(what)),
        .next = arena_printf(r->a,
                             "`brindle op show %s` has every request; then `brindle op "
                             "resume` or `brindle op abort`.",
                             r->op.id),
    };
    *out = OUTCOME_STUCK;
    return ST_OK;
}

/* What Stripe said to the request of a step. */
static enum status on_reply(struct run *r, const struct step *s, int64_t n, struct step_row *row,
                            const struct reply *got, enum outcome *out, struct error *e)
{
    switch (got->verdict) {
    case VERDICT_DONE:
        *out = OUTCOME_DONE;
        return step_done(r, row, n, step_creates(s->kind) ? row->object : (str){ 0 }, e);
    case VERDICT_GONE:
        if (s->gone_is_done)
            return found_done(r, row, n, (str){ 0 }, out, e);
        break;
    case VERDICT_AGAIN:
        *out = OUTCOME_WAIT;
        r->no.message = got->why;
        return ST_OK;
    case VERDICT_OPERATOR:
        *out = OUTCOME_STUCK;
        r->no = refusal_of(&got->http, row->method.p, row->path, r->a);
        r->no.next = S("The journal does not say what was sent under this key: somebody changed "
                       "it, or used the key. Look at Stripe, then `brindle op resume` or `abort`.");
        return run_row_end(r, row, e);
    case VERDICT_SETTLED:
    case VERDICT_REFUSED: break;
    }
    *out = OUTCOME_REFUSED;
    r->no = refusal_of(&got->http, row->method.p, row->path, r->a);
    return run_row_end(r, row, e);
}

static void say_moved(struct run *r, str id)
{
    r->no = (struct refusal){
        .name = REASON_MOVED,
        .message = arena_printf(r->a, "Somebody else changed %.*s meanwhile.", STR_ARG(id)),
        .next = S("Look at the product and its prices, then ask anew."),
    };
}

/* What was there when the plan was made must still be there, or somebody else was: before it is
 * written over, unless Stripe was read just now. */
static enum status look_before(struct run *r, const struct step *s, enum outcome *out,
                               struct error *e)
{
    msec now = clock_mono(r->env->world->clock);
    str doc;
    bool gone;

    *out = OUTCOME_DONE;
    if (!s->undo_target.n || step_creates(s->kind) || r->plan.own ||
        (r->looked_at && now - r->looked_at < RUN_FRESH_MS))
        return ST_OK;
    enum status st =
        run_get(r, step_on_price(s->kind), run_filled(r, s->undo_target), &doc, &gone, out, e);
    if (st != ST_OK || *out != OUTCOME_DONE)
        return st;
    struct pairs was = pairs_filled(&s->undo, r->made, r->a);
    r->looked_at = now;
    if (!gone && pairs_hold(&was, doc, r->a))
        return ST_OK;
    *out = OUTCOME_MOVED;
    say_moved(r, run_filled(r, s->undo_target));
    return ST_OK;
}

static enum status write_step(struct run *r, const struct step *s, int64_t n, enum outcome *out,
                              struct error *e)
{
    struct request q;
    enum status st = request_of(r, s, n, &q, e);

    for (bool again = true; st == ST_OK && again;) {
        struct step_row *row = run_row(r, n);
        struct reply got;
        enum next_try next = saga_next_try(row, clock_wall(r->env->world->clock));
        int64_t attempt = row ? row->attempt : 1;
        again = false;
        if (row) {
            bool found;
            str object = { 0 };
            st = look(r, s, n, &found, &object, out, e);
            if (st != ST_OK || *out != OUTCOME_DONE)
                return st;
            if (found)
                return found_done(r, row, n, object, out, e);
        }
        if (row) /* by now somebody else may have been there */
            r->looked_at = 0;
        st = look_before(r, s, out, e);
        if (st != ST_OK || *out != OUTCOME_DONE)
            return st;
        if (next == TRY_NO_MORE)
            return stuck(r, "Stripe keeps failing at one of its steps, under every key.", out);
        st = run_send(r, &q, next == TRY_NEXT_KEY ? attempt + 1 : attempt, &row, &got, e);
        if (st != ST_OK)
            return st;
        again = got.verdict == VERDICT_SETTLED;
        st = again ? run_row_end(r, row, e) : on_reply(r, s, n, row, &got, out, e);
    }
    return st;
}

/* ---- steps that read ------------------------------------------------------------------------ */

static enum status confirm(struct run *r, const struct step *s, enum outcome *out, struct error *e)
{
    struct pairs set = pairs_filled(&s->set, r->made, r->a);
    str doc;
    bool gone;
    enum status st = run_get(r, false, run_filled(r, s->target), &doc, &gone, out, e);

    if (st != ST_OK || *out != OUTCOME_DONE)
        return st;
    if (gone || !pairs_hold(&set, doc, r->a)) {
        say_moved(r, s->target);
        *out = OUTCOME_MOVED;
        return ST_OK;
    }
    r->op.step++;
    r->op.waits = 0;
    r->op.note = (str){ 0 };
    return run_save(r, e);
}

static enum status store(struct run *r, const struct due_key *k, str doc, struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    const struct answer in = { .resource = resource_by_type(k->type),
                               .type = k->type,
                               .id = k->id,
                               .data = doc,
                               .source = SOURCE_GET,
                               .ticket = r->c->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = "op",
                               .pool = &pool };
    const struct due_mark rest = { .key = *k, .lane = LANE_OPERATION, .cause = "op" };
    enum mirror_result result;
    size_t open_lists = 0;
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = mirror_put(&tx, r->env, &in, &result, &open_lists, &scratch, e);
    if (st == ST_OK && open_lists)
        st = due_mark(&tx, r->env, &rest, &scratch, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Left to the worker of objects: what is gone he buries, as an event would have it. */
static enum status leave(struct run *r, const struct due_key *k, bool gone, struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_mark m = { .key = *k, .lane = LANE_OPERATION, .cause = "op", .gone = gone };
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_mark(&tx, r->env, &m, &scratch, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status store_anew(struct run *r, const struct due_key *k, str doc, struct error *e)
{
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        enum status st = store(r, k, doc, e);
        if (tx_again(r->env->world->store, st, attempt))
            continue;
        if (st != ST_REFUSED && st != ST_INVALID && st != ST_LIMIT)
            return st;
        error_clear(e); /* it does not fit in: the operation is none the less done */
        return leave(r, k, false, e);
    }
}

/* What the steps made of this object: does it still hold? */
static bool still_holds(struct run *r, const struct due_key *k, str doc)
{
    for (size_t i = 0; i < r->plan.n; i++) {
        const struct step *s = &r->plan.step[i];
        bool price = str_eqz(k->type, "price");
        str target = step_creates(s->kind) ? r->made[i + 1] : run_filled(r, s->target);
        if (step_reads(s->kind) || step_on_price(s->kind) != price || !str_eq(target, k->id))
            continue;
        struct pairs set = pairs_filled(&s->set, r->made, r->a);
        if (!step_creates(s->kind) && !pairs_hold(&set, doc, r->a))
            return false;
    }
    return true;
}

enum status run_verify(struct run *r, enum outcome *out, struct error *e)
{
    struct due_key key[2 * STEPS_MAX];
    size_t n = run_touched(r, key, COUNT(key));
    bool moved = false;
    enum status st = ST_OK;

    *out = OUTCOME_DONE;
    for (size_t i = 0; st == ST_OK && *out == OUTCOME_DONE && i < n; i++) {
        str doc;
        bool gone;
        st = run_save(r, e); /* the ticket, before the request */
        if (st == ST_OK)
            st = run_get(r, str_eqz(key[i].type, "price"), key[i].id, &doc, &gone, out, e);
        if (st != ST_OK || *out != OUTCOME_DONE)
            return st;
        st = gone ? leave(r, &key[i], true, e) : store_anew(r, &key[i], doc, e);
        moved |= !gone && !still_holds(r, &key[i], doc);
    }
    if (st == ST_OK && *out == OUTCOME_DONE && moved) {
        r->no = (struct refusal){
            .name = REASON_MOVED,
            .message = S("All steps were taken, but somebody else has changed something of it "
                         "since."),
            .next = S("Look at the product and its prices, then ask anew."),
        };
        *out = OUTCOME_STUCK;
    }
    return st;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static enum status take(struct run *r, enum outcome *out, struct error *e)
{
    const struct step *s = &r->plan.step[r->op.step - 1];

    *out = OUTCOME_DONE;
    switch (s->kind) {
    case STEP_CONFIRM: return confirm(r, s, out, e);
    case STEP_VERIFY: {
        enum status st = run_verify(r, out, e);
        if (st == ST_OK && *out == OUTCOME_DONE)
            r->op.step++;
        return st;
    }
    case STEP_PRODUCT_CREATE:
    case STEP_PRODUCT_UPDATE:
    case STEP_PRODUCT_DELETE:
    case STEP_PRICE_CREATE:
    case STEP_PRICE_UPDATE: break;
    }
    return write_step(r, s, r->op.step, out, e);
}

static bool wrote(const struct run *r)
{
    for (size_t i = 1; i <= r->plan.n; i++)
        if (saga_is_done(r->row, r->n_rows, (int64_t)i))
            return true;
    return false;
}

static enum status turn_back(struct run *r, struct error *e)
{
    run_set_refusal(r);
    if (!wrote(r))
        return run_end(r, OP_REFUSED, true, e);
    if (!saga_can_go_back(&r->plan, r->row, r->n_rows))
        return run_end(r, OP_STUCK, true, e);
    r->op.state = OP_BACK;
    r->op.waits = 0;
    return run_save(r, e);
}

/* The step that makes another price the default; 0: there is none. */
static int64_t default_step(const struct op_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->step[i].kind == STEP_PRODUCT_UPDATE &&
            pairs_get(&p->step[i].set, S("default_price")).p)
            return (int64_t)i + 1;
    return 0;
}

/* Somebody made another price the default while we were at it. With `own` ours is set once more,
 * a few times; else the operation gives way. */
static enum status on_moved(struct run *r, struct error *e)
{
    int64_t again = default_step(&r->plan);

    if (r->plan.own && again && r->op.rounds < SAGA_ROUNDS_MAX) {
        r->op.rounds++;
        r->op.step = again;
        struct step_row *row = run_row(r, again);
        if (row && row->state != STEP_SENT) { /* what was done holds no more: a new key */
            row->state = STEP_REFUSED;
            row->error = S("undone by somebody else");
            return run_row_end(r, row, e);
        }
        return run_save(r, e);
    }
    return turn_back(r, e);
}

static enum status on_refused(struct run *r, struct error *e)
{
    if (r->no.name != REASON_PRICE_IS_DEFAULT || !default_step(&r->plan))
        return turn_back(r, e);
    /* Stripe's own words and number stay; that somebody else was there is what it means. */
    if (!(r->plan.own && r->op.rounds < SAGA_ROUNDS_MAX))
        r->no.next = S("Somebody made it the default again meanwhile: look at the product, then "
                       "ask anew.");
    return on_moved(r, e);
}

static enum status abort_now(struct run *r, struct error *e)
{
    r->no = (struct refusal){ .name = REASON_ABORTED, .message = S("It was aborted by hand.") };
    return turn_back(r, e);
}

/* A step whose outcome is unknown is settled first, whatever was asked: under a failure that Stripe
 * keeps, too, the request may have been carried out. */
static bool may_abort(struct run *r)
{
    const struct step_row *row = run_row(r, r->op.step);
    bool unknown = row && (row->state == STEP_SENT || row->state == STEP_SETTLED);

    return r->op.abort_asked && !unknown && saga_can_go_back(&r->plan, r->row, r->n_rows);
}

enum status run_forward(struct run *r, struct error *e)
{
    enum status st = ST_OK;

    while (st == ST_OK && !r->ended && r->op.state == OP_FORWARD) {
        enum outcome out = OUTCOME_DONE;
        if (env_stopping(r->env))
            return fail(e, ST_REFUSED, "%s is stopping", r->env->name);
        if (may_abort(r))
            return abort_now(r, e);
        if (r->op.step > (int64_t)r->plan.n)
            return run_end(r, OP_DONE, false, e);
        st = take(r, &out, e);
        if (st != ST_OK)
            return st;
        switch (out) {
        case OUTCOME_DONE: break;
        case OUTCOME_WAIT: st = run_wait(r, r->no.message, false, e); break;
        case OUTCOME_REFUSED: st = on_refused(r, e); break;
        case OUTCOME_MOVED: st = on_moved(r, e); break;
        case OUTCOME_STUCK:
            run_set_refusal(r);
            st = run_end(r, OP_STUCK, true, e);
            break;
        }
    }
    return st;
}
