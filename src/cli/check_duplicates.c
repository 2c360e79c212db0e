#include "cli/check_duplicates.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/wire.h"
#include "core/customer/duplicates.h"

enum { CHECK_BYTES_MAX = 64 << 20 };

/* "cus_1 cus_2": and of each what is live, with its amount. */
static str customers_text(str line, struct arena *a)
{
    struct json_reader r, subs;
    str text = { 0 };

    json_init(&r, json_member(line, S("customers")).text);
    (void)json_next(&r);
    for (struct json_token c; (c = json_value(&r)).type == JSON_OBJECT;) {
        str id = json_text(c.text, S("id"), a);
        bool bound = json_bool(c.text, S("bound")) == JSON_TRUE;
        text = arena_printf(a, "%.*s%s%.*s%s", STR_ARG(text), text.n ? ", " : "", STR_ARG(id),
                            bound ? " (bound)" : "");
        json_init(&subs, json_member(c.text, S("subscriptions")).text);
        (void)json_next(&subs);
        for (struct json_token t; (t = json_value(&subs)).type == JSON_OBJECT;)
            if (json_bool(t.text, S("live")) == JSON_TRUE)
                text = arena_printf(a, "%.*s %.*s %.*s %.*s", STR_ARG(text),
                                    STR_ARG(json_text(t.text, S("id"), a)),
                                    STR_ARG(json_member(t.text, S("amount")).text),
                                    STR_ARG(json_text(t.text, S("currency"), a)));
    }
    int64_t more = 0;
    return json_int(line, S("more"), &more)
               ? arena_printf(a, "%.*s, and %lld more", STR_ARG(text), (long long)more)
               : text;
}

static void add_duplicate(struct table *t, str line)
{
    static const char *const name[] = { "user", "email", "customer", "type" };
    struct arena *a = t->arena;
    str why = json_text(line, S("why"), a), who = { 0 };

    for (size_t i = 0; i < COUNT(name) && !who.n; i++)
        who = json_text(line, str_of(name[i]), a);
    const str cell[] = { json_text(line, S("kind"), a), who,
                         json_bool(line, S("severalLive")) == JSON_TRUE ? S("several live") : S(""),
                         why.n ? why : customers_text(line, a) };
    table_row(t, cell);
}

static void print_duplicates(const struct cli *cli, str lines)
{
    ARENA(a, CHECK_BYTES_MAX);
    struct table t = { .arena = &a, .head = { "KIND", "WHO", "", "CUSTOMERS" }, .n_columns = 4 };

    if (cli->json || !is_terminal(stdout)) {
        fwrite(lines.p, 1, lines.n, stdout);
        return;
    }
    while (lines.n) {
        str line;
        lines = str_cut(lines, '\n', &line);
        if (line.n)
            add_duplicate(&t, line);
    }
    if (t.n_rows)
        table_print(&t, stdout);
}

enum status check_duplicates(struct cli *cli, const struct env_config *conf, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, CHECK_BYTES_MAX);
    struct duplicates n;

    enum status st = reader_of(cli, conf, &w, e);
    if (st == ST_OK)
        st = duplicates_find(&w.env, &out, &n, e);
    if (st != ST_OK)
        return st;
    print_duplicates(cli, buf_str(&out));
    if (!cli->json)
        say("%s: %lld users and %lld e-mail addresses with several customers, %lld times several "
            "live subscriptions, %lld unknown.",
            conf->name, (long long)n.users, (long long)n.emails, (long long)n.subscriptions,
            (long long)n.unknown);
    if (n.users + n.emails + n.subscriptions + n.unknown)
        cli_exit_with(EXIT_FOUND);
    return ST_OK;
}
