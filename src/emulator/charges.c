#include "emulator/cards.h"
#include "emulator/list.h"
#include "emulator/shapes.h"

#include <string.h>

enum { FEE_PERMILLE = 29, FEE_FIXED = 30 };

static json_t *card_details(struct record *method, int64_t amount)
{
    static const char *const same[] = { "brand",     "checks",   "country",
                                        "exp_month", "exp_year", "fingerprint",
                                        "funding",   "last4",    "regulated_status" };
    json_t *d = shape_parse(shape_charge_details);
    json_t *card = json_object_get(d, "card");
    const json_t *from = json_object_get(method->doc, "card");

    for (size_t i = 0; i < COUNT(same); i++)
        set_new(card, same[i], json_deep_copy(json_object_get(from, same[i])));
    set_int(card, "amount_authorized", amount);
    set_str(card, "network", get_str(from, "brand"));
    set_int(json_object_get(card, "overcapture"), "maximum_amount_capturable", amount);
    return d;
}

static json_t *details(struct call *c, struct record *method, int64_t amount)
{
    str type = get_str(record_doc(method), "type");

    if (str_eq(type, S("card")))
        return card_details(method, amount);
    json_t *d = json_object();
    json_t *of = json_deep_copy(json_object_get(method->doc, type.p));
    json_object_del(of, "generated_from"); /* of the method alone */
    if (method_way(type) == WAY_DEBIT)
        set_strz(of, "mandate", mandate_of(c, method)->id);
    set_new(d, type.p, of);
    set_str(d, "type", type);
    return d;
}

static void charge_failed(json_t *doc, const struct outcome *o)
{
    json_t *out = json_object_get(doc, "outcome");

    set_bool(doc, "paid", false);
    set_strz(doc, "status", "failed");
    set_strz(doc, "failure_code", o->code);
    set_strz(doc, "failure_message", o->message);
    set_strz(out, "network_status", "declined_by_network");
    set_strz(out, "reason", o->decline ? o->decline : o->code);
    set_strz(out, "seller_message",
             "The bank did not return any further details with this decline.");
    set_strz(out, "type", "issuer_declined");
}

static struct record *charge_method(struct record *charge)
{
    return record_any(charge->space, T_PAYMENT_METHOD, get_str(charge->doc, "payment_method"));
}

static void money_in(struct call *c, struct record *charge, int64_t amount)
{
    struct record *method = charge_method(charge);
    bool at_once = method && payment_method_after(method) == AFTER_AVAILABLE;

    set_bool(charge->doc, "captured", true);
    set_int(charge->doc, "amount_captured", amount);
    struct movement in = { .source = charge,
                           .type = "charge",
                           .amount = amount,
                           .fee = amount * FEE_PERMILLE / 1000 + FEE_FIXED,
                           .later = !at_once };
    if (charge->space->platform) /* a direct charge pays the platform out of itself */
        in.application_fee = get_int(charge->doc, "application_fee_amount");
    balance_add(c, &in);
    charge_share(c, charge, amount);
}

void charge_after(struct call *c, struct record *charge)
{
    struct record *method = charge_method(charge);

    switch (method ? payment_method_after(method) : AFTER_NOTHING) {
    case AFTER_NOTHING:
    case AFTER_REFUND_PENDS:
    case AFTER_REFUND_FAILS: break;
    case AFTER_AVAILABLE: balance_tell(c, charge->space); break;
    case AFTER_DISPUTE: dispute_make(c, charge, "fraudulent", false); break;
    case AFTER_DISPUTE_NOT_RECEIVED: dispute_make(c, charge, "product_not_received", false); break;
    case AFTER_INQUIRY: dispute_make(c, charge, "fraudulent", true); break;
    case AFTER_FRAUD_WARNING: fraud_warning_make(c, charge); break;
    }
}

static void charge_copy(json_t *doc, struct record *pi, struct record *method)
{
    static const char *const same[] = { "application_fee_amount",
                                        "currency",
                                        "customer",
                                        "description",
                                        "metadata",
                                        "on_behalf_of",
                                        "receipt_email",
                                        "shipping",
                                        "statement_descriptor",
                                        "statement_descriptor_suffix",
                                        "transfer_data",
                                        "transfer_group" };

    for (size_t i = 0; i < COUNT(same); i++)
        set_new(doc, same[i], json_deep_copy(json_object_get(pi->doc, same[i])));
    json_t *to = json_object_get(doc, "transfer_data");
    if (json_is_object(to) && !json_object_get(to, "amount"))
        set_null(to, "amount");
    set_strz(doc, "payment_intent", pi->id);
    set_strz(doc, "payment_method", method->id);
    set_new(doc, "billing_details",
            json_deep_copy(json_object_get(record_doc(method), "billing_details")));
}

static void receipt(struct call *c, struct record *charge)
{
    set_str(charge->doc, "receipt_url",
            arena_printf(c->arena, "https://pay.stripe.com/receipts/%s", charge->id));
}

struct record *charge_make(struct call *c, struct record *pi, struct record *method,
                           const struct outcome *o, bool captured)
{
    json_t *doc = record_shape(c->emu, c->space, T_CHARGE, NULL);
    int64_t amount = get_int(record_doc(pi), "amount");
    struct record *source = source_find(c->space, str_of(method->id));

    charge_copy(doc, pi, method);
    set_int(doc, "amount", amount);
    set_new(doc, "payment_method_details", details(c, method, amount));
    if (source)
        set_new(doc, "source", json_deep_copy(record_doc(source)));
    struct record *charge = record_add(c->emu, c->space, T_CHARGE, doc);
    if (o->pending) {
        set_bool(doc, "captured", true);
        set_bool(doc, "paid", false);
        set_strz(doc, "status", "pending");
    } else if (!o->approved) {
        charge_failed(doc, o);
    } else {
        receipt(c, charge);
        if (captured)
            money_in(c, charge, amount);
    }
    record_touch(charge);
    emit(c, charge,
         o->pending    ? "charge.pending"
         : o->approved ? "charge.succeeded"
                       : "charge.failed");
    return charge;
}

