/* sched_pthread.h - gates for threads: a mutex and a condition on the monotonic clock. */
#pragma once

#include "world/sched.h"

struct sched *sched_pthread(void);
