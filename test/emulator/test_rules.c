/* The rules of the catalogue, R-01 to R-42 of docs/stripe-facts.md, a test each, and the open
 * points P-1 to P-14, each of which can go two ways. */
#include "shop.h"

#include <string.h>

/* A product with a default price. */
static const char *product, *price;

static void r_01_a_default_price_cannot_be_archived(void **state)
{
    (void)state;
    make_pair(&product, &price);
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/prices/%s", price), "active=false");
    assert_string_equal(text_at(v, "error.message"), "This price cannot be archived because it is "
                                                     "the default price of its product.");
    assert_string_equal(text_at(v, "error.type"), "invalid_request_error");
    assert_null(at(v, "error.code"));
    assert_null(at(v, "error.param"));
    v = ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s", price), NULL);
    assert_true(json_is_true(at(v, "active")));
}

static void r_02_an_empty_string_clears_the_default_price(void **state)
{
    (void)state;
    make_pair(&product, &price);
    json_t *v =
        ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "default_price=");
    assert_true(json_is_null(at(v, "default_price")));
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
}

static void r_03_an_archived_product_lets_its_default_price_go(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "active=false");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/products/%s", product), NULL);
    assert_string_equal(text_at(v, "default_price"), price);
}

static void r_04_a_product_with_prices_cannot_be_deleted(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, format(&stand, "POST /v1/products/%s", product), "active=false");
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price), "active=false");
    json_t *v = ask_for(&stand, 400, format(&stand, "DELETE /v1/products/%s", product), NULL);
    assert_string_equal(
        text_at(v, "error.message"),
        "This product cannot be deleted because it has one or more user-created prices.");
    assert_null(at(v, "error.code"));
}

static void r_05_a_deleted_product_is_404_afterwards(void **state)
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

static void r_06_prices_have_no_delete_route(void **state)
{
    (void)state;
    make_pair(&product, &price);
    json_t *v = ask_for(&stand, 404, format(&stand, "DELETE /v1/prices/%s", price), NULL);
    assert_ptr_equal(strstr(text_at(v, "error.message"), "Unrecognized request URL (DELETE: "),
                     text_at(v, "error.message"));
}

static void r_07_a_deleted_customer_answers_with_a_stub(void **state)
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

static void r_08_some_fields_of_a_price_can_be_changed(void **state)
{
    (void)state;
    make_pair(&product, &price);
    json_t *v = ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", price),
                        "nickname=N&metadata[a]=1&lookup_key=k&tax_behavior=exclusive&"
                        "currency_options[eur][unit_amount]=900");
    assert_string_equal(text_at(v, "nickname"), "N");
    assert_string_equal(text_at(v, "metadata.a"), "1");
    assert_string_equal(text_at(v, "lookup_key"), "k");
    assert_string_equal(text_at(v, "tax_behavior"), "exclusive");
}

static void r_09_the_rest_of_a_price_cannot_be_changed(void **state)
{
    static const char *const field[] = { "unit_amount",    "unit_amount_decimal", "currency",
                                         "billing_scheme", "tiers_mode",          "product" };
    (void)state;
    make_pair(&product, &price);
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

static void r_10_a_prices_own_currency_is_no_option(void **state)
{
    (void)state;
    make_pair(&product, &price);
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/prices/%s", price),
                        "currency_options[usd][unit_amount]=5");
    assert_string_equal(text_at(v, "error.param"), "currency_options[usd]");
    ask_refused(
        &stand, 400, NULL, "currency_options[usd]", post_to("/v1/prices", price),
        "currency_options[usd][unit_amount]=5",
        "You are specifying an update to a currency option that matches the top-level currency "
        "for this price. Please remove this currency option and update the top-level params "
        "instead.");
}

static void r_11_the_currency_of_a_price_stays(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_refused(&stand, 400, "parameter_unknown", "currency", post_to("/v1/prices", price),
                "currency=eur", "Received unknown parameter: currency");
}

static const char *price_with(const char *form)
{
    const char *of = make(&stand, "/v1/products", "name=P");
    return make(&stand, "/v1/prices", format(&stand, "product=%s&%s", of, form));
}

