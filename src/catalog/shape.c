/* shape.c - one product or price of Stripe's, as a file has it. */
#include "catalog/file.h"
#include "catalog/price_members.h"

#include <string.h>

/* What the saga writes into the metadata of what it makes. */
#define MARKER "brindle_op"

/* ---- what is kept ---------------------------------------------------------------------------- */

static void keep(json_t *to, const char *name, const json_t *from)
{
    json_t *v = json_object_get(from, name);

    if (v && !json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0))
        json_object_set_new(to, name, json_deep_copy(v));
}

static void keep_metadata(json_t *to, const json_t *from)
{
    json_t *m = json_deep_copy(json_object_get(from, "metadata"));

    json_object_del(m, MARKER);
    if (json_object_size(m))
        json_object_set_new(to, "metadata", m);
    else
        json_decref(m);
}

/* Only those members of an inner object. */
static void keep_part(json_t *to, const char *name, const json_t *from, const char *const *member,
                      size_t n)
{
    const json_t *v = json_object_get(from, name);

    if (!json_is_object(v))
        return;
    json_t *part = json_object();
    for (size_t i = 0; i < n; i++)
        keep(part, member[i], v);
    json_object_set_new(to, name, part);
}

static void keep_tiers(json_t *to, const json_t *from)
{
    static const char *const member[] = { "flat_amount", "flat_amount_decimal", "unit_amount",
                                          "unit_amount_decimal" };
    json_t *tiers = json_array();
    const json_t *tier;
    size_t i;

    json_array_foreach(json_object_get(from, "tiers"), i, tier) {
        json_t *t = json_object(), *up_to = json_object_get(tier, "up_to");
        json_object_set_new(t, "up_to",
                            json_is_integer(up_to) ? json_deep_copy(up_to) : json_string("inf"));
        for (size_t k = 0; k < COUNT(member); k++)
            if (k % 2 == 0 || !json_object_get(t, member[k - 1])) /* the decimal only alone */
                keep(t, member[k], tier);
        json_array_append_new(tiers, t);
    }
    if (json_array_size(tiers))
        json_object_set_new(to, "tiers", tiers);
    else
        json_decref(tiers);
}

static void keep_tax(json_t *to, const json_t *from)
{
    const char *tax = json_string_value(json_object_get(from, "tax_behavior"));

    if (tax && strcmp(tax, "unspecified") != 0)
        keep(to, "tax_behavior", from);
}

static void keep_amount(json_t *to, const json_t *from)
{
    keep(to, "unit_amount", from);
    if (!json_object_get(to, "unit_amount"))
        keep(to, "unit_amount_decimal", from);
}

/* That it is on is not echoed, yet has to be said. [facts: R-39] */
static void keep_custom(json_t *to, const json_t *from)
{
    static const char *const member[] = { "minimum", "maximum", "preset" };

    keep_part(to, "custom_unit_amount", from, member, COUNT(member));
    json_t *custom = json_object_get(to, "custom_unit_amount");
    if (custom)
        json_object_set_new(custom, "enabled", json_true());
}

/* The price's own currency is among them at Stripe; a file has it once. */
static void keep_currencies(json_t *to, const json_t *from)
{
    const char *own = json_string_value(json_object_get(from, "currency")), *currency;
    json_t *all = json_object();
    const json_t *option;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(from, "currency_options"), currency,
                        option) {
        if (own && strcmp(own, currency) == 0)
            continue;
        json_t *o = json_object();
        keep_amount(o, option);
        keep_tiers(o, option);
        keep_custom(o, option);
        keep_tax(o, option);
        json_object_set_new(all, currency, o);
    }
    if (json_object_size(all))
        json_object_set_new(to, "currency_options", all);
    else
        json_decref(all);
}

/* ---- what is not kept ------------------------------------------------------------------------ */

static bool says_nothing(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) ||
           (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

static bool is_in(const json_t *list, const char *name)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
        if (strcmp(json_string_value(v), name) == 0)
            return true;
    return false;
}

/* Names what `doc` has beyond `known`, as "recurring.member". */
static void note_lost(json_t *lost, const char *prefix, const json_t *doc, const char *const *known)
{
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)doc, name, v) {
        size_t i = 0;
        while (known[i] && strcmp(name, known[i]) != 0)
            i++;
        if (known[i] || says_nothing(v))
            continue;
        json_t *full = json_sprintf("%s%s", prefix, name);
        if (full && !is_in(lost, json_string_value(full)))
            json_array_append(lost, full);
        json_decref(full);
    }
}

static void put_lost(json_t *to, json_t *lost)
{
    if (json_array_size(lost))
        json_object_set(to, CATALOG_LOST, lost);
    json_decref(lost);
}

