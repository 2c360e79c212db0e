/* expand.c - expand[]: ids become objects, and fields appear that are otherwise not sent. */
#include "emulator/list.h"
#include "emulator/declared.h"
#include "emulator/rooms.h"

#include <string.h>

enum { EXPAND_DEPTH_MAX = 4 };

/* What the first segment of an expand path may be; deeper ones are not checked. */
static const char *const expandable[T_COUNT] = {
    [T_PRODUCT] = "default_price tax_code",
    [T_PRICE] = "product tiers currency_options",
    [T_CUSTOMER] = "cash_balance default_source discount invoice_credit_balance invoice_settings "
                   "sources subscriptions tax tax_ids test_clock",
    [T_PAYMENT_METHOD] = "card customer sepa_debit",
    [T_SUBSCRIPTION] = "application automatic_tax billing_schedules cancellation_details customer "
                       "default_payment_method default_source default_tax_rates discounts "
                       "invoice_settings items latest_invoice on_behalf_of pending_setup_intent "
                       "pending_update schedule test_clock transfer_data",
    [T_SUBSCRIPTION_ITEM] = "discounts plan price tax_rates",
    [T_INVOICE] =
        "account_tax_ids application automatic_tax confirmation_secret customer "
        "default_payment_method default_source default_tax_rates discounts from_invoice "
        "issuer last_finalization_error latest_revision lines on_behalf_of parent payments "
        "shipping_cost test_clock total_discount_amounts total_pretax_credit_amounts",
    [T_LINE_ITEM] = "discount_amounts discounts parent pretax_credit_amounts pricing subscription",
    [T_INVOICEITEM] = "customer discounts invoice pricing proration_details tax_rates test_clock",
    [T_INVOICE_PAYMENT] = "invoice payment",
    [T_PAYMENT_INTENT] = "amount_details application customer last_payment_error latest_charge "
                         "on_behalf_of payment_method payment_record review source transfer_data",
    [T_CHARGE] = "application application_fee balance_transaction customer "
                 "failure_balance_transaction on_behalf_of payment_intent payment_method_details "
                 "refunds review source source_transfer transfer transfer_data",
    [T_REFUND] = "balance_transaction charge customer failure_balance_transaction payment_intent "
                 "payment_method source_transfer_reversal transfer_reversal",
    [T_BALANCE_TRANSACTION] = "source",
    [T_SETUP_INTENT] = "application customer latest_attempt mandate on_behalf_of payment_method "
                       "single_use_mandate",
    [T_SETUP_ATTEMPT] = "application customer on_behalf_of payment_method setup_intent",
    [T_CHECKOUT_SESSION] = "customer discounts invoice line_items payment_intent payment_link "
                           "setup_intent shipping_cost subscription total_details",
    [T_PAYMENT_LINK] = "line_items on_behalf_of",
    [T_ITEM] = "discounts price taxes",
    [T_DISPUTE] = "balance_transactions charge evidence payment_intent",
    [T_PAYOUT] = "balance_transaction destination failure_balance_transaction original_payout "
                 "reversed_by",
    [T_TOPUP] = "balance_transaction source",
    [T_TRANSFER] = "balance_transaction destination destination_payment reversals "
                   "source_transaction",
    [T_TRANSFER_REVERSAL] = "balance_transaction destination_payment_refund source_refund transfer",
    [T_APPLICATION_FEE] = "account application balance_transaction charge "
                          "originating_transaction refunds",
    [T_FEE_REFUND] = "balance_transaction fee",
    [T_MANDATE] = "payment_method",
    [T_WEBHOOK_ENDPOINT] = "",
    [T_EVENT] = "",
    [T_ACCOUNT] = "external_accounts",
    [T_BALANCE] = "instant_available",
    [T_COUPON] = "applies_to currency_options",
    [T_PROMOTION_CODE] = "customer promotion",
    [T_TAX_RATE] = "",
    [T_TAX_ID] = "customer owner",
};

