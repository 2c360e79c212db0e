#include "catalog/saga.h"

#include <stdio.h>

#include "base/json_scan.h"
#include "catalog/run.h"
#include "world/tx.h"

enum { SUBMIT_BYTES_MAX = 1 << 20 };

/* ---- asking --------------------------------------------------------------------------------- */

struct due_key op_due_key(str id)
{
    return (struct due_key){ DUE_OP, S("op"), id };
}

static enum status mark(struct tx *tx, struct env *env, str id, int64_t *gen, struct arena *a,
                        struct error *e)
{
    const struct due_mark m = { .key = op_due_key(id), .lane = LANE_USER, .cause = "op" };
    enum status st = due_mark(tx, env, &m, a, e);

    return st == ST_OK && gen ? due_generation(tx, env, &m.key, gen, a, e) : st;
}

static enum status check_order(const struct op_order *o, struct error *e)
{
    str input = str_trim(o->input);

    if (!op_kind_by_name(str_of(o->kind)))
        return fail(e, ST_INVALID, "There is no operation \"%s\".", o->kind);
    if (input.n > OP_INPUT_BYTES_MAX)
        return fail(e, ST_LIMIT, "The input of an operation has at most %d bytes.",
                    OP_INPUT_BYTES_MAX);
    if (!input.n || input.p[0] != '{' || !json_valid(input))
        return fail(e, ST_INVALID, "The input of an operation must be a JSON object.");
    if (o->caller_key.n > OP_KEY_MAX || !utf8_is_line(o->caller_key))
        return fail(e, ST_INVALID,
                    "An Idempotency-Key has at most %d bytes of UTF-8 without control characters.",
                    OP_KEY_MAX);
    return ST_OK;
}

/* ST_NONE: the key is new. */
static enum status known_key(struct tx *tx, struct env *env, const struct op_order *o, char *id,
                             struct arena *a, struct error *e)
{
    struct rows r;

    if (!o->caller_key.n)
        return ST_NONE;
    enum status st = tx_run(tx, STMT_OP_OF_CALLER, &r, a, e, V_STR(str_of(env->identity.account)),
                            V_STR(o->caller_key));
    if (st != ST_OK || r.n_rows == 0)
        return st == ST_OK ? ST_NONE : st;
    if (!str_eqz(row_str(&r, 0, 1), o->kind) || !json_same(row_str(&r, 0, 2), o->input, a) ||
        (row_int(&r, 0, 3) != 0) != o->dry_run)
        return fail(e, ST_CONFLICT,
                    "This Idempotency-Key was used for another request (operation %.*s): use a new "
                    "one.",
                    STR_ARG(row_str(&r, 0, 0)));
    snprintf(id, OP_ID_MAX + 1, "%.*s", STR_ARG(row_str(&r, 0, 0)));
    return ST_OK;
}

static enum status insert(struct tx *tx, struct env *env, const struct op_order *o, const char *id,
                          struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_OP_INSERT, NULL, a, e, V_STR(str_of(id)),
                  V_STR(str_of(env->identity.account)), V_STR(str_of(o->kind)),
                  V_STR(o->actor.p ? o->actor : S("")), V_STR(str_of(env->key_label)),
                  o->caller_key.n ? V_STR(o->caller_key) : V_NULL, V_INT(o->dry_run),
                  V_STR(o->input), V_INT(clock_wall(env->world->clock)));
}

