#include "core/status.h"

#include "base/json.h"
#include "core/customer/outbox.h"
#include "core/environment/acting.h"
#include "core/environment/fuse.h"
#include "core/mirror/catchup.h"
#include "core/mirror/parents.h"
#include "core/mirror/sync.h"
#include "core/resource.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_ITEMS = 100 };               /* that a page of a list holds */
enum { TYPE_HIDDEN = 10, TYPE_PARENTS }; /* columns of status_types */
enum { STATUS_BYTES_MAX = 8 << 20, ACCOUNTS_SHOWN_MAX = 500 };

static msec age_of(const struct rows *r, size_t col, msec now, msec never)
{
    if (row_cell(r, 0, col)->type == VAL_NULL || row_int(r, 0, col) == 0)
        return never;
    msec age = now - row_int(r, 0, col);
    return age < 0 ? 0 : age; /* the clock was set back: it cannot be from the future */
}

/* One of two statements: of the whole store, or of the connected account that `env` acts for. */
static enum status run_of(struct tx *tx, const struct env *env, enum stmt all, enum stmt one,
                          struct rows *r, struct arena *a, struct error *e)
{
    return env->root ? tx_run(tx, one, r, a, e, v_account(env)) : tx_run0(tx, all, r, a, e);
}

static enum status read_inbox(struct tx *tx, const struct env *env, msec now,
                              struct mirror_status *s, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = run_of(tx, env, STMT_STATUS_INBOX, STMT_STATUS_INBOX_OF, &r, a, e);

    if (st != ST_OK)
        return st;
    s->events = row_int(&r, 0, 0);
    s->deliveries = row_int(&r, 0, 1);
    s->events_quarantined = row_int(&r, 0, 2);
    s->events_unknown = row_int(&r, 0, 3);
    s->events_unfetchable = row_int(&r, 0, 4);
    s->events_conflicting = row_int(&r, 0, 5);
    s->last_event_ago_ms = age_of(&r, 6, now, -1);
    return ST_OK;
}

static enum status read_due(struct tx *tx, const struct env *env, msec now, struct mirror_status *s,
                            struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = run_of(tx, env, STMT_STATUS_DUE, STMT_STATUS_DUE_OF, &r, a, e);

    if (st != ST_OK)
        return st;
    s->due = row_int(&r, 0, 0);
    s->due_retrying = row_int(&r, 0, 1);
    s->dead = row_int(&r, 0, 2);
    s->oldest_own_since = row_int(&r, 0, 5);
    s->oldest_due_ms = age_of(&r, 3, now, 0);
    snprintf(s->last_error, sizeof s->last_error, "%.*s", STR_ARG(row_str(&r, 0, 4)));
    return ST_OK;
}

static enum status read_walks(struct tx *tx, const struct env *env, struct mirror_status *s,
                              struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_STATUS_WALKS, &r, a, e, v_account(env));

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < resource_count; i++)
        s->types_known += sync_walks(&env->identity, &resource_table[i]);
    for (size_t i = 0; i < r.n_rows; i++) {
        const struct resource *of = resource_by_type(row_str(&r, i, 0));
        if (!of || !sync_walks(&env->identity, of))
            continue;
        if (row_int(&r, i, 1))
            s->types_skipped++;
        else
            s->types_complete += row_int(&r, i, 2);
    }
    s->never_walked = r.n_rows == 0;
    return ST_OK;
}

static enum status read_objects(struct tx *tx, const struct env *env, msec now,
                                struct mirror_status *s, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = run_of(tx, env, STMT_STATUS_OBJECTS, STMT_STATUS_OBJECTS_OF, &r, a, e);

    if (st != ST_OK)
        return st;
    s->objects = row_int(&r, 0, 0);
    s->tombstones = row_int(&r, 0, 1);
    s->last_fetch_ago_ms = age_of(&r, 2, now, -1);
    return ST_OK;
}

static enum status read_fuse(struct tx *tx, const struct env *env, struct mirror_status *s,
                             struct arena *a, struct error *e)
{
    struct fuse_state fuse;
    enum status st = fuse_read(tx, env, &fuse, a, e);

    if (st == ST_OK) {
        s->fuse_blown_at = fuse.blown_at;
        s->fuse_held = fuse.held;
    }
    return st;
}

