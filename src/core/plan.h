/* plan.h - the decision what an event makes due. Pure; test_plan.c is its specification.
 *
 * What the event names is due by its own GET: an object of a customer, of the catalogue, whatever
 * it is. Events after which a customer may have other rights than before (t3's eighteen types, and
 * refunds, disputes, schedules, discounts, entitlements, …; the table in plan.c) make the customer
 * due as a whole, too (customer.h): so a webhook that was lost is made good by the next one.
 *
 * What that costs: the whole is one key for each customer, however many events speak of it, and so
 * at most one sync that runs and one that waits. Once the customer was synced, it asks for the
 * list of subscriptions alone (and that of entitlements, where the account may have features), for
 * what changes the customer itself has events of its own: an event about a subscription is two
 * requests (the object, the list), a burst of any length four. The object's own GET stays, for its
 * payload's word that it belongs to that customer proves nothing, and neither does a list that does
 * not show it. Events that change nobody's rights (invoice.created, payment_method.attached,
 * customer.updated, …) are one request as before: the state follows what is stored. */
#pragma once

#include "core/env.h"
#include "core/event.h"

enum plan_outcome {
    PLAN_DUE,         /* the keys below need work */
    PLAN_UNKNOWN,     /* an object type that the resource table does not have */
    PLAN_UNFETCHABLE, /* nothing of it can be fetched: no id, or a type without a GET */
    PLAN_QUARANTINED, /* not of this environment: kept aside, see `reason` */
    PLAN_ERASED,      /* about somebody who was erased: no work, and its body is not kept */
};

enum {
    PLAN_KEYS_MAX = 4,
    PLAN_TOLD_MAX = 255,
    PLAN_ID_MAX = 255,
    PLAN_OUTCOME_COUNT = PLAN_ERASED + 1
};

struct plan_key {
    str type, id;
    bool gone;  /* the event says that it was deleted */
    bool whole; /* the customer of this object (or this customer) as a whole, not the object */
};

struct plan {
    enum plan_outcome outcome;
    const char
        *reason; /* a constant: "other_mode", "connected_account", "no_object_id", … or NULL */
    struct plan_key key[PLAN_KEYS_MAX];
    size_t n_keys;
    str told_type, told_id; /* the event's object is itself what there is (told.h); or empty */
};

const char *plan_outcome_name(enum plan_outcome o); /* as stored in _inbox.outcome */

/* Whether an event's `account`, where it has one, may be worked for. */
enum plan_account {
    PLAN_NO_CONNECT, /* connect is off */
    PLAN_STRANGER,   /* connect is on, but this account is not known */
    PLAN_OWN,        /* it is `id`'s own */
};

/* Slices of the answer live in the event, its arena `a` (ids inside its object) or constants. */
struct plan plan_for_event(const struct event *ev, const struct identity *id,
                           enum plan_account whose, struct arena *a);
