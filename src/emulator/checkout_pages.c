/* checkout_pages.c - what the customer does on the page of a checkout session. */
#include "emulator/cards.h"
#include "emulator/checkout.h"
#include "emulator/list.h"

#include <string.h>

/* The page as Stripe's own programs read it; nothing of it is documented. */
static json_t *page_document(struct call *c, struct record *cs, struct record *intent)
{
    static const char *const same[] = {
        "amount_total", "currency",       "customer", "livemode",
        "mode",         "payment_status", "status",   "success_url"
    };
    json_t *page = json_object();
    const json_t *doc = record_doc(cs);

    set_str(page, "id", arena_printf(c->arena, "ppage_%.24s", cs->id + strlen("cs_test_")));
    set_strz(page, "object", "payment_page");
    for (size_t i = 0; i < COUNT(same); i++)
        set_new(page, same[i], json_deep_copy(json_object_get(doc, same[i])));
    set_new(page, "intent", intent ? json_deep_copy(record_doc(intent)) : json_null());
    set_strz(page, "session_id", cs->id);
    set_new(page, "line_items", checkout_items_embedded(c, cs, "/v1/checkout/sessions"));
    return page;
}

json_t *pages_get(struct call *c)
{
    struct record *cs = path_record(c, T_CHECKOUT_SESSION);

    return cs ? page_document(c, cs, NULL) : NULL;
}

/* --- who pays --- */

static void details(struct call *c, struct record *cs, struct record *method)
{
    const json_t *billing = json_object_get(record_doc(method), "billing_details");
    struct record *customer =
        record_live(c->space, T_CUSTOMER, get_str(record_doc(cs), "customer"));
    json_t *v = json_object();
    str mail = get_str(billing, "email");

    if (!mail.n)
        mail = get_str(cs->doc, "customer_email");
    if (!mail.n && customer)
        mail = get_str(record_doc(customer), "email");
    set_new(v, "address", json_deep_copy(json_object_get(billing, "address")));
    set_null(v, "business_name");
    set_str(v, "email", mail);
    set_null(v, "individual_name");
    set_str(v, "name", get_str(billing, "name"));
    set_str(v, "phone", get_str(billing, "phone"));
    set_strz(v, "tax_exempt", "none");
    set_new(v, "tax_ids", json_array());
    set_new(cs->doc, "customer_details", v);
}

static struct record *session_customer(struct call *c, struct record *cs)
{
    str id = get_str(record_doc(cs), "customer");
    const json_t *of = json_object_get(cs->doc, "customer_details");
    json_t *params;

    if (id.n)
        return record_live(c->space, T_CUSTOMER, id);
    if (!is_str(cs->doc, "customer_creation", "always"))
        return NULL;
    params = json_object();
    param_put(params, "email", get_str(of, "email"));
    param_put(params, "name", get_str(of, "name"));
    param_put(params, "phone", get_str(of, "phone"));
    struct record *r = nested_make(c, "/v1/customers", params);
    if (r)
        set_strz(cs->doc, "customer", r->id);
    return r;
}

static void session_complete(struct call *c, struct record *cs, const char *payment_status)
{
    set_null(record_doc(cs), "client_secret");
    set_strz(cs->doc, "payment_status", payment_status);
    set_strz(cs->doc, "status", "complete");
    set_null(cs->doc, "url");
    record_touch(cs);
    emit(c, cs, "checkout.session.completed");
}

/* --- one payment --- */

static struct record *session_intent(struct call *c, struct record *cs, struct record *customer)
{
    struct record *pi = record_live(c->space, T_PAYMENT_INTENT, get_str(cs->hidden, "intent"));
    json_t *data = json_object_get(cs->hidden, "payment_intent_data");

    if (pi)
        return pi;
    pi = intent_make(c,
                     &(struct intent_order){ .amount = get_int(cs->doc, "amount_total"),
                                             .currency = get_str(cs->doc, "currency"),
                                             .customer = str_of(customer ? customer->id : NULL) });
    if (data)
        intent_fields_apply(&(struct args){ c, data, "payment_intent_data" }, pi->doc);
    set_new(pi->doc, "payment_method_types",
            json_deep_copy(json_object_get(cs->doc, "payment_method_types")));
    record_hide(pi, "checkout", json_string(cs->id));
    record_hide(cs, "intent", json_string(pi->id));
    intent_say(c, pi, "payment_intent.created");
    return pi;
}

