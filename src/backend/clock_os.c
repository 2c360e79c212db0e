#include "backend/clock_os.h"

#include <stdlib.h>
#include <time.h>

static msec read_clock(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t))
        abort();
    return (msec)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static msec os_wall(struct clock *c)
{
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

/* The clock that sched_pthread waits on: deadlines mean the same in both. */
static msec os_mono(struct clock *c)
{
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

static void os_sleep(struct clock *c, msec span)
{
    struct timespec t = { .tv_sec = span / 1000, .tv_nsec = span % 1000 * 1000000 };

    (void)c;
    if (span > 0)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* a signal ends it early: allowed */
}

static const struct clock_ops os_ops = { os_wall, os_mono, os_sleep };

struct clock *clock_os(void)
{
    static struct clock os = { &os_ops };
    return &os;
}
