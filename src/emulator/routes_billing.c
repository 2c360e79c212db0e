/* routes_billing.c - paths and parameters of what is billed with: coupons, taxes, plans, quotes, …
 */
#include "emulator/plain.h"
#include "emulator/rooms.h"

extern const struct plain coupon_plain, promotion_plain, tax_rate_plain, shipping_rate_plain,
    feature_plain;

const struct plain *const plains_billing[] = {
    &coupon_plain, &promotion_plain, &tax_rate_plain, &shipping_rate_plain, &feature_plain,
};
const size_t n_plains_billing = COUNT(plains_billing);

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
