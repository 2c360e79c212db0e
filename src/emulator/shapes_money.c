/* shapes_money.c - as shapes.c, for the types of routes_money.c. */
#include "emulator/shapes.h"

const char *const shapes_money[T_COUNT] = {
    [T_SETUP_INTENT] =
        "{'id':null,'object':'setup_intent','allowed_payment_method_types':null,"
        "'application':null,'automatic_payment_methods':null,'cancellation_reason':null,"
        "'client_secret':null,'created':0,'customer':null,'description':null,"
        "'excluded_payment_method_types':null,'last_setup_error':null,'latest_attempt':null,"
        "'livemode':false,'mandate':null,'metadata':{},'next_action':null,'on_behalf_of':null,"
        "'payment_method':null,'payment_method_configuration_details':null,"
        "'payment_method_options':{},'payment_method_types':['card'],'single_use_mandate':null,"
        "'status':'requires_payment_method','usage':'off_session'}",
    [T_SETUP_ATTEMPT] =
        "{'id':null,'object':'setup_attempt','application':null,'created':0,'customer':null,"
        "'customer_account':null,'flow_directions':null,'livemode':false,'on_behalf_of':null,"
        "'payment_method':null,'payment_method_details':{'card':{'brand':null,'checks':null,"
        "'country':null,'exp_month':null,'exp_year':null,'fingerprint':null,'funding':null,"
        "'last4':null,'network':null,'three_d_secure':null,'wallet':null},'type':'card'},"
        "'setup_error':null,'setup_intent':null,'status':'succeeded','usage':'off_session'}",
    [T_CHECKOUT_SESSION] =
        "{'id':null,'object':'checkout.session','adaptive_pricing':{'enabled':false},"
        "'after_expiration':null,'allow_promotion_codes':null,"
        "'allowed_payment_method_types':null,'amount_subtotal':null,'amount_total':null,"
        "'automatic_tax':{'enabled':false,'liability':null,'provider':null,'status':null},"
        "'billing_address_collection':null,'cancel_url':null,'client_reference_id':null,"
        "'client_secret':null,'collected_information':null,'consent':null,"
        "'consent_collection':null,'created':0,'currency':null,'currency_conversion':null,"
        "'custom_fields':[],'custom_text':{'after_submit':null,'shipping_address':null,"
        "'submit':null,'terms_of_service_acceptance':null},'customer':null,"
        "'customer_account':null,'customer_creation':null,'customer_details':null,"
        "'customer_email':null,'discounts':[],'expires_at':0,'integration_identifier':null,"
        "'invoice':null,'invoice_creation':null,'livemode':false,'locale':null,"
        "'managed_payments':null,'metadata':{},'mode':'payment','optional_items':null,"
        "'origin_context':null,'payment_intent':null,'payment_link':null,"
        "'payment_method_collection':null,'payment_method_configuration_details':null,"
        "'payment_method_options':{},'payment_method_types':['card'],'payment_status':'unpaid',"
        "'permissions':null,'phone_number_collection':{'enabled':false},'recovered_from':null,"
        "'saved_payment_method_options':null,'setup_intent':null,"
        "'shipping_address_collection':null,'shipping_cost':null,'shipping_options':[],"
        "'status':'open','submit_type':null,'subscription':null,'success_url':null,"
        "'total_details':null,'ui_mode':'hosted_page','url':null,'wallet_options':null}",
    [T_PAYMENT_LINK] =
        "{'id':null,'object':'payment_link','active':true,"
        "'after_completion':{'hosted_confirmation':{'custom_message':null},"
        "'type':'hosted_confirmation'},'allow_promotion_codes':false,'application':null,"
        "'application_fee_amount':null,'application_fee_percent':null,"
        "'automatic_tax':{'enabled':false,'liability':null},"
        "'billing_address_collection':'auto','consent_collection':null,'currency':'usd',"
        "'custom_fields':[],'custom_text':{'after_submit':null,'shipping_address':null,"
        "'submit':null,'terms_of_service_acceptance':null},'customer_creation':'if_required',"
        "'inactive_message':null,'invoice_creation':null,'livemode':false,"
        "'managed_payments':null,'metadata':{},'on_behalf_of':null,'payment_intent_data':null,"
        "'payment_method_collection':'always','payment_method_options':null,"
        "'payment_method_types':null,'phone_number_collection':{'enabled':false},"
        "'restrictions':null,'shipping_address_collection':null,'shipping_options':[],"
        "'submit_type':'auto','subscription_data':null,'tax_id_collection':{'enabled':false,"
        "'required':'never'},'transfer_data':null,'url':''}",
    [T_DISPUTE] =
        "{'id':null,'object':'dispute','amount':0,'balance_transactions':[],'charge':null,"
        "'created':0,'currency':'usd','enhanced_eligibility_types':[],"
        "'evidence':{'access_activity_log':null,'billing_address':null,"
        "'cancellation_policy':null,'cancellation_policy_disclosure':null,"
        "'cancellation_rebuttal':null,'customer_communication':null,"
        "'customer_email_address':null,'customer_name':null,'customer_purchase_ip':null,"
        "'customer_signature':null,'duplicate_charge_documentation':null,"
        "'duplicate_charge_explanation':null,'duplicate_charge_id':null,'enhanced_evidence':{},"
        "'product_description':null,'receipt':null,'refund_policy':null,"
        "'refund_policy_disclosure':null,'refund_refusal_explanation':null,'service_date':null,"
        "'service_documentation':null,'shipping_address':null,'shipping_carrier':null,"
        "'shipping_date':null,'shipping_documentation':null,'shipping_tracking_number':null,"
        "'uncategorized_file':null,'uncategorized_text':null},"
        "'evidence_details':{'due_by':null,'enhanced_eligibility':{},'has_evidence':false,"
        "'past_due':false,'submission_count':0,'submission_method':'not_submitted'},'intended_"
        "submission_method':null,"
        "'is_charge_refundable':false,'livemode':false,'metadata':{},'payment_intent':null,"
        "'payment_method_details':{'card':{'brand':'visa','case_type':'chargeback','network':'visa'"
        ","
        "'network_reason_code':'10.4'},'type':'card'},'reason':'fraudulent',"
        "'status':'needs_response','network_reason_code':null}",
    [T_PAYOUT] =
        "{'id':null,'object':'payout','amount':0,'application_fee':null,"
        "'application_fee_amount':null,'arrival_date':0,'automatic':false,"
        "'balance_transaction':null,'created':0,'currency':'usd','description':null,"
        "'destination':null,'failure_balance_transaction':null,'failure_code':null,"
        "'failure_message':null,'livemode':false,'metadata':{},'method':'standard',"
        "'original_payout':null,'payout_method':null,'reconciliation_status':'not_applicable',"
        "'reversed_by':null,'source_type':'card','statement_descriptor':null,"
        "'status':'pending','trace_id':null,'type':'bank_account'}",
    [T_TRANSFER] =
        "{'id':null,'object':'transfer','amount':0,'amount_reversed':0,"
        "'balance_transaction':null,'created':0,'currency':'usd','description':null,"
        "'destination':null,'destination_payment':null,'livemode':false,'metadata':{},"
        "'reversals':{'object':'list','data':[],'has_more':false,'url':''},'reversed':false,"
        "'source_transaction':null,'source_type':'card','transfer_group':null}",
    [T_TRANSFER_REVERSAL] =
        "{'id':null,'object':'transfer_reversal','amount':0,'balance_transaction':null,"
        "'created':0,'currency':'usd','destination_payment_refund':null,'metadata':{},"
        "'source_refund':null,'transfer':null}",
    [T_TOPUP] = "{'id':null,'object':'topup','amount':0,'balance_transaction':null,'created':0,"
                "'currency':'usd','description':null,'expected_availability_date':null,"
                "'failure_code':null,'failure_message':null,'initiated_by':null,'livemode':false,"
                "'metadata':{},'source':null,'statement_descriptor':null,'status':'pending',"
                "'transfer_group':null}",
    [T_APPLICATION_FEE] =
        "{'id':null,'object':'application_fee','account':null,'amount':0,'amount_refunded':0,"
        "'application':null,'balance_transaction':null,'charge':null,'created':0,"
        "'currency':'usd','fee_source':null,'livemode':false,'originating_transaction':null,"
        "'refunded':false,'refunds':{'object':'list','data':[],'has_more':false,'url':''}}",
    [T_FEE_REFUND] =
        "{'id':null,'object':'fee_refund','amount':0,'balance_transaction':null,'created':0,"
        "'currency':'usd','fee':null,'metadata':{}}",
    [T_MANDATE] = "{'id':null,'object':'mandate','customer_acceptance':{'accepted_at':null,"
                  "'type':'offline','offline':{}},'livemode':false,'payment_method':null,"
                  "'payment_method_details':{'type':'card','card':{}},'status':'active',"
                  "'type':'multi_use','multi_use':{}}",
    [T_CASH_TRANSACTION] =
        "{'id':null,'object':'customer_cash_balance_transaction','created':0,'currency':'usd',"
        "'customer':null,'customer_account':null,'ending_balance':0,'livemode':false,"
        "'net_amount':0,'type':'funded'}",
    [T_CARD] =
        "{'id':null,'object':'card','address_city':null,'address_country':null,"
        "'address_line1':null,'address_line1_check':null,'address_line2':null,"
        "'address_state':null,'address_zip':null,'address_zip_check':null,"
        "'allow_redisplay':null,'brand':'Visa','country':'US','customer':null,'cvc_check':null,"
        "'dynamic_last4':null,'exp_month':12,'exp_year':2034,'fingerprint':null,"
        "'funding':'credit','last4':'','metadata':{},'name':null,"
        "'regulated_status':'unregulated','tokenization_method':null}",
    [T_CAPABILITY] =
        "{'id':null,'object':'capability','account':null,"
        "'future_requirements':{'alternatives':null,'current_deadline':null,'currently_due':[],"
        "'disabled_reason':null,'errors':[],'eventually_due':[],'past_due':[],"
        "'pending_verification':[]},'requested':true,'requested_at':null,"
        "'requirements':{'alternatives':null,'current_deadline':null,'currently_due':[],"
        "'disabled_reason':null,'errors':[],'eventually_due':[],'past_due':[],"
        "'pending_verification':[]},'status':'unrequested'}",
    [T_BANK_ACCOUNT] =
        "{'id':null,'object':'bank_account','account_holder_name':null,"
        "'account_holder_type':null,'account_type':null,'bank_name':null,'country':'US',"
        "'currency':'usd','customer':null,'fingerprint':null,'last4':'6789',"
        "'routing_number':null,'status':'new','metadata':{}}",
    [T_TOKEN] = "{'id':null,'object':'token','client_ip':null,'created':0,'livemode':false,"
                "'type':'card','used':false}",
    [T_RADAR_EARLY_FRAUD_WARNING] =
        "{'id':null,'object':'radar.early_fraud_warning','actionable':true,'charge':null,"
        "'created':0,'fraud_type':'made_with_stolen_card','livemode':false}",
};
