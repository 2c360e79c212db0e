#include <stdio.h>

#include "cli/local.h"
#include "cli/output.h"
#include "cli/reopening.h"
#include "cli/serving.h"
#include "cli/switch/finding.h"
#include "core/environment/seal.h"

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

/* Why an environment is closed when it could not be opened so. */
static enum closed closed_for(enum status st)
{
    switch (st) {
    case ST_RETRY: return CLOSED_AWAY;
    case ST_REFUSED: return CLOSED_IDENTITY;
    case ST_CONFLICT: return CLOSED_LOCKED;
    case ST_OK:
    case ST_NONE:
    case ST_INVALID:
    case ST_LIMIT:
    case ST_BROKEN: break;
    }
    return CLOSED_UNUSABLE;
}

/* What is sealed is read by a newer program, too: its tables are brought up to date. */
static void bring_up_to_date(const struct config *c, const struct env_config *conf)
{
    CLEANUP(wire_close) struct wire reader = { 0 }, writer = { 0 };
    struct error ignored = { 0 };

    if (wire_open(&reader, c, conf, WIRE_READ, &ignored) == ST_REFUSED)
        (void)!wire_open(&writer, c, conf, WIRE_FORGET, &ignored);
}

/* Another environment took over, or a switch is under way: it is not even tried. Where nobody can
 * tell, whoever opens it says so. */
static bool add_sealed(struct serving *s, struct env_config *conf)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    const struct config *c = &s->cli->config;
    char from[ENV_NAME_MAX + 1], text[ERROR_TEXT_MAX];
    struct error ignored = { 0 };
    struct seal seal = { 0 };

    if (wire_open(&w, c, conf, WIRE_LOOK, &ignored) == ST_OK &&
        seal_read(&w.env, &seal, &ignored) != ST_OK)
        seal = (struct seal){ 0 };
    error_clear(&ignored);
    enum status known = switch_from(c, conf->name, from, &ignored);
    if (known != ST_OK && !seal.sealed_for[0] && !seal.target[0])
        return false;
    if (!seal.sealed_for[0] && !seal.target[0] && !from[0])
        return false;
    bool under_way = seal.target[0] || from[0];
    if (!under_way)
        bring_up_to_date(c, conf);
    const char *source = from[0] ? from : conf->name, *target = from[0] ? conf->name : seal.target;
    if (under_way)
        snprintf(text, sizeof text,
                 "a switch from %s to %s is under way: `brindle env switch %s` goes on with it, "
                 "`brindle env switch %s` goes back",
                 source, target, target, source);
    else
        snprintf(text, sizeof text,
                 "environment %s was sealed when %s took over: it can be read, and `brindle env "
                 "switch %s` opens it again",
                 conf->name, seal.sealed_for, conf->name);
    serving_add_closed(s, conf, under_way ? CLOSED_SWITCH : CLOSED_SEALED, text);
    s->n_usable += under_way || s->env[s->n - 1].readable;
    return true;
}

/* One that cannot be opened does not keep the others from their work. `why` is its own. */
static enum status open_one(struct serving *s, struct env_config *conf, bool alone,
                            struct error *why)
{
    struct config *c = &s->cli->config;

    if (add_sealed(s, conf))
        return ST_OK;
    enum status st = config_refuse_demo(c, conf, why);
    if (st == ST_OK)
        st = serving_hears(conf, why);
    if (st == ST_OK)
        st = open_or_take_over(&s->wire[s->n], c, conf, why);
    if (st == ST_OK) {
        serving_add(s);
        s->n_usable++;
        return ST_OK;
    }
    wire_close(&s->wire[s->n]);
    if (!alone)
        serving_add_closed(s, conf, closed_for(st), why->text);
    return st;
}

static enum status open_each(struct serving *s, struct cli *cli, size_t chosen, bool once,
                             struct error *e)
{
    struct config *c = &cli->config;
    enum status first = ST_OK;

    for (size_t i = 0; i < c->n_envs; i++) {
        struct error why = { 0 };
        if (!serving_is_chosen(cli, &c->env[i]))
            continue;
        c->env[i].try_once = once;
        enum status st = open_one(s, &c->env[i], chosen == 1, &why);
        if (st == ST_OK || (first != ST_OK && first != ST_RETRY))
            continue;
        first = st;
        *e = why;
    }
    return first;
}

/* With several, each is asked for once; those whose key nobody has confirmed yet are asked for
 * again while the others work. Only when nothing at all could be opened, Stripe is waited for. */
static enum status open_all(struct serving *s, struct cli *cli, struct error *e)
{
    struct config *c = &cli->config;
    size_t chosen = 0;

    for (size_t i = 0; i < c->n_envs; i++)
        chosen += serving_is_chosen(cli, &c->env[i]);
    enum status st = open_each(s, cli, chosen, chosen > 1, e);
    if (chosen > 1 && !s->n_usable && st == ST_RETRY) {
        serving_forget(s);
        error_clear(e);
        st = open_each(s, cli, chosen, false, e);
    }
    if (s->n_usable) {
        error_clear(e);
        return reopening_begin(&s->reopening, s, e);
    }
    if (st != ST_OK)
        return st;
    return fail(e, ST_INVALID,
                "No environment%s%s is configured: set STRIPE_SECRET_KEY and "
                "STRIPE_WEBHOOK_SECRET, or write brindle.conf (see `brindle help settings`).",
                cli->env_name ? " " : "", cli->env_name ? cli->env_name : "");
}

static void on_ready(void *ctx, unsigned port)
{
    struct serving *s = ctx;
    struct http_address address;
    struct error ignored = { 0 };
    bool v6;

    atomic_store(&s->port, port);
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
        if (s->env[i].closed != CLOSED_NOT)
            say("brindle: %s is closed (%s): %s", s->wire[i].env.name,
                closed_name(s->env[i].closed), s->closed_text[i]);
        else
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

/* From a start to an end, with the configuration that is loaded. */
static enum status live(struct serving *s, struct error *e)
{
    s->anew = ANEW_NOT;
    enum status st = serving_begin(s, e);
    if (st == ST_OK)
        st = open_all(s, s->cli, e);
    if (st == ST_OK)
        st = serving_run(s, on_ready, s, e);
    return st;
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
    while (st == ST_OK) {
        st = live(&s, e);
        if (s.anew != ANEW_AS_BEFORE)
            break;
        serving_close(&s);
    }
    cli->begin_anew = st == ST_OK && s.anew == ANEW_CONFIGURED;
    return st;
}
