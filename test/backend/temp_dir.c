#include "temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void temp_dir_make(struct temp_dir *d)
{
    /* In memory where there is such a place: these tests make files by the hundred. */
    const char *base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(d->path, sizeof d->path, "%s/brindle-test-XXXXXX", base);
    if (!mkdtemp(d->path))
        abort();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void temp_dir_remove(struct temp_dir *d)
{
    nftw(d->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_path(const struct temp_dir *d, const char *name)
{
    static _Thread_local char buffer[4][256];
    static _Thread_local unsigned turn;
    char *p = buffer[turn++ % 4];

    snprintf(p, sizeof buffer[0], "%s/%s", d->path, name);
    return p;
}
