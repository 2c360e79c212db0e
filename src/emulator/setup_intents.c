/* setup_intents.c - keeping a payment method for later: intents, their attempts, mandates. */
#include "emulator/cards.h"
#include "emulator/list.h"

#include <string.h>

enum { SECRET_CHARS = 25 };

static const struct field setup_fields[] = {
    { "attach_to_self", F_BOOL, NULL, 0 },
    { "customer", F_REF, NULL, T_CUSTOMER },
    { "description", F_TEXT_NULL, NULL, 1000 },
    { "excluded_payment_method_types", F_LIST, NULL, 0 },
    { "flow_directions", F_LIST, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "on_behalf_of", F_TEXT, NULL, 0 },
    { "payment_method_options", F_HASH, NULL, 0 },
    { "payment_method_types", F_LIST, NULL, 0 },
    { "usage", F_WORD, "off_session on_session", 0 },
};

static void setup_say(struct call *c, struct record *si, const char *event)
{
    record_touch(si);
    emit(c, si, event);
}

static json_t *attempt_details(struct record *method)
{
    static const char *const same[] = { "brand",     "checks",   "country",
                                        "exp_month", "exp_year", "fingerprint",
                                        "funding",   "last4",    "wallet" };
    str type = get_str(method->doc, "type");
    const json_t *from = json_object_get(method->doc, type.p);
    json_t *d = json_object(), *of = json_object();

    for (size_t i = 0; i < COUNT(same); i++)
        if (json_object_get(from, same[i]))
            set_new(of, same[i], json_deep_copy(json_object_get(from, same[i])));
    if (str_eq(type, S("card"))) {
        set_str(of, "network", get_str(from, "brand"));
        set_null(of, "three_d_secure");
    }
    set_new(d, type.p, of);
    set_str(d, "type", type);
    return d;
}

/* Each try is kept. */
static struct record *attempt_make(struct call *c, struct record *si, struct record *method,
                                   const char *status, json_t *error)
{
    json_t *doc = record_shape(c->emu, c->space, T_SETUP_ATTEMPT, NULL);

    set_new(doc, "customer", json_deep_copy(json_object_get(si->doc, "customer")));
    set_strz(doc, "payment_method", method->id);
    set_new(doc, "payment_method_details", attempt_details(method));
    set_new(doc, "setup_error", error ? error : json_null());
    set_strz(doc, "setup_intent", si->id);
    set_strz(doc, "status", status);
    set_str(doc, "usage", get_str(si->doc, "usage"));
    struct record *r = record_add(c->emu, c->space, T_SETUP_ATTEMPT, doc);
    set_strz(si->doc, "latest_attempt", r->id);
    return r;
}

/* The debits of a bank account have one, from the first time it is used. */
struct record *mandate_of(struct call *c, struct record *method)
{
    struct record *has = record_live(c->space, T_MANDATE, get_str(method->hidden, "mandate"));
    str type = get_str(record_doc(method), "type");
    json_t *of = json_object();

    if (has) {
        json_decref(of);
        return has;
    }
    json_t *doc = record_shape(c->emu, c->space, T_MANDATE, NULL);
    json_t *details = json_object_get(doc, "payment_method_details");
    str id = get_str(doc, "id");
    set_int(json_object_get(doc, "customer_acceptance"), "accepted_at", now_s(c->emu));
    set_strz(doc, "payment_method", method->id);
    if (str_eq(type, S("sepa_debit"))) {
        set_str(of, "reference", str_sub(id, id.n - 16, id.n));
        set_str(of, "url",
                arena_printf(c->arena, "https://hooks.stripe.com/adapter/sepa_debit/file/%.*s",
                             STR_ARG(id)));
    }
    json_object_del(details, "card");
    set_new(details, type.p, of);
    set_str(details, "type", type);
    has = record_add(c->emu, c->space, T_MANDATE, doc);
    record_hide(method, "mandate", json_string(has->id));
    return has;
}

static json_t *setup_error(struct record *method, const struct outcome *o)
{
    json_t *e = json_object();

    set_strz(e, "code", o->code);
    if (o->decline)
        set_strz(e, "decline_code", o->decline);
    set_strz(e, "message", o->message);
    set_new(e, "payment_method", json_deep_copy(record_doc(method)));
    set_strz(e, "type", "card_error");
    return e;
}

static void setup_failed(struct call *c, struct record *si, struct record *method,
                         const struct outcome *o)
{
    json_t *error = setup_error(method, o);

    attempt_make(c, si, method, "failed", json_deep_copy(error));
    set_new(si->doc, "last_setup_error", error);
    set_null(si->doc, "next_action");
    set_null(si->doc, "payment_method");
    set_strz(si->doc, "status", "requires_payment_method");
    setup_say(c, si, "setup_intent.setup_failed");
}

static void setup_succeeded(struct call *c, struct record *si, struct record *method)
{
    str customer = get_str(si->doc, "customer");

    attempt_make(c, si, method, "succeeded", NULL);
    set_null(si->doc, "last_setup_error");
    set_null(si->doc, "next_action");
    set_strz(si->doc, "status", "succeeded");
    if (method_way(get_str(method->doc, "type")) == WAY_DEBIT)
        set_strz(si->doc, "mandate", mandate_of(c, method)->id);
    record_hide(method, "set_up", json_true());
    if (customer.n)
        payment_method_attach(c, method, customer);
    setup_say(c, si, "setup_intent.succeeded");
}

struct outcome setup_confirm(struct call *c, struct record *si, struct record *method)
{
    struct outcome o = payment_method_outcome(method, false);
    bool attaches = payment_method_attach_outcome(method).approved;

