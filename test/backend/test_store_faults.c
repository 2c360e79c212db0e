/* A disk that fails and a process that is killed: what was told OK is there, always. */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/clock_os.h"
#include "backend/sched_pthread.h"
#include "backend/sqlite_vfs.h"
#include "backend/store_sqlite.h"
#include "crowd.h"
#include "fault_vfs.h"
#include "temp_dir.h"
#include "unit.h"
#include "world/tx.h"

enum {
    NAME_BYTES = 3000, /* so that each transaction writes pages of its own */
    SINGLES = 5,
    GROUPS = 4,
    GROUP = 3,
    TRANSACTIONS = SINGLES + GROUPS * GROUP,
    FAULTS_MAX = 4000, /* a workload makes fewer calls than that */
};

/* What each transaction was told; ST_NONE: it did not come so far, or changed its mind. */
struct told {
    enum status status[TRANSACTIONS];
};

static str name_of(size_t i, char name[NAME_BYTES])
{
    memset(name, 'x', NAME_BYTES);
    name[0] = (char)('A' + i);
    return (str){ name, NAME_BYTES };
}

static enum status open_faulty(struct store **s, const char *path, size_t batch_max,
                               struct error *e)
{
    struct store_sqlite_options o = { .path = path,
                                      .sched = crowd_sched(),
                                      .clock = clock_os(),
                                      .vfs = "faulty",
                                      .batch_max = batch_max,
                                      .checkpoint_pages = 16 };
    return store_sqlite_open(s, &o, e);
}

static enum status add(struct tx *tx, size_t i, struct error *e)
{
    char name[NAME_BYTES];
    return tx_run(tx, STMT_COUNTER_ADD, NULL, NULL, e, V_STR(name_of(i, name)), V_INT(1));
}

/* Every fifth one changes its mind. */
static enum status finish(struct tx *tx, size_t i, struct error *e)
{
    enum status st = add(tx, i, e);

    if (st == ST_OK && i % 5 == 4)
        return ST_NONE;
    return st == ST_OK ? tx_commit(tx, e) : st;
}

struct task {
    struct store *store;
    size_t i;
    enum status told;
};

static void *run_task(void *arg)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct task *t = arg;
    struct error e = { 0 };

    t->told = tx_begin(&tx, t->store, TX_WRITE, &e);
    if (t->told == ST_OK)
        t->told = finish(&tx, t->i, &e);
    return NULL;
}

/* GROUP transactions that share one fsync: the first holds the connection until the others stand
 * in line. */
static void run_group(struct store *s, size_t first, struct told *told)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct task task[GROUP];
    pthread_t thread[GROUP];
    struct error e = { 0 };

    told->status[first] = tx_begin(&tx, s, TX_WRITE, &e);
    if (told->status[first] != ST_OK)
        return;
    for (size_t i = 1; i < GROUP; i++) {
        task[i] = (struct task){ .store = s, .i = first + i };
        pthread_create(&thread[i], NULL, run_task, &task[i]);
        crowd_await((int)i);
    }
    told->status[first] = finish(&tx, first, &e);
    tx_end(&tx);
    for (size_t i = 1; i < GROUP; i++) {
        pthread_join(thread[i], NULL);
        told->status[first + i] = task[i].told;
    }
}

static void run_workload(struct store *s, struct told *told)
{
    for (size_t i = 0; i < SINGLES; i++) {
        struct task t = { .store = s, .i = i };
        run_task(&t);
        told->status[i] = t.told;
    }
    for (size_t g = 0; g < GROUPS; g++)
        run_group(s, SINGLES + g * GROUP, told);
}

static bool is_there(struct store *s, size_t i)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 4096);
    struct rows rows = { 0 };
    struct error e = { 0 };
    char name[NAME_BYTES];

    if (tx_begin(&tx, s, TX_READ, &e) != ST_OK ||
        tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &e, V_STR(name_of(i, name))) != ST_OK)
        fail_msg("%s", e.text);
    return rows.n_rows == 1;
}

