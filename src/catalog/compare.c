/* compare.c - what a file wants that is otherwise, as operations in the safe order. Pure. */
#include "catalog/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/pairs.h"
#include "catalog/promote.h"

enum { MEMBER_BYTES_MAX = 4 << 20, NAMES_BYTES = 200 };

struct comparing {
    const json_t *all; /* products of the mirror */
    const struct catalog_prune *prune;
    const json_t *origin; /* products of the other environment, from which they come; or NULL */
    json_t *changes;
    bool failed; /* out of memory for one of them */
    struct error *e;
};

/* A price can have these once; another one is another price. [facts: R-08] */
static const char *const immutable[] = { "currency",   "unit_amount",        "unit_amount_decimal",
                                         "recurring",  "billing_scheme",     "tiers",
                                         "tiers_mode", "transform_quantity", "custom_unit_amount" };
static const char *const mutable_price[] = { "nickname", "metadata", "tax_behavior",
                                             "currency_options" };
static const char *const mutable_product[] = {
    "name",     "description", "url",    "unit_label",         "statement_descriptor",
    "tax_code", "shippable",   "images", "marketing_features", "package_dimensions",
    "metadata"
};

static enum status memory(const struct comparing *c)
{
    return fail(c->e, ST_LIMIT, "out of memory for the changes");
}

static const char *text(const json_t *doc, const char *name)
{
    return json_string_value(json_object_get(doc, name));
}

const char *catalog_name_of(const json_t *doc)
{
    const char *key = text(doc, "lookup_key");

    return key ? key : text(doc, "id");
}

bool catalog_is_active(const json_t *doc) /* a file that does not say means yes */
{
    return !json_is_false(json_object_get(doc, "active"));
}

static void add_change(struct comparing *c, const char *kind, const char *product, json_t *input,
                       const char *fmt, ...) PRINTF_LIKE(5, 6);
static void add_change(struct comparing *c, const char *kind, const char *product, json_t *input,
                       const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    json_t *says = json_vsprintf(fmt, ap);
    va_end(ap);
    json_t *change = json_pack("{s:s, s:s, s:o, s:o}", "kind", kind, "product", product, "says",
                               says, "input", input);
    if (json_array_append_new(c->changes, change) != 0)
        c->failed = true;
}

/* "name, metadata": what a change sets, as far as there is room; no name is cut. */
static void names_of(json_t *set, char out[NAMES_BYTES])
{
    const char *name;
    json_t *value;
    size_t n = 0;

    out[0] = '\0';
    json_object_foreach(set, name, value)
        if (n + strlen(name) + 3 <= NAMES_BYTES)
            n += (size_t)snprintf(out + n, NAMES_BYTES - n, "%s%s", n ? ", " : "", name);
}

/* ---- what is otherwise ------------------------------------------------------------------------
 */

static void put(const json_t *from, json_t *to, const char *name)
{
    json_t *v = json_object_get(from, name);

    if (v)
        json_object_set(to, name, v);
}

/* Without what is in it, which has names of its own. */
static char *text_of(const json_t *doc)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)doc);

    json_object_del(copy, "prices");
    char *text = json_dumps(copy, CATALOG_DUMP);
    json_decref(copy);
    return text;
}

/* A file wants what would be sent; is it so already? */
static enum status member_holds(const struct comparing *c, const json_t *wanted, const char *is,
                                const char *name, bool *holds)
{
    ARENA(a, MEMBER_BYTES_MAX);
    struct pairs p = { 0 };
    json_t *one = json_object();

    put(wanted, one, name);
    char *text = json_dumps(one, CATALOG_DUMP);
    json_decref(one);
    enum status st = text ? pairs_of(str_of(text), &p, &a, c->e) : memory(c);
    *holds = st == ST_OK && pairs_hold(&p, str_of(is), &a);
    free(text);
    if (st == ST_INVALID || st == ST_LIMIT)
        error_prefix(c->e, "\"%s\" of %s: ", name, catalog_name_of(wanted));
    return st;
}

static void enable(json_t *doc)
{
    json_t *custom = json_object_get(doc, "custom_unit_amount");

    if (json_is_object(custom))
        json_object_set_new(custom, "enabled", json_true());
}

