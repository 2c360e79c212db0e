/* The typed views over the table of objects, on a real SQLite. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "backend/unit.h"
#include "base/buf.h"
#include "core/mirror/views.h"
#include "samples.h"

enum { SCHEMA_BYTES_MAX = 1 << 20 };

/* ---- A database with the schema, the views and all samples ---- */

static void execute(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
}

static void make_tables(sqlite3 *db)
{
    char *sql = malloc(SCHEMA_BYTES_MAX);
    FILE *f = fopen(SCHEMA_FILE, "r");
    assert_true(sql != NULL && f != NULL);
    size_t n = fread(sql, 1, SCHEMA_BYTES_MAX - 1, f);
    sql[n] = '\0';
    fclose(f);
    execute(db, sql);
    free(sql);
}

static void make_views(sqlite3 *db)
{
    BUF(sql, VIEWS_SQL_BYTES_MAX);
    struct error e = { 0 };
    assert_int_equal(views_sql("sqlite", &sql, &e), ST_OK);
    buf_char(&sql, '\0');
    assert_false(sql.failed);
    execute(db, sql.p);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sqlite3_errmsg(db), sql);
    return s;
}

static void put(void *ctx, str type, str id, str data)
{
    sqlite3 *db = ctx;
    sqlite3_stmt *s = prepare(db, "insert or replace into objects (type, account, id, data, "
                                  "revision, ticket, fetched_at, changed_at, api_version, "
                                  "source) "
                                  "values (?, 'acct_1', ?, ?, 7, 7, 1767225600250, 0, 'v', 'get')");
    if (id.n == 0)
        id = type; /* a singleton */
    sqlite3_bind_text(s, 1, type.p, (int)type.n, NULL);
    sqlite3_bind_text(s, 2, id.p, (int)id.n, NULL);
    sqlite3_bind_text(s, 3, data.p, (int)data.n, NULL);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
}

static int open_database(void **state)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    make_tables(db);
    make_views(db);
    samples_each(put, db);
    *state = db;
    return 0;
}

static int close_database(void **state)
{
    return sqlite3_close(*state);
}

/* The first column of the first row, as text; empty when there is no row. */
static const char *ask(sqlite3 *db, const char *sql)
{
    static char answer[4096];
    sqlite3_stmt *s = prepare(db, sql);
    const char *text = sqlite3_step(s) == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : "";
    snprintf(answer, sizeof answer, "%s", text == NULL ? "null" : text);
    sqlite3_finalize(s);
    return answer;
}

#define EACH_RESOURCE(r) \
    for (const struct resource *r = resource_table; r < resource_table + resource_count; r++)

/* ---- What the views show ---- */

static void every_resource_has_both_its_views(void **state)
{
    EACH_RESOURCE(r)
    {
        char sql[256];
        snprintf(sql, sizeof sql, "select * from %s", r->view);
        sqlite3_stmt *s = prepare(*state, sql);
        assert_int_equal(sqlite3_column_count(s), r->n_columns + 6);
        assert_string_equal(sqlite3_column_name(s, 0), "id");
        for (size_t i = 0; i < r->n_columns; i++)
            assert_string_equal(sqlite3_column_name(s, (int)i + 2), r->column[i].name);
        sqlite3_finalize(s);
        snprintf(sql, sizeof sql,
                 "select id, account, data, fetched_at, revision, deleted from %s_all", r->view);
        sqlite3_finalize(prepare(*state, sql));
    }
}

static void assert_has_row(void *ctx, str type, str id, str data)
{
    const struct resource *r = resource_by_type(type);
    char sql[512];
    (void)data;
    if (r == NULL)
        return;
    if (id.n == 0)
        id = type;
    snprintf(sql, sizeof sql, "select count(*) from \"%s\" where id = '%.*s'", r->view,
             STR_ARG(id));
    assert_string_equal(ask(ctx, sql), "1");
    snprintf(sql, sizeof sql, "select * from \"%s\" where id = '%.*s'", r->view, STR_ARG(id));
    sqlite3_stmt *s = prepare(ctx, sql);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    sqlite3_finalize(s);
}

static void every_sample_of_a_known_type_is_a_row_of_its_view(void **state)
{
    samples_each(assert_has_row, *state);
}

