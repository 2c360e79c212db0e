#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/checks.h"
#include "cli/doctor/findings.h"
#include "cli/switch/switcher.h"

enum { APPLICATION_ASKED_MAX = 200 }; /* ids: nobody is worked for meanwhile */

void switcher_endpoint(struct switch_world *w, struct env *env, const struct switch_endpoint *wish,
                       bool *right)
{
    struct switcher *s = switcher_of(w);
    struct cli asked = *s->cli;
    struct doctor d = {
        .cli = &asked,
        .env = env->name,
        .url = wish->url,
        .fix = wish->mend,
        .make_key = wish->key,
        .make_again = wish->again,
    };

    asked.yes = true; /* it was asked before the switch began */
    doctor_endpoints(&d, switcher_wire(s, env));
    *right = !d.errors && !d.warnings;
}

size_t switcher_n_secrets(struct switch_world *w, const char *env)
{
    return switcher_config(switcher_of(w), env)->n_webhook_secrets;
}

const char *switcher_door(struct switch_world *w, const char *env, struct error *e)
{
    struct switcher *s = switcher_of(w);

    return door_webhooks(s->c, env, s->door, e) == ST_OK ? s->door : NULL;
}

/* A daemon that has refused what is configured now may know nothing of the target, or other
 * secrets: that does not change until somebody mends it. */
static bool works_with_former(const struct config *c)
{
    ARENA(a, DOOR_ANSWER_BYTES_MAX);
    BUF(body, DOOR_ANSWER_BYTES_MAX);
    struct error ignored = { 0 };
    int status = 0;

    return door_get(c, "/readyz", &status, &body, &ignored) == ST_OK &&
           json_valid(buf_str(&body)) &&
           str_eqz(json_text(buf_str(&body), S("configuration"), &a), "refused");
}

enum status switcher_ping(struct switch_world *w, const char *env, size_t secret, int *http,
                          struct error *e)
{
    struct switcher *s = switcher_of(w);
    enum status st = s->sends ? ST_OK : wire_sender_open(&s->sender, e);

    if (st != ST_OK)
        return st;
    s->sends = true;
    *http = door_ping(&s->sender, &switcher_config(s, env)->webhook_secret[secret], env, s->door);
    if ((*http != 400 && *http != 404) || !works_with_former(s->c))
        return ST_OK;
    return fail(e, ST_REFUSED,
                "The daemon answered %d to a signed ping at %s, for it has refused the "
                "configuration that is there now and works with what it had: its log says why "
                "(reload_refused). Mend that, and reload it (SIGHUP): then it goes on with the "
                "switch by itself, and so does `brindle env switch %s`.",
                *http, s->door, env);
}

bool switcher_application(struct switch_world *w, const char *env, struct buf *text)
{
    struct application_leftovers n;
    struct error why = { 0 };
    struct switcher *s = switcher_of(w);
    struct env_config *conf = switcher_config(s, env);
    long long seconds = (long long)config_number(&conf->values, SET_APP_SECONDS);

    if (seconds <= 0 && config_text(&conf->values, SET_APP_DATABASE).n) {
        buf_printf(text,
                   "; the application's database was not looked at (application_seconds): brindle "
                   "check leftovers --env %s does that",
                   env);
        return true;
    }
    enum status st =
        application_leftovers(s->cli, conf, APPLICATION_ASKED_MAX, seconds * 1000, &n, &why);
    if (st == ST_NONE)
        return false;
    if (st != ST_OK) {
        buf_printf(text, "; the application's database was not looked at: %s", why.text);
        return true;
    }
    buf_printf(text, "; %lld ids of elsewhere in the application's database",
               (long long)n.elsewhere);
    if (n.unknown)
        buf_printf(text, ", %lld unknown", (long long)n.unknown);
    if (!n.whole)
        buf_printf(text,
                   ", as far as it was looked at: %zu of %zu columns were not looked at to their "
                   "end",
                   n.columns - n.looked, n.columns);
    if (n.elsewhere || n.unknown || !n.whole)
        buf_printf(text, ": brindle check leftovers --env %s", env);
    return n.elsewhere || n.unknown || !n.whole;
}
