#include "catalog/pairs.h"

#include <string.h>

#include "base/json.h"
#include "base/url.h"

enum {
    PAIRS_FIRST = 16,
    FORM_BYTES_MAX = 1 << 20,
    NAME_PARTS_MAX = 12,
    NAME_BYTES_MAX = 400,
    DEPTH_MAX = 6,
};

/* ---- made and sent --------------------------------------------------------------------------- */

enum status pairs_add(struct pairs *p, str name, str value, struct arena *a, struct error *e)
{
    if (p->n == PAIRS_MAX)
        return fail(e, ST_LIMIT, "a request would have more than %d parameters", PAIRS_MAX);
    if (p->n == p->room) {
        size_t room = p->room ? p->room * 2 : PAIRS_FIRST;
        struct pair *wider = arena_alloc(a, room * sizeof *wider);
        if (!wider)
            return fail(e, ST_LIMIT, "no memory for the parameters of a request");
        if (p->n)
            memcpy(wider, p->at, p->n * sizeof *wider);
        p->at = wider;
        p->room = room;
    }
    p->at[p->n++] = (struct pair){ name, value.p ? value : S("") };
    return ST_OK;
}

static enum status flatten(struct pairs *out, str name, struct json_token t, unsigned depth,
                           struct arena *a, struct error *e);

/* An empty list is sent as nothing: that is how Stripe's are cleared. */
static enum status flatten_list(struct pairs *out, str name, str list, unsigned depth,
                                struct arena *a, struct error *e)
{
    struct json_reader r;
    enum status st = ST_OK;
    int64_t n = 0;

    json_init(&r, list);
    json_next(&r);
    for (struct json_token t = json_value(&r); st == ST_OK && t.type != JSON_ARRAY_END;
         t = json_value(&r))
        st = flatten(out, arena_printf(a, "%.*s[%lld]", STR_ARG(name), (long long)n++), t,
                     depth + 1, a, e);
    return st == ST_OK && n == 0 ? pairs_add(out, name, S(""), a, e) : st;
}

static enum status flatten_object(struct pairs *out, str name, str object, unsigned depth,
                                  struct arena *a, struct error *e)
{
    struct json_reader r;
    enum status st = ST_OK;

    json_init(&r, object);
    json_next(&r);
    for (struct json_token key = json_next(&r); st == ST_OK && key.type == JSON_KEY;
         key = json_next(&r)) {
        str part = json_unescape(key, a);
        struct json_token value = json_value(&r);
        str inner = name.n ? arena_printf(a, "%.*s[%.*s]", STR_ARG(name), STR_ARG(part)) : part;
        st = flatten(out, inner, value, depth + 1, a, e);
    }
    return st;
}

static enum status flatten(struct pairs *out, str name, struct json_token t, unsigned depth,
                           struct arena *a, struct error *e)
{
    if (!name.n || name.n > NAME_BYTES_MAX)
        return fail(e, ST_INVALID, "A parameter has no name, or one of more than %d bytes.",
                    NAME_BYTES_MAX);
    if (depth > DEPTH_MAX || t.type == JSON_BAD)
        return fail(e, ST_INVALID, "\"%.*s\" cannot be read.", STR_ARG(name));
    switch (t.type) {
    case JSON_STRING: return pairs_add(out, name, json_unescape(t, a), a, e);
    case JSON_NULL: return pairs_add(out, name, S(""), a, e);
    case JSON_OBJECT: return flatten_object(out, name, t.text, depth, a, e);
    case JSON_ARRAY: return flatten_list(out, name, t.text, depth, a, e);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE: return pairs_add(out, name, t.text, a, e);
    case JSON_END:
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
    case JSON_KEY:
    case JSON_BAD: break;
    }
    return ST_OK;
}

enum status pairs_of(str json, struct pairs *out, struct arena *a, struct error *e)
{
    return flatten_object(out, S(""), json, 0, a, e);
}

str pairs_get(const struct pairs *p, str name)
{
    for (size_t i = p->n; i-- > 0;)
        if (str_eq(p->at[i].name, name))
            return p->at[i].value;
    return (str){ 0 };
}

/* "name[…" stands below "name". */
static bool is_below(str n, str name)
{
    return n.n > name.n && str_starts(n, name) && n.p[name.n] == '[';
}

bool pair_is_under(str name, str head)
{
    return str_eq(name, head) || is_below(name, head);
}

static void drop(struct pairs *p, str name, bool tree)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        str n = p->at[i].name;
        if (tree ? !pair_is_under(n, name) : !str_eq(n, name))
            p->at[kept++] = p->at[i];
    }
    p->n = kept;
}

void pairs_drop(struct pairs *p, str name)
{
    drop(p, name, false);
}

void pairs_drop_tree(struct pairs *p, str name)
{
    drop(p, name, true);
}

