#include "emulator/listeners.h"

#include "base/hmac.h"
#include "emulator/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LISTENERS_MAX = 16,
    QUEUE_MAX = 10000, /* what nobody reads is forgotten beyond it, the oldest first */
    RECONNECT_S = 5,
    LISTEN_SECRET_CHARS = 32,
};

struct message {
    struct message *next;
    char *body, id[ID_BYTES];
    bool sent;
};

struct listener {
    uint64_t session; /* 0: free */
    struct space *space;
    char websocket_id[ID_BYTES], secret[ID_BYTES];
    bool connected;
    struct message *first, **last;
    size_t n;
};

struct listeners {
    struct listener all[LISTENERS_MAX];
    uint64_t last_session, last_message;
};

/* --- queues --- */

static void message_free(struct message *m)
{
    free(m->body);
    free(m);
}

static void queue_drop_first(struct listener *l)
{
    struct message *m = l->first;

    l->first = m->next;
    if (!l->first)
        l->last = &l->first;
    l->n--;
    message_free(m);
}

static void listener_end(struct listener *l)
{
    while (l->first)
        queue_drop_first(l);
    *l = (struct listener){ .last = &l->first };
}

static struct listener *by_session(struct emulator *e, uint64_t session)
{
    for (size_t i = 0; e->listeners && i < LISTENERS_MAX; i++)
        if (session && e->listeners->all[i].session == session)
            return &e->listeners->all[i];
    return NULL;
}

void listeners_forget(struct emulator *e)
{
    for (size_t i = 0; e->listeners && i < LISTENERS_MAX; i++)
        listener_end(&e->listeners->all[i]);
}

void listeners_free(struct emulator *e)
{
    listeners_forget(e);
    free(e->listeners);
    e->listeners = NULL;
}

/* --- sessions --- */

/* A free one, or the oldest that nobody is connected to; NULL: all are. */
static struct listener *listener_place(struct listeners *all)
{
    struct listener *best = NULL;

    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *l = &all->all[i];
        if (!l->connected && (!best || l->session < best->session))
            best = l;
    }
    return best;
}

/* The same for every session of an account and mode, so that whoever is forwarded to can be told
 * once. It follows from the seed and draws nothing from the generator of ids. */
static void secret_of(struct emulator *e, const struct space *s, char out[ID_BYTES])
{
    static const char digit[] = "0123456789abcdef";
    uint64_t h = hash_str(str_of(s->account), e->options.seed ^ (s->livemode ? 2 : 1));
    size_t at = (size_t)snprintf(out, ID_BYTES, "whsec_");

    for (size_t i = 0; i < LISTEN_SECRET_CHARS; i++)
        out[at++] = digit[rng_next(&h) % 16];
    out[at] = 0;
}

/* POST /v1/stripecli/sessions: what `stripe listen` begins with. [facts: F-66] */
json_t *listen_session(struct call *c)
{
    struct emulator *e = c->emu;
    str host = http_header_get(c->http, S("host"), NULL);

    c->journaled = true; /* nothing of it is kept */
    if (!e->listeners)
        e->listeners = must_alloc(sizeof(*e->listeners));
    struct listener *l = listener_place(e->listeners);
    if (!l)
        return refuse(c, 429, NULL, NULL, "At most %d sessions can listen at a time.",
                      LISTENERS_MAX);
    listener_end(l);
    l->session = ++e->listeners->last_session;
    l->space = c->space;
    snprintf(l->websocket_id, sizeof l->websocket_id, "cliws_%llu_%s",
             (unsigned long long)l->session, c->space->account);
    secret_of(e, c->space, l->secret);
    str url = arena_printf(c->arena, "ws://%.*s" LISTEN_PATH, STR_ARG(host));
    json_t *v = json_object();
    set_str(v, "websocket_url", url);
    set_strz(v, "websocket_id", l->websocket_id);
    set_strz(v, "websocket_authorized_feature", "webhooks");
    set_int(v, "reconnect_delay", RECONNECT_S);
    set_strz(v, "secret", l->secret);
    set_strz(v, "default_version", API_VERSION);
    set_strz(v, "latest_version", API_VERSION);
    set_bool(v, "display_connect_filter_warning", false);
    return v;
}

