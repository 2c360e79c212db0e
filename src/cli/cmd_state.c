#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/customer/state.h"
#include "core/customer/user.h"

enum { STATE_BYTES_MAX = 32 << 20, DAY_TEXT_MAX = 32 };

/* Stripe's seconds as a day in UTC. */
static const char *day_text(int64_t seconds, char out[DAY_TEXT_MAX])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(out, DAY_TEXT_MAX, "%Y-%m-%d", &tm);
    return out;
}

static void line(const char *name, str value)
{
    if (!value.n)
        return;
    printf("  %-10s ", name);
    print_clean(stdout, value);
    putchar('\n');
}

static void show_period(str value, struct arena *a)
{
    char from[DAY_TEXT_MAX], to[DAY_TEXT_MAX];
    int64_t start, end;

    if (!json_int(value, S("currentPeriodStart"), &start) ||
        !json_int(value, S("currentPeriodEnd"), &end))
        return;
    bool ends = json_bool(value, S("cancelAtPeriodEnd")) == JSON_TRUE;
    line("period", arena_printf(a, "%s to %s%s", day_text(start, from), day_text(end, to),
                                ends ? ", then it ends" : ""));
}

static void show_payment_method(str value, struct arena *a)
{
    struct json_token t = json_member(value, S("paymentMethod"));

    if (t.type != JSON_OBJECT)
        return;
    str brand = json_text(t.text, S("brand"), a), type = json_text(t.text, S("type"), a);
    str last4 = json_text(t.text, S("last4"), a);
    line("pays with",
         arena_printf(a, "%.*s %.*s", STR_ARG(brand.n ? brand : type), STR_ARG(last4)));
}

/* All but the current one. */
static void show_others(str value, str current, struct arena *a)
{
    struct json_reader r;

    json_init(&r, json_member(value, S("subscriptions")).text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        str id = json_text(t.text, S("id"), a), status = json_text(t.text, S("status"), a);
        if (!str_eq(id, current))
            line("also", arena_printf(a, "%.*s %.*s", STR_ARG(id), STR_ARG(status)));
    }
}

static size_t count_live(str value)
{
    struct json_reader r;
    size_t n = 0;

    json_init(&r, json_member(value, S("liveSubscriptions")).text);
    (void)json_next(&r);
    while (json_value(&r).type == JSON_STRING)
        n++;
    return n;
}

static void show(const struct customer_state *s, const char *customer, msec now, struct arena *a)
{
    str status = json_text(s->value, S("status"), a);
    str current = json_text(s->value, S("subscriptionId"), a);
    static const char *const from[] = { "", "its own sync", "the list of subscriptions",
                                        "the list of events" };
    size_t live = count_live(s->value);
    char span[32];

    printf("%s%s %s%.*s%s %.*s\n", customer,
           json_bool(s->value, S("deleted")) == JSON_TRUE ? " (deleted)" : "",
           color_on(stdout, COLOR_BOLD), STR_ARG(status), color_off(stdout), STR_ARG(current));
    line("price", json_text(s->value, S("priceId"), a));
    show_period(s->value, a);
    show_payment_method(s->value, a);
    show_others(s->value, current, a);
    duration_text(now - s->changed_at, span);
    line("changed", arena_printf(a, "%s ago, revision %lld", span, (long long)s->revision));
    if (s->horizon.up_to) {
        duration_text(now - s->horizon.up_to, span);
        line("complete", arena_printf(a, "up to %s ago, from %s", span, from[s->horizon.by]));
    }
    if (live > 1)
        say("brindle: %s has %zu live subscriptions at once.", customer, live);
    if (s->is_none && !s->complete)
        say("brindle: the subscriptions have not been listed yet: there may be some. Run `brindle "
            "sync`.");
    if (s->stale_since) {
        duration_text(now - s->stale_since, span);
        say("brindle: this may be %s old: %.*s.", span, STR_ARG(s->stale_why));
    }
}

/* The one that is named, or that of the user who is. */
static enum status find_customer(struct env *env, const char *user, const struct words *words,
                                 const char **out, struct arena *a, struct error *e)
{
    struct user u;

    if (!user) {
        *out = words->word[0];
        return ST_OK;
    }
    enum status st = user_find(env, str_of(user), &u, a, e);
    if (st == ST_OK)
        *out = u.customer.p;
    return st;
}

enum status cmd_state(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    ARENA(a, STATE_BYTES_MAX);
    struct words words = { 0 };
    struct customer_state s;
    const char *user = NULL, *customer;
    const struct flag flag[] = { { "user", FLAG_TEXT, { .text = &user } } };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, user ? 0 : 1, user ? 0 : 1, e);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st == ST_OK)
        st = find_customer(&w.env, user, &words, &customer, &a, e);
    if (st == ST_OK)
        st = state_get(&w.env, str_of(customer), &s, &a, e);
    if (st != ST_OK)
        return st;
    msec now = clock_wall(w.world.clock);
    if (!cli->json && is_terminal(stdout)) {
        show(&s, customer, now, &a);
        return ST_OK;
    }
    BUF(out, STATE_BYTES_MAX);
    state_print(&s, now, &out);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
    return ST_OK;
}
