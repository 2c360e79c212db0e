/* main.c - finds the command, runs it, says what went wrong, ends with its code. */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/output.h"

enum {
    ARENAS = 2,          /* of malloc's */
    ARGUMENTS_MAX = 256, /* that a daemon which begins anew is given again */
    TRIM_BYTES = 2 << 20,
    MAP_BYTES = 1 << 20,
};

const struct command command_table[] = {
    { "serve", "the daemon: takes webhooks, keeps the mirror", help_serve, cmd_serve, false },
    { "demo", "a Stripe, a shop and a mirror, with nothing to set up", help_demo, cmd_demo, false },
    { "sync", "fill or refresh the mirror from Stripe's API", help_sync, cmd_sync, true },
    { "status", "how fresh, how complete, what is pending or dead", help_status, cmd_status, true },
    { "get", "one object, as Stripe sent it", help_get, cmd_get, true },
    { "list", "objects of a type, one a line", help_list, cmd_list, true },
    { "state", "a customer's subscription state", help_state, cmd_state, true },
    { "inbox", "what webhooks arrived and what became of them", help_inbox, cmd_inbox, true },
    { "trace", "the story of an event or an object", help_trace, cmd_trace, true },
    { "check", "find what is missing or wrong, and mend it", help_check, cmd_check, true },
    { "refs", "what hangs on an object, and what it refers to", help_refs, cmd_refs, true },
    { "erase", "forget a person: a customer and all that hangs on it", help_erase, cmd_erase,
      true },
    { "price", "change prices safely: whole, or not at all", help_price, cmd_price, true },
    { "product", "change products safely", help_product, cmd_product, true },
    { "catalog", "the whole catalogue as a file: export, plan, apply, promote", help_catalog,
      cmd_catalog, true },
    { "op", "operations: how they go; resume or abort one", help_op, cmd_op, true },
    { "schema", "the views of the mirror, their columns and indexes", help_schema, cmd_schema,
      false },
    { "copy", "move a mirror from one database to another", help_copy, cmd_copy, false },
    { "emulate", "a stateful Stripe for development and tests", help_emulate, cmd_emulate, false },
    { "env", "environments: list, show, check, purge, switch", help_env, cmd_env, false },
    { "doctor", "find what is set up wrongly, and how to mend it", help_doctor, cmd_doctor, false },
    { "help", "a command's help, or all settings", help_help, cmd_help, false },
    { "version", "the version of this program", help_version, cmd_version, false },
};
const size_t command_count = COUNT(command_table);

static enum exit_code found_code = EXIT_DONE;
static volatile sig_atomic_t interrupted;
static void (*signal_hook)(void *ctx);
static void *signal_ctx;

