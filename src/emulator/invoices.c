/* invoices.c - the life of an invoice: draft, open, then paid, void or uncollectible. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { RETRY_DAYS = 3, ATTEMPTS_MAX = 4, URL_SECRET_CHARS = 20 };

/* An update that has a name of its own: that event first, then invoice.updated. */
static void invoice_changed(struct call *c, struct record *inv, json_t *before, const char *type)
{
    record_touch(inv);
    emit(c, inv, type);
    change_end(c, inv, before, "invoice.updated");
}

/* --- making --- */

static void copy_customer(json_t *doc, struct record *customer)
{
    static const char *const part[][2] = {
        { "customer_address", "address" },   { "customer_email", "email" },
        { "customer_name", "name" },         { "customer_phone", "phone" },
        { "customer_shipping", "shipping" }, { "customer_tax_exempt", "tax_exempt" },
    };

    for (size_t i = 0; i < COUNT(part); i++)
        set_new(doc, part[i][0], json_deep_copy(json_object_get(record_doc(customer), part[i][1])));
}

static void copy_tax_ids(struct call *c, struct record *inv)
{
    json_t *ids = json_array();
    str customer = get_str(record_doc(inv), "customer");

    for (struct record *r = NULL; (r = owned_next(c->space, T_TAX_ID, customer, r));) {
        json_t *id = json_object();
        set_str(id, "type", get_str(record_doc(r), "type"));
        set_str(id, "value", get_str(r->doc, "value"));
        json_array_append_new(ids, id);
    }
    set_new(inv->doc, "customer_tax_ids", ids);
}

struct record *invoice_make(struct call *c, const struct invoice_order *o)
{
    json_t *doc = record_shape(c->emu, c->space, T_INVOICE, NULL);
    struct record *customer = record_any(c->space, T_CUSTOMER, o->customer);
    struct record *sub = record_any(c->space, T_SUBSCRIPTION, o->subscription);
    str id = get_str(doc, "id");

    copy_customer(doc, customer);
    set_str(doc, "customer", o->customer);
    set_str(doc, "currency", o->currency);
    set_strz(doc, "billing_reason", o->reason);
    set_str(doc, "collection_method", o->collection);
    set_int(doc, "period_start", o->period_start);
    set_int(doc, "period_end", o->period_end);
    set_str(json_object_get(doc, "lines"), "url",
            arena_printf(c->arena, "/v1/invoices/%.*s/lines", STR_ARG(id)));
    if (sub) {
        json_t *metadata = json_deep_copy(json_object_get(record_doc(sub), "metadata"));
        set_new(doc, "parent",
                json_pack("{s:n,s:{s:o,s:s%},s:s}", "quote_details", "subscription_details",
                          "metadata", metadata, "subscription", o->subscription.p,
                          o->subscription.n, "type", "subscription_details"));
        set_new(doc, "default_tax_rates",
                json_deep_copy(json_object_get(sub->doc, "default_tax_rates")));
        set_bool(doc, "auto_advance", true);
        set_int(doc, "automatically_finalizes_at", now_s(c->emu) + 3600);
    }
    struct record *inv = record_add(c->emu, c->space, T_INVOICE, doc);
    copy_tax_ids(c, inv);
    invoice_discounts(c, inv, customer, sub);
    return inv;
}

static json_t *line_new(struct call *c, struct record *inv, int64_t amount, int64_t quantity)
{
    json_t *line = record_shape(c->emu, c->space, T_LINE_ITEM, NULL);

    set_strz(line, "invoice", inv->id);
    set_int(line, "amount", amount);
    set_int(line, "subtotal", amount);
    set_int(line, "quantity", quantity);
    set_str(line, "quantity_decimal", arena_printf(c->arena, "%lld", (long long)quantity));
    set_str(line, "currency", get_str(record_doc(inv), "currency"));
    return line;
}

