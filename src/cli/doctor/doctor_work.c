#include <stdio.h>

#include "base/json.h"
#include "catalog/saga.h"
#include "cli/doctor/findings.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/environment/acting.h"
#include "core/inbox.h"
#include "core/mirror/catchup.h"
#include "core/status.h"

#define DAY_MS (86400LL * 1000)

enum {
    WORK_BYTES_MAX = 4 << 20,
    BACKLOG_MS = 5 * 60 * 1000, /* as /readyz calls it stale */
    STATES_MS = 5 * 60 * 1000,
    EVENTS_TURNS = 10, /* readings of the list of events that failed to come */
    EVENTS_MS = 10 * 60 * 1000,
    CHECK_TURNS = 3,     /* checks likewise */
    QUARANTINE_DAYS = 7, /* what was quarantined longer ago is history */
    OPERATIONS_MAX = 20,
    ACCOUNTS_MAX = 1000, /* more are not counted */
};

/* What the checks of one store share. */
struct looking {
    struct doctor *d;
    struct wire *w;
    struct mirror_status m;
    msec now;
    bool served; /* by a process of this machine; on PostgreSQL taken for granted */
};

static void check_lists(const struct looking *l)
{
    const struct mirror_status *m = &l->m;

    looked(l->d);
    if (m->due && l->served) /* they may be walked just now */
        return;
    if (m->never_walked)
        found(l->d, FOUND_NEVER_SYNCED, NULL, "no list was walked yet");
    else if (m->types_complete + m->types_skipped < m->types_known)
        found(l->d, FOUND_SYNC_INCOMPLETE, NULL,
              "%lld of %lld lists were never walked to their end",
              (long long)(m->types_known - m->types_complete - m->types_skipped),
              (long long)m->types_known);
}

static void check_due(const struct looking *l)
{
    const struct mirror_status *m = &l->m;
    char age[32];

    looked(l->d);
    duration_text(m->oldest_due_ms, age);
    if (l->served && m->oldest_due_ms > BACKLOG_MS)
        found(l->d, FOUND_BACKLOG, NULL, "%lld things are due, the oldest for %s%s%s",
              (long long)m->due, age, m->last_error[0] ? "; the last error: " : "", m->last_error);
    looked(l->d);
    if (m->fuse_blown_at)
        found(l->d, FOUND_FUSE_BLOWN, NULL,
              "%lld objects answer 404 and no event said so: nothing more is deleted here until "
              "somebody has looked",
              (long long)m->fuse_held);
    looked(l->d);
    if (m->dead > (m->fuse_blown_at ? m->fuse_held : 0))
        found(l->d, FOUND_DEAD_WORK, NULL,
              "%lld pieces of work used up their attempts; the last error: %s", (long long)m->dead,
              m->last_error);
}

static msec last_quarantined(struct env *env)
{
    BUF(line, WORK_BYTES_MAX);
    const struct inbox_filter f = { .outcome = S("quarantined"), .limit = 1 };
    struct error ignored = { 0 };
    int64_t at = 0;

    if (inbox_list(env, &f, &line, &ignored) != ST_OK || !line.n ||
        !json_int(str_trim(buf_str(&line)), S("received_at"), &at))
        return 0;
    return at;
}

static void check_inbox(const struct looking *l)
{
    looked(l->d);
    if (l->m.events_quarantined && l->now - last_quarantined(&l->w->env) < QUARANTINE_DAYS * DAY_MS)
        found(l->d, FOUND_QUARANTINE, NULL,
              "%lld events are quarantined: an endpoint of another mode or account sends here",
              (long long)l->m.events_quarantined);
    looked(l->d);
    if (l->m.events_conflicting)
        found(l->d, FOUND_CONFLICTS, NULL,
              "%lld deliveries had the id of an earlier event and spoke of something else",
              (long long)l->m.events_conflicting);
}

static void check_events(const struct looking *l)
{
    msec every = config_catch_up_seconds(l->w->conf) * 1000, age;
    char span[32];

    looked(l->d);
    if (every <= 0 || !l->m.events_read_at)
        return;
    age = l->now - l->m.events_read_at;
    duration_text(age, span);
    if (age > (msec)EVENTS_KEPT_S * 1000)
        found(l->d, FOUND_BACKUP_STALE, NULL,
              "the list of events was read %s ago, and Stripe keeps them for 30: every list is to "
              "be walked anew",
              span);
    else if (l->m.events_error[0])
        found(l->d, FOUND_EVENTS_UNREADABLE, NULL, "the list of events was not read: %s",
              l->m.events_error);
    else if (l->served && age > EVENTS_MS && age > EVENTS_TURNS * every)
        found(l->d, FOUND_EVENTS_STALE, NULL,
              "the list of events was read %s ago; it should be every %lld s", span,
              (long long)every / 1000);
}

/* --- the drift check ----------------------------------------------------------------------- */

struct checked {
    msec made_at, last_at; /* the store; its latest check's end; 0: never */
    int64_t unmended;      /* differences that nobody was to mend */
};

