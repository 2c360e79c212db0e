/* reply.h - the few shapes in which the daemon answers. */
#pragma once

#include "base/json.h"
#include "core/env.h"
#include "net/http.h"

/* JSON, with this status. */
void reply_json(struct http_exchange *x, int status, str json);
/* {"error":{"reason":"…","message":"…","environment":{"name","account","mode"}}}: the reason for
 * programs, the message for people. `env` NULL: it is about none, or the caller is nobody to whom
 * accounts are told. */
void reply_error(struct http_exchange *x, const struct env *env, int status, const char *reason,
                 const char *message);
/* The same with one more header: Allow, Retry-After, WWW-Authenticate. */
void reply_error_with(struct http_exchange *x, const struct env *env, int status,
                      const char *reason, const char *message, str header, str value);
/* 503 with Retry-After. */
void reply_later(struct http_exchange *x, const struct env *env, const char *reason,
                 const char *message);
/* 413: no wait makes `what` shorter. */
void reply_too_large(struct http_exchange *x, const struct env *env, const char *what,
                     size_t bytes_max);
/* What could not be read or asked for, by its status. ST_LIMIT is said to come again: the room was
 * the store's or the memory's. Who knows that the request itself is too large says so
 * (reply_too_large); that an answer is, 500. */
void reply_failure(struct http_exchange *x, const struct env *env, enum status st,
                   const struct error *e);
/* The member that the errors carry, for answers that are put together elsewhere. */
void reply_put_env(struct json_writer *w, const struct env *env);
