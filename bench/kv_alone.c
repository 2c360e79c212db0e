/* kv_alone.c - how many states a second a key-value server takes, each compared with what it holds.
 *
 *     bench_kv_alone REDIS_URL MILLISECONDS VALUE_BYTES
 *
 * Values of 10 000 customers, as the outbox puts them: a batch at a time, on one connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/kv_redis.h"

enum { CUSTOMERS = 10000, VALUE_MAX = 1 << 16, KEY_MAX = 64 };

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static char value[KV_ITEMS_MAX][VALUE_MAX], key[KV_ITEMS_MAX][KEY_MAX];

static struct kv_item make_item(size_t i, int64_t revision, size_t bytes)
{
    int k = snprintf(key[i], KEY_MAX, "bench:customer:%d", (int)(revision % CUSTOMERS));
    int n = snprintf(value[i], VALUE_MAX, "{\"revision\":%lld,\"status\":\"active\",\"fill\":\"",
                     (long long)revision);
    size_t fill = bytes > (size_t)n + 2 ? bytes - (size_t)n - 2 : 0;

    memset(value[i] + n, 'x', fill);
    memcpy(value[i] + n + fill, "\"}", 2);
    return (struct kv_item){ .key = { key[i], (size_t)k },
                             .value = { value[i], (size_t)n + fill + 2 },
                             .revision = revision };
}

int main(int argc, char **argv)
{
    struct kv_item item[KV_ITEMS_MAX];
    struct error e = { 0 };
    struct kv *kv = NULL;
    int64_t revision = 1, puts = 0;

    if (argc != 4 || kv_redis_open(&kv, str_of(argv[1]), &e) != ST_OK) {
        fprintf(stderr, "bench_kv_alone: %s\n", argc == 4 ? e.text : "URL MILLISECONDS BYTES");
        return 1;
    }
    size_t bytes = (size_t)atoi(argv[3]) < VALUE_MAX ? (size_t)atoi(argv[3]) : VALUE_MAX;
    int64_t start = now_us(), end = start + atoll(argv[2]) * 1000;
    do {
        for (size_t i = 0; i < KV_ITEMS_MAX; i++)
            item[i] = make_item(i, revision++, bytes);
        if (kv->ops->put(kv, item, KV_ITEMS_MAX, &e) != ST_OK) {
            fprintf(stderr, "bench_kv_alone: %s\n", e.text);
            return 1;
        }
        puts += KV_ITEMS_MAX;
    } while (now_us() < end);
    printf("%.0f\n", (double)puts * 1e6 / (double)(now_us() - start));
    kv->ops->close(kv);
    return 0;
}
