/* hmac.h - HMAC-SHA256 with a key that is set once and used many times. */
#pragma once

#include "base/base.h"

enum { HMAC_BYTES = 32, HMAC_HEX = 64 };

struct hmac;

/* Aborts when OpenSSL has no HMAC-SHA256 or memory has run out: only at start. */
struct hmac *hmac_new(str key);
void hmac_free(struct hmac *h); /* NULL is fine */
/* The MAC over a.b.c, one after another. One thread at a time for each `h`. */
void hmac_sum(struct hmac *h, str a, str b, str c, unsigned char out[HMAC_BYTES]);
/* Lowercase hexadecimal; no NUL. */
void hmac_hex(const unsigned char sum[HMAC_BYTES], char out[HMAC_HEX]);
