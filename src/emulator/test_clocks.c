/* test_clocks.c - clocks that stand still until they are told to go on, and what lives by them:
 * a customer, and everything that is made for it. Advancing does at once all that would have
 * happened until then, each thing in its second. */
#include "emulator/agenda.h"
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { CLOCK_DAYS = 30, FREE_YEARS = 2, INTERVALS_MAX = 2 };

/* --- which clock a record lives by --- */

static struct test_clock *clock_of(const struct record *r)
{
    for (struct test_clock *k = r->space->clocks; k; k = k->next)
        if (k->record == r)
            return k;
    return NULL;
}

static struct test_clock *clock_named(struct space *s, str id)
{
    struct record *r = id.n ? record_any(s, T_TEST_HELPERS_TEST_CLOCK, id) : NULL;

    return r ? clock_of(r) : NULL;
}

void clock_inherit(struct emulator *e, struct record *r)
{
    if (!e->following || r->type == T_EVENT || r->space != e->following->record->space)
        return;
    r->clock = e->following;
    if (json_is_null(json_object_get(r->doc, "test_clock")))
        set_strz(r->doc, "test_clock", e->following->record->id);
}

/* The clock that a record of that type is. */
static struct test_clock *clock_room(struct record *r)
{
    struct test_clock *k = clock_of(r);

    if (!k) {
        k = must_alloc(sizeof *k);
        *k = (struct test_clock){ .next = r->space->clocks, .record = r };
        r->space->clocks = k;
    }
    return k;
}

void clock_attach(struct record *r)
{
    if (r->type == T_TEST_HELPERS_TEST_CLOCK)
        clock_room(r)->now = get_int(r->doc, "frozen_time");
    str id = r->space->clocks ? get_str(r->doc, "test_clock") : (str){ 0 };
    if (id.p)
        agenda_move(r, clock_named(r->space, id));
}

/* --- which clock a request follows --- */

/* A parameter that names what may live by a clock. */
static struct test_clock *clock_by_param(struct call *c)
{
    static const struct {
        const char *name;
        enum type type;
    } leads[] = { { "customer", T_CUSTOMER },
                  { "subscription", T_SUBSCRIPTION },
                  { "from_subscription", T_SUBSCRIPTION },
                  { "invoice", T_INVOICE },
                  { "payment_intent", T_PAYMENT_INTENT },
                  { "charge", T_CHARGE } };

    for (size_t i = 0; i < COUNT(leads); i++) {
        str id = get_str(c->params, leads[i].name);
        struct record *r = id.n ? record_any(c->space, leads[i].type, id) : NULL;
        if (r && r->clock)
            return r->clock;
    }
    return NULL;
}

static struct test_clock *clock_by_path(struct call *c)
{
    const enum type owner[] = { c->route->type, T_CUSTOMER, T_INVOICE, T_SUBSCRIPTION };

    for (size_t i = 0; i < COUNT(owner) && c->part[0].n; i++) {
        struct record *r = owner[i] == T_NONE ? NULL : record_any(c->space, owner[i], c->part[0]);
        if (r && r->clock)
            return r->clock;
    }
    return NULL;
}

bool clock_follow(struct call *c)
{
    str named = get_str(c->params, "test_clock");
    struct test_clock *k = NULL;

    if (str_eq(c->http->method, S("GET")) || c->route->type == T_NONE)
        return true;
    if (named.n && !named_record(c, T_TEST_HELPERS_TEST_CLOCK, named, "test_clock"))
        return false;
    if (c->space->clocks) {
        k = named.n ? clock_named(c->space, named) : clock_by_path(c);
        if (!k)
            k = clock_by_param(c);
    }
    if (k && is_str(record_doc(k->record), "status", "advancing")) {
        refuse(c, 429, NULL, NULL,
               "Test clock advancement underway - cannot perform modifications");
        return false;
    }
    c->emu->following = k;
    return true;
}

/* --- lists --- */

bool clock_filter(struct call *c, enum type t, bool owned, struct clock_filter *out)
{
    bool hides =
        t == T_CUSTOMER || t == T_SUBSCRIPTION || t == T_QUOTE || t == T_SUBSCRIPTION_SCHEDULE;
    struct args a = args_of(c);
    str id;

    *out = (struct clock_filter){ .all = true };
    if (!hides)
        return true;
    if (arg_text(&a, "test_clock", &id)) {
        if (!named_record(c, T_TEST_HELPERS_TEST_CLOCK, id, "test_clock"))
            return false;
        *out = (struct clock_filter){ .only = clock_named(c->space, id) };
        return true;
    }
    out->all = owned || (t != T_CUSTOMER && arg_str(&a, "customer").n > 0);
    return !c->refused;
}

/* --- what advancing may do --- */

/* Two intervals of the subscription that is renewed most often. */
static int64_t two_intervals(const struct test_clock *k, struct record *sub, int64_t most)
{
    str id = str_of(sub->id);

    for (struct record *si = NULL; (si = owned_next(sub->space, T_SUBSCRIPTION_ITEM, id, si));) {
        const json_t *recurring = get_path(record_doc(si), "price.recurring");
        int64_t end = k->now;
        for (int i = 0; i < INTERVALS_MAX; i++)
            end = period_end(k->now, end, recurring);
        if (end < most)
            most = end;
    }
    return most;
}

