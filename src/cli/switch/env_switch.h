/* env_switch.h - from one environment to another as one operation that can be broken off anywhere.
 *
 *     preflight  the target's keys and identity, before anything changes
 *     begun      the source's journal says where to: from here on nobody works for either
 *     drained    what was due at the source is worked off, as far as its key and the time allow
 *     sealed     the source's store is read from now on, never written
 *     opened     the target's identity is proven, its store is there and its own
 *     endpoint   a webhook endpoint of the account leads to it
 *     ping       the daemon takes what is signed with each of its secrets
 *     leftovers  what the target's mirror holds of others, and the application's own database, if
 *                that is configured: reported alone
 *     resumed    the journal is removed: the target is worked for
 *
 * The journal is in the source's store (core/environment/seal.h), so that a crash at any point
 * leaves one environment open, or none; the same command goes on, and a daemon starts it
 * (continuing.h) unless a person made it rest. One process of a data directory is at it
 * (wire_switch_lock). The configuration is read, never written. */
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
