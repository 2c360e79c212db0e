/* promote.c - one environment's catalogue beside another's: what may stand for what, what becomes
 * of each object, and which id became which. Pure. */
#include "catalog/promote.h"

#include <string.h>

#include "catalog/file.h"

static const char *text(const json_t *doc, const char *name)
{
    return json_string_value(json_object_get(doc, name));
}

/* ---- adopting -------------------------------------------------------------------------------- */

/* Both are written by catalog_read: what is the same looks the same, and what is absent is as
 * absent on both sides. */
static bool differs(const json_t *x, const json_t *y, const char *const *member, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *a = json_object_get(x, member[i]), *b = json_object_get(y, member[i]);
        if (a && b ? !json_equal(a, b) : a != b)
            return true;
    }
    return false;
}

/* A meter has another id in each environment. */
static bool recurs_otherwise(const json_t *x, const json_t *y)
{
    static const char *const member[] = { "interval", "interval_count", "usage_type" };
    const json_t *a = json_object_get(x, "recurring"), *b = json_object_get(y, "recurring");

    return !a != !b || differs(a, b, member, COUNT(member)) ||
           !json_object_get(a, "meter") != !json_object_get(b, "meter");
}

const char *promote_conflict(const json_t *carried, const json_t *there)
{
    static const char *const costs[] = {
        "currency",       "unit_amount", "unit_amount_decimal", "tiers",
        "billing_scheme", "tiers_mode",  "transform_quantity",  "custom_unit_amount"
    };
    static const char *const taxed[] = { "tax_behavior" };

    if (!catalog_is_active(there))
        return "it is archived";
    if (differs(carried, there, costs, COUNT(costs)))
        return "costs something else";
    if (recurs_otherwise(carried, there))
        return "recurs otherwise";
    return differs(carried, there, taxed, COUNT(taxed)) ? "is taxed otherwise" : NULL;
}

/* ---- what becomes of each -------------------------------------------------------------------- */

/* Is there a change of what is there already? A new price of a product is none of the product's. */
static bool is_changed(const json_t *changes, const char *kind, const char *member, const char *id)
{
    const json_t *change;
    size_t i;

    json_array_foreach(changes, i, change) {
        const char *of = text(json_object_get(change, "input"), member);
        if (strncmp(text(change, "kind"), kind, strlen(kind)) == 0 && of && strcmp(of, id) == 0)
            return true;
    }
    return false;
}

static void decide(json_t *out, const char *what, const json_t *from, const char *name,
                   const char *decision, const json_t *there)
{
    json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "what", what, "id", text(from, "id"), "name",
                            name, "decision", decision);

    if (there)
        json_object_set_new(one, "there", json_string(text(there, "id")));
    json_array_append_new(out, one);
}

static void decide_product(json_t *out, const json_t *p, const json_t *there, const json_t *changes)
{
    const char *decision = "adopt", *name = text(p, "name");

    if (!catalog_is_active(p))
        decision = "skip";
    else if (!there)
        decision = "create";
    else if (is_changed(changes, "product.", "product", text(there, "id")))
        decision = "update";
    decide(out, "product", p, name ? name : text(p, "id"), decision, there);
}

static void decide_price(json_t *out, const json_t *product, const json_t *p, const json_t *there,
                         const json_t *changes)
{
    const char *decision = "adopt";

    if (!catalog_is_active(product) || !catalog_is_active(p))
        decision = "skip";
    else if (!there)
        decision = "create";
    else if (is_changed(changes, "price.", "price", text(there, "id")))
        decision = "update";
    decide(out, "price", p, catalog_name_of(p), decision, there);
}

json_t *catalog_decisions(const json_t *from, const json_t *to, const json_t *changes)
{
    json_t *out = json_array();
    const json_t *p, *price;
    size_t i, k;

    json_array_foreach(json_object_get(from, "products"), i, p) {
        const json_t *there = catalog_product_by_id(json_object_get(to, "products"), text(p, "id"));
        decide_product(out, p, there, changes);
        json_array_foreach(json_object_get(p, "prices"), k, price)
            decide_price(out, p, price, catalog_price_named(there, catalog_name_of(price)),
                         changes);
    }
    return out;
}

/* ---- what became what ------------------------------------------------------------------------ */

json_t *catalog_map(const json_t *from, const json_t *to)
{
    json_t *products = json_object(), *prices = json_object();
    const json_t *p, *price;
    size_t i, k;

    json_array_foreach(json_object_get(from, "products"), i, p) {
        const json_t *there = catalog_product_by_id(json_object_get(to, "products"), text(p, "id"));
        if (!there)
            continue;
        json_object_set_new(products, text(p, "id"), json_string(text(there, "id")));
        json_array_foreach(json_object_get(p, "prices"), k, price) {
            const json_t *became = catalog_price_named(there, catalog_name_of(price));
            if (became)
                json_object_set_new(prices, text(price, "id"), json_string(text(became, "id")));
        }
    }
    return json_pack("{s:o, s:o}", "products", products, "prices", prices);
}
