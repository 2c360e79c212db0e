/* life.h - a process of the simulated machine from the inside, for node.c and command.c. */
#pragma once

#include "check.h"
#include "duty.h"
#include "node.h"
#include "side.h"

#include "core/env.h"
#include "core/environment/seal.h"
#include "core/verify.h"
#include "world/stripe.h"

enum {
    QUEUE_MAX = 64,
    IDENTIFY_MS_MAX = 120000,
    LOCK_WAIT_MS = 15000, /* as cli/local.c; the next too */
    LOCK_LOOK_MS = 100,
};

struct item; /* a delivery between the HTTP loop and the disk */

/* What a process is for. */
enum role {
    ROLE_DAEMON,
    ROLE_SECOND,  /* a daemon that somebody starts although there is one */
    ROLE_COMMAND, /* a sync that works itself while no daemon does */
};

/* One life, of one environment: those of a daemon have the same life. */
struct node {
    struct climate *c;
    enum role role;
    unsigned life;
    bool wrong_key, works, stopping;
    bool is_open; /* it has an environment and a store */
    bool shut;    /* it could not be opened: the other one works, and somebody looks again */
    bool ended;   /* in good order; the process goes on until both have */
    struct node *part[SIDES]; /* of a switch: whose stores it has open */
    bool switching;           /* a command that may pass the seal */
    bool tries_once;          /* Stripe is not waited for */
    unsigned parent;          /* the life of the daemon that began this process; 0: a person did */
    msec switch_at, switch_pause; /* when the daemon may begin one next */
    struct seal seal;             /* as it was at the start */
    bool handed_over;             /* a command was asked for the store */
    char erases[ID_BYTES_MAX];    /* whom a command wants to be forgotten */
    int lock;
    struct world world;
    struct env env;
    struct stripe *logged;
    struct verifier *verifier;
    struct duty duty;
    struct gate *queue; /* guards the next three */
    struct item *item[QUEUE_MAX];
    size_t n_items;
    bool closed;
    unsigned n_running;
};

extern struct node *nodes[SIDES]; /* the daemon's environments; NULL: there is no daemon */
extern struct node *beside;       /* another process; at most one */
struct node *node_here(void);     /* that of who runs; NULL: there is no daemon */
extern bool machine_is_on;
const char *lock_path(void); /* of this side */

struct node *new_life(enum role role);
struct node *new_part(enum role role, unsigned life); /* another environment of that life */
struct stripe *open_stripe(struct node *n);
/* One after the other, behind the lock. */
enum status open_store(struct node *n, struct error *e) MUST_USE;
void init_env(struct node *n);
enum status identify_and_adopt(struct node *n, struct error *e) MUST_USE;
void close_store(struct node *n);
/* Opens everything behind the lock, or ends the life. */
void open_or_end(struct node *n);
void spawn_workers(struct node *n);
/* A fibre: takes what is queued to the disk until the queue is closed and empty. */
void ingest(void *arg);
/* From outside: it is to end in good order. */
void stop(struct node *n);
void stop_all(void); /* the daemon, whichever environment says so */
void close_all(struct node *n, msec grace);
/* The process ends itself; does not return. */
void exit_because(struct node *n, const char *why);
void damaged(struct node *n, const struct error *e);
