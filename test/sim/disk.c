#include "disk.h"

#include "fibre.h"
#include "seed.h"
#include "trace.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTOR = 512,
    FILE_NAME_MAX = 64,
    SHM_REGIONS_MAX = 16,
    MEMORY_STEP = 64 << 10,
};

/* A write that has not been synced; `off` -1: a truncation to `n`. */
struct pending {
    struct pending *next;
    int64_t off, n;
    unsigned char data[];
};

struct image {
    unsigned char *p;
    int64_t n, cap;
};

/* `safe` is what the disk holds for sure, `seen` what programs read, and the pending writes are
 * what separates the two, oldest first. */
struct file {
    struct file *next;
    char name[FILE_NAME_MAX];
    bool exists;
    struct image safe, seen, frozen;
    bool frozen_exists;
    struct pending *first, **last;
    struct handle *open; /* of processes that live */
    /* These live as long as the processes that have the file open. */
    int shared, reserved, pending_lock, exclusive;
    unsigned char *shm[SHM_REGIONS_MAX];
    int shm_shared[SQLITE_SHM_NLOCK];
    bool shm_excl[SQLITE_SHM_NLOCK];
};

struct handle {
    sqlite3_file base;
    struct file *f;
    struct handle *next; /* of those that are open */
    unsigned life;       /* the process */
    bool dead;           /* and it is no more */
    int lock;
    unsigned shm_shared, shm_excl; /* what this handle holds, a bit a lock */
    bool delete_on_close;
};

static struct file *files;
static struct disk_climate climate;
static bool held;

void disk_set(const struct disk_climate *c)
{
    climate = *c;
}

void disk_hold(bool on)
{
    held = on;
}

static bool dead(const struct handle *h)
{
    return h->dead;
}

/* The harness looks, which changes nothing. */
static bool is_process(const struct handle *h)
{
    return h->life != OUTSIDE;
}

static void only_one_writes(const struct handle *h)
{
    for (const struct handle *o = h->f->open; o && is_process(h); o = o->next)
        if (is_process(o) && o->life != h->life)
            broke(PROMISE_ONE_WRITER, "life %u writes to %s while life %u has it open", h->life,
                  h->f->name, o->life);
}

static bool strikes(unsigned rate, const char *what, const struct file *f)
{
    if (held || !rate || seed_draw() % 100000 >= rate)
        return false;
    trace("disk: %s of %s fails", what, f->name);
    mark(MARK_DISK_BROKE);
    return true;
}

/* ---- images ------------------------------------------------------------------------------- */

static void image_need(struct image *m, int64_t n)
{
    if (n <= m->cap)
        return;
    int64_t cap = (n * 2 + MEMORY_STEP) / MEMORY_STEP * MEMORY_STEP;
    m->p = realloc(m->p, (size_t)cap);
    if (!m->p)
        abort();
    memset(m->p + m->cap, 0, (size_t)(cap - m->cap));
    m->cap = cap;
}

static void image_write(struct image *m, int64_t off, const void *p, int64_t n)
{
    image_need(m, off + n);
    if (off + n > m->n)
        m->n = off + n;
    memcpy(m->p + off, p, (size_t)n);
}

static void image_truncate(struct image *m, int64_t n)
{
    image_need(m, n);
    if (n < m->n)
        memset(m->p + n, 0, (size_t)(m->n - n));
    m->n = n;
}

static void image_copy(struct image *to, const struct image *from)
{
    image_truncate(to, 0);
    if (from->n)
        image_write(to, 0, from->p, from->n);
}

static void pend(struct file *f, int64_t off, const void *p, int64_t n)
{
    struct pending *w = malloc(sizeof *w + (size_t)(off < 0 ? 0 : n));

    if (!w)
        abort();
    w->next = NULL;
    w->off = off;
    w->n = n;
    if (off >= 0)
        memcpy(w->data, p, (size_t)n);
    *f->last = w;
    f->last = &w->next;
}

static void play(struct file *f, const struct pending *w, int64_t n)
{
    if (w->off < 0)
        image_truncate(&f->safe, w->n);
    else
        image_write(&f->safe, w->off, w->data, n);
}

static void drop_pending(struct file *f)
{
    while (f->first) {
        struct pending *w = f->first;
        f->first = w->next;
        free(w);
    }
    f->last = &f->first;
}

static size_t count_pending(const struct file *f)
{
    size_t n = 0;

    for (const struct pending *w = f->first; w; w = w->next)
        n++;
    return n;
}

