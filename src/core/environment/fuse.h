/* fuse.h - what stops a run of deletions that no event announced.
 *
 * A key that reaches something else, a proxy that has lost its mind, a sandbox that was wiped: each
 * shows as 404s. So many objects at once are buried only when the identity has been proven anew and
 * a person has said so (`brindle check drift --repair --yes`). Until then they stay as they were,
 * and their work is dead, with this reason. */
#pragma once

#include "core/env.h"
#include "world/tx.h"

/* What a dead key's last_error begins with, so that it can be found again. */
#define FUSE_REASON "the fuse has blown: "

/* Each connected account has a fuse of its own.
 *
 * One more living object is about to be buried without an event: in that transaction, before
 * anything else is locked. `*held`: it may not be. */
enum status fuse_take(struct tx *tx, struct env *env, str type, str id, bool *held, struct arena *a,
                      struct error *e) MUST_USE;
/* A person has seen that this object is gone: its burial is no matter of the fuse, as long as the
 * work for it that is due now is not done. */
enum status fuse_permit(struct tx *tx, const struct env *env, str type, str id, struct arena *a,
                        struct error *e) MUST_USE;

struct fuse_state {
    msec blown_at;   /* wall; 0: it is whole */
    int64_t counted; /* in the hour that is counted now */
    int64_t held;    /* keys that wait for a person's word */
};

enum status fuse_read(struct tx *tx, const struct env *env, struct fuse_state *out, struct arena *a,
                      struct error *e) MUST_USE;

/* A person has said so: the fuse is whole again, and what it held is due once more and permitted.
 * What shows as gone later than that counts again. `*revived`: how many it held. */
enum status fuse_mend(struct env *env, int64_t *revived, struct error *e) MUST_USE;
/* The same for one type alone: what it held of others waits on, and it is whole again only when
 * nothing waits any more. */
enum status fuse_mend_type(struct env *env, str type, int64_t *revived, struct error *e) MUST_USE;