str pairs_form(const struct pairs *p, struct arena *a)
{
    BUF(b, FORM_BYTES_MAX);

    for (size_t i = 0; i < p->n; i++) {
        if (i)
            buf_char(&b, '&');
        url_escape(&b, p->at[i].name);
        buf_char(&b, '=');
        url_escape(&b, p->at[i].value);
    }
    return b.failed ? (str){ 0 } : arena_copy(a, buf_str(&b));
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* "0.50" and ".5" as ".5"; {NULL, 0}: no number that is written plainly. */
static str plain_number(str n)
{
    bool point = false;

    for (size_t i = 0; i < n.n; i++) {
        if (n.p[i] == '.' ? point : n.p[i] < '0' || n.p[i] > '9')
            return (str){ 0 };
        point |= n.p[i] == '.';
    }
    while (n.n && *n.p == '0')
        n = str_sub(n, 1, n.n);
    while (point && n.n && n.p[n.n - 1] == '0')
        n.n--;
    if (point && n.n && n.p[n.n - 1] == '.')
        n.n--;
    return n;
}

static bool same_number(str x, str y)
{
    if (x.n > 1 && y.n > 1 && *x.p == '-' && *y.p == '-')
        return same_number(str_sub(x, 1, x.n), str_sub(y, 1, y.n));
    if (str_eq(x, y))
        return true;
    str p = plain_number(x), q = plain_number(y);
    return x.n && y.n && p.p && q.p && str_eq(p, q);
}

/* "unit_amount_decimal" is the exact form of "unit_amount". [facts: R-14] */
static bool is_decimal(str name, str *whole)
{
    static const char tail[] = "_decimal";
    size_t n = sizeof tail - 1;

    if (name.n <= n || memcmp(name.p + name.n - n, tail, n) != 0)
        return false;
    *whole = str_sub(name, 0, name.n - n);
    return true;
}

/* ---- compared -------------------------------------------------------------------------------- */

struct name {
    str part[NAME_PARTS_MAX]; /* "metadata", "k" of "metadata[k]" */
    size_t n;                 /* 0: too deep */
};

static struct name split_name(str text)
{
    struct name out = { .n = 1 };
    str rest = str_cut(text, '[', &out.part[0]);

    while (rest.p) {
        str inner;
        if (out.n == NAME_PARTS_MAX)
            return (struct name){ 0 };
        str behind = str_cut(rest, ']', &inner);
        out.part[out.n++] = inner;
        rest = behind.n && behind.p[0] == '[' ? str_sub(behind, 1, behind.n) : (str){ 0 };
    }
    return out;
}

static struct json_token element(str array, int64_t index, int64_t *n)
{
    struct json_reader r;
    struct json_token found = { .type = JSON_END };

    json_init(&r, array);
    json_next(&r);
    *n = 0;
    for (struct json_token t = json_value(&r); t.type != JSON_ARRAY_END && t.type != JSON_BAD;
         t = json_value(&r))
        if ((*n)++ == index)
            found = t;
    return found;
}

static bool is_empty(struct json_token t)
{
    struct json_reader r;

    if (t.type == JSON_NULL || t.type == JSON_END)
        return true;
    if (t.type == JSON_STRING)
        return t.text.n <= 2; /* its quotes */
    if (t.type != JSON_OBJECT && t.type != JSON_ARRAY)
        return false;
    json_init(&r, t.text);
    json_next(&r);
    struct json_token first = json_next(&r);
    return first.type == JSON_OBJECT_END || first.type == JSON_ARRAY_END;
}

/* Is there a pair of this name, or below it? */
static bool is_named(const struct pairs *p, str name)
{
    for (size_t i = 0; i < p->n; i++)
        if (pair_is_under(p->at[i].name, name))
            return true;
    return false;
}

static bool member_is_named(const struct pairs *p, str element, str member, struct arena *a)
{
    str whole = member;

    if (is_decimal(member, &whole) &&
        is_named(p, arena_printf(a, "%.*s[%.*s]", STR_ARG(element), STR_ARG(whole))))
        return true;
    return is_named(p, arena_printf(a, "%.*s[%.*s]", STR_ARG(element), STR_ARG(member))) ||
           is_named(p, arena_printf(a, "%.*s[%.*s_decimal]", STR_ARG(element), STR_ARG(member)));
}

/* An element of a list is replaced, too: what the pairs do not name goes. */
static bool element_is_whole(const struct pairs *p, str list, int64_t index, str object,
                             struct arena *a)
{
    str element = arena_printf(a, "%.*s[%lld]", STR_ARG(list), (long long)index);
    struct json_reader r;

    json_init(&r, object);
    json_next(&r);
    for (struct json_token key = json_next(&r); key.type == JSON_KEY; key = json_next(&r)) {
        str member = json_unescape(key, a);
        struct json_token value = json_value(&r);
        if (!is_empty(value) && !member_is_named(p, element, member, a))
            return false;
    }
    return true;
}

/* How many elements the pairs below "images" give it; "images[]" is one more each time. */
static int64_t count_named(const struct pairs *p, str list)
{
    int64_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        str name = p->at[i].name, inner;
        int64_t index;
        if (!is_below(name, list))
            continue;
        str_cut(str_sub(name, list.n + 1, name.n), ']', &inner);
        if (!inner.n)
            n++;
        else if (str_to_int(inner, &index) && index >= n)
            n = index + 1;
    }
    return n;
}

