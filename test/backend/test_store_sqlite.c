/* What is SQLite's alone: the file, its lock, its version, and who else may have it open. */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "temp_dir.h"
#include "unit.h"
#include "world/tx.h"

static struct temp_dir dir;
static char path[128];
static struct error why; /* of the latest call */

static int set_up(void **state)
{
    (void)state;
    temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/test.db", dir.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_dir_remove(&dir);
    return 0;
}

/* Pauses take no time, and are counted. */
static int pauses;
static void (*at_pause)(void);
static msec hasty_time = 1000;

static msec hasty_now(struct clock *c)
{
    (void)c;
    return hasty_time;
}

static void hasty_sleep(struct clock *c, msec span)
{
    (void)c, (void)span;
    pauses++;
    if (at_pause)
        at_pause();
}

static const struct clock_ops hasty_ops = { hasty_now, hasty_now, hasty_sleep };
static struct clock hasty = { &hasty_ops };

static enum status open_mode(struct store **s, bool read_only)
{
    struct store_sqlite_options o = {
        .path = path, .sched = sched_pthread(), .clock = &hasty, .read_only = read_only
    };

    error_clear(&why);
    return store_sqlite_open(s, &o, &why);
}

static struct store *opened(bool read_only)
{
    struct store *s = NULL;

    if (open_mode(&s, read_only) != ST_OK)
        fail_msg("%s", why.text);
    return s;
}

static void shut(struct store *s)
{
    s->ops->close(s);
}

static void assert_said(const char *words)
{
    if (!strstr(why.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, why.text);
    if (!strstr(why.text, path))
        fail_msg("the path is not in \"%s\"", why.text);
}

static enum status add(struct store *s, const char *name)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    error_clear(&why);
    enum status st = tx_begin(&tx, s, TX_WRITE, &why);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &why, V_STR(str_of(name)), V_INT(1));
    return st == ST_OK ? tx_commit(&tx, &why) : st;
}

static int64_t value_of(struct store *s, const char *name)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 1024);
    struct rows rows = { 0 };

    error_clear(&why);
    if (tx_begin(&tx, s, TX_READ, &why) != ST_OK ||
        tx_run(&tx, STMT_COUNTER_GET, &rows, &a, &why, V_STR(str_of(name))) != ST_OK)
        fail_msg("%s", why.text);
    return rows.n_rows ? row_int(&rows, 0, 0) : -1;
}

