#include "backend/rng_os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static void os_fill(struct rng *r, void *dst, size_t n)
{
    char *at = dst;

    (void)r;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

static const struct rng_ops os_ops = { os_fill };

struct rng *rng_os(void)
{
    static struct rng os = { &os_ops };
    return &os;
}
