#include "serve/desk.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct job {
    desk_work *work;
    _Alignas(max_align_t) unsigned char bytes[DESK_JOB_BYTES];
};

struct desk {
    pthread_mutex_t lock; /* guards what follows, but for the threads */
    pthread_cond_t changed;
    struct job job[DESK_WAITING_MAX]; /* a ring */
    size_t at, n;
    bool closing;
    pthread_t thread[DESK_THREADS];
    size_t n_threads;
};

/* False: closing, and nothing waits. */
static bool take(struct desk *d, struct job *out)
{
    pthread_mutex_lock(&d->lock);
    while (d->n == 0 && !d->closing)
        pthread_cond_wait(&d->changed, &d->lock);
    bool have = d->n > 0;
    if (have) {
        *out = d->job[d->at];
        d->at = (d->at + 1) % DESK_WAITING_MAX;
        d->n--;
    }
    pthread_mutex_unlock(&d->lock);
    return have;
}

static void *desk_main(void *arg)
{
    struct job job;

    while (take(arg, &job))
        job.work(job.bytes);
    return NULL;
}

bool desk_hand(struct desk *d, desk_work *work, const void *job, size_t bytes)
{
    assert(bytes <= DESK_JOB_BYTES);
    pthread_mutex_lock(&d->lock);
    bool room = d->n < DESK_WAITING_MAX && !d->closing;
    if (room) {
        struct job *to = &d->job[(d->at + d->n) % DESK_WAITING_MAX];
        to->work = work;
        memcpy(to->bytes, job, bytes);
        d->n++;
        pthread_cond_signal(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return room;
}

enum status desk_open(struct desk **out, struct error *e)
{
    sigset_t all, before;
    struct desk *d = calloc(1, sizeof *d);

    if (!d)
        return fail(e, ST_LIMIT, "out of memory");
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (d->n_threads < DESK_THREADS &&
           pthread_create(&d->thread[d->n_threads], NULL, desk_main, d) == 0)
        d->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (d->n_threads < DESK_THREADS) {
        desk_close(d);
        return fail(e, ST_LIMIT, "cannot start a thread for requests");
    }
    *out = d;
    return ST_OK;
}

void desk_close(struct desk *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    for (size_t i = 0; i < d->n_threads; i++)
        pthread_join(d->thread[i], NULL);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
