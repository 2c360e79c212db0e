/* intent_life.c - how a payment intent goes from state to state. */
#include "emulator/cash_balance.h"
#include "emulator/rooms.h"

#include <string.h>

enum { SECRET_CHARS = 25, HOLD_DAYS = 7 };

void intent_say(struct call *c, struct record *pi, const char *event)
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

static bool is_manual(struct record *pi)
{
    return is_str(pi->doc, "capture_method", "manual");
}

static void intent_succeeded(struct call *c, struct record *pi)
{
    set_null(pi->doc, "last_payment_error");
    set_null(pi->doc, "next_action");
    set_null(pi->doc, "processing");
    set_strz(pi->doc, "status", "succeeded");
    set_int(pi->doc, "amount_received", get_int(pi->doc, "amount"));
    intent_say(c, pi, "payment_intent.succeeded");
}

static void intent_held(struct call *c, struct record *pi, struct record *charge)
{
    json_t *card = get_path(record_doc(charge), "payment_method_details.card");
    int64_t until = now_s(c->emu) + (int64_t)HOLD_DAYS * 86400;

    if (card) {
        set_int(card, "capture_before", until);
        record_touch(charge);
    }
    record_hide(pi, "capture_before", json_integer(until));
    set_null(pi->doc, "last_payment_error");
    set_null(pi->doc, "next_action");
    set_strz(pi->doc, "status", "requires_capture");
    set_int(pi->doc, "amount_capturable", get_int(pi->doc, "amount"));
    intent_say(c, pi, "payment_intent.amount_capturable_updated");
}

