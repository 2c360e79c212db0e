/* checkout_items.c - the line items of checkout sessions and payment links. */
#include "emulator/checkout.h"
#include "emulator/list.h"

#include <string.h>

/* [facts] */
static bool price_ok(const struct args *a, struct record *price)
{
    struct record *product =
        record_live(price->space, T_PRODUCT, get_str(record_doc(price), "product"));

    if (!get_bool(price->doc, "active"))
        refuse(a->c, 400, NULL, arg_name(a, "price"),
               "The price specified is inactive. This field only accepts active prices.");
    else if (product && !get_bool(record_doc(product), "active"))
        refuse(a->c, 400, NULL, arg_name(a, "price"),
               "Price `%s` is not available to be purchased because its product is not active.",
               price->id);
    return !a->c->refused;
}

static bool line_read(const struct args *a, struct line *out, bool *recurring, str *currency)
{
    str id = arg_str(a, "price");
    struct args data, again;

    *out = (struct line){ .args = *a, .quantity = 1 };
    arg_int(a, "quantity", &out->quantity);
    if (id.n) {
        out->price = named_record(a->c, T_PRICE, id, arg_name(a, "price"));
        if (!out->price || !price_ok(a, out->price))
            return false;
        *recurring = is_str(out->price->doc, "type", "recurring");
        *currency = get_str(out->price->doc, "currency");
    } else if (args_sub(a, "price_data", &data)) {
        *recurring = args_sub(&data, "recurring", &again);
        *currency = arg_str(&data, "currency");
        if (!currency->n)
            refuse_param_missing(a->c, arg_name(&data, "currency"));
    } else {
        refuse(a->c, 400, "parameter_missing", a->prefix,
               "You must specify either `price` or `price_data` for each line item.");
    }
    if (out->quantity < 1)
        refuse(a->c, 400, "parameter_invalid_integer", arg_name(a, "quantity"),
               "This value must be greater than or equal to 1.");
    return !a->c->refused;
}

static bool mode_ok(struct call *c, const char *mode, const struct lines *l)
{
    if (strcmp(mode, "payment") == 0 && l->recurring)
        refuse(c, 400, NULL, "line_items",
               "You specified `payment` mode but passed a recurring price. Either switch to "
               "`subscription` mode or use only one-time prices.");
    else if (strcmp(mode, "subscription") == 0 && !l->recurring)
        refuse(c, 400, NULL, "line_items",
               "You must provide at least one recurring price in `subscription` mode when using "
               "prices.");
    return !c->refused;
}

bool lines_read(const struct args *a, const char *mode, struct lines *out)
{
    struct args each[LINES_MAX];
    size_t n = args_list(a, "line_items", each, LINES_MAX);

    *out = (struct lines){ .n = n };
    for (size_t i = 0; i < n; i++) {
        bool recurring = false;
        str currency = { 0 };
        if (!line_read(&each[i], &out->line[i], &recurring, &currency))
            return false;
        if (i && !str_eq(currency, out->currency)) {
            refuse(a->c, 400, NULL, "line_items",
                   "All line items must have the same currency: `%.*s` and `%.*s` were given.",
                   STR_ARG(out->currency), STR_ARG(currency));
            return false;
        }
        out->currency = currency;
        out->recurring |= recurring;
        out->once |= !recurring;
    }
    if (!n && !a->c->refused)
        refuse_param_missing(a->c, "line_items");
    return !a->c->refused && mode_ok(a->c, mode, out);
}

static int64_t line_keep(struct call *c, struct record *of, struct line *l)
{
    struct args data, adjustable;
    json_t *doc = record_shape(c->emu, c->space, T_ITEM, NULL);

    if (!l->price && args_sub(&l->args, "price_data", &data))
        l->price = price_inline(&data);
    if (!l->price) {
        json_decref(doc);
        return -1;
    }
    int64_t amount = price_amount(l->price, record_doc(l->price), l->quantity);
    struct record *product = record_any(c->space, T_PRODUCT, get_str(l->price->doc, "product"));
    if (args_sub(&l->args, "adjustable_quantity", &adjustable))
        set_new(doc, "adjustable_quantity", args_document(adjustable.hash));
    set_int(doc, "amount_subtotal", amount);
    set_int(doc, "amount_total", amount);
    set_str(doc, "currency", get_str(l->price->doc, "currency"));
    if (product)
        set_str(doc, "description", get_str(record_doc(product), "name"));
    set_new(doc, "price", json_deep_copy(l->price->doc));
    set_int(doc, "quantity", l->quantity);
    struct record *r = record_add(c->emu, c->space, T_ITEM, doc);
    record_hide(r, "of", json_string(of->id));
    record_touch(r);
    return amount;
}

