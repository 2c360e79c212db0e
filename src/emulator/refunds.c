#include "emulator/cards.h"
#include "emulator/cash_balance.h"
#include "emulator/list.h"

#include <string.h>

enum { SETTLE_S = 0 }; /* soon, but behind the request */

/* The charge that is meant, by itself or by its payment intent. */
static struct record *charge_named(const struct args *a)
{
    struct call *c = a->c;
    str charge = arg_str(a, "charge"), intent = arg_str(a, "payment_intent");

    if (charge.n)
        return named_record(c, T_CHARGE, charge, "charge");
    if (!intent.n)
        return refuse(c, 400, "parameter_missing", NULL,
                      "One of the following params should be provided for this request: "
                      "payment_intent or charge.");
    struct record *pi = named_record(c, T_PAYMENT_INTENT, intent, "payment_intent");
    if (!pi)
        return NULL;
    str latest = get_str(record_doc(pi), "latest_charge");
    if (!is_str(pi->doc, "status", "succeeded"))
        return refuse(c, 400, NULL, NULL,
                      "This PaymentIntent (%s) does not have a successful charge to refund.",
                      pi->id);
    return record_live(c->space, T_CHARGE, latest);
}

static bool refundable(struct call *c, struct record *charge, int64_t *amount, bool given)
{
    int64_t left =
        get_int(record_doc(charge), "amount_captured") - get_int(charge->doc, "amount_refunded");

    if (get_bool(charge->doc, "disputed") && dispute_holds(c->space, charge)) {
        refuse(c, 400, "charge_disputed", NULL,
               "Charge %s has been charged back; cannot issue a refund.", charge->id);
        return false;
    }
    if (get_bool(charge->doc, "refunded")) {
        refuse(c, 400, "charge_already_refunded", NULL, "Charge %s has already been refunded.",
               charge->id);
        return false;
    }
    if (!given)
        *amount = left;
    if (*amount < 1 || *amount > left) {
        refuse(c, 400, NULL, "amount",
               "Refund amount (%lld) is greater than unrefunded amount on charge (%lld)",
               (long long)*amount, (long long)left);
        return false;
    }
    return true;
}

static void charge_refunded(struct call *c, struct record *charge, int64_t amount)
{
    json_t *before = change_begin(charge);
    int64_t all = get_int(charge->doc, "amount_refunded") + amount;

    set_int(charge->doc, "amount_refunded", all);
    set_bool(charge->doc, "refunded", all >= get_int(charge->doc, "amount_captured"));
    change_end(c, charge, before, "charge.refunded");
}

/* Told twice: the older name is for charges alone. */
static void refund_changed(struct call *c, struct record *r, json_t *before)
{
    json_t *again = json_incref(before);

    change_end(c, r, before, "refund.updated");
    if (get_str(record_doc(r), "charge").n)
        change_end(c, r, again, "charge.refund.updated");
    else
        json_decref(again);
}

/* --- how it goes --- */

static struct record *refunded_method(struct record *r)
{
    struct record *charge = record_any(r->space, T_CHARGE, get_str(record_doc(r), "charge"));
    str id = charge ? get_str(record_doc(charge), "payment_method") : (str){ 0 };

    return id.n ? record_any(r->space, T_PAYMENT_METHOD, id) : NULL;
}

/* Where the money goes decides when it is known to be there. */
static void refund_way(struct call *c, struct record *r)
{
    struct record *method = refunded_method(r);
    enum after after = method ? payment_method_after(method) : AFTER_NOTHING;
    str type = method ? get_str(record_doc(method), "type") : S("card");
    json_t *to = json_object();

    if (!str_eq(type, S("card"))) {
        set_new(to, type.p, json_object());
        set_str(to, "type", type);
        set_new(r->doc, "destination_details", to);
    } else {
        json_decref(to);
    }
    if (after == AFTER_REFUND_PENDS || method_way(type) == WAY_DEBIT) {
        set_strz(r->doc, "status", "pending");
        set_strz(r->doc, "pending_reason", "processing");
        record_hide(r, "settles", json_integer(now_s(c->emu) + SETTLE_S));
    } else if (after == AFTER_REFUND_FAILS) {
        record_hide(r, "settles", json_integer(now_s(c->emu) + SETTLE_S));
    } else if (str_eq(type, S("customer_balance")) && get_str(r->doc, "instructions_email").n) {
        set_strz(r->doc, "status", "requires_action");
        set_new(r->doc, "next_action",
                json_pack("{s:{s:{s:n,s:I},s:s},s:s}", "display_details", "email_sent",
                          "email_sent_to", "email_sent_at", (json_int_t)now_s(c->emu), "type",
                          "email_sent", "type", "display_details"));
    }
}

/* It went to the customer's cash balance, unless it is sent on by e-mail. */
static void refund_to_cash(struct call *c, struct record *r)
{
    struct record *method = refunded_method(r);
    struct record *customer =
        method ? record_any(c->space, T_CUSTOMER, get_str(record_doc(method), "customer")) : NULL;

    if (customer && is_str(method->doc, "type", "customer_balance") &&
        is_str(r->doc, "status", "succeeded"))
        cash_move(c, customer, get_str(r->doc, "currency"), get_int(r->doc, "amount"),
                  "refunded_from_payment", json_pack("{s:s}", "refund", r->id));
}

