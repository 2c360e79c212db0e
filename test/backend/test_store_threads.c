/* Many threads on one store: turns, shared fsyncs, and who learns what. For ThreadSanitizer too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/clock_os.h"
#include "backend/store_sqlite.h"
#include "crowd.h"
#include "fault_vfs.h"
#include "temp_dir.h"
#include "unit.h"
#include "world/tx.h"

static struct temp_dir dir;

static struct store *opened(size_t batch_max, size_t readers_max)
{
    struct store *s = NULL;
    struct error e = { 0 };
    struct store_sqlite_options o = { .path = temp_path(&dir, "test.db"),
                                      .sched = crowd_sched(),
                                      .clock = clock_os(),
                                      .vfs = "faulty",
                                      .batch_max = batch_max,
                                      .readers_max = readers_max,
                                      .checkpoint_pages = 1 << 20 };

    if (store_sqlite_open(&s, &o, &e) != ST_OK)
        fail_msg("%s", e.text);
    return s;
}

static int set_up(void **state)
{
    (void)state;
    temp_dir_make(&dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_dir_remove(&dir);
    return 0;
}

/* What one thread does in its transaction, and what it was told. */
enum deed { ADD, ADD_AND_ROLL_BACK, BREAK_A_CONSTRAINT, LOSE_ALL, ADD_LARGE };

struct task {
    struct store *store;
    enum deed deed;
    const char *name;
    pthread_t thread;
    enum status told;
    int64_t value; /* of the counter, after adding */
};

enum { LARGE_BYTES = 3 << 20, TASKS_MAX = 16 };

static enum status add(struct tx *tx, str name, int64_t *value, struct error *e)
{
    ARENA(a, 1024);
    struct rows rows = { 0 };

    enum status st = tx_run(tx, STMT_COUNTER_ADD, &rows, &a, e, V_STR(name), V_INT(1));
    if (st == ST_OK)
        *value = row_int(&rows, 0, 0);
    return st;
}

static enum status add_large(struct tx *tx, struct task *t, struct error *e)
{
    char *large = malloc(LARGE_BYTES);

    assert(large);
    memset(large, t->name[0], LARGE_BYTES);
    enum status st = add(tx, (str){ large, LARGE_BYTES }, &t->value, e);
    free(large);
    return st;
}

static enum status do_deed(struct tx *tx, struct task *t, struct error *e)
{
    switch (t->deed) {
    case ADD:
    case ADD_AND_ROLL_BACK: return add(tx, str_of(t->name), &t->value, e);
    case ADD_LARGE: return add_large(tx, t, e);
    case BREAK_A_CONSTRAINT:
        return tx_run(tx, STMT_COUNTER_ADD, NULL, NULL, e, V_STR(str_of(t->name)), V_NULL);
    case LOSE_ALL: break;
    }
    return ST_INVALID;
}

static void *run_task(void *arg)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct task *t = arg;
    struct error e = { 0 };

    if (t->deed == LOSE_ALL) { /* SQLite rolls back more than the statement, as on a full disk */
        t->told = t->store->ops->script(
            t->store, S("insert or rollback into _counters values ('there', 1)"), &e);
        return NULL;
    }
    t->told = tx_begin(&tx, t->store, TX_WRITE, &e);
    if (t->told == ST_OK)
        t->told = do_deed(&tx, t, &e);
    if (t->told == ST_OK && t->deed != ADD_AND_ROLL_BACK)
        t->told = tx_commit(&tx, &e);
    return NULL;
}

/* They stand in line in the order of the array, and the first has the connection until all do. So
 * they make one batch. Returns how many fsyncs that took. */