static enum status submit_once(struct env *env, const struct op_order *o, char *id, int64_t *gen,
                               struct error *e)
{
    ARENA(a, SUBMIT_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    char mine[OP_ID_MAX + 1];
    uint64_t number;

    rng_fill(env->world->rng, &number, sizeof number);
    snprintf(mine, sizeof mine, "op_%016llx", (unsigned long long)number);
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = known_key(&tx, env, o, mine, &a, e);
    bool known = st == ST_OK;
    if (st == ST_NONE)
        st = insert(&tx, env, o, mine, &a, e);
    if (st == ST_OK && !known)
        st = mark(&tx, env, str_of(mine), gen, &a, e);
    else if (st == ST_OK && gen)
        st = due_generation(&tx, env, &(struct due_key){ DUE_OP, S("op"), str_of(mine) }, gen, &a,
                            e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        snprintf(id, OP_ID_MAX + 1, "%s", mine);
    return st;
}

enum status op_submit(struct env *env, const struct op_order *o, char *id, int64_t *gen,
                      struct error *e)
{
    enum status st = check_order(o, e);

    for (unsigned attempt = 1; st == ST_OK; attempt++) {
        error_clear(e);
        st = submit_once(env, o, id, gen, e);
        if (!tx_again(env->world->store, st, attempt))
            break;
        st = ST_OK;
    }
    if (st == ST_OK)
        env_ring(env);
    return st;
}

/* ---- by hand -------------------------------------------------------------------------------- */

static enum status read_plan_of(struct tx *tx, const struct op *op, struct op_plan *plan,
                                struct step_row **row, size_t *n, struct arena *a, struct error *e)
{
    *plan = (struct op_plan){ 0 };
    enum status st = op_steps_read(tx, str_of(op->id), row, n, a, e);
    return st == ST_OK && op->plan.n ? plan_read(op->plan, plan, a, e) : st;
}

static enum status reopen(struct tx *tx, struct env *env, const struct op *op, enum op_state state,
                          bool abort, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OP_HOLDER, &r, a, e, V_STR(str_of(env->identity.account)),
                            V_STR(op->product));

    if (st == ST_OK && r.n_rows && op->product.n)
        return fail(e, ST_CONFLICT, "Operation %.*s holds product %.*s.",
                    STR_ARG(row_str(&r, 0, 0)), STR_ARG(op->product));
    if (st == ST_OK)
        st = tx_run(tx, STMT_OP_REOPEN, NULL, a, e, V_STR(str_of(op_state_name(state))),
                    V_INT(abort), V_INT(clock_wall(env->world->clock)), V_STR(str_of(op->id)));
    return st;
}

static enum status over(const struct op *op, struct error *e)
{
    return fail(e, ST_CONFLICT, "Operation %s is over: it is %s.", op->id,
                op_state_name(op->state));
}

static enum status resume_in(struct tx *tx, struct env *env, str id, struct arena *a,
                             struct error *e)
{
    struct op op;
    enum status st = op_read(tx, env, id, &op, a, e);

    if (st != ST_OK)
        return st;
    if (op.state != OP_STUCK)
        return ST_OK;
    if (str_eqz(op.reason, refusal_name(REASON_MOVED)))
        return fail(e, ST_CONFLICT,
                    "Operation %s gave way to somebody else's change: look at %.*s, then ask anew.",
                    op.id, STR_ARG(op.product));
    return reopen(tx, env, &op,
                  str_eqz(op.reason, refusal_name(REASON_PARTIAL)) ? OP_BACK : OP_FORWARD, false, a,
                  e);
}

static enum status abort_in(struct tx *tx, struct env *env, str id, struct arena *a,
                            struct error *e)
{
    struct op op;
    struct op_plan plan;
    struct step_row *row;
    size_t n;
    enum status st = op_read(tx, env, id, &op, a, e);

    if (st == ST_OK)
        st = read_plan_of(tx, &op, &plan, &row, &n, a, e);
    if (st != ST_OK)
        return st;
    if (op_state_ended(op.state) && op.state != OP_STUCK)
        return str_eqz(op.reason, refusal_name(REASON_ABORTED)) ? ST_OK : over(&op, e);
    if (!saga_can_go_back(&plan, row, n))
        return fail(e, ST_CONFLICT,
                    "Operation %s is past what can be undone: only its last looks are left.",
                    op.id);
    if (op.state == OP_STUCK)
        return reopen(tx, env, &op, OP_BACK, true, a, e);
    return tx_run(tx, STMT_OP_ASK_ABORT, NULL, a, e, V_INT(clock_wall(env->world->clock)),
                  V_STR(id), V_STR(str_of(env->identity.account)));
}

static enum status by_hand(struct env *env, str id,
                           enum status (*change)(struct tx *, struct env *, str, struct arena *,
                                                 struct error *),
                           struct error *e)
{
    enum status st;

