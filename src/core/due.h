/* due.h - the set of things that need work.
 *
 * A set, not a list: a burst of ten events for one object is one fetch, or two. `gen` counts the
 * signals; finishing sets `done_gen` to the generation that was claimed, so that news which came
 * meanwhile keeps the key due. A claim's ticket is drawn from the store's sequence before any
 * request leaves; it is also the claim's token. Failures back off and end dead, visible, never
 * dropped. On SQLite the store belongs to one process: claims and pauses are void at start
 * (due_restart). On PostgreSQL the server's clock counts; claims are void when their lease ends, or
 * when their owner (env.h) starts anew. */
#pragma once

#include "base/buf.h"
#include "core/env.h"

enum {
    DUE_TYPE_MAX = 255,
    DUE_ID_MAX = 1024, /* of an id, or a walk's variant: longer ones are of no use */
    DUE_TROUBLE_BYTES = 320,
    DUE_TROUBLE_LOOKED = 10000,
    DUE_KEEP_PART = 3, /* of a lease is used up before it is renewed */
};

enum due_kind {
    DUE_OBJECT,   /* fetch (type, id) */
    DUE_WALK,     /* walk the list of `type`; id is its variant: a query, or a parent's id */
    DUE_SWEEP,    /* fetch what the finished lists of `type` have not shown */
    DUE_CHASE,    /* look for references whose target is missing, and make those due */
    DUE_CHECK,    /* compare the lists of `type` with the mirror */
    DUE_CATCHUP,  /* read the list of events */
    DUE_USER,     /* see to it that a user has exactly one customer (user_bind.h) */
    DUE_CUSTOMER, /* a customer as a whole: with all its subscriptions; or that of an object of
                     another type (customer.h) */
    DUE_OP,       /* an operation on the catalogue: env.work_op does it */
};

const char *due_kind_name(enum due_kind k);

struct due_key {
    enum due_kind kind;
    str type, id;
};

struct due_mark {
    struct due_key key;
    enum stripe_lane lane;
    const char *cause; /* "webhook", "sync", "reference", "nested", "check", "replay" */
    bool gone;         /* an event says that the object was deleted */
    unsigned depth;    /* references followed since the last signal; for due_mark_once */
    msec happened_at;  /* wall: when that happened which the signal tells of; 0: at this moment */
};

/* One more generation for a key. `now` is wall time. Brings a dead key back to life. */
enum status due_mark(struct tx *tx, const struct env *env, const struct due_mark *m,
                     struct arena *a, struct error *e) MUST_USE;
/* The generation that a key has now. ST_NONE: it was never due. */
enum status due_generation(struct tx *tx, const struct env *env, const struct due_key *key,
                           int64_t *gen, struct arena *a, struct error *e) MUST_USE;
/* Like due_mark, unless the key is due already or has ever been: for what only fills gaps. */
enum status due_mark_once(struct tx *tx, const struct env *env, const struct due_mark *m,
                          struct arena *a, struct error *e) MUST_USE;

struct claim {
    struct due_key key; /* slices in the claimer's arena */
    str account;        /* whose object it is: the environment's own, or a connected one */
    enum stripe_lane lane;
    int64_t gen, ticket;
    unsigned attempts, misses;
    bool gone;
    unsigned depth; /* references that were followed to it since the last signal */
    str cause;
    msec claimed_at; /* monotonic */
};

/* Takes the next key of the smallest lane whose time has come, in a transaction of its own: within
 * a lane the one that has been due for longest, but half of the turns are connected accounts', and
 * those have theirs one after the other. ST_NONE: nothing is ready. */
enum status due_claim(struct env *env, struct claim *out, struct arena *a,
                      struct error *e) MUST_USE;
/* When the next key becomes ready (monotonic): INT64_MAX when nothing waits. */
enum status due_next(struct env *env, msec *when, struct error *e) MUST_USE;

/* The claimed generation is done. */
enum status due_finish(struct tx *tx, const struct env *env, const struct claim *c, struct arena *a,
                       struct error *e) MUST_USE;
