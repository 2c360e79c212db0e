#include "emulator/agenda.h"

#include <stdlib.h>

static struct agenda *agenda_of(const struct record *r)
{
    return r->clock ? &r->clock->agenda : &r->space->agenda;
}

static bool earlier(const struct record *a, const struct record *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void place(struct agenda *a, size_t i, struct record *r)
{
    a->heap[i] = r;
    r->agenda_at = i + 1;
}

static void sift_up(struct agenda *a, size_t i)
{
    struct record *r = a->heap[i];

    for (; i && earlier(r, a->heap[(i - 1) / 2]); i = (i - 1) / 2)
        place(a, i, a->heap[(i - 1) / 2]);
    place(a, i, r);
}

static void sift_down(struct agenda *a, size_t i)
{
    struct record *r = a->heap[i];

    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid + 1 < a->n && earlier(a->heap[kid + 1], a->heap[kid]))
            kid++;
        if (kid >= a->n || !earlier(a->heap[kid], r))
            break;
        place(a, i, a->heap[kid]);
        i = kid;
    }
    place(a, i, r);
}

static void take_out(struct record *r)
{
    struct agenda *a = agenda_of(r);
    size_t i = r->agenda_at - 1;

    if (!r->agenda_at)
        return;
    assert(a->heap[i] == r);
    r->agenda_at = 0;
    struct record *last = a->heap[--a->n];
    if (last == r)
        return;
    place(a, i, last);
    sift_up(a, i);
    sift_down(a, last->agenda_at - 1);
}

static void put_in(struct record *r)
{
    struct agenda *a = agenda_of(r);

    if (a->n == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 64;
        a->heap = must_realloc(a->heap, a->cap * sizeof(*a->heap));
    }
    a->heap[a->n++] = r;
    sift_up(a, a->n - 1);
}

void agenda_set(struct record *r, int64_t due)
{
    if (r->due == due)
        return;
    take_out(r);
    r->due = due;
    if (due < INT64_MAX)
        put_in(r);
}

void agenda_move(struct record *r, struct test_clock *clock)
{
    int64_t due = r->due;

    if (r->clock == clock)
        return;
    agenda_set(r, INT64_MAX);
    r->clock = clock;
    agenda_set(r, due);
}

struct record *agenda_first(const struct agenda *a)
{
    return a->n ? a->heap[0] : NULL;
}
