#include "core/drift.h"

#include "base/json.h"
#include "base/plant.h"
#include "base/url.h"
#include "core/api.h"
#include "core/counters.h"
#include "core/page.h"
#include "core/path.h"
#include "core/sync.h"
#include "core/walk.h"

#include <stdio.h>
#include <string.h>

enum {
    DRIFT_PAGE_BYTES_MAX = 64 << 20,
    SMALL_BYTES = 1 << 20,
    ID_MAX = 255,
    PIECE = 200,
    CONFIRM_PIECE = 20, /* GETs between two saves */
    PACED_MS = 1000,    /* of a check that nobody waits for: between two requests */
    FIELDS_MAX = 10,    /* that are named */
    RESTARTS_MAX = 5,
};

enum phase { WAITING, WALKING, UNSEEN, CONFIRMING, DONE, SKIPPED };
static const char *const phase_name[] = { "waiting",    "walking", "unseen",
                                          "confirming", "done",    "skipped" };

/* One type's check under way. */
struct check {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    const struct resource *r;
    enum phase phase;
    int64_t list, at_ticket, started_ticket, compared;
    msec started_at;
    bool repair, permitted, paced;
    char cursor[ID_MAX + 1];
    const char *reason;
    unsigned restarts;
};

static struct value v_type(const struct check *k)
{
    return V_STR(str_of(k->r->type));
}

bool drift_checks(const struct env *env, const struct resource *r)
{
    return sync_walks(&env->identity, r);
}

enum status drift_want(struct env *env, const struct resource *r, const struct drift_order *o,
                       struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct due_mark m = { .key = { DUE_CHECK, str_of(r->type), S("") },
                          .lane = LANE_BACKFILL,
                          .cause = o->paced ? "schedule" : "check" };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECK_WANT, NULL, &a, e, V_STR(str_of(r->type)), v_account(env),
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

static enum phase phase_of(str name)
{
    for (enum phase p = WAITING; p <= SKIPPED; p++)
        if (str_eqz(name, phase_name[p]))
            return p;
    return WAITING;
}

/* ST_NONE: there is no such check. */
static enum status load(struct check *k, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, k->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECK_GET, &r, &a, e, v_type(k), v_account(k->env));
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
    bool over = k->phase == DONE || k->phase == SKIPPED;
    enum status st =
        tx_run(tx, STMT_CHECK_SAVE, &r, a, e, V_STR(str_of(phase_name[k->phase])), V_INT(k->list),
               V_STR(str_of(k->cursor)), V_INT(k->at_ticket), V_INT(k->started_ticket),
               V_INT(k->started_at), V_INT(over ? clock_wall(k->env->world->clock) : 0),
               V_INT(k->compared), k->reason ? V_STR(str_of(k->reason)) : V_NULL, v_type(k),
               v_account(k->env), V_INT(k->c->ticket));

    if (st == ST_OK && r.n_changed == 0)
        return fail(e, ST_CONFLICT, "the check of %s is somebody else's now", k->r->view);
    return st;
}

static enum status clear_piece(struct check *k, int64_t *n, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_CLEAR, &r, &a, e, v_type(k), v_account(k->env), V_INT(PIECE));
    *n = r.n_changed;
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status begin(struct check *k, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t n = PIECE;
    enum status st = ST_OK;

    while (st == ST_OK && n == PIECE)
        st = clear_piece(k, &n, e);
    if (st != ST_OK)
        return st;
    k->phase = WALKING;
    k->started_ticket = k->c->ticket;
    k->started_at = clock_wall(k->env->world->clock);
    st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* ---- comparing ---- */

static bool differs(str object, str other, str key, struct arena *a)
{
    struct json_token x = json_member(object, key), y = json_member(other, key);

    if (x.type == JSON_END || y.type == JSON_END)
        return x.type != y.type;
    return !json_same(x.text, y.text, a);
}

/* The names of the members of `object` that are otherwise in `other`; with `missing` only those
 * that `other` lacks. */
static void name_fields(struct buf *b, str object, str other, bool missing, size_t *n)
{
    ARENA(scratch, 16 << 20);
    struct json_reader r;

    json_init(&r, object);
    (void)json_next(&r);
    for (struct json_token key = json_next(&r); key.type == JSON_KEY; key = json_next(&r)) {
        (void)json_value(&r);
        if (key.escaped || *n >= FIELDS_MAX)
            continue;
        if (missing && json_member(other, key.text).type != JSON_END)
            continue;
        if (!differs(object, other, key.text, &scratch))
            continue;
        buf_printf(b, "%s%.*s", *n ? "," : "", STR_ARG(key.text));
        ++*n;
    }
}

static str fields_of(str theirs, str ours, struct arena *a)
{
    BUF(b, 4096);
    size_t n = 0;

    name_fields(&b, theirs, ours, false, &n);
    name_fields(&b, ours, theirs, true, &n);
    return arena_copy(a, buf_str(&b));
}

static enum status note(struct check *k, struct tx *tx, str id, const char *what, int64_t revision,
                        str fields, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_DRIFT_PUT, NULL, a, e, v_type(k), v_account(k->env), V_STR(id),
                  V_STR(str_of(what)), V_INT(revision), V_STR(fields.n ? fields : S("")),
                  V_INT(clock_wall(k->env->world->clock)));
}

