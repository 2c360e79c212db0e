/* form.h - application/x-www-form-urlencoded as Stripe's clients write it.
 *
 * `a[b]=v`, `a[0][b]=v`, `a[][b]=v`, `a[]=v`; "+" and %XX decoded in names and values. A form is
 * a flat list of pairs whose names are paths; the emulator builds documents from it. */
#pragma once

#include "base/arena.h"

enum {
    FORM_PAIRS_MAX = 2048,
    FORM_DEPTH_MAX = 12, /* "a[b][c]" has depth 3 */
};

struct form_pair {
    str name;                 /* decoded, whole: "items[0][price]" */
    str part[FORM_DEPTH_MAX]; /* "items", "0", "price"; an empty part is "[]" */
    unsigned n_parts;
    str value; /* decoded */
};

struct form {
    struct form_pair *pair;
    size_t n;
};

/* ST_INVALID: a bad escape, an unclosed bracket, a byte 0; ST_LIMIT: too many pairs, too deep, or
 * the arena is full. Slices live in the arena. */
enum status form_parse(str text, struct form *out, struct arena *a, struct error *e) MUST_USE;
/* The last value under this whole name, or {NULL, 0}. */
str form_get(const struct form *f, str name);
