/* Thin events: no object inside, a related one named, and often a snapshot of the same change. */
#include "../unit.h"

#include "core/due.h"
#include "core/inbox.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

static struct inbox_result deliver(struct small_world *w, const char *body)
{
    ARENA(a, 64 << 10);
    struct error e = { 0 };
    struct event ev;
    struct inbox_result result;

    assert_int_equal(event_parse(str_of(body), &ev, &a, &e), ST_OK);
    ev.received_at = w->wall;
    assert_int_equal(inbox_put_many(&w->env, &ev, 1, &result, &e), ST_OK);
    return result;
}

#define THIN                                                                                       \
    "{\"id\":\"evt_thin\",\"object\":\"v2.core.event\",\"type\":\"v1.product.updated\","           \
    "\"created\":\"2022-02-15T00:27:45.330Z\",\"livemode\":false,"                                 \
    "\"related_object\":{\"id\":\"prod_1\",\"type\":\"product\",\"url\":\"/v1/products/prod_1\"}," \
    "\"snapshot_event\":\"evt_snapshot\"}"
#define SNAPSHOT                                                                  \
    "{\"id\":\"evt_snapshot\",\"object\":\"event\",\"type\":\"product.updated\"," \
    "\"livemode\":false,\"data\":{\"object\":{\"id\":\"prod_1\",\"object\":\"product\"}}}"

static void play(const char *first, const char *second)
{
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    deliver(w, first);
    work_off(w);
    pass(w, 60 * 1000);
    deliver(w, second);
    work_off(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'due'"), 2);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where reason = 'twin'"), 1);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    small_world_free(w);
}

static void a_snapshot_and_its_thin_twin_are_one_fetch(void **state)
{
    (void)state;
    play(SNAPSHOT, THIN);
    play(THIN, SNAPSHOT);
}

static void a_thin_event_without_a_twin_leads_to_what_it_is_about(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    deliver(w, THIN);
    work_off(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    assert_int_equal(ask_int(w, "select created from _inbox"), 1644884865);
    small_world_free(w);
}

static void a_thin_event_of_nothing_that_is_known_is_kept_and_makes_no_work(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    assert_int_equal(deliver(w,
                             "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"v2.x.y\","
                             "\"created\":\"yesterday\",\"livemode\":false}")
                         .outcome,
                     PLAN_UNFETCHABLE);
    assert_int_equal(
        deliver(w, "{\"id\":\"evt_2\",\"object\":\"v2.core.event\",\"type\":\"v2.x.y\","
                   "\"livemode\":false,\"related_object\":{\"id\":\"x_1\",\"type\":\"v2.x\"}}")
            .outcome,
        PLAN_UNKNOWN);
    assert_int_equal(deliver(w,
                             "{\"id\":\"evt_3\",\"object\":\"v2.core.event\",\"type\":\"v1.a.b\","
                             "\"livemode\":true,\"related_object\":{\"id\":\"prod_1\","
                             "\"type\":\"product\"}}")
                         .outcome,
                     PLAN_QUARANTINED);
    assert_int_equal(work_off(w), 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_and_its_thin_twin_are_one_fetch),
        cmocka_unit_test(a_thin_event_without_a_twin_leads_to_what_it_is_about),
        cmocka_unit_test(a_thin_event_of_nothing_that_is_known_is_kept_and_makes_no_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
