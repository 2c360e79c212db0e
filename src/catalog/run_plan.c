/* run_plan.c - the first part of an operation: read Stripe, decide, freeze the plan. */
#include <stdio.h>

#include "catalog/run.h"
#include "world/tx.h"

enum { PLAN_TURNS_MAX = 5, PROBE_STEP = 0 };

static enum status refuse(struct run *r, struct error *e)
{
    run_set_refusal(r);
    return run_end(r, OP_REFUSED, false, e);
}

static str write_plan(struct run *r)
{
    BUF(b, PLAN_BYTES_MAX);
    struct json_writer w = { .b = &b };

    plan_write(&r->plan, &w);
    return b.failed ? (str){ 0 } : arena_copy(r->a, buf_str(&b));
}

/* Why the plan cannot be frozen now. */
struct obstacle {
    char holder[OP_ID_MAX + 1];
    bool stale; /* an operation has ended since Stripe was read */
};

static enum status look_round(struct run *r, struct tx *tx, int64_t read_since,
                              struct obstacle *found, struct arena *a, struct error *e)
{
    struct value account = V_STR(str_of(r->env->identity.account));
    struct rows rows;

    *found = (struct obstacle){ 0 };
    if (!r->plan.product.n)
        return ST_OK;
    enum status st = tx_run(tx, STMT_OP_HOLDER, &rows, a, e, account, V_STR(r->plan.product));
    if (st == ST_OK && rows.n_rows)
        snprintf(found->holder, sizeof found->holder, "%.*s", STR_ARG(row_str(&rows, 0, 0)));
    if (st == ST_OK)
        st = tx_run(tx, STMT_OP_ENDED_SINCE, &rows, a, e, account, V_STR(r->plan.product),
                    V_INT(read_since));
    found->stale = st == ST_OK && rows.n_rows;
    return st;
}

static enum status freeze(struct run *r, enum op_state state, int64_t read_since,
                          struct obstacle *found, struct error *e)
{
    ARENA(scratch, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t ticket = r->c->ticket;
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    *found = (struct obstacle){ 0 };
    if (st == ST_OK)
        st = due_extend(&tx, r->env, r->c, &scratch, e);
    if (st == ST_OK && state == OP_FORWARD)
        st = look_round(r, &tx, read_since, found, &scratch, e);
    if (st == ST_OK && !found->holder[0] && !found->stale)
        st = tx_run(&tx, STMT_OP_FREEZE, NULL, NULL, e,
                    V_STR(r->plan.product.p ? r->plan.product : S("")), V_STR(r->op.plan),
                    V_STR(str_of(op_state_name(state))), V_INT(clock_wall(r->env->world->clock)),
                    V_STR(str_of(r->op.id)));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        r->c->ticket = ticket;
    return st;
}

static enum status in_the_way(struct run *r, const char *holder, struct error *e)
{
    r->no = (struct refusal){
        .name = REASON_OP_IN_THE_WAY,
        .message = arena_printf(r->a, "Operation %s holds product %.*s.", holder,
                                STR_ARG(r->plan.product)),
        .next = arena_printf(r->a,
                             "Wait for it (`brindle op show %s`), or undo it: `brindle op "
                             "abort %s`.",
                             holder, holder),
    };
    return refuse(r, e);
}

/* A restricted key may lack a right that is needed only half way through: ask before. An empty
 * creation is refused for what it lacks, so that it makes nothing. [facts, 4.5] */
static enum status probe(struct run *r, const char *path, int64_t attempt, enum outcome *out,
                         struct error *e)
{
    struct stripe_response p;
    struct error why = { 0 };
    const struct stripe_request q = {
        .method = STRIPE_POST,
        .path = str_of(path),
        .idem_key = arena_printf(r->a, "op/%s/%d/%lld", r->op.id, PROBE_STEP, (long long)attempt),
        .lane = LANE_OPERATION,
        .cause = str_of(r->op.id),
    };
    enum status st = stripe_call(r->env->world->stripe, &q, &p, r->a, &why);

