#include "core/mirror/hidden.h"

#include "core/mirror/clocks.h"
#include "core/sequence.h"

#define REST_MS (HIDDEN_REST_DAYS * 24LL * 3600 * 1000)

/* The columns of object_unseen and drift_unseen. */
enum { UNSEEN_TICKET = 1, UNSEEN_HIDDEN, UNSEEN_FETCHED_AT };

/* Where the clock was set back, a long way off is no rest either. */
bool hidden_rests(const struct env *env, const struct rows *r, size_t i)
{
    msec since = clock_wall(env->world->clock) - row_int(r, i, UNSEEN_FETCHED_AT);

    return row_cell(r, i, UNSEEN_HIDDEN)->type != VAL_NULL &&
           row_int(r, i, UNSEEN_TICKET) > row_int(r, i, UNSEEN_HIDDEN) && since < REST_MS &&
           since > -REST_MS;
}

/* The ticket is drawn behind the end of the lists: an answer to a request that left before that is
 * no answer. */
enum status hidden_missed(struct tx *tx, const struct env *env, const struct resource *r, str id,
                          int64_t *ticket, struct arena *a, struct error *e)
{
    if (clocks_hold(r) && !env->identity.livemode)
        return ST_OK;
    enum status st = *ticket ? ST_OK : sequence_draw(tx, 1, ticket, a, e);
    return st == ST_OK ? tx_run(tx, STMT_OBJECT_MISSED, NULL, a, e, V_INT(*ticket),
                                V_STR(str_of(r->type)), v_account(env), V_STR(id))
                       : st;
}

enum status hidden_shown(struct tx *tx, const struct env *env, str type, str id, struct arena *a,
                         struct error *e)
{
    return tx_run(tx, STMT_OBJECT_SHOWN, NULL, a, e, V_STR(type), v_account(env), V_STR(id));
}
