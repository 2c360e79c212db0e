/* Reading the list of events: what is known makes no work, what was lost does, and where it stands
 * survives. */
#include "../unit.h"

#include "core/due.h"
#include "core/inbox.h"
#include "core/mirror/catchup.h"
#include "core/schedule.h"
#include "core/status.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

enum { T0 = 1700000000 }; /* the small world's second */

static char body[16][8192];
static int turn;

/* A page of events evt_FIRST … (newest first), created one a second up to `newest`. */
static const char *page_of(int first, int n, int newest, bool more)
{
    char *p = body[turn++ % 16];
    size_t at = (size_t)snprintf(p, 8192, "{\"object\":\"list\",\"data\":[");

    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(
            p + at, 8192 - at,
            "%s{\"id\":\"evt_%d\",\"object\":\"event\",\"type\":\"product.updated\",\"created\":%d,"
            "\"livemode\":false,\"data\":{\"object\":{\"id\":\"prod_%d\",\"object\":\"product\"}}}",
            i ? "," : "", first - i, newest - i, first - i);
    snprintf(p + at, 8192 - at, "],\"has_more\":%s}", more ? "true" : "false");
    return p;
}

static void read_list(struct small_world *w)
{
    struct error e = { 0 };

    w->env.set.catch_up_ms = 60 * 1000;
    pass(w, 60 * 1000);
    assert_int_equal(schedule_run(&w->env, &e), ST_OK);
    settle(w);
}

static struct mirror_status numbers(struct small_world *w)
{
    struct mirror_status s;
    struct error e = { 0 };

    assert_int_equal(status_read(&w->env, &s, &e), ST_OK);
    return s;
}

static void first_time(struct small_world *w)
{
    script(w, "/v1/events?limit=1", 200, page_of(10, 1, T0, true));
    read_list(w);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 0);
    assert_int_equal(ask_int(w, "select value from _counters where name = 'events_cursor'"), T0);
}

static void the_first_reading_only_notes_where_the_list_stands(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    first_time(w);
    assert_int_equal(asked(w, "/v1/events"), 1);
    assert_true(numbers(w).complete_up_to > 0);
    small_world_free(w);
}

static void what_was_lost_is_found_and_what_is_known_makes_no_fetch(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const char *from = "/v1/events?limit=100&created[gte]=1699999700";

    first_time(w);
    script(w, "/v1/products/prod_11", 200, "{\"id\":\"prod_11\",\"object\":\"product\"}");
    script(w, from, 200, page_of(11, 2, T0 + 1, false)); /* evt_10 is of the second before */
    read_list(w);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where secret = 'events'"), 2);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    size_t before = asked(w, "/v1/products/prod_11");
    script(w, "/v1/events?limit=100&created[gte]=1699999701", 200, page_of(11, 2, T0 + 1, false));
    read_list(w);
    assert_int_equal(asked(w, "/v1/products/prod_11"), before);
    assert_int_equal(ask_int(w, "select max(deliveries) from _inbox"), 1);
    small_world_free(w);
}

static void every_page_is_read_to_the_lists_end(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    first_time(w);
    script(w, "/v1/events?limit=100&created[gte]=1699999700", 200, page_of(40, 20, T0 + 40, true));
    script(w, "/v1/events?limit=100&created[gte]=1699999700&starting_after=evt_21", 200,
           page_of(20, 10, T0 + 20, false));
    read_list(w);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 30);
    assert_int_equal(ask_int(w, "select value from _counters where name = 'events_cursor'"),
                     T0 + 40);
    small_world_free(w);
}

static void a_page_that_fails_moves_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    first_time(w);
    script(w, "/v1/events?limit=100&created[gte]=1699999700", 200, page_of(40, 20, T0 + 40, true));
    script(w, "/v1/events?limit=100&created[gte]=1699999700&starting_after=evt_21", 500, "{}");
    read_list(w);
    assert_int_equal(ask_int(w, "select value from _counters where name = 'events_cursor'"), T0);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 20); /* kept all the same */
    assert_true(numbers(w).due > 0);
    script(w, "/v1/events?limit=100&created[gte]=1699999700&starting_after=evt_21", 200,
           page_of(20, 10, T0 + 20, false));
    pass(w, w->env.set.backoff_ms_max);
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 30);
    small_world_free(w);
}

