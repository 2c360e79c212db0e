/* Leftovers in an application's own database: what is taken out, and what goes wrong. */
#include "leftover_app.h"

#include "../backend/fault_vfs.h"
#include "backend/database_pg.h"
#include "backend/database_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* ---- taken out ------------------------------------------------------------------------------ */

static void what_would_follow_is_counted_before_anything_goes(void **state)
{
    static const char *const follows[] = { "on delete cascade", "on delete set null",
                                           "on delete set default" };
    char sql[512];

    (void)state;
    for (size_t i = 0; i < COUNT(follows); i++) {
        snprintf(sql, sizeof sql,
                 "create table p (id integer primary key, a text not null);"
                 "create table c (id integer primary key, p int references p (id) %s);"
                 "insert into p values (1, '" ONE
                 "'), (2, 'none'); insert into c values (1, 1), (2, 2);",
                 follows[i]);
        run(sql);
        must_look("p.a=delete");
        assert_int_equal(try_to_apply(), ST_CONFLICT);
        says("1 row of c");
        says("nothing was changed");
        assert_string_equal(cells("select * from p order by id"), "1|" ONE "\n2|none\n");
        run("delete from c where id = 1"); /* now nothing follows */
        must_look("p.a=delete");
        assert_int_equal(apply().removed, 1);
        assert_string_equal(cells("select * from c"), "2|2\n");
        assert_int_equal(undo().removed, 1);
        run("drop table c; drop table p; drop table brindle_leftovers;");
    }
    run("create table p (id integer primary key, a text unique);"
        "create table c (id integer primary key, a text references p (a) on update cascade);"
        "insert into p values (1, '" ONE "'); insert into c values (1, '" ONE "');");
    must_look("p.a");
    assert_int_equal(try_to_apply(), ST_CONFLICT);
    says("Values of p");
    must_look("c.a, p.a"); /* those that refer to it first */
    assert_int_equal(apply().emptied, 2);
    assert_int_equal(undo().emptied, 2);
    assert_string_equal(cells("select * from c"), "1|" ONE "\n");
}

/* What a trigger or a rule of the application's does besides is nowhere kept. */
static void what_a_trigger_would_do_besides_is_not_risked(void **state)
{
    static const struct {
        const char *pg, *sqlite, *column;
        bool refused;
    } want[] = {
        { "create trigger g after delete on t for each row execute function f()",
          "create trigger g after delete on t begin delete from log; end", "t.a=delete", true },
        { "create trigger g before delete on t for each row execute function f()",
          "create trigger g before delete on t begin delete from log; end", "t.a=delete", true },
        { "create trigger g after delete on t for each row execute function f()",
          "create trigger g before delete on t begin select raise(ignore); end", "t.a", false },
        { "create trigger g after update on t for each statement execute function f()",
          "create trigger g after update on t begin update log set x = 2; end", "t.a", true },
        { "create trigger g after update of a on t1 for each row execute function f()",
          "create trigger g after update of a on t begin delete from log; end", "t.a", true },
        { "create rule g as on update to t do also delete from log",
          "create trigger g before update on t begin insert into log values (2); end", "t.a",
          true },
        { "create rule g as on delete to t do also delete from log",
          "create trigger \"G g\" before delete on T begin replace into log values (2); end",
          "t.a=delete", true },
        { "create trigger g before update on t for each row execute function own()",
          "create trigger g before update on t begin select 1; end", "t.a", false },
    };

    (void)state;
    if (pg)
        run("create function f() returns trigger language plpgsql as "
            "'begin delete from log; return old; end';"
            "create function own() returns trigger language plpgsql as "
            "'begin new.at = 2; return new; end'");
    for (size_t i = 0; i < COUNT(want); i++) {
        run(pg ? "create table t (id int primary key, a text, at int) partition by range (id);"
                 "create table t1 partition of t for values from (0) to (9)"
               : "create table t (id integer primary key, a text, at int)");
        run("insert into t values (1, '" ONE "', 1); create table log (x int); insert into log "
            "values (1)");
        run(pg ? want[i].pg : want[i].sqlite);
        must_look(want[i].column);
        enum status st = try_to_apply();
        if (st != (want[i].refused ? ST_CONFLICT : ST_OK))
            wrong("%zu: %d %s", i, (int)st, t.e.text);
        if (want[i].refused)
            says("Disable or drop it");
        assert_int_equal(number("select count(*) from log where x = 1"), 1);
        run("drop table t; drop table log; drop table if exists brindle_leftovers");
    }
}

