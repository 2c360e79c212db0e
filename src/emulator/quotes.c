/* quotes.c - /v1/quotes: what would be sold for how much; accepted, it becomes a subscription or an
 * invoice. */
#include "emulator/list.h"
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <stdio.h>
#include <string.h>

enum { QUOTE_DAYS = 30, QUOTE_LINES_MAX = 100 };

static const struct field quote_fields[] = {
    { "application_fee_amount", F_INT_NULL, NULL, 0 },
    { "collection_method", F_WORD, "charge_automatically send_invoice", 0 },
    { "customer", F_REF, NULL, T_CUSTOMER },
    { "description", F_TEXT_NULL, NULL, 500 },
    { "expires_at", F_INT, NULL, 0 },
    { "footer", F_TEXT_NULL, NULL, 0 },
    { "header", F_TEXT_NULL, NULL, 0 },
    { "invoice_settings", F_MERGE, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "subscription_data", F_MERGE, NULL, 0 },
    { "transfer_data", F_HASH, NULL, 0 },
};

/* --- lines --- */

static bool is_line(struct record *r, const char *quote)
{
    return !r->deleted && str_eqz(get_str(r->hidden, "quote"), quote);
}

/* The next line of a quote after `after`, oldest first. */
static struct record *line_next(struct record *quote, const struct record *after)
{
    const struct table *t = &quote->space->table[T_ITEM];

    for (size_t i = after ? table_find(t, after->seq) + 1 : 0; i < t->n; i++)
        if (is_line(t->row[i], quote->id))
            return t->row[i];
    return NULL;
}

struct quote_lines {
    struct record *price[QUOTE_LINES_MAX];
    int64_t quantity[QUOTE_LINES_MAX];
    struct args args[QUOTE_LINES_MAX];
    size_t n;
    bool given;
};

static bool lines_read(const struct args *a, struct quote_lines *l)
{
    struct call *c = a->c;
    struct args data;

    l->given = arg_given(a, "line_items");
    l->n = args_list(a, "line_items", l->args, QUOTE_LINES_MAX);
    for (size_t i = 0; i < l->n && !c->refused; i++) {
        const struct args *one = &l->args[i];
        str id = arg_str(one, "price");
        l->quantity[i] = 1;
        arg_int(one, "quantity", &l->quantity[i]);
        if (id.n)
            l->price[i] = named_record(c, T_PRICE, id, arg_name(one, "price"));
        else if (args_sub(one, "price_data", &data))
            l->price[i] = price_inline(&data);
        else
            return refuse_param_missing(c, arg_name(one, "price"));
        if (l->price[i])
            price_sellable(c, l->price[i], arg_name(one, "price"));
    }
    return !c->refused;
}

static void line_keep(struct call *c, struct record *quote, const struct quote_lines *l, size_t i)
{
    json_t *doc = record_shape(c->emu, c->space, T_ITEM, NULL);
    const json_t *price = record_doc(l->price[i]);
    struct record *product = record_any(c->space, T_PRODUCT, get_str(price, "product"));
    int64_t amount = price_amount(l->price[i], price, l->quantity[i]);

    set_int(doc, "amount_subtotal", amount);
    set_int(doc, "amount_total", amount);
    set_str(doc, "currency", get_str(price, "currency"));
    if (product)
        set_str(doc, "description", get_str(record_doc(product), "name"));
    set_new(doc, "price", json_deep_copy(price));
    set_int(doc, "quantity", l->quantity[i]);
    struct record *r = record_add(c->emu, c->space, T_ITEM, doc);
    record_hide(r, "quote", json_string(quote->id));
    json_t *rates = json_object();
    if (tax_rates_read(&l->args[i], "tax_rates", rates, "tax_rates") &&
        json_object_get(rates, "tax_rates"))
        record_hide(r, "tax_rates", json_deep_copy(json_object_get(rates, "tax_rates")));
    json_decref(rates);
}

static void lines_keep(struct call *c, struct record *quote, const struct quote_lines *l)
{
    struct record *r = NULL;

    if (!l->given)
        return;
    while ((r = line_next(quote, r)))
        record_delete(r);
    for (size_t i = 0; i < l->n; i++)
        line_keep(c, quote, l, i);
}

/* --- what it comes to --- */

static json_t *details(int64_t discount, int64_t tax)
{
    return json_pack("{s:I,s:i,s:I}", "amount_discount", (json_int_t)discount, "amount_shipping", 0,
                     "amount_tax", (json_int_t)tax);
}

static int64_t sum_of(const json_t *list)
{
    int64_t sum = 0;
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v) sum += get_int(v, "amount");
    return sum;
}

static bool is_recurring(struct record *line)
{
    return json_is_object(get_path(record_doc(line), "price.recurring"));
}

