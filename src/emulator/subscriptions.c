/* subscriptions.c - /v1/subscriptions. What a change within a period costs is in prorations.c. */
#include "emulator/subscriptions.h"
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { TRIAL_DAYS_MAX = 730 };

static const struct field subscription_fields[] = {
    { "application_fee_percent", F_NUMBER, NULL, 0 },
    { "automatic_tax", F_MERGE, NULL, 0 },
    { "billing_mode", F_MERGE, NULL, 0 },
    { "default_source", F_TEXT_NULL, NULL, 0 },
    { "invoice_settings", F_MERGE, NULL, 0 },
    { "on_behalf_of", F_TEXT_NULL, NULL, 0 },
    { "payment_settings", F_MERGE, NULL, 0 },
    { "pending_invoice_item_interval", F_HASH, NULL, 0 },
    { "transfer_data", F_HASH, NULL, 0 },
    { "billing_thresholds", F_HASH, NULL, 0 },
    { "collection_method", F_WORD, "charge_automatically send_invoice", 0 },
    { "days_until_due", F_INT, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 500 },
    { "metadata", F_METADATA, NULL, 0 },
    { "pause_collection", F_HASH, NULL, 0 },
};

/* What a request to create one wants, read and checked before anything is made. */
struct order {
    struct item_order item[ITEMS_MAX];
    size_t n_items;
    struct discount_order discounts;
    str behavior;
    int64_t trial_end; /* 0: none */
    struct beginning begin;
};

bool trial_read(const struct args *a, int64_t *end)
{
    struct call *c = a->c;
    str text = arg_str(a, "trial_end");
    int64_t days;

    if (str_eq(text, S("now")))
        *end = 0;
    else
        arg_int(a, "trial_end", end);
    if (arg_int(a, "trial_period_days", &days)) {
        if (days < 1 || days > TRIAL_DAYS_MAX)
            refuse(c, 400, "parameter_invalid_integer", "trial_period_days",
                   "The minimum number of trial period days is 1 and the maximum is 730.");
        *end = now_s(c->emu) + days * 86400;
    }
    return !c->refused;
}

static bool trial_end_apply(const struct args *a, json_t *doc)
{
    struct args settings, behavior;
    str missing;

    if (args_sub(a, "trial_settings", &settings) &&
        args_sub(&settings, "end_behavior", &behavior) &&
        arg_word(&behavior, "missing_payment_method", "cancel create_invoice pause", &missing))
        set_str(get_path(doc, "trial_settings.end_behavior"), "missing_payment_method", missing);
    return !a->c->refused;
}

/* Only flags it: canceled_at is the time of this request. [facts: 10.1] */
bool cancel_apply(const struct args *a, struct record *sub)
{
    bool at_end;
    int64_t at;
    json_t *doc = record_doc(sub);

    if (arg_bool(a, "cancel_at_period_end", &at_end)) {
        set_bool(doc, "cancel_at_period_end", at_end);
        set_null(doc, "cancel_at");
        set_null(doc, "canceled_at");
        set_null(json_object_get(doc, "cancellation_details"), "reason");
        if (at_end) {
            set_int(doc, "cancel_at", subscription_period_end(sub));
            set_int(doc, "canceled_at", now_s(a->c->emu));
            set_strz(json_object_get(doc, "cancellation_details"), "reason",
                     "cancellation_requested");
        }
    }
    if (arg_emptied(a, "cancel_at")) {
        set_null(doc, "cancel_at");
        set_null(doc, "canceled_at");
    } else if (arg_int(a, "cancel_at", &at)) {
        set_int(doc, "cancel_at", at);
        set_int(doc, "canceled_at", now_s(a->c->emu));
    }
    return !a->c->refused;
}

static bool method_apply(const struct args *a, json_t *doc)
{
    str id = arg_str(a, "default_payment_method");

    if (!id.p)
        return !a->c->refused;
    if (!id.n) {
        set_null(doc, "default_payment_method");
        return true;
    }
    struct record *pm = named_record(a->c, T_PAYMENT_METHOD, id, "default_payment_method");
    if (!pm)
        return false;
    if (!str_eq(get_str(record_doc(pm), "customer"), get_str(doc, "customer"))) {
        refuse(
            a->c, 400, "resource_missing", "default_payment_method",
            "The customer does not have a payment method with the ID %s. The payment method must "
            "be attached to the customer.",
            pm->id);
        return false;
    }
    set_strz(doc, "default_payment_method", pm->id);
    return true;
}

