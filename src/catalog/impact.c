#include "catalog/impact.h"

#include "world/tx.h"

static const struct kind {
    const char *type, *one, *several;
    size_t at;
} kinds[] = {
    { "subscription", "subscription", "subscriptions", offsetof(struct impact, subscriptions) },
    { "subscription_schedule", "schedule", "schedules", offsetof(struct impact, schedules) },
    { "quote", "quote", "quotes", offsetof(struct impact, quotes) },
    { "payment_link", "payment link", "payment links", offsetof(struct impact, payment_links) },
    { "checkout.session", "checkout session", "checkout sessions",
      offsetof(struct impact, sessions) },
};

static const struct impact_count *count_of(const struct impact *i, const struct kind *k)
{
    return (const struct impact_count *)(const void *)((const char *)i + k->at);
}

enum status impact_add(struct env *env, str price, struct impact *sum, struct arena *a,
                       struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_IMPACT, &r, a, e, v_account(env), V_STR(price));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows; i++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            struct impact_count *c = (struct impact_count *)(void *)((char *)sum + kinds[k].at);
            if (!str_eqz(row_str(&r, i, 0), kinds[k].type))
                continue;
            c->all += row_int(&r, i, 1);
            c->live += row_int(&r, i, 2);
        }
    return ST_OK;
}

str impact_text(const struct impact *i, struct arena *a)
{
    str out = { 0 };

    for (size_t k = 0; k < COUNT(kinds); k++) {
        const struct impact_count *c = count_of(i, &kinds[k]);
        if (c->all)
            out = arena_printf(a, "%.*s%s%lld %s (%lld live)", STR_ARG(out), out.n ? ", " : "",
                               (long long)c->all, c->all == 1 ? kinds[k].one : kinds[k].several,
                               (long long)c->live);
    }
    return out;
}
