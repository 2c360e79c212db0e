/* routes.c - which handler answers which path, and which parameters it knows.
 *
 * The names are those of the API's own declaration (2026-10-28.endive); older
 * names that its clients still send stand at the end of each list. */
#include "emulator/passive.h"
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include "base/url.h"

#include <string.h>

#define PRODUCT_PARAMS                                                                    \
    "active description images marketing_features metadata package_dimensions shippable " \
    "statement_descriptor tax_code tax_details unit_label url"
#define CUSTOMER_PARAMS                                                                            \
    "address balance business_name cash_balance default_source description email individual_name " \
    "invoice_prefix invoice_settings metadata name next_invoice_sequence payment_method phone "    \
    "preferred_locales shipping source tax tax_exempt tax_id_data coupon promotion_code"
#define INTENT_PARAMS                                                                             \
    "allowed_payment_method_types amount_details application_fee_amount capture_method customer " \
    "customer_account description excluded_payment_method_types hooks metadata payment_details "  \
    "payment_method payment_method_configuration payment_method_data payment_method_options "     \
    "receipt_email setup_future_usage shipping statement_descriptor statement_descriptor_suffix " \
    "transfer_data transfer_group payment_method_types source"
#define SUBSCRIPTION_PARAMS                                                                      \
    "add_invoice_items application_fee_percent automatic_tax billing_cycle_anchor "              \
    "billing_schedules billing_thresholds cancel_at cancel_at_period_end collection_method "     \
    "days_until_due default_payment_method default_source default_tax_rates description "        \
    "discounts invoice_settings items metadata off_session on_behalf_of payment_behavior "       \
    "payment_settings pending_invoice_item_interval proration_behavior transfer_data trial_end " \
    "trial_from_plan trial_settings coupon promotion_code plan quantity"
#define ITEM_PARAMS                                                                               \
    "billing_thresholds current_trial discounts metadata payment_behavior plan price price_data " \
    "proration_behavior proration_date quantity tax_rates"
#define INVOICE_PARAMS                                                                      \
    "account_tax_ids application_fee_amount auto_advance automatic_tax "                    \
    "automatically_finalizes_at "                                                           \
    "collection_method custom_fields days_until_due default_payment_method default_source " \
    "default_tax_rates description discounts due_date effective_at footer issuer metadata " \
    "number on_behalf_of payment_settings rendering shipping_cost shipping_details "        \
    "statement_descriptor transfer_data"
#define INVOICEITEM_PARAMS                                                                   \
    "amount description discountable discounts metadata period price_data pricing quantity " \
    "quantity_decimal tax_behavior tax_code tax_rates unit_amount_decimal price unit_amount"