static const char *subscribing(const char *customer, const char *to)
{
    return format(&stand, "customer=%s&items[0][price]=%s", customer, to);
}

static void r_12_a_customer_has_one_currency(void **state)
{
    (void)state;
    make_pair(&product, &price);
    const char *customer = payer("");
    ask_for(&stand, 200, "POST /v1/subscriptions", subscribing(customer, price));
    const char *other = price_with("currency=cad&unit_amount=5&recurring[interval]=month");
    ask_refused(
        &stand, 400, NULL, NULL, "POST /v1/subscriptions", subscribing(customer, other),
        "You cannot combine currencies on a single customer. This customer has an active "
        "subscription, subscription schedule, discount, quote, or invoice item with currency "
        "usd");
}

static void r_13_a_tax_behavior_is_chosen_once(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/prices", price), "tax_behavior=unspecified");
    ask_for(&stand, 200, post_to("/v1/prices", price), "tax_behavior=exclusive");
    ask_for(&stand, 200, post_to("/v1/prices", price), "tax_behavior=exclusive");
    json_t *v = ask_for(&stand, 400, post_to("/v1/prices", price), "tax_behavior=inclusive");
    assert_string_equal(text_at(v, "error.param"), "tax_behavior");
}

static void r_14_an_amount_is_one_of_two_and_decimals_are_exact(void **state)
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

static void r_18_a_price_needs_one_product(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /v1/prices", "currency=usd&unit_amount=1");
    assert_string_equal(
        text_at(v, "error.message"),
        "You must specify either `product` or `product_data` when creating a price.");
    ask_refused(&stand, 400, "parameters_exclusive", "product", "POST /v1/prices",
                "currency=usd&unit_amount=1&product=prod_x&product_data[name]=n",
                "You may only specify one of these parameters: product, product_data.");
}

static void r_19_an_unknown_product_is_400_and_named(void **state)
{
    (void)state;
    ask_refused(&stand, 400, "resource_missing", "product", "POST /v1/prices",
                "currency=usd&unit_amount=1&product=prod_nope", "No such product: 'prod_nope'");
}

static void r_15_an_amount_has_at_most_eight_digits(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    json_t *v = ask_for(&stand, 400, "POST /v1/prices",
                        format(&stand, "product=%s&currency=usd&unit_amount=100000000", product));
    assert_string_equal(text_at(v, "error.param"), "unit_amount");
    price_with("currency=usd&unit_amount=99999999");
    price_with("currency=jpy&unit_amount=100000000");
}

static void r_16_amounts_are_in_the_smallest_unit_of_their_currency(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    json_t *v = ask_for(&stand, 200, "POST /v1/prices",
                        format(&stand, "product=%s&currency=JPY&unit_amount=501", product));
    assert_string_equal(text_at(v, "currency"), "jpy");
    assert_int_equal(int_at(v, "unit_amount"), 501);
    v = ask_for(&stand, 400, "POST /v1/prices",
                format(&stand, "product=%s&currency=kwd&unit_amount=1234", product));
    assert_string_equal(text_at(v, "error.param"), "unit_amount");
    price_with("currency=kwd&unit_amount=1230");
    ask_for(&stand, 400, "POST /v1/prices",
            format(&stand,
                   "product=%s&currency=usd&unit_amount=1&"
                   "currency_options[bhd][unit_amount]=7",
                   product));
}

static void r_17_a_period_lasts_three_years_at_most(void **state)
{
    static const char *const most[][2] = {
        { "month", "36" }, { "week", "156" }, { "day", "1095" }, { "year", "3" }
    };
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    ask_refused(&stand, 400, NULL, "recurring[interval_count]", "POST /v1/prices",
                format(&stand,
                       "product=%s&currency=usd&unit_amount=1&recurring[interval]=month&"
                       "recurring[interval_count]=37",
                       product),
                "The interval_count for monthly prices can't be greater than 36");
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        price_with(format(&stand,
                          "currency=usd&unit_amount=1&recurring[interval]=%s&"
                          "recurring[interval_count]=%s",
                          most[i][0], most[i][1]));
}

