#include "core/mirror/mirror.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/customer/state.h"
#include "core/due.h"
#include "core/environment/acting.h"
#include "core/erasure/erase.h"
#include "core/mirror/followup.h"
#include "core/mirror/hidden.h"
#include "core/mirror/known.h"
#include "core/mirror/references.h"
#include "core/mirror/refs.h"

#include <string.h>

enum {
    NESTED_DEPTH_MAX = 3, /* members of nested lists of members */
    CLOSE_PIECE = 200,
};

static const char *source_name(enum source s)
{
    switch (s) {
    case SOURCE_GET: return "get";
    case SOURCE_LIST: return "list";
    case SOURCE_NESTED: return "nested";
    case SOURCE_EVENT: return "event";
    }
    return "?";
}

/* The row that an answer meets. */
struct row {
    bool there, deleted, erased, hidden;
    int64_t ticket, revision, open_lists;
    msec changed_at;
    str data;
};

/* One answer on its way into the mirror. */
struct put {
    struct tx *tx;
    struct env *env;
    const struct answer *in;
    struct arena *a;
    msec at; /* one moment for all that it writes: a version begins when the one before it ends */
    unsigned depth;
    size_t open_lists;
    unsigned *wanted;      /* targets made due, of the whole answer */
    bool is_new;           /* nobody has seen it before: it has no members yet */
    bool left_to_chase;    /* there were more than one answer may make due */
    bool deleted;          /* it says so itself */
    struct value livemode; /* NULL where the object has no such field */
};

static struct row row_of(const struct rows *r, size_t i, size_t first)
{
    return (struct row){ .there = true,
                         .ticket = row_int(r, i, first),
                         .deleted = row_int(r, i, first + 1) != 0,
                         .erased = row_int(r, i, first + 1) == 2,
                         .revision = row_int(r, i, first + 2),
                         .data = row_str(r, i, first + 3),
                         .open_lists = row_int(r, i, first + 4),
                         .changed_at = row_int(r, i, first + 5),
                         .hidden = row_cell(r, i, first + 6)->type != VAL_NULL };
}

static enum status find_row(struct tx *tx, struct env *env, str type, str id, struct row *out,
                            struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OBJECT_FIND, &r, a, e, V_STR(type), v_account(env), V_STR(id));

    if (st == ST_OK)
        *out = r.n_rows ? row_of(&r, 0, 0) : (struct row){ .there = false };
    return st;
}

/* The same, unless it was found with the others of its page. */
static enum status find_own_row(const struct put *p, struct row *out, struct error *e)
{
    const struct answer *in = p->in;
    int at;

    if (!known_take(in->known, in->type, in->id, &at))
        return find_row(p->tx, p->env, in->type, in->id, out, p->a, e);
    *out = at < 0 ? (struct row){ .there = false }
                  : row_of(&in->known->rows, (size_t)at, KNOWN_ROW_AT);
    return ST_OK;
}

static enum status mark_due(struct tx *tx, struct env *env, str type, str id, const char *cause,
                            struct arena *a, struct error *e)
{
    struct due_mark m = { .key = { DUE_OBJECT, type, id }, .lane = LANE_BACKFILL, .cause = cause };

    return due_mark(tx, env, &m, a, e);
}

/* ---- references and members ------------------------------------------------------------------ */

static enum status put_in(struct put *p, const struct answer *in, enum mirror_result *result,
                          size_t *open_lists, struct error *e);

static bool is_walked(const struct answer *in)
{
    return in->source == SOURCE_LIST && !in->follow;
}

/* A missing target is fetched behind an object that was fetched itself; behind a list page it may
 * well be on the next one: there the chase at the end of the walk looks after it. */
static enum status want_target(struct put *p, const struct ref *ref, struct error *e)
{
    struct rows r;

