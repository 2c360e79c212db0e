#include "backend/sqlite_vfs.h"

#include "base/plant.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BASES_MAX = 4,
    PAD_WRITES_MAX = 2, /* the rest of a frame's head, and its page */
    NAME_MAX_BYTES = 64,
};

/* One VFS of ours; lives as long as the process, as SQLite wants it. */
struct over {
    sqlite3_vfs vfs; /* pAppData: the one below */
    char name[NAME_MAX_BYTES];
};

/* An open log. The file of the VFS below lies right behind it. */
struct log_file {
    sqlite3_file base;
    unsigned char *piece; /* what is at [at, at + n) of the file, and not written yet */
    sqlite3_int64 at;
    int n;
    int since_sync; /* writes, as far as they count */
};

static struct log_file *log_of(sqlite3_file *f)
{
    return (struct log_file *)f;
}

static sqlite3_file *below(sqlite3_file *f)
{
    return (sqlite3_file *)(log_of(f) + 1);
}

/* What could not be written is given up: its failure was told, and the commit it belongs to failed
 * with it. */
static int flush(sqlite3_file *f)
{
    struct log_file *l = log_of(f);
    int n = l->n;

    l->n = 0;
    return n ? below(f)->pMethods->xWrite(below(f), l->piece, n, l->at) : SQLITE_OK;
}

/* Where a power cut can tear what lies beside a write, SQLite pads its log up to the next sector,
 * and syncs it in the middle of the last frame; the rest of that frame is looked at, too, and
 * nothing syncs it. So what comes right behind a sync is written at once. */
static int log_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    struct log_file *l = log_of(f);

    assert(l->n == 0 || l->since_sync == PAD_WRITES_MAX);
    if (l->since_sync < PAD_WRITES_MAX) {
        l->since_sync++;
        return below(f)->pMethods->xWrite(below(f), data, n, at);
    }
    if (l->n && (at != l->at + l->n || n > LOG_PIECE_BYTES - l->n)) {
        int rc = flush(f);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (n > LOG_PIECE_BYTES)
        return below(f)->pMethods->xWrite(below(f), data, n, at);
    if (!l->n)
        l->at = at;
    memcpy(l->piece + l->n, data, (size_t)n);
    l->n += n;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
    struct log_file *l = log_of(f);
    bool touches = l->n && at < l->at + l->n && at + n > l->at;
    int rc = touches ? flush(f) : SQLITE_OK;

    return rc == SQLITE_OK ? below(f)->pMethods->xRead(below(f), data, n, at) : rc;
}

static int log_sync(sqlite3_file *f, int flags)
{
    int rc = flush(f);

    log_of(f)->since_sync = 0;
    return rc == SQLITE_OK ? below(f)->pMethods->xSync(below(f), flags) : rc;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = flush(f);

    return rc == SQLITE_OK ? below(f)->pMethods->xTruncate(below(f), size) : rc;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *size)
{
    int rc = flush(f);

    return rc == SQLITE_OK ? below(f)->pMethods->xFileSize(below(f), size) : rc;
}

/* What is left belongs to no commit. */
static int log_close(sqlite3_file *f)
{
    free(log_of(f)->piece);
    return below(f)->pMethods->xClose(below(f));
}

static int log_lock(sqlite3_file *f, int how)
{
    return below(f)->pMethods->xLock(below(f), how);
}

static int log_unlock(sqlite3_file *f, int how)
{
    return below(f)->pMethods->xUnlock(below(f), how);
}

static int log_is_reserved(sqlite3_file *f, int *out)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), out);
}

static int log_control(sqlite3_file *f, int what, void *arg)
{
    return below(f)->pMethods->xFileControl(below(f), what, arg);
}

static int log_sector_size(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}

static int log_device(sqlite3_file *f)
{
    return below(f)->pMethods->xDeviceCharacteristics(below(f));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_device,
};

/* Any file but a log is the VFS's below. */
static int over_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    sqlite3_vfs *base = vfs->pAppData;

    if (!(flags & SQLITE_OPEN_WAL))
        return base->xOpen(base, name, f, flags, out);
    *log_of(f) = (struct log_file){ 0 };
    memset(below(f), 0, (size_t)base->szOsFile);
    int rc = base->xOpen(base, name, below(f), flags, out);
    if (rc != SQLITE_OK) /* SQLite closes what has methods, and nothing here has */
        return rc;
    log_of(f)->piece = malloc(LOG_PIECE_BYTES);
    if (!log_of(f)->piece) {
        below(f)->pMethods->xClose(below(f));
        return SQLITE_NOMEM;
    }
    f->pMethods = &log_methods;
    return SQLITE_OK;
}

/* ---- the rest of a VFS is that of the one below ---- */

static sqlite3_vfs *base_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static int over_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return base_of(vfs)->xDelete(base_of(vfs), name, sync);
}

static int over_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    return base_of(vfs)->xAccess(base_of(vfs), name, flags, out);
}

static int over_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    return base_of(vfs)->xFullPathname(base_of(vfs), name, n, out);
}

