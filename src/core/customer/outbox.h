/* outbox.h - customers' states on their way to the key-value server.
 *
 * A state whose revision the server has not confirmed is due. Delivery is at least once, each key's
 * latest value alone, and the server keeps the greater revision: it does no harm when two deliver,
 * or one twice. A mark of ours at the server tells whose values it holds and which put it has seen
 * last. A server that was emptied, exchanged or set back to an earlier state gets everything again;
 * so does one that was filled by another store, or by a later state of this one: whoever is served
 * from a store that was made anew, copied or restored from a backup has all its states new, with
 * revisions beyond what the server may hold. What is of a connected account stands under keys that
 * carry its id: "stripe:test:acct_1:customer:cus_1". */
#pragma once

#include "core/env.h"
#include "world/tx.h"

enum {
    OUTBOX_CHECK_MS = 10 * 1000,
    OUTBOX_GRACE_MS = 8000, /* by then no other process of the store delivers what it read before */
    OUTBOX_PIECE = 100,     /* states that are made anew in one transaction */
    OUTBOX_PIECE_NUMBERS = 1000, /* that get a new revision and nothing else */
};

/* Is there a server in this configuration? */
bool outbox_has_server(const struct env *env);

/* Is there one, or was anything ever delivered to one, by whatever process and configuration? Then
 * that may hold what was forgotten here. */
enum status outbox_ever(struct tx *tx, const struct env *env, bool *ever, struct arena *a,
                        struct error *e) MUST_USE;
/* What was ever delivered is as good as not: a person says that the server is no more. */
enum status outbox_never(struct env *env, struct error *e) MUST_USE;

/* Delivers what is due, less than KV_ITEMS_MAX; `*n` says how many. ST_RETRY: the server or the
 * store is away. ST_NONE: there is no server. */
enum status outbox_deliver(struct env *env, size_t *n, struct error *e) MUST_USE;
/* Looks for our mark; if it is not there, or not as it should be, every state is new and due, and
 * the mark is made. */
enum status outbox_check(struct env *env, struct error *e) MUST_USE;
/* The count of those, and since when the first of them waits (wall; null: none does); all
 * accounts', or that of a connected one alone, where `env` acts for it. */
enum status outbox_count(struct tx *tx, const struct env *env, struct rows *r, struct arena *a,
                         struct error *e) MUST_USE;
/* How many states the server does not have yet. */
enum status outbox_waiting(struct env *env, int64_t *n, struct error *e) MUST_USE;

/* Every state, of connected accounts too unless `env` acts for one, is made anew of the mirror's
 * objects, and new; `*states` says how many. `progress`
 * (may be NULL) hears of it meanwhile; its false ends it with ST_RETRY. */
enum status outbox_rebuild(struct env *env, bool (*progress)(void *ctx, int64_t states), void *ctx,
                           int64_t *states, struct error *e) MUST_USE;
