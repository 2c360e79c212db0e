/* pg_schema.h - an environment's schema: are its tables of our version? */
#pragma once

#include "backend/pg_conn.h"

enum {
    PG_SCHEMA_NAME_MAX = 63,
    PG_QUOTED_MAX = 80, /* the name in quotes */
};

/* Reads alone. `*version` is 0 for a schema that is not there or empty. ST_REFUSED: somebody else's
 * tables are in it, or a version that this program does not know. */
enum status pg_schema_look(struct pg_conn *c, const char *schema, int64_t *version,
                           struct error *e) MUST_USE;
/* Makes the schema and brings its tables to our version, in one transaction under a lock: of two
 * that start at once one waits for the other, and a crash leaves what was there before. */
enum status pg_schema_migrate(struct pg_conn *c, const char *schema, struct error *e) MUST_USE;

/* The beginning of every script: the path to our tables, and the lock that scripts take in turn. */
void pg_schema_begin(const char *schema, char *out, size_t room);
