/* history.h - what an object was before: its former versions, what replaced each, and when.
 *
 * A version is kept when another takes its place, in the same transaction (mirror.c); the present
 * one is the object's row. So an object that never changed costs nothing here. Kept for
 * env_settings.history_ms. */
#pragma once

#include "core/mirror/mirror.h"

enum { HISTORY_EVENTS_MAX = 20 }; /* named with one version */

struct version {
    int64_t revision;
    msec since, until; /* until: 0 for the present one */
    bool deleted;      /* a tombstone: `data` is the last known state */
    str cause; /* what brought it: of the work that fetched it ("webhook", "sync", "reference",
                  "check", …); empty for the first one that is known */
    str data;
    struct {
        str id, type;
    } event[HISTORY_EVENTS_MAX]; /* those about the object that came since the version before */
    size_t n_events;
};

/* Versions of `now` (from mirror_get), the present one first. `older` is the one before, NULL for
 * the last. A status other than ST_OK ends the walk and is returned. */
typedef enum status history_visit(void *ctx, const struct version *v, const struct version *older,
                                  struct error *e);
enum status history_each(struct env *env, const struct object *now, history_visit *visit, void *ctx,
                         struct error *e) MUST_USE;

/* The version that the mirror held at a time. ST_NONE: none that is known; the sentence says since
 * when there is one. */
enum status history_at(struct env *env, const struct object *now, msec at, struct version *out,
                       struct arena *a, struct error *e) MUST_USE;

/* Names of the members, blanks between them, in which two versions differ. */
void history_changes(const struct version *v, const struct version *older, struct buf *out);
