#include "catalog/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"
#include "core/mirror.h"

enum { PAGE = 200, PAGE_BYTES_MAX = 256 << 20, OBJECTS_MAX = 200000 };

/* What the saga writes into the metadata of what it makes. */
#define MARKER "brindle_op"

/* ---- one object, as a file has it ------------------------------------------------------------ */

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

/* The price's own currency is among them at Stripe; a file has it once. */
static void keep_currencies(json_t *to, const json_t *from)
{
    static const char *const member[] = { "unit_amount", "tax_behavior" };
    const char *own = json_string_value(json_object_get(from, "currency")), *currency;
    json_t *all = json_object();
    const json_t *option;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(from, "currency_options"), currency,
                        option) {
        if (own && strcmp(own, currency) == 0)
            continue;
        json_t *o = json_object();
        for (size_t i = 0; i < COUNT(member); i++)
            keep(o, member[i], option);
        json_object_set_new(all, currency, o);
    }
    if (json_object_size(all))
        json_object_set_new(to, "currency_options", all);
    else
        json_decref(all);
}

static json_t *price_of(const json_t *doc)
{
    static const char *const plain[] = { "id",     "lookup_key", "currency",   "nickname",
                                         "active", "created",    "tiers_mode", "unit_amount" };
    static const char *const recurring[] = { "interval", "interval_count", "usage_type", "meter" };
    static const char *const transform[] = { "divide_by", "round" };
    static const char *const custom[] = { "minimum", "maximum", "preset" };
    json_t *p = json_object();
    const char *scheme = json_string_value(json_object_get(doc, "billing_scheme"));
    const char *tax = json_string_value(json_object_get(doc, "tax_behavior"));

    for (size_t i = 0; i < COUNT(plain); i++)
        keep(p, plain[i], doc);
    if (!json_object_get(p, "unit_amount"))
        keep(p, "unit_amount_decimal", doc);
    if (scheme && strcmp(scheme, "per_unit") != 0)
        keep(p, "billing_scheme", doc);
    if (tax && strcmp(tax, "unspecified") != 0)
        keep(p, "tax_behavior", doc);
    keep_part(p, "recurring", doc, recurring, COUNT(recurring));
    keep_part(p, "transform_quantity", doc, transform, COUNT(transform));
    keep_part(p, "custom_unit_amount", doc, custom, COUNT(custom));
    keep_tiers(p, doc);
    keep_currencies(p, doc);
    keep_metadata(p, doc);
    return p;
}

