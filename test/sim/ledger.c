#include "ledger.h"

#include "check.h"
#include "forget.h"
#include "kv.h"
#include "side.h"
#include "stripe.h"
#include "trace.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CUSTOMERS_MAX = 256,
    ANSWER_BYTES_MAX = 64 << 20,
    PREFIX_BYTES_MAX = 64,
};

/* ---- revisions ------------------------------------------------------------------------------- */

static struct ledger {
    struct {
        char customer[ID_BYTES_MAX];
        int64_t revision;
        uint64_t order;
    } latest[CUSTOMERS_MAX];
    size_t n;
} ledgers[OWNERS];

void ledger_put(str customer, int64_t revision, uint64_t order)
{
    struct ledger *l = &ledgers[owner()];
    size_t i = 0;

    while (i < l->n && !str_eqz(customer, l->latest[i].customer))
        i++;
    if (i == l->n) {
        assert(l->n < CUSTOMERS_MAX);
        snprintf(l->latest[l->n++].customer, ID_BYTES_MAX, "%.*s", STR_ARG(customer));
    }
    bool later = order >= l->latest[i].order;
    if (l->latest[i].order &&
        (later ? revision <= l->latest[i].revision : revision > l->latest[i].revision))
        broke(PROMISE_STATE, "the state of %.*s has revision %lld behind %lld", STR_ARG(customer),
              (long long)revision, (long long)l->latest[i].revision);
    if (!later)
        return;
    l->latest[i].revision = revision;
    l->latest[i].order = order;
}

/* ---- where objects come from ----------------------------------------------------------------- */

/* All subscriptions there are, and any object by its id; what is gone is NULL. */
struct source {
    sqlite3 *db; /* NULL: Stripe itself */
    json_t *subscriptions;
};

static json_t *parse(str text)
{
    json_error_t e;

    return json_loadb(text.p, text.n, JSON_DECODE_ANY, &e);
}

/* Its last argument is whose they are. */
static sqlite3_stmt *ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        broke(PROMISE_SOUND, "the database cannot be read: %s", sqlite3_errmsg(db));
    sqlite3_bind_text(q, sqlite3_bind_parameter_count(q), owner_account(), -1, SQLITE_STATIC);
    return q;
}

static str text(sqlite3_stmt *q, int col)
{
    const char *p = (const char *)sqlite3_column_text(q, col);

    return (str){ p ? p : "", (size_t)sqlite3_column_bytes(q, col) };
}

static json_t *stored(sqlite3 *db, const char *type, const char *id, bool *deleted)
{
    sqlite3_stmt *q =
        ask(db, "select data, deleted from objects where type = ?1 and id = ?2 and account = ?3");
    json_t *v = NULL;

    sqlite3_bind_text(q, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 2, id, -1, SQLITE_STATIC);
    *deleted = false;
    if (sqlite3_step(q) == SQLITE_ROW) {
        v = parse(text(q, 0));
        *deleted = sqlite3_column_int(q, 1) != 0;
    }
    sqlite3_finalize(q);
    return v;
}

static json_t *answered(const char *path, const char *query)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;

    if (emu_ask("GET", str_of(path), str_of(query), S(""), &body, &a) != 200)
        return NULL;
    return parse(body);
}

static json_t *object(const struct source *s, const char *type, const char *id, bool *deleted)
{
    char path[160];

    if (s->db)
        return stored(s->db, type, id, deleted);
    snprintf(path, sizeof path, "/v1/%ss/%s", type, id);
    json_t *v = answered(path, "");
    *deleted = v && json_is_true(json_object_get(v, "deleted"));
    return v;
}

static void open_store(struct source *s, sqlite3 *db)
{
    sqlite3_stmt *q = ask(db, "select data from objects where type = 'subscription' and deleted = "
                              "0 and account = ?1 order by id");

    *s = (struct source){ .db = db, .subscriptions = json_array() };
    while (sqlite3_step(q) == SQLITE_ROW)
        json_array_append_new(s->subscriptions, parse(text(q, 0)));
    sqlite3_finalize(q);
}

