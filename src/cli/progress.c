#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/output.h"

enum {
    SCRATCH_BYTES = 64 << 10,
    BAR_WIDTH = 20,
    SWEEP_MS = 150, /* the bar of a list whose length nobody knows moves on so often */
};

static void copy_text(char *to, size_t room, str s)
{
    snprintf(to, room, "%.*s", STR_ARG(s));
}

static void read_type(struct progress *p, str object)
{
    ARENA(a, SCRATCH_BYTES);
    struct progress_type *t = &p->type[p->n_types++];

    *t = (struct progress_type){ .core = json_bool(object, S("core")) == JSON_TRUE };
    copy_text(t->name, sizeof t->name, json_text(object, S("view"), &a));
    copy_text(t->state, sizeof t->state, json_text(object, S("state"), &a));
    str reason = json_text(object, S("reason"), &a);
    while (str_ends(reason, S(".")))
        reason = str_sub(reason, 0, reason.n - 1);
    copy_text(t->reason, sizeof t->reason, reason);
    json_int(object, S("objects"), &t->objects);
    json_int(object, S("pages"), &t->pages);
    if (strcmp(t->state, "failed") == 0)
        memcpy(p->reason, t->reason, sizeof p->reason);
}

bool progress_read(struct progress *p, str line)
{
    struct json_token types = json_member(line, S("types"));
    struct json_reader r;

    if (types.type != JSON_ARRAY)
        return false;
    p->n_types = 0;
    p->reason[0] = '\0';
    json_init(&r, types.text);
    json_next(&r);
    for (;;) {
        struct json_token t = json_value(&r);
        if (t.type != JSON_OBJECT || p->n_types == PROGRESS_TYPES_MAX)
            break;
        read_type(p, t.text);
    }
    const struct {
        const char *name;
        int64_t *to;
    } number[] = { { "objects", &p->objects },
                   { "pages", &p->pages },
                   { "walks", &p->walks },
                   { "walks_done", &p->walks_done },
                   { "walks_skipped", &p->walks_skipped },
                   { "walks_failed", &p->walks_failed },
                   { "due", &p->due },
                   { "looking", &p->looking },
                   { "dead", &p->dead },
                   { "requests", &p->requests },
                   { "limited", &p->limited },
                   { "rate_milli", &p->rate_milli } };
    for (size_t i = 0; i < COUNT(number); i++)
        if (!json_int(line, str_of(number[i].name), number[i].to))
            *number[i].to = i < 9 ? 0 : -1;
    if (!p->begun) {
        p->begun = true;
        p->requests_before = p->requests;
        p->limited_before = p->limited;
    }
    return true;
}

int64_t progress_signature(const struct progress *p)
{
    return p->objects * 31 + p->pages * 17 + p->walks_done * 13 + p->walks_skipped * 11 +
           p->due * 7 + p->dead * 5;
}

/* --- drawing ------------------------------------------------------------------------------- */

/* A mark that wanders: the list's length is not known. */
static void sweep_text(msec at, char *out, size_t room)
{
    size_t place = (size_t)(at / SWEEP_MS) % (BAR_WIDTH - 2);

    bar_text(0, 1, BAR_WIDTH, out, room);
    memset(out + 1 + place, '#', 3);
}

static void draw_line(struct progress *p, const char *text)
{
    size_t width = terminal_width(stderr);

    fprintf(stderr, "\r\033[K%.*s\n", (int)width - 1, text);
    p->lines_drawn++;
}

static void per_second(int64_t n, msec span, char out[32])
{
    count_text(span > 0 ? n * 1000 / span : 0, out);
}

static void draw_type(struct progress *p, const struct progress_type *t, msec at)
{
    char bar[BAR_WIDTH + 4], objects[32], rate[32], text[PROGRESS_REASON_MAX + 160];
    bool failed = strcmp(t->state, "failed") == 0;

    sweep_text(at, bar, sizeof bar);
    count_text(t->objects, objects);
    per_second(t->objects, at, rate);
    snprintf(text, sizeof text, "  %-28.28s %s %12s  %7s/s  %s%.80s", t->name, failed ? "" : bar,
             objects, rate, failed ? "will be tried again: " : "", failed ? t->reason : "");
    draw_line(p, text);
}

