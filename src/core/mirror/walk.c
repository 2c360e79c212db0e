#include "core/mirror/walk.h"

#include "base/plant.h"
#include "base/url.h"
#include "core/api.h"
#include "core/customer/state.h"
#include "core/environment/acting.h"
#include "core/mirror/clocks.h"
#include "core/mirror/followup.h"
#include "core/mirror/known.h"
#include "core/mirror/mirror.h"
#include "core/mirror/parents.h"
#include "core/page.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    WALK_PAGE_BYTES_MAX = 64 << 20,
    PIECE_BYTES_MAX = 512 << 10, /* of objects stored in one transaction */
    PIECE_RUNS_MAX = 2000,       /* statements after which it takes no further object */
    CURSOR_MAX = 255,
    RESTARTS_MAX = 5, /* a cursor that vanished: from the start again, so often */
    TURN_PAGES = 10,  /* of a walk in one turn, where connected accounts wait for theirs */
};

/* One walk under way. */
struct walk {
    struct env *env;
    struct claim *c;
    const struct resource *r;
    struct work_report *report;
    char cursor[CURSOR_MAX + 1];
    int64_t run; /* of the walk, from its start; another one means: begin anew */
    bool lost;   /* the claim, or the run, is somebody else's now */
    unsigned restarts;
};

#define PACED "schedule" /* the cause of a list that nobody waits for */

bool walk_is_paced(const struct claim *c)
{
    return str_eqz(c->cause, PACED);
}

enum status walk_want(struct tx *tx, struct env *env, const struct resource *r, str variant,
                      const struct walk_order *o, struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_WALK, str_of(r->type), variant },
                          .lane = o->lane,
                          .cause = o->paced ? PACED : "sync" };
    enum status st = tx_run(tx, STMT_WALK_WANT, NULL, a, e, V_STR(str_of(r->type)), V_STR(variant),
                            v_account(env), V_INT(clock_wall(env->world->clock)), V_INT(o->again));

    return st == ST_OK ? due_mark(tx, env, &m, a, e) : st;
}

/* ---- one request --------------------------------------------------------------------------------
 */

static str list_path(const struct walk *w, struct arena *a)
{
    str parent = S("");

    if (str_starts(w->c->key.id, S("parent=")))
        parent = str_sub(w->c->key.id, 7, w->c->key.id.n);
    return path_fill(w->r->list_path, S(""), parent, a);
}

static str list_query(const struct walk *w, struct arena *a)
{
    str variant = w->c->key.id;
    str query = w->r->flags & RES_UNPAGED ? S("") : arena_printf(a, "limit=%d", PAGE_LIMIT);

    if (str_starts(variant, S("parent="))) {
        str parent = url_escape_in(a, str_sub(variant, 7, variant.n));
        variant = w->r->parent_param
                      ? arena_printf(a, "%s=%.*s", w->r->parent_param, STR_ARG(parent))
                      : S("");
    }
    query = query_join(query, variant, a);
    if (w->cursor[0])
        query = query_join(
            query, arena_concat(a, S("starting_after="), url_escape_in(a, str_of(w->cursor))), a);
    return query;
}

/* The cursor's object has left the list. [facts: F-17] */
static bool cursor_vanished(const struct walk *w, const struct api_answer *got, struct arena *a)
{
    return w->cursor[0] && (got->http.http_status == 400 || got->http.http_status == 404) &&
           str_eq(api_error_of(&got->http, a).param, S("starting_after"));
}

/* ---- one page, in pieces
 * -------------------------------------------------------------------------- */

/* A nested list that goes on elsewhere is read to its end behind its object's own GET. */
static enum status want_completion(struct tx *tx, struct walk *w, const struct page_item *item,
                                   struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_OBJECT, item->type, item->id },
                          .lane = LANE_BACKFILL,
                          .cause = "nested" };
    const struct resource *r = resource_by_type(item->type);

    return resource_fetchable(r) ? due_mark(tx, w->env, &m, a, e) : ST_OK;
}

