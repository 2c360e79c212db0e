/* told.h - what only events tell of: invoice.upcoming, types that nobody told us about.
 *
 * Everything else is fetched; what no request can bring is taken from the event's body, and its row
 * says so (source "event", with the event's API version). Such rows stand under a type and id that
 * no fetched object has: an object without an id under its event's type and its subscription's, or
 * customer's, id (plan.h decides). Their only order is the second in which Stripe made the event,
 * and in one second what the event's name tells: a creation comes first, a deletion last; of two
 * changes in one second the one that comes later counts. That serves as their ticket, which is
 * smaller than any that was drawn, so that an answer of Stripe, should there ever be one, wins. */
#pragma once

#include "core/event.h"
#include "core/plan.h"

/* Stores what the event tells, if the plan says that it is to be; an older event than the row's is
 * dropped. An object that cannot be stored stays in the inbox alone. */
enum status told_put(struct tx *tx, struct env *env, const struct event *ev, const struct plan *p,
                     struct error *e) MUST_USE;
