/* What is of another environment, removed: whole, and nothing else. */
#include "../unit.h"

#include "core/environment/foreign.h"
#include "small_world.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { EVERYTHING = 100, MANY = 1300, A_PAGE_BYTES = 64 << 10 };

static void run(struct small_world *w, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        print_error("%s\n  %s\n", sql, why);
    assert_null(why);
    sqlite3_close(db);
}

/* A row in each table that knows accounts; the told type is in no table of resources. */
static void fill(struct small_world *w, const char *account)
{
    static const char *const row[] = {
        "objects (type, account, id, data, revision, ticket, fetched_at, changed_at, api_version, "
        "source) values ('product', ?1, 'prod_9', '{}', 1, 1, 1, 1, '', 'get'), "
        "('magic.wand', ?1, 'wand_9', '{}', 1, 1, 1, 1, '', 'event')",
        "_inbox (event, type, account, received_at, secret, last_at, outcome, body) "
        "values ('evt_' || ?1, 'product.created', ?1, 1, 's', 1, 'due', '{}')",
        "_inbox_conflicts (event, received_at, reason, body) values ('evt_' || ?1, 1, 'mode', "
        "'{}')",
        "_due (kind, type, id, account, lane, gen, due_since, cause) values "
        "('object', 'product', 'prod_9', ?1, 1, 1, 1, 'x'), "
        "('object', 'magic.wand', 'wand_9', ?1, 1, 1, 1, 'x'), "
        "('walk', 'price', 'active=true', ?1, 1, 1, 1, 'x'), "
        "('customer', 'customer', 'cus_9', ?1, 1, 1, 1, 'x'), "
        "('catchup', '', '', ?1, 1, 1, 1, 'x')",
        "_refs (from_type, account, from_id, field, to_type, to_id, ticket) values "
        "('product', ?1, 'prod_9', 'default_price', 'price', 'price_9', 1)",
        "_absent (type, account, id, state, status, answer, first_at, last_at, next_at, looks) "
        "values ('price', ?1, 'price_9', 'absent', 404, '', 1, 1, 0, 1)",
        "_checks (type, account, state, repair, permitted, paced) values "
        "('coupon', ?1, 'done', 0, 0, 0)",
        "_drift (type, account, id, what, revision, fields, found_at) values "
        "('plan', ?1, 'p', 'missing', 0, '', 1)",
        "_history (type, account, id, revision, since, until, deleted, cause, data) values "
        "('product', ?1, 'prod_9', 1, 1, 1, 0, 'x', '{}')",
        "_walks (type, variant, account, state) values ('price', 'active=true', ?1, 'complete')",
        "_states (customer, account, value, revision, changed_at) values "
        "('cus_9', ?1, '{}', 1, 1)",
        "_users (user_id, account) values ('u', ?1)",
        "_user_links (customer, account, user_id, created) values ('cus_9', ?1, 'u', 1)",
        "_user_history (user_id, account, binding, customer, bound_at, ended_at, why) values "
        "('u', ?1, 1, 'cus_8', 1, 1, 'x')",
        "_dropped (type, account, id, ticket, at, source, reason) values "
        "('magic.wand', ?1, 'wand_9', 1, 1, 'event', 'buried')",
        "_counters (name, value) values ('events_read:' || ?1, 5)",
        "_erasing (customer, account, words, touched_at) values ('cus_9', ?1, '{}', 1)",
        "_calls (at, method, path, account, duration_ms, lane, cause) values "
        "(1, 'GET', '/v1/products', ?1, 1, 1, 'x')",
        "_ops (id, account, kind, actor, input, created_at, changed_at) values "
        "('op_' || ?1, ?1, 'price.create', 'x', '{}', 1, 1)",
    };
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    for (size_t i = 0; i < COUNT(row); i++) {
        sqlite3_stmt *s = NULL;
        char sql[1024];
        snprintf(sql, sizeof sql, "insert into %s", row[i]);
        if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
            print_error("%s\n  %s\n", sql, sqlite3_errmsg(db));
        sqlite3_bind_text(s, 1, account, -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
}

static void know(struct small_world *w, const char *account, const char *state)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "insert into _accounts (account, state, since) values ('%s', '%s', 1)", account,
             state);
    run(w, sql);
}