uint64_t listener_connect(struct emulator *e, str websocket_id)
{
    for (size_t i = 0; e->listeners && i < LISTENERS_MAX; i++) {
        struct listener *l = &e->listeners->all[i];
        if (!l->session || l->connected || !str_eqz(websocket_id, l->websocket_id))
            continue;
        l->connected = true;
        for (struct message *m = l->first; m; m = m->next)
            m->sent = false;
        return l->session;
    }
    return 0;
}

void listener_disconnect(struct emulator *e, uint64_t session)
{
    struct listener *l = by_session(e, session);

    if (l)
        l->connected = false;
}

/* --- messages --- */

static void message_add(struct emulator *e, struct listener *l, str body)
{
    struct message *m = must_alloc(sizeof(*m));

    if (l->n == QUEUE_MAX)
        queue_drop_first(l);
    m->body = must_copy(body);
    snprintf(m->id, sizeof m->id, "wh_%llu", (unsigned long long)++e->listeners->last_message);
    *l->last = m;
    l->last = &m->next;
    l->n++;
}

void listeners_event(struct emulator *e, struct record *event)
{
    if (e->replaying)
        return;
    for (size_t i = 0; e->listeners && i < LISTENERS_MAX; i++) {
        struct listener *l = &e->listeners->all[i];
        if (!l->session || l->space != event->space)
            continue;
        char *body = json_dumps(record_doc(event), JSON_INDENT(2) | JSON_NUMBERS);
        message_add(e, l, str_of(body));
        free(body);
    }
}

static str signature_of(struct emulator *e, const struct listener *l, str body, struct arena *a)
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX];
    str t = arena_printf(a, "%lld.", (long long)(e->now / 1000));
    struct hmac *h = hmac_new(str_of(l->secret));

    hmac_sum(h, t, body, (str){ 0 }, sum);
    hmac_hex(sum, hex);
    hmac_free(h);
    return arena_printf(a, "t=%.*s,v1=%.*s", (int)t.n - 1, t.p, HMAC_HEX, hex);
}

enum status listener_next(struct emulator *e, uint64_t session, struct arena *a, str *message)
{
    struct listener *l = by_session(e, session);
    struct message *m = l ? l->first : NULL;

    if (!l)
        return ST_REFUSED;
    while (m && m->sent)
        m = m->next;
    if (!m)
        return ST_NONE;
    e->now = emulator_clock(e);
    str signature = signature_of(e, l, str_of(m->body), a);
    json_t *v = json_pack("{s:s,s:{s:n},s:s,s:{s:s,s:s,s:s%},s:s,s:s}", "type", "webhook_event",
                          "endpoint", "api_version", "event_payload", m->body, "http_headers",
                          "Content-Type", "application/json; charset=utf-8", "User-Agent",
                          "Stripe/1.0 (+https://stripe.com/docs/webhooks)", "Stripe-Signature",
                          signature.p ? signature.p : "", signature.n, "webhook_conversation_id",
                          m->id, "webhook_id", m->id);
    *message = v ? json_text_in(a, v, JSON_COMPACT) : (str){ 0 };
    json_decref(v);
    if (!message->p)
        return ST_LIMIT;
    m->sent = true;
    return ST_OK;
}

void listener_hears(struct emulator *e, uint64_t session, str message)
{
    struct listener *l = by_session(e, session);
    json_t *v = l ? json_loadb(message.p, message.n, JSON_ALLOW_NUL, NULL) : NULL;
    str id = get_str(v, "webhook_id");

    for (struct message **at = l ? &l->first : NULL; at && *at && id.n; at = &(*at)->next) {
        struct message *m = *at;
        if (!m->sent || !str_eqz(id, m->id))
            continue;
        *at = m->next;
        if (l->last == &m->next)
            l->last = at;
        l->n--;
        message_free(m);
        break;
    }
    json_decref(v);
}
