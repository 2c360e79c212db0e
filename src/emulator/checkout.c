/* checkout.c - checkout sessions: made, updated, expired; what happens on the page is in
 * checkout_pages.c. */
#include "emulator/checkout.h"
#include "emulator/list.h"
#include "emulator/shapes.h"

#include <string.h>

enum { URL_CHARS = 40, EXPIRES_LEAST_S = 1800, EXPIRES_MOST_S = 86400 };

static const struct field session_fields[] = {
    { "adaptive_pricing", F_HASH, NULL, 0 },
    { "after_expiration", F_HASH, NULL, 0 },
    { "allow_promotion_codes", F_BOOL, NULL, 0 },
    { "billing_address_collection", F_WORD, "auto required", 0 },
    { "cancel_url", F_TEXT, NULL, 0 },
    { "client_reference_id", F_TEXT, NULL, 200 },
    { "collected_information", F_HASH, NULL, 0 },
    { "consent_collection", F_HASH, NULL, 0 },
    { "custom_fields", F_HASH, NULL, 0 },
    { "custom_text", F_MERGE, NULL, 0 },
    { "customer", F_REF, NULL, T_CUSTOMER },
    { "customer_creation", F_WORD, "always if_required", 0 },
    { "customer_email", F_TEXT, NULL, 0 },
    { "excluded_payment_method_types", F_LIST, NULL, 0 },
    { "invoice_creation", F_HASH, NULL, 0 },
    { "locale", F_TEXT, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "mode", F_WORD, "payment setup subscription", 0 },
    { "origin_context", F_WORD, "mobile_app web", 0 },
    { "payment_method_collection", F_WORD, "always if_required", 0 },
    { "payment_method_options", F_HASH, NULL, 0 },
    { "payment_method_types", F_LIST, NULL, 0 },
    { "permissions", F_HASH, NULL, 0 },
    { "phone_number_collection", F_MERGE, NULL, 0 },
    { "redirect_on_completion", F_WORD, "always if_required never", 0 },
    { "return_url", F_TEXT, NULL, 0 },
    { "saved_payment_method_options", F_HASH, NULL, 0 },
    { "shipping_address_collection", F_HASH, NULL, 0 },
    { "submit_type", F_WORD, "auto book donate pay subscribe", 0 },
    { "success_url", F_TEXT, NULL, 0 },
    { "tax_id_collection", F_HASH, NULL, 0 },
    { "wallet_options", F_HASH, NULL, 0 },
};

/* The newer names of what the page looks like. */
static bool ui_apply(const struct args *a, json_t *doc)
{
    static const char *const older[][2] = { { "hosted", "hosted_page" },
                                            { "embedded", "embedded_page" },
                                            { "custom", "elements" } };
    str mode;

    if (!arg_word(a, "ui_mode", "elements embedded_page form hosted_page hosted embedded custom",
                  &mode))
        return !a->c->refused;
    for (size_t i = 0; i < COUNT(older); i++)
        if (str_eqz(mode, older[i][0]))
            mode = str_of(older[i][1]);
    set_str(doc, "ui_mode", mode);
    return true;
}

static bool expiry_apply(const struct args *a, json_t *doc)
{
    int64_t now = now_s(a->c->emu), at = now + EXPIRES_MOST_S;

    arg_int(a, "expires_at", &at);
    if (at < now + EXPIRES_LEAST_S || at > now + EXPIRES_MOST_S)
        refuse(a->c, 400, NULL, "expires_at",
               "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from "
               "Checkout Session creation.");
    set_int(doc, "expires_at", at);
    return !a->c->refused;
}

/* Where to go afterwards must be said. */
static bool urls_ok(struct call *c, const json_t *doc)
{
    bool hosted = is_str(doc, "ui_mode", "hosted_page");

    if (hosted && !get_str(doc, "success_url").n)
        refuse_param_missing(c, "success_url");
    if (!hosted && !get_str(doc, "return_url").n && !is_str(doc, "redirect_on_completion", "never"))
        refuse_param_missing(c, "return_url");
    return !c->refused;
}

static bool customer_ok(struct call *c, const json_t *doc)
{
    bool mail = get_str(doc, "customer_email").n > 0;

    if (get_str(doc, "customer").n && mail)
        refuse(c, 400, "parameters_exclusive", "customer_email",
               "You may only specify one of these parameters: customer, customer_email.");
    return !c->refused;
}

/* What the page will say of the payment, subscription or setup it makes is kept aside. */
static void data_keep(const struct args *a, struct record *cs)
{
    static const char *const data[] = { "payment_intent_data", "setup_intent_data",
                                        "subscription_data" };
    struct args sub;

    for (size_t i = 0; i < COUNT(data); i++)
        if (args_sub(a, data[i], &sub))
            record_hide(cs, data[i], json_deep_copy(sub.hash));
}

