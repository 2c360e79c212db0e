/* The open points P-1 to P-14 of docs/stripe-facts.md: the way that is assumed is tested with the
 * rules, here is the other. */
#include "shop.h"

#include <string.h>

static void assume(const char *point)
{
    ask_for(&stand, 200, "POST /_emulator/points", format(&stand, "{\"spec\":\"%s\"}", point));
}

/* A product with a default price. */
static const char *product, *price;

static void p_1_an_archived_product_may_keep_its_default_on_sale(void **state)
{
    (void)state;
    assume("P-1=no");
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/products", product), "active=false");
    ask_refused(&stand, 400, NULL, NULL, post_to("/v1/prices", price), "active=false",
                "This price cannot be archived because it is the default price of its product.");
}

static void p_2_a_price_made_with_its_product_may_be_its_default(void **state)
{
    (void)state;
    assume("P-2=yes");
    json_t *v = ask_for(&stand, 200, "POST /v1/prices",
                        "currency=usd&unit_amount=1&product_data[name]=P&expand[]=product");
    assert_string_equal(text_at(v, "product.default_price"), text_at(v, "id"));
}

static void p_3_a_foreign_default_may_be_refused_as_missing(void **state)
{
    (void)state;
    make_pair(&product, &price);
    const char *other = price;
    make_pair(&product, &price);
    assume("P-3=missing");
    ask_refused(&stand, 400, "resource_missing", "default_price", post_to("/v1/products", product),
                format(&stand, "default_price=%s", other),
                format(&stand, "No such price: '%s'", other));
}

static void p_4_a_second_tax_behavior_may_be_an_unknown_parameter(void **state)
{
    (void)state;
    make_pair(&product, &price);
    assume("P-4=unknown");
    ask_for(&stand, 200, post_to("/v1/prices", price), "tax_behavior=exclusive");
    ask_refused(&stand, 400, "parameter_unknown", "tax_behavior", post_to("/v1/prices", price),
                "tax_behavior=inclusive", "Received unknown parameter: tax_behavior");
}

static void p_5_a_default_price_may_not_be_cleared(void **state)
{
    (void)state;
    make_pair(&product, &price);
    assume("P-5=no");
    ask_refused(
        &stand, 400, "parameter_invalid_empty", "default_price", post_to("/v1/products", product),
        "default_price=",
        "You passed an empty string for 'default_price'. We assume empty values are an attempt "
        "to unset a parameter; however 'default_price' cannot be unset. You should remove "
        "'default_price' from your request or supply a non-empty value.");
}

/* The refusal, then the default is cleared, then the same request again. */
static int archived_again(void)
{
    make_pair(&product, &price);
    stand.idem_key = "again";
    ask_for(&stand, 400, post_to("/v1/prices", price), "active=false");
    stand.idem_key = NULL;
    ask_for(&stand, 200, post_to("/v1/products", product), "default_price=");
    stand.idem_key = "again";
    ask(&stand, post_to("/v1/prices", price), "active=false");
    stand.idem_key = NULL;
    return stand.answer.status;
}

static void p_6_the_refusal_to_archive_may_be_kept_or_not(void **state)
{
    (void)state;
    assert_int_equal(archived_again(), 400);
    stand_close(&stand);
    stand_open(&stand, SEED);
    assume("P-6=no");
    assert_int_equal(archived_again(), 200);
}

static void p_7_an_archived_default_may_keep_its_product_archived(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/products", product), "active=false");
    ask_for(&stand, 200, post_to("/v1/prices", price), "active=false");
    assume("P-7=no");
    ask_for(&stand, 400, post_to("/v1/products", product), "active=true");
    assume("P-7=yes");
    ask_for(&stand, 200, post_to("/v1/products", product), "active=true");
}

static void p_8_an_archived_product_may_keep_its_prices_archived(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/products", product), "active=false");
    ask_for(&stand, 200, post_to("/v1/prices", price), "active=false");
    assume("P-8=no");
    ask_for(&stand, 400, post_to("/v1/prices", price), "active=true");
    assume("P-8=yes");
    ask_for(&stand, 200, post_to("/v1/prices", price), "active=true");
}

static void p_9_a_new_default_may_be_told_of_the_price_too(void **state)
{
    (void)state;
    make_pair(&product, &price);
    const char *heir = make(&stand, "/v1/prices",
                            format(&stand, "product=%s&currency=usd&unit_amount=5", product));
    ask_for(&stand, 200, post_to("/v1/products", product),
            format(&stand, "default_price=%s", heir));
    assert_int_equal(count_events(&stand, "product.updated"), 1);
    assert_int_equal(count_events(&stand, "price.updated"), 0);
    assume("P-9=two");
    ask_for(&stand, 200, post_to("/v1/products", product),
            format(&stand, "default_price=%s", price));
    assert_int_equal(count_events(&stand, "product.updated"), 2);
    assert_int_equal(count_events(&stand, "price.updated"), 1);
}