/* Nothing is missing that happened before the list of events was read, less the time that an event
 * may take to show up in it, nor before what is due. What became due of something else that was
 * fetched is younger than the news behind both, but by no more than the events take to be read. */
static enum status read_events(struct tx *tx, const struct env *env, struct mirror_status *s,
                               struct arena *a, struct error *e)
{
    const msec lag = (msec)EVENTS_LAG_S * 1000;
    struct catchup_state c;
    struct rows r;
    enum status st = catchup_read(tx, env, &c, a, e);

    if (st == ST_OK)
        st = tx_run(tx, STMT_CATCHUP_ERROR, &r, a, e, v_account(env));
    if (st != ST_OK)
        return st;
    s->events_read_at = c.read_at;
    s->events_begun_at = c.begun_at;
    s->events_gap_from = c.gap_from;
    s->events_gap_to = c.gap_to;
    if (r.n_rows)
        snprintf(s->events_error, sizeof s->events_error, "%.*s", STR_ARG(row_str(&r, 0, 0)));
    if (!c.read_at)
        return ST_OK;
    s->complete_up_to = c.read_at - lag;
    if (s->oldest_own_since) {
        msec before = s->oldest_own_since - lag - env->set.catch_up_ms;
        s->complete_up_to = before < s->complete_up_to ? before : s->complete_up_to;
    }
    return ST_OK;
}

static enum status read_outbox(struct tx *tx, struct env *env, msec now, struct mirror_status *s,
                               struct arena *a, struct error *e)
{
    struct rows r;

    if (!outbox_has_server(env))
        return ST_OK;
    enum status st = outbox_count(tx, env, &r, a, e);
    if (st != ST_OK)
        return st;
    s->states_due = row_int(&r, 0, 0);
    s->states_due_ms = age_of(&r, 1, now, 0);
    return ST_OK;
}

static enum status read_several(struct tx *tx, struct env *env, struct mirror_status *s,
                                struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_STATUS_SEVERAL, &r, a, e, v_account(env));

    if (st == ST_OK)
        s->several_live = row_int(&r, 0, 0);
    return st;
}

/* Of the platform alone: how many connected accounts there are. */
static enum status read_accounts(struct tx *tx, const struct env *env, struct mirror_status *s,
                                 struct arena *a, struct error *e)
{
    struct rows r = { 0 };
    enum status st = env->root ? ST_OK : tx_run0(tx, STMT_STATUS_ACCOUNTS_BY, &r, a, e);

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        str state = row_str(&r, i, 0);
        s->accounts += row_int(&r, i, 1);
        if (str_eqz(state, account_state_name(ACCOUNT_UNREACHABLE)) ||
            str_eqz(state, account_state_name(ACCOUNT_WRONG_MODE)))
            s->accounts_lost += row_int(&r, i, 1);
        else
            s->accounts_unwalked += row_int(&r, i, 1) - row_int(&r, i, 2);
    }
    if (st == ST_OK && s->accounts) {
        st = tx_run(tx, STMT_ACCOUNTS_WALKING, &r, a, e, v_account(env), V_INT(INT32_MAX));
        s->accounts_walking = st == ST_OK ? row_int(&r, 0, 0) : 0;
    }
    return st;
}

static enum status read_all(struct tx *tx, struct env *env, struct mirror_status *s,
                            struct arena *a, struct error *e)
{
    msec now = clock_wall(env->world->clock);

    *s = (struct mirror_status){ .dangling = -1, .states_due = -1 };
    enum status st = read_inbox(tx, env, now, s, a, e);
    if (st == ST_OK)
        st = read_due(tx, env, now, s, a, e);
    if (st == ST_OK)
        st = read_walks(tx, env, s, a, e);
    if (st == ST_OK)
        st = read_fuse(tx, env, s, a, e);
    if (st == ST_OK)
        st = read_outbox(tx, env, now, s, a, e);
    if (st == ST_OK)
        st = read_several(tx, env, s, a, e);
    if (st == ST_OK)
        st = read_accounts(tx, env, s, a, e);
    if (st == ST_OK)
        st = read_events(tx, env, s, a, e);
    return st == ST_OK ? read_objects(tx, env, now, s, a, e) : st;
}