/* Done, for there is nothing to be had: the answer is kept with the key. */
enum status due_finish_absent(struct tx *tx, const struct env *env, const struct claim *c,
                              const char *why, int http_status, struct arena *a,
                              struct error *e) MUST_USE;
/* Claimed work that goes on after a part of it was stored: if another holder has finished the key
 * meanwhile, it is due once more, for what he has seen may have been another state. */
enum status due_go_on(struct tx *tx, const struct env *env, const struct claim *c, struct arena *a,
                      struct error *e) MUST_USE;
/* The object was there when its own address was asked: 404s are counted in a row, and this was
 * none. For whoever saw it without finishing its key. */
enum status due_seen(struct tx *tx, const struct env *env, str type, str id, struct arena *a,
                     struct error *e) MUST_USE;
/* Not done: try again after a pause, and after too many attempts be dead. `why` is a sentence;
 * `http_status` 0 when no answer came. `*dead` says whether that was the last attempt. */
enum status due_fail(struct env *env, const struct claim *c, const char *why, int http_status,
                     bool *dead, struct error *e) MUST_USE;
/* Refused for good: dead at once. */
enum status due_refuse(struct env *env, const struct claim *c, const char *why, int http_status,
                       struct error *e) MUST_USE;
/* A first 404 that nobody announced: look again after confirm_ms. */
enum status due_confirm(struct env *env, const struct claim *c, struct error *e) MUST_USE;
/* Not yet: other work must come first. No attempt is counted. */
enum status due_postpone(struct env *env, const struct claim *c, msec pause,
                         struct error *e) MUST_USE;
/* Keeps a long piece of work ours for another lease, and draws the ticket for its next request.
 * ST_CONFLICT: it was given to somebody else meanwhile; stop. */
enum status due_extend(struct tx *tx, const struct env *env, struct claim *c, struct arena *a,
                       struct error *e) MUST_USE;
/* Lets go of a claim without an outcome: shutdown. */
enum status due_release(struct env *env, const struct claim *c, struct error *e) MUST_USE;

/* A claim while it is worked on: the holder's own memory, in a list of the environment's. */
struct held {
    struct due_key key;
    str account;
    msec kept_at; /* monotonic; when its lease began */
    struct held *next;
};

/* From here until due_unhold due_keep keeps the claim ours, however long a request takes. What the
 * claim's slices point to outlives that. */
void due_hold(struct env *env, struct held *h, const struct claim *c);
void due_unhold(struct env *env, struct held *h);
/* Another lease for each claim that is held and has used up a part of its own (DUE_KEEP_PART); to
 * be called twice in such a part. A process that dies does not call it: then its claims end with
 * their leases. Statuses as the store's; what was not kept is kept by the next call. */
enum status due_keep(struct env *env, struct error *e) MUST_USE;

/* At start: no claim of an earlier life holds, and every pause is over. */
enum status due_restart(struct env *env, struct error *e) MUST_USE;
/* Dead keys, one JSON object a line: kind, type, id, attempts, last_error, last_status, due_since,
 * cause, account; of a connected account alone, where `env` acts for one. */
enum status due_list_dead(struct env *env, struct buf *out, const struct pages *pages,
                          struct error *e) MUST_USE;
/* Why work that is still tried waits: "price price_1: <its last error>" of what has been due the
 * longest. Empty: nothing went wrong, or not among the oldest DUE_TROUBLE_LOOKED. */
enum status due_trouble(struct env *env, char out[DUE_TROUBLE_BYTES], struct error *e) MUST_USE;
/* Brings dead keys back: one object's (id), or all when id is empty; likewise. `*n`: how
 * many. */
enum status due_revive(struct env *env, str id, int64_t *n, struct error *e) MUST_USE;
/* Is this generation of a key done? For those who wait. `*dead` tells whether it was given up. */
enum status due_is_done(struct env *env, const struct due_key *key, int64_t gen, bool *done,
                        bool *dead, struct error *e) MUST_USE;
