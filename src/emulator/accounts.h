/* accounts.h - who a request is about: the key's own account, or one that is connected to it.
 *
 * A connected account is a space of its own whose `platform` is the space of the key. Its account
 * object is a record of the platform; what happens to it is told in the account's own space. */
#pragma once

#include "emulator/rooms.h"

/* The space of a connected account; NULL when it is none of c->space's. */
struct space *account_connected(struct call *c, str id);
