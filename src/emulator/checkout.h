/* checkout.h - what is sold by a page: line items of checkout sessions and payment links. */
#pragma once

#include "emulator/rooms.h"

enum { LINES_MAX = 100 };

/* What line_items[] wants, checked whole before anything is made. */
struct lines {
    struct line {
        struct args args;
        struct record *price; /* NULL: made of price_data when it is kept */
        int64_t quantity;
    } line[LINES_MAX];
    size_t n;
    bool recurring; /* at least one is paid again and again */
    bool once;      /* at least one is not */
    str currency;
};

/* False when refused. `mode` names the mode for messages: "payment", "subscription". */
bool lines_read(const struct args *a, const char *mode, struct lines *out);
/* Makes them items of `of`; the sum of their amounts, -1 when refused. */
int64_t lines_keep(struct call *c, struct record *of, struct lines *l);

/* discounts[] of a session into its document, as they were named; false when refused. */
bool discounts_named(const struct args *a, json_t *doc);
/* What they take from `sum`; told to the items, too. */
int64_t discounts_amount(struct call *c, struct record *cs, int64_t sum);
/* A session from these parameters; `link`: the payment link that was opened, or NULL. */
struct record *session_make(const struct args *a, struct record *link);