    *out = OUTCOME_DONE;
    if (st == ST_OK)
        st = env_believe(r->env, p.key, &why);
    if (st == ST_REFUSED) {
        *e = why;
        return st;
    }
    if (st != ST_OK) {
        r->no.message = arena_copy(r->a, str_of(why.text));
        *out = OUTCOME_WAIT;
        return ST_OK;
    }
    if (p.http_status != 401 && p.http_status != 403)
        return ST_OK;
    r->no = refusal_of(&p, "POST", q.path, r->a);
    *out = OUTCOME_REFUSED;
    return ST_OK;
}

static enum status check_scope(struct run *r, enum outcome *out, struct error *e)
{
    bool prices = false, products = false;
    enum status st = ST_OK;

    *out = OUTCOME_DONE;
    if (!r->env->key_restricted)
        return ST_OK;
    for (size_t i = 0; i < r->plan.n; i++) {
        enum step_kind k = r->plan.step[i].kind;
        if (!step_reads(k))
            *(step_on_price(k) ? &prices : &products) = true;
    }
    if (prices)
        st = probe(r, "/v1/prices", 1, out, e);
    if (st == ST_OK && *out == OUTCOME_DONE && products)
        st = probe(r, "/v1/products", 2, out, e);
    return st;
}

/* More than our bounds allow, or an answer that cannot be read: it will not be otherwise later. */
static enum status too_much(struct run *r, const struct error *why, struct error *e)
{
    r->no =
        (struct refusal){ .name = REASON_REFUSED, .message = arena_copy(r->a, str_of(why->text)) };
    return refuse(r, e);
}

/* ST_NONE: it is over, in whatever way. */
static enum status decide(struct run *r, struct error *e)
{
    const struct op_kind *kind = op_kind_by_name(r->op.kind);
    struct planning g = { .env = r->env, .op = str_of(r->op.id), .input = r->op.input, .a = r->a };
    struct error why = { 0 };

    if (!kind)
        return fail(e, ST_LIMIT, "this version knows no operation %.*s", STR_ARG(r->op.kind));
    enum status st = kind->read(&g, &why);
    if (st == ST_OK)
        st = kind->plan(&g, &why);
    r->plan = g.plan;
    r->no = g.no;
    if (st == ST_REFUSED)
        st = refuse(r, e);
    else if (st == ST_RETRY)
        st = run_wait(r, arena_copy(r->a, str_of(why.text)), false, e);
    else if (st == ST_LIMIT || st == ST_INVALID)
        st = too_much(r, &why, e);
    else if (st != ST_OK)
        *e = why;
    return st == ST_OK && r->ended ? ST_NONE : st;
}

static enum status with_scope(struct run *r, struct error *e)
{
    enum outcome out = OUTCOME_DONE;
    enum status st = check_scope(r, &out, e);

    if (st == ST_OK && out == OUTCOME_WAIT)
        st = run_wait(r, r->no.message, false, e);
    else if (st == ST_OK && out != OUTCOME_DONE)
        st = refuse(r, e);
    return st == ST_OK && r->ended ? ST_NONE : st;
}

enum status run_make_plan(struct run *r, struct error *e)
{
    enum op_state state = r->op.dry_run ? OP_PLANNED : OP_FORWARD;

    for (unsigned turn = 0; turn < PLAN_TURNS_MAX; turn++) {
        int64_t read_since = r->c->ticket;
        msec looked_at = clock_mono(r->env->world->clock);
        struct obstacle found;
        enum status st = decide(r, e);
        if (st == ST_OK && state == OP_FORWARD)
            st = with_scope(r, e);
        if (st != ST_OK || r->ended)
            return st == ST_NONE ? ST_OK : st;
        r->op.plan = write_plan(r);
        if (!r->op.plan.n)
            return fail(e, ST_LIMIT, "the plan of operation %s is too large", r->op.id);
        st = freeze(r, state, read_since, &found, e);
        if (st != ST_OK)
            return st;
        if (found.holder[0])
            return in_the_way(r, found.holder, e);
        if (found.stale)
            continue;
        r->looked_at = looked_at;
        r->op.state = state;
        r->op.step = 1;
        r->op.waits = 0;
        return state == OP_PLANNED ? run_end(r, state, false, e) : ST_OK;
    }
    return fail(e, ST_RETRY, "other operations change %.*s all the time", STR_ARG(r->plan.product));
}
