/* transfers.c - money between a platform and its connected accounts: transfers and their reversals,
 * application fees and their refunds. */
#include "emulator/accounts.h"
#include "emulator/list.h"
#include "emulator/plain.h"

#include <string.h>

#define APPLICATION "ca_emulator"

static const struct field transfer_fields[] = {
    { "amount", F_INT, NULL, 0 },          { "description", F_TEXT_NULL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },   { "source_type", F_WORD, "bank_account card fpx", 0 },
    { "transfer_group", F_TEXT, NULL, 0 },
};

const struct plain transfer_plain = { .type = T_TRANSFER,
                                      .field = transfer_fields,
                                      .n_fields = COUNT(transfer_fields),
                                      .created = "transfer.created",
                                      .updated = "transfer.updated" };

/* A document whose fields have been told already, at its owner's end. */
static void embed(struct call *c, struct record *owner, const char *member, enum type t,
                  const char *path)
{
    str url = arena_printf(c->arena, "%s/%s/%s", path, owner->id, member);

    set_new(owner->doc, member, list_embedded(owner->space, t, str_of(owner->id), url.p));
    record_touch(owner);
}

/* --- transfers --- */

/* What arrives at the other account: a payment that no customer made. */
static struct record *payment_arrives(struct call *c, struct space *to, struct record *transfer,
                                      int64_t fee)
{
    char id[ID_BYTES];
    int64_t amount = get_int(transfer->doc, "amount");

    make_id(c->emu, "py_", ID_RANDOM, id);
    json_t *doc = record_shape(c->emu, to, T_CHARGE, id);
    set_int(doc, "amount", amount);
    set_int(doc, "amount_captured", amount);
    set_bool(doc, "captured", true);
    set_str(doc, "currency", get_str(transfer->doc, "currency"));
    set_strz(doc, "source_transfer", transfer->id);
    struct record *r = record_add(c->emu, to, T_CHARGE, doc);
    balance_add(c, &(struct movement){ .source = r,
                                       .type = "payment",
                                       .category = "charge",
                                       .amount = amount,
                                       .application_fee = fee });
    return r;
}

/* `doc` has an amount and a currency; `fee` is what the destination gives of it to the platform. */
static struct record *transfer_send(struct call *c, json_t *doc, struct space *to, int64_t fee)
{
    str id = get_str(doc, "id");

    set_strz(doc, "destination", to->account);
    set_str(json_object_get(doc, "reversals"), "url",
            arena_printf(c->arena, "/v1/transfers/%.*s/reversals", STR_ARG(id)));
    struct record *r = record_add(c->emu, c->space, T_TRANSFER, doc);
    balance_add(c, &(struct movement){
                       .source = r, .type = "transfer", .amount = -get_int(doc, "amount") });
    set_strz(r->doc, "destination_payment", payment_arrives(c, to, r, fee)->id);
    record_touch(r);
    emit(c, r, "transfer.created");
    return r;
}

static bool transfer_covered(struct call *c, const json_t *doc, struct record *source)
{
    int64_t amount = get_int(doc, "amount");

    if (amount < 1)
        refuse(c, 400, "parameter_invalid_integer", "amount",
               "This value must be greater than or equal to 1.");
    else if (source && amount > get_int(record_doc(source), "amount_captured"))
        refuse(c, 400, NULL, NULL,
               "Transfers using this transaction as a source must not exceed the source amount of "
               "%lld.",
               (long long)get_int(source->doc, "amount_captured"));
    else if (!source)
        balance_enough(c, get_str(doc, "currency"), amount);
    return !c->refused;
}

json_t *transfers_create(struct call *c)
{
    struct args a = args_of(c);
    str destination = arg_str(&a, "destination"), from = arg_str(&a, "source_transaction");
    struct space *to = account_connected(c, destination);
    struct record *source = NULL;

    if (!to)
        return refuse(c, 400, "resource_missing", "destination", "No such destination: '%.*s'",
                      STR_ARG(destination));
    if (from.n && !(source = named_record(c, T_CHARGE, from, "source_transaction")))
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_TRANSFER, NULL);
    if (source && !arg_given(&a, "amount"))
        set_int(doc, "amount", get_int(record_doc(source), "amount_captured"));
    if (!fields_apply(&a, doc, transfer_fields, COUNT(transfer_fields)) ||
        !currency_apply(&a, doc) || !transfer_covered(c, doc, source)) {
        json_decref(doc);
        return NULL;
    }
    set_strz(doc, "source_transaction", source ? source->id : NULL);
    return answer_record(c, transfer_send(c, doc, to, 0));
}

