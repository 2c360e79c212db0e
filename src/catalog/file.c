#include "catalog/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"
#include "core/mirror/mirror.h"

enum { PAGE = 200, PAGE_BYTES_MAX = 256 << 20, OBJECTS_MAX = 200000 };

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
    json_t *p = catalog_product(doc);

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
        json_array_append_new(json_object_get(p, "prices"), catalog_price(doc));
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

enum status catalog_is_whole(struct env *env, bool *out, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 1 << 20);
    struct rows r = { 0 };
    unsigned whole = 0;

    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_STATUS_WALKS, &r, &a, e, v_account(env));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows; i++) /* by type, over all its lists */
        if (str_eqz(row_str(&r, i, 0), "product") || str_eqz(row_str(&r, i, 0), "price"))
            whole += row_int(&r, i, 2) == 1;
    *out = whole == 2;
    return ST_OK;
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
        json_object_del(copy, CATALOG_LOST);
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
        json_object_del(copy, CATALOG_LOST);
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
