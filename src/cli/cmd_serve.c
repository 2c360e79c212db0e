#include <stdio.h>

#include "cli/local.h"
#include "cli/output.h"
#include "cli/serving.h"

enum { HANDOVER_WAIT_MS = 30 * 1000 };

static bool ignore_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return true;
}

/* A command that has the store gives it up when it is asked; another daemon does not. */
static enum status open_or_take_over(struct wire *w, const struct config *c,
                                     const struct env_config *conf, struct error *e)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + HANDOVER_WAIT_MS;

    for (;;) {
        struct error why = { 0 }, refused = { 0 };
        enum status st = wire_open(w, c, conf, WIRE_WRITE, &why);
        if (st == ST_OK)
            return ST_OK;
        bool locked = st == ST_CONFLICT && w->locked;
        char socket_path[DATA_PATH_MAX];
        datadir_socket_path(c->data_dir, conf->name, socket_path);
        wire_close(w);
        if (locked && control_send(socket_path, S("{\"op\":\"handover\"}"), ignore_line, NULL,
                                   &refused) == ST_REFUSED)
            locked = false; /* a daemon: it stays */
        if (!locked || clock_mono(clock) >= until) {
            *e = why;
            return st;
        }
        clock_sleep(clock, 100);
    }
}

static enum status open_all(struct serving *s, struct cli *cli, struct error *e)
{
    struct config *c = &cli->config;

    for (size_t i = 0; i < c->n_envs; i++) {
        if (c->env[i].found || (cli->env_name && !str_eqz(str_of(cli->env_name), c->env[i].name)))
            continue;
        enum status st = config_refuse_demo(c, &c->env[i], e);
        if (st == ST_OK)
            st = open_or_take_over(&s->wire[s->n], c, &c->env[i], e);
        if (st != ST_OK)
            return st;
        serving_add(s);
    }
    if (s->n)
        return ST_OK;
    return fail(e, ST_INVALID,
                "No environment%s%s is configured: set STRIPE_SECRET_KEY and "
                "STRIPE_WEBHOOK_SECRET, or write brindle.conf (see `brindle help settings`).",
                cli->env_name ? " " : "", cli->env_name ? cli->env_name : "");
}

static void on_ready(void *ctx, unsigned port)
{
    const struct serving *s = ctx;
    struct http_address address;
    struct error ignored = { 0 };
    bool v6;

    if (http_address_parse(s->listen, &address, &ignored) != ST_OK)
        return;
    v6 = str_find(str_of(address.host), ':') < str_of(address.host).n;
    if (s->cli->json) {
        printf("{\"listening\":\"http://%s%s%s:%u\",\"port\":%u}\n", v6 ? "[" : "", address.host,
               v6 ? "]" : "", port, port);
        fflush(stdout);
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        say("brindle: %s (%s, %s mode) takes webhooks at http://%s%s%s:%u/webhooks/%s",
            s->wire[i].env.name, s->wire[i].env.identity.account,
            s->wire[i].env.identity.livemode ? "live" : "test", v6 ? "[" : "", address.host,
            v6 ? "]" : "", port, s->wire[i].env.name);
    if (s->token_made)
        say("brindle: the API's token was made and is in %s/token", s->cli->config.data_dir);
    if (!address.loopback)
        say("brindle: %s is reachable from outside without TLS; put a TLS proxy in front",
            address.host);
}

enum status cmd_serve(struct cli *cli, struct error *e)
{
    CLEANUP(serving_close) struct serving s = { .cli = cli };
    const struct flag flag[] = { { "listen", FLAG_TEXT, { .text = &cli->flags.listen } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st == ST_OK)
        st = cli_load(cli, e);
    if (st == ST_OK)
        st = serving_begin(&s, e);
    if (st == ST_OK)
        st = open_all(&s, cli, e);
    return st == ST_OK ? serving_run(&s, on_ready, &s, e) : st;
}
