/* What state.c does for one customer, for those of a whole page: where the store is across a
 * network, four questions in all instead of four each. */
#include "base/json.h"
#include "core/customer/state_gather.h"

#include <stdlib.h>
#include <string.h>

enum {
    MANY_BYTES_MAX = 256 << 20,
    IDS_BYTES_MAX = 256 << 10,
    SUBSCRIPTIONS_PIECE = 1000, /* of all these customers; who have more are looked at singly */
};

/* The customers, in the order of their ids, and what the store has of each. */
struct many {
    struct tx *tx;
    struct env *env;
    struct sequence_pool *pool;
    struct arena *a;
    size_t n;
    str *customer;
    struct one {
        struct gathering g;
        size_t n_subscriptions;
        int old;    /* its row in `states`; -1: there is none */
        str method; /* the id of what it pays with */
    } * one;
    struct rows subscriptions, states, methods;
};

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static struct one *one_of(const struct many *m, str customer)
{
    const str *found = bsearch(&customer, m->customer, m->n, sizeof customer, by_text);

    return found ? &m->one[found - m->customer] : NULL;
}

static enum status ask(struct many *m, enum stmt id, struct value limit, struct rows *out,
                       struct error *e)
{
    BUF(ids, IDS_BYTES_MAX);
    struct json_writer w = { .b = &ids };
    struct value args[3] = { v_account(m->env), { 0 }, limit };

    jw_array(&w);
    for (size_t i = 0; i < m->n; i++)
        jw_str(&w, m->customer[i]);
    jw_end(&w);
    if (ids.failed)
        return fail(e, ST_LIMIT, "the ids of a page's customers do not fit into %d bytes",
                    IDS_BYTES_MAX);
    args[1] = V_STR(buf_str(&ids));
    return tx_run_args(m->tx, id, args, limit.type == VAL_NULL ? 2 : 3, out, m->a, e);
}

/* ---- what they are made of ---------------------------------------------------------------- */

static enum status take_subscriptions(struct many *m, struct error *e)
{
    const struct rows *r = &m->subscriptions;

    for (size_t i = 0; i < r->n_rows; i++) {
        struct one *o = one_of(m, row_str(r, i, 0));
        if (!o)
            continue;
        if (!o->g.subscription) /* at most all that follow: they stand together */
            o->g.subscription = arena_alloc(m->a, (r->n_rows - i) * sizeof *o->g.subscription);
        if (!o->g.subscription)
            return fail(e, ST_LIMIT, "out of memory for the subscriptions of a page's customers");
        o->g.subscription[o->g.parts.n_subscriptions++] =
            (struct state_subscription){ .id = row_str(r, i, 1), .data = row_str(r, i, 2) };
        o->g.parts.subscription = o->g.subscription;
    }
    return ST_OK;
}

static void take_states(struct many *m)
{
    const struct rows *r = &m->states;

    for (size_t i = 0; i < r->n_rows; i++) {
        struct one *o = one_of(m, row_str(r, i, 0));
        if (!o)
            continue;
        o->old = row_cell(r, i, 1)->type == VAL_NULL ? -1 : (int)i;
        o->g.parts.customer = row_str(r, i, 6);
        o->g.parts.customer_deleted = row_int(r, i, 7) != 0;
    }
}

/* A customer without subscriptions needs no row. */
static bool needs_none(const struct one *o)
{
    return !o->g.parts.n_subscriptions && o->old < 0;
}

static enum status gather_rest(struct many *m, struct one *o, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < o->g.parts.n_subscriptions; i++)
        st = state_gather_items(&o->g, &o->g.subscription[i], e);
    if (st == ST_OK && o->old >= 0 && row_int(&m->states, (size_t)o->old, 5))
        st = state_gather_entitlements(&o->g, e);
    o->method = state_payment_method_id(&o->g.parts, m->a);
    return st;
}

static enum status find_methods(struct many *m, struct error *e)
{
    BUF(ids, IDS_BYTES_MAX);
    struct json_writer w = { .b = &ids };
    bool any = false;

