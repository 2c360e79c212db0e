#include "core/copy.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE_ROWS = 100,
    PAGE_BYTES_MAX = 256 << 20,
    KEYS_MAX = 6,
    KEY_BYTES_MAX = 64 << 10,
};

/* Keys stand first among the columns; `kinds` says t for a text, i for a number. */
struct table {
    const char *name, *kinds;
    enum stmt page, put;
};

static const struct table tables[] = {
    { "objects", "ttt", STMT_COPY_OBJECTS_PAGE, STMT_COPY_OBJECTS_PUT },
    { "references", "tttttt", STMT_COPY_REFS_PAGE, STMT_COPY_REFS_PUT },
    { "customer states", "tt", STMT_COPY_STATES_PAGE, STMT_COPY_STATES_PUT },
    { "users", "tt", STMT_COPY_USERS_PAGE, STMT_COPY_USERS_PUT },
    { "customers of users", "tt", STMT_COPY_USER_LINKS_PAGE, STMT_COPY_USER_LINKS_PUT },
    { "former customers", "tti", STMT_COPY_USER_HISTORY_PAGE, STMT_COPY_USER_HISTORY_PUT },
    { "history", "ttti", STMT_COPY_HISTORY_PAGE, STMT_COPY_HISTORY_PUT },
    { "inbox", "i", STMT_COPY_INBOX_PAGE, STMT_COPY_INBOX_PUT },
    { "conflicts", "i", STMT_COPY_CONFLICTS_PAGE, STMT_COPY_CONFLICTS_PUT },
    { "due work", "tttt", STMT_COPY_DUE_PAGE, STMT_COPY_DUE_PUT },
    { "missing targets", "ttt", STMT_COPY_ABSENT_PAGE, STMT_COPY_ABSENT_PUT },
    { "walks", "ttt", STMT_COPY_WALKS_PAGE, STMT_COPY_WALKS_PUT },
    { "drift checks", "tt", STMT_COPY_CHECKS_PAGE, STMT_COPY_CHECKS_PUT },
    { "differences", "ttt", STMT_COPY_DRIFT_PAGE, STMT_COPY_DRIFT_PUT },
    { "dropped answers", "ttti", STMT_COPY_DROPPED_PAGE, STMT_COPY_DROPPED_PUT },
    { "connected accounts", "t", STMT_COPY_ACCOUNTS_PAGE, STMT_COPY_ACCOUNTS_PUT },
    { "operations", "t", STMT_COPY_OPS_PAGE, STMT_COPY_OPS_PUT },
    { "their requests", "tii", STMT_COPY_OP_STEPS_PAGE, STMT_COPY_OP_STEPS_PUT },
    { "audit", "i", STMT_COPY_AUDIT_PAGE, STMT_COPY_AUDIT_PUT },
    { "calls", "i", STMT_COPY_CALLS_PAGE, STMT_COPY_CALLS_PUT },
    { "counters", "t", STMT_COPY_COUNTERS_PAGE, STMT_COPY_COUNTERS_PUT },
};

/* Where a table stands: the last key that was seen, and behind it the size of a page. */
struct place {
    struct value key[KEYS_MAX + 1];
    size_t n;
    struct arena a;
};

static void place_free(struct place *p)
{
    arena_free(&p->a);
}

static struct place place_before(const struct table *t)
{
    struct place p = { .n = strlen(t->kinds), .a = { .max = KEY_BYTES_MAX } };

    for (size_t i = 0; i < p.n; i++)
        p.key[i] = t->kinds[i] == 't' ? V_STR(S("")) : V_INT(-1);
    p.key[p.n] = V_INT(PAGE_ROWS);
    return p;
}

static enum status place_move(struct place *p, const struct rows *r, struct error *e)
{
    arena_free(&p->a);
    for (size_t i = 0; i < p->n; i++) {
        p->key[i] = *row_cell(r, r->n_rows - 1, i);
        if (p->key[i].type != VAL_TEXT)
            continue;
        p->key[i].s = arena_copy(&p->a, p->key[i].s);
        if (!p->key[i].s.p)
            return fail(e, ST_LIMIT, "a key is longer than %d bytes", KEY_BYTES_MAX);
    }
    return ST_OK;
}

static enum status read_page(struct env *env, const struct table *t, const struct place *p,
                             struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? tx_run_args(&tx, t->page, p->key, p->n + 1, r, a, e) : st;
}

