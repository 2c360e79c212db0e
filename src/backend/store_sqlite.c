#include "backend/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/lock_file.h"
#include "backend/sqlite_conn.h"
#include "backend/sqlite_schema.h"
#include "backend/sqlite_vfs.h"
#include "backend/sqlite_writer.h"
#include "base/plant.h"
#include "world/tx.h"

enum {
    SETTLE_PAUSE_MS = 10,
    SETTLE_ATTEMPTS_MAX = 500, /* five seconds */
};

struct reader {
    struct conn c;
    struct reader *next;
};

struct store_sqlite {
    struct store base; /* first: a struct store * is a struct store_sqlite * */
    char *path, *vfs;
    struct sched *sched;
    struct clock *clock;
    bool read_only, older;

    int lock; /* -1: none */
    struct conn writing;
    struct writer *writer; /* NULL: read_only */

    struct gate *gate; /* guards idle */
    struct reader *idle;
    struct reader *readers;
    size_t readers_max;
};

static struct store_sqlite *self(struct store *s)
{
    return (struct store_sqlite *)s;
}

/* Read transactions. */

static struct reader *reader_take(struct store_sqlite *s)
{
    gate_lock(s->sched, s->gate);
    while (!s->idle)
        gate_wait(s->sched, s->gate, NO_DEADLINE);
    struct reader *r = s->idle;
    s->idle = r->next;
    gate_unlock(s->sched, s->gate);
    return r;
}

static void reader_put(struct store_sqlite *s, struct reader *r)
{
    gate_lock(s->sched, s->gate);
    r->next = s->idle;
    s->idle = r;
    gate_wake(s->sched, s->gate);
    gate_unlock(s->sched, s->gate);
}

static enum status reader_begin(struct store_sqlite *s, struct reader **out, struct error *e)
{
    struct reader *r = reader_take(s);
    struct conn_options o = { .path = s->path, .vfs = s->vfs, .clock = s->clock };
    enum status st = ST_OK;

    if (!r->c.db) {
        st = conn_open(&r->c, &o, e);
        if (st != ST_OK)
            conn_close(&r->c);
    }
    if (st == ST_OK)
        st = conn_verb(&r->c, VERB_BEGIN, e);
    if (st == ST_OK)
        *out = r;
    else
        reader_put(s, r);
    return st;
}

static void reader_end(struct store_sqlite *s, struct reader *r)
{
    struct error ignored = { 0 };

    if (!sqlite3_get_autocommit(r->c.db) && conn_verb(&r->c, VERB_ROLLBACK, &ignored) != ST_OK)
        conn_close(&r->c); /* the next one gets a new connection */
    reader_put(s, r);
}

/* The seam. */

static enum status sqlite_begin(struct store *store, enum tx_mode mode, struct tx *tx,
                                struct error *e)
{
    struct store_sqlite *s = self(store);
    struct member *m = NULL;
    struct reader *r = NULL;

    if (mode == TX_WRITE && s->read_only)
        return fail(e, ST_REFUSED, "%s was opened for reading only", s->path);
    enum status st = s->writer ? writer_health(s->writer, e) : ST_OK;
    if (st == ST_OK)
        st = mode == TX_WRITE ? writer_begin(s->writer, &m, e) : reader_begin(s, &r, e);
    if (st == ST_OK)
        *tx = (struct tx){ .store = store,
                           .impl = mode == TX_WRITE ? (void *)m : (void *)r,
                           .mode = mode };
    return st;
}

static enum status sqlite_run(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                              struct rows *rows, struct arena *a, struct error *e)
{
    struct rows ignored;

    if (!rows)
        rows = &ignored;
    if (tx->mode == TX_WRITE)
        return writer_run(self(tx->store)->writer, tx->impl, id, args, n_args, rows, a, e);
    struct reader *r = tx->impl;
    return conn_run(&r->c, id, args, n_args, rows, a, e);
}

static enum status sqlite_commit(struct tx *tx, struct error *e)
{
    struct store_sqlite *s = self(tx->store);
    void *impl = tx->impl;

    assert(impl);
    tx->impl = NULL;
    if (tx->mode == TX_WRITE)
        return writer_commit(s->writer, impl, e);
    reader_end(s, impl);
    return ST_OK;
}

static void sqlite_rollback(struct tx *tx)
{
    struct store_sqlite *s = self(tx->store);
    void *impl = tx->impl;

    tx->impl = NULL;
    if (!impl)
        return;
    if (tx->mode == TX_WRITE)
        writer_rollback(s->writer, impl);
    else
        reader_end(s, impl);
}

static enum status sqlite_script(struct store *store, str sql, struct error *e)
{
    struct tx tx = { 0 };

    enum status st = sqlite_begin(store, TX_WRITE, &tx, e);
    if (st != ST_OK)
        return st;
    st = writer_script(self(store)->writer, tx.impl, sql, e);
    if (st == ST_OK)
        return sqlite_commit(&tx, e);
    sqlite_rollback(&tx);
    return st;
}

