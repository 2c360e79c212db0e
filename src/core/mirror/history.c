#include "core/mirror/history.h"

#include <time.h>

#include "base/json.h"

enum {
    VERSIONS_PIECE = 20,
    VERSIONS_BYTES_MAX = 256 << 20,
    CHANGES_BYTES_MAX = 1 << 20,
};

/* Without its cause, which stands with the version that it replaced. */
static struct version version_of_row(const struct rows *r, size_t i)
{
    return (struct version){ .revision = row_int(r, i, 0),
                             .since = row_int(r, i, 1),
                             .until = row_int(r, i, 2),
                             .deleted = row_int(r, i, 3) != 0,
                             .data = row_str(r, i, 5) };
}

static struct version version_of_object(const struct object *o)
{
    return (struct version){
        .revision = o->revision, .since = o->changed_at, .deleted = o->deleted, .data = o->data
    };
}

static enum status find_events(struct tx *tx, struct env *env, const struct object *now,
                               struct version *v, msec after, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_INBOX_BETWEEN, &r, a, e, V_STR(now->type), V_STR(now->id), v_account(env),
               V_INT(after), V_INT(v->since), V_INT(HISTORY_EVENTS_MAX));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        v->event[i].id = row_str(&r, i, 0);
        v->event[i].type = row_str(&r, i, 1);
    }
    if (st == ST_OK)
        v->n_events = r.n_rows;
    return st;
}

/* One version, now that the one before it is known, or that there is none. */
static enum status tell(struct tx *tx, struct env *env, const struct object *now, struct version *v,
                        const struct version *older, history_visit *visit, void *ctx,
                        struct arena *a, struct error *e)
{
    enum status st = find_events(tx, env, now, v, older ? older->since : 0, a, e);

    return st == ST_OK ? visit(ctx, v, older, e) : st;
}

/* A piece of the versions before `*v`, which becomes the last of them: its text moves to `keep`. */
static enum status walk_piece(struct env *env, const struct object *now, struct version *v,
                              struct arena *keep, bool *more, history_visit *visit, void *ctx,
                              struct error *e)
{
    ARENA(a, VERSIONS_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct version at = *v;
    struct rows r;

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_HISTORY_PAGE, &r, &a, e, V_STR(now->type), v_account(env),
                    V_STR(now->id), V_INT(at.revision), V_INT(VERSIONS_PIECE));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        struct version older = version_of_row(&r, i);
        at.cause = row_str(&r, i, 4);
        st = tell(&tx, env, now, &at, &older, visit, ctx, &a, e);
        at = older;
    }
    *more = r.n_rows == VERSIONS_PIECE;
    if (st == ST_OK && !*more)
        return tell(&tx, env, now, &at, NULL, visit, ctx, &a, e);
    arena_free(keep);
    at.data = arena_copy(keep, at.data);
    *v = at;
    return st;
}

enum status history_each(struct env *env, const struct object *now, history_visit *visit, void *ctx,
                         struct error *e)
{
    ARENA(keep, VERSIONS_BYTES_MAX);
    struct version v = version_of_object(now);
    enum status st = ST_OK;

    for (bool more = true; st == ST_OK && more;)
        st = walk_piece(env, now, &v, &keep, &more, visit, ctx, e);
    return st;
}

static enum status none_then(struct tx *tx, struct env *env, const struct object *now,
                             struct arena *a, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_HISTORY_FIRST, &r, a, e, V_STR(now->type), v_account(env), V_STR(now->id));

    if (st != ST_OK)
        return st;
    msec first = r.n_rows ? row_int(&r, 0, 0) : now->changed_at;
    time_t seconds = first / 1000;
    struct tm at = { 0 };
    gmtime_r(&seconds, &at);
    return fail(e, ST_NONE,
                "no version of %.*s is known from that time: the oldest one here is of "
                "%04d-%02d-%02dT%02d:%02d:%02dZ",
                STR_ARG(now->id), at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour,
                at.tm_min, at.tm_sec);
}

enum status history_at(struct env *env, const struct object *now, msec at, struct version *out,
                       struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    if (now->changed_at <= at) {
        *out = version_of_object(now);
        return ST_OK;
    }
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_HISTORY_AT, &r, a, e, V_STR(now->type), v_account(env),
                    V_STR(now->id), V_INT(at));
    if (st == ST_OK && r.n_rows == 0)
        return none_then(&tx, env, now, a, e);
    if (st == ST_OK)
        *out = version_of_row(&r, 0);
    return st;
}

/* ---- what changed ------------------------------------------------------------------------- */

static void add_name(struct buf *out, str name)
{
    if (out->n)
        buf_char(out, ' ');
    buf_append(out, name);
}

/* Members of `x` that `y` has not, or, with `differing`, has otherwise. */
static void compare_members(str x, str y, bool differing, struct buf *out)
{
    struct json_reader r;

    json_init(&r, x);
    json_next(&r);
    for (struct json_token key = json_next(&r); key.type == JSON_KEY; key = json_next(&r)) {
        ARENA(scratch, CHANGES_BYTES_MAX);
        struct json_token here = json_value(&r), there = json_member(y, key.text);
        if (there.type == JSON_END || (differing && !json_same(here.text, there.text, &scratch)))
            add_name(out, key.text);
    }
}

void history_changes(const struct version *v, const struct version *older, struct buf *out)
{
    if (v->deleted != older->deleted)
        add_name(out, S("deleted"));
    compare_members(v->data, older->data, true, out);
    compare_members(older->data, v->data, false, out);
}