static void a_constraint_leaves_everything_as_it_was(void **state)
{
    (void)state;
    run("create table p (id integer primary key, a text, b text, check (a is not null or b is "
        "null));"
        "create table c (id integer primary key, p int references p (id));"
        "insert into p values (1, '" ONE "', null), (2, '" TWO
        "', 'b'); insert into c values (1, 1);");
    must_look("p.a");
    assert_int_equal(try_to_apply(), ST_CONFLICT);
    says("p.a cannot be emptied");
    must_look("p.a=delete");
    assert_int_equal(try_to_apply(), ST_CONFLICT);
    says("Rows of p cannot go");
    assert_string_equal(cells("select * from p order by id"), "1|" ONE "|~\n2|" TWO "|b\n");
    assert_int_equal(try_to_undo(), ST_NONE);
}

static void what_cannot_be_mended_says_why(void **state)
{
    static const struct {
        const char *column, *why;
    } want[] = { { "t.a", "may not be null" },
                 { "t.b", "made of other columns" },
                 { "k.a", "in the primary key" },
                 { "n.a", "no primary key" } };

    (void)state;
    run("create table t (id integer primary key, a text not null, b text generated always as (a) "
        "stored);"
        "create table k (a varchar(99) primary key); create table n (a text);"
        "insert into t (id, a) values (1, '" ONE "'); insert into k values ('" ONE "');");
    for (size_t i = 0; i < COUNT(want); i++) {
        must_look(want[i].column);
        if (!strstr(leftovers_why_not(&t.scan.column[0]), want[i].why))
            wrong("%s: %s", want[i].column, leftovers_why_not(&t.scan.column[0]));
    }
    must_look("t.a, k.a=delete");
    assert_string_equal(leftovers_why_not(&t.scan.column[1]), "");
    struct leftover_mended m = apply();
    assert_int_equal(m.emptied, 0);
    assert_int_equal(m.removed, 1);
    assert_int_equal(undo().removed, 1);
}

/* ---- what goes wrong ------------------------------------------------------------------------ */

static void whoever_looks_can_write_nothing(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    run("create table t (id integer primary key, a text); insert into t values (1, '" ONE "')");
    for (int writable = 0; writable < 2; writable++) {
        assert_int_equal(open_app(writable), ST_OK);
        error_clear(&t.e);
        assert_int_equal(database_run(t.db, S("delete from t"), NULL, 0, NULL, &a, &t.e),
                         ST_REFUSED);
        error_clear(&t.e);
        assert_int_equal(database_run(t.db, S("create table u (x int)"), NULL, 0, NULL, &a, &t.e),
                         ST_REFUSED);
    }
    assert_int_equal(open_app(false), ST_OK);
    must_look("t.a");
    assert_int_equal(try_to_apply(), ST_REFUSED);
    assert_int_equal(number("select count(*) from t"), 1);
    if (pg) /* a pooler would hand the connection on, with whatever was set for the session */
        assert_string_equal(
            cells("select source from pg_settings where name in ('statement_timeout', "
                  "'lock_timeout') group by source"),
            "session\n");
    assert_int_equal(open_app(true), ST_OK);
}

/* The application's database behind another one, whose answers to a commit are lost. */
static struct {
    struct database base;
    struct database_ops ops;
    struct database *inner;
    bool kept, away;
} lossy;

