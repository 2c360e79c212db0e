#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/check_duplicates.h"
#include "cli/checks.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/mirror/derived.h"
#include "core/mirror/drift.h"
#include "core/mirror/hidden.h"
#include "core/mirror/references.h"

enum { CHECK_BYTES_MAX = 64 << 20, ORDER_BYTES_MAX = 64 << 10 };

struct checking {
    struct cli *cli;
    struct env_config *conf;
    struct words words; /* what, and the types */
    bool repair;
};

/* Only the last line counts: how the work went shows in what is found afterwards. */
static bool on_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return !cli_interrupted();
}

/* --- references ---------------------------------------------------------------------------- */

static void add_dangling(struct table *t, str line)
{
    struct arena *a = t->arena;
    struct json_token from = json_member(line, S("from"));
    int64_t n = 0;

    json_int(line, S("references"), &n);
    str error = json_text(line, S("error"), a), answer = json_text(line, S("answer"), a);
    const str cell[] = { json_text(line, S("type"), a),
                         json_text(line, S("id"), a),
                         json_text(line, S("state"), a),
                         arena_printf(a, "%lld", (long long)n),
                         arena_printf(a, "%.*s %.*s", STR_ARG(json_text(from.text, S("id"), a)),
                                      STR_ARG(json_text(from.text, S("field"), a))),
                         error.n ? error : answer };
    table_row(t, cell);
}

static enum status list_dangling(const struct cli *cli, struct env *env, struct dangling *n,
                                 struct error *e)
{
    ARENA(a, CHECK_BYTES_MAX);
    BUF(out, CHECK_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "TYPE", "ID", "STATE", "TIMES", "FOR INSTANCE FROM", "" },
                       .right = { [3] = true },
                       .n_columns = 6 };
    struct line_printer p = { cli, &t, add_dangling };
    const struct pages pages = { line_printer_take, &p };
    enum status st = references_dangling(env, &out, &pages, n, e);

    if (st == ST_OK)
        line_printer_end(&p);
    return st;
}

static void say_dangling(const struct checking *c, const struct dangling *n)
{
    if (n->wanted + n->absent + n->foreign == 0) {
        say("%s: every reference is resolved.", c->conf->name);
        return;
    }
    say("%s: %lld wanted, %lld absent at Stripe, %lld of another mode or account.", c->conf->name,
        (long long)n->wanted, (long long)n->absent, (long long)n->foreign);
    if (n->dead)
        say("%lld of the wanted were given up: `brindle inbox dead` says why.", (long long)n->dead);
    if (n->wanted && !c->repair)
        say("`brindle check refs --repair` fetches what can be had.");
}

static enum status check_refs(struct checking *c, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct dangling n;
    enum status st = ST_OK;

    if (c->words.n_words > 1)
        return fail(e, ST_INVALID, "`brindle check refs` takes no types.");
    if (c->repair)
        st = local_run(c->cli, c->conf, S("{\"op\":\"repair_refs\"}"), on_line, NULL, e);
    if (st == ST_OK)
        st = reader_of(c->cli, c->conf, &w, e);
    if (st == ST_OK)
        st = list_dangling(c->cli, &w.env, &n, e);
    if (st != ST_OK)
        return st;
    if (!c->cli->json)
        say_dangling(c, &n);
    if (n.wanted + n.absent + n.foreign)
        cli_exit_with(EXIT_FOUND);
    return ST_OK;
}

/* --- drift --------------------------------------------------------------------------------- */

static bool is_named(const struct checking *c, const struct resource *r)
{
    for (size_t i = 1; i < c->words.n_words; i++)
        if (resource_by_name(str_of(c->words.word[i])) == r)
            return true;
    return c->words.n_words == 1;
}

static enum status order_drift(struct checking *c, struct error *e)
{
    BUF(line, ORDER_BYTES_MAX);
    struct json_writer w = { .b = &line };

    jw_object(&w);
    jw_put_str(&w, "op", S("drift"));
    jw_key(&w, S("args"));
    jw_array(&w);
    for (size_t i = 1; i < c->words.n_words; i++)
        jw_str(&w, str_of(c->words.word[i]));
    jw_end(&w);
    jw_put_bool(&w, "repair", c->repair);
    jw_put_bool(&w, "yes", c->cli->yes);
    jw_end(&w);
    return local_run(c->cli, c->conf, buf_str(&line), on_line, NULL, e);
}

static enum status read_drift(struct checking *c, struct env *env, struct buf *out,
                              struct drift_counts *n, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < resource_count && st == ST_OK; i++)
        if (drift_checks(env, &resource_table[i]) && is_named(c, &resource_table[i]))
            st = drift_report(env, &resource_table[i], out, n, e);
    return st;
}

static void add_difference(struct table *t, str line)
{
    const str cell[] = { json_text(line, S("type"), t->arena), json_text(line, S("id"), t->arena),
                         json_text(line, S("what"), t->arena), json_member(line, S("fields")).text,
                         json_text(line, S("state"), t->arena) };

    table_row(t, cell);
}

static void print_drift(const struct cli *cli, str lines)
{
    ARENA(a, CHECK_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "TYPE", "ID", "WHAT", "FIELDS", "STATE" },
                       .n_columns = 5 };

    print_lines(cli, lines, &t, add_difference);
}

