/* pages.h - what Stripe's lists answer, made in memory: products, prices and customers of the
 * size that they have. Ids grow with time, as Stripe's do; or they are at random, as those that
 * people choose: the worst case for every index. */
#pragma once

#include "base/buf.h"

enum page_kind { PAGE_PRODUCT, PAGE_PRICE, PAGE_CUSTOMER, PAGE_KINDS };

enum { PAGE_SIZE = 100, PAGE_BYTES_MAX = 1 << 20, PAGE_ID_BYTES = 40 };

/* "/v1/products" and its like; also in front of "/" and an id. PAGE_KINDS: any other path. */
enum page_kind page_kind_of(str path);
/* From now on ids are at random. */
void page_ids_at_random(void);
/* Object number `n` from 0, the oldest first. */
void page_id(enum page_kind kind, uint64_t n, char out[PAGE_ID_BYTES]);
void page_object(struct buf *b, enum page_kind kind, str id, uint64_t n);
/* The page behind starting_after= of a list of `total` objects. */
void page_list(struct buf *b, enum page_kind kind, str query, uint64_t total);
