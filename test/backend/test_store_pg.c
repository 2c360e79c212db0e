/* What store_pg.h promises beyond the contract of world/store.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/clock_os.h"
#include "backend/pg_conn.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_pg.h"
#include "pg_server.h"
#include "unit.h"
#include "world/tx.h"

enum { PATIENCE_MS = 120 * 1000 }; /* nothing here is meant to use it up */

static struct pg_server *server;
static const char *url; /* of this test's database */

static struct error why;

#define assert_ok(call)                                                \
    do {                                                               \
        error_clear(&why);                                             \
        enum status got = (call);                                      \
        if (got != ST_OK)                                              \
            fail_msg("%s: %s: %s", #call, status_name(got), why.text); \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    url = pg_server_fresh(server);
    return 0;
}

static enum status open_at(struct store **s, const char *at, bool read_only, struct error *e)
{
    const struct store_pg_options o = { .url = at,
                                        .schema = "brindle_test",
                                        .sched = sched_pthread(),
                                        .clock = clock_os(),
                                        .rng = rng_os(),
                                        .read_only = read_only,
                                        .patience_ms = PATIENCE_MS };

    return store_pg_open(s, &o, e);
}

static struct store *open_store(void)
{
    struct store *s = NULL;

    assert_ok(open_at(&s, url, false, &why));
    return s;
}

/* A session begins with its connection. */
static struct pg_conn *conn_of(const struct tx *tx)
{
    return tx->impl;
}

static void sql(const char *text, char *out, size_t room)
{
    char got[2048];

    if (!pg_server_sql(server, text, got, sizeof got))
        fail_msg("%s: %s", text, got);
    if (out)
        snprintf(out, room, "%s", got);
}

static void assert_answer(const char *text, const char *expected)
{
    char got[2048];

    sql(text, got, sizeof got);
    assert_string_equal(got, expected);
}

static void put_object(struct store *s, const char *id, str data)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_OBJECT_INSERT, NULL, NULL, &why, V_STR(S("product")),
                     V_STR(S("acct_1")), V_STR(str_of(id)), V_STR(data), V_INT(0), V_INT(1),
                     V_INT(1), V_INT(1), V_STR(S("v")), V_STR(S("get")), V_INT(0), V_NULL));
    assert_ok(tx_commit(&tx, &why));
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

static void *open_and_close(void *arg)
{
    struct store *s = NULL;
    struct error e = { 0 };

    if (open_at(&s, arg, false, &e) != ST_OK)
        return arg;
    s->ops->close(s);
    return NULL;
}

