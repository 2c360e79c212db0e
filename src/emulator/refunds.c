#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

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

json_t *refunds_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *charge = charge_named(&a);
    int64_t amount = 0;
    str reason = { 0 };

    if (!charge)
        return NULL;
    bool given = arg_int(&a, "amount", &amount);
    arg_word(&a, "reason", "duplicate fraudulent requested_by_customer", &reason);
    if (c->refused || !refundable(c, charge, &amount, given))
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_REFUND, NULL);
    if (!metadata_apply(&a, doc)) {
        json_decref(doc);
        return NULL;
    }
    set_int(doc, "amount", amount);
    set_strz(doc, "charge", charge->id);
    set_str(doc, "currency", get_str(charge->doc, "currency"));
    set_str(doc, "payment_intent", get_str(charge->doc, "payment_intent"));
    set_str(doc, "reason", reason);
    struct record *r = record_add(c->emu, c->space, T_REFUND, doc);
    balance_add(c, r, "refund", -amount, 0);
    charge_refunded(c, charge, amount);
    emit(c, r, "refund.created");
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
    json_t *again = json_incref(before);
    change_end(c, r, before, "refund.updated");
    if (get_str(record_doc(r), "charge").n) /* told twice: the older name is for charges alone */
        change_end(c, r, again, "charge.refund.updated");
    else
        json_decref(again);
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