enum status status_read(struct env *env, struct mirror_status *out, struct error *e)
{
    ARENA(a, STATUS_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? read_all(&tx, env, out, &a, e) : st;
}

static void write_numbers(struct json_writer *w, const struct mirror_status *s)
{
    jw_put_int(w, "objects", s->objects);
    jw_put_int(w, "tombstones", s->tombstones);
    jw_put_int(w, "events", s->events);
    jw_put_int(w, "deliveries", s->deliveries);
    jw_put_int(w, "events_quarantined", s->events_quarantined);
    jw_put_int(w, "events_unknown", s->events_unknown);
    jw_put_int(w, "events_unfetchable", s->events_unfetchable);
    jw_put_int(w, "events_conflicting", s->events_conflicting);
    jw_put_int(w, "due", s->due);
    jw_put_int(w, "due_retrying", s->due_retrying);
    jw_put_int(w, "dead", s->dead);
    jw_put_int(w, "oldest_due_ms", s->oldest_due_ms);
    jw_put_int(w, "last_event_ago_ms", s->last_event_ago_ms);
    jw_put_int(w, "last_fetch_ago_ms", s->last_fetch_ago_ms);
    jw_put_int(w, "types_complete", s->types_complete);
    jw_put_int(w, "types_known", s->types_known);
    jw_put_int(w, "types_skipped", s->types_skipped);
    jw_put_int(w, "events_read_at", s->events_read_at);
    jw_put_int(w, "events_begun_at", s->events_begun_at);
    jw_put_int(w, "events_gap_from", s->events_gap_from);
    jw_put_int(w, "events_gap_to", s->events_gap_to);
    jw_put_int(w, "complete_up_to", s->complete_up_to);
    if (s->events_error[0])
        jw_put_str(w, "events_error", str_of(s->events_error));
    jw_put_int(w, "fuse_blown_at", s->fuse_blown_at);
    jw_put_int(w, "fuse_held", s->fuse_held);
    jw_put_int(w, "several_live", s->several_live);
    if (s->states_due >= 0) {
        jw_put_int(w, "states_due", s->states_due);
        jw_put_int(w, "states_due_ms", s->states_due_ms);
    }
    jw_put_int(w, "accounts_connected", s->accounts);
    jw_put_int(w, "accounts_lost", s->accounts_lost);
    jw_put_int(w, "accounts_walking", s->accounts_walking);
    jw_put_int(w, "accounts_unwalked", s->accounts_unwalked);
    if (s->last_error[0])
        jw_put_str(w, "last_error", str_of(s->last_error));
}

#define MONTH_MS (30LL * 24 * 3600 * 1000)

/* Lists of a type that the clock has walked; where each is under a parent: while they are few. */
static int64_t count_lists(const struct env *env, const struct rows *r, size_t i)
{
    const struct resource *res = resource_by_type(row_str(r, i, 0));
    int64_t n = 1, parents = row_int(r, i, TYPE_PARENTS);

    if (res && parents_hide(res))
        return parents <= env->set.parents_max ? parents : 0;
    for (const char *q = res ? res->list_query : NULL; q && (q = strchr(q, '|')); q++)
        n++;
    return n;
}

/* Lists are compared every so often: at least a request each, and one more a page; what they do not
 * show is asked for once a month. */
static int64_t reads_monthly(const struct env *env, const struct rows *r)
{
    const struct env_settings *set = &env->set;
    int64_t n = set->catch_up_ms ? MONTH_MS / set->catch_up_ms : 0;

    for (size_t i = 0; i < r->n_rows; i++) {
        str walk = row_str(r, i, 3);
        msec every = row_int(r, i, 8) ? set->check_ms : set->relist_ms;
        int64_t lists = count_lists(env, r, i), hidden = row_int(r, i, TYPE_HIDDEN);
        if (every && lists && walk.n && !str_eqz(walk, "skipped"))
            n += (lists + (row_int(r, i, 1) - hidden) / PAGE_ITEMS) * (MONTH_MS / every) + hidden;
    }
    return n;
}

static enum status write_types(struct tx *tx, struct env *env, struct json_writer *w,
                               struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_STATUS_TYPES, &r, a, e, v_account(env));

