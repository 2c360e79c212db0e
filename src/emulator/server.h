/* server.h - the emulator behind HTTP, and its webhooks on their way.
 *
 * One thread answers requests, in the order in which they come; a few threads send what is due;
 * one lets time pass. They share the emulator under one lock. */
#pragma once

#include "emulator/emulator.h"

struct emulator_header {
    str name, value;
};

/* How a webhook is sent: by POST, waiting for the answer at most `timeout`. Called from several
 * threads at once. ST_OK: *http_status was answered. Anything else counts as no answer. */
struct emulator_sender {
    enum status (*send)(void *ctx, str url, const struct emulator_header *header, size_t n_headers,
                        str body, msec timeout, int *http_status, struct error *e);
    void *ctx;
};

struct emulator_server_options {
    str listen;                           /* "127.0.0.1:12111"; port 0 picks a free one */
    const struct emulator_sender *sender; /* NULL: deliveries are queued and never sent */
    unsigned senders;                     /* threads that send; 0: 4 */
    msec send_ms_max;                     /* 0: 10 s for each delivery */
    msec tick_ms;                         /* 0: 200: how often time may bring something about */
};

struct emulator_server;

/* Opens the socket. The emulator belongs to the server until it is closed, and to its owner after.
 * Statuses are those of http_server_open. */
enum status emulator_server_open(struct emulator_server **out, struct emulator *e,
                                 const struct emulator_server_options *o,
                                 struct error *err) MUST_USE;
unsigned emulator_server_port(const struct emulator_server *s);
/* Runs until emulator_server_stop. ST_LIMIT: threads cannot be started. */
enum status emulator_server_run(struct emulator_server *s, struct error *err) MUST_USE;
void emulator_server_stop(struct emulator_server *s);  /* from any thread or signal handler */
void emulator_server_close(struct emulator_server *s); /* after run has returned; NULL is fine */
