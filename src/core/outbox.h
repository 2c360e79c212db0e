/* outbox.h - customers' states on their way to the key-value server.
 *
 * A state whose revision the server has not confirmed is due. Delivery is at least once, each key's
 * latest value alone, and the server keeps the greater revision: it does no harm when two deliver,
 * or one twice. A mark of ours at the server tells whether it still holds what it has confirmed: a
 * server that was emptied, exchanged or set back to an earlier state gets everything again. */
#pragma once

#include "core/env.h"

enum { OUTBOX_CHECK_MS = 10 * 1000 };

/* Is there a server in this configuration? */
bool outbox_has_server(const struct env *env);

/* Delivers what is due, up to KV_ITEMS_MAX; `*n` says how many. ST_RETRY: the server or the store
 * is away. ST_NONE: there is no server. */
enum status outbox_deliver(struct env *env, size_t *n, struct error *e) MUST_USE;
/* Looks for our mark; if it is not there, or older than it should be, everything is due again, and
 * the mark is made. */
enum status outbox_check(struct env *env, struct error *e) MUST_USE;
/* Everything is due again. */
enum status outbox_rebuild(struct env *env, struct error *e) MUST_USE;
