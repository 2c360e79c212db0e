/* party.h - whose objects a request is about: the environment's own account, or a connected one.
 *
 * A connected account is named as at Stripe, by the header Stripe-Account, or by account= in the
 * query. Nothing of one is reached without its name, and with one nothing else: everything behind
 * is asked for by the environment that acts for it (core/environment/acting.h). */
#pragma once

#include "core/environment/acting.h"
#include "serve/routes.h"

struct party {
    struct served *served;
    struct env *env; /* the environment's own, or `room`'s */
    struct acting room;
    enum account_state state; /* of a connected account; ACCOUNT_ACTIVE for the own one */
};

/* The environment in the path's first place, and the account. False: the request has been answered:
 * no such environment, no such account, a name that is none, two that differ. What is here of an
 * account that cannot be reached any more may be read. `out` must not move. */
bool party_enter(const struct route_call *c, struct party *out) MUST_USE;
/* May Stripe be asked for something? False: answered, with why not. */
bool party_may_ask(const struct route_call *c, const struct party *p) MUST_USE;
