#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/findings.h"
#include "cli/keys.h"
#include "cli/local.h"
#include "core/status.h"
#include "net/http.h"

enum {
    SPACE_LITTLE_MIB = 1024,
    SPACE_NONE_MIB = 100,
};

/* --- what all environments have in common -------------------------------------------------- */

static void check_file(struct doctor *d)
{
    const struct config *c = &d->cli->config;
    char fix[CONFIG_PATH_MAX + 16];

    looked(d);
    snprintf(fix, sizeof fix, "chmod 600 %s", c->path);
    if (c->path[0] && c->holds_secrets && c->path_is_open)
        found(d, WARNING, "config_readable", fix,
              "%s holds secrets and may be read by others than its owner", c->path);
    if (c->stripe_variables_unused)
        found(d, NOTE, "variables_unused", NULL,
              "STRIPE_… variables are set, but %s has several environments: they count for none",
              c->path);
}

static void check_listen(struct doctor *d)
{
    struct http_address address;
    struct error why = { 0 };
    str listen = config_text(&d->cli->config.values, SET_LISTEN);

    looked(d);
    if (http_address_parse(listen, &address, &why) != ST_OK)
        found(d, ERROR, "listen", "brindle help settings", "%s", why.text);
    else if (!address.loopback)
        found(d, WARNING, "listen_open", "set listen = 127.0.0.1:8420 and a TLS proxy in front",
              "%.*s can be reached from outside, in plain HTTP", STR_ARG(listen));
}

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

static void check_disk(struct doctor *d, const char *dir)
{
    struct statvfs space;
    struct statfs fs;

    looked(d);
    if (statfs(dir, &fs) == 0 && network_name((long)fs.f_type))
        found(d, ERROR, "network_disk", "move the data directory to a local disk",
              "%s lies on %s; SQLite needs a local file system, or it may be damaged", dir,
              network_name((long)fs.f_type));
    looked(d);
    if (statvfs(dir, &space) != 0)
        return;
    unsigned long long mib =
        (unsigned long long)space.f_bavail * (unsigned long long)space.f_frsize >> 20;
    if (mib < SPACE_LITTLE_MIB)
        found(d, mib < SPACE_NONE_MIB ? ERROR : WARNING, "disk_space", "free some space",
              "only %llu MiB are free in %s; when it is full, webhooks are answered 503", mib, dir);
}

static void check_mode(struct doctor *d, const char *path, unsigned wanted, bool may_be_absent)
{
    struct stat about;
    char fix[DATA_PATH_MAX + 32];

    looked(d);
    if (stat(path, &about) != 0) {
        if (errno != ENOENT || !may_be_absent)
            found(d, ERROR, "data_unreadable", NULL, "%s: %s", path, strerror(errno));
        return;
    }
    snprintf(fix, sizeof fix, "chmod %o %s", wanted, path);
    if (about.st_mode & 077)
        found(d, WARNING, "data_readable", fix, "%s may be read by others than its owner", path);
    if (about.st_uid != geteuid() && geteuid() != 0)
        found(d, ERROR, "data_owner", "run brindle as the user who owns the data directory",
              "%s belongs to user %u, and you are %u", path, about.st_uid, geteuid());
}

static void check_data_dir(struct doctor *d)
{
    const char *dir = d->cli->config.data_dir;
    char token[DATA_PATH_MAX + 8];
    struct stat about;

    looked(d);
    if (stat(dir, &about) != 0) {
        if (errno != ENOENT)
            found(d, ERROR, "data_dir", NULL, "the data directory %s: %s", dir, strerror(errno));
        return; /* made at the first start */
    }
    check_mode(d, dir, 0700, false);
    snprintf(token, sizeof token, "%s/token", dir);
    check_mode(d, token, 0600, true);
    check_disk(d, dir);
}

void doctor_machine(struct doctor *d)
{
    looked(d);
    if (d->cli->config.n_envs == 0)
        found(d, ERROR, "no_environment",
              "set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or try `brindle demo`",
              "no environment is configured, and no store is in %s", d->cli->config.data_dir);
    check_file(d);
    check_listen(d);
    check_data_dir(d);
}

