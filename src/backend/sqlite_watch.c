#include "backend/sqlite_watch.h"

#include <errno.h>
#include <sys/stat.h>

void file_watch_start(struct file_watch *w, const char *path, struct clock *clock)
{
    struct stat file;

    w->path = NULL;
    w->clock = clock;
    atomic_init(&w->gone, false);
    if (!path)
        return;
    msec now = clock_mono(clock);
    for (size_t i = 0; i < WATCH_TURNS; i++)
        atomic_init(&w->looked_at[i], now);
    w->path = path;
    if (stat(path, &file) != 0) { /* between its opening and now */
        atomic_init(&w->gone, true);
        return;
    }
    w->device = file.st_dev;
    w->inode = file.st_ino;
}

/* A path that cannot be looked at says nothing about the file. */
static bool is_another(const struct file_watch *w)
{
    struct stat file;

    if (stat(w->path, &file) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    return file.st_dev != w->device || file.st_ino != w->inode;
}

bool file_is_gone(struct file_watch *w, enum watch_turn turn)
{
    if (!w->path)
        return false;
    if (atomic_load(&w->gone))
        return true;
    msec now = clock_mono(w->clock);
    if (turn == WATCH_BEGIN && now - atomic_load(&w->looked_at[turn]) < WATCH_EVERY_MS)
        return false;
    if (is_another(w))
        atomic_store(&w->gone, true);
    atomic_store(&w->looked_at[turn], now); /* behind the look: nobody relies on half of one */
    return atomic_load(&w->gone);
}
