/* shapes_billing.c - what coupons, taxes, quotes and their like look like before anything is set.
 */
#include "emulator/shapes.h"

#define TOTAL_DETAILS "'total_details':{'amount_discount':0,'amount_shipping':0,'amount_tax':0}"

const char *const shapes_billing[T_COUNT] = {
    [T_COUPON] = "{'id':null,'object':'coupon','amount_off':null,'created':0,'currency':null,"
                 "'duration':'once','duration_in_months':null,'livemode':false,"
                 "'max_redemptions':null,'metadata':{},'name':null,'percent_off':null,"
                 "'redeem_by':null,'times_redeemed':0,'valid':true}",
    [T_PROMOTION_CODE] =
        "{'id':null,'object':'promotion_code','active':true,'code':null,'created':0,"
        "'customer':null,'customer_account':null,'expires_at':null,'livemode':false,"
        "'max_redemptions':null,'metadata':{},'promotion':{'coupon':null,'type':'coupon'},"
        "'restrictions':{'first_time_transaction':false,'minimum_amount':null,"
        "'minimum_amount_currency':null},'times_redeemed':0}",
    [T_DISCOUNT] = "{'id':null,'object':'discount','checkout_session':null,'customer':null,"
                   "'customer_account':null,'end':null,'invoice':null,'invoice_item':null,"
                   "'promotion_code':null,'source':{'coupon':null,'type':'coupon'},'start':0,"
                   "'subscription':null,'subscription_item':null}",
    [T_TAX_RATE] =
        "{'id':null,'object':'tax_rate','active':true,'country':null,'created':0,"
        "'description':null,'display_name':null,'effective_percentage':null,'flat_amount':null,"
        "'inclusive':false,'jurisdiction':null,'jurisdiction_level':null,'livemode':false,"
        "'metadata':{},'percentage':0,'rate_type':'percentage','state':null,'tax_type':null}",
    [T_TAX_ID] = "{'id':null,'object':'tax_id','country':null,'created':0,'customer':null,"
                 "'customer_account':null,'livemode':false,'owner':null,'type':null,'value':null,"
                 "'verification':null}",
    [T_PLAN] = "{'id':null,'object':'plan','active':true,'amount':null,'amount_decimal':null,"
               "'billing_scheme':'per_unit','created':0,'currency':'usd','interval':'month',"
               "'interval_count':1,'livemode':false,'metadata':{},'meter':null,'nickname':null,"
               "'product':null,'tiers_mode':null,'transform_usage':null,'trial_period_days':null,"
               "'usage_type':'licensed'}",
    [T_SHIPPING_RATE] =
        "{'id':null,'object':'shipping_rate','active':true,'created':0,'delivery_estimate':null,"
        "'display_name':null,'fixed_amount':null,'livemode':false,'metadata':{},"
        "'tax_behavior':'unspecified','tax_code':null,'type':'fixed_amount'}",
    [T_ENTITLEMENTS_FEATURE] =
        "{'id':null,'object':'entitlements.feature','active':true,'livemode':false,"
        "'lookup_key':null,'metadata':{},'name':null}",
    [T_ENTITLEMENTS_ACTIVE_ENTITLEMENT] =
        "{'id':null,'object':'entitlements.active_entitlement','feature':null,'livemode':false,"
        "'lookup_key':null}",
    [T_PRODUCT_FEATURE] = "{'id':null,'object':'product_feature','entitlement_feature':null,"
                          "'livemode':false}",
    [T_BILLING_PORTAL_CONFIGURATION] =
        "{'id':null,'object':'billing_portal.configuration','active':true,'application':null,"
        "'business_profile':{'headline':null,'privacy_policy_url':null,"
        "'terms_of_service_url':null},'created':0,'default_return_url':null,"
        "'features':{'customer_update':{'allowed_updates':[],'enabled':false},"
        "'invoice_history':{'enabled':false},'payment_method_update':{'enabled':false,"
        "'payment_method_configuration':null},'subscription_cancel':{'cancellation_reason':"
        "{'enabled':false,'feedback_options':null,'options':['too_expensive','missing_features',"
        "'switched_service','unused','other']},'enabled':false,'mode':'at_period_end',"
        "'proration_behavior':'none'},'subscription_pause':{'duration':{'interval_options':[],"
        "'type':'interval'},'enabled':false},"
        "'subscription_update':{'billing_cycle_anchor':null,'default_allowed_updates':[],"
        "'enabled':false,'proration_behavior':'none','schedule_at_period_end':{'conditions':[]},"
        "'trial_update_behavior':'end_trial'}},'is_default':false,'livemode':false,"
        "'login_page':{'enabled':false,'url':null},'metadata':{},'name':null,'updated':0}",
    [T_PORTAL_SESSION] =
        "{'id':null,'object':'billing_portal.session','configuration':null,'created':0,"
        "'customer':null,'customer_account':null,'flow':null,'livemode':false,'locale':null,"
        "'on_behalf_of':null,'return_url':null,'url':null}",
    [T_CREDIT_NOTE] =
        "{'id':null,'object':'credit_note','amount':0,'amount_shipping':0,'created':0,"
        "'currency':'usd','customer':null,'customer_account':null,"
        "'customer_balance_transaction':null,'discount_amount':0,'discount_amounts':[],"
        "'effective_at':null,'invoice':null,'lines':{'object':'list','data':[],'has_more':false,"
        "'url':''},'livemode':false,'memo':null,'metadata':{},'number':null,"
        "'out_of_band_amount':null,'pdf':null,'post_payment_amount':0,'pre_payment_amount':0,"
        "'pretax_credit_amounts':[],'reason':null,'refunds':[],'shipping_cost':null,"
        "'status':'issued','subtotal':0,'subtotal_excluding_tax':0,'total':0,"
        "'total_excluding_tax':0,'total_taxes':[],'type':'pre_payment','voided_at':null}",
    [T_CUSTOMER_BALANCE_TRANSACTION] =
        "{'id':null,'object':'customer_balance_transaction','amount':0,'checkout_session':null,"
        "'created':0,'credit_note':null,'currency':'usd','customer':null,'customer_account':null,"
        "'description':null,'ending_balance':0,'invoice':null,'livemode':false,'metadata':{},"
        "'type':'adjustment'}",
    [T_CREDIT_NOTE_LINE_ITEM] =
        "{'id':null,'object':'credit_note_line_item','amount':0,'description':null,"
        "'discount_amount':0,'discount_amounts':[],'livemode':false,'metadata':{},"
        "'pretax_credit_amounts':[],'quantity':null,'tax_rates':[],'taxes':[],"
        "'type':'invoice_line_item','unit_amount':null,'unit_amount_decimal':null}",
    [T_ITEM] = "{'id':null,'object':'item','adjustable_quantity':null,'amount_discount':0,"
               "'amount_subtotal':0,'amount_tax':0,'amount_total':0,'currency':'usd',"
               "'description':null,'metadata':null,'price':null,'quantity':1}",
    [T_QUOTE] =
        "{'id':null,'object':'quote','amount_subtotal':0,'amount_total':0,'application':null,"
        "'application_fee_amount':null,'application_fee_percent':null,'automatic_tax':"
        "{'enabled':false,'liability':null,'provider':null,'status':null},"
        "'collection_method':'charge_automatically','computed':{'recurring':null,'upfront':"
        "{'amount_subtotal':0,'amount_total':0," TOTAL_DETAILS "}},'created':0,'currency':null,"
        "'customer':null,'customer_account':null,'default_tax_rates':[],'description':null,"
        "'discounts':[],'expires_at':0,'footer':null,'from_quote':null,'header':null,"
        "'invoice':null,'invoice_settings':{'custom_fields':null,'days_until_due':null,"
        "'description':null,'footer':null,'issuer':{'type':'self'}},'livemode':false,"
        "'metadata':{},'number':null,'on_behalf_of':null,'status':'draft',"
        "'status_transitions':{'accepted_at':null,'canceled_at':null,'finalized_at':null},"
        "'subscription':null,'subscription_data':{'billing_mode':{'type':'classic'},"
        "'description':null,'effective_date':null,'metadata':null,'trial_period_days':null},"
        "'subscription_schedule':null,'test_clock':null," TOTAL_DETAILS ",'transfer_data':null}",
    [T_SUBSCRIPTION_SCHEDULE] =
        "{'id':null,'object':'subscription_schedule','application':null,"
        "'billing_mode':{'flexible':null,'type':'classic'},'canceled_at':null,"
        "'completed_at':null,'created':0,'current_phase':null,'customer':null,"
        "'customer_account':null,'default_settings':{'application_fee_percent':null,"
        "'automatic_tax':{'disabled_reason':null,'enabled':false,'liability':null},"
        "'billing_cycle_anchor':'automatic','billing_thresholds':null,"
        "'collection_method':'charge_automatically','default_payment_method':null,"
        "'description':null,'invoice_settings':{'account_tax_ids':null,'custom_fields':null,"
        "'days_until_due':null,'description':null,'footer':null,'issuer':{'type':'self'}},"
        "'on_behalf_of':null,'transfer_data':null},'end_behavior':'release','livemode':false,"
        "'metadata':{},'pause_schedules':[],'phases':[],'released_at':null,"
        "'released_subscription':null,'status':'not_started','subscription':null,"
        "'test_clock':null}",
};
