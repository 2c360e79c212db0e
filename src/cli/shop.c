#include "cli/shop.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { ANSWER_BYTES_MAX = 16 << 20 };

void shop_init(struct shop *s, struct world *world)
{
    *s = (struct shop){ .world = world };
    s->gate = gate_new(world->sched);
    rng_fill(world->rng, &s->run, sizeof s->run);
}

void shop_free(struct shop *s)
{
    if (s->world)
        gate_free(s->world->sched, s->gate);
    *s = (struct shop){ 0 };
}

/* --- asking Stripe ------------------------------------------------------------------------- */

struct reply {
    int status;
    str body;
};

static enum status ask(struct shop *s, enum stripe_method method, str path, str text,
                       struct reply *out, struct arena *a, struct error *e)
{
    struct stripe_response p;

    *out = (struct reply){ 0 };
    struct stripe_request q = {
        .method = method,
        .path = path,
        .lane = LANE_USER,
        .cause = S("demo"),
    };

    if (method == STRIPE_POST)
        q.form = text;
    else
        q.query = text;
    if (method != STRIPE_GET)
        q.idem_key = arena_printf(a, "demo-%016llx-%llu", (unsigned long long)s->run,
                                  (unsigned long long)++s->n_keys);
    enum status st = stripe_call(s->world->stripe, &q, &p, a, e);
    if (st != ST_OK)
        return st;
    if (!json_valid(p.body))
        return fail(e, ST_RETRY, "The emulator's answer to %.*s is no JSON.", STR_ARG(path));
    *out = (struct reply){ p.http_status, p.body };
    return ST_OK;
}

static void count(struct shop *s, uint64_t *counter)
{
    gate_lock(s->world->sched, s->gate);
    ++*counter;
    gate_unlock(s->world->sched, s->gate);
}

/* Sends a form; `id` (room SHOP_ID_MAX + 1, may be NULL) gets the answer's id. *done: it was a 2xx.
 * A card that is declined and a refusal are counted: they belong to the life of a shop. */
static enum status post(struct shop *s, str path, str form, char *id, bool *done, str *body,
                        struct arena *a, struct error *e)
{
    struct reply r;
    enum status st = ask(s, STRIPE_POST, path, form, &r, a, e);

    if (st != ST_OK)
        return st;
    *done = r.status >= 200 && r.status < 300;
    if (!*done)
        count(s, r.status == 402 ? &s->counts.declined : &s->counts.refused);
    if (*done && id)
        snprintf(id, SHOP_ID_MAX + 1, "%.*s", STR_ARG(json_text(r.body, S("id"), a)));
    if (body)
        *body = r.body;
    return ST_OK;
}

/* --- people -------------------------------------------------------------------------------- */

static const char *const first_names[] = { "Ada",      "Grace", "Linus", "Edsger",
                                           "Barbara",  "Alan",  "Mary",  "Dennis",
                                           "Margaret", "Ken",   "Radia", "Tim" };
static const char *const last_names[] = { "Lindqvist", "Okafor", "Moreau", "Tanaka", "Silva",
                                          "Novak",     "Haddad", "Jensen", "Rossi",  "Weber" };

static size_t pick(struct shop *s, size_t n)
{
    return (size_t)rng_below(s->world->rng, n);
}

static str person_form(struct shop *s, struct arena *a)
{
    const char *first = first_names[pick(s, COUNT(first_names))];
    const char *last = last_names[pick(s, COUNT(last_names))];
    unsigned number = (unsigned)pick(s, 100000);

    return arena_printf(a, "name=%s+%s&email=%s.%s.%u%%40example.com&metadata[source]=demo", first,
                        last, first, last, number);
}

static void remember_sample(struct shop *s, const char *id, msec at)
{
    gate_lock(s->world->sched, s->gate);
    if (s->n_samples < SHOP_SAMPLES_MAX) {
        struct shop_sample *sample = &s->sample[s->n_samples++];
        snprintf(sample->id, sizeof sample->id, "%s", id);
        sample->at = at;
    }
    gate_unlock(s->world->sched, s->gate);
}

/* A customer with a card attached as the default. */
static enum status make_customer(struct shop *s, const char *card, char *customer, bool *done,
                                 struct arena *a, struct error *e)
{
    char method[SHOP_ID_MAX + 1];
    msec at = clock_wall(s->world->clock);
    enum status st = post(s, S("/v1/customers"), person_form(s, a), customer, done, NULL, a, e);

