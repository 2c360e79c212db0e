#include "core/environment/switching.h"

#include <stdio.h>
#include <string.h>

#include "core/api.h"
#include "core/environment/foreign.h"

enum {
    PING_WAIT_MS = 20 * 1000, /* for a daemon that begins anew */
    LEFTOVER_BYTES_MAX = 16 << 20,
    ANSWER_BYTES_MAX = 16 << 20,
    KEY_MAX = 96,
    KEY_KNOWN_MS = 23 * 3600 * 1000, /* Stripe forgets keys after a day [facts: 4.6] */
};

static enum status open_target(struct switching *s, struct error *e)
{
    enum status st = switch_open(s, &s->target, s->to, SWITCH_TO_OPEN, e);

    if (st != ST_OK)
        return switch_failed(s, "opened", st, e);
    switch_tell(s, "opened", SWITCH_DONE, "%s is %s in %s mode, and its store is its own", s->to,
                s->target->identity.account, mode_name(s->target->identity.livemode));
    return switch_note(s, "opened", e);
}

/* ---- the endpoint -----------------------------------------------------------------------------
 */

/* Nobody has seen what Stripe does not show now: that is no "ok". */
static enum status see_endpoints(struct switching *s, struct env *env, bool *seen, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    enum status st =
        api_get(env, S("/v1/webhook_endpoints"), S("limit=1"), LANE_USER, S("switch"), &got, &a, e);

    *seen = st == ST_OK && got.meaning == API_OK;
    if (st != ST_OK)
        return switch_failed(s, "endpoint", st, e);
    if (!*seen)
        switch_tell(s, "endpoint", SWITCH_SKIPPED,
                    "the account's webhook endpoints cannot be seen: %s", got.why);
    return ST_OK;
}

/* An endpoint's secret is told once, when it is made. Broken off there, the same request under the
 * same key tells it once more, as long as Stripe knows the key. */
static enum status prepare_endpoint(struct switching *s, struct switch_endpoint *wish,
                                    char key[KEY_MAX], struct error *e)
{
    bool broken_off = switch_step_is_done(s, "making") && !switch_step_is_done(s, "checked");

    wish->url = s->seal.url[0] ? s->seal.url : s->o->url; /* as it began: the key is for that */
    wish->mend = wish->url && !s->o->dry_run;
    if (!wish->mend || !s->from)
        return ST_OK;
    snprintf(key, KEY_MAX, "brindle-switch-%s-%lld", s->to, (long long)s->seal.started_at);
    wish->key = key;
    wish->again = broken_off && clock_wall(s->w->clock) - s->seal.started_at < KEY_KNOWN_MS;
    return switch_note(s, "making", e);
}

static enum status look_at_endpoint(struct switching *s, struct env *env, struct error *e)
{
    struct switch_endpoint wish = { .url = NULL };
    char key[KEY_MAX];
    bool seen, right = false;
    enum status st = see_endpoints(s, env, &seen, e);

    if (st != ST_OK || !seen)
        return st;
    st = prepare_endpoint(s, &wish, key, e);
    if (st != ST_OK)
        return switch_failed(s, "endpoint", st, e);
    s->w->ops->endpoint(s->w, env, &wish, &right);
    if (right)
        switch_tell(s, "endpoint", SWITCH_DONE, "a webhook endpoint of the account leads here");
    else
        switch_tell(s, "endpoint", SWITCH_WARNED,
                    "the account's webhook endpoint is not as it should be; until it is, changes "
                    "are seen when the list of events is read");
    return ST_OK;
}

/* ---- the daemon's door ------------------------------------------------------------------------
 */

/* A daemon that begins anew is waited for. */
static enum status ping_with(struct switching *s, size_t secret, int *http, struct error *e)
{
    msec until = switch_now(s) + (s->daemon ? PING_WAIT_MS : 0);

    for (;;) {
        enum status st = s->w->ops->ping(s->w, s->to, secret, http, e);
        bool heard = *http != 0 && *http != 404;
        if (st != ST_OK || heard || switch_now(s) >= until || switch_interrupted(s))
            return st;
        clock_sleep(s->w->clock, SWITCH_LOOK_MS);
    }
}

static enum status ping_all(struct switching *s, struct error *e)
{
    const char *door = s->w->ops->door(s->w, s->to, e);
    size_t n = s->w->ops->n_secrets(s->w, s->to);
    int http = 200;

    if (door && n == 0) {
        switch_tell(s, "ping", SWITCH_WARNED,
                    "%s has no webhook secret: the list of events must do", s->to);
        return ST_OK;
    }
    enum status st = door ? ST_OK : e->status;
    for (size_t i = 0; i < n && st == ST_OK && http == 200; i++)
        st = ping_with(s, i, &http, e);
    if (st != ST_OK)
        return switch_failed(s, "ping", st, e);
    s->daemon = http != 0;
    if (http == 0)
        switch_tell(s, "ping", SWITCH_SKIPPED, "no daemon listens at %s", door);
    else if (http == 200)
        switch_tell(s, "ping", SWITCH_DONE,
                    "the daemon takes what is signed with %s's %zu secret%s", s->to, n,
                    n == 1 ? "" : "s");
    if (http == 0 || http == 200)
        return ST_OK;
    switch_tell(s, "ping", SWITCH_FAILED,
                "the daemon does not take what is signed with the webhook secret: is its "
                "configuration another one?");
    return fail(e, ST_REFUSED, "The daemon answered %d to a signed ping at %s.", http, door);
}

