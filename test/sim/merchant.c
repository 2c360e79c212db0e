#include "merchant.h"

#include "base/json.h"
#include "check.h"
#include "courier.h"
#include "fibre.h"
#include "forget.h"
#include "orders.h"
#include "seed.h"
#include "side.h"
#include "stripe.h"
#include "trace.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    KEPT_MAX = 32, /* of each kind that the merchant remembers */
    ANSWER_BYTES_MAX = 8 << 20,
    FORM_BYTES_MAX = 4096,
    BREATH_MS_MAX = 8000,
    LINES_MAX = 13, /* more than an invoice shows of itself */
};

enum kind { PRODUCT, PRICE, CUSTOMER, SUBSCRIPTION, INVOICE, KINDS };

static const struct {
    const char *type, *url;
} kind_info[KINDS] = {
    [PRODUCT] = { "product", "/v1/products" },
    [PRICE] = { "price", "/v1/prices" },
    [CUSTOMER] = { "customer", "/v1/customers" },
    [SUBSCRIPTION] = { "subscription", "/v1/subscriptions" },
    [INVOICE] = { "invoice", "/v1/invoices" },
};

static const struct climate *climate;

/* One for each owner, who knows nothing of the others. */
static struct merchant {
    struct {
        char id[KEPT_MAX][ID_BYTES_MAX];
        size_t n;
    } kept[KINDS];
    unsigned done;
    bool stopped, pauses;
} merchants[OWNERS];

static struct merchant *me(void)
{
    return &merchants[owner()];
}

static bool is_done(const struct merchant *m)
{
    return m->stopped || m->done >= climate->actions;
}

bool merchant_is_done(void)
{
    bool all = true;

    for (unsigned i = 0; i < sides(); i++)
        all &= is_done(&merchants[i]);
    for (unsigned i = 0; i < guests(); i++)
        all &= is_done(&merchants[SIDES + i]);
    return all;
}

unsigned merchant_acts(void)
{
    return me()->done;
}

bool merchant_pauses(void)
{
    return me()->pauses;
}

void merchant_stop(void)
{
    for (unsigned i = 0; i < OWNERS; i++)
        merchants[i].stopped = true;
}

static void keep(enum kind k, str id)
{
    if (me()->kept[k].n < KEPT_MAX)
        snprintf(me()->kept[k].id[me()->kept[k].n++], ID_BYTES_MAX, "%.*s", STR_ARG(id));
}

static void keep_once(enum kind k, const char *id)
{
    for (size_t i = 0; i < me()->kept[k].n; i++)
        if (strcmp(me()->kept[k].id[i], id) == 0)
            return;
    keep(k, str_of(id));
}

static const char *any(enum kind k)
{
    return me()->kept[k].n ? me()->kept[k].id[seed_draw() % me()->kept[k].n] : NULL;
}

static void forget(enum kind k, const char *id)
{
    for (size_t i = 0; i < me()->kept[k].n; i++)
        if (strcmp(me()->kept[k].id[i], id) == 0) {
            memmove(me()->kept[k].id[i], me()->kept[k].id[--me()->kept[k].n], ID_BYTES_MAX);
            return;
        }
}

/* What Stripe answered is what the object is now. */
static bool note(enum kind k, int status, str body, str *id, struct arena *a)
{
    if (status != 200)
        return false;
    *id = json_text(body, S("id"), a);
    int64_t v = version_of(body);
    if (v)
        check_is(kind_info[k].type, *id, v);
    forget_meet(kind_info[k].type, *id, body);
    return true;
}

/* POST with a new version; `more` is a form. */
static bool post(enum kind k, const char *id, const char *more, str *out, struct arena *a)
{
    int64_t v = check_next_version();
    str body;

    str path = arena_printf(a, "%s%s%s", kind_info[k].url, id ? "/" : "", id ? id : "");
    str form = arena_printf(a, "metadata[v]=%lld%s%s", (long long)v, *more ? "&" : "", more);
    int status = emu_ask("POST", path, S(""), form, &body, a);
    trace("POST %.*s %.*s: %d", STR_ARG(path), STR_ARG(form), status);
    return note(k, status, body, out, a);
}

static void create(enum kind k, const char *more)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str id;

    if (post(k, NULL, more, &id, &a))
        keep(k, id);
}

static void edit(enum kind k)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *id = any(k);
    str ignored;

    if (id)
        (void)post(k, id, "", &ignored, &a);
}