    record_doc(si);
    set_strz(si->doc, "payment_method", method->id);
    /* Confirming once more is how the emulator's customer authenticates. */
    if (o.action && is_str(si->doc, "status", "requires_action"))
        o.action = false;
    if (o.action) {
        attempt_make(c, si, method, "requires_action", NULL);
        set_new(si->doc, "next_action", next_action(c, si));
        set_strz(si->doc, "status", "requires_action");
        setup_say(c, si, "setup_intent.requires_action");
        return o;
    }
    o.approved = attaches;
    if (attaches)
        setup_succeeded(c, si, method);
    else
        setup_failed(c, si, method, &o);
    return o;
}

struct record *setup_make(struct call *c, str customer)
{
    json_t *doc = record_shape(c->emu, c->space, T_SETUP_INTENT, NULL);
    char secret[ID_BYTES];

    make_id(c->emu, "_secret_", SECRET_CHARS, secret);
    set_str(doc, "client_secret",
            arena_printf(c->arena, "%.*s%s", STR_ARG(get_str(doc, "id")), secret));
    set_str(doc, "customer", customer);
    return record_add(c->emu, c->space, T_SETUP_INTENT, doc);
}

/* --- handlers --- */

static bool setup_apply(const struct args *a, struct record *si)
{
    struct args sub;
    str id = arg_str(a, "payment_method");
    struct record *method = NULL;

    if (!fields_apply(a, si->doc, setup_fields, COUNT(setup_fields)))
        return false;
    if (args_sub(a, "automatic_payment_methods", &sub))
        set_new(si->doc, "automatic_payment_methods", args_document(sub.hash));
    if (id.n)
        method = payment_method_take(a->c, id, "payment_method");
    else if (args_sub(a, "payment_method_data", &sub))
        method = payment_method_from(&sub);
    if (a->c->refused || !method)
        return !a->c->refused;
    str owner = get_str(record_doc(method), "customer");
    if (owner.n && !str_eq(owner, get_str(si->doc, "customer"))) {
        refuse(a->c, 400, NULL, "payment_method",
               "The payment method supplied (%s) belongs to a Customer. Please include the "
               "Customer in the `customer` parameter on the SetupIntent.",
               method->id);
        return false;
    }
    set_strz(si->doc, "payment_method", method->id);
    if (is_str(si->doc, "status", "requires_payment_method"))
        set_strz(si->doc, "status", "requires_confirmation");
    return true;
}

static json_t *confirm_now(struct call *c, struct record *si)
{
    struct record *method =
        record_live(c->space, T_PAYMENT_METHOD, get_str(record_doc(si), "payment_method"));

    if (!method)
        return refuse(c, 400, "setup_intent_unexpected_state", NULL,
                      "You cannot confirm this SetupIntent because it's missing a payment method. "
                      "Update the SetupIntent with a payment method and then confirm it again.");
    struct outcome o = setup_confirm(c, si, method);
    if (o.approved || o.action)
        return answer_record(c, si);
    json_t *e = refuse_card(c, o.code, o.decline, o.message);
    set_new(e, "payment_method", json_deep_copy(method->doc));
    set_new(e, "setup_intent", json_deep_copy(si->doc));
    return NULL;
}

json_t *setups_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *si = setup_make(c, (str){ 0 });
    bool confirm = false;

    if (!setup_apply(&a, si) || (arg_bool(&a, "confirm", &confirm), c->refused)) {
        record_undo(c, si);
        return NULL;
    }
    setup_say(c, si, "setup_intent.created");
    return confirm ? confirm_now(c, si) : answer_record(c, si);
}

static bool is_closed(struct record *si)
{
    return is_str(record_doc(si), "status", "succeeded") || is_str(si->doc, "status", "canceled");
}

static void *refuse_closed(struct call *c, struct record *si, const char *what)
{
    if (is_str(si->doc, "status", "succeeded"))
        return refuse(c, 400, "setup_intent_unexpected_state", NULL,
                      "You cannot %s this SetupIntent because it has already succeeded.", what);
    return refuse(c, 400, "setup_intent_unexpected_state", NULL,
                  "You cannot %s this SetupIntent because it has a status of canceled.", what);
}

static json_t *setup_change(struct call *c, bool confirm)
{
    struct args a = args_of(c);
    struct record *si = path_record(c, T_SETUP_INTENT);

    if (!si)
        return NULL;
    if (is_closed(si) && (confirm || arg_given(&a, "payment_method")))
        return refuse_closed(c, si, confirm ? "confirm" : "update");
    json_t *before = change_begin(si);
    if (!setup_apply(&a, si)) {
        change_abort(si, before);
        return NULL;
    }
    json_decref(before); /* there is no event for it */
    record_touch(si);
    return confirm ? confirm_now(c, si) : answer_record(c, si);
}

json_t *setups_update(struct call *c)
{
    return setup_change(c, false);
}

json_t *setups_confirm(struct call *c)
{
    return setup_change(c, true);
}

json_t *setups_cancel(struct call *c)
{
    struct args a = args_of(c);
    struct record *si = path_record(c, T_SETUP_INTENT);
    str reason = { 0 };

    if (!si)
        return NULL;
    arg_word(&a, "cancellation_reason", "abandoned requested_by_customer duplicate", &reason);
    if (c->refused)
        return NULL;
    if (is_closed(si))
        return refuse_closed(c, si, "cancel");
    set_str(si->doc, "cancellation_reason", reason);
    set_null(si->doc, "next_action");
    set_strz(si->doc, "status", "canceled");
    setup_say(c, si, "setup_intent.canceled");
    return answer_record(c, si);
}
