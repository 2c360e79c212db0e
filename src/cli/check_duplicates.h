/* check_duplicates.h - `brindle check duplicates`. */
#pragma once

#include "cli/command.h"

/* Prints what core/customer/duplicates.h finds; the exit status says whether there was any. */
enum status check_duplicates(struct cli *cli, const struct env_config *conf,
                             struct error *e) MUST_USE;
