/* promote.h - what the comparison of two environments' catalogues goes by; see catalog_compare. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Members of a price or a product, as catalog_read and catalog_export write them. */
bool catalog_is_active(const json_t *doc); /* one that does not say is */
/* By what a file knows a price: its lookup key, or its id. */
const char *catalog_name_of(const json_t *price);
const json_t *catalog_product_by_id(const json_t *products, const char *id); /* NULL: none */
/* By its lookup key, its id, or the id that it has where it came from. NULL: none. */
const json_t *catalog_price_named(const json_t *product, const char *name);

/* Why the price that is there cannot stand for the one that is carried over: the rest of a sentence
 * that begins with "but"; NULL: it is on sale, and costs, recurs and is taxed the same. Pure. */
const char *promote_conflict(const json_t *carried, const json_t *there);