static void say_drift(const struct checking *c, const struct drift_counts *n)
{
    if (n->found == 0)
        say("%s: the mirror is what Stripe has.", c->conf->name);
    else if (!c->repair)
        say("%s: %lld differences; `brindle check drift --repair` mends them.", c->conf->name,
            (long long)n->found);
    else
        say("%s: %lld differences, %lld mended, %lld not.", c->conf->name, (long long)n->found,
            (long long)n->mended, (long long)(n->found - n->mended));
    if (n->hidden)
        say("%lld of what is there %s shown by no list of Stripe's, and asked for once in %d days; "
            "events "
            "tell what becomes of it.",
            (long long)n->hidden, n->hidden == 1 ? "is" : "are", HIDDEN_REST_DAYS);
    if (n->failed)
        say("`brindle inbox dead` says why; where it is the fuse, look at what is gone, then say "
            "`brindle check drift --repair --yes`.");
}

static enum status check_drift(struct checking *c, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, CHECK_BYTES_MAX);
    struct drift_counts n = { 0 };
    enum status st = order_drift(c, e);

    if (st == ST_OK)
        st = reader_of(c->cli, c->conf, &w, e);
    if (st == ST_OK)
        st = read_drift(c, &w.env, &out, &n, e);
    if (st != ST_OK)
        return st;
    print_drift(c->cli, buf_str(&out));
    if (!c->cli->json)
        say_drift(c, &n);
    if (n.found > n.mended)
        cli_exit_with(EXIT_FOUND);
    return ST_OK;
}

/* --- what is derived ------------------------------------------------------------------------ */

static bool on_counts(void *ctx, str line)
{
    struct derived_counts *n = ctx;

    json_int(line, S("objects"), &n->objects);
    json_int(line, S("references"), &n->references);
    json_int(line, S("states"), &n->states);
    json_int(line, S("users"), &n->users);
    return !cli_interrupted();
}

static void print_counts(const struct checking *c, const struct derived_counts *n)
{
    BUF(out, ORDER_BYTES_MAX);
    struct json_writer w = { .b = &out };
    bool wrong = n->references + n->states + n->users != 0;

    jw_object(&w);
    jw_put_int(&w, "objects", n->objects);
    jw_put_int(&w, "references", n->references);
    jw_put_int(&w, "states", n->states);
    jw_put_int(&w, "users", n->users);
    jw_put_bool(&w, "repaired", wrong && c->repair);
    jw_end(&w);
    if (c->cli->json)
        printf("%.*s\n", STR_ARG(buf_str(&out)));
    else if (wrong)
        say("%s: of %lld objects %lld had other references, %lld customers another state, %lld "
            "another user; %s",
            c->conf->name, (long long)n->objects, (long long)n->references, (long long)n->states,
            (long long)n->users,
            c->repair ? "they were made anew."
                      : "`brindle check derived --repair` makes them anew.");
    else
        say("%s: what is made of %lld objects is as they say.", c->conf->name,
            (long long)n->objects);
}

static enum status check_derived(struct checking *c, struct error *e)
{
    struct derived_counts n = { 0 };

    if (c->words.n_words > 1)
        return fail(e, ST_INVALID, "`brindle check derived` takes no types.");
    enum status st =
        local_run(c->cli, c->conf,
                  c->repair ? S("{\"op\":\"derived\",\"repair\":true}") : S("{\"op\":\"derived\"}"),
                  on_counts, &n, e);
    if (st != ST_OK)
        return st;
    print_counts(c, &n);
    if (n.references + n.states + n.users && !c->repair)
        cli_exit_with(EXIT_FOUND);
    return ST_OK;
}

static enum status duplicates(struct checking *c, struct error *e)
{
    if (c->words.n_words > 1)
        return fail(e, ST_INVALID, "`brindle check duplicates` takes no types.");
    if (c->repair)
        return fail(e, ST_INVALID,
                    "`brindle check duplicates` mends nothing: which customer or subscription is "
                    "to stay, a person decides.");
    return check_duplicates(c->cli, c->conf, e);
}

/* --- the command --------------------------------------------------------------------------- */

enum status cmd_check(struct cli *cli, struct error *e)
{
    static const struct {
        const char *name;
        enum status (*run)(struct checking *c, struct error *e);
    } sub[] = { { "refs", check_refs },
                { "drift", check_drift },
                { "derived", check_derived },
                { "duplicates", duplicates } };
    struct checking c = { .cli = cli };
    const struct flag flag[] = { { "repair", FLAG_SWITCH, { .on = &c.repair } } };

    if (cli->argc > 1 && strcmp(cli->argv[1], "leftovers") == 0) {
        if (cli->account)
            return fail(e, ST_INVALID,
                        "`brindle check leftovers` looks at all accounts: it has no --account.");
        return check_leftovers(cli, e);
    }
    if (cli->argc > 1 && strcmp(cli->argv[1], "catalog") == 0)
        return check_catalog(cli, e);
    enum status st = flags_read(cli, flag, COUNT(flag), &c.words, e);
    if (st != ST_OK)
        return st;
    if (c.words.n_words == 0)
        return fail(e, ST_INVALID,
                    "Say what to check: `brindle check refs`, `drift`, `derived`, `duplicates`, "
                    "`catalog` or `leftovers`.");
    for (size_t i = 0; i < COUNT(sub); i++) {
        if (strcmp(sub[i].name, c.words.word[0]) != 0)
            continue;
        st = cli_load(cli, e);
        if (st == ST_OK)
            st = config_env(&cli->config, cli->env_name, &c.conf, e);
        return st == ST_OK ? sub[i].run(&c, e) : st;
    }
    return fail(e, ST_INVALID,
                "`brindle check` knows refs, drift, derived, duplicates, catalog and leftovers, "
                "not \"%s\".",
                c.words.word[0]);
}
