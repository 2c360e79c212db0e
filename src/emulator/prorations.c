/* prorations.c - what a change within a period costs: the time that is not used is given back, the
 * time that remains is charged for, to the second. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>
#include <time.h>

bool proration_read(const struct args *a, struct record *sub, struct proration *p)
{
    struct call *c = a->c;
    str anchor = arg_str(a, "billing_cycle_anchor");

    *p = (struct proration){ .behavior = S("create_prorations"),
                             .payment = S("allow_incomplete"),
                             .date = now_s(c->emu),
                             .anchor_now = str_eq(anchor, S("now")) };
    arg_word(a, "proration_behavior", "always_invoice create_prorations none", &p->behavior);
    arg_word(a, "payment_behavior",
             "allow_incomplete default_incomplete error_if_incomplete pending_if_incomplete",
             &p->payment);
    if (anchor.n && !p->anchor_now && !str_eq(anchor, S("unchanged")))
        refuse(c, 400, NULL, "billing_cycle_anchor",
               "Invalid billing_cycle_anchor: must be one of now or unchanged");
    if (!arg_int(a, "proration_date", &p->date) || c->refused)
        return !c->refused;
    const struct record *si = owned_next(c->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), NULL);
    if (si && (p->date < get_int(si->doc, "current_period_start") ||
               p->date > get_int(si->doc, "current_period_end")))
        refuse(c, 400, NULL, "proration_date",
               "Cannot specify `proration_date` outside of the current period of the "
               "subscription.");
    return !c->refused;
}

json_t *items_snapshot(struct record *sub)
{
    json_t *items = json_array();
    str id = str_of(sub->id);

    for (struct record *r = NULL; (r = owned_next(sub->space, T_SUBSCRIPTION_ITEM, id, r));)
        json_array_append_new(items, json_deep_copy(record_doc(r)));
    return items;
}

/* --- one item --- */

static str day_of(struct call *c, int64_t at)
{
    char text[32];
    time_t t = (time_t)at;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%d %b %Y", &tm);
    return arena_copy(c->arena, str_of(text));
}

static str words(struct call *c, const json_t *item, const char *what, int64_t at)
{
    const json_t *price = json_object_get(item, "price");
    struct record *product = record_any(c->space, T_PRODUCT, get_str(price, "product"));
    str name = product ? get_str(record_doc(product), "name") : S("item");
    int64_t quantity = get_int(item, "quantity");
    str many =
        quantity == 1 ? S("") : arena_printf(c->arena, "%lld \xc3\x97 ", (long long)quantity);

    return arena_printf(c->arena, "%s time on %.*s%.*s after %.*s", what, STR_ARG(many),
                        STR_ARG(name), STR_ARG(day_of(c, at)));
}

/* The part of a period's amount that falls between `at` and the period's end. */
static int64_t part_of(struct call *c, const json_t *item, int64_t at)
{
    const json_t *price = json_object_get(item, "price");
    struct record *record = record_any(c->space, T_PRICE, get_str(price, "id"));
    int64_t start = get_int(item, "current_period_start");
    int64_t end = get_int(item, "current_period_end");
    int64_t whole = price_amount(record, price, get_int(item, "quantity"));

    if (end <= start || at >= end)
        return 0;
    if (at < start)
        at = start;
    double part = (double)whole * (double)(end - at) / (double)(end - start);
    return currency_round(get_str(price, "currency"), (int64_t)(part + 0.5));
}

static void prorate(struct call *c, struct record *sub, const json_t *item, bool credit, int64_t at)
{
    json_t *doc = record_shape(c->emu, c->space, T_INVOICEITEM, NULL);
    const json_t *price = json_object_get(item, "price");
    int64_t amount = part_of(c, item, at), quantity = get_int(item, "quantity");
    str id = get_str(item, "id");
    static const char *const same[] = { "tax_rates", "metadata" };

    if (!amount && at >= get_int(item, "current_period_end")) { /* the period is over */
        json_decref(doc);
        return;
    }

    set_strz(doc, "customer", get_str(record_doc(sub), "customer").p);
    set_str(doc, "currency", get_str(price, "currency"));
    set_int(doc, "amount", credit ? -amount : amount);
    set_int(doc, "net_amount", credit ? -amount : amount);
    set_int(doc, "date", now_s(c->emu));
    set_str(doc, "description", words(c, item, credit ? "Unused" : "Remaining", at));
    set_bool(doc, "discountable", false);
    set_bool(doc, "proration", true);
    set_new(doc, "proration_details",
            json_pack("{s:n,s:[]}", "credited_items", "discount_amounts"));
    set_new(doc, "parent",
            json_pack("{s:{s:s,s:s%},s:s}", "subscription_details", "subscription", sub->id,
                      "subscription_item", id.p, id.n, "type", "subscription_details"));
    set_new(doc, "period",
            json_pack("{s:I,s:I}", "end", (json_int_t)get_int(item, "current_period_end"), "start",
                      (json_int_t)at));
    set_new(doc, "pricing", price_pricing(price));
    set_int(doc, "quantity", quantity);
    set_str(doc, "quantity_decimal", arena_printf(c->arena, "%lld", (long long)quantity));
    for (size_t i = 0; i < COUNT(same); i++)
        if (json_object_get(item, same[i]))
            set_new(doc, same[i], json_deep_copy(json_object_get(item, same[i])));
    emit(c, record_add(c->emu, c->space, T_INVOICEITEM, doc), "invoiceitem.created");
}