static void open_stripe(struct source *s)
{
    char query[160] = "status=all&limit=100";

    *s = (struct source){ .subscriptions = json_array() };
    for (bool more = true; more;) {
        json_t *page = answered("/v1/subscriptions", query), *data = json_object_get(page, "data");
        if (!page)
            broke(PROMISE_SOUND, "the emulator lists no subscriptions");
        json_array_extend(s->subscriptions, data);
        more = json_is_true(json_object_get(page, "has_more"));
        const json_t *last = json_array_get(data, json_array_size(data) - 1);
        if (more)
            snprintf(query, sizeof query, "status=all&limit=100&starting_after=%s",
                     json_string_value(json_object_get(last, "id")));
        json_decref(page);
    }
}

static void close_source(struct source *s)
{
    json_decref(s->subscriptions);
}

/* ---- what a state must be -------------------------------------------------------------------- */

static const char *member(const json_t *v, const char *key)
{
    const char *p = json_string_value(json_object_get(v, key));

    return p ? p : "";
}

static int place_of(const char *status)
{
    static const char *const best_first[] = { "active",   "trialing",
                                              "past_due", "unpaid",
                                              "paused",   "incomplete",
                                              "canceled", "incomplete_expired" };
    int i = 0;

    while (i < (int)COUNT(best_first) && strcmp(status, best_first[i]) != 0)
        i++;
    return i;
}

/* Is x the current one rather than y? */
static bool goes_before(const json_t *x, const json_t *y)
{
    int px = place_of(member(x, "status")), py = place_of(member(y, "status"));
    json_int_t cx = json_integer_value(json_object_get(x, "created")),
               cy = json_integer_value(json_object_get(y, "created"));

    if (px != py)
        return px < py;
    return cx != cy ? cx > cy : strcmp(member(x, "id"), member(y, "id")) > 0;
}

/* The items' earliest end: the emulator speaks an API version in which subscriptions have none. */
static void put_period(json_t *to, const json_t *items)
{
    json_t *start = NULL, *end = NULL, *item;
    size_t i;

    json_array_foreach(items, i, item) {
        json_t *its = json_object_get(item, "current_period_end");
        if (end && json_integer_value(its) >= json_integer_value(end))
            continue;
        end = its;
        start = json_object_get(item, "current_period_start");
    }
    json_object_set_new(to, "currentPeriodStart", start ? json_incref(start) : json_null());
    json_object_set_new(to, "currentPeriodEnd", end ? json_incref(end) : json_null());
}

static json_t *items_of(const json_t *sub)
{
    return json_object_get(json_object_get(sub, "items"), "data");
}

static json_t *make_subscription(const json_t *sub)
{
    static const char *const same[][2] = {
        { "id", "id" },
        { "status", "status" },
        { "created", "created" },
        { "cancelAtPeriodEnd", "cancel_at_period_end" },
        { "cancelAt", "cancel_at" },
        { "canceledAt", "canceled_at" },
        { "endedAt", "ended_at" },
        { "trialEnd", "trial_end" },
    };
    json_t *out = json_object(), *items = json_array(), *item;
    size_t i;

    for (i = 0; i < COUNT(same); i++) {
        json_t *v = json_object_get(sub, same[i][1]);
        json_object_set_new(out, same[i][0], v ? json_incref(v) : json_null());
    }
    put_period(out, items_of(sub));
    json_array_foreach(items_of(sub), i, item) {
        const json_t *price = json_object_get(item, "price");
        json_array_append_new(items,
                              json_pack("{s:s,s:s,s:s,s:O}", "id", member(item, "id"), "priceId",
                                        member(price, "id"), "productId", member(price, "product"),
                                        "quantity", json_object_get(item, "quantity")));
    }
    json_object_set_new(out, "items", items);
    return out;
}

