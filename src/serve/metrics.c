/* GET /metrics: what the daemon counts, for Prometheus. */
#include "serve/exposition.h"
#include "serve/reply.h"
#include "serve/routes.h"

enum {
    METRICS_BYTES_MAX = 1 << 20,
    OWN_BYTES_MAX = 256 << 10, /* of one environment's own numbers */
};

struct env_numbers {
    struct mirror_status mirror;
    bool readable;
    struct engine_counters engine;
    struct webhook_counters webhook;
};

/* ---- HTTP ---- */

static void one(struct buf *b, const char *name, const char *type, const char *help, uint64_t n)
{
    expose_family(b, name, type, help);
    expose(b, name, NULL, NULL, NULL, (int64_t)n);
}

static void show_http(struct buf *b, const struct daemon *d)
{
    struct http_counters c = http_server_counters(d->http);

    one(b, "brindle_http_connections_total", "counter", "Connections that were taken.",
        c.connections);
    one(b, "brindle_http_open_connections", "gauge", "Connections that are open.",
        c.open_connections);
    one(b, "brindle_http_refused_connections_total", "counter",
        "Connections beyond the limit, answered 503.", c.refused_connections);
    one(b, "brindle_http_requests_total", "counter", "Requests that were complete.", c.requests);
    one(b, "brindle_http_timeouts_total", "counter", "Requests that took too long.", c.timeouts);
    one(b, "brindle_http_malformed_total", "counter", "Requests that were no HTTP.", c.malformed);
    one(b, "brindle_http_too_large_total", "counter", "Requests with too large a header or body.",
        c.too_large);
    expose_family(b, "brindle_uptime_seconds", "gauge", "Since the daemon was started.");
    expose_seconds(b, "brindle_uptime_seconds", NULL, clock_mono(d->clock) - d->started_at);
}

/* ---- webhooks ---- */

static void show_webhooks(struct buf *b, const struct served *s, const struct webhook_counters *c)
{
    static const char name[] = "brindle_webhooks_total";
    const struct env *env = s->env;

    expose(b, name, env, "result", "accepted", (int64_t)c->accepted);
    expose(b, name, env, "result", "duplicate", (int64_t)c->duplicate);
    expose(b, name, env, "result", "conflicting", (int64_t)c->conflicting);
    expose(b, name, env, "result", "deferred", (int64_t)c->deferred);
    expose(b, name, env, "result", "event_malformed", (int64_t)c->malformed);
    for (enum verify_result r = VERIFY_NO_HEADER; r <= VERIFY_TOO_NEW; r++)
        expose(b, name, env, "result", verify_reason(r), (int64_t)c->refused[r]);
}

static void show_events(struct buf *b, const struct served *s, const struct webhook_counters *c)
{
    for (enum plan_outcome o = PLAN_DUE; o <= PLAN_ERASED; o++)
        expose(b, "brindle_events_total", s->env, "outcome", plan_outcome_name(o),
               (int64_t)c->outcome[o]);
}

/* ---- tables of plain numbers ---- */

enum number_kind { NUMBER_COUNT, NUMBER_SECONDS };

struct number {
    const char *name, *type, *help;
    enum number_kind kind;
    size_t at; /* of an int64 in struct env_numbers */
};

#define MIRROR(field) offsetof(struct env_numbers, mirror.field)
#define ENGINE(field) offsetof(struct env_numbers, engine.field)

static const struct number engine_numbers[] = {
    { "brindle_ingest_waiting", "gauge", "Deliveries that wait for the disk.", NUMBER_COUNT,
      ENGINE(ingest_waiting) },
    { "brindle_ingested_total", "counter", "Deliveries that were stored.", NUMBER_COUNT,
      ENGINE(ingested) },
    { "brindle_ingest_commits_total", "counter", "Transactions that stored them.", NUMBER_COUNT,
      ENGINE(ingest_commits) },
    { "brindle_ingest_refused_total", "counter", "Deliveries that found the queue full or closed.",
      NUMBER_COUNT, ENGINE(ingest_refused) },
    { "brindle_workers", "gauge", "Threads that do due work.", NUMBER_COUNT, ENGINE(workers) },
    { "brindle_work_done_total", "counter", "Pieces of due work that were done.", NUMBER_COUNT,
      ENGINE(work_done) },
    { "brindle_work_failed_total", "counter", "Pieces of due work that failed, to be tried again.",
      NUMBER_COUNT, ENGINE(work_failed) },
    { "brindle_work_dead_total", "counter", "Pieces of due work that were given up.", NUMBER_COUNT,
      ENGINE(work_dead) },
};