/* Opens anew on a sound disk and compares with what was told. */
static void check_told(const char *path, const struct told *told, const char *fault, int64_t at)
{
    struct store *s = NULL;
    struct error e = { 0 };

    if (open_faulty(&s, path, 0, &e) != ST_OK)
        fail_msg("%s %d: %s", fault, (int)at, e.text);
    for (size_t i = 0; i < TRANSACTIONS; i++) {
        enum status st = told->status[i];
        bool there = is_there(s, i);
        if (st == ST_OK && !there)
            fail_msg("%s %d: transaction %zu was told ok and is lost", fault, (int)at, i);
        if (st != ST_OK && st != ST_RETRY && there)
            fail_msg("%s %d: transaction %zu was told %s and is there", fault, (int)at, i,
                     status_name(st));
    }
    s->ops->close(s);
}

/* True if the fault struck. */
static bool try_fault(const char *path, enum fault fault, int64_t at, bool forever,
                      struct told *told)
{
    struct store *s = NULL;
    struct error e = { 0 };

    for (size_t i = 0; i < TRANSACTIONS; i++)
        told->status[i] = ST_NONE;
    fault_vfs_arm(fault, at, forever);
    if (open_faulty(&s, path, 0, &e) == ST_OK) {
        run_workload(s, told);
        s->ops->close(s);
    } else {
        assert_true(fault_vfs_struck());
        assert_true(e.text[0] != '\0');
    }
    bool struck = fault_vfs_struck();
    fault_vfs_arm(FAULT_NONE, 0, false);
    return struck;
}

/* Where a workload begins: with a store yet to be made, whose writes fail, too, or with one that is
 * there, which takes half as long. */
enum begins { BEGINS_WITH_NOTHING, BEGINS_WITH_A_STORE };

static void copy_file(const char *from, const char *to)
{
    char bytes[64 << 10];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");

    assert_non_null(in);
    assert_non_null(out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(in) | fclose(out), 0);
}

static void make_store(const char *path)
{
    struct store *s = NULL;
    struct error e = { 0 };

    if (open_faulty(&s, path, 0, &e) != ST_OK)
        fail_msg("%s", e.text);
    s->ops->close(s);
}

static void try_every(enum fault fault, bool forever, enum begins begins)
{
    struct temp_dir model;
    struct told told;
    bool struck = true;
    int64_t at = 1;

    temp_dir_make(&model);
    make_store(temp_path(&model, "model.db"));
    for (; struck && at <= FAULTS_MAX; at++) {
        struct temp_dir dir;
        temp_dir_make(&dir);
        const char *path = temp_path(&dir, "test.db");
        if (begins == BEGINS_WITH_A_STORE)
            copy_file(temp_path(&model, "model.db"), path);
        struck = try_fault(path, fault, at, forever, &told);
        check_told(path, &told, fault_name[fault], at);
        temp_dir_remove(&dir);
    }
    temp_dir_remove(&model);
    assert_false(struck);
    assert_true(at > 2);                      /* it struck at least once */
    for (size_t i = 0; i < TRANSACTIONS; i++) /* the last round: nothing failed */
        assert_int_equal(told.status[i], i % 5 == 4 ? ST_NONE : ST_OK);
}

static void no_failed_write_loses_what_was_told_ok(void **state)
{
    (void)state;
    try_every(FAULT_WRITE, false, BEGINS_WITH_NOTHING);
    try_every(FAULT_TORN, false, BEGINS_WITH_A_STORE);
}

static void no_full_disk_loses_what_was_told_ok(void **state)
{
    (void)state;
    try_every(FAULT_FULL, false, BEGINS_WITH_A_STORE);
    try_every(FAULT_FULL, true, BEGINS_WITH_NOTHING);
}

static void no_failed_fsync_loses_what_was_told_ok(void **state)
{
    (void)state;
    try_every(FAULT_SYNC, false, BEGINS_WITH_NOTHING);
    try_every(FAULT_SYNC, true, BEGINS_WITH_NOTHING);
}

static void no_failed_truncate_loses_what_was_told_ok(void **state)
{
    (void)state;
    try_every(FAULT_TRUNCATE, false, BEGINS_WITH_NOTHING);
}

struct fixture {
    struct temp_dir dir;
    struct store *store;
};

static int set_up_with(void **state, size_t batch_max)
{
    static struct fixture f;
    struct error e = { 0 };

    temp_dir_make(&f.dir);
    if (open_faulty(&f.store, temp_path(&f.dir, "test.db"), batch_max, &e) != ST_OK)
        fail_msg("%s", e.text);
    *state = &f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0);
}

