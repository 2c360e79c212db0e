/* cmd_env.c - brindle env list, show, check, purge; switch is in env_switch.c. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/checks.h"
#include "cli/keys.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/switch/env_switch.h"
#include "core/audit.h"
#include "core/environment/acting.h"
#include "core/environment/foreign.h"
#include "core/environment/seal.h"

enum {
    ENV_BYTES_MAX = 16 << 20,
    ACCOUNTS_SHOWN_MAX = 1000,
    AUDIT_SHOWN = 100,
    ORDER_BYTES_MAX = 1024,
    APPLICATION_ASKED_MAX = 1000, /* ids of the application, at Stripe */
};

/* ---- list --------------------------------------------------------------------------------- */

/* "open", "sealed", "switching"; "new": there is no store yet; "unreadable". */
static const char *state_of(const struct wire *w, enum status opened, struct seal *seal)
{
    struct error ignored = { 0 };

    *seal = (struct seal){ 0 };
    if (opened == ST_NONE)
        return "new";
    if (opened != ST_OK || seal_read((struct env *)&w->env, seal, &ignored) != ST_OK)
        return "unreadable";
    return seal->target[0] ? "switching" : seal->sealed_for[0] ? "sealed" : "open";
}

static const char *key_name(const struct env_config *conf)
{
    switch (key_judge(&conf->secret_key, NULL)) {
    case KEY_NONE: return "none";
    case KEY_TEST: return "test";
    case KEY_LIVE: return "live";
    case KEY_MALFORMED: return "malformed";
    }
    return "?";
}

static void write_env(const struct config *c, const struct env_config *conf, struct json_writer *w)
{
    CLEANUP(wire_close) struct wire wire = { 0 };
    struct error why = { 0 };
    struct seal seal;
    enum status st = wire_open(&wire, c, conf, WIRE_LOOK, &why);
    const char *state = state_of(&wire, st, &seal);

    jw_put_str(w, "env", str_of(conf->name));
    jw_put_str(w, "state", str_of(state));
    jw_put_str(w, "account", st == ST_OK ? str_of(wire.env.identity.account) : (str){ 0 });
    jw_put_str(w, "mode", st == ST_OK ? str_of(mode_name(wire.env.identity.livemode)) : (str){ 0 });
    jw_put_str(w, "key", str_of(key_name(conf)));
    jw_key(w, S("served"));
    if (st == ST_OK && c->pg_url) /* nobody there tells who works on it, from which machine */
        jw_null(w);
    else
        jw_bool(w, st == ST_OK && local_is_served(c, conf->name));
    if (seal.sealed_for[0])
        jw_put_str(w, "sealed_for", str_of(seal.sealed_for));
    if (seal.target[0]) {
        jw_put_str(w, "switch_to", str_of(seal.target));
        jw_put_str(w, "step", str_of(seal.step));
        jw_put_bool(w, "held", seal.held);
    }
}

static void add_env(struct table *t, str line)
{
    static const char *const name[] = { "env", "state", "account", "mode", "key" };
    str cell[COUNT(name) + 1];

    for (size_t i = 0; i < COUNT(name); i++)
        cell[i] = json_text(line, str_of(name[i]), t->arena);
    enum json_type served = json_bool(line, S("served"));
    cell[COUNT(name)] = served == JSON_TRUE ? S("yes") : served == JSON_FALSE ? S("no") : S("?");
    table_row(t, cell);
}

static enum status env_list(struct cli *cli, struct error *e)
{
    ARENA(a, ENV_BYTES_MAX);
    BUF(out, ENV_BYTES_MAX);
    struct config *c = &cli->config;
    struct table t = { .arena = &a,
                       .head = { "ENV", "STATE", "ACCOUNT", "MODE", "KEY", "SERVED" },
                       .n_columns = 6 };
    enum status st = config_find_all(c, e);

    for (size_t i = 0; i < c->n_envs && st == ST_OK; i++) {
        struct json_writer w = { .b = &out };
        jw_object(&w);
        write_env(c, &c->env[i], &w);
        jw_end(&w);
        buf_char(&out, '\n');
    }
    if (st == ST_OK && !print_lines(cli, buf_str(&out), &t, add_env))
        say("No environment is configured, and no store is in %s.", c->data_dir);
    return st;
}

/* ---- show --------------------------------------------------------------------------------- */

