/* json_scan.h - the characters of a string: runs of plain ones, eight at a time, UTF-8 and escapes.
 * For the .c files of base/ alone. */
#pragma once

#include <endian.h>
#include <string.h>

#include "base/base.h"

#define EACH_BYTE(c) (0x0101010101010101ULL * (c))

/* Eight bytes, the first one lowest. */
static inline uint64_t load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

/* The high bit of each byte that ends a run of plain characters: a quote, a backslash, a control
 * character, or the beginning of a longer UTF-8 sequence. A borrow can set bits above the lowest
 * one that is right, so only the lowest is to be believed. */
static inline uint64_t special_bytes(uint64_t w)
{
    return (((w ^ EACH_BYTE('"')) - EACH_BYTE(1)) | ((w ^ EACH_BYTE('\\')) - EACH_BYTE(1)) |
            (w - EACH_BYTE(' ')) | w) &
           EACH_BYTE(0x80);
}

static inline bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

static inline const char *skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t special = special_bytes(load8(p));
        if (special)
            return p + __builtin_ctzll(special) / 8;
        p += 8;
    }
    while (p < end && is_plain((unsigned char)*p))
        p++;
    return p;
}

static inline bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence at p, 0 when it is none (overlong, a surrogate, beyond
 * U+10FFFF, cut). */
static inline size_t utf8_length(const char *p, const char *end)
{
    unsigned char c = (unsigned char)p[0], d = end - p > 1 ? (unsigned char)p[1] : 0;
    bool third = end - p > 2 && is_tail(p[2]);

    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4 || !is_tail((char)d))
        return 0;
    if (c < 0xe0)
        return 2;
    if (c < 0xf0)
        return third && !(c == 0xe0 && d < 0xa0) && !(c == 0xed && d > 0x9f) ? 3 : 0;
    bool fourth = end - p > 3 && is_tail(p[3]);
    return third && fourth && !(c == 0xf0 && d < 0x90) && !(c == 0xf4 && d > 0x8f) ? 4 : 0;
}

/* UTF-8 without control characters: every store takes it, and a line of a log can hold it. */
static inline bool utf8_is_line(str s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        unsigned char c = (unsigned char)s.p[i];
        n = utf8_length(s.p + i, s.p + s.n);
        if (!n || c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The value of four hexadecimal digits, -1 when they are not. */
static inline int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}
