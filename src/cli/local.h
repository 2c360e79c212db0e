/* local.h - how a command reaches an environment's store: to read, or to have something done.
 *
 * One process writes a store. A command that writes sends itself to the daemon when that runs, and
 * else takes the store's lock and does the work itself, with an engine of its own; should a daemon
 * start meanwhile, it hands the lock over and watches the daemon go on. On PostgreSQL there is no
 * lock: the command does the work itself, beside whoever else does. */
#pragma once

#include "cli/command.h"
#include "cli/wire.h"
#include "serve/control.h"

enum {
    LOCK_WAIT_MS = 15 * 1000, /* how long we wait for a process that has the lock but no ear yet */
    ENGINE_GRACE_MS = 5 * 1000,
};

/* Loads the configuration, finds the environment (--env), opens its store for reading. wire_close
 * in any case; `w` must be zero. ST_NONE: there is no such store yet, and the sentence says what
 * makes one. */
enum status reader_open(struct cli *cli, struct wire *w, struct error *e) MUST_USE;
/* The same where the configuration is loaded and the environment known. In both, --account makes
 * w->env act for that connected account; ST_NONE, too, when nobody knows it. */
enum status reader_of(const struct cli *cli, const struct env_config *conf, struct wire *w,
                      struct error *e) MUST_USE;

/* Has the command `line` (serve/control.h) carried out. ST_OK and the rest: the status of its end
 * line. `interrupted` (may be NULL) is asked often; true ends it, and the status is ST_RETRY. */
enum status local_run(struct cli *cli, struct env_config *conf, str line, control_emit *emit,
                      void *ctx, struct error *e) MUST_USE;

/* Is a daemon, or a command that writes, listening for this environment? On PostgreSQL, where
 * nobody needs to, that counts as true. */
bool local_is_served(const struct config *c, const char *env);
