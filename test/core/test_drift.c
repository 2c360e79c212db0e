/* The drift check finds what is otherwise at Stripe, all of it and nothing else. */
#include "../unit.h"

#include "base/json.h"
#include "core/mirror/drift.h"
#include "core/mirror/mirror.h"
#include "core/mirror/sync.h"
#include "core/schedule.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

#define LIST "/v1/tax_rates"
#define FIRST LIST "?limit=100"
#define BEHIND(id) FIRST "&starting_after=" id
#define RATE(id, name) "{\"id\":\"" id "\",\"object\":\"tax_rate\",\"display_name\":\"" name "\"}"
#define PAGE(objects, more) "{\"object\":\"list\",\"data\":[" objects "],\"has_more\":" more "}"
#define GONE "{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such tax rate\"}}"

static const struct resource *rates(void)
{
    return resource_by_type(S("tax_rate"));
}

static void keep(struct small_world *w, const char *id, const char *data)
{
    put_object(w, "tax_rate", id, data, SOURCE_GET);
}

static void bury(struct small_world *w, const char *id)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    int64_t ticket;

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(sequence_draw(&tx, 1, &ticket, &a, &e), ST_OK);
    assert_int_equal(
        mirror_bury(&tx, &w->env, S("tax_rate"), str_of(id), ticket, "test", S(""), &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void want(struct small_world *w, bool repair)
{
    const struct drift_order order = { .repair = repair };
    struct error e = { 0 };

    assert_int_equal(drift_want(&w->env, rates(), &order, &e), ST_OK);
}

/* "id what fields state; …" of the report. */
static const char *told(struct small_world *w)
{
    static char text[4096];
    BUF(out, 64 << 10);
    ARENA(a, 64 << 10);
    struct drift_counts n = { 0 };
    struct error e = { 0 };
    size_t at = 0;
    str line;

    assert_int_equal(drift_report(&w->env, rates(), &out, &n, &e), ST_OK);
    text[0] = '\0';
    for (str rest = buf_str(&out); rest.n;) {
        rest = str_cut(rest, '\n', &line);
        at += (size_t)snprintf(
            text + at, sizeof text - at, "%.*s %.*s %.*s %.*s; ",
            STR_ARG(json_text(line, S("id"), &a)), STR_ARG(json_text(line, S("what"), &a)),
            STR_ARG(json_member(line, S("fields")).text), STR_ARG(json_text(line, S("state"), &a)));
    }
    return text;
}

/* Of five: one equal, one changed, one that is gone at Stripe, one missing here, one back. */
static void differ(struct small_world *w)
{
    keep(w, "txr_same", RATE("txr_same", "same"));
    keep(w, "txr_changed", RATE("txr_changed", "old"));
    keep(w, "txr_gone", RATE("txr_gone", "gone"));
    keep(w, "txr_back", RATE("txr_back", "back"));
    bury(w, "txr_back");
    script(w, FIRST, 200, PAGE(RATE("txr_same", "same") "," RATE("txr_changed", "new"), "true"));
    script(w, BEHIND("txr_changed"), 200,
           PAGE(RATE("txr_missing", "m") "," RATE("txr_back", "back"), "false"));
    script(w, LIST "/txr_changed", 200, RATE("txr_changed", "new"));
    script(w, LIST "/txr_missing", 200, RATE("txr_missing", "m"));
    script(w, LIST "/txr_back", 200, RATE("txr_back", "back"));
    script(w, LIST "/txr_gone", 404, GONE);
}

/* The check found three gone, a person permits it, and then they are there after all: of the next
 * spell the fuse holds all but one. */
static void a_word_for_what_came_back_is_no_word_for_the_next_spell(void **state)
{
    static const char *const id[] = { "txr_1", "txr_2", "txr_3" };
    const struct drift_order order = { .repair = true, .permitted = true };
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };

    w->env.set.fuse_max = 1;
    script(w, FIRST, 200, PAGE("", "false"));
    for (size_t i = 0; i < COUNT(id); i++) {
        char rate[64];
        snprintf(rate, sizeof rate, RATE("%s", "here"), id[i]);
        keep(w, id[i], rate);
    }
    script(w, LIST "/txr_1", 200, RATE("txr_1", "here"));
    script(w, LIST "/txr_2", 200, RATE("txr_2", "here"));
    script(w, LIST "/txr_3", 200, RATE("txr_3", "here"));
    for (size_t i = 0; i < COUNT(id); i++) { /* the check's own look alone */
        static char path[COUNT(id)][48];
        snprintf(path[i], sizeof path[i], LIST "/%s", id[i]);
        script(w, path[i], 404, GONE);
        script_last(w)->times = 1;
    }
    assert_int_equal(drift_want(&w->env, rates(), &order, &e), ST_OK);
    settle(w);
    assert_string_equal(told(w),
                        "txr_1 gone [] mended; txr_2 gone [] mended; txr_3 gone [] mended; ");
    assert_int_equal(ask_int(w, "select count(*) from tax_rates"), 3);
    script(w, LIST "/txr_1", 404, GONE);
    script(w, LIST "/txr_2", 404, GONE);
    script(w, LIST "/txr_3", 404, GONE);
    for (size_t i = 0; i < COUNT(id); i++)
        deliver_event(w, "", "tax_rate.updated", "tax_rate", id[i]);
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from tax_rates"), 2);
    small_world_free(w);
}

/* The same three, gone for good: the word is good for all of them. */
static void what_a_person_saw_gone_goes_past_the_fuse(void **state)
{
    const struct drift_order order = { .repair = true, .permitted = true };
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };

    w->env.set.fuse_max = 1;
    script(w, FIRST, 200, PAGE("", "false"));
    keep(w, "txr_1", RATE("txr_1", "x"));
    keep(w, "txr_2", RATE("txr_2", "x"));
    keep(w, "txr_3", RATE("txr_3", "x"));
    script(w, LIST "/txr_1", 404, GONE);
    script(w, LIST "/txr_2", 404, GONE);
    script(w, LIST "/txr_3", 404, GONE);
    assert_int_equal(drift_want(&w->env, rates(), &order, &e), ST_OK);
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from tax_rates"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1"), 0);
    small_world_free(w);
}

