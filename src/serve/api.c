#include "serve/reply.h"
#include "serve/routes.h"

enum { STATUS_BYTES_MAX = 1 << 20 };

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
        reply_failure(c->x, s->env, st, &e);
}
