/* From a signal to the mirror: due work, its failures, deletions, claims. */
#include "../unit.h"

#include "core/due.h"
#include "core/inbox.h"
#include "core/mirror/sync.h"
#include "core/status.h"
#include "core/work.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

#define PROD(name) "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"" name "\"}"

static void an_event_is_a_signal_and_the_answer_is_the_truth(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("true"));
    assert_int_equal(deliver_event(w, "evt_1", "product.updated", "product", "prod_1").verdict,
                     INBOX_NEW);
    work_off(w);
    assert_string_equal(ask_text(w, "select name from products"), "true");
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    small_world_free(w);
}

static void a_redelivered_event_makes_no_second_fetch(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("x"));
    for (int i = 0; i < 10; i++)
        assert_int_equal(deliver_event(w, "evt_1", "product.updated", "product", "prod_1").verdict,
                         i ? INBOX_AGAIN : INBOX_NEW);
    work_off(w);
    pass(w, 3 * 86400 * 1000LL);
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    work_off(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 1);
    assert_int_equal(ask_int(w, "select deliveries from _inbox"), 11);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 1);
    small_world_free(w);
}

enum { STEP_MS = 10 * 1000 };

/* MIRROR-24. One spell of bad weather: how often Stripe was asked, and that the pauses grow. */
static unsigned weather(struct small_world *w, msec span, int http_status, const char *body,
                        const char *why)
{
    struct mirror_status now = { 0 };
    struct error e = { 0 };
    unsigned times = 0;
    msec last = 0, longest = 0;

    script(w, "/v1/products/prod_1", http_status, body);
    for (msec gone = 0; gone < span; gone += STEP_MS) {
        size_t before = asked(w, "/v1/products/prod_1");
        work_off(w);
        if (asked(w, "/v1/products/prod_1") > before) {
            times++;
            longest = gone - last > longest ? gone - last : longest;
            last = gone;
        }
        assert_string_equal(ask_text(w, "select name from products"), "old");
        assert_int_equal(ask_int(w, "select count(*) from objects"), 1);
        pass(w, STEP_MS);
    }
    assert_true(times >= 1 && longest >= span / 8);
    assert_int_equal(status_read(&w->env, &now, &e), ST_OK);
    assert_int_equal(now.due, 1);
    assert_int_equal(now.due_retrying, 1);
    assert_int_equal(now.dead, 0);
    assert_true(now.oldest_due_ms >= span);
    assert_non_null(strstr(now.last_error, why));
    return times;
}

static void an_hour_of_bad_answers_stores_nothing_and_loses_nothing(void **state)
{
    static const msec minute = 60 * 1000LL;
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("old"));
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    work_off(w);
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    unsigned first = weather(w, 60 * minute, 500, "{\"error\":{\"message\":\"x\"}}", "500");
    assert_true(first >= 8 && first <= 20); /* a second, two, four, … ten minutes at the most */
    deliver_event(w, "evt_3", "product.updated", "product", "prod_1");
    weather(w, 20 * minute, 429, "{\"error\":{\"message\":\"too many\"}}", "429");
    weather(w, 20 * minute, 200, "<html><body>Maintenance</body></html>", "");
    weather(w, 20 * minute, 200, "{\"id\":\"prod_1\",\"object\":\"prod", "");
    weather(w, 20 * minute, 200, "{\"id\":\"prod_2\",\"object\":\"product\"}", "another object");
    script(w, "/v1/products/prod_1", 200, PROD("new"));
    for (int i = 0; i < 11 * 6; i++) {
        work_off(w);
        pass(w, STEP_MS);
    }
    assert_string_equal(ask_text(w, "select name from products"), "new");
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _inbox"), 3);
    small_world_free(w);
}

static void a_known_id_with_another_object_is_kept_aside(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    struct inbox_result r = deliver_event(w, "evt_1", "product.updated", "product", "prod_2");
    assert_int_equal(r.verdict, INBOX_CONFLICTING);
    assert_string_equal(r.reason, "other_object");
    assert_int_equal(deliver_event(w, "evt_1", "product.deleted", "product", "prod_1").verdict,
                     INBOX_CONFLICTING);
    assert_int_equal(ask_int(w, "select count(*) from _inbox_conflicts"), 2);
    assert_int_equal(ask_int(w, "select count(*) from _due where id = 'prod_2'"), 0);
    small_world_free(w);
}

