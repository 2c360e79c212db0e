#include "core/inbox.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/due.h"
#include "core/environment/acting.h"
#include "core/erasure/erase.h"
#include "core/mirror/told.h"

#include <stdio.h>
#include <string.h>

enum {
    PLAN_BYTES_MAX = 1 << 20, /* ids copied out of one batch's objects */
    CONFLICTS_MAX = 10,       /* bodies kept for one event id */
    INBOX_LIST_MAX = 1000,
};

static struct value text_or_null(str s)
{
    return s.n ? V_STR(s) : V_NULL;
}

static struct value mode_or_null(int livemode)
{
    return livemode < 0 ? V_NULL : V_INT(livemode);
}

static struct due_key key_of(const struct plan_key *k)
{
    return (struct due_key){ k->whole ? DUE_CUSTOMER : DUE_OBJECT, k->type, k->id };
}

static enum status mark_keys(struct tx *tx, struct env *env, const struct plan *p,
                             const char *cause, enum stripe_lane lane, msec happened_at,
                             struct arena *a, struct error *e)
{
    for (size_t i = 0; i < p->n_keys; i++) {
        struct due_mark m = { .key = key_of(&p->key[i]),
                              .lane = lane,
                              .cause = cause,
                              .gone = p->key[i].gone,
                              .happened_at = happened_at };
        enum status st = due_mark(tx, env, &m, a, e);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Does a delivery say the same as the one that is kept under its id? Bodies do differ: by the
 * endpoint's version, by pending_webhooks. */
static const char *contradiction(const struct rows *r, const struct event *ev)
{
    int64_t mode = row_cell(r, 0, 4)->type == VAL_NULL ? -1 : row_int(r, 0, 4);

    if (!str_eq(row_str(r, 0, 0), ev->type))
        return "other_type";
    if (!str_eq(row_str(r, 0, 1), ev->object_type) || !str_eq(row_str(r, 0, 2), ev->object_id))
        return "other_object";
    if (!str_eq(row_str(r, 0, 3), ev->account))
        return "other_account";
    if (mode != ev->livemode)
        return "other_mode";
    return NULL;
}

static enum status put_again(struct tx *tx, struct env *env, const struct event *ev,
                             const struct plan *p, struct inbox_result *result, struct arena *a,
                             struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_INBOX_AGAIN, &r, a, e, V_INT(ev->received_at), V_STR(ev->id));

    if (st != ST_OK)
        return st;
    if (r.n_rows != 1)
        return fail(e, ST_BROKEN, "event %.*s is in the inbox and is not", STR_ARG(ev->id));
    result->verdict = INBOX_AGAIN;
    const char *reason = contradiction(&r, ev);
    if (reason && p->outcome != PLAN_ERASED) {
        result->verdict = INBOX_CONFLICTING;
        result->reason = reason;
        return tx_run(tx, STMT_INBOX_CONFLICT_ADD, NULL, a, e, V_STR(ev->id),
                      V_INT(ev->received_at), V_STR(str_of(reason)), V_STR(ev->body),
                      V_INT(CONFLICTS_MAX));
    }
    /* It makes no second fetch; but work that was given up is taken up again. */
    for (size_t i = 0; i < p->n_keys && st == ST_OK; i++)
        st = tx_run(tx, STMT_DUE_REVIVE_KEY, NULL, a, e,
                    V_STR(str_of(due_kind_name(key_of(&p->key[i]).kind))), V_STR(p->key[i].type),
                    V_STR(p->key[i].id), v_account(env));
    return st;
}

/* One event of a batch on its way. */
struct putting {
    struct plan plan;
    struct env *who;  /* whose objects it speaks of */
    int64_t inserted; /* 1: its id is new */
};

static enum status insert_one(struct tx *tx, const struct event *ev, struct putting *p,
                              struct error *e)
{
    char secret[24];
    int n = snprintf(secret, sizeof secret, "%zu", ev->secret + 1);
    const struct value args[] = { V_STR(ev->id),
                                  V_STR(ev->type),
                                  text_or_null(ev->object_type),
                                  text_or_null(ev->object_id),
                                  text_or_null(ev->account),
                                  mode_or_null(ev->livemode),
                                  text_or_null(ev->api_version),
                                  V_INT(ev->created),
                                  V_INT(ev->received_at),
                                  V_STR(ev->via ? str_of(ev->via) : ((str){ secret, (size_t)n })),
                                  V_STR(str_of(plan_outcome_name(p->plan.outcome))),
                                  text_or_null(str_of(p->plan.reason)),
                                  p->plan.outcome == PLAN_ERASED ? V_NULL : V_STR(ev->body),
                                  text_or_null(ev->twin) };

