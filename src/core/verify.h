/* verify.h - is a delivery signed by Stripe with one of our secrets, and now?
 *
 * Scheme v1 alone: HMAC-SHA256 over "t.body", compared in constant time with each v1 of the header
 * for each secret; v0 and unknown schemes are ignored. [facts: F-60] */
#pragma once

#include "base/buf.h"
#include "base/secret.h"

enum {
    VERIFY_SECRETS_MAX = 8,
    VERIFY_SIGNATURES_MAX = 16, /* v1 elements of one header */
    VERIFY_HEADER_BYTES_MAX = 4096,
    VERIFY_TOLERANCE_S = 300, /* on both sides */
};

enum verify_result {
    VERIFY_OK,
    VERIFY_NO_HEADER,
    VERIFY_MALFORMED, /* no readable t, or over a limit */
    VERIFY_NO_SCHEME, /* no v1 */
    VERIFY_MISMATCH,  /* no secret of ours made any of its signatures */
    VERIFY_TOO_OLD,   /* the signature is right, the clock is not */
    VERIFY_TOO_NEW,
};

/* "signature_missing", "signature_malformed", …: the JSON reason and the metric's label. */
const char *verify_reason(enum verify_result r);
/* The sentence for people: what it means and what to look at. */
const char *verify_hint(enum verify_result r);

struct verifier;

/* What signs the deliveries of one environment: one secret for each of its endpoints. */
struct verify_secrets {
    const char *env;
    const struct secret *secret;
    size_t n;
};

/* For the door of `env`: of all secrets that this process knows, its own, and never another
 * environment's. Keyed once for all its deliveries; used by one thread at a time. ST_INVALID: an
 * empty or blank secret, or too many. With none at all nothing is Stripe's. */
enum status verifier_new(struct verifier **out, const char *env, const struct verify_secrets *all,
                         size_t n_all, struct error *e) MUST_USE;
void verifier_free(struct verifier *v);

/* `now` is wall time. `which` (set on OK, TOO_OLD, TOO_NEW) is the index of the secret among its
 * own. */
enum verify_result verify_signature(struct verifier *v, str header, str body, msec now,
                                    size_t *which);

/* Whoever knows a secret may ask whether this door knows it, too: a signed event of this type is
 * answered 200, stored nowhere and counted nowhere. */
#define WEBHOOK_PING "brindle.ping"
enum { VERIFY_SIGNATURE_MAX = 128 };

/* Such an event for an environment's door, and the header that Stripe would sign it with now. */
void verify_ping(const struct secret *secret, const char *env, msec now, struct buf *body,
                 char signature[VERIFY_SIGNATURE_MAX]);
