/* hidden.h - what is there although no list of Stripe's shows it: a price that was made inline, for
 * instance. [facts: F-03]
 *
 * What complete lists have not shown is asked for by its own GET before anybody believes that it is
 * gone. What then answers would be missed, and asked for, behind every walk and by every check. So
 * its row remembers the ticket by which it was missed (`objects.hidden`) until a list shows it.
 * Seen at Stripe since then, it rests; events go on telling what becomes of it. What a list has
 * shown before, or what has not answered yet, is asked for at once. */
#pragma once

#include "core/env.h"
#include "core/resource.h"
#include "world/tx.h"

/* A deletion without an event is seen as late as this. By the month Stripe counts GETs, and this is
 * one of them for each hidden object. [facts: F-18] */
enum { HIDDEN_REST_DAYS = 30 };

/* Is row `i` of object_unseen's or drift_unseen's answer a hidden object that rests? */
bool hidden_rests(const struct env *env, const struct rows *r, size_t i);

/* Complete lists have not shown a living object, and it is asked for now. `*ticket`: 0, and drawn
 * in this transaction when it is first needed. To be said before it is marked due: what is due
 * already may have been shown, and is not hidden by this. What may live on a test clock is never
 * hidden: it ends with the clock, and nothing tells when the clock's own list was complete. */
enum status hidden_missed(struct tx *tx, const struct env *env, const struct resource *r, str id,
                          int64_t *ticket, struct arena *a, struct error *e) MUST_USE;
/* A list shows it. */
enum status hidden_shown(struct tx *tx, const struct env *env, str type, str id, struct arena *a,
                         struct error *e) MUST_USE;
