/* invoice_routes.c - /v1/invoices, /v1/invoice_payments. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

static const struct field invoice_fields[] = {
    { "auto_advance", F_BOOL, NULL, 0 },
    { "collection_method", F_WORD, "charge_automatically send_invoice", 0 },
    { "custom_fields", F_HASH, NULL, 0 },
    { "default_payment_method", F_TEXT_NULL, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "due_date", F_INT, NULL, 0 },
    { "footer", F_TEXT_NULL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "statement_descriptor", F_TEXT_NULL, NULL, 22 },
};

/* What shipping costs: a rate's amount, or one that is said here. */
static bool shipping_apply(const struct args *a, json_t *doc)
{
    struct args cost, data, fixed;
    struct record *rate = NULL;
    int64_t amount = 0;

    if (arg_emptied(a, "shipping_cost"))
        set_null(doc, "shipping_cost");
    if (!args_sub(a, "shipping_cost", &cost))
        return !a->c->refused;
    str id = arg_str(&cost, "shipping_rate");
    if (id.n && !(rate = named_record(a->c, T_SHIPPING_RATE, id, "shipping_cost[shipping_rate]")))
        return false;
    if (rate)
        amount = get_int(json_object_get(record_doc(rate), "fixed_amount"), "amount");
    else if (args_sub(&cost, "shipping_rate_data", &data) &&
             args_sub(&data, "fixed_amount", &fixed))
        arg_int(&fixed, "amount", &amount);
    set_new(doc, "shipping_cost",
            json_pack("{s:I,s:i,s:I,s:o}", "amount_subtotal", (json_int_t)amount, "amount_tax", 0,
                      "amount_total", (json_int_t)amount, "shipping_rate",
                      json_str(id.n ? id : (str){ 0 })));
    return !a->c->refused;
}

static bool invoice_apply(const struct args *a, struct record *inv)
{
    struct discount_order discounts;
    int64_t days;
    json_t *doc = record_doc(inv);

    if (!fields_apply(a, doc, invoice_fields, COUNT(invoice_fields)) ||
        !tax_rates_read(a, "default_tax_rates", doc, "default_tax_rates") ||
        !shipping_apply(a, doc) || !discounts_read(a, get_str(doc, "customer"), &discounts))
        return false;
    if (arg_int(a, "days_until_due", &days))
        record_hide(inv, "days_until_due", json_integer(days));
    if (!a->c->refused)
        discounts_apply(a->c, doc, &discounts,
                        &(struct discount_target){ .customer = get_str(doc, "customer"),
                                                   .invoice = str_of(inv->id) });
    return !a->c->refused;
}

static str invoice_currency(const struct args *a, struct record *customer)
{
    str currency = arg_str(a, "currency");

    if (!currency.n)
        currency = get_str(record_doc(customer), "currency");
    return currency.n ? currency : S("usd");
}

static str pending_currency(struct call *c, struct record *customer)
{
    struct record *r = NULL;

    while ((r = owned_next(c->space, T_INVOICEITEM, str_of(customer->id), r)))
        if (!get_str(record_doc(r), "invoice").p)
            return get_str(r->doc, "currency");
    return (str){ 0 };
}

json_t *invoices_create(struct call *c)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "customer"), sub = arg_str(&a, "subscription");
    str pending = S("exclude"), collection = S("charge_automatically");

    if (!id.n)
        return refuse_param_missing(c, "customer");
    struct record *customer = named_record(c, T_CUSTOMER, id, "customer");
    if (!customer || (sub.n && !named_record(c, T_SUBSCRIPTION, sub, "subscription")))
        return NULL;
    arg_word(&a, "pending_invoice_items_behavior", "include exclude", &pending);
    arg_word(&a, "collection_method", "charge_automatically send_invoice", &collection);
    if (c->refused)
        return NULL;
    bool include = str_eq(pending, S("include")) || sub.n;
    str currency = include ? pending_currency(c, customer) : (str){ 0 };
    if (!currency.n)
        currency = invoice_currency(&a, customer);
    struct record *inv = invoice_make(c, &(struct invoice_order){ .customer = id,
                                                                  .currency = currency,
                                                                  .subscription = sub,
                                                                  .collection = collection,
                                                                  .reason = "manual",
                                                                  .period_start = now_s(c->emu),
                                                                  .period_end = now_s(c->emu) });
    if (!sub.n)
        set_null(inv->doc, "automatically_finalizes_at");
    set_bool(inv->doc, "auto_advance", false);
    if (!invoice_apply(&a, inv)) {
        record_undo(c, inv);
        return NULL;
    }
    if (include)
        invoice_take_pending(c, inv, sub);
    if (get_bool(inv->doc, "auto_advance"))
        set_int(inv->doc, "automatically_finalizes_at", now_s(c->emu) + 3600);
    invoice_total(inv);
    discounts_used(c, inv, customer);
    emit(c, inv, "invoice.created");
    return answer_record(c, inv);
}

