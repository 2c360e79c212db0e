/* subscription_changes.c - updates of a subscription, its cancellation, and its return. */
#include "emulator/list.h"
#include "emulator/rooms.h"
#include "emulator/subscriptions.h"

#include <string.h>

/* What add_invoice_items names must be there. */
bool extra_check(const struct args *a)
{
    struct args item[ITEMS_MAX];
    size_t n = args_list(a, "add_invoice_items", item, ITEMS_MAX);
    str id;

    for (size_t i = 0; i < n && !a->c->refused; i++) {
        if (arg_text(&item[i], "price", &id))
            named_record(a->c, T_PRICE, id, arg_name(&item[i], "price"));
        else if (!arg_given(&item[i], "price_data"))
            refuse_param_missing(a->c, arg_name(&item[i], "price"));
    }
    return !a->c->refused;
}

/* New ones wait for the next invoice, or are on this one. */
bool extra_items(const struct args *a, struct record *sub)
{
    struct args item[ITEMS_MAX];
    str customer = get_str(record_doc(sub), "customer"), currency = get_str(sub->doc, "currency");
    size_t n = args_list(a, "add_invoice_items", item, ITEMS_MAX);

    for (size_t i = 0; i < n && !a->c->refused; i++) {
        struct record *r = invoiceitem_make(&item[i], customer, str_of(sub->id), currency);
        if (r)
            emit(a->c, r, "invoiceitem.created");
    }
    return !a->c->refused;
}

/* --- changing --- */

static bool items_changed(struct call *c, struct record *sub, const struct args *item, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str id = arg_str(&item[i], "id");
        bool deleted = false;
        arg_bool(&item[i], "deleted", &deleted);
        struct record *si =
            id.n ? named_record(c, T_SUBSCRIPTION_ITEM, id, arg_name(&item[i], "id")) : NULL;
        if (c->refused)
            return false;
        if (!si) {
            struct item_order o;
            struct record *first = owned_next(c->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), NULL);
            int64_t end = first ? get_int(record_doc(first), "current_period_end") : 0;
            if (!item_check(&item[i], &o))
                return false;
            item_keep(c, sub, &o, now_s(c->emu), end);
        } else if (deleted) {
            record_delete(si);
        } else if (!subscription_item_apply(&item[i], si)) {
            return false;
        }
    }
    return true;
}

/* Everything that could refuse an item, before the first is touched. */
static bool items_check(struct call *c, struct record *sub, const struct args *item, size_t n)
{
    struct item_order o;

    for (size_t i = 0; i < n; i++) {
        str id = arg_str(&item[i], "id");
        struct record *si =
            id.n ? named_record(c, T_SUBSCRIPTION_ITEM, id, arg_name(&item[i], "id")) : NULL;
        if (c->refused)
            return false;
        if (si && !is_str(record_doc(si), "subscription", sub->id)) {
            refuse_missing(c, T_SUBSCRIPTION_ITEM, id, arg_name(&item[i], "id"));
            return false;
        }
        bool priced = arg_given(&item[i], "price") || arg_given(&item[i], "price_data");
        if ((!si || priced) && !item_check(&item[i], &o))
            return false;
    }
    return true;
}

static bool trial_apply(const struct args *a, struct record *sub)
{
    int64_t end = -1;

    if (!trial_read(a, &end) || end < 0)
        return !a->c->refused;
    json_t *doc = record_doc(sub);
    int64_t now = now_s(a->c->emu);
    if (end <= now) {
        if (is_str(doc, "status", "trialing"))
            set_int(doc, "trial_end", now);
        return true;
    }
    set_int(doc, "trial_end", end);
    if (json_is_null(json_object_get(doc, "trial_start")))
        set_int(doc, "trial_start", now);
    set_strz(doc, "status", "trialing");
    set_int(doc, "billing_cycle_anchor", end);
    record_hide(sub, "told", json_false());
    for (struct record *si = NULL;
         (si = owned_next(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), si));) {
        set_int(record_doc(si), "current_period_end", end);
        record_touch(si);
    }
    return true;
}

static bool details_apply(const struct args *a, json_t *doc)
{
    static const struct field fields[] = {
        { "comment", F_TEXT_NULL, NULL, 0 },
        { "feedback", F_WORD,
          "customer_service low_quality missing_features other switched_service too_complex "
          "too_expensive unused",
          0 },
    };
    struct args sub;

    return !args_sub(a, "cancellation_details", &sub) ||
           fields_apply(&sub, json_object_get(doc, "cancellation_details"), fields, COUNT(fields));
}

/* What has not begun can hardly be changed. [facts: 10.1] */
static bool incomplete_ok(struct call *c, struct record *sub)
{
    static const char *const fine[] = { "metadata", "default_source", "default_payment_method",
                                        "expand",   "description",    "cancel_at_period_end" };
    const char *name;
    json_t *v;

    if (!is_str(record_doc(sub), "status", "incomplete"))
        return true;
    json_object_foreach(c->params, name, v)
    {
        bool may = false;
        for (size_t i = 0; i < COUNT(fine); i++)
            may = may || strcmp(name, fine[i]) == 0;
        if (!may)
            return refuse(c, 400, NULL, name,
                          "You cannot update a subscription in `incomplete` status in a way that "
                          "results in changes to its invoice. Only `metadata` and "
                          "`default_source` can be updated.");
    }
    return true;
}

/* Without a payment method the trial's end pauses or cancels it: time does that (renewals.c). */
static bool trial_will_stop(struct call *c, struct record *sub)
{
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(sub->doc, "customer"));
    str behavior =
        get_str(get_path(sub->doc, "trial_settings.end_behavior"), "missing_payment_method");

    return !str_eq(behavior, S("create_invoice")) && !default_method(c, customer, sub);
}

