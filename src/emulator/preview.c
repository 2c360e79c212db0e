/* preview.c - what an invoice would be: POST /v1/invoices/create_preview, and invoice.upcoming.
 *
 * The change that is asked about is made for real, by the same code as ever, but in a space of its
 * own that holds copies of what it needs and is thrown away with all that came of it. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <stdio.h>
#include <string.h>

enum { COPY_DEPTH_MAX = 8 };

/* --- the other space --- */

static void copy_referred(struct space *to, struct space *from, const json_t *v, unsigned depth);

static struct record *copy_in(struct space *to, struct emulator *e, struct record *r)
{
    struct record *has = record_live(to, r->type, str_of(r->id));

    if (has)
        return has;
    struct record *made = record_add(e, to, r->type, json_deep_copy(record_doc(r)));
    made->hidden = r->hidden ? json_deep_copy(r->hidden) : NULL;
    made->unlisted = r->unlisted;
    return made;
}

/* Every string that is the id of something that bills is followed. */
static void copy_named(struct space *to, struct space *from, str id, unsigned depth)
{
    static const enum type kinds[] = { T_PRICE,          T_PRODUCT,  T_COUPON,
                                       T_PROMOTION_CODE, T_TAX_RATE, T_PLAN,
                                       T_SHIPPING_RATE,  T_DISCOUNT, T_SUBSCRIPTION_ITEM,
                                       T_INVOICEITEM };

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct record *r = record_live(from, kinds[i], id);
        if (!r || record_live(to, kinds[i], id))
            continue;
        copy_in(to, to->emulator, r);
        copy_referred(to, from, record_doc(r), depth + 1);
    }
}

static void copy_referred(struct space *to, struct space *from, const json_t *v, unsigned depth)
{
    const char *key;
    json_t *e;
    size_t i;

    if (depth > COPY_DEPTH_MAX)
        return;
    if (json_is_string(v) && json_string_length(v))
        copy_named(to, from, (str){ json_string_value(v), json_string_length(v) }, depth);
    json_object_foreach((json_t *)(uintptr_t)v, key, e) copy_referred(to, from, e, depth);
    if (json_is_array(v))
        json_array_foreach(v, i, e) copy_referred(to, from, e, depth);
}

static void copy_owned(struct space *to, struct space *from, enum type t, str owner, bool pending)
{
    for (struct record *r = NULL; (r = owned_next(from, t, owner, r));) {
        if (pending && get_str(record_doc(r), "invoice").p)
            continue;
        copy_in(to, to->emulator, r);
        copy_referred(to, from, record_doc(r), 0);
    }
}

static struct space *space_apart(struct call *c, struct record *customer, struct record *sub)
{
    struct space *s = must_alloc(sizeof *s);

    snprintf(s->account, sizeof s->account, "%s", c->space->account);
    s->livemode = c->space->livemode;
    s->balance = json_object();
    s->emulator = c->emu;
    if (customer) {
        copy_in(s, c->emu, customer);
        copy_referred(s, c->space, record_doc(customer), 0);
        copy_owned(s, c->space, T_INVOICEITEM, str_of(customer->id), true);
        copy_owned(s, c->space, T_TAX_ID, str_of(customer->id), false);
    }
    if (sub) {
        copy_in(s, c->emu, sub);
        copy_referred(s, c->space, record_doc(sub), 0);
        copy_owned(s, c->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), false);
    }
    copy_referred(s, c->space, c->params, 0);
    return s;
}

/* --- the invoice --- */

/* The one that comes at the end of the present period. */
static struct record *next_invoice(struct call *c, struct record *sub)
{
    const json_t *doc = record_doc(sub);
    int64_t start = subscription_period_end(sub), cancel = get_int(doc, "cancel_at");
    struct record *inv;

    if (is_str(doc, "status", "canceled") || (cancel && cancel <= start)) {
        inv = subscription_pending_invoice(c, sub, "upcoming");
    } else {
        struct record *si = owned_next(c->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), NULL);
        int64_t from = si ? get_int(record_doc(si), "current_period_start") : start;
        items_next_period(sub, start);
        set_strz(record_doc(sub), "status", "active");
        inv = subscription_invoice(c, sub, "upcoming");
        set_int(inv->doc, "period_start", from);
        set_int(inv->doc, "period_end", start);
        set_int(inv->doc, "created", start);
        set_int(inv->doc, "next_payment_attempt", start + 3600);
    }
    if (inv)
        return inv;
    return refuse(c, 404, "invoice_upcoming_none", NULL, "No upcoming invoices for customer: %s",
                  get_str(record_doc(sub), "customer").p);
}

/* Of a subscription that is there, perhaps after a change. */
static struct record *changed_invoice(struct call *c, struct record *sub,
                                      const struct args *details)
{
    bool now = false, prorate = true;

    if (!details)
        return next_invoice(c, sub);
    if (arg_bool(details, "cancel_now", &now) && now) {
        prorate = !str_eq(arg_str(details, "proration_behavior"), S("none"));
        subscription_stop(c, sub, prorate, false);
        return next_invoice(c, sub);
    }
    str was = arena_copy(c->arena, get_str(record_doc(sub), "latest_invoice"));
    if (!subscription_update(details, sub))
        return NULL;
    str is = get_str(sub->doc, "latest_invoice");
    return str_eq(was, is) ? next_invoice(c, sub) : record_live(c->space, T_INVOICE, is);
}

/* Of what the customer has pending, when there is no subscription. */
static struct record *manual_invoice(struct call *c, struct record *customer)
{
    const struct args a = args_of(c);
    str currency = get_str(record_doc(customer), "currency");

