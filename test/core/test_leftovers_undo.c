/* Leftovers in an application's own database: what was taken out comes back as it was, and takes
 * nobody's place. */
#include "leftover_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void what_a_trigger_would_do_as_they_come_back_is_not_risked(void **state)
{
    static const char *const column[] = { "t.a=delete", "t.a" };

    (void)state;
    if (pg)
        run("create function f() returns trigger language plpgsql as "
            "'begin insert into log values (1); return new; end'");
    for (size_t i = 0; i < COUNT(column); i++) {
        run("create table t (id integer primary key, a text); create table log (x int);"
            "insert into t values (1, '" ONE "')");
        must_look(column[i]);
        (void)apply();
        run(pg ? "create trigger g after insert or update on t for each row execute function f()"
               : "create trigger g after insert on t begin insert into log values (1); end;"
                 "create trigger h after update on t begin insert into log values (1); end");
        assert_int_equal(try_to_undo(), ST_CONFLICT);
        says("for the time of the undo; nothing was changed");
        assert_int_equal(number("select count(*) from log"), 0);
        run(pg ? "drop trigger g on t" : "drop trigger g; drop trigger h");
        struct leftover_mended m = undo();
        assert_int_equal(m.emptied + m.removed, 1);
        run("drop table t; drop table log");
    }
}

static void rows_come_back_as_they_were(void **state)
{
    static const char look_pg[] =
        "select org, cast(id as text), a, f, g, h, i, j, k, boss from t order by id";
    static const char look_sqlite[] =
        "select org, quote(id), a, quote(f), quote(g), quote(h), quote(i), j, "
        "quote(k), quote(boss) from t order by id";

    (void)state;
    if (pg)
        run("create table t (org int generated always as identity, id uuid, a text not null, f "
            "float8, g bytea,"
            " h numeric, i timestamptz, j text generated always as (a || '!') stored, k jsonb, "
            "boss uuid,"
            " primary key (id, org), unique (id), foreign key (boss) references t (id) on delete "
            "cascade);"
            "insert into t (id, a, f, g, h, i, k, boss) values"
            " ('00000000-0000-0000-0000-000000000001', '" ONE
            "', 0.1::float8 + 0.2, '\\x00ff', 1.10,"
            " '2026-01-01 00:00:00.123456+02', '{\"a\":[1]}', "
            "'00000000-0000-0000-0000-000000000003'),"
            " ('00000000-0000-0000-0000-000000000002', 'none', null, null, null, null, null, null),"
            " ('00000000-0000-0000-0000-000000000003', '" TWO
            "', 'NaN', '', 0, 'infinity', 'null', null),"
            " ('00000000-0000-0000-0000-000000000004', '" TWO
            "', 0, '', 0, null, null, '00000000-0000-0000-0000-000000000003');");
    else
        run("create table t (org int, id blob, a text not null, f real, g blob, h numeric, i,"
            " j text generated always as (a || '!'), k text, boss blob, primary key (id, org), "
            "unique (id),"
            " foreign key (boss) references t (id) on delete cascade);"
            "insert into t values (1, x'0001', '" ONE
            "', 0.1 + 0.2, x'00ff', 9007199254740993, '7', 'it''s',"
            " x'0003'), (2, x'0002', 'none', null, null, null, 7, null, null),"
            " (3, x'0003', '" TWO "', 1e300, x'', 0.5, x'01', '', null),"
            " (4, x'0004', '" TWO "', 1e300, x'', 0.5, x'01', '', x'0003');");
    const char *before = cells(pg ? look_pg : look_sqlite);
    char was[TEXT_MAX];
    snprintf(was, sizeof was, "%s", before);
    must_look("t.a=delete");
    assert_int_equal(apply().removed, 3);
    assert_int_equal(number("select count(*) from t"), 1);
    struct leftover_mended m = undo();
    assert_int_equal(m.removed, 3);
    assert_int_equal(m.changed_since, 0);
    assert_string_equal(cells(pg ? look_pg : look_sqlite), was);
    assert_int_equal(number("select count(*) from brindle_leftovers"), 0);
}

