/* A customer's state is written with whatever it rests on, and never apart from it. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "core/counters.h"
#include "core/customer/state.h"
#include "core/due.h"
#include "core/mirror/mirror.h"
#include "small_world.h"

#define CUSTOMER "{\"id\":\"cus_1\",\"object\":\"customer\"}"
#define SUBSCRIPTION(id, status)                                                                 \
    "{\"id\":\"" id "\",\"object\":\"subscription\",\"customer\":\"cus_1\",\"status\":\"" status \
    "\",\"created\":5,\"default_payment_method\":\"pm_1\",\"items\":{\"object\":\"list\","       \
    "\"data\":[{\"id\":\"si_1\",\"object\":\"subscription_item\",\"subscription\":\"" id         \
    "\",\"price\":\"price_1\"}],\"has_more\":false}}"

static int64_t draw(struct tx *tx, struct arena *a)
{
    struct error e = { 0 };
    int64_t n;

    assert_int_equal(sequence_draw(tx, 1, &n, a, &e), ST_OK);
    return n;
}

static void put_by(struct small_world *w, const char *type, const char *id, const char *data,
                   struct sequence_pool *pool)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result;

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    const struct answer in = { .resource = resource_by_type(str_of(type)),
                               .type = str_of(type),
                               .id = str_of(id),
                               .data = str_of(data),
                               .source = SOURCE_GET,
                               .ticket = draw(&tx, &a),
                               .api_version = S("v"),
                               .cause = "test",
                               .pool = pool };
    assert_int_equal(mirror_put(&tx, &w->env, &in, &result, NULL, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void put(struct small_world *w, const char *type, const char *id, const char *data)
{
    put_by(w, type, id, data, NULL);
}

static void bury(struct small_world *w, const char *type, const char *id)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    int64_t ticket = draw(&tx, &a);
    assert_int_equal(
        mirror_bury(&tx, &w->env, str_of(type), str_of(id), ticket, "test", (str){ 0 }, &a, &e),
        ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static char seen[4096];

static enum status look(struct small_world *w, struct customer_state *s)
{
    ARENA(a, 4 << 20);
    struct error e = { 0 };
    enum status st = state_get(&w->env, S("cus_1"), s, &a, &e);

    snprintf(seen, sizeof seen, "%.*s", STR_ARG(st == ST_OK ? s->value : str_of(e.text)));
    return st;
}

static void mark(struct small_world *w, const char *type, const char *id)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    const struct due_mark m = { .key = { DUE_OBJECT, str_of(type), str_of(id) },
                                .lane = LANE_WEBHOOK,
                                .cause = "webhook" };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(due_mark(&tx, &w->env, &m, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void a_customer_nobody_has_seen_is_not_one_without_a_subscription(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct customer_state s;

    assert_int_equal(look(w, &s), ST_NONE);
    assert_non_null(strstr(seen, "brindle sync cus_1"));
    script(w, "/v1/customers/cus_1", 500, "{\"error\":{\"message\":\"down\"}}");
    mark(w, "customer", "cus_1");
    work_off(w);
    assert_int_equal(look(w, &s), ST_RETRY);
    assert_non_null(strstr(seen, "500"));
    put(w, "customer", "cus_1", CUSTOMER);
    assert_int_equal(look(w, &s), ST_OK);
    assert_non_null(strstr(seen, "\"status\":\"none\""));
    assert_true(s.is_none);
    assert_false(s.complete); /* nobody has listed the subscriptions yet */
    small_world_free(w);
}

static void a_subscription_is_its_customers_state_in_the_same_transaction(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct customer_state s;

    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "incomplete"));
    assert_int_equal(look(w, &s), ST_OK); /* the customer itself may come later */
    assert_non_null(strstr(seen, "\"status\":\"incomplete\""));
    int64_t before = s.revision;
    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "active"));
    assert_int_equal(look(w, &s), ST_OK);
    assert_non_null(strstr(seen, "\"status\":\"active\",\"priceId\":\"price_1\""));
    assert_true(s.revision > before);
    small_world_free(w);
}

static void what_changes_nothing_in_the_state_does_not_raise_its_revision(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct customer_state s;

    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "active"));
    assert_int_equal(look(w, &s), ST_OK);
    int64_t before = s.revision;
    put(w, "customer", "cus_1", CUSTOMER);
    put(w, "customer", "cus_1", "{\"id\":\"cus_1\",\"object\":\"customer\",\"name\":\"new\"}");
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.revision, before);
    small_world_free(w);
}

/* As on a store where another transaction was quicker. */
static void a_pool_that_was_drawn_long_ago_takes_no_revision_back(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct customer_state s;
    struct sequence_pool pool;
    struct error e = { 0 };
    int64_t last;
    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        assert_int_equal(sequence_draw(&tx, 10, &last, &a, &e), ST_OK);
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
    }
    pool = (struct sequence_pool){ .next = last - 9, .end = last + 1 };
    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "active"));
    assert_int_equal(look(w, &s), ST_OK);
    int64_t before = s.revision;
    put_by(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "canceled"), &pool);
    assert_int_equal(look(w, &s), ST_OK);
    assert_true(s.revision > before);
    small_world_free(w);
}