/* A trial that ends now leads to a period that begins now. */
static struct record *trial_ended(struct call *c, struct record *sub, const json_t *before)
{
    bool over = is_str(before, "status", "trialing") && get_int(sub->doc, "trial_end") &&
                get_int(sub->doc, "trial_end") <= now_s(c->emu);

    if (!over || trial_will_stop(c, sub))
        return NULL;
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(sub->doc, "customer"));
    bool pause = is_str(get_path(sub->doc, "trial_settings.end_behavior"), "missing_payment_method",
                        "pause");
    if (pause && !default_method(c, customer, sub)) {
        set_strz(sub->doc, "status", "paused");
        record_touch(sub);
        emit(c, sub, "customer.subscription.paused");
        return NULL;
    }
    set_strz(sub->doc, "status", "active");
    set_int(sub->doc, "billing_cycle_anchor", now_s(c->emu));
    items_next_period(sub, now_s(c->emu));
    return subscription_invoice(c, sub, "subscription_update");
}

void subscription_changed(struct call *c, struct record *sub, json_t *before, struct record *inv,
                          const struct proration *p)
{
    if (inv)
        set_strz(record_doc(sub), "latest_invoice", inv->id);
    subscription_embed(sub);
    if (inv)
        emit(c, inv, "invoice.created");
    change_end(c, sub, before, "customer.subscription.updated");
    entitlements_follow(c, get_str(sub->doc, "customer"));
    if (inv)
        update_pay(c, sub, inv, p);
}

/* An update that is there whole, or not at all. */
struct update {
    struct args item[ITEMS_MAX];
    size_t n_items;
    struct discount_order discounts;
    struct proration how;
};

static bool update_read(const struct args *a, struct record *sub, struct update *u)
{
    struct call *c = a->c;

    u->n_items = args_list(a, "items", u->item, ITEMS_MAX);
    return !c->refused && incomplete_ok(c, sub) &&
           discounts_read(a, get_str(sub->doc, "customer"), &u->discounts) &&
           proration_read(a, sub, &u->how) && items_check(c, sub, u->item, u->n_items) &&
           extra_check(a) && proration_payable(c, sub, &u->how);
}

bool subscription_update(const struct args *a, struct record *sub)
{
    struct call *c = a->c;
    struct update u;

    if (!update_read(a, sub, &u))
        return false;
    json_t *before = change_begin(sub);
    if (!subscription_apply(a, sub) || !trial_apply(a, sub) || !cancel_apply(a, sub) ||
        !details_apply(a, sub->doc)) {
        change_abort(sub, before);
        return false;
    }
    json_t *items = items_snapshot(sub);
    items_changed(c, sub, u.item, u.n_items);
    discounts_apply(c, sub->doc, &u.discounts,
                    &(struct discount_target){ .customer = get_str(sub->doc, "customer"),
                                               .subscription = str_of(sub->id) });
    extra_items(a, sub);
    struct record *inv = trial_ended(c, sub, before);
    if (!inv)
        inv = items_prorated(c, sub, items, &u.how);
    if (inv && pending_wanted(c, sub, &u.how))
        pending_keep(c, sub, before, items, inv);
    json_decref(items);
    subscription_changed(c, sub, before, inv, &u.how);
    return true;
}

/* One that has ended can neither be changed nor cancelled: it is not found. */
static struct record *path_running(struct call *c)
{
    struct record *sub = path_record(c, T_SUBSCRIPTION);

    if (sub && (is_str(record_doc(sub), "status", "canceled") ||
                is_str(sub->doc, "status", "incomplete_expired")))
        return refuse(c, 404, "resource_missing", "id", "No such subscription: '%s'", sub->id);
    return sub;
}

json_t *subscriptions_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *sub = path_running(c);

    if (!sub)
        return NULL;
    return subscription_update(&a, sub) ? answer_record(c, sub) : NULL;
}

/* With what is still to be billed, or given back. */
void subscription_stop(struct call *c, struct record *sub, bool prorate, bool invoice_now)
{
    const struct proration how = { .payment = S("allow_incomplete") };
    bool running =
        is_str(record_doc(sub), "status", "active") || is_str(sub->doc, "status", "past_due");

    if (prorate && running) {
        json_t *items = items_snapshot(sub);
        items_credited(c, sub, items, now_s(c->emu));
        json_decref(items);
    }
    subscription_cancel(c, sub, "cancellation_requested");
    if (!invoice_now)
        return;
    struct record *inv = subscription_pending_invoice(c, sub, "manual");
    if (!inv)
        return;
    emit(c, inv, "invoice.created");
    update_pay(c, sub, inv, &how);
}

/* It lives on as a cancelled one. [facts: API 12] */
json_t *subscriptions_cancel(struct call *c)
{
    struct args a = args_of(c);
    struct record *sub = path_running(c);

    if (!sub)
        return NULL;
    bool prorate = false, invoice_now = false;
    arg_bool(&a, "prorate", &prorate);
    arg_bool(&a, "invoice_now", &invoice_now);
    if (c->refused || !details_apply(&a, sub->doc))
        return NULL;
    subscription_stop(c, sub, prorate, invoice_now);
    return answer_record(c, sub);
}

json_t *subscriptions_resume(struct call *c)
{
    struct record *sub = path_record(c, T_SUBSCRIPTION);

    if (!sub)
        return NULL;
    if (!is_str(record_doc(sub), "status", "paused"))
        return refuse(c, 400, NULL, NULL, "Only paused subscriptions can be resumed.");
    json_t *before = change_begin(sub);
    set_strz(sub->doc, "status", "active");
    record_touch(sub);
    emit(c, sub, "customer.subscription.resumed");
    change_end(c, sub, before, "customer.subscription.updated");
    return answer_record(c, sub);
}
