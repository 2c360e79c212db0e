#include "backend/sqlite_conn.h"

#include <errno.h>
#include <string.h>

enum {
    BUSY_PAUSE_MS = 10,
    BUSY_PAUSES_MAX = 500, /* five seconds of a foreign program's lock */
    ROWS_GROWTH = 4,
};

static const char *const verb_text[VERB_COUNT] = {
    [VERB_BEGIN] = "begin",
    [VERB_BEGIN_IMMEDIATE] = "begin immediate",
    [VERB_COMMIT] = "commit",
    [VERB_ROLLBACK] = "rollback",
    [VERB_SAVEPOINT] = "savepoint member",
    [VERB_RELEASE] = "release member",
    [VERB_ROLLBACK_TO] = "rollback to member",
};

/* Reasons of the operating system that trying again does not change. */
static bool is_lasting(int os)
{
    return os == EACCES || os == EPERM || os == EROFS || os == EISDIR || os == ENOTDIR ||
           os == ENOENT;
}

/* SQLite has a code of its own for a short write alone; an fsync says it through the system. */
static bool is_full(int rc, int os)
{
    return (rc & 0xff) == SQLITE_FULL ||
           ((rc & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG));
}

/* SQLite keeps the system's reason for a statement's failure, but not for a commit's. */
static int system_reason(const struct conn *c, int rc)
{
    int os = c->db ? sqlite3_system_errno(c->db) : 0;

    return os == 0 && (rc & 0xff) == SQLITE_IOERR ? errno : os;
}

enum status conn_fail(struct conn *c, int rc, const char *doing, struct error *e)
{
    int os = system_reason(c, rc);
    const char *why = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);

    c->rc = rc;
    c->disk_full = is_full(rc, os);
    if (c->disk_full) {
        e->disk_full = true;
        return fail(e, ST_LIMIT, "%s: %s: the disk is full; free some space", c->path, doing);
    }
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail(e, ST_RETRY,
                    "%s: %s: another program has locked the file (%s); close it, or try again",
                    c->path, doing, why);
    case SQLITE_CONSTRAINT: return fail(e, ST_CONFLICT, "%s: %s: %s", c->path, doing, why);
    case SQLITE_NOMEM: return fail(e, ST_LIMIT, "%s: %s: memory has run out", c->path, doing);
    case SQLITE_TOOBIG:
        return fail(e, ST_LIMIT, "%s: %s: a value is larger than SQLite can keep", c->path, doing);
    case SQLITE_CANTOPEN:
        return fail(e, is_lasting(os) ? ST_REFUSED : ST_RETRY,
                    "%s: %s: %s (%s); look at the rights of the file and of its directory", c->path,
                    doing, why, os ? strerror(os) : "no reason given");
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
        return fail(e, ST_RETRY, "%s: %s: %s (code %d, %s); look at the disk", c->path, doing, why,
                    rc, os ? strerror(os) : "no reason given");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail(e, ST_BROKEN,
                    "%s: %s: the database is damaged (%s); restore a backup, or move the file, "
                    "its -wal and its -shm away and fill a new one with brindle sync",
                    c->path, doing, why);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return fail(e, ST_REFUSED,
                    "%s: %s: %s; give this user the right to write the file and its directory",
                    c->path, doing, why);
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT: return fail(e, ST_RETRY, "%s: %s: %s; try again", c->path, doing, why);
    default:
        return fail(e, ST_BROKEN, "%s: %s: %s (code %d): a bug; report it", c->path, doing, why,
                    rc);
    }
}

bool conn_is_full(const struct conn *c)
{
    switch (c->rc) {
    case SQLITE_FULL:
    case SQLITE_IOERR_WRITE:
    case SQLITE_IOERR_SHMSIZE: return c->disk_full;
    default: return false;
    }
}

bool conn_is_sick(const struct conn *c)
{
    if (conn_is_full(c))
        return false;
    switch (c->rc & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return true;
    default: return false;
    }
}