/* A list's element beside its row. What is the same is known to be so as of the page's ticket; a
 * row that got its state after the page was asked for says nothing about the page. */
static enum status compare(struct check *k, struct tx *tx, const struct page_item *item,
                           struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OBJECT_FIND, &r, a, e, V_STR(item->type), v_account(k->env),
                            V_STR(item->id));

    if (st != ST_OK)
        return st;
    k->compared++;
    if (r.n_rows && row_int(&r, 0, 1) == 2) /* erased (erase.h): it is not to come back */
        return ST_OK;
    if (r.n_rows == 0)
        return note(k, tx, item->id, "missing", 0, S(""), a, e);
    int64_t ticket = row_int(&r, 0, 0), revision = row_int(&r, 0, 2);
    if (ticket > k->c->ticket || revision > k->c->ticket)
        return ST_OK;
    if (row_int(&r, 0, 1))
        return note(k, tx, item->id, "back", revision, S(""), a, e);
    str ours = row_str(&r, 0, 3);
    if (!str_eq(ours, item->data) && !json_same(ours, item->data, a))
        return note(k, tx, item->id, "changed", revision, fields_of(item->data, ours, a), a, e);
    return tx_run(tx, STMT_OBJECT_TOUCH, NULL, a, e, V_INT(k->c->ticket),
                  V_INT(clock_wall(k->env->world->clock)), V_STR(item->type), v_account(k->env),
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
        k->phase = resource_fetchable(k->r) ? UNSEEN : CONFIRMING;
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
    if (page.has_more && (!last.n || last.n > ID_MAX || str_eqz(last, k->cursor)))
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
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    k->phase = SKIPPED;
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

static enum status note_unseen(struct check *k, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_UNSEEN, &r, &a, e, v_type(k), v_account(k->env),
                    V_INT(k->started_ticket), V_INT(k->at_ticket), V_STR(str_of(k->cursor)),
                    V_INT(PIECE));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows && st == ST_OK && !planted(PLANT_UNSEEN_FORGOTTEN); i++)
        st = note(k, &tx, row_str(&r, i, 0), "gone", 0, S(""), &a, e);
    if (r.n_rows == PIECE) {
        k->at_ticket = row_int(&r, PIECE - 1, 1);
        snprintf(k->cursor, sizeof k->cursor, "%.*s", STR_ARG(row_str(&r, PIECE - 1, 0)));
    } else {
        k->phase = CONFIRMING;
        k->cursor[0] = '\0';
    }
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* ---- confirming ---- */

struct candidate {
    char id[ID_MAX + 1];
    bool gone;
    int64_t revision;
};

static enum status find_candidates(struct check *k, struct candidate *out, size_t *n,
                                   struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, k->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_NEXT, &r, &a, e, v_type(k), v_account(k->env),
                    V_INT(k->paced ? 1 : CONFIRM_PIECE));
    *n = st == ST_OK ? r.n_rows : 0;
    for (size_t i = 0; i < *n; i++) {
        snprintf(out[i].id, sizeof out[i].id, "%.*s", STR_ARG(row_str(&r, i, 0)));
        out[i].gone = str_eqz(row_str(&r, i, 1), "gone");
        out[i].revision = row_int(&r, i, 2);
    }
    return st;
}

/* What the object's own GET says beside the row; NULL: no difference. */
static const char *judge(const struct api_answer *got, const struct rows *row, str *fields,
                         struct arena *a)
{
    bool there = row->n_rows && !row_int(row, 0, 1);
    str theirs = str_trim(got->http.body);

    *fields = S("");
    if (got->meaning == API_GONE || json_bool(theirs, S("deleted")) == JSON_TRUE)
        return there ? "gone" : NULL;
    if (!there)
        return row->n_rows ? "back" : "missing";
    str ours = row_str(row, 0, 3);
    if (str_eq(ours, theirs) || json_same(ours, theirs, a))
        return NULL;
    *fields = fields_of(theirs, ours, a);
    return "changed";
}

static enum status drop(struct check *k, struct tx *tx, str id, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_DRIFT_DROP, NULL, a, e, v_type(k), v_account(k->env), V_STR(id));
}