/* What is there is on, and has to be said. [facts: R-39] */
static void enable_all(json_t *set)
{
    const char *currency;
    json_t *option;

    enable(set);
    json_object_foreach(json_object_get(set, "currency_options"), currency, option)
        enable(option);
}

/* The members that are otherwise, as they are wanted. */
static enum status set_of(const struct comparing *c, const json_t *wanted,
                          const char *const *member, size_t n, const json_t *is, json_t **out)
{
    json_t *set = json_object();
    char *text = text_of(is);
    enum status st = set && text ? ST_OK : memory(c);

    for (size_t i = 0; i < n && st == ST_OK; i++) {
        bool holds = true;
        if (json_object_get(wanted, member[i]))
            st = member_holds(c, wanted, text, member[i], &holds);
        if (!holds)
            put(wanted, set, member[i]);
    }
    free(text);
    if (st == ST_OK) {
        *out = json_deep_copy(set);
        enable_all(*out);
    }
    json_decref(set);
    return st;
}

/* ---- looking up ------------------------------------------------------------------------------ */

const json_t *catalog_product_by_id(const json_t *products, const char *id)
{
    const json_t *p;
    size_t i;

    json_array_foreach(products, i, p)
        if (strcmp(text(p, "id"), id) == 0)
            return p;
    return NULL;
}

/* By its lookup key, its id, or the id that it has where it came from. */
static bool is_named(const json_t *price, const char *name)
{
    const char *const is[] = { text(price, "lookup_key"), text(price, "id"),
                               text(json_object_get(price, "metadata"), CATALOG_ORIGIN) };

    for (size_t i = 0; i < COUNT(is); i++)
        if (is[i] && strcmp(is[i], name) == 0)
            return true;
    return false;
}

const json_t *catalog_price_named(const json_t *product, const char *name)
{
    const json_t *p;
    size_t i;

    json_array_foreach(json_object_get(product, "prices"), i, p)
        if (is_named(p, name))
            return p;
    return NULL;
}

/* A lookup key is one price's in the whole account. */
static const char *holder_elsewhere(const struct comparing *c, const char *product, const char *key)
{
    const json_t *p;
    size_t i;

    json_array_foreach(c->all, i, p)
        if (strcmp(text(p, "id"), product) != 0 && catalog_price_named(p, key))
            return text(p, "id");
    return NULL;
}

/* ---- what is made ---------------------------------------------------------------------------- */

/* What says nothing is left out: an empty value is one that clears, and there is nothing yet. */
static json_t *to_be_made(const json_t *wanted)
{
    json_t *set = json_deep_copy(wanted), *v;
    const char *name;
    void *next;

    json_object_foreach_safe(
        set, next, name,
        v) if (json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0) ||
               (json_is_array(v) && json_array_size(v) == 0)) json_object_del(set, name);
    json_object_del(set, "active");
    enable_all(set);
    return set;
}

/* What this version does not know it cannot carry over. */
static enum status check_lost(const struct comparing *c, const json_t *from, const char *what)
{
    const char *key = text(from, "lookup_key");
    const json_t *lost = json_object_get(from, CATALOG_LOST);

    if (json_array_size(lost) == 0)
        return ST_OK;
    return fail(c->e, ST_CONFLICT,
                "%s %.200s has \"%.100s\", which this version cannot copy: it would be lost. "
                "Nothing was changed. Make it there in the Dashboard, with the %s %.200s, and it "
                "is taken as it is.",
                what, catalog_name_of(from), json_string_value(json_array_get(lost, 0)),
                key                            ? "lookup key"
                : strcmp(what, "Product") == 0 ? "id"
                                               : "metadata " CATALOG_ORIGIN,
                catalog_name_of(from));
}

/* ---- prices ---------------------------------------------------------------------------------- */

static void merge(json_t *to, json_t *from)
{
    json_object_update(to, from);
    json_decref(from);
}

