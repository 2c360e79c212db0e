/* nested.h - the rest of nested lists whose end was not in their object's answer. */
#pragma once

#include "core/due.h"
#include "core/mirror/mirror.h"

/* Reads every nested list of `parent` that says has_more to its end, page by page, each page in a
 * transaction of its own; members that were not shown become tombstones. The claim is extended at
 * each page. ST_CONFLICT: the claim was lost; ST_RETRY: a page could not be had. Killed in the
 * middle, it starts again from the beginning; the parent says open_lists until the end. */
enum status nested_complete(struct env *env, struct claim *c, const struct answer *parent,
                            struct error *e) MUST_USE;
