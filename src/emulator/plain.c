#include "emulator/plain.h"

#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

/* NULL: it is listed and given, and no more. */
static const struct plain *plain_of(enum type t)
{
    for (size_t i = 0; i < n_plains_billing; i++)
        if (plains_billing[i]->type == t)
            return plains_billing[i];
    for (size_t i = 0; i < n_plains_money; i++)
        if (plains_money[i]->type == t)
            return plains_money[i];
    return NULL;
}

static const struct plain *plain_named(enum type t)
{
    const struct plain *p = plain_of(t);

    assert(p);
    return p;
}

struct record *plain_make(const struct args *a, enum type t)
{
    const struct plain *p = plain_named(t);
    struct call *c = a->c;
    str id = p->own_id ? arg_str(a, "id") : (str){ 0 };

    if (id.n && record_live(c->space, t, id))
        return refuse(c, 400, "resource_already_exists", NULL, "%s", p->taken);
    json_t *doc = record_shape(c->emu, c->space, t, id.n ? arena_copy(c->arena, id).p : NULL);
    json_t *hidden = json_object();
    if (!fields_apply(a, doc, p->field, p->n_fields) || (p->make && !p->make(a, doc, hidden))) {
        json_decref(doc);
        json_decref(hidden);
        return NULL;
    }
    struct record *r = record_add(c->emu, c->space, t, doc);
    r->hidden = hidden;
    return r;
}

json_t *plain_create(struct call *c)
{
    const struct plain *p = plain_named(c->route->type);
    struct args a = args_of(c);
    struct record *r = plain_make(&a, p->type);

    if (!r)
        return NULL;
    if (p->created)
        emit(c, r, p->created);
    return answer_record(c, r);
}

json_t *plain_get(struct call *c)
{
    struct record *r = path_record(c, c->route->type);

    return r ? answer_record(c, r) : NULL;
}

json_t *plain_update(struct call *c)
{
    const struct plain *p = plain_named(c->route->type);
    struct args a = args_of(c);
    struct record *r = path_record(c, p->type);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!fields_apply(&a, r->doc, p->field, p->n_fields) || (p->change && !p->change(&a, r))) {
        change_abort(r, before);
        return NULL;
    }
    if (p->updated) {
        change_end(c, r, before, p->updated);
    } else {
        json_decref(before);
        record_touch(r);
    }
    return answer_record(c, r);
}

json_t *plain_delete(struct call *c)
{
    const struct plain *p = plain_named(c->route->type);
    struct record *r = path_record(c, p->type);

    if (!r || (p->may_delete && !p->may_delete(c, r)))
        return NULL;
    record_delete(r);
    if (p->deleted)
        emit(c, r, p->deleted);
    return answer_deleted(c, p->type, str_of(r->id));
}

/* --- lists --- */

static bool is_page_param(const char *name)
{
    static const char *const page[] = { "limit",  "starting_after", "ending_before",
                                        "expand", "created",        "owner" };

    for (size_t i = 0; i < COUNT(page); i++)
        if (strcmp(name, page[i]) == 0)
            return true;
    return false;
}

static const char *path_of(const struct plain *p, const char *name)
{
    for (size_t i = 0; p && i < COUNT(p->alias); i++)
        if (p->alias[i][0] && strcmp(p->alias[i][0], name) == 0)
            return p->alias[i][1];
    return name;
}

static bool member_kept(const struct args *a, const char *name, const json_t *want,
                        const json_t *is)
{
    if (json_is_boolean(is) && json_is_string(want))
        return json_is_true(is) == str_eqz(S("true"), json_string_value(want));
    if (json_is_integer(is) || json_is_object(want)) {
        struct range r = arg_range(a, name);
        int64_t at = (int64_t)json_integer_value(is);
        return json_is_integer(is) && at >= r.least && at <= r.most;
    }
    return json_is_string(is) ? json_equal(is, want) : !json_is_null(is);
}

bool plain_kept(struct call *c, struct record *r, const struct plain *p)
{
    struct args a = args_of(c);
    const char *name;
    json_t *want;

    json_object_foreach(c->params, name, want)
    {
        const char *path = is_page_param(name) ? NULL : path_of(p, name);
        const json_t *is = path ? get_path(record_doc(r), path) : NULL;
        if (is && !member_kept(&a, name, want, is))
            return false;
    }
    return !p || !p->keep || p->keep(&a, r);
}

static bool kept(struct call *c, struct record *r, const void *ctx)
{
    return plain_kept(c, r, ctx);
}

/* What a filter names must be there. */
static bool named_ok(struct call *c)
{
    static const struct {
        const char *name;
        enum type type;
    } named[] = { { "customer", T_CUSTOMER },
                  { "invoice", T_INVOICE },
                  { "product", T_PRODUCT },
                  { "subscription", T_SUBSCRIPTION } };
    struct args a = args_of(c);
    str id;

    for (size_t i = 0; i < COUNT(named); i++)
        if (arg_text(&a, named[i].name, &id) && !record_any(c->space, named[i].type, id)) {
            refuse_missing(c, named[i].type, id, named[i].name);
            return false;
        }
    return !c->refused;
}

/* What stands below an object belongs to it. */
json_t *plain_list(struct call *c)
{
    enum type t = c->route->type;
    const char *owner = type_info[t].owner;
    struct args a = args_of(c);
    struct list_query q = { .type = t, .keep = kept, .ctx = plain_of(t) };

    if (c->part[0].n) {
        q.owner = c->part[0];
        q.url = arena_copy(c->arena, c->http->path).p;
    } else if (owner) {
        q.owner = arg_str(&a, owner);
    }
    return named_ok(c) ? answer_list(c, &q) : NULL;
}
