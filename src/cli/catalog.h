/* catalog.h - what commands on the whole catalogue share. */
#pragma once

#include <jansson.h>

#include "cli/local.h"

/* Makes the mirror's products and prices what Stripe has now, then reads them. The caller's. */
enum status catalog_fresh(struct cli *cli, struct env_config *conf, bool sync, json_t **all,
                          struct identity *id, struct error *e) MUST_USE;
/* Carries out changes (catalog/file.h), each as the operation that it is; the first that is refused
 * ends it and sets the exit code. */
enum status catalog_carry_out(struct cli *cli, struct env_config *conf, const json_t *changes,
                              struct error *e) MUST_USE;
