/* cash_balance.c - what customers have sent by bank transfer, and the payments that wait for it. */
#include "emulator/cash_balance.h"
#include "emulator/list.h"

#include <string.h>

/* How money of a currency is sent. */
static const char *bank_transfer(str currency)
{
    static const char *const way[][2] = { { "usd", "us_bank_transfer" },
                                          { "gbp", "gb_bank_transfer" },
                                          { "jpy", "jp_bank_transfer" },
                                          { "mxn", "mx_bank_transfer" } };

    for (size_t i = 0; i < COUNT(way); i++)
        if (str_eqz(currency, way[i][0]))
            return way[i][1];
    return "eu_bank_transfer";
}

static int64_t cash_of(struct record *customer, str currency)
{
    const json_t *cash = json_object_get(customer->hidden, "cash");

    return (int64_t)json_integer_value(json_object_getn(cash, currency.p, currency.n));
}

json_t *cash_balance_document(struct record *customer)
{
    json_t *doc = json_object(), *settings = json_object();
    const json_t *cash = json_object_get(customer->hidden, "cash");
    str mode = get_str(customer->hidden, "reconciliation");

    set_strz(doc, "object", "cash_balance");
    set_new(doc, "available", cash ? json_deep_copy(cash) : json_null());
    set_strz(doc, "customer", customer->id);
    set_null(doc, "customer_account");
    set_bool(doc, "livemode", customer->space->livemode);
    set_str(settings, "reconciliation_mode", mode.n ? mode : S("automatic"));
    set_bool(settings, "using_merchant_default", !mode.n);
    set_new(doc, "settings", settings);
    return doc;
}

struct record *cash_move(struct call *c, struct record *customer, str currency, int64_t amount,
                         const char *type, json_t *why)
{
    json_t *doc = record_shape(c->emu, c->space, T_CASH_TRANSACTION, NULL);
    json_t *cash = json_object_get(customer->hidden, "cash");

    if (!cash) {
        cash = json_object();
        record_hide(customer, "cash", cash);
    }
    int64_t now = cash_of(customer, currency) + amount;
    json_object_setn_new(cash, currency.p, currency.n, json_integer(now));
    set_str(doc, "currency", currency);
    set_strz(doc, "customer", customer->id);
    set_int(doc, "ending_balance", now);
    set_int(doc, "net_amount", amount);
    set_new(doc, type, why);
    set_strz(doc, "type", type);
    struct record *r = record_add(c->emu, c->space, T_CASH_TRANSACTION, doc);
    emit(c, r, "customer_cash_balance_transaction.created");
    return r;
}

/* --- payments that wait for money --- */

static struct record *customer_of(struct record *pi)
{
    return record_any(pi->space, T_CUSTOMER, get_str(record_doc(pi), "customer"));
}

/* What the customer has to send, and how. */
static json_t *instructions(struct call *c, struct record *pi, int64_t remaining)
{
    json_t *v = json_object(), *how = json_object();
    str currency = get_str(pi->doc, "currency");

    set_int(how, "amount_remaining", remaining);
    set_str(how, "currency", currency);
    set_new(how, "financial_addresses", json_array());
    set_str(how, "hosted_instructions_url",
            arena_printf(c->arena, "https://payments.stripe.com/bank_transfers/instructions/%s",
                         pi->id));
    set_str(how, "reference", arena_printf(c->arena, "EMU%.8s", pi->id + 3));
    set_strz(how, "type", bank_transfer(currency));
    set_new(v, "display_bank_transfer_instructions", how);
    set_strz(v, "type", "display_bank_transfer_instructions");
    return v;
}

/* Takes what is there, `most` at most; true when the payment is paid whole by it. */
static bool cash_apply(struct call *c, struct record *pi, int64_t most)
{
    struct record *customer = customer_of(pi);
    str currency = get_str(pi->doc, "currency");
    int64_t remaining = get_int(pi->doc, "amount") - get_int(pi->hidden, "applied");
    int64_t take = cash_of(customer, currency);

    take = take < most ? take : most;
    take = take < remaining ? take : remaining;
    if (take <= 0)
        return false;
    cash_move(c, customer, currency, -take, "applied_to_payment",
              json_pack("{s:s}", "payment_intent", pi->id));
    record_hide(pi, "applied", json_integer(get_int(pi->hidden, "applied") + take));
    return take == remaining;
}

struct outcome cash_pay(struct call *c, struct record *pi, struct record *method,
                        const struct outcome *o)
{
    struct outcome now = *o;

    if (cash_apply(c, pi, INT64_MAX)) {
        now.approved = true;
        now.transfer = false;
        intent_paid(c, pi, method);
        return now;
    }
    int64_t left = get_int(pi->doc, "amount") - get_int(pi->hidden, "applied");
    set_new(pi->doc, "next_action", instructions(c, pi, left));
    set_strz(pi->doc, "status", "requires_action");
    intent_say(c, pi, "payment_intent.requires_action");
    now.action = true;
    return now;
}

