/* account.c - who the key belongs to, and its money. */
#include "emulator/list.h"
#include "emulator/rooms.h"

json_t *root_get(struct call *c)
{
    static const char *const control[] = {
        "GET POST DELETE /_emulator/faults",
        "GET /_emulator/requests",
        "GET POST /_emulator/clock",
        "GET /_emulator/state/TYPE",
        "GET /_emulator/deliveries",
        "POST /_emulator/deliveries/flush",
        "POST DELETE /_emulator/objects/TYPE/ID",
        "POST /_emulator/webhook_endpoints/ID/roll",
        "POST /_emulator/permissions",
        "POST /_emulator/bulk",
        "POST /_emulator/reset",
    };
    json_t *hello = json_object(), *list = json_array();

    (void)c;
    set_strz(hello, "emulator", "Stripe, for development and tests");
    for (size_t i = 0; i < COUNT(control); i++)
        json_array_append_new(list, json_string(control[i]));
    set_new(hello, "control", list);
    return hello;
}

json_t *account_get(struct call *c)
{
    return answer_record(c, record_any(c->space, T_ACCOUNT, str_of(c->space->account)));
}

/* Of connected accounts there are none yet. [facts: 4.5] */
json_t *accounts_get(struct call *c)
{
    if (str_eqz(c->part[0], c->space->account))
        return account_get(c);
    return refuse(c, 403, "account_invalid", NULL,
                  "The provided key does not have access to account '%.*s' (or that account does "
                  "not exist). Application access may have been revoked.",
                  STR_ARG(c->part[0]));
}

static bool account_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)ctx;
    return !str_eqz(str_of(r->id), c->space->account);
}

/* Connected accounts; one's own is not among them. */
json_t *accounts_list(struct call *c)
{
    return answer_list(c, &(struct list_query){ .type = T_ACCOUNT, .keep = account_kept });
}

/* The one object that tells the mode: an account has no livemode. [facts: 4.5] */
json_t *balance_get(struct call *c)
{
    json_t *doc = json_deep_copy(c->emu->shape[T_BALANCE]);
    json_t *available = json_object_get(doc, "available");
    json_t *pending = json_object_get(doc, "pending");
    const char *currency;
    json_t *amount;

    if (!json_object_size(c->space->balance))
        set_int(c->space->balance, "usd", 0);
    json_object_foreach(c->space->balance, currency, amount)
    {
        int64_t n = (int64_t)json_integer_value(amount);
        json_array_append_new(available,
                              json_pack("{s:I,s:s,s:{s:I}}", "amount", (json_int_t)n, "currency",
                                        currency, "source_types", "card", (json_int_t)n));
        json_array_append_new(pending, json_pack("{s:i,s:s,s:{s:i}}", "amount", 0, "currency",
                                                 currency, "source_types", "card", 0));
    }
    set_bool(doc, "livemode", c->space->livemode);
    return doc;
}

static bool transaction_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str type = arg_str(&a, "type"), currency = arg_str(&a, "currency");
    const json_t *doc = record_doc(r);

    (void)ctx;
    return (!type.n || str_eq(get_str(doc, "type"), type)) &&
           (!currency.n || str_eq(get_str(doc, "currency"), currency));
}

json_t *balance_transactions_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_BALANCE_TRANSACTION, .keep = transaction_kept };

    q.owner = arg_str(&a, "source");
    return answer_list(c, &q);
}

json_t *balance_transactions_get(struct call *c)
{
    struct record *r = path_record(c, T_BALANCE_TRANSACTION);

    return r ? answer_record(c, r) : NULL;
}

void balance_add(struct call *c, struct record *source, const char *type, int64_t amount,
                 int64_t fee)
{
    json_t *doc = record_shape(c->emu, source->space, T_BALANCE_TRANSACTION, NULL);
    json_t *balance = source->space->balance;
    str currency = get_str(record_doc(source), "currency");
    str key = arena_copy(c->arena, currency);

    set_int(doc, "amount", amount);
    set_int(doc, "available_on", now_s(c->emu));
    set_str(doc, "currency", currency);
    set_str(doc, "description", get_str(source->doc, "description"));
    set_int(doc, "fee", fee);
    set_int(doc, "net", amount - fee);
    set_strz(doc, "reporting_category", type);
    set_strz(doc, "source", source->id);
    set_strz(doc, "type", type);
    if (fee)
        json_array_append_new(json_object_get(doc, "fee_details"),
                              json_pack("{s:I,s:n,s:s%,s:s,s:s}", "amount", (json_int_t)fee,
                                        "application", "currency", currency.p, currency.n,
                                        "description", "Stripe processing fees", "type",
                                        "stripe_fee"));
    set_int(balance, key.p, get_int(balance, key.p) + amount - fee);
    struct record *made = record_add(c->emu, source->space, T_BALANCE_TRANSACTION, doc);
    set_strz(source->doc, "balance_transaction", made->id);
    record_touch(source);
}