static int64_t run_together(struct store *s, struct task *task, size_t n)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_true(n <= TASKS_MAX);
    assert_int_equal(tx_begin(&tx, s, TX_WRITE, &e), ST_OK);
    for (size_t i = 1; i < n; i++) {
        task[i].store = s;
        pthread_create(&task[i].thread, NULL, run_task, &task[i]);
        crowd_await((int)i);
    }
    fault_vfs_arm(FAULT_NONE, 0, false);
    task[0].told = do_deed(&tx, &task[0], &e);
    if (task[0].told == ST_OK && task[0].deed != ADD_AND_ROLL_BACK)
        task[0].told = tx_commit(&tx, &e);
    tx_end(&tx);
    for (size_t i = 1; i < n; i++)
        pthread_join(task[i].thread, NULL);
    return fault_vfs_syncs();
}

static enum status add_one(struct store *s, const char *name)
{
    struct task t = { .store = s, .deed = ADD, .name = name };

    run_task(&t);
    return t.told;
}

static int64_t value_of(struct store *s, const char *name)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 1024);
    struct rows rows = { 0 };
    struct error e = { 0 };

    if (tx_begin(&tx, s, TX_READ, &e) != ST_OK ||
        tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &e, V_STR(str_of(name))) != ST_OK)
        fail_msg("%s", e.text);
    return rows.n_rows ? row_int(&rows, 0, 0) : -1;
}

/* The first commit of a WAL syncs its header, too. */
static struct store *opened_and_warm(size_t batch_max)
{
    struct store *s = opened(batch_max, 0);

    assert_int_equal(add_one(s, "there"), ST_OK);
    return s;
}

static void first_come_first_served(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[TASKS_MAX] = { 0 };
    (void)state;

    for (size_t i = 0; i < TASKS_MAX; i++)
        task[i] = (struct task){ .deed = ADD, .name = "turns" };
    assert_int_equal(run_together(s, task, TASKS_MAX), 1);
    for (size_t i = 0; i < TASKS_MAX; i++) {
        assert_int_equal(task[i].told, ST_OK);
        assert_int_equal(task[i].value, i + 1);
    }
    s->ops->close(s);
}

static void a_member_that_fails_takes_nobody_along(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[] = {
        { .deed = ADD, .name = "a" }, { .deed = BREAK_A_CONSTRAINT, .name = "b" },
        { .deed = ADD, .name = "c" }, { .deed = ADD_AND_ROLL_BACK, .name = "d" },
        { .deed = ADD, .name = "e" },
    };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 1);
    assert_int_equal(task[1].told, ST_CONFLICT);
    for (size_t i = 0; i < COUNT(task); i++) {
        bool kept = task[i].deed == ADD;
        assert_true(task[i].told == ST_OK || !kept);
        assert_int_equal(value_of(s, task[i].name), kept ? 1 : -1);
    }
    s->ops->close(s);
}

static void a_first_member_that_fails_takes_nobody_along(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[] = {
        { .deed = BREAK_A_CONSTRAINT, .name = "a" },
        { .deed = ADD_AND_ROLL_BACK, .name = "b" },
        { .deed = ADD, .name = "c" },
    };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 1);
    assert_int_equal(task[0].told, ST_CONFLICT);
    assert_int_equal(task[2].told, ST_OK);
    assert_int_equal(value_of(s, "b"), -1);
    assert_int_equal(value_of(s, "c"), 1);
    s->ops->close(s);
}

static void a_last_member_that_rolls_back_gets_the_others_committed(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[] = {
        { .deed = ADD, .name = "a" },
        { .deed = ADD_AND_ROLL_BACK, .name = "b" },
    };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 1);
    assert_int_equal(task[0].told, ST_OK);
    assert_int_equal(value_of(s, "a"), 1);
    assert_int_equal(value_of(s, "b"), -1);
    s->ops->close(s);
}

static void nobody_who_rolls_back_alone_costs_an_fsync(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[] = { { .deed = ADD_AND_ROLL_BACK, .name = "a" } };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 0);
    assert_int_equal(value_of(s, "a"), -1);
    s->ops->close(s);
}

