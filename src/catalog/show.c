/* show.c - an operation as JSON, for people and programs. */
#include <stdio.h>

#include "catalog/run.h"
#include "world/tx.h"

enum { LIST_MAX = 500, SENTENCE_BYTES_MAX = 16 << 10 };

struct story {
    struct op op;
    struct op_plan plan;
    struct step_row *row;
    size_t n_rows;
    str made[STEPS_MAX + 1];
};

static enum status read_story(struct tx *tx, struct env *env, str id, struct story *s,
                              struct arena *a, struct error *e)
{
    *s = (struct story){ 0 };
    enum status st = op_read(tx, env, id, &s->op, a, e);
    if (st == ST_OK)
        st = op_steps_read(tx, id, &s->row, &s->n_rows, a, e);
    if (st == ST_OK && s->op.plan.n)
        st = plan_read(s->op.plan, &s->plan, a, e);
    for (size_t i = 0; st == ST_OK && i < s->n_rows; i++) {
        const struct step_row *row = &s->row[i];
        if (row->step >= 1 && row->step <= (int64_t)s->plan.n && row->object.n &&
            step_creates(s->plan.step[row->step - 1].kind))
            s->made[row->step] = row->object;
    }
    return st;
}

/* ---- in a sentence -------------------------------------------------------------------------- */

static bool is_open(enum op_state s)
{
    return s == OP_NEW || s == OP_FORWARD || s == OP_BACK;
}

/* What is so by now, and what is still to come. */
static void say_holds(const struct story *s, struct buf *b, struct arena *a)
{
    const char *between = ": ";

    for (size_t i = 0; i < s->plan.n; i++) {
        const struct step *step = &s->plan.step[i];
        bool done = saga_is_done(s->row, s->n_rows, (int64_t)i + 1) &&
                    !saga_is_done(s->row, s->n_rows, STEP_UNDO + (int64_t)i + 1);
        str text = done && !step_reads(step->kind) ? step->is : done ? S("") : step->until;
        if (!text.n)
            continue;
        text = step_text(text, s->made, a);
        buf_printf(b, "%s%.*s", between, STR_ARG(text));
        between = ", ";
    }
}

/* "step 4 of 6, waiting for Stripe: price_2 is the default price of prod_1, price_1 is still on
 * sale" */
