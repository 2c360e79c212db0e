#include "catalog/health.h"

#include <stdio.h>
#include <string.h>

static const char *text(const json_t *doc, const char *name)
{
    return json_string_value(json_object_get(doc, name));
}

static bool on_sale(const json_t *doc)
{
    return !json_is_false(json_object_get(doc, "active"));
}

static const json_t *price_by_id(const json_t *prices, const char *id)
{
    const json_t *p;
    size_t i;

    json_array_foreach(prices, i, p)
        if (text(p, "id") && strcmp(text(p, "id"), id) == 0)
            return p;
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Sold in the same currency and rhythm: the one can stand in the other's place. */
static bool same_kind(const json_t *a, const json_t *b)
{
    const json_t *x = json_object_get(a, "recurring"), *y = json_object_get(b, "recurring");

    return same_text(text(a, "currency"), text(b, "currency")) &&
           same_text(text(a, "billing_scheme"), text(b, "billing_scheme")) &&
           same_text(text(x, "interval"), text(y, "interval")) &&
           json_equal(json_object_get(x, "interval_count"), json_object_get(y, "interval_count")) ==
               (x != NULL);
}

/* The only one on sale that could take its place; NULL: none, or several. */
static const json_t *successor_of(const json_t *prices, const json_t *is, bool with_key)
{
    const json_t *p, *found = NULL;
    size_t i;

    json_array_foreach(prices, i, p) {
        if (p == is || !on_sale(p) || (is && !same_kind(p, is)) ||
            (with_key && !text(p, "lookup_key")))
            continue;
        if (found)
            return NULL;
        found = p;
    }
    return found;
}

static void add(json_t *out, const json_t *product, const char *what, const char *price,
                const json_t *successor)
{
    json_t *x =
        json_pack("{s:s, s:s, s:s}", "product", text(product, "id"), "what", what, "price", price);

    if (successor)
        json_object_set_new(x, "successor", json_string(text(successor, "id")));
    json_array_append_new(out, x);
}

static void examine(const json_t *product, json_t *out)
{
    const json_t *prices = json_object_get(product, "prices");
    const char *id = text(product, "default_price");
    const json_t *is = id ? price_by_id(prices, id) : NULL;

    if (!id)
        return;
    if (!is) {
        add(out, product, "default_unknown", id, successor_of(prices, NULL, false));
        return;
    }
    if (!on_sale(is)) {
        const json_t *next = successor_of(prices, is, true);
        add(out, product, "default_archived", id, next ? next : successor_of(prices, is, false));
        return;
    }
    if (!text(is, "lookup_key") && successor_of(prices, is, true))
        add(out, product, "default_superseded", id, successor_of(prices, is, true));
}

json_t *catalog_unsound(const json_t *all, str owner_key, str owner_value)
{
    json_t *out = json_array();
    const json_t *p;
    char key[200];
    size_t i;

    snprintf(key, sizeof key, "%.*s", STR_ARG(owner_key));
    json_array_foreach(json_object_get(all, "products"), i, p) {
        const char *owner = text(json_object_get(p, "metadata"), key);
        if (on_sale(p) && (!owner_key.n || (owner && str_eqz(owner_value, owner))))
            examine(p, out);
    }
    return out;
}
