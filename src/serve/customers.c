/* customers.c - the customers' states over HTTP, and objects that are fetched while somebody waits.
 */
#include "base/json.h"
#include "base/json_scan.h"
#include "base/url.h"
#include "core/customer/state.h"
#include "core/customer/user.h"
#include "core/mirror/mirror.h"
#include "core/mirror/sync.h"
#include "serve/party.h"
#include "serve/reply.h"

#include <stdio.h>
#include <string.h>

enum {
    REPLY_BYTES_MAX = 64 << 20,
    ETAG_MAX = 64 + ACCOUNT_ID_MAX,
    WAIT_S = 10, /* when the request does not say */
    WAIT_S_MAX = 60,
};

/* ---- what a request says ---- */

/* The environment, the account and the id in the path. False: answered already. */
static bool read_path(const struct route_call *c, struct party *p, str *id, struct arena *a)
{
    if (!party_enter(c, p))
        return false;
    if ((!url_unescape(a, c->arg[1], false, id) || !id->n || id->n > WAITING_ID_MAX ||
         !utf8_is_line(*id))) {
        reply_error(c->x, p->env, 400, "invalid", "This is no object's id.");
        return false;
    }
    return true;
}

/* A whole number in the query: `otherwise` when it is not there. False: answered already. */
static bool read_seconds(const struct route_call *c, const char *name, int64_t otherwise,
                         int64_t most, int64_t *out)
{
    str pair, key;

    *out = otherwise;
    for (str rest = http_exchange_request(c->x)->query; rest.n;) {
        rest = str_cut(rest, '&', &pair);
        str value = str_cut(pair, '=', &key);
        if (!str_eqz(key, name))
            continue;
        if (!str_to_int(value, out) || *out < 0 || *out > most) {
            reply_error(c->x, NULL, 400, "invalid",
                        "wait, timeout and max_age are whole numbers of seconds.");
            return false;
        }
    }
    return true;
}

/* ---- the state ---- */

/* The same revision is the same value; whether it is complete or stale may change beside it. One
 * address has another answer for each account. */
static void etag_of(const struct env *env, const struct customer_state *s, char out[ETAG_MAX])
{
    snprintf(out, ETAG_MAX, "W/\"%s%s%lld%s%s\"", env->root ? env->identity.account : "",
             env->root ? "-" : "", (long long)s->revision, s->complete ? "" : "-partial",
             s->stale_since ? "-stale" : "");
}

static void reply_state(struct http_exchange *x, struct env *env, const struct customer_state *s)
{
    BUF(body, REPLY_BYTES_MAX);
    char etag[ETAG_MAX];

    etag_of(env, s, etag);
    const struct http_header head[] = { { S("ETag"), str_of(etag) },
                                        { S("Vary"), S("Stripe-Account") } };
    str known = http_header_get(http_exchange_request(x), S("If-None-Match"), NULL);
    if (str_eqz(known, etag)) {
        http_reply(
            x, &(struct http_response){ .status = 304, .header = head, .n_headers = COUNT(head) });
        return;
    }
    state_print(s, clock_wall(env->world->clock), &body);
    http_reply(x, &(struct http_response){ .status = body.failed ? 500 : 200,
                                           .content_type = S("application/json"),
                                           .body = body.failed ? S("{}") : buf_str(&body),
                                           .header = head,
                                           .n_headers = COUNT(head) });
}

static void show_state(struct http_exchange *x, struct env *env, str customer)
{
    ARENA(a, REPLY_BYTES_MAX);
    struct customer_state s;
    struct error e = { 0 };
    enum status st = state_get(env, customer, &s, &a, &e);

    if (st == ST_OK)
        reply_state(x, env, &s);
    else if (st == ST_NONE)
        reply_error(x, env, 404, "no_such_customer", e.text);
    else
        reply_later(x, env, "sync_failed", e.text);
}

/* ---- waiting ---- */

static void write_object(struct json_writer *w, const struct object *o)
{
    jw_object(w);
    jw_put_str(w, "type", o->type);
    jw_put_str(w, "id", o->id);
    jw_put_bool(w, "deleted", o->deleted);
    jw_put_int(w, "revision", o->revision);
    jw_put_int(w, "fetchedAt", o->fetched_at);
    jw_key(w, S("data"));
    jw_raw(w, o->data);
    jw_end(w);
}

static void show_object(const struct waiter *w)
{
    ARENA(a, REPLY_BYTES_MAX);
    BUF(body, REPLY_BYTES_MAX);
    struct json_writer out = { .b = &body };
    struct error e = { 0 };
    struct object o;
    enum status st = mirror_get(w->env, str_of(w->type), str_of(w->id), &o, &a, &e);

    if (st == ST_NONE) {
        struct error ignored = { 0 };
        bool erased = false;
        if (mirror_is_erased(w->env, str_of(w->type), str_of(w->id), &erased, &ignored) != ST_OK)
            erased = false;
        reply_error(w->x, w->env, 404, "no_such_object",
                    erased ? "It was erased here: its id is blocked."
                           : "Stripe has no such object.");
        return;
    }
    if (st == ST_OK)
        write_object(&out, &o);
    if (st == ST_OK && !body.failed)
        reply_json(w->x, 200, buf_str(&body));
    else
        reply_later(w->x, w->env, "not_readable",
                    st == ST_OK ? "The object is too large." : e.text);
}

