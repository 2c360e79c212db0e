/* event_names.h - what can be named: the types of events, and the versions of the API. */
#pragma once

#include "base/base.h"

/* Of snapshot events ("customer.created"). */
bool event_type_known(str type);
/* "*" does not mean it: an endpoint gets it only when it names it. */
bool event_type_explicit(str type);
/* Of thin events: "v1." and one of the above, or anything of "v2.". */
bool thin_type_known(str type);
bool api_version_known(str version);
/* All of them, for what is generated from them. */
extern const struct event_name {
    const char *type, *object;
} event_name[];
extern const size_t n_event_names;
