#include "core/erasure/turn.h"

#include "core/erasure/erase.h"
#include "core/erasure/unfinished.h"

enum { SMALL_BYTES = 256 << 10 };

bool turn_take(struct env *root, bool waits)
{
    struct sched *s = root->world->sched;

    gate_lock(s, root->gate);
    while (waits && root->erasing && !root->stopping)
        gate_wait(s, root->gate, NO_DEADLINE);
    bool mine = !root->erasing;
    root->erasing = root->erasing || mine;
    gate_unlock(s, root->gate);
    return mine;
}

void turn_of(struct env *root, str customer, str account)
{
    struct sched *s = root->world->sched;

    gate_lock(s, root->gate);
    assert(root->erasing && customer.n);
    root->forgetting.customer = customer;
    root->forgetting.account = account;
    /* what was left by somebody else may be old enough for others already */
    root->forgetting.kept_at = clock_mono(root->world->clock) - ERASE_KEEP_MS;
    gate_unlock(s, root->gate);
}

void turn_give(struct env *root)
{
    struct sched *s = root->world->sched;

    gate_lock(s, root->gate);
    root->erasing = false;
    root->forgetting.customer = root->forgetting.account = (str){ 0 };
    gate_wake(s, root->gate);
    gate_unlock(s, root->gate);
}

/* Copies whom it is about if that is to be said again, for the turn may end at any moment. */
static bool is_to_be_kept(struct env *root, str *customer, str *account, struct arena *a)
{
    struct sched *s = root->world->sched;
    msec now = clock_mono(root->world->clock);

    gate_lock(s, root->gate);
    bool due = root->forgetting.customer.n && now - root->forgetting.kept_at >= ERASE_KEEP_MS;
    if (due) {
        *customer = arena_copy(a, root->forgetting.customer);
        *account = arena_copy(a, root->forgetting.account);
        root->forgetting.kept_at = now;
    }
    gate_unlock(s, root->gate);
    return due;
}

enum status erase_keep(struct env *root, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    str customer, account;

    if (!is_to_be_kept(root, &customer, &account, &a))
        return ST_OK;
    if (!customer.p || !account.p)
        return fail(e, ST_LIMIT, "out of memory for an erasure");
    return unfinished_touch(root, customer, account, e);
}

void turn_keep(struct env *env)
{
    struct error ignored = { 0 };

    (void)!erase_keep(env_root(env), &ignored);
}

void turn_piece_done(struct env *env, enum status *st, unsigned *attempt, struct error *e)
{
    bool again = tx_again(env->world->store, *st, *attempt);

    if (*st == ST_OK)
        turn_keep(env);
    *attempt = *st == ST_OK ? 1 : *attempt + 1;
    if (again) {
        error_clear(e);
        *st = ST_OK;
    }
    if (*st == ST_OK && env_stopping(env))
        *st =
            fail(e, ST_RETRY,
                 "The erasure was interrupted. It is kept: the daemon goes on with it, or the same "
                 "command");
}
