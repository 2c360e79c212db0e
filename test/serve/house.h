/* house.h - an environment for the tests of serve/: a real SQLite store in a folder of its own
 * behind a store that can be held up and made to fail, and a Stripe that has every customer. */
#pragma once

#include "base/log.h"
#include "base/secret.h"
#include "core/env.h"
#include "serve/daemon.h"
#include "serve/engine.h"

#include <pthread.h>
#include <stdatomic.h>

#define HOUSE_SECRET "whsec_house"
/* What its metrics and its log lines carry. */
#define HOUSE_LABELS "env=\"test\",account=\"acct_1\",mode=\"test\""
#define HOUSE_FIELDS "env=test account=acct_1 mode=test"
#define HOUSE_TOKEN "token_house"

/* Wraps a store. "Ingest" is a write transaction that has inserted into the inbox. */
struct fault_store {
    struct store store;
    struct store *inner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold;                 /* commits of ingest wait until this is false */
    unsigned held;             /* so many wait now */
    unsigned looks;            /* read transactions */
    unsigned tries;            /* commits of ingest, whatever came of them */
    unsigned commits;          /* of ingest, that went through */
    enum status begin_fails;   /* every begin answers this, unless it is ST_OK */
    unsigned gather, gathered; /* which it does once so many have come */
    enum status commit_fails;  /* every commit of ingest, after it was rolled back */
    const char *poison;        /* inserting this event id answers ST_INVALID */
};

struct house {
    char dir[64], db[96], log_path[96];
    struct fault_store store;
    struct stripe stripe;
    _Atomic int stripe_status; /* 0: 200 with the object */
    _Atomic unsigned stripe_calls;
    atomic_bool stripe_held; /* calls wait for their answer until it is false */
    struct world world;
    struct env env;
    struct log log;
    struct secret secret[2], token;
};

/* An environment "test", acct_1 in test mode, opened and adopted. */
struct house *house_new(void);
/* The same over a store that an earlier house has left in `dir`. */
struct house *house_again(const char *dir);
/* Without removing the folder: for house_again. */
void house_leave(struct house *h, char dir[64]);
void house_free(struct house *h);

void house_hold(struct house *h);
void house_release(struct house *h);
/* Waits until an ingest transaction stands before its commit. */
void house_await_held(struct house *h);

/* One number, or one text (until the next call), from the database as it is on the disk. */
int64_t house_int(struct house *h, const char *sql);
const char *house_text(struct house *h, const char *sql);
/* How many lines of the log hold this text? */
unsigned house_logged(struct house *h, const char *text);

/* A daemon on a thread of its own. */
struct running {
    struct house *h;
    struct daemon_env env[2];
    struct daemon_options o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned port; /* 0: not ready yet */
    bool ended;
    enum status st;
    struct error e;
};

/* What the options would be; change them before running_start. */
void running_init(struct running *r, struct house *h);
/* Returns when the daemon is ready or has ended. */
void running_start(struct running *r);
/* Asks for the end as a supervisor does, and waits for it. */
enum status running_stop(struct running *r);
/* Waits for an end that comes by itself. */
enum status running_await(struct running *r);