static void delete (enum kind k)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *id = any(k);
    char copy[ID_BYTES_MAX];
    str body;

    if (!id)
        return;
    snprintf(copy, sizeof copy, "%s", id);
    str path = arena_printf(&a, "%s/%s", kind_info[k].url, copy);
    if (emu_ask("GET", path, S(""), S(""), &body, &a) == 200)
        stripe_remember(path, body);
    int status = emu_ask("DELETE", path, S(""), S(""), &body, &a);
    trace("DELETE %.*s: %d", STR_ARG(path), status);
    if (status != 200)
        return;
    forget(k, copy);
    if (k != SUBSCRIPTION)
        check_is_gone(kind_info[k].type, str_of(copy));
}

const char *merchant_customer(void)
{
    return any(CUSTOMER);
}

/* ---- what one does in a shop -------------------------------------------------------------- */

/* The id is chosen: it can come back after its deletion. */
static void create_product(void)
{
    char form[64], id[32];

    snprintf(id, sizeof id, "prod_%u", (unsigned)(seed_draw() % climate->objects));
    for (size_t i = 0; i < me()->kept[PRODUCT].n; i++)
        if (strcmp(me()->kept[PRODUCT].id[i], id) == 0)
            return;
    snprintf(form, sizeof form, "id=%s&name=Thing", id);
    create(PRODUCT, form);
}

static void create_price(void)
{
    char form[FORM_BYTES_MAX];
    const char *product = any(PRODUCT);

    if (!product || !(climate->shop || climate->orders || climate->erasures ||
                      seed_chance(30))) /* a product with a price cannot be deleted */
        return;
    snprintf(form, sizeof form, "product=%s&unit_amount=%d&currency=usd&recurring[interval]=month",
             product, (int)seed_between(100, 9999));
    create(PRICE, form);
}

/* From one list into the other. */
static void toggle_price(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *id = any(PRICE);
    str ignored;

    if (id)
        (void)post(PRICE, id, seed_chance(50) ? "active=true" : "active=false", &ignored, &a);
}

/* The same id as in the other shop, and another customer. */
static void create_same_customer(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    unsigned number = (unsigned)(seed_draw() % climate->objects);
    int64_t v = check_next_version();
    str body, id;

    str path = arena_printf(&a, "/_emulator/objects/customer/cus_same_%u", number);
    str json = arena_printf(&a,
                            "{\"set\":{\"metadata\":{\"v\":\"%lld\"},\"email\":\"%s@example.com\"},"
                            "\"event\":\"customer.created\"}",
                            (long long)v, owner_account());
    int status = emu_ask("POST", path, S(""), json, &body, &a);
    trace("makes cus_same_%u: %d", number, status);
    if (note(CUSTOMER, status, body, &id, &a))
        keep_once(CUSTOMER, arena_copy(&a, id).p);
}

/* Somebody who may want to be forgotten. */
static void create_somebody(void)
{
    char form[FORM_BYTES_MAX];

    forget_somebody(form, sizeof form);
    create(CUSTOMER, form);
}

static void move_somebody(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *id = any(CUSTOMER);
    char form[FORM_BYTES_MAX];
    str ignored;

    if (!id)
        return;
    forget_new_address(str_of(id), form, sizeof form);
    (void)post(CUSTOMER, id, form, &ignored, &a);
}

static void create_customer(void)
{
    if (climate->erasures) {
        create_somebody();
        return;
    }
    if ((climate->pair || climate->guests) && seed_chance(50)) {
        create_same_customer();
        return;
    }
    create(CUSTOMER, climate->money ? "payment_method=pm_card_visa&"
                                      "invoice_settings[default_payment_method]=pm_card_visa"
                                    : "email=a@example.com");
}

static void subscribe(void)
{
    char form[FORM_BYTES_MAX];
    const char *customer = any(CUSTOMER), *price = any(PRICE);

    if (!customer || !price)
        return;
    snprintf(form, sizeof form, "customer=%s&items[0][price]=%s", customer, price);
    create(SUBSCRIPTION, form);
}

/* More lines than the invoice shows of itself. */
static void bill(void)
{
    char form[FORM_BYTES_MAX];
    const char *customer = any(CUSTOMER);
    int n = seed_chance(60) ? LINES_MAX : 2;

    if (!customer)
        return;
    for (int i = 0; i < n; i++) {
        ARENA(a, ANSWER_BYTES_MAX);
        str item = arena_printf(&a, "customer=%s&amount=%d&currency=usd", customer, 100 + i);
        (void)emu_ask("POST", S("/v1/invoiceitems"), S(""), item, NULL, &a);
    }
    snprintf(form, sizeof form, "customer=%s&pending_invoice_items_behavior=include", customer);
    create(INVOICE, form);
}

