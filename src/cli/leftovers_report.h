/* leftovers_report.h - what `brindle check leftovers` says: a line of JSON a column, and the same
 * as a table with sentences for people. */
#pragma once

#include "cli/command.h"
#include "core/leftovers/leftovers.h"

/* Ids of a column that are proven to be of elsewhere; with `unknown`, those that nobody knows, too.
 */
int64_t leftovers_foreign(const struct leftover_column *c, bool unknown);
/* Ids of a column that nobody knows, those that could not be asked for included. */
int64_t leftovers_unknown(const struct leftover_column *c);
/* ST_OK, and *left: how many ids were found that do not belong here, the unknown ones included. */
enum status leftovers_report(struct cli *cli, const char *env, struct leftover_scan *s,
                             int64_t *left, struct error *e) MUST_USE;
/* The columns that --discover has found, as they can be pasted into brindle.conf. */
void leftovers_propose(struct cli *cli, const char *env, const struct leftover_scan *s);
/* Says of which columns the ids stay, and why. Returns how many ids that are. */
int64_t leftovers_say_stay(struct cli *cli, const struct leftover_scan *s, bool unknown);
/* Where Connect is on: as whom Stripe was asked, and for how many ids. */
void leftovers_say_asked(const struct cli *cli, const struct leftover_scan *s);
/* Says which ids stay even with --unknown, for Stripe could not be asked as everybody whose they
 * may be. Returns how many. */
int64_t leftovers_say_unasked(const struct cli *cli, const struct leftover_scan *s);
/* `what` begins the sentence. */
void leftovers_say_mended(const struct cli *cli, const char *what, const struct leftover_mended *m);
/* One line of JSON of what was found in the column, see application_leftovers_write; nothing, and
 * 0, where nothing was. */
size_t leftovers_in_short(const struct leftover_column *c, struct buf *out);
