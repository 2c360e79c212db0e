/* payment_methods.c - cards, and the well-known ids that stand for cards with a fate. */
#include "emulator/list.h"
#include "emulator/rooms.h"
#include "emulator/shapes.h"

#include <string.h>

/* What becomes of a payment with a card, by the second half of pm_card_… and tok_…. */
static const struct card_kind {
    const char *name, *number, *brand, *last4;
    const char *code, *decline, *message; /* NULL: it is approved */
    bool attaches, action;
} kinds[] = {
#define APPROVED NULL, NULL, NULL, true, false
#define DECLINED "card_declined", "generic_decline", "Your card was declined."
    { "visa", "4242424242424242", "visa", "4242", APPROVED },
    { "visa_debit", "4000056655665556", "visa", "5556", APPROVED },
    { "mastercard", "5555555555554444", "mastercard", "4444", APPROVED },
    { "amex", "378282246310005", "amex", "0005", APPROVED },
    { "discover", "6011111111111117", "discover", "1117", APPROVED },
    { "jcb", "3566002020360505", "jcb", "0505", APPROVED },
    { "us", "4242424242424242", "visa", "4242", APPROVED },
    { "bypassPending", "4000000000000077", "visa", "0077", APPROVED },
    { "chargeDeclined", "4000000000000002", "visa", "0002", DECLINED, false, false },
    { "visa_chargeDeclined", "4000000000000002", "visa", "0002", DECLINED, false, false },
    { "chargeDeclinedInsufficientFunds", "4000000000009995", "visa", "9995", "card_declined",
      "insufficient_funds", "Your card has insufficient funds.", false, false },
    { "visa_chargeDeclinedInsufficientFunds", "4000000000009995", "visa", "9995", "card_declined",
      "insufficient_funds", "Your card has insufficient funds.", false, false },
    { "chargeDeclinedExpiredCard", "4000000000000069", "visa", "0069", "expired_card", NULL,
      "Your card has expired.", false, false },
    { "chargeDeclinedIncorrectCvc", "4000000000000127", "visa", "0127", "incorrect_cvc", NULL,
      "Your card's security code is incorrect.", false, false },
    { "chargeDeclinedProcessingError", "4000000000000119", "visa", "0119", "processing_error", NULL,
      "An error occurred while processing your card. Try again in a little bit.", false, false },
    { "chargeCustomerFail", "4000000000000341", "visa", "0341", DECLINED, true, false },
    { "authenticationRequired", "4000002760003184", "visa", "3184", NULL, NULL, NULL, true, true },
    { "threeDSecure2Required", "4000000000003220", "visa", "3220", NULL, NULL, NULL, true, true },
    { "threeDSecureRequired", "4000000000003063", "visa", "3063", NULL, NULL, NULL, true, true },
#undef APPROVED
#undef DECLINED
};

static const struct card_kind *kind_by_id(str id)
{
    if (str_starts(id, S("pm_card_")))
        id = str_sub(id, 8, id.n);
    else if (str_starts(id, S("tok_")))
        id = str_sub(id, 4, id.n);
    else
        return NULL;
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_eqz(id, kinds[i].name))
            return &kinds[i];
    return NULL;
}

static const struct card_kind *kind_by_number(str number)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_eqz(number, kinds[i].number))
            return &kinds[i];
    return &kinds[0];
}

static const struct card_kind *kind_of(struct record *pm)
{
    str name = get_str(pm->hidden, "kind");

    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_eqz(name, kinds[i].name))
            return &kinds[i];
    return &kinds[0];
}

static struct record *method_make(struct call *c, const struct card_kind *k)
{
    json_t *doc = record_shape(c->emu, c->space, T_PAYMENT_METHOD, NULL);
    json_t *card = shape_parse(shape_card);
    char fingerprint[ID_BYTES];
    uint64_t h = hash_str(str_of(k->number), 3);
    str brand = str_of(k->brand);

