#include "serve/webhook.h"

#include "serve/reply.h"
#include "serve/valve.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    EVENT_ARENA_BYTES_MAX = 64 << 10, /* decoded copies of the few strings that hold escapes */
    DELIVERIES_PER_SLAB = 64,
    PING_BYTES_MAX = 1024,
};

/* One verified delivery between its request and its answer. */
struct delivery {
    struct ingest_item item; /* first: the engine hands this back */
    struct webhook_door *door;
    struct http_exchange *x;
    struct arena arena;
    struct delivery *next_free;
};

/* Deliveries are made in slabs, used again and again, and freed with the door. */
struct slab {
    struct slab *next;
    struct delivery delivery[DELIVERIES_PER_SLAB];
};

struct webhook_door {
    struct env *env;
    struct engine *engine;
    const struct log *log;
    struct clock *clock;
    struct verifier *verifier;

    /* This turn's deliveries. The loop's own, like the free ones and the slabs. */
    struct ingest_item *first, **last;
    size_t n;
    struct delivery *free;
    struct slab *slabs;
    /* Where the ingest thread puts those that are answered; the loop takes all of them at once. */
    _Atomic(struct delivery *) returned;

    struct valve refused_lines, kept_lines;
    _Atomic uint64_t accepted, duplicate, conflicting, deferred, malformed, mismatches;
    _Atomic uint64_t refused[VERIFY_RESULT_COUNT], outcome[PLAN_OUTCOME_COUNT];
    _Atomic msec mismatch_at, signed_at;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- memory ---- */

static void refill(struct webhook_door *d)
{
    struct slab *slab = calloc(1, sizeof *slab);

    if (!slab)
        return;
    slab->next = d->slabs;
    d->slabs = slab;
    for (size_t i = 0; i < DELIVERIES_PER_SLAB; i++) {
        struct delivery *v = &slab->delivery[i];
        v->door = d;
        v->arena.max = EVENT_ARENA_BYTES_MAX;
        v->next_free = d->free;
        d->free = v;
    }
}

static struct delivery *take_delivery(struct webhook_door *d)
{
    if (!d->free)
        d->free = atomic_exchange_explicit(&d->returned, NULL, memory_order_acquire);
    if (!d->free)
        refill(d);
    struct delivery *v = d->free;
    if (v)
        d->free = v->next_free;
    return v;
}

/* On the loop's thread. */
static void put_back(struct webhook_door *d, struct delivery *v)
{
    arena_free(&v->arena);
    v->next_free = d->free;
    d->free = v;
}

/* On any thread. */
static void give_back(struct webhook_door *d, struct delivery *v)
{
    arena_free(&v->arena);
    v->next_free = atomic_load_explicit(&d->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&d->returned, &v->next_free, v,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

/* ---- refusals ---- */

static void log_refused(struct webhook_door *d, const char *reason, const char *message)
{
    uint64_t held = 0;

    if (valve_pass(&d->refused_lines, clock_mono(d->clock), &held))
        log_say(d->log, LOG_WARN, LOG_webhook_refused, LF_ENV(d->env), LF("reason", str_of(reason)),
                LF("error", str_of(message)), LF_INT("held", (int64_t)held));
}

static void refuse_signature(struct webhook_door *d, struct http_exchange *x, enum verify_result r)
{
    count(&d->refused[r]);
    if (r == VERIFY_MISMATCH || r == VERIFY_TOO_OLD || r == VERIFY_TOO_NEW) {
        count(&d->mismatches);
        atomic_store_explicit(&d->mismatch_at, clock_mono(d->clock), memory_order_relaxed);
    }
    log_refused(d, verify_reason(r), verify_hint(r));
    reply_error(x, NULL, 400, verify_reason(r), verify_hint(r));
}

static void refuse_event(struct webhook_door *d, struct http_exchange *x, const struct error *e)
{
    count(&d->malformed);
    log_refused(d, "event_malformed", e->text);
    reply_error(x, d->env, 400, "event_malformed", e->text);
}

static void defer(struct webhook_door *d, struct http_exchange *x)
{
    count(&d->deferred);
    reply_later(x, d->env, "not_stored",
                "The event could not be stored now, and was not acknowledged; send it again.");
}

/* A reason of its own, for whoever looks at Stripe's list of failed deliveries can help. */
static void defer_for_space(struct webhook_door *d, struct http_exchange *x)
{
    count(&d->deferred);
    reply_later(x, d->env, "disk_full",
                "The event could not be stored, for the disk is full, and was not acknowledged; "
                "free some space, and send it again.");
}

static void defer_closed(struct webhook_door *d, struct http_exchange *x)
{
    count(&d->deferred);
    reply_later(x, d->env, "environment_closed",
                "This environment is closed now: the event was not acknowledged; send it again.");
}

static void answer_ping(struct webhook_door *d, struct http_exchange *x)
{
    BUF(body, PING_BYTES_MAX);
    struct json_writer w = { .b = &body };

    jw_object(&w);
    jw_key(&w, S("ping"));
    jw_bool(&w, true);
    jw_key(&w, S("open"));
    jw_bool(&w, d->engine != NULL);
    reply_put_env(&w, d->env);
    jw_end(&w);
    reply_json(x, body.failed ? 500 : 200, body.failed ? S("{}") : buf_str(&body));
}

/* ---- after the commit, on the ingest thread ---- */

static void log_quarantined(struct webhook_door *d, const struct ingest_item *item)
{
    uint64_t held = 0;

    if (valve_pass(&d->kept_lines, clock_mono(d->clock), &held))
        log_say(d->log, LOG_WARN, LOG_webhook_quarantined, LF_ENV(d->env),
                LF("event_id", item->event.id), LF("type", item->event.type),
                LF("reason", str_of(item->result.reason)), LF_INT("held", (int64_t)held));
}

static void count_stored(struct webhook_door *d, const struct ingest_item *item)
{
    switch (item->result.verdict) {
    case INBOX_NEW:
        count(&d->accepted);
        count(&d->outcome[item->result.outcome]);
        if (item->result.outcome == PLAN_QUARANTINED)
            log_quarantined(d, item);
        break;
    case INBOX_AGAIN: count(&d->duplicate); break;
    case INBOX_CONFLICTING:
        count(&d->conflicting);
        log_quarantined(d, item);
        break;
    }
}

static void delivery_done(struct ingest_item *item)
{
    struct delivery *v = (struct delivery *)item;
    struct webhook_door *d = v->door;

    if (item->status == ST_OK) {
        count_stored(d, item);
        reply_json(v->x, 200, S("{\"received\":true}"));
    } else if (item->disk_full) {
        defer_for_space(d, v->x);
    } else {
        defer(d, v->x);
    }
    give_back(d, v);
}

/* ---- on the loop's thread ---- */

static enum verify_result verify(struct webhook_door *d, const struct http_request *q, msec now,
                                 size_t *which)
{
    size_t sent = 0;
    str header = http_header_get(q, S("Stripe-Signature"), &sent);

    if (sent > 1) /* which of them was meant? */
        return VERIFY_MALFORMED;
    return verify_signature(d->verifier, header, q->body, now, which);
}

void webhook_take(struct webhook_door *d, struct http_exchange *x, const struct http_request *q)
{
    msec now = clock_wall(d->clock);
    struct error e = { 0 };
    size_t which = 0;

    enum verify_result r = verify(d, q, now, &which);
    if (r != VERIFY_OK) {
        refuse_signature(d, x, r);
        return;
    }
    atomic_store_explicit(&d->mismatches, 0, memory_order_relaxed);
    atomic_store_explicit(&d->signed_at, clock_mono(d->clock), memory_order_relaxed);
    struct delivery *v = take_delivery(d);
    if (!v) {
        defer(d, x);
        return;
    }
    v->item = (struct ingest_item){ .done = delivery_done };
    if (event_parse(q->body, &v->item.event, &v->arena, &e) != ST_OK) {
        put_back(d, v);
        refuse_event(d, x, &e);
        return;
    }
    if (str_eqz(v->item.event.type, WEBHOOK_PING) || !d->engine) {
        bool ping = str_eqz(v->item.event.type, WEBHOOK_PING);
        put_back(d, v);
        if (ping)
            answer_ping(d, x);
        else
            defer_closed(d, x);
        return;
    }
    v->x = x;
    v->item.event.received_at = now;
    v->item.event.secret = which;
    *d->last = &v->item;
    d->last = &v->item.next;
    d->n++;
}

void webhook_turn(struct webhook_door *d)
{
    struct ingest_item *first = d->first;
    size_t n = d->n;

    if (n == 0)
        return;
    d->first = NULL;
    d->last = &d->first;
    d->n = 0;
    if (engine_ingest(d->engine, first, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct delivery *v = (struct delivery *)first;
        first = first->next;
        defer(d, v->x);
        put_back(d, v);
    }
}

/* ---- life ---- */

enum status webhook_open(struct webhook_door **out, struct env *env,
                         const struct verify_secrets *secrets, size_t n_secrets,
                         struct engine *engine, const struct log *log, struct error *e)
{
    struct webhook_door *d = calloc(1, sizeof *d);

    if (!d)
        return fail(e, ST_LIMIT, "%s: out of memory", env->name);
    d->env = env;
    d->engine = engine;
    d->log = log;
    d->clock = env->world->clock;
    d->last = &d->first;
    d->refused_lines = (struct valve)VALVE_INIT;
    d->kept_lines = (struct valve)VALVE_INIT;
    enum status st = verifier_new(&d->verifier, env->name, secrets, n_secrets, e);
    if (st != ST_OK) {
        free(d);
        return st;
    }
    *out = d;
    return ST_OK;
}

void webhook_close(struct webhook_door *d)
{
    if (!d)
        return;
    assert(d->n == 0);
    while (d->slabs) {
        struct slab *next = d->slabs->next;
        for (size_t i = 0; i < DELIVERIES_PER_SLAB; i++)
            arena_free(&d->slabs->delivery[i].arena);
        free(d->slabs);
        d->slabs = next;
    }
    verifier_free(d->verifier);
    free(d);
}

static uint64_t read_count(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct webhook_counters webhook_counters(const struct webhook_door *d)
{
    struct webhook_counters c = {
        .accepted = read_count(&d->accepted),
        .duplicate = read_count(&d->duplicate),
        .conflicting = read_count(&d->conflicting),
        .deferred = read_count(&d->deferred),
        .malformed = read_count(&d->malformed),
        .mismatches = read_count(&d->mismatches),
        .mismatch_at = atomic_load_explicit(&d->mismatch_at, memory_order_relaxed),
        .signed_at = atomic_load_explicit(&d->signed_at, memory_order_relaxed),
    };

    for (size_t i = 0; i < COUNT(c.refused); i++)
        c.refused[i] = read_count(&d->refused[i]);
    for (size_t i = 0; i < COUNT(c.outcome); i++)
        c.outcome[i] = read_count(&d->outcome[i]);
    return c;
}
