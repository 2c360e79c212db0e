#include "cli/switch/env_switch.h"

#include <stdio.h>
#include <string.h>

#include "cli/keys.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/switch/switching.h"

enum {
    RETRY_MS = 500,
    NAMES_MAX = 256,
};

/* ---- whence ------------------------------------------------------------------------------- */

enum status seal_of(struct switching *s, const struct env_config *conf, struct seal *out,
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
    const struct env_config *unread = NULL;
    struct env_config *open = NULL;
    struct error unread_why = { 0 };
    size_t n_open = 0;

    for (size_t i = 0; i < s->c->n_envs; i++) {
        struct env_config *conf = &s->c->env[i];
        struct error why = { 0 };
        struct seal seal = { 0 };
        bool named = s->o->from && strcmp(s->o->from, conf->name) == 0;
        enum status st = conf == s->to ? ST_NONE : seal_of(s, conf, &seal, &why);
        if (st == ST_NONE || (st != ST_OK && s->o->from && !named))
            continue;
        if (st != ST_OK) {
            unread = conf;
            unread_why = why;
            continue;
        }
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
    if (unread) /* and no journal elsewhere says whence */
        return fail(e, unread_why.status,
                    "Whether %s is open nobody can tell, for its store cannot be read (%s). "
                    "Mend it, or say which environment ends, with --from NAME.",
                    unread->name, unread_why.text);
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
    if (st == ST_RETRY && s->seal.target[0] && !s->o->resume)
        say("brindle: Stripe does not answer (%s); trying for %lld s, ^C ends it", e->text,
            (long long)config_number(&s->to->values, SET_START));
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

/* First the target's seal, then the journal: until that is gone neither is worked for. */
static enum status resume(struct switching *s, struct error *e)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + SWITCH_STORE_MS;
    enum status st = seal_break(&s->target.env, e);

    wire_close(&s->target);
    if (st == ST_OK && s->from)
        st = switch_end(&s->source.env, false, e);
    if (st != ST_OK)
        return failed(s, "resumed", st, e);
    wire_close(&s->source);
    s->over = true;
    if (s->o->resume) { /* the daemon that has started us takes it from here */
        item(s, "resumed", DONE, "%s is open", s->to->name);
        return ST_OK;
    }
    while (s->daemon && !s->c->pg_url && !local_is_served(s->c, s->to->name) &&
           clock_mono(clock) < until && !cli_interrupted())
        clock_sleep(clock, SWITCH_LOOK_MS);
    bool served = !s->c->pg_url && local_is_served(s->c, s->to->name);
    item(s, "resumed", s->daemon && !served && !s->c->pg_url ? WARNED : DONE,
         served      ? "the daemon works for %s"
         : s->daemon ? "the daemon has not opened %s yet: look at its log"
                     : "%s is open: brindle serve works for it",
         s->to->name);
    return ST_OK;
}

/* ---- one after the other ------------------------------------------------------------------ */

static enum status arrive(struct switching *s, struct error *e)
{
    enum status st = open_target(s, e);

    if (st == ST_OK && !s->stopped)
        st = look_at_endpoint(s, &s->target, e);
    if (st == ST_OK && !s->stopped)
        st = ping_all(s, e);
    if (st == ST_OK && !s->stopped)
        st = look_for_leftovers(s, &s->target.env, e);
    if (st == ST_OK && !s->stopped)
        st = note(s, "checked", e);
    return st == ST_OK && !s->stopped ? resume(s, e) : st;
}

/* What would be done; what can be looked at, is. */
static enum status plan(struct switching *s, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 }, reader = { 0 };
    struct error ignored = { 0 };

    if (s->from) {
        item(s, "begun", PLANNED, "neither %s nor %s would be worked for until this is over",
             s->from->name, s->to->name);
        plan_drain(s);
        item(s, "sealed", PLANNED, "%s would be read from then on, never written", s->from->name);
    }
    bool readable = wire_open(&reader, s->c, s->to, WIRE_READ, &ignored) == ST_OK;
    item(s, "opened", PLANNED, readable ? "the store of %s is there" : "%s would get a store",
         s->to->name);
    enum status st = wire_open(&w, s->c, s->to, WIRE_ASK, e);
    if (st == ST_OK)
        st = look_at_endpoint(s, &w, e);
    if (st == ST_OK)
        item(s, "ping", PLANNED, "the daemon, if there is one, would be sent a signed test event");
    if (st == ST_OK && readable)
        st = look_for_leftovers(s, &reader.env, e);
    if (st == ST_OK)
        item(s, "resumed", PLANNED, "%s would be worked for", s->to->name);
    return st;
}

/* ---- back ----------------------------------------------------------------------------------- */

static struct env_config *config_of(struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_envs; i++)
        if (strcmp(c->env[i].name, name) == 0)
            return &c->env[i];
    return NULL;
}

