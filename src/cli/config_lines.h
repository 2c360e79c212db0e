/* config_lines.h - what stands between a configuration file and inih, which reads lines of up to
 * 200 bytes alone: longer values, and lists that go on in the lines below, are put aside. */
#pragma once

#include "base/buf.h"

enum {
    CONFIG_LINE_BYTES_MAX = 190, /* inih reads lines in pieces beyond its 200 */
    CONFIG_ASIDE_MAX = 64,
};

/* Values that were put aside; slices of the text, or in the arena. */
struct config_lines {
    str value[CONFIG_ASIDE_MAX];
    size_t n;
    struct arena *a;
};

/* Writes the text anew, line for line. Of a line "name = value" that is too long for inih, and of
 * one for whose name `is_list` says yes, the value is put aside, and a mark stands in its place; a
 * list takes with it the lines below that begin with a blank. Comments go from " ;" to the end of
 * a line, in a list not between double quotes.
 * ST_INVALID: a long line of another form, or a byte 0, with the line's number. */
enum status config_lines_fold(struct config_lines *l, str text, bool (*is_list)(str name),
                              struct buf *out, struct error *e) MUST_USE;
/* Of the text that config_lines_fold wrote: lines that are neither a section, name = value, nor a
 * comment are offered to `take` with their section and number; those that it takes are blanked. */
void config_lines_strange(struct buf *text, bool (*take)(void *ctx, str section, unsigned line),
                          void *ctx);
/* What a value that inih gives stands for: itself, or what was put aside. */
str config_lines_value(const struct config_lines *l, str value);
