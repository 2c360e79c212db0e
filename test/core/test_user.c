/* One customer for each user: what is sent, under which key, and what is looked for when the key
 * tells nothing any more. */
#include "../unit.h"

#include <string.h>

#include "core/customer/duplicates.h"
#include "core/customer/user.h"
#include "core/due.h"
#include "core/erasure/erase.h"
#include "core/mirror/mirror.h"
#include "core/mirror/sync.h"
#include "small_world.h"

#include <stdio.h>

#define CUSTOMER(id, user, created)                                                                \
    "{\"id\":\"" id "\",\"object\":\"customer\",\"created\":" created ",\"metadata\":{\"userId\":" \
    "\"" user "\"}}"
#define LIST(data) "{\"object\":\"list\",\"url\":\"/v1/x\",\"data\":[" data "],\"has_more\":false}"
#define SEARCH "/v1/customers/search"
#define LOOK "/v1/customers?limit=100&created[gte]=1699996400"

/* ---- what a caller wishes ---- */

static const struct {
    const char *json, *form; /* NULL: it is refused */
} wishes[] = {
    { "", "" },
    { "  {} ", "" },
    { "{\"email\":\"a@b.c\"}", "email=a%40b.c" },
    { "{\"name\":\"J\\u00f6 & Co\",\"email\":\"\"}", "name=J%C3%B6%20%26%20Co" },
    { "{\"metadata\":{\"plan\":\"gold\",\"a b\":\"\"}}", "metadata[plan]=gold&metadata[a%20b]=" },
    { "[]", NULL },
    { "{", NULL },
    { "null", NULL },
    { "{\"mail\":\"a@b.c\"}", NULL },
    { "{\"email\":1}", NULL },
    { "{\"metadata\":\"x\"}", NULL },
    { "{\"metadata\":{\"plan\":1}}", NULL },
    { "{\"metadata\":{\"userId\":\"me\"}}", NULL },
    { "{\"metadata\":{\"a[b]\":\"x\"}}", NULL },
    { "{\"metadata\":{\"\":\"x\"}}", NULL },
};

static void a_wish_is_turned_into_parameters_or_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wishes); i++) {
        BUF(form, USER_FORM_MAX);
        struct error e = { 0 };
        enum status st = user_form(str_of(wishes[i].json), "userId", &form, &e);

        print_message("  %s\n", wishes[i].json);
        assert_int_equal(st, wishes[i].form ? ST_OK : ST_INVALID);
        if (wishes[i].form)
            assert_true(str_eqz(buf_str(&form), wishes[i].form));
        else
            assert_true(e.text[0]);
    }
}

static void a_users_id_is_a_line_of_text(void **state)
{
    (void)state;
    char long_one[USER_ID_MAX + 2];

    memset(long_one, 'x', sizeof long_one);
    assert_true(user_id_valid(S("user_42")));
    assert_true(user_id_valid(S("J\xc3\xb6 / 7")));
    assert_true(user_id_valid((str){ long_one, USER_ID_MAX }));
    assert_false(user_id_valid((str){ long_one, USER_ID_MAX + 1 }));
    assert_false(user_id_valid(S("")));
    assert_false(user_id_valid(S("a\nb")));
    assert_false(user_id_valid(S("\xff")));
    assert_false(user_id_valid(S("cut\xc3")));
}

/* ---- the work ---- */

static struct small_world *with_search(void)
{
    struct small_world *w = small_world_new();

    script(w, SEARCH, 200, LIST(""));
    script(w, "/v1/customers", 200, CUSTOMER("cus_1", "u", "5"));
    script(w, "/v1/customers/cus_1", 200, CUSTOMER("cus_1", "u", "5"));
    return w;
}

static void want(struct small_world *w, const char *form)
{
    struct error e = { 0 };
    int64_t gen;

    assert_int_equal(user_want(&w->env, S("u"), str_of(form), &gen, &e), ST_OK);
}

static const char *bound(struct small_world *w)
{
    return ask_text(w, "select customer from _users where state = 'bound'");
}

static int64_t pending(struct small_world *w)
{
    return ask_int(w,
                   "select count(*) from _due where kind = 'user' and done_gen < gen and dead = 0");
}

static void the_key_is_the_operations_and_the_metadata_names_the_user(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    want(w, "email=a");
    want(w, "email=b"); /* before anything was sent: the latest wish counts */
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 1);
    assert_true(str_starts(str_of(w->posted[0]), S("op/")));
    assert_non_null(strstr(w->posted[0], "/customer/1 email=b&metadata[userId]=u"));
    assert_null(strstr(w->posted[0], "op/email"));
    assert_int_equal(ask_int(w, "select count(*) from customers"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _users where wanted is null and form is null "
                                "and op is null"),
                     1);
    small_world_free(w);
}

