/* check_catalog.c - `brindle check catalog`: products whose default price is not what it should be.
 */
#include <stdio.h>
#include <string.h>

#include "catalog/health.h"
#include "catalog/impact.h"
#include "cli/catalog.h"
#include "cli/checks.h"
#include "cli/local.h"
#include "cli/output.h"

struct looking {
    struct cli *cli;
    struct env_config *conf;
    bool repair, no_sync;
    const char *owner;
    str owner_key, owner_value;
    json_t *all, *found;
};

static const char *text(const json_t *doc, const char *name)
{
    const char *t = json_string_value(json_object_get(doc, name));

    return t ? t : "";
}

/* Who is touched when the old price goes. */
static enum status add_impact(struct looking *l, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    enum status st = reader_of(l->cli, l->conf, &w, e);
    json_t *x;
    size_t i;

    json_array_foreach(l->found, i, x) {
        ARENA(a, 1 << 20);
        struct impact sum = { 0 };
        if (st == ST_OK)
            st = impact_add(&w.env, str_of(text(x, "price")), &sum, &a, e);
        if (st != ST_OK)
            return st;
        json_object_set_new(x, "subscriptions", json_integer(sum.subscriptions.all));
        json_object_set_new(x, "live_subscriptions", json_integer(sum.subscriptions.live));
        json_object_set_new(x, "payment_links", json_integer(sum.payment_links.live));
    }
    return st;
}

static json_t *mending(const struct looking *l)
{
    json_t *changes = json_array();
    const json_t *x;
    size_t i;

    json_array_foreach(l->found, i, x) {
        const char *what = text(x, "what"), *to = text(x, "successor"), *from = text(x, "price");
        char says[300];
        if (!*to)
            continue;
        bool both = strcmp(what, "default_superseded") == 0;
        snprintf(says, sizeof says, "make %.80s the default of %.80s%s%.80s", to,
                 text(x, "product"), both ? ", then archive " : " in place of ", from);
        json_t *input = both ? json_pack("{s:s, s:s}", "price", from, "default", to)
                             : json_pack("{s:s, s:{s:s}}", "product", text(x, "product"), "set",
                                         "default_price", to);
        json_array_append_new(changes,
                              json_pack("{s:s, s:s, s:s, s:o}", "kind",
                                        both ? "price.archive" : "product.update", "product",
                                        text(x, "product"), "says", says, "input", input));
    }
    return changes;
}

static void print_found(const struct looking *l)
{
    const json_t *x;
    size_t i;

    json_array_foreach(l->found, i, x) {
        if (l->cli->json || !is_terminal(stdout)) {
            json_dumpf(x, stdout, JSON_COMPACT);
            putchar('\n');
            continue;
        }
        printf("%s  %s  %s", text(x, "product"), text(x, "what"), text(x, "price"));
        printf("  %lld subscriptions (%lld live)",
               (long long)json_integer_value(json_object_get(x, "subscriptions")),
               (long long)json_integer_value(json_object_get(x, "live_subscriptions")));
        printf("  %s%s\n", *text(x, "successor") ? "-> " : "several could take its place",
               text(x, "successor"));
    }
}

static enum status mend(struct looking *l, struct error *e)
{
    json_t *changes = mending(l);
    size_t n = json_array_size(changes);
    const json_t *x;
    size_t i;

    json_array_foreach(changes, i, x)
        say("  %zu. %s", i + 1, text(x, "says"));
    enum status st = n ? confirm(l->cli, e, "Make these %zu changes at Stripe?", n) : ST_OK;
    if (st == ST_OK && n)
        st = catalog_carry_out(l->cli, l->conf, changes, e);
    if (st == ST_OK && n < json_array_size(l->found)) {
        say("%zu are for a person to decide: `brindle product update PRODUCT --default PRICE`.",
            json_array_size(l->found) - n);
        cli_exit_with(EXIT_FOUND);
    }
    json_decref(changes);
    return st;
}

static enum status look(struct looking *l, struct error *e)
{
    struct identity id;
    enum status st = cli_load(l->cli, e);

    if (st == ST_OK)
        st = config_env(&l->cli->config, l->cli->env_name, &l->conf, e);
    if (st == ST_OK)
        st = catalog_fresh(l->cli, l->conf, !l->no_sync, &l->all, &id, e);
    if (st != ST_OK)
        return st;
    l->found = catalog_unsound(l->all, l->owner_key, l->owner_value);
    st = add_impact(l, e);
    if (st != ST_OK)
        return st;
    print_found(l);
    if (json_array_size(l->found) == 0) {
        if (!l->cli->json)
            say("%s: every default price is on sale and has its key.", l->conf->name);
        return ST_OK;
    }
    if (l->repair)
        return mend(l, e);
    if (!l->cli->json)
        say("`brindle check catalog --repair` mends them, each whole or not at all.");
    cli_exit_with(EXIT_FOUND);
    return ST_OK;
}

enum status check_catalog(struct cli *cli, struct error *e)
{
    struct looking l = { .cli = cli };
    const struct flag flag[] = { { "repair", FLAG_SWITCH, { .on = &l.repair } },
                                 { "no-sync", FLAG_SWITCH, { .on = &l.no_sync } },
                                 { "owner", FLAG_TEXT, { .text = &l.owner } } };
    struct words words = { 0 };
    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);

    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK && l.owner) {
        l.owner_value = str_cut(str_of(l.owner), '=', &l.owner_key);
        if (!l.owner_key.n || !l.owner_value.n)
            st = fail(e, ST_INVALID, "--owner takes NAME=VALUE, not \"%.100s\".", l.owner);
    }
    if (st != ST_OK)
        return st;
    cli_catch_signals(NULL, NULL);
    st = look(&l, e);
    json_decref(l.all);
    json_decref(l.found);
    return st;
}
