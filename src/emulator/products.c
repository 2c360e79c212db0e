#include "emulator/list.h"
#include "emulator/points.h"
#include "emulator/rooms.h"

#include <string.h>

enum {
    IMAGES_MAX = 8,
    FEATURES_MAX = 15,
    FEATURE_NAME_MAX = 80,
    DESCRIPTOR_MAX = 22,
    UNIT_LABEL_MAX = 12
};

static const struct field product_fields[] = {
    { "name", F_TEXT, NULL, 0 },
    { "active", F_BOOL, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "images", F_LIST, NULL, IMAGES_MAX }, /* [facts: R-37] */
    { "metadata", F_METADATA, NULL, 0 },
    { "package_dimensions", F_HASH, NULL, 0 },
    { "shippable", F_BOOL, NULL, 0 },
    { "statement_descriptor", F_TEXT_NULL, NULL, DESCRIPTOR_MAX },
    { "tax_code", F_TEXT_NULL, NULL, 0 },
    { "tax_details", F_HASH, NULL, 0 },
    { "unit_label", F_TEXT_NULL, NULL, UNIT_LABEL_MAX },
    { "url", F_TEXT_NULL, NULL, 0 },
};

static bool features_apply(const struct args *a, json_t *doc)
{
    struct args feature[FEATURES_MAX + 1];
    size_t n = args_list(a, "marketing_features", feature, COUNT(feature));

    if (a->c->refused || (!n && !arg_given(a, "marketing_features")))
        return !a->c->refused;
    if (n > FEATURES_MAX) {
        refuse(a->c, 400, NULL, "marketing_features", "Invalid array: too many elements");
        return false;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (arg_str(&feature[i], "name").n > FEATURE_NAME_MAX)
            refuse(a->c, 400, NULL, arg_name(&feature[i], "name"),
                   "Invalid string: must be at most 80 characters");
        json_array_append_new(list, args_document(feature[i].hash));
    }
    set_new(doc, "marketing_features", list);
    return true;
}

static bool descriptor_ok(const struct args *a)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    str s = arg_str(a, "statement_descriptor");
    bool letter = false;

    for (size_t i = 0; i < s.n; i++) {
        if (strchr("<>\\\"'*", s.p[i]))
            return refuse(a->c, 400, NULL, arg_name(a, "statement_descriptor"),
                          "Invalid statement descriptor: it may not contain any of < > \\ \" ' *");
        letter = letter || strchr(letters, s.p[i]);
    }
    if (s.n && !letter)
        return refuse(a->c, 400, NULL, arg_name(a, "statement_descriptor"),
                      "Invalid statement descriptor: it must contain at least one letter.");
    return true;
}

/* [facts: R-37] */
static bool product_apply(const struct args *a, json_t *doc)
{
    return fields_apply(a, doc, product_fields, COUNT(product_fields)) && features_apply(a, doc) &&
           descriptor_ok(a);
}

struct record *product_make(const struct args *a)
{
    struct call *c = a->c;
    str name;

    if (!arg_text(a, "name", &name))
        return refuse_param_missing(c, arg_name(a, "name"));
    str id = arg_str(a, "id");
    if (id.n && record_live(c->space, T_PRODUCT, id))
        return refuse(c, 400, "resource_already_exists", "id", "Product already exists.");
    json_t *doc = json_deep_copy(c->emu->shape[T_PRODUCT]);
    if (!product_apply(a, doc)) {
        json_decref(doc);
        return NULL;
    }
    json_t *made =
        record_shape(c->emu, c->space, T_PRODUCT, id.n ? arena_copy(c->arena, id).p : NULL);
    json_object_del(doc, "id");
    json_object_del(doc, "created");
    json_object_del(doc, "livemode");
    json_object_update(made, doc);
    json_decref(doc);
    set_int(made, "updated", now_s(c->emu));
    return record_add(c->emu, c->space, T_PRODUCT, made);
}

/* With default_price_data the product shows its price from the start, and its event comes before
 * the price's. [facts: R-26] */
json_t *products_create(struct call *c)
{
    struct args a = args_of(c), data;
    json_t *price = NULL;

    if (args_sub(&a, "default_price_data", &data)) {
        price = price_build(&data, S(""));
        if (!price)
            return NULL;
    }
    struct record *product = product_make(&a);
    if (!product) {
        json_decref(price);
        return NULL;
    }
    if (price) {
        set_strz(price, "product", product->id);
        struct record *made = price_keep(c, price, false);
        set_strz(product->doc, "default_price", made->id);
        record_touch(product);
        emit(c, product, "product.created");
        price_created(c, made);
    } else {
        emit(c, product, "product.created");
    }
    return answer_record(c, product);
}

static void *refuse_default(struct call *c, const struct record *price, const char *why)
{
    if (point_is(c->emu, POINT_FOREIGN_DEFAULT, "missing"))
        return refuse(c, 400, "resource_missing", "default_price", "No such price: '%s'",
                      price->id);
    return refuse(c, 400, NULL, "default_price", "The price specified in `default_price` (%s) %s",
                  price->id, why);
}

static struct record *default_named(struct call *c, str id)
{
    struct record *price = record_live(c->space, T_PRICE, id);

