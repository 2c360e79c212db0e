#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
enum { BLOCK_BYTES = 0 }; /* each allocation on its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { BLOCK_BYTES = 0 };
#else
enum { BLOCK_BYTES = 8192 };
#endif
#else
enum { BLOCK_BYTES = 8192 };
#endif

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t data[];
};

void arena_free(struct arena *a)
{
    while (a->head) {
        struct arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->used = 0;
}

static size_t round_up(size_t n)
{
    size_t unit = _Alignof(max_align_t);
    return (n + unit - 1) / unit * unit;
}

static struct arena_block *block_new(size_t need)
{
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    struct arena_block *b = malloc(sizeof *b + size);

    if (b)
        *b = (struct arena_block){ .size = size };
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > a->max - a->used)
        return NULL;
    size_t need = round_up(n ? n : 1);
    struct arena_block *b = a->head;
    if (!b || need > b->size - b->used || BLOCK_BYTES == 0) {
        b = block_new(need);
        if (!b)
            return NULL;
        /* A block made for one large thing goes behind the head, which keeps its free room. */
        if (a->head && need > BLOCK_BYTES / 2) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
    }
    void *p = (char *)b->data + b->used;
    b->used += need;
    a->used += n;
    memset(p, 0, n);
    return p;
}

str arena_copy(struct arena *a, str s)
{
    return arena_concat(a, s, (str){ 0 });
}

str arena_concat(struct arena *a, str first, str second)
{
    char *p = arena_alloc(a, first.n + second.n + 1);

    if (!p)
        return (str){ 0 };
    if (first.n)
        memcpy(p, first.p, first.n);
    if (second.n)
        memcpy(p + first.n, second.p, second.n);
    return (str){ p, first.n + second.n };
}

str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p ? (str){ p, (size_t)n } : (str){ 0 };
}
