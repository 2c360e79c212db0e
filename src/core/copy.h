/* copy.h - moves a mirror from one store to another, without asking Stripe again.
 *
 * Page by page, in the order of the keys. A copy that was broken off goes on when it is started
 * again: what is there already stays. At the end both stores are read once more and compared by a
 * hash of all objects. Claims and pauses do not move: they belong to processes. */
#pragma once

#include "core/env.h"

struct copy_report {
    const char *table; /* that is being copied; NULL: the comparison */
    int64_t rows;      /* of it so far */
};

/* `from` has been recalled (env_recall); nobody writes to it meanwhile. `to` becomes the same
 * identity's; its sequence begins at the wall clock's microseconds, or behind that of `from` when
 * that is greater. `progress` may be NULL. ST_CONFLICT: `to` belongs to somebody already.
 * ST_REFUSED: at the end the stores differ, and the sentence says what to do. */
enum status copy_store(struct env *from, struct env *to,
                       void (*progress)(void *ctx, const struct copy_report *), void *ctx,
                       int64_t *objects, struct error *e) MUST_USE;
