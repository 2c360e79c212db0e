/* store_sqlite.h - the store in one SQLite file, for one writing process.
 *
 * All threads' write transactions run one after the other on one connection, and one fsync commits
 * as many of them as are there (sqlite_writer.h). Readers have connections of their own, which
 * write nothing. A lock file, `<path>.lock`, keeps a second writing process out. */
#pragma once

#include "world/clock.h"
#include "world/sched.h"
#include "world/store.h"

enum {
    STORE_READERS = 4,       /* read transactions at a time, unless `readers_max` says otherwise */
    STORE_BATCH = 64,        /* transactions that one fsync commits, unless `batch_max` does */
    STORE_BATCH_ROWS = 5000, /* changed rows after which no transaction joins a batch */
    STORE_CHECKPOINT = 768,  /* pages of WAL that a checkpoint moves: 6 MiB; likewise */
    STORE_WRITERS_MAX =
        256, /* threads that may write or wait for it at a time; more queue behind */
};

struct store_sqlite_options {
    const char *path; /* in a directory that exists; the file is made, mode 0600 */
    struct sched *sched;
    struct clock *clock;
    const char *vfs; /* a registered VFS of SQLite; NULL: the default one */
    bool read_only;  /* another process may write meanwhile; takes no lock, changes nothing */
    bool older;      /* with read_only: tables of an older version do, for who runs nothing but
                        statements that schema-001 knows */
    bool in_memory;  /* `vfs` is a disk in memory: no lock file, no file mode */
    size_t readers_max, batch_max; /* 0: STORE_READERS, STORE_BATCH */
    int checkpoint_pages;          /* 0: STORE_CHECKPOINT */
};

/* Opens the file, makes or migrates its tables, and prepares every statement.
 * ST_NONE: read_only, and there is no such file or nothing in it yet. ST_CONFLICT: another process
 * has it open for writing. ST_REFUSED: somebody else's database, a newer version of ours, one that
 * read_only would have to migrate, or a file that may not be opened. ST_RETRY: locked by a foreign
 * program, or an I/O error. ST_LIMIT: the disk is full. ST_BROKEN: damaged, or a statement of ours
 * that does not prepare. */
enum status store_sqlite_open(struct store **out, const struct store_sqlite_options *o,
                              struct error *e) MUST_USE;
