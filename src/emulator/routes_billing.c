/* routes_billing.c - paths and parameters of what is billed with, from coupons to quotes. */
#include "emulator/plain.h"
#include "emulator/rooms.h"

extern const struct plain coupon_plain, promotion_plain, tax_rate_plain, shipping_rate_plain,
    feature_plain, schedule_plain, credit_note_plain, configuration_plain;

const struct plain *const plains_billing[] = {
    &coupon_plain,  &promotion_plain, &tax_rate_plain,    &shipping_rate_plain,
    &feature_plain, &schedule_plain,  &credit_note_plain, &configuration_plain,
};
const size_t n_plains_billing = COUNT(plains_billing);

#define NOTE_PARAMS                                                                        \
    "amount credit_amount effective_at email_type lines memo metadata out_of_band_amount " \
    "reason refund_amount refunds shipping_cost"
#define QUOTE_PARAMS                                                                       \
    "application_fee_amount application_fee_percent automatic_tax collection_method "      \
    "customer customer_account default_tax_rates description discounts expires_at footer " \
    "header invoice_settings line_items metadata on_behalf_of subscription_data transfer_data"

#define LINE_PARAMS                                                                          \
    "amount description discountable discounts metadata period price_data pricing quantity " \
    "tax_amounts tax_rates"