static struct record *transfer_reverse(struct call *c, struct record *t, json_t *doc,
                                       int64_t amount)
{
    struct space *to = account_connected(c, get_str(record_doc(t), "destination"));
    int64_t all = get_int(t->doc, "amount_reversed") + amount;

    set_int(doc, "amount", amount);
    set_str(doc, "currency", get_str(t->doc, "currency"));
    set_strz(doc, "transfer", t->id);
    struct record *r = record_add(c->emu, c->space, T_TRANSFER_REVERSAL, doc);
    balance_add(c, &(struct movement){ .source = r,
                                       .type = "transfer_refund",
                                       .category = "transfer_reversal",
                                       .amount = amount });
    struct record *payment =
        to ? record_any(to, T_CHARGE, get_str(t->doc, "destination_payment")) : NULL;
    if (payment)
        balance_move(c, &(struct movement){ .source = payment,
                                            .type = "payment_refund",
                                            .category = "refund",
                                            .amount = -amount });
    set_int(t->doc, "amount_reversed", all);
    set_bool(t->doc, "reversed", all >= get_int(t->doc, "amount"));
    embed(c, t, "reversals", T_TRANSFER_REVERSAL, "/v1/transfers");
    emit(c, t, "transfer.reversed");
    return r;
}

/* What is left of an amount of which this field says what is gone. */
static int64_t rest_of(struct record *r, const char *gone)
{
    return get_int(record_doc(r), "amount") - get_int(r->doc, gone);
}

/* The amount that was asked for: all that is left when none was. False: refused. */
static bool amount_or_rest(const struct args *a, int64_t left, int64_t *amount)
{
    if (!arg_int(a, "amount", amount))
        *amount = left;
    return !a->c->refused;
}

json_t *reversals_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *t = path_record(c, T_TRANSFER);
    int64_t amount;

    if (!t)
        return NULL;
    int64_t left = rest_of(t, "amount_reversed");
    if (!amount_or_rest(&a, left, &amount))
        return NULL;
    if (amount < 1 || amount > left)
        return refuse(c, 400, NULL, "amount",
                      "Transfer %s cannot be reversed by %lld: only %lld of it is left.", t->id,
                      (long long)amount, (long long)left);
    json_t *doc = shape_with_metadata(&a, T_TRANSFER_REVERSAL);
    if (!doc)
        return NULL;
    return answer_record(c, transfer_reverse(c, t, doc, amount));
}

/* What stands below something: /v1/transfers/{}/reversals/{}, /v1/application_fees/{}/refunds/{}.
 */
static struct record *below(struct call *c)
{
    enum type t = c->route->type;
    struct record *r = record_live(c->space, t, c->part[1]);

    if (!r || !str_eq(record_owner(r), c->part[0]))
        return refuse_missing(c, t, c->part[1], NULL);
    return r;
}

json_t *below_get(struct call *c)
{
    struct record *r = below(c);

    return r ? answer_record(c, r) : NULL;
}

json_t *below_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = below(c);

    if (!r || !metadata_apply(&a, record_doc(r)))
        return NULL;
    record_touch(r);
    return answer_record(c, r);
}

/* --- application fees --- */

static struct record *fee_make(struct call *c, struct space *platform, struct space *payer,
                               struct record *charge, int64_t amount)
{
    json_t *doc = record_shape(c->emu, platform, T_APPLICATION_FEE, NULL);
    str id = get_str(doc, "id");

    set_strz(doc, "account", payer->account);
    set_int(doc, "amount", amount);
    set_strz(doc, "application", APPLICATION);
    set_strz(doc, "charge", charge->id);
    set_str(doc, "currency", get_str(charge->doc, "currency"));
    set_new(doc, "fee_source", json_pack("{s:s,s:s}", "charge", charge->id, "type", "charge"));
    set_strz(doc, "originating_transaction", charge->id);
    set_str(json_object_get(doc, "refunds"), "url",
            arena_printf(c->arena, "/v1/application_fees/%.*s/refunds", STR_ARG(id)));
    struct record *r = record_add(c->emu, platform, T_APPLICATION_FEE, doc);
    balance_add(c, &(struct movement){ .source = r,
                                       .type = "application_fee",
                                       .category = "platform_earning",
                                       .amount = amount });
    emit(c, r, "application_fee.created");
    return r;
}

/* What the fee was taken of, in the account that paid it: its own charge, or what was transferred.
 */
static struct record *fee_payment(struct call *c, struct record *fee)
{
    str account = get_str(record_doc(fee), "account"), id = get_str(fee->doc, "charge");
    struct space *payer = space_peek(c->emu, account.p, fee->space->livemode);
    struct record *charge = record_any(fee->space, T_CHARGE, id), *t = NULL;

    if (charge)
        t = record_any(fee->space, T_TRANSFER, get_str(record_doc(charge), "transfer"));
    if (t)
        id = get_str(record_doc(t), "destination_payment");
    return payer ? record_any(payer, T_CHARGE, id) : NULL;
}