static bool pause_fill(json_t *doc)
{
    json_t *pause = json_object_get(doc, "pause_collection");

    if (json_is_object(pause) && !json_object_get(pause, "resumes_at"))
        set_null(pause, "resumes_at");
    return true;
}

/* What is paused shows until when, even if nobody said so. */
static bool pause_ok(const struct args *a)
{
    struct args pause;
    str behavior;

    if (!args_sub(a, "pause_collection", &pause))
        return !a->c->refused;
    if (!arg_given(&pause, "behavior"))
        return refuse_param_missing(a->c, "pause_collection[behavior]");
    return arg_word(&pause, "behavior", "keep_as_draft mark_uncollectible void", &behavior);
}

bool subscription_apply(const struct args *a, struct record *sub)
{
    json_t *doc = record_doc(sub);

    if (!pause_ok(a))
        return false;
    return fields_apply(a, doc, subscription_fields, COUNT(subscription_fields)) &&
           pause_fill(doc) && method_apply(a, doc) && trial_end_apply(a, doc) &&
           tax_rates_read(a, "default_tax_rates", doc, "default_tax_rates");
}

/* --- creating --- */

/* One currency a customer. [facts: R-12] */
static bool currency_check(struct call *c, struct record *customer, str currency)
{
    str has = get_str(record_doc(customer), "currency");

    if (!has.p || str_eq(has, currency))
        return true;
    refuse(c, 400, NULL, NULL,
           "You cannot combine currencies on a single customer. This customer has an active "
           "subscription, subscription schedule, discount, quote, or invoice item with currency "
           "%.*s",
           STR_ARG(has));
    return false;
}

/* The price may have a trial of its own, which counts if it is asked for. */
static bool plan_trial(const struct args *a, struct order *o)
{
    bool wanted = false;
    const json_t *days;

    if (!arg_bool(a, "trial_from_plan", &wanted) || !wanted || o->trial_end || !o->item[0].price)
        return !a->c->refused;
    days = get_path(record_doc(o->item[0].price), "recurring.trial_period_days");
    if (json_is_integer(days))
        o->trial_end = now_s(a->c->emu) + (int64_t)json_integer_value(days) * 86400;
    return true;
}

static bool order_read(const struct args *a, struct order *o)
{
    struct args item[ITEMS_MAX];
    struct call *c = a->c;

    o->behavior = S("allow_incomplete");
    arg_word(a, "payment_behavior",
             "allow_incomplete default_incomplete error_if_incomplete pending_if_incomplete",
             &o->behavior);
    if (!trial_read(a, &o->trial_end))
        return false;
    o->n_items = args_list(a, "items", item, ITEMS_MAX);
    if (!o->n_items && arg_given(a, "plan")) { /* as older clients say it */
        o->n_items = 1;
        item[0] = *a;
    }
    if (!o->n_items && !c->refused)
        refuse_param_missing(c, "items");
    for (size_t i = 0; i < o->n_items && !c->refused; i++)
        item_check(&item[i], &o->item[i]);
    return !c->refused && plan_trial(a, o) &&
           beginning_read(a, &o->item[0], o->trial_end, &o->begin);
}

static str order_currency(const struct order *o)
{
    struct args data;
    str currency = S("usd");

    if (o->item[0].price)
        return get_str(record_doc(o->item[0].price), "currency");
    if (args_sub(&o->item[0].args, "price_data", &data))
        arg_text(&data, "currency", &currency);
    return currency;
}

/* A free start needs no payment method. */
static bool order_is_free(const struct order *o)
{
    struct args data;
    int64_t sum = 0, amount;

    for (size_t i = 0; i < o->n_items; i++) {
        const struct item_order *item = &o->item[i];
        if (item->price)
            sum += price_amount(item->price, record_doc(item->price), item->quantity);
        else if (args_sub(&item->args, "price_data", &data))
            sum += arg_int(&data, "unit_amount", &amount) ? amount : 1;
    }
    return sum == 0;
}

