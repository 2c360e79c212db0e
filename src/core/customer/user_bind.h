/* user_bind.h - seeing to it that a user has exactly one customer.
 *
 * Due work of a kind of its own: however many ask, in however many processes, one works on a user
 * at a time. Who is bound is looked up at Stripe; who is found in metadata is taken over; else a
 * customer is created, as an operation: its parameters are frozen in `_users` before anything is
 * sent, its idempotency key is op/<operation>/customer/<attempt> and never made of content. After a
 * crash or a lost answer the same request under the same key brings the same customer. Stripe keeps
 * keys for a day at least: after KEY_TRUSTED_MS, and where the key is no help (it answers with an
 * error that is kept under it), the customers created since the operation's start, less an hour,
 * are looked through for one whose metadata names the user; only if there is none the next attempt
 * begins, under another key. A customer that was deleted is followed by one new one. */
#pragma once

#include "core/due.h"
#include "core/work.h"

/* For work.c. ST_OK: done, put back or given up; `report` says which. */
enum status user_work(struct env *env, struct claim *c, struct work_report *report,
                      struct error *e) MUST_USE;
