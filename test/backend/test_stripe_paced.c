#include "backend/stripe_paced.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/clock_os.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "unit.h"

/* ---- a world in which waiting is what makes the time pass -------------------------------- */

static msec fake_now;

static msec fake_time(struct clock *c)
{
    (void)c;
    return fake_now;
}

static const struct clock_ops fake_clock_ops = { fake_time, fake_time, NULL };
static struct clock fake_clock = { &fake_clock_ops };

static struct gate *fake_gate_new(struct sched *s)
{
    return (struct gate *)s;
}

static void fake_gate(struct sched *s, struct gate *g)
{
    (void)s, (void)g;
}

static void fake_wait(struct sched *s, struct gate *g, msec deadline)
{
    (void)s, (void)g;
    assert_true(deadline != NO_DEADLINE); /* with one activity nobody would ever wake it */
    assert_true(deadline > fake_now);
    fake_now = deadline;
}

static const struct sched_ops fake_sched_ops = { fake_gate_new, fake_gate, fake_gate,
                                                 fake_gate,     fake_wait, fake_gate };
static struct sched fake_sched = { &fake_sched_ops };

static void fake_fill(struct rng *r, void *dst, size_t n)
{
    (void)r;
    memset(dst, 0, n);
}

static const struct rng_ops fake_rng_ops = { fake_fill };
static struct rng fake_rng = { &fake_rng_ops };

/* ---- a Stripe that answers what it is told ----------------------------------------------- */

struct inner {
    struct stripe stripe;
    enum status status;
    struct stripe_response answer;
    msec takes;
    atomic_uint calls, under_way, most_under_way;
    atomic_bool hold;       /* calls end once this is false */
    unsigned await_waiting; /* the first call ends when so many wait behind it */
    struct stripe *paced;
    bool closed;
};

static unsigned waiting(struct stripe *paced)
{
    struct rate_stats s;
    unsigned n = 0;

    stripe_paced_stats(paced, &s);
    for (size_t i = 0; i < LANE_COUNT; i++)
        n += s.waiting[i];
    return n;
}

static enum status inner_call(struct stripe *s, const struct stripe_request *q,
                              struct stripe_response *p, struct arena *a, struct error *e)
{
    struct inner *in = (struct inner *)s;
    unsigned now = atomic_fetch_add(&in->under_way, 1) + 1;
    unsigned most = atomic_load(&in->most_under_way);

    (void)q, (void)a;
    while (now > most && !atomic_compare_exchange_weak(&in->most_under_way, &most, now))
        ;
    if (atomic_fetch_add(&in->calls, 1) == 0)
        while (waiting(in->paced) < in->await_waiting)
            sched_yield();
    while (in->hold)
        sched_yield();
    if (in->takes)
        fake_now += in->takes;
    else
        sched_yield();
    atomic_fetch_sub(&in->under_way, 1);
    if (in->status != ST_OK)
        return error_set(e, in->status, __FILE__, __LINE__, "no answer");
    *p = in->answer;
    return ST_OK;
}

static void inner_close(struct stripe *s)
{
    ((struct inner *)s)->closed = true;
}

static const struct stripe_ops inner_ops = { "inner", inner_call, inner_close };

static void open_fake(struct inner *in, struct rate_options o)
{
    struct error e = { 0 };

    fake_now = 1000;
    *in = (struct inner){ .stripe.ops = &inner_ops, .answer.http_status = 200 };
    assert_int_equal(
        stripe_paced_open(&in->paced, &in->stripe, &fake_clock, &fake_sched, &fake_rng, &o, &e),
        ST_OK);
}

static enum status call(struct inner *in, msec deadline, struct error *e)
{
    struct stripe_request q = { .path = S("/v1/prices/price_1"), .deadline = deadline };
    struct stripe_response p = { 0 };
    ARENA(arena, 1 << 16);

    return stripe_call(in->paced, &q, &p, &arena, e);
}

static void requests_wait_for_their_turn(void **state)
{
    struct error e = { 0 };
    struct rate_stats s;
    struct inner in;

    (void)state;
    open_fake(&in, (struct rate_options){ 10, 0, 0 });
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(call(&in, 0, &e), ST_OK);
    assert_in_range(fake_now - 1000, 9270, 10300); /* nine windows, and a part of the tenth */
    stripe_paced_stats(in.paced, &s);
    assert_int_equal(s.requests, 100);
    assert_int_equal(s.in_flight, 0);
    assert_int_equal(s.rate_limit_milli, 10000);
    stripe_close(in.paced);
    assert_true(in.closed);
}

static void a_deadline_that_passes_in_the_queue_sends_nothing(void **state)
{
    struct error e = { 0 };
    struct inner in;

    (void)state;
    open_fake(&in, (struct rate_options){ 1, 0, 0 });
    assert_int_equal(call(&in, 0, &e), ST_OK);
    assert_int_equal(call(&in, 1500, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "was not sent"));
    assert_non_null(strstr(e.text, "/v1/prices/price_1"));
    assert_int_equal(fake_now, 1500);
    assert_int_equal(in.calls, 1);
    fake_now = 9000; /* a turn would be free, but it is too late for it */
    assert_int_equal(call(&in, 9000, &e), ST_RETRY);
    assert_int_equal(in.calls, 1);
    assert_int_equal(waiting(in.paced), 0);
    assert_int_equal(call(&in, 9001, &e), ST_OK);
    stripe_close(in.paced);
}

