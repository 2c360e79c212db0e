/* catchup.h - reading the list of events behind the webhooks, so that a lost delivery is no loss.
 *
 * The list is asked for from a little before the point that was reached last: `created` has whole
 * seconds, and an event may show up late. Ids alone remove what is known. Stripe keeps events for
 * thirty days: after a longer silence every list is walked anew. Works alone, without a webhook. */
#pragma once

#include "core/due.h"
#include "core/work.h"

enum {
    EVENTS_LAG_S = 300,            /* how late an event may show up in the list */
    EVENTS_KEPT_S = 30 * 86400,    /* [facts: §4 of the events] */
    EVENTS_LATE_S = 600,           /* older ones are in no hurry */
    EVENTS_PAGES_MAX = 100 * 1000, /* ten million events */
};

/* Makes the reading due. */
enum status catchup_want(struct tx *tx, struct env *env, struct arena *a, struct error *e) MUST_USE;
/* The work itself, for work.c. The first time it only notes where the list stands. ST_OK: read to
 * its end, put back, or released. */
enum status catchup_run(struct env *env, struct claim *c, struct work_report *report,
                        struct error *e) MUST_USE;

struct catchup_state {
    int64_t cursor_s;      /* Stripe's seconds; 0: never read */
    msec begun_at;         /* since when events are followed without a gap */
    msec read_at;          /* Stripe's time when the list was last read to its end; 0: never */
    msec gap_from, gap_to; /* the last gap that was longer than Stripe keeps events; 0: none */
};
enum status catchup_read(struct tx *tx, const struct env *env, struct catchup_state *out,
                         struct arena *a, struct error *e) MUST_USE;
