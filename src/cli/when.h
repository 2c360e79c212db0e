/* when.h - times as people write and read them, always in UTC. */
#pragma once

#include "base/base.h"

enum { WHEN_TEXT_MAX = 32 };

/* "2026-11-22", "2026-11-22T10:30", "2026-11-22 10:30:05.250Z", "1763800000" (seconds since 1970),
 * or a span before `now`: "90s", "15min", "2h", "7d". A day without a time is its first moment.
 * False: none of these. */
bool when_read(str text, msec now, msec *out);
/* "2026-11-22T10:30:05.250Z" */
void when_text(msec at, char out[WHEN_TEXT_MAX]);
