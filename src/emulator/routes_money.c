/* routes_money.c - the routes of what moves money: as routes.c, apart from it for its size. */
#include "emulator/plain.h"
#include "emulator/rooms.h"

extern const struct plain payout_plain, topup_plain, transfer_plain;

const struct plain *const plains_money[] = { &payout_plain, &topup_plain, &transfer_plain };
const size_t n_plains_money = COUNT(plains_money);

#define SETUP_PARAMS                                                                     \
    "allowed_payment_method_types attach_to_self customer customer_account description " \
    "excluded_payment_method_types flow_directions metadata payment_method "             \
    "payment_method_configuration payment_method_data payment_method_options payment_method_types"
#define LINK_PARAMS                                                                              \
    "after_completion allow_promotion_codes application_fee_amount application_fee_percent "     \
    "automatic_tax billing_address_collection consent_collection custom_fields custom_text "     \
    "customer_creation inactive_message invoice_creation metadata name_collection on_behalf_of " \
    "optional_items payment_intent_data payment_method_collection payment_method_options "       \
    "payment_method_types phone_number_collection restrictions shipping_address_collection "     \
    "shipping_options submit_type subscription_data tax_id_collection transfer_data"
#define ACCOUNT_PARAMS                                                              \
    "account_token business_profile business_type capabilities company controller " \
    "default_currency documents email external_account groups individual metadata " \
    "settings tos_acceptance"
#define REFUND_PARAMS \
    "amount instructions_email metadata reason refund_application_fee reverse_transfer "