    if (is_walked(p->in) || !resource_fetchable(resource_by_type(ref->to_type)))
        return ST_OK;
    enum status st = tx_run(p->tx, STMT_OBJECT_EXISTS, &r, p->a, e, V_STR(ref->to_type),
                            v_account(p->env), V_STR(ref->to_id));
    if (st != ST_OK || r.n_rows)
        return st;
    if (planted(PLANT_TARGET_REQUIRED))
        return fail(e, ST_RETRY, "%s refers to what is not here", ref->field.p);
    if ((p->in->depth >= REFS_DEPTH_MAX && !planted(PLANT_CHASE_UNBOUND)) ||
        ++*p->wanted > REFS_FAN_OUT_MAX) {
        p->left_to_chase = true;
        return ST_OK;
    }
    struct due_mark m = { .key = { DUE_OBJECT, ref->to_type, ref->to_id },
                          .lane = LANE_BACKFILL,
                          .cause = "reference",
                          .depth = p->in->depth + 1 };
    return due_mark_once(p->tx, p->env, &m, p->a, e);
}

static enum status add_ref(struct put *p, str field, str to_type, str to_id, bool member,
                           bool certain, struct error *e)
{
    return tx_run(p->tx, STMT_REF_ADD, NULL, p->a, e, V_STR(p->in->type), v_account(p->env),
                  V_STR(p->in->id), V_STR(field), V_STR(to_type), V_STR(to_id), V_INT(member),
                  V_INT(certain), V_INT(p->in->ticket));
}

/* Some objects change because another one does, and no event says so. A list page brings them all
 * by itself. */
static enum status follow_silent(struct put *p, const struct ref *ref, struct error *e)
{
    if (ref->kind != REF_SILENT || is_walked(p->in))
        return ST_OK;
    return mark_due(p->tx, p->env, ref->to_type, ref->to_id, "follows", p->a, e);
}

static enum status on_ref(void *ctx, const struct ref *ref, struct error *e)
{
    struct put *p = ctx;
    bool certain = ref->kind != REF_GUESS;

    if (!ref->to_type.n || !ref->to_id.n)
        return ST_OK;
    enum status st = add_ref(p, ref->field, ref->to_type, ref->to_id, false, certain, e);
    if (st == ST_OK && certain)
        st = want_target(p, ref, e);
    return st == ST_OK ? follow_silent(p, ref, e) : st;
}

/* What is buried takes its words back: an invoice item is pending again. */
static enum status on_last_ref(void *ctx, const struct ref *ref, struct error *e)
{
    return follow_silent(ctx, ref, e);
}

static enum status on_member(void *ctx, const struct ref_member *m, struct error *e)
{
    struct put *p = ctx;
    const struct answer in = { .resource = resource_by_type(m->type),
                               .type = m->type,
                               .id = m->id,
                               .data = m->data,
                               .source = p->in->source == SOURCE_LIST ? SOURCE_LIST : SOURCE_NESTED,
                               .follow = p->in->follow,
                               .ticket = p->in->ticket,
                               .api_version = p->in->api_version,
                               .cause = p->in->cause,
                               .depth = p->in->depth,
                               .pool = p->in->pool,
                               .known = p->in->known };
    enum mirror_result result;

    if (!m->id.n || !m->type.n || p->depth == NESTED_DEPTH_MAX)
        return ST_OK;
    struct put inner = { .tx = p->tx,
                         .env = p->env,
                         .a = p->a,
                         .at = p->at,
                         .depth = p->depth + 1,
                         .wanted = p->wanted };
    enum status st = put_in(&inner, &in, &result, NULL, e);
    return st == ST_OK ? add_ref(p, m->field, m->type, m->id, true, false, e) : st;
}

static enum status on_list(void *ctx, const struct ref_list *l, struct error *e)
{
    struct put *p = ctx;
    size_t left = 1;

