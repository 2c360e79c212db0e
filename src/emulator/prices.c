#include "emulator/list.h"
#include "emulator/points.h"
#include "emulator/rooms.h"

#include <stdlib.h>
#include <string.h>

enum {
    DECIMAL_PLACES_MAX = 12,
    LOOKUP_KEY_MAX = 200,
    MONTHS_MAX = 36,
    WEEKS_MAX = 156,
    DAYS_MAX = 1095,
    YEARS_MAX = 3,
};

static const struct field price_fields[] = {
    { "active", F_BOOL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "nickname", F_TEXT_NULL, NULL, 0 },
};

/* --- amounts --- */

/* "12.5" with at most twelve places and no sign. */
static bool is_decimal(str s)
{
    size_t dot = str_find(s, '.');

    for (size_t i = 0; i < s.n; i++)
        if (i != dot && (s.p[i] < '0' || s.p[i] > '9'))
            return false;
    return s.n && dot > 0 && (dot == s.n || (s.n - dot - 1 <= DECIMAL_PLACES_MAX && dot + 1 < s.n));
}

/* A decimal that is whole is also the amount; a fractional one leaves it null. [facts: R-14] */
static bool decimal_apply(const struct args *a, json_t *doc, str decimal)
{
    str whole, rest = str_cut(decimal, '.', &whole);
    int64_t n;

    if (!is_decimal(decimal)) {
        refuse(a->c, 400, NULL, arg_name(a, "unit_amount_decimal"), "Invalid decimal: %.*s",
               STR_ARG(decimal));
        return false;
    }
    set_str(doc, "unit_amount_decimal", decimal);
    while (rest.n && rest.p[rest.n - 1] == '0')
        rest.n--;
    if (rest.n == 0 && str_to_int(whole, &n))
        set_int(doc, "unit_amount", n);
    return true;
}

static bool amount_apply(const struct args *a, json_t *doc, bool required)
{
    struct call *c = a->c;
    str decimal;
    int64_t n;

    bool exact = arg_int(a, "unit_amount", &n);
    bool fine = arg_text(a, "unit_amount_decimal", &decimal);
    if (c->refused)
        return false;
    if (exact && fine) {
        refuse(c, 400, NULL, NULL,
               "You may only specify one of these parameters: unit_amount, unit_amount_decimal.");
        return false;
    }
    if (!exact && !fine) {
        if (required)
            refuse(c, 400, NULL, NULL,
                   "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.");
        return !required;
    }
    if (fine)
        return decimal_apply(a, doc, decimal);
    if (n < 0) {
        refuse(c, 400, "parameter_invalid_integer", arg_name(a, "unit_amount"),
               "Invalid non-negative integer");
        return false;
    }
    if (!amount_fits(c, get_str(doc, "currency"), n, arg_name(a, "unit_amount")))
        return false;
    set_int(doc, "unit_amount", n);
    set_str(doc, "unit_amount_decimal", arena_printf(c->arena, "%lld", (long long)n));
    return true;
}

/* --- recurring, tiers, other currencies --- */

static int64_t interval_max(str interval)
{
    if (str_eq(interval, S("month")))
        return MONTHS_MAX;
    if (str_eq(interval, S("week")))
        return WEEKS_MAX;
    return str_eq(interval, S("day")) ? DAYS_MAX : YEARS_MAX;
}

static bool recurring_apply(const struct args *a, json_t *doc)
{
    struct args sub;
    str interval, usage = S("licensed");
    int64_t count = 1, trial;

    if (!args_sub(a, "recurring", &sub))
        return !a->c->refused;
    if (!arg_word(&sub, "interval", "day week month year", &interval)) {
        refuse_param_missing(a->c, arg_name(&sub, "interval"));
        return false;
    }
    arg_int(&sub, "interval_count", &count);
    arg_word(&sub, "usage_type", "licensed metered", &usage);
    str meter = arg_str(&sub, "meter");
    if (count < 1 || count > interval_max(interval)) /* [facts: R-17] */
        refuse(a->c, 400, NULL, arg_name(&sub, "interval_count"),
               "The interval_count for %.*sly prices can't be greater than %lld", STR_ARG(interval),
               (long long)interval_max(interval));
    if (str_eq(usage, S("metered")) && !meter.n) /* [facts: R-21] */
        refuse(a->c, 400, NULL, NULL,
               "Starting with Stripe version `2025-03-31.basil`, metered prices must be backed by "
               "meters.");
    json_t *r = json_object();
    set_str(r, "interval", interval);
    set_int(r, "interval_count", count);
    set_str(r, "meter", meter.n ? meter : (str){ 0 });
    set_null(r, "trial_period_days");
    if (arg_int(&sub, "trial_period_days", &trial))
        set_int(r, "trial_period_days", trial);
    set_str(r, "usage_type", usage);
    set_new(doc, "recurring", r);
    set_strz(doc, "type", "recurring");
    return !a->c->refused;
}

