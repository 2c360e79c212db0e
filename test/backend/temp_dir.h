/* temp_dir.h - a directory for one test, removed with everything in it. */
#pragma once

struct temp_dir {
    char path[64];
};

void temp_dir_make(struct temp_dir *d);
void temp_dir_remove(struct temp_dir *d);
/* "<dir>/<name>" in a buffer that the next call but three overwrites. */
const char *temp_path(const struct temp_dir *d, const char *name);