static enum status write_accounts(struct env *env, struct json_writer *w, struct error *e)
{
    ARENA(a, ENV_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_ACCOUNTS_LIST, &r, &a, e, V_STR(S("")), V_INT(ACCOUNTS_SHOWN_MAX));
    if (st != ST_OK)
        return st;
    jw_array(w);
    for (size_t i = 0; i < r.n_rows; i++) {
        jw_object(w);
        jw_put_str(w, "account", row_str(&r, i, 0));
        jw_put_str(w, "state", row_str(&r, i, 1));
        jw_put_str(w, "reason", row_str(&r, i, 2));
        jw_put_int(w, "since", row_int(&r, i, 3));
        jw_end(w);
    }
    jw_end(w);
    return ST_OK;
}

static enum status env_show(struct cli *cli, const struct env_config *conf, struct error *e)
{
    CLEANUP(wire_close) struct wire wire = { 0 };
    BUF(out, ENV_BYTES_MAX);
    struct json_writer w = { .b = &out };
    const struct config *c = &cli->config;
    enum status st = reader_of(cli, conf, &wire, e);

    if (st != ST_OK)
        return st;
    jw_object(&w);
    write_env(c, conf, &w);
    jw_put_str(&w, "api_base", config_text(&conf->values, SET_API_BASE));
    jw_put_str(&w, "connect", config_text(&conf->values, SET_CONNECT));
    jw_put_int(&w, "webhook_secrets", (int64_t)conf->n_webhook_secrets);
    jw_put_str(&w, "store", str_of(c->pg_url ? "postgresql" : wire.store_path));
    jw_key(&w, S("accounts"));
    st = write_accounts(&wire.env, &w, e);
    jw_key(&w, S("audit"));
    if (st == ST_OK)
        st = audit_write(&wire.env, AUDIT_SHOWN, &w, e);
    jw_end(&w);
    if (st == ST_OK)
        printf("%.*s\n", STR_ARG(buf_str(&out)));
    return st;
}

/* ---- check -------------------------------------------------------------------------------- */

static void add_leftover(struct table *t, str line)
{
    str what = json_text(line, S("what"), t->arena), cell[4] = { what, S(""), S(""), S("") };
    int64_t unknown = 0, foreign = 0, n = 0;

    if (str_eqz(what, "reference")) {
        (void)!json_int(line, S("unknown"), &unknown);
        (void)!json_int(line, S("foreign"), &foreign);
        cell[1] = arena_printf(t->arena, "%.*s.%.*s", STR_ARG(json_text(line, S("type"), t->arena)),
                               STR_ARG(json_text(line, S("field"), t->arena)));
        cell[2] = arena_printf(t->arena, "%lld unknown, %lld foreign", (long long)unknown,
                               (long long)foreign);
        cell[3] = json_text(line, S("example"), t->arena);
    } else if (str_eqz(what, "unpayable")) {
        cell[1] = json_text(line, S("id"), t->arena);
        cell[2] = json_text(line, S("state"), t->arena);
        cell[3] = json_text(line, S("payment"), t->arena);
    } else if (str_eqz(what, "account")) {
        (void)!json_int(line, S("objects"), &n);
        cell[1] = json_text(line, S("account"), t->arena);
        cell[2] = json_text(line, S("state"), t->arena);
        cell[3] = arena_printf(t->arena, "%lld objects", (long long)n);
    } else if (str_eqz(what, "application")) {
        (void)!json_int(line, S("elsewhere"), &foreign);
        (void)!json_int(line, S("unknown"), &unknown);
        cell[1] = json_text(line, S("column"), t->arena);
        cell[2] = arena_printf(t->arena, "%lld unknown, %lld foreign", (long long)unknown,
                               (long long)foreign);
    } else {
        (void)!json_int(line, S("events"), &n);
        cell[1] = json_text(line, S("reason"), t->arena);
        cell[2] = arena_printf(t->arena, "%lld events", (long long)n);
    }
    table_row(t, cell);
}

static enum status env_check(struct cli *cli, struct env_config *conf, struct error *e)
{
    ARENA(a, ENV_BYTES_MAX);
    BUF(out, ENV_BYTES_MAX);
    CLEANUP(wire_close) struct wire wire = { 0 };
    struct table t = { .arena = &a, .head = { "WHAT", "WHERE", "FOUND", "WHICH" }, .n_columns = 4 };
    struct line_printer p = { cli, &t, add_leftover };
    const struct pages pages = { line_printer_take, &p };
    size_t n = 0, mirror = 0;
    enum status st = reader_of(cli, conf, &wire, e);

