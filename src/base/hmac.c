#include "base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct hmac {
    EVP_MAC *mac;
    EVP_MAC_CTX *ctx;
};

struct hmac *hmac_new(str key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                            OSSL_PARAM_construct_end() };
    struct hmac *h = calloc(1, sizeof *h);

    if (!h)
        abort();
    h->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    h->ctx = h->mac ? EVP_MAC_CTX_new(h->mac) : NULL;
    static const unsigned char none[1];
    const unsigned char *bytes = key.n ? (const unsigned char *)key.p : none;
    if (!h->ctx || EVP_MAC_init(h->ctx, bytes, key.n, params) != 1)
        abort();
    return h;
}

void hmac_free(struct hmac *h)
{
    if (!h)
        return;
    EVP_MAC_CTX_free(h->ctx);
    EVP_MAC_free(h->mac);
    free(h);
}

static void add(struct hmac *h, str s)
{
    if (s.n && EVP_MAC_update(h->ctx, (const unsigned char *)s.p, s.n) != 1)
        abort();
}

void hmac_sum(struct hmac *h, str a, str b, str c, unsigned char out[HMAC_BYTES])
{
    size_t n = 0;

    if (EVP_MAC_init(h->ctx, NULL, 0, NULL) != 1)
        abort();
    add(h, a);
    add(h, b);
    add(h, c);
    if (EVP_MAC_final(h->ctx, out, &n, HMAC_BYTES) != 1 || n != HMAC_BYTES)
        abort();
}

void hmac_hex(const unsigned char sum[HMAC_BYTES], char out[HMAC_HEX])
{
    static const char digit[] = "0123456789abcdef";

    for (size_t i = 0; i < HMAC_BYTES; i++) {
        out[2 * i] = digit[sum[i] >> 4];
        out[2 * i + 1] = digit[sum[i] & 15];
    }
}
