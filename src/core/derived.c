#include "core/derived.h"

#include "base/json.h"
#include "core/refs.h"
#include "core/resource.h"
#include "core/state.h"

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 50, /* objects of a transaction */
    REFS_PAGE = 500,
    PIECE_BYTES_MAX = 512 << 20,
    ONE_BYTES_MAX = 64 << 20,
    DERIVED_ID_MAX = 1023,
};

/* Where members of a type live: in which list of which parent. */
struct home {
    const struct resource *parent;
    const char *field; /* NULL: nowhere, or nobody can tell */
};

/* States rest on references: those come first, of all objects. */
enum pass { REFERENCES, STATES };

struct derived {
    enum pass pass;
    struct env *env;
    struct tx *tx;
    struct arena *a;
    const struct resource *r;
    struct home home;
    str type, id;
    int64_t ticket;
    bool alive;
};

static bool is_target(const char *targets, const char *type)
{
    str rest = str_of(targets), one;

    while (rest.p && rest.n) {
        rest = str_cut(rest, '|', &one);
        if (str_eqz(one, type))
            return true;
    }
    return false;
}

static struct home home_of(const struct resource *r)
{
    const struct resource *parent =
        r && r->parent && r->parent_field ? resource_by_type(str_of(r->parent)) : NULL;

    for (size_t i = 0; parent && i < parent->n_references; i++) {
        const struct reference *ref = &parent->reference[i];
        if (ref->kind == REF_MEMBERS && is_target(ref->targets, r->type))
            return (struct home){ parent, ref->path };
    }
    return (struct home){ NULL, NULL };
}

/* ---- references --------------------------------------------------------------------------- */

static void mix(uint64_t *h, str s)
{
    for (size_t i = 0; i < s.n; i++)
        *h = (*h ^ (unsigned char)s.p[i]) * 1099511628211u;
    *h = (*h ^ 0xff) * 1099511628211u;
}

/* FNV-1a over its references, in their order, but for their tickets. */
static enum status print_of(const struct derived *d, uint64_t *out, struct error *e)
{
    ARENA(a, ONE_BYTES_MAX);
    str field = S(""), type = S(""), id = S("");
    struct rows r = { .n_rows = REFS_PAGE };

    *out = 14695981039346656037u;
    while (r.n_rows == REFS_PAGE) {
        enum status st =
            tx_run(d->tx, STMT_REFS_OUT_PAGE, &r, &a, e, V_STR(d->type), v_account(d->env),
                   V_STR(d->id), V_STR(field), V_STR(type), V_STR(id), V_INT(REFS_PAGE));
        if (st != ST_OK)
            return st;
        for (size_t i = 0; i < r.n_rows; i++) {
            mix(out, field = row_str(&r, i, 0));
            mix(out, type = row_str(&r, i, 1));
            mix(out, id = row_str(&r, i, 2));
            *out = (*out ^ (uint64_t)(row_int(&r, i, 3) * 2 + row_int(&r, i, 4))) * 1099511628211u;
        }
    }
    return ST_OK;
}

static enum status add(const struct derived *d, str field, str to_type, str to_id, bool member,
                       bool certain, struct error *e)
{
    return tx_run(d->tx, STMT_REF_ADD, NULL, d->a, e, V_STR(d->type), v_account(d->env),
                  V_STR(d->id), V_STR(field), V_STR(to_type), V_STR(to_id), V_INT(member),
                  V_INT(certain), V_INT(d->ticket));
}

static enum status on_ref(void *ctx, const struct ref *ref, struct error *e)
{
    if (!ref->to_type.n || !ref->to_id.n)
        return ST_OK;
    return add(ctx, ref->field, ref->to_type, ref->to_id, false, ref->kind != REF_GUESS, e);
}

static enum status on_member(void *ctx, const struct ref_member *m, struct error *e)
{
    const struct derived *d = ctx;

    if (!d->alive || !m->type.n || !m->id.n) /* what is gone has let go of its members */
        return ST_OK;
    return add(d, m->field, m->type, m->id, true, false, e);
}

static enum status rewrite_refs(const struct derived *d, str data, bool *differs, struct error *e)
{
    const struct ref_visitor v = { (void *)d, on_ref, on_member, NULL };
    uint64_t before, after;
    enum status st = print_of(d, &before, e);

    if (st == ST_OK)
        st = tx_run(d->tx, STMT_REFS_CLEAR, NULL, d->a, e, V_STR(d->type), v_account(d->env),
                    V_STR(d->id));
    if (st == ST_OK && d->r)
        st = refs_visit(d->r, data, &v, d->a, e);
    if (st == ST_OK)
        st = print_of(d, &after, e);
    *differs = st == ST_OK && before != after;
    return st;
}

/* A member beyond the part of the list that its parent shows is known by what it calls its parent.
 */
static enum status rejoin(const struct derived *d, str data, bool *differs, struct error *e)
{
    struct json_token at = json_path(data, str_of(d->r->parent_field));
    str parent = at.type == JSON_STRING   ? json_unescape(at, d->a)
                 : at.type == JSON_OBJECT ? json_text(at.text, S("id"), d->a)
                                          : (str){ 0 };
    struct rows row, kept = { 0 };

