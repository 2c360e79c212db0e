/* sqlite_watch.h - is the open database still the file that its path names?
 *
 * Who removes or replaces a file that is open takes nothing from the process that has it open:
 * SQLite goes on writing, syncs, and all of it is gone when the process ends. So the writer looks
 * now and then, and trusts no commit to a file that nobody will find again. From any thread. */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "world/clock.h"

enum { WATCH_EVERY_MS = 1000 };

/* Each kind of caller has its own second: readers take no look away from a commit. */
enum watch_turn { WATCH_BEGIN, WATCH_COMMIT, WATCH_TURNS };

struct file_watch {
    const char *path; /* NULL: nothing is watched */
    struct clock *clock;
    dev_t device;
    ino_t inode;
    _Atomic msec looked_at[WATCH_TURNS];
    atomic_bool gone; /* for good: what was written meanwhile is not what a restart finds */
};

/* Remembers the file; `path` must outlive the watch. With NULL, file_is_gone is always false. */
void file_watch_start(struct file_watch *w, const char *path, struct clock *clock);

/* Looks: at every commit, for a 2xx rests on it and a look is nothing beside an fsync; at the
 * beginning of transactions once in WATCH_EVERY_MS. */
bool file_is_gone(struct file_watch *w, enum watch_turn turn);