/* A difference: it is made due, and a deletion that a person permitted is no matter of the fuse. */
static enum status settle(struct check *k, struct tx *tx, str id, const char *what, str fields,
                          struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_OBJECT, str_of(k->r->type), id },
                          .lane = LANE_BACKFILL,
                          .cause = "check" };
    enum status st =
        tx_run(tx, STMT_DRIFT_SETTLE, NULL, a, e, V_STR(str_of(what)),
               V_STR(fields.n ? fields : S("")), v_type(k), v_account(k->env), V_STR(id));

    if (st == ST_OK && k->repair && k->permitted && strcmp(what, "gone") == 0)
        st = counter_add(tx, COUNTER_FUSE_PERMITTED, 1, NULL, a, e);
    return st == ST_OK && k->repair ? due_mark(tx, k->env, &m, a, e) : st;
}

/* Work that is due for the object will see to it by itself; a row that changed has seen to it. */
static enum status is_news(struct check *k, struct tx *tx, const struct candidate *c,
                           struct rows *row, bool *news, struct arena *a, struct error *e)
{
    struct rows due;
    enum status st =
        tx_run(tx, STMT_OBJECT_FIND, row, a, e, v_type(k), v_account(k->env), V_STR(str_of(c->id)));

    if (st == ST_OK)
        st = tx_run(tx, STMT_DUE_GET, &due, a, e, V_STR(S("object")), v_type(k),
                    V_STR(str_of(c->id)), v_account(k->env));
    if (st != ST_OK)
        return st;
    bool is_due = due.n_rows && row_int(&due, 0, 1) < row_int(&due, 0, 0) && !row_int(&due, 0, 2);
    bool moved = row->n_rows && row_int(row, 0, 2) > k->c->ticket;
    *news = !is_due && !moved;
    return ST_OK;
}

