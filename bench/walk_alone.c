/* walk_alone.c - how many objects a second the list walks store when Stripe answers at once: pages
 * are made in memory, so that neither HTTP nor a server is measured. Use: bench_walk_alone
 * [OBJECTS] */
#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "core/sync.h"
#include "core/work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKERS = 4, PAGE = 100 };

static long objects = 100000; /* in each of three types */

static const char *const shape[] = {
    "{\"id\":\"prod_%012ld\",\"object\":\"product\",\"active\":true,\"attributes\":[],\"created\":"
    "17000"
    "00000,\"default_price\":\"price_%012ld\",\"description\":\"A product that is sold in our shop "
    "and "
    "described with some "
    "words\",\"images\":[],\"livemode\":false,\"marketing_features\":[],\"metadata\""
    ":{\"sku\":\"A-1000\",\"team\":\"growth\"},\"name\":\"Gold "
    "plan\",\"package_dimensions\":null,\"ship"
    "pable\":null,\"statement_descriptor\":null,\"tax_code\":null,\"type\":\"service\",\"unit_"
    "label\":nu"
    "ll,\"updated\":1700000000,\"url\":null}",
    "{\"id\":\"price_%012ld\",\"object\":\"price\",\"active\":true,\"billing_scheme\":\"per_unit\","
    "\"cre"
    "ated\":1700000000,\"currency\":\"usd\",\"custom_unit_amount\":null,\"livemode\":false,"
    "\"lookup_key\""
    ":null,\"metadata\":{},\"nickname\":null,\"product\":\"prod_%012ld\",\"recurring\":{"
    "\"interval\":\"mo"
    "nth\",\"interval_count\":1,\"meter\":null,\"trial_period_days\":null,\"usage_type\":"
    "\"licensed\"},\""
    "tax_behavior\":\"unspecified\",\"tiers_mode\":null,\"transform_quantity\":null,\"type\":"
    "\"recurring"
    "\",\"unit_amount\":1500,\"unit_amount_decimal\":\"1500\"}",
    "{\"id\":\"cus_%012ld\",\"object\":\"customer\",\"address\":null,\"balance\":0,\"created\":"
    "170000000"
    "0,\"currency\":\"usd\",\"default_source\":null,\"delinquent\":false,\"description\":null,"
    "\"discount\""
    ":null,\"email\":\"somebody.%012ld@example.com\",\"invoice_prefix\":\"0759376C\",\"invoice_"
    "settings\""
    ":{\"custom_fields\":null,\"default_payment_method\":null,\"footer\":null,\"rendering_"
    "options\":null"
    "},\"livemode\":false,\"metadata\":{\"user\":\"42\"},\"name\":\"Jane "
    "Doe\",\"phone\":null,\"preferred"
    "_locales\":[],\"shipping\":null,\"tax_exempt\":\"none\",\"test_clock\":null}",
};

static str page_of(const char *form, const char *prefix, str query, struct arena *a)
{
    size_t size = PAGE * (strlen(form) + 64) + 256, n = 0;
    char *p = arena_alloc(a, size);
    char key[64], cursor[64];
    long first = objects;

    snprintf(key, sizeof key, "starting_after=%s", prefix);
    snprintf(cursor, sizeof cursor, "%.*s", (int)(query.n < 63 ? query.n : 63), query.p);
    for (size_t i = 0; i + strlen(key) < query.n; i++)
        if (strncmp(query.p + i, key, strlen(key)) == 0)
            first = strtol(query.p + i + strlen(key), NULL, 10);
    n += (size_t)snprintf(p + n, size - n, "{\"object\":\"list\",\"data\":[");
    long last = first > PAGE ? first - PAGE : 0;
    for (long id = first - 1; id >= last; id--) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        n += (size_t)snprintf(p + n, size - n, form, id, id);
#pragma GCC diagnostic pop
        if (id > last)
            p[n++] = ',';
    }
    n += (size_t)snprintf(p + n, size - n, "],\"has_more\":%s}", last ? "true" : "false");
    return (str){ p, n };
}

static enum status answer(struct stripe *s, const struct stripe_request *q,
                          struct stripe_response *p, struct arena *a, struct error *e)
{
    (void)s, (void)e;
    *p = (struct stripe_response){ .http_status = 200 };
    if (str_eqz(q->path, "/v1/products"))
        p->body = page_of(shape[0], "prod_", q->query, a);
    else if (str_eqz(q->path, "/v1/prices") && !strstr(q->query.p, "active=false"))
        p->body = page_of(shape[1], "price_", q->query, a);
    else if (str_eqz(q->path, "/v1/customers"))
        p->body = page_of(shape[2], "cus_", q->query, a);
    else
        p->body = S("{\"object\":\"list\",\"data\":[],\"has_more\":false}");
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
