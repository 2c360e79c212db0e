/* customer_balance.c - what a customer has to its credit (below nought) or owes, and how it came to
 * be. Every change of customer.balance is a transaction. */
#include "emulator/list.h"
#include "emulator/rooms.h"

struct record *customer_balance_add(struct call *c, struct record *customer,
                                    const struct balance_order *o)
{
    json_t *doc = record_shape(c->emu, c->space, T_CUSTOMER_BALANCE_TRANSACTION, NULL);
    json_t *before = change_begin(customer);
    int64_t balance = get_int(customer->doc, "balance") + o->amount;

    set_int(doc, "amount", o->amount);
    set_int(doc, "ending_balance", balance);
    set_strz(doc, "type", o->type);
    set_str(doc, "currency", o->currency);
    set_strz(doc, "customer", customer->id);
    set_str(doc, "invoice", o->invoice);
    set_str(doc, "credit_note", o->credit_note);
    set_str(doc, "description", o->description);
    set_int(customer->doc, "balance", balance);
    if (!get_str(customer->doc, "currency").p)
        set_str(customer->doc, "currency", o->currency);
    struct record *r = record_add(c->emu, c->space, T_CUSTOMER_BALANCE_TRANSACTION, doc);
    if (o->quiet) {
        json_decref(before);
        record_touch(customer);
    } else {
        change_end(c, customer, before, "customer.updated");
    }
    return r;
}

json_t *customer_balance_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *customer = path_record(c, T_CUSTOMER);
    struct balance_order o = { .type = "adjustment", .description = arg_str(&a, "description") };
    json_t *said = json_object();

    if (!customer || !arg_int(&a, "amount", &o.amount) || !currency_apply(&a, said)) {
        json_decref(said);
        return NULL;
    }
    o.currency = arena_copy(c->arena, get_str(said, "currency"));
    json_decref(said);
    str has = get_str(record_doc(customer), "currency");
    if (has.p && !str_eq(has, o.currency))
        return refuse(c, 400, NULL, "currency",
                      "The customer's balance is in %.*s; a transaction must be, too.",
                      STR_ARG(has));
    struct record *r = customer_balance_add(c, customer, &o);
    metadata_apply(&a, record_doc(r));
    record_touch(r);
    return answer_record(c, r);
}

static struct record *transaction_path(struct call *c)
{
    struct record *r = record_live(c->space, T_CUSTOMER_BALANCE_TRANSACTION, c->part[1]);

    return r && str_eq(get_str(record_doc(r), "customer"), c->part[0])
               ? r
               : refuse_missing(c, T_CUSTOMER_BALANCE_TRANSACTION, c->part[1], NULL);
}

json_t *customer_balance_get(struct call *c)
{
    struct record *r = transaction_path(c);

    return r ? answer_record(c, r) : NULL;
}

json_t *customer_balance_update(struct call *c)
{
    static const struct field fields[] = { { "description", F_TEXT_NULL, NULL, 350 },
                                           { "metadata", F_METADATA, NULL, 0 } };
    struct args a = args_of(c);
    struct record *r = transaction_path(c);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!fields_apply(&a, r->doc, fields, COUNT(fields))) {
        change_abort(r, before);
        return NULL;
    }
    json_decref(before);
    record_touch(r);
    return answer_record(c, r);
}