static struct record *fee_refund(struct call *c, struct record *fee, json_t *doc, int64_t amount)
{
    int64_t all = get_int(record_doc(fee), "amount_refunded") + amount;

    set_int(doc, "amount", amount);
    set_str(doc, "currency", get_str(fee->doc, "currency"));
    set_strz(doc, "fee", fee->id);
    struct record *r = record_add(c->emu, fee->space, T_FEE_REFUND, doc);
    balance_add(c, &(struct movement){ .source = r,
                                       .type = "application_fee_refund",
                                       .category = "platform_earning_refund",
                                       .amount = -amount });
    struct record *payment = fee_payment(c, fee);
    if (payment)
        balance_move(c, &(struct movement){ .source = payment,
                                            .type = "application_fee_refund",
                                            .amount = amount });
    set_int(fee->doc, "amount_refunded", all);
    set_bool(fee->doc, "refunded", all >= get_int(fee->doc, "amount"));
    embed(c, fee, "refunds", T_FEE_REFUND, "/v1/application_fees");
    emit(c, fee, "application_fee.refunded");
    return r;
}

json_t *fee_refunds_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *fee = path_record(c, T_APPLICATION_FEE);
    int64_t amount;

    if (!fee)
        return NULL;
    int64_t left = rest_of(fee, "amount_refunded");
    if (!amount_or_rest(&a, left, &amount))
        return NULL;
    if (amount < 1 || amount > left)
        return refuse(c, 400, NULL, "amount",
                      "Refund amount (%lld) is greater than unrefunded amount on fee (%lld)",
                      (long long)amount, (long long)left);
    json_t *doc = shape_with_metadata(&a, T_FEE_REFUND);
    if (!doc)
        return NULL;
    return answer_record(c, fee_refund(c, fee, doc, amount));
}

/* --- shares in a charge --- */

void charge_share(struct call *c, struct record *charge, int64_t amount)
{
    const json_t *data = json_object_get(charge->doc, "transfer_data");
    int64_t fee = get_int(charge->doc, "application_fee_amount");
    struct space *to = account_connected(c, get_str(data, "destination"));
    struct space *platform = to ? charge->space : charge->space->platform;

    if (to) {
        json_t *doc = record_shape(c->emu, c->space, T_TRANSFER, NULL);
        int64_t part = get_int(data, "amount");
        set_int(doc, "amount", part ? part : amount);
        set_str(doc, "currency", get_str(charge->doc, "currency"));
        set_strz(doc, "source_transaction", charge->id);
        set_str(
            doc, "transfer_group",
            arena_printf(c->arena, "group_%.*s", STR_ARG(get_str(charge->doc, "payment_intent"))));
        set_strz(charge->doc, "transfer", transfer_send(c, doc, to, fee)->id);
    }
    if (fee > 0 && platform)
        set_strz(charge->doc, "application_fee",
                 fee_make(c, platform, to ? to : charge->space, charge, fee)->id);
}

bool charge_unshare_check(struct call *c, struct record *charge, bool transfer, bool fee)
{
    if (transfer && !get_str(record_doc(charge), "transfer").n)
        refuse(c, 400, NULL, "reverse_transfer",
               "Cannot reverse transfer on charge %s because it does not have an associated "
               "transfer.",
               charge->id);
    else if (fee && !get_str(charge->doc, "application_fee").n)
        refuse(c, 400, NULL, "refund_application_fee",
               "Cannot refund application fee on charge %s because it does not have one.",
               charge->id);
    return !c->refused;
}

/* The same part of each share as of the charge. */
static int64_t part_of(int64_t share, int64_t amount, int64_t whole)
{
    return whole > 0 ? share * amount / whole : 0;
}

void charge_unshare(struct call *c, struct record *charge, struct record *refund, bool transfer,
                    bool fee)
{
    int64_t amount = get_int(record_doc(refund), "amount");
    int64_t whole = get_int(record_doc(charge), "amount_captured");
    struct space *at = charge->space->platform ? charge->space->platform : charge->space;

    if (transfer) {
        struct record *t = record_any(c->space, T_TRANSFER, get_str(charge->doc, "transfer"));
        json_t *doc = record_shape(c->emu, c->space, T_TRANSFER_REVERSAL, NULL);
        set_strz(doc, "source_refund", refund->id);
        struct record *r =
            transfer_reverse(c, t, doc, part_of(get_int(record_doc(t), "amount"), amount, whole));
        set_strz(refund->doc, "transfer_reversal", r->id);
        record_touch(refund);
    }
    if (fee) {
        struct record *f =
            record_any(at, T_APPLICATION_FEE, get_str(charge->doc, "application_fee"));
        fee_refund(c, f, record_shape(c->emu, at, T_FEE_REFUND, NULL),
                   part_of(get_int(record_doc(f), "amount"), amount, whole));
    }
}
