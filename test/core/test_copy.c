/* A mirror that moves takes everything with it. */
#include "../unit.h"

#include "backend/store_sqlite.h"
#include "core/copy.h"
#include "core/environment/seal.h"
#include "core/mirror/drift.h"
#include "core/mirror/sync.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Tables that do not move, and why. */
static const char *const left[] = {
    "_environment", /* made anew for the same identity */
    "_sequence",    /* likewise, behind the old one */
    "_types",       /* what this program knows */
    "_switch",      /* while one is under way, nothing is copied */
};

static bool is_left(const char *table)
{
    for (size_t i = 0; i < COUNT(left); i++)
        if (strcmp(left[i], table) == 0)
            return true;
    return false;
}

static const char *columns_of(const char *table)
{
    if (strcmp(table, "objects") == 0) /* but for the column that carries a constraint */
        return "type, account, id, data, deleted, revision, ticket, fetched_at, changed_at, "
               "api_version, source, open_lists, livemode, owner, hidden";
    if (strcmp(table, "_due") == 0) /* claims and pauses belong to processes */
        return "kind, type, id, account, lane, gen, done_gen, ticket, due_since, attempts, "
               "gone_hint, misses, permitted, depth, guest, dead, last_error, last_status, cause";
    if (strcmp(table, "_states") == 0) /* the key-value server may be another one */
        return "customer, account, value, revision, changed_at, synced_at, live";
    if (strcmp(table, "_users") == 0) /* likewise */
        return "user_id, account, state, customer, bindings, bound_at, wanted, op, form, attempt, "
               "started_at, key_at, revision, changed_at";
    return "*";
}

static void run_sql(struct store *s, const char *sql)
{
    struct error e = { 0 };
    enum status st = s->ops->script(s, str_of(sql), &e);

    if (st != ST_OK)
        print_error("%s: %s\n", sql, e.text);
    assert_int_equal(st, ST_OK);
}

/* A row in each table, whose every column is its own number or name. */
static void fill(struct small_world *w, const char *table)
{
    char names[1024] = "", values[1024] = "", query[256], sql[4096];
    size_t n = 0, v = 0;
    int64_t columns;

    snprintf(query, sizeof query, "select count(*) from pragma_table_info('%s')", table);
    columns = ask_int(w, query);
    for (int64_t i = 0; i < columns; i++) {
        snprintf(query, sizeof query, "select name from pragma_table_info('%s') where cid = %lld",
                 table, (long long)i);
        const char *name = ask_text(w, query);
        bool mode = strstr(name, "mode") != NULL; /* the only one that is checked */
        n += (size_t)snprintf(names + n, sizeof names - n, "%s\"%s\"", i ? ", " : "", name);
        snprintf(query, sizeof query,
                 "select count(*) from pragma_table_info('%s') where cid = %lld and lower(type) = "
                 "'text'",
                 table, (long long)i);
        v += (size_t)snprintf(values + v, sizeof values - v,
                              ask_int(w, query) ? "%s'{\"t\":%lld}'" : "%s%lld", i ? ", " : "",
                              mode ? 0 : (long long)i + 1);
    }
    snprintf(sql, sizeof sql, "insert or replace into %s (%s) values (%s)", table, names, values);
    run_sql(w->world.store, sql);
}

struct other {
    struct env env;
    struct world world;
    char path[128];
};

static void open_other(struct small_world *w, struct other *o)
{
    struct error e = { 0 };

    *o = (struct other){ .world = w->world };
    snprintf(o->path, sizeof o->path, "%s/other.db", w->dir);
    struct store_sqlite_options options = { .path = o->path,
                                            .sched = w->world.sched,
                                            .clock = w->world.clock };
    assert_int_equal(store_sqlite_open(&o->world.store, &options, &e), ST_OK);
    env_init(&o->env, "test", &o->world);
}

