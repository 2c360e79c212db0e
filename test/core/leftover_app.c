#include "leftover_app.h"

#include "backend/database_pg.h"
#include "backend/database_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pg_server *server;
bool pg;
struct leftover_app t;

/* ---- the application ------------------------------------------------------------------------ */

void run(const char *sql)
{
    if (pg) {
        static char said[1024];
        if (!pg_server_sql(server, sql, said, sizeof said))
            wrong("%s: %s", sql, said);
        return;
    }
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(t.url, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        wrong("%s: %s", sql, why);
    sqlite3_close(db);
}

enum status open_app(bool writable)
{
    if (t.db)
        t.db->ops->close(t.db);
    t.db = NULL;
    return pg ? database_pg_open(&t.db, t.url, writable, &t.e)
              : database_sqlite_open(&t.db, t.url, writable, &t.e);
}

int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.w = small_world_new();
    temp_dir_make(&t.dir);
    snprintf(t.url, sizeof t.url, "%s", pg ? pg_server_fresh(server) : temp_path(&t.dir, "app.db"));
    t.a.max = SCAN_BYTES_MAX;
    if (!pg)
        run("create table \"a first one\" (x int)");
    assert_int_equal(open_app(true), ST_OK);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    t.db->ops->close(t.db);
    arena_free(&t.a);
    temp_dir_remove(&t.dir);
    small_world_free(t.w);
    return 0;
}

/* All cells of an answer, "|" between them and a line a row; null is "~". */
const char *cells(const char *sql)
{
    static char out[4][TEXT_MAX];
    static size_t turn;
    ARENA(a, SCAN_BYTES_MAX);
    struct rows r;
    char *at = out[turn = (turn + 1) % 4];
    size_t n = 0;

    at[0] = '\0';
    error_clear(&t.e);
    if (database_run(t.db, str_of(sql), NULL, 0, &r, &a, &t.e) != ST_OK)
        wrong("%s: %s", sql, t.e.text);
    for (size_t i = 0; i < r.n_rows * r.n_cols; i++)
        n += (size_t)snprintf(
            at + n, TEXT_MAX - n, "%.*s%s", r.cell[i].type == VAL_NULL ? 1 : (int)r.cell[i].s.n,
            r.cell[i].type == VAL_NULL ? "~" : r.cell[i].s.p, (i + 1) % r.n_cols ? "|" : "\n");
    return at;
}

int64_t number(const char *sql)
{
    return strtoll(cells(sql), NULL, 10);
}

enum status declare(const char *columns)
{
    arena_free(&t.a);
    error_clear(&t.e);
    t.scan = (struct leftover_scan){ .db = t.db, .mirror = &t.w->env, .a = &t.a };
    enum status st = app_tables_read(t.db, &t.scan.tables, &t.a, &t.e);
    return st == ST_OK ? leftovers_declare(&t.scan, str_of(columns), &t.e) : st;
}

/* Reads the tables and looks at the columns that are named; offline. */
enum status look(const char *columns)
{
    enum status st = declare(columns);

    return st == ST_OK ? leftovers_look(&t.scan, &t.e) : st;
}

void must_look(const char *columns)
{
    if (look(columns) != ST_OK)
        wrong("%s: %s", columns, t.e.text);
}

struct leftover_mended apply(void)
{
    static int64_t run = 1000;
    struct leftover_mended m = { 0 };

    error_clear(&t.e);
    if (leftovers_apply(&t.scan, false, ++run, &m, &t.e) != ST_OK)
        wrong("%s", t.e.text);
    return m;
}

enum status try_to_apply(void)
{
    struct leftover_mended m;

    error_clear(&t.e);
    return leftovers_apply(&t.scan, false, 5000, &m, &t.e);
}

struct leftover_mended undo(void)
{
    struct leftover_mended m = { 0 };

    error_clear(&t.e);
    if (leftovers_undo(t.db, t.w->env.name, &m, &t.e) != ST_OK)
        wrong("%s", t.e.text);
    return m;
}

enum status try_to_undo(void)
{
    struct leftover_mended m;

    error_clear(&t.e);
    return leftovers_undo(t.db, t.w->env.name, &m, &t.e);
}

void says(const char *words)
{
    if (!strstr(t.e.text, words))
        wrong("\"%s\" is not in \"%s\"", words, t.e.text);
}

void refuse_fours(bool refuse)
{
    if (pg)
        run(refuse ? "alter table t add constraint four check (a not like '%4')"
                   : "alter table t drop constraint four");
    else
        run(refuse ? "create trigger four before update on t when new.a like '%4' begin select "
                     "raise(abort, 'no fours'); end"
                   : "drop trigger four");
}

int on_each_database(const struct CMUnitTest *tests, size_t n)
{
    int failed = _cmocka_run_group_tests("sqlite", tests, n, NULL, NULL);

    server = pg_server_start();
    pg = true;
    if (server)
        failed += _cmocka_run_group_tests("postgresql", tests, n, NULL, NULL);
    pg_server_stop(server);
    return failed;
}
