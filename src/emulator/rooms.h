/* rooms.h - the handlers of all routes, and what one room of the emulator asks of another. */
#pragma once

#include "emulator/call.h"
#include "emulator/params.h"

/* account.c, balance.c, root.c, admin.c */
handler account_get, accounts_get, accounts_list, accounts_create, accounts_update, accounts_delete,
    accounts_authorize, accounts_reject, account_links_create, login_links_create,
    capabilities_list, capabilities_get, capabilities_update, balance_get,
    balance_transactions_list;
handler root_get;
handler admin_faults_add, admin_faults_list, admin_faults_clear, admin_requests, admin_clock,
    admin_clock_get, admin_state, admin_deliveries, admin_flush, admin_reset, admin_edit,
    admin_remove, admin_bulk, admin_roll, admin_permissions, admin_points, admin_points_set;
/* events.c, webhook_endpoints.c */
handler events_list, events_get, events_retry;
handler webhooks_create, webhooks_list, webhooks_get, webhooks_update, webhooks_delete;
/* products.c, prices.c */
handler products_create, products_list, products_get, products_update, products_delete;
handler prices_create, prices_list, prices_get, prices_update;
/* customers.c, payment_methods.c */
handler customers_create, customers_list, customers_get, customers_update, customers_delete,
    customers_subscriptions, customers_payment_methods, customers_payment_method;
handler payment_methods_create, payment_methods_list, payment_methods_get, payment_methods_update,
    payment_methods_attach, payment_methods_detach;
/* payment_intents.c, charges.c, refunds.c */
handler intents_create, intents_list, intents_get, intents_update, intents_confirm, intents_capture,
    intents_cancel, intents_increment;
handler charges_create, charges_list, charges_get, charges_update, charges_capture, charges_refunds;
handler refunds_create, refunds_list, refunds_get, refunds_update, refunds_cancel, refunds_expire,
    charges_refund;
/* disputes.c */
handler disputes_update, disputes_close;
/* invoices.c, invoice_actions.c, invoice_items.c */
handler invoices_create, invoices_list, invoices_get, invoices_update, invoices_delete,
    invoices_finalize, invoices_pay, invoices_void, invoices_uncollectible, invoices_send,
    invoices_lines, invoices_preview;
handler lines_add, lines_remove, lines_update, lines_change;
handler invoiceitems_create, invoiceitems_list, invoiceitems_get, invoiceitems_update,
    invoiceitems_delete;
handler invoice_payments_list, invoice_payments_get;
/* subscriptions.c, subscription_items.c */
handler subscriptions_create, subscriptions_list, subscriptions_get, subscriptions_update,
    subscriptions_cancel, subscriptions_resume;
handler subscription_items_create, subscription_items_list, subscription_items_get,
    subscription_items_update, subscription_items_delete;
/* plans.c */
handler plans_create, plans_update, plans_delete;
/* discounts.c */
handler customers_discount_get, customers_discount_delete, subscriptions_discount_delete;
/* entitlements.c */
handler product_features_create, product_features_list, product_features_get,
    product_features_delete, entitlements_list;
/* credit_notes.c, quotes.c, portal.c, customer_balance.c */
handler credit_notes_create, credit_notes_preview, credit_notes_preview_lines, credit_notes_void,
    credit_notes_lines;
handler quotes_create, quotes_update, quotes_finalize, quotes_cancel, quotes_accept, quotes_lines,
    quotes_upfront;
handler portal_sessions_create;
handler customer_balance_create, customer_balance_get, customer_balance_update;
/* schedules.c */
handler schedules_create, schedules_update, schedules_cancel, schedules_release;
/* tax.c */
handler tax_ids_create, tax_ids_list, tax_ids_get, tax_ids_delete;

void customer_remove(struct call *c, struct record *customer);
/* --- nested.c --- */
/* A record for `doc` (taken over), told of as `event`. */
struct record *keep_told(struct call *c, enum type t, json_t *doc, const char *event);
void *refuse_status(struct call *c, struct record *r, const char *code, const char *what,
                    const char *which);
/* What the request POST `path` with these parameters (taken over) would make, within this one; NULL
 * when it was refused, and so was this one. */
