#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/doctor/door.h"
#include "cli/doctor/findings.h"
#include "cli/local.h"
#include "net/http.h"

enum {
    SPACE_LITTLE_MIB = 1024,
    SPACE_NONE_MIB = 100,
    TOKEN_BYTES_LITTLE = 16, /* fewer can be guessed */
    FILES_LITTLE = 1024,     /* descriptors: connections, stores, the log */
    PATH_BYTES_MAX = DATA_PATH_MAX + 256,
    OWNER_MAX = 24, /* two numbers of 32 bits */
};

/* --- the configuration --------------------------------------------------------------------- */

static void check_file(struct doctor *d)
{
    const struct config *c = &d->cli->config;
    char owner[OWNER_MAX];
    struct stat about;

    looked(d);
    if (c->pointed_open[0])
        found(d, FOUND_SECRET_FILE_READABLE, c->pointed_open,
              "%s holds a secret and may be read by others than its owner", c->pointed_open);
    if (!c->path[0] || stat(c->path, &about) != 0)
        return;
    if (c->holds_secrets && c->path_is_open)
        found(d, FOUND_CONFIG_READABLE, c->path,
              "%s holds secrets and may be read by others than its owner", c->path);
    else if (about.st_mode & 022)
        found(d, FOUND_CONFIG_WRITABLE, c->path,
              "%s may be written by others, who so decide whose key is used", c->path);
    looked(d);
    snprintf(owner, sizeof owner, "%u", geteuid());
    d->owner = owner;
    if (about.st_uid != geteuid() && about.st_uid != 0)
        found(d, FOUND_CONFIG_OWNER, c->path,
              "%s belongs to user %u, who may write it: neither you (%u) nor root", c->path,
              about.st_uid, geteuid());
    d->owner = NULL;
    looked(d);
    if (c->stripe_variables_unused)
        found(d, FOUND_VARIABLES_UNUSED, NULL,
              "STRIPE_... variables are set, but %s has several environments: they count for none",
              c->path);
    looked(d);
    if (c->overridden)
        found(d, FOUND_VARIABLE_WINS, NULL, "%s in %s does not count: a variable wins over it",
              c->overridden, c->path);
}

/* Of a setting's two variables the first one that is set counts. */
static void check_key_variables(struct doctor *d)
{
    const char *key = getenv("STRIPE_SECRET_KEY"), *other = getenv("STRIPE_API_KEY");

    looked(d);
    if (key && other && *key && *other && strcmp(key, other) != 0)
        found(d, FOUND_KEY_TWICE, NULL,
              "STRIPE_SECRET_KEY and STRIPE_API_KEY are different keys; the first one counts");
}

static void check_token(struct doctor *d)
{
    const struct secret *token = &d->cli->config.token;

    looked(d);
    if (!secret_is_empty(token) && token->n < TOKEN_BYTES_LITTLE)
        found(d, FOUND_TOKEN_WEAK, NULL, "the API's token has fewer than %d characters",
              TOKEN_BYTES_LITTLE);
}

/* --- the address --------------------------------------------------------------------------- */

/* Whoever listens there is ours if it answers as our daemons do. */
static void check_taken(struct doctor *d, str listen)
{
    BUF(body, DOOR_ANSWER_BYTES_MAX);
    struct error why = { 0 };
    int status = 0;
    enum status st = door_get(&d->cli->config, "/livez", &status, &body, &why);

    looked(d);
    if (st == ST_RETRY ||
        (st == ST_OK && (status != 200 || !str_starts(buf_str(&body), S("{\"status\":\"ok\"}")))))
        found(d, FOUND_LISTEN_TAKEN, NULL,
              "what listens at %.*s is no Brindle: the daemon cannot start there", STR_ARG(listen));
}

static void check_listen(struct doctor *d)
{
    struct http_address address;
    struct error why = { 0 };
    str listen = config_text(&d->cli->config.values, SET_LISTEN);

    looked(d);
    if (http_address_parse(listen, &address, &why) != ST_OK) {
        found(d, FOUND_LISTEN, NULL, "%s", why.text);
        return;
    }
    if (!address.loopback)
        found(d, FOUND_LISTEN_OPEN, NULL, "%.*s can be reached from outside, in plain HTTP",
              STR_ARG(listen));
    if (address.port)
        check_taken(d, listen);
}

/* --- the data directory -------------------------------------------------------------------- */

/* Numbers of statfs(2). SQLite's locks cannot be trusted on these. */
static const char *network_name(long type)
{
    static const struct {
        unsigned long type;
        const char *name;
    } known[] = { { 0x6969, "NFS" },        { 0x517b, "SMB" },     { 0xff534d42, "CIFS" },
                  { 0xfe534d42, "SMB2" },   { 0x01021997, "9p" },  { 0x00c36400, "Ceph" },
                  { 0x0bd00bd0, "Lustre" }, { 0x5346414f, "AFS" }, { 0x01161970, "GFS2" },
                  { 0x7461636f, "OCFS2" } };

    for (size_t i = 0; i < COUNT(known); i++)
        if (((unsigned long)type & 0xffffffff) == known[i].type)
            return known[i].name;
    return NULL;
}

/* What is gone with the machine, or with its container. */
static const char *passing_name(long type)
{
    switch ((unsigned long)type & 0xffffffff) {
    case 0x01021994: return "tmpfs, in memory";
    case 0x858458f6: return "ramfs, in memory";
    case 0x794c7630: return "an overlay, a container's own files";
    }
    return NULL;
}

