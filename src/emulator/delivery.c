#include "emulator/delivery.h"

#include "base/hmac.h"
#include "emulator/event_names.h"
#include "emulator/faults.h"
#include "emulator/journal.h"
#include "emulator/listeners.h"
#include "emulator/thin.h"

#include <stdlib.h>
#include <string.h>

enum {
    DELIVERIES_KEPT_MAX = 200000, /* finished ones beyond it are forgotten */
    PAUSE_MAX_MS = 3600 * 1000,
    LIVE_DAYS = 3,
    DISABLE_DAYS = 9, /* an endpoint that has failed for so long is switched off */
    OWN_ATTEMPTS_MAX = 20,
};

struct delivery {
    uint64_t id;
    struct record *event, *endpoint;
    msec due, since;
    unsigned attempt; /* made so far */
    int http_status;  /* of the last one */
    enum delivery_state state;
    bool by_hand; /* is not repeated, and does not count as pending */
};

struct deliveries {
    struct delivery **all; /* by id */
    size_t n, cap;
    struct delivery **heap; /* those that wait; the earliest first */
    size_t n_heap, cap_heap;
    uint64_t last_id;
};

struct deliveries *deliveries_new(void)
{
    return must_alloc(sizeof(struct deliveries));
}

void deliveries_forget(struct deliveries *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->all[i]);
    d->n = d->n_heap = 0;
}

void deliveries_free(struct deliveries *d)
{
    deliveries_forget(d);
    free(d->all);
    free(d->heap);
    free(d);
}

/* --- the heap of those that wait --- */

static bool earlier(const struct delivery *a, const struct delivery *b)
{
    return a->due != b->due ? a->due < b->due : a->id < b->id;
}

static void heap_down(struct deliveries *d, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t kid = 2 * i + 1; kid <= 2 * i + 2 && kid < d->n_heap; kid++)
            if (earlier(d->heap[kid], d->heap[least]))
                least = kid;
        if (least == i)
            return;
        struct delivery *x = d->heap[i];
        d->heap[i] = d->heap[least];
        d->heap[least] = x;
        i = least;
    }
}

static void heap_push(struct deliveries *d, struct delivery *x)
{
    if (d->n_heap == d->cap_heap) {
        d->cap_heap = d->cap_heap ? d->cap_heap * 2 : 64;
        d->heap = must_realloc(d->heap, d->cap_heap * sizeof(*d->heap));
    }
    size_t i = d->n_heap++;
    for (; i && earlier(x, d->heap[(i - 1) / 2]); i = (i - 1) / 2)
        d->heap[i] = d->heap[(i - 1) / 2];
    d->heap[i] = x;
}

static struct delivery *heap_pop(struct deliveries *d)
{
    struct delivery *x = d->heap[0];

    d->heap[0] = d->heap[--d->n_heap];
    heap_down(d, 0);
    return x;
}

/* --- making them --- */

static void forget_old(struct deliveries *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->n; i++) {
        bool open = d->all[i]->state == DELIVERY_WAITS || d->all[i]->state == DELIVERY_IN_FLIGHT;
        if (open || i >= d->n / 2)
            d->all[kept++] = d->all[i];
        else
            free(d->all[i]);
    }
    d->n = kept;
}

static struct delivery *delivery_new(struct emulator *e, struct record *event,
                                     struct record *endpoint)
{
    struct deliveries *d = e->deliveries;
    struct delivery *x = must_alloc(sizeof(*x));

    if (d->n >= DELIVERIES_KEPT_MAX)
        forget_old(d);
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 64;
        d->all = must_realloc(d->all, d->cap * sizeof(*d->all));
    }
    *x = (struct delivery){
        .id = ++d->last_id, .event = event, .endpoint = endpoint, .due = e->now, .since = e->now
    };
    d->all[d->n++] = x;
    return x;
}

static bool gets_thin(struct record *endpoint)
{
    return is_str(record_doc(endpoint), "event_payload", "thin");
}

