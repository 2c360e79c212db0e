/* pairs.h - the parameters of a request, as they stand in a form: "metadata[k]" and "v". An empty
 * value clears. Pure.
 *
 * What an object says is asked here alone: by an operation that looks whether its request was
 * carried out, and by a file that is compared with the mirror. */
#pragma once

#include "base/arena.h"

enum {
    PAIRS_MAX = 1024, /* of one request: a price in many currencies has many */
};

struct pair {
    str name, value;
};

struct pairs {
    struct pair *at;
    size_t n, room;
};

/* ST_LIMIT: PAIRS_MAX, or the arena is full. The slices are kept, not copied. */
enum status pairs_add(struct pairs *p, str name, str value, struct arena *a,
                      struct error *e) MUST_USE;
/* The members of an object: {"metadata":{"k":"v"}} is "metadata[k]" and "v"; null and an empty list
 * are "". `json` is a valid object. ST_INVALID: too deep, or a member without a name. */
enum status pairs_of(str json, struct pairs *out, struct arena *a, struct error *e) MUST_USE;
/* The last value under this name; {NULL, 0} when there is none. */
str pairs_get(const struct pairs *p, str name);
bool pair_is_under(str name, str head); /* "recurring", or below it: "recurring[interval]" */
void pairs_drop(struct pairs *p, str name);
/* Those of this name, and those below it: "recurring" drops "recurring[interval]", too. */
void pairs_drop_tree(struct pairs *p, str name);
/* "a=b&c%5Bd%5D=e". {NULL, 0}: the arena is full. */
str pairs_form(const struct pairs *p, struct arena *a);

/* Does the object say what the pairs would make of it? "" is null, absent, [] or {}. A list is
 * replaced as a whole, so that it must have these elements and no others; of an object that stands
 * in no list other members may be there, too. "0.50" is 0.5, and an amount is the same as integer
 * and as decimal. An expanded reference is its id; "inf" is a tier's null; the price's own currency
 * among currency_options is the price itself [facts: R-10]; what is absent and has a usual value
 * ("per_unit", "unspecified") says that. transfer_lookup_key and expand say nothing. */
bool pairs_hold(const struct pairs *p, str object, struct arena *a);
