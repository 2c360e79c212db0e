#include "backend/stripe_logged.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/clock_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "temp_dir.h"
#include "unit.h"

/* ---- a Stripe that takes 7 ms and answers what it is told -------------------------------- */

static msec fake_now;

static msec fake_time(struct clock *c)
{
    (void)c;
    return fake_now;
}

static const struct clock_ops fake_clock_ops = { fake_time, fake_time, NULL };
static struct clock fake_clock = { &fake_clock_ops };

struct inner {
    struct stripe stripe;
    enum status status;
    struct stripe_response answer;
    msec takes;
    bool closed;
};

static enum status inner_call(struct stripe *s, const struct stripe_request *q,
                              struct stripe_response *p, struct arena *a, struct error *e)
{
    struct inner *in = (struct inner *)s;

    (void)q, (void)a;
    if (in->takes)
        fake_now += in->takes;
    if (in->status != ST_OK)
        return error_set(e, in->status, __FILE__, __LINE__, "the line is dead");
    *p = in->answer;
    return ST_OK;
}

static void inner_close(struct stripe *s)
{
    ((struct inner *)s)->closed = true;
}

static const struct stripe_ops inner_ops = { "inner", inner_call, inner_close };

/* ---- a store that remembers rows --------------------------------------------------------- */

enum { ROWS_KEPT = 4096, TEXT_KEPT = 400 };

struct row {
    struct {
        enum value_type type;
        int64_t i;
        char text[TEXT_KEPT];
    } v[12];
};

struct fake_store {
    struct store store;
    struct row row[ROWS_KEPT];
    size_t n_rows, n_pending, most_in_one, commits;
    size_t run_fails_at; /* the so manyth row from now on; 0: never */
    enum status commit_status;
    void (*during_commit)(void *); /* on a thread of its own */
    void *ctx;
};

static enum status fake_begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    (void)tx, (void)e;
    assert_int_equal(mode, TX_WRITE);
    ((struct fake_store *)s)->n_pending = 0;
    return ST_OK;
}

static enum status fake_run(struct tx *tx, enum stmt id, const struct value *args, size_t n_args,
                            struct rows *rows, struct arena *a, struct error *e)
{
    struct fake_store *s = (struct fake_store *)tx->store;

    (void)a;
    assert_int_equal(id, STMT_CALL_ADD);
    assert_int_equal(n_args, stmt_table[STMT_CALL_ADD].n_args);
    if (s->run_fails_at && --s->run_fails_at == 0)
        return error_set(e, ST_LIMIT, __FILE__, __LINE__, "the disk is full");
    assert_true(s->n_rows + s->n_pending < ROWS_KEPT);
    struct row *r = &s->row[s->n_rows + s->n_pending++];
    for (size_t i = 0; i < n_args; i++) {
        r->v[i].type = args[i].type;
        r->v[i].i = args[i].i;
        snprintf(r->v[i].text, TEXT_KEPT, "%.*s", STR_ARG(args[i].s));
    }
    if (rows)
        *rows = (struct rows){ .n_changed = 1 };
    return ST_OK;
}

static void *aside(void *ctx)
{
    struct fake_store *s = ctx;

    s->during_commit(s->ctx);
    return NULL;
}

static enum status fake_commit(struct tx *tx, struct error *e)
{
    struct fake_store *s = (struct fake_store *)tx->store;
    pthread_t thread;

    if (s->during_commit) {
        assert_int_equal(pthread_create(&thread, NULL, aside, s), 0);
        pthread_join(thread, NULL);
        s->during_commit = NULL;
    }
    if (s->commit_status != ST_OK)
        return error_set(e, s->commit_status, __FILE__, __LINE__, "the fsync failed");
    s->commits++;
    s->most_in_one = s->n_pending > s->most_in_one ? s->n_pending : s->most_in_one;
    s->n_rows += s->n_pending;
    return ST_OK;
}

static void fake_rollback(struct tx *tx)
{
    ((struct fake_store *)tx->store)->n_pending = 0;
}

static const struct store_ops fake_ops = { .name = "fake",
                                           .dialect = "sqlite",
                                           .begin = fake_begin,
                                           .run = fake_run,
                                           .commit = fake_commit,
                                           .rollback = fake_rollback };

/* ---- the rig ----------------------------------------------------------------------------- */

struct rig {
    struct inner inner;
    struct stripe *logged;
    struct fake_store *store;
    struct error error;
};

static void rig_open(struct rig *r)
{
    fake_now = 1000;
    *r = (struct rig){ .inner = { .stripe.ops = &inner_ops, .takes = 7 } };
    r->inner.answer.http_status = 200;
    r->store = calloc(1, sizeof *r->store);
    assert_non_null(r->store);
    r->store->store.ops = &fake_ops;
    assert_int_equal(
        stripe_logged_open(&r->logged, &r->inner.stripe, &fake_clock, sched_pthread(), &r->error),
        ST_OK);
}

static void rig_close(struct rig *r)
{
    stripe_close(r->logged);
    assert_true(r->inner.closed);
    free(r->store);
}

