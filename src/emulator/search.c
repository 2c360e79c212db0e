/* search.c - GET /v1/…/search for the seven resources that have it. It finds what was made a moment
 * ago; the real one may take a minute and longer, so nobody should count on that. [facts: 4.8] */
#include "emulator/list.h"
#include "emulator/rooms.h"
#include "emulator/search_query.h"

#include <string.h>

static const struct search_field charge_fields[] = {
    { "amount", NULL, SEARCH_NUMBER },
    { "billing_details.address.postal_code", NULL, SEARCH_TOKEN },
    { "created", NULL, SEARCH_NUMBER },
    { "currency", NULL, SEARCH_TOKEN },
    { "customer", NULL, SEARCH_TOKEN },
    { "disputed", NULL, SEARCH_TOKEN },
    { "payment_method_details.card.brand", NULL, SEARCH_TOKEN },
    { "payment_method_details.card.exp_month", NULL, SEARCH_TOKEN },
    { "payment_method_details.card.exp_year", NULL, SEARCH_TOKEN },
    { "payment_method_details.card.fingerprint", NULL, SEARCH_TOKEN },
    { "payment_method_details.card.last4", NULL, SEARCH_TOKEN },
    { "refunded", NULL, SEARCH_TOKEN },
    { "status", NULL, SEARCH_TOKEN },
};
static const struct search_field customer_fields[] = {
    { "created", NULL, SEARCH_NUMBER },
    { "email", NULL, SEARCH_TEXT },
    { "name", NULL, SEARCH_TEXT },
    { "phone", NULL, SEARCH_TEXT },
};
static const struct search_field invoice_fields[] = {
    { "created", NULL, SEARCH_NUMBER },
    { "currency", NULL, SEARCH_TOKEN },
    { "customer", NULL, SEARCH_TOKEN },
    { "last_finalization_error_code", "last_finalization_error.code", SEARCH_TOKEN },
    { "last_finalization_error_type", "last_finalization_error.type", SEARCH_TOKEN },
    { "number", NULL, SEARCH_TEXT },
    { "receipt_number", NULL, SEARCH_TEXT },
    { "status", NULL, SEARCH_TEXT },
    { "subscription", "parent.subscription_details.subscription", SEARCH_TEXT },
    { "total", NULL, SEARCH_NUMBER },
};
static const struct search_field intent_fields[] = {
    { "amount", NULL, SEARCH_NUMBER },  { "created", NULL, SEARCH_NUMBER },
    { "currency", NULL, SEARCH_TOKEN }, { "customer", NULL, SEARCH_TOKEN },
    { "status", NULL, SEARCH_TOKEN },
};
static const struct search_field price_fields[] = {
    { "active", NULL, SEARCH_TOKEN },     { "currency", NULL, SEARCH_TOKEN },
    { "lookup_key", NULL, SEARCH_TOKEN }, { "product", NULL, SEARCH_TOKEN },
    { "type", NULL, SEARCH_TOKEN },
};
static const struct search_field product_fields[] = {
    { "active", NULL, SEARCH_TOKEN }, { "description", NULL, SEARCH_TEXT },
    { "name", NULL, SEARCH_TEXT },    { "shippable", NULL, SEARCH_TOKEN },
    { "url", NULL, SEARCH_TEXT },
};
static const struct search_field subscription_fields[] = {
    { "canceled_at", NULL, SEARCH_NUMBER },
    { "created", NULL, SEARCH_NUMBER },
    { "status", NULL, SEARCH_TOKEN },
};

#define SEARCHABLE(type, plural, fields)    \
    {                                       \
        type, plural, fields, COUNT(fields) \
    }
static const struct searchable searchable[] = {
    SEARCHABLE(T_CHARGE, "charges", charge_fields),
    SEARCHABLE(T_CUSTOMER, "customers", customer_fields),
    SEARCHABLE(T_INVOICE, "invoices", invoice_fields),
    SEARCHABLE(T_PAYMENT_INTENT, "payment_intents", intent_fields),
    SEARCHABLE(T_PRICE, "prices", price_fields),
    SEARCHABLE(T_PRODUCT, "products", product_fields),
    SEARCHABLE(T_SUBSCRIPTION, "subscriptions", subscription_fields),
};

static bool found(const struct search_query *q, struct record *r)
{
    bool resting = !r->doc;

    if (r->deleted || r->unlisted)
        return false;
    bool yes = search_matches(q, record_doc(r));
    if (resting)
        record_rest(r);
    return yes;
}

/* The token says before which record the page begins. */
static bool page_read(struct call *c, size_t *limit, uint64_t *before)
{
    struct args a = args_of(c);
    int64_t n = LIST_LIMIT, seq = 0;
    str page = arg_str(&a, "page");

    arg_int(&a, "limit", &n);
    *limit = n < 1 ? 1 : n > LIST_LIMIT_MAX ? LIST_LIMIT_MAX : (size_t)n;
    if (page.n && (!str_to_int(page, &seq) || seq < 1))
        refuse_value(c, NULL, "page", "Invalid page token: %.*s", STR_ARG(page));
    *before = (uint64_t)seq;
    return !c->refused;
}

static bool wants_total(const struct call *c)
{
    for (size_t i = 0; i < c->n_expand; i++)
        if (str_eq(c->expand[i], S("total_count")))
            return true;
    return false;
}

static json_t *answer(struct call *c, const struct searchable *s, const struct search_query *q)
{
    const struct table *t = &c->space->table[s->type];
    size_t limit, n = 0, total = 0;
    uint64_t before, last = 0;
    bool more = false, count = wants_total(c);

    if (!page_read(c, &limit, &before))
        return NULL;
    json_t *v = json_object(), *data = json_array();
    size_t from = before ? table_find(t, before) : t->n;
    for (size_t i = count ? t->n : from; i-- > 0 && (count || !more);) {
        if (!found(q, t->row[i]))
            continue;
        total++;
        more = more || (i < from && n == limit);
        if (i >= from || more)
            continue;
        json_t *doc = json_deep_copy(record_doc(t->row[i]));
        expand_document(c, doc, t->row[i], true);
        json_array_append_new(data, doc);
        last = t->row[i]->seq;
        n++;
    }
    str token = arena_printf(c->arena, "%llu", (unsigned long long)last);
    set_strz(v, "object", "search_result");
    set_new(v, "data", data);
    set_bool(v, "has_more", more);
    set_str(v, "next_page", more ? token : (str){ 0 });
    if (count)
        set_int(v, "total_count", (int64_t)total);
    set_str(v, "url", c->http->path);
    return v;
}

json_t *search(struct call *c)
{
    struct args a = args_of(c);
    struct search_query q;
    str text;

    if (!arg_text(&a, "query", &text))
        return NULL;
    for (size_t i = 0; i < COUNT(searchable); i++) {
        if (searchable[i].type != c->route->type)
            continue;
        return search_parse(c, &searchable[i], text, &q) ? answer(c, &searchable[i], &q) : NULL;
    }
    return refuse(c, 404, NULL, NULL, "This resource cannot be searched.");
}
