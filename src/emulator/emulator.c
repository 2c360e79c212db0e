#include "emulator/emulator.h"

#include "emulator/admin.h"
#include "emulator/auth.h"
#include "emulator/call.h"
#include "emulator/delivery.h"
#include "emulator/event_names.h"
#include "emulator/faults.h"
#include "emulator/journal.h"
#include "emulator/limits.h"
#include "emulator/listeners.h"
#include "emulator/params.h"
#include "emulator/rooms.h"
#include "emulator/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_HEADERS_MAX = 8, REQUEST_ID_CHARS = 14 };

struct emulator *emulator_new(const struct emulator_options *o)
{
    struct emulator *e = must_alloc(sizeof *e);

    e->options = *o;
    e->rng = o->seed;
    for (enum type t = 0; t < T_COUNT; t++)
        e->shape[t] = shape_new(t);
    e->faults = faults_new();
    e->deliveries = deliveries_new();
    e->log = request_log_new();
    return e;
}

/* Back to the first moment, but for faults, log and the clock. */
void emulator_forget(struct emulator *e)
{
    while (e->space) {
        struct space *next = e->space->next;
        idem_free(e->space->idem);
        rate_free(e->space->rate);
        space_free(e->space);
        e->space = next;
    }
    deliveries_forget(e->deliveries);
    listeners_forget(e);
    e->rng = e->options.seed;
}

void emulator_free(struct emulator *e)
{
    if (!e)
        return;
    emulator_forget(e);
    journal_close(e->journal);
    deliveries_free(e->deliveries);
    listeners_free(e);
    faults_free(e->faults);
    request_log_free(e->log);
    for (enum type t = 0; t < T_COUNT; t++)
        json_decref(e->shape[t]);
    for (size_t i = 0; i < e->n_webhooks; i++) {
        free(e->webhook[i].url);
        free(e->webhook[i].secret);
    }
    free(e);
}

msec emulator_clock(struct emulator *e)
{
    return e->frozen ? e->frozen : clock_wall(e->options.clock) + e->offset;
}

/* --- spaces --- */

/* An endpoint that nobody asked for by the API; its id does not draw from the generator, because
 * spaces are also made by requests that no journal keeps. */
static void webhook_add(struct emulator *e, struct space *s, const struct webhook *w, size_t i)
{
    char id[ID_BYTES];

    snprintf(id, sizeof id, "we_emulator%zu%s", i + 1, s->account + strlen("acct_"));
    if (record_any(s, T_WEBHOOK_ENDPOINT, str_of(id)))
        return;
    json_t *doc = record_shape(e, s, T_WEBHOOK_ENDPOINT, id);
    json_t *events = json_array();
    json_array_append_new(events, json_string("*"));
    set_new(doc, "enabled_events", events);
    set_strz(doc, "url", w->url);
    struct record *r = record_add(e, s, T_WEBHOOK_ENDPOINT, doc);
    record_hide(r, "secret", json_str(str_of(w->secret)));
}

struct space *space_get(struct emulator *e, const char *account, bool livemode)
{
    struct space *s = space_peek(e, account, livemode);
    struct space **end = &e->space;

    if (s)
        return s;
    s = must_alloc(sizeof *s);
    snprintf(s->account, sizeof s->account, "%s", account);
    s->livemode = livemode;
    s->balance = json_object();
    s->pending = json_object();
    while (*end)
        end = &(*end)->next;
    *end = s;
    json_t *doc = json_deep_copy(e->shape[T_ACCOUNT]);
    set_strz(doc, "id", account);
    record_add(e, s, T_ACCOUNT, doc);
    for (size_t i = 0; i < e->n_webhooks; i++)
        webhook_add(e, s, &e->webhook[i], i);
    return s;
}

enum status emulator_add_webhook(struct emulator *e, str url, str secret, struct error *err)
{
    if (e->n_webhooks == WEBHOOKS_MAX)
        return fail(err, ST_LIMIT, "webhook %.*s: at most %d can be given; use the API for more",
                    STR_ARG(url), WEBHOOKS_MAX);
    struct webhook *w = &e->webhook[e->n_webhooks++];
    *w = (struct webhook){ must_copy(url), must_copy(secret) };
    e->now = emulator_clock(e);
    for (struct space *s = e->space; s; s = s->next)
        webhook_add(e, s, w, e->n_webhooks - 1);
    return ST_OK;
}

/* --- one request --- */

static str request_id(struct emulator *e, struct arena *a)
{
    static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t h = e->options.seed ^ (++e->n_requests * 0x2545f4914f6cdd1du);
    char id[REQUEST_ID_CHARS + 1] = { 0 };

    for (size_t i = 0; i < REQUEST_ID_CHARS; i++)
        id[i] = digit[rng_next(&h) % 62];
    return arena_printf(a, "req_%s", id);
}

struct call call_internal(struct emulator *e, struct space *s, struct arena *a)
{
    return (
        struct call){ .emu = e, .space = s, .arena = a, .internal = true, .params = json_object() };
}

void call_free(struct call *c)
{
    json_decref(c->params);
    json_decref(c->error);
}

static bool is_admin(str path)
{
    return str_starts(path, S("/_emulator/")) || str_eq(path, S("/"));
}

