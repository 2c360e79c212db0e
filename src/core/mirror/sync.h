/* sync.h - asking for a backfill or a refresh, and watching it. Durable due work does the rest. */
#pragma once

#include "base/buf.h"
#include "core/due.h"
#include "core/env.h"
#include "core/resource.h"

enum { SYNC_ARGS_MAX = 64 };

/* A single object that was asked for: done when this generation of its key is. */
struct sync_object {
    enum due_kind kind; /* a customer comes as a whole, with its subscriptions */
    const char *type;   /* the resource table's */
    char id[256];
    int64_t gen;
};

struct sync {
    int64_t since; /* wall: when it was asked for */
    size_t n_walks;
    struct sync_object
        object[SYNC_ARGS_MAX]; /* singletons that come along with everything are not here */
    size_t n_objects;
};

/* Is this type's list walked when nothing is named: listable for an account of this mode without a
 * parent, and not on demand alone? */
bool sync_walks(const struct identity *id, const struct resource *r);

/* Marks what is asked for as due: no argument is everything; a type's name ("customers") is its
 * lists; anything else is an object's id ("cus_1", or "price:gold-monthly" where the prefix does
 * not tell the type), which goes before everything else. ST_INVALID names the argument that is none
 * of these. With `again`, walks that are under way start anew; without it they go on where they
 * stand. `lane` is that of the walks. */
enum status sync_start(struct env *env, const str *arg, size_t n, bool again, enum stripe_lane lane,
                       struct sync *out, struct error *e) MUST_USE;

/* The same sync once more, for somebody else who wants to watch it: nothing is asked for anew. */
enum status sync_recall(struct env *env, const str *arg, size_t n, int64_t since, struct sync *out,
                        struct error *e) MUST_USE;

struct sync_progress {
    bool done; /* nothing of it is due any more */
    int64_t walks, walks_done, walks_skipped, walks_failed;
    int64_t objects, pages;
    int64_t looking; /* sweeps and chases that look through the mirror now: they move nothing yet */
    int64_t due, dead; /* what it waits for still, and what was given up of it: of the objects that
                          were asked for, and, when lists were, of all that the backfill does */
};

/* Writes the state of all walks as one JSON object: {"types":[{"type","view","state","objects",
 * "pages","reason"}…],"due","dead","done","since"}, and fills `p`. */
enum status sync_progress(struct env *env, const struct sync *s, struct sync_progress *p,
                          struct buf *out, struct error *e) MUST_USE;
