/* courier.h - Stripe's deliveries: at least once, late, doubled, in any order. */
#pragma once

#include "climate.h"

void courier_open(struct climate *c);
/* Takes what the emulator wants delivered. After each change at Stripe. */
void courier_collect(void);
/* No faults from now on: everything that waits is sent at once. */
void courier_calm(void);
/* The node is gone: whoever waits for its answer waits in vain. */
void courier_hang_up(void);
size_t courier_waiting(void);