/* A line goes from a draft: its invoice may look the same. */
static void unbill(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *invoice = any(INVOICE);
    str body;

    if (!invoice)
        return;
    str path = arena_printf(&a, "/v1/invoices/%s/lines", invoice);
    if (emu_ask("GET", path, S("limit=100"), S(""), &body, &a) != 200)
        return;
    str data = json_member(body, S("data")).text, item = { 0 };
    struct json_reader r;
    json_init(&r, data);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        struct json_token found = json_path(t.text, S("parent.invoice_item_details.invoice_item"));
        if (found.type == JSON_STRING && (!item.n || seed_chance(30)))
            item = json_unescape(found, &a);
    }
    if (!item.n)
        return;
    path = arena_printf(&a, "/v1/invoiceitems/%.*s", STR_ARG(item));
    int status = emu_ask("DELETE", path, S(""), S(""), &body, &a);
    trace("DELETE %.*s of %s: %d", STR_ARG(path), invoice, status);
}

/* As somebody with a database console at Stripe: no event tells of it. */
static void edit_behind_the_back(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    enum kind k = climate->churn || seed_chance(50) ? PRODUCT : CUSTOMER;
    const char *id = any(k);
    char product[32];
    str body, ignored;

    if (k == PRODUCT && seed_chance(30)) { /* one that is not there, perhaps */
        snprintf(product, sizeof product, "prod_%u", (unsigned)(seed_draw() % climate->objects));
        id = product;
    }
    if (!id)
        return;
    int64_t v = check_next_version();
    str path = arena_printf(&a, "/_emulator/objects/%s/%s", kind_info[k].type, id);
    bool gone = k == PRODUCT && seed_chance(30);
    if (gone &&
        emu_ask("GET", arena_printf(&a, "/v1/products/%s", id), S(""), S(""), &body, &a) == 200)
        stripe_remember(arena_printf(&a, "/v1/products/%s", id), body);
    int status =
        gone ? emu_ask("DELETE", path, S(""), S(""), &body, &a)
             : emu_ask("POST", path, S(""),
                       arena_printf(&a, "{\"set\":{\"metadata\":{\"v\":\"%lld\"}}}", (long long)v),
                       &body, &a);
    trace("behind the back: %s %s, %d", gone ? "deletes" : "edits", id, status);
    mark(MARK_BEHIND_BACK);
    if (!gone && status == 200)
        (void)note(k, status, body, &ignored, &a);
    if (!gone && status == 200) {
        check_untold();
        keep_once(k, id);
    }
    if (gone && status == 200) {
        char copy[ID_BYTES_MAX];
        snprintf(copy, sizeof copy, "%s", id);
        forget(k, copy);
        check_is_gone(kind_info[k].type, str_of(copy));
        check_untold();
    }
}

static void sell(void)
{
    switch (seed_draw() % 8) {
    case 0:
    case 1: subscribe(); break;
    case 2: bill(); break;
    case 3: unbill(); break;
    case 4: delete (SUBSCRIPTION); break;
    case 5: edit(SUBSCRIPTION); break;
    case 6: edit(INVOICE); break;
    default: bill(); break;
    }
}

static void churn(void)
{
    switch (seed_draw() % 4) {
    case 0: edit(PRODUCT); break;
    case 1: delete (PRODUCT); break;
    default: create_product(); break;
    }
}

static void invoice(void)
{
    if (me()->kept[CUSTOMER].n < 2) {
        create_customer();
        return;
    }
    switch (seed_draw() % 5) {
    case 0:
    case 1: edit(INVOICE); break;
    case 2: unbill(); break;
    default: bill(); break;
    }
}

/* Another card, or another item: what a subscription rests on. */
static void change_subscription(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *id = any(SUBSCRIPTION), *price = any(PRICE);
    str ignored;

    if (!id || !price)
        return;
    str form = seed_chance(50) ? arena_printf(&a, "items[0][price]=%s", price)
                               : arena_printf(&a, "cancel_at_period_end=%s",
                                              seed_chance(50) ? "true" : "false");
    (void)post(SUBSCRIPTION, id, form.p, &ignored, &a);
}

static void change_card(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *customer = any(CUSTOMER);
    str body, ignored;

    if (!customer)
        return;
    str path = arena_printf(&a, "/v1/payment_methods/pm_card_%s/attach",
                            seed_chance(50) ? "visa" : "mastercard");
    if (emu_ask("POST", path, S(""), arena_printf(&a, "customer=%s", customer), &body, &a) != 200)
        return;
    str card = json_text(body, S("id"), &a);
    str form = arena_printf(&a, "invoice_settings[default_payment_method]=%.*s", STR_ARG(card));
    (void)post(CUSTOMER, customer, form.p, &ignored, &a);
}