static enum status create_price(struct comparing *c, const char *product, const json_t *p,
                                bool make_default)
{
    const char *key = text(p, "lookup_key");
    const char *holder = key ? holder_elsewhere(c, product, key) : NULL;

    if (!key && !c->origin)
        return fail(c->e, ST_INVALID,
                    "Price %s is not there, and the file gives it no lookup_key: by what would its "
                    "successor be known?",
                    text(p, "id"));
    if (holder)
        return fail(c->e, c->origin ? ST_CONFLICT : ST_INVALID,
                    "The lookup key %s is held by a price of %s: take it from there first "
                    "(`brindle price update ... --take-key`).",
                    key, holder);
    if (!text(p, "currency"))
        return fail(c->e, ST_INVALID, "Price %s is not there, and to make it needs a \"currency\".",
                    catalog_name_of(p));
    if (c->origin) {
        enum status st = check_lost(
            c, catalog_price_named(catalog_product_by_id(c->origin, product), catalog_name_of(p)),
            "Price");
        if (st != ST_OK)
            return st;
    }
    json_t *set = to_be_made(p);
    json_object_del(set, "id");
    if (!key) {
        json_t *metadata = json_object_get(set, "metadata");
        metadata = metadata ? json_incref(metadata) : json_object();
        json_object_set_new(metadata, CATALOG_ORIGIN, json_string(text(p, "id")));
        json_object_set_new(set, "metadata", metadata);
    }
    json_t *input = json_pack("{s:s, s:o}", "product", product, "set", set);
    if (make_default)
        json_object_set_new(input, "make_default", json_true());
    add_change(c, "price.create", product, input, "create price %s of %s%s", catalog_name_of(p),
               product, make_default ? ", its default" : "");
    return ST_OK;
}

/* Takes `set` over. */
static enum status replace_price(struct comparing *c, const char *product, const json_t *p,
                                 const json_t *is, json_t *set)
{
    const char *key = text(p, "lookup_key"), *member;
    enum status st = ST_OK;
    json_t *v, *more = NULL;

    if (!key)
        st = fail(c->e, ST_INVALID,
                  "Price %s has to be replaced, but has no lookup_key: the file could not name its "
                  "successor. Give it one first (`brindle price update %s --lookup-key KEY`).",
                  text(is, "id"), text(is, "id"));
    json_object_foreach(set, member, v)
        if (st == ST_OK && json_is_null(v))
            st = fail(c->e, ST_INVALID,
                      "Price %s: \"%s\" cannot be taken away in a replacement. Make another price.",
                      key, member);
    if (st == ST_OK)
        st = set_of(c, p, mutable_price, COUNT(mutable_price), is, &more);
    if (st != ST_OK) {
        json_decref(set);
        return st;
    }
    merge(set, more);
    add_change(c, "price.replace", product,
               json_pack("{s:s, s:o}", "price", text(is, "id"), "set", set),
               "replace price %s (%s): what it costs cannot be changed", key, text(is, "id"));
    return ST_OK;
}

static enum status update_price(struct comparing *c, const char *product, const json_t *p,
                                const json_t *is)
{
    json_t *set = NULL;
    char names[NAMES_BYTES];
    enum status st = set_of(c, p, mutable_price, COUNT(mutable_price), is, &set);

    if (st == ST_OK)
        names_of(set, names);
    if (st == ST_OK && json_object_size(set))
        add_change(c, "price.update", product,
                   json_pack("{s:s, s:O}", "price", text(is, "id"), "set", set),
                   "change price %s (%s): %s", catalog_name_of(p), text(is, "id"), names);
    json_decref(set);
    return st;
}

static enum status compare_price(struct comparing *c, const char *product, const json_t *p,
                                 const json_t *is, bool make_default)
{
    json_t *set = NULL;

    if (!is)
        return catalog_is_active(p) ? create_price(c, product, p, make_default) : ST_OK;
    if (!catalog_is_active(p))
        return ST_OK; /* archived last, see archive_prices */
    const char *conflict = c->origin ? promote_conflict(p, is) : NULL;
    if (conflict)
        return fail(c->e, ST_CONFLICT,
                    "Price %s is there already as %s of %s, but %s: nothing was changed.",
                    catalog_name_of(p), text(is, "id"), product, conflict);
    enum status st = c->origin ? ST_OK : set_of(c, p, immutable, COUNT(immutable), is, &set);
    if (st == ST_OK && json_object_size(set))
        return replace_price(c, product, p, is, set);
    json_decref(set);
    return st == ST_OK ? update_price(c, product, p, is) : st;
}

