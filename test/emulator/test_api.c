/* What all resources have in common: lists, errors, modes, keys that are used twice, faults. */
#include "shop.h"

#include <string.h>

enum { MANY = 11 };

static const char *made[MANY]; /* in the order in which they were made, in one second */

static void make_many(void)
{
    for (int i = 0; i < MANY; i++)
        made[i] = make(&stand, "/v1/products", format(&stand, "name=P%d", i));
}

/* --- lists --- */

static void a_walk_down_sees_same_second_objects_once(void **state)
{
    const char *cursor = "";
    int seen = 0;

    (void)state;
    make_many();
    for (bool more = true; more;) {
        json_t *v =
            ask_for(&stand, 200, format(&stand, "GET /v1/products?limit=4%s", cursor), NULL);
        size_t n = json_array_size(at(v, "data"));
        for (size_t i = 0; i < n; i++, seen++)
            assert_string_equal(text_at(json_array_get(at(v, "data"), i), "id"),
                                made[MANY - 1 - seen]);
        more = json_is_true(at(v, "has_more"));
        cursor = format(&stand, "&starting_after=%s",
                        text_at(json_array_get(at(v, "data"), n - 1), "id"));
    }
    assert_int_equal(seen, MANY);
}

static void a_walk_up_gives_pages_that_are_newest_first(void **state)
{
    const char *cursor;
    int seen = 1;

    (void)state;
    make_many();
    cursor = made[0];
    for (bool more = true; more;) {
        json_t *v = ask_for(
            &stand, 200, format(&stand, "GET /v1/products?limit=4&ending_before=%s", cursor), NULL);
        size_t n = json_array_size(at(v, "data"));
        for (size_t i = n; i-- > 0; seen++)
            assert_string_equal(text_at(json_array_get(at(v, "data"), i), "id"), made[seen]);
        more = json_is_true(at(v, "has_more"));
        cursor = keep(&stand, text_at(v, "data.0.id"));
    }
    assert_int_equal(seen, MANY);
}

static void a_limit_is_clamped_and_ten_by_default(void **state)
{
    (void)state;
    make_many();
    assert_int_equal(json_array_size(at(ask_for(&stand, 200, "GET /v1/products", NULL), "data")),
                     10);
    assert_int_equal(
        json_array_size(at(ask_for(&stand, 200, "GET /v1/products?limit=999", NULL), "data")), 11);
    assert_int_equal(
        json_array_size(at(ask_for(&stand, 200, "GET /v1/products?limit=0", NULL), "data")), 1);
    json_t *v = ask_for(&stand, 400, "GET /v1/products?limit=x", NULL);
    assert_string_equal(text_at(v, "error.code"), "parameter_invalid_integer");
    assert_string_equal(text_at(v, "error.message"), "Invalid integer: x");
}

static void a_cursor_that_is_gone_is_400(void **state)
{
    (void)state;
    make_many();
    ask_for(&stand, 200, format(&stand, "DELETE /v1/products/%s", made[5]), NULL);
    json_t *v =
        ask_for(&stand, 400, format(&stand, "GET /v1/products?starting_after=%s", made[5]), NULL);
    assert_string_equal(text_at(v, "error.code"), "resource_missing");
    assert_string_equal(text_at(v, "error.param"), "starting_after");
    v = ask_for(
        &stand, 400,
        format(&stand, "GET /v1/products?starting_after=%s&ending_before=%s", made[1], made[2]),
        NULL);
    assert_string_equal(text_at(v, "error.message"), "Received both starting_after and "
                                                     "ending_before parameters. Please pass in "
                                                     "only one.");
}

