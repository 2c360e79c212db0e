/* mirror_read.c - one object of the mirror, or a page of them. */
#include "core/mirror/mirror.h"

#include "base/json.h"

static struct object object_of_row(const struct rows *r, size_t i)
{
    return (struct object){ .type = row_str(r, i, 0),
                            .id = row_str(r, i, 1),
                            .data = row_str(r, i, 2),
                            .api_version = row_str(r, i, 3),
                            .source = row_str(r, i, 4),
                            .deleted = row_int(r, i, 5) != 0,
                            .revision = row_int(r, i, 6),
                            .open_lists = row_int(r, i, 7),
                            .fetched_at = row_int(r, i, 8),
                            .changed_at = row_int(r, i, 9) };
}

/* `erased` is left as it is, unless that is why there is none. */
static enum status get_typed(struct tx *tx, struct env *env, str type, str id, struct object *out,
                             bool *erased, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OBJECT_GET, &r, a, e, V_STR(type), v_account(env), V_STR(id));

    if (st != ST_OK)
        return st;
    if (r.n_rows == 0)
        return ST_NONE;
    if (row_int(&r, 0, 5) == 2) {
        *erased = true;
        return ST_NONE;
    }
    *out = object_of_row(&r, 0);
    return ST_OK;
}

static enum status get_untyped(struct tx *tx, struct env *env, str id, struct object *out,
                               bool *erased, struct arena *a, struct error *e)
{
    const struct resource *guess = resource_by_id(id);
    struct rows types;
    enum status st = ST_NONE;

    if (guess)
        st = get_typed(tx, env, str_of(guess->type), id, out, erased, a, e);
    if (st != ST_NONE)
        return st;
    st = tx_run0(tx, STMT_OBJECT_TYPES, &types, a, e);
    if (st != ST_OK)
        return st;
    st = ST_NONE;
    for (size_t i = 0; i < types.n_rows && st == ST_NONE; i++)
        st = get_typed(tx, env, row_str(&types, i, 0), id, out, erased, a, e);
    return st;
}

static enum status look(struct env *env, str type, str id, struct object *out, bool *erased,
                        struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st != ST_OK)
        return st;
    return type.n ? get_typed(&tx, env, type, id, out, erased, a, e)
                  : get_untyped(&tx, env, id, out, erased, a, e);
}

enum status mirror_get(struct env *env, str type, str id, struct object *out, struct arena *a,
                       struct error *e)
{
    bool erased = false;

    enum status st = look(env, type, id, out, &erased, a, e);
    if (st != ST_NONE)
        return st;
    if (erased)
        return fail(e, ST_NONE,
                    "%.*s was erased in environment %s (brindle erase): its id is blocked, and "
                    "nothing brings it back",
                    STR_ARG(id), env->name);
    if (!type.n && !resource_by_id(id))
        return fail(e, ST_NONE,
                    "%.*s is not in the mirror of environment %s, and does not look like an id of "
                    "Stripe: brindle sync TYPE:ID fetches what has an id of its own",
                    STR_ARG(id), env->name);
    return fail(e, ST_NONE,
                "%.*s is not in the mirror of environment %s: brindle sync %.*s%s%s would "
                "fetch it",
                STR_ARG(id), env->name, STR_ARG(id), ENV_ACCOUNT_FLAG(env));
}

enum status mirror_is_erased(struct env *env, str type, str id, bool *out, struct error *e)
{
    ARENA(a, JSON_BYTES_MAX);
    struct object ignored;
    bool erased = false;

    enum status st = look(env, type, id, &ignored, &erased, &a, e);
    if (st != ST_OK && st != ST_NONE)
        return st;
    *out = erased;
    return ST_OK;
}

/* A member's value as text: what a person would write for it. An expanded object is its id. */
static bool matches(const struct mirror_filter *f, str data, struct arena *a)
{
    struct json_token t = json_path(data, f->path);

    switch (t.type) {
    case JSON_STRING: return str_eq(json_unescape(t, a), f->value);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE: return str_eq(t.text, f->value);
    case JSON_NULL:
    case JSON_END: return str_eq(f->value, S("null")) || f->value.n == 0;
    case JSON_OBJECT: return str_eq(json_text(t.text, S("id"), a), f->value);
    case JSON_ARRAY:
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
    case JSON_KEY:
    case JSON_BAD: return false;
    }
    return false;
}

static bool matches_all(const struct mirror_query *q, str data)
{
    for (size_t i = 0; i < q->n_filters; i++) {
        ARENA(scratch, JSON_BYTES_MAX);
        if (!matches(&q->filter[i], data, &scratch))
            return false;
    }
    return true;
}

static struct object object_copy(const struct object *o, struct arena *a)
{
    struct object copy = *o;

    copy.type = arena_copy(a, o->type);
    copy.id = arena_copy(a, o->id);
    copy.data = arena_copy(a, o->data);
    copy.api_version = arena_copy(a, o->api_version);
    copy.source = arena_copy(a, o->source);
    return copy;
}

enum status mirror_list(struct env *env, const struct mirror_query *q, struct object **out,
                        size_t *n, struct arena *a, struct error *e)
{
    enum { PIECE = 200 };
    CLEANUP(tx_end) struct tx tx = { 0 };
    str after = q->after;

    assert(q->limit >= 1 && q->limit <= MIRROR_PAGE_MAX);
    struct object *found = arena_alloc(a, q->limit * sizeof *found);
    if (!found)
        return fail(e, ST_LIMIT, "out of memory for %zu objects", q->limit);
    size_t n_found = 0;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    while (st == ST_OK && n_found < q->limit) {
        ARENA(piece, 256 << 20);
        struct rows r;
        st = tx_run(&tx, STMT_OBJECT_PAGE, &r, &piece, e, V_STR(q->type), v_account(env),
                    V_STR(after), V_INT(q->deleted), V_INT(PIECE));
        for (size_t i = 0; st == ST_OK && i < r.n_rows && n_found < q->limit; i++) {
            struct object o = object_of_row(&r, i);
            if (!matches_all(q, o.data))
                continue;
            found[n_found] = object_copy(&o, a);
            if (!found[n_found++].data.p)
                return fail(e, ST_LIMIT, "the page is too large: ask for fewer objects at once");
        }
        if (st != ST_OK || r.n_rows < PIECE)
            break;
        after = arena_copy(a, row_str(&r, r.n_rows - 1, 1));
        if (!after.p)
            return fail(e, ST_LIMIT, "out of memory for the list");
    }
    if (st != ST_OK)
        return st;
    *out = found;
    *n = n_found;
    return ST_OK;
}