static bool is_prunable(const struct comparing *c, const json_t *is)
{
    char key[200];
    const struct catalog_prune *p = c->prune;

    if (!p || !p->on)
        return false;
    snprintf(key, sizeof key, "%.*s", STR_ARG(p->owner_key));
    const char *owner = text(json_object_get(is, "metadata"), key);
    return owner && str_eqz(p->owner_value, owner) &&
           json_integer_value(json_object_get(is, "created")) < p->created_before;
}

/* Is it the default, and stays so by this file? Then it cannot be archived. [facts: R-01] */
static bool stays_default(const json_t *file, const json_t *product, const json_t *is)
{
    const char *now = text(product, "default_price"), *wanted = text(file, "default_price");

    return now && strcmp(now, text(is, "id")) == 0 && (!wanted || is_named(is, wanted));
}

/* What the file says is archived, and, where it was asked for, what it does not name; never the
 * default of a product that is archived with it, or that the file does not name. */
static enum status archive_prices(struct comparing *c, const json_t *file, const json_t *product)
{
    const char *id = text(product, "id");
    const json_t *is;
    size_t i;

    json_array_foreach(json_object_get(product, "prices"), i, is) {
        const json_t *p = catalog_price_named(file, catalog_name_of(is));
        if (!catalog_is_active(is) || (p ? catalog_is_active(p) : !is_prunable(c, is)))
            continue;
        bool stays = stays_default(file, product, is);
        if (stays && p && catalog_is_active(file))
            return fail(
                c->e, ST_INVALID,
                "Price %s is the default of product %s and cannot be archived: name another "
                "default_price, or archive the product.",
                catalog_name_of(is), id);
        if (stays)
            continue;
        add_change(c, "price.archive", id, json_pack("{s:s}", "price", text(is, "id")),
                   "archive price %s (%s)%s", catalog_name_of(is), text(is, "id"),
                   p ? "" : ", which the file does not name");
    }
    return ST_OK;
}

/* ---- products -------------------------------------------------------------------------------- */

static enum status create_product(struct comparing *c, const json_t *p)
{
    const char *id = text(p, "id"), *by_default = text(p, "default_price");
    const json_t *price;
    enum status st = ST_OK;
    size_t i;

    if (!catalog_is_active(p))
        return ST_OK;
    if (!text(p, "name"))
        return fail(c->e, ST_INVALID, "Product %s is not there, and to make it needs a \"name\".",
                    id);
    const json_t *listed = by_default ? catalog_price_named(p, by_default) : NULL;
    if (by_default && !c->origin && !(listed && catalog_is_active(listed)))
        return fail(c->e, ST_INVALID,
                    "Product %s: its default_price %s is none of its prices that the file puts on "
                    "sale.",
                    id, by_default);
    if (c->origin)
        st = check_lost(c, catalog_product_by_id(c->origin, id), "Product");
    if (st != ST_OK)
        return st;
    json_t *set = to_be_made(p);
    json_object_del(set, "prices");
    json_object_del(set, "default_price");
    add_change(c, "product.create", id, json_pack("{s:o}", "set", set), "create product %s", id);
    json_array_foreach(json_object_get(p, "prices"), i, price)
        if (st == ST_OK)
            st = compare_price(c, id, price, NULL, by_default && is_named(price, by_default));
    return st;
}

/* To a price that is there; one that is made becomes it as it is made, a replacement by itself. */
static enum status compare_default(struct comparing *c, const json_t *p, const json_t *is,
                                   json_t *set)
{
    const char *wanted = text(p, "default_price"), *id = text(p, "id");
    const char *now = text(is, "default_price");

    if (!wanted)
        return ST_OK;
    const json_t *price = catalog_price_named(is, wanted), *listed = catalog_price_named(p, wanted);
    if (!price && !listed)
        return fail(
            c->e, ST_INVALID,
            "Product %s: its default_price %s is none of its prices, neither in the file nor "
            "at Stripe.",
            id, wanted);
    if (!listed && !catalog_is_active(price))
        return fail(c->e, ST_INVALID,
                    "Product %s: its default_price %s is archived at Stripe: list it among the "
                    "prices, and it is put on sale again.",
                    id, wanted);
    if (listed && !catalog_is_active(listed))
        return fail(c->e, ST_INVALID, "Product %s: its default_price %s is archived by the file.",
                    id, wanted);
    if (price && (!now || strcmp(now, text(price, "id")) != 0))
        json_object_set_new(set, "default_price", json_string(text(price, "id")));
    return ST_OK;
}

