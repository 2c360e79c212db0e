/* sqlite_schema.h - is this file ours, and are its tables of our version? */
#pragma once

#include "backend/sqlite_conn.h"

enum { SCHEMA_APPLICATION_ID = 0x42724e64 }; /* "BrNd", for file(1) too */

/* Reads alone. ST_OK with `*version` 0 for a new, empty file. ST_REFUSED: somebody else's
 * database, or a version that this program does not know. ST_BROKEN: no database, or damaged. */
enum status schema_look(struct conn *c, int64_t *version, struct error *e) MUST_USE;

/* Brings the tables from `version` to ours, each migration in a transaction of its own. A failure
 * leaves the version that the last finished one reached. */
enum status schema_migrate(struct conn *c, int64_t version, struct error *e) MUST_USE;
