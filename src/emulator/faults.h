/* faults.h - what goes wrong on purpose.
 *
 * A fault is a kind and where it strikes: method, path prefix, the next `count` requests or each
 * with a `probability` (in percent). Written `kind;name=value;…` on the command line and in the
 * request header Emulator-Fault, or as a JSON object to POST /_emulator/faults.
 *
 *     rate_limit     429; reason=global-rate (default) or any other, reason= for no header
 *     lock_timeout   429 with that code
 *     in_use         409 idempotency_key_in_use
 *     permission     403
 *     error          500, or status=N; should_retry=true|false, stored=true keeps it under the
 *                    idempotency key
 *     bad_gateway    502 with HTML
 *     reset          the connection is reset
 *     slow           delay_ms=N before the answer
 *     trickle        the body comes in pieces of 64 bytes, delay_ms=N (default 50) between them
 *     cut            the answer ends after cut_at=N bytes
 * `effect=after`: the request is carried out first and only its answer is lost.
 * Deliveries (with `type=product.*` to choose):
 *     drop, double (more=N), late (late_ms=N), shuffle (late_ms=N: each by less than that),
 *     bad_signature, old_signature (its time is late_ms earlier, or later when that is negative)
 * After a restart faults of deliveries are there again, because the journal's deliveries met them;
 * those of requests are not. */
#pragma once

#include "emulator/call.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_RATE_LIMIT,
    FAULT_LOCK_TIMEOUT,
    FAULT_IN_USE,
    FAULT_PERMISSION,
    FAULT_ERROR,
    FAULT_BAD_GATEWAY,
    FAULT_RESET,
    FAULT_SLOW,
    FAULT_TRICKLE,
    FAULT_CUT,
    FAULT_DROP,
    FAULT_DOUBLE,
    FAULT_LATE,
    FAULT_SHUFFLE,
    FAULT_BAD_SIGNATURE,
    FAULT_OLD_SIGNATURE,
    FAULT_KINDS,
};

struct fault {
    enum fault_kind kind;
    char method[16], path[128], type[64], reason[40];
    int64_t count;   /* strikes left; -1: no end */
    int64_t percent; /* of the matching ones that are struck; 100 by default */
    int64_t delay_ms, cut_at, late_ms, more, status;
    bool after;       /* effect=after */
    bool stored;      /* the 500 is what a repetition gets */
    int should_retry; /* -1: not said; 0, 1 */
};

struct faults *faults_new(void);
void faults_free(struct faults *f);
void faults_clear(struct faults *f);
/* ST_INVALID: names the mistake. ST_LIMIT: too many. */
enum status faults_add(struct faults *f, const json_t *spec, struct error *e) MUST_USE;
/* What a replay makes of them: those of requests are gone. */
void faults_keep_deliveries(struct faults *f);
/* False when the request's header Emulator-Fault cannot be understood (then refused). */
bool fault_header_fits(struct call *c);
/* "kind;a=b" as a JSON object; NULL when it cannot be read (then e says why). */
json_t *fault_spec(str text, struct error *e);
enum status fault_read(const json_t *spec, struct fault *out, struct error *e) MUST_USE;
json_t *faults_document(const struct faults *f);

/* The fault that strikes this request (kind FAULT_NONE: none), counted down. */
struct fault faults_request(struct emulator *e, const struct http_request *q);

struct delivery_fate {
    bool drop, bad_signature;
    unsigned more;
    msec late_ms, old_ms;
};
/* What happens to delivery `id`: the same whenever it is asked, so that a replay repeats it. */
struct delivery_fate faults_delivery(struct emulator *e, uint64_t id, str type);

/* Turns the answer into the faulty one. */
void fault_answer(struct call *c, const struct fault *f, struct http_response *out);
