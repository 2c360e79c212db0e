/* renewals.c - what time brings about for subscriptions and invoices. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum {
    INCOMPLETE_HOURS = 23,
    WILL_END_DAYS = 3,
    UPCOMING_DAYS = 7,
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t time_or_never(const json_t *doc, const char *key)
{
    const json_t *v = json_object_get(doc, key);

    return json_is_integer(v) ? (int64_t)json_integer_value(v) : INT64_MAX;
}

int64_t invoice_due(const struct record *r)
{
    if (is_str(r->doc, "status", "open") && is_str(r->doc, "collection_method", "send_invoice") &&
        !get_bool(r->hidden, "overdue"))
        return time_or_never(r->doc, "due_date");
    if (!get_bool(r->doc, "auto_advance"))
        return INT64_MAX;
    if (is_str(r->doc, "status", "draft"))
        return time_or_never(r->doc, "automatically_finalizes_at");
    return is_str(r->doc, "status", "open") ? time_or_never(r->doc, "next_payment_attempt")
                                            : INT64_MAX;
}

static int64_t shown_period_end(const json_t *doc)
{
    const json_t *item = json_array_get(get_path(doc, "items.data"), 0);

    return item ? time_or_never(item, "current_period_end") : INT64_MAX;
}

int64_t subscription_due(const struct record *r)
{
    const json_t *doc = r->doc;
    int64_t cancel = time_or_never(doc, "cancel_at");

    if (is_str(doc, "status", "incomplete"))
        return get_int(doc, "created") + INCOMPLETE_HOURS * 3600;
    if (is_str(doc, "status", "trialing")) {
        int64_t end = time_or_never(doc, "trial_end");
        bool told = get_bool(r->hidden, "told");
        return sooner(cancel, told || end == INT64_MAX ? end : end - WILL_END_DAYS * 86400);
    }
    if (!is_str(doc, "status", "active") && !is_str(doc, "status", "past_due"))
        return INT64_MAX;
    int64_t resumes = time_or_never(json_object_get(doc, "pause_collection"), "resumes_at");
    int64_t end = shown_period_end(doc);
    if (end < INT64_MAX && end != get_int(r->hidden, "upcoming"))
        end -= UPCOMING_DAYS * 86400; /* of that period nothing was told yet */
    int64_t waits = time_or_never(json_object_get(doc, "pending_update"), "expires_at");
    return sooner(waits, sooner(resumes, sooner(cancel, end)));
}

/* --- acting --- */

void items_next_period(struct record *sub, int64_t start)
{
    int64_t anchor = get_int(record_doc(sub), "billing_cycle_anchor");
    str id = str_of(sub->id);

    for (struct record *si = NULL; (si = owned_next(sub->space, T_SUBSCRIPTION_ITEM, id, si));) {
        json_t *item = record_doc(si);
        set_int(item, "current_period_start", start);
        set_int(item, "current_period_end",
                period_end(anchor, start, get_path(item, "price.recurring")));
        record_touch(si);
    }
}

/* What is collected while collection is paused. */
static void pause_apply(struct call *c, struct record *sub, struct record *inv)
{
    str behavior = get_str(json_object_get(sub->doc, "pause_collection"), "behavior");
    json_t *before = change_begin(inv);

    if (!behavior.p) {
        json_decref(before);
        return;
    }
    set_bool(inv->doc, "auto_advance", false);
    set_null(inv->doc, "automatically_finalizes_at");
    if (str_eq(behavior, S("keep_as_draft"))) {
        change_end(c, inv, before, "invoice.updated");
        return;
    }
    json_decref(before);
    invoice_finalize(c, inv);
    if (!is_str(inv->doc, "status", "open"))
        return;
    if (str_eq(behavior, S("void")))
        invoice_void(c, inv);
    else
        invoice_write_off(c, inv);
}

static void renew(struct call *c, struct record *sub, int64_t start)
{
    json_t *before = change_begin(sub);

    items_next_period(sub, start);
    if (is_str(sub->doc, "status", "trialing"))
        set_strz(sub->doc, "status", "active");
    struct record *inv = subscription_invoice(c, sub, "subscription_cycle");
    set_strz(sub->doc, "latest_invoice", inv->id);
    subscription_embed(sub);
    emit(c, inv, "invoice.created");
    change_end(c, sub, before, "customer.subscription.updated");
    pause_apply(c, sub, inv);
}

