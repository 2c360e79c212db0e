/* life.h - one seed from its beginning to its end: a world with faults, then one without, in which
 * everything must come to rest. */
#pragma once

#include "base/base.h"

/* Makes the disk that most seeds begin with: a store that belongs to the account. */
void life_prepare(const char *lock_path);
/* Ends the process by broke() when a promise broke. */
void life_run(uint64_t seed, const char *lock_path);
