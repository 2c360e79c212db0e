/* Idempotency keys, and what an API key may do. */
#include "shop.h"

#include <string.h>

static const char *message(json_t *v)
{
    return text_at(v, "error.message");
}

static void a_key_is_fresh_again_after_a_day(void **state)
{
    (void)state;
    stand.idem_key = "K";
    const char *first = make(&stand, "/v1/customers", "name=a");
    stand.clock.now += 24 * 3600 * 1000 - 1;
    assert_string_equal(make(&stand, "/v1/customers", "name=a"), first);
    assert_true(str_eqz(answer_header(&stand, "Idempotent-Replayed"), "true"));
    stand.clock.now += 1;
    const char *second = make(&stand, "/v1/customers", "name=b");
    assert_string_not_equal(second, first);
    assert_int_equal(answer_header(&stand, "Idempotent-Replayed").n, 0);
    assert_string_equal(make(&stand, "/v1/customers", "name=b"), second);
}

static void thousands_of_keys_are_each_their_own(void **state)
{
    (void)state;
    const char *id[3000];
    for (int i = 0; i < 3000; i++) {
        stand.idem_key = format(&stand, "key-%d", i);
        id[i] = make(&stand, "/v1/products", "name=x");
        stand.clock.now += 10;
    }
    stand.clock.now += 24 * 3600 * 1000 - 1500 * 10;
    for (int i = 0; i < 3000; i++) {
        stand.idem_key = format(&stand, "key-%d", i);
        bool same = strcmp(make(&stand, "/v1/products", "name=x"), id[i]) == 0;
        assert_int_equal(same, i > 1500);
    }
}

static void a_key_is_for_one_path_and_its_parameters(void **state)
{
    (void)state;
    stand.idem_key = "K";
    const char *id = make(&stand, "/v1/customers", "name=a&email=b");
    assert_string_equal(make(&stand, "/v1/customers", "email=b&name=a"), id);
    json_t *v = ask_for(&stand, 400, "POST /v1/customers", "name=c");
    assert_string_equal(text_at(v, "error.type"), "idempotency_error");
    assert_string_equal(message(v),
                        "Keys for idempotent requests can only be used with the same parameters "
                        "they were first used with. Try using a key other than 'K' if you meant "
                        "to execute a different request.");
    v = ask_for(&stand, 400, "POST /v1/products", "name=a");
    assert_string_equal(message(v),
                        "Keys for idempotent requests can only be used for the same endpoint they "
                        "were first used for ('/v1/products' vs '/v1/customers'). Try using a key "
                        "other than 'K' if you meant to execute a different request.");
    assert_string_equal(make(&stand, "/v1/customers", "name=a&email=b"), id);
    stand.key = "sk_live_stand"; /* its other mode has keys of its own */
    assert_string_not_equal(make(&stand, "/v1/customers", "name=c"), id);
}

static void only_a_post_has_a_key(void **state)
{
    (void)state;
    const char *id = make(&stand, "/v1/customers", "name=a");
    stand.idem_key = "K";
    ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s", id), NULL);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/customers/%s", id), NULL);
    ask_for(&stand, 404, format(&stand, "DELETE /v1/customers/%s", id), NULL);
    make(&stand, "/v1/customers", "name=b");
    stand.idem_key = format(&stand, "%0256d", 1);
    ask_for(&stand, 400, "POST /v1/customers", "name=b");
}

static void a_key_is_in_use_while_its_answer_is_on_its_way(void **state)
{
    (void)state;
    stand.idem_key = "K";
    stand.fault = "slow;delay_ms=3000";
    const char *id = make(&stand, "/v1/customers", "name=a");
    stand.fault = NULL;
    json_t *v = ask_for(&stand, 409, "POST /v1/customers", "name=a");
    assert_string_equal(text_at(v, "error.code"), "idempotency_key_in_use");
    assert_string_equal(message(v),
                        "There is currently another in-progress request using this Idempotent Key "
                        "(that probably means you submitted twice, and the other request is still "
                        "going through): K. Please try again later.");
    stand.clock.now += 3000;
    assert_string_equal(make(&stand, "/v1/customers", "name=a"), id);
}

