#include "backend/rate_budget.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* A small generator of our own: the same on every machine. */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*seed >> 33) % below;
}

static struct rate_budget *budget(unsigned per_second, unsigned endpoint, unsigned in_flight)
{
    struct rate_budget *b =
        rate_budget_new(&(struct rate_options){ per_second, endpoint, in_flight });
    assert_non_null(b);
    return b;
}

static void join(struct rate_budget *b, struct rate_request *q, enum stripe_lane lane, msec now)
{
    *q = (struct rate_request){ .lane = lane };
    rate_budget_join(b, q, now);
}

/* One request that joins, starts and ends with this verdict, all at once. */
static void pass(struct rate_budget *b, enum rate_verdict verdict, msec now)
{
    struct rate_request q;

    join(b, &q, LANE_USER, now);
    assert_int_equal(rate_budget_grant(b, now), 1);
    rate_budget_done(b, &q, verdict, 0, now);
}

/* ---- the rate ---------------------------------------------------------------------------- */

enum { STARTS_MAX = 40000, CROWD = 40 };

struct run {
    unsigned per_second, endpoint_per_second;
    msec late_max;    /* how late a wake-up comes, to grant and then to begin */
    unsigned idle_in; /* one in so many requests comes after a long pause; 0: none does */
    msec span;
};

static msec started[STARTS_MAX];

/* One of the crowd: it waits, is granted, begins a little later, and ends. */
struct member {
    struct rate_request q;
    msec begins, ends; /* 0: not yet known */
};

static void step(struct rate_budget *b, struct member *m, const struct run *run, uint64_t *seed,
                 msec now, size_t *n)
{
    if (m->q.granted && !m->begins)
        m->begins = now + draw(seed, (uint32_t)run->late_max + 1);
    if (m->begins && !m->ends && m->begins <= now) {
        rate_budget_begin(b, &m->q, now);
        started[(*n)++] = now;
        m->ends = now + 1 + draw(seed, 50);
    }
    if (m->ends && m->ends <= now) {
        rate_budget_done(b, &m->q, RATE_FINE, 0, now);
        rate_budget_join(b, &m->q, now);
        m->begins = m->ends = 0;
    }
}

/* When this member has something to do by itself. */
static msec wakes(const struct member *m)
{
    return m->ends ? m->ends : m->begins ? m->begins : NO_DEADLINE;
}

/* A crowd that asks without end for `span`, each request a while under way. How many started. */
static size_t run_crowd(const struct run *run, uint64_t seed)
{
    struct member crowd[CROWD] = { 0 };
    struct rate_budget *b = budget(run->per_second, run->endpoint_per_second, CROWD);
    size_t n = 0;
    msec now = 5000;

    for (size_t i = 0; i < CROWD; i++)
        join(b, &crowd[i].q, i % LANE_COUNT, now);
    for (msec end = now + run->span; now < end && n < STARTS_MAX - CROWD;) {
        rate_budget_grant(b, now);
        msec next = rate_budget_next(b, now);
        for (size_t i = 0; i < CROWD; i++) {
            step(b, &crowd[i], run, &seed, now, &n);
            if (wakes(&crowd[i]) < next)
                next = wakes(&crowd[i]);
        }
        assert_true(next != NO_DEADLINE);
        now = (next > now ? next : now + 1) + draw(&seed, (uint32_t)run->late_max + 1);
        if (run->idle_in && draw(&seed, run->idle_in) == 0)
            now += 700 + draw(&seed, 1000);
    }
    for (size_t i = 0; i < CROWD; i++)
        if (crowd[i].q.granted)
            rate_budget_done(b, &crowd[i].q, RATE_FINE, 0, now);
        else
            rate_budget_leave(b, &crowd[i].q);
    rate_budget_free(b);
    return n;
}

