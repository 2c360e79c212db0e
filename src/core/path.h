/* path.h - the addresses of objects and lists at Stripe, from the resource table. Pure. */
#pragma once

#include "core/resource.h"

/* "/v1/customers/{id}" with {id} (and {parent}) replaced and escaped. {NULL, 0}: the arena is full.
 */
str path_fill(const char *path, str id, str parent, struct arena *a);
/* Where an object is fetched. The account that the key belongs to has an address of its own, for
 * every key. */
str path_object(const struct resource *r, str id, const char *own_account, struct arena *a);
/* "expand[0]=tiers&expand[1]=currency_options", each field behind `prefix` ("data." for lists);
 * empty when there is nothing to expand. */
str path_expand(const char *fields, const char *prefix, struct arena *a);
/* x&y, or the one that is not empty. */
str query_join(str x, str y, struct arena *a);