static void columns_are_typed(void **state)
{
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        { "select typeof(unit_amount) || ' ' || unit_amount from prices where id = 'price_Tea2'",
          "integer 1250" },
        { "select unit_amount_decimal from prices where id = 'price_Tea2'", "1250.000000000001" },
        { "select active from prices where id = 'price_Tea2'", "1" },
        { "select created from prices where id = 'price_Tea2'", "2026-01-01T00:00:02Z" },
        { "select recurring_interval || recurring_interval_count from prices where id = "
          "'price_Tea2'",
          "month2" },
        { "select recurring_meter from prices where id = 'price_Tea2'", "null" },
        { "select percent_off from coupons where id = 'SPRING'", "12.5" },
        { "select email from customers where balance < 0", "ada@shop.example" },
        { "select name from customers where id = 'cus_Ada'",
          "Ada \xe2\x80\x9cthe First\xe2\x80\x9d" },
        { "select metadata ->> 'user' from customers where id = 'cus_Ada'", "u-17" },
        { "select fetched_at from products where id = 'prod_Tea'", "2026-01-01T00:00:00.250Z" },
        { "select account || revision from products where id = 'prod_Tea'", "acct_17" },
        { "select paid_at from invoices where id = 'in_Tea'", "2026-01-01T00:00:07Z" },
        { "select voided_at from invoices where id = 'in_Tea'", "null" },
        { "select card_brand || card_last4 from charges where id = 'ch_Tea'", "visa0005" },
        { "select last_payment_error_decline_code from payment_intents where id = 'pi_Tea'",
          "insufficient_funds" },
        { "select enabled_events from webhook_endpoints where id = 'we_Hook'", "[\"*\"]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(ask(*state, cases[i].sql), cases[i].expected);
}

static void a_reference_is_an_id_expanded_or_not(void **state)
{
    assert_string_equal(ask(*state, "select customer from payment_intents where id = 'pi_Tea'"),
                        "cus_Ada");
    assert_string_equal(ask(*state, "select customer from charges where id = 'ch_Tea'"), "cus_Ada");
    assert_string_equal(ask(*state, "select subscription from invoices where id = 'in_Tea'"),
                        "sub_Tea");
    assert_string_equal(
        ask(*state, "select default_payment_method from subscriptions where id = 'sub_Tea'"),
        "null");
    put(*state, S("subscription_item"), S("si_1"),
        S("{\"id\":\"si_1\",\"price\":{\"id\":\"price_Tea2\",\"object\":\"price\"}}"));
    assert_string_equal(ask(*state, "select price from subscription_items where id = 'si_1'"),
                        "price_Tea2");
}

static void a_tombstone_is_in_the_view_of_all_alone(void **state)
{
    execute(*state, "update objects set deleted = 1 where id = 'prod_Tea'");
    assert_string_equal(ask(*state, "select count(*) from products where id = 'prod_Tea'"), "0");
    assert_string_equal(
        ask(*state, "select name || deleted from products_all where id = 'prod_Tea'"), "Tea box1");
}

static void assert_clean(const char *view, const char *text)
{
    static const char *const secrets[] = { "_secret_S1", "_secret_C1", "_secret_K1",
                                           "whsec_NEVER" };
    for (size_t i = 0; i < COUNT(secrets); i++)
        if (strstr(text, secrets[i]) != NULL)
            fail_msg("%s shows %s", view, secrets[i]);
}

static void no_view_shows_a_secret(void **state)
{
    size_t values = 0;
    EACH_RESOURCE(r)
    {
        char sql[256];
        snprintf(sql, sizeof sql, "select * from %s_all", r->view);
        sqlite3_stmt *s = prepare(*state, sql);
        while (sqlite3_step(s) == SQLITE_ROW)
            for (int i = 0; i < sqlite3_column_count(s); i++) {
                const char *text = (const char *)sqlite3_column_text(s, i);
                assert_clean(r->view, text == NULL ? "" : text);
                values++;
            }
        sqlite3_finalize(s);
    }
    assert_true(values > 100);
    assert_string_equal(ask(*state, "select count(*) from objects where data like '%_secret_%'"
                                    " and id in ('pi_Tea', 'cus_Ada', 'in_Tea', 'cs_test_Tea')"),
                        "4"); /* the mirror keeps them */
}

/* ---- How they behave ---- */

/* The first line of the query plan. */
static void assert_plan_has(sqlite3 *db, const char *query, const char *index)
{
    char sql[512];
    snprintf(sql, sizeof sql, "explain query plan %s", query);
    sqlite3_stmt *s = prepare(db, sql);
    bool found = false;
    while (!found && sqlite3_step(s) == SQLITE_ROW)
        found = strstr((const char *)sqlite3_column_text(s, 3), index) != NULL;
    if (!found)
        fail_msg("no %s in the plan of: %s", index, query);
    sqlite3_finalize(s);
}

static void a_filter_on_an_indexed_column_searches_its_index(void **state)
{
    EACH_RESOURCE(r)
    for (size_t i = 0; i < r->n_columns; i++) {
        char query[256], index[256], name[INDEX_NAME_MAX];
        if (!r->column[i].indexed)
            continue;
        views_index_name(&r->column[i], name);
        snprintf(index, sizeof index, "USING INDEX %s (type=? AND <expr>=?)", name);
        snprintf(query, sizeof query, "select id from %s where %s = 'x'", r->view,
                 r->column[i].name);
        assert_plan_has(*state, query, index);
        snprintf(query, sizeof query, "select * from %s_all where %s = 'x'", r->view,
                 r->column[i].name);
        assert_plan_has(*state, query, index);
    }
}

static void resources_share_an_index_that_holds_no_others(void **state)
{
    assert_string_equal(
        ask(*state, "select count(*) from sqlite_schema where name like 'objects%customer'"), "1");
    assert_plan_has(*state, "select id from coupons where created = 'x'", "(type=?)");
}

static void a_span_of_time_searches_its_index_and_needs_no_sorting(void **state)
{
    assert_plan_has(*state,
                    "select id from invoices where created >= '2026-01-01' order by created",
                    "objects_created (type=? AND <expr>>?)");
}

static void a_look_up_and_a_join_by_id_search_the_primary_key(void **state)
{
    assert_plan_has(*state, "select * from customers where id = 'cus_1'",
                    "sqlite_autoindex_objects_1 (type=? AND id=?)");
    assert_plan_has(*state,
                    "select c.email from subscriptions s join customers c on c.id = s.customer "
                    "where s.status = 'active'",
                    "sqlite_autoindex_objects_1 (type=? AND id=?)");
}

static void views_can_be_made_again_under_a_users_own_view(void **state)
{
    execute(*state, "create view mine as select id, email from customers where balance < 0");
    make_views(*state);
    assert_string_equal(ask(*state, "select email from mine"), "ada@shop.example");
}

static void both_dialects_have_every_view_and_every_index(void **state)
{
    static const char *const names[] = { "sqlite", "pg" };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        BUF(sql, VIEWS_SQL_BYTES_MAX);
        struct error e = { 0 };
        assert_int_equal(views_sql(names[i], &sql, &e), ST_OK);
        buf_char(&sql, '\0');
        EACH_RESOURCE(r)
        {
            char text[256];
            snprintf(text, sizeof text, "view \"%s\" as select * from \"%s_all\"", r->view,
                     r->view);
            assert_non_null(strstr(sql.p, text));
            snprintf(text, sizeof text, "view \"%s_all\" as select id, account", r->view);
            assert_non_null(strstr(sql.p, text));
            for (size_t k = 0; k < r->n_columns; k++) {
                char name[INDEX_NAME_MAX];
                if (!r->column[k].indexed)
                    continue;
                views_index_name(&r->column[k], name);
                snprintf(text, sizeof text, "create index %s on", name);
                assert_non_null(strstr(sql.p, text));
            }
        }
    }
}