/* A row of products and prices, each with the next one's id, of which no event tells; then an edit
 * that everybody hears of, somewhere in it. */
static void link_one(enum kind k, const char *id, str set)
{
    ARENA(a, ANSWER_BYTES_MAX);
    int64_t v = check_next_version();
    str body, ignored;

    str path = arena_printf(&a, "/_emulator/objects/%s/%s", kind_info[k].type, id);
    str json = arena_printf(&a, "{\"set\":{\"metadata\":{\"v\":\"%lld\"},%.*s}}", (long long)v,
                            STR_ARG(set));
    int status = emu_ask("POST", path, S(""), json, &body, &a);
    trace("behind the back: links %s, %d", id, status);
    if (status == 200 && note(k, status, body, &ignored, &a))
        check_untold();
}

static void make_chain(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ARENA(a, ANSWER_BYTES_MAX);
        char price[32], product[32];
        snprintf(product, sizeof product, "link_%u", i);
        snprintf(price, sizeof price, "price_link_%u", i);
        link_one(PRODUCT, product, arena_printf(&a, "\"default_price\":\"%s\"", price));
        link_one(PRICE, price, arena_printf(&a, "\"product\":\"link_%u\"", i + 1 < n ? i + 1 : i));
    }
}

static void pull_chain(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    char id[32];
    str ignored;

    if (!me()->done)
        make_chain(climate->objects);
    snprintf(id, sizeof id, "link_%u", me()->done ? (unsigned)(seed_draw() % climate->objects) : 0);
    (void)post(PRODUCT, id, "", &ignored, &a);
}

/* ---- many deletions at once ---- */

static void remove_product(const char *id)
{
    ARENA(a, ANSWER_BYTES_MAX);
    char copy[ID_BYTES_MAX];
    str body;

    snprintf(copy, sizeof copy, "%s", id);
    str path = climate->cull_told ? arena_printf(&a, "/v1/products/%s", copy)
                                  : arena_printf(&a, "/_emulator/objects/product/%s", copy);
    int status = emu_ask("DELETE", path, S(""), S(""), &body, &a);
    trace("%s %s, %d", climate->cull_told ? "deletes" : "behind the back: deletes", copy, status);
    if (status != 200)
        return;
    forget(PRODUCT, copy);
    check_is_gone("product", str_of(copy));
    if (!climate->cull_told)
        check_untold();
}

/* First everything is made, then everything goes, then life goes on. */
static void cull(void)
{
    char form[64];

    if (me()->done < climate->objects) {
        snprintf(form, sizeof form, "id=culled_%u&name=Thing", me()->done);
        create(PRODUCT, form);
    } else if (me()->done == climate->objects) {
        for (size_t i = me()->kept[PRODUCT].n; i-- > 0;)
            remove_product(me()->kept[PRODUCT].id[i]);
    } else {
        create_customer();
    }
}

/* ---- what somebody does in the Dashboard while operations are under way ---------------------- */

/* A product with a default price that a lookup key leads to. That one, and what takes its place, is
 * the only one that is paid once. */
static void open_product(unsigned number)
{
    ARENA(a, ANSWER_BYTES_MAX);
    char form[FORM_BYTES_MAX], id[32];
    str price, ignored;

    snprintf(id, sizeof id, "prod_%u", number);
    snprintf(form, sizeof form, "id=%s&name=Thing", id);
    create(PRODUCT, form);
    snprintf(form, sizeof form, "product=%s&unit_amount=1000&currency=usd&lookup_key=key_%u", id,
             number);
    if (!post(PRICE, NULL, form, &price, &a))
        return;
    (void)post(PRODUCT, id, arena_printf(&a, "default_price=%.*s", STR_ARG(price)).p, &ignored, &a);
    orders_product(number);
}

/* Another price is the default from now on; an archived one is refused. */
static void move_default(void)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const char *price = any(PRICE);
    str body, ignored;

    if (!price ||
        emu_ask("GET", arena_printf(&a, "/v1/prices/%s", price), S(""), S(""), &body, &a) != 200)
        return;
    str product = json_text(body, S("product"), &a);
    str form = arena_printf(&a, "default_price=%s", price);
    if (post(PRODUCT, arena_copy(&a, product).p, form.p, &ignored, &a))
        orders_default_moved(product);
}