    if (l->has_more && !planted(PLANT_NESTED_FIRST_PAGE)) {
        p->open_lists++;
        return ST_OK;
    }
    while (left && !p->is_new) {
        enum status st =
            mirror_close_list(p->tx, p->env, p->in, l->field, p->in->ticket, &left, p->a, e);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status put_refs(struct put *p, bool had_row, struct error *e)
{
    const struct ref_visitor v = { p, on_ref, on_member, on_list };
    enum status st = ST_OK;

    p->is_new = !had_row;
    if (had_row)
        st = tx_run(p->tx, STMT_REFS_CLEAR, NULL, p->a, e, V_STR(p->in->type), v_account(p->env),
                    V_STR(p->in->id));
    if (st != ST_OK || !p->in->resource)
        return st;
    st = refs_visit(p->in->resource, p->in->data, &v, p->a, e);
    return st == ST_OK && p->left_to_chase ? followup_want_chase(p->tx, p->env, p->a, e) : st;
}

static enum status count_open(void *ctx, const struct ref_list *l, struct error *e)
{
    struct put *p = ctx;

    (void)e;
    p->open_lists += l->has_more;
    return ST_OK;
}

/* An object may look the same while something changed beyond the end of a nested list that it shows
 * only the beginning of: such a list is read anew whenever its object was. */
static enum status find_open_lists(struct put *p, struct error *e)
{
    const struct ref_visitor v = { .ctx = p, .list = count_open };

    if (!p->in->resource || planted(PLANT_OPEN_LISTS_FORGOTTEN))
        return ST_OK;
    return refs_visit(p->in->resource, p->in->data, &v, p->a, e);
}

/* ---- the row ----------------------------------------------------------------------------------
 */

static enum status keep_history(struct put *p, const struct row *row, struct error *e)
{
    return tx_run(p->tx, STMT_HISTORY_ADD, NULL, p->a, e, V_STR(p->in->type), v_account(p->env),
                  V_STR(p->in->id), V_INT(row->revision), V_INT(row->changed_at), V_INT(p->at),
                  V_INT(row->deleted), V_STR(str_of(p->in->cause)), V_STR(row->data));
}

/* What the object says of itself, in one pass. */
static void read_self(struct put *p)
{
    static const str path[] = { { "deleted", 7 }, { "livemode", 8 } };
    struct json_token t[COUNT(path)];

    if (!json_paths(p->in->data, path, COUNT(path), t))
        return;
    p->deleted = t[0].type == JSON_TRUE;
    if (t[1].type == JSON_TRUE || t[1].type == JSON_FALSE)
        p->livemode = V_INT(t[1].type == JSON_TRUE);
}

static enum status insert_row(struct put *p, int64_t revision, struct error *e)
{
    const struct answer *in = p->in;

    return tx_run(p->tx, STMT_OBJECT_INSERT, NULL, p->a, e, V_STR(in->type), v_account(p->env),
                  V_STR(in->id), V_STR(in->data), V_INT(0), V_INT(revision), V_INT(in->ticket),
                  V_INT(p->at), V_STR(in->api_version), V_STR(str_of(source_name(in->source))),
                  V_INT(0), p->livemode);
}

static enum status update_row(struct put *p, int64_t revision, struct error *e)
{
    const struct answer *in = p->in;

    return tx_run(p->tx, STMT_OBJECT_UPDATE, NULL, p->a, e, V_STR(in->data), V_INT(0),
                  V_INT(revision), V_INT(in->ticket), V_INT(p->at), V_STR(in->api_version),
                  V_STR(str_of(source_name(in->source))), V_INT(0), p->livemode, V_STR(in->type),
                  v_account(p->env), V_STR(in->id));
}

/* The number of open lists is known only after the members were stored. */
static enum status note_open_lists(struct put *p, struct error *e)
{
    if (!p->open_lists)
        return ST_OK;
    return tx_run(p->tx, STMT_OBJECT_OPEN_LISTS, NULL, p->a, e, V_INT((int64_t)p->open_lists),
                  V_STR(p->in->type), v_account(p->env), V_STR(p->in->id));
}

/* A connected account that Stripe shows is known from now on. */
static enum status note_account(struct put *p, struct error *e)
{
    if (!p->env->connect || p->depth || !str_eqz(p->in->type, "account") ||
        str_eqz(p->in->id, p->env->identity.account))
        return ST_OK;
    return account_found(p->tx, p->env, p->in->id, p->a, e);
}

static enum status write_row(struct put *p, const struct row *row, struct error *e)
{
    int64_t revision;
    enum status st = sequence_take(p->tx, p->in->pool, &revision, p->a, e);

    if (st == ST_OK && row->there)
        st = keep_history(p, row, e);
    if (st == ST_OK)
        st = row->there ? update_row(p, revision, e) : insert_row(p, revision, e);
    if (st == ST_OK)
        st = put_refs(p, row->there, e);
    if (st == ST_OK)
        st = note_open_lists(p, e);
    if (st == ST_OK && !p->deleted)
        st = note_account(p, e);
    if (st != ST_OK || p->depth || p->in->source == SOURCE_NESTED || p->in->state_later)
        return st; /* its parent follows, or the whole piece does */
    if (p->in->states)
        return state_note(p->tx, p->env, p->in->type, p->in->id, row->data, p->in->data,
                          p->in->pool, p->in->states, p->a, e);
    if (planted(PLANT_STATE_APART))
        st = tx_split(p->tx, st, e);
    if (st != ST_OK)
        return st;
    return state_follow(p->tx, p->env, p->in->type, p->in->id, row->data, p->in->data, p->in->pool,
                        p->a, e);
}

static bool same_content(str x, str y, struct arena *a)
{
    return str_eq(x, y) || json_same(x, y, a);
}

static enum status note_dropped(struct put *p, const char *reason, struct error *e)
{
    return tx_run(p->tx, STMT_DROPPED_ADD, NULL, p->a, e, V_STR(p->in->type), v_account(p->env),
                  V_STR(p->in->id), V_INT(p->in->ticket), V_INT(p->at),
                  V_STR(str_of(source_name(p->in->source))), V_STR(str_of(reason)));
}

/* An answer to an earlier request than the row's: what it says is old news. */
static enum status drop_stale(struct put *p, bool differs, enum mirror_result *result,
                              struct error *e)
{
    *result = differs && resource_fetchable(p->in->resource) ? MIRROR_STALE_DUE : MIRROR_STALE;
    if (*result == MIRROR_STALE || planted(PLANT_STALE_FORGOTTEN))
        return ST_OK;
    enum status st = note_dropped(p, "overtaken", e);
    return st == ST_OK ? mark_due(p->tx, p->env, p->in->type, p->in->id, "stale", p->a, e) : st;
}

/* Was this answer asked for before the row got what it has? Requests that are under way together
 * may have been read by Stripe in either order: the one that was sent later can bring the older
 * state. (A row's revision is drawn when an answer has arrived, a ticket before the request
 * leaves.) What cannot be fetched again by itself has its parent's order, by tickets alone. */
static bool is_overtaken(const struct answer *in, const struct row *row)
{
    if (planted(PLANT_OVERLAP_TAKEN) || !resource_fetchable(in->resource))
        return false;
    return in->ticket < row->revision;
}

/* A state that belongs to somebody who was erased leaves nothing but a blocked id. */
static enum status write_unless_erased(struct put *p, const struct row *row,
                                       enum mirror_result *result, struct error *e)
{
    bool erased;
    enum status st = erase_on_arrival(p->tx, p->env, p->in, &erased, p->a, e);

    if (st != ST_OK || !erased || planted(PLANT_NEW_OF_ERASED))
        return st == ST_OK ? write_row(p, row, e) : st;
    *result = MIRROR_ERASED;
    return erase_object(p->tx, p->env, p->in->type, p->in->id, p->a, e);
}

/* Only the object's own GET, asked for later than its burial, brings it back. What has no GET of
 * its own lives in its parent's answer, and comes back with that. */
static enum status meet_tombstone(struct put *p, const struct row *row, enum mirror_result *result,
                                  struct error *e)
{
    bool own_get = p->in->source == SOURCE_GET || !resource_fetchable(p->in->resource) ||
                   planted(PLANT_TOMBSTONE_YIELDS);
    bool is_later = (p->in->ticket > row->ticket && !is_overtaken(p->in, row)) ||
                    planted(PLANT_TOMBSTONE_OLD_TICKET);

    if (own_get && is_later) {
        *result = MIRROR_UPDATED;
        return write_unless_erased(p, row, result, e);
    }
    *result = MIRROR_BURIED;
    if (!resource_fetchable(p->in->resource) || planted(PLANT_BURIED_NOT_ASKED))
        return ST_OK;
    enum status st = note_dropped(p, "buried", e);
    return st == ST_OK ? mark_due(p->tx, p->env, p->in->type, p->in->id, "tombstone", p->a, e) : st;
}

static enum status meet_living(struct put *p, const struct row *row, enum mirror_result *result,
                               struct error *e)
{
    const struct answer *in = p->in;
    bool same = same_content(row->data, in->data, p->a);

    if (in->ticket < row->ticket && !planted(PLANT_STALE_TAKEN)) {
        if (same &&
            !planted(PLANT_STALE_FINISHES)) /* somebody reads its lists: this work is not done */
            p->open_lists = (size_t)row->open_lists;
        return drop_stale(p, !same, result, e);
    }
    if (!same && is_overtaken(in, row) && !planted(PLANT_STALE_TAKEN))
        return drop_stale(p, true, result, e);
    if (!same) {
        *result = MIRROR_UPDATED;
        return write_unless_erased(p, row, result, e);
    }
    *result = MIRROR_SAME;
    enum status st = tx_run(p->tx, STMT_OBJECT_TOUCH, NULL, p->a, e, V_INT(in->ticket),
                            V_INT(p->at), V_STR(in->type), v_account(p->env), V_STR(in->id));
    if (st == ST_OK)
        st = note_account(p, e);
    if (st == ST_OK)
        st = find_open_lists(p, e);
    return st == ST_OK ? note_open_lists(p, e) : st;
}

static enum status meet_row(struct put *p, const struct row *row, enum mirror_result *result,
                            struct error *e)
{
    const struct answer *in = p->in;
    bool shown = in->source == SOURCE_LIST && !p->depth;

    if (row->erased && !planted(PLANT_BLOCK_FORGOTTEN)) {
        *result = MIRROR_ERASED;
        return ST_OK;
    }
    if (row->deleted && !row->erased)
        return meet_tombstone(p, row, result, e);
    enum status st =
        row->hidden && shown ? hidden_shown(p->tx, p->env, in->type, in->id, p->a, e) : ST_OK;
    return st == ST_OK ? meet_living(p, row, result, e) : st;
}

static enum status check_mode(const struct put *p, struct error *e)
{
    const struct answer *in = p->in;

    if (p->livemode.type == VAL_NULL || (p->livemode.i != 0) == p->env->identity.livemode)
        return ST_OK;
    return fail(e, ST_REFUSED,
                "%.*s %.*s says livemode %s, but environment %s is in %s mode: it was not stored",
                STR_ARG(in->type), STR_ARG(in->id), p->livemode.i ? "true" : "false", p->env->name,
                p->env->identity.livemode ? "live" : "test");
}

/* The answer says itself that it is deleted. */
static enum status bury_told(struct put *p, struct error *e)
{
    const struct answer in = { .resource = resource_by_type(p->in->type),
                               .type = p->in->type,
                               .id = p->in->id,
                               .data = p->in->data,
                               .source = SOURCE_GET,
                               .ticket = p->in->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = p->in->cause,
                               .known = p->in->known };

    return mirror_bury_as(p->tx, p->env, &in, p->a, e);
}

static enum status put_in(struct put *p, const struct answer *in, enum mirror_result *result,
                          size_t *open_lists, struct error *e)
{
    struct row row;

    p->in = in;
    assert(in->ticket > 0);
    read_self(p);
    enum status st = check_mode(p, e);
    if (st != ST_OK)
        return st;
    if (p->deleted) {
        *result = MIRROR_DELETED;
        return bury_told(p, e);
    }
    st = find_own_row(p, &row, e);
    if (st != ST_OK)
        return st;
    if (row.there) {
        st = meet_row(p, &row, result, e);
    } else {
        *result = MIRROR_INSERTED;
        st = write_unless_erased(p, &row, result, e);
    }
    if (st == ST_OK && open_lists)
        *open_lists = p->open_lists;
    return st;
}

enum status mirror_put(struct tx *tx, struct env *env, const struct answer *in,
                       enum mirror_result *result, size_t *open_lists, struct arena *a,
                       struct error *e)
{
    unsigned wanted = 0;
    struct put p = {
        .tx = tx, .env = env, .a = a, .at = clock_wall(env->world->clock), .wanted = &wanted
    };

    return put_in(&p, in, result, open_lists, e);
}

/* ---- burials -----------------------------------------------------------------------------------
 */

static enum status bury_row(struct put *p, const struct row *row, struct error *e)
{
    const struct ref_visitor v = { .ctx = p, .ref = on_last_ref };
    int64_t revision;
    enum status st = sequence_take(p->tx, p->in->pool, &revision, p->a, e);

    if (st == ST_OK)
        st = keep_history(p, row, e);
    if (st == ST_OK)
        st = tx_run(p->tx, STMT_OBJECT_BURY, NULL, p->a, e, V_INT(revision), V_INT(p->in->ticket),
                    V_INT(p->at), V_STR(p->in->type), v_account(p->env), V_STR(p->in->id));
    if (st == ST_OK && p->in->resource)
        st = refs_visit(p->in->resource, row->data, &v, p->a, e);
    if (st == ST_OK)
        st = state_follow(p->tx, p->env, p->in->type, p->in->id, row->data, (str){ 0 }, p->in->pool,
                          p->a, e);
    return st;
}

/* A member goes as what holds it does: `in` is the parent's answer. */
static enum status bury_member(struct tx *tx, struct env *env, const struct answer *in, str type,
                               str id, int64_t ticket, const char *cause, struct arena *a,
                               struct error *e)
{
    const struct answer member = { .resource = resource_by_type(type),
                                   .type = type,
                                   .id = id,
                                   .source = SOURCE_GET,
                                   .ticket = ticket,
                                   .api_version = S(STRIPE_API_VERSION),
                                   .cause = cause,
                                   .known = in->known };
    enum status st = mirror_bury_as(tx, env, &member, a, e);

    return st == ST_NONE ? ST_OK : st; /* nobody has ever seen it */
}

/* What lived in the object is gone with it: a draft invoice's lines, a customer's cards. What has
 * an address of its own is asked for, the rest is buried, a piece at a time; the next piece follows
 * when the object itself is looked at again. */
static enum status bury_members(struct put *p, struct error *e)
{
    struct rows r;
    enum status st = tx_run(p->tx, STMT_MEMBERS_ALL, &r, p->a, e, V_STR(p->in->type),
                            v_account(p->env), V_STR(p->in->id), V_INT(CLOSE_PIECE));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        str field = row_str(&r, i, 0), type = row_str(&r, i, 1), id = row_str(&r, i, 2);
        st = resource_fetchable(resource_by_type(type))
                 ? mark_due(p->tx, p->env, type, id, "parent", p->a, e)
                 : bury_member(p->tx, p->env, p->in, type, id, p->in->ticket, "parent", p->a, e);
        if (st == ST_OK)
            st = tx_run(p->tx, STMT_MEMBER_DROP, NULL, p->a, e, V_STR(p->in->type),
                        v_account(p->env), V_STR(p->in->id), V_STR(field), V_STR(type), V_STR(id));
    }
    if (st == ST_OK && r.n_rows == CLOSE_PIECE && resource_fetchable(p->in->resource))
        st = mark_due(p->tx, p->env, p->in->type, p->in->id, "members", p->a, e);
    return st;
}

static enum status bury_unknown(struct put *p, struct error *e)
{
    int64_t revision;
    bool erased;
    enum status st = erase_on_arrival(p->tx, p->env, p->in, &erased, p->a, e);

