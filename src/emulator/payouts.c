/* payouts.c - money that leaves for the bank, and money that is brought from there. */
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <string.h>

enum { STANDARD_DAYS = 2, INSTANT_S = 1800, DAY_S = 86400 };

/* --- payouts --- */

static const struct field payout_fields[] = {
    { "amount", F_INT, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "destination", F_TEXT, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "method", F_WORD, "standard instant", 0 },
    { "payout_method", F_TEXT, NULL, 0 },
    { "source_type", F_WORD, "bank_account card fpx", 0 },
    { "statement_descriptor", F_TEXT_NULL, NULL, 22 },
};

const struct plain payout_plain = { .type = T_PAYOUT,
                                    .field = payout_fields,
                                    .n_fields = COUNT(payout_fields),
                                    .created = "payout.created",
                                    .updated = "payout.updated" };

static bool amount_ok(struct call *c, const json_t *doc)
{
    if (get_int(doc, "amount") < 1)
        refuse(c, 400, "parameter_invalid_integer", "amount",
               "This value must be greater than or equal to 1.");
    return !c->refused;
}

/* A new document of these fields; NULL when refused. */
static json_t *money_document(const struct args *a, enum type t, const struct field *f, size_t n)
{
    json_t *doc = record_shape(a->c->emu, a->c->space, t, NULL);

    if (fields_apply(a, doc, f, n) && currency_apply(a, doc) && amount_ok(a->c, doc))
        return doc;
    json_decref(doc);
    return NULL;
}

json_t *payouts_create(struct call *c)
{
    struct args a = args_of(c);
    json_t *doc = money_document(&a, T_PAYOUT, payout_fields, COUNT(payout_fields));

    if (!doc)
        return NULL;
    if (!balance_enough(c, get_str(doc, "currency"), get_int(doc, "amount"))) {
        json_decref(doc);
        return NULL;
    }
    bool instant = is_str(doc, "method", "instant");
    set_int(doc, "arrival_date",
            now_s(c->emu) + (instant ? INSTANT_S : (int64_t)STANDARD_DAYS * DAY_S));
    struct record *r = record_add(c->emu, c->space, T_PAYOUT, doc);
    balance_add(
        c, &(struct movement){ .source = r, .type = "payout", .amount = -get_int(doc, "amount") });
    emit(c, r, "payout.created");
    return answer_record(c, r);
}

/* It is on its way for the last day before it arrives. */
int64_t payout_due(const struct record *r)
{
    int64_t arrives = get_int(r->doc, "arrival_date");

    if (is_str(r->doc, "status", "pending"))
        return arrives - DAY_S > r->created ? arrives - DAY_S : arrives;
    return is_str(r->doc, "status", "in_transit") ? arrives : INT64_MAX;
}

/* The bank sent it back: the money is there again. */
static void payout_failed(struct call *c, struct record *r, const char *status, const char *type)
{
    json_t *before = change_begin(r);
    struct record *t = balance_move(
        c, &(struct movement){ .source = r, .type = type, .amount = get_int(r->doc, "amount") });
    bool failed = strcmp(status, "failed") == 0;

    set_strz(r->doc, "failure_balance_transaction", t->id);
    if (failed) {
        set_strz(r->doc, "failure_code", "account_closed");
        set_strz(r->doc, "failure_message", "The bank account has been closed");
    }
    set_strz(r->doc, "status", status);
    record_touch(r);
    emit(c, r, failed ? "payout.failed" : "payout.canceled");
    change_end(c, r, before, "payout.updated");
}

/* To an account whose number stands for a failure it never arrives. */
static bool destination_fails(struct record *r)
{
    struct record *bank = record_any(r->space, T_BANK_ACCOUNT, get_str(r->doc, "destination"));

    return bank && get_bool(bank->hidden, "fails");
}

