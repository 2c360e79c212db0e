/* control.h - commands that write, carried out by the process that holds the store.
 *
 * A command is a JSON object on one line: {"op":"sync","args":["customers"],…}. Its answers are
 * JSON objects, one a line; the last has "end":true with "status" (a name of enum status) and, on
 * failure, "error" (a sentence). The same function carries out a command in the command's own
 * process, when it holds the lock, and in the daemon, when that does: over <data>/<env>.sock, mode
 * 0600. */
#pragma once

#include "base/buf.h"
#include "core/env.h"

enum { CONTROL_LINE_BYTES_MAX = 256 << 10 };

/* Takes one line of progress, without its newline. False: nobody listens any more; stop. */
typedef bool control_emit(void *ctx, str line);

/* Carries out one command on this environment, whose engine runs in this process. Ops: "sync"
 * (args, again, watch), "replay" (event), "revive" (id or empty), "ping", "handover" (a command
 * that holds the lock gives it up: answered by commands alone). Lines of progress go to `emit`; the
 * end line, too. The status is the one of the end line. */
enum status control_run(struct env *env, str line, control_emit *emit, void *ctx,
                        struct error *e) MUST_USE;

struct control_server;

/* Listens on `path` (made with mode 0600; a stale file is replaced) and serves each connection on a
 * thread of its own, at most CONTROL_CONNECTIONS_MAX. */
enum { CONTROL_CONNECTIONS_MAX = 16 };
/* `on_handover` may be NULL: then the op is refused. */
enum status control_listen(struct control_server **out, const char *path, struct env *env,
                           void (*on_handover)(void *ctx), void *ctx, struct error *e) MUST_USE;
void control_close(struct control_server *s); /* NULL is fine */

/* The other side: sends `line` to whoever listens on `path`, and its answers to `emit`. ST_NONE:
 * nobody listens. ST_RETRY: the connection broke before the end line; the work goes on, it is
 * durable. Otherwise the status of the end line. */
enum status control_send(const char *path, str line, control_emit *emit, void *ctx,
                         struct error *e) MUST_USE;