    if (!price && point_is(c->emu, POINT_OTHER_MODE, "plain"))
        return refuse(c, 400, "resource_missing", "default_price", "No such price: '%.*s'",
                      STR_ARG(id));
    return price ? price : refuse_missing(c, T_PRICE, id, "default_price");
}

/* The price must be there, be of this product, and be active. [facts] "" clears it.
 * [facts: R-02] */
static bool default_price_apply(const struct args *a, struct record *product)
{
    struct call *c = a->c;
    str id = arg_str(a, "default_price");

    if (id.p && !id.n && point_is(c->emu, POINT_CLEAR_DEFAULT, "no"))
        arg_text(a, "default_price", &id); /* cannot be unset */
    if (!id.p || c->refused)
        return !c->refused;
    if (!id.n) {
        set_null(product->doc, "default_price");
        return true;
    }
    struct record *price = default_named(c, id);
    if (!price)
        return false;
    if (!is_str(record_doc(price), "product", product->id))
        refuse_default(c, price, "does not belong to this product.");
    else if (!price->active && !str_eqz(get_str(product->doc, "default_price"), price->id))
        refuse_default(c, price, "is inactive. This field only accepts active prices.");
    else
        set_strz(product->doc, "default_price", price->id);
    return !c->refused;
}

/* An archived default price does not keep its product archived, unless P-7 says so. */
static bool active_ok(struct call *c, struct record *product, const json_t *before)
{
    struct record *price = record_live(c->space, T_PRICE, get_str(product->doc, "default_price"));

    if (!get_bool(product->doc, "active") || get_bool(before, "active") || !price ||
        price->active || point_is(c->emu, POINT_REACTIVATE_PRODUCT, "yes"))
        return true;
    return refuse(c, 400, NULL, "active",
                  "This product cannot be activated because its default price is not active.");
}

/* Told of the product, and if P-9 says so of the price that is the default now. */
static void product_changed(struct call *c, struct record *product, json_t *before)
{
    str is = get_str(product->doc, "default_price");
    bool moved = is.p && !str_eq(is, get_str(before, "default_price"));

    if (!json_equal(before, product->doc))
        set_int(product->doc, "updated", now_s(c->emu));
    change_end(c, product, before, "product.updated");
    struct record *price = moved ? record_live(c->space, T_PRICE, is) : NULL;
    if (price && point_is(c->emu, POINT_DEFAULT_EVENTS, "two"))
        emit(c, price, "price.updated");
}

void product_default(struct call *c, struct record *product, struct record *price)
{
    json_t *before = change_begin(product);

    set_strz(product->doc, "default_price", price->id);
    product_changed(c, product, before);
}

json_t *products_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PRODUCT);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!product_apply(&a, r->doc) || !default_price_apply(&a, r) || !active_ok(c, r, before)) {
        change_abort(r, before);
        return NULL;
    }
    bool archived = get_bool(before, "active") && !get_bool(r->doc, "active");
    product_changed(c, r, before);
    if (archived)
        links_follow(c, r);
    return answer_record(c, r);
}

/* One with prices, even archived ones, stays; afterwards a GET is 404. [facts] */
json_t *products_delete(struct call *c)
{
    struct record *r = path_record(c, T_PRODUCT);

    if (!r)
        return NULL;
    if (owned_next(c->space, T_PRICE, str_of(r->id), NULL))
        return refuse(c, 400, NULL, NULL,
                      "This product cannot be deleted because it has one or more user-created "
                      "prices.");
    set_bool(record_doc(r), "active", false);
    record_touch(r);
    record_delete(r);
    emit(c, r, "product.deleted");
    return answer_deleted(c, T_PRODUCT, str_of(r->id));
}

json_t *products_get(struct call *c)
{
    struct record *r = path_record(c, T_PRODUCT);

    return r ? answer_record(c, r) : NULL;
}

struct products_filter {
    str id[LIST_LIMIT_MAX];
    size_t n_ids;
    bool by_active, active, by_shippable, shippable;
    str url, type;
};

static bool product_kept(struct call *c, struct record *r, const void *ctx)
{
    const struct products_filter *f = ctx;
    bool kept = f->n_ids == 0;

    (void)c;
    if (f->by_active && r->active != f->active)
        return false;
    for (size_t i = 0; i < f->n_ids && !kept; i++)
        kept = str_eqz(f->id[i], r->id);
    if (f->by_shippable)
        kept = kept && get_bool(record_doc(r), "shippable") == f->shippable;
    if (f->url.n)
        kept = kept && str_eq(get_str(record_doc(r), "url"), f->url);
    if (f->type.n)
        kept = kept && str_eq(get_str(record_doc(r), "type"), f->type);
    return kept;
}

json_t *products_list(struct call *c)
{
    struct args a = args_of(c);
    struct products_filter f = { 0 };

    f.n_ids = args_strings(&a, "ids", f.id, COUNT(f.id));
    f.by_active = arg_bool(&a, "active", &f.active);
    f.by_shippable = arg_bool(&a, "shippable", &f.shippable);
    f.url = arg_str(&a, "url");
    f.type = arg_str(&a, "type");
    return answer_list(c,
                       &(struct list_query){ .type = T_PRODUCT, .keep = product_kept, .ctx = &f });
}