static enum status sqlite_scrub(struct store *store, struct error *e)
{
    struct store_sqlite *s = self(store);

    if (s->read_only)
        return fail(e, ST_REFUSED, "%s was opened for reading only", s->path);
    assert(!tx_writing());
    return writer_scrub(s->writer, e);
}

/* After a failure the WAL stays as it is: the next start decides what is in it. A foreign reader
 * may keep the checkpoint from its end: it is not waited for. */
static void close_writing(struct store_sqlite *s)
{
    struct error ignored = { 0 };

    if (!s->writing.db)
        return;
    sqlite3_busy_handler(s->writing.db, NULL, NULL);
    if (s->writer && writer_health(s->writer, &ignored) == ST_OK)
        sqlite3_wal_checkpoint_v2(s->writing.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    else
        sqlite3_db_config(s->writing.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    writer_free(s->writer);
    conn_close(&s->writing);
}

static void sqlite_close(struct store *store)
{
    struct store_sqlite *s = self(store);

    for (size_t i = 0; i < s->readers_max; i++)
        conn_close(&s->readers[i].c);
    close_writing(s);
    lock_file_release(s->lock);
    gate_free(s->sched, s->gate);
    free(s->readers);
    free(s->path);
    free(s->vfs);
    free(s);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .dialect = "sqlite",
    .begin = sqlite_begin,
    .run = sqlite_run,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .script = sqlite_script,
    .scrub = sqlite_scrub,
    .close = sqlite_close,
};

/* Opening. */

static void sync_directory(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof copy, "%s", path);
    int dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        (void)!fsync(dir); /* some file systems have no such thing */
        close(dir);
    }
}

/* Before SQLite does, which would let the umask decide who may read it. Never opens a file that
 * is there: closing it again would drop the locks that this process has on it. */
static enum status create_file(const char *path, struct error *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno == EEXIST)
        return ST_OK;
    if (fd < 0)
        return fail(e, ST_REFUSED, "%s: cannot be made: %s", path, strerror(errno));
    close(fd);
    sync_directory(path);
    return ST_OK;
}

static const char writer_pragmas[] =
    "pragma synchronous = full;"
    "pragma cache_size = -24576;"           /* KiB */
    "pragma journal_size_limit = 67108864;" /* what a long reader made it grow is given back */
    "pragma secure_delete = on;";           /* what is forgotten is gone from the file, too */

/* What an earlier process wrote to the WAL and did not live to sync is readable, and would be
 * believed: it goes to disk before anybody relies on it. A reader that is the first to come builds
 * the WAL's index, and is in the way meanwhile; SQLite does not wait for that here. */
static enum status settle_wal(struct conn *c, struct error *e)
{
    int rc = SQLITE_BUSY;

    for (unsigned attempt = 0; (rc & 0xff) == SQLITE_BUSY && attempt < SETTLE_ATTEMPTS_MAX;
         attempt++) {
        if (attempt)
            clock_sleep(c->clock, SETTLE_PAUSE_MS);
        rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    return rc == SQLITE_OK ? ST_OK : conn_fail(c, rc, "checkpoint", e);
}

static enum status use_wal(struct conn *c, struct error *e)
{
    int64_t ignored;
    sqlite3_stmt *q = NULL;

    enum status st = conn_ask(c, "pragma page_size = 8192", &ignored, e); /* of a new file alone */
    if (st != ST_OK)
        return st;
    int rc = sqlite3_prepare_v2(c->db, "pragma journal_mode = wal", -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc != SQLITE_ROW)
        st = conn_fail(c, rc, "journal_mode", e);
    else if (strcmp((const char *)sqlite3_column_text(q, 0), "wal") != 0)
        st = fail(e, ST_REFUSED,
                  "%s: SQLite cannot keep a write-ahead log on this file system; "
                  "put it on a local disk",
                  c->path);
    sqlite3_finalize(q);
    return st;
}

static enum status open_for_writing(struct store_sqlite *s, const struct store_sqlite_options *o,
                                    struct error *e)
{
    struct conn_options co = {
        .path = s->path, .vfs = s->vfs, .clock = s->clock, .writer = true, .create = o->in_memory
    };
    if (!planted(PLANT_NO_FSYNC) && !planted(PLANT_FSYNC_NORMAL))
        co.vfs = sqlite_vfs_over(s->vfs);
    struct conn *c = &s->writing;
    int64_t version = 0;

