#include "backend/lock_file.h"

#include "base/plant.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { PID_TEXT_MAX = 24 };

/* The holder writes its pid behind its lock, so for a moment there may be none, or an old one. */
static int holder(int fd)
{
    char text[PID_TEXT_MAX];
    int64_t pid = 0;

    ssize_t n = pread(fd, text, sizeof text, 0);
    if (n <= 0 || !str_to_int(str_trim((str){ text, (size_t)n }), &pid) || pid < 0 || pid > INT_MAX)
        return 0;
    return (int)pid;
}

static enum status refuse_second(int fd, const char *path, struct error *e)
{
    int pid = holder(fd);

    if (pid)
        return fail(e, ST_CONFLICT,
                    "%s: process %d has it open for writing; let that process do it, or stop it",
                    path, pid);
    return fail(e, ST_CONFLICT,
                "%s: another process has it open for writing; let that process do it, or stop it",
                path);
}

static enum status write_pid(int fd, const char *name, struct error *e)
{
    char text[PID_TEXT_MAX];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
        return fail(e, ST_LIMIT, "%s: cannot be written: %s", name, strerror(errno));
    return ST_OK;
}

enum status lock_file_take(const char *path, int *fd, struct error *e)
{
    char name[PATH_MAX];

    int n = snprintf(name, sizeof name, "%s.lock", path);
    if (n < 0 || (size_t)n >= sizeof name)
        return fail(e, ST_INVALID, "%s: the path is too long", path);
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return fail(e, ST_REFUSED, "%s: cannot be opened: %s", name, strerror(errno));
    enum status st = ST_OK;
    if (flock(lock, LOCK_EX | LOCK_NB) && !planted(PLANT_LOCK_FORGOTTEN))
        st = errno == EWOULDBLOCK
                 ? refuse_second(lock, path, e)
                 : fail(e, ST_REFUSED, "%s: cannot be locked: %s", name, strerror(errno));
    if (st == ST_OK)
        st = write_pid(lock, name, e);
    if (st != ST_OK) {
        close(lock);
        return st;
    }
    *fd = lock;
    return ST_OK;
}

void lock_file_release(int fd)
{
    if (fd >= 0)
        close(
            fd); /* and with it the lock; never unlinked: a name taken away could be locked twice */
}
