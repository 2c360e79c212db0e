/* horizon.h - up to when an answer is complete, and from where that is known. Pure;
 * test_horizon.c is its specification.
 *
 * A request that shows the thing as a whole shows everything that happened before it left. Behind
 * it the list of events carries on, as far as it was read, less the time that an event may take to
 * show up in it; but not beyond news that waits to be fetched. */
#pragma once

#include "base/base.h"

enum horizon_by {
    HORIZON_UNKNOWN, /* nobody has seen it whole */
    HORIZON_SYNC,    /* it was synced itself */
    HORIZON_LIST,    /* its account's lists were walked to their end */
    HORIZON_EVENTS,  /* and the list of events was read since */
};

/* Wall clock, milliseconds; 0: never. */
struct horizon_facts {
    msec synced_at, listed_at;      /* when that request began */
    msec events_begun, events_read; /* followed since; read up to */
    msec news_since;                /* what waits to be fetched happened at this time or later */
};

struct horizon {
    msec up_to; /* everything that happened before is in the answer; 0: nobody knows */
    enum horizon_by by;
};

struct horizon horizon_of(const struct horizon_facts *f);
/* "sync", "list", "events"; NULL for HORIZON_UNKNOWN. */
const char *horizon_by_name(enum horizon_by by);
