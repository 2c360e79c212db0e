#include "core/mirror/drift.h"

#include "base/json.h"
#include "base/plant.h"
#include "base/url.h"
#include "core/api.h"
#include "core/environment/connected.h"
#include "core/mirror/drift_check.h"
#include "core/mirror/hidden.h"
#include "core/mirror/parents.h"
#include "core/mirror/sync.h"
#include "core/mirror/walk.h"
#include "core/page.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 200,
    PACED_MS = 1000, /* of checks that nobody waits for: between two requests */
    RESTARTS_MAX = 5,
    OBJECT_HIDDEN = 6, /* the column of object_find */
};

static const char *const phase_name[] = { "waiting",    "walking", "unseen",
                                          "confirming", "done",    "skipped" };

bool drift_checks(const struct env *env, const struct resource *r)
{
    return sync_walks(&env->identity, r);
}

enum status drift_want(struct env *env, const struct resource *r, const struct drift_order *o,
                       struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct due_mark m = { .key = { DUE_CHECK, str_of(r->type), S("") },
                          .lane = LANE_BACKFILL,
                          .cause = o->paced ? "schedule" : "check" };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECK_WANT, NULL, &a, e, V_STR(str_of(r->type)), drift_account(env),
                    V_INT(o->repair), V_INT(o->permitted), V_INT(o->paced));
    if (st == ST_OK)
        st = due_mark(&tx, env, &m, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(env);
    return st;
}

/* ---- its state in the store ---- */

static enum drift_phase phase_of(str name)
{
    for (enum drift_phase p = DRIFT_WAITING; p <= DRIFT_SKIPPED; p++)
        if (str_eqz(name, phase_name[p]))
            return p;
    return DRIFT_WAITING;
}

/* ST_NONE: there is no such check. */
static enum status load(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, k->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECK_GET, &r, &a, e, drift_type(k), drift_account(k->env));
    if (st != ST_OK)
        return st;
    if (r.n_rows == 0)
        return ST_NONE;
    k->phase = phase_of(row_str(&r, 0, 0));
    k->list = row_int(&r, 0, 1);
    snprintf(k->cursor, sizeof k->cursor, "%.*s", STR_ARG(row_str(&r, 0, 2)));
    k->at_ticket = row_int(&r, 0, 3);
    k->started_ticket = row_int(&r, 0, 4);
    k->started_at = row_int(&r, 0, 5);
    k->compared = row_int(&r, 0, 6);
    k->repair = row_int(&r, 0, 7) != 0;
    k->permitted = row_int(&r, 0, 8) != 0;
    k->paced = row_int(&r, 0, 9) != 0;
    return ST_OK;
}

/* ST_CONFLICT: the claim is somebody else's now. */
static enum status save(struct check *k, struct tx *tx, struct arena *a, struct error *e)
{
    struct rows r;
    bool over = k->phase == DRIFT_DONE || k->phase == DRIFT_SKIPPED;
    enum status st =
        tx_run(tx, STMT_CHECK_SAVE, &r, a, e, V_STR(str_of(phase_name[k->phase])), V_INT(k->list),
               V_STR(str_of(k->cursor)), V_INT(k->at_ticket), V_INT(k->started_ticket),
               V_INT(k->started_at), V_INT(over ? clock_wall(k->env->world->clock) : 0),
               V_INT(k->compared), k->reason ? V_STR(str_of(k->reason)) : V_NULL, drift_type(k),
               drift_account(k->env), V_INT(k->c->ticket));

    if (st == ST_OK && r.n_changed == 0)
        return fail(e, ST_CONFLICT, "the check of %s is somebody else's now", k->r->view);
    return st;
}

