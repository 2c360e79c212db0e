/* discounts.c - coupons and promotion codes at work: who has which discount, and until when. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { DISCOUNTS_MAX = 20 };

/* --- what a request asks for --- */

static bool coupon_usable(struct call *c, struct record *coupon, const char *param)
{
    int64_t by = get_int(record_doc(coupon), "redeem_by");

    if (!get_bool(coupon->doc, "valid") || (by && by <= now_s(c->emu)))
        refuse(c, 400, "coupon_expired", param, "Coupon expired: %s", coupon->id);
    return !c->refused;
}

static bool has_paid(struct space *s, str customer)
{
    for (struct record *r = NULL; (r = owned_next(s, T_INVOICE, customer, r));)
        if (is_str(record_doc(r), "status", "paid") && get_int(r->doc, "amount_paid") > 0)
            return true;
    return false;
}

static bool promotion_usable(struct call *c, struct record *promo, str customer, const char *param)
{
    const json_t *doc = record_doc(promo);
    int64_t expires = get_int(doc, "expires_at");
    str only = get_str(doc, "customer");

    if (!promo->active || (expires && expires <= now_s(c->emu)))
        refuse(c, 400, NULL, param, "This promotion code is inactive or has expired.");
    else if (only.p && !str_eq(only, customer))
        refuse(c, 400, NULL, param, "This promotion code cannot be redeemed by this customer.");
    else if (get_bool(json_object_get(doc, "restrictions"), "first_time_transaction") &&
             customer.n && has_paid(c->space, customer))
        refuse(c, 400, NULL, param,
               "This promotion code cannot be redeemed because the associated customer has prior "
               "transactions.");
    return !c->refused;
}

/* What one element names; false when refused or when it names nothing. */
static bool source_read(const struct args *a, str customer, struct discount_source *out)
{
    struct call *c = a->c;
    str coupon = arg_str(a, "coupon"), code = arg_str(a, "promotion_code");
    str own = arg_str(a, "discount");

    *out = (struct discount_source){ 0 };
    if (coupon.n) {
        out->coupon = named_record(c, T_COUPON, coupon, arg_name(a, "coupon"));
    } else if (code.n) {
        out->code = named_record(c, T_PROMOTION_CODE, code, arg_name(a, "promotion_code"));
        if (out->code && promotion_usable(c, out->code, customer, arg_name(a, "promotion_code")))
            out->coupon =
                named_record(c, T_COUPON, get_str(get_path(out->code->doc, "promotion"), "coupon"),
                             arg_name(a, "promotion_code"));
    } else if (own.n) {
        out->kept = named_record(c, T_DISCOUNT, own, arg_name(a, "discount"));
        return !c->refused;
    }
    return out->coupon && !c->refused && coupon_usable(c, out->coupon, arg_name(a, "coupon"));
}

bool discounts_read(const struct args *a, str customer, struct discount_order *o)
{
    struct args one[DISCOUNTS_MAX + 1];

    *o = (struct discount_order){ .given = arg_given(a, "discounts") };
    if (!o->given && (arg_given(a, "coupon") || arg_given(a, "promotion_code"))) {
        o->given = true; /* as older clients say it */
        if (arg_str(a, "coupon").n || arg_str(a, "promotion_code").n)
            o->n = source_read(a, customer, &o->source[0]);
        return !a->c->refused;
    }
    size_t n = args_list(a, "discounts", one, COUNT(one));
    if (n > DISCOUNTS_MAX)
        return refuse(a->c, 400, NULL, arg_name(a, "discounts"),
                      "You can apply at most 20 discounts.");
    for (size_t i = 0; i < n && !a->c->refused; i++)
        if (source_read(&one[i], customer, &o->source[o->n]))
            o->n++;
    return !a->c->refused;
}

/* --- making and taking away --- */

static void redeemed(struct call *c, struct record *r, const char *flag, const char *event)
{
    json_t *before = change_begin(r);
    int64_t times = get_int(r->doc, "times_redeemed") + 1;
    const json_t *most = json_object_get(r->doc, "max_redemptions");

    set_int(r->doc, "times_redeemed", times);
    if (json_is_integer(most) && times >= (int64_t)json_integer_value(most))
        set_bool(r->doc, flag, false);
    change_end(c, r, before, event);
}

static void discount_fill(struct call *c, json_t *doc, const struct discount_source *s,
                          const struct discount_target *t)
{
    const json_t *coupon = record_doc(s->coupon);
    int64_t now = now_s(c->emu);

    set_str(json_object_get(doc, "source"), "coupon", str_of(s->coupon->id));
    set_strz(doc, "promotion_code", s->code ? s->code->id : NULL);
    set_int(doc, "start", now);
    set_null(doc, "end");
    if (is_str(coupon, "duration", "repeating"))
        set_int(doc, "end", add_months(now, get_int(coupon, "duration_in_months")));
    set_str(doc, "customer", t->customer);
    set_str(doc, "subscription", t->subscription);
    set_str(doc, "subscription_item", t->subscription_item);
    set_str(doc, "invoice", t->invoice);
    set_str(doc, "invoice_item", t->invoice_item);
}