static void a_silence_longer_than_thirty_days_walks_every_list_anew(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    first_time(w);
    assert_int_equal(ask_int(w, "select count(*) from _walks"), 0);
    pass(w, 31 * 86400 * 1000LL);
    script(w, "/v1/events", 200, page_of(99, 1, T0 + 31 * 86400, false));
    read_list(w);
    assert_true(ask_int(w, "select count(*) from _walks") > 40);
    assert_true(numbers(w).events_gap_to > numbers(w).events_gap_from);
    small_world_free(w);
}

static void an_account_without_events_has_no_gap(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/events", 200, page_of(1, 0, T0, false));
    for (int day = 0; day < 70; day++) {
        read_list(w);
        pass(w, 86400 * 1000LL);
    }
    assert_int_equal(ask_int(w, "select count(*) from _walks"), 0);
    assert_int_equal(numbers(w).events_gap_to, 0);
    small_world_free(w);
}

static void a_key_that_may_not_read_events_is_told_and_no_failure(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/events", 403, "{\"error\":{\"message\":\"Permission denied.\"}}");
    read_list(w);
    assert_non_null(strstr(numbers(w).events_error, "Permission denied"));
    assert_int_equal(numbers(w).due + numbers(w).dead, 0);
    assert_int_equal(numbers(w).complete_up_to, 0);
    small_world_free(w);
}

static void what_is_due_holds_complete_up_to_back(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    first_time(w);
    script(w, "/v1/products/prod_11", 500, "{}");
    script(w, "/v1/events?limit=100&created[gte]=1699999700", 200, page_of(11, 1, T0 + 1, false));
    read_list(w);
    msec since = ask_int(w, "select due_since from _due where type = 'product'");
    script(w, "/v1/events", 200, page_of(11, 1, T0 + 1, false));
    for (int i = 0; i < 10; i++)
        read_list(w);
    assert_int_equal(numbers(w).complete_up_to,
                     since - EVENTS_LAG_S * 1000 - w->env.set.catch_up_ms);
    small_world_free(w);
}

/* The list of events could not be read for a day: what it then tells of is a day old. */
static void what_is_told_late_is_as_old_as_it_is(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    msec now = clock_wall(w->world.clock), day = 86400 * 1000;
    int64_t happened_s = (now - day) / 1000;

    first_time(w);
    script(w, "/v1/products/prod_11", 500, "{}");
    script(w, "/v1/events?limit=100&created[gte]=1699999700", 200,
           page_of(11, 1, (int)happened_s, false));
    read_list(w);
    assert_int_equal(ask_int(w, "select due_since from _due where type = 'product'"),
                     happened_s * 1000);
    assert_true(numbers(w).complete_up_to < happened_s * 1000);
    assert_true(numbers(w).oldest_due_ms >= day);
    small_world_free(w);
}

/* Of two signals that wait, the one that tells of the older thing counts. */
static void older_news_of_what_is_due_makes_it_older(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    msec now = clock_wall(w->world.clock);
    const msec at[] = { now - 5000, now - 9000, now - 7000, now + 5000, 1 };

    for (size_t i = 0; i < COUNT(at); i++) {
        CLEANUP(tx_end) struct tx tx = { 0 };
        const struct due_mark m = { .key = { DUE_OBJECT, S("product"), S("prod_1") },
                                    .cause = "test",
                                    .happened_at = at[i] };
        assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        assert_int_equal(due_mark(&tx, &w->env, &m, &a, &e), ST_OK);
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
        assert_int_equal(ask_int(w, "select due_since from _due where type = 'product'"),
                         i ? now - 9000 : now - 5000);
    }
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_reading_only_notes_where_the_list_stands),
        cmocka_unit_test(what_was_lost_is_found_and_what_is_known_makes_no_fetch),
        cmocka_unit_test(every_page_is_read_to_the_lists_end),
        cmocka_unit_test(a_page_that_fails_moves_nothing),
        cmocka_unit_test(a_silence_longer_than_thirty_days_walks_every_list_anew),
        cmocka_unit_test(an_account_without_events_has_no_gap),
        cmocka_unit_test(a_key_that_may_not_read_events_is_told_and_no_failure),
        cmocka_unit_test(what_is_due_holds_complete_up_to_back),
        cmocka_unit_test(what_is_told_late_is_as_old_as_it_is),
        cmocka_unit_test(older_news_of_what_is_due_makes_it_older),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
