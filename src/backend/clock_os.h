/* clock_os.h - the clocks of the operating system. */
#pragma once

#include "world/clock.h"

struct clock *clock_os(void);