const struct route billing_routes[] = {
    { "GET", "/v1/coupons", plain_list, T_COUPON, true, "created" PAGE },
    { "POST", "/v1/coupons", plain_create, T_COUPON, false,
      "amount_off applies_to currency currency_options duration duration_in_months id "
      "max_redemptions metadata name percent_off redeem_by" },
    { "GET", "/v1/coupons/{}", plain_get, T_COUPON, false, "" },
    { "POST", "/v1/coupons/{}", plain_update, T_COUPON, false, "currency_options metadata name" },
    { "DELETE", "/v1/coupons/{}", plain_delete, T_COUPON, false, "" },

    { "GET", "/v1/promotion_codes", plain_list, T_PROMOTION_CODE, true,
      "active code coupon created customer customer_account" PAGE },
    { "POST", "/v1/promotion_codes", plain_create, T_PROMOTION_CODE, false,
      "active code customer customer_account expires_at max_redemptions metadata promotion "
      "restrictions coupon" },
    { "GET", "/v1/promotion_codes/{}", plain_get, T_PROMOTION_CODE, false, "" },
    { "POST", "/v1/promotion_codes/{}", plain_update, T_PROMOTION_CODE, false,
      "active metadata restrictions" },

    { "GET", "/v1/plans", plain_list, T_PLAN, true, "active created product" PAGE },
    { "POST", "/v1/plans", plans_create, T_PLAN, false,
      "currency* interval* active amount amount_decimal billing_scheme id interval_count metadata "
      "meter nickname product tiers tiers_mode transform_usage trial_period_days usage_type" },
    { "GET", "/v1/plans/{}", plain_get, T_PLAN, false, "" },
    { "POST", "/v1/plans/{}", plans_update, T_PLAN, false,
      "active metadata nickname product trial_period_days" },
    { "DELETE", "/v1/plans/{}", plans_delete, T_PLAN, false, "" },

    { "GET", "/v1/tax_rates", plain_list, T_TAX_RATE, true, "active created inclusive" PAGE },
    { "POST", "/v1/tax_rates", plain_create, T_TAX_RATE, false,
      "display_name* inclusive* percentage* active country description jurisdiction metadata "
      "state tax_type" },
    { "GET", "/v1/tax_rates/{}", plain_get, T_TAX_RATE, false, "" },
    { "POST", "/v1/tax_rates/{}", plain_update, T_TAX_RATE, false,
      "active country description display_name jurisdiction metadata state tax_type" },

    { "GET", "/v1/tax_ids", tax_ids_list, T_TAX_ID, true, "owner" PAGE },
    { "POST", "/v1/tax_ids", tax_ids_create, T_TAX_ID, false, "type* value* owner" },
    { "GET", "/v1/tax_ids/{}", tax_ids_get, T_TAX_ID, false, "" },
    { "DELETE", "/v1/tax_ids/{}", tax_ids_delete, T_TAX_ID, false, "" },
    { "GET", "/v1/customers/{}/tax_ids", tax_ids_list, T_TAX_ID, true, "" PAGE },
    { "POST", "/v1/customers/{}/tax_ids", tax_ids_create, T_TAX_ID, false, "type* value*" },
    { "GET", "/v1/customers/{}/tax_ids/{}", tax_ids_get, T_TAX_ID, false, "" },
    { "DELETE", "/v1/customers/{}/tax_ids/{}", tax_ids_delete, T_TAX_ID, false, "" },

    { "GET", "/v1/customers/{}/discount", customers_discount_get, T_DISCOUNT, false, "" },
    { "DELETE", "/v1/customers/{}/discount", customers_discount_delete, T_DISCOUNT, false, "" },
    { "DELETE", "/v1/subscriptions/{}/discount", subscriptions_discount_delete, T_DISCOUNT, false,
      "" },

    { "GET", "/v1/shipping_rates", plain_list, T_SHIPPING_RATE, true,
      "active created currency" PAGE },
    { "POST", "/v1/shipping_rates", plain_create, T_SHIPPING_RATE, false,
      "display_name* delivery_estimate fixed_amount metadata tax_behavior tax_code type" },
    { "GET", "/v1/shipping_rates/{}", plain_get, T_SHIPPING_RATE, false, "" },
    { "POST", "/v1/shipping_rates/{}", plain_update, T_SHIPPING_RATE, false,
      "active fixed_amount metadata tax_behavior" },

    { "GET", "/v1/customers/{}/balance_transactions", plain_list, T_CUSTOMER_BALANCE_TRANSACTION,
      true, "created invoice" PAGE },
    { "POST", "/v1/customers/{}/balance_transactions", customer_balance_create,
      T_CUSTOMER_BALANCE_TRANSACTION, false, "amount* currency* description metadata" },
    { "GET", "/v1/customers/{}/balance_transactions/{}", customer_balance_get,
      T_CUSTOMER_BALANCE_TRANSACTION, false, "" },
    { "POST", "/v1/customers/{}/balance_transactions/{}", customer_balance_update,
      T_CUSTOMER_BALANCE_TRANSACTION, false, "description metadata" },

    { "POST", "/v1/invoices/{}/add_lines", lines_add, T_INVOICE, false, "lines* invoice_metadata" },
    { "POST", "/v1/invoices/{}/remove_lines", lines_remove, T_INVOICE, false,
      "lines* invoice_metadata" },
    { "POST", "/v1/invoices/{}/update_lines", lines_update, T_INVOICE, false,
      "lines* invoice_metadata" },
    { "POST", "/v1/invoices/{}/lines/{}", lines_change, T_LINE_ITEM, false, LINE_PARAMS },

    { "GET", "/v1/credit_notes", plain_list, T_CREDIT_NOTE, true,
      "created customer customer_account invoice" PAGE },
    { "POST", "/v1/credit_notes", credit_notes_create, T_CREDIT_NOTE, false,
      "invoice* " NOTE_PARAMS },
    { "GET", "/v1/credit_notes/preview", credit_notes_preview, T_CREDIT_NOTE, false,
      "invoice* " NOTE_PARAMS },
    { "GET", "/v1/credit_notes/preview/lines", credit_notes_preview_lines, T_CREDIT_NOTE_LINE_ITEM,
      true, "invoice* " NOTE_PARAMS PAGE },
    { "GET", "/v1/credit_notes/{}", plain_get, T_CREDIT_NOTE, false, "" },
    { "POST", "/v1/credit_notes/{}", plain_update, T_CREDIT_NOTE, false, "memo metadata" },
    { "POST", "/v1/credit_notes/{}/void", credit_notes_void, T_CREDIT_NOTE, false, "" },
    { "GET", "/v1/credit_notes/{}/lines", credit_notes_lines, T_CREDIT_NOTE_LINE_ITEM, true,
      "" PAGE },

    { "GET", "/v1/quotes", plain_list, T_QUOTE, true,
      "customer customer_account status test_clock" PAGE },
    { "POST", "/v1/quotes", quotes_create, T_QUOTE, false, "from_quote test_clock " QUOTE_PARAMS },
    { "GET", "/v1/quotes/{}", plain_get, T_QUOTE, false, "" },
    { "POST", "/v1/quotes/{}", quotes_update, T_QUOTE, false, QUOTE_PARAMS },
    { "POST", "/v1/quotes/{}/accept", quotes_accept, T_QUOTE, false, "" },
    { "POST", "/v1/quotes/{}/cancel", quotes_cancel, T_QUOTE, false, "" },
    { "POST", "/v1/quotes/{}/finalize", quotes_finalize, T_QUOTE, false, "expires_at" },
    { "GET", "/v1/quotes/{}/line_items", quotes_lines, T_ITEM, true, "" PAGE },
    { "GET", "/v1/quotes/{}/computed_upfront_line_items", quotes_upfront, T_ITEM, true, "" PAGE },

    { "GET", "/v1/billing_portal/configurations", plain_list, T_BILLING_PORTAL_CONFIGURATION, true,
      "active is_default" PAGE },
    { "POST", "/v1/billing_portal/configurations", plain_create, T_BILLING_PORTAL_CONFIGURATION,
      false, "features* business_profile default_return_url login_page metadata name" },
    { "GET", "/v1/billing_portal/configurations/{}", plain_get, T_BILLING_PORTAL_CONFIGURATION,
      false, "" },
    { "POST", "/v1/billing_portal/configurations/{}", plain_update, T_BILLING_PORTAL_CONFIGURATION,
      false, "active business_profile default_return_url features login_page metadata name" },
    { "POST", "/v1/billing_portal/sessions", portal_sessions_create, T_PORTAL_SESSION, false,
      "after_expiration configuration customer customer_account flow_data locale on_behalf_of "
      "return_url" },

    { "GET", "/v1/subscription_schedules", plain_list, T_SUBSCRIPTION_SCHEDULE, true,
      "canceled_at completed_at created customer customer_account released_at scheduled" PAGE },
    { "POST", "/v1/subscription_schedules", schedules_create, T_SUBSCRIPTION_SCHEDULE, false,
      "billing_mode customer customer_account default_settings end_behavior from_subscription "
      "metadata pause_schedules phases start_date" },
    { "GET", "/v1/subscription_schedules/{}", plain_get, T_SUBSCRIPTION_SCHEDULE, false, "" },
    { "POST", "/v1/subscription_schedules/{}", schedules_update, T_SUBSCRIPTION_SCHEDULE, false,
      "default_settings end_behavior metadata pause_schedules phases proration_behavior" },
    { "POST", "/v1/subscription_schedules/{}/cancel", schedules_cancel, T_SUBSCRIPTION_SCHEDULE,
      false, "invoice_now prorate" },
    { "POST", "/v1/subscription_schedules/{}/release", schedules_release, T_SUBSCRIPTION_SCHEDULE,
      false, "preserve_cancel_date" },

    { "GET", "/v1/entitlements/features", plain_list, T_ENTITLEMENTS_FEATURE, true,
      "archived lookup_key" PAGE },
    { "POST", "/v1/entitlements/features", plain_create, T_ENTITLEMENTS_FEATURE, false,
      "lookup_key* name* metadata" },
    { "GET", "/v1/entitlements/features/{}", plain_get, T_ENTITLEMENTS_FEATURE, false, "" },
    { "POST", "/v1/entitlements/features/{}", plain_update, T_ENTITLEMENTS_FEATURE, false,
      "active metadata name" },
    { "GET", "/v1/entitlements/active_entitlements", entitlements_list,
      T_ENTITLEMENTS_ACTIVE_ENTITLEMENT, true, "customer*" PAGE },
    { "GET", "/v1/entitlements/active_entitlements/{}", plain_get,
      T_ENTITLEMENTS_ACTIVE_ENTITLEMENT, false, "" },
    { "GET", "/v1/products/{}/features", product_features_list, T_PRODUCT_FEATURE, true, "" PAGE },
    { "POST", "/v1/products/{}/features", product_features_create, T_PRODUCT_FEATURE, false,
      "entitlement_feature*" },
    { "GET", "/v1/products/{}/features/{}", product_features_get, T_PRODUCT_FEATURE, false, "" },
    { "DELETE", "/v1/products/{}/features/{}", product_features_delete, T_PRODUCT_FEATURE, false,
      "" },
};
const size_t n_billing_routes = COUNT(billing_routes);
