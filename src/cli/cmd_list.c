#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/when.h"
#include "core/mirror/mirror.h"

enum {
    LIST_PAGE = 500,
    LISTED_COLUMNS_MAX = 6,
    LIST_PAGE_BYTES_MAX = 512 << 20,
};

/* On one line: blanks between the tokens go, everything else stays as it was sent. */
static void print_squeezed(str json)
{
    bool in_string = false, escaped = false;

    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (in_string) {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            in_string = true;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            continue;
        }
        putchar(c);
    }
    putchar('\n');
}

static const char *view_candidate(const void *ctx, size_t i)
{
    (void)ctx;
    return i < resource_count ? resource_table[i].view : NULL;
}

static enum status no_such_type(str name, struct error *e)
{
    const char *meant = nearest(name, view_candidate, NULL);

    return fail(e, ST_INVALID, "There is no type \"%.*s\"%s%s%s `brindle schema` lists them.",
                STR_ARG(name), meant ? "; did you mean " : ".", meant ? meant : "",
                meant ? "?" : "");
}

/* A type that nobody told us about is one if the mirror has such objects. */
static enum status check_type(struct env *env, enum status opened, str type, struct error *e)
{
    ARENA(a, LIST_PAGE_BYTES_MAX);
    struct mirror_query any = { .type = type, .deleted = true, .limit = 1 };
    struct object *o;
    size_t n = 0;

    if (resource_by_type(type))
        return opened;
    if (opened != ST_OK) {
        error_clear(e); /* that there is no store tells less */
        return no_such_type(type, e);
    }
    enum status st = mirror_list(env, &any, &o, &n, &a, e);
    return st == ST_OK && n == 0 ? no_such_type(type, e) : st;
}

static enum status read_query(const struct words *words, struct mirror_query *q, struct error *e)
{
    const struct resource *r = resource_by_name(str_of(words->word[0]));

    q->type = str_of(r ? r->type : words->word[0]);
    for (size_t i = 0; i < words->n_filters; i++) {
        struct mirror_filter *f = &q->filter[q->n_filters++];
        f->value = str_cut(str_of(words->filter[i]), '=', &f->path);
        if (!f->path.n)
            return fail(e, ST_INVALID, "A filter is written --FIELD=VALUE.");
    }
    return ST_OK;
}

/* --- for people ---------------------------------------------------------------------------- */

/* What people look for first, in this order, as far as the type has it. */
static size_t choose_columns(const struct resource *r, const struct column *out[TABLE_COLUMNS_MAX])
{
    static const char *const wanted[] = { "name",    "email",          "status",     "active",
                                          "amount",  "unit_amount",    "amount_due", "total",
                                          "net",     "currency",       "interval",   "quantity",
                                          "product", "price",          "customer",   "subscription",
                                          "invoice", "payment_intent", "charge",     "created" };
    size_t n = 0;

    for (size_t i = 0; i < COUNT(wanted); i++)
        for (size_t k = 0; k < r->n_columns && n < LISTED_COLUMNS_MAX; k++)
            if (strcmp(r->column[k].name, wanted[i]) == 0)
                out[n++] = &r->column[k];
    return n;
}

static str cell_of(const struct column *c, str data, struct arena *a)
{
    struct json_token t = json_path(data, str_of(c->path));
    char when[WHEN_TEXT_MAX];
    int64_t seconds;

    switch (t.type) {
    case JSON_STRING: return json_unescape(t, a);
    case JSON_OBJECT: return json_text(t.text, S("id"), a);
    case JSON_NUMBER:
        if (c->kind != COL_TIME || !str_to_int(t.text, &seconds))
            return t.text;
        when_text(seconds * 1000, when);
        return arena_copy(a, str_sub(str_of(when), 0, sizeof "2026-11-22T10:30:05" - 1));
    case JSON_TRUE:
    case JSON_FALSE: return t.text;
    case JSON_END:
    case JSON_OBJECT_END:
    case JSON_ARRAY:
    case JSON_ARRAY_END:
    case JSON_KEY:
    case JSON_NULL:
    case JSON_BAD: return S("");
    }
    return S("");
}

static void print_table(const struct resource *r, const struct object *o, size_t n, struct arena *a)
{
    const struct column *column[TABLE_COLUMNS_MAX];
    size_t n_columns = choose_columns(r, column);
    struct table t = { .arena = a, .head = { "id" }, .n_columns = n_columns + 1 };
    str cell[TABLE_COLUMNS_MAX];

    for (size_t k = 0; k < n_columns; k++) {
        t.head[k + 1] = column[k]->name;
        t.right[k + 1] = column[k]->kind == COL_INT;
    }
    for (size_t i = 0; i < n; i++) {
        cell[0] = o[i].id;
        for (size_t k = 0; k < n_columns; k++)
            cell[k + 1] = cell_of(column[k], o[i].data, a);
        table_row(&t, cell);
    }
    if (n)
        table_print(&t, stdout);
}

