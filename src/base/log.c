#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const char *const event_name[] = {
#define LOG_EVENT(name, text) [LOG_##name] = #name,
#include "base/log.def"
#undef LOG_EVENT
};

static const char *const level_name[] = { "debug", "info", "warn", "error" };

struct line {
    char p[LINE_MAX_BYTES];
    size_t n;
};

static void put(struct line *l, const char *s, size_t n)
{
    size_t room = sizeof l->p - 2 - l->n; /* the end of the line always fits */

    if (n > room)
        n = room;
    memcpy(l->p + l->n, s, n);
    l->n += n;
}

static void putz(struct line *l, const char *z)
{
    put(l, z, strlen(z));
}

static void put_quoted(struct line *l, str s)
{
    put(l, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char code[8];
        if (c == '"' || c == '\\') {
            put(l, c == '"' ? "\\\"" : "\\\\", 2);
        } else if (c < ' ' || c == 0x7f) {
            snprintf(code, sizeof code, "\\u%04x", c);
            put(l, code, 6);
        } else {
            put(l, s.p + i, 1);
        }
    }
    put(l, "\"", 1);
}

static bool is_bare(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\' ||
            s.p[i] == 0x7f)
            return false;
    return s.n != 0;
}

static void put_field(struct line *l, bool json, const struct log_field *f)
{
    char number[32];

    if (json) {
        putz(l, ",");
        put_quoted(l, str_of(f->key));
        putz(l, ":");
    } else {
        putz(l, " ");
        putz(l, f->key);
        putz(l, "=");
    }
    if (f->is_number) {
        snprintf(number, sizeof number, "%lld", (long long)f->number);
        putz(l, number);
    } else if (!json && is_bare(f->text)) {
        put(l, f->text.p, f->text.n);
    } else {
        put_quoted(l, f->text);
    }
}

void log_write(const struct log *l, enum log_level level, enum log_event event,
               const struct log_field *field, size_t n)
{
    struct line line = { .n = 0 };
    struct timespec now;
    struct tm tm;
    char when[64];

    if (level < l->least)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t k = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(when + k, sizeof when - k, ".%03ldZ", now.tv_nsec / 1000000);
    putz(&line, l->json ? "{\"time\":\"" : "time=");
    putz(&line, when);
    putz(&line, l->json ? "\"" : "");
    const struct log_field head[] = { LF("level", str_of(level_name[level])),
                                      LF("event", str_of(event_name[event])) };
    for (size_t i = 0; i < COUNT(head); i++)
        put_field(&line, l->json, &head[i]);
    for (size_t i = 0; i < n; i++)
        put_field(&line, l->json, &field[i]);
    line.p[line.n++] = l->json ? '}' : '\n';
    if (l->json)
        line.p[line.n++] = '\n';
    ssize_t written = write(l->fd, line.p, line.n);
    (void)written; /* there is nobody left to tell */
}
