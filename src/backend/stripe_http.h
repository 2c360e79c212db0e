/* stripe_http.h - the Stripe API over HTTPS: one request, one answer, nothing tried again.
 *
 * Any number of threads may call at once; each takes a connection of its own from a pool and puts
 * it back. Certificates are always checked; plain http is spoken to loopback alone; a redirect is
 * an answer like any other. The key goes into the Authorization header and nowhere else. A proxy
 * that the environment names (https_proxy, no_proxy) is used, but never towards loopback. */
#pragma once

#include "base/secret.h"
#include "world/clock.h"
#include "world/stripe.h"

enum {
    STRIPE_CONNECT_MS = 10 * 1000,    /* name, TCP and TLS together */
    STRIPE_TOTAL_MS = 80 * 1000,      /* as in Stripe's own clients */
    STRIPE_BODY_BYTES_MAX = 16 << 20, /* of an answer */
    STRIPE_HEAD_BYTES_MAX = 64 << 10, /* of an answer's status line and headers */
};

struct stripe_http_options {
    str base_url;             /* empty: https://api.stripe.com; without a query, user or fragment */
    const struct secret *key; /* copied; the copy is wiped at close */
    struct clock *clock;      /* on which a request's deadline stands */
    str ca_file;              /* PEM; empty: the system's certificate authorities */
    msec connect_ms_max;      /* 0: STRIPE_CONNECT_MS */
    msec total_ms_max;        /* 0: STRIPE_TOTAL_MS */
    size_t body_bytes_max;    /* 0: STRIPE_BODY_BYTES_MAX */
};

/* ST_INVALID: the base URL or the key cannot be used; the sentence says why. ST_LIMIT: memory.
 *
 * What a call answers beyond world/stripe.h: ST_RETRY also when no connection could be made or the
 * deadline had passed; the sentence then says "was not sent". A body shorter than was promised, or
 * without any promise (neither a length nor chunks), is ST_RETRY, never ST_OK. ST_INVALID: path,
 * account or idempotency key hold what no request may. */
enum status stripe_http_open(struct stripe **out, const struct stripe_http_options *o,
                             struct error *e) MUST_USE;

/* Closing: calls under way end within about a second, later ones at once. They answer ST_REFUSED;
 * but a POST or DELETE that had left answers ST_RETRY, for nobody knows whether it was carried out.
 * From any thread, for good. `http` is what stripe_http_open gave, not a decorator round it. */
void stripe_http_abandon(struct stripe *http);
