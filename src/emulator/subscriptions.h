/* subscriptions.h - what subscriptions.c and subscription_changes.c share. */
#pragma once

#include "emulator/rooms.h"

enum { ITEMS_MAX = 250 };

/* Each reads parameters, and is false when refused; those with a record or document set what they
 * read, to be put back by the caller. */
bool trial_read(const struct args *a, int64_t *end);
bool cancel_apply(const struct args *a, struct record *sub);
bool subscription_apply(const struct args *a, struct record *sub);
/* add_invoice_items: may they be made; makes them. */
bool extra_check(const struct args *a);
bool extra_items(const struct args *a, struct record *sub);
