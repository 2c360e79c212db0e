/* trace.h - the story of an object, or of an event and its object: what arrived, what was asked,
 * what was stored, and what is still to be done, put together from the store's own records. */
#pragma once

#include "core/mirror/mirror.h"

enum {
    TRACE_STEPS_MAX = 100, /* of each kind, the latest */
    TRACE_BYTES_MAX = 64 << 20,
};

/* One step. What has no meaning for it is empty or 0. */
struct trace_step {
    msec at;
    const char *what; /* received, asked, stored, deleted, dropped, due, working, dead, done */
    str text;         /* a sentence without its full stop */
    str event, request_id;
    int64_t http_status, duration_ms, revision;
};

struct trace {
    str event; /* empty: of an object */
    str event_type;
    str type, id;            /* the object; empty: the event speaks of none */
    struct trace_step *step; /* in the order of time; the last tells how it stands now */
    size_t n_steps;
};

/* Everything that is known of an object. `type` may be empty: then the id tells. ST_NONE: neither
 * the mirror nor the inbox has ever heard of it. */
enum status trace_object(struct env *env, str type, str id, struct trace *out, struct arena *a,
                         struct error *e) MUST_USE;
/* Of an event, and of its object since the event came. ST_NONE: no such event. */
enum status trace_event(struct env *env, str event_id, struct trace *out, struct arena *a,
                        struct error *e) MUST_USE;
