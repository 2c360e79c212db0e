/* switching.h - what the rooms of `brindle env switch` share: env_switch.c has the steps that
 * change something, switch_verify.c those that look, switch_list.c the checklist. */
#pragma once

#include "base/buf.h"
#include "cli/switch/env_switch.h"
#include "cli/wire.h"
#include "core/environment/seal.h"

enum {
    SWITCH_TEXT_MAX = 700,
    SWITCH_LOOK_MS = 100,
    SWITCH_STORE_MS = 40 * 1000, /* for a daemon to let go of a store, or to take one */
};

struct switching {
    struct cli *cli;
    struct config *c;
    const struct env_switch_options *o;
    struct env_config *from, *to; /* from NULL: nothing is left behind */
    struct wire source, target;   /* open while they are ours */
    struct seal seal;   /* of the source, at the start; step: as far as it has come since */
    struct seal own;    /* of the target, at the start */
    bool target_is_new; /* it has no store yet */
    bool own_is_open;   /* it has one, and is neither sealed nor switched from */
    bool daemon;        /* one was there */
    bool stopped;       /* behind --until, or by ^C */
    bool over;          /* the journal is gone: nothing is under way any more */
    struct buf notes;   /* the checklist, as JSON without its end */
};

/* ---- switch_list.c ---- */

enum outcome { DONE, WARNED, SKIPPED, FAILED, PLANNED };

/* A line of the checklist. Behind it the switch may be over for now (`stopped`). */
void item(struct switching *s, const char *step, enum outcome o, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The step has failed, with `e`. Returns `st`. */
enum status failed(struct switching *s, const char *step, enum status st,
                   const struct error *e) MUST_USE;
/* The journal is told that a step is done, and knows as much as the reader of the checklist. It
 * never goes back to an earlier step. ST_CONFLICT: somebody else has ended the switch. */
enum status note(struct switching *s, const char *step, struct error *e) MUST_USE;
/* Is this step done, by the journal? */
bool step_is_done(const struct switching *s, const char *step);

/* ---- env_switch.c ---- */

/* ST_NONE: there is no store, or it is nobody's yet. */
enum status seal_of(struct switching *s, const struct env_config *conf, struct seal *out,
                    struct error *e) MUST_USE;

/* ---- switch_leave.c ---- */

/* Opens a store that a switch keeps closed to others. While another process has it, that is waited
 * for: a daemon that has seen the journal lets go. WIRE_FILL: ST_NONE: it is nobody's yet. */
enum status open_waiting(struct switching *s, struct wire *w, struct env_config *conf,
                         enum wire_mode mode, struct error *e) MUST_USE;
/* From the journal's begin to the seal; `source` stays open. */
enum status leave(struct switching *s, struct error *e) MUST_USE;
/* What of it would be worked off. */
void plan_drain(struct switching *s);

/* ---- switch_verify.c ---- */

/* Each writes its line. ST_RETRY: Stripe is away. The endpoint is made or set right at Stripe if
 * that was wished, its secret kept; the other two change nothing. ST_REFUSED: the daemon does not
 * take what is signed. */
enum status look_at_endpoint(struct switching *s, struct wire *w, struct error *e) MUST_USE;
enum status ping_all(struct switching *s, struct error *e) MUST_USE;
enum status look_for_leftovers(struct switching *s, struct env *env, struct error *e) MUST_USE;
