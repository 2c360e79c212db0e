/* The second look: what a walk found otherwise is asked for by its own GET, when the walk is over,
 * so that a change whose event was on its way is no drift. */
#include "base/json.h"
#include "core/api.h"
#include "core/environment/fuse.h"
#include "core/mirror/drift_check.h"
#include "core/mirror/walk.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    CONFIRM_PIECE = 20, /* GETs between two saves */
    FIELDS_MAX = 10,    /* that are named */
};

/* ---- what differs ---- */

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

str drift_fields(str theirs, str ours, struct arena *a)
{
    BUF(b, 4096);
    size_t n = 0;

    name_fields(&b, theirs, ours, false, &n);
    name_fields(&b, ours, theirs, true, &n);
    return arena_copy(a, buf_str(&b));
}

/* ---- confirming ---- */

struct candidate {
    char id[DRIFT_ID_MAX + 1];
    bool gone;
    int64_t revision;
};

static enum status find_candidates(struct check *k, struct candidate *out, size_t *n,
                                   struct error *e)
{
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, k->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DRIFT_NEXT, &r, &a, e, drift_type(k), drift_account(k->env),
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
    *fields = drift_fields(theirs, ours, a);
    return "changed";
}

static enum status drop(struct check *k, struct tx *tx, str id, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_DRIFT_DROP, NULL, a, e, drift_type(k), drift_account(k->env), V_STR(id));
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
               V_STR(fields.n ? fields : S("")), drift_type(k), drift_account(k->env), V_STR(id));

    if (st == ST_OK && k->repair)
        st = due_mark(tx, k->env, &m, a, e);
    return st == ST_OK && k->repair && k->permitted && strcmp(what, "gone") == 0
               ? fuse_permit(tx, k->env, m.key.type, id, a, e)
               : st;
}

/* Work that is due for the object will see to it by itself; a row that changed has seen to it. */
static enum status is_news(struct check *k, struct tx *tx, const struct candidate *c,
                           struct rows *row, bool *news, struct arena *a, struct error *e)
{
    struct rows due;
    enum status st = tx_run(tx, STMT_OBJECT_FIND, row, a, e, drift_type(k), drift_account(k->env),
                            V_STR(str_of(c->id)));

    if (st == ST_OK)
        st = tx_run(tx, STMT_DUE_GET, &due, a, e, V_STR(S("object")), drift_type(k),
                    V_STR(str_of(c->id)), drift_account(k->env));
    if (st != ST_OK)
        return st;
    bool is_due = due.n_rows && row_int(&due, 0, 1) < row_int(&due, 0, 0) && !row_int(&due, 0, 2);
    bool moved = row->n_rows && row_int(row, 0, 2) > k->c->ticket;
    *news = !is_due && !moved;
    return ST_OK;
}

/* It is there as it was: a list need not show it (hidden.h). */
static enum status touch(struct check *k, struct tx *tx, str id, const struct rows *row,
                         struct arena *a, struct error *e)
{
    bool there = row->n_rows && !row_int(row, 0, 1);

    if (!there || row_int(row, 0, 0) > k->c->ticket || row_int(row, 0, 2) > k->c->ticket)
        return ST_OK;
    return tx_run(tx, STMT_OBJECT_TOUCH, NULL, a, e, V_INT(k->c->ticket),
                  V_INT(clock_wall(k->env->world->clock)), drift_type(k), drift_account(k->env),
                  V_STR(id));
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
    if (st == ST_OK && news && !what && got->meaning == API_OK)
        st = touch(k, &tx, str_of(c->id), &row, a, e);
    if (st == ST_OK)
        st = what ? settle(k, &tx, str_of(c->id), what, fields, a, e)
                  : drop(k, &tx, str_of(c->id), a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status confirm(struct check *k, const struct candidate *c, struct error *e)
{
    ARENA(a, DRIFT_PAGE_BYTES_MAX);
    struct api_answer got = { .meaning = API_OK };
    str path = path_object(k->r, str_of(c->id), k->env->identity.account, &a);
    enum status st = drift_extend(k, e);

    if (st == ST_OK)
        st = api_get_expanded(k->env, path, S(""), path_expand(k->r->expand, "", &a), k->c->lane,
                              S("check"), &got, &a, e);
    if (st == ST_OK && got.meaning == API_GONE)
        st = env_prove_since(k->env, clock_mono(k->env->world->clock), e);
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
    ARENA(a, DRIFT_SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct walk_order again = { .again = true, .lane = LANE_BACKFILL };
    enum status st = tx_begin(&tx, k->env->world->store, TX_WRITE, e);

    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = tx_run(&tx, STMT_DRIFT_SETTLE, NULL, &a, e, V_STR(S("changed")), V_STR(S("")),
                    drift_type(k), drift_account(k->env), V_STR(str_of(c[i].id)));
    str rest = str_of(k->r->list_query ? k->r->list_query : ""), variant;
    while (k->repair && n && st == ST_OK && rest.p) {
        rest = str_cut(rest, '|', &variant);
        st = walk_want(&tx, k->env, k->r, variant, &again, &a, e);
    }
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status drift_confirm_some(struct check *k, bool *over, struct error *e)
{
    struct candidate c[CONFIRM_PIECE];
    size_t n = 0;
    enum status st = find_candidates(k, c, &n, e);

    *over = st == ST_OK && n == 0;
    if (st != ST_OK || n == 0)
        return st;
    if (!resource_fetchable(k->r))
        return believe_all(k, c, n, e);
    for (size_t i = 0; i < n && st == ST_OK && !env_stopping(k->env); i++)
        st = confirm(k, &c[i], e);
    return st;
}