static void an_undo_overwrites_nothing_and_forgets_nothing(void **state)
{
    (void)state;
    run("create table t (id integer primary key, a text unique);"
        "create table r (id integer primary key, mail text unique, a text not null);"
        "create table q (id integer primary key, a text); insert into q values (1, '" ONE
        "'), (2, '" ONE "');"
        "insert into t values (1, '" ONE "'), (2, '" TWO "'), (3, '" OLD "3'), (4, '" OLD "4');"
        "insert into r values (1, 'x', '" ONE "'), (2, 'y', '" TWO "');");
    must_look("t.a, r.a=delete, q.a");
    assert_int_equal(apply().emptied, 6);
    /* A new value, an old one at another place, a row that is gone, a row with the same address. */
    run("update t set a = 'new' where id = 1; insert into t values (5, '" TWO "');"
        "delete from t where id = 3; insert into r values (7, 'x', 'new');"
        "update q set a = 'new' where id = 1");
    struct leftover_mended m = undo();
    assert_int_equal(m.emptied, 2);
    assert_int_equal(m.removed, 1);
    assert_int_equal(m.changed_since, 5);
    assert_string_equal(cells("select * from q order by id"), "1|new\n2|" ONE "\n");
    assert_string_equal(cells("select * from t order by id"),
                        "1|new\n2|~\n4|" OLD "4\n5|" TWO "\n");
    assert_string_equal(cells("select * from r order by id"), "2|y|" TWO "\n7|x|new\n");
    assert_string_equal(
        cells("select table_name, old_value, outcome from brindle_leftovers order by n"),
        "t|" ONE "|changed_since\nt|" TWO "|changed_since\nt|" OLD "3|changed_since\n"
        "r|" ONE "|changed_since\nq|" ONE "|changed_since\n");
    assert_int_equal(try_to_undo(), ST_NONE);
    says("nothing to put back");
}

/* A key that is looked at at the end alone, where the server can do that. */
static void a_row_whose_place_is_taken_holds_up_no_other(void **state)
{
    (void)state;
    run(pg ? "create table t (id int primary key deferrable initially deferred, a text not null)"
           : "create table t (id int primary key, a text not null)");
    run("insert into t values (1, '" ONE "'), (2, '" ONE "'), (3, '" TWO "')");
    must_look("t.a=delete");
    assert_int_equal(apply().removed, 3);
    run("insert into t values (2, 'new')");
    struct leftover_mended m = undo();
    assert_int_equal(m.removed, 2);
    assert_int_equal(m.changed_since, 1);
    assert_string_equal(cells("select * from t order by id"), "1|" ONE "\n2|new\n3|" TWO "\n");
}

/* Rows that refer to each other come back in whatever order they must. */
static void a_row_whose_target_is_gone_holds_up_no_other(void **state)
{
    static const char *const later[] = { "", " deferrable initially deferred" };
    char sql[1024];

    (void)state;
    for (size_t i = 0; i < COUNT(later); i++) {
        snprintf(sql, sizeof sql,
                 "create table p (id int primary key); create table c (id int primary key, p int "
                 "references p (id)%s, boss int references c (id)%s, a text not null);"
                 "create table q (id int primary key, a text); insert into p values (1), (2);"
                 "insert into c values (4, 2, null, '" TWO "'), (1, 2, 4, '" ONE
                 "'), (2, 1, null, '" ONE "'), (3, 2, 1, '" TWO "'), (5, 2, 2, '" TWO "');"
                 "insert into q values (1, '" ONE "')",
                 later[i], later[i]);
        run(sql);
        must_look("q.a, c.a=delete");
        assert_int_equal(apply().removed, 5);
        run("delete from p where id = 1");
        struct leftover_mended m = undo();
        assert_int_equal(m.emptied, 1);
        assert_int_equal(m.removed, 3);
        assert_int_equal(m.changed_since, 0);
        assert_int_equal(m.refused, 2);
        assert_non_null(strstr(m.why, pg ? "foreign key" : "not there"));
        assert_string_equal(cells("select id, p, boss from c order by id"),
                            "1|2|4\n3|2|1\n4|2|~\n");
        assert_string_equal(
            cells("select row_key, outcome from brindle_leftovers order by row_key"),
            pg ? "{\"id\" : \"2\"}|~\n{\"id\" : \"5\"}|~\n"
               : "{\"id\":\"2\"}|~\n{\"id\":\"5\"}|~\n");
        assert_int_equal(try_to_undo(), ST_CONFLICT);
        run("insert into p values (1)");
        assert_int_equal(undo().removed, 2);
        assert_int_equal(number("select count(*) from brindle_leftovers"), 0);
        run("drop table c; drop table p; drop table q; drop table brindle_leftovers");
    }
}

