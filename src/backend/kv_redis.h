/* kv_redis.h - Redis or Valkey through hiredis.
 *
 * One connection, opened when it is needed and again when it is lost. Values are put by a script
 * that compares revisions at the server, each with its one key, so that a cluster's slots do not
 * matter; requests go out in one pipeline. */
#pragma once

#include "world/facts.h"
#include "world/kv.h"

/* "redis://[[user]:password@]host[:port][/database]", where an IPv6 address stands in brackets, or
 * "unix:///path/of/socket[?db=N]". "rediss://" is the same with TLS, for which hiredis must be 1.0
 * or later: the server's certificate is checked against the system's authorities (SSL_CERT_FILE
 * names others). "valkey://" and "valkeys://" mean the same. Connects to nothing yet. ST_INVALID
 * names the mistake. */
enum status kv_redis_open(struct kv **out, str url, struct error *e) MUST_USE;

/* What the server says of itself. ST_RETRY: it is away. ST_REFUSED: a password is wrong or missing,
 * or the user may not ask. */
enum status kv_redis_facts(struct kv *k, struct kv_facts *out, struct error *e) MUST_USE;
