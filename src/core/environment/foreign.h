/* foreign.h - what an environment holds of another one: found, and what is proven foreign
 * removed.
 *
 * A mirror of ours never mixes: what is foreign in it are references to what only another mode or
 * account has, accounts of the other mode, and events that were kept aside. */
#pragma once

#include "base/buf.h"
#include "core/env.h"
#include "world/tx.h"

enum {
    FOREIGN_LISTED_MAX = 500, /* of a page */
    FOREIGN_TYPES_MAX = 1000,
    PURGE_PERCENT_USUAL = 5,
};

/* Writes one JSON object a line: {"what":"reference","type","field","to","unknown","foreign",
 * "example"} for a column with ids that Stripe does not have here (unknown: anybody's; foreign:
 * proven to be another environment's); {"what":"unpayable","type","id","to","payment","state"};
 * {"what":"account","account","state","objects"}; {"what":"events","reason","events"}.
 * `*n`: how many lines. Nothing is written into the store. */
enum status foreign_write(struct env *env, struct buf *out, const struct pages *pages, size_t *n,
                          struct error *e) MUST_USE;

struct purge {
    int64_t objects, events; /* that are proven foreign; after purge_run: that were removed */
    int64_t all;             /* objects in the mirror */
};
/* What purge_run would remove: all that is here of connected accounts of the other mode (but for
 * the audit: calls, operations, and what the account is), and events of the other mode. */
enum status purge_count(struct env *env, struct purge *out, struct error *e) MUST_USE;
/* In pieces: broken off, it goes on when it is run again. ST_REFUSED: more than `percent` of the
 * objects would go; nothing was removed. ST_RETRY: it was stopped; `out` has what was removed. */
enum status purge_run(struct env *env, int64_t percent, struct purge *out,
                      struct error *e) MUST_USE;

/* ---- for foreign_*.c ---- */

/* Every type that any table knows, and "" for what has none. */
struct foreign_types {
    str type[FOREIGN_TYPES_MAX];
    size_t n;
};
enum status foreign_types(struct tx *tx, struct foreign_types *out, struct arena *a,
                          struct error *e) MUST_USE;