static void many_that_start_at_once_make_the_tables_once(void **state)
{
    enum { STARTS = 6 };
    pthread_t thread[STARTS];
    char at[256];

    (void)state;
    snprintf(at, sizeof at, "%s", url);
    for (size_t i = 0; i < STARTS; i++)
        pthread_create(&thread[i], NULL, open_and_close, at);
    for (size_t i = 0; i < STARTS; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_answer("select count(*) from brindle_test._brindle", "1");
}

static void assert_refused(bool read_only, enum status expected, const char *words)
{
    struct store *s = NULL;
    struct error e = { 0 };

    assert_int_equal(open_at(&s, url, read_only, &e), expected);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

static void a_newer_schema_is_refused_with_a_sentence(void **state)
{
    struct store *s = open_store();

    (void)state;
    s->ops->close(s);
    sql("update brindle_test._brindle set version = 999", NULL, 0);
    assert_refused(false, ST_REFUSED, "use a newer brindle");
    assert_refused(true, ST_REFUSED, "use a newer brindle");
}

static void tables_of_another_program_are_left_alone(void **state)
{
    (void)state;
    sql("create schema brindle_test; create table brindle_test.theirs (x int)", NULL, 0);
    assert_refused(false, ST_REFUSED, "another program");
    assert_answer("select count(*) from brindle_test.theirs", "0");
}

static void a_reader_finds_nothing_and_makes_nothing(void **state)
{
    (void)state;
    assert_refused(true, ST_NONE, "nothing is in it yet");
    assert_answer("select count(*) from pg_namespace where nspname = 'brindle_test'", "0");
}

static void a_role_without_any_right_but_its_schema_is_enough(void **state)
{
    struct store *s = NULL;
    char at[256];

    (void)state;
    sql("drop role if exists plain; create role plain login; create schema brindle_test "
        "authorization plain; revoke all on schema public from public; "
        "alter role plain set search_path to nowhere; "
        "alter role plain set synchronous_commit to off",
        NULL, 0);
    snprintf(at, sizeof at, "%.*s=plain", (int)(strlen(url) - strlen("=postgres")), url);
    assert_ok(open_at(&s, at, false, &why));
    put_object(s, "prod_1", S("{\"id\":\"prod_1\"}"));
    assert_answer("select count(*) from brindle_test.objects", "1");
    s->ops->close(s);
    sql("drop owned by plain", NULL, 0);
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

static PGconn *connect_apart(void)
{
    PGconn *c = PQconnectdb(url);

    if (PQstatus(c) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(c));
    return c;
}

static void ask(PGconn *c, const char *query, char *out, size_t room)
{
    PGresult *r = PQexec(c, query);

    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", query, PQerrorMessage(c));
    if (out)
        snprintf(out, room, "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
}

/* Who commits a change of a counter waits for this lock. */
static PGconn *hold_up_commits(void)
{
    PGconn *c = connect_apart();

    ask(c,
        "create function brindle_test.dawdle() returns trigger language plpgsql as "
        "$$ begin perform pg_advisory_xact_lock(4711); return null; end $$; "
        "create constraint trigger dawdle after insert or update on brindle_test._counters "
        "deferrable initially deferred for each row execute function brindle_test.dawdle(); "
        "select pg_advisory_lock(4711)",
        NULL, 0);
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
    char waiting[8] = "";

    while (strcmp(waiting, "1") != 0)
        ask(w->lock, "select count(*) from pg_locks where locktype = 'advisory' and not granted",
            waiting, sizeof waiting);
    shutdown(w->fd, SHUT_RDWR);
    ask(w->lock, "select pg_advisory_unlock(4711)", NULL, 0);
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

static void unsafe_settings_of_the_server_are_named(void **state)
{
    struct store *s = open_store();
    const char *setting = "?";

    (void)state;
    assert_ok(store_pg_unsafe(s, &setting, &why));
    assert_null(setting);
    sql("alter system set full_page_writes = off", NULL, 0);
    sql("select pg_reload_conf()", NULL, 0);
    for (int i = 0; i < 2000 && !setting; i++) /* the server takes it up in its own time */
        assert_ok(store_pg_unsafe(s, &setting, &why));
    assert_string_equal(setting, "full_page_writes");
    sql("alter system reset full_page_writes", NULL, 0);
    sql("select pg_reload_conf()", NULL, 0);
    s->ops->close(s);
}

static void nobody_listens_is_for_trying_again(void **state)
{
    struct store *s = NULL;
    struct error e = { 0 };

    (void)state;
    assert_int_equal(open_at(&s, "postgresql://me:geheim@127.0.0.1:1/d", false, &e), ST_RETRY);
    assert_null(strstr(e.text, "geheim"));
}

#define in_a_database(test)             \
    {                                   \
#test, test, set_up, NULL, NULL \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        in_a_database(what_jsonb_refuses_is_replaced_for_the_views_alone),
        in_a_database(many_that_start_at_once_make_the_tables_once),
        in_a_database(a_newer_schema_is_refused_with_a_sentence),
        in_a_database(tables_of_another_program_are_left_alone),
        in_a_database(a_reader_finds_nothing_and_makes_nothing),
        in_a_database(a_role_without_any_right_but_its_schema_is_enough),
        in_a_database(sessions_that_end_come_back_and_lose_nothing),
        in_a_database(a_commit_whose_answer_was_lost_is_looked_up),
        in_a_database(a_number_that_another_transaction_got_proves_nothing),
        in_a_database(unsafe_settings_of_the_server_are_named),
        cmocka_unit_test(deadlocks_are_for_trying_again),
        cmocka_unit_test(nobody_listens_is_for_trying_again),
    };

    server = pg_server_start();
    if (!server)
        return 0;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pg_server_stop(server);
    return failed;
}
