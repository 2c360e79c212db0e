/* emulating.h - the emulator with its server, as `emulate` and `demo` run it. */
#pragma once

#include "cli/command.h"
#include "cli/wire.h"
#include "emulator/server.h"

struct emulating_options {
    const char *listen;
    const char *dir; /* keeps the state; NULL: none */
    uint64_t seed;
    unsigned rate, rate_endpoint; /* requests a second; 0: no limit */
    msec retry_ms;           /* first pause before a delivery is repeated; 0: as Stripe does it */
    const char *webhook_url; /* NULL: none but those made through the API */
    const struct secret *webhook_secret;
    const struct flag_list *faults; /* NULL: none */
    const struct flag_list *points; /* open points, P-5=no; NULL: as they are assumed */
};

struct emulating {
    struct emulator *emulator;
    struct emulator_server *server;
    struct emulator_sender sender;
};

/* Opens the socket; emulator_server_run(g->server) serves. emulating_close in any case. Statuses
 * are those of emulator.h and http.h. */
enum status emulating_open(struct emulating *g, const struct emulating_options *o,
                           struct error *e) MUST_USE;
void emulating_close(struct emulating *g);
