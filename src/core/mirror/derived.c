#include "core/mirror/derived.h"

#include "base/json.h"
#include "core/customer/state_gather.h"
#include "core/customer/user.h"
#include "core/mirror/refs.h"
#include "core/resource.h"

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 50, /* objects of a transaction */
    REFS_PAGE = 500,
    PIECE_BYTES_MAX = 512 << 20,
    ONE_BYTES_MAX = 64 << 20,
    DERIVED_ID_MAX = 1023,
    LISTS_MAX = 16, /* nested ones of one object */
};

/* Where members of a type live: in which list of which parent. */
struct home {
    const struct resource *parent;
    const char *field; /* NULL: nowhere, or nobody can tell */
};

/* States rest on references: those come first, of all objects. */
enum pass { REFERENCES, STATES, USERS };

/* What an object shows of its nested lists. */
struct shown {
    struct ref_member *member; /* without their data */
    size_t n, room;
    struct ref_list list[LISTS_MAX];
    size_t n_lists;
};

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
    struct shown *shown;
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
    struct shown *s = d->shown;
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        struct ref_member *more = arena_alloc(d->a, room * sizeof *more);
        if (!more)
            return fail(e, ST_LIMIT, "out of memory for the members of %.*s", STR_ARG(d->id));
        if (s->n)
            memcpy(more, s->member, s->n * sizeof *more);
        s->member = more;
        s->room = room;
    }
    s->member[s->n++] = *m;
    return add(d, m->field, m->type, m->id, true, false, e);
}

static enum status on_list(void *ctx, const struct ref_list *l, struct error *e)
{
    const struct derived *d = ctx;

    if (d->shown->n_lists == LISTS_MAX)
        return fail(e, ST_LIMIT, "%.*s has more than %d nested lists", STR_ARG(d->id), LISTS_MAX);
    d->shown->list[d->shown->n_lists++] = *l;
    return ST_OK;
}

static enum status rewrite_refs(const struct derived *d, str data, bool *differs, struct error *e)
{
    const struct ref_visitor v = { (void *)d, on_ref, on_member, on_list };
    uint64_t before, after;
    *d->shown = (struct shown){ .n = 0 };
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

static const struct ref_list *list_of(const struct shown *s, str field)
{
    for (size_t i = 0; i < s->n_lists; i++)
        if (str_eq(s->list[i].field, field))
            return &s->list[i];
    return NULL;
}

static bool is_shown(const struct shown *s, str field, str type, str id)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->member[i].id, id) && str_eq(s->member[i].type, type) &&
            str_eq(s->member[i].field, field))
            return true;
    return false;
}

static str parent_of(const struct resource *r, str data, struct arena *a)
{
    struct json_token at = json_path(data, str_of(r->parent_field));

    return at.type == JSON_STRING   ? json_unescape(at, a)
           : at.type == JSON_OBJECT ? json_text(at.text, S("id"), a)
                                    : (str){ 0 };
}

/* Whose list showed it; empty: nobody's that is noted, or it is not here. */
static enum status owner_of(const struct derived *d, str type, str id, str *out, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(d->tx, STMT_OBJECT_OWNED, &r, d->a, e, V_STR(type), v_account(d->env), V_STR(id));

    if (st == ST_OK)
        *out = r.n_rows ? row_str(&r, 0, 0) : (str){ 0 };
    return st;
}

static bool is_entitlements(const struct derived *d, str field)
{
    return str_eqz(d->type, "customer") && str_eqz(field, STATE_ENTITLEMENTS);
}

/* A membership that the object does not show: does anything speak for it? */
static enum status judge_member(const struct derived *d, str field, str type, str id, bool *wrong,
                                struct error *e)
{
    const struct ref_list *list = list_of(d->shown, field);
    struct home home = home_of(resource_by_type(type));
    struct rows r;
    str owner;

    if (is_entitlements(d, field)) {
        enum status st = owner_of(d, type, id, &owner, e);
        *wrong = st == ST_OK && !str_eq(owner, d->id);
        return st;
    }
    *wrong = list && !list->has_more;
    if (!list || *wrong || home.parent != d->r || !str_eqz(field, home.field))
        return ST_OK;
    enum status st =
        tx_run(d->tx, STMT_OBJECT_FIND, &r, d->a, e, V_STR(type), v_account(d->env), V_STR(id));
    if (st == ST_OK)
        *wrong =
            !r.n_rows || !str_eq(parent_of(resource_by_type(type), row_str(&r, 0, 3), d->a), d->id);
    return st;
}

static enum status drop_strangers(const struct derived *d, bool *differs, struct error *e)
{
    str field = S(""), type = S(""), id = S("");
    struct rows r = { .n_rows = REFS_PAGE };

