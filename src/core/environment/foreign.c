#include "core/environment/foreign.h"

#include "base/json.h"
#include "core/environment/acting.h"

#include <stdio.h>

enum {
    FOREIGN_BYTES_MAX = 16 << 20,
    PIECE_BYTES_MAX = 256 << 10,
};

enum status foreign_types(struct tx *tx, struct foreign_types *out, struct arena *a,
                          struct error *e)
{
    struct rows r;
    str last = S("");
    enum status st = ST_OK;

    *out = (struct foreign_types){ .n = 1, .type = { S("") } };
    while (st == ST_OK && last.p) {
        st = tx_run(tx, STMT_PURGE_TYPES, &r, a, e, V_STR(last));
        last = st == ST_OK ? row_str(&r, 0, 0) : (str){ 0 };
        if (last.n && out->n == FOREIGN_TYPES_MAX)
            return fail(e, ST_LIMIT, "the mirror has more than %d types", FOREIGN_TYPES_MAX);
        if (last.n)
            out->type[out->n++] = last;
    }
    return st;
}

/* ---- looking ----------------------------------------------------------------------------- */

struct looking {
    struct env *env;
    const struct foreign_types *types;
    struct tx *tx;
    struct json_writer w;
    const struct pages *pages;
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

static enum status count_objects(struct looking *l, str account, int64_t *n, struct error *e)
{
    enum status st = ST_OK;

    *n = 0;
    for (size_t i = 0; i < l->types->n && st == ST_OK; i++) {
        ARENA(a, PIECE_BYTES_MAX);
        struct rows r;
        st = tx_run(l->tx, STMT_ACCOUNT_OBJECTS, &r, &a, e, V_STR(l->types->type[i]),
                    V_STR(account));
        *n += st == ST_OK ? row_int(&r, 0, 0) : 0;
    }
    return st;
}

static enum status look_at_account(struct looking *l, str account, enum account_state state,
                                   struct error *e)
{
    int64_t n = 0;
    enum status st = count_objects(l, account, &n, e);

    open_line(l, "account");
    jw_put_str(&l->w, "account", account);
    jw_put_str(&l->w, "state", str_of(account_state_name(state)));
    jw_put_int(&l->w, "objects", n);
    close_line(l);
    return st;
}

/* All of them, a page after the other. */
static enum status look_at_accounts(struct looking *l, enum account_state state, struct error *e)
{
    char behind[ACCOUNT_ID_MAX + 1] = "";
    size_t n = FOREIGN_LISTED_MAX;
    enum status st = ST_OK;

    while (st == ST_OK && n == FOREIGN_LISTED_MAX) {
        ARENA(a, PIECE_BYTES_MAX);
        struct rows r;
        st = tx_run(l->tx, STMT_ACCOUNTS_OF, &r, &a, e, V_STR(str_of(account_state_name(state))),
                    V_STR(str_of(behind)), V_INT(FOREIGN_LISTED_MAX));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; st == ST_OK && i < n; i++)
            st = look_at_account(l, row_str(&r, i, 0), state, e);
        pages_turn(l->pages, l->w.b);
        if (n)
            snprintf(behind, sizeof behind, "%.*s", STR_ARG(row_str(&r, n - 1, 0)));
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

enum status foreign_write(struct env *env, struct buf *out, const struct pages *pages, size_t *n,
                          struct error *e)
{
    ARENA(a, FOREIGN_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct foreign_types types;
    struct looking l = {
        .env = env, .types = &types, .tx = &tx, .w = { .b = out }, .pages = pages, .a = &a
    };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = foreign_types(&tx, &types, &a, e);
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
        return fail(e, ST_LIMIT,
                    "there are more leftovers than fit into one answer: `brindle env check %s` "
                    "lists them page after page",
                    env->name);
    pages_turn(pages, out);
    *n = l.n;
    return st;
}
