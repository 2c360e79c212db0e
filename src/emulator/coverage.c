/* coverage.c - what is answered and what is not: nothing here is written by hand, it is asked of
 * the routes themselves. */
#include "base/buf.h"
#include "emulator/call.h"
#include "emulator/event_names.h"

#include <stdio.h>
#include <string.h>

enum { COVERAGE_ARENA_BYTES = 1 << 20, PATH_BYTES = 256 };

static const struct operation {
    const char *method, *path;
} operation[] = {
#define OPERATION(method, path) { method, path },
#include "emulator/operations.def"
#undef OPERATION
};

static const char *const fired[] = {
#include "fired_events.h"
};

enum answer { ANSWERED, KEPT, MISSING, ANSWERS };

/* The path with something in each place of an id. */
static str example(const char *path, char out[PATH_BYTES])
{
    size_t n = 0;

    for (; *path && n < PATH_BYTES - 2; path++) {
        bool place = path[0] == '{' && path[1] == '}';
        out[n++] = place ? 'x' : *path;
        path += place;
    }
    out[n] = 0;
    return (str){ out, n };
}

/* An API route says which parameters it knows; what is only kept takes any. */
static enum answer answer_of(const struct operation *o)
{
    ARENA(arena, COVERAGE_ARENA_BYTES);
    const struct route *route;
    str part[PATH_PARTS_MAX];
    char path[PATH_BYTES];

    if (route_find(str_of(o->method), example(o->path, path), &route, part, &arena) != ST_OK)
        return MISSING;
    return route->params ? ANSWERED : KEPT;
}

static void put(struct buf *b, const char *text)
{
    buf_append(b, str_of(text));
}

static void put_count(struct buf *b, size_t n, const char *what)
{
    char text[128];

    snprintf(text, sizeof text, "%zu %s", n, what);
    put(b, text);
}

/* One row for a path: which methods have which answer. Returns the operation behind it. */
static size_t put_path(struct buf *b, size_t i)
{
    size_t end = i;

    put(b, "| `");
    put(b, operation[i].path);
    put(b, "` |");
    while (end < COUNT(operation) && strcmp(operation[end].path, operation[i].path) == 0)
        end++;
    for (enum answer want = ANSWERED; want < ANSWERS; want++) {
        for (size_t k = i; k < end; k++) {
            if (answer_of(&operation[k]) != want)
                continue;
            put(b, " ");
            put(b, operation[k].method);
        }
        put(b, " |");
    }
    put(b, "\n");
    return end;
}

static void put_operations(struct buf *b)
{
    size_t n[ANSWERS] = { 0 };

    for (size_t i = 0; i < COUNT(operation); i++)
        n[answer_of(&operation[i])]++;
    put(b, "# What the emulator covers\n\n");
    put_count(b, COUNT(operation), "operations of the API (2026-10-28.endive): ");
    put_count(b, n[ANSWERED], "are answered, ");
    put_count(b, n[KEPT], "only list and give what `POST /_emulator/objects` has put there, ");
    put_count(b, n[MISSING], "are not there.\n\n");
    put(b, "| path | answered | only what was put there | not there |\n|---|---|---|---|\n");
    for (size_t i = 0; i < COUNT(operation);)
        i = put_path(b, i);
}

static bool is_fired(const char *type)
{
    for (size_t i = 0; i < COUNT(fired); i++)
        if (strcmp(fired[i], type) == 0)
            return true;
    return false;
}

static void put_events(struct buf *b)
{
    put(b, "\n# Events\n\nAll ");
    put_count(b, n_event_names, "types can be named by endpoints and in lists. ");
    put_count(b, COUNT(fired),
              "come by themselves; any other comes when it is asked for by "
              "`POST /_emulator/objects` with `event`.\n\n");
    put(b, "| type | object | comes by itself |\n|---|---|---|\n");
    for (size_t i = 0; i < n_event_names; i++) {
        put(b, "| `");
        put(b, event_name[i].type);
        put(b, "` | ");
        for (const char *p = event_name[i].object; *p; p++)
            put(b, *p == '|' ? ", " : (char[]){ *p, 0 });
        put(b, is_fired(event_name[i].type) ? " | yes |\n" : " | |\n");
    }
}

void emulator_coverage(struct buf *out)
{
    put_operations(out);
    put_events(out);
}
