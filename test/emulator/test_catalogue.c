/* The rules of products, prices and default prices: stripe-facts, R-01 to R-40. */

#include "stand.h"

#include <string.h>

static struct stand stand;

static int set_up(void **state)
{
    (void)state;
    stand_open(&stand, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stand_close(&stand);
    return 0;
}

/* A product with a default price. */
static const char *product, *price;

static void make_pair(void)
{
    json_t *v = ask_for(&stand, 200, "POST /v1/products",
                        "name=Pro&default_price_data[currency]=usd&"
                        "default_price_data[unit_amount]=1000&"
                        "default_price_data[recurring][interval]=month");
    product = keep(&stand, text_at(v, "id"));
    price = keep(&stand, text_at(v, "default_price"));
}

static void R_01_a_default_price_cannot_be_archived(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/prices/%s", price), "active=false");
    assert_string_equal(text_at(v, "error.message"), "This price cannot be archived because it is "
                                                     "the default price of its product.");
    assert_string_equal(text_at(v, "error.type"), "invalid_request_error");
    assert_null(at(v, "error.code"));
    assert_null(at(v, "error.param"));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s", price), NULL);
    assert_true(json_is_true(at(v, "active")));
}

static void R_02_an_empty_string_clears_the_default_price(void **state)
{
    (void)state;
    make_pair();
    json_t *v =
        ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "default_price=");
    assert_true(json_is_null(at(v, "default_price")));
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
}

static void R_03_an_archived_product_lets_its_default_price_go(void **state)
{
    (void)state;
    make_pair();
    ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "active=false");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/products/%s", product), NULL);
    assert_string_equal(text_at(v, "default_price"), price);
}

static void R_04_a_product_with_prices_cannot_be_deleted(void **state)
{
    (void)state;
    make_pair();
    ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "active=false");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
    json_t *v = ask_for(&stand, 400, format(&stand, "DELETE /v1/products/%s", product), NULL);
    assert_string_equal(
        text_at(v, "error.message"),
        "This product cannot be deleted because it has one or more user-created prices.");
    assert_null(at(v, "error.code"));
}

static void R_05_a_deleted_product_is_404_afterwards(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=Gone");
    json_t *v = ask_for(&stand, 200, format(&stand, "DELETE /v1/products/%s", product), NULL);
    assert_true(json_is_true(at(v, "deleted")));
    assert_string_equal(text_at(v, "object"), "product");
    v = ask_for(&stand, 404, format(&stand, "GET /v1/products/%s", product), NULL);
    assert_string_equal(text_at(v, "error.message"),
                        format(&stand, "No such product: '%s'", product));
    assert_string_equal(text_at(v, "error.param"), "id");
    assert_string_equal(text_at(v, "error.code"), "resource_missing");
    assert_true(json_is_false(at(last_event(&stand, "product.deleted"), "data.object.active")));
}

static void R_06_prices_have_no_delete_route(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 404, format(&stand, "DELETE /v1/prices/%s", price), NULL);
    assert_ptr_equal(strstr(text_at(v, "error.message"), "Unrecognized request URL (DELETE: "),
                     text_at(v, "error.message"));
}

static void R_07_a_deleted_customer_answers_with_a_stub(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "email=a@example.com");
    ask_for(&stand, 200, format(&stand, "DELETE /v1/customers/%s", customer), NULL);
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s", customer), NULL);
    assert_int_equal(json_object_size(v), 3);
    assert_true(json_is_true(at(v, "deleted")));
    ask_for(&stand, 404, format(&stand, "DELETE /v1/customers/%s", customer), NULL);
    v = ask_for(&stand, 400, format(&stand, "POST /v1/customers/%s", customer), "name=x");
    assert_string_equal(text_at(v, "error.code"), "resource_missing");
}

static void R_08_some_fields_of_a_price_can_be_changed(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price),
                        "nickname=N&metadata[a]=1&lookup_key=k&tax_behavior=exclusive&"
                        "currency_options[eur][unit_amount]=900");
    assert_string_equal(text_at(v, "nickname"), "N");
    assert_string_equal(text_at(v, "metadata.a"), "1");
    assert_string_equal(text_at(v, "lookup_key"), "k");
    assert_string_equal(text_at(v, "tax_behavior"), "exclusive");
}

static void R_09_the_rest_of_a_price_cannot_be_changed(void **state)
{
    static const char *const field[] = { "unit_amount",    "unit_amount_decimal", "currency",
                                         "billing_scheme", "tiers_mode",          "product" };
    (void)state;
    make_pair();
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/prices/%s", price),
                            format(&stand, "%s=1", field[i]));
        assert_string_equal(text_at(v, "error.message"),
                            format(&stand, "Received unknown parameter: %s", field[i]));
        assert_string_equal(text_at(v, "error.code"), "parameter_unknown");
        assert_string_equal(text_at(v, "error.param"), field[i]);
    }
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/prices/%s", price),
                        "recurring[interval]=year&tiers[0][up_to]=1");
    assert_string_equal(text_at(v, "error.message"),
                        "Received unknown parameters: recurring, tiers");
}