/* Fields that a price shows only when they are expanded. [facts: R-39] They travel in the document
 * under this name until the record is made. */
static const char aside[] = "_aside";

static json_t *aside_of(json_t *doc)
{
    if (!json_object_get(doc, aside))
        set_new(doc, aside, json_object());
    return json_object_get(doc, aside);
}

static json_t *tier_document(const struct args *t)
{
    json_t *tier = json_object();
    str up_to = arg_str(t, "up_to");
    int64_t n;

    set_null(tier, "flat_amount");
    set_null(tier, "flat_amount_decimal");
    if (arg_int(t, "flat_amount", &n)) {
        set_int(tier, "flat_amount", n);
        set_str(tier, "flat_amount_decimal", arg_str(t, "flat_amount"));
    }
    set_null(tier, "unit_amount");
    set_null(tier, "unit_amount_decimal");
    amount_apply(t, tier, false);
    set_null(tier, "up_to");
    if (up_to.n && !str_eq(up_to, S("inf")) && arg_int(t, "up_to", &n))
        set_int(tier, "up_to", n);
    return tier;
}

static bool tiers_apply(const struct args *a, json_t *doc)
{
    struct args tier[ARGS_LIST_MAX];
    size_t n = args_list(a, "tiers", tier, COUNT(tier));
    str mode;

    if (!arg_word(a, "tiers_mode", "graduated volume", &mode)) {
        refuse_param_missing(a->c, "tiers_mode");
        return false;
    }
    if (json_is_null(json_object_get(doc, "recurring"))) { /* [facts: R-20] */
        refuse(a->c, 400, NULL, "interval",
               "Prices with `type=one_time` are not supported with tiered billing.");
        return false;
    }
    if (!n) {
        refuse_param_missing(a->c, "tiers");
        return false;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, tier_document(&tier[i]));
    set_new(aside_of(doc), "tiers", list);
    set_strz(doc, "billing_scheme", "tiered");
    set_str(doc, "tiers_mode", mode);
    return !a->c->refused;
}

static json_t *currency_option(const struct args *o, const char *currency)
{
    json_t *v = json_object();
    int64_t n;

    set_null(v, "custom_unit_amount");
    set_strz(v, "tax_behavior", "unspecified");
    set_null(v, "unit_amount");
    set_null(v, "unit_amount_decimal");
    amount_apply(o, v, false);
    if (arg_int(o, "unit_amount", &n))
        amount_fits(o->c, str_of(currency), n, arg_name(o, "unit_amount"));
    str tax;
    if (arg_word(o, "tax_behavior", "inclusive exclusive unspecified", &tax))
        set_str(v, "tax_behavior", tax);
    return v;
}

/* The price's own currency is set by the price itself. [facts: R-10] */
static bool options_apply(const struct args *a, json_t *options, str own, bool update)
{
    struct args all, one;
    const char *currency;
    json_t *v;

    if (!args_sub(a, "currency_options", &all))
        return !a->c->refused;
    json_object_foreach((json_t *)(uintptr_t)all.hash, currency, v)
    {
        if (update && str_eqz(own, currency)) {
            refuse(a->c, 400, NULL, arg_name(&all, currency),
                   "You are specifying an update to a currency option that matches the top-level "
                   "currency for this price. Please remove this currency option and update the "
                   "top-level params instead.");
            return false;
        }
        if (arg_emptied(&all, currency))
            json_object_del(options, currency);
        else if (args_sub(&all, currency, &one))
            set_new(options, currency, currency_option(&one, currency));
    }
    return !a->c->refused;
}

/* --- making --- */

