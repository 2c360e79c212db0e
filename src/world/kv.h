/* kv.h - projections in a key-value server, as a seam. */
#pragma once

#include "base/arena.h"
#include "base/base.h"

struct kv {
    const struct kv_ops *ops;
};

/* A value says its revision itself: it is JSON with a member "revision". An empty value: the pair is
 * to be removed. */
struct kv_item {
    str key, value;
    int64_t revision;
};

enum { KV_ITEMS_MAX = 256 }; /* of one put */

struct kv_ops {
    const char *name;
    /* Each is kept, or removed, only if its revision is not smaller than that of what the key holds;
     * the server compares. ST_OK: all were taken, or something newer was there. ST_RETRY: unknown which of
     * them were kept; putting them once more does no harm. ST_NONE: this configuration names no
     * server. One thread at a time. */
    enum status (*put)(struct kv *, const struct kv_item *item, size_t n, struct error *) MUST_USE;
    /* ST_NONE: there is no such key, or no server. The value lives in the arena. */
    enum status (*get)(struct kv *, str key, str *value, struct arena *, struct error *) MUST_USE;
    void (*close)(struct kv *);
};

/* The server of a configuration that names none: put and get answer ST_NONE. */
struct kv *kv_none(void);