/* Prices with a lookup key are the operations' alone. */
static void trade(void)
{
    if (!me()->done) {
        for (unsigned i = 0; i < climate->objects; i++)
            open_product(i);
        return;
    }
    switch (seed_draw() % 8) {
    case 0:
    case 1: edit(PRODUCT); break;
    case 2: move_default(); break;
    case 3: toggle_price(); break;
    default: create_price(); break;
    }
}

static void keep_shop(void)
{
    if (me()->kept[PRICE].n < 2 || me()->kept[CUSTOMER].n < 2) {
        if (!me()->kept[PRODUCT].n)
            create_product();
        me()->kept[PRICE].n < 2 ? create_price() : create_customer();
        return;
    }
    if (seed_chance(climate->toggles)) {
        seed_chance(50) ? toggle_price() : create_price();
        return;
    }
    switch (seed_draw() % 10) {
    case 0:
    case 1:
    case 2: subscribe(); break;
    case 3: delete (SUBSCRIPTION); break;
    case 4:
    case 5: edit(SUBSCRIPTION); break;
    case 6:
    case 7: change_subscription(); break;
    case 8: change_card(); break;
    default: seed_chance(30) ? delete (CUSTOMER) : create_customer(); break;
    }
}

/* Whatever a person may leave behind. */
static void serve_people(void)
{
    if (me()->kept[PRICE].n < 2 || me()->kept[CUSTOMER].n < 2) {
        if (!me()->kept[PRODUCT].n)
            create_product();
        me()->kept[PRICE].n < 2 ? create_price() : create_customer();
        return;
    }
    switch (seed_draw() % 12) {
    case 0:
    case 1: move_somebody(); break;
    case 2:
    case 3: subscribe(); break;
    case 4:
    case 5: bill(); break;
    case 6: change_card(); break;
    case 7: edit(SUBSCRIPTION); break;
    case 8: edit(INVOICE); break;
    case 9: seed_chance(50) ? delete (SUBSCRIPTION) : change_subscription(); break;
    case 10: seed_chance(30) ? delete (CUSTOMER) : edit(PRODUCT); break;
    default: create_customer(); break;
    }
}

static void act(void)
{
    if (seed_chance(climate->behind_back)) {
        edit_behind_the_back();
        return;
    }
    if (climate->orders || climate->erasures) {
        climate->orders ? trade() : serve_people();
        return;
    }
    if (climate->chain || climate->cull) {
        climate->chain ? pull_chain() : cull();
        return;
    }
    if (climate->churn) {
        churn();
        return;
    }
    if (climate->shop) {
        keep_shop();
        return;
    }
    if (climate->bills) {
        invoice();
        return;
    }
    if (climate->money && seed_chance(40)) {
        sell();
        return;
    }
    switch (seed_draw() % 10) {
    case 0:
    case 1: create_product(); break;
    case 2:
    case 3: edit(PRODUCT); break;
    case 4:
    case 5: delete (PRODUCT); break;
    case 6: create_price(); break;
    case 7: seed_chance(50) ? toggle_price() : create_customer(); break;
    case 8: edit(CUSTOMER); break;
    default: seed_chance(30) ? delete (CUSTOMER) : create_customer(); break;
    }
}

static void work(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3 && !climate->cull && !climate->orders; i++)
        create_product();
    while (!is_done(me())) {
        fibre_pause(seed_between(0, climate->action_pause_ms));
        me()->pauses = climate->burst && me()->done % climate->burst == 0;
        if (me()->pauses)
            fibre_pause(seed_between(BREATH_MS_MAX / 3, BREATH_MS_MAX));
        me()->pauses = false;
        if (me()->stopped)
            break;
        act();
        me()->done++;
        emulator_advance(emu());
        courier_collect();
    }
}

/* The same for a connected account; what it does takes no time, so that nobody else is in between.
 */
static void work_as_guest(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;
    struct merchant *m = &merchants[SIDES + number - 1];

    while (!is_done(m)) {
        fibre_pause(seed_between(0, climate->action_pause_ms));
        if (m->stopped)
            break;
        if (climate->leaves && number == guests() && m->done * 2 >= climate->actions) {
            guest_leaves(number);
            courier_collect();
            m->stopped = true;
            break;
        }
        guest_is(number);
        act();
        m->done++;
        guest_is(0);
        emulator_advance(emu());
        courier_collect();
    }
}

void merchant_open(const struct climate *c)
{
    climate = c;
    for (uintptr_t i = 1; fibre_side() == 0 && i <= guests(); i++)
        fibre_spawn(OUTSIDE, "guest", work_as_guest, (void *)i);
    fibre_spawn(OUTSIDE, "merchant", work, NULL); /* of this side */
}
