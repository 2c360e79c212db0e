/* The clock, randomness and gates of the operating system. */
#include <pthread.h>
#include <string.h>

#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "unit.h"

static void wall_time_is_of_this_century(void **state)
{
    (void)state;
    assert_true(clock_wall(clock_os()) > 1767225600000); /* 2026 */
    assert_true(clock_wall(clock_os()) < 4102444800000); /* 2100 */
}

static void monotonic_time_passes_while_one_sleeps(void **state)
{
    (void)state;
    msec before = clock_mono(clock_os());
    clock_sleep(clock_os(), 3);
    assert_true(clock_mono(clock_os()) >= before + 2);
    clock_sleep(clock_os(), 0);
    clock_sleep(clock_os(), -5);
}

static void every_byte_asked_for_is_random(void **state)
{
    unsigned char a[1000] = { 0 }, b[1000] = { 0 };
    size_t zeros = 0;
    (void)state;

    rng_fill(rng_os(), a, sizeof a - 1);
    rng_fill(rng_os(), b, sizeof b - 1);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = sizeof a - 33; i < sizeof a - 1; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 16); /* the end was filled, too */
    assert_int_equal(a[sizeof a - 1], 0);
    rng_fill(rng_os(), a, 0);
}

static void a_deadline_that_has_passed_does_not_wait(void **state)
{
    struct sched *s = sched_pthread();
    struct gate *g = gate_new(s);
    (void)state;

    gate_lock(s, g);
    gate_wait(s, g, clock_mono(clock_os()) - 1000);
    gate_wait(s, g, -1);
    gate_unlock(s, g);
    gate_free(s, g);
    gate_free(s, NULL);
}

static void a_deadline_is_one_of_the_monotonic_clock(void **state)
{
    struct sched *s = sched_pthread();
    struct gate *g = gate_new(s);
    msec until = clock_mono(clock_os()) + 20;
    int waits = 0;
    (void)state;

    gate_lock(s, g);
    for (; clock_mono(clock_os()) < until; waits++)
        gate_wait(s, g, until);
    gate_unlock(s, g);
    assert_true(waits < 100); /* on another clock it would have passed long ago, or never come */
    gate_free(s, g);
}

struct turn {
    struct gate *gate;
    int whose, passes;
};

enum { PASSES = 200 };

static void play(struct turn *t, int me)
{
    struct sched *s = sched_pthread();

    gate_lock(s, t->gate);
    for (int i = 0; i < PASSES; i++) {
        while (t->whose != me)
            gate_wait(s, t->gate, NO_DEADLINE);
        t->whose = !me;
        t->passes++;
        gate_wake(s, t->gate);
    }
    gate_unlock(s, t->gate);
}

static void *play_second(void *arg)
{
    play(arg, 1);
    return NULL;
}

static void who_waits_is_woken(void **state)
{
    struct turn t = { .gate = gate_new(sched_pthread()) };
    pthread_t thread;
    (void)state;

    pthread_create(&thread, NULL, play_second, &t);
    play(&t, 0);
    pthread_join(thread, NULL);
    assert_int_equal(t.passes, 2 * PASSES);
    gate_free(sched_pthread(), t.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_of_this_century),
        cmocka_unit_test(monotonic_time_passes_while_one_sleeps),
        cmocka_unit_test(every_byte_asked_for_is_random),
        cmocka_unit_test(a_deadline_that_has_passed_does_not_wait),
        cmocka_unit_test(a_deadline_is_one_of_the_monotonic_clock),
        cmocka_unit_test(who_waits_is_woken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
