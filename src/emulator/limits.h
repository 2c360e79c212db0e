/* limits.h - idempotency keys and request rates, kept by space. */
#pragma once

#include "emulator/call.h"

enum { IDEM_KEY_BYTES_MAX = 255 };

/* What a key got when it was first used. */
struct idem_answer {
    int status;
    str body, request_id;
};

/* ST_NONE: the key is fresh. ST_OK: *out is the answer to repeat. ST_REFUSED: it was refused
 * (other parameters, other path). [facts: 4.6] */
enum status idem_find(struct call *c, struct idem_answer *out) MUST_USE;
void idem_keep(struct call *c, int status, str body);
void idem_free(struct idem *i);

/* The answer of this request is on its way for `span` yet: until then its key is in use (409), and
 * the object in its path is locked (429) for whoever wants to change it. */
void busy_take(struct call *c, msec span);
bool busy_refuses(struct call *c); /* true: refused */
void refuse_locked(struct call *c);
void refuse_in_use(struct call *c);

/* False when the rate is exceeded; then it was refused and *reason is the header's value. */
bool rate_allows(struct call *c, str *reason);
void rate_free(struct rate *r);
