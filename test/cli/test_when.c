/* Times as people write them. */
#include "../unit.h"

#include <string.h>

#include "cli/when.h"

#define NOW 1763806205250LL /* 2025-11-22T10:10:05.250Z */

static void times_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        msec at;
    } good[] = {
        { "2025-11-22", 1763769600000 },
        { "2025-11-22T10:10", 1763806200000 },
        { "2025-11-22 10:10:05", 1763806205000 },
        { "2025-11-22T10:10:05Z", 1763806205000 },
        { "2025-11-22T10:10:05.25Z", NOW },
        { "2025-11-22T10:10:05.250", NOW },
        { "1763806205", 1763806205000 },
        { "0", 0 },
        { "90s", NOW - 90 * 1000 },
        { "15min", NOW - 15 * 60 * 1000 },
        { "2h", NOW - 2 * 3600 * 1000 },
        { "7d", NOW - 7 * 86400LL * 1000 },
    };

    for (size_t i = 0; i < COUNT(good); i++) {
        msec at = -1;
        if (!when_read(str_of(good[i].text), NOW, &at) || at != good[i].at)
            print_error("%s gives %lld\n", good[i].text, (long long)at);
        assert_int_equal(at, good[i].at);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "yesterday",
                                       "2025-02-31",
                                       "2025-13-01",
                                       "2025-11-22T25:00",
                                       "2025-11-22T10",
                                       "2025-11-22T10:10:05.",
                                       "2025-11-22T10:10:05.2500",
                                       "2025-11-22T10:10:05+01:00",
                                       "2025-11-22x",
                                       "-1",
                                       "2w",
                                       "h",
                                       "99999999999999999999",
                                       "99999999d" };

    for (size_t i = 0; i < COUNT(bad); i++) {
        msec at = 0;
        if (when_read(str_of(bad[i]), NOW, &at))
            print_error("%s gives %lld\n", bad[i], (long long)at);
        assert_false(when_read(str_of(bad[i]), NOW, &at));
    }
}

static void a_time_that_is_written_reads_the_same(void **state)
{
    (void)state;
    char text[WHEN_TEXT_MAX];
    msec at;

    when_text(NOW, text);
    assert_string_equal(text, "2025-11-22T10:10:05.250Z");
    assert_true(when_read(str_of(text), 0, &at));
    assert_int_equal(at, NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_time_that_is_written_reads_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