static const struct number mirror_numbers[] = {
    { "brindle_objects", "gauge", "Objects in the mirror.", NUMBER_COUNT, MIRROR(objects) },
    { "brindle_tombstones", "gauge", "Deleted objects that are remembered.", NUMBER_COUNT,
      MIRROR(tombstones) },
    { "brindle_inbox_events", "gauge", "Events in the inbox.", NUMBER_COUNT, MIRROR(events) },
    { "brindle_inbox_deliveries", "gauge", "Deliveries of those events.", NUMBER_COUNT,
      MIRROR(deliveries) },
    { "brindle_inbox_quarantined", "gauge", "Events that were kept aside.", NUMBER_COUNT,
      MIRROR(events_quarantined) },
    { "brindle_inbox_unknown", "gauge", "Events about a type that is not known.", NUMBER_COUNT,
      MIRROR(events_unknown) },
    { "brindle_inbox_unfetchable", "gauge", "Events of which nothing can be fetched.", NUMBER_COUNT,
      MIRROR(events_unfetchable) },
    { "brindle_inbox_conflicting", "gauge", "Deliveries that contradict a known event.",
      NUMBER_COUNT, MIRROR(events_conflicting) },
    { "brindle_due_retrying", "gauge", "Keys that wait for another attempt.", NUMBER_COUNT,
      MIRROR(due_retrying) },
    { "brindle_due", "gauge", "Keys that need work.", NUMBER_COUNT, MIRROR(due) },
    { "brindle_dead", "gauge", "Keys that were given up.", NUMBER_COUNT, MIRROR(dead) },
    { "brindle_customers_several_live", "gauge", "Customers with more than one live subscription.",
      NUMBER_COUNT, MIRROR(several_live) },
    { "brindle_fuse_held", "gauge", "Deletions that no event announced, and a person must permit.",
      NUMBER_COUNT, MIRROR(fuse_held) },
    { "brindle_oldest_due_seconds", "gauge", "Age of the oldest key that needs work; 0: none.",
      NUMBER_SECONDS, MIRROR(oldest_due_ms) },
    { "brindle_last_event_seconds", "gauge", "Since an event last arrived.", NUMBER_SECONDS,
      MIRROR(last_event_ago_ms) },
    { "brindle_last_fetch_seconds", "gauge", "Since an object was last fetched.", NUMBER_SECONDS,
      MIRROR(last_fetch_ago_ms) },
    { "brindle_types_complete", "gauge", "Types whose lists were seen whole.", NUMBER_COUNT,
      MIRROR(types_complete) },
    { "brindle_types_known", "gauge", "Types that can be listed.", NUMBER_COUNT,
      MIRROR(types_known) },
    { "brindle_dangling_references", "gauge", "References to what is not in the mirror.",
      NUMBER_COUNT, MIRROR(dangling) },
};

static void show_number(struct buf *b, const struct number *f, const struct env *env,
                        const struct env_numbers *n)
{
    int64_t value = *(const int64_t *)((const char *)n + f->at);

    if (value < 0) /* not known: then it is not claimed */
        return;
    switch (f->kind) {
    case NUMBER_COUNT: expose(b, f->name, env, NULL, NULL, value); break;
    case NUMBER_SECONDS: expose_seconds(b, f->name, env, value); break;
    }
}

static void show_numbers(struct buf *b, const struct daemon *d, const struct env_numbers *all,
                         const struct number *family, size_t n_families, bool of_mirror)
{
    for (size_t i = 0; i < n_families; i++) {
        expose_family(b, family[i].name, family[i].type, family[i].help);
        for (size_t k = 0; k < d->n_envs; k++)
            if (of_mirror ? all[k].readable : d->env[k].engine != NULL)
                show_number(b, &family[i], d->env[k].env, &all[k]);
    }
}

static void show_envs(struct buf *b, const struct daemon *d, const struct env_numbers *all)
{
    expose_family(b, "brindle_environment_open", "gauge",
                  "1: the environment is worked for; 0: it is closed, see /readyz.");
    for (size_t i = 0; i < d->n_envs; i++)
        expose(b, "brindle_environment_open", d->env[i].env, NULL, NULL,
               d->env[i].engine != NULL && !identity_lost(d->env[i].env));
    expose_family(b, "brindle_webhooks_total", "counter", "Deliveries, by what was answered.");
    for (size_t i = 0; i < d->n_envs; i++)
        show_webhooks(b, &d->env[i], &all[i].webhook);
    expose_family(b, "brindle_events_total", "counter", "New events, by what became of them.");
    for (size_t i = 0; i < d->n_envs; i++)
        show_events(b, &d->env[i], &all[i].webhook);
    show_numbers(b, d, all, engine_numbers, COUNT(engine_numbers), false);
    expose_family(b, "brindle_store_readable", "gauge", "1: the mirror's numbers could be read.");
    for (size_t i = 0; i < d->n_envs; i++)
        expose(b, "brindle_store_readable", d->env[i].env, NULL, NULL, all[i].readable);
    show_numbers(b, d, all, mirror_numbers, COUNT(mirror_numbers), true);
}

/* What each environment has to say itself, with every family once. */
static void show_own(struct buf *b, const struct daemon *d)
{
    struct buf own[DAEMON_ENVS_MAX] = { 0 };
    str text[DAEMON_ENVS_MAX] = { 0 };

    for (size_t i = 0; i < d->n_envs; i++) {
        own[i].max = OWN_BYTES_MAX;
        if (d->env[i].o->metrics)
            d->env[i].o->metrics(d->env[i].o->ctx, &own[i]);
        text[i] = own[i].failed ? (str){ 0 } : buf_str(&own[i]);
    }
    expose_merged(b, text, d->n_envs);
    for (size_t i = 0; i < d->n_envs; i++)
        buf_free(&own[i]);
}

static bool is_readable(const struct served *s)
{
    return s->o->closed == CLOSED_NOT || s->o->readable;
}

void metrics_show(const struct route_call *c)
{
    BUF(body, METRICS_BYTES_MAX);
    struct daemon *d = c->d;
    struct env_numbers all[DAEMON_ENVS_MAX] = { 0 };

    for (size_t i = 0; i < d->n_envs; i++) {
        struct served *s = &d->env[i];
        struct error e = { 0 };
        all[i].readable =
            is_readable(s) && numbers_read(&s->numbers, s->env, &all[i].mirror, &e) == ST_OK;
        if (s->engine)
            all[i].engine = engine_counters(s->engine);
        all[i].webhook = webhook_counters(s->door);
    }
    show_http(&body, d);
    show_envs(&body, d, all);
    show_own(&body, d);
    if (body.failed)
        reply_error(c->x, NULL, 500, "limit", "The metrics are too large to be answered.");
    else
        http_reply(c->x, &(struct http_response){ .status = 200,
                                                  .content_type =
                                                      S("text/plain; version=0.0.4; charset=utf-8"),
                                                  .body = buf_str(&body) });
}
