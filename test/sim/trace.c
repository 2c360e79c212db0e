#include "trace.h"

#include "fibre.h"
#include "stripe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const mark_text[MARK_COUNT] = {
#define MARK(name, text) text,
    MARKS(MARK)
#undef MARK
};

const char *const promise_text[PROMISE_COUNT] = {
#define PROMISE(name, text) text,
    PROMISES(PROMISE)
#undef PROMISE
};

struct tally *tally;
static bool telling;

void mark(enum mark m)
{
    tally->mark[m]++;
}

void trace_to_stdout(bool on)
{
    telling = on;
}

bool trace_is_on(void)
{
    return telling;
}

static void add_to_hash(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tally->hash = (tally->hash ^ (unsigned char)line[i]) * 0x100000001b3;
    tally->hash ^= (uint64_t)fibre_now();
}

/* What the program says of its troubles stands in the story, too. */
static void check_told(const char *line)
{
    if (strstr(line, SIM_KEY) || strstr(line, OTHER_KEY) || strstr(line, SIM_SECRET))
        broke(PROMISE_SECRET, "it was told just now");
}

static void print(const char *line)
{
    msec t = fibre_now();

    printf("%2d d %02d:%02d:%02d.%03d  %-10s %s\n", (int)(t / 86400000), (int)(t / 3600000 % 24),
           (int)(t / 60000 % 60), (int)(t / 1000 % 60), (int)(t % 1000), fibre_name(), line);
}

void trace(const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    add_to_hash(line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
    if (telling)
        print(line);
    check_told(line);
}

void broke(enum promise p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(tally->broken, sizeof tally->broken, fmt, ap);
    va_end(ap);
    tally->promise = p;
    trace("BROKEN PROMISE (%s): %s", promise_text[p], tally->broken);
    fflush(stdout);
    _Exit(1);
}
