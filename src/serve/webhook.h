/* webhook.h - the door of one environment's webhooks: verify, read, hand to the engine, answer.
 *
 * All that belongs to the HTTP loop's one thread, but for the answers: those are given on the
 * ingest thread, once an event is on the disk. What became complete in one turn of the loop goes
 * to the engine together. */
#pragma once

#include "base/log.h"
#include "core/verify.h"
#include "net/http.h"
#include "serve/engine.h"

struct webhook_door;

/* `secrets`: of all environments of this process; `env` takes its own. ST_INVALID: an empty one, or
 * too many. `engine` ingests, and outlives the door's use:
 * stop it before webhook_close, for it holds deliveries. NULL: the environment is closed; what is
 * signed is answered 503, so that Stripe sends it again. */
enum status webhook_open(struct webhook_door **out, struct env *env,
                         const struct verify_secrets *secrets, size_t n_secrets,
                         struct engine *engine, const struct log *log, struct error *e) MUST_USE;
void webhook_close(struct webhook_door *d); /* NULL is fine */

/* One POST. It is answered here when it is refused, else after its commit. */
void webhook_take(struct webhook_door *d, struct http_exchange *x, const struct http_request *q);
/* The end of a turn of the loop. */
void webhook_turn(struct webhook_door *d);

enum { VERIFY_RESULT_COUNT = VERIFY_TOO_NEW + 1 };

/* By what was answered, and by what was found. Readable from any thread. */
struct webhook_counters {
    uint64_t accepted, duplicate, conflicting; /* 200 */
    uint64_t deferred;                         /* 503 */
    uint64_t malformed;                        /* 400: signed, but no event */
    uint64_t refused[VERIFY_RESULT_COUNT];     /* 400, by enum verify_result */
    uint64_t outcome[PLAN_OUTCOME_COUNT];      /* of the new ones, by enum plan_outcome */
    uint64_t mismatches;                       /* signed wrongly since one was signed rightly */
    msec mismatch_at, signed_at;               /* monotonic; 0: never */
};
struct webhook_counters webhook_counters(const struct webhook_door *d);
