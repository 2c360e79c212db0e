#include "cli/switch/finding.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/datadir.h"
#include "cli/wire.h"
#include "core/environment/seal.h"

struct finding_switch {
    const struct config *c;
    const char *name;
    char *from;
    bool held;
    char unread[ENV_NAME_MAX + 1]; /* the first store that cannot be read, and why; "": none */
    struct error why;
};

struct env_config switch_store_of(const struct config *c, str name)
{
    struct env_config conf = { .found = true };

    snprintf(conf.name, sizeof conf.name, "%.*s", STR_ARG(name));
    for (size_t i = 0; i < c->n_envs; i++)
        if (str_eqz(name, c->env[i].name)) {
            conf.values.text[SET_SCHEMA] = c->env[i].values.text[SET_SCHEMA];
            conf.values.origin[SET_SCHEMA] = c->env[i].values.origin[SET_SCHEMA];
        }
    return conf;
}

static void look_at_store(void *ctx, str name)
{
    struct finding_switch *f = ctx;
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error why = { 0 };
    struct seal seal = { 0 };

    if (name.n > ENV_NAME_MAX || str_eqz(name, f->name) || f->from[0])
        return;
    struct env_config conf = switch_store_of(f->c, name);
    enum status st = wire_open(&w, f->c, &conf, WIRE_LOOK, &why);
    if (st == ST_OK)
        st = seal_read(&w.env, &seal, &why);
    if (st == ST_OK && strcmp(seal.target, f->name) == 0) {
        snprintf(f->from, ENV_NAME_MAX + 1, "%s", conf.name);
        f->held = seal.held;
    }
    if (st == ST_OK || st == ST_NONE || why.foreign || f->unread[0])
        return;
    snprintf(f->unread, sizeof f->unread, "%s", conf.name);
    f->why = why;
}

/* On SQLite every switch is made with the lock of this directory, whose file stays. */
static bool was_ever_switched(const struct config *c)
{
    char path[DATA_PATH_MAX];

    datadir_switch_path(c->data_dir, ".lock", path);
    return c->pg_url || access(path, F_OK) == 0 || errno != ENOENT;
}

static enum status nobody_can_tell(const struct finding_switch *f, struct error *e)
{
    return fail(e, f->why.status,
                "Nobody can tell whether a switch to %s is under way, for the store of %s cannot "
                "be read (%s). %s is not worked for until that is mended, or %s.",
                f->name, f->unread, f->why.text, f->name,
                f->c->pg_url ? "taken out of the configuration"
                             : "its file is moved out of the data directory");
}

static enum status look_at_all(struct finding_switch *f, struct error *e)
{
    f->from[0] = '\0';
    for (size_t i = 0; i < f->c->n_envs; i++)
        look_at_store(f, str_of(f->c->env[i].name));
    return f->c->pg_url ? ST_OK : datadir_stores(f->c->data_dir, look_at_store, f, e);
}

static enum status find_switch(struct finding_switch *f, struct error *e)
{
    enum status st = look_at_all(f, e);

    if (f->from[0] || !was_ever_switched(f->c)) {
        error_clear(e);
        return ST_OK;
    }
    return st == ST_OK && f->unread[0] ? nobody_can_tell(f, e) : st;
}

enum status switch_from(const struct config *c, const char *name, char from[ENV_NAME_MAX + 1],
                        struct error *e)
{
    struct finding_switch f = { .c = c, .name = name, .from = from };

    return find_switch(&f, e);
}

bool switch_rests(const struct config *c, const char *name)
{
    char from[ENV_NAME_MAX + 1];
    struct finding_switch f = { .c = c, .name = name, .from = from };
    struct error ignored = { 0 };
    int lock = -1;

    if (find_switch(&f, &ignored) != ST_OK || !from[0] || f.held ||
        wire_switch_lock(c, &lock, &ignored) != ST_OK)
        return false;
    wire_switch_unlock(lock);
    return true;
}

enum status switch_may_be_first(const struct config *c, const char *name, struct error *e)
{
    char from[ENV_NAME_MAX + 1];
    struct finding_switch f = { .c = c, .name = name, .from = from };
    enum status st = was_ever_switched(c) ? ST_OK : look_at_all(&f, e);

    if (st != ST_OK || !f.unread[0])
        return st;
    return fail(e, f.why.status,
                "The store of %s cannot be read (%s). Behind a switch nobody could tell whether "
                "another one is under way from there, and nothing would be worked for. Nothing was "
                "begun. Mend it, or move its file out of the data directory.",
                f.unread, f.why.text);
}

struct asking {
    const struct config *c;
    const struct switch_elsewhere *d;
    bool found;
};

static void look_whether_it_asks(void *ctx, str name)
{
    struct asking *k = ctx;
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error ignored = { 0 };
    struct seal seal = { 0 };

    if (name.n > ENV_NAME_MAX || k->found || k->d->has_store(k->d->ctx, name))
        return;
    struct env_config conf = switch_store_of(k->c, name);
    if (wire_open(&w, k->c, &conf, WIRE_LOOK, &ignored) == ST_OK &&
        seal_read(&w.env, &seal, &ignored) == ST_OK && seal.target[0])
        k->found = k->d->works_for(k->d->ctx, seal.target);
}

bool switch_asks(const struct config *c, const struct switch_elsewhere *d)
{
    struct asking k = { .c = c, .d = d };
    struct error ignored = { 0 };

    if (!was_ever_switched(c))
        return false;
    for (size_t i = 0; i < c->n_envs; i++)
        look_whether_it_asks(&k, str_of(c->env[i].name));
    if (!c->pg_url)
        (void)!datadir_stores(c->data_dir, look_whether_it_asks, &k, &ignored);
    return k.found;
}