void payout_act(struct call *c, struct record *r)
{
    if (now_s(c->emu) >= get_int(record_doc(r), "arrival_date") && destination_fails(r)) {
        payout_failed(c, r, "failed", "payout_failure");
        return;
    }
    json_t *before = change_begin(r);
    bool there = now_s(c->emu) >= get_int(r->doc, "arrival_date");
    set_strz(r->doc, "status", there ? "paid" : "in_transit");
    record_touch(r);
    if (there)
        emit(c, r, "payout.paid");
    change_end(c, r, before, "payout.updated");
}

json_t *payouts_cancel(struct call *c)
{
    struct record *r = path_record(c, T_PAYOUT);

    if (!r)
        return NULL;
    if (!is_str(record_doc(r), "status", "pending"))
        return refuse_status(c, r, NULL, "cancel", "pending");
    payout_failed(c, r, "canceled", "payout_cancel");
    return answer_record(c, r);
}

/* A payout the other way. */
json_t *payouts_reverse(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PAYOUT);

    if (!r)
        return NULL;
    if (!is_str(record_doc(r), "status", "paid") || get_str(r->doc, "reversed_by").n)
        return refuse(c, 400, NULL, NULL,
                      "Payout %s cannot be reversed: only one that is paid, and not reversed yet, "
                      "can be.",
                      r->id);
    json_t *doc = shape_with_metadata(&a, T_PAYOUT);
    if (!doc)
        return NULL;
    set_int(doc, "amount", -get_int(r->doc, "amount"));
    set_int(doc, "arrival_date", now_s(c->emu) + (int64_t)STANDARD_DAYS * DAY_S);
    set_str(doc, "currency", get_str(r->doc, "currency"));
    set_strz(doc, "original_payout", r->id);
    struct record *back = record_add(c->emu, c->space, T_PAYOUT, doc);
    balance_add(c, &(struct movement){
                       .source = back, .type = "payout", .amount = get_int(r->doc, "amount") });
    emit(c, back, "payout.created");
    json_t *before = change_begin(r);
    set_strz(r->doc, "reversed_by", back->id);
    change_end(c, r, before, "payout.updated");
    return answer_record(c, back);
}

/* --- top-ups --- */

static const struct field topup_fields[] = {
    { "amount", F_INT, NULL, 0 },          { "description", F_TEXT_NULL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },   { "statement_descriptor", F_TEXT_NULL, NULL, 15 },
    { "transfer_group", F_TEXT, NULL, 0 },
};

const struct plain topup_plain = { .type = T_TOPUP,
                                   .field = topup_fields,
                                   .n_fields = COUNT(topup_fields),
                                   .created = "topup.created" };

json_t *topups_create(struct call *c)
{
    struct args a = args_of(c);
    json_t *doc = money_document(&a, T_TOPUP, topup_fields, COUNT(topup_fields));

    if (!doc)
        return NULL;
    set_int(doc, "expected_availability_date", now_s(c->emu) + DAY_S);
    return answer_record(c, keep_told(c, T_TOPUP, doc, "topup.created"));
}

int64_t topup_due(const struct record *r)
{
    return is_str(r->doc, "status", "pending") ? time_or_never(r->doc, "expected_availability_date")
                                               : INT64_MAX;
}

void topup_act(struct call *c, struct record *r)
{
    set_strz(record_doc(r), "status", "succeeded");
    balance_add(
        c, &(struct movement){ .source = r, .type = "topup", .amount = get_int(r->doc, "amount") });
    emit(c, r, "topup.succeeded");
}

json_t *topups_cancel(struct call *c)
{
    struct record *r = path_record(c, T_TOPUP);

    if (!r)
        return NULL;
    if (!is_str(record_doc(r), "status", "pending"))
        return refuse_status(c, r, NULL, "cancel", "pending");
    set_strz(r->doc, "status", "canceled");
    record_touch(r);
    emit(c, r, "topup.canceled");
    return answer_record(c, r);
}