/* 503, with the last state that is known: it says itself that it is stale. */
static void show_failure(const struct waiter *w, enum waiting_end end)
{
    static const char *const reason[] = { "", "sync_failed", "timeout", "stopping" };
    static const char *const words[] = { "", "The fetch was given up.",
                                         "Stripe has not answered in time; the fetch goes on.",
                                         "The daemon is stopping; ask again." };
    ARENA(a, REPLY_BYTES_MAX);
    BUF(body, REPLY_BYTES_MAX);
    struct json_writer out = { .b = &body };
    struct customer_state s;
    struct error e = { 0 };

    bool known = w->kind == DUE_CUSTOMER && state_get(w->env, str_of(w->id), &s, &a, &e) == ST_OK;
    jw_object(&out);
    jw_key(&out, S("error"));
    jw_object(&out);
    jw_put_str(&out, "reason", str_of(reason[end]));
    jw_put_str(&out, "message", known && s.why.n ? s.why : str_of(words[end]));
    reply_put_env(&out, w->env);
    jw_end(&out);
    if (known) {
        BUF(state, REPLY_BYTES_MAX);
        state_print(&s, clock_wall(w->env->world->clock), &state);
        jw_key(&out, S("state"));
        jw_raw(&out, state.failed ? S("null") : buf_str(&state));
    }
    jw_end(&out);
    const struct http_header later = { S("Retry-After"), S("5") };
    http_reply(w->x, &(struct http_response){ .status = 503,
                                              .content_type = S("application/json"),
                                              .body = body.failed ? S("{}") : buf_str(&body),
                                              .header = &later,
                                              .n_headers = 1 });
}

static void on_end(const struct waiter *w, enum waiting_end end)
{
    switch (end) {
    case WAITING_DONE:
        if (w->kind == DUE_CUSTOMER)
            show_state(w->x, w->env, str_of(w->id));
        else
            show_object(w);
        return;
    case WAITING_DEAD:
    case WAITING_LATE:
    case WAITING_STOP: show_failure(w, end); return;
    }
}

/* Has the object fetched before everything else; the answer comes when it is stored, or now when
 * nobody waits. */
static void fetch(const struct route_call *c, const struct party *p, str id, bool wait,
                  int64_t seconds)
{
    struct error e = { 0 };
    struct sync sync;

    if (!party_may_ask(c, p))
        return;
    enum status st = sync_start(p->env, &id, 1, false, LANE_BACKFILL, &sync, &e);

    if (st == ST_OK && !sync.n_objects)
        st = fail(&e, ST_INVALID, "%.*s is a type; this address takes an object's id", STR_ARG(id));
    if (st != ST_OK) {
        reply_failure(c->x, p->env, st, &e);
        return;
    }
    if (!wait) {
        reply_json(c->x, 202, S("{\"due\":true}"));
        return;
    }
    const struct sync_object *o = &sync.object[0];
    struct waiter w = { .x = c->x,
                        .kind = o->kind,
                        .type = o->type,
                        .gen = o->gen,
                        .deadline = clock_mono(c->d->clock) + seconds * 1000,
                        .answer = on_end };
    waiter_of(&w, p->env);
    snprintf(w.id, sizeof w.id, "%s", o->id);
    if (!waiting_add(c->d->waiting, &w))
        reply_later(c->x, p->env, "too_many_requests",
                    "Too many requests wait; the fetch goes on.");
}

/* ---- the addresses ---- */

static void answer_state(const struct route_call *c, const struct party *p, str id)
{
    ARENA(a, REPLY_BYTES_MAX);
    struct customer_state s;
    struct error e = { 0 };
    int64_t max_age, timeout;

    if (!read_seconds(c, "max_age", INT32_MAX, INT32_MAX, &max_age) ||
        !read_seconds(c, "timeout", WAIT_S, WAIT_S_MAX, &timeout))
        return;
    /* A lost account's is answered as it is: it says itself that it is stale. */
    if (max_age == INT32_MAX || !p->served->engine || account_is_lost(p->state)) {
        show_state(c->x, p->env, id);
        return;
    }
    msec oldest = clock_wall(p->env->world->clock) - max_age * 1000;
    enum status st = state_get(p->env, id, &s, &a, &e);
    if (st == ST_OK && s.synced_at >= oldest)
        reply_state(c->x, p->env, &s);
    else
        fetch(c, p, id, true, timeout);
}

void customer_state(const struct route_call *c)
{
    ARENA(a, REPLY_BYTES_MAX);
    struct party p;
    str id = { 0 };

    if (read_path(c, &p, &id, &a))
        answer_state(c, &p, id);
}

void user_state(const struct route_call *c)
{
    ARENA(a, REPLY_BYTES_MAX);
    struct error e = { 0 };
    struct user u;
    struct party p;
    str user = { 0 };

    if (!read_path(c, &p, &user, &a))
        return;
    enum status st = user_find(p.env, user, &u, &a, &e);
    if (st == ST_OK)
        answer_state(c, &p, u.customer);
    else if (st == ST_NONE)
        reply_error(c->x, p.env, 404, "no_such_user", e.text);
    else
        reply_failure(c->x, p.env, st, &e);
}

void object_sync(const struct route_call *c)
{
    ARENA(a, REPLY_BYTES_MAX);
    int64_t wait, timeout;
    struct party p;
    str id = { 0 };

    if (read_path(c, &p, &id, &a) && read_seconds(c, "wait", 0, 1, &wait) &&
        read_seconds(c, "timeout", WAIT_S, WAIT_S_MAX, &timeout))
        fetch(c, &p, id, wait != 0, timeout);
}
