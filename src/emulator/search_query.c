#include "emulator/search_query.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- reading --- */

static bool unreadable(struct call *c)
{
    refuse_value(c, NULL, NULL,
                 "We were unable to parse your search query. Try using the format "
                 "`metadata[\"key\"]:\"value\"` to query for metadata or key:\"value\" to query "
                 "for other fields.");
    return false;
}

static str skip(str s, size_t n)
{
    return str_sub(s, n, s.n);
}

static bool word_char(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_' || ch == '.' || ch == '-';
}

static str take_word(str *rest)
{
    size_t n = 0;

    while (n < rest->n && word_char(rest->p[n]))
        n++;
    str word = str_sub(*rest, 0, n);
    *rest = skip(*rest, n);
    return word;
}

/* "…" or '…', with a backslash before what would end it. */
static bool take_quoted(struct call *c, str *rest, str *out)
{
    char quote = rest->n ? *rest->p : 0, *text = arena_alloc(c->arena, rest->n + 1);
    size_t n = 0;

    if ((quote != '"' && quote != '\'') || !text)
        return false;
    for (size_t i = 1; i < rest->n; i++) {
        if (rest->p[i] == quote) {
            *out = (str){ text, n };
            *rest = skip(*rest, i + 1);
            return true;
        }
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        text[n++] = rest->p[i];
    }
    return false;
}

static bool take_field(struct call *c, const struct searchable *s, str *rest, struct clause *out)
{
    str name = take_word(rest);

    if (str_eq(name, S("metadata"))) {
        if (!rest->n || *rest->p != '[')
            return unreadable(c);
        *rest = skip(*rest, 1);
        if (!take_quoted(c, rest, &out->key) || !rest->n || *rest->p != ']')
            return unreadable(c);
        *rest = skip(*rest, 1);
        return true;
    }
    for (size_t i = 0; i < s->n_fields; i++)
        if (str_eqz(name, s->field[i].name))
            out->field = &s->field[i];
    if (!name.n)
        return unreadable(c);
    if (!out->field)
        refuse_value(c, NULL, NULL,
                     "Field `%.*s` is an unsupported search field for resource `%s`. See "
                     "http://stripe.com/docs/search#query-fields-for-%s for a list of supported "
                     "fields.",
                     STR_ARG(name), s->plural, s->plural);
    return out->field;
}

static bool take_operator(struct call *c, str *rest, struct clause *out)
{
    enum search_kind kind = out->field ? out->field->kind : SEARCH_TEXT;

    if (!rest->n || !strchr(":~<>", *rest->p) || !*rest->p)
        return unreadable(c);
    out->op = *rest->p;
    *rest = skip(*rest, 1);
    if (rest->n && *rest->p == '=' && (out->op == '<' || out->op == '>')) {
        out->op = out->op == '<' ? 'l' : 'g';
        *rest = skip(*rest, 1);
    }
    bool fits = out->op == ':' || (out->op == '~' && kind == SEARCH_TEXT) ||
                (out->op != '~' && kind == SEARCH_NUMBER);
    if (!fits)
        refuse_value(c, NULL, NULL, "The field `%s` cannot be searched with this operator.",
                     out->field ? out->field->name : "metadata");
    return fits;
}

static bool take_value(struct call *c, str *rest, struct clause *out)
{
    bool quoted = rest->n && (*rest->p == '"' || *rest->p == '\'');

    if (quoted ? !take_quoted(c, rest, &out->value) : !(out->value = take_word(rest)).n)
        return unreadable(c);
    out->null = !quoted && str_eq(out->value, S("null"));
    if (out->null && out->op != ':')
        return unreadable(c);
    if (out->field && out->field->kind == SEARCH_NUMBER && !out->null &&
        !str_to_int(out->value, &out->number)) {
        refuse_value(c, NULL, NULL, "The field `%s` wants a number; '%.*s' is none.",
                     out->field->name, STR_ARG(out->value));
        return false;
    }
    if (out->op == '~' && out->value.n < SEARCH_PART_MIN) {
        refuse_value(c, NULL, NULL,
                     "A part of a text that is searched for must have at least %d characters.",
                     SEARCH_PART_MIN);
        return false;
    }
    return true;
}

