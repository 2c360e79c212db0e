#include "serve/operations.h"

#include "base/json.h"
#include "catalog/saga.h"

#include <stdio.h>

enum { ORDER_BYTES_MAX = 512 << 10, LOOK_MS_FIRST = 5, LOOK_MS = 200, SILENCE_MS_MAX = 1000 };

struct watch {
    struct env *env;
    const char *id;
    control_emit *emit;
    void *ctx;
};

static enum status tell(const struct watch *w, struct error *e)
{
    BUF(line, OPERATION_BYTES_MAX);
    enum status st = op_write(w->env, str_of(w->id), &line, e);

    if (st != ST_OK)
        return st;
    return w->emit(w->ctx, buf_str(&line))
               ? ST_OK
               : fail(
                     e, ST_RETRY,
                     "Nobody listens any more. Operation %s stays due: the daemon goes on with it, "
                     "or `brindle op resume %s`.",
                     w->id, w->id);
}

static enum status gone_on(const struct watch *w, const char *why, struct error *e)
{
    return fail(
        e, ST_RETRY,
        "Operation %s is not over: %s. It stays due; the daemon goes on with it, or `brindle "
        "op resume %s`.",
        w->id, why, w->id);
}

/* Told when it has moved, at the end, and when it was silent for long: only by telling is it
 * noticed that nobody listens any more. The loop ends with the operation, its listener, the
 * environment, or when nothing has moved for long. */
static enum status watch(const struct watch *w, struct error *e)
{
    struct clock *clock = w->env->world->clock;
    msec pause = LOOK_MS_FIRST, moved_at = clock_mono(clock), told_at = moved_at;
    struct op_glance seen = { .state = OP_STUCK, .step = -1 };

    while (!env_stopping(w->env)) {
        struct op_glance now;
        enum status st = op_look(w->env, str_of(w->id), &now, e);
        if (st != ST_OK)
            return st;
        bool moved = now.state != seen.state || now.step != seen.step ||
                     (now.waits != 0) != (seen.waits != 0);
        if (moved || clock_mono(clock) - told_at >= SILENCE_MS_MAX) {
            st = tell(w, e);
            if (st != ST_OK)
                return st;
            told_at = clock_mono(clock);
            if (moved) {
                moved_at = told_at;
                pause = LOOK_MS_FIRST;
            }
        }
        seen = now;
        if (op_state_ended(now.state))
            return ST_OK;
        if (clock_mono(clock) - moved_at > OPERATION_PATIENCE_MS)
            return gone_on(w, "Stripe does not answer", e);
        clock_sleep(clock, pause);
        pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
    }
    return gone_on(w, "the environment is stopping", e);
}

enum status operation_order(struct env *env, str line, control_emit *emit, void *ctx,
                            struct error *e)
{
    ARENA(a, ORDER_BYTES_MAX);
    char id[OP_ID_MAX + 1], kind[64];
    struct json_token input = json_member(line, S("input"));

    snprintf(kind, sizeof kind, "%.*s", STR_ARG(json_text(line, S("kind"), &a)));
    const struct op_order o = { .kind = kind,
                                .input = input.type == JSON_OBJECT ? input.text : (str){ 0 },
                                .actor = json_text(line, S("actor"), &a),
                                .caller_key = json_text(line, S("key"), &a),
                                .dry_run = json_bool(line, S("dry_run")) == JSON_TRUE };
    enum status st = op_submit(env, &o, id, NULL, e);
    return st == ST_OK ? watch(&(struct watch){ env, id, emit, ctx }, e) : st;
}

static enum status by_hand(struct env *env, str line,
                           enum status (*change)(struct env *, str, struct error *),
                           control_emit *emit, void *ctx, struct error *e)
{
    ARENA(a, ORDER_BYTES_MAX);
    str id = json_text(line, S("id"), &a);
    char copy[OP_ID_MAX + 1];

    if (!id.n || id.n > OP_ID_MAX)
        return fail(e, ST_INVALID, "which operation? \"id\" must be its id");
    snprintf(copy, sizeof copy, "%.*s", STR_ARG(id));
    enum status st = change(env, id, e);
    return st == ST_OK ? watch(&(struct watch){ env, copy, emit, ctx }, e) : st;
}

enum status operation_resume(struct env *env, str line, control_emit *emit, void *ctx,
                             struct error *e)
{
    return by_hand(env, line, op_resume, emit, ctx, e);
}

enum status operation_abort(struct env *env, str line, control_emit *emit, void *ctx,
                            struct error *e)
{
    return by_hand(env, line, op_abort, emit, ctx, e);
}