static bool wants(struct record *endpoint, str type)
{
    json_t *events = json_object_get(record_doc(endpoint), "enabled_events");
    size_t i;
    json_t *v;

    if (endpoint->deleted || !is_str(endpoint->doc, "status", "enabled"))
        return false;
    json_array_foreach(events, i, v)
    {
        str wanted = { json_string_value(v), json_string_length(v) };
        if (str_eq(wanted, S("*"))
                ? !event_type_explicit(type)
                : event_type_matches(gets_thin(endpoint) && str_starts(wanted, S("v1."))
                                         ? str_sub(wanted, 3, wanted.n)
                                         : wanted,
                                     type))
            return true;
    }
    return false;
}

/* A new delivery meets its faults: it may be lost, made twice, late or out of order. */
static void delivery_start(struct emulator *e, struct delivery *x, str type)
{
    struct delivery_fate fate = faults_delivery(e, x->id, type);

    if (fate.drop) {
        x->state = DELIVERY_DROPPED;
        return;
    }
    x->due += fate.late_ms;
    heap_push(e->deliveries, x);
    for (unsigned i = 0; i < fate.more; i++) {
        struct delivery *twin = delivery_new(e, x->event, x->endpoint);
        twin->by_hand = true;
        twin->due = x->due;
        heap_push(e->deliveries, twin);
    }
}

static const enum type endpoint_type[] = { T_WEBHOOK_ENDPOINT, T_V2_CORE_EVENT_DESTINATION };

/* To the endpoints of an account: those for its own events, or those for its connected accounts'.
 */
static int64_t deliveries_to(struct emulator *e, struct record *event, struct space *s,
                             bool connect)
{
    str type = get_str(record_doc(event), "type");
    int64_t pending = 0;

    for (size_t k = 0; k < COUNT(endpoint_type); k++) {
        const struct table *t = &s->table[endpoint_type[k]];
        for (size_t i = 0; i < t->n; i++) {
            if (get_bool(t->row[i]->hidden, "connect") != connect || !wants(t->row[i], type))
                continue;
            delivery_start(e, delivery_new(e, event, t->row[i]), type);
            pending++;
        }
    }
    return pending;
}

void deliveries_add(struct emulator *e, struct record *event)
{
    struct space *platform = event->space->platform;
    int64_t pending = deliveries_to(e, event, event->space, false);

    if (platform)
        pending += deliveries_to(e, event, platform, true);
    set_int(event->doc, "pending_webhooks", pending);
    listeners_event(e, event);
}

void deliveries_again(struct emulator *e, struct record *event, struct record *endpoint)
{
    for (size_t k = 0; k < COUNT(endpoint_type); k++) {
        const struct table *t = &event->space->table[endpoint_type[k]];
        for (size_t i = 0; i < t->n; i++) {
            bool chosen = endpoint ? t->row[i] == endpoint : !t->row[i]->deleted;
            if (!chosen)
                continue;
            struct delivery *x = delivery_new(e, event, t->row[i]);
            x->by_hand = true;
            heap_push(e->deliveries, x);
        }
    }
}

/* --- giving them out --- */

static str sign_with(str secret, str t, str body, str so_far, struct arena *a)
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX];
    struct hmac *h = hmac_new(secret);

    hmac_sum(h, t, body, (str){ 0 }, sum);
    hmac_hex(sum, hex);
    hmac_free(h);
    return arena_printf(a, "%.*s,v1=%.*s", STR_ARG(so_far), HMAC_HEX, hex);
}

/* "t=…,v1=…" with one signature for each secret that is valid. [facts: 4.8] */
static str sign(struct emulator *e, const struct delivery *x, str type, str body, struct arena *a)
{
    const json_t *hidden = x->endpoint->hidden;
    struct delivery_fate fate = faults_delivery(e, x->id, type);
    str t = arena_printf(a, "%lld.", (long long)(e->now - fate.old_ms) / 1000);
    str secret = fate.bad_signature ? S("whsec_of_somebody_else") : get_str(hidden, "secret");
    str all = arena_printf(a, "t=%.*s", (int)t.n - 1, t.p);

    all = sign_with(secret, t, body, all, a);
    if (get_int(hidden, "old_until") > wall_s(e) && !fate.bad_signature)
        all = sign_with(get_str(hidden, "old_secret"), t, body, all, a);
    return all;
}

