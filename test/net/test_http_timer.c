/* The heap of deadlines against a plain array. */
#include "net/http_internal.h"

#include <string.h>

#include "unit.h"

enum { N = 40 };

struct model {
    struct http_conn conn[N], *heap[N];
    struct http_timers timers;
    msec deadline[N]; /* HTTP_NEVER: none */
    uint32_t seed;
};

static void model_open(struct model *m)
{
    memset(m, 0, sizeof *m);
    m->timers.heap = m->heap;
    m->seed = 1;
    for (size_t i = 0; i < N; i++)
        m->deadline[i] = HTTP_NEVER;
}

static uint32_t draw(struct model *m, uint32_t below)
{
    m->seed = m->seed * 1664525 + 1013904223;
    return (m->seed >> 8) % below;
}

static void model_set(struct model *m, size_t i, msec deadline)
{
    m->deadline[i] = deadline;
    http_timer_set(&m->timers, &m->conn[i], deadline);
}

/* Takes out all that have expired at `now`, and finds in them exactly those that should have. */
static void model_expire(struct model *m, msec now)
{
    struct http_conn *c;
    msec first = HTTP_NEVER;

    while ((c = http_timer_expired(&m->timers, now))) {
        size_t i = (size_t)(c - m->conn);
        assert_true(m->deadline[i] <= now);
        assert_false(c->in_heap);
        m->deadline[i] = HTTP_NEVER;
        if (draw(m, 4) == 0)
            model_set(m, i, now + 1 + draw(m, 50));
    }
    for (size_t i = 0; i < N; i++) {
        assert_true(m->deadline[i] > now);
        first = m->deadline[i] < first ? m->deadline[i] : first;
    }
    assert_true(http_timer_next(&m->timers) <= first);
}

static void what_expires_is_what_a_plain_array_says(void **state)
{
    static struct model m;

    (void)state;
    model_open(&m);
    for (msec now = 1; now < 20000; now++) {
        for (uint32_t k = draw(&m, 6); k > 0; k--) {
            size_t i = draw(&m, N);
            switch (draw(&m, 5)) {
            case 0:
                m.deadline[i] = HTTP_NEVER;
                http_timer_remove(&m.timers, &m.conn[i]);
                break;
            case 1: model_set(&m, i, HTTP_NEVER); break;
            case 2: model_set(&m, i, now + draw(&m, 10)); break;
            default: model_set(&m, i, now + draw(&m, 300)); break;
            }
        }
        model_expire(&m, now);
    }
}

static void a_deadline_that_moves_away_leaves_its_place_in_the_heap(void **state)
{
    static struct model m;

    (void)state;
    model_open(&m);
    model_set(&m, 0, 10);
    model_set(&m, 0, 30);
    assert_int_equal(http_timer_next(&m.timers), 10);
    assert_null(http_timer_expired(&m.timers, 10));
    assert_int_equal(http_timer_next(&m.timers), 30);
    assert_null(http_timer_expired(&m.timers, 29));
    assert_ptr_equal(http_timer_expired(&m.timers, 30), &m.conn[0]);
    assert_int_equal(http_timer_next(&m.timers), HTTP_NEVER);
}

static void a_deadline_that_comes_nearer_counts_at_once(void **state)
{
    static struct model m;

    (void)state;
    model_open(&m);
    for (size_t i = 0; i < N; i++)
        model_set(&m, i, 100);
    model_set(&m, N - 1, 5);
    assert_int_equal(http_timer_next(&m.timers), 5);
    assert_ptr_equal(http_timer_expired(&m.timers, 5), &m.conn[N - 1]);
    assert_null(http_timer_expired(&m.timers, 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_expires_is_what_a_plain_array_says),
        cmocka_unit_test(a_deadline_that_moves_away_leaves_its_place_in_the_heap),
        cmocka_unit_test(a_deadline_that_comes_nearer_counts_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
