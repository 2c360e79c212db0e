#include "backend/store_pg.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/pg_batch.h"
#include "backend/pg_conn.h"
#include "backend/pg_mark.h"
#include "backend/pg_schema.h"
#include "base/buf.h"

enum {
    LABEL_MAX = 160,
    PAUSE_FIRST_MS = 20,
    PAUSE_MAX_MS = 500,
    SCRIPT_BYTES_MAX = 8 << 20,
};

/* One transaction at a time on one connection. */
struct session {
    struct pg_conn c;
    struct pg_marks marks;
    struct pg_batch *batch; /* NULL for readers */
    struct session *next;
    bool doomed;
    bool sealing; /* this transaction has the seal to itself */
    struct error why;
};

struct pool {
    struct session *idle, *all;
    size_t n;
};

struct store_pg {
    struct store base; /* first: a struct store * is a struct store_pg * */
    char *url;
    char schema[PG_SCHEMA_NAME_MAX + 1];
    char path[PG_QUOTED_MAX + 16];
    char label[LABEL_MAX];
    struct sched *sched;
    struct clock *clock;
    bool read_only, older, past_seal;
    msec patience_ms;
    struct gate *gate;   /* guards the pools' idle lists */
    struct pool pool[2]; /* by enum tx_mode */
};

static struct store_pg *self(struct store *s)
{
    return (struct store_pg *)s;
}

/* ---- the pool ----------------------------------------------------------------------------- */

static struct session *session_take(struct store_pg *s, enum tx_mode mode)
{
    struct pool *p = &s->pool[mode];

    gate_lock(s->sched, s->gate);
    while (!p->idle)
        gate_wait(s->sched, s->gate, NO_DEADLINE);
    struct session *x = p->idle;
    p->idle = x->next;
    gate_unlock(s->sched, s->gate);
    return x;
}

static void session_put(struct store_pg *s, enum tx_mode mode, struct session *x)
{
    if (x->c.lost)
        pg_conn_close(&x->c);
    gate_lock(s->sched, s->gate);
    x->next = s->pool[mode].idle;
    s->pool[mode].idle = x;
    gate_wake(s->sched, s->gate);
    gate_unlock(s->sched, s->gate);
}

/* The answers that the end of the last transaction left to be read. */
static void settle(struct session *x)
{
    struct error ignored = { 0 };
    bool by_server = false;

    if (x->c.pg && x->c.n_pending)
        (void)!pg_read(&x->c, NULL, NULL, &by_server, &ignored);
}

/* A connection that works: the one that is there, or a new one, asked for again and again while the
 * server is away. */
static enum status connect_session(struct store_pg *s, struct session *x, msec patience,
                                   struct error *e)
{
    msec until = clock_mono(s->clock) + patience, pause = PAUSE_FIRST_MS;

    settle(x);
    if (pg_conn_alive(&x->c))
        return ST_OK;
    for (;;) {
        struct error why = { 0 };
        pg_conn_close(&x->c);
        enum status st = pg_conn_open(&x->c, s->url, s->label, &why);
        if (st == ST_OK)
            return ST_OK;
        if (st != ST_RETRY || clock_mono(s->clock) + pause >= until) {
            *e = why;
            return st;
        }
        clock_sleep(s->clock, pause);
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
    }
}

/* ---- a transaction ------------------------------------------------------------------------ */

static enum status doom(struct session *x, enum status st, const struct error *why, struct error *e)
{
    x->doomed = true;
    x->why = *why;
    x->why.status = st;
    *e = *why;
    return st;
}

static enum status send_begin(struct store_pg *s, struct session *x, enum tx_mode mode,
                              struct error *e)
{
    const struct value path = V_STR(str_of(s->path));
    bool writing = mode == TX_WRITE;

    x->doomed = x->sealing = x->c.committed = false;
    x->c.changed = 0;
    x->c.xid[0] = '\0';
    enum status st = pg_send(&x->c, writing ? PG_BEGIN_WRITE : PG_BEGIN_READ, NULL, 0, NULL, e);
    return st == ST_OK ? pg_send(&x->c, writing ? PG_SET_WRITE : PG_SET_READ, &path, 1, NULL, e)
                       : st;
}