    if (st == ST_OK)
        st = foreign_write(&wire.env, &out, &pages, &n, e);
    if (st != ST_OK)
        return st;
    mirror = n;
    st = application_leftovers_write(cli, conf, APPLICATION_ASKED_MAX, &out, &n, e);
    if (st == ST_NONE)
        st = ST_OK;
    pages_turn(&pages, &out);
    (void)line_printer_end(&p);
    if (st != ST_OK) /* what could not be looked at is not clean */
        return st;
    if (n)
        cli_exit_with(EXIT_FOUND);
    if (!cli->json)
        say("%s (%s, %s mode): %s%zu %s%s.", conf->name, wire.env.identity.account,
            mode_name(wire.env.identity.livemode), n ? "leftovers in " : "", n,
            n ? "place" : "leftover", n == 1 ? "" : "s");
    if (!cli->json && n > mirror)
        say("`brindle check leftovers --env %s` tells of the application's.", conf->name);
    return ST_OK;
}

/* ---- purge -------------------------------------------------------------------------------- */

static bool keep_line(void *ctx, str line)
{
    struct buf *out = ctx;

    if (json_bool(line, S("end")) != JSON_TRUE) {
        out->n = 0;
        buf_append(out, line);
    }
    return true;
}

static void tell_purge(const struct cli *cli, const struct env_config *conf, bool done,
                       int64_t objects, int64_t events)
{
    if (cli->json)
        printf("{\"env\":\"%s\",\"removed\":%s,\"objects\":%lld,\"events\":%lld}\n", conf->name,
               done ? "true" : "false", (long long)objects, (long long)events);
    else
        say("%s: %lld object%s and %lld event%s that are proven foreign %s.", conf->name,
            (long long)objects, objects == 1 ? "" : "s", (long long)events, events == 1 ? "" : "s",
            done ? "were removed" : "would be removed; say --yes");
}

static enum status env_purge(struct cli *cli, struct env_config *conf, int64_t percent,
                             struct error *e)
{
    BUF(answer, ORDER_BYTES_MAX);
    BUF(order, ORDER_BYTES_MAX);
    struct purge p = { 0 };

    if (!cli->yes) {
        CLEANUP(wire_close) struct wire wire = { 0 };
        enum status st = reader_of(cli, conf, &wire, e);
        if (st == ST_OK)
            st = purge_count(&wire.env, &p, e);
        if (st == ST_OK)
            tell_purge(cli, conf, false, p.objects, p.events);
        return st;
    }
    buf_printf(&order, "{\"op\":\"purge\",\"percent\":%lld}", (long long)percent);
    enum status st = local_run(cli, conf, buf_str(&order), keep_line, &answer, e);
    if (st != ST_OK)
        return st;
    (void)!json_int(buf_str(&answer), S("objects"), &p.objects);
    (void)!json_int(buf_str(&answer), S("events"), &p.events);
    tell_purge(cli, conf, true, p.objects, p.events);
    return ST_OK;
}

/* ---- which -------------------------------------------------------------------------------- */

enum status cmd_env(struct cli *cli, struct error *e)
{
    struct env_switch_options o = { .drain_seconds = ENV_SWITCH_DRAIN_S };
    int64_t percent = PURGE_PERCENT_USUAL;
    const struct flag flag[] = { { "from", FLAG_TEXT, { .text = &o.from } },
                                 { "url", FLAG_TEXT, { .text = &o.url } },
                                 { "until", FLAG_TEXT, { .text = &o.until } },
                                 { "dry-run", FLAG_SWITCH, { .on = &o.dry_run } },
                                 { "resume", FLAG_SWITCH, { .on = &o.resume } },
                                 { "drain-seconds", FLAG_NUMBER, { .number = &o.drain_seconds } },
                                 { "max-percent", FLAG_NUMBER, { .number = &percent } } };
    struct words words = { 0 };
    struct env_config *conf = NULL;

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 2, e);
    if (st == ST_OK)
        st = cli_load(cli, e);
    if (st != ST_OK)
        return st;
    const char *what = words.word[0], *name = words.n_words > 1 ? words.word[1] : cli->env_name;
    if (strcmp(what, "list") == 0)
        return env_list(cli, e);
    if (strcmp(what, "switch") == 0)
        return env_switch(cli, name, &o, e);
    if (strcmp(what, "show") != 0 && strcmp(what, "check") != 0 && strcmp(what, "purge") != 0)
        return fail(e, ST_INVALID, "`brindle env` takes list, show, check, purge or switch.");
    st = config_env(&cli->config, name, &conf, e);
    if (st != ST_OK)
        return st;
    if (strcmp(what, "show") == 0)
        return env_show(cli, conf, e);
    return strcmp(what, "check") == 0 ? env_check(cli, conf, e) : env_purge(cli, conf, percent, e);
}
