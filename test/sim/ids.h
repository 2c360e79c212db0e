/* ids.h - whose an id is, where there are two environments or connected accounts: whoever was
 * answered with it, or told of it, has it at Stripe.
 *
 * What the emulator makes up (24 letters and digits) is never the same in two accounts or modes.
 * The ids that the merchants choose (prod_0, cus_same_0) are the same on purpose: there the
 * versions tell (check.c). */
#pragma once

#include "base/base.h"

/* Every id in an answer or event of that owner's (side.h). */
void ids_learn(unsigned of, str text);
/* The first id in the text that others have, and the owner for whom the harness speaks has not; ""
 * when there is none. */
str ids_foreign(str text);
/* The store of who runs, every row: no such id stands in it, but in events that are quarantined. */
void ids_check_store(const char *when);
