#include "cli/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORES_SEEN_MAX = 256 };

/* A name that was put into this directory is on the disk. */
static bool sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return synced;
}

static bool sync_parent(const char *path)
{
    char dir[DATA_PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash)
        return sync_dir(".");
    snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return sync_dir(dir);
}

static enum status make_one(const char *dir, struct error *e)
{
    struct stat about;

    if (mkdir(dir, 0700) == 0)
        return sync_parent(dir) ? ST_OK
                                : fail(e, ST_REFUSED, "The data directory %s cannot be made: %s.",
                                       dir, strerror(errno));
    if (errno == EEXIST && stat(dir, &about) == 0 && S_ISDIR(about.st_mode))
        return ST_OK;
    return fail(e, ST_REFUSED, "The data directory %s cannot be made: %s.", dir,
                errno == EEXIST ? "something that is no directory has that name" : strerror(errno));
}

enum status datadir_make(const char *dir, struct error *e)
{
    char path[DATA_PATH_MAX];
    size_t n = strlen(dir);

    assert(n && n <= DATA_DIR_BYTES_MAX);
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i < n; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        enum status st = make_one(path, e);
        if (st != ST_OK)
            return st;
        path[i] = '/';
    }
    return make_one(path, e);
}

static int is_store(const struct dirent *entry)
{
    str name = str_of(entry->d_name);

    return str_ends(name, S(".db")) && name.n > 3 && name.p[0] != '.';
}

enum status datadir_stores(const char *dir, void (*each)(void *ctx, str name), void *ctx,
                           struct error *e)
{
    struct dirent **entry;
    int n = scandir(dir, &entry, is_store, alphasort);

    if (n < 0 && errno == ENOENT)
        return ST_OK;
    if (n < 0)
        return fail(e, ST_REFUSED, "The data directory %s cannot be read: %s.", dir,
                    strerror(errno));
    for (int i = 0; i < n; i++) {
        str name = str_of(entry[i]->d_name);
        if (i < STORES_SEEN_MAX)
            each(ctx, str_sub(name, 0, name.n - 3));
        free(entry[i]);
    }
    free(entry);
    return ST_OK;
}

static void path_of(const char *dir, const char *env, const char *suffix, char out[DATA_PATH_MAX])
{
    int n = snprintf(out, DATA_PATH_MAX, "%s/%s%s", dir, env, suffix);

    assert(n > 0 && n < DATA_PATH_MAX);
}

void datadir_store_path(const char *dir, const char *env, char out[DATA_PATH_MAX])
{
    path_of(dir, env, ".db", out);
}

void datadir_socket_path(const char *dir, const char *env, char out[DATA_PATH_MAX])
{
    path_of(dir, env, ".sock", out);
}

void datadir_switch_path(const char *dir, const char *suffix, char out[DATA_PATH_MAX])
{
    path_of(dir, "switch", suffix, out);
}

/* --- secrets of our own -------------------------------------------------------------------- */

static enum status read_secret(int fd, const char *path, struct secret *out, struct error *e)
{
    char text[SECRET_BYTES_MAX + 2];
    struct stat about;

    if (fstat(fd, &about) != 0)
        return fail(e, ST_REFUSED, "%s cannot be read: %s.", path, strerror(errno));
    if (about.st_mode & 077)
        return fail(e, ST_REFUSED,
                    "%s may be read by others; run `chmod 600 %s`, or remove it and "
                    "a new one is made.",
                    path, path);
    ssize_t n = read(fd, text, sizeof text);
    str trimmed = n > 0 ? str_trim((str){ text, (size_t)n }) : S("");
    bool good = trimmed.n && (size_t)n < sizeof text && secret_set(out, trimmed);
    explicit_bzero(text, sizeof text);
    if (!good)
        return fail(e, ST_REFUSED,
                    "%s is empty or holds no secret; remove it and a new one is made.", path);
    return ST_OK;
}

/* Long division of the random number by 62, a letter a remainder. */
static void random_letters(struct rng *rng, char *out, size_t n)
{
    static const char letter[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char number[TOKEN_RANDOM_BYTES];

    rng_fill(rng, number, sizeof number);
    for (size_t i = 0; i < n; i++) {
        unsigned rest = 0;
        for (size_t k = 0; k < sizeof number; k++) {
            rest = rest << 8 | number[k];
            number[k] = (unsigned char)(rest / 62);
            rest %= 62;
        }
        out[i] = letter[rest];
    }
    explicit_bzero(number, sizeof number);
}

/* Written beside and linked into its place, so that nobody ever reads half of it. ST_CONFLICT:
 * somebody else was first. */
static enum status write_secret(const char *path, const struct secret *s, struct error *e)
{
    char fresh[DATA_PATH_MAX + 16];
    str text = secret_reveal(s);

    snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, ST_REFUSED, "%s cannot be written: %s.", path, strerror(errno));
    bool kept =
        write(fd, text.p, text.n) == (ssize_t)text.n && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    kept = close(fd) == 0 && kept;
    bool linked = kept && link(fresh, path) == 0;
    int why = errno;
    unlink(fresh);
    if (linked && sync_parent(path))
        return ST_OK;
    if (linked)
        why = errno;
    if (kept && why == EEXIST)
        return ST_CONFLICT;
    return fail(e, ST_REFUSED, "%s cannot be written: %s.", path, strerror(why));
}

enum status datadir_secret(const char *dir, const char *file, const char *prefix, struct rng *rng,
                           struct secret *out, bool *made, struct error *e)
{
    char path[DATA_PATH_MAX], text[64];

    path_of(dir, file, "", path);
    *made = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        enum status st = read_secret(fd, path, out, e);
        close(fd);
        return st;
    }
    if (errno != ENOENT)
        return fail(e, ST_REFUSED, "%s cannot be read: %s.", path, strerror(errno));
    size_t n = (size_t)snprintf(text, sizeof text, "%s", prefix);
    assert(n + TOKEN_LETTERS < sizeof text);
    random_letters(rng, text + n, TOKEN_LETTERS);
    bool set = secret_set(out, (str){ text, n + TOKEN_LETTERS });
    explicit_bzero(text, sizeof text);
    assert(set);
    enum status st = write_secret(path, out, e);
    if (st == ST_CONFLICT) /* another process made one at the same moment: that one counts */
        return datadir_secret(dir, file, prefix, rng, out, made, e);
    *made = st == ST_OK;
    return st;
}

enum status datadir_keep(const char *dir, const char *file, const struct secret *s, struct error *e)
{
    char path[DATA_PATH_MAX];

    path_of(dir, file, "", path);
    enum status st = datadir_make(dir, e);
    if (st == ST_OK)
        st = write_secret(path, s, e);
    return st == ST_CONFLICT ? fail(e, st, "%s is there already.", path) : st;
}
