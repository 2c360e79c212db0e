/* state.h - every customer's subscription state (state_value.h), a row each.
 *
 * The row is written in the transaction of whatever it rests on: subscriptions, their items, the
 * customer, the payment method, entitlements. So it is never older or newer than the mirror. Its
 * revision is from the store's sequence: it grows with every change, and a store that is made anew
 * begins beyond what any earlier one has given out. A customer who never had a subscription needs
 * no row. */
#pragma once

#include "base/buf.h"
#include "core/env.h"
#include "core/mirror/horizon.h"
#include "core/sequence.h"

/* The object (type, id) has changed in this transaction: the states that rest on it are written
 * anew. `before` and `after` are its contents; either may be empty. */
enum status state_follow(struct tx *tx, struct env *env, str type, str id, str before, str after,
                         struct sequence_pool *pool, struct arena *a, struct error *e) MUST_USE;

/* Customers whose states are to be written anew in this transaction, all together at its end. */
enum { STATE_LATER_MAX = 256 };

struct state_later {
    size_t n;
    str customer[STATE_LATER_MAX];
};

/* As state_follow, but the states are only noted in `l`; their ids live in `a` or in what came in.
 */
enum status state_note(struct tx *tx, struct env *env, str type, str id, str before, str after,
                       struct sequence_pool *pool, struct state_later *l, struct arena *a,
                       struct error *e) MUST_USE;
/* Writes what was noted: nothing that a state rests on is stored after this in the transaction. */
enum status state_follow_later(struct tx *tx, struct env *env, struct state_later *l,
                               struct sequence_pool *pool, struct error *e) MUST_USE;

/* The field under which a customer's active entitlements are noted as its own: they do not say. */
#define STATE_ENTITLEMENTS "entitlements"

struct state_sync {
    msec started_at; /* wall */
    bool entitled;   /* its entitlements are known, too */
};

/* The customer was synced as a whole (customer.h): its state is complete, even if it is none. */
enum status state_synced(struct tx *tx, struct env *env, str customer,
                         const struct state_sync *sync, struct sequence_pool *pool, struct arena *a,
                         struct error *e) MUST_USE;

/* What the customer pays with, as its state shows it: the id, empty when there is none, and whether
 * the mirror knows that payment method. */
enum status state_payment_method(struct tx *tx, struct env *env, str customer, str *id, bool *known,
                                 struct arena *a, struct error *e) MUST_USE;

/* The state is made anew of the objects, and gets a new revision even if it is the same. */
enum status state_renew(struct tx *tx, struct env *env, str customer, struct sequence_pool *pool,
                        struct error *e) MUST_USE;

struct customer_state {
    str value; /* JSON as state_value.h has it */
    int64_t revision;
    msec changed_at; /* wall: when the value became what it is */
    bool is_none;    /* the customer has no subscription */
    msec synced_at;  /* when the last full sync of this customer began; 0: there was none */
    /* Has the customer been synced as a whole, or have the account's subscriptions been listed to
     * their end? If not, there may be some that nobody has seen: `is_none` proves nothing. */
    bool complete;
    struct horizon horizon; /* up to when it is complete, and from where that is known */
    msec stale_since;       /* wall: news waits since then, or none was looked for; 0: neither */
    bool failed;            /* what waits could not be fetched up to now, */
    str why;                /* and this is why */
    str stale_why;          /* a sentence, when it is stale */
};

/* ST_NONE: the mirror does not know the customer: it was never synced, or Stripe has no such; the
 * sentence says which. ST_RETRY: Stripe was asked and could not be reached, or the store could not.
 */
enum status state_get(struct env *env, str customer, struct customer_state *out, struct arena *a,
                      struct error *e) MUST_USE;

/* The same as one JSON object: the value's members, and, times in milliseconds: "asOf" (now, or
 * since when it is stale), "revision", "syncedAt", "complete", "completeUpTo" with "completeBy"
 * (sync, list, events; both null when nobody knows), "stale" and, when it is, "staleWhy";
 * "severalLive": is more than one subscription live? null when that cannot be told. */
void state_print(const struct customer_state *s, msec now, struct buf *out);
/* A row's value as the key-value server gets it: with "asOf" and "revision" alone. */
void state_print_stored(str value, int64_t revision, msec now, struct buf *out);