/* The money comes back: the charge has it again. */
static void refund_back(struct call *c, struct record *r, const char *status, const char *reason)
{
    struct record *charge = record_any(r->space, T_CHARGE, get_str(record_doc(r), "charge"));
    json_t *before = change_begin(r);
    struct record *t = balance_move(c, &(struct movement){ .source = r,
                                                           .type = "refund_failure",
                                                           .amount = get_int(r->doc, "amount") });

    set_strz(r->doc, "failure_balance_transaction", t->id);
    if (reason)
        set_strz(r->doc, "failure_reason", reason);
    json_object_del(r->doc, "next_action");
    json_object_del(r->doc, "pending_reason");
    set_strz(r->doc, "status", status);
    if (charge) {
        int64_t left = get_int(record_doc(charge), "amount_refunded") - get_int(r->doc, "amount");
        json_t *was = change_begin(charge);
        set_int(charge->doc, "amount_refunded", left);
        set_bool(charge->doc, "refunded", false);
        change_end(c, charge, was, "charge.updated");
    }
    if (reason) {
        record_touch(r);
        emit(c, r, "refund.failed");
    }
    refund_changed(c, r, before);
}

int64_t refund_due(const struct record *r)
{
    bool open = is_str(r->doc, "status", "pending") || is_str(r->doc, "status", "succeeded");

    return open ? time_or_never(r->hidden, "settles") : INT64_MAX;
}

void refund_act(struct call *c, struct record *r)
{
    json_t *before;

    record_hide(r, "settles", json_null());
    if (!is_str(record_doc(r), "status", "pending")) {
        refund_back(c, r, "failed", "lost_or_stolen_card");
        return;
    }
    before = change_begin(r);
    json_object_del(r->doc, "pending_reason");
    set_strz(r->doc, "status", "succeeded");
    refund_changed(c, r, before);
}

/* --- making --- */

struct record *refund_make(struct call *c, struct record *charge, json_t *doc, int64_t amount)
{
    set_int(doc, "amount", amount);
    set_strz(doc, "charge", charge->id);
    set_str(doc, "currency", get_str(record_doc(charge), "currency"));
    set_str(doc, "payment_intent", get_str(charge->doc, "payment_intent"));
    struct record *r = record_add(c->emu, c->space, T_REFUND, doc);
    refund_way(c, r);
    balance_add(c, &(struct movement){ .source = r, .type = "refund", .amount = -amount });
    return r;
}

void refund_tell(struct call *c, struct record *charge, struct record *r)
{
    charge_refunded(c, charge, get_int(record_doc(r), "amount"));
    refund_to_cash(c, r);
    emit(c, r, "refund.created");
}

static const struct field refund_fields[] = {
    { "instructions_email", F_TEXT, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "reason", F_WORD, "duplicate fraudulent requested_by_customer", 0 },
};

static json_t *refund_from(struct call *c, const struct args *a, struct record *charge)
{
    int64_t amount = 0;
    bool given = arg_int(a, "amount", &amount), reverse = false, fee = false;

    arg_bool(a, "reverse_transfer", &reverse);
    arg_bool(a, "refund_application_fee", &fee);
    if (c->refused || !refundable(c, charge, &amount, given))
        return NULL;
    if (!charge_unshare_check(c, charge, reverse, fee))
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_REFUND, NULL);
    if (!fields_apply(a, doc, refund_fields, COUNT(refund_fields))) {
        json_decref(doc);
        return NULL;
    }
    struct record *r = refund_make(c, charge, doc, amount);
    charge_unshare(c, charge, r, reverse, fee);
    refund_tell(c, charge, r);
    return answer_record(c, r);
}

json_t *refunds_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *charge = charge_named(&a);

    return charge ? refund_from(c, &a, charge) : NULL;
}

/* The older way. */
json_t *charges_refund(struct call *c)
{
    struct args a = args_of(c);
    struct record *charge = path_record(c, T_CHARGE);

    return charge ? refund_from(c, &a, charge) : NULL;
}

/* Only while it waits for the customer. */
json_t *refunds_cancel(struct call *c)
{
    struct record *r = path_record(c, T_REFUND);

    if (!r)
        return NULL;
    if (!is_str(record_doc(r), "status", "requires_action"))
        return refuse_status(c, r, NULL, "cancel", "requires_action");
    refund_back(c, r, "canceled", NULL);
    return answer_record(c, r);
}

/* The customer did not answer the e-mail in time. */
json_t *refunds_expire(struct call *c)
{
    struct record *r = path_record(c, T_REFUND);

    if (!r)
        return NULL;
    if (!is_str(record_doc(r), "status", "requires_action"))
        return refuse_status(c, r, NULL, "expire", "requires_action");
    refund_back(c, r, "failed", "expired_or_canceled_card");
    return answer_record(c, r);
}

json_t *refunds_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_REFUND);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!metadata_apply(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    refund_changed(c, r, before);
    return answer_record(c, r);
}

json_t *refunds_get(struct call *c)
{
    struct record *r = path_record(c, T_REFUND);

    return r ? answer_record(c, r) : NULL;
}

static bool refund_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str intent = arg_str(&a, "payment_intent");

    (void)ctx;
    return !intent.n || str_eq(get_str(record_doc(r), "payment_intent"), intent);
}

json_t *refunds_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_REFUND, .keep = refund_kept };

    if (arg_text(&a, "charge", &q.owner) && !named_record(c, T_CHARGE, q.owner, "charge"))
        return NULL;
    return answer_list(c, &q);
}
