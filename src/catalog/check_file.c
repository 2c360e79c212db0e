/* check_file.c - is a document a catalogue? Every member that is not known is named, for a misspelt
 * one would otherwise be left out in silence. */
#include "catalog/file.h"

#include <string.h>

static const char *const product_members[] = {
    "id",        "name",       "description",          "active",
    "url",       "unit_label", "statement_descriptor", "tax_code",
    "shippable", "metadata",   "default_price",        "prices",
};
static const char *const price_members[] = {
    "id",
    "lookup_key",
    "currency",
    "unit_amount",
    "unit_amount_decimal",
    "recurring",
    "billing_scheme",
    "tiers",
    "tiers_mode",
    "transform_quantity",
    "custom_unit_amount",
    "currency_options",
    "tax_behavior",
    "nickname",
    "metadata",
    "active",
};

static bool is_one_of(const char *name, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return false;
}

static enum status check_members(const json_t *doc, const char *what, const char *const *known,
                                 size_t n, struct error *e)
{
    const char *name;
    json_t *v;

    if (!json_is_object(doc))
        return fail(e, ST_INVALID, "%s is no object.", what);
    json_object_foreach((json_t *)(uintptr_t)doc, name, v)
        if (!is_one_of(name, known, n))
            return fail(e, ST_INVALID, "%s has a member \"%.40s\" that no catalogue has.", what,
                        name);
    return ST_OK;
}

static enum status check_texts(const json_t *doc, const char *what, const char *const *member,
                               size_t n, struct error *e)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(doc, member[i]);
        if (v && !json_is_string(v) && !json_is_null(v))
            return fail(e, ST_INVALID, "%s: \"%s\" must be a text.", what, member[i]);
    }
    return ST_OK;
}

static enum status check_metadata(const json_t *doc, const char *what, struct error *e)
{
    const json_t *m = json_object_get(doc, "metadata");
    const char *name;
    json_t *v;

    if (m && !json_is_object(m))
        return fail(e, ST_INVALID, "%s: \"metadata\" must be an object of texts.", what);
    json_object_foreach((json_t *)(uintptr_t)m, name, v)
        if (!json_is_string(v))
            return fail(e, ST_INVALID, "%s: metadata \"%.40s\" must be a text.", what, name);
    return ST_OK;
}

static enum status check_price(const json_t *p, const char *product, struct error *e)
{
    static const char *const texts[] = { "id",           "lookup_key",         "currency",
                                         "tax_behavior", "nickname",           "billing_scheme",
                                         "tiers_mode",   "unit_amount_decimal" };
    char what[400];
    const char *key = json_string_value(json_object_get(p, "lookup_key"));
    const char *id = json_string_value(json_object_get(p, "id"));

    snprintf(what, sizeof what, "Price %.100s of %.200s",
             key  ? key
             : id ? id
                  : "(without a name)",
             product);
    enum status st = check_members(p, what, price_members, COUNT(price_members), e);
    if (st == ST_OK)
        st = check_texts(p, what, texts, COUNT(texts), e);
    if (st == ST_OK)
        st = check_metadata(p, what, e);
    if (st != ST_OK)
        return st;
    if (!key && !id)
        return fail(
            e, ST_INVALID,
            "A price of %.200s has neither a lookup_key nor an id: by what would it be known "
            "next time? Give it a lookup_key.",
            product);
    if (json_object_get(p, "unit_amount") && !json_is_integer(json_object_get(p, "unit_amount")))
        return fail(e, ST_INVALID, "%s: \"unit_amount\" must be an integer, in minor units.", what);
    if (json_object_get(p, "active") && !json_is_boolean(json_object_get(p, "active")))
        return fail(e, ST_INVALID, "%s: \"active\" must be true or false.", what);
    return ST_OK;
}

static enum status check_product(const json_t *p, json_t *seen, struct error *e)
{
    static const char *const texts[] = { "id",       "name",         "description",
                                         "url",      "unit_label",   "statement_descriptor",
                                         "tax_code", "default_price" };
    const char *id = json_string_value(json_object_get(p, "id"));
    const json_t *prices = json_object_get(p, "prices"), *price;
    char what[300];
    size_t i;

    if (!id || !*id)
        return fail(e, ST_INVALID,
                    "A product has no \"id\": choose one (letters, digits, - and _).");
    snprintf(what, sizeof what, "Product %.200s", id);
    enum status st = check_members(p, what, product_members, COUNT(product_members), e);
    if (st == ST_OK)
        st = check_texts(p, what, texts, COUNT(texts), e);
    if (st == ST_OK)
        st = check_metadata(p, what, e);
    if (st == ST_OK && json_object_get(seen, id))
        return fail(e, ST_INVALID, "%s stands there twice.", what);
    json_object_set_new(seen, id, json_true());
    if (st == ST_OK && prices && !json_is_array(prices))
        return fail(e, ST_INVALID, "%s: \"prices\" must be an array.", what);
    json_array_foreach(prices, i, price) {
        const char *key = json_string_value(json_object_get(price, "lookup_key"));
        char mark[300];
        if (st == ST_OK)
            st = check_price(price, id, e);
        snprintf(mark, sizeof mark, " key %.200s", key ? key : "");
        if (st == ST_OK && key && json_object_get(seen, mark))
            return fail(e, ST_INVALID, "Two prices have the lookup_key %.200s.", key);
        if (key)
            json_object_set_new(seen, mark, json_true());
    }
    return st;
}

enum status catalog_check(const json_t *file, struct error *e)
{
    static const char *const members[] = { "$schema", "version", "products" };
    const json_t *products = json_object_get(file, "products"), *p;
    json_t *seen = json_object();
    enum status st = check_members(file, "The catalogue", members, COUNT(members), e);
    size_t i;

    if (st == ST_OK && json_integer_value(json_object_get(file, "version")) != CATALOG_VERSION)
        st = fail(e, ST_INVALID, "The catalogue's \"version\" must be %d.", CATALOG_VERSION);
    if (st == ST_OK && !json_is_array(products))
        st = fail(e, ST_INVALID, "The catalogue has no array \"products\".");
    json_array_foreach(products, i, p)
        if (st == ST_OK)
            st = check_product(p, seen, e);
    json_decref(seen);
    return st;
}
