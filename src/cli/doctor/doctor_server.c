#include <stdlib.h>
#include <string.h>

#include "cli/doctor/findings.h"

enum {
    PG_OLD = 140000,
    REDIS_OLD = 6, /* older ones get no fixes, and know no users */
    MEMORY_FULL_PERCENT = 90,
};

/* --- PostgreSQL ---------------------------------------------------------------------------- */

static void check_promises(struct doctor *d, const struct pg_facts *f)
{
    const struct {
        const char *name;
        bool on;
    } setting[] = { { "fsync", f->fsync }, { "full_page_writes", f->full_page_writes } };

    for (size_t i = 0; i < COUNT(setting); i++) {
        looked(d);
        if (!setting[i].on)
            found(d, FOUND_SERVER_UNSAFE, setting[i].name,
                  "the database server runs with %s=off: after a crash of its machine, webhooks "
                  "that were answered 200 may be lost and the database damaged",
                  setting[i].name);
    }
    looked(d);
    if (!f->synchronous_commit)
        found(d, FOUND_SERVER_SYNC_OFF, NULL,
              "the database server runs with synchronous_commit=off; Brindle's own transactions "
              "wait for the disk all the same");
}

static void check_connections(struct doctor *d, const struct pg_facts *f)
{
    int64_t needed = (int64_t)d->cli->config.n_envs * WIRE_PG_CONNECTIONS;

    looked(d);
    if (f->connections < needed)
        found(d, FOUND_SERVER_CONNECTIONS, f->connections_by,
              "%s permits %lld connections, and a daemon for %zu environment%s opens up to %lld",
              f->connections_by, (long long)f->connections, d->cli->config.n_envs,
              d->cli->config.n_envs == 1 ? "" : "s", (long long)needed);
    looked(d);
    if (f->read_only)
        found(d, FOUND_SERVER_READ_ONLY, NULL,
              "the database at DATABASE_URL can only be read: a standby, or its "
              "default_transaction_read_only is on");
}

static bool check_pg(struct doctor *d)
{
    struct error why = { 0 };
    struct pg_facts f;

    looked(d);
    enum status st = wire_pg_facts(&d->cli->config, &f, &why);
    if (st == ST_NONE)
        return true;
    if (st == ST_OK) {
        check_promises(d, &f);
        check_connections(d, &f);
        return true;
    }
    if (f.version && f.version < PG_OLD)
        found(d, FOUND_SERVER_OLD, NULL, "%s", why.text);
    else
        found(d, st == ST_RETRY ? FOUND_SERVER_AWAY : FOUND_SERVER_REFUSED, NULL, "%s", why.text);
    return false;
}

/* --- Redis, Valkey ------------------------------------------------------------------------- */

static void check_memory(struct doctor *d, const struct kv_facts *f)
{
    looked(d);
    if (f->eviction[0] && strcmp(f->eviction, "noeviction") != 0)
        found(d, FOUND_REDIS_EVICTION, NULL,
              "its maxmemory-policy is %s: when memory is full, states of customers are thrown "
              "away, and your application takes them for unknown",
              f->eviction);
    looked(d);
    if (f->memory_max > 0 && f->memory_used > f->memory_max / 100 * MEMORY_FULL_PERCENT)
        found(d, FOUND_REDIS_MEMORY, NULL, "it uses %lld of %lld bytes: soon it takes no values",
              (long long)f->memory_used, (long long)f->memory_max);
}

static void check_facts(struct doctor *d, const struct kv_facts *f)
{
    looked(d);
    if (f->version[0] && strtol(f->version, NULL, 10) < REDIS_OLD)
        found(d, FOUND_REDIS_OLD, NULL, "the key-value server is of version %s", f->version);
    looked(d);
    if (strcmp(f->role, "slave") == 0)
        found(d, FOUND_REDIS_REPLICA, NULL,
              "the server at REDIS_URL is a replica: what is put there is refused or lost");
    check_memory(d, f);
    looked(d);
    if (!f->lasting)
        found(d, FOUND_REDIS_FORGETS, NULL,
              "it neither saves nor logs: after its restart keys are missing until Brindle has "
              "filled it anew");
}

/* False: the address is none, and opens no environment. */
static bool check_redis(struct doctor *d)
{
    struct error why = { 0 };
    struct kv_facts f;

    looked(d);
    enum status st = wire_kv_facts(&d->cli->config, &f, &why);
    if (st == ST_OK)
        check_facts(d, &f);
    else if (st == ST_INVALID)
        found(d, FOUND_SETTING, NULL, "%s", why.text);
    else if (st == ST_REFUSED)
        found(d, FOUND_REDIS_PASSWORD, NULL, "%s", why.text);
    else if (st != ST_NONE)
        found(d, FOUND_REDIS_AWAY, NULL, "%s", why.text);
    return st != ST_INVALID;
}

struct reach doctor_servers(struct doctor *d)
{
    bool kv = check_redis(d), pg = check_pg(d);

    return (struct reach){ .store = kv && pg, .stripe = kv };
}
