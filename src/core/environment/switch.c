#include "core/environment/switching.h"

#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 256 };

/* ---- whence -----------------------------------------------------------------------------------
 */

static enum status seal_of(struct switching *s, const char *env, struct seal *out, struct error *e)
{
    struct identity ignored;

    return s->w->ops->look(s->w, env, out, &ignored, e);
}

/* What is known of all that may be left. */
struct sources {
    const char *open; /* the last one */
    size_t n_open;
    const char *unread;
    struct error why; /* it could not be read */
};

/* True: a switch to the target is under way from this one. */
static bool judge_source(struct switching *s, const char *env, struct sources *found)
{
    struct error why = { 0 };
    struct seal seal = { 0 };
    bool named = s->o->from && strcmp(s->o->from, env) == 0;
    enum status st = strcmp(env, s->to) == 0 ? ST_NONE : seal_of(s, env, &seal, &why);

    if (st == ST_NONE || (st != ST_OK && why.foreign && !named))
        return false;
    if (st != ST_OK) {
        found->unread = env;
        found->why = why;
        return false;
    }
    bool under_way = strcmp(seal.target, s->to) == 0;
    if (under_way || named || (!s->o->from && !seal.sealed_for[0])) {
        found->open = env;
        found->n_open++;
        s->seal = seal;
    }
    return under_way;
}

/* One from which a switch to the target is under way; else the named one; else the only one that is
 * open. */
static enum status find_source(struct switching *s, struct error *e)
{
    struct sources found = { 0 };
    const char *env;

    for (size_t i = 0; (env = s->w->ops->name(s->w, i)); i++)
        if (judge_source(s, env, &found)) {
            s->from = env;
            return ST_OK;
        }
    if (found.unread) /* and no journal elsewhere says whence: it may be in there */
        return fail(e, found.why.status,
                    "Nobody can tell whether a switch to %s is under way, for the store of %s "
                    "cannot be read (%s). Nothing was begun. Mend it, or take the environment out "
                    "of the configuration and its file out of the data directory.",
                    s->to, found.unread, found.why.text);
    if (found.n_open > 1)
        return fail(e, ST_INVALID,
                    "Several environments are open: say which one ends, with --from NAME (`brindle "
                    "env list`).");
    if (s->o->from && !found.n_open)
        return fail(e, ST_INVALID, "There is no store of an environment \"%s\".", s->o->from);
    s->from = found.open;
    return ST_OK;
}

/* ---- before anything changes ------------------------------------------------------------------
 */

static enum status ask_identity(struct switching *s, struct identity *id, struct error *e)
{
    struct env *env = NULL;
    bool locked;
    enum status st = s->w->ops->open_env(s->w, s->to, SWITCH_TO_ASK, &locked, &env, e);

    if (st == ST_OK)
        st = env_identify(env->world, env->declared, id, e);
    switch_close(s, &env);
    if (st == ST_NONE)
        return fail(e, ST_REFUSED, "api_base of %s has neither account nor balance.", s->to);
    return st;
}

static enum status check_against(struct switching *s, const char *env, const struct identity *id,
                                 bool same, struct error *e)
{
    struct error ignored = { 0 };
    struct identity own;
    struct seal seal;

    if (!env || s->w->ops->look(s->w, env, &seal, &own, &ignored) != ST_OK ||
        identity_same(&own, id) == same)
        return ST_OK;
    if (!same)
        return fail(e, ST_REFUSED,
                    "The key of %s reaches %s in %s mode, and so does %s: that is no other "
                    "environment.",
                    s->to, id->account, mode_name(id->livemode), env);
    return fail(e, ST_REFUSED,
                "The store of %s is of %s in %s mode, but its key reaches %s in %s mode. Set the "
                "right key.",
                env, own.account, mode_name(own.livemode), id->account, mode_name(id->livemode));
}

static void say_waiting(struct switching *s, const struct error *why)
{
    char text[SWITCH_TEXT_MAX];

    snprintf(text, sizeof text,
             "brindle: Stripe does not answer (%s); trying for %lld s, ^C ends it", why->text,
             (long long)s->o->start_ms / 1000);
    s->w->ops->say(s->w, text);
}

static enum status preflight(struct switching *s, struct error *e)
{
    struct identity id = { .livemode = false };
    msec until = switch_now(s) + s->o->start_ms;
    enum status st = ask_identity(s, &id, e);

