/* database_pg.h - an application's database on a PostgreSQL server. */
#pragma once

#include "world/database.h"

/* `url` as libpq takes it; it may hold a password and stands in no sentence. Without `writable`
 * every transaction is read-only. ST_RETRY: the server is away. ST_REFUSED: it does not let us in.
 */
enum status database_pg_open(struct database **out, const char *url, bool writable,
                             struct error *e) MUST_USE;