/* --- an environment's settings ------------------------------------------------------------- */

static void check_webhook_secrets(struct doctor *d, const struct env_config *conf)
{
    looked(d);
    if (conf->n_webhook_secrets == 0 && config_number(&conf->values, SET_CATCH_UP) > 0)
        found(d, WARNING, "webhook_secret_missing",
              "set STRIPE_WEBHOOK_SECRET to the endpoint's signing secret (whsec_…)",
              "there is no webhook secret: changes are seen when the list of events is read, every "
              "%lld s",
              (long long)config_number(&conf->values, SET_CATCH_UP));
    else if (conf->n_webhook_secrets == 0)
        found(d, ERROR, "webhook_secret_missing",
              "set STRIPE_WEBHOOK_SECRET to the endpoint's signing secret (whsec_…)",
              "there is no webhook secret, so `brindle serve` cannot tell Stripe from others");
    for (size_t i = 0; i < conf->n_webhook_secrets; i++) {
        const struct secret *s = &conf->webhook_secret[i];
        if (secret_is_empty(s))
            found(d, ERROR, "webhook_secret_empty", "remove the empty one",
                  "webhook secret %zu is empty", i + 1);
        else if (webhook_secret_fault(s))
            found(d, ERROR, "webhook_secret_odd",
                  "copy the signing secret of the endpoint, which begins with whsec_",
                  "webhook secret %zu %s", i + 1, webhook_secret_fault(s));
    }
}

static void check_publishable_key(struct doctor *d, const struct env_config *conf)
{
    const char *why = "";
    enum key_kind public = publishable_judge(config_text(&conf->values, SET_PUBLISHABLE_KEY), &why),
                  secret = key_judge(&conf->secret_key, NULL);

    looked(d);
    if (public == KEY_MALFORMED)
        found(d, ERROR, "publishable_key_malformed", "copy the key anew from the Dashboard",
              "publishable_key %s", why);
    else if (public != KEY_NONE && (secret == KEY_TEST || secret == KEY_LIVE) && public != secret)
        found(d, ERROR, "publishable_key_other_mode", "set both keys from the same mode",
              "the secret key is a %s key, the publishable key a %s key",
              secret == KEY_LIVE ? "live" : "test", public == KEY_LIVE ? "live" : "test");
}

void doctor_settings(struct doctor *d, const struct env_config *conf)
{
    const char *why = "";

    looked(d);
    if (conf->found) { /* nobody configured it: its store is merely read */
        if (!conf->demo)
            found(d, WARNING, "key_missing", "set STRIPE_SECRET_KEY, or secret_key in brindle.conf",
                  "there is a store but no key: it can be read, and nothing keeps it up to date");
        return;
    }
    switch (key_judge(&conf->secret_key, &why)) {
    case KEY_NONE:
        found(d, ERROR, "key_missing", "set STRIPE_SECRET_KEY, or secret_key in brindle.conf",
              "there is no key");
        break;
    case KEY_MALFORMED:
        found(d, ERROR, "key_malformed", "copy the key anew from the Dashboard", "the key %s", why);
        break;
    case KEY_TEST:
    case KEY_LIVE: break;
    }
    check_webhook_secrets(d, conf);
    check_publishable_key(d, conf);
    looked(d);
    if (config_number(&conf->values, SET_RATE_LIMIT) == 0 &&
        !wire_is_loopback(config_text(&conf->values, SET_API_BASE)))
        found(d, ERROR, "rate_limit", "remove rate_limit = 0",
              "rate_limit = 0 is taken for an api_base on this machine alone");
}

/* --- its store ----------------------------------------------------------------------------- */

/* Asks the kernel's list: to try the lock ourselves would keep a daemon out that starts just now.
 */
