/* later.c - rooms that are not built yet. */
#include "emulator/list.h"
#include "emulator/rooms.h"

json_t *customers_subscriptions(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *customers_payment_methods(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *customers_payment_method(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *payment_methods_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *payment_methods_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *payment_methods_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *payment_methods_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *payment_methods_attach(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *payment_methods_detach(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_confirm(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_capture(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *intents_cancel(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *charges_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *charges_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *charges_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *charges_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *charges_capture(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *charges_refunds(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *refunds_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *refunds_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *refunds_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *refunds_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_delete(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_finalize(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_pay(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_void(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_uncollectible(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_send(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoices_lines(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoiceitems_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoiceitems_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoiceitems_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoiceitems_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoiceitems_delete(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoice_payments_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *invoice_payments_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscriptions_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscriptions_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscriptions_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscriptions_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscriptions_cancel(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscriptions_resume(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscription_items_create(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscription_items_list(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscription_items_get(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscription_items_update(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

json_t *subscription_items_delete(struct call *c)
{
    return refuse(c, 501, NULL, NULL, "The emulator does not do this yet.");
}

msec emulator_advance(struct emulator *e)
{
    e->now = e->replaying ? e->now : emulator_clock(e);
    return INT64_MAX;
}

json_t *subscriptions_embedded(struct call *c, struct record *customer, const char *url)
{
    return list_embedded(c->space, T_SUBSCRIPTION, str_of(customer->id), url);
}

void subscription_cancel(struct call *c, struct record *sub, const char *reason)
{
    (void)c, (void)sub, (void)reason;
}

struct record *payment_method_take(struct call *c, str id, const char *param)
{
    return refuse_missing(c, T_PAYMENT_METHOD, id, param);
}

void payment_method_attach(struct call *c, struct record *pm, str customer)
{
    (void)c, (void)pm, (void)customer;
}

struct outcome payment_method_attach_outcome(struct record *pm)
{
    (void)pm;
    return (struct outcome){ .approved = true };
}