/* An invoice is counted over the lines, and thrown away. */
static struct record *counted(struct call *c, struct record *quote, bool recurring_only,
                              struct record **line, size_t *n)
{
    json_t *doc = record_shape(c->emu, c->space, T_INVOICE, NULL);
    struct record *r = NULL;

    set_str(doc, "currency", get_str(quote->doc, "currency"));
    set_new(doc, "discounts", json_deep_copy(json_object_get(quote->doc, "discounts")));
    set_new(doc, "default_tax_rates",
            json_deep_copy(json_object_get(quote->hidden, "default_tax_rates")
                               ? json_object_get(quote->hidden, "default_tax_rates")
                               : json_object_get(doc, "default_tax_rates")));
    struct record *inv = record_add(c->emu, c->space, T_INVOICE, doc);
    for (*n = 0; *n < QUOTE_LINES_MAX && (r = line_next(quote, r));) {
        if (recurring_only && !is_recurring(r))
            continue;
        json_t *l = record_shape(c->emu, c->space, T_LINE_ITEM, NULL);
        set_strz(l, "invoice", inv->id);
        set_int(l, "amount", get_int(record_doc(r), "amount_subtotal"));
        set_new(l, "pricing", price_pricing(json_object_get(r->doc, "price")));
        line[*n] = record_add(c->emu, c->space, T_LINE_ITEM, l);
        const json_t *rates = json_object_get(r->hidden, "tax_rates");
        if (rates)
            record_hide(line[*n], "tax_rates", json_deep_copy(rates));
        (*n)++;
    }
    invoice_total(inv);
    return inv;
}

static void lines_follow(struct record *quote, struct record *const *line)
{
    size_t i = 0;

    for (struct record *r = NULL; (r = line_next(quote, r)); i++) {
        json_t *doc = record_doc(r);
        const json_t *l = record_doc(line[i]);
        int64_t off = sum_of(json_object_get(l, "discount_amounts"));
        int64_t tax = sum_of(json_object_get(l, "taxes"));
        set_int(doc, "amount_discount", off);
        set_int(doc, "amount_tax", tax);
        set_int(doc, "amount_total", get_int(doc, "amount_subtotal") - off + tax);
        record_touch(r);
    }
}

static json_t *computed(const json_t *inv)
{
    int64_t off = sum_of(json_object_get(inv, "total_discount_amounts"));
    int64_t tax = sum_of(json_object_get(inv, "total_taxes"));

    return json_pack("{s:I,s:I,s:o}", "amount_subtotal", (json_int_t)get_int(inv, "subtotal"),
                     "amount_total", (json_int_t)get_int(inv, "total"), "total_details",
                     details(off, tax));
}

static void uncount(struct call *c, struct record *inv, struct record *const *line, size_t n)
{
    while (n)
        record_undo(c, line[--n]);
    record_undo(c, inv);
}

static void quote_total(struct call *c, struct record *quote)
{
    struct record *line[QUOTE_LINES_MAX], *first = line_next(quote, NULL), *r = NULL;
    json_t *doc = quote->doc, *both = json_object(), *recurring = NULL;
    size_t n;

    if (first)
        set_str(doc, "currency", get_str(record_doc(first), "currency"));
    struct record *inv = counted(c, quote, false, line, &n);
    lines_follow(quote, line);
    json_t *all = computed(record_doc(inv));
    uncount(c, inv, line, n);
    while ((r = line_next(quote, r)) && !is_recurring(r)) {
    }
    if (r) {
        inv = counted(c, quote, true, line, &n);
        recurring = computed(record_doc(inv));
        uncount(c, inv, line, n);
        const json_t *every = get_path(r->doc, "price.recurring");
        set_new(recurring, "interval", json_deep_copy(json_object_get(every, "interval")));
        set_new(recurring, "interval_count",
                json_deep_copy(json_object_get(every, "interval_count")));
    }
    set_new(doc, "amount_subtotal", json_deep_copy(json_object_get(all, "amount_subtotal")));
    set_new(doc, "amount_total", json_deep_copy(json_object_get(all, "amount_total")));
    set_new(doc, "total_details", json_deep_copy(json_object_get(all, "total_details")));
    set_new(both, "recurring", recurring ? recurring : json_null());
    set_new(both, "upfront", all);
    set_new(doc, "computed", both);
    record_touch(quote);
}

/* --- making and changing --- */