static bool list_is_whole(const struct pairs *p, str list, str array, struct arena *a)
{
    int64_t n = 0;

    (void)element(array, -1, &n);
    if (n != count_named(p, list))
        return false;
    for (int64_t i = 0; i < n; i++) {
        struct json_token t = element(array, i, &(int64_t){ 0 });
        if (t.type == JSON_OBJECT && !element_is_whole(p, list, i, t.text, a))
            return false;
    }
    return true;
}

/* Each list is looked over once: by the first pair below it. */
static bool is_first_below(const struct pairs *p, size_t at, str list)
{
    for (size_t i = 0; i < at; i++)
        if (is_below(p->at[i].name, list))
            return false;
    return true;
}

/* The place of the pair in its list: as it says, or for "images[]" as they come. */
static int64_t index_of(const struct pairs *p, size_t at, str list, str part)
{
    int64_t index = 0;

    if (part.n)
        return str_to_int(part, &index) ? index : -1;
    for (size_t i = 0; i < at; i++)
        index += is_below(p->at[i].name, list);
    return index;
}

/* What is not there says what is usual. */
static bool absence_says(str name, str want)
{
    return want.n == 0 || (str_eqz(name, "up_to") && str_eqz(want, "inf")) ||
           (str_eqz(name, "billing_scheme") && str_eqz(want, "per_unit")) ||
           (str_eqz(name, "tax_behavior") && str_eqz(want, "unspecified"));
}

static bool same(struct json_token have, str name, str want, struct arena *a)
{
    switch (have.type) {
    case JSON_STRING: return str_eq(json_unescape(have, a), want);
    case JSON_NUMBER: return same_number(have.text, want);
    case JSON_TRUE: return str_eqz(want, "true");
    case JSON_FALSE: return str_eqz(want, "false");
    case JSON_OBJECT:
        return want.n ? str_eq(json_text(have.text, S("id"), a), want) : is_empty(have);
    case JSON_ARRAY: return want.n == 0 && is_empty(have);
    case JSON_NULL:
    case JSON_END: return absence_says(name, want);
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
    case JSON_KEY:
    case JSON_BAD: return false;
    }
    return false;
}

/* A member of `in`, which is of the type that `in` says. */
static bool member_says(struct json_token in, str parent, str name, str want, struct arena *a)
{
    struct json_token have = in.type == JSON_OBJECT ? json_member(in.text, name)
                                                    : (struct json_token){ .type = JSON_END };
    str whole;

    if (want.n && in.type == JSON_OBJECT && is_decimal(name, &whole)) {
        struct json_token there = json_member(in.text, whole);
        str number = there.type == JSON_NUMBER ? there.text : json_text(in.text, name, a);
        return same_number(number, want);
    }
    /* That it is so is seen by the member's being there. [facts: R-39] */
    if (have.type == JSON_END && str_eqz(name, "enabled") && str_eqz(parent, "custom_unit_amount"))
        return str_eqz(want, "true") == (in.type == JSON_OBJECT);
    return same(have, name, want, a);
}

/* Names of metadata may hold dots, so that they are looked up one by one. */
static bool one_holds(const struct pairs *p, size_t at, str object, struct arena *a)
{
    str text = p->at[at].name, want = p->at[at].value;
    struct name name = split_name(text);
    struct json_token t = { .type = JSON_OBJECT, .text = object };
    size_t i = 0;

    if (name.n == 0)
        return false;
    if (name.n > 2 && str_eqz(name.part[0], "currency_options") &&
        str_eq(name.part[1], json_text(object, S("currency"), a)))
        i = 2;
    for (; i < name.n; i++) {
        str part = name.part[i], list = str_sub(text, 0, (size_t)(part.p - text.p) - (i > 0));
        bool last = i + 1 == name.n;
        if (t.type == JSON_ARRAY) {
            if (is_first_below(p, at, list) && !list_is_whole(p, list, t.text, a))
                return false;
            t = element(t.text, index_of(p, at, list, part), &(int64_t){ 0 });
            if (last)
                return same(t, part, want, a);
        } else if (last) {
            return member_says(t, i ? name.part[i - 1] : S(""), part, want, a);
        } else {
            t = t.type == JSON_OBJECT ? json_member(t.text, part)
                                      : (struct json_token){ .type = JSON_END };
        }
    }
    return false;
}

static bool says_nothing(str name)
{
    return str_eqz(name, "transfer_lookup_key") || str_starts(name, S("expand"));
}

bool pairs_hold(const struct pairs *p, str object, struct arena *a)
{
    for (size_t i = 0; i < p->n; i++)
        if (!says_nothing(p->at[i].name) && !one_holds(p, i, object, a))
            return false;
    return true;
}