static void ten_events_of_one_object_are_one_fetch(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    char id[16];

    script(w, "/v1/products/prod_1", 200, PROD("x"));
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "evt_%d", i);
        deliver_event(w, id, "product.updated", "product", "prod_1");
    }
    work_off(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 1);
    small_world_free(w);
}

static void another_event_arrives(void *ctx)
{
    deliver_event(ctx, "evt_2", "product.updated", "product", "prod_1");
}

static void news_during_a_fetch_makes_one_more_and_no_third(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("new"));
    script(w, "/v1/products/prod_1", 200, PROD("old"));
    script_last(w)->times = 1;
    script_last(w)->meanwhile = another_event_arrives;
    script_last(w)->ctx = w;
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    work_off(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 1);
    assert_int_equal(ask_int(w, "select done_gen < gen from _due"), 1);
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 2);
    assert_string_equal(ask_text(w, "select name from products"), "new");
    assert_int_equal(ask_int(w, "select done_gen < gen from _due"), 0);
    small_world_free(w);
}

static void a_failing_fetch_backs_off_stays_due_and_ends_dead_but_visible(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    BUF(dead, 1 << 16);
    char trouble[DUE_TROUBLE_BYTES];
    struct error e = { 0 };

    w->env.set.attempts_max = 3;
    script(w, "/v1/products/prod_1", 500, "{\"error\":{\"message\":\"away\"}}");
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(due_trouble(&w->env, trouble, &e), ST_OK);
        assert_int_equal(strncmp(trouble, "product prod_1: ", 16) == 0, i > 0);
        assert_int_equal(work_off(w), 1);
        assert_int_equal(work_off(w), 0);
        assert_int_equal(ask_int(w, "select attempts from _due"), i + 1);
        pass(w, 3600 * 1000);
    }
    assert_int_equal(ask_int(w, "select dead from _due"), 1);
    assert_int_equal(due_trouble(&w->env, trouble, &e), ST_OK);
    assert_string_equal(trouble, "");
    assert_int_equal(due_list_dead(&w->env, &dead, NULL, &e), ST_OK);
    assert_non_null(strstr(dead.p, "prod_1"));
    assert_non_null(strstr(dead.p, "away"));
    small_world_free(w);
}

static void a_new_signal_brings_dead_work_back(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    w->env.set.attempts_max = 1;
    script(w, "/v1/products/prod_1", 500, "{}");
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select dead from _due"), 1);
    script(w, "/v1/products/prod_1", 200, PROD("back"));
    deliver_event(w, "evt_1", "product.updated", "product",
                  "prod_1"); /* redelivered: a signal, too */
    work_off(w);
    assert_string_equal(ask_text(w, "select name from products"), "back");
    small_world_free(w);
}

static void bad_answers_store_nothing(void **state)
{
    (void)state;
    const char *const bad[] = { "<html>", "{\"id\":\"prod_1\"", "[]",
                                "{\"id\":\"prod_other\",\"object\":\"product\"}",
                                "{\"id\":\"prod_1\",\"object\":\"product\",\"livemode\":true}" };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct small_world *w = small_world_new();
        script(w, "/v1/products/prod_1", 200, bad[i]);
        deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
        work_off(w);
        assert_int_equal(ask_int(w, "select count(*) from objects"), 0);
        assert_int_equal(ask_int(w, "select done_gen < gen from _due"), 1);
        small_world_free(w);
    }
}

static void an_announced_deletion_is_confirmed_by_one_404(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("x"));
    script_last(w)->times = 1;
    deliver_event(w, "evt_1", "product.created", "product", "prod_1");
    work_off(w);
    pass(w, 1000);
    deliver_event(w, "evt_2", "product.deleted", "product", "prod_1");
    work_off(w);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 2);
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    small_world_free(w);
}

static void an_unannounced_404_is_looked_at_twice(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("x"));
    script_last(w)->times = 1;
    deliver_event(w, "evt_1", "product.created", "product", "prod_1");
    work_off(w);
    pass(w, 1000);
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    assert_int_equal(ask_int(w, "select done_gen < gen from _due"), 0);
    small_world_free(w);
}

