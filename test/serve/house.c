#include "house.h"

#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "core/due.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void must(enum status st, const struct error *e)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), e->text);
    abort();
}

/* ---- the store that can be held up ---- */

static _Thread_local bool ingesting;

static struct fault_store *faults(struct store *s)
{
    return (struct fault_store *)s;
}

static enum status fault_begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    struct fault_store *f = faults(s);

    pthread_mutex_lock(&f->lock);
    f->looks += mode == TX_READ;
    enum status st = f->begin_fails;
    f->gathered += st != ST_OK;
    pthread_cond_broadcast(&f->changed);
    while (st != ST_OK && f->gathered < f->gather)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    if (st != ST_OK)
        return fail(e, st, "the test's store fails: %s", status_name(st));
    ingesting = false;
    return f->inner->ops->begin(f->inner, mode, tx, e);
}

static enum status fault_run(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                             struct rows *rows, struct arena *a, struct error *e)
{
    struct fault_store *f = faults(tx->store);
    struct tx inner = *tx;

    if (id == STMT_INBOX_INSERT) {
        ingesting = true;
        pthread_mutex_lock(&f->lock);
        bool poisoned = f->poison && str_eqz(args[0].s, f->poison);
        pthread_mutex_unlock(&f->lock);
        if (poisoned)
            return fail(e, ST_INVALID, "this event is poison");
    }
    inner.store = f->inner;
    return f->inner->ops->run(&inner, id, args, n, rows, a, e);
}

static void fault_rollback(struct tx *tx)
{
    struct fault_store *f = faults(tx->store);
    struct tx inner = *tx;

    inner.store = f->inner;
    f->inner->ops->rollback(&inner);
    tx->impl = NULL;
}

static enum status fault_commit(struct tx *tx, struct error *e)
{
    struct fault_store *f = faults(tx->store);
    struct tx inner = *tx;
    enum status st = ST_OK;

    inner.store = f->inner;
    if (ingesting) {
        pthread_mutex_lock(&f->lock);
        f->tries++;
        f->held++;
        pthread_cond_broadcast(&f->changed);
        while (f->hold)
            pthread_cond_wait(&f->changed, &f->lock);
        f->held--;
        st = f->commit_fails;
        f->commits += st == ST_OK;
        pthread_mutex_unlock(&f->lock);
    }
    if (st != ST_OK) {
        fault_rollback(tx);
        return fail(e, st, "the test's store fails: %s", status_name(st));
    }
    st = f->inner->ops->commit(&inner, e);
    tx->impl = NULL;
    return st;
}

static enum status fault_script(struct store *s, str sql, struct error *e)
{
    struct store *inner = faults(s)->inner;
    return inner->ops->script(inner, sql, e);
}

static enum status fault_scrub(struct store *s, struct error *e)
{
    struct store *inner = faults(s)->inner;
    return inner->ops->scrub(inner, e);
}

static void fault_close(struct store *s)
{
    struct store *inner = faults(s)->inner;
    inner->ops->close(inner);
}

static const struct store_ops fault_ops = {
    .name = "faults",
    .dialect = "sqlite",
    .begin = fault_begin,
    .run = fault_run,
    .commit = fault_commit,
    .rollback = fault_rollback,
    .script = fault_script,
    .scrub = fault_scrub,
    .close = fault_close,
};

void house_hold(struct house *h)
{
    pthread_mutex_lock(&h->store.lock);
    h->store.hold = true;
    pthread_mutex_unlock(&h->store.lock);
}

void house_release(struct house *h)
{
    pthread_mutex_lock(&h->store.lock);
    h->store.hold = false;
    pthread_cond_broadcast(&h->store.changed);
    pthread_mutex_unlock(&h->store.lock);
}

void house_await_held(struct house *h)
{
    pthread_mutex_lock(&h->store.lock);
    while (!h->store.held)
        pthread_cond_wait(&h->store.changed, &h->store.lock);
    pthread_mutex_unlock(&h->store.lock);
}

/* ---- Stripe ---- */

static struct house *house_of(struct stripe *s)
{
    return (struct house *)((char *)s - offsetof(struct house, stripe));
}

static enum status answer(struct stripe *s, const struct stripe_request *q,
                          struct stripe_response *p, struct arena *a, struct error *e)
{
    const str customers = S("/v1/customers/");
    struct house *h = house_of(s);
    int status = atomic_load(&h->stripe_status);

    (void)e;
    assert(!tx_writing());
    atomic_fetch_add(&h->stripe_calls, 1);
    while (atomic_load(&h->stripe_held))
        clock_sleep(h->world.clock, 1);
    *p = (struct stripe_response){ .http_status = status ? status : 404,
                                   .body = S("{\"error\":{\"type\":\"api_error\"}}") };
    if (!status && str_eqz(q->path, "/v1/subscriptions")) { /* nobody has any */
        p->http_status = 200;
        p->body =
            S("{\"object\":\"list\",\"data\":[],\"has_more\":false,\"url\":\"/v1/subscriptions\"}");
    }
    if (status || !str_starts(q->path, customers))
        return ST_OK;
    str id = str_sub(q->path, customers.n, q->path.n);
    p->http_status = 200;
    p->body = arena_printf(a, "{\"id\":\"%.*s\",\"object\":\"customer\",\"livemode\":false}",
                           STR_ARG(id));
    return ST_OK;
}

