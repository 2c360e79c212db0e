#include "cli/env_switch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hmac.h"
#include "base/json.h"
#include "cli/checks.h"
#include "cli/findings.h"
#include "cli/keys.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/foreign.h"
#include "core/seal.h"
#include "core/status.h"
#include "net/http.h"
#include "serve/control.h"
#include "serve/engine.h"
#include "serve/webhook.h"

enum {
    STORE_WAIT_MS = 40 * 1000, /* for a daemon to let go of a store, or to take one */
    LOOK_MS = 100,
    RETRY_MS = 500,
    DRAIN_GRACE_MS = 10 * 1000,
    PING_MS = 5 * 1000,
    PING_WAIT_MS = 20 * 1000, /* for a daemon that begins anew */
    TEXT_MAX = 700,
    LEFTOVER_BYTES_MAX = 16 << 20,
    PING_BODY_MAX = 512,
    ORDER_MAX = 256,
    URL_MAX = 256,
    APPLICATION_ASKED_MAX = 200, /* ids: nobody is worked for meanwhile */
};

struct switching {
    struct cli *cli;
    struct config *c;
    const struct env_switch_options *o;
    struct env_config *from, *to; /* from NULL: nothing is left behind */
    struct wire source, target;   /* open while they are ours */
    struct seal seal;             /* of the source, at the start */
    bool daemon;                  /* one was there */
    bool stopped;                 /* behind --until */
    struct buf notes;             /* the checklist, as JSON without its end */
};

/* ---- the checklist ------------------------------------------------------------------------ */

enum outcome { DONE, WARNED, SKIPPED, FAILED, PLANNED };

static const char *outcome_name(enum outcome o)
{
    switch (o) {
    case DONE: return "ok";
    case WARNED: return "warning";
    case SKIPPED: return "skipped";
    case FAILED: return "failed";
    case PLANNED: return "planned";
    }
    return "?";
}

static void write_item(struct buf *b, const char *step, enum outcome o, const char *text)
{
    struct json_writer w = { .b = b };

    jw_object(&w);
    jw_put_str(&w, "step", str_of(step));
    jw_put_str(&w, "outcome", str_of(outcome_name(o)));
    jw_put_str(&w, "text", str_of(text));
    jw_end(&w);
}