static void a_404_is_the_first_again_after_the_object_was_seen(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    const char *gone = "{\"error\":{\"code\":\"resource_missing\"}}";

    /* Its list goes on at an address that answers nothing: the work is put back. */
    script(
        w, "/v1/subscriptions/sub_1", 200,
        "{\"id\":\"sub_1\",\"object\":\"subscription\",\"items\":{\"object\":\"list\",\"data\":[],"
        "\"has_more\":true,\"url\":\"/v1/subscription_items?subscription=sub_1\"}}");
    script(w, "/v1/subscriptions/sub_1", 404, gone);
    script_last(w)->times = 1;
    deliver_event(w, "evt_1", "customer.subscription.updated", "subscription", "sub_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select misses from _due"), 1);
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_int_equal(ask_int(w, "select count(*) from subscriptions"), 1);
    script(w, "/v1/subscriptions/sub_1", 404, gone);
    script_last(w)->times = 1;
    pass(w, w->env.set.backoff_ms_max);
    work_off(w);
    assert_int_equal(ask_int(w, "select count(*) from subscriptions"), 1);
    small_world_free(w);
}

static void a_key_that_is_refused_at_a_404_ends_no_worker(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report;
    struct error e = { 0 };

    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    pass(w, 120 * 1000); /* the identity is to be proven anew */
    script(w, "/v1/account", 401, "{\"error\":{\"message\":\"Invalid API Key provided\"}}");
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
    assert_true(report.failed);
    assert_false(report.dead);
    assert_false(env_stopping(&w->env));
    small_world_free(w);
}

static void a_404_counts_for_nothing_when_the_key_is_another_accounts(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/products/prod_1", 200, PROD("x"));
    script_last(w)->times = 1;
    deliver_event(w, "evt_1", "product.created", "product", "prod_1");
    work_off(w);
    script(w, "/v1/account", 200, "{\"id\":\"acct_2\",\"object\":\"account\"}");
    pass(w, 120 * 1000); /* the last proof is too old */
    deliver_event(w, "evt_2", "product.deleted", "product", "prod_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    assert_true(env_stopping(&w->env));
    small_world_free(w);
}

/* ---- answers and the key that they were asked with ---- */

enum { OTHER_KEY = 2 };

static void mirror_a_product(struct small_world *w)
{
    script(w, "/v1/products/prod_1", 200, PROD("x"));
    script_last(w)->times = 1;
    deliver_event(w, "evt_1", "product.created", "product", "prod_1");
    work_off(w);
    pass(w, 1000);
}

/* Both looks fall into the time of another account's key, both proofs into that of the right one.
 */
static void a_404_that_another_key_was_answered_buries_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    mirror_a_product(w);
    script(w, "/v1/products/prod_1", 404, "{\"error\":{\"code\":\"resource_missing\"}}");
    script_last(w)->key = OTHER_KEY;
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    for (int i = 0; i < 5; i++) {
        work_off(w);
        pass(w, 120 * 1000);
    }
    assert_int_equal(ask_int(w, "select deleted from objects"), 0);
    assert_int_equal(ask_int(w, "select done_gen < gen from _due where id = 'prod_1'"), 1);
    assert_false(env_stopping(&w->env));
    small_world_free(w);
}

static void what_another_key_was_shown_is_not_stored(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    mirror_a_product(w);
    script(w, "/v1/products/prod_1", 200, PROD("of somebody else"));
    script_last(w)->key = OTHER_KEY;
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select data like '%somebody%' from objects"), 0);
    assert_int_equal(ask_int(w, "select done_gen < gen from _due where id = 'prod_1'"), 1);
    small_world_free(w);
}

static void another_accounts_key_ends_the_work_at_its_first_answer(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    mirror_a_product(w);
    script(w, "/v1/products/prod_1", 200, PROD("of somebody else"));
    script(w, "/v1/account", 200, "{\"id\":\"acct_2\",\"object\":\"account\"}");
    w->key = OTHER_KEY;
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    work_off(w);
    assert_true(env_stopping(&w->env));
    assert_int_equal(ask_int(w, "select data like '%somebody%' from objects"), 0);
    small_world_free(w);
}

static void a_new_key_of_the_same_account_is_proven_once_and_believed(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    mirror_a_product(w);
    size_t before = asked(w, "/v1/account");
    w->key = OTHER_KEY;
    script(w, "/v1/products/prod_1", 200, PROD("y"));
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select data like '%y%' from objects"), 1);
    assert_int_equal(asked(w, "/v1/account"), before + 1);
    small_world_free(w);
}

