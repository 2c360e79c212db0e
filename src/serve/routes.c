#include "serve/routes.h"

#include "serve/reply.h"

#include <stdio.h>
#include <strings.h>

enum { BY_LOOP = 0, BY_DESK = 1 << 0, OPEN_TO_ALL = 1 << 1 };

struct route {
    const char *method, *pattern;
    void (*handle)(const struct route_call *c);
    unsigned flags;
};

static const struct route route_table[] = {
    { "GET", "/livez", health_live, BY_LOOP | OPEN_TO_ALL },
    { "GET", "/readyz", health_ready, BY_DESK | OPEN_TO_ALL },
    { "GET", "/readyz/{env}", health_ready_env, BY_DESK | OPEN_TO_ALL },
    { "GET", "/metrics", metrics_show, BY_DESK },
    { "GET", "/api/{env}/status", api_status, BY_DESK },
    { "GET", "/api/{env}/customers/{id}/state", customer_state, BY_DESK },
    { "GET", "/api/{env}/users/{user}/state", user_state, BY_DESK },
    { "GET", "/api/{env}/users/{user}/customer", user_customer_show, BY_DESK },
    { "POST", "/api/{env}/users/{user}/customer", user_customer, BY_DESK },
    { "POST", "/api/{env}/sync/{id}", object_sync, BY_DESK },
    { "POST", "/api/{env}/catalog/{noun}/{verb}", catalog_order, BY_DESK },
    { "GET", "/api/{env}/ops", catalog_list, BY_DESK },
    { "GET", "/api/{env}/ops/{id}", catalog_show, BY_DESK },
    { "POST", "/api/{env}/ops/{id}/{verb}", catalog_decide, BY_DESK },
};

/* ---- webhooks: first, for they are what matters ---- */

struct served *routes_find(struct daemon *d, str name)
{
    for (size_t i = 0; i < d->n_envs; i++)
        if (str_eqz(name, d->env[i].env->name))
            return &d->env[i];
    return NULL;
}

/* `rest` is what stands behind "/webhooks": nothing, or "/name". */
static struct served *webhook_env(struct daemon *d, str rest)
{
    if (rest.n == 0)
        return d->n_envs == 1 ? &d->env[0] : NULL;
    return routes_find(d, str_sub(rest, 1, rest.n));
}

static bool is_webhook(str path, str *rest)
{
    const str prefix = S("/webhooks");

    if (!str_starts(path, prefix) || (path.n > prefix.n && path.p[prefix.n] != '/'))
        return false;
    *rest = str_sub(path, prefix.n, path.n);
    return true;
}

static void take_webhook(struct daemon *d, struct http_exchange *x, const struct http_request *q,
                         str rest)
{
    struct served *s = webhook_env(d, rest);

    if (!s)
        reply_error(x, NULL, 404, "no_such_environment",
                    rest.n ? "No environment of this daemon has this name."
                           : "This daemon has several environments: post to /webhooks/NAME.");
    else if (!str_eqz(q->method, "POST"))
        reply_error_with(x, NULL, 405, "method_not_allowed", "Webhooks are sent with POST.",
                         S("Allow"), S("POST"));
    else
        webhook_take(s->door, x, q);
}

/* ---- everything else ---- */

/* Does a path fit "/api/{env}/status"? A {…} takes one segment, never an empty one. */
static bool path_fits(str path, const char *pattern, str arg[ROUTE_ARGS_MAX])
{
    size_t n = 0;

    for (str want = str_of(pattern), have = path; want.p || have.p;) {
        str w = { 0 }, h = { 0 };
        if (!want.p || !have.p)
            return false;
        want = str_cut(want, '/', &w);
        have = str_cut(have, '/', &h);
        if (w.n && w.p[0] == '{') {
            if (h.n == 0)
                return false;
            assert(n < ROUTE_ARGS_MAX);
            arg[n++] = h;
        } else if (!str_eq(w, h)) {
            return false;
        }
    }
    return true;
}

enum token { TOKEN_MISSING, TOKEN_WRONG, TOKEN_RIGHT };

static enum token token_of(const struct daemon *d, const struct http_request *q)
{
    const str scheme = S("Bearer ");
    str sent = http_header_get(q, S("Authorization"), NULL);