static void a_429_reaches_the_caller_and_lowers_the_budget(void **state)
{
    struct error e = { 0 };
    struct rate_stats s;
    struct inner in;

    (void)state;
    open_fake(&in, (struct rate_options){ 100, 0, 0 });
    in.answer = (struct stripe_response){ .http_status = 429, .limit_reason = S("global-rate") };
    assert_int_equal(call(&in, 0, &e), ST_OK);
    stripe_paced_stats(in.paced, &s);
    assert_int_equal(s.limited, 1);
    assert_int_equal(s.rate_milli, 75000);
    in.answer = (struct stripe_response){ .http_status = 200 };
    assert_int_equal(call(&in, 0, &e), ST_OK);
    assert_int_equal(fake_now, 1000 + RATE_PAUSE_MS / 2);
    stripe_close(in.paced);
}

static void a_failure_gives_its_place_back(void **state)
{
    struct inner in;

    (void)state;
    open_fake(&in, (struct rate_options){ 0, 0, 1 });
    in.status = ST_RETRY;
    for (size_t i = 0; i < 3; i++) {
        struct error e = { 0 };
        assert_int_equal(call(&in, 0, &e), ST_RETRY);
        assert_string_equal(e.text, "no answer");
    }
    assert_int_equal(in.calls, 3);
    stripe_close(in.paced);
}

/* ---- threads ----------------------------------------------------------------------------- */

enum { THREADS = 8, CALLS_EACH = 25 };

struct caller {
    pthread_t thread;
    struct inner *in;
    enum stripe_lane lane;
    unsigned calls, failed;
};

static void *call_often(void *ctx)
{
    struct caller *c = ctx;

    for (unsigned i = 0; i < c->calls; i++) {
        struct stripe_request q = { .path = S("/v1/prices/price_1"), .lane = c->lane };
        struct stripe_response p = { 0 };
        struct error e = { 0 };
        ARENA(arena, 1 << 16);
        c->failed += stripe_call(c->in->paced, &q, &p, &arena, &e) != ST_OK;
    }
    return NULL;
}

static void run_callers(struct inner *in, struct rate_options o, size_t n, unsigned calls)
{
    struct caller caller[THREADS];
    struct error e = { 0 };

    in->stripe.ops = &inner_ops;
    in->answer.http_status = 200;
    assert_int_equal(
        stripe_paced_open(&in->paced, &in->stripe, clock_os(), sched_pthread(), rng_os(), &o, &e),
        ST_OK);
    for (size_t i = 0; i < n; i++) {
        caller[i] = (struct caller){ .in = in, .lane = i % LANE_COUNT, .calls = calls };
        assert_int_equal(pthread_create(&caller[i].thread, NULL, call_often, &caller[i]), 0);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(caller[i].thread, NULL);
        assert_int_equal(caller[i].failed, 0);
    }
    assert_int_equal(in->calls, n * calls);
    assert_int_equal(waiting(in->paced), 0);
}

static void threads_share_one_budget(void **state)
{
    struct inner in = { 0 };

    (void)state;
    run_callers(&in, (struct rate_options){ 500, 400, 3 }, THREADS, CALLS_EACH);
    assert_in_range(in.most_under_way, 1, 3);
    stripe_close(in.paced);
}

/* While the only place is taken nobody knows when a turn comes; when it is given back and the rate
 * has no room yet, those who wait must be told to look at the clock from now on. */
static void who_waits_for_a_place_is_not_forgotten(void **state)
{
    struct inner in = { .await_waiting = 2 };

    (void)state;
    run_callers(&in, (struct rate_options){ 10, 0, 1 }, 3, 1);
    assert_int_equal(in.most_under_way, 1);
    stripe_close(in.paced);
}

static void *call_refused(void *ctx)
{
    struct caller *c = ctx;
    struct error e = { 0 };

    c->failed = call(c->in, 0, &e) != ST_REFUSED || !strstr(e.text, "Brindle is closing");
    return NULL;
}

static void *call_held(void *ctx)
{
    struct caller *c = ctx;
    struct error e = { 0 };

    c->failed = call(c->in, 0, &e) != ST_OK;
    return NULL;
}

/* The only place is taken: without a wake-up they would wait for as long as Stripe likes. */
static void a_closing_client_lets_nobody_wait(void **state)
{
    struct inner in = { .stripe.ops = &inner_ops, .answer.http_status = 200, .hold = true };
    struct rate_options o = { .in_flight_max = 1 };
    struct caller first = { .in = &in }, caller[THREADS] = { 0 };
    struct error e = { 0 };

    (void)state;
    assert_int_equal(
        stripe_paced_open(&in.paced, &in.stripe, clock_os(), sched_pthread(), rng_os(), &o, &e),
        ST_OK);
    pthread_create(&first.thread, NULL, call_held, &first);
    while (in.calls == 0)
        sched_yield();
    for (size_t i = 0; i < THREADS; i++) {
        caller[i].in = &in;
        pthread_create(&caller[i].thread, NULL, call_refused, &caller[i]);
    }
    while (waiting(in.paced) < THREADS)
        sched_yield();
    stripe_paced_abandon(in.paced);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(caller[i].thread, NULL);
        assert_false(caller[i].failed);
    }
    assert_int_equal(waiting(in.paced), 0);
    in.hold = false;
    pthread_join(first.thread, NULL);
    assert_false(first.failed); /* it was under way: that is for the client within to end */
    assert_int_equal(call(&in, 0, &e), ST_REFUSED);
    assert_int_equal(in.calls, 1);
    stripe_close(in.paced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_wait_for_their_turn),
        cmocka_unit_test(a_deadline_that_passes_in_the_queue_sends_nothing),
        cmocka_unit_test(a_429_reaches_the_caller_and_lowers_the_budget),
        cmocka_unit_test(a_failure_gives_its_place_back),
        cmocka_unit_test(threads_share_one_budget),
        cmocka_unit_test(who_waits_for_a_place_is_not_forgotten),
        cmocka_unit_test(a_closing_client_lets_nobody_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
