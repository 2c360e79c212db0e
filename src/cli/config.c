#include "cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config_lines.h"
#include "cli/datadir.h"
#include "cli/keys.h"
#include "cli/nearest.h"

const struct setting setting_table[SETTING_COUNT] = {
#define SETTING(id, section, name, variables, type, fallback, help) \
    [SET_##id] = { SECTION_##section, SETTING_##type, name, variables, fallback, help },
#include "cli/settings.def"
#undef SETTING
};

enum {
    POINTED_FILE_BYTES_MAX = 32 << 10,
    VALUE_TOLD_MAX = 12, /* characters of a value that is refused */
    CATCH_UP_BESIDE_WEBHOOKS_S = 600,
    CATCH_UP_ALONE_S = 60,
};

/* --- one value ----------------------------------------------------------------------------- */

str config_text(const struct values *v, enum setting_id id)
{
    return v->origin[id] == ORIGIN_DEFAULT ? str_of(setting_table[id].fallback) : v->text[id];
}

int64_t config_number(const struct values *v, enum setting_id id)
{
    int64_t n = -1;
    str text = config_text(v, id);

    assert(setting_table[id].type == SETTING_NUMBER);
    if (!str_to_int(text.n ? text : str_of(setting_table[id].fallback), &n))
        return -1;
    return n;
}

int64_t config_catch_up_seconds(const struct env_config *env)
{
    int64_t set = config_number(&env->values, SET_CATCH_UP);

    if (set >= 0)
        return set;
    return env->n_webhook_secrets ? CATCH_UP_BESIDE_WEBHOOKS_S : CATCH_UP_ALONE_S;
}

static bool is_secret(const struct setting *s)
{
    return s->type == SETTING_SECRET || s->type == SETTING_SECRETS;
}

/* Reads the file behind "file:PATH" whole, without the newline at its end. */
static enum status read_pointed(struct config *c, const char *path, const char *place, str *out,
                                struct error *e)
{
    char text[POINTED_FILE_BYTES_MAX + 1];
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(e, ST_INVALID, "%s points at the file %s, which cannot be read: %s.", place,
                    path, strerror(errno));
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 077))
        snprintf(c->pointed_open, sizeof c->pointed_open, "%s", path);
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    if (n < 0 || (size_t)n > POINTED_FILE_BYTES_MAX) {
        explicit_bzero(text, sizeof text);
        return fail(e, ST_INVALID, "%s points at the file %s, which is %s.", place, path,
                    n < 0 ? "not readable" : "longer than 32 KiB");
    }
    *out = arena_copy(&c->arena, str_trim((str){ text, (size_t)n }));
    explicit_bzero(text, sizeof text);
    return out->p ? ST_OK : fail(e, ST_LIMIT, "The configuration is too large.");
}

/* `env:NAME` and `file:PATH` stand for what is there; anything else for itself. */
static enum status resolve(struct config *c, str raw, const char *place, str *out, struct error *e)
{
    if (str_starts(raw, S("file:"))) {
        str path = arena_copy(&c->arena, str_sub(raw, 5, raw.n));
        if (!path.n)
            return fail(e, ST_INVALID, "%s is \"file:\" without a path behind it.", place);
        return read_pointed(c, path.p, place, out, e);
    }
    if (str_starts(raw, S("env:"))) {
        str name = arena_copy(&c->arena, str_sub(raw, 4, raw.n));
        const char *value = name.n ? getenv(name.p) : NULL;
        if (!value)
            return fail(e, ST_INVALID,
                        "%s points at the environment variable %.*s, which is not set.", place,
                        STR_ARG(name));
        *out = str_trim(str_of(value));
        return ST_OK;
    }
    *out = raw;
    return ST_OK;
}

static enum status put_secret(struct secret *s, str text, const char *place, struct error *e)
{
    if (secret_set(s, text))
        return ST_OK;
    return fail(e, ST_INVALID, "%s is longer than %d bytes or holds a control character.", place,
                SECRET_BYTES_MAX);
}