static bool tells(const struct discount_target *t)
{
    return !t->invoice.n && !t->invoice_item.n;
}

static struct record *discount_make(struct call *c, const struct discount_source *s,
                                    const struct discount_target *t)
{
    json_t *doc = record_shape(c->emu, c->space, T_DISCOUNT, NULL);

    discount_fill(c, doc, s, t);
    struct record *r = record_add(c->emu, c->space, T_DISCOUNT, doc);
    redeemed(c, s->coupon, "valid", "coupon.updated");
    if (s->code)
        redeemed(c, s->code, "active", "promotion_code.updated");
    return r;
}

json_t *discounts_make(struct call *c, const struct discount_order *o,
                       const struct discount_target *t)
{
    json_t *ids = json_array();

    for (size_t i = 0; i < o->n; i++) {
        struct record *r =
            o->source[i].kept ? o->source[i].kept : discount_make(c, &o->source[i], t);
        json_array_append_new(ids, json_string(r->id));
        if (!o->source[i].kept && tells(t))
            emit(c, r, "customer.discount.created");
    }
    return ids;
}

static bool among(const json_t *ids, const char *id)
{
    size_t i;
    json_t *v;

    json_array_foreach(ids, i, v) if (strcmp(json_string_value(v), id) == 0) return true;
    return false;
}

/* Nobody hears of a discount of an invoice. */
static void discount_end(struct call *c, struct record *r)
{
    const json_t *doc = record_doc(r);
    bool told = !get_str(doc, "invoice").p && !get_str(doc, "invoice_item").p;

    record_delete(r);
    if (told)
        emit(c, r, "customer.discount.deleted");
}

/* An invoice also shows what is its subscription's or customer's. */
static bool belongs(struct record *r, const struct discount_target *t)
{
    const json_t *doc = record_doc(r);

    if (t->invoice.n || t->invoice_item.n)
        return str_eq(get_str(doc, "invoice"), t->invoice) &&
               str_eq(get_str(doc, "invoice_item"), t->invoice_item);
    return str_eq(get_str(doc, "subscription"), t->subscription);
}

static void discounts_end(struct call *c, const json_t *were, const json_t *are,
                          const struct discount_target *t)
{
    size_t i;
    json_t *v;

    json_array_foreach(were, i, v)
    {
        str id = { json_string_value(v), json_string_length(v) };
        struct record *r = record_live(c->space, T_DISCOUNT, id);
        if (r && belongs(r, t) && !among(are, r->id))
            discount_end(c, r);
    }
}

void discounts_apply(struct call *c, json_t *doc, const struct discount_order *o,
                     const struct discount_target *t)
{
    if (!o->given)
        return;
    json_t *were = json_incref(json_object_get(doc, "discounts"));
    set_new(doc, "discounts", discounts_make(c, o, t));
    discounts_end(c, were, json_object_get(doc, "discounts"), t);
    json_decref(were);
}

/* --- a customer's own --- */

/* A customer has one: another coupon changes it. */
void customer_discount_apply(struct call *c, struct record *customer,
                             const struct discount_order *o)
{
    const json_t *has = json_object_get(record_doc(customer), "discount");
    struct record *r = record_live(c->space, T_DISCOUNT, get_str(has, "id"));
    const struct discount_target t = { .customer = str_of(customer->id) };

    if (!o->given)
        return;
    if (!o->n) {
        set_null(customer->doc, "discount");
        if (r)
            discount_end(c, r);
        return;
    }
    if (r) {
        json_t *before = change_begin(r);
        discount_fill(c, r->doc, &o->source[0], &t);
        redeemed(c, o->source[0].coupon, "valid", "coupon.updated");
        change_end(c, r, before, "customer.discount.updated");
    } else {
        r = discount_make(c, &o->source[0], &t);
        emit(c, r, "customer.discount.created");
    }
    set_new(customer->doc, "discount", json_deep_copy(r->doc));
    record_touch(customer);
}

static json_t *deleted_discount(struct record *r)
{
    json_t *gone = json_deep_copy(record_doc(r));

    set_bool(gone, "deleted", true);
    return gone;
}

json_t *customers_discount_delete(struct call *c)
{
    struct record *customer = path_record(c, T_CUSTOMER);
    struct record *r =
        customer ? record_live(c->space, T_DISCOUNT,
                               get_str(json_object_get(record_doc(customer), "discount"), "id"))
                 : NULL;

    if (!customer)
        return NULL;
    if (!r)
        return refuse(c, 404, "resource_missing", "discount", "No active discount for customer: %s",
                      customer->id);
    json_t *before = change_begin(customer);
    set_null(customer->doc, "discount");
    discount_end(c, r);
    change_end(c, customer, before, "customer.updated");
    return deleted_discount(r);
}

