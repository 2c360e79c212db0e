/* balance.c - the account's money: what may be paid out, and every movement of it. */
#include "emulator/list.h"
#include "emulator/rooms.h"

enum { PENDING_DAYS = 2 };

static void balance_entry(json_t *list, const char *currency, int64_t n)
{
    json_array_append_new(list, json_pack("{s:I,s:s,s:{s:I}}", "amount", (json_int_t)n, "currency",
                                          currency, "source_types", "card", (json_int_t)n));
}

static json_t *balance_document(struct call *c, struct space *s)
{
    json_t *doc = json_deep_copy(c->emu->shape[T_BALANCE]);
    const char *currency;
    json_t *amount;

    if (!json_object_size(s->balance))
        set_int(s->balance, "usd", 0);
    json_object_foreach(s->balance, currency, amount)
    {
        balance_entry(json_object_get(doc, "available"), currency,
                      (int64_t)json_integer_value(amount));
        balance_entry(json_object_get(doc, "pending"), currency, get_int(s->pending, currency));
    }
    set_bool(doc, "livemode", s->livemode);
    return doc;
}

/* The one object that tells the mode: an account has no livemode. [facts: 4.5] */
json_t *balance_get(struct call *c)
{
    return balance_document(c, c->space);
}

bool balance_enough(struct call *c, str currency, int64_t amount)
{
    str key = arena_copy(c->arena, currency);

    if (get_int(c->space->balance, key.p) >= amount)
        return true;
    refuse(c, 400, "balance_insufficient", NULL,
           "You have insufficient available funds in your Stripe account. Try adding funds "
           "directly to your available balance by creating Charges using the 4000000000000077 test "
           "card. See: https://stripe.com/docs/testing#available-balance");
    return false;
}

static void fee_detail(json_t *doc, int64_t fee, str currency, const char *type, const char *text)
{
    json_t *v = json_object();

    set_int(v, "amount", fee);
    set_null(v, "application");
    set_str(v, "currency", currency);
    set_strz(v, "description", text);
    set_strz(v, "type", type);
    if (fee)
        json_array_append(json_object_get(doc, "fee_details"), v);
    json_decref(v);
}

static struct record *transaction_make(struct call *c, const struct movement *m)
{
    struct space *s = m->source->space;
    json_t *doc = record_shape(c->emu, s, T_BALANCE_TRANSACTION, NULL);
    json_t *to = m->later ? s->pending : s->balance;
    str currency = get_str(record_doc(m->source), "currency");
    str key = arena_copy(c->arena, currency);
    int64_t fee = m->fee + m->application_fee;

    set_int(doc, "amount", m->amount);
    set_int(doc, "available_on", now_s(c->emu) + (m->later ? PENDING_DAYS * 86400 : 0));
    set_str(doc, "currency", currency);
    set_str(doc, "description", get_str(m->source->doc, "description"));
    set_int(doc, "fee", fee);
    fee_detail(doc, m->fee, currency, "stripe_fee", "Stripe processing fees");
    fee_detail(doc, m->application_fee, currency, "application_fee", "Application fee");
    set_int(doc, "net", m->amount - fee);
    set_strz(doc, "reporting_category", m->category ? m->category : m->type);
    set_strz(doc, "source", m->source->id);
    set_strz(doc, "status", m->later ? "pending" : "available");
    set_strz(doc, "type", m->type);
    set_int(to, key.p, get_int(to, key.p) + m->amount - fee);
    if (m->later) /* so that both lists of the balance know the currency */
        set_int(s->balance, key.p, get_int(s->balance, key.p));
    return record_add(c->emu, s, T_BALANCE_TRANSACTION, doc);
}

/* The balance is the account's: it goes by no test clock. */
struct record *balance_move(struct call *c, const struct movement *m)
{
    struct test_clock *outer = c->emu->following;

    c->emu->following = NULL;
    struct record *made = transaction_make(c, m);
    c->emu->following = outer;
    return made;
}

struct record *balance_add(struct call *c, const struct movement *m)
{
    struct record *made = balance_move(c, m);

    set_strz(m->source->doc, "balance_transaction", made->id);
    record_touch(m->source);
    return made;
}

/* --- what was pending becomes available --- */

int64_t transaction_due(const struct record *r)
{
    return is_str(r->doc, "status", "pending") ? time_or_never(r->doc, "available_on") : INT64_MAX;
}

static void transaction_available(struct call *c, struct record *r)
{
    struct space *s = r->space;
    str key = arena_copy(c->arena, get_str(record_doc(r), "currency"));
    int64_t net = get_int(r->doc, "net");

    set_strz(r->doc, "status", "available");
    set_int(s->pending, key.p, get_int(s->pending, key.p) - net);
    set_int(s->balance, key.p, get_int(s->balance, key.p) + net);
    record_touch(r);
}

/* All of the same second are one event. */
void transaction_act(struct call *c, struct record *r)
{
    const struct table *t = &c->space->table[T_BALANCE_TRANSACTION];

    (void)r;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i]->due <= now_s(c->emu))
            transaction_available(c, t->row[i]);
    balance_tell(c, c->space);
}

void balance_tell(struct call *c, struct space *s)
{
    emit_document(c, s, balance_document(c, s), "balance.available");
}

/* --- transactions --- */

static bool transaction_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str type = arg_str(&a, "type"), currency = arg_str(&a, "currency");
    str payout = arg_str(&a, "payout");
    const json_t *doc = record_doc(r);

    (void)ctx;
    /* Payouts made by hand do not know what they pay: that is their own transaction alone. */
    return (!type.n || str_eq(get_str(doc, "type"), type)) &&
           (!currency.n || str_eq(get_str(doc, "currency"), currency)) &&
           (!payout.n || str_eq(get_str(doc, "source"), payout));
}

json_t *balance_transactions_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_BALANCE_TRANSACTION, .keep = transaction_kept };

    q.owner = arg_str(&a, "source");
    return answer_list(c, &q);
}
