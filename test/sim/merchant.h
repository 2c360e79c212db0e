/* merchant.h - whoever works at Stripe meanwhile: makes, edits, deletes, and makes again. */
#pragma once

#include "climate.h"

void merchant_open(const struct climate *c);
/* One thing at a time until the climate's number is reached. */
bool merchant_is_done(void);
unsigned merchant_acts(void); /* so far */
bool merchant_pauses(void);   /* between two bursts */
void merchant_stop(void);
const char *merchant_customer(void); /* one of those that are alive; NULL: there is none */