static enum status pg_begin(struct store *store, enum tx_mode mode, struct tx *tx, struct error *e)
{
    struct store_pg *s = self(store);

    if (mode == TX_WRITE && s->read_only)
        return fail(e, ST_REFUSED, "%s was opened for reading only", s->label);
    struct session *x = session_take(s, mode);
    enum status st = connect_session(s, x, s->patience_ms, e);
    if (st == ST_OK)
        st = send_begin(s, x, mode, e);
    if (st == ST_OK)
        *tx = (struct tx){ .store = store, .impl = x, .mode = mode };
    else
        session_put(s, mode, x);
    return st;
}

static enum status check_changed(struct session *x, enum stmt id, struct error *e)
{
    if (x->c.changed <= TX_ROWS_MAX)
        return ST_OK;
    return fail(e, ST_LIMIT, "%s: %s: the transaction changes more than %d rows; do it in pieces",
                x->c.label, stmt_table[id].name, TX_ROWS_MAX);
}

/* What the seam calls an outcome by, where the server's word for it means another thing here. A key
 * that is there already was stored by another transaction since this one looked: the same call
 * finds it the next time. */
static enum status translate(struct session *x, enum tx_mode mode, enum status st,
                             struct error *why)
{
    if (st == ST_CONFLICT && strcmp(x->c.sqlstate, "23505") == 0) {
        error_prefix(why, "Another transaction was first; try again. ");
        return ST_RETRY;
    }
    if (st == ST_RETRY && mode == TX_READ && strcmp(x->c.sqlstate, "25006") == 0) {
        error_prefix(why, "A reader writes nothing. ");
        return ST_REFUSED;
    }
    return st;
}

/* Reads what was sent; the failure of any of it dooms the transaction. */
static enum status catch_up(struct tx *tx, enum stmt id, struct rows *rows, struct arena *a,
                            struct error *e)
{
    struct session *x = tx->impl;
    struct error why = { 0 };
    bool by_server = false;
    struct rows got;

    enum status st = pg_sync(&x->c, &why);
    if (st == ST_OK)
        st = pg_read(&x->c, rows ? &got : NULL, a, &by_server, &why);
    if (st == ST_OK)
        st = check_changed(x, id, &why);
    if (by_server)
        st = translate(x, tx->mode, st, &why);
    if (st == ST_OK && rows)
        *rows = got;
    if (st == ST_OK)
        return ST_OK;
    if (by_server || tx->mode == TX_WRITE || x->c.lost)
        return doom(x, st, &why, e);
    *e = why;
    return st;
}

/* At once, or with others of its kind; what waits goes out before whatever is not of its kind. */
static enum status send_run(struct tx *tx, struct session *x, enum stmt id,
                            const struct value *args, size_t n_args, const struct rows *rows,
                            struct error *e)
{
    if (tx->mode == TX_READ)
        return pg_send(&x->c, id, args, n_args, tx->later, e);
    if (!rows && !tx->later && pg_batch_takes(id))
        return pg_batch_add(x->batch, &x->c, id, args, n_args, e);
    enum status st = pg_batch_send(x->batch, &x->c, e);
    return st == ST_OK ? pg_send(&x->c, id, args, n_args, tx->later, e) : st;
}

static enum status pg_run(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                          struct rows *rows, struct arena *a, struct error *e)
{
    struct session *x = tx->impl;
    struct error why = { 0 };

    if (x->doomed) {
        *e = x->why;
        return x->why.status;
    }
    enum status st = send_run(tx, x, id, args, n_args, rows, &why);
    x->sealing = x->sealing || id == STMT_SEAL_TAKE;
    tx->later = NULL;
    if (st != ST_OK)
        return doom(x, st, &why, e);
    bool must_read = rows || tx->mode == TX_READ ||
                     x->c.n_pending > PG_PENDING_MAX - PG_PENDING_ROOM ||
                     x->c.pending_bytes > PG_PENDING_BYTES_MAX;
    return must_read ? catch_up(tx, id, rows, a, e) : ST_OK;
}