/* Which type an id in a field of this name has. */
static const struct {
    const char *field;
    enum type type;
} reference[] = {
    { "product", T_PRODUCT },
    { "default_price", T_PRICE },
    { "price", T_PRICE },
    { "customer", T_CUSTOMER },
    { "default_payment_method", T_PAYMENT_METHOD },
    { "payment_method", T_PAYMENT_METHOD },
    { "latest_invoice", T_INVOICE },
    { "invoice", T_INVOICE },
    { "subscription", T_SUBSCRIPTION },
    { "subscription_item", T_SUBSCRIPTION_ITEM },
    { "invoice_item", T_INVOICEITEM },
    { "payment_intent", T_PAYMENT_INTENT },
    { "latest_charge", T_CHARGE },
    { "charge", T_CHARGE },
    { "balance_transaction", T_BALANCE_TRANSACTION },
    { "coupon", T_COUPON },
    { "discounts", T_DISCOUNT },
    { "discount", T_DISCOUNT },
    { "account_tax_ids", T_TAX_ID },
    { "shipping_rate", T_SHIPPING_RATE },
    { "schedule", T_SUBSCRIPTION_SCHEDULE },
    { "subscription_schedule", T_SUBSCRIPTION_SCHEDULE },
    { "quote", T_QUOTE },
    { "feature", T_ENTITLEMENTS_FEATURE },
    { "configuration", T_BILLING_PORTAL_CONFIGURATION },
    { "promotion_code", T_PROMOTION_CODE },
    { "source", T_CHARGE }, /* of a balance transaction; the others are tried next */
    { "source", T_REFUND },
    { "source", T_PAYOUT },
    { "source", T_TRANSFER },
    { "source", T_TRANSFER_REVERSAL },
    { "source", T_TOPUP },
    { "source", T_DISPUTE },
    { "source", T_APPLICATION_FEE },
    { "source", T_FEE_REFUND },
    { "default_source", T_CARD },
    { "default_source", T_BANK_ACCOUNT },
    { "setup_intent", T_SETUP_INTENT },
    { "pending_setup_intent", T_SETUP_INTENT },
    { "latest_attempt", T_SETUP_ATTEMPT },
    { "mandate", T_MANDATE },
    { "payment_link", T_PAYMENT_LINK },
    { "failure_balance_transaction", T_BALANCE_TRANSACTION },
    { "destination", T_ACCOUNT }, /* of a transfer; a payout's is a bank account */
    { "destination", T_BANK_ACCOUNT },
    { "source_transaction", T_CHARGE },
    { "transfer", T_TRANSFER },
    { "transfer_reversal", T_TRANSFER_REVERSAL },
    { "application_fee", T_APPLICATION_FEE },
    { "fee", T_APPLICATION_FEE },
    { "original_payout", T_PAYOUT },
    { "reversed_by", T_PAYOUT },
};

static bool has_word(const char *words, str word)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        if (n == word.n && memcmp(words, word.p, n) == 0)
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

/* Of types that are only kept the declaration knows; what it does not know may be asked for. */
static bool may_expand(enum type t, str first)
{
    const char *words = expandable[t] ? expandable[t] : expandable_of(t);

    return !words || has_word(words, first);
}

static unsigned depth(str path)
{
    unsigned n = 1;

    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '.';
    return n;
}

/* [facts: R-40] */
static bool expand_check(struct call *c, str path)
{
    enum type t = c->route->type;
    str first, rest = str_cut(path, '.', &first);

    if (depth(path) > EXPAND_DEPTH_MAX) {
        refuse_value(c, "property_expansion_max_depth", NULL,
                     "You cannot expand more than 4 levels of a property. Property: %.*s",
                     STR_ARG(path));
        return false;
    }
    if (c->route->list && str_eq(first, S("data")) && rest.p) {
        path = rest;
        str_cut(path, '.', &first);
    } else if (str_eq(path, S("total_count")) &&
               str_ends(str_of(c->route->pattern), S("/search"))) {
        return true;
    } else if (c->route->list && str_eq(path, S("total_count"))) {
        refuse_value(c, NULL, NULL, "This property cannot be included (total_count).");
        return false;
    } else if (c->route->list) {
        bool known = t != T_NONE && may_expand(t, first);
        refuse_value(c, NULL, NULL,
                     "This property cannot be expanded because it doesn't exist: %.*s.%s%.*s%s",
                     STR_ARG(path), known ? " You may want to try expanding 'data." : "",
                     known ? (int)path.n : 0, path.p, known ? "' instead." : "");
        return false;
    }
    if (t != T_NONE && may_expand(t, first))
        return true;
    if (t != T_NONE && json_object_getn(c->emu->shape[t], first.p, first.n))
        refuse_value(c, NULL, NULL, "This property cannot be expanded (%.*s).", STR_ARG(first));
    else
        refuse_value(c, NULL, NULL,
                     "This property cannot be expanded because it doesn't exist: %.*s.",
                     STR_ARG(first));
    return false;
}

bool expand_read(struct call *c)
{
    struct args a = args_of(c);

    c->n_expand = args_strings(&a, "expand", c->expand, EXPAND_MAX);
    for (size_t i = 0; i < c->n_expand; i++)
        if (!expand_check(c, c->expand[i]))
            return false;
    return true;
}

