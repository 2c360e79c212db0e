/* projections.h - `brindle sync --projections`: what the key-value server holds, made anew. */
#pragma once

#include "cli/command.h"

/* Asks for it and waits until it is delivered. ST_RETRY: the server takes nothing; it goes out when
 * the server is back. */
enum status projections_rebuild(struct cli *cli, struct env_config *conf, struct error *e) MUST_USE;
