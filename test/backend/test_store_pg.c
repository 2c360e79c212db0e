/* What store_pg.h promises beyond the contract of world/store.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/pg_facts.h"
#include "pg_fixture.h"

/* A session begins with its connection. */
static struct pg_conn *conn_of(const struct tx *tx)
{
    return tx->impl;
}

static void what_jsonb_refuses_is_replaced_for_the_views_alone(void **state)
{
    static const struct {
        const char *id, *sent, *shown;
    } row[] = {
        { "nul", "{\"n\":\"a\\u0000\\u0000b\"}",
          "a\xef\xbf\xbd\xef\xbf\xbd"
          "b" },
        { "high", "{\"n\":\"x\\ud83dy\"}", "x\xef\xbf\xbdy" },
        { "low", "{\"n\":\"x\\ude00y\"}", "x\xef\xbf\xbdy" },
        { "pair", "{\"n\":\"\\ud83d\\ude00 \\u0000\"}", "\xf0\x9f\x98\x80 \xef\xbf\xbd" },
        { "text", "{\"n\":\"\\\\u0000 \\u0000\"}", "\\u0000 \xef\xbf\xbd" },
        { "huge", "{\"n\":\"x\",\"v\":1e999999999}", "" }, /* no number of PostgreSQL's */
    };
    struct store *s = open_store();
    char query[256];

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        put_object(s, row[i].id, str_of(row[i].sent));
        snprintf(query, sizeof query,
                 "select coalesce(data ->> 'n', '') from brindle_test.objects where id = '%s'",
                 row[i].id);
        assert_answer(query, row[i].shown);
        snprintf(query, sizeof query, "select raw from brindle_test.objects where id = '%s'",
                 row[i].id);
        assert_answer(query, row[i].sent);
    }
    s->ops->close(s);
}

static void sessions_that_end_come_back_and_lose_nothing(void **state)
{
    ARENA(a, 4096);
    struct store *s = open_store();
    struct rows r;
    int64_t kept = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct error e = { 0 };
        assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
        assert_ok(tx_run(&tx, STMT_COUNTER_ADD, &r, &a, &why, V_STR(S("c")), V_INT(1)));
        if (i % 2)
            sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> "
                "pg_backend_pid() and datname = current_database()",
                NULL, 0);
        enum status st = tx_commit(&tx, &e);
        assert_int_equal(st, i % 2 ? ST_RETRY : ST_OK);
        kept += st == ST_OK;
        if (st != ST_OK)
            assert_non_null(strstr(e.text, "was not kept"));
    }
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_ok(tx_begin(&tx, s, TX_READ, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_GET, &r, &a, &why, V_STR(S("c"))));
    assert_int_equal(row_int(&r, 0, 0), kept);
    tx_end(&tx);
    s->ops->close(s);
}

/* Who commits a change of a counter waits for the lock. */
static PGconn *hold_up_commits(void)
{
    PGconn *c = connect_apart();

    ask(c,
        "create function brindle_test.dawdle() returns trigger language plpgsql as "
        "$$ begin perform pg_advisory_xact_lock(" HELD_LOCK "); return null; end $$; "
        "create constraint trigger dawdle after insert or update on brindle_test._counters "
        "deferrable initially deferred for each row execute function brindle_test.dawdle()",
        NULL, 0);
    hold(c);
    return c;
}

struct wire {
    PGconn *lock; /* that holds the commit up */
    int fd;
};

/* The connection breaks while the server commits. */
static void *cut_the_wire(void *arg)
{
    const struct wire *w = arg;

    await_waiting(w->lock, 1);
    shutdown(w->fd, SHUT_RDWR);
    let_go(w->lock);
    return NULL;
}

static void a_commit_whose_answer_was_lost_is_looked_up(void **state)
{
    ARENA(a, 4096);
    struct store *s = open_store();
    struct wire w = { .lock = hold_up_commits() };
    struct rows r;
    struct error e = { 0 };
    pthread_t thread;

    (void)state;
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_ADD, &r, &a, &why, V_STR(S("c")), V_INT(1)));
    w.fd = dup(PQsocket(conn_of(&tx)->pg)); /* it is not the store's to close */
    pthread_create(&thread, NULL, cut_the_wire, &w);
    enum status st = tx_commit(&tx, &e);
    pthread_join(thread, NULL);
    close(w.fd);
    PQfinish(w.lock);
    if (st != ST_OK)
        fail_msg("%s", e.text);
    assert_answer("select value from brindle_test._counters where name = 'c'", "1");
    s->ops->close(s);
}

/* A server that is killed forgets the numbers of transactions that never reached its disk, and
 * gives them to others. Begins one, kills the server, and has others commit until one of them got
 * its number. False: the number did reach the disk. */
