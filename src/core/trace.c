#include "core/trace.h"

#include "core/environment/acting.h"
#include "core/event.h"
#include "core/mirror/history.h"
#include "core/path.h"

#include <stdlib.h>
#include <string.h>

enum {
    KINDS = 4, /* of steps that come in numbers: events, calls, versions, drops */
    STEPS_ROOM = KINDS * TRACE_STEPS_MAX + 2,
    CHANGES_BYTES_MAX = 64 << 10,
};

/* A story while it is put together. */
struct teller {
    struct env *env;
    struct trace *out;
    msec from;
    size_t versions;
    struct arena *a;
};

static struct trace_step *add(struct teller *t, msec at, const char *what)
{
    struct trace_step *s = &t->out->step[t->out->n_steps++];

    assert(t->out->n_steps <= STEPS_ROOM);
    *s = (struct trace_step){ .at = at, .what = what };
    return s;
}

/* ---- what is on record -------------------------------------------------------------------- */

/* What is read from the list has come over a connection to Stripe; a delivery was signed. */
static str tell_arrival(str type, str secret, struct arena *a)
{
    if (str_eqz(secret, EVENT_VIA_LIST))
        return arena_printf(a, "%.*s was read from the list of events", STR_ARG(type));
    return arena_printf(a, "%.*s arrived, its signature fits secret %.*s", STR_ARG(type),
                        STR_ARG(secret));
}

static str tell_delivery(const struct rows *r, size_t i, struct arena *a)
{
    str outcome = row_str(r, i, 6), reason = row_str(r, i, 7);
    int64_t again = row_int(r, i, 4) - 1;
    bool listed = str_eqz(row_str(r, i, 3), EVENT_VIA_LIST);
    str head = tell_arrival(row_str(r, i, 1), row_str(r, i, 3), a);

    if (again)
        head = arena_printf(a, "%.*s; delivered %s %lld time%s", STR_ARG(head),
                            listed ? "later" : "again", (long long)again, again == 1 ? "" : "s");
    if (str_eq(outcome, S("due")))
        return arena_printf(a, "%.*s; its object was made due", STR_ARG(head));
    return arena_printf(a, "%.*s; %.*s%s%.*s", STR_ARG(head), STR_ARG(outcome),
                        reason.n ? ": " : "", STR_ARG(reason));
}

static enum status add_events(struct teller *t, struct tx *tx, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_TRACE_EVENTS, &r, t->a, e, V_STR(t->out->type), V_STR(t->out->id),
               v_account(t->env), V_INT(t->from), V_INT(TRACE_STEPS_MAX));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        struct trace_step *s = add(t, row_int(&r, i, 2), "received");
        s->event = row_str(&r, i, 0);
        s->text = tell_delivery(&r, i, t->a);
    }
    return st;
}

static str tell_call(const struct rows *r, size_t i, struct arena *a)
{
    str cause = row_str(r, i, 6), path = row_str(r, i, 2);
    long long ms = row_int(r, i, 5);

    if (row_cell(r, i, 3)->type == VAL_NULL)
        return arena_printf(a, "%.*s %.*s for %.*s: no answer after %lld ms: %.*s",
                            STR_ARG(row_str(r, i, 1)), STR_ARG(path), STR_ARG(cause), ms,
                            STR_ARG(row_str(r, i, 7)));
    return arena_printf(a, "%.*s %.*s for %.*s: %lld after %lld ms", STR_ARG(row_str(r, i, 1)),
                        STR_ARG(path), STR_ARG(cause), (long long)row_int(r, i, 3), ms);
}

static enum status add_calls(struct teller *t, struct tx *tx, struct error *e)
{
    const struct resource *of = resource_by_type(t->out->type);
    struct rows r;

    if (!resource_fetchable(of))
        return ST_OK;
    str path = path_fill(of->get_path, t->out->id, S(""), t->a);
    enum status st = tx_run(tx, STMT_TRACE_CALLS, &r, t->a, e, V_STR(path), V_INT(t->from),
                            v_account(t->env), V_INT(TRACE_STEPS_MAX));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        str asked = row_str(&r, i, 2);
        if (asked.n > path.n && asked.p[path.n] != '/')
            continue; /* another object, whose id begins like this one's */
        struct trace_step *s = add(t, row_int(&r, i, 0), "asked");
        s->http_status = row_int(&r, i, 3);
        s->request_id = row_str(&r, i, 4);
        s->duration_ms = row_int(&r, i, 5);
        s->text = tell_call(&r, i, t->a);
    }
    return st;
}

