/* walk_alone.c - how many objects a second the list walks store when Stripe answers at once: pages
 * are made in memory, so that neither HTTP nor a server is measured. Use: bench_walk_alone
 * [OBJECTS [random]] */
#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "core/mirror/sync.h"
#include "core/work.h"
#include "pages.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKERS = 4 };

static long objects = 100000; /* in each of three types */

static enum status answer(struct stripe *s, const struct stripe_request *q,
                          struct stripe_response *p, struct arena *a, struct error *e)
{
    BUF(body, PAGE_BYTES_MAX);
    enum page_kind kind = page_kind_of(q->path);

    (void)s, (void)e;
    if (kind == PAGE_KINDS)
        buf_append(&body, S("{\"object\":\"list\",\"data\":[],\"has_more\":false}"));
    else
        page_list(&body, kind, q->query, (uint64_t)objects);
    *p = (struct stripe_response){ .http_status = 200, .body = arena_copy(a, buf_str(&body)) };
    return ST_OK;
}

static void close_nothing(struct stripe *s)
{
    (void)s;
}

static const struct stripe_ops ops = { "memory", answer, close_nothing };

static void *work(void *arg)
{
    struct env *env = arg;

    for (;;) {
        struct work_report report;
        struct error e = { 0 };
        enum status st = work_one(env, &report, &e);
        if (st == ST_REFUSED)
            return NULL;
        if (st == ST_NONE)
            clock_sleep(env->world->clock, 1);
        else if (st != ST_OK || report.failed)
            fprintf(stderr, "%s: %s %s\n", report.key, report.why, e.text);
    }
}

int main(int argc, char **argv)
{
    struct stripe stripe = { &ops };
    struct world w = { clock_os(), rng_os(), sched_pthread(), &stripe, NULL, kv_none() };
    struct identity id = { .account = "acct_bench" };
    char dir[] = "/tmp/brindle-bench-XXXXXX", path[64];
    struct sync_progress progress = { 0 };
    struct error e = { 0 };
    pthread_t thread[WORKERS];
    struct env env;
    struct sync sync;

    if (argc > 1)
        objects = strtol(argv[1], NULL, 10) / 3;
    if (argc > 2 && str_eqz(S("random"), argv[2]))
        page_ids_at_random();
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/test.db", dir);
    struct store_sqlite_options o = { .path = path, .sched = w.sched, .clock = w.clock };
    if (store_sqlite_open(&w.store, &o, &e) != ST_OK)
        return fprintf(stderr, "%s\n", e.text), 1;
    env_init(&env, "test", &w);
    const str types[] = { S("products"), S("prices"), S("customers") };
    if (env_adopt(&env, &id, &e) != ST_OK ||
        sync_start(&env, types, 3, true, LANE_BACKFILL, &sync, &e) != ST_OK)
        return fprintf(stderr, "%s\n", e.text), 1;
    msec start = clock_mono(w.clock);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_create(&thread[i], NULL, work, &env);
    while (!progress.done) {
        BUF(out, 1 << 20);
        clock_sleep(w.clock, 50);
        if (sync_progress(&env, &sync, &progress, &out, &e) != ST_OK)
            return fprintf(stderr, "%s\n", e.text), 1;
    }
    msec took = clock_mono(w.clock) - start;
    env_stop(&env);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(thread[i], NULL);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%lld objects in %.2f s: %.0f objects/s, %.1f us CPU an object, peak %.1f MiB\n",
           (long long)progress.objects, (double)took / 1e3,
           (double)progress.objects * 1e3 / (double)took,
           ((double)used.ru_utime.tv_sec * 1e6 + (double)used.ru_utime.tv_usec +
            (double)used.ru_stime.tv_sec * 1e6 + (double)used.ru_stime.tv_usec) /
               (double)progress.objects,
           (double)used.ru_maxrss / 1024);
    w.store->ops->close(w.store);
    env_free(&env);
    char command[96];
    for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", ".lock", NULL }; *end;
         end++) {
        snprintf(command, sizeof command, "%s%s", path, *end);
        unlink(command);
    }
    return rmdir(dir);
}