static void when_the_shared_transaction_is_lost_its_members_are_told_retry(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[] = {
        { .deed = ADD, .name = "a" }, { .deed = ADD, .name = "b" }, { .deed = LOSE_ALL },
        { .deed = ADD, .name = "d" }, { .deed = ADD, .name = "e" },
    };
    const enum status told[] = { ST_RETRY, ST_RETRY, ST_CONFLICT, ST_OK, ST_OK };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 1);
    for (size_t i = 0; i < COUNT(task); i++) {
        assert_int_equal(task[i].told, told[i]);
        if (task[i].name)
            assert_int_equal(value_of(s, task[i].name), told[i] == ST_OK ? 1 : -1);
    }
    assert_int_equal(add_one(s, "a"), ST_OK); /* the store itself is well */
    s->ops->close(s);
}

static void a_full_batch_is_committed(void **state)
{
    struct store *s = opened_and_warm(2);
    struct task task[7] = { 0 };
    (void)state;

    for (size_t i = 0; i < COUNT(task); i++)
        task[i] = (struct task){ .deed = ADD, .name = "c" };
    assert_int_equal(run_together(s, task, COUNT(task)), 4);
    assert_int_equal(value_of(s, "c"), COUNT(task));
    s->ops->close(s);
}

/* Workers that find nothing come back and look again: were it for the line alone, which they keep
 * from ever being empty, the first one's work would wait for its fsync for ever. */
static void who_looks_and_finds_nothing_does_not_put_a_commit_off(void **state)
{
    struct store *s = opened_and_warm(4);
    struct task task[] = {
        { .deed = ADD, .name = "a" },
        { .deed = ADD_AND_ROLL_BACK, .name = "b" },
        { .deed = ADD_AND_ROLL_BACK, .name = "c" },
        { .deed = ADD_AND_ROLL_BACK, .name = "d" },
        { .deed = ADD, .name = "e" },
    };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 2);
    assert_int_equal(value_of(s, "a"), 1);
    assert_int_equal(value_of(s, "b"), -1);
    assert_int_equal(value_of(s, "e"), 1);
    s->ops->close(s);
}

static void a_batch_of_many_bytes_is_committed(void **state)
{
    struct store *s = opened_and_warm(0);
    struct task task[] = {
        { .deed = ADD_LARGE, .name = "a" },
        { .deed = ADD_LARGE, .name = "b" },
        { .deed = ADD_LARGE, .name = "c" },
    };
    (void)state;

    assert_int_equal(run_together(s, task, COUNT(task)), 2);
    for (size_t i = 0; i < COUNT(task); i++)
        assert_int_equal(task[i].told, ST_OK);
    s->ops->close(s);
}

static void *add_one_more(void *arg)
{
    return add_one(arg, "c") == ST_OK ? NULL : arg;
}

static void more_threads_than_places_all_come_to_write(void **state)
{
    enum { THREADS = STORE_WRITERS_MAX + 40 };
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct store *s = opened_and_warm(0);
    pthread_t *thread = calloc(THREADS, sizeof *thread);
    pthread_attr_t attr;
    struct error e = { 0 };
    (void)state;

    assert_non_null(thread);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    assert_int_equal(tx_begin(&tx, s, TX_WRITE, &e), ST_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], &attr, add_one_more, s), 0);
    crowd_await(THREADS);
    tx_end(&tx);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(value_of(s, "c"), THREADS);
    pthread_attr_destroy(&attr);
    free(thread);
    s->ops->close(s);
}

static void *read_one(void *arg)
{
    return (void *)(intptr_t)value_of(arg, "there");
}

static void a_reader_waits_for_a_free_connection(void **state)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct store *s = opened(0, 1);
    struct error e = { 0 };
    pthread_t thread;
    void *value;
    (void)state;

    assert_int_equal(add_one(s, "there"), ST_OK);
    assert_int_equal(tx_begin(&tx, s, TX_READ, &e), ST_OK);
    pthread_create(&thread, NULL, read_one, s);
    crowd_await(1);
    tx_end(&tx);
    pthread_join(thread, &value);
    assert_int_equal((intptr_t)value, 1);
    s->ops->close(s);
}

