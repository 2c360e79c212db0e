/* strange_disk.c - put before libc (LD_PRELOAD): every file system is of the type $DISK_TYPE (a
 * number of statfs(2)) and has $DISK_FREE_MIB free; what is not set is as it is. */
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long long number(const char *name)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 0) : 0;
}

int statfs(const char *path, struct statfs *out)
{
    int r = (int)syscall(SYS_statfs, path, out);

    if (r == 0 && getenv("DISK_TYPE"))
        out->f_type = (__typeof__(out->f_type))number("DISK_TYPE");
    return r;
}

int statvfs(const char *path, struct statvfs *out)
{
    struct statfs fs;

    memset(out, 0, sizeof *out);
    if (syscall(SYS_statfs, path, &fs) != 0)
        return -1;
    out->f_bsize = out->f_frsize = 1 << 20;
    out->f_bavail =
        (fsblkcnt_t)(getenv("DISK_FREE_MIB")
                         ? number("DISK_FREE_MIB")
                         : (unsigned long long)fs.f_bavail * (unsigned long long)fs.f_bsize >> 20);
    return 0;
}
