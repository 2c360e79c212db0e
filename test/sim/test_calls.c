/* test_calls.c - the n-th system call fails, for every n: a right result or a clean error.
 *
 * SQLite's calls (its own hook) and ours (--wrap) are counted together, by what they do. Whatever
 * was told OK is there after a start; whatever was not can be done again. */
#include "../unit.h"

#include "../core/small_world.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "core/due.h"
#include "core/inbox.h"
#include "core/work.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLS_MAX = 3000, BODY = 512 };

/* What fails, and how. What a failed fsync does to the disk is the simulator's. */
enum kind { OPENS, READS, WRITES, FULL, CUTS, SYNCS, FULL_SYNCS, KINDS };

static const int fault[KINDS] = {
    [OPENS] = EMFILE, [READS] = EIO, [WRITES] = EIO,        [FULL] = ENOSPC,
    [CUTS] = EIO,     [SYNCS] = EIO, [FULL_SYNCS] = ENOSPC,
};

static enum kind armed;
static long left = -1; /* calls until one fails; -1: none will */
static bool struck;

static bool strikes(enum kind k)
{
    bool mine = k == armed || (k == WRITES && armed == FULL) || (k == SYNCS && armed == FULL_SYNCS);

    if (left < 0 || !mine || left-- > 0)
        return false;
    struck = true;
    errno = fault[armed];
    return true;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at);
int __real_ftruncate64(int fd, off_t n);
int __wrap_ftruncate64(int fd, off_t n);

/* SQLite has no hook for these: the program's own names come before libc's. */
int fsync(int fd)
{
    return strikes(SYNCS) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return strikes(SYNCS) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int __wrap_open64(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    return strikes(OPENS) ? -1 : __real_open64(path, flags, mode);
}

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return strikes(WRITES) ? -1 : __real_pwrite64(fd, p, n, at);
}

int __wrap_ftruncate64(int fd, off_t n)
{
    return strikes(CUTS) ? -1 : __real_ftruncate64(fd, n);
}

static int sqlite_open(const char *path, int flags, int mode)
{
    return open(path, flags, mode);
}

static ssize_t sqlite_read(int fd, void *p, size_t n, off_t at)
{
    return strikes(READS) ? -1 : pread(fd, p, n, at);
}

static int hook_sqlite(void **state)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } hook[] = {
        { "open", (sqlite3_syscall_ptr)sqlite_open },
        { "pread", (sqlite3_syscall_ptr)sqlite_read },
        { "pread64", (sqlite3_syscall_ptr)sqlite_read },
        { "pwrite", (sqlite3_syscall_ptr)__wrap_pwrite64 },
        { "pwrite64", (sqlite3_syscall_ptr)__wrap_pwrite64 },
        { "ftruncate", (sqlite3_syscall_ptr)__wrap_ftruncate64 },
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

    (void)state;
    for (size_t i = 0; i < COUNT(hook); i++) /* of pread and pread64 only one may be there */
        (void)vfs->xSetSystemCall(vfs, hook[i].name, hook[i].call);
    return 0;
}

static void arm(enum kind k, long n)
{
    armed = k;
    struck = false;
    left = n;
}

/* What is in memory is not read, and a log is seldom cut. */
static bool may_do_without(enum kind k)
{
    return k == READS || k == CUTS || k == OPENS;
}

static void assert_clean(enum status st, const struct error *e)
{
    left = -1;
    assert_true(st == ST_OK || st == ST_NONE || e->text[0] != '\0');
}

/* What a supervisor does with a process that has ended. */
static void start_again(struct small_world *w)
{
    struct store_sqlite_options o = { .path = w->path,
                                      .sched = w->world.sched,
                                      .clock = w->world.clock };
    struct error e = { 0 };

    w->world.store->ops->close(w->world.store);
    assert_int_equal(store_sqlite_open(&w->world.store, &o, &e), ST_OK);
    assert_int_equal(due_restart(&w->env, &e), ST_OK);
}

