/* work.h - a worker's whole life, top to bottom: claim, fetch, apply, finish. */
#pragma once

#include "core/env.h"

/* What happened, for the log of whoever runs the worker. */
struct work_report {
    bool failed, dead; /* it will be tried again; it will not */
    int64_t drift;     /* differences that a check found */
    char key[320];     /* "object customer cus_1" */
    char why[ERROR_TEXT_MAX];
};

/* Does one piece of due work. ST_OK: something was done (or failed and was put back: see `report`).
 * ST_NONE: nothing is ready. ST_RETRY: the store is away. ST_REFUSED: the environment is stopping
 * or stopped. ST_BROKEN: stop the process. */
enum status work_one(struct env *env, struct work_report *report, struct error *e) MUST_USE;
