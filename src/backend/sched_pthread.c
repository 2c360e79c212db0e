#include "backend/sched_pthread.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* What these calls answer but 0 is a bug of ours; going on without the lock would be worse. */
static void must(int rc)
{
    if (rc)
        abort();
}

static struct gate *pthread_gate_new(struct sched *s)
{
    struct gate *g = malloc(sizeof *g);
    pthread_condattr_t attr;

    (void)s;
    if (!g)
        abort();
    must(pthread_mutex_init(&g->mutex, NULL));
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&g->changed, &attr));
    must(pthread_condattr_destroy(&attr));
    return g;
}

static void pthread_gate_free(struct sched *s, struct gate *g)
{
    (void)s;
    if (!g)
        return;
    must(pthread_cond_destroy(&g->changed));
    must(pthread_mutex_destroy(&g->mutex));
    free(g);
}

static void pthread_lock(struct sched *s, struct gate *g)
{
    (void)s;
    must(pthread_mutex_lock(&g->mutex));
}

static void pthread_unlock(struct sched *s, struct gate *g)
{
    (void)s;
    must(pthread_mutex_unlock(&g->mutex));
}

static void pthread_wait(struct sched *s, struct gate *g, msec deadline)
{
    (void)s;
    if (deadline == NO_DEADLINE) {
        must(pthread_cond_wait(&g->changed, &g->mutex));
        return;
    }
    msec at = deadline > 0 ? deadline : 0;
    struct timespec t = { .tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000 };
    /* A deadline that has passed is no error: the caller looks at its condition and the clock. */
    pthread_cond_timedwait(&g->changed, &g->mutex, &t);
}

static void pthread_wake(struct sched *s, struct gate *g)
{
    (void)s;
    must(pthread_cond_broadcast(&g->changed));
}

static const struct sched_ops pthread_ops = {
    .gate_new = pthread_gate_new,
    .gate_free = pthread_gate_free,
    .lock = pthread_lock,
    .unlock = pthread_unlock,
    .wait = pthread_wait,
    .wake = pthread_wake,
};

struct sched *sched_pthread(void)
{
    static struct sched threads = { &pthread_ops };
    return &threads;
}
