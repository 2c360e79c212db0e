/* schedules.c - /v1/subscription_schedules: phases that follow each other, each of which changes
 * the subscription as an update would. */
#include "emulator/list.h"
#include "emulator/plain.h"
#include "emulator/rooms.h"
#include "emulator/shapes.h"

#include <stdio.h>
#include <string.h>

enum { PHASES_MAX = 10, EXPIRING_DAYS = 9 /* the CLI's trigger looks 9 days before the end */ };

static const struct field schedule_fields[] = {
    { "end_behavior", F_WORD, "cancel none release renew", 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "default_settings", F_MERGE, NULL, 0 },
};

/* --- phases --- */

static const char shape_phase[] =
    "{'add_invoice_items':[],'application_fee_percent':null,'billing_cycle_anchor':null,"
    "'billing_thresholds':null,'collection_method':null,'currency':'usd',"
    "'default_payment_method':null,'default_tax_rates':[],'description':null,'discounts':[],"
    "'end_date':0,'invoice_settings':null,'items':[],'metadata':{},'on_behalf_of':null,"
    "'proration_behavior':'create_prorations','start_date':0,'transfer_data':null,"
    "'trial_end':null}";

static const struct field phase_fields[] = {
    { "application_fee_percent", F_NUMBER, NULL, 0 },
    { "billing_cycle_anchor", F_WORD, "automatic phase_start", 0 },
    { "collection_method", F_WORD, "charge_automatically send_invoice", 0 },
    { "default_payment_method", F_REF, NULL, T_PAYMENT_METHOD },
    { "description", F_TEXT_NULL, NULL, 500 },
    { "invoice_settings", F_HASH, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "proration_behavior", F_WORD, "always_invoice create_prorations none", 0 },
    { "trial_end", F_INT, NULL, 0 },
};

static json_t *discount_refs(const struct args *a)
{
    struct args one[20];
    size_t n = args_list(a, "discounts", one, COUNT(one));
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        str coupon = arg_str(&one[i], "coupon"), code = arg_str(&one[i], "promotion_code");
        if (coupon.n)
            named_record(a->c, T_COUPON, coupon, arg_name(&one[i], "coupon"));
        if (code.n)
            named_record(a->c, T_PROMOTION_CODE, code, arg_name(&one[i], "promotion_code"));
        json_array_append_new(
            list, json_pack("{s:o,s:n,s:o}", "coupon", json_str(coupon.n ? coupon : (str){ 0 }),
                            "discount", "promotion_code", json_str(code.n ? code : (str){ 0 })));
    }
    return list;
}

/* Prices made in line are made now: a phase names them. */
static json_t *phase_item(const struct args *a)
{
    struct item_order o;
    struct args data;
    json_t *item;

    if (!item_check(a, &o))
        return NULL;
    struct record *price = o.price;
    if (!price && args_sub(&o.args, "price_data", &data))
        price = price_inline(&data);
    if (!price)
        return NULL;
    item = json_pack("{s:n,s:o,s:{},s:s,s:s,s:I}", "billing_thresholds", "discounts",
                     discount_refs(a), "metadata", "plan", price->id, "price", price->id,
                     "quantity", (json_int_t)o.quantity);
    metadata_apply(a, item);
    tax_rates_read(a, "tax_rates", item, "tax_rates");
    return item;
}

static bool phase_items(const struct args *a, json_t *phase)
{
    struct args one[ARGS_LIST_MAX];
    size_t n = args_list(a, "items", one, ARGS_LIST_MAX);
    json_t *items = json_object_get(phase, "items");

    if (!n && !a->c->refused)
        return refuse_param_missing(a->c, arg_name(a, "items"));
    for (size_t i = 0; i < n && !a->c->refused; i++) {
        json_t *item = phase_item(&one[i]);
        if (item)
            json_array_append_new(items, item);
    }
    return !a->c->refused;
}

static const json_t *phase_recurring(struct space *s, const json_t *phase)
{
    str id = get_str(json_array_get(json_object_get(phase, "items"), 0), "price");
    struct record *price = record_any(s, T_PRICE, id);

    return price ? json_object_get(record_doc(price), "recurring") : NULL;
}

