#include "core/customer/state_value.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { STATUS_UNKNOWN_RANK = 100 };

/* What Stripe calls live: it gives access, or may still do so with the next payment. */
static const struct {
    const char *status;
    bool live;
} order[] = {
    { "active", true },    { "trialing", true },
    { "past_due", true },  { "unpaid", false },
    { "paused", false },   { "incomplete", false },
    { "canceled", false }, { "incomplete_expired", false },
};

static size_t rank(str status)
{
    for (size_t i = 0; i < COUNT(order); i++)
        if (str_eqz(status, order[i].status))
            return i;
    return STATUS_UNKNOWN_RANK;
}

bool state_is_live(str status)
{
    size_t at = rank(status);

    return at < COUNT(order) && order[at].live;
}

struct candidate {
    size_t rank;
    int64_t created;
    str id;
};

static struct candidate candidate_of(const struct state_subscription *s, struct arena *a)
{
    struct candidate c = { .rank = rank(json_text(s->data, S("status"), a)), .id = s->id };

    if (!json_int(s->data, S("created"), &c.created))
        c.created = 0;
    return c;
}

static bool is_better(const struct candidate *x, const struct candidate *y)
{
    if (x->rank != y->rank)
        return x->rank < y->rank;
    if (x->created != y->created)
        return x->created > y->created;
    return str_cmp(x->id, y->id) > 0;
}

int state_current(const struct state_parts *p, struct arena *a)
{
    struct candidate best = { 0 };
    int at = STATE_NO_SUBSCRIPTION;

    for (size_t i = 0; i < p->n_subscriptions; i++) {
        struct candidate c = candidate_of(&p->subscription[i], a);
        if (at != STATE_NO_SUBSCRIPTION && !is_better(&c, &best))
            continue;
        best = c;
        at = (int)i;
    }
    return at;
}

size_t state_live(const struct state_parts *p, struct arena *a)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_subscriptions; i++)
        n += state_is_live(json_text(p->subscription[i].data, S("status"), a));
    return n;
}

/* The id in a member that is an id, or an expanded object. */
static str id_at(str object, str path, struct arena *a)
{
    struct json_token t = json_path(object, path);

    if (t.type == JSON_STRING)
        return json_unescape(t, a);
    return t.type == JSON_OBJECT ? json_text(t.text, S("id"), a) : (str){ 0 };
}

str state_payment_method_id(const struct state_parts *p, struct arena *a)
{
    int current = state_current(p, a);
    str id = { 0 };

    if (current != STATE_NO_SUBSCRIPTION)
        id = id_at(p->subscription[current].data, S("default_payment_method"), a);
    if (!id.n && p->customer.n)
        id = id_at(p->customer, S("invoice_settings.default_payment_method"), a);
    return id;
}

/* ---- items and periods ------------------------------------------------------------------------
 */

/* Goes through the items of a subscription, wherever they are. */
struct item_walk {
    const struct state_subscription *s;
    size_t at;
    struct json_reader r;
};

static void items_open(struct item_walk *w, const struct state_subscription *s)
{
    *w = (struct item_walk){ .s = s };
    if (s->item)
        return;
    struct json_token list = json_path(s->data, S("items.data"));
    json_init(&w->r, list.type == JSON_ARRAY ? list.text : S("[]"));
    (void)json_next(&w->r);
}

static bool items_next(struct item_walk *w, str *out)
{
    if (w->s->item) {
        if (w->at == w->s->n_items)
            return false;
        *out = w->s->item[w->at++];
        return true;
    }
    struct json_token t = json_value(&w->r);
    *out = t.text;
    return t.type == JSON_OBJECT;
}

struct period {
    int64_t start, end;
    bool known;
};

static struct period period_of(str object)
{
    struct period p = { 0 };

    p.known = json_int(object, S("current_period_start"), &p.start) &&
              json_int(object, S("current_period_end"), &p.end);
    return p;
}

static struct period find_period(const struct state_subscription *s)
{
    struct period best = period_of(s->data);
    struct item_walk w;
    str item;

    if (best.known)
        return best;
    items_open(&w, s);
    while (items_next(&w, &item)) {
        struct period p = period_of(item);
        if (p.known && (!best.known || p.end < best.end))
            best = p;
    }
    return best;
}

