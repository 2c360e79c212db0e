#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/findings.h"
#include "cli/keys.h"
#include "cli/output.h"

enum { FINDING_BYTES_MAX = 4096 };

static const char *severity_name(enum severity s)
{
    switch (s) {
    case NOTE: return "note";
    case WARNING: return "warning";
    case ERROR: return "error";
    }
    return "?";
}

static void print_json(const struct doctor *d, enum severity severity, const char *name,
                       const char *fix, const char *text)
{
    BUF(out, FINDING_BYTES_MAX);
    struct json_writer w = { .b = &out };
    const struct {
        const char *key, *value;
    } member[] = { { "severity", severity_name(severity) },
                   { "env", d->env },
                   { "check", name },
                   { "finding", text },
                   { "fix", fix } };

    jw_object(&w);
    for (size_t i = 0; i < COUNT(member); i++) {
        jw_key(&w, str_of(member[i].key));
        jw_str(&w, str_of(member[i].value));
    }
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}

void found(struct doctor *d, enum severity severity, const char *name, const char *fix,
           const char *fmt, ...)
{
    static const enum color color[] = {
        [NOTE] = COLOR_DIM, [WARNING] = COLOR_WARN, [ERROR] = COLOR_BAD
    };
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->errors += severity == ERROR;
    d->warnings += severity == WARNING;
    if (d->cli->json) {
        print_json(d, severity, name, fix, text);
        return;
    }
    printf("%s%s%s%s%s: ", color_on(stdout, color[severity]), severity_name(severity),
           color_off(stdout), d->env ? " " : "", d->env ? d->env : "");
    print_clean(stdout, str_of(text));
    printf("\n");
    if (fix)
        printf("    %s\n", fix);
}

void looked(struct doctor *d)
{
    d->checks++;
}

static void examine(struct doctor *d, bool offline)
{
    struct config *c = &d->cli->config;

    doctor_machine(d);
    for (size_t i = 0; i < c->n_envs; i++) {
        if (d->cli->env_name && !str_eqz(str_of(d->cli->env_name), c->env[i].name))
            continue;
        d->env = c->env[i].name;
        doctor_settings(d, &c->env[i]);
        doctor_store(d, &c->env[i]);
        if (!offline && key_judge(&c->env[i].secret_key, NULL) != KEY_NONE &&
            key_judge(&c->env[i].secret_key, NULL) != KEY_MALFORMED)
            doctor_stripe(d, &c->env[i]);
        fflush(stdout);
    }
    d->env = NULL;
}

static void load(struct doctor *d, bool *usable)
{
    struct error why = { 0 };

    looked(d);
    enum status st = cli_load(d->cli, &why);
    if (st == ST_OK)
        st = config_find_stores(&d->cli->config, d->cli->env_name, &why);
    *usable = st == ST_OK;
    if (st != ST_OK)
        found(d, ERROR, "configuration", "brindle help settings", "%s", why.text);
}

enum status cmd_doctor(struct cli *cli, struct error *e)
{
    struct doctor d = { .cli = cli };
    bool offline = false, usable = false;
    const struct flag flag[] = { { "offline", FLAG_SWITCH, { .on = &offline } },
                                 { "fix", FLAG_SWITCH, { .on = &d.fix } },
                                 { "url", FLAG_TEXT, { .text = &d.url } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st == ST_OK && d.fix && offline)
        st = fail(e, ST_INVALID, "--fix mends what is Stripe's: it does not go with --offline.");
    if (st == ST_OK && d.url && !d.fix)
        st = fail(e, ST_INVALID, "--url is where --fix lets a new endpoint lead: say --fix, too.");
    if (st != ST_OK)
        return st;
    load(&d, &usable);
    if (usable)
        examine(&d, offline);
    if (d.errors + d.warnings)
        cli_exit_with(EXIT_FOUND);
    if (!cli->json)
        say("%u checks, %u error%s, %u warning%s%s.", d.checks, d.errors, d.errors == 1 ? "" : "s",
            d.warnings, d.warnings == 1 ? "" : "s", d.mended ? "; the rest was mended" : "");
    return ST_OK;
}