    arg_text(&a, "currency", &currency);
    struct record *inv =
        invoice_make(c, &(struct invoice_order){ .customer = str_of(customer->id),
                                                 .currency = currency.n ? currency : S("usd"),
                                                 .collection = S("charge_automatically"),
                                                 .reason = "upcoming",
                                                 .period_start = now_s(c->emu),
                                                 .period_end = now_s(c->emu) });
    invoice_take_pending(c, inv, (str){ 0 });
    invoice_total(inv);
    if (json_array_size(get_path(inv->doc, "lines.data")))
        return inv;
    return refuse(c, 404, "invoice_upcoming_none", NULL, "No upcoming invoices for customer: %s",
                  customer->id);
}

static bool extra_lines(const struct args *a, struct record *customer, struct record *sub)
{
    struct args item[ARGS_LIST_MAX];
    size_t n = args_list(a, "invoice_items", item, ARGS_LIST_MAX);
    str currency = get_str(record_doc(customer), "currency");

    arg_text(a, "currency", &currency);
    for (size_t i = 0; i < n && !a->c->refused; i++)
        invoiceitem_make(&item[i], str_of(customer->id), str_of(sub ? sub->id : NULL),
                         currency.n ? currency : S("usd"));
    return !a->c->refused;
}

/* The parameters of a subscription, wherever they stand. */
static bool details_read(const struct args *a, struct args *out)
{
    struct args schedule, phase[2];

    if (args_sub(a, "subscription_details", out))
        return true;
    if (!args_sub(a, "schedule_details", &schedule) || !args_list(&schedule, "phases", phase, 2))
        return false;
    *out = phase[0];
    return true;
}

static struct record *preview_invoice(struct call *c, struct record *customer, struct record *sub)
{
    struct args a = args_of(c), details;
    bool given = details_read(&a, &details);
    struct discount_order discounts;
    struct record *inv = NULL;

    if (c->refused || !extra_lines(&a, customer, sub))
        return NULL;
    if (sub) {
        inv = changed_invoice(c, sub, given ? &details : NULL);
    } else if (given && arg_given(&details, "items")) {
        struct record *made = subscription_create(&details, customer);
        if (made)
            inv = record_live(c->space, T_INVOICE, get_str(record_doc(made), "latest_invoice"));
    } else {
        inv = manual_invoice(c, customer);
    }
    if (!inv || !discounts_read(&a, str_of(customer->id), &discounts))
        return NULL;
    if (discounts.given) {
        discounts_apply(c, record_doc(inv), &discounts,
                        &(struct discount_target){ .invoice = str_of(inv->id) });
        invoice_total(inv);
    }
    return inv;
}

/* --- showing it --- */

static json_t *shown(struct call *c, struct record *inv)
{
    json_t *doc = json_deep_copy(record_doc(inv));

    set_str(doc, "id", arena_printf(c->arena, "upcoming_%s", inv->id));
    set_null(doc, "automatically_finalizes_at");
    set_strz(doc, "billing_reason", "upcoming");
    set_str(json_object_get(doc, "lines"), "url",
            arena_printf(c->arena, "/v1/invoices/upcoming_%s/lines", inv->id));
    return doc;
}

/* Whose it is: by name, of the subscription, or nobody's yet. */
static struct record *preview_customer(struct call *c, struct record *sub)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "customer");

    if (!id.n && sub)
        id = get_str(record_doc(sub), "customer");
    return id.n ? named_record(c, T_CUSTOMER, id, "customer") : NULL;
}

static bool preview_subscription(struct call *c, struct record **sub)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "subscription"), schedule = arg_str(&a, "schedule");

    *sub = NULL;
    if (schedule.n) {
        struct record *r = named_record(c, T_SUBSCRIPTION_SCHEDULE, schedule, "schedule");
        id = r ? get_str(record_doc(r), "subscription") : (str){ 0 };
    }
    if (id.n)
        *sub = named_record(c, T_SUBSCRIPTION, id, "subscription");
    return !c->refused;
}

json_t *invoices_preview(struct call *c)
{
    struct record *sub, *customer;

    if (!preview_subscription(c, &sub))
        return NULL;
    customer = preview_customer(c, sub);
    if (c->refused)
        return NULL;
    struct space *here = c->space, *apart = space_apart(c, customer, sub);
    bool nobody = !customer;
    json_t *doc = NULL;
    c->space = apart;
    c->preview = true;
    customer = nobody ? record_add(c->emu, apart, T_CUSTOMER,
                                   record_shape(c->emu, apart, T_CUSTOMER, NULL))
                      : record_live(apart, T_CUSTOMER, str_of(customer->id));
    if (sub)
        sub = record_live(apart, T_SUBSCRIPTION, str_of(sub->id));
    struct record *inv = preview_invoice(c, customer, sub);
    if (inv)
        doc = shown(c, inv);
    if (doc && nobody)
        set_null(doc, "customer");
    c->space = here;
    c->preview = false;
    space_free(apart);
    if (doc)
        expand_document(c, doc, NULL, false);
    return doc;
}

void upcoming_emit(struct call *c, struct record *sub)
{
    struct record *customer =
        record_live(c->space, T_CUSTOMER, get_str(record_doc(sub), "customer"));
    struct space *here = c->space, *apart = space_apart(c, customer, sub);
    json_t *doc = NULL;

    c->space = apart;
    c->preview = true;
    struct record *inv = next_invoice(c, record_live(apart, T_SUBSCRIPTION, str_of(sub->id)));
    if (inv)
        doc = shown(c, inv);
    c->space = here;
    c->preview = c->refused = false;
    space_free(apart);
    if (!doc)
        return;
    json_object_del(doc, "id"); /* [facts: F-13] */
    emit_document(c, here, doc, "invoice.upcoming");
}