static json_t *make_payment_method(const struct source *s, const json_t *current,
                                   const json_t *customer)
{
    const char *id = member(current, "default_payment_method");
    bool gone = false;

    if (!*id)
        id = member(json_object_get(customer, "invoice_settings"), "default_payment_method");
    json_t *pm = *id ? object(s, "payment_method", id, &gone) : NULL;
    if (!pm || gone) {
        json_decref(pm);
        return json_null();
    }
    const json_t *card = json_object_get(pm, member(pm, "type"));
    json_t *out =
        json_pack("{s:s,s:s,s:s,s:s}", "brand", member(card, "brand"), "last4",
                  member(card, "last4"), "type", member(pm, "type"), "id", member(pm, "id"));
    json_decref(pm);
    return out;
}

static void put_current(json_t *out, const json_t *current)
{
    const json_t *first = json_array_get(items_of(current), 0);

    json_object_set_new(out, "status", json_string(current ? member(current, "status") : "none"));
    if (!current)
        return;
    json_object_set_new(out, "subscriptionId", json_string(member(current, "id")));
    json_object_set_new(out, "priceId", json_string(member(json_object_get(first, "price"), "id")));
    json_object_set(out, "cancelAtPeriodEnd", json_object_get(current, "cancel_at_period_end"));
    put_period(out, items_of(current));
}

static json_t *make(const struct source *s, const char *id)
{
    json_t *out = json_object(), *live = json_object(), *subs = json_object(), *sub;
    const json_t *current = NULL;
    bool deleted;
    size_t i;

    json_t *customer = object(s, "customer", id, &deleted);
    json_object_set_new(out, "customerId", json_string(id));
    if (deleted)
        json_object_set_new(out, "deleted", json_true());
    json_array_foreach(s->subscriptions, i, sub) {
        if (strcmp(member(sub, "customer"), id) != 0)
            continue;
        if (!current || goes_before(sub, current))
            current = sub;
        if (place_of(member(sub, "status")) < 3)
            json_object_set_new(live, member(sub, "id"), json_true());
        json_object_set_new(subs, member(sub, "id"), make_subscription(sub));
    }
    put_current(out, current);
    json_object_set_new(out, "paymentMethod", make_payment_method(s, current, customer));
    json_object_set_new(out, "liveSubscriptions", live);
    json_object_set_new(out, "subscriptions", subs);
    json_decref(customer);
    return out;
}