static void a_payment_method_that_arrives_or_goes_changes_the_state(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct customer_state s;

    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "active"));
    assert_int_equal(look(w, &s), ST_OK);
    assert_non_null(strstr(seen, "\"paymentMethod\":null"));
    put(w, "payment_method", "pm_1",
        "{\"id\":\"pm_1\",\"object\":\"payment_method\",\"customer\":\"cus_1\",\"type\":\"card\","
        "\"card\":{\"brand\":\"visa\",\"last4\":\"4242\"}}");
    assert_int_equal(look(w, &s), ST_OK);
    assert_non_null(strstr(seen, "\"last4\":\"4242\""));
    bury(w, "payment_method", "pm_1");
    assert_int_equal(look(w, &s), ST_OK);
    assert_non_null(strstr(seen, "\"paymentMethod\":null"));
    small_world_free(w);
}

static void a_subscription_that_is_gone_leaves_none_with_a_greater_revision(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct customer_state s;

    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "active"));
    assert_int_equal(look(w, &s), ST_OK);
    int64_t before = s.revision;
    bury(w, "subscription", "sub_1");
    assert_int_equal(look(w, &s), ST_OK);
    assert_true(s.is_none);
    assert_true(s.revision > before);
    small_world_free(w);
}

static void a_deleted_customer_says_so(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct customer_state s;

    put(w, "customer", "cus_1", CUSTOMER);
    bury(w, "customer", "cus_1");
    assert_int_equal(look(w, &s), ST_OK);
    assert_non_null(strstr(seen, "\"deleted\":true"));
    small_world_free(w);
}

static void news_that_waits_makes_it_stale_and_a_failure_says_why(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    BUF(out, 1 << 16);
    struct small_world *w = small_world_new();
    struct customer_state s;
    struct error e = { 0 };

    put(w, "customer", "cus_1", CUSTOMER);
    put(w, "subscription", "sub_1", SUBSCRIPTION("sub_1", "active"));
    assert_int_equal(state_get(&w->env, S("cus_1"), &s, &a, &e), ST_OK);
    assert_int_equal(s.stale_since, 0);
    mark(w, "subscription", "sub_1");
    assert_int_equal(state_get(&w->env, S("cus_1"), &s, &a, &e), ST_OK);
    assert_int_equal(s.stale_since, w->wall);
    assert_false(s.failed);
    script(w, "/v1/subscriptions/sub_1", 500, "{\"error\":{\"message\":\"down\"}}");
    work_off(w);
    assert_int_equal(state_get(&w->env, S("cus_1"), &s, &a, &e), ST_OK);
    assert_true(s.failed);
    state_print(&s, w->wall, &out);
    assert_true(json_valid(buf_str(&out)));
    buf_append(&out, (str){ "", 1 });
    assert_non_null(strstr(out.p, "\"stale\":true,\"staleWhy\":\""));
    assert_non_null(strstr(out.p, "500"));
    small_world_free(w);
}

static void count_as(struct small_world *w, const char *name, int64_t value)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(counter_set(&tx, name, value, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void synced_now(struct small_world *w)
{
    const struct state_sync said = { .started_at = w->wall };
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(state_synced(&tx, &w->env, S("cus_1"), &said, NULL, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void an_answer_says_up_to_when_it_is_complete_and_from_where(void **state)
{
    (void)state;
    enum { HOUR = 3600 * 1000, LAG = 300 * 1000 };
    struct small_world *w = small_world_new();
    struct customer_state s;

    put(w, "customer", "cus_1", CUSTOMER);
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.horizon.by, HORIZON_UNKNOWN);
    synced_now(w);
    msec synced = w->wall;
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.horizon.by, HORIZON_SYNC);
    assert_int_equal(s.horizon.up_to, synced);
    count_as(w, COUNTER_EVENTS_BEGUN, synced);
    pass(w, HOUR);
    count_as(w, COUNTER_EVENTS_READ, w->wall);
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.horizon.by, HORIZON_EVENTS);
    assert_int_equal(s.horizon.up_to, w->wall - LAG);
    small_world_free(w);
}

static void events_that_nobody_could_read_for_long_make_it_stale(void **state)
{
    (void)state;
    enum { HOUR = 3600 * 1000 };
    struct small_world *w = small_world_new();
    struct customer_state s;

    w->env.set.catch_up_ms = 60 * 1000;
    put(w, "customer", "cus_1", CUSTOMER);
    count_as(w, COUNTER_EVENTS_READ, w->wall);
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.stale_since, 0);
    msec read_at = w->wall;
    pass(w, HOUR);
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.stale_since, read_at);
    w->env.set.catch_up_ms = 0; /* who does not follow them is not told off */
    assert_int_equal(look(w, &s), ST_OK);
    assert_int_equal(s.stale_since, 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_customer_nobody_has_seen_is_not_one_without_a_subscription),
        cmocka_unit_test(a_subscription_is_its_customers_state_in_the_same_transaction),
        cmocka_unit_test(what_changes_nothing_in_the_state_does_not_raise_its_revision),
        cmocka_unit_test(a_pool_that_was_drawn_long_ago_takes_no_revision_back),
        cmocka_unit_test(a_payment_method_that_arrives_or_goes_changes_the_state),
        cmocka_unit_test(a_subscription_that_is_gone_leaves_none_with_a_greater_revision),
        cmocka_unit_test(a_deleted_customer_says_so),
        cmocka_unit_test(news_that_waits_makes_it_stale_and_a_failure_says_why),
        cmocka_unit_test(an_answer_says_up_to_when_it_is_complete_and_from_where),
        cmocka_unit_test(events_that_nobody_could_read_for_long_make_it_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