/* By its date, its duration, or a number of periods; one if nothing is said. */
static bool phase_end(const struct args *a, json_t *phase, int64_t start)
{
    struct call *c = a->c;
    const json_t *recurring = phase_recurring(c->space, phase);
    struct args duration;
    int64_t end = start, times = 1;

    if (str_eq(arg_str(a, "end_date"), S("now"))) {
        end = now_s(c->emu);
    } else if (arg_int(a, "end_date", &end)) {
        if (end <= start)
            return refuse(c, 400, NULL, arg_name(a, "end_date"),
                          "The end date of a phase must be after its start date.");
    } else if (args_sub(a, "duration", &duration)) {
        json_t *d =
            json_pack("{s:s%,s:I}", "interval", arg_str(&duration, "interval").p,
                      arg_str(&duration, "interval").n, "interval_count",
                      (json_int_t)(arg_int(&duration, "interval_count", &times) ? times : 1));
        end = d ? period_end(start, start, d) : start;
        json_decref(d);
    } else {
        arg_int(a, "iterations", &times);
        for (int64_t i = 0; i < times && i < 1000; i++)
            end = period_end(start, end, recurring);
    }
    set_int(phase, "start_date", start);
    set_int(phase, "end_date", end);
    return !c->refused;
}

static json_t *phase_read(const struct args *a, int64_t start)
{
    json_t *phase = shape_parse(shape_phase);
    struct record *price = NULL;
    bool trial;

    bool fine = phase_items(a, phase) &&
                fields_apply(a, phase, phase_fields, COUNT(phase_fields)) &&
                tax_rates_read(a, "default_tax_rates", phase, "default_tax_rates") &&
                phase_end(a, phase, start);
    set_new(phase, "discounts", discount_refs(a));
    if (arg_bool(a, "trial", &trial) && trial)
        set_int(phase, "trial_end", get_int(phase, "end_date"));
    price = record_any(a->c->space, T_PRICE,
                       get_str(json_array_get(json_object_get(phase, "items"), 0), "price"));
    if (price)
        set_str(phase, "currency", get_str(record_doc(price), "currency"));
    if (fine && !a->c->refused)
        return phase;
    json_decref(phase);
    return NULL;
}

/* Each begins where the one before it ends. NULL when refused. */
static json_t *phases_read(const struct args *a, int64_t start)
{
    struct args one[PHASES_MAX + 1];
    size_t n = args_list(a, "phases", one, COUNT(one));
    json_t *phases = json_array();

    if (n > PHASES_MAX)
        refuse(a->c, 400, NULL, "phases", "A subscription schedule can have at most 10 phases.");
    for (size_t i = 0; i < n && !a->c->refused; i++) {
        int64_t at;
        if (!str_eq(arg_str(&one[i], "start_date"), S("now")) &&
            arg_int(&one[i], "start_date", &at))
            start = at;
        json_t *phase = phase_read(&one[i], start);
        if (!phase)
            break;
        start = get_int(phase, "end_date");
        json_array_append_new(phases, phase);
    }
    if (!a->c->refused)
        return phases;
    json_decref(phases);
    return NULL;
}

/* --- from a phase to the parameters of its subscription --- */

static json_t *ids_of(const json_t *rates)
{
    json_t *list = json_object(), *v;
    size_t i;

    json_array_foreach(rates, i, v) param_append(list, json_deep_copy(json_object_get(v, "id")));
    return list;
}

/* The member of params that an item of this price is, so that it stays the same item. */
static json_t *item_params(struct record *sub, const json_t *item)
{
    json_t *p = json_object();

    set_new(p, "price", json_deep_copy(json_object_get(item, "price")));
    set_new(p, "quantity", param_int(get_int(item, "quantity")));
    if (json_array_size(json_object_get(item, "tax_rates")))
        set_new(p, "tax_rates", ids_of(json_object_get(item, "tax_rates")));
    for (struct record *si = NULL;
         sub && (si = owned_next(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), si));) {
        if (!str_eq(get_str(json_object_get(record_doc(si), "price"), "id"),
                    get_str(item, "price")))
            continue;
        set_strz(p, "id", si->id);
        json_object_del(p, "price");
        break;
    }
    return p;
}

