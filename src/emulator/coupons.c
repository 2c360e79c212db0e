/* coupons.c - /v1/coupons and /v1/promotion_codes; what they are worth is in discounts.c. */
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <string.h>
#include <strings.h>

enum { CODE_CHARS = 8, COUPON_NAME_MAX = 40, CODE_CHARS_MAX = 500 };

/* --- coupons --- */

static const struct field coupon_fields[] = {
    { "amount_off", F_INT, NULL, 0 },         { "duration", F_WORD, "forever once repeating", 0 },
    { "duration_in_months", F_INT, NULL, 0 }, { "max_redemptions", F_INT, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },      { "name", F_TEXT_NULL, NULL, COUPON_NAME_MAX },
    { "percent_off", F_NUMBER, NULL, 0 },     { "redeem_by", F_INT, NULL, 0 },
};

static bool worth_ok(const struct args *a, const json_t *doc)
{
    struct call *c = a->c;
    double percent = json_number_value(json_object_get(doc, "percent_off"));
    bool by_amount = arg_given(a, "amount_off"), by_percent = arg_given(a, "percent_off");

    if (by_amount && by_percent)
        refuse(c, 400, "parameters_exclusive", NULL,
               "You may only specify one of these parameters: amount_off, percent_off.");
    else if (!by_amount && !by_percent)
        refuse(c, 400, NULL, NULL,
               "Must provide one of `percent_off` or `amount_off` to create a coupon.");
    else if (by_percent && (percent <= 0 || percent > 100))
        refuse(c, 400, NULL, "percent_off",
               "Invalid decimal: percent_off must be greater than 0 and at most 100");
    else if (by_amount && get_int(doc, "amount_off") < 1)
        refuse(c, 400, "parameter_invalid_integer", "amount_off", "Invalid positive integer");
    else if (by_amount && !arg_given(a, "currency"))
        refuse_param_missing(c, "currency");
    return !c->refused;
}

static bool duration_ok(const struct args *a, const json_t *doc)
{
    struct call *c = a->c;
    bool repeating = is_str(doc, "duration", "repeating");

    if (repeating && get_int(doc, "duration_in_months") < 1)
        refuse(c, 400, "parameter_missing", "duration_in_months",
               "You must pass `duration_in_months` when `duration` is `repeating`.");
    else if (!repeating && arg_given(a, "duration_in_months"))
        refuse(c, 400, NULL, "duration_in_months",
               "You cannot pass `duration_in_months` when `duration` is not `repeating`.");
    return !c->refused;
}

/* Other currencies and the products it is for are only sent when asked for. */
static bool coupon_aside(const struct args *a, json_t *hidden)
{
    struct args sub;
    str product[ARGS_LIST_MAX];

    if (args_sub(a, "currency_options", &sub)) {
        json_t *options = json_object_get(hidden, "currency_options");
        if (!options)
            set_new(hidden, "currency_options", options = json_object());
        args_merge(options, sub.hash);
    }
    if (!args_sub(a, "applies_to", &sub))
        return !a->c->refused;
    size_t n = args_strings(&sub, "products", product, ARGS_LIST_MAX);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        named_record(a->c, T_PRODUCT, product[i], "applies_to[products][0]");
        json_array_append_new(list, json_str(product[i]));
    }
    set_new(hidden, "applies_to", json_pack("{s:o}", "products", list));
    return !a->c->refused;
}

static bool coupon_make(const struct args *a, json_t *doc, json_t *hidden)
{
    char code[ID_BYTES];

    if (!arg_str(a, "id").n) {
        make_id(a->c->emu, "", CODE_CHARS, code);
        set_strz(doc, "id", code);
    }
    return worth_ok(a, doc) && duration_ok(a, doc) &&
           (!arg_given(a, "currency") || currency_apply(a, doc)) && coupon_aside(a, hidden);
}

static bool coupon_change(const struct args *a, struct record *r)
{
    if (!r->hidden)
        r->hidden = json_object();
    return coupon_aside(a, r->hidden);
}

const struct plain coupon_plain = {
    .type = T_COUPON,
    .field = coupon_fields,
    .n_fields = COUNT(coupon_fields),
    .created = "coupon.created",
    .updated = "coupon.updated",
    .deleted = "coupon.deleted",
    .own_id = true,
    .taken = "Coupon already exists.",
    .make = coupon_make,
    .change = coupon_change,
};

/* Past its day it is no longer valid. */
int64_t coupon_due(const struct record *r)
{
    return get_bool(r->doc, "valid") ? time_or_never(r->doc, "redeem_by") : INT64_MAX;
}

void coupon_act(struct call *c, struct record *r)
{
    json_t *before = change_begin(r);

    set_bool(r->doc, "valid", false);
    change_end(c, r, before, "coupon.updated");
}

/* --- promotion codes --- */

int64_t promotion_due(const struct record *r)
{
    return get_bool(r->doc, "active") ? time_or_never(r->doc, "expires_at") : INT64_MAX;
}

