/* switching.h - what the rooms of a switch share: switch.c has the whole and the way back,
 * switch_leave.c the source, switch_arrive.c the target, switch_list.c the checklist. */
#pragma once

#include "core/environment/switch.h"

enum { SWITCH_PAUSE_MS = 500 }; /* between attempts to reach Stripe */

struct switching {
    struct switch_world *w;
    const struct switch_order *o;
    const char *from, *to;       /* from NULL: nothing is left behind */
    struct env *source, *target; /* open while they are ours; else NULL */
    struct seal seal;   /* of the source, at the start; step: as far as it has come since */
    struct seal own;    /* of the target, at the start */
    bool target_is_new; /* it has no store yet */
    bool own_is_open;   /* it has one, and is neither sealed nor switched from */
    bool daemon;        /* one was there */
    bool stopped;       /* behind `until`, or by ^C */
    bool over;          /* the journal is gone: nothing is under way any more */
    struct buf notes;   /* the checklist, as JSON without its end */
};

static inline msec switch_now(const struct switching *s)
{
    return clock_mono(s->w->clock);
}

static inline bool switch_interrupted(const struct switching *s)
{
    return s->w->ops->interrupted(s->w);
}

/* ---- switch_list.c ---- */

/* A line of the checklist. Behind it the switch may be over for now (`stopped`). */
void switch_tell(struct switching *s, const char *step, enum switch_outcome o, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The step has failed, with `e`. Returns `st`. */
enum status switch_failed(struct switching *s, const char *step, enum status st,
                          const struct error *e) MUST_USE;
/* The journal is told that a step is done, and knows as much as the reader of the checklist. It
 * never goes back to an earlier step. ST_CONFLICT: somebody else has ended the switch. */
enum status switch_note(struct switching *s, const char *step, struct error *e) MUST_USE;
/* Is this step done, by the journal? */
bool switch_step_is_done(const struct switching *s, const char *step);

/* ---- switch_leave.c ---- */

/* Opens a store that a switch keeps closed to others. While another process has it, that is waited
 * for: a daemon that has seen the journal lets go. */
enum status switch_open(struct switching *s, struct env **out, const char *env,
                        enum switch_mode mode, struct error *e) MUST_USE;
void switch_close(struct switching *s, struct env **env); /* NULL in it is fine */
/* From the journal's begin to the seal; `source` stays open. */
enum status switch_leave(struct switching *s, struct error *e) MUST_USE;
void switch_plan_leave(struct switching *s); /* what of it would be done */

/* ---- switch_arrive.c ---- */

/* From the target's store to the end of the journal. ST_RETRY: Stripe is away. ST_REFUSED: the key
 * is another's, or the daemon does not take what is signed. */
enum status switch_arrive(struct switching *s, struct error *e) MUST_USE;
enum status switch_plan_arrive(struct switching *s, struct error *e) MUST_USE;
