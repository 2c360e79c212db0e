/* prices.c - operations on prices: what each reads, and the steps that follow. */
#include "base/plant.h"
#include "catalog/copy_price.h"

static const char ways_out[] =
    "Name the price that takes its place (--default PRICE), clear the default on purpose "
    "(--clear-default), or archive the product (`brindle product archive`).";

static str named_price(const struct planning *g)
{
    return input_text(g, "price");
}

static enum status need_price(struct planning *g, struct error *e)
{
    if (!named_price(g).n)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "\"price\" must be a price's id.");
    return facts_price(g, named_price(g), &g->facts.price, e);
}

static enum status need_product_of_price(struct planning *g, struct error *e)
{
    enum status st = need_price(g, e);

    if (st == ST_OK)
        st = facts_product(g, doc_ref(g, g->facts.price, "product"), &g->facts.product, e);
    if (st == ST_OK)
        g->plan.product = doc_text(g, g->facts.product, "id");
    return st;
}

static bool is_default(const struct planning *g)
{
    return str_eq(doc_ref(g, g->facts.product, "default_price"), named_price(g));
}

/* The step by which a lookup key goes to `to`; `from` (may be empty) had it. */
static enum status plan_key(struct planning *g, str to, str key, str from, bool from_sells,
                            struct error *e)
{
    struct step *s = plan_add(&g->plan, STEP_PRICE_UPDATE, to);
    if (!s)
        return plan_full(e);
    enum status st = pairs_add(&s->set, S("lookup_key"), key, g->a, e);
    if (st == ST_OK && from.n)
        st = pairs_add(&s->set, S("transfer_lookup_key"), S("true"), g->a, e);
    s->is = arena_printf(g->a, "%.*s has the lookup key %.*s", STR_ARG(to), STR_ARG(key));
    s->undo_target = from;
    if (st == ST_OK && from.n)
        st = pairs_add(&s->undo, S("lookup_key"), key, g->a, e);
    if (st == ST_OK && from.n)
        st = pairs_add(&s->undo, S("transfer_lookup_key"), S("true"), g->a, e);
    s->undo_needs = from_sells ? from : (str){ 0 };
    if (from.n)
        s->mend = arena_printf(g->a, "brindle price update %.*s --lookup-key '%.*s' --take-key",
                               STR_ARG(from), STR_ARG(key));
    return st;
}

static enum status plan_confirm(struct planning *g, str product, str default_price, struct error *e)
{
    struct step *s = plan_add(&g->plan, STEP_CONFIRM, product);

    if (!s)
        return plan_full(e);
    s->is = default_price.n
                ? arena_printf(g->a, "%.*s still is the default price", STR_ARG(default_price))
                : arena_printf(g->a, "%.*s still has no default price", STR_ARG(product));
    return pairs_add(&s->set, S("default_price"), default_price, g->a, e);
}

static enum status plan_off_sale(struct planning *g, str price, struct error *e)
{
    struct step *s = plan_add(&g->plan, STEP_PRICE_UPDATE, price);

    if (!s)
        return plan_full(e);
    s->is = arena_printf(g->a, "%.*s is archived", STR_ARG(price));
    s->until = arena_printf(g->a, "%.*s is still on sale", STR_ARG(price));
    s->no_way_back = s->gone_is_done = true;
    return pairs_add(&s->set, S("active"), S("false"), g->a, e);
}

/* A price that is made; `step` is its number, by which later steps name it. */
static enum status plan_price(struct planning *g, struct pairs *set, str product, struct error *e)
{
    struct step *s = plan_add(&g->plan, STEP_PRICE_CREATE, S(""));
    size_t number = g->plan.n;

    if (!s)
        return plan_full(e);
    enum status st = plan_mark(g, set, e);
    str made = arena_printf(g->a, "@%zu", number);
    s->set = *set;
    s->is = arena_printf(g->a, "%.*s is a new price of %.*s", STR_ARG(made), STR_ARG(product));
    s->undo_target = made;
    s->mend = arena_printf(g->a, "brindle price archive %.*s", STR_ARG(made));
    return st == ST_OK ? pairs_add(&s->undo, S("active"), S("false"), g->a, e) : st;
}