static void created_filters_with_both_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        made[i] = make(&stand, "/v1/customers", NULL);
        stand.clock.now += 1000;
    }
    json_t *v = ask_for(&stand, 200,
                        "GET /v1/customers?created[gte]=1800000001&created[lt]=1800000003", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    assert_string_equal(text_at(v, "data.0.id"), made[2]);
    v = ask_for(&stand, 200, "GET /v1/customers?created=1800000004", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
}

static void ids_may_be_chosen_and_used_again(void **state)
{
    (void)state;
    make(&stand, "/v1/products", "name=Gold&id=gold%20%C3%BC%2F1");
    json_t *v = ask_for(&stand, 200, "GET /v1/products/gold%20%C3%BC%2F1", NULL);
    assert_string_equal(text_at(v, "id"), "gold \xc3\xbc/1");
    v = ask_for(&stand, 400, "POST /v1/products", "name=Gold&id=gold%20%C3%BC%2F1");
    assert_string_equal(text_at(v, "error.code"), "resource_already_exists");
    ask_for(&stand, 200, "DELETE /v1/products/gold%20%C3%BC%2F1", NULL);
    make(&stand, "/v1/products", "name=Again&id=gold%20%C3%BC%2F1");
    v = ask_for(&stand, 200, "GET /v1/products/gold%20%C3%BC%2F1", NULL);
    assert_string_equal(text_at(v, "name"), "Again");
}

/* --- keys, accounts, modes --- */

static void a_key_decides_account_and_mode(void **state)
{
    (void)state;
    const char *id = make(&stand, "/v1/customers", NULL);
    const char *account =
        keep(&stand, text_at(ask_for(&stand, 200, "GET /v1/account", NULL), "id"));
    stand.key = "sk_live_stand";
    assert_string_equal(text_at(ask_for(&stand, 200, "GET /v1/account", NULL), "id"), account);
    assert_true(json_is_true(at(ask_for(&stand, 200, "GET /v1/balance", NULL), "livemode")));
    json_t *v = ask_for(&stand, 404, format(&stand, "GET /v1/customers/%s", id), NULL);
    assert_string_equal(text_at(v, "error.message"),
                        format(&stand,
                               "No such customer: '%s'; a similar object exists in test mode, but "
                               "a live mode key was used to make this request.",
                               id));
    stand.key = "sk_test_other";
    assert_string_not_equal(text_at(ask_for(&stand, 200, "GET /v1/account", NULL), "id"), account);
    v = ask_for(&stand, 404, format(&stand, "GET /v1/customers/%s", id), NULL);
    assert_string_equal(text_at(v, "error.message"), format(&stand, "No such customer: '%s'", id));
    stand.key = "rk_test_stand";
    ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s", id), NULL);
}

static void a_bad_key_is_401(void **state)
{
    (void)state;
    stand.key = NULL;
    json_t *v = ask_for(&stand, 401, "GET /v1/account", NULL);
    assert_non_null(strstr(text_at(v, "error.message"), "You did not provide an API key."));
    stand.key = "sk_test_bad-key-abcd";
    v = ask_for(&stand, 401, "GET /v1/account", NULL);
    assert_string_equal(text_at(v, "error.message"), "Invalid API Key provided: sk_test_***abcd");
    assert_int_equal(answer_header(&stand, "Request-Id").n, 18);
}

static void an_unknown_address_is_404_in_stripes_words(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 404, "GET /v1/nothing", NULL);
    assert_non_null(strstr(text_at(v, "error.message"),
                           "Unrecognized request URL (GET: /v1/nothing). If you "
                           "are trying to list objects, remove the trailing "
                           "slash."));
    ask_for(&stand, 404, "GET /v1/products/", NULL);
    stand.key = NULL;
    ask_for(&stand, 200, "GET /", NULL);
    assert_true(str_eqz(answer_header(&stand, "Stripe-Mock-Version"), "master"));
}

static void an_empty_string_cannot_unset_everything(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /v1/products", "name=");
    assert_string_equal(text_at(v, "error.code"), "parameter_invalid_empty");
}

/* --- idempotency --- */

static void a_key_used_again_repeats_its_first_answer(void **state)
{
    (void)state;
    stand.idem_key = "k1";
    const char *id = make(&stand, "/v1/customers", "name=a&email=b");
    assert_null(answer_header(&stand, "Idempotent-Replayed").p);
    assert_string_equal(make(&stand, "/v1/customers", "email=b&name=a"), id);
    assert_true(str_eqz(answer_header(&stand, "Idempotent-Replayed"), "true"));
    json_t *v = ask_for(&stand, 400, "POST /v1/customers", "name=other");
    assert_string_equal(text_at(v, "error.type"), "idempotency_error");
    v = ask_for(&stand, 400, "POST /v1/products", "name=a&email=b");
    assert_string_equal(text_at(v, "error.type"), "idempotency_error");
    assert_non_null(strstr(text_at(v, "error.message"), "('/v1/products' vs '/v1/customers')"));
    stand.clock.now += 24 * 3600 * 1000;
    assert_string_not_equal(make(&stand, "/v1/customers", "name=a&email=b"), id);
}

