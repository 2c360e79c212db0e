#include "emulator/plain.h"
#include "emulator/rooms.h"

static const struct field shipping_fields[] = {
    { "active", F_BOOL, NULL, 0 },
    { "delivery_estimate", F_HASH, NULL, 0 },
    { "display_name", F_TEXT, NULL, 100 },
    { "metadata", F_METADATA, NULL, 0 },
    { "tax_behavior", F_WORD, "exclusive inclusive unspecified", 0 },
    { "tax_code", F_TEXT, NULL, 0 },
    { "type", F_WORD, "fixed_amount", 0 },
};

static void estimate_fill(json_t *doc)
{
    json_t *e = json_object_get(doc, "delivery_estimate");

    if (!json_is_object(e))
        return;
    if (!json_object_get(e, "maximum"))
        set_null(e, "maximum");
    if (!json_object_get(e, "minimum"))
        set_null(e, "minimum");
}

static bool shipping_make(const struct args *a, json_t *doc, json_t *hidden)
{
    struct call *c = a->c;
    struct args fixed;
    int64_t amount = 0;

    (void)hidden;
    estimate_fill(doc);
    if (!args_sub(a, "fixed_amount", &fixed))
        return refuse_param_missing(c, "fixed_amount");
    json_t *v = json_object();
    set_new(doc, "fixed_amount", v);
    if (!arg_int(&fixed, "amount", &amount))
        return refuse_param_missing(c, "fixed_amount[amount]");
    if (amount < 0)
        return refuse(c, 400, "parameter_invalid_integer", "fixed_amount[amount]",
                      "Invalid non-negative integer");
    set_int(v, "amount", amount);
    if (!currency_apply(&fixed, v))
        return false;
    if (args_sub(&fixed, "currency_options", &fixed))
        set_new(v, "currency_options", args_document(fixed.hash));
    return !c->refused && amount_fits(c, get_str(v, "currency"), amount, "fixed_amount[amount]");
}

/* Of the amount only other currencies can be added. */
static bool shipping_change(const struct args *a, struct record *r)
{
    struct args fixed, options;
    json_t *v = json_object_get(r->doc, "fixed_amount");

    if (!args_sub(a, "fixed_amount", &fixed) || !args_sub(&fixed, "currency_options", &options))
        return !a->c->refused;
    if (!json_object_get(v, "currency_options"))
        set_new(v, "currency_options", json_object());
    args_merge(json_object_get(v, "currency_options"), options.hash);
    return true;
}

/* There is no event of shipping rates. [facts: F-09] */
const struct plain shipping_rate_plain = {
    .type = T_SHIPPING_RATE,
    .field = shipping_fields,
    .n_fields = COUNT(shipping_fields),
    .make = shipping_make,
    .change = shipping_change,
    .alias = { { "currency", "fixed_amount.currency" } },
};
