/* What is billed with: coupons, discounts, taxes, invoice items, and what they come to. */
#include "shop.h"

#include <string.h>

/* An invoice over lines of these amounts, not yet finalised. */
static const char *invoice_over(const char *customer, const int *amount, int n, const char *more)
{
    for (int i = 0; i < n; i++)
        make(&stand, "/v1/invoiceitems",
             format(&stand, "customer=%s&amount=%d&currency=usd", customer, amount[i]));
    return make(
        &stand, "/v1/invoices",
        format(&stand, "customer=%s&pending_invoice_items_behavior=include%s", customer, more));
}

/* --- coupons --- */

static void a_coupon_is_worth_a_percentage_or_an_amount(void **state)
{
    (void)state;
    json_t *v = ask_for(&stand, 200, "POST /v1/coupons", "percent_off=12.5");
    assert_string_equal(text_at(v, "duration"), "once");
    assert_int_equal(strlen(text_at(v, "id")), 8);
    assert_true(json_number_value(at(v, "percent_off")) == 12.5);
    ask_for(&stand, 400, "POST /v1/coupons", "percent_off=5&amount_off=5&currency=usd");
    ask_for(&stand, 400, "POST /v1/coupons", "duration=forever");
    ask_for(&stand, 400, "POST /v1/coupons", "percent_off=101");
    v = ask_for(&stand, 400, "POST /v1/coupons", "amount_off=5");
    assert_string_equal(text_at(v, "error.param"), "currency");
    v = ask_for(&stand, 400, "POST /v1/coupons", "percent_off=5&duration=repeating");
    assert_string_equal(text_at(v, "error.param"), "duration_in_months");
    make(&stand, "/v1/coupons", "id=GOLD&amount_off=500&currency=usd");
    v = ask_for(&stand, 400, "POST /v1/coupons", "id=GOLD&percent_off=5");
    assert_string_equal(text_at(v, "error.code"), "resource_already_exists");
    assert_int_equal(count_events(&stand, "coupon.created"), 2);
}

static void a_promotion_code_ends_with_its_redemptions(void **state)
{
    (void)state;
    make(&stand, "/v1/coupons", "id=C&percent_off=50");
    json_t *v = ask_for(&stand, 200, "POST /v1/promotion_codes",
                        "promotion[type]=coupon&promotion[coupon]=C&code=HELLO&max_redemptions=1");
    const char *code = keep(&stand, text_at(v, "id"));
    const char *customer = make(&stand, "/v1/customers", format(&stand, "promotion_code=%s", code));
    v = get("/v1/promotion_codes", code);
    assert_true(json_is_false(at(v, "active")));
    assert_int_equal(int_at(v, "times_redeemed"), 1);
    assert_int_equal(int_at(get("/v1/coupons", "C"), "times_redeemed"), 1);
    v = get("/v1/customers", customer);
    assert_string_equal(text_at(v, "discount.promotion_code"), code);
    ask_for(&stand, 400, "POST /v1/customers", format(&stand, "promotion_code=%s", code));
    v = ask_for(&stand, 200, "GET /v1/promotion_codes?code=hello&expand[]=data.promotion.coupon",
                NULL);
    assert_string_equal(text_at(v, "data.0.promotion.coupon.id"), "C");
}

static void a_customers_discount_comes_changes_and_goes_with_events(void **state)
{
    (void)state;
    make(&stand, "/v1/coupons", "id=A&percent_off=20");
    make(&stand, "/v1/coupons", "id=B&percent_off=30");
    const char *customer = make(&stand, "/v1/customers", "coupon=A");
    assert_int_equal(count_events(&stand, "customer.discount.created"), 1);
    ask_for(&stand, 200, format(&stand, "POST /v1/customers/%s", customer), "coupon=B");
    json_t *v = last_event(&stand, "customer.discount.updated");
    assert_string_equal(text_at(v, "data.object.source.coupon"), "B");
    assert_string_equal(text_at(v, "data.previous_attributes.source.coupon"), "A");
    ask_for(&stand, 200, format(&stand, "POST /v1/customers/%s", customer), "coupon=");
    assert_int_equal(count_events(&stand, "customer.discount.deleted"), 1);
    assert_true(json_is_null(at(get("/v1/customers", customer), "discount")));
    ask_for(&stand, 404, format(&stand, "DELETE /v1/customers/%s/discount", customer), NULL);
}

