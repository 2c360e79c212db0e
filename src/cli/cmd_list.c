#include <stdio.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "core/mirror.h"

enum {
    LIST_PAGE = 500,
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

static enum status read_query(const struct words *words, struct mirror_query *q, struct error *e)
{
    const struct resource *r = resource_by_name(str_of(words->word[0]));

    if (!r) {
        const char *meant = nearest(str_of(words->word[0]), view_candidate, NULL);
        return fail(
            e, ST_INVALID, "There is no type \"%s\"%s%s%s; `brindle status --types` lists them.",
            words->word[0], meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
    }
    q->type = str_of(r->type);
    for (size_t i = 0; i < words->n_filters; i++) {
        struct mirror_filter *f = &q->filter[q->n_filters++];
        f->value = str_cut(str_of(words->filter[i]), '=', &f->path);
        if (!f->path.n)
            return fail(e, ST_INVALID, "A filter is written --FIELD=VALUE.");
    }
    return ST_OK;
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

    for (size_t i = 0; i < q->n_filters; i++) {
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
static enum status print_all(struct env *env, struct mirror_query *q, int64_t limit,
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
        for (size_t i = 0; i < n; i++)
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
        st = reader_open(cli, &w, e);
    return st == ST_OK ? print_all(&w.env, &q, limit, e) : st;
}
