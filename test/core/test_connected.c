/* Connected accounts by themselves: found, walked, followed, and none at another's expense. */
#include "../unit.h"

#include "core/due.h"
#include "core/environment/acting.h"
#include "core/environment/connected.h"
#include "core/environment/fuse.h"
#include "core/event.h"
#include "core/mirror/mirror.h"
#include "core/schedule.h"
#include "core/sequence.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

#define LIST(data) "{\"object\":\"list\",\"data\":[" data "],\"has_more\":false,\"url\":\"/v1/x\"}"
#define ACCT(id) "{\"id\":\"" id "\",\"object\":\"account\"}"
#define NO_ACCESS                                                                             \
    "{\"error\":{\"message\":\"The provided key 'sk_test_x' does not have access to account " \
    "'acct_8'.\"}}"

static struct small_world *platform(void)
{
    struct small_world *w = small_world_new();

    w->env.connect = true;
    w->env.set.check_ms = w->env.set.relist_ms = 0;
    script(w, "/v1/events", 200, LIST(""));
    script(w, "/v1/accounts", 200, LIST(ACCT("acct_8") "," ACCT("acct_9")));
    script_last(w)->account = "";
    return w;
}

static void tick(struct small_world *w)
{
    struct error e = { 0 };

    assert_int_equal(schedule_run(&w->env, &e), ST_OK);
    work_off(w);
    pass(w, 1000);
}

static void mark_as(struct small_world *w, struct env *env, const char *id)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    const struct due_mark m = { .key = { DUE_OBJECT, S("product"), str_of(id) },
                                .lane = LANE_BACKFILL,
                                .cause = "check" };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(due_mark(&tx, env, &m, &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    pass(w, 10);
}

static void mark(struct small_world *w, const char *account, const char *id)
{
    struct acting act;

    acting_init(&act, &w->env, str_of(account));
    mark_as(w, str_eqz(str_of(account), w->env.identity.account) ? &w->env : &act.env, id);
}

/* Whose key is claimed next: the last letter of the account. */
static char next_claim(struct small_world *w)
{
    ARENA(a, 64 << 10);
    struct error e = { 0 };
    struct claim c;

    if (due_claim(&w->env, &c, &a, &e) != ST_OK)
        return '-';
    return c.account.p[c.account.n - 1];
}

static void an_account_with_many_keys_holds_no_other_up(void **state)
{
    (void)state;
    struct small_world *w = platform();
    char id[24], order[13] = "";

    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "prod_%d", i);
        mark(w, "acct_7", id);
    }
    mark(w, "acct_8", "prod_a");
    mark(w, "acct_8", "prod_b");
    mark(w, "acct_9", "prod_a");
    mark(w, "acct_1", "prod_a");
    mark(w, "acct_1", "prod_b");
    for (int i = 0; i < 12; i++)
        order[i] = next_claim(w);
    assert_string_equal(order, "171897877777");
    small_world_free(w);
}

static void the_platforms_keys_leave_every_other_turn_to_the_accounts(void **state)
{
    (void)state;
    struct small_world *w = platform();
    char id[24], order[9] = "";

    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "prod_%d", i);
        mark(w, "acct_1", id);
    }
    for (int i = 0; i < 3; i++) {
        snprintf(id, sizeof id, "prod_%d", i);
        mark(w, "acct_8", id);
    }
    for (int i = 0; i < 8; i++)
        order[i] = next_claim(w);
    assert_string_equal(order, "18181811");
    small_world_free(w);
}

static void an_account_whose_keys_must_wait_is_passed_over(void **state)
{
    (void)state;
    ARENA(a, 64 << 10);
    struct small_world *w = platform();
    struct error e = { 0 };
    struct acting act;
    struct claim c;
    bool dead;
    char account[24];

    for (int i = 0; i < 30; i++) { /* more than are tried in one turn */
        snprintf(account, sizeof account, "acct_7%02d", i);
        mark(w, account, "prod_a");
        assert_int_equal(due_claim(&w->env, &c, &a, &e), ST_OK);
        acting_init(&act, &w->env, c.account);
        assert_int_equal(due_fail(&act.env, &c, "later", 500, &dead, &e), ST_OK);
    }
    mark(w, "acct_7155", "prod_a"); /* far behind the one whose turn it is */
    assert_int_equal(next_claim(w), '5');
    assert_int_equal(next_claim(w), '-');
    small_world_free(w);
}