    for (int i = 0; i < 16; i++)
        fingerprint[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUV"[rng_next(&h) % 32];
    fingerprint[16] = 0;
    set_str(card, "brand", brand);
    set_str(card, "display_brand", brand);
    set_strz(card, "last4", k->last4);
    set_strz(card, "fingerprint", fingerprint);
    json_array_set_new(get_path(card, "networks.available"), 0, json_str(brand));
    set_new(doc, "card", card);
    struct record *r = record_add(c->emu, c->space, T_PAYMENT_METHOD, doc);
    record_hide(r, "kind", json_string(k->name));
    return r;
}

/* A card whose fate is not played here is refused: as an ordinary one it would pass a test that it
 * should fail. */
static void *refuse_magic(struct call *c, str id, const char *param)
{
    return refuse(
        c, 400, "resource_missing", param,
        "The emulator does not implement the test payment method '%.*s'; pm_card_visa and "
        "the cards that are declined or need authentication are there.",
        STR_ARG(id));
}

struct record *payment_method_take(struct call *c, str id, const char *param)
{
    struct record *r = record_live(c->space, T_PAYMENT_METHOD, id);
    const struct card_kind *k = kind_by_id(id);

    if (r)
        return r;
    if (!k && (str_starts(id, S("pm_card_")) || str_starts(id, S("tok_"))))
        return refuse_magic(c, id, param);
    return k ? method_make(c, k) : refuse_missing(c, T_PAYMENT_METHOD, id, param);
}

static const struct field billing_fields[] = {
    { "address", F_ADDRESS, NULL, 0 },  { "email", F_TEXT_NULL, NULL, 0 },
    { "name", F_TEXT_NULL, NULL, 0 },   { "phone", F_TEXT_NULL, NULL, 0 },
    { "tax_id", F_TEXT_NULL, NULL, 0 },
};

static const struct field method_fields[] = {
    { "allow_redisplay", F_WORD, "always limited unspecified", 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

static bool method_apply(const struct args *a, json_t *doc)
{
    struct args sub;
    int64_t n;

    if (!fields_apply(a, doc, method_fields, COUNT(method_fields)))
        return false;
    if (args_sub(a, "billing_details", &sub))
        fields_apply(&sub, json_object_get(doc, "billing_details"), billing_fields,
                     COUNT(billing_fields));
    if (args_sub(a, "card", &sub)) {
        json_t *card = json_object_get(doc, "card");
        if (arg_int(&sub, "exp_month", &n))
            set_int(card, "exp_month", n);
        if (arg_int(&sub, "exp_year", &n))
            set_int(card, "exp_year", n);
    }
    return !a->c->refused;
}

struct record *payment_method_from(const struct args *data)
{
    struct args card = { 0 };
    const struct card_kind *k = &kinds[0];
    struct call *c = data->c;
    str type = S("card");

    arg_text(data, "type", &type);
    if (!str_eq(type, S("card")))
        return refuse(c, 400, NULL, arg_name(data, "type"),
                      "The emulator knows payment methods of type card alone.");
    if (args_sub(data, "card", &card)) {
        str token = arg_str(&card, "token"), number = arg_str(&card, "number");
        if (token.n)
            k = kind_by_id(token);
        else if (number.n)
            k = kind_by_number(number);
        if (!k)
            return refuse_magic(c, token, arg_name(&card, "token"));
    }
    struct record *r = method_make(c, k);
    if (method_apply(data, r->doc))
        return r;
    record_undo(c, r);
    return NULL;
}

void payment_method_attach(struct call *c, struct record *pm, str customer)
{
    if (str_eq(get_str(record_doc(pm), "customer"), customer))
        return;
    set_str(pm->doc, "customer", customer);
    record_touch(pm);
    emit(c, pm, "payment_method.attached");
}

struct outcome payment_method_outcome(struct record *pm, bool off_session)
{
    const struct card_kind *k = kind_of(pm);

    if (k->action && off_session)
        return (struct outcome){ .code = "authentication_required",
                                 .decline = "authentication_required",
                                 .message = "Your card was declined. This transaction requires "
                                            "authentication." };
    return (struct outcome){ .approved = !k->code && !k->action,
                             .action = k->action,
                             .code = k->code,
                             .decline = k->decline,
                             .message = k->message };
}

struct outcome payment_method_attach_outcome(struct record *pm)
{
    const struct card_kind *k = kind_of(pm);
    struct outcome o = payment_method_outcome(pm, false);

    o.approved = k->attaches;
    return o;
}

/* --- handlers --- */

json_t *payment_methods_create(struct call *c)
{
    struct args a = args_of(c);

    if (!arg_given(&a, "type"))
        return refuse_param_missing(c, "type");
    struct record *r = payment_method_from(&a);
    if (!r)
        return NULL;
    record_touch(r);
    return answer_record(c, r);
}

/* A magic id can be looked at: it is a payment method of its own each time. */
json_t *payment_methods_get(struct call *c)
{
    struct record *r = record_live(c->space, T_PAYMENT_METHOD, c->part[0]);
    const struct card_kind *k = kind_by_id(c->part[0]);

    if (!r && k) {
        uint64_t rng = c->emu->rng, seq = c->emu->seq; /* a GET leaves no trace */
        r = method_make(c, k);
        json_t *doc = json_deep_copy(r->doc);
        record_undo(c, r);
        c->emu->rng = rng;
        c->emu->seq = seq;
        return doc;
    }
    return r ? answer_record(c, r) : refuse_missing(c, T_PAYMENT_METHOD, c->part[0], NULL);
}

json_t *payment_methods_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PAYMENT_METHOD);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!method_apply(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    change_end(c, r, before, "payment_method.updated");
    return answer_record(c, r);
}

json_t *payment_methods_attach(struct call *c)
{
    struct args a = args_of(c);
    str customer = arg_str(&a, "customer");
    struct record *owner = named_record(c, T_CUSTOMER, customer, "customer");
    struct record *pm = owner ? payment_method_take(c, c->part[0], NULL) : NULL;

    if (!pm)
        return NULL;
    str has = get_str(record_doc(pm), "customer");
    if (has.n && !str_eq(has, customer))
        return refuse(c, 400, NULL, NULL,
                      "The payment method you provided has already been attached to a customer.");
    struct outcome o = payment_method_attach_outcome(pm);
    if (!o.approved) {
        refuse_card(c, o.code, o.decline, o.message);
        return NULL;
    }
    payment_method_attach(c, pm, customer);
    return answer_record(c, pm);
}

/* For ever. */
json_t *payment_methods_detach(struct call *c)
{
    struct record *pm = path_record(c, T_PAYMENT_METHOD);

    if (!pm)
        return NULL;
    if (!get_str(record_doc(pm), "customer").p)
        return refuse(c, 400, NULL, NULL,
                      "The payment method you provided is not attached to a customer so detachment "
                      "is impossible.");
    struct record *owner = record_live(c->space, T_CUSTOMER, get_str(pm->doc, "customer"));
    json_t *settings = owner ? json_object_get(record_doc(owner), "invoice_settings") : NULL;
    if (settings && is_str(settings, "default_payment_method", pm->id)) {
        json_t *before = change_begin(owner);
        set_null(json_object_get(owner->doc, "invoice_settings"), "default_payment_method");
        change_end(c, owner, before, "customer.updated");
    }
    json_t *before = change_begin(pm);
    set_null(pm->doc, "customer");
    change_end(c, pm, before, "payment_method.detached");
    return answer_record(c, pm);
}

static bool method_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str type = arg_str(&a, "type");

    (void)ctx;
    return !type.n || str_eq(get_str(record_doc(r), "type"), type);
}

json_t *payment_methods_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_PAYMENT_METHOD, .keep = method_kept };

    if (arg_text(&a, "customer", &q.owner) && !named_record(c, T_CUSTOMER, q.owner, "customer"))
        return NULL;
    return answer_list(c, &q);
}

json_t *customers_payment_methods(struct call *c)
{
    struct record *r = path_record(c, T_CUSTOMER);

    if (!r)
        return NULL;
    str url = arena_printf(c->arena, "/v1/customers/%s/payment_methods", r->id);
    return answer_list(c, &(struct list_query){ .type = T_PAYMENT_METHOD,
                                                .owner = str_of(r->id),
                                                .url = url.p,
                                                .keep = method_kept });
}

json_t *customers_payment_method(struct call *c)
{
    struct record *r = path_record(c, T_CUSTOMER);
    struct record *pm = r ? record_live(c->space, T_PAYMENT_METHOD, c->part[1]) : NULL;

    if (!r)
        return NULL;
    if (!pm || !is_str(record_doc(pm), "customer", r->id))
        return refuse_missing(c, T_PAYMENT_METHOD, c->part[1], NULL);
    return answer_record(c, pm);
}