    if (st == ST_OK && erased)
        return erase_object(p->tx, p->env, p->in->type, p->in->id, p->a, e);
    if (st == ST_OK)
        st = sequence_take(p->tx, p->in->pool, &revision, p->a, e);
    if (st == ST_OK)
        st = insert_row(p, revision, e);
    if (st == ST_OK)
        st = tx_run(p->tx, STMT_OBJECT_BURY, NULL, p->a, e, V_INT(revision), V_INT(p->in->ticket),
                    V_INT(p->at), V_STR(p->in->type), v_account(p->env), V_STR(p->in->id));
    if (st != ST_OK) /* a customer may be known by its subscriptions alone */
        return st;
    return state_follow(p->tx, p->env, p->in->type, p->in->id, p->in->data, (str){ 0 }, p->in->pool,
                        p->a, e);
}

enum status mirror_bury(struct tx *tx, struct env *env, str type, str id, int64_t ticket,
                        const char *cause, str remains, struct arena *a, struct error *e)
{
    const struct answer in = { .resource = resource_by_type(type),
                               .type = type,
                               .id = id,
                               .data = remains,
                               .source = SOURCE_GET,
                               .ticket = ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = cause };

    return mirror_bury_as(tx, env, &in, a, e);
}

enum status mirror_bury_as(struct tx *tx, struct env *env, const struct answer *in, struct arena *a,
                           struct error *e)
{
    struct put p = { .tx = tx, .env = env, .in = in, .a = a, .at = clock_wall(env->world->clock) };
    struct row row;

