#include "core/customer/state.h"

#include "base/json.h"
#include "core/customer/state_gather.h"
#include "core/customer/user.h"
#include "core/environment/acting.h"
#include "core/mirror/catchup.h"
#include "core/resource.h"

#include <string.h>

enum {
    STATE_BYTES_MAX = 64 << 20,
    SUBSCRIPTIONS_PIECE = 100,
    SUBSCRIPTIONS_MAX = 5000,    /* of one customer; Stripe allows 500 that are not canceled */
    ITEMS_MAX = 1000,            /* of one subscription */
    ENTITLEMENTS_MAX = 1000,     /* of one customer */
    SILENCE_MS = 10 * 60 * 1000, /* how long the events may go unread before that is said */
};

static str id_at(str object, const char *member, struct arena *a)
{
    struct json_token t = json_member(object, str_of(member));

    if (t.type == JSON_STRING)
        return json_unescape(t, a);
    return t.type == JSON_OBJECT ? json_text(t.text, S("id"), a) : (str){ 0 };
}

/* ---- what a state is made of -------------------------------------------------------------------
 */

/* An object that is there, or empty. */
static enum status look(struct gathering *g, const char *type, str id, str *data, bool *deleted,
                        struct error *e)
{
    struct rows r;
    enum status st = tx_run(g->tx, STMT_OBJECT_GET, &r, g->a, e, V_STR(str_of(type)),
                            v_account(g->env), V_STR(id));

    if (st != ST_OK || !r.n_rows)
        return st;
    *data = row_str(&r, 0, 2);
    *deleted = row_int(&r, 0, 5) != 0;
    return ST_OK;
}

enum status state_gather_items(struct gathering *g, struct state_subscription *s, struct error *e)
{
    struct rows r;

    if (json_path(s->data, S("items.has_more")).type != JSON_TRUE)
        return ST_OK;
    enum status st = tx_run(g->tx, STMT_STATE_ITEMS, &r, g->a, e, v_account(g->env), V_STR(s->id),
                            V_INT(ITEMS_MAX));
    if (st != ST_OK)
        return st;
    str *item = arena_alloc(g->a, (r.n_rows ? r.n_rows : 1) * sizeof *item);
    if (!item)
        return fail(e, ST_LIMIT, "out of memory for the items of %.*s", STR_ARG(s->id));
    for (size_t i = 0; i < r.n_rows; i++)
        item[i] = row_str(&r, i, 0);
    s->item = item;
    s->n_items = r.n_rows;
    return ST_OK;
}

static enum status gather_subscriptions(struct gathering *g, struct error *e)
{
    struct state_parts *p = &g->parts;
    str after = { 0 };
    enum status st = ST_OK;

    g->subscription = arena_alloc(g->a, SUBSCRIPTIONS_MAX * sizeof *g->subscription);
    if (!g->subscription)
        return fail(e, ST_LIMIT, "out of memory for the subscriptions of %.*s",
                    STR_ARG(p->customer_id));
    p->subscription = g->subscription;
    for (size_t n = SUBSCRIPTIONS_PIECE; st == ST_OK && n == SUBSCRIPTIONS_PIECE;) {
        struct rows r;
        st = tx_run(g->tx, STMT_STATE_SUBSCRIPTIONS, &r, g->a, e, V_STR(p->customer_id),
                    v_account(g->env), V_STR(after), V_INT(SUBSCRIPTIONS_PIECE));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; i < n && st == ST_OK; i++) {
            if (p->n_subscriptions == SUBSCRIPTIONS_MAX)
                return fail(e, ST_LIMIT, "customer %.*s has more than %d subscriptions",
                            STR_ARG(p->customer_id), SUBSCRIPTIONS_MAX);
            struct state_subscription *s = &g->subscription[p->n_subscriptions++];
            *s = (struct state_subscription){ .id = row_str(&r, i, 0), .data = row_str(&r, i, 1) };
            after = s->id;
            st = state_gather_items(g, s, e);
        }
    }
    return st;
}

enum status state_gather_entitlements(struct gathering *g, struct error *e)
{
    struct state_parts *p = &g->parts;
    struct rows r;
    enum status st = tx_run(g->tx, STMT_STATE_ENTITLEMENTS, &r, g->a, e, v_account(g->env),
                            V_STR(p->customer_id), V_INT(ENTITLEMENTS_MAX));

