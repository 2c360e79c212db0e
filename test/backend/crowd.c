#include "crowd.h"

#include <pthread.h>

#include "backend/sched_pthread.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting;

static struct gate *crowd_gate_new(struct sched *s)
{
    (void)s;
    return gate_new(sched_pthread());
}

static void crowd_gate_free(struct sched *s, struct gate *g)
{
    (void)s;
    gate_free(sched_pthread(), g);
}

static void crowd_lock(struct sched *s, struct gate *g)
{
    (void)s;
    gate_lock(sched_pthread(), g);
}

static void crowd_unlock(struct sched *s, struct gate *g)
{
    (void)s;
    gate_unlock(sched_pthread(), g);
}

static void count(int by)
{
    pthread_mutex_lock(&lock);
    waiting += by;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void crowd_wait(struct sched *s, struct gate *g, msec deadline)
{
    (void)s;
    count(1);
    gate_wait(sched_pthread(), g, deadline);
    count(-1);
}

static void crowd_wake(struct sched *s, struct gate *g)
{
    (void)s;
    gate_wake(sched_pthread(), g);
}

static const struct sched_ops crowd_ops = {
    .gate_new = crowd_gate_new,
    .gate_free = crowd_gate_free,
    .lock = crowd_lock,
    .unlock = crowd_unlock,
    .wait = crowd_wait,
    .wake = crowd_wake,
};

struct sched *crowd_sched(void)
{
    static struct sched crowd = { &crowd_ops };
    return &crowd;
}

void crowd_await(int n)
{
    pthread_mutex_lock(&lock);
    while (waiting != n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}