static bool shipping_read(const struct args *a, json_t *doc, json_t *rates)
{
    struct args option[8], data;
    size_t n = args_list(a, "shipping_options", option, COUNT(option));

    for (size_t i = 0; i < n; i++) {
        str id = arg_str(&option[i], "shipping_rate");
        struct record *r = NULL;
        if (id.n)
            r = named_record(a->c, T_SHIPPING_RATE, id, arg_name(&option[i], "shipping_rate"));
        else if (args_sub(&option[i], "shipping_rate_data", &data))
            r = nested_make(a->c, "/v1/shipping_rates", json_deep_copy(data.hash));
        if (!r)
            return false;
        int64_t amount = get_int(json_object_get(record_doc(r), "fixed_amount"), "amount");
        json_array_append_new(rates, json_pack("{s:I,s:s}", "shipping_amount", (json_int_t)amount,
                                               "shipping_rate", r->id));
    }
    set_new(doc, "shipping_options", json_deep_copy(rates));
    return !a->c->refused;
}

/* The first option is chosen until somebody chooses another. */
static int64_t shipping_apply(json_t *doc)
{
    const json_t *first = json_array_get(json_object_get(doc, "shipping_options"), 0);
    int64_t amount = get_int(first, "shipping_amount");

    if (!first)
        return 0;
    set_new(doc, "shipping_cost",
            json_pack("{s:I,s:i,s:I,s:O}", "amount_subtotal", (json_int_t)amount, "amount_tax", 0,
                      "amount_total", (json_int_t)amount, "shipping_rate",
                      json_object_get(first, "shipping_rate")));
    return amount;
}

static void totals(json_t *doc, int64_t subtotal, int64_t shipping, int64_t discount)
{
    set_int(doc, "amount_subtotal", subtotal);
    set_int(doc, "amount_total", subtotal - discount + shipping);
    set_new(doc, "total_details",
            json_pack("{s:I,s:I,s:i}", "amount_discount", (json_int_t)discount, "amount_shipping",
                      (json_int_t)shipping, "amount_tax", 0));
}

static void session_addresses(struct call *c, json_t *doc)
{
    char secret[ID_BYTES];
    str id = get_str(doc, "id");

    make_id(c->emu, "", URL_CHARS, secret);
    if (is_str(doc, "ui_mode", "hosted_page"))
        set_str(doc, "url",
                arena_printf(c->arena, "https://checkout.stripe.com/c/pay/%.*s#%s", STR_ARG(id),
                             secret));
    else
        set_str(doc, "client_secret",
                arena_printf(c->arena, "%.*s_secret_%s", STR_ARG(id), secret));
}

/* Everything that can be refused is refused here; `lines` is left for the caller to keep. */
static bool session_check(const struct args *a, json_t *doc, struct lines *lines, bool link)
{
    struct call *c = a->c;
    json_t *rates = json_array();
    str currency = { 0 };

    bool ok = fields_apply(a, doc, session_fields, COUNT(session_fields)) && ui_apply(a, doc) &&
              expiry_apply(a, doc) && (link || urls_ok(c, doc)) && customer_ok(c, doc);
    if (ok && !is_str(doc, "mode", "setup"))
        ok = lines_read(a, get_str(doc, "mode").p, lines);
    else if (ok && arg_text(a, "currency", &currency))
        set_str(doc, "currency", currency);
    if (ok && lines->n)
        set_str(doc, "currency", lines->currency);
    struct args data;
    if (ok && args_sub(a, "payment_intent_data", &data)) { /* the intent is made later */
        json_t *probe = shape_new(T_PAYMENT_INTENT);
        ok = intent_fields_apply(&data, probe);
        json_decref(probe);
    }
    ok = ok && shipping_read(a, doc, rates) && discounts_named(a, doc);
    json_decref(rates);
    return ok;
}

static json_t *session_new(struct call *c)
{
    char id[ID_BYTES];

    make_id(c->emu, c->space->livemode ? "cs_live_" : "cs_test_", 58, id);
    return record_shape(c->emu, c->space, T_CHECKOUT_SESSION, id);
}

