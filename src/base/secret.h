/* secret.h - a key, webhook secret or token: cannot be printed, is wiped when it goes. */
#pragma once

#include "base/base.h"

enum { SECRET_BYTES_MAX = 255 };

struct secret {
    unsigned char hidden[SECRET_BYTES_MAX + 1];
    size_t n;
};

/* False if `text` is longer than SECRET_BYTES_MAX or holds a control character; then nothing is
 * set. */
bool secret_set(struct secret *s, str text) MUST_USE;
void secret_wipe(struct secret *s);
bool secret_is_empty(const struct secret *s); /* nothing, or blanks alone */
/* For the two places that must: a request's Authorization header, and a comparison or HMAC. The
 * slice must not reach a log, a row, an error or an argument list. */
str secret_reveal(const struct secret *s);
/* "sk_test_…": the well-known public prefix and nothing of the rest, for people. `out` holds 32. */
void secret_hint(const struct secret *s, char out[32]);