static enum status flush(struct rig *r)
{
    error_clear(&r->error);
    return stripe_logged_flush(r->logged, &r->store->store, &r->error);
}

static enum status call(struct rig *r, const struct stripe_request *q)
{
    struct stripe_response p = { 0 };
    struct error e = { 0 };
    ARENA(arena, 1 << 16);

    return stripe_call(r->logged, q, &p, &arena, &e);
}

static void call_times(struct rig *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char path[32];
        snprintf(path, sizeof path, "/v1/x/%zu", i);
        assert_int_equal(call(r, &(struct stripe_request){ .path = str_of(path) }), ST_OK);
    }
}

static struct stripe_logged_stats stats(struct rig *r)
{
    struct stripe_logged_stats s;
    stripe_logged_stats(r->logged, &s);
    return s;
}

/* The columns in the order of call_add.sql. */
enum { AT, METHOD, PATH, ACCOUNT, STATUS, REQUEST, KEY, MS, LANE, CAUSE, REASON, ERROR };

static void a_call_is_recorded_with_its_circumstances(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    r.inner.answer = (struct stripe_response){ .http_status = 429,
                                               .request_id = S("req_1"),
                                               .limit_reason = S("global-rate"),
                                               .body = S("{\"secret\":1}") };
    struct stripe_request q = { .method = STRIPE_POST,
                                .path = S("/v1/prices/price_1"),
                                .query = S("expand[0]=product"),
                                .form = S("active=false"),
                                .idem_key = S("op/1/2/3"),
                                .account = S("acct_1"),
                                .lane = LANE_OPERATION,
                                .cause = S("op") };
    assert_int_equal(call(&r, &q), ST_OK);
    assert_int_equal(r.store->n_rows, 0);
    assert_int_equal(flush(&r), ST_OK);
    assert_int_equal(r.store->n_rows, 1);
    const struct row *row = &r.store->row[0];
    assert_int_equal(row->v[AT].i, 1000);
    assert_string_equal(row->v[METHOD].text, "POST");
    assert_string_equal(row->v[PATH].text, "/v1/prices/price_1");
    assert_string_equal(row->v[ACCOUNT].text, "acct_1");
    assert_int_equal(row->v[STATUS].i, 429);
    assert_string_equal(row->v[REQUEST].text, "req_1");
    assert_string_equal(row->v[KEY].text, "op/1/2/3");
    assert_int_equal(row->v[MS].i, 7);
    assert_int_equal(row->v[LANE].i, LANE_OPERATION);
    assert_string_equal(row->v[CAUSE].text, "op");
    assert_string_equal(row->v[REASON].text, "global-rate");
    assert_int_equal(row->v[ERROR].type, VAL_NULL);
    for (size_t i = 0; i < 12; i++) {
        assert_null(strstr(row->v[i].text, "active"));
        assert_null(strstr(row->v[i].text, "expand"));
        assert_null(strstr(row->v[i].text, "secret"));
    }
    assert_int_equal(flush(&r), ST_OK);
    assert_int_equal(r.store->n_rows, 1); /* once */
    rig_close(&r);
}

static void a_call_without_an_answer_is_recorded_with_its_error(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    r.inner.status = ST_RETRY;
    assert_int_equal(call(&r, &(struct stripe_request){ .path = S("/v1/balance") }), ST_RETRY);
    assert_int_equal(flush(&r), ST_OK);
    const struct row *row = &r.store->row[0];
    static const size_t empty[] = { ACCOUNT, STATUS, REQUEST, KEY, REASON };
    for (size_t i = 0; i < COUNT(empty); i++)
        assert_int_equal(row->v[empty[i]].type, VAL_NULL);
    assert_string_equal(row->v[ERROR].text, "the line is dead");
    assert_int_equal(stats(&r).calls, 1);
    assert_int_equal(stats(&r).answered, 0);
    rig_close(&r);
}

static void what_is_no_text_is_made_one(void **state)
{
    char path[1000];
    struct rig r;

    (void)state;
    rig_open(&r);
    memset(path, 'x', sizeof path);
    r.inner.answer.request_id = S("a\xff\x01\x7fz");
    assert_int_equal(call(&r, &(struct stripe_request){ .path = { path, sizeof path } }), ST_OK);
    assert_int_equal(flush(&r), ST_OK);
    assert_string_equal(r.store->row[0].v[REQUEST].text, "a???z");
    assert_int_equal(strlen(r.store->row[0].v[PATH].text), 383);
    rig_close(&r);
}

static void calls_are_written_in_pieces(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    call_times(&r, CALLS_FLUSH_ROWS + 1);
    assert_int_equal(flush(&r), ST_OK);
    assert_int_equal(r.store->commits, 2);
    assert_int_equal(r.store->most_in_one, CALLS_FLUSH_ROWS);
    assert_int_equal(r.store->n_rows, CALLS_FLUSH_ROWS + 1);
    for (size_t i = 0; i < r.store->n_rows; i++) { /* in their order */
        char path[32];
        snprintf(path, sizeof path, "/v1/x/%zu", i);
        assert_string_equal(r.store->row[i].v[PATH].text, path);
    }
    rig_close(&r);
}

