/* Former versions are kept with what replaced them, and nothing is kept of what never changed. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/json.h"
#include "core/mirror/history.h"
#include "core/retention.h"
#include "small_world.h"

enum { VERSIONS_MAX = 64 };

static void put_name(struct small_world *w, int n)
{
    char data[128];

    snprintf(data, sizeof data, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"n%d\"}", n);
    put_product(w, data, 0, "webhook");
}

static void get(struct small_world *w, struct object *o, struct arena *a)
{
    struct error e = { 0 };

    assert_int_equal(mirror_get(&w->env, S("product"), S("prod_1"), o, a, &e), ST_OK);
}

struct seen {
    size_t n;
    char line[VERSIONS_MAX][160]; /* "name cause changes" */
};

static enum status note(void *ctx, const struct version *v, const struct version *older,
                        struct error *e)
{
    BUF(changes, 4096);
    ARENA(a, 4096);
    struct seen *s = ctx;

    (void)e;
    if (older)
        history_changes(v, older, &changes);
    assert_true(s->n < VERSIONS_MAX);
    snprintf(s->line[s->n++], sizeof s->line[0], "%.*s %.*s [%.*s]%s",
             STR_ARG(json_text(v->data, S("name"), &a)), STR_ARG(v->cause),
             STR_ARG(buf_str(&changes)), v->until ? "" : " now");
    return ST_OK;
}

static void each(struct small_world *w, struct seen *s)
{
    ARENA(a, 1 << 20);
    struct error e = { 0 };
    struct object o;

    *s = (struct seen){ 0 };
    get(w, &o, &a);
    assert_int_equal(history_each(&w->env, &o, note, s, &e), ST_OK);
}

static msec tick_wall(struct clock *c)
{
    static msec now = 1790000000000;

    (void)c;
    return ++now;
}

struct spans {
    size_t n;
    msec begins; /* of the version before, which is the later one */
};

static enum status note_span(void *ctx, const struct version *v, const struct version *older,
                             struct error *e)
{
    struct spans *s = ctx;

    (void)older, (void)e;
    if (s->n++)
        assert_int_equal(v->until, s->begins);
    s->begins = v->since;
    return ST_OK;
}

/* However fast the clock moves while it is written. */
static void a_version_begins_when_the_one_before_it_ends(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const struct clock_ops *before = w->env.world->clock->ops;
    const struct clock_ops ticking = { tick_wall, before->mono, before->sleep };
    ARENA(a, 1 << 20);
    struct spans s = { 0 };
    struct error e = { 0 };
    struct object o;

    w->env.world->clock->ops = &ticking;
    for (int n = 0; n < 3; n++)
        put_name(w, n);
    get(w, &o, &a);
    assert_int_equal(history_each(&w->env, &o, note_span, &s, &e), ST_OK);
    w->env.world->clock->ops = before;
    assert_int_equal(s.n, 3);
    small_world_free(w);
}

static void versions_come_newest_first_with_what_brought_them_and_what_changed(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct seen s;

    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"a\",\"url\":\"u\"}", 0,
                "sync");
    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"b\",\"url\":\"u\"}", 0,
                "webhook");
    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"b\",\"url\":\"u\"}", 0,
                "webhook");
    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"c\",\"x\":1}", 0, "check");
    each(w, &s);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.line[0], "c check [name x url] now");
    assert_string_equal(s.line[1], "b webhook [name]");
    assert_string_equal(s.line[2], "a  []");
    small_world_free(w);
}

static void more_versions_than_a_piece_are_told_each_once(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct seen s;
    char want[16];

    for (int n = 0; n < 41; n++)
        put_name(w, n);
    each(w, &s);
    assert_int_equal(s.n, 41);
    for (int n = 0; n < 41; n++) {
        snprintf(want, sizeof want, "n%d ", 40 - n);
        assert_int_equal(strncmp(s.line[n], want, strlen(want)), 0);
    }
    small_world_free(w);
}

static void an_object_that_never_changed_has_no_history(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct seen s;

    put_name(w, 1);
    pass(w, 1000);
    put_name(w, 1);
    each(w, &s);
    assert_int_equal(s.n, 1);
    assert_int_equal(ask_int(w, "select count(*) from _history"), 0);
    assert_int_equal(ask_int(w, "select fetched_at - changed_at from objects"), 1000);
    small_world_free(w);
}

static enum status name_at(struct small_world *w, msec at, char name[32])
{
    ARENA(a, 1 << 20);
    struct error e = { 0 };
    struct version v;
    struct object o;