struct record *nested_make(struct call *c, const char *path, json_t *params);
void param_put(json_t *params, const char *path, str value); /* "a.b"; nothing for {NULL, 0} */
void param_append(json_t *list, json_t *value);              /* takes `value` */
json_t *param_int(int64_t v); /* a number as a parameter is: a text */

/* cash_balance.c */
handler cash_fund, cash_get, cash_update, cash_transactions, cash_transaction, intents_apply_cash;
/* setup_intents.c */
handler setups_create, setups_update, setups_confirm, setups_cancel;
/* payouts.c, transfers.c */
handler payouts_create, payouts_cancel, payouts_reverse, topups_create, topups_cancel;
handler transfers_create, reversals_create, fee_refunds_create, below_get, below_update;
/* checkout.c, checkout_pages.c, payment_links.c */
handler sessions_create, sessions_list, sessions_update, sessions_expire, sessions_items, pages_get,
    pages_confirm;
handler links_create, links_update, links_items, links_open;
/* sources.c */
handler tokens_create, sources_create, sources_list, sources_get, sources_update, sources_delete;

/* {"id", "object", "deleted": true}; a new reference. */
json_t *deleted_form(enum type t, str id);

/* --- prices.c --- */
/* Makes a price from `a` (of POST /v1/prices, or a price_data); NULL when refused, and then nothing
 * was made. `product` is the product's id. No event: the caller emits price.created. */
struct record *price_make(const struct args *a, str product, bool is_inline);
/* Checks what price_make would check, so that a caller can make something else first. */
json_t *price_build(const struct args *a, str product);
struct record *price_keep(struct call *c, json_t *doc, bool is_inline);
/* A price that is its product's default stays on sale; false when refused. [facts: R-01] */
bool price_archive_check(struct call *c, struct record *price);
/* An active price of an active product, or refused. [facts] */
bool price_sellable(struct call *c, struct record *price, const char *param);
/* price_data of an item: its price, in line or the same as an earlier one. */
struct record *price_inline(const struct args *price_data);

/* --- plans.c --- */
/* The same price as the older API sees it; a new reference. */
json_t *plan_of(const json_t *price);
/* Every price is made and changed through these: they keep its plan, and tell of both. */
void price_created(struct call *c, struct record *price);
void price_changed(struct call *c, struct record *price, json_t *before); /* takes it over */

/* --- products.c --- */
struct record *product_make(const struct args *a); /* of product_data; no event */
void product_default(struct call *c, struct record *product, struct record *price);

/* --- payment_methods.c --- */
/* The payment method that `id` means: itself, or a new one when it is a magic one (pm_card_visa) or
 * a token (tok_visa). NULL when refused. */
struct record *payment_method_take(struct call *c, str id, const char *param);
/* A card of a kind ("tok_visa"), under an id (NULL: a new one); NULL when the kind is not known. */
struct record *payment_method_card(struct call *c, str kind, const char *id);
/* From a hash payment_method_data. */
struct record *payment_method_from(const struct args *data);
void payment_method_attach(struct call *c, struct record *pm, str customer);
/* What charging it leads to. */
struct outcome {
    bool approved, action; /* action: the customer would have to authenticate */
    bool pending;          /* known after settle_s seconds: then approved, unless there is a code */
    bool transfer;         /* waits until the customer has sent the money */
    int64_t settle_s;
    const char *code, *decline, *message;
};
/* What follows a payment that was approved. */
enum after {
    AFTER_NOTHING,
    AFTER_AVAILABLE, /* its money can be paid out at once */
    AFTER_DISPUTE,
    AFTER_DISPUTE_NOT_RECEIVED,
    AFTER_INQUIRY,
    AFTER_FRAUD_WARNING,
    AFTER_REFUND_PENDS, /* a refund of it succeeds later */
    AFTER_REFUND_FAILS, /* a refund of it turns out to have failed */
};
enum after payment_method_after(struct record *pm);
struct outcome payment_method_outcome(struct record *pm, bool off_session);
/* Attaching alone is already refused (pm_card_chargeDeclined is "declined" when attached). */
struct outcome payment_method_attach_outcome(struct record *pm);

/* --- sources.c --- */
/* The payment method that a token of POST /v1/tokens stands for; NULL without a refusal when there
 * is no such token. */
