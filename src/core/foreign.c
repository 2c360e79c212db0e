#include "core/foreign.h"

#include "base/json.h"
#include "core/acting.h"
#include "core/audit.h"
#include "core/resource.h"

#include <stdio.h>

enum {
    FOREIGN_BYTES_MAX = 16 << 20,
    PIECE_BYTES_MAX = 256 << 10,
    PURGE_PIECE = 500,
};

/* ---- looking ----------------------------------------------------------------------------- */

struct looking {
    struct env *env;
    struct tx *tx;
    struct json_writer w;
    struct arena *a;
    size_t n;
};

static void open_line(struct looking *l, const char *what)
{
    l->n++;
    jw_object(&l->w);
    jw_put_str(&l->w, "what", str_of(what));
}

static void close_line(struct looking *l)
{
    jw_end(&l->w);
    buf_char(l->w.b, '\n');
    l->w = (struct json_writer){ .b = l->w.b };
}

static enum status look_at_references(struct looking *l, struct error *e)
{
    struct rows r;
    enum status st = tx_run(l->tx, STMT_LEFTOVER_REFS, &r, l->a, e, v_account(l->env));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        open_line(l, "reference");
        jw_put_str(&l->w, "type", row_str(&r, i, 0));
        jw_put_str(&l->w, "field", row_str(&r, i, 1));
        jw_put_str(&l->w, "to", row_str(&r, i, 2));
        jw_put_int(&l->w, "unknown", row_int(&r, i, 3));
        jw_put_int(&l->w, "foreign", row_int(&r, i, 4));
        jw_put_str(&l->w, "example", row_str(&r, i, 5));
        close_line(l);
    }
    return st;
}

static enum status look_at_payments(struct looking *l, struct error *e)
{
    static const char *const name[] = { "type", "id", "to", "payment", "state" };
    struct rows r;
    enum status st = tx_run(l->tx, STMT_LEFTOVER_UNPAYABLE, &r, l->a, e, v_account(l->env),
                            V_INT(FOREIGN_LISTED_MAX));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        open_line(l, "unpayable");
        for (size_t c = 0; c < COUNT(name); c++)
            jw_put_str(&l->w, name[c], row_str(&r, i, c));
        close_line(l);
    }
    return st;
}

static enum status count_objects(struct tx *tx, str account, int64_t *n, struct error *e)
{
    enum status st = ST_OK;

    *n = 0;
    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        ARENA(a, PIECE_BYTES_MAX);
        struct rows r;
        st = tx_run(tx, STMT_ACCOUNT_OBJECTS, &r, &a, e, V_STR(str_of(resource_table[i].type)),
                    V_STR(account));
        *n += st == ST_OK ? row_int(&r, 0, 0) : 0;
    }
    return st;
}

static enum status look_at_accounts(struct looking *l, enum account_state state, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(l->tx, STMT_ACCOUNTS_OF, &r, l->a, e, V_STR(str_of(account_state_name(state))),
               V_STR(S("")), V_INT(FOREIGN_LISTED_MAX));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        int64_t n = 0;
        st = count_objects(l->tx, row_str(&r, i, 0), &n, e);
        open_line(l, "account");
        jw_put_str(&l->w, "account", row_str(&r, i, 0));
        jw_put_str(&l->w, "state", str_of(account_state_name(state)));
        jw_put_int(&l->w, "objects", n);
        close_line(l);
    }
    return st;
}

static enum status look_at_events(struct looking *l, struct error *e)
{
    struct rows r;
    enum status st = tx_run0(l->tx, STMT_LEFTOVER_EVENTS, &r, l->a, e);

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        open_line(l, "events");
        jw_put_str(&l->w, "reason", row_str(&r, i, 0));
        jw_put_int(&l->w, "events", row_int(&r, i, 1));
        close_line(l);
    }
    return st;
}

enum status foreign_write(struct env *env, struct buf *out, size_t *n, struct error *e)
{
    ARENA(a, FOREIGN_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct looking l = { .env = env, .tx = &tx, .w = { .b = out }, .a = &a };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = look_at_references(&l, e);
    if (st == ST_OK)
        st = look_at_payments(&l, e);
    if (st == ST_OK)
        st = look_at_accounts(&l, ACCOUNT_WRONG_MODE, e);
    if (st == ST_OK)
        st = look_at_accounts(&l, ACCOUNT_UNREACHABLE, e);
    if (st == ST_OK)
        st = look_at_events(&l, e);
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT, "there are more leftovers than fit into one answer");
    *n = l.n;
    return st;
}

