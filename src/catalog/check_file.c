/* check_file.c - is a document a catalogue? Every member that is not known is named, for a misspelt
 * one would otherwise be left out in silence. */
#include "catalog/file.h"

#include <stdio.h>
#include <string.h>

enum { WHAT_MAX = 512 };

static const char *const product_members[] = {
    "id",
    "name",
    "description",
    "active",
    "url",
    "unit_label",
    "statement_descriptor",
    "tax_code",
    "shippable",
    "metadata",
    "default_price",
    "prices",
    "images",
    "marketing_features",
    "package_dimensions",
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

static enum status check_flag(const json_t *doc, const char *what, const char *member,
                              bool may_be_null, struct error *e)
{
    const json_t *v = json_object_get(doc, member);

    if (!v || json_is_boolean(v) || (may_be_null && json_is_null(v)))
        return ST_OK;
    return fail(e, ST_INVALID, "%s: \"%s\" must be true or false.", what, member);
}

/* A name that is there is not empty. */
static enum status check_name(const json_t *doc, const char *what, const char *member,
                              struct error *e)
{
    const char *name = json_string_value(json_object_get(doc, member));

    return !name || *name ? ST_OK : fail(e, ST_INVALID, "%s: \"%s\" is empty.", what, member);
}

/* An object of these members alone; null and absent are fine. */
static enum status check_part(const json_t *doc, const char *what, const char *name,
                              const char *const *known, size_t n, struct error *e)
{
    const json_t *v = json_object_get(doc, name);
    char inner[WHAT_MAX];

    if (!v || json_is_null(v))
        return ST_OK;
    if (!json_is_object(v))
        return fail(e, ST_INVALID, "%s: \"%s\" must be an object.", what, name);
    snprintf(inner, sizeof inner, "%s: \"%s\"", what, name);
    return check_members(v, inner, known, n, e);
}

static enum status check_integer(const json_t *doc, const char *what, const char *name,
                                 struct error *e)
{
    const json_t *v = json_object_get(doc, name);

    return !v || json_is_integer(v)
               ? ST_OK
               : fail(e, ST_INVALID, "%s: \"%s\" must be an integer, in minor units.", what, name);
}

static enum status check_tier(const json_t *tier, const char *what, struct error *e)
{
    static const char *const known[] = { "up_to", "unit_amount", "unit_amount_decimal",
                                         "flat_amount", "flat_amount_decimal" };
    static const char *const texts[] = { "unit_amount_decimal", "flat_amount_decimal" };
    const json_t *up_to = json_object_get(tier, "up_to");
    const char *word = json_string_value(up_to);

    enum status st = check_members(tier, what, known, COUNT(known), e);
    if (st == ST_OK && !json_is_integer(up_to) && !(word && strcmp(word, "inf") == 0))
        st = fail(e, ST_INVALID, "%s: \"up_to\" must be an integer or \"inf\".", what);
    if (st == ST_OK)
        st = check_integer(tier, what, "unit_amount", e);
    if (st == ST_OK)
        st = check_integer(tier, what, "flat_amount", e);
    return st == ST_OK ? check_texts(tier, what, texts, COUNT(texts), e) : st;
}

static enum status check_tiers(const json_t *p, const char *what, struct error *e)
{
    const json_t *tiers = json_object_get(p, "tiers"), *tier;
    char inner[WHAT_MAX];
    enum status st = ST_OK;
    size_t i;

    if (!tiers)
        return ST_OK;
    bool ok = json_array_size(tiers) > 0;
    json_array_foreach(tiers, i, tier)
        ok = ok && json_is_object(tier);
    if (!ok)
        return fail(e, ST_INVALID, "%s: \"tiers\" must be an array of objects, not empty.", what);
    snprintf(inner, sizeof inner, "%s: a tier", what);
    json_array_foreach(tiers, i, tier)
        if (st == ST_OK)
            st = check_tier(tier, inner, e);
    return st;
}

/* What a price and each of its currencies have alike. */
static enum status check_amounts(const json_t *doc, const char *what, struct error *e)
{
    static const char *const custom[] = { "enabled", "minimum", "maximum", "preset" };
    static const char *const texts[] = { "unit_amount_decimal", "tax_behavior" };
    enum status st = check_integer(doc, what, "unit_amount", e);

    if (st == ST_OK)
        st = check_texts(doc, what, texts, COUNT(texts), e);
    if (st == ST_OK)
        st = check_part(doc, what, "custom_unit_amount", custom, COUNT(custom), e);
    return st == ST_OK ? check_tiers(doc, what, e) : st;
}

static enum status check_currencies(const json_t *p, const char *what, struct error *e)
{
    static const char *const known[] = { "unit_amount", "unit_amount_decimal", "tax_behavior",
                                         "tiers", "custom_unit_amount" };
    const json_t *all = json_object_get(p, "currency_options");
    char inner[WHAT_MAX];
    const char *currency;
    enum status st = ST_OK;
    json_t *option;

    if (all && !json_is_object(all) && !json_is_null(all))
        return fail(e, ST_INVALID, "%s: \"currency_options\" must be an object.", what);
    json_object_foreach((json_t *)(uintptr_t)all, currency, option) {
        if (st != ST_OK)
            return st;
        if (!json_is_object(option))
            return fail(e, ST_INVALID, "%s: currency_options \"%.40s\" must be an object.", what,
                        currency);
        snprintf(inner, sizeof inner, "%s: currency_options \"%.40s\"", what, currency);
        st = check_members(option, inner, known, COUNT(known), e);
        if (st == ST_OK)
            st = check_amounts(option, inner, e);
    }
    return st;
}

/* What has members of its own. */
static enum status check_parts(const json_t *p, const char *what, struct error *e)
{
    static const char *const recurring[] = { "interval", "interval_count", "usage_type", "meter",
                                             "trial_period_days" };
    static const char *const transform[] = { "divide_by", "round" };
    enum status st = check_part(p, what, "recurring", recurring, COUNT(recurring), e);

    if (st == ST_OK)
        st = check_part(p, what, "transform_quantity", transform, COUNT(transform), e);
    if (st == ST_OK)
        st = check_amounts(p, what, e);
    return st == ST_OK ? check_currencies(p, what, e) : st;
}

static enum status check_price(const json_t *p, const char *product, struct error *e)
{
    static const char *const texts[] = { "id",       "lookup_key",     "currency",
                                         "nickname", "billing_scheme", "tiers_mode" };
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
    if (st == ST_OK)
        st = check_parts(p, what, e);
    if (st == ST_OK)
        st = check_flag(p, what, "active", false, e);
    if (st == ST_OK)
        st = check_name(p, what, "lookup_key", e);
    if (st == ST_OK)
        st = check_name(p, what, "id", e);
    if (st != ST_OK)
        return st;
    if (!key && !id)
        return fail(
            e, ST_INVALID,
            "A price of %.200s has neither a lookup_key nor an id: by what would it be known "
            "next time? Give it a lookup_key.",
            product);
    return ST_OK;
}

/* No other price of the file has this name. */
static enum status check_once(const json_t *price, const char *member, json_t *seen,
                              struct error *e)
{
    const char *name = json_string_value(json_object_get(price, member));

    if (!name)
        return ST_OK;
    json_t *names = json_object_get(seen, member);
    if (json_object_get(names, name))
        return fail(e, ST_INVALID, "Two prices have the %s %.200s.", member, name);
    json_object_set_new(names, name, json_true());
    return ST_OK;
}

static bool is_number_of(const json_t *package, const char *name)
{
    const json_t *v = json_object_get(package, name);

    return !v || json_is_number(v);
}

/* What a product shows, and how large it is. */
static enum status check_show(const json_t *p, const char *what, struct error *e)
{
    static const char *const size[] = { "height", "length", "weight", "width" };
    const json_t *images = json_object_get(p, "images"), *v;
    const json_t *features = json_object_get(p, "marketing_features");
    const json_t *package = json_object_get(p, "package_dimensions");
    size_t i;
    bool ok = !images || json_is_array(images) || json_is_null(images);

    json_array_foreach(images, i, v)
        ok = ok && json_is_string(v);
    if (!ok)
        return fail(e, ST_INVALID, "%s: \"images\" must be an array of addresses.", what);
    ok = !features || json_is_array(features) || json_is_null(features);
    json_array_foreach(features, i, v)
        ok = ok && json_is_string(json_object_get(v, "name")) && json_object_size(v) == 1;
    if (!ok)
        return fail(e, ST_INVALID,
                    "%s: \"marketing_features\" must be an array of objects with a \"name\".",
                    what);
    enum status st = check_part(p, what, "package_dimensions", size, COUNT(size), e);
    for (i = 0; st == ST_OK && i < COUNT(size); i++)
        if (!is_number_of(package, size[i]))
            st = fail(e, ST_INVALID, "%s: \"package_dimensions\" has a \"%s\" that is no number.",
                      what, size[i]);
    return st;
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
    if (st == ST_OK)
        st = check_flag(p, what, "active", false, e);
    if (st == ST_OK)
        st = check_flag(p, what, "shippable", true, e);
    if (st == ST_OK)
        st = check_show(p, what, e);
    json_t *products = json_object_get(seen, "products");
    if (st == ST_OK && json_object_get(products, id))
        return fail(e, ST_INVALID, "%s stands there twice.", what);
    json_object_set_new(products, id, json_true());
    if (st == ST_OK && prices && !json_is_array(prices))
        return fail(e, ST_INVALID, "%s: \"prices\" must be an array.", what);
    json_array_foreach(prices, i, price) {
        if (st == ST_OK)
            st = check_price(price, id, e);
        if (st == ST_OK)
            st = check_once(price, "lookup_key", seen, e);
        if (st == ST_OK)
            st = check_once(price, "id", seen, e);
    }
    return st;
}

enum status catalog_check(const json_t *file, struct error *e)
{
    static const char *const members[] = { "$schema", "version", "products" };
    const json_t *products = json_object_get(file, "products"), *p;
    json_t *seen = json_pack("{s:{}, s:{}, s:{}}", "products", "lookup_key", "id");
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