static void close_other(struct other *o)
{
    char more[160];

    env_free(&o->env);
    o->world.store->ops->close(o->world.store);
    for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *end; end++) {
        snprintf(more, sizeof more, "%s%s", o->path, *end);
        unlink(more);
    }
}

/* Every row of the old store's table is in the new one; and with `ways` 2, no other is. */
static void assert_copied(struct small_world *w, const struct other *to, const char *table,
                          int ways)
{
    const char *columns = columns_of(table);
    char sql[2048];

    snprintf(sql, sizeof sql, "attach '%s' as other", to->path);
    run_sql(w->world.store, sql);
    for (int way = 0; way < ways; way++) {
        snprintf(sql, sizeof sql,
                 "create table differs as select %s from %s.%s except select %s from %s.%s",
                 columns, way ? "other" : "main", table, columns, way ? "main" : "other", table);
        run_sql(w->world.store, sql);
        if (ask_int(w, "select count(*) from differs"))
            print_error("%s is not the same on both sides\n", table);
        assert_int_equal(ask_int(w, "select count(*) from differs"), 0);
        run_sql(w->world.store, "drop table differs");
    }
    run_sql(w->world.store, "detach other");
}

static void assert_same(struct small_world *w, const struct other *to, const char *table)
{
    assert_copied(w, to, table, 2);
}

static void every_table_is_copied_or_stays_for_a_reason(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct other to;
    char table[64][64], sql[512];
    int64_t objects, n = ask_int(w, "select count(*) from sqlite_master where type = 'table'");

    assert_in_range(n, 15, 64);
    for (int64_t i = 0; i < n; i++) {
        snprintf(sql, sizeof sql,
                 "select name from sqlite_master where type = 'table' order by name limit 1 "
                 "offset %lld",
                 (long long)i);
        snprintf(table[i], sizeof table[i], "%s", ask_text(w, sql));
        if (!is_left(table[i]))
            fill(w, table[i]);
    }
    open_other(w, &to);
    enum status st = copy_store(&w->env, &to.env, NULL, NULL, &objects, &e);
    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
    for (int64_t i = 0; i < n; i++)
        if (!is_left(table[i])) /* the new store's own audit has begun */
            assert_copied(w, &to, table[i], strcmp(table[i], "_audit") == 0 ? 1 : 2);
    close_other(&to);
    small_world_free(w);
}

static void a_check_that_was_under_way_goes_on_in_the_copy(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const struct drift_order order = { .repair = true };
    struct error e = { 0 };
    struct other to;
    struct work_report report;
    int64_t objects;

    script(w, "/v1/coupons", 200, "{\"object\":\"list\",\"data\":[],\"has_more\":false}");
    assert_int_equal(drift_want(&w->env, resource_by_type(S("coupon")), &order, &e), ST_OK);
    open_other(w, &to);
    assert_int_equal(copy_store(&w->env, &to.env, NULL, NULL, &objects, &e), ST_OK);
    assert_int_equal(work_one(&to.env, &report, &e), ST_OK);
    assert_false(report.failed);
    assert_int_equal(asked(w, "/v1/coupons"), 1);
    close_other(&to);
    small_world_free(w);
}

/* Breaks the copy off when it comes to the counters, the last table. */
static void stop_late(void *ctx, const struct copy_report *r)
{
    if (strcmp(r->table, "counters") == 0)
        env_stop(ctx);
}

static void reopen_other(struct small_world *w, struct other *o)
{
    struct other before = *o;

    env_free(&before.env);
    before.world.store->ops->close(before.world.store);
    open_other(w, o);
}

