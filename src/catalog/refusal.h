/* refusal.h - why Stripe, or a check before anything was written, said no: by name. Pure.
 *
 * A name is for programs and never changes its meaning; the sentence is for people. Stripe's
 * status, type, code and param decide; its words only where there is no code. [facts]
 */
#pragma once

#include "base/json.h"
#include "world/stripe.h"

#define REFUSAL_TABLE(X)                        \
    X(PRICE_IS_DEFAULT, "price_is_default")     \
    X(PRODUCT_HAS_PRICES, "product_has_prices") \
    X(LOOKUP_KEY_TAKEN, "lookup_key_taken")     \
    X(WRONG_MODE, "wrong_mode")                 \
    X(NOT_PERMITTED, "not_permitted")           \
    X(KEY_REFUSED, "key_refused")               \
    X(NO_SUCH_OBJECT, "no_such_object")         \
    X(IMMUTABLE, "immutable")                   \
    X(SUCCESSOR_FOREIGN, "successor_foreign")   \
    X(SUCCESSOR_INACTIVE, "successor_inactive") \
    X(NOTHING_TO_SELL, "nothing_to_sell")       \
    X(INACTIVE, "inactive")                     \
    X(WOULD_LOSE, "would_lose")                 \
    X(OP_IN_THE_WAY, "op_in_the_way")           \
    X(IDEMPOTENCY, "idempotency_error")         \
    X(MOVED, "moved")                           \
    X(PARTIAL, "partial")                       \
    X(OPERATOR, "operator")                     \
    X(ABORTED, "aborted")                       \
    X(INVALID_INPUT, "invalid_input")           \
    X(STALE, "plan_is_stale")                   \
    X(REFUSED, "refused")

enum refusal_name {
#define X(name, text) REASON_##name,
    REFUSAL_TABLE(X)
#undef X
        REASON_COUNT
};

struct refusal {
    enum refusal_name name;
    str message;    /* a sentence: the thing and the reason */
    str next;       /* what to do; may be empty */
    str stripe;     /* Stripe's own words; empty when it was not asked */
    str request_id; /* Stripe's */
    str code, param;
    int http_status; /* 0: it was a check of ours */
};

const char *refusal_name(enum refusal_name n);
/* The status whose exit code a command ends with: see exit_code_for. ST_OK for an unknown name. */
enum status refusal_status(str name);

/* What an answer that is no success says. `method` and `path` are the request's. */
struct refusal refusal_of(const struct stripe_response *r, const char *method, str path,
                          struct arena *a);
void refusal_write(const struct refusal *r, struct json_writer *w);