static void an_invoice_without_discounts_leaves_its_customers(void **state)
{
    static const int amount[] = { 1000 };

    (void)state;
    make(&stand, "/v1/coupons", "id=A&percent_off=20&duration=forever");
    const char *customer = payer("&coupon=A");
    const char *invoice = invoice_over(customer, amount, 1, "");
    assert_int_equal(int_at(get("/v1/invoices", invoice), "total"), 800);
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s", invoice), "discounts=");
    assert_int_equal(int_at(get("/v1/invoices", invoice), "total"), 1000);
    assert_string_equal(text_at(get("/v1/customers", customer), "discount.source.coupon"), "A");
    assert_int_equal(count_events(&stand, "customer.discount.deleted"), 0);
}

static void a_customers_coupon_for_once_pays_one_invoice(void **state)
{
    static const int amount[] = { 1000 };

    (void)state;
    make(&stand, "/v1/coupons", "id=A&percent_off=20");
    const char *customer = payer("&coupon=A");
    assert_int_equal(int_at(get("/v1/invoices", invoice_over(customer, amount, 1, "")), "total"),
                     800);
    assert_true(json_is_null(at(get("/v1/customers", customer), "discount")));
    assert_int_equal(int_at(get("/v1/invoices", invoice_over(customer, amount, 1, "")), "total"),
                     1000);
}

static void discounts_come_off_in_their_order_and_to_the_cent(void **state)
{
    static const int amount[] = { 1000, 500, 333 };

    (void)state;
    make(&stand, "/v1/coupons", "id=P&percent_off=10");
    make(&stand, "/v1/coupons", "id=F&amount_off=100&currency=usd");
    const char *customer = payer("");
    const char *id =
        invoice_over(customer, amount, 3, "&discounts[0][coupon]=P&discounts[1][coupon]=F");
    json_t *v = get("/v1/invoices", id);
    assert_int_equal(int_at(v, "subtotal"), 1833);
    assert_int_equal(int_at(v, "total_discount_amounts.0.amount"), 100 + 50 + 33);
    assert_int_equal(int_at(v, "total_discount_amounts.1.amount"), 100);
    assert_int_equal(int_at(v, "total"), 1833 - 183 - 100);
    json_int_t sum = 0;
    for (int i = 0; i < 3; i++)
        sum += int_at(v, format(&stand, "lines.data.%d.discount_amounts.1.amount", i));
    assert_int_equal(sum, 100);
    assert_int_equal(int_at(get("/v1/coupons", "P"), "times_redeemed"), 1);
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s", id), "discounts=");
    assert_int_equal(int_at(get("/v1/invoices", id), "total"), 1833);
}

static void a_coupon_for_one_product_leaves_the_others(void **state)
{
    (void)state;
    const char *cheap = price_of(500, "month"), *dear = price_of(2000, "month");
    const char *product = keep(&stand, text_at(get("/v1/prices", cheap), "product"));
    make(&stand, "/v1/coupons",
         format(&stand, "id=ONE&percent_off=50&duration=forever&applies_to[products][0]=%s",
                product));
    json_t *v = ask_for(&stand, 200, "GET /v1/coupons/ONE?expand[]=applies_to", NULL);
    assert_string_equal(text_at(v, "applies_to.products.0"), product);
    const char *sub = subscribe(
        payer(""), cheap, format(&stand, "&items[1][price]=%s&discounts[0][coupon]=ONE", dear));
    v = latest_invoice(sub);
    assert_int_equal(int_at(v, "amount_paid"), 250 + 2000);
}

static void a_coupon_holds_once_for_months_or_forever(void **state)
{
    static const struct {
        const char *duration;
        int first, second, fourth;
    } row[] = { { "once", 500, 1000, 1000 },
                { "repeating&duration_in_months=2", 500, 500, 1000 },
                { "forever", 500, 500, 500 } };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *coupon = make(&stand, "/v1/coupons",
                                  format(&stand, "percent_off=50&duration=%s", row[i].duration));
        const char *sub = subscribe(payer(""), price_of(1000, "month"),
                                    format(&stand, "&discounts[0][coupon]=%s", coupon));
        assert_int_equal(int_at(latest_invoice(sub), "total"), row[i].first);
        pass(32 * DAY);
        assert_int_equal(int_at(latest_invoice(sub), "total"), row[i].second);
        pass(62 * DAY);
        assert_int_equal(int_at(latest_invoice(sub), "total"), row[i].fourth);
    }
}