    while (r.n_rows == REFS_PAGE) {
        enum status st =
            tx_run(d->tx, STMT_REFS_OUT_PAGE, &r, d->a, e, V_STR(d->type), v_account(d->env),
                   V_STR(d->id), V_STR(field), V_STR(type), V_STR(id), V_INT(REFS_PAGE));
        for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
            bool wrong = false;
            field = row_str(&r, i, 0), type = row_str(&r, i, 1), id = row_str(&r, i, 2);
            if (row_int(&r, i, 3) && !is_shown(d->shown, field, type, id))
                st = judge_member(d, field, type, id, &wrong, e);
            if (st == ST_OK && wrong)
                st = tx_run(d->tx, STMT_MEMBER_DROP, NULL, d->a, e, V_STR(d->type),
                            v_account(d->env), V_STR(d->id), V_STR(field), V_STR(type), V_STR(id));
            *differs = *differs || wrong;
        }
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status keep_member(const struct derived *d, const char *parent_type, str parent,
                               const char *field, bool *differs, struct error *e)
{
    struct rows kept = { 0 };
    enum status st =
        tx_run(d->tx, STMT_REF_KEEP, &kept, d->a, e, V_STR(str_of(parent_type)), v_account(d->env),
               V_STR(parent), V_STR(str_of(field)), V_STR(d->type), V_STR(d->id), V_INT(d->ticket));

    *differs = *differs || (st == ST_OK && kept.n_changed);
    return st;
}

/* What does not say whose it is was shown by somebody's list. */
static enum status rejoin_owner(const struct derived *d, bool *differs, struct error *e)
{
    str owner;
    enum status st = owner_of(d, d->type, d->id, &owner, e);

    if (st != ST_OK || !owner.n)
        return st;
    return keep_member(d, "customer", owner, STATE_ENTITLEMENTS, differs, e);
}

/* A member beyond the part of the list that its parent shows is known by what it calls its parent.
 */
static enum status rejoin(const struct derived *d, str data, bool *differs, struct error *e)
{
    str parent = parent_of(d->r, data, d->a);
    struct rows row;

    if (!parent.n)
        return ST_OK;
    enum status st = tx_run(d->tx, STMT_OBJECT_FIND, &row, d->a, e,
                            V_STR(str_of(d->home.parent->type)), v_account(d->env), V_STR(parent));
    if (st != ST_OK || row.n_rows == 0 || row_int(&row, 0, 1))
        return st;
    struct json_token list = json_path(row_str(&row, 0, 3), str_of(d->home.field));
    if (list.type != JSON_OBJECT || json_bool(list.text, S("has_more")) != JSON_TRUE)
        return ST_OK;
    return keep_member(d, d->home.parent->type, parent, d->home.field, differs, e);
}

/* ---- a customer's state -------------------------------------------------------------------- */

static enum status value_of(const struct derived *d, str *out, struct error *e)
{
    struct rows r;
    enum status st = tx_run(d->tx, STMT_STATE_GET, &r, d->a, e, V_STR(d->id), v_account(d->env));

    *out = st == ST_OK && r.n_rows ? arena_printf(d->a, "%lld %.*s", (long long)row_int(&r, 0, 5),
                                                  STR_ARG(row_str(&r, 0, 0)))
                                   : S("");
    return st;
}

/* `d->id` is a customer's, whose object may be anywhere. */
static enum status rewrite_state(const struct derived *d, bool *differs, struct error *e)
{
    str before, after;
    enum status st = value_of(d, &before, e);

    if (st == ST_OK)
        st = state_project(d->tx, d->env, d->id, NULL, e);
    if (st == ST_OK)
        st = value_of(d, &after, e);
    *differs = st == ST_OK && !str_eq(before, after);
    return st;
}

/* ---- whose customer is which user's ------------------------------------------------------- */

static enum status rewrite_user(const struct derived *d, str data, struct derived_counts *n,
                                struct error *e)
{
    str user[2] = { user_named_by(d->env, data, d->a), { 0 } };
    bool link = false, row = false;
    enum status st = user_relink(d->tx, d->env, d->id, data, &user[1], &link, d->a, e);

    for (size_t i = 0; st == ST_OK && i < 2; i++) {
        bool differs = false;
        if (user[i].n && (i == 0 || !str_eq(user[0], user[1])))
            st = user_project(d->tx, d->env, user[i], &differs, d->a, e);
        row = row || differs;
    }
    n->users += link || row;
    return st;
}

/* ---- all objects --------------------------------------------------------------------------- */

static enum status is_here(const struct derived *d, bool *here, struct error *e)
{
    struct rows r;
    enum status st = tx_run(d->tx, STMT_OBJECT_FIND, &r, d->a, e, V_STR(S("customer")),
                            v_account(d->env), V_STR(d->id));

    *here = st == ST_OK && r.n_rows != 0;
    return st;
}

/* A customer that is known by its subscriptions alone has a state, too. */
static enum status look_at_owner(const struct derived *d, str data, bool *differs, struct error *e)
{
    struct derived owner = *d;
    struct json_token at = json_member(data, S("customer"));
    bool here = true;

