/* walking.h - lists as a test's Stripe answers them, and a small world that walks them. */
#pragma once

#include "../unit.h"

#include "core/mirror/sync.h"
#include "small_world.h"

#define LIST(data, more) \
    "{\"object\":\"list\",\"data\":[" data "],\"has_more\":" more ",\"url\":\"/v1/x\"}"
#define PR(id) "{\"id\":\"" id "\",\"object\":\"product\"}"

/* Asks for a walk of one type or object (its name as a user says it), or for all that there are. */
void sync_of(struct small_world *w, const char *arg, bool again);
void sync_all(struct small_world *w);

/* Works on for a minute: past whatever was put off. */
void work_long(struct small_world *w);
