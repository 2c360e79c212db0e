/* Search: its language, and its pages. */
#include "shop.h"

#include <stdio.h>
#include <string.h>

/* The query goes as it stands, but for what a URL cannot hold. */
static const char *escaped(const char *query)
{
    char text[1024];
    size_t n = 0;

    for (; *query; query++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              strchr(" \"'&=<>[]+%#\\", *query) ? "%%%02X" : "%c",
                              (unsigned char)*query);
    return format(&stand, "%s", text);
}

static json_t *search_for(int status, const char *resource, const char *query, const char *more)
{
    return ask_for(&stand, status,
                   format(&stand, "GET /v1/%s/search?query=%s%s", resource, escaped(query), more),
                   NULL);
}

/* The names of what was found, newest first. */
static const char *names(const char *resource, const char *query)
{
    json_t *v = search_for(200, resource, query, "");
    const char *all = "";
    size_t i;
    json_t *one;

    assert_string_equal(text_at(v, "object"), "search_result");
    json_array_foreach(json_object_get(v, "data"), i, one) all =
        format(&stand, "%s%s", all, text_at(one, "name"));
    return all;
}

static void make_customers(void)
{
    make(&stand, "/v1/customers", "name=A&email=anna@Example.com&metadata[plan]=gold");
    stand.clock.now += 1000;
    make(&stand, "/v1/customers", "name=B&email=bob@example.com&metadata[plan]=silver");
    stand.clock.now += 1000;
    make(&stand, "/v1/customers", "name=C&metadata[plan]=gold&metadata[a b]=x\"y");
    stand.clock.now += 1000;
    make(&stand, "/v1/customers", "name=D");
}

static void clauses_find_what_they_say(void **state)
{
    static const struct {
        const char *query, *found;
    } sample[] = {
        { "email:\"ANNA@example.com\"", "A" },
        { "email:'bob@example.com'", "B" },
        { "email~\"example\"", "BA" },
        { "-email~\"anna\"", "DCB" },
        { "email:null", "DC" },
        { "-email:null", "BA" },
        { "metadata[\"plan\"]:\"gold\"", "CA" },
        { "metadata['plan']:'gold' AND email:null", "C" },
        { "metadata[\"plan\"]:\"gold\" -name:\"A\"", "C" },
        { "-metadata[\"plan\"]:null", "CBA" },
        { "metadata[\"a b\"]:\"x\\\"y\"", "C" },
        { "name:\"A\" or name:\"D\"", "DA" },
        { "name:\"A\" OR name:\"B\" OR -email:null", "BA" },
        { "created>1800000001", "DC" },
        { "created>=1800000001 AND created<1800000003", "CB" },
        { "created:1800000000", "A" },
        { "created<=1800000000", "A" },
        { "-created>1800000000", "A" },
        { "name:\"nobody\"", "" },
    };

    (void)state;
    make_customers();
    for (size_t i = 0; i < COUNT(sample); i++)
        assert_string_equal(names("customers", sample[i].query), sample[i].found);
}

static void what_cannot_be_asked_is_refused(void **state)
{
    static const char *const wrong[] = {
        "name",
        "name:",
        "name:\"a",
        "name:\"a\"x:\"b\"",
        "metadata:\"a\"",
        "metadata[plan]:\"a\"",
        "name>\"a\"",
        "name~\"ab\"",
        "created:\"soon\"",
        "created~\"180\"",
        "name:\"a\" AND name:\"b\" OR name:\"c\"",
        "name:\"a\" AND",
        ":\"a\"",
        "-",
        "name:1 name:1 name:1 name:1 name:1 name:1 name:1 name:1 name:1 name:1 name:1",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        search_for(400, "customers", wrong[i], "");
    json_t *v = search_for(400, "customers", "nick:\"a\"", "");
    assert_string_equal(text_at(v, "error.message"),
                        "Field `nick` is an unsupported search field for resource `customers`. See "
                        "http://stripe.com/docs/search#query-fields-for-customers for a list of "
                        "supported fields.");
    v = ask_for(&stand, 400, "GET /v1/customers/search", NULL);
    assert_string_equal(text_at(v, "error.code"), "parameter_missing");
    ask_for(&stand, 400, "GET /v1/customers/search?query=name:1&page=x", NULL);
}

static void pages_lead_through_everything_once(void **state)
{
    (void)state;
    for (int i = 0; i < 25; i++)
        make(&stand, "/v1/products",
             format(&stand, "name=p%d&active=%s", i, i % 5 ? "true" : "false"));
    json_t *v = search_for(200, "products", "active:\"true\"", "&limit=7&expand[]=total_count");
    assert_int_equal(int_at(v, "total_count"), 20);
    assert_string_equal(text_at(v, "url"), "/v1/products/search");
    size_t n = 0, pages = 1;
    for (;; pages++) {
        n += json_array_size(at(v, "data"));
        if (!json_is_true(at(v, "has_more")))
            break;
        v = search_for(200, "products", "active:\"true\"",
                       format(&stand, "&limit=7&page=%s", text_at(v, "next_page")));
        assert_null(at(v, "total_count"));
    }
    assert_int_equal(n, 20);
    assert_int_equal(pages, 3);
    assert_true(json_is_null(at(v, "next_page")));
    ask_for(&stand, 400, "GET /v1/products?expand[]=total_count", NULL);
}

static void seven_resources_can_be_searched(void **state)
{
    (void)state;
    const char *customer = make(&stand, "/v1/customers", "payment_method=pm_card_visa");
    const char *product = make(&stand, "/v1/products", "name=a");
    make(&stand, "/v1/prices",
         format(&stand, "product=%s&currency=usd&unit_amount=5&lookup_key=k", product));
    make(&stand, "/v1/payment_intents",
         format(&stand,
                "amount=700&currency=usd&confirm=true&payment_method=pm_card_visa&metadata[o]=1"));
    make(&stand, "/v1/invoices", format(&stand, "customer=%s", customer));
    static const struct {
        const char *resource, *query;
        size_t n;
    } sample[] = {
        { "charges", "amount>500 AND status:\"succeeded\" AND refunded:\"false\"", 1 },
        { "charges", "payment_method_details.card.last4:4242", 1 },
        { "payment_intents", "metadata['o']:'1'", 1 },
        { "payment_intents", "amount<700", 0 },
        { "invoices", "status:'draft' total:0", 1 },
        { "prices", "active:'true' AND lookup_key:'k'", 1 },
        { "products", "shippable:null", 1 },
        { "subscriptions", "status:'active'", 0 },
        { "customers", "created>0", 1 },
    };
    for (size_t i = 0; i < COUNT(sample); i++)
        assert_int_equal(
            json_array_size(at(search_for(200, sample[i].resource, sample[i].query, ""), "data")),
            sample[i].n);
    json_t *v = search_for(200, "invoices", "created>0", "&expand[]=data.customer");
    assert_string_equal(text_at(v, "data.0.customer.id"), customer);
    ask_for(&stand, 404, "GET /v1/refunds/search", NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(clauses_find_what_they_say),
        CASE(what_cannot_be_asked_is_refused),
        CASE(pages_lead_through_everything_once),
        CASE(seven_resources_can_be_searched),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