    return tx_run_later(tx, STMT_INBOX_INSERT, args, COUNT(args), &p->inserted, e);
}

enum { TWINS_UNKNOWN, TWINS_NONE, TWINS_SOME };

/* Most accounts never send a thin event: they do not pay for a look at each snapshot. */
static enum status are_there_twins(struct tx *tx, struct env *env, const struct event *ev,
                                   bool *some, struct arena *a, struct error *e)
{
    int known = __atomic_load_n(&env_root(env)->twins, __ATOMIC_RELAXED);
    enum status st = ST_OK;
    struct rows r;

    if (ev->twin.n)
        known = TWINS_SOME;
    if (known == TWINS_UNKNOWN) {
        st = tx_run0(tx, STMT_INBOX_TWINS, &r, a, e);
        known = st != ST_OK ? TWINS_UNKNOWN : r.n_rows ? TWINS_SOME : TWINS_NONE;
    }
    __atomic_store_n(&env_root(env)->twins, known, __ATOMIC_RELAXED);
    *some = known == TWINS_SOME;
    return st;
}

/* A thin event and its snapshot tell of one change: whichever comes first makes it due. */
static enum status twin_is_here(struct tx *tx, struct env *env, const struct event *ev, bool *here,
                                struct arena *a, struct error *e)
{
    struct rows r = { 0 };
    bool some = false;
    enum status st = are_there_twins(tx, env, ev, &some, a, e);

    *here = false;
    if (st != ST_OK || !some)
        return st;
    st = ev->twin.n ? tx_run(tx, STMT_INBOX_KNOWN, &r, a, e, V_STR(ev->twin))
                    : tx_run(tx, STMT_INBOX_TWIN, &r, a, e, V_STR(ev->id));
    *here = st == ST_OK && r.n_rows != 0;
    return st == ST_OK && *here ? tx_run(tx, STMT_INBOX_NOTE_TWIN, NULL, a, e, V_STR(ev->id)) : st;
}

/* What an event says of its account: it came, it went, or nobody knows it yet. Then Stripe is
 * asked, once for each that is authorized, whether it is one of ours. */
static enum status note_account(struct tx *tx, struct env *env, const struct event *ev,
                                const struct plan *p, struct arena *a, struct error *e)
{
    const struct due_mark look = { .key = { DUE_OBJECT, S("account"), ev->account },
                                   .lane = LANE_WEBHOOK,
                                   .cause = "connect" };

    if (!env->connect || !ev->account.n || ev->account.n > ACCOUNT_ID_MAX ||
        str_eqz(ev->account, env->identity.account))
        return ST_OK;
    if (str_eqz(ev->type, "account.application.deauthorized"))
        return account_lost(tx, env, ev->account, ACCOUNT_UNREACHABLE,
                            "the account withdrew its authorization", a, e);
    if (str_eqz(ev->type, "account.application.authorized"))
        return due_mark(tx, env, &look, a, e);
    if (p->outcome != PLAN_QUARANTINED || strcmp(p->reason, "unknown_account") != 0)
        return ST_OK;
    return due_mark_once(tx, env, &look, a, e);
}

/* What an event does, whenever that comes to be: when it arrives, when its account has become
 * known, when a person says so. */
static enum status carry_out(struct tx *tx, const struct event *ev, const struct putting *p,
                             const char *cause, enum stripe_lane lane, msec happened_at,
                             struct arena *a, struct error *e)
{
    enum status st = told_put(tx, p->who, ev, &p->plan, e);

