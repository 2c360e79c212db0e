#include "catalog/journal.h"

#include <stdio.h>

#include "core/sequence.h"

static const char *const state_name[] = {
    [OP_NEW] = "new",         [OP_FORWARD] = "forward", [OP_BACK] = "back",
    [OP_DONE] = "done",       [OP_UNDONE] = "undone",   [OP_REFUSED] = "refused",
    [OP_PLANNED] = "planned", [OP_STUCK] = "stuck",
};

static const char *const step_state_name[] = {
    [STEP_SENT] = "sent",       [STEP_DONE] = "done",       [STEP_FOUND] = "found",
    [STEP_REFUSED] = "refused", [STEP_SETTLED] = "settled",
};

const char *op_state_name(enum op_state s)
{
    return state_name[s];
}

bool op_state_ended(enum op_state s)
{
    return s >= OP_DONE;
}

static struct value text_or_null(str s)
{
    return s.n ? V_STR(s) : V_NULL;
}

static size_t number_of(str name, const char *const *table, size_t n)
{
    size_t i = 0;

    while (i < n && !str_eqz(name, table[i]))
        i++;
    return i;
}

enum status op_read(struct tx *tx, const struct env *env, str id, struct op *out, struct arena *a,
                    struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_OP_GET, &r, a, e, V_STR(id), V_STR(str_of(env->identity.account)));

    if (st != ST_OK)
        return st;
    if (r.n_rows == 0)
        return fail(e, ST_NONE, "There is no operation %.*s in environment %s.", STR_ARG(id),
                    env->name);
    size_t state = number_of(row_str(&r, 0, 8), state_name, COUNT(state_name));
    if (state == COUNT(state_name))
        return fail(e, ST_BROKEN, "operation %.*s is in a state that is unknown", STR_ARG(id));
    *out = (struct op){ .kind = row_str(&r, 0, 1),
                        .product = row_str(&r, 0, 2),
                        .actor = row_str(&r, 0, 3),
                        .api_key = row_str(&r, 0, 4),
                        .dry_run = row_int(&r, 0, 5) != 0,
                        .input = row_str(&r, 0, 6),
                        .plan = row_str(&r, 0, 7),
                        .state = (enum op_state)state,
                        .step = row_int(&r, 0, 9),
                        .reason = row_str(&r, 0, 10),
                        .note = row_str(&r, 0, 11),
                        .refusal = row_str(&r, 0, 12),
                        .differences = row_str(&r, 0, 13),
                        .waits = row_int(&r, 0, 14),
                        .rounds = row_int(&r, 0, 15),
                        .abort_asked = row_int(&r, 0, 16) != 0,
                        .created_at = row_int(&r, 0, 17),
                        .changed_at = row_int(&r, 0, 18),
                        .ended_at = row_int(&r, 0, 19) };
    snprintf(out->id, sizeof out->id, "%.*s", STR_ARG(id));
    return ST_OK;
}

enum status op_steps_read(struct tx *tx, str id, struct step_row **out, size_t *n, struct arena *a,
                          struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_OP_STEPS, &r, a, e, V_STR(id));

    if (st != ST_OK)
        return st;
    struct step_row *row = arena_alloc(a, (r.n_rows + 1) * sizeof *row);
    if (!row)
        return fail(e, ST_LIMIT, "the journal of operation %.*s is too long", STR_ARG(id));
    for (size_t i = 0; i < r.n_rows; i++) {
        size_t state = number_of(row_str(&r, i, 6), step_state_name, COUNT(step_state_name));
        if (state == COUNT(step_state_name))
            return fail(e, ST_BROKEN, "a step of operation %.*s is in a state that is unknown",
                        STR_ARG(id));
        row[i] = (struct step_row){ .step = row_int(&r, i, 0),
                                    .attempt = row_int(&r, i, 1),
                                    .method = row_str(&r, i, 2),
                                    .path = row_str(&r, i, 3),
                                    .form = row_str(&r, i, 4),
                                    .key = row_str(&r, i, 5),
                                    .state = (enum step_state)state,
                                    .sends = row_int(&r, i, 7),
                                    .http_status = row_int(&r, i, 8),
                                    .request_id = row_str(&r, i, 9),
                                    .replayed = row_int(&r, i, 10) != 0,
                                    .object = row_str(&r, i, 11),
                                    .error = row_str(&r, i, 12),
                                    .began_at = row_int(&r, i, 13),
                                    .ended_at = row_int(&r, i, 14),
                                    .duration_ms = row_int(&r, i, 15) };
    }
    *out = row;
    *n = r.n_rows;
    return ST_OK;
}

enum status op_move(struct tx *tx, const struct env *env, const struct op *op, struct error *e)
{
    return tx_run(tx, STMT_OP_MOVE, NULL, NULL, e, V_STR(str_of(op_state_name(op->state))),
                  V_INT(op->step), text_or_null(op->reason), text_or_null(op->note),
                  text_or_null(op->refusal), V_INT(op->waits), V_INT(op->rounds),
                  V_INT(clock_wall(env->world->clock)), V_STR(str_of(op->id)));
}

enum status op_end(struct tx *tx, const struct env *env, const struct op *op, struct arena *a,
                   struct error *e)
{
    int64_t ticket;
    enum status st = sequence_draw(tx, 1, &ticket, a, e);

    if (st != ST_OK)
        return st;
    return tx_run(tx, STMT_OP_END, NULL, NULL, e, V_STR(str_of(op_state_name(op->state))),
                  V_INT(op->step), text_or_null(op->reason), text_or_null(op->note),
                  text_or_null(op->refusal), text_or_null(op->differences),
                  V_INT(clock_wall(env->world->clock)), V_INT(ticket), V_STR(str_of(op->id)));
}

enum status op_step_put(struct tx *tx, const struct env *env, str id, const struct step_row *row,
                        struct error *e)
{
    return tx_run(tx, STMT_OP_STEP_PUT, NULL, NULL, e, V_STR(id), V_INT(row->step),
                  V_INT(row->attempt), V_STR(row->method), V_STR(row->path), V_STR(row->form),
                  V_STR(row->key), V_INT(clock_wall(env->world->clock)));
}

enum status op_step_end(struct tx *tx, const struct env *env, str id, const struct step_row *row,
                        struct error *e)
{
    return tx_run(tx, STMT_OP_STEP_END, NULL, NULL, e, V_STR(str_of(step_state_name[row->state])),
                  row->http_status ? V_INT(row->http_status) : V_NULL,
                  text_or_null(row->request_id), V_INT(row->replayed), text_or_null(row->object),
                  text_or_null(row->error), V_INT(row->duration_ms),
                  V_INT(clock_wall(env->world->clock)), V_STR(id), V_INT(row->step),
                  V_INT(row->attempt));
}
