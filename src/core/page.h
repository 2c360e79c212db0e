/* page.h - one page of a list, as Stripe answers it. Pure. */
#pragma once

#include "base/json.h"

enum { PAGE_LIMIT = 100 }; /* objects a page: the most that Stripe gives [facts: F-53] */

struct page {
    struct json_reader reader; /* behind the '[' of data */
    bool has_more;
};

struct page_item {
    str type, id, data;
};

/* ST_INVALID: the body is valid JSON but no list. `body` must be valid JSON. */
enum status page_open(str body, struct page *out, struct error *e) MUST_USE;
/* ST_NONE: no more. ST_INVALID: an element without "object" or "id". */
enum status page_next(struct page *p, struct page_item *out, struct arena *a,
                      struct error *e) MUST_USE;
