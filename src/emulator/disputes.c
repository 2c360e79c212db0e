/* disputes.c - a cardholder's bank takes a payment back, or asks about it first. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { DISPUTE_FEE = 1500, ANSWER_DAYS = 9, INQUIRY_DAYS = 120 };

static bool is_inquiry(struct record *d)
{
    return str_starts(get_str(record_doc(d), "status"), S("warning_"));
}

static bool is_open(struct record *d)
{
    str status = get_str(record_doc(d), "status");

    return !str_eq(status, S("won")) && !str_eq(status, S("lost")) &&
           !str_eq(status, S("warning_closed"));
}

/* The disputed money leaves or comes back: a transaction that the dispute carries whole. */
static void dispute_money(struct call *c, struct record *d, int64_t amount, int64_t fee,
                          const char *category)
{
    struct record *t = balance_move(c, &(struct movement){ .source = d,
                                                           .type = "adjustment",
                                                           .category = category,
                                                           .amount = amount,
                                                           .fee = fee });

    json_array_append_new(json_object_get(d->doc, "balance_transactions"),
                          json_deep_copy(record_doc(t)));
    record_touch(d);
}

static void funds_withdrawn(struct call *c, struct record *d)
{
    dispute_money(c, d, -get_int(d->doc, "amount"), DISPUTE_FEE, "dispute");
    emit(c, d, "charge.dispute.funds_withdrawn");
}

static void method_details(json_t *doc, struct record *charge, bool inquiry)
{
    json_t *details = json_object_get(doc, "payment_method_details");
    const json_t *of = json_object_get(charge->doc, "payment_method_details");
    json_t *card = json_object_get(details, "card");

    if (is_str(of, "type", "card")) {
        set_str(card, "brand", get_str(json_object_get(of, "card"), "brand"));
        set_str(card, "network", get_str(json_object_get(of, "card"), "brand"));
        set_strz(card, "case_type", inquiry ? "inquiry" : "chargeback");
        return;
    }
    json_object_del(details, "card");
    set_str(details, "type", get_str(of, "type"));
}

void dispute_make(struct call *c, struct record *charge, const char *reason, bool inquiry)
{
    json_t *doc = record_shape(c->emu, c->space, T_DISPUTE, NULL);
    int64_t days = inquiry ? INQUIRY_DAYS : ANSWER_DAYS;

    record_doc(charge);
    set_int(doc, "amount", get_int(charge->doc, "amount_captured"));
    set_strz(doc, "charge", charge->id);
    set_str(doc, "currency", get_str(charge->doc, "currency"));
    set_int(json_object_get(doc, "evidence_details"), "due_by", now_s(c->emu) + days * 86400);
    set_bool(doc, "is_charge_refundable", inquiry);
    set_str(doc, "payment_intent", get_str(charge->doc, "payment_intent"));
    method_details(doc, charge, inquiry);
    set_strz(doc, "reason", reason);
    set_strz(doc, "status", inquiry ? "warning_needs_response" : "needs_response");
    struct record *d = record_add(c->emu, c->space, T_DISPUTE, doc);
    set_bool(charge->doc, "disputed", true);
    record_touch(charge);
    emit(c, d, "charge.dispute.created");
    if (!inquiry)
        funds_withdrawn(c, d);
}

void fraud_warning_make(struct call *c, struct record *charge)
{
    json_t *doc = record_shape(c->emu, c->space, T_RADAR_EARLY_FRAUD_WARNING, NULL);

    set_strz(doc, "charge", charge->id);
    set_str(doc, "payment_intent", get_str(record_doc(charge), "payment_intent"));
    keep_told(c, T_RADAR_EARLY_FRAUD_WARNING, doc, "radar.early_fraud_warning.created");
}

bool dispute_holds(struct space *s, struct record *charge)
{
    str id = str_of(charge->id);

    for (struct record *d = NULL; (d = owned_next(s, T_DISPUTE, id, d));)
        if (!get_bool(record_doc(d), "is_charge_refundable") && !is_str(d->doc, "status", "won") &&
            !is_str(d->doc, "status", "warning_closed"))
            return true;
    return false;
}

/* --- ends --- */

static void dispute_close(struct call *c, struct record *d, const char *status)
{
    json_t *before = change_begin(d);
    bool won = strcmp(status, "won") == 0;

    set_strz(d->doc, "status", status);
    set_bool(d->doc, "is_charge_refundable", false);
    if (won)
        dispute_money(c, d, get_int(d->doc, "amount"), 0, "dispute_reversal");
    record_touch(d);
    change_end(c, d, before, "charge.dispute.updated");
    if (won)
        emit(c, d, "charge.dispute.funds_reinstated");
    emit(c, d, "charge.dispute.closed");
}