static enum status write_page(struct env *env, const struct table *t, const struct rows *r,
                              struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    for (size_t i = 0; st == ST_OK && i < r->n_rows; i++)
        st = tx_run_args(&tx, t->put, row_cell(r, i, 0), r->n_cols, NULL, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

struct copying {
    struct env *from, *to;
    void (*progress)(void *ctx, const struct copy_report *);
    void *ctx;
};

static void tell(const struct copying *c, const char *table, int64_t rows)
{
    const struct copy_report report = { table, rows };

    if (c->progress)
        c->progress(c->ctx, &report);
}

static enum status copy_table(const struct copying *c, const struct table *t, struct error *e)
{
    CLEANUP(place_free) struct place p = place_before(t);
    int64_t rows = 0;
    size_t n = PAGE_ROWS;
    enum status st = ST_OK;

    while (st == ST_OK && n == PAGE_ROWS && !env_stopping(c->to)) {
        ARENA(a, PAGE_BYTES_MAX);
        struct rows r;
        st = read_page(c->from, t, &p, &r, &a, e);
        n = st == ST_OK ? r.n_rows : 0;
        if (n)
            st = write_page(c->to, t, &r, e);
        if (n && st == ST_OK)
            st = place_move(&p, &r, e);
        rows += (int64_t)n;
        tell(c, t->name, rows);
    }
    if (st == ST_OK && env_stopping(c->to))
        return fail(e, ST_RETRY, "interrupted; the same command goes on where it stands");
    return st;
}

/* ---- the comparison ----------------------------------------------------------------------- */

struct print {
    uint64_t hash;
    int64_t n;
};

/* FNV-1a over the lengths and bytes: it is to notice accidents, nobody's malice. */
static void mix(struct print *p, const struct value *v)
{
    uint64_t size = v->type == VAL_TEXT ? v->s.n : (uint64_t)v->i;

    for (int i = 0; i < 8; i++)
        p->hash = (p->hash ^ (size >> 8 * i & 0xff)) * 1099511628211u;
    for (size_t i = 0; v->type == VAL_TEXT && i < v->s.n; i++)
        p->hash = (p->hash ^ (unsigned char)v->s.p[i]) * 1099511628211u;
}

/* Of type, account, id, data and deleted of all objects, in the order of their keys. */
static enum status print_of(struct env *env, struct print *out, struct error *e)
{
    const struct table *t = &tables[0];
    CLEANUP(place_free) struct place p = place_before(t);
    struct print got = { .hash = 14695981039346656037u };
    size_t n = PAGE_ROWS;
    enum status st = ST_OK;

    while (st == ST_OK && n == PAGE_ROWS) {
        ARENA(a, PAGE_BYTES_MAX);
        struct rows r;
        st = read_page(env, t, &p, &r, &a, e);
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < 5; k++)
                mix(&got, row_cell(&r, i, k));
        if (n)
            st = place_move(&p, &r, e);
        got.n += (int64_t)n;
    }
    if (st == ST_OK)
        *out = got;
    return st;
}

static enum status compare(const struct copying *c, int64_t *objects, struct error *e)
{
    struct print here, there;

    tell(c, NULL, 0);
    enum status st = print_of(c->from, &here, e);
    if (st == ST_OK)
        st = print_of(c->to, &there, e);
    if (st != ST_OK)
        return st;
    if (here.n != there.n || here.hash != there.hash)
        return fail(e, ST_REFUSED,
                    "the stores differ: %lld objects in the old one, %lld in the new one. Did "
                    "somebody write meanwhile, or was something in the new one? Stop the daemon, "
                    "remove the new store and copy again",
                    (long long)here.n, (long long)there.n);
    *objects = here.n;
    return ST_OK;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static enum status must_be_nobodys(struct env *to, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, to->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_ENVIRONMENT_GET, &r, &a, e);
    if (st == ST_OK && r.n_rows)
        return fail(e, ST_CONFLICT,
                    "the new store is the mirror of %.*s already; copy into one that is empty",
                    STR_ARG(row_str(&r, 0, 1)));
    return st;
}

/* The greatest number that the old store has given away. */
static enum status greatest(struct env *from, int64_t *out, struct error *e)
{
    ARENA(a, 4096);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, from->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_SEQUENCE_LAST, &r, &a, e);
    if (st == ST_OK && r.n_rows != 1)
        return fail(e, ST_BROKEN, "the old store has no sequence");
    if (st == ST_OK)
        *out = row_int(&r, 0, 0);
    return st;
}

static bool counts_by_itself(const struct env *to)
{
    return strcmp(to->world->store->ops->dialect, "sqlite") == 0;
}

/* Rows that came with their numbers do not move the server's counters. */
static enum status raise_counters(struct env *to, struct error *e)
{
    static const char *const counted[] = { "_inbox", "_inbox_conflicts", "_calls", "_audit" };
    BUF(sql, 4096);
    struct store *s = to->world->store;

    for (size_t i = 0; i < COUNT(counted); i++)
        buf_printf(&sql,
                   "select setval(pg_get_serial_sequence('%s', 'seq'), max(seq)) from %s "
                   "having max(seq) > 0;\n",
                   counted[i], counted[i]);
    return counts_by_itself(to) ? ST_OK : s->ops->script(s, buf_str(&sql), e);
}

/* Numbers that the copy has not drawn itself must not be drawn again. */
static enum status raise_sequence(struct env *to, int64_t last, struct error *e)
{
    BUF(sql, 4096);
    struct store *s = to->world->store;

    if (counts_by_itself(to))
        buf_printf(&sql, "update _sequence set value = max(value, %lld)", (long long)last);
    else
        buf_printf(&sql, "select setval('_sequence', greatest(last_value, %lld)) from _sequence",
                   (long long)last);
    return s->ops->script(s, buf_str(&sql), e);
}

enum status copy_store(struct env *from, struct env *to,
                       void (*progress)(void *ctx, const struct copy_report *), void *ctx,
                       int64_t *objects, struct error *e)
{
    const struct copying c = { from, to, progress, ctx };
    int64_t last = 0;

    enum status st = must_be_nobodys(to, e);
    for (size_t i = 0; st == ST_OK && i < COUNT(tables); i++)
        st = copy_table(&c, &tables[i], e);
    if (st == ST_OK)
        st = compare(&c, objects, e);
    if (st == ST_OK)
        st = greatest(from, &last, e);
    if (st == ST_OK)
        st = raise_counters(to, e);
    if (st == ST_OK)
        st = env_adopt(to, &from->identity, e);
    return st == ST_OK ? raise_sequence(to, last, e) : st;
}
