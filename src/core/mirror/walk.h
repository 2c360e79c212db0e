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

/* A list is wanted from its start, or from where it stands (`again` false and under way). Rings
 * nobody. The variant is the list's query; "parent=ID" for a list under a parent. */
enum status walk_want(struct tx *tx, struct env *env, const struct resource *r, str variant,
                      bool again, enum stripe_lane lane, struct arena *a, struct error *e) MUST_USE;
