/* Up to when an answer is complete. */
#include "../unit.h"

#include "core/mirror/horizon.h"

#include <string.h>

enum { MINUTE = 60 * 1000, LAG = 5 * MINUTE, HOUR = 60 * MINUTE };

static void what_nobody_has_seen_whole_is_complete_up_to_nothing(void **state)
{
    (void)state;
    struct horizon h =
        horizon_of(&(struct horizon_facts){ .events_begun = 1, .events_read = HOUR });

    assert_int_equal(h.by, HORIZON_UNKNOWN);
    assert_int_equal(h.up_to, 0);
    assert_null(horizon_by_name(h.by));
}

static void the_later_of_sync_and_list_counts(void **state)
{
    (void)state;
    struct horizon h = horizon_of(&(struct horizon_facts){ .synced_at = 5, .listed_at = 9 });

    assert_int_equal(h.by, HORIZON_LIST);
    assert_int_equal(h.up_to, 9);
    h = horizon_of(&(struct horizon_facts){ .synced_at = 10, .listed_at = 9 });
    assert_int_equal(h.by, HORIZON_SYNC);
    assert_int_equal(h.up_to, 10);
}

static void events_carry_on_where_they_were_followed_since(void **state)
{
    (void)state;
    struct horizon_facts f = { .synced_at = HOUR,
                               .events_begun = HOUR + MINUTE,
                               .events_read = 2 * HOUR };
    struct horizon h = horizon_of(&f);

    assert_int_equal(h.by, HORIZON_EVENTS);
    assert_int_equal(h.up_to, 2 * HOUR - LAG);
    f.events_begun = HOUR + LAG + 1; /* what happened in between was told to nobody */
    h = horizon_of(&f);
    assert_int_equal(h.by, HORIZON_SYNC);
    assert_int_equal(h.up_to, HOUR);
}

static void a_sync_that_is_younger_than_the_events_needs_none(void **state)
{
    (void)state;
    struct horizon h = horizon_of(&(struct horizon_facts){
        .synced_at = 2 * HOUR, .events_begun = 1, .events_read = 2 * HOUR + MINUTE });

    assert_int_equal(h.by, HORIZON_SYNC);
    assert_int_equal(h.up_to, 2 * HOUR);
}

static void news_that_waits_is_the_end_of_what_events_tell(void **state)
{
    (void)state;
    struct horizon_facts f = {
        .synced_at = HOUR, .events_begun = 1, .events_read = 3 * HOUR, .news_since = 2 * HOUR
    };
    struct horizon h = horizon_of(&f);

    assert_int_equal(h.by, HORIZON_EVENTS);
    assert_int_equal(h.up_to, 2 * HOUR);
    f.news_since = MINUTE; /* older than the sync, which has seen it */
    h = horizon_of(&f);
    assert_int_equal(h.by, HORIZON_SYNC);
    assert_int_equal(h.up_to, HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_has_seen_whole_is_complete_up_to_nothing),
        cmocka_unit_test(the_later_of_sync_and_list_counts),
        cmocka_unit_test(events_carry_on_where_they_were_followed_since),
        cmocka_unit_test(a_sync_that_is_younger_than_the_events_needs_none),
        cmocka_unit_test(news_that_waits_is_the_end_of_what_events_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