    if (st != ST_OK)
        return st;
    str *key = arena_alloc(g->a, (r.n_rows ? r.n_rows : 1) * sizeof *key);
    if (!key)
        return fail(e, ST_LIMIT, "out of memory for the entitlements of %.*s",
                    STR_ARG(p->customer_id));
    for (size_t i = 0; i < r.n_rows; i++)
        key[i] = json_text(row_str(&r, i, 0), S("lookup_key"), g->a);
    p->entitlement = key;
    p->n_entitlements = r.n_rows;
    p->entitlements_known = true;
    return ST_OK;
}

enum status state_make_value(struct gathering *g, str method, str *out, struct error *e)
{
    BUF(b, STATE_BYTES_MAX / 4);

    state_write(&g->parts, method, &b, g->a);
    *out = arena_copy(g->a, buf_str(&b));
    if (b.failed || !out->p)
        return fail(e, ST_LIMIT, "the state of customer %.*s is too large",
                    STR_ARG(g->parts.customer_id));
    return ST_OK;
}

/* The value in the arena. */
static enum status make_value(struct gathering *g, str *out, struct error *e)
{
    str id = state_payment_method_id(&g->parts, g->a), method = { 0 };
    bool detached = false;
    enum status st = ST_OK;

    if (id.n)
        st = look(g, "payment_method", id, &method, &detached, e);
    return st == ST_OK ? state_make_value(g, detached ? (str){ 0 } : method, out, e) : st;
}

enum status state_payment_method(struct tx *tx, struct env *env, str customer, str *id, bool *known,
                                 struct arena *a, struct error *e)
{
    struct gathering g = { .tx = tx, .env = env, .parts.customer_id = customer, .a = a };
    str data = { 0 };
    bool deleted = false;
    enum status st = gather_subscriptions(&g, e);

    if (st == ST_OK)
        st = look(&g, "customer", customer, &g.parts.customer, &deleted, e);
    if (st != ST_OK)
        return st;
    *id = state_payment_method_id(&g.parts, a);
    st = id->n ? look(&g, "payment_method", *id, &data, &deleted, e) : ST_OK;
    *known = data.n != 0;
    return st;
}

/* ---- writing it anew ---------------------------------------------------------------------------
 */

enum status state_put_value(struct gathering *g, str value, struct sequence_pool *pool,
                            struct error *e)
{
    int64_t revision;
    enum status st = sequence_take(g->tx, pool, &revision, g->a, e);

    if (st != ST_OK)
        return st;
    return tx_run(g->tx, STMT_STATE_PUT, NULL, g->a, e, V_STR(g->parts.customer_id),
                  v_account(g->env), V_STR(value), V_INT(revision),
                  V_INT(clock_wall(g->env->world->clock)),
                  V_INT((int64_t)state_live(&g->parts, g->a)));
}

/* A state is made of several objects. Where transactions run beside each other, two that store one
 * of them each would not see the other's, and the later would write what is old: so they take
 * turns, and who comes second sees what the first has stored. */
static enum status lock(struct tx *tx, struct env *env, str customer, struct error *e)
{
    if (!tx->store->ops->crowded)
        return ST_OK;
    return tx_run(tx, STMT_STATE_LOCK, NULL, NULL, e, v_account(env), V_STR(customer));
}

/* Why a state is written. */
struct reason {
    const struct state_sync *sync; /* the customer was synced; may be NULL */
    bool renew;                    /* with a new revision, even if it is the same */
};

/* A customer without subscriptions needs no row, unless it was synced. */
static enum status project(struct tx *tx, struct env *env, str customer, struct reason why,
                           struct sequence_pool *pool, struct error *e)
{
    ARENA(a, STATE_BYTES_MAX);
    struct gathering g = { .tx = tx, .env = env, .parts.customer_id = customer, .a = &a };
    struct rows old;
    str value;

    enum status st = lock(tx, env, customer, e);
    if (st == ST_OK)
        st = gather_subscriptions(&g, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_STATE_GET, &old, &a, e, V_STR(customer), v_account(env));
    if (st != ST_OK)
        return st;
    if (!g.parts.n_subscriptions && !old.n_rows && !why.sync)
        return ST_OK;
    if ((why.sync && why.sync->entitled) || (old.n_rows && row_int(&old, 0, 4)))
        st = state_gather_entitlements(&g, e);
    if (st == ST_OK)
        st = look(&g, "customer", customer, &g.parts.customer, &g.parts.customer_deleted, e);
    if (st == ST_OK)
        st = make_value(&g, &value, e);
    if (st != ST_OK || (!why.renew && old.n_rows && str_eq(row_str(&old, 0, 0), value) &&
                        row_int(&old, 0, 5) == (int64_t)state_live(&g.parts, &a)))
        return st;
    return state_put_value(&g, value, pool, e);
}

