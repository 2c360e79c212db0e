#include <stdio.h>

#include "cli/doctor/findings.h"
#include "cli/keys.h"

static bool is_chosen(const struct cli *cli, const struct env_config *conf)
{
    return !cli->env_name || str_eqz(str_of(cli->env_name), conf->name);
}

static void examine(struct doctor *d, bool offline)
{
    const struct config *c = &d->cli->config;
    struct reach reach;

    doctor_machine(d);
    reach = doctor_servers(d);
    for (size_t i = 0; i < c->n_envs; i++) {
        const struct env_config *conf = &c->env[i];
        if (!is_chosen(d->cli, conf))
            continue;
        d->env = conf->name;
        d->hears = false;
        doctor_settings(d, conf);
        if (conf->fault[0])
            continue;
        bool ask = reach.stripe && !conf->found && !offline;
        if (reach.store)
            ask = doctor_store(d, conf) && ask;
        if (ask)
            doctor_stripe(d, conf);
        fflush(stdout);
    }
    d->env = NULL;
}

/* Two environments that are not apart keep everything from starting: that comes before the rest. */
static bool tell_shared(struct doctor *d)
{
    enum setting_id what = SETTING_COUNT;
    struct error why = { 0 };

    if (keys_apart(&d->cli->config, &what, &why) == ST_OK)
        return false;
    found(d,
          what == SET_SECRET_KEY       ? FOUND_KEY_SHARED
          : what == SET_WEBHOOK_SECRET ? FOUND_WEBHOOK_SECRET_SHARED
                                       : FOUND_PLACE_SHARED,
          setting_table[what].name, "%s", why.text);
    return true;
}

static void load(struct doctor *d, bool *usable)
{
    struct error why = { 0 };

    looked(d);
    enum status st = cli_load(d->cli, &why);
    if (st == ST_OK)
        st = config_find_stores(&d->cli->config, d->cli->env_name, &why);
    *usable = st == ST_OK;
    if (st != ST_OK && !tell_shared(d))
        found(d, FOUND_CONFIGURATION, NULL, "%s", why.text);
}

static enum status check_flags(const struct doctor *d, bool offline, struct error *e)
{
    if (d->fix && offline)
        return fail(e, ST_INVALID, "--fix mends what is Stripe's: it does not go with --offline.");
    if (d->url && !d->fix)
        return fail(e, ST_INVALID,
                    "--url is where --fix lets a new endpoint lead: say --fix, too.");
    return ST_OK;
}

enum status cmd_doctor(struct cli *cli, struct error *e)
{
    struct doctor d = { .cli = cli };
    bool offline = false, usable = false, list = false;
    const struct flag flag[] = { { "offline", FLAG_SWITCH, { .on = &offline } },
                                 { "list", FLAG_SWITCH, { .on = &list } },
                                 { "fix", FLAG_SWITCH, { .on = &d.fix } },
                                 { "url", FLAG_TEXT, { .text = &d.url } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st == ST_OK)
        st = check_flags(&d, offline, e);
    if (st != ST_OK)
        return st;
    if (list) {
        findings_list(cli);
        return ST_OK;
    }
    load(&d, &usable);
    if (usable && cli->env_name && !config_has(&cli->config, cli->env_name)) {
        struct env_config *chosen;
        return config_env(&cli->config, cli->env_name, &chosen, e);
    }
    if (usable)
        examine(&d, offline);
    if (d.errors + d.warnings)
        cli_exit_with(EXIT_FOUND);
    if (!cli->json)
        findings_sum(&d);
    return ST_OK;
}
