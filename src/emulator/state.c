#include "emulator/agenda.h"
#include "emulator/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct type_info type_info[T_COUNT] = {
    [T_PRODUCT] = { "product", "prod_", "product", "id", "/v1/products", NULL, false },
    [T_PRICE] = { "price", "price_", "price", "price", "/v1/prices", "product", false },
    [T_CUSTOMER] = { "customer", "cus_", "customer", "id", "/v1/customers", NULL, false },
    [T_PAYMENT_METHOD] = { "payment_method", "pm_", "PaymentMethod", "payment_method",
                           "/v1/payment_methods", "customer", false },
    [T_SUBSCRIPTION] = { "subscription", "sub_", "subscription", "id", "/v1/subscriptions",
                         "customer", false },
    [T_SUBSCRIPTION_ITEM] = { "subscription_item", "si_", "subscription_item", "item",
                              "/v1/subscription_items", "subscription", true },
    [T_INVOICE] = { "invoice", "in_", "invoice", "invoice", "/v1/invoices", "customer", false },
    [T_LINE_ITEM] = { "line_item", "il_", "invoice line item", "line_item", "/v1/invoices/lines",
                      "invoice", true },
    [T_INVOICEITEM] = { "invoiceitem", "ii_", "invoiceitem", "invoiceitem", "/v1/invoiceitems",
                        "customer", false },
    [T_INVOICE_PAYMENT] = { "invoice_payment", "inpay_", "invoice_payment", "invoice_payment",
                            "/v1/invoice_payments", "invoice", false },
    [T_PAYMENT_INTENT] = { "payment_intent", "pi_", "payment_intent", "intent",
                           "/v1/payment_intents", "customer", false },
    [T_CHARGE] = { "charge", "ch_", "charge", "id", "/v1/charges", "payment_intent", false },
    [T_REFUND] = { "refund", "re_", "refund", "id", "/v1/refunds", "charge", false },
    [T_BALANCE_TRANSACTION] = { "balance_transaction", "txn_", "balance transaction", "id",
                                "/v1/balance_transactions", "source", false },
    [T_WEBHOOK_ENDPOINT] = { "webhook_endpoint", "we_", "webhook endpoint", "id",
                             "/v1/webhook_endpoints", NULL, false },
    [T_EVENT] = { "event", "evt_", "notification", "id", "/v1/events", NULL, false },
    [T_ACCOUNT] = { "account", "acct_", "account", "account", "/v1/accounts", NULL, false },
    [T_BALANCE] = { "balance", "", "balance", "id", "/v1/balance", NULL, false },
    [T_PLAN] = { "plan", "plan_", "plan", "plan", "/v1/plans", "product", false },
    [T_COUPON] = { "coupon", "", "coupon", "coupon", "/v1/coupons", NULL, false },
    [T_PROMOTION_CODE] = { "promotion_code", "promo_", "promotion code", "promotion_code",
                           "/v1/promotion_codes", NULL, false },
    [T_TAX_RATE] = { "tax_rate", "txr_", "tax rate", "tax_rate", "/v1/tax_rates", NULL, false },
    [T_TAX_ID] = { "tax_id", "txi_", "tax_id", "id", "/v1/tax_ids", "customer", false },
    [T_SHIPPING_RATE] = { "shipping_rate", "shr_", "shipping rate", "shipping_rate_token",
                          "/v1/shipping_rates", NULL, false },
    [T_SUBSCRIPTION_SCHEDULE] = { "subscription_schedule", "sub_sched_", "subscription_schedule",
                                  "schedule", "/v1/subscription_schedules", "customer", false },
    [T_CREDIT_NOTE] = { "credit_note", "cn_", "credit note", "id", "/v1/credit_notes", "invoice",
                        false },
    [T_QUOTE] = { "quote", "qt_", "quote", "quote", "/v1/quotes", "customer", false },
    [T_ENTITLEMENTS_FEATURE] = { "entitlements.feature", "feat_", "feature", "id",
                                 "/v1/entitlements/features", NULL, false },
    [T_ENTITLEMENTS_ACTIVE_ENTITLEMENT] = { "entitlements.active_entitlement", "ent_",
                                            "active entitlement", "id",
                                            "/v1/entitlements/active_entitlements", NULL, false },
    [T_BILLING_PORTAL_CONFIGURATION] = { "billing_portal.configuration", "bpc_", "configuration",
                                         "configuration", "/v1/billing_portal/configurations", NULL,
                                         false },
    [T_DISCOUNT] = { "discount", "di_", "discount", "id", "/v1/discounts", NULL, false },
    [T_ITEM] = { "item", "li_", "line item", "id", "/v1/items", "of", true },
    [T_CREDIT_NOTE_LINE_ITEM] = { "credit_note_line_item", "cnli_", "credit note line item", "id",
                                  "/v1/credit_notes/lines", NULL, true },
    [T_PRODUCT_FEATURE] = { "product_feature", "prodft_", "product_feature", "id",
                            "/v1/products/features", NULL, false },
    [T_PORTAL_SESSION] = { "billing_portal.session", "bps_", "billing_portal.session", "id",
                           "/v1/billing_portal/sessions", NULL, false },
