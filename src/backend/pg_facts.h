/* pg_facts.h - what `brindle doctor` wants to know of a PostgreSQL server. */
#pragma once

#include "world/facts.h"

/* Connects, asks and hangs up. ST_RETRY: the server is away. ST_REFUSED: it does not let us in, or
 * is not for us: too old (then `version` is set), no UTF-8. ST_INVALID: no address. */
enum status pg_facts_read(const char *url, struct pg_facts *out, struct error *e) MUST_USE;
