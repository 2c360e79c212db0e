/* arena.h - memory for one unit of work (a request, a claim), freed all at once and bounded.
 *
 * Under AddressSanitizer each allocation gets its own block, so that it sees every overrun. */
#pragma once

#include "base/base.h"

struct arena {
    struct arena_block *head;
    size_t used, max; /* bytes handed out; the limit */
};

/* An arena of at most `bytes`, freed at the end of the block that declares it. */
#define ARENA(name, bytes) CLEANUP(arena_free) struct arena name = { .max = (bytes) }

void arena_free(struct arena *a); /* and it may be used again, empty */

/* Zeroed and aligned for anything. NULL once `max` is reached or memory has run out. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;

/* These three give {NULL, 0} where arena_alloc gives NULL. The copies end in a NUL that is not
 * counted, so that `.p` serves as a C string when the slice holds no NUL. */
str arena_copy(struct arena *a, str s);
str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
str arena_concat(struct arena *a, str first, str second);