json_t *price_pricing(const json_t *price)
{
    json_t *v = json_object();
    json_t *details = json_object();

    set_str(details, "price", get_str(price, "id"));
    set_str(details, "product", get_str(price, "product"));
    set_new(v, "price_details", details);
    set_strz(v, "type", "price_details");
    set_str(v, "unit_amount_decimal", get_str(price, "unit_amount_decimal"));
    return v;
}

/* With the discounts of the item that it is of, and its tax rates, which no line shows. */
static void line_keep(struct call *c, json_t *line, const json_t *item)
{
    const json_t *rates = json_object_get(item, "tax_rates");
    json_t *discounts = json_object_get(item, "discounts");

    if (json_is_array(discounts))
        set_new(line, "discounts", json_deep_copy(discounts));
    struct record *r = record_add(c->emu, c->space, T_LINE_ITEM, line);
    if (json_array_size(rates))
        record_hide(r, "tax_rates", json_deep_copy(rates));
}

/* A first period that an anchor cuts short costs its part. */
static int64_t first_part(struct call *c, str sub, int64_t amount)
{
    struct record *of = record_any(c->space, T_SUBSCRIPTION, sub);
    const json_t *part = of ? json_object_get(of->hidden, "part") : NULL;

    return part ? (int64_t)((double)amount * json_number_value(part) + 0.5) : amount;
}

void invoice_line_from_item(struct call *c, struct record *inv, struct record *si, bool free)
{
    const json_t *item = record_doc(si);
    const json_t *price = json_object_get(item, "price");
    struct record *record = record_any(c->space, T_PRICE, get_str(price, "id"));
    struct record *product = record_any(c->space, T_PRODUCT, get_str(price, "product"));
    int64_t quantity = get_int(item, "quantity");
    str sub = get_str(item, "subscription");
    int64_t amount = free ? 0 : first_part(c, sub, price_amount(record, price, quantity));
    json_t *line = line_new(c, inv, amount, quantity);
    str name = product ? get_str(record_doc(product), "name") : S("item");

    set_str(line, "description",
            free
                ? arena_printf(c->arena, "Free trial for %lld \xc3\x97 %.*s", (long long)quantity,
                               STR_ARG(name))
                : arena_printf(c->arena, "%lld \xc3\x97 %.*s", (long long)quantity, STR_ARG(name)));
    set_new(line, "parent",
            json_pack("{s:n,s:{s:n,s:b,s:{s:n},s:s%,s:s},s:s}", "invoice_item_details",
                      "subscription_item_details", "invoice_item", "proration", 0,
                      "proration_details", "credited_items", "subscription", sub.p, sub.n,
                      "subscription_item", si->id, "type", "subscription_item_details"));
    json_t *period = json_object_get(line, "period");
    set_int(period, "start", get_int(item, "current_period_start"));
    set_int(period, "end", get_int(item, "current_period_end"));
    set_new(line, "pricing", price_pricing(price));
    set_str(line, "subscription", sub);
    line_keep(c, line, item);
}

void invoice_take_one(struct call *c, struct record *inv, struct record *ii)
{
    json_t *item = record_doc(ii);
    json_t *line = line_new(c, inv, get_int(item, "amount"), get_int(item, "quantity"));
    static const char *const same[] = { "description", "discountable", "metadata", "period",
                                        "pricing" };

    for (size_t i = 0; i < COUNT(same); i++)
        set_new(line, same[i], json_deep_copy(json_object_get(item, same[i])));
    const json_t *of = get_path(item, "parent.subscription_details");
    str sub = get_str(of, "subscription"), si = get_str(of, "subscription_item");
    bool proration = get_bool(item, "proration");
    json_t *credited = proration ? json_pack("{s:n}", "credited_items") : json_null();
    set_str(line, "subscription", sub);
    if (proration && si.p) /* a change of the subscription made it */
        set_new(line, "parent",
                json_pack("{s:n,s:{s:s,s:b,s:o,s:s%,s:s%},s:s}", "invoice_item_details",
                          "subscription_item_details", "invoice_item", ii->id, "proration", 1,
                          "proration_details", credited, "subscription", sub.p, sub.n,
                          "subscription_item", si.p, si.n, "type", "subscription_item_details"));
    else
        set_new(line, "parent",
                json_pack("{s:{s:s,s:b,s:o,s:o},s:n,s:s}", "invoice_item_details", "invoice_item",
                          ii->id, "proration", proration, "proration_details", credited,
                          "subscription", json_str(sub), "subscription_item_details", "type",
                          "invoice_item_details"));
    line_keep(c, line, item);
    set_strz(item, "invoice", inv->id);
    record_touch(ii);
}

