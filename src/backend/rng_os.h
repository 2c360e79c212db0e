/* rng_os.h - the random numbers of the operating system, fit for keys and tokens. */
#pragma once

#include "world/rng.h"

struct rng *rng_os(void);
