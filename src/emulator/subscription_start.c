/* subscription_start.c - when a new subscription begins: now, or on a day that was chosen, so that
 * its first period is shorter than the others, or in the past. */
#include "emulator/subscriptions.h"

#include <string.h>
#include <time.h>

enum { PERIODS_BACK_MAX = 5000 };

/* {interval, interval_count} of the first item; a new reference. */
static json_t *recurring_of(const struct item_order *first)
{
    struct args data, recurring;
    int64_t count = 1;

    if (first->price)
        return json_deep_copy(json_object_get(record_doc(first->price), "recurring"));
    if (!args_sub(&first->args, "price_data", &data) || !args_sub(&data, "recurring", &recurring))
        return json_object();
    arg_int(&recurring, "interval_count", &count);
    json_t *r = json_object();
    set_str(r, "interval", arg_str(&recurring, "interval"));
    set_int(r, "interval_count", count);
    return r;
}

/* The beginning of the whole period that ends at `end`. */
static int64_t period_before(int64_t end, const json_t *recurring)
{
    str interval = get_str(recurring, "interval");
    int64_t n = get_int(recurring, "interval_count");

    if (n < 1)
        n = 1;
    if (str_eq(interval, S("day")) || str_eq(interval, S("week")))
        return end - n * (str_eq(interval, S("day")) ? 86400 : 7 * 86400);
    return add_months(end, -n * (str_eq(interval, S("year")) ? 12 : 1));
}

static int64_t config_member(const struct args *a, const char *name, json_t *shown, int64_t missing)
{
    int64_t v = missing;
    bool given = arg_int(a, name, &v);

    set_new(shown, name, given ? json_integer(v) : json_null());
    return v;
}

/* The next such day, at the time of day that it is now unless another is said. */
static bool config_read(const struct args *a, int64_t now, struct beginning *b)
{
    struct args config;
    time_t t = (time_t)now;
    struct tm tm;

    if (!args_sub(a, "billing_cycle_anchor_config", &config))
        return false;
    gmtime_r(&t, &tm);
    b->config = json_object();
    int64_t day = config_member(&config, "day_of_month", b->config, 1);
    tm.tm_hour = (int)config_member(&config, "hour", b->config, tm.tm_hour);
    tm.tm_min = (int)config_member(&config, "minute", b->config, tm.tm_min);
    tm.tm_mon = (int)config_member(&config, "month", b->config, tm.tm_mon + 1) - 1;
    tm.tm_sec = (int)config_member(&config, "second", b->config, tm.tm_sec);
    tm.tm_mday = 1;
    int64_t month = (int64_t)timegm(&tm), at = month + (day - 1) * 86400;
    int64_t step = arg_given(&config, "month") ? 12 : 1;
    for (int64_t i = 1; at <= now || at >= add_months(month, 1); i++) {
        if (at > now) { /* a month without that day: its last one */
            at = add_months(month, 1) - 86400;
            break;
        }
        month = add_months(month, step);
        at = month + (day - 1) * 86400;
        if (i > 24)
            break;
    }
    b->anchor = at;
    return !a->c->refused;
}

/* From now to the anchor is a part of a period. */
static bool anchored(const struct args *a, const json_t *recurring, int64_t now,
                     struct beginning *b)
{
    struct call *c = a->c;
    str proration = arg_str(a, "proration_behavior");

    if (b->anchor <= now || b->anchor > period_end(now, now, recurring))
        return refuse(c, 400, NULL, "billing_cycle_anchor", "billing_cycle_anchor cannot be %s.",
                      b->anchor <= now ? "in the past"
                                       : "later than next natural billing date for plan");
    int64_t before = period_before(b->anchor, recurring);
    b->first_end = b->anchor;
    b->part =
        str_eq(proration, S("none")) ? 0 : (double)(b->anchor - now) / (double)(b->anchor - before);
    return true;
}

/* The period that now falls into, counted from the day in the past. */
static bool backdated(const struct args *a, const json_t *recurring, int64_t now,
                      struct beginning *b)
{
    int64_t at = now;

    if (!arg_int(a, "backdate_start_date", &at))
        return !a->c->refused;
    if (at > now)
        return refuse(a->c, 400, NULL, "backdate_start_date",
                      "backdate_start_date must be in the past.");
    b->start = b->anchor = at;
    int64_t end = period_end(at, at, recurring);
    for (unsigned i = 0; end <= now && i < PERIODS_BACK_MAX; i++) {
        at = end;
        end = period_end(b->anchor, at, recurring);
    }
    b->first_start = at;
    b->first_end = end;
    return true;
}

bool beginning_read(const struct args *a, const struct item_order *first, int64_t trial_end,
                    struct beginning *b)
{
    int64_t now = now_s(a->c->emu);
    bool trial = trial_end > now;

    *b = (struct beginning){ .start = now, .anchor = now, .first_start = now, .part = -1 };
    json_t *recurring = recurring_of(first);
    bool chosen = arg_int(a, "billing_cycle_anchor", &b->anchor) || config_read(a, now, b);
    bool fine = !a->c->refused && (chosen ? trial || anchored(a, recurring, now, b)
                                          : backdated(a, recurring, now, b));
    json_decref(recurring);
    if (trial) {
        b->first_end = trial_end;
        if (!chosen)
            b->anchor = trial_end;
    }
    return fine;
}