static json_t *confirm_payment(struct call *c, struct record *cs, struct record *method)
{
    struct record *customer = session_customer(c, cs);

    if (c->refused)
        return NULL;
    if (get_int(cs->doc, "amount_total") == 0) {
        session_complete(c, cs, "no_payment_required");
        return page_document(c, cs, NULL);
    }
    struct record *pi = session_intent(c, cs, customer);
    struct outcome o = intent_confirm(c, pi, method, false);
    if (!o.approved && !o.action && !o.pending)
        return refuse_declined(c, pi, &o);
    if (o.action && !o.transfer)
        return page_document(c, cs, pi);
    if (customer && get_str(pi->doc, "setup_future_usage").n)
        payment_method_attach(c, method, str_of(customer->id));
    set_strz(cs->doc, "payment_intent", pi->id);
    session_complete(c, cs, o.approved ? "paid" : "unpaid");
    return page_document(c, cs, pi);
}

/* --- for later --- */

static json_t *confirm_setup(struct call *c, struct record *cs, struct record *method)
{
    struct record *customer = session_customer(c, cs);
    struct record *si = record_live(c->space, T_SETUP_INTENT, get_str(cs->hidden, "intent"));
    json_t *data = json_object_get(cs->hidden, "setup_intent_data");

    if (c->refused)
        return NULL;
    if (!si) {
        static const struct field may[] = { { "description", F_TEXT, NULL, 0 },
                                            { "metadata", F_METADATA, NULL, 0 },
                                            { "on_behalf_of", F_TEXT, NULL, 0 } };
        si = setup_make(c, str_of(customer ? customer->id : NULL));
        if (data)
            fields_apply(&(struct args){ c, data, "setup_intent_data" }, si->doc, may, COUNT(may));
        record_hide(cs, "intent", json_string(si->id));
        record_touch(si);
        emit(c, si, "setup_intent.created");
    }
    struct outcome o = setup_confirm(c, si, method);
    if (!o.approved && !o.action) {
        refuse_card(c, o.code, o.decline, o.message);
        return NULL;
    }
    if (!o.action) {
        set_strz(cs->doc, "setup_intent", si->id);
        session_complete(c, cs, "no_payment_required");
    }
    return page_document(c, cs, si);
}

/* --- a subscription --- */

static json_t *subscription_params(struct call *c, struct record *cs, struct record *customer,
                                   struct record *method)
{
    const json_t *data = json_object_get(cs->hidden, "subscription_data");
    json_t *p = data ? json_deep_copy(data) : json_object();
    bool card = method_way(get_str(method->doc, "type")) != WAY_DEBIT;
    size_t n = 0, once = 0;
    json_t *v;
    size_t i;

    for (struct record *r = NULL; (r = owned_next(c->space, T_ITEM, str_of(cs->id), r)); n++) {
        const json_t *price = json_object_get(record_doc(r), "price");
        bool again = is_str(price, "type", "recurring");
        const char *list = again ? "items" : "add_invoice_items";
        size_t k = again ? n - once : once++;
        param_put(p, arena_printf(c->arena, "%s.%zu.price", list, k).p, get_str(price, "id"));
        param_put(p, arena_printf(c->arena, "%s.%zu.quantity", list, k).p,
                  arena_printf(c->arena, "%lld", (long long)get_int(r->doc, "quantity")));
    }
    json_array_foreach(json_object_get(cs->doc, "discounts"), i, v)
    {
        bool coupon = get_str(v, "coupon").n;
        param_put(
            p,
            arena_printf(c->arena, "discounts.%zu.%s", i, coupon ? "coupon" : "promotion_code").p,
            get_str(v, coupon ? "coupon" : "promotion_code"));
    }
    param_put(p, "customer", str_of(customer->id));
    param_put(p, "default_payment_method", str_of(method->id));
    param_put(p, "payment_behavior", card ? S("error_if_incomplete") : S("allow_incomplete"));
    return p;
}

/* The bank's page comes first; the second time the customer has been there. */
static bool authenticated(struct record *cs, struct record *method)
{
    struct outcome o = payment_method_outcome(method, false);

    if (!o.action || str_eqz(get_str(cs->hidden, "asked"), method->id))
        return true;
    record_hide(cs, "asked", json_string(method->id));
    return false;
}