/* "AND" or "OR" between two clauses; a blank alone means AND. False when both are mixed. */
static bool take_joint(struct call *c, str *rest, struct search_query *q)
{
    str after = *rest, word = take_word(&after);
    bool any = word.n == 2 && strncasecmp(word.p, "or", 2) == 0;
    bool all = word.n == 3 && strncasecmp(word.p, "and", 3) == 0;

    if ((any || all) && after.n && *after.p == ' ')
        *rest = str_trim(after);
    else
        any = false;
    if (q->n > 1 && any != q->any) {
        refuse_value(c, NULL, NULL, "A search query cannot combine AND with OR.");
        return false;
    }
    q->any = any;
    return true;
}

bool search_parse(struct call *c, const struct searchable *s, str text, struct search_query *out)
{
    str rest = str_trim(text);

    *out = (struct search_query){ .n = 0 };
    do {
        if (out->n && !take_joint(c, &rest, out))
            return false;
        if (out->n == CLAUSES_MAX) {
            refuse_value(c, NULL, NULL, "A search query can have at most %d clauses.", CLAUSES_MAX);
            return false;
        }
        struct clause *x = &out->clause[out->n++];
        if (rest.n && *rest.p == '-') {
            x->negated = true;
            rest = skip(rest, 1);
        }
        if (!take_field(c, s, &rest, x) || !take_operator(c, &rest, x) || !take_value(c, &rest, x))
            return false;
        if (rest.n && *rest.p != ' ')
            return unreadable(c);
        rest = str_trim(rest);
    } while (rest.n);
    return true;
}

/* --- matching --- */

static bool same_text(str a, str b)
{
    return a.n == b.n && (!a.n || strncasecmp(a.p, b.p, a.n) == 0);
}

static bool has_part(str text, str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (strncasecmp(text.p + i, part.p, part.n) == 0)
            return true;
    return false;
}

static bool text_matches(const struct clause *x, const json_t *v)
{
    char number[24];
    str text = { 0 };

    if (json_is_string(v))
        text = (str){ json_string_value(v), json_string_length(v) };
    else if (json_is_boolean(v))
        text = json_is_true(v) ? S("true") : S("false");
    else if (json_is_integer(v))
        text = (str){ number, (size_t)snprintf(number, sizeof number, "%lld",
                                               (long long)json_integer_value(v)) };
    return text.p && (x->op == '~' ? has_part(text, x->value) : same_text(text, x->value));
}

static bool number_matches(const struct clause *x, const json_t *v)
{
    json_int_t n = json_integer_value(v);

    if (!json_is_integer(v))
        return false;
    switch (x->op) {
    case '<': return n < x->number;
    case '>': return n > x->number;
    case 'l': return n <= x->number;
    case 'g': return n >= x->number;
    default: return n == x->number;
    }
}

static bool clause_matches(const struct clause *x, const json_t *doc)
{
    char key[ID_BYTES];
    const json_t *v;
    bool yes;

    if (x->field) {
        v = get_path(doc, x->field->path ? x->field->path : x->field->name);
    } else {
        snprintf(key, sizeof key, "%.*s", STR_ARG(x->key));
        v = json_object_get(json_object_get(doc, "metadata"), key);
    }
    if (x->null)
        yes = !v || json_is_null(v);
    else if (x->field && x->field->kind == SEARCH_NUMBER)
        yes = number_matches(x, v);
    else
        yes = text_matches(x, v);
    return yes != x->negated;
}

bool search_matches(const struct search_query *q, const json_t *doc)
{
    for (size_t i = 0; i < q->n; i++)
        if (clause_matches(&q->clause[i], doc) == q->any)
            return q->any;
    return !q->any;
}
