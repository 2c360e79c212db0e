/* invoice_totals.c - from lines to totals: discounts first, in their order, then taxes. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 1000 };

/* A line while it is counted. */
struct counted {
    struct record *line;
    int64_t amount, left; /* before and after discounts */
    int64_t exclusive, inclusive;
};

static int64_t rounded_up(double v)
{
    return (int64_t)(v + 0.5);
}

/* Half a unit goes away from nothing. */
static int64_t rounded(double v)
{
    return v < 0 ? -rounded_up(-v) : rounded_up(v);
}

/* --- discounts --- */

/* The coupon's fixed amount in this currency; 0: none. */
static int64_t amount_off(struct record *coupon, str currency)
{
    const json_t *doc = record_doc(coupon);
    char key[4] = { 0 };

    if (str_eq(get_str(doc, "currency"), currency))
        return get_int(doc, "amount_off");
    memcpy(key, currency.p, currency.n < 3 ? currency.n : 3);
    return get_int(json_object_get(json_object_get(coupon->hidden, "currency_options"), key),
                   "amount_off");
}

static bool applies_to(struct record *coupon, const json_t *line)
{
    const json_t *products = get_path(json_object_get(coupon->hidden, "applies_to"), "products");
    str product = get_str(get_path(line, "pricing.price_details"), "product");
    size_t i;
    json_t *v;

    if (!products)
        return true;
    json_array_foreach(products, i, v) if (str_eqz(product, json_string_value(v))) return true;
    return false;
}

static void amount_add(json_t *list, str discount, int64_t amount)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
    {
        if (str_eq(get_str(v, "discount"), discount)) {
            set_int(v, "amount", get_int(v, "amount") + amount);
            return;
        }
    }
    json_array_append_new(list, json_pack("{s:I,s:s%}", "amount", (json_int_t)amount, "discount",
                                          discount.p, discount.n));
}

static void take_off(struct counted *k, str discount, int64_t amount)
{
    k->left -= amount;
    amount_add(json_object_get(k->line->doc, "discount_amounts"), discount, amount);
}

static bool takes(const struct counted *k, struct record *coupon)
{
    return k->left > 0 && get_bool(k->line->doc, "discountable") &&
           applies_to(coupon, k->line->doc);
}

/* Of a fixed amount each line bears its part; what rounding leaves goes to the first ones. */
static void spread(struct counted *k, size_t n, struct record *coupon, str discount, int64_t off)
{
    int64_t sum = 0, rest;

    for (size_t i = 0; i < n; i++)
        sum += takes(&k[i], coupon) ? k[i].left : 0;
    rest = off = off < sum ? off : sum;
    for (size_t i = 0; i < n; i++) {
        if (!takes(&k[i], coupon))
            continue;
        int64_t before = sum - k[i].left;
        int64_t part = before ? rounded((double)rest * (double)k[i].left / (double)sum) : rest;
        sum = before;
        rest -= part;
        take_off(&k[i], discount, part);
    }
}

static void discount_lines(struct counted *k, size_t n, const json_t *ids, str currency)
{
    size_t i;
    json_t *v;

    json_array_foreach(ids, i, v)
    {
        str id = { json_string_value(v), json_string_length(v) };
        struct record *d = n ? record_any(k[0].line->space, T_DISCOUNT, id) : NULL;
        str name = d ? get_str(json_object_get(record_doc(d), "source"), "coupon") : (str){ 0 };
        struct record *coupon = name.p ? record_any(d->space, T_COUPON, name) : NULL;
        if (!coupon)
            continue;
        double percent = json_number_value(json_object_get(record_doc(coupon), "percent_off"));
        if (percent <= 0) {
            spread(k, n, coupon, id, amount_off(coupon, currency));
            continue;
        }
        for (size_t at = 0; at < n; at++)
            if (takes(&k[at], coupon))
                take_off(&k[at], id,
                         currency_round(currency, rounded((double)k[at].left * percent / 100)));
    }
}

/* --- taxes --- */

static void tax_add(json_t *list, str rate, bool inclusive, const char *reason, int64_t amount,
                    int64_t taxable)
{
    const char *behavior = inclusive ? "inclusive" : "exclusive";
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
    {
        if (str_eq(get_str(json_object_get(v, "tax_rate_details"), "tax_rate"), rate)) {
            set_int(v, "amount", get_int(v, "amount") + amount);
            set_int(v, "taxable_amount", get_int(v, "taxable_amount") + taxable);
            return;
        }
    }
    json_array_append_new(list,
                          json_pack("{s:I,s:s,s:{s:s%},s:s,s:I,s:s}", "amount", (json_int_t)amount,
                                    "tax_behavior", behavior, "tax_rate_details", "tax_rate",
                                    rate.p, rate.n, "taxability_reason", reason, "taxable_amount",
                                    (json_int_t)taxable, "type", "tax_rate_details"));
}

