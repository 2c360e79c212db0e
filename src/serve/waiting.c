#include "serve/waiting.h"

#include "core/environment/acting.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
    struct clock *clock;
    const _Atomic msec *stop_asked_at;
    pthread_mutex_t lock; /* guards what follows, but for the thread */
    pthread_cond_t changed;
    struct waiter waiter[WAITING_MAX];
    size_t n;
    bool closing;
    pthread_t thread;
};

/* A store that cannot be read is asked again at the next look, until the deadline. */
static bool has_ended(const struct waiting *w, const struct waiter *one, enum waiting_end *end)
{
    const struct due_key key = { one->kind, str_of(one->type), str_of(one->id) };
    bool done = false, dead = false;
    struct error ignored = { 0 };

    if (atomic_load(w->stop_asked_at)) {
        *end = WAITING_STOP;
        return true;
    }
    (void)!due_is_done(one->env, &key, one->gen, &done, &dead, &ignored);
    *end = done ? WAITING_DONE : dead ? WAITING_DEAD : WAITING_LATE;
    return done || dead || clock_mono(w->clock) >= one->deadline;
}

/* Takes a waiter out; the place is the last one's now. */
static struct waiter take_out(struct waiting *w, size_t i)
{
    struct waiter one = w->waiter[i];

    w->waiter[i] = w->waiter[--w->n];
    return one;
}

/* The environment that acts for the waiter's account takes the place of its root; `room` is where
 * it lives. */
static void act_for(struct waiter *one, struct acting *room)
{
    if (!one->account[0])
        return;
    acting_init(room, one->env, str_of(one->account));
    one->env = &room->env;
}

/* Looks at each once. Called with the lock, which is let go while somebody is answered: only this
 * thread takes waiters out, so those before `i` stay where they are. */
static void look_round(struct waiting *w)
{
    for (size_t i = 0; i < w->n;) {
        struct waiter one = w->waiter[i];
        enum waiting_end end;
        struct acting room;
        pthread_mutex_unlock(&w->lock);
        act_for(&one, &room);
        bool ended = has_ended(w, &one, &end);
        if (ended)
            one.answer(&one, end);
        pthread_mutex_lock(&w->lock);
        if (ended)
            (void)take_out(w, i);
        else
            i++;
    }
}

static void *waiting_main(void *arg)
{
    struct waiting *w = arg;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->n == 0 && !w->closing)
            pthread_cond_wait(&w->changed, &w->lock);
        if (w->closing)
            break;
        look_round(w);
        pthread_mutex_unlock(&w->lock);
        clock_sleep(w->clock, WAITING_LOOK_MS);
        pthread_mutex_lock(&w->lock);
    }
    while (w->n) {
        struct waiter one = take_out(w, 0);
        struct acting room;
        act_for(&one, &room);
        one.answer(&one, WAITING_STOP);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum status waiting_open(struct waiting **out, struct clock *clock,
                         const _Atomic msec *stop_asked_at, struct error *e)
{
    struct waiting *w = calloc(1, sizeof *w);
    sigset_t all, before;

    if (!w)
        return fail(e, ST_LIMIT, "out of memory");
    w->clock = clock;
    w->stop_asked_at = stop_asked_at;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&w->thread, NULL, waiting_main, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
        free(w);
        return fail(e, ST_LIMIT, "cannot start a thread for requests that wait");
    }
    *out = w;
    return ST_OK;
}

void waiter_of(struct waiter *w, struct env *env)
{
    w->env = env_root(env);
    w->account[0] = '\0';
    if (env->root)
        memcpy(w->account, env->identity.account, sizeof w->account);
}

bool waiting_add(struct waiting *w, const struct waiter *one)
{
    pthread_mutex_lock(&w->lock);
    bool room = w->n < WAITING_MAX && !w->closing;
    if (room) {
        w->waiter[w->n++] = *one;
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return room;
}

void waiting_close(struct waiting *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