static str parent_of(const struct walk *w)
{
    str variant = w->c->key.id;

    return str_starts(variant, S("parent=")) ? str_sub(variant, 7, variant.n) : S("");
}

static bool is_entitlement(const struct walk *w)
{
    return strcmp(w->r->type, "entitlements.active_entitlement") == 0 && parent_of(w).n;
}

/* An entitlement does not say whose it is: that stands before it is stored, so that the state can
 * follow. */
static enum status note_owner(struct tx *tx, const struct walk *w, const struct page_item *item,
                              struct arena *a, struct error *e)
{
    if (!is_entitlement(w))
        return ST_OK;
    return tx_run(tx, STMT_REF_ADD, NULL, a, e, V_STR(S("customer")), v_account(w->env),
                  V_STR(parent_of(w)), V_STR(S(STATE_ENTITLEMENTS)), V_STR(item->type),
                  V_STR(item->id), V_INT(1), V_INT(0), V_INT(w->c->ticket));
}

static enum status put_item(struct tx *tx, struct walk *w, const struct page_item *item,
                            struct known *known, struct sequence_pool *pool,
                            struct state_later *states, struct arena *a, struct error *e)
{
    const struct answer in = { .resource = resource_by_type(item->type),
                               .type = item->type,
                               .id = item->id,
                               .data = item->data,
                               .source = SOURCE_LIST,
                               .ticket = w->c->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = "sync",
                               .pool = pool,
                               .known = known,
                               .states = states };
    enum mirror_result result;
    size_t open_lists = 0;
    enum status st = note_owner(tx, w, item, a, e);

    if (st == ST_OK)
        st = mirror_put(tx, w->env, &in, &result, &open_lists, a, e);
    if (st == ST_OK && is_entitlement(w))
        st = tx_run(tx, STMT_OBJECT_OWNER, NULL, a, e, V_STR(parent_of(w)), V_STR(item->type),
                    v_account(w->env), V_STR(item->id));
    return st == ST_OK && open_lists ? want_completion(tx, w, item, a, e) : st;
}

/* A part of the page is stored: as far as `cursor`. */
static enum status move(struct walk *w, struct tx *tx, str cursor, int64_t n, bool end,
                        struct arena *a, struct error *e)
{
    const struct due_key *k = &w->c->key;
    struct rows moved;

    enum status st =
        tx_run(tx, STMT_WALK_MOVE, &moved, a, e, V_STR(cursor), V_INT(n), V_INT(end),
               V_STR(k->type), V_STR(k->id), v_account(w->env), V_INT(w->run), V_INT(w->c->ticket));
    w->lost = st == ST_OK && moved.n_changed == 0;
    return st;
}

static enum status follow_states(struct tx *tx, struct walk *w, struct state_later *states,
                                 struct sequence_pool *pool, struct error *e)
{
    enum status st = ST_OK;

    if (states->n && planted(PLANT_STATE_APART))
        st = tx_split(tx, st, e);
    return st == ST_OK ? state_follow_later(tx, w->env, states, pool, e) : st;
}

