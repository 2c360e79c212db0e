/* commit_alone.c - how many events a second the disk takes: the ceiling of any ingest.
 *
 * Inserts bodies of 3 KB into a table like the inbox, so and so many a commit, each commit with
 * its fsync: on a bare connection of SQLite with the store's settings; through the store; and from
 * threads whose transactions of one event each share their fsyncs.
 * Use: bench_commit_alone [DIRECTORY [MILLISECONDS [BATCH]]]; makes and removes bench.db there;
 * with a BATCH it measures the bare connection with the store's pages and that batch alone. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "world/tx.h"

enum {
    BODY_BYTES = 3000,
    SPAN_MS = 2000,
    CHECKPOINT_PAGES = STORE_CHECKPOINT,
    THREADS_MAX = 64,
};

static const int batch_sizes[] = { 1, 16, 64, 256 };
static const int thread_counts[] = { 1, 4, 16, 64 };

static char path[4096], body[BODY_BYTES];
static msec span = SPAN_MS;
static atomic_llong drawn; /* event numbers */

static void quit(const char *doing, const char *reason)
{
    fprintf(stderr, "%s: %s: %s\n", path, doing, reason);
    exit(1);
}

static void remove_store(void)
{
    static const char *const suffix[] = { "", "-wal", "-shm", ".lock" };
    char name[4200];

    for (size_t i = 0; i < COUNT(suffix); i++) {
        snprintf(name, sizeof name, "%s%s", path, suffix[i]);
        unlink(name);
    }
}

/* As Stripe's: they grow with time. */
static str event_id(char out[64])
{
    long long n = atomic_fetch_add(&drawn, 1);
    int length = snprintf(out, 64, "evt_%012llxQw8RtYuIoP", n);

    return (str){ out, (size_t)length };
}

static void print_line(const char *how, int n, int64_t rows, int64_t commits, msec took)
{
    double s = (double)took / 1000;

    printf("%-24s %5d %10.0f %10.1f %12.0f\n", how, n, (double)rows / s,
           s * 1e6 / (double)(rows ? rows : 1), (double)commits / s);
}

/* A bare connection. */

static void exec(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        quit(sql, sqlite3_errmsg(db));
}

static sqlite3 *open_bare(int page_bytes)
{
    char sql[64];
    sqlite3 *db;

    remove_store();
    if (sqlite3_open(path, &db) != SQLITE_OK)
        quit("open", sqlite3_errmsg(db));
    snprintf(sql, sizeof sql, "pragma page_size = %d", page_bytes);
    exec(db, sql);
    exec(db, "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -32768;"
             "pragma temp_store = memory; pragma mmap_size = 0; pragma secure_delete = on;"
             "pragma journal_size_limit = 67108864");
    exec(db, "create table inbox (seq integer primary key, event text not null unique, type text,"
             " object_type text, object_id text, received_at integer, outcome text, body text);"
             "create index inbox_object on inbox (object_type, object_id)");
    sqlite3_wal_autocheckpoint(db, (int)((int64_t)CHECKPOINT_PAGES * 8192 / page_bytes));
    return db;
}

static void insert_bare(sqlite3_stmt *q)
{
    char event[64];
    str id = event_id(event);

    sqlite3_bind_text(q, 1, id.p, (int)id.n, SQLITE_STATIC);
    sqlite3_bind_text(q, 2, id.p + 4, (int)id.n - 4, SQLITE_STATIC);
    sqlite3_bind_text(q, 3, body, BODY_BYTES, SQLITE_STATIC);
    if (sqlite3_step(q) != SQLITE_DONE)
        quit("insert", "failed");
    sqlite3_reset(q);
}