static void an_equal_mirror_costs_its_lists_and_no_object(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "a"));
    keep(w, "txr_2", RATE("txr_2", "b"));
    script(w, FIRST, 200, PAGE(RATE("txr_1", "a"), "true"));
    script(
        w, BEHIND("txr_1"), 200, /* other blanks and another order are no difference */
        PAGE("{ \"object\": \"tax_rate\", \"display_name\": \"b\", \"id\": \"txr_2\" }", "false"));
    want(w, true);
    settle(w);
    assert_string_equal(told(w), "");
    assert_int_equal(asked(w, LIST), 2);
    assert_int_equal(asked(w, LIST "/txr_1") + asked(w, LIST "/txr_2"), 0);
    assert_string_equal(ask_text(w, "select state || compared from _checks"), "done2");
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    small_world_free(w);
}

static void every_kind_of_difference_is_told_and_nothing_is_touched(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    differ(w);
    int64_t before = ask_int(w, "select sum(revision) from objects");
    want(w, false);
    settle(w);
    assert_string_equal(told(w), "txr_back back [] found; txr_changed changed [\"display_name\"] "
                                 "found; txr_gone gone [] found; txr_missing missing [] found; ");
    assert_int_equal(ask_int(w, "select sum(revision) from objects"), before);
    assert_int_equal(ask_int(w, "select count(*) from _due where kind = 'object'"), 0);
    small_world_free(w);
}

static void a_repair_mends_what_differs_and_nothing_else(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    differ(w);
    int64_t same = ask_int(w, "select revision from objects where id = 'txr_same'");
    want(w, true);
    settle(w);
    assert_string_equal(told(w),
                        "txr_back back [] mended; txr_changed changed [\"display_name\"] "
                        "mended; txr_gone gone [] mended; txr_missing missing [] mended; ");
    assert_int_equal(ask_int(w, "select count(*) from objects where deleted = 0"), 4);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'txr_gone'"), 1);
    assert_int_equal(ask_int(w, "select revision from objects where id = 'txr_same'"), same);
    assert_string_equal(ask_text(w, "select data from objects where id = 'txr_changed'"),
                        RATE("txr_changed", "new"));
    want(w, true); /* and the next one forgets what the last one found */
    settle(w);
    assert_string_equal(told(w), "");
    small_world_free(w);
}