static void item(struct switching *s, const char *step, enum outcome o, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void item(struct switching *s, const char *step, enum outcome o, const char *fmt, ...)
{
    static const enum color color[] = { COLOR_GOOD, COLOR_WARN, COLOR_DIM, COLOR_BAD, COLOR_DIM };
    char text[TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_char(&s->notes, s->notes.n ? ',' : '[');
    write_item(&s->notes, step, o, text);
    if (s->cli->json) {
        BUF(line, TEXT_MAX * 8);
        write_item(&line, step, o, text);
        printf("%.*s\n", STR_ARG(buf_str(&line)));
    } else {
        printf("%s%-8s%s %-10s %s\n", color_on(stdout, color[o]), outcome_name(o),
               color_off(stdout), step, text);
    }
    fflush(stdout);
    s->stopped = s->stopped || (s->o->until && o != FAILED && strcmp(s->o->until, step) == 0);
}

static enum status failed(struct switching *s, const char *step, enum status st,
                          const struct error *e)
{
    item(s, step, FAILED, "%s", e->text);
    return st;
}

/* The journal knows as much as the reader of the checklist. */
static enum status note(struct switching *s, const char *step, struct error *e)
{
    BUF(whole, SWITCH_NOTES_BYTES_MAX);

    if (!s->from)
        return ST_OK;
    buf_append(&whole, buf_str(&s->notes));
    buf_append(&whole, whole.n ? S("]") : S("[]"));
    return switch_step(&s->source.env, step, whole.failed ? S("[]") : buf_str(&whole), e);
}

/* ---- whence ------------------------------------------------------------------------------- */

static enum status seal_of(struct switching *s, const struct env_config *conf, struct seal *out,
                           struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    enum status st = wire_open(&w, s->c, conf, WIRE_READ, e);

    return st == ST_OK ? seal_read(&w.env, out, e) : st;
}

/* One from which a switch to the target is under way; else the named one; else the only one that is
 * open. */
static enum status find_source(struct switching *s, struct error *e)
{
    struct env_config *open = NULL;
    size_t n_open = 0;

    for (size_t i = 0; i < s->c->n_envs; i++) {
        struct env_config *conf = &s->c->env[i];
        struct error why = { 0 };
        struct seal seal = { 0 };
        if (conf == s->to || seal_of(s, conf, &seal, &why) != ST_OK)
            continue;
        bool named = s->o->from && strcmp(s->o->from, conf->name) == 0;
        if (strcmp(seal.target, s->to->name) == 0) {
            s->from = conf;
            s->seal = seal;
            return ST_OK;
        }
        if (named || (!s->o->from && !seal.sealed_for[0])) {
            open = conf;
            s->seal = seal;
            n_open++;
        }
    }
    if (n_open > 1)
        return fail(e, ST_INVALID,
                    "Several environments are open: say which one ends, with --from NAME (`brindle "
                    "env list`).");
    if (s->o->from && !n_open)
        return fail(e, ST_INVALID, "There is no store of an environment \"%s\".", s->o->from);
    s->from = open;
    return ST_OK;
}

/* ---- before anything changes --------------------------------------------------------------- */

static enum status ask_identity(struct switching *s, struct identity *id, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    enum status st = wire_open(&w, s->c, s->to, WIRE_ASK, e);

    if (st == ST_OK)
        st = env_identify(&w.world, w.env.declared, id, e);
    if (st == ST_NONE)
        return fail(e, ST_REFUSED, "api_base of %s has neither account nor balance.", s->to->name);
    return st;
}

static enum status check_against(struct switching *s, const struct env_config *conf,
                                 const struct identity *id, bool same, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error ignored = { 0 };

    if (!conf || wire_open(&w, s->c, conf, WIRE_READ, &ignored) != ST_OK ||
        identity_same(&w.env.identity, id) == same)
        return ST_OK;
    if (!same)
        return fail(e, ST_REFUSED,
                    "The key of %s reaches %s in %s mode, and so does %s: that is no other "
                    "environment.",
                    s->to->name, id->account, mode_name(id->livemode), conf->name);
    return fail(e, ST_REFUSED,
                "The store of %s is of %s in %s mode, but its key reaches %s in %s mode. Set the "
                "right key.",
                conf->name, w.env.identity.account, mode_name(w.env.identity.livemode), id->account,
                mode_name(id->livemode));
}

static enum status preflight(struct switching *s, struct error *e)
{
    struct identity id = { .livemode = false };
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + config_number(&s->to->values, SET_START) * 1000;
    enum status st = ask_identity(s, &id, e);

    /* A switch that has begun waits for Stripe; one that has not, had better not begin. */
    while (st == ST_RETRY && s->seal.target[0] && clock_mono(clock) < until && !cli_interrupted()) {
        clock_sleep(clock, RETRY_MS);
        error_clear(e);
        st = ask_identity(s, &id, e);
    }
    if (st == ST_OK)
        st = check_against(s, s->to, &id, true, e);
    if (st == ST_OK)
        st = check_against(s, s->from, &id, false, e);
    if (st != ST_OK)
        return failed(s, "preflight", st, e);
    item(s, "preflight", DONE, "%s is %s in %s mode; it takes over from %s", s->to->name,
         id.account, mode_name(id.livemode),
         s->from ? s->from->name : "nobody, for no other is open");
    return ST_OK;
}

/* ---- the source --------------------------------------------------------------------------- */

/* While another process has it: a daemon that has seen the journal lets go. */
static enum status open_waiting(struct switching *s, struct wire *w, struct env_config *conf,
                                enum wire_mode mode, struct error *e)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + STORE_WAIT_MS;

    conf->switching = true;
    for (;;) {
        struct error why = { 0 };
        enum status st = wire_open(w, s->c, conf, mode, &why);
        bool locked = st == ST_CONFLICT && w->locked;
        if (st == ST_OK && mode == WIRE_FILL)
            st = env_recall(&w->env, &why);
        if (st == ST_OK)
            return ST_OK;
        wire_close(w);
        if (!locked || clock_mono(clock) >= until || cli_interrupted()) {
            *e = why;
            return st;
        }
        clock_sleep(clock, LOOK_MS);
    }
}

static bool ignore_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return true;
}

/* The daemon writes the journal itself, for the store is its own. */
static enum status begin(struct switching *s, struct error *e)
{
    BUF(order, ORDER_MAX);
    char path[DATA_PATH_MAX];
    enum status st = ST_NONE;

