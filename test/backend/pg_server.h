/* pg_server.h - a PostgreSQL of the test's own: a cluster in a temporary directory, on a socket
 * there. Started once a program; stops with it, even when that is killed. PG_BIN names the folder
 * of the server's programs; without it, the newest that Debian has installed. */
#pragma once

#include "base/base.h"

struct pg_server;

/* NULL, with a sentence on stderr, when the server's programs are not installed. Aborts when they
 * are and it does not start. One at a time. */
struct pg_server *pg_server_start(void);
void pg_server_stop(struct pg_server *s); /* NULL is fine */

/* An address for libpq, of a database that is new and empty. In a buffer that the next call
 * overwrites. */
const char *pg_server_fresh(struct pg_server *s);
/* Runs SQL by psql in the database of the latest pg_server_fresh, as the superuser; what it prints
 * goes to `out`. False: it failed. */
bool pg_server_sql(struct pg_server *s, const char *sql, char *out, size_t room);

void pg_server_kill(struct pg_server *s);    /* as a power cut would: SIGKILL to all of it */
void pg_server_restart(struct pg_server *s); /* after a kill, or in fast mode */
