/* cmd_price.c - `brindle price …` and `brindle product …`: flags into the input of an operation. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/operation.h"
#include "cli/output.h"

enum verb {
    PRICE_REPLACE = 1 << 0,
    PRICE_ARCHIVE = 1 << 1,
    PRICE_ACTIVATE = 1 << 2,
    PRICE_CREATE = 1 << 3,
    PRICE_UPDATE = 1 << 4,
    PRODUCT_CREATE = 1 << 5,
    PRODUCT_UPDATE = 1 << 6,
    PRODUCT_ARCHIVE = 1 << 7,
    PRODUCT_ACTIVATE = 1 << 8,
    PRODUCT_DELETE = 1 << 9,
};

enum { SHAPES = PRICE_REPLACE | PRICE_CREATE | PRICE_UPDATE, WRITES = SHAPES | PRODUCT_CREATE };

/* What a flag sets in the request. `price update` takes those of immutable fields, too: then the
 * operation says what to do instead. */
static const struct param {
    const char *flag, *name;
    unsigned verbs;
} param_table[] = {
    { "amount", "unit_amount", WRITES },
    { "amount-decimal", "unit_amount_decimal", WRITES },
    { "currency", "currency", WRITES },
    { "interval", "recurring[interval]", WRITES },
    { "interval-count", "recurring[interval_count]", WRITES },
    { "usage-type", "recurring[usage_type]", SHAPES },
    { "meter", "recurring[meter]", SHAPES },
    { "nickname", "nickname", SHAPES },
    { "tax-behavior", "tax_behavior", WRITES },
    { "lookup-key", "lookup_key", PRICE_CREATE | PRICE_UPDATE },
    { "active", "active", PRICE_UPDATE },
    { "name", "name", PRODUCT_CREATE | PRODUCT_UPDATE },
    { "id", "id", PRODUCT_CREATE },
    { "description", "description", PRODUCT_CREATE | PRODUCT_UPDATE },
    { "url", "url", PRODUCT_CREATE | PRODUCT_UPDATE },
    { "unit-label", "unit_label", PRODUCT_CREATE | PRODUCT_UPDATE },
    { "statement-descriptor", "statement_descriptor", PRODUCT_CREATE | PRODUCT_UPDATE },
    { "tax-code", "tax_code", PRODUCT_CREATE | PRODUCT_UPDATE },
    { "default", "default_price", PRODUCT_UPDATE },
};

/* Switches of the operation itself. */
static const struct option {
    const char *flag, *member;
    unsigned verbs;
} option_table[] = {
    { "clear-default", "clear_default", PRICE_ARCHIVE | PRODUCT_UPDATE },
    { "allow-unsellable", "allow_unsellable", PRICE_ARCHIVE | PRICE_UPDATE },
    { "own", "own", PRICE_ARCHIVE | PRICE_REPLACE },
    { "take-key", "take_key", PRICE_CREATE | PRICE_UPDATE },
    { "make-default", "make_default", PRICE_CREATE },
};

static const struct verb_info {
    const char *noun, *name, *kind;
    enum verb verb;
    const char *takes; /* the member that its argument is; NULL: no argument */
} verb_table[] = {
    { "price", "replace", "price.replace", PRICE_REPLACE, "price" },
    { "price", "archive", "price.archive", PRICE_ARCHIVE, "price" },
    { "price", "activate", "price.activate", PRICE_ACTIVATE, "price" },
    { "price", "create", "price.create", PRICE_CREATE, "product" },
    { "price", "update", "price.update", PRICE_UPDATE, "price" },
    { "product", "create", "product.create", PRODUCT_CREATE, NULL },
    { "product", "update", "product.update", PRODUCT_UPDATE, "product" },
    { "product", "archive", "product.archive", PRODUCT_ARCHIVE, "product" },
    { "product", "activate", "product.activate", PRODUCT_ACTIVATE, "product" },
    { "product", "delete", "product.delete", PRODUCT_DELETE, "product" },
};

