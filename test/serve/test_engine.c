/* The threads of an environment, over a real store that can be held up and made to fail. */
#include "unit.h"

#include "caller.h"
#include "core/due.h"
#include "house.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITEMS = 64,
    OTHER = ITEMS - 1,            /* is about another customer */
    KEPT_AT_LAST_MS = 120 * 1000, /* a lease of some milliseconds is renewed by then, anywhere */
};

/* Deliveries as the HTTP side would hand them in, and where their answers are awaited. */
struct crowd {
    struct house *h;
    struct engine *g;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_done;
    struct crowd_item {
        struct ingest_item item; /* first */
        struct crowd *crowd;
        struct arena arena;
        bool done;
    } item[ITEMS];
    unsigned broken;
};

static void item_done(struct ingest_item *item)
{
    struct crowd_item *i = (struct crowd_item *)item;

    pthread_mutex_lock(&i->crowd->lock);
    assert(!i->done);
    i->done = true;
    i->crowd->n_done++;
    pthread_cond_broadcast(&i->crowd->changed);
    pthread_mutex_unlock(&i->crowd->lock);
}

static void on_broken(void *ctx, const struct error *e)
{
    struct crowd *c = ctx;

    (void)e;
    pthread_mutex_lock(&c->lock);
    c->broken++;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void await_done(struct crowd *c, size_t n)
{
    pthread_mutex_lock(&c->lock);
    while (c->n_done < n)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

static void prepare(struct crowd *c, size_t i)
{
    static char bodies[ITEMS][512];
    char event[32];
    struct error e = { 0 };

    snprintf(event, sizeof event, "evt_%zu", i);
    str body = customer_event(event, i == OTHER ? "cus_2" : "cus_1");
    memcpy(bodies[i], body.p, body.n);
    c->item[i] = (struct crowd_item){ .item.done = item_done, .crowd = c, .arena.max = 4096 };
    assert_ok(
        event_parse((str){ bodies[i], body.n }, &c->item[i].item.event, &c->item[i].arena, &e), &e);
}

/* Hands in the items [from, to) as one chain. */
static bool hand_in(struct crowd *c, size_t from, size_t to)
{
    for (size_t i = from; i + 1 < to; i++)
        c->item[i].item.next = &c->item[i + 1].item;
    return engine_ingest(c->g, &c->item[from].item, to - from);
}

static struct crowd *crowd_new(unsigned workers)
{
    struct crowd *c = calloc(1, sizeof *c);
    struct error e = { 0 };

    assert_non_null(c);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->h = house_new();
    for (size_t i = 0; i < ITEMS; i++)
        prepare(c, i);
    const struct engine_options o = { .env = &c->h->env,
                                      .log = &c->h->log,
                                      .workers = workers,
                                      .ingest = true,
                                      .on_broken = on_broken,
                                      .broken_ctx = c };
    assert_ok(engine_start(&c->g, &o, &e), &e);
    return c;
}

static void crowd_free(struct crowd *c)
{
    engine_stop(c->g, 10000);
    house_free(c->h);
    for (size_t i = 0; i < ITEMS; i++)
        arena_free(&c->item[i].arena);
    free(c);
}

static void deliveries_that_wait_share_one_commit(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    house_hold(c->h);
    assert_true(hand_in(c, 0, 1));
    house_await_held(c->h); /* its fsync is under way */
    for (size_t i = 1; i < ITEMS; i++)
        assert_true(hand_in(c, i, i + 1));
    assert_int_equal(engine_counters(c->g).ingest_waiting, ITEMS - 1);
    house_release(c->h);
    await_done(c, ITEMS);
    assert_int_equal(c->h->store.commits, 2);
    assert_int_equal(house_int(c->h, "select count(*) from _inbox"), ITEMS);
    struct engine_counters n = engine_counters(c->g);
    assert_int_equal(n.ingested, ITEMS);
    assert_int_equal(n.ingest_commits, 2);
    assert_int_equal(n.ingest_waiting, 0);
    crowd_free(c);
}

static void nobody_is_answered_before_the_commit(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    house_hold(c->h);
    assert_true(hand_in(c, 0, 3));
    house_await_held(c->h);
    assert_int_equal(c->n_done, 0);
    house_release(c->h);
    await_done(c, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(c->item[i].item.status, ST_OK);
    crowd_free(c);
}

static void an_ambiguous_commit_is_no_acknowledgement(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    c->h->store.commit_fails = ST_RETRY;
    assert_true(hand_in(c, 0, 8));
    await_done(c, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(c->item[i].item.status, ST_RETRY);
    assert_int_equal(engine_counters(c->g).ingest_last, ST_RETRY);
    assert_int_equal(engine_counters(c->g).ingested, 0);
    crowd_free(c);
}

static void one_bad_event_keeps_none_of_its_neighbours_out(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    c->h->store.poison = "evt_3";
    assert_true(hand_in(c, 0, 8));
    await_done(c, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(c->item[i].item.status, i == 3 ? ST_INVALID : ST_OK);
    assert_int_equal(house_int(c->h, "select count(*) from _inbox"), 7);
    crowd_free(c);
}

static void a_full_disk_is_not_tried_for_each_delivery(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    c->h->store.commit_fails = ST_LIMIT;
    assert_true(hand_in(c, 0, ITEMS));
    await_done(c, ITEMS);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(c->item[i].item.status, ST_LIMIT);
    assert_int_equal(c->h->store.tries, 1 + 2); /* all, then two of them */
    assert_int_equal(engine_counters(c->g).ingest_last, ST_LIMIT);
    assert_int_equal(house_logged(c->h, "event=webhook_deferred"), 1);
    crowd_free(c);
}

static void what_was_taken_before_a_stop_is_stored_before_its_end(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    house_hold(c->h);
    assert_true(hand_in(c, 0, 1));
    house_await_held(c->h);
    assert_true(hand_in(c, 1, ITEMS / 2));
    engine_halt(c->g);
    assert_false(hand_in(c, ITEMS / 2, ITEMS)); /* too late: 503 */
    assert_int_equal(engine_counters(c->g).ingest_refused, ITEMS / 2);
    house_release(c->h);
    engine_stop(c->g, 10000);
    c->g = NULL;
    assert_int_equal(c->n_done, ITEMS / 2);
    for (size_t i = 0; i < ITEMS / 2; i++)
        assert_int_equal(c->item[i].item.status, ST_OK);
    assert_int_equal(house_int(c->h, "select count(*) from _inbox"), ITEMS / 2);
    crowd_free(c);
}

struct sender {
    struct crowd *c;
    size_t from, to;
    bool taken[ITEMS];
};

static void *send_some(void *arg)
{
    struct sender *s = arg;

    for (size_t i = s->from; i < s->to; i++)
        s->taken[i] = hand_in(s->c, i, i + 1);
    return NULL;
}

static void what_was_acknowledged_while_stopping_is_on_the_disk(void **state)
{
    struct crowd *c = crowd_new(2);
    struct sender s[4] = { 0 };
    pthread_t thread[4];
    int64_t acknowledged = 0, answered = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        s[i] = (struct sender){ .c = c, .from = i * ITEMS / 4, .to = (i + 1) * ITEMS / 4 };
        assert_int_equal(pthread_create(&thread[i], NULL, send_some, &s[i]), 0);
    }
    await_done(c, 1);
    engine_halt(c->g);
    for (size_t i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    engine_stop(c->g, 10000);
    c->g = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        acknowledged += c->item[i].done && c->item[i].item.status == ST_OK;
        answered += c->item[i].done == s[i * 4 / ITEMS].taken[i];
    }
    assert_int_equal(answered, ITEMS); /* taken is answered, refused is not */
    assert_int_equal(house_int(c->h, "select count(*) from _inbox"), acknowledged);
    crowd_free(c);
}

static void a_queue_has_an_end(void **state)
{
    struct crowd *c = crowd_new(1);
    struct crowd_item *many = calloc(INGEST_WAITING_MAX, sizeof *many);

    (void)state;
    assert_non_null(many);
    house_hold(c->h);
    assert_true(hand_in(c, 0, 1));
    house_await_held(c->h);
    for (size_t i = 0; i < INGEST_WAITING_MAX; i++) {
        many[i].item = (struct ingest_item){ .event = c->item[0].item.event, .done = item_done };
        many[i].crowd = c;
        if (i)
            many[i - 1].item.next = &many[i].item;
    }
    assert_true(engine_ingest(c->g, &many[0].item, INGEST_WAITING_MAX));
    assert_false(hand_in(c, 1, 2));
    house_release(c->h);
    await_done(c, INGEST_WAITING_MAX + 1);
    assert_true(hand_in(c, 1, 2));
    await_done(c, INGEST_WAITING_MAX + 2);
    crowd_free(c);
    free(many);
}

static void workers_do_what_an_event_has_made_due(void **state)
{
    struct crowd *c = crowd_new(2);

    (void)state;
    assert_true(hand_in(c, 0, 1));
    await_done(c, 1);
    while (engine_counters(c->g).work_done == 0)
        clock_sleep(c->h->world.clock, 5);
    assert_int_equal(house_int(c->h, "select count(*) from objects where id = 'cus_1'"), 1);
    crowd_free(c);
}

static void failing_work_is_logged_and_counted(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    atomic_store(&c->h->stripe_status, 400);
    assert_true(hand_in(c, 0, 1));
    await_done(c, 1);
    for (struct engine_counters n = { 0 }; n.work_failed + n.work_dead == 0;) {
        clock_sleep(c->h->world.clock, 5);
        n = engine_counters(c->g);
    }
    while (house_logged(c->h, "key=\"object customer cus_1\"") == 0)
        clock_sleep(c->h->world.clock, 5);
    assert_int_equal(engine_counters(c->g).work_done, 0);
    crowd_free(c);
}

static unsigned failed_begins(struct house *h)
{
    pthread_mutex_lock(&h->store.lock);
    unsigned n = h->store.gathered;
    pthread_mutex_unlock(&h->store.lock);
    return n;
}

/* A store that refuses (a disk that became read-only, say) may be mended while we run. */
static void a_store_that_refuses_for_a_while_ends_no_worker(void **state)
{
    struct crowd *c = crowd_new(1);
    struct error e = { 0 };

    (void)state;
    engine_stop(c->g, 10000);
    c->h->env.stopping = false;
    c->h->store.begin_fails = ST_REFUSED;
    const struct engine_options o = {
        .env = &c->h->env, .log = &c->h->log, .workers = 1, .ingest = true
    };
    assert_ok(engine_start(&c->g, &o, &e), &e);
    while (failed_begins(c->h) == 0)
        clock_sleep(c->h->world.clock, 5);
    pthread_mutex_lock(&c->h->store.lock);
    c->h->store.begin_fails = ST_OK;
    pthread_mutex_unlock(&c->h->store.lock);
    assert_true(hand_in(c, 0, 1));
    await_done(c, 1);
    while (engine_counters(c->g).work_done == 0 && engine_counters(c->g).workers == 1)
        clock_sleep(c->h->world.clock, 5);
    assert_int_equal(engine_counters(c->g).workers_lost, 0);
    assert_int_equal(engine_counters(c->g).work_done, 1);
    assert_true(house_logged(c->h, "the test's store fails: refused") > 0);
    crowd_free(c);
}

/* It has asked Stripe when the disk fills up. Nobody else may have what it claimed for minutes. */
static void what_a_worker_cannot_store_is_done_as_soon_as_the_store_is_back(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    atomic_store(&c->h->stripe_held, true);
    assert_true(hand_in(c, 0, 1));
    await_done(c, 1);
    while (atomic_load(&c->h->stripe_calls) < 1)
        clock_sleep(c->h->world.clock, 1);
    pthread_mutex_lock(&c->h->store.lock);
    c->h->store.begin_fails = ST_LIMIT;
    pthread_mutex_unlock(&c->h->store.lock);
    atomic_store(&c->h->stripe_held, false);
    while (house_logged(c->h, "event=work_failed") == 0)
        clock_sleep(c->h->world.clock, 5);
    pthread_mutex_lock(&c->h->store.lock);
    c->h->store.begin_fails = ST_OK;
    pthread_mutex_unlock(&c->h->store.lock);
    while (engine_counters(c->g).work_done == 0)
        clock_sleep(c->h->world.clock, 5);
    assert_int_equal(house_int(c->h, "select count(*) from objects where id = 'cus_1'"), 1);
    assert_int_equal(house_int(c->h, "select count(*) from _due where done_gen < gen"), 0);
    crowd_free(c);
}

static void a_worker_that_ends_is_missed(void **state)
{
    struct crowd *c = crowd_new(3);

    (void)state;
    assert_int_equal(engine_counters(c->g).workers, 3);
    assert_int_equal(engine_counters(c->g).workers_lost, 0);
    env_stop(&c->h->env);
    while (engine_counters(c->g).workers)
        clock_sleep(c->h->world.clock, 5);
    assert_int_equal(engine_counters(c->g).workers_lost, 3);
    crowd_free(c);
}

static void damage_is_told_once_and_stops_everything(void **state)
{
    struct crowd *c = crowd_new(4);

    (void)state;
    pthread_mutex_lock(&c->h->store.lock);
    c->h->store.begin_fails = ST_BROKEN;
    c->h->store.gather = 1 + 1; /* who has the watch and the ingest thread, before either knows */
    pthread_mutex_unlock(&c->h->store.lock);
    env_ring(&c->h->env);
    assert_true(hand_in(c, 0, 4));
    await_done(c, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(c->item[i].item.status, ST_BROKEN);
    assert_false(hand_in(c, 4, 5));
    engine_stop(c->g, 10000);
    c->g = NULL;
    assert_int_equal(c->broken, 1);
    assert_int_equal(house_logged(c->h, "event=work_stopped"), 1);
    crowd_free(c);
}

static unsigned looks(struct house *h)
{
    pthread_mutex_lock(&h->store.lock);
    unsigned n = h->store.looks;
    pthread_mutex_unlock(&h->store.lock);
    return n;
}

static void await_looks(struct house *h, unsigned n)
{
    while (looks(h) < n)
        clock_sleep(h->world.clock, 1);
}

/* Nobody rings, and there is nothing to do. */
static void an_idle_engine_notices_that_its_store_is_gone(void **state)
{
    struct crowd *c = crowd_new(1);

    (void)state;
    await_looks(c->h, 2); /* at the start, and for its own ring: now the worker sleeps */
    pthread_mutex_lock(&c->h->store.lock);
    c->h->store.begin_fails = ST_BROKEN;
    pthread_mutex_unlock(&c->h->store.lock);
    pthread_mutex_lock(&c->lock);
    while (!c->broken)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    crowd_free(c);
}

/* If each of eight looked, it were eight looks a ring. Housekeeping looks, too, once a second. */
static void one_idle_worker_looks_for_all(void **state)
{
    enum { RINGS = 20 };
    struct crowd *c = crowd_new(8);

    (void)state;
    await_looks(c->h, 1); /* the watch is taken; the others wait for it */
    unsigned before = looks(c->h);
    msec began = clock_mono(c->h->world.clock);
    for (unsigned i = 0; i < RINGS; i++) {
        unsigned seen = looks(c->h);
        env_ring(&c->h->env);
        await_looks(c->h, seen + 1);
        clock_sleep(c->h->world.clock, 5); /* in which the others would look, too */
    }
    msec seconds = (clock_mono(c->h->world.clock) - began) / 1000;
    assert_in_range(looks(c->h) - before, RINGS, 2 * RINGS + (unsigned)seconds);
    crowd_free(c);
}

/* The watch goes on to the next: while one worker waits for Stripe, another finds what came since.
 */
static void who_works_leaves_the_watch_to_another(void **state)
{
    struct crowd *c = crowd_new(2);

    (void)state;
    atomic_store(&c->h->stripe_held, true);
    assert_true(hand_in(c, 0, 1));
    await_done(c, 1);
    while (atomic_load(&c->h->stripe_calls) < 1)
        clock_sleep(c->h->world.clock, 1);
    assert_true(hand_in(c, OTHER, OTHER + 1));
    await_done(c, 2);
    while (atomic_load(&c->h->stripe_calls) < 2)
        clock_sleep(c->h->world.clock, 1);
    atomic_store(&c->h->stripe_held, false);
    while (engine_counters(c->g).work_done < 2)
        clock_sleep(c->h->world.clock, 1);
    crowd_free(c);
}

#define LEASE "select not_before from _due where id = 'cus_1'"

static void want_customer(struct house *h)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_mark m = { .key = { DUE_OBJECT, S("customer"), S("cus_1") }, .cause = "test" };
    struct error e = { 0 };

    assert_ok(tx_begin(&tx, h->env.world->store, TX_WRITE, &e), &e);
    assert_ok(due_mark(&tx, &h->env, &m, &a, &e), &e);
    assert_ok(tx_commit(&tx, &e), &e);
}

/* The lease would be over many times before the answer comes. */
static void a_claim_is_kept_while_stripe_takes_its_time(void **state)
{
    struct house *h = house_new();
    struct engine *g = NULL;
    struct error e = { 0 };
    struct engine_options o = { .env = &h->env, .log = &h->log, .workers = 1 };

    (void)state;
    h->env.set.lease_ms = 60;
    atomic_store(&h->stripe_held, true);
    want_customer(h);
    assert_ok(engine_start(&g, &o, &e), &e);
    while (atomic_load(&h->stripe_calls) < 1)
        clock_sleep(h->world.clock, 1);
    int64_t first = house_int(h, LEASE), now = first;
    for (int renewals = 0; renewals < 5; now = house_int(h, LEASE)) {
        renewals += now > first;
        first = now;
        clock_sleep(h->world.clock, 1);
    }
    atomic_store(&h->stripe_held, false);
    while (engine_counters(g).work_done < 1)
        clock_sleep(h->world.clock, 1);
    assert_int_equal(house_int(h, "select count(*) from objects"), 1);
    engine_stop(g, 10000);
    house_free(h);
}

/* An orderly end waits for the last answer, however long that takes: until then it is ours. */
static void a_claim_is_kept_until_the_last_worker_has_ended(void **state)
{
    struct house *h = house_new();
    struct engine *g = NULL;
    struct error e = { 0 };
    struct engine_options o = { .env = &h->env, .log = &h->log, .workers = 1 };

    (void)state;
    h->env.set.lease_ms = 60;
    atomic_store(&h->stripe_held, true);
    want_customer(h);
    assert_ok(engine_start(&g, &o, &e), &e);
    while (atomic_load(&h->stripe_calls) < 1)
        clock_sleep(h->world.clock, 1);
    engine_halt(g);
    int64_t first = house_int(h, LEASE), now = first;
    msec until = clock_mono(h->world.clock) + KEPT_AT_LAST_MS;
    int renewals = 0;
    for (; renewals < 3 && clock_mono(h->world.clock) < until; now = house_int(h, LEASE)) {
        renewals += now > first;
        first = now;
        clock_sleep(h->world.clock, 1);
    }
    assert_int_equal(renewals, 3);
    atomic_store(&h->stripe_held, false);
    engine_stop(g, 10000);
    assert_int_equal(house_int(h, "select count(*) from objects"), 1);
    house_free(h);
}

struct abandoned {
    atomic_bool asked;
    struct house *h;
};

static void abandon(void *ctx)
{
    struct abandoned *a = ctx;

    atomic_store(&a->asked, true);
    house_release(a->h);
}

static void calls_under_way_are_abandoned_when_the_grace_is_over(void **state)
{
    struct crowd *c = crowd_new(1);
    struct abandoned a = { .h = c->h };
    struct error e = { 0 };

    (void)state;
    engine_stop(c->g, 10000);
    c->h->env.stopping = false;
    const struct engine_options o = { .env = &c->h->env,
                                      .log = &c->h->log,
                                      .workers = 1,
                                      .ingest = true,
                                      .abandon = abandon,
                                      .ctx = &a };
    assert_ok(engine_start(&c->g, &o, &e), &e);
    house_hold(c->h);
    assert_true(hand_in(c, 0, 1));
    house_await_held(c->h);
    engine_stop(c->g, 10);
    c->g = NULL;
    assert_true(atomic_load(&a.asked));
    assert_int_equal(c->n_done, 1);
    crowd_free(c);
}

static void too_many_workers_are_refused(void **state)
{
    struct house *h = house_new();
    struct engine *g = NULL;
    struct error e = { 0 };
    const struct engine_options o = { .env = &h->env, .workers = ENGINE_WORKERS_MAX + 1 };

    (void)state;
    assert_int_equal(engine_start(&g, &o, &e), ST_INVALID);
    assert_null(g);
    house_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deliveries_that_wait_share_one_commit),
        cmocka_unit_test(nobody_is_answered_before_the_commit),
        cmocka_unit_test(an_ambiguous_commit_is_no_acknowledgement),
        cmocka_unit_test(one_bad_event_keeps_none_of_its_neighbours_out),
        cmocka_unit_test(a_full_disk_is_not_tried_for_each_delivery),
        cmocka_unit_test(what_was_taken_before_a_stop_is_stored_before_its_end),
        cmocka_unit_test(what_was_acknowledged_while_stopping_is_on_the_disk),
        cmocka_unit_test(a_queue_has_an_end),
        cmocka_unit_test(workers_do_what_an_event_has_made_due),
        cmocka_unit_test(failing_work_is_logged_and_counted),
        cmocka_unit_test(a_store_that_refuses_for_a_while_ends_no_worker),
        cmocka_unit_test(what_a_worker_cannot_store_is_done_as_soon_as_the_store_is_back),
        cmocka_unit_test(a_worker_that_ends_is_missed),
        cmocka_unit_test(damage_is_told_once_and_stops_everything),
        cmocka_unit_test(an_idle_engine_notices_that_its_store_is_gone),
        cmocka_unit_test(one_idle_worker_looks_for_all),
        cmocka_unit_test(who_works_leaves_the_watch_to_another),
        cmocka_unit_test(a_claim_is_kept_while_stripe_takes_its_time),
        cmocka_unit_test(a_claim_is_kept_until_the_last_worker_has_ended),
        cmocka_unit_test(calls_under_way_are_abandoned_when_the_grace_is_over),
        cmocka_unit_test(too_many_workers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