/* A field that is only sent when it is asked for; a new reference, or NULL. */
static json_t *includable(struct call *c, const json_t *node, str name)
{
    enum type t = type_by_name(get_str(node, "object"));
    str id = get_str(node, "id");
    struct record *r = t == T_NONE || !id.p ? NULL : record_any(c->space, t, id);
    str url;

    if (!r)
        return NULL;
    json_t *hidden = json_object_getn(r->hidden, name.p, name.n);
    if (hidden && expandable[t] && has_word(expandable[t], name))
        return json_deep_copy(hidden);
    if (t == T_CUSTOMER && str_eq(name, S("subscriptions"))) {
        url = arena_printf(c->arena, "/v1/customers/%s/subscriptions", r->id);
        return subscriptions_embedded(c, r, url.p);
    }
    if (t == T_CUSTOMER && (str_eq(name, S("sources")) || str_eq(name, S("tax_ids")))) {
        url = arena_printf(c->arena, "/v1/customers/%s/%.*s", r->id, STR_ARG(name));
        return str_eq(name, S("sources")) ? sources_embedded(c, r, url.p)
                                          : list_embedded(c->space, T_TAX_ID, id, url.p);
    }
    if (t == T_CUSTOMER && str_eq(name, S("cash_balance")))
        return cash_balance_document(r);
    if ((t == T_CHECKOUT_SESSION || t == T_PAYMENT_LINK) && str_eq(name, S("line_items")))
        return checkout_items_embedded(c, r, type_info[t].url);
    if (t == T_CHARGE && str_eq(name, S("refunds"))) {
        url = arena_printf(c->arena, "/v1/charges/%s/refunds", r->id);
        return list_embedded(c->space, T_REFUND, id, url.p);
    }
    if (t == T_INVOICE && str_eq(name, S("payments"))) {
        url = arena_printf(c->arena, "/v1/invoice_payments?invoice=%s", r->id);
        return list_embedded(c->space, T_INVOICE_PAYMENT, id, url.p);
    }
    return NULL;
}

static json_t *resolve(struct call *c, str field, str id)
{
    for (size_t i = 0; i < COUNT(reference); i++) {
        if (!str_eqz(field, reference[i].field))
            continue;
        struct record *r = record_any(c->space, reference[i].type, id);
        if (r && r->deleted)
            return deleted_form(r->type, id);
        if (r)
            return json_deep_copy(record_doc(r));
    }
    enum type t;
    for (size_t i = 0; (t = field_means(field, i)) != T_NONE; i++) {
        struct record *r = record_any(c->space, t, id);
        if (r)
            return r->deleted ? deleted_form(t, id) : json_deep_copy(record_doc(r));
    }
    return NULL;
}

/* A list of ids, such as discounts. */
static void resolve_all(struct call *c, str field, json_t *list)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
    {
        str id = { json_string_value(v), json_string_length(v) };
        json_t *new = json_is_string(v) ? resolve(c, field, id) : NULL;
        if (new)
            json_array_set_new(list, i, new);
    }
}

static void expand_path(struct call *c, json_t *node, str path)
{
    str first, rest = str_cut(path, '.', &first);
    size_t i;
    json_t *v;

    if (json_is_array(node)) {
        json_array_foreach(node, i, v) expand_path(c, v, path);
        return;
    }
    if (!json_is_object(node))
        return;
    json_t *child = json_object_getn(node, first.p, first.n);
    json_t *new = NULL;
    if (!child || json_is_null(child))
        new = includable(c, node, first);
    else if (json_is_string(child))
        new = resolve(c, first, (str){ json_string_value(child), json_string_length(child) });
    else if (json_is_array(child))
        resolve_all(c, first, child);
    if (new) {
        json_object_setn_new(node, first.p, first.n, new);
        child = new;
    }
    if (child && rest.p)
        expand_path(c, child, rest);
}

void expand_document(struct call *c, json_t *doc, struct record *r, bool in_list)
{
    assert(!r || r->space == c->space);
    for (size_t i = 0; i < c->n_expand; i++)
        if (!in_list || str_starts(c->expand[i], S("data.")))
            expand_path(c, doc, in_list ? str_sub(c->expand[i], 5, c->expand[i].n) : c->expand[i]);
}

json_t *deleted_form(enum type t, str id)
{
    json_t *gone = json_object();

    set_str(gone, "id", id);
    set_strz(gone, "object", type_info[t].name);
    set_bool(gone, "deleted", true);
    return gone;
}

json_t *answer_deleted(struct call *c, enum type t, str id)
{
    (void)c;
    return deleted_form(t, id);
}

json_t *answer_record(struct call *c, struct record *r)
{
    if (c->n_expand) {
        json_t *doc = json_deep_copy(record_doc(r));
        expand_document(c, doc, r, false);
        return doc;
    }
    str text = record_text(r);
    c->body = arena_copy(c->arena, text);
    return NULL;
}
