#include "emulator/event_names.h"

#include <string.h>

const struct event_name event_name[] = {
#define EVENT_TYPE(type, object) { type, object },
#include "emulator/event_types.def"
#undef EVENT_TYPE
};

const size_t n_event_names = COUNT(event_name);

static const char *const version[] = {
#define VERSION(name) name,
#include "emulator/api_versions.def"
#undef VERSION
};

bool event_type_known(str type)
{
    for (size_t i = 0; i < n_event_names; i++)
        if (str_eqz(type, event_name[i].type))
            return true;
    return false;
}

/* [facts: F-65] */
bool event_type_explicit(str type)
{
    return str_eq(type, S("identity.verification_session.redacted"));
}

bool thin_type_known(str type)
{
    if (str_starts(type, S("v2.")))
        return true;
    return str_starts(type, S("v1.")) && event_type_known(str_sub(type, 3, type.n));
}

bool api_version_known(str name)
{
    for (size_t i = 0; i < COUNT(version); i++)
        if (str_eqz(name, version[i]))
            return true;
    return false;
}
