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

str input_text(const struct planning *g, const char *name)
{
    return json_text(g->input, str_of(name), g->a);
}

bool input_on(const struct planning *g, const char *name)
{
    return json_bool(g->input, str_of(name)) == JSON_TRUE;
}

enum status input_pairs(struct planning *g, const char *name, struct pairs *out, struct error *e)
{
    struct json_token t = json_member(g->input, str_of(name));

    if (t.type == JSON_END || t.type == JSON_NULL)
        return ST_OK;
    if (t.type != JSON_OBJECT)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "\"%s\" must be an object.", name);
    enum status st = pairs_of(t.text, out, g->a, e);
    if (st != ST_INVALID)
        return st;
    char why[ERROR_TEXT_MAX];
    snprintf(why, sizeof why, "%s", e->text);
    error_clear(e);
    return plan_refuse(g, REASON_INVALID_INPUT, "", "%s", why);
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