    read_self(&p);
    enum status st = check_mode(&p, e);
    if (st != ST_OK)
        return st;
    st = find_own_row(&p, &row, e);
    if (st != ST_OK)
        return st;
    if (row.erased)
        return ST_OK;
    if (!row.there)
        return in->data.n ? bury_unknown(&p, e) : ST_NONE;
    if (in->ticket < row.ticket || (!row.deleted && is_overtaken(in, &row))) {
        enum mirror_result ignored;
        return drop_stale(&p, !row.deleted, &ignored, e);
    }
    if (row.deleted && (st = bury_members(&p, e)) != ST_OK)
        return st;
    if (row.deleted)
        return tx_run(tx, STMT_OBJECT_TOUCH, NULL, a, e, V_INT(in->ticket), V_INT(p.at),
                      V_STR(in->type), v_account(env), V_STR(in->id));
    st = bury_row(&p, &row, e);
    return st == ST_OK ? bury_members(&p, e) : st;
}

enum status mirror_close_list(struct tx *tx, struct env *env, const struct answer *parent,
                              str field, int64_t ticket, size_t *left, struct arena *a,
                              struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_MEMBERS_UNSEEN, &r, a, e, V_STR(parent->type), v_account(env),
                            V_STR(parent->id), V_STR(field), V_INT(ticket), V_INT(CLOSE_PIECE));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        str type = row_str(&r, i, 0), id = row_str(&r, i, 1);
        st = bury_member(tx, env, parent, type, id, ticket, parent->cause, a, e);
        if (st == ST_OK)
            st = tx_run(tx, STMT_MEMBER_DROP, NULL, a, e, V_STR(parent->type), v_account(env),
                        V_STR(parent->id), V_STR(field), V_STR(type), V_STR(id));
    }
    if (st == ST_OK)
        *left = r.n_rows == CLOSE_PIECE;
    return st;
}
