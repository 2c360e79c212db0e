/* declared.h - what hashes among the parameters may hold, and what of a type may be expanded, as the
 * API's own declaration says it: tables that were made from it, for what no room says itself. */
#pragma once

#include "emulator/call.h"

/* Parameters within hashes that the route's path does not know: "a[b], c[0][d]" in the arena, and
 * how many; {NULL, 0} when all are known. */
str nested_unknown(struct call *c, size_t *n);
/* The fields of the object by which an expand path may begin, blank separated; NULL: not known. */
const char *expandable_of(enum type t);
/* The i-th type that an id in a field of this name may be of; T_NONE: there is no further one. */
enum type field_means(str field, size_t i);
