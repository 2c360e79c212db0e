#include "emulator/shapes.h"

#include <stdlib.h>
#include <string.h>

/* Texts are JSON with single quotes, so that they can be read. Members stand in the order in which
 * they are sent: id and object first, the rest by name. */
static const char *const shape[T_COUNT] = {
    [T_PRODUCT] =
        "{'id':null,'object':'product','active':true,'created':0,'default_price':null,"
        "'description':null,'images':[],'livemode':false,'marketing_features':[],'metadata':{},"
        "'name':null,'package_dimensions':null,'shippable':null,'statement_descriptor':null,"
        "'tax_code':null,'tax_details':null,'type':'service','unit_label':null,'updated':0,"
        "'url':null}",
    [T_PRICE] = "{'id':null,'object':'price','active':true,'billing_scheme':'per_unit','created':0,"
                "'currency':null,'custom_unit_amount':null,'livemode':false,'lookup_key':null,"
                "'metadata':{},'nickname':null,'product':null,'recurring':null,"
                "'tax_behavior':'unspecified','tiers_mode':null,'transform_quantity':null,"
                "'type':'one_time','unit_amount':null,'unit_amount_decimal':null}",
    [T_CUSTOMER] =
        "{'id':null,'object':'customer','address':null,'balance':0,"
        "'created':0,'currency':null,'customer_account':null,'default_source':null,"
        "'delinquent':false,'description':null,'discount':null,'email':null,"
        "'invoice_prefix':null,'invoice_settings':{'custom_fields':null,"
        "'default_payment_method':null,'footer':null,'rendering_options':null},'livemode':false,"
        "'metadata':{},'name':null,'next_invoice_sequence':1,'phone':null,'preferred_locales':[],"
        "'shipping':null,'tax_exempt':'none','test_clock':null}",
    [T_PAYMENT_METHOD] =
        "{'id':null,'object':'payment_method','allow_redisplay':'unspecified',"
        "'billing_details':{'address':{'city':null,'country':null,'line1':null,'line2':null,"
        "'postal_code':null,'state':null},'email':null,'name':null,'phone':null,'tax_id':null},"
        "'card':null,'created':0,'customer':null,'customer_account':null,'livemode':false,"
        "'metadata':{},'type':'card'}",
    [T_SUBSCRIPTION] =
        "{'id':null,'object':'subscription','application':null,'application_fee_percent':null,"
        "'automatic_tax':{'disabled_reason':null,'enabled':false,'liability':null},"
        "'billing_cycle_anchor':0,'billing_cycle_anchor_config':null,"
        "'billing_mode':{'flexible':null,'type':'classic'},'billing_schedules':[],"
        "'billing_thresholds':null,'cancel_at':null,'cancel_at_period_end':false,"
        "'canceled_at':null,'cancellation_details':{'comment':null,'feedback':null,'feedback_"
        "option':null,'reason':null},"
        "'collection_method':'charge_automatically','created':0,'currency':'usd','customer':null,"
        "'customer_account':null,'days_until_due':null,'default_payment_method':null,"
        "'default_source':null,'default_tax_rates':[],'description':null,'discounts':[],"
        "'ended_at':null,'invoice_settings':{'account_tax_ids':null,'custom_fields':null,"
        "'description':null,'footer':null,'issuer':{'type':'self'}},"
        "'items':{'object':'list','data':[],'has_more':false,'url':''},'latest_invoice':null,"
        "'livemode':false,'managed_payments':null,'metadata':{},"
        "'next_pending_invoice_item_invoice':null,'on_behalf_of':null,'pause_collection':null,"
        "'payment_settings':{'payment_method_options':null,'payment_method_types':null,"
        "'save_default_payment_method':'off'},'pending_invoice_item_interval':null,"
        "'pending_setup_intent':null,'pending_update':null,'schedule':null,'start_date':0,"
        "'status':'active','test_clock':null,'transfer_data':null,'trial_end':null,"
        "'trial_settings':{'end_behavior':{'billing_cycle_anchor':null,'missing_payment_method':'"
        "create_invoice'}},"
        "'trial_start':null}",
    [T_SUBSCRIPTION_ITEM] =
        "{'id':null,'object':'subscription_item','billing_thresholds':null,'created':0,"
        "'current_period_end':0,'current_period_start':0,'current_trial':null,'discounts':[],"
        "'metadata':{},'plan':null,'price':null,'quantity':1,'subscription':null,'tax_rates':[]}",
    [T_INVOICE] =
        "{'id':null,'object':'invoice','account_country':'US','account_name':null,"
        "'account_tax_ids':null,'amount_due':0,'amount_overpaid':0,'amount_paid':0,"
        "'amount_paid_off_stripe':0,'amount_remaining':0,'amount_shipping':0,'application':null,"
        "'attempt_count':0,'attempted':false,'auto_advance':false,"
        "'automatic_tax':{'disabled_reason':null,'enabled':false,'liability':null,"
        "'provider':null,'status':null},'automatically_finalizes_at':null,"
        "'billing_reason':'manual','collection_method':'charge_automatically','created':0,"
        "'currency':'usd','custom_fields':null,'customer':null,'customer_account':null,"
        "'customer_address':null,'customer_email':null,'customer_name':null,"
        "'customer_phone':null,'customer_shipping':null,'customer_tax_exempt':'none',"
        "'customer_tax_ids':[],'default_payment_method':null,'default_source':null,"
        "'default_tax_rates':[],'description':null,'discounts':[],'due_date':null,"
        "'effective_at':null,'ending_balance':null,'footer':null,'from_invoice':null,"
        "'hosted_invoice_url':null,'invoice_pdf':null,'issuer':{'type':'self'},"
        "'last_finalization_error':null,'latest_revision':null,"
        "'lines':{'object':'list','data':[],'has_more':false,'url':''},'livemode':false,"
        "'metadata':{},'next_payment_attempt':null,'number':null,'on_behalf_of':null,"
        "'parent':null,'payment_settings':{'default_mandate':null,"
        "'payment_method_options':null,'payment_method_types':null},'period_end':0,"
        "'period_start':0,'post_payment_credit_notes_amount':0,"
        "'pre_payment_credit_notes_amount':0,'receipt_number':null,'rendering':null,"
        "'shipping_cost':null,'shipping_details':null,'starting_balance':0,"
        "'statement_descriptor':null,'status':'draft','status_transitions':{'finalized_at':null,"
        "'marked_uncollectible_at':null,'paid_at':null,'voided_at':null},'subtotal':0,"
        "'subtotal_excluding_tax':0,'test_clock':null,'total':0,'total_discount_amounts':[],"
        "'total_excluding_tax':0,'total_pretax_credit_amounts':[],'total_taxes':[],"
        "'webhooks_delivered_at':null}",
    [T_LINE_ITEM] =
        "{'id':null,'object':'line_item','amount':0,'currency':'usd','description':null,"
        "'discount_amounts':[],'discountable':true,'discounts':[],'invoice':null,'livemode':false,"
        "'metadata':{},'parent':null,'period':{'end':0,'start':0},'pretax_credit_amounts':[],"
        "'pricing':null,'quantity':1,'quantity_decimal':null,'subscription':null,'subtotal':0,"
        "'taxes':[]}",
    [T_INVOICEITEM] =
        "{'id':null,'object':'invoiceitem','amount':0,'currency':'usd','customer':null,"
        "'customer_account':null,'date':0,'description':null,'discountable':true,'discounts':[],"
        "'invoice':null,'livemode':false,'metadata':{},'net_amount':0,'parent':null,"
        "'period':{'end':0,'start':0},'pricing':null,'proration':false,"
        "'quantity':1,'quantity_decimal':'1','tax_rates':[],'test_clock':null}",
    [T_INVOICE_PAYMENT] =
        "{'id':null,'object':'invoice_payment','amount_paid':null,'amount_requested':0,"
        "'created':0,'currency':'usd','invoice':null,'is_default':true,'livemode':false,"
        "'payment':{'payment_intent':null,'type':'payment_intent'},'status':'open',"
        "'status_transitions':{'canceled_at':null,'paid_at':null}}",
    [T_PAYMENT_INTENT] =
        "{'id':null,'object':'payment_intent','allowed_payment_method_types':null,'amount':0,"
        "'amount_capturable':0,'amount_details':{'tip':{}},'amount_received':0,"
        "'application':null,'application_fee_amount':null,'automatic_payment_methods':null,"
        "'canceled_at':null,'cancellation_reason':null,'capture_method':'automatic',"
        "'client_secret':null,'confirmation_method':'automatic','created':0,'currency':'usd',"
        "'customer':null,'customer_account':null,'description':null,"
        "'excluded_payment_method_types':null,'last_payment_error':null,'latest_charge':null,"
        "'livemode':false,'managed_payments':null,'metadata':{},'next_action':null,"
        "'on_behalf_of':null,'payment_method':null,'payment_method_configuration_details':null,"
        "'payment_method_options':{},'payment_method_types':['card'],'payment_record':null,"
        "'processing':null,'receipt_email':null,'review':null,'setup_future_usage':null,"
        "'shipping':null,'source':null,'statement_descriptor':null,"
        "'statement_descriptor_suffix':null,'status':'requires_payment_method',"
        "'transfer_data':null,'transfer_group':null}",
    [T_CHARGE] =
        "{'id':null,'object':'charge','amount':0,'amount_captured':0,'amount_refunded':0,"
        "'application':null,'application_fee':null,'application_fee_amount':null,"
        "'balance_transaction':null,'billing_details':{'address':{'city':null,'country':null,"
        "'line1':null,'line2':null,'postal_code':null,'state':null},'email':null,'name':null,"
        "'phone':null,'tax_id':null},'calculated_statement_descriptor':'EMULATOR',"
        "'captured':false,'created':0,'currency':'usd','customer':null,'description':null,"
        "'disputed':false,'failure_balance_transaction':null,'failure_code':null,"
        "'failure_message':null,'fraud_details':{},'livemode':false,'metadata':{},"
        "'on_behalf_of':null,'outcome':{'advice_code':null,'network_advice_code':null,"
        "'network_decline_code':null,'network_status':'approved_by_network','reason':null,"
        "'risk_level':'normal','seller_message':'Payment complete.','type':'authorized'},"
        "'paid':true,'payment_intent':null,'payment_method':null,'payment_method_details':null,"
        "'receipt_email':null,'receipt_number':null,'receipt_url':null,'refunded':false,"
        "'review':null,'shipping':null,'source':null,'source_transfer':null,"
        "'statement_descriptor':null,'statement_descriptor_suffix':null,'status':'succeeded',"
        "'transfer_data':null,'transfer_group':null}",
    [T_REFUND] = "{'id':null,'object':'refund','amount':0,'balance_transaction':null,'charge':null,"
                 "'created':0,'currency':'usd','customer':null,'customer_account':null,"
                 "'destination_details':{'card':{'reference_status':'pending','reference_type':"
                 "'acquirer_reference_number','type':'refund'},'type':'card'},'metadata':{},"
                 "'payment_intent':null,'payment_method':null,'reason':null,'receipt_number':null,"
                 "'source_transfer_reversal':null,'status':'succeeded','transfer_reversal':null}",
    [T_BALANCE_TRANSACTION] =
        "{'id':null,'object':'balance_transaction','amount':0,'available_on':0,"
        "'balance_type':'payments','created':0,'currency':'usd','description':null,"
        "'exchange_rate':null,'fee':0,'fee_details':[],'net':0,'reporting_category':'charge',"
        "'source':null,'status':'available','type':'charge'}",
    [T_WEBHOOK_ENDPOINT] =
        "{'id':null,'object':'webhook_endpoint','api_version':null,'application':null,"
        "'created':0,'description':null,'enabled_events':[],'livemode':false,'metadata':{},"
        "'status':'enabled','url':null}",
    [T_EVENT] =
        "{'id':null,'object':'event','api_version':'" API_VERSION "','created':0,'data':{},"
        "'livemode':false,'pending_webhooks':0,'request':{'id':null,'idempotency_key':null},"
        "'type':null}",
    [T_ACCOUNT] =
        "{'id':null,'object':'account','business_profile':{'mcc':null,'minority_owned_business_"
        "designation':null,'name':null,"
        "'product_description':null,'specified_commercial_transactions_act_url':null,'support_"
        "address':null,'support_email':null,"
        "'support_phone':null,'support_url':null,'url':null},'business_type':null,"
        "'capabilities':{'card_payments':'active','transfers':'active'},'charges_enabled':true,"
        "'controller':{'type':'account'},'country':'US','created':1704067200,"
        "'default_currency':'usd','details_submitted':true,'email':'merchant@example.com',"
        "'external_accounts':{'object':'list','data':[],'has_more':false,'url':''},"
        "'metadata':{},'payouts_enabled':true,'settings':{'branding':{'icon':null,'logo':null,"
        "'primary_color':null,'secondary_color':null},'card_payments':{'statement_descriptor_"
        "prefix':null,'statement_descriptor_prefix_kana':null,'statement_descriptor_prefix_kanji':"
        "null},'dashboard':{'display_name':'Emulator',"
        "'timezone':'Etc/"
        "UTC'},'payments':{'statement_descriptor':'EMULATOR','statement_descriptor_kana':null,'"
        "statement_descriptor_kanji':null,'statement_descriptor_prefix_kana':null,'statement_"
        "descriptor_prefix_kanji':null},"
        "'payouts':{'debit_negative_balances':true,'schedule':{'delay_days':2,"
        "'interval':'daily'},'statement_descriptor':null}},'type':'standard'}",
    [T_V2_CORE_EVENT_DESTINATION] =
        "{'id':null,'object':'v2.core.event_destination','created':null,'description':'',"
        "'enabled_events':[],'event_payload':'thin','events_from':['self'],'livemode':false,"
        "'metadata':{},'name':null,'snapshot_api_version':null,'status':'enabled',"
        "'status_details':null,'type':'webhook_endpoint','updated':null,"
        "'webhook_endpoint':{'signing_secret':null,'url':null}}",
    [T_V2_CORE_EVENT] =
        "{'id':null,'object':'v2.core.event','context':null,'created':null,'livemode':false,"
        "'reason':null,'related_object':null,'type':null}",
    [T_TEST_HELPERS_TEST_CLOCK] =
        "{'id':null,'object':'test_helpers.test_clock','created':0,'deletes_after':0,"
        "'frozen_time':0,'livemode':false,'name':null,'status':'ready','status_details':{}}",
    [T_BALANCE] = "{'object':'balance','available':[],'livemode':false,'pending':[]}",
};

