/* counters.h - small numbers that outlive a restart, by name. */
#pragma once

#include "core/env.h"
#include "world/tx.h"

/* Where the events were read up to, in Stripe's seconds; 0: never. */
#define COUNTER_EVENTS_CURSOR "events_cursor"
/* Wall time: since when events are followed without a gap, and when they were last read (by
 * Stripe's clock); the last gap that events cannot close. */
#define COUNTER_EVENTS_BEGUN "events_begun"
#define COUNTER_EVENTS_READ "events_read"
#define COUNTER_EVENTS_GAP_FROM "events_gap_from"
#define COUNTER_EVENTS_GAP_TO "events_gap_to"
/* The fuse: deletions that no event announced, since when they are counted, when it blew. */
#define COUNTER_FUSE_COUNT "fuse_count"
#define COUNTER_FUSE_SINCE "fuse_since"
#define COUNTER_FUSE_BLOWN "fuse_blown"
/* Puts to the key-value server, by their numbers: the last one that was begun, and the last one
 * that the server is known to have carried out. */
#define COUNTER_OUTBOX_BEGUN "outbox_begun"
#define COUNTER_OUTBOX_HELD "outbox_held"
/* By a hash: the member of customers' metadata that names a user, when they were last looked
 * through. */
#define COUNTER_USER_KEY "user_key"

/* The counter's name as it is for this environment: each connected account has its own. */
const char *counter_of(const struct env *env, const char *name, struct arena *a);

/* 0 when there is no such counter. */
enum status counter_get(struct tx *tx, const char *name, int64_t *out, struct arena *a,
                        struct error *e) MUST_USE;
enum status counter_set(struct tx *tx, const char *name, int64_t value, struct arena *a,
                        struct error *e) MUST_USE;
/* `out` (may be NULL) gets the new value. */
enum status counter_add(struct tx *tx, const char *name, int64_t value, int64_t *out,
                        struct arena *a, struct error *e) MUST_USE;
