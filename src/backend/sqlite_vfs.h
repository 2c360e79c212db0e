/* sqlite_vfs.h - a VFS of SQLite that writes the write-ahead log in few large pieces.
 *
 * SQLite writes two pieces for each page of its log, and a commit has hundreds of pages: most of
 * what a commit costs are these calls. Here they gather in memory and go to the file as one piece
 * when they are to be synced, or read, or when the memory is full. That is early enough: with
 * synchronous=FULL a commit is seen by others when its part of the log was synced, and by the
 * connection that wrote it. For the writing connection alone, and with no other `synchronous`. */
#pragma once

#include "base/base.h"

/* SQLite's own VFS writes less than 128 KiB at once. */
enum { LOG_PIECE_BYTES = 120 << 10 };

/* The name of such a VFS over `base` (NULL: the default one), which is made at its first use. It is
 * `base` itself when memory has run out or too many have been asked for. From any thread. */
const char *sqlite_vfs_over(const char *base);

/* Writes the log of the database `path` once more, byte for byte, and syncs it; before it is opened
 * for writing. When an fsync has failed, the kernel may hold pages that it believes to be on the
 * disk and that are not: they are read as before, no later fsync writes them, and the next power
 * cut takes them away, in the middle of a log that goes on behind them. Written anew they are as
 * good as any. Nobody else may write; others may read. ST_NONE: there is no log. ST_RETRY: the disk
 * fails again. ST_LIMIT: it is full, or memory has run out. */
enum status sqlite_vfs_renew_log(const char *base, const char *path, struct error *e) MUST_USE;
