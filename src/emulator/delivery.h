/* delivery.h - which event goes to which endpoint, when, and how often it has been tried. */
#pragma once

#include "emulator/model.h"

enum delivery_state {
    DELIVERY_WAITS,
    DELIVERY_IN_FLIGHT,
    DELIVERY_DONE,
    DELIVERY_GIVEN_UP,
    DELIVERY_DROPPED
};

struct deliveries *deliveries_new(void);
void deliveries_free(struct deliveries *d);
/* All of them; their numbers are not given again, so that what is in flight hits nothing new. */
void deliveries_forget(struct deliveries *d);
/* One for each enabled endpoint of the event's space that wants its type. Sets pending_webhooks. */
void deliveries_add(struct emulator *e, struct record *event);
/* By hand, to one endpoint, or to all (NULL), at once. */
void deliveries_again(struct emulator *e, struct record *event, struct record *endpoint);
/* All of them with their states, oldest first; a new reference. */
json_t *deliveries_document(struct emulator *e);
size_t deliveries_waiting(const struct deliveries *d); /* due or not */
/* Makes what waits due now; returns how many. */
size_t deliveries_flush(struct emulator *e);
str event_type(struct record *event);           /* valid until it changes */
bool event_type_matches(str pattern, str type); /* "*" at the end matches anything */