/* The first n writes become safe. */
static void sync_file(struct file *f, size_t n)
{
    while (n--) {
        struct pending *w = f->first;
        play(f, w, w->n);
        f->first = w->next;
        if (!f->first)
            f->last = &f->first;
        free(w);
    }
}

static struct file *find(const char *name, bool create)
{
    const char *slash = strrchr(name, '/');

    name = slash ? slash + 1 : name;
    for (struct file *f = files; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    if (!create)
        return NULL;
    struct file *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    snprintf(f->name, sizeof f->name, "%s", name);
    f->last = &f->first;
    f->next = files;
    files = f;
    return f;
}

/* ---- what happens to the whole disk ------------------------------------------------------- */

static int x_unlock(sqlite3_file *, int);
static int x_shm_unmap(sqlite3_file *, int);

/* Memory that was shared is left where it is: connections that are gone for good still point at it.
 */
static void let_go(struct handle *h)
{
    struct file *f = h->f;

    x_unlock(&h->base, SQLITE_LOCK_NONE);
    x_shm_unmap(&h->base, 0);
    h->dead = true;
    for (struct handle **at = &f->open; *at; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            break;
        }
    if (!f->open)
        memset(f->shm, 0, sizeof f->shm);
}

void disk_kill(unsigned life)
{
    for (struct file *f = files; f; f = f->next)
        for (struct handle *h = f->open, *next; h; h = next) {
            next = h->next;
            if (h->life == life)
                let_go(h);
        }
}

static void kill_all(void)
{
    for (struct file *f = files; f; f = f->next)
        while (f->open)
            let_go(f->open);
}

/* Kept, torn after some of its sectors, or lost. */
static void decide(struct file *f, const struct pending *w)
{
    uint64_t dice = seed_draw() % 4;

    if (dice == 0) {
        play(f, w, w->n);
    } else if (dice == 1 && w->off >= 0 && w->n > SECTOR) {
        play(f, w, seed_between(1, w->n / SECTOR) * SECTOR);
        tally->writes_torn++;
    } else {
        tally->writes_lost++;
    }
}

void disk_power_cut(void)
{
    kill_all();
    for (struct file *f = files; f; f = f->next) {
        for (struct pending *w = f->first; w; w = w->next)
            decide(f, w);
        drop_pending(f);
        image_copy(&f->seen, &f->safe);
    }
}

void disk_wipe(void)
{
    kill_all();
    for (struct file *f = files; f; f = f->next) {
        drop_pending(f);
        f->exists = false;
        image_truncate(&f->seen, 0);
        image_truncate(&f->safe, 0);
    }
}

void disk_freeze(void)
{
    for (struct file *f = files; f; f = f->next) {
        sync_file(f, count_pending(f));
        image_copy(&f->frozen, &f->seen);
        f->frozen_exists = f->exists;
    }
}

void disk_restore(void)
{
    disk_wipe();
    for (struct file *f = files; f; f = f->next) {
        image_copy(&f->seen, &f->frozen);
        image_copy(&f->safe, &f->frozen);
        f->exists = f->frozen_exists;
    }
}

size_t disk_bytes(void)
{
    size_t n = 0;

    for (struct file *f = files; f; f = f->next)
        n += (size_t)f->seen.n;
    return n;
}

const char *disk_holds(str bytes)
{
    for (struct file *f = files; f; f = f->next)
        if (f->seen.n && memmem(f->seen.p, (size_t)f->seen.n, bytes.p, bytes.n))
            return f->name;
    return NULL;
}

/* ---- sqlite3_io_methods ------------------------------------------------------------------- */

static int x_close(sqlite3_file *base)
{
    struct handle *h = (struct handle *)base;

    if (dead(h))
        return SQLITE_OK;
    let_go(h);
    if (h->delete_on_close)
        h->f->exists = false;
    return SQLITE_OK;
}

static int x_read(sqlite3_file *base, void *p, int n, sqlite3_int64 off)
{
    struct handle *h = (struct handle *)base;

    if (dead(h) || strikes(climate.read_fails, "a read", h->f))
        return SQLITE_IOERR_READ;
    const struct image *m = &h->f->seen;
    int64_t have = off >= m->n ? 0 : m->n - off < n ? m->n - off : n;
    if (have)
        memcpy(p, m->p + off, (size_t)have);
    memset((char *)p + have, 0, (size_t)(n - have));
    return have == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 off)
{
    struct handle *h = (struct handle *)base;

    if (dead(h) || strikes(climate.write_fails, "a write", h->f))
        return SQLITE_IOERR_WRITE;
    if (climate.full && !held && off + n > h->f->seen.n) {
        mark(MARK_DISK_FULL);
        return SQLITE_FULL;
    }
    only_one_writes(h);
    image_write(&h->f->seen, off, p, n);
    pend(h->f, off, p, n);
    if (!held && fibre_inside() && seed_chance_of(climate.write_slow, 1000))
        fibre_pause(seed_between(0, 2));
    return SQLITE_OK;
}

static int x_truncate(sqlite3_file *base, sqlite3_int64 n)
{
    struct handle *h = (struct handle *)base;

    if (dead(h))
        return SQLITE_IOERR_TRUNCATE;
    image_truncate(&h->f->seen, n);
    pend(h->f, -1, NULL, n);
    return SQLITE_OK;
}

/* As Linux does when a sync has failed: what was written can be read as before, counts as written,
 * and no later sync writes it. */
static void forget_dirty(struct file *f)
{
    struct pending *w = f->first;

    f->first = NULL;
    f->last = &f->first;
    for (struct pending *next; w; w = next) {
        next = w->next;
        w->next = NULL;
        if (w->off >= 0) {
            free(w);
            continue;
        }
        *f->last = w;
        f->last = &w->next;
    }
}

/* What is written while the disk is busy with the sync is not part of it. A sync that fails has
 * made nothing safe, and nobody knows what another one will. */
static int x_sync(sqlite3_file *base, int flags)
{
    struct handle *h = (struct handle *)base;
    struct file *f = h->f;

    (void)flags;
    if (dead(h))
        return SQLITE_IOERR_FSYNC;
    if (strikes(climate.sync_fails, "a sync", f)) {
        if (seed_chance(50))
            forget_dirty(f);
        return SQLITE_IOERR_FSYNC;
    }
    tally->syncs++;
    size_t n = count_pending(f);
    if (!held && fibre_inside() && climate.sync_ms_max)
        fibre_pause(seed_between(0, climate.sync_ms_max));
    if (dead(h))
        return SQLITE_IOERR_FSYNC;
    sync_file(f, n);
    return SQLITE_OK;
}

static int x_file_size(sqlite3_file *base, sqlite3_int64 *n)
{
    struct handle *h = (struct handle *)base;

    if (dead(h))
        return SQLITE_IOERR_FSTAT;
    *n = h->f->seen.n;
    return SQLITE_OK;
}

static int x_lock(sqlite3_file *base, int want)
{
    struct handle *h = (struct handle *)base;
    struct file *f = h->f;

    if (dead(h))
        return SQLITE_IOERR_LOCK;
    if (want <= h->lock)
        return SQLITE_OK;
    if (want == SQLITE_LOCK_SHARED) {
        if (f->pending_lock || f->exclusive)
            return SQLITE_BUSY;
        f->shared++;
    } else if (want == SQLITE_LOCK_RESERVED) {
        if (f->reserved)
            return SQLITE_BUSY;
        f->reserved = 1;
    } else {
        if (h->lock < SQLITE_LOCK_RESERVED && f->reserved)
            return SQLITE_BUSY;
        f->reserved = f->pending_lock = 1;
        if (f->shared > 1) {
            h->lock = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
        f->exclusive = 1;
    }
    h->lock = want;
    return SQLITE_OK;
}

static int x_unlock(sqlite3_file *base, int to)
{
    struct handle *h = (struct handle *)base;
    struct file *f = h->f;

    if (dead(h))
        return SQLITE_OK;
    if (h->lock > SQLITE_LOCK_SHARED && to <= SQLITE_LOCK_SHARED)
        f->reserved = f->pending_lock = f->exclusive = 0;
    if (h->lock >= SQLITE_LOCK_SHARED && to == SQLITE_LOCK_NONE)
        f->shared--;
    if (to < h->lock)
        h->lock = to;
    return SQLITE_OK;
}

static int x_check_reserved(sqlite3_file *base, int *out)
{
    struct handle *h = (struct handle *)base;

    *out = dead(h) ? 0 : h->f->reserved;
    return SQLITE_OK;
}

static int x_file_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int x_sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR;
}

static int x_characteristics(sqlite3_file *base)
{
    (void)base;
    return 0;
}

static int x_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    struct handle *h = (struct handle *)base;

