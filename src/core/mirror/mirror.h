/* mirror.h - the table of objects: what Stripe's API answered, and never anything older.
 *
 * A row takes an answer only if the answer's ticket is not smaller than the row's, and a different
 * content only if the request left after the row got the one it has: of two requests that are under
 * way together, nobody knows which one Stripe answered first. What is dropped for that, and
 * differs, makes the object due again. A tombstone yields only to a 200 from the object's own GET
 * with a greater ticket. */
#pragma once

#include "base/buf.h"
#include "core/env.h"
#include "core/resource.h"
#include "core/sequence.h"

struct known;
struct state_later;

enum source { SOURCE_GET, SOURCE_LIST, SOURCE_NESTED, SOURCE_EVENT };

struct answer {
    const struct resource *resource; /* NULL: a type that nobody told us about */
    str type, id;
    str data; /* one valid JSON object */
    enum source source;
    bool follow; /* a page of a list behind which no chase comes: what it refers to is fetched */
    bool state_later; /* who stores many of one customer has its state follow himself, in the same
                         transaction (state_follow) */
    struct state_later *states; /* or it is noted here, for state_follow_later; may be NULL */
    int64_t ticket;
    str api_version;
    const char *cause;          /* for the history */
    unsigned depth;             /* references followed since the last signal (due.h) */
    struct sequence_pool *pool; /* where revisions come from; NULL: one at a time */
    struct known *known;        /* rows that were looked up ahead (known.h); may be NULL */
};

enum { MIRROR_ROW_ERASED = 2 }; /* objects.deleted: blocked, without content (erase.h) */

enum mirror_result {
    MIRROR_INSERTED,
    MIRROR_UPDATED,
    MIRROR_SAME,      /* the content was known; the row now carries the greater ticket */
    MIRROR_STALE,     /* dropped: an earlier request than the row's */
    MIRROR_STALE_DUE, /* dropped, but its content differed: due again */
    MIRROR_BURIED,    /* a tombstone, and this is no GET of its own: due again */
    MIRROR_DELETED,   /* the answer said "deleted": it is a tombstone now */
    MIRROR_ERASED,    /* dropped: it is of somebody who was erased (erase.h) */
};

/* Stores one answer with its references and the members of its nested lists. `open_lists` (may be
 * NULL) gets the number of nested lists whose end was not in the answer.
 * ST_REFUSED: the object's livemode is not the environment's; nothing was stored. */
enum status mirror_put(struct tx *tx, struct env *env, const struct answer *in,
                       enum mirror_result *result, size_t *open_lists, struct arena *a,
                       struct error *e) MUST_USE;

/* The object is gone at Stripe as of `ticket`: its row becomes a tombstone with its last known
 * state. Without a row one is made from `remains`, unless that is empty: then ST_NONE. They are
 * what its event said last, or no more than its id. */
enum status mirror_bury(struct tx *tx, struct env *env, str type, str id, int64_t ticket,
                        const char *cause, str remains, struct arena *a, struct error *e) MUST_USE;
/* The same, where more is known of them: their source and version. */
enum status mirror_bury_as(struct tx *tx, struct env *env, const struct answer *in, struct arena *a,
                           struct error *e) MUST_USE;

/* Members of a nested list `field` that were not seen since `ticket` become tombstones, at most
 * `limit` at once: call until `*left` is 0. Then the list counts as known completely. */
enum status mirror_close_list(struct tx *tx, struct env *env, const struct answer *parent,
                              str field, int64_t ticket, size_t *left, struct arena *a,
                              struct error *e) MUST_USE;

/* Reading, each with a READ transaction of its own. */

struct object {
    str type, id, data, api_version, source;
    bool deleted;
    int64_t revision, open_lists;
    msec fetched_at; /* when it was last seen so */
    msec changed_at; /* when this state was stored */
};

/* By id, whatever the type (a plan and a price can share one: the better-known prefix decides, else
 * the first by type). `type` may be empty. ST_NONE: not in the mirror, or erased. */
enum status mirror_get(struct env *env, str type, str id, struct object *out, struct arena *a,
                       struct error *e) MUST_USE;
/* Is it none because it was erased (core/erasure)? Then its id is blocked. */
enum status mirror_is_erased(struct env *env, str type, str id, bool *out,
                             struct error *e) MUST_USE;

enum { MIRROR_FILTERS_MAX = 8, MIRROR_PAGE_MAX = 1000 };

struct mirror_filter {
    str path;  /* member, or "a.b" */
    str value; /* compared as text; "true", "false", numbers and null as they are written */
};

struct mirror_query {
    str type;
    struct mirror_filter filter[MIRROR_FILTERS_MAX];
    size_t n_filters;
    bool deleted; /* tombstones, too */
    str after;    /* id of the last object of the page before; empty: from the start */
    size_t limit;
};

/* Objects of a type in the order of their ids, `n` of them (at most limit). */
enum status mirror_list(struct env *env, const struct mirror_query *q, struct object **out,
                        size_t *n, struct arena *a, struct error *e) MUST_USE;
