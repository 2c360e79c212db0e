/* emulator.h - a stateful Stripe for development and tests.
 *
 * A request goes in, an answer comes out, over state in memory: no thread, no socket, no clock but
 * the seam. The same seed, requests and times give the same bytes. It enforces the rules that the
 * API is known for, makes events, and keeps a queue of signed deliveries that somebody else sends
 * (server.h, or a test). Any well-formed key is taken; account and mode follow from it: `sk_test_X`
 * and `sk_live_X` are the two modes of one account, kept apart.
 *
 * Not thread-safe: callers serialise (server.c holds one lock). Running out of memory aborts. */
#pragma once

#include "base/arena.h"
#include "net/http.h"
#include "world/clock.h"

struct emulator;

enum { EMULATOR_ANSWER_BYTES_MAX = 512 << 20 }; /* what an arena for emulator_handle should allow */

struct emulator_options {
    uint64_t seed;
    struct clock *clock;    /* read by every call below that needs the time */
    unsigned rate_global;   /* requests a second for an account and mode; 0: no limit */
    unsigned rate_endpoint; /* the same for one method and route */
    msec retry_ms;          /* first pause before a delivery is repeated, doubled each time; 0: as
                             * Stripe does it (minutes, then hours) */
};

struct buf;
/* A table of what is answered and which events come, as Markdown: told by the routes themselves. */
void emulator_coverage(struct buf *out);

struct emulator *emulator_new(const struct emulator_options *o);
void emulator_free(struct emulator *e); /* NULL is fine; closes the journal */

/* Makes the state last: replays DIR/journal.jsonl, then appends every request that changes
 * something before it is answered. A torn last line is cut off. Call once, on a new emulator; the
 * seed that is in the journal wins. ST_BROKEN: a line in the middle is damaged; ST_REFUSED,
 * ST_LIMIT: the directory or file cannot be made or written. */
enum status emulator_journal(struct emulator *e, str dir, struct error *err) MUST_USE;

/* Answers one request. Everything in `out` lives in the arena (and in the request). ST_LIMIT: the
 * arena is too small for the answer; the request may have been carried out. */
enum status emulator_handle(struct emulator *e, const struct http_request *q, struct arena *a,
                            struct http_response *out, struct error *err) MUST_USE;

/* Does what time alone brings about: trials end, subscriptions renew, invoices are finalised and
 * charged, what stayed incomplete expires. Returns when it should be called next at the latest
 * (wall), INT64_MAX when nothing is planned. */
msec emulator_advance(struct emulator *e);

/* One attempt to deliver one event to one endpoint. Slices live in the arena of the call. */
struct emulator_delivery {
    uint64_t id;
    str url, event, type, account;
    str body;
    str signature;    /* value of the header Stripe-Signature */
    unsigned attempt; /* from 1 */
};

/* Takes the next delivery that is due; each one taken must be reported. ST_NONE: none is due, and
 * *next_due (unless NULL) says when the next one will be. ST_LIMIT: the arena is too small. */
enum status emulator_next_delivery(struct emulator *e, struct arena *a,
                                   struct emulator_delivery *out, msec *next_due,
                                   struct error *err) MUST_USE;
/* What the receiver answered; 0: nothing. Anything but 2xx is tried again later. */
void emulator_delivered(struct emulator *e, uint64_t id, int http_status);
/* Makes every delivery that waits due at once. */
void emulator_flush_deliveries(struct emulator *e);

/* A webhook endpoint that every account and mode has from its beginning, with a known secret.
 * ST_LIMIT: too many of them. */
enum status emulator_add_webhook(struct emulator *e, str url, str secret,
                                 struct error *err) MUST_USE;

/* A fault as the command line and the request header `Emulator-Fault` write it:
 *     lock_timeout;method=POST;path=/v1/prices;count=2
 * Kinds, and what they take, stand in faults.h. ST_INVALID names the mistake. */
enum status emulator_add_fault(struct emulator *e, str spec, struct error *err) MUST_USE;

/* Decides an open point (points.def), "P-5=no", from now on; a journal that is open remembers it.
 * ST_INVALID names the mistake. */
enum status emulator_assume(struct emulator *e, str spec, struct error *err) MUST_USE;