struct record *token_used(struct call *c, str id, const char *param);
/* What a customer's source (card_…, ba_…) is: its record, or NULL. */
struct record *source_find(struct space *s, str id);
json_t *sources_embedded(struct call *c, struct record *customer, const char *url);

/* --- payment_intents.c, charges.c --- */
struct intent_order {
    int64_t amount;
    str currency, customer, description;
    struct record *method; /* NULL: none known */
    str invoice;           /* of which invoice it is the payment */
};
struct record *intent_make(struct call *c, const struct intent_order *o);
/* Tries to pay: the intent ends succeeded, requires_action, or requires_payment_method again. */
struct outcome intent_confirm(struct call *c, struct record *pi, struct record *method,
                              bool off_session);
void intent_cancel(struct call *c, struct record *pi, const char *reason);
void intent_say(struct call *c, struct record *pi, const char *event); /* after a change */
/* It is paid with `method`, whatever that method's fate. */
void intent_paid(struct call *c, struct record *pi, struct record *method);
/* What payment_intent_data, too, may say of an intent. */
bool intent_fields_apply(const struct args *a, json_t *doc);
/* What the customer has to do next, of an intent. */
json_t *next_action(struct call *c, struct record *r);

/* --- setup_intents.c --- */
struct record *setup_make(struct call *c, str customer); /* no event */
struct outcome setup_confirm(struct call *c, struct record *si, struct record *method);
struct record *mandate_of(struct call *c, struct record *method);

/* --- cash_balance.c --- */
/* Pays out of the customer's cash balance, or asks for a bank transfer. */
struct outcome cash_pay(struct call *c, struct record *pi, struct record *method,
                        const struct outcome *o);
json_t *cash_balance_document(struct record *customer);

/* --- checkout.c --- */
/* The intent of a session, which had been processing, is paid or has failed. */
bool checkout_holds(struct record *pi); /* it belongs to a page that is still open */
void checkout_settled(struct call *c, struct record *pi, bool paid);
json_t *checkout_items_embedded(struct call *c, struct record *of, const char *parent);

/* Refuses with 402, with the intent in the error. */
void *refuse_declined(struct call *c, struct record *pi, const struct outcome *o);
struct record *charge_make(struct call *c, struct record *pi, struct record *method,
                           const struct outcome *o, bool captured);
void charge_capture(struct call *c, struct record *charge, int64_t amount);
/* A pending one is known now: failed when `o` has a code. */
void charge_settle(struct call *c, struct record *charge, const struct outcome *o);
/* What was held is given back; nothing was captured. */
void charge_release(struct call *c, struct record *charge, const char *event);
/* What its card brings about once it is paid: a dispute, for instance. */
void charge_after(struct call *c, struct record *charge);

/* --- refunds.c --- */
/* `doc` (taken over) is of a refund; not told of before refund_tell. */
struct record *refund_make(struct call *c, struct record *charge, json_t *doc, int64_t amount);
void refund_tell(struct call *c, struct record *charge, struct record *r);

/* --- transfers.c --- */
/* A refund takes the shares of others back, where it is asked to; whether it may be. */
bool charge_unshare_check(struct call *c, struct record *charge, bool transfer, bool fee);
void charge_unshare(struct call *c, struct record *charge, struct record *refund, bool transfer,
                    bool fee);
/* The shares of others in a captured charge: the application's fee, the destination's transfer. */
void charge_share(struct call *c, struct record *charge, int64_t amount);

/* --- payment_links.c --- */
void links_follow(struct call *c, struct record *product); /* which was archived */

/* --- disputes.c --- */
void dispute_make(struct call *c, struct record *charge, const char *reason, bool inquiry);
/* Whether a dispute keeps the charge from being refunded. */
bool dispute_holds(struct space *s, struct record *charge);
void fraud_warning_make(struct call *c, struct record *charge);

/* --- balance.c --- */
struct movement {
    struct record *source;
    const char *type, *category; /* category NULL: the same as the type */
    int64_t amount, fee, application_fee;
    bool later; /* not to be paid out before PENDING_DAYS have passed */
};
/* Moves money of source's account; the transaction. */
struct record *balance_move(struct call *c, const struct movement *m);
/* The same, and it becomes the source's balance_transaction. */
struct record *balance_add(struct call *c, const struct movement *m);
void balance_tell(struct call *c, struct space *s); /* balance.available */
/* Whether so much may be paid out now; refuses when not. */
bool balance_enough(struct call *c, str currency, int64_t amount);

