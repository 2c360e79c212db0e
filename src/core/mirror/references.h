/* references.h - references as rows: what hangs on an object, and what is referred to and missing.
 *
 * A reference is soft; it is in one of four states. Resolved: its target is in the mirror, alive or
 * deleted. Wanted: it is not, and Stripe has not said no. Absent: Stripe answered 404; it is asked
 * again with growing pauses, but not for ever. Foreign: the target is another mode's or account's,
 * and no key of this environment may ask for it. */
#pragma once

#include "base/buf.h"
#include "core/due.h"

enum {
    REFS_DEPTH_MAX = 8,        /* references followed behind one signal; the chase goes on later */
    REFS_FAN_OUT_MAX = 100,    /* targets that one object makes due; the chase goes on later */
    ABSENT_LOOKS_MAX = 6,      /* after so many answers it is not asked again by itself */
    REFERENCES_LIST_MAX = 500, /* of one page of references_of */
};

/* Whose absence was the answer? The sentence is Stripe's own. Pure. [facts: §4.5] */
bool references_foreign(const char *why);

/* A target that is no object in the mirror was asked for, and Stripe does not have it. */
enum status references_absent(struct tx *tx, struct env *env, str type, str id, int http_status,
                              const char *why, struct arena *a, struct error *e) MUST_USE;

/* Makes due what was absent and whose next look has come; for the chase. */
enum status references_look_again(struct env *env, struct error *e) MUST_USE;

struct dangling {
    int64_t wanted, dead, absent, foreign; /* targets; the dead are wanted, too */
};

/* Writes one JSON object a line, to `pages` (may be NULL) page after page, for each target that is
 * missing: {"type","id","state",
 * "references","from":{"type","id","field"}}, with "answer", "status", "first_at", "last_at",
 * "next_at", "looks" where Stripe was asked, and "error" where the work is dead. */
enum status references_dangling(struct env *env, struct buf *out, const struct pages *pages,
                                struct dangling *counts, struct error *e) MUST_USE;
/* Makes due whatever dangles and is not foreign; the dead are revived. `*n`: how many. */
enum status references_repair(struct env *env, int64_t *n, struct error *e) MUST_USE;

/* One JSON object: {"id","objects":[{"type","deleted","referred_by":[{"type","field","through",
 * "count","deleted","example"}…],"refers_to":[{"field","type","id","state"}…]}…]}, an entry for
 * each type that has or is referred to under this id; `type` (may be empty) chooses one. ST_NONE:
 * nobody knows the id. */
enum status references_of(struct env *env, str type, str id, struct buf *out,
                          struct error *e) MUST_USE;
/* Everything that hangs on it, one JSON object a line: {"type","id","field","deleted"}; to `pages`
 * (may be NULL) page after page. */
enum status references_to(struct env *env, str type, str id, struct buf *out,
                          const struct pages *pages, struct error *e) MUST_USE;
