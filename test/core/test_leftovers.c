/* Leftovers in an application's own database: what is seen of them. */
#include "leftover_app.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what there is -------------------------------------------------------------------------- */

/* Each column with what it holds (0 nothing, 1 a text, 2 documents), and whether it can be emptied.
 */
static const char *described(const char *table)
{
    static char out[1024];
    struct app_tables tables;
    size_t n = 0;

    assert_int_equal(app_tables_read(t.db, &tables, &t.a, &t.e), ST_OK);
    const struct app_table *found = app_table_named(&tables, str_of(table));
    assert_non_null(found);
    for (size_t i = 0; i < found->n_columns; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s%d%s ", STR_ARG(found->column[i].name),
                              (int)found->column[i].holds, found->column[i].nullable ? "" : "!");
    return out;
}

static void columns_are_known_by_what_they_hold(void **state)
{
    (void)state;
    if (pg)
        run("create domain stripe_id as varchar(255);"
            "create table t (id uuid primary key, a text, b varchar(9) not null, c char(9), d "
            "stripe_id,"
            " e bytea, f jsonb, g json, h text[], i integer, j text generated always as (a || 'x') "
            "stored)");
    else
        run("create table t (id blob primary key, a text, b varchar(9) not null, c char(9), d, e "
            "blob, "
            "f json, g jsonb, h text, i integer, j text generated always as (a || 'x'))");
    assert_string_equal(described("t"), pg ? "id0! a1 b1! c1 d1 e0 f2 g2 h2 i0 j1! "
                                           : "id0! a1 b1! c1 d1 e0 f2 g2 h1 i0 j1! ");
    assert_int_equal(look("t.id"), ST_INVALID);
    says("holds no texts");
    assert_int_equal(look("t.a, t.a"), ST_INVALID);
    says("twice");
    assert_int_equal(look("t.f=delete"), ST_INVALID);
    says("=delete does not go with it");
    run("create view v as select a from t");
    assert_int_equal(look("v.a"), ST_INVALID);
    says("is a view");
}