/* Everything at once: writers keep left and right equal, some of them fail halfway; readers look.
 */

enum { WRITERS = 6, LOOKERS = 3, ROUNDS = 60 };

struct crossing {
    struct store *store;
    atomic_bool done;
    atomic_int committed, wrong;
};

static void *keep_equal(void *arg)
{
    struct crossing *x = arg;

    for (int i = 0; i < ROUNDS; i++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct error e = { 0 };
        int64_t left = 0, right = 0;
        enum status st = tx_begin(&tx, x->store, TX_WRITE, &e);
        if (st == ST_OK)
            st = add(&tx, S("left"), &left, &e);
        if (st == ST_OK && i % 4 == 3)
            continue; /* rolls back */
        if (st == ST_OK && i % 8 == 2) {
            if (tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &e, V_STR(S("x")), V_NULL) !=
                    ST_CONFLICT ||
                tx_commit(&tx, &e) != ST_CONFLICT)
                x->wrong++;
            continue;
        }
        if (st == ST_OK)
            st = add(&tx, S("right"), &right, &e);
        if (st == ST_OK)
            st = tx_commit(&tx, &e);
        if (st == ST_OK && left == right)
            x->committed++;
        else
            x->wrong++;
    }
    return NULL;
}

static void *look(void *arg)
{
    struct crossing *x = arg;

    while (!x->done) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        ARENA(a, 1024);
        struct rows left = { 0 }, right = { 0 };
        struct error e = { 0 };
        if (tx_begin(&tx, x->store, TX_READ, &e) != ST_OK ||
            tx_run(&tx, STMT_COUNTER_GET, &left, &a, &e, V_STR(S("left"))) != ST_OK ||
            tx_run(&tx, STMT_COUNTER_GET, &right, &a, &e, V_STR(S("right"))) != ST_OK ||
            left.n_rows != right.n_rows ||
            (left.n_rows && row_int(&left, 0, 0) != row_int(&right, 0, 0)))
            x->wrong++;
    }
    return NULL;
}

static void writers_and_readers_do_not_see_each_others_halves(void **state)
{
    struct crossing x = { .store = opened(0, 2) };
    pthread_t writer[WRITERS], looker[LOOKERS];
    (void)state;

    for (size_t i = 0; i < WRITERS; i++)
        pthread_create(&writer[i], NULL, keep_equal, &x);
    for (size_t i = 0; i < LOOKERS; i++)
        pthread_create(&looker[i], NULL, look, &x);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(writer[i], NULL);
    x.done = true;
    for (size_t i = 0; i < LOOKERS; i++)
        pthread_join(looker[i], NULL);
    assert_int_equal(x.wrong, 0);
    assert_true(x.committed > 0);
    assert_int_equal(value_of(x.store, "left"), x.committed);
    assert_int_equal(value_of(x.store, "right"), x.committed);
    x.store->ops->close(x.store);
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(first_come_first_served),
        with_dir(a_member_that_fails_takes_nobody_along),
        with_dir(a_first_member_that_fails_takes_nobody_along),
        with_dir(a_last_member_that_rolls_back_gets_the_others_committed),
        with_dir(nobody_who_rolls_back_alone_costs_an_fsync),
        with_dir(when_the_shared_transaction_is_lost_its_members_are_told_retry),
        with_dir(a_full_batch_is_committed),
        with_dir(who_looks_and_finds_nothing_does_not_put_a_commit_off),
        with_dir(a_batch_of_many_bytes_is_committed),
        with_dir(more_threads_than_places_all_come_to_write),
        with_dir(a_reader_waits_for_a_free_connection),
        with_dir(writers_and_readers_do_not_see_each_others_halves),
    };

    fault_vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
