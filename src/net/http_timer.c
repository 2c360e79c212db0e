#include "net/http_internal.h"

static void put(struct http_timers *t, size_t at, struct http_conn *c)
{
    t->heap[at] = c;
    c->heap_at = at;
}

static void sift_up(struct http_timers *t, struct http_conn *c)
{
    size_t at = c->heap_at;

    while (at > 0 && t->heap[(at - 1) / 2]->due > c->due) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(t, at, c);
}

static void sift_down(struct http_timers *t, struct http_conn *c)
{
    size_t at = c->heap_at;

    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < t->n && t->heap[child + 1]->due < t->heap[child]->due)
            child++;
        if (child >= t->n || t->heap[child]->due >= c->due)
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, c);
}

void http_timer_set(struct http_timers *t, struct http_conn *c, msec deadline)
{
    c->deadline = deadline;
    if (deadline == HTTP_NEVER || (c->in_heap && c->due <= deadline))
        return;
    c->due = deadline;
    if (!c->in_heap) {
        c->in_heap = true;
        c->heap_at = t->n++;
    }
    sift_up(t, c);
}

void http_timer_remove(struct http_timers *t, struct http_conn *c)
{
    if (!c->in_heap)
        return;
    c->in_heap = false;
    struct http_conn *last = t->heap[--t->n];
    if (last == c)
        return;
    put(t, c->heap_at, last);
    sift_up(t, last);
    sift_down(t, last);
}

struct http_conn *http_timer_expired(struct http_timers *t, msec now)
{
    while (t->n && t->heap[0]->due <= now) {
        struct http_conn *c = t->heap[0];
        http_timer_remove(t, c);
        if (c->deadline <= now)
            return c;
        http_timer_set(t, c, c->deadline);
    }
    return NULL;
}

msec http_timer_next(const struct http_timers *t)
{
    return t->n ? t->heap[0]->due : HTTP_NEVER;
}
