#include "catalog/copy_price.h"

#include "catalog/price_members.h"

struct copying {
    struct planning *g;
    struct pairs *out;
    struct error *e;
};

static enum status add(struct copying *c, str name, str value)
{
    return pairs_add(c->out, name, value, c->g->a, c->e);
}

static str inside(struct copying *c, str prefix, const char *name)
{
    return prefix.n ? arena_printf(c->g->a, "%.*s[%s]", STR_ARG(prefix), name) : str_of(name);
}

/* A member that is a plain value and not null. */
static enum status plain(struct copying *c, str doc, str prefix, const char *name)
{
    struct json_token t = json_member(doc, str_of(name));

    if (t.type == JSON_END || t.type == JSON_NULL)
        return ST_OK;
    return add(c, inside(c, prefix, name),
               t.type == JSON_STRING ? json_unescape(t, c->g->a) : t.text);
}

static enum status unknown(struct copying *c, str prefix, str name)
{
    return plan_refuse(c->g, REASON_WOULD_LOSE,
                       "Make the new price in the Dashboard, then archive this one.",
                       "The price has %.*s%s%.*s, which this version cannot copy: a replacement "
                       "would lose it.",
                       STR_ARG(prefix), prefix.n ? "." : "", STR_ARG(name));
}

/* Whatever is not in this list and not null would be lost. */
static enum status only(struct copying *c, str doc, str prefix, const char *const *known)
{
    struct json_reader r;

    json_init(&r, doc);
    json_next(&r);
    for (struct json_token key = json_next(&r); key.type == JSON_KEY; key = json_next(&r)) {
        str name = json_unescape(key, c->g->a);
        struct json_token value = json_value(&r);
        size_t i = 0;
        while (known[i] && !str_eqz(name, known[i]))
            i++;
        if (!known[i] && value.type != JSON_NULL)
            return unknown(c, prefix, name);
    }
    return ST_OK;
}

/* The exact amount where it has a fraction, else the whole one. [facts: R-14] */
static enum status amount(struct copying *c, str doc, str prefix, const char *whole,
                          const char *decimal)
{
    bool is_whole = json_member(doc, str_of(whole)).type == JSON_NUMBER;

    return plain(c, doc, prefix, is_whole ? whole : decimal);
}

static enum status tier(struct copying *c, str doc, str prefix)
{
    struct json_token up_to = json_member(doc, S("up_to"));
    enum status st = only(c, doc, prefix, price_tier_members);

    if (st == ST_OK)
        st = amount(c, doc, prefix, "flat_amount", "flat_amount_decimal");
    if (st == ST_OK)
        st = amount(c, doc, prefix, "unit_amount", "unit_amount_decimal");
    if (st == ST_OK)
        st = add(c, inside(c, prefix, "up_to"), up_to.type == JSON_NUMBER ? up_to.text : S("inf"));
    return st;
}

static enum status tiers(struct copying *c, str doc, str prefix)
{
    struct json_token list = json_member(doc, S("tiers"));
    struct json_reader r;
    enum status st = ST_OK;
    int64_t n = 0;

    if (list.type == JSON_ARRAY) {
        json_init(&r, list.text);
        json_next(&r);
        for (struct json_token t = json_value(&r); st == ST_OK && t.type == JSON_OBJECT;
             t = json_value(&r))
            st = tier(c, t.text,
                      arena_printf(c->g->a, "%.*s[%lld]", STR_ARG(inside(c, prefix, "tiers")),
                                   (long long)n++));
    }
    if (st == ST_OK && n == 0)
        return plan_refuse(c->g, REASON_WOULD_LOSE,
                           "Try again; if it stays so, this server does not show them.",
                           "The price is tiered, but its tiers were not shown: a replacement would "
                           "lose them.");
    return st;
}

static enum status custom(struct copying *c, str doc, str prefix)
{
    struct json_token t = json_member(doc, S("custom_unit_amount"));
    str name = inside(c, prefix, "custom_unit_amount");

    if (t.type != JSON_OBJECT)
        return ST_OK;
    enum status st = only(c, t.text, name, price_custom_members);
    if (st == ST_OK)
        st = add(c, inside(c, name, "enabled"), S("true")); /* it is not echoed [facts: R-39] */
    for (size_t i = 1; st == ST_OK && price_custom_members[i]; i++)
        st = plain(c, t.text, name, price_custom_members[i]);
    return st;
}

static enum status tax(struct copying *c, str doc, str prefix)
{
    if (str_eqz(doc_text(c->g, doc, "tax_behavior"), "unspecified"))
        return ST_OK;
    return plain(c, doc, prefix, "tax_behavior");
}

static enum status option(struct copying *c, str doc, str currency)
{
    str prefix = arena_printf(c->g->a, "currency_options[%.*s]", STR_ARG(currency));
    enum status st = only(c, doc, prefix, price_option_members);