/* A daemon that does the work has asked for much else before. */
static void requests_text(const struct progress *p, msec at, char *out, size_t room)
{
    char requests[32], rate[32], limit[48] = "";

    count_text(p->requests - p->requests_before, requests);
    per_second(p->requests - p->requests_before, at, rate);
    if (p->rate_milli > 0)
        snprintf(limit, sizeof limit, ", limit %.0f/s", (double)p->rate_milli / 1000);
    snprintf(out, room, ", %s requests (%s/s%s), %lld answered 429", requests, rate, limit,
             (long long)(p->limited - p->limited_before));
}

static void draw_whole(struct progress *p, msec at)
{
    char bar[BAR_WIDTH + 4], objects[32], rate[32], waiting[32], text[256], asked[96] = "";
    int64_t ended = p->walks_done + p->walks_skipped;

    bar_text(ended, p->walks, BAR_WIDTH, bar, sizeof bar);
    count_text(p->objects, objects);
    per_second(p->objects, at, rate);
    count_text(p->due, waiting);
    if (p->requests >= 0)
        requests_text(p, at, asked, sizeof asked);
    snprintf(text, sizeof text, "%s %lld of %lld lists, %s objects (%s/s), %s waiting%s", bar,
             (long long)ended, (long long)p->walks, objects, rate, waiting, asked);
    draw_line(p, text);
}

void progress_draw(struct progress *p, msec since_start)
{
    unsigned before = p->lines_drawn, shown = 0;

    if (before)
        fprintf(stderr, "\033[%uA", before);
    p->lines_drawn = 0;
    for (size_t i = 0; i < p->n_types && shown < PROGRESS_LINES_MAX; i++) {
        const struct progress_type *t = &p->type[i];
        if (strcmp(t->state, "walking") != 0 && strcmp(t->state, "failed") != 0)
            continue;
        draw_type(p, t, since_start);
        shown++;
    }
    draw_whole(p, since_start);
    fprintf(stderr, "\033[J");
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->lines_drawn)
        fprintf(stderr, "\033[%uA\033[J", p->lines_drawn);
    p->lines_drawn = 0;
}

/* --- afterwards ---------------------------------------------------------------------------- */

bool progress_reason_forbids(const char *reason)
{
    return strstr(reason, ": 403") || strstr(reason, ": 401");
}

static bool is_forbidden(const struct progress_type *t)
{
    return progress_reason_forbids(t->reason);
}

/* There are more lists of it than sync asks for unnamed: core/mirror/parents.c gives the reason. */
static bool is_unlisted(const struct progress_type *t)
{
    return strstr(t->reason, "has a list of its own") != NULL;
}

/* What is not there for this account fills a line; what the key may not see has one each. */
void progress_say_skipped(const struct progress *p)
{
    size_t absent = 0;

    for (size_t i = 0; i < p->n_types; i++) {
        const struct progress_type *t = &p->type[i];
        if (strcmp(t->state, "skipped") != 0)
            continue;
        if (is_forbidden(t))
            say("  not permitted: %s (%s)", t->name, t->reason);
        else if (is_unlisted(t))
            say("  not listed: %s (%s)", t->name, t->reason);
        else
            absent++;
    }
    if (!absent)
        return;
    fprintf(stderr, "  not there for this account:");
    for (size_t i = 0; i < p->n_types; i++)
        if (strcmp(p->type[i].state, "skipped") == 0 && !is_forbidden(&p->type[i]) &&
            !is_unlisted(&p->type[i]))
            fprintf(stderr, " %s", p->type[i].name);
    fputc('\n', stderr);
}

size_t progress_say_failed(const struct progress *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_types; i++)
        if (strcmp(p->type[i].state, "failed") == 0) {
            say("  failed: %s (%s)", p->type[i].name, p->type[i].reason);
            n++;
        }
    return n;
}

bool progress_forbidden_core(const struct progress *p)
{
    for (size_t i = 0; i < p->n_types; i++) {
        const struct progress_type *t = &p->type[i];
        if (t->core && strcmp(t->state, "complete") != 0 && is_forbidden(t))
            return true;
    }
    return false;
}
