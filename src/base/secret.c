#include "base/secret.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

bool secret_set(struct secret *s, str text)
{
    if (text.n > SECRET_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    secret_wipe(s);
    if (text.n)
        memcpy(s->hidden, text.p, text.n);
    s->n = text.n;
    return true;
}

void secret_wipe(struct secret *s)
{
    OPENSSL_cleanse(s, sizeof *s);
}

bool secret_is_empty(const struct secret *s)
{
    return str_trim(secret_reveal(s)).n == 0;
}

str secret_reveal(const struct secret *s)
{
    return (str){ (const char *)s->hidden, s->n };
}

void secret_hint(const struct secret *s, char out[32])
{
    static const char *const known[] = { "sk_test_",   "sk_live_", "rk_test_",
                                         "rk_live_",   "pk_test_", "pk_live_",
                                         "rkcs_test_", "sk_org_",  "whsec_" };
    str text = secret_reveal(s);

    snprintf(out, 32, s->n ? "(a secret)" : "(none)");
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_starts(text, str_of(known[i])))
            snprintf(out, 32, "%s\xe2\x80\xa6", known[i]);
}