static int set_up_alone(void **state) /* no two transactions share an fsync */
{
    return set_up_with(state, 1);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fault_vfs_arm(FAULT_NONE, 0, false);
    f->store->ops->close(f->store);
    temp_dir_remove(&f->dir);
    return 0;
}

static void one_fsync_commits_all_that_wait(void **state)
{
    struct fixture *f = *state;
    struct told told;

    for (size_t i = 0; i < 2; i++) { /* the first makes a checkpoint, the second a new WAL */
        struct task before = { .store = f->store, .i = 2 * GROUP + i };
        run_task(&before);
        assert_int_equal(before.told, ST_OK);
    }
    fault_vfs_arm(FAULT_NONE, 0, false);
    run_group(f->store, 0, &told);
    for (size_t i = 0; i < GROUP; i++)
        assert_int_equal(told.status[i], ST_OK);
    assert_int_equal(fault_vfs_syncs(), 1);
}

/* SQLite writes two pieces a page; a row of these needs nearly two pages. */
static void a_commit_goes_to_the_disk_in_few_pieces(void **state)
{
    enum { ROWS = 15 };
    struct temp_dir dir;
    struct store *store = NULL;
    struct error e = { 0 };

    (void)state;
    temp_dir_make(&dir);
    struct store_sqlite_options o = { .path = temp_path(&dir, "test.db"),
                                      .sched = crowd_sched(),
                                      .clock = clock_os(),
                                      .vfs = "faulty",
                                      .checkpoint_pages = 100000 };
    fault_vfs_arm(FAULT_NONE, 0, false);
    assert_int_equal(store_sqlite_open(&store, &o, &e), ST_OK);
    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_int_equal(tx_begin(&tx, store, TX_WRITE, &e), ST_OK);
        for (size_t i = 0; i < ROWS; i++)
            assert_int_equal(add(&tx, i, &e), ST_OK);
        int64_t before = fault_vfs_writes();
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
        assert_in_range(fault_vfs_writes() - before, 1, ROWS);
    }
    store->ops->close(store);
    temp_dir_remove(&dir);
}

static void after_a_failed_fsync_none_of_the_group_is_told_ok(void **state)
{
    struct fixture *f = *state;
    struct told told;

    fault_vfs_arm(FAULT_SYNC, 1, false);
    run_group(f->store, 0, &told);
    for (size_t i = 0; i < GROUP; i++)
        assert_int_equal(told.status[i], ST_RETRY);
}

static void after_a_failed_fsync_the_store_takes_no_more_work(void **state)
{
    struct fixture *f = *state;
    struct task t = { .store = f->store };

    fault_vfs_arm(FAULT_SYNC, 1, false);
    run_task(&t);
    assert_int_equal(t.told, ST_RETRY);
    for (int mode = TX_READ; mode <= TX_WRITE; mode++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct error e = { 0 };
        assert_int_equal(tx_begin(&tx, f->store, (enum tx_mode)mode, &e), ST_BROKEN);
        assert_non_null(strstr(e.text, "restart"));
        assert_non_null(strstr(e.text, "test.db"));
        assert_true(e.restart);
    }
}

/* Nobody knows what of the log is on the disk: nothing is built on it. */
static void after_a_failed_fsync_the_log_stays_as_it_is(void **state)
{
    struct temp_dir dir;
    struct store *s = NULL;
    struct error e = { 0 };

    (void)state;
    temp_dir_make(&dir);
    assert_int_equal(open_faulty(&s, temp_path(&dir, "test.db"), 0, &e), ST_OK);
    struct task well = { .store = s }, t = { .store = s, .i = 1 };
    run_task(&well);
    assert_int_equal(well.told, ST_OK);
    fault_vfs_arm(FAULT_SYNC, 1, false);
    run_task(&t);
    assert_int_equal(t.told, ST_RETRY);
    fault_vfs_arm(FAULT_NONE, 0, false);
    s->ops->close(s);
    assert_int_equal(fault_vfs_writes(), 0);
    assert_int_equal(fault_vfs_syncs(), 0);
    assert_int_equal(access(temp_path(&dir, "test.db-wal"), F_OK), 0);
    temp_dir_remove(&dir);
}

static void fill(const char *path, size_t n)
{
    FILE *f = fopen(path, "w");

    for (size_t i = 0; i < n; i++)
        fputc((int)(i * 7 % 251), f);
    assert_int_equal(fclose(f), 0);
}

