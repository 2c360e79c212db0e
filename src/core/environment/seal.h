/* seal.h - which environment is worked for: one that was switched away from is sealed, and while a
 * switch is under way (env switch) neither its source nor its target is worked for.
 *
 * All of it is in the source's store: `_environment.sealed_for`, and the journal `_switch`. The
 * switch is over when the journal is removed, and not before.
 *
 * Behind a seal nothing is written, exactly: on SQLite who seals has the store's lock; on
 * PostgreSQL each commit looks at the seal, and sealing waits for those under way
 * (backend/pg_mark.h). Until the seal, whoever has not seen the journal yet may go on.
 *
 * So may, until he looks (every few seconds), whoever works for a target that was open before: it
 * is worked for with its own key, in its own store, which no step of the switch has closed. It is
 * open as it was, and stays so if the switch is taken back; a target that was not open has a seal
 * of its own until the end. On SQLite the switch waits until he has let go. On PostgreSQL a daemon
 * whose configuration does not know the source never sees the journal: then the target is worked
 * for throughout, by him alone, and the source is sealed all the same before the target's turn. */
#pragma once

#include "core/env.h"

enum { SWITCH_STEP_MAX = 16, SWITCH_URL_MAX = 255, SWITCH_NOTES_BYTES_MAX = 64 << 10 };

struct seal {
    char sealed_for[ENV_NAME_MAX + 1]; /* ""; or who took over: the store is read, never written */
    char target[ENV_NAME_MAX + 1];     /* ""; or where the switch leads that is under way */
    char step[SWITCH_STEP_MAX + 1];    /* its last step that is done */
    msec started_at;                   /* wall */
    char url[SWITCH_URL_MAX + 1];      /* ""; or where the webhook endpoint leads that it makes */
    bool held;   /* it waits for a person's word: nobody goes on with it by himself */
    bool reseal; /* the target was not open before: going back closes it again */
};

/* How a switch begins; the members of the same names above. */
struct switch_plan {
    const char *target, *url;
    bool held, reseal;
};

/* ST_NONE: the store is nobody's yet. */
enum status seal_read(struct env *env, struct seal *out, struct error *e) MUST_USE;
/* From here on neither `env` nor the target is worked for. ST_CONFLICT: a switch to another one is
 * under way; the same once more is fine. */
enum status switch_begin(struct env *env, const struct switch_plan *plan, struct error *e) MUST_USE;
/* Whoever began it wants it to rest, or to go on by itself again. None under way: nothing to do. */
enum status switch_hold(struct env *env, bool held, struct error *e) MUST_USE;
/* The step is done. "sealed" seals the store, too. `notes` is JSON. ST_CONFLICT: the switch was
 * ended meanwhile, by somebody else. */
enum status switch_step(struct env *env, const char *step, str notes, struct error *e) MUST_USE;
/* The journal is removed, and the target may be worked for. With `back`, the source again.
 * ST_CONFLICT: without `back`, and the source is not sealed. */
enum status switch_end(struct env *env, bool back, struct error *e) MUST_USE;
/* A store that was sealed may be worked for again. Nothing to do is fine. */
enum status seal_break(struct env *env, struct error *e) MUST_USE;
/* And again it may not, for `who` works. The same once more is fine. */
enum status seal_put(struct env *env, const char *who, struct error *e) MUST_USE;