static void no_second_has_more_starts_than_the_rate(void **state)
{
    static const unsigned rate[] = { 1, 2, 7, 25, 100, 333 };

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (size_t k = 0; k < COUNT(rate); k++) {
            bool by_endpoint = seed % 2; /* both bounds are one code; each must be asked */
            struct run run = { by_endpoint ? 0 : rate[k], by_endpoint ? rate[k] : 0,
                               draw(&seed, 200), seed % 3 ? 50 : 0, 20000 };
            size_t n = run_crowd(&run, seed);
            assert_in_range(n, 1, STARTS_MAX - 1);
            for (size_t i = rate[k]; i < n; i++) /* any window of a second, wherever it begins */
                if (started[i] - started[i - rate[k]] < 1000)
                    fail_msg("seed %d: %u starts in %d ms", (int)seed, rate[k] + 1,
                             (int)(started[i] - started[i - rate[k]]));
        }
}

static void the_rate_is_used_to_nineteen_twentieths(void **state)
{
    static const unsigned rate[] = { 1, 5, 25, 100, 500 };

    (void)state;
    for (size_t k = 0; k < COUNT(rate); k++) {
        struct run run = { rate[k], 0, 1, 0, 60000 };
        size_t n = run_crowd(&run, 7);
        if (n * 100 < rate[k] * 60 * 95u)
            fail_msg("%u a second: %zu starts in a minute", rate[k], n);
    }
}

static void starts_are_spread_over_the_second(void **state)
{
    struct run run = { 100, 0, 0, 0, 10000 };

    (void)state;
    size_t n = run_crowd(&run, 3);
    for (size_t i = 20; i < n; i++)
        assert_true(started[i] - started[i - 20] >= 100);
}

static void without_a_rate_only_concurrency_bounds(void **state)
{
    struct rate_budget *b = budget(0, 0, 3);
    struct rate_request q[5];

    (void)state;
    for (size_t i = 0; i < 5; i++)
        join(b, &q[i], LANE_USER, 10);
    assert_int_equal(rate_budget_grant(b, 10), 3);
    assert_true(rate_budget_next(b, 10) == NO_DEADLINE);
    assert_true(rate_budget_done(b, &q[1], RATE_FINE, 0, 10)); /* it was full */
    assert_int_equal(rate_budget_grant(b, 10), 1);
    assert_true(q[3].granted);
    rate_budget_leave(b, &q[4]);
    assert_true(rate_budget_next(b, 10) == NO_DEADLINE);
    assert_true(rate_budget_done(b, &q[0], RATE_FINE, 0, 10));
    assert_false(rate_budget_done(b, &q[2], RATE_FINE, 0, 10));
    rate_budget_done(b, &q[3], RATE_FINE, 0, 10);
    rate_budget_free(b);
}

/* ---- lanes ------------------------------------------------------------------------------- */

static void the_smallest_lane_goes_first_and_inside_it_the_first(void **state)
{
    struct rate_budget *b = budget(0, 0, 1);
    static const enum stripe_lane lane[] = { LANE_BACKFILL,  LANE_WEBHOOK, LANE_USER,
                                             LANE_OPERATION, LANE_USER,    LANE_WEBHOOK };
    static const size_t order[] = { 2, 4, 1, 5, 3, 0 };
    struct rate_request q[COUNT(lane)];

    (void)state;
    for (size_t i = 0; i < COUNT(lane); i++)
        join(b, &q[i], lane[i], 10);
    for (size_t i = 0; i < COUNT(order); i++) {
        assert_int_equal(rate_budget_grant(b, 10), 1);
        assert_true(q[order[i]].granted);
        rate_budget_done(b, &q[order[i]], RATE_FINE, 0, 10);
    }
    rate_budget_free(b);
}