/* An open payment gets what the customer has: whole, or in part. */
static void cash_settle(struct call *c, struct record *pi, int64_t most)
{
    struct record *method =
        record_any(c->space, T_PAYMENT_METHOD, get_str(pi->doc, "payment_method"));
    int64_t before = get_int(pi->hidden, "applied");

    if (cash_apply(c, pi, most)) {
        intent_paid(c, pi, method);
        checkout_settled(c, pi, true);
    } else if (get_int(pi->hidden, "applied") > before) {
        int64_t left = get_int(pi->doc, "amount") - get_int(pi->hidden, "applied");
        set_new(pi->doc, "next_action", instructions(c, pi, left));
        intent_say(c, pi, "payment_intent.partially_funded");
    }
}

static bool waits_for_cash(struct record *pi)
{
    return is_str(record_doc(pi), "status", "requires_action") &&
           is_str(json_object_get(pi->doc, "next_action"), "type",
                  "display_bank_transfer_instructions");
}

/* The oldest is paid first. */
static void cash_reconcile(struct call *c, struct record *customer, str currency)
{
    str id = str_of(customer->id);

    if (str_eq(get_str(customer->hidden, "reconciliation"), S("manual")))
        return;
    for (struct record *pi = NULL; (pi = owned_next(c->space, T_PAYMENT_INTENT, id, pi));)
        if (waits_for_cash(pi) && str_eq(get_str(pi->doc, "currency"), currency))
            cash_settle(c, pi, INT64_MAX);
}

void cash_return(struct call *c, struct record *pi)
{
    int64_t applied = get_int(pi->hidden, "applied");

    if (!applied)
        return;
    record_hide(pi, "applied", json_integer(0));
    cash_move(c, customer_of(pi), get_str(pi->doc, "currency"), applied, "unapplied_from_payment",
              json_pack("{s:s}", "payment_intent", pi->id));
}

/* --- handlers --- */

json_t *cash_fund(struct call *c)
{
    struct args a = args_of(c);
    struct record *customer = path_record(c, T_CUSTOMER);
    str currency = arg_str(&a, "currency"), reference = arg_str(&a, "reference");
    int64_t amount = 0;

    if (!customer || !arg_int(&a, "amount", &amount))
        return NULL;
    if (amount < 1)
        return refuse(c, 400, "parameter_invalid_integer", "amount",
                      "This value must be greater than or equal to 1.");
    const char *way = bank_transfer(currency);
    json_t *sender = json_pack("{s:n,s:s}", "sender_name", "network", "ach");
    json_t *transfer = json_object(), *funded = json_object();
    set_str(transfer, "reference", reference.n ? reference : (str){ 0 });
    set_strz(transfer, "type", way);
    set_new(transfer, way, sender);
    set_new(funded, "bank_transfer", transfer);
    struct record *r = cash_move(c, customer, currency, amount, "funded", funded);
    emit_document(c, c->space, cash_balance_document(customer), "cash_balance.funds_available");
    cash_reconcile(c, customer, currency);
    return answer_record(c, r);
}

json_t *cash_get(struct call *c)
{
    struct record *customer = path_record(c, T_CUSTOMER);

    return customer ? cash_balance_document(customer) : NULL;
}

json_t *cash_update(struct call *c)
{
    struct args a = args_of(c), settings;
    struct record *customer = path_record(c, T_CUSTOMER);
    str mode;

    if (!customer)
        return NULL;
    if (args_sub(&a, "settings", &settings) &&
        arg_word(&settings, "reconciliation_mode", "automatic manual merchant_default", &mode))
        record_hide(customer, "reconciliation",
                    json_str(str_eq(mode, S("merchant_default")) ? S("") : mode));
    return c->refused ? NULL : cash_balance_document(customer);
}

json_t *cash_transactions(struct call *c)
{
    struct record *customer = path_record(c, T_CUSTOMER);

    if (!customer)
        return NULL;
    str url = arena_printf(c->arena, "/v1/customers/%s/cash_balance_transactions", customer->id);
    return answer_list(c, &(struct list_query){ .type = T_CASH_TRANSACTION,
                                                .owner = str_of(customer->id),
                                                .url = url.p });
}

json_t *cash_transaction(struct call *c)
{
    struct record *customer = path_record(c, T_CUSTOMER);
    struct record *r = customer ? record_live(c->space, T_CASH_TRANSACTION, c->part[1]) : NULL;

    if (!customer)
        return NULL;
    if (!r || !is_str(record_doc(r), "customer", customer->id))
        return refuse_missing(c, T_CASH_TRANSACTION, c->part[1], NULL);
    return answer_record(c, r);
}

/* By hand, where the customer's settings do not do it. */
json_t *intents_apply_cash(struct call *c)
{
    struct args a = args_of(c);
    struct record *pi = path_record(c, T_PAYMENT_INTENT);
    int64_t most = INT64_MAX;

    if (!pi)
        return NULL;
    arg_int(&a, "amount", &most);
    if (c->refused)
        return NULL;
    if (!waits_for_cash(pi))
        return refuse(c, 400, "payment_intent_unexpected_state", NULL,
                      "This PaymentIntent does not wait for a bank transfer; its status is %.*s.",
                      STR_ARG(get_str(pi->doc, "status")));
    cash_settle(c, pi, most);
    return answer_record(c, pi);
}
