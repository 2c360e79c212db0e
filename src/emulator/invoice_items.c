#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

static const struct field item_fields[] = {
    { "amount", F_INT, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "discountable", F_BOOL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

/* The price may stand in `price` (older clients) or in pricing[price]. */
static bool price_apply(const struct args *a, json_t *doc)
{
    struct args pricing, data;
    str id = arg_str(a, "price");
    struct record *price = NULL;
    int64_t quantity = get_int(doc, "quantity");

    if (args_sub(a, "pricing", &pricing))
        id = arg_str(&pricing, "price");
    if (id.n)
        price = named_record(a->c, T_PRICE, id, "price");
    else if (args_sub(a, "price_data", &data))
        price = price_inline(&data);
    if (!price)
        return !a->c->refused;
    const json_t *p = record_doc(price);
    set_int(doc, "amount", price_amount(price, p, quantity));
    set_str(doc, "currency", get_str(p, "currency"));
    set_new(doc, "pricing",
            json_pack("{s:{s:s,s:s%},s:s,s:O}", "price_details", "price", price->id, "product",
                      get_str(p, "product").p, get_str(p, "product").n, "type", "price_details",
                      "unit_amount_decimal", json_object_get(p, "unit_amount_decimal")));
    return true;
}

static bool item_apply(const struct args *a, json_t *doc)
{
    struct args period;
    int64_t n;
    str unit;

    if (!fields_apply(a, doc, item_fields, COUNT(item_fields)))
        return false;
    if (arg_int(a, "quantity", &n)) {
        set_int(doc, "quantity", n);
        set_str(doc, "quantity_decimal", arena_printf(a->c->arena, "%lld", (long long)n));
    }
    if (arg_int(a, "unit_amount", &n) ||
        (arg_text(a, "unit_amount_decimal", &unit) && str_to_int(unit, &n)))
        set_int(doc, "amount", n * get_int(doc, "quantity"));
    if (args_sub(a, "period", &period)) {
        json_t *p = json_object_get(doc, "period");
        if (arg_int(&period, "start", &n))
            set_int(p, "start", n);
        if (arg_int(&period, "end", &n))
            set_int(p, "end", n);
    }
    if (a->c->refused || !price_apply(a, doc))
        return false;
    set_int(doc, "net_amount", get_int(doc, "amount"));
    return true;
}

/* What the draft that it stands on shows changes with it. */
static void draft_changed(struct call *c, struct record *inv, json_t *before)
{
    invoice_total(inv);
    change_end(c, inv, before, "invoice.updated");
}

static bool named_ok(const struct args *a, str customer, str invoice, str sub)
{
    struct call *c = a->c;

    if (!customer.n) {
        refuse_param_missing(c, "customer");
        return false;
    }
    if (!named_record(c, T_CUSTOMER, customer, "customer") ||
        (sub.n && !named_record(c, T_SUBSCRIPTION, sub, "subscription")))
        return false;
    if (!invoice.n)
        return true;
    struct record *inv = named_record(c, T_INVOICE, invoice, "invoice");
    if (inv && !is_str(record_doc(inv), "status", "draft"))
        refuse(c, 400, "invoice_not_editable", "invoice", "This invoice is no longer editable.");
    return !c->refused;
}

json_t *invoiceitems_create(struct call *c)
{
    struct args a = args_of(c);
    str customer = arg_str(&a, "customer"), currency = arg_str(&a, "currency");
    str invoice = arg_str(&a, "invoice"), sub = arg_str(&a, "subscription");

    if (!named_ok(&a, customer, invoice, sub))
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_INVOICEITEM, NULL);
    set_str(doc, "customer", customer);
    set_str(doc, "currency", currency.n ? currency : S("usd"));
    set_int(doc, "date", now_s(c->emu));
    set_int(json_object_get(doc, "period"), "start", now_s(c->emu));
    set_int(json_object_get(doc, "period"), "end", now_s(c->emu));
    if (sub.n)
        set_new(doc, "parent",
                json_pack("{s:{s:s%},s:s}", "subscription_details", "subscription", sub.p, sub.n,
                          "type", "subscription_details"));
    if (!item_apply(&a, doc)) {
        json_decref(doc);
        return NULL;
    }
    struct record *r = record_add(c->emu, c->space, T_INVOICEITEM, doc);
    struct record *inv = invoice.n ? record_live(c->space, T_INVOICE, invoice) : NULL;
    json_t *before = inv ? change_begin(inv) : NULL;
    if (inv) {
        invoice_take_one(c, inv, r);
        draft_changed(c, inv, before);
    }
    emit(c, r, "invoiceitem.created");
    return answer_record(c, r);
}

json_t *invoiceitems_get(struct call *c)
{
    struct record *r = path_record(c, T_INVOICEITEM);

    return r ? answer_record(c, r) : NULL;
}

static struct record *line_of(struct call *c, struct record *inv, const char *item)
{
    for (struct record *r = NULL; (r = owned_next(c->space, T_LINE_ITEM, str_of(inv->id), r));)
        if (str_eqz(get_str(get_path(record_doc(r), "parent.invoice_item_details"), "invoice_item"),
                    item))
            return r;
    return NULL;
}

/* There is no event for it but the invoice's. */
json_t *invoiceitems_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_INVOICEITEM);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!item_apply(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    json_decref(before);
    record_touch(r);
    struct record *inv = record_live(c->space, T_INVOICE, get_str(r->doc, "invoice"));
    struct record *line = inv ? line_of(c, inv, r->id) : NULL;
    if (line && is_str(record_doc(inv), "status", "draft")) {
        before = change_begin(inv);
        set_int(record_doc(line), "amount", get_int(r->doc, "amount"));
        set_int(line->doc, "subtotal", get_int(r->doc, "amount"));
        set_str(line->doc, "description", get_str(r->doc, "description"));
        record_touch(line);
        draft_changed(c, inv, before);
    }
    return answer_record(c, r);
}

json_t *invoiceitems_delete(struct call *c)
{
    struct record *r = path_record(c, T_INVOICEITEM);

    if (!r)
        return NULL;
    struct record *inv = record_live(c->space, T_INVOICE, get_str(record_doc(r), "invoice"));
    if (inv && !is_str(record_doc(inv), "status", "draft"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "You cannot delete an invoice item that is attached to a finalized invoice.");
    struct record *line = inv ? line_of(c, inv, r->id) : NULL;
    record_delete(r);
    if (line) {
        json_t *before = change_begin(inv);
        record_delete(line);
        draft_changed(c, inv, before);
    }
    emit(c, r, "invoiceitem.deleted");
    return answer_deleted(c, T_INVOICEITEM, str_of(r->id));
}

static bool item_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str invoice = arg_str(&a, "invoice");
    bool pending;

    (void)ctx;
    if (invoice.n && !str_eq(get_str(record_doc(r), "invoice"), invoice))
        return false;
    return !arg_bool(&a, "pending", &pending) ||
           (get_str(record_doc(r), "invoice").p == NULL) == pending;
}

json_t *invoiceitems_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_INVOICEITEM, .keep = item_kept };

    if (arg_text(&a, "customer", &q.owner) && !named_record(c, T_CUSTOMER, q.owner, "customer"))
        return NULL;
    return answer_list(c, &q);
}