    if (st == ST_OK)
        jw_put_int(w, "reads_monthly", reads_monthly(env, &r));
    jw_key(w, S("types"));
    jw_array(w);
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        const struct resource *res = resource_by_type(row_str(&r, i, 0));
        jw_object(w);
        jw_put_str(w, "type", row_str(&r, i, 0));
        jw_put_str(w, "view", res ? str_of(res->view) : (str){ 0 });
        jw_put_int(w, "objects", row_int(&r, i, 1));
        jw_put_int(w, "tombstones", row_int(&r, i, 2));
        jw_put_str(w, "walk", row_str(&r, i, 3));
        jw_put_int(w, "complete_at", row_int(&r, i, 4));
        jw_put_str(w, "state", row_str(&r, i, 6));
        jw_put_int(w, "fresh_at", row_int(&r, i, 7));
        jw_put_bool(w, "events", row_int(&r, i, 8) != 0);
        jw_put_int(w, "open_lists", row_int(&r, i, 9));
        jw_put_int(w, "hidden", row_int(&r, i, TYPE_HIDDEN));
        if (row_str(&r, i, 5).n)
            jw_put_str(w, "reason", row_str(&r, i, 5));
        jw_end(w);
    }
    jw_end(w);
    return st;
}

/* As many as fit: the numbers above count them all. */
static enum status write_accounts(struct tx *tx, struct env *env, struct json_writer *w,
                                  struct arena *a, struct error *e)
{
    static const char *const name[] = { "since",         "walked_at",     "types_complete",
                                        "types_skipped", "lists_walking", "due",
                                        "events_read_at" };
    struct rows r = { 0 };
    enum status st =
        tx_run(tx, STMT_STATUS_ACCOUNTS, &r, a, e, V_STR(S("")), V_INT(ACCOUNTS_SHOWN_MAX));

    (void)env;
    jw_key(w, S("accounts"));
    jw_array(w);
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        jw_object(w);
        jw_put_str(w, "account", row_str(&r, i, 0));
        jw_put_str(w, "state", row_str(&r, i, 1));
        if (row_str(&r, i, 2).n)
            jw_put_str(w, "reason", row_str(&r, i, 2));
        for (size_t k = 0; k < COUNT(name); k++)
            jw_put_int(w, name[k],
                       row_cell(&r, i, 3 + k)->type == VAL_INT ? row_int(&r, i, 3 + k) : 0);
        jw_end(w);
    }
    jw_end(w);
    return st;
}

/* Of a connected account: how it stands with it. */
static enum status write_account_state(struct tx *tx, struct env *env, struct json_writer *w,
                                       struct arena *a, struct error *e)
{
    struct rows r = { 0 };
    enum status st = tx_run(tx, STMT_ACCOUNT_GET, &r, a, e, v_account(env));

    if (st != ST_OK || !r.n_rows)
        return st;
    jw_put_str(w, "platform", str_of(env->root->identity.account));
    jw_put_str(w, "account_state", row_str(&r, 0, 0));
    jw_put_int(w, "account_since", row_int(&r, 0, 3));
    if (row_str(&r, 0, 2).n)
        jw_put_str(w, "account_reason", row_str(&r, 0, 2));
    return ST_OK;
}

enum status status_json(struct env *env, struct buf *out, struct error *e)
{
    ARENA(a, STATUS_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct json_writer w = { .b = out };
    struct mirror_status s;

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = read_all(&tx, env, &s, &a, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_str(&w, "environment", str_of(env->name));
    jw_put_str(&w, "account", str_of(env->identity.account));
    jw_put_str(&w, "mode", env->identity.livemode ? S("live") : S("test"));
    if (env->root)
        st = write_account_state(&tx, env, &w, &a, e);
    else if (s.accounts)
        st = write_accounts(&tx, env, &w, &a, e);
    write_numbers(&w, &s);
    if (st == ST_OK)
        st = write_types(&tx, env, &w, &a, e);
    jw_end(&w);
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT,
                    "the status of %s does not fit into one answer: ask for one account "
                    "(`brindle status --account ACCT`), or read the view _coverage",
                    env->name);
    return st;
}
