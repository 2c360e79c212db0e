/* An environment as it is for one connected account: its header, and what is known of the access.
 */
#include "../unit.h"

#include "core/environment/acting.h"
#include "core/event.h"
#include "core/inbox.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

#define REFUSED(words) "{\"error\":{\"message\":\"" words "\"}}"
#define NO_ACCESS "The provided key 'sk_test_x' does not have access to account 'acct_9'."
#define OTHER_MODE \
    "This account is a test mode account and therefore can only be used with test keys."

static const struct {
    int http_status;
    const char *body;
    enum access access;
} told[] = {
    { 200, "{}", ACCESS_GRANTED },
    { 403, REFUSED(NO_ACCESS), ACCESS_UNREACHABLE },
    { 401, REFUSED(NO_ACCESS), ACCESS_UNREACHABLE },
    { 403, "{\"error\":{\"code\":\"account_invalid\"}}", ACCESS_UNREACHABLE },
    { 400, REFUSED(OTHER_MODE), ACCESS_WRONG_MODE },
    { 403, REFUSED("The key lacks a permission"), ACCESS_UNSAID },
    { 404, REFUSED(NO_ACCESS), ACCESS_UNSAID }, /* an object's, not the account's */
    { 500, REFUSED(NO_ACCESS), ACCESS_UNSAID },
    { 403, NO_ACCESS, ACCESS_UNSAID }, /* a proxy's page */
    { 403, "", ACCESS_UNSAID },
};

static void a_refusal_says_of_the_access_what_its_words_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(told); i++)
        assert_int_equal(access_told(told[i].http_status, str_of(told[i].body)), told[i].access);
    assert_int_equal(access_told(403, (str){ 0 }), ACCESS_UNSAID);
}

/* A Stripe that remembers for whom it was asked last. */
static char asked_for[ACCOUNT_ID_MAX + 1];
static int answers;

static enum status remember(struct stripe *s, const struct stripe_request *q,
                            struct stripe_response *p, struct arena *a, struct error *e)
{
    (void)s, (void)a, (void)e;
    snprintf(asked_for, sizeof asked_for, "%.*s", STR_ARG(q->account));
    *p = (struct stripe_response){ .http_status = answers,
                                   .body = answers == 200 ? S("{}") : S(REFUSED(NO_ACCESS)) };
    return ST_OK;
}

static void leave(struct stripe *s)
{
    (void)s;
}

static const struct stripe_ops rememberer = { "remember", remember, leave };

static void every_request_carries_the_accounts_header(void **state)
{
    (void)state;
    ARENA(a, 64 << 10);
    struct small_world *w = small_world_new();
    struct stripe memory = { &rememberer }, *scripted_one = w->world.stripe;
    struct stripe_request q = { .method = STRIPE_GET, .path = S("/v1/products/prod_1") };
    struct stripe_response p;
    struct error e = { 0 };
    struct acting act;

    w->world.stripe = &memory;
    acting_init(&act, &w->env, S("acct_9"));
    assert_int_equal(act.stripe.access, ACCESS_UNSAID);
    answers = 200;
    assert_int_equal(stripe_call(act.env.world->stripe, &q, &p, &a, &e), ST_OK);
    assert_string_equal(asked_for, "acct_9");
    assert_int_equal(act.stripe.access, ACCESS_GRANTED);
    answers = 403;
    assert_int_equal(stripe_call(act.env.world->stripe, &q, &p, &a, &e), ST_OK);
    assert_int_equal(act.stripe.access, ACCESS_UNREACHABLE);
    assert_int_equal(q.account.n, 0); /* the caller's own is as it was */
    assert_int_equal(stripe_call(w->world.stripe, &q, &p, &a, &e), ST_OK);
    assert_string_equal(asked_for, ""); /* the platform's carry none */
    w->world.stripe = scripted_one;
    small_world_free(w);
}

static void it_is_the_accounts_identity_in_the_platforms_mode(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct acting act;

    snprintf(w->env.key_label, sizeof w->env.key_label, "rk_test_...wxyz");
    snprintf(w->env.user_key, sizeof w->env.user_key, "member");
    w->env.key_restricted = true;
    w->env.set.recreate_customer = true;
    w->env.set.fuse_max = 7;
    acting_init(&act, &w->env, S("acct_9"));
    assert_string_equal(act.env.identity.account, "acct_9");
    assert_int_equal(act.env.identity.livemode, w->env.identity.livemode);
    assert_string_equal(act.env.name, w->env.name);
    assert_string_equal(act.env.key_label, "rk_test_...wxyz");
    assert_string_equal(act.env.user_key, "member");
    assert_true(act.env.key_restricted);
    assert_true(act.env.set.recreate_customer);
    assert_memory_equal(&act.env.set, &w->env.set, sizeof act.env.set);
    assert_ptr_equal(env_root(&act.env), &w->env);
    assert_ptr_equal(act.env.world->store, w->world.store);
    assert_string_equal(w->env.identity.account, "acct_1");
    small_world_free(w);
}

