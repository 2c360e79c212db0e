#include "catalog/kinds.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/plant.h"

const struct op_kind op_kind_table[] = {
    { "price.replace", price_replace_read, price_replace_plan },
    { "price.archive", price_archive_read, price_archive_plan },
    { "price.activate", price_activate_read, price_activate_plan },
    { "price.create", price_create_read, price_create_plan },
    { "price.update", price_update_read, price_update_plan },
    { "product.create", product_create_read, product_create_plan },
    { "product.update", product_update_read, product_update_plan },
    { "product.archive", product_archive_read, product_archive_plan },
    { "product.activate", product_activate_read, product_activate_plan },
    { "product.delete", product_delete_read, product_delete_plan },
};
const size_t op_kind_count = COUNT(op_kind_table);

const struct op_kind *op_kind_by_name(str name)
{
    for (size_t i = 0; i < op_kind_count; i++)
        if (str_eqz(name, op_kind_table[i].name))
            return &op_kind_table[i];
    return NULL;
}

enum status plan_refuse(struct planning *g, enum refusal_name name, const char *next,
                        const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    g->no = (struct refusal){ .name = name,
                              .message = arena_copy(g->a, str_of(text)),
                              .next = arena_copy(g->a, str_of(next)) };
    return ST_REFUSED;
}

/* ---- what the input says -------------------------------------------------------------------- */

enum { INPUT_DEPTH_MAX = 6, NAME_BYTES_MAX = 400 };

str input_text(const struct planning *g, const char *name)
{
    return json_text(g->input, str_of(name), g->a);
}

bool input_on(const struct planning *g, const char *name)
{
    return json_bool(g->input, str_of(name)) == JSON_TRUE;
}

static enum status flatten(struct planning *g, struct pairs *out, str name, struct json_token t,
                           unsigned depth, struct error *e);

static enum status flatten_all(struct planning *g, struct pairs *out, str name, str container,
                               bool is_array, unsigned depth, struct error *e)
{
    struct json_reader r;
    enum status st = ST_OK;

    json_init(&r, container);
    json_next(&r);
    for (int64_t i = 0; st == ST_OK; i++) {
        struct json_token key = { 0 };
        str inner;
        if (!is_array) {
            key = json_next(&r);
            if (key.type != JSON_KEY)
                return ST_OK;
        }
        struct json_token value = json_value(&r);
        if (is_array && value.type == JSON_ARRAY_END)
            return ST_OK;
        str part = is_array ? arena_printf(g->a, "%lld", (long long)i) : json_unescape(key, g->a);
        inner = name.n ? arena_printf(g->a, "%.*s[%.*s]", STR_ARG(name), STR_ARG(part)) : part;
        if (!inner.n || inner.n > NAME_BYTES_MAX)
            return plan_refuse(g, REASON_INVALID_INPUT, "",
                               "A parameter has no name, or one of "
                               "more than %d bytes.",
                               NAME_BYTES_MAX);
        st = flatten(g, out, inner, value, depth + 1, e);
    }
    return st;
}

static enum status flatten(struct planning *g, struct pairs *out, str name, struct json_token t,
                           unsigned depth, struct error *e)
{
    if (depth > INPUT_DEPTH_MAX || t.type == JSON_BAD)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "\"%.*s\" cannot be read.", STR_ARG(name));
    switch (t.type) {
    case JSON_STRING: return pairs_add(out, name, json_unescape(t, g->a), g->a, e);
    case JSON_NULL: return pairs_add(out, name, S(""), g->a, e);
    case JSON_OBJECT: return flatten_all(g, out, name, t.text, false, depth, e);
    case JSON_ARRAY: return flatten_all(g, out, name, t.text, true, depth, e);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE: return pairs_add(out, name, t.text, g->a, e);
    case JSON_END:
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
    case JSON_KEY:
    case JSON_BAD: break;
    }
    return ST_OK;
}

enum status input_pairs(struct planning *g, const char *name, struct pairs *out, struct error *e)
{
    struct json_token t = json_member(g->input, str_of(name));

    if (t.type == JSON_END || t.type == JSON_NULL)
        return ST_OK;
    if (t.type != JSON_OBJECT)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "\"%s\" must be an object.", name);
    return flatten_all(g, out, S(""), t.text, false, 0, e);
}

/* ---- what documents say --------------------------------------------------------------------- */

str doc_text(const struct planning *g, str doc, const char *name)
{
    return json_text(doc, str_of(name), g->a);
}

bool doc_active(str doc)
{
    return json_bool(doc, S("active")) == JSON_TRUE;
}

str doc_ref(const struct planning *g, str doc, const char *name)
{
    struct json_token t = json_member(doc, str_of(name));

    return t.type == JSON_OBJECT ? json_text(t.text, S("id"), g->a) : doc_text(g, doc, name);
}

/* ---- steps ---------------------------------------------------------------------------------- */

enum status plan_full(struct error *e)
{
    return fail(e, ST_LIMIT, "the operation would have more than %d steps", STEPS_MAX);
}

enum status plan_mark(struct planning *g, struct pairs *set, struct error *e)
{
    if (planted(PLANT_MARKER_LOST))
        return ST_OK;
    return pairs_add(set, S("metadata[" MARKER_KEY "]"),
                     arena_printf(g->a, "%.*s/%zu", STR_ARG(g->op), g->plan.n), g->a, e);
}

struct step *plan_default(struct planning *g, str product, str was, str now)
{
    struct step *s = plan_add(&g->plan, STEP_PRODUCT_UPDATE, product);
    struct error ignored = { 0 };

    if (!s || pairs_add(&s->set, S("default_price"), now, g->a, &ignored) != ST_OK)
        return NULL;
    if (now.n)
        s->is =
            arena_printf(g->a, "%.*s is the default price of %.*s", STR_ARG(now), STR_ARG(product));
    else
        s->is = arena_printf(g->a, "%.*s has no default price", STR_ARG(product));
    s->undo_target = product;
    if (pairs_add(&s->undo, S("default_price"), was, g->a, &ignored) != ST_OK)
        return NULL;
    s->undo_needs = was;
    s->mend =
        was.n ? arena_printf(g->a, "brindle product update %.*s --default %.*s", STR_ARG(product),
                             STR_ARG(was))
              : arena_printf(g->a, "brindle product update %.*s --clear-default", STR_ARG(product));
    return s;
}

enum status plan_verify(struct planning *g, struct error *e)
{
    return plan_add(&g->plan, STEP_VERIFY, S("")) ? ST_OK : plan_full(e);
}
