/* switch.h - from one environment to another as one operation that can be broken off anywhere.
 *
 *     preflight  the target's keys and identity, before anything changes
 *     begun      the source's journal says where to: from here on nobody works for either
 *     drained    what was due at the source is worked off, as far as its key and the time allow
 *     sealed     the source's store is read from now on, never written
 *     opened     the target's identity is proven, its store is there and its own
 *     endpoint   a webhook endpoint of the account leads to it
 *     ping       the daemon takes what is signed with each of its secrets
 *     leftovers  what the target's mirror holds of others, and the application's own database, if
 *                that is configured: reported alone
 *     resumed    the journal is removed: the target is worked for
 *
 * The journal is in the source's store (seal.h), so that a crash at any point leaves one
 * environment open, or none; the same call goes on, and a daemon makes it unless a person made the
 * switch rest. What it needs of processes, files and sockets is a table of functions. */
#pragma once

#include "base/buf.h"
#include "core/environment/seal.h"

enum {
    SWITCH_TEXT_MAX = 700,
    SWITCH_LOOK_MS = 100,
    SWITCH_STORE_MS = 40 * 1000, /* for a daemon to let go of a store, or to take one */
};

enum switch_outcome { SWITCH_DONE, SWITCH_WARNED, SWITCH_SKIPPED, SWITCH_FAILED, SWITCH_PLANNED };

/* A line of the checklist. */
struct switch_item {
    const char *step;
    enum switch_outcome outcome;
    const char *text;
};

const char *switch_outcome_name(enum switch_outcome o); /* "ok", "warning", … */
/* As one JSON object: {"step","outcome","text"}. */
void switch_item_write(struct buf *b, const struct switch_item *item);

struct switch_order {
    const char *to;
    const char *from;  /* NULL: the only one that is open */
    const char *url;   /* for an endpoint that is made when there is none; NULL: none is made */
    const char *until; /* a step: stop behind it; NULL: to the end */
    bool dry_run;
    bool resume;   /* only if one was broken off, and nobody is at it: for the daemon, which asks */
    msec drain_ms; /* 0: what is due stays due */
    msec start_ms; /* how long Stripe may be away when a switch has begun */
};

enum switch_mode {
    SWITCH_TO_NOTE,  /* its journal and seal alone: neither key nor identity. ST_NONE: nobody's yet
                      */
    SWITCH_TO_DRAIN, /* with its own key, if that is right and Stripe answers at once */
    SWITCH_TO_OPEN,  /* with its own key; Stripe is waited for, and a store is made if need be */
    SWITCH_TO_READ,  /* beside whoever writes it */
    SWITCH_TO_ASK,   /* Stripe with its key, and no store */
};

/* The webhook endpoint, as it is wished. */
struct switch_endpoint {
    const char *url; /* NULL: none is made */
    const char *key; /* the idempotency key under which it is made; NULL: any */
    bool mend;       /* one that is there is set right, one that is not is made */
    bool again;      /* it was asked for under this key, and its secret may be lost: once more */
};

enum switch_served {
    SWITCH_SERVED_NOT,
    SWITCH_SERVED,
    SWITCH_SERVED_UNSEEN, /* whoever works for a store on a server says nothing to us */
};

struct switch_world;

/* Environments go by their names. No slot is NULL. */
struct switch_world_ops {
    const char *(*name)(struct switch_world *w, size_t i); /* NULL: there are no more */
    /* One process at a time is at a switch; the kernel takes it back from a dead one. ST_CONFLICT:
     * another one is. */
    enum status (*lock)(struct switch_world *w, struct error *e);
    void (*unlock)(struct switch_world *w);
    bool (*interrupted)(struct switch_world *w); /* ^C */

    /* What stands in a store, beside whoever writes it. ST_NONE: there is none, or it is nobody's.
     */
    enum status (*look)(struct switch_world *w, const char *env, struct seal *seal,
                        struct identity *id, struct error *e);
    /* Each is open once at a time, a reader aside. `*locked`: another process has the store. */
    enum status (*open_env)(struct switch_world *w, const char *env, enum switch_mode mode,
                            bool *locked, struct env **out, struct error *e);
    void (*close_env)(struct switch_world *w, struct env *env);
    /* Who has the store writes the journal (switch_begin). ST_NONE: no daemon listens. */
    enum status (*tell_daemon)(struct switch_world *w, const char *env,
                               const struct switch_plan *plan, struct error *e);
    enum switch_served (*served)(struct switch_world *w, const char *env);

    /* Workers for one that is open to be drained. stop_work: they have come to their end, and so
     * has what they asked; behind `grace` it is cut off. */
    enum status (*start_work)(struct switch_world *w, struct env *env, struct error *e);
    void (*stop_work)(struct switch_world *w, struct env *env, msec grace);
    /* What is kept in memory and may still be written, for it is not sealed yet. */
    void (*settle)(struct switch_world *w, struct env *env);

    /* A person is asked. ST_INVALID, ST_NONE: no. */
    enum status (*confirm)(struct switch_world *w, const char *url, struct error *e);
    /* `*right`: one of the account leads here, as it should. */
    void (*endpoint)(struct switch_world *w, struct env *env, const struct switch_endpoint *wish,
                     bool *right);
    size_t (*n_secrets)(struct switch_world *w, const char *env); /* of its webhooks */
    const char *(*door)(struct switch_world *w, const char *env, struct error *e); /* NULL: none */
    /* `*http`: what the daemon answers to what is signed with that secret; 0: none listens. */
    enum status (*ping)(struct switch_world *w, const char *env, size_t secret, int *http,
                        struct error *e);
    /* What the application's own database holds of elsewhere, appended to `text`. False: nothing to
     * tell. */
    bool (*application)(struct switch_world *w, const char *env, struct buf *text);

    void (*tell)(struct switch_world *w, const struct switch_item *item);
    void (*say)(struct switch_world *w, const char *remark);
    /* It ends here, and is not over. `by_itself`: a daemon goes on with it. */
    void (*rests)(struct switch_world *w, const char *from, const char *to, bool by_itself);
};

struct switch_world {
    const struct switch_world_ops *ops;
    struct clock *clock;
};

/* ST_INVALID: an unknown step, or an address that is too long. */
enum status switch_order_check(const struct switch_order *o, struct error *e) MUST_USE;

/* ST_OK: it is over, or stopped behind `until`. ST_CONFLICT: another switch is in the way, or
 * somebody has the store; with `resume`: there is nothing to go on with. ST_REFUSED: the key, or
 * the daemon does not take what is signed. ST_RETRY: Stripe is away; the same call goes on.
 * ST_LIMIT: ^C, and it rests. */
enum status switch_run(struct switch_world *w, const struct switch_order *o,
                       struct error *e) MUST_USE;
