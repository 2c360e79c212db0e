#include "core/mirror/sync.h"

#include "base/json.h"
#include "core/due.h"
#include "core/mirror/catchup.h"
#include "core/mirror/followup.h"
#include "core/mirror/mirror.h"
#include "core/mirror/parents.h"
#include "core/mirror/walk.h"

#include <stdio.h>
#include <string.h>

enum {
    SYNC_BYTES_MAX = 32 << 20,
};

/* Listed under an object of another type, which its address or a parameter names. */
static bool is_under_parent(const struct resource *r)
{
    return r->list_path && r->parent && (strstr(r->list_path, "{parent}") || r->parent_param);
}

bool sync_walks(const struct identity *id, const struct resource *r)
{
    if (!r->list_path || r->flags & RES_ON_DEMAND || strstr(r->list_path, "{parent}") ||
        r->parent_param)
        return false;
    return !(r->flags & RES_TEST_ONLY && id->livemode);
}

/* All variants of a type's list that need no parent. */
static enum status want_lists(struct tx *tx, struct env *env, const struct resource *r, bool again,
                              enum stripe_lane lane, struct sync *out, struct arena *a,
                              struct error *e)
{
    const struct walk_order o = { .again = again, .lane = lane };
    enum status st = ST_OK;

    for (str rest = str_of(r->list_query ? r->list_query : ""), variant; rest.p && st == ST_OK;) {
        rest = str_cut(rest, '|', &variant);
        st = walk_want(tx, env, r, variant, &o, a, e);
        out->n_walks++;
    }
    return st;
}

static enum status want_type(struct tx *tx, struct env *env, const struct resource *r, bool again,
                             enum stripe_lane lane, struct sync *out, struct arena *a,
                             struct error *e)
{
    if (r->flags & RES_SINGLETON) {
        struct due_mark m = { .key = { DUE_OBJECT, str_of(r->type), str_of(r->type) },
                              .lane = lane,
                              .cause = "sync" };
        return due_mark(tx, env, &m, a, e);
    }
    if (!r->list_path)
        return fail(e, ST_INVALID, "%s cannot be listed: it comes with the objects that name it",
                    r->view);
    if (is_under_parent(r)) {
        out->n_walks++;
        return parents_want(
            tx, env, r, &(struct walk_order){ .again = again, .lane = lane, .named = true }, a, e);
    }
    return want_lists(tx, env, r, again, lane, out, a, e);
}

/* No list shows the account that the key belongs to. (A connected one is the platform's object.) */
static enum status want_own_account(struct tx *tx, struct env *env, const struct resource *r,
                                    enum stripe_lane lane, struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_OBJECT, str_of(r->type), str_of(env->identity.account) },
                          .lane = lane,
                          .cause = "sync" };

    return due_mark(tx, env, &m, a, e);
}

static enum status want_everything(struct tx *tx, struct env *env, bool again,
                                   enum stripe_lane lane, struct sync *out, struct arena *a,
                                   struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        const struct resource *r = &resource_table[i];
        bool singleton = r->flags & RES_SINGLETON && r->flags & RES_CORE && r->get_path;
        if (strcmp(r->type, "account") == 0 && !env->root)
            st = want_own_account(tx, env, r, lane, a, e);
        if (st == ST_OK && (singleton || sync_walks(&env->identity, r)))
            st = want_type(tx, env, r, again, lane, out, a, e);
        else if (st == ST_OK && parents_hide(r)) {
            st = parents_want(tx, env, r, &(struct walk_order){ .again = again, .lane = lane }, a,
                              e);
            out->n_walks++;
        }
    }
    return st;
}

/* "price:gold-monthly" names the type of an id that does not show it. */
static enum status object_of_arg(str arg, struct sync_object *out, struct error *e)
{
    str id = arg, head;
    str tail = str_cut(arg, ':', &head);
    const struct resource *r = tail.p ? resource_by_name(head) : resource_by_id(arg);

