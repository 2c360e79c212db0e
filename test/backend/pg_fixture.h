/* pg_fixture.h - what the tests of store_pg share: one server a program, a database a test, in its
 * schema brindle_test. All calls fail the test where they do not succeed. */
#pragma once

#include "backend/pg_conn.h"
#include "backend/store_pg.h"
#include "pg_server.h"
#include "unit.h"
#include "world/tx.h"

extern struct pg_server *server;
extern const char *url;  /* of this test's database */
extern struct error why; /* of the main thread's latest call */

#define assert_ok(call)                                                \
    do {                                                               \
        error_clear(&why);                                             \
        enum status got = (call);                                      \
        if (got != ST_OK)                                              \
            fail_msg("%s: %s: %s", #call, status_name(got), why.text); \
    } while (0)

bool pg_fixture_start(void);       /* false: no server is installed */
int pg_fixture_end(int failed);    /* gives `failed` back */
int fresh_database(void **unused); /* the set-up of a test */

#define in_a_database(test)                     \
    {                                           \
#test, test, fresh_database, NULL, NULL \
    }

/* With more patience than anything here should use up. */
enum status open_at(struct store **s, const char *at, bool read_only, struct error *e) MUST_USE;
struct store *open_store(void);
void put_object(struct store *s, const char *id, str data);

/* By psql, as the superuser. `out` may be NULL. */
void sql(const char *text, char *out, size_t room);
void assert_answer(const char *text, const char *expected);

/* A session beside the store's; PQfinish ends it. `out` (may be NULL) gets the first cell. */
PGconn *connect_apart(void);
void ask(PGconn *c, const char *query, char *out, size_t room);

/* A lock that the session holds until it lets go; who else takes it by
 * pg_advisory_xact_lock(HELD_LOCK) waits. */
#define HELD_LOCK "4711"
void hold(PGconn *c);
void await_waiting(PGconn *c, int n); /* until somebody does, and n sessions wait for any lock */
void let_go(PGconn *c);