    if (st != ST_OK || !*done)
        return st;
    remember_sample(s, customer, at);
    st = post(s, arena_printf(a, "/v1/payment_methods/%s/attach", card),
              arena_printf(a, "customer=%s", customer), method, done, NULL, a, e);
    if (st != ST_OK || !*done)
        return st;
    return post(s, arena_printf(a, "/v1/customers/%s", customer),
                arena_printf(a, "invoice_settings[default_payment_method]=%s", method), NULL, done,
                NULL, a, e);
}

static void know_subscription(struct shop *s, str body, struct arena *a)
{
    struct json_token items = json_path(body, S("items.data"));
    struct json_reader r;
    size_t at =
        s->n_subscriptions < SHOP_KNOWN_MAX ? s->n_subscriptions++ : pick(s, SHOP_KNOWN_MAX);
    struct shop_subscription *sub = &s->subscription[at];

    *sub = (struct shop_subscription){ .id = "" };
    snprintf(sub->id, sizeof sub->id, "%.*s", STR_ARG(json_text(body, S("id"), a)));
    snprintf(sub->customer, sizeof sub->customer, "%.*s",
             STR_ARG(json_text(body, S("customer"), a)));
    if (items.type != JSON_ARRAY)
        return;
    json_init(&r, items.text);
    json_next(&r);
    struct json_token first = json_value(&r);
    if (first.type == JSON_OBJECT)
        snprintf(sub->item, sizeof sub->item, "%.*s", STR_ARG(json_text(first.text, S("id"), a)));
}

static void know_payment(struct shop *s, const char *id)
{
    size_t at = s->n_payments < SHOP_KNOWN_MAX ? s->n_payments++ : pick(s, SHOP_KNOWN_MAX);

    snprintf(s->payment[at], sizeof s->payment[at], "%s", id);
}

/* --- what happens -------------------------------------------------------------------------- */

static enum status subscribe(struct shop *s, const char *card, struct arena *a, struct error *e)
{
    char customer[SHOP_ID_MAX + 1], id[SHOP_ID_MAX + 1];
    bool done = false;
    str body;
    enum status st = make_customer(s, card, customer, &done, a, e);

    if (st != ST_OK || !done || !s->n_prices)
        return st;
    st = post(
        s, S("/v1/subscriptions"),
        arena_printf(a, "customer=%s&items[0][price]=%s", customer, s->price[pick(s, s->n_prices)]),
        id, &done, &body, a, e);
    if (st != ST_OK || !done)
        return st;
    know_subscription(s, body, a);
    count(s, &s->counts.signups);
    return ST_OK;
}

static enum status happy_signup(struct shop *s, struct arena *a, struct error *e)
{
    return subscribe(s, "pm_card_visa", a, e);
}

/* The card attaches, and fails when it is charged: the subscription stays incomplete. */
static enum status unlucky_signup(struct shop *s, struct arena *a, struct error *e)
{
    return subscribe(s, "pm_card_chargeCustomerFail", a, e);
}

static enum status pay(struct shop *s, const char *card, struct arena *a, struct error *e)
{
    char id[SHOP_ID_MAX + 1];
    bool done = false;
    unsigned amount = 100 * (unsigned)(1 + pick(s, 90));
    enum status st = post(s, S("/v1/payment_intents"),
                          arena_printf(a,
                                       "amount=%u&currency=eur&confirm=true&payment_method=%s"
                                       "&payment_method_types[]=card&description=Gift+voucher",
                                       amount, card),
                          id, &done, NULL, a, e);

    if (st != ST_OK || !done)
        return st;
    know_payment(s, id);
    count(s, &s->counts.payments);
    return ST_OK;
}

static enum status happy_payment(struct shop *s, struct arena *a, struct error *e)
{
    return pay(s, "pm_card_visa", a, e);
}

static enum status declined_payment(struct shop *s, struct arena *a, struct error *e)
{
    return pay(s, "pm_card_visa_chargeDeclined", a, e);
}

static enum status refund(struct shop *s, struct arena *a, struct error *e)
{
    bool done = false;