static bool custom_apply(const struct args *a, json_t *doc)
{
    struct args sub;
    bool on = false;
    int64_t n;

    if (!args_sub(a, "custom_unit_amount", &sub))
        return !a->c->refused;
    if (!arg_bool(&sub, "enabled", &on) || !on)
        return !a->c->refused;
    json_t *v = json_object(); /* `enabled` is not echoed. [facts: R-39] */
    static const char *const part[] = { "maximum", "minimum", "preset" };
    for (size_t i = 0; i < COUNT(part); i++) {
        set_null(v, part[i]);
        if (arg_int(&sub, part[i], &n))
            set_int(v, part[i], n);
    }
    set_new(doc, "custom_unit_amount", v);
    return !a->c->refused;
}

static bool price_read(const struct args *a, json_t *doc)
{
    str tax, scheme = S("per_unit");
    struct args sub;

    if (!currency_apply(a, doc) || !fields_apply(a, doc, price_fields, COUNT(price_fields)) ||
        !recurring_apply(a, doc) || !custom_apply(a, doc))
        return false;
    if (arg_word(a, "tax_behavior", "inclusive exclusive unspecified", &tax))
        set_str(doc, "tax_behavior", tax);
    if (args_sub(a, "transform_quantity", &sub))
        set_new(doc, "transform_quantity", args_document(sub.hash));
    arg_word(a, "billing_scheme", "per_unit tiered", &scheme);
    bool custom = !json_is_null(json_object_get(doc, "custom_unit_amount"));
    if (a->c->refused)
        return false;
    if (str_eq(scheme, S("tiered")) ? !tiers_apply(a, doc) : !amount_apply(a, doc, !custom))
        return false;
    if (!arg_given(a, "currency_options"))
        return true;
    json_t *options = json_object();
    set_new(aside_of(doc), "currency_options", options);
    return options_apply(a, options, get_str(doc, "currency"), false);
}

json_t *price_build(const struct args *a, str product)
{
    json_t *doc = json_deep_copy(a->c->emu->shape[T_PRICE]);

    set_str(doc, "product", product);
    if (price_read(a, doc))
        return doc;
    json_decref(doc);
    return NULL;
}

/* What every price has as a currency option: itself. */
static void own_option(struct record *r)
{
    json_t *options = json_object_get(r->hidden, "currency_options");
    json_t *own = json_object();
    static const char *const part[] = { "custom_unit_amount", "tax_behavior", "unit_amount",
                                        "unit_amount_decimal" };

    if (!options) {
        options = json_object();
        record_hide(r, "currency_options", options);
    }
    for (size_t i = 0; i < COUNT(part); i++)
        set_new(own, part[i], json_deep_copy(json_object_get(r->doc, part[i])));
    json_object_setn_new(options, get_str(r->doc, "currency").p, 3, own);
}

struct record *price_keep(struct call *c, json_t *doc, bool is_inline)
{
    json_t *hidden = json_incref(json_object_get(doc, aside));
    json_t *made = record_shape(c->emu, c->space, T_PRICE, get_str(doc, "id").p);

    json_object_del(doc, aside);
    json_object_del(doc, "id");
    json_object_del(doc, "created");
    json_object_del(doc, "livemode");
    json_object_update(made, doc);
    json_decref(doc);
    struct record *r = record_add(c->emu, c->space, T_PRICE, made);
    r->hidden = hidden;
    r->unlisted = is_inline;
    own_option(r);
    return r;
}

struct record *price_make(const struct args *a, str product, bool is_inline)
{
    json_t *doc = price_build(a, product);

    return doc ? price_keep(a->c, doc, is_inline) : NULL;
}

struct record *price_inline(const struct args *data)
{
    str product = arg_str(data, "product");
    struct args product_data;

    if (args_sub(data, "product_data", &product_data)) {
        struct record *p = product_make(&product_data);
        if (!p)
            return NULL;
        emit(data->c, p, "product.created");
        product = str_of(p->id);
    } else if (!product.n) {
        return refuse_param_missing(data->c, arg_name(data, "product"));
    } else if (!named_record(data->c, T_PRODUCT, product, arg_name(data, "product"))) {
        return NULL;
    }
    struct record *r = price_make(data, product, true);
    if (r)
        price_created(data->c, r);
    return r;
}

/* --- lookup keys: one holder among all prices, archived ones too. [facts] --- */

static struct record *key_holder(struct call *c, str key)
{
    const struct table *t = &c->space->table[T_PRICE];