static bool under(str name, const char *head)
{
    str first;

    str_cut(name, '[', &first);
    return str_eqz(first, head);
}

static bool any_under(const struct pairs *p, const char *head)
{
    for (size_t i = 0; i < p->n; i++)
        if (under(p->at[i].name, head))
            return true;
    return false;
}

static bool in_list(str name, const char *const *list)
{
    for (size_t i = 0; list[i]; i++)
        if (under(name, list[i]))
            return true;
    return false;
}

/* ---- replace -------------------------------------------------------------------------------- */

enum status price_replace_read(struct planning *g, struct error *e)
{
    enum status st = need_product_of_price(g, e);

    return st == ST_OK ? facts_impact(g, named_price(g), e) : st;
}

static enum status check_change(struct planning *g, const struct pairs *change, str old)
{
    static const char *const mine[] = { "active",     "product", "product_data",
                                        "lookup_key", "id",      "transfer_lookup_key",
                                        NULL };
    bool tiered = str_eqz(doc_text(g, old, "billing_scheme"), "tiered");

    if (!change->n)
        return plan_refuse(g, REASON_INVALID_INPUT, "For instance --amount 1200.",
                           "Say what is to be different.");
    for (size_t i = 0; i < change->n; i++)
        if (in_list(change->at[i].name, mine))
            return plan_refuse(g, REASON_INVALID_INPUT, "",
                               "\"%.*s\" cannot be given: the new price belongs to the same "
                               "product and takes the lookup key over by itself.",
                               STR_ARG(change->at[i].name));
    if (tiered && !any_under(change, "tiers") &&
        (any_under(change, "unit_amount") || any_under(change, "unit_amount_decimal")))
        return plan_refuse(g, REASON_WOULD_LOSE, "Give the new tiers instead.",
                           "%.*s has tiers, not one amount: a new amount would lose them.",
                           STR_ARG(named_price(g)));
    return ST_OK;
}

/* "currency_options[eur]" of a name below it; empty: the price's own currency. */
static str currency_of(str name)
{
    size_t end = str_find(name, ']');

    return under(name, "currency_options") && end < name.n ? str_sub(name, 0, end + 1) : S("");
}

/* What it costs in one currency is said in one of these ways: one that is asked takes the place of
 * those that were copied. Of a custom amount the parts that are not asked stay. */
static void drop_amounts(struct planning *g, struct pairs *set, str asked)
{
    enum { CUSTOM, WAYS = 4 };
    static const char *const way[WAYS] = { "custom_unit_amount", "unit_amount",
                                           "unit_amount_decimal", "tiers" };
    str currency = currency_of(asked), name[WAYS];
    size_t is = WAYS;

    for (size_t i = 0; i < WAYS; i++) {
        name[i] =
            currency.n ? arena_printf(g->a, "%.*s[%s]", STR_ARG(currency), way[i]) : str_of(way[i]);
        if (pair_is_under(asked, name[i]))
            is = i;
    }
    for (size_t i = 0; is < WAYS && i < WAYS; i++)
        if (i != CUSTOM || is != CUSTOM)
            pairs_drop_tree(set, name[i]);
}

/* What is asked takes the place of what was copied, with all that belongs to it. */
static enum status override(struct planning *g, struct pairs *set, const struct pairs *change,
                            struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < change->n; i++)
        drop_amounts(g, set, change->at[i].name);
    for (size_t i = 0; st == ST_OK && i < change->n; i++) {
        pairs_drop_tree(set, change->at[i].name);
        if (change->at[i].value.n)
            st = pairs_add(set, change->at[i].name, change->at[i].value, g->a, e);
    }
    return st;
}

static enum status check_currency(struct planning *g, const struct pairs *set, str old)
{
    if (str_eq(pairs_get(set, S("currency")), doc_text(g, old, "currency")) ||
        !any_under(set, "currency_options"))
        return ST_OK;
    return plan_refuse(g, REASON_WOULD_LOSE, "Make a new price with all its currencies.",
                       "%.*s has amounts in other currencies, too: with another currency of its "
                       "own they would be in doubt.",
                       STR_ARG(named_price(g)));
}