static str endpoint_url(struct record *endpoint)
{
    str url = get_str(record_doc(endpoint), "url");

    return url.p ? url : get_str(endpoint->hidden, "url");
}

/* Stripe sends events to webhooks with two blanks a level. An endpoint may have a version of its
 * own; the objects' shape does not follow it. */
static str delivery_body(struct record *event, struct record *endpoint, struct arena *a)
{
    str compact = record_text(event);
    bool thin = event->type != T_EVENT || gets_thin(endpoint);
    json_t *doc =
        thin ? thin_document(event) : json_loadb(compact.p, compact.n, JSON_ALLOW_NUL, NULL);
    str version = get_str(record_doc(endpoint), "api_version");

    if (!version.p)
        version = get_str(endpoint->doc, "snapshot_api_version");
    if (!thin && version.p)
        set_str(doc, "api_version", version);
    str body = json_text_in(a, doc, JSON_INDENT(2));

    json_decref(doc);
    return body;
}

/* The first that waits and still has an endpoint that takes it. */
static struct delivery *next_open(struct emulator *e)
{
    struct deliveries *d = e->deliveries;

    while (d->n_heap) {
        struct delivery *x = d->heap[0];
        bool enabled = is_str(record_doc(x->endpoint), "status", "enabled");
        bool later = x->due > e->now; /* until then it may be enabled again */
        if (x->state == DELIVERY_WAITS && !x->endpoint->deleted && (enabled || later))
            return x;
        heap_pop(d);
        if (x->state == DELIVERY_WAITS)
            x->state = DELIVERY_GIVEN_UP;
    }
    return NULL;
}

enum status emulator_next_delivery(struct emulator *e, struct arena *a,
                                   struct emulator_delivery *out, msec *next_due, struct error *err)
{
    e->now = emulator_clock(e);
    struct delivery *x = next_open(e);

    if (next_due)
        *next_due = x ? x->due - e->offset : INT64_MAX;
    if (!x || x->due > e->now)
        return ST_NONE;
    str type = arena_copy(a, event_type(x->event));
    str body = delivery_body(x->event, x->endpoint, a);
    str signature = body.p ? sign(e, x, type, body, a) : (str){ 0 };
    if (!signature.p || !type.p)
        return fail(err, ST_LIMIT, "event %s does not fit into the arena; give a larger one",
                    x->event->id);
    heap_pop(e->deliveries);
    x->state = DELIVERY_IN_FLIGHT;
    *out = (struct emulator_delivery){
        .id = x->id,
        .url = arena_copy(a, endpoint_url(x->endpoint)),
        .event = arena_copy(a, str_of(x->event->id)),
        .type = type,
        .account = arena_copy(a, str_of(x->event->space->account)),
        .body = body,
        .signature = signature,
        .attempt = ++x->attempt,
    };
    return ST_OK;
}