static enum status add_drops(struct teller *t, struct tx *tx, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_TRACE_DROPPED, &r, t->a, e, V_STR(t->out->type), v_account(t->env),
               V_STR(t->out->id), V_INT(t->from), V_INT(TRACE_STEPS_MAX));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        bool buried = str_eq(row_str(&r, i, 2), S("buried"));
        add(t, row_int(&r, i, 0), "dropped")->text = arena_printf(
            t->a, "the answer of a %.*s was dropped, %s; the object was made due once more",
            STR_ARG(row_str(&r, i, 1)),
            buried ? "for the object is deleted here"
                   : "for the mirror had got a state meanwhile that was asked for later");
    }
    return st;
}

static enum status on_version(void *ctx, const struct version *v, const struct version *older,
                              struct error *e)
{
    BUF(changes, CHANGES_BYTES_MAX);
    struct teller *t = ctx;

    (void)e;
    if (v->since < t->from || ++t->versions > TRACE_STEPS_MAX)
        return ST_NONE; /* what follows is older still */
    struct trace_step *s = add(t, v->since, v->deleted ? "deleted" : "stored");
    s->revision = v->revision;
    if (older)
        history_changes(v, older, &changes);
    if (v->deleted)
        s->text = S("gone at Stripe; its last known state is kept");
    else if (!older)
        s->text = S("the oldest version that is kept");
    else
        s->text = arena_printf(t->a, "changed for %.*s: %.*s",
                               STR_ARG(v->cause.n ? v->cause : S("an unknown cause")),
                               STR_ARG(buf_str(&changes)));
    return s->text.p ? ST_OK : fail(e, ST_LIMIT, "the story is too long");
}

static enum status add_versions(struct teller *t, struct error *e)
{
    struct error why = { 0 };
    struct object now;
    enum status st = mirror_get(t->env, t->out->type, t->out->id, &now, t->a, &why);

    if (st == ST_OK)
        st = history_each(t->env, &now, on_version, t, e);
    else if (st != ST_NONE)
        *e = why;
    return st == ST_NONE ? ST_OK : st;
}

/* ---- how it stands now -------------------------------------------------------------------- */

static void tell_work(struct teller *t, const struct rows *r)
{
    msec now = clock_wall(t->env->world->clock);
    str cause = row_str(r, 0, 7), error = row_str(r, 0, 5);
    long long attempts = row_int(r, 0, 4);

    if (row_int(r, 0, 1) >= row_int(r, 0, 0))
        add(t, now, "done")->text =
            error.n
                ? arena_printf(t->a, "nothing is due; the last answer was: %.*s", STR_ARG(error))
                : S("nothing is due");
    else if (row_int(r, 0, 2))
        add(t, now, "dead")->text =
            arena_printf(t->a, "given up after %lld attempts: %.*s", attempts, STR_ARG(error));
    else if (row_int(r, 0, 3))
        add(t, now, "working")->text = S("a worker has it");
    else if (attempts)
        add(t, now, "due")->text =
            arena_printf(t->a, "waits for its next attempt for %.*s, %lld have failed: %.*s",
                         STR_ARG(cause), attempts, STR_ARG(error));
    else
        add(t, now, "due")->text = arena_printf(t->a, "waits for %.*s", STR_ARG(cause));
}

/* No work was ever marked for it, or an erasure has taken the mark. */
static enum status tell_idle(struct teller *t, struct tx *tx, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OBJECT_GET, &r, t->a, e, V_STR(t->out->type),
                            v_account(t->env), V_STR(t->out->id));

    if (st != ST_OK)
        return st;
    bool erased = r.n_rows && row_int(&r, 0, 5) == 2;
    add(t, clock_wall(t->env->world->clock), erased ? "deleted" : "done")->text =
        erased ? S("erased here: its id is blocked") : S("nothing was ever due for it");
    return ST_OK;
}

static enum status add_now(struct teller *t, struct tx *tx, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_DUE_GET, &r, t->a, e, V_STR(S("object")), V_STR(t->out->type),
                            V_STR(t->out->id), v_account(t->env));

    if (st != ST_OK)
        return st;
    if (r.n_rows)
        tell_work(t, &r);
    else
        return tell_idle(t, tx, e);
    return ST_OK;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* In time's order; what bears one time was received before it was asked and asked before stored. */
