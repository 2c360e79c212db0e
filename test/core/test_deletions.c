/* Deletions: what proves one, what an event adds to it, and the fuse that stops a run of them. */
#include "../unit.h"

#include "core/due.h"
#include "core/environment/fuse.h"
#include "core/event.h"
#include "core/inbox.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

static char product[64][96], path[64][48];

/* n products that are in the mirror and, from now on, at Stripe no more. */
static void lose_products(struct small_world *w, int n)
{
    for (int i = 0; i < n; i++) {
        snprintf(path[i], sizeof path[i], "/v1/products/prod_%d", i);
        snprintf(product[i], sizeof product[i],
                 "{\"id\":\"prod_%d\",\"object\":\"product\",\"name\":\"p%d\"}", i, i);
        script(w, path[i], 200, product[i]);
        script_last(w)->times = 1;
        deliver_body(w, "", "product.created", product[i]);
    }
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), n);
}

static void touch_products(struct small_world *w, const char *type, int n)
{
    for (int i = 0; i < n; i++)
        deliver_body(w, "", type, product[i]);
    settle(w);
}

static struct fuse_state fuse_of(struct small_world *w)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct fuse_state s = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_READ, &e), ST_OK);
    assert_int_equal(fuse_read(&tx, &w->env, &s, &a, &e), ST_OK);
    return s;
}

#define DEAD "select count(*) from objects where deleted = 1"

static void a_run_of_unannounced_404s_blows_the_fuse_and_buries_no_more(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.fuse_max = 3;
    lose_products(w, 8);
    touch_products(w, "product.updated", 8);
    assert_int_equal(ask_int(w, DEAD), 3);
    assert_int_equal(ask_int(w, "select count(*) from products"), 5);
    assert_int_equal(fuse_of(w).held, 5);
    assert_true(fuse_of(w).blown_at > 0);
    assert_false(env_stopping(&w->env));
    assert_non_null(
        strstr(ask_text(w, "select last_error from _due where dead = 1"), "check drift"));
    small_world_free(w);
}

static void what_the_fuse_held_goes_when_a_person_says_so(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    int64_t revived = 0;

    w->env.set.fuse_max = 3;
    lose_products(w, 8);
    touch_products(w, "product.updated", 8);
    assert_int_equal(fuse_mend(&w->env, &revived, &e), ST_OK);
    assert_int_equal(revived, 5);
    settle(w);
    assert_int_equal(ask_int(w, DEAD), 8);
    assert_int_equal(fuse_of(w).blown_at, 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1"), 0);
    small_world_free(w);
}

/* A spell of false 404s was held and ended; the next one is held again. */
static void a_persons_word_is_good_for_what_was_held_alone(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    int64_t revived = 0;

    w->env.set.fuse_max = 1;
    lose_products(w, 5);
    touch_products(w, "product.updated", 5);
    assert_int_equal(ask_int(w, DEAD), 1);
    assert_int_equal(fuse_of(w).held, 4);
    assert_string_equal(ask_text(w, "select id from objects where deleted = 1"), "prod_0");
    for (int i = 1; i < 5; i++) {
        script(w, path[i], 200, product[i]);
        script_last(w)->times = 1;
    }
    assert_int_equal(fuse_mend(&w->env, &revived, &e), ST_OK);
    assert_int_equal(revived, 4);
    settle(w);
    assert_int_equal(ask_int(w, "select count(*) from products"), 4);
    pass(w, 2 * 60 * 60 * 1000);
    touch_products(w, "product.updated", 5);
    assert_int_equal(ask_int(w, DEAD), 2);
    assert_int_equal(fuse_of(w).held, 3);
    small_world_free(w);
}

static void announced_deletions_do_not_count_for_the_fuse(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.fuse_max = 3;
    lose_products(w, 8);
    touch_products(w, "product.deleted", 8);
    assert_int_equal(ask_int(w, DEAD), 8);
    assert_int_equal(fuse_of(w).blown_at, 0);
    small_world_free(w);
}

static void what_was_never_here_does_not_count_for_the_fuse(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.fuse_max = 1;
    for (int i = 0; i < 4; i++) {
        snprintf(product[i], sizeof product[i], "{\"id\":\"prod_%d\",\"object\":\"product\"}", i);
        deliver_body(w, "", "product.updated", product[i]);
    }
    settle(w);
    assert_int_equal(fuse_of(w).blown_at, 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1"), 0);
    small_world_free(w);
}

static void the_fuse_counts_by_the_hour(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.fuse_max = 2;
    lose_products(w, 4);
    for (int i = 0; i < 4; i++) {
        deliver_body(w, "", "product.updated", product[i]);
        settle(w);
        pass(w, 40 * 60 * 1000);
    }
    assert_int_equal(ask_int(w, DEAD), 4);
    assert_int_equal(fuse_of(w).blown_at, 0);
    small_world_free(w);
}

static void a_key_that_becomes_anothers_within_the_minute_buries_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.fuse_max = 2;
    lose_products(w, 4);
    for (int i = 0; i < 4; i++)
        deliver_body(w, "", "product.updated", product[i]);
    work_off(w); /* the first look proves the identity, for a minute */
    script(w, "/v1/account", 200, "{\"id\":\"acct_2\",\"object\":\"account\"}");
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_true(env_stopping(&w->env));
    assert_int_equal(ask_int(w, DEAD), 0); /* each burial is proven behind its answer */
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 1"), 0);
    small_world_free(w);
}

static void a_key_that_is_anothers_for_one_look_buries_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    lose_products(w, 1);
    deliver_body(w, "", "product.updated", product[0]);
    work_off(w); /* another account has no such product; the proof of a moment ago still counts */
    assert_int_equal(ask_int(w, "select misses from _due where id = 'prod_0'"), 1);
    script(w, path[0], 200, product[0]); /* the right key is back */
    pass(w, w->env.set.confirm_ms);
    settle(w);
    assert_int_equal(ask_int(w, DEAD), 0);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    small_world_free(w);
}