json_t *customers_discount_get(struct call *c)
{
    struct record *customer = path_record(c, T_CUSTOMER);
    const json_t *has = customer ? json_object_get(record_doc(customer), "discount") : NULL;

    if (!customer)
        return NULL;
    if (!json_is_object(has))
        return refuse(c, 404, "resource_missing", "discount", "No active discount for customer: %s",
                      customer->id);
    return json_deep_copy(has);
}

json_t *subscriptions_discount_delete(struct call *c)
{
    struct record *sub = path_record(c, T_SUBSCRIPTION);
    const json_t *has =
        sub ? json_array_get(json_object_get(record_doc(sub), "discounts"), 0) : NULL;
    str id = has ? (str){ json_string_value(has), json_string_length(has) } : (str){ 0 };
    struct record *r = id.p ? record_live(c->space, T_DISCOUNT, id) : NULL;

    if (!sub)
        return NULL;
    if (!r)
        return refuse(c, 404, "resource_missing", "discount",
                      "No active discount for subscription: %s", sub->id);
    json_t *before = change_begin(sub);
    json_t *gone = deleted_discount(r);
    json_array_remove(json_object_get(sub->doc, "discounts"), 0);
    discount_end(c, r);
    change_end(c, sub, before, "customer.subscription.updated");
    return gone;
}

/* --- on invoices --- */

static bool is_once(struct record *r)
{
    struct record *coupon =
        record_any(r->space, T_COUPON, get_str(json_object_get(record_doc(r), "source"), "coupon"));

    return coupon && is_str(record_doc(coupon), "duration", "once");
}

/* The subscription's, or else the customer's. */
void invoice_discounts(struct call *c, struct record *inv, struct record *customer,
                       struct record *sub)
{
    json_t *ids = json_array(), *v;
    const json_t *own = sub ? json_object_get(record_doc(sub), "discounts") : NULL;
    str of_customer =
        customer ? get_str(json_object_get(record_doc(customer), "discount"), "id") : (str){ 0 };
    size_t i;

    json_array_foreach(own, i,
                       v) if (record_live(c->space, T_DISCOUNT,
                                          (str){ json_string_value(v), json_string_length(v) }))
        json_array_append(ids, v);
    if (!json_array_size(ids) && of_customer.p)
        json_array_append_new(ids, json_str(of_customer));
    set_new(record_doc(inv), "discounts", ids);
}

/* What holds once is gone after its first invoice. */
void discounts_used(struct call *c, struct record *inv, struct record *owner)
{
    json_t *left = json_array(), *v;
    json_t *has = json_object_get(record_doc(owner), "discounts");
    str single = get_str(json_object_get(owner->doc, "discount"), "id");
    size_t i;

    json_array_foreach(has, i, v)
    {
        struct record *r =
            record_live(c->space, T_DISCOUNT, (str){ json_string_value(v), json_string_length(v) });
        bool used = r && is_once(r) && among(json_object_get(record_doc(inv), "discounts"), r->id);
        if (!used)
            json_array_append(left, v);
    }
    if (has && json_array_size(left) != json_array_size(has)) {
        json_t *were = json_incref(has);
        json_t *before = change_begin(owner);
        set_new(owner->doc, "discounts", json_incref(left));
        discounts_end(c, were, left,
                      &(struct discount_target){ .subscription = str_of(owner->id) });
        change_end(c, owner, before, "customer.subscription.updated");
        json_decref(were);
    }
    json_decref(left);
    struct record *r = single.p ? record_live(c->space, T_DISCOUNT, single) : NULL;
    if (r && is_once(r) && among(json_object_get(record_doc(inv), "discounts"), r->id)) {
        json_t *before = change_begin(owner);
        set_null(owner->doc, "discount");
        discount_end(c, r);
        change_end(c, owner, before, "customer.updated");
    }
}

/* --- time --- */

int64_t discount_due(const struct record *r)
{
    return time_or_never(r->doc, "end");
}

/* It has lasted its months: whoever has it loses it. */
void discount_act(struct call *c, struct record *r)
{
    json_t *doc = record_doc(r), *v, *left;
    struct record *sub = record_live(c->space, T_SUBSCRIPTION, get_str(doc, "subscription"));
    struct record *customer = record_live(c->space, T_CUSTOMER, get_str(doc, "customer"));
    size_t i;

    discount_end(c, r);
    if (sub) {
        json_t *before = change_begin(sub);
        left = json_array();
        json_array_foreach(json_object_get(sub->doc, "discounts"), i,
                           v) if (strcmp(json_string_value(v), r->id) != 0)
            json_array_append(left, v);
        set_new(sub->doc, "discounts", left);
        change_end(c, sub, before, "customer.subscription.updated");
    } else if (customer &&
               str_eqz(get_str(json_object_get(record_doc(customer), "discount"), "id"), r->id)) {
        json_t *before = change_begin(customer);
        set_null(customer->doc, "discount");
        change_end(c, customer, before, "customer.updated");
    }
}