    enum status st = o->in_memory ? ST_OK : lock_file_take(s->path, &s->lock, e);
    if (st == ST_OK && !o->in_memory)
        st = create_file(s->path, e);
    if (st == ST_OK)
        st = sqlite_vfs_renew_log(s->vfs, s->path, e);
    if (st == ST_OK || st == ST_NONE)
        st = conn_open(c, &co, e);
    if (st == ST_OK)
        st = schema_look(c, &version, e);
    if (st == ST_OK)
        st = use_wal(c, e);
    if (st == ST_OK)
        st = conn_script(c, str_of(writer_pragmas), "open", e);
    if (planted(PLANT_NO_FSYNC) && st == ST_OK)
        st = conn_script(c, S("pragma synchronous = off"), "open", e);
    if (planted(PLANT_FSYNC_NORMAL) && st == ST_OK)
        st = conn_script(c, S("pragma synchronous = normal"), "open", e);
    if (st == ST_OK)
        st = settle_wal(c, e);
    if (st == ST_OK)
        st = schema_migrate(c, version, e);
    if (st == ST_OK)
        st = conn_prepare_all(c, e);
    struct writer_options wo = {
        .sched = s->sched,
        .clock = s->clock,
        .watched = o->in_memory || o->vfs ? NULL : s->path, /* a VFS may keep it anywhere */
        .batch_max = o->batch_max ? o->batch_max : STORE_BATCH,
        .checkpoint_pages = o->checkpoint_pages ? o->checkpoint_pages : STORE_CHECKPOINT,
    };
    if (st == ST_OK)
        s->writer = writer_new(c, &wo);
    return st;
}

/* Looked at through the VFS: the disk may be a simulated one. */
static bool file_exists(const struct store_sqlite *s, const char *suffix)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(s->vfs);
    char path[PATH_MAX], full[PATH_MAX];
    int there = 0;

    int n = snprintf(path, sizeof path, "%s%s", s->path, suffix);
    return n > 0 && (size_t)n < sizeof path && vfs &&
           vfs->xFullPathname(vfs, path, sizeof full, full) == SQLITE_OK &&
           vfs->xAccess(vfs, full, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there;
}

static enum status check_version(const struct store_sqlite *s, int64_t version, struct error *e)
{
    if (version == 0)
        return fail(e, ST_NONE, "%s: nothing is in it yet; brindle serve or sync fills it",
                    s->path);
    if (version != migration_count && !s->older)
        return fail(e, ST_REFUSED,
                    "%s has tables of version %d, this program needs %d; brindle serve or sync "
                    "brings them up to date",
                    s->path, (int)version, migration_count);
    return ST_OK;
}

static enum status look_at_version(struct store_sqlite *s, int64_t *version, struct error *e)
{
    struct tx tx = { 0 };
    enum status st = sqlite_begin(&s->base, TX_READ, &tx, e);

    if (st != ST_OK)
        return st;
    st = schema_look(&((struct reader *)tx.impl)->c, version, e);
    sqlite_rollback(&tx);
    return st;
}

/* A rollback journal lies beside a store before it has its tables, and never later: whoever made it
 * was killed, and a reader cannot clear that away. */
static enum status open_for_reading(struct store_sqlite *s, struct error *e)
{
    struct error why = { 0 };
    int64_t version = 0;

    if (!file_exists(s, ""))
        return fail(e, ST_NONE, "%s: there is no such store yet; brindle serve or sync makes it",
                    s->path);
    enum status st = look_at_version(s, &version, &why);
    if (st == ST_OK)
        return check_version(s, version, e);
    if (st == ST_REFUSED && !why.foreign && file_exists(s, "-journal"))
        return fail(e, ST_NONE, "%s was never made to its end; brindle serve or sync makes it",
                    s->path);
    *e = why;
    return st;
}

static struct store_sqlite *store_new(const struct store_sqlite_options *o)
{
    size_t readers_max = o->readers_max ? o->readers_max : STORE_READERS;
    struct store_sqlite *s = calloc(1, sizeof *s);
    struct reader *readers = calloc(readers_max, sizeof *readers);
    char *path = strdup(o->path), *vfs = o->vfs ? strdup(o->vfs) : NULL;

    if (!s || !readers || !path || (o->vfs && !vfs))
        abort();
    *s = (struct store_sqlite){
        .base.ops = &sqlite_ops,
        .path = path,
        .vfs = vfs,
        .sched = o->sched,
        .clock = o->clock,
        .read_only = o->read_only,
        .older = o->older,
        .lock = -1,
        .gate = gate_new(o->sched),
        .readers = readers,
        .readers_max = readers_max,
    };
    for (size_t i = readers_max; i > 0; i--) {
        readers[i - 1].next = s->idle;
        s->idle = &readers[i - 1];
    }
    return s;
}

/* SQLite counts its memory under one lock for all connections, for nobody here. Refused once it is
 * in use, which is as well. */
static void count_no_memory(void)
{
    static atomic_flag done = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&done))
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum status store_sqlite_open(struct store **out, const struct store_sqlite_options *o,
                              struct error *e)
{
    count_no_memory();
    struct store_sqlite *s = store_new(o);
    enum status st = o->read_only ? open_for_reading(s, e) : open_for_writing(s, o, e);
    if (st != ST_OK) {
        sqlite_close(&s->base);
        return st;
    }
    *out = &s->base;
    return ST_OK;
}
