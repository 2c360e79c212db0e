-- core/customer/customer.c: may a customer have entitlements? Not where all features are known and there are none
select 1 where exists (
        select 1 from objects
        where type in ('entitlements.feature', 'entitlements.active_entitlement')
            and account = $1 and deleted = 0)
    or exists (
        select 1 from _inbox where object_type = 'entitlements.active_entitlement_summary')
    or not exists (
        select 1 from _walks
        where type = 'entitlements.feature' and account = $1 and complete_at > 0)