    if (s->seal.target[0])
        return ST_OK;
    datadir_socket_path(s->c->data_dir, s->from->name, path);
    buf_printf(&order, "{\"op\":\"switch\",\"target\":\"%s\"}", s->to->name);
    if (!s->c->pg_url)
        st = control_send(path, buf_str(&order), ignore_line, NULL, e);
    if (st != ST_NONE) {
        s->daemon = true;
        return st;
    }
    error_clear(e);
    st = open_waiting(s, &s->source, s->from, WIRE_FILL, e);
    if (st == ST_OK)
        st = switch_begin(&s->source.env, s->to->name, e);
    wire_close(&s->source);
    return st;
}

static int64_t still_due(struct switching *s)
{
    struct mirror_status m = { 0 };
    struct error ignored = { 0 };

    return status_read(&s->source.env, &m, &ignored) == ST_OK ? m.due : -1;
}

static void work_off(struct switching *s)
{
    static const struct log quiet = { .fd = 2, .least = LOG_ERROR };
    struct clock *clock = wire_clock();
    struct engine *engine = NULL;
    struct error ignored = { 0 };
    msec until = clock_mono(clock) + s->o->drain_seconds * 1000;
    const struct engine_options o = {
        .env = &s->source.env,
        .log = &quiet,
        .workers = (unsigned)config_number(&s->from->values, SET_WORKERS),
        .every_second = wire_every_second,
        .abandon = wire_abandon,
        .ctx = &s->source,
    };

    if (engine_start(&engine, &o, &ignored) != ST_OK)
        return;
    while (still_due(s) > 0 && clock_mono(clock) < until && !cli_interrupted())
        clock_sleep(clock, LOOK_MS);
    env_stop(&s->source.env);
    engine_stop(engine, DRAIN_GRACE_MS);
}

/* With its own key, if that is still there and right. Otherwise what is due stays due: it goes on
 * if the environment is ever opened again. */
static enum status drain(struct switching *s, struct error *e)
{
    struct error why = { 0 };
    enum status st = ST_REFUSED;

    s->from->try_once = true;
    if (strcmp(s->seal.sealed_for, s->to->name) != 0 && s->o->drain_seconds > 0)
        st = open_waiting(s, &s->source, s->from, WIRE_WRITE, &why);
    if (st != ST_OK) {
        st = open_waiting(s, &s->source, s->from, WIRE_FILL, e);
        if (st == ST_OK && still_due(s) == 0)
            item(s, "drained", DONE, "nothing was due in %s", s->from->name);
        else if (st == ST_OK)
            item(s, "drained", SKIPPED, "%lld things stay due in %s%s%s", (long long)still_due(s),
                 s->from->name, why.text[0] ? ": " : "", why.text);
        return st;
    }
    int64_t before = still_due(s);
    if (before > 0)
        work_off(s);
    int64_t left = still_due(s);
    item(s, "drained", left ? WARNED : DONE, "%lld things were due in %s, %lld are left",
         (long long)before, s->from->name, (long long)left);
    return ST_OK;
}

static enum status leave(struct switching *s, struct error *e)
{
    enum status st = begin(s, e);

    if (st != ST_OK)
        return failed(s, "begun", st, e);
    item(s, "begun", DONE, "neither %s nor %s is worked for until this is over", s->from->name,
         s->to->name);
    if (s->stopped)
        return ST_OK;
    st = drain(s, e);
    if (st != ST_OK)
        return failed(s, "drained", st, e);
    if (s->stopped)
        return note(s, "drained", e);
    st = note(s, "sealed", e);
    if (st != ST_OK)
        return failed(s, "sealed", st, e);
    item(s, "sealed", DONE, "%s is read from now on, never written", s->from->name);
    return ST_OK;
}

/* ---- the target --------------------------------------------------------------------------- */

static enum status open_target(struct switching *s, struct error *e)
{
    enum status st = open_waiting(s, &s->target, s->to, WIRE_WRITE, e);

    if (st != ST_OK)
        return failed(s, "opened", st, e);
    item(s, "opened", DONE, "%s is %s in %s mode, and its store is its own", s->to->name,
         s->target.env.identity.account, mode_name(s->target.env.identity.livemode));
    return note(s, "opened", e);
}

static enum status look_at_endpoint(struct switching *s, struct wire *w)
{
    struct doctor d = {
        .cli = s->cli, .env = s->to->name, .fix = s->o->url && !s->o->dry_run, .url = s->o->url
    };