/* --- discounts.c --- */
/* What one element of discounts[] means: a coupon, perhaps by its promotion code, or a discount
 * that is there already. */
struct discount_source {
    struct record *coupon, *code, *kept;
};
struct discount_order {
    bool given;
    struct discount_source source[20];
    size_t n;
};
/* Reads and checks the parameter discounts (or coupon, promotion_code); false when refused. */
bool discounts_read(const struct args *a, str customer, struct discount_order *o);
/* What they are put on; others are {NULL, 0}. */
struct discount_target {
    str customer, subscription, subscription_item, invoice, invoice_item;
};
/* Makes them, and gives the list of their ids; tells of those of customers and subscriptions. */
json_t *discounts_make(struct call *c, const struct discount_order *o,
                       const struct discount_target *t);
/* The same into doc.discounts, if any were given; what stood there and no longer does is ended. */
void discounts_apply(struct call *c, json_t *doc, const struct discount_order *o,
                     const struct discount_target *t);
void customer_discount_apply(struct call *c, struct record *customer,
                             const struct discount_order *o);
/* The invoice gets its subscription's, or else its customer's. */
void invoice_discounts(struct call *c, struct record *inv, struct record *customer,
                       struct record *sub);
/* The invoice has used up what its subscription or customer has once. */
void discounts_used(struct call *c, struct record *inv, struct record *owner);

/* --- invoices --- */
struct invoice_order {
    str customer, currency, subscription, collection;
    const char *reason; /* billing_reason */
    int64_t period_start, period_end;
    bool include_pending;
};
struct record *invoice_make(struct call *c, const struct invoice_order *o);
void invoice_line_from_item(struct call *c, struct record *invoice, struct record *sub_item,
                            bool free);
void invoice_take_pending(struct call *c, struct record *invoice, str only_subscription);
/* One pending item becomes a line. */
void invoice_take_one(struct call *c, struct record *invoice, struct record *item);
/* A pending item of what one element of add_invoice_items, or POST /v1/invoiceitems, says; no
 * event; NULL when refused. */
struct record *invoiceitem_make(const struct args *a, str customer, str sub, str currency);
/* What POST /v1/invoiceitems/{} does to the item and the line that it is on; false when refused.
 * The invoice is not counted anew. */
bool invoiceitem_change(const struct args *a, struct record *item);
/* What a price looks like on a line; a new reference. */
json_t *price_pricing(const json_t *price);
/* Counts lines, discounts and taxes together (invoice_totals.c), and embeds the lines. */
void invoice_total(struct record *invoice);
/* Gives a number, opens it, makes its payment intent; a total of nothing is paid at once. */
void invoice_finalize(struct call *c, struct record *invoice);
/* Tries to charge it. ST_OK: paid. ST_REFUSED: declined. ST_NONE: there is no payment method. */
enum status invoice_charge(struct call *c, struct record *invoice, struct record *method,
                           struct outcome *o);
/* The debit that should have paid it came back. */
void invoice_bounced(struct call *c, struct record *invoice);
/* All attempts have been made. */
bool invoice_given_up(struct record *invoice);
/* It was due, and there is nothing to charge. */
void invoice_unpayable(struct call *c, struct record *invoice);
void invoice_settle(struct call *c, struct record *invoice, bool out_of_band);
void invoice_void(struct call *c, struct record *invoice);
void invoice_write_off(struct call *c, struct record *invoice); /* uncollectible */
struct record *invoice_intent(struct record *invoice); /* its default payment's intent, or NULL */
/* What pays for the customer or subscription: [facts: 10.1] the order of choice. */
struct record *default_method(struct call *c, struct record *customer, struct record *sub);