static void every_tenth_start_is_for_the_other_lanes(void **state)
{
    struct rate_budget *b = budget(0, 0, 1);
    struct rate_request user, other[LANE_COUNT];
    size_t n_user = 0, n_other[LANE_COUNT] = { 0 };

    (void)state;
    join(b, &user, LANE_USER, 10);
    for (size_t lane = 1; lane < LANE_COUNT; lane++)
        join(b, &other[lane], (enum stripe_lane)lane, 10);
    for (size_t i = 0; i < 300; i++) { /* each comes back at once */
        assert_int_equal(rate_budget_grant(b, 10), 1);
        if (user.granted) {
            n_user++;
            rate_budget_done(b, &user, RATE_FINE, 0, 10);
            join(b, &user, LANE_USER, 10);
        }
        for (size_t lane = 1; lane < LANE_COUNT; lane++)
            if (other[lane].granted) {
                n_other[lane]++;
                rate_budget_done(b, &other[lane], RATE_FINE, 0, 10);
                join(b, &other[lane], (enum stripe_lane)lane, 10);
            }
    }
    assert_int_equal(n_user, 270);
    for (size_t lane = 1; lane < LANE_COUNT; lane++)
        assert_int_equal(n_other[lane], 10);
    rate_budget_leave(b, &user);
    for (size_t lane = 1; lane < LANE_COUNT; lane++)
        rate_budget_leave(b, &other[lane]);
    rate_budget_free(b);
}

static void a_full_endpoint_holds_up_nobody_else(void **state)
{
    struct rate_budget *b = budget(0, 2, 9);
    struct rate_request busy[3], other = { .lane = LANE_BACKFILL, .endpoint = 2 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        busy[i] = (struct rate_request){ .lane = LANE_USER, .endpoint = 1 };
        rate_budget_join(b, &busy[i], 10);
    }
    rate_budget_join(b, &other, 10);
    assert_int_equal(rate_budget_grant(b, 10), 3);
    assert_false(busy[2].granted);
    assert_true(other.granted);
    assert_true(rate_budget_next(b, 10) == 10 + RATE_WINDOW_MS);
    assert_int_equal(rate_budget_grant(b, 9 + RATE_WINDOW_MS), 0);
    assert_int_equal(rate_budget_grant(b, 10 + RATE_WINDOW_MS), 1);
    for (size_t i = 0; i < 3; i++)
        rate_budget_done(b, &busy[i], RATE_FINE, 0, 2000);
    rate_budget_done(b, &other, RATE_FINE, 0, 2000);
    rate_budget_free(b);
}

static void more_endpoints_than_are_told_apart_still_go(void **state)
{
    struct rate_budget *b = budget(0, 1, 1000);
    struct rate_request q[RATE_ENDPOINTS_MAX + 10];

    (void)state;
    for (size_t i = 0; i < COUNT(q); i++) {
        q[i] = (struct rate_request){ .lane = LANE_USER, .endpoint = 1000 + i };
        rate_budget_join(b, &q[i], 10);
    }
    /* 255 have a bucket of their own, the 11 others share one. */
    assert_int_equal(rate_budget_grant(b, 10), RATE_ENDPOINTS_MAX);
    for (msec now = 10 + RATE_WINDOW_MS, i = 0; i < 10; i++, now += RATE_WINDOW_MS)
        assert_int_equal(rate_budget_grant(b, now), 1);
    for (size_t i = 0; i < COUNT(q); i++)
        rate_budget_done(b, &q[i], RATE_FINE, 0, 20000);
    /* What is not used any more makes room. */
    struct rate_request fresh[2] = { { .endpoint = 1 }, { .endpoint = 2 } };
    rate_budget_join(b, &fresh[0], 20000);
    rate_budget_join(b, &fresh[1], 20000);
    assert_int_equal(rate_budget_grant(b, 20000), 2);
    rate_budget_done(b, &fresh[0], RATE_FINE, 0, 20000);
    rate_budget_done(b, &fresh[1], RATE_FINE, 0, 20000);
    rate_budget_free(b);
}

/* ---- what is learned --------------------------------------------------------------------- */

