/* fuzz_signature.c - the header Stripe-Signature, from anybody.
 *
 * The input is a header, a newline, and a body. Whatever it is: an answer, and "genuine" only for
 * what was signed with the secret. */
#include <string.h>

#include "base/hmac.h"
#include "core/verify.h"
#include "fuzz.h"

static const msec NOW = 1700000000000;

static struct verifier *the_verifier(void)
{
    static struct verifier *v;
    struct secret secret = { 0 };
    struct error e = { 0 };

    if (!v) {
        must(secret_set(&secret, S("whsec_fuzz")), "the secret is a secret");
        const struct verify_secrets secrets = { "test", &secret, 1 };
        must(verifier_new(&v, "test", &secrets, 1, &e) == ST_OK, "the verifier opens");
    }
    return v;
}

/* Our own signature for this body at this second, to compare with. */
static void sign(str body, int64_t t, char hex[HMAC_HEX])
{
    static struct hmac *h;
    unsigned char sum[HMAC_BYTES];
    char head[32];

    if (!h)
        h = hmac_new(S("whsec_fuzz"));
    int n = snprintf(head, sizeof head, "%lld.", (long long)t);
    hmac_sum(h, (str){ head, (size_t)n }, body, (str){ 0 }, sum);
    hmac_hex(sum, hex);
}

static bool holds(str text, str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (memcmp(text.p + i, part.p, part.n) == 0)
            return true;
    return false;
}

static void check(str header, str body)
{
    char hex[HMAC_HEX];
    size_t which = 99;

    enum verify_result r = verify_signature(the_verifier(), header, body, NOW, &which);
    must(verify_reason(r) && verify_hint(r), "every result has its words");
    if (r != VERIFY_OK)
        return;
    must(which == 0, "the only secret has signed it");
    bool found = false;
    for (int64_t t = NOW / 1000 - VERIFY_TOLERANCE_S; t <= NOW / 1000 + VERIFY_TOLERANCE_S; t++) {
        sign(body, t, hex);
        found |= holds(header, (str){ hex, HMAC_HEX });
    }
    must(found, "what is genuine carries our signature");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str header, body = str_cut((str){ (const char *)data, size }, '\n', &header);
    char hex[HMAC_HEX], good[160];

    check(header, body);
    if (!body.p)
        return 0;
    /* The same body, signed: genuine, and whatever stands before it does not make it less so. */
    sign(body, NOW / 1000, hex);
    int n =
        snprintf(good, sizeof good, "t=%lld,v0=x,v1=%.*s", (long long)NOW / 1000, HMAC_HEX, hex);
    must(verify_signature(the_verifier(), (str){ good, (size_t)n }, body, NOW, &(size_t){ 0 }) ==
             VERIFY_OK,
         "what we sign is genuine");
    return 0;
}
