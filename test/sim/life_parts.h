/* life.h - a process of the simulated machine from the inside, for node.c and command.c. */
#pragma once

#include "duty.h"
#include "node.h"

#include "core/env.h"
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

/* One life. */
struct node {
    struct climate *c;
    enum role role;
    unsigned life;
    bool wrong_key, works, stopping;
    bool handed_over; /* a command was asked for the store */
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

extern struct node *node;   /* the daemon; NULL: there is none */
extern struct node *beside; /* another process; at most one */
extern bool machine_is_on;
extern const char *lock_path;

struct node *new_life(enum role role);
struct stripe *open_stripe(struct node *n);
/* Opens everything behind the lock, or ends the life. */
void open_or_end(struct node *n);
void spawn_workers(struct node *n);
/* From outside: it is to end in good order. */
void stop(struct node *n);
void close_all(struct node *n, msec grace);
/* The process ends itself; does not return. */
void exit_because(struct node *n, const char *why);
void damaged(struct node *n, const struct error *e);