static void a_flush_that_fails_keeps_its_calls(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    call_times(&r, 3);
    r.store->run_fails_at = 2;
    assert_int_equal(flush(&r), ST_LIMIT);
    assert_int_equal(r.store->n_rows, 0);
    r.store->commit_status = ST_RETRY;
    assert_int_equal(flush(&r), ST_RETRY);
    assert_int_equal(stats(&r).waiting, 3);
    r.store->commit_status = ST_OK;
    assert_int_equal(flush(&r), ST_OK);
    assert_int_equal(r.store->n_rows, 3);
    assert_int_equal(stats(&r).waiting, 0);
    assert_int_equal(stats(&r).dropped, 0);
    rig_close(&r);
}

static void the_oldest_calls_go_when_there_are_too_many(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r);
    call_times(&r, CALLS_KEPT_MAX + 10);
    assert_int_equal(stats(&r).dropped, 10);
    assert_int_equal(stats(&r).waiting, CALLS_KEPT_MAX);
    assert_int_equal(flush(&r), ST_OK);
    assert_int_equal(r.store->n_rows, CALLS_KEPT_MAX);
    assert_string_equal(r.store->row[0].v[PATH].text, "/v1/x/10");
    rig_close(&r);
}

static size_t n_overrun;

static void overrun(void *ctx)
{
    call_times(ctx, n_overrun);
}

static void a_call_that_is_overrun_while_it_is_written_is_not_lost(void **state)
{
    /* How many calls come meanwhile to a full ring: they drop two of the three that are being
     * written, or those and ten more. */
    static const struct {
        size_t come, dropped;
    } table[] = { { CALLS_KEPT_MAX - 1, 0 }, { CALLS_KEPT_MAX + 10, 10 } };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct rig r;
        rig_open(&r);
        call_times(&r, 3);
        n_overrun = table[i].come;
        r.store->during_commit = overrun;
        r.store->ctx = &r;
        assert_int_equal(flush(&r), ST_OK);
        assert_int_equal(r.store->n_rows, 3);
        assert_int_equal(stats(&r).dropped, table[i].dropped);
        assert_int_equal(flush(&r), ST_OK);
        assert_int_equal(r.store->n_rows, 3 + table[i].come - table[i].dropped);
        assert_int_equal(stats(&r).calls, 3 + table[i].come);
        rig_close(&r);
    }
}

/* ---- threads, and the real store --------------------------------------------------------- */

enum { THREADS = 4, CALLS_EACH = 200 };

static void *call_often(void *ctx)
{
    call_times(ctx, CALLS_EACH);
    return NULL;
}

static void threads_call_while_one_flushes(void **state)
{
    pthread_t thread[THREADS];
    struct rig r;

    (void)state;
    rig_open(&r);
    r.inner.takes = 0;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, call_often, &r), 0);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(flush(&r), ST_OK);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(flush(&r), ST_OK);
    assert_int_equal(r.store->n_rows, THREADS * CALLS_EACH);
    rig_close(&r);
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

static void calls_reach_the_database(void **state)
{
    struct store *store = NULL;
    struct temp_dir dir;
    struct rig r;

    (void)state;
    temp_dir_make(&dir);
    rig_open(&r);
    struct store_sqlite_options o = { .path = temp_path(&dir, "a.db"),
                                      .sched = sched_pthread(),
                                      .clock = clock_os() };
    assert_int_equal(store_sqlite_open(&store, &o, &r.error), ST_OK);
    call_times(&r, CALLS_FLUSH_ROWS + 20);
    r.inner.status = ST_RETRY;
    struct stripe_request q = { .method = STRIPE_DELETE, .path = S("/v1/y"), .cause = S("op") };
    assert_int_equal(call(&r, &q), ST_RETRY);
    assert_int_equal(stripe_logged_flush(r.logged, store, &r.error), ST_OK);
    const char *path = temp_path(&dir, "a.db");
    assert_int_equal(ask(path, "select count(*) from _calls"), CALLS_FLUSH_ROWS + 21);
    assert_int_equal(ask(path, "select count(*) from _calls where method = 'DELETE' and status is"
                               " null and error = 'the line is dead' and cause = 'op'"),
                     1);
    store->ops->close(store);
    rig_close(&r);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_recorded_with_its_circumstances),
        cmocka_unit_test(a_call_without_an_answer_is_recorded_with_its_error),
        cmocka_unit_test(what_is_no_text_is_made_one),
        cmocka_unit_test(calls_are_written_in_pieces),
        cmocka_unit_test(a_flush_that_fails_keeps_its_calls),
        cmocka_unit_test(the_oldest_calls_go_when_there_are_too_many),
        cmocka_unit_test(a_call_that_is_overrun_while_it_is_written_is_not_lost),
        cmocka_unit_test(threads_call_while_one_flushes),
        cmocka_unit_test(calls_reach_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
