/* Connected accounts: apart from each other, and what goes between them and their platform. */
#include "shop.h"

#include <string.h>

static const char *account(const char *form)
{
    return make(&stand, "/v1/accounts", form);
}

static json_int_t available(const char *of)
{
    stand.account = of;
    json_int_t n = int_at(ask_for(&stand, 200, "GET /v1/balance", NULL), "available.0.amount");
    stand.account = NULL;
    return n;
}

static size_t events_of(const char *id, const char *type)
{
    stand.account = id;
    size_t n = count_events(&stand, type);
    stand.account = NULL;
    return n;
}

static void objects_of_a_connected_account_are_apart(void **state)
{
    (void)state;
    const char *one = account("type=standard"), *two = account("type=express");
    stand.account = one;
    const char *customer = make(&stand, "/v1/customers", "name=x");
    json_t *v = ask_for(&stand, 200, "GET /v1/account", NULL);
    assert_string_equal(text_at(v, "id"), one);
    stand.account = two;
    ask_for(&stand, 404, format(&stand, "GET /v1/customers/%s", customer), NULL);
    stand.account = NULL;
    ask_for(&stand, 404, format(&stand, "GET /v1/customers/%s", customer), NULL);
    assert_int_equal(events_of(one, "customer.created"), 1);
    assert_int_equal(events_of(two, "customer.created"), 0);
    assert_int_equal(count_events(&stand, "customer.created"), 0);
    v = ask_for(&stand, 200, "GET /v1/accounts", NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    assert_string_equal(text_at(v, "data.0.id"), two);
}

static void an_account_of_somebody_else_is_refused(void **state)
{
    (void)state;
    const char *one = account("type=standard");
    stand.account = "acct_1nobody";
    json_t *v = ask_for(&stand, 403, "GET /v1/customers", NULL);
    assert_string_equal(text_at(v, "error.code"), "account_invalid");
    assert_non_null(strstr(text_at(v, "error.message"), "does not have access to account"));
    stand.account = one;
    stand.key = "sk_test_other";
    ask_for(&stand, 403, "GET /v1/customers", NULL);
    stand.key = "sk_live_stand";
    v = ask_for(&stand, 403, "GET /v1/customers", NULL);
    assert_non_null(strstr(text_at(v, "error.message"),
                           "was a test account created with a testmode key, and therefore can only "
                           "be used with testmode keys"));
    stand.key = stand_key;
    v = ask_for(&stand, 403, "POST /v1/accounts", "type=standard");
    assert_string_equal(text_at(v, "error.message"),
                        "You cannot access the connected accounts of your platform's connected "
                        "accounts.");
}

static void an_account_is_complete_when_its_owner_has_said_everything(void **state)
{
    (void)state;
    const char *id = account("type=express&capabilities[transfers][requested]=true&"
                             "capabilities[card_payments][requested]=true");
    json_t *v = get("/v1/accounts", id);
    assert_true(json_is_false(at(v, "charges_enabled")));
    assert_string_equal(text_at(v, "capabilities.transfers"), "inactive");
    assert_true(json_array_size(at(v, "requirements.currently_due")) > 0);
    post(200, "/v1/account_links", format(&stand, "account=%s&type=account_onboarding", id));
    pass(0);
    v = get("/v1/accounts", id);
    assert_true(json_is_true(at(v, "charges_enabled")));
    assert_string_equal(text_at(v, "capabilities.transfers"), "active");
    assert_int_equal(json_array_size(at(v, "requirements.currently_due")), 0);
    stand.account = id;
    v = last_event(&stand, "account.updated");
    assert_string_equal(text_at(v, "account"), id);
    assert_true(json_is_false(at(v, "data.previous_attributes.charges_enabled")));
    stand.account = NULL;
    v = ask_for(&stand, 200, format(&stand, "GET /v1/accounts/%s/capabilities", id), NULL);
    assert_int_equal(json_array_size(at(v, "data")), 2);
    v = post(200, format(&stand, "/v1/accounts/%s/capabilities/transfers", id), "requested=false");
    assert_string_equal(text_at(v, "status"), "unrequested");
    assert_int_equal(events_of(id, "capability.updated"), 1);
}

/* Takes every delivery there is; how many went to this address. */
static size_t delivered_to(const char *url, const char *type)
{
    struct emulator_delivery d;
    struct error e = { 0 };
    size_t n = 0;

    while (emulator_next_delivery(stand.emulator, &stand.arena, &d, NULL, &e) == ST_OK) {
        n += str_eqz(d.url, url) && str_eqz(d.type, type);
        emulator_delivered(stand.emulator, d.id, 200);
    }
    return n;
}

static void a_connect_endpoint_hears_of_connected_accounts_alone(void **state)
{
    (void)state;
    post(200, "/v1/webhook_endpoints", "url=http://connect&enabled_events[]=*&connect=true");
    post(200, "/v1/webhook_endpoints", "url=http://own&enabled_events[]=*");
    const char *id = account("type=standard");
    make(&stand, "/v1/customers", "name=x");
    assert_int_equal(delivered_to("http://connect", "customer.created"), 0);
    stand.account = id;
    make(&stand, "/v1/customers", "name=x");
    stand.account = NULL;
    assert_int_equal(delivered_to("http://connect", "customer.created"), 1);
    stand.account = id;
    make(&stand, "/v1/customers", "name=x");
    stand.account = NULL;
    assert_int_equal(delivered_to("http://own", "customer.created"), 0);
    ask_for(&stand, 200, format(&stand, "DELETE /v1/accounts/%s", id), NULL);
    assert_int_equal(delivered_to("http://connect", "account.application.deauthorized"), 1);
    stand.account = id;
    ask_for(&stand, 403, "GET /v1/customers", NULL);
    stand.account = NULL;
}

static void money_is_transferred_and_taken_back(void **state)
{
    (void)state;
    const char *id = account("type=express");
    const char *form = format(&stand, "amount=1000&currency=usd&destination=%s", id);
    json_t *v = post(400, "/v1/transfers", form);
    assert_string_equal(text_at(v, "error.code"), "balance_insufficient");
    v = post(400, "/v1/transfers", "amount=1&currency=usd&destination=acct_nobody");
    assert_string_equal(text_at(v, "error.message"), "No such destination: 'acct_nobody'");
    post(200, "/v1/payment_intents",
         "amount=2000&currency=usd&confirm=true&payment_method=pm_card_bypassPending");
    json_int_t before = available(NULL);
    v = post(200, "/v1/transfers", form);
    const char *transfer = keep(&stand, text_at(v, "id"));
    assert_int_equal(available(NULL), before - 1000);
    assert_int_equal(available(id), 1000);
    v = post(200, format(&stand, "/v1/transfers/%s/reversals", transfer), "amount=100");
    assert_string_equal(text_at(v, "transfer"), transfer);
    v = get("/v1/transfers", transfer);
    assert_int_equal(int_at(v, "amount_reversed"), 100);
    assert_int_equal(int_at(v, "reversals.data.0.amount"), 100);
    assert_int_equal(available(id), 900);
    post(400, format(&stand, "/v1/transfers/%s/reversals", transfer), "amount=901");
    post(200, format(&stand, "/v1/transfers/%s/reversals", transfer), "");
    assert_true(json_is_true(at(get("/v1/transfers", transfer), "reversed")));
    assert_int_equal(count_events(&stand, "transfer.reversed"), 2);
}

static void a_destination_charge_is_shared_and_unshared(void **state)
{
    (void)state;
    const char *id = account("type=express");
    json_t *v = post(200, "/v1/payment_intents",
                     format(&stand,
                            "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&"
                            "application_fee_amount=300&transfer_data[destination]=%s&"
                            "expand[]=latest_charge",
                            id));
    const char *charge = keep(&stand, text_at(v, "latest_charge.id"));
    const char *transfer = keep(&stand, text_at(v, "latest_charge.transfer"));
    const char *fee = keep(&stand, text_at(v, "latest_charge.application_fee"));
    assert_int_equal(int_at(get("/v1/transfers", transfer), "amount"), 2000);
    v = get("/v1/application_fees", fee);
    assert_int_equal(int_at(v, "amount"), 300);
    assert_string_equal(text_at(v, "account"), id);
    assert_int_equal(available(id), 1700);
    v = post(200, "/v1/refunds",
             format(&stand,
                    "charge=%s&amount=1000&reverse_transfer=true&refund_application_fee=true",
                    charge));
    assert_true(*text_at(v, "transfer_reversal"));
    assert_int_equal(int_at(get("/v1/transfers", transfer), "amount_reversed"), 1000);
    assert_int_equal(int_at(get("/v1/application_fees", fee), "amount_refunded"), 150);
    assert_int_equal(available(id), 850);
    const char *plain = make(&stand, "/v1/payment_intents",
                             "amount=500&currency=usd&confirm=true&payment_method=pm_card_visa");
    post(400, "/v1/refunds", format(&stand, "payment_intent=%s&reverse_transfer=true", plain));
}

static void a_direct_charge_pays_the_platform(void **state)
{
    (void)state;
    const char *id = account("type=standard");
    stand.account = id;
    json_t *v = post(200, "/v1/payment_intents",
                     "amount=2000&currency=usd&confirm=true&payment_method=pm_card_bypassPending&"
                     "application_fee_amount=200&expand[]=latest_charge.balance_transaction");
    assert_int_equal(int_at(v, "latest_charge.balance_transaction.fee"), 88 + 200);
    const char *fee = keep(&stand, text_at(v, "latest_charge.application_fee"));
    stand.account = NULL;
    v = get("/v1/application_fees", fee);
    assert_string_equal(text_at(v, "account"), id);
    assert_int_equal(available(NULL), 200);
    assert_int_equal(count_events(&stand, "application_fee.created"), 1);
    post(200, format(&stand, "/v1/application_fees/%s/refunds", fee), "amount=50");
    assert_int_equal(available(NULL), 150);
    assert_int_equal(available(id), 2000 - 288 + 50);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(objects_of_a_connected_account_are_apart),
        T(an_account_of_somebody_else_is_refused),
        T(an_account_is_complete_when_its_owner_has_said_everything),
        T(a_connect_endpoint_hears_of_connected_accounts_alone),
        T(money_is_transferred_and_taken_back),
        T(a_destination_charge_is_shared_and_unshared),
        T(a_direct_charge_pays_the_platform),
    };
    return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
