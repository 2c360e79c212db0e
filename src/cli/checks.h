/* checks.h - the checks that have rooms of their own, of which cmd_check.c knows the names alone.
 */
#pragma once

#include "base/buf.h"
#include "cli/command.h"

/* `brindle check leftovers`: ids of another environment in the application's own database. */
enum status check_leftovers(struct cli *cli, struct error *e) MUST_USE;

struct application_leftovers {
    int64_t elsewhere;      /* ids that are proven to be of another mode or account */
    int64_t unknown;        /* that nobody knows here */
    bool whole;             /* false: a limit was reached, and not every id was looked at */
    size_t columns, looked; /* that are declared; of those, looked at to their end */
};
/* The same, counted alone, for those who report it beside something else. Stripe is asked for at
 * most `asked_max` ids, and it takes about `ms_max` at most: what is under way then is ended, but
 * for a request to Stripe, which ends by its own limit. Nothing is written.
 * ST_NONE: no application is configured, or there is no mirror yet. */
enum status application_leftovers(struct cli *cli, struct env_config *conf, int64_t asked_max,
                                  msec ms_max, struct application_leftovers *out,
                                  struct error *e) MUST_USE;
/* The same as lines of JSON, one a column in which something was found: {"what":"application",
 * "column","ids","unknown","elsewhere","see"}; `*n` more lines. Where Stripe is away, by the
 * mirrors alone, which is said. */
enum status application_leftovers_write(struct cli *cli, struct env_config *conf, int64_t asked_max,
                                        struct buf *out, size_t *n, struct error *e) MUST_USE;
/* `brindle check catalog`: products whose default price is not what it should be. */
enum status check_catalog(struct cli *cli, struct error *e) MUST_USE;
