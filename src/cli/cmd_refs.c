#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/mirror/references.h"
#include "core/resource.h"

enum { REFS_BYTES_MAX = 64 << 20 };

static str named(const char *type, struct error *e, enum status *st)
{
    const struct resource *r = type ? resource_by_name(str_of(type)) : NULL;

    *st = !type || r ? ST_OK
                     : fail(e, ST_INVALID,
                            "There is no type \"%s\"; `brindle status --types` lists them.", type);
    return r ? str_of(r->type) : S("");
}

static str number(struct arena *a, str json, const char *member)
{
    int64_t n = 0;

    json_int(json, str_of(member), &n);
    return arena_printf(a, "%lld", (long long)n);
}

static void print_hanging(str object)
{
    ARENA(a, REFS_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "REFERRED BY", "FIELD", "ALIVE", "DELETED", "FOR INSTANCE" },
                       .right = { [2] = true, [3] = true },
                       .n_columns = 5 };
    struct json_reader r;

    json_init(&r, json_member(object, S("referred_by")).text);
    (void)json_next(&r);
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r)) {
        str through = json_text(v.text, S("through"), &a);
        str type = json_text(v.text, S("type"), &a);
        const str cell[] = { through.n ? arena_printf(&a, "%.*s, through its %.*s", STR_ARG(type),
                                                      STR_ARG(through))
                                       : type,
                             json_text(v.text, S("field"), &a), number(&a, v.text, "count"),
                             number(&a, v.text, "deleted"), json_text(v.text, S("example"), &a) };
        table_row(&t, cell);
    }
    if (t.n_rows)
        table_print(&t, stdout);
    else
        printf("  nothing refers to it\n");
}

static void print_own(str object)
{
    ARENA(a, REFS_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "REFERS TO", "TYPE", "ID", "STATE" },
                       .n_columns = 4 };
    struct json_reader r;

    json_init(&r, json_member(object, S("refers_to")).text);
    (void)json_next(&r);
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r)) {
        const str cell[] = { json_text(v.text, S("field"), &a), json_text(v.text, S("type"), &a),
                             json_text(v.text, S("id"), &a), json_text(v.text, S("state"), &a) };
        table_row(&t, cell);
    }
    if (t.n_rows) {
        putchar('\n');
        table_print(&t, stdout);
    }
}

static void print_objects(const char *id, str json)
{
    ARENA(a, REFS_BYTES_MAX);
    struct json_reader r;

    json_init(&r, json_member(json, S("objects")).text);
    (void)json_next(&r);
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r)) {
        enum json_type deleted = json_bool(v.text, S("deleted"));
        printf("%s%.*s %s%s%s\n", color_on(stdout, COLOR_BOLD),
               STR_ARG(json_text(v.text, S("type"), &a)), id, color_off(stdout),
               deleted == JSON_TRUE    ? "  (deleted)"
               : deleted == JSON_FALSE ? ""
                                       : "  (not in the mirror)");
        print_hanging(v.text);
        print_own(v.text);
    }
}

static void print_page(void *ctx, str page)
{
    (void)ctx;
    fwrite(page.p, 1, page.n, stdout);
}

enum status cmd_refs(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, REFS_BYTES_MAX);
    const struct pages lines = { .take = print_page };
    const char *type = NULL;
    bool all = false;
    const struct flag flag[] = { { "type", FLAG_TEXT, { .text = &type } },
                                 { "all", FLAG_SWITCH, { .on = &all } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st != ST_OK)
        return st;
    str only = named(type, e, &st);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st == ST_OK)
        st = all ? references_to(&w.env, only, str_of(words.word[0]), &out, &lines, e)
                 : references_of(&w.env, only, str_of(words.word[0]), &out, e);
    if (st == ST_NONE) {
        error_clear(e);
        return fail(e, ST_NONE,
                    "The mirror of %s knows nothing of %s; `brindle sync %s%s%s` asks "
                    "Stripe for it.",
                    w.env.name, words.word[0], words.word[0], ENV_ACCOUNT_FLAG(&w.env));
    }
    if (st != ST_OK)
        return st;
    if (all)
        return ST_OK;
    if (cli->json || !is_terminal(stdout))
        printf("%.*s\n", STR_ARG(buf_str(&out)));
    else
        print_objects(words.word[0], buf_str(&out));
    return ST_OK;
}