void promotion_act(struct call *c, struct record *r)
{
    json_t *before = change_begin(r);

    set_bool(r->doc, "active", false);
    change_end(c, r, before, "promotion_code.updated");
}

static const struct field promotion_fields[] = {
    { "active", F_BOOL, NULL, 0 },       { "customer", F_REF, NULL, T_CUSTOMER },
    { "expires_at", F_INT, NULL, 0 },    { "max_redemptions", F_INT, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

/* Codes are the same whatever their case. */
static bool same_code(str a, str b)
{
    return a.n == b.n && a.n && strncasecmp(a.p, b.p, a.n) == 0;
}

struct record *promotion_by_code(struct space *s, str code)
{
    const struct table *t = &s->table[T_PROMOTION_CODE];

    for (size_t i = 0; i < t->n; i++)
        if (!t->row[i]->deleted && t->row[i]->active &&
            same_code(get_str(record_doc(t->row[i]), "code"), code))
            return t->row[i];
    return NULL;
}

/* Among active ones a code stands once. [facts: R-41] */
static bool code_free(struct call *c, const struct record *self, str code)
{
    struct record *has = promotion_by_code(c->space, code);

    if (has && has != self)
        refuse(c, 400, NULL, "code", "An active promotion code with `code: %.*s` already exists.",
               STR_ARG(code));
    return !c->refused;
}

static bool code_apply(const struct args *a, json_t *doc)
{
    static const char allowed[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    char made[ID_BYTES];
    str code = arg_str(a, "code");

    for (size_t i = 0; i < code.n; i++)
        if (!memchr(allowed, code.p[i], sizeof allowed - 1))
            refuse(a->c, 400, NULL, "code",
                   "Invalid code: it may only contain letters, digits, dashes and underscores.");
    if (code.n > CODE_CHARS_MAX)
        refuse(a->c, 400, NULL, "code", "Invalid string: must be at most 500 characters");
    if (!code.n) {
        make_id(a->c->emu, "", CODE_CHARS, made);
        for (char *p = made; *p; p++)
            *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
        code = str_of(made);
    }
    set_str(doc, "code", code);
    return !a->c->refused;
}

static bool restrictions_apply(const struct args *a, json_t *doc, json_t *hidden)
{
    static const struct field fields[] = {
        { "first_time_transaction", F_BOOL, NULL, 0 },
        { "minimum_amount", F_INT, NULL, 0 },
        { "minimum_amount_currency", F_TEXT, NULL, 3 },
    };
    struct args sub, options;
    json_t *v = json_object_get(doc, "restrictions");

    if (!args_sub(a, "restrictions", &sub))
        return !a->c->refused;
    fields_apply(&sub, v, fields, COUNT(fields));
    if (arg_given(&sub, "minimum_amount") != arg_given(&sub, "minimum_amount_currency"))
        refuse_param_missing(a->c, arg_given(&sub, "minimum_amount")
                                       ? "restrictions[minimum_amount_currency]"
                                       : "restrictions[minimum_amount]");
    if (args_sub(&sub, "currency_options", &options))
        set_new(hidden, "restrictions.currency_options", args_document(options.hash));
    return !a->c->refused;
}

static bool promotion_make(const struct args *a, json_t *doc, json_t *hidden)
{
    struct call *c = a->c;
    struct args promotion;
    str coupon = arg_str(a, "coupon"); /* as older clients say it */
    const char *param = "coupon";

    if (args_sub(a, "promotion", &promotion)) {
        coupon = arg_str(&promotion, "coupon");
        param = "promotion[coupon]";
    }
    if (!coupon.n)
        return refuse_param_missing(c, arg_given(a, "promotion") ? param : "promotion");
    struct record *r = named_record(c, T_COUPON, coupon, param);
    if (!r)
        return false;
    if (!get_bool(record_doc(r), "valid"))
        return refuse(c, 400, NULL, param, "Coupon expired: %s", r->id);
    set_strz(json_object_get(doc, "promotion"), "coupon", r->id);
    if (!code_apply(a, doc) || !restrictions_apply(a, doc, hidden))
        return false;
    return !get_bool(doc, "active") || code_free(c, NULL, get_str(doc, "code"));
}

static bool promotion_change(const struct args *a, struct record *r)
{
    if (!r->hidden)
        r->hidden = json_object();
    return (!get_bool(r->doc, "active") || code_free(a->c, r, get_str(r->doc, "code"))) &&
           restrictions_apply(a, r->doc, r->hidden);
}

/* `code` is looked for whatever its case. */
static bool promotion_keep(const struct args *a, struct record *r)
{
    str code = arg_str(a, "code");

    return !code.n || same_code(get_str(record_doc(r), "code"), code);
}

const struct plain promotion_plain = {
    .type = T_PROMOTION_CODE,
    .field = promotion_fields,
    .n_fields = COUNT(promotion_fields),
    .created = "promotion_code.created",
    .updated = "promotion_code.updated",
    .make = promotion_make,
    .change = promotion_change,
    .alias = { { "coupon", "promotion.coupon" }, { "code", NULL } },
    .keep = promotion_keep,
};
