#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { SECRET_CHARS = 25, INTENT_DAYS = 7 };

static const struct field intent_fields[] = {
    { "application_fee_amount", F_INT, NULL, 0 },
    { "capture_method", F_WORD, "automatic automatic_async manual", 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "receipt_email", F_TEXT_NULL, NULL, 0 },
    { "setup_future_usage", F_WORD, "off_session on_session", 0 },
    { "shipping", F_HASH, NULL, 0 },
    { "statement_descriptor", F_TEXT_NULL, NULL, 22 },
    { "statement_descriptor_suffix", F_TEXT_NULL, NULL, 22 },
    { "transfer_group", F_TEXT, NULL, 0 },
    { "payment_method_types", F_LIST, NULL, 0 },
};

static void intent_say(struct call *c, struct record *pi, const char *event)
{
    record_touch(pi);
    emit(c, pi, event);
}

struct record *intent_make(struct call *c, const struct intent_order *o)
{
    json_t *doc = record_shape(c->emu, c->space, T_PAYMENT_INTENT, NULL);
    char secret[ID_BYTES];

    make_id(c->emu, "_secret_", SECRET_CHARS, secret);
    str whole = arena_printf(c->arena, "%.*s%s", STR_ARG(get_str(doc, "id")), secret);
    set_str(doc, "client_secret", whole);
    set_int(doc, "amount", o->amount);
    set_str(doc, "currency", o->currency);
    set_str(doc, "customer", o->customer);
    set_str(doc, "description", o->description);
    if (o->method) {
        set_strz(doc, "payment_method", o->method->id);
        set_strz(doc, "status", "requires_confirmation");
    }
    struct record *pi = record_add(c->emu, c->space, T_PAYMENT_INTENT, doc);
    if (o->invoice.n)
        record_hide(pi, "invoice", json_str(o->invoice));
    return pi;
}

/* --- confirming --- */

static void intent_approved(struct call *c, struct record *pi, struct record *method,
                            const struct outcome *o)
{
    bool manual = is_str(pi->doc, "capture_method", "manual");
    int64_t amount = get_int(pi->doc, "amount");
    struct record *charge = charge_make(c, pi, method, o, !manual);

    set_strz(pi->doc, "latest_charge", charge->id);
    set_null(pi->doc, "last_payment_error");
    set_null(pi->doc, "next_action");
    set_strz(pi->doc, "status", manual ? "requires_capture" : "succeeded");
    set_int(pi->doc, manual ? "amount_capturable" : "amount_received", amount);
    intent_say(c, pi,
               manual ? "payment_intent.amount_capturable_updated" : "payment_intent.succeeded");
}

static json_t *payment_error(struct call *c, struct record *charge, struct record *method,
                             const struct outcome *o)
{
    json_t *e = json_object();

    set_strz(e, "charge", charge->id);
    set_strz(e, "code", o->code);
    if (o->decline)
        set_strz(e, "decline_code", o->decline);
    str url = arena_printf(c->arena, "https://stripe.com/docs/error-codes/%s", o->code);
    for (char *p = (char *)(uintptr_t)url.p; p && *p; p++)
        if (*p == '_')
            *p = '-';
    set_str(e, "doc_url", url);
    set_strz(e, "message", o->message);
    set_new(e, "payment_method", json_deep_copy(record_doc(method)));
    set_strz(e, "type", "card_error");
    return e;
}

/* It waits for another payment method. */
static void intent_declined(struct call *c, struct record *pi, struct record *method,
                            const struct outcome *o)
{
    struct record *charge = charge_make(c, pi, method, o, false);

    set_strz(pi->doc, "latest_charge", charge->id);
    set_new(pi->doc, "last_payment_error", payment_error(c, charge, method, o));
    set_null(pi->doc, "next_action");
    set_null(pi->doc, "payment_method");
    set_strz(pi->doc, "status", "requires_payment_method");
    intent_say(c, pi, "payment_intent.payment_failed");
}

static void intent_wants_action(struct call *c, struct record *pi)
{
    set_new(pi->doc, "next_action",
            json_pack("{s:s,s:{s:s}}", "type", "use_stripe_sdk", "use_stripe_sdk", "type",
                      "three_d_secure_redirect"));
    set_strz(pi->doc, "status", "requires_action");
    intent_say(c, pi, "payment_intent.requires_action");
}