static void a_subscriptions_discount_can_be_taken_away(void **state)
{
    (void)state;
    make(&stand, "/v1/coupons", "id=A&percent_off=20&duration=forever");
    const char *sub = subscribe(payer(""), price_of(1000, "month"), "&discounts[0][coupon]=A");
    json_t *v = ask_for(&stand, 200,
                        format(&stand, "GET /v1/subscriptions/%s?expand[]=discounts", sub), NULL);
    assert_string_equal(text_at(v, "discounts.0.source.coupon"), "A");
    assert_string_equal(text_at(v, "discounts.0.subscription"), sub);
    v = ask_for(&stand, 200, format(&stand, "DELETE /v1/subscriptions/%s/discount", sub), NULL);
    assert_true(json_is_true(at(v, "deleted")));
    assert_int_equal(json_array_size(at(get("/v1/subscriptions", sub), "discounts")), 0);
    assert_int_equal(count_events(&stand, "customer.discount.deleted"), 1);
}

/* --- taxes --- */

static const char *tax_rate(const char *percentage, bool inclusive)
{
    return make(&stand, "/v1/tax_rates",
                format(&stand, "display_name=VAT&percentage=%s&inclusive=%s", percentage,
                       inclusive ? "true" : "false"));
}

static void taxes_are_added_or_are_inside_after_discounts(void **state)
{
    static const int amount[] = { 1000 };

    (void)state;
    make(&stand, "/v1/coupons", "id=P&percent_off=10");
    const char *on_top = tax_rate("8.1", false), *inside = tax_rate("20", true);
    json_t *v = get("/v1/tax_rates", on_top);
    assert_non_null(strstr(stand.answer.body.p, "\"percentage\":8.1,"));
    v = get(
        "/v1/invoices",
        invoice_over(payer(""), amount, 1,
                     format(&stand, "&discounts[0][coupon]=P&default_tax_rates[0]=%s", on_top)));
    assert_int_equal(int_at(v, "total"), 900 + 73);
    assert_int_equal(int_at(v, "total_excluding_tax"), 900);
    assert_int_equal(int_at(v, "total_taxes.0.amount"), 73);
    assert_int_equal(int_at(v, "total_taxes.0.taxable_amount"), 900);
    assert_string_equal(text_at(v, "total_taxes.0.tax_rate_details.tax_rate"), on_top);
    v = get("/v1/invoices",
            invoice_over(payer(""), amount, 1, format(&stand, "&default_tax_rates[0]=%s", inside)));
    assert_int_equal(int_at(v, "total"), 1000);
    assert_int_equal(int_at(v, "total_excluding_tax"), 833);
    assert_string_equal(text_at(v, "total_taxes.0.tax_behavior"), "inclusive");
    v = get("/v1/invoices", invoice_over(payer("&tax_exempt=exempt"), amount, 1,
                                         format(&stand, "&default_tax_rates[0]=%s", on_top)));
    assert_int_equal(int_at(v, "total"), 1000);
    assert_string_equal(text_at(v, "total_taxes.0.taxability_reason"), "customer_exempt");
}

static void a_subscription_bills_with_its_tax_rates(void **state)
{
    (void)state;
    const char *rate = tax_rate("10", false), *own = tax_rate("50", false);
    const char *sub = subscribe(payer(""), price_of(1000, "month"),
                                format(&stand,
                                       "&default_tax_rates[0]=%s&items[1][price]=%s&"
                                       "items[1][tax_rates][0]=%s",
                                       rate, price_of(100, "month"), own));
    assert_string_equal(text_at(get("/v1/subscriptions", sub), "default_tax_rates.0.id"), rate);
    assert_int_equal(int_at(latest_invoice(sub), "amount_paid"), 1100 + 150);
    ask_for(&stand, 400, format(&stand, "POST /v1/subscriptions/%s", sub),
            "default_tax_rates[0]=txr_nope");
}