json_t *invoices_get(struct call *c)
{
    struct record *r = path_record(c, T_INVOICE);

    return r ? answer_record(c, r) : NULL;
}

/* Once it is finalised, what it comes to and whom it is for stay. [facts: 10.1] */
static bool editable(const struct args *a, struct record *inv)
{
    static const char *const frozen[] = { "collection_method", "custom_fields",
                                          "default_tax_rates", "discounts",
                                          "due_date",          "days_until_due",
                                          "shipping_cost",     "on_behalf_of",
                                          "account_tax_ids",   "application_fee_amount" };

    if (is_str(record_doc(inv), "status", "draft"))
        return true;
    for (size_t i = 0; i < COUNT(frozen); i++)
        if (arg_given(a, frozen[i]))
            return refuse(a->c, 400, "invoice_not_editable", frozen[i],
                          "Finalized invoices can't be updated in this way");
    return true;
}

json_t *invoices_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *inv = path_record(c, T_INVOICE);

    if (!inv || !editable(&a, inv))
        return NULL;
    json_t *before = change_begin(inv);
    if (!invoice_apply(&a, inv)) {
        change_abort(inv, before);
        return NULL;
    }
    if (is_str(inv->doc, "status", "draft") && get_bool(inv->doc, "auto_advance") &&
        !get_bool(before, "auto_advance"))
        set_int(inv->doc, "automatically_finalizes_at", now_s(c->emu) + 3600);
    if (is_str(inv->doc, "status", "draft"))
        invoice_total(inv);
    change_end(c, inv, before, "invoice.updated");
    return answer_record(c, inv);
}

/* Only drafts that no subscription made; their pending items wait again. */
json_t *invoices_delete(struct call *c)
{
    struct record *inv = path_record(c, T_INVOICE);

    if (!inv)
        return NULL;
    if (!is_str(record_doc(inv), "status", "draft"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "You can only delete draft invoices. You may void or mark this invoice "
                      "uncollectible instead.");
    if (json_is_object(json_object_get(inv->doc, "parent")))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "You can only delete one-off draft invoices; this one belongs to a "
                      "subscription.");
    str customer = get_str(inv->doc, "customer"), id = str_of(inv->id);
    for (struct record *r = NULL; (r = owned_next(c->space, T_INVOICEITEM, customer, r));)
        if (str_eq(get_str(record_doc(r), "invoice"), id)) {
            set_null(r->doc, "invoice");
            record_touch(r);
        }
    for (struct record *r = NULL; (r = owned_next(c->space, T_LINE_ITEM, id, r));)
        record_delete(r);
    record_delete(inv);
    emit(c, inv, "invoice.deleted");
    return answer_deleted(c, T_INVOICE, id);
}

