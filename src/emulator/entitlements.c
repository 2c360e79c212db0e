/* entitlements.c - features, which products have them, and which customers may use them by what
 * they are subscribed to. */
#include "emulator/list.h"
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <string.h>

enum { FEATURES_MAX = 256, LOOKUP_KEY_MAX = 80 };

/* --- features --- */

static const struct field feature_fields[] = {
    { "active", F_BOOL, NULL, 0 },
    { "lookup_key", F_TEXT, NULL, LOOKUP_KEY_MAX },
    { "metadata", F_METADATA, NULL, 0 },
    { "name", F_TEXT, NULL, 80 },
};

static bool feature_make(const struct args *a, json_t *doc, json_t *hidden)
{
    const struct table *t = &a->c->space->table[T_ENTITLEMENTS_FEATURE];

    (void)hidden;
    for (size_t i = 0; i < t->n; i++)
        if (!t->row[i]->deleted &&
            str_eq(get_str(record_doc(t->row[i]), "lookup_key"), get_str(doc, "lookup_key")))
            return refuse(a->c, 400, "resource_already_exists", "lookup_key",
                          "A feature with this lookup_key already exists.");
    return true;
}

static bool feature_keep(const struct args *a, struct record *r)
{
    bool archived;

    return !arg_bool(a, "archived", &archived) || archived == !r->active;
}

const struct plain feature_plain = {
    .type = T_ENTITLEMENTS_FEATURE,
    .field = feature_fields,
    .n_fields = COUNT(feature_fields),
    .make = feature_make,
    .keep = feature_keep,
};

/* --- features of a product --- */

static bool of_product(struct record *r, str product)
{
    return !r->deleted && str_eq(get_str(r->hidden, "product"), product);
}

static bool product_feature_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)c;
    return of_product(r, *(const str *)ctx);
}

json_t *product_features_list(struct call *c)
{
    struct record *product = path_record(c, T_PRODUCT);

    if (!product)
        return NULL;
    str id = str_of(product->id);
    return answer_list(c, &(struct list_query){
                              .type = T_PRODUCT_FEATURE,
                              .keep = product_feature_kept,
                              .ctx = &id,
                              .url = arena_printf(c->arena, "/v1/products/%s/features", id.p).p });
}

/* Everybody's entitlements follow from what products have. */
static void product_followed(struct call *c, str product)
{
    const struct table *t = &c->space->table[T_SUBSCRIPTION_ITEM];

    for (size_t i = 0; i < t->n; i++) {
        struct record *r = t->row[i];
        if (r->deleted ||
            !str_eq(get_str(json_object_get(record_doc(r), "price"), "product"), product))
            continue;
        struct record *sub = record_live(c->space, T_SUBSCRIPTION, get_str(r->doc, "subscription"));
        if (sub)
            entitlements_follow(c, get_str(record_doc(sub), "customer"));
    }
}

json_t *product_features_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *product = path_record(c, T_PRODUCT);
    str id = arg_str(&a, "entitlement_feature");
    struct record *feature =
        product ? named_record(c, T_ENTITLEMENTS_FEATURE, id, "entitlement_feature") : NULL;

    if (!feature)
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_PRODUCT_FEATURE, NULL);
    set_new(doc, "entitlement_feature", json_deep_copy(record_doc(feature)));
    struct record *r = record_add(c->emu, c->space, T_PRODUCT_FEATURE, doc);
    record_hide(r, "product", json_string(product->id));
    product_followed(c, str_of(product->id));
    return answer_record(c, r);
}

static struct record *product_feature_path(struct call *c)
{
    struct record *r = record_live(c->space, T_PRODUCT_FEATURE, c->part[1]);

    return r && of_product(r, c->part[0]) ? r
                                          : refuse_missing(c, T_PRODUCT_FEATURE, c->part[1], NULL);
}

json_t *product_features_get(struct call *c)
{
    struct record *r = product_feature_path(c);

    return r ? answer_record(c, r) : NULL;
}

json_t *product_features_delete(struct call *c)
{
    struct record *r = product_feature_path(c);

    if (!r)
        return NULL;
    record_delete(r);
    product_followed(c, c->part[0]);
    return answer_deleted(c, T_PRODUCT_FEATURE, str_of(r->id));
}

/* --- entitlements --- */

static str customer_of(struct record *r)
{
    str hidden = get_str(r->hidden, "customer");

    return hidden.p ? hidden : get_str(record_doc(r), "customer");
}