/* What the first payment will come to, before anything is made: an error must leave nothing. */
static bool first_payment_check(struct call *c, const struct order *o, struct record *method,
                                bool automatic)
{
    if (c->preview || c->scheduled || !automatic || o->trial_end > now_s(c->emu) ||
        str_eq(o->behavior, S("default_incomplete")) || order_is_free(o))
        return true;
    if (!method) {
        refuse(c, 400, "resource_missing", NULL,
               "This customer has no attached payment source or default payment method. Please "
               "consider adding a default payment method. For more information, visit "
               "https://stripe.com/docs/billing/subscriptions/"
               "payment-methods-setting#payment-method-priority.");
        return false;
    }
    struct outcome out = payment_method_outcome(method, false);
    if (str_eq(o->behavior, S("error_if_incomplete")) && !out.approved) {
        refuse_card(c, out.code ? out.code : "subscription_payment_intent_requires_action",
                    out.decline,
                    out.message ? out.message
                                : "Payment for this subscription requires "
                                  "additional user action before it can "
                                  "be completed successfully.");
        return false;
    }
    return true;
}

static struct record *subscription_make(struct call *c, const struct args *a, const struct order *o,
                                        struct record *customer)
{
    json_t *doc = record_shape(c->emu, c->space, T_SUBSCRIPTION, NULL);
    int64_t now = now_s(c->emu);
    bool trial = o->trial_end > now;

    set_strz(doc, "customer", customer->id);
    set_str(doc, "currency", order_currency(o));
    set_int(doc, "start_date", o->begin.start);
    set_int(doc, "billing_cycle_anchor", o->begin.anchor);
    if (o->begin.config)
        set_new(doc, "billing_cycle_anchor_config", json_incref(o->begin.config));
    set_strz(doc, "status", trial ? "trialing" : "incomplete");
    if (trial) {
        set_int(doc, "trial_start", now);
        set_int(doc, "trial_end", o->trial_end);
    }
    struct record *sub = record_add(c->emu, c->space, T_SUBSCRIPTION, doc);
    if (!subscription_apply(a, sub)) {
        record_undo(c, sub);
        return NULL;
    }
    discounts_apply(c, doc, &o->discounts,
                    &(struct discount_target){ .customer = str_of(customer->id),
                                               .subscription = str_of(sub->id) });
    if (!trial && (c->scheduled || is_str(doc, "collection_method", "send_invoice")))
        set_strz(doc, "status", "active");
    return sub;
}

/* The first invoice is finalised, and paid, within the request. [facts: 10.1] */
static void first_payment(struct call *c, struct record *sub, const struct order *o,
                          struct record *inv)
{
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(sub->doc, "customer"));
    struct outcome out;

    if (c->preview || c->scheduled ||
        (is_str(sub->doc, "collection_method", "send_invoice") &&
         !is_str(sub->doc, "status", "trialing")))
        return; /* it stays a draft for an hour */
    invoice_finalize(c, inv);
    if (is_str(inv->doc, "status", "paid") || str_eq(o->behavior, S("default_incomplete")))
        return;
    if (invoice_charge(c, inv, default_method(c, customer, sub), &out) == ST_NONE)
        invoice_unpayable(c, inv); /* pending items made a free start cost something */
}

static struct record *ordered(const struct args *a, struct record *customer, struct order *o)
{
    struct call *c = a->c;
    str collection = S("charge_automatically"), id = str_of(customer->id);

