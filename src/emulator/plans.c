/* plans.c - /v1/plans: recurring prices as the older API saw them. [facts: R-38]
 *
 * A plan and its price are one thing with one id. Here they are two records: whatever makes,
 * changes or removes a recurring price goes through price_created, price_changed and price_deleted,
 * which keep the plan beside it and tell of both. */
#include "emulator/rooms.h"
#include "emulator/shapes.h"

#include <string.h>

json_t *plan_of(const json_t *price)
{
    static const char *const same[] = { "id",       "active",    "billing_scheme", "created",
                                        "currency", "livemode",  "metadata",       "nickname",
                                        "product",  "tiers_mode" };
    static const char *const recurring[] = { "interval", "interval_count", "meter",
                                             "trial_period_days", "usage_type" };
    json_t *plan = shape_parse(shape_plan);

    for (size_t i = 0; i < COUNT(same); i++)
        set_new(plan, same[i], json_deep_copy(json_object_get(price, same[i])));
    for (size_t i = 0; i < COUNT(recurring); i++)
        set_new(plan, recurring[i],
                json_deep_copy(json_object_get(json_object_get(price, "recurring"), recurring[i])));
    set_new(plan, "amount", json_deep_copy(json_object_get(price, "unit_amount")));
    set_new(plan, "amount_decimal", json_deep_copy(json_object_get(price, "unit_amount_decimal")));
    set_new(plan, "transform_usage", json_deep_copy(json_object_get(price, "transform_quantity")));
    return plan;
}

static bool is_recurring(const json_t *price)
{
    return json_is_object(json_object_get(price, "recurring"));
}

void price_created(struct call *c, struct record *price)
{
    if (is_recurring(record_doc(price))) {
        struct record *plan = record_add(c->emu, c->space, T_PLAN, plan_of(price->doc));
        const json_t *tiers = json_object_get(price->hidden, "tiers");
        if (tiers)
            record_hide(plan, "tiers", json_deep_copy(tiers));
        plan->unlisted = price->unlisted;
        emit(c, plan, "plan.created");
    }
    emit(c, price, "price.created");
}

void price_changed(struct call *c, struct record *price, json_t *before)
{
    struct record *plan = record_live(c->space, T_PLAN, str_of(price->id));

    record_touch(price);
    if (plan) {
        json_t *was = change_begin(plan);
        json_decref(plan->doc);
        plan->doc = plan_of(price->doc);
        change_end(c, plan, was, "plan.updated");
    }
    change_end(c, price, before, "price.updated");
}

static void price_deleted(struct call *c, struct record *price)
{
    struct record *plan = record_live(c->space, T_PLAN, str_of(price->id));

    record_doc(price);
    record_delete(price);
    if (plan) {
        record_delete(plan);
        emit(c, plan, "plan.deleted");
    }
    emit(c, price, "price.deleted");
}

/* --- handlers --- */

/* What a price would have been told. */
static json_t *price_params(const struct args *a)
{
    static const char *const same[] = { "currency", "active", "billing_scheme", "metadata",
                                        "nickname", "tiers",  "tiers_mode" };
    static const char *const renamed[][2] = { { "amount", "unit_amount" },
                                              { "amount_decimal", "unit_amount_decimal" },
                                              { "transform_usage", "transform_quantity" } };
    static const char *const recurring[] = { "interval", "interval_count", "meter",
                                             "trial_period_days", "usage_type" };
    json_t *p = json_object(), *r = json_object();

    for (size_t i = 0; i < COUNT(same); i++)
        json_object_set(p, same[i], json_object_get(a->hash, same[i]));
    for (size_t i = 0; i < COUNT(renamed); i++)
        json_object_set(p, renamed[i][1], json_object_get(a->hash, renamed[i][0]));
    for (size_t i = 0; i < COUNT(recurring); i++)
        json_object_set(r, recurring[i], json_object_get(a->hash, recurring[i]));
    set_new(p, "recurring", r);
    return p;
}

/* The product by its id, or a new one of a hash; {NULL, 0} when refused. */
static str plan_product(const struct args *a)
{
    struct call *c = a->c;
    struct args data;
    struct record *product;
    str none = { 0 };

    if (json_is_object(json_object_get(a->hash, "product"))) {
        if (!args_sub(a, "product", &data) || !(product = product_make(&data)))
            return none;
        emit(c, product, "product.created");
        return str_of(product->id);
    }
    str id = arg_str(a, "product");
    if (!id.n)
        refuse_param_missing(c, "product");
    else if (named_record(c, T_PRODUCT, id, "product"))
        return id;
    return none;
}

json_t *plans_create(struct call *c)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "id");

    if (id.n && record_live(c->space, T_PRICE, id))
        return refuse(c, 400, "resource_already_exists", NULL, "Plan already exists.");
    json_t *params = price_params(&a);
    json_t *doc = price_build(&(struct args){ c, params, "" }, (str){ 0 });
    json_decref(params);
    str product = doc ? plan_product(&a) : (str){ 0 };
    if (!product.n) {
        json_decref(doc);
        return NULL;
    }
    char made[ID_BYTES];
    if (!id.n)
        make_id(c->emu, type_info[T_PLAN].prefix, ID_RANDOM, made);
    set_str(doc, "product", product);
    set_str(doc, "id", id.n ? id : str_of(made));
    struct record *price = price_keep(c, doc, false);
    price_created(c, price);
    return answer_record(c, record_live(c->space, T_PLAN, str_of(price->id)));
}

/* The plan named in the path, and its price. */
static struct record *plan_path(struct call *c, struct record **price)
{
    struct record *plan = path_record(c, T_PLAN);

    *price = plan ? record_live(c->space, T_PRICE, str_of(plan->id)) : NULL;
    if (plan && *price)
        return plan;
    refuse_missing(c, T_PLAN, c->part[0], NULL);
    return NULL;
}

json_t *plans_update(struct call *c)
{
    static const struct field fields[] = {
        { "active", F_BOOL, NULL, 0 },
        { "metadata", F_METADATA, NULL, 0 },
        { "nickname", F_TEXT_NULL, NULL, 0 },
    };
    struct args a = args_of(c);
    struct record *price, *plan = plan_path(c, &price);
    int64_t trial;

    if (!plan || !price_archive_check(c, price))
        return NULL;
    json_t *before = change_begin(price);
    str product = arg_given(&a, "product") ? plan_product(&a) : get_str(price->doc, "product");
    if (arg_int(&a, "trial_period_days", &trial))
        set_int(json_object_get(price->doc, "recurring"), "trial_period_days", trial);
    set_str(price->doc, "product", product);
    if (c->refused || !fields_apply(&a, price->doc, fields, COUNT(fields))) {
        change_abort(price, before);
        return NULL;
    }
    price_changed(c, price, before);
    return answer_record(c, plan);
}

json_t *plans_delete(struct call *c)
{
    struct record *price, *plan = plan_path(c, &price);

    if (!plan)
        return NULL;
    price_deleted(c, price);
    return answer_deleted(c, T_PLAN, str_of(plan->id));
}
