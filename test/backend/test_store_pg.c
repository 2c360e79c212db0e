/* What store_pg.h promises beyond the contract of world/store.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/clock_os.h"
#include "backend/pg_facts.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
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

/* ---- the seal ----------------------------------------------------------------------------- */

static void make_environment(void)
{
    sql("insert into brindle_test._environment (one, name, account, livemode, created_at) "
        "values (1, 'test', 'acct_t', 0, 0)",
        NULL, 0);
}

static enum status count_one(struct tx *tx, struct error *e)
{
    return tx_run(tx, STMT_COUNTER_ADD, NULL, NULL, e, V_STR(S("c")), V_INT(1));
}

/* As core/environment/seal.c does, past tx_begin, which lets a thread have one at a time. */
static enum status seal_for(struct store *s, const char *who, struct error *e)
{
    struct tx tx = { 0 };
    enum status st = s->ops->begin(s, TX_WRITE, &tx, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_SEAL_HOLD, NULL, NULL, e);
    if (st == ST_OK)
        st = tx_run0(&tx, STMT_SEAL_TAKE, NULL, NULL, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ENVIRONMENT_SEAL, NULL, NULL, e, V_STR(str_of(who)));
    return s->ops->commit(&tx, e);
}

static void assert_sealed(enum status st, const struct error *e)
{
    assert_int_equal(st, ST_REFUSED);
    assert_true(e->sealed);
    assert_non_null(strstr(e->text, "another environment took over"));
}

static void behind_a_seal_nothing_is_committed_whenever_it_began(void **state)
{
    ARENA(a, 4096);
    struct store *s = open_store();
    struct error e = { 0 };
    struct rows r;

    (void)state;
    make_environment();
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_COUNTER_ADD, &r, &a, &why, V_STR(S("c")), V_INT(1)));
    assert_ok(seal_for(s, "live", &why)); /* while the other one stands still */
    assert_sealed(tx_commit(&tx, &e), &e);
    error_clear(&e);
    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(count_one(&tx, &why));
    assert_sealed(tx_commit(&tx, &e), &e);
    assert_answer("select count(*) from brindle_test._counters", "0");
    assert_ok(seal_for(s, "", &why));
    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(count_one(&tx, &why));
    assert_ok(tx_commit(&tx, &why));
    assert_answer("select value from brindle_test._counters where name = 'c'", "1");
    s->ops->close(s);
}

static void who_prepares_a_sealed_store_may_write_into_it(void **state)
{
    struct store *s = open_store(), *past;

    (void)state;
    make_environment();
    assert_ok(seal_for(s, "live", &why));
    const struct store_pg_options o = { .url = url,
                                        .schema = "brindle_test",
                                        .sched = sched_pthread(),
                                        .clock = clock_os(),
                                        .rng = rng_os(),
                                        .past_seal = true };
    assert_ok(store_pg_open(&past, &o, &why));
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_ok(tx_begin(&tx, past, TX_WRITE, &why));
    assert_ok(count_one(&tx, &why));
    assert_ok(tx_commit(&tx, &why));
    past->ops->close(past);
    s->ops->close(s);
}

struct sealing {
    struct store *store;
    PGconn *look, *lock; /* the sealer's, to see who waits; and the one that holds a commit up */
    enum status st;
    struct error e;
    atomic_bool sealed;
    bool too_early; /* it was sealed while the commit was held up */
};

static void *seal_meanwhile(void *arg)
{
    struct sealing *x = arg;

    await_waiting(x->look, 1);
    x->st = seal_for(x->store, "live", &x->e);
    atomic_store(&x->sealed, true);
    return NULL;
}

static void *let_go_of_two(void *arg)
{
    struct sealing *x = arg;
    char waits[8] = "f";

    while (strcmp(waits, "t") != 0 && !atomic_load(&x->sealed))
        ask(x->lock,
            "select count(*) > 0 from pg_locks where locktype = 'relation' and not granted", waits,
            sizeof waits);
    x->too_early = atomic_load(&x->sealed);
    let_go(x->lock);
    return NULL;
}

static void a_seal_waits_for_a_commit_under_way(void **state)
{
    struct store *s = open_store();
    struct sealing x = { .store = s, .look = connect_apart(), .lock = hold_up_commits() };
    pthread_t sealer, opener;

    (void)state;
    make_environment();
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(count_one(&tx, &why));
    pthread_create(&sealer, NULL, seal_meanwhile, &x);
    pthread_create(&opener, NULL, let_go_of_two, &x);
    enum status st = tx_commit(&tx, &why);
    pthread_join(opener, NULL);
    pthread_join(sealer, NULL);
    PQfinish(x.lock);
    PQfinish(x.look);
    assert_false(x.too_early);
    assert_int_equal(st, ST_OK);
    assert_int_equal(x.st, ST_OK);
    assert_answer("select value from brindle_test._counters where name = 'c'", "1");
    assert_answer("select sealed_for from brindle_test._environment", "live");
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
        in_a_database(behind_a_seal_nothing_is_committed_whenever_it_began),
        in_a_database(who_prepares_a_sealed_store_may_write_into_it),
        in_a_database(a_seal_waits_for_a_commit_under_way),
        in_a_database(a_reader_that_idled_for_too_long_is_told_to_try_again),
        in_a_database(what_the_server_says_of_itself_is_read),
        cmocka_unit_test(deadlocks_are_for_trying_again),
    };

    return pg_fixture_start() ? pg_fixture_end(cmocka_run_group_tests(tests, NULL, NULL)) : 0;
}