static void session_defaults(json_t *doc)
{
    bool subscription = is_str(doc, "mode", "subscription");

    if (subscription && !get_str(doc, "payment_method_collection").n)
        set_strz(doc, "payment_method_collection", "always");
    else if (is_str(doc, "mode", "payment") && !get_str(doc, "payment_method_collection").n)
        set_strz(doc, "payment_method_collection", "if_required");
    if (is_str(doc, "mode", "payment") && !get_str(doc, "customer_creation").n)
        set_strz(doc, "customer_creation", "if_required");
    if (get_str(doc, "customer").n || subscription)
        set_strz(doc, "customer_creation", subscription ? "always" : NULL);
    if (is_str(doc, "mode", "setup"))
        set_strz(doc, "payment_status", "no_payment_required");
    if (json_is_null(json_object_get(doc, "invoice_creation")) && is_str(doc, "mode", "payment"))
        set_new(doc, "invoice_creation",
                json_pack("{s:b,s:{s:n,s:n,s:n,s:n,s:n,s:{},s:n}}", "enabled", 0, "invoice_data",
                          "account_tax_ids", "custom_fields", "description", "footer", "issuer",
                          "metadata", "rendering_options"));
}

struct record *session_make(const struct args *a, struct record *link)
{
    struct call *c = a->c;
    struct lines *lines = arena_alloc(c->arena, sizeof *lines);
    json_t *doc = session_new(c);

    if (lines)
        *lines = (struct lines){ 0 };
    if (!lines || !session_check(a, doc, lines, link)) {
        json_decref(doc);
        return NULL;
    }
    session_defaults(doc);
    session_addresses(c, doc);
    set_strz(doc, "payment_link", link ? link->id : NULL);
    struct record *cs = record_add(c->emu, c->space, T_CHECKOUT_SESSION, doc);
    int64_t sum = lines_keep(c, cs, lines);
    if (sum < 0) {
        record_undo(c, cs);
        return NULL;
    }
    data_keep(a, cs);
    if (lines->n)
        totals(doc, sum, shipping_apply(doc), discounts_amount(c, cs, sum));
    record_touch(cs);
    return cs;
}

/* --- handlers --- */

json_t *sessions_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *cs = session_make(&a, NULL);

    return cs ? answer_record(c, cs) : NULL;
}

json_t *sessions_update(struct call *c)
{
    static const struct field may[] = { { "collected_information", F_HASH, NULL, 0 },
                                        { "metadata", F_METADATA, NULL, 0 } };
    struct args a = args_of(c);
    struct record *cs = path_record(c, T_CHECKOUT_SESSION);

    if (!cs)
        return NULL;
    json_t *before = change_begin(cs), *rates = json_array();
    bool ok = fields_apply(&a, cs->doc, may, COUNT(may)) &&
              (!arg_given(&a, "shipping_options") || shipping_read(&a, cs->doc, rates));
    json_decref(rates);
    if (!ok) {
        change_abort(cs, before);
        return NULL;
    }
    json_decref(before); /* there is no event for it */
    if (arg_given(&a, "shipping_options"))
        totals(cs->doc, get_int(cs->doc, "amount_subtotal"), shipping_apply(cs->doc),
               get_int(json_object_get(cs->doc, "total_details"), "amount_discount"));
    record_touch(cs);
    return answer_record(c, cs);
}

static bool session_kept(struct call *c, struct record *r, const void *ctx)
{
    static const char *const same[] = { "customer", "payment_intent", "payment_link", "status",
                                        "subscription" };
    struct args a = args_of(c), details;
    const json_t *doc = record_doc(r);

    (void)ctx;
    for (size_t i = 0; i < COUNT(same); i++) {
        str want = arg_str(&a, same[i]);
        if (want.n && !str_eq(get_str(doc, same[i]), want))
            return false;
    }
    return !args_sub(&a, "customer_details", &details) ||
           str_eq(get_str(json_object_get(doc, "customer_details"), "email"),
                  arg_str(&details, "email"));
}

json_t *sessions_list(struct call *c)
{
    return answer_list(c, &(struct list_query){ .type = T_CHECKOUT_SESSION, .keep = session_kept });
}

static void session_expire(struct call *c, struct record *cs)
{
    set_null(record_doc(cs), "url");
    set_null(cs->doc, "client_secret");
    set_strz(cs->doc, "status", "expired");
    record_touch(cs);
    emit(c, cs, "checkout.session.expired");
}

json_t *sessions_expire(struct call *c)
{
    struct record *cs = path_record(c, T_CHECKOUT_SESSION);

    if (!cs)
        return NULL;
    if (!is_str(record_doc(cs), "status", "open"))
        return refuse(c, 400, NULL, NULL,
                      "Only Checkout Sessions with a status in [\"open\"] can be expired. This "
                      "Checkout Session has a status of %.*s.",
                      STR_ARG(get_str(cs->doc, "status")));
    session_expire(c, cs);
    return answer_record(c, cs);
}

int64_t checkout_due(const struct record *r)
{
    return is_str(r->doc, "status", "open") ? time_or_never(r->doc, "expires_at") : INT64_MAX;
}

void checkout_act(struct call *c, struct record *r)
{
    session_expire(c, r);
}