json_t *invoices_finalize(struct call *c)
{
    struct args a = args_of(c);
    struct record *inv = path_record(c, T_INVOICE);
    bool advance;

    if (!inv)
        return NULL;
    if (!is_str(record_doc(inv), "status", "draft"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "This invoice is already finalized, you can't re-finalize a non-draft "
                      "invoice.");
    if (arg_bool(&a, "auto_advance", &advance))
        set_bool(inv->doc, "auto_advance", advance);
    if (c->refused)
        return NULL;
    invoice_finalize(c, inv);
    return answer_record(c, inv);
}

static bool payable(struct call *c, struct record *inv)
{
    if (is_str(record_doc(inv), "status", "paid"))
        refuse(c, 400, NULL, NULL, "Invoice is already paid");
    else if (is_str(inv->doc, "status", "void"))
        refuse(c, 400, NULL, NULL, "This invoice is voided and cannot be paid.");
    return !c->refused;
}

/* The method of the request, of the invoice, of its subscription, of its customer: the first. */
static struct record *paying_method(const struct args *a, struct record *inv)
{
    struct call *c = a->c;
    str id = arg_str(a, "payment_method");

    if (!id.n)
        id = arg_str(a, "source");
    if (!id.n)
        id = get_str(record_doc(inv), "default_payment_method");
    if (id.n)
        return payment_method_take(c, id, "payment_method");
    struct record *customer = record_live(c->space, T_CUSTOMER, get_str(inv->doc, "customer"));
    struct record *sub =
        record_any(c->space, T_SUBSCRIPTION,
                   get_str(get_path(inv->doc, "parent.subscription_details"), "subscription"));
    struct record *pm = default_method(c, customer, sub);
    return pm ? pm
              : refuse(c, 400, "resource_missing", NULL,
                       "There is no `default_payment_method` set on this Customer or Invoice. "
                       "Please set either prior to payment.");
}

/* A draft is finalised first. A card that refuses makes it 402. */
json_t *invoices_pay(struct call *c)
{
    struct args a = args_of(c);
    struct record *inv = path_record(c, T_INVOICE), *method = NULL;
    struct outcome o = { 0 };
    bool out_of_band = false;

    if (!inv || !payable(c, inv))
        return NULL;
    arg_bool(&a, "paid_out_of_band", &out_of_band);
    bool free = get_int(inv->doc, "amount_due") <= 0;
    if (!out_of_band && !free)
        method = paying_method(&a, inv);
    if (c->refused)
        return NULL;
    if (is_str(inv->doc, "status", "draft"))
        invoice_finalize(c, inv);
    if (is_str(inv->doc, "status", "paid"))
        return answer_record(c, inv);
    if (out_of_band) {
        invoice_settle(c, inv, true);
        return answer_record(c, inv);
    }
    enum status st = invoice_charge(c, inv, method, &o);
    if (st == ST_REFUSED && o.action) {
        json_t *e = refuse_card(c, "invoice_payment_intent_requires_action", NULL,
                                "This payment requires additional user action before it can be "
                                "completed successfully. Payment can be completed using the "
                                "PaymentIntent associated with the invoice.");
        set_new(e, "payment_intent", json_deep_copy(record_doc(invoice_intent(inv))));
        return NULL;
    }
    if (st == ST_REFUSED)
        return refuse_declined(c, invoice_intent(inv), &o);
    return answer_record(c, inv);
}

json_t *invoices_void(struct call *c)
{
    struct record *inv = path_record(c, T_INVOICE);

    if (!inv)
        return NULL;
    if (!is_str(record_doc(inv), "status", "open") && !is_str(inv->doc, "status", "uncollectible"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "You can only void finalized invoices that are open or uncollectible; this "
                      "one is %.*s.",
                      STR_ARG(get_str(inv->doc, "status")));
    invoice_void(c, inv);
    return answer_record(c, inv);
}

json_t *invoices_uncollectible(struct call *c)
{
    struct record *inv = path_record(c, T_INVOICE);

    if (!inv)
        return NULL;
    if (!is_str(record_doc(inv), "status", "open"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "You can only mark an open invoice as uncollectible; this one is %.*s.",
                      STR_ARG(get_str(inv->doc, "status")));
    invoice_write_off(c, inv);
    return answer_record(c, inv);
}

json_t *invoices_send(struct call *c)
{
    struct record *inv = path_record(c, T_INVOICE);

    if (!inv)
        return NULL;
    if (is_str(record_doc(inv), "status", "draft"))
        invoice_finalize(c, inv);
    emit(c, inv, "invoice.sent");
    return answer_record(c, inv);
}

json_t *invoices_lines(struct call *c)
{
    struct record *inv = path_record(c, T_INVOICE);

    if (!inv)
        return NULL;
    return answer_list(c, &(struct list_query){
                              .type = T_LINE_ITEM,
                              .owner = str_of(inv->id),
                              .url = arena_printf(c->arena, "/v1/invoices/%s/lines", inv->id).p });
}

static bool invoice_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str status = arg_str(&a, "status"), sub = arg_str(&a, "subscription");
    str collection = arg_str(&a, "collection_method");
    const json_t *doc = record_doc(r);

    (void)ctx;
    if (sub.n &&
        !str_eq(get_str(get_path(doc, "parent.subscription_details"), "subscription"), sub))
        return false;
    return (!status.n || str_eq(get_str(doc, "status"), status)) &&
           (!collection.n || str_eq(get_str(doc, "collection_method"), collection));
}

json_t *invoices_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_INVOICE, .keep = invoice_kept };

    if (arg_text(&a, "customer", &q.owner) && !named_record(c, T_CUSTOMER, q.owner, "customer"))
        return NULL;
    return answer_list(c, &q);
}

static bool payment_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c), payment;
    str status = arg_str(&a, "status"), intent = { 0 };

    (void)ctx;
    if (args_sub(&a, "payment", &payment))
        intent = arg_str(&payment, "payment_intent");
    return (!status.n || str_eq(get_str(record_doc(r), "status"), status)) &&
           (!intent.n ||
            str_eq(get_str(json_object_get(record_doc(r), "payment"), "payment_intent"), intent));
}

json_t *invoice_payments_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_INVOICE_PAYMENT, .keep = payment_kept };

    if (arg_text(&a, "invoice", &q.owner) && !named_record(c, T_INVOICE, q.owner, "invoice"))
        return NULL;
    return answer_list(c, &q);
}

json_t *invoice_payments_get(struct call *c)
{
    struct record *r = path_record(c, T_INVOICE_PAYMENT);

    return r ? answer_record(c, r) : NULL;
}
