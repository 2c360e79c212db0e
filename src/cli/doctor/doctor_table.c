#include "cli/doctor/findings.h"

const struct finding finding_table[FINDING_COUNT] = {
#define FINDING(id, severity, name, kind, fix, meaning) \
    [FOUND_##id] = { severity, kind, name, fix, meaning },
#include "cli/doctor/doctor.def"
#undef FINDING
};