static enum status read_checks(struct env *env, struct checked *out, struct error *e)
{
    ARENA(a, WORK_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows made, r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    *out = (struct checked){ 0 };
    if (st == ST_OK)
        st = tx_run0(&tx, STMT_ENVIRONMENT_GET, &made, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECK_LAST, &r, &a, e, v_account(env));
    if (st != ST_OK)
        return st;
    out->made_at = made.n_rows ? row_int(&made, 0, 3) : 0;
    for (size_t i = 0; i < r.n_rows; i++) {
        if (row_int(&r, i, 3) > out->last_at)
            out->last_at = row_int(&r, i, 3);
        if (row_int(&r, i, 5) == 0 && str_eqz(row_str(&r, i, 1), "done"))
            out->unmended += row_int(&r, i, 7);
    }
    return ST_OK;
}

static void check_drift(const struct looking *l)
{
    msec every = config_number(&l->w->conf->values, SET_CHECK) * 1000;
    struct checked c;
    struct error ignored = { 0 };
    char span[32];

    looked(l->d);
    if (read_checks(&l->w->env, &c, &ignored) != ST_OK)
        return; /* a store that cannot be read has told that already */
    msec since = c.last_at ? c.last_at : c.made_at;
    duration_text(l->now - since, span);
    if (every > 0 && since && l->now - since > CHECK_TURNS * every)
        found(l->d, FOUND_DRIFT_OLD, NULL,
              c.last_at ? "the mirror was last compared with Stripe %s ago"
                        : "the mirror was made %s ago and never compared with Stripe",
              span);
    looked(l->d);
    if (c.unmended)
        found(l->d, FOUND_DRIFT_FOUND, NULL, "the last comparison found %lld differences",
              (long long)c.unmended);
}

/* --- operations, states -------------------------------------------------------------------- */

static void check_operations(const struct looking *l)
{
    ARENA(a, WORK_BYTES_MAX);
    BUF(lines, WORK_BYTES_MAX);
    struct error ignored = { 0 };

    looked(l->d);
    if (op_list_write(&l->w->env, OPERATIONS_MAX, true, &lines, &ignored) != ST_OK)
        return;
    for (str left = buf_str(&lines), one; left.n;) {
        left = str_cut(left, '\n', &one);
        if (!one.n || !str_eqz(json_text(one, S("state"), &a), "stuck"))
            continue;
        char id[64];
        snprintf(id, sizeof id, "%.*s", STR_ARG(json_text(one, S("id"), &a)));
        found(l->d, FOUND_OPERATION_STUCK, id, "operation %s is stuck: %.*s", id,
              STR_ARG(json_text(one, S("reason"), &a)));
    }
}

/* Stripe counts live mode's. Whoever sells enough is granted more: that it knows, and we do not. */
static void check_reads(const struct looking *l)
{
    BUF(json, WORK_BYTES_MAX);
    struct error ignored = { 0 };
    char month[32], granted[32];
    int64_t n = 0;

    looked(l->d);
    if (!l->w->env.identity.livemode || status_json(&l->w->env, &json, &ignored) != ST_OK ||
        !json_int(buf_str(&json), S("reads_monthly"), &n) || n <= READS_GRANTED)
        return;
    count_text(n, month);
    count_text(READS_GRANTED, granted);
    found(l->d, FOUND_READS_MANY, NULL,
          "catch_up_seconds, check_seconds and relist_seconds make about %s GETs a month when "
          "nothing happens; Stripe grants %s, or 500 for each transaction of a month",
          month, granted);
}

static void check_accounts(const struct looking *l)
{
    ARENA(a, WORK_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error ignored = { 0 };
    struct rows r = { 0 };
    size_t lost = 0;

    looked(l->d);
    if (!l->w->env.connect || tx_begin(&tx, l->w->world.store, TX_READ, &ignored) != ST_OK ||
        tx_run(&tx, STMT_ACCOUNTS_LIST, &r, &a, &ignored, V_STR(S("")), V_INT(ACCOUNTS_MAX)) !=
            ST_OK)
        return;
    for (size_t i = 0; i < r.n_rows; i++)
        lost += str_eqz(row_str(&r, i, 1), account_state_name(ACCOUNT_UNREACHABLE)) ||
                str_eqz(row_str(&r, i, 1), account_state_name(ACCOUNT_WRONG_MODE));
    if (lost)
        found(
            l->d, FOUND_ACCOUNTS_LOST, NULL,
            "the key has no access to %zu connected accounts: what is here of them stays as it is",
            lost);
}

static void check_states(const struct looking *l)
{
    char span[32];

    looked(l->d);
    duration_text(l->m.states_due_ms, span);
    if (l->m.states_due > 0 && l->m.states_due_ms > STATES_MS)
        found(l->d, FOUND_REDIS_BEHIND, NULL,
              "%lld customers' states wait for the key-value server, the oldest for %s",
              (long long)l->m.states_due, span);
}

void doctor_work(struct doctor *d, struct wire *w)
{
    struct looking l = { .d = d,
                         .w = w,
                         .now = clock_wall(w->world.clock),
                         .served = local_is_served(&d->cli->config, w->conf->name) };
    struct error why = { 0 };

    looked(d);
    if (status_read(&w->env, &l.m, &why) != ST_OK) {
        found(d, FOUND_STORE_UNUSABLE, NULL, "%s", why.text);
        return;
    }
    check_lists(&l);
    check_due(&l);
    check_inbox(&l);
    check_events(&l);
    check_drift(&l);
    check_operations(&l);
    check_reads(&l);
    check_accounts(&l);
    check_states(&l);
}