/* --- subscriptions.c --- */
json_t *subscriptions_embedded(struct call *c, struct record *customer, const char *url);
void subscription_cancel(struct call *c, struct record *sub, const char *reason);
/* Cancels on request, perhaps with a credit for unused time, perhaps with a last invoice. */
void subscription_stop(struct call *c, struct record *sub, bool prorate, bool invoice_now);
/* What POST /v1/subscriptions does; NULL when refused. */
struct record *subscription_create(const struct args *a, struct record *customer);
/* What POST /v1/subscriptions/{} does; false when refused. */
bool subscription_update(const struct args *a, struct record *sub);
/* Over what is still pending, and no period; not told of yet; NULL when there is nothing. */
struct record *subscription_pending_invoice(struct call *c, struct record *sub, const char *reason);
/* The invoice of this subscription was paid, or its payment failed. */
void subscription_paid(struct call *c, struct record *invoice);
void subscription_unpaid(struct call *c, struct record *invoice);
void subscription_embed(struct record *sub); /* its items, into its document */
/* What one element of items[] wants. Checked whole before anything is made. */
struct item_order {
    struct discount_order discounts;
    struct args args;
    struct record *price; /* NULL: made of price_data when it is kept */
    int64_t quantity;
};
bool item_check(const struct args *a, struct item_order *o);
struct record *item_keep(struct call *c, struct record *sub, const struct item_order *o,
                         int64_t start, int64_t end);
int64_t add_months(int64_t from, int64_t months);
/* The end of the period that begins at `start`, counted from the anchor so that the 31st stays. */
int64_t period_end(int64_t anchor, int64_t start, const json_t *recurring);
/* The items enter the period that begins at `start`. */
void items_next_period(struct record *sub, int64_t start);
/* Price, quantity, metadata of an item that is there; false when refused. */
bool subscription_item_apply(const struct args *a, struct record *si);
/* The recurring of the first item's price, borrowed; the end of its period. */
const json_t *subscription_recurring(struct record *sub);
int64_t subscription_period_end(struct record *sub);
/* The draft for the items' present periods, with lines; told of as invoice.created. */
struct record *subscription_invoice(struct call *c, struct record *sub, const char *reason);

/* --- prorations.c --- */
/* How a change of a subscription is to be billed. */
struct proration {
    str behavior, payment; /* proration_behavior, payment_behavior */
    int64_t date;
    bool anchor_now; /* a new period begins */
};
bool proration_read(const struct args *a, struct record *sub, struct proration *p);
json_t *items_snapshot(struct record *sub); /* the items' documents as they are; a new reference */
bool items_changed_worth(struct record *sub, const json_t *before);
/* Makes the items of a change from `before`, and the invoice if there is one at once (a draft that
 * is not told of yet), or NULL. */
struct record *items_prorated(struct call *c, struct record *sub, const json_t *before,
                              const struct proration *p);
/* The unused time of all of them is given back. */
void items_credited(struct call *c, struct record *sub, const json_t *items, int64_t at);
/* False when refused: the change would not be paid for, and must be. */
bool proration_payable(struct call *c, struct record *sub, const struct proration *p);
void update_pay(struct call *c, struct record *sub, struct record *inv, const struct proration *p);
/* Puts an invoice of a change into the subscription, tells of both, and has it paid. Takes `before`
 * (the subscription's document) over; `inv` may be NULL. */
void subscription_changed(struct call *c, struct record *sub, json_t *before, struct record *inv,
                          const struct proration *p);

/* --- pending_updates.c --- */
/* The change would not be paid for, and is to wait until it is. */
bool pending_wanted(struct call *c, struct record *sub, const struct proration *p);
/* Puts the subscription (its document was `before`, its items `items`) back to what it was, and
 * what it would become into pending_update. */
void pending_keep(struct call *c, struct record *sub, const json_t *before, const json_t *items,
                  struct record *inv);
bool pending_is_for(struct record *sub, struct record *inv);
void pending_apply(struct call *c, struct record *sub);
void pending_expire(struct call *c, struct record *sub);

/* --- entitlements.c --- */
/* What the customer may use follows from its subscriptions; tells of a change. */
void entitlements_follow(struct call *c, str customer);

/* --- customer_balance.c --- */
struct balance_order {
    int64_t amount; /* below nought: a credit */
    const char *type;
    str currency, invoice, credit_note, description;
    bool quiet; /* the customer's event is told by the caller */
};
/* Changes the customer's balance by a transaction. */
struct record *customer_balance_add(struct call *c, struct record *customer,
                                    const struct balance_order *o);

