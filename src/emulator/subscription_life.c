/* subscription_life.c - what happens to a subscription, whoever caused it: periods, invoices,
 * payment, the end. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>
#include <time.h>

/* --- periods --- */

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month] + (month == 1 && leap);
}

int64_t add_months(int64_t from, int64_t months)
{
    time_t t = (time_t)from;
    struct tm tm;

    gmtime_r(&t, &tm);
    int64_t all = (int64_t)tm.tm_year * 12 + tm.tm_mon + months;
    tm.tm_year = (int)(all / 12);
    tm.tm_mon = (int)(all % 12);
    int last = days_in_month(tm.tm_year + 1900, tm.tm_mon);
    if (tm.tm_mday > last)
        tm.tm_mday = last;
    return (int64_t)timegm(&tm);
}

static int64_t months_between(int64_t from, int64_t to)
{
    time_t a = (time_t)from, b = (time_t)to;
    struct tm ta, tb;

    gmtime_r(&a, &ta);
    gmtime_r(&b, &tb);
    return (tb.tm_year - ta.tm_year) * 12 + tb.tm_mon - ta.tm_mon;
}

int64_t period_end(int64_t anchor, int64_t start, const json_t *recurring)
{
    str interval = get_str(recurring, "interval");
    int64_t count = get_int(recurring, "interval_count");

    if (count < 1)
        count = 1;
    if (str_eq(interval, S("day")) || str_eq(interval, S("week")))
        return start + count * (str_eq(interval, S("day")) ? 86400 : 7 * 86400);
    if (str_eq(interval, S("year")))
        count *= 12;
    int64_t steps = months_between(anchor, start) / count;
    if (steps < 0)
        steps = 0;
    int64_t end = add_months(anchor, steps * count);
    while (end <= start) /* at most twice: `steps` is near */
        end = add_months(anchor, ++steps * count);
    return end;
}

static struct record *first_item(struct record *sub)
{
    return owned_next(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), NULL);
}

const json_t *subscription_recurring(struct record *sub)
{
    struct record *si = first_item(sub);

    return si ? get_path(record_doc(si), "price.recurring") : NULL;
}

int64_t subscription_period_end(struct record *sub)
{
    struct record *si = first_item(sub);

    return si ? get_int(record_doc(si), "current_period_end") : INT64_MAX;
}

void subscription_embed(struct record *sub)
{
    char url[ID_BYTES + 64] = "/v1/subscription_items?subscription=";

    strncat(url, sub->id, ID_BYTES);
    set_new(record_doc(sub), "items",
            list_embedded(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), url));
    record_touch(sub);
}

/* --- items --- */

static bool price_fits(const struct args *a, struct record *price, const char *param)
{
    if (!is_str(record_doc(price), "type", "recurring")) /* [facts: R-33] */
        refuse(a->c, 400, NULL, param,
               "The price specified is set to `type=one_time` but this field only accepts prices "
               "with `type=recurring`.");
    else
        price_sellable(a->c, price, param);
    return !a->c->refused;
}

/* A price made in line is checked by building it once and throwing it away. */
static bool inline_fits(const struct args *data)
{
    struct args product_data;
    str product = arg_str(data, "product");
    json_t *doc;

    if (!args_sub(data, "product_data", &product_data) &&
        !named_record(data->c, T_PRODUCT, product, arg_name(data, "product")))
        return false;
    doc = price_build(data, product);
    if (doc && !json_is_object(json_object_get(doc, "recurring")))
        refuse_param_missing(data->c, arg_name(data, "recurring"));
    json_decref(doc);
    return !data->c->refused;
}

