/* status.h - how fresh, how complete, what is pending, what failed: the numbers behind
 * `brindle status`, the metrics and /readyz. */
#pragma once

#include "base/buf.h"
#include "core/env.h"

/* GETs a month that Stripe grants at least; else about 500 for each transaction. [facts: F-18] */
enum { READS_GRANTED = 10000 };

struct mirror_status {
    int64_t objects, tombstones;
    int64_t events, events_quarantined, events_unknown, events_unfetchable, events_conflicting,
        deliveries;
    int64_t due, due_retrying, dead;
    msec oldest_due_ms;     /* age of the oldest key that is due; 0: none */
    msec oldest_own_since;  /* wall; the same without connected accounts'; 0: nothing is due */
    msec last_event_ago_ms; /* -1: never */
    msec last_fetch_ago_ms; /* -1: never */
    int64_t types_complete, types_known, types_skipped; /* walked completely at least once; that
                             `sync` walks; of those, that the account or key does not have */
    bool never_walked;
    int64_t dangling;     /* references to what is not in the mirror and could be fetched; -1: not
                             counted */
    msec events_read_at;  /* Stripe's time when its list of events was last read; 0: never */
    msec events_begun_at; /* since when they are followed without a gap; 0: never */
    msec events_gap_from, events_gap_to; /* the last gap that Stripe's thirty days left; 0: none */
    char events_error[256];              /* why they could not be read last; "" when they could */
    msec complete_up_to;  /* everything that happened before is in the mirror, of the types that are
                             complete; wall, 0: nobody knows */
    msec fuse_blown_at;   /* wall; 0: the fuse is whole */
    int64_t fuse_held;    /* deletions that wait for a person's word */
    int64_t several_live; /* customers with more than one live subscription */
    int64_t states_due;   /* states that the key-value server does not have yet; -1: no server */
    msec states_due_ms;   /* age of the oldest of them; 0: none */
    /* Connected accounts: all that are known; those that cannot be reached; those whose lists are
     * being walked; those whose lists were not asked for yet. */
    int64_t accounts, accounts_lost, accounts_walking, accounts_unwalked;
    char last_error[256]; /* of work that is being retried or dead; "" when none */
};

/* Of the whole store; of one connected account alone where `env` acts for it. */
enum status status_read(struct env *env, struct mirror_status *out, struct error *e) MUST_USE;
/* One JSON object: the numbers above, the environment's name, account and mode, and per type: rows,
 * tombstones, walk state, complete since, last fetched. Connected accounts have a member each.
 * "reads_monthly": about how many GETs the settings make in thirty days of this account when
 * nothing happens: the list of events, and the lists that are compared. */
enum status status_json(struct env *env, struct buf *out, struct error *e) MUST_USE;
