/* test_memory.c - the n-th allocation fails, for every n: a right result or a clean error.
 *
 * Ours (--wrap) and SQLite's (its own hook) are counted together. What aborts at start when memory
 * has run out says so in its header, and is not asked here. */
#include "../unit.h"

#include "../core/small_world.h"
#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "core/inbox.h"
#include "core/work.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { ALLOCATIONS_MAX = 20000, BODY = 512 };

static long left = -1; /* allocations until one fails; -1: none will */
static bool struck;

/* Once it has struck, the next ones work: what matters is that somebody asks. */
static bool strikes(void)
{
    if (left < 0 || left-- > 0)
        return false;
    struck = true;
    return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return strikes() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return strikes() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return strikes() ? NULL : __real_realloc(p, n);
}

static sqlite3_mem_methods theirs;

static void *sqlite_malloc(int n)
{
    return strikes() ? NULL : theirs.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
    return strikes() ? NULL : theirs.xRealloc(p, n);
}

static int hook_sqlite(void **state)
{
    (void)state;
    if (sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_GETMALLOC, &theirs) != SQLITE_OK)
        return -1;
    sqlite3_mem_methods ours = theirs;
    ours.xMalloc = sqlite_malloc;
    ours.xRealloc = sqlite_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK ? 0 : -1;
}

/* A clean error: it has its words, and is none that says damage. */
static void assert_clean(enum status st, const struct error *e)
{
    if (st == ST_OK || st == ST_NONE)
        return;
    assert_true(e->text[0] != '\0');
    assert_true(st != ST_BROKEN);
}

static enum status put(struct small_world *w, const char *body, struct error *e)
{
    ARENA(a, 1 << 16);
    struct inbox_result result;
    struct event ev;
    enum status st = event_parse(str_of(body), &ev, &a, e);

    ev.received_at = w->wall;
    return st == ST_OK ? inbox_put_many(&w->env, &ev, 1, &result, e) : st;
}

static void an_event_is_kept_or_refused_whichever_allocation_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    char body[BODY], sql[BODY];

    for (long n = 0; n < ALLOCATIONS_MAX; n++) {
        struct error e = { 0 };
        snprintf(body, sizeof body,
                 "{\"id\":\"evt_%ld\",\"type\":\"product.\\u0075pdated\",\"data\":{\"object\":"
                 "{\"id\":\"prod_%ld\",\"object\":\"product\"}}}",
                 n, n);
        struck = false;
        left = n;
        enum status st = put(w, body, &e);
        left = -1;
        assert_clean(st, &e);
        snprintf(sql, sizeof sql,
                 "select count(*) from _inbox i join _due d on d.id = i.object_id "
                 "where i.event = 'evt_%ld'",
                 n);
        assert_int_equal(ask_int(w, sql), st == ST_OK);
        error_clear(&e);
        assert_int_equal(put(w, body, &e), ST_OK);
        assert_int_equal(ask_int(w, sql), 1);
        if (!struck) {
            small_world_free(w);
            return;
        }
    }
    assert_true(false); /* there is an end */
}

static void work_is_done_or_put_back_whichever_allocation_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report;
    char body[BODY], path[64], answer[BODY], sql[BODY];

    script(w, "", 200, answer);
    script(w, "", 200, answer);
    for (long n = 0; n < ALLOCATIONS_MAX; n++) {
        struct error e = { 0 };
        snprintf(body, sizeof body,
                 "{\"id\":\"evt_%ld\",\"type\":\"product.updated\",\"data\":{\"object\":"
                 "{\"id\":\"prod_%ld\",\"object\":\"product\"}}}",
                 n, n);
        snprintf(path, sizeof path, "/v1/products/prod_%ld", n);
        snprintf(answer, sizeof answer,
                 "{\"id\":\"prod_%ld\",\"object\":\"product\",\"default_price\":\"price_%ld\"}", n,
                 n);
        *script_last(w) = (struct scripted){ .path = path, .http_status = 200, .body = answer };
        assert_int_equal(put(w, body, &e), ST_OK);
        w->n_asked = 0;
        struck = false;
        left = n;
        enum status st = work_one(&w->env, &report, &e);
        left = -1;
        assert_clean(st, &e);
        pass(w, w->env.set.lease_ms + w->env.set.backoff_ms_max);
        work_off(w);
        snprintf(sql, sizeof sql, "select count(*) from products where id = 'prod_%ld'", n);
        assert_int_equal(ask_int(w, sql), 1);
        if (!struck) {
            small_world_free(w);
            return;
        }
    }
    assert_true(false); /* there is an end */
}

static void a_store_opens_or_says_why_whichever_allocation_fails(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct store_sqlite_options o = {
        .path = w->path, .sched = w->world.sched, .clock = w->world.clock, .read_only = true
    };

    /* The schema alone takes tens of thousands: the later ones by samples. */
    for (long n = 0; n < 1000000; n += 1 + n / 30) {
        struct error e = { 0 };
        struct store *store = NULL;
        /* The first four are ours, and abort at start. */
        struck = false;
        left = n + 6;
        enum status st = store_sqlite_open(&store, &o, &e);
        left = -1;
        assert_clean(st, &e);
        if (st == ST_OK)
            store->ops->close(store);
        if (!struck) {
            small_world_free(w);
            return;
        }
    }
    assert_true(false); /* there is an end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_kept_or_refused_whichever_allocation_fails),
        cmocka_unit_test(work_is_done_or_put_back_whichever_allocation_fails),
        cmocka_unit_test(a_store_opens_or_says_why_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, hook_sqlite, NULL);
}
