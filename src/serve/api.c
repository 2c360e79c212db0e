#include "serve/party.h"
#include "serve/reply.h"

enum { STATUS_BYTES_MAX = 1 << 20 };

/* Read-only: why, and what to do. */
static void add_label(struct buf *body, const struct daemon_env *o)
{
    struct json_writer w = { .b = body };

    if (!body->n || body->failed)
        return;
    assert(body->p[body->n - 1] == '}');
    body->n--;
    buf_append(body, S(",\"closed\":"));
    jw_str(&w, str_of(closed_name(o->closed)));
    buf_append(body, S(",\"closed_detail\":"));
    w = (struct json_writer){ .b = body };
    jw_str(&w, str_of(o->closed_text));
    buf_char(body, '}');
}

void api_status(const struct route_call *c)
{
    BUF(body, STATUS_BYTES_MAX);
    struct error e = { 0 };
    struct party p;

    if (!party_enter(c, &p))
        return;
    enum status st = status_json(p.env, &body, &e);
    if (st == ST_OK && p.served->o->closed != CLOSED_NOT)
        add_label(&body, p.served->o);
    if (body.failed)
        reply_error(c->x, p.env, 500, status_name(ST_LIMIT),
                    "The status is too large to be answered.");
    else if (st == ST_OK)
        reply_json(c->x, 200, buf_str(&body));
    else
        reply_failure(c->x, p.env, st, &e);
}