static void a_lost_answer_is_asked_for_with_the_same_request(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    script(w, "/v1/customers", 0, "");
    script_last(w)->status = ST_RETRY;
    script_last(w)->times = 3;
    want(w, "email=a");
    work_off(w);
    assert_int_equal(pending(w), 1);
    want(w, "email=b");
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 4);
    for (size_t i = 1; i < w->n_posted; i++)
        assert_string_equal(w->posted[i], w->posted[0]);
    small_world_free(w);
}

static void an_old_key_is_not_trusted_and_the_list_tells(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    script(w, "/v1/customers", 0, "");
    script_last(w)->status = ST_RETRY;
    script_last(w)->times = 3;
    want(w, "");
    work_off(w);
    w->wall += 23LL * 3600 * 1000;
    script(w, LOOK, 200, LIST(CUSTOMER("cus_9", "other", "9") "," CUSTOMER("cus_1", "u", "5")));
    want(w, "");
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 3); /* none since */
    small_world_free(w);
}

static void only_when_the_list_has_none_another_key_is_used(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    script(w, "/v1/customers", 500, "{\"error\":{\"message\":\"kept\"}}");
    script_last(w)->replayed = true;
    script_last(w)->times = 3;
    script(w, LOOK, 200, LIST(CUSTOMER("cus_9", "other", "9")));
    want(w, "email=a");
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 4);
    assert_non_null(strstr(w->posted[2], "/customer/1 email=a&"));
    assert_non_null(strstr(w->posted[3], "/customer/2 email=a&"));
    small_world_free(w);
}

static void what_cannot_be_searched_is_not_created(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    script(w, SEARCH, 400, "{\"error\":{\"message\":\"not in your country\"}}");
    want(w, "");
    work_off(w);
    assert_int_equal(w->n_posted, 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where kind = 'user' and dead = 1"), 1);
    /* once the mirror has seen all customers, nobody needs to be asked */
    struct error e = { 0 };
    struct sync s;
    const str customers = S("customers");
    script(w, "/v1/customers?limit=100&expand[0]=data.sources&expand[1]=data.tax_ids", 200,
           LIST(""));
    script(w, "/v1/test_helpers/test_clocks", 200, LIST(""));
    assert_int_equal(sync_start(&w->env, &customers, 1, false, LANE_BACKFILL, &s, &e), ST_OK);
    work_off(w);
    want(w, "");
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    small_world_free(w);
}

static void the_oldest_of_those_that_are_named_is_taken_over(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    script(w, SEARCH, 200, LIST(CUSTOMER("cus_2", "u", "7") "," CUSTOMER("cus_1", "u", "5")));
    want(w, "");
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 0);
    small_world_free(w);
}

/* ENV-09: Stripe says that it lives in the other mode. */
static struct small_world *with_a_foreign_customer(void)
{
    struct small_world *w = with_search();

    want(w, "");
    work_off(w);
    script(
        w, "/v1/customers/cus_1", 404,
        "{\"error\":{\"code\":\"resource_missing\",\"param\":\"customer\",\"message\":\"No such "
        "customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used to "
        "make this request.\"}}");
    script(w, "/v1/customers", 200, CUSTOMER("cus_2", "u", "6"));
    script(w, "/v1/customers/cus_2", 200, CUSTOMER("cus_2", "u", "6"));
    return w;
}

static void wait_and_work(struct small_world *w)
{
    for (int i = 0; i < 3; i++) {
        pass(w, w->env.set.confirm_ms + w->env.set.settle_ms);
        work_off(w);
    }
}

static void a_customer_of_the_other_mode_is_told_and_no_other_is_made(void **state)
{
    (void)state;
    struct small_world *w = with_a_foreign_customer();
    size_t before = asked(w, "/v1/customers/cus_1");

    want(w, "");
    wait_and_work(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 1);
    assert_int_equal(asked(w, "/v1/customers/cus_1") - before, 1); /* no retry */
    assert_non_null(strstr(ask_text(w, "select last_error from _due where kind = 'user'"),
                           "wrong_mode: GET /v1/customers/cus_1: 404"));
    assert_string_equal(ask_text(w, "select state from _absent where id = 'cus_1'"), "foreign");
    small_world_free(w);
}