static void learn(void *ctx)
{
    keep(ctx, "txr_1", RATE("txr_1", "new"));
}

static void a_row_that_moved_while_the_page_was_under_way_is_no_difference(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "older still"));
    script(w, LIST, 200, PAGE(RATE("txr_1", "old"), "false"));
    script_last(w)->meanwhile = learn;
    script_last(w)->ctx = w;
    want(w, false);
    settle(w);
    assert_string_equal(told(w), "");
    assert_int_equal(asked(w, LIST "/txr_1"), 0);
    small_world_free(w);
}

static void deliver_news(void *ctx)
{
    deliver_event(ctx, "evt_1", "tax_rate.updated", "tax_rate", "txr_1");
}

static void what_an_event_on_its_way_will_bring_is_no_difference(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "old"));
    script(w, LIST, 200, PAGE(RATE("txr_1", "new"), "false"));
    script(w, LIST "/txr_1", 200, RATE("txr_1", "new"));
    script_last(w)->meanwhile = deliver_news; /* its event arrives before the second look ends */
    script_last(w)->ctx = w;
    want(w, false);
    settle(w);
    assert_string_equal(told(w), "");
    assert_string_equal(ask_text(w, "select data from objects"), RATE("txr_1", "new"));
    small_world_free(w);
}

static void what_its_own_get_shows_as_it_is_here_is_no_difference(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "right"));
    keep(w, "txr_2", RATE("txr_2", "hidden"));
    script(w, LIST, 200, PAGE(RATE("txr_1", "stale page"), "false"));
    script(w, LIST "/txr_1", 200, RATE("txr_1", "right"));
    script(w, LIST "/txr_2", 200, RATE("txr_2", "hidden")); /* alive, though no list shows it */
    want(w, true);
    settle(w);
    assert_string_equal(told(w), "");
    assert_int_equal(ask_int(w, "select count(*) from objects where deleted = 0"), 2);
    small_world_free(w);
}

static void check_again(struct small_world *w, bool repair)
{
    pass(w, 24 * 3600 * 1000);
    want(w, repair);
    settle(w);
}

static int64_t told_hidden(struct small_world *w)
{
    BUF(out, 64 << 10);
    struct drift_counts n = { 0 };
    struct error e = { 0 };

    assert_int_equal(drift_report(&w->env, rates(), &out, &n, &e), ST_OK);
    return n.hidden;
}

static void what_no_list_shows_is_not_asked_for_at_each_check(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "hidden"));
    script(w, FIRST, 200, PAGE("", "false"));
    script(w, LIST "/txr_1", 200, RATE("txr_1", "hidden"));
    for (int i = 0; i < 3; i++) {
        check_again(w, true);
        assert_string_equal(told(w), "");
        assert_int_equal(asked(w, LIST "/txr_1"), 1);
        assert_int_equal(told_hidden(w), 1);
    }
    script(w, FIRST, 200, PAGE(RATE("txr_1", "hidden"), "false"));
    script_last(w)->times = 1;
    check_again(w, true);
    assert_int_equal(told_hidden(w), 0);
    script(w, LIST "/txr_1", 404, GONE); /* a list has shown it: it is missing now */
    check_again(w, true);
    assert_string_equal(told(w), "txr_1 gone [] mended; ");
    small_world_free(w);
}

static void what_a_list_shows_in_another_version_is_no_hidden_object(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "old"));
    script(w, FIRST, 200, PAGE(RATE("txr_1", "new"), "false"));
    script(w, LIST "/txr_1", 200, RATE("txr_1", "new"));
    check_again(w, true);
    assert_string_equal(told(w), "txr_1 changed [\"display_name\"] mended; ");
    assert_int_equal(told_hidden(w), 0);
    small_world_free(w);
}

static void what_is_gone_and_not_mended_is_told_by_the_next_check_too(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "x"));
    keep(w, "txr_2", RATE("txr_2", "old"));
    script(w, FIRST, 200, PAGE("", "false"));
    script(w, LIST "/txr_1", 404, GONE);
    script(w, LIST "/txr_2", 200, RATE("txr_2", "new"));
    for (int i = 0; i < 2; i++) {
        check_again(w, false);
        assert_string_equal(told(w),
                            "txr_1 gone [] found; txr_2 changed [\"display_name\"] found; ");
        assert_int_equal(told_hidden(w), 0);
    }
    small_world_free(w);
}