static void a_429_lowers_the_rate_once_for_all_that_were_under_way(void **state)
{
    struct rate_budget *b = budget(100, 0, 9);
    struct rate_request q[5];

    (void)state;
    for (size_t i = 0; i < 5; i++)
        join(b, &q[i], LANE_USER, 10);
    assert_int_equal(rate_budget_grant(b, 10), 5);
    for (size_t i = 0; i < 5; i++)
        rate_budget_done(b, &q[i], RATE_GLOBAL, 0, 20);
    assert_int_equal(rate_budget_stats(b).rate_milli, 75000);
    assert_int_equal(rate_budget_stats(b).limited, 5);
    assert_int_equal(rate_budget_stats(b).limited_at, 20);
    rate_budget_free(b);
}

static void a_rate_falls_to_a_tenth_at_most_and_comes_back(void **state)
{
    struct rate_budget *b = budget(100, 0, 9);
    msec now = 10;

    (void)state;
    for (size_t i = 0; i < 30; i++, now += 510)
        pass(b, RATE_GLOBAL, now);
    assert_in_range(rate_budget_stats(b).rate_milli, 10000, 13000);
    for (msec end = now + RATE_RECOVERY_MS; now <= end; now += 500)
        pass(b, RATE_FINE, now);
    assert_int_equal(rate_budget_stats(b).rate_milli, 100000);
    rate_budget_free(b);
}

static void a_429_pauses_everybody_for_a_while(void **state)
{
    static const uint32_t random[] = { 0, 250, 251, UINT32_MAX };

    (void)state;
    for (size_t i = 0; i < COUNT(random); i++) {
        struct rate_budget *b = budget(100, 0, 9);
        struct rate_request q;
        join(b, &q, LANE_USER, 10);
        assert_int_equal(rate_budget_grant(b, 10), 1);
        rate_budget_done(b, &q, RATE_GLOBAL, random[i], 10);
        join(b, &q, LANE_USER, 10);
        msec next = rate_budget_next(b, 10);
        assert_in_range(next, 10 + RATE_PAUSE_MS / 2, 10 + RATE_PAUSE_MS);
        assert_int_equal(rate_budget_grant(b, next - 1), 0);
        assert_int_equal(rate_budget_grant(b, next), 1);
        rate_budget_done(b, &q, RATE_FINE, 0, next);
        rate_budget_free(b);
    }
}

static void locks_and_other_limits_lower_nothing(void **state)
{
    struct rate_budget *b = budget(100, 25, 9);

    (void)state;
    pass(b, RATE_OTHER, 10);
    pass(b, RATE_LOCKED, 11);
    struct rate_stats s = rate_budget_stats(b);
    assert_int_equal(s.limited_at, 10);
    assert_int_equal(s.rate_milli, 100000);
    assert_int_equal(s.in_flight_now, 9);
    assert_int_equal(s.locked, 1);
    assert_int_equal(s.limited, 1);
    assert_true(s.paused_until <= 10);
    rate_budget_free(b);
}

static void an_endpoints_429_lowers_that_endpoint_alone(void **state)
{
    struct rate_budget *b = budget(100, 20, 99);
    struct rate_request q[21] = { { .endpoint = 1 } };
    unsigned starts = 0;

    (void)state;
    rate_budget_join(b, &q[0], 10);
    assert_int_equal(rate_budget_grant(b, 10), 1);
    rate_budget_done(b, &q[0], RATE_ENDPOINT, 0, 10);
    assert_int_equal(rate_budget_stats(b).rate_milli, 100000);
    for (size_t i = 0; i < 21; i++) {
        q[i] = (struct rate_request){ .endpoint = i < 20 ? 1 : 2 };
        rate_budget_join(b, &q[i], 10);
    }
    assert_int_equal(rate_budget_grant(b, 11), 1); /* the other endpoint goes at once */
    assert_true(q[20].granted);
    for (msec now = 11; now < 10 + RATE_PAUSE_MS / 2 + 1000; now++)
        starts += rate_budget_grant(b, now);
    assert_in_range(starts, 12, 16); /* after the pause, 15 in a second, and a little recovery */
    for (size_t i = 0; i < 21; i++)
        if (q[i].granted)
            rate_budget_done(b, &q[i], RATE_FINE, 0, 9999);
        else
            rate_budget_leave(b, &q[i]);
    rate_budget_free(b);
}

