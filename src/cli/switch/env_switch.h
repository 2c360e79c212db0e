/* env_switch.h - `brindle env switch`: what it does, and in which order, is in
 * core/environment/switch.h. Here are its flags, what it prints, and what it needs of this process.
 *
 * One process of a data directory is at it (wire_switch_lock). The configuration is read, never
 * written. */
#pragma once

#include "cli/command.h"

enum { ENV_SWITCH_DRAIN_S = 30 };

struct env_switch_options {
    const char *from;  /* NULL: the only one that is open */
    const char *url;   /* for an endpoint that is made when there is none; NULL: none is made */
    const char *until; /* a step: stop behind it; NULL: to the end */
    bool dry_run;
    bool resume; /* only if one was broken off, and nobody is at it: for the daemon, which asks */
    int64_t drain_seconds;
};

/* ST_OK: it is over, or stopped behind `until`. ST_CONFLICT: another switch is in the way, or
 * somebody has the store; with `resume`: there is nothing to go on with. ST_REFUSED: the key, or
 * the daemon does not take what is signed. ST_RETRY: Stripe is away; the same command goes on.
 * ST_INVALID: an option or a name. ST_LIMIT: ^C, and it rests. */
enum status env_switch(struct cli *cli, const char *to, const struct env_switch_options *o,
                       struct error *e) MUST_USE;