static enum status put_webhook_secrets(struct env_config *env, str text, const char *place,
                                       struct error *e)
{
    struct secret one = { .n = 0 };

    for (size_t i = 0; i < COUNT(env->webhook_secret); i++)
        secret_wipe(&env->webhook_secret[i]);
    env->n_webhook_secrets = 0;
    while (text.n) {
        str head;
        text = str_cut(text, ',', &head);
        enum status st = put_secret(&one, str_trim(head), place, e);
        if (st == ST_OK && env->n_webhook_secrets == COUNT(env->webhook_secret))
            st = fail(e, ST_INVALID, "%s holds more than %d secrets.", place, VERIFY_SECRETS_MAX);
        if (st == ST_OK)
            env->webhook_secret[env->n_webhook_secrets++] = one;
        secret_wipe(&one);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* What stands there instead of a number, when it is short: a key that was pasted into the wrong
 * line is not repeated. */
static str as_told(str text)
{
    return text.n <= VALUE_TOLD_MAX ? text : S("something longer");
}

static enum status check_value(const struct setting *s, str text, const char *place,
                               struct error *e)
{
    int64_t n;

    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_LIST:
    case SETTING_SECRET:
    case SETTING_SECRETS: return ST_OK;
    case SETTING_NUMBER:
        if (!text.n || (str_to_int(text, &n) && n >= 0 && n <= INT32_MAX))
            return ST_OK;
        return fail(e, ST_INVALID, "%s must be a number, 0 or greater; it is \"%.*s\".", place,
                    STR_ARG(as_told(text)));
    case SETTING_BOOL:
        if (!text.n || str_eqz(text, "true") || str_eqz(text, "false"))
            return ST_OK;
        return fail(e, ST_INVALID, "%s must be true or false; it is \"%.*s\".", place,
                    STR_ARG(as_told(text)));
    }
    return ST_OK;
}

/* Sets one setting of the section that `env` (or, when it is NULL, [brindle]) stands for. A value
 * of a lesser origin changes nothing. */
static enum status put(struct config *c, struct env_config *env, enum setting_id id, str raw,
                       enum origin origin, const char *place, struct error *e)
{
    const struct setting *s = &setting_table[id];
    struct values *v = env ? &env->values : &c->values;
    str text;