static void by_the_policy_the_user_gets_a_new_one(void **state)
{
    (void)state;
    struct small_world *w = with_a_foreign_customer();

    w->env.set.recreate_customer = true;
    want(w, "");
    wait_and_work(w);
    assert_string_equal(ask_text(w, "select customer from _user_history"), "cus_1");
    assert_string_equal(ask_text(w, "select why from _user_history"), "of another mode or account");
    assert_string_equal(bound(w), "cus_2");
    assert_int_equal(w->n_posted, 2);
    assert_string_equal(ask_text(w, "select state from _absent where id = 'cus_1'"), "foreign");
    small_world_free(w);
}

static void one_404_ends_no_binding_and_two_do(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    want(w, "");
    work_off(w);
    script(w, "/v1/customers/cus_1", 404,
           "{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such customer\"}}");
    script(w, "/v1/customers", 200, CUSTOMER("cus_2", "u", "6"));
    script(w, "/v1/customers/cus_2", 200, CUSTOMER("cus_2", "u", "6"));
    want(w, "");
    pass(w, w->env.set.settle_ms);
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_string_equal(ask_text(w, "select customer from _user_history"), "cus_1");
    assert_string_equal(bound(w), "cus_2");
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_int_equal(ask_int(w, "select count(*) from objects where id = 'cus_1' and deleted = 1"),
                     1);
    small_world_free(w);
}

#define NO_CUSTOMER "{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such customer\"}}"

/* From here on the key reaches another account, whose customers are other ones. */
static void switch_account(void *ctx)
{
    struct small_world *w = ctx;

    script(w, "/v1/account", 200, "{\"id\":\"acct_2\",\"object\":\"account\"}");
}

static void a_404_of_another_account_ends_no_binding(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    want(w, "");
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    script(w, "/v1/customers/cus_1", 404, NO_CUSTOMER);
    want(w, "");
    pass(w, w->env.set.settle_ms);
    work_off(w); /* the first word, proven */
    script_last(w)->meanwhile = switch_account;
    script_last(w)->ctx = w;
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_string_equal(bound(w), "cus_1");
    assert_int_equal(w->n_posted, 1);
    assert_true(env_stopping(&w->env));
    small_world_free(w);
}

static void each_customer_has_two_looks_of_its_own(void **state)
{
    (void)state;
    struct small_world *w = with_search();

    want(w, "");
    work_off(w);
    script(w, "/v1/customers/cus_1", 404, NO_CUSTOMER);
    script(w, "/v1/customers", 200, CUSTOMER("cus_2", "u", "6"));
    script(w, "/v1/customers/cus_2", 200, CUSTOMER("cus_2", "u", "6"));
    script(w, "/v1/customers/cus_2", 404, NO_CUSTOMER); /* not yet everywhere */
    script_last(w)->times = 1;
    want(w, "");
    pass(w, w->env.set.settle_ms);
    work_off(w);
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    pass(w, w->env.set.confirm_ms);
    work_off(w);
    assert_string_equal(bound(w), "cus_2");
    assert_int_equal(w->n_posted, 2);
    assert_int_equal(ask_int(w, "select bindings from _users"), 2);
    small_world_free(w);
}

static void no_customer_is_created_in_another_account(void **state)
{
    (void)state;
    struct small_world *w = with_search();
    struct error e = { 0 };

    assert_int_equal(env_prove_now(&w->env, &e), ST_OK);
    pass(w, 1);
    switch_account(w);
    want(w, "");
    work_off(w);
    assert_int_equal(w->n_posted, 0);
    assert_true(env_stopping(&w->env));
    small_world_free(w);
}

enum { PUT_USER, BIND_USER, END_USER };

