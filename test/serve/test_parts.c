/* The small parts of serve/ that need no daemon. */
#include "unit.h"

#include "serve/desk.h"
#include "serve/exposition.h"
#include "serve/valve.h"

#include <pthread.h>
#include <stdatomic.h>

static void a_flood_of_lines_is_a_few_lines_and_a_count(void **state)
{
    struct valve v = VALVE_INIT;
    uint64_t held = 0, lines = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        lines += valve_pass(&v, 5000, &held);
    assert_int_equal(lines, VALVE_LINES_A_SECOND);
    assert_int_equal(held, 0);
    assert_false(valve_pass(&v, 5999, &held));
    assert_true(valve_pass(&v, 6000, &held));
    assert_int_equal(held, 1000 - VALVE_LINES_A_SECOND + 1);
    assert_true(valve_pass(&v, 6000, &held));
    assert_int_equal(held, 0);
}

static void assert_merged(const str *text, size_t n, const char *want)
{
    BUF(b, 4096);

    expose_merged(&b, text, n);
    buf_char(&b, '\0');
    assert_string_equal(b.p, want);
}

static void texts_of_several_environments_become_one(void **state)
{
    const str text[] = {
        S("# HELP a A.\n# TYPE a gauge\na{env=\"x\"} 1\n# HELP b B.\n# TYPE b counter\nb 2\n"),
        { 0 },
        S("# HELP b B.\n# TYPE b counter\nb 3\n# HELP c C.\n# TYPE c gauge\nc 4"),
        S("# HELP a A.\n# TYPE a gauge\na{env=\"y\"} 5\n\n"),
    };

    (void)state;
    assert_merged(text, COUNT(text),
                  "# HELP a A.\n# TYPE a gauge\na{env=\"x\"} 1\na{env=\"y\"} 5\n"
                  "# HELP b B.\n# TYPE b counter\nb 2\nb 3\n"
                  "# HELP c C.\n# TYPE c gauge\nc 4\n");
    assert_merged(text, 0, "");
}

static void samples_are_written_as_prometheus_reads_them(void **state)
{
    BUF(b, 4096);
    const struct env live = { .name = "live",
                              .identity = { .account = "acct_1", .livemode = true } },
                     unknown = { .name = "new" };

    (void)state;
    expose_family(&b, "n_total", "counter", "How many.");
    expose(&b, "n_total", NULL, NULL, NULL, 1);
    expose(&b, "n_total", &unknown, NULL, NULL, 2);
    expose(&b, "n_total", &live, "result", "ok", 3);
    expose_seconds(&b, "age_seconds", &live, 61005);
    buf_char(&b, '\0');
    assert_string_equal(b.p, "# HELP n_total How many.\n# TYPE n_total counter\nn_total 1\n"
                             "n_total{env=\"new\"} 2\n"
                             "n_total{env=\"live\",account=\"acct_1\",mode=\"live\","
                             "result=\"ok\"} 3\n"
                             "age_seconds{env=\"live\",account=\"acct_1\",mode=\"live\"} "
                             "61.005\n");
}

struct slow {
    pthread_mutex_t lock;
    _Atomic unsigned done;
};

static void work_slowly(const void *job)
{
    struct slow *s = *(struct slow *const *)job;

    pthread_mutex_lock(&s->lock);
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->done, 1);
}

static void a_desk_refuses_what_it_cannot_hold_and_does_what_it_has_taken(void **state)
{
    struct slow s = { .lock = PTHREAD_MUTEX_INITIALIZER }, *job = &s;
    struct desk *d = NULL;
    struct error e = { 0 };
    unsigned taken = 0;

    (void)state;
    assert_ok(desk_open(&d, &e), &e);
    pthread_mutex_lock(&s.lock);
    while (desk_hand(d, work_slowly, &job, sizeof job))
        taken++;
    pthread_mutex_unlock(&s.lock);
    assert_in_range(taken, DESK_WAITING_MAX, DESK_WAITING_MAX + DESK_THREADS);
    desk_close(d);
    assert_int_equal(atomic_load(&s.done), taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_lines_is_a_few_lines_and_a_count),
        cmocka_unit_test(texts_of_several_environments_become_one),
        cmocka_unit_test(samples_are_written_as_prometheus_reads_them),
        cmocka_unit_test(a_desk_refuses_what_it_cannot_hold_and_does_what_it_has_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