static enum status decide(struct check *k, const struct candidate *c, const struct api_answer *got,
                          struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows row = { 0 };
    const char *what = NULL;
    str fields = { 0 };
    bool news = false;
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = is_news(k, &tx, c, &row, &news, a, e);
    if (st == ST_OK && got->meaning == API_OK)
        st = due_seen(&tx, k->env, str_of(k->r->type), str_of(c->id), a, e);
    if (st == ST_OK && news)
        what = judge(got, &row, &fields, a);
    if (st == ST_OK)
        st = what ? settle(k, &tx, str_of(c->id), what, fields, a, e)
                  : drop(k, &tx, str_of(c->id), a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status extend(struct check *k, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, k->env, k->c, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status confirm(struct check *k, const struct candidate *c, struct error *e)
{
    ARENA(a, DRIFT_PAGE_BYTES_MAX);
    struct api_answer got = { .meaning = API_OK };
    str path = path_object(k->r, str_of(c->id), k->env->identity.account, &a);
    enum status st = extend(k, e);

    if (st == ST_OK)
        st = api_get_expanded(k->env, path, S(""), path_expand(k->r->expand, "", &a), k->c->lane,
                              S("check"), &got, &a, e);
    if (st == ST_OK && got.meaning == API_GONE)
        st = env_prove_again(k->env, e);
    if (st != ST_OK)
        return st;
    if (got.meaning != API_OK && got.meaning != API_GONE)
        return fail(e, ST_RETRY, "%s", got.why);
    return decide(k, c, &got, &a, e);
}

/* What has no address of its own is believed as the list showed it, and mended by a walk. */
static enum status believe_all(struct check *k, const struct candidate *c, size_t n,
                               struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = tx_run(&tx, STMT_DRIFT_SETTLE, NULL, &a, e, V_STR(S("changed")), V_STR(S("")),
                    v_type(k), v_account(k->env), V_STR(str_of(c[i].id)));
    str rest = str_of(k->r->list_query ? k->r->list_query : ""), variant;
    while (k->repair && n && st == ST_OK && rest.p) {
        rest = str_cut(rest, '|', &variant);
        st = walk_want(&tx, k->env, k->r, variant, true, LANE_BACKFILL, &a, e);
    }
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status end(struct check *k, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    k->phase = DONE;
    if (st == ST_OK)
        st = save(k, &tx, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status confirm_some(struct check *k, struct error *e)
{
    struct candidate c[CONFIRM_PIECE];
    size_t n = 0;
    enum status st = find_candidates(k, c, &n, e);

    if (st != ST_OK || n == 0)
        return st == ST_OK ? end(k, e) : st;
    if (!resource_fetchable(k->r))
        return believe_all(k, c, n, e);
    for (size_t i = 0; i < n && st == ST_OK && !env_stopping(k->env); i++)
        st = confirm(k, &c[i], e);
    return st;
}

/* ---- the work ---- */

static enum status step(struct check *k, struct error *e)
{
    switch (k->phase) {
    case WAITING: return begin(k, e);
    case WALKING: return walk_page(k, e);
    case UNSEEN: return note_unseen(k, e);
    case CONFIRMING: return confirm_some(k, e);
    case DONE:
    case SKIPPED: return ST_OK;
    }
    return fail(e, ST_BROKEN, "a check in no phase");
}

static enum status finish(struct check *k, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_finish(&tx, k->env, k->c, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_COUNT, &r, &a, e, v_type(k), v_account(k->env));
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
    while (st == ST_OK && k.phase != DONE && k.phase != SKIPPED) {
        struct error why = { 0 };
        enum phase before = k.phase;
        if (env_stopping(env))
            return due_release(env, c, e);
        st = step(&k, &why);
        if (st == ST_OK && k.phase != DONE && k.phase != SKIPPED)
            st = extend(&k, &why);
        if (st != ST_OK)
            return on_failure(&k, st, &why, e);
        if (k.phase == CONFIRMING && before != CONFIRMING) /* what is on its way may arrive */
            return due_postpone(env, c, env->set.confirm_ms, e);
        if (k.paced && before != WAITING)
            return due_postpone(env, c, PACED_MS, e);
    }
    return st == ST_OK ? finish(&k, e) : st;
}

/* ---- for people ---- */

static str state_of(const struct rows *r, size_t i, struct drift_counts *n)
{
    n->found++;
    if (!row_int(r, i, 4) || row_cell(r, i, 5)->type == VAL_NULL)
        return S("found");
    if (row_int(r, i, 6) >= row_int(r, i, 5)) {
        n->mended++;
        return S("mended");
    }
    n->failed += row_int(r, i, 7) != 0;
    return row_int(r, i, 7) ? S("failed") : S("pending");
}

static void write_difference(const struct rows *r, size_t i, const struct resource *res,
                             struct drift_counts *n, struct buf *out)
{
    struct json_writer w = { .b = out };
    str rest = row_str(r, i, 2), field;

    jw_object(&w);
    jw_put_str(&w, "type", str_of(res->type));
    jw_put_str(&w, "id", row_str(r, i, 0));
    jw_put_str(&w, "what", row_str(r, i, 1));
    jw_key(&w, S("fields"));
    jw_array(&w);
    while (rest.n) {
        rest = str_cut(rest, ',', &field);
        jw_str(&w, field);
    }
    jw_end(&w);
    jw_put_int(&w, "found_at", row_int(r, i, 3));
    jw_key(&w, S("state"));
    str state = state_of(r, i, n);
    jw_str(&w, state);
    if (str_eqz(state, "failed")) {
        jw_put_str(&w, "error", row_str(r, i, 8));
    }
    jw_end(&w);
    buf_char(out, '\n');
}

enum status drift_report(struct env *env, const struct resource *r, struct buf *out,
                         struct drift_counts *counts, struct error *e)
{
    char after[ID_MAX + 1] = "";
    size_t n = PIECE;

    while (n == PIECE) {
        ARENA(a, SMALL_BYTES);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows rows;
        enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_DRIFT_PAGE, &rows, &a, e, V_STR(str_of(r->type)), v_account(env),
                        V_STR(str_of(after)), V_INT(PIECE));
        if (st != ST_OK)
            return st;
        n = rows.n_rows;
        for (size_t i = 0; i < n; i++)
            write_difference(&rows, i, r, counts, out);
        if (n)
            snprintf(after, sizeof after, "%.*s", STR_ARG(row_str(&rows, n - 1, 0)));
    }
    if (out->failed)
        return fail(e, ST_LIMIT, "the differences do not fit into one answer: name a type");
    return ST_OK;
}

/* ---- by the clock ---- */

/* What no event tells of is looked at more often. */
static msec interval_of(const struct env *env, const struct resource *r)
{
    return r->events[0] ? env->set.check_ms : env->set.relist_ms;
}

enum status drift_next(struct env *env, const struct resource **out, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    msec now = clock_wall(env->world->clock);
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    *out = NULL;
    if (st == ST_OK)
        st = tx_run(&tx, STMT_CHECK_DUE, &r, &a, e, v_account(env));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows && !*out; i++) {
        const struct resource *res = resource_by_type(row_str(&r, i, 0));
        if (row_int(&r, i, 2)) /* one at a time */
            return ST_OK;
        if (!res || !drift_checks(env, res) || !interval_of(env, res))
            continue;
        msec since = row_int(&r, i, 1);
        if (now - since >= interval_of(env, res) || since > now + interval_of(env, res))
            *out = res;
    }
    return ST_OK;
}
