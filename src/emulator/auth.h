/* auth.h - which account and mode a request speaks for. */
#pragma once

#include "emulator/call.h"

/* Reads the key and finds (or makes) the space. False when refused. [facts: 4.5] */
bool auth_read(struct call *c);
/* For admin requests: the space of their key; without a key, the only one there is. NULL when that
 * does not say which. */
struct space *auth_admin(struct call *c);

/* Whether the key may do this: a restricted one may do what POST /_emulator/permissions gave it
 * (everything before that). False when refused. */
bool permitted(struct call *c);
void refuse_permission(struct call *c);
