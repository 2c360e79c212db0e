/* copy.h - moves a mirror from one store to another, without asking Stripe again.
 *
 * Page by page, in the order of the keys; each is read back from the new store and compared with
 * the old one's, cell by cell. A copy that was broken off goes on when it is started again: what is
 * there already and the same stays, and a table that has changed in the old store since begins
 * anew. Claims and pauses do not move: they belong to processes. A seal moves. */
#pragma once

#include "core/env.h"

struct copy_report {
    const char *table; /* that is being copied */
    int64_t rows;      /* of it so far */
};

/* `from` has been recalled (env_recall). `to` becomes the same identity's, in one transaction when
 * everything is there; its sequence begins at the wall clock's microseconds, or behind that of
 * `from` when that is greater. `progress` may be NULL. ST_CONFLICT: `to` belongs to somebody
 * already, or `from` is in the middle of a switch. ST_REFUSED: the stores differ, or somebody wrote
 * to `from` meanwhile, and the sentence says what to do. (On SQLite that is not looked for: the
 * caller holds the lock of `from`.) */
enum status copy_store(struct env *from, struct env *to,
                       void (*progress)(void *ctx, const struct copy_report *), void *ctx,
                       int64_t *objects, struct error *e) MUST_USE;
