/* store_pg.h - the store in one schema of a PostgreSQL database, for any number of processes.
 *
 * Write transactions run beside each other, each on a connection of a pool; a row that decides
 * something is locked when it is read. Statements whose answer nobody waits for travel with the
 * next one that somebody does (tx_run with rows == NULL): they may fail as late as in commit.
 *
 * When the server goes away, begin waits for it a while and connects anew. A commit whose answer
 * was lost is looked up by what the transaction left behind (pg_mark.h); what was not kept, or
 * cannot be found out, is ST_RETRY.
 *
 * Once an environment is sealed (STMT_SEAL_TAKE, and what is run behind it in the same transaction)
 * no other transaction is committed, whenever it began. */
#pragma once

#include "world/clock.h"
#include "world/rng.h"
#include "world/sched.h"
#include "world/store.h"

enum {
    STORE_PG_WRITERS = 8, /* write transactions at a time, unless `writers_max` says otherwise */
    STORE_PG_READERS = 4,
    STORE_PG_POOL_MAX = 64,
    STORE_PG_PATIENCE_MS = 5 * 1000, /* how long begin waits for a server that went away */
};

struct store_pg_options {
    const char *url;    /* postgresql://… or what else libpq takes; may hold a password */
    const char *schema; /* letters, digits, - and _; at most 63 */
    struct sched *sched;
    struct clock *clock;
    struct rng *rng;
    bool read_only; /* changes nothing, makes nothing */
    bool older;     /* with read_only: tables of an older version do, for who runs nothing but
                       statements that schema-001 knows */
    bool past_seal; /* writes, whether the environment is sealed or not: for who prepares it to be
                       opened again. Otherwise ST_REFUSED from commit, error.sealed */
    size_t writers_max, readers_max; /* 0: the numbers above */
    msec patience_ms;                /* 0: STORE_PG_PATIENCE_MS */
};

/* Connects, makes or migrates the tables. ST_NONE: read_only, and there is no such schema or
 * nothing in it. ST_REFUSED: the server does not let us in, is too old, or may not be written by
 * this role; somebody else's or a newer schema; read_only would have to migrate. ST_RETRY: the
 * server is away, or a standby. ST_INVALID: no address, or no name for a schema. */
enum status store_pg_open(struct store **out, const struct store_pg_options *o,
                          struct error *e) MUST_USE;