static void find(struct small_world *w, const char *account)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(account_found(&tx, &w->env, str_of(account), &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

#define STATE "select state from _accounts where account = 'acct_9'"
#define LOST "select count(*) from _audit where what = 'account_lost'"

static void note(struct acting *act, enum access access)
{
    struct error e = { 0 };

    act->stripe.access = access;
    act->stripe.asked_at = clock_wall(act->world.clock);
    assert_int_equal(acting_note(act, &e), ST_OK);
}

static void a_lost_account_is_told_of_once_and_found_again(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct acting act;

    find(w, "acct_9");
    assert_string_equal(ask_text(w, STATE), "new");
    acting_init(&act, &w->env, S("acct_9"));
    note(&act, ACCESS_UNSAID);
    note(&act, ACCESS_GRANTED);
    assert_string_equal(ask_text(w, STATE), "new"); /* what waits for it is still to be released */
    note(&act, ACCESS_UNREACHABLE);
    assert_string_equal(ask_text(w, STATE), "unreachable");
    note(&act, ACCESS_UNREACHABLE);
    assert_int_equal(ask_int(w, LOST), 1);
    note(&act, ACCESS_WRONG_MODE);
    assert_string_equal(ask_text(w, STATE), "wrong_mode");
    assert_int_equal(ask_int(w, LOST), 2);
    note(&act, ACCESS_GRANTED); /* asked for no later than it was lost: it says nothing */
    assert_string_equal(ask_text(w, STATE), "wrong_mode");
    pass(w, 1);
    note(&act, ACCESS_GRANTED);
    assert_string_equal(ask_text(w, STATE), "new"); /* what happened meanwhile is looked for anew */
    assert_int_equal(accounts_release(&w->env, &e), ST_OK);
    assert_string_equal(ask_text(w, STATE), "active");
    small_world_free(w);
}

static void what_another_key_cannot_reach_is_not_lost(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct acting act;

    find(w, "acct_9");
    acting_init(&act, &w->env, S("acct_9"));
    act.stripe.access = ACCESS_UNREACHABLE;
    act.stripe.key = w->env.proven_key + 1;
    assert_int_equal(acting_note(&act, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "another key"));
    assert_string_equal(ask_text(w, STATE), "new");
    small_world_free(w);
}

static struct inbox_result deliver_of(struct small_world *w, const char *account)
{
    ARENA(a, 64 << 10);
    struct error e = { 0 };
    struct event ev;
    struct inbox_result r = { 0 };
    str body = arena_printf(&a,
                            "{\"id\":\"evt_theirs\",\"object\":\"event\",\"account\":\"%s\","
                            "\"type\":\"product.created\",\"livemode\":false,\"data\":{\"object\":"
                            "{\"id\":\"prod_9\",\"object\":\"product\"}}}",
                            account);

    assert_int_equal(event_parse(body, &ev, &a, &e), ST_OK);
    ev.received_at = w->wall;
    assert_int_equal(inbox_put_many(&w->env, &ev, 1, &r, &e), ST_OK);
    return r;
}

static void an_unknown_accounts_events_wait_until_stripe_has_shown_it(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };

    w->env.connect = true;
    struct inbox_result r = deliver_of(w, "acct_9");
    assert_int_equal(r.outcome, PLAN_QUARANTINED);
    assert_string_equal(r.reason, "unknown_account");
    assert_int_equal(ask_int(w, "select count(*) from _due where id = 'prod_9'"), 0);
    assert_int_equal(accounts_release(&w->env, &e), ST_OK); /* nobody has shown it */
    assert_int_equal(ask_int(w, "select count(*) from _due where id = 'prod_9'"), 0);
    find(w, "acct_9");
    assert_int_equal(accounts_release(&w->env, &e), ST_OK);
    assert_string_equal(ask_text(w, STATE), "active");
    assert_string_equal(ask_text(w, "select account from _due where id = 'prod_9'"), "acct_9");
    small_world_free(w);
}

static size_t n_each;
static char last[ACCOUNT_ID_MAX + 1];

static enum status count_one(struct env *root, str account, struct error *e)
{
    (void)root, (void)e;
    assert_true(str_cmp(account, str_of(last)) > 0);
    snprintf(last, sizeof last, "%.*s", STR_ARG(account));
    n_each++;
    return ST_OK;
}

static void each_account_comes_once_page_after_page(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    char account[16];

    for (int i = 0; i < 205; i++) {
        snprintf(account, sizeof account, "acct_%04d", i);
        find(w, account);
    }
    n_each = 0;
    last[0] = '\0';
    assert_int_equal(accounts_each(&w->env, ACCOUNT_NEW, count_one, &e), ST_OK);
    assert_int_equal(n_each, 205);
    assert_int_equal(accounts_each(&w->env, ACCOUNT_ACTIVE, count_one, &e), ST_OK);
    assert_int_equal(n_each, 205);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_says_of_the_access_what_its_words_say),
        cmocka_unit_test(every_request_carries_the_accounts_header),
        cmocka_unit_test(it_is_the_accounts_identity_in_the_platforms_mode),
        cmocka_unit_test(a_lost_account_is_told_of_once_and_found_again),
        cmocka_unit_test(what_another_key_cannot_reach_is_not_lost),
        cmocka_unit_test(an_unknown_accounts_events_wait_until_stripe_has_shown_it),
        cmocka_unit_test(each_account_comes_once_page_after_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