static bool keeps(const json_t *phase, const json_t *si)
{
    str price = get_str(json_object_get(si, "price"), "id");
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(phase, "items"), i,
                       v) if (str_eq(get_str(v, "price"), price)) return true;
    return false;
}

static json_t *phase_params(struct record *sub, const json_t *phase)
{
    static const char *const same[] = { "collection_method", "default_payment_method",
                                        "description", "proration_behavior" };
    json_t *p = json_object(), *items = json_object(), *discounts = json_object(), *v;
    size_t i;

    json_array_foreach(json_object_get(phase, "items"), i, v)
        param_append(items, item_params(sub, v));
    for (struct record *si = NULL;
         sub && (si = owned_next(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), si));)
        if (!keeps(phase, record_doc(si)))
            param_append(items, json_pack("{s:s,s:s}", "id", si->id, "deleted", "true"));
    set_new(p, "items", items);
    for (i = 0; i < COUNT(same); i++)
        if (get_str(phase, same[i]).n)
            set_new(p, same[i], json_deep_copy(json_object_get(phase, same[i])));
    json_array_foreach(json_object_get(phase, "discounts"), i, v)
    {
        const char *kind = get_str(v, "coupon").n ? "coupon" : "promotion_code";
        param_append(discounts, json_pack("{s:O}", kind, json_object_get(v, kind)));
    }
    if (json_object_size(discounts))
        set_new(p, "discounts", discounts);
    else
        json_decref(discounts);
    if (json_array_size(json_object_get(phase, "default_tax_rates")))
        set_new(p, "default_tax_rates", ids_of(json_object_get(phase, "default_tax_rates")));
    if (get_int(phase, "trial_end"))
        set_new(p, "trial_end", param_int(get_int(phase, "trial_end")));
    if (json_object_size(json_object_get(phase, "metadata")))
        set_new(p, "metadata", json_deep_copy(json_object_get(phase, "metadata")));
    return p;
}

/* --- life --- */

static void current_set(json_t *doc, const json_t *phase)
{
    if (!phase) {
        set_null(doc, "current_phase");
        return;
    }
    set_new(doc, "current_phase",
            json_pack("{s:I,s:I}", "end_date", (json_int_t)get_int(phase, "end_date"), "start_date",
                      (json_int_t)get_int(phase, "start_date")));
}

static struct record *subscription_of(struct record *schedule)
{
    str id = get_str(record_doc(schedule), "subscription");

    return id.p ? record_live(schedule->space, T_SUBSCRIPTION, id) : NULL;
}

static void subscription_names(struct call *c, struct record *sub, const char *schedule)
{
    json_t *before = change_begin(sub);

    set_strz(sub->doc, "schedule", schedule);
    change_end(c, sub, before, "customer.subscription.updated");
}

/* The phase's parameters become the subscription's, which is made by the first one. */
static void phase_enter(struct call *c, struct record *schedule, const json_t *phase)
{
    struct record *sub = subscription_of(schedule), *customer;
    json_t *params = phase_params(sub, phase);
    const struct args a = { c, params, "" };

    c->scheduled = true;
    if (sub) {
        subscription_update(&a, sub);
    } else {
        customer = record_live(c->space, T_CUSTOMER, get_str(schedule->doc, "customer"));
        sub = customer ? subscription_create(&a, customer) : NULL;
        if (sub)
            set_strz(schedule->doc, "subscription", sub->id);
    }
    c->scheduled = c->refused = false;
    json_decref(params);
    current_set(schedule->doc, phase);
    set_strz(schedule->doc, "status", "active");
    if (sub && !is_str(sub->doc, "schedule", schedule->id))
        subscription_names(c, sub, schedule->id);
    record_touch(schedule);
}

