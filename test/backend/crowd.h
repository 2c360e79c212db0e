/* crowd.h - threads whose waiting can be waited for: a test knows who stands in line, without
 * sleep.
 *
 * A sched over sched_pthread that counts the threads inside gate_wait. */
#pragma once

#include "world/sched.h"

/* One for the whole program. */
struct sched *crowd_sched(void);
/* Returns once `n` threads are waiting at gates. */
void crowd_await(int n);