static void R_10_a_prices_own_currency_is_no_option(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/prices/%s", price),
                        "currency_options[usd][unit_amount]=5");
    assert_string_equal(text_at(v, "error.param"), "currency_options[usd]");
}

static void R_14_an_amount_is_one_of_two_and_decimals_are_exact(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    json_t *v =
        ask_for(&stand, 200, "POST /v1/prices",
                format(&stand, "product=%s&currency=usd&unit_amount_decimal=0.0150", product));
    assert_string_equal(text_at(v, "unit_amount_decimal"), "0.0150");
    assert_true(json_is_null(at(v, "unit_amount")));
    v = ask_for(
        &stand, 400, "POST /v1/prices",
        format(&stand, "product=%s&currency=usd&unit_amount=1&unit_amount_decimal=1", product));
    assert_string_equal(
        text_at(v, "error.message"),
        "You may only specify one of these parameters: unit_amount, unit_amount_decimal.");
    v = ask_for(&stand, 400, "POST /v1/prices", format(&stand, "product=%s&currency=usd", product));
    assert_string_equal(
        text_at(v, "error.message"),
        "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.");
}

static void R_18_R_19_a_price_needs_one_product_that_exists(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /v1/prices", "currency=usd&unit_amount=1");
    assert_string_equal(
        text_at(v, "error.message"),
        "You must specify either `product` or `product_data` when creating a price.");
    v = ask_for(&stand, 400, "POST /v1/prices", "currency=usd&unit_amount=1&product=prod_nope");
    assert_string_equal(text_at(v, "error.message"), "No such product: 'prod_nope'");
    assert_string_equal(text_at(v, "error.param"), "product");
}

static void R_23_a_missing_name_is_said(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /v1/products", "description=x");
    assert_string_equal(text_at(v, "error.message"), "Missing required param: name.");
    assert_string_equal(text_at(v, "error.code"), "parameter_missing");
    assert_string_equal(text_at(v, "error.doc_url"),
                        "https://stripe.com/docs/error-codes/parameter-missing");
}

static void R_25_a_default_price_is_of_its_product_and_active(void **state)
{
    (void)state;
    make_pair();
    const char *mine = product;
    const char *second =
        make(&stand, "/v1/prices", format(&stand, "product=%s&currency=usd&unit_amount=5", mine));
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", second), "active=false");
    ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", mine),
            format(&stand, "default_price=%s", second));
    make_pair();
    ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", mine),
            format(&stand, "default_price=%s", price));
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", mine),
                        "default_price=price_nope");
    assert_string_equal(text_at(v, "error.message"), "No such price: 'price_nope'");
}

static void R_26_product_created_comes_first_and_shows_the_default(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 200, "GET /v1/events", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    assert_string_equal(text_at(v, "data.1.type"), "product.created");
    assert_string_equal(text_at(v, "data.1.data.object.default_price"), price);
    assert_string_equal(text_at(v, "data.0.type"), "price.created");
}

static void R_34_a_lookup_key_has_one_holder(void **state)
{
    (void)state;
    make_pair();
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "lookup_key=k1");
    ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "active=false");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
    json_t *v =
        ask_for(&stand, 400, "POST /v1/prices",
                format(&stand, "product=%s&currency=usd&unit_amount=1&lookup_key=k1", product));
    assert_string_equal(text_at(v, "error.message"),
                        format(&stand, "A price (`%s`) already uses that lookup key.", price));
    assert_string_equal(text_at(v, "error.param"), "lookup_key");
}

static void R_35_a_lookup_key_can_be_taken_over(void **state)
{
    (void)state;
    make_pair();
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "lookup_key=k1");
    json_t *v = ask_for(&stand, 200, "POST /v1/prices",
                        format(&stand,
                               "product=%s&currency=usd&unit_amount=1&lookup_key=k1&"
                               "transfer_lookup_key=true",
                               product));
    assert_string_equal(text_at(v, "lookup_key"), "k1");
    const char *heir = keep(&stand, text_at(v, "id"));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s", price), NULL);
    assert_true(json_is_null(at(v, "lookup_key")));
    assert_true(json_is_true(at(v, "active")));
    v = last_event(&stand, "price.updated");
    assert_string_equal(text_at(v, "data.previous_attributes.lookup_key"), "k1");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", heir), "lookup_key=k1");
}

