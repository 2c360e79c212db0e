#include "core/copy.h"

#include "base/buf.h"
#include "core/environment/seal.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE_ROWS = 100,
    PAGE_BYTES_MAX = 256 << 20,
    KEYS_MAX = 6,
    KEY_BYTES_MAX = 64 << 10,
};

/* Keys stand first among the columns; `kinds` says t for a text, i for a number. `name` is for
 * people, `sql` the database's own. */
struct table {
    const char *name, *sql, *kinds;
    enum stmt page, put;
};

static const struct table tables[] = {
    { "objects", "objects", "ttt", STMT_COPY_OBJECTS_PAGE, STMT_COPY_OBJECTS_PUT },
    { "references", "_refs", "tttttt", STMT_COPY_REFS_PAGE, STMT_COPY_REFS_PUT },
    { "customer states", "_states", "tt", STMT_COPY_STATES_PAGE, STMT_COPY_STATES_PUT },
    { "users", "_users", "tt", STMT_COPY_USERS_PAGE, STMT_COPY_USERS_PUT },
    { "customers of users", "_user_links", "tt", STMT_COPY_USER_LINKS_PAGE,
      STMT_COPY_USER_LINKS_PUT },
    { "former customers", "_user_history", "tti", STMT_COPY_USER_HISTORY_PAGE,
      STMT_COPY_USER_HISTORY_PUT },
    { "history", "_history", "ttti", STMT_COPY_HISTORY_PAGE, STMT_COPY_HISTORY_PUT },
    { "inbox", "_inbox", "i", STMT_COPY_INBOX_PAGE, STMT_COPY_INBOX_PUT },
    { "conflicts", "_inbox_conflicts", "i", STMT_COPY_CONFLICTS_PAGE, STMT_COPY_CONFLICTS_PUT },
    { "due work", "_due", "tttt", STMT_COPY_DUE_PAGE, STMT_COPY_DUE_PUT },
    { "missing targets", "_absent", "ttt", STMT_COPY_ABSENT_PAGE, STMT_COPY_ABSENT_PUT },
    { "walks", "_walks", "ttt", STMT_COPY_WALKS_PAGE, STMT_COPY_WALKS_PUT },
    { "drift checks", "_checks", "tt", STMT_COPY_CHECKS_PAGE, STMT_COPY_CHECKS_PUT },
    { "differences", "_drift", "ttt", STMT_COPY_DRIFT_PAGE, STMT_COPY_DRIFT_PUT },
    { "dropped answers", "_dropped", "ttti", STMT_COPY_DROPPED_PAGE, STMT_COPY_DROPPED_PUT },
    { "erasures", "_erasing", "tt", STMT_COPY_ERASING_PAGE, STMT_COPY_ERASING_PUT },
    { "connected accounts", "_accounts", "t", STMT_COPY_ACCOUNTS_PAGE, STMT_COPY_ACCOUNTS_PUT },
    { "operations", "_ops", "t", STMT_COPY_OPS_PAGE, STMT_COPY_OPS_PUT },
    { "their requests", "_op_steps", "tii", STMT_COPY_OP_STEPS_PAGE, STMT_COPY_OP_STEPS_PUT },
    { "audit", "_audit", "i", STMT_COPY_AUDIT_PAGE, STMT_COPY_AUDIT_PUT },
    { "calls", "_calls", "i", STMT_COPY_CALLS_PAGE, STMT_COPY_CALLS_PUT },
    { "counters", "_counters", "t", STMT_COPY_COUNTERS_PAGE, STMT_COPY_COUNTERS_PUT },
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

static bool same_cell(const struct value *x, const struct value *y)
{
    if (x->type != y->type)
        return false;
    switch (x->type) {
    case VAL_NULL: return true;
    case VAL_INT: return x->i == y->i;
    case VAL_TEXT: return str_eq(x->s, y->s);
    }
    return false;
}

static bool same_rows(const struct rows *x, const struct rows *y)
{
    if (x->n_rows != y->n_rows || x->n_cols != y->n_cols)
        return false;
    for (size_t i = 0; i < x->n_rows; i++)
        for (size_t k = 0; k < x->n_cols; k++)
            if (!same_cell(row_cell(x, i, k), row_cell(y, i, k)))
                return false;
    return true;
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

/* Does the page of the new store that begins at `p` hold these rows, and no others? */
static enum status is_there(const struct copying *c, const struct table *t, const struct place *p,
                            const struct rows *r, bool *there, struct error *e)
{
    ARENA(a, PAGE_BYTES_MAX);
    struct rows got;
    enum status st = read_page(c->to, t, p, &got, &a, e);

    if (st == ST_OK)
        *there = same_rows(r, &got);
    return st;
}

/* One page, written unless it is there, and then read back. `*same`: it is what the old one has. */
static enum status copy_page(const struct copying *c, const struct table *t, struct place *p,
                             size_t *n, bool *same, struct error *e)
{
    ARENA(a, PAGE_BYTES_MAX);
    struct rows r;
    enum status st = read_page(c->from, t, p, &r, &a, e);

    if (st == ST_OK)
        st = is_there(c, t, p, &r, same, e);
    if (st == ST_OK && !*same && r.n_rows) {
        st = write_page(c->to, t, &r, e);
        if (st == ST_OK)
            st = is_there(c, t, p, &r, same, e);
    }
    if (st != ST_OK)
        return st;
    *n = r.n_rows;
    return *n ? place_move(p, &r, e) : ST_OK;
}

/* `*same` is false as soon as a page of the new store holds anything else. */
static enum status copy_rows(const struct copying *c, const struct table *t, int64_t *rows,
                             bool *same, struct error *e)
{
    CLEANUP(place_free) struct place p = place_before(t);
    size_t n = PAGE_ROWS;
    enum status st = ST_OK;

    *rows = 0;
    *same = true;
    while (st == ST_OK && n == PAGE_ROWS && *same && !env_stopping(c->to)) {
        st = copy_page(c, t, &p, &n, same, e);
        *rows += st == ST_OK ? (int64_t)n : 0;
        tell(c, t->name, *rows);
    }
    if (st == ST_OK && env_stopping(c->to))
        return fail(e, ST_RETRY, "interrupted; the same command goes on where it stands");
    return st;
}

static enum status empty_table(const struct copying *c, const struct table *t, struct error *e)
{
    BUF(sql, 256);
    struct store *s = c->to->world->store;

    buf_printf(&sql, "delete from %s;", t->sql);
    return s->ops->script(s, buf_str(&sql), e);
}

/* What an earlier run has left there may be older than what the old store holds now: then the table
 * begins anew. */
static enum status copy_table(const struct copying *c, const struct table *t, int64_t *rows,
                              struct error *e)
{
    bool same;
    enum status st = copy_rows(c, t, rows, &same, e);

    if (st != ST_OK || same)
        return st;
    st = empty_table(c, t, e);
    if (st == ST_OK)
        st = copy_rows(c, t, rows, &same, e);
    if (st == ST_OK && !same)
        return fail(e, ST_REFUSED,
                    "the stores differ: not every row of %s is in the new one as it is in the old "
                    "one. Does somebody write into one of them? Stop him and run it again",
                    t->sql);
    return st;
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

/* What a copy stands on, before it begins and when it is done. */
struct source {
    int64_t last; /* the greatest number that it has given away */
    struct seal seal;
    int64_t commits, commit, at; /* what moves when somebody writes */
};

static enum status look_at_source(struct env *from, struct source *out, struct error *e)
{
    ARENA(a, 4096);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows last, witness;
    enum status st = tx_begin(&tx, from->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_COPY_WITNESS, &witness, &a, e);
    if (st == ST_OK)
        st = tx_run0(&tx, STMT_SEQUENCE_LAST, &last, &a, e);
    if (st == ST_OK && last.n_rows != 1)
        return fail(e, ST_BROKEN, "the old store has no sequence");
    if (st != ST_OK)
        return st;
    *out = (struct source){ .last = row_int(&last, 0, 0),
                            .commits = row_int(&witness, 0, 0),
                            .commit = row_int(&witness, 0, 1),
                            .at = row_int(&witness, 0, 2) };
    tx_end(&tx);
    return seal_read(from, &out->seal, e);
}

/* The journal of a switch names two places, and a copy is a third one. */
static enum status must_be_at_rest(const struct env *from, const struct seal *seal, struct error *e)
{
    if (!seal->target[0])
        return ST_OK;
    return fail(e, ST_CONFLICT,
                "a switch from environment %s to %s is under way: finish it (`brindle env switch "
                "%s`), or go back (`brindle env switch %s`), and copy then",
                from->name, seal->target, seal->target, from->name);
}

static enum status must_be_unchanged(const struct source *before, const struct source *after,
                                     struct error *e)
{
    if (before->last == after->last && before->commits == after->commits &&
        before->commit == after->commit && before->at == after->at &&
        strcmp(before->seal.sealed_for, after->seal.sealed_for) == 0)
        return ST_OK;
    return fail(e, ST_REFUSED,
                "somebody wrote into the old store while it was copied, so that the new one may "
                "not be equal: stop him, and run the same command again. It carries over what "
                "changed");
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

static enum status copy_tables(const struct copying *c, int64_t *objects, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < COUNT(tables); i++) {
        int64_t rows = 0;
        st = copy_table(c, &tables[i], &rows, e);
        if (tables[i].page == STMT_COPY_OBJECTS_PAGE)
            *objects = rows;
    }
    return st;
}

enum status copy_store(struct env *from, struct env *to,
                       void (*progress)(void *ctx, const struct copy_report *), void *ctx,
                       int64_t *objects, struct error *e)
{
    const struct copying c = { from, to, progress, ctx };
    struct source before = { 0 }, after = { 0 };
    int64_t n = 0;

    enum status st = must_be_nobodys(to, e);
    if (st == ST_OK)
        st = look_at_source(from, &before, e);
    if (st == ST_OK)
        st = must_be_at_rest(from, &before.seal, e);
    if (st == ST_OK)
        st = copy_tables(&c, &n, e);
    if (st == ST_OK)
        st = look_at_source(from, &after, e);
    if (st == ST_OK)
        st = must_be_at_rest(from, &after.seal, e);
    if (st == ST_OK)
        st = must_be_unchanged(&before, &after, e);
    if (st == ST_OK)
        st = raise_counters(to, e);
    if (st == ST_OK) /* from here on it is somebody's: in one transaction, and the last one */
        st = env_adopt_copy(to, &from->identity, after.seal.sealed_for, after.last, e);
    if (st == ST_OK)
        *objects = n;
    return st;
}
