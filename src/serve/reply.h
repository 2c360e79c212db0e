/* reply.h - the few shapes in which the daemon answers. */
#pragma once

#include "net/http.h"

/* JSON, with this status. */
void reply_json(struct http_exchange *x, int status, str json);
/* {"error":{"reason":"…","message":"…"}}: the reason for programs, the message for people. */
void reply_error(struct http_exchange *x, int status, const char *reason, const char *message);
/* The same with one more header: Allow, Retry-After, WWW-Authenticate. */
void reply_error_with(struct http_exchange *x, int status, const char *reason, const char *message,
                      str header, str value);
/* 503 with Retry-After. */
void reply_later(struct http_exchange *x, const char *reason, const char *message);
/* What could not be read or asked for, by its status. */
void reply_failure(struct http_exchange *x, enum status st, const struct error *e);
