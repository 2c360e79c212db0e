#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eqz(str a, const char *z)
{
    return str_eq(a, str_of(z));
}

bool str_starts(str s, str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(str s, str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

str str_of(const char *z)
{
    return (str){ z, z ? strlen(z) : 0 };
}

str str_sub(str s, size_t from, size_t to)
{
    assert(from <= to && to <= s.n);
    return (str){ s.p + from, to - from };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim(str s)
{
    while (s.n && is_blank(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_find(str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

str str_cut(str s, char c, str *head)
{
    size_t at = str_find(s, c);
    *head = (str){ s.p, at };
    if (at == s.n)
        return (str){ 0 };
    return str_sub(s, at + 1, s.n);
}

bool str_to_int(str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    int64_t value = 0;

    if (s.n == (size_t)negative)
        return false;
    for (size_t i = negative; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        int digit = s.p[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool str_eq_constant_time(str a, str b)
{
    unsigned char differ = 0;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        differ |= (unsigned char)(a.p[i] ^ b.p[i]);
    return differ == 0;
}

const char *status_name(enum status st)
{
    switch (st) {
    case ST_OK: return "ok";
    case ST_NONE: return "none";
    case ST_CONFLICT: return "conflict";
    case ST_RETRY: return "retry";
    case ST_REFUSED: return "refused";
    case ST_INVALID: return "invalid";
    case ST_LIMIT: return "limit";
    case ST_BROKEN: return "broken";
    }
    return "?";
}

enum status error_set(struct error *e, enum status status, const char *file, int line,
                      const char *fmt, ...)
{
    assert(status != ST_OK);
    if (e->status == ST_OK) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        e->status = status;
        e->file = file;
        e->line = line;
    }
    return status;
}

void error_prefix(struct error *e, const char *fmt, ...)
{
    char words[ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    size_t head = (size_t)n < sizeof words ? (size_t)n : sizeof words - 1;
    size_t room = sizeof e->text - 1 - head;
    size_t tail = strnlen(e->text, sizeof e->text - 1);
    if (tail > room)
        tail = room;
    memmove(e->text + head, e->text, tail);
    memcpy(e->text, words, head);
    e->text[head + tail] = '\0';
}

void error_clear(struct error *e)
{
    *e = (struct error){ 0 };
}