    for (size_t i = 0; i < t->n; i++) {
        struct record *r = t->row[i];
        if (r->deleted || (!r->doc && !memmem(r->text, r->n_text, key.p, key.n)))
            continue;
        if (str_eq(get_str(record_doc(r), "lookup_key"), key))
            return r;
    }
    return NULL;
}

/* Checks only. The present holder is in *holder when the key has to be taken from it. */
static bool key_check(const struct args *a, const struct record *self, str *key,
                      struct record **holder)
{
    struct call *c = a->c;
    bool transfer = false;

    *holder = NULL;
    *key = arg_str(a, "lookup_key");
    if (arg_emptied(a, "lookup_key") && point_is(c->emu, POINT_CLEAR_KEY, "no"))
        arg_text(a, "lookup_key", key); /* cannot be unset */
    arg_bool(a, "transfer_lookup_key", &transfer);
    if (!key->n || c->refused)
        return !c->refused;
    if (key->n > LOOKUP_KEY_MAX) {
        refuse(c, 400, NULL, "lookup_key", "Invalid string: must be at most 200 characters");
        return false;
    }
    struct record *held = key_holder(c, *key);
    if (!held || held == self)
        return true;
    if (!transfer) {
        const char *code =
            point_is(c->emu, POINT_KEY_CODE, "exists") ? "resource_already_exists" : NULL;
        refuse(c, 400, code, "lookup_key", "A price (`%s`) already uses that lookup key.",
               held->id);
        return false;
    }
    *holder = held;
    return true;
}

static void key_take(struct call *c, struct record *holder)
{
    if (!holder)
        return;
    json_t *before = change_begin(holder);
    set_null(holder->doc, "lookup_key");
    price_changed(c, holder, before);
}

/* --- handlers --- */

/* The product it is for, by name or made of product_data. [facts] */
static bool product_check(const struct args *a)
{
    struct call *c = a->c;
    bool data = arg_given(a, "product_data");
    str product;

    if (arg_given(a, "product") && data)
        refuse(c, 400, "parameters_exclusive", "product",
               "You may only specify one of these parameters: product, product_data.");
    else if (!arg_given(a, "product") && !data)
        refuse(c, 400, NULL, NULL,
               "You must specify either `product` or `product_data` when creating a price.");
    else if (arg_text(a, "product", &product))
        named_record(c, T_PRODUCT, product, "product");
    return !c->refused;
}

json_t *prices_create(struct call *c)
{
    struct args a = args_of(c), data;
    struct record *holder, *product = NULL;
    str key;

    if (!product_check(&a) || !key_check(&a, NULL, &key, &holder))
        return NULL;
    json_t *doc = price_build(&a, arg_str(&a, "product"));
    if (!doc)
        return NULL;
    if (args_sub(&a, "product_data", &data)) { /* [facts: R-27] */
        product = product_make(&data);
        if (!product) {
            json_decref(doc);
            return NULL;
        }
        set_strz(doc, "product", product->id);
        emit(c, product, "product.created");
    }
    key_take(c, holder);
    set_str(doc, "lookup_key", key.n ? key : (str){ 0 });
    struct record *r = price_keep(c, doc, false);
    price_created(c, r);
    if (product && point_is(c->emu, POINT_DATA_IS_DEFAULT, "yes"))
        product_default(c, product, r);
    return answer_record(c, r);
}

/* Unless the product is archived already. [facts: R-03] */
bool price_archive_check(struct call *c, struct record *price)
{
    struct args a = args_of(c);
    bool active;

    if (!arg_bool(&a, "active", &active) || active == price->active)
        return !c->refused;
    struct record *product =
        record_live(c->space, T_PRODUCT, get_str(record_doc(price), "product"));
    bool sold = product && get_bool(record_doc(product), "active");
    if (active && !sold && point_is(c->emu, POINT_REACTIVATE_PRICE, "no"))
        return refuse(c, 400, NULL, "active",
                      "This price cannot be activated because its product is not active.");
    if (active || !product || !is_str(product->doc, "default_price", price->id) ||
        (!sold && point_is(c->emu, POINT_ARCHIVED_FREES, "yes")))
        return true;
    refuse(c, 400, NULL, NULL,
           "This price cannot be archived because it is the default price of its product.");
    c->validation = point_is(c->emu, POINT_REFUSAL_KEPT, "no");
    return false;
}

