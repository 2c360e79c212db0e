/* customer.h - a customer as a whole: the object, every subscription it has, its entitlements.
 *
 * One full sync: GET the customer, walk the list of its subscriptions to the end (status=all), and
 * make due what the mirror has of it and the list did not show. Its active entitlements are listed,
 * too, unless the account is known to have no features; the payment method that the state shows is
 * fetched unless the mirror knows it. It is due work of its own kind: a burst of signals costs one
 * sync that runs and one that waits. After an event (plan.h) the lists alone are asked for, if
 * there was a full sync before.
 *
 * A key of another type than "customer" (a charge, say) means the customer of that object, for an
 * event that does not tell: it is looked up, or fetched, and that customer is due. */
#pragma once

#include "core/due.h"
#include "core/work.h"

/* For work.c. ST_OK: done, put back or given up; `report` says which. */
enum status customer_sync(struct env *env, struct claim *c, struct work_report *report,
                          struct error *e) MUST_USE;