    *out = NULL;
    if (dead(h))
        return SQLITE_IOERR_SHMMAP;
    assert(region < SHM_REGIONS_MAX);
    if (!h->f->shm[region] && extend)
        h->f->shm[region] = calloc(1, (size_t)size);
    *out = h->f->shm[region];
    return SQLITE_OK;
}

static bool shm_is_free(const struct handle *h, int i, int flags)
{
    const struct file *f = h->f;
    unsigned bit = 1u << i;
    bool others_exclusive = f->shm_excl[i] && !(h->shm_excl & bit);
    bool others_shared = f->shm_shared[i] > (h->shm_shared & bit ? 1 : 0);

    return !others_exclusive && !(flags & SQLITE_SHM_EXCLUSIVE && others_shared);
}

static void shm_take(struct handle *h, int i, int flags)
{
    unsigned bit = 1u << i;

    if (flags & SQLITE_SHM_EXCLUSIVE) {
        h->shm_excl |= bit;
        h->f->shm_excl[i] = true;
    } else if (!(h->shm_shared & bit)) {
        h->shm_shared |= bit;
        h->f->shm_shared[i]++;
    }
}

static void shm_let_go(struct handle *h, int i)
{
    unsigned bit = 1u << i;

    if (h->shm_shared & bit)
        h->f->shm_shared[i]--;
    if (h->shm_excl & bit)
        h->f->shm_excl[i] = false;
    h->shm_shared &= ~bit;
    h->shm_excl &= ~bit;
}