static void r_20_a_one_time_price_has_no_tiers(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    ask_refused(&stand, 400, NULL, "interval", "POST /v1/prices",
                format(&stand,
                       "product=%s&currency=usd&billing_scheme=tiered&tiers_mode=volume&"
                       "tiers[0][up_to]=inf&tiers[0][unit_amount]=1",
                       product),
                "Prices with `type=one_time` are not supported with tiered billing.");
}

static void r_21_a_metered_price_has_a_meter(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    ask_refused(&stand, 400, NULL, NULL, "POST /v1/prices",
                format(&stand,
                       "product=%s&currency=usd&unit_amount=1&recurring[interval]=month&"
                       "recurring[usage_type]=metered",
                       product),
                "Starting with Stripe version `2025-03-31.basil`, metered prices must be backed by "
                "meters.");
}

static void r_22_an_unknown_currency_is_told_the_known_ones(void **state)
{
    (void)state;
    product = make(&stand, "/v1/products", "name=P");
    json_t *v = ask_for(&stand, 400, "POST /v1/prices",
                        format(&stand, "product=%s&currency=xxx&unit_amount=1", product));
    static const char said[] =
        "Invalid currency: xxx. Stripe currently supports these currencies: usd, aed, ";
    assert_int_equal(strncmp(text_at(v, "error.message"), said, strlen(said)), 0);
    assert_string_equal(text_at(v, "error.param"), "currency");
}

static void r_23_a_missing_name_is_said(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 400, "POST /v1/products", "description=x");
    assert_string_equal(text_at(v, "error.message"), "Missing required param: name.");
    assert_string_equal(text_at(v, "error.code"), "parameter_missing");
    assert_string_equal(text_at(v, "error.doc_url"),
                        "https://stripe.com/docs/error-codes/parameter-missing");
}

static void r_24_a_default_price_exists(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_refused(&stand, 400, "resource_missing", "default_price", post_to("/v1/products", product),
                "default_price=price_nope", "No such price: 'price_nope'");
}

static void r_25_a_default_price_is_of_its_product_and_active(void **state)
{
    (void)state;
    make_pair(&product, &price);
    const char *mine = product;
    const char *second =
        make(&stand, "/v1/prices", format(&stand, "product=%s&currency=usd&unit_amount=5", mine));
    ask_for(&stand, 200, format(&stand, "POST /v1/prices/%s", second), "active=false");
    ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", mine),
            format(&stand, "default_price=%s", second));
    make_pair(&product, &price);
    ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", mine),
            format(&stand, "default_price=%s", price));
    json_t *v = ask_for(&stand, 400, format(&stand, "POST /v1/products/%s", mine),
                        "default_price=price_nope");
    assert_string_equal(text_at(v, "error.message"), "No such price: 'price_nope'");
}

static void r_26_product_created_comes_first_and_shows_the_default(void **state)
{
    (void)state;
    make_pair(&product, &price);
    json_t *v = ask_for(&stand, 200, "GET /v1/events", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 3);
    assert_string_equal(text_at(v, "data.2.type"), "product.created");
    assert_string_equal(text_at(v, "data.2.data.object.default_price"), price);
    assert_string_equal(text_at(v, "data.1.type"), "plan.created");
    assert_string_equal(text_at(v, "data.0.type"), "price.created");
}

static void r_27_a_price_made_with_its_product_is_not_its_default(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "POST /v1/prices",
                        "currency=usd&unit_amount=1&product_data[name]=P&expand[]=product");
    assert_string_equal(text_at(v, "product.name"), "P");
    assert_true(json_is_null(at(v, "product.default_price")));
}

static void r_28_the_first_price_of_a_product_is_not_its_default(void **state)
{
    (void)state;
    price = price_with("currency=usd&unit_amount=1");
    json_t *v =
        ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s?expand[]=product", price), NULL);
    assert_true(json_is_null(at(v, "product.default_price")));
}