static void note_currencies(struct planning *g, const struct pairs *set, const struct pairs *change)
{
    if (any_under(set, "currency_options") && !any_under(change, "currency_options"))
        plan_note(&g->plan, S("The amounts in other currencies stay as they are."));
}

static enum status replace_steps(struct planning *g, struct pairs *set, struct error *e)
{
    str old = named_price(g), product = g->plan.product;
    str key = doc_text(g, g->facts.price, "lookup_key");
    enum status st = plan_price(g, set, product, e);

    if (planted(PLANT_ARCHIVE_FIRST) && st == ST_OK)
        st = plan_off_sale(g, old, e);
    if (planted(PLANT_DEFAULT_CLEARED) && st == ST_OK && is_default(g) &&
        !plan_default(g, product, old, S("")))
        st = plan_full(e);
    if (st == ST_OK && is_default(g) && !plan_default(g, product, old, S("@1")))
        st = plan_full(e);
    if (st == ST_OK && key.n)
        st = plan_key(g, S("@1"), key, old, true, e);
    if (st == ST_OK && is_default(g))
        st = plan_confirm(g, product, S("@1"), e);
    if (st == ST_OK)
        st = plan_off_sale(g, old, e);
    return st == ST_OK ? plan_verify(g, e) : st;
}

enum status price_replace_plan(struct planning *g, struct error *e)
{
    struct pairs set = { 0 }, change = { 0 };
    str old = g->facts.price;
    enum status st = input_pairs(g, "set", &change, e);

    if (st != ST_OK)
        return st;
    if (!doc_active(old))
        return plan_refuse(g, REASON_INACTIVE, "`brindle price create` makes a new one.",
                           "%.*s is archived: there is nothing on sale to replace.",
                           STR_ARG(named_price(g)));
    st = check_change(g, &change, old);
    if (st == ST_OK)
        st = price_copy(g, old, &set, e);
    if (st == ST_OK)
        st = override(g, &set, &change, e);
    if (st == ST_OK)
        st = check_currency(g, &set, old);
    if (st != ST_OK)
        return st;
    if (!doc_active(g->facts.product))
        plan_note(&g->plan, arena_printf(g->a,
                                         "%.*s is archived: the new price sells nothing "
                                         "until it is active.",
                                         STR_ARG(g->plan.product)));
    note_currencies(g, &set, &change);
    plan_note_impact(g);
    g->plan.own = input_on(g, "own");
    return replace_steps(g, &set, e);
}

/* ---- archive -------------------------------------------------------------------------------- */

static enum status need_successor(struct planning *g, struct error *e)
{
    str id = input_text(g, "default");

    return id.n ? facts_price(g, id, &g->facts.successor, e) : ST_OK;
}

enum status price_archive_read(struct planning *g, struct error *e)
{
    enum status st = need_product_of_price(g, e);

    if (st == ST_OK)
        st = need_successor(g, e);
    if (st == ST_OK && doc_active(g->facts.product))
        st = facts_prices(g, g->plan.product, "active=true", 2, e);
    return st == ST_OK ? facts_impact(g, named_price(g), e) : st;
}

static enum status check_successor(struct planning *g, str product)
{
    str doc = g->facts.successor, id = doc_text(g, doc, "id");

    if (!str_eq(doc_ref(g, doc, "product"), product))
        return plan_refuse(g, REASON_SUCCESSOR_FOREIGN, "Name a price of the same product.",
                           "%.*s belongs to %.*s, not to %.*s.", STR_ARG(id),
                           STR_ARG(doc_ref(g, doc, "product")), STR_ARG(product));
    if (!doc_active(doc))
        return plan_refuse(g, REASON_SUCCESSOR_INACTIVE,
                           arena_printf(g->a, "Activate %.*s first: `brindle price activate %.*s`.",
                                        STR_ARG(id), STR_ARG(id))
                               .p,
                           "%.*s is archived: it cannot be the default price.", STR_ARG(id));
    return ST_OK;
}

static bool others_sell(const struct planning *g)
{
    for (size_t i = 0; i < g->facts.n_prices; i++)
        if (!str_eq(doc_text(g, g->facts.prices[i], "id"), named_price(g)))
            return true;
    return false;
}

