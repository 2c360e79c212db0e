#include "serve/reply.h"

enum { ERROR_BODY_BYTES_MAX = 8 << 10 };

void reply_json(struct http_exchange *x, int status, str json)
{
    http_reply(x, &(struct http_response){
                      .status = status, .content_type = S("application/json"), .body = json });
}

void reply_put_env(struct json_writer *w, const struct env *env)
{
    jw_key(w, S("environment"));
    jw_object(w);
    jw_put_str(w, "name", str_of(env->name));
    if (env->identity.account[0]) {
        jw_put_str(w, "account", str_of(env->identity.account));
        jw_put_str(w, "mode", str_of(mode_name(env->identity.livemode)));
    }
    jw_end(w);
}

static void send_error(struct http_exchange *x, const struct env *env, int status,
                       const char *reason, const char *message, const struct http_header *header,
                       size_t n)
{
    BUF(body, ERROR_BODY_BYTES_MAX);
    struct json_writer w = { .b = &body };

    jw_object(&w);
    jw_key(&w, S("error"));
    jw_object(&w);
    jw_put_str(&w, "reason", str_of(reason));
    jw_put_str(&w, "message", str_of(message));
    if (env)
        reply_put_env(&w, env);
    jw_end(&w);
    jw_end(&w);
    http_reply(x, &(struct http_response){ .status = status,
                                           .content_type = S("application/json"),
                                           .body = body.failed ? S("{}") : buf_str(&body),
                                           .header = header,
                                           .n_headers = n });
}

void reply_error(struct http_exchange *x, const struct env *env, int status, const char *reason,
                 const char *message)
{
    send_error(x, env, status, reason, message, NULL, 0);
}

void reply_error_with(struct http_exchange *x, const struct env *env, int status,
                      const char *reason, const char *message, str header, str value)
{
    send_error(x, env, status, reason, message, &(struct http_header){ header, value }, 1);
}

void reply_later(struct http_exchange *x, const struct env *env, const char *reason,
                 const char *message)
{
    reply_error_with(x, env, 503, reason, message, S("Retry-After"), S("5"));
}

void reply_too_large(struct http_exchange *x, const struct env *env, const char *what,
                     size_t bytes_max)
{
    struct error e = { 0 };

    (void)fail(&e, ST_LIMIT, "%s has at most %zu bytes.", what, bytes_max);
    reply_error(x, env, 413, status_name(ST_LIMIT), e.text);
}

void reply_failure(struct http_exchange *x, const struct env *env, enum status st,
                   const struct error *e)
{
    switch (st) {
    case ST_RETRY:
    case ST_REFUSED:
    case ST_LIMIT: reply_later(x, env, status_name(st), e->text); return;
    case ST_NONE: reply_error(x, env, 404, status_name(st), e->text); return;
    case ST_CONFLICT: reply_error(x, env, 409, status_name(st), e->text); return;
    case ST_INVALID: reply_error(x, env, 400, status_name(st), e->text); return;
    case ST_OK:
    case ST_BROKEN: reply_error(x, env, 500, status_name(st), e->text); return;
    }
}