static void assert_filled(const char *path, size_t n)
{
    FILE *f = fopen(path, "r");

    for (size_t i = 0; i < n; i++)
        assert_int_equal(fgetc(f), (int)(i * 7 % 251));
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
}

static void a_log_is_written_anew_byte_for_byte(void **state)
{
    enum { SIZE = 2 * LOG_PIECE_BYTES + 1000 };
    struct temp_dir dir;
    struct error e = { 0 };
    char path[PATH_MAX], log[PATH_MAX];

    (void)state;
    temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s", temp_path(&dir, "test.db"));
    snprintf(log, sizeof log, "%s", temp_path(&dir, "test.db-wal"));
    fault_vfs_arm(FAULT_NONE, 0, false);
    fill(path, 1); /* the log takes its mode over */
    assert_int_equal(sqlite_vfs_renew_log("faulty", path, &e), ST_NONE);
    fill(log, SIZE);
    assert_int_equal(sqlite_vfs_renew_log("faulty", path, &e), ST_OK);
    assert_int_equal(fault_vfs_writes(), 3);
    assert_int_equal(fault_vfs_syncs(), 1);
    assert_filled(log, SIZE);
    fault_vfs_arm(FAULT_SYNC, 1, false);
    assert_int_equal(sqlite_vfs_renew_log("faulty", path, &e), ST_RETRY);
    error_clear(&e);
    fault_vfs_arm(FAULT_FULL, 2, false);
    assert_int_equal(sqlite_vfs_renew_log("faulty", path, &e), ST_LIMIT);
    assert_filled(log, SIZE);
    fault_vfs_arm(FAULT_NONE, 0, false);
    temp_dir_remove(&dir);
}

static void a_full_disk_keeps_nothing_and_is_lived_through(void **state)
{
    struct fixture *f = *state;
    struct task t = { .store = f->store };
    struct told told;

    fault_vfs_arm(FAULT_FULL, 1, true);
    run_task(&t);
    assert_int_equal(t.told, ST_LIMIT);
    run_group(f->store, 0, &told);
    for (size_t i = 0; i < GROUP; i++)
        assert_int_equal(told.status[i], ST_LIMIT);
    for (size_t i = 0; i < GROUP; i++)
        assert_false(is_there(f->store, i));
    fault_vfs_arm(FAULT_NONE, 0, false);
    run_group(f->store, 0, &told);
    for (size_t i = 0; i < GROUP; i++)
        assert_int_equal(told.status[i], ST_OK);
}

static void a_checkpoint_that_finds_no_space_is_made_later(void **state)
{
    struct fixture *f = *state;
    struct task t = { .store = f->store };

    for (int64_t at = 1; t.i < SINGLES; at++) { /* until it is the checkpoint's write that fails */
        fault_vfs_arm(FAULT_FULL, at, false);
        run_task(&t);
        if (t.told == ST_OK && fault_vfs_struck())
            break;
        t.i += t.told == ST_OK;
    }
    assert_true(fault_vfs_struck());
    run_task(&t);
    assert_int_equal(t.told, ST_OK);
}

static void after_a_failed_checkpoint_the_store_takes_no_more_work(void **state)
{
    struct fixture *f = *state;
    struct task t = { .store = f->store };

    fault_vfs_arm(FAULT_SYNC, 3, false); /* the log's header, the commit, the checkpoint */
    run_task(&t);
    assert_true(fault_vfs_struck());
    assert_int_equal(t.told, ST_OK); /* its own fsync was well */
    run_task(&t);
    assert_int_equal(t.told, ST_BROKEN);
}

static void who_stands_in_line_when_the_store_fails_is_told_so(void **state)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct fixture *f = *state;
    struct task task[GROUP];
    pthread_t thread[GROUP];
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, f->store, TX_WRITE, &e), ST_OK);
    for (size_t i = 0; i < GROUP; i++) {
        task[i] = (struct task){ .store = f->store, .i = i };
        pthread_create(&thread[i], NULL, run_task, &task[i]);
        crowd_await((int)i + 1);
    }
    assert_int_equal(add(&tx, GROUP, &e), ST_OK);
    fault_vfs_arm(FAULT_SYNC, 1, false);
    assert_int_equal(tx_commit(&tx, &e), ST_RETRY);
    for (size_t i = 0; i < GROUP; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(task[i].told, ST_BROKEN);
    }
}