static void postgresql_keeps_its_views_and_casts_their_columns(void **state)
{
    static const char *const parts[] = {
        "create or replace view \"prices\"",
        "(data #>> '{unit_amount}')::bigint as \"unit_amount\"",
        "to_timestamp((data #>> '{created}')::double precision) as \"created\"",
        "data #>> '{recurring,interval}' as \"recurring_interval\"",
        "coalesce(data #> '{customer}' ->> 'id', data #>> '{customer}') as \"customer\"",
        "data #- '{client_secret}'",
    };
    BUF(sql, VIEWS_SQL_BYTES_MAX);
    struct error e = { 0 };
    (void)state;
    assert_int_equal(views_sql("pg", &sql, &e), ST_OK);
    buf_char(&sql, '\0');
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_non_null(strstr(sql.p, parts[i]));
    assert_null(strstr(sql.p, "drop view"));
    assert_null(strstr(sql.p, "json_"));
}

static void a_buffer_that_is_too_small_is_a_limit(void **state)
{
    BUF(sql, 1000);
    struct error e = { 0 };
    (void)state;
    assert_int_equal(views_sql("sqlite", &sql, &e), ST_LIMIT);
    assert_int_equal(views_sql("mysql", &sql, &e), ST_INVALID);
}

static void the_fingerprint_is_short_and_steady(void **state)
{
    char one[32], two[32];
    (void)state;
    views_fingerprint(one);
    views_fingerprint(two);
    assert_string_equal(one, two);
    assert_int_equal(strspn(one, "0123456789abcdef"), 16);
    assert_int_equal(strlen(one), 16);
}

#define ON_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DATABASE(every_resource_has_both_its_views),
        ON_DATABASE(every_sample_of_a_known_type_is_a_row_of_its_view),
        ON_DATABASE(columns_are_typed),
        ON_DATABASE(a_reference_is_an_id_expanded_or_not),
        ON_DATABASE(a_tombstone_is_in_the_view_of_all_alone),
        ON_DATABASE(no_view_shows_a_secret),
        ON_DATABASE(a_filter_on_an_indexed_column_searches_its_index),
        ON_DATABASE(resources_share_an_index_that_holds_no_others),
        ON_DATABASE(a_span_of_time_searches_its_index_and_needs_no_sorting),
        ON_DATABASE(a_look_up_and_a_join_by_id_search_the_primary_key),
        ON_DATABASE(views_can_be_made_again_under_a_users_own_view),
        cmocka_unit_test(both_dialects_have_every_view_and_every_index),
        cmocka_unit_test(postgresql_keeps_its_views_and_casts_their_columns),
        cmocka_unit_test(a_buffer_that_is_too_small_is_a_limit),
        cmocka_unit_test(the_fingerprint_is_short_and_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