    if (sent.n < scheme.n || strncasecmp(sent.p, scheme.p, scheme.n) != 0)
        return TOKEN_MISSING;
    return str_eq_constant_time(str_trim(str_sub(sent, scheme.n, sent.n)),
                                secret_reveal(d->o->token))
               ? TOKEN_RIGHT
               : TOKEN_WRONG;
}

static void reply_no_token(struct http_exchange *x, enum token sent)
{
    bool wrong = sent == TOKEN_WRONG;

    reply_error_with(x, NULL, 401, wrong ? "token_wrong" : "token_required",
                     wrong ? "That is not this daemon's token: it is in BRINDLE_TOKEN, or in the "
                             "file \"token\" of the data directory."
                           : "Send the daemon's token: Authorization: Bearer <token>.",
                     S("WWW-Authenticate"), S("Bearer realm=\"brindle\""));
}

struct desk_call {
    void (*handle)(const struct route_call *c);
    struct route_call call;
};

static void at_desk(const void *job)
{
    const struct desk_call *c = job;
    c->handle(&c->call);
}

static void go(const struct route *r, const struct route_call *c)
{
    if (r->flags & BY_DESK) {
        struct desk_call job = { r->handle, *c };
        if (!desk_hand(c->d->desk, at_desk, &job, sizeof job))
            reply_later(c->x, NULL, "too_many_requests", "Too many requests wait; ask again.");
    } else {
        r->handle(c);
    }
}

/* HEAD is answered like GET; the HTTP layer keeps the body back. */
static bool method_fits(str method, const struct route *r)
{
    return str_eqz(method, r->method) ||
           (str_eq(method, S("HEAD")) && str_eqz(S("GET"), r->method));
}

/* The path is right, the method is not. */
static void reply_methods(struct http_exchange *x, str path)
{
    char allowed[64] = "";
    str ignored[ROUTE_ARGS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(route_table); i++)
        if (path_fits(path, route_table[i].pattern, ignored))
            n += (size_t)snprintf(allowed + n, sizeof allowed - n, "%s%s%s", n ? ", " : "",
                                  route_table[i].method,
                                  str_eqz(S("GET"), route_table[i].method) ? ", HEAD" : "");
    assert(n < sizeof allowed);
    reply_error_with(x, NULL, 405, "method_not_allowed",
                     "This address takes other methods; see Allow.", S("Allow"), str_of(allowed));
}

static void find_route(struct route_call *c, const struct http_request *q)
{
    enum token token = token_of(c->d, q);
    bool known_path = false, authorized = token == TOKEN_RIGHT;

    for (size_t i = 0; i < COUNT(route_table); i++) {
        const struct route *r = &route_table[i];
        if (!path_fits(q->path, r->pattern, c->arg))
            continue;
        if (!authorized && !(r->flags & OPEN_TO_ALL)) {
            reply_no_token(c->x, token);
            return;
        }
        known_path = true;
        if (method_fits(q->method, r)) {
            go(r, c);
            return;
        }
    }
    /* Without a token nobody learns which addresses there are. */
    if (known_path)
        reply_methods(c->x, q->path);
    else if (!authorized)
        reply_no_token(c->x, token);
    else
        reply_error(c->x, NULL, 404, "no_such_address", "There is nothing at this address.");
}

void routes_handle(void *ctx, struct http_exchange *x, const struct http_request *q)
{
    struct daemon *d = ctx;
    str rest = { 0 };

    if (is_webhook(q->path, &rest)) {
        take_webhook(d, x, q, rest);
        return;
    }
    struct route_call c = { .d = d, .x = x };
    find_route(&c, q);
}

void routes_turn(void *ctx)
{
    struct daemon *d = ctx;

    for (size_t i = 0; i < d->n_envs; i++)
        webhook_turn(d->env[i].door);
}

struct served *routes_env(const struct route_call *c, str name)
{
    struct served *s = routes_find(c->d, name);

    if (!s)
        reply_error(c->x, NULL, 404, "no_such_environment",
                    "No environment of this daemon has this name.");
    if (!s || s->o->closed == CLOSED_NOT)
        return s;
    http_exchange_label(c->x, S("Brindle-Closed"), str_of(closed_name(s->o->closed)));
    if (s->o->readable) /* what is here may be old by now: the label says so */
        return s;
    reply_later(c->x, s->env, closed_name(s->o->closed), s->o->closed_text);
    return NULL;
}