static int x_shm_lock(sqlite3_file *base, int off, int n, int flags)
{
    struct handle *h = (struct handle *)base;

    if (dead(h))
        return flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : SQLITE_IOERR_SHMLOCK;
    for (int i = off; flags & SQLITE_SHM_LOCK && i < off + n; i++)
        if (!shm_is_free(h, i, flags))
            return SQLITE_BUSY;
    for (int i = off; i < off + n; i++) {
        if (flags & SQLITE_SHM_LOCK)
            shm_take(h, i, flags);
        else
            shm_let_go(h, i);
    }
    return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *base)
{
    (void)base;
}

static int x_shm_unmap(sqlite3_file *base, int delete)
{
    (void)delete;
    return x_shm_lock(base, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_file_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_characteristics,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

/* ---- sqlite3_vfs -------------------------------------------------------------------------- */

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *base, int flags, int *out)
{
    static unsigned n_temp;
    char temp[32];
    struct handle *h = (struct handle *)base;

    (void)v;
    if (!name) {
        snprintf(temp, sizeof temp, "temp-%u", n_temp++);
        name = temp;
    }
    struct file *f = find(name, flags & SQLITE_OPEN_CREATE);
    memset(h, 0, sizeof *h);
    if (!f || (!f->exists && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (!f->exists) {
        f->exists = true;
        image_truncate(&f->seen, 0);
        pend(f, -1, NULL, 0);
    }
    h->base.pMethods = &methods;
    h->f = f;
    h->next = f->open;
    h->life = held ? OUTSIDE : fibre_life();
    f->open = h;
    h->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    if (out)
        *out = flags;
    return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
    struct file *f = find(name, false);

    (void)v;
    (void)sync;
    if (!f || !f->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    f->exists = false;
    image_truncate(&f->seen, 0);
    image_truncate(&f->safe, 0);
    drop_pending(f);
    return SQLITE_OK;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
    struct file *f = find(name, false);

    (void)v;
    (void)flags;
    *out = f && f->exists;
    return SQLITE_OK;
}

static int v_full(sqlite3_vfs *v, const char *name, int n, char *out)
{
    (void)v;
    snprintf(out, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int v_random(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    for (int i = 0; i < n; i++)
        out[i] = (char)(seed_draw() >> 24);
    return n;
}

static int v_sleep(sqlite3_vfs *v, int microseconds)
{
    (void)v;
    return microseconds;
}

static int v_time64(sqlite3_vfs *v, sqlite3_int64 *out)
{
    (void)v;
    *out = 210866760000000LL + clock_wall(&sim_clock); /* the Julian day of 1970, in ms */
    return SQLITE_OK;
}

static int v_time(sqlite3_vfs *v, double *out)
{
    sqlite3_int64 t;

    v_time64(v, &t);
    *out = (double)t / 86400000.0;
    return SQLITE_OK;
}

void disk_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = FILE_NAME_MAX - 1,
        .zName = DISK_VFS,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full,
        .xRandomness = v_random,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xCurrentTimeInt64 = v_time64,
    };

    sqlite3_vfs_register(&vfs, 1);
}
