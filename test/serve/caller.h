/* caller.h - an HTTP client for tests, and the signatures of Stripe's deliveries. */
#pragma once

#include "base/base.h"

struct answer {
    int status;
    char head[4096]; /* with the status line */
    char body[64 << 10];
};

/* Sends one request on a connection of its own; `headers` are whole lines ("A: b\r\n"). */
int call_open(unsigned port, const char *method, const char *path, const char *headers, str body);
/* Reads its answer to the end and closes. */
void call_read(int fd, struct answer *out);
/* Both. */
void call(unsigned port, const char *method, const char *path, const char *headers, str body,
          struct answer *out);

enum { SIGNATURE_MAX = 256 };
/* "t=…,v1=…" */
void sign(const char *secret, int64_t t, str body, char out[SIGNATURE_MAX]);
int64_t now_s(void);
/* Delivers a body as Stripe does. */
int deliver_open(unsigned port, const char *path, const char *secret, str body);
void deliver(unsigned port, const char *secret, str body, struct answer *out);
/* An event about a customer; valid until the next call but 127. */
str customer_event(const char *event, const char *customer);