static bool route_read(struct call *c)
{
    const struct http_request *q = c->http;

    if (route_find(q->method, q->path, &c->route, c->part, c->arena) == ST_OK)
        return true;
    refuse(c, 404, NULL, NULL,
           "Unrecognized request URL (%.*s: %.*s). If you are trying to list objects, remove the "
           "trailing slash. If you are trying to retrieve an object, make sure you passed a valid "
           "(non-empty) identifier in your code. Please see https://stripe.com/docs or we can help "
           "at https://support.stripe.com/.",
           STR_ARG(q->method), STR_ARG(q->path));
    return false;
}

/* The text of what the handler gave. */
static void body_from(struct call *c, json_t *answer)
{
    if (c->refused) {
        c->body = json_text_in(c->arena, c->error, JSON_INDENT(2));
    } else if (answer) {
        c->body = json_text_in(c->arena, answer, JSON_COMPACT);
    }
    json_decref(answer);
}

struct answer_notes { /* what the headers tell */
    bool replayed;
    str original_request, limit_reason;
};

/* Runs the handler, unless the idempotency key has its answer already. */
static void execute(struct call *c, struct answer_notes *notes)
{
    struct idem_answer kept;

    if (!params_parse(c))
        return;
    enum status st = idem_find(c, &kept);
    if (st == ST_REFUSED)
        return;
    if (st == ST_OK) {
        c->status = kept.status;
        c->body = arena_copy(c->arena, kept.body);
        *notes = (struct answer_notes){ .replayed = true, .original_request = kept.request_id };
        return;
    }
    c->status = 200;
    bool good = params_check(c) && expand_read(c) && clock_follow(c);
    json_t *answer = good ? c->route->run(c) : NULL;
    body_from(c, answer);
    if (!c->validation)
        idem_keep(c, c->status, c->body);
    if (!str_eq(c->http->method, S("GET")) && !c->journaled)
        journal_request(c);
}

/* The version that was asked for is told back; the shapes are of one version alone. */
static bool version_read(struct call *c)
{
    str version;

    str_cut(http_header_get(c->http, S("stripe-version"), NULL), ';', &version);
    c->version = version.n ? version : S(API_VERSION);
    if (api_version_known(c->version) || str_ends(version, S(".preview")))
        return true;
    refuse(c, 400, NULL, NULL, "Invalid Stripe API version: %.*s", STR_ARG(version));
    return false;
}

static bool prepare(struct call *c, struct answer_notes *notes)
{
    bool admin = is_admin(c->http->path);

    if (!admin && !auth_read(c))
        return false;
    if (!route_read(c))
        return false;
    if (admin)
        return true;
    return fault_header_fits(c) && version_read(c) && permitted(c) &&
           rate_allows(c, &notes->limit_reason) && !busy_refuses(c);
}

static void head(struct call *c, const struct answer_notes *notes, struct http_response *out)
{
    struct http_header *h = arena_alloc(c->arena, ANSWER_HEADERS_MAX * sizeof *h);
    size_t n = 0;

    *out = (struct http_response){ .status = c->status,
                                   .content_type = S("application/json"),
                                   .body = c->body };
    if (!h)
        return;
    h[n++] = (struct http_header){ S("Request-Id"), c->request_id };
    h[n++] =
        (struct http_header){ S("Stripe-Version"), c->version.n ? c->version : S(API_VERSION) };
    if (c->idem_key.n)
        h[n++] = (struct http_header){ S("Idempotency-Key"), c->idem_key };
    if (notes->replayed) {
        h[n++] = (struct http_header){ S("Idempotent-Replayed"), S("true") };
        h[n++] = (struct http_header){ S("Original-Request"),
                                       arena_copy(c->arena, notes->original_request) };
    }
    if (notes->limit_reason.n)
        h[n++] = (struct http_header){ S("Stripe-Rate-Limited-Reason"), notes->limit_reason };
    if (str_eq(c->http->path, S("/")))
        h[n++] = (struct http_header){ S("Stripe-Mock-Version"), S("master") };
    out->header = h;
    out->n_headers = n;
}

static void answer(struct call *c, struct http_response *out)
{
    struct answer_notes notes = { 0 };
    struct fault f = { 0 };
    bool ready = prepare(c, &notes);

    if (ready && !is_admin(c->http->path) && !c->emu->replaying)
        f = faults_request(c->emu, c->http);
    bool carried_out = f.kind == FAULT_NONE || f.kind == FAULT_SLOW || f.kind == FAULT_TRICKLE ||
                       f.kind == FAULT_CUT || f.after;
    if (ready && carried_out)
        execute(c, &notes);
    if (c->refused && !c->body.p)
        c->body = json_text_in(c->arena, c->error, JSON_INDENT(2));
    head(c, &notes, out);
    if (f.kind != FAULT_NONE)
        fault_answer(c, &f, out);
}

enum status emulator_handle(struct emulator *e, const struct http_request *q, struct arena *a,
                            struct http_response *out, struct error *err)
{
    struct call c = { .emu = e, .http = q, .arena = a, .status = 500 };

    if (!e->replaying)
        e->now = emulator_clock(e);
    c.request_id = e->replaying ? e->replay_id : request_id(e, a);
    c.idem_key = http_header_get(q, S("idempotency-key"), NULL);
    e->following = NULL;
    answer(&c, out);
    e->following = NULL;
    bool fits = c.body.p && out->header;
    request_log_add(e, &c, out);
    call_free(&c);
    if (!fits)
        return fail(err, ST_LIMIT,
                    "the answer to %.*s %.*s does not fit into the arena; give a larger one",
                    STR_ARG(q->method), STR_ARG(q->path));
    return ST_OK;
}