    get(w, &o, &a);
    enum status st = history_at(&w->env, &o, at, &v, &a, &e);
    if (st == ST_OK)
        snprintf(name, 32, "%.*s", STR_ARG(json_text(v.data, S("name"), &a)));
    return st;
}

static void every_time_has_the_version_that_held_then(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    msec start = w->wall;
    char name[32];

    for (int n = 0; n < 3; n++) {
        put_name(w, n);
        pass(w, 1000);
    }
    assert_int_equal(name_at(w, start - 1, name), ST_NONE);
    for (int n = 0; n < 3; n++) {
        char want[8];
        snprintf(want, sizeof want, "n%d", n);
        assert_int_equal(name_at(w, start + n * 1000, name), ST_OK);
        assert_string_equal(name, want);
        assert_int_equal(name_at(w, start + n * 1000 + 999, name), ST_OK);
        assert_string_equal(name, want);
    }
    small_world_free(w);
}

static void what_is_past_its_retention_is_not_known_any_more(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    msec start = w->wall;
    char name[32];
    bool more;

    put_name(w, 0);
    pass(w, 1000);
    put_name(w, 1);
    w->env.set.history_ms = 10 * 1000;
    pass(w, 5 * 1000);
    put_name(w, 2);
    pass(w, 6 * 1000);
    assert_int_equal(retention_run(&w->env, &more, &e), ST_OK);
    assert_int_equal(name_at(w, start, name), ST_NONE);
    assert_int_equal(name_at(w, start + 1000, name), ST_OK);
    assert_string_equal(name, "n1");
    small_world_free(w);
}

/* 500 events whose work is not done stand before one whose work is. */
static void unfinished_work_keeps_its_events_and_no_others(void **state)
{
    enum { UNDONE = 500, PIECE = 250 };
    (void)state;
    ARENA(a, 4 << 20);
    struct small_world *w = small_world_new();
    struct event *ev = arena_alloc(&a, UNDONE * sizeof *ev);
    struct inbox_result *result = arena_alloc(&a, UNDONE * sizeof *result);
    struct error e = { 0 };
    bool more;

    for (unsigned i = 0; i < UNDONE; i++) {
        str body =
            arena_printf(&a,
                         "{\"id\":\"evt_%u\",\"object\":\"event\",\"type\":\"product.updated\","
                         "\"data\":{\"object\":{\"id\":\"prod_%u\",\"object\":\"product\"}}}",
                         i, i);
        assert_int_equal(event_parse(body, &ev[i], &a, &e), ST_OK);
        ev[i].received_at = w->wall;
    }
    for (size_t i = 0; i < UNDONE; i += PIECE)
        assert_int_equal(inbox_put_many(&w->env, ev + i, PIECE, result, &e), ST_OK);
    deliver_body(w, "evt_last", "odd.thing", "{\"object\":\"odd\",\"id\":\"odd_1\"}");
    pass(w, w->env.set.inbox_id_ms + 1000);
    assert_int_equal(retention_run(&w->env, &more, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), UNDONE);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where event = 'evt_last'"), 0);
    small_world_free(w);
}

/* However many events there are: only those past their time are looked at. */
static void retention_searches_by_time(void **state)
{
    static const enum stmt id[] = { STMT_FORGET_BODIES, STMT_FORGET_EVENTS };
    (void)state;
    struct small_world *w = small_world_new();

    (void)ask_int(w, "select 1"); /* opens the reader */
    for (size_t i = 0; i < COUNT(id); i++) {
        char sql[1024];
        snprintf(sql, sizeof sql, "explain query plan %s", stmt_table[id[i]].sqlite);
        BUF(plan, 4096);
        sqlite3_stmt *q;
        assert_int_equal(sqlite3_prepare_v2(w->reader, sql, -1, &q, NULL), SQLITE_OK);
        while (sqlite3_step(q) == SQLITE_ROW)
            buf_printf(&plan, "%s; ", (const char *)sqlite3_column_text(q, 3));
        sqlite3_finalize(q);
        buf_char(&plan, '\0');
        assert_null(strstr(buf_str(&plan).p, "SCAN"));
        assert_non_null(strstr(buf_str(&plan).p, "received_at<?"));
    }
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_begins_when_the_one_before_it_ends),
        cmocka_unit_test(versions_come_newest_first_with_what_brought_them_and_what_changed),
        cmocka_unit_test(more_versions_than_a_piece_are_told_each_once),
        cmocka_unit_test(an_object_that_never_changed_has_no_history),
        cmocka_unit_test(every_time_has_the_version_that_held_then),
        cmocka_unit_test(what_is_past_its_retention_is_not_known_any_more),
        cmocka_unit_test(unfinished_work_keeps_its_events_and_no_others),
        cmocka_unit_test(retention_searches_by_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
