/* foreign_purge.c - what is proven foreign is removed: by account, from every table that knows
 * accounts. Which accounts these are the statements say, so that one that is found again meanwhile
 * loses no more. */
#include "core/environment/foreign.h"

#include "core/audit.h"
#include "core/environment/acting.h"

#include <stdio.h>

enum {
    FOREIGN_BYTES_MAX = 4 << 20,
    PIECE_BYTES_MAX = 256 << 10,
    PURGE_PIECE = 500,
};

/* ---- counted --------------------------------------------------------------------------------- */

static enum status number(struct tx *tx, enum stmt id, int64_t *out, struct arena *a,
                          struct error *e)
{
    struct rows r;
    enum status st = tx_run0(tx, id, &r, a, e);

    *out = st == ST_OK ? row_int(&r, 0, 0) : 0;
    return st;
}

static enum status any_account(struct tx *tx, bool *any, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_ACCOUNTS_COUNT, &r, a, e,
                            V_STR(str_of(account_state_name(ACCOUNT_WRONG_MODE))));

    *any = st == ST_OK && row_int(&r, 0, 0) > 0;
    return st;
}

static enum status count_foreign(struct tx *tx, struct purge *p, struct error *e)
{
    ARENA(a, FOREIGN_BYTES_MAX);
    struct foreign_types types = { 0 };
    struct rows r;
    bool any = false;
    enum status st = any_account(tx, &any, &a, e);

    if (st == ST_OK && any)
        st = foreign_types(tx, &types, &a, e);
    for (size_t i = 0; st == ST_OK && i < types.n; i++) {
        st = tx_run(tx, STMT_PURGE_COUNT_OBJECTS, &r, &a, e, V_STR(types.type[i]));
        p->objects += st == ST_OK ? row_int(&r, 0, 0) : 0;
    }
    if (st == ST_OK)
        st = number(tx, STMT_PURGE_COUNT_EVENTS, &p->events, &a, e);
    return st == ST_OK ? number(tx, STMT_OBJECTS_ALL, &p->all, &a, e) : st;
}

enum status purge_count(struct env *env, struct purge *out, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct purge p = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = count_foreign(&tx, &p, e);
    if (st == ST_OK)
        *out = p;
    return st;
}

/* ---- removed --------------------------------------------------------------------------------- */

static enum status remove_piece(struct env *env, enum stmt id, const struct value *args, size_t n,
                                int64_t *changed, struct error *e)
{
    ARENA(a, PIECE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run_args(&tx, id, args, n, &r, &a, e);
    if (st == ST_OK && r.n_changed)
        st = tx_commit(&tx, e);
    *changed = st == ST_OK ? r.n_changed : 0;
    return st;
}

/* A statement that removes at most PURGE_PIECE keys, again and again. */
static enum status remove_all(struct env *env, enum stmt id, const str *type, int64_t *removed,
                              struct error *e)
{
    struct value args[2];
    size_t n = 0;
    int64_t changed = 1;
    enum status st = ST_OK;
    unsigned attempt = 1;

    if (type)
        args[n++] = V_STR(*type);
    args[n++] = V_INT(PURGE_PIECE);
    while (st == ST_OK && changed) {
        if (env_stopping(env))
            return fail(e, ST_RETRY,
                        "The purge was stopped before its end: say it again for what is left.");
        st = remove_piece(env, id, args, n, &changed, e);
        if (tx_again(env->world->store, st, attempt++)) {
            error_clear(e);
            st = ST_OK;
            changed = 1;
            continue;
        }
        attempt = 1;
        *removed += changed;
    }
    return st;
}

/* What hangs on the objects first, so that a break leaves nothing without its object. */
static enum status purge_type(struct env *env, str type, int64_t *objects, struct error *e)
{
    static const enum stmt each[] = { STMT_PURGE_DUE,     STMT_PURGE_REFS,  STMT_PURGE_HISTORY,
                                      STMT_PURGE_ABSENT,  STMT_PURGE_DRIFT, STMT_PURGE_CHECKS,
                                      STMT_PURGE_DROPPED, STMT_PURGE_WALKS };
    enum status st = ST_OK;
    int64_t ignored = 0;

    for (size_t k = 0; k < COUNT(each) && st == ST_OK; k++)
        st = remove_all(env, each[k], &type, &ignored, e);
    return st == ST_OK ? remove_all(env, STMT_PURGE_OBJECTS, &type, objects, e) : st;
}

static enum status purge_accounts(struct env *env, const struct foreign_types *types,
                                  struct purge *p, struct error *e)
{
    static const enum stmt each[] = { STMT_PURGE_STATES,     STMT_PURGE_USERS,
                                      STMT_PURGE_USER_LINKS, STMT_PURGE_USER_HISTORY,
                                      STMT_PURGE_COUNTERS,   STMT_PURGE_ERASING };
    enum status st = ST_OK;
    int64_t ignored = 0;

    for (size_t k = 0; k < COUNT(each) && st == ST_OK; k++)
        st = remove_all(env, each[k], NULL, &ignored, e);
    for (size_t i = 0; i < types->n && st == ST_OK; i++)
        st = purge_type(env, types->type[i], &p->objects, e);
    return st;
}

static enum status purge_events(struct env *env, struct purge *p, struct error *e)
{
    int64_t ignored = 0;
    enum status st = remove_all(env, STMT_PURGE_CONFLICTS, NULL, &ignored, e);

    if (st == ST_OK)
        st = remove_all(env, STMT_PURGE_ACCOUNT_EVENTS, NULL, &p->events, e);
    return st == ST_OK ? remove_all(env, STMT_PURGE_EVENTS, NULL, &p->events, e) : st;
}

static enum status note_purge(struct env *env, const struct purge *p, struct error *e)
{
    ARENA(a, PIECE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    char text[96];
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    snprintf(text, sizeof text, "%lld objects, %lld events", (long long)p->objects,
             (long long)p->events);
    if (st == ST_OK)
        st = audit_add(&tx, env, "purged", text, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Which types there are; none, when no account is of the other mode. */
static enum status types_to_purge(struct env *env, struct foreign_types *out, struct arena *a,
                                  struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    bool any = false;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    *out = (struct foreign_types){ 0 };
    if (st == ST_OK)
        st = any_account(&tx, &any, a, e);
    return st == ST_OK && any ? foreign_types(&tx, out, a, e) : st;
}

enum status purge_run(struct env *env, int64_t percent, struct purge *out, struct error *e)
{
    ARENA(a, FOREIGN_BYTES_MAX);
    struct purge would = { 0 }, p = { 0 };
    struct foreign_types types;
    enum status st = purge_count(env, &would, e);

    if (st != ST_OK)
        return st;
    if (would.objects * 100 > would.all * percent)
        return fail(
            e, ST_REFUSED,
            "%lld of %lld objects would be removed, more than %lld %%: look at `brindle env "
            "check` first, then say --max-percent",
            (long long)would.objects, (long long)would.all, (long long)percent);
    st = types_to_purge(env, &types, &a, e);
    if (st == ST_OK && types.n)
        st = purge_accounts(env, &types, &p, e);
    if (st == ST_OK)
        st = purge_events(env, &p, e);
    struct error why = { 0 };
    enum status noted = p.objects || p.events ? note_purge(env, &p, &why) : ST_OK;
    if (st == ST_OK && noted != ST_OK) {
        *e = why;
        st = noted;
    }
    p.all = would.all;
    *out = p;
    return st;
}