/* What is kept for good: the audit, and what the account is. */
static bool stays(const char *table)
{
    static const char *const kept[] = { "_calls", "_ops", "_accounts", "_environment" };

    for (size_t i = 0; i < COUNT(kept); i++)
        if (strcmp(table, kept[i]) == 0)
            return true;
    return false;
}

static int64_t rows_of(struct small_world *w, const char *table, const char *account)
{
    char sql[300];

    snprintf(sql, sizeof sql, "select count(*) from \"%s\" where account = '%s'", table, account);
    return ask_int(w, sql);
}

#define TABLES                                                               \
    "from sqlite_schema m where m.type = 'table' and exists (select 1 from " \
    "pragma_table_info(m.name) p where p.name = 'account')"

static void of_each_table(struct small_world *w, const char *account, bool gone)
{
    int64_t n = ask_int(w, "select count(*) " TABLES);

    assert_in_range(n, 15, EVERYTHING);
    for (int64_t i = 0; i < n; i++) {
        char sql[400], table[100];
        snprintf(sql, sizeof sql, "select m.name " TABLES " order by 1 limit 1 offset %d", (int)i);
        snprintf(table, sizeof table, "%s", ask_text(w, sql));
        if (strcmp(table, "_environment") == 0)
            continue;
        bool right = (rows_of(w, table, account) == 0) == (gone && !stays(table));
        if (!right)
            print_error("%s of %s\n", table, account);
        assert_true(right);
    }
}