    if (!order_read(a, o) || !discounts_read(a, id, &o->discounts) || !extra_check(a) ||
        !currency_check(c, customer, order_currency(o)))
        return NULL;
    arg_word(a, "collection_method", "charge_automatically send_invoice", &collection);
    str own = arg_str(a, "default_payment_method");
    struct record *method =
        own.n ? record_live(c->space, T_PAYMENT_METHOD, own) : default_method(c, customer, NULL);
    bool automatic = str_eq(collection, S("charge_automatically"));
    if (c->refused || !first_payment_check(c, o, method, automatic))
        return NULL;
    struct record *sub = subscription_make(c, a, o, customer);
    if (!sub)
        return NULL;
    for (size_t i = 0; i < o->n_items; i++)
        item_keep(c, sub, &o->item[i], o->begin.first_start, o->begin.first_end);
    if (o->begin.part >= 0)
        record_hide(sub, "part", json_real(o->begin.part));
    if (!extra_items(a, sub) || !cancel_apply(a, sub))
        c->refused = false; /* read before: cannot be wrong now */
    subscription_embed(sub);
    struct record *inv = subscription_invoice(c, sub, "subscription_create");
    json_object_del(sub->hidden, "part");
    set_strz(sub->doc, "latest_invoice", inv->id);
    record_touch(sub);
    emit(c, sub, "customer.subscription.created");
    emit(c, inv, "invoice.created");
    first_payment(c, sub, o, inv);
    entitlements_follow(c, id);
    return sub;
}

struct record *subscription_create(const struct args *a, struct record *customer)
{
    struct order o = { .begin.part = -1 };
    struct record *sub = ordered(a, customer, &o);

    json_decref(o.begin.config);
    return sub;
}

json_t *subscriptions_create(struct call *c)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "customer");

    if (!id.n)
        return refuse_param_missing(c, "customer");
    struct record *customer = named_record(c, T_CUSTOMER, id, "customer");
    struct record *sub = customer ? subscription_create(&a, customer) : NULL;
    return sub ? answer_record(c, sub) : NULL;
}

/* --- looking --- */

json_t *subscriptions_get(struct call *c)
{
    struct record *r = path_record(c, T_SUBSCRIPTION);

    return r ? answer_record(c, r) : NULL;
}

static bool has_price(struct record *sub, str price)
{
    for (struct record *r = NULL;
         (r = owned_next(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), r));)
        if (str_eq(get_str(json_object_get(record_doc(r), "price"), "id"), price))
            return true;
    return false;
}

/* Cancelled ones are left out unless they are asked for. [facts: 4.8] */
static bool subscription_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str want = arg_str(&a, "status"), is = get_str(record_doc(r), "status");
    str price = arg_str(&a, "price"), collection = arg_str(&a, "collection_method");

    (void)ctx;
    if (collection.n && !str_eq(get_str(r->doc, "collection_method"), collection))
        return false;
    if (price.n && !has_price(r, price))
        return false;
    if (!want.n)
        return !str_eq(is, S("canceled"));
    if (str_eq(want, S("ended")))
        return str_eq(is, S("canceled")) || str_eq(is, S("incomplete_expired"));
    return str_eq(want, S("all")) || str_eq(want, is);
}

json_t *subscriptions_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_SUBSCRIPTION, .keep = subscription_kept };

    if (arg_text(&a, "customer", &q.owner) && !record_any(c->space, T_CUSTOMER, q.owner))
        return refuse_missing(c, T_CUSTOMER, q.owner, "customer");
    return answer_list(c, &q);
}

json_t *customers_subscriptions(struct call *c)
{
    struct record *r = path_record(c, T_CUSTOMER);

    if (!r)
        return NULL;
    str url = arena_printf(c->arena, "/v1/customers/%s/subscriptions", r->id);
    return answer_list(c, &(struct list_query){ .type = T_SUBSCRIPTION,
                                                .owner = str_of(r->id),
                                                .url = url.p,
                                                .keep = subscription_kept });
}

json_t *subscriptions_embedded(struct call *c, struct record *customer, const char *url)
{
    json_t *list = json_object();
    json_t *data = json_array();
    size_t n = 0;
    str id = str_of(customer->id);

    for (struct record *r = NULL; (r = owned_next(c->space, T_SUBSCRIPTION, id, r));) {
        if (is_str(record_doc(r), "status", "canceled"))
            continue;
        if (n++ < LIST_EMBEDDED)
            json_array_insert_new(data, 0, json_deep_copy(r->doc));
    }
    set_strz(list, "object", "list");
    set_new(list, "data", data);
    set_bool(list, "has_more", n > LIST_EMBEDDED);
    set_strz(list, "url", url);
    return list;
}
