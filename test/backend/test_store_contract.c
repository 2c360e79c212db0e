/* The contract of world/store.h, over every backend. A backend is a line in `backends`. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_pg.h"
#include "backend/store_sqlite.h"
#include "pg_server.h"
#include "temp_dir.h"
#include "unit.h"
#include "world/tx.h"

struct fixture {
    struct temp_dir dir;
    struct store *store;
};

struct backend {
    const char *name;
    void (*open)(struct fixture *);
    bool keeps_nul;   /* a text may hold a NUL; else it is ST_INVALID or ST_CONFLICT */
    bool takes_turns; /* write transactions run one after the other; else only rows are locked */
};

static struct pg_server *server; /* NULL: not installed */

static void open_sqlite(struct fixture *f)
{
    struct error e = { 0 };
    struct store_sqlite_options o = { .path = temp_path(&f->dir, "test.db"),
                                      .sched = sched_pthread(),
                                      .clock = clock_os() };

    if (store_sqlite_open(&f->store, &o, &e) != ST_OK)
        fail_msg("%s", e.text);
}

static void open_pg(struct fixture *f)
{
    struct error e = { 0 };
    struct store_pg_options o = { .url = pg_server_fresh(server),
                                  .rng = rng_os(),
                                  .schema = "brindle_test",
                                  .sched = sched_pthread(),
                                  .clock = clock_os() };

    if (store_pg_open(&f->store, &o, &e) != ST_OK)
        fail_msg("%s", e.text);
}

static const struct backend backends[] = {
    { "sqlite", .open = open_sqlite, .keeps_nul = true, .takes_turns = true },
    { "postgresql", .open = open_pg },
};

static const struct backend *backend; /* the one that the suite runs over just now */

static int set_up(void **state)
{
    static struct fixture f;

    f = (struct fixture){ 0 };
    temp_dir_make(&f.dir);
    backend->open(&f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    f->store->ops->close(f->store);
    temp_dir_remove(&f->dir);
    return 0;
}

static struct store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static struct error why; /* of the main thread's latest call */

#define assert_ok(call)                                                \
    do {                                                               \
        error_clear(&why);                                             \
        enum status got = (call);                                      \
        if (got != ST_OK)                                              \
            fail_msg("%s: %s: %s", #call, status_name(got), why.text); \
    } while (0)

static int64_t add_in(struct tx *tx, const char *name, int64_t n)
{
    ARENA(a, 1024);
    struct rows rows;

    assert_ok(tx_run(tx, STMT_COUNTER_ADD, &rows, &a, &why, V_STR(str_of(name)), V_INT(n)));
    assert_int_equal(rows.n_rows, 1);
    return row_int(&rows, 0, 0);
}

static int64_t value_in(struct tx *tx, const char *name)
{
    ARENA(a, 1024);
    struct rows rows;

    assert_ok(tx_run(tx, STMT_COUNTER_GET, &rows, &a, &why, V_STR(str_of(name))));
    return rows.n_rows ? row_int(&rows, 0, 0) : -1;
}

static void add(struct store *s, const char *name, int64_t n)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    add_in(&tx, name, n);
    assert_ok(tx_commit(&tx, &why));
}

/* -1: there is no such counter. */
static int64_t value_of(struct store *s, const char *name)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, s, TX_READ, &why));
    return value_in(&tx, name);
}

static void what_is_committed_is_seen_by_the_next_reader(void **state)
{
    struct store *s = store_of(state);

    for (int64_t i = 1; i <= 20; i++) {
        add(s, "c", 1);
        assert_int_equal(value_of(s, "c"), i);
    }
}

static void what_is_rolled_back_never_was(void **state)
{
    struct store *s = store_of(state);

    add(s, "c", 5);
    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
        assert_int_equal(add_in(&tx, "c", 7), 12);
        assert_int_equal(value_in(&tx, "c"), 12);
    }
    assert_int_equal(value_of(s, "c"), 5);
}

static void a_transaction_that_did_nothing_commits(void **state)
{
    CLEANUP(tx_end) struct tx tx = { 0 }, reading = { 0 };

    assert_ok(tx_begin(&tx, store_of(state), TX_WRITE, &why));
    assert_ok(tx_commit(&tx, &why));
    assert_ok(tx_begin(&reading, store_of(state), TX_READ, &why));
    assert_ok(tx_commit(&reading, &why));
}