static void a_check_that_failed_goes_on_where_it_stood(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, FIRST, 200, PAGE(RATE("txr_1", "a"), "true"));
    script(w, BEHIND("txr_1"), 200, PAGE(RATE("txr_2", "b"), "false"));
    script(w, BEHIND("txr_1"), 500, "{\"error\":{\"message\":\"out of order\"}}");
    script_last(w)->times = 3;
    keep(w, "txr_1", RATE("txr_1", "a"));
    keep(w, "txr_2", RATE("txr_2", "b"));
    want(w, false);
    work_off(w);
    assert_int_equal(asked(w, FIRST), 1);
    assert_string_equal(ask_text(w, "select state || ' ' || cursor from _checks"), "walking txr_1");
    pass(w, 60 * 1000);
    settle(w);
    assert_int_equal(asked(w, FIRST), 1);
    assert_string_equal(ask_text(w, "select state from _checks"), "done");
    assert_string_equal(told(w), "");
    small_world_free(w);
}

static void a_cursor_that_vanished_begins_the_list_anew(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, FIRST, 200, PAGE(RATE("txr_1", "a") "," RATE("txr_2", "b"), "false"));
    script(w, FIRST, 200, PAGE(RATE("txr_1", "a"), "true"));
    script_last(w)->times = 1;
    script(w, BEHIND("txr_1"), 400,
           "{\"error\":{\"param\":\"starting_after\",\"message\":\"No such tax rate\"}}");
    keep(w, "txr_1", RATE("txr_1", "a"));
    keep(w, "txr_2", RATE("txr_2", "b"));
    want(w, false);
    settle(w);
    assert_int_equal(asked(w, FIRST), 2);
    assert_string_equal(ask_text(w, "select state from _checks"), "done");
    assert_string_equal(told(w), "");
    small_world_free(w);
}

static void a_list_that_is_refused_is_skipped_and_says_why(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "a"));
    script(w, LIST, 403, "{\"error\":{\"message\":\"not permitted to you\"}}");
    want(w, true);
    settle(w);
    assert_string_equal(ask_text(w, "select state from _checks"), "skipped");
    assert_non_null(strstr(ask_text(w, "select reason from _checks"), "not permitted to you"));
    assert_string_equal(told(w), "");
    assert_int_equal(ask_int(w, "select count(*) from objects where deleted = 0"), 1);
    small_world_free(w);
}

static void a_list_that_does_not_move_on_is_asked_for_again_later(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    keep(w, "txr_1", RATE("txr_1", "a"));
    script(w, LIST, 200, PAGE(RATE("txr_1", "a"), "true")); /* whatever is asked for */
    want(w, false);
    work_off(w);
    assert_int_equal(asked(w, LIST), 2);
    assert_string_equal(ask_text(w, "select state from _checks"), "walking");
    assert_non_null(strstr(ask_text(w, "select last_error from _due where kind = 'check'"),
                           "does not move on"));
    small_world_free(w);
}

static void a_paced_check_makes_a_request_and_waits(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const struct drift_order order = { .paced = true };
    struct error e = { 0 };

    script(w, FIRST, 200, PAGE(RATE("txr_1", "a"), "true"));
    script(w, BEHIND("txr_1"), 200, PAGE(RATE("txr_2", "b"), "false"));
    keep(w, "txr_1", RATE("txr_1", "a"));
    keep(w, "txr_2", RATE("txr_2", "b"));
    assert_int_equal(drift_want(&w->env, rates(), &order, &e), ST_OK);
    work_off(w);
    assert_int_equal(asked(w, LIST), 1);
    pass(w, 1000);
    work_off(w);
    assert_int_equal(asked(w, LIST), 2);
    for (int i = 0; i < 5; i++) {
        pass(w, 2000);
        work_off(w);
    }
    assert_string_equal(ask_text(w, "select state from _checks"), "done");
    small_world_free(w);
}

