/* killing.c - put before libc (LD_PRELOAD): the process is killed at the n-th point, n being
 * $KILL_AT. Points are before and after whatever survives a kill: a
 * file that is synced, made, linked, renamed or taken away, a directory that is made, a request to
 * Stripe, a commit of PostgreSQL's. The file $KILL_TOLD gets the name of the call. */
#undef _FILE_OFFSET_BITS /* under both of their names */
#undef _FORTIFY_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long passed;
static atomic_int asked; /* a request is under way: the next bytes that come are its answer */

static long kill_at(void)
{
    const char *text = getenv("KILL_AT");
    return text ? strtol(text, NULL, 10) : 0;
}

static void point(const char *when, const char *name)
{
    char said[64];
    const char *told = getenv("KILL_TOLD");
    int saved = 0;

    if (atomic_fetch_add(&passed, 1) + 1 != kill_at())
        return;
    int n = snprintf(said, sizeof said, "%s %s\n", when, name);
    int fd =
        told ? (int)syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0)
        saved = (int)syscall(SYS_write, fd, said, n);
    (void)saved;
    kill(getpid(), SIGKILL);
}

#define BETWEEN(name, call)    \
    do {                       \
        point("before", name); \
        long r = (call);       \
        point("after", name);  \
        return (int)r;         \
    } while (0)

int fsync(int fd)
{
    BETWEEN("fsync", syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    BETWEEN("fdatasync", syscall(SYS_fdatasync, fd));
}

int mkdir(const char *path, mode_t mode)
{
    if (access(path, F_OK) == 0)
        return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    BETWEEN("mkdir", syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

int link(const char *from, const char *to)
{
    BETWEEN("link", syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char *path)
{
    if (access(path, F_OK))
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    BETWEEN("unlink", syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int rename(const char *from, const char *to)
{
    BETWEEN("rename", syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

static int opened(const char *path, int flags, unsigned mode)
{
    if (!(flags & O_CREAT) || access(path, F_OK) == 0)
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    BETWEEN("open", syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

#define OPEN(name)                              \
    int name(const char *path, int flags, ...); \
    int name(const char *path, int flags, ...)  \
    {                                           \
        va_list ap;                             \
        va_start(ap, flags);                    \
        unsigned mode = va_arg(ap, unsigned);   \
        va_end(ap);                             \
        return opened(path, flags, mode);       \
    }
OPEN(open)
OPEN(open64)

/* A request of HTTP's, or a commit. */
static int matters(const void *p, size_t n)
{
    const char *text = p;

    if (n >= 5 && (!memcmp(text, "GET /", 5) || !memcmp(text, "POST ", 5)))
        return 1;
    for (size_t i = 0; i + 6 <= n; i++)
        if (!strncasecmp(text + i, "commit", 6))
            return 1;
    return 0;
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    int request = matters(p, n);

    if (request)
        point("before", "send");
    ssize_t sent = syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
    if (request && sent > 0) {
        atomic_store(&asked, 1);
        point("after", "send");
    }
    return sent;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    ssize_t got = syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);

    if (got > 0 && atomic_exchange(&asked, 0))
        point("after", "the answer");
    return got;
}