    assert((s->section == SECTION_ENV) == (env != NULL));
    if (origin < v->origin[id])
        return ST_OK;
    enum status st = resolve(c, raw, place, &text, e);
    if (st == ST_OK)
        st = check_value(s, text, place, e);
    if (st != ST_OK)
        return st;
    if (origin == ORIGIN_ENVIRONMENT && v->origin[id] == ORIGIN_FILE && !c->overridden)
        c->overridden = s->name;
    v->origin[id] = origin;
    if (s->type == SETTING_SECRETS)
        return put_webhook_secrets(env, text, place, e);
    if (s->type == SETTING_SECRET)
        return put_secret(env ? &env->secret_key : &c->token, text, place, e);
    v->text[id] = arena_copy(&c->arena, text);
    return v->text[id].p ? ST_OK : fail(e, ST_LIMIT, "The configuration is too large.");
}

/* --- the file ------------------------------------------------------------------------------ */

struct reading {
    struct config *c;
    struct config_lines lines;
    struct error *e;
    enum status st;
};

static bool is_env_name(str name)
{
    if (!name.n || name.n > ENV_NAME_MAX || !isalnum((unsigned char)name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!islower((unsigned char)name.p[i]) && !isdigit((unsigned char)name.p[i]) &&
            name.p[i] != '-' && name.p[i] != '_')
            return false;
    return true;
}

static enum status env_add(struct config *c, str name, struct env_config **out, struct error *e)
{
    for (size_t i = 0; i < c->n_envs; i++)
        if (str_eqz(name, c->env[i].name)) {
            *out = &c->env[i];
            return ST_OK;
        }
    if (!is_env_name(name))
        return fail(e, ST_INVALID,
                    "\"%.*s\" cannot name an environment: use up to %d lower-case letters, digits, "
                    "- and _.",
                    STR_ARG(name), ENV_NAME_MAX);
    if (c->n_envs == CONFIG_ENVS_MAX)
        return fail(e, ST_LIMIT, "There are more than %d environments.", CONFIG_ENVS_MAX);
    *out = &c->env[c->n_envs++];
    snprintf((*out)->name, sizeof(*out)->name, "%.*s", STR_ARG(name));
    return ST_OK;
}

struct setting_walk {
    enum setting_section section;
};

static const char *setting_candidate(const void *ctx, size_t i)
{
    const struct setting_walk *w = ctx;
    size_t seen = 0;

    for (size_t id = 0; id < SETTING_COUNT; id++)
        if (setting_table[id].section == w->section && seen++ == i)
            return setting_table[id].name;
    return NULL;
}

static enum status unknown_setting(const struct config *c, const char *section, const char *name,
                                   enum setting_section which, struct error *e)
{
    struct setting_walk walk = { which };

    for (size_t id = 0; id < SETTING_COUNT; id++)
        if (strcmp(setting_table[id].name, name) == 0)
            return fail(e, ST_INVALID, "%s: \"%s\" belongs into %s, not into [%s].", c->path, name,
                        which == SECTION_ENV ? "[brindle]" : "an [env NAME] section", section);
    const char *meant = nearest(str_of(name), setting_candidate, &walk);
    return fail(e, ST_INVALID, "%s: [%s] has no setting \"%s\"%s%s%s; see `brindle help settings`.",
                c->path, section, name, meant ? ", did you mean \"" : "", meant ? meant : "",
                meant ? "\"?" : "");
}

/* The first sentence stands for all that is wrong in an environment's own section. */
static void keep_fault(struct env_config *env, const struct error *why)
{
    if (!env->fault[0])
        snprintf(env->fault, sizeof env->fault, "%s", why->text);
}

static enum status take_setting(struct config *c, struct env_config *env, const char *section,
                                const char *name, str value, struct error *e)
{
    enum setting_section which = env ? SECTION_ENV : SECTION_BRINDLE;
    char place[256];

    for (size_t id = 0; id < SETTING_COUNT; id++) {
        const struct setting *s = &setting_table[id];
        if (s->section != which || strcmp(s->name, name) != 0)
            continue;
        if ((env ? &env->values : &c->values)->origin[id] == ORIGIN_FILE)
            return fail(e, ST_INVALID, "%s: \"%s\" is set twice in [%s].", c->path, name, section);
        if (is_secret(s) && !str_starts(value, S("env:")) && !str_starts(value, S("file:")))
            c->holds_secrets = true;
        snprintf(place, sizeof place, "%.100s: \"%.60s\" in [%.60s]", c->path, name, section);
        return put(c, env, (enum setting_id)id, value, ORIGIN_FILE, place, e);
    }
    return unknown_setting(c, section, name, which, e);
}

static enum status take_line(struct config *c, const char *section, const char *name, str value,
                             struct error *e)
{
    struct env_config *env = NULL;
    struct error why = { 0 };

    if (str_starts(str_of(section), S("env "))) {
        enum status st = env_add(c, str_trim(str_of(section + 4)), &env, e);
        if (st != ST_OK) {
            error_prefix(e, "%s: ", c->path);
            return st;
        }
    } else if (strcmp(section, "brindle") != 0) {
        return fail(e, ST_INVALID,
                    "%s: \"%s\" stands in the section [%s]; there are [brindle] and [env NAME].",
                    c->path, name, section);
    }
    enum status st = take_setting(c, env, section, name, value, &why);
    if (st == ST_INVALID && env) {
        keep_fault(env, &why);
        return ST_OK;
    }
    if (st != ST_OK)
        *e = why;
    return st;
}

/* A line that is nothing, in an environment's section: its fault alone. */
static bool take_strange_line(void *user, str section, unsigned line)
{
    struct reading *r = user;
    struct env_config *env = NULL;
    struct error why = { 0 };

    if (!str_starts(section, S("env ")) ||
        env_add(r->c, str_trim(str_sub(section, 4, section.n)), &env, &why) != ST_OK)
        return false;
    (void)fail(&why, ST_INVALID, "%s: line %u is neither [section] nor name = value.", r->c->path,
               line);
    keep_fault(env, &why);
    return true;
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;

    if (r->st == ST_OK)
        r->st = take_line(r->c, section, name, config_lines_value(&r->lines, str_of(value)), r->e);
    return r->st == ST_OK;
}

static bool is_list(str name)
{
    for (size_t id = 0; id < SETTING_COUNT; id++)
        if (setting_table[id].type == SETTING_LIST && str_eqz(name, setting_table[id].name))
            return true;
    return false;
}

static enum status parse_file(struct config *c, char *text, size_t n, struct error *e)
{
    struct reading r = { .c = c, .e = e, .lines = { .a = &c->arena } };
    BUF(folded, 2 * CONFIG_FILE_BYTES_MAX);
    (void)!buf_room(&folded, n + CONFIG_LINE_BYTES_MAX * CONFIG_ASIDE_MAX); /* moves no secret */
    enum status st = config_lines_fold(&r.lines, (str){ text, n }, is_list, &folded, e);

    if (st != ST_OK) {
        error_prefix(e, "%s: ", c->path);
        return st;
    }
    config_lines_strange(&folded, take_strange_line, &r);
    buf_char(&folded, '\0');
    int line = folded.failed ? 1 : ini_parse_string(folded.p, on_line, &r);
    explicit_bzero(folded.p, folded.n);
    if (r.st != ST_OK)
        return r.st;
    if (line != 0)
        return fail(e, ST_INVALID, "%s: line %d is neither [section] nor name = value.", c->path,
                    line);
    return ST_OK;
}

/* ST_NONE: there is no such file. */
static enum status read_file(struct config *c, const char *path, struct error *e)
{
    static const size_t room = CONFIG_FILE_BYTES_MAX + 1;
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ST_NONE;
    if (fd < 0 || fstat(fd, &about) != 0) {
        if (fd >= 0)
            close(fd);
        return fail(e, ST_INVALID, "%s cannot be read: %s.", path, strerror(errno));
    }
    snprintf(c->path, sizeof c->path, "%s", path);
    c->path_is_open = (about.st_mode & 077) != 0;
    char *text = arena_alloc(&c->arena, room);
    ssize_t n = text ? read(fd, text, room) : -1;
    close(fd);
    if (n < 0 || (size_t)n == room)
        return fail(e, ST_INVALID, "%s is %s.", path,
                    n < 0 ? "not a file that can be read" : "longer than 64 KiB");
    text[n] = '\0';
    enum status st = parse_file(c, text, (size_t)n, e);
    explicit_bzero(text, (size_t)n);
    return st;
}

static enum status find_file(struct config *c, const char *flag, struct error *e)
{
    static const char *const usual[] = { "./brindle.conf", "/etc/brindle/brindle.conf" };
    const char *named = flag ? flag : getenv("BRINDLE_CONFIG");

    if (named && *named) {
        enum status st = read_file(c, named, e);
        if (st == ST_NONE)
            return fail(e, ST_INVALID, "The configuration file %s, which %s names, does not exist.",
                        named, flag ? "--config" : "BRINDLE_CONFIG");
        return st;
    }
    for (size_t i = 0; i < COUNT(usual); i++) {
        enum status st = read_file(c, usual[i], e);
        if (st != ST_NONE)
            return st;
    }
    return ST_OK;
}

/* --- the environment and the flags --------------------------------------------------------- */

/* The first of the setting's variables that is set and not empty. */
static const char *variable_value(const struct setting *s, char *name, size_t room)
{
    str left = str_of(s->variables);

    while (left.n) {
        str head;
        left = str_cut(left, ' ', &head);
        snprintf(name, room, "%.*s", STR_ARG(head));
        const char *value = getenv(name);
        if (value && *value)
            return value;
    }
    return NULL;
}

static bool any_stripe_variable(void)
{
    char name[64];

    for (size_t id = 0; id < SETTING_COUNT; id++)
        if (setting_table[id].section == SECTION_ENV &&
            variable_value(&setting_table[id], name, sizeof name))
            return true;
    return false;
}

/* The environment that the variables speak of: the file's only one, or one of their own. */
static enum status variables_env(struct config *c, struct env_config **out, struct error *e)
{
    static const struct setting *const key = &setting_table[SET_SECRET_KEY];
    struct secret secret = { .n = 0 };
    char name[64];
    str text = S("");

    *out = NULL;
    if (c->n_envs == 1)
        *out = &c->env[0];
    if (c->n_envs > 1)
        c->stripe_variables_unused = any_stripe_variable();
    if (c->n_envs)
        return ST_OK;
    const char *value = variable_value(key, name, sizeof name);
    if (!value)
        return ST_OK;
    enum status st = resolve(c, str_trim(str_of(value)), name, &text, e);
    if (st == ST_OK)
        st = put_secret(&secret, text, name, e);
    enum key_kind kind = key_judge(&secret, NULL);
    secret_wipe(&secret);
    return st != ST_OK ? st : env_add(c, kind == KEY_LIVE ? S("live") : S("test"), out, e);
}

static enum status read_variables(struct config *c, struct error *e)
{
    struct env_config *env = NULL;
    char name[64];
    enum status st = variables_env(c, &env, e);

    for (size_t id = 0; id < SETTING_COUNT && st == ST_OK; id++) {
        const struct setting *s = &setting_table[id];
        const char *value = variable_value(s, name, sizeof name);
        if (value && (s->section == SECTION_BRINDLE || env))
            st = put(c, s->section == SECTION_ENV ? env : NULL, (enum setting_id)id,
                     is_secret(s) ? str_of(value) : str_trim(str_of(value)), ORIGIN_ENVIRONMENT,
                     name, e);
    }
    return st;
}

static enum status read_flags(struct config *c, const struct config_flags *f, struct error *e)
{
    enum status st = ST_OK;

    if (f->listen)
        st = put(c, NULL, SET_LISTEN, str_of(f->listen), ORIGIN_FLAG, "--listen", e);
    if (st == ST_OK && f->data_dir) {
        str url = arena_concat(&c->arena, S("sqlite:"), str_of(f->data_dir));
        st = put(c, NULL, SET_DATABASE, url, ORIGIN_FLAG, "--data", e);
    }
    return st;
}

/* --- what it means as a whole -------------------------------------------------------------- */

static enum status check_choice(const struct config *c, enum setting_id id, str choices,
                                struct error *e)
{
    str value = config_text(&c->values, id), left = choices;

    while (left.n) {
        str head;
        left = str_cut(left, ' ', &head);
        if (str_eq(head, value))
            return ST_OK;
    }
    return fail(e, ST_INVALID, "%s must be one of: %.*s; it is \"%.*s\".", setting_table[id].name,
                STR_ARG(choices), STR_ARG(value));
}

static enum status read_database(struct config *c, str url, struct error *e)
{
    c->pg_url = NULL;
    if (str_starts(url, S("postgresql://")) || str_starts(url, S("postgres://"))) {
        c->pg_url = arena_copy(&c->arena, url).p;
        url = str_of(setting_table[SET_DATABASE].fallback);
        if (!c->pg_url)
            return fail(e, ST_LIMIT, "The configuration is too large.");
    }
    if (!str_starts(url, S("sqlite:")))
        return fail(e, ST_INVALID,
                    "DATABASE_URL must be sqlite:DIR, where DIR is a directory, or "
                    "postgresql://USER@HOST/DATABASE.");
    str dir = str_sub(url, 7, url.n);
    if (str_starts(dir, S("///")))
        dir = str_sub(dir, 2, dir.n);
    while (dir.n > 1 && str_ends(dir, S("/")))
        dir = str_sub(dir, 0, dir.n - 1);
    if (!dir.n || dir.n > DATA_DIR_BYTES_MAX)
        return fail(e, ST_INVALID, "DATABASE_URL names a directory that is %s.",
                    dir.n ? "too long" : "empty; write sqlite:DIR");
    snprintf(c->data_dir, sizeof c->data_dir, "%.*s", STR_ARG(dir));
    return ST_OK;
}

enum status config_set_database(struct config *c, const char *url, struct error *e)
{
    str text;
    enum status st = resolve(c, str_of(url), "The store", &text, e);

    return st == ST_OK ? read_database(c, text, e) : st;
}

static enum status check_env(const struct env_config *env, struct error *e)
{
    static const enum setting_id kept[] = { SET_HISTORY_DAYS, SET_INBOX_BODY_DAYS, SET_INBOX_DAYS,
                                            SET_CALLS_DAYS };
    int64_t workers = config_number(&env->values, SET_WORKERS);
    str account = config_text(&env->values, SET_ACCOUNT);

    if (workers < 1 || workers > WORKERS_MAX)
        return fail(e, ST_INVALID, "workers of environment %s must be 1 to %d.", env->name,
                    WORKERS_MAX);
    for (size_t i = 0; i < COUNT(kept); i++)
        if (config_number(&env->values, kept[i]) < 0 ||
            config_number(&env->values, kept[i]) > KEPT_DAYS_MAX)
            return fail(e, ST_INVALID, "%s of environment %s must be 0 to %d days.",
                        setting_table[kept[i]].name, env->name, KEPT_DAYS_MAX);
    str connect = config_text(&env->values, SET_CONNECT);
    if (!str_eqz(connect, "on") && !str_eqz(connect, "off"))
        return fail(e, ST_INVALID, "connect of environment %s must be on or off.", env->name);
    if (config_text(&env->values, SET_SCHEMA).n > SCHEMA_NAME_MAX)
        return fail(e, ST_INVALID, "schema of environment %s is longer than %d bytes.", env->name,
                    SCHEMA_NAME_MAX);
    if (account.n && (!str_starts(account, S("acct_")) || account.n > ACCOUNT_ID_MAX))
        return fail(e, ST_INVALID, "account of environment %s must be an id like acct_1ABC.",
                    env->name);
    return ST_OK;
}

static enum status check_whole(struct config *c, struct error *e)
{
    enum status st = read_database(c, config_text(&c->values, SET_DATABASE), e);

    if (st == ST_OK)
        st = check_choice(c, SET_LOG_LEVEL, S("debug info warn error"), e);
    if (st == ST_OK)
        st = check_choice(c, SET_LOG_FORMAT, S("logfmt json"), e);
    for (size_t i = 0; i < c->n_envs; i++) {
        struct error why = { 0 };
        if (check_env(&c->env[i], &why) != ST_OK)
            keep_fault(&c->env[i], &why);
    }
    return st == ST_OK ? keys_apart(c, NULL, e) : st;
}

enum status config_load(struct config *c, const struct config_flags *f, struct error *e)
{
    memset(c, 0, sizeof *c);
    c->arena.max = CONFIG_ARENA_BYTES_MAX;
    enum status st = f->alone ? ST_OK : find_file(c, f->path, e);
    if (st == ST_OK && !f->alone)
        st = read_variables(c, e);
    if (st == ST_OK)
        st = read_flags(c, f, e);
    if (st == ST_OK)
        st = check_whole(c, e);
    return st;
}

enum status config_make_env(struct config *c, const char *name, str api_base, str rate_limit,
                            const struct secret *key, const struct secret *webhook_secret,
                            struct env_config **out, struct error *e)
{
    struct env_config *env = NULL;
    enum status st = env_add(c, str_of(name), &env, e);

    if (st == ST_OK)
        st = put(c, env, SET_API_BASE, api_base, ORIGIN_FLAG, name, e);
    if (st == ST_OK)
        st = put(c, env, SET_RATE_LIMIT, rate_limit, ORIGIN_FLAG, name, e);
    if (st != ST_OK)
        return st;
    env->secret_key = *key;
    env->webhook_secret[0] = *webhook_secret;
    env->n_webhook_secrets = 1;
    *out = env;
    return ST_OK;
}

void config_free(struct config *c)
{
    secret_wipe(&c->token);
    for (size_t i = 0; i < COUNT(c->env); i++) {
        secret_wipe(&c->env[i].secret_key);
        for (size_t k = 0; k < COUNT(c->env[i].webhook_secret); k++)
            secret_wipe(&c->env[i].webhook_secret[k]);
    }
    arena_free(&c->arena);
}

/* --- environments -------------------------------------------------------------------------- */

static bool has_demo(const struct config *c)
{
    char stripe[CONFIG_PATH_MAX + sizeof CONFIG_DEMO_DIR + 1];

    snprintf(stripe, sizeof stripe, "%s/" CONFIG_DEMO_DIR, c->data_dir);
    return access(stripe, F_OK) == 0;
}

static void add_found(void *ctx, str name)
{
    struct config *c = ctx;
    struct env_config *env;
    struct error ignored = { 0 };
    size_t before = c->n_envs;

    if (env_add(c, name, &env, &ignored) != ST_OK || c->n_envs == before)
        return;
    env->found = true;
    env->demo = has_demo(c);
}

static struct env_config *env_named(struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_envs; i++)
        if (strcmp(c->env[i].name, name) == 0)
            return &c->env[i];
    return NULL;
}

bool config_has(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_envs; i++)
        if (strcmp(c->env[i].name, name) == 0)
            return true;
    return false;
}