    return st == ST_OK ? mark_keys(tx, p->who, &p->plan, cause, lane, happened_at, a, e) : st;
}

static enum status finish_one(struct tx *tx, struct env *env, const struct event *ev,
                              struct putting *p, struct inbox_result *result, struct arena *a,
                              struct error *e)
{
    if (!p->inserted)
        return put_again(tx, p->who, ev, &p->plan, result, a, e);
    enum status st = note_account(tx, env, ev, &p->plan, a, e);
    if (st == ST_OK)
        st = planted(PLANT_INBOX_APART) ? tx_split(tx, ST_OK, e) : ST_OK;
    bool twin = false;
    if (st == ST_OK && p->plan.n_keys)
        st = twin_is_here(tx, p->who, ev, &twin, a, e);
    if (st != ST_OK)
        return st;
    if (twin)
        p->plan.n_keys = 0;
    return carry_out(tx, ev, p, ev->via ? "catch-up" : "webhook",
                     ev->late ? LANE_BACKFILL : LANE_WEBHOOK, ev->created * 1000, a, e);
}

/* Whose event it is: the environment's own, or a connected account's that is known. */
static enum status find_account(struct tx *tx, struct env *env, const struct event *ev,
                                struct env **who, enum plan_account *whose, struct arena *a,
                                struct error *e)
{
    enum account_state state = ACCOUNT_UNKNOWN;

    *who = env;
    *whose = PLAN_NO_CONNECT;
    if (!ev->account.n || (!env->connect && !env->root))
        return ST_OK;
    *whose = PLAN_OWN;
    if (str_eqz(ev->account, env->identity.account))
        return ST_OK;
    *whose = PLAN_STRANGER;
    if (env->root || ev->account.n > ACCOUNT_ID_MAX)
        return ST_OK;
    enum status st = account_state_of(tx, ev->account, &state, NULL, a, e);
    if (st != ST_OK || state == ACCOUNT_UNKNOWN)
        return st;
    struct acting *act = arena_alloc(a, sizeof *act);
    if (!act)
        return fail(e, ST_LIMIT, "out of memory for an event of %.*s", STR_ARG(ev->account));
    acting_init(act, env, ev->account);
    *who = &act->env;
    *whose = PLAN_OWN;
    return ST_OK;
}

/* The connected account itself is an object of the platform's. */
static struct env *keeper(struct env *who, const struct event *ev)
{
    return str_eqz(ev->object_type, "account") ? env_root(who) : who;
}

static enum status plan_one(struct tx *tx, struct env *env, const struct event *ev,
                            struct putting *p, struct arena *a, struct error *e)
{
    enum plan_account whose;
    bool erased = false;
    enum status st = find_account(tx, env, ev, &p->who, &whose, a, e);

