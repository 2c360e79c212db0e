/* errors.c - refusals in Stripe's words. Branch on status, type, code and param; the texts are
 * those that are known to be sent, and are copied here exactly. */
#include "emulator/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 1024 };

/* Members come in alphabetical order, as Stripe sends them. */
static json_t *envelope(struct call *c, const char *type, const char *code, const char *param,
                        const char *message)
{
    json_t *e = json_object();
    json_t *whole = json_object();

    if (code)
        set_strz(e, "code", code);
    if (code) {
        char url[160];
        int n = snprintf(url, sizeof url, "https://stripe.com/docs/error-codes/%s", code);
        for (int i = 0; i < n && i < (int)sizeof url - 1; i++)
            if (url[i] == '_')
                url[i] = '-';
        set_strz(e, "doc_url", url);
    }
    set_strz(e, "message", message);
    if (param)
        set_strz(e, "param", param);
    if (c->space) {
        str url =
            arena_printf(c->arena, "https://dashboard.stripe.com/%s%slogs/%.*s", c->space->account,
                         c->space->livemode ? "/" : "/test/", STR_ARG(c->request_id));
        set_str(e, "request_log_url", url);
    }
    set_strz(e, "type", type);
    set_new(whole, "error", e);
    return whole;
}

PRINTF_LIKE(6, 0)
static void *refuse_va(struct call *c, int status, const char *type, const char *code,
                       const char *param, const char *fmt, va_list ap)
{
    char message[MESSAGE_MAX];

    vsnprintf(message, sizeof message, fmt, ap);
    if (c->refused) /* the first refusal counts */
        return NULL;
    c->refused = true;
    c->status = status;
    c->validation = code && strncmp(code, "parameter", 9) == 0;
    json_decref(c->error);
    c->error = envelope(c, type, code, param, message);
    return NULL;
}

void *refuse(struct call *c, int status, const char *code, const char *param, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    refuse_va(c, status, INVALID_REQUEST, code, param, fmt, ap);
    va_end(ap);
    return NULL;
}

/* A value that cannot be: nothing was begun, so nothing is kept under the idempotency key. */
void *refuse_value(struct call *c, const char *code, const char *param, const char *fmt, ...)
{
    va_list ap;

    if (c->refused)
        return NULL;
    va_start(ap, fmt);
    refuse_va(c, 400, INVALID_REQUEST, code, param, fmt, ap);
    va_end(ap);
    c->validation = true;
    return NULL;
}

void *refuse_typed(struct call *c, int status, const char *type, const char *code,
                   const char *param, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    refuse_va(c, status, type, code, param, fmt, ap);
    va_end(ap);
    return NULL;
}

json_t *refuse_card(struct call *c, const char *code, const char *decline, const char *message)
{
    refuse_typed(c, 402, "card_error", code, NULL, "%s", message);
    json_t *e = json_object_get(c->error, "error");
    if (decline)
        set_strz(e, "decline_code", decline);
    return e;
}

/* [facts: 4.5] */
void *refuse_missing(struct call *c, enum type t, str id, const char *param)
{
    struct space *other = space_peek(c->emu, c->space->account, !c->space->livemode);
    bool similar = other && record_live(other, t, id);
    const char *have = c->space->livemode ? "test" : "live";
    const char *used = c->space->livemode ? "live" : "test";

    int status = param ? 400 : 404;
    const char *where = param ? param : type_info[t].param;
    if (!similar)
        return refuse(c, status, "resource_missing", where, "No such %s: '%.*s'", type_info[t].noun,
                      STR_ARG(id));
    return refuse(c, status, "resource_missing", where,
                  "No such %s: '%.*s'; a similar object exists in %s mode, but a %s mode key was "
                  "used to make this request.",
                  type_info[t].noun, STR_ARG(id), have, used);
}

/* [facts: R-23] */
void *refuse_param_missing(struct call *c, const char *param)
{
    return refuse(c, 400, "parameter_missing", param, "Missing required param: %s.", param);
}

struct record *path_record(struct call *c, enum type t)
{
    struct record *r = record_live(c->space, t, c->part[0]);

    return r ? r : refuse_missing(c, t, c->part[0], NULL);
}

struct record *named_record(struct call *c, enum type t, str id, const char *param)
{
    struct record *r = record_live(c->space, t, id);

    return r ? r : refuse_missing(c, t, id, param);
}
