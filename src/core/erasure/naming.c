#include "core/erasure/naming.h"

#include <string.h>

/* A character of a text, and how many bytes it takes there. `raw_quote`: the end of a string. */
struct glyph {
    uint32_t c;
    size_t n;
    bool raw_quote;
};

static uint32_t small(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Of the letters that addresses are written in: Latin, Greek, Cyrillic. */
static uint32_t folded(uint32_t c)
{
    bool latin = c >= 0xC0 && c <= 0xDE && c != 0xD7, greek = c >= 0x391 && c <= 0x3A9;
    bool pairs =
        (c >= 0x100 && c < 0x130) || (c >= 0x14A && c < 0x178); /* a small one behind each */

    if (latin || greek || (c >= 0x410 && c < 0x430))
        return c + 0x20;
    if (c >= 0x400 && c < 0x410)
        return c + 0x50;
    return pairs ? c | 1 : small(c);
}

static struct glyph utf8_at(str t, size_t at)
{
    const unsigned char *p = (const unsigned char *)t.p + at;
    size_t n = p[0] < 0xC0 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if (n == 1 || n > t.n - at)
        return (struct glyph){ p[0], 1, p[0] == '"' };
    uint32_t c = p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3F);
    return (struct glyph){ c, n, false };
}

/* The four digits of \uXXXX; false: they are none. */
static bool hex4(str t, size_t at, uint32_t *out)
{
    uint32_t c = 0;

    if (t.n < 4 || at > t.n - 4)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        uint32_t d = small((unsigned char)t.p[i]);
        bool digit = d >= '0' && d <= '9';
        if (!digit && (d < 'a' || d > 'f'))
            return false;
        c = c << 4 | (digit ? d - '0' : d - 'a' + 10);
    }
    *out = c;
    return true;
}

static struct glyph glyph_at(str t, size_t at)
{
    uint32_t c, low;

    if (t.p[at] != '\\' || at + 1 == t.n)
        return utf8_at(t, at);
    char kind = t.p[at + 1];
    if (kind != 'u' || !hex4(t, at + 2, &c)) {
        bool blank = kind == 'n' || kind == 't' || kind == 'r' || kind == 'b' || kind == 'f';
        return (struct glyph){ blank ? ' ' : (unsigned char)kind, 2, false };
    }
    if (c >= 0xD800 && c < 0xDC00 && at + 8 <= t.n && t.p[at + 6] == '\\' && t.p[at + 7] == 'u' &&
        hex4(t, at + 8, &low) && low >= 0xDC00 && low < 0xE000)
        return (struct glyph){ 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00)), 12, false };
    return (struct glyph){ c, 6, false };
}

static int hex_digit(char c)
{
    uint32_t d = small((unsigned char)c);

    return d >= '0' && d <= '9' ? (int)(d - '0') : d >= 'a' && d <= 'f' ? (int)(d - 'a') + 10 : -1;
}

/* The byte of %XX; -1: there is none. */
static int percent_at(str t, size_t at)
{
    if (t.n - at < 3 || t.p[at] != '%' || hex_digit(t.p[at + 1]) < 0 || hex_digit(t.p[at + 2]) < 0)
        return -1;
    return hex_digit(t.p[at + 1]) << 4 | hex_digit(t.p[at + 2]);
}

/* As an address stands in a URL: jo%40example.com. A letter of several bytes is as many times %XX.
 */
static struct glyph url_glyph_at(str t, size_t at)
{
    char byte[4];
    size_t n = 0;

    for (int b; n < sizeof byte && (b = percent_at(t, at + 3 * n)) >= 0; n++)
        byte[n] = (char)b;
    if (!n)
        return glyph_at(t, at);
    struct glyph g = utf8_at((str){ byte, n }, 0);
    return (struct glyph){ g.c, 3 * g.n, false };
}

/* JSON that stands in a string of JSON: its \\u0040 is \\\\u0040 there, and so on. */
static struct glyph nested_glyph_at(str t, size_t at)
{
    size_t n = 0;
    uint32_t c;

    while (at + n < t.n && t.p[at + n] == '\\')
        n++;
    if (n > 1 && at + n < t.n && t.p[at + n] == 'u' && hex4(t, at + n + 1, &c))
        return (struct glyph){ c, n + 5, false };
    return glyph_at(t, at);
}

static bool is_nested_escape(str t, size_t at)
{
    return at + 1 < t.n && t.p[at] == '\\' && t.p[at + 1] == '\\';
}

/* What stands before: the character that %XX means, whatever its digits look like, or an escape of
 * nested JSON. */
static uint32_t char_before(str t, size_t at, uint32_t last)
{
    int b = at >= 3 ? percent_at(t, at - 3) : -1;
    uint32_t c;

    if (at >= 7 && is_nested_escape(t, at - 7) && t.p[at - 5] == 'u' && hex4(t, at - 4, &c))
        return c;
    if (at >= 3 && is_nested_escape(t, at - 3) && strchr("ntrbf", t.p[at - 1]))
        return ' ';
    return b < 0 ? last : b >= 0x80 ? 0xC0 : (uint32_t)b; /* of a letter beyond ASCII */
}

/* Letters of Europe's scripts count: jörg@… is not rg@…; what stands beyond them, as quotation
 * marks and scripts without blanks do, does not. */
