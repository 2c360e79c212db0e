/* walk.h - list walks: a type's whole list, page by page, resumable at every page. */
#pragma once

#include "core/due.h"

/* Walks until the list's end, the environment stops or the claim is lost. Used by work.c.
 * ST_OK: finished, skipped (not permitted or not there; `_walks.reason` says it) or released. */
enum status walk_run(struct env *env, struct claim *c, struct error *e) MUST_USE;