/* The schema was changed since, so that it takes none: it is mended, and they come. */
static void an_undo_that_brings_nothing_back_changes_nothing(void **state)
{
    static const struct {
        const char *column, *pg, *sqlite, *mended_pg, *mended_sqlite, *says_pg, *says_sqlite;
    } later[] = {
        { "t.a", "alter table t add constraint later check (a is null)",
          "create table u (id integer primary key, a text check (a is null)); insert into u select "
          "* from t; drop table t; alter table u rename to t",
          "alter table t drop constraint later",
          "create table u (id integer primary key, a text); insert into u select * from t; "
          "drop table t; alter table u rename to t",
          "check constraint", "CHECK constraint" },
        { "t.a=delete", "alter table t add b text not null",
          "drop table t; create table t (id integer primary key, a text, b text not null)",
          "alter table t alter b drop not null",
          "drop table t; create table t (id integer primary key, a text, b text)", "not-null",
          "NOT NULL" },
        { "t.a", "alter table t alter a type int using null",
          "create table u (id integer primary key, a int) strict; insert into u select * from t; "
          "drop table t; alter table u rename to t",
          "alter table t alter a type text using null",
          "create table u (id integer primary key, a text); insert into u select * from t; "
          "drop table t; alter table u rename to t",
          "type integer", "in INT column" },
        { "t.a=delete",
          "create function no() returns trigger language plpgsql as 'begin raise ''closed''; end';"
          "create trigger no before insert on t for each row execute function no()",
          "create trigger no before insert on t begin select raise(abort, 'closed'); end",
          "drop trigger no on t", "drop trigger no", "closed", "closed" },
        { "t.a", "create trigger no before update on t for each row execute function no()",
          "create trigger no before update on t begin select raise(rollback, 'closed'); end",
          "drop trigger no on t", "drop trigger no", "closed", "closed" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(later); i++) {
        run("create table t (id integer primary key, a text);"
            "insert into t values (1, '" ONE "'), (2, '" TWO "')");
        must_look(later[i].column);
        (void)apply();
        run(pg ? later[i].pg : later[i].sqlite);
        assert_int_equal(try_to_undo(), ST_CONFLICT);
        says("nothing was changed");
        says("Table t: The application's database says: ");
        says(pg ? later[i].says_pg : later[i].says_sqlite);
        assert_int_equal(number("select count(a) from t"), 0);
        assert_int_equal(number("select count(*) from brindle_leftovers where outcome is null"), 2);
        run(pg ? later[i].mended_pg : later[i].mended_sqlite);
        struct leftover_mended m = undo();
        assert_int_equal(m.emptied + m.removed, 2);
        assert_int_equal(number("select count(a) from t"), 2);
        assert_int_equal(number("select count(*) from brindle_leftovers"), 0);
        run("drop table t");
    }
}

static void what_the_database_refuses_waits_for_the_next_undo(void **state)
{
    (void)state;
    run("create table t (id integer primary key, a text);"
        "insert into t values (1, '" OLD "4'), (2, '" TWO "'), (3, '" ONE "'), (4, '" OLD "4')");
    must_look("t.a");
    assert_int_equal(apply().emptied, 4);
    run("update t set a = 'new' where id = 3");
    refuse_fours(true);
    struct leftover_mended m = undo();
    assert_int_equal(m.emptied, 1);
    assert_int_equal(m.changed_since, 1);
    assert_int_equal(m.refused, 2);
    if (!strstr(m.why, pg ? "\"four\"" : "no fours"))
        wrong("%s", m.why);
    assert_string_equal(cells("select * from t order by id"), "1|~\n2|" TWO "\n3|new\n4|~\n");
    assert_string_equal(cells("select old_value, outcome from brindle_leftovers order by n"),
                        OLD "4|~\n" ONE "|changed_since\n" OLD "4|~\n");
    run("update t set a = 'new' where id = 1");
    assert_int_equal(try_to_undo(), ST_CONFLICT); /* one is taken, one is refused */
    assert_int_equal(number("select count(*) from brindle_leftovers where outcome is null"), 2);
    refuse_fours(false);
    m = undo();
    assert_int_equal(m.emptied, 1);
    assert_int_equal(m.changed_since, 1);
    assert_int_equal(m.refused, 0);
    assert_string_equal(cells("select * from t order by id"),
                        "1|new\n2|" TWO "\n3|new\n4|" OLD "4\n");
    assert_int_equal(try_to_undo(), ST_NONE);
}

/* Row 3 stays away, so that they go one by one: 2 before 1, to which it refers. */
static void a_value_comes_back_after_its_row(void **state)
{
    (void)state;
    run("create table p (id int primary key); insert into p values (1), (2);"
        "create table t (id int primary key, p int references p (id), boss int references t (id), "
        "a text, b text not null);"
        "insert into t values (1, 2, null, null, '" TWO "'), (2, 2, 1, '" ONE "', '" TWO
        "'), (3, 1, null, null, '" TWO "'), (4, 2, null, '" ONE "', 'none')");
    must_look("t.a, t.b=delete");
    struct leftover_mended m = apply();
    assert_int_equal(m.emptied, 2);
    assert_int_equal(m.removed, 3);
    run("delete from p where id = 1; update t set a = 'new' where id = 4");
    m = undo();
    assert_int_equal(m.removed, 2);
    assert_int_equal(m.emptied, 1);
    assert_int_equal(m.changed_since, 1);
    assert_int_equal(m.refused, 1);
    assert_string_equal(cells("select id, a, b from t order by id"),
                        "1|~|" TWO "\n2|" ONE "|" TWO "\n4|new|none\n");
}

/* SQLite takes them. */
static void a_key_with_null_in_it_is_a_key(void **state)
{
    (void)state;
    if (pg)
        skip();
    run("create table t (id text, n int, a text, primary key (id, n));"
        "insert into t values (null, 1, '" ONE "'), (null, 2, 'none'), ('x', null, '" TWO "')");
    must_look("t.a");
    assert_int_equal(apply().emptied, 2);
    assert_int_equal(undo().emptied, 2);
    assert_int_equal(number("select count(a) from t"), 3);
    run("insert into t values (null, 1, 'another')");
    must_look("t.a");
    assert_int_equal(try_to_apply(), ST_CONFLICT);
    says("the same primary key");
    run("delete from t where a = 'another'");
    must_look("t.a=delete");
    assert_int_equal(apply().removed, 2);
    assert_int_equal(undo().removed, 2);
    assert_int_equal(number("select count(a) from t"), 3);
}

static void mended_twice_is_put_back_twice(void **state)
{
    (void)state;
    run("create table t (id integer primary key, a text); insert into t values (1, '" ONE "')");
    must_look("t.a");
    int64_t first = apply().run;
    must_look("t.a");
    assert_int_equal(apply().emptied, 0);
    run("insert into t values (2, '" TWO "')");
    must_look("t.a");
    int64_t second = apply().run;
    assert_int_equal(undo().run, second);
    assert_string_equal(cells("select * from t order by id"), "1|~\n2|" TWO "\n");
    assert_int_equal(undo().run, first);
    assert_string_equal(cells("select * from t order by id"), "1|" ONE "\n2|" TWO "\n");
    assert_int_equal(try_to_undo(), ST_NONE);
}

/* Environments may share an application's database, and a clock may be set back. */
static void an_undo_is_of_its_environment_and_of_its_latest_mending(void **state)
{
    static struct env another;
    struct leftover_mended m = { 0 };

    (void)state;
    run("create table t (id integer primary key, a text); insert into t values (1, '" ONE "')");
    must_look("t.a");
    assert_int_equal(leftovers_apply(&t.scan, false, 9000, &m, &t.e), ST_OK);
    run("insert into t values (2, '" TWO "')");
    must_look("t.a");
    assert_int_equal(leftovers_apply(&t.scan, false, 10, &m, &t.e), ST_OK);
    assert_int_equal(m.run, 9001);
    run("insert into t values (3, '" TWO "')");
    must_look("t.a");
    another = t.w->env;
    snprintf(another.name, sizeof another.name, "another");
    t.scan.mirror = &another;
    assert_int_equal(leftovers_apply(&t.scan, false, 9999, &m, &t.e), ST_OK);
    assert_int_equal(undo().run, 9001);
    assert_string_equal(cells("select * from t order by id"), "1|~\n2|" TWO "\n3|~\n");
    assert_int_equal(undo().run, 9000);
    assert_int_equal(try_to_undo(), ST_NONE);
    says("nothing to put back for environment");
    assert_int_equal(leftovers_undo(t.db, "another", &m, &t.e), ST_OK);
    assert_int_equal(number("select count(a) from t"), 3);
    run("drop table brindle_leftovers; create table brindle_leftovers (run bigint, n bigint)");
    assert_int_equal(try_to_undo(), ST_INVALID);
    says("made by another version");
    must_look("t.a");
    assert_int_equal(try_to_apply(), ST_INVALID);
    says("made by another version");
}

/* Values that texts or JSON could change on the way. */
static void values_of_every_kind_come_back_exactly(void **state)
{
    static const char look_pg[] =
        "select cast(t as text), pg_typeof(j) from t order by id"; /* as its own types print it */
    static const char look_sqlite[] =
        "select id, typeof(v), case typeof(v) when 'real' then printf('%!.26e', v) else "
        "hex(v) end, v = 9e999, v = -9e999 from t order by id";
    char was[TEXT_MAX];

    (void)state;
    if (pg)
        run("create type pair as (x int, y text);"
            "create table t (id int primary key, a text not null, j json, b jsonb, n int[], c "
            "char(5), p pair, f float4, d date, v interval, i inet, x bit(3), m numeric, "
            "s text, k int generated by default as identity);"
            "insert into t values (1, '" ONE "', ' {\"b\": 1, \"a\":1,  \"a\":2}', "
            "'{\"b\":1.10}', '[2:3]={1,2}', 'ab', row(1, 'a,\"b'), 0.1, 'infinity', "
            "'1 mon -3 days 00:00:00.5', '10.0.0.1/8', b'101', 1.100, e'\\u00fc\\n\\\\ \"', 7),"
            "(2, '" TWO "', null, null, null, null, null, '-Infinity', '0044-03-15 BC', null, "
            "null, null, 'NaN', '', 8);");
    else
        run("create table t (id integer primary key, a text not null, v);"
            "insert into t values (1, '" ONE "', 0.1 + 0.2), (2, '" ONE "', 9e999), (3, '" ONE
            "', -9e999), (4, '" ONE "', 4.9406564584124654e-324), (5, '" ONE
            "', 1.7976931348623157e308), (6, '" ONE "', cast(x'610062' as text)), (7, '" ONE
            "', cast(x'ff27c3' as text)), (8, '" ONE "', x'00ff27'), (9, '" ONE
            "', 9223372036854775807), (10, '" ONE "', -9223372036854775808), (11, '" ONE
            "', 2.2250738585072011e-308), (12, '" ONE "', -0.0), (13, '" ONE
            "', 123456789.12345679), (14, '" ONE "', char(1) || '\\u' || char(0x1f600)), (15, '" ONE
            "', 9007199254740993.0), (16, '" ONE "', 5e-324), (17, '" ONE "', '');");
    snprintf(was, sizeof was, "%s", cells(pg ? look_pg : look_sqlite));
    must_look("t.a=delete");
    int64_t n = apply().removed;
    assert_int_equal(n, pg ? 2 : 17);
    assert_int_equal(number("select count(*) from t"), 0);
    assert_int_equal(undo().removed, n);
    assert_string_equal(cells(pg ? look_pg : look_sqlite), was);
}

/* More than fits into one piece; of one row, more than its statement's other texts may be. */
static void rows_come_back_however_large_they_are(void **state)
{
    (void)state;
    run(pg ? "create table t (id int primary key, a text not null, v text, w text, x int, y int);"
             "insert into t select i, '" ONE
             "', repeat(md5(i::text), 32768), repeat('w', 1048576), "
             "i, i from generate_series(1, 12) i"
           : "create table t (id integer primary key, a text not null, v, w text, x int, y int);"
             "insert into t with recursive c (i) as (select 1 union all select i + 1 from c "
             "where i < 12) select i, '" ONE "', zeroblob(1048576), printf('%.1048576c', 'w'), "
             "i, i from c");
    must_look("t.a=delete");
    assert_int_equal(apply().removed, 12);
    assert_int_equal(undo().removed, 12);
    assert_int_equal(number("select sum(length(v) + length(w) + x + y) from t"),
                     12 * 2 * 1048576 + 2 * 78);
}

static void a_row_too_large_to_come_back_is_refused(void **state)
{
    (void)state;
    run(pg ? "create table t (id int primary key, a text not null, v text); insert into t values "
             "(1, '" ONE "', repeat('x', 20 << 20)), (2, '" TWO "', 'small')"
           : "create table t (id integer primary key, a text not null, v); insert into t values "
             "(1, '" ONE "', zeroblob(20 << 20)), (2, '" TWO "', 'small')");
    must_look("t.a=delete");
    assert_int_equal(try_to_apply(), ST_LIMIT);
    says("could not be put back");
    says("othing was changed");
    assert_int_equal(number("select count(*) from t"), 2);
}

/* A clause of a column's would take other rows away. */
static void an_undo_takes_no_other_row_away(void **state)
{
    (void)state;
    if (pg)
        skip();
    run("create table t (id integer primary key, a text unique on conflict replace, b text);"
        "create table r (id integer primary key on conflict replace, mail text unique on conflict "
        "replace, a text not null on conflict ignore); insert into t values (1, '" ONE "', 'x'); "
        "insert into r values (1, 'm', '" ONE "'), (2, 'n', '" TWO "')");
    must_look("t.a, r.a=delete");
    assert_int_equal(apply().emptied, 1);
    run("insert into t values (2, '" ONE "', 'new owner'); insert into r values (3, 'm', 'new')");
    struct leftover_mended m = undo();
    assert_int_equal(m.emptied, 0);
    assert_int_equal(m.removed, 1);
    assert_int_equal(m.changed_since, 2);
    assert_string_equal(cells("select * from t order by id"), "1|~|x\n2|" ONE "|new owner\n");
    assert_string_equal(cells("select * from r order by id"), "2|n|" TWO "\n3|m|new\n");
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(what_a_trigger_would_do_as_they_come_back_is_not_risked),
        EACH(rows_come_back_as_they_were),
        EACH(values_of_every_kind_come_back_exactly),
        EACH(rows_come_back_however_large_they_are),
        EACH(a_row_too_large_to_come_back_is_refused),
        EACH(an_undo_overwrites_nothing_and_forgets_nothing),
        EACH(a_row_whose_place_is_taken_holds_up_no_other),
        EACH(a_row_whose_target_is_gone_holds_up_no_other),
        EACH(an_undo_that_brings_nothing_back_changes_nothing),
        EACH(what_the_database_refuses_waits_for_the_next_undo),
        EACH(a_value_comes_back_after_its_row),
        EACH(a_key_with_null_in_it_is_a_key),
        EACH(mended_twice_is_put_back_twice),
        EACH(an_undo_is_of_its_environment_and_of_its_latest_mending),
        EACH(an_undo_takes_no_other_row_away),
    };
    return on_each_database(tests, COUNT(tests));
}