struct outcome intent_confirm(struct call *c, struct record *pi, struct record *method,
                              bool off_session)
{
    struct outcome o = payment_method_outcome(method, off_session);
    struct record *invoice = record_live(c->space, T_INVOICE, get_str(pi->hidden, "invoice"));

    record_doc(pi);
    /* Confirming once more is how the emulator's customer authenticates. */
    if (o.action && is_str(pi->doc, "status", "requires_action"))
        o = (struct outcome){ .approved = true };
    set_strz(pi->doc, "payment_method", method->id);
    if (o.action)
        intent_wants_action(c, pi);
    else if (o.approved)
        intent_approved(c, pi, method, &o);
    else
        intent_declined(c, pi, method, &o);
    if (invoice && o.approved && is_str(pi->doc, "status", "succeeded"))
        invoice_settle(c, invoice, false);
    return o;
}

void *refuse_declined(struct call *c, struct record *pi, const struct outcome *o)
{
    json_t *e = refuse_card(c, o->code, o->decline, o->message);
    json_t *last = json_object_get(record_doc(pi), "last_payment_error");

    set_str(e, "charge", get_str(pi->doc, "latest_charge"));
    set_new(e, "payment_intent", json_deep_copy(pi->doc));
    set_new(e, "payment_method", json_deep_copy(json_object_get(last, "payment_method")));
    return NULL;
}

/* --- handlers --- */

/* The method that the request names, in any of three ways; NULL when it names none. */
static struct record *method_named(const struct args *a)
{
    struct args data;
    str id = arg_str(a, "payment_method");

    if (!id.n)
        id = arg_str(a, "source");
    if (id.n)
        return payment_method_take(a->c, id, "payment_method");
    return args_sub(a, "payment_method_data", &data) ? payment_method_from(&data) : NULL;
}

static bool currency_and_amount(const struct args *a, json_t *doc)
{
    str currency;
    int64_t amount;

    if (arg_text(a, "currency", &currency))
        set_str(doc, "currency", currency);
    if (arg_int(a, "amount", &amount)) {
        if (amount < 1)
            refuse(a->c, 400, "parameter_invalid_integer", "amount",
                   "This value must be greater than or equal to 1.");
        set_int(doc, "amount", amount);
    }
    return !a->c->refused;
}

static bool intent_apply(const struct args *a, struct record *pi)
{
    str customer = arg_str(a, "customer");
    struct args automatic;

    if (customer.n && !named_record(a->c, T_CUSTOMER, customer, "customer"))
        return false;
    if (!currency_and_amount(a, pi->doc) ||
        !fields_apply(a, pi->doc, intent_fields, COUNT(intent_fields)))
        return false;
    if (customer.n)
        set_str(pi->doc, "customer", customer);
    if (args_sub(a, "automatic_payment_methods", &automatic))
        set_new(pi->doc, "automatic_payment_methods", args_document(automatic.hash));
    struct record *method = method_named(a);
    if (method) {
        set_strz(pi->doc, "payment_method", method->id);
        if (is_str(pi->doc, "status", "requires_payment_method"))
            set_strz(pi->doc, "status", "requires_confirmation");
    }
    return !a->c->refused;
}

static json_t *confirm_now(struct call *c, struct record *pi)
{
    struct args a = args_of(c);
    bool off_session = false, strict = false;
    struct record *method =
        record_live(c->space, T_PAYMENT_METHOD, get_str(record_doc(pi), "payment_method"));

    arg_bool(&a, "off_session", &off_session);
    arg_bool(&a, "error_on_requires_action", &strict);
    if (!method)
        return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                      "You cannot confirm this PaymentIntent because it's missing a payment "
                      "method. Update the PaymentIntent with a payment method and then confirm it "
                      "again.");
    struct outcome o = intent_confirm(c, pi, method, off_session || strict);
    if (!o.approved && !o.action)
        return refuse_declined(c, pi, &o);
    str customer = get_str(pi->doc, "customer");
    if (o.approved && customer.n && get_str(pi->doc, "setup_future_usage").n)
        payment_method_attach(c, method, customer);
    return answer_record(c, pi);
}

json_t *intents_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = intent_make(c, &(struct intent_order){ .currency = S("usd") });
    bool confirm = false;

    if (!intent_apply(&a, pi) || (arg_bool(&a, "confirm", &confirm), c->refused)) {
        record_undo(c, pi);
        return NULL;
    }
    intent_say(c, pi, "payment_intent.created");
    return confirm ? confirm_now(c, pi) : answer_record(c, pi);
}

json_t *intents_get(struct call *c)
{
    struct record *r = path_record(c, T_PAYMENT_INTENT);

    return r ? answer_record(c, r) : NULL;
}

static void *refuse_state(struct call *c, const char *what, struct record *pi)
{
    str status = get_str(pi->doc, "status");

    return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                  "You cannot %s this PaymentIntent because it has a status of %.*s.", what,
                  STR_ARG(status));
}