static bool is_letter(uint32_t c)
{
    c = small(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 0xC0 && c < 0x2000);
}

static bool is_of_id(uint32_t c)
{
    return is_letter(c) || c == '_' || c == '-';
}

static bool goes_on_before(const struct name *n, uint32_t last, uint32_t last_but_one)
{
    if (!n->address)
        return is_of_id(last);
    if (last == '.' ||
        last == '\'') /* no address begins so: the one ends a sentence, the other quotes */
        return is_letter(last_but_one);
    return is_letter(last) || last == '_' || last == '+' || last == '-';
}

static bool goes_on_behind(const struct name *n, str t, size_t at)
{
    if (at >= t.n)
        return false;
    struct glyph g = glyph_at(t, at);
    if (!n->address)
        return is_of_id(g.c);
    g = url_glyph_at(t, at);
    if ((g.c == '.' || g.c == '-') && at + g.n < t.n)
        return is_letter(glyph_at(t, at + g.n).c);
    return is_letter(g.c);
}

/* Where the name ends that begins here; 0: it does not. */
static size_t match(const struct name *n, str t, size_t at)
{
    for (size_t i = 0; i < n->text.n;) {
        if (at >= t.n)
            return 0;
        struct glyph want = utf8_at(n->text, i), got = glyph_at(t, at);
        if (n->address && got.c == '%' && want.c != '%')
            got = url_glyph_at(t, at);
        if (n->address && got.c == '\\')
            got = nested_glyph_at(t, at);
        if (got.raw_quote || (n->address ? folded(got.c) != folded(want.c) : got.c != want.c))
            return 0;
        i += want.n;
        at += got.n;
    }
    return at;
}

/* How a text is gone through: what stood before the place where a name may begin. */
struct pass {
    uint32_t last, last_but_one;
    bool opens;
};

#define PASS_INIT                        \
    {                                    \
        .last = ' ', .last_but_one = ' ' \
    }

/* Where the name ends that begins here as one of its own; 0: it does not. */
static size_t match_alone(const struct name *n, str t, size_t at, const struct pass *p)
{
    size_t end = match(n, t, at);

    return end && !goes_on_before(n, char_before(t, at, p->last), p->last_but_one) &&
                   !goes_on_behind(n, t, end)
               ? end
               : 0;
}

static size_t pass_on(struct pass *p, str t, size_t at)
{
    struct glyph g = glyph_at(t, at);

    p->opens = g.raw_quote;
    p->last_but_one = p->last;
    p->last = g.c;
    return at + g.n;
}

bool name_in(const struct name *n, str json)
{
    struct pass p = PASS_INIT;

    for (size_t at = 0; n->text.n && at < json.n; at = pass_on(&p, json, at))
        if (match_alone(n, json, at, &p))
            return true;
    return false;
}

bool name_is_value_in(const struct name *n, str json)
{
    struct pass p = PASS_INIT;

    for (size_t at = 0; n->text.n && at < json.n; at = pass_on(&p, json, at)) {
        size_t end = p.opens ? match(n, json, at) : 0;
        if (end && end < json.n && json.p[end] == '"')
            return true;
    }
    return false;
}

bool name_cut(const struct name *n, str text, struct buf *out)
{
    struct pass p = PASS_INIT;
    bool found = false;

    for (size_t at = 0, end; at < text.n; at = end) {
        end = n->text.n ? match_alone(n, text, at, &p) : 0;
        if (end) {
            buf_append(out, S(NAME_CUT));
            p = (struct pass)PASS_INIT;
            found = true;
            continue;
        }
        end = pass_on(&p, text, at);
        buf_append(out, str_sub(text, at, end));
    }
    return found;
}

static str small_copy(str s, struct arena *a)
{
    char *p = arena_alloc(a, s.n + 1);

    for (size_t i = 0; p && i < s.n; i++)
        p[i] = (char)small((unsigned char)s.p[i]);
    return p ? (str){ p, s.n } : (str){ 0 };
}

struct name name_of_address(str decoded, struct arena *a)
{
    return (struct name){ small_copy(decoded, a), true };
}

static str longest_piece(str text, struct arena *a)
{
    str best = S("");

    for (size_t from = 0; from < text.n;) {
        size_t to = from;
        while (to < text.n && !strchr("/\"\\", text.p[to]))
            to++;
        if (to - from > best.n)
            best = str_sub(text, from, to);
        from = to + 1;
    }
    return small_copy(best, a);
}

/* What JSON and URLs write as it is. */
static bool is_plain(char c)
{
    return c > 0 && (is_letter((unsigned char)c) || strchr("-._~", c));
}

str name_hint(const struct name *n, struct arena *a)
{
    const char *sign = n->address && n->text.n ? memrchr(n->text.p, '@', n->text.n) : NULL;
    size_t from = sign ? (size_t)(sign - n->text.p) : 0, to = sign ? from + 1 : n->text.n;

    while (sign && from && is_plain(n->text.p[from - 1]))
        from--;
    while (sign && to < n->text.n && is_plain(n->text.p[to]))
        to++;
    return longest_piece(str_sub(n->text, from, to), a);
}

str name_url_hint(const struct name *n)
{
    return n->address && n->text.n && memchr(n->text.p, '@', n->text.n) ? S("%40") : S("");
}