static enum status clear_piece(struct check *k, int64_t *n, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_CLEAR, &r, &a, e, drift_type(k), drift_account(k->env),
                    V_INT(PIECE));
    *n = r.n_changed;
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status begin(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t n = PIECE;
    enum status st = ST_OK;

    while (st == ST_OK && n == PIECE)
        st = clear_piece(k, &n, e);
    if (st != ST_OK)
        return st;
    k->phase = DRIFT_WALKING;
    k->started_ticket = k->c->ticket;
    k->started_at = clock_wall(k->env->world->clock);
    st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status drift_extend(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, k->env, k->c, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* ---- comparing ---- */

static enum status note(struct check *k, struct tx *tx, str id, const char *what, int64_t revision,
                        str fields, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_DRIFT_PUT, NULL, a, e, drift_type(k), drift_account(k->env), V_STR(id),
                  V_STR(str_of(what)), V_INT(revision), V_STR(fields.n ? fields : S("")),
                  V_INT(clock_wall(k->env->world->clock)));
}

/* A list's element beside its row. What is the same is known to be so as of the page's ticket; a
 * row that got its state after the page was asked for says nothing about the page. */
static enum status compare(struct check *k, struct tx *tx, const struct page_item *item,
                           struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OBJECT_FIND, &r, a, e, V_STR(item->type),
                            drift_account(k->env), V_STR(item->id));

    if (st != ST_OK)
        return st;
    k->compared++;
    if (r.n_rows && row_int(&r, 0, 1) == 2) /* erased (erase.h): it is not to come back */
        return ST_OK;
    if (r.n_rows == 0)
        return note(k, tx, item->id, "missing", 0, S(""), a, e);
    int64_t ticket = row_int(&r, 0, 0), revision = row_int(&r, 0, 2);
    if (!row_int(&r, 0, 1) && row_cell(&r, 0, OBJECT_HIDDEN)->type != VAL_NULL)
        st = hidden_shown(tx, k->env, item->type, item->id, a, e);
    if (st != ST_OK || ticket > k->c->ticket || revision > k->c->ticket)
        return st;
    if (row_int(&r, 0, 1))
        return note(k, tx, item->id, "back", revision, S(""), a, e);
    str ours = row_str(&r, 0, 3);
    if (!str_eq(ours, item->data) && !json_same(ours, item->data, a))
        return note(k, tx, item->id, "changed", revision, drift_fields(item->data, ours, a), a, e);
    return tx_run(tx, STMT_OBJECT_TOUCH, NULL, a, e, V_INT(k->c->ticket),
                  V_INT(clock_wall(k->env->world->clock)), V_STR(item->type), drift_account(k->env),
                  V_STR(item->id));
}

/* ---- a page of a list ---- */

static str variant_of(const struct check *k, bool *exists)
{
    str rest = str_of(k->r->list_query ? k->r->list_query : ""), variant = { 0 };
    int64_t i = -1;

    while (rest.p && i < k->list) {
        rest = str_cut(rest, '|', &variant);
        i++;
    }
    *exists = i == k->list;
    return variant;
}

static str page_query(const struct check *k, str variant, struct arena *a)
{
    str query = query_join(arena_printf(a, "limit=%d", PAGE_LIMIT), variant, a);

    if (k->cursor[0])
        query = query_join(
            query, arena_concat(a, S("starting_after="), url_escape_in(a, str_of(k->cursor))), a);
    return query;
}

static void next_list(struct check *k)
{
    bool exists;

    k->cursor[0] = '\0';
    k->list++;
    (void)variant_of(k, &exists);
    if (!exists) {
        k->phase = resource_fetchable(k->r) ? DRIFT_UNSEEN : DRIFT_CONFIRMING;
        k->at_ticket = 0;
    }
}

