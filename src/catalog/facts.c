/* facts.c - reading Stripe for a plan: always fresh, never the mirror. */
#include <string.h>

#include "base/url.h"
#include "catalog/kinds.h"
#include "core/api.h"
#include "core/page.h"
#include "core/path.h"

enum { FACTS_PAGES_MAX = FACTS_PRICES_MAX / PAGE_LIMIT };

static enum status refused(struct planning *g, const struct api_answer *got, str path)
{
    g->no = refusal_of(&got->http, "GET", path, g->a);
    return ST_REFUSED;
}

/* A key that is refused now may be right when it was mended: before anything was written, say so at
 * once all the same. */
static enum status ask(struct planning *g, str path, str query, const char *prefix,
                       const struct resource *r, str *out, struct error *e)
{
    struct api_answer got;
    enum status st = api_get_expanded(g->env, path, query, path_expand(r->expand, prefix, g->a),
                                      LANE_OPERATION, g->op, &got, g->a, e);

    if (st == ST_REFUSED)
        return error_clear(e), fail(e, ST_RETRY, "%s is stopping", g->env->name);
    if (st != ST_OK)
        return st;
    if (got.meaning != API_OK)
        return refused(g, &got, path);
    *out = str_trim(got.http.body);
    return ST_OK;
}

static enum status get(struct planning *g, const char *type, str id, str *out, struct error *e)
{
    const struct resource *r = resource_by_type(str_of(type));
    enum status st = ask(g, path_fill(r->get_path, id, S(""), g->a), S(""), "", r, out, e);

    if (st == ST_OK && !str_eq(doc_text(g, *out, "id"), id))
        return fail(e, ST_RETRY, "Stripe answered with another %s than %.*s", type, STR_ARG(id));
    return st;
}

enum status facts_price(struct planning *g, str id, str *out, struct error *e)
{
    return get(g, "price", id, out, e);
}

enum status facts_product(struct planning *g, str id, str *out, struct error *e)
{
    return get(g, "product", id, out, e);
}

static enum status take_page(struct planning *g, str body, size_t most, str *last, bool *more,
                             struct error *e)
{
    struct facts *f = &g->facts;
    struct page page;
    struct page_item item;
    enum status st = page_open(body, &page, e);

    while (st == ST_OK && f->n_prices < most) {
        st = page_next(&page, &item, g->a, e);
        if (st == ST_OK) {
            f->prices[f->n_prices++] = item.data;
            *last = item.id;
        }
    }
    *more = page.has_more && f->n_prices < most;
    return st == ST_NONE ? ST_OK : st;
}

enum status facts_prices(struct planning *g, str product, const char *query, size_t most,
                         struct error *e)
{
    const struct resource *r = resource_by_type(S("price"));
    str last = { 0 }, body;
    bool more = true;
    enum status st = ST_OK;

    assert(most <= FACTS_PRICES_MAX);
    g->facts.prices = arena_alloc(g->a, most * sizeof *g->facts.prices);
    if (!g->facts.prices)
        return fail(e, ST_LIMIT, "no memory for the prices of %.*s", STR_ARG(product));
    for (unsigned page = 0; st == ST_OK && more && page <= FACTS_PAGES_MAX; page++) {
        str q = arena_printf(
            g->a, "product=%.*s&limit=%d%s%s%s%.*s", STR_ARG(url_escape_in(g->a, product)),
            most < PAGE_LIMIT ? (int)most : PAGE_LIMIT, *query ? "&" : "", query,
            last.n ? "&starting_after=" : "", STR_ARG(last.n ? url_escape_in(g->a, last) : S("")));
        struct resource plain = *r;
        plain.expand = ""; /* nobody asks for their tiers */
        st = ask(g, str_of(r->list_path), q, "data.", &plain, &body, e);
        if (st == ST_OK)
            st = take_page(g, body, most, &last, &more, e);
    }
    return st;
}

/* Without `active` the list shows archived ones, too. [facts: 4.8, R-34] */
enum status facts_key_holder(struct planning *g, str key, str *out, struct error *e)
{
    struct resource plain = *resource_by_type(S("price"));
    struct page page;
    struct page_item item;
    str body;

    plain.expand = "";
    enum status st =
        ask(g, str_of(plain.list_path),
            arena_printf(g->a, "lookup_keys[0]=%.*s&limit=1", STR_ARG(url_escape_in(g->a, key))),
            "data.", &plain, &body, e);
    if (st == ST_OK)
        st = page_open(body, &page, e);
    if (st == ST_OK)
        st = page_next(&page, &item, g->a, e);
    *out = st == ST_OK ? item.data : (str){ 0 };
    return st == ST_NONE ? ST_OK : st;
}

enum status facts_impact(struct planning *g, str price, struct error *e)
{
    return impact_add(g->env, price, &g->facts.impact, g->a, e);
}

void plan_note_impact(struct planning *g)
{
    str text = impact_text(&g->facts.impact, g->a);
    const struct impact *i = &g->facts.impact;

    if (!text.n)
        return;
    plan_note(&g->plan,
              arena_printf(g->a, "What hangs on it, as the mirror knows: %.*s.%s", STR_ARG(text),
                           i->subscriptions.live ? " Subscriptions go on as they are." : ""));
}
