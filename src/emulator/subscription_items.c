#include "emulator/list.h"
#include "emulator/rooms.h"
#include "emulator/shapes.h"

#include <string.h>

/* Applies price, quantity and metadata; what could be refused has been checked. */
bool subscription_item_apply(const struct args *a, struct record *si)
{
    struct call *c = a->c;
    struct item_order o;
    struct discount_order discounts;
    json_t *doc = record_doc(si);
    int64_t quantity;

    if (arg_given(a, "price") || arg_given(a, "price_data")) {
        if (!item_check(a, &o))
            return false;
        struct record *sub = record_any(c->space, T_SUBSCRIPTION, get_str(doc, "subscription"));
        struct record *fresh = item_keep(c, sub, &o, get_int(doc, "current_period_start"),
                                         get_int(doc, "current_period_end"));
        set_new(doc, "price", json_deep_copy(json_object_get(record_doc(fresh), "price")));
        set_new(doc, "plan", json_deep_copy(json_object_get(fresh->doc, "plan")));
        record_undo(c, fresh);
    }
    if (arg_int(a, "quantity", &quantity))
        set_int(doc, "quantity", quantity);
    if (!metadata_apply(a, doc) || !tax_rates_read(a, "tax_rates", doc, "tax_rates") ||
        !discounts_read(a, (str){ 0 }, &discounts))
        return false;
    struct record *of = record_any(c->space, T_SUBSCRIPTION, get_str(doc, "subscription"));
    discounts_apply(c, doc, &discounts,
                    &(struct discount_target){ .customer = get_str(record_doc(of), "customer"),
                                               .subscription = str_of(of->id),
                                               .subscription_item = str_of(si->id) });
    record_touch(si);
    return !c->refused;
}

/* A change of items: what it was before, and how it is to be billed. */
struct item_change {
    struct record *sub;
    struct proration how;
    json_t *items, *doc;
};

/* False when refused; nothing was changed then. */
static bool item_change_begin(const struct args *a, struct record *sub, struct item_change *k)
{
    *k = (struct item_change){ .sub = sub };
    if (!proration_read(a, sub, &k->how) || !proration_payable(a->c, sub, &k->how))
        return false;
    k->items = items_snapshot(sub);
    k->doc = change_begin(sub);
    return true;
}

/* The subscription shows its items, so its event tells of them. */
static void item_change_end(struct call *c, struct item_change *k)
{
    struct record *inv = items_prorated(c, k->sub, k->items, &k->how);

    if (inv && pending_wanted(c, k->sub, &k->how))
        pending_keep(c, k->sub, k->doc, k->items, inv);
    subscription_changed(c, k->sub, k->doc, inv, &k->how);
    json_decref(k->items);
}

json_t *subscription_items_create(struct call *c)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "subscription");
    struct record *sub = named_record(c, T_SUBSCRIPTION, id, "subscription");
    struct item_order o;
    struct item_change k;

    if (!sub || !item_check(&a, &o) || !item_change_begin(&a, sub, &k))
        return NULL;
    struct record *si = item_keep(c, sub, &o, now_s(c->emu), subscription_period_end(sub));
    set_new(record_doc(si), "current_period_start",
            json_deep_copy(json_object_get(json_array_get(k.items, 0), "current_period_start")));
    record_touch(si);
    item_change_end(c, &k);
    return answer_record(c, si);
}

json_t *subscription_items_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *si = path_record(c, T_SUBSCRIPTION_ITEM);
    struct record *sub =
        si ? record_any(c->space, T_SUBSCRIPTION, get_str(record_doc(si), "subscription")) : NULL;
    struct item_change k;

    if (!sub || !item_change_begin(&a, sub, &k))
        return NULL;
    json_t *before = change_begin(si);
    if (!subscription_item_apply(&a, si)) {
        change_abort(si, before);
        json_decref(k.items);
        json_decref(k.doc);
        return NULL;
    }
    json_decref(before);
    item_change_end(c, &k);
    return answer_record(c, si);
}

json_t *subscription_items_delete(struct call *c)
{
    struct args a = args_of(c);
    struct record *si = path_record(c, T_SUBSCRIPTION_ITEM);
    struct item_change k;

    if (!si)
        return NULL;
    str id = get_str(record_doc(si), "subscription");
    struct record *first = owned_next(c->space, T_SUBSCRIPTION_ITEM, id, NULL);
    if (first == si && !owned_next(c->space, T_SUBSCRIPTION_ITEM, id, si))
        return refuse(c, 400, NULL, NULL,
                      "A subscription must have at least one active plan. In order to cancel your "
                      "subscription, please use the cancel subscription API endpoint, or set the "
                      "`cancel_at_period_end` flag.");
    if (!item_change_begin(&a, record_any(c->space, T_SUBSCRIPTION, id), &k))
        return NULL;
    record_delete(si);
    item_change_end(c, &k);
    return answer_deleted(c, T_SUBSCRIPTION_ITEM, str_of(si->id));
}

json_t *subscription_items_get(struct call *c)
{
    struct record *r = path_record(c, T_SUBSCRIPTION_ITEM);

    return r ? answer_record(c, r) : NULL;
}

json_t *subscription_items_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_SUBSCRIPTION_ITEM };

    q.owner = arg_str(&a, "subscription");
    if (!named_record(c, T_SUBSCRIPTION, q.owner, "subscription"))
        return NULL;
    str url = arena_printf(c->arena, "/v1/subscription_items?subscription=%.*s", STR_ARG(q.owner));
    q.url = url.p;
    return answer_list(c, &q);
}
