/* findings.h - what `brindle doctor` found, on its way to people or to a program. */
#pragma once

#include "cli/command.h"
#include "cli/wire.h"

enum severity {
    NOTE,    /* worth knowing; all is well */
    WARNING, /* works, but will hurt */
    ERROR,   /* does not work */
};

struct doctor {
    struct cli *cli;
    const char *env; /* that is looked at; NULL: what all have in common */
    unsigned checks, errors, warnings, mended;
    bool fix;             /* mend what can be mended at Stripe, after asking */
    const char *url;      /* for an endpoint that is made; NULL: none is */
    const char *make_key; /* the idempotency key of that; NULL: a random one */
    bool make_again;      /* it was asked for before, and its secret may be lost: once more */
};

/* One finding: a name for programs ("key_missing"), the command or step that mends it, and a
 * sentence. */
void found(struct doctor *d, enum severity severity, const char *name, const char *fix,
           const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Something was looked at. */
void looked(struct doctor *d);

/* doctor_local.c: this machine. doctor_stripe.c: Stripe's side of the environment. */
void doctor_machine(struct doctor *d);
void doctor_settings(struct doctor *d, const struct env_config *conf);
void doctor_store(struct doctor *d, const struct env_config *conf);
void doctor_stripe(struct doctor *d, const struct env_config *conf);
/* doctor_endpoints.c: the account's webhook endpoints, looked at and, if so wished, mended. */
void doctor_endpoints(struct doctor *d, struct wire *w);