void invoice_take_pending(struct call *c, struct record *inv, str only_subscription)
{
    str customer = get_str(record_doc(inv), "customer"), currency = get_str(inv->doc, "currency");

    for (struct record *r = NULL; (r = owned_next(c->space, T_INVOICEITEM, customer, r));) {
        const json_t *doc = record_doc(r);
        str sub = get_str(get_path(doc, "parent.subscription_details"), "subscription");
        if (get_str(doc, "invoice").p || !str_eq(get_str(doc, "currency"), currency))
            continue;
        if (sub.n && !str_eq(sub, only_subscription))
            continue;
        invoice_take_one(c, inv, r);
    }
}

/* --- finalising --- */

struct record *invoice_intent(struct record *inv)
{
    struct record *p = owned_next(inv->space, T_INVOICE_PAYMENT, str_of(inv->id), NULL);
    str id = p ? get_str(json_object_get(record_doc(p), "payment"), "payment_intent") : (str){ 0 };

    return id.p ? record_live(inv->space, T_PAYMENT_INTENT, id) : NULL;
}

/* The number comes from the customer's sequence, and its credit balance is used up first. */
static void use_customer(struct call *c, struct record *inv)
{
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(inv->doc, "customer"));
    json_t *before = change_begin(customer);
    int64_t n = get_int(customer->doc, "next_invoice_sequence");
    int64_t credit = get_int(customer->doc, "balance"), due = get_int(inv->doc, "total");
    str prefix = get_str(customer->doc, "invoice_prefix");

    set_str(inv->doc, "number",
            arena_printf(c->arena, "%.*s-%04lld", STR_ARG(prefix), (long long)n));
    set_int(customer->doc, "next_invoice_sequence", n + 1);
    set_int(inv->doc, "starting_balance", credit);
    due += credit;
    int64_t left = due < 0 ? due : 0; /* what is left of the credit stays */
    if (left != credit)
        customer_balance_add(c, customer,
                             &(struct balance_order){ .amount = left - credit,
                                                      .type = "applied_to_invoice",
                                                      .currency = get_str(inv->doc, "currency"),
                                                      .invoice = str_of(inv->id),
                                                      .quiet = true });
    due -= left;
    set_int(inv->doc, "ending_balance", get_int(customer->doc, "balance"));
    set_int(inv->doc, "amount_due", due);
    set_int(inv->doc, "amount_remaining", due);
    if (!get_str(customer->doc, "currency").p)
        set_str(customer->doc, "currency", get_str(inv->doc, "currency"));
    change_end(c, customer, before, "customer.updated");
}

static void payment_new(struct call *c, struct record *inv)
{
    int64_t due = get_int(inv->doc, "amount_due");
    struct record *pi =
        intent_make(c, &(struct intent_order){ .amount = due,
                                               .currency = get_str(inv->doc, "currency"),
                                               .customer = get_str(inv->doc, "customer"),
                                               .description = S("Payment for Invoice"),
                                               .invoice = str_of(inv->id) });
    json_t *doc = record_shape(c->emu, c->space, T_INVOICE_PAYMENT, NULL);

    set_int(doc, "amount_requested", due);
    set_str(doc, "currency", get_str(inv->doc, "currency"));
    set_strz(doc, "invoice", inv->id);
    set_strz(json_object_get(doc, "payment"), "payment_intent", pi->id);
    record_add(c->emu, c->space, T_INVOICE_PAYMENT, doc);
    emit(c, pi, "payment_intent.created");
}