static struct delivery *delivery_by_id(struct deliveries *d, uint64_t id)
{
    size_t low = 0, high = d->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (d->all[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < d->n && d->all[low]->id == id ? d->all[low] : NULL;
}

/* The pause before attempt n + 1, or -1 when it is enough: three days live, three more attempts
 * over a few hours in test. [facts: 4.8] */
static msec next_pause(const struct emulator *e, const struct delivery *x)
{
    static const msec test_pause[] = { 10 * 60 * 1000, 3600 * 1000, 2 * 3600 * 1000 };
    unsigned n = x->attempt - 1;

    if (e->options.retry_ms) {
        msec pause = e->options.retry_ms << (n < 16 ? n : 16);
        return n >= OWN_ATTEMPTS_MAX ? -1 : pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
    }
    if (!x->event->space->livemode)
        return n < COUNT(test_pause) ? test_pause[n] : -1;
    msec pause = (msec)60 * 1000 << (n < 10 ? n : 10);
    return e->now - x->since > (msec)LIVE_DAYS * 86400 * 1000 ? -1 : pause;
}

static void pending_down(struct record *event)
{
    json_t *doc = record_doc(event);

    if (event->type != T_EVENT)
        return;
    set_int(doc, "pending_webhooks", get_int(doc, "pending_webhooks") - 1);
    record_touch(event);
    record_rest(event);
}

/* Puts it back among those that wait; in a replay it never left them. */
static void wait_until(struct emulator *e, struct delivery *x, msec due)
{
    struct deliveries *d = e->deliveries;

    x->state = DELIVERY_WAITS;
    x->due = due;
    if (!e->replaying) {
        heap_push(d, x);
        return;
    }
    for (size_t i = d->n_heap / 2 + 1; i-- > 0;)
        heap_down(d, i);
}

/* Days of failures and nothing else: it is switched off, as Stripe does after it has written about
 * it. Not where the pauses are our own. [facts: F-65] */
static void endpoint_judge(struct emulator *e, struct record *endpoint, bool taken)
{
    int64_t since = get_int(endpoint->hidden, "failing_since");

    if (taken) {
        json_object_del(endpoint->hidden, "failing_since");
    } else if (!since) {
        record_hide(endpoint, "failing_since", json_integer(wall_s(e)));
    } else if (wall_s(e) - since >= (int64_t)DISABLE_DAYS * 86400 && !e->options.retry_ms) {
        set_strz(record_doc(endpoint), "status", "disabled");
        record_touch(endpoint);
    }
}

void emulator_delivered(struct emulator *e, uint64_t id, int http_status)
{
    struct delivery *x = delivery_by_id(e->deliveries, id);

    if (!x || (x->state != DELIVERY_IN_FLIGHT && !e->replaying))
        return;
    if (e->replaying)
        x->attempt++;
    else
        e->now = emulator_clock(e);
    journal_delivered(e, id, http_status);
    x->http_status = http_status;
    bool taken = http_status >= 200 && http_status < 300;
    endpoint_judge(e, x->endpoint, taken);
    if (taken) {
        x->state = DELIVERY_DONE;
        if (!x->by_hand)
            pending_down(x->event);
        return;
    }
    msec pause = x->by_hand ? -1 : next_pause(e, x);
    x->state = DELIVERY_GIVEN_UP;
    if (pause >= 0)
        wait_until(e, x, e->now + pause);
}

size_t deliveries_waiting(const struct deliveries *d)
{
    return d->n_heap;
}

size_t deliveries_flush(struct emulator *e)
{
    struct deliveries *d = e->deliveries;

    /* All keys become equal, so that only the order of ids is left: sort anew. */
    size_t n = d->n_heap;
    d->n_heap = 0;
    for (size_t i = 0; i < n; i++) {
        struct delivery *x = d->heap[i];
        if (x->due > e->now)
            x->due = e->now;
        heap_push(d, x);
    }
    return n;
}

void emulator_flush_deliveries(struct emulator *e)
{
    e->now = emulator_clock(e);
    deliveries_flush(e);
}

json_t *deliveries_document(struct emulator *e)
{
    static const char *const name[] = { "waits", "in_flight", "done", "given_up", "dropped" };
    const struct deliveries *d = e->deliveries;
    json_t *list = json_array();

    for (size_t i = 0; i < d->n; i++) {
        const struct delivery *x = d->all[i];
        json_t *v = json_object();
        set_int(v, "id", (int64_t)x->id);
        set_strz(v, "event", x->event->id);
        set_str(v, "type", event_type(x->event));
        set_str(v, "url", endpoint_url(x->endpoint));
        set_strz(v, "state", name[x->state]);
        set_int(v, "attempts", x->attempt);
        set_int(v, "http_status", x->http_status);
        set_int(v, "due", x->due / 1000);
        json_array_append_new(list, v);
    }
    return list;
}
