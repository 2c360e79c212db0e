#include <stdio.h>
#include <stdlib.h>

#include "cli/local.h"
#include "cli/output.h"
#include "cli/switch/finding.h"
#include "core/copy.h"

struct showing {
    struct env *to;
    bool draws;
};

static void on_progress(void *ctx, const struct copy_report *r)
{
    const struct showing *s = ctx;

    if (cli_interrupted())
        env_stop(s->to);
    if (!s->draws)
        return;
    fprintf(stderr, "\r\033[K%s: %lld rows", r->table, (long long)r->rows);
}

/* The same configuration with another database. The copy borrows everything else. */
static enum status with_database(const struct config *c, const char *url, struct config *out,
                                 struct error *e)
{
    *out = *c;
    out->arena = (struct arena){ .max = CONFIG_PATH_MAX * 4 };
    return config_set_database(out, url, e);
}

/* The target of a switch: its journal is in the store of where it comes from. */
static enum status must_be_no_target(const struct config *c, const char *name, struct error *e)
{
    char from[ENV_NAME_MAX + 1];

    enum status st = switch_from(c, name, from, e);
    if (st != ST_OK || !from[0])
        return st;
    return fail(e, ST_CONFLICT,
                "A switch from environment %s to %s is under way: finish it (`brindle env switch "
                "%s`), or go back (`brindle env switch %s`), and copy then.",
                from, name, name, from);
}

static enum status copy_between(const struct config *from, const struct config *to,
                                const struct env_config *conf, int64_t *objects, struct error *e)
{
    CLEANUP(wire_close) struct wire old = { 0 };
    CLEANUP(wire_close) struct wire new = { 0 };

    if (!from->pg_url && local_is_served(from, conf->name))
        return fail(e, ST_CONFLICT,
                    "A daemon or command writes the mirror of %s just now: stop it first.",
                    conf->name);
    enum status st = must_be_no_target(from, conf->name, e);
    if (st == ST_OK)
        st = wire_open(&old, from, conf, WIRE_READ, e);
    if (st == ST_OK)
        st = wire_hold(&old, e);
    if (st == ST_OK)
        st = wire_open(&new, to, conf, WIRE_FILL, e);
    if (st != ST_OK)
        return st;
    struct showing s = { &new.env, is_terminal(stderr) };
    st = copy_store(&old.env, &new.env, on_progress, &s, objects, e);
    if (s.draws)
        fprintf(stderr, "\r\033[K");
    return st;
}

enum status cmd_copy(struct cli *cli, struct error *e)
{
    static struct config from, to; /* too large for the stack of a command */
    struct env_config *conf = NULL;
    struct words words = { 0 };
    int64_t objects = 0;

    enum status st = flags_read(cli, NULL, 0, &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 2, 2, e);
    if (st == ST_OK)
        st = cli_load(cli, e);
    if (st == ST_OK)
        st = with_database(&cli->config, words.word[0], &from, e);
    if (st == ST_OK)
        st = with_database(&cli->config, words.word[1], &to, e);
    if (st == ST_OK)
        st = config_env(&from, cli->env_name, &conf, e);
    if (st != ST_OK)
        return st;
    cli_catch_signals(NULL, NULL);
    st = copy_between(&from, &to, conf, &objects, e);
    if (st == ST_OK)
        say("%s: %lld objects copied, and equal on both sides.", conf->name, (long long)objects);
    arena_free(&from.arena);
    arena_free(&to.arena);
    return st;
}