bool price_sellable(struct call *c, struct record *price, const char *param)
{
    struct record *product =
        record_live(c->space, T_PRODUCT, get_str(record_doc(price), "product"));

    if (!price->active)
        refuse(c, 400, NULL, param,
               "The price specified is inactive. This field only accepts active prices.");
    else if (product && !get_bool(record_doc(product), "active"))
        refuse(c, 400, NULL, param,
               "Price `%s` is not available to be purchased because its product is not active.",
               price->id);
    return !c->refused;
}

/* Once it is inclusive or exclusive it stays so. [facts: R-13] */
static bool tax_behavior_apply(const struct args *a, json_t *doc)
{
    str tax, is = get_str(doc, "tax_behavior");

    if (!arg_word(a, "tax_behavior", "inclusive exclusive unspecified", &tax))
        return !a->c->refused;
    if (!str_eq(is, S("unspecified")) && !str_eq(is, tax)) {
        if (point_is(a->c->emu, POINT_TAX_BEHAVIOR, "unknown"))
            return refuse(a->c, 400, "parameter_unknown", "tax_behavior",
                          "Received unknown parameter: tax_behavior");
        refuse(a->c, 400, NULL, "tax_behavior",
               "The `tax_behavior` of a price cannot be changed once it is `inclusive` or "
               "`exclusive`.");
        return false;
    }
    set_str(doc, "tax_behavior", tax);
    return true;
}

/* What else could be changed is an unknown parameter here. [facts] */
json_t *prices_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PRICE), *holder;
    str key;

    if (!r || !price_archive_check(c, r) || !key_check(&a, r, &key, &holder))
        return NULL;
    json_t *before = change_begin(r);
    if (!r->hidden || !json_object_get(r->hidden, "currency_options"))
        own_option(r);
    json_t *options = json_deep_copy(json_object_get(r->hidden, "currency_options"));
    if (!fields_apply(&a, r->doc, price_fields, COUNT(price_fields)) ||
        !tax_behavior_apply(&a, r->doc) ||
        !options_apply(&a, options, get_str(r->doc, "currency"), true)) {
        json_decref(options);
        change_abort(r, before);
        return NULL;
    }
    record_hide(r, "currency_options", options);
    key_take(c, holder);
    if (key.p)
        set_str(r->doc, "lookup_key", key.n ? key : (str){ 0 });
    own_option(r);
    price_changed(c, r, before);
    return answer_record(c, r);
}

json_t *prices_get(struct call *c)
{
    struct record *r = path_record(c, T_PRICE);

    return r ? answer_record(c, r) : NULL;
}

struct prices_filter {
    bool by_active, active;
    str currency, type, interval, key[LIST_LIMIT];
    size_t n_keys;
};

static bool price_kept(struct call *c, struct record *r, const void *ctx)
{
    const struct prices_filter *f = ctx;
    bool kept = f->n_keys == 0;

    (void)c;
    if (f->by_active && r->active != f->active)
        return false;
    if (!f->n_keys && !f->currency.n && !f->type.n && !f->interval.n)
        return true;
    const json_t *doc = record_doc(r);
    for (size_t i = 0; i < f->n_keys && !kept; i++)
        kept = str_eq(get_str(doc, "lookup_key"), f->key[i]);
    return kept && (!f->currency.n || str_eq(get_str(doc, "currency"), f->currency)) &&
           (!f->type.n || str_eq(get_str(doc, "type"), f->type)) &&
           (!f->interval.n ||
            str_eq(get_str(json_object_get(doc, "recurring"), "interval"), f->interval));
}

/* Without `active` both are listed, in line ones never. [facts: 4.8] */
json_t *prices_list(struct call *c)
{
    struct args a = args_of(c), recurring;
    struct prices_filter f = { 0 };
    struct list_query q = { .type = T_PRICE, .keep = price_kept, .ctx = &f };

    f.by_active = arg_bool(&a, "active", &f.active);
    f.currency = arg_str(&a, "currency");
    f.type = arg_str(&a, "type");
    f.n_keys = args_strings(&a, "lookup_keys", f.key, COUNT(f.key));
    if (args_sub(&a, "recurring", &recurring))
        f.interval = arg_str(&recurring, "interval");
    if (arg_text(&a, "product", &q.owner) && !named_record(c, T_PRODUCT, q.owner, "product"))
        return NULL;
    return answer_list(c, &q);
}
