#include "orders.h"

#include "base/json.h"
#include "catalog/saga.h"
#include "check.h"
#include "fibre.h"
#include "seed.h"
#include "stripe.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

enum {
    ORDERS_MAX = 16,
    SENT_MAX = 512,
    MADE_MAX = 128,
    PRODUCTS_MAX = 8,
    NAMES = 3, /* few: the same is asked for again */
    KEY_BYTES_MAX = 256,
    ANSWER_BYTES_MAX = 8 << 20,
};

static const struct climate *climate;
static unsigned n_products, n_drawn;
static msec moved_at[PRODUCTS_MAX]; /* when somebody changed the default by hand */

static struct {
    struct order order;
    char id[ORDER_ID_MAX]; /* of the operation; empty: nobody was told */
    msec drawn_at;
} asked[ORDERS_MAX];

/* Every request that wrote, by its key. */
static struct {
    char key[KEY_BYTES_MAX];
    char op[ORDER_ID_MAX];
    uint64_t request;
} sent[SENT_MAX];
static size_t n_sent;

/* Operations that have made a price. */
static char made[MADE_MAX][ORDER_ID_MAX];
static size_t n_made;

void orders_open(const struct climate *c)
{
    climate = c;
}

void orders_product(unsigned number)
{
    assert(number < PRODUCTS_MAX);
    n_products = number + 1;
}

static unsigned product_number(str product)
{
    int64_t n = 0;

    return str_starts(product, S("prod_")) && str_to_int(str_sub(product, 5, product.n), &n) &&
                   n < PRODUCTS_MAX
               ? (unsigned)n
               : PRODUCTS_MAX - 1;
}

void orders_default_moved(str product)
{
    moved_at[product_number(product)] = fibre_now();
}

/* ---- what is asked for ----------------------------------------------------------------------- */

bool orders_can_be_drawn(void)
{
    return n_products && n_drawn < ORDERS_MAX;
}

/* One of the active prices of a product; with `keyless` one that no lookup key leads to, now or
 * when an operation is undone: an archived price keeps its key. False: there is none. */
static bool some_price(unsigned product, bool keyless, const char *but, char out[ID_BYTES_MAX])
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;
    uint64_t n = 0;

    str query = arena_printf(&a, "limit=100&active=true&product=prod_%u", product);
    if (emu_ask("GET", S("/v1/prices"), query, S(""), &body, &a) != 200)
        return false;
    struct json_reader r;
    json_init(&r, json_member(body, S("data")).text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        str id = json_text(t.text, S("id"), &a);
        if (str_eqz(id, but) ||
            (keyless && !str_eq(json_text(t.text, S("type"), &a), S("recurring"))))
            continue;
        if (seed_draw() % ++n == 0) /* each as likely as the others */
            snprintf(out, ID_BYTES_MAX, "%.*s", STR_ARG(id));
    }
    return n != 0;
}

static void draw_new(struct order *o)
{
    unsigned product = (unsigned)(seed_draw() % n_products);
    char price[ID_BYTES_MAX] = "", successor[ID_BYTES_MAX] = "";
    int amount = (int)seed_between(1, NAMES) * 100;
    int name = (int)seed_between(1, NAMES);

    switch (seed_draw() % 4) {
    case 0:
        if (some_price(product, true, "", price) && some_price(product, false, price, successor)) {
            o->kind = "price.archive";
            snprintf(o->input, sizeof o->input, "{\"price\":\"%s\",\"default\":\"%s\"}", price,
                     successor);
            return;
        }
        break;
    case 1:
    case 2:
        if (some_price(product, false, "", price)) {
            o->kind = "price.replace";
            snprintf(o->input, sizeof o->input, "{\"price\":\"%s\",\"set\":{\"unit_amount\":%d}}",
                     price, amount);
            return;
        }
        break;
    default: break;
    }
    o->kind = "product.update";
    snprintf(o->input, sizeof o->input, "{\"product\":\"prod_%u\",\"set\":{\"name\":\"Name %d\"}}",
             product, name);
}