void cli_exit_with(enum exit_code code)
{
    found_code = code;
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

static void on_signal(int number)
{
    (void)number;
    if (interrupted)
        signal(number, SIG_DFL); /* the third one kills */
    interrupted = 1;
    if (signal_hook)
        signal_hook(signal_ctx);
}

void cli_catch_signals(void (*hook)(void *ctx), void *ctx)
{
    struct sigaction act = { .sa_handler = on_signal };

    signal_hook = hook;
    signal_ctx = ctx;
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

enum exit_code exit_code_for(enum status st)
{
    switch (st) {
    case ST_OK: return EXIT_DONE;
    case ST_NONE: return EXIT_FAILED;
    case ST_CONFLICT: return EXIT_CONFLICT;
    case ST_RETRY: return EXIT_AWAY;
    case ST_REFUSED: return EXIT_IDENTITY;
    case ST_INVALID: return EXIT_USAGE;
    case ST_LIMIT: return EXIT_FAILED;
    case ST_BROKEN: return EXIT_DAMAGED;
    }
    return EXIT_FAILED;
}

enum exit_code exit_code_of(enum status st, const struct error *e)
{
    return st == ST_BROKEN && e->restart ? EXIT_FAILED : exit_code_for(st);
}

enum status cli_load(struct cli *cli, struct error *e)
{
    return config_load(&cli->config, &cli->flags, e);
}

/* Memory of ours holds keys: it must not land in a core file, nor be read by a debugger. */
static void hide_memory(void)
{
    const struct rlimit none = { 0, 0 };

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool looks_like_secret(str text)
{
    static const char *const prefix[] = { "sk_live_", "sk_test_",   "rk_live_",   "rk_test_",
                                          "whsec_",   "rkcs_test_", "rkcs_live_", "sk_org_" };

    for (size_t i = 0; i < COUNT(prefix); i++)
        if (str_starts(text, str_of(prefix[i])))
            return true;
    return false;
}

static enum status refuse_secrets(int argc, char **argv, struct error *e)
{
    for (int i = 1; i < argc; i++) {
        str head;
        str value = str_cut(str_of(argv[i]), '=', &head);
        if (looks_like_secret(head) || looks_like_secret(value))
            return fail(e, ST_INVALID,
                        "Argument %d is a secret. Every user of this machine can read arguments, "
                        "so Brindle takes none: set STRIPE_SECRET_KEY or STRIPE_WEBHOOK_SECRET in "
                        "the environment or in brindle.conf, and roll the one you typed.",
                        i);
    }
    return ST_OK;
}

static const char *command_candidate(const void *ctx, size_t i)
{
    (void)ctx;
    return i < command_count ? command_table[i].name : NULL;
}

static enum status find_command(const char *name, const struct command **out, struct error *e)
{
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(command_table[i].name, name) == 0) {
            *out = &command_table[i];
            return ST_OK;
        }
    const char *meant = nearest(str_of(name), command_candidate, NULL);
    return fail(e, ST_INVALID, "There is no command \"%s\"%s%s%s `brindle help` lists them.", name,
                meant ? "; did you mean \"" : ".", meant ? meant : "", meant ? "\"?" : "");
}

static bool asks_for_help(const struct cli *cli)
{
    for (int i = 1; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++)
        if (strcmp(cli->argv[i], "--help") == 0 || strcmp(cli->argv[i], "-h") == 0)
            return true;
    return false;
}

static enum status run(struct cli *cli, struct error *e)
{
    const struct command *command = NULL;
    enum status st = cli_global_flags(cli, e);

    if (st != ST_OK)
        return st;
    if (cli->argc == 0)
        return fail(e, ST_INVALID,
                    "Say what to do: `brindle help` lists the commands, `brindle "
                    "demo` shows what they are good for.");
    st = find_command(cli->argv[0], &command, e);
    if (st != ST_OK)
        return st;
    if (asks_for_help(cli)) {
        fputs(command->help, stdout);
        return ST_OK;
    }
    if (cli->account && !command->accounts)
        return fail(e, ST_INVALID,
                    "`brindle %s` has no flag --account: it is about no single account; see "
                    "`brindle %s --help`.",
                    command->name, command->name);
    return command->run(cli, e);
}

/* A thread's answers and batches come and go by the hundred kilobytes: with an arena of malloc's
 * for each thread, and memory given back after each batch, they cost more time and more memory. */
static void share_memory(void)
{
    mallopt(M_ARENA_MAX, ARENAS);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
}

/* The same program with the same arguments: what it knew is forgotten, the configuration is read
 * again. Descriptors close by themselves. Comes back only on failure. */
static void begin_anew(char **argv)
{
    execv("/proc/self/exe", argv);
    perror("brindle: cannot begin anew");
}

int main(int argc, char **argv)
{
    char *whole[ARGUMENTS_MAX + 1] = { 0 }; /* commands take their flags out of argv */
    struct error e = { 0 };
    struct cli cli = { .argc = argc - 1, .argv = argv + 1, .program = argv[0] };

    for (int i = 0; i < argc && i < ARGUMENTS_MAX; i++)
        whole[i] = argv[i];
    hide_memory();
    share_memory();
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "");
    enum status st = argc < 1 ? fail(&e, ST_INVALID, "There are no arguments at all.")
                              : refuse_secrets(argc, argv, &e);
    if (st == ST_OK)
        st = run(&cli, &e);
    config_free(&cli.config);
    if (st == ST_OK && cli.begin_anew) {
        begin_anew(whole);
        return EXIT_FAILED;
    }
    if (st != ST_OK)
        say_error(&cli, st, &e);
    if (fflush(stdout) != 0 && st == ST_OK)
        return EXIT_FAILED;
    return (int)(st == ST_OK ? found_code : exit_code_of(st, &e));
}