/* Both types were seen whole, the tax rates first: their check is due first. */
static void see_two_types(struct small_world *w)
{
    const str args[2] = { S("tax_rates"), S("coupons") };
    struct error e = { 0 };
    struct sync s;

    w->env.set.check_ms = w->env.set.relist_ms = 24 * 3600 * 1000;
    script(w, "/v1/tax_rates", 200, PAGE(RATE("txr_1", "a"), "false"));
    script(w, "/v1/coupons", 200, PAGE("", "false"));
    for (size_t i = 0; i < COUNT(args); i++) {
        assert_int_equal(sync_start(&w->env, &args[i], 1, false, LANE_BACKFILL, &s, &e), ST_OK);
        settle(w);
        pass(w, 1000);
    }
    assert_int_equal(ask_int(w, "select count(*) from _walks where state = 'complete'"), 2);
    pass(w, w->env.set.check_ms);
}

static void let_the_schedule_run(struct small_world *w, int seconds)
{
    struct error e = { 0 };

    for (int i = 0; i < seconds; i++) {
        assert_int_equal(schedule_run(&w->env, &e), ST_OK);
        work_off(w);
        pass(w, 1000);
    }
}

static void a_check_that_fails_for_ever_keeps_no_other_from_its_turn(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    see_two_types(w);
    script(w, "/v1/tax_rates", 500, "{}");
    let_the_schedule_run(w, 60);
    assert_string_equal(ask_text(w, "select state from _checks where type = 'tax_rate'"),
                        "walking");
    assert_string_equal(ask_text(w, "select state from _checks where type = 'coupon'"), "done");
    /* it was asked for as often as failures are, and not begun again and again */
    assert_int_equal(ask_int(w, "select gen from _due where kind = 'check' and type = 'tax_rate'"),
                     1);
    script(w, "/v1/tax_rates", 200, PAGE(RATE("txr_1", "a"), "false"));
    let_the_schedule_run(w, 120);
    assert_string_equal(ask_text(w, "select state from _checks where type = 'tax_rate'"), "done");
    small_world_free(w);
}

static void checks_that_failed_share_their_pace_when_they_come_back(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    see_two_types(w);
    script(w, "/v1/tax_rates", 500, "{}");
    script(w, "/v1/coupons", 500, "{}");
    let_the_schedule_run(w, 30);
    assert_int_equal(ask_int(w, "select count(*) from _due where kind = 'check' and attempts > 0"),
                     2);
    script(w, "/v1/tax_rates", 200, PAGE(RATE("txr_1", "a"), "true")); /* of two pages */
    script(w, "/v1/tax_rates?limit=100&starting_after=txr_1", 200, PAGE("", "false"));
    script(w, "/v1/coupons", 200, PAGE("", "false"));
    pass(w, 3600 * 1000);
    w->n_asked = 0;
    work_off(w);
    pass(w, 1000);
    work_off(w);
    assert_int_equal(asked(w, "/v1/tax_rates"), 1);
    pass(w, 1000);
    work_off(w);
    assert_int_equal(asked(w, "/v1/tax_rates"), 2);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_for_what_came_back_is_no_word_for_the_next_spell),
        cmocka_unit_test(what_a_person_saw_gone_goes_past_the_fuse),
        cmocka_unit_test(an_equal_mirror_costs_its_lists_and_no_object),
        cmocka_unit_test(every_kind_of_difference_is_told_and_nothing_is_touched),
        cmocka_unit_test(a_repair_mends_what_differs_and_nothing_else),
        cmocka_unit_test(a_row_that_moved_while_the_page_was_under_way_is_no_difference),
        cmocka_unit_test(what_an_event_on_its_way_will_bring_is_no_difference),
        cmocka_unit_test(what_its_own_get_shows_as_it_is_here_is_no_difference),
        cmocka_unit_test(what_no_list_shows_is_not_asked_for_at_each_check),
        cmocka_unit_test(what_a_list_shows_in_another_version_is_no_hidden_object),
        cmocka_unit_test(what_is_gone_and_not_mended_is_told_by_the_next_check_too),
        cmocka_unit_test(a_check_that_failed_goes_on_where_it_stood),
        cmocka_unit_test(a_cursor_that_vanished_begins_the_list_anew),
        cmocka_unit_test(a_list_that_is_refused_is_skipped_and_says_why),
        cmocka_unit_test(a_list_that_does_not_move_on_is_asked_for_again_later),
        cmocka_unit_test(a_paced_check_makes_a_request_and_waits),
        cmocka_unit_test(a_check_that_fails_for_ever_keeps_no_other_from_its_turn),
        cmocka_unit_test(checks_that_failed_share_their_pace_when_they_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