/* Stores objects of the page until it ends (*end) or the piece is large enough. */
static enum status store_piece(struct walk *w, struct page *page, bool *end, struct arena *a,
                               struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    struct page_item item = { 0 }, last = { 0 };
    struct known known = { .n = 0 };
    struct state_later states = { .n = 0 };
    size_t bytes = 0;
    int64_t n = 0;

    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = known_find(&tx, w->env, page, PIECE_BYTES_MAX, &known, a, e);
    if (st == ST_OK && planted(PLANT_PAGE_TICKET_LATE))
        st = due_extend(&tx, w->env, w->c, a, e);
    while (st == ST_OK && bytes < PIECE_BYTES_MAX && tx.n_runs < PIECE_RUNS_MAX) {
        st = page_next(page, &item, a, e);
        if (st != ST_OK)
            break;
        last = item;
        bytes += item.data.n;
        n++;
        if (planted(PLANT_CURSOR_FIRST))
            st = tx_split(&tx, move(w, &tx, item.id, 0, false, a, e), e);
        if (st == ST_OK)
            st = put_item(&tx, w, &item, &known, &pool, &states, a, e);
    }
    if (st != ST_OK && st != ST_NONE)
        return st;
    *end = st == ST_NONE;
    st = follow_states(&tx, w, &states, &pool, e);
    if (st != ST_OK)
        return st;
    if (last.id.n > CURSOR_MAX)
        return fail(e, ST_LIMIT, "an id of %zu bytes cannot be a cursor", last.id.n);
    if (planted(PLANT_LEASE_UNCHECKED)) /* whoever comes has it again */
        st =
            tx_run(&tx, STMT_DUE_TAKE, NULL, a, e, V_INT(w->c->ticket),
                   V_INT(clock_mono(w->env->world->clock)), V_INT(w->env->set.lease_ms),
                   V_STR(S("walk")), V_STR(w->c->key.type), V_STR(w->c->key.id), v_account(w->env));
    st = move(w, &tx, n ? last.id : str_of(w->cursor), n, *end, a, e);
    if (w->lost)
        return fail(e, ST_CONFLICT, "the walk of %s has been given to somebody else", w->r->view);
    /* The next request's ticket is drawn behind the page's last piece and no earlier: every piece
     * carries the ticket of the request that brought it. */
    if (st == ST_OK && *end)
        st = due_extend(&tx, w->env, w->c, a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK && n) {
        memcpy(w->cursor, last.id.p, last.id.n);
        w->cursor[last.id.n] = '\0';
    }
    return st;
}

/* Of a piece that was not kept nothing moves on, the claim's next ticket neither. */
static enum status store_piece_anew(struct walk *w, struct page *page, bool *end, struct arena *a,
                                    struct error *e)
{
    const struct page before = *page;
    int64_t ticket = w->c->ticket;

    for (unsigned attempt = 1;; attempt++) {
        enum status st = store_piece(w, page, end, a, e);
        if (st == ST_OK)
            return st;
        w->c->ticket = ticket;
        if (!tx_again(w->env->world->store, st, attempt))
            return st;
        error_clear(e);
        *page = before;
        *end = false;
    }
}

static enum status store_page(struct walk *w, str body, bool *more, struct arena *a,
                              struct error *e)
{
    char before[CURSOR_MAX + 1];
    struct page page;
    bool end = false;

    memcpy(before, w->cursor, sizeof before);
    enum status st = page_open(body, &page, e);
    while (st == ST_OK && !end)
        st = store_piece_anew(w, &page, &end, a, e);
    if (st == ST_OK && page.has_more && strcmp(before, w->cursor) == 0)
        return fail(e, ST_RETRY, "the list of %s says has_more but does not move on", w->r->view);
    if (st == ST_OK)
        *more = page.has_more;
    return st;
}

/* ---- the walk's state in the store
 * ------------------------------------------------------------------ */

/* Where did it stand? From the start it begins a new run under this claim's ticket. ST_NONE: the
 * list is asked for no more. */