    doctor_endpoints(&d, w);
    item(s, "endpoint", d.errors || d.warnings ? WARNED : DONE, "%s",
         d.errors || d.warnings ? "the account's webhook endpoint is not as it should be; until it "
                                  "is, changes are seen when the list of events is read"
                                : "a webhook endpoint of the account leads here");
    return ST_OK;
}

/* Signed as Stripe would. */
static void sign(const struct secret *secret, str body, msec now, char out[128])
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX], t[24];
    struct hmac *h = hmac_new(secret_reveal(secret));

    int n = snprintf(t, sizeof t, "%lld", (long long)(now / 1000));
    hmac_sum(h, (str){ t, (size_t)n }, S("."), body, sum);
    hmac_free(h);
    hmac_hex(sum, hex);
    snprintf(out, 128, "t=%s,v1=%.*s", t, HMAC_HEX, hex);
}

static enum status ping_url(struct switching *s, char url[URL_MAX], struct error *e)
{
    struct http_address at;
    enum status st = http_address_parse(config_text(&s->c->values, SET_LISTEN), &at, e);

    if (st != ST_OK)
        return st;
    bool v6 = str_find(str_of(at.host), ':') < str_of(at.host).n;
    bool any = strcmp(at.host, "0.0.0.0") == 0 || strcmp(at.host, "::") == 0 || !at.host[0];
    snprintf(url, URL_MAX, "http://%s%s%s:%u/webhooks/%s", v6 && !any ? "[" : "",
             any ? "127.0.0.1" : at.host, v6 && !any ? "]" : "", at.port, s->to->name);
    return ST_OK;
}

/* What the daemon answers to a ping that is signed with this secret; 0: none listens. */
static int ping_once(struct switching *s, const struct emulator_sender *sender,
                     const struct secret *secret, str url)
{
    BUF(body, PING_BODY_MAX);
    char signature[128];
    struct error ignored = { 0 };
    int status = 0;
    msec now = clock_wall(wire_clock());

    buf_printf(&body,
               "{\"id\":\"evt_brindle_ping\",\"object\":\"event\",\"type\":\"" WEBHOOK_PING
               "\",\"created\":%lld,\"env\":\"%s\"}",
               (long long)(now / 1000), s->to->name);
    sign(secret, buf_str(&body), now, signature);
    const struct emulator_header header = { S("Stripe-Signature"), str_of(signature) };
    if (sender->send(sender->ctx, url, &header, 1, buf_str(&body), PING_MS, &status, &ignored) !=
        ST_OK)
        return 0;
    return status;
}

/* A daemon that begins anew is waited for. */
static int ping(struct switching *s, const struct emulator_sender *sender,
                const struct secret *secret, str url)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + (s->daemon ? PING_WAIT_MS : 0);

    for (;;) {
        int status = ping_once(s, sender, secret, url);
        if ((status != 0 && status != 404) || clock_mono(clock) >= until || cli_interrupted())
            return status;
        clock_sleep(clock, LOOK_MS);
    }
}

static enum status ping_all(struct switching *s, struct error *e)
{
    struct emulator_sender sender = { 0 };
    char url[URL_MAX];
    int status = 200;
    enum status st = ping_url(s, url, e);

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
        status = ping(s, &sender, &s->to->webhook_secret[i], str_of(url));
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

static enum status look_for_leftovers(struct switching *s, struct env *env, struct error *e)
{
    BUF(out, LEFTOVER_BYTES_MAX);
    BUF(text, TEXT_MAX);
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

/* First the target's seal, then the journal: until that is gone neither is worked for. */
static enum status resume(struct switching *s, struct error *e)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + STORE_WAIT_MS;
    enum status st = seal_break(&s->target.env, e);