static void intent_approved(struct call *c, struct record *pi, struct record *method,
                            const struct outcome *o)
{
    bool manual = is_manual(pi);
    struct record *charge = charge_make(c, pi, method, o, !manual);

    set_strz(pi->doc, "latest_charge", charge->id);
    if (manual) {
        intent_held(c, pi, charge);
        return;
    }
    intent_succeeded(c, pi);
    charge_after(c, charge);
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
static void intent_failed(struct call *c, struct record *pi, struct record *charge,
                          struct record *method, const struct outcome *o)
{
    set_strz(pi->doc, "latest_charge", charge->id);
    set_new(pi->doc, "last_payment_error", payment_error(c, charge, method, o));
    set_null(pi->doc, "next_action");
    set_null(pi->doc, "payment_method");
    set_null(pi->doc, "processing");
    set_strz(pi->doc, "status", "requires_payment_method");
    intent_say(c, pi, "payment_intent.payment_failed");
}

/* A page to go to when the request says where to return to; else something for Stripe.js. */
json_t *next_action(struct call *c, struct record *r)
{
    struct args a = args_of(c);
    str back = arg_str(&a, "return_url");

    if (!back.n)
        return json_pack("{s:s,s:{s:s}}", "type", "use_stripe_sdk", "use_stripe_sdk", "type",
                         "three_d_secure_redirect");
    json_t *v = json_object(), *to = json_object();
    set_str(to, "return_url", back);
    set_str(to, "url",
            arena_printf(c->arena, "https://hooks.stripe.com/redirect/authenticate/%s", r->id));
    set_new(v, "redirect_to_url", to);
    set_strz(v, "type", "redirect_to_url");
    return v;
}

static void intent_wants_action(struct call *c, struct record *pi)
{
    set_new(pi->doc, "next_action", next_action(c, pi));
    set_strz(pi->doc, "status", "requires_action");
    intent_say(c, pi, "payment_intent.requires_action");
}

/* A debit: what the bank says is known in a while. */
static void intent_processing(struct call *c, struct record *pi, struct record *method,
                              const struct outcome *o)
{
    struct record *charge = charge_make(c, pi, method, o, true);

    set_strz(pi->doc, "latest_charge", charge->id);
    set_null(pi->doc, "last_payment_error");
    set_null(pi->doc, "next_action");
    set_strz(pi->doc, "status", "processing");
    record_hide(pi, "settles", json_integer(now_s(c->emu) + o->settle_s));
    intent_say(c, pi, "payment_intent.processing");
}

struct outcome intent_confirm(struct call *c, struct record *pi, struct record *method,
                              bool off_session)
{
    struct outcome o = payment_method_outcome(method, off_session);
    struct record *invoice = record_live(c->space, T_INVOICE, get_str(pi->hidden, "invoice"));

    record_doc(pi);
    /* Confirming once more is how the emulator's customer authenticates. */
    if (o.action && is_str(pi->doc, "status", "requires_action"))
        o = (struct outcome){
            .approved = !o.code, .code = o.code, .decline = o.decline, .message = o.message
        };
    set_strz(pi->doc, "payment_method", method->id);
    if (o.transfer)
        o = cash_pay(c, pi, method, &o);
    else if (o.action)
        intent_wants_action(c, pi);
    else if (o.pending)
        intent_processing(c, pi, method, &o);
    else if (o.approved)
        intent_approved(c, pi, method, &o);
    else
        intent_failed(c, pi, charge_make(c, pi, method, &o, false), method, &o);
    if (invoice && o.approved && is_str(pi->doc, "status", "succeeded"))
        invoice_settle(c, invoice, false);
    return o;
}

void intent_paid(struct call *c, struct record *pi, struct record *method)
{
    struct record *invoice = record_live(c->space, T_INVOICE, get_str(pi->hidden, "invoice"));

    intent_approved(c, pi, method, &(struct outcome){ .approved = true });
    if (invoice && is_str(pi->doc, "status", "succeeded"))
        invoice_settle(c, invoice, false);
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

/* --- ending --- */

void intent_cancel(struct call *c, struct record *pi, const char *reason)
{
    struct record *charge =
        record_live(c->space, T_CHARGE, get_str(record_doc(pi), "latest_charge"));

    if (charge && is_str(pi->doc, "status", "requires_capture")) /* what was held is released */
        charge_release(c, charge,
                       reason && strcmp(reason, "automatic") == 0 ? "charge.expired"
                                                                  : "charge.refunded");
    cash_return(c, pi);
    set_int(pi->doc, "canceled_at", now_s(c->emu));
    set_strz(pi->doc, "cancellation_reason", reason);
    set_int(pi->doc, "amount_capturable", 0);
    set_null(pi->doc, "next_action");
    set_strz(pi->doc, "status", "canceled");
    intent_say(c, pi, "payment_intent.canceled");
}

int64_t intent_due(const struct record *r)
{
    if (is_str(r->doc, "status", "processing"))
        return time_or_never(r->hidden, "settles");
    if (is_str(r->doc, "status", "requires_capture"))
        return time_or_never(r->hidden, "capture_before");
    return INT64_MAX;
}

static void intent_settle(struct call *c, struct record *pi)
{
    struct record *charge = record_live(c->space, T_CHARGE, get_str(pi->doc, "latest_charge"));
    struct record *method =
        record_any(c->space, T_PAYMENT_METHOD, get_str(pi->doc, "payment_method"));
    struct record *invoice = record_live(c->space, T_INVOICE, get_str(pi->hidden, "invoice"));
    struct outcome o = payment_method_outcome(method, true);
    bool paid = !o.code;

    charge_settle(c, charge, &o);
    if (paid)
        intent_succeeded(c, pi);
    else
        intent_failed(c, pi, charge, method, &o);
    if (invoice && paid)
        invoice_settle(c, invoice, false);
    else if (invoice)
        invoice_bounced(c, invoice);
    checkout_settled(c, pi, paid);
    if (paid)
        charge_after(c, charge);
}

/* A debit is known, or what was held is held no longer. */
void intent_act(struct call *c, struct record *pi)
{
    if (is_str(record_doc(pi), "status", "processing"))
        intent_settle(c, pi);
    else
        intent_cancel(c, pi, "automatic");
}