static enum status pg_settle(struct tx *tx, struct error *e)
{
    struct session *x = tx->impl;

    if (x->doomed) {
        *e = x->why;
        return x->why.status;
    }
    struct error why = { 0 };
    enum status st = pg_batch_send(x->batch, &x->c, &why);
    if (st != ST_OK)
        return doom(x, st, &why, e);
    enum stmt what = x->c.n_pending ? pg_stmt_of(x->c.pending[x->c.n_pending - 1]) : STMT_COUNT;
    return catch_up(tx, what < STMT_COUNT ? what : (enum stmt)0, NULL, NULL, e);
}

/* Ends the transaction without waiting for the server's word; the next one on this connection reads
 * it. */
static void let_go(struct store_pg *s, enum tx_mode mode, struct session *x, enum pg_verb verb)
{
    struct error ignored = { 0 };

    memset(x->c.later, 0, sizeof x->c.later); /* what waited for these numbers is going */
    if (x->batch)
        pg_batch_clear(x->batch);
    if (!x->c.lost && (pg_send(&x->c, verb, NULL, 0, NULL, &ignored) != ST_OK ||
                       pg_sync(&x->c, &ignored) != ST_OK))
        x->c.lost = true;
    session_put(s, mode, x);
}

/* ---- a commit whose answer was lost ------------------------------------------------------- */

/* Also over the server's restart, and on a standby that took over. */
static enum status look_up(struct store_pg *s, struct session *x, struct error *e)
{
    msec until = clock_mono(s->clock) + s->patience_ms, pause = PAUSE_FIRST_MS;
    enum pg_outcome got = PG_UNKNOWN;
    char xid[sizeof x->c.xid];

    snprintf(xid, sizeof xid, "%s", x->c.xid);
    while (xid[0]) {
        struct error why = { 0 };
        msec left = until - clock_mono(s->clock);
        x->c.lost = true;
        if (left <= 0 || connect_session(s, x, left, &why) != ST_OK)
            break;
        got = pg_mark_ask(&x->c, &x->marks, xid, s->path);
        if (got != PG_RUNNING)
            break;
        clock_sleep(s->clock, pause);
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
    }
    if (got == PG_COMMITTED) {
        error_clear(e);
        return ST_OK;
    }
    error_prefix(e, got == PG_NOT_KEPT ? "The transaction was not kept: "
                                       : "Whether the transaction was kept is not known: ");
    return ST_RETRY;
}

static enum status commit_write(struct store_pg *s, struct session *x, struct error *e)
{
    struct error why = { 0 };
    bool by_server = false;

    if (x->doomed) {
        *e = x->why;
        enum status st = x->why.status;
        let_go(s, TX_WRITE, x, PG_ROLLBACK);
        return st;
    }
    enum status st = pg_batch_send(x->batch, &x->c, &why);
    if (st == ST_OK)
        st = pg_mark_send(&x->c, &x->marks, s->past_seal || x->sealing, &why);
    if (st == ST_OK)
        st = pg_send(&x->c, PG_COMMIT, NULL, 0, NULL, &why);
    if (st == ST_OK)
        st = pg_sync(&x->c, &why);
    if (st == ST_OK)
        st = translate(x, TX_WRITE, pg_read(&x->c, NULL, NULL, &by_server, &why), &why);
    if (x->c.committed)
        st = ST_OK;
    else if (x->c.lost)
        st = look_up(s, x, &why);
    if (st == ST_OK) {
        pg_mark_kept(&x->marks);
        session_put(s, TX_WRITE, x);
        return ST_OK;
    }
    let_go(s, TX_WRITE, x, PG_ROLLBACK);
    *e = why;
    return st;
}

static enum status pg_commit(struct tx *tx, struct error *e)
{
    struct store_pg *s = self(tx->store);
    struct session *x = tx->impl;