    for (unsigned attempt = 1;; attempt++) {
        ARENA(a, RUN_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        error_clear(e);
        st = tx_begin(&tx, env->world->store, TX_WRITE, e);
        if (st == ST_OK)
            st = change(&tx, env, id, &a, e);
        if (st == ST_OK)
            st = mark(&tx, env, id, NULL, &a, e);
        if (st == ST_OK)
            st = tx_commit(&tx, e);
        if (!tx_again(env->world->store, st, attempt))
            break;
    }
    if (st == ST_OK)
        env_ring(env);
    return st;
}

enum status op_resume(struct env *env, str id, struct error *e)
{
    return by_hand(env, id, resume_in, e);
}

enum status op_abort(struct env *env, str id, struct error *e)
{
    return by_hand(env, id, abort_in, e);
}

/* ---- working -------------------------------------------------------------------------------- */

/* What the journal says is what was made: ids of steps, and of their looks. */
static void read_made(struct run *r)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct step_row *row = &r->row[i];
        if (row->step >= 1 && row->step <= (int64_t)r->plan.n && row->object.n &&
            step_creates(r->plan.step[row->step - 1].kind) &&
            (row->state == STEP_DONE || row->state == STEP_FOUND))
            r->made[row->step] = row->object;
    }
}

static enum status load(struct run *r, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct step_row *row;
    enum status st = tx_begin(&tx, r->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = op_read(&tx, r->env, r->c->key.id, &r->op, r->a, e);
    if (st == ST_OK)
        st = read_plan_of(&tx, &r->op, &r->plan, &row, &r->n_rows, r->a, e);
    if (st == ST_OK && r->n_rows > RUN_ROWS_MAX)
        st = fail(e, ST_LIMIT, "the journal of operation %s is full", r->op.id);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r->n_rows; i++)
        r->row[i] = row[i];
    read_made(r);
    return ST_OK;
}

static enum status finish_claim(struct run *r, struct error *e)
{
    ARENA(a, SUBMIT_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    r->ended = true;
    if (st == ST_OK)
        st = due_finish(&tx, r->env, r->c, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status abort_unplanned(struct run *r, struct error *e)
{
    r->no = (struct refusal){ .name = REASON_ABORTED, .message = S("It was aborted by hand.") };
    run_set_refusal(r);
    return run_end(r, OP_REFUSED, false, e);
}

static enum status go(struct run *r, struct error *e)
{
    enum status st = load(r, e);

    if (st == ST_NONE || (st == ST_OK && op_state_ended(r->op.state)))
        return finish_claim(r, e);
    if (st == ST_OK && r->op.state == OP_NEW)
        st = r->op.abort_asked ? abort_unplanned(r, e) : run_make_plan(r, e);
    if (st == ST_OK && !r->ended && r->op.state == OP_FORWARD)
        st = run_forward(r, e);
    if (st == ST_OK && !r->ended && r->op.state == OP_BACK)
        st = run_back(r, e);
    return st;
}

enum status saga_work(struct env *env, struct claim *c, struct work_report *report, struct error *e)
{
    ARENA(a, RUN_BYTES_MAX);
    struct error why = { 0 };
    struct run *r = arena_alloc(&a, sizeof *r);

    if (!r)
        return fail(e, ST_LIMIT, "no memory for an operation");
    *r = (struct run){ .env = env, .c = c, .report = report, .a = &a };
    enum status st = go(r, &why);
    if (st == ST_OK && r->ended)
        return ST_OK;
    if (st == ST_OK)
        st = fail(&why, ST_BROKEN, "operation %s came to no end", r->op.id);
    return run_put_back(r, st, &why, e);
}