/* The customer of a subscription item, by way of its subscription. */
static enum status owner_of_item(struct tx *tx, struct env *env, str item, str *out,
                                 struct arena *a, struct error *e)
{
    struct gathering g = { .tx = tx, .env = env, .a = a };
    str data = { 0 };
    bool ignored = false;
    enum status st = look(&g, "subscription", id_at(item, "subscription", a), &data, &ignored, e);

    *out = data.n ? id_at(data, "customer", a) : (str){ 0 };
    return st;
}

/* It does not say itself whose it is. */
static enum status owner_of_entitlement(struct tx *tx, struct env *env, str id, str *out,
                                        struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_STATE_OWNER, &r, a, e,
                            V_STR(S("entitlements.active_entitlement")), v_account(env), V_STR(id));

    if (st == ST_OK && r.n_rows)
        *out = row_str(&r, 0, 0);
    return st;
}

static enum status customer_of(struct tx *tx, struct env *env, str type, str id, str data, str *out,
                               struct arena *a, struct error *e)
{
    *out = (str){ 0 };
    if (!data.n)
        return ST_OK;
    if (str_eqz(type, "customer"))
        *out = id;
    else if (str_eqz(type, "subscription") || str_eqz(type, "payment_method"))
        *out = id_at(data, "customer", a);
    else if (str_eqz(type, "subscription_item"))
        return owner_of_item(tx, env, data, out, a, e);
    else if (str_eqz(type, "entitlements.active_entitlement"))
        return owner_of_entitlement(tx, env, id, out, a, e);
    return ST_OK;
}

enum status state_project(struct tx *tx, struct env *env, str customer, struct sequence_pool *pool,
                          struct error *e)
{
    return project(tx, env, customer, (struct reason){ 0 }, pool, e);
}

enum status state_owners(struct tx *tx, struct env *env, str type, str id, str before, str after,
                         struct sequence_pool *pool, str owner[2], struct arena *a, struct error *e)
{
    enum status st = customer_of(tx, env, type, id, after, &owner[0], a, e);

    if (st == ST_OK && str_eqz(type, "customer"))
        st = user_follow(tx, env, id, before, after, pool, a, e);
    if (st == ST_OK)
        st = customer_of(tx, env, type, id, before, &owner[1], a, e);
    if (st == ST_OK && str_eq(owner[0], owner[1]))
        owner[1] = (str){ 0 };
    return st;
}

enum status state_follow(struct tx *tx, struct env *env, str type, str id, str before, str after,
                         struct sequence_pool *pool, struct arena *a, struct error *e)
{
    str owner[2];
    enum status st = state_owners(tx, env, type, id, before, after, pool, owner, a, e);

    for (size_t i = 0; st == ST_OK && i < 2; i++)
        if (owner[i].n)
            st = state_project(tx, env, owner[i], pool, e);
    return st;
}

enum status state_synced(struct tx *tx, struct env *env, str customer,
                         const struct state_sync *sync, struct sequence_pool *pool, struct arena *a,
                         struct error *e)
{
    enum status st = project(tx, env, customer, (struct reason){ .sync = sync }, pool, e);

    return st == ST_OK ? tx_run(tx, STMT_STATE_SYNCED, NULL, a, e, V_INT(sync->started_at),
                                V_INT(sync->entitled), V_STR(customer), v_account(env))
                       : st;
}

enum status state_renew(struct tx *tx, struct env *env, str customer, struct sequence_pool *pool,
                        struct error *e)
{
    return project(tx, env, customer, (struct reason){ .renew = true }, pool, e);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* What came of the due work about a customer, by its kind. */
static enum status read_asked(struct gathering *g, const char *kind, bool *waits, bool *absent,
                              str *why, struct error *e)
{
    struct rows r;
    enum status st = tx_run(g->tx, STMT_DUE_GET, &r, g->a, e, V_STR(str_of(kind)),
                            V_STR(S("customer")), V_STR(g->parts.customer_id), v_account(g->env));

    if (st != ST_OK || !r.n_rows || !row_str(&r, 0, 5).n)
        return st;
    *why = row_str(&r, 0, 5);
    *waits = *waits || row_int(&r, 0, 1) < row_int(&r, 0, 0);
    *absent = *absent || row_int(&r, 0, 6) == 404;
    return ST_OK;
}

/* Nobody has seen the customer: was Stripe asked, and what did it say? */
static enum status read_unknown(struct gathering *g, struct error *e)
{
    const str id = g->parts.customer_id;
    bool waits = false, absent = false;
    str why = { 0 };
    enum status st = read_asked(g, "object", &waits, &absent, &why, e);