static void a_deletion_in_the_other_mode_is_none_here(void **state)
{
    (void)state;
    ARENA(a, 64 << 10);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct event ev;
    struct inbox_result r;

    lose_products(w, 1);
    assert_int_equal(event_parse(S("{\"id\":\"evt_live\",\"object\":\"event\",\"type\":"
                                   "\"product.deleted\",\"livemode\":true,\"data\":{\"object\":"
                                   "{\"id\":\"prod_0\",\"object\":\"product\"}}}"),
                                 &ev, &a, &e),
                     ST_OK);
    assert_int_equal(inbox_put_many(&w->env, &ev, 1, &r, &e), ST_OK);
    assert_int_equal(r.outcome, PLAN_QUARANTINED);
    size_t before = asked(w, path[0]);
    settle(w);
    assert_int_equal(asked(w, path[0]), before); /* nobody is even asked */
    assert_int_equal(ask_int(w, DEAD), 0);
    assert_int_equal(ask_int(w, "select count(*) from _inbox where outcome = 'quarantined'"), 1);
    small_world_free(w);
}

static void a_deletion_of_what_was_never_here_keeps_the_events_last_words(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver_body(w, "", "coupon.deleted",
                 "{\"id\":\"SUMMER\",\"object\":\"coupon\",\"livemode\":false,\"percent_off\":25}");
    settle(w);
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'SUMMER'"), 1);
    assert_int_equal(ask_int(w, "select percent_off from coupons_all"), 25);
    assert_string_equal(ask_text(w, "select source from objects"), "event");
    assert_string_equal(ask_text(w, "select api_version from objects"), "2020-08-27");
    assert_int_equal(ask_int(w, "select count(*) from coupons"), 0);
    small_world_free(w);
}

/* Two accounts may have chosen the same id: what is quarantined says nothing of ours. */
static void a_quarantined_event_has_no_last_words(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 1 << 16);
    struct error e = { 0 };
    struct event ev;
    struct inbox_result r;

    deliver_body(w, "", "coupon.deleted",
                 "{\"id\":\"SUMMER\",\"object\":\"coupon\",\"livemode\":false,\"percent_off\":25}");
    assert_int_equal(
        event_parse(S("{\"id\":\"evt_stray\",\"object\":\"event\",\"type\":\"coupon.deleted\","
                      "\"livemode\":false,\"account\":\"acct_other\",\"data\":{\"object\":{\"id\":"
                      "\"SUMMER\",\"object\":\"coupon\",\"livemode\":false,\"percent_off\":99}}}"),
                    &ev, &a, &e),
        ST_OK);
    ev.received_at = w->wall;
    assert_int_equal(inbox_put_many(&w->env, &ev, 1, &r, &e), ST_OK);
    assert_int_equal(r.outcome, PLAN_QUARANTINED);
    settle(w);
    assert_int_equal(ask_int(w, "select percent_off from coupons_all"), 25);
    small_world_free(w);
}

static void a_deletion_keeps_what_the_api_said_last_and_not_the_event(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    lose_products(w, 1);
    deliver_body(w, "", "product.deleted",
                 "{\"id\":\"prod_0\",\"object\":\"product\",\"name\":\"a lie\"}");
    settle(w);
    assert_int_equal(ask_int(w, DEAD), 1);
    assert_string_equal(ask_text(w, "select name from products_all"), "p0");
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_unannounced_404s_blows_the_fuse_and_buries_no_more),
        cmocka_unit_test(what_the_fuse_held_goes_when_a_person_says_so),
        cmocka_unit_test(a_persons_word_is_good_for_what_was_held_alone),
        cmocka_unit_test(announced_deletions_do_not_count_for_the_fuse),
        cmocka_unit_test(what_was_never_here_does_not_count_for_the_fuse),
        cmocka_unit_test(the_fuse_counts_by_the_hour),
        cmocka_unit_test(a_key_that_becomes_anothers_within_the_minute_buries_nothing),
        cmocka_unit_test(a_key_that_is_anothers_for_one_look_buries_nothing),
        cmocka_unit_test(a_deletion_in_the_other_mode_is_none_here),
        cmocka_unit_test(a_deletion_of_what_was_never_here_keeps_the_events_last_words),
        cmocka_unit_test(a_quarantined_event_has_no_last_words),
        cmocka_unit_test(a_deletion_keeps_what_the_api_said_last_and_not_the_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
