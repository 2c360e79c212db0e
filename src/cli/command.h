/* command.h - what every command is given, and how it reads its flags.
 *
 * A command is a line in the table of main.c: name, what it does, its help, its function. Data goes
 * to stdout, talk to stderr. */
#pragma once

#include "cli/config.h"

/* Scripts rely on these numbers: none ever changes its meaning. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_FOUND = 3,    /* differences or leftovers were found */
    EXIT_IDENTITY = 4, /* key, permission or identity */
    EXIT_CONFLICT = 5, /* the plan is stale, or somebody else is in the way */
    EXIT_AWAY = 6,     /* Stripe cannot be reached or limits us: try again */
    EXIT_DAMAGED = 7,
};

struct cli {
    int argc;            /* of the command alone: its name is argv[0] */
    char **argv;         /* without the flags that every command has */
    const char *program; /* how it was called: "build/brindle" */
    bool json, yes;
    bool begin_anew; /* the process is to be begun anew, with the arguments that it was given */
    const char *env_name; /* --env; NULL: the only one */
    const char *account;  /* --account: a connected one; NULL: the environment's own */
    struct config_flags flags;
    struct config config; /* after cli_load */
};

struct command {
    const char *name;
    const char *summary; /* half a line, for the list of commands */
    const char *help;    /* fits a screen, with one example */
    enum status (*run)(struct cli *cli, struct error *e);
    bool accounts; /* takes --account */
};

extern const struct command command_table[];
extern const size_t command_count;

/* A command's own flags: `--name`, `--name VALUE` or `--name=VALUE`. */
enum flag_kind { FLAG_SWITCH, FLAG_TEXT, FLAG_NUMBER, FLAG_LIST };
enum { FLAG_LIST_MAX = 32 };
struct flag_list {
    const char *item[FLAG_LIST_MAX];
    size_t n;
};
struct flag {
    const char *name; /* without the dashes */
    enum flag_kind kind;
    union {
        bool *on;
        const char **text;
        int64_t *number;        /* 0 or greater */
        struct flag_list *list; /* given several times */
    } to;
};

enum { WORDS_MAX = 64, FILTERS_MAX = 8 };

/* What is no flag. `filter` takes `--field=value` of unknown names where a command wants them. */
struct words {
    const char *word[WORDS_MAX];
    size_t n_words;
    bool wants_filters;
    const char *filter[FILTERS_MAX]; /* "status=active" */
    size_t n_filters;
};

/* ST_INVALID: an unknown flag (the nearest is named), a missing value, too many words. */
enum status flags_read(const struct cli *cli, const struct flag *flag, size_t n,
                       struct words *words, struct error *e) MUST_USE;
/* ST_INVALID unless `least` to `most` words were given. */
enum status words_check(const struct cli *cli, const struct words *words, size_t least, size_t most,
                        struct error *e) MUST_USE;

/* Reads the configuration. */
enum status cli_load(struct cli *cli, struct error *e) MUST_USE;

/* Takes out of argv what every command knows: --config, --env, --account, --data, --json, --yes. */
enum status cli_global_flags(struct cli *cli, struct error *e) MUST_USE;

/* Which code a command ends with. A disk that failed is no damage: the error says so. */
enum exit_code exit_code_for(enum status st);
enum exit_code exit_code_of(enum status st, const struct error *e);
/* ^C or SIGTERM came; long commands come to an end. */
bool cli_interrupted(void);
/* From here on a signal asks instead of killing: cli_interrupted() is true, and `hook` (may be
 * NULL) is called from the signal handler. The third signal kills. */
void cli_catch_signals(void (*hook)(void *ctx), void *ctx);

/* One function a command. */
#define COMMAND(name) enum status cmd_##name(struct cli *cli, struct error *e);
COMMAND(serve)
COMMAND(demo)
COMMAND(sync)
COMMAND(status)
COMMAND(get)
COMMAND(list)
COMMAND(state)
COMMAND(inbox)
COMMAND(trace)
COMMAND(erase)
COMMAND(schema)
COMMAND(emulate)
COMMAND(check)
COMMAND(refs)
COMMAND(copy)
COMMAND(price)
COMMAND(product)
COMMAND(catalog)
COMMAND(op)
COMMAND(doctor)
COMMAND(env)
COMMAND(help)
COMMAND(version)
#undef COMMAND

/* What a command found, when "found" is not "failed": the status is ST_OK and this is the code. */
void cli_exit_with(enum exit_code code);

extern const char help_serve[], help_demo[], help_sync[], help_status[], help_get[], help_list[],
    help_state[], help_inbox[], help_trace[], help_erase[], help_schema[], help_copy[],
    help_emulate[], help_doctor[], help_help[], help_version[];
extern const char help_check[], help_env[], help_refs[], help_price[], help_product[], help_op[],
    help_catalog[];