static void a_copy_that_goes_on_carries_over_what_changed_since(void **state)
{
    (void)state;
    static const char *const tables[] = { "objects", "_due", "_inbox", "_refs", "_history" };
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct other to;
    int64_t objects;

    script(w, "/v1/prices/price_1", 200,
           "{\"id\":\"price_1\",\"object\":\"price\",\"product\":\"prod_1\"}");
    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    deliver_event(w, "evt_1", "price.created", "price", "price_1");
    settle(w);
    open_other(w, &to);
    assert_int_equal(copy_store(&w->env, &to.env, stop_late, &to.env, &objects, &e), ST_RETRY);
    /* work that is due, an object that changed, and a reference that is no more */
    script(w, "/v1/prices/price_1", 200,
           "{\"id\":\"price_1\",\"object\":\"price\",\"product\":null}");
    deliver_event(w, "evt_2", "price.updated", "price", "price_1");
    settle(w);
    deliver_event(w, "evt_3", "product.updated", "product", "prod_1");
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 1);
    reopen_other(w, &to);
    error_clear(&e);
    enum status st = copy_store(&w->env, &to.env, NULL, NULL, &objects, &e);
    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
    assert_int_equal(objects, 2);
    for (size_t i = 0; i < COUNT(tables); i++)
        assert_same(w, &to, tables[i]);
    close_other(&to);
    small_world_free(w);
}

/* Writes into the old store after its objects were copied. */
struct writing {
    struct small_world *w;
    bool done;
};

static void write_late(void *ctx, const struct copy_report *r)
{
    struct writing *x = ctx;

    if (x->done || strcmp(r->table, "counters") != 0)
        return;
    x->done = true;
    script(x->w, "/v1/products/prod_2", 200, "{\"id\":\"prod_2\",\"object\":\"product\"}");
    deliver_event(x->w, "evt_9", "product.created", "product", "prod_2");
    settle(x->w);
}

static void a_store_that_somebody_writes_to_meanwhile_is_not_said_to_be_equal(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct writing x = { .w = w };
    struct error e = { 0 };
    struct other to;
    int64_t objects;

    open_other(w, &to);
    assert_int_equal(copy_store(&w->env, &to.env, write_late, &x, &objects, &e), ST_REFUSED);
    assert_non_null(strstr(e.text, "somebody wrote"));
    error_clear(&e);
    assert_int_equal(copy_store(&w->env, &to.env, NULL, NULL, &objects, &e), ST_OK);
    assert_int_equal(objects, 1);
    assert_same(w, &to, "objects");
    close_other(&to);
    small_world_free(w);
}

static void the_copy_of_a_sealed_store_is_sealed(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct seal seal = { 0 };
    struct other to;
    int64_t objects;

    assert_int_equal(seal_put(&w->env, "live", &e), ST_OK);
    open_other(w, &to);
    assert_int_equal(copy_store(&w->env, &to.env, NULL, NULL, &objects, &e), ST_OK);
    assert_int_equal(seal_read(&to.env, &seal, &e), ST_OK);
    assert_string_equal(seal.sealed_for, "live");
    close_other(&to);
    small_world_free(w);
}

static void a_store_in_the_middle_of_a_switch_is_not_copied(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const struct switch_plan plan = { .target = "live", .url = "" };
    struct error e = { 0 };
    struct other to;
    int64_t objects;

    assert_int_equal(switch_begin(&w->env, &plan, &e), ST_OK);
    open_other(w, &to);
    assert_int_equal(copy_store(&w->env, &to.env, NULL, NULL, &objects, &e), ST_CONFLICT);
    assert_non_null(strstr(e.text, "brindle env switch live"));
    error_clear(&e);
    assert_int_equal(switch_end(&w->env, true, &e), ST_OK);
    assert_int_equal(copy_store(&w->env, &to.env, NULL, NULL, &objects, &e), ST_OK);
    close_other(&to);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_is_copied_or_stays_for_a_reason),
        cmocka_unit_test(a_check_that_was_under_way_goes_on_in_the_copy),
        cmocka_unit_test(a_copy_that_goes_on_carries_over_what_changed_since),
        cmocka_unit_test(a_store_that_somebody_writes_to_meanwhile_is_not_said_to_be_equal),
        cmocka_unit_test(the_copy_of_a_sealed_store_is_sealed),
        cmocka_unit_test(a_store_in_the_middle_of_a_switch_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