void invoice_finalize(struct call *c, struct record *inv)
{
    json_t *before = change_begin(inv);
    str acct = str_of(c->space->account);

    use_customer(c, inv);
    set_strz(inv->doc, "status", "open");
    set_null(inv->doc, "automatically_finalizes_at");
    set_int(inv->doc, "effective_at", now_s(c->emu));
    set_int(json_object_get(inv->doc, "status_transitions"), "finalized_at", now_s(c->emu));
    set_str(inv->doc, "hosted_invoice_url",
            arena_printf(c->arena, "https://invoice.stripe.com/i/%.*s/%s", STR_ARG(acct), inv->id));
    set_str(inv->doc, "invoice_pdf",
            arena_printf(c->arena, "https://pay.stripe.com/invoice/%.*s/%s/pdf", STR_ARG(acct),
                         inv->id));
    int64_t days = get_int(inv->hidden, "days_until_due");
    if (days && json_is_null(json_object_get(inv->doc, "due_date")))
        set_int(inv->doc, "due_date", now_s(c->emu) + days * 86400);
    bool due = get_int(inv->doc, "amount_due") > 0;
    if (due)
        payment_new(c, inv);
    invoice_changed(c, inv, before, "invoice.finalized");
    if (!due)
        invoice_settle(c, inv, false);
}

/* --- paying --- */

struct record *default_method(struct call *c, struct record *customer, struct record *sub)
{
    str id = { 0 };

    if (sub)
        id = get_str(record_doc(sub), "default_payment_method");
    if (sub && !id.p)
        id = get_str(sub->doc, "default_source");
    if (!id.p && customer)
        id = get_str(json_object_get(record_doc(customer), "invoice_settings"),
                     "default_payment_method");
    if (!id.p && customer)
        id = get_str(customer->doc, "default_source"); /* a card is a payment method, too */
    return id.p ? record_live(c->space, T_PAYMENT_METHOD, id) : NULL;
}

static void customer_delinquent(struct call *c, struct record *inv, bool delinquent)
{
    struct record *customer = record_live(c->space, T_CUSTOMER, get_str(inv->doc, "customer"));

    if (!customer)
        return;
    json_t *before = change_begin(customer);
    set_bool(customer->doc, "delinquent", delinquent);
    change_end(c, customer, before, "customer.updated");
}

static void payment_settle(struct call *c, struct record *inv, bool out_of_band)
{
    struct record *p = owned_next(c->space, T_INVOICE_PAYMENT, str_of(inv->id), NULL);
    struct record *pi = invoice_intent(inv);

    if (!p)
        return;
    json_t *at = json_object_get(record_doc(p), "status_transitions");
    if (out_of_band) {
        set_strz(p->doc, "status", "canceled");
        set_int(at, "canceled_at", now_s(c->emu));
        record_touch(p);
        if (pi && !is_str(record_doc(pi), "status", "canceled"))
            intent_cancel(c, pi, "void_invoice");
        return;
    }
    set_strz(p->doc, "status", "paid");
    set_int(p->doc, "amount_paid", get_int(p->doc, "amount_requested"));
    set_int(at, "paid_at", now_s(c->emu));
    record_touch(p);
    emit(c, p, "invoice_payment.paid");
}