static const json_t *phase_at(const json_t *doc, int64_t at)
{
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(doc, "phases"), i,
                       v) if (get_int(v, "start_date") <= at &&
                              at < get_int(v, "end_date")) return v;
    return NULL;
}

static void schedule_release(struct call *c, struct record *r, bool by_hand)
{
    json_t *before = change_begin(r);
    struct record *sub = subscription_of(r);
    int64_t now = now_s(c->emu);

    set_strz(r->doc, "status", "released");
    set_int(r->doc, "released_at", now);
    set_strz(r->doc, "released_subscription", sub ? sub->id : NULL);
    set_null(r->doc, "subscription");
    if (!by_hand)
        set_int(r->doc, "completed_at", now);
    current_set(r->doc, NULL);
    record_touch(r);
    if (sub)
        subscription_names(c, sub, NULL);
    if (!by_hand)
        emit(c, r, "subscription_schedule.completed");
    emit(c, r, "subscription_schedule.released");
    change_end(c, r, before, "subscription_schedule.updated");
}

/* Its last phase is over. */
static void schedule_complete(struct call *c, struct record *r)
{
    struct record *sub = subscription_of(r);

    if (!is_str(r->doc, "end_behavior", "cancel")) {
        schedule_release(c, r, false);
        return;
    }
    json_t *before = change_begin(r);
    set_strz(r->doc, "status", "completed");
    set_int(r->doc, "completed_at", now_s(c->emu));
    current_set(r->doc, NULL);
    record_touch(r);
    if (sub)
        subscription_cancel(c, sub, "cancellation_requested");
    emit(c, r, "subscription_schedule.completed");
    change_end(c, r, before, "subscription_schedule.updated");
}

/* A phase that ends with the period is left first: the new one says what is billed. */
void schedule_first(struct call *c, struct record *sub)
{
    str id = get_str(record_doc(sub), "schedule");
    struct record *r = id.p ? record_live(c->space, T_SUBSCRIPTION_SCHEDULE, id) : NULL;

    if (r && r->due <= now_s(c->emu)) {
        record_doc(r);
        schedule_act(c, r);
    }
}

void schedule_ended(struct call *c, struct record *sub)
{
    str id = get_str(record_doc(sub), "schedule");
    struct record *r = id.p ? record_live(c->space, T_SUBSCRIPTION_SCHEDULE, id) : NULL;

    if (!r ||
        (!is_str(record_doc(r), "status", "active") && !is_str(r->doc, "status", "not_started")))
        return;
    bool unpaid =
        is_str(json_object_get(sub->doc, "cancellation_details"), "reason", "payment_failed");
    json_t *before = change_begin(r);
    set_strz(r->doc, "status", "canceled");
    set_int(r->doc, "canceled_at", now_s(c->emu));
    current_set(r->doc, NULL);
    record_touch(r);
    emit(c, r, unpaid ? "subscription_schedule.aborted" : "subscription_schedule.canceled");
    change_end(c, r, before, "subscription_schedule.updated");
}

static int64_t last_end(const json_t *doc)
{
    const json_t *phases = json_object_get(doc, "phases");
    const json_t *last = json_array_get(phases, json_array_size(phases) - 1);

    return last ? get_int(last, "end_date") : INT64_MAX;
}

int64_t schedule_due(const struct record *r)
{
    if (is_str(r->doc, "status", "not_started"))
        return get_int(json_array_get(json_object_get(r->doc, "phases"), 0), "start_date");
    if (!is_str(r->doc, "status", "active"))
        return INT64_MAX;
    int64_t end = time_or_never(json_object_get(r->doc, "current_phase"), "end_date");
    int64_t warn =
        get_bool(r->hidden, "told") ? INT64_MAX : last_end(r->doc) - EXPIRING_DAYS * 86400;
    return warn < end ? warn : end;
}

