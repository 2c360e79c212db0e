#include "emulator/cards.h"
#include "emulator/list.h"

#include <string.h>

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
    { "excluded_payment_method_types", F_LIST, NULL, 0 },
    { "on_behalf_of", F_TEXT, NULL, 0 },
    { "payment_method_options", F_HASH, NULL, 0 },
    { "payment_method_types", F_LIST, NULL, 0 },
    { "transfer_data", F_HASH, NULL, 0 },
};

bool intent_fields_apply(const struct args *a, json_t *doc)
{
    return fields_apply(a, doc, intent_fields, COUNT(intent_fields));
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

/* Of a type that the intent takes, and of the same customer. */
static bool method_allowed(struct call *c, struct record *pi, struct record *method)
{
    str type = get_str(record_doc(method), "type"), owner = get_str(method->doc, "customer");
    const json_t *types = json_object_get(pi->doc, "payment_method_types");
    bool listed = get_bool(json_object_get(pi->doc, "automatic_payment_methods"), "enabled");
    size_t i;
    json_t *v;

    json_array_foreach((json_t *)(uintptr_t)types, i, v) if (str_eqz(type, json_string_value(v)))
        listed = true;
    if (!listed)
        refuse(c, 400, NULL, "payment_method",
               "The PaymentMethod provided (%.*s) is not allowed for this PaymentIntent. Please "
               "attach a PaymentMethod of one of the following types: %s.",
               STR_ARG(type), json_string_value(json_array_get(types, 0)));
    else if (owner.n && !str_eq(owner, get_str(pi->doc, "customer")))
        refuse(c, 400, NULL, "payment_method",
               "The payment method supplied (%s) belongs to a Customer. Please include the "
               "Customer in the `customer` parameter on the PaymentIntent.",
               method->id);
    else if (method_way(type) == WAY_TRANSFER && !get_str(pi->doc, "customer").n)
        refuse_param_missing(c, "customer");
    return !c->refused;
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
    if (method && !method_allowed(a->c, pi, method))
        return false;
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
    if (!o.approved && !o.action && !o.pending)
        return refuse_declined(c, pi, &o);
    str customer = get_str(pi->doc, "customer");
    if (!o.action && !o.transfer && customer.n && get_str(pi->doc, "setup_future_usage").n)
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
    if (is_str(pi->doc, "status", "canceled") || is_str(pi->doc, "status", "processing") ||
        is_str(pi->doc, "status", "requires_capture"))
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
    charge_after(c, charge);
    return answer_record(c, pi);
}

/* Only a payment that asked for it, and is held, can hold more. */
json_t *intents_increment(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = path_record(c, T_PAYMENT_INTENT);
    int64_t amount = 0;

    if (!pi || !arg_int(&a, "amount", &amount))
        return NULL;
    const json_t *card = get_path(record_doc(pi), "payment_method_options.card");
    if (!is_str(pi->doc, "status", "requires_capture"))
        return refuse_state(c, "increment the authorization of", pi);
    if (!is_str(card, "request_incremental_authorization", "if_available"))
        return refuse(c, 400, NULL, NULL,
                      "This PaymentIntent does not support incremental authorization: create it "
                      "with payment_method_options[card][request_incremental_authorization]="
                      "if_available.");
    if (amount <= get_int(pi->doc, "amount"))
        return refuse(c, 400, "amount_too_small", "amount",
                      "The amount must be greater than the amount that is authorized already.");
    if (!metadata_apply(&a, pi->doc))
        return NULL;
    struct record *charge = record_live(c->space, T_CHARGE, get_str(pi->doc, "latest_charge"));
    json_t *before = change_begin(charge);
    set_int(charge->doc, "amount", amount);
    set_int(get_path(charge->doc, "payment_method_details.card"), "amount_authorized", amount);
    change_end(c, charge, before, "charge.updated");
    set_int(pi->doc, "amount", amount);
    set_int(pi->doc, "amount_capturable", amount);
    intent_say(c, pi, "payment_intent.amount_capturable_updated");
    return answer_record(c, pi);
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
    if (is_str(pi->doc, "status", "processing") || checkout_holds(pi))
        return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                      "You cannot cancel this PaymentIntent because it is %s.",
                      checkout_holds(pi) ? "part of a Checkout Session" : "being processed");
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