static enum status enter(struct walk *w, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_key *k = &w->c->key;
    struct rows r;

    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_WALK_GET, &r, &a, e, V_STR(k->type), V_STR(k->id), v_account(w->env));
    if (st != ST_OK)
        return st;
    if (r.n_rows == 0) /* forgotten meanwhile: what it was under is gone */
        return ST_NONE;
    str cursor = row_str(&r, 0, 0);
    if (cursor.n && cursor.n <= CURSOR_MAX) {
        memcpy(w->cursor, cursor.p, cursor.n);
        w->run = row_int(&r, 0, 1);
        st = tx_run(&tx, STMT_WALK_RESUME, NULL, &a, e, V_STR(k->type), V_STR(k->id),
                    v_account(w->env));
    } else {
        w->run = row_int(&r, 0, 1) + 1;
        st = tx_run(&tx, STMT_WALK_BEGIN, NULL, &a, e, V_INT(w->c->ticket),
                    V_INT(clock_wall(w->env->world->clock)), V_STR(k->type), V_STR(k->id),
                    v_account(w->env));
    }
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* The walk's state, written by the holder of its claim alone. */
static enum status write_state(struct walk *w, struct tx *tx, const char *state, const char *reason,
                               struct arena *a, struct error *e)
{
    const struct due_key *k = &w->c->key;
    struct rows r;
    enum status st =
        tx_run(tx, STMT_WALK_END, &r, a, e, V_STR(str_of(state)),
               reason ? V_STR(str_of(reason)) : V_NULL, V_INT(clock_wall(w->env->world->clock)),
               V_STR(k->type), V_STR(k->id), v_account(w->env), V_INT(w->run), V_INT(w->c->ticket));

    w->lost = st == ST_OK && r.n_changed == 0;
    return st;
}

static enum status let_go(struct walk *w, struct tx *tx, struct error *e)
{
    tx_end(tx);
    return due_release(w->env, w->c, e);
}

/* A list that has failed before comes late: the chase has not waited for it. */
static enum status finish(struct walk *w, struct tx *tx, struct arena *a, struct error *e)
{
    enum status st = due_finish(tx, w->env, w->c, a, e);

    if (st == ST_OK && w->c->attempts)
        st = followup_want_chase(tx, w->env, a, e);
    if (st == ST_OK)
        st = tx_commit(tx, e);
    if (st == ST_OK)
        env_ring(w->env);
    return st;
}

/* Lost: whoever has it now walks on, and what it was to become is his to say. */
static enum status end_walk(struct walk *w, const char *state, const char *reason, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = write_state(w, &tx, state, reason, &a, e);
    if (st == ST_OK && w->lost)
        return let_go(w, &tx, e);
    if (st == ST_OK)
        st = followup_want_sweeps(&tx, w->env, w->r, w->c->key.id, strcmp(state, "complete") == 0,
                                  &a, e);
    return st == ST_OK ? finish(w, &tx, &a, e) : st;
}

/* Its clock is gone, or the customer on it: what is asked for no more is not on record. */
static enum status forget(struct walk *w, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_key *k = &w->c->key;
    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = write_state(w, &tx, "skipped", NULL, &a, e);
    if (st == ST_OK && w->lost)
        return let_go(w, &tx, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ERASE_WALKS, NULL, &a, e, V_STR(k->type), V_STR(k->id),
                    v_account(w->env));
    if (st == ST_OK)
        st = followup_want_sweeps(&tx, w->env, w->r, k->id, false, &a, e);
    return st == ST_OK ? finish(w, &tx, &a, e) : st;
}

