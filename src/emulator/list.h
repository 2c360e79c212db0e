/* list.h - lists: pages over the records of a table, newest first, by Stripe's rules. */
#pragma once

#include "emulator/params.h"

enum { LIST_LIMIT = 10, LIST_LIMIT_MAX = 100, LIST_EMBEDDED = 10 };

struct list_query {
    enum type type;
    str owner;       /* only what belongs to this id; {NULL, 0}: everything */
    const char *url; /* NULL: the type's own */
    bool (*keep)(struct call *c, struct record *r, const void *ctx); /* NULL: all */
    const void *ctx;
};

/* Answers with one page: limit, starting_after, ending_before, created and expand are read here. */
json_t *answer_list(struct call *c, const struct list_query *q);
/* A list as it stands inside of its owner: the first ten. A new reference. */
json_t *list_embedded(struct space *s, enum type t, str owner, const char *url);
/* Every record of a type that belongs to `owner` and is not deleted, oldest first. */
struct record *owned_next(struct space *s, enum type t, str owner, const struct record *after);
