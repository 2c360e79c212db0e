/* account.h - the lists of an account as a shop of subscriptions has it: a few prices, and for each
 * customer a payment method, mostly a subscription, and six invoices with what pays them. Objects
 * look like Stripe's (account.txt), and refer to each other as they do there. */
#pragma once

#include "base/buf.h"

/* Reads the objects' forms. Ends the program when the file is none. */
void account_open(const char *path, uint64_t customers);
/* What all of its lists hold together, members of nested lists included. */
uint64_t account_objects(void);
/* The answer to a list, or to an object's address. False: there is no such list here. */
bool account_answer(struct buf *b, str path, str query);