    /* A switch that has begun waits for Stripe; one that has not, had better not begin. */
    bool waits = s->seal.target[0] != '\0';
    if (st == ST_RETRY && waits && !s->o->resume)
        say_waiting(s, e);
    while (st == ST_RETRY && waits && switch_now(s) < until && !switch_interrupted(s)) {
        clock_sleep(s->w->clock, SWITCH_PAUSE_MS);
        error_clear(e);
        st = ask_identity(s, &id, e);
    }
    if (st == ST_OK)
        st = check_against(s, s->to, &id, true, e);
    if (st == ST_OK)
        st = check_against(s, s->from, &id, false, e);
    if (st != ST_OK)
        return switch_failed(s, "preflight", st, e);
    switch_tell(s, "preflight", SWITCH_DONE, "%s is %s in %s mode; it takes over from %s", s->to,
                id.account, mode_name(id.livemode),
                s->from ? s->from : "nobody, for no other is open");
    return ST_OK;
}

static enum status plan(struct switching *s, struct error *e)
{
    if (s->from)
        switch_plan_leave(s);
    return switch_plan_arrive(s, e);
}

/* ---- back -------------------------------------------------------------------------------------
 */

static const char *known_name(struct switching *s, const char *name)
{
    const char *env;
    size_t i = 0;

    while ((env = s->w->ops->name(s->w, i)) && strcmp(env, name) != 0)
        i++;
    return env;
}

/* Where the switch led was not open before it: so it is again. */
static enum status close_target_again(struct switching *s, struct error *e)
{
    const char *target = known_name(s, s->own.target);
    struct error why = { 0 };
    struct seal seal;

    if (!s->own.reseal || !target)
        return ST_OK;
    if (seal_of(s, target, &seal, &why) == ST_NONE) /* it has not got a store yet */
        return ST_OK;
    error_clear(&why); /* one that was being made when it died cannot be read, but mended */
    enum status st = switch_open(s, &s->target, target, SWITCH_TO_NOTE, &why);
    if (st == ST_OK)
        st = seal_put(s->target, s->to, &why);
    switch_close(s, &s->target);
    if (st == ST_OK || st == ST_NONE) /* or it is nobody's yet */
        return ST_OK;
    *e = why;
    return st;
}

/* A switch from here is under way: it is taken back. Whoever asks for that does not want it to go
 * on by itself, should this process die. */
static enum status go_back(struct switching *s, struct error *e)
{
    enum status st = switch_open(s, &s->source, s->to, SWITCH_TO_NOTE, e);

    if (st == ST_OK)
        st = switch_hold(s->source, true, e);
    if (st == ST_OK)
        st = close_target_again(s, e);
    if (st == ST_OK)
        st = switch_end(s->source, true, e);
    switch_close(s, &s->source);
    if (st != ST_OK)
        return switch_failed(s, "resumed", st, e);
    s->over = true;
    switch_tell(s, "resumed", SWITCH_DONE, "the switch from %s to %s is taken back: %s is open",
                s->to, s->own.target, s->to);
    return ST_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static bool is_under_way(const struct switching *s)
{
    return s->from && strcmp(s->seal.target, s->to) == 0;
}

/* Whoever says that it goes on, or that it stops half way, has the last word about what happens
 * when this process dies, or finds nobody at Stripe. The daemon alone changes nothing of it. */
static enum status say_whether_it_rests(struct switching *s, struct error *e)
{
    bool rests = s->o->until != NULL;

    if (s->o->resume || s->o->dry_run || !is_under_way(s) || s->seal.held == rests)
        return ST_OK;
    enum status st = switch_open(s, &s->source, s->from, SWITCH_TO_NOTE, e);
    if (st == ST_OK)
        st = switch_hold(s->source, rests, e);
    switch_close(s, &s->source);
    s->seal.held = rests;
    return st;
}

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
    bool left = !s->from || strcmp(s->seal.sealed_for, s->to) == 0;

    return s->own_is_open && left && !is_under_way(s);
}

static enum status may_go_on(const struct switching *s, struct error *e)
{
    if (s->seal.target[0] && !is_under_way(s))
        return fail(e, ST_CONFLICT,
                    "A switch from %s to %s is under way: finish it (`brindle env switch %s`), or "
                    "go back (`brindle env switch %s`) first.",
                    s->from, s->seal.target, s->seal.target, s->from);
    if (s->o->resume && (!is_under_way(s) || s->seal.held))
        return fail(e, ST_CONFLICT, "No switch to %s waits to be gone on with.", s->to);
    return ST_OK;
}

