/* cash_balance.h - money that customers have sent and that is not spent yet. */
#pragma once

#include "emulator/rooms.h"

/* Moves the customer's money by `amount`; `why` (taken over) is the member named `type`. */
struct record *cash_move(struct call *c, struct record *customer, str currency, int64_t amount,
                         const char *type, json_t *why);
/* A payment is cancelled: what it had taken goes back. */
void cash_return(struct call *c, struct record *pi);
