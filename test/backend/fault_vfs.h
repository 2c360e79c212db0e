/* fault_vfs.h - a disk that fails when it is told to: a VFS of SQLite over the default one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_NONE,
    FAULT_WRITE,    /* nothing is written, an I/O error */
    FAULT_TORN,     /* half is written, then an I/O error */
    FAULT_FULL,     /* nothing is written: the disk is full */
    FAULT_SYNC,     /* fsync fails */
    FAULT_TRUNCATE, /* a file cannot be cut */
    FAULT_COUNT
};

extern const char *const fault_name[FAULT_COUNT];

/* Registers the VFS "faulty". Syncs are counted and not passed on: no power is cut here. */
void fault_vfs_register(void);
/* The `at`-th call from now on (1: the next) that `fault` is about fails; and all behind it, if
 * `forever`. FAULT_NONE disarms. Counts begin anew. */
void fault_vfs_arm(enum fault fault, int64_t at, bool forever);
bool fault_vfs_struck(void);
/* Since the latest arming. */
int64_t fault_vfs_syncs(void);
int64_t fault_vfs_writes(void);