enum { FLAGS_MAX = COUNT(param_table) + COUNT(option_table) + 6 };

struct order {
    const struct verb_info *v;
    const char *value[COUNT(param_table)];
    bool on[COUNT(option_table)];
    struct flag_list metadata, set;
    const char *successor, *key;
    bool dry_run;
    struct words words;
    struct flag flag[FLAGS_MAX];
    size_t n_flags;
};

static void add_flag(struct order *o, struct flag f)
{
    assert(o->n_flags < FLAGS_MAX);
    o->flag[o->n_flags++] = f;
}

static void make_flags(struct order *o)
{
    for (size_t i = 0; i < COUNT(param_table); i++)
        if (param_table[i].verbs & o->v->verb)
            add_flag(o, (struct flag){ param_table[i].flag, FLAG_TEXT, { .text = &o->value[i] } });
    for (size_t i = 0; i < COUNT(option_table); i++)
        if (option_table[i].verbs & o->v->verb)
            add_flag(o, (struct flag){ option_table[i].flag, FLAG_SWITCH, { .on = &o->on[i] } });
    if (o->v->verb & (SHAPES | PRODUCT_CREATE | PRODUCT_UPDATE)) {
        add_flag(o, (struct flag){ "metadata", FLAG_LIST, { .list = &o->metadata } });
        add_flag(o, (struct flag){ "set", FLAG_LIST, { .list = &o->set } });
    }
    if (o->v->verb & PRICE_ARCHIVE)
        add_flag(o, (struct flag){ "default", FLAG_TEXT, { .text = &o->successor } });
    add_flag(o, (struct flag){ "idempotency-key", FLAG_TEXT, { .text = &o->key } });
    add_flag(o, (struct flag){ "dry-run", FLAG_SWITCH, { .on = &o->dry_run } });
}

/* ---- the input ------------------------------------------------------------------------------ */

/* A product's first price is made with it. [facts: R-26] */
static const char *prefix_of(const struct order *o, const struct param *p)
{
    return o->v->verb == PRODUCT_CREATE && (p->verbs & PRICE_REPLACE) ? "default_price_data" : "";
}

static void write_param(struct json_writer *w, const char *prefix, str name, str value)
{
    char full[512];
    str head;
    str rest = str_cut(name, '[', &head);

    if (*prefix && rest.p)
        snprintf(full, sizeof full, "%s[%.*s][%.*s", prefix, STR_ARG(head), STR_ARG(rest));
    else if (*prefix)
        snprintf(full, sizeof full, "%s[%.*s]", prefix, STR_ARG(name));
    else
        snprintf(full, sizeof full, "%.*s", STR_ARG(name));
    jw_key(w, str_of(full));
    jw_str(w, value);
}

static enum status write_list(struct json_writer *w, const struct flag_list *list, bool metadata,
                              struct error *e)
{
    for (size_t i = 0; i < list->n; i++) {
        char name[256];
        str key, item = str_of(list->item[i]);
        str value = str_cut(item, '=', &key);
        if (!value.p || !key.n || key.n > 200)
            return fail(e, ST_INVALID, "--%s takes NAME=VALUE, not \"%s\".",
                        metadata ? "metadata" : "set", list->item[i]);
        snprintf(name, sizeof name, metadata ? "metadata[%.*s]" : "%.*s", STR_ARG(key));
        write_param(w, "", str_of(name), value);
    }
    return ST_OK;
}

static enum status write_input(const struct order *o, struct json_writer *w, struct error *e)
{
    jw_object(w);
    if (o->v->takes) {
        jw_key(w, str_of(o->v->takes));
        jw_str(w, str_of(o->words.word[1]));
    }
    if (o->successor) {
        jw_key(w, S("default"));
        jw_str(w, str_of(o->successor));
    }
    for (size_t i = 0; i < COUNT(option_table); i++)
        if (o->on[i]) {
            jw_key(w, str_of(option_table[i].member));
            jw_bool(w, true);
        }
    jw_key(w, S("set"));
    jw_object(w);
    for (size_t i = 0; i < COUNT(param_table); i++)
        if (o->value[i])
            write_param(w, prefix_of(o, &param_table[i]), str_of(param_table[i].name),
                        str_of(o->value[i]));
    enum status st = write_list(w, &o->metadata, true, e);
    if (st == ST_OK)
        st = write_list(w, &o->set, false, e);
    jw_end(w);
    jw_end(w);
    return st;
}