    if (st == ST_OK)
        st = read_asked(g, "customer", &waits, &absent, &why, e);
    if (st != ST_OK)
        return st;
    if (absent)
        return fail(e, ST_NONE, "Stripe has no customer %.*s in environment %s", STR_ARG(id),
                    g->env->name);
    if (waits)
        return fail(e, ST_RETRY, "customer %.*s could not be fetched up to now: %.*s", STR_ARG(id),
                    STR_ARG(why));
    return fail(
        e, ST_NONE,
        "customer %.*s has never been synced in environment %s: brindle sync %.*s%s%s fetches "
        "it",
        STR_ARG(id), g->env->name, STR_ARG(id), ENV_ACCOUNT_FLAG(g->env));
}

/* Without a row the customer has none; then its own row is the version. */
static enum status read_none(struct gathering *g, struct customer_state *out, struct error *e)
{
    struct rows r;
    enum status st = tx_run(g->tx, STMT_OBJECT_GET, &r, g->a, e, V_STR(S("customer")),
                            v_account(g->env), V_STR(g->parts.customer_id));

    if (st != ST_OK)
        return st;
    if (!r.n_rows)
        return read_unknown(g, e);
    g->parts.customer = row_str(&r, 0, 2);
    g->parts.customer_deleted = row_int(&r, 0, 5) != 0;
    out->revision = row_int(&r, 0, 6);
    out->changed_at = row_int(&r, 0, 9);
    return make_value(g, &out->value, e);
}

static enum status read_value(struct gathering *g, struct customer_state *out, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(g->tx, STMT_STATE_GET, &r, g->a, e, V_STR(g->parts.customer_id), v_account(g->env));

    if (st != ST_OK)
        return st;
    if (!r.n_rows)
        return read_none(g, out, e);
    out->value = row_str(&r, 0, 0);
    out->revision = row_int(&r, 0, 1);
    out->changed_at = row_int(&r, 0, 2);
    out->synced_at = row_int(&r, 0, 3);
    return ST_OK;
}

/* What is known to have happened and waits to be fetched. */
static enum status read_pending(struct gathering *g, struct customer_state *out, msec *since,
                                struct error *e)
{
    const struct value account = v_account(g->env), customer = V_STR(g->parts.customer_id);
    struct rows r;
    enum status st = tx_run(g->tx, STMT_STATE_PENDING, &r, g->a, e, customer, account);

    *since = 0;
    if (st != ST_OK || !r.n_rows)
        return st;
    *since = out->stale_since = row_int(&r, 0, 0);
    out->failed = row_int(&r, 0, 1) > 0;
    out->why = row_str(&r, 0, 2);
    out->stale_why = out->failed && out->why.n ? out->why : S("news of it waits to be fetched");
    /* Not every event names what it made due: at worst it is as old as the list of events can bring
     * one. */
    *since -= (msec)EVENTS_LAG_S * 1000 + g->env->set.catch_up_ms;
    st = tx_run(g->tx, STMT_STATE_NEWS, &r, g->a, e, customer, account);
    if (st == ST_OK && row_cell(&r, 0, 0)->type == VAL_INT && row_int(&r, 0, 0) * 1000 < *since)
        *since = row_int(&r, 0, 0) * 1000;
    return st;
}

/* Of a connected account that cannot be reached nothing new comes. */
static enum status read_lost(struct gathering *g, struct customer_state *out, struct error *e)
{
    const char *account = g->env->identity.account;
    struct rows r;

    if (!g->env->root)
        return ST_OK;
    enum status st = tx_run(g->tx, STMT_ACCOUNT_GET, &r, g->a, e, V_STR(str_of(account)));
    if (st != ST_OK || !r.n_rows ||
        str_eqz(row_str(&r, 0, 0), account_state_name(ACCOUNT_ACTIVE)) ||
        str_eqz(row_str(&r, 0, 0), account_state_name(ACCOUNT_NEW)))
        return st;
    msec since = row_int(&r, 0, 3);
    if (!out->stale_since || since < out->stale_since)
        out->stale_since = since;
    out->stale_why =
        arena_printf(g->a, "connected account %s is %.*s", account, STR_ARG(row_str(&r, 0, 0)));
    return ST_OK;
}

/* Webhooks may be lost without a trace: who follows the list of events, too, and could not read it
 * for long, does not know. */
static enum status read_silence(struct gathering *g, msec read_at, struct customer_state *out,
                                struct error *e)
{
    msec now = clock_wall(g->env->world->clock), every = g->env->set.catch_up_ms;
    struct rows r;

