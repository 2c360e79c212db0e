/* health.h - products whose default price is not what it should be: what an operation of somebody
 * else's has left half done. Pure. */
#pragma once

#include "catalog/file.h"

/* Of a catalogue as catalog_read gives it: [{"product","what","price","successor"}…], where `what`
 * is default_unknown (no price of the product's), default_archived, or default_superseded (the
 * lookup key is at another price that is sold in its place); `successor` is missing where several
 * could be meant. `owner_key` (may be empty): only products whose metadata say so. The caller's. */
json_t *catalog_unsound(const json_t *all, str owner_key, str owner_value);
