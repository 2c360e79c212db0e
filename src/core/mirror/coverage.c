#include "core/mirror/coverage.h"

#include "core/mirror/sync.h"

/* 1: its list is walked by itself; 2: in test mode alone. */
static int walked(const struct resource *r)
{
    const struct identity live = { .livemode = true }, test = { .livemode = false };

    return sync_walks(&live, r) ? 1 : sync_walks(&test, r) ? 2 : 0;
}

void coverage_sql(struct buf *out)
{
    buf_append(out,
               S("delete from _types;\ninsert into _types (type, view, events, walked) values"));
    for (size_t i = 0; i < resource_count; i++) {
        const struct resource *r = &resource_table[i];
        buf_printf(out, "%s\n('%s', '%s', %d, %d)", i ? "," : "", r->type, r->view,
                   r->events[0] != '\0', walked(r));
    }
    buf_append(out, S(";\n"));
}
