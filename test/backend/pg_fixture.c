#include "pg_fixture.h"

#include <stdio.h>
#include <string.h>

#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"

enum { PATIENCE_MS = 120 * 1000, ANSWER_MAX = 2048 };

struct pg_server *server;
const char *url;
struct error why;

bool pg_fixture_start(void)
{
    server = pg_server_start();
    return server;
}

int pg_fixture_end(int failed)
{
    pg_server_stop(server);
    return failed;
}

int fresh_database(void **unused)
{
    (void)unused;
    url = pg_server_fresh(server);
    return 0;
}

enum status open_at(struct store **s, const char *at, bool read_only, struct error *e)
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

struct store *open_store(void)
{
    struct store *s = NULL;

    assert_ok(open_at(&s, url, false, &why));
    return s;
}

void put_object(struct store *s, const char *id, str data)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    assert_ok(tx_begin(&tx, s, TX_WRITE, &why));
    assert_ok(tx_run(&tx, STMT_OBJECT_INSERT, NULL, NULL, &why, V_STR(S("product")),
                     V_STR(S("acct_1")), V_STR(str_of(id)), V_STR(data), V_INT(0), V_INT(1),
                     V_INT(1), V_INT(1), V_STR(S("v")), V_STR(S("get")), V_INT(0), V_NULL));
    assert_ok(tx_commit(&tx, &why));
}

void sql(const char *text, char *out, size_t room)
{
    char got[ANSWER_MAX];

    if (!pg_server_sql(server, text, got, sizeof got))
        fail_msg("%s: %s", text, got);
    if (out)
        snprintf(out, room, "%s", got);
}

void assert_answer(const char *text, const char *expected)
{
    char got[ANSWER_MAX];

    sql(text, got, sizeof got);
    assert_string_equal(got, expected);
}

PGconn *connect_apart(void)
{
    PGconn *c = PQconnectdb(url);

    if (PQstatus(c) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(c));
    return c;
}

void ask(PGconn *c, const char *query, char *out, size_t room)
{
    PGresult *r = PQexec(c, query);

    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", query, PQerrorMessage(c));
    if (out)
        snprintf(out, room, "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
}

void hold(PGconn *c)
{
    ask(c, "select pg_advisory_lock(" HELD_LOCK ")", NULL, 0);
}

void await_waiting(PGconn *c, int n)
{
    char query[256], enough[8] = "f";

    snprintf(query, sizeof query,
             "select count(distinct pid) >= %d and bool_or(locktype = 'advisory' and "
             "objid = " HELD_LOCK ") from pg_locks where not granted",
             n);
    while (strcmp(enough, "t") != 0)
        ask(c, query, enough, sizeof enough);
}

void let_go(PGconn *c)
{
    ask(c, "select pg_advisory_unlock(" HELD_LOCK ")", NULL, 0);
}