    jw_array(&w);
    for (size_t i = 0; i < m->n; i++)
        if (m->one[i].method.n) {
            jw_str(&w, m->one[i].method);
            any = true;
        }
    jw_end(&w);
    if (!any)
        return ST_OK;
    if (ids.failed)
        return fail(e, ST_LIMIT, "the ids of a page's payment methods do not fit into %d bytes",
                    IDS_BYTES_MAX);
    return tx_run(m->tx, STMT_OBJECTS_READ, &m->methods, m->a, e, V_STR(S("payment_method")),
                  v_account(m->env), V_STR(buf_str(&ids)));
}

static str method_of(const struct many *m, str id)
{
    const struct rows *r = &m->methods;

    for (size_t i = 0; id.n && i < r->n_rows; i++)
        if (str_eq(row_str(r, i, 0), id))
            return row_int(r, i, 2) ? (str){ 0 } : row_str(r, i, 1);
    return (str){ 0 };
}

/* ---- all of them -------------------------------------------------------------------------- */

static enum status gather(struct many *m, struct error *e)
{
    enum status st = ask(m, STMT_STATES_FIND, V_NULL, &m->states, e);

    if (st == ST_OK)
        st = take_subscriptions(m, e);
    if (st == ST_OK)
        take_states(m);
    for (size_t i = 0; st == ST_OK && i < m->n; i++)
        if (!needs_none(&m->one[i]))
            st = gather_rest(m, &m->one[i], e);
    return st == ST_OK ? find_methods(m, e) : st;
}

static enum status put(struct many *m, struct one *o, struct error *e)
{
    str value;

    if (needs_none(o))
        return ST_OK;
    enum status st = state_make_value(&o->g, method_of(m, o->method), &value, e);
    if (st != ST_OK || (o->old >= 0 && str_eq(row_str(&m->states, (size_t)o->old, 1), value)))
        return st;
    return state_put_value(&o->g, value, m->pool, e);
}

static enum status one_by_one(struct tx *tx, struct env *env, const struct state_later *l,
                              struct sequence_pool *pool, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < l->n; i++)
        st = state_project(tx, env, l->customer[i], pool, e);
    return st;
}

static enum status together(struct many *m, const struct state_later *l, struct error *e)
{
    enum status st = ask(m, STMT_STATES_LOCK, V_NULL, NULL, e);

    if (st == ST_OK)
        st = ask(m, STMT_STATES_SUBSCRIPTIONS, V_INT(SUBSCRIPTIONS_PIECE), &m->subscriptions, e);
    if (st != ST_OK)
        return st;
    if (m->subscriptions.n_rows == SUBSCRIPTIONS_PIECE)
        return one_by_one(m->tx, m->env, l, m->pool, e);
    st = gather(m, e);
    for (size_t i = 0; st == ST_OK && i < m->n; i++)
        st = put(m, &m->one[i], e);
    return st;
}

enum status state_follow_later(struct tx *tx, struct env *env, struct state_later *l,
                               struct sequence_pool *pool, struct error *e)
{
    ARENA(a, MANY_BYTES_MAX);
    struct many m = { .tx = tx, .env = env, .pool = pool, .a = &a, .n = l->n };

    qsort(l->customer, l->n, sizeof *l->customer, by_text);
    if (l->n < 2 || !tx->store->ops->crowded)
        return one_by_one(tx, env, l, pool, e);
    m.customer = l->customer;
    m.one = arena_alloc(&a, l->n * sizeof *m.one);
    if (!m.one)
        return fail(e, ST_LIMIT, "out of memory for a page's customers");
    for (size_t i = 0; i < l->n; i++)
        m.one[i] = (struct one){
            .g = { .tx = tx, .env = env, .a = &a, .parts.customer_id = l->customer[i] }, .old = -1
        };
    return together(&m, l, e);
}

static bool has(const struct state_later *l, str customer)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->customer[i], customer))
            return true;
    return false;
}

enum status state_note(struct tx *tx, struct env *env, str type, str id, str before, str after,
                       struct sequence_pool *pool, struct state_later *l, struct arena *a,
                       struct error *e)
{
    str owner[2];
    enum status st = state_owners(tx, env, type, id, before, after, pool, owner, a, e);

    for (size_t i = 0; st == ST_OK && i < 2; i++) {
        if (!owner[i].n || has(l, owner[i]))
            continue;
        if (l->n < STATE_LATER_MAX)
            l->customer[l->n++] = owner[i];
        else
            st = state_project(tx, env, owner[i], pool, e);
    }
    return st;
}