/* How far it may go at once. [facts: 10.1] */
static int64_t farthest(const struct test_clock *k)
{
    const struct table *t = &k->record->space->table[T_SUBSCRIPTION];
    json_t *years = json_pack("{s:s,s:i}", "interval", "year", "interval_count", FREE_YEARS);
    int64_t most = period_end(k->now, k->now, years);

    json_decref(years);
    for (size_t i = 0; i < t->n; i++) {
        struct record *sub = t->row[i];
        bool goes_on = sub->clock == k && !sub->deleted && sub->due < INT64_MAX;
        if (goes_on)
            most = two_intervals(k, sub, most);
    }
    return most;
}

/* What is due on an advancing clock is due now: everything that lives by it. */
int64_t test_clock_due(const struct record *r)
{
    if (is_str(r->doc, "status", "advancing"))
        return get_int(r->hidden, "asked");
    return get_int(r->doc, "deletes_after") ? get_int(r->doc, "deletes_after") : INT64_MAX;
}

static void clock_remove(struct call *c, struct record *r)
{
    struct test_clock *k = clock_room(r);
    const struct table *t = &c->space->table[T_CUSTOMER];

    c->emu->following = k;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i]->clock == k && !t->row[i]->deleted)
            customer_remove(c, t->row[i]);
    record_delete(r);
    emit(c, r, "test_helpers.test_clock.deleted");
}

void test_clock_act(struct call *c, struct record *r)
{
    if (!is_str(record_doc(r), "status", "advancing")) {
        clock_remove(c, r);
        return;
    }
    int64_t target = get_int(get_path(r->doc, "status_details.advancing"), "target_frozen_time");
    struct test_clock *k = clock_room(r);
    bool whole = clock_run(c->emu, k, target);
    json_t *before = change_begin(r);
    set_int(r->doc, "frozen_time", k->now);
    set_strz(r->doc, "status", whole ? "ready" : "internal_failure");
    set_new(r->doc, "status_details", json_object());
    change_end(c, r, before,
               whole ? "test_helpers.test_clock.ready"
                     : "test_helpers.test_clock.internal_failure");
}

/* --- /v1/test_helpers/test_clocks --- */

json_t *test_clocks_create(struct call *c)
{
    struct args a = args_of(c);
    int64_t time = 0;
    str name = arg_str(&a, "name");

    if (c->space->livemode)
        return refuse(c, 400, NULL, NULL, "Test clocks can only be used in test mode.");
    arg_int(&a, "frozen_time", &time);
    if (time < 0)
        refuse(c, 400, "parameter_invalid_integer", "frozen_time", "Invalid timestamp: %lld",
               (long long)time);
    if (c->refused)
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_TEST_HELPERS_TEST_CLOCK, NULL);
    set_int(doc, "frozen_time", time);
    set_int(doc, "deletes_after", now_s(c->emu) + CLOCK_DAYS * 86400);
    set_str(doc, "name", name.n ? name : (str){ 0 });
    struct record *r = record_add(c->emu, c->space, T_TEST_HELPERS_TEST_CLOCK, doc);
    emit(c, r, "test_helpers.test_clock.created");
    return answer_record(c, r);
}

/* It answers at once; the clock is ready when all has happened (emulator_advance). */
json_t *test_clocks_advance(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_TEST_HELPERS_TEST_CLOCK);
    int64_t time = 0;

    if (!r || !arg_int(&a, "frozen_time", &time))
        return NULL;
    struct test_clock *k = clock_room(r);
    if (is_str(record_doc(r), "status", "advancing"))
        return refuse(c, 429, NULL, NULL,
                      "Test clock advancement underway - cannot perform modifications");
    if (time <= k->now)
        return refuse(c, 400, NULL, "frozen_time",
                      "The frozen_time must be after the test clock's present one (%lld).",
                      (long long)k->now);
    if (time > farthest(k))
        return refuse(c, 400, NULL, "frozen_time",
                      "A test clock can be advanced by at most two intervals of its shortest "
                      "subscription, or by two years when there is none: to %lld now.",
                      (long long)farthest(k));
    json_t *before = change_begin(r);
    record_hide(r, "asked", json_integer(wall_s(c->emu)));
    set_strz(r->doc, "status", "advancing");
    set_new(r->doc, "status_details",
            json_pack("{s:{s:I}}", "advancing", "target_frozen_time", (json_int_t)time));
    change_end(c, r, before, "test_helpers.test_clock.advancing");
    return answer_record(c, r);
}

json_t *test_clocks_delete(struct call *c)
{
    struct record *r = path_record(c, T_TEST_HELPERS_TEST_CLOCK);

    if (!r)
        return NULL;
    clock_remove(c, r);
    return answer_deleted(c, T_TEST_HELPERS_TEST_CLOCK, str_of(r->id));
}

json_t *test_clocks_get(struct call *c)
{
    struct record *r = path_record(c, T_TEST_HELPERS_TEST_CLOCK);

    return r ? answer_record(c, r) : NULL;
}

json_t *test_clocks_list(struct call *c)
{
    return answer_list(c, &(struct list_query){ .type = T_TEST_HELPERS_TEST_CLOCK });
}
