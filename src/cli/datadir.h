/* datadir.h - the directory of the mirrors: DIR/NAME.db, DIR/NAME.sock, DIR/token. */
#pragma once

#include "base/secret.h"
#include "world/rng.h"

enum {
    DATA_DIR_BYTES_MAX = 900,
    DATA_PATH_MAX = 1024,
    TOKEN_RANDOM_BYTES = 32,
    TOKEN_LETTERS = 43, /* of base 62: 256 bits */
};

/* Makes it with mode 0700, its parents, too, when they are missing. One that is there is left as it
 * is. ST_REFUSED: it cannot be made, or is no directory. */
enum status datadir_make(const char *dir, struct error *e) MUST_USE;

/* Calls `each` with the name of every store, in the order of their names. A directory that does not
 * exist has none. */
enum status datadir_stores(const char *dir, void (*each)(void *ctx, str name), void *ctx,
                           struct error *e) MUST_USE;

void datadir_store_path(const char *dir, const char *env, char out[DATA_PATH_MAX]);
void datadir_socket_path(const char *dir, const char *env, char out[DATA_PATH_MAX]);
/* What the lock of a switch stands beside; with ".lock", its file. */
void datadir_switch_path(const char *dir, const char *suffix, char out[DATA_PATH_MAX]);

/* Reads DIR/FILE, or makes it of random letters behind `prefix`, mode 0600. `*made` says which. A
 * file that others may read is refused (ST_REFUSED), and so is an empty one. */
enum status datadir_secret(const char *dir, const char *file, const char *prefix, struct rng *rng,
                           struct secret *out, bool *made, struct error *e) MUST_USE;
/* Keeps a secret in DIR/FILE, mode 0600. ST_CONFLICT: there is such a file. ST_REFUSED: it cannot
 * be written. */
enum status datadir_keep(const char *dir, const char *file, const struct secret *s,
                         struct error *e) MUST_USE;
