/* What only events tell of is taken from them, and from nothing else. */
#include "../unit.h"

#include "core/due.h"
#include "core/environment/acting.h"
#include "core/inbox.h"
#include "core/mirror/mirror.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

static void deliver_many(struct small_world *w, const char *const *body, size_t n)
{
    ARENA(a, 64 << 10);
    struct error e = { 0 };
    struct event ev[8];
    struct inbox_result result[8];

    assert_true(n <= 8);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(event_parse(str_of(body[i]), &ev[i], &a, &e), ST_OK);
        ev[i].received_at = w->wall;
    }
    assert_int_equal(inbox_put_many(&w->env, ev, n, result, &e), ST_OK);
}

static void deliver(struct small_world *w, const char *body)
{
    deliver_many(w, &body, 1);
}

#define EVENT(id, type, created, object)                                                    \
    "{\"id\":\"" id "\",\"object\":\"event\",\"type\":\"" type "\",\"api_version\":\"v9\"," \
    "\"created\":" created ",\"livemode\":false,\"data\":{\"object\":" object "}}"
#define UPCOMING(total) \
    "{\"object\":\"invoice\",\"livemode\":false,\"subscription\":\"sub_1\",\"total\":" total "}"
#define SUN(color) "{\"id\":\"sun_1\",\"object\":\"sun\",\"color\":\"" color "\"}"

static void an_upcoming_invoice_is_kept_as_its_event_says(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver(w, EVENT("evt_1", "invoice.upcoming", "1000", UPCOMING("5")));
    assert_string_equal(ask_text(w, "select type || ' ' || id || ' ' || source || ' ' || "
                                    "api_version from objects"),
                        "invoice.upcoming sub_1 event v9");
    assert_string_equal(ask_text(w, "select data from objects"), UPCOMING("5"));
    deliver(w, EVENT("evt_2", "invoice.upcoming", "2000", UPCOMING("7")));
    assert_string_equal(ask_text(w, "select data from objects"), UPCOMING("7"));
    assert_string_equal(ask_text(w, "select data from _history"), UPCOMING("5"));
    assert_int_equal(ask_int(w, "select count(*) from _due"), 0);
    small_world_free(w);
}

static void an_older_event_changes_nothing_not_even_in_the_same_batch(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const char *const both[] = { EVENT("evt_2", "sun.risen", "2000", SUN("red")),
                                 EVENT("evt_1", "sun.risen", "1000", SUN("gray")) };

    deliver_many(w, both, COUNT(both));
    assert_string_equal(ask_text(w, "select data from objects"), SUN("red"));
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'unknown'"), 2);
    deliver(w, EVENT("evt_3", "sun.risen", "1500", SUN("blue")));
    assert_string_equal(ask_text(w, "select data from objects"), SUN("red"));
    deliver(w, EVENT("evt_4", "sun.risen", "2000", SUN("gold"))); /* of the same second */
    assert_string_equal(ask_text(w, "select data from objects"), SUN("gold"));
    assert_int_equal(ask_int(w, "select count(*) from _history"), 1);
    small_world_free(w);
}

static void in_one_second_a_creation_comes_first_and_a_deletion_last(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver(w, EVENT("evt_2", "sun.updated", "2000", SUN("red")));
    deliver(w, EVENT("evt_1", "sun.created", "2000", SUN("gray")));
    assert_string_equal(ask_text(w, "select data from objects"), SUN("red"));
    deliver(w, EVENT("evt_3", "sun.deleted", "2000", SUN("red")));
    deliver(w, EVENT("evt_4", "sun.updated", "2000", SUN("late")));
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    small_world_free(w);
}

static void its_deletion_is_a_tombstone_with_the_last_known_state(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver(w, EVENT("evt_1", "sun.risen", "1000", SUN("red")));
    deliver(w, EVENT("evt_2", "sun.deleted", "2000", "{\"id\":\"sun_1\",\"object\":\"sun\"}"));
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    assert_string_equal(ask_text(w, "select data from objects"), SUN("red"));
    deliver(w, EVENT("evt_3", "sun.risen", "1500", SUN("late")));
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    deliver(w, EVENT("evt_4", "sun.risen", "3000", SUN("new")));
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    assert_string_equal(ask_text(w, "select data from objects"), SUN("new"));
    small_world_free(w);
}

static void an_answer_of_stripe_wins_over_what_was_told(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver(w, EVENT("evt_1", "sun.risen", "1000", SUN("red")));
    /* as it would come in a list, from a program that knows of it */
    put_object(w, "sun", "sun_1", SUN("fetched"), SOURCE_LIST);
    deliver(w, EVENT("evt_2", "sun.risen", "9000", SUN("told")));
    assert_string_equal(ask_text(w, "select data from objects"), SUN("fetched"));
    assert_string_equal(ask_text(w, "select source from objects"), "list");
    small_world_free(w);
}

static void what_contradicts_its_events_mode_stays_in_the_inbox_alone(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver(w, EVENT("evt_1", "sun.risen", "1000",
                     "{\"id\":\"sun_1\",\"object\":\"sun\",\"livemode\":true}"));
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 1);
    assert_int_equal(ask_int(w, "select count(*) from objects"), 0);
    small_world_free(w);
}

