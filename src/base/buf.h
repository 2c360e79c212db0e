/* buf.h - a growing run of bytes with a maximum.
 *
 * A failure (the maximum, or no memory) sticks: later appends do nothing, and the owner asks
 * once, at the end, with `buf.failed`. */
#pragma once

#include "base/base.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool failed;
};

#define BUF(name, bytes) CLEANUP(buf_free) struct buf name = { .max = (bytes) }

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* empty, `failed` forgotten, the memory kept */
void buf_append(struct buf *b, str s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for at least n more bytes at p + b->n; NULL when refused. The caller adds to b->n. */
char *buf_room(struct buf *b, size_t n) MUST_USE;
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
str buf_str(const struct buf *b); /* valid until the next change */

/* Where lines go that may be more than a buffer holds: so many of them at a time. */
struct pages {
    void (*take)(void *ctx, str page);
    void *ctx;
};
/* Hands over what is there, unless it failed, and empties the buffer. NULL: it stays. */
void pages_turn(const struct pages *p, struct buf *b);