    if (r && tail.p)
        id = tail;
    if (!r || !id.n || id.n >= sizeof out->id)
        return fail(e, ST_INVALID,
                    "%.*s is neither a type nor an id whose prefix is known: write TYPE:ID, for "
                    "instance price:gold-monthly",
                    STR_ARG(arg));
    if (!resource_fetchable(r))
        return fail(e, ST_INVALID, "%s cannot be fetched by id: sync the %s it belongs to", r->view,
                    r->parent ? r->parent : "object");
    *out =
        (struct sync_object){ .kind = strcmp(r->type, "customer") == 0 ? DUE_CUSTOMER : DUE_OBJECT,
                              .type = r->type };
    memcpy(out->id, id.p, id.n);
    return ST_OK;
}

/* Somebody waits for a single object: it goes before everything else. */
static enum status want_object(struct tx *tx, struct env *env, str arg, struct sync *out,
                               struct arena *a, struct error *e)
{
    struct sync_object *o = &out->object[out->n_objects];
    enum status st = object_of_arg(arg, o, e);

    if (st != ST_OK)
        return st;
    struct due_mark m = { .key = { o->kind, str_of(o->type), str_of(o->id) },
                          .lane = LANE_USER,
                          .cause = "sync" };
    st = due_mark(tx, env, &m, a, e);
    if (st == ST_OK)
        st = due_generation(tx, env, &m.key, &o->gen, a, e);
    assert(st != ST_NONE);
    out->n_objects++;
    return st;
}

static enum status want_arg(struct tx *tx, struct env *env, str arg, bool again,
                            enum stripe_lane lane, struct sync *out, struct arena *a,
                            struct error *e)
{
    const struct resource *r = resource_by_name(arg);

    return r ? want_type(tx, env, r, again, lane, out, a, e) : want_object(tx, env, arg, out, a, e);
}

enum status sync_start(struct env *env, const str *arg, size_t n, bool again, enum stripe_lane lane,
                       struct sync *out, struct error *e)
{
    ARENA(a, SYNC_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sync s = { .since = clock_wall(env->world->clock) };

    assert(n <= SYNC_ARGS_MAX);
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK && n == 0)
        st = want_everything(&tx, env, again, lane, &s, &a, e);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = want_arg(&tx, env, arg[i], again, lane, &s, &a, e);
    if (st == ST_OK && n == 0) /* from here on events are followed: what the lists show is older */
        st = catchup_want(&tx, env, &a, e);
    if (st == ST_OK && s.n_objects < (n ? n : 1))
        st = followup_want_chase(&tx, env, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    *out = s;
    env_ring(env);
    return ST_OK;
}

static enum status recall_object(struct tx *tx, struct env *env, str arg, struct sync *out,
                                 struct arena *a, struct error *e)
{
    struct sync_object *o = &out->object[out->n_objects++];
    enum status st = object_of_arg(arg, o, e);
    const struct due_key key = { o->kind, str_of(o->type), str_of(o->id) };