static int compare_steps(const void *x, const void *y)
{
    static const char order[] = "received asked stored deleted dropped due working dead done";
    const struct trace_step *p = x, *q = y;

    if (p->at != q->at)
        return p->at < q->at ? -1 : 1;
    const char *a = strstr(order, p->what), *b = strstr(order, q->what);
    return a < b ? -1 : a > b;
}

static enum status tell(struct env *env, msec from, struct trace *out, struct arena *a,
                        struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct teller t = { .env = env, .out = out, .from = from, .a = a };

    out->n_steps = 0;
    out->step = arena_alloc(a, STEPS_ROOM * sizeof *out->step);
    if (!out->step)
        return fail(e, ST_LIMIT, "out of memory for the story");
    enum status st = add_versions(&t, e);
    if (st == ST_OK)
        st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = add_events(&t, &tx, e);
    if (st == ST_OK)
        st = add_calls(&t, &tx, e);
    if (st == ST_OK)
        st = add_drops(&t, &tx, e);
    if (st != ST_OK)
        return st;
    qsort(out->step, out->n_steps, sizeof *out->step, compare_steps);
    return add_now(&t, &tx, e);
}

enum status trace_object(struct env *env, str type, str id, struct trace *out, struct arena *a,
                         struct error *e)
{
    const struct resource *guess = resource_by_id(id);
    struct error why = { 0 };
    struct object now;

    *out = (struct trace){ .type = type, .id = id };
    enum status st = mirror_get(env, type, id, &now, a, &why);
    if (st == ST_OK)
        out->type = now.type;
    else if (st == ST_NONE && !type.n && guess)
        out->type = str_of(guess->type);
    else if (st != ST_NONE) {
        *e = why;
        return st;
    }
    bool in_mirror = st == ST_OK;
    st = tell(env, 0, out, a, e);
    if (st == ST_OK && !in_mirror && out->n_steps == 1 && strcmp(out->step[0].what, "done") == 0)
        return fail(e, ST_NONE, "neither the mirror nor the inbox of %s knows of %.*s", env->name,
                    STR_ARG(id));
    return st;
}

/* An event that makes no object due has a story of one step. */
static enum status tell_alone(struct teller *t, const struct rows *r, struct error *e)
{
    str outcome = row_str(r, 0, 12), reason = row_str(r, 0, 13);
    struct trace_step *s;

    t->out->step = arena_alloc(t->a, STEPS_ROOM * sizeof *t->out->step);
    if (!t->out->step)
        return fail(e, ST_LIMIT, "out of memory for the story");
    s = add(t, row_int(r, 0, 8), "received");
    s->event = t->out->event;
    s->text = arena_printf(t->a, "%.*s; %.*s%s%.*s",
                           STR_ARG(tell_arrival(t->out->event_type, row_str(r, 0, 9), t->a)),
                           STR_ARG(outcome), reason.n ? ": " : "", STR_ARG(reason));
    add(t, clock_wall(t->env->world->clock), "done")->text = S("it makes nothing due");
    return ST_OK;
}

enum status trace_event(struct env *env, str event_id, struct trace *out, struct arena *a,
                        struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    *out = (struct trace){ .event = event_id };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_INBOX_GET, &r, a, e, V_STR(event_id));
    if (st != ST_OK)
        return st;
    tx_end(&tx);
    if (r.n_rows == 0)
        return fail(e, ST_NONE,
                    "no event %.*s is in the inbox of %s: it never arrived here, or it is past its "
                    "retention",
                    STR_ARG(event_id), env->name);
    out->event_type = row_str(&r, 0, 1);
    out->type = row_str(&r, 0, 2);
    out->id = row_str(&r, 0, 3);
    struct acting act;
    if (row_str(&r, 0, 4).n && row_str(&r, 0, 4).n <= ACCOUNT_ID_MAX && !env->root &&
        !str_eqz(row_str(&r, 0, 4), env->identity.account) && !str_eqz(out->type, "account")) {
        acting_init(&act, env, row_str(&r, 0, 4)); /* the story of that account's object */
        env = &act.env;
    }
    if (out->id.n)
        return tell(env, row_int(&r, 0, 8), out, a, e);
    struct teller t = { .env = env, .out = out, .a = a };
    return tell_alone(&t, &r, e);
}
