/* operation.h - what the commands that change the catalogue share: ordering an operation, telling
 * how it goes, and the code that they end with. */
#pragma once

#include "cli/local.h"

enum { OPERATION_ORDER_BYTES_MAX = 256 << 10 };

struct operation_answer {
    const struct cli *cli;
    bool dry_run, aborting;
    struct buf last; /* the document that was heard last; empty: none */
};

/* Sends the order (a JSON object for control_run), tells of it, and sets the exit code. `answer` is
 * filled but for `cli`. */
enum status operation_send(struct cli *cli, str order, struct operation_answer *answer,
                           struct error *e) MUST_USE;
/* Who gives commands: "cli:ann". */
str operation_actor(char out[64]);
/* An operation for people; `whole` with its requests and journal. */
void operation_print(str doc, bool whole);
/* How it ended, as a code. */
enum exit_code operation_code(str doc, bool aborting);