bool item_check(const struct args *a, struct item_order *o)
{
    struct args data;
    str id = arg_str(a, "price");

    *o = (struct item_order){ .args = *a, .quantity = 1 };
    if (!id.n)
        id = arg_str(a, "plan");
    arg_int(a, "quantity", &o->quantity);
    if (o->quantity < 0)
        refuse(a->c, 400, "parameter_invalid_integer", arg_name(a, "quantity"),
               "Invalid non-negative integer");
    json_t *scratch = json_object();
    bool fine = tax_rates_read(a, "tax_rates", scratch, "tax_rates") &&
                discounts_read(a, (str){ 0 }, &o->discounts);
    json_decref(scratch);
    if (a->c->refused || !fine)
        return false;
    if (id.n) {
        o->price = named_record(a->c, T_PRICE, id, arg_name(a, "price"));
        return o->price && price_fits(a, o->price, arg_name(a, "price"));
    }
    if (args_sub(a, "price_data", &data))
        return inline_fits(&data);
    refuse_param_missing(a->c, arg_name(a, "price"));
    return false;
}

static void item_discounts(struct call *c, struct record *sub, const struct item_order *o,
                           json_t *doc)
{
    discounts_apply(c, doc, &o->discounts,
                    &(struct discount_target){ .customer = get_str(record_doc(sub), "customer"),
                                               .subscription = str_of(sub->id),
                                               .subscription_item = get_str(doc, "id") });
}

struct record *item_keep(struct call *c, struct record *sub, const struct item_order *o,
                         int64_t start, int64_t end)
{
    json_t *doc = record_shape(c->emu, c->space, T_SUBSCRIPTION_ITEM, NULL);
    struct record *price = o->price;
    struct args data;

    if (!price && args_sub(&o->args, "price_data", &data))
        price = price_inline(&data);
    assert(price);
    const json_t *p = record_doc(price);
    set_new(doc, "price", json_deep_copy(p));
    set_new(doc, "plan", plan_of(p));
    set_int(doc, "quantity", o->quantity);
    set_strz(doc, "subscription", sub->id);
    set_int(doc, "current_period_start", start);
    set_int(doc, "current_period_end",
            end ? end
                : period_end(get_int(record_doc(sub), "billing_cycle_anchor"), start,
                             json_object_get(p, "recurring")));
    metadata_apply(&o->args, doc);
    tax_rates_read(&o->args, "tax_rates", doc, "tax_rates");
    item_discounts(c, sub, o, doc);
    return record_add(c->emu, c->space, T_SUBSCRIPTION_ITEM, doc);
}

/* --- invoices --- */

/* A draft without lines. */
static struct record *invoice_begin(struct call *c, struct record *sub, const char *reason)
{
    const json_t *doc = record_doc(sub);
    int64_t from = now_s(c->emu), to = from;
    struct record *si = first_item(sub);
    int64_t days = get_int(doc, "days_until_due");

    if (si && strcmp(reason, "subscription_cycle") == 0)
        to = get_int(record_doc(si), "current_period_start");
    struct record *inv =
        invoice_make(c, &(struct invoice_order){ .customer = get_str(doc, "customer"),
                                                 .currency = get_str(doc, "currency"),
                                                 .subscription = str_of(sub->id),
                                                 .collection = get_str(doc, "collection_method"),
                                                 .reason = reason,
                                                 .period_start = from,
                                                 .period_end = to });
    if (days)
        record_hide(inv, "days_until_due", json_integer(days));
    return inv;
}

static void invoice_end(struct call *c, struct record *sub, struct record *inv)
{
    invoice_take_pending(c, inv, str_of(sub->id));
    invoice_total(inv);
    discounts_used(c, inv, sub);
    discounts_used(c, inv, record_any(c->space, T_CUSTOMER, get_str(record_doc(sub), "customer")));
}

struct record *subscription_invoice(struct call *c, struct record *sub, const char *reason)
{
    struct record *inv = invoice_begin(c, sub, reason), *si = NULL;
    bool trial = is_str(record_doc(sub), "status", "trialing");

    while ((si = owned_next(c->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), si)))
        invoice_line_from_item(c, inv, si, trial);
    invoice_end(c, sub, inv);
    return inv;
}