static void R_39_tiers_and_currency_options_are_sent_when_asked_for(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    json_t *v = ask_for(&stand, 200, "POST /v1/prices",
                        format(&stand,
                               "product=%s&currency=usd&billing_scheme=tiered&tiers_mode=graduated&"
                               "recurring[interval]=month&tiers[0][up_to]=10&"
                               "tiers[0][unit_amount]=100&tiers[1][up_to]=inf&"
                               "tiers[1][unit_amount_decimal]=50.5&expand[]=tiers",
                               product));
    assert_int_equal(int_at(v, "tiers.0.up_to"), 10);
    assert_true(json_is_null(at(v, "tiers.1.up_to")));
    assert_string_equal(text_at(v, "tiers.1.unit_amount_decimal"), "50.5");
    price = keep(&stand, text_at(v, "id"));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s", price), NULL);
    assert_null(at(v, "tiers"));
    v = ask_for(&stand, 200, "GET /v1/prices?expand[]=data.currency_options&expand[]=data.product",
                NULL);
    assert_non_null(at(v, "data.0.currency_options.usd"));
    assert_string_equal(text_at(v, "data.0.product.name"), "P");
}

static void R_40_what_cannot_be_expanded_is_said(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 400,
                        format(&stand, "GET /v1/products/%s?expand[]=metadata", product), NULL);
    assert_string_equal(text_at(v, "error.message"),
                        "This property cannot be expanded (metadata).");
    v = ask_for(&stand, 400, format(&stand, "GET /v1/products/%s?expand[]=nope", product), NULL);
    assert_string_equal(text_at(v, "error.message"),
                        "This property cannot be expanded because it doesn't exist: nope.");
    v = ask_for(&stand, 400, "GET /v1/products?expand[]=default_price", NULL);
    assert_string_equal(text_at(v, "error.message"),
                        "This property cannot be expanded because it doesn't exist: default_price. "
                        "You may want to try expanding 'data.default_price' instead.");
    v = ask_for(&stand, 400, "GET /v1/products?expand[]=data.default_price.a.b.c", NULL);
    assert_string_equal(text_at(v, "error.code"), "property_expansion_max_depth");
}

static void an_inline_price_is_never_listed(void **state)
{
    (void)state;
    make_pair();
    json_t *v = ask_for(&stand, 200, "GET /v1/prices", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
}

static void metadata_merges_by_key_and_has_bounds(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P&metadata[a]=1&metadata[b]=2");
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product),
                        "metadata[a]=&metadata[c]=3");
    assert_null(at(v, "metadata.a"));
    assert_string_equal(text_at(v, "metadata.b"), "2");
    v = last_event(&stand, "product.updated");
    assert_string_equal(text_at(v, "data.previous_attributes.metadata.a"), "1");
    assert_true(json_is_null(at(v, "data.previous_attributes.metadata.c")));
    assert_null(at(v, "data.previous_attributes.metadata.b"));
    char key[42];
    memset(key, 'k', 41);
    key[41] = 0;
    v = ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", product),
                format(&stand, "metadata[%s]=1", key));
    assert_string_equal(text_at(v, "error.param"), "metadata");
    v = ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "metadata=");
    assert_int_equal(json_object_size(at(v, "metadata")), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(R_01_a_default_price_cannot_be_archived),
        CASE(R_02_an_empty_string_clears_the_default_price),
        CASE(R_03_an_archived_product_lets_its_default_price_go),
        CASE(R_04_a_product_with_prices_cannot_be_deleted),
        CASE(R_05_a_deleted_product_is_404_afterwards),
        CASE(R_06_prices_have_no_delete_route),
        CASE(R_07_a_deleted_customer_answers_with_a_stub),
        CASE(R_08_some_fields_of_a_price_can_be_changed),
        CASE(R_09_the_rest_of_a_price_cannot_be_changed),
        CASE(R_10_a_prices_own_currency_is_no_option),
        CASE(R_14_an_amount_is_one_of_two_and_decimals_are_exact),
        CASE(R_18_R_19_a_price_needs_one_product_that_exists),
        CASE(R_23_a_missing_name_is_said),
        CASE(R_25_a_default_price_is_of_its_product_and_active),
        CASE(R_26_product_created_comes_first_and_shows_the_default),
        CASE(R_34_a_lookup_key_has_one_holder),
        CASE(R_35_a_lookup_key_can_be_taken_over),
        CASE(R_39_tiers_and_currency_options_are_sent_when_asked_for),
        CASE(R_40_what_cannot_be_expanded_is_said),
        CASE(an_inline_price_is_never_listed),
        CASE(metadata_merges_by_key_and_has_bounds),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