int64_t lines_keep(struct call *c, struct record *of, struct lines *l)
{
    int64_t sum = 0;

    for (size_t i = 0; i < l->n; i++) {
        int64_t amount = line_keep(c, of, &l->line[i]);
        if (amount < 0)
            return -1;
        sum += amount;
    }
    return sum;
}

/* --- discounts --- */

bool discounts_named(const struct args *a, json_t *doc)
{
    struct args each[8];
    size_t n = args_list(a, "discounts", each, COUNT(each));
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        str coupon = arg_str(&each[i], "coupon"), code = arg_str(&each[i], "promotion_code");
        json_t *one = json_object();
        if (coupon.n)
            named_record(a->c, T_COUPON, coupon, arg_name(&each[i], "coupon"));
        if (code.n)
            named_record(a->c, T_PROMOTION_CODE, code, arg_name(&each[i], "promotion_code"));
        set_str(one, "coupon", coupon.n ? coupon : (str){ 0 });
        set_str(one, "promotion_code", code.n ? code : (str){ 0 });
        json_array_append_new(list, one);
    }
    set_new(doc, "discounts", list);
    return !a->c->refused;
}

static int64_t discount_of(struct call *c, const json_t *named, int64_t sum)
{
    str id = get_str(named, "coupon"), code = get_str(named, "promotion_code");
    struct record *promotion = code.n ? record_live(c->space, T_PROMOTION_CODE, code) : NULL;

    if (promotion)
        id = get_str(json_object_get(record_doc(promotion), "promotion"), "coupon");
    struct record *coupon = id.n ? record_live(c->space, T_COUPON, id) : NULL;
    if (!coupon)
        return 0;
    double percent = json_number_value(json_object_get(record_doc(coupon), "percent_off"));
    int64_t off = get_int(coupon->doc, "amount_off");
    if (percent > 0)
        off = (int64_t)((double)sum * percent / 100 + 0.5);
    return off < sum ? off : sum;
}

int64_t discounts_amount(struct call *c, struct record *cs, int64_t sum)
{
    int64_t left = sum, off = 0, spread = 0, seen = 0;
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(cs->doc, "discounts"), i, v) left -= discount_of(c, v, left);
    off = sum - left;
    for (struct record *r = NULL; off && (r = owned_next(c->space, T_ITEM, str_of(cs->id), r));) {
        seen += get_int(record_doc(r), "amount_subtotal");
        int64_t part = off * seen / sum - spread; /* the parts add up to the whole */
        spread += part;
        set_int(r->doc, "amount_discount", part);
        set_int(r->doc, "amount_total", get_int(r->doc, "amount_subtotal") - part);
        record_touch(r);
    }
    return off;
}

json_t *checkout_items_embedded(struct call *c, struct record *of, const char *parent)
{
    str url = arena_printf(c->arena, "%s/%s/line_items", parent, of->id);

    return list_embedded(c->space, T_ITEM, str_of(of->id), url.p);
}

static json_t *items_list(struct call *c, enum type t)
{
    struct record *r = path_record(c, t);

    if (!r)
        return NULL;
    return answer_list(c, &(struct list_query){ .type = T_ITEM,
                                                .owner = str_of(r->id),
                                                .url = arena_copy(c->arena, c->http->path).p });
}

json_t *sessions_items(struct call *c)
{
    return items_list(c, T_CHECKOUT_SESSION);
}

json_t *links_items(struct call *c)
{
    return items_list(c, T_PAYMENT_LINK);
}