static enum status compare_page(struct check *k, str body, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct page_item item = { 0 };
    struct page page;
    str last = S("");
    enum status st = page_open(body, &page, e);

    if (st == ST_OK)
        st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);
    if (st != ST_OK)
        return st;
    while ((st = page_next(&page, &item, a, e)) == ST_OK) {
        last = item.id;
        st = compare(k, &tx, &item, a, e);
        if (st != ST_OK)
            return st;
    }
    if (st != ST_NONE)
        return st;
    if (page.has_more && (!last.n || last.n > DRIFT_ID_MAX || str_eqz(last, k->cursor)))
        return fail(e, ST_RETRY, "the list of %s says has_more but does not move on", k->r->view);
    if (page.has_more)
        snprintf(k->cursor, sizeof k->cursor, "%.*s", STR_ARG(last));
    else
        next_list(k);
    st = save(k, &tx, a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status skip(struct check *k, const char *why, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    k->phase = DRIFT_SKIPPED;
    k->reason = why;
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* `why` gets what a failure is called; ST_RETRY is the only one that is tried again. */
static enum status walk_page(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_PAGE_BYTES_MAX);
    struct api_answer got;
    bool exists;
    str variant = variant_of(k, &exists);
    enum status st = api_get_expanded(k->env, str_of(k->r->list_path), page_query(k, variant, &a),
                                      path_expand(k->r->expand, "data.", &a), k->c->lane,
                                      S("check"), &got, &a, e);

    if (st != ST_OK)
        return st;
    if (got.meaning == API_OK)
        return compare_page(k, got.http.body, &a, e);
    if (k->cursor[0] && k->restarts++ < RESTARTS_MAX &&
        (got.http.http_status == 400 || got.http.http_status == 404)) {
        k->cursor[0] = '\0'; /* its object has left the list: from the start */
        return ST_OK;
    }
    if (!k->cursor[0] && got.meaning != API_KEY)
        return skip(k, got.why, e);
    return fail(e, ST_RETRY, "%s", got.why);
}

/* ---- what no list has shown ---- */

static enum status note_missed(struct check *k, struct tx *tx, str id, int64_t *missed,
                               struct arena *a, struct error *e)
{
    enum status st = hidden_missed(tx, k->env, k->r, id, missed, a, e);

    return st == ST_OK ? note(k, tx, id, "gone", 0, S(""), a, e) : st;
}

static enum status note_unseen(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    int64_t missed = 0;
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_UNSEEN, &r, &a, e, drift_type(k), drift_account(k->env),
                    V_INT(k->started_ticket), V_INT(k->at_ticket), V_STR(str_of(k->cursor)),
                    V_INT(PIECE));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows && st == ST_OK && !planted(PLANT_UNSEEN_FORGOTTEN); i++)
        if (!hidden_rests(k->env, &r, i))
            st = note_missed(k, &tx, row_str(&r, i, 0), &missed, &a, e);
    if (r.n_rows == PIECE) {
        k->at_ticket = row_int(&r, PIECE - 1, 1);
        snprintf(k->cursor, sizeof k->cursor, "%.*s", STR_ARG(row_str(&r, PIECE - 1, 0)));
    } else {
        k->phase = DRIFT_CONFIRMING;
        k->cursor[0] = '\0';
    }
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status end(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    k->phase = DRIFT_DONE;
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status confirm_some(struct check *k, struct error *e)
{
    bool over = false;
    enum status st = drift_confirm_some(k, &over, e);

    return st == ST_OK && over ? end(k, e) : st;
}

/* ---- the work ---- */

/* All that are under way together make a request a second: what failed while Stripe was away comes
 * back at once, and others have begun meanwhile. */
static enum status rest(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    bool guest = k->env->root != NULL;
    int64_t at_a_time = guest ? CONNECTED_CHECKS_MAX : 1;
    struct rows r;
    enum status st = tx_begin(&tx, k->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECKS_PENDING, &r, &a, e, V_INT(guest));
    if (st != ST_OK)
        return st;
    int64_t share = (row_int(&r, 0, 0) + at_a_time - 1) / at_a_time;
    tx_end(&tx);
    return due_postpone(k->env, k->c, PACED_MS * (share > 1 ? share : 1), e);
}

static enum status step(struct check *k, struct error *e)
{
    switch (k->phase) {
    case DRIFT_WAITING: return begin(k, e);
    case DRIFT_WALKING: return walk_page(k, e);
    case DRIFT_UNSEEN: return note_unseen(k, e);
    case DRIFT_CONFIRMING: return confirm_some(k, e);
    case DRIFT_DONE:
    case DRIFT_SKIPPED: return ST_OK;
    }
    return fail(e, ST_BROKEN, "a check in no phase");
}

static enum status finish(struct check *k, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_finish(&tx, k->env, k->c, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_COUNT, &r, &a, e, drift_type(k), drift_account(k->env));
    if (st == ST_OK)
        k->report->drift = row_int(&r, 0, 0);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(k->env);
    return st;
}

static enum status put_back(struct check *k, const char *why, struct error *e)
{
    bool dead;
    enum status st = due_fail(k->env, k->c, why, 0, &dead, e);

    k->report->failed = true;
    k->report->dead = st == ST_OK && dead;
    snprintf(k->report->why, sizeof k->report->why, "%s", why);
    return st;
}

/* Somebody reads what a failed step means: go on, later, or stop. */
static enum status on_failure(struct check *k, enum status st, const struct error *why,
                              struct error *e)
{
    switch (st) {
    case ST_CONFLICT: return ST_OK; /* whoever has it now goes on */
    case ST_REFUSED: return due_release(k->env, k->c, e);
    case ST_BROKEN: *e = *why; return st;
    case ST_OK:
    case ST_NONE:
    case ST_RETRY:
    case ST_INVALID:
    case ST_LIMIT: return put_back(k, why->text, e);
    }
    return st;
}

enum status drift_run(struct env *env, struct claim *c, struct work_report *report, struct error *e)
{
    struct check k = { .env = env, .c = c, .report = report, .r = resource_by_type(c->key.type) };

    if (!k.r || !k.r->list_path)
        return due_refuse(env, c, "this type of object cannot be listed", 0, e);
    enum status st = load(&k, e);
    if (st == ST_NONE)
        return due_refuse(env, c, "nobody asked for this check", 0, e);
    while (st == ST_OK && k.phase != DRIFT_DONE && k.phase != DRIFT_SKIPPED) {
        struct error why = { 0 };
        enum drift_phase before = k.phase;
        if (env_stopping(env))
            return due_release(env, c, e);
        st = step(&k, &why);
        if (st == ST_OK && k.phase != DRIFT_DONE && k.phase != DRIFT_SKIPPED)
            st = drift_extend(&k, &why);
        if (st != ST_OK)
            return on_failure(&k, st, &why, e);
        if (k.phase == DRIFT_CONFIRMING &&
            before != DRIFT_CONFIRMING) /* what is on its way may arrive */
            return due_postpone(env, c, env->set.confirm_ms, e);
        if (k.paced && before != DRIFT_WAITING && before != DRIFT_UNSEEN) /* it has asked Stripe */
            return rest(&k, e);
    }
    return st == ST_OK ? finish(&k, e) : st;
}

/* ---- by the clock ---- */

/* What no event tells of is looked at more often. */
static msec interval_of(const struct env *env, const struct resource *r)
{
    return r->events[0] ? env->set.check_ms : env->set.relist_ms;
}

static bool is_time(const struct env *env, const struct resource *r, msec since, msec now)
{
    msec interval = interval_of(env, r);

    return interval && (now - since >= interval || since > now + interval);
}

/* One type; NULL: none, or one is under way. */
static enum status find_next(struct tx *tx, struct env *env, const struct resource **out,
                             struct arena *a, struct error *e)
{
    msec now = clock_wall(env->world->clock);
    struct rows r;
    enum status st = tx_run(tx, STMT_CHECK_DUE, &r, a, e, drift_account(env));

    for (size_t i = 0; st == ST_OK && i < r.n_rows && !*out; i++) {
        const struct resource *res = resource_by_type(row_str(&r, i, 0));
        bool may = false;
        if (row_int(&r, i, 2)) /* one at a time, besides those that fail */
            return ST_OK;
        if (!res || !is_time(env, res, row_int(&r, i, 1), now))
            continue;
        if (parents_hide(res))
            st = parents_are_few(tx, env, res, &may, a, e);
        else
            may = drift_checks(env, res);
        if (may)
            *out = res;
    }
    return st;
}

static enum status walk_parents(struct env *env, const struct resource *r, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct walk_order o = { .again = true, .lane = LANE_BACKFILL, .paced = true };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = parents_want(&tx, env, r, &o, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(env);
    return st;
}

enum status drift_schedule(struct env *env, bool *wanted, struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct drift_order o = { .repair = true, .paced = true };
    const struct resource *r = NULL;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    *wanted = false;
    if (st == ST_OK)
        st = find_next(&tx, env, &r, &a, e);
    tx_end(&tx);
    if (st != ST_OK || !r)
        return st;
    *wanted = true;
    return parents_hide(r) ? walk_parents(env, r, e) : drift_want(env, r, &o, e);
}
