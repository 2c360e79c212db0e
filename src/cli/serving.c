#include "cli/serving.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/reopening.h"

static enum log_level level_named(str name)
{
    static const char *const known[] = { "debug", "info", "warn", "error" };

    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eqz(name, known[i]))
            return (enum log_level)i;
    return LOG_INFO; /* the configuration was checked when it was read */
}

enum status serving_begin(struct serving *s, struct error *e)
{
    struct config *c = &s->cli->config;

    s->listen = config_text(&c->values, SET_LISTEN);
    s->log = (struct log){ .fd = STDERR_FILENO,
                           .least = level_named(config_text(&c->values, SET_LOG_LEVEL)),
                           .json = str_eqz(config_text(&c->values, SET_LOG_FORMAT), "json") };
    struct http_address address;
    enum status st = http_address_parse(s->listen, &address, e);
    if (st == ST_OK)
        st = datadir_make(c->data_dir, e);
    if (st != ST_OK)
        return st;
    if (!secret_is_empty(&c->token)) {
        s->token = c->token;
        return ST_OK;
    }
    return datadir_secret(c->data_dir, "token", "", wire_rng(), &s->token, &s->token_made, e);
}

bool serving_is_chosen(const struct cli *cli, const struct env_config *conf)
{
    return !conf->found && (!cli->env_name || str_eqz(str_of(cli->env_name), conf->name));
}

enum status serving_hears(const struct env_config *conf, struct error *e)
{
    if (conf->n_webhook_secrets || config_catch_up_seconds(conf) != 0)
        return ST_OK;
    return fail(e, ST_INVALID,
                "Environment %s has no webhook secret and does not read the list of events either, "
                "so that it would hear of nothing: set webhook_secret in its section of "
                "brindle.conf, or STRIPE_WEBHOOK_SECRET, or catch_up_seconds.",
                conf->name);
}

void serving_add(struct serving *s)
{
    struct wire *w = &s->wire[s->n];

    if (w->key_changed)
        log_say(&s->log, LOG_INFO, LOG_key_changed, LF_ENV(&w->env));
    s->env[s->n++] = (struct daemon_env){
        .env = &w->env,
        .webhook_secret = w->conf->webhook_secret,
        .n_webhook_secrets = w->conf->n_webhook_secrets,
        .workers = (unsigned)config_number(&w->conf->values, SET_WORKERS),
        .socket_path = w->socket_path[0] ? w->socket_path : NULL,
        .every_second = wire_every_second,
        .metrics = wire_metrics,
        .progress = wire_progress,
        .rate_limited = wire_rate_limited,
        .abandon = wire_abandon,
        .ctx = w,
    };
}

void serving_add_closed(struct serving *s, const struct env_config *conf, enum closed why,
                        const char *text)
{
    struct wire *w = &s->wire[s->n];
    struct error ignored = { 0 };
    bool readable = wire_open(w, &s->cli->config, conf, WIRE_READ, &ignored) == ST_OK;

    snprintf(s->closed_text[s->n], sizeof s->closed_text[s->n], "%s", text);
    s->env[s->n] = (struct daemon_env){
        .env = &w->env,
        .closed = why,
        .closed_text = s->closed_text[s->n],
        .readable = readable,
        .webhook_secret = conf->webhook_secret,
        .n_webhook_secrets = conf->n_webhook_secrets,
        .ctx = w,
    };
    s->n++;
}

enum status serving_run(struct serving *s, void (*ready)(void *ctx, unsigned port), void *ctx,
                        struct error *e)
{
    const struct daemon_options o = {
        .listen = s->listen,
        .token = &s->token,
        .log = &s->log,
        .env = s->env,
        .n_envs = s->n,
        .grace_ms = config_number(&s->cli->config.values, SET_GRACE) * 1000,
        .ready = ready,
        .ctx = ctx,
        .changed = s->reopening ? reopening_is_due : NULL,
        .may_begin_anew = reopening_try,
        .reopening = s->reopening,
        .refused = s->refused,
        .anew = s->reopening ? &s->anew : NULL,
    };

    return daemon_run(&o, e);
}

void serving_forget(struct serving *s)
{
    for (size_t i = 0; i < s->n; i++)
        wire_close(&s->wire[i]);
    s->n = s->n_usable = 0;
}

void serving_close(struct serving *s)
{
    reopening_end(s->reopening);
    s->reopening = NULL;
    serving_forget(s);
    secret_wipe(&s->token);
}
