/* work.h - a worker's whole life, top to bottom: claim, fetch, apply, finish. */
#pragma once

#include "core/due.h"

/* A claim that its worker holds still, because the store has failed behind it. */
struct work_left {
    enum due_kind kind;
    char type[DUE_TYPE_MAX + 1], id[DUE_ID_MAX + 1], account[ACCOUNT_ID_MAX + 1];
    int64_t ticket; /* 0: none is held */
    unsigned misses;
};

/* What happened, for the log of whoever runs the worker. */
struct work_report {
    bool failed, dead; /* it will be tried again; it will not */
    int64_t drift;     /* differences that a check found */
    char key[320];     /* "object customer cus_1" */
    char why[ERROR_TEXT_MAX];
    struct work_left left;
};

/* Does one piece of due work. ST_OK: something was done (or failed and was put back: see `report`).
 * ST_NONE: nothing is ready. ST_RETRY: the store is away. ST_REFUSED: the environment is stopping
 * or stopped. ST_BROKEN: stop the process. */
enum status work_one(struct env *env, struct work_report *report, struct error *e) MUST_USE;

/* Lets go of the claim that is left, lest its key waits for the end of the lease. ST_OK: nothing is
 * held any more. Anything else: it is held still, for the store is away still; ask again. */
enum status work_let_go(struct env *env, struct work_left *left, struct error *e) MUST_USE;