#define PASSIVE(type, name, prefix, url, owner) \
    [type] = { name, prefix, name, "id", url, owner, false },
#include "emulator/passive.def"
#undef PASSIVE
};

enum type type_by_name(str name)
{
    for (enum type t = 0; t < T_COUNT; t++)
        if (str_eqz(name, type_info[t].name))
            return t;
    return T_NONE;
}

void *must_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        abort();
    return p;
}

void *must_realloc(void *p, size_t n)
{
    p = realloc(p, n);
    if (!p)
        abort();
    return p;
}

char *must_copy(str s)
{
    char *p = must_alloc(s.n + 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

/* FNV-1a, then a finaliser, so that low bits depend on everything. */
uint64_t hash_str(str s, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

uint64_t rng_next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void make_id(struct emulator *e, const char *prefix, unsigned n, char out[ID_BYTES])
{
    static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t at = strlen(prefix);

    assert(at + n < ID_BYTES);
    memcpy(out, prefix, at);
    for (unsigned i = 0; i < n; i++)
        out[at++] = digit[rng_next(&e->rng) % 62];
    out[at] = 0;
}

struct space *space_peek(struct emulator *e, const char *account, bool livemode)
{
    for (struct space *s = e->space; s; s = s->next)
        if (s->livemode == livemode && strcmp(s->account, account) == 0)
            return s;
    return NULL;
}

enum { BUCKETS_FIRST = 256 };

static uint64_t record_hash(enum type t, str id)
{
    return hash_str(id, (uint64_t)t * 0x9e3779b97f4a7c15u);
}

static void space_grow(struct space *s)
{
    size_t n = s->n_buckets * 2;
    struct record **bucket = must_alloc(n * sizeof *bucket);

    for (size_t i = 0; i < s->n_buckets; i++) {
        while (s->bucket[i]) {
            struct record *r = s->bucket[i];
            s->bucket[i] = r->next;
            struct record **to = &bucket[record_hash(r->type, str_of(r->id)) & (n - 1)];
            r->next = *to;
            *to = r;
        }
    }
    free(s->bucket);
    s->bucket = bucket;
    s->n_buckets = n;
}

static struct record **record_slot(struct space *s, enum type t, str id)
{
    struct record **at = &s->bucket[record_hash(t, id) & (s->n_buckets - 1)];

    while (*at && !((*at)->type == t && str_eqz(id, (*at)->id)))
        at = &(*at)->next;
    return at;
}

struct record *record_any(struct space *s, enum type t, str id)
{
    return s->n_buckets ? *record_slot(s, t, id) : NULL;
}

struct record *record_live(struct space *s, enum type t, str id)
{
    struct record *r = record_any(s, t, id);

    return r && !r->deleted ? r : NULL;
}

static void record_free(struct record *r)
{
    json_decref(r->doc);
    json_decref(r->hidden);
    free(r->text);
    free(r->id);
    free(r);
}

size_t table_find(const struct table *t, uint64_t seq)
{
    size_t low = 0, high = t->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->row[mid]->seq < seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* An id that was deleted may be chosen again: the old record makes way. */
static void record_drop(struct space *s, struct record *r)
{
    struct table *t = &s->table[r->type];
    size_t at = table_find(t, r->seq);

    assert(at < t->n && t->row[at] == r);
    agenda_set(r, INT64_MAX);
    memmove(t->row + at, t->row + at + 1, (t->n - at - 1) * sizeof *t->row);
    t->n--;
    *record_slot(s, r->type, str_of(r->id)) = r->next;
    s->n_records--;
    record_free(r);
}

void record_undo(struct call *c, struct record *r)
{
    record_drop(c->space, r);
}

static struct record *record_new(struct emulator *e, struct space *s, enum type type, str id)
{
    struct record *old = record_any(s, type, id);

    if (old) {
        assert(old->deleted);
        record_drop(s, old);
    }
    if (s->n_records >= s->n_buckets) {
        if (!s->n_buckets) {
            s->n_buckets = BUCKETS_FIRST / 2;
            s->bucket = must_alloc(s->n_buckets * sizeof *s->bucket);
        }
        space_grow(s);
    }
    struct record *r = must_alloc(sizeof *r);
    *r = (struct record){
        .id = must_copy(id), .space = s, .seq = ++e->seq, .due = INT64_MAX, .type = type
    };
    struct record **slot = record_slot(s, type, id);
    r->next = *slot;
    *slot = r;
    s->n_records++;
    struct table *t = &s->table[type];
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->row = must_realloc(t->row, t->cap * sizeof *t->row);
    }
    t->row[t->n++] = r;
    return r;
}

struct record *record_add(struct emulator *e, struct space *s, enum type t, json_t *doc)
{
    struct record *r = record_new(e, s, t, get_str(doc, "id"));

    r->doc = doc;
    clock_inherit(e, r);
    r->created = get_int(doc, t == T_INVOICEITEM ? "date" : "created");
    if (!r->created)
        r->created = now_s(e);
    record_touch(r);
    return r;
}

struct record *record_add_text(struct emulator *e, struct space *s, enum type t, str id,
                               int64_t created, str text)
{
    struct record *r = record_new(e, s, t, id);

    r->created = created;
    r->text = must_copy(text);
    r->n_text = text.n;
    r->active = true;
    return r;
}

json_t *record_shape(struct emulator *e, struct space *s, enum type t, const char *id)
{
    json_t *doc = json_deep_copy(e->shape[t]);
    char made[ID_BYTES];

    if (!id) {
        make_id(e, type_info[t].prefix, ID_RANDOM, made);
        id = made;
    }
    set_strz(doc, "id", id);
    if (json_object_get(doc, "created"))
        set_int(doc, "created", now_s(e));
    if (json_object_get(doc, "livemode"))
        set_bool(doc, "livemode", s->livemode);
    return doc;
}

json_t *record_doc(struct record *r)
{
    if (!r->doc)
        r->doc = json_loadb(r->text, r->n_text, JSON_ALLOW_NUL, NULL);
    assert(r->doc);
    return r->doc;
}

str record_text(struct record *r)
{
    if (!r->text) {
        r->text = json_dumps(r->doc, JSON_COMPACT | JSON_NUMBERS);
        if (!r->text)
            abort();
        r->n_text = strlen(r->text);
    }
    return (str){ r->text, r->n_text };
}

str record_owner(struct record *r)
{
    const char *name = type_info[r->type].owner;
    str owner = name ? get_str(record_doc(r), name) : (str){ 0 };

    return name && !owner.p ? get_str(r->hidden, name) : owner;
}

void record_touch(struct record *r)
{
    str owner = record_owner(r);

    r->owner = owner.p ? hash_str(owner, 0) : 0;
    r->active = get_bool(r->doc, "active");
    clock_attach(r);
    agenda_set(r, record_due(r));
    free(r->text);
    r->text = NULL;
}

void record_rest(struct record *r)
{
    record_text(r);
    json_decref(r->doc);
    r->doc = NULL;
}

void record_delete(struct record *r)
{
    r->deleted = true;
    agenda_set(r, INT64_MAX);
}

void record_hide(struct record *r, const char *key, json_t *value)
{
    if (!r->hidden)
        r->hidden = json_object();
    set_new(r->hidden, key, value);
}

void space_free(struct space *s)
{
    for (enum type t = 0; t < T_COUNT; t++) {
        for (size_t i = 0; i < s->table[t].n; i++)
            record_free(s->table[t].row[i]);
        free(s->table[t].row);
    }
    while (s->clocks) {
        struct test_clock *next = s->clocks->next;
        free(s->clocks->agenda.heap);
        free(s->clocks);
        s->clocks = next;
    }
    free(s->agenda.heap);
    free(s->bucket);
    json_decref(s->balance);
    json_decref(s->pending);
    json_decref(s->permissions);
    free(s);
}