static void what_can_be_fetched_is_never_taken_from_an_event(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver(w, EVENT("evt_1", "product.updated", "1000",
                     "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"told\"}"));
    assert_int_equal(ask_int(w, "select count(*) from objects"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due"), 1);
    small_world_free(w);
}

#define THEIRS(id, created, object)                                                           \
    "{\"id\":\"" id "\",\"object\":\"event\",\"account\":\"acct_9\",\"type\":"                \
    "\"invoice.upcoming\",\"api_version\":\"v9\",\"created\":" created ",\"livemode\":false," \
    "\"data\":{\"object\":" object "}}"

/* Stripe has shown the connected account: what waited for that is released. */
static void find_acct_9(struct small_world *w)
{
    struct error e = { 0 };
    {
        ARENA(a, 64 << 10);
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        assert_int_equal(account_found(&tx, &w->env, S("acct_9"), &a, &e), ST_OK);
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
    }
    assert_int_equal(accounts_release(&w->env, &e), ST_OK);
}

#define KEPT                                                                                      \
    "select group_concat(account || ' ' || id || ' ' || json_extract(data, '$.total') || ' ' || " \
    "ticket) from objects"

static void what_a_connected_accounts_event_tells_is_that_accounts(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.connect = true;
    find_acct_9(w);
    deliver(w, THEIRS("evt_1", "1000", UPCOMING("5")));
    assert_string_equal(ask_text(w, KEPT), "acct_9 sub_1 5 4001");
    small_world_free(w);
}

static void what_waited_for_its_account_is_taken_as_if_it_came_now(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.connect = true;
    deliver(w, THEIRS("evt_2", "2000", UPCOMING("7")));
    deliver(w, THEIRS("evt_1", "1000", UPCOMING("5")));
    assert_int_equal(ask_int(w, "select count(*) from objects"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'quarantined' and "
                                "reason = 'unknown_account'"),
                     2);
    find_acct_9(w);
    assert_string_equal(ask_text(w, KEPT), "acct_9 sub_1 7 8001");
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'quarantined'"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where reason = 'unknown_account'"), 0);
    small_world_free(w);
}

/* A signed event may hold anything. */
static void an_id_that_no_store_can_keep_stops_nothing(void **state)
{
    enum { LONG = 70 << 10 };
    static char body[4 * LONG];
    static const char *const shape[] = {
        "{\"object\":\"product\",\"id\":\"", "{\"object\":\"",
        "{\"object\":\"invoice\",\"id\":\"in_1\",\"customer\":\"",
        "{\"object\":\"discount\",\"id\":\"di_1\",\"customer\":\""
    };
    (void)state;
    struct small_world *w = small_world_new();

    for (size_t i = 0; i < COUNT(shape); i++) {
        size_t n = (size_t)snprintf(body, sizeof body,
                                    "{\"id\":\"evt_%zu\",\"object\":\"event\",\"type\":"
                                    "\"invoice.paid\",\"livemode\":false,\"data\":{\"object\":",
                                    i);
        n += (size_t)snprintf(body + n, sizeof body - n, "%s%0*d\"", shape[i], LONG, 1);
        snprintf(body + n, sizeof body - n, "%s}}}", i == 1 ? ",\"id\":\"x\"" : "");
        struct error e = { 0 };
        struct inbox_result result;
        ARENA(a, 1 << 20);
        struct event ev;
        assert_int_equal(event_parse(str_of(body), &ev, &a, &e), ST_OK);
        ev.received_at = w->wall;
        assert_int_equal(inbox_put_many(&w->env, &ev, 1, &result, &e), ST_OK);
    }
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), COUNT(shape));
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'unfetchable' and "
                                "reason = 'id_too_long'"),
                     3);
    assert_int_equal(ask_int(w, "select count(*) from _due where length(id) > 255"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where id = 'in_1'"), 1);
    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    deliver_body(w, "", "product.updated", "{\"id\":\"prod_1\",\"object\":\"product\"}");
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    small_world_free(w);
}

/* However it came to be due. */
static void a_key_that_is_too_long_holds_no_other_up(void **state)
{
    enum { LONG = 70 << 10 };
    static char id[LONG + 1];
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    {
        ARENA(a, 1 << 20);
        CLEANUP(tx_end) struct tx tx = { 0 };
        memset(id, 'x', LONG);
        const struct due_mark m = { .key = { DUE_OBJECT, S("product"), str_of(id) },
                                    .lane = LANE_WEBHOOK,
                                    .cause = "webhook" };
        assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        assert_int_equal(due_mark(&tx, &w->env, &m, &a, &e), ST_OK);
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
    }
    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    deliver_body(w, "", "product.updated", "{\"id\":\"prod_1\",\"object\":\"product\"}");
    ARENA(small, 64 << 10);
    struct claim c;
    assert_int_equal(due_claim(&w->env, &c, &small, &e), ST_OK); /* the long one goes */
    assert_int_equal(c.key.id.n, 6);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1"), 1);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upcoming_invoice_is_kept_as_its_event_says),
        cmocka_unit_test(an_older_event_changes_nothing_not_even_in_the_same_batch),
        cmocka_unit_test(in_one_second_a_creation_comes_first_and_a_deletion_last),
        cmocka_unit_test(its_deletion_is_a_tombstone_with_the_last_known_state),
        cmocka_unit_test(an_answer_of_stripe_wins_over_what_was_told),
        cmocka_unit_test(what_contradicts_its_events_mode_stays_in_the_inbox_alone),
        cmocka_unit_test(what_can_be_fetched_is_never_taken_from_an_event),

        cmocka_unit_test(an_id_that_no_store_can_keep_stops_nothing),
        cmocka_unit_test(a_key_that_is_too_long_holds_no_other_up),
        cmocka_unit_test(what_a_connected_accounts_event_tells_is_that_accounts),
        cmocka_unit_test(what_waited_for_its_account_is_taken_as_if_it_came_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