    owner.id = at.type == JSON_STRING ? json_unescape(at, d->a) : (str){ 0 };
    if (!owner.id.n)
        return ST_OK;
    enum status st = is_here(&owner, &here, e);
    return st == ST_OK && !here ? rewrite_state(&owner, differs, e) : st;
}

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
    switch (d->pass) {
    case STATES:
        st = str_eqz(d->type, "customer") ? rewrite_state(d, &state, e)
                                          : look_at_owner(d, data, &state, e);
        n->states += state;
        return st;
    case USERS: return rewrite_user(d, d->alive ? data : (str){ 0 }, n, e);
    case REFERENCES: break;
    }
    st = rewrite_refs(d, data, &refs, e);
    if (st == ST_OK && d->alive)
        st = drop_strangers(d, &refs, e);
    if (st == ST_OK && d->alive && d->home.field)
        st = rejoin(d, data, &refs, e);
    if (st == ST_OK && d->alive)
        st = rejoin_owner(d, &refs, e);
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
    struct shown shown = { .n = 0 };
    struct derived d = { .pass = pass,
                         .env = env,
                         .tx = &tx,
                         .a = a,
                         .r = res,
                         .home = home_of(res),
                         .type = type,
                         .shown = &shown };
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

/* ---- rows that no object leads to --------------------------------------------------------- */

static const struct {
    enum pass pass;
    enum stmt page;
} row_tables[] = { { STATES, STMT_STATES_PAGE },
                   { USERS, STMT_USER_LINKS_PAGE },
                   { USERS, STMT_USERS_PAGE } };

/* A user whom no customer names, and who has one all the same. */
static enum status look_at_user(struct derived *d, struct derived_counts *n, struct error *e)
{
    bool differs = false;
    struct rows r;
    enum status st = tx_run(d->tx, STMT_USER_BEST, &r, d->a, e, v_account(d->env), V_STR(d->id));

    if (st == ST_OK && r.n_rows == 0)
        st = user_project(d->tx, d->env, d->id, &differs, d->a, e);
    n->users += differs;
    return st;
}

static enum status look_at_row(struct derived *d, enum stmt table, struct derived_counts *n,
                               struct error *e)
{
    bool here = false, differs = false;

    if (table == STMT_USERS_PAGE)
        return look_at_user(d, n, e);
    enum status st = is_here(d, &here, e);
    if (st != ST_OK || here) /* its object led to it */
        return st;
    if (table == STMT_USER_LINKS_PAGE)
        return rewrite_user(d, (str){ 0 }, n, e);
    st = rewrite_state(d, &differs, e);
    n->states += differs;
    return st;
}

static enum status do_rows(struct env *env, size_t table, const char *after, bool repair,
                           struct rows *r, struct derived_counts *n, struct arena *a,
                           struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct derived d = {
        .pass = row_tables[table].pass, .env = env, .tx = &tx, .a = a, .type = S("customer")
    };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, row_tables[table].page, r, a, e, v_account(env), V_STR(str_of(after)),
                    V_INT(PIECE));
    for (size_t i = 0; st == ST_OK && i < r->n_rows; i++) {
        d.id = row_str(r, i, 0);
        st = look_at_row(&d, row_tables[table].page, n, e);
    }
    return st == ST_OK && repair ? tx_commit(&tx, e) : st;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* What is looked through, a piece at a time. */
struct course {
    bool rows; /* of row_tables; else objects of a type */
    size_t table;
    enum pass pass;
    str type;
};

static enum status do_course(struct env *env, const struct course *c, bool repair,
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
        enum status st = c->rows
                             ? do_rows(env, c->table, after, repair, &r, &piece, &a, e)
                             : do_piece(env, c->pass, c->type, after, repair, &r, &piece, &a, e);
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
        n->users += piece.users;
        found = r.n_rows;
        if (found)
            snprintf(after, sizeof after, "%.*s", STR_ARG(row_str(&r, found - 1, !c->rows)));
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
        st = do_course(env, &(struct course){ .pass = REFERENCES, .type = row_str(&types, i, 0) },
                       repair, &n, e);
    for (enum pass pass = STATES; st == ST_OK && pass <= USERS; pass++)
        st = do_course(env, &(struct course){ .pass = pass, .type = S("customer") }, repair, &n, e);
    if (st == ST_OK)
        st = do_course(env, &(struct course){ .pass = STATES, .type = S("subscription") }, repair,
                       &n, e);
    for (size_t i = 0; st == ST_OK && i < COUNT(row_tables); i++)
        st = do_course(env, &(struct course){ .rows = true, .table = i }, repair, &n, e);
    if (st == ST_OK)
        *out = n;
    return st;
}
