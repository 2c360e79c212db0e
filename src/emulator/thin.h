/* thin.h - thin events: what happened to which object, without the object. Each snapshot event has
 * a thin one beside it; its id follows from the other's, so that nothing more is kept. */
#pragma once

#include "emulator/model.h"

/* Seconds as "2026-11-22T03:00:00.000Z"; `out` holds ISO_BYTES. */
enum { ISO_BYTES = 32 };
void iso_time(int64_t seconds, char out[ISO_BYTES]);
/* The thin event as it is delivered and as GET /v2/core/events/{id} gives it: of a snapshot event,
 * or of a record that is a thin one itself. A new reference. */
json_t *thin_document(struct record *event);
/* What thin destinations call the type of a snapshot event. */
str thin_type(struct record *event, struct arena *a);
