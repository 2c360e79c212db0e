#include "core/mirror/horizon.h"

#include <stddef.h>

#include "core/mirror/catchup.h"

static const msec lag_ms = (msec)EVENTS_LAG_S * 1000;

static msec earlier(msec x, msec y)
{
    return x < y ? x : y;
}

struct horizon horizon_of(const struct horizon_facts *f)
{
    struct horizon h = { .up_to = f->synced_at, .by = HORIZON_SYNC };

    if (f->listed_at > h.up_to)
        h = (struct horizon){ .up_to = f->listed_at, .by = HORIZON_LIST };
    if (!h.up_to)
        return (struct horizon){ .by = HORIZON_UNKNOWN };
    if (!f->events_begun || h.up_to < f->events_begun - lag_ms)
        return h; /* what happened in between was told to nobody */
    msec told = f->events_read - lag_ms;
    if (f->news_since)
        told = earlier(told, f->news_since);
    if (told > h.up_to)
        h = (struct horizon){ .up_to = told, .by = HORIZON_EVENTS };
    return h;
}

const char *horizon_by_name(enum horizon_by by)
{
    switch (by) {
    case HORIZON_UNKNOWN: return NULL;
    case HORIZON_SYNC: return "sync";
    case HORIZON_LIST: return "list";
    case HORIZON_EVENTS: return "events";
    }
    return NULL;
}