static void a_reader_sees_nothing_that_is_not_committed(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx tx = { 0 };

    add(s, "c", 1);
    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    add_in(&tx, "c", 1);
    assert_int_equal(value_of(s, "c"), 1);
    assert_ok(tx_commit(&tx, &why));
    assert_int_equal(value_of(s, "c"), 2);
}

static void a_reader_sees_one_moment(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx reading = { 0 };

    add(s, "c", 1);
    assert_ok(tx_begin(&reading, s, TX_READ, &why));
    assert_int_equal(value_in(&reading, "c"), 1);
    add(s, "c", 1);
    assert_int_equal(value_in(&reading, "c"), 1);
    tx_end(&reading);
    assert_int_equal(value_of(s, "c"), 2);
}

static void a_reader_writes_nothing(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_ok(tx_begin(&tx, s, TX_READ, &why));
    assert_int_equal(tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &e, V_STR(S("c")), V_INT(1)),
                     ST_REFUSED);
    tx_end(&tx);
    assert_int_equal(value_of(s, "c"), -1);
}

static void integers_keep_64_bits(void **state)
{
    struct store *s = store_of(state);

    add(s, "least", INT64_MIN);
    add(s, "most", INT64_MAX);
    assert_true(value_of(s, "least") == INT64_MIN);
    assert_true(value_of(s, "most") == INT64_MAX);
}

static void keep_name(struct store *s, str name)
{
    ARENA(a, 65536);
    struct rows rows;
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &why, V_STR(name), V_INT(1)));
    assert_ok(tx_run(&tx, STMT_COUNTER_LIST, &rows, &a, &why, V_STR(S("")), V_INT(1)));
    str got = row_str(&rows, 0, 0);
    assert_int_equal(got.n, name.n);
    assert_memory_equal(got.p, name.p, name.n);
    assert_int_equal(got.p[got.n], '\0');
}

static enum status try_name(struct store *s, str name)
{
    struct rows rows;
    struct error e = { 0 };
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    return tx_run(&tx, STMT_COUNTER_ADD, &rows, NULL, &e, V_STR(name), V_INT(1));
}

static void texts_come_back_as_they_were(void **state)
{
    char large[20000];

    memset(large, 'x', sizeof large);
    keep_name(store_of(state), S("it's; \"quoted\" $1 \\ %s"));
    keep_name(store_of(state), S("\xf0\x9f\xa6\x8a\xc3\xa4\x01\x7f"));
    keep_name(store_of(state), (str){ large, sizeof large });
    if (backend->keeps_nul)
        keep_name(store_of(state), S("a\0b\0"));
    else
        assert_int_equal(try_name(store_of(state), S("a\0b\0")), ST_INVALID);
}

static void an_empty_text_is_not_null(void **state)
{
    ARENA(a, 4096);
    struct rows rows;
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, store_of(state), TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &why, V_STR(((str){ NULL, 0 })), V_INT(3)));
    assert_ok(tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &why, V_STR(S(""))));
    assert_int_equal(rows.n_rows, 1);
    assert_int_equal(row_int(&rows, 0, 0), 3);
}

static void changes_are_counted_and_reads_are_none(void **state)
{
    ARENA(a, 4096);
    struct rows rows;
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, store_of(state), TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_ADD, &rows, &a, &why, V_STR(S("c")), V_INT(3)));
    assert_int_equal(rows.n_changed, 1);
    assert_ok(tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &why, V_STR(S("c"))));
    assert_int_equal(rows.n_changed, 0);
    assert_int_equal(rows.n_cols, 1);
    assert_ok(tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &why, V_STR(S("none"))));
    assert_int_equal(rows.n_rows, 0);
}

static void fill_counters(struct store *s, int n)
{
    char sql[256];
    int length = snprintf(sql, sizeof sql,
                          "insert into _counters (name, value) with recursive n(i) as (select 1 "
                          "union all select i + 1 from n where i < %d) select 'n' || i, i from n",
                          n);

    assert_ok(s->ops->script(s, (str){ sql, (size_t)length }, &why));
}

static void a_large_answer_arrives_whole(void **state)
{
    ARENA(a, 4 << 20);
    struct rows rows;
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t sum = 0;

    fill_counters(store_of(state), ROWS_MAX);
    assert_ok(tx_begin(&tx, store_of(state), TX_READ, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_LIST, &rows, &a, &why, V_STR(S("")), V_INT(ROWS_MAX)));
    assert_int_equal(rows.n_rows, ROWS_MAX);
    for (size_t i = 0; i < rows.n_rows; i++)
        sum += row_int(&rows, i, 1);
    assert_int_equal(sum, (int64_t)ROWS_MAX * (ROWS_MAX + 1) / 2);
    assert_true(a.used < 2 * ROWS_MAX * 2 * sizeof(struct value));
}

