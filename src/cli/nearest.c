#include "cli/nearest.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned edit_distance(str a, str b)
{
    unsigned row[3][NEAREST_WORD_MAX + 1]; /* the last two rows and the one that is made */

    if (a.n > NEAREST_WORD_MAX || b.n > NEAREST_WORD_MAX)
        return NEAREST_WORD_MAX;
    for (unsigned j = 0; j <= b.n; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            bool differ = a.p[i - 1] != b.p[j - 1];
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + differ);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return row[a.n % 3][b.n];
}

const char *nearest(str typed, const char *(*candidate)(const void *ctx, size_t i), const void *ctx)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)typed.n / 3 + 2; /* as far as a slip of the fingers goes */

    for (size_t i = 0;; i++) {
        const char *name = candidate(ctx, i);
        if (!name)
            return best;
        unsigned distance = edit_distance(typed, str_of(name));
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
}