static void check_disk(struct doctor *d, const char *dir)
{
    struct statvfs space;
    struct statfs fs = { .f_type = 0 };

    looked(d);
    if (statfs(dir, &fs) == 0 && network_name((long)fs.f_type))
        found(d, FOUND_DISK_NETWORK, NULL,
              "%s lies on %s; SQLite needs a local file system, or it may be damaged", dir,
              network_name((long)fs.f_type));
    else if (fs.f_type && passing_name((long)fs.f_type))
        found(d, FOUND_DISK_PASSING, NULL, "%s lies on %s: the mirror is gone with it", dir,
              passing_name((long)fs.f_type));
    looked(d);
    if (statvfs(dir, &space) != 0)
        return;
    unsigned long long mib =
        (unsigned long long)space.f_bavail * (unsigned long long)space.f_frsize >> 20;
    if (mib < SPACE_LITTLE_MIB)
        found(d, mib < SPACE_NONE_MIB ? FOUND_DISK_FULL : FOUND_DISK_LITTLE, NULL,
              "only %llu MiB are free in %s; when it is full, webhooks are answered 503", mib, dir);
}

/* After `sudo brindle sync` root owns what the daemon must write. */
static void check_owners(struct doctor *d, const char *dir, const struct stat *of_dir)
{
    char path[PATH_BYTES_MAX], owner[OWNER_MAX];
    struct stat about;
    DIR *list = opendir(dir);

    looked(d);
    if (!list)
        return;
    for (const struct dirent *entry; (entry = readdir(list));) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof path || strcmp(entry->d_name, "..") == 0 ||
            lstat(path, &about) != 0 || about.st_uid == of_dir->st_uid)
            continue;
        snprintf(owner, sizeof owner, "%u:%u", of_dir->st_uid, of_dir->st_gid);
        d->owner = owner;
        found(d, FOUND_DATA_FILES_OWNER, dir,
              "%s belongs to user %u, its directory to user %u: a daemon of either cannot use both",
              path, about.st_uid, of_dir->st_uid);
        d->owner = NULL;
        break;
    }
    closedir(list);
}

static void check_token_file(struct doctor *d, const char *dir)
{
    char token[DATA_PATH_MAX + 8];
    struct stat about;

    looked(d);
    snprintf(token, sizeof token, "%s/token", dir);
    bool there = stat(token, &about) == 0;
    if (there && (about.st_mode & 077))
        found(d, FOUND_TOKEN_READABLE, token,
              "%s may be read by others than its owner: brindle serve does not start", token);
    else if (there && S_ISREG(about.st_mode) && about.st_size == 0)
        found(d, FOUND_TOKEN_EMPTY, token, "%s is empty: brindle serve does not start", token);
}

static void check_data_dir(struct doctor *d)
{
    const char *dir = d->cli->config.data_dir;
    struct stat about;

    looked(d);
    if (stat(dir, &about) != 0) {
        if (errno != ENOENT)
            found(d, FOUND_DATA_DIR, NULL, "the data directory %s: %s", dir, strerror(errno));
        return; /* made at the first start */
    }
    if (!S_ISDIR(about.st_mode)) {
        found(d, FOUND_DATA_DIR, NULL, "the data directory %s is no directory", dir);
        return;
    }
    if (about.st_mode & 077)
        found(d, FOUND_DATA_READABLE, dir, "%s may be read by others than its owner", dir);
    if (about.st_uid != geteuid() && geteuid() != 0)
        found(d, FOUND_DATA_OWNER, NULL, "%s belongs to user %u, and you are %u", dir, about.st_uid,
              geteuid());
    check_token_file(d, dir);
    if (d->cli->config.pg_url) /* nothing but the token lies there */
        return;
    check_owners(d, dir, &about);
    check_disk(d, dir);
}

/* --- what the process is given ------------------------------------------------------------- */

static void check_limits(struct doctor *d)
{
    struct rlimit files;

    looked(d);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max < FILES_LITTLE)
        found(d, FOUND_FILES_LIMIT, NULL,
              "at most %llu files and connections may be open at a time (ulimit -n)",
              (unsigned long long)files.rlim_max);
}

static bool is_exempt(const char *variable)
{
    const char *hosts = getenv(variable);

    return hosts && (strcmp(hosts, "*") == 0 || strstr(hosts, "stripe.com"));
}

/* libcurl heeds these for https; an address of this machine is asked without. */
static void check_proxy(struct doctor *d)
{
    static const char *const name[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

    looked(d);
    if (is_exempt("no_proxy") || is_exempt("NO_PROXY"))
        return;
    for (size_t i = 0; i < COUNT(name); i++) {
        const char *value = getenv(name[i]);
        if (!value || !*value)
            continue;
        found(d, FOUND_PROXY, NULL, "requests to Stripe go through the proxy that %s names",
              name[i]);
        return;
    }
}

static bool asks_outside(const struct config *c)
{
    for (size_t i = 0; i < c->n_envs; i++)
        if (!c->env[i].found && !wire_is_loopback(config_text(&c->env[i].values, SET_API_BASE)))
            return true;
    return false;
}

void doctor_machine(struct doctor *d)
{
    const struct config *c = &d->cli->config;

    looked(d);
    if (c->n_envs == 0)
        found(d, FOUND_NO_ENVIRONMENT, NULL, "no environment is configured, and no store is in %s",
              c->data_dir);
    check_file(d);
    check_key_variables(d);
    check_token(d);
    check_listen(d);
    check_data_dir(d);
    check_limits(d);
    if (asks_outside(c))
        check_proxy(d);
}