    assert(x);
    tx->impl = NULL;
    if (tx->mode == TX_WRITE)
        return commit_write(s, x, e);
    let_go(s, TX_READ, x, PG_ROLLBACK);
    return ST_OK;
}

static void pg_rollback(struct tx *tx)
{
    struct session *x = tx->impl;

    tx->impl = NULL;
    if (x)
        let_go(self(tx->store), tx->mode, x, PG_ROLLBACK);
}

/* ---- scripts ------------------------------------------------------------------------------ */

static enum status pg_run_script(struct store *store, str sql, struct error *e)
{
    struct store_pg *s = self(store);
    struct error ignored = { 0 };
    BUF(whole, SCRIPT_BYTES_MAX);
    char begin[512];

    if (s->read_only)
        return fail(e, ST_REFUSED, "%s was opened for reading only", s->label);
    pg_schema_begin(s->schema, begin, sizeof begin);
    buf_append(&whole, str_of(begin));
    buf_append(&whole, sql);
    buf_append(&whole, S("\n;commit"));
    if (whole.failed)
        return fail(e, ST_LIMIT, "%s: the script is longer than %d bytes", s->label,
                    SCRIPT_BYTES_MAX);
    struct session *x = session_take(s, TX_WRITE);
    enum status st = connect_session(s, x, s->patience_ms, e);
    if (st == ST_OK)
        st = pg_script(&x->c, buf_str(&whole), "script", e);
    if (st != ST_OK && x->c.pg && !x->c.lost)
        (void)!pg_script(&x->c, S("rollback"), "script", &ignored);
    session_put(s, TX_WRITE, x);
    return st;
}

/* Dead rows go, and what the planner has noted of them: its most common values are values. What the
 * server's own log and backups hold is its administrator's. */
static enum status pg_scrub(struct store *store, struct error *e)
{
    static const char *const table[] = {
        "objects", "_history",  "_inbox",      "_inbox_conflicts", "_refs",
        "_due",    "_dropped",  "_states",     "_erasing",         "_calls",
        "_users",  "_walks",    "_user_links", "_user_history",    "_drift",
        "_ops",    "_op_steps",
    };
    struct store_pg *s = self(store);

    if (s->read_only)
        return fail(e, ST_REFUSED, "%s was opened for reading only", s->label);
    struct session *x = session_take(s, TX_WRITE);
    enum status st = connect_session(s, x, s->patience_ms, e);
    for (size_t i = 0; st == ST_OK && i < COUNT(table); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "vacuum (analyze) \"%s\".%s", s->schema, table[i]);
        st = pg_script(&x->c, str_of(sql), "vacuum", e);
    }
    session_put(s, TX_WRITE, x);
    return st;
}

/* ---- opening and closing ------------------------------------------------------------------ */

static void pool_free(struct pool *p)
{
    for (size_t i = 0; i < p->n; i++) {
        pg_conn_close(&p->all[i].c);
        pg_batch_free(p->all[i].batch);
    }
    free(p->all);
}

static void pg_close(struct store *store)
{
    struct store_pg *s = self(store);

    pool_free(&s->pool[TX_READ]);
    pool_free(&s->pool[TX_WRITE]);
    gate_free(s->sched, s->gate);
    if (s->url)
        explicit_bzero(s->url, strlen(s->url));
    free(s->url);
    free(s);
}

static const struct store_ops pg_ops = {
    .name = "postgresql",
    .dialect = "pg",
    .crowded = true,
    .begin = pg_begin,
    .run = pg_run,
    .settle = pg_settle,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .script = pg_run_script,
    .scrub = pg_scrub,
    .close = pg_close,
};

static void pool_new(struct pool *p, size_t n)
{
    *p = (struct pool){ .all = calloc(n, sizeof *p->all), .n = n };
    if (!p->all)
        abort();
    for (size_t i = n; i > 0; i--) {
        p->all[i - 1].next = p->idle;
        p->idle = &p->all[i - 1];
    }
}

