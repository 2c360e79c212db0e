#include "core/erasure/unfinished.h"

#include "base/json.h"

enum {
    UNFINISHED_BYTES_MAX = 4 << 20,
    WORDS_BYTES_MAX = 2 << 20, /* ERASE_WORDS_MAX addresses */
};

static enum status change(struct env *env, enum stmt id, const struct value *args, size_t n,
                          struct error *e)
{
    ARENA(a, UNFINISHED_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run_args(&tx, id, args, n, NULL, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* All of these may be said twice. */
static enum status change_again(struct env *env, enum stmt id, const struct value *args, size_t n,
                                struct error *e)
{
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        enum status st = change(env, id, args, n, e);
        if (!tx_again(env->world->store, st, attempt))
            return st;
    }
}

enum status unfinished_note(struct env *env, str customer, const struct erase_words *words,
                            struct error *e)
{
    BUF(list, WORDS_BYTES_MAX);
    struct json_writer w = { .b = &list };

    jw_object(&w);
    jw_key(&w, S("addresses"));
    jw_array(&w);
    for (size_t i = 1; words && i < words->n; i++)
        if (words->name[i].address && !str_eq(words->name[i].text, words->name[i - 1].text))
            jw_str(&w, words->name[i].text);
    jw_end(&w);
    jw_key(&w, S("users"));
    jw_array(&w);
    for (size_t i = 0; words && i < words->n_users; i++)
        jw_str(&w, words->user[i]);
    jw_end(&w);
    jw_end(&w);
    if (list.failed)
        return fail(e, ST_LIMIT, "the names of %.*s are too long", STR_ARG(customer));
    const struct value args[] = { V_STR(customer), v_account(env), V_STR(buf_str(&list)),
                                  V_INT(clock_wall(env->world->clock)) };
    return change_again(env, STMT_ERASING_PUT, args, COUNT(args), e);
}

enum status unfinished_words(struct env *env, str customer, str *words, struct arena *a,
                             struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_ERASING_GET, &r, a, e, V_STR(customer), v_account(env));
    if (st == ST_OK)
        *words = r.n_rows ? row_str(&r, 0, 0) : S("");
    return st;
}

enum status unfinished_touch(struct env *root, str customer, str account, struct error *e)
{
    const struct value args[] = { V_INT(clock_wall(root->world->clock)), V_STR(customer),
                                  V_STR(account) };

    return change_again(root, STMT_ERASING_TOUCH, args, COUNT(args), e);
}

enum status unfinished_done(struct env *env, str customer, struct error *e)
{
    const struct value args[] = { V_STR(customer), v_account(env) };

    return change_again(env, STMT_ERASING_DONE, args, COUNT(args), e);
}

enum status unfinished_next(struct env *root, msec before, str *customer, str *account,
                            struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    msec now = clock_wall(root->world->clock);
    struct rows r;
    enum status st = tx_begin(&tx, root->world->store, TX_READ, e);

    if (before < now - ERASE_STALE_MS)
        before = now - ERASE_STALE_MS;
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ERASING_NEXT, &r, a, e, V_INT(before), V_INT(now + ERASE_STALE_MS));
    if (st != ST_OK || !r.n_rows)
        return st == ST_OK ? ST_NONE : st;
    *customer = row_str(&r, 0, 0);
    *account = row_str(&r, 0, 1);
    return ST_OK;
}
