/* drift_check.h - one type's check under way, for the rooms of the drift check alone: drift.c walks
 * and compares, drift_confirm.c looks twice. */
#pragma once

#include "core/mirror/drift.h"

enum {
    DRIFT_PAGE_BYTES_MAX = 64 << 20,
    DRIFT_SMALL_BYTES = 1 << 20,
    DRIFT_ID_MAX = 255,
};

enum drift_phase {
    DRIFT_WAITING,
    DRIFT_WALKING,
    DRIFT_UNSEEN,
    DRIFT_CONFIRMING,
    DRIFT_DONE,
    DRIFT_SKIPPED
};

struct check {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    const struct resource *r;
    enum drift_phase phase;
    int64_t list, at_ticket, started_ticket, compared;
    msec started_at;
    bool repair, permitted, paced;
    char cursor[DRIFT_ID_MAX + 1];
    const char *reason;
    unsigned restarts;
};

static inline struct value drift_account(const struct env *env)
{
    return V_STR(str_of(env->identity.account));
}

static inline struct value drift_type(const struct check *k)
{
    return V_STR(str_of(k->r->type));
}

/* The claim is ours for another lease, with a ticket for the next request. */
enum status drift_extend(struct check *k, struct error *e) MUST_USE;

/* The names of the members that differ, commas between them; not all, when there are many. */
str drift_fields(str theirs, str ours, struct arena *a);

/* Asks for some of what the walk found otherwise, one GET each: what is confirmed stays in `_drift`
 * and, with repair, is made due; what is not is dropped. `*over`: nothing is left to be asked for.
 * Statuses as of work: ST_RETRY later, ST_CONFLICT somebody else has the claim. */
enum status drift_confirm_some(struct check *k, bool *over, struct error *e) MUST_USE;
