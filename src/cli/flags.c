#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/nearest.h"

/* Flags that every command has; main.c takes them out before a command sees its arguments. */
static const char *const common[] = { "config", "env", "account", "data", "json", "yes", "help" };

struct candidates {
    const struct flag *flag;
    size_t n;
};

static const char *candidate(const void *ctx, size_t i)
{
    const struct candidates *c = ctx;

    if (i < c->n)
        return c->flag[i].name;
    return i - c->n < COUNT(common) ? common[i - c->n] : NULL;
}

/* A secret in the arguments would stand in `ps` for everybody: say so instead of "unknown". */
static bool names_a_secret(str name)
{
    char plain[64];
    size_t n = name.n < sizeof plain ? name.n : sizeof plain - 1;

    for (size_t i = 0; i < n; i++)
        plain[i] = name.p[i] == '-' ? '_' : name.p[i];
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        enum setting_type type = setting_table[id].type;
        if ((type == SETTING_SECRET || type == SETTING_SECRETS) &&
            str_eqz((str){ plain, n }, setting_table[id].name))
            return true;
    }
    return str_eqz((str){ plain, n }, "api_key") || str_eqz((str){ plain, n }, "key");
}

static enum status unknown_flag(const struct cli *cli, const struct flag *flag, size_t n, str name,
                                struct error *e)
{
    struct candidates c = { flag, n };
    const char *meant = nearest(name, candidate, &c);

    if (names_a_secret(name))
        return fail(e, ST_INVALID,
                    "Secrets are not taken as arguments, where every user of this machine could "
                    "read them: set the environment variable or brindle.conf (`brindle help "
                    "settings`).");
    return fail(e, ST_INVALID, "`brindle %s` has no flag --%.*s%s%s%s; see `brindle %s --help`.",
                cli->argv[0], STR_ARG(name), meant ? "; did you mean --" : "", meant ? meant : "",
                meant ? "?" : "", cli->argv[0]);
}

static enum status set_flag(const struct cli *cli, const struct flag *f, const char *value,
                            struct error *e)
{
    switch (f->kind) {
    case FLAG_SWITCH: *f->to.on = true; return ST_OK;
    case FLAG_TEXT: *f->to.text = value; return ST_OK;
    case FLAG_NUMBER:
        if (str_to_int(str_of(value), f->to.number) && *f->to.number >= 0)
            return ST_OK;
        return fail(e, ST_INVALID, "--%s of `brindle %s` takes a number, 0 or greater, not \"%s\".",
                    f->name, cli->argv[0], value);
    case FLAG_LIST:
        if (f->to.list->n == FLAG_LIST_MAX)
            return fail(e, ST_INVALID, "--%s can be given %d times.", f->name, FLAG_LIST_MAX);
        f->to.list->item[f->to.list->n++] = value;
        return ST_OK;
    }
    return ST_OK;
}

static const struct flag *flag_named(const struct flag *flag, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqz(name, flag[i].name))
            return &flag[i];
    return NULL;
}

/* argv[*at] is "--name…"; *at moves on when the next argument is its value. */
static enum status read_flag(const struct cli *cli, const struct flag *flag, size_t n,
                             struct words *words, int *at, struct error *e)
{
    const char *arg = cli->argv[*at] + 2;
    str name;
    str value = str_cut(str_of(arg), '=', &name);
    const struct flag *f = flag_named(flag, n, name);

    if (!f && words->wants_filters && value.p) {
        if (words->n_filters == FILTERS_MAX)
            return fail(e, ST_INVALID, "At most %d filters can be given.", FILTERS_MAX);
        words->filter[words->n_filters++] = arg;
        return ST_OK;
    }
    if (!f)
        return unknown_flag(cli, flag, n, name, e);
    if (f->kind == FLAG_SWITCH && value.p)
        return fail(e, ST_INVALID, "--%s of `brindle %s` takes no value.", f->name, cli->argv[0]);
    if (f->kind != FLAG_SWITCH && !value.p) {
        if (*at + 1 >= cli->argc)
            return fail(e, ST_INVALID, "--%s of `brindle %s` needs a value.", f->name,
                        cli->argv[0]);
        value = str_of(cli->argv[++*at]);
    }
    return set_flag(cli, f, value.p, e);
}

enum status flags_read(const struct cli *cli, const struct flag *flag, size_t n,
                       struct words *words, struct error *e)
{
    bool only_words = false;

    for (int i = 1; i < cli->argc; i++) {
        const char *arg = cli->argv[i];
        enum status st = ST_OK;
        if (!only_words && strcmp(arg, "--") == 0)
            only_words = true;
        else if (!only_words && strncmp(arg, "--", 2) == 0)
            st = read_flag(cli, flag, n, words, &i, e);
        else if (!only_words && arg[0] == '-' && arg[1])
            st = unknown_flag(cli, flag, n, str_of(arg + 1), e);
        else if (words->n_words == WORDS_MAX)
            st = fail(e, ST_INVALID, "`brindle %s` takes at most %d arguments.", cli->argv[0],
                      WORDS_MAX);
        else
            words->word[words->n_words++] = arg;
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status words_check(const struct cli *cli, const struct words *words, size_t least, size_t most,
                        struct error *e)
{
    if (words->n_words < least && strcmp(cli->argv[0], "get") == 0)
        return fail(e, ST_INVALID, "brindle get needs an ID: `brindle get cus_…`.");
    if (words->n_words < least)
        return fail(e, ST_INVALID, "`brindle %s` needs an argument more; see `brindle %s --help`.",
                    cli->argv[0], cli->argv[0]);
    if (words->n_words > most)
        return fail(e, ST_INVALID,
                    "`brindle %s` does not know what to do with \"%s\"; see "
                    "`brindle %s --help`.",
                    cli->argv[0], words->word[most], cli->argv[0]);
    return ST_OK;
}

/* --- flags of every command ---------------------------------------------------------------- */

static enum status take_value(struct cli *cli, int *at, str inline_value, const char **to,
                              struct error *e)
{
    const char *name = cli->argv[*at];

    if (inline_value.p) {
        *to = inline_value.p;
        return ST_OK;
    }
    if (*at + 1 >= cli->argc)
        return fail(e, ST_INVALID, "%s needs a value.", name);
    *to = cli->argv[++*at];
    return ST_OK;
}

enum status cli_global_flags(struct cli *cli, struct error *e)
{
    int kept = 0;

    for (int i = 0; i < cli->argc; i++) {
        char *arg = cli->argv[i];
        str name;
        str value = str_cut(str_of(arg), '=', &name);
        enum status st = ST_OK;
        if (strcmp(arg, "--") == 0) {
            while (i < cli->argc)
                cli->argv[kept++] = cli->argv[i++];
            break;
        }
        if (str_eqz(name, "--config"))
            st = take_value(cli, &i, value, &cli->flags.path, e);
        else if (str_eqz(name, "--env"))
            st = take_value(cli, &i, value, &cli->env_name, e);
        else if (str_eqz(name, "--account"))
            st = take_value(cli, &i, value, &cli->account, e);
        else if (str_eqz(name, "--data"))
            st = take_value(cli, &i, value, &cli->flags.data_dir, e);
        else if (strcmp(arg, "--json") == 0)
            cli->json = true;
        else if (strcmp(arg, "--yes") == 0)
            cli->yes = true;
        else
            cli->argv[kept++] = arg;
        if (st != ST_OK)
            return st;
    }
    cli->argc = kept;
    cli->argv[kept] = NULL;
    return ST_OK;
}
