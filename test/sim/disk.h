/* disk.h - a disk in memory that can lose its power, fill up and fail, as a VFS of SQLite.
 *
 * What is written is seen at once and is safe only after a sync; a power cut keeps, tears or loses
 * each write that was not synced, by chance. A killed process loses nothing but its locks. Who
 * writes to a file that another life has open breaks a promise. */
#pragma once

#include "base/base.h"

#define DISK_VFS "sim"

struct disk_climate {
    unsigned write_slow;                          /* writes in 1000 in which others run meanwhile */
    msec sync_ms_max;                             /* a sync takes up to so long */
    unsigned read_fails, write_fails, sync_fails; /* in 100000 */
    bool full;                                    /* every write that needs room fails */
};

void disk_register(void);
void disk_set(const struct disk_climate *c);
void disk_power_cut(void);
void disk_kill(unsigned life); /* every handle of this life is dead; what was written stays */
/* The disk's content as it is, to begin other seeds from. */
void disk_freeze(void);  /* keeps a copy */
void disk_restore(void); /* back to the copy */
void disk_wipe(void);    /* empty */
/* While it is held, nobody gives way in here, and nothing fails: the harness looks. */
void disk_hold(bool on);
size_t disk_bytes(void);
const char *disk_holds(str bytes); /* the name of a file that holds them; NULL: none does */