static void r_29_an_archived_product_leaves_its_prices_active(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/products", product), "active=false");
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s", price), NULL);
    assert_true(json_is_true(at(v, "active")));
    assert_int_equal(count_events(&stand, "price.updated"), 0);
}

static void r_30_an_archived_product_goes_on_where_it_is_subscribed(void **state)
{
    (void)state;
    make_pair(&product, &price);
    const char *customer = payer("");
    const char *sub = make(&stand, "/v1/subscriptions", subscribing(customer, price));
    ask_for(&stand, 200, post_to("/v1/products", product), "active=false");
    stand.clock.now += 32 * 86400000LL;
    emulator_advance(stand.emulator);
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/subscriptions/%s", sub), NULL);
    assert_string_equal(text_at(v, "status"), "active");
    v = ask_for(&stand, 200, "GET /v1/invoices?status=paid", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
}

static void r_31_an_archived_price_is_not_sold(void **state)
{
    (void)state;
    price = price_with("currency=usd&unit_amount=1&recurring[interval]=month");
    ask_for(&stand, 200, post_to("/v1/prices", price), "active=false");
    ask_refused(&stand, 400, NULL, "items[0][price]", "POST /v1/subscriptions",
                subscribing(payer(""), price),
                "The price specified is inactive. This field only accepts active prices.");
}

static void r_32_a_price_of_an_archived_product_is_not_sold(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/products", product), "active=false");
    ask_refused(
        &stand, 400, NULL, "items[0][price]", "POST /v1/subscriptions",
        subscribing(payer(""), price),
        format(&stand,
               "Price `%s` is not available to be purchased because its product is not active.",
               price));
}

static void r_33_a_one_time_price_is_not_subscribed_to(void **state)
{
    (void)state;
    price = price_with("currency=usd&unit_amount=1");
    ask_refused(
        &stand, 400, NULL, "items[0][price]", "POST /v1/subscriptions",
        subscribing(payer(""), price),
        "The price specified is set to `type=one_time` but this field only accepts prices with "
        "`type=recurring`.");
}

static void r_34_a_lookup_key_has_one_holder(void **state)
{
    (void)state;
    make_pair(&product, &price);
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

static void r_35_a_lookup_key_can_be_taken_over(void **state)
{
    (void)state;
    make_pair(&product, &price);
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

static void r_36_a_lookup_key_that_moves_leaves_the_default(void **state)
{
    (void)state;
    make_pair(&product, &price);
    ask_for(&stand, 200, post_to("/v1/prices", price), "lookup_key=k1");
    make(&stand, "/v1/prices",
         format(&stand,
                "product=%s&currency=usd&unit_amount=1&lookup_key=k1&transfer_lookup_key=true",
                product));
    json_t *v = ask_for(&stand, 200, format(&stand, "GET /v1/products/%s", product), NULL);
    assert_string_equal(text_at(v, "default_price"), price);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/prices/%s", price), NULL);
    assert_true(json_is_null(at(v, "lookup_key")));
}

static const char *many(const char *list, const char *one, int n)
{
    const char *form = "name=P";

    for (int i = 0; i < n; i++)
        form = format(&stand, "%s&%s[%d]%s", form, list, i, one);
    return form;
}

static void r_37_a_product_has_bounds(void **state)
{
    static const char *const wrong[][2] = {
        { "name=P&statement_descriptor=TWENTY-THREE-CHARACTERS", "statement_descriptor" },
        { "name=P&statement_descriptor=12345", "statement_descriptor" },
        { "name=P&statement_descriptor=A*B", "statement_descriptor" },
        { "name=P&statement_descriptor=A%3CB", "statement_descriptor" },
        { "name=P&unit_label=thirteen-char", "unit_label" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *v = ask_for(&stand, 400, "POST /v1/products", wrong[i][0]);
        assert_string_equal(text_at(v, "error.param"), wrong[i][1]);
    }
    ask_for(&stand, 200, "POST /v1/products", many("images", "=https://x.example/i", 8));
    ask_for(&stand, 400, "POST /v1/products", many("images", "=https://x.example/i", 9));
    ask_for(&stand, 200, "POST /v1/products", many("marketing_features", "[name]=f", 15));
    ask_for(&stand, 400, "POST /v1/products", many("marketing_features", "[name]=f", 16));
    ask_for(&stand, 200, "POST /v1/products", "name=P&id=gold&statement_descriptor=A1");
    ask_refused(&stand, 400, "resource_already_exists", "id", "POST /v1/products", "name=P&id=gold",
                "Product already exists.");
    ask_refused(&stand, 400, "parameter_unknown", "type", post_to("/v1/products", "gold"),
                "type=good", "Received unknown parameter: type");
}

static void r_38_a_plan_is_a_price_and_a_price_a_plan(void **state)
{
    (void)state;
    json_t *v =
        ask_for(&stand, 200, "POST /v1/plans",
                "id=RTK-pro&currency=usd&interval=month&amount=2000&product[name]=myproduct");
    assert_string_equal(text_at(v, "object"), "plan");
    assert_int_equal(int_at(v, "amount"), 2000);
    assert_int_equal(count_events(&stand, "plan.created"), 1);
    assert_int_equal(count_events(&stand, "price.created"), 1);
    v = ask_for(&stand, 200, "GET /v1/prices/RTK-pro", NULL);
    assert_string_equal(text_at(v, "object"), "price");
    assert_int_equal(int_at(v, "unit_amount"), 2000);
    assert_string_equal(text_at(v, "recurring.interval"), "month");
    ask_for(&stand, 200, "POST /v1/prices/RTK-pro", "nickname=N");
    v = ask_for(&stand, 200, "GET /v1/plans/RTK-pro", NULL);
    assert_string_equal(text_at(v, "nickname"), "N");
    assert_true(
        json_is_null(at(last_event(&stand, "plan.updated"), "data.previous_attributes.nickname")));
    ask_for(&stand, 200, "POST /v1/plans/RTK-pro", "metadata[foo]=bar");
    v = ask_for(&stand, 200, "GET /v1/prices/RTK-pro", NULL);
    assert_string_equal(text_at(v, "metadata.foo"), "bar");
    price_with("currency=usd&unit_amount=1"); /* no plan: it does not recur */
    v = ask_for(&stand, 200, "GET /v1/plans", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    v = ask_for(&stand, 200, "DELETE /v1/plans/RTK-pro", NULL);
    assert_true(json_is_true(at(v, "deleted")));
    ask_refused(&stand, 404, "resource_missing", "price", "GET /v1/prices/RTK-pro", NULL,
                "No such price: 'RTK-pro'");
    ask_refused(&stand, 404, "resource_missing", "plan", "GET /v1/plans/RTK-pro", NULL,
                "No such plan: 'RTK-pro'");
    assert_int_equal(count_events(&stand, "plan.deleted"), 1);
    assert_int_equal(count_events(&stand, "price.deleted"), 1);
}

static void r_39_tiers_and_currency_options_are_sent_when_asked_for(void **state)
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

static void r_40_what_cannot_be_expanded_is_said(void **state)
{
    (void)state;
    make_pair(&product, &price);
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

static void r_41_an_active_promotion_code_stands_once(void **state)
{
    (void)state;
    const char *coupon = make(&stand, "/v1/coupons", "percent_off=20");
    const char *form = format(&stand, "promotion[type]=coupon&promotion[coupon]=%s&code=X", coupon);
    const char *code = make(&stand, "/v1/promotion_codes", form);
    ask_refused(&stand, 400, NULL, "code", "POST /v1/promotion_codes", form,
                "An active promotion code with `code: X` already exists.");
    ask_for(&stand, 200, post_to("/v1/promotion_codes", code), "active=false");
    make(&stand, "/v1/promotion_codes", form);
    ask_for(&stand, 400, post_to("/v1/promotion_codes", code), "active=true");
}

static void r_42_of_a_coupon_three_things_can_be_changed(void **state)
{
    static const char *const fixed[] = { "percent_off",     "amount_off", "currency",  "duration",
                                         "max_redemptions", "redeem_by",  "applies_to" };
    (void)state;
    const char *coupon = make(&stand, "/v1/coupons", "percent_off=20.5&duration=forever");
    json_t *v = ask_for(&stand, 200, post_to("/v1/coupons", coupon),
                        "name=N&metadata[a]=1&currency_options[eur][amount_off]=5");
    assert_string_equal(text_at(v, "name"), "N");
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        ask_refused(&stand, 400, "parameter_unknown", fixed[i], post_to("/v1/coupons", coupon),
                    format(&stand, "%s=1", fixed[i]),
                    format(&stand, "Received unknown parameter: %s", fixed[i]));
    const char *customer = make(&stand, "/v1/customers", format(&stand, "coupon=%s", coupon));
    ask_for(&stand, 200, format(&stand, "DELETE /v1/coupons/%s", coupon), NULL);
    ask_for(&stand, 404, format(&stand, "GET /v1/coupons/%s", coupon), NULL);
    v = ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s", customer), NULL);
    assert_string_equal(text_at(v, "discount.source.coupon"), coupon);
}

static void an_inline_price_is_never_listed(void **state)
{
    (void)state;
    make_pair(&product, &price);
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
        CASE(r_01_a_default_price_cannot_be_archived),
        CASE(r_02_an_empty_string_clears_the_default_price),
        CASE(r_03_an_archived_product_lets_its_default_price_go),
        CASE(r_04_a_product_with_prices_cannot_be_deleted),
        CASE(r_05_a_deleted_product_is_404_afterwards),
        CASE(r_06_prices_have_no_delete_route),
        CASE(r_07_a_deleted_customer_answers_with_a_stub),
        CASE(r_08_some_fields_of_a_price_can_be_changed),
        CASE(r_09_the_rest_of_a_price_cannot_be_changed),
        CASE(r_10_a_prices_own_currency_is_no_option),
        CASE(r_11_the_currency_of_a_price_stays),
        CASE(r_12_a_customer_has_one_currency),
        CASE(r_13_a_tax_behavior_is_chosen_once),
        CASE(r_14_an_amount_is_one_of_two_and_decimals_are_exact),
        CASE(r_18_a_price_needs_one_product),
        CASE(r_19_an_unknown_product_is_400_and_named),
        CASE(r_15_an_amount_has_at_most_eight_digits),
        CASE(r_16_amounts_are_in_the_smallest_unit_of_their_currency),
        CASE(r_17_a_period_lasts_three_years_at_most),
        CASE(r_20_a_one_time_price_has_no_tiers),
        CASE(r_21_a_metered_price_has_a_meter),
        CASE(r_22_an_unknown_currency_is_told_the_known_ones),
        CASE(r_23_a_missing_name_is_said),
        CASE(r_24_a_default_price_exists),
        CASE(r_25_a_default_price_is_of_its_product_and_active),
        CASE(r_26_product_created_comes_first_and_shows_the_default),
        CASE(r_27_a_price_made_with_its_product_is_not_its_default),
        CASE(r_28_the_first_price_of_a_product_is_not_its_default),
        CASE(r_29_an_archived_product_leaves_its_prices_active),
        CASE(r_30_an_archived_product_goes_on_where_it_is_subscribed),
        CASE(r_31_an_archived_price_is_not_sold),
        CASE(r_32_a_price_of_an_archived_product_is_not_sold),
        CASE(r_33_a_one_time_price_is_not_subscribed_to),
        CASE(r_34_a_lookup_key_has_one_holder),
        CASE(r_35_a_lookup_key_can_be_taken_over),
        CASE(r_36_a_lookup_key_that_moves_leaves_the_default),
        CASE(r_37_a_product_has_bounds),
        CASE(r_38_a_plan_is_a_price_and_a_price_a_plan),
        CASE(r_39_tiers_and_currency_options_are_sent_when_asked_for),
        CASE(r_40_what_cannot_be_expanded_is_said),
        CASE(r_41_an_active_promotion_code_stands_once),
        CASE(r_42_of_a_coupon_three_things_can_be_changed),
        CASE(an_inline_price_is_never_listed),
        CASE(metadata_merges_by_key_and_has_bounds),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
