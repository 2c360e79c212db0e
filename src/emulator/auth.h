/* auth.h - which account and mode a request speaks for. */
#pragma once

#include "emulator/call.h"

/* Reads the key and finds (or makes) the space. False when refused. [facts: 4.5] */
bool auth_read(struct call *c);
/* The space of a key, for admin requests; NULL when the key is no key. */
struct space *auth_space(struct emulator *e, str key);
/* The key in the header Authorization, Bearer or Basic; {NULL, 0} when there is none. */
str auth_key(const struct http_request *q, struct arena *a);