static void bench_bare(int batch, int page_bytes)
{
    char how[32];
    sqlite3 *db = open_bare(page_bytes);
    sqlite3_stmt *q;
    int64_t rows = 0, commits = 0;

    if (sqlite3_prepare_v2(db,
                           "insert into inbox (event, type, object_type, object_id, received_at,"
                           " outcome, body) values (?1, 'customer.updated', 'customer', ?2,"
                           " 1767225600000, 'due', ?3) on conflict (event) do nothing",
                           -1, &q, NULL) != SQLITE_OK)
        quit("prepare", sqlite3_errmsg(db));
    msec start = clock_mono(clock_os()), now = start;
    for (; now - start < span; now = clock_mono(clock_os())) {
        exec(db, "begin immediate");
        for (int i = 0; i < batch; i++)
            insert_bare(q);
        exec(db, "commit");
        rows += batch;
        commits++;
    }
    snprintf(how, sizeof how, "bare, %d KiB pages", page_bytes / 1024);
    print_line(how, batch, rows, commits, now - start);
    sqlite3_finalize(q);
    sqlite3_close(db);
    remove_store();
}

/* The store. */

static struct store *open_store(void)
{
    struct store *s = NULL;
    struct error e = { 0 };
    struct store_sqlite_options o = { .path = path, .sched = sched_pthread(), .clock = clock_os() };

    remove_store();
    if (store_sqlite_open(&s, &o, &e) != ST_OK)
        quit("open", e.text);
    return s;
}

static void close_store(struct store *s)
{
    s->ops->close(s);
    remove_store();
}

static void write_events(struct store *s, int n)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    char event[64];

    enum status st = tx_begin(&tx, s, TX_WRITE, &e);
    for (int i = 0; st == ST_OK && i < n; i++) {
        str id = event_id(event);
        st = tx_run(&tx, STMT_INBOX_INSERT, NULL, NULL, &e, V_STR(id), V_STR(S("customer.updated")),
                    V_STR(S("customer")), V_STR(str_sub(id, 4, id.n)), V_NULL, V_INT(0),
                    V_STR(S("2026-10-28.endive")), V_INT(1767225600), V_INT(1767225600000),
                    V_STR(S("main")), V_STR(S("due")), V_NULL, V_STR(((str){ body, BODY_BYTES })));
    }
    if (st == ST_OK)
        st = tx_commit(&tx, &e);
    if (st != ST_OK)
        quit("write", e.text);
}

static void bench_store(int batch)
{
    struct store *s = open_store();
    int64_t commits = 0;

    msec start = clock_mono(clock_os()), now = start;
    for (; now - start < span; now = clock_mono(clock_os())) {
        write_events(s, batch);
        commits++;
    }
    print_line("store, one thread", batch, commits * batch, commits, now - start);
    close_store(s);
}

struct writing {
    struct store *store;
    msec until;
    atomic_llong rows;
};

static void *write_alone(void *arg)
{
    struct writing *w = arg;

    while (clock_mono(clock_os()) < w->until) {
        write_events(w->store, 1);
        w->rows++;
    }
    return NULL;
}

static void bench_threads(int n)
{
    pthread_t thread[THREADS_MAX];
    struct writing w = { .store = open_store() };

    msec start = clock_mono(clock_os());
    w.until = start + span;
    for (int i = 0; i < n; i++)
        pthread_create(&thread[i], NULL, write_alone, &w);
    for (int i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
    print_line("store, threads, 1 each", n, w.rows, 0, clock_mono(clock_os()) - start);
    close_store(w.store);
}

int main(int argc, char **argv)
{
    int64_t ms = 0, batch = 0;

    snprintf(path, sizeof path, "%s/bench.db", argc > 1 ? argv[1] : ".");
    if (argc > 2 && str_to_int(str_of(argv[2]), &ms) && ms > 0)
        span = ms;
    rng_fill(rng_os(), body, sizeof body);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + (unsigned char)body[i] % 26);
    if (argc > 3 && str_to_int(str_of(argv[3]), &batch) && batch > 0) {
        bench_bare((int)batch, 8192);
        return 0;
    }
    printf("%-24s %5s %10s %10s %12s\n", "how", "n", "events/s", "us/event", "commits/s");
    for (size_t i = 0; i < COUNT(batch_sizes); i++)
        bench_bare(batch_sizes[i], 8192);
    for (size_t i = 0; i < COUNT(batch_sizes); i++)
        bench_bare(batch_sizes[i], 16384);
    for (size_t i = 0; i < COUNT(batch_sizes); i++)
        bench_store(batch_sizes[i]);
    for (size_t i = 0; i < COUNT(thread_counts); i++)
        bench_threads(thread_counts[i]);
    return 0;
}