static json_t *product_of(const json_t *doc)
{
    static const char *const plain[] = {
        "id",        "name",       "description",          "active",
        "url",       "unit_label", "statement_descriptor", "tax_code",
        "shippable", "created",    "default_price"
    };
    json_t *p = json_object();

    for (size_t i = 0; i < COUNT(plain); i++)
        keep(p, plain[i], doc);
    keep_metadata(p, doc);
    json_object_set_new(p, "prices", json_array());
    return p;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Calls `take` for each object of a type; it takes nothing over. */
static enum status each(struct env *env, str type, void (*take)(json_t *doc, void *ctx), void *ctx,
                        struct error *e)
{
    ARENA(place, 64 << 10);
    struct mirror_query q = { .type = type, .limit = PAGE };

    for (size_t n = PAGE, all = 0; n == PAGE; all += n) {
        ARENA(a, PAGE_BYTES_MAX);
        struct object *o;
        enum status st = mirror_list(env, &q, &o, &n, &a, e);
        if (st != ST_OK)
            return st;
        if (all + n > OBJECTS_MAX)
            return fail(e, ST_LIMIT, "The catalogue has more than %d objects of one type.",
                        OBJECTS_MAX);
        for (size_t i = 0; i < n; i++) {
            json_t *doc = json_loadb(o[i].data.p, o[i].data.n, 0, NULL);
            if (!doc)
                return fail(e, ST_BROKEN, "%.*s in the mirror is no JSON.", STR_ARG(o[i].id));
            take(doc, ctx);
            json_decref(doc);
        }
        if (n) {
            arena_free(&place);
            q.after = arena_copy(&place, o[n - 1].id);
        }
    }
    return ST_OK;
}

struct reading {
    json_t *products, *by_id;
};

static void take_product(json_t *doc, void *ctx)
{
    struct reading *r = ctx;
    const char *id = json_string_value(json_object_get(doc, "id"));
    json_t *p = product_of(doc);

    if (id)
        json_object_set(r->by_id, id, p);
    json_array_append_new(r->products, p);
}

static const char *reference(const json_t *v)
{
    return json_is_object(v) ? json_string_value(json_object_get(v, "id")) : json_string_value(v);
}

static void take_price(json_t *doc, void *ctx)
{
    struct reading *r = ctx;
    const char *product = reference(json_object_get(doc, "product"));
    json_t *p = product ? json_object_get(r->by_id, product) : NULL;

    if (p)
        json_array_append_new(json_object_get(p, "prices"), price_of(doc));
}

enum status catalog_read(struct env *env, json_t **out, struct error *e)
{
    struct reading r = { .products = json_array(), .by_id = json_object() };
    enum status st = each(env, S("product"), take_product, &r, e);

    if (st == ST_OK)
        st = each(env, S("price"), take_price, &r, e);
    json_decref(r.by_id);
    if (st != ST_OK) {
        json_decref(r.products);
        return st;
    }
    *out = json_pack("{s:i, s:o}", "version", CATALOG_VERSION, "products", r.products);
    return *out ? ST_OK : fail(e, ST_LIMIT, "out of memory for the catalogue");
}

/* ---- as a file ------------------------------------------------------------------------------- */

static bool is_on_sale(const json_t *doc)
{
    return !json_is_false(json_object_get(doc, "active"));
}

/* The name by which a file knows a price of this product: its lookup key, or its id. */
static const char *name_of(const json_t *prices, const char *id)
{
    const json_t *p;
    size_t i;

    json_array_foreach(prices, i, p) {
        const char *is = json_string_value(json_object_get(p, "id"));
        const char *key = json_string_value(json_object_get(p, "lookup_key"));
        if (is && strcmp(is, id) == 0)
            return key ? key : id;
    }
    return id;
}

static json_t *export_prices(const json_t *prices, bool archived)
{
    json_t *out = json_array();
    const json_t *p;
    size_t i;

    json_array_foreach(prices, i, p) {
        if (!archived && !is_on_sale(p))
            continue;
        json_t *copy = json_deep_copy(p);
        if (json_object_get(copy, "lookup_key"))
            json_object_del(copy, "id");
        json_object_del(copy, "created");
        json_array_append_new(out, copy);
    }
    return out;
}

json_t *catalog_export(const json_t *all, bool archived)
{
    json_t *products = json_array();
    const json_t *p;
    size_t i;

    json_array_foreach(json_object_get(all, "products"), i, p) {
        if (!archived && !is_on_sale(p))
            continue;
        json_t *copy = json_deep_copy(p), *prices = json_object_get(p, "prices");
        const char *id = json_string_value(json_object_get(p, "default_price"));
        if (id)
            json_object_set_new(copy, "default_price", json_string(name_of(prices, id)));
        json_object_del(copy, "created");
        json_object_set_new(copy, "prices", export_prices(prices, archived));
        json_array_append_new(products, copy);
    }
    return json_pack("{s:i, s:o}", "version", CATALOG_VERSION, "products", products);
}

enum status catalog_hash(const json_t *doc, char out[CATALOG_HASH_MAX], struct error *e)
{
    char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (!text)
        return fail(e, ST_LIMIT, "out of memory for the catalogue");
    unsigned char sum[HMAC_BYTES];
    struct hmac *h = hmac_new(S("catalogue"));
    hmac_sum(h, str_of(text), S(""), S(""), sum);
    hmac_free(h);
    free(text);
    hmac_hex(sum, out);
    out[HMAC_HEX] = '\0';
    return ST_OK;
}