/* The process that is killed: counts up on several threads and reports each number that it was
 * told is kept. */

struct child {
    struct store *store;
    int out;
};

static void *count_up(void *arg)
{
    struct child *c = arg;

    for (;;) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        ARENA(a, 1024);
        struct rows rows;
        struct error e = { 0 };
        if (tx_begin(&tx, c->store, TX_WRITE, &e) != ST_OK ||
            tx_run(&tx, STMT_COUNTER_ADD, &rows, &a, &e, V_STR(S("n")), V_INT(1)) != ST_OK)
            _exit(1);
        int64_t n = row_int(&rows, 0, 0);
        if (tx_commit(&tx, &e) != ST_OK || write(c->out, &n, sizeof n) != sizeof n)
            _exit(1);
    }
    return NULL;
}

enum { KILLS = 6, CHILD_THREADS = 4, REPORTS = 40 };

static void live(const char *path, int out)
{
    struct child c = { .out = out };
    struct store_sqlite_options o = {
        .path = path, .sched = sched_pthread(), .clock = clock_os(), .checkpoint_pages = 16
    };
    struct error e = { 0 };
    pthread_t thread;

    if (store_sqlite_open(&c.store, &o, &e) != ST_OK)
        _exit(1);
    for (int i = 1; i < CHILD_THREADS; i++)
        pthread_create(&thread, NULL, count_up, &c);
    count_up(&c);
}

static int64_t count_of(const char *path)
{
    struct store *s = NULL;
    struct error e = { 0 };
    struct store_sqlite_options o = { .path = path, .sched = sched_pthread(), .clock = clock_os() };
    ARENA(a, 1024);
    struct rows rows = { 0 };

    if (store_sqlite_open(&s, &o, &e) != ST_OK)
        fail_msg("%s", e.text);
    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        if (tx_begin(&tx, s, TX_READ, &e) != ST_OK ||
            tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &e, V_STR(S("n"))) != ST_OK)
            fail_msg("%s", e.text);
    }
    s->ops->close(s);
    return rows.n_rows ? row_int(&rows, 0, 0) : 0;
}

static void a_killed_process_loses_nothing_that_it_was_told_ok(void **state)
{
    struct temp_dir dir;
    (void)state;

    temp_dir_make(&dir);
    const char *path = temp_path(&dir, "killed.db");
    for (int round = 0; round < KILLS; round++) {
        int pipe_of[2];
        int64_t most = 0, n;
        assert_int_equal(pipe(pipe_of), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(pipe_of[0]);
            live(path, pipe_of[1]);
        }
        close(pipe_of[1]);
        for (int i = 0; i < REPORTS; i++) {
            assert_int_equal(read(pipe_of[0], &n, sizeof n), sizeof n);
            most = n > most ? n : most;
        }
        kill(pid, SIGKILL);
        while (read(pipe_of[0], &n, sizeof n) == sizeof n)
            most = n > most ? n : most;
        close(pipe_of[0]);
        waitpid(pid, NULL, 0);
        assert_true(count_of(path) >= most);
    }
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_failed_write_loses_what_was_told_ok),
        cmocka_unit_test(no_full_disk_loses_what_was_told_ok),
        cmocka_unit_test(no_failed_fsync_loses_what_was_told_ok),
        cmocka_unit_test(no_failed_truncate_loses_what_was_told_ok),
        cmocka_unit_test_setup_teardown(one_fsync_commits_all_that_wait, set_up, tear_down),
        cmocka_unit_test(a_commit_goes_to_the_disk_in_few_pieces),
        cmocka_unit_test_setup_teardown(after_a_failed_fsync_none_of_the_group_is_told_ok, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(after_a_failed_fsync_the_store_takes_no_more_work, set_up,
                                        tear_down),
        cmocka_unit_test(after_a_failed_fsync_the_log_stays_as_it_is),
        cmocka_unit_test(a_log_is_written_anew_byte_for_byte),
        cmocka_unit_test_setup_teardown(a_full_disk_keeps_nothing_and_is_lived_through, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_finds_no_space_is_made_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(after_a_failed_checkpoint_the_store_takes_no_more_work,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_stands_in_line_when_the_store_fails_is_told_so,
                                        set_up_alone, tear_down),
        cmocka_unit_test(a_killed_process_loses_nothing_that_it_was_told_ok),
    };

    fault_vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