static void too_many_at_once_halves_what_is_under_way(void **state)
{
    struct rate_budget *b = budget(0, 0, 8);
    struct rate_request q[9];

    (void)state;
    for (size_t i = 0; i < 9; i++)
        join(b, &q[i], LANE_USER, 10);
    assert_int_equal(rate_budget_grant(b, 10), 8);
    rate_budget_done(b, &q[0], RATE_CONCURRENT, 0, 20);
    rate_budget_done(b, &q[1], RATE_CONCURRENT, 0, 20); /* of the same time: halves nothing more */
    assert_int_equal(rate_budget_stats(b).in_flight_now, 4);
    assert_int_equal(rate_budget_grant(b, 900), 0); /* six are still under way */
    for (size_t i = 2; i < 5; i++)
        rate_budget_done(b, &q[i], RATE_FINE, 0, 900);
    assert_int_equal(rate_budget_grant(b, 900), 1);
    for (size_t i = 5; i < 9; i++)
        rate_budget_done(b, &q[i], RATE_FINE, 0, 900);
    pass(b, RATE_FINE, 3020); /* one more for each second */
    assert_int_equal(rate_budget_stats(b).in_flight_now, 7);
    pass(b, RATE_FINE, 99999);
    assert_int_equal(rate_budget_stats(b).in_flight_now, 8);
    rate_budget_free(b);
}

