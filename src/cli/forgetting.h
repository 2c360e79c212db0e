/* forgetting.h - what is forgotten in an environment that is sealed, and has no engine: what is
 * past its time, and whom an erasure was about that was broken off.
 *
 * One environment at a time, on a thread of its own: a person's texts are looked for in the whole
 * store, and a key-value server that is away is waited for. Where an erasure is to be ended, an
 * engine whose workers do nothing delivers meanwhile, so that the server forgets, too. */
#pragma once

#include <pthread.h>

#include "cli/serving.h"

enum {
    FORGETTING_EVERY_MS = 3600 * 1000,
    FORGETTING_BUSY_MS = 2000,  /* until the next attempt, when somebody has the store */
    FORGETTING_SHARE_MS = 2000, /* what is past its time, at a time; then another one's turn */
};

struct forgetting {
    struct serving *s;
    struct sched *sched;
    struct gate *gate; /* guards env and ending */
    struct env *env;   /* open just now, else NULL */
    bool ending;
    pthread_t thread;
    bool runs;        /* its owner's: there is a thread */
    size_t of;        /* which environment, of s->env */
    atomic_bool done; /* the thread has nothing more to do */
    msec pause;       /* once it is done: until the next time */
};

/* Nothing runs yet. `s` has an environment, and lives until forgetting_end. */
void forgetting_init(struct forgetting *f, struct serving *s);
/* For environment `of`, which is sealed. Nothing runs. ST_LIMIT: the system has no thread for it.
 */
enum status forgetting_begin(struct forgetting *f, size_t of, struct error *e) MUST_USE;
/* True: it runs still. Else, where it has just ended, `*ended`: `of` and `pause` tell the rest. */
bool forgetting_look(struct forgetting *f, bool *ended);
/* Ends it between two pieces; what is left is gone on with at another time. */
void forgetting_end(struct forgetting *f);
