/* lock_file.h - keeps a second writing process out of a store.
 *
 * The kernel's lock counts, not the file: it stays when the process has ended, however it ended,
 * and the next one takes it over. Inside is the holder's pid, for people. */
#pragma once

#include "base/base.h"

/* Takes `<path>.lock`; `*fd` holds it until lock_file_release. ST_CONFLICT: another process has
 * it, and the sentence names its pid. ST_REFUSED: the file cannot be made. */
enum status lock_file_take(const char *path, int *fd, struct error *e) MUST_USE;
void lock_file_release(int fd); /* -1 is fine */
