#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor/findings.h"
#include "cli/keys.h"
#include "cli/local.h"
#include "cli/switch/finding.h"
#include "core/environment/seal.h"

/* Asks the kernel's list: to try the lock ourselves would keep a daemon out that starts just now.
 */
static bool is_locked(const char *path, int *pid)
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
    while (!locked && fgets(line, sizeof line, list)) {
        locked = strstr(line, "FLOCK") && strstr(line, wanted);
        if (locked && sscanf(line, "%*s FLOCK %*s %*s %d", pid) != 1)
            *pid = 0;
    }
    fclose(list);
    return locked;
}

/* Somebody has the lock, but nobody answers on the socket. */
static bool check_lock(struct doctor *d, const struct wire *w)
{
    char path[DATA_PATH_MAX + 8], process[16];
    int pid = 0;

    looked(d);
    snprintf(path, sizeof path, "%s.lock", w->store_path);
    if (!is_locked(path, &pid) || local_is_served(&d->cli->config, w->conf->name))
        return false;
    snprintf(process, sizeof process, "%d", pid);
    found(d, FOUND_LOCK_HELD, process, "process %d has %s open for writing, but does not answer",
          pid, w->store_path);
    return true;
}

/* False: it is another one's. */
static bool check_mode_of_key(struct doctor *d, const struct wire *w)
{
    enum key_kind kind = key_judge(&w->conf->secret_key, NULL);

    looked(d);
    if ((kind != KEY_LIVE || w->env.identity.livemode) &&
        (kind != KEY_TEST || !w->env.identity.livemode))
        return true;
    found(d, FOUND_KEY_OTHER_MODE, NULL,
          "the key is a %s key, but this store belongs to %s in %s mode",
          mode_name(kind == KEY_LIVE), w->env.identity.account,
          mode_name(w->env.identity.livemode));
    return false;
}

/* True: the environment is not worked for, and that is told. */
static bool check_seal(struct doctor *d, struct wire *w)
{
    char from[ENV_NAME_MAX + 1] = "";
    struct error why = { 0 };
    struct seal seal = { 0 };

    looked(d);
    enum status st = seal_read(&w->env, &seal, &why);
    if (st == ST_OK && !seal.target[0] && !seal.sealed_for[0])
        st = switch_from(&d->cli->config, w->conf->name, from, &why);
    if (st != ST_OK) {
        found(d, FOUND_STORE_UNUSABLE, NULL, "%s", why.text);
        return true;
    }
    if (seal.target[0])
        found(d, FOUND_SWITCH_UNFINISHED, seal.target, "a switch from here to %s is under way",
              seal.target);
    else if (from[0])
        found(d, FOUND_SWITCH_UNFINISHED, w->conf->name, "a switch from %s to here is under way",
              from);
    else if (seal.sealed_for[0])
        found(d, FOUND_ENVIRONMENT_SEALED, NULL, "%s took over: what is here can be read",
              seal.sealed_for);
    return seal.target[0] || from[0] || seal.sealed_for[0];
}

static void tell_unopened(struct doctor *d, const struct wire *w, enum status st, const char *why)
{
    if (st == ST_INVALID)
        found(d, FOUND_SETTING, NULL, "%s", why);
    else if (st == ST_BROKEN)
        found(d, FOUND_STORE_DAMAGED, w->store_path,
              "%s; a new store is filled from Stripe, but for erasures, users' bindings and "
              "operations: a backup has them, where there is one",
              why);
    else
        found(d, FOUND_STORE_UNUSABLE, NULL, "%s", why);
}

bool doctor_store(struct doctor *d, const struct env_config *conf)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error why = { 0 };

    looked(d);
    enum status st = wire_open(&w, &d->cli->config, conf, WIRE_READ, &why);
    if (st == ST_NONE) /* made at the first start */
        return true;
    if (st != ST_OK) {
        tell_unopened(d, &w, st, why.text);
        return st != ST_INVALID;
    }
    if (!conf->found && !check_mode_of_key(d, &w))
        return false;
    bool locked = !w.on_pg && check_lock(d, &w);
    if (check_seal(d, &w))
        return true;
    if (!locked && !conf->found)
        doctor_daemon(d, &w);
    doctor_work(d, &w);
    return true;
}
