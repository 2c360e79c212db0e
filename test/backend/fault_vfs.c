#include "fault_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>

const char *const fault_name[FAULT_COUNT] = { "none", "write", "torn", "full", "sync", "truncate" };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    enum fault fault;
    int64_t at, seen, syncs, writes;
    bool forever, struck;
} plan;

void fault_vfs_arm(enum fault fault, int64_t at, bool forever)
{
    pthread_mutex_lock(&lock);
    plan.fault = fault;
    plan.at = at;
    plan.forever = forever;
    plan.seen = plan.syncs = plan.writes = 0;
    plan.struck = false;
    pthread_mutex_unlock(&lock);
}

bool fault_vfs_struck(void)
{
    pthread_mutex_lock(&lock);
    bool struck = plan.struck;
    pthread_mutex_unlock(&lock);
    return struck;
}

int64_t fault_vfs_syncs(void)
{
    pthread_mutex_lock(&lock);
    int64_t n = plan.syncs;
    pthread_mutex_unlock(&lock);
    return n;
}

int64_t fault_vfs_writes(void)
{
    pthread_mutex_lock(&lock);
    int64_t n = plan.writes;
    pthread_mutex_unlock(&lock);
    return n;
}

static bool is_about_writes(enum fault f)
{
    return f == FAULT_WRITE || f == FAULT_TORN || f == FAULT_FULL;
}

/* The fault that this call meets. */
static enum fault strike(enum fault what)
{
    enum fault hit = FAULT_NONE;

    pthread_mutex_lock(&lock);
    if (what == FAULT_SYNC)
        plan.syncs++;
    if (what == FAULT_WRITE)
        plan.writes++;
    if (plan.fault == what || (what == FAULT_WRITE && is_about_writes(plan.fault))) {
        plan.seen++;
        if (plan.seen == plan.at || (plan.forever && plan.seen > plan.at)) {
            plan.struck = true;
            hit = plan.fault;
        }
    }
    pthread_mutex_unlock(&lock);
    return hit;
}

struct faulty_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct faulty_file *)f)->real;
}

static int f_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
    return real(f)->pMethods->xRead(real(f), p, n, off);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
    switch (strike(FAULT_WRITE)) {
    case FAULT_WRITE: return SQLITE_IOERR_WRITE;
    case FAULT_FULL: return SQLITE_FULL;
    case FAULT_TORN: real(f)->pMethods->xWrite(real(f), p, n / 2, off); return SQLITE_IOERR_WRITE;
    case FAULT_NONE:
    case FAULT_SYNC:
    case FAULT_TRUNCATE:
    case FAULT_COUNT: break;
    }
    return real(f)->pMethods->xWrite(real(f), p, n, off);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (strike(FAULT_TRUNCATE) != FAULT_NONE)
        return SQLITE_IOERR_TRUNCATE;
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    (void)f, (void)flags;
    return strike(FAULT_SYNC) != FAULT_NONE ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int f_file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int f_check_reserved(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int f_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), off, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods methods = {
    2,          f_close,       f_read,           f_write,   f_truncate, f_sync,   f_file_size,
    f_lock,     f_unlock,      f_check_reserved, f_control, f_sector,   f_device, f_shm_map,
    f_shm_lock, f_shm_barrier, f_shm_unmap,      NULL,      NULL,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    sqlite3_vfs *os = v->pAppData;
    struct faulty_file *f = (struct faulty_file *)file;

    *f = (struct faulty_file){ .real = (sqlite3_file *)(f + 1) };
    int rc = os->xOpen(os, name, f->real, flags, out_flags);
    if (f->real->pMethods)
        f->base.pMethods = &methods;
    return rc;
}

void fault_vfs_register(void)
{
    static sqlite3_vfs faulty;
    sqlite3_vfs *os = sqlite3_vfs_find(NULL);

    assert(os && os->iVersion >= 2);
    if (faulty.zName)
        return;
    faulty = *os; /* but for files: its other calls look at nothing but their arguments */
    faulty.pNext = NULL;
    faulty.zName = "faulty";
    faulty.szOsFile = (int)sizeof(struct faulty_file) + os->szOsFile;
    faulty.pAppData = os;
    faulty.xOpen = v_open;
    sqlite3_vfs_register(&faulty, 0);
}