static enum status run_through(struct database *d, str sql, const str *args, size_t n,
                               struct rows *r, struct arena *a, struct error *e)
{
    enum status st = lossy.inner->ops->run(lossy.inner, sql, args, n, r, a, e);

    d->taken = lossy.inner->taken;
    return st;
}

static enum status begin_through(struct database *d, struct error *e)
{
    (void)d;
    return lossy.inner->ops->begin(lossy.inner, e);
}

static void roll_back_through(struct database *d)
{
    (void)d;
    lossy.inner->ops->rollback(lossy.inner);
}

static enum status lose_commit(struct database *d, struct error *e)
{
    (void)d;
    if (lossy.kept)
        assert_int_equal(lossy.inner->ops->commit(lossy.inner, e), ST_OK);
    else
        lossy.inner->ops->rollback(lossy.inner);
    return fail(e, ST_RETRY, "the connection broke");
}

static enum status revive_through(struct database *d, struct error *e)
{
    (void)d;
    return lossy.away ? fail(e, ST_RETRY, "it is away") : lossy.inner->ops->revive(lossy.inner, e);
}

static void the_answer_to_a_commit_that_is_lost_is_looked_up(void **state)
{
    struct leftover_mended m;

    (void)state;
    run("create table t (id integer primary key, a text); insert into t values (1, '" ONE "')");
    lossy.inner = t.db;
    lossy.ops = *t.db->ops;
    lossy.ops.run = run_through;
    lossy.ops.begin = begin_through;
    lossy.ops.commit = lose_commit;
    lossy.ops.rollback = roll_back_through;
    lossy.ops.revive = revive_through;
    lossy.base.ops = &lossy.ops;
    lossy.kept = lossy.away = false;
    must_look("t.a");
    t.scan.db = &lossy.base;
    assert_int_equal(leftovers_apply(&t.scan, false, 1, &m, &t.e),
                     ST_RETRY); /* the table, too, is not there */
    says("nothing was changed");
    lossy.kept = true;
    error_clear(&t.e);
    assert_int_equal(leftovers_apply(&t.scan, false, 2, &m, &t.e), ST_OK);
    assert_int_equal(m.emptied, 1);
    lossy.kept = false;
    error_clear(&t.e);
    assert_int_equal(leftovers_undo(&lossy.base, t.w->env.name, &m, &t.e), ST_RETRY);
    says("nothing was changed");
    assert_string_equal(cells("select a from t"), "~\n");
    lossy.away = lossy.kept = true;
    error_clear(&t.e);
    assert_int_equal(leftovers_undo(&lossy.base, t.w->env.name, &m, &t.e), ST_RETRY);
    says("nobody knows");
    assert_string_equal(cells("select a from t"), ONE "\n");
}

/* What was refused is still to be put back then. */
static void a_lost_answer_to_an_undo_in_part_is_looked_up(void **state)
{
    struct leftover_mended m = { 0 };

    (void)state;
    run("create table t (id integer primary key, a text);"
        "insert into t values (1, '" OLD "4'), (2, '" TWO "')");
    must_look("t.a");
    assert_int_equal(apply().emptied, 2);
    refuse_fours(true);
    lossy.inner = t.db;
    lossy.ops = *t.db->ops;
    lossy.ops.run = run_through;
    lossy.ops.begin = begin_through;
    lossy.ops.commit = lose_commit;
    lossy.ops.rollback = roll_back_through;
    lossy.ops.revive = revive_through;
    lossy.base.ops = &lossy.ops;
    lossy.kept = lossy.away = false;
    assert_int_equal(leftovers_undo(&lossy.base, t.w->env.name, &m, &t.e), ST_RETRY);
    says("nothing was changed");
    assert_string_equal(cells("select * from t order by id"), "1|~\n2|~\n");
    lossy.kept = true;
    assert_int_equal(leftovers_undo(&lossy.base, t.w->env.name, &m, &t.e), ST_OK);
    assert_int_equal(m.emptied, 1);
    assert_int_equal(m.refused, 1);
    assert_string_equal(cells("select * from t order by id"), "1|~\n2|" TWO "\n");
}