/* Where the switch led was not open before it: so it is again. */
static enum status close_target_again(struct switching *s, struct error *e)
{
    struct env_config *target = config_of(s->c, s->own.target);
    struct error why = { 0 };
    struct seal seal;

    if (!s->own.reseal || !target)
        return ST_OK;
    enum status st = seal_of(s, target, &seal, &why);
    if (st == ST_NONE) /* it has not got a store yet */
        return ST_OK;
    error_clear(&why); /* one that was being made when it died cannot be read, but mended */
    st = open_waiting(s, &s->target, target, WIRE_FILL, &why);
    if (st == ST_OK)
        st = seal_put(&s->target.env, s->to->name, &why);
    wire_close(&s->target);
    if (st == ST_OK || st == ST_NONE) /* or it is nobody's yet */
        return ST_OK;
    *e = why;
    return st;
}

/* A switch from here is under way: it is taken back. Whoever asks for that does not want it to go
 * on by itself, should this process die. */
static enum status go_back(struct switching *s, struct error *e)
{
    enum status st = open_waiting(s, &s->source, s->to, WIRE_FILL, e);

    if (st == ST_OK)
        st = switch_hold(&s->source.env, true, e);
    if (st == ST_OK)
        st = close_target_again(s, e);
    if (st == ST_OK)
        st = switch_end(&s->source.env, true, e);
    wire_close(&s->source);
    if (st != ST_OK)
        return failed(s, "resumed", st, e);
    s->over = true;
    item(s, "resumed", DONE, "the switch from %s to %s is taken back: %s is open", s->to->name,
         s->own.target, s->to->name);
    return ST_OK;
}

static bool is_under_way(const struct switching *s)
{
    return s->from && strcmp(s->seal.target, s->to->name) == 0;
}

/* Whoever says that it goes on, or that it stops half way, has the last word about what happens
 * when this process dies, or finds nobody at Stripe. The daemon alone changes nothing of it. */
static enum status say_whether_it_rests(struct switching *s, struct error *e)
{
    bool rests = s->o->until != NULL;

    if (s->o->resume || s->o->dry_run || !is_under_way(s) || s->seal.held == rests)
        return ST_OK;
    enum status st = open_waiting(s, &s->source, s->from, WIRE_FILL, e);
    if (st == ST_OK)
        st = switch_hold(&s->source.env, rests, e);
    wire_close(&s->source);
    s->seal.held = rests;
    return st;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* Where are we? In `own`, `from` and `seal`. */
static enum status look_round(struct switching *s, struct error *e)
{
    struct error why = { 0 };
    enum status st = seal_of(s, s->to, &s->own, &why);

    s->target_is_new = st == ST_NONE;
    if (st == ST_OK && s->own.target[0])
        return ST_OK;
    s->own_is_open = st == ST_OK && !s->own.sealed_for[0];
    return find_source(s, e);
}

static bool is_done_already(const struct switching *s)
{
    bool left = !s->from || strcmp(s->seal.sealed_for, s->to->name) == 0;

    return s->own_is_open && left && !is_under_way(s);
}

static enum status go_on(struct switching *s, struct error *e)
{
    if (s->seal.target[0] && !is_under_way(s))
        return fail(e, ST_CONFLICT,
                    "A switch from %s to %s is under way: finish it (`brindle env switch %s`), or "
                    "go back (`brindle env switch %s`) first.",
                    s->from->name, s->seal.target, s->seal.target, s->from->name);
    if (s->o->resume && (!is_under_way(s) || s->seal.held))
        return fail(e, ST_CONFLICT, "No switch to %s waits to be gone on with.", s->to->name);
    if (is_done_already(s)) {
        item(s, "resumed", DONE, "%s is open already: there is nothing to do", s->to->name);
        s->over = true;
        return ST_OK;
    }
    enum status st = say_whether_it_rests(s, e);
    if (st == ST_OK)
        st = preflight(s, e);
    if (st != ST_OK || s->stopped)
        return st;
    if (s->o->dry_run)
        return plan(s, e);
    if (s->o->url)
        st =
            confirm(s->cli, e,
                    "Make a webhook endpoint at Stripe that leads to %s, or set right the one that "
                    "is there?",
                    s->o->url);
    if (st == ST_OK && s->from)
        st = leave(s, e);
    return st == ST_OK && !s->stopped ? arrive(s, e) : st;
}

static enum status go(struct switching *s, struct error *e)
{
    enum status st = look_round(s, e);

    if (st != ST_OK || !s->own.target[0])
        return st == ST_OK ? go_on(s, e) : st;
    if (s->o->dry_run || s->o->resume)
        return fail(e, ST_CONFLICT, "A switch from %s to %s is under way.", s->to->name,
                    s->own.target);
    return go_back(s, e);
}

/* On PostgreSQL somebody on another machine may have been quicker. */
static bool somebody_was_quicker(struct switching *s)
{
    struct error ignored = { 0 };
    struct seal now;

    return s->from && s->seal.target[0] && seal_of(s, s->from, &now, &ignored) == ST_OK &&
           !now.target[0] && strcmp(now.sealed_for, s->to->name) == 0;
}

/* ^C: it rests until somebody says so. A process that is killed instead leaves that to the daemon.
 */
static enum status rest(struct switching *s, struct error *e)
{
    struct error why = { 0 };
    enum status st = ST_OK;