static void an_account_and_a_balance_of_two_keys_prove_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct identity id;
    struct error e = { 0 };

    script(w, "/v1/balance", 200, "{\"object\":\"balance\",\"livemode\":false}");
    script_last(w)->key = OTHER_KEY;
    assert_int_equal(env_identify(&w->world, "", &id, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "exchanged"));
    small_world_free(w);
}

static void a_deleted_customer_answers_200_and_is_a_tombstone(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    script(w, "/v1/customers/cus_1", 200,
           "{\"id\":\"cus_1\",\"object\":\"customer\",\"deleted\":true}");
    script(w, "/v1/customers/cus_1", 200,
           "{\"id\":\"cus_1\",\"object\":\"customer\",\"email\":\"a@b\"}");
    script_last(w)->times = 1;
    deliver_event(w, "evt_1", "customer.created", "customer", "cus_1");
    work_off(w);
    pass(w, 1000);
    deliver_event(w, "evt_2", "customer.deleted", "customer", "cus_1");
    work_off(w);
    assert_int_equal(ask_int(w, "select deleted from objects"), 1);
    assert_string_equal(ask_text(w, "select email from customers_all"), "a@b");
    small_world_free(w);
}

static void a_claim_of_an_earlier_life_holds_nothing_up(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 1 << 16);
    struct error e = { 0 };
    struct claim c;

    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_NONE);
    assert_int_equal(due_restart(&w->env, &e), ST_OK);
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
    small_world_free(w);
}

/* The first holder is late, and finishes what the second one has claimed; then the machine starts
 * anew, and its monotonic clock with it. */
static void a_claim_on_work_that_is_done_holds_no_news_up(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, 1 << 16);
    struct error e = { 0 };
    struct claim first, second;

    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    assert_int_equal(due_claim(&w->env, &first, &a, &e), ST_OK);
    pass(w, w->env.set.lease_ms);
    assert_int_equal(due_claim(&w->env, &second, &a, &e), ST_OK);
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(due_finish(&tx, &w->env, &first, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    w->mono = 1000;
    assert_int_equal(due_restart(&w->env, &e), ST_OK);
    deliver_event(w, "evt_2", "product.updated", "product", "prod_1");
    pass(w, w->env.set.settle_ms);
    assert_int_equal(due_claim(&w->env, &second, &a, &e), ST_OK);
    small_world_free(w);
}

static void the_holder_of_a_lost_lease_moves_nothing(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 1 << 16);
    struct error e = { 0 };
    struct claim first, second;
    bool dead;

    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    assert_int_equal(due_claim(&w->env, &first, &a, &e), ST_OK);
    pass(w, w->env.set.lease_ms);
    assert_int_equal(due_claim(&w->env, &second, &a, &e), ST_OK);
    assert_true(second.ticket > first.ticket);
    assert_int_equal(due_fail(&w->env, &first, "late", 0, &dead, &e), ST_OK);
    assert_int_equal(ask_int(w, "select attempts from _due"), 0);
    assert_int_equal(ask_int(w, "select claimed from _due"), 1);
    small_world_free(w);
}

static void run_sql(struct small_world *w, const char *sql)
{
    struct error e = { 0 };
    enum status st = w->world.store->ops->script(w->world.store, str_of(sql), &e);

    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
}