static void the_list_of_accounts_is_walked_and_then_each_of_them(void **state)
{
    (void)state;
    struct small_world *w = platform();

    script(w, "/v1/products", 200,
           LIST("{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"eight\"}"));
    script_last(w)->account = "acct_8";
    script(w, "/v1/products", 200,
           LIST("{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"nine\"}"));
    script_last(w)->account = "acct_9";
    for (int i = 0; i < 10; i++)
        tick(w);
    assert_int_equal(
        ask_int(w, "select count(*) from _accounts where state = 'active' and walked_at > 0"), 2);
    assert_string_equal(ask_text(w, "select name from products where account = 'acct_8'"), "eight");
    assert_string_equal(ask_text(w, "select name from products where account = 'acct_9'"), "nine");
    assert_string_equal(
        ask_text(w, "select state from _coverage where account = 'acct_9' and type = 'product'"),
        "complete");
    assert_int_equal(ask_int(w, "select count(*) from products where account = 'acct_1'"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where done_gen < gen and dead = 0"), 0);
    size_t asked_before = asked(w, "/v1/accounts");
    for (int i = 0; i < 200; i++)
        tick(w);
    assert_int_equal(asked(w, "/v1/accounts"), asked_before); /* once is enough */
    small_world_free(w);
}

static void without_connect_nothing_of_theirs_is_asked_for(void **state)
{
    (void)state;
    struct small_world *w = platform();

    w->env.connect = false;
    for (int i = 0; i < 3; i++)
        tick(w);
    assert_int_equal(asked(w, "/v1/accounts"), 0);
    small_world_free(w);
}

static void an_account_lost_while_it_is_walked_has_no_skipped_lists_and_is_left_alone(void **state)
{
    (void)state;
    struct small_world *w = platform();

    script(w, "/v1/products", 403, NO_ACCESS);
    script_last(w)->account = "acct_8";
    for (int i = 0; i < 10; i++)
        tick(w);
    assert_string_equal(ask_text(w, "select state from _accounts where account = 'acct_8'"),
                        "unreachable");
    assert_string_equal(ask_text(w, "select state from _accounts where account = 'acct_9'"),
                        "active");
    assert_int_equal(
        ask_int(w, "select count(*) from _walks where account = 'acct_8' and type = 'product'"
                   " and state = 'failed'"),
        1);
    assert_int_equal(ask_int(w, "select count(*) from _walks where account = 'acct_8' and state in "
                                "('waiting', 'walking')"),
                     0);
    assert_int_equal(ask_int(w, "select count(*) from _audit where what = 'account_lost'"), 1);
    size_t n = w->n_asked;
    w->env.set.catch_up_ms = 0; /* the platform's own list of events apart */
    for (int i = 0; i < 300; i++)
        tick(w);
    assert_true(w->n_asked - n <= 10); /* a second look at what is dead, by the minute, at most */
    /* Stripe shows it again: what was given up goes on, and its lists are walked */
    for (size_t i = 0; i < w->n_script; i++)
        if (w->script[i].http_status == 403)
            w->script[i].times = -1;
    script(w, "/v1/products", 200,
           LIST("{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"eight\"}"));
    script_last(w)->account = "acct_8";
    script(w, "/v1/accounts/acct_8", 200, ACCT("acct_8"));
    mark_as(w, &w->env, "prod_none");
    deliver_event(w, "evt_back", "account.updated", "account", "acct_8");
    for (int i = 0; i < 10; i++)
        tick(w);
    assert_string_equal(ask_text(w, "select state from _accounts where account = 'acct_8'"),
                        "active");
    assert_string_equal(ask_text(w, "select name from products where account = 'acct_8'"), "eight");
    small_world_free(w);
}

static void announce(struct small_world *w, const char *event, const char *account,
                     const char *name)
{
    ARENA(a, 64 << 10);
    struct error e = { 0 };
    struct event ev;
    struct inbox_result r = { 0 };
    str body =
        arena_printf(&a,
                     "{\"id\":\"%s\",\"object\":\"event\",%s%s%s\"type\":\"product.deleted\","
                     "\"livemode\":false,\"data\":{\"object\":{\"id\":\"prod_1\","
                     "\"object\":\"product\",\"name\":\"%s\"}}}",
                     event, *account ? "\"account\":\"" : "", account, *account ? "\"," : "", name);

    assert_int_equal(event_parse(body, &ev, &a, &e), ST_OK);
    ev.received_at = w->wall;
    assert_int_equal(inbox_put_many(&w->env, &ev, 1, &r, &e), ST_OK);
}

/* What an event has said of an object at its end is said of that account's alone. */
static void the_last_words_are_those_of_the_account(void **state)
{
    (void)state;
    struct small_world *w = platform();

    w->env.set.catch_up_ms = 0;
    for (int i = 0; i < 10; i++)
        tick(w);
    announce(w, "evt_8", "acct_8", "eight");
    announce(w, "evt_1", "", "own");
    announce(w, "evt_9", "acct_9", "nine");
    work_off(w);
    assert_string_equal(ask_text(w, "select group_concat(account || ' ' || name) from (select * "
                                    "from products_all where id = 'prod_1' order by account)"),
                        "acct_1 own,acct_8 eight,acct_9 nine");
    small_world_free(w);
}

static void each_account_has_a_fuse_of_its_own(void **state)
{
    (void)state;
    ARENA(a, 64 << 10);
    struct small_world *w = platform();
    struct error e = { 0 };
    struct fuse_state own = { 0 }, theirs = { 0 };
    struct acting act;
    bool held = false;

    w->env.set.fuse_max = 2;
    acting_init(&act, &w->env, S("acct_8"));
    CLEANUP(tx_end) struct tx tx = { 0 };
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fuse_take(&tx, &act.env, S("product"), S("prod_1"), &held, &a, &e), ST_OK);
    assert_true(held);
    assert_int_equal(fuse_take(&tx, &w->env, S("product"), S("prod_1"), &held, &a, &e), ST_OK);
    assert_false(held);
    assert_int_equal(fuse_read(&tx, &act.env, &theirs, &a, &e), ST_OK);
    assert_int_equal(fuse_read(&tx, &w->env, &own, &a, &e), ST_OK);
    assert_true(theirs.blown_at != 0 && own.blown_at == 0);
    tx_end(&tx);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_with_many_keys_holds_no_other_up),
        cmocka_unit_test(the_platforms_keys_leave_every_other_turn_to_the_accounts),
        cmocka_unit_test(an_account_whose_keys_must_wait_is_passed_over),
        cmocka_unit_test(the_list_of_accounts_is_walked_and_then_each_of_them),
        cmocka_unit_test(without_connect_nothing_of_theirs_is_asked_for),
        cmocka_unit_test(an_account_lost_while_it_is_walked_has_no_skipped_lists_and_is_left_alone),
        cmocka_unit_test(the_last_words_are_those_of_the_account),
        cmocka_unit_test(each_account_has_a_fuse_of_its_own),
    };
    return cmocka_run_group_tests_name("connected", tests, NULL, NULL);
}