void invoice_settle(struct call *c, struct record *inv, bool out_of_band)
{
    json_t *before = change_begin(inv);
    int64_t due = get_int(inv->doc, "amount_due");

    set_strz(inv->doc, "status", "paid");
    set_bool(inv->doc, "attempted", true);
    set_int(inv->doc, "amount_paid", due);
    if (out_of_band)
        set_int(inv->doc, "amount_paid_off_stripe", due);
    set_int(inv->doc, "amount_remaining", 0);
    set_null(inv->doc, "next_payment_attempt");
    set_int(json_object_get(inv->doc, "status_transitions"), "paid_at", now_s(c->emu));
    payment_settle(c, inv, out_of_band);
    record_touch(inv);
    emit(c, inv, "invoice.paid");
    emit(c, inv, "invoice.payment_succeeded");
    change_end(c, inv, before, "invoice.updated");
    customer_delinquent(c, inv, false);
    subscription_paid(c, inv);
}

/* Three days, five, seven, then no more: [mem], Stripe's own schedule is a setting. */
static void attempt_failed(struct call *c, struct record *inv, json_t *before, bool action,
                           bool retry)
{
    int64_t attempts = get_int(inv->doc, "attempt_count");
    bool again = retry && get_bool(inv->doc, "auto_advance") && attempts < ATTEMPTS_MAX;

    set_null(inv->doc, "next_payment_attempt");
    if (again)
        set_int(inv->doc, "next_payment_attempt",
                now_s(c->emu) + (RETRY_DAYS + 2 * (attempts - 1)) * 86400);
    record_touch(inv);
    emit(c, inv, "invoice.payment_failed");
    if (action)
        emit(c, inv, "invoice.payment_action_required");
    change_end(c, inv, before, "invoice.updated");
    customer_delinquent(c, inv, true);
    subscription_unpaid(c, inv);
}

bool invoice_given_up(struct record *inv)
{
    return get_int(record_doc(inv), "attempt_count") >= ATTEMPTS_MAX;
}

void invoice_unpayable(struct call *c, struct record *inv)
{
    json_t *before = change_begin(inv);

    set_bool(inv->doc, "attempted", true);
    set_int(inv->doc, "attempt_count", get_int(inv->doc, "attempt_count") + 1);
    attempt_failed(c, inv, before, false, false); /* nothing is retried without a method */
}

void invoice_bounced(struct call *c, struct record *inv)
{
    attempt_failed(c, inv, change_begin(inv), false, true);
}

enum status invoice_charge(struct call *c, struct record *inv, struct record *method,
                           struct outcome *o)
{
    struct record *pi = invoice_intent(inv);

    if (!method || !pi)
        return ST_NONE;
    set_bool(record_doc(inv), "attempted", true);
    json_t *before = change_begin(inv);
    set_int(inv->doc, "attempt_count", get_int(inv->doc, "attempt_count") + 1);
    *o = intent_confirm(c, pi, method, c->internal);
    if (!o->approved && !o->pending) {
        attempt_failed(c, inv, before, o->action, true);
        return ST_REFUSED;
    }
    if (o->pending) /* open until the bank has answered */
        set_null(inv->doc, "next_payment_attempt");
    if (o->pending)
        change_end(c, inv, before, "invoice.updated");
    else
        json_decref(before);
    return ST_OK;
}

void invoice_void(struct call *c, struct record *inv)
{
    struct record *pi = invoice_intent(inv);
    json_t *before = change_begin(inv);

    set_strz(inv->doc, "status", "void");
    set_bool(inv->doc, "auto_advance", false);
    set_int(inv->doc, "amount_remaining", 0);
    set_null(inv->doc, "next_payment_attempt");
    set_int(json_object_get(inv->doc, "status_transitions"), "voided_at", now_s(c->emu));
    if (pi && !is_str(record_doc(pi), "status", "canceled"))
        intent_cancel(c, pi, "void_invoice");
    invoice_changed(c, inv, before, "invoice.voided");
}

void invoice_write_off(struct call *c, struct record *inv)
{
    json_t *before = change_begin(inv);

    set_strz(inv->doc, "status", "uncollectible");
    set_null(inv->doc, "next_payment_attempt");
    set_int(json_object_get(inv->doc, "status_transitions"), "marked_uncollectible_at",
            now_s(c->emu));
    invoice_changed(c, inv, before, "invoice.marked_uncollectible");
}
