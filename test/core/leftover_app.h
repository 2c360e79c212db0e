/* leftover_app.h - an application's database with leftovers in it, for the tests of
 * core/leftovers/leftovers: the same tests over SQLite and over PostgreSQL. */
#pragma once

#include "../unit.h"

#include "../backend/pg_server.h"
#include "../backend/temp_dir.h"
#include "core/leftovers/leftovers.h"
#include "small_world.h"

#define wrong(...) (print_error(__VA_ARGS__), print_error("\n"), assert_true(false))

enum { TEXT_MAX = 16 << 10, SCAN_BYTES_MAX = 64 << 20 };

/* Accounts that are connected to nobody here: proven to be of elsewhere without asking. */
#define OLD "acct_Elsewhere00"
#define ONE OLD "1"
#define TWO OLD "2"
#define WHO "cus_NobodyKnows1"

extern struct pg_server *server; /* NULL: not installed */
extern bool pg;                  /* the dialect that the suite runs over just now */

struct leftover_app {
    struct small_world *w;
    struct temp_dir dir;
    char url[256];
    struct database *db;
    struct leftover_scan scan;
    struct arena a;
    struct error e;
};
extern struct leftover_app t; /* of the test that runs */

void run(const char *sql);
enum status open_app(bool writable);
int set_up(void **state);
int tear_down(void **state);
const char *cells(const char *sql);
int64_t number(const char *sql);
enum status declare(const char *columns);
enum status look(const char *columns);
void must_look(const char *columns);
struct leftover_mended apply(void);
enum status try_to_apply(void);
struct leftover_mended undo(void);
enum status try_to_undo(void);
void says(const char *words);

/* The database takes no value of `t.a` that ends in 4 by an update, or does again. */
void refuse_fours(bool refuse);

/* Runs the tests on SQLite, and on PostgreSQL where there is one: how many failed. */
int on_each_database(const struct CMUnitTest *tests, size_t n);
