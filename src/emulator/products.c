#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { IMAGES_MAX = 8, FEATURES_MAX = 15, DESCRIPTOR_MAX = 22, UNIT_LABEL_MAX = 12 };

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
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, args_document(feature[i].hash));
    set_new(doc, "marketing_features", list);
    return true;
}

static bool product_apply(const struct args *a, json_t *doc)
{
    return fields_apply(a, doc, product_fields, COUNT(product_fields)) && features_apply(a, doc);
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
        emit(c, made, "price.created");
    } else {
        emit(c, product, "product.created");
    }
    return answer_record(c, product);
}

/* The price must be there, be of this product, and be active. [facts] "" clears it.
 * [facts: R-02] */
static bool default_price_apply(const struct args *a, struct record *product)
{
    struct call *c = a->c;
    str id = arg_str(a, "default_price");

    if (!id.p)
        return !c->refused;
    if (!id.n) {
        set_null(product->doc, "default_price");
        return true;
    }
    struct record *price = named_record(c, T_PRICE, id, "default_price");
    if (!price)
        return false;
    if (!is_str(record_doc(price), "product", product->id))
        refuse(c, 400, NULL, "default_price",
               "The price specified in `default_price` (%s) does not belong to this product.",
               price->id);
    else if (!price->active && !str_eqz(get_str(product->doc, "default_price"), price->id))
        refuse(c, 400, NULL, "default_price",
               "The price specified in `default_price` (%s) is inactive. This field only accepts "
               "active prices.",
               price->id);
    else
        set_strz(product->doc, "default_price", price->id);
    return !c->refused;
}

json_t *products_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PRODUCT);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!product_apply(&a, r->doc) || !default_price_apply(&a, r)) {
        change_abort(r, before);
        return NULL;
    }
    if (!json_equal(before, r->doc))
        set_int(r->doc, "updated", now_s(c->emu));
    change_end(c, r, before, "product.updated");
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
