#include "base/url.h"

#include <string.h>

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void url_escape(struct buf *b, str s)
{
    static const char hex[] = "0123456789ABCDEF";
    bool dots = str_eqz(s, ".") || str_eqz(s, "..");

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_plain(s.p[i]) && !dots) {
            buf_char(b, s.p[i]);
        } else {
            char code[3] = { '%', hex[c >> 4], hex[c & 15] };
            buf_append(b, (str){ code, 3 });
        }
    }
}

str url_escape_in(struct arena *a, str s)
{
    BUF(b, s.n * 3 + 1);

    url_escape(&b, s);
    return b.failed ? (str){ 0 } : arena_copy(a, buf_str(&b));
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool url_unescape(struct arena *a, str s, bool plus, str *out)
{
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;

    if (!to) {
        *out = (str){ 0 };
        return true;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '+' && plus) {
            to[n++] = ' ';
        } else if (s.p[i] != '%') {
            to[n++] = s.p[i];
        } else {
            if (s.n - i < 3)
                return false;
            int hi = hex_value(s.p[i + 1]), lo = hex_value(s.p[i + 2]);
            if (hi < 0 || lo < 0)
                return false;
            to[n++] = (char)(hi << 4 | lo);
            i += 2;
        }
    }
    *out = (str){ to, n };
    return true;
}
