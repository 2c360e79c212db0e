/* Is it right to send requests here? One word for all, and one for each environment. */
#include "base/json.h"
#include "serve/reply.h"
#include "serve/routes.h"

enum {
    HEALTH_BYTES_MAX = 64 << 10,
    STALE_AFTER_MS = 5 * 60 * 1000,     /* the oldest change that is not in the mirror yet */
    WEBHOOKS_WATCH_MS = 15 * 60 * 1000, /* how far back refusals count */
    WEBHOOKS_BROKEN_AT = 3,             /* wrong signatures in a row */
    INGEST_WATCH_MS = 60 * 1000,        /* a failure older than this has no successor to judge by */
};

/* From best to worst: the worst environment's word is the daemon's. Up to webhook_broken the answer
 * is 200: wrongly signed deliveries can come from anybody, and taking the daemon out of service for
 * them would be theirs to decide. */
enum health {
    HEALTH_OK,
    HEALTH_STALE,
    HEALTH_RATE_LIMITED,
    HEALTH_WEBHOOK_BROKEN,
    HEALTH_WORKERS_LOST,
    HEALTH_STORE_UNAVAILABLE,
    HEALTH_DISK_FULL,
    HEALTH_IDENTITY_MISMATCH,
    HEALTH_CLOSED, /* o->closed says why */
};

static const char *health_name(enum health h)
{
    switch (h) {
    case HEALTH_OK: return "ok";
    case HEALTH_STALE: return "stale";
    case HEALTH_RATE_LIMITED: return "rate_limited";
    case HEALTH_WEBHOOK_BROKEN: return "webhook_broken";
    case HEALTH_WORKERS_LOST: return "workers_lost";
    case HEALTH_STORE_UNAVAILABLE: return "store_unavailable";
    case HEALTH_DISK_FULL: return "disk_full";
    case HEALTH_IDENTITY_MISMATCH: return "identity_mismatch";
    case HEALTH_CLOSED: return "closed";
    }
    return "?";
}

static const char *health_detail(enum health h)
{
    switch (h) {
    case HEALTH_OK: return NULL;
    case HEALTH_STALE: return "work waits; see oldest_due_ms and brindle status";
    case HEALTH_RATE_LIMITED: return "Stripe limits our requests";
    case HEALTH_WEBHOOK_BROKEN:
        return "the webhook secret does not match this environment: the last deliveries were "
               "signed "
               "with another one or at a wrong time, and none rightly; is webhook_secret that of "
               "this "
               "endpoint, and the clock right?";
    case HEALTH_WORKERS_LOST:
        return "fewer workers run than the setting workers asks for; see the log, and restart "
               "brindle";
    case HEALTH_STORE_UNAVAILABLE: return "the database cannot be read or written now";
    case HEALTH_DISK_FULL: return "the last events could not be stored: a limit or a full disk";
    case HEALTH_IDENTITY_MISMATCH:
        return "the key reaches another account or mode than this mirror's; work goes on when the "
               "right one is back";
    case HEALTH_CLOSED: break;
    }
    return NULL;
}

bool identity_lost(struct env *env)
{
    gate_lock(env->world->sched, env->gate);
    bool lost = env->stopped_why != NULL;
    gate_unlock(env->world->sched, env->gate);
    return lost;
}

static bool webhooks_broken(const struct served *s, msec now)
{
    struct webhook_counters c = webhook_counters(s->door);

    return c.mismatches >= WEBHOOKS_BROKEN_AT && now - c.mismatch_at < WEBHOOKS_WATCH_MS &&
           (c.signed_at == 0 || now - c.signed_at >= WEBHOOKS_WATCH_MS);
}

/* What the last batch says, unless it is long ago. */
static enum health ingest_health(const struct served *s, msec now)
{
    struct engine_counters c = engine_counters(s->engine);

    if (c.ingest_last == ST_OK || now - c.ingest_last_at >= INGEST_WATCH_MS)
        return HEALTH_OK;
    return c.ingest_last == ST_LIMIT ? HEALTH_DISK_FULL : HEALTH_STORE_UNAVAILABLE;
}

static enum health judge(struct served *s, struct mirror_status *numbers, bool *have_numbers)
{
    struct error e = { 0 };
    msec now = clock_mono(s->env->world->clock);

    if (s->o->closed != CLOSED_NOT)
        return HEALTH_CLOSED;
    *have_numbers = numbers_read(&s->numbers, s->env, numbers, &e) == ST_OK;
    if (identity_lost(s->env))
        return HEALTH_IDENTITY_MISMATCH;
    enum health ingest = ingest_health(s, now);
    if (ingest != HEALTH_OK)
        return ingest;
    if (!*have_numbers)
        return HEALTH_STORE_UNAVAILABLE;
    if (engine_counters(s->engine).workers_lost)
        return HEALTH_WORKERS_LOST;
    if (webhooks_broken(s, now))
        return HEALTH_WEBHOOK_BROKEN;
    if (s->o->rate_limited && s->o->rate_limited(s->o->ctx))
        return HEALTH_RATE_LIMITED;
    return numbers->oldest_due_ms > STALE_AFTER_MS ? HEALTH_STALE : HEALTH_OK;
}