    if (st == ST_OK)
        st = erase_on_event(tx, p->who, ev, &erased, a, e);
    if (st != ST_OK)
        return st;
    p->plan = erased ? (struct plan){ .outcome = PLAN_ERASED, .reason = "erased" }
                     : plan_for_event(ev, &p->who->identity, whose, a);
    p->who = keeper(p->who, ev);
    return ST_OK;
}

/* First all events, then what they make due: on a store across a network that is two waits. */
static enum status put_batch(struct env *env, const struct event *events, size_t n,
                             struct inbox_result *results, bool *began, struct error *e)
{
    ARENA(a, PLAN_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct putting *p = arena_alloc(&a, n * sizeof *p);

    if (!p)
        return fail(e, ST_LIMIT, "out of memory for a batch of %zu events", n);
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    *began = st == ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        p[i] = (struct putting){ .who = env };
        st = plan_one(&tx, env, &events[i], &p[i], &a, e);
        results[i] = (struct inbox_result){ INBOX_NEW, p[i].plan.outcome, p[i].plan.reason };
        if (st == ST_OK)
            st = insert_one(&tx, &events[i], &p[i], e);
    }
    if (st == ST_OK)
        st = tx_settle(&tx, e);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = finish_one(&tx, env, &events[i], &p[i], &results[i], &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status inbox_put_many(struct env *env, const struct event *events, size_t n,
                           struct inbox_result *results, struct error *e)
{
    enum status st = ST_RETRY;
    bool began = true;

    assert(n <= INBOX_BATCH_MAX);
    for (unsigned attempt = 1; attempt == 1 || tx_again(env->world->store, st, attempt - 1);
         attempt++) {
        error_clear(e);
        st = put_batch(env, events, n, results, &began, e);
        if (!began) /* the store is away, and has been waited for */
            break;
    }
    if (st == ST_OK)
        env_ring(env);
    return st;
}

/* ---- for people --------------------------------------------------------------------------- */

static enum status find_event(struct tx *tx, str event_id, struct rows *r, struct arena *a,
                              struct error *e)
{
    enum status st = tx_run(tx, STMT_INBOX_GET, r, a, e, V_STR(event_id));

    if (st == ST_OK && r->n_rows == 0)
        return fail(e, ST_NONE,
                    "no event %.*s is in the inbox: it never arrived here, or it is past "
                    "its retention",
                    STR_ARG(event_id));
    return st;
}

/* The event once more as a struct, from its row. */
static struct event event_of_row(const struct rows *r)
{
    bool no_mode = row_cell(r, 0, 5)->type == VAL_NULL;
    struct event ev = { .id = row_str(r, 0, 0),
                        .type = row_str(r, 0, 1),
                        .object_type = row_str(r, 0, 2),
                        .object_id = row_str(r, 0, 3),
                        .account = row_str(r, 0, 4),
                        .livemode = no_mode ? -1 : (int)row_int(r, 0, 5),
                        .api_version = row_str(r, 0, 6),
                        .created = row_int(r, 0, 7),
                        .received_at = row_int(r, 0, 8),
                        .body = row_str(r, 0, 14) };
    struct json_token object = json_path(ev.body, S("data.object"));

    if (object.type == JSON_OBJECT)
        ev.object = object.text;
    return ev;
}

static enum status note_outcome(struct tx *tx, const struct event *ev, const struct plan *p,
                                struct arena *a, struct error *e)
{
    enum status st =
        tx_run(tx, STMT_INBOX_SET_OUTCOME, NULL, a, e, V_STR(str_of(plan_outcome_name(p->outcome))),
               text_or_null(str_of(p->reason ? p->reason : "")), V_STR(ev->id));

    return st == ST_OK && p->outcome == PLAN_ERASED /* its body is not kept */
               ? tx_run(tx, STMT_INBOX_DROP_BODY, NULL, a, e, V_STR(ev->id))
               : st;
}

enum status inbox_replay(struct env *env, str event_id, struct error *e)
{
    ARENA(a, 2 * JSON_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct putting p = { .who = env };
    struct rows r;

    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = find_event(&tx, event_id, &r, &a, e);
    if (st != ST_OK)
        return st;
    struct event ev = event_of_row(&r);
    bool waited = str_eqz(row_str(&r, 0, 12), plan_outcome_name(PLAN_QUARANTINED));
    st = plan_one(&tx, env, &ev, &p, &a, e);
    if (st == ST_OK && p.plan.outcome != PLAN_QUARANTINED)
        st = carry_out(&tx, &ev, &p, "replay", LANE_WEBHOOK, waited ? ev.created * 1000 : 0, &a, e);
    if (st == ST_OK)
        st = note_outcome(&tx, &ev, &p.plan, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    env_ring(env);
    if (p.plan.outcome != PLAN_DUE)
        return fail(e, ST_REFUSED, "event %.*s is %s (%s): there is nothing to fetch for it",
                    STR_ARG(event_id), plan_outcome_name(p.plan.outcome), p.plan.reason);
    return ST_OK;
}

/* What has become of the work for an object: "done", "due", "waiting" (for its next attempt),
 * "working" or "dead"; "none" when an event made no work. */
static enum status work_state(struct tx *tx, struct env *env, str type, str id, str account,
                              struct json_writer *w, struct arena *a, struct error *e)
{
    bool own =
        !account.n || str_eqz(type, "account"); /* an account is an object of the platform's */
    struct rows r;
    enum status st = tx_run(tx, STMT_DUE_GET, &r, a, e, V_STR(S("object")), V_STR(type), V_STR(id),
                            own ? v_account(env_root(env)) : V_STR(account));

    if (st != ST_OK)
        return st;
    jw_key(w, S("state"));
    if (r.n_rows == 0)
        jw_str(w, S("none"));
    else if (row_int(&r, 0, 1) >= row_int(&r, 0, 0))
        jw_str(w, S("done"));
    else if (row_int(&r, 0, 2))
        jw_str(w, S("dead"));
    else if (row_int(&r, 0, 3))
        jw_str(w, S("working"));
    else
        jw_str(w, row_int(&r, 0, 4) ? S("waiting") : S("due"));
    if (r.n_rows && row_str(&r, 0, 5).n) {
        jw_put_str(w, "last_error", row_str(&r, 0, 5));
    }
    return ST_OK;
}

static enum status write_page_row(struct tx *tx, struct env *env, const struct rows *r, size_t i,
                                  struct buf *out, struct arena *a, struct error *e)
{
    struct json_writer w = { .b = out };

    jw_object(&w);
    jw_put_str(&w, "id", row_str(r, i, 0));
    jw_put_str(&w, "type", row_str(r, i, 1));
    jw_put_str(&w, "object_type", row_str(r, i, 2));
    jw_put_str(&w, "object", row_str(r, i, 3));
    jw_put_str(&w, "outcome", row_str(r, i, 4));
    jw_put_str(&w, "reason", row_str(r, i, 5));
    jw_put_int(&w, "received_at", row_int(r, i, 6));
    jw_put_int(&w, "deliveries", row_int(r, i, 7));
    jw_put_int(&w, "seq", row_int(r, i, 8));
    jw_put_str(&w, "account", row_str(r, i, 9));
    enum status st =
        work_state(tx, env, row_str(r, i, 2), row_str(r, i, 3), row_str(r, i, 9), &w, a, e);
    jw_end(&w);
    buf_char(out, '\n');
    return st;
}

enum status inbox_list(struct env *env, const struct inbox_filter *f, struct buf *out,
                       struct error *e)
{
    ARENA(a, 16 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    assert(f->limit >= 1 && f->limit <= INBOX_LIST_MAX);
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st != ST_OK)
        return st;
    st = tx_run(&tx, STMT_INBOX_PAGE, &r, &a, e, V_INT(f->before ? f->before : INT64_MAX),
                V_STR(f->outcome), V_STR(f->type), env->root ? v_account(env) : V_STR(S("")),
                V_INT((int64_t)f->limit));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = write_page_row(&tx, env, &r, i, out, &a, e);
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT, "the list is too long to be held: ask for fewer events at once");
    return st;
}

enum status inbox_show(struct env *env, str event_id, struct buf *out, struct error *e)
{
    ARENA(a, 2 * JSON_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct json_writer w = { .b = out };
    struct rows r;

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st != ST_OK)
        return st;
    st = find_event(&tx, event_id, &r, &a, e);
    if (st == ST_OK && env->root && !str_eqz(row_str(&r, 0, 4), env->identity.account))
        st = fail(e, ST_NONE, "event %.*s is none of %s's", STR_ARG(event_id),
                  env->identity.account);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_str(&w, "id", row_str(&r, 0, 0));
    jw_put_str(&w, "type", row_str(&r, 0, 1));
    jw_put_str(&w, "object_type", row_str(&r, 0, 2));
    jw_put_str(&w, "object", row_str(&r, 0, 3));
    jw_put_str(&w, "account", row_str(&r, 0, 4));
    jw_key(&w, S("livemode"));
    if (row_cell(&r, 0, 5)->type == VAL_NULL)
        jw_null(&w);
    else
        jw_bool(&w, row_int(&r, 0, 5) != 0);
    jw_put_str(&w, "api_version", row_str(&r, 0, 6));
    jw_put_int(&w, "created", row_int(&r, 0, 7));
    jw_put_int(&w, "received_at", row_int(&r, 0, 8));
    jw_put_str(&w, "secret", row_str(&r, 0, 9));
    jw_put_int(&w, "deliveries", row_int(&r, 0, 10));
    jw_put_int(&w, "last_at", row_int(&r, 0, 11));
    jw_put_str(&w, "outcome", row_str(&r, 0, 12));
    jw_put_str(&w, "reason", row_str(&r, 0, 13));
    jw_put_int(&w, "conflicting_deliveries", row_int(&r, 0, 16));
    st = work_state(&tx, env, row_str(&r, 0, 2), row_str(&r, 0, 3), row_str(&r, 0, 4), &w, &a, e);
    jw_key(&w, S("body"));
    if (row_str(&r, 0, 14).n)
        jw_raw(&w, row_str(&r, 0, 14));
    else
        jw_null(&w); /* past its retention */
    jw_end(&w);
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT, "event %.*s is too large to be shown", STR_ARG(event_id));
    return st;
}