static enum status check_sellable(struct planning *g)
{
    if (!doc_active(g->facts.product) || others_sell(g) || input_on(g, "allow_unsellable"))
        return ST_OK;
    return plan_refuse(g, REASON_NOTHING_TO_SELL,
                       "Say --allow-unsellable, or archive the product: `brindle product archive`.",
                       "%.*s is the only active price of %.*s: the product would have nothing to "
                       "sell.",
                       STR_ARG(named_price(g)), STR_ARG(g->plan.product));
}

/* What is asked of the default price is done or refused, never passed over. */
static enum status check_wish(struct planning *g)
{
    str successor = doc_text(g, g->facts.successor, "id");

    if (successor.n && input_on(g, "clear_default"))
        return plan_refuse(g, REASON_INVALID_INPUT, "",
                           "Say --default or --clear-default, not both.");
    if (successor.n && str_eq(successor, named_price(g)))
        return plan_refuse(g, REASON_INVALID_INPUT, "", "A price cannot take its own place.");
    return ST_OK;
}

static enum status archive_default(struct planning *g, struct error *e)
{
    str product = g->plan.product, successor = doc_text(g, g->facts.successor, "id");
    bool clear = input_on(g, "clear_default");
    enum status st = ST_OK;

    if (successor.n)
        st = check_successor(g, product);
    else if (!clear)
        return plan_refuse(g, REASON_PRICE_IS_DEFAULT, ways_out,
                           "%.*s is the default price of %.*s: Stripe does not archive it while "
                           "it is.",
                           STR_ARG(named_price(g)), STR_ARG(product));
    if (st != ST_OK)
        return st;
    if (clear)
        plan_note(&g->plan, S("Without a default price storefronts and pricing tables may show "
                              "nothing for this product."));
    if (!plan_default(g, product, named_price(g), successor.n ? successor : S("")))
        return plan_full(e);
    return plan_confirm(g, product, successor.n ? successor : S(""), e);
}

/* Of a price that is not the default there is no place to take. What is so already is no error:
 * the same command may be given twice. */
static enum status archive_other(struct planning *g)
{
    str successor = doc_text(g, g->facts.successor, "id"), product = g->plan.product;
    str is = doc_ref(g, g->facts.product, "default_price");

    if (successor.n && !str_eq(successor, is))
        return plan_refuse(
            g, REASON_INVALID_INPUT,
            arena_printf(g->a,
                         "Leave --default out to archive %.*s alone; `brindle product update "
                         "%.*s --default %.*s` changes the default.",
                         STR_ARG(named_price(g)), STR_ARG(product), STR_ARG(successor))
                .p,
            "%.*s is not the default price of %.*s, which has %.*s: there is no place for %.*s to "
            "take.",
            STR_ARG(named_price(g)), STR_ARG(product), STR_ARG(is.n ? is : S("none")),
            STR_ARG(successor));
    if (input_on(g, "clear_default") && is.n)
        return plan_refuse(
            g, REASON_INVALID_INPUT,
            arena_printf(g->a,
                         "Leave --clear-default out to archive %.*s alone; `brindle product update "
                         "%.*s --clear-default` takes the default away.",
                         STR_ARG(named_price(g)), STR_ARG(product))
                .p,
            "%.*s is not the default price of %.*s, but %.*s is: archiving clears nothing.",
            STR_ARG(named_price(g)), STR_ARG(product), STR_ARG(is));
    return ST_OK;
}

/* Of an archived product the default price may go, too. [facts: R-03] */
static enum status plan_wish(struct planning *g, bool on_sale, struct error *e)
{
    bool asked = doc_text(g, g->facts.successor, "id").n || input_on(g, "clear_default");
    enum status st = check_wish(g);

    if (st != ST_OK)
        return st;
    if (!is_default(g))
        return archive_other(g);
    return asked || (on_sale && doc_active(g->facts.product)) ? archive_default(g, e) : ST_OK;
}

enum status price_archive_plan(struct planning *g, struct error *e)
{
    str key = doc_text(g, g->facts.price, "lookup_key");
    bool on_sale = doc_active(g->facts.price);
    enum status st = plan_wish(g, on_sale, e);