    if (!parent.n)
        return ST_OK;
    enum status st = tx_run(d->tx, STMT_OBJECT_FIND, &row, d->a, e,
                            V_STR(str_of(d->home.parent->type)), v_account(d->env), V_STR(parent));
    if (st != ST_OK || row.n_rows == 0 || row_int(&row, 0, 1))
        return st;
    struct json_token list = json_path(row_str(&row, 0, 3), str_of(d->home.field));
    if (list.type != JSON_OBJECT || json_bool(list.text, S("has_more")) != JSON_TRUE)
        return ST_OK;
    st = tx_run(d->tx, STMT_REF_KEEP, &kept, d->a, e, V_STR(str_of(d->home.parent->type)),
                v_account(d->env), V_STR(parent), V_STR(str_of(d->home.field)), V_STR(d->type),
                V_STR(d->id), V_INT(d->ticket));
    *differs = *differs || kept.n_changed;
    return st;
}

/* ---- a customer's state -------------------------------------------------------------------- */

static enum status value_of(const struct derived *d, str *out, struct error *e)
{
    struct rows r;
    enum status st = tx_run(d->tx, STMT_STATE_GET, &r, d->a, e, V_STR(d->id), v_account(d->env));

    *out = st == ST_OK && r.n_rows ? row_str(&r, 0, 0) : S("");
    return st;
}

static enum status rewrite_state(const struct derived *d, str data, bool *differs, struct error *e)
{
    str before, after;
    enum status st = value_of(d, &before, e);

    if (st == ST_OK)
        st = state_follow(d->tx, d->env, d->type, d->id, data, data, NULL, d->a, e);
    if (st == ST_OK)
        st = value_of(d, &after, e);
    *differs = st == ST_OK && !str_eq(before, after);
    return st;
}

/* ---- all objects --------------------------------------------------------------------------- */

static enum status look_at(struct derived *d, struct derived_counts *n, struct error *e)
{
    bool refs = false, state = false;
    struct rows row;
    enum status st = tx_run(d->tx, STMT_OBJECT_FIND, &row, d->a, e, V_STR(d->type),
                            v_account(d->env), V_STR(d->id));

    if (st != ST_OK || row.n_rows == 0 || row_int(&row, 0, 1) == 2)
        return st;
    d->ticket = row_int(&row, 0, 0);
    d->alive = row_int(&row, 0, 1) == 0;
    str data = row_str(&row, 0, 3);
    if (d->pass == STATES) {
        st = rewrite_state(d, data, &state, e);
        n->states += state;
        return st;
    }
    st = rewrite_refs(d, data, &refs, e);
    if (st == ST_OK && d->alive && d->home.field)
        st = rejoin(d, data, &refs, e);
    n->objects++;
    n->references += refs;
    return st;
}

/* Of a tombstone that an event's last words made, nothing was ever derived. */
static bool is_last_words(const struct rows *r, size_t i)
{
    return row_int(r, i, 5) == 1 && str_eqz(row_str(r, i, 4), "event");
}

static enum status do_piece(struct env *env, enum pass pass, str type, const char *after,
                            bool repair, struct rows *r, struct derived_counts *n, struct arena *a,
                            struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct resource *res = resource_by_type(type);
    struct derived d = {
        .pass = pass, .env = env, .tx = &tx, .a = a, .r = res, .home = home_of(res), .type = type
    };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_PAGE, r, a, e, V_STR(type), v_account(env),
                    V_STR(str_of(after)), V_INT(1), V_INT(PIECE));
    for (size_t i = 0; st == ST_OK && i < r->n_rows; i++) {
        d.id = row_str(r, i, 1);
        st = is_last_words(r, i) ? ST_OK : look_at(&d, n, e);
    }
    return st == ST_OK && repair ? tx_commit(&tx, e) : st; /* else it was never written */
}

static enum status do_type(struct env *env, enum pass pass, str type, bool repair,
                           struct derived_counts *n, struct error *e)
{
    char after[DERIVED_ID_MAX + 1] = "";
    unsigned attempt = 1;

    for (size_t found = PIECE; found == PIECE;) {
        ARENA(a, PIECE_BYTES_MAX);
        struct derived_counts piece = { 0 };
        struct rows r = { 0 };
        if (env_stopping(env))
            return fail(e, ST_RETRY, "interrupted; what was looked at is right");
        enum status st = do_piece(env, pass, type, after, repair, &r, &piece, &a, e);
        if (tx_again(env->world->store, st, attempt)) {
            error_clear(e);
            attempt++;
            continue;
        }
        if (st != ST_OK)
            return st;
        attempt = 1;
        n->objects += piece.objects;
        n->references += piece.references;
        n->states += piece.states;
        found = r.n_rows;
        if (found)
            snprintf(after, sizeof after, "%.*s", STR_ARG(row_str(&r, found - 1, 1)));
    }
    return ST_OK;
}

enum status derived_check(struct env *env, bool repair, struct derived_counts *out, struct error *e)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct derived_counts n = { 0 };
    struct rows types;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_OBJECT_TYPES, &types, &a, e);
    tx_end(&tx);
    for (size_t i = 0; st == ST_OK && i < types.n_rows; i++)
        st = do_type(env, REFERENCES, row_str(&types, i, 0), repair, &n, e);
    if (st == ST_OK)
        st = do_type(env, STATES, S("customer"), repair, &n, e);
    if (st == ST_OK)
        *out = n;
    return st;
}
