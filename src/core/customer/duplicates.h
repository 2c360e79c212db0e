/* duplicates.h - customers that are one person's, and subscriptions that are paid twice.
 *
 * Reports, and changes nothing: which of two customers is to stay, and whether a second
 * subscription is a mistake, a person decides. It reads the mirror alone; what the mirror has not
 * seen, or cannot read at the moment, is reported as unknown, never left out. */
#pragma once

#include "base/buf.h"
#include "core/env.h"

struct duplicates {
    int64_t users;         /* whom several living customers name in their metadata */
    int64_t emails;        /* that several living customers share */
    int64_t subscriptions; /* customers, or users, with more than one live subscription */
    int64_t unknown;       /* what could not be looked at: see the lines of this kind */
};

/* Writes one JSON object a line:
 *   {"kind":"user","user":…,"customers":[…]}          and, with several live subscriptions among
 *   {"kind":"email","email":…,"customers":[…]}        them, "severalLive":true
 *   {"kind":"subscriptions","customer":…,"customers":[…]}
 *   {"kind":"unknown","customer":…,"why":…}, or "type" instead of "customer" for a whole list
 * Of an address that very many share, the first ones are named, and "more" says how many there are
 * beside them. A customer: id, email, user, created, bound, subscriptions [{id, status, live,
 * amount, currency, interval, interval_count}]; amounts in the currency's smallest unit, null where
 * it depends on usage or tiers. */
enum status duplicates_find(struct env *env, struct buf *out, struct duplicates *n,
                            struct error *e) MUST_USE;
