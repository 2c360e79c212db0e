/* config.h - what the user has set: flags, then the environment, then brindle.conf, then defaults.
 *
 * One table (settings.def) defines every setting. Secrets come from the environment, the file, or
 * what `env:NAME` and `file:PATH` point at; never from a flag. */
#pragma once

#include "base/arena.h"
#include "base/secret.h"
#include "core/env.h"
#include "core/verify.h"

enum {
    CONFIG_ENVS_MAX = 16,
    CONFIG_FILE_BYTES_MAX = 64 << 10,
    CONFIG_ARENA_BYTES_MAX = 512 << 10,
    CONFIG_PATH_MAX = 1024,
    WORKERS_MAX = 64,
    KEPT_DAYS_MAX = 36500,
    SCHEMA_NAME_MAX = 63, /* PostgreSQL's own */
};

enum setting_section { SECTION_BRINDLE, SECTION_ENV };
enum setting_type {
    SETTING_TEXT,
    SETTING_LIST, /* in the file its value may go on in the lines below that begin with a blank */
    SETTING_SECRET,
    SETTING_SECRETS,
    SETTING_NUMBER,
    SETTING_BOOL,
};

enum setting_id {
#define SETTING(id, section, name, variables, type, fallback, help) SET_##id,
#include "cli/settings.def"
#undef SETTING
    SETTING_COUNT
};

struct setting {
    enum setting_section section;
    enum setting_type type;
    const char *name, *variables, *fallback, *help;
};

extern const struct setting setting_table[SETTING_COUNT];

/* Where a value comes from; a greater one wins. */
enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

/* The values of one section. Secrets stand beside, never here. */
struct values {
    str text[SETTING_COUNT];
    enum origin origin[SETTING_COUNT];
};

/* In the data directory: the state of the demo's own Stripe. */
#define CONFIG_DEMO_DIR "demo-stripe"
#define CONFIG_DEMO_ENV "test"

struct env_config {
    char name[ENV_NAME_MAX + 1];
    struct values values;
    struct secret secret_key;
    struct secret webhook_secret[VERIFY_SECRETS_MAX];
    size_t n_webhook_secrets;
    char fault[ERROR_TEXT_MAX]; /* what of its own settings cannot be used; "": nothing */
    bool found;     /* nobody configured it: its store lies in the data directory. To read alone */
    bool try_once;  /* a start asks Stripe once whose key it is: others are not to wait for it */
    bool past_seal; /* and write into what is sealed: the target, before it is opened again */
    bool switching; /* `env switch` may open what is sealed, or the target of a switch */
    bool demo;      /* found, and beside it the Stripe of `brindle demo` */
};

struct config {
    struct arena arena;
    struct values values;
    struct secret token;
    char path[CONFIG_PATH_MAX];         /* the file that was read; "" when there is none */
    bool path_is_open;                  /* others than its owner may read it */
    char pointed_open[CONFIG_PATH_MAX]; /* behind a file:, and others may read it; "": none is */
    bool holds_secrets;                 /* a secret stands in it, not merely env: or file: */
    char data_dir[CONFIG_PATH_MAX];     /* of `database`; on PostgreSQL for the token alone */
    const char *pg_url; /* NULL: SQLite. May hold a password: for the connection alone */
    struct env_config env[CONFIG_ENVS_MAX];
    size_t n_envs;
    const char *overridden;       /* a setting of the file over which a variable has won; NULL */
    bool stripe_variables_unused; /* STRIPE_… is set, but the file has several environments */
};

struct config_flags {
    const char *path, *data_dir, *listen; /* NULL: not given */
    bool alone; /* neither a file nor the environment counts: for the demo */
};

/* ST_INVALID: what is set cannot be read or used; the sentence names the setting and its place.
 * What is wrong within an environment's own section is no failure: it is the environment's `fault`,
 * with which it is not opened, and others are. ST_NONE: a file that was named is not there. Free it
 * in any case. */
enum status config_load(struct config *c, const struct config_flags *f, struct error *e) MUST_USE;
void config_free(struct config *c); /* wipes the secrets */

/* An environment of the program's own making, as if it had been configured. */
enum status config_make_env(struct config *c, const char *name, str api_base, str rate_limit,
                            const struct secret *key, const struct secret *webhook_secret,
                            struct env_config **out, struct error *e) MUST_USE;

/* Another database than the one that is set: as DATABASE_URL says it, or env:NAME. */
enum status config_set_database(struct config *c, const char *url, struct error *e) MUST_USE;

str config_text(const struct values *v, enum setting_id id);
/* An empty one counts as not set. -1: it has no default either. */
int64_t config_number(const struct values *v, enum setting_id id);
/* How often the list of events is read, in seconds; 0: never. Unless it is set: seldom where
 * webhooks bring the news and it only finds what they lost, else often. Stripe counts the GETs of
 * those who sell nothing, too. [facts: F-18] */
int64_t config_catch_up_seconds(const struct env_config *env);

/* The environment of this name, or the only one when `name` is NULL. Those whose store merely lies
 * in the data directory count if nothing is configured, or if they are named. ST_INVALID: there are
 * several, or none of that name; the sentence lists them; or it has a fault, and the sentence is
 * that. ST_NONE: there is none at all. */
enum status config_env(struct config *c, const char *name, struct env_config **out,
                       struct error *e) MUST_USE;

/* The sentence for a name that is neither configured nor has a store, and ST_INVALID. */
enum status config_no_env(const struct config *c, const char *name, struct error *e);

/* Is there one of this name, with or without a fault? */
bool config_has(const struct config *c, const char *name);

/* Adds what lies in the data directory when nothing is configured, for commands that read. */
enum status config_find_stores(struct config *c, const char *name, struct error *e) MUST_USE;

/* Adds whatever lies in the data directory, also beside what is configured: for lists of all. */
enum status config_find_all(struct config *c, struct error *e) MUST_USE;

/* Before anything is written: a store that `brindle demo` made is its own, and whoever configured
 * this environment keeps theirs elsewhere. ST_REFUSED says so. */
enum status config_refuse_demo(const struct config *c, const struct env_config *env,
                               struct error *e) MUST_USE;

/* The command that starts its daemon: the demo's store is the demo's. */
const char *config_start_command(const struct env_config *env);
