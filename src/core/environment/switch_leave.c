#include "core/environment/switching.h"

#include <string.h>

#include "base/plant.h"
#include "core/status.h"

enum {
    HOLD_WAIT_MS = 10 * 1000, /* for a store, when ^C's word that the switch rests is to be kept */
    DRAIN_GRACE_MS = 10 * 1000,
};

static enum status open_now(struct switching *s, struct env **out, const char *env,
                            enum switch_mode mode, bool *locked, struct error *e)
{
    *locked = false;
    return s->w->ops->open_env(s->w, env, mode, locked, out, e);
}

enum status switch_open(struct switching *s, struct env **out, const char *env,
                        enum switch_mode mode, struct error *e)
{
    bool was_interrupted = switch_interrupted(s), locked;
    msec until = switch_now(s) + (was_interrupted ? HOLD_WAIT_MS : SWITCH_STORE_MS);

    assert(!*out);
    for (;;) {
        struct error why = { 0 };
        enum status st = open_now(s, out, env, mode, &locked, &why);
        if (!locked || switch_now(s) >= until || switch_interrupted(s) != was_interrupted) {
            if (st != ST_OK)
                *e = why;
            return st;
        }
        clock_sleep(s->w->clock, SWITCH_LOOK_MS);
    }
}

void switch_close(struct switching *s, struct env **env)
{
    if (*env)
        s->w->ops->close_env(s->w, *env);
    *env = NULL;
}

/* ---- the journal ------------------------------------------------------------------------------
 */

/* `*locked`: somebody has the store who does not listen. */
static enum status try_to_write(struct switching *s, const struct switch_plan *plan, bool *locked,
                                struct error *e)
{
    enum status st = s->w->ops->tell_daemon(s->w, s->from, plan, e);

    *locked = false;
    if (st != ST_NONE) {
        s->daemon = true;
        return st;
    }
    error_clear(e);
    st = open_now(s, &s->source, s->from, SWITCH_TO_NOTE, locked, e);
    if (st == ST_OK)
        st = switch_begin(s->source, plan, e);
    switch_close(s, &s->source);
    return st;
}

/* A daemon that starts has the store before it listens. */
static enum status write_journal(struct switching *s, const struct switch_plan *plan,
                                 struct error *e)
{
    msec until = switch_now(s) + SWITCH_STORE_MS;
    bool locked;

    for (;;) {
        struct error why = { 0 };
        enum status st = try_to_write(s, plan, &locked, &why);
        if (!locked || switch_now(s) >= until || switch_interrupted(s)) {
            if (st != ST_OK)
                *e = why;
            return st;
        }
        clock_sleep(s->w->clock, SWITCH_LOOK_MS);
    }
}

static enum status begin(struct switching *s, struct error *e)
{
    struct identity ignored;
    const struct switch_plan plan = {
        .target = s->to,
        .url = s->o->url ? s->o->url : "",
        .held = s->o->until != NULL,
        .reseal = s->target_is_new || s->own.sealed_for[0],
    };
    enum status st = s->seal.target[0] ? ST_OK : write_journal(s, &plan, e);

    return st == ST_OK ? s->w->ops->look(s->w, s->from, &s->seal, &ignored, e) : st;
}

/* ---- the drain --------------------------------------------------------------------------------
 */

static int64_t still_due(struct env *env)
{
    struct mirror_status m = { 0 };
    struct error ignored = { 0 };

    return status_read(env, &m, &ignored) == ST_OK ? m.due : -1;
}

/* Behind it no answer is on its way any more: what comes late would be stored in a sealed store. */
static void work_off(struct switching *s)
{
    struct error ignored = { 0 };
    msec until = switch_now(s) + s->o->drain_ms;

    if (s->w->ops->start_work(s->w, s->source, &ignored) != ST_OK)
        return;
    while (still_due(s->source) > 0 && switch_now(s) < until && !switch_interrupted(s))
        clock_sleep(s->w->clock, SWITCH_LOOK_MS);
    if (!planted(PLANT_SWITCH_UNDRAINED))
        s->w->ops->stop_work(s->w, s->source, DRAIN_GRACE_MS);
}

/* Its own key is not there, not right or not wished for: what is due stays due, and goes on if the
 * environment is ever opened again. */
static enum status leave_it_due(struct switching *s, const char *why, struct error *e)
{
    enum status st = switch_open(s, &s->source, s->from, SWITCH_TO_NOTE, e);

    if (st != ST_OK)
        return st;
    int64_t due = still_due(s->source);
    if (due == 0)
        switch_tell(s, "drained", SWITCH_DONE, "nothing was due in %s", s->from);
    else
        switch_tell(s, "drained", SWITCH_SKIPPED, "what is due in %s stays so (%lld)%s%s", s->from,
                    (long long)due, why[0] ? ": " : "", why);
    return ST_OK;
}

static enum status drain(struct switching *s, struct error *e)
{
    struct error why = { 0 };
    bool sealed = strcmp(s->seal.sealed_for, s->to) == 0;

    if (sealed || s->o->drain_ms <= 0 ||
        switch_open(s, &s->source, s->from, SWITCH_TO_DRAIN, &why) != ST_OK)
        return leave_it_due(s, why.text, e);
    int64_t before = still_due(s->source);
    if (before > 0)
        work_off(s);
    int64_t left = still_due(s->source);
    if (before == 0)
        switch_tell(s, "drained", SWITCH_DONE, "nothing was due in %s", s->from);
    else
        switch_tell(s, "drained", left ? SWITCH_WARNED : SWITCH_DONE,
                    "%lld thing%s due in %s, %lld %s left", (long long)before,
                    before == 1 ? " was" : "s were", s->from, (long long)left,
                    left == 1 ? "is" : "are");
    s->w->ops->settle(s->w, s->source);
    return ST_OK;
}

enum status switch_leave(struct switching *s, struct error *e)
{
    enum status st = begin(s, e);

    if (st != ST_OK)
        return switch_failed(s, "begun", st, e);
    switch_tell(s, "begun", SWITCH_DONE, "neither %s nor %s is worked for until this is over",
                s->from, s->to);
    if (s->stopped)
        return ST_OK;
    st = drain(s, e);
    if (st != ST_OK)
        return switch_failed(s, "drained", st, e);
    if (s->stopped)
        return switch_note(s, "drained", e);
    st = switch_note(s, "sealed", e);
    if (st != ST_OK)
        return switch_failed(s, "sealed", st, e);
    switch_tell(s, "sealed", SWITCH_DONE, "%s is read from now on, never written", s->from);
    return ST_OK;
}

void switch_plan_leave(struct switching *s)
{
    struct env *reader = NULL;
    struct error ignored = { 0 };
    bool locked;
    int64_t due = -1;

    switch_tell(s, "begun", SWITCH_PLANNED,
                "neither %s nor %s would be worked for until this is over", s->from, s->to);
    if (open_now(s, &reader, s->from, SWITCH_TO_READ, &locked, &ignored) == ST_OK)
        due = still_due(reader);
    switch_close(s, &reader);
    if (due < 0)
        switch_tell(s, "drained", SWITCH_PLANNED, "what is due in %s would be worked off", s->from);
    else if (due == 0)
        switch_tell(s, "drained", SWITCH_PLANNED, "nothing is due in %s", s->from);
    else
        switch_tell(s, "drained", SWITCH_PLANNED, "%lld thing%s due in %s, and would be worked off",
                    (long long)due, due == 1 ? " is" : "s are", s->from);
    switch_tell(s, "sealed", SWITCH_PLANNED, "%s would be read from then on, never written",
                s->from);
}