/* Only a program that is not ours, or the recovery after a crash, ever holds a lock against us. */
static int pause_while_busy(void *arg, int pauses)
{
    struct conn *c = arg;

    if (pauses >= BUSY_PAUSES_MAX)
        return 0;
    clock_sleep(c->clock, BUSY_PAUSE_MS);
    return 1;
}

static int prepare(struct conn *c, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

enum status conn_open(struct conn *c, const struct conn_options *o, struct error *e)
{
    *c = (struct conn){ .path = o->path, .clock = o->clock };
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (o->writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                (o->create ? SQLITE_OPEN_CREATE : 0);

    int rc = sqlite3_open_v2(o->path, &c->db, flags, o->vfs);
    if (rc != SQLITE_OK)
        return conn_fail(c, rc, "open", e);
    sqlite3_busy_handler(c->db, pause_while_busy, c);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* The schema is ours, and views and indexes need json_extract, which SQLite 3.40 counts among
     * the unsafe functions by mistake: TRUSTED_SCHEMA stays on. */
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if (!o->writer)
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    enum status st = conn_script(c,
                                 o->writer ? S("pragma mmap_size = 0; pragma temp_store = memory;")
                                           : S("pragma mmap_size = 0; pragma temp_store = memory;"
                                               "pragma cache_size = -1024;" /* KiB */
                                               "pragma wal_autocheckpoint = 0;"
                                               "pragma query_only = 1;"),
                                 "open", e);
    for (size_t i = 0; st == ST_OK && i < VERB_COUNT; i++) {
        rc = prepare(c, verb_text[i], &c->verb[i]);
        if (rc != SQLITE_OK)
            st = conn_fail(c, rc, verb_text[i], e);
    }
    return st;
}

void conn_close(struct conn *c)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        sqlite3_finalize(c->verb[i]);
    for (size_t i = 0; i < STMT_COUNT; i++)
        sqlite3_finalize(c->stmt[i]);
    sqlite3_close(c->db);
    *c = (struct conn){ 0 };
}

enum status conn_verb(struct conn *c, enum conn_verb v, struct error *e)
{
    c->rc = SQLITE_OK;
    errno = 0;
    int rc = sqlite3_step(c->verb[v]);
    enum status st = rc == SQLITE_DONE ? ST_OK : conn_fail(c, rc, verb_text[v], e);

    sqlite3_reset(c->verb[v]);
    return st;
}

static enum status prepare_stmt(struct conn *c, enum stmt id, struct error *e)
{
    if (c->stmt[id])
        return ST_OK;
    int rc = prepare(c, stmt_table[id].sqlite, &c->stmt[id]);
    if (rc != SQLITE_OK)
        return conn_fail(c, rc, stmt_table[id].name, e);
    assert((unsigned)sqlite3_bind_parameter_count(c->stmt[id]) == stmt_table[id].n_args);
    return ST_OK;
}

enum status conn_prepare_all(struct conn *c, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < STMT_COUNT; i++)
        st = prepare_stmt(c, (enum stmt)i, e);
    return st;
}

/* The texts stay the caller's: each run binds every argument anew before SQLite looks at it. */
static int bind(sqlite3_stmt *q, const struct value *args, size_t n)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
        const struct value *v = &args[i];
        switch (v->type) {
        case VAL_NULL: rc = sqlite3_bind_null(q, (int)i + 1); break;
        case VAL_INT: rc = sqlite3_bind_int64(q, (int)i + 1, v->i); break;
        case VAL_TEXT:
            rc = sqlite3_bind_text64(q, (int)i + 1, v->s.p ? v->s.p : "", v->s.n, SQLITE_STATIC,
                                     SQLITE_UTF8);
            break;
        }
    }
    return rc;
}

static bool take_cell(sqlite3_stmt *q, int col, struct value *v, struct arena *a)
{
    switch (sqlite3_column_type(q, col)) {
    case SQLITE_NULL: *v = V_NULL; return true;
    case SQLITE_INTEGER: *v = V_INT(sqlite3_column_int64(q, col)); return true;
    default: break; /* text; and what is no text is given as one */
    }
    const char *p = (const char *)sqlite3_column_text(q, col);
    str s = { p, (size_t)sqlite3_column_bytes(q, col) };
    *v = V_STR(arena_copy(a, s));
    return v->s.p != NULL;
}