    enum status lost = read_lost(g, out, e);
    if (lost != ST_OK)
        return lost;
    if (out->stale_since || !every || !read_at || now - read_at <= SILENCE_MS + 2 * every)
        return ST_OK;
    enum status st = tx_run(g->tx, STMT_CATCHUP_ERROR, &r, g->a, e, v_account(g->env));
    if (st != ST_OK)
        return st;
    str why = r.n_rows ? row_str(&r, 0, 0) : S("nobody has asked for it");
    out->stale_since = read_at;
    out->stale_why =
        arena_printf(g->a, "Stripe's list of events was last read %lld minutes ago: %.*s",
                     (long long)((now - read_at) / 60000), STR_ARG(why));
    return ST_OK;
}

static enum status read_horizon(struct gathering *g, struct customer_state *out, struct error *e)
{
    const struct resource *subs = resource_by_type(S("subscription"));
    struct horizon_facts f = { .synced_at = out->synced_at };
    struct catchup_state events = { 0 };
    struct rows r;
    enum status st = read_pending(g, out, &f.news_since, e);

    if (st == ST_OK)
        st = tx_run(g->tx, STMT_STATE_COMPLETE, &r, g->a, e, V_STR(str_of(subs->type)),
                    V_STR(str_of(subs->list_query)), v_account(g->env));
    if (st == ST_OK)
        f.listed_at = r.n_rows ? row_int(&r, 0, 0) : 0;
    if (st == ST_OK)
        st = catchup_read(g->tx, g->env, &events, g->a, e);
    if (st != ST_OK)
        return st;
    f.events_begun = events.begun_at;
    f.events_read = events.read_at;
    out->complete = f.listed_at != 0 || f.synced_at != 0;
    out->horizon = horizon_of(&f);
    /* An event tells its second alone: a whole request that left later in it has shown it. */
    if (out->stale_since && out->stale_since < out->horizon.up_to)
        out->stale_since = out->horizon.up_to;
    return read_silence(g, f.events_read, out, e);
}

enum status state_get(struct env *env, str customer, struct customer_state *out, struct arena *a,
                      struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct gathering g = { .tx = &tx, .env = env, .parts.customer_id = customer, .a = a };

    *out = (struct customer_state){ 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = read_value(&g, out, e);
    if (st == ST_OK)
        st = read_horizon(&g, out, e);
    if (st == ST_OK)
        out->is_none = str_eqz(json_text(out->value, S("status"), a), "none");
    return st;
}

void state_print_stored(str value, int64_t revision, msec now, struct buf *out)
{
    str open = { value.p, value.n - 1 }; /* all but the closing brace */
    struct json_writer w = { .b = out, .depth = 1, .comma = true };

    assert(value.n > 2);
    buf_append(out, open);
    jw_put_int(&w, "asOf", now);
    jw_put_int(&w, "revision", revision);
    jw_end(&w);
}

/* Has the customer more than one live subscription? 1, 0, or -1: nobody can tell, for they were
 * not all seen, or cannot be at the moment. Two that are known are two in any case. */
static int several_live(const struct customer_state *s)
{
    struct json_reader r;
    size_t n = 0;

    json_init(&r, json_member(s->value, S("liveSubscriptions")).text);
    (void)json_next(&r);
    while (json_value(&r).type == JSON_STRING)
        n++;
    return n > 1 ? 1 : s->complete && !s->failed ? 0 : -1;
}

void state_print(const struct customer_state *s, msec now, struct buf *out)
{
    str open = { s->value.p, s->value.n - 1 }; /* all but the closing brace */
    struct json_writer w = { .b = out, .depth = 1, .comma = true };

    assert(s->value.n > 2);
    buf_append(out, open);
    jw_put_int(&w, "asOf", s->stale_since ? s->stale_since : now);
    jw_put_int(&w, "revision", s->revision);
    jw_key(&w, S("syncedAt"));
    s->synced_at ? jw_int(&w, s->synced_at) : jw_null(&w);
    jw_put_bool(&w, "complete", s->complete);
    jw_key(&w, S("completeUpTo"));
    s->horizon.up_to ? jw_int(&w, s->horizon.up_to) : jw_null(&w);
    jw_key(&w, S("severalLive"));
    several_live(s) < 0 ? jw_null(&w) : jw_bool(&w, several_live(s) > 0);
    jw_put_str(&w, "completeBy", str_of(horizon_by_name(s->horizon.by)));
    jw_put_bool(&w, "stale", s->stale_since != 0);
    if (s->stale_since) {
        jw_put_str(&w, "staleWhy", s->stale_why);
    }
    jw_end(&w);
}