    error_clear(e);
    if (!s->from || !s->seal.target[0])
        return fail(e, ST_LIMIT, "Interrupted. Nothing was changed.");
    wire_close(&s->target);
    if (!s->source.made)
        st = open_waiting(s, &s->source, s->from, WIRE_FILL, &why);
    if (st == ST_OK)
        st = switch_hold(&s->source.env, true, &why);
    if (st != ST_OK)
        return fail(e, st, "Interrupted, but a daemon may go on with the switch: %s", why.text);
    return fail(e, ST_LIMIT, "Interrupted: the switch rests behind \"%s\".", s->seal.step);
}

static void tell_end(const struct switching *s, enum status st)
{
    if (s->cli->json || s->o->dry_run || s->over || !s->seal.target[0] || !s->from)
        return;
    say("The switch is not over: `brindle env switch %s` goes on, `brindle env switch %s` goes "
        "back.%s",
        s->to->name, s->from->name,
        st == ST_OK || s->seal.held || cli_interrupted()
            ? ""
            : " A daemon that runs goes on by itself.");
}

static enum status check_options(const struct env_switch_options *o, struct error *e)
{
    static const char *const step[] = { "preflight", "begun",    "drained", "sealed",
                                        "opened",    "endpoint", "ping",    "leftovers" };
    BUF(names, NAMES_MAX);
    bool known = !o->until;

    for (size_t i = 0; i < COUNT(step); i++) {
        known = known || strcmp(o->until, step[i]) == 0;
        buf_printf(&names, "%s%s", i ? ", " : "", step[i]);
    }
    if (!known)
        return fail(e, ST_INVALID, "--until takes one of %.*s.", STR_ARG(buf_str(&names)));
    if (o->url && strlen(o->url) > SWITCH_URL_MAX)
        return fail(e, ST_INVALID, "--url is longer than %d bytes.", SWITCH_URL_MAX);
    return ST_OK;
}

static enum status find_target(struct switching *s, const char *to, struct error *e)
{
    enum status st = check_options(s->o, e);

    if (st == ST_OK)
        st = config_find_all(s->c, e);
    if (st == ST_OK && !to)
        st = fail(e, ST_INVALID, "Say where to: `brindle env switch NAME`.");
    if (st == ST_OK)
        st = config_env(s->c, to, &s->to, e);
    if (st == ST_OK && key_judge(&s->to->secret_key, NULL) == KEY_NONE)
        st = fail(e, ST_REFUSED,
                  "Environment %s has no key: set it first, in [env %s] of brindle.conf, or as "
                  "STRIPE_SECRET_KEY.",
                  to, to);
    return st;
}

/* One process of a data directory at a time. */
static enum status take_lock(struct switching *s, int *lock, struct error *e)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + SWITCH_STORE_MS;
    enum status st = wire_switch_lock(s->c, lock, e);

    if (st == ST_CONFLICT && !s->o->resume)
        say("brindle: another process is at a switch; waiting for it, ^C ends that");
    while (st == ST_CONFLICT && !s->o->resume && clock_mono(clock) < until && !cli_interrupted()) {
        clock_sleep(clock, SWITCH_LOOK_MS);
        error_clear(e);
        st = wire_switch_lock(s->c, lock, e);
    }
    return st;
}

static enum status run(struct switching *s, struct error *e)
{
    int lock = -1;
    enum status st = s->o->dry_run ? ST_OK : take_lock(s, &lock, e);

    if (st != ST_OK)
        return st;
    st = go(s, e);
    if (st == ST_CONFLICT && somebody_was_quicker(s)) {
        error_clear(e);
        item(s, "resumed", DONE, "another process has finished the switch: %s is open",
             s->to->name);
        s->over = true;
        st = ST_OK;
    }
    if (cli_interrupted() && !s->over && !s->o->dry_run)
        st = rest(s, e);
    wire_close(&s->target);
    wire_close(&s->source);
    tell_end(s, st);
    wire_switch_unlock(lock);
    return st;
}

enum status env_switch(struct cli *cli, const char *to, const struct env_switch_options *o,
                       struct error *e)
{
    struct switching s = {
        .cli = cli, .c = &cli->config, .o = o, .notes = { .max = SWITCH_NOTES_BYTES_MAX - 16 }
    };
    enum status st = find_target(&s, to, e);

    if (st != ST_OK)
        return st;
    cli_catch_signals(NULL, NULL);
    st = run(&s, e);
    buf_free(&s.notes);
    return st;
}
