#include "core/seal.h"

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

enum status switch_begin(struct env *env, const char *target, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = read_in(&tx, &now, &a, e);
    if (st == ST_NONE)
        return fail(e, ST_NONE, "environment %s has no mirror to switch away from", env->name);
    if (st != ST_OK || strcmp(now.target, target) == 0)
        return st;
    if (now.target[0])
        return fail(e, ST_CONFLICT,
                    "a switch from %s to %s is under way: finish it (`brindle env switch %s`), or "
                    "go back (`brindle env switch %s`)",
                    env->name, now.target, now.target, env->name);
    if (now.sealed_for[0])
        return fail(e, ST_CONFLICT, "environment %s is sealed already: %s took over", env->name,
                    now.sealed_for);
    st = tx_run(&tx, STMT_SWITCH_BEGIN, NULL, &a, e, V_STR(str_of(target)), V_STR(S("begun")),
                V_INT(clock_wall(env->world->clock)), V_STR(S("[]")));
    if (st == ST_OK)
        st = audit_add(&tx, env, "switch_begun", target, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status switch_step(struct env *env, const char *step, str notes, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    assert(strlen(step) <= SWITCH_STEP_MAX);
    if (st == ST_OK)
        st = read_in(&tx, &now, &a, e);
    if (st != ST_OK)
        return st;
    if (!now.target[0])
        return fail(e, ST_CONFLICT, "the switch from %s was ended by somebody else", env->name);
    st = tx_run(&tx, STMT_SWITCH_STEP, NULL, &a, e, V_STR(str_of(step)), V_STR(notes));
    if (st == ST_OK && strcmp(step, "sealed") == 0 && !now.sealed_for[0]) {
        st = tx_run(&tx, STMT_ENVIRONMENT_SEAL, NULL, &a, e, V_STR(str_of(now.target)));
        if (st == ST_OK)
            st = audit_add(&tx, env, "sealed", now.target, &a, e);
    }
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status switch_end(struct env *env, bool back, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = read_in(&tx, &now, &a, e);
    if (st != ST_OK || !now.target[0])
        return st;
    st = tx_run0(&tx, STMT_SWITCH_END, NULL, &a, e);
    if (st == ST_OK && back)
        st = tx_run(&tx, STMT_ENVIRONMENT_SEAL, NULL, &a, e, V_STR(S("")));
    if (st == ST_OK)
        st = audit_add(&tx, env, back ? "switch_undone" : "switched", now.target, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status seal_break(struct env *env, struct error *e)
{
    ARENA(a, SEAL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct seal now = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = read_in(&tx, &now, &a, e);
    if (st != ST_OK || !now.sealed_for[0])
        return st;
    st = tx_run(&tx, STMT_ENVIRONMENT_SEAL, NULL, &a, e, V_STR(S("")));
    if (st == ST_OK)
        st = audit_add(&tx, env, "opened_again", now.sealed_for, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}
