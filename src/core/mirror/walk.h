/* walk.h - list walks: a type's whole list, page by page, resumable at every page.
 *
 * A page is stored in pieces, and the cursor moves with each piece, in the same transaction: killed
 * anywhere, a walk goes on where it stood. What follows a finished walk
 * stands in followup.h. */
#pragma once

#include "core/due.h"
#include "core/resource.h"
#include "core/work.h"

/* Walks until the list's end, or until others have their turn (where Connect is on), the
 * environment stops or the claim is lost. ST_OK: finished, skipped (not permitted or not there;
 * `_walks.reason` says it), put back, or released. */
enum status walk_run(struct env *env, struct claim *c, struct work_report *report,
                     struct error *e) MUST_USE;

struct walk_order {
    bool again; /* from its start, even where it is under way; else from where it stands */
    enum stripe_lane lane;
    bool paced; /* nobody waits for it: a request a second */
    bool named; /* parents_want: under however many parents */
};

enum { WALK_PACE_MS = 1000 }; /* of paced ones, between two requests */

/* A list is wanted. Rings nobody. The variant is the list's query; "parent=ID" for a list under a
 * parent. One that is due already keeps its pace (parents_want). */
enum status walk_want(struct tx *tx, struct env *env, const struct resource *r, str variant,
                      const struct walk_order *o, struct arena *a, struct error *e) MUST_USE;
/* Is this claim of a list that nobody waits for? */
bool walk_is_paced(const struct claim *c);
