#include "core/verify.h"

#include "base/hmac.h"
#include "base/plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verifier {
    struct hmac *hmac[VERIFY_SECRETS_MAX];
    size_t n;
};

const char *verify_reason(enum verify_result r)
{
    switch (r) {
    case VERIFY_OK: return "ok";
    case VERIFY_NO_HEADER: return "signature_missing";
    case VERIFY_MALFORMED: return "signature_malformed";
    case VERIFY_NO_SCHEME: return "signature_scheme_missing";
    case VERIFY_MISMATCH: return "signature_mismatch";
    case VERIFY_TOO_OLD: return "timestamp_too_old";
    case VERIFY_TOO_NEW: return "timestamp_too_new";
    }
    return "?";
}

const char *verify_hint(enum verify_result r)
{
    switch (r) {
    case VERIFY_OK: return "";
    case VERIFY_NO_HEADER: return "The request has no Stripe-Signature header.";
    case VERIFY_MALFORMED:
        return "The Stripe-Signature header cannot be read: it needs one t=<seconds> and at least "
               "one v1=<64 hexadecimal digits>.";
    case VERIFY_NO_SCHEME: return "The Stripe-Signature header has no v1 signature.";
    case VERIFY_MISMATCH:
        return "No webhook secret of this environment made this signature. Is it the secret of "
               "this "
               "very endpoint, and does a proxy leave the body as it is?";
    case VERIFY_TOO_OLD:
        return "The signature is right but more than 300 seconds old: an old delivery, or this "
               "machine's clock is ahead.";
    case VERIFY_TOO_NEW:
        return "The signature is right but more than 300 seconds in the future: this machine's "
               "clock is behind.";
    }
    return "?";
}

/* Its own, and nobody else's: whoever can sign for one environment has no say in another. */
static bool is_for(const struct verify_secrets *s, const char *env)
{
    return strcmp(s->env, env) == 0 || planted(PLANT_SECRET_FALLS_BACK);
}

static enum status check_secrets(const struct verify_secrets *s, size_t taken, struct error *e)
{
    if (taken + s->n > VERIFY_SECRETS_MAX)
        return fail(e, ST_INVALID, "an environment takes %d webhook secrets at most, not %zu",
                    VERIFY_SECRETS_MAX, taken + s->n);
    for (size_t i = 0; i < s->n; i++)
        if (secret_is_empty(&s->secret[i]))
            return fail(e, ST_INVALID,
                        "webhook secret %zu is empty: anybody could sign with it. Set the "
                        "endpoint's whsec_… secret",
                        i + 1);
    return ST_OK;
}

enum status verifier_new(struct verifier **out, const char *env, const struct verify_secrets *all,
                         size_t n_all, struct error *e)
{
    size_t n = 0;

    for (size_t i = 0; i < n_all; i++) {
        enum status st = is_for(&all[i], env) ? check_secrets(&all[i], n, e) : ST_OK;
        if (st != ST_OK)
            return st;
        n += is_for(&all[i], env) ? all[i].n : 0;
    }
    struct verifier *v = calloc(1, sizeof *v);
    if (!v)
        return fail(e, ST_LIMIT, "out of memory");
    for (size_t i = 0; i < n_all; i++)
        for (size_t k = 0; is_for(&all[i], env) && k < all[i].n; k++)
            v->hmac[v->n++] = hmac_new(secret_reveal(&all[i].secret[k]));
    *out = v;
    return ST_OK;
}

void verifier_free(struct verifier *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++)
        hmac_free(v->hmac[i]);
    free(v);
}

struct parsed {
    str t; /* as it was sent: it is what was signed */
    int64_t seconds;
    str v1[VERIFY_SIGNATURES_MAX];
    size_t n_v1;
};

static bool take_element(struct parsed *p, str element)
{
    str name;
    str value = str_cut(str_trim(element), '=', &name);

    if (str_eq(name, S("t"))) {
        if (p->t.n || !str_to_int(value, &p->seconds) || p->seconds < 0)
            return false;
        p->t = value;
    } else if (str_eq(name, S("v1"))) {
        if (p->n_v1 == VERIFY_SIGNATURES_MAX || !value.p)
            return false;
        p->v1[p->n_v1++] = value;
    }
    return true; /* v0 and schemes that are not known are no business of ours */
}

static enum verify_result parse_header(str header, struct parsed *p)
{
    if (str_trim(header).n == 0)
        return VERIFY_NO_HEADER;
    if (header.n > VERIFY_HEADER_BYTES_MAX)
        return VERIFY_MALFORMED;
    for (str rest = header, element; rest.p;) {
        rest = str_cut(rest, ',', &element);
        if (!take_element(p, element))
            return VERIFY_MALFORMED;
    }
    if (!p->t.n)
        return VERIFY_MALFORMED;
    return p->n_v1 ? VERIFY_OK : VERIFY_NO_SCHEME;
}

/* Which secret made one of the signatures; v->n when none did. Every pair is compared. */
static size_t find_signer(struct verifier *v, const struct parsed *p, str body)
{
    size_t found = v->n;

    for (size_t i = 0; i < v->n; i++) {
        unsigned char sum[HMAC_BYTES];
        char hex[HMAC_HEX];
        hmac_sum(v->hmac[i], p->t, S("."), body, sum);
        hmac_hex(sum, hex);
        for (size_t k = 0; k < p->n_v1; k++)
            if (str_eq_constant_time(p->v1[k], (str){ hex, HMAC_HEX }) && found == v->n)
                found = i;
    }
    return found;
}

enum verify_result verify_signature(struct verifier *v, str header, str body, msec now,
                                    size_t *which)
{
    struct parsed p = { 0 };
    enum verify_result r = parse_header(header, &p);

    if (r != VERIFY_OK)
        return r;
    size_t signer = find_signer(v, &p, body);
    if (signer == v->n)
        return VERIFY_MISMATCH;
    *which = signer;
    int64_t now_s = now / 1000;
    if (p.seconds < now_s - VERIFY_TOLERANCE_S)
        return VERIFY_TOO_OLD;
    if (p.seconds > now_s + VERIFY_TOLERANCE_S)
        return VERIFY_TOO_NEW;
    return VERIFY_OK;
}

void verify_ping(const struct secret *secret, const char *env, msec now, struct buf *body,
                 char signature[VERIFY_SIGNATURE_MAX])
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX], t[24];
    struct hmac *h = hmac_new(secret_reveal(secret));

    int n = snprintf(t, sizeof t, "%lld", (long long)(now / 1000));
    buf_printf(body,
               "{\"id\":\"evt_brindle_ping\",\"object\":\"event\",\"type\":\"" WEBHOOK_PING
               "\",\"created\":%s,\"env\":\"%s\"}",
               t, env);
    hmac_sum(h, (str){ t, (size_t)n }, S("."), buf_str(body), sum);
    hmac_free(h);
    hmac_hex(sum, hex);
    snprintf(signature, VERIFY_SIGNATURE_MAX, "t=%s,v1=%.*s", t, HMAC_HEX, hex);
}
