/* naming.h - does a text of JSON name somebody? Pure; test_erase.c is its specification. Texts in
 * texts (JSON in a string of JSON) are looked into, too.
 *
 * An address is found in URLs, too, where it is written with %XX. Statements find candidates: texts
 * that hold the word somewhere, or an escape behind which it may stand. Here is decided, for
 * ann@example.com is not joann@example.com, and cus_1 is not cus_12. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct name {
    str text;     /* decoded; an address in small letters */
    bool address; /* an e-mail address, large and small letters alike; else an id */
};

/* The name of somebody whose address stands so between quotes; copied into `a`. */
struct name name_of_address(str decoded, struct arena *a);

/* What statements look for, in the text in small letters: the longest piece of the name that JSON
 * writes in one way only, apart from \u; of an address the piece around its @ that URLs write so,
 * too. Empty for an empty name. */
str name_hint(const struct name *n, struct arena *a);
/* And what they look for where a URL writes the @ as %40; empty for what has none. */
str name_url_hint(const struct name *n);

/* Does the text hold the name, with nothing around it that would make it another one? */
bool name_in(const struct name *n, str json);
/* Is one of the text's strings the name and nothing else? */
bool name_is_value_in(const struct name *n, str json);

#define NAME_CUT "(erased)"
/* The text with NAME_CUT wherever the name stands in it; false: it does not. */
bool name_cut(const struct name *n, str text, struct buf *out);
