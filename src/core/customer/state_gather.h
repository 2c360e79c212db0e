/* state_gather.h - how a customer's state is put together; for state.c and state_many.c alone. */
#pragma once

#include "core/customer/state.h"
#include "core/customer/state_value.h"

struct gathering {
    struct tx *tx;
    struct env *env;
    struct state_parts parts;
    struct state_subscription *subscription; /* the parts' */
    struct arena *a;
};

/* More items than the subscription shows itself: the mirror has them as rows of their own. */
enum status state_gather_items(struct gathering *g, struct state_subscription *s,
                               struct error *e) MUST_USE;
enum status state_gather_entitlements(struct gathering *g, struct error *e) MUST_USE;

/* The value in the arena; `method` is what the customer pays with, or empty. */
enum status state_make_value(struct gathering *g, str method, str *out, struct error *e) MUST_USE;
/* Writes it. A pool may have been drawn before somebody else wrote the state that is there, and it
 * may get another revision at this moment (outbox.h): the statement sees to it that none goes back.
 */
enum status state_put_value(struct gathering *g, str value, struct sequence_pool *pool,
                            struct error *e) MUST_USE;

/* Writes one customer's state anew, if it has changed; locks it first. */
enum status state_project(struct tx *tx, struct env *env, str customer, struct sequence_pool *pool,
                          struct error *e) MUST_USE;
/* Whose states rest on an object: now, and before, unless that is the same. Its user's customer,
 * where it is a customer itself, is looked after. */
enum status state_owners(struct tx *tx, struct env *env, str type, str id, str before, str after,
                         struct sequence_pool *pool, str owner[2], struct arena *a,
                         struct error *e) MUST_USE;