/* What a price and each of its currencies have alike. */
static void note_lost_amounts(json_t *lost, const json_t *doc)
{
    const json_t *tier;
    size_t i;

    json_array_foreach(json_object_get(doc, "tiers"), i, tier)
        note_lost(lost, "tiers.", tier, price_tier_members);
    note_lost(lost, "custom_unit_amount.", json_object_get(doc, "custom_unit_amount"),
              price_custom_members);
}

static json_t *lost_of_price(const json_t *doc)
{
    json_t *lost = json_array();
    const char *currency;
    const json_t *option;

    note_lost(lost, "", doc, price_members);
    note_lost(lost, "recurring.", json_object_get(doc, "recurring"), price_recurring_members);
    note_lost(lost, "transform_quantity.", json_object_get(doc, "transform_quantity"),
              price_transform_members);
    note_lost_amounts(lost, doc);
    json_object_foreach((json_t *)(uintptr_t)json_object_get(doc, "currency_options"), currency,
                        option) {
        note_lost(lost, "currency_options.", option, price_option_members);
        note_lost_amounts(lost, option);
    }
    return lost;
}

static json_t *lost_of_product(const json_t *doc)
{
    static const char *const known[] = { "id",
                                         "object",
                                         "active",
                                         "created",
                                         "default_price",
                                         "description",
                                         "images",
                                         "livemode",
                                         "marketing_features",
                                         "metadata",
                                         "name",
                                         "package_dimensions",
                                         "shippable",
                                         "statement_descriptor",
                                         "tax_code",
                                         "type",
                                         "unit_label",
                                         "updated",
                                         "url",
                                         NULL };
    static const char *const feature[] = { "name", NULL };
    static const char *const package[] = { "height", "length", "weight", "width", NULL };
    json_t *lost = json_array();
    const json_t *f;
    size_t i;

    note_lost(lost, "", doc, known);
    note_lost(lost, "package_dimensions.", json_object_get(doc, "package_dimensions"), package);
    json_array_foreach(json_object_get(doc, "marketing_features"), i, f)
        note_lost(lost, "marketing_features.", f, feature);
    return lost;
}

/* ---- whole ----------------------------------------------------------------------------------- */

json_t *catalog_price(const json_t *doc)
{
    static const char *const plain[] = { "id",     "lookup_key", "currency",  "nickname",
                                         "active", "created",    "tiers_mode" };
    static const char *const recurring[] = { "interval", "interval_count", "usage_type", "meter",
                                             "trial_period_days" };
    static const char *const transform[] = { "divide_by", "round" };
    json_t *p = json_object();
    const char *scheme = json_string_value(json_object_get(doc, "billing_scheme"));

    for (size_t i = 0; i < COUNT(plain); i++)
        keep(p, plain[i], doc);
    keep_amount(p, doc);
    if (scheme && strcmp(scheme, "per_unit") != 0)
        keep(p, "billing_scheme", doc);
    keep_tax(p, doc);
    keep_part(p, "recurring", doc, recurring, COUNT(recurring));
    keep_part(p, "transform_quantity", doc, transform, COUNT(transform));
    keep_custom(p, doc);
    keep_tiers(p, doc);
    keep_currencies(p, doc);
    keep_metadata(p, doc);
    put_lost(p, lost_of_price(doc));
    return p;
}

/* A list that is empty says nothing. */
static void keep_list(json_t *to, const char *name, const json_t *from)
{
    if (json_array_size(json_object_get(from, name)))
        keep(to, name, from);
}

static void keep_features(json_t *to, const json_t *from)
{
    json_t *all = json_array();
    const json_t *f;
    size_t i;

    json_array_foreach(json_object_get(from, "marketing_features"), i, f) {
        json_t *one = json_object();
        keep(one, "name", f);
        json_array_append_new(all, one);
    }
    if (json_array_size(all))
        json_object_set_new(to, "marketing_features", all);
    else
        json_decref(all);
}

json_t *catalog_product(const json_t *doc)
{
    static const char *const plain[] = {
        "id",        "name",       "description",          "active",
        "url",       "unit_label", "statement_descriptor", "tax_code",
        "shippable", "created",    "default_price"
    };
    static const char *const package[] = { "height", "length", "weight", "width" };
    json_t *p = json_object();

    for (size_t i = 0; i < COUNT(plain); i++)
        keep(p, plain[i], doc);
    keep_list(p, "images", doc);
    keep_features(p, doc);
    keep_part(p, "package_dimensions", doc, package, COUNT(package));
    keep_metadata(p, doc);
    put_lost(p, lost_of_product(doc));
    json_object_set_new(p, "prices", json_array());
    return p;
}