/* --- when nothing matched ------------------------------------------------------------------ */

static const char *flag_candidate(const void *ctx, size_t i)
{
    static const char *const name[] = { "limit", "deleted" };

    (void)ctx;
    return i < COUNT(name) ? name[i] : NULL;
}

/* The member itself or, of "a.b", the first one. */
static str first_member(str path)
{
    str head;

    str_cut(path, '.', &head);
    return head;
}

static bool is_told_of(const struct resource *r, str member)
{
    static const char *const of_all[] = { "id", "object", "created", "livemode", "metadata" };
    str head;

    for (size_t i = 0; i < COUNT(of_all); i++)
        if (str_eqz(member, of_all[i]))
            return true;
    for (size_t i = 0; i < r->n_columns; i++) {
        str_cut(str_of(r->column[i].path), '.', &head);
        if (str_eq(member, head))
            return true;
    }
    return false;
}

/* Has any of the type's first objects such a member? */
static enum status is_seen(struct env *env, const struct mirror_query *asked, str member,
                           bool *seen, struct error *e)
{
    ARENA(a, LIST_PAGE_BYTES_MAX);
    struct mirror_query q = { .type = asked->type, .deleted = true, .limit = LIST_PAGE };
    struct object *o;
    size_t n = 0;

    enum status st = mirror_list(env, &q, &o, &n, &a, e);
    *seen = false;
    for (size_t i = 0; i < n && st == ST_OK && !*seen; i++)
        *seen = json_member(o[i].data, member).type != JSON_END;
    return st;
}

/* A filter on a member that nothing has is a slip: of a flag's name it is refused. */
static enum status explain_nothing(struct env *env, const struct mirror_query *q, struct error *e)
{
    const struct resource *r = resource_by_type(q->type);

    for (size_t i = 0; r && i < q->n_filters; i++) {
        str member = first_member(q->filter[i].path);
        bool seen = is_told_of(r, member);
        enum status st = seen ? ST_OK : is_seen(env, q, member, &seen, e);
        if (st != ST_OK)
            return st;
        const char *meant = seen ? NULL : nearest(member, flag_candidate, NULL);
        if (meant)
            return fail(e, ST_INVALID, "no %s has a member %.*s; did you mean --%s?", r->type,
                        STR_ARG(member), meant);
        if (!seen)
            say("brindle: no %s has a member %.*s.", r->type, STR_ARG(member));
    }
    return ST_OK;
}

/* Page after page; each page's memory goes before the next one. */
static enum status print_all(struct env *env, struct mirror_query *q, int64_t limit, bool as_table,
                             struct error *e)
{
    char after[1024] = "";
    int64_t printed = 0;

    while (printed < limit) {
        ARENA(a, LIST_PAGE_BYTES_MAX);
        struct object *o;
        size_t n = 0;
        q->after = str_of(after);
        q->limit = limit - printed < LIST_PAGE ? (size_t)(limit - printed) : LIST_PAGE;
        enum status st = mirror_list(env, q, &o, &n, &a, e);
        if (st != ST_OK)
            return st;
        if (as_table)
            print_table(resource_by_type(q->type), o, n, &a);
        for (size_t i = 0; i < n && !as_table; i++)
            print_squeezed(o[i].data);
        printed += (int64_t)n;
        if (n < q->limit || ferror(stdout))
            break;
        snprintf(after, sizeof after, "%.*s", STR_ARG(o[n - 1].id));
    }
    return printed == 0 && limit > 0 ? explain_nothing(env, q, e) : ST_OK;
}

enum status cmd_list(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    int64_t limit = INT64_MAX;
    struct mirror_query q = { .n_filters = 0 };
    const struct flag flag[] = { { "limit", FLAG_NUMBER, { .number = &limit } },
                                 { "deleted", FLAG_SWITCH, { .on = &q.deleted } } };
    struct words words = { .wants_filters = true };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK)
        st = read_query(&words, &q, e);
    if (st == ST_OK)
        st = check_type(&w.env, reader_open(cli, &w, e), q.type, e);
    bool as_table = is_terminal(stdout) && !cli->json && resource_by_type(q.type);
    return st == ST_OK ? print_all(&w.env, &q, limit, as_table, e) : st;
}