/* An inquiry that becomes a dispute in earnest. */
static void dispute_escalate(struct call *c, struct record *d)
{
    json_t *before = change_begin(d);
    json_t *details = json_object_get(d->doc, "evidence_details");

    set_strz(d->doc, "status", "needs_response");
    set_bool(d->doc, "is_charge_refundable", false);
    set_strz(get_path(d->doc, "payment_method_details.card"), "case_type", "chargeback");
    set_int(details, "due_by", now_s(c->emu) + (int64_t)ANSWER_DAYS * 86400);
    record_hide(d, "verdict", json_null());
    change_end(c, d, before, "charge.dispute.updated");
    funds_withdrawn(c, d);
}

/* What the bank says comes after the request that asked for it; silence loses in the end. */
int64_t dispute_due(const struct record *r)
{
    str status = get_str(r->doc, "status");

    if (get_str(r->hidden, "verdict").n)
        return get_int(r->hidden, "verdict_at");
    if (str_eq(status, S("needs_response")) || str_eq(status, S("warning_needs_response")) ||
        str_eq(status, S("warning_under_review")))
        return time_or_never(json_object_get(r->doc, "evidence_details"), "due_by");
    return INT64_MAX;
}

void dispute_act(struct call *c, struct record *d)
{
    str verdict = get_str(d->hidden, "verdict");

    if (str_eq(verdict, S("escalate")))
        dispute_escalate(c, d);
    else if (verdict.n)
        dispute_close(c, d,
                      is_inquiry(d)               ? "warning_closed"
                      : str_eq(verdict, S("won")) ? "won"
                                                  : "lost");
    else
        dispute_close(c, d, is_inquiry(d) ? "warning_closed" : "lost");
}

/* --- handlers --- */

/* The texts that decide, as Stripe's test mode has them. */
static void verdict_read(struct call *c, struct record *d)
{
    static const char *const text[][2] = { { "winning_evidence", "won" },
                                           { "losing_evidence", "lost" },
                                           { "escalate_inquiry_evidence", "escalate" } };
    str said = get_str(json_object_get(d->doc, "evidence"), "uncategorized_text");

    for (size_t i = 0; i < COUNT(text); i++) {
        if (!str_eqz(said, text[i][0]))
            continue;
        record_hide(d, "verdict", json_string(text[i][1]));
        record_hide(d, "verdict_at", json_integer(now_s(c->emu)));
    }
}

static bool evidence_apply(const struct args *a, struct record *d, bool *given)
{
    struct args evidence;
    json_t *of = json_object_get(d->doc, "evidence"), *v;
    const char *name;

    if (!args_sub(a, "evidence", &evidence))
        return !a->c->refused;
    json_object_foreach((json_t *)(uintptr_t)evidence.hash, name, v)
    {
        if (!json_object_get(of, name)) {
            const char *full = arg_name(&evidence, name);
            refuse(a->c, 400, "parameter_unknown", full, "Received unknown parameter: %s", full);
            return false;
        }
        *given = true;
        if (json_is_string(v))
            set_str(of, name, arg_str(&evidence, name).n ? arg_str(&evidence, name) : (str){ 0 });
        else
            set_new(of, name, args_document(v));
    }
    return true;
}

static void evidence_submit(struct call *c, struct record *d)
{
    json_t *details = json_object_get(d->doc, "evidence_details");

    set_bool(details, "has_evidence", true);
    set_strz(details, "submission_method", "manual");
    set_int(details, "submission_count", get_int(details, "submission_count") + 1);
    set_strz(d->doc, "status", is_inquiry(d) ? "warning_under_review" : "under_review");
    verdict_read(c, d);
}

json_t *disputes_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *d = path_record(c, T_DISPUTE);
    bool submit = true, given = false;

    if (!d)
        return NULL;
    arg_bool(&a, "submit", &submit);
    if (!is_open(d) && arg_given(&a, "evidence"))
        return refuse(c, 400, NULL, NULL, "This dispute is already closed.");
    json_t *before = change_begin(d);
    if (!metadata_apply(&a, d->doc) || !evidence_apply(&a, d, &given)) {
        change_abort(d, before);
        return NULL;
    }
    if (given && submit)
        evidence_submit(c, d);
    else if (given)
        set_bool(json_object_get(d->doc, "evidence_details"), "has_evidence", true);
    change_end(c, d, before, "charge.dispute.updated");
    return answer_record(c, d);
}

/* To give in: it cannot be undone. [facts: 10.1] */
json_t *disputes_close(struct call *c)
{
    struct record *d = path_record(c, T_DISPUTE);

    if (!d)
        return NULL;
    if (!is_open(d))
        return refuse(c, 400, NULL, NULL, "This dispute is already closed.");
    dispute_close(c, d, is_inquiry(d) ? "warning_closed" : "lost");
    return answer_record(c, d);
}
