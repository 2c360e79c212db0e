/* products.c - operations on products: what each reads, and the steps that follow. */
#include "catalog/kinds.h"

static str named(const struct planning *g)
{
    return input_text(g, "product");
}

static enum status need_product(struct planning *g, struct error *e)
{
    if (!named(g).n)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "\"product\" must be a product's id.");
    enum status st = facts_product(g, named(g), &g->facts.product, e);
    if (st == ST_OK)
        g->plan.product = named(g);
    return st;
}

/* One request and no way back: what it changed is its caller's to change again. */
static enum status single(struct planning *g, enum step_kind kind, const struct pairs *set, str is,
                          struct error *e)
{
    struct step *s = plan_add(&g->plan, kind, named(g));

    if (!s)
        return plan_full(e);
    s->set = *set;
    s->is = is;
    s->no_way_back = true;
    s->gone_is_done = kind == STEP_PRODUCT_DELETE;
    return plan_verify(g, e);
}

/* ---- create --------------------------------------------------------------------------------- */

enum status product_create_read(struct planning *g, struct error *e)
{
    (void)g, (void)e;
    return ST_OK;
}

/* With default_price_data product and price are one request. [facts: R-26] */
enum status product_create_plan(struct planning *g, struct error *e)
{
    struct pairs set = { 0 };
    enum status st = input_pairs(g, "set", &set, e);

    if (st != ST_OK)
        return st;
    if (!pairs_get(&set, S("name")).n)
        return plan_refuse(g, REASON_INVALID_INPUT, "Say --name NAME.", "A product needs a name.");
    struct step *s = plan_add(&g->plan, STEP_PRODUCT_CREATE, S(""));
    if (!s)
        return plan_full(e);
    st = plan_mark(g, &set, e);
    s->set = set;
    s->is = S("@1 is a new product");
    s->undo_target = S("@1");
    s->mend = S("brindle product archive @1");
    if (st == ST_OK)
        st = pairs_add(&s->undo, S("active"), S("false"), g->a, e);
    return st == ST_OK ? plan_verify(g, e) : st;
}

/* ---- update --------------------------------------------------------------------------------- */

enum status product_update_read(struct planning *g, struct error *e)
{
    struct pairs set = { 0 };
    enum status st = need_product(g, e);

    if (st == ST_OK)
        st = input_pairs(g, "set", &set, e);
    str id = pairs_get(&set, S("default_price"));
    return st == ST_OK && id.n ? facts_price(g, id, &g->facts.successor, e) : st;
}

/* [facts] */
static enum status check_default(struct planning *g, const struct pairs *set)
{
    str id = pairs_get(set, S("default_price")), doc = g->facts.successor;
    str is = doc_ref(g, g->facts.product, "default_price");

    if (id.p && !id.n && is.n && !input_on(g, "clear_default"))
        return plan_refuse(g, REASON_INVALID_INPUT, "Say --clear-default.",
                           "%.*s is the default price of %.*s: to take it away must be asked for.",
                           STR_ARG(is), STR_ARG(named(g)));
    if (!id.n)
        return ST_OK;
    if (!str_eq(doc_ref(g, doc, "product"), named(g)))
        return plan_refuse(g, REASON_SUCCESSOR_FOREIGN, "Name a price of the same product.",
                           "%.*s belongs to %.*s, not to %.*s.", STR_ARG(id),
                           STR_ARG(doc_ref(g, doc, "product")), STR_ARG(named(g)));
    if (!doc_active(doc))
        return plan_refuse(g, REASON_SUCCESSOR_INACTIVE,
                           arena_printf(g->a, "Activate %.*s first: `brindle price activate %.*s`.",
                                        STR_ARG(id), STR_ARG(id))
                               .p,
                           "%.*s is archived: it cannot be the default price.", STR_ARG(id));
    return ST_OK;
}

enum status product_update_plan(struct planning *g, struct error *e)
{
    struct pairs set = { 0 };
    enum status st = input_pairs(g, "set", &set, e);