static const struct route routes[] = {
    { "GET", "/v1/products", products_list, T_PRODUCT, true,
      "active created ids shippable type url" PAGE },
    { "POST", "/v1/products", products_create, T_PRODUCT, false,
      "name* default_price_data id type attributes " PRODUCT_PARAMS },
    { "GET", "/v1/products/{}", products_get, T_PRODUCT, false, "" },
    { "POST", "/v1/products/{}", products_update, T_PRODUCT, false,
      "default_price name " PRODUCT_PARAMS },
    { "DELETE", "/v1/products/{}", products_delete, T_PRODUCT, false, "" },

    { "GET", "/v1/prices", prices_list, T_PRICE, true,
      "active created currency lookup_keys product recurring type" PAGE },
    { "POST", "/v1/prices", prices_create, T_PRICE, false,
      "currency* active billing_scheme currency_options custom_unit_amount lookup_key metadata "
      "nickname product product_data recurring tax_behavior tiers tiers_mode transfer_lookup_key "
      "transform_quantity unit_amount unit_amount_decimal" },
    { "GET", "/v1/prices/{}", prices_get, T_PRICE, false, "" },
    { "POST", "/v1/prices/{}", prices_update, T_PRICE, false,
      "active currency_options lookup_key metadata nickname tax_behavior transfer_lookup_key" },

    { "GET", "/v1/customers", customers_list, T_CUSTOMER, true, "created email test_clock" PAGE },
    { "POST", "/v1/customers", customers_create, T_CUSTOMER, false, "test_clock " CUSTOMER_PARAMS },
    { "GET", "/v1/customers/{}", customers_get, T_CUSTOMER, false, "" },
    { "POST", "/v1/customers/{}", customers_update, T_CUSTOMER, false, CUSTOMER_PARAMS },
    { "DELETE", "/v1/customers/{}", customers_delete, T_CUSTOMER, false, "" },
    { "GET", "/v1/customers/{}/subscriptions", customers_subscriptions, T_SUBSCRIPTION, true,
      "status" PAGE },
    { "GET", "/v1/customers/{}/payment_methods", customers_payment_methods, T_PAYMENT_METHOD, true,
      "allow_redisplay type" PAGE },
    { "GET", "/v1/customers/{}/payment_methods/{}", customers_payment_method, T_PAYMENT_METHOD,
      false, "" },

    { "GET", "/v1/payment_methods", payment_methods_list, T_PAYMENT_METHOD, true,
      "allow_redisplay customer customer_account type" PAGE },
    { "POST", "/v1/payment_methods", payment_methods_create, T_PAYMENT_METHOD, false,
      "type allow_redisplay billing_details card customer metadata payment_method "
      "sepa_debit us_bank_account" },
    { "GET", "/v1/payment_methods/{}", payment_methods_get, T_PAYMENT_METHOD, false, "" },
    { "POST", "/v1/payment_methods/{}", payment_methods_update, T_PAYMENT_METHOD, false,
      "allow_redisplay billing_details card metadata us_bank_account" },
    { "POST", "/v1/payment_methods/{}/attach", payment_methods_attach, T_PAYMENT_METHOD, false,
      "customer* customer_account" },
    { "POST", "/v1/payment_methods/{}/detach", payment_methods_detach, T_PAYMENT_METHOD, false,
      "" },

    { "GET", "/v1/payment_intents", intents_list, T_PAYMENT_INTENT, true,
      "created customer customer_account" PAGE },
    { "POST", "/v1/payment_intents", intents_create, T_PAYMENT_INTENT, false,
      "amount* currency* automatic_payment_methods confirm confirmation_method "
      "confirmation_token error_on_requires_action mandate mandate_data off_session on_behalf_of "
      "radar_options return_url use_stripe_sdk " INTENT_PARAMS },
    { "GET", "/v1/payment_intents/{}", intents_get, T_PAYMENT_INTENT, false, "client_secret" },
    { "POST", "/v1/payment_intents/{}", intents_update, T_PAYMENT_INTENT, false,
      "amount currency " INTENT_PARAMS },
    { "POST", "/v1/payment_intents/{}/confirm", intents_confirm, T_PAYMENT_INTENT, false,
      "amount_to_confirm confirmation_token error_on_requires_action mandate mandate_data "
      "off_session radar_options return_url use_stripe_sdk " INTENT_PARAMS },
    { "POST", "/v1/payment_intents/{}/capture", intents_capture, T_PAYMENT_INTENT, false,
      "amount_details amount_to_capture application_fee_amount final_capture hooks metadata "
      "payment_details statement_descriptor statement_descriptor_suffix transfer_data" },
    { "POST", "/v1/payment_intents/{}/cancel", intents_cancel, T_PAYMENT_INTENT, false,
      "cancellation_reason" },

    { "GET", "/v1/charges", charges_list, T_CHARGE, true,
      "created customer payment_intent transfer_group" PAGE },
    { "POST", "/v1/charges", charges_create, T_CHARGE, false,
      "amount* currency* application_fee application_fee_amount capture customer description "
      "destination metadata on_behalf_of radar_options receipt_email shipping source "
      "statement_descriptor statement_descriptor_suffix transfer_data transfer_group" },
    { "GET", "/v1/charges/{}", charges_get, T_CHARGE, false, "" },
    { "POST", "/v1/charges/{}", charges_update, T_CHARGE, false,
      "customer description fraud_details metadata receipt_email shipping transfer_group" },
    { "POST", "/v1/charges/{}/capture", charges_capture, T_CHARGE, false,
      "amount application_fee application_fee_amount receipt_email statement_descriptor "
      "statement_descriptor_suffix transfer_data transfer_group" },
    { "GET", "/v1/charges/{}/refunds", charges_refunds, T_REFUND, true, "" PAGE },
    { "GET", "/v1/refunds", refunds_list, T_REFUND, true, "charge created payment_intent" PAGE },
    { "POST", "/v1/refunds", refunds_create, T_REFUND, false,
      "amount charge currency customer instructions_email metadata origin payment_intent reason "
      "refund_application_fee reverse_transfer" },
    { "GET", "/v1/refunds/{}", refunds_get, T_REFUND, false, "" },
    { "POST", "/v1/refunds/{}", refunds_update, T_REFUND, false, "metadata" },

    { "GET", "/v1/subscriptions", subscriptions_list, T_SUBSCRIPTION, true,
      "automatic_tax collection_method created current_period_end current_period_start customer "
      "customer_account plan price status test_clock" PAGE },
    { "POST", "/v1/subscriptions", subscriptions_create, T_SUBSCRIPTION, false,
      "customer backdate_start_date billing_cycle_anchor_config billing_mode currency "
      "customer_account trial_period_days " SUBSCRIPTION_PARAMS },
    { "GET", "/v1/subscriptions/{}", subscriptions_get, T_SUBSCRIPTION, false, "" },
    { "POST", "/v1/subscriptions/{}", subscriptions_update, T_SUBSCRIPTION, false,
      "cancellation_details pause_collection proration_date " SUBSCRIPTION_PARAMS },
    { "DELETE", "/v1/subscriptions/{}", subscriptions_cancel, T_SUBSCRIPTION, false,
      "cancellation_details invoice_now prorate" },
    { "POST", "/v1/subscriptions/{}/resume", subscriptions_resume, T_SUBSCRIPTION, false,
      "billing_cycle_anchor payment_behavior proration_behavior proration_date" },
    { "GET", "/v1/subscription_items", subscription_items_list, T_SUBSCRIPTION_ITEM, true,
      "subscription*" PAGE },
    { "POST", "/v1/subscription_items", subscription_items_create, T_SUBSCRIPTION_ITEM, false,
      "subscription* " ITEM_PARAMS },
    { "GET", "/v1/subscription_items/{}", subscription_items_get, T_SUBSCRIPTION_ITEM, false, "" },
    { "POST", "/v1/subscription_items/{}", subscription_items_update, T_SUBSCRIPTION_ITEM, false,
      "off_session " ITEM_PARAMS },
    { "DELETE", "/v1/subscription_items/{}", subscription_items_delete, T_SUBSCRIPTION_ITEM, false,
      "clear_usage payment_behavior proration_behavior proration_date" },

    { "GET", "/v1/invoices", invoices_list, T_INVOICE, true,
      "collection_method created customer customer_account due_date status subscription" PAGE },
    { "POST", "/v1/invoices", invoices_create, T_INVOICE, false,
      "currency customer customer_account from_invoice pending_invoice_items_behavior "
      "subscription " INVOICE_PARAMS },
    { "GET", "/v1/invoices/{}", invoices_get, T_INVOICE, false, "" },
    { "POST", "/v1/invoices/create_preview", invoices_preview, T_INVOICE, false,
      "automatic_tax currency customer customer_account customer_details discounts invoice_items "
      "issuer on_behalf_of preview_mode schedule schedule_details subscription "
      "subscription_details" },
    { "POST", "/v1/invoices/{}", invoices_update, T_INVOICE, false, INVOICE_PARAMS },
    { "DELETE", "/v1/invoices/{}", invoices_delete, T_INVOICE, false, "" },
    { "GET", "/v1/invoices/{}/lines", invoices_lines, T_LINE_ITEM, true, "" PAGE },
    { "POST", "/v1/invoices/{}/finalize", invoices_finalize, T_INVOICE, false, "auto_advance" },
    { "POST", "/v1/invoices/{}/pay", invoices_pay, T_INVOICE, false,
      "forgive mandate off_session paid_out_of_band payment_method source" },
    { "POST", "/v1/invoices/{}/void", invoices_void, T_INVOICE, false, "" },
    { "POST", "/v1/invoices/{}/mark_uncollectible", invoices_uncollectible, T_INVOICE, false, "" },
    { "POST", "/v1/invoices/{}/send", invoices_send, T_INVOICE, false, "" },
    { "GET", "/v1/invoiceitems", invoiceitems_list, T_INVOICEITEM, true,
      "created customer customer_account invoice pending" PAGE },
    { "POST", "/v1/invoiceitems", invoiceitems_create, T_INVOICEITEM, false,
      "currency customer customer_account invoice subscription " INVOICEITEM_PARAMS },
    { "GET", "/v1/invoiceitems/{}", invoiceitems_get, T_INVOICEITEM, false, "" },
    { "POST", "/v1/invoiceitems/{}", invoiceitems_update, T_INVOICEITEM, false,
      "invoicing_rules " INVOICEITEM_PARAMS },
    { "DELETE", "/v1/invoiceitems/{}", invoiceitems_delete, T_INVOICEITEM, false, "" },
    { "GET", "/v1/invoice_payments", invoice_payments_list, T_INVOICE_PAYMENT, true,
      "created invoice payment status" PAGE },
    { "GET", "/v1/invoice_payments/{}", invoice_payments_get, T_INVOICE_PAYMENT, false, "" },

    { "GET", "/v1/account", account_get, T_ACCOUNT, false, "" },
    { "GET", "/v1/accounts", accounts_list, T_ACCOUNT, true, "created" PAGE },
    { "GET", "/v1/accounts/{}", accounts_get, T_ACCOUNT, false, "" },
    { "GET", "/v1/balance", balance_get, T_BALANCE, false, "" },
    { "GET", "/v1/balance_transactions", balance_transactions_list, T_BALANCE_TRANSACTION, true,
      "created currency payout source type" PAGE },
    { "GET", "/v1/balance_transactions/{}", plain_get, T_BALANCE_TRANSACTION, false, "" },

    { "GET", "/", root_get, T_NONE, false, NULL },
    { "POST", "/_emulator/faults", admin_faults_add, T_NONE, false, NULL },
    { "GET", "/_emulator/faults", admin_faults_list, T_NONE, false, NULL },
    { "DELETE", "/_emulator/faults", admin_faults_clear, T_NONE, false, NULL },
    { "GET", "/_emulator/requests", admin_requests, T_NONE, false, NULL },
    { "POST", "/_emulator/clock", admin_clock, T_NONE, false, NULL },
    { "GET", "/_emulator/clock", admin_clock_get, T_NONE, false, NULL },
    { "GET", "/_emulator/state/{}", admin_state, T_NONE, false, NULL },
    { "GET", "/_emulator/deliveries", admin_deliveries, T_NONE, false, NULL },
    { "POST", "/_emulator/deliveries/flush", admin_flush, T_NONE, false, NULL },
    { "POST", "/_emulator/reset", admin_reset, T_NONE, false, NULL },
    { "POST", "/_emulator/objects/{}/{}", admin_edit, T_NONE, false, NULL },
    { "DELETE", "/_emulator/objects/{}/{}", admin_remove, T_NONE, false, NULL },
    { "POST", "/_emulator/webhook_endpoints/{}/roll", admin_roll, T_NONE, false, NULL },
    { "POST", "/_emulator/accounts/{}/authorize", accounts_authorize, T_NONE, false, NULL },
    { "POST", "/_emulator/permissions", admin_permissions, T_NONE, false, NULL },
    { "POST", "/_emulator/bulk", admin_bulk, T_NONE, false, NULL },
    { "GET", "/_emulator/points", admin_points, T_NONE, false, NULL },
    { "POST", "/_emulator/points", admin_points_set, T_NONE, false, NULL },
};

