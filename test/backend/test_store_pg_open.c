/* How a store on PostgreSQL begins: who makes its tables, and who is kept out. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg_fixture.h"
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

/* A process that opens the store and is killed while the server makes what `tag` names; another one
 * began meanwhile. The server may notice that nobody listens any more, or finish what it has. */
static void killed_while_it_makes(const char *tag, bool noticed)
{
    char query[512], at[256];
    pthread_t thread;
    void *failed;

    fresh_database(NULL);
    snprintf(at, sizeof at, "%s", url);
    PGconn *c = connect_apart();
    snprintf(query, sizeof query,
             "create function public.wait() returns event_trigger language plpgsql as "
             "$$ begin perform pg_advisory_xact_lock(" HELD_LOCK "); end $$; "
             "create event trigger wait on ddl_command_end when tag in ('%s') "
             "execute function public.wait()",
             tag);
    ask(c, query, NULL, 0);
    hold(c);
    pid_t first = fork();
    if (first == 0)
        _exit(open_and_close(at) != NULL);
    await_waiting(c, 1);
    pthread_create(&thread, NULL, open_and_close, at);
    await_waiting(c, 2);
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    if (noticed)
        ask(c,
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' "
            "and not granted and objid = " HELD_LOCK,
            NULL, 0);
    let_go(c);
    pthread_join(thread, &failed);
    PQfinish(c);
    if (failed)
        fail_msg("after a kill at %s the next one does not start", tag);
}

static void a_start_that_is_killed_leaves_the_tables_whole_or_none(void **state)
{
    static const char *const tag[] = { "CREATE SCHEMA", "CREATE TABLE", "CREATE SEQUENCE",
                                       "ALTER TABLE" };
    char expected[8];

    (void)state;
    snprintf(expected, sizeof expected, "%d", migration_count);
    for (size_t i = 0; i < 2 * COUNT(tag); i++) {
        killed_while_it_makes(tag[i / 2], i % 2);
        assert_answer("select version from brindle_test._brindle", expected);
        struct store *s = open_store();
        put_object(s, "prod_1", S("{\"id\":\"prod_1\"}"));
        s->ops->close(s);
    }
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

static void nobody_listens_is_for_trying_again(void **state)
{
    struct store *s = NULL;
    struct error e = { 0 };

    (void)state;
    assert_int_equal(open_at(&s, "postgresql://me:geheim@127.0.0.1:1/d", false, &e), ST_RETRY);
    assert_null(strstr(e.text, "geheim"));
}

/* libpq repeats what it cannot read; and what it reads otherwise than it was meant: "u:p/w@h" has
 * the port "p". */
static void an_address_that_cannot_be_read_is_not_repeated(void **state)
{
    static const char *const broken[] = {
        "postgresql://u:sekret%pw@127.0.0.1/x", "postgresql://u:sekret@[::1/x",
        "postgresql://u:sekret/pw@127.0.0.1/x", "postgresql://u:sekret@sekret@127.0.0.1:1/x",
        "postgresql://u:pw@127.0.0.1:sekret/x", "postgresql://u:pw@127.0.0.1:1/x?sekret=1",
        "host=127.0.0.1 password='sekret"
    };
    (void)state;

    for (size_t i = 0; i < COUNT(broken); i++) {
        struct store *s = NULL;
        struct error e = { 0 };
        assert_int_equal(open_at(&s, broken[i], false, &e), ST_INVALID);
        if (strstr(e.text, "sekret"))
            fail_msg("%s", e.text);
        assert_non_null(strstr(e.text, "%40"));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        in_a_database(many_that_start_at_once_make_the_tables_once),
        in_a_database(a_start_that_is_killed_leaves_the_tables_whole_or_none),
        in_a_database(a_newer_schema_is_refused_with_a_sentence),
        in_a_database(tables_of_another_program_are_left_alone),
        in_a_database(a_reader_finds_nothing_and_makes_nothing),
        in_a_database(a_role_without_any_right_but_its_schema_is_enough),
        cmocka_unit_test(nobody_listens_is_for_trying_again),
        cmocka_unit_test(an_address_that_cannot_be_read_is_not_repeated),
    };

    return pg_fixture_start() ? pg_fixture_end(cmocka_run_group_tests(tests, NULL, NULL)) : 0;
}
