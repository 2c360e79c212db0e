/* pending_updates.c - a change that counts only once it is paid: the subscription stays what it was
 * until its invoice is paid, and for 23 hours at most. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { PENDING_HOURS = 23 };

/* Would the change wait? Asked once its invoice is there. */
bool pending_wanted(struct call *c, struct record *sub, const struct proration *p)
{
    struct record *customer =
        record_any(c->space, T_CUSTOMER, get_str(record_doc(sub), "customer"));
    struct record *method = default_method(c, customer, sub);

    if (c->preview || !str_eq(p->payment, S("pending_if_incomplete")))
        return false;
    return !method || !payment_method_outcome(method, false).approved;
}

/* The items become these: what is not among them is gone, what is gone may come back. */
static void items_become(struct record *sub, const json_t *items)
{
    struct space *s = sub->space;
    struct record *r = NULL;
    size_t i;
    json_t *v;

    while ((r = owned_next(s, T_SUBSCRIPTION_ITEM, str_of(sub->id), r)))
        record_delete(r);
    json_array_foreach(items, i, v)
    {
        r = record_any(s, T_SUBSCRIPTION_ITEM, get_str(v, "id"));
        assert(r);
        r->deleted = false;
        json_t *doc = record_doc(r);
        json_object_clear(doc);
        json_object_update_missing(doc, v);
        record_touch(r);
    }
}

void pending_keep(struct call *c, struct record *sub, const json_t *before, const json_t *items,
                  struct record *inv)
{
    json_t *wanted = items_snapshot(sub);
    bool anew =
        get_int(before, "billing_cycle_anchor") != get_int(sub->doc, "billing_cycle_anchor");

    set_new(sub->doc, "pending_update",
            json_pack("{s:o,s:n,s:n,s:I,s:n,s:o,s:n,s:n}", "billing_cycle_anchor",
                      anew ? json_integer(get_int(sub->doc, "billing_cycle_anchor")) : json_null(),
                      "cancel_at_period_end", "discounts", "expires_at",
                      (json_int_t)(now_s(c->emu) + PENDING_HOURS * 3600), "metadata",
                      "subscription_items", json_deep_copy(wanted), "trial_end",
                      "trial_from_plan"));
    set_new(sub->doc, "billing_cycle_anchor",
            json_deep_copy(json_object_get(before, "billing_cycle_anchor")));
    items_become(sub, items);
    record_hide(sub, "pending_invoice", json_string(inv->id));
    json_decref(wanted);
}

bool pending_is_for(struct record *sub, struct record *inv)
{
    return json_is_object(json_object_get(record_doc(sub), "pending_update")) &&
           str_eqz(get_str(sub->hidden, "pending_invoice"), inv->id);
}

void pending_apply(struct call *c, struct record *sub)
{
    json_t *before = change_begin(sub);
    json_t *pending = json_incref(json_object_get(sub->doc, "pending_update"));

    items_become(sub, json_object_get(pending, "subscription_items"));
    if (json_is_integer(json_object_get(pending, "billing_cycle_anchor")))
        set_int(sub->doc, "billing_cycle_anchor", get_int(pending, "billing_cycle_anchor"));
    set_null(sub->doc, "pending_update");
    subscription_embed(sub);
    emit(c, sub, "customer.subscription.pending_update_applied");
    change_end(c, sub, before, "customer.subscription.updated");
    entitlements_follow(c, get_str(sub->doc, "customer"));
    json_decref(pending);
}

void pending_expire(struct call *c, struct record *sub)
{
    struct record *inv = record_live(c->space, T_INVOICE, get_str(sub->hidden, "pending_invoice"));
    json_t *before = change_begin(sub);

    set_null(sub->doc, "pending_update");
    record_touch(sub);
    emit(c, sub, "customer.subscription.pending_update_expired");
    change_end(c, sub, before, "customer.subscription.updated");
    if (inv && is_str(record_doc(inv), "status", "open"))
        invoice_void(c, inv);
}