static const struct {
    const struct route *route;
    const size_t *n;
} groups[] = {
    { platform_routes, &n_platform_routes },
    { routes, &(const size_t){ COUNT(routes) } },
    { money_routes, &n_money_routes },
    { billing_routes, &n_billing_routes },
};

/* "{}" takes one segment, whatever it is but empty. */
static bool matches(const char *pattern, str path, str raw[PATH_PARTS_MAX])
{
    unsigned n = 0;

    memset(raw, 0, PATH_PARTS_MAX * sizeof *raw);
    while (*pattern) {
        if (pattern[0] == '{') {
            size_t end = str_find(path, '/');
            if (!end)
                return false;
            raw[n++] = str_sub(path, 0, end);
            path = str_sub(path, end, path.n);
            pattern += 2;
            continue;
        }
        if (!path.n || *path.p != *pattern)
            return false;
        path = str_sub(path, 1, path.n);
        pattern++;
    }
    return path.n == 0;
}

static const struct route *find_in(const struct route *r, size_t n, str method, str path,
                                   str raw[PATH_PARTS_MAX])
{
    for (size_t i = 0; i < n; i++)
        if (str_eqz(method, r[i].method) && matches(r[i].pattern, path, raw))
            return &r[i];
    return NULL;
}

enum status route_find(str method, str path, const struct route **out, str part[PATH_PARTS_MAX],
                       struct arena *a)
{
    str raw[PATH_PARTS_MAX] = { 0 };
    const struct route *found = NULL;

    for (size_t g = 0; g < COUNT(groups) && !found; g++)
        found = find_in(groups[g].route, *groups[g].n, method, path, raw);
    if (!found)
        return passive_route(method, path, out, part, a);
    for (unsigned k = 0; k < PATH_PARTS_MAX; k++) {
        part[k] = (str){ 0 };
        if (raw[k].n && !url_unescape(a, raw[k], false, &part[k]))
            return ST_NONE;
    }
    *out = found;
    return ST_OK;
}