static void who_waits_for_room_to_come_back_is_told_when(void **state)
{
    struct rate_budget *b = budget(0, 0, 2);
    struct rate_request q[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        join(b, &q[i], LANE_USER, 10);
    assert_int_equal(rate_budget_grant(b, 10), 2);
    rate_budget_done(b, &q[0], RATE_CONCURRENT, 0, 20); /* one is permitted, and under way */
    assert_int_equal(rate_budget_grant(b, 900), 0);
    assert_true(rate_budget_next(b, 900) == 1020);
    assert_int_equal(rate_budget_grant(b, 1020), 1);
    rate_budget_done(b, &q[1], RATE_FINE, 0, 1020);
    rate_budget_done(b, &q[2], RATE_FINE, 0, 1020);
    rate_budget_free(b);
}

/* ---- pure parts -------------------------------------------------------------------------- */

#define BODY(code) S("{\"error\": {\"message\": \"m\", \"code\": \"" code "\"}}")

static void a_429_is_judged_by_reason_then_by_code(void **state)
{
    const struct {
        int status;
        str reason, body;
        enum rate_verdict verdict;
    } table[] = {
        { 200, S(""), S("{}"), RATE_FINE },
        { 500, S(""), BODY("rate_limit"), RATE_FINE },
        { 400, S(""), BODY("lock_timeout"), RATE_FINE },
        { 429, S("global-rate"), S(""), RATE_GLOBAL },
        { 429, S("global-concurrency"), S(""), RATE_CONCURRENT },
        { 429, S("endpoint-rate"), BODY("rate_limit"), RATE_ENDPOINT },
        { 429, S("endpoint-concurrency"), S(""), RATE_ENDPOINT },
        { 429, S("resource-specific"), BODY("rate_limit"), RATE_OTHER },
        { 429, S("something-new"), S(""), RATE_OTHER },
        { 429, S(""), BODY("rate_limit"), RATE_GLOBAL },
        { 429, S(""), BODY("lock_timeout"), RATE_LOCKED },
        { 429, S(""), BODY("something_new"), RATE_OTHER },
        { 429, S(""), S("{\"error\": {}}"), RATE_OTHER },
        { 429, S(""), S("<html>"), RATE_OTHER },
        { 429, S(""), S(""), RATE_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct stripe_response r = { .http_status = table[i].status,
                                     .limit_reason = table[i].reason,
                                     .body = table[i].body };
        if (rate_judge(&r) != table[i].verdict)
            fail_msg("row %zu: %d", i, (int)rate_judge(&r));
    }
}

static void ids_make_no_endpoints(void **state)
{
    static const struct {
        enum stripe_method method_a;
        const char *a;
        enum stripe_method method_b;
        const char *b;
        bool same;
    } table[] = {
        { STRIPE_GET, "/v1/customers/cus_9s6XKzkNRiz8i3", STRIPE_GET, "/v1/customers/cus_1A",
          true },
        { STRIPE_GET, "/v1/customers/cus_1", STRIPE_POST, "/v1/customers/cus_1", false },
        { STRIPE_GET, "/v1/customers", STRIPE_GET, "/v1/customers/cus_1", false },
        { STRIPE_GET, "/v1/customers/cus_1/tax_ids/txi_1", STRIPE_GET,
          "/v1/customers/cus_2/tax_ids/txi_2", true },
        { STRIPE_GET, "/v1/customers/cus_1/tax_ids", STRIPE_GET, "/v1/customers/cus_1/sources",
          false },
        { STRIPE_GET, "/v1/products/gold", STRIPE_GET, "/v1/products/silver", true },
        { STRIPE_GET, "/v1/coupons/free", STRIPE_GET, "/v1/coupons/half", true },
        { STRIPE_GET, "/v1/products/search", STRIPE_GET, "/v1/products/silver", false },
        { STRIPE_GET, "/v1/country_specs/US", STRIPE_GET, "/v1/country_specs/DE", true },
        { STRIPE_POST, "/v1/invoices/in_1/pay", STRIPE_POST, "/v1/invoices/in_2/pay", true },
        { STRIPE_POST, "/v1/invoices/in_1/pay", STRIPE_POST, "/v1/invoices/in_1/void", false },
        { STRIPE_GET, "/v1/test_helpers/test_clocks/clock_1", STRIPE_GET,
          "/v1/test_helpers/test_clocks/clock_2", true },
        { STRIPE_GET, "/v1/prices/price_1", STRIPE_GET, "/v1/products/prod_1", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        bool same = rate_endpoint(table[i].method_a, str_of(table[i].a)) ==
                    rate_endpoint(table[i].method_b, str_of(table[i].b));
        if (same != table[i].same)
            fail_msg("%s and %s", table[i].a, table[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_second_has_more_starts_than_the_rate),
        cmocka_unit_test(the_rate_is_used_to_nineteen_twentieths),
        cmocka_unit_test(starts_are_spread_over_the_second),
        cmocka_unit_test(without_a_rate_only_concurrency_bounds),
        cmocka_unit_test(the_smallest_lane_goes_first_and_inside_it_the_first),
        cmocka_unit_test(every_tenth_start_is_for_the_other_lanes),
        cmocka_unit_test(a_full_endpoint_holds_up_nobody_else),
        cmocka_unit_test(more_endpoints_than_are_told_apart_still_go),
        cmocka_unit_test(a_429_lowers_the_rate_once_for_all_that_were_under_way),
        cmocka_unit_test(a_rate_falls_to_a_tenth_at_most_and_comes_back),
        cmocka_unit_test(a_429_pauses_everybody_for_a_while),
        cmocka_unit_test(locks_and_other_limits_lower_nothing),
        cmocka_unit_test(an_endpoints_429_lowers_that_endpoint_alone),
        cmocka_unit_test(too_many_at_once_halves_what_is_under_way),
        cmocka_unit_test(who_waits_for_room_to_come_back_is_told_when),
        cmocka_unit_test(a_429_is_judged_by_reason_then_by_code),
        cmocka_unit_test(ids_make_no_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
