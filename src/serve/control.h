/* control.h - commands that write, carried out by the process that holds the store.
 *
 * A command is a JSON object on one line: {"op":"sync","args":["customers"],…}. Its answers are
 * JSON objects, one a line; the last has "end":true with "status" (a name of enum status) and, on
 * failure, "error" (a sentence). The same function carries out a command in the command's own
 * process, when it holds the lock, and in the daemon, when that does: over <data>/<env>.sock, mode
 * 0600. */
#pragma once

#include "base/buf.h"
#include "base/log.h"
#include "core/env.h"

enum { CONTROL_LINE_BYTES_MAX = 256 << 10 };

/* Takes one line of progress, without its newline. False: nobody listens any more; stop. */
typedef bool control_emit(void *ctx, str line);

/* The process that carries commands out, whichever it is. */
struct control_host {
    struct env *env;
    const struct log *log; /* of what came over the socket; may be NULL where nobody listens */
    /* Appends members to a line of progress, each with a comma before it: what only this process
     * knows, such as its requests to Stripe. May be NULL. */
    void (*progress)(void *ctx, struct buf *out);
    /* Called on a connection's thread, must only ask for the end. NULL: the op is refused. */
    void (*on_handover)(void *ctx);
    void *ctx;
};

/* Carries out one command on the host's environment, whose engine runs in this process. Ops: "sync"
 * (args, again, watch), "repair_refs", "drift" (args: types, repair, yes), "replay" (event),
 * "catalog", "op_resume", "op_abort" (operations.h), "revive" (id or empty), "erase" (id),
 * "projections", "ping", "handover" (a command that holds the lock gives it
 * up: answered by commands alone). Lines of progress go to `emit`; the end line, too. The status is
 * the one of the end line.
 *
 * sync: the lines of sync_progress, with the host's own members, while they change, until it is
 * done; those of repair_refs and drift are the same; with "watch":false one line
 * {"walks","objects"}. With "since", which those lines tell, nothing is asked for: what was asked
 * for then, perhaps of another process, is watched to its end. revive: one line {"revived"}. erase: one line
 * {"erased","objects","events","versions"}. projections: lines {"states"} while every customer's
 * state is made anew, then {"waiting"} while they are delivered. ping: one line {"name","account","livemode",
 * "pid","version","daemon"}. ST_RETRY: `emit` would hear no more, or the environment stops; what was asked
 * for goes on. ST_INVALID: no JSON, no such op, a missing or wrong argument. */
enum status control_run(const struct control_host *host, str line, control_emit *emit, void *ctx,
                        struct error *e) MUST_USE;

struct control_server;

enum {
    CONTROL_CONNECTIONS_MAX = 16,    /* at a time; one more is told "limit" */
    CONTROL_LISTENER_MS = 10 * 1000, /* for a client to send its line, or to read one of ours */
};

/* Listens on `path` (made with mode 0600; a stale socket is replaced: the caller holds the store's
 * lock) and serves each connection, which is one command, on a thread of its own. Only this user
 * and root are served. What is taken is logged. ST_REFUSED: the path cannot be used. ST_LIMIT: it
 * is too long, or descriptors or threads ran out. */
enum status control_listen(struct control_server **out, const char *path,
                           const struct control_host *host, struct error *e) MUST_USE;
/* No more commands; those under way hear no more and come to an end. NULL is fine. */
void control_close(struct control_server *s);

/* The other side: sends `line` to whoever listens on `path`, and its answers to `emit`. ST_NONE:
 * nobody listens. ST_RETRY: the connection broke before the end line, or `emit` wanted no more; the
 * work goes on, it is durable. ST_REFUSED: the socket is somebody else's. Otherwise the status of
 * the end line. */
enum status control_send(const char *path, str line, control_emit *emit, void *ctx,
                         struct error *e) MUST_USE;