void charge_settle(struct call *c, struct record *charge, const struct outcome *o)
{
    record_doc(charge);
    if (o->code) {
        charge_failed(charge->doc, o);
    } else {
        set_bool(charge->doc, "paid", true);
        set_strz(charge->doc, "status", "succeeded");
        receipt(c, charge);
        money_in(c, charge, get_int(charge->doc, "amount"));
    }
    record_touch(charge);
    emit(c, charge, o->code ? "charge.failed" : "charge.succeeded");
}

void charge_release(struct call *c, struct record *charge, const char *event)
{
    int64_t held = get_int(record_doc(charge), "amount");

    set_int(charge->doc, "amount_refunded", held);
    set_bool(charge->doc, "refunded", true);
    record_touch(charge);
    emit(c, charge, event);
}

/* What is not captured is given back. */
void charge_capture(struct call *c, struct record *charge, int64_t amount)
{
    int64_t rest = get_int(record_doc(charge), "amount") - amount;
    json_t *before = change_begin(charge);

    money_in(c, charge, amount);
    if (rest > 0)
        set_int(charge->doc, "amount_refunded", rest);
    change_end(c, charge, before, "charge.captured");
}

/* --- handlers --- */

/* The old way: a source, charged at once. */
json_t *charges_create(struct call *c)
{
    struct args a = args_of(c);
    str source = arg_str(&a, "source"), customer = arg_str(&a, "customer");
    str description = arg_str(&a, "description");
    struct record *method = NULL, *owner = NULL;
    int64_t amount = 0;
    bool capture = true;

    arg_int(&a, "amount", &amount);
    arg_bool(&a, "capture", &capture);
    if (customer.n && !(owner = named_record(c, T_CUSTOMER, customer, "customer")))
        return NULL;
    if (source.n)
        method = payment_method_take(c, source, "source");
    else if (owner)
        method = default_method(c, owner, NULL);
    if (c->refused)
        return NULL;
    if (!method)
        return refuse(c, 400, "parameter_missing", NULL, "Must provide source or customer.");
    struct record *pi = intent_make(c, &(struct intent_order){ .amount = amount,
                                                               .currency = arg_str(&a, "currency"),
                                                               .customer = customer,
                                                               .description = description,
                                                               .method = method });
    if (!metadata_apply(&a, pi->doc)) {
        record_undo(c, pi);
        return NULL;
    }
    if (!capture)
        set_strz(pi->doc, "capture_method", "manual");
    struct outcome o = intent_confirm(c, pi, method, true);
    if (!o.approved)
        return refuse_declined(c, pi, &o);
    return answer_record(c, record_live(c->space, T_CHARGE, get_str(pi->doc, "latest_charge")));
}

static const struct field charge_fields[] = {
    { "description", F_TEXT_NULL, NULL, 0 }, { "fraud_details", F_HASH, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },     { "receipt_email", F_TEXT_NULL, NULL, 0 },
    { "shipping", F_HASH, NULL, 0 },         { "transfer_group", F_TEXT, NULL, 0 },
};

json_t *charges_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_CHARGE);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!fields_apply(&a, r->doc, charge_fields, COUNT(charge_fields))) {
        change_abort(r, before);
        return NULL;
    }
    change_end(c, r, before, "charge.updated");
    return answer_record(c, r);
}

json_t *charges_capture(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_CHARGE);

    if (!r)
        return NULL;
    if (get_bool(record_doc(r), "captured"))
        return refuse(c, 400, "charge_already_captured", NULL,
                      "Charge %s has already been captured.", r->id);
    int64_t most = get_int(r->doc, "amount"), amount = most;
    arg_int(&a, "amount", &amount);
    if (c->refused || amount < 1 || amount > most)
        return refuse(c, 400, "amount_too_large", "amount",
                      "The requested capture amount is greater than the amount you can capture for "
                      "this charge.");
    charge_capture(c, r, amount);
    struct record *pi = record_live(c->space, T_PAYMENT_INTENT, get_str(r->doc, "payment_intent"));
    if (pi) {
        set_strz(record_doc(pi), "status", "succeeded");
        set_int(pi->doc, "amount_capturable", 0);
        set_int(pi->doc, "amount_received", amount);
        record_touch(pi);
        emit(c, pi, "payment_intent.succeeded");
    }
    charge_after(c, r);
    return answer_record(c, r);
}

json_t *charges_get(struct call *c)
{
    struct record *r = path_record(c, T_CHARGE);

    return r ? answer_record(c, r) : NULL;
}

static bool charge_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str customer = arg_str(&a, "customer");

    (void)ctx;
    return !customer.n || str_eq(get_str(record_doc(r), "customer"), customer);
}

json_t *charges_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_CHARGE, .keep = charge_kept };
    str customer;

    if (arg_text(&a, "customer", &customer) && !named_record(c, T_CUSTOMER, customer, "customer"))
        return NULL;
    arg_text(&a, "payment_intent", &q.owner);
    return answer_list(c, &q);
}

json_t *charges_refunds(struct call *c)
{
    struct record *r = path_record(c, T_CHARGE);

    if (!r)
        return NULL;
    str url = arena_printf(c->arena, "/v1/charges/%s/refunds", r->id);
    return answer_list(
        c, &(struct list_query){ .type = T_REFUND, .owner = str_of(r->id), .url = url.p });
}
