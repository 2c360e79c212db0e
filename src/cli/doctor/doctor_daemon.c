#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/doctor/door.h"
#include "cli/doctor/findings.h"
#include "serve/control.h"

enum { WORD_BYTES_MAX = 64 << 10, PATH_BYTES_MAX = ENV_NAME_MAX + 16, VERSION_MAX = 32 };

/* What the process that has the store says of itself. */
struct pinged {
    struct arena *a;
    char version[VERSION_MAX]; /* "": nobody answers */
    bool is_daemon;            /* not a command that has the store for a while */
};

static bool on_ping(void *ctx, str line)
{
    struct pinged *p = ctx;
    str version = json_text(line, S("version"), p->a);

    p->is_daemon = p->is_daemon || json_bool(line, S("daemon")) == JSON_TRUE;
    if (version.n)
        snprintf(p->version, sizeof p->version, "%.*s", STR_ARG(version));
    return true;
}

static void ask_who(const struct wire *w, struct pinged *out)
{
    ARENA(a, WORD_BYTES_MAX);
    struct error ignored = { 0 };

    *out = (struct pinged){ .a = &a };
    if (w->on_pg ||
        control_send(w->socket_path, S("{\"op\":\"ping\"}"), on_ping, out, &ignored) != ST_OK)
        out->version[0] = '\0';
}

/* --- what its door says -------------------------------------------------------------------- */

static void judge_word(struct doctor *d, str word, str detail)
{
    static const struct {
        const char *word;
        enum finding_id id;
    } known[] = { { "rate_limited", FOUND_RATE_LIMITED },
                  { "webhook_broken", FOUND_WEBHOOK_SECRET_MISMATCH },
                  { "identity_mismatch", FOUND_IDENTITY_LOST },
                  { "workers_lost", FOUND_DAEMON_TROUBLED },
                  { "store_unavailable", FOUND_DAEMON_TROUBLED },
                  { "disk_full", FOUND_DAEMON_TROUBLED } };

    if (!word.n || str_eqz(word, "ok") || str_eqz(word, "stale")) /* the backlog tells more */
        return;
    enum finding_id id = FOUND_ENVIRONMENT_CLOSED;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eqz(word, known[i].word))
            id = known[i].id;
    d->hears = id == FOUND_WEBHOOK_SECRET_MISMATCH;
    found(d, id, NULL, "the daemon says %.*s: %.*s", STR_ARG(word), STR_ARG(detail));
}

/* True: a daemon answers for this environment. */
static bool ask_door(struct doctor *d, const struct wire *w)
{
    ARENA(a, WORD_BYTES_MAX);
    BUF(body, DOOR_ANSWER_BYTES_MAX);
    char path[PATH_BYTES_MAX];
    struct error ignored = { 0 };
    int status = 0;

    looked(d);
    snprintf(path, sizeof path, "/readyz/%s", w->conf->name);
    if (door_get(&d->cli->config, path, &status, &body, &ignored) != ST_OK || status == 404 ||
        !json_valid(buf_str(&body)))
        return false;
    struct json_token env = json_member(buf_str(&body), str_of(w->conf->name));
    if (env.type != JSON_OBJECT)
        return false;
    if (json_text(env.text, S("configuration"), &a).n)
        found(d, FOUND_DAEMON_OLDER_CONFIGURATION, NULL,
              "the daemon refused what was configured when it last looked, and works on with what "
              "it had before");
    judge_word(d, json_text(env.text, S("status"), &a), json_text(env.text, S("detail"), &a));
    return true;
}

/* Does it know the secrets of this configuration? */
static void check_secrets(struct doctor *d, const struct env_config *conf)
{
    struct emulator_sender sender = { 0 };
    char url[DOOR_URL_MAX];
    struct error ignored = { 0 };

    looked(d);
    if (door_webhooks(&d->cli->config, conf->name, url, &ignored) != ST_OK ||
        wire_sender_open(&sender, &ignored) != ST_OK)
        return;
    for (size_t i = 0; i < conf->n_webhook_secrets; i++) {
        if (secret_is_empty(&conf->webhook_secret[i]) ||
            door_ping(&sender, &conf->webhook_secret[i], conf->name, url) != 400)
            continue;
        found(d, FOUND_DAEMON_OTHER_SECRET, NULL,
              "the daemon does not take what is signed with webhook secret %zu: it was started "
              "with another configuration",
              i + 1);
        break;
    }
    wire_sender_close(&sender);
}

void doctor_daemon(struct doctor *d, const struct wire *w)
{
    struct pinged who;
    bool listens = ask_door(d, w);
    str listen = config_text(&d->cli->config.values, SET_LISTEN);

    ask_who(w, &who);
    if (listens)
        check_secrets(d, w->conf);
    looked(d);
    if (!listens && !who.version[0] && !w->on_pg) /* on PostgreSQL it may run on another machine */
        found(d, FOUND_NOBODY_WORKS, NULL, "no daemon runs");
    looked(d);
    if (!listens && who.is_daemon)
        found(d, FOUND_DAEMON_ELSEWHERE, NULL,
              "the daemon that has the store does not listen at %.*s: it was started with "
              "--listen, or "
              "another configuration",
              STR_ARG(listen));
    looked(d);
    if (who.version[0] && strcmp(who.version, BRINDLE_VERSION) != 0)
        found(d, FOUND_DAEMON_VERSION, NULL,
              "the process that has the store is of version %s, this command of %s", who.version,
              BRINDLE_VERSION);
}
