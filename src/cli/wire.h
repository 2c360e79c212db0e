/* wire.h - puts an environment's world together. wire.c alone names implementations. */
#pragma once

#include "base/buf.h"
#include "cli/config.h"
#include "cli/datadir.h"
#include "core/environment/acting.h"
#include "emulator/server.h"
#include "world/database.h"
#include "world/facts.h"

enum {
    WIRE_RATE_LIVE = 100, /* requests a second that Stripe grants [facts: RULES 4.7] */
    WIRE_RATE_TEST = 25,
    WIRE_RATE_ENDPOINT = 25,
    IDENTIFY_MS_USUAL = 30 * 1000, /* start_seconds, unless it is set */
    WIRE_LIMITED_MS = 15 * 1000,   /* how long a 429 for a rate counts as lately */
};

enum {
    WIRE_PG_LEASE_MS =
        30 * 1000, /* how long the work of a machine that died rests; who works renews it */
    WIRE_PG_CONNECTIONS = 12, /* that an environment's store opens at most */
    WIRE_PLACES = 8,          /* processes on one data directory whose claims are told apart */
};

enum wire_mode {
    WIRE_WRITE,  /* takes the store's lock, proves the identity, adopts the store */
    WIRE_READ,   /* reads the store beside whoever writes it; no key is needed */
    WIRE_LOOK,   /* the same for whose it is and its seal alone (core/environment/seal.h): a store
                    that an older version has made is looked at as it is */
    WIRE_FILL,   /* makes the store and writes it; neither key nor identity: for copy */
    WIRE_ASK,    /* Stripe alone, without a store: for doctor and demo */
    WIRE_FORGET, /* a store that is there, sealed or not, to forget what is in it; neither key nor
                    identity is asked for: the store's own is taken */
};

struct wire {
    const struct env_config *conf;
    enum wire_mode mode;
    struct world world;
    struct env env;
    struct env platform;                  /* with --account: the environment for which `env` acts */
    struct acting acting;                 /* likewise */
    struct stripe *http, *paced, *logged; /* inside world.stripe; NULL where there is none */
    unsigned rate;                        /* requests a second; 0: unlimited */
    bool made;                            /* the environment was initialised */
    bool on_pg;                           /* the store is PostgreSQL's: no lock, no socket */
    int place_lock; /* with on_pg: keeps env.owner ours; else wire_hold's; 0: none */
    const char *data_dir;
    bool adopted;     /* WIRE_WRITE: the store is this identity's own */
    bool key_changed; /* WIRE_WRITE: it was another one before, of the same account */
    bool sealed; /* WIRE_WRITE failed with ST_CONFLICT because of a switch (core/environment/seal.h)
                  */
    bool put_away; /* of sealed: for good, no switch is under way */
    bool locked;   /* WIRE_WRITE failed with ST_CONFLICT because another process has the store */
    char store_path[DATA_PATH_MAX], socket_path[DATA_PATH_MAX]; /* "" on PostgreSQL */
};

/* Opens it; wire_close in any case. The configuration outlives it.
 *
 * WIRE_WRITE: ST_CONFLICT with `locked`: another process has it. ST_REFUSED: no key, a key that
 * Stripe refuses, or one of another account or mode than the store's: nothing was written.
 * ST_RETRY: Stripe is away, so that nobody knows whose key it is. ST_INVALID: a malformed key or
 * setting. WIRE_READ: ST_NONE: there is no such store yet. */
enum status wire_open(struct wire *w, const struct config *c, const struct env_config *conf,
                      enum wire_mode mode, struct error *e) MUST_USE;
/* For doctor: what the servers behind the configuration are like. Statuses as pg_facts_read's and
 * kv_redis_facts'; ST_NONE: there is no such server. */
enum status wire_pg_facts(const struct config *c, struct pg_facts *out, struct error *e) MUST_USE;
enum status wire_kv_facts(const struct config *c, struct kv_facts *out, struct error *e) MUST_USE;
/* Who works on a switch holds this, one of a data directory; the kernel takes it back when the
 * process ends, however that ends. ST_CONFLICT: another process does. */
enum status wire_switch_lock(const struct config *c, int *lock, struct error *e) MUST_USE;
void wire_switch_unlock(int lock);
/* WIRE_READ of a SQLite store: nobody writes into it until wire_close. ST_CONFLICT: somebody does.
 * On PostgreSQL nothing is done. */
enum status wire_hold(struct wire *w, struct error *e) MUST_USE;
/* Whose key this is, for WIRE_ASK: proven at Stripe, or declared. Statuses as WIRE_WRITE's. */
enum status wire_identity(struct wire *w, struct identity *out, struct error *e) MUST_USE;
void wire_close(struct wire *w); /* writes the audit of the last calls */

/* For an engine's or daemon's hooks: the audit to the store; metrics as Prometheus reads them; what
 * a line of progress tells of the requests started, answered 429, and permitted in 1000 s. */
void wire_every_second(void *wire);
void wire_metrics(void *wire, struct buf *out);
void wire_progress(void *wire, struct buf *out);
/* Has Stripe answered 429 for a rate within WIRE_LIMITED_MS? */
bool wire_rate_limited(void *wire);
/* The grace of a stop is over: calls to Stripe give up, waiting ones too. */
void wire_abandon(void *wire);

/* The application's own database: sqlite:FILE or postgresql://…. ST_INVALID: neither. The rest as
 * database_sqlite_open and database_pg_open. */
enum status wire_database(str url, bool writable, struct database **out, struct error *e) MUST_USE;

/* What commands need of the operating system outside an environment. */
struct clock *wire_clock(void);
struct rng *wire_rng(void);

/* Is this an address of this machine? A malformed one is not. */
bool wire_is_loopback(str url);

/* How the emulator sends its webhooks. */
enum status wire_sender_open(struct emulator_sender *out, struct error *e) MUST_USE;
void wire_sender_close(struct emulator_sender *s); /* one that was never opened is fine */
