#include "core/retention.h"

enum {
    RETENTION_PIECE = 500,
    RETENTION_BYTES_MAX = 64 << 10,
};

static enum status forget(struct env *env, enum stmt id, msec keep, bool *more, struct error *e)
{
    ARENA(a, RETENTION_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    msec before = clock_wall(env->world->clock) - keep;
    struct rows r;

    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = tx_run(&tx, id, &r, &a, e, V_INT(before), V_INT(RETENTION_PIECE));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK && r.n_changed == RETENTION_PIECE)
        *more = true;
    return st;
}

enum status retention_run(struct env *env, bool *more, struct error *e)
{
    const struct env_settings *set = &env->set;
    /* an event is forgotten when its body is: that comes first */
    msec body_ms = set->inbox_body_ms < set->inbox_id_ms ? set->inbox_body_ms : set->inbox_id_ms;
    const struct {
        enum stmt id;
        msec keep;
    } piece[] = { { STMT_FORGET_BODIES, body_ms },
                  { STMT_FORGET_EVENTS, env->set.inbox_id_ms },
                  { STMT_FORGET_CONFLICTS, env->set.inbox_body_ms },
                  { STMT_FORGET_CALLS, env->set.calls_ms },
                  { STMT_FORGET_DROPPED, env->set.calls_ms },
                  { STMT_FORGET_HISTORY, env->set.history_ms } };
    enum status st = ST_OK;

    *more = false;
    for (size_t i = 0; i < COUNT(piece) && st == ST_OK; i++)
        st = forget(env, piece[i].id, piece[i].keep, more, e);
    return st;
}