static bool quote_apply(const struct args *a, struct record *quote)
{
    struct call *c = a->c;
    struct quote_lines lines;
    struct discount_order discounts;
    json_t *doc = record_doc(quote), *rates = json_object();

    bool fine = fields_apply(a, doc, quote_fields, COUNT(quote_fields)) && lines_read(a, &lines) &&
                tax_rates_read(a, "default_tax_rates", rates, "rates") &&
                discounts_read(a, get_str(doc, "customer"), &discounts);
    if (!fine) {
        json_decref(rates);
        return false;
    }
    lines_keep(c, quote, &lines);
    discounts_apply(c, doc, &discounts, &(struct discount_target){ .invoice = str_of(quote->id) });
    json_t *whole = json_object_get(rates, "rates"), *ids = json_array(), *v;
    size_t i;
    if (whole) { /* it shows ids */
        json_array_foreach(whole, i, v) json_array_append(ids, json_object_get(v, "id"));
        set_new(doc, "default_tax_rates", json_incref(ids));
        record_hide(quote, "default_tax_rates", json_deep_copy(whole));
    }
    json_decref(ids);
    json_decref(rates);
    quote_total(c, quote);
    return true;
}

json_t *quotes_create(struct call *c)
{
    struct args a = args_of(c), from;
    json_t *doc = record_shape(c->emu, c->space, T_QUOTE, NULL);

    set_int(doc, "expires_at", now_s(c->emu) + QUOTE_DAYS * 86400);
    if (args_sub(&a, "from_quote", &from)) {
        str id = arg_str(&from, "quote");
        if (named_record(c, T_QUOTE, id, "from_quote[quote]"))
            set_new(doc, "from_quote",
                    json_pack("{s:b,s:s%}", "is_revision", 0, "quote", id.p, id.n));
    }
    if (c->refused) {
        json_decref(doc);
        return NULL;
    }
    struct record *r = record_add(c->emu, c->space, T_QUOTE, doc);
    if (!quote_apply(&a, r)) {
        record_undo(c, r);
        return NULL;
    }
    emit(c, r, "quote.created");
    return answer_record(c, r);
}

static struct record *quote_in(struct call *c, const char *what, bool draft, bool open)
{
    struct record *r = path_record(c, T_QUOTE);

    if (!r)
        return NULL;
    if ((draft && is_str(record_doc(r), "status", "draft")) ||
        (open && is_str(record_doc(r), "status", "open")))
        return r;
    return refuse(c, 400, NULL, NULL, "You cannot %s a quote that is %.*s.", what,
                  STR_ARG(get_str(r->doc, "status")));
}

/* Quotes that are changed are told of by no event of their own. */
json_t *quotes_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = quote_in(c, "update", true, false);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!quote_apply(&a, r)) {
        change_abort(r, before);
        return NULL;
    }
    json_decref(before);
    return answer_record(c, r);
}

static void quote_moves(struct call *c, struct record *r, const char *status, const char *at,
                        const char *event)
{
    json_t *before = change_begin(r);

    set_strz(r->doc, "status", status);
    set_int(json_object_get(r->doc, "status_transitions"), at, now_s(c->emu));
    change_end(c, r, before, event);
}

json_t *quotes_finalize(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = quote_in(c, "finalize", true, false);
    int64_t expires;

    if (!r)
        return NULL;
    if (!get_str(r->doc, "customer").p)
        return refuse(c, 400, NULL, "customer", "You cannot finalize a quote without a customer.");
    if (!line_next(r, NULL))
        return refuse(c, 400, NULL, "line_items",
                      "You cannot finalize a quote without line items.");
    if (arg_int(&a, "expires_at", &expires))
        set_int(r->doc, "expires_at", expires);
    if (c->refused)
        return NULL;
    int64_t number = ++c->space->quotes_numbered;
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(r->doc, "customer"));
    set_str(r->doc, "number",
            arena_printf(c->arena, "QT-%.*s-%04lld-1",
                         STR_ARG(get_str(record_doc(customer), "invoice_prefix")),
                         (long long)number));
    quote_moves(c, r, "open", "finalized_at", "quote.finalized");
    return answer_record(c, r);
}

json_t *quotes_cancel(struct call *c)
{
    struct record *r = quote_in(c, "cancel", true, true);

    if (!r)
        return NULL;
    quote_moves(c, r, "canceled", "canceled_at", "quote.canceled");
    return answer_record(c, r);
}

/* --- accepting --- */