static void an_answer_beyond_the_limit_names_its_statement(void **state)
{
    ARENA(a, 4 << 20);
    struct rows rows = { .n_rows = 77 };
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    fill_counters(store_of(state), ROWS_MAX + 1);
    assert_ok(tx_begin(&tx, store_of(state), TX_READ, &why));
    assert_int_equal(
        tx_run(&tx, STMT_COUNTER_LIST, &rows, &a, &e, V_STR(S("")), V_INT(ROWS_MAX + 1)), ST_LIMIT);
    assert_non_null(strstr(e.text, "counter_list"));
    assert_int_equal(rows.n_rows, 77);
}

static void an_answer_beyond_the_arena_is_a_limit(void **state)
{
    ARENA(a, 1000);
    struct rows rows;
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    fill_counters(store_of(state), 100);
    assert_ok(tx_begin(&tx, store_of(state), TX_READ, &why));
    assert_int_equal(tx_run(&tx, STMT_COUNTER_LIST, &rows, &a, &e, V_STR(S("")), V_INT(100)),
                     ST_LIMIT);
    assert_non_null(strstr(e.text, "counter_list"));
    assert_ok(tx_run(&tx, STMT_COUNTER_LIST, NULL, NULL, &why, V_STR(S("")), V_INT(100)));
}

static void a_failed_statement_dooms_its_transaction(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    struct rows rows;

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    add_in(&tx, "before", 1);
    assert_int_equal(tx_run(&tx, STMT_COUNTER_ADD, &rows, NULL, &e, V_STR(S("private")), V_NULL),
                     ST_CONFLICT);
    assert_non_null(strstr(e.text, "counter_add"));
    assert_null(strstr(e.text, "private"));
    error_clear(&e);
    assert_int_equal(tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &e, V_STR(S("after")), V_INT(1)),
                     ST_CONFLICT);
    error_clear(&e);
    assert_int_equal(tx_commit(&tx, &e), ST_CONFLICT);
    assert_non_null(strstr(e.text, "counter_add"));
    assert_int_equal(value_of(s, "before"), -1);
    assert_int_equal(value_of(s, "after"), -1);
    add(s, "next", 1);
}

/* Nobody waited for its answer: it shows in commit at the latest. */
static void a_failure_nobody_asked_about_keeps_the_transaction_from_being_kept(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 }, e2 = { 0 };

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    add_in(&tx, "before", 1);
    enum status st = tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &e, V_STR(S("c")), V_NULL);
    assert_true(st == ST_OK || st == ST_CONFLICT);
    assert_int_equal(tx_commit(&tx, &e2), ST_CONFLICT);
    assert_non_null(strstr(e2.text, "counter_add"));
    assert_int_equal(value_of(s, "before"), -1);
    add(s, "next", 1);
}

static void what_nobody_asked_about_is_kept_in_its_order(void **state)
{
    struct store *s = store_of(state);

    for (int turn = 0; turn < 3; turn++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
        for (int i = 0; i < 1000; i++)
            assert_ok(tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &why, V_STR(S("c")), V_INT(1)));
        assert_int_equal(value_in(&tx, "c"), 1000 * (turn + 1));
        assert_ok(tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &why, V_STR(S("d")), V_INT(1)));
        assert_ok(tx_commit(&tx, &why));
    }
    assert_int_equal(value_of(s, "d"), 3);
}

static enum status add_later(struct tx *tx, str name, struct value n, int64_t *changed)
{
    const struct value args[] = { V_STR(name), n };

    return tx_run_later(tx, STMT_COUNTER_ADD, args, COUNT(args), changed, &why);
}

static void numbers_of_changes_are_there_once_all_is_settled(void **state)
{
    struct store *s = store_of(state);
    int64_t changed[600];

    memset(changed, 0xff, sizeof changed);
    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
        for (size_t i = 0; i < COUNT(changed); i++)
            assert_ok(add_later(&tx, S("c"), V_INT(1), &changed[i]));
        assert_ok(tx_settle(&tx, &why));
        assert_ok(tx_commit(&tx, &why));
    }
    for (size_t i = 0; i < COUNT(changed); i++)
        assert_int_equal(changed[i], 1);
    assert_int_equal(value_of(s, "c"), COUNT(changed));
}

