/* state_value.h - a customer's subscription state as one JSON value, made of the objects it rests
 * on. Pure; test_state_value.c is its specification.
 *
 *     {"customerId":"cus_1","subscriptionId":"sub_1","status":"active","priceId":"price_1",
 *      "currentPeriodStart":1790000000,"currentPeriodEnd":1792592000,"cancelAtPeriodEnd":false,
 *      "paymentMethod":{"brand":"visa","last4":"4242"},
 *      "entitlements":["api","seats"],
 *      "liveSubscriptions":["sub_1"],
 *      "subscriptions":[{"id":…,"status":…,"created":…,"currentPeriodStart":…,"currentPeriodEnd":…,
 *        "cancelAtPeriodEnd":…,"cancelAt":…,"canceledAt":…,"endedAt":…,"trialEnd":…,
 *        "items":[{"id":…,"priceId":…,"productId":…,"quantity":…}]}…]}
 *
 * Without a subscription: {"customerId":"cus_1","status":"none","liveSubscriptions":[],…}. A
 * deleted customer also says "deleted":true. Times are Stripe's seconds. Entitlements are the
 * lookup keys of the features that the customer may use now; null: nobody has listed them yet.
 *
 * The current subscription is the one of the best status: active, trialing, past_due, unpaid,
 * paused, incomplete, canceled, incomplete_expired; of several with the same status the one created
 * last; then the greater id. The place in a list decides nothing.
 *
 * The periods are the subscription's own where it has them (API versions before 2025-03-31), else
 * those of the item whose period ends first: what is renewed next. [facts: F-22] */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct state_subscription {
    str id, data; /* a valid JSON object */
    /* All its items, when those in `data` are not all; else NULL. */
    const str *item;
    size_t n_items;
};

struct state_parts {
    str customer_id;
    str customer; /* its object; empty: it is not in the mirror */
    bool customer_deleted;
    const struct state_subscription *subscription;
    size_t n_subscriptions;
    bool entitlements_known;
    str *entitlement; /* lookup keys, in any order; state_write sorts them */
    size_t n_entitlements;
};

enum { STATE_NO_SUBSCRIPTION = -1 };

/* The index of the current subscription, or STATE_NO_SUBSCRIPTION. */
int state_current(const struct state_parts *p, struct arena *a);

/* How many of the subscriptions are live: active, trialing or past_due. */
size_t state_live(const struct state_parts *p, struct arena *a);
bool state_is_live(str status);

/* The payment method that the current subscription is paid with: its own default, else the
 * customer's. Empty: none is known. */
str state_payment_method_id(const struct state_parts *p, struct arena *a);

/* Writes the value. `payment_method` is the object of state_payment_method_id, empty when it is not
 * in the mirror. */
void state_write(const struct state_parts *p, str payment_method, struct buf *out, struct arena *a);