/* --- schedules.c --- */
/* The subscription is over: so is its schedule. */
void schedule_ended(struct call *c, struct record *sub);
/* Lets its schedule act, if that is due by now. */
void schedule_first(struct call *c, struct record *sub);

/* --- preview.c --- */
/* Tells of the invoice to come as invoice.upcoming; nothing when there will be none. */
void upcoming_emit(struct call *c, struct record *sub);

/* --- time.c --- */
/* When time has something to do with it; INT64_MAX: never. Of types that have a rule there: `due`
 * reads the document alone, `act` does what was due and leaves the record with a later due. */
int64_t record_due(const struct record *r);
int64_t time_or_never(const json_t *doc, const char *key); /* INT64_MAX when it is null */
typedef int64_t due_rule(const struct record *r);
typedef void act_rule(struct call *c, struct record *r);
due_rule subscription_due, invoice_due, test_clock_due, discount_due, schedule_due, quote_due,
    coupon_due, promotion_due;
act_rule subscription_act, invoice_act, test_clock_act, discount_act, schedule_act, quote_act,
    coupon_act, promotion_act;
due_rule transaction_due, intent_due, refund_due, dispute_due, checkout_due, payout_due, topup_due,
    account_due;
act_rule transaction_act, intent_act, refund_act, dispute_act, checkout_act, payout_act, topup_act,
    account_act;
/* Does everything that is due on this clock up to `until`, in its order, each in its second. False
 * when there was no end of it. */
bool clock_run(struct emulator *e, struct test_clock *k, int64_t until);

/* emulator_advance would do something now. */
bool time_is_due(const struct emulator *e);

/* --- test_clocks.c --- */
handler test_clocks_create, test_clocks_list, test_clocks_get, test_clocks_delete,
    test_clocks_advance;
/* A new record lives by the clock that the request follows, and says so. */
void clock_inherit(struct emulator *e, struct record *r);
/* Its document may name a clock. */
void clock_attach(struct record *r);
/* The request is about something that lives by a clock: its time is that clock's. False when
 * refused (no such clock, or it is being advanced). */
bool clock_follow(struct call *c);
/* Lists of these leave out what lives by a clock unless they are asked for it. [facts: F-01] */
struct clock_filter {
    bool all;
    const struct test_clock *only; /* NULL: what lives by none */
};
bool clock_filter(struct call *c, enum type t, bool owned, struct clock_filter *out);

/* --- currencies.c --- */
/* 0, 2 or 3 decimals; in three-decimal currencies the last digit of an amount is always 0. */
int currency_decimals(str currency);
int64_t currency_round(str currency, int64_t amount); /* to what can be charged */
/* Refuses an amount that cannot be charged in its currency. */
bool amount_fits(struct call *c, str currency, int64_t amount, const char *param);
/* The parameter `currency` into the document, in small letters; refuses one that does not exist. */
bool currency_apply(const struct args *a, json_t *doc);

/* --- coupons.c --- */
/* The active one with this code, whatever its case, or NULL. */
struct record *promotion_by_code(struct space *s, str code);

/* --- tax.c --- */
/* The ids of tax rates in parameter `name`, as whole rates into `member`; false when refused. */
bool tax_rates_read(const struct args *a, const char *name, json_t *doc, const char *member);
/* Of type and value; for the account itself without customer. No event; NULL when refused. */
struct record *tax_id_make(const struct args *a, str customer);

/* --- amounts.c --- */
int64_t price_amount(struct record *price, const json_t *doc, int64_t quantity);

/* --- destinations.c, thin.c: /v2 --- */
handler destinations_create, destinations_list, destinations_get, destinations_update,
    destinations_delete, destinations_disable, destinations_enable, destinations_ping;
handler thin_events_list, thin_events_get;
struct page_v2 {
    size_t limit;
    uint64_t before; /* only what was made before this one; 0: all */
};
bool page_v2_read(struct call *c, struct page_v2 *p);
/* Takes `data` over; `last`: the seq of the last one when there are more, else 0. */
json_t *page_v2_answer(struct call *c, json_t *data, uint64_t last);

/* --- search.c: of the type that the route answers with --- */
handler search;
