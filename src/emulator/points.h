/* points.h - open points: where nobody has proven what Stripe does, the emulator can do either. */
#pragma once

#include "emulator/model.h"

enum point {
#define POINT(id, name, ways, about) id,
#include "emulator/points.def"
#undef POINT
    POINT_COUNT
};
static_assert((int)POINT_COUNT == (int)POINTS_MAX, "each point has its place");

/* Does it go this way? `way` is one of its words. */
bool point_is(const struct emulator *e, enum point p, const char *way);
/* "P-5=no" by itself, without the journal; ST_INVALID names the mistake. */
enum status point_set(struct emulator *e, str spec, struct error *err) MUST_USE;
/* All of them as they are: {"P-1": "yes", …}; a new reference. */
json_t *points_document(const struct emulator *e);