void order_draw(struct order *o)
{
    unsigned before = n_drawn ? (unsigned)(seed_draw() % n_drawn) : 0;
    bool known = n_drawn && asked[before].id[0];

    if (n_drawn && seed_chance(10)) { /* once more: nobody knows whether it was heard */
        *o = asked[before].order;
        return;
    }
    if (known && seed_chance(20)) {
        *o = (struct order){ .what = seed_chance(50) ? ORDER_RESUME : ORDER_ABORT };
        snprintf(o->id, sizeof o->id, "%s", asked[before].id);
        return;
    }
    *o = (struct order){ .what = ORDER_NEW, .number = n_drawn };
    draw_new(o);
    asked[n_drawn].drawn_at = fibre_now();
    asked[n_drawn++].order = *o;
}

static enum status send_new(struct env *env, const struct order *o, struct error *e)
{
    char id[OP_ID_MAX + 1] = "", key[32];

    snprintf(key, sizeof key, "order-%u", o->number);
    struct op_order ask = {
        .kind = o->kind, .input = str_of(o->input), .actor = S("sim"), .caller_key = str_of(key)
    };
    trace("order %u: %s %s", o->number, o->kind, o->input);
    enum status st = op_submit(env, &ask, id, NULL, e);
    if (st != ST_OK)
        return st;
    trace("order %u is %s", o->number, id);
    if (!asked[o->number].id[0]) {
        snprintf(asked[o->number].id, ORDER_ID_MAX, "%s", id);
        return ST_OK;
    }
    mark(MARK_ORDER_TWICE);
    if (strcmp(asked[o->number].id, id) != 0)
        broke(PROMISE_WHOLE, "what was asked for once is %s and %s", asked[o->number].id, id);
    return ST_OK;
}

enum status order_send(struct env *env, const struct order *o, struct error *e)
{
    enum status st = ST_OK;

    switch (o->what) {
    case ORDER_NEW: return send_new(env, o, e);
    case ORDER_RESUME: st = op_resume(env, str_of(o->id), e); break;
    case ORDER_ABORT: st = op_abort(env, str_of(o->id), e); break;
    }
    trace("%s %s: %s", o->what == ORDER_RESUME ? "resume" : "abort", o->id,
          st == ST_OK ? "so it is" : e->text);
    return st;
}

/* ---- what is written ------------------------------------------------------------------------- */

static uint64_t hash(uint64_t h, str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
    return (h ^ 0xff) * 0x100000001b3;
}

void orders_sent(const struct stripe_request *q)
{
    uint64_t request = hash(hash(0xcbf29ce484222325, q->path), q->form);

    if (!q->idem_key.n)
        broke(PROMISE_KEYS, "POST %.*s has no key", STR_ARG(q->path));
    for (size_t i = 0; i < n_sent; i++) {
        if (!str_eqz(q->idem_key, sent[i].key))
            continue;
        if (sent[i].request != request)
            broke(PROMISE_KEYS, "two requests under the key %s", sent[i].key);
        if (!str_eqz(q->cause, sent[i].op))
            broke(PROMISE_KEYS, "two operations under the key %s: %s and %.*s", sent[i].key,
                  sent[i].op, STR_ARG(q->cause));
        return;
    }
    assert(n_sent < SENT_MAX);
    snprintf(sent[n_sent].key, KEY_BYTES_MAX, "%.*s", STR_ARG(q->idem_key));
    snprintf(sent[n_sent].op, ORDER_ID_MAX, "%.*s", STR_ARG(q->cause));
    sent[n_sent++].request = request;
}

/* A lookup key leads to one active price, and a product's default price is active. */
static void check_product(unsigned number, const char *when)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;
    size_t n = 0;

    str path = arena_printf(&a, "/v1/products/prod_%u", number);
    (void)emu_ask("GET", path, S("expand[0]=default_price"), S(""), &body, &a);
    struct json_token price = json_member(body, S("default_price"));
    if (price.type != JSON_OBJECT || json_bool(price.text, S("active")) != JSON_TRUE)
        broke(PROMISE_SELLS, "%s: prod_%u has no active default price", when, number);
    str query = arena_printf(&a, "active=true&lookup_keys[0]=key_%u", number);
    (void)emu_ask("GET", S("/v1/prices"), query, S(""), &body, &a);
    struct json_reader r;
    json_init(&r, json_member(body, S("data")).text);
    (void)json_next(&r);
    while (json_value(&r).type == JSON_OBJECT)
        n++;
    if (n != 1)
        broke(PROMISE_SELLS, "%s: key_%u leads to %zu active prices", when, number, n);
}

static void check_products(const char *when)
{
    for (unsigned i = 0; i < n_products; i++)
        check_product(i, when);
}