/* ---- removing ---------------------------------------------------------------------------- */

static enum status count_foreign(struct env *env, struct tx *tx, struct purge *p, struct error *e)
{
    ARENA(a, FOREIGN_BYTES_MAX);
    struct rows r;
    enum status st = tx_run(tx, STMT_ACCOUNTS_OF, &r, &a, e,
                            V_STR(str_of(account_state_name(ACCOUNT_WRONG_MODE))), V_STR(S("")),
                            V_INT(FOREIGN_LISTED_MAX));

    (void)env;
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        int64_t n = 0;
        st = count_objects(tx, row_str(&r, i, 0), &n, e);
        p->objects += n;
    }
    if (st == ST_OK)
        st = tx_run0(tx, STMT_LEFTOVER_EVENTS, &r, &a, e);
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        if (str_eqz(row_str(&r, i, 0), "other_mode"))
            p->events = row_int(&r, i, 1);
    if (st == ST_OK)
        st = tx_run0(tx, STMT_OBJECTS_ALL, &r, &a, e);
    if (st == ST_OK)
        p->all = row_int(&r, 0, 0);
    return st;
}

enum status purge_count(struct env *env, struct purge *out, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct purge p = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = count_foreign(env, &tx, &p, e);
    if (st == ST_OK)
        *out = p;
    return st;
}

/* A statement that removes at most PURGE_PIECE keys, again and again. */
static enum status remove_all(struct env *env, enum stmt id, const struct value *args, size_t n,
                              int64_t *removed, struct error *e)
{
    struct value all[4];
    int64_t changed = 1;
    enum status st = ST_OK;

    assert(n < COUNT(all));
    for (size_t i = 0; i < n; i++)
        all[i] = args[i];
    all[n] = V_INT(PURGE_PIECE);
    while (st == ST_OK && changed && !env_stopping(env)) {
        ARENA(a, PIECE_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r = { 0 };
        st = tx_begin(&tx, env->world->store, TX_WRITE, e);
        if (st == ST_OK)
            st = tx_run_args(&tx, id, all, n + 1, &r, &a, e);
        changed = r.n_changed;
        if (st == ST_OK && changed)
            st = tx_commit(&tx, e);
        *removed += st == ST_OK ? changed : 0;
    }
    return st;
}

/* Of one account: what hangs on the objects first, so that a break leaves nothing without its
 * object. */
static enum status purge_account(struct env *env, str account, int64_t *objects, struct error *e)
{
    static const enum stmt each[] = { STMT_PURGE_DUE, STMT_PURGE_REFS, STMT_PURGE_HISTORY };
    enum status st = ST_OK;
    int64_t ignored = 0;

    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        const struct value args[] = { V_STR(str_of(resource_table[i].type)), V_STR(account) };
        for (size_t k = 0; k < COUNT(each) && st == ST_OK; k++)
            st = remove_all(env, each[k], args, 2, &ignored, e);
        if (st == ST_OK)
            st = remove_all(env, STMT_PURGE_OBJECTS, args, 2, objects, e);
    }
    const struct value args[] = { V_STR(account) };
    return st == ST_OK ? remove_all(env, STMT_PURGE_STATES, args, 1, &ignored, e) : st;
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

enum status purge_run(struct env *env, int64_t percent, struct purge *out, struct error *e)
{
    ARENA(a, FOREIGN_BYTES_MAX);
    struct purge would = { 0 }, p = { 0 };
    struct rows r = { 0 };
    enum status st = purge_count(env, &would, e);

    if (st != ST_OK)
        return st;
    if (would.objects * 100 > would.all * percent)
        return fail(
            e, ST_REFUSED,
            "%lld of %lld objects would be removed, more than %lld %%: look at `brindle env "
            "check` first, then say --max-percent",
            (long long)would.objects, (long long)would.all, (long long)percent);
    CLEANUP(tx_end) struct tx tx = { 0 };
    st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ACCOUNTS_OF, &r, &a, e,
                    V_STR(str_of(account_state_name(ACCOUNT_WRONG_MODE))), V_STR(S("")),
                    V_INT(FOREIGN_LISTED_MAX));
    tx_end(&tx);
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = purge_account(env, row_str(&r, i, 0), &p.objects, e);
    if (st == ST_OK)
        st = remove_all(env, STMT_PURGE_EVENTS, NULL, 0, &p.events, e);
    if (st == ST_OK && (p.objects || p.events))
        st = note_purge(env, &p, e);
    p.all = would.all;
    *out = p;
    return st;
}