const char shape_card[] =
    "{'brand':'visa','checks':{'address_line1_check':null,'address_postal_code_check':null,"
    "'cvc_check':'pass'},'country':'US','display_brand':'visa','exp_month':12,'exp_year':2034,"
    "'fingerprint':null,'funding':'credit','generated_from':null,'last4':'4242',"
    "'networks':{'available':['visa'],'preferred':null},'regulated_status':'unregulated',"
    "'three_d_secure_usage':{'supported':true},'wallet':null}";

const char shape_charge_details[] =
    "{'card':{'amount_authorized':null,'authorization_code':null,'brand':'visa',"
    "'checks':{'address_line1_check':null,'address_postal_code_check':null,'cvc_check':'pass'},"
    "'country':'US','electronic_commerce_indicator':null,'exp_month':12,'exp_year':2034,'extended_"
    "authorization':"
    "{'status':'disabled'},'fingerprint':null,'funding':'credit','incremental_authorization':"
    "{'status':'unavailable'},'installments':null,'last4':'4242','mandate':null,"
    "'multicapture':{'status':'unavailable'},'network':'visa','network_token':{'used':false},"
    "'network_transaction_id':null,'overcapture':{'maximum_amount_capturable':0,"
    "'status':'unavailable'},'regulated_status':'unregulated','three_d_secure':null,"
    "'transaction_link_id':null,'wallet':null},'type':'card'}";

const char shape_plan[] =
    "{'id':null,'object':'plan','active':true,'amount':null,'amount_decimal':null,"
    "'billing_scheme':'per_unit','created':0,'currency':'usd','interval':'month',"
    "'interval_count':1,'livemode':false,'metadata':{},'meter':null,'nickname':null,"
    "'product':null,'tiers_mode':null,'transform_usage':null,'trial_period_days':null,"
    "'usage_type':'licensed'}";

json_t *shape_parse(const char *text)
{
    char *json = must_copy(str_of(text));

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *v = json_loads(json, 0, NULL);
    free(json);
    assert(v);
    return v;
}

json_t *shape_new(enum type t)
{
    const char *text = shape[t] ? shape[t] : shapes_money[t] ? shapes_money[t] : shapes_billing[t];

    if (text)
        return shape_parse(text);
    json_t *v = shape_parse("{'id':null}");
    set_strz(v, "object", type_info[t].name);
    return v;
}