struct record *subscription_pending_invoice(struct call *c, struct record *sub, const char *reason)
{
    bool pending = false;
    str customer = get_str(record_doc(sub), "customer");

    for (struct record *r = NULL; (r = owned_next(c->space, T_INVOICEITEM, customer, r));)
        pending = pending || !get_str(record_doc(r), "invoice").p;
    if (!pending)
        return NULL;
    struct record *inv = invoice_begin(c, sub, reason);
    invoice_end(c, sub, inv);
    return inv;
}

static struct record *subscription_of(struct record *inv)
{
    str id = get_str(get_path(record_doc(inv), "parent.subscription_details"), "subscription");

    return id.p ? record_live(inv->space, T_SUBSCRIPTION, id) : NULL;
}

static void status_set(struct call *c, struct record *sub, const char *status)
{
    json_t *before = change_begin(sub);

    set_strz(sub->doc, "status", status);
    change_end(c, sub, before, "customer.subscription.updated");
}

void subscription_paid(struct call *c, struct record *inv)
{
    struct record *sub = subscription_of(inv);

    if (!sub)
        return;
    if (pending_is_for(sub, inv))
        pending_apply(c, sub);
    const json_t *doc = record_doc(sub);
    bool waits = is_str(doc, "status", "incomplete") || is_str(doc, "status", "past_due") ||
                 is_str(doc, "status", "unpaid");
    if (waits && is_str(doc, "latest_invoice", inv->id)) {
        status_set(c, sub, "active");
        entitlements_follow(c, get_str(sub->doc, "customer"));
    }
}

/* A first payment that fails leaves it incomplete, a later one makes it past due; when the last
 * attempt has failed it is cancelled. [facts: 10.1] */
void subscription_unpaid(struct call *c, struct record *inv)
{
    struct record *sub = subscription_of(inv);

    if (!sub || pending_is_for(sub, inv))
        return; /* the change waits, what is paid for goes on */
    if (is_str(record_doc(sub), "status", "active") || is_str(sub->doc, "status", "trialing"))
        status_set(c, sub, "past_due");
    bool last = json_is_null(json_object_get(record_doc(inv), "next_payment_attempt")) &&
                invoice_given_up(inv) &&
                is_str(inv->doc, "collection_method", "charge_automatically");
    if (is_str(sub->doc, "status", "past_due") && last && get_bool(inv->doc, "auto_advance"))
        subscription_cancel(c, sub, "payment_failed");
}

/* One that never became active is expired, not cancelled. */
void subscription_cancel(struct call *c, struct record *sub, const char *reason)
{
    json_t *doc = record_doc(sub);
    bool incomplete = is_str(doc, "status", "incomplete");

    if (is_str(doc, "status", "canceled") || is_str(doc, "status", "incomplete_expired"))
        return;
    if (!get_int(doc, "canceled_at"))
        set_int(doc, "canceled_at", now_s(c->emu));
    set_int(doc, "ended_at", now_s(c->emu));
    set_strz(json_object_get(doc, "cancellation_details"), "reason", reason);
    set_strz(doc, "status", incomplete ? "incomplete_expired" : "canceled");
    record_touch(sub);
    emit(c, sub, "customer.subscription.deleted");
    schedule_ended(c, sub);
    entitlements_follow(c, get_str(doc, "customer"));
    struct record *inv = record_live(c->space, T_INVOICE, get_str(doc, "latest_invoice"));
    if (!inv)
        return;
    if (incomplete && is_str(record_doc(inv), "status", "open")) {
        invoice_void(c, inv);
    } else if (get_bool(record_doc(inv), "auto_advance")) {
        json_t *before = change_begin(inv);
        set_bool(inv->doc, "auto_advance", false);
        set_null(inv->doc, "next_payment_attempt");
        set_null(inv->doc, "automatically_finalizes_at");
        change_end(c, inv, before, "invoice.updated");
    }
}
