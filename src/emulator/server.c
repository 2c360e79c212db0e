#include "emulator/server.h"

#include "emulator/delivery.h"
#include "emulator/listen.h"
#include "emulator/rooms.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    SENDERS_MAX = 64,
    SENDERS = 4,
    SEND_MS = 10 * 1000,
    TICK_MS = 200,
    DELIVERY_ARENA_BYTES = 16 << 20,
};

struct emulator_server {
    struct emulator *emulator; /* under the lock, like everything below it */
    pthread_mutex_t lock;
    pthread_cond_t news; /* a delivery may have become due, or it is over */
    pthread_cond_t time; /* time may bring something about now, or it is over */
    bool stopping;
    struct emulator_server_options options; /* what follows is set at the start */
    struct http_server *http;
    struct listen *listen;
    pthread_t thread[SENDERS_MAX + 1];
    unsigned n_threads;
};

/* --- requests, on the loop's thread --- */

static void refuse_whole(struct http_exchange *x, const struct error *e)
{
    (void)e;
    http_reply(x, &(struct http_response){
                      .status = 500,
                      .content_type = S("application/json"),
                      .body = S("{\"error\":{\"message\":\"The emulator's answer is too large.\","
                                "\"type\":\"api_error\"}}") });
}

/* Something may be due, or to be told. Nobody is woken for nothing: with as many threads as there
 * are, that would cost more than the request. Under the lock. */
static void news(struct emulator_server *s)
{
    size_t n = deliveries_waiting(s->emulator->deliveries);

    if (n == 1)
        pthread_cond_signal(&s->news);
    else if (n > 1)
        pthread_cond_broadcast(&s->news);
    if (time_is_due(s->emulator))
        pthread_cond_signal(&s->time);
    listen_wake(s->listen);
}

static void handle(void *ctx, struct http_exchange *x, const struct http_request *q)
{
    struct emulator_server *s = ctx;
    ARENA(arena, EMULATOR_ANSWER_BYTES_MAX);
    struct http_response answer = { 0 };
    struct error e = { 0 };

    pthread_mutex_lock(&s->lock);
    enum status st = ST_OK;
    if (!listen_upgrade(s->listen, q, &arena, &answer))
        st = emulator_handle(s->emulator, q, &arena, &answer, &e);
    if (!str_eq(q->method, S("GET")))
        news(s);
    pthread_mutex_unlock(&s->lock);
    if (st == ST_OK)
        http_reply(x, &answer);
    else
        refuse_whole(x, &e);
}

/* --- time and deliveries, on threads of their own --- */

static void wait_ms(struct emulator_server *s, pthread_cond_t *news, msec span)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += span / 1000;
    t.tv_nsec += span % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(news, &s->lock, &t);
}

static void *tick(void *ctx)
{
    struct emulator_server *s = ctx;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        emulator_advance(s->emulator);
        listen_wake(s->listen);
        wait_ms(s, &s->time, s->options.tick_ms);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int send_one(struct emulator_server *s, const struct emulator_delivery *d)
{
    const struct emulator_header header[] = {
        { S("User-Agent"), S("Stripe/1.0 (+https://stripe.com/docs/webhooks)") },
        { S("Content-Type"), S("application/json; charset=utf-8") },
        { S("Accept"), S("*/*; q=0.5, application/xml") },
        { S("Cache-Control"), S("no-cache") },
        { S("Stripe-Signature"), d->signature },
    };
    const struct emulator_sender *by = s->options.sender;
    struct error ignored = { 0 };
    int http_status = 0;

    enum status st = by->send(by->ctx, d->url, header, COUNT(header), d->body,
                              s->options.send_ms_max, &http_status, &ignored);
    return st == ST_OK ? http_status : 0;
}

/* Takes one delivery and sends it without the lock. False when none was due. */
static bool deliver(struct emulator_server *s, msec *pause)
{
    ARENA(arena, DELIVERY_ARENA_BYTES);
    struct emulator_delivery d;
    struct error e = { 0 };
    msec due;

    if (emulator_next_delivery(s->emulator, &arena, &d, &due, &e) != ST_OK) {
        *pause =
            due == INT64_MAX ? s->options.tick_ms : due - clock_wall(s->emulator->options.clock);
        return false;
    }
    pthread_mutex_unlock(&s->lock);
    int http_status = send_one(s, &d);
    pthread_mutex_lock(&s->lock);
    emulator_delivered(s->emulator, d.id, http_status);
    return true;
}

static void *deliver_all(void *ctx)
{
    struct emulator_server *s = ctx;
    msec pause;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        if (deliver(s, &pause))
            continue;
        if (pause > s->options.tick_ms)
            pause = s->options.tick_ms;
        wait_ms(s, &s->news, pause < 1 ? 1 : pause);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- life --- */

static void options_fill(struct emulator_server_options *o)
{
    if (!o->senders)
        o->senders = SENDERS;
    if (o->senders > SENDERS_MAX)
        o->senders = SENDERS_MAX;
    if (!o->sender)
        o->senders = 0;
    if (!o->send_ms_max)
        o->send_ms_max = SEND_MS;
    if (!o->tick_ms)
        o->tick_ms = TICK_MS;
}

enum status emulator_server_open(struct emulator_server **out, struct emulator *e,
                                 const struct emulator_server_options *o, struct error *err)
{
    struct emulator_server *s = must_alloc(sizeof *s);
    pthread_condattr_t monotonic;

    s->emulator = e;
    s->options = *o;
    options_fill(&s->options);
    enum status st = http_server_open(
        &s->http, &(struct http_options){ .listen = o->listen, .handler = { s, handle, NULL } },
        err);
    if (st != ST_OK) {
        free(s);
        return st;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->news, &monotonic);
    pthread_cond_init(&s->time, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->listen = listen_new(e, &s->lock);
    *out = s;
    return ST_OK;
}

unsigned emulator_server_port(const struct emulator_server *s)
{
    return http_server_port(s->http);
}

static bool thread_start(struct emulator_server *s, void *(*run)(void *))
{
    if (pthread_create(&s->thread[s->n_threads], NULL, run, s))
        return false;
    s->n_threads++;
    return true;
}

static void threads_join(struct emulator_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->news);
    pthread_cond_broadcast(&s->time);
    pthread_mutex_unlock(&s->lock);
    while (s->n_threads)
        pthread_join(s->thread[--s->n_threads], NULL);
}

enum status emulator_server_run(struct emulator_server *s, struct error *err)
{
    bool started = thread_start(s, tick);

    for (unsigned i = 0; i < s->options.senders && started; i++)
        started = thread_start(s, deliver_all);
    enum status st = started ? http_server_run(s->http, err)
                             : fail(err, ST_LIMIT,
                                    "the emulator's threads cannot be started; "
                                    "raise the limit of processes");
    threads_join(s);
    return st;
}

void emulator_server_stop(struct emulator_server *s)
{
    http_server_stop(s->http);
}

void emulator_server_close(struct emulator_server *s)
{
    if (!s)
        return;
    http_server_close(s->http);
    listen_free(s->listen);
    pthread_cond_destroy(&s->news);
    pthread_cond_destroy(&s->time);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
