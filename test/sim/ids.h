/* ids.h - whose an id is, where there are two environments: whoever was answered with it, or told
 * of it, has it at Stripe.
 *
 * What the emulator makes up (24 letters and digits) is never the same in two accounts or modes.
 * The ids that the merchants choose (prod_0, cus_same_0) are the same on purpose: there the
 * versions tell (check.c). */
#pragma once

#include "base/base.h"

/* Every id in an answer or event of that side's. */
void ids_learn(unsigned side, str text);
/* The first id in the text that the other side has, and who runs has not; "" when there is none. */
str ids_foreign(str text);
/* The store of who runs, every row: no such id stands in it, but in events that are quarantined. */
void ids_check_store(const char *when);
