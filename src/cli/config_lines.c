#include "cli/config_lines.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"

#define MARK "\x01"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without what inih takes for a comment: a semicolon behind a blank. */
static str without_comment(str line, bool quotes)
{
    bool quoted = false;

    for (size_t i = 0; i < line.n; i++) {
        quoted ^= quotes && line.p[i] == '"';
        if (!quoted && line.p[i] == ';' && (i == 0 || is_blank(line.p[i - 1])))
            return str_trim(str_sub(line, 0, i));
    }
    return str_trim(line);
}

static bool is_comment(str line)
{
    str t = str_trim(line);

    return t.n && (t.p[0] == ';' || t.p[0] == '#');
}

/* The lines below that belong to a list; the text behind them is returned. An empty line stands in
 * `out` for each, so that lines keep their numbers. */
static str take_more(str text, str *value, struct buf *out, unsigned *number, struct arena *a)
{
    for (;;) {
        str line, rest = str_cut(text, '\n', &line);
        bool more = line.n && is_blank(line.p[0]) && str_trim(line).n;
        if (!more && !is_comment(line))
            return text;
        str part = is_comment(line) ? S("") : without_comment(line, true);
        if (part.n)
            *value = arena_printf(a, "%.*s\n%.*s", STR_ARG(*value), STR_ARG(part));
        buf_char(out, '\n');
        ++*number;
        text = rest;
        if (!rest.n)
            return rest;
    }
}

static enum status put_aside(struct config_lines *l, str name, str value, struct buf *out,
                             struct error *e)
{
    if (l->n == CONFIG_ASIDE_MAX || !value.p)
        return fail(e, ST_INVALID, "more than %d long values", CONFIG_ASIDE_MAX);
    buf_printf(out, "%.*s = " MARK "%zu\n", STR_ARG(name), l->n);
    l->value[l->n++] = value;
    return ST_OK;
}

enum status config_lines_fold(struct config_lines *l, str text, bool (*is_list)(str name),
                              struct buf *out, struct error *e)
{
    enum status st = ST_OK;

    for (unsigned number = 1; text.n && st == ST_OK; number++) {
        str line, name;
        text = str_cut(text, '\n', &line);
        if (line.n && memchr(line.p, '\0', line.n))
            return fail(e, ST_INVALID, "line %u holds a byte 0.", number);
        size_t equals = str_find(line, '=');
        name = str_trim(str_sub(line, 0, equals));
        bool assigns = equals < line.n && name.n && name.n < CONFIG_LINE_BYTES_MAX / 2 &&
                       !is_comment(line) && name.p[0] != '[';
        bool list = assigns && is_list(name);
        if (line.n <= CONFIG_LINE_BYTES_MAX && !list) {
            buf_append(out, line);
            buf_char(out, '\n');
        } else if (assigns) {
            unsigned first = number;
            BUF(below, CONFIG_LINE_BYTES_MAX * CONFIG_LINE_BYTES_MAX);
            str value = without_comment(str_sub(line, equals + 1, line.n), list);
            if (list)
                text = take_more(text, &value, &below, &number, l->a);
            st = put_aside(l, name, value.p ? value : S(""), out, e);
            buf_append(out, buf_str(&below));
            if (st != ST_OK)
                error_prefix(e, "line %u: ", first);
        } else if (is_comment(line)) {
            buf_char(out, '\n');
        } else {
            st = fail(e, ST_INVALID, "line %u is longer than %d bytes, and no name = value.",
                      number, CONFIG_LINE_BYTES_MAX);
        }
    }
    return st == ST_OK && out->failed ? fail(e, ST_LIMIT, "it is too large.") : st;
}

/* "[env live]" -> "env live"; "" when it does not end, and inih says so. */
static str section_of(str line)
{
    return str_sub(line, 1, str_find(line, ']') < line.n ? str_find(line, ']') : 1);
}

void config_lines_strange(struct buf *text, bool (*take)(void *ctx, str section, unsigned line),
                          void *ctx)
{
    str left = buf_str(text), section = S("");

    for (unsigned number = 1; left.n; number++) {
        str line;
        left = str_cut(left, '\n', &line);
        str words = str_trim(line);
        if (words.n && words.p[0] == '[') {
            section = section_of(words);
            continue;
        }
        bool strange = words.n && !is_blank(line.p[0]) && !is_comment(line) &&
                       str_find(words, '=') == words.n && str_find(words, ':') == words.n;
        if (strange && take(ctx, section, number))
            memset(text->p + (line.p - text->p), ' ', line.n);
    }
}

str config_lines_value(const struct config_lines *l, str value)
{
    int64_t n = 0;

    if (!str_starts(value, S(MARK)) || !str_to_int(str_sub(value, 1, value.n), &n) || n < 0 ||
        (size_t)n >= l->n)
        return value;
    return l->value[n];
}