static void update_product(struct comparing *c, const char *id, json_t *set)
{
    char names[NAMES_BYTES];

    names_of(set, names);
    if (json_object_size(set))
        add_change(c, "product.update", id, json_pack("{s:s, s:o}", "product", id, "set", set),
                   "change product %s: %s", id, names);
    else
        json_decref(set);
}

static void activate_prices(struct comparing *c, const json_t *p, const json_t *is)
{
    const json_t *price;
    size_t i;

    json_array_foreach(json_object_get(p, "prices"), i, price) {
        const json_t *there = catalog_price_named(is, catalog_name_of(price));
        if (there && catalog_is_active(price) && !catalog_is_active(there))
            add_change(
                c, "price.activate", text(p, "id"), json_pack("{s:s}", "price", text(there, "id")),
                "put price %s (%s) on sale again", catalog_name_of(price), text(there, "id"));
    }
}

/* On sale first, for a default must be on sale; then the default, for a replacement takes it along;
 * off sale last. */
static enum status change_product(struct comparing *c, const json_t *p, const json_t *is)
{
    const char *id = text(p, "id"), *by_default = text(p, "default_price");
    const json_t *price;
    json_t *set = NULL;
    size_t i;
    enum status st = set_of(c, p, mutable_product, COUNT(mutable_product), is, &set);

    if (st == ST_OK)
        st = compare_default(c, p, is, set);
    if (st != ST_OK) {
        json_decref(set);
        return st;
    }
    if (catalog_is_active(p) && !catalog_is_active(is))
        add_change(c, "product.activate", id, json_pack("{s:s}", "product", id),
                   "put product %s on sale again", id);
    if (!c->origin)
        activate_prices(c, p, is);
    update_product(c, id, set);
    json_array_foreach(json_object_get(p, "prices"), i, price)
        if (st == ST_OK)
            st = compare_price(c, id, price, catalog_price_named(is, catalog_name_of(price)),
                               by_default && is_named(price, by_default));
    if (st == ST_OK)
        st = archive_prices(c, p, is);
    if (st != ST_OK)
        return st;
    if (!catalog_is_active(p) && catalog_is_active(is))
        add_change(c, "product.archive", id, json_pack("{s:s}", "product", id),
                   "archive product %s", id);
    return ST_OK;
}

static void prune_products(struct comparing *c, const json_t *file)
{
    const json_t *is;
    size_t i;

    json_array_foreach(c->all, i, is) {
        const char *id = text(is, "id");
        if (catalog_is_active(is) && is_prunable(c, is) && !catalog_product_by_id(file, id))
            add_change(c, "product.archive", id, json_pack("{s:s}", "product", id),
                       "archive product %s, which the file does not name", id);
    }
}

enum status catalog_compare(const json_t *file, const json_t *all,
                            const struct catalog_prune *prune, const json_t *origin,
                            json_t **changes, struct error *e)
{
    struct comparing c = { .all = json_object_get(all, "products"),
                           .prune = prune,
                           .origin = json_object_get(origin, "products"),
                           .changes = json_array(),
                           .e = e };
    const json_t *products = json_object_get(file, "products"), *p;
    enum status st = ST_OK;
    size_t i;

    json_array_foreach(products, i, p) {
        const json_t *is = catalog_product_by_id(c.all, text(p, "id"));
        if (st == ST_OK)
            st = is ? change_product(&c, p, is) : create_product(&c, p);
    }
    if (st == ST_OK)
        prune_products(&c, products);
    if (st == ST_OK && c.failed)
        st = fail(e, ST_LIMIT, "out of memory for the changes");
    if (st != ST_OK) {
        json_decref(c.changes);
        return st;
    }
    *changes = c.changes;
    return ST_OK;
}
