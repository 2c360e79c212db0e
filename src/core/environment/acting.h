/* acting.h - an environment as it is for one connected account (Connect).
 *
 * It is an environment like any other: its identity is the connected account, and every request
 * that leaves by its world carries that account in its header. Whoever works on a connected
 * account's objects is given one of these, so that nobody can forget the header. Bell, proofs and
 * settings are those of the platform's environment (`root`). */
#pragma once

#include "core/env.h"
#include "world/tx.h"

/* What Stripe's answers have said of the account while it was acted for. */
enum access { ACCESS_UNSAID, ACCESS_GRANTED, ACCESS_UNREACHABLE, ACCESS_WRONG_MODE };

struct stripe_acting {
    struct stripe base;
    struct stripe *inner;
    char account[ACCOUNT_ID_MAX + 1];
    _Atomic enum access access;
    struct clock *clock;
    _Atomic msec asked_at; /* wall; when what has told of the access was asked */
    _Atomic uint64_t key;  /* with which key (stripe_response.key) */
};

struct acting {
    struct env env;
    struct world world;
    struct stripe_acting stripe;
};

/* `root` outlives it; it needs no end. `account` at most ACCOUNT_ID_MAX bytes. A root without
 * Stripe (a reader's) is fine. */
void acting_init(struct acting *out, struct env *root, str account);

/* What a refusal says of the access to an account. Pure. [facts: §4.5] */
enum access access_told(int http_status, str body);

enum account_state {
    ACCOUNT_UNKNOWN, /* neither an event of its own nor a list of Stripe's is known */
    ACCOUNT_NEW,     /* known; what waited for that is not yet due */
    ACCOUNT_ACTIVE,
    ACCOUNT_UNREACHABLE, /* the key has no access any more: read, never asked for */
    ACCOUNT_WRONG_MODE,  /* likewise: it was made in the other mode */
};
const char *account_state_name(enum account_state s);

/* `asked_at` (wall; may be NULL): when Stripe last refused it. */
enum status account_state_of(struct tx *tx, str account, enum account_state *out, msec *asked_at,
                             struct arena *a, struct error *e) MUST_USE;
bool account_is_lost(enum account_state s);
/* `*env` is the environment for `account`: the root itself where that is empty or its own, else
 * `out`'s, which must live as long. ST_NONE: no connected account that is known; `*state` tells
 * whether it can be reached (what is here of one that cannot is read all the same). */
enum status acting_open(struct acting *out, struct env *root, str account, struct env **env,
                        enum account_state *state, struct error *e) MUST_USE;
/* Stripe has shown the account: known from now on, and reachable again; then what waited for it is
 * released, and its lists are walked from their start. */
enum status account_found(struct tx *tx, struct env *env, str account, struct arena *a,
                          struct error *e) MUST_USE;
/* Its rows stay; its walks that are under way have failed. */
enum status account_lost(struct tx *tx, struct env *env, str account, enum account_state why,
                         const char *reason, struct arena *a, struct error *e) MUST_USE;
/* What the answers have said, in a transaction of its own when it is news. */
enum status acting_note(struct acting *act, struct error *e) MUST_USE;
/* Of accounts that have become known, or reachable again: what their quarantined events speak of is
 * made due, and what was given up. */
enum status accounts_release(struct env *root, struct error *e) MUST_USE;
/* Calls `each` for every known account, whatever its state, as an environment that acts for it. */
enum status accounts_all(struct env *root,
                         enum status (*each)(struct env *env, void *ctx, struct error *e),
                         void *ctx, struct error *e) MUST_USE;
/* Calls `each` for at most `limit` active accounts behind `after`, which moves on; at the end of
 * them all `*end` is set and `after` is at their start again. ST_NONE of `each` stops here. */
enum status accounts_some(struct env *root, char after[ACCOUNT_ID_MAX + 1], size_t limit, bool *end,
                          enum status (*each)(struct env *root, str account, struct error *e),
                          struct error *e) MUST_USE;
/* Calls `each` for every known account of this state, in their order. */
enum status accounts_each(struct env *root, enum account_state state,
                          enum status (*each)(struct env *root, str account, struct error *e),
                          struct error *e) MUST_USE;
