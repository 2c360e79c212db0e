#include "catalog/refusal.h"

#include <string.h>

#include "core/api.h"

static const char *const name_table[] = {
#define X(name, text) [REASON_##name] = text,
    REFUSAL_TABLE(X)
#undef X
};

const char *refusal_name(enum refusal_name n)
{
    assert(n < REASON_COUNT);
    return name_table[n];
}

static enum status status_of(enum refusal_name n)
{
    switch (n) {
    case REASON_WRONG_MODE:
    case REASON_NOT_PERMITTED:
    case REASON_KEY_REFUSED: return ST_REFUSED;
    case REASON_OP_IN_THE_WAY:
    case REASON_MOVED:
    case REASON_STALE: return ST_CONFLICT;
    case REASON_IMMUTABLE:
    case REASON_INVALID_INPUT: return ST_INVALID;
    case REASON_PRICE_IS_DEFAULT:
    case REASON_PRODUCT_HAS_PRICES:
    case REASON_LOOKUP_KEY_TAKEN:
    case REASON_NO_SUCH_OBJECT:
    case REASON_SUCCESSOR_FOREIGN:
    case REASON_SUCCESSOR_INACTIVE:
    case REASON_NOTHING_TO_SELL:
    case REASON_INACTIVE:
    case REASON_WOULD_LOSE:
    case REASON_IDEMPOTENCY:
    case REASON_PARTIAL:
    case REASON_OPERATOR:
    case REASON_ABORTED:
    case REASON_REFUSED:
    case REASON_COUNT: return ST_NONE;
    }
    return ST_NONE;
}

enum status refusal_status(str name)
{
    for (size_t i = 0; i < REASON_COUNT; i++)
        if (str_eqz(name, name_table[i]))
            return status_of((enum refusal_name)i);
    return ST_OK;
}

static bool says(str text, const char *words)
{
    return text.n && memmem(text.p, text.n, words, strlen(words)) != NULL;
}

/* [facts, 4.5, 4.6] */
static enum refusal_name name_of(const struct refusal *r, str type)
{
    int s = r->http_status;

    if (s == 401)
        return REASON_KEY_REFUSED;
    if (s == 403)
        return REASON_NOT_PERMITTED;
    if (str_eqz(type, "idempotency_error"))
        return REASON_IDEMPOTENCY;
    if (says(r->stripe, "a similar object exists in") || says(r->stripe, "exists in live mode") ||
        says(r->stripe, "exists in test mode") || str_eqz(r->code, "livemode_mismatch"))
        return REASON_WRONG_MODE;
    if (str_eqz(r->code, "resource_missing") || s == 404)
        return REASON_NO_SUCH_OBJECT;
    if (str_eqz(r->param, "lookup_key") && says(r->stripe, "already uses that lookup key"))
        return REASON_LOOKUP_KEY_TAKEN;
    if (s == 400 && says(r->stripe, "because it is the default price of its product"))
        return REASON_PRICE_IS_DEFAULT;
    if (s == 400 && says(r->stripe, "because it has one or more user-created prices"))
        return REASON_PRODUCT_HAS_PRICES;
    return REASON_REFUSED;
}

static const char *next_of(enum refusal_name n)
{
    switch (n) {
    case REASON_PRICE_IS_DEFAULT:
        return "Make another price the default first: `brindle price archive PRICE --default "
               "OTHER`.";
    case REASON_PRODUCT_HAS_PRICES:
        return "A product that ever had a price stays: `brindle product archive PRODUCT` takes it "
               "off sale.";
    case REASON_LOOKUP_KEY_TAKEN: return "--take-key takes the key from the price that has it.";
    case REASON_WRONG_MODE: return "Use the key and the environment of that mode: --env NAME.";
    case REASON_NOT_PERMITTED:
        return "Give the key write permission on products and prices, or use another one.";
    case REASON_KEY_REFUSED: return "Check the key: `brindle doctor`.";
    case REASON_NO_SUCH_OBJECT: return "Check the id, and that it is of this environment.";
    case REASON_IMMUTABLE:
    case REASON_SUCCESSOR_FOREIGN:
    case REASON_SUCCESSOR_INACTIVE:
    case REASON_NOTHING_TO_SELL:
    case REASON_INACTIVE:
    case REASON_WOULD_LOSE:
    case REASON_OP_IN_THE_WAY:
    case REASON_IDEMPOTENCY:
    case REASON_MOVED:
    case REASON_PARTIAL:
    case REASON_OPERATOR:
    case REASON_ABORTED:
    case REASON_INVALID_INPUT:
    case REASON_STALE:
    case REASON_REFUSED:
    case REASON_COUNT: break;
    }
    return "";
}

struct refusal refusal_of(const struct stripe_response *r, const char *method, str path,
                          struct arena *a)
{
    const struct api_error said = api_error_of(r, a);
    struct refusal out = { .http_status = r->http_status,
                           .request_id = r->request_id,
                           .stripe = said.message,
                           .code = said.code,
                           .param = said.param };

    out.name = name_of(&out, said.type);
    out.next = str_of(next_of(out.name));
    out.message = arena_printf(a, "Stripe refused %s %.*s (%d): %.*s", method, STR_ARG(path),
                               r->http_status, out.stripe.n ? (int)out.stripe.n : 16,
                               out.stripe.n ? out.stripe.p : "no reason given.");
    return out;
}

static void member(struct json_writer *w, const char *name, str text)
{
    if (!text.n)
        return;
    jw_key(w, str_of(name));
    jw_str(w, text);
}

void refusal_write(const struct refusal *r, struct json_writer *w)
{
    jw_object(w);
    member(w, "reason", str_of(refusal_name(r->name)));
    member(w, "message", r->message);
    member(w, "next", r->next);
    member(w, "stripe", r->stripe);
    member(w, "code", r->code);
    member(w, "param", r->param);
    member(w, "request_id", r->request_id);
    if (r->http_status) {
        jw_key(w, S("status"));
        jw_int(w, r->http_status);
    }
    jw_end(w);
}