/* Lists become objects: their order says nothing. */
static json_t *unordered(str value)
{
    json_t *v = parse(value), *subs = json_object(), *live = json_object(), *one;
    size_t i;

    json_array_foreach(json_object_get(v, "subscriptions"), i, one)
        json_object_set(subs, member(one, "id"), one);
    json_array_foreach(json_object_get(v, "liveSubscriptions"), i, one)
        json_object_set_new(live, json_string_value(one), json_true());
    json_object_set_new(v, "subscriptions", subs);
    json_object_set_new(v, "liveSubscriptions", live);
    return v;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void tell_both(const json_t *must, const json_t *is)
{
    char *x = json_dumps(must, JSON_SORT_KEYS), *y = json_dumps(is, JSON_SORT_KEYS);

    for (size_t i = 0; x[i]; i += i + 400 < strlen(x) ? 400 : strlen(x) - i)
        trace("must be: %.400s", x + i);
    for (size_t i = 0; y[i]; i += i + 400 < strlen(y) ? 400 : strlen(y) - i)
        trace("is: %.400s", y + i);
    free(x);
    free(y);
}

/* What is known of a deleted customer's card is no more than what was seen last. */
static void forget_card(json_t *v)
{
    if (json_object_get(v, "deleted"))
        json_object_del(v, "paymentMethod");
}

static void compare(const struct source *s, const char *customer, str value, const char *when)
{
    json_t *must = make(s, customer), *is = unordered(value);

    json_object_del(is, "entitlements"); /* nobody sells features here */
    if (!s->db) {
        forget_card(must);
        forget_card(is);
    }
    if (!json_equal(must, is)) {
        tell_both(must, is);
        broke(s->db ? PROMISE_STATE : PROMISE_EQUAL, "%s: the state of %s is not that of %s", when,
              customer, s->db ? "the objects in the mirror" : "Stripe's objects");
    }
    json_decref(must);
    json_decref(is);
}

/* While somebody is being forgotten, the state goes last; behind it Stripe alone knows more. */
static bool is_apart_from_objects(const struct source *s, const char *customer)
{
    str id = str_of(customer);

    return s->db ? forget_may_be_gone(id) && !forget_is_gone(id) : forget_is_gone(id);
}

static void check(sqlite3 *db, const struct source *s, const char *when)
{
    sqlite3_stmt *q =
        ask(db, "select customer, value from _states where account = ?1 order by customer");
    json_t *seen = json_object(), *sub;
    size_t i;

    while (sqlite3_step(q) == SQLITE_ROW) {
        char id[ID_BYTES_MAX];
        snprintf(id, sizeof id, "%.*s", STR_ARG(text(q, 0)));
        json_object_set_new(seen, id, json_true());
        if (!is_apart_from_objects(s, id))
            compare(s, id, text(q, 1), when);
    }
    sqlite3_finalize(q);
    json_array_foreach(s->subscriptions, i, sub)
        if (!json_object_get(seen, member(sub, "customer")) &&
            !is_apart_from_objects(s, member(sub, "customer")))
            broke(PROMISE_STATE, "%s: %s has subscription %s and no state", when,
                  member(sub, "customer"), member(sub, "id"));
    json_decref(seen);
}

void ledger_check_store(sqlite3 *db, const char *when)
{
    struct source s;

    open_store(&s, db);
    check(db, &s, when);
    close_source(&s);
}

void ledger_check_stripe(sqlite3 *db)
{
    struct source s;

    open_stripe(&s);
    check(db, &s, "at rest");
    close_source(&s);
}

/* As the program's value, with "asOf" and "revision" behind it. */
static bool is_delivered(str value, int64_t revision, const char *held)
{
    char tail[PREFIX_BYTES_MAX];

    if (!held || strncmp(held, value.p, value.n - 1) != 0)
        return false;
    int n = snprintf(tail, sizeof tail, ",\"revision\":%lld}", (long long)revision);
    size_t length = strlen(held);
    return length > (size_t)n && strcmp(held + length - (size_t)n, tail) == 0;
}

void ledger_check_projected(sqlite3 *db)
{
    sqlite3_stmt *q = ask(
        db, "select customer, value, revision from _states where account = ?1 order by customer");
    size_t n = 0, held = 0;
    char prefix[PREFIX_BYTES_MAX];

    snprintf(prefix, sizeof prefix, "stripe:%s:%s%scustomer:", side()->name,
             guest() ? owner_account() : "", guest() ? ":" : "");
    for (; sqlite3_step(q) == SQLITE_ROW; n++) {
        char key[sizeof prefix + ID_BYTES_MAX];
        snprintf(key, sizeof key, "%s%.*s", prefix, STR_ARG(text(q, 0)));
        const char *value = kv_server_value(key);
        if (is_delivered(text(q, 1), sqlite3_column_int64(q, 2), value))
            continue;
        trace("the mirror has %.300s", text(q, 1).p);
        trace("the server has %.300s", value ? value : "nothing");
        broke(PROMISE_PROJECTED, "at rest: %s at the key-value server is not revision %lld", key,
              (long long)sqlite3_column_int64(q, 2));
    }
    sqlite3_finalize(q);
    for (size_t i = 0; i < kv_server_count(); i++)
        held += strncmp(kv_server_key(i), prefix, strlen(prefix)) == 0;
    if (held != n)
        broke(PROMISE_PROJECTED, "at rest: the key-value server holds %zu states, the mirror %zu",
              held, n);
}