    wire_close(&s->target);
    if (st == ST_OK && s->from)
        st = switch_end(&s->source.env, false, e);
    if (st != ST_OK)
        return failed(s, "resumed", st, e);
    wire_close(&s->source);
    while (s->daemon && !s->c->pg_url && !local_is_served(s->c, s->to->name) &&
           clock_mono(clock) < until && !cli_interrupted())
        clock_sleep(clock, LOOK_MS);
    bool served = !s->c->pg_url && local_is_served(s->c, s->to->name);
    item(s, "resumed", s->daemon && !served && !s->c->pg_url ? WARNED : DONE,
         served      ? "the daemon works for %s"
         : s->daemon ? "the daemon has not opened %s yet: look at its log"
                     : "%s is open: brindle serve works for it",
         s->to->name);
    return ST_OK;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static enum status arrive(struct switching *s, struct error *e)
{
    enum status st = open_target(s, e);

    if (st == ST_OK && !s->stopped)
        st = look_at_endpoint(s, &s->target);
    if (st == ST_OK && !s->stopped)
        st = ping_all(s, e);
    if (st == ST_OK && !s->stopped)
        st = look_for_leftovers(s, &s->target.env, e);
    if (st == ST_OK && !s->stopped)
        st = note(s, "checked", e);
    return st == ST_OK && !s->stopped ? resume(s, e) : st;
}

static enum status plan(struct switching *s, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 }, reader = { 0 };
    struct error ignored = { 0 };

    if (s->from)
        item(s, "sealed", PLANNED, "%s would be drained and sealed", s->from->name);
    enum status st = wire_open(&w, s->c, s->to, WIRE_ASK, e);
    if (st == ST_OK)
        st = look_at_endpoint(s, &w);
    if (st == ST_OK && wire_open(&reader, s->c, s->to, WIRE_READ, &ignored) == ST_OK)
        st = look_for_leftovers(s, &reader.env, e);
    if (st == ST_OK)
        item(s, "resumed", PLANNED, "%s would be worked for", s->to->name);
    return st;
}

/* A switch from the target is under way: it is taken back. */
static enum status go_back(struct switching *s, const struct seal *seal, struct error *e)
{
    enum status st = open_waiting(s, &s->source, s->to, WIRE_FILL, e);

    if (st == ST_OK)
        st = switch_end(&s->source.env, true, e);
    wire_close(&s->source);
    if (st != ST_OK)
        return failed(s, "resumed", st, e);
    item(s, "resumed", DONE, "the switch from %s to %s is taken back: %s is open", s->to->name,
         seal->target, s->to->name);
    return ST_OK;
}

static enum status go(struct switching *s, struct error *e)
{
    struct error why = { 0 };
    struct seal own = { 0 };
    enum status st = seal_of(s, s->to, &own, &why);

    if (st == ST_OK && own.target[0])
        return s->o->dry_run ? fail(e, ST_CONFLICT, "A switch from %s to %s is under way.",
                                    s->to->name, own.target)
                             : go_back(s, &own, e);
    st = find_source(s, e);
    if (st == ST_OK && s->seal.target[0] && strcmp(s->seal.target, s->to->name) != 0)
        st = fail(e, ST_CONFLICT,
                  "A switch from %s to %s is under way: finish it, or go back first.",
                  s->from->name, s->seal.target);
    if (st == ST_OK)
        st = preflight(s, e);
    if (st != ST_OK || s->stopped)
        return st;
    if (s->o->dry_run)
        return plan(s, e);
    if (s->from)
        st = leave(s, e);
    return st == ST_OK && !s->stopped ? arrive(s, e) : st;
}

static void tell_end(const struct switching *s, enum status st)
{
    if (s->cli->json || (!s->stopped && st == ST_OK) || s->o->dry_run)
        return;
    if (s->from)
        say("The switch is not over: `brindle env switch %s` goes on, `brindle env switch %s` goes "
            "back.",
            s->to->name, s->from->name);
}

enum status env_switch(struct cli *cli, const char *to, const struct env_switch_options *o,
                       struct error *e)
{
    struct switching s = {
        .cli = cli, .c = &cli->config, .o = o, .notes = { .max = SWITCH_NOTES_BYTES_MAX - 16 }
    };
    enum status st = config_find_all(s.c, e);

    if (st == ST_OK && !to)
        st = fail(e, ST_INVALID, "Say where to: `brindle env switch NAME`.");
    if (st == ST_OK)
        st = config_env(s.c, to, &s.to, e);
    if (st == ST_OK && key_judge(&s.to->secret_key, NULL) == KEY_NONE)
        st = fail(e, ST_REFUSED,
                  "Environment %s has no key: set it first, in [env %s] of brindle.conf, or as "
                  "STRIPE_SECRET_KEY.",
                  to, to);
    if (st != ST_OK)
        return st;
    cli_catch_signals(NULL, NULL);
    st = go(&s, e);
    wire_close(&s.target);
    wire_close(&s.source);
    tell_end(&s, st);
    buf_free(&s.notes);
    return st;
}