static bool give_its_number_away(struct store *s, struct tx *tx)
{
    ARENA(a, 4096);
    struct rows r;
    char mine[24], theirs[24] = "";

    assert_ok(tx_begin(tx, s, TX_WRITE, &why));
    assert_ok(tx_run(tx, STMT_COUNTER_ADD, &r, &a, &why, V_STR(S("lost")), V_INT(1)));
    snprintf(mine, sizeof mine, "%s", conn_of(tx)->xid);
    pg_server_kill(server);
    pg_server_restart(server);
    while (strtoll(theirs, NULL, 10) < strtoll(mine, NULL, 10)) {
        struct tx other; /* past tx_begin, which lets a thread have one at a time */
        assert_ok(s->ops->begin(s, TX_WRITE, &other, &why));
        assert_ok(tx_run(&other, STMT_COUNTER_ADD, &r, &a, &why, V_STR(S("kept")), V_INT(1)));
        snprintf(theirs, sizeof theirs, "%s", conn_of(&other)->xid);
        assert_ok(s->ops->commit(&other, &why));
    }
    return strcmp(mine, theirs) == 0;
}

static void a_number_that_another_transaction_got_proves_nothing(void **state)
{
    enum { ATTEMPTS = 20 };
    struct store *s = open_store();
    bool given = false;

    (void)state;
    for (int i = 0; i < ATTEMPTS && !given; i++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct error e = { 0 };
        given = give_its_number_away(s, &tx);
        assert_int_equal(tx_commit(&tx, &e), ST_RETRY);
    }
    assert_true(given);
    assert_answer("select count(*) from brindle_test._counters where name = 'lost'", "0");
    s->ops->close(s);
}

static void a_reader_that_idled_for_too_long_is_told_to_try_again(void **state)
{
    ARENA(a, 1 << 20);
    struct store *s = open_store();
    struct error e = { 0 };
    enum status st = ST_OK;
    struct rows r;
    char at[512];

    (void)state;
    s->ops->close(s);
    snprintf(at, sizeof at, "%s&options=-cidle_in_transaction_session_timeout%%3D1", url);
    assert_ok(open_at(&s, at, true, &why));
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_ok(tx_begin(&tx, s, TX_READ, &why));
    while (st == ST_OK) { /* the server has a chance each time */
        usleep(2000);
        st = tx_run(&tx, STMT_COUNTER_GET, &r, &a, &e, V_STR(S("c")));
    }
    assert_int_equal(st, ST_RETRY);
    tx_end(&tx);
    assert_ok(tx_begin(&tx, s, TX_READ, &why)); /* on a connection that works */
    tx_end(&tx);
    s->ops->close(s);
}

static void deadlocks_are_for_trying_again(void **state)
{
    static const struct {
        const char *sqlstate;
        enum status st;
    } row[] = {
        { "", ST_RETRY },         { "08006", ST_RETRY },   { "40001", ST_RETRY },
        { "40P01", ST_RETRY },    { "57P01", ST_RETRY },   { "25P03", ST_RETRY },
        { "25006", ST_RETRY },    { "53100", ST_LIMIT },   { "53300", ST_RETRY },
        { "28P01", ST_REFUSED },  { "42501", ST_REFUSED }, { "3D000", ST_REFUSED },
        { "23502", ST_CONFLICT }, { "22021", ST_INVALID }, { "XX001", ST_BROKEN },
        { "42P01", ST_BROKEN },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++)
        if (pg_judge(row[i].sqlstate) != row[i].st)
            fail_msg("%s is judged %s", row[i].sqlstate, status_name(pg_judge(row[i].sqlstate)));
}

static void what_the_server_says_of_itself_is_read(void **state)
{
    enum { ASKED_MAX = 60 * 1000 };
    struct pg_facts f;

    (void)state;
    assert_ok(pg_facts_read(url, &f, &why));
    assert_true(f.fsync && f.full_page_writes && f.synchronous_commit && !f.read_only);
    assert_true(f.version >= 140000 && f.connections > 0);
    assert_string_equal(f.connections_by, "max_connections");
    sql("alter system set full_page_writes = off", NULL, 0);
    sql("select pg_reload_conf()", NULL, 0);
    for (int i = 0; i < ASKED_MAX && f.full_page_writes; i++) { /* taken up in its own time */
        assert_ok(pg_facts_read(url, &f, &why));
        usleep(1000);
    }
    assert_false(f.full_page_writes);
    sql("alter system reset full_page_writes", NULL, 0);
    sql("select pg_reload_conf()", NULL, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        in_a_database(what_jsonb_refuses_is_replaced_for_the_views_alone),
        in_a_database(sessions_that_end_come_back_and_lose_nothing),
        in_a_database(a_commit_whose_answer_was_lost_is_looked_up),
        in_a_database(a_number_that_another_transaction_got_proves_nothing),
        in_a_database(a_reader_that_idled_for_too_long_is_told_to_try_again),
        in_a_database(what_the_server_says_of_itself_is_read),
        cmocka_unit_test(deadlocks_are_for_trying_again),
    };

    return pg_fixture_start() ? pg_fixture_end(cmocka_run_group_tests(tests, NULL, NULL)) : 0;
}