static void write_period(struct json_writer *w, const struct state_subscription *s)
{
    struct period p = find_period(s);

    jw_key(w, S("currentPeriodStart"));
    p.known ? jw_int(w, p.start) : jw_null(w);
    jw_key(w, S("currentPeriodEnd"));
    p.known ? jw_int(w, p.end) : jw_null(w);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void write_text(struct json_writer *w, const char *key, str value)
{
    jw_key(w, str_of(key));
    jw_str(w, value.n ? value : (str){ 0 });
}

static void write_number(struct json_writer *w, const char *key, str object, const char *member)
{
    int64_t n;

    jw_key(w, str_of(key));
    if (json_int(object, str_of(member), &n))
        jw_int(w, n);
    else
        jw_null(w);
}

static void write_items(struct json_writer *w, const struct state_subscription *s, struct arena *a)
{
    struct item_walk items;
    str item;

    jw_key(w, S("items"));
    jw_array(w);
    items_open(&items, s);
    while (items_next(&items, &item)) {
        jw_object(w);
        write_text(w, "id", json_text(item, S("id"), a));
        write_text(w, "priceId", id_at(item, S("price"), a));
        write_text(w, "productId", id_at(item, S("price.product"), a));
        write_number(w, "quantity", item, "quantity");
        jw_end(w);
    }
    jw_end(w);
}

static bool is_true(str object, const char *member)
{
    return json_bool(object, str_of(member)) == JSON_TRUE;
}

static void write_subscription(struct json_writer *w, const struct state_subscription *s,
                               struct arena *a)
{
    static const struct {
        const char *key, *member;
    } moment[] = { { "created", "created" },
                   { "cancelAt", "cancel_at" },
                   { "canceledAt", "canceled_at" },
                   { "endedAt", "ended_at" },
                   { "trialEnd", "trial_end" } };

    jw_object(w);
    write_text(w, "id", s->id);
    write_text(w, "status", json_text(s->data, S("status"), a));
    write_period(w, s);
    jw_put_bool(w, "cancelAtPeriodEnd", is_true(s->data, "cancel_at_period_end"));
    for (size_t i = 0; i < COUNT(moment); i++)
        write_number(w, moment[i].key, s->data, moment[i].member);
    write_items(w, s, a);
    jw_end(w);
}

/* t3 takes the first item's price for the subscription's. */
static str first_price(const struct state_subscription *s, struct arena *a)
{
    struct item_walk items;
    str item;

    items_open(&items, s);
    return items_next(&items, &item) ? id_at(item, S("price"), a) : (str){ 0 };
}

/* A card shows its brand and digits; of what has no such the type is said. */
static void write_payment_method(struct json_writer *w, str pm, struct arena *a)
{
    jw_key(w, S("paymentMethod"));
    if (!pm.n) {
        jw_null(w);
        return;
    }
    str type = json_text(pm, S("type"), a);
    struct json_token kind = json_member(pm, type);
    str details = kind.type == JSON_OBJECT ? kind.text : S("{}");
    jw_object(w);
    write_text(w, "brand", json_text(details, S("brand"), a));
    write_text(w, "last4", json_text(details, S("last4"), a));
    write_text(w, "type", type);
    write_text(w, "id", json_text(pm, S("id"), a));
    jw_end(w);
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static void write_entitlements(struct json_writer *w, const struct state_parts *p)
{
    jw_key(w, S("entitlements"));
    if (!p->entitlements_known) {
        jw_null(w);
        return;
    }
    if (p->n_entitlements)
        qsort(p->entitlement, p->n_entitlements, sizeof *p->entitlement, by_text);
    jw_array(w);
    for (size_t i = 0; i < p->n_entitlements; i++)
        jw_str(w, p->entitlement[i]);
    jw_end(w);
}

static void write_current(struct json_writer *w, const struct state_parts *p, struct arena *a)
{
    int at = state_current(p, a);

    if (at == STATE_NO_SUBSCRIPTION) {
        write_text(w, "status", S("none"));
        return;
    }
    const struct state_subscription *s = &p->subscription[at];
    write_text(w, "subscriptionId", s->id);
    write_text(w, "status", json_text(s->data, S("status"), a));
    write_text(w, "priceId", first_price(s, a));
    write_period(w, s);
    jw_put_bool(w, "cancelAtPeriodEnd", is_true(s->data, "cancel_at_period_end"));
}

void state_write(const struct state_parts *p, str payment_method, struct buf *out, struct arena *a)
{
    struct json_writer w = { .b = out };

    jw_object(&w);
    write_text(&w, "customerId", p->customer_id);
    if (p->customer_deleted) {
        jw_put_bool(&w, "deleted", true);
    }
    write_current(&w, p, a);
    write_payment_method(&w, payment_method, a);
    write_entitlements(&w, p);
    jw_key(&w, S("liveSubscriptions"));
    jw_array(&w);
    for (size_t i = 0; i < p->n_subscriptions; i++)
        if (state_is_live(json_text(p->subscription[i].data, S("status"), a)))
            jw_str(&w, p->subscription[i].id);
    jw_end(&w);
    jw_key(&w, S("subscriptions"));
    jw_array(&w);
    for (size_t i = 0; i < p->n_subscriptions; i++)
        write_subscription(&w, &p->subscription[i], a);
    jw_end(&w);
    jw_end(&w);
}
