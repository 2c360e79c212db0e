#include <stdio.h>
#include <string.h>

#include "cli/checks.h"
#include "cli/doctor/door.h"
#include "cli/doctor/findings.h"
#include "cli/switch/switching.h"
#include "core/api.h"
#include "core/environment/foreign.h"

enum {
    PING_WAIT_MS = 20 * 1000, /* for a daemon that begins anew */
    LEFTOVER_BYTES_MAX = 16 << 20,
    ANSWER_BYTES_MAX = 16 << 20,
    KEY_MAX = 96,
    KEY_KNOWN_MS = 23 * 3600 * 1000, /* Stripe forgets keys after a day [facts: 4.6] */
    APPLICATION_ASKED_MAX = 200,     /* ids: nobody is worked for meanwhile */
};

/* Nobody has seen what Stripe does not show now: that is no "ok". */
static enum status see_endpoints(struct switching *s, struct wire *w, bool *seen, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    enum status st = api_get(&w->env, S("/v1/webhook_endpoints"), S("limit=1"), LANE_USER,
                             S("switch"), &got, &a, e);

    *seen = st == ST_OK && got.meaning == API_OK;
    if (st != ST_OK)
        return failed(s, "endpoint", st, e);
    if (!*seen)
        item(s, "endpoint", SKIPPED, "the account's webhook endpoints cannot be seen: %s", got.why);
    return ST_OK;
}

/* An endpoint's secret is told once, when it is made. Broken off there, the same request under the
 * same key tells it once more, as long as Stripe knows the key. */
static enum status prepare_endpoint(struct switching *s, struct doctor *d, char key[KEY_MAX],
                                    struct error *e)
{
    bool broken_off = step_is_done(s, "making") && !step_is_done(s, "checked");

    d->url = s->seal.url[0] ? s->seal.url : s->o->url; /* as it began: the key is for that alone */
    d->fix = d->url && !s->o->dry_run;
    if (!d->fix || !s->from)
        return ST_OK;
    snprintf(key, KEY_MAX, "brindle-switch-%s-%lld", s->to->name, (long long)s->seal.started_at);
    d->make_key = key;
    d->make_again = broken_off && clock_wall(wire_clock()) - s->seal.started_at < KEY_KNOWN_MS;
    return note(s, "making", e);
}

enum status look_at_endpoint(struct switching *s, struct wire *w, struct error *e)
{
    struct cli asked = *s->cli;
    struct doctor d = { .cli = &asked, .env = s->to->name };
    char key[KEY_MAX];
    bool seen;
    enum status st = see_endpoints(s, w, &seen, e);

    if (st != ST_OK || !seen)
        return st;
    st = prepare_endpoint(s, &d, key, e);
    if (st != ST_OK)
        return failed(s, "endpoint", st, e);
    asked.yes = true; /* it was asked before the switch began */
    doctor_endpoints(&d, w);
    if (d.errors || d.warnings)
        item(s, "endpoint", WARNED,
             "the account's webhook endpoint is not as it should be; until it is, changes are seen "
             "when the list of events is read");
    else
        item(s, "endpoint", DONE, "a webhook endpoint of the account leads here");
    return ST_OK;
}

/* A daemon that begins anew is waited for. */
static int ping(struct switching *s, const struct emulator_sender *sender,
                const struct secret *secret, const char *url)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + (s->daemon ? PING_WAIT_MS : 0);

    for (;;) {
        int status = door_ping(sender, secret, s->to->name, url);
        if ((status != 0 && status != 404) || clock_mono(clock) >= until || cli_interrupted())
            return status;
        clock_sleep(clock, SWITCH_LOOK_MS);
    }
}

enum status ping_all(struct switching *s, struct error *e)
{
    struct emulator_sender sender = { 0 };
    char url[DOOR_URL_MAX];
    int status = 200;
    enum status st = door_webhooks(s->c, s->to->name, url, e);

    if (st == ST_OK && s->to->n_webhook_secrets == 0) {
        item(s, "ping", WARNED, "%s has no webhook secret: the list of events must do",
             s->to->name);
        return ST_OK;
    }
    if (st == ST_OK)
        st = wire_sender_open(&sender, e);
    if (st != ST_OK)
        return failed(s, "ping", st, e);
    for (size_t i = 0; i < s->to->n_webhook_secrets && status == 200; i++)
        status = ping(s, &sender, &s->to->webhook_secret[i], url);
    wire_sender_close(&sender);
    s->daemon = status != 0;
    if (status == 0)
        item(s, "ping", SKIPPED, "no daemon listens at %s", url);
    else if (status == 200)
        item(s, "ping", DONE, "the daemon takes what is signed with %s's %zu secret%s", s->to->name,
             s->to->n_webhook_secrets, s->to->n_webhook_secrets == 1 ? "" : "s");
    else
        st = failed(s, "ping", ST_REFUSED,
                    &(struct error){ .text = "the daemon does not take what is signed with the "
                                             "webhook secret: is its configuration another one?" });
    return st == ST_OK
               ? ST_OK
               : fail(e, ST_REFUSED, "The daemon answered %d to a signed ping at %s.", status, url);
}

/* What the application's own database holds of elsewhere is reported, and hinders nothing: it is
 * mended by whoever runs the application. True: there is something to tell. */
static bool look_at_application(struct switching *s, struct buf *text)
{
    struct application_leftovers n;
    struct error why = { 0 };
    enum status st = application_leftovers(s->cli, s->to, APPLICATION_ASKED_MAX, &n, &why);

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
        buf_printf(text, ", as far as it was looked at");
    if (n.elsewhere || n.unknown || !n.whole)
        buf_printf(text, ": brindle check leftovers --env %s", s->to->name);
    return n.elsewhere || n.unknown || !n.whole;
}

enum status look_for_leftovers(struct switching *s, struct env *env, struct error *e)
{
    BUF(out, LEFTOVER_BYTES_MAX);
    BUF(text, SWITCH_TEXT_MAX);
    size_t n = 0;
    enum status st = foreign_write(env, &out, &n, e);

    if (st != ST_OK)
        return failed(s, "leftovers", st, e);
    buf_printf(&text, "%zu in the mirror of %s", n, s->to->name);
    if (n)
        buf_printf(&text, ": brindle env check %s", s->to->name);
    bool more = look_at_application(s, &text);
    item(s, "leftovers", n || more ? WARNED : DONE, "%.*s", STR_ARG(buf_str(&text)));
    return ST_OK;
}
