/* journal.h - the append-only log of what changed the state, as lines of JSON.
 *
 * {"v":1,"seed":7} first; then {"t":…,"id":"req_…","m":"POST","p":"/v1/products","b":"name=x",
 * "h":{"idempotency-key":…},"a":"acct_…","l":false} for each request that was carried out (account
 * and mode, never the key), {"t":…,"advance":1} when time brought something about,
 * {"t":…,"d":3,"s":200} for each delivery's answer, {"t":…,"point":"P-5=no"} for each open point
 * that was decided anew. Replaying them gives the same state, byte for
 * byte.
 *
 * A line is written before its answer is given, so that the end of the process, however sudden,
 * loses nothing. It is forced to the disk only when the journal is closed: a power cut may lose the
 * last seconds. That is decided so: it is a tool for development, and a sync for each request would
 * cost more than everything else that the request does. */
#pragma once

#include "emulator/call.h"

void journal_close(struct journal *j);
void journal_request(struct call *c);
void journal_advance(struct emulator *e);
void journal_point(struct emulator *e, str spec);
void journal_delivered(struct emulator *e, uint64_t id, int http_status);