    if (!s->n_payments)
        return ST_OK;
    size_t at = pick(s, s->n_payments);
    str form = arena_printf(a, "payment_intent=%s&reason=requested_by_customer", s->payment[at]);
    memcpy(s->payment[at], s->payment[--s->n_payments], sizeof s->payment[at]);
    enum status st = post(s, S("/v1/refunds"), form, NULL, &done, NULL, a, e);
    if (st == ST_OK && done)
        count(s, &s->counts.refunds);
    return st;
}

static enum status change_plan(struct shop *s, struct arena *a, struct error *e)
{
    bool done = false;

    if (!s->n_subscriptions || !s->n_prices)
        return ST_OK;
    const struct shop_subscription *sub = &s->subscription[pick(s, s->n_subscriptions)];
    enum status st = post(s, arena_printf(a, "/v1/subscriptions/%s", sub->id),
                          arena_printf(a, "items[0][id]=%s&items[0][price]=%s", sub->item,
                                       s->price[pick(s, s->n_prices)]),
                          NULL, &done, NULL, a, e);
    if (st == ST_OK && done)
        count(s, &s->counts.changes);
    return st;
}

static enum status rename_customer(struct shop *s, struct arena *a, struct error *e)
{
    bool done = false;

    if (!s->n_subscriptions)
        return ST_OK;
    const struct shop_subscription *sub = &s->subscription[pick(s, s->n_subscriptions)];
    return post(s, arena_printf(a, "/v1/customers/%s", sub->customer), person_form(s, a), NULL,
                &done, NULL, a, e);
}

/* One in two leaves at the end of the period, the other at once. */
static enum status cancel(struct shop *s, struct arena *a, struct error *e)
{
    struct reply r = { .status = 0 };
    bool done = false;
    enum status st;

    if (!s->n_subscriptions)
        return ST_OK;
    size_t at = pick(s, s->n_subscriptions);
    str path = arena_printf(a, "/v1/subscriptions/%s", s->subscription[at].id);
    s->subscription[at] = s->subscription[--s->n_subscriptions];
    if (pick(s, 2)) {
        st = post(s, path, S("cancel_at_period_end=true"), NULL, &done, NULL, a, e);
    } else {
        st = ask(s, STRIPE_DELETE, path, S(""), &r, a, e);
        done = r.status == 200;
    }
    if (st == ST_OK && done)
        count(s, &s->counts.cancelled);
    return st;
}

static enum status act(struct shop *s, struct arena *a, struct error *e)
{
    static const struct {
        unsigned weight;
        enum status (*happen)(struct shop *, struct arena *, struct error *);
    } life[] = { { 30, happy_signup },    { 6, unlucky_signup }, { 24, happy_payment },
                 { 6, declined_payment }, { 7, refund },         { 9, change_plan },
                 { 10, rename_customer }, { 8, cancel } };
    unsigned whole = 0;

    for (size_t i = 0; i < COUNT(life); i++)
        whole += life[i].weight;
    size_t at = pick(s, whole);
    for (size_t i = 0; i < COUNT(life); i++) {
        if (at < life[i].weight)
            return life[i].happen(s, a, e);
        at -= life[i].weight;
    }
    return ST_OK;
}

/* --- the shelves --------------------------------------------------------------------------- */

/* Calls `each` with the elements of a list's first page. */
static enum status each_of(struct shop *s, str path, str query,
                           void (*each)(struct shop *, str object, struct arena *), struct arena *a,
                           struct error *e)
{
    struct reply r;
    struct json_reader reader;
    enum status st = ask(s, STRIPE_GET, path, query, &r, a, e);

    if (st != ST_OK)
        return st;
    struct json_token data = json_member(r.body, S("data"));
    if (r.status != 200 || data.type != JSON_ARRAY)
        return fail(e, ST_REFUSED, "The emulator answers %d to GET %.*s.", r.status, STR_ARG(path));
    json_init(&reader, data.text);
    json_next(&reader);
    for (struct json_token t = json_value(&reader); t.type == JSON_OBJECT; t = json_value(&reader))
        each(s, t.text, a);
    return ST_OK;
}

static void know_price(struct shop *s, str object, struct arena *a)
{
    if (s->n_prices == SHOP_PRICES_MAX || json_path(object, S("recurring")).type != JSON_OBJECT)
        return;
    snprintf(s->price[s->n_prices++], SHOP_ID_MAX + 1, "%.*s",
             STR_ARG(json_text(object, S("id"), a)));
}

