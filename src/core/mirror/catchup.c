#include "core/mirror/catchup.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/api.h"
#include "core/counters.h"
#include "core/inbox.h"
#include "core/mirror/sync.h"
#include "core/page.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    EVENTS_PAGE_BYTES_MAX = 64 << 20,
    SMALL_BYTES = 64 << 10,
    IDLE_S = 86400, /* an account without events: the cursor stays so far behind at most */
};

/* One reading under way. */
struct reading {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    struct catchup_state before;
    int64_t newest_s; /* of the first page; 0: there was none */
    msec date;        /* Stripe's time when the first page was answered */
    char after[EVENT_ID_MAX + 1];
};

enum status catchup_want(struct tx *tx, struct env *env, struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_CATCHUP, S("event"), S("") },
                          .lane = LANE_OPERATION,
                          .cause = "catch-up" };

    return due_mark(tx, env, &m, a, e);
}

enum status catchup_read(struct tx *tx, const struct env *env, struct catchup_state *out,
                         struct arena *a, struct error *e)
{
    struct catchup_state s = { 0 };
    const struct {
        const char *name;
        int64_t *to;
    } part[] = { { COUNTER_EVENTS_CURSOR, &s.cursor_s },
                 { COUNTER_EVENTS_BEGUN, &s.begun_at },
                 { COUNTER_EVENTS_READ, &s.read_at },
                 { COUNTER_EVENTS_GAP_FROM, &s.gap_from },
                 { COUNTER_EVENTS_GAP_TO, &s.gap_to } };
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT(part) && st == ST_OK; i++)
        st = counter_get(tx, counter_of(env, part[i].name, a), part[i].to, a, e);
    if (st == ST_OK)
        *out = s;
    return st;
}

/* ---- one page ---- */

static str events_query(const struct reading *r, struct arena *a)
{

    if (!r->before.cursor_s)
        return S("limit=1");
    str query = arena_printf(a, "limit=%d&created[gte]=%lld", PAGE_LIMIT,
                             (long long)(r->before.cursor_s - EVENTS_LAG_S));
    if (planted(PLANT_EVENTS_GT))
        query =
            arena_printf(a, "limit=%d&created[gt]=%lld", PAGE_LIMIT, (long long)r->before.cursor_s);
    return r->after[0] ? query_join(query, arena_printf(a, "starting_after=%s", r->after), a)
                       : query;
}

/* Of the page's events, those that have not arrived yet, are put into the inbox as if they had. */
static enum status drop_known(struct reading *r, struct event *ev, size_t *n, struct arena *a,
                              struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_READ, e);
    size_t kept = 0;

    for (size_t i = 0; i < *n && st == ST_OK; i++) {
        struct rows known;
        st = tx_run(&tx, STMT_INBOX_KNOWN, &known, a, e, V_STR(ev[i].id));
        if (st == ST_OK && known.n_rows == 0)
            ev[kept++] = ev[i];
    }
    *n = kept;
    return st;
}

static enum status put_events(struct reading *r, struct event *ev, size_t n, struct arena *a,
                              struct error *e)
{
    struct inbox_result *result = arena_alloc(a, (n ? n : 1) * sizeof *result);

    if (!result)
        return fail(e, ST_LIMIT, "out of memory for a page of events");
    enum status st = drop_known(r, ev, &n, a, e);
    return st == ST_OK && n ? inbox_put_many(r->env, ev, n, result, e) : st;
}

static enum status read_events(struct reading *r, str body, bool *more, struct arena *a,
                               struct error *e)
{
    struct event *ev = arena_alloc(a, INBOX_BATCH_MAX * sizeof *ev);
    struct page_item item;
    struct page page;
    size_t n = 0;

    if (!ev)
        return fail(e, ST_LIMIT, "out of memory for a page of events");
    enum status st = page_open(body, &page, e);
    while (st == ST_OK && n < INBOX_BATCH_MAX && (st = page_next(&page, &item, a, e)) == ST_OK) {
        st = event_parse(item.data, &ev[n], a, e);
        if (st != ST_OK)
            break;
        ev[n].received_at = clock_wall(r->env->world->clock);
        ev[n].via = EVENT_VIA_LIST;
        if (r->env->root && !ev[n].account.n)
            ev[n].account = str_of(r->env->identity.account);
        ev[n].late = ev[n].created < r->date / 1000 - EVENTS_LATE_S;
        n++;
    }
    if (st != ST_NONE && st != ST_OK)
        return st;
    error_clear(e);
    if (!r->newest_s && n)
        r->newest_s = ev[0].created;
    str last = n ? ev[n - 1].id : S("");
    if (page.has_more && (!last.n || str_eqz(last, r->after)))
        return fail(e, ST_RETRY, "the list of events says has_more but does not move on");
    char next[EVENT_ID_MAX + 1];
    snprintf(next, sizeof next, "%.*s", STR_ARG(last));
    *more = page.has_more && r->before.cursor_s;
    st = r->before.cursor_s ? put_events(r, ev, n, a, e) : ST_OK;
    if (st == ST_OK)
        memcpy(r->after, next, sizeof next);
    return st;
}

/* ---- its end ---- */

/* An event of the second that was reached may still show up: the window goes back before it. An
 * account without events is followed by Stripe's own clock, a day behind. */
static int64_t next_cursor(const struct reading *r)
{
    int64_t next = r->before.cursor_s, idle = r->date / 1000 - IDLE_S;

    if (r->newest_s > next)
        next = r->newest_s;
    return next > idle ? next : idle;
}