enum status config_no_env(const struct config *c, const char *name, struct error *e)
{
    return fail(
        e, ST_INVALID,
        "There is no environment \"%s\": it is neither configured nor in %s. `brindle env "
        "list` shows those that are there; a new one needs a key, secret_key in [env %s] of "
        "brindle.conf.",
        name, c->pg_url ? "the database" : c->data_dir, name);
}

/* With a fault it is chosen by nobody. */
static enum status take_env(struct env_config *env, struct env_config **out, struct error *e)
{
    if (env->fault[0])
        return fail(e, ST_INVALID, "%s", env->fault);
    *out = env;
    return ST_OK;
}

enum status config_find_stores(struct config *c, const char *name, struct error *e)
{
    if (c->n_envs && (!name || env_named(c, name)))
        return ST_OK;
    if (c->pg_url) {
        if (name)
            add_found(c, str_of(name));
        return ST_OK;
    }
    return datadir_stores(c->data_dir, add_found, c, e);
}

enum status config_find_all(struct config *c, struct error *e)
{
    return c->pg_url ? ST_OK : datadir_stores(c->data_dir, add_found, c, e);
}

enum status config_env(struct config *c, const char *name, struct env_config **out, struct error *e)
{
    enum status st = config_find_stores(c, name, e);

    if (st != ST_OK)
        return st;
    if (name) {
        struct env_config *named = env_named(c, name);
        if (named)
            return take_env(named, out, e);
        return config_no_env(c, name, e);
    }
    if (c->n_envs == 1)
        return take_env(&c->env[0], out, e);
    if (c->n_envs == 0)
        return fail(e, ST_NONE,
                    "No environment is configured and none is in %s: set STRIPE_SECRET_KEY, or %s.",
                    c->pg_url ? "the database looked for" : c->data_dir,
                    c->pg_url ? "say which with --env NAME" : "run `brindle demo`");
    char names[CONFIG_ENVS_MAX * (ENV_NAME_MAX + 2)] = "";
    for (size_t i = 0, n = 0; i < c->n_envs; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", c->env[i].name);
    return fail(e, ST_INVALID, "There are several environments (%s): say which with --env NAME.",
                names);
}

enum status config_refuse_demo(const struct config *c, const struct env_config *env,
                               struct error *e)
{
    if (c->pg_url || env->found || strcmp(env->name, CONFIG_DEMO_ENV) != 0 || !has_demo(c))
        return ST_OK;
    return fail(e, ST_REFUSED,
                "This store is the demo's. Keep yours elsewhere: --data DIR, or remove %s.",
                c->data_dir);
}

const char *config_start_command(const struct env_config *env)
{
    return env->demo ? "brindle demo" : "brindle serve";
}
