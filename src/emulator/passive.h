/* passive.h - the routes of types that are only kept: GET of their lists and of each. */
#pragma once

#include "emulator/call.h"

/* ST_NONE: not a route of theirs. The route lives in the arena. */
enum status passive_route(str method, str path, const struct route **out, str part[PATH_PARTS_MAX],
                          struct arena *a);