static bool is_locked(const char *path)
{
    char line[256], wanted[32];
    struct stat about;
    bool locked = false;

    if (stat(path, &about) != 0)
        return false;
    snprintf(wanted, sizeof wanted, ":%llu ", (unsigned long long)about.st_ino);
    FILE *list = fopen("/proc/locks", "re");
    if (!list)
        return false;
    while (!locked && fgets(line, sizeof line, list))
        locked = strstr(line, "FLOCK") && strstr(line, wanted);
    fclose(list);
    return locked;
}

/* Somebody has the lock, but nobody answers on the socket. */
static void check_lock(struct doctor *d, const struct wire *w)
{
    char path[DATA_PATH_MAX + 8];

    looked(d);
    snprintf(path, sizeof path, "%s.lock", w->store_path);
    if (is_locked(path) && !local_is_served(&d->cli->config, w->conf->name))
        found(d, WARNING, "lock_held", "wait a moment; else look at that process",
              "the process that %s names has the store open for writing, but does not answer",
              path);
}

static void check_server(struct doctor *d, struct wire *w)
{
    struct error why = { 0 };
    const char *setting = NULL;
    char fix[96];

    looked(d);
    if (wire_unsafe_setting(w, &setting, &why) != ST_OK) {
        found(d, ERROR, "store_unreadable", NULL, "%s", why.text);
        return;
    }
    snprintf(fix, sizeof fix, "alter system set %s = on, then reload the server",
             setting ? setting : "");
    if (setting)
        found(d, ERROR, "server_unsafe", fix,
              "the database server runs with %s=off: after a crash of its machine, webhooks that "
              "were answered 200 may be lost and the database damaged",
              setting);
}

static void check_mode_of_key(struct doctor *d, const struct wire *w)
{
    enum key_kind kind = key_judge(&w->conf->secret_key, NULL);

    looked(d);
    if ((kind == KEY_LIVE && !w->env.identity.livemode) ||
        (kind == KEY_TEST && w->env.identity.livemode))
        found(d, ERROR, "key_other_mode", "use the right key, or another environment name",
              "the key is a %s key, but this store belongs to %s in %s mode",
              kind == KEY_LIVE ? "live" : "test", w->env.identity.account,
              w->env.identity.livemode ? "live" : "test");
}

static void check_work(struct doctor *d, struct wire *w)
{
    struct mirror_status m;
    struct error why = { 0 };
    bool served = local_is_served(&d->cli->config, w->conf->name);

    looked(d);
    enum status st = status_read(&w->env, &m, &why);
    if (st != ST_OK) {
        found(d, ERROR, "store_unreadable", NULL, "%s", why.text);
        return;
    }
    if (m.dead)
        found(d, WARNING, "dead_work", "brindle inbox dead, then brindle inbox dead --revive",
              "%lld pieces of work used up their attempts; the last error: %s", (long long)m.dead,
              m.last_error);
    if (m.events_quarantined || m.events_conflicting)
        found(d, WARNING, "quarantine", "brindle inbox list --outcome quarantined",
              "%lld events are quarantined and %lld conflict with an earlier one: an endpoint of "
              "another mode or account sends here",
              (long long)m.events_quarantined, (long long)m.events_conflicting);
    if (m.due && !served)
        found(d, WARNING, "nobody_works", config_start_command(w->conf),
              "%lld things are due and no daemon runs", (long long)m.due);
    if (m.never_walked)
        found(d, NOTE, "never_synced", "brindle sync", "no list was walked yet");
}

void doctor_store(struct doctor *d, const struct env_config *conf)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error why = { 0 };

    looked(d);
    enum status st = wire_open(&w, &d->cli->config, conf, WIRE_READ, &why);
    if (st == ST_NONE) /* made at the first start */
        return;
    if (!d->cli->config.pg_url)
        check_lock(d, &w);
    if (st != ST_OK) {
        found(d, ERROR, st == ST_BROKEN ? "store_damaged" : "store_unusable",
              st == ST_BROKEN ? "move the store away and run `brindle sync`: Stripe has it all"
                              : NULL,
              "%s", why.text);
        return;
    }
    check_server(d, &w);
    check_mode_of_key(d, &w);
    check_work(d, &w);
}
