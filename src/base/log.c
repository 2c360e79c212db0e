#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json_scan.h"

/* The end of a line always fits: a quote, the mark of a cut, the brace and the newline. */
enum { LINE_MAX_BYTES = 2048, TAIL_BYTES = 16 };

static const char *const event_name[] = {
#define LOG_EVENT(name, text) [LOG_##name] = #name,
#include "base/log.def"
#undef LOG_EVENT
};

static const char *const level_name[] = { "debug", "info", "warn", "error" };

struct line {
    char p[LINE_MAX_BYTES];
    size_t n;
    bool cut; /* something did not fit; nothing more is put */
};

/* The whole of `s` or, once something did not fit, nothing. */
static void put(struct line *l, str s)
{
    if (l->cut || l->n + s.n > sizeof l->p - TAIL_BYTES) {
        l->cut = true;
        return;
    }
    if (s.n)
        memcpy(l->p + l->n, s.p, s.n);
    l->n += s.n;
}

/* For the end of the line, which has its own room. */
static void put_tail(struct line *l, str s)
{
    assert(s.n <= sizeof l->p - l->n);
    memcpy(l->p + l->n, s.p, s.n);
    l->n += s.n;
}

/* The code point of a valid sequence; nothing beyond U+FFFF matters here. */
static unsigned point_of(str c)
{
    unsigned value = (unsigned char)c.p[0] & (c.n == 1 ? 0x7f : c.n == 2 ? 0x1f : 0x0f);

    for (size_t i = 1; i < c.n; i++)
        value = value << 6 | ((unsigned char)c.p[i] & 0x3f);
    return c.n == 4 ? 0x10000 : value;
}

/* Could it move a terminal's cursor, or end a line for some reader? */
static bool is_control(unsigned point)
{
    return point < ' ' || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029;
}

/* The inside of a quoted value, each character whole or not at all. */
static void put_escaped(struct line *l, str s)
{
    while (s.n && !l->cut) {
        size_t n = utf8_length(s.p, s.p + s.n);
        str c = { s.p, n };
        char code[8];
        if (n == 0) {
            put(l, S("\xef\xbf\xbd")); /* no UTF-8 */
            n = 1;
        } else if (is_control(point_of(c))) {
            int k = snprintf(code, sizeof code, "\\u%04x", point_of(c));
            put(l, (str){ code, (size_t)k });
        } else if (*s.p == '"' || *s.p == '\\') {
            put(l, *s.p == '"' ? S("\\\"") : S("\\\\"));
        } else {
            put(l, c);
        }
        s = str_sub(s, n, s.n);
    }
}

static bool is_bare(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '"' ||
            s.p[i] == '=' || s.p[i] == '\\')
            return false;
    return s.n != 0;
}

/* A field that does not fit loses the end of its text, or is left out when not even its name
 * fits. */
static void put_field(struct line *l, bool json, const struct log_field *f)
{
    bool quoted = !f->is_number && (json || !is_bare(f->text));
    size_t before = l->n;
    char number[32];

    put(l, json ? S(",\"") : S(" "));
    put(l, str_of(f->key));
    put(l, json ? S("\":") : S("="));
    if (f->is_number) {
        snprintf(number, sizeof number, "%lld", (long long)f->number);
        put(l, str_of(number));
    } else if (quoted) {
        put(l, S("\""));
    }
    if (l->cut) {
        l->n = before;
        return;
    }
    if (!f->is_number)
        put_escaped(l, f->text);
    if (quoted)
        put_tail(l, S("\"")); /* cut or not */
}

static void put_time(struct line *l, bool json)
{
    struct timespec now;
    struct tm tm;
    char when[64];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t k = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(when + k, sizeof when - k, ".%03ldZ", now.tv_nsec / 1000000);
    put(l, json ? S("{\"time\":\"") : S("time="));
    put(l, str_of(when));
    put(l, json ? S("\"") : S(""));
}

void log_write(const struct log *l, enum log_level level, enum log_event event,
               const struct log_field *field, size_t n)
{
    struct line line;

    if (level < l->least)
        return;
    line.n = 0;
    line.cut = false;
    put_time(&line, l->json);
    const struct log_field head[] = { LF("level", str_of(level_name[level])),
                                      LF("event", str_of(event_name[event])) };
    for (size_t i = 0; i < COUNT(head); i++)
        put_field(&line, l->json, &head[i]);
    for (size_t i = 0; i < n; i++)
        put_field(&line, l->json, &field[i]);
    if (line.cut)
        put_tail(&line, l->json ? S(",\"cut\":true") : S(" cut=true"));
    put_tail(&line, l->json ? S("}\n") : S("\n"));
    if (l->before)
        l->before();
    ssize_t written = write(l->fd, line.p, line.n);
    (void)written; /* there is nobody left to tell */
}