    if (st != ST_OK)
        return st;
    g->plan.own = input_on(g, "own");
    if (!on_sale) {
        plan_note(&g->plan,
                  arena_printf(g->a, "%.*s is archived already.", STR_ARG(named_price(g))));
        return plan_verify(g, e);
    }
    plan_note_impact(g);
    st = check_sellable(g);
    if (st != ST_OK)
        return st;
    if (key.n)
        plan_note(&g->plan, arena_printf(g->a,
                                         "The lookup key %.*s stays with the archived price; "
                                         "`brindle price update OTHER --lookup-key '%.*s' "
                                         "--take-key` gives it to another.",
                                         STR_ARG(key), STR_ARG(key)));
    st = plan_off_sale(g, named_price(g), e);
    return st == ST_OK ? plan_verify(g, e) : st;
}

/* ---- activate ------------------------------------------------------------------------------- */

enum status price_activate_read(struct planning *g, struct error *e)
{
    return need_product_of_price(g, e);
}

enum status price_activate_plan(struct planning *g, struct error *e)
{
    str id = named_price(g);

    if (doc_active(g->facts.price)) {
        plan_note(&g->plan, arena_printf(g->a, "%.*s is active already.", STR_ARG(id)));
        return plan_verify(g, e);
    }
    if (!doc_active(g->facts.product))
        plan_note(&g->plan, arena_printf(g->a,
                                         "%.*s is archived: its prices sell nothing until "
                                         "`brindle product activate %.*s`.",
                                         STR_ARG(g->plan.product), STR_ARG(g->plan.product)));
    struct step *s = plan_add(&g->plan, STEP_PRICE_UPDATE, id);
    if (!s)
        return plan_full(e);
    s->is = arena_printf(g->a, "%.*s is active", STR_ARG(id));
    s->no_way_back = true;
    enum status st = pairs_add(&s->set, S("active"), S("true"), g->a, e);
    return st == ST_OK ? plan_verify(g, e) : st;
}

/* ---- create --------------------------------------------------------------------------------- */

static enum status need_key_holder(struct planning *g, struct error *e)
{
    struct pairs set = { 0 };
    enum status st = input_pairs(g, "set", &set, e);
    str key = pairs_get(&set, S("lookup_key"));

    return st == ST_OK && key.n ? facts_key_holder(g, key, &g->facts.key_holder, e) : st;
}

enum status price_create_read(struct planning *g, struct error *e)
{
    str product = input_text(g, "product");

    if (!product.n)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "\"product\" must be a product's id.");
    enum status st = facts_product(g, product, &g->facts.product, e);
    g->plan.product = product;
    return st == ST_OK ? need_key_holder(g, e) : st;
}

/* Who has the key is shown before anything is written. [facts] */
static enum status check_key(struct planning *g, str key, str self)
{
    str holder = doc_text(g, g->facts.key_holder, "id");

    if (!key.n || !holder.n || str_eq(holder, self))
        return ST_OK;
    if (!input_on(g, "take_key"))
        return plan_refuse(g, REASON_LOOKUP_KEY_TAKEN, "--take-key takes it from there.",
                           "The %sprice %.*s of %.*s has the lookup key %.*s.",
                           doc_active(g->facts.key_holder) ? "" : "archived ", STR_ARG(holder),
                           STR_ARG(doc_ref(g, g->facts.key_holder, "product")), STR_ARG(key));
    plan_note(&g->plan,
              arena_printf(g->a, "%.*s loses the lookup key %.*s.", STR_ARG(holder), STR_ARG(key)));
    return ST_OK;
}

enum status price_create_plan(struct planning *g, struct error *e)
{
    struct pairs set = { 0 }, given = { 0 };
    str holder = doc_text(g, g->facts.key_holder, "id");
    str was = doc_ref(g, g->facts.product, "default_price");
    enum status st = input_pairs(g, "set", &given, e);
    str key = pairs_get(&given, S("lookup_key"));