void schedule_act(struct call *c, struct record *r)
{
    json_t *doc = record_doc(r);
    int64_t now = now_s(c->emu);

    if (is_str(doc, "status", "active") && !get_bool(r->hidden, "told") &&
        last_end(doc) - EXPIRING_DAYS * 86400 <= now && last_end(doc) > now) {
        record_hide(r, "told", json_true());
        record_touch(r);
        emit(c, r, "subscription_schedule.expiring");
        return;
    }
    const json_t *phase = phase_at(doc, now);
    if (!phase) {
        schedule_complete(c, r);
        return;
    }
    json_t *before = change_begin(r);
    phase_enter(c, r, phase);
    change_end(c, r, before, "subscription_schedule.updated");
}

/* --- handlers --- */

/* A schedule that takes a subscription over begins with what it is now. */
static json_t *phases_from(struct record *sub)
{
    json_t *phase = shape_parse(shape_phase);
    json_t *items = json_object_get(phase, "items");
    struct record *si = NULL;

    while ((si = owned_next(sub->space, T_SUBSCRIPTION_ITEM, str_of(sub->id), si))) {
        const json_t *doc = record_doc(si);
        str price = get_str(json_object_get(doc, "price"), "id");
        json_array_append_new(items,
                              json_pack("{s:n,s:[],s:O,s:s%,s:s%,s:I,s:O}", "billing_thresholds",
                                        "discounts", "metadata", json_object_get(doc, "metadata"),
                                        "plan", price.p, price.n, "price", price.p, price.n,
                                        "quantity", (json_int_t)get_int(doc, "quantity"),
                                        "tax_rates", json_object_get(doc, "tax_rates")));
        set_int(phase, "start_date", get_int(doc, "current_period_start"));
        set_int(phase, "end_date", get_int(doc, "current_period_end"));
    }
    set_str(phase, "currency", get_str(sub->doc, "currency"));
    return json_pack("[o]", phase);
}

static struct record *schedule_from(struct call *c, str id)
{
    struct record *sub = named_record(c, T_SUBSCRIPTION, id, "from_subscription");

    if (!sub)
        return NULL;
    if (get_str(record_doc(sub), "schedule").p)
        return refuse(c, 400, NULL, "from_subscription",
                      "You cannot migrate a subscription that is already attached to a schedule: "
                      "%.*s",
                      STR_ARG(get_str(sub->doc, "schedule")));
    json_t *doc = record_shape(c->emu, c->space, T_SUBSCRIPTION_SCHEDULE, NULL);
    set_str(doc, "customer", get_str(sub->doc, "customer"));
    set_strz(doc, "subscription", sub->id);
    set_strz(doc, "status", "active");
    set_new(doc, "phases", phases_from(sub));
    current_set(doc, json_array_get(json_object_get(doc, "phases"), 0));
    struct record *r = record_add(c->emu, c->space, T_SUBSCRIPTION_SCHEDULE, doc);
    emit(c, r, "subscription_schedule.created");
    subscription_names(c, sub, r->id);
    return r;
}

static bool start_read(const struct args *a, int64_t *start)
{
    str said = arg_str(a, "start_date");

    *start = now_s(a->c->emu);
    if (!str_eq(said, S("now")))
        arg_int(a, "start_date", start);
    return !a->c->refused;
}

static struct record *schedule_new(const struct args *a)
{
    struct call *c = a->c;
    str customer = arg_str(a, "customer");
    int64_t start;

    if (!customer.n)
        return refuse_param_missing(c, "customer");
    if (!named_record(c, T_CUSTOMER, customer, "customer") || !start_read(a, &start))
        return NULL;
    if (!arg_given(a, "phases"))
        return refuse_param_missing(c, "phases");
    json_t *phases = phases_read(a, start);
    if (!phases)
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_SUBSCRIPTION_SCHEDULE, NULL);
    set_str(doc, "customer", customer);
    set_new(doc, "phases", phases);
    if (!fields_apply(a, doc, schedule_fields, COUNT(schedule_fields))) {
        json_decref(doc);
        return NULL;
    }
    struct record *r = record_add(c->emu, c->space, T_SUBSCRIPTION_SCHEDULE, doc);
    const json_t *now = phase_at(doc, now_s(c->emu));
    if (now)
        phase_enter(c, r, now);
    emit(c, r, "subscription_schedule.created");
    return r;
}