static void p_10_a_taken_lookup_key_may_have_a_code(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/prices", price), "lookup_key=k1");
    assume("P-10=exists");
    ask_refused(&stand, 400, "resource_already_exists", "lookup_key", "POST /v1/prices",
                format(&stand, "product=%s&currency=usd&unit_amount=1&lookup_key=k1", product),
                format(&stand, "A price (`%s`) already uses that lookup key.", price));
}

static void p_11_a_lookup_key_may_be_cleared_or_not(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/prices", price), "lookup_key=k1");
    assume("P-11=no");
    json_t *v = ask_for(&stand, 400, post_to("/v1/prices", price), "lookup_key=");
    assert_string_equal(text_at(v, "error.code"), "parameter_invalid_empty");
    assume("P-11=yes");
    v = ask_for(&stand, 200, post_to("/v1/prices", price), "lookup_key=");
    assert_true(json_is_null(at(v, "lookup_key")));
}

static void p_12_a_deleted_customer_may_be_400_or_404(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", NULL);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/customers/%s", customer), NULL);
    assume("P-12=404");
    ask_refused(&stand, 404, "resource_missing", "id", post_to("/v1/customers", customer), "name=x",
                format(&stand, "No such customer: '%s'", customer));
}

static void p_13_a_key_in_flight_may_be_of_another_type(void **state)
{
    (void)state;
    stand.fault = "in_use";
    stand.idem_key = "k";
    json_t *v = ask_for(&stand, 409, "POST /v1/products", "name=a");
    assert_string_equal(text_at(v, "error.type"), "idempotency_error");
    stand.fault = NULL;
    assume("P-13=invalid_request_error");
    stand.fault = "in_use";
    v = ask_for(&stand, 409, "POST /v1/products", "name=a");
    assert_string_equal(text_at(v, "error.type"), "invalid_request_error");
    assert_string_equal(text_at(v, "error.code"), "idempotency_key_in_use");
    stand.fault = NULL;
    stand.idem_key = NULL;
}

static void p_14_a_default_of_the_other_mode_may_have_no_hint(void **state)
{
    (void)state;
    make_pair(&product, &price);
    const char *test_price = price;
    stand.key = "sk_live_stand";
    make_pair(&product, &price);
    ask_refused(
        &stand, 400, "resource_missing", "default_price", post_to("/v1/products", product),
        format(&stand, "default_price=%s", test_price),
        format(&stand,
               "No such price: '%s'; a similar object exists in test mode, but a live mode key "
               "was used to make this request.",
               test_price));
    assume("P-14=plain");
    ask_refused(&stand, 400, "resource_missing", "default_price", post_to("/v1/products", product),
                format(&stand, "default_price=%s", test_price),
                format(&stand, "No such price: '%s'", test_price));
}

static void an_open_point_goes_one_of_its_ways(void **state)
{
    struct error e = { 0 };

    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /_emulator/points", "{\"spec\":\"P-5=maybe\"}");
    assert_string_equal(text_at(v, "error.message"),
                        "P-5 goes one of these ways: yes no; 'maybe' is none of them");
    assert_int_equal(emulator_assume(stand.emulator, S("P-15=no"), &e), ST_INVALID);
    v = ask_for(&stand, 200, "GET /_emulator/points", NULL);
    assert_int_equal(json_object_size(v), 14);
    assert_string_equal(text_at(v, "P-5"), "yes");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(p_1_an_archived_product_may_keep_its_default_on_sale),
        CASE(p_2_a_price_made_with_its_product_may_be_its_default),
        CASE(p_3_a_foreign_default_may_be_refused_as_missing),
        CASE(p_4_a_second_tax_behavior_may_be_an_unknown_parameter),
        CASE(p_5_a_default_price_may_not_be_cleared),
        CASE(p_6_the_refusal_to_archive_may_be_kept_or_not),
        CASE(p_7_an_archived_default_may_keep_its_product_archived),
        CASE(p_8_an_archived_product_may_keep_its_prices_archived),
        CASE(p_9_a_new_default_may_be_told_of_the_price_too),
        CASE(p_10_a_taken_lookup_key_may_have_a_code),
        CASE(p_11_a_lookup_key_may_be_cleared_or_not),
        CASE(p_12_a_deleted_customer_may_be_400_or_404),
        CASE(p_13_a_key_in_flight_may_be_of_another_type),
        CASE(p_14_a_default_of_the_other_mode_may_have_no_hint),
        CASE(an_open_point_goes_one_of_its_ways),
    };
    return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
