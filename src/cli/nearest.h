/* nearest.h - "did you mean": the name that is closest to what was typed. */
#pragma once

#include "base/base.h"

/* Walks over the candidates: candidate(ctx, i) for i = 0, 1, … until it gives NULL. The closest
 * name, or NULL when none is close enough to be meant. */
const char *nearest(str typed, const char *(*candidate)(const void *ctx, size_t i),
                    const void *ctx);

/* The number of letters to insert, remove, replace or swap; stops counting at NEAREST_WORD_MAX. */
enum { NEAREST_WORD_MAX = 64 };
unsigned edit_distance(str a, str b);