/* Makes room for one more row. What the smaller array took is a third of the larger one. */
static bool rows_grow(struct rows *r, size_t *cap, struct arena *a)
{
    if (r->n_rows < *cap)
        return true;
    size_t more = *cap ? *cap * ROWS_GROWTH : 1;
    struct value *cell = arena_alloc(a, more * r->n_cols * sizeof *cell);
    if (!cell)
        return false;
    if (r->n_rows)
        memcpy(cell, r->cell, r->n_rows * r->n_cols * sizeof *cell);
    r->cell = cell;
    *cap = more;
    return true;
}

static enum status take_row(struct conn *c, enum stmt id, struct rows *r, size_t *cap,
                            struct arena *a, struct error *e)
{
    const char *name = stmt_table[id].name;

    if (r->n_rows == ROWS_MAX)
        return fail(e, ST_LIMIT, "%s: %s: more than %d rows; ask page by page", c->path, name,
                    ROWS_MAX);
    if (a) {
        bool fits = rows_grow(r, cap, a);
        struct value *row = fits ? &r->cell[r->n_rows * r->n_cols] : NULL;
        for (size_t i = 0; fits && i < r->n_cols; i++)
            fits = take_cell(c->stmt[id], (int)i, &row[i], a);
        if (!fits)
            return fail(e, ST_LIMIT, "%s: %s: the answer does not fit into %zu bytes", c->path,
                        name, a->max);
    }
    r->n_rows++;
    return ST_OK;
}

enum status conn_run(struct conn *c, enum stmt id, const struct value *args, size_t n_args,
                     struct rows *rows, struct arena *a, struct error *e)
{
    assert(id < STMT_COUNT && n_args == stmt_table[id].n_args);
    enum status st = prepare_stmt(c, id, e);
    if (st != ST_OK)
        return st;

    sqlite3_stmt *q = c->stmt[id];
    struct rows got = { .n_cols = (size_t)sqlite3_column_count(q) };
    size_t cap = 0;
    c->rc = SQLITE_OK;
    int rc = bind(q, args, n_args);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    while (rc == SQLITE_ROW && st == ST_OK) {
        st = take_row(c, id, &got, &cap, a, e);
        if (st == ST_OK)
            rc = sqlite3_step(q);
    }
    if (st == ST_OK && rc != SQLITE_DONE)
        st = conn_fail(c, rc, stmt_table[id].name, e);
    if (st == ST_OK) {
        got.n_changed = sqlite3_stmt_readonly(q) ? 0 : sqlite3_changes64(c->db);
        *rows = got;
    }
    sqlite3_reset(q);
    return st;
}

enum status conn_script(struct conn *c, str sql, const char *doing, struct error *e)
{
    enum status st = ST_OK;

    assert(str_find(sql, '\0') == sql.n);
    while (st == ST_OK && sql.n) {
        const char *tail = NULL;
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(c->db, sql.p, (int)sql.n, &q, &tail);
        if (rc == SQLITE_OK && q)
            while ((rc = sqlite3_step(q)) == SQLITE_ROW)
                ;
        if (rc != SQLITE_OK && rc != SQLITE_DONE)
            st = conn_fail(c, rc, doing, e);
        sqlite3_finalize(q);
        if (st == ST_OK)
            sql = str_sub(sql, (size_t)(tail - sql.p), sql.n);
    }
    return st;
}

enum status conn_ask(struct conn *c, const char *sql, int64_t *out, struct error *e)
{
    sqlite3_stmt *q = NULL;
    int64_t answer = 0;
    enum status st = ST_OK;

    int rc = sqlite3_prepare_v2(c->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        answer = sqlite3_column_int64(q, 0);
    else if (rc != SQLITE_DONE)
        st = conn_fail(c, rc, sql, e);
    sqlite3_finalize(q);
    if (st == ST_OK)
        *out = answer;
    return st;
}