static void trial_over(struct call *c, struct record *sub)
{
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(sub->doc, "customer"));
    str behavior =
        get_str(get_path(sub->doc, "trial_settings.end_behavior"), "missing_payment_method");

    if (default_method(c, customer, sub) || str_eq(behavior, S("create_invoice"))) {
        renew(c, sub, get_int(sub->doc, "trial_end"));
    } else if (str_eq(behavior, S("cancel"))) {
        subscription_cancel(c, sub, "payment_failed");
    } else {
        json_t *before = change_begin(sub);
        set_strz(sub->doc, "status", "paused");
        record_touch(sub);
        emit(c, sub, "customer.subscription.paused");
        change_end(c, sub, before, "customer.subscription.updated");
    }
}

void subscription_act(struct call *c, struct record *sub)
{
    json_t *doc = record_doc(sub);
    int64_t now = now_s(c->emu);

    if (time_or_never(doc, "cancel_at") <= now) {
        subscription_cancel(c, sub, "cancellation_requested");
    } else if (is_str(doc, "status", "incomplete")) {
        /* 23 hours without a payment: it is over, and its invoice void. [facts: 10.1] */
        struct record *inv = record_live(c->space, T_INVOICE, get_str(doc, "latest_invoice"));
        json_t *before = change_begin(sub);
        set_strz(doc, "status", "incomplete_expired");
        set_int(doc, "ended_at", now);
        change_end(c, sub, before, "customer.subscription.updated");
        if (inv && is_str(record_doc(inv), "status", "open"))
            invoice_void(c, inv);
    } else if (is_str(doc, "status", "trialing") && get_int(doc, "trial_end") > now) {
        record_hide(sub, "told", json_true());
        record_touch(sub);
        emit(c, sub, "customer.subscription.trial_will_end");
    } else if (is_str(doc, "status", "trialing")) {
        trial_over(c, sub);
    } else if (time_or_never(json_object_get(doc, "pending_update"), "expires_at") <= now) {
        pending_expire(c, sub);
    } else if (time_or_never(json_object_get(doc, "pause_collection"), "resumes_at") <= now) {
        json_t *before = change_begin(sub);
        set_null(doc, "pause_collection");
        change_end(c, sub, before, "customer.subscription.updated");
    } else if (subscription_period_end(sub) > now) {
        record_hide(sub, "upcoming", json_integer(subscription_period_end(sub)));
        record_touch(sub);
        upcoming_emit(c, sub);
    } else {
        schedule_first(c, sub);
        bool runs =
            is_str(record_doc(sub), "status", "active") || is_str(sub->doc, "status", "past_due");
        if (runs && subscription_period_end(sub) <= now)
            renew(c, sub, subscription_period_end(sub));
    }
}

/* It was sent, and its day has come: the subscription is past due. [facts: 10.1] */
static void overdue(struct call *c, struct record *inv)
{
    record_hide(inv, "overdue", json_true());
    record_touch(inv);
    emit(c, inv, "invoice.overdue");
    subscription_unpaid(c, inv);
}

/* A draft is finalised and charged; an open one is tried again. */
void invoice_act(struct call *c, struct record *inv)
{
    struct record *customer =
        record_any(c->space, T_CUSTOMER, get_str(record_doc(inv), "customer"));
    struct record *sub =
        record_any(c->space, T_SUBSCRIPTION,
                   get_str(get_path(inv->doc, "parent.subscription_details"), "subscription"));
    struct outcome o;

    if (is_str(inv->doc, "status", "open") && get_int(inv->doc, "due_date") &&
        get_int(inv->doc, "due_date") <= now_s(c->emu)) {
        overdue(c, inv);
        return;
    }
    if (is_str(inv->doc, "status", "draft"))
        invoice_finalize(c, inv);
    if (!is_str(inv->doc, "status", "open") ||
        !is_str(inv->doc, "collection_method", "charge_automatically"))
        return;
    struct record *method = default_method(c, customer, sub);
    str own = get_str(inv->doc, "default_payment_method");
    if (own.p)
        method = record_live(c->space, T_PAYMENT_METHOD, own);
    if (invoice_charge(c, inv, method, &o) == ST_NONE)
        invoice_unpayable(c, inv);
}