static void what_is_given_up_writes_nowhere_afterwards(void **state)
{
    struct store *s = store_of(state);
    int64_t changed = -1;

    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
        assert_ok(add_later(&tx, S("c"), V_INT(1), &changed));
    }
    changed = 77;
    add(s, "d", 1);
    assert_int_equal(changed, 77);
    assert_int_equal(value_of(s, "c"), -1);
}

static void a_transaction_that_changes_too_much_is_refused(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows rows;
    enum status st = ST_OK;
    struct error e = { 0 };
    int n = 0;

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    for (; st == ST_OK && n <= TX_ROWS_MAX; n++)
        st = tx_run(&tx, STMT_COUNTER_ADD, &rows, NULL, &e, V_STR(S("c")), V_INT(1));
    assert_int_equal(st, ST_LIMIT);
    assert_int_equal(n, TX_ROWS_MAX + 1);
    tx_end(&tx);
    assert_int_equal(value_of(s, "c"), -1);
}

static void a_script_is_one_transaction(void **state)
{
    struct store *s = store_of(state);
    struct error e = { 0 };

    assert_ok(s->ops->script(s,
                             S("insert into _counters values ('a', 1); -- first\n"
                               "insert into _counters values ('b', 2);\n"),
                             &why));
    assert_int_equal(value_of(s, "b"), 2);
    assert_int_not_equal(s->ops->script(s,
                                        S("insert into _counters values ('c', 3);"
                                          "insert into _counters values ('a', 1)"),
                                        &e),
                         ST_OK);
    assert_int_equal(value_of(s, "c"), -1);
    assert_ok(s->ops->script(s, S(""), &why));
}

static void a_script_may_change_what_statements_read(void **state)
{
    struct store *s = store_of(state);

    add(s, "c", 1);
    assert_int_equal(value_of(s, "c"), 1);
    assert_ok(s->ops->script(s, S("alter table _counters add column more integer"), &why));
    add(s, "c", 1);
    assert_int_equal(value_of(s, "c"), 2);
}

enum { THREADS = 12, ROUNDS = 40 };

/* One transaction: where they take turns, nobody else's change comes between its statements. */
static enum status count_up(struct store *s, bool keep)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 4096);
    struct rows before, after;
    struct error e = { 0 };

    enum status st = tx_begin(&tx, s, TX_WRITE, &e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_COUNTER_GET, &before, &a, &e, V_STR(S("c")));
    if (st == ST_OK)
        st = tx_run(&tx, STMT_COUNTER_ADD, &after, &a, &e, V_STR(S("c")), V_INT(1));
    if (st == ST_OK && backend->takes_turns && row_int(&after, 0, 0) != row_int(&before, 0, 0) + 1)
        st = ST_CONFLICT;
    if (st == ST_OK && keep)
        st = tx_commit(&tx, &e);
    return st;
}

static void *count_up_often(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        if (count_up(arg, i % 3 != 0) != ST_OK)
            return arg;
    return NULL;
}

static void threads_take_turns(void **state)
{
    struct store *s = store_of(state);
    pthread_t thread[THREADS];
    int64_t committed = 0;

    add(s, "c", 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, count_up_often, s);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    for (int i = 0; i < ROUNDS; i++)
        committed += i % 3 ? THREADS : 0;
    assert_int_equal(value_of(s, "c"), committed);
}

enum { MANY_LISTS = ROWS_MAX + 100 };

/* A type has a list under each of any number of parents, and progress is asked for all the while.
 */
