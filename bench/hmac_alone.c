/* hmac_alone.c - how many signatures of events of 3 KB one thread checks. Use: bench_hmac_alone
 * [MILLISECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/clock_os.h"
#include "base/hmac.h"
#include "core/verify.h"

enum { BODY_BYTES = 3000, ROUND = 1000, SPAN_MS = 2000, SECONDS = 1767225600 };

int main(int argc, char **argv)
{
    static char body[BODY_BYTES];
    msec span = argc > 1 ? strtol(argv[1], NULL, 10) : SPAN_MS;
    struct secret secret = { .n = 0 };
    const struct verify_secrets secrets = { "test", &secret, 1 };
    struct verifier *v = NULL;
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX], t[24], header[128];
    struct error e = { 0 };
    size_t which;
    int64_t n = 0;

    memset(body, 'x', sizeof body);
    if (!secret_set(&secret, S("whsec_bench")) ||
        verifier_new(&v, "test", &secrets, 1, &e) != ST_OK)
        return fprintf(stderr, "%s\n", e.text), 1;
    snprintf(t, sizeof t, "%d", SECONDS);
    struct hmac *h = hmac_new(secret_reveal(&secret));
    hmac_sum(h, str_of(t), S("."), (str){ body, sizeof body }, sum);
    hmac_hex(sum, hex);
    snprintf(header, sizeof header, "t=%s,v1=%.64s", t, hex);
    msec start = clock_mono(clock_os()), now = start;
    for (; now - start < span; now = clock_mono(clock_os()))
        for (int i = 0; i < ROUND; i++, n++)
            if (verify_signature(v, str_of(header), (str){ body, sizeof body }, SECONDS * 1000LL,
                                 &which) != VERIFY_OK)
                return fprintf(stderr, "a right signature was refused\n"), 1;
    printf("%.0f events/s, %.2f us each\n", (double)n * 1e3 / (double)(now - start),
           (double)(now - start) * 1e3 / (double)n);
    hmac_free(h);
    verifier_free(v);
    return 0;
}
