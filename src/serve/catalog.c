/* catalog.c - operations on the catalogue over HTTP: the same as the commands, answered when they
 * are over. */
#include "base/json.h"
#include "base/json_scan.h"
#include "base/url.h"
#include "catalog/refusal.h"
#include "catalog/saga.h"
#include "serve/party.h"
#include "serve/reply.h"

#include <stdio.h>

enum {
    CATALOG_BYTES_MAX = 1 << 20,
    DOC_BYTES_MAX = 4 << 20,
    CATALOG_WAIT_MS = 30 * 1000, /* for the end of an operation; then 202, and it goes on */
};

/* ---- answers -------------------------------------------------------------------------------- */

static int http_of(str doc, struct arena *a)
{
    str state = json_text(doc, S("state"), a), reason = json_text(doc, S("reason"), a);

    if (str_eqz(state, "done") || str_eqz(state, "planned"))
        return 200;
    if (str_eqz(state, "new") || str_eqz(state, "forward") || str_eqz(state, "back"))
        return 202;
    if (str_eqz(reason, "no_such_object"))
        return 404;
    switch (refusal_status(reason)) {
    case ST_REFUSED: return 403;
    case ST_INVALID: return 400;
    case ST_OK:
    case ST_NONE:
    case ST_CONFLICT:
    case ST_RETRY:
    case ST_LIMIT:
    case ST_BROKEN: break;
    }
    return 409;
}

static void reply_op(struct http_exchange *x, struct env *env, str id)
{
    ARENA(a, DOC_BYTES_MAX);
    BUF(doc, DOC_BYTES_MAX);
    struct error e = { 0 };
    enum status st = op_write(env, id, &doc, &e);

    if (st == ST_OK)
        reply_json(x, http_of(buf_str(&doc), &a), buf_str(&doc));
    else if (doc.failed)
        reply_error(x, env, 500, "limit", e.text);
    else
        reply_failure(x, env, st, &e);
}

/* Over, or not within the time: the document says which. */
static void on_end(const struct waiter *w, enum waiting_end end)
{
    (void)end;
    reply_op(w->x, w->env, str_of(w->id));
}

static void answer_later(const struct route_call *c, struct env *env, const char *id, int64_t gen)
{
    struct waiter w = { .x = c->x,
                        .kind = DUE_OP,
                        .type = "op",
                        .gen = gen,
                        .deadline = clock_mono(c->d->clock) + CATALOG_WAIT_MS,
                        .answer = on_end };

    waiter_of(&w, env);
    snprintf(w.id, sizeof w.id, "%s", id);
    if (!waiting_add(c->d->waiting, &w))
        reply_op(c->x, env, str_of(id)); /* too many wait: it goes on */
}

/* ---- questions ------------------------------------------------------------------------------ */

static bool read_id(const struct route_call *c, const struct env *env, str *id, struct arena *a)
{
    if (url_unescape(a, c->arg[1], false, id) && id->n && id->n <= OP_ID_MAX && utf8_is_line(*id))
        return true;
    reply_error(c->x, env, 400, "invalid", "This is no operation's id.");
    return false;
}

/* Whoever sends a key means to be safe: one that cannot be used is no order without a key. */
static bool read_key(const struct route_call *c, const struct env *env, str *key)
{
    size_t n = 0;

    *key = str_trim(http_header_get(http_exchange_request(c->x), S("Idempotency-Key"), &n));
    if (n == 0 || (n == 1 && key->n))
        return true;
    reply_error(c->x, env, 400, "invalid",
                n > 1 ? "The request has more than one Idempotency-Key: send one. Nothing was done."
                      : "The Idempotency-Key is empty: send one, or leave the header out. Nothing "
                        "was done.");
    return false;
}

/* POST /api/{env}/catalog/price/replace {"price":"price_1","set":{"unit_amount":1200}} */
void catalog_order(const struct route_call *c)
{
    const struct http_request *q = http_exchange_request(c->x);
    struct party p;
    struct error e = { 0 };
    char kind[64], id[OP_ID_MAX + 1];
    int64_t gen = 0;
    str key;

    if (!party_enter(c, &p) || !party_may_ask(c, &p) || !read_key(c, p.env, &key))
        return;
    snprintf(kind, sizeof kind, "%.*s.%.*s", (int)(c->arg[1].n < 30 ? c->arg[1].n : 30),
             c->arg[1].p, (int)(c->arg[2].n < 30 ? c->arg[2].n : 30), c->arg[2].p);
    str input = str_trim(q->body);
    if (input.n > OP_INPUT_BYTES_MAX) {
        reply_too_large(c->x, p.env, "The input of an operation", OP_INPUT_BYTES_MAX);
        return;
    }
    const struct op_order o = { .kind = kind,
                                .input = input,
                                .actor = S("api"),
                                .caller_key = key,
                                .dry_run = json_valid(input) && input.p[0] == '{' &&
                                           json_bool(input, S("dry_run")) == JSON_TRUE };
    enum status st = op_submit(p.env, &o, id, &gen, &e);
    if (st == ST_OK)
        answer_later(c, p.env, id, gen);
    else
        reply_failure(c->x, p.env, st, &e);
}

/* GET /api/{env}/ops/{id} */
void catalog_show(const struct route_call *c)
{
    ARENA(a, CATALOG_BYTES_MAX);
    struct party p;
    str id = { 0 };

    if (party_enter(c, &p) && read_id(c, p.env, &id, &a))
        reply_op(c->x, p.env, id);
}

/* GET /api/{env}/ops */
void catalog_list(const struct route_call *c)
{
    BUF(lines, DOC_BYTES_MAX);
    BUF(body, DOC_BYTES_MAX);
    struct json_writer w = { .b = &body };
    struct party p;
    struct error e = { 0 };

    if (!party_enter(c, &p))
        return;
    enum status st = op_list_write(p.env, 100, false, &lines, &e);
    if (st != ST_OK) {
        reply_failure(c->x, p.env, st, &e);
        return;
    }
    jw_object(&w);
    jw_key(&w, S("data"));
    jw_array(&w);
    for (str rest = buf_str(&lines), line; rest.n;) {
        rest = str_cut(rest, '\n', &line);
        if (line.n)
            jw_raw(&w, line);
    }
    jw_end(&w);
    jw_end(&w);
    reply_json(c->x, body.failed ? 500 : 200, body.failed ? S("{}") : buf_str(&body));
}

/* POST /api/{env}/ops/{id}/abort or /resume */
void catalog_decide(const struct route_call *c)
{
    ARENA(a, CATALOG_BYTES_MAX);
    struct party p;
    struct error e = { 0 };
    str id = { 0 };
    enum status st;

    if (!party_enter(c, &p) || !party_may_ask(c, &p) || !read_id(c, p.env, &id, &a))
        return;
    if (str_eqz(c->arg[2], "abort"))
        st = op_abort(p.env, id, &e);
    else if (str_eqz(c->arg[2], "resume"))
        st = op_resume(p.env, id, &e);
    else
        st = fail(&e, ST_INVALID, "An operation is resumed or aborted.");
    if (st == ST_OK)
        reply_op(c->x, p.env, id);
    else
        reply_failure(c->x, p.env, st, &e);
}
