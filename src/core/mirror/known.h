/* known.h - the rows that the objects of a page will meet, found and locked at once: on a store
 * across a network that is one wait instead of one an object. */
#pragma once

#include "core/env.h"
#include "core/page.h"

enum { KNOWN_MAX = 1000, KNOWN_SLOTS = 2048 };

struct known_key {
    str type, id;
    int row; /* in `rows`; -1: there is none */
    bool used;
};

/* Good for one transaction, and for one answer an object: what was stored since stands in the store
 * alone. Members of nested lists are in it, too: whoever writes a row takes it from here first. */
struct known {
    size_t n;
    struct known_key *key;      /* KNOWN_MAX of them, in the caller's arena */
    uint16_t slot[KNOWN_SLOTS]; /* by hash: a key's index + 1; 0: empty */
    struct rows rows;           /* type, id, and behind them what object_find answers */
};

enum { KNOWN_ROW_AT = 2 }; /* the column where an object_find's answer begins */

/* Looks ahead over objects of the page, up to `bytes` of them, and the members of their lists, in a
 * copy: the page stays where it is. `out` is empty where nothing is gained: on a store of our own
 * process. */
enum status known_find(struct tx *tx, struct env *env, const struct page *page, size_t bytes,
                       struct known *out, struct arena *a, struct error *e) MUST_USE;

/* Is it known how the row of this object looks? `*row`: its index, or -1. Only once an object.
 * `k` may be NULL. */
bool known_take(struct known *k, str type, str id, int *row);
