/* daemon.h - `brindle serve`: HTTP in front of the engines of all environments. */
#pragma once

#include "base/secret.h"
#include "core/env.h"
#include "serve/engine.h"

enum { DAEMON_ENVS_MAX = 16 };

/* Why an environment is not worked for, while others are. Its webhooks are answered 503, so that
 * Stripe sends them again. */
enum closed {
    CLOSED_NOT,      /* it is open */
    CLOSED_SEALED,   /* another environment took over: what is here can be read */
    CLOSED_SWITCH,   /* a switch to or from it is under way */
    CLOSED_IDENTITY, /* the key is refused, or is another account's or mode's */
    CLOSED_AWAY,     /* Stripe did not tell whose key it is: tried again */
    CLOSED_LOCKED,   /* another process has the store */
    CLOSED_UNUSABLE, /* a setting, or the store */
};
const char *closed_name(enum closed c); /* for programs: "identity_mismatch" */

/* How a daemon has ended: for good, or to be begun anew. */
enum anew {
    ANEW_NOT,
    ANEW_CONFIGURED, /* with what is configured now */
    ANEW_AS_BEFORE,  /* with what it had, for what is configured now was refused */
};

struct daemon_env {
    struct env *env; /* opened, adopted, restarted (due_restart); when it is closed, opened for
                        reading, or with nothing but its name */
    enum closed closed;
    const char *closed_text; /* for people: why, and what to do */
    bool readable;           /* closed: its store may be read all the same */
    const struct secret *webhook_secret;
    size_t n_webhook_secrets;
    unsigned workers;
    const char *socket_path;         /* the control socket of its store; NULL: none (PostgreSQL) */
    void (*every_second)(void *ctx); /* may be NULL */
    /* May be NULL. Writes this environment's own numbers in Prometheus' format: rate budget and the
     * like. */
    void (*metrics)(void *ctx, struct buf *out);
    /* May be NULL. Appends members to the lines of progress of its commands (control.h). */
    void (*progress)(void *ctx, struct buf *out);
    /* Has Stripe limited our requests lately? For /readyz; may be NULL: then that is not claimed.
     */
    bool (*rate_limited)(void *ctx);
    /* The grace of a stop is over: makes calls to Stripe that are under way give up; may be NULL,
     * then their own time-outs end them. */
    void (*abandon)(void *ctx);
    void *ctx;
};

struct daemon_options {
    str listen;
    const struct secret *token; /* for all but webhooks, livez, readyz; empty is refused */
    const struct log *log;
    struct daemon_env *env;
    size_t n_envs;
    msec grace_ms;
    /* Called when the socket listens and every engine runs, with the port; may be NULL. */
    void (*ready)(void *ctx, unsigned port);
    /* Asked every second, on a thread of the daemon's: true ends it, with `*anew`. May be NULL. */
    bool (*changed)(void *reopening);
    /* Asked before the end, on the same thread: could the process begin anew with what is
     * configured now? If not, the daemon works on with what it has, and says so (log, /readyz); for
     * `changed` it begins anew all the same. May be NULL when `anew` is. */
    enum status (*may_begin_anew)(void *reopening, struct error *e);
    void *reopening;
    char *refused;   /* ERROR_TEXT_MAX: why not, last; ""; kept from one life to the next. NULL as
                        above */
    enum anew *anew; /* how it has ended; NULL: SIGHUP ends it for good */
    void *ctx;
};

/* Runs until SIGTERM, SIGINT or SIGHUP (handled here), or until something is broken. ST_OK: a clean
 * end. ST_INVALID: an environment without a secret, a bad address. ST_CONFLICT: the address is in
 * use. ST_LIMIT: the grace was over before every request had its answer; nothing acknowledged is
 * lost. ST_BROKEN: damage; the supervisor restarts us. A second signal ends the process at once,
 * with 128 and the signal's number. The process leaves no core dump from here on. */
enum status daemon_run(const struct daemon_options *o, struct error *e) MUST_USE;