    if (st == ST_OK)
        st = check_key(g, key, S(""));
    if (st == ST_OK)
        st = pairs_add(&set, S("product"), g->plan.product, g->a, e);
    pairs_drop(&given, S("lookup_key"));
    for (size_t i = 0; st == ST_OK && i < given.n; i++)
        st = pairs_add(&set, given.at[i].name, given.at[i].value, g->a, e);
    if (st == ST_OK)
        st = plan_price(g, &set, g->plan.product, e);
    if (st == ST_OK && input_on(g, "make_default")) {
        struct step *s = plan_default(g, g->plan.product, was, S("@1"));
        if (!s)
            return plan_full(e);
    }
    if (st == ST_OK && key.n)
        st = plan_key(g, S("@1"), key, holder, doc_active(g->facts.key_holder), e);
    return st == ST_OK ? plan_verify(g, e) : st;
}

/* ---- update --------------------------------------------------------------------------------- */

enum status price_update_read(struct planning *g, struct error *e)
{
    enum status st = need_product_of_price(g, e);

    if (st == ST_OK && doc_active(g->facts.product))
        st = facts_prices(g, g->plan.product, "active=true", 2, e);
    return st == ST_OK ? need_key_holder(g, e) : st;
}

/* [facts] */
static enum status check_mutable(struct planning *g, const struct pairs *set)
{
    static const char *const immutable[] = { "unit_amount",
                                             "unit_amount_decimal",
                                             "currency",
                                             "recurring",
                                             "product",
                                             "billing_scheme",
                                             "tiers",
                                             "tiers_mode",
                                             "type",
                                             "transform_quantity",
                                             "custom_unit_amount",
                                             NULL };
    static const char *const allowed[] = { "active",     "nickname",         "metadata",
                                           "lookup_key", "currency_options", "tax_behavior",
                                           NULL };
    str tax = doc_text(g, g->facts.price, "tax_behavior");
    str wanted = pairs_get(set, S("tax_behavior"));

    if (!set->n)
        return plan_refuse(g, REASON_INVALID_INPUT, "", "Say what is to be different.");
    for (size_t i = 0; i < set->n; i++) {
        str name = set->at[i].name;
        if (in_list(name, immutable))
            return plan_refuse(g, REASON_IMMUTABLE,
                               "`brindle price replace` makes a new price in its place.",
                               "%.*s of a price is immutable; use replace.", STR_ARG(name));
        if (!in_list(name, allowed))
            return plan_refuse(g, REASON_INVALID_INPUT, "", "A price has no \"%.*s\" to update.",
                               STR_ARG(name));
    }
    if (wanted.n && !str_eq(wanted, tax) && !str_eqz(tax, "unspecified"))
        return plan_refuse(g, REASON_IMMUTABLE,
                           "`brindle price replace --tax-behavior` makes a new price in its place.",
                           "tax_behavior of a price is immutable once it is %.*s; use replace.",
                           STR_ARG(tax));
    return ST_OK;
}

static enum status check_active(struct planning *g, const struct pairs *set)
{
    if (!str_eqz(pairs_get(set, S("active")), "false") || !doc_active(g->facts.price))
        return ST_OK;
    if (is_default(g) && doc_active(g->facts.product))
        return plan_refuse(g, REASON_PRICE_IS_DEFAULT,
                           "`brindle price archive` makes another price the default first.",
                           "%.*s is the default price of %.*s: Stripe does not archive it while "
                           "it is.",
                           STR_ARG(named_price(g)), STR_ARG(g->plan.product));
    return check_sellable(g);
}

enum status price_update_plan(struct planning *g, struct error *e)
{
    struct pairs set = { 0 };
    str holder = doc_text(g, g->facts.key_holder, "id");
    enum status st = input_pairs(g, "set", &set, e);
    str key = pairs_get(&set, S("lookup_key"));

    if (st == ST_OK)
        st = check_mutable(g, &set);
    if (st == ST_OK)
        st = check_active(g, &set);
    if (st == ST_OK)
        st = check_key(g, key, named_price(g));
    if (st == ST_OK && holder.n && !str_eq(holder, named_price(g)))
        st = pairs_add(&set, S("transfer_lookup_key"), S("true"), g->a, e);
    if (st != ST_OK)
        return st;
    struct step *s = plan_add(&g->plan, STEP_PRICE_UPDATE, named_price(g));
    if (!s)
        return plan_full(e);
    s->set = set;
    s->is = arena_printf(g->a, "%.*s is changed", STR_ARG(named_price(g)));
    s->no_way_back = true;
    return plan_verify(g, e);
}