json_t *schedules_create(struct call *c)
{
    struct args a = args_of(c);
    str from = arg_str(&a, "from_subscription");

    if (from.n && (arg_given(&a, "phases") || arg_given(&a, "customer")))
        return refuse(c, 400, NULL, "from_subscription",
                      "You cannot set `%s` if `from_subscription` is set.",
                      arg_given(&a, "phases") ? "phases" : "customer");
    struct record *r = from.n ? schedule_from(c, from) : schedule_new(&a);
    return r ? answer_record(c, r) : NULL;
}

static bool running(struct call *c, struct record *r, const char *what)
{
    if (is_str(record_doc(r), "status", "active") || is_str(r->doc, "status", "not_started"))
        return true;
    return refuse(c, 400, NULL, NULL,
                  "You cannot %s a subscription schedule that is currently in the `%.*s` status.",
                  what, STR_ARG(get_str(r->doc, "status")));
}

/* The phase that is running may change, too; it is entered anew. */
json_t *schedules_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_SUBSCRIPTION_SCHEDULE);
    json_t *phases = NULL;

    if (!r || !running(c, r, "update"))
        return NULL;
    int64_t start = get_int(json_array_get(json_object_get(r->doc, "phases"), 0), "start_date");
    if (arg_given(&a, "phases") && !(phases = phases_read(&a, start)))
        return NULL;
    json_t *before = change_begin(r);
    if (!fields_apply(&a, r->doc, schedule_fields, COUNT(schedule_fields))) {
        json_decref(phases);
        change_abort(r, before);
        return NULL;
    }
    if (phases) {
        const json_t *was = phase_at(before, now_s(c->emu));
        set_new(r->doc, "phases", phases);
        const json_t *now = phase_at(r->doc, now_s(c->emu));
        if (now &&
            (!was || !json_equal(json_object_get(was, "items"), json_object_get(now, "items"))))
            phase_enter(c, r, now);
        else if (is_str(r->doc, "status", "active"))
            current_set(r->doc, now);
        record_hide(r, "told", json_false());
    }
    change_end(c, r, before, "subscription_schedule.updated");
    return answer_record(c, r);
}

json_t *schedules_cancel(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_SUBSCRIPTION_SCHEDULE);
    bool invoice_now = true, prorate = true;

    if (!r || !running(c, r, "cancel"))
        return NULL;
    arg_bool(&a, "invoice_now", &invoice_now);
    arg_bool(&a, "prorate", &prorate);
    if (c->refused)
        return NULL;
    struct record *sub = subscription_of(r);
    bool begun = is_str(r->doc, "status", "active");
    json_t *before = change_begin(r);
    set_strz(r->doc, "status", "canceled");
    set_int(r->doc, "canceled_at", now_s(c->emu));
    current_set(r->doc, NULL);
    record_touch(r);
    if (sub)
        subscription_stop(c, sub, prorate, invoice_now);
    emit(c, r, "subscription_schedule.canceled");
    if (!begun) /* as the CLI's trigger of that event has it */
        emit(c, r, "subscription_schedule.aborted");
    change_end(c, r, before, "subscription_schedule.updated");
    return answer_record(c, r);
}

json_t *schedules_release(struct call *c)
{
    struct record *r = path_record(c, T_SUBSCRIPTION_SCHEDULE);

    if (!r || !running(c, r, "release"))
        return NULL;
    schedule_release(c, r, true);
    return answer_record(c, r);
}

static bool schedule_keep(const struct args *a, struct record *r)
{
    bool scheduled;

    return !arg_bool(a, "scheduled", &scheduled) ||
           scheduled == is_str(record_doc(r), "status", "not_started");
}

/* Listed by the plain handlers. */
const struct plain schedule_plain = {
    .type = T_SUBSCRIPTION_SCHEDULE,
    .alias = { { "scheduled", NULL } },
    .keep = schedule_keep,
};