/* The file as another program sees it. */
static void by_hand(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int64_t ask(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *q;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return answer;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void assert_private(const char *name)
{
    struct stat st;

    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void nobody_else_may_read_the_files(void **state)
{
    char name[160];
    (void)state;

    mode_t before = umask(0);
    struct store *s = opened(false);
    umask(before);
    assert_int_equal(add(s, "c"), ST_OK);
    assert_private(path);
    for (size_t i = 0; i < 3; i++) {
        const char *const suffix[] = { "-wal", "-shm", ".lock" };
        snprintf(name, sizeof name, "%s%s", path, suffix[i]);
        assert_private(name);
    }
    shut(s);
}

static void a_new_file_is_ours_and_of_our_version(void **state)
{
    (void)state;
    shut(opened(false));
    assert_int_equal(ask("pragma application_id"), 0x42724e64);
    assert_int_equal(ask("pragma user_version"), migration_count);
    assert_int_equal(ask("pragma page_size"), 8192);
}

static void a_closed_store_leaves_one_file_with_everything_in_it(void **state)
{
    char wal[160];
    (void)state;

    struct store *s = opened(false);
    assert_int_equal(add(s, "c"), ST_OK);
    shut(s);
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_equal(access(wal, F_OK), -1);
    s = opened(false);
    assert_int_equal(value_of(s, "c"), 1);
    shut(s);
}

static void a_directory_that_is_not_there_is_refused(void **state)
{
    struct store *s = NULL;
    (void)state;

    snprintf(path, sizeof path, "%s/none/test.db", dir.path);
    assert_int_equal(open_mode(&s, false), ST_REFUSED);
    assert_said("No such file or directory");
    assert_null(s);
}

static void a_directory_in_its_place_is_refused(void **state)
{
    struct store *s = NULL;
    (void)state;

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(open_mode(&s, false), ST_REFUSED);
    assert_said("Is a directory");
    assert_int_not_equal(open_mode(&s, true), ST_OK);
    assert_said("Is a directory");
}

static void a_second_writer_is_refused_by_name(void **state)
{
    struct store *s = opened(false), *second = NULL;
    char pid[32];
    (void)state;

    snprintf(pid, sizeof pid, "process %d ", (int)getpid());
    assert_int_equal(open_mode(&second, false), ST_CONFLICT);
    assert_said(pid);
    assert_null(second);
    assert_int_equal(add(s, "c"), ST_OK);
    shut(s);
    shut(opened(false)); /* whoever ends gives it free */
}

static void a_second_writing_process_is_refused(void **state)
{
    struct store *s = opened(false);
    int ended = 0;
    (void)state;

    pid_t pid = fork();
    if (pid == 0) {
        struct store *second = NULL;
        _exit(open_mode(&second, false) == ST_CONFLICT ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(ended, 0);
    shut(s);
}

static void a_lock_without_a_pid_in_it_is_still_a_lock(void **state)
{
    struct store *s = opened(false), *second = NULL;
    char lock[160];
    (void)state;

    snprintf(lock, sizeof lock, "%s.lock", path);
    write_file(lock, "garbage");
    assert_int_equal(open_mode(&second, false), ST_CONFLICT);
    assert_said("another process");
    shut(s);
}

static void another_programs_database_is_refused_and_left_alone(void **state)
{
    struct store *s = NULL;
    (void)state;

    by_hand("create table theirs (x); insert into theirs values (1)");
    for (int read_only = 0; read_only < 2; read_only++) {
        assert_int_equal(open_mode(&s, read_only), ST_REFUSED);
        assert_true(why.foreign);
        assert_said("another program");
    }
    by_hand("drop table theirs; pragma application_id = 77");
    assert_int_equal(open_mode(&s, false), ST_REFUSED);
    assert_int_equal(ask("pragma application_id"), 77);
    assert_int_equal(ask("select count(*) from sqlite_schema"), 0);
    assert_int_equal(ask("pragma page_size"), 4096);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
    struct store *s = NULL;
    char text[64] = "", line[] = "These are the accounts of a small shop, in plain text.\n";
    (void)state;

    write_file(path, line);
    assert_int_equal(open_mode(&s, false), ST_BROKEN);
    assert_said("brindle sync");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text, line);
}

static void a_newer_version_is_refused_and_left_alone(void **state)
{
    struct store *s = NULL;
    char known[64];
    (void)state;

    shut(opened(false));
    by_hand("pragma user_version = 999");
    snprintf(known, sizeof known, "up to version %d", migration_count);
    for (int read_only = 0; read_only < 2; read_only++) {
        assert_int_equal(open_mode(&s, read_only), ST_REFUSED);
        assert_said("version 999");
        assert_said(known);
    }
    assert_int_equal(ask("pragma user_version"), 999);
}

static void a_damaged_file_says_what_to_do(void **state)
{
    struct store *s = opened(false);
    char junk[8192];
    (void)state;

    assert_int_equal(add(s, "c"), ST_OK);
    shut(s);
    int64_t pages = ask("pragma page_count");
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    memset(junk, 0xa5, sizeof junk);
    for (int64_t i = 1; i < pages; i++) /* all but the first, which says that it is ours */
        assert_int_equal(pwrite(fd, junk, sizeof junk, i * 8192), sizeof junk);
    close(fd);
    enum status st = open_mode(&s, false);
    if (st == ST_OK) {
        st = add(s, "c");
        assert_int_equal(add(s, "c"), ST_BROKEN); /* and for ever */
        shut(s);
    }
    assert_int_equal(st, ST_BROKEN);
    assert_said("restore a backup");
}

static void a_read_only_store_sees_what_the_writer_commits(void **state)
{
    struct store *s = opened(false);
    (void)state;

    struct store *reading = opened(true);
    assert_int_equal(value_of(reading, "c"), -1);
    assert_int_equal(add(s, "c"), ST_OK);
    assert_int_equal(value_of(reading, "c"), 1);
    shut(s);
    assert_int_equal(value_of(reading, "c"), 1);
    shut(reading);
}

static off_t wal_bytes(void)
{
    char wal[160];
    struct stat st = { 0 };

    snprintf(wal, sizeof wal, "%s-wal", path);
    return stat(wal, &st) ? 0 : st.st_size;
}

static void a_writer_that_ends_empties_the_log_though_readers_stay(void **state)
{
    struct store *s = opened(false), *reading = opened(true);
    (void)state;

    assert_int_equal(add(s, "c"), ST_OK);
    assert_int_equal(value_of(reading, "c"), 1);
    assert_true(wal_bytes() > 0);
    shut(s);
    assert_int_equal(wal_bytes(), 0);
    shut(reading);
}

static void a_writer_that_ends_does_not_wait_for_readers(void **state)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct store *s = opened(false), *reading = opened(true);
    (void)state;

    assert_int_equal(tx_begin(&tx, reading, TX_READ, &why), ST_OK);
    assert_int_equal(tx_run(&tx, STMT_COUNTER_GET, NULL, NULL, &why, V_STR(S("c"))), ST_OK);
    assert_int_equal(add(s, "c"), ST_OK);
    pauses = 0;
    shut(s);
    assert_int_equal(pauses, 0);
    tx_end(&tx);
    assert_int_equal(value_of(reading, "c"), 1);
    shut(reading);
}

static void checkpoints_keep_the_log_small(void **state)
{
    struct store *s = opened(false);
    char large[3000];
    (void)state;

    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (int i = 0; i < 2000; i++) {
        large[i % 1000] ^= 1; /* a new name each time */
        assert_int_equal(add(s, large), ST_OK);
    }
    assert_in_range(wal_bytes(), 4 << 20, 8 << 20);
    shut(s);
}

/* Whoever made it was killed while the file got its first page. */
static void leave_half_made(void)
{
    pid_t child = fork();

    if (child == 0) {
        sqlite3 *db;
        if (sqlite3_open(path, &db) == SQLITE_OK)
            sqlite3_exec(db,
                         "pragma cache_size = 1; create table t (x); begin; insert into t with "
                         "recursive n(i) as (select 1 union all select i + 1 from n where i < 500) "
                         "select hex(randomblob(200)) from n",
                         NULL, NULL, NULL);
        _exit(0); /* what did not fit into its memory is in the file, and the journal beside it */
    }
    waitpid(child, NULL, 0);
}

static void a_store_that_was_never_made_to_its_end_is_none(void **state)
{
    struct store *s = NULL;
    char journal[160];

    (void)state;
    leave_half_made();
    snprintf(journal, sizeof journal, "%s-journal", path);
    assert_int_equal(access(journal, F_OK), 0);
    assert_int_equal(open_mode(&s, true), ST_NONE);
    assert_said("was never made to its end");
}

static void a_read_only_store_needs_no_writer(void **state)
{
    struct store *s = opened(false);
    (void)state;

    assert_int_equal(add(s, "c"), ST_OK);
    shut(s);
    s = opened(true);
    assert_int_equal(value_of(s, "c"), 1);
    shut(s);
    s = opened(false); /* and leaves nothing that hinders one */
    assert_int_equal(add(s, "c"), ST_OK);
    shut(s);
}

static void a_read_only_store_reads_what_a_killed_writer_left(void **state)
{
    int ended = 0;
    (void)state;

    pid_t pid = fork();
    if (pid == 0) {
        struct store *s = NULL;
        _exit(open_mode(&s, false) == ST_OK && add(s, "c") == ST_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(ended, 0);
    struct store *s = opened(true);
    assert_int_equal(value_of(s, "c"), 1);
    shut(s);
}

static void a_read_only_store_refuses_to_write(void **state)
{
    (void)state;
    shut(opened(false));
    struct store *s = opened(true);
    assert_int_equal(add(s, "c"), ST_REFUSED);
    assert_said("reading only");
    error_clear(&why);
    assert_int_equal(s->ops->script(s, S("drop table objects"), &why), ST_REFUSED);
    shut(s);
}

static void a_read_only_store_makes_no_file(void **state)
{
    struct store *s = NULL;
    (void)state;

    assert_int_equal(open_mode(&s, true), ST_NONE);
    assert_said("brindle s");
    assert_int_equal(access(path, F_OK), -1);
    write_file(path, ""); /* a writer that was killed before it had made the tables */
    assert_int_equal(open_mode(&s, true), ST_NONE);
    shut(opened(false));
}

static void a_read_only_store_migrates_nothing(void **state)
{
    struct store *s = NULL;
    (void)state;

    if (migration_count < 2)
        skip();
    by_hand("pragma application_id = 1114787428; pragma user_version = 1");
    assert_int_equal(open_mode(&s, true), ST_REFUSED);
    assert_said("brings them up to date");
}

static void a_foreign_programs_lock_is_waited_for_and_then_told(void **state)
{
    struct store *s = opened(false);
    sqlite3 *db;
    (void)state;

    pauses = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "begin immediate", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(add(s, "c"), ST_RETRY);
    assert_said("another program");
    assert_true(pauses > 0);
    assert_int_equal(sqlite3_exec(db, "rollback", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(add(s, "c"), ST_OK);
    shut(s);
}

/* Another process that builds the WAL's index: it has the lock of who checkpoints meanwhile, a byte
 * of the -shm file that SQLite's format fixes. */
enum { CHECKPOINT_BYTE = 121 };
static int indexer, tell_indexer;

static void hold_checkpoint_lock(int say, int hear)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = CHECKPOINT_BYTE, .l_len = 1
    };
    char shm[sizeof path + 8], word = 'x';
    sqlite3 *db;

    snprintf(shm, sizeof shm, "%s-shm", path);
    bool ok = sqlite3_open(path, &db) == SQLITE_OK &&
              sqlite3_exec(db, "select * from sqlite_schema", NULL, NULL, NULL) == SQLITE_OK;
    int fd = open(shm, O_RDWR);
    if (ok && fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 && write(say, &word, 1) == 1)
        (void)!read(hear, &word, 1);
    _exit(0);
}

static void let_go(void)
{
    if (indexer)
        close(tell_indexer);
    if (indexer)
        waitpid(indexer, NULL, 0);
    indexer = 0;
}

static void who_builds_the_index_of_the_wal_is_waited_for(void **state)
{
    int to[2], from[2];
    char word = 0;
    (void)state;

    shut(opened(false));
    assert_int_equal(pipe2(to, O_CLOEXEC) | pipe2(from, O_CLOEXEC), 0);
    indexer = fork();
    if (!indexer) {
        close(to[1]);
        hold_checkpoint_lock(from[1], to[0]);
    }
    close(from[1]);
    close(to[0]);
    tell_indexer = to[1];
    assert_int_equal(read(from[0], &word, 1), 1);
    pauses = 0;
    at_pause = let_go;
    struct store *s = opened(false);
    at_pause = NULL;
    assert_int_equal(pauses, 1);
    let_go();
    close(from[0]);
    shut(s);
}

static void a_full_disk_is_a_limit_and_passes(void **state)
{
    struct store *s = opened(false);
    char large[20000];
    (void)state;

    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(s->ops->script(s, S("pragma max_page_count = 1"), &why), ST_OK);
    assert_int_equal(add(s, large), ST_LIMIT);
    assert_said("the disk is full");
    assert_said("counter_add");
    assert_int_equal(s->ops->script(s, S("pragma max_page_count = 1000000"), &why), ST_OK);
    assert_int_equal(add(s, large), ST_OK);
    shut(s);
}

static void begin_says_that_it_is_gone(struct store *s)
{
    for (int mode = TX_READ; mode <= TX_WRITE; mode++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        error_clear(&why);
        assert_int_equal(tx_begin(&tx, s, (enum tx_mode)mode, &why), ST_BROKEN);
        assert_said("was removed or replaced while it was open");
        assert_said("brindle sync");
    }
}

/* The transaction has begun before, so that nothing but its commit can see it. */
static enum status commit_a_second_later(struct store *s, void (*meanwhile)(void))
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    error_clear(&why);
    enum status st = tx_begin(&tx, s, TX_WRITE, &why);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_COUNTER_ADD, NULL, NULL, &why, V_STR(S("late")), V_INT(1));
    assert_int_equal(st, ST_OK);
    meanwhile();
    hasty_time += 1000;
    return tx_commit(&tx, &why);
}

static void remove_it(void)
{
    assert_int_equal(unlink(path), 0);
}

static void replace_it(void)
{
    char other[200];

    snprintf(other, sizeof other, "%s.other", path);
    write_file(other, "something else");
    assert_int_equal(rename(other, path), 0);
}

static void leave_it(void)
{
}

static void a_commit_to_a_removed_file_is_not_told_ok(void **state)
{
    struct store *s = opened(false);
    (void)state;

    assert_int_equal(add(s, "c"), ST_OK);
    assert_int_equal(commit_a_second_later(s, leave_it), ST_OK);
    assert_int_equal(commit_a_second_later(s, remove_it), ST_RETRY);
    assert_said("was removed or replaced");
    begin_says_that_it_is_gone(s);
    shut(s);
}

static void a_commit_to_a_replaced_file_is_not_told_ok(void **state)
{
    struct store *s = opened(false);
    (void)state;

    assert_int_equal(commit_a_second_later(s, replace_it), ST_RETRY);
    begin_says_that_it_is_gone(s);
    shut(s);
}

static void a_removed_file_is_noticed_though_nobody_writes(void **state)
{
    struct store *s = opened(false);
    (void)state;

    remove_it();
    hasty_time += 1000;
    begin_says_that_it_is_gone(s);
    shut(s);
}

static void a_file_that_was_put_back_has_what_was_told_ok(void **state)
{
    struct store *s = opened(false);
    char aside[200];
    (void)state;

    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(add(s, "c"), ST_OK);
    assert_int_equal(rename(path, aside), 0);
    hasty_time += 1000;
    begin_says_that_it_is_gone(s);
    shut(s);
    assert_int_equal(rename(aside, path), 0);
    s = opened(false);
    assert_int_equal(value_of(s, "c"), 1);
    shut(s);
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(nobody_else_may_read_the_files),
        with_dir(a_new_file_is_ours_and_of_our_version),
        with_dir(a_closed_store_leaves_one_file_with_everything_in_it),
        with_dir(a_directory_that_is_not_there_is_refused),
        with_dir(a_directory_in_its_place_is_refused),
        with_dir(a_second_writer_is_refused_by_name),
        with_dir(a_second_writing_process_is_refused),
        with_dir(a_lock_without_a_pid_in_it_is_still_a_lock),
        with_dir(another_programs_database_is_refused_and_left_alone),
        with_dir(a_file_that_is_no_database_is_refused_and_left_alone),
        with_dir(a_newer_version_is_refused_and_left_alone),
        with_dir(a_damaged_file_says_what_to_do),
        with_dir(a_read_only_store_sees_what_the_writer_commits),
        with_dir(a_writer_that_ends_empties_the_log_though_readers_stay),
        with_dir(a_writer_that_ends_does_not_wait_for_readers),
        with_dir(checkpoints_keep_the_log_small),
        with_dir(a_store_that_was_never_made_to_its_end_is_none),
        with_dir(a_read_only_store_needs_no_writer),
        with_dir(a_read_only_store_reads_what_a_killed_writer_left),
        with_dir(a_read_only_store_refuses_to_write),
        with_dir(a_read_only_store_makes_no_file),
        with_dir(a_read_only_store_migrates_nothing),
        with_dir(a_foreign_programs_lock_is_waited_for_and_then_told),
        with_dir(who_builds_the_index_of_the_wal_is_waited_for),
        with_dir(a_full_disk_is_a_limit_and_passes),
        with_dir(a_commit_to_a_removed_file_is_not_told_ok),
        with_dir(a_commit_to_a_replaced_file_is_not_told_ok),
        with_dir(a_removed_file_is_noticed_though_nobody_writes),
        with_dir(a_file_that_was_put_back_has_what_was_told_ok),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