/* How many there are is all that a switch tells. */
static void count_alone(void *ctx, str page)
{
    (void)ctx, (void)page;
}

/* What the application's own database holds of elsewhere is reported, and hinders nothing: it is
 * mended by whoever runs the application. */
static enum status look_for_leftovers(struct switching *s, struct env *env, struct error *e)
{
    BUF(out, LEFTOVER_BYTES_MAX);
    BUF(text, SWITCH_TEXT_MAX);
    size_t n = 0;
    const struct pages counted = { .take = count_alone };
    enum status st = foreign_write(env, &out, &counted, &n, e);

    if (st != ST_OK)
        return switch_failed(s, "leftovers", st, e);
    buf_printf(&text, "%zu in the mirror of %s", n, s->to);
    if (n)
        buf_printf(&text, ": brindle env check %s", s->to);
    bool more = s->w->ops->application(s->w, s->to, &text);
    switch_tell(s, "leftovers", n || more ? SWITCH_WARNED : SWITCH_DONE, "%.*s",
                STR_ARG(buf_str(&text)));
    return ST_OK;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* Whoever has asked hears whether the daemon works for it. */
static void await_daemon(struct switching *s)
{
    msec until = switch_now(s) + SWITCH_STORE_MS;
    enum switch_served served = s->w->ops->served(s->w, s->to);

    while (s->daemon && served == SWITCH_SERVED_NOT && switch_now(s) < until &&
           !switch_interrupted(s)) {
        clock_sleep(s->w->clock, SWITCH_LOOK_MS);
        served = s->w->ops->served(s->w, s->to);
    }
    switch_tell(s, "resumed",
                s->daemon && served == SWITCH_SERVED_NOT ? SWITCH_WARNED : SWITCH_DONE,
                served == SWITCH_SERVED ? "the daemon works for %s"
                : s->daemon             ? "the daemon has not opened %s yet: look at its log"
                                        : "%s is open: brindle serve works for it",
                s->to);
}

/* First the target's seal, then the journal: until that is gone neither is worked for. */
static enum status resume(struct switching *s, struct error *e)
{
    enum status st = seal_break(s->target, e);

    switch_close(s, &s->target);
    if (st == ST_OK && s->from)
        st = switch_end(s->source, false, e);
    if (st != ST_OK)
        return switch_failed(s, "resumed", st, e);
    switch_close(s, &s->source);
    s->over = true;
    if (s->o->resume) /* the daemon that has started us takes it from here */
        switch_tell(s, "resumed", SWITCH_DONE, "%s is open", s->to);
    else
        await_daemon(s);
    return ST_OK;
}

enum status switch_arrive(struct switching *s, struct error *e)
{
    enum status st = open_target(s, e);

    if (st == ST_OK && !s->stopped)
        st = look_at_endpoint(s, s->target, e);
    if (st == ST_OK && !s->stopped)
        st = ping_all(s, e);
    if (st == ST_OK && !s->stopped)
        st = look_for_leftovers(s, s->target, e);
    if (st == ST_OK && !s->stopped)
        st = switch_note(s, "checked", e);
    return st == ST_OK && !s->stopped ? resume(s, e) : st;
}

/* What can be looked at, is. */
static enum status plan_to_look(struct switching *s, struct env *reader, struct error *e)
{
    struct env *asker = NULL;
    bool locked;
    enum status st = s->w->ops->open_env(s->w, s->to, SWITCH_TO_ASK, &locked, &asker, e);

    if (st == ST_OK)
        st = look_at_endpoint(s, asker, e);
    if (st == ST_OK)
        switch_tell(s, "ping", SWITCH_PLANNED,
                    "the daemon, if there is one, would be sent a signed test event");
    if (st == ST_OK && reader)
        st = look_for_leftovers(s, reader, e);
    else if (st == ST_OK)
        switch_tell(s, "leftovers", SWITCH_PLANNED,
                    "ids of elsewhere would be looked for in the application's database");
    switch_close(s, &asker);
    return st;
}

enum status switch_plan_arrive(struct switching *s, struct error *e)
{
    struct env *reader = NULL;
    struct error ignored = { 0 };
    bool locked;

    (void)!s->w->ops->open_env(s->w, s->to, SWITCH_TO_READ, &locked, &reader, &ignored);
    switch_tell(s, "opened", SWITCH_PLANNED,
                reader ? "the store of %s is there" : "%s would get a store", s->to);
    enum status st = plan_to_look(s, reader, e);
    if (st == ST_OK)
        switch_tell(s, "resumed", SWITCH_PLANNED, "%s would be worked for", s->to);
    switch_close(s, &reader);
    return st;
}
