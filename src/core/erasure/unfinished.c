#include "core/erasure/unfinished.h"

#include "base/json.h"

enum {
    UNFINISHED_BYTES_MAX = 4 << 20,
    WORDS_BYTES_MAX = 2 << 20, /* ERASE_WORDS_MAX addresses */
};

/* What the later steps keep instead of words; erasing_next.sql knows both. */
#define DISK_IS_LEFT "{}"
#define SERVER_IS_LEFT "{\"disk\":true}"

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

static enum status put_words(struct env *env, str customer, str words, struct error *e)
{
    const struct value args[] = { V_STR(customer), v_account(env), V_STR(words),
                                  V_INT(clock_wall(env->world->clock)) };

    return change_again(env, STMT_ERASING_PUT, args, COUNT(args), e);
}

enum status unfinished_note(struct env *env, str customer, const struct erase_words *words,
                            struct error *e)
{
    BUF(list, WORDS_BYTES_MAX);
    struct json_writer w = { .b = &list };

    jw_object(&w);
    jw_key(&w, S("addresses"));
    jw_array(&w);
    for (size_t i = 1; i < words->n; i++)
        if (words->name[i].address && !str_eq(words->name[i].text, words->name[i - 1].text))
            jw_str(&w, words->name[i].text);
    jw_end(&w);
    jw_key(&w, S("users"));
    jw_array(&w);
    for (size_t i = 0; i < words->n_users; i++)
        jw_str(&w, words->user[i]);
    jw_end(&w);
    jw_end(&w);
    if (list.failed)
        return fail(e, ST_LIMIT, "the names of %.*s are too long", STR_ARG(customer));
    return put_words(env, customer, buf_str(&list), e);
}

static enum unfinished_step step_of(str words)
{
    return str_eqz(words, SERVER_IS_LEFT) ? UNFINISHED_SERVER
           : str_eqz(words, DISK_IS_LEFT) ? UNFINISHED_DISK
                                          : UNFINISHED_ALL;
}

enum status unfinished_move(struct env *env, str customer, enum unfinished_step step,
                            struct error *e)
{
    assert(step != UNFINISHED_ALL);
    return put_words(env, customer, step == UNFINISHED_DISK ? S(DISK_IS_LEFT) : S(SERVER_IS_LEFT),
                     e);
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

static enum status look(struct env *root, msec before, struct rows *r, struct arena *a,
                        struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    msec now = clock_wall(root->world->clock);
    enum status st = tx_begin(&tx, root->world->store, TX_READ, e);

    if (before < now - ERASE_STALE_MS)
        before = now - ERASE_STALE_MS;
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ERASING_NEXT, r, a, e, V_INT(before), V_INT(now + ERASE_STALE_MS));
    return st == ST_OK && !r->n_rows ? ST_NONE : st;
}

enum status erase_waits(struct env *root, msec before, bool *waits, struct error *e)
{
    ARENA(a, UNFINISHED_BYTES_MAX);
    struct rows r;
    enum status st = look(root, before, &r, &a, e);

    if (st == ST_OK || st == ST_NONE)
        *waits = st == ST_OK;
    return st == ST_NONE ? ST_OK : st;
}

/* ST_NONE: somebody else was first. */
static enum status take(struct env *root, str customer, str account, msec touched_at,
                        struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, root->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_ERASING_TAKE, &r, a, e, V_INT(clock_wall(root->world->clock)),
                    V_STR(customer), V_STR(account), V_INT(touched_at));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    return st == ST_OK && !r.n_changed ? ST_NONE : st;
}

enum status unfinished_take(struct env *root, msec before, str *customer, str *account,
                            enum unfinished_step *step, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = look(root, before, &r, a, e);

    if (st == ST_OK)
        st = take(root, row_str(&r, 0, 0), row_str(&r, 0, 1), row_int(&r, 0, 3), a, e);
    if (st != ST_OK)
        return st;
    *customer = row_str(&r, 0, 0);
    *account = row_str(&r, 0, 1);
    *step = step_of(row_str(&r, 0, 2));
    return ST_OK;
}
