/* sequence.h - the store's one sequence: tickets and revisions come from it.
 *
 * It begins at the wall clock's microseconds when a store is made, so that a rebuilt store is newer
 * than what a key-value server still holds of the old one; afterwards no clock has a say. */
#pragma once

#include "world/tx.h"

/* Draws n numbers (n > 0) in this transaction; `*last` is the greatest of them. */
enum status sequence_draw(struct tx *tx, int64_t n, int64_t *last, struct arena *a,
                          struct error *e) MUST_USE;

/* What is drawn from now on is greater than `beyond`; nothing else changes. */
enum status sequence_raise(struct tx *tx, int64_t beyond, struct arena *a,
                           struct error *e) MUST_USE;

/* Numbers drawn in advance, for a transaction that needs many. What is left over is never used. */
struct sequence_pool {
    int64_t next, end; /* next < end: there are some */
};

enum { SEQUENCE_POOL = 128 };

enum status sequence_take(struct tx *tx, struct sequence_pool *pool, int64_t *out, struct arena *a,
                          struct error *e) MUST_USE;