json_t *intents_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = path_record(c, T_PAYMENT_INTENT);

    if (!pi)
        return NULL;
    json_t *before = change_begin(pi);
    bool closed = is_str(pi->doc, "status", "succeeded") || is_str(pi->doc, "status", "canceled");
    if (closed && (arg_given(&a, "amount") || arg_given(&a, "payment_method"))) {
        json_decref(before);
        return refuse_state(c, "update", pi);
    }
    if (!intent_apply(&a, pi)) {
        change_abort(pi, before);
        return NULL;
    }
    json_decref(before); /* there is no event for it */
    record_touch(pi);
    return answer_record(c, pi);
}

json_t *intents_confirm(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = path_record(c, T_PAYMENT_INTENT);

    if (!pi)
        return NULL;
    record_doc(pi);
    if (is_str(pi->doc, "status", "succeeded"))
        return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                      "You cannot confirm this PaymentIntent because it has already succeeded "
                      "after being previously confirmed.");
    if (is_str(pi->doc, "status", "canceled") || is_str(pi->doc, "status", "requires_capture"))
        return refuse_state(c, "confirm", pi);
    json_t *before = change_begin(pi);
    if (!intent_apply(&a, pi)) {
        change_abort(pi, before);
        return NULL;
    }
    json_decref(before);
    record_touch(pi);
    return confirm_now(c, pi);
}

json_t *intents_capture(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = path_record(c, T_PAYMENT_INTENT);

    if (!pi)
        return NULL;
    if (!is_str(record_doc(pi), "status", "requires_capture"))
        return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                      "This PaymentIntent could not be captured because it has a status of %.*s. "
                      "Only a PaymentIntent with one of the following statuses may be captured: "
                      "requires_capture.",
                      STR_ARG(get_str(pi->doc, "status")));
    int64_t most = get_int(pi->doc, "amount_capturable"), amount = most;
    arg_int(&a, "amount_to_capture", &amount);
    if (amount < 1 || amount > most)
        return refuse(c, 400, "amount_too_large", "amount_to_capture",
                      "The requested capture amount is greater than the amount you can capture for "
                      "this charge.");
    if (c->refused || !metadata_apply(&a, pi->doc))
        return NULL;
    struct record *charge = record_live(c->space, T_CHARGE, get_str(pi->doc, "latest_charge"));
    charge_capture(c, charge, amount);
    set_int(pi->doc, "amount_capturable", 0);
    set_int(pi->doc, "amount_received", amount);
    set_strz(pi->doc, "status", "succeeded");
    intent_say(c, pi, "payment_intent.succeeded");
    return answer_record(c, pi);
}

void intent_cancel(struct call *c, struct record *pi, const char *reason)
{
    record_doc(pi);
    set_int(pi->doc, "canceled_at", now_s(c->emu));
    set_strz(pi->doc, "cancellation_reason", reason);
    set_int(pi->doc, "amount_capturable", 0);
    set_null(pi->doc, "next_action");
    set_strz(pi->doc, "status", "canceled");
    intent_say(c, pi, "payment_intent.canceled");
}

json_t *intents_cancel(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = path_record(c, T_PAYMENT_INTENT);
    str reason = { 0 };

    if (!pi)
        return NULL;
    arg_word(&a, "cancellation_reason", "duplicate fraudulent requested_by_customer abandoned",
             &reason);
    if (c->refused)
        return NULL;
    if (is_str(record_doc(pi), "status", "succeeded") || is_str(pi->doc, "status", "canceled"))
        return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                      "You cannot cancel this PaymentIntent because it has a status of %.*s. Only "
                      "a PaymentIntent with one of the following statuses may be canceled: "
                      "requires_payment_method, requires_capture, requires_confirmation, "
                      "requires_action, processing.",
                      STR_ARG(get_str(pi->doc, "status")));
    struct record *charge = record_live(c->space, T_CHARGE, get_str(pi->doc, "latest_charge"));
    if (charge && is_str(pi->doc, "status", "requires_capture")) { /* what was held is released */
        int64_t held = get_int(record_doc(charge), "amount");
        set_int(charge->doc, "amount_refunded", held);
        set_bool(charge->doc, "refunded", true);
        record_touch(charge);
        emit(c, charge, "charge.refunded");
    }
    intent_cancel(c, pi, reason.n ? arena_copy(c->arena, reason).p : NULL);
    return answer_record(c, pi);
}

json_t *intents_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_PAYMENT_INTENT };

    if (arg_text(&a, "customer", &q.owner) && !named_record(c, T_CUSTOMER, q.owner, "customer"))
        return NULL;
    return answer_list(c, &q);
}
