#include "cli/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SPAN_DAYS_MAX = 36500 };

static bool read_span(str text, msec now, msec *out)
{
    static const struct {
        const char *name;
        msec ms;
    } unit[] = {
        { "s", 1000 }, { "min", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400LL * 1000 }
    };
    size_t digits = 0;
    int64_t n;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (!str_to_int(str_sub(text, 0, digits), &n))
        return false;
    str name = str_sub(text, digits, text.n);
    for (size_t i = 0; i < COUNT(unit); i++) {
        if (!str_eqz(name, unit[i].name) || n > SPAN_DAYS_MAX * (86400LL * 1000) / unit[i].ms)
            continue;
        *out = now - n * unit[i].ms;
        return true;
    }
    return false;
}

/* timegm would take the 31st of February for the 3rd of March. */
static bool is_on_the_calendar(const struct tm *tm)
{
    struct tm copy = *tm;
    time_t t = timegm(&copy);

    return t != (time_t)-1 && copy.tm_mday == tm->tm_mday && copy.tm_mon == tm->tm_mon &&
           copy.tm_hour == tm->tm_hour && copy.tm_min == tm->tm_min && copy.tm_sec == tm->tm_sec;
}

/* ".25" is 250 ms; `*at` moves behind it. */
static bool read_fraction(const char **at, int *ms)
{
    int digits = 0, scale = 100;

    for (++*at; **at >= '0' && **at <= '9'; ++*at, digits++, scale /= 10)
        *ms += (**at - '0') * scale;
    return digits >= 1 && digits <= 3;
}

static bool read_date(const char *text, msec *out)
{
    struct tm tm = { 0 };
    int used = 0, ms = 0;
    const char *at = text;

    if (sscanf(at, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3)
        return false;
    at += used;
    if ((*at == 'T' || *at == ' ') &&
        sscanf(at + 1, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) == 2)
        at += 1 + used;
    if (*at == ':' && sscanf(at + 1, "%2d%n", &tm.tm_sec, &used) == 1)
        at += 1 + used;
    if (*at == '.' && !read_fraction(&at, &ms))
        return false;
    if (*at == 'Z')
        at++;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (*at || !is_on_the_calendar(&tm))
        return false;
    *out = (msec)timegm(&tm) * 1000 + ms;
    return true;
}

bool when_read(str text, msec now, msec *out)
{
    char copy[WHEN_TEXT_MAX];
    int64_t seconds;

    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    if (str_to_int(text, &seconds) && seconds >= 0 && seconds < INT64_MAX / 1000) {
        *out = seconds * 1000;
        return true;
    }
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return read_span(text, now, out) || read_date(copy, out);
}

void when_text(msec at, char out[WHEN_TEXT_MAX])
{
    time_t seconds = (time_t)(at / 1000);
    struct tm tm;
    char head[24] = "";

    if (gmtime_r(&seconds, &tm))
        strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, WHEN_TEXT_MAX, "%s.%03dZ", head, (int)(at % 1000));
}