    if (st == ST_OK && json_member(doc, S("tiers")).type == JSON_ARRAY)
        st = tiers(c, doc, prefix);
    else if (st == ST_OK && json_member(doc, S("custom_unit_amount")).type == JSON_OBJECT)
        st = custom(c, doc, prefix);
    else if (st == ST_OK)
        st = amount(c, doc, prefix, "unit_amount", "unit_amount_decimal");
    return st == ST_OK ? tax(c, doc, prefix) : st;
}

/* The price's own currency is the price itself. [facts: R-10] */
static enum status options(struct copying *c, str doc)
{
    struct json_token all = json_member(doc, S("currency_options"));
    str own = doc_text(c->g, doc, "currency");
    struct json_reader r;
    enum status st = ST_OK;

    if (all.type == JSON_NULL)
        return ST_OK;
    if (all.type != JSON_OBJECT)
        return plan_refuse(c->g, REASON_WOULD_LOSE,
                           "Try again; if it stays so, this server does not show them.",
                           "The price's other currencies were not shown: a replacement would lose "
                           "them.");
    json_init(&r, all.text);
    json_next(&r);
    for (struct json_token key = json_next(&r); st == ST_OK && key.type == JSON_KEY;
         key = json_next(&r)) {
        str currency = json_unescape(key, c->g->a);
        struct json_token value = json_value(&r);
        if (value.type == JSON_OBJECT && !str_eq(currency, own))
            st = option(c, value.text, currency);
    }
    return st;
}

static enum status recurring(struct copying *c, str doc)
{
    struct json_token t = json_member(doc, S("recurring"));

    if (t.type != JSON_OBJECT)
        return ST_OK;
    enum status st = only(c, t.text, S("recurring"), price_recurring_members);
    for (size_t i = 0; st == ST_OK && price_recurring_members[i]; i++)
        st = plain(c, t.text, S("recurring"), price_recurring_members[i]);
    return st;
}

static enum status transform(struct copying *c, str doc)
{
    struct json_token t = json_member(doc, S("transform_quantity"));

    if (t.type != JSON_OBJECT)
        return ST_OK;
    enum status st = only(c, t.text, S("transform_quantity"), price_transform_members);
    for (size_t i = 0; st == ST_OK && price_transform_members[i]; i++)
        st = plain(c, t.text, S("transform_quantity"), price_transform_members[i]);
    return st;
}

static enum status metadata(struct copying *c, str doc)
{
    struct json_token t = json_member(doc, S("metadata"));
    struct json_reader r;
    enum status st = ST_OK;
    size_t n = 0;

    if (t.type != JSON_OBJECT)
        return ST_OK;
    json_init(&r, t.text);
    json_next(&r);
    for (struct json_token key = json_next(&r); st == ST_OK && key.type == JSON_KEY;
         key = json_next(&r)) {
        str name = json_unescape(key, c->g->a);
        struct json_token value = json_value(&r);
        if (str_eqz(name, MARKER_KEY))
            continue;
        n++;
        st = add(c, arena_printf(c->g->a, "metadata[%.*s]", STR_ARG(name)),
                 json_unescape(value, c->g->a));
    }
    if (st == ST_OK && n >= METADATA_KEYS_MAX)
        return plan_refuse(c->g, REASON_WOULD_LOSE,
                           "Remove one key: `brindle price update PRICE --metadata KEY=`.",
                           "The price's metadata has %zu keys: the mark of this operation would be "
                           "one more than Stripe takes.",
                           n);
    return st;
}

static enum status amounts(struct copying *c, str doc)
{
    if (str_eqz(doc_text(c->g, doc, "billing_scheme"), "tiered")) {
        enum status st = add(c, S("billing_scheme"), S("tiered"));
        if (st == ST_OK)
            st = plain(c, doc, S(""), "tiers_mode");
        return st == ST_OK ? tiers(c, doc, S("")) : st;
    }
    if (json_member(doc, S("custom_unit_amount")).type == JSON_OBJECT)
        return custom(c, doc, S(""));
    return amount(c, doc, S(""), "unit_amount", "unit_amount_decimal");
}

enum status price_copy(struct planning *g, str doc, struct pairs *out, struct error *e)
{
    struct copying c = { g, out, e };
    enum status st = only(&c, doc, S(""), price_members);

    if (st == ST_OK)
        st = add(&c, S("product"), doc_ref(g, doc, "product"));
    if (st == ST_OK)
        st = plain(&c, doc, S(""), "currency");
    if (st == ST_OK)
        st = amounts(&c, doc);
    if (st == ST_OK)
        st = recurring(&c, doc);
    if (st == ST_OK)
        st = tax(&c, doc, S(""));
    if (st == ST_OK)
        st = transform(&c, doc);
    if (st == ST_OK)
        st = options(&c, doc);
    if (st == ST_OK)
        st = plain(&c, doc, S(""), "nickname");
    return st == ST_OK ? metadata(&c, doc) : st;
}
