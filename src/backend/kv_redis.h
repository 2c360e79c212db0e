/* kv_redis.h - Redis or Valkey through hiredis.
 *
 * One connection, opened when it is needed and again when it is lost. Values are put by a script
 * that compares revisions at the server, each with its one key, so that a cluster's slots do not
 * matter; requests go out in one pipeline. */
#pragma once

#include "world/kv.h"

/* "redis://[[user]:password@]host[:port][/database]", or "unix:///path/of/socket[?db=N]". Connects
 * to nothing yet. ST_INVALID names the mistake; "rediss://" (TLS) is one: hiredis of Debian 12
 * cannot, a local stunnel can. */
enum status kv_redis_open(struct kv **out, str url, struct error *e) MUST_USE;
