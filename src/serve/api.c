#include "serve/reply.h"
#include "serve/routes.h"

enum { STATUS_BYTES_MAX = 1 << 20 };

/* A failure to read the mirror, as an answer. */
static void reply_failure(struct http_exchange *x, enum status st, const struct error *e)
{
    switch (st) {
    case ST_RETRY:
    case ST_REFUSED:
    case ST_LIMIT: reply_later(x, status_name(st), e->text); return;
    case ST_NONE: reply_error(x, 404, status_name(st), e->text); return;
    case ST_CONFLICT: reply_error(x, 409, status_name(st), e->text); return;
    case ST_INVALID: reply_error(x, 400, status_name(st), e->text); return;
    case ST_OK:
    case ST_BROKEN: reply_error(x, 500, status_name(st), e->text); return;
    }
}

void api_status(const struct route_call *c)
{
    BUF(body, STATUS_BYTES_MAX);
    struct error e = { 0 };
    struct served *s = routes_env(c, c->arg[0]);

    if (!s)
        return;
    enum status st = status_json(s->env, &body, &e);
    if (st == ST_OK && body.failed)
        st = fail(&e, ST_LIMIT, "the status of %s is too large to be answered", s->env->name);
    if (st == ST_OK)
        reply_json(c->x, 200, buf_str(&body));
    else
        reply_failure(c->x, st, &e);
}