/* What a subscription is made of: recurring prices as items, the others on its first invoice. */
static json_t *subscription_params(struct record *quote)
{
    json_t *p = json_object(), *items = json_object(), *extra = json_object();
    json_t *discounts = json_object(), *v;
    const json_t *data = json_object_get(quote->doc, "subscription_data");
    size_t i;

    for (struct record *r = NULL; (r = line_next(quote, r));) {
        json_t *one = json_pack("{s:O,s:o}", "price", get_path(record_doc(r), "price.id"),
                                "quantity", param_int(get_int(r->doc, "quantity")));
        param_append(is_recurring(r) ? items : extra, one);
    }
    json_array_foreach(json_object_get(quote->doc, "discounts"), i, v)
        param_append(discounts, json_pack("{s:O}", "discount", v));
    set_new(p, "items", items);
    set_new(p, "add_invoice_items", extra);
    set_new(p, "discounts", discounts);
    set_new(p, "collection_method",
            json_deep_copy(json_object_get(quote->doc, "collection_method")));
    int64_t days = get_int(get_path(quote->doc, "invoice_settings"), "days_until_due");
    if (days)
        set_new(p, "days_until_due", param_int(days));
    if (get_int(data, "trial_period_days"))
        set_new(p, "trial_period_days", param_int(get_int(data, "trial_period_days")));
    if (json_object_size(json_object_get(data, "metadata")))
        set_new(p, "metadata", json_deep_copy(json_object_get(data, "metadata")));
    json_t *rates = json_object();
    json_array_foreach(json_object_get(quote->doc, "default_tax_rates"), i, v)
        param_append(rates, json_incref(v));
    if (json_object_size(rates))
        set_new(p, "default_tax_rates", rates);
    else
        json_decref(rates);
    return p;
}

static struct record *quote_invoice(struct call *c, struct record *quote)
{
    str customer = get_str(quote->doc, "customer"), currency = get_str(quote->doc, "currency");
    struct record *inv = invoice_make(
        c, &(struct invoice_order){ .customer = customer,
                                    .currency = currency,
                                    .collection = get_str(quote->doc, "collection_method"),
                                    .reason = "quote_accept",
                                    .period_start = now_s(c->emu),
                                    .period_end = now_s(c->emu) });

    set_new(record_doc(inv), "discounts", json_deep_copy(json_object_get(quote->doc, "discounts")));
    set_new(inv->doc, "parent",
            json_pack("{s:{s:s},s:n,s:s}", "quote_details", "quote", quote->id,
                      "subscription_details", "type", "quote_details"));
    for (struct record *r = NULL; (r = line_next(quote, r));) {
        json_t *params = json_pack("{s:O,s:o}", "price", get_path(record_doc(r), "price.id"),
                                   "quantity", param_int(get_int(r->doc, "quantity")));
        struct record *ii =
            invoiceitem_make(&(struct args){ c, params, "" }, customer, (str){ 0 }, currency);
        json_decref(params);
        if (!ii)
            continue;
        emit(c, ii, "invoiceitem.created");
        invoice_take_one(c, inv, ii);
    }
    invoice_total(inv);
    emit(c, inv, "invoice.created");
    return inv;
}

json_t *quotes_accept(struct call *c)
{
    struct record *r = quote_in(c, "accept", false, true), *line = NULL;
    struct record *customer =
        r ? named_record(c, T_CUSTOMER, get_str(r->doc, "customer"), "customer") : NULL;
    bool recurs = false;

    if (!customer)
        return NULL;
    while ((line = line_next(r, line)))
        recurs = recurs || is_recurring(line);
    json_t *before = change_begin(r);
    if (recurs) {
        json_t *params = subscription_params(r);
        c->scheduled = true; /* nobody is there to pay at once */
        struct record *sub = subscription_create(&(struct args){ c, params, "" }, customer);
        c->scheduled = false;
        json_decref(params);
        if (!sub) {
            json_decref(before);
            return NULL;
        }
        set_strz(r->doc, "subscription", sub->id);
        set_new(r->doc, "invoice", json_deep_copy(json_object_get(sub->doc, "latest_invoice")));
    } else {
        set_strz(r->doc, "invoice", quote_invoice(c, r)->id);
    }
    json_decref(before);
    quote_moves(c, r, "accepted", "accepted_at", "quote.accepted");
    return answer_record(c, r);
}

/* --- looking, time --- */

static bool line_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)c;
    return is_line(r, ctx);
}

static json_t *lines_listed(struct call *c, const char *part)
{
    struct record *r = path_record(c, T_QUOTE);

    if (!r)
        return NULL;
    return answer_list(c, &(struct list_query){
                              .type = T_ITEM,
                              .keep = line_kept,
                              .ctx = r->id,
                              .url = arena_printf(c->arena, "/v1/quotes/%s/%s", r->id, part).p });
}

json_t *quotes_lines(struct call *c)
{
    return lines_listed(c, "line_items");
}

json_t *quotes_upfront(struct call *c)
{
    return lines_listed(c, "computed_upfront_line_items");
}

int64_t quote_due(const struct record *r)
{
    bool open = is_str(r->doc, "status", "draft") || is_str(r->doc, "status", "open");

    return open ? time_or_never(r->doc, "expires_at") : INT64_MAX;
}

void quote_act(struct call *c, struct record *r)
{
    quote_moves(c, r, "canceled", "canceled_at", "quote.canceled");
}
