/* leftovers.h - `brindle check leftovers`, of which cmd_check.c knows the name alone. */
#pragma once

#include "cli/command.h"

enum status check_leftovers(struct cli *cli, struct error *e);