static void a_purge_leaves_nothing_of_the_account_in_any_table(void **state)
{
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct purge would, did;

    (void)state;
    know(w, "acct_8", "active");
    know(w, "acct_9", "wrong_mode");
    fill(w, "acct_8");
    fill(w, "acct_9");
    of_each_table(w, "acct_8", false);
    of_each_table(w, "acct_9", false); /* a table that is new has a row here, too */
    assert_int_equal(purge_count(&w->env, &would, &e), ST_OK);
    assert_int_equal(would.objects, 2);
    assert_int_equal(would.events, 1);
    assert_int_equal(would.all, 4);
    assert_int_equal(purge_run(&w->env, EVERYTHING, &did, &e), ST_OK);
    assert_int_equal(did.objects, 2);
    assert_int_equal(did.events, 1);
    of_each_table(w, "acct_8", false);
    of_each_table(w, "acct_9", true);
    assert_int_equal(ask_int(w, "select count(*) from _counters where name like '%acct_9'"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _counters where name like '%acct_8'"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _inbox_conflicts"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _audit where what = 'purged'"), 1);
    assert_int_equal(purge_run(&w->env, EVERYTHING, &did, &e), ST_OK);
    assert_int_equal(did.objects + did.events, 0);
    small_world_free(w);
}

static void count_lines(void *ctx, str page)
{
    size_t *lines = ctx;

    for (size_t i = 0; i < page.n; i++)
        *lines += page.p[i] == '\n';
}

static void all_accounts_are_purged_and_listed_however_many(void **state)
{
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct purge would, did;
    BUF(out, A_PAGE_BYTES);
    size_t n = 0, lines = 0;
    const struct pages pages = { count_lines, &lines };

    (void)state;
    run(w, "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1300) "
           "insert into _accounts (account, state, since) "
           "select 'acct_' || (10000 + i), 'wrong_mode', 1 from n");
    run(w,
        "insert into objects (type, account, id, data, revision, ticket, fetched_at, changed_at, "
        "api_version, source) select 'product', account, 'prod_1', '{}', 1, 1, 1, 1, '', 'get' "
        "from _accounts");
    assert_int_equal(foreign_write(&w->env, &out, NULL, &n, &e), ST_LIMIT);
    assert_non_null(strstr(e.text, "brindle env check"));
    error_clear(&e);
    buf_clear(&out);
    assert_int_equal(foreign_write(&w->env, &out, &pages, &n, &e), ST_OK);
    assert_int_equal(n, MANY);
    assert_int_equal(lines, MANY);
    assert_int_equal(purge_count(&w->env, &would, &e), ST_OK);
    assert_int_equal(would.objects, MANY);
    assert_int_equal(purge_run(&w->env, EVERYTHING, &did, &e), ST_OK);
    assert_int_equal(did.objects, MANY);
    assert_int_equal(ask_int(w, "select count(*) from objects"), 0);
    small_world_free(w);
}

static void what_is_too_much_or_stopped_is_no_purge(void **state)
{
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct purge did;

    (void)state;
    know(w, "acct_9", "wrong_mode");
    fill(w, "acct_9");
    assert_int_equal(purge_run(&w->env, 99, &did, &e), ST_REFUSED);
    assert_non_null(strstr(e.text, "more than 99 %"));
    of_each_table(w, "acct_9", false);
    error_clear(&e);
    env_stop(&w->env);
    assert_int_equal(purge_run(&w->env, EVERYTHING, &did, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "again"));
    small_world_free(w);
}

/* The store of a process that dies at a commit: before it, or behind it. */
static struct {
    struct store store;
    struct store_ops ops;
    struct store *inner;
    int64_t left; /* commits until then */
    bool behind, dead;
} mortal;

static enum status begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    (void)s;
    return mortal.dead ? fail(e, ST_REFUSED, "killed")
                       : mortal.inner->ops->begin(mortal.inner, mode, tx, e);
}

static enum status run_inner(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                             struct rows *rows, struct arena *a, struct error *e)
{
    tx->store = mortal.inner;
    enum status st = mortal.inner->ops->run(tx, id, args, n, rows, a, e);
    tx->store = &mortal.store;
    return st;
}

static void roll_back(struct tx *tx)
{
    tx->store = mortal.inner;
    mortal.inner->ops->rollback(tx);
    tx->store = &mortal.store;
}

static enum status commit(struct tx *tx, struct error *e)
{
    bool dies = tx->mode == TX_WRITE && --mortal.left == 0;

    mortal.dead = mortal.dead || dies;
    if (dies && !mortal.behind) {
        roll_back(tx);
        return fail(e, ST_REFUSED, "killed");
    }
    tx->store = mortal.inner;
    enum status st = mortal.inner->ops->commit(tx, e);
    tx->store = &mortal.store;
    return dies ? fail(e, ST_REFUSED, "killed") : st;
}

static void make_mortal(struct small_world *w, int64_t commits, bool behind)
{
    mortal.inner = w->world.store;
    mortal.ops = *mortal.inner->ops;
    mortal.ops.begin = begin;
    mortal.ops.run = run_inner;
    mortal.ops.commit = commit;
    mortal.ops.rollback = roll_back;
    mortal.store.ops = &mortal.ops;
    mortal.left = commits;
    mortal.behind = behind;
    mortal.dead = false;
    w->world.store = &mortal.store;
}

/* ENV-24 */
static void a_purge_that_is_killed_anywhere_ends_when_it_is_said_again(void **state)
{
    bool died = true;
    int64_t at = 0;

    (void)state;
    while (died) {
        struct small_world *w = small_world_new();
        struct error e = { 0 };
        struct purge did;
        know(w, "acct_8", "active");
        know(w, "acct_9", "wrong_mode");
        fill(w, "acct_8");
        fill(w, "acct_9");
        make_mortal(w, at / 2 + 1, at % 2);
        at += at < 20 ? 1 : 7; /* some of the many that remove nothing */
        enum status st = purge_run(&w->env, EVERYTHING, &did, &e);
        died = mortal.dead;
        assert_int_equal(st, died ? ST_REFUSED : ST_OK);
        w->world.store = mortal.inner; /* the next process */
        error_clear(&e);
        of_each_table(w, "acct_8", false);
        assert_int_equal(purge_run(&w->env, EVERYTHING, &did, &e), ST_OK);
        of_each_table(w, "acct_8", false);
        of_each_table(w, "acct_9", true);
        assert_int_equal(ask_int(w, "select count(*) from _counters where name like '%acct_9'"), 0);
        small_world_free(w);
    }
    assert_in_range(at, 20, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_purge_leaves_nothing_of_the_account_in_any_table),
        cmocka_unit_test(all_accounts_are_purged_and_listed_however_many),
        cmocka_unit_test(what_is_too_much_or_stopped_is_no_purge),
        cmocka_unit_test(a_purge_that_is_killed_anywhere_ends_when_it_is_said_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