/* Proposed, taken as it stands, and looked at. */
static void names_of_any_kind_are_proposed_so_that_they_can_be_taken(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    BUF(all, 1 << 16);
    run(pg ? "create schema \"Bil ling\"; create table \"Bil ling\".\"My \"\"T.able\" (id int "
             "primary "
             "key, \"the, Id\" text);"
             "insert into \"Bil ling\".\"My \"\"T.able\" values (1, '" ONE "');"
           : "create table \"My \"\"T.able\" (id integer primary key, \"the, Id\" text);"
             "insert into \"My \"\"T.able\" values (1, '" ONE "');");
    run("create table \"Mixed\" (id integer primary key, \"Id=x\" text, plain text);"
        "insert into \"Mixed\" values (1, '" ONE "', '" TWO "');"
        "create table documents (id integer primary key, body text);"
        "insert into documents values (1, '{\"a\":[\"" ONE "\"]}');");
    t.scan = (struct leftover_scan){ .db = t.db, .a = &t.a };
    assert_int_equal(app_tables_read(t.db, &t.scan.tables, &t.a, &t.e), ST_OK);
    assert_int_equal(leftovers_discover(&t.scan, &t.e), ST_OK);
    assert_int_equal(t.scan.n_columns, 4);
    for (size_t i = 0; i < t.scan.n_columns; i++) {
        buf_append(&all, leftovers_name(&t.scan.column[i], &a));
        buf_append(&all, S("\n"));
    }
    buf_char(&all, '\0');
    assert_non_null(strstr(all.p, "\"the, Id\""));
    assert_non_null(strstr(all.p, "documents.body=inside"));
    must_look(all.p);
    assert_int_equal(t.scan.n_columns, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(t.scan.column[i].ids[LEFTOVER_OTHER_ACCOUNT], 1);
}

/* Who changes what a virtual table keeps itself breaks it. Of a module that is not there nobody
 * knows which those are. */
static void what_belongs_to_a_virtual_table_is_left_alone(void **state)
{
    (void)state;
    if (pg)
        skip();
    run("create virtual table docs using fts5(a, body); insert into docs values ('" ONE "', 'b');"
        "create table docs_authors (id integer primary key, a text);"
        "insert into docs_authors values (1, '" TWO "');"
        "create table spots_index (id integer primary key, a text); insert into spots_index values "
        "(1, '" TWO "'); pragma writable_schema = on; insert into sqlite_schema values ('table', "
        "'spots', 'spots', 0, 'CREATE VIRTUAL TABLE spots' || char(10) || 'using "
        "nobody_has_it(a)')");
    assert_int_equal(open_app(true), ST_OK);
    assert_int_equal(declare(""), ST_OK);
    assert_int_equal(leftovers_discover(&t.scan, &t.e), ST_OK);
    assert_int_equal(t.scan.n_columns, 1);
    assert_true(str_eqz(t.scan.column[0].table->name, "docs_authors"));
    assert_true(str_eqz(t.scan.tables.virtual, "docs, spots"));
    static const char *const no[] = { "docs.a", "Docs_Content.c0", "spots.a", "spots_index.a" };
    for (size_t i = 0; i < COUNT(no); i++) {
        assert_int_equal(look(no[i]), ST_INVALID);
        says("is a virtual table, or keeps");
    }
}

/* One that is longer than any line of the parser of brindle.conf. */
static void what_is_no_name_is_refused(void **state)
{
    static const char *const no[] = { "t",    "t.",       ".a",    "t.a=drop",         "\"t.a",
                                      "t..a", "\"t\"a.a", "t.a b", "t.a=delete=inside" };

    (void)state;
    run("create table t (id integer primary key, a text)");
    for (size_t i = 0; i < COUNT(no); i++) {
        if (look(no[i]) != ST_INVALID)
            wrong("%s was taken", no[i]);
    }
    assert_int_equal(look("nowhere.a"), ST_INVALID);
    says(pg ? "no table \"nowhere\", but t." : "no table \"nowhere\", but a first one, t.");
}

static void ids_are_told_apart_however_many_there_are(void **state)
{
    enum { MANY = DATABASE_ROWS_MAX + 7 };
    char sql[512];

    (void)state;
    snprintf(sql, sizeof sql,
             "create table t (id integer primary key, a text);"
             "insert into t with recursive c (i) as (select 1 union all select i + 1 from c where "
             "i < %d) select i, 'acct_Many' || cast(100000000 + i as text) from c;"
             "insert into t select id + %d, a from t where id <= 10;"
             "insert into t values (0, 'none'), (-1, null), (-2, ''), (-3, '" WHO "')",
             MANY, MANY);
    run(sql);
    must_look("t.a");
    const struct leftover_column *c = &t.scan.column[0];
    assert_int_equal(c->ids[LEFTOVER_OTHER_ACCOUNT], MANY);
    assert_int_equal(c->rows[LEFTOVER_OTHER_ACCOUNT], MANY + 10);
    assert_int_equal(c->ids[LEFTOVER_UNKNOWN], 1);
    assert_int_equal(c->ids[LEFTOVER_NO_ID], 1);
    struct leftover_mended m = apply();
    assert_int_equal(m.emptied, MANY + 10);
    assert_int_equal(number("select count(*) from t where a is not null"), 3);
    assert_int_equal(undo().emptied, MANY + 10);
    assert_int_equal(number("select count(distinct a) from t"), MANY + 3);
}

static void in_the_mirror(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(t.w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* An id that somebody chose, as `catalog promote` takes it over, can be in both modes. */
static void what_another_mirror_has_is_asked_for_before_it_counts(void **state)
{
    static const char path[] = "/v1/products/prod_premium01";
    static const char complete[] = "insert into _walks (type, variant, account, complete_at) "
                                   "values ('product', '', 'acct_2', 1)";
    static const struct {
        int answer; /* Stripe's; 0: it is not asked */
        bool complete;
        enum leftover_kind kind;
    } want[] = { { 200, false, LEFTOVER_HERE },
                 { 404, false, LEFTOVER_OTHER_ACCOUNT },
                 { 0, false, LEFTOVER_UNKNOWN },
                 { 0, true, LEFTOVER_OTHER_ACCOUNT } };
    static struct env ours; /* the same store, seen from another account */

    (void)state;
    ours = t.w->env;
    snprintf(ours.identity.account, sizeof ours.identity.account, "acct_2");
    in_the_mirror("insert into objects (type, account, id, data, ticket, fetched_at, changed_at, "
                  "revision, api_version, source) values ('product', 'acct_1', 'prod_premium01', "
                  "'{}', 1, 1, 1, 1, '', 'get')");
    run("create table t (id integer primary key, a text); insert into t values (1, "
        "'prod_premium01')");
    for (size_t i = 0; i < COUNT(want); i++) {
        script(t.w, path, want[i].answer,
               want[i].answer == 200
                   ? "{\"id\":\"prod_premium01\",\"object\":\"product\"}"
                   : "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                     "\"resource_missing\",\"message\":\"No such product: 'prod_premium01'\"}}");
        if (want[i].complete)
            in_the_mirror(complete);
        assert_int_equal(declare("t.a"), ST_OK);
        t.scan.mirror = &ours;
        t.scan.other[t.scan.n_others++] = &t.w->env;
        t.scan.stripe = want[i].answer ? &t.w->env : NULL;
        if (leftovers_look(&t.scan, &t.e) != ST_OK)
            wrong("%s", t.e.text);
        if (t.scan.column[0].ids[want[i].kind] != 1)
            wrong("%zu: not %s", i, leftover_kind_name(want[i].kind));
    }
    /* An older copy of the same mirror is nowhere else. */
    static struct env copy;
    copy = ours;
    assert_int_equal(declare("t.a"), ST_OK);
    t.scan.mirror = &ours;
    t.scan.other[t.scan.n_others++] = &copy;
    assert_int_equal(leftovers_look(&t.scan, &t.e), ST_OK);
    assert_int_equal(t.scan.column[0].ids[LEFTOVER_UNKNOWN], 1);
}

/* As whom Stripe is asked for an id, where there are connected accounts, and what counts. */
static void with_connect_an_id_is_asked_for_as_each_account_before_it_is_unknown(void **state)
{
    enum { NOT = 404, LOST = 401, MAY_NOT = 403 };
    static const struct {
        const char *row;          /* the account that the row names */
        int platform, one, other; /* what Stripe answers as those */
        bool briefly;             /* not everywhere */
        enum leftover_kind kind;
        size_t asked; /* requests */
    } want[] = { { "", 200, 0, 0, false, LEFTOVER_HERE, 1 },
                 { "", NOT, NOT, 200, false, LEFTOVER_HERE, 3 },
                 { "", NOT, NOT, NOT, false, LEFTOVER_UNKNOWN, 3 },
                 { "", NOT, NOT, NOT, true, LEFTOVER_UNKNOWN, 1 },
                 { "", NOT, MAY_NOT, NOT, false, LEFTOVER_UNASKED, 3 },
                 { "", NOT, LOST, NOT, false, LEFTOVER_UNASKED, 3 },
                 { "", NOT, LOST, 200, false, LEFTOVER_HERE, 3 },
                 { "acct_other00001", NOT, 200, 200, false, LEFTOVER_HERE, 2 },
                 { "acct_other00001", NOT, 200, NOT, false, LEFTOVER_UNKNOWN, 2 },
                 { "acct_other00001", NOT, 0, 200, true, LEFTOVER_HERE, 2 },
                 { "acct_1", NOT, NOT, 200, false, LEFTOVER_HERE, 3 },
                 { "acct_other00001\n", NOT, NOT, 200, false, LEFTOVER_HERE, 3 },
                 { "acct_gone000001", NOT, 200, 200, false, LEFTOVER_UNASKED, 1 },
                 { "acct_stranger01", NOT, NOT, 200, false, LEFTOVER_HERE, 4 },
                 { "acct_stranger01", NOT, NOT, NOT, false, LEFTOVER_UNKNOWN, 4 },
                 { "", MAY_NOT, 200, 200, false, LEFTOVER_UNASKED, 1 } };
    static const char *const account[] = { "", "acct_one0000001", "acct_other00001",
                                           "acct_stranger01" };
    char sql[200];

    (void)state;
    in_the_mirror("insert into _accounts (account, state, since) values "
                  "('acct_one0000001', 'active', 1), ('acct_other00001', 'new', 1), "
                  "('acct_gone000001', 'unreachable', 1)");
    run("create table t (id integer primary key, a text, whose text)");
    for (size_t i = 0; i < COUNT(want); i++) {
        const int answer[] = { want[i].platform, want[i].one, want[i].other, LOST };
        run("delete from t");
        snprintf(sql, sizeof sql, "insert into t values (1, '" WHO "', '%s')", want[i].row);
        run(sql);
        t.w->n_script = 0;
        for (size_t k = 0; k < COUNT(account); k++) {
            script(t.w, "/v1/customers/" WHO, answer[k],
                   answer[k] == 200 ? "{\"id\":\"" WHO "\",\"object\":\"customer\"}"
                   : answer[k] == NOT
                       ? "{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such\"}}"
                   : answer[k] == LOST
                       ? "{\"error\":{\"code\":\"account_invalid\",\"message\":\"The provided key "
                         "does not have access to account\"}}"
                       : "{\"error\":{\"message\":\"The provided key does not have the required "
                         "permissions\"}}");
            script_last(t.w)->account = account[k];
        }
        assert_int_equal(declare("t.a, t.whose"), ST_OK);
        t.scan.stripe = &t.w->env;
        t.scan.connect = true;
        t.scan.everywhere = !want[i].briefly;
        size_t before = t.w->n_asked;
        if (i == 0) { /* nobody knows yet which accounts there are */
            assert_int_equal(leftovers_look(&t.scan, &t.e), ST_REFUSED);
            says("brindle sync accounts --env");
            assert_int_equal(t.w->n_asked, before);
            in_the_mirror("insert into _walks (type, variant, account, complete_at) values "
                          "('account', '', 'acct_1', 1)");
            t.scan.accounts.read = false;
        }
        t.scan.n_columns = 1;
        t.scan.column[0].account =
            app_column_named(&t.scan.tables, t.scan.column[0].table, S("whose"));
        if (leftovers_look(&t.scan, &t.e) != ST_OK)
            wrong("%zu: %s", i, t.e.text);
        if (t.scan.column[0].ids[want[i].kind] != 1)
            wrong("%zu: not %s", i, leftover_kind_name(want[i].kind));
        if (t.w->n_asked - before != want[i].asked)
            wrong("%zu: %zu requests", i, t.w->n_asked - before);
    }
}

static void ids_inside_documents_are_told_and_left_to_people(void **state)
{
    (void)state;
    BUF(sql, 4096);
    run(pg ? "create table t (id integer primary key, body jsonb, list text[]);"
           : "create table t (id integer primary key, body json, list text);");
    run(pg ? "insert into t values (1, '{\"x\":{\"account\":\"" ONE
             "\",\"status\":\"not_paid_yet_at_all\"}}', "
             "array['" ONE "', '" TWO "']), (2, '[\"" ONE "\"]', null), (3, null, array['" WHO "'])"
           : "insert into t values (1, '{\"x\":{\"account\":\"" ONE
             "\",\"status\":\"not_paid_yet_at_all\"}}', "
             "'[\"" ONE "\",\"" TWO "\"]'), (2, '[\"" ONE "\"]', 'no json'), (3, null, '[\"" WHO
             "\"]')");
    must_look(pg ? "t.body, t.list" : "t.body, t.list=inside");
    const struct leftover_column *body = &t.scan.column[0], *list = &t.scan.column[1];
    assert_int_equal(body->ids[LEFTOVER_OTHER_ACCOUNT], 1);
    assert_int_equal(body->rows[LEFTOVER_OTHER_ACCOUNT], 2);
    assert_int_equal(body->ids[LEFTOVER_NO_ID], 0); /* words of a document are none */
    assert_int_equal(list->ids[LEFTOVER_OTHER_ACCOUNT], 2);
    assert_int_equal(list->ids[LEFTOVER_UNKNOWN], 1);
    assert_non_null(strstr(leftovers_why_not(body), "by hand"));
    leftovers_sql(&t.scan, false, &sql);
    buf_char(&sql, '\0');
    assert_string_equal(sql.p,
                        "-- t.body: 1 id stays: the ids stand inside documents: change those by "
                        "hand\n-- t.list: 2 ids stay: the ids stand inside documents: change those "
                        "by hand\n");
    const char *before = cells("select * from t order by id");
    assert_int_equal(apply().emptied, 0);
    assert_string_equal(cells("select * from t order by id"), before);
}

/* ---- what hangs on it ----------------------------------------------------------------------- */

static void dependents_are_found_along_chains_of_any_columns(void **state)
{
    static const struct {
        const char *table;
        size_t depth;
        int64_t rows;
    } want[] = { { "invoices", 1, 2 }, { "people", 1, 1 }, { "lines", 2, 3 } };
    struct leftover_dependent d[16];
    size_t n;

    (void)state;
    run("create table people (org int, id int, a text, boss_org int, boss int, primary key (org, "
        "id),"
        " foreign key (boss_org, boss) references people (org, id));"
        "create table invoices (id integer primary key, org int, person int,"
        " foreign key (org, person) references people (org, id) on delete cascade);"
        "create table lines (id integer primary key, invoice int references invoices (id));"
        "insert into people values (1, 1, '" ONE
        "', null, null), (1, 2, null, 1, 1), (2, 1, null, null, null),"
        " (2, 2, '" WHO "', null, null);"
        "insert into invoices values (1, 1, 1), (2, 1, 1), (3, 1, 2), (4, 2, 1), (5, 2, 2);"
        "insert into lines values (1, 1), (2, 1), (3, 2), (4, 3), (5, 5);");
    must_look("people.a");
    assert_int_equal(leftovers_dependents(&t.scan, &t.scan.column[0], false, d, COUNT(d), &n, &t.e),
                     ST_OK);
    /* Who has her for a boss has an invoice, too. */
    assert_int_equal(n, 5);
    for (size_t i = 0; i < COUNT(want); i++) {
        size_t k = 0;
        while (k < n && !(d[k].depth == want[i].depth &&
                          str_eqz(d[k].path[d[k].depth - 1]->from->name, want[i].table)))
            k++;
        assert_true(k < n);
        assert_int_equal(d[k].rows, want[i].rows);
    }
    assert_int_equal(leftovers_dependents(&t.scan, &t.scan.column[0], true, d, COUNT(d), &n, &t.e),
                     ST_OK);
    assert_int_equal(d[0].rows, 3); /* with the unknown one's */
}

/* ---- PostgreSQL alone ----------------------------------------------------------------------- */

static void a_partitioned_table_is_one_table(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("create table p (id int primary key) partition by range (id);"
        "create table p1 partition of p for values from (0) to (10);"
        "create table p2 partition of p for values from (10) to (20);"
        "create table t (id int, a text, p int references p (id), primary key (id)) partition by "
        "hash (id);"
        "create table t0 partition of t for values with (modulus 2, remainder 0);"
        "create table t1 partition of t for values with (modulus 2, remainder 1);"
        "insert into p values (1), (11);"
        "insert into t select i, '" OLD "' || i, 1 from generate_series(1, 9) i;");
    must_look("t.a");
    assert_int_equal(t.scan.tables.n_tables, 2);
    assert_int_equal(t.scan.tables.n_links, 1);
    assert_int_equal(t.scan.column[0].ids[LEFTOVER_OTHER_ACCOUNT], 9);
    assert_int_equal(apply().emptied, 9);
    assert_int_equal(undo().emptied, 9);
    must_look("t.a=delete");
    assert_int_equal(apply().removed, 9);
    assert_int_equal(undo().removed, 9);
    assert_int_equal(number("select count(distinct a) from t"), 9);
}

/* Rows of other partitions hold the same values, and refer to nothing. */
static void a_foreign_key_of_single_partitions_is_followed(void **state)
{
    struct leftover_dependent d[4];
    size_t n;

    (void)state;
    if (!pg)
        skip();
    run("create table p (id int, place int, a text, primary key (id)) partition by range (id);"
        "create table p1 partition of p for values from (0) to (10);"
        "create table p2 partition of p for values from (10) to (20);"
        "create table c (id int primary key, p int) partition by range (id);"
        "create table c1 partition of c for values from (0) to (10);"
        "create table c2 partition of c for values from (10) to (20) partition by range (id);"
        "create table c21 partition of c2 for values from (10) to (15);"
        "create table c3 partition of c for values from (20) to (30);"
        "alter table c1 add foreign key (p) references p; alter table c2 add foreign key (p) "
        "references p;"
        "create table l (id int primary key, p int references p1 (id) on delete cascade);"
        "insert into p values (1, 1, '" ONE "'), (11, 2, '" TWO "');"
        "insert into c values (1, 1), (2, 11), (3, null), (12, 1), (22, 1);"
        "insert into l values (1, 1), (2, null);");
    must_look("p.a=delete");
    assert_int_equal(t.scan.tables.n_links, 2);
    assert_int_equal(leftovers_dependents(&t.scan, &t.scan.column[0], false, d, COUNT(d), &n, &t.e),
                     ST_OK);
    assert_int_equal(n, 2);
    assert_true(str_eqz(d[0].path[0]->from->name, "c"));
    assert_int_equal(d[0].rows, 3);
    assert_true(str_eqz(d[1].path[0]->from->name, "l"));
    assert_int_equal(d[1].rows, 1);
    run("delete from c where id < 20");
    assert_int_equal(try_to_apply(), ST_CONFLICT); /* one of l would go along */
    says("1 row of l");
    run("delete from l where id = 1");
    assert_int_equal(apply().removed, 2);
    assert_int_equal(undo().removed, 2);
}

static void ids_in_columns_of_a_fixed_width_are_found_and_come_back(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("create table t (id int primary key, a char(40), b char(40) not null);"
        "insert into t values (1, '" ONE "', '" TWO "'), (2, null, 'none');");
    for (int i = 0; i < 2; i++) {
        must_look(i ? "t.b=delete" : "t.a");
        assert_int_equal(t.scan.column[0].ids[LEFTOVER_OTHER_ACCOUNT], 1);
        struct leftover_mended m = apply();
        assert_int_equal(m.emptied + m.removed, 1);
        m = undo();
        assert_int_equal(m.emptied + m.removed, 1);
        assert_string_equal(cells("select id, cast(a as text), cast(b as text) from t order by id"),
                            "1|" ONE "|" TWO "\n2|~|none\n");
    }
}

static void texts_are_read_alike_whatever_the_server_says_of_backslashes(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("create table t (id int primary key, b jsonb); insert into t values (1, '[\"" ONE "\"]');"
        "do 'begin execute format(''alter database %I set standard_conforming_strings = off'', "
        "current_database()); end'");
    assert_int_equal(open_app(true), ST_OK);
    must_look("t.b");
    assert_int_equal(t.scan.column[0].ids[LEFTOVER_OTHER_ACCOUNT], 1);
}

static void what_may_not_be_read_is_never_taken_for_clean(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("drop role if exists brindle_reader; create role brindle_reader login;"
        "create table mine (id int primary key, a text); create table theirs (id int primary key, "
        "a text);"
        "create table policed (id int primary key, a text); alter table policed enable row level "
        "security;"
        "grant select on mine, policed to brindle_reader;"
        "insert into mine values (1, '" ONE "'); insert into theirs values (1, '" ONE "');"
        "insert into policed values (1, '" ONE "');");
    size_t n = strlen(t.url);
    snprintf(t.url + n, sizeof t.url - n, "%s", strchr(t.url, '?') ? "&" : "?");
    snprintf(t.url + strlen(t.url), sizeof t.url - strlen(t.url), "user=brindle_reader");
    assert_int_equal(open_app(true), ST_OK);
    assert_int_equal(look("theirs.a"), ST_REFUSED);
    says("grant select");
    assert_int_equal(look("policed.a"), ST_REFUSED);
    says("row-level security");
    must_look("mine.a");
    assert_int_equal(try_to_apply(), ST_REFUSED); /* it may not write, either */
    t.scan.n_columns = 0;
    assert_int_equal(leftovers_discover(&t.scan, &t.e), ST_OK);
    assert_int_equal(t.scan.n_columns, 1);
    assert_int_equal(t.scan.n_unread, 2);
    t.db->ops->close(t.db);
    t.db = NULL;
    run("drop owned by brindle_reader; drop role brindle_reader");
    t.url[n] = '\0';
    assert_int_equal(open_app(true), ST_OK);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(columns_are_known_by_what_they_hold),
        EACH(names_of_any_kind_are_proposed_so_that_they_can_be_taken),
        EACH(what_belongs_to_a_virtual_table_is_left_alone),
        EACH(what_is_no_name_is_refused),
        EACH(ids_are_told_apart_however_many_there_are),
        EACH(what_another_mirror_has_is_asked_for_before_it_counts),
        EACH(with_connect_an_id_is_asked_for_as_each_account_before_it_is_unknown),
        EACH(ids_inside_documents_are_told_and_left_to_people),
        EACH(dependents_are_found_along_chains_of_any_columns),
        EACH(a_partitioned_table_is_one_table),
        EACH(a_foreign_key_of_single_partitions_is_followed),
        EACH(ids_in_columns_of_a_fixed_width_are_found_and_come_back),
        EACH(texts_are_read_alike_whatever_the_server_says_of_backslashes),
        EACH(what_may_not_be_read_is_never_taken_for_clean),
    };
    return on_each_database(tests, COUNT(tests));
}
