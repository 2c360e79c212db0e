/* progress.h - a backfill on the terminal: what the lines of the op "sync" say, as bars. */
#pragma once

#include "base/base.h"
#include "world/clock.h"

enum {
    PROGRESS_TYPES_MAX = 256,
    PROGRESS_LINES_MAX = 8, /* types shown at a time */
    PROGRESS_NAME_MAX = 48,
    PROGRESS_REASON_MAX = 200,
};

struct progress_type {
    char name[PROGRESS_NAME_MAX], state[16], reason[PROGRESS_REASON_MAX];
    bool core;
    int64_t objects, pages;
};

struct progress {
    struct progress_type type[PROGRESS_TYPES_MAX];
    size_t n_types;
    int64_t objects, pages, walks, walks_done, walks_skipped, walks_failed, due, dead, looking;
    int64_t requests, limited, rate_milli;   /* of the process that asks Stripe; -1: not known */
    int64_t requests_before, limited_before; /* what it had asked when the first line came */
    bool begun;
    char reason[PROGRESS_REASON_MAX]; /* of a type that failed until now */
    unsigned lines_drawn;
};

/* Takes a line's numbers over. False: it is no progress. */
bool progress_read(struct progress *p, str line);
/* Differs when anything moved. */
int64_t progress_signature(const struct progress *p);
/* Draws over what was drawn before, on stderr. */
void progress_draw(struct progress *p, msec since_start);
void progress_end(struct progress *p);

/* Remarks on stderr; how many types failed. */
void progress_say_skipped(const struct progress *p);
size_t progress_say_failed(const struct progress *p);
/* Does a list's reason say that the key may not see it? */
bool progress_reason_forbids(const char *reason);
/* Is a core type among those that the key may not list? */
bool progress_forbidden_core(const struct progress *p);