static int over_random(sqlite3_vfs *vfs, int n, char *out)
{
    return base_of(vfs)->xRandomness(base_of(vfs), n, out);
}

static int over_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return base_of(vfs)->xSleep(base_of(vfs), microseconds);
}

static int over_time(sqlite3_vfs *vfs, double *out)
{
    return base_of(vfs)->xCurrentTime(base_of(vfs), out);
}

static int over_time64(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    return base_of(vfs)->xCurrentTimeInt64(base_of(vfs), out);
}

static int over_error(sqlite3_vfs *vfs, int n, char *out)
{
    return base_of(vfs)->xGetLastError(base_of(vfs), n, out);
}

/* Extensions are never loaded: the functions for those stay empty. */
static struct over *over_new(sqlite3_vfs *base)
{
    struct over *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    snprintf(o->name, sizeof o->name, "brindle-%s", base->zName);
    o->vfs = (sqlite3_vfs){ .iVersion = base->iVersion < 2 ? base->iVersion : 2,
                            .szOsFile = base->szOsFile + (int)sizeof(struct log_file),
                            .mxPathname = base->mxPathname,
                            .zName = o->name,
                            .pAppData = base,
                            .xOpen = over_open,
                            .xDelete = over_delete,
                            .xAccess = over_access,
                            .xFullPathname = over_full_path,
                            .xRandomness = over_random,
                            .xSleep = over_sleep,
                            .xCurrentTime = over_time,
                            .xCurrentTimeInt64 = over_time64,
                            .xGetLastError = base->xGetLastError ? over_error : NULL };
    return o;
}

const char *sqlite_vfs_over(const char *base)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct over *made[BASES_MAX]; /* reachable to the end, for SQLite knows them */
    sqlite3_vfs *below_it = sqlite3_vfs_find(base);
    const char *name = base;

    if (!below_it) /* opening it says so */
        return base;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < BASES_MAX; i++) {
        if (made[i] && made[i]->vfs.pAppData != below_it)
            continue;
        if (!made[i] && (made[i] = over_new(below_it)) != NULL)
            sqlite3_vfs_register(&made[i]->vfs, 0);
        name = made[i] ? made[i]->name : base;
        break;
    }
    pthread_mutex_unlock(&lock);
    return name;
}

/* ---- a log that a failed fsync has left behind ---- */

static int copy_onto_itself(sqlite3_file *f, unsigned char *piece)
{
    sqlite3_int64 size = 0;
    int rc = f->pMethods->xFileSize(f, &size);

    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += LOG_PIECE_BYTES) {
        int n = size - at < LOG_PIECE_BYTES ? (int)(size - at) : LOG_PIECE_BYTES;
        rc = f->pMethods->xRead(f, piece, n, at);
        if (rc == SQLITE_OK)
            rc = f->pMethods->xWrite(f, piece, n, at);
    }
    return rc == SQLITE_OK && size ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : rc;
}

static int renew(sqlite3_vfs *vfs, const char *log, sqlite3_file *f, unsigned char *piece)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL;
    int rc = vfs->xOpen(vfs, log, f, flags, &flags);

    if (rc == SQLITE_OK)
        rc = copy_onto_itself(f, piece);
    if (f->pMethods)
        f->pMethods->xClose(f);
    return rc;
}

/* The log's name as the VFS wants it, with zeros behind it; to be freed. */
static char *log_name(sqlite3_vfs *vfs, const char *path)
{
    size_t room = (size_t)vfs->mxPathname + sizeof "-wal" + 2;
    char *log = calloc(1, room);

    if (!log || vfs->xFullPathname(vfs, path, vfs->mxPathname + 1, log) != SQLITE_OK) {
        free(log);
        return NULL;
    }
    memcpy(log + strlen(log), "-wal", sizeof "-wal" - 1);
    return log;
}

static int renew_if_there(sqlite3_vfs *vfs, const char *log, bool *there)
{
    int found = 0;
    int rc = vfs->xAccess(vfs, log, SQLITE_ACCESS_EXISTS, &found);

    *there = found;
    if (rc != SQLITE_OK || !found)
        return rc;
    sqlite3_file *f = calloc(1, (size_t)vfs->szOsFile);
    unsigned char *piece = malloc(LOG_PIECE_BYTES);
    rc = f && piece ? renew(vfs, log, f, piece) : SQLITE_NOMEM;
    free(f);
    free(piece);
    return rc;
}

enum status sqlite_vfs_renew_log(const char *base, const char *path, struct error *e)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(base);
    bool there = false;

    if (!vfs || planted(PLANT_LOG_NOT_RENEWED)) /* no such VFS: opening it says so */
        return ST_NONE;
    char *log = log_name(vfs, path);
    int rc = log ? renew_if_there(vfs, log, &there) : SQLITE_NOMEM;
    free(log);
    if (rc == SQLITE_OK)
        return there ? ST_OK : ST_NONE;
    return fail(e, rc == SQLITE_NOMEM || rc == SQLITE_FULL ? ST_LIMIT : ST_RETRY,
                "%s-wal: cannot be written anew at the start: %s (code %d); look at the disk", path,
                sqlite3_errstr(rc), rc);
}