/* What is no number is seen here, before anybody is asked. */
static enum status check_numbers(const struct order *o, struct error *e)
{
    for (size_t i = 0; i < COUNT(param_table); i++) {
        const char *flag = param_table[i].flag;
        bool counts = strcmp(flag, "amount") == 0 || strcmp(flag, "interval-count") == 0;
        int64_t n;
        if (counts && o->value[i] && (!str_to_int(str_of(o->value[i]), &n) || n < 0))
            return fail(e, ST_INVALID, "--%s takes a number, 0 or greater, not \"%.40s\".", flag,
                        o->value[i]);
    }
    return ST_OK;
}

static enum status write_order(const struct order *o, struct buf *line, struct error *e)
{
    struct json_writer w = { .b = line };
    char actor[64];

    jw_object(&w);
    jw_key(&w, S("op"));
    jw_str(&w, S("catalog"));
    jw_key(&w, S("kind"));
    jw_str(&w, str_of(o->v->kind));
    jw_key(&w, S("actor"));
    jw_str(&w, operation_actor(actor));
    if (o->key) {
        jw_key(&w, S("key"));
        jw_str(&w, str_of(o->key));
    }
    jw_key(&w, S("dry_run"));
    jw_bool(&w, o->dry_run);
    jw_key(&w, S("input"));
    enum status st = write_input(o, &w, e);
    jw_end(&w);
    if (st == ST_OK && line->failed)
        return fail(e, ST_INVALID, "The arguments are too long.");
    return st;
}

/* ---- the command ---------------------------------------------------------------------------- */

static enum status find_verb(const struct cli *cli, const char *noun, const struct verb_info **out,
                             struct error *e)
{
    const char *name = cli->argc > 1 ? cli->argv[1] : "";

    for (size_t i = 0; i < COUNT(verb_table); i++)
        if (strcmp(verb_table[i].noun, noun) == 0 && strcmp(verb_table[i].name, name) == 0) {
            *out = &verb_table[i];
            return ST_OK;
        }
    return fail(e, ST_INVALID, "`brindle %s` knows %s, not \"%.40s\"; see `brindle %s --help`.",
                noun,
                strcmp(noun, "price") == 0 ? "create, update, replace, archive and activate"
                                           : "create, update, archive, activate and delete",
                name, noun);
}

static enum status run(struct cli *cli, const char *noun, struct error *e)
{
    BUF(line, OPERATION_ORDER_BYTES_MAX);
    struct order o = { .n_flags = 0 };
    enum status st = find_verb(cli, noun, &o.v, e);

    if (st != ST_OK)
        return st;
    make_flags(&o);
    st = flags_read(cli, o.flag, o.n_flags, &o.words, e);
    size_t words = o.v->takes ? 2 : 1;
    if (st == ST_OK)
        st = words_check(cli, &o.words, words, words, e);
    if (st == ST_OK)
        st = check_numbers(&o, e);
    if (st == ST_OK)
        st = write_order(&o, &line, e);
    if (st == ST_OK && o.v->verb == PRODUCT_DELETE && !o.dry_run)
        st = confirm(cli, e, "Delete %s at Stripe? This cannot be undone.", o.words.word[1]);
    if (st != ST_OK)
        return st;
    struct operation_answer answer = { .dry_run = o.dry_run };
    return operation_send(cli, buf_str(&line), &answer, e);
}

enum status cmd_price(struct cli *cli, struct error *e)
{
    return run(cli, "price", e);
}

enum status cmd_product(struct cli *cli, struct error *e)
{
    return run(cli, "product", e);
}