/* --- a whole change --- */

static const json_t *item_before(const json_t *before, const char *id)
{
    size_t i;
    json_t *v;

    json_array_foreach(before, i, v) if (is_str(v, "id", id)) return v;
    return NULL;
}

static bool same_worth(const json_t *a, const json_t *b)
{
    return get_int(a, "quantity") == get_int(b, "quantity") &&
           json_equal(get_path(a, "price.id"), get_path(b, "price.id"));
}

static bool interval_changed(struct record *sub, const json_t *before)
{
    const json_t *was = get_path(json_array_get(before, 0), "price.recurring");
    const json_t *is = subscription_recurring(sub);

    return was && is &&
           (!json_equal(json_object_get(was, "interval"), json_object_get(is, "interval")) ||
            get_int(was, "interval_count") != get_int(is, "interval_count"));
}

void items_credited(struct call *c, struct record *sub, const json_t *items, int64_t at)
{
    size_t i;
    json_t *v;

    json_array_foreach(items, i, v) prorate(c, sub, v, true, at);
}

static void give_back(struct call *c, struct record *sub, const json_t *before, int64_t at,
                      bool all)
{
    size_t i;
    json_t *v;

    json_array_foreach(before, i, v)
    {
        struct record *r = record_live(c->space, T_SUBSCRIPTION_ITEM, get_str(v, "id"));
        if (all || !r || !same_worth(v, record_doc(r)))
            prorate(c, sub, v, true, at);
    }
}

static void charge_rest(struct call *c, struct record *sub, const json_t *before, int64_t at)
{
    str id = str_of(sub->id);

    for (struct record *r = NULL; (r = owned_next(c->space, T_SUBSCRIPTION_ITEM, id, r));) {
        const json_t *was = item_before(before, r->id);
        if (!was || !same_worth(was, record_doc(r)))
            prorate(c, sub, r->doc, false, at);
    }
}

bool items_changed_worth(struct record *sub, const json_t *before)
{
    json_t *now = items_snapshot(sub);
    bool changed = json_array_size(now) != json_array_size(before);
    size_t i;
    json_t *v;

    json_array_foreach(now, i, v)
    {
        const json_t *was = item_before(before, get_str(v, "id").p);
        changed = changed || !was || !same_worth(was, v);
    }
    json_decref(now);
    return changed;
}

/* A new period begins now, and is billed whole. */
static struct record *new_cycle(struct call *c, struct record *sub)
{
    set_int(record_doc(sub), "billing_cycle_anchor", now_s(c->emu));
    items_next_period(sub, now_s(c->emu));
    return subscription_invoice(c, sub, "subscription_update");
}

struct record *items_prorated(struct call *c, struct record *sub, const json_t *before,
                              const struct proration *p)
{
    bool trial = is_str(record_doc(sub), "status", "trialing");
    bool anew = p->anchor_now || interval_changed(sub, before);
    bool none = str_eq(p->behavior, S("none"));

    if (trial || !is_str(sub->doc, "status", "active") ||
        (!anew && !items_changed_worth(sub, before)))
        return NULL;
    if (!none)
        give_back(c, sub, before, p->date, anew);
    if (anew)
        return new_cycle(c, sub);
    if (!none)
        charge_rest(c, sub, before, p->date);
    if (!str_eq(p->behavior, S("always_invoice")))
        return NULL;
    return subscription_pending_invoice(c, sub, "subscription_update");
}

/* Would the change be paid for? Asked before anything is made. */
bool proration_payable(struct call *c, struct record *sub, const struct proration *p)
{
    struct record *customer =
        record_any(c->space, T_CUSTOMER, get_str(record_doc(sub), "customer"));
    struct record *method = default_method(c, customer, sub);
    struct outcome out = { 0 };

    if (c->preview || !str_eq(p->payment, S("error_if_incomplete")) ||
        (!str_eq(p->behavior, S("always_invoice")) && !p->anchor_now) ||
        !is_str(sub->doc, "collection_method", "charge_automatically"))
        return true;
    if (method)
        out = payment_method_outcome(method, false);
    if (!out.approved)
        refuse_card(c, out.code ? out.code : "card_declined", out.decline,
                    out.message ? out.message : "Your card was declined.");
    return out.approved;
}

/* The invoice of a change is finalised and charged at once. */
void update_pay(struct call *c, struct record *sub, struct record *inv, const struct proration *p)
{
    struct record *customer = record_any(c->space, T_CUSTOMER, get_str(sub->doc, "customer"));
    struct outcome out;

    if (c->preview)
        return;
    invoice_finalize(c, inv);
    if (!is_str(record_doc(inv), "status", "open") || str_eq(p->payment, S("default_incomplete")) ||
        !is_str(inv->doc, "collection_method", "charge_automatically"))
        return;
    if (invoice_charge(c, inv, default_method(c, customer, sub), &out) == ST_NONE)
        invoice_unpayable(c, inv);
}