static void know_old_payment(struct shop *s, str object, struct arena *a)
{
    char id[SHOP_ID_MAX + 1];

    if (!str_eqz(json_text(object, S("status"), a), "succeeded"))
        return;
    snprintf(id, sizeof id, "%.*s", STR_ARG(json_text(object, S("id"), a)));
    know_payment(s, id);
}

static void know_old_subscription(struct shop *s, str object, struct arena *a)
{
    if (str_eqz(json_text(object, S("status"), a), "active"))
        know_subscription(s, object, a);
}

static enum status stock(struct shop *s, const char *name, const char *key, unsigned monthly,
                         struct arena *a, struct error *e)
{
    char product[SHOP_ID_MAX + 1], price[SHOP_ID_MAX + 1];
    bool done = false;
    enum status st =
        post(s, S("/v1/products"), arena_printf(a, "name=%s&metadata[source]=demo", name), product,
             &done, NULL, a, e);

    for (unsigned yearly = 0; yearly < 2 && st == ST_OK && done; yearly++) {
        st = post(s, S("/v1/prices"),
                  arena_printf(a,
                               "product=%s&currency=eur&unit_amount=%u&recurring[interval]=%s"
                               "&lookup_key=%s_%s",
                               product, yearly ? monthly * 10 : monthly, yearly ? "year" : "month",
                               key, yearly ? "yearly" : "monthly"),
                  price, &done, NULL, a, e);
        if (st == ST_OK && done && s->n_prices < SHOP_PRICES_MAX)
            memcpy(s->price[s->n_prices++], price, sizeof price);
    }
    return st;
}

static enum status open_shop(struct shop *s, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    enum status st = each_of(s, S("/v1/prices"), S("limit=100&active=true"), know_price, &a, e);

    if (st == ST_OK && s->n_prices == 0) {
        st = stock(s, "Starter", "starter", 900, &a, e);
        if (st == ST_OK)
            st = stock(s, "Team", "team", 4900, &a, e);
        if (st == ST_OK)
            st = stock(s, "Enterprise", "enterprise", 49900, &a, e);
        return st;
    }
    if (st == ST_OK)
        st = each_of(s, S("/v1/subscriptions"), S("limit=100"), know_old_subscription, &a, e);
    if (st == ST_OK)
        st = each_of(s, S("/v1/payment_intents"), S("limit=100"), know_old_payment, &a, e);
    return st;
}

/* --- its days ------------------------------------------------------------------------------ */

static bool wait_until(struct shop *s, msec deadline)
{
    struct sched *sched = s->world->sched;

    gate_lock(sched, s->gate);
    while (!s->stopping && clock_mono(s->world->clock) < deadline)
        gate_wait(sched, s->gate, deadline);
    bool goes_on = !s->stopping;
    gate_unlock(sched, s->gate);
    return goes_on;
}

enum status shop_run(struct shop *s, unsigned speed, struct error *e)
{
    enum status st = open_shop(s, e);
    msec next = clock_mono(s->world->clock);

    assert(speed);
    while (st == ST_OK && wait_until(s, next)) {
        ARENA(a, ANSWER_BYTES_MAX);
        st = act(s, &a, e);
        msec pause = 1000 / (msec)speed, now = clock_mono(s->world->clock);
        next += pause / 2 + (msec)pick(s, (size_t)pause + 1); /* people come as they like */
        next = next < now - 1000 ? now : next; /* what cannot be kept up with is let go */
    }
    return st;
}

void shop_stop(struct shop *s)
{
    gate_lock(s->world->sched, s->gate);
    s->stopping = true;
    gate_wake(s->world->sched, s->gate);
    gate_unlock(s->world->sched, s->gate);
}

struct shop_counts shop_counts(struct shop *s)
{
    gate_lock(s->world->sched, s->gate);
    struct shop_counts counts = s->counts;
    gate_unlock(s->world->sched, s->gate);
    return counts;
}

bool shop_take_sample(struct shop *s, struct shop_sample *out)
{
    gate_lock(s->world->sched, s->gate);
    bool any = s->n_samples > 0;
    if (any) {
        *out = s->sample[0];
        memmove(s->sample, s->sample + 1, --s->n_samples * sizeof s->sample[0]);
    }
    gate_unlock(s->world->sched, s->gate);
    return any;
}