static void a_restart_with_any_number_of_due_keys_is_possible(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    int64_t n;

    for (int piece = 0; piece < 3; piece++)
        run_sql(w,
                "insert into _due (kind, type, id, account, lane, gen, due_since, cause, claimed, "
                "not_before, dead) with recursive n (i) as (select (select count(*) from _due) "
                "union all select i + 1 from n where i + 1 < (select count(*) from _due) + 3000) "
                "select 'object', 'product', 'prod_' || i, 'acct_1', 1, 1, 1, 'test', 1, 99, "
                "i % 2 from n");
    assert_int_equal(ask_int(w, "select count(*) from _due"), 9000);
    assert_int_equal(due_restart(&w->env, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead = 0 and claimed"), 0);
    assert_int_equal(due_revive(&w->env, S(""), &n, &e), ST_OK);
    assert_int_equal(n, 4500);
    assert_int_equal(ask_int(w, "select count(*) from _due where dead"), 0);
    small_world_free(w);
}

static void what_has_been_due_for_longest_goes_first(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    bool dead;

    deliver_event(w, "evt_1", "product.updated", "product", "prod_old");
    {
        ARENA(a, 64 << 10);
        struct claim c;
        assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
        assert_int_equal(due_fail(&w->env, &c, "late", 0, &dead, &e), ST_OK);
    }
    pass(w, w->env.set.backoff_ms_max);
    deliver_event(w, "evt_2", "product.updated", "product", "prod_new");
    ARENA(a, 64 << 10);
    struct claim first;
    assert_int_equal(due_claim(&w->env, &first, &a, &e), ST_OK);
    assert_true(str_eqz(first.key.id, "prod_old"));
    small_world_free(w);
}

/* The answer takes three quarters of a lease, and as long once more. */
static void answer_slowly(void *ctx)
{
    ARENA(a, 1 << 20);
    struct small_world *w = ctx;
    struct error e = { 0 };
    struct claim c;

    for (int i = 0; i < 6; i++) {
        pass(w, w->env.set.lease_ms / 4);
        assert_int_equal(due_keep(&w->env, &e), ST_OK);
        assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_NONE);
    }
}

static void a_claim_is_kept_for_as_long_as_it_is_worked_on(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct work_report report;
    struct error e = { 0 };

    script(w, "/v1/products/prod_1", 200, "{\"id\":\"prod_1\",\"object\":\"product\"}");
    script_last(w)->meanwhile = answer_slowly;
    script_last(w)->ctx = w;
    deliver_event(w, "evt_1", "product.created", "product", "prod_1");
    assert_int_equal(work_one(&w->env, &report, &e), ST_OK);
    assert_false(report.failed);
    assert_int_equal(ask_int(w, "select count(*) from products"), 1);
    assert_int_equal(asked(w, "/v1/products/prod_1"), 1);
    assert_null(w->env.held);
    small_world_free(w);
}

/* Its holder has died, or could not let go of it. */
static void a_claim_that_nobody_works_on_ends_with_its_lease(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct claim c;

    deliver_event(w, "evt_1", "product.created", "product", "prod_1");
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
    pass(w, w->env.set.lease_ms / 2);
    assert_int_equal(due_keep(&w->env, &e), ST_OK);
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_NONE);
    pass(w, w->env.set.lease_ms / 2);
    assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_signal_and_the_answer_is_the_truth),
        cmocka_unit_test(a_redelivered_event_makes_no_second_fetch),
        cmocka_unit_test(an_hour_of_bad_answers_stores_nothing_and_loses_nothing),
        cmocka_unit_test(a_known_id_with_another_object_is_kept_aside),
        cmocka_unit_test(ten_events_of_one_object_are_one_fetch),
        cmocka_unit_test(news_during_a_fetch_makes_one_more_and_no_third),
        cmocka_unit_test(a_failing_fetch_backs_off_stays_due_and_ends_dead_but_visible),
        cmocka_unit_test(a_new_signal_brings_dead_work_back),
        cmocka_unit_test(bad_answers_store_nothing),
        cmocka_unit_test(an_announced_deletion_is_confirmed_by_one_404),
        cmocka_unit_test(an_unannounced_404_is_looked_at_twice),
        cmocka_unit_test(a_404_is_the_first_again_after_the_object_was_seen),
        cmocka_unit_test(a_key_that_is_refused_at_a_404_ends_no_worker),
        cmocka_unit_test(a_404_counts_for_nothing_when_the_key_is_another_accounts),
        cmocka_unit_test(a_404_that_another_key_was_answered_buries_nothing),
        cmocka_unit_test(what_another_key_was_shown_is_not_stored),
        cmocka_unit_test(another_accounts_key_ends_the_work_at_its_first_answer),
        cmocka_unit_test(a_new_key_of_the_same_account_is_proven_once_and_believed),
        cmocka_unit_test(an_account_and_a_balance_of_two_keys_prove_nothing),
        cmocka_unit_test(a_deleted_customer_answers_200_and_is_a_tombstone),
        cmocka_unit_test(a_claim_of_an_earlier_life_holds_nothing_up),
        cmocka_unit_test(a_claim_on_work_that_is_done_holds_no_news_up),
        cmocka_unit_test(the_holder_of_a_lost_lease_moves_nothing),
        cmocka_unit_test(a_restart_with_any_number_of_due_keys_is_possible),
        cmocka_unit_test(what_has_been_due_for_longest_goes_first),
        cmocka_unit_test(a_claim_is_kept_for_as_long_as_it_is_worked_on),
        cmocka_unit_test(a_claim_that_nobody_works_on_ends_with_its_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
