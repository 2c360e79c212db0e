/* kv.h - projections in a key-value server, as a seam. */
#pragma once

#include "base/arena.h"
#include "base/base.h"

struct kv {
    const struct kv_ops *ops;
};

struct kv_ops {
    const char *name;
    /* Kept only if `revision` is newer than what the key holds; an older one is ST_OK and ignored.
     * ST_RETRY: unknown whether it was kept. ST_NONE: there is no server in this configuration. */
    enum status (*put)(struct kv *, str key, str value, int64_t revision, struct error *) MUST_USE;
    enum status (*get)(struct kv *, str key, str *value, int64_t *revision, struct arena *,
                       struct error *) MUST_USE;
    void (*close)(struct kv *);
};

/* The server of a configuration that names none: put and get answer ST_NONE. */
struct kv *kv_none(void);