    if (st == ST_OK)
        st = due_generation(tx, env, &key, &o->gen, a, e);
    if (st != ST_NONE)
        return st;
    error_clear(e);
    return fail(e, ST_INVALID, "%.*s was never asked for", STR_ARG(arg));
}

enum status sync_recall(struct env *env, const str *arg, size_t n, int64_t since, struct sync *out,
                        struct error *e)
{
    ARENA(a, SYNC_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sync s = { .since = since, .n_walks = n == 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    assert(n <= SYNC_ARGS_MAX);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        if (resource_by_name(arg[i]))
            s.n_walks++;
        else
            st = recall_object(&tx, env, arg[i], &s, &a, e);
    }
    if (st == ST_OK)
        *out = s;
    return st;
}

/* ---- progress ----------------------------------------------------------------------------------
 */

/* Of a row of walks_tally.sql. */
enum { TYPE, RANK, REASON, OBJECTS, PAGES, LISTS, COMPLETE, SKIPPED, FAILED };

/* The state of a type is that of its least finished list. */
static const char *state_name(int64_t rank)
{
    static const char *const name[] = { "complete", "skipped", "waiting", "walking", "failed" };

    assert(rank >= 0 && rank < (int64_t)COUNT(name));
    return name[rank];
}

static void write_tally(struct json_writer *w, const struct rows *t, size_t i)
{
    const struct resource *r = resource_by_type(row_str(t, i, TYPE));

    jw_object(w);
    jw_put_str(w, "type", row_str(t, i, TYPE));
    jw_put_str(w, "view", r ? str_of(r->view) : row_str(t, i, TYPE));
    jw_put_bool(w, "core", r && r->flags & RES_CORE);
    jw_put_str(w, "state", str_of(state_name(row_int(t, i, RANK))));
    jw_put_int(w, "objects", row_int(t, i, OBJECTS));
    jw_put_int(w, "pages", row_int(t, i, PAGES));
    if (row_str(t, i, REASON).n)
        jw_put_str(w, "reason", row_str(t, i, REASON));
    jw_end(w);
}

/* A type may have a list under each of any number of parents: one row a type, however many. */
static enum status write_walks(struct tx *tx, struct env *env, const struct sync *s,
                               struct sync_progress *p, struct json_writer *w, struct arena *a,
                               struct error *e)
{
    struct rows r = { 0 };
    enum status st = tx_run(tx, STMT_WALKS_TALLY, &r, a, e, v_account(env), V_INT(s->since));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        write_tally(w, &r, i);
        p->objects += row_int(&r, i, OBJECTS);
        p->pages += row_int(&r, i, PAGES);
        p->walks += row_int(&r, i, LISTS);
        p->walks_done += row_int(&r, i, COMPLETE);
        p->walks_skipped += row_int(&r, i, SKIPPED);
        p->walks_failed += row_int(&r, i, FAILED);
    }
    return st;
}

/* Of the objects that were asked for one by one. */
static enum status count_objects(struct env *env, const struct sync *s, struct sync_progress *p,
                                 struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < s->n_objects && st == ST_OK; i++) {
        const struct sync_object *o = &s->object[i];
        const struct due_key key = { o->kind, str_of(o->type), str_of(o->id) };
        bool done = false, dead = false;
        st = due_is_done(env, &key, o->gen, &done, &dead, e);
        p->dead += dead;
        p->due += !done && !dead;
    }
    return st;
}

/* Of what lists, and what they bring about, wait for in the backfill lane. */
static enum status count_backfill(struct tx *tx, const struct env *env, const struct sync *s,
                                  struct sync_progress *p, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_SYNC_PENDING, &r, a, e, V_INT(env->root != NULL),
                            v_account(env), V_INT(s->since));

    if (st == ST_OK) {
        p->due += row_int(&r, 0, 0);
        p->dead += row_int(&r, 0, 1);
        p->looking = row_int(&r, 0, 2);
    }
    return st;
}

static void write_progress_numbers(struct json_writer *w, const struct sync_progress *p)
{
    const struct {
        const char *name;
        int64_t value;
    } number[] = { { "due", p->due },
                   { "dead", p->dead },
                   { "looking", p->looking },
                   { "objects", p->objects },
                   { "pages", p->pages },
                   { "walks", p->walks },
                   { "walks_done", p->walks_done },
                   { "walks_skipped", p->walks_skipped },
                   { "walks_failed", p->walks_failed } };

    for (size_t i = 0; i < COUNT(number); i++) {
        jw_key(w, str_of(number[i].name));
        jw_int(w, number[i].value);
    }
    jw_put_bool(w, "done", p->done);
}

enum status sync_progress(struct env *env, const struct sync *s, struct sync_progress *p,
                          struct buf *out, struct error *e)
{
    ARENA(a, SYNC_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct json_writer w = { .b = out };
    struct sync_progress now = { 0 };

    enum status st = count_objects(env, s, &now, e);
    if (st == ST_OK)
        st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_key(&w, S("types"));
    jw_array(&w);
    st = write_walks(&tx, env, s, &now, &w, &a, e);
    jw_end(&w);
    if (st == ST_OK && s->n_walks)
        st = count_backfill(&tx, env, s, &now, &a, e);
    if (st != ST_OK)
        return st;
    now.done = now.due == 0;
    write_progress_numbers(&w, &now);
    jw_key(&w, S("since"));
    jw_int(&w, s->since);
    jw_end(&w);
    if (out->failed)
        return fail(e, ST_LIMIT, "the progress of so many lists does not fit into one answer");
    *p = now;
    return ST_OK;
}