static void note_made(str op)
{
    for (size_t i = 0; i < n_made; i++)
        if (str_eqz(op, made[i]))
            broke(PROMISE_WHOLE, "%s has made two prices", made[i]);
    assert(n_made < MADE_MAX);
    snprintf(made[n_made++], ORDER_ID_MAX, "%.*s", STR_ARG(op));
}

/* Stripe does not archive a default price, and whoever knows that does not ask: unless somebody has
 * changed the default by hand since the operation was asked for. */
static void check_order_of_steps(const struct stripe_request *q, const struct stripe_response *p)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;
    msec since = 0;

    if (p->http_status != 400 || p->replayed || str_find(q->form, '=') == q->form.n ||
        !str_eq(q->form, S("active=false")))
        return;
    if (emu_ask("GET", q->path, S(""), S(""), &body, &a) != 200)
        return;
    for (unsigned i = 0; i < n_drawn; i++)
        if (str_eqz(q->cause, asked[i].id))
            since = asked[i].drawn_at;
    if (since && moved_at[product_number(json_text(body, S("product"), &a))] < since)
        broke(PROMISE_SELLS, "%.*s archives a default price (%.*s)", STR_ARG(q->cause),
              STR_ARG(q->path));
}

void orders_written(const struct stripe_request *q, const struct stripe_response *p)
{
    if (p->http_status == 200 && !p->replayed && str_eq(q->path, S("/v1/prices")))
        note_made(q->cause);
    check_order_of_steps(q, p);
    check_products("behind a write");
}

/* ---- at rest --------------------------------------------------------------------------------- */

/* How many of what it has made are for sale. */
static size_t active_of(str op)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;
    size_t n = 0;

    (void)emu_ask("GET", S("/v1/prices"), S("limit=100&active=true"), S(""), &body, &a);
    struct json_reader r;
    json_init(&r, json_member(body, S("data")).text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        struct json_token m = json_member(t.text, S("metadata"));
        str marker = m.type == JSON_OBJECT ? json_text(m.text, S("brindle_op"), &a) : (str){ 0 };
        n += str_starts(marker, op) && marker.n > op.n && marker.p[op.n] == '/';
    }
    return n;
}

static void check_ended(str op, str state, str reason)
{
    bool whole = str_eq(state, S("done"));
    bool nothing = str_eq(state, S("undone")) || str_eq(state, S("refused"));
    bool stuck = str_eq(state, S("stuck"));

    if (!whole && !nothing && !stuck)
        broke(PROMISE_WHOLE, "at rest: %.*s is %.*s", STR_ARG(op), STR_ARG(state));
    if (!whole && !reason.n)
        broke(PROMISE_WHOLE, "at rest: %.*s is %.*s, and does not say why", STR_ARG(op),
              STR_ARG(state));
    if (nothing && active_of(op))
        broke(PROMISE_WHOLE, "at rest: %.*s is %.*s, but what it made is for sale", STR_ARG(op),
              STR_ARG(state));
    mark(whole                        ? MARK_ORDER_DONE
         : stuck                      ? MARK_ORDER_STUCK
         : str_eq(state, S("undone")) ? MARK_ORDER_UNDONE
                                      : MARK_ORDER_REFUSED);
}

void orders_check_rest(sqlite3 *db)
{
    sqlite3_stmt *q;

    if (sqlite3_prepare_v2(db, "select state, coalesce(reason, '') from _ops where id = ?1", -1, &q,
                           NULL) != SQLITE_OK)
        broke(PROMISE_SOUND, "the database cannot be read: %s", sqlite3_errmsg(db));
    for (unsigned i = 0; i < n_drawn; i++) {
        if (!asked[i].id[0])
            continue;
        sqlite3_bind_text(q, 1, asked[i].id, -1, SQLITE_STATIC);
        if (sqlite3_step(q) != SQLITE_ROW)
            broke(PROMISE_KEPT, "at rest: %s was accepted and is not there", asked[i].id);
        str state = str_of((const char *)sqlite3_column_text(q, 0));
        str reason = str_of((const char *)sqlite3_column_text(q, 1));
        trace("%s, %s, is %.*s (%.*s)", asked[i].id, asked[i].order.kind, STR_ARG(state),
              STR_ARG(reason));
        check_ended(str_of(asked[i].id), state, reason);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
    check_products("at rest");
}