static void walks_are_tallied_however_many_lists_a_type_has(void **state)
{
    struct store *s = store_of(state);
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 64 << 10);
    struct rows r;

    assert_ok(s->ops->script(
        s,
        S("with recursive n(i) as (select 1 union all select i + 1 from n where i < 4196) "
          "insert into _walks (type, variant, account, state, objects, pages, started_at, "
          "finished_at) select 'feature', 'parent=' || i, 'acct_1', "
          "case i when 7 then 'failed' else 'complete' end, 2, 1, 20, 30 from n;"
          "insert into _walks (type, variant, account, state, reason, started_at) values "
          "('feature', 'parents', 'acct_1', 'walking', 'as a whole', 20);"
          "insert into _walks (type, variant, account, state, objects, started_at, finished_at) "
          "values ('price', 'a', 'acct_1', 'complete', 5, 20, 30), "
          "('price', 'b', 'acct_1', 'skipped', 0, 20, 30), "
          "('price', 'earlier', 'acct_1', 'complete', 9, 1, 2), "
          "('price', 'a', 'acct_2', 'complete', 9, 20, 30)"),
        &why));
    assert_ok(tx_begin(&tx, s, TX_READ, &why));
    assert_ok(tx_run(&tx, STMT_WALKS_TALLY, &r, &a, &why, V_STR(S("acct_1")), V_INT(10)));
    assert_int_equal(r.n_rows, 2);
    assert_true(str_eqz(row_str(&r, 0, 0), "feature") && row_int(&r, 0, 1) == 4);
    assert_true(str_eqz(row_str(&r, 0, 2), "as a whole"));
    const int64_t want[2][6] = {
        { MANY_LISTS * 2, MANY_LISTS, MANY_LISTS + 1, MANY_LISTS - 1, 0, 1 }, { 5, 0, 2, 1, 1, 0 }
    };
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 6; k++)
            assert_int_equal(row_int(&r, i, 3 + k), want[i][k]);
    assert_int_equal(row_int(&r, 1, 1), 1);
}

/* Lists on test clocks, and of the customers on them, are any number too. */
static void a_sweep_sees_a_types_own_lists_however_many_are_on_clocks(void **state)
{
    struct store *s = store_of(state);
    ARENA(a, 64 << 10);
    struct rows r;

    assert_ok(s->ops->script(
        s,
        S("with recursive n(i) as (select 1 union all select i + 1 from n where i < 4196) "
          "insert into _walks (type, variant, account, state) select 'price', "
          "case when i % 2 = 0 then 'test_clock=' else 'customer=' end || i, 'acct_1', 'complete' "
          "from n; insert into _walks (type, variant, account, state, started_ticket) values "
          "('price', 'active=true', 'acct_1', 'complete', 5);"
          "insert into _due (kind, type, id, account, lane, gen, cause, due_since) values "
          "('walk', 'price', 'customer=7', 'acct_1', 3, 1, 'sync', 1)"),
        &why));
    for (int under_way = 0; under_way < 2; under_way++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_ok(tx_begin(&tx, s, TX_READ, &why));
        assert_ok(
            tx_run(&tx, STMT_WALKS_OF_TYPE, &r, &a, &why, V_STR(S("price")), V_STR(S("acct_1"))));
        assert_int_equal(r.n_rows, 1 + under_way);
        assert_true(str_eqz(row_str(&r, 0, 0), "active=true") && row_int(&r, 0, 2) == 5);
        if (under_way)
            assert_true(str_eqz(row_str(&r, 1, 1), "walking") && row_int(&r, 1, 3) == 1);
        tx_end(&tx);
        assert_ok(s->ops->script(
            s, S("update _walks set state = 'walking' where variant = 'customer=7'"), &why));
    }
}

#define over(test)                           \
    {                                        \
#test, test, set_up, tear_down, NULL \
    }

static const struct CMUnitTest tests[] = {
    over(what_is_committed_is_seen_by_the_next_reader),
    over(what_is_rolled_back_never_was),
    over(a_transaction_that_did_nothing_commits),
    over(a_reader_sees_nothing_that_is_not_committed),
    over(a_reader_sees_one_moment),
    over(a_reader_writes_nothing),
    over(integers_keep_64_bits),
    over(texts_come_back_as_they_were),
    over(an_empty_text_is_not_null),
    over(changes_are_counted_and_reads_are_none),
    over(a_large_answer_arrives_whole),
    over(an_answer_beyond_the_limit_names_its_statement),
    over(an_answer_beyond_the_arena_is_a_limit),
    over(a_failed_statement_dooms_its_transaction),
    over(a_failure_nobody_asked_about_keeps_the_transaction_from_being_kept),
    over(what_nobody_asked_about_is_kept_in_its_order),
    over(numbers_of_changes_are_there_once_all_is_settled),
    over(what_is_given_up_writes_nowhere_afterwards),
    over(a_transaction_that_changes_too_much_is_refused),
    over(a_script_is_one_transaction),
    over(a_script_may_change_what_statements_read),
    over(walks_are_tallied_however_many_lists_a_type_has),
    over(a_sweep_sees_a_types_own_lists_however_many_are_on_clocks),
    over(threads_take_turns),
};

int main(void)
{
    int failed = 0;

    server = pg_server_start();
    for (size_t i = 0; i < COUNT(backends); i++) {
        backend = &backends[i];
        if (backend->open == open_pg && !server)
            continue;
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    pg_server_stop(server);
    return failed;
}