static void a_refusal_is_kept_but_bad_parameters_are_not(void **state)
{
    (void)state;
    stand.idem_key = "k1";
    ask_for(&stand, 400, "POST /v1/products", "description=x");
    make(&stand, "/v1/products", "name=x");
    stand.idem_key = "k2";
    ask_for(&stand, 400, "POST /v1/prices", "currency=usd&unit_amount=1&product=later");
    stand.idem_key = NULL;
    make(&stand, "/v1/products", "name=x&id=later");
    stand.idem_key = "k2";
    ask_for(&stand, 400, "POST /v1/prices", "currency=usd&unit_amount=1&product=later");
    assert_true(str_eqz(answer_header(&stand, "Idempotent-Replayed"), "true"));
}

/* --- faults --- */

static void a_fault_before_the_effect_leaves_nothing(void **state)
{
    (void)state;
    stand.fault = "error;should_retry=false";
    json_t *v = ask_for(&stand, 500, "POST /v1/customers", "name=a");
    assert_string_equal(text_at(v, "error.type"), "api_error");
    assert_true(str_eqz(answer_header(&stand, "Stripe-Should-Retry"), "false"));
    stand.fault = NULL;
    v = ask_for(&stand, 200, "GET /v1/customers", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

static void a_lost_answer_is_found_again_under_its_key(void **state)
{
    (void)state;
    stand.idem_key = "k1";
    stand.fault = "reset;effect=after";
    ask(&stand, "POST /v1/customers", "name=a");
    assert_true(stand.answer.reset);
    stand.fault = NULL;
    const char *id = make(&stand, "/v1/customers", "name=a");
    assert_true(str_eqz(answer_header(&stand, "Idempotent-Replayed"), "true"));
    json_t *v = ask_for(&stand, 200, "GET /v1/customers", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.id"), id);
}

static void a_stored_500_is_repeated(void **state)
{
    (void)state;
    stand.idem_key = "k1";
    stand.fault = "error;stored=true";
    ask_for(&stand, 500, "POST /v1/customers", "name=a");
    stand.fault = NULL;
    ask_for(&stand, 500, "POST /v1/customers", "name=a");
    assert_true(str_eqz(answer_header(&stand, "Idempotent-Replayed"), "true"));
}

static void faults_match_method_path_and_count(void **state)
{
    (void)state;
    ask_for(&stand, 200, "POST /_emulator/faults",
            "{\"kind\":\"lock_timeout\",\"method\":\"POST\",\"path\":\"/v1/prod\",\"count\":2}");
    ask_for(&stand, 200, "GET /v1/products", NULL);
    ask_for(&stand, 200, "POST /v1/customers", "name=a");
    json_t *v = ask_for(&stand, 429, "POST /v1/products", "name=a");
    assert_string_equal(text_at(v, "error.code"), "lock_timeout");
    assert_null(answer_header(&stand, "Stripe-Rate-Limited-Reason").p);
    ask_for(&stand, 429, "POST /v1/products", "name=a");
    ask_for(&stand, 200, "POST /v1/products", "name=a");
    ask_for(&stand, 400, "POST /_emulator/faults", "{\"kind\":\"nonsense\"}");
}

static void every_kind_of_fault_has_its_answer(void **state)
{
    (void)state;
    stand.fault = "rate_limit";
    ask_for(&stand, 429, "GET /v1/products", NULL);
    assert_true(str_eqz(answer_header(&stand, "Stripe-Rate-Limited-Reason"), "global-rate"));
    stand.fault = "rate_limit;reason=";
    ask_for(&stand, 429, "GET /v1/products", NULL);
    assert_null(answer_header(&stand, "Stripe-Rate-Limited-Reason").p);
    stand.fault = "bad_gateway";
    assert_null(ask_for(&stand, 502, "GET /v1/products", NULL));
    assert_true(str_starts(stand.answer.body, S("<html>")));
    stand.fault = "in_use";
    stand.idem_key = "k9";
    json_t *v = ask_for(&stand, 409, "POST /v1/products", "name=a");
    assert_string_equal(text_at(v, "error.code"), "idempotency_key_in_use");
    stand.fault = "permission";
    ask_for(&stand, 403, "GET /v1/products", NULL);
    stand.fault = "slow;delay_ms=70";
    ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_int_equal(stand.answer.delay, 70);
    stand.fault = "cut;cut_at=5";
    ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_int_equal(stand.answer.cut_at_bytes, 5);
}

static void a_rate_limit_counts_by_second(void **state)
{
    (void)state;
    emulator_free(stand.emulator);
    stand.options.rate_global = 3;
    stand.options.rate_endpoint = 2;
    stand.emulator = emulator_new(&stand.options);
    ask_for(&stand, 200, "GET /v1/products", NULL);
    ask_for(&stand, 200, "GET /v1/products", NULL);
    ask_for(&stand, 429, "GET /v1/products", NULL);
    assert_true(str_eqz(answer_header(&stand, "Stripe-Rate-Limited-Reason"), "endpoint-rate"));
    ask_for(&stand, 200, "GET /v1/prices", NULL);
    ask_for(&stand, 429, "GET /v1/customers", NULL);
    assert_true(str_eqz(answer_header(&stand, "Stripe-Rate-Limited-Reason"), "global-rate"));
    stand.clock.now += 1000;
    ask_for(&stand, 200, "GET /v1/products", NULL);
}

/* --- admin --- */

static void the_state_of_a_type_is_whole_and_oldest_first(void **state)
{
    (void)state;
    make_many();
    ask_for(&stand, 200, format(&stand, "DELETE /v1/products/%s", made[0]), NULL);
    json_t *v = ask_for(&stand, 200, "GET /_emulator/state/product", NULL);
    assert_int_equal(json_array_size(at(v, "data")), MANY);
    assert_string_equal(text_at(v, "data.0.id"), made[0]);
    assert_true(json_is_true(at(v, "data.0.deleted")));
    assert_null(at(v, "data.1.deleted"));
}

static void objects_can_be_changed_behind_everyones_back(void **state)
{
    (void)state;
    const char *id = make(&stand, "/v1/products", "name=a");
    ask_for(&stand, 200, format(&stand, "POST /_emulator/objects/product/%s", id),
            "{\"set\":{\"name\":\"b\",\"new_field\":[1]}}");
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/products/%s", id), NULL);
    assert_string_equal(text_at(v, "name"), "b");
    assert_int_equal(int_at(v, "new_field.0"), 1);
    assert_int_equal(count_events(&stand, "product.updated"), 0);
    ask_for(&stand, 200, format(&stand, "POST /_emulator/objects/product/%s", id),
            "{\"set\":{\"name\":\"c\"},\"event\":\"product.updated\"}");
    v = last_event(&stand, "product.updated");
    assert_string_equal(text_at(v, "data.previous_attributes.name"), "b");
    ask_for(&stand, 200, format(&stand, "DELETE /_emulator/objects/product/%s", id), NULL);
    ask_for(&stand, 404, format(&stand, "GET /v1/products/%s", id), NULL);
}

static void types_that_are_only_kept_are_listed_and_given(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "GET /v1/coupons?limit=100", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
    assert_string_equal(text_at(v, "url"), "/v1/coupons");
    v = ask_for(&stand, 404, "GET /v1/checkout/sessions/cs_nope", NULL);
    assert_string_equal(text_at(v, "error.code"), "resource_missing");
    const char *customer = make(&stand, "/v1/customers", NULL);
    for (int i = 0; i < 3; i++)
        ask_for(&stand, 200, format(&stand, "POST /_emulator/objects/tax_id/txi_%d", i),
                format(&stand, "{\"set\":{\"customer\":\"%s\",\"created\":%d}}",
                       i == 1 ? "cus_other" : customer, 1700000000 + i));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s/tax_ids?limit=1", customer),
                NULL);
    assert_string_equal(text_at(v, "data.0.id"), "txi_2");
    assert_true(json_is_true(at(v, "has_more")));
    for (int i = 0; i < 3; i++)
        ask_for(&stand, 200, format(&stand, "POST /_emulator/objects/exchange_rate/rate_%d", i),
                format(&stand, "{\"set\":{\"created\":%d}}", 1700000000 + i));
    v = ask_for(&stand, 200, "GET /v1/exchange_rates?created[lte]=1700000001", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    ask_for(&stand, 200, "GET /v1/exchange_rates/rate_1", NULL);
}

static void refused_param(const char *target, const char *form, const char *param)
{
    json_t *v = ask_for(&stand, 400, target, form);

    assert_string_equal(text_at(v, "error.code"), "parameter_unknown");
    assert_string_equal(text_at(v, "error.param"), param);
}

static void unknown_parameters_are_refused_at_any_depth(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /v1/prices", "currency=usd&recurring[intervall]=month");
    assert_string_equal(text_at(v, "error.message"),
                        "Received unknown parameter: recurring[intervall]");
    refused_param("POST /v1/subscriptions", "customer=c&items[0][price]=p&items[0][prize]=x",
                  "items[0][prize]");
    refused_param("POST /v1/subscriptions", "customer=c&items[1][price_data][recurring][x]=1",
                  "items[1][price_data][recurring][x]");
    refused_param("POST /v1/customers", "address[town]=x&shipping[address][town]=y",
                  "address[town], shipping[address][town]");
    refused_param("GET /v1/customers?created[since]=5", NULL, "created[since]");
    /* What is free stays free, what is older is known still, and so is what stands for itself. */
    make(&stand, "/v1/customers",
         "name=a&metadata[anything]=x&address=&shipping[name]=n&"
         "shipping[address][line1]=l");
    v = ask(&stand, "POST /v1/subscriptions", "customer=c&items[0][plan]=p");
    assert_string_equal(text_at(v, "error.code"), "resource_missing");
}

static void what_is_only_kept_expands_as_declared(void **state)
{
    (void)state;
    const char *charge = make(&stand, "/v1/charges", "amount=500&currency=usd&source=tok_visa");
    ask_for(&stand, 200, "POST /_emulator/objects/review/prv_1",
            format(&stand, "{\"set\":{\"charge\":\"%s\"}}", charge));
    json_t *v = ask_for(&stand, 200, "GET /v1/reviews/prv_1?expand[]=charge", NULL);
    assert_string_equal(text_at(v, "charge.object"), "charge");
    v = ask_for(&stand, 200, "GET /v1/reviews?expand[]=data.charge.balance_transaction", NULL);
    assert_string_equal(text_at(v, "data.0.charge.balance_transaction.object"),
                        "balance_transaction");
    v = ask_for(&stand, 400, "GET /v1/reviews/prv_1?expand[]=owner", NULL);
    assert_string_equal(text_at(v, "error.message"),
                        "This property cannot be expanded because it doesn't exist: owner.");
    v = ask_for(&stand, 400, "GET /v1/reviews/prv_1?expand[]=a.b.c.d.e", NULL);
    assert_string_equal(text_at(v, "error.code"), "property_expansion_max_depth");
}

static void the_log_tells_what_was_asked(void **state)
{
    (void)state;
    stand.idem_key = "k";
    make(&stand, "/v1/products", "name=a");
    stand.idem_key = NULL;
    ask_for(&stand, 200, "GET /v1/products?limit=3", NULL);
    json_t *v = ask_for(&stand, 200, "GET /_emulator/requests?method=POST", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.idempotency_key"), "k");
    assert_int_equal(int_at(v, "data.0.status"), 200);
    v = ask_for(&stand, 200, "GET /_emulator/requests", NULL);
    assert_string_equal(text_at(v, "data.1.path"), "/v1/products?limit=3");
}

static void bulk_objects_are_ordinary_ones(void **state)
{
    (void)state;
    ask_for(&stand, 200, "POST /_emulator/bulk", "{\"type\":\"product\",\"count\":250}");
    json_t *v = ask_for(&stand, 200, "GET /v1/products?limit=100", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 100);
    assert_string_equal(text_at(v, "data.0.name"), "Bulk 249");
    const char *id = keep(&stand, text_at(v, "data.99.id"));
    ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", id), "name=mine");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/products/%s", id), NULL);
    assert_string_equal(text_at(v, "name"), "mine");
    assert_true(json_is_true(at(v, "active")));
    ask_for(&stand, 200, "POST /_emulator/bulk", "{\"type\":\"price\",\"count\":3}");
    v = ask_for(&stand, 200, "GET /v1/prices?active=true", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 3);
    const char *product = keep(&stand, text_at(v, "data.0.product"));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/prices?product=%s", product), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 3);
}

static void bulk_objects_belong_where_they_are_set(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "name=many");
    ask_for(&stand, 200, "POST /_emulator/bulk",
            format(&stand,
                   "{\"type\":\"invoice\",\"count\":3,\"set\":{\"customer\":\"%s\","
                   "\"id\":\"in_no\",\"total\":7}}",
                   customer));
    json_t *v =
        ask_for(&stand, 200, format(&stand, "GET /v1/invoices?customer=%s", customer), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 3);
    assert_int_equal(int_at(v, "data.0.total"), 7);
    assert_string_not_equal(text_at(v, "data.0.id"), "in_no");
    ask_for(&stand, 400, "POST /_emulator/bulk", "{\"type\":\"event\",\"count\":3}");
    ask_for(&stand, 400, "POST /_emulator/bulk", "{\"type\":\"balance\",\"count\":3}");
}

static void a_reset_forgets_everything(void **state)
{
    (void)state;
    const char *first = make(&stand, "/v1/products", "name=a");
    ask_for(&stand, 200, "POST /_emulator/reset", "");
    json_t *v = ask_for(&stand, 200, "GET /v1/products", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
    assert_string_equal(make(&stand, "/v1/products", "name=a"), first);
}

static void a_frozen_clock_gives_every_change_the_same_second(void **state)
{
    (void)state;
    ask_for(&stand, 200, "POST /_emulator/clock", "{\"freeze\":true}");
    const char *id = make(&stand, "/v1/products", "name=a");
    stand.clock.now += 5000;
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", id), "name=b");
    assert_int_equal(int_at(v, "updated"), int_at(v, "created"));
    v = ask_for(&stand, 200, "GET /v1/events", NULL);
    assert_int_equal(int_at(v, "data.0.created"), int_at(v, "data.1.created"));
    ask_for(&stand, 200, "POST /_emulator/clock", "{\"advance_seconds\":60}");
    v = ask_for(&stand, 200, "POST /_emulator/clock", "{\"freeze\":false}");
    assert_int_equal(int_at(v, "now"), 1800000060);
    stand.clock.now += 1000;
    v = ask_for(&stand, 200, "GET /_emulator/clock", NULL);
    assert_int_equal(int_at(v, "now"), 1800000061);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_walk_down_sees_same_second_objects_once),
        CASE(a_walk_up_gives_pages_that_are_newest_first),
        CASE(a_limit_is_clamped_and_ten_by_default),
        CASE(a_cursor_that_is_gone_is_400),
        CASE(created_filters_with_both_ends),
        CASE(ids_may_be_chosen_and_used_again),
        CASE(a_key_decides_account_and_mode),
        CASE(a_bad_key_is_401),
        CASE(an_unknown_address_is_404_in_stripes_words),
        CASE(an_empty_string_cannot_unset_everything),
        CASE(a_key_used_again_repeats_its_first_answer),
        CASE(a_refusal_is_kept_but_bad_parameters_are_not),
        CASE(a_fault_before_the_effect_leaves_nothing),
        CASE(a_lost_answer_is_found_again_under_its_key),
        CASE(a_stored_500_is_repeated),
        CASE(faults_match_method_path_and_count),
        CASE(every_kind_of_fault_has_its_answer),
        CASE(a_rate_limit_counts_by_second),
        CASE(the_state_of_a_type_is_whole_and_oldest_first),
        CASE(objects_can_be_changed_behind_everyones_back),
        CASE(types_that_are_only_kept_are_listed_and_given),
        CASE(unknown_parameters_are_refused_at_any_depth),
        CASE(what_is_only_kept_expands_as_declared),
        CASE(the_log_tells_what_was_asked),
        CASE(bulk_objects_are_ordinary_ones),
        CASE(bulk_objects_belong_where_they_are_set),
        CASE(a_reset_forgets_everything),
        CASE(a_frozen_clock_gives_every_change_the_same_second),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