static enum status go_on(struct switching *s, struct error *e)
{
    enum status st = may_go_on(s, e);

    if (st != ST_OK)
        return st;
    if (is_done_already(s)) {
        switch_tell(s, "resumed", SWITCH_DONE, "%s is open already: there is nothing to do", s->to);
        s->over = true;
        return ST_OK;
    }
    st = say_whether_it_rests(s, e);
    if (st == ST_OK)
        st = preflight(s, e);
    if (st != ST_OK || s->stopped)
        return st;
    if (s->o->dry_run)
        return plan(s, e);
    if (s->o->url)
        st = s->w->ops->confirm(s->w, s->o->url, e);
    if (st == ST_OK && s->from)
        st = switch_leave(s, e);
    return st == ST_OK && !s->stopped ? switch_arrive(s, e) : st;
}

static enum status go(struct switching *s, struct error *e)
{
    enum status st = look_round(s, e);

    if (st != ST_OK || !s->own.target[0])
        return st == ST_OK ? go_on(s, e) : st;
    if (s->o->dry_run || s->o->resume)
        return fail(e, ST_CONFLICT, "A switch from %s to %s is under way.", s->to, s->own.target);
    return go_back(s, e);
}

/* On a server somebody on another machine may have been quicker. */
static bool somebody_was_quicker(struct switching *s)
{
    struct error ignored = { 0 };
    struct seal now;

    return s->from && s->seal.target[0] && seal_of(s, s->from, &now, &ignored) == ST_OK &&
           !now.target[0] && strcmp(now.sealed_for, s->to) == 0;
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
    switch_close(s, &s->target);
    if (!s->source)
        st = switch_open(s, &s->source, s->from, SWITCH_TO_NOTE, &why);
    if (st == ST_OK)
        st = switch_hold(s->source, true, &why);
    if (st != ST_OK)
        return fail(e, st, "Interrupted, but a daemon may go on with the switch: %s", why.text);
    return fail(e, ST_LIMIT, "Interrupted: the switch rests behind \"%s\".", s->seal.step);
}

static void tell_end(struct switching *s, enum status st)
{
    if (s->o->dry_run || s->over || !s->seal.target[0] || !s->from)
        return;
    s->w->ops->rests(s->w, s->from, s->to, st != ST_OK && !s->seal.held && !switch_interrupted(s));
}

/* One process at a time. */
static enum status take_lock(struct switching *s, struct error *e)
{
    msec until = switch_now(s) + SWITCH_STORE_MS;
    enum status st = s->w->ops->lock(s->w, e);

    if (st == ST_CONFLICT && !s->o->resume)
        s->w->ops->say(s->w,
                       "brindle: another process is at a switch; waiting for it, ^C ends that");
    while (st == ST_CONFLICT && !s->o->resume && switch_now(s) < until && !switch_interrupted(s)) {
        clock_sleep(s->w->clock, SWITCH_LOOK_MS);
        error_clear(e);
        st = s->w->ops->lock(s->w, e);
    }
    return st;
}

static enum status run_alone(struct switching *s, struct error *e)
{
    enum status st = go(s, e);

    if (st == ST_CONFLICT && somebody_was_quicker(s)) {
        error_clear(e);
        switch_tell(s, "resumed", SWITCH_DONE,
                    "another process has finished the switch: %s is open", s->to);
        s->over = true;
        st = ST_OK;
    }
    if (switch_interrupted(s) && !s->over && !s->o->dry_run)
        st = rest(s, e);
    switch_close(s, &s->target);
    switch_close(s, &s->source);
    tell_end(s, st);
    return st;
}

enum status switch_order_check(const struct switch_order *o, struct error *e)
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

enum status switch_run(struct switch_world *w, const struct switch_order *o, struct error *e)
{
    struct switching s = {
        .w = w, .o = o, .to = o->to, .notes = { .max = SWITCH_NOTES_BYTES_MAX - 16 }
    };
    enum status st = switch_order_check(o, e);

    if (st == ST_OK && !o->dry_run)
        st = take_lock(&s, e);
    if (st != ST_OK)
        return st;
    st = run_alone(&s, e);
    if (!o->dry_run)
        w->ops->unlock(w);
    buf_free(&s.notes);
    return st;
}
