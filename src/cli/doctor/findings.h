/* findings.h - what `brindle doctor` finds, on its way to people or to a program.
 *
 * doctor.def is the list of everything that it can find: what has no row cannot be reported. */
#pragma once

#include "base/buf.h"
#include "cli/command.h"
#include "cli/wire.h"

enum severity {
    NOTE,    /* worth knowing; all is well */
    WARNING, /* works, but will hurt */
    ERROR,   /* does not work */
};

enum fix_kind {
    RUN, /* a command, as a shell takes it */
    DO,  /* a step for a person */
};

enum finding_id {
#define FINDING(id, severity, name, kind, fix, meaning) FOUND_##id,
#include "cli/doctor/doctor.def"
#undef FINDING
    FINDING_COUNT
};

struct finding {
    enum severity severity;
    enum fix_kind kind;
    const char *name, *fix, *meaning;
};

extern const struct finding finding_table[FINDING_COUNT];

struct doctor {
    struct cli *cli;
    const char *env; /* that is looked at; NULL: what all have in common */
    unsigned checks, errors, warnings, notes, mended;
    bool fix;             /* mend what can be mended at Stripe, after asking */
    const char *url;      /* for an endpoint that is made; NULL: none is */
    const char *make_key; /* the idempotency key of that; NULL: a random one */
    bool make_again;      /* it was asked for before, and its secret may be lost: once more */
    const char *owner;    /* to be: "1000:1000", for the next finding's chown */
    bool hears;           /* deliveries are known to arrive and to be refused: told once */
};

/* One finding: what it is about, for the command that mends it (may be NULL), and a sentence. */
void found(struct doctor *d, enum finding_id id, const char *subject, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Something was looked at. */
void looked(struct doctor *d);
/* The table, as a list for people or, with --json, a line each. */
void findings_list(const struct cli *cli);
/* The last line: how much was looked at, and how much was found. */
void findings_sum(const struct doctor *d);

/* doctor_machine.c: this machine and the configuration as a whole. */
void doctor_machine(struct doctor *d);
/* doctor_settings.c: an environment's keys, secrets and other settings, each by itself. */
void doctor_settings(struct doctor *d, const struct env_config *conf);
/* doctor_store.c: its store, and the work in it. False: there is no use in asking Stripe. */
bool doctor_store(struct doctor *d, const struct env_config *conf);
void doctor_work(struct doctor *d, struct wire *w);
/* doctor_server.c: the servers behind all environments: PostgreSQL, Redis. What may be opened. */
struct reach {
    bool store, stripe;
};
struct reach doctor_servers(struct doctor *d);
/* doctor_daemon.c: the daemon that runs, or should. */
void doctor_daemon(struct doctor *d, const struct wire *w);
/* doctor_stripe.c: Stripe's side of the environment. */
void doctor_stripe(struct doctor *d, const struct env_config *conf);
/* doctor_endpoints.c: the account's webhook endpoints, looked at and, if so wished, mended. */
void doctor_endpoints(struct doctor *d, struct wire *w);