static void a_full_disk_changes_nothing_wherever_it_is_met(void **state)
{
    struct leftover_mended m = { 0 };
    char path[256];
    int64_t at = 0;
    enum status st = ST_LIMIT;

    (void)state;
    if (pg)
        skip();
    run("create table t (id integer primary key, a text, b text);"
        "insert into t with recursive c (i) as (select 1 union all select i + 1 from c where i < "
        "100) "
        "select i, 'acct_Many' || cast(100000 + i as text), printf('%500d', i) from c;");
    fault_vfs_register();
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    sqlite3_vfs_register(sqlite3_vfs_find("faulty"), 1);
    snprintf(path, sizeof path, "%s", t.url);
    assert_int_equal(open_app(true), ST_OK);
    must_look("t.a");
    while (st != ST_OK) {
        fault_vfs_arm(FAULT_FULL, ++at, true);
        error_clear(&t.e);
        st = leftovers_apply(&t.scan, false, at, &m, &t.e);
        fault_vfs_arm(FAULT_NONE, 0, false);
        assert_true(st == ST_OK || st == ST_LIMIT);
        assert_int_equal(number("select count(a) from t"), st == ST_OK ? 0 : 100);
    }
    assert_true(at > 10);
    for (st = ST_LIMIT, at = 0; st != ST_OK;) {
        fault_vfs_arm(FAULT_FULL, ++at, true);
        error_clear(&t.e);
        st = leftovers_undo(t.db, t.w->env.name, &m, &t.e);
        fault_vfs_arm(FAULT_NONE, 0, false);
        assert_true(st == ST_OK || st == ST_LIMIT);
        assert_int_equal(number("select count(a) from t"), st == ST_OK ? 100 : 0);
    }
    assert_int_equal(m.emptied, 100);
    sqlite3_vfs_register(usual, 1);
}

/* Of a row of theirs the table above knows but some columns. */
static void tables_that_inherit_are_tables_of_their_own(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("create table parent (id int primary key, a text not null);"
        "create table child (extra text, primary key (id)) inherits (parent);"
        "create table grandchild (primary key (id)) inherits (child);"
        "insert into parent values (1, '" ONE "'); insert into child values (2, '" ONE
        "', 'precious'); insert into grandchild values (3, '" TWO "', 'more')");
    must_look("child.a=delete, parent.a=delete");
    assert_int_equal(t.scan.n_columns, 3);
    assert_int_equal(t.scan.column[0].rows[LEFTOVER_OTHER_ACCOUNT], 1);
    assert_int_equal(apply().removed, 3);
    assert_int_equal(number("select count(*) from parent"), 0);
    struct leftover_mended m = undo();
    assert_int_equal(m.removed, 3);
    assert_int_equal(m.changed_since, 0);
    assert_string_equal(cells("select tableoid::regclass, id from parent order by id"),
                        "parent|1\nchild|2\ngrandchild|3\n");
    assert_string_equal(cells("select * from child order by id"),
                        "2|" ONE "|precious\n3|" TWO "|more\n");
    run("alter table parent alter a drop not null; create table other (x int) inherits (parent);"
        "insert into other values (4, '" ONE "', 1)");
    must_look("parent.a, child.a=delete");
    assert_int_equal(t.scan.n_columns, 4); /* what is declared itself stays what it is */
    assert_int_equal(try_to_apply(), ST_INVALID);
    says("Table other has no primary key");
    run("alter table other add primary key (id)");
    must_look("parent.a, child.a=delete");
    m = apply();
    assert_int_equal(m.emptied, 2);
    assert_int_equal(m.removed, 2);
    assert_int_equal(undo().emptied, 2);
    assert_int_equal(number("select count(a) from parent"), 4);
}

