/* continuing.h - goes on with a switch that was broken off, or that waits for Stripe.
 *
 * It is a process of its own: `brindle env switch NAME --resume`, as a person would type it, with
 * the configuration as it is by then. Whoever kills that or the daemon, whenever, loses nothing.
 * Both do not wait for each other. */
#pragma once

#include "cli/serving.h"

enum { CONTINUING_LINE_MAX = 4096 };

struct continuing {
    int pid, out; /* 0: none runs; its end of the pipe */
    char line[CONTINUING_LINE_MAX];
    size_t n;
};

/* Starts one. Nothing is under way in `c`. ST_LIMIT: the system has no room for it. */
enum status continuing_begin(struct continuing *c, struct serving *s, const char *target,
                             struct error *e) MUST_USE;
/* What it has said goes to the log. False: none runs. */
bool continuing_look(struct continuing *c, struct serving *s);
/* Ends it, wherever it is. */
void continuing_end(struct continuing *c);