static enum status put(struct small_world *w, const char *name, struct error *e)
{
    ARENA(a, 1 << 16);
    struct inbox_result result;
    struct event ev;
    char body[BODY];

    snprintf(body, sizeof body,
             "{\"id\":\"evt_%s\",\"type\":\"product.updated\",\"data\":{\"object\":"
             "{\"id\":\"prod_%s\",\"object\":\"product\"}}}",
             name, name);
    enum status st = event_parse(str_of(body), &ev, &a, e);
    ev.received_at = w->wall;
    return st == ST_OK ? inbox_put_many(&w->env, &ev, 1, &result, e) : st;
}

static int64_t kept(struct small_world *w, const char *name)
{
    char sql[BODY];

    snprintf(sql, sizeof sql,
             "select count(*) from _inbox i join _due d on d.id = i.object_id where i.event = "
             "'evt_%s'",
             name);
    return ask_int(w, sql);
}

static void an_event_is_kept_or_refused_whichever_call_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    for (enum kind k = 0; k < KINDS; k++) {
        long n = 0;
        for (struck = true; struck; n++) {
            struct error e = { 0 };
            char name[32];
            assert_true(n < CALLS_MAX);
            snprintf(name, sizeof name, "%d_%ld", (int)k, n);
            arm(k, n);
            enum status st = put(w, name, &e);
            assert_clean(st, &e);
            start_again(w);
            assert_true(st != ST_OK || kept(w, name) == 1);
            error_clear(&e);
            assert_int_equal(put(w, name, &e), ST_OK);
            assert_int_equal(kept(w, name), 1);
        }
        assert_true(n > 1 || may_do_without(k));
    }
    small_world_free(w);
}

static void work_is_done_after_a_start_whichever_call_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    char path[64], answer[BODY], sql[BODY], name[32];

    script(w, "", 200, answer);
    for (enum kind k = 0; k < KINDS; k++) {
        long n = 0;
        for (struck = true; struck; n++) {
            struct work_report report;
            struct error e = { 0 };
            assert_true(n < CALLS_MAX);
            snprintf(name, sizeof name, "%d_%ld", (int)k, n);
            snprintf(path, sizeof path, "/v1/products/prod_%s", name);
            snprintf(answer, sizeof answer, "{\"id\":\"prod_%s\",\"object\":\"product\"}", name);
            *script_last(w) = (struct scripted){ .path = path, .http_status = 200, .body = answer };
            assert_int_equal(put(w, name, &e), ST_OK);
            w->n_asked = 0;
            arm(k, n);
            enum status st = work_one(&w->env, &report, &e);
            assert_clean(st, &e);
            start_again(w);
            pass(w, w->env.set.lease_ms + w->env.set.backoff_ms_max);
            work_off(w);
            snprintf(sql, sizeof sql, "select count(*) from products where id = 'prod_%s'", name);
            assert_int_equal(ask_int(w, sql), 1);
        }
        assert_true(n > 1 || may_do_without(k));
    }
    small_world_free(w);
}

static void a_store_opens_or_says_why_whichever_call_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct store_sqlite_options o = { .path = w->path,
                                      .sched = w->world.sched,
                                      .clock = w->world.clock };

    w->world.store->ops->close(w->world.store);
    for (enum kind k = 0; k < KINDS; k++) {
        long n = 0;
        for (struck = true; struck; n++) {
            struct error e = { 0 };
            assert_true(n < CALLS_MAX);
            arm(k, n);
            enum status st = store_sqlite_open(&w->world.store, &o, &e);
            assert_clean(st, &e);
            if (st == ST_OK)
                w->world.store->ops->close(w->world.store);
        }
    }
    struct error e = { 0 };
    assert_int_equal(store_sqlite_open(&w->world.store, &o, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _environment"), 1);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_kept_or_refused_whichever_call_fails),
        cmocka_unit_test(work_is_done_after_a_start_whichever_call_fails),
        cmocka_unit_test(a_store_opens_or_says_why_whichever_call_fails),
    };
    return cmocka_run_group_tests(tests, hook_sqlite, NULL);
}