static str sentence(const struct story *s, struct arena *a)
{
    BUF(b, SENTENCE_BYTES_MAX);

    if (s->op.state == OP_NEW)
        buf_printf(&b, "reading Stripe");
    else if (s->op.state == OP_FORWARD)
        buf_printf(&b, "step %lld of %zu", (long long)s->op.step, s->plan.n);
    else if (s->op.state == OP_BACK)
        buf_printf(&b, "undoing");
    else
        buf_printf(&b, "%s", op_state_name(s->op.state));
    if (is_open(s->op.state) && s->op.waits)
        buf_printf(&b, ", waiting for Stripe");
    if (is_open(s->op.state) && s->plan.n)
        say_holds(s, &b, a);
    return arena_copy(a, buf_str(&b));
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static void text(struct json_writer *w, const char *key, str value)
{
    if (!value.n)
        return;
    jw_key(w, str_of(key));
    jw_str(w, value);
}

static void number(struct json_writer *w, const char *key, int64_t value)
{
    jw_key(w, str_of(key));
    jw_int(w, value);
}

static void json(struct json_writer *w, const char *key, str value)
{
    if (!value.n)
        return;
    jw_key(w, str_of(key));
    jw_raw(w, value);
}

static void write_head(struct json_writer *w, const struct story *s, struct arena *a)
{
    const struct op *op = &s->op;

    text(w, "id", str_of(op->id));
    text(w, "kind", op->kind);
    text(w, "state", str_of(op_state_name(op->state)));
    text(w, "reason", op->reason);
    text(w, "product", op->product);
    number(w, "step", op->step > (int64_t)s->plan.n ? (int64_t)s->plan.n : op->step);
    number(w, "steps", (int64_t)s->plan.n);
    text(w, "at", sentence(s, a));
    text(w, "note", op->note);
    if (op->abort_asked) {
        jw_key(w, S("abort_asked"));
        jw_bool(w, true);
    }
    number(w, "waits", op->waits);
    text(w, "actor", op->actor);
    text(w, "api_key", op->api_key);
    number(w, "created_at", op->created_at);
    number(w, "changed_at", op->changed_at);
    if (op->ended_at)
        number(w, "ended_at", op->ended_at);
}

static void write_made(struct json_writer *w, const struct story *s)
{
    jw_key(w, S("made"));
    jw_array(w);
    for (size_t i = 1; i <= s->plan.n; i++)
        if (s->made[i].n)
            jw_str(w, s->made[i]);
    jw_end(w);
}

/* The requests as they are, or would be, sent: ids that are not known yet say so. */
static void write_requests(struct json_writer *w, const struct story *s, struct arena *a)
{
    jw_key(w, S("requests"));
    jw_array(w);
    for (size_t i = 0; i < s->plan.n; i++) {
        const struct step *step = &s->plan.step[i];
        const char *method;
        if (step->kind == STEP_VERIFY)
            continue;
        struct pairs set = pairs_filled(&step->set, s->made, a);
        str path = step_path(step, s->made, &method, a);
        jw_object(w);
        number(w, "step", (int64_t)i + 1);
        text(w, "method", str_of(method));
        text(w, "path", path);
        jw_key(w, S("params"));
        jw_object(w);
        for (size_t k = 0; k < set.n && !step_reads(step->kind); k++) {
            jw_key(w, set.at[k].name);
            jw_str(w, set.at[k].value);
        }
        jw_end(w);
        text(w, "is", step_text(step->is, s->made, a));
        jw_end(w);
    }
    jw_end(w);
}

static void write_notes(struct json_writer *w, const struct story *s)
{
    jw_key(w, S("notes"));
    jw_array(w);
    for (size_t i = 0; i < s->plan.n_notes; i++)
        jw_str(w, s->plan.note[i]);
    jw_end(w);
}

static void write_row(struct json_writer *w, const struct story *s, const struct step_row *r)
{
    static const char *const state[] = { [STEP_SENT] = "sent",
                                         [STEP_DONE] = "done",
                                         [STEP_FOUND] = "found",
                                         [STEP_REFUSED] = "refused",
                                         [STEP_SETTLED] = "settled" };

    jw_object(w);
    number(w, "step", r->step);
    number(w, "attempt", r->attempt);
    text(w, "state", str_of(state[r->state]));
    text(w, "method", r->method);
    text(w, "path", r->path);
    text(w, "form", r->form);
    text(w, "idempotency_key", r->key);
    text(w, "api_key", s->op.api_key);
    text(w, "actor", s->op.actor);
    if (r->http_status)
        number(w, "status", r->http_status);
    text(w, "request_id", r->request_id);
    if (r->replayed) {
        jw_key(w, S("replayed"));
        jw_bool(w, true);
    }
    text(w, "object", r->object);
    text(w, "error", r->error);
    number(w, "began_at", r->began_at);
    number(w, "sends", r->sends);
    if (r->ended_at) {
        number(w, "ended_at", r->ended_at);
        number(w, "duration_ms", r->duration_ms);
    }
    jw_end(w);
}

static void write_journal(struct json_writer *w, const struct story *s)
{
    jw_key(w, S("journal"));
    jw_array(w);
    for (size_t i = 0; i < s->n_rows; i++)
        write_row(w, s, &s->row[i]);
    jw_end(w);
}

enum status op_write(struct env *env, str id, struct buf *out, struct error *e)
{
    ARENA(a, RUN_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct json_writer w = { .b = out };
    struct story s;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = read_story(&tx, env, id, &s, &a, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    write_head(&w, &s, &a);
    json(&w, "input", s.op.input);
    json(&w, "refusal", s.op.refusal);
    json(&w, "differences", s.op.differences);
    write_notes(&w, &s);
    write_made(&w, &s);
    write_requests(&w, &s, &a);
    write_journal(&w, &s);
    jw_end(&w);
    return out->failed ? fail(e, ST_LIMIT, "operation %.*s is too large to show", STR_ARG(id))
                       : ST_OK;
}

static enum status write_line(struct tx *tx, struct env *env, str id, struct buf *out,
                              struct error *e)
{
    ARENA(a, RUN_BYTES_MAX);
    struct json_writer w = { .b = out };
    struct story s;
    enum status st = read_story(tx, env, id, &s, &a, e);

    if (st != ST_OK)
        return st;
    jw_object(&w);
    write_head(&w, &s, &a);
    json(&w, "differences", s.op.differences);
    jw_end(&w);
    buf_char(out, '\n');
    return ST_OK;
}

enum status op_list_write(struct env *env, size_t limit, bool open, struct buf *out,
                          struct error *e)
{
    ARENA(a, RUN_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t before = INT64_MAX;
    str last = S("");
    size_t n = 0;
    bool more = true;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    while (st == ST_OK && n < limit && more) {
        struct rows r;
        st = tx_run(&tx, open ? STMT_OP_OPEN : STMT_OP_PAGE, &r, &a, e,
                    V_STR(str_of(env->identity.account)), V_INT(before), V_STR(last),
                    V_INT(LIST_MAX));
        more = st == ST_OK && r.n_rows == LIST_MAX;
        for (size_t i = 0; st == ST_OK && i < r.n_rows && n < limit; i++) {
            last = row_str(&r, i, 0);
            before = row_int(&r, i, 1);
            st = write_line(&tx, env, last, out, e);
            n++;
        }
    }
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT, "the list of operations is too long: ask for fewer");
    return st;
}

enum status op_look(struct env *env, str id, struct op_glance *out, struct error *e)
{
    ARENA(a, SCRATCH_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct op op;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = op_read(&tx, env, id, &op, &a, e);
    if (st == ST_OK)
        *out = (struct op_glance){ op.state, op.step, op.waits };
    return st;
}
