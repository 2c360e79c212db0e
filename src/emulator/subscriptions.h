/* subscriptions.h - what subscriptions.c and subscription_changes.c share. */
#pragma once

#include "emulator/rooms.h"

enum { ITEMS_MAX = 250 };

/* Each reads parameters, and is false when refused; those with a record or document set what they
 * read, to be put back by the caller. */
bool trial_read(const struct args *a, int64_t *end);
bool cancel_apply(const struct args *a, struct record *sub);
bool subscription_apply(const struct args *a, struct record *sub);
/* When a new subscription begins, and its first period. */
struct beginning {
    int64_t start, anchor, first_start, first_end; /* first_end 0: a whole period */
    double part;    /* of the first period that is paid for; below 0: all of it */
    json_t *config; /* billing_cycle_anchor_config as it is shown, owned; NULL: none */
};
/* Reads billing_cycle_anchor, billing_cycle_anchor_config and backdate_start_date. */
bool beginning_read(const struct args *a, const struct item_order *first, int64_t trial_end,
                    struct beginning *b);
/* add_invoice_items: may they be made; makes them. */
bool extra_check(const struct args *a);
bool extra_items(const struct args *a, struct record *sub);
