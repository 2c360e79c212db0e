/* url.h - percent-encoding. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/* Everything but A-Z a-z 0-9 - _ . ~ becomes %XX. "." and ".." alone become %2E and %2E%2E, so that
 * no id can walk up a path. */
void url_escape(struct buf *b, str s);
str url_escape_in(struct arena *a, str s); /* {NULL, 0} when the arena is full */
/* Decodes %XX, and "+" to a blank if `plus`. False on a bad escape; {NULL,0} out when full. */
bool url_unescape(struct arena *a, str s, bool plus, str *out);
