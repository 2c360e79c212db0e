/* sqlite_vfs.h - a VFS of SQLite that writes the write-ahead log in few large pieces.
 *
 * SQLite writes two pieces for each page of its log, and a commit has hundreds of pages: most of
 * what a commit costs are these calls. Here they gather in memory and go to the file as one piece
 * when they are to be synced, or read, or when the memory is full. That is early enough: with
 * synchronous=FULL a commit is seen by others when its part of the log was synced, and by the
 * connection that wrote it. For the writing connection alone, and with no other `synchronous`. */
#pragma once

/* SQLite's own VFS writes less than 128 KiB at once. */
enum { LOG_PIECE_BYTES = 120 << 10 };

/* The name of such a VFS over `base` (NULL: the default one), which is made at its first use. It is
 * `base` itself when memory has run out or too many have been asked for. From any thread. */
const char *sqlite_vfs_over(const char *base);
