/* raw_server.h - a server on loopback that says exactly the bytes that a test gives it.
 *
 * It takes any number of connections, reads whole requests (headers and Content-Length), and gives
 * the next answer of its script to each, in the order in which requests are complete. */
#pragma once

#include <stddef.h>

enum raw_then {
    RAW_KEEP,  /* and wait for the next request on this connection */
    RAW_CLOSE, /* orderly */
    RAW_RESET, /* with an RST */
    RAW_HOLD,  /* say nothing more, and keep it open until the end */
};

struct raw_answer {
    const char *bytes;
    size_t n; /* 0: strlen(bytes) */
    enum raw_then then;
};

struct raw_server;

/* Requests beyond the script are answered 500. Aborts when there is no loopback. */
struct raw_server *raw_server_start(const struct raw_answer *script, size_t n);
unsigned raw_server_port(const struct raw_server *s);
void raw_server_stop(struct raw_server *s); /* ends the thread; what it saw stays readable */
void raw_server_free(struct raw_server *s);

/* Waits until so many requests have come and have had what the script has for them. */
void raw_server_await(struct raw_server *s, size_t n_requests);

/* After raw_server_stop. The request's bytes, NUL behind; "" when there was none. */
const char *raw_server_request(const struct raw_server *s, size_t i);
size_t raw_server_requests(const struct raw_server *s);
size_t raw_server_connections(const struct raw_server *s);
