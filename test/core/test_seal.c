/* The journal of a switch, and the seal that it leaves. */
#include "../unit.h"

#include "core/environment/seal.h"
#include "core/small_world.h"

#include <string.h>

static const struct switch_plan to_live = { .target = "live", .url = "" };

static int open_world(void **state)
{
    *state = small_world_new();
    return 0;
}

static int close_world(void **state)
{
    small_world_free(*state);
    return 0;
}

static struct seal now(struct small_world *w)
{
    struct error e = { 0 };
    struct seal seal;

    assert_int_equal(seal_read(&w->env, &seal, &e), ST_OK);
    return seal;
}

static void a_switch_that_begins_twice_is_one(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };
    const struct switch_plan plan = {
        .target = "live", .url = "https://a.example/webhooks/live", .held = true, .reseal = true
    };

    assert_int_equal(switch_begin(&w->env, &plan, &e), ST_OK);
    struct seal first = now(w);
    pass(w, 1000);
    assert_int_equal(switch_begin(&w->env, &to_live, &e), ST_OK);
    struct seal second = now(w);
    assert_string_equal(second.target, "live");
    assert_string_equal(second.url, plan.url);
    assert_string_equal(second.step, "begun");
    assert_true(second.held && second.reseal);
    assert_true(first.started_at && first.started_at == second.started_at);
    assert_int_equal(ask_int(w, "select count(*) from _audit where what = 'switch_begun'"), 1);
}

static void a_switch_to_somebody_else_meanwhile_is_refused(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };
    const struct switch_plan other = { .target = "other", .url = "" };

    assert_int_equal(switch_begin(&w->env, &to_live, &e), ST_OK);
    assert_int_equal(switch_begin(&w->env, &other, &e), ST_CONFLICT);
    assert_non_null(strstr(e.text, "brindle env switch live"));
    assert_string_equal(now(w).target, "live");
}

static void what_is_sealed_is_not_switched_from_again(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };
    const struct switch_plan other = { .target = "other", .url = "" };

    assert_int_equal(seal_put(&w->env, "live", &e), ST_OK);
    assert_int_equal(switch_begin(&w->env, &other, &e), ST_CONFLICT);
    assert_non_null(strstr(e.text, "live took over"));
}

static void a_switch_ends_behind_the_seal_and_not_before(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };

    assert_int_equal(switch_begin(&w->env, &to_live, &e), ST_OK);
    assert_int_equal(switch_end(&w->env, false, &e), ST_CONFLICT);
    assert_string_equal(now(w).target, "live");
    assert_int_equal(switch_step(&w->env, "sealed", S("[1]"), &e), ST_OK);
    assert_string_equal(now(w).sealed_for, "live");
    assert_int_equal(switch_step(&w->env, "opened", S("[1,2]"), &e), ST_OK);
    assert_string_equal(ask_text(w, "select step || notes from _switch"), "opened[1,2]");
    assert_int_equal(switch_end(&w->env, false, &e), ST_OK);
    assert_int_equal(switch_end(&w->env, false, &e), ST_OK);
    assert_string_equal(now(w).target, "");
    assert_string_equal(now(w).sealed_for, "live");
    assert_string_equal(ask_text(w, "select group_concat(what) from _audit where what <> 'made'"),
                        "switch_begun,sealed,switched");
}

static void a_step_of_a_switch_that_is_over_tells_so(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };

    assert_int_equal(switch_step(&w->env, "sealed", S("[]"), &e), ST_CONFLICT);
    assert_string_equal(now(w).sealed_for, "");
}

static void going_back_opens_the_source(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };

    assert_int_equal(switch_begin(&w->env, &to_live, &e), ST_OK);
    assert_int_equal(switch_step(&w->env, "sealed", S("[]"), &e), ST_OK);
    assert_int_equal(switch_end(&w->env, true, &e), ST_OK);
    assert_string_equal(now(w).target, "");
    assert_string_equal(now(w).sealed_for, "");
}

static void whoever_holds_it_has_the_last_word(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };

    assert_int_equal(switch_hold(&w->env, true, &e), ST_OK); /* nothing is under way */
    assert_false(now(w).held);
    assert_int_equal(switch_begin(&w->env, &to_live, &e), ST_OK);
    assert_int_equal(switch_hold(&w->env, true, &e), ST_OK);
    assert_true(now(w).held);
    assert_int_equal(switch_hold(&w->env, false, &e), ST_OK);
    assert_false(now(w).held);
}

static void a_seal_is_broken_and_put_once(void **state)
{
    struct small_world *w = *state;
    struct error e = { 0 };

    for (int i = 0; i < 2; i++)
        assert_int_equal(seal_put(&w->env, "live", &e), ST_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(seal_break(&w->env, &e), ST_OK);
    assert_string_equal(ask_text(w, "select group_concat(what) from _audit where what <> 'made'"),
                        "sealed,opened_again");
    assert_string_equal(now(w).sealed_for, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(a_switch_that_begins_twice_is_one),
        TEST(a_switch_to_somebody_else_meanwhile_is_refused),
        TEST(what_is_sealed_is_not_switched_from_again),
        TEST(a_switch_ends_behind_the_seal_and_not_before),
        TEST(a_step_of_a_switch_that_is_over_tells_so),
        TEST(going_back_opens_the_source),
        TEST(whoever_holds_it_has_the_last_word),
        TEST(a_seal_is_broken_and_put_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
