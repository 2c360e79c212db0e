#include "trace.h"

#include "fibre.h"
#include "side.h"

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

enum { LINE_BYTES_MAX = 512, KEPT_STEP = 4096 };

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
    for (size_t i = 0; side_secrets[i]; i++)
        if (strstr(line, side_secrets[i]))
            broke(PROMISE_SECRET, "it was told just now");
}

/* What was told, for the end of the story; kept only while it is told. */
static char **kept;
static size_t n_kept;

static void keep(const char *line)
{
    if (n_kept % KEPT_STEP == 0)
        kept = realloc(kept, (n_kept + KEPT_STEP) * sizeof *kept);
    if (!kept || !(kept[n_kept++] = strdup(line)))
        abort();
}

static void print(const char *line)
{
    char whole[LINE_BYTES_MAX + 80];
    msec t = fibre_now();

    snprintf(whole, sizeof whole, "%2d d %02d:%02d:%02d.%03d  %s%-10s %s", (int)(t / 86400000),
             (int)(t / 3600000 % 24), (int)(t / 60000 % 60), (int)(t / 1000 % 60), (int)(t % 1000),
             sides() == 1   ? ""
             : fibre_side() ? "2 "
                            : "1 ",
             fibre_name(), line);
    puts(whole);
    keep(whole);
}

void trace(const char *fmt, ...)
{
    char line[LINE_BYTES_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    add_to_hash(line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
    if (telling)
        print(line);
    check_told(line);
}

/* The first name in a sentence that looks like an object's or event's: prod_1, evt_x. */
static bool name_in(const char *sentence, char name[80])
{
    for (const char *at = sentence; *at;) {
        size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        const char *low = memchr(at, '_', n);
        bool is_id =
            low && low != at && strpbrk(low, "0123456789") && strpbrk(low, "0123456789") < at + n;
        if (is_id && n < 80) {
            snprintf(name, 80, "%.*s", (int)n, at);
            return true;
        }
        at += n ? n : 1;
    }
    return false;
}

static bool names(const char *line, const char *name)
{
    for (const char *at = line; (at = strstr(at, name)); at += strlen(name))
        if (!strchr("0123456789", at[strlen(name)]) || !at[strlen(name)])
            return true;
    return false;
}

/* Of the whole story what is about the object of the broken promise, and who began and died. */
static void tell_again(const char *sentence)
{
    char name[80];
    size_t first = 0;

    if (!name_in(sentence, name))
        return;
    while (first < n_kept && !names(kept[first], name))
        first++;
    printf("\n==== the same once more: only what names %s, and what became of the processes\n",
           name);
    for (size_t i = first; i < n_kept; i++)
        if (names(kept[i], name) || strstr(kept[i], "  fate ") || strstr(kept[i], " ends: ") ||
            strstr(kept[i], "----"))
            puts(kept[i]);
}

void broke(enum promise p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(tally->broken, sizeof tally->broken, fmt, ap);
    va_end(ap);
    tally->promise = p;
    trace("BROKEN PROMISE (%s): %s", promise_text[p], tally->broken);
    if (telling)
        tell_again(tally->broken);
    fflush(stdout);
    _Exit(1);
}