static void a_trigger_that_keeps_rows_is_noticed(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("create table t (id int primary key, a text); insert into t values (1, '" ONE "');"
        "create function keep() returns trigger language plpgsql as 'begin return null; end';"
        "create trigger keep before update on t for each row execute function keep()");
    must_look("t.a");
    assert_int_equal(try_to_apply(), ST_CONFLICT);
    says("a trigger or a rule");
    assert_int_equal(number("select count(*) from t"), 1);
}

static const char *meanwhile; /* what another connection does before something goes */

static enum status run_after_others(struct database *d, str sql, const str *args, size_t n,
                                    struct rows *r, struct arena *a, struct error *e)
{
    if (meanwhile && (str_starts(sql, S("delete from \"")) || str_starts(sql, S("update \"")))) {
        const char *now = meanwhile;
        meanwhile = NULL;
        run(now);
    }
    return run_through(d, sql, args, n, r, a, e);
}

static void nothing_goes_that_was_not_kept(void **state)
{
    static const char *const column[] = { "t.a=delete", "t.a" };
    struct leftover_mended m;

    (void)state;
    if (!pg)
        skip(); /* there nobody else writes meanwhile */
    run("create table t (id int primary key, a text); insert into t values (1, '" ONE "')");
    for (size_t i = 0; i < COUNT(column); i++) {
        must_look(column[i]);
        lossy.inner = t.db;
        lossy.ops = *t.db->ops;
        lossy.ops.run = run_after_others;
        lossy.ops.begin = begin_through;
        lossy.ops.rollback = roll_back_through;
        lossy.base.ops = &lossy.ops;
        t.scan.db = &lossy.base;
        meanwhile = "insert into t values (2, '" ONE "')";
        error_clear(&t.e);
        assert_int_equal(leftovers_apply(&t.scan, false, 7000, &m, &t.e), ST_CONFLICT);
        assert_null(meanwhile);
        says("somebody writes there now. Nothing was changed");
        assert_string_equal(cells("select * from t order by id"), "1|" ONE "\n2|" ONE "\n");
        must_look(column[i]);
        t.scan.db = t.db;
        struct leftover_mended done = apply();
        assert_int_equal(done.removed + done.emptied, 2);
        done = undo();
        assert_int_equal(done.removed + done.emptied, 2);
        run("delete from t where id = 2");
    }
}

static void a_connection_that_is_cut_on_the_way_changes_nothing(void **state)
{
    (void)state;
    if (!pg)
        skip();
    run("create table t (id int primary key, a text); insert into t values (1, '" ONE "');");
    must_look("t.a");
    assert_int_equal(apply().emptied, 1);
    assert_int_equal(undo().emptied, 1);
    run("create function cut() returns trigger language plpgsql as "
        "'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';"
        "create constraint trigger cut after insert on brindle_leftovers deferrable initially "
        "deferred "
        "for each row execute function cut()");
    must_look("t.a");
    assert_int_equal(try_to_apply(), ST_RETRY); /* at the commit */
    says("nothing was changed");
    assert_string_equal(cells("select a from t"), ONE "\n");
    run("drop trigger cut on brindle_leftovers");
    must_look("t.a");
    assert_int_equal(apply().emptied, 1);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(what_would_follow_is_counted_before_anything_goes),
        EACH(what_a_trigger_would_do_besides_is_not_risked),
        EACH(a_constraint_leaves_everything_as_it_was),
        EACH(what_cannot_be_mended_says_why),
        EACH(whoever_looks_can_write_nothing),
        EACH(the_answer_to_a_commit_that_is_lost_is_looked_up),
        EACH(a_lost_answer_to_an_undo_in_part_is_looked_up),
        EACH(a_full_disk_changes_nothing_wherever_it_is_met),
        EACH(tables_that_inherit_are_tables_of_their_own),
        EACH(a_trigger_that_keeps_rows_is_noticed),
        EACH(nothing_goes_that_was_not_kept),
        EACH(a_connection_that_is_cut_on_the_way_changes_nothing),
    };
    return on_each_database(tests, COUNT(tests));
}