static json_t *confirm_subscription(struct call *c, struct record *cs, struct record *method)
{
    struct outcome o = payment_method_attach_outcome(method);

    if (!o.approved) {
        refuse_card(c, o.code, o.decline, o.message);
        return NULL;
    }
    if (!authenticated(cs, method)) {
        json_t *page = page_document(c, cs, NULL);
        set_strz(page, "status", "requires_action");
        return page;
    }
    struct record *customer = session_customer(c, cs);
    if (!customer)
        return NULL;
    payment_method_attach(c, method, str_of(customer->id));
    record_hide(method, "authenticated", json_true());
    struct record *sub =
        nested_make(c, "/v1/subscriptions", subscription_params(c, cs, customer, method));
    record_hide(method, "authenticated", json_false());
    if (!sub)
        return NULL;
    str latest = get_str(record_doc(sub), "latest_invoice");
    struct record *inv = record_live(c->space, T_INVOICE, latest);
    struct record *pi = inv ? invoice_intent(inv) : NULL;
    bool paid = inv && is_str(record_doc(inv), "status", "paid");
    if (pi)
        record_hide(pi, "checkout", json_string(cs->id));
    set_str(cs->doc, "invoice", latest);
    set_strz(cs->doc, "subscription", sub->id);
    session_complete(c, cs,
                     is_str(sub->doc, "status", "trialing") ? "no_payment_required"
                     : paid                                 ? "paid"
                                                            : "unpaid");
    return page_document(c, cs, pi);
}

/* --- confirming --- */

static struct record *method_on_page(struct call *c, struct record *cs)
{
    struct args a = args_of(c), data;
    str id = arg_str(&a, "payment_method");
    struct record *method = NULL;
    const json_t *types = json_object_get(cs->doc, "payment_method_types");
    bool listed = false;
    size_t i;
    json_t *v;

    if (id.n)
        method = payment_method_take(c, id, "payment_method");
    else if (args_sub(&a, "payment_method_data", &data))
        method = payment_method_from(&data);
    else
        refuse_param_missing(c, "payment_method");
    if (!method)
        return NULL;
    str type = get_str(record_doc(method), "type");
    json_array_foreach(types, i, v) listed |= str_eqz(type, json_string_value(v));
    if (listed)
        return method;
    return refuse(c, 400, NULL, "payment_method",
                  "The PaymentMethod provided (%.*s) is not allowed for this Checkout Session.",
                  STR_ARG(type));
}

json_t *pages_confirm(struct call *c)
{
    struct args a = args_of(c);
    struct record *cs = path_record(c, T_CHECKOUT_SESSION);
    int64_t expected;

    if (!cs)
        return NULL;
    if (!is_str(record_doc(cs), "status", "open"))
        return refuse(c, 400, "checkout_not_active_session", NULL,
                      "This Checkout Session is no longer active.");
    if (arg_int(&a, "expected_amount", &expected) && expected != get_int(cs->doc, "amount_total"))
        return refuse(c, 400, "checkout_amount_mismatch", "expected_amount",
                      "The amount of this Checkout Session is %lld, not %lld.",
                      (long long)get_int(cs->doc, "amount_total"), (long long)expected);
    struct record *method = c->refused ? NULL : method_on_page(c, cs);
    if (!method)
        return NULL;
    details(c, cs, method);
    json_t *page = is_str(cs->doc, "mode", "payment") ? confirm_payment(c, cs, method)
                   : is_str(cs->doc, "mode", "setup") ? confirm_setup(c, cs, method)
                                                      : confirm_subscription(c, cs, method);
    record_touch(cs);
    return page;
}

/* --- what becomes of it later --- */

bool checkout_holds(struct record *pi)
{
    struct record *cs = record_live(pi->space, T_CHECKOUT_SESSION, get_str(pi->hidden, "checkout"));

    return cs && is_str(record_doc(cs), "status", "open");
}

void checkout_settled(struct call *c, struct record *pi, bool paid)
{
    struct record *cs = record_live(c->space, T_CHECKOUT_SESSION, get_str(pi->hidden, "checkout"));

    if (!cs || !is_str(record_doc(cs), "payment_status", "unpaid"))
        return;
    if (paid)
        set_strz(cs->doc, "payment_status", "paid");
    record_touch(cs);
    emit(c, cs,
         paid ? "checkout.session.async_payment_succeeded"
              : "checkout.session.async_payment_failed");
}