/* Anybody may ask, so that accounts are not named here. */
static const char *closed_detail(enum closed c)
{
    switch (c) {
    case CLOSED_NOT: return NULL;
    case CLOSED_SEALED:
        return "another environment took over (brindle env switch); what is here can be read";
    case CLOSED_SWITCH:
        return "a switch to or from it is under way (brindle env switch); what is here can be read";
    case CLOSED_IDENTITY:
        return "its key is refused, or reaches another account or mode; see the log, set the right "
               "one, and reload (SIGHUP)";
    case CLOSED_AWAY: return "Stripe has not told yet whose key it is; tried again";
    case CLOSED_LOCKED: return "another process has its store";
    case CLOSED_UNUSABLE:
        return "a setting or the store cannot be used; see the log, correct it, and reload "
               "(SIGHUP)";
    }
    return NULL;
}

static const char *word_of(const struct served *s, enum health h)
{
    return h == HEALTH_CLOSED ? closed_name(s->o->closed) : health_name(h);
}

static const char *detail_of(const struct served *s, enum health h)
{
    return h == HEALTH_CLOSED ? closed_detail(s->o->closed) : health_detail(h);
}

/* Anybody may ask: the sentence, with its paths, is in the log, and doctor finds it. */
static void write_configuration(const struct daemon *d, struct json_writer *w)
{
    if (atomic_load(&d->refused))
        jw_put_str(w, "configuration", S("refused"));
}

static enum health write_env(const struct daemon *d, struct served *s, struct json_writer *w)
{
    struct mirror_status numbers = { 0 };
    bool have_numbers = false;
    enum health h = judge(s, &numbers, &have_numbers);

    jw_key(w, str_of(s->env->name));
    jw_object(w);
    jw_put_str(w, "status", str_of(word_of(s, h)));
    if (detail_of(s, h)) {
        jw_put_str(w, "detail", str_of(detail_of(s, h)));
    }
    write_configuration(d, w);
    if (have_numbers) {
        jw_put_int(w, "oldest_due_ms", numbers.oldest_due_ms);
        jw_put_int(w, "due", numbers.due);
        jw_put_int(w, "dead", numbers.dead);
    }
    jw_end(w);
    return h;
}

void health_live(const struct route_call *c)
{
    reply_json(c->x, 200, S("{\"status\":\"ok\"}"));
}

/* Does it do its work, if perhaps late? */
static bool is_fit(enum health h)
{
    return h <= HEALTH_WEBHOOK_BROKEN;
}

/* One environment that is in trouble does not take the others out of service: 200 while one is fit.
 * The word is the worst one's; one that was sealed on purpose counts when nothing else is there. */
void health_ready(const struct route_call *c)
{
    BUF(body, HEALTH_BYTES_MAX);
    BUF(envs, HEALTH_BYTES_MAX);
    struct json_writer w = { .b = &body }, each = { .b = &envs };
    const char *word = health_name(HEALTH_OK);
    enum health worst = HEALTH_OK;
    bool fit = false;

    jw_object(&each);
    for (size_t i = 0; i < c->d->n_envs; i++) {
        struct served *s = &c->d->env[i];
        enum health h = write_env(c->d, s, &each);
        fit = fit || is_fit(h);
        if (h <= worst || (s->o->closed == CLOSED_SEALED && c->d->n_envs > 1))
            continue;
        worst = h;
        word = word_of(s, h);
    }
    jw_end(&each);
    jw_object(&w);
    jw_put_str(&w, "status", str_of(word));
    write_configuration(c->d, &w);
    jw_key(&w, S("environments"));
    jw_raw(&w, buf_str(&envs));
    jw_end(&w);
    reply_json(c->x, fit ? 200 : 503, buf_str(&body));
}

void health_ready_env(const struct route_call *c)
{
    BUF(body, HEALTH_BYTES_MAX);
    struct json_writer w = { .b = &body };
    struct served *s = routes_find(c->d, c->arg[0]);

    if (!s) {
        reply_error(c->x, NULL, 404, "no_such_environment",
                    "No environment of this daemon has this name.");
        return;
    }
    jw_object(&w);
    enum health h = write_env(c->d, s, &w);
    jw_end(&w);
    reply_json(c->x, is_fit(h) ? 200 : 503, buf_str(&body));
}