    if (st == ST_OK && input_on(g, "clear_default"))
        st = pairs_add(&set, S("default_price"), S(""), g->a, e);
    if (st != ST_OK)
        return st;
    if (!set.n)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "Say what is to be different.");
    if (pairs_get(&set, S("type")).p || pairs_get(&set, S("id")).p)
        return plan_refuse(g, REASON_IMMUTABLE, "",
                           "The id and the type of a product are "
                           "immutable.");
    st = check_default(g, &set);
    if (st != ST_OK)
        return st;
    if (input_on(g, "clear_default"))
        plan_note(&g->plan, S("Without a default price storefronts and pricing tables may show "
                              "nothing for this product."));
    return single(g, STEP_PRODUCT_UPDATE, &set,
                  arena_printf(g->a, "%.*s is changed", STR_ARG(named(g))), e);
}

/* ---- archive, activate ---------------------------------------------------------------------- */

enum status product_archive_read(struct planning *g, struct error *e)
{
    enum status st = need_product(g, e);

    if (st == ST_OK)
        st = facts_prices(g, named(g), "active=true", FACTS_PRICES_MAX, e);
    for (size_t i = 0; st == ST_OK && i < g->facts.n_prices; i++)
        st = facts_impact(g, doc_text(g, g->facts.prices[i], "id"), e);
    return st;
}

static enum status set_active(struct planning *g, bool active, struct error *e)
{
    struct pairs set = { 0 };
    const char *word = active ? "active" : "archived";

    if (doc_active(g->facts.product) == active) {
        plan_note(&g->plan, arena_printf(g->a, "%.*s is %s already.", STR_ARG(named(g)), word));
        return plan_verify(g, e);
    }
    enum status st = pairs_add(&set, S("active"), active ? S("true") : S("false"), g->a, e);
    if (st != ST_OK)
        return st;
    return single(g, STEP_PRODUCT_UPDATE, &set,
                  arena_printf(g->a, "%.*s is %s", STR_ARG(named(g)), word), e);
}

/* [facts] */
enum status product_archive_plan(struct planning *g, struct error *e)
{
    if (doc_active(g->facts.product)) {
        if (g->facts.n_prices)
            plan_note(&g->plan,
                      arena_printf(g->a,
                                   "%zu price%s of it stay%s active at Stripe, and sell%s "
                                   "nothing while the product is archived.",
                                   g->facts.n_prices, g->facts.n_prices == 1 ? "" : "s",
                                   g->facts.n_prices == 1 ? "s" : "",
                                   g->facts.n_prices == 1 ? "s" : ""));
        plan_note(&g->plan, S("Its payment links are deactivated by Stripe; subscriptions go on."));
        plan_note_impact(g);
    }
    return set_active(g, false, e);
}

enum status product_activate_read(struct planning *g, struct error *e)
{
    enum status st = need_product(g, e);
    str id = st == ST_OK ? doc_ref(g, g->facts.product, "default_price") : S("");

    return st == ST_OK && id.n ? facts_price(g, id, &g->facts.successor, e) : st;
}

enum status product_activate_plan(struct planning *g, struct error *e)
{
    str id = doc_text(g, g->facts.successor, "id");

    if (id.n && !doc_active(g->facts.successor))
        plan_note(&g->plan, arena_printf(g->a,
                                         "Its default price %.*s is archived, and stays so: "
                                         "`brindle price activate %.*s`, or `brindle product "
                                         "update %.*s --default PRICE`.",
                                         STR_ARG(id), STR_ARG(id), STR_ARG(named(g))));
    return set_active(g, true, e);
}

/* ---- delete --------------------------------------------------------------------------------- */

enum status product_delete_read(struct planning *g, struct error *e)
{
    enum status st = need_product(g, e);

    return st == ST_OK ? facts_prices(g, named(g), "", 1, e) : st;
}

/* One that ever had a price cannot be deleted. [facts: R-04] */
enum status product_delete_plan(struct planning *g, struct error *e)
{
    struct pairs none = { 0 };

    if (g->facts.n_prices)
        return plan_refuse(g, REASON_PRODUCT_HAS_PRICES,
                           arena_printf(g->a, "Archive it instead: `brindle product archive %.*s`.",
                                        STR_ARG(named(g)))
                               .p,
                           "%.*s has prices, %.*s for one: Stripe does not delete a product that "
                           "ever had any.",
                           STR_ARG(named(g)), STR_ARG(doc_text(g, g->facts.prices[0], "id")));
    return single(g, STEP_PRODUCT_DELETE, &none,
                  arena_printf(g->a, "%.*s is deleted", STR_ARG(named(g))), e);
}