static void close_nothing(struct stripe *s)
{
    (void)s;
}

static const struct stripe_ops stripe_ops = { "house", answer, close_nothing };

/* ---- the house ---- */

static struct house *open_house(const char *dir)
{
    struct house *h = calloc(1, sizeof *h);
    struct error e = { 0 };
    struct identity id = { .account = "acct_1" };

    if (!h)
        abort();
    snprintf(h->dir, sizeof h->dir, "%s", dir);
    snprintf(h->db, sizeof h->db, "%s/test.db", dir);
    snprintf(h->log_path, sizeof h->log_path, "%s/log", dir);
    h->log = (struct log){ .fd = open(h->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600) };
    h->store.store.ops = &fault_ops;
    pthread_mutex_init(&h->store.lock, NULL);
    pthread_cond_init(&h->store.changed, NULL);
    h->stripe.ops = &stripe_ops;
    h->world = (struct world){ clock_os(), rng_os(),        sched_pthread(),
                               &h->stripe, &h->store.store, kv_none() };
    const struct store_sqlite_options o = { .path = h->db,
                                            .sched = h->world.sched,
                                            .clock = h->world.clock };
    must(store_sqlite_open(&h->store.inner, &o, &e), &e);
    env_init(&h->env, "test", &h->world);
    h->env.identity_declared = true;
    h->env.set.backoff_ms = h->env.set.backoff_ms_max = 60 * 1000;
    must(env_adopt(&h->env, &id, &e), &e);
    must(due_restart(&h->env, &e), &e);
    if (!secret_set(&h->secret[0], S(HOUSE_SECRET)) ||
        !secret_set(&h->secret[1], S(HOUSE_SECRET "_next")) ||
        !secret_set(&h->token, S(HOUSE_TOKEN)))
        abort();
    return h;
}

struct house *house_new(void)
{
    const char *base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    char dir[64];

    snprintf(dir, sizeof dir, "%s/brindle-test-XXXXXX", base);
    if (!mkdtemp(dir))
        abort();
    return open_house(dir);
}

struct house *house_again(const char *dir)
{
    return open_house(dir);
}

void house_leave(struct house *h, char dir[64])
{
    env_free(&h->env);
    h->store.store.ops->close(&h->store.store);
    if (dir)
        memcpy(dir, h->dir, sizeof h->dir);
    close(h->log.fd);
    free(h);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void house_free(struct house *h)
{
    char dir[64];

    house_leave(h, dir);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *house_text(struct house *h, const char *sql)
{
    static char text[4096];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    text[0] = '\0';
    if (sqlite3_open_v2(h->db, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        abort();
    }
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
        snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return text;
}

int64_t house_int(struct house *h, const char *sql)
{
    return strtoll(house_text(h, sql), NULL, 10);
}

unsigned house_logged(struct house *h, const char *text)
{
    FILE *f = fopen(h->log_path, "r");
    char line[4096];
    unsigned n = 0;

    if (!f)
        abort();
    while (fgets(line, sizeof line, f))
        n += strstr(line, text) != NULL;
    fclose(f);
    return n;
}

/* ---- the daemon ---- */

static void on_ready(void *ctx, unsigned port)
{
    struct running *r = ctx;

    pthread_mutex_lock(&r->lock);
    r->port = port;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void *daemon_main(void *arg)
{
    struct running *r = arg;
    enum status st = daemon_run(&r->o, &r->e);

    /* It may not be traced, not even by the leak checker; the test program may. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    pthread_mutex_lock(&r->lock);
    r->st = st;
    r->ended = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

void running_init(struct running *r, struct house *h)
{
    *r = (struct running){ .h = h };
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->env[0] = (struct daemon_env){
        .env = &h->env, .webhook_secret = h->secret, .n_webhook_secrets = 2, .workers = 2
    };
    r->o = (struct daemon_options){ .listen = S("127.0.0.1:0"),
                                    .token = &h->token,
                                    .log = &h->log,
                                    .env = r->env,
                                    .n_envs = 1,
                                    .grace_ms = 10000,
                                    .ready = on_ready,
                                    .ctx = r };
}

void running_start(struct running *r)
{
    sigset_t set;

    /* The daemon takes these with its own thread; here they must not end the program. */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&r->thread, NULL, daemon_main, r))
        abort();
    pthread_mutex_lock(&r->lock);
    while (!r->port && !r->ended)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

enum status running_await(struct running *r)
{
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    return r->st;
}

enum status running_stop(struct running *r)
{
    kill(getpid(), SIGTERM);
    return running_await(r);
}