static bool has_gap(const struct reading *r)
{
    int64_t reached = r->before.read_at ? r->before.read_at / 1000 : r->before.cursor_s;

    return r->before.cursor_s && reached - EVENTS_LAG_S < r->date / 1000 - EVENTS_KEPT_S;
}

static enum status note_gap(struct reading *r, struct tx *tx, struct arena *a, struct error *e)
{
    enum status st =
        counter_set(tx, counter_of(r->env, COUNTER_EVENTS_GAP_FROM, a), r->before.read_at, a, e);

    if (st == ST_OK)
        st = counter_set(tx, counter_of(r->env, COUNTER_EVENTS_GAP_TO, a),
                         r->date - (msec)EVENTS_KEPT_S * 1000, a, e);
    return st;
}

static enum status finish(struct reading *r, bool gap, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = counter_set(&tx, counter_of(r->env, COUNTER_EVENTS_CURSOR, &a), next_cursor(r), &a, e);
    if (st == ST_OK)
        st = counter_set(&tx, counter_of(r->env, COUNTER_EVENTS_READ, &a), r->date, &a, e);
    if (st == ST_OK && (gap || !r->before.cursor_s))
        st = counter_set(&tx, counter_of(r->env, COUNTER_EVENTS_BEGUN, &a), r->date, &a, e);
    if (st == ST_OK && gap)
        st = note_gap(r, &tx, &a, e);
    if (st == ST_OK)
        st = due_finish(&tx, r->env, r->c, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* What happened in the gap, no event will tell any more: every list is walked anew. They are asked
 * for before the gap counts as noted, so that a crash between the two asks once more. */
static enum status complete(struct reading *r, struct error *e)
{
    struct sync s;
    bool gap = has_gap(r);
    enum status st = gap ? sync_start(r->env, NULL, 0, true, LANE_BACKFILL, &s, e) : ST_OK;

    return st == ST_OK ? finish(r, gap, e) : st;
}

static enum status put_back(struct reading *r, const char *why, int http_status, struct error *e)
{
    bool dead;
    enum status st = due_fail(r->env, r->c, why, http_status, &dead, e);

    r->report->failed = true;
    r->report->dead = st == ST_OK && dead;
    snprintf(r->report->why, sizeof r->report->why, "%s", why);
    return st;
}

/* Neither the key nor this server lets anybody read events: webhooks and walks must do. */
static enum status do_without(struct reading *r, const char *why, int http_status, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_finish_absent(&tx, r->env, r->c, why, http_status, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status on_refusal(struct reading *r, const struct api_answer *got, struct error *e)
{
    int http_status = got->http.http_status;

    switch (got->meaning) {
    case API_FORBIDDEN:
    case API_NO_SUCH_URL: return do_without(r, got->why, http_status, e);
    case API_GONE:
    case API_BAD: /* the cursor's event is past its thirty days: from the start */
    case API_OK:
    case API_AGAIN:
    case API_KEY: return put_back(r, got->why, http_status, e);
    }
    return fail(e, ST_BROKEN, "an answer without a meaning");
}

/* ---- the whole ---- */

static enum status find_place(struct reading *r, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_READ, e);

    return st == ST_OK ? catchup_read(&tx, r->env, &r->before, &a, e) : st;
}

/* For the planted bug alone. */
static enum status move_early(struct reading *r, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = counter_set(&tx, COUNTER_EVENTS_CURSOR, next_cursor(r), &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status keep_claim(struct reading *r, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, r->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, r->env, r->c, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* ST_NONE: what Stripe answered has settled this reading. */
static enum status one_page(struct reading *r, bool *more, struct error *e)
{
    ARENA(a, EVENTS_PAGE_BYTES_MAX);
    struct error why = { 0 };
    struct api_answer got;
    enum status st = api_get(r->env, S("/v1/events"), events_query(r, &a), r->c->lane,
                             S("catch-up"), &got, &a, &why);

    if (st == ST_REFUSED) {
        st = due_release(r->env, r->c, e);
        return st == ST_OK ? ST_NONE : st;
    }
    if (st == ST_OK && got.meaning != API_OK) {
        st = on_refusal(r, &got, e);
        return st == ST_OK ? ST_NONE : st;
    }
    if (st == ST_OK && !r->date)
        r->date = got.http.date ? got.http.date : clock_wall(r->env->world->clock);
    if (st == ST_OK)
        st = read_events(r, got.http.body, more, &a, &why);
    if (st == ST_OK || st == ST_BROKEN) {
        *e = why;
        return st;
    }
    st = put_back(r, why.text, 0, e);
    return st == ST_OK ? ST_NONE : st;
}

enum status catchup_run(struct env *env, struct claim *c, struct work_report *report,
                        struct error *e)
{
    struct reading r = { .env = env, .c = c, .report = report };
    bool more = true;
    enum status st = find_place(&r, e);

    for (unsigned pages = 0; st == ST_OK && more && pages < EVENTS_PAGES_MAX; pages++) {
        if (env_stopping(env))
            return due_release(env, c, e);
        if (pages)
            st = keep_claim(&r, e);
        if (st == ST_CONFLICT) { /* somebody else reads now */
            error_clear(e);
            return ST_OK;
        }
        if (st == ST_OK)
            st = one_page(&r, &more, e);
        if (st == ST_OK && planted(PLANT_EVENTS_CURSOR_EARLY))
            st = move_early(&r, e);
    }
    if (st == ST_NONE)
        return ST_OK;
    if (st == ST_OK && more)
        return put_back(&r, "the list of events has no end", 0, e);
    return st == ST_OK ? complete(&r, e) : st;
}