static size_t at_most(size_t n, size_t usual)
{
    size_t wanted = n ? n : usual;

    return wanted < STORE_PG_POOL_MAX ? wanted : STORE_PG_POOL_MAX;
}

static bool is_schema_name(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return false;
    return n > 0 && n <= PG_SCHEMA_NAME_MAX && strncmp(name, "pg_", 3) != 0;
}

static struct store_pg *store_new(const struct store_pg_options *o)
{
    struct store_pg *s = calloc(1, sizeof *s);
    char *url = strdup(o->url);

    if (!s || !url)
        abort();
    s->base.ops = &pg_ops;
    s->url = url;
    s->sched = o->sched;
    s->clock = o->clock;
    s->read_only = o->read_only;
    s->older = o->older;
    s->past_seal = o->past_seal;
    s->patience_ms = o->patience_ms ? o->patience_ms : STORE_PG_PATIENCE_MS;
    s->gate = gate_new(o->sched);
    snprintf(s->schema, sizeof s->schema, "%s", o->schema);
    snprintf(s->path, sizeof s->path, "\"%s\", pg_temp", s->schema);
    snprintf(s->label, sizeof s->label, "PostgreSQL schema %s", s->schema);
    pool_new(&s->pool[TX_WRITE], at_most(o->writers_max, STORE_PG_WRITERS));
    for (size_t i = 0; i < s->pool[TX_WRITE].n; i++) {
        pg_marks_init(&s->pool[TX_WRITE].all[i].marks, o->rng);
        s->pool[TX_WRITE].all[i].batch = pg_batch_new();
    }
    pool_new(&s->pool[TX_READ], at_most(o->readers_max, STORE_PG_READERS));
    return s;
}

static enum status check_version(const struct store_pg *s, int64_t version, struct error *e)
{
    if (version == 0)
        return fail(e, ST_NONE, "%s: nothing is in it yet; brindle serve or sync fills it",
                    s->label);
    if (version != migration_count && !s->older)
        return fail(e, ST_REFUSED,
                    "%s has tables of version %d, this program needs %d; brindle serve or sync "
                    "brings them up to date",
                    s->label, (int)version, migration_count);
    return ST_OK;
}

static enum status open_first(struct store_pg *s, struct error *e)
{
    enum tx_mode mode = s->read_only ? TX_READ : TX_WRITE;
    struct session *x = session_take(s, mode);
    int64_t version = 0;

    enum status st = connect_session(s, x, 0, e);
    if (st == ST_OK)
        st = pg_schema_look(&x->c, s->schema, &version, e);
    if (st == ST_OK && s->read_only)
        st = check_version(s, version, e);
    else if (st == ST_OK && version < migration_count)
        st = pg_schema_migrate(&x->c, s->schema, e);
    if (st == ST_OK && !s->read_only)
        st = pg_marks_sweep(&x->c, s->schema, e);
    session_put(s, mode, x);
    return st;
}

/* A typo in any statement fails here and not in the night; what is a reader's must not lock. */
static enum status try_statements(struct store_pg *s, struct error *e)
{
    struct session *x = session_take(s, TX_WRITE);
    enum status st = connect_session(s, x, s->patience_ms, e);

    if (st == ST_OK)
        st = pg_try_all(&x->c, s->path, e);
    session_put(s, TX_WRITE, x);
    return st;
}

enum status store_pg_open(struct store **out, const struct store_pg_options *o, struct error *e)
{
    if (!is_schema_name(o->schema))
        return fail(e, ST_INVALID,
                    "\"%s\" cannot name a schema: use up to %d letters, digits, - and _", o->schema,
                    PG_SCHEMA_NAME_MAX);
    struct store_pg *s = store_new(o);
    enum status st = open_first(s, e);
    if (st == ST_OK && !o->read_only)
        st = try_statements(s, e);
    if (st != ST_OK) {
        pg_close(&s->base);
        return st;
    }
    *out = &s->base;
    return ST_OK;
}
