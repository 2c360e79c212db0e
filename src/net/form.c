#include "net/form.h"

#include "base/url.h"

#include <string.h>

/* The next piece between two '&'; `rest` loses it. */
static str next_piece(str *rest)
{
    str piece;

    *rest = str_cut(*rest, '&', &piece);
    return piece;
}

static size_t count_pairs(str text)
{
    size_t n = 0;

    for (str rest = text; rest.n;)
        n += next_piece(&rest).n > 0;
    return n;
}

static enum status add_part(struct form_pair *p, str part, struct error *e)
{
    if (p->n_parts == FORM_DEPTH_MAX)
        return fail(e, ST_LIMIT, "form: a name is nested deeper than %d", FORM_DEPTH_MAX);
    p->part[p->n_parts++] = part;
    return ST_OK;
}

/* "items[0][price]" into "items", "0", "price". */
static enum status split_name(struct form_pair *p, struct error *e)
{
    size_t end = str_find(p->name, '[');
    str rest = str_sub(p->name, end, p->name.n);
    str first = str_sub(p->name, 0, end);

    if (first.n == 0)
        return fail(e, ST_INVALID, "form: a pair has no name before its \"=\" or \"[\"");
    if (str_find(first, ']') != first.n)
        return fail(e, ST_INVALID, "form: a name closes a bracket that it has not opened");
    enum status st = add_part(p, first, e);
    while (st == ST_OK && rest.n) {
        size_t close = str_find(rest, ']');
        if (rest.p[0] != '[')
            return fail(e, ST_INVALID, "form: a name goes on behind a closed bracket");
        if (close == rest.n || memchr(rest.p + 1, '[', close - 1))
            return fail(e, ST_INVALID, "form: a name opens a bracket and does not close it");
        st = add_part(p, str_sub(rest, 1, close), e);
        rest = str_sub(rest, close + 1, rest.n);
    }
    return st;
}

static enum status decode(str text, str *out, struct arena *a, struct error *e)
{
    if (!url_unescape(a, text, true, out))
        return fail(e, ST_INVALID, "form: \"%%\" stands without two hexadecimal digits");
    if (!out->p)
        return fail(e, ST_LIMIT, "form: it needs more than the %zu bytes given to it", a->max);
    if (str_find(*out, '\0') != out->n)
        return fail(e, ST_INVALID, "form: a name or value holds a byte 0");
    return ST_OK;
}

static enum status parse_pair(str piece, struct form_pair *p, struct arena *a, struct error *e)
{
    str name, value = str_cut(piece, '=', &name);

    enum status st = decode(name, &p->name, a, e);
    if (st == ST_OK)
        st = decode(value, &p->value, a, e);
    return st == ST_OK ? split_name(p, e) : st;
}

enum status form_parse(str text, struct form *out, struct arena *a, struct error *e)
{
    size_t n = count_pairs(text);
    struct form f = { 0 };

    if (n > FORM_PAIRS_MAX)
        return fail(e, ST_LIMIT, "form: %zu pairs are more than the %d permitted", n,
                    FORM_PAIRS_MAX);
    f.pair = n ? arena_alloc(a, n * sizeof *f.pair) : NULL;
    if (n && !f.pair)
        return fail(e, ST_LIMIT, "form: it needs more than the %zu bytes given to it", a->max);
    for (str rest = text; rest.n;) {
        str piece = next_piece(&rest);
        if (piece.n == 0)
            continue;
        enum status st = parse_pair(piece, &f.pair[f.n++], a, e);
        if (st != ST_OK)
            return st;
    }
    *out = f;
    return ST_OK;
}

str form_get(const struct form *f, str name)
{
    for (size_t i = f->n; i-- > 0;)
        if (str_eq(f->pair[i].name, name))
            return f->pair[i].value;
    return (str){ 0 };
}