static enum status note_failure(struct walk *w, const char *why, int http_status, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    bool dead = false;

    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = write_state(w, &tx, "failed", why, &a, e);
    if (st == ST_OK && w->lost)
        return let_go(w, &tx, e);
    if (st == ST_OK)
        st = followup_want_sweeps(&tx, w->env, w->r, w->c->key.id, false, &a, e);
    if (st == ST_OK && w->c->attempts + 1 == FOLLOWUP_PATIENCE)
        st = followup_want_chase(&tx, w->env, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        st = due_fail(w->env, w->c, why, http_status, &dead, e);
    w->report->failed = true;
    w->report->dead = dead;
    snprintf(w->report->why, sizeof w->report->why, "%s", why);
    return st;
}

/* The list is at its end: the sweep behind it is due in the same transaction. */
static enum status complete(struct walk *w, struct error *e)
{
    enum status st = clocks_follow(w->env, w->r, w->c->key.id, e);

    return st == ST_OK ? end_walk(w, "complete", NULL, e) : st;
}

/* ---- the walk
 * --------------------------------------------------------------------------------------- */

enum step { STEP_ON, STEP_DONE };

static bool account_is_gone(const struct api_answer *got)
{
    enum access access = access_told(got->http.http_status, got->http.body);

    return access == ACCESS_UNREACHABLE || access == ACCESS_WRONG_MODE;
}

/* A list that answers so at its very beginning is not there for this account or key. In the middle
 * of a walk the same answer is trouble: a list with a hole is never said to be done. */
static enum status on_refusal(struct walk *w, const struct api_answer *got, enum step *step,
                              struct arena *a, struct error *e)
{
    *step = STEP_DONE;
    if (w->env->root && account_is_gone(got)) /* the account is lost, not the list */
        return note_failure(w, got->why, got->http.http_status, e);
    if (cursor_vanished(w, got, a) && w->restarts < RESTARTS_MAX) {
        w->restarts++;
        w->cursor[0] = '\0';
        *step = STEP_ON;
        return ST_OK;
    }
    if (!w->cursor[0] && clocks_bind(w->c->key.id) &&
        str_eqz(api_error_of(&got->http, a).code, "resource_missing"))
        return forget(w, e);
    switch (got->meaning) {
    case API_NO_SUCH_URL:
    case API_FORBIDDEN:
    case API_BAD:
    case API_GONE:
        if (!w->cursor[0])
            return end_walk(w, "skipped", got->why, e);
        break;
    case API_OK:
    case API_AGAIN:
    case API_KEY: break;
    }
    return note_failure(w, got->why, got->http.http_status, e);
}

static enum status one_page(struct walk *w, enum step *step, struct error *e)
{
    ARENA(a, WALK_PAGE_BYTES_MAX);
    struct error why = { 0 };
    struct api_answer got;
    bool more = false;

    *step = STEP_DONE;
    enum status st = api_get_expanded(w->env, list_path(w, &a), list_query(w, &a),
                                      path_expand(w->r->expand, "data.", &a), w->c->lane, S("sync"),
                                      &got, &a, &why);
    if (st == ST_REFUSED)
        return due_release(w->env, w->c, e);
    if (st != ST_OK)
        return note_failure(w, why.text, 0, e);
    if (got.meaning != API_OK)
        return on_refusal(w, &got, step, &a, e);
    st = store_page(w, got.http.body, &more, &a, &why);
    if (w->lost) /* the lease ran out, or the list is to be walked anew */
        return due_release(w->env, w->c, e);
    if (st == ST_BROKEN) {
        *e = why;
        return st;
    }
    if (st != ST_OK)
        return note_failure(w, why.text, 0, e);
    if (!more)
        return complete(w, e);
    *step = STEP_ON;
    return ST_OK;
}

static enum status nothing_to_walk(struct walk *w, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, w->env->world->store, TX_WRITE, e);

    return st == ST_OK ? finish(w, &tx, &a, e) : st;
}

enum status walk_run(struct env *env, struct claim *c, struct work_report *report, struct error *e)
{
    struct walk w = { .env = env, .c = c, .report = report, .r = resource_by_type(c->key.type) };
    enum step step = STEP_ON;

    if (!w.r || !w.r->list_path)
        return due_refuse(env, c, "this type of object cannot be listed", 0, e);
    if (parents_is_variant(c->key.id))
        return parents_run(env, c, report, e);
    enum status st = enter(&w, e);
    if (st == ST_NONE)
        return nothing_to_walk(&w, e);
    for (unsigned pages = 0; st == ST_OK && step == STEP_ON; pages++) {
        if (env_stopping(env))
            return due_release(env, c, e);
        if (pages >= TURN_PAGES && env_root(env)->connect)
            return due_postpone(env, c, 0, e);
        if (pages && walk_is_paced(c) && w.cursor[0]) /* stored: not of a list begun once more */
            return due_postpone(env, c, WALK_PACE_MS, e);
        st = one_page(&w, &step, e);
    }
    return st;
}