static bool entitlement_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)c;
    return str_eq(customer_of(r), *(const str *)ctx);
}

json_t *entitlements_list(struct call *c)
{
    struct args a = args_of(c);
    str customer = arg_str(&a, "customer");

    if (!named_record(c, T_CUSTOMER, customer, "customer"))
        return NULL;
    return answer_list(c, &(struct list_query){ .type = T_ENTITLEMENTS_ACTIVE_ENTITLEMENT,
                                                .keep = entitlement_kept,
                                                .ctx = &customer });
}

struct features {
    str id[FEATURES_MAX];
    size_t n;
};

static bool has_feature(const struct features *f, str id)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->id[i], id))
            return true;
    return false;
}

static void features_of_product(struct space *s, str product, struct features *f)
{
    const struct table *t = &s->table[T_PRODUCT_FEATURE];

    for (size_t i = 0; i < t->n && f->n < FEATURES_MAX; i++) {
        str id = get_str(json_object_get(record_doc(t->row[i]), "entitlement_feature"), "id");
        if (of_product(t->row[i], product) && !has_feature(f, id))
            f->id[f->n++] = id;
    }
}

static void features_of_customer(struct space *s, str customer, struct features *f)
{
    struct record *sub = NULL, *si;

    while ((sub = owned_next(s, T_SUBSCRIPTION, customer, sub))) {
        const json_t *doc = record_doc(sub);
        if (!is_str(doc, "status", "active") && !is_str(doc, "status", "trialing") &&
            !is_str(doc, "status", "past_due"))
            continue;
        for (si = NULL; (si = owned_next(s, T_SUBSCRIPTION_ITEM, str_of(sub->id), si));)
            features_of_product(s, get_str(json_object_get(record_doc(si), "price"), "product"), f);
    }
}

static void entitlement_make(struct call *c, str customer, str feature)
{
    struct record *of = record_live(c->space, T_ENTITLEMENTS_FEATURE, feature);
    json_t *doc = record_shape(c->emu, c->space, T_ENTITLEMENTS_ACTIVE_ENTITLEMENT, NULL);

    set_str(doc, "feature", feature);
    if (of)
        set_str(doc, "lookup_key", get_str(record_doc(of), "lookup_key"));
    struct record *r = record_add(c->emu, c->space, T_ENTITLEMENTS_ACTIVE_ENTITLEMENT, doc);
    record_hide(r, "customer", json_str(customer));
}

static void summary_emit(struct call *c, str customer)
{
    const struct table *t = &c->space->table[T_ENTITLEMENTS_ACTIVE_ENTITLEMENT];
    json_t *data = json_array();
    str url = arena_printf(c->arena, "/v1/customer/%.*s/entitlements", STR_ARG(customer));

    for (size_t i = 0; i < t->n; i++)
        if (!t->row[i]->deleted && str_eq(customer_of(t->row[i]), customer))
            json_array_append_new(data, json_deep_copy(record_doc(t->row[i])));
    json_t *list = json_pack("{s:s,s:o,s:b,s:s%}", "object", "list", "data", data, "has_more", 0,
                             "url", url.p, url.n);
    emit_document(c, c->space,
                  json_pack("{s:s,s:s%,s:o,s:b}", "object",
                            "entitlements.active_entitlement_summary", "customer", customer.p,
                            customer.n, "entitlements", list, "livemode", c->space->livemode),
                  "entitlements.active_entitlement_summary.updated");
}

void entitlements_follow(struct call *c, str customer)
{
    const struct table *t = &c->space->table[T_ENTITLEMENTS_ACTIVE_ENTITLEMENT];
    struct features want = { .n = 0 }, has = { .n = 0 };
    bool changed = false;

    if (!c->space->table[T_PRODUCT_FEATURE].n)
        return;
    features_of_customer(c->space, customer, &want);
    for (size_t i = 0; i < t->n; i++) {
        struct record *r = t->row[i];
        if (r->deleted || !str_eq(customer_of(r), customer))
            continue;
        str feature = get_str(record_doc(r), "feature");
        if (!has_feature(&want, feature)) {
            record_delete(r);
            changed = true;
        } else if (has.n < FEATURES_MAX) {
            has.id[has.n++] = feature;
        }
    }
    for (size_t i = 0; i < want.n; i++) {
        if (has_feature(&has, want.id[i]))
            continue;
        entitlement_make(c, customer, want.id[i]);
        changed = true;
    }
    if (changed)
        summary_emit(c, customer);
}
