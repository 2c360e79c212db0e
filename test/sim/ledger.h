/* ledger.h - customers' states as they must be: made anew from the objects, in another way than the
 * program makes them, and held against what stands in the store and at the key-value server. */
#pragma once

#include "base/base.h"

#include <sqlite3.h>

/* A state was committed; `order`: among all write transactions. */
void ledger_put(str customer, int64_t revision, uint64_t order);
/* Every state is that of the objects beside it. */
void ledger_check_store(sqlite3 *db, const char *when);
/* Every state is that of Stripe's objects. */
void ledger_check_stripe(sqlite3 *db);
/* The key-value server holds every state, and nothing else. */
void ledger_check_projected(sqlite3 *db);