static double percentage(const json_t *rate)
{
    return json_number_value(json_object_get(rate, "percentage"));
}

/* An inclusive rate's part of `amount`, where all inclusive rates together make `all` percent. */
static int64_t tax_of(const json_t *rate, int64_t amount, double all)
{
    double net = get_bool(rate, "inclusive") ? (double)amount / (1 + all / 100) : (double)amount;

    return rounded(net * percentage(rate) / 100);
}

static void tax_line(struct counted *k, const json_t *rates, const char *exempt, json_t *totals)
{
    double all = 0;
    size_t i;
    json_t *rate, *taxes = json_object_get(k->line->doc, "taxes");

    json_array_foreach(rates, i, rate) all += get_bool(rate, "inclusive") ? percentage(rate) : 0;
    json_array_foreach(rates, i, rate)
    {
        bool inclusive = get_bool(rate, "inclusive");
        int64_t tax = exempt ? 0 : tax_of(rate, k->left, all);
        const char *reason = exempt ? exempt : "standard_rated";
        int64_t taxable = inclusive ? k->left - tax : k->left;
        tax_add(taxes, get_str(rate, "id"), inclusive, reason, tax, taxable);
        tax_add(totals, get_str(rate, "id"), inclusive, reason, tax, taxable);
        *(inclusive ? &k->inclusive : &k->exclusive) += tax;
    }
}

static const char *exemption(const json_t *inv)
{
    if (is_str(inv, "customer_tax_exempt", "exempt"))
        return "customer_exempt";
    return is_str(inv, "customer_tax_exempt", "reverse") ? "reverse_charge" : NULL;
}

/* --- all together --- */

static size_t lines_of(struct record *inv, struct counted *k)
{
    size_t n = 0;

    for (struct record *r = NULL;
         n < LINES_MAX && (r = owned_next(inv->space, T_LINE_ITEM, str_of(inv->id), r));) {
        json_t *doc = record_doc(r);
        int64_t amount = get_int(doc, "amount");
        set_new(doc, "discount_amounts", json_array());
        set_new(doc, "taxes", json_array());
        k[n++] = (struct counted){ .line = r, .amount = amount, .left = amount };
    }
    return n;
}

static void count_discounts(json_t *doc, struct counted *k, size_t n)
{
    str currency = get_str(doc, "currency");
    json_t *totals = json_array(), *v;
    size_t at;

    for (size_t i = 0; i < n; i++)
        discount_lines(&k[i], 1, json_object_get(k[i].line->doc, "discounts"), currency);
    discount_lines(k, n, json_object_get(doc, "discounts"), currency);
    for (size_t i = 0; i < n; i++)
        json_array_foreach(json_object_get(k[i].line->doc, "discount_amounts"), at, v)
            amount_add(totals, get_str(v, "discount"), get_int(v, "amount"));
    set_new(doc, "total_discount_amounts", totals);
}

static void count_taxes(json_t *doc, struct counted *k, size_t n)
{
    json_t *totals = json_array();

    for (size_t i = 0; i < n; i++) {
        const json_t *own = json_object_get(k[i].line->hidden, "tax_rates");
        bool has = json_array_size(own) > 0;
        tax_line(&k[i], has ? own : json_object_get(doc, "default_tax_rates"), exemption(doc),
                 totals);
        record_touch(k[i].line);
    }
    set_new(doc, "total_taxes", totals);
}

void invoice_total(struct record *inv)
{
    struct counted *k = must_alloc(LINES_MAX * sizeof *k);
    json_t *doc = record_doc(inv);
    size_t n = lines_of(inv, k);
    int64_t subtotal = 0, total = 0, exclusive = 0, inclusive = 0, off = 0;
    int64_t shipping = get_int(json_object_get(doc, "shipping_cost"), "amount_total");

    count_discounts(doc, k, n);
    count_taxes(doc, k, n);
    for (size_t i = 0; i < n; i++) {
        subtotal += k[i].amount;
        off += k[i].amount - k[i].left;
        exclusive += k[i].exclusive;
        inclusive += k[i].inclusive;
    }
    free(k);
    total = currency_round(get_str(doc, "currency"), subtotal - off + exclusive + shipping);
    set_int(doc, "subtotal", subtotal);
    set_int(doc, "subtotal_excluding_tax", subtotal - inclusive);
    set_int(doc, "total", total);
    set_int(doc, "total_excluding_tax", total - exclusive - inclusive);
    set_int(doc, "amount_shipping", shipping);
    set_int(doc, "amount_due", total > 0 ? total : 0);
    set_int(doc, "amount_remaining", total > 0 ? total : 0);
    set_new(doc, "lines",
            list_embedded(inv->space, T_LINE_ITEM, str_of(inv->id),
                          get_str(json_object_get(doc, "lines"), "url").p));
    record_touch(inv);
}
