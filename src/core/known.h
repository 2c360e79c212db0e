/* known.h - the rows that the objects of a page will meet, found and locked at once: on a store
 * across a network that is one wait instead of one an object. */
#pragma once

#include "core/env.h"
#include "core/page.h"

enum { KNOWN_MAX = PAGE_LIMIT };

/* Good for one transaction, and for one answer an id: what was stored since stands in the store
 * alone. */
struct known {
    str type;
    size_t n;
    str id[KNOWN_MAX];
    int row[KNOWN_MAX]; /* in `rows`; -1: there is none */
    bool used[KNOWN_MAX];
    struct rows rows; /* id, and behind it what object_find answers */
};

/* Looks ahead over at most KNOWN_MAX objects of the page, up to `bytes` of them, in a copy: the
 * page stays where it is. `out` is empty where nothing is gained: on a store of our own process, or
 * where other objects of the page may write such rows, too, for they live in lists. */
enum status known_find(struct tx *tx, struct env *env, const struct page *page, size_t bytes,
                       struct known *out, struct arena *a, struct error *e) MUST_USE;

/* Is it known how the row of this object looks? `*row`: its index, or -1. Only once an object. */
bool known_take(struct known *k, str type, str id, int *row);
