#include "core/environment/seal.h"

#include "core/audit.h"

#include <stdio.h>
#include <string.h>

enum { SEAL_BYTES_MAX = 256 << 10 };

static void copy_text(char *to, size_t size, str s)
{
    snprintf(to, size, "%.*s", STR_ARG(s));
}

static enum status read_in(struct tx *tx, struct seal *out, struct arena *a, struct error *e)
{
    struct seal s = { 0 };
    struct rows r;
    enum status st = tx_run0(tx, STMT_SEAL_GET, &r, a, e);

    if (st != ST_OK || r.n_rows == 0)
        return st == ST_OK ? ST_NONE : st;
    copy_text(s.sealed_for, sizeof s.sealed_for, row_str(&r, 0, 0));
    copy_text(s.target, sizeof s.target, row_str(&r, 0, 1));
    copy_text(s.step, sizeof s.step, row_str(&r, 0, 2));
    s.started_at = row_int(&r, 0, 3);
    s.held = row_int(&r, 0, 4) != 0;
    s.reseal = row_int(&r, 0, 5) != 0;
    copy_text(s.url, sizeof s.url, row_str(&r, 0, 6));
    *out = s;
    return ST_OK;
}

enum status seal_read(struct env *env, struct seal *out, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? read_in(&tx, out, &a, e) : st;
}

/* What every change begins with, and how it ends: with a line in the audit that says so. Nobody
 * else changes the seal meanwhile, and what others write is committed before this begins, or not at
 * all if this seals the store. */
static enum status begin(struct tx *tx, struct env *env, struct seal *now, struct arena *a,
                         struct error *e)
{
    enum status st = tx_begin(tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run0(tx, STMT_SEAL_HOLD, NULL, a, e);
    if (st == ST_OK)
        st = tx_run0(tx, STMT_SEAL_TAKE, NULL, a, e);
    return st == ST_OK ? read_in(tx, now, a, e) : st;
}

static enum status finish(struct tx *tx, struct env *env, const char *what, const char *detail,
                          struct arena *a, struct error *e)
{
    enum status st = audit_add(tx, env, what, detail, a, e);

    return st == ST_OK ? tx_commit(tx, e) : st;
}

static enum status set_seal(struct tx *tx, const char *target, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_ENVIRONMENT_SEAL, NULL, a, e, V_STR(str_of(target)));
}

/* May a switch to `target` begin? */
static enum status may_begin(const struct env *env, const struct seal *now, struct error *e)
{
    if (now->target[0])
        return fail(e, ST_CONFLICT,
                    "a switch from %s to %s is under way: finish it (`brindle env switch %s`), or "
                    "go back (`brindle env switch %s`)",
                    env->name, now->target, now->target, env->name);
    if (now->sealed_for[0])
        return fail(e, ST_CONFLICT, "environment %s is sealed already: %s took over", env->name,
                    now->sealed_for);
    return ST_OK;
}

enum status switch_begin(struct env *env, const struct switch_plan *plan, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = begin(&tx, env, &now, &a, e);

    assert(strlen(plan->target) <= ENV_NAME_MAX && strlen(plan->url) <= SWITCH_URL_MAX);
    if (st == ST_NONE)
        return fail(e, ST_NONE, "environment %s has no mirror to switch away from", env->name);
    if (st != ST_OK || strcmp(now.target, plan->target) == 0)
        return st;
    st = may_begin(env, &now, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_SWITCH_BEGIN, NULL, &a, e, V_STR(str_of(plan->target)),
                    V_STR(S("begun")), V_INT(clock_wall(env->world->clock)), V_STR(S("[]")),
                    V_INT(plan->held), V_INT(plan->reseal), V_STR(str_of(plan->url)));
    return st == ST_OK ? finish(&tx, env, "switch_begun", plan->target, &a, e) : st;
}

enum status switch_hold(struct env *env, bool held, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = begin(&tx, env, &now, &a, e);

    if (st != ST_OK || !now.target[0] || now.held == held)
        return st;
    st = tx_run(&tx, STMT_SWITCH_HOLD, NULL, &a, e, V_INT(held));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status switch_step(struct env *env, const char *step, str notes, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = begin(&tx, env, &now, &a, e);

    assert(strlen(step) <= SWITCH_STEP_MAX);
    if (st != ST_OK)
        return st;
    if (!now.target[0])
        return fail(e, ST_CONFLICT, "the switch from %s was ended by somebody else", env->name);
    st = tx_run(&tx, STMT_SWITCH_STEP, NULL, &a, e, V_STR(str_of(step)), V_STR(notes));
    if (st != ST_OK || strcmp(step, "sealed") != 0 || now.sealed_for[0])
        return st == ST_OK ? tx_commit(&tx, e) : st;
    st = set_seal(&tx, now.target, &a, e);
    return st == ST_OK ? finish(&tx, env, "sealed", now.target, &a, e) : st;
}

enum status switch_end(struct env *env, bool back, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = begin(&tx, env, &now, &a, e);

    if (st != ST_OK || !now.target[0])
        return st;
    if (!back && !now.sealed_for[0]) /* never two that are open */
        return fail(e, ST_CONFLICT, "the switch from %s to %s has not sealed %s yet", env->name,
                    now.target, env->name);
    st = tx_run0(&tx, STMT_SWITCH_END, NULL, &a, e);
    if (st == ST_OK && back)
        st = set_seal(&tx, "", &a, e);
    return st == ST_OK ? finish(&tx, env, back ? "switch_undone" : "switched", now.target, &a, e)
                       : st;
}

enum status seal_break(struct env *env, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = begin(&tx, env, &now, &a, e);

    if (st != ST_OK || !now.sealed_for[0])
        return st;
    st = set_seal(&tx, "", &a, e);
    return st == ST_OK ? finish(&tx, env, "opened_again", now.sealed_for, &a, e) : st;
}

enum status seal_put(struct env *env, const char *who, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = begin(&tx, env, &now, &a, e);

    if (st != ST_OK || strcmp(now.sealed_for, who) == 0)
        return st;
    st = set_seal(&tx, who, &a, e);
    return st == ST_OK ? finish(&tx, env, "sealed", who, &a, e) : st;
}