static void a_tax_id_belongs_to_a_customer_or_to_the_account(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers",
                                "tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=DE123456789");
    assert_int_equal(count_events(&stand, "customer.tax_id.created"), 1);
    json_t *v =
        ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s/tax_ids", customer), NULL);
    assert_string_equal(text_at(v, "data.0.country"), "DE");
    assert_string_equal(text_at(v, "data.0.verification.status"), "pending");
    const char *id = keep(&stand, text_at(v, "data.0.id"));
    make(&stand, "/v1/tax_ids", "type=gb_vat&value=GB123456789");
    v = ask_for(&stand, 200, "GET /v1/tax_ids", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    assert_string_equal(text_at(v, "data.0.owner.type"), "self");
    v = ask_for(&stand, 200, format(&stand, "GET /v1/customers/%s?expand[]=tax_ids", customer),
                NULL);
    assert_string_equal(text_at(v, "tax_ids.data.0.id"), id);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/customers/%s/tax_ids/%s", customer, id), NULL);
    assert_int_equal(count_events(&stand, "customer.tax_id.deleted"), 1);
}

/* --- invoice items --- */

static void an_invoice_item_is_an_amount_or_a_price_times_a_quantity(void **state)
{
    (void)state;
    const char *customer = payer("");
    json_t *v = ask_for(
        &stand, 200, "POST /v1/invoiceitems",
        format(&stand, "customer=%s&pricing[price]=%s&quantity=3", customer, price_of(250, "")));
    assert_int_equal(int_at(v, "amount"), 750);
    const char *id = keep(&stand, text_at(v, "id"));
    v = ask_for(&stand, 200, format(&stand, "POST /v1/invoiceitems/%s", id), "quantity=2");
    assert_int_equal(int_at(v, "amount"), 500);
    v = ask_for(
        &stand, 200, "POST /v1/invoiceitems",
        format(&stand, "customer=%s&unit_amount_decimal=0.5&quantity=3&currency=usd", customer));
    assert_int_equal(int_at(v, "amount"), 2);
    v = ask_for(&stand, 400, "POST /v1/invoiceitems",
                format(&stand, "customer=%s&amount=5&quantity=3&currency=usd", customer));
    ask_for(&stand, 400, "POST /v1/invoiceitems", format(&stand, "customer=%s", customer));
    v = ask_for(&stand, 400, "POST /v1/invoiceitems",
                format(&stand, "customer=%s&price=%s", customer, price_of(250, "month")));
    assert_string_equal(text_at(v, "error.param"), "price");
    v = ask_for(&stand, 200, "GET /v1/invoiceitems?pending=true", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
}

static void a_draft_follows_its_items_and_a_finalised_one_does_not(void **state)
{
    static const int amount[] = { 700 };

    (void)state;
    const char *customer = payer("");
    const char *invoice = invoice_over(customer, amount, 1, "");
    json_t *v =
        ask_for(&stand, 200, format(&stand, "GET /v1/invoiceitems?invoice=%s", invoice), NULL);
    const char *item = keep(&stand, text_at(v, "data.0.id"));
    ask_for(&stand, 200, format(&stand, "POST /v1/invoiceitems/%s", item),
            format(&stand, "amount=900&tax_rates[0]=%s", tax_rate("10", false)));
    assert_int_equal(int_at(get("/v1/invoices", invoice), "total"), 990);
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s/finalize", invoice), NULL);
    v = ask_for(&stand, 400, format(&stand, "POST /v1/invoiceitems/%s", item), "amount=1");
    assert_string_equal(text_at(v, "error.code"), "invoice_not_editable");
    ask_for(&stand, 400, format(&stand, "DELETE /v1/invoiceitems/%s", item), NULL);
    v = ask_for(&stand, 400, format(&stand, "POST /v1/invoices/%s", invoice), "discounts=");
    assert_string_equal(text_at(v, "error.param"), "discounts");
    ask_for(&stand, 200, format(&stand, "POST /v1/invoices/%s", invoice), "metadata[a]=1");
}

static void lines_of_a_draft_are_added_changed_and_taken_off(void **state)
{
    static const int amount[] = { 700 };

    (void)state;
    const char *customer = payer("");
    const char *invoice = invoice_over(customer, amount, 1, "");
    const char *lines = format(&stand, "POST /v1/invoices/%s", invoice);
    json_t *v = ask_for(&stand, 200, format(&stand, "%s/add_lines", lines),
                        "lines[0][amount]=300&lines[0][description]=more&"
                        "lines[1][amount]=50&invoice_metadata[a]=1");
    assert_int_equal(int_at(v, "total"), 1050);
    assert_string_equal(text_at(v, "metadata.a"), "1");
    const char *second = keep(&stand, text_at(v, "lines.data.1.id"));
    const char *third = keep(&stand, text_at(v, "lines.data.2.id"));
    v = ask_for(&stand, 200, format(&stand, "%s/update_lines", lines),
                format(&stand, "lines[0][id]=%s&lines[0][amount]=400", second));
    assert_int_equal(int_at(v, "total"), 1150);
    v = ask_for(&stand, 200, format(&stand, "%s/lines/%s", lines, second), "description=less");
    assert_string_equal(text_at(v, "description"), "less");
    v = ask_for(&stand, 200, format(&stand, "%s/remove_lines", lines),
                format(&stand,
                       "lines[0][id]=%s&lines[0][behavior]=delete&lines[1][id]=%s&"
                       "lines[1][behavior]=unassign",
                       second, third));
    assert_int_equal(int_at(v, "total"), 700);
    v = ask_for(&stand, 200, "GET /v1/invoiceitems?pending=true", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 1);
    ask_for(&stand, 400, format(&stand, "%s/add_lines", lines), "lines[0][invoice_item]=ii_nope");
    ask_for(&stand, 200, format(&stand, "%s/finalize", lines), NULL);
    ask_for(&stand, 400, format(&stand, "%s/add_lines", lines), "lines[0][amount]=1");
}

static void coupons_and_codes_end_on_their_day(void **state)
{
    (void)state;
    make(&stand, "/v1/coupons",
         format(&stand, "id=C&percent_off=5&redeem_by=%d", 1800000000 + 2 * DAY));
    const char *code =
        make(&stand, "/v1/promotion_codes",
             format(&stand, "promotion[coupon]=C&promotion[type]=coupon&expires_at=%d",
                    1800000000 + DAY));
    pass(DAY);
    assert_true(json_is_false(at(get("/v1/promotion_codes", code), "active")));
    assert_true(json_is_true(at(get("/v1/coupons", "C"), "valid")));
    pass(DAY);
    assert_true(json_is_false(at(get("/v1/coupons", "C"), "valid")));
    json_t *v = ask_for(&stand, 400, "POST /v1/customers", "coupon=C");
    assert_string_equal(text_at(v, "error.code"), "coupon_expired");
}

static void shipping_costs_what_its_rate_says(void **state)
{
    static const int amount[] = { 700 };

    (void)state;
    const char *rate = make(&stand, "/v1/shipping_rates",
                            "display_name=Ground&type=fixed_amount&fixed_amount[amount]=500&"
                            "fixed_amount[currency]=usd");
    ask_for(&stand, 400, "POST /v1/shipping_rates", "display_name=Ground");
    json_t *v =
        get("/v1/invoices", invoice_over(payer(""), amount, 1,
                                         format(&stand, "&shipping_cost[shipping_rate]=%s", rate)));
    assert_int_equal(int_at(v, "amount_shipping"), 500);
    assert_int_equal(int_at(v, "total"), 1200);
    ask_for(&stand, 200, format(&stand, "POST /v1/shipping_rates/%s", rate), "active=false");
    v = ask_for(&stand, 200, "GET /v1/shipping_rates?active=true", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_coupon_is_worth_a_percentage_or_an_amount),
        CASE(a_promotion_code_ends_with_its_redemptions),
        CASE(a_customers_discount_comes_changes_and_goes_with_events),
        CASE(an_invoice_without_discounts_leaves_its_customers),
        CASE(a_customers_coupon_for_once_pays_one_invoice),
        CASE(discounts_come_off_in_their_order_and_to_the_cent),
        CASE(a_coupon_for_one_product_leaves_the_others),
        CASE(a_coupon_holds_once_for_months_or_forever),
        CASE(a_subscriptions_discount_can_be_taken_away),
        CASE(taxes_are_added_or_are_inside_after_discounts),
        CASE(a_subscription_bills_with_its_tax_rates),
        CASE(a_tax_id_belongs_to_a_customer_or_to_the_account),
        CASE(an_invoice_item_is_an_amount_or_a_price_times_a_quantity),
        CASE(a_draft_follows_its_items_and_a_finalised_one_does_not),
        CASE(lines_of_a_draft_are_added_changed_and_taken_off),
        CASE(coupons_and_codes_end_on_their_day),
        CASE(shipping_costs_what_its_rate_says),
    };
    return cmocka_run_group_tests_name("billing", tests, NULL, NULL);
}
