#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

static const struct field item_fields[] = {
    { "amount", F_INT, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "discountable", F_BOOL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

/* The price may stand in `price` (older clients) or in pricing[price]; false when refused. */
static bool price_read(const struct args *a, struct record **price)
{
    struct args pricing, data;
    str id = arg_str(a, "price");

    *price = NULL;
    if (args_sub(a, "pricing", &pricing))
        id = arg_str(&pricing, "price");
    if (id.n)
        *price = named_record(a->c, T_PRICE, id, "price");
    else if (args_sub(a, "price_data", &data))
        *price = price_inline(&data);
    if (*price && json_is_object(json_object_get(record_doc(*price), "recurring")))
        return refuse(a->c, 400, NULL, "price",
                      "The price specified is set to `type=recurring` but this field only accepts "
                      "prices with `type=one_time`.");
    return !a->c->refused;
}

static void price_apply(json_t *doc, struct record *price)
{
    const json_t *p = record_doc(price);

    set_int(doc, "amount", price_amount(price, p, get_int(doc, "quantity")));
    set_str(doc, "currency", get_str(p, "currency"));
    set_new(doc, "pricing", price_pricing(p));
}

/* An amount a unit, which may have a fraction. */
static bool unit_apply(const struct args *a, json_t *doc)
{
    double unit;
    bool plain = arg_number(a, "unit_amount", &unit);

    if (!plain && !arg_number(a, "unit_amount_decimal", &unit))
        return !a->c->refused;
    str said = arg_str(a, plain ? "unit_amount" : "unit_amount_decimal");
    double all = unit * (double)get_int(doc, "quantity");
    set_int(doc, "amount", (int64_t)(all < 0 ? all - 0.5 : all + 0.5));
    set_new(
        doc, "pricing",
        json_pack("{s:s%,s:s}", "unit_amount_decimal", said.p, said.n, "type", "price_details"));
    return true;
}

static bool quantity_apply(const struct args *a, json_t *doc)
{
    int64_t n;
    bool given = arg_int(a, "quantity", &n) || arg_int(a, "quantity_decimal", &n);
    bool by_amount = arg_given(a, "amount");

    if (given && by_amount)
        return refuse(a->c, 400, "parameters_exclusive", "quantity",
                      "You may only specify one of these parameters: amount, quantity.");
    if (!given)
        return !a->c->refused;
    if (n < 0)
        return refuse(a->c, 400, "parameter_invalid_integer", "quantity",
                      "Invalid non-negative integer");
    int64_t was = get_int(doc, "quantity");
    str unit = get_str(json_object_get(doc, "pricing"), "unit_amount_decimal");
    int64_t each;
    if (was && str_to_int(unit, &each)) /* an update of a quantity alone */
        set_int(doc, "amount", each * n);
    set_int(doc, "quantity", n);
    set_str(doc, "quantity_decimal", arena_printf(a->c->arena, "%lld", (long long)n));
    return !a->c->refused;
}

static bool period_apply(const struct args *a, json_t *doc)
{
    struct args period;
    json_t *p = json_object_get(doc, "period");
    int64_t n;

    if (!args_sub(a, "period", &period))
        return !a->c->refused;
    if (arg_int(&period, "start", &n))
        set_int(p, "start", n);
    if (arg_int(&period, "end", &n))
        set_int(p, "end", n);
    if (get_int(p, "end") < get_int(p, "start"))
        refuse(a->c, 400, NULL, "period", "The period's end must not be before its start.");
    return !a->c->refused;
}

static bool item_apply(const struct args *a, json_t *doc)
{
    struct discount_order discounts;
    struct record *price;

    if (!fields_apply(a, doc, item_fields, COUNT(item_fields)) || !quantity_apply(a, doc) ||
        !unit_apply(a, doc) || !period_apply(a, doc) ||
        !tax_rates_read(a, "tax_rates", doc, "tax_rates") ||
        !discounts_read(a, get_str(doc, "customer"), &discounts) || !price_read(a, &price))
        return false;
    if (price)
        price_apply(doc, price);
    discounts_apply(a->c, doc, &discounts,
                    &(struct discount_target){ .customer = get_str(doc, "customer"),
                                               .invoice_item = get_str(doc, "id") });
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

struct record *invoiceitem_make(const struct args *a, str customer, str sub, str currency)
{
    struct call *c = a->c;
    json_t *doc = record_shape(c->emu, c->space, T_INVOICEITEM, NULL);
    set_str(doc, "customer", customer);
    set_str(doc, "currency", currency);
    set_int(doc, "date", now_s(c->emu));
    set_int(json_object_get(doc, "period"), "start", now_s(c->emu));
    set_int(json_object_get(doc, "period"), "end", now_s(c->emu));
    if (sub.n)
        set_new(doc, "parent",
                json_pack("{s:{s:s%},s:s}", "subscription_details", "subscription", sub.p, sub.n,
                          "type", "subscription_details"));
    if (!item_apply(a, doc)) {
        json_decref(doc);
        return NULL;
    }
    return record_add(c->emu, c->space, T_INVOICEITEM, doc);
}

/* Without a price there is an amount, or one a unit. */
static bool worth_given(const struct args *a)
{
    static const char *const one_of[] = { "amount", "unit_amount", "unit_amount_decimal",
                                          "price",  "pricing",     "price_data" };

    for (size_t i = 0; i < COUNT(one_of); i++)
        if (arg_given(a, one_of[i]))
            return true;
    return refuse_param_missing(a->c, "amount");
}

/* The customer's currency, unless another is said: then it must be the same. [facts: R-12] */
static bool item_currency(const struct args *a, struct record *customer, str *out)
{
    json_t *said = json_object();
    str has = get_str(record_doc(customer), "currency");

    *out = has.n ? has : S("usd");
    if (arg_given(a, "currency") && currency_apply(a, said))
        *out = arena_copy(a->c->arena, get_str(said, "currency"));
    json_decref(said);
    return !a->c->refused;
}

json_t *invoiceitems_create(struct call *c)
{
    struct args a = args_of(c);
    str customer = arg_str(&a, "customer"), currency;
    str invoice = arg_str(&a, "invoice"), sub = arg_str(&a, "subscription");

    if (!named_ok(&a, customer, invoice, sub) || !worth_given(&a) ||
        !item_currency(&a, record_live(c->space, T_CUSTOMER, customer), &currency))
        return NULL;
    struct record *r = invoiceitem_make(&a, customer, sub, currency);
    if (!r)
        return NULL;
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

/* The line that the item is on; one of a proration names its subscription's item, too. */
static struct record *line_of(struct call *c, struct record *inv, const char *item)
{
    static const char *const where[] = { "parent.invoice_item_details",
                                         "parent.subscription_item_details" };

    for (struct record *r = NULL; (r = owned_next(c->space, T_LINE_ITEM, str_of(inv->id), r));)
        for (size_t i = 0; i < COUNT(where); i++)
            if (str_eqz(get_str(get_path(record_doc(r), where[i]), "invoice_item"), item))
                return r;
    return NULL;
}

static void line_follow(struct record *line, struct record *item)
{
    static const char *const same[] = { "amount",    "description", "discountable",
                                        "discounts", "metadata",    "period",
                                        "pricing",   "quantity",    "quantity_decimal" };
    json_t *doc = record_doc(line);

    for (size_t i = 0; i < COUNT(same); i++)
        set_new(doc, same[i], json_deep_copy(json_object_get(item->doc, same[i])));
    set_int(doc, "subtotal", get_int(item->doc, "amount"));
    record_hide(line, "tax_rates", json_deep_copy(json_object_get(item->doc, "tax_rates")));
    record_touch(line);
}

bool invoiceitem_change(const struct args *a, struct record *item)
{
    struct call *c = a->c;
    struct record *inv = record_live(c->space, T_INVOICE, get_str(record_doc(item), "invoice"));
    struct record *line = inv ? line_of(c, inv, item->id) : NULL;
    json_t *before = change_begin(item);

    if (!item_apply(a, item->doc)) {
        change_abort(item, before);
        return false;
    }
    json_decref(before);
    record_touch(item);
    if (line)
        line_follow(line, item);
    return true;
}

/* There is no event for it but the invoice's. */
json_t *invoiceitems_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_INVOICEITEM);

    if (!r)
        return NULL;
    struct record *inv = record_live(c->space, T_INVOICE, get_str(record_doc(r), "invoice"));
    if (inv && !is_str(record_doc(inv), "status", "draft"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "This invoice item is attached to a finalized invoice and can no longer be "
                      "changed.");
    json_t *before = inv ? change_begin(inv) : NULL;
    if (!invoiceitem_change(&a, r)) {
        json_decref(before);
        return NULL;
    }
    if (inv)
        draft_changed(c, inv, before);
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
