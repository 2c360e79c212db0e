/* checks.h - the checks that have rooms of their own, of which cmd_check.c knows the names alone.
 */
#pragma once

#include "cli/command.h"

/* `brindle check leftovers`: ids of another environment in the application's own database. */
enum status check_leftovers(struct cli *cli, struct error *e) MUST_USE;
/* `brindle check catalog`: products whose default price is not what it should be. */
enum status check_catalog(struct cli *cli, struct error *e) MUST_USE;