/* With a revision that was drawn long before. */
static void write_user(struct small_world *w, int how, int64_t revision)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    const struct value user = V_STR(S("u")), account = v_account(&w->env);
    enum status st = tx_begin(&tx, w->world.store, TX_WRITE, &e);

    assert_int_equal(st, ST_OK);
    if (how == PUT_USER)
        st = tx_run(&tx, STMT_USER_PUT, NULL, &a, &e, user, account, V_STR(S("found")),
                    V_STR(S("cus_1")), V_INT(revision), V_INT(1));
    else if (how == BIND_USER)
        st = tx_run(&tx, STMT_USER_BIND, NULL, &a, &e, V_STR(S("cus_1")), V_INT(1), V_INT(revision),
                    user, account, V_STR(S("")));
    else
        st = tx_run(&tx, STMT_USER_END, NULL, &a, &e, V_INT(revision), V_INT(1), user, account);
    assert_int_equal(st, ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

/* On PostgreSQL a rebuild may renew it between reading and writing: the key-value server would
 * never hear of a smaller one. */
static void a_users_revision_never_goes_back(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    write_user(w, PUT_USER, 100);
    for (int how = PUT_USER; how <= END_USER; how++) {
        write_user(w, how, 5);
        assert_int_equal(ask_int(w, "select revision from _users"), 101 + how);
    }
    write_user(w, PUT_USER, 200);
    assert_int_equal(ask_int(w, "select revision from _users"), 200);
    small_world_free(w);
}

static void who_is_erased_leaves_nothing(void **state)
{
    (void)state;
    ARENA(a, 512 << 20);
    struct small_world *w = with_search();
    struct error e = { 0 };
    struct erasure x;

    want(w, "email=a");
    work_off(w);
    assert_int_equal(erase_run(&w->env, S("cus_1"), &x, &a, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _user_links"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _user_history"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _users"), 0);
    assert_int_equal(ask_int(w, "select count(*) from _due where kind = 'user'"), 0);
    small_world_free(w);
}

static void an_address_of_many_is_one_duplicate(void **state)
{
    enum { MANY = 450 };
    (void)state;
    ARENA(a, 16 << 20);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct duplicates n = { 0 };
    BUF(out, 4 << 20);
    {
        CLEANUP(tx_end) struct tx tx = { 0 };
        assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        for (int i = 0; i < MANY; i++) {
            enum mirror_result result;
            struct answer in = { .resource = resource_by_type(S("customer")),
                                 .type = S("customer"),
                                 .id = arena_printf(&a, "cus_%03d", i),
                                 .source = SOURCE_GET,
                                 .ticket = i + 1,
                                 .api_version = S("v"),
                                 .cause = "test" };
            in.data = arena_printf(&a,
                                   "{\"id\":\"cus_%03d\",\"object\":\"customer\",\"email\":"
                                   "\"%s@example.com\"}",
                                   i, i < 2 ? "ann" : "jo");
            ARENA(one, 1 << 20);
            assert_int_equal(mirror_put(&tx, &w->env, &in, &result, NULL, &one, &e), ST_OK);
            if (i % 100 == 99)
                assert_int_equal(tx_commit(&tx, &e), ST_OK);
            if (i % 100 == 99)
                assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
        }
        assert_int_equal(tx_commit(&tx, &e), ST_OK);
    }
    assert_int_equal(duplicates_find(&w->env, &out, &n, &e), ST_OK);
    assert_int_equal(n.emails, 2);
    buf_char(&out, '\0');
    assert_non_null(strstr(buf_str(&out).p, "\"more\":248"));
    small_world_free(w);
}

static void more_than_a_customer_may_have_is_a_limit(void **state)
{
    (void)state;
    static char json[USER_BODY_MAX + 64];
    BUF(form, USER_FORM_MAX);
    struct error e = { 0 };

    snprintf(json, sizeof json, "{\"name\":\"%0*d\"}", USER_FORM_MAX, 1);
    assert_int_equal(user_form(str_of(json), "userId", &form, &e), ST_LIMIT);
    snprintf(json, sizeof json, "{\"name\":\"%0*d\"}", USER_BODY_MAX, 1);
    assert_int_equal(user_form(str_of(json), "userId", &form, &e), ST_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_404_of_another_account_ends_no_binding),
        cmocka_unit_test(each_customer_has_two_looks_of_its_own),
        cmocka_unit_test(no_customer_is_created_in_another_account),
        cmocka_unit_test(an_address_of_many_is_one_duplicate),
        cmocka_unit_test(more_than_a_customer_may_have_is_a_limit),
        cmocka_unit_test(a_wish_is_turned_into_parameters_or_refused_with_a_sentence),
        cmocka_unit_test(a_users_id_is_a_line_of_text),
        cmocka_unit_test(the_key_is_the_operations_and_the_metadata_names_the_user),
        cmocka_unit_test(a_lost_answer_is_asked_for_with_the_same_request),
        cmocka_unit_test(an_old_key_is_not_trusted_and_the_list_tells),
        cmocka_unit_test(only_when_the_list_has_none_another_key_is_used),
        cmocka_unit_test(what_cannot_be_searched_is_not_created),
        cmocka_unit_test(the_oldest_of_those_that_are_named_is_taken_over),
        cmocka_unit_test(a_customer_of_the_other_mode_is_told_and_no_other_is_made),
        cmocka_unit_test(by_the_policy_the_user_gets_a_new_one),
        cmocka_unit_test(one_404_ends_no_binding_and_two_do),
        cmocka_unit_test(a_users_revision_never_goes_back),
        cmocka_unit_test(who_is_erased_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