const struct route money_routes[] = {
    { "POST", "/v1/payment_intents/{}/increment_authorization", intents_increment, T_PAYMENT_INTENT,
      false,
      "amount* amount_details application_fee_amount description hooks metadata payment_details "
      "statement_descriptor transfer_data" },
    { "POST", "/v1/payment_intents/{}/apply_customer_balance", intents_apply_cash, T_PAYMENT_INTENT,
      false, "amount currency" },

    { "GET", "/v1/setup_intents", plain_list, T_SETUP_INTENT, true,
      "attach_to_self created customer customer_account payment_method" PAGE },
    { "POST", "/v1/setup_intents", setups_create, T_SETUP_INTENT, false,
      "automatic_payment_methods confirm confirmation_token mandate_data on_behalf_of return_url "
      "single_use usage use_stripe_sdk " SETUP_PARAMS },
    { "GET", "/v1/setup_intents/{}", plain_get, T_SETUP_INTENT, false, "client_secret" },
    { "POST", "/v1/setup_intents/{}", setups_update, T_SETUP_INTENT, false, SETUP_PARAMS },
    { "POST", "/v1/setup_intents/{}/confirm", setups_confirm, T_SETUP_INTENT, false,
      "allowed_payment_method_types confirmation_token mandate_data payment_method "
      "payment_method_data payment_method_options return_url use_stripe_sdk" },
    { "POST", "/v1/setup_intents/{}/cancel", setups_cancel, T_SETUP_INTENT, false,
      "cancellation_reason" },
    { "GET", "/v1/setup_attempts", plain_list, T_SETUP_ATTEMPT, true,
      "setup_intent* created" PAGE },
    { "GET", "/v1/mandates/{}", plain_get, T_MANDATE, false, "" },

    { "GET", "/v1/checkout/sessions", sessions_list, T_CHECKOUT_SESSION, true,
      "created customer customer_account customer_details payment_intent payment_link status "
      "subscription" PAGE },
    { "POST", "/v1/checkout/sessions", sessions_create, T_CHECKOUT_SESSION, false,
      "adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types "
      "automatic_tax billing_address_collection branding_settings cancel_url client_reference_id "
      "consent_collection currency custom_fields custom_text customer customer_account "
      "customer_creation customer_email customer_update discounts excluded_payment_method_types "
      "expires_at integration_identifier invoice_creation line_items locale managed_payments "
      "metadata mode name_collection optional_items origin_context payment_intent_data "
      "payment_method_collection payment_method_configuration payment_method_data "
      "payment_method_options payment_method_types permissions phone_number_collection "
      "redirect_on_completion return_url saved_payment_method_options setup_intent_data "
      "shipping_address_collection shipping_options submit_type subscription_data success_url "
      "tax_id_collection ui_mode wallet_options" },
    { "GET", "/v1/checkout/sessions/{}", plain_get, T_CHECKOUT_SESSION, false, "" },
    { "POST", "/v1/checkout/sessions/{}", sessions_update, T_CHECKOUT_SESSION, false,
      "collected_information metadata shipping_options" },
    { "POST", "/v1/checkout/sessions/{}/expire", sessions_expire, T_CHECKOUT_SESSION, false, "" },
    { "GET", "/v1/checkout/sessions/{}/line_items", sessions_items, T_ITEM, true, "" PAGE },
    /* The page itself: undocumented, and what Stripe's command line plays the customer with. */
    { "GET", "/v1/payment_pages/{}", pages_get, T_CHECKOUT_SESSION, false, "eid" },
    { "POST", "/v1/payment_pages/{}/confirm", pages_confirm, T_CHECKOUT_SESSION, false,
      "eid expected_amount expected_payment_method_type payment_method payment_method_data "
      "return_url" },

    { "GET", "/v1/payment_links", plain_list, T_PAYMENT_LINK, true, "active" PAGE },
    { "POST", "/v1/payment_links", links_create, T_PAYMENT_LINK, false,
      "line_items* currency managed_payments " LINK_PARAMS },
    { "GET", "/v1/payment_links/{}", plain_get, T_PAYMENT_LINK, false, "" },
    { "POST", "/v1/payment_links/{}", links_update, T_PAYMENT_LINK, false, "active " LINK_PARAMS },
    { "GET", "/v1/payment_links/{}/line_items", links_items, T_ITEM, true, "" PAGE },
    { "POST", "/_emulator/payment_links/{}/open", links_open, T_NONE, false, NULL },

    { "GET", "/v1/disputes", plain_list, T_DISPUTE, true, "charge created payment_intent" PAGE },
    { "GET", "/v1/disputes/{}", plain_get, T_DISPUTE, false, "" },
    { "POST", "/v1/disputes/{}", disputes_update, T_DISPUTE, false,
      "evidence intended_submission_method metadata submit" },
    { "POST", "/v1/disputes/{}/close", disputes_close, T_DISPUTE, false, "" },
    { "GET", "/v1/radar/early_fraud_warnings", plain_list, T_RADAR_EARLY_FRAUD_WARNING, true,
      "charge created payment_intent" PAGE },
    { "GET", "/v1/radar/early_fraud_warnings/{}", plain_get, T_RADAR_EARLY_FRAUD_WARNING, false,
      "" },

    { "POST", "/v1/refunds/{}/cancel", refunds_cancel, T_REFUND, false, "" },
    { "POST", "/v1/test_helpers/refunds/{}/expire", refunds_expire, T_REFUND, false, "" },
    { "POST", "/v1/charges/{}/refunds", charges_refund, T_REFUND, false, REFUND_PARAMS },

    { "GET", "/v1/payouts", plain_list, T_PAYOUT, true,
      "arrival_date created destination status" PAGE },
    { "POST", "/v1/payouts", payouts_create, T_PAYOUT, false,
      "amount* currency* description destination metadata method payout_method source_type "
      "statement_descriptor" },
    { "GET", "/v1/payouts/{}", plain_get, T_PAYOUT, false, "" },
    { "POST", "/v1/payouts/{}", plain_update, T_PAYOUT, false, "metadata" },
    { "POST", "/v1/payouts/{}/cancel", payouts_cancel, T_PAYOUT, false, "" },
    { "POST", "/v1/payouts/{}/reverse", payouts_reverse, T_PAYOUT, false, "metadata" },

    { "GET", "/v1/topups", plain_list, T_TOPUP, true, "amount created status" PAGE },
    { "POST", "/v1/topups", topups_create, T_TOPUP, false,
      "amount* currency* description metadata payment_method payment_method_options source "
      "statement_descriptor transfer_group" },
    { "GET", "/v1/topups/{}", plain_get, T_TOPUP, false, "" },
    { "POST", "/v1/topups/{}", plain_update, T_TOPUP, false, "description metadata" },
    { "POST", "/v1/topups/{}/cancel", topups_cancel, T_TOPUP, false, "" },

    { "GET", "/v1/transfers", plain_list, T_TRANSFER, true,
      "created destination transfer_group" PAGE },
    { "POST", "/v1/transfers", transfers_create, T_TRANSFER, false,
      "currency* destination* amount description metadata source_transaction source_type "
      "transfer_group" },
    { "GET", "/v1/transfers/{}", plain_get, T_TRANSFER, false, "" },
    { "POST", "/v1/transfers/{}", plain_update, T_TRANSFER, false, "description metadata" },
    { "GET", "/v1/transfers/{}/reversals", plain_list, T_TRANSFER_REVERSAL, true, "" PAGE },
    { "POST", "/v1/transfers/{}/reversals", reversals_create, T_TRANSFER_REVERSAL, false,
      "amount description metadata refund_application_fee" },
    { "GET", "/v1/transfers/{}/reversals/{}", below_get, T_TRANSFER_REVERSAL, false, "" },
    { "POST", "/v1/transfers/{}/reversals/{}", below_update, T_TRANSFER_REVERSAL, false,
      "metadata" },

    { "GET", "/v1/application_fees", plain_list, T_APPLICATION_FEE, true, "charge created" PAGE },
    { "GET", "/v1/application_fees/{}", plain_get, T_APPLICATION_FEE, false, "" },
    { "GET", "/v1/application_fees/{}/refunds", plain_list, T_FEE_REFUND, true, "" PAGE },
    { "POST", "/v1/application_fees/{}/refunds", fee_refunds_create, T_FEE_REFUND, false,
      "amount metadata" },
    { "GET", "/v1/application_fees/{}/refunds/{}", below_get, T_FEE_REFUND, false, "" },
    { "POST", "/v1/application_fees/{}/refunds/{}", below_update, T_FEE_REFUND, false, "metadata" },

    { "GET", "/v1/customers/{}/cash_balance", cash_get, T_NONE, false, "" },
    { "POST", "/v1/customers/{}/cash_balance", cash_update, T_NONE, false, "settings" },
    { "GET", "/v1/customers/{}/cash_balance_transactions", cash_transactions, T_CASH_TRANSACTION,
      true, "" PAGE },
    { "GET", "/v1/customers/{}/cash_balance_transactions/{}", cash_transaction, T_CASH_TRANSACTION,
      false, "" },
    { "POST", "/v1/test_helpers/customers/{}/fund_cash_balance", cash_fund, T_CASH_TRANSACTION,
      false, "amount* currency* reference" },

    { "POST", "/v1/tokens", tokens_create, T_TOKEN, false,
      "account bank_account card customer cvc_update person pii" },
    { "GET", "/v1/tokens/{}", plain_get, T_TOKEN, false, "" },
    { "GET", "/v1/customers/{}/sources", sources_list, T_CARD, true, "object" PAGE },
    { "POST", "/v1/customers/{}/sources", sources_create, T_CARD, false,
      "source* metadata validate" },
    { "GET", "/v1/customers/{}/sources/{}", sources_get, T_CARD, false, "" },
    { "POST", "/v1/customers/{}/sources/{}", sources_update, T_CARD, false,
      "account_holder_name account_holder_type address_city address_country address_line1 "
      "address_line2 address_state address_zip exp_month exp_year metadata name owner" },
    { "DELETE", "/v1/customers/{}/sources/{}", sources_delete, T_CARD, false, "" },

    { "POST", "/v1/accounts", accounts_create, T_ACCOUNT, false, "country type " ACCOUNT_PARAMS },
    { "POST", "/v1/accounts/{}", accounts_update, T_ACCOUNT, false, ACCOUNT_PARAMS },
    { "DELETE", "/v1/accounts/{}", accounts_delete, T_ACCOUNT, false, "" },
    { "POST", "/v1/accounts/{}/reject", accounts_reject, T_ACCOUNT, false,
      "reason* payouts_action" },
    { "POST", "/v1/accounts/{}/login_links", login_links_create, T_NONE, false, "" },
    { "GET", "/v1/accounts/{}/capabilities", capabilities_list, T_NONE, false, "" },
    { "GET", "/v1/accounts/{}/capabilities/{}", capabilities_get, T_NONE, false, "" },
    { "POST", "/v1/accounts/{}/capabilities/{}", capabilities_update, T_NONE, false, "requested" },
    { "POST", "/v1/account_links", account_links_create, T_NONE, false,
      "account* type* collect collection_options refresh_url return_url" },
};

const size_t n_money_routes = COUNT(money_routes);