static void an_object_is_locked_while_it_is_changed(void **state)
{
    (void)state;
    const char *id = make(&stand, "/v1/customers", "name=a");
    const char *other = make(&stand, "/v1/customers", "name=b");
    const char *change = format(&stand, "POST /v1/customers/%s", id);
    stand.fault = "slow;delay_ms=3000";
    ask_for(&stand, 200, change, "name=c");
    stand.fault = NULL;
    json_t *v = ask_for(&stand, 429, change, "name=d");
    assert_string_equal(text_at(v, "error.code"), "lock_timeout");
    assert_int_equal(answer_header(&stand, "Stripe-Rate-Limited-Reason").n, 0);
    ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s", id), NULL);
    ask_for(&stand, 200, format(&stand, "POST /v1/customers/%s", other), "name=e");
    stand.clock.now += 3000;
    ask_for(&stand, 200, change, "name=d");
}

static void a_value_that_cannot_be_leaves_the_key_free(void **state)
{
    (void)state;
    stand.idem_key = "K";
    ask_for(&stand, 400, "POST /v1/products", "name=a&active=perhaps");
    ask_for(&stand, 400, "POST /v1/products", "name=a&expand[]=name");
    make(&stand, "/v1/products", "name=a");
    stand.idem_key = "L";
    ask_for(&stand, 400, "POST /v1/prices", "currency=usd&product=prod_nope&unit_amount=5");
    const char *product =
        (stand.idem_key = NULL, make(&stand, "/v1/products", "id=prod_nope&name=a"));
    stand.idem_key = "L"; /* this one had begun: its refusal is kept */
    ask_for(&stand, 400, "POST /v1/prices",
            format(&stand, "currency=usd&product=%s&unit_amount=5", product));
}

static void a_restricted_key_may_do_what_it_was_given(void **state)
{
    (void)state;
    stand.key = "rk_test_stand";
    const char *id = make(&stand, "/v1/products", "name=before");
    ask_for(&stand, 200, "POST /_emulator/permissions",
            "{\"permissions\":{\"product\":\"read\",\"customer\":\"write\",\"event\":\"none\"}}");
    ask_for(&stand, 200, format(&stand, "GET /v1/products/%s", id), NULL);
    make(&stand, "/v1/customers", "name=a");
    ask_for(&stand, 200, "GET /v1/customers", NULL);
    json_t *v = ask_for(&stand, 403, "POST /v1/products", "name=b");
    const char *start = "Permission denied. The provided key 'rk_test_***' does not have the "
                        "required permissions for this endpoint on account 'acct_";
    assert_memory_equal(message(v), start, strlen(start));
    const char *end = "Enabling \"Products Write\" ('product_write') permissions on this key would "
                      "allow this request to continue.";
    assert_non_null(strstr(message(v), end));
    assert_null(at(v, "error.code"));
    v = ask_for(&stand, 403, "GET /v1/prices", NULL);
    assert_non_null(strstr(message(v), "\"Prices Read\" ('plan_read')"));
    ask_for(&stand, 403, "GET /v1/events", NULL);
    ask_for(&stand, 403, "GET /v1/account", NULL);
    stand.key = "sk_test_stand"; /* the secret key of the same account is not restricted */
    make(&stand, "/v1/products", "name=b");
    stand.key = "rk_live_stand";
    make(&stand, "/v1/products", "name=c");
    stand.key = "rk_test_stand";
    ask_for(&stand, 400, "POST /_emulator/permissions", "{\"permissions\":{\"product\":\"all\"}}");
    ask_for(&stand, 200, "POST /_emulator/permissions", "{\"permissions\":null}");
    make(&stand, "/v1/products", "name=d");
}

static void a_key_may_be_expired_or_unknown(void **state)
{
    (void)state;
    stand.key = "sk_test_expired0001";
    json_t *v = ask_for(&stand, 401, "GET /v1/customers", NULL);
    assert_string_equal(text_at(v, "error.code"), "api_key_expired");
    assert_string_equal(message(v), "Expired API Key provided: sk_test_***0001");
    stand.key = "sk_live_invalid0001";
    v = ask_for(&stand, 401, "GET /v1/customers", NULL);
    assert_string_equal(message(v), "Invalid API Key provided: sk_live_***0001");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_key_is_fresh_again_after_a_day),
        CASE(thousands_of_keys_are_each_their_own),
        CASE(a_key_is_for_one_path_and_its_parameters),
        CASE(only_a_post_has_a_key),
        CASE(a_key_is_in_use_while_its_answer_is_on_its_way),
        CASE(an_object_is_locked_while_it_is_changed),
        CASE(a_value_that_cannot_be_leaves_the_key_free),
        CASE(a_restricted_key_may_do_what_it_was_given),
        CASE(a_key_may_be_expired_or_unknown),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
